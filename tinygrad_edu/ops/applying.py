"""Functions that call a function of the user for parts of a tensor. It gets Tensors, and what it gives is recorded as everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.op import implements
from ..engine.tensor import Tensor
from .creation import zeros_like
from .index import getitem, setitem
from .operands import arrays_of, in_dtype
from .rearranging import moveaxis
from .shape import expand_dims, reshape, stack


@implements(np.apply_along_axis)
def apply_along_axis(func1d: Callable, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Tensor:
    """The results of a function for all rows along an axis, which the axes of a result take the place of.

    Parameters
        func1d        called with each row, a Tensor, and with args and kwargs; returns a Tensor, an array or a number, of one shape.
        axis          of the rows.
        arr           with one axis or more.
    Returns a tensor, in the dtype of all results together; NumPy takes that of the first.
    Raises ValueError if there are no rows, AxisError if there is no such axis.

    >>> apply_along_axis(lambda row: row[0] * row, 1, Tensor([[2.0, 1.0], [3.0, 5.0]]))
    Tensor([[ 4.,  2.],
            [ 9., 15.]])
    """
    arr = in_dtype(arr)
    axis = np.lib.array_utils.normalize_axis_index(axis, arr.ndim)
    rows = moveaxis(arr, axis, -1)
    others = rows.shape[:-1]
    if 0 in others:
        raise ValueError(f"apply_along_axis: arr has shape {arr.shape}, and no rows along axis {axis}")
    results = [in_dtype(func1d(rows[index], *args, **kwargs)) for index in np.ndindex(others)]
    axes = np.arange(results[0].ndim)
    return moveaxis(reshape(stack(results), (*others, *results[0].shape)), axes + len(others), axes + axis)


@implements(np.apply_over_axes)
def apply_over_axes(func: Callable, a: Any, axes: Any) -> Tensor:
    """A function of (tensor, axis), such as np.sum, called for one axis after the other; an axis that it takes away is put back with size 1.

    Raises ValueError if it gives a tensor with other axes.

    >>> apply_over_axes(np.sum, Tensor([[1.0, 2.0], [3.0, 4.0]]), [0, 1])
    Tensor([[10.]])
    """
    found = in_dtype(a)
    for axis in np.atleast_1d(arrays_of(axes)).tolist():
        axis += found.ndim if axis < 0 else 0
        result = in_dtype(func(found, axis))
        result = result if result.ndim == found.ndim else expand_dims(result, axis)
        if result.ndim != found.ndim:
            raise ValueError(f"apply_over_axes: for axis {axis} of shape {found.shape} the function gave shape {result.shape}, with other axes")
        found = result
    return found


@implements(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Tensor:
    """A function that is another one where another condition holds, and 0 where none does.

    Parameters
        x           of any shape; the result has its shape and its dtype.
        condlist    for each function an array of bools in the shape of x: where it holds. Of several the last one counts.
        funclist    the functions, which are called with the elements of x in question, along one axis, and with args and kw; or numbers.
                    One more than conditions is for where none of them holds.
    Raises ValueError for another number of functions.

    >>> piecewise(Tensor([-1.0, 2.0]), [[True, False]], [0.0, np.square])
    Tensor([0., 4.])
    """
    x, conditions = in_dtype(x), arrays_of(condlist)
    if np.isscalar(conditions) or (not isinstance(conditions[0], (list, np.ndarray)) and x.ndim):
        conditions = [conditions]
    conditions = np.asarray(conditions, bool)
    if len(conditions) == len(funclist) - 1:
        conditions = np.concatenate([conditions, ~conditions.any(axis=0, keepdims=True)])
    elif len(conditions) != len(funclist):
        count = len(conditions)
        raise ValueError(f"piecewise: there are {len(funclist)} functions for {count} conditions; they need to be {count} or {count + 1}")
    found = zeros_like(x)
    for condition, function in zip(conditions, funclist):
        if not callable(function):
            setitem(found, condition, function)
        elif condition.any():
            setitem(found, condition, function(getitem(x, condition), *args, **kw))
    return found
