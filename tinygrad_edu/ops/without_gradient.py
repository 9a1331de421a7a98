"""Functions of NumPy whose result has no gradient: comparisons, places of elements, rounding. Their Tensors need none."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any

import numpy as np

from ..engine.op import implements
from ..engine.tensor import Tensor, wrap


def without_gradient(function: Callable) -> Callable:
    """A function of NumPy that runs on the arrays of its Tensors, and whose results are Tensors that need no gradient; out is refused."""
    names = [] if isinstance(function, np.ufunc) else list(signature(function).parameters)
    most = function.nin if isinstance(function, np.ufunc) else names.index("out") if "out" in names else len(names)

    @implements(function)
    @wraps(function)
    def ours(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get("out") is not None or len(args) > most:
            raise TypeError(f"{function.__name__}: out= is not taken; write out = {function.__name__}(...)")
        return _wrapped(function(*_arrays(args), **{name: _arrays(value) for name, value in kwargs.items()}))

    return ours


def _arrays(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.data
    if isinstance(value, (list, tuple)):
        return type(value)(_arrays(v) for v in value)
    return value


def _wrapped(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return wrap(value)
    if isinstance(value, tuple):
        return tuple(_wrapped(v) for v in value)
    return value


greater = without_gradient(np.greater)
greater_equal = without_gradient(np.greater_equal)
less = without_gradient(np.less)
less_equal = without_gradient(np.less_equal)
equal = without_gradient(np.equal)
not_equal = without_gradient(np.not_equal)
logical_and = without_gradient(np.logical_and)
logical_or = without_gradient(np.logical_or)
logical_not = without_gradient(np.logical_not)
logical_xor = without_gradient(np.logical_xor)
bitwise_and = without_gradient(np.bitwise_and)
bitwise_or = without_gradient(np.bitwise_or)
bitwise_xor = without_gradient(np.bitwise_xor)
invert = without_gradient(np.invert)
isnan = without_gradient(np.isnan)
isinf = without_gradient(np.isinf)
isfinite = without_gradient(np.isfinite)
isclose = without_gradient(np.isclose)
allclose = without_gradient(np.allclose)
array_equal = without_gradient(np.array_equal)
all = without_gradient(np.all)
any = without_gradient(np.any)
argmax = without_gradient(np.argmax)
argmin = without_gradient(np.argmin)
argsort = without_gradient(np.argsort)
nonzero = without_gradient(np.nonzero)
count_nonzero = without_gradient(np.count_nonzero)
sign = without_gradient(np.sign)
floor = without_gradient(np.floor)
ceil = without_gradient(np.ceil)
rint = without_gradient(np.rint)
round = without_gradient(np.round)
shape = without_gradient(np.shape)
size = without_gradient(np.size)
ndim = without_gradient(np.ndim)
