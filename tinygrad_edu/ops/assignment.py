"""Assignment under NumPy's names: what changes a tensor in place is recorded as x[index] = values is, and their gradient goes to both.

Values that are repeated or written over are told apart by the idea of rearranging.py: NumPy's function is run on the places of the values, and
says which of them is where in the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.op import implements
from ..engine.tensor import Tensor, change_in_place
from .index import getitem, scatter, setitem, split, with_arrays
from .operands import arrays_of, as_mask, as_tensor, in_dtype
from .shape import along_axis, broadcast_to


@implements(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None) -> None:
    """arr[..., indices[..., i], ...] = values[..., i] along an axis, in the memory of arr; recorded, as an assignment is.

    >>> x = Tensor([[1.0, 2.0]])
    >>> put_along_axis(x, np.array([[0]]), 9.0, axis=1)
    >>> x
    Tensor([[9., 2.]])
    """
    indices = arrays_of(indices)
    shape = _assigned("put_along_axis", arr).shape
    if axis is None:
        if np.ndim(indices) != 1:
            raise ValueError(f"put_along_axis: without an axis indices need to have one axis; they have shape {np.shape(indices)}")
        setitem(arr, np.unravel_index(np.arange(arr.size)[indices], shape), values)
        return
    axis = np.lib.array_utils.normalize_axis_index(axis, len(shape))
    if np.ndim(indices) != len(shape):
        raise ValueError(f"put_along_axis: arr has shape {shape} and indices {np.shape(indices)}; they need as many axes")
    grid = [along_axis(np.arange(n), i, len(shape)) for i, n in enumerate(shape)]
    setitem(arr, tuple([indices if i == axis else places for i, places in enumerate(grid)]), values)


@implements(np.copyto)
def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """dst[where] = src, in the memory of dst; recorded, as an assignment is.

    >>> x = Tensor([1.0, 2.0])
    >>> copyto(x, 0.0, where=[True, False])
    >>> x
    Tensor([0., 2.])
    """
    dst = _assigned("copyto", dst)
    dtype = src.dtype if isinstance(src, Tensor) else np.asarray(src).dtype
    if not np.can_cast(dtype, dst.dtype, casting):
        raise TypeError(f"copyto: src is {dtype}, which dst, {dst.dtype}, cannot take by {casting!r}")
    if where is True:
        setitem(dst, ..., src)
        return
    mask = np.broadcast_to(as_mask("copyto", where), dst.shape)
    setitem(dst, mask, getitem(as_tensor(src) * np.ones(dst.shape, dst.dtype), mask) if np.ndim(getattr(src, "_data", src)) else src)


@implements(np.put)
def put(a: Any, ind: Any, v: Any, mode: Any = "raise") -> None:
    """a.flat[ind] = v, in the memory of a; v is repeated where it is shorter, and of several for one element the last one stays.

    mode says what becomes of an index that is too large: "raise", "wrap" or "clip".

    >>> x = Tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> put(x, [0, 3], [7.0, 8.0])
    >>> x
    Tensor([[7., 2.],
            [3., 8.]])
    """
    ind = arrays_of(ind)
    _write("put", a, v, lambda array, values: np.put(array, ind, values, mode))


@implements(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    """The elements of arr where mask is true become those of vals, one after the other and over again, in the memory of arr.

    >>> x = Tensor([1.0, 2.0, 3.0])
    >>> place(x, [True, False, True], [7.0, 8.0])
    >>> x
    Tensor([7., 2., 8.])
    """
    mask = arrays_of(mask)
    _write("place", arr, vals, lambda array, values: np.place(array, mask, values))


@implements(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    """Each element of a where mask is true becomes that of values at its place, in the memory of a; values are repeated if they are fewer.

    >>> x = Tensor([1.0, 2.0, 3.0])
    >>> putmask(x, [True, False, True], [7.0, 8.0, 9.0])
    >>> x
    Tensor([7., 2., 9.])
    """
    mask = arrays_of(mask)
    _write("putmask", a, values, lambda array, numbers: np.putmask(array, mask, numbers))


@implements(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """The diagonal of a becomes val, repeated if it is shorter, in the memory of a. With wrap a tall matrix has it again below.

    >>> x = Tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> fill_diagonal(x, 0.0)
    >>> x
    Tensor([[0., 2.],
            [3., 0.]])
    """
    _write("fill_diagonal", a, val, lambda array, values: np.fill_diagonal(array, values, wrap))


def add_at(a: Any, indices: Any, b: Any) -> None:
    """np.add.at: a[indices] += b in the memory of a, where an index that repeats adds as often; recorded, as an assignment is.

    >>> x = Tensor([1.0, 2.0])
    >>> np.add.at(x, [0, 0], 1.0)
    >>> x
    Tensor([3., 2.])
    """
    a = _assigned("add.at", a)
    pattern, arrays = split(indices)
    shape = a.data[with_arrays(pattern, arrays)].shape
    change_in_place(a, lambda a, b: a + scatter(broadcast_to(b, shape), pattern, arrays, a.shape), as_tensor(b))


def _write(function: str, target: Any, values: Any, write: Callable[[Any, Any], None]) -> None:
    target = _assigned(function, target)
    write(target.data.copy(), arrays_of(values))        # it says what is wrong
    values = in_dtype(values)
    places = np.zeros(target.shape, np.intp)
    write(places, np.arange(1, values.size + 1).reshape(values.shape))
    changed = places > 0
    setitem(target, changed, getitem(values, np.unravel_index(places[changed] - 1, values.shape)) if values.ndim else values)


def _assigned(function: str, target: Any) -> Tensor:
    if not isinstance(target, Tensor):
        raise TypeError(f"{function}: what is written to is an array, which would lose the history of a tensor; write to a tensor")
    return target
