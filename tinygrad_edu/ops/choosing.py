"""Choosing by a condition, element by element, in the forward and the rules of ops."""

from __future__ import annotations

from typing import Any

import numpy as np

LARGE = 4096
"""Elements from which on the bits are quicker; a condition that follows no pattern makes them up to seventeen times as quick."""


def select(condition: Any, a: Any, b: Any) -> Any:
    """np.where(condition, a, b), for rules: on Tensors it is recorded, and large arrays of floats are chosen by their bits.

    np.where branches at each element, and a processor cannot foresee a condition without a pattern.

    >>> select(np.array([True, False]), np.array([1.0, np.inf]), 0)
    array([1., 0.])
    """
    if type(condition) is not np.ndarray or condition.size < LARGE or condition.dtype != np.bool_ or not {type(a), type(b)} <= _PLAIN:
        return np.where(condition, a, b)
    dtype = np.result_type(a, b)
    if dtype.char not in "efd":
        return np.where(condition, a, b)
    chosen = all_or_none(condition)
    a, b = (np.asarray(x, dtype).view(f"i{dtype.itemsize}") for x in (a, b))
    if not b.ndim and not b:
        out = a & chosen
    elif not a.ndim and not a:
        out = b & ~chosen
    else:
        out = a ^ b
        out = np.bitwise_and(out, chosen, out=out if out.shape == condition.shape else None)
        out ^= b
    return out.view(dtype)


_PLAIN = {np.ndarray, int, float}


def clear(array: np.ndarray, keep: np.ndarray) -> None:
    """Set array to 0 where keep is False, in place.

    >>> x = np.array([1.0, np.inf])
    >>> clear(x, np.array([True, False]))
    >>> x
    array([1., 0.])
    """
    if array.dtype.char in "efd":
        bits = array.view(f"i{array.itemsize}")
        bits &= all_or_none(keep)
    else:
        array[~keep] = 0


def all_or_none(condition: np.ndarray) -> np.ndarray:
    """All bits where an array of bools is True, and none where it is False: beside them, a product would make NaN of infinities."""
    return -condition.view(np.int8)
