"""Fully connected layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.nn import functional

from .row import Inputs, Row


def linear(rng: np.random.Generator, shape: tuple[int, ...]) -> Inputs:
    """x (n, k), weight (m, k) and bias (m,), of a shape (n, k, m)."""
    n, k, m = shape
    return [rng.standard_normal(size).astype(np.float32) for size in ((n, k), (m, k), (m,))]


def linear_relu(F: Any, x: Any, w: Any, b: Any) -> Any:
    return F.linear(x, w, b, activation="relu") if F is functional else F.relu(F.linear(x, w, b))


def linear_relu_of_primitives(torch: Any, x: Any, w: Any, b: Any) -> Any:
    return torch.maximum(x @ w.T + b, torch.zeros(()))


SHAPES = (32, 64, 64), (128, 784, 512), (1024, 1024, 1024)

ROWS = (
    *(Row("linear", shape, linear, lambda F, x, w, b: F.linear(x, w, b), lambda torch, x, w, b: x @ w.T + b) for shape in SHAPES),
    *(Row("linear (relu)", shape, linear, linear_relu, linear_relu_of_primitives) for shape in SHAPES),
)
