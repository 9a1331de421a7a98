"""Fully connected layers."""

from __future__ import annotations

import numpy as np

from .row import Inputs, Row


def linear(rng: np.random.Generator, shape: tuple[int, ...]) -> Inputs:
    """x (n, k), weight (m, k) and bias (m,), of a shape (n, k, m)."""
    n, k, m = shape
    return [rng.standard_normal(size).astype(np.float32) for size in ((n, k), (m, k), (m,))]


ROWS = tuple(
    Row("linear", shape, linear, lambda F, x, w, b: F.linear(x, w, b), lambda torch, x, w, b: x @ w.T + b)
    for shape in ((32, 64, 64), (128, 784, 512), (1024, 1024, 1024))
)
