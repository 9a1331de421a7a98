"""What functions do first with what they are given: tensors, arrays, numbers and lists, in the dtypes that these are to have.

    as_tensor    a Tensor; numbers and lists in the default dtype, as tg.tensor makes them.
    in_dtype     a Tensor in a dtype, or in that which NumPy gives a number or a list.
    together     several operands of one function, so that numbers and lists lose no digits beside tensors and arrays.
    strong       a number as an array is taken, where arrays are joined.
    as_mask      where= as an array of bools.
    values_of    the array of a Tensor, in forwards, rules and where nothing is recorded; arrays_of, also in lists and tuples.
    wrapped      a Tensor of an array.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.recording import array_beside
from ..engine.tensor import Tensor, wrap
from ..errors import DTypeError
from .elementwise import astype


def as_tensor(a: Any) -> Tensor:
    """a itself if it is a Tensor, else a Tensor of it."""
    return a if isinstance(a, Tensor) else Tensor(a)


def in_dtype(a: Any, dtype: Any = None) -> Tensor:
    """A tensor, an array, a number or a list in a dtype, by default that which it has or NumPy gives it.

    >>> in_dtype([0.5])
    Tensor([0.5], dtype=float64)
    """
    if not isinstance(a, Tensor):
        a = wrap(np.asarray(a, dtype if type(a) in _NUMBERS else None))         # a number that the dtype cannot hold is refused, as in NumPy
    return a if dtype is None else astype(a, dtype, copy=False)


def together(*operands: Any) -> list[Any]:
    """Operands of one function: tensors and arrays as they are, and numbers and lists so that they lose no digits beside these.

    Numbers become tensors, constants in a rule too; lists become arrays, which a rule may not hide.
    """
    dtypes = [operand.dtype for operand in operands if isinstance(operand, _ARRAYS)]
    dtype = np.result_type(*dtypes) if dtypes else None
    return [
        operand if isinstance(operand, _ARRAYS) else wrap(array_beside(operand, dtype)) if type(operand) in _NUMBERS else array_beside(operand, dtype)
        for operand in operands
    ]


def strong(x: Any) -> Any:
    """A Python number in the dtype that it has as an array, as NumPy takes it where arrays are joined; all else as it is."""
    return wrap(np.asarray(x)) if type(x) in _NUMBERS else x


_ARRAYS = (Tensor, np.ndarray, np.generic)
_NUMBERS = (bool, int, float, complex)


def as_mask(function: str, where: Any) -> np.ndarray:
    """What where= chooses, as an array of bools. Raises TypeError for numbers, as NumPy does."""
    where = np.asarray(values_of(where))
    if where.dtype != bool:
        raise TypeError(f"{function}: where has dtype {where.dtype}; it needs to be bool, such as where != 0")
    return where


def values_of(a: Any) -> Any:
    """The array of a Tensor, and anything else as it is."""
    return a.data if isinstance(a, Tensor) else a


def arrays_of(value: Any) -> Any:
    """The array of a Tensor, also of those in lists and tuples; anything else as it is."""
    if isinstance(value, list):
        return [arrays_of(part) for part in value]
    return tuple(arrays_of(part) for part in value) if isinstance(value, tuple) else values_of(value)


def wrapped(value: Any) -> Any:
    """A Tensor of an array, also of those in tuples; anything else as it is."""
    if isinstance(value, (np.ndarray, np.generic)):
        return wrap(value)
    return tuple(wrapped(part) for part in value) if isinstance(value, tuple) else value


def refuse_whole_dtype(function: str, dtype: Any) -> None:
    """Refuse a dtype of whole numbers in a function that computes with means, which it would cut off."""
    if dtype is not None and np.dtype(dtype).kind not in "fc":
        raise DTypeError(f"{function}: dtype is {np.dtype(dtype)}, which cuts off the mean; it needs to be a floating or a complex one")
