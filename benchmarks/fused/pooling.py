"""Poolings."""

from __future__ import annotations

from typing import Any

from .activation import normal
from .row import Row


def taps(x: Any) -> list[Any]:
    """The four elements of each window of 2 by 2."""
    return [x[..., i::2, j::2] for i in range(2) for j in range(2)]


def max_pool(torch: Any, x: Any) -> Any:
    a, b, c, d = taps(x)
    return torch.maximum(torch.maximum(a, b), torch.maximum(c, d))


def average_pool(torch: Any, x: Any) -> Any:
    a, b, c, d = taps(x)
    return (a + b + c + d) / 4


def max_pool_of_3(torch: Any, x: Any) -> Any:
    return torch.nn.functional.pad(x, (1, 1, 1, 1), value=-torch.inf).unfold(-2, 3, 2).unfold(-2, 3, 2).amax((-1, -2))


IMAGES = (64, 32, 28, 28), (16, 64, 56, 56), (8, 16, 112, 112)

ROWS = (
    *(Row("max_pool2d", shape, normal, lambda F, x: F.max_pool2d(x, 2), max_pool, {"both": 0.4}) for shape in IMAGES),
    *(Row("max_pool2d (3x3)", shape, normal, lambda F, x: F.max_pool2d(x, 3, 2, 1), max_pool_of_3) for shape in IMAGES),
    *(Row("avg_pool2d", shape, normal, lambda F, x: F.avg_pool2d(x, 2), average_pool) for shape in IMAGES),
)
