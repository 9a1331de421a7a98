"""Dropout."""

from __future__ import annotations

from typing import Any

from .activation import SHAPES, normal
from .row import Row


def dropout(torch: Any, x: Any) -> Any:
    return x * (torch.rand(x.shape) >= 0.5) * 2


ROWS = tuple(Row("dropout", shape, normal, lambda F, x: F.dropout(x, 0.5), dropout, {"forward": 0.12}) for shape in SHAPES)
