"""Methods of NumPy's ufuncs: np.add.reduce, np.multiply.accumulate, np.maximum.outer and so on, where they are differentiable."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce as fold
from typing import Any

import numpy as np

from ..engine.tensor import DISPATCH, METHODS, Tensor, wrap
from .assignment import add_at
from .cumulative import cumprod, cumsum, prod
from .elementwise import refuse_out
from .operands import as_tensor, in_dtype, strong, together, values_of
from .rearranging import moveaxis, take_along_axis, unstack
from .reduce import max, min, sum
from .shape import along_axis, reshape, stack
from .statistics import nanmax, nanmin
from .without_gradient import all, any


def _computed_in(array: Any, dtype: Any) -> Tensor:
    return as_tensor(array) if dtype is None else in_dtype(array, dtype)


def _reduction(ufunc: np.ufunc, function: Callable) -> None:
    def reduce(array: Any, axis: Any = 0, dtype: Any = None, out: None = None, keepdims: bool = False, **settings: Any) -> Any:
        refuse_out(f"{ufunc.__name__}.reduce", out)
        return function(_computed_in(array, dtype), axis=axis, keepdims=keepdims, **settings)

    METHODS[ufunc, "reduce"] = reduce


def _accumulation(ufunc: np.ufunc, function: Callable) -> None:
    def accumulate(array: Any, axis: int = 0, dtype: Any = None, out: None = None) -> Any:
        return function(array, axis, dtype, out)

    METHODS[ufunc, "accumulate"] = accumulate


def _fold(ufunc: np.ufunc, function: Callable) -> None:
    """The reduction of a function that is no op of its own: element after element, as NumPy does it."""

    def reduce(array: Any, axis: Any = 0, dtype: Any = None, out: None = None, keepdims: bool = False) -> Any:
        refuse_out(f"{ufunc.__name__}.reduce", out)
        a = _computed_in(array, dtype)
        value = ufunc.reduce(a.data, axis, keepdims=keepdims)        # it says which axes there are, and what is made of nothing
        axes = range(a.ndim) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, a.ndim)
        if not a.size:
            return wrap(value)
        for i in sorted(axes, reverse=True):
            a = fold(function, unstack(a, axis=i))
        return reshape(a, value.shape)

    METHODS[ufunc, "reduce"] = reduce


def _running(ufunc: np.ufunc) -> None:
    """The largest or smallest so far; each is one element of the array, of several the last, and that has the gradient."""

    def accumulate(array: Any, axis: int = 0, dtype: Any = None, out: None = None) -> Any:
        refuse_out(f"{ufunc.__name__}.accumulate", out)
        a = _computed_in(array, dtype)
        found = ufunc.accumulate(a.data, axis)
        places = along_axis(np.arange(a.shape[axis]), axis % a.ndim, a.ndim)
        reached = np.where((a.data == found) | np.isnan(a.data), places, 0)
        return take_along_axis(a, np.maximum.accumulate(reached, axis), axis)

    METHODS[ufunc, "accumulate"] = accumulate


def _add_reduceat(array: Any, indices: Any, axis: int = 0, dtype: Any = None, out: None = None) -> Any:
    """The sums of array from each index to the next; where that is not larger, the element at the index."""
    refuse_out("add.reduceat", out)
    a = _computed_in(array, dtype)
    starts = np.asarray(values_of(indices))
    np.add.reduceat(a.data, starts, axis)       # it says which indices there are
    a, ends = moveaxis(a, axis, 0), [*starts.tolist()[1:], a.shape[axis]]
    return moveaxis(stack([a[i:j].sum(axis=0) if i < j else a[i] for i, j in zip(starts.tolist(), ends)]), 0, axis)


METHODS[np.add, "reduceat"], METHODS[np.add, "at"] = _add_reduceat, add_at


def _outer(ufunc: np.ufunc, function: Callable) -> None:
    def outer(a: Any, b: Any, /, **settings: Any) -> Any:
        a, b = together(strong(a), strong(b))
        return function(reshape(a, a.shape + (1,) * b.ndim), b, **settings)

    METHODS[ufunc, "outer"] = outer


_REDUCTIONS: dict[Any, Callable] = {
    np.add: sum, np.multiply: prod, np.maximum: max, np.minimum: min, np.fmax: nanmax, np.fmin: nanmin, np.logical_and: all, np.logical_or: any
}

for _ufunc, _function in _REDUCTIONS.items():
    _reduction(_ufunc, _function)
for _ufunc in (np.subtract, np.divide, np.logaddexp, np.logaddexp2, np.hypot):
    _fold(_ufunc, DISPATCH[_ufunc])
_running(np.maximum)
_running(np.minimum)
_accumulation(np.add, cumsum)
_accumulation(np.multiply, cumprod)
for _ufunc, _function in DISPATCH.items():
    if isinstance(_ufunc, np.ufunc) and _ufunc.nin == 2 and _ufunc.signature is None:
        _outer(_ufunc, _function)
