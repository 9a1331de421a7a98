"""Functions of NumPy whose result does not move with their Tensors: its gradient is 0 wherever there is one, and its Tensors need none.

So a result here holds no element of a Tensor, and no smooth function of one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any

import numpy as np

from ..engine.op import implements
from ..engine.saying import name_of, said
from ..engine.tensor import Tensor, wrap
from .elementwise import refuse_out
from .operands import arrays_of, wrapped

WITHOUT_GRADIENT: set[Callable] = set()
"""The functions of this room."""


def without_gradient(function: Callable) -> Callable:
    """A function of NumPy that runs on the arrays of its Tensors, and whose results are Tensors that need no gradient; out is refused."""
    names = [] if isinstance(function, np.ufunc) else list(signature(function).parameters)
    most = function.nin if isinstance(function, np.ufunc) else names.index("out") if "out" in names else len(names)

    WITHOUT_GRADIENT.add(function)

    @implements(function, bare=True)
    @wraps(function)
    def ours(*args: Any, **kwargs: Any) -> Any:
        refuse_out(function.__name__, args[most] if len(args) > most else kwargs.get("out"))
        try:
            return wrapped(function(*arrays_of(args), **{name: arrays_of(value) for name, value in kwargs.items()}))
        except Exception as error:
            raise said(error, name_of(function), args, kwargs)

    return ours


# True or False

greater = without_gradient(np.greater)
greater_equal = without_gradient(np.greater_equal)
less = without_gradient(np.less)
less_equal = without_gradient(np.less_equal)
equal = without_gradient(np.equal)
not_equal = without_gradient(np.not_equal)


def _answering(compare: Callable, name: str) -> Callable[[Tensor, Any], Tensor]:
    """== or !=, which answer also where nothing can be compared, as with a string; the functions equal and not_equal raise there."""

    def answer(self: Tensor, other: Any) -> Tensor:
        try:
            found = compare(self._data, arrays_of(other))
        except Exception as error:
            raise said(error, name, (self, other), {})
        return wrap(found if isinstance(found, (np.ndarray, np.generic)) else np.bool_(found))

    return answer


equals = _answering(operator.eq, "equal")
differs = _answering(operator.ne, "not_equal")

logical_and = without_gradient(np.logical_and)
logical_or = without_gradient(np.logical_or)
logical_not = without_gradient(np.logical_not)
logical_xor = without_gradient(np.logical_xor)
isnan = without_gradient(np.isnan)
isinf = without_gradient(np.isinf)
isfinite = without_gradient(np.isfinite)
isneginf = without_gradient(np.isneginf)
isposinf = without_gradient(np.isposinf)
iscomplex = without_gradient(np.iscomplex)
isreal = without_gradient(np.isreal)
iscomplexobj = without_gradient(np.iscomplexobj)
isrealobj = without_gradient(np.isrealobj)
isclose = without_gradient(np.isclose)
allclose = without_gradient(np.allclose)
array_equal = without_gradient(np.array_equal)
array_equiv = without_gradient(np.array_equiv)
isin = without_gradient(np.isin)
all = without_gradient(np.all)
any = without_gradient(np.any)
signbit = without_gradient(np.signbit)
shares_memory = without_gradient(np.shares_memory)
may_share_memory = without_gradient(np.may_share_memory)

# Places of elements, numbers of them, and shapes

argmax = without_gradient(np.argmax)
argmin = without_gradient(np.argmin)
argsort = without_gradient(np.argsort)
argpartition = without_gradient(np.argpartition)
argwhere = without_gradient(np.argwhere)
nanargmax = without_gradient(np.nanargmax)
nanargmin = without_gradient(np.nanargmin)
lexsort = without_gradient(np.lexsort)
nonzero = without_gradient(np.nonzero)
flatnonzero = without_gradient(np.flatnonzero)
searchsorted = without_gradient(np.searchsorted)
digitize = without_gradient(np.digitize)
count_nonzero = without_gradient(np.count_nonzero)
unravel_index = without_gradient(np.unravel_index)
ravel_multi_index = without_gradient(np.ravel_multi_index)
diag_indices_from = without_gradient(np.diag_indices_from)
tril_indices_from = without_gradient(np.tril_indices_from)
triu_indices_from = without_gradient(np.triu_indices_from)
shape = without_gradient(np.shape)
size = without_gradient(np.size)
ndim = without_gradient(np.ndim)
matrix_rank = without_gradient(np.linalg.matrix_rank)
einsum_path = without_gradient(np.einsum_path)

# Steps, with nothing but jumps between them

floor = without_gradient(np.floor)
ceil = without_gradient(np.ceil)
rint = without_gradient(np.rint)
round = without_gradient(np.round)
around = without_gradient(np.around)
trunc = without_gradient(np.trunc)
fix = without_gradient(np.fix)
floor_divide = without_gradient(np.floor_divide)
spacing = without_gradient(np.spacing)

# Of whole numbers, which have no neighbours to move to

bitwise_and = without_gradient(np.bitwise_and)
bitwise_or = without_gradient(np.bitwise_or)
bitwise_xor = without_gradient(np.bitwise_xor)
bitwise_count = without_gradient(np.bitwise_count)
invert = without_gradient(np.invert)
left_shift = without_gradient(np.left_shift)
right_shift = without_gradient(np.right_shift)

# Of the shape and the dtype alone

empty_like = without_gradient(np.empty_like)
