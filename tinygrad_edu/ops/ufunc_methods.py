"""Methods of NumPy's ufuncs: np.add.reduce, np.multiply.accumulate, np.maximum.outer and so on, where they are differentiable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.tensor import DISPATCH, METHODS
from .cumulative import cumprod, cumsum, prod
from .elementwise import refuse_out
from .reduce import in_dtype, max, min, strong, sum, together
from .shape import reshape
from .without_gradient import all, any


def _reduction(ufunc: np.ufunc, function: Callable) -> None:
    def reduce(array: Any, axis: Any = 0, dtype: Any = None, out: None = None, keepdims: bool = False, **settings: Any) -> Any:
        refuse_out(f"{ufunc.__name__}.reduce", out)
        return function(array if dtype is None else in_dtype(array, dtype), axis=axis, keepdims=keepdims, **settings)

    METHODS[ufunc, "reduce"] = reduce


def _accumulation(ufunc: np.ufunc, function: Callable) -> None:
    def accumulate(array: Any, axis: int = 0, dtype: Any = None, out: None = None) -> Any:
        return function(array, axis, dtype, out)

    METHODS[ufunc, "accumulate"] = accumulate


def _outer(ufunc: np.ufunc, function: Callable) -> None:
    def outer(a: Any, b: Any, /, **settings: Any) -> Any:
        a, b = together(strong(a), strong(b))
        return function(reshape(a, a.shape + (1,) * b.ndim), b, **settings)

    METHODS[ufunc, "outer"] = outer


_REDUCTIONS: dict[Any, Callable] = {
    np.add: sum, np.multiply: prod, np.maximum: max, np.minimum: min, np.logical_and: all, np.logical_or: any
}

for _ufunc, _function in _REDUCTIONS.items():
    _reduction(_ufunc, _function)
_accumulation(np.add, cumsum)
_accumulation(np.multiply, cumprod)
for _ufunc, _function in DISPATCH.items():
    if isinstance(_ufunc, np.ufunc) and _ufunc.nin == 2 and _ufunc.signature is None:
        _outer(_ufunc, _function)
