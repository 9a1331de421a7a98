"""Lengths and angles of vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.tensor import Tensor
from ...errors import ShapeError
from ...fused.norm import norm_along
from ...ops.elementwise import clip
from ...ops.operands import as_tensor
from ...ops.reduce import sum as sum_of
from .checks import check_dtypes, described


def normalize(input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Divide the vectors along axis dim by their length.

    out = input / max(norm, eps)    norm = (sum of |input|**p)**(1 / p)

    Raises AxisError if input has no such axis.

    >>> normalize(Tensor([[3.0, 4.0], [0.0, 0.0]]))
    Tensor([[0.6, 0.8],
            [0. , 0. ]])
    """
    input = as_tensor(input)
    axis = np.lib.array_utils.normalize_axis_index(dim, input.ndim, "normalize")
    return input / _length(input, p, axis, eps)


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between the vectors along axis dim of x1 and those of x2.

    out = sum of x1 * x2 / (max(norm(x1), eps) * max(norm(x2), eps))

    Shapes    x1 and x2 broadcast together; the result has their common shape without axis dim.
    Raises    ShapeError if they do not, AxisError if there is no such axis, DTypeError if they are not of one dtype.

    >>> cosine_similarity(Tensor([[1.0, 0.0]]), Tensor([[2.0, 0.0], [0.0, 3.0]]))
    Tensor([1., 0.])
    """
    x1, x2, shape = _pair("cosine_similarity", x1, x2)
    axis = np.lib.array_utils.normalize_axis_index(dim, len(shape), "cosine_similarity")
    x1, x2 = np.broadcast_to(x1, shape), np.broadcast_to(x2, shape)
    return sum_of((x1 / _length(x1, 2.0, axis, eps)) * (x2 / _length(x2, 2.0, axis, eps)), axis)


def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The distance of each vector along the last axis of x1 from that of x2.

    out = (sum of |x1 - x2 + eps|**p)**(1 / p)

    Shapes    x1 and x2 broadcast together; the result has their common shape without the last axis, or with size 1 there if keepdim.
    Raises    ShapeError if they do not, DTypeError if they are not of one dtype.

    >>> pairwise_distance(Tensor([[0.0, 0.0]]), Tensor([[3.0, 4.0]])).round(3)
    Tensor([5.])
    """
    x1, x2, shape = _pair("pairwise_distance", x1, x2)
    return norm_along(x1 - x2 + eps, (len(shape) - 1,), float(p), keepdim)


def _length(x: Tensor, p: float, axis: int, eps: float) -> Tensor:
    """The norm along an axis, which stays, and at least eps."""
    return clip(norm_along(x, (axis,), float(p), True), min=eps)


def _pair(function: str, x1: Any, x2: Any) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """Both as Tensors, and the shape that they broadcast to."""
    x1, x2 = as_tensor(x1), as_tensor(x2)
    check_dtypes(function, x1, x2=x2)
    try:
        shape = np.broadcast_shapes(x1.shape, x2.shape)
    except ValueError:
        shape = ()
    if not shape:
        raise ShapeError(f"{function}: {described('x1', x1)} and {described('x2', x2)}; they need to broadcast together, and to have an axis")
    return x1, x2, shape
