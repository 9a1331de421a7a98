"""Distances."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_edu as tg

from .row import Inputs, Row


def two_sets(rng: np.random.Generator, shape: tuple[int, ...]) -> Inputs:
    """shape is how many vectors each set has, and of how many elements."""
    n, m, d = shape
    return [rng.standard_normal((n, d)).astype(np.float32), rng.standard_normal((m, d)).astype(np.float32)]


def cdist(p: float) -> Any:
    """PyTorch's has no place among its functional ones."""

    def call(F: Any, x1: Any, x2: Any) -> Any:
        if isinstance(x1, tg.Tensor):
            return tg.cdist(x1, x2, p)
        import torch

        return torch.cdist(x1, x2, p)

    return call


SHAPES = (128, 128, 3), (256, 256, 32), (512, 512, 64)

ROWS = (
    *(
        Row("cdist", shape, two_sets, cdist(2.0), lambda torch, x1, x2: torch.sqrt(((x1[:, None] - x2) ** 2).sum(-1)))
        for shape in SHAPES
    ),
    *(
        Row("cdist (p=1)", shape, two_sets, cdist(1.0), lambda torch, x1, x2: torch.abs(x1[:, None] - x2).sum(-1))
        for shape in ((64, 64, 3), (128, 128, 32), (256, 256, 64))
    ),
)
