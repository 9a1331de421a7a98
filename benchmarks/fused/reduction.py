"""Variance, standard deviation and norm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tinygrad_edu as tg

from .activation import SHAPES, normal
from .row import Row


def variance(torch: Any, x: Any) -> Any:
    centered = x - x.mean(-1, keepdim=True)
    return (centered * centered).mean(-1)


def by_columns(torch: Any, x: Any) -> Any:
    centered = x - x.mean(0)
    return (centered * centered).mean(0)


def length(F: Any, x: Any) -> Any:
    """The norm of each row, by the function that each library has."""
    if isinstance(x, tg.Tensor):
        return tg.norm(x, axis=-1)
    import torch

    return torch.linalg.norm(x, dim=-1)


CALLS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "var": (lambda F, x: x.var(axis=-1, correction=0), variance),
    "var of columns": (lambda F, x: x.var(axis=0, correction=0), by_columns),
    "std": (lambda F, x: x.std(axis=-1, correction=0), lambda torch, x: torch.sqrt(variance(torch, x))),
    "norm": (length, lambda torch, x: torch.sqrt((x * x).sum(-1))),
    "normalize": (lambda F, x: F.normalize(x, dim=-1), lambda torch, x: x / torch.sqrt((x * x).sum(-1, keepdim=True)).clamp_min(1e-12)),
}

ROWS = tuple(Row(name, shape, normal, call, primitives) for name, (call, primitives) in CALLS.items() for shape in SHAPES)
