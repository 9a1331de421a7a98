"""Indexing, of every kind that NumPy has, and assignment.

An index is split in two: its pattern is a setting of the op, and its arrays are arguments. In the pattern a slice is the tuple
(start, stop, step), because slices cannot be looked up in a cache before Python 3.12, and an array is the string "array".
"""

from __future__ import annotations

import math
from operator import index as whole
from typing import Any

import numpy as np

from ..engine import changes
from ..engine.batch import Batch
from ..engine.modes import is_grad_enabled
from ..engine.op import Op
from ..engine.saying import said
from ..engine.tensor import Tensor, change_in_place, refused_as_read_only
from ..errors import DTypeError
from .choosing import select

ARRAY = "array"


class Indexing(Op):
    """What ops with an index share: it is their setting, and they write it as one does in Python."""

    index: tuple

    def __repr__(self) -> str:
        return f"{type(self).__name__}[{', '.join(map(_written, self.index)) or '()'}]"


def _written(part: Any) -> str:
    """A part of a pattern, as in Python: a slice as 1:5, an ellipsis as three dots."""
    if isinstance(part, tuple):
        start, stop, step = ("" if number is None else str(number) for number in part)
        return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"
    return "..." if part is Ellipsis else str(part)


class GetItem(Indexing):
    """Elements chosen by integers, slices, an ellipsis and new axes.

    out = x[index]

    Shapes    as in NumPy: an integer takes its axis away, a slice keeps it, None adds one of size 1.
    Gradient  dL/dx = zeros, with g at index; no element is chosen twice.
    Keeps     the shape of x, no array.
    """

    view = True

    def forward(self, x):
        return x[with_arrays(self.index, ())]

    def grad_x(self, g, x_shape):
        return scatter(g, self.index, (), x_shape)


class GetItemByArrays(Indexing):
    """Elements chosen by integer or boolean arrays, and whatever else an index holds.

    out = x[index], with arrays at their places in index

    Shapes    as in NumPy: the broadcast shape of the arrays takes the place of the axes that they index.
    Gradient  dL/dx = zeros, with g added at index: an element chosen twice gets the sum.
    Keeps     the shape of x, and arrays.
    """

    constants = ("arrays",)

    def forward(self, x, *arrays):
        return x[with_arrays(self.index, arrays)]

    def grad_x(self, g, x_shape, arrays):
        return scatter(g, self.index, arrays, x_shape)


class Scatter(Op):
    """The adjoint of indexing: zeros, with x added at index.

    out = zeros of the given shape; out[index] += x, where an element that is indexed twice gets both

    Shapes    x has the shape of out[index].
    Gradient  dL/dx = g[index]
    Keeps     arrays.
    """

    index: tuple
    shape: tuple[int, ...]
    constants = ("arrays",)

    def forward(self, x, *arrays):
        out = np.zeros(self.shape, x.dtype)
        masks = [array.dtype == np.bool_ for array in arrays]
        if all(masks):
            out[with_arrays(self.index, arrays)] = x        # slices and masks choose no element twice
        elif any(masks) or any(part is not ARRAY for part in self.index):
            np.add.at(out, with_arrays(self.index, arrays), x)
        else:
            first, rest = self.shape[: len(arrays)], self.shape[len(arrays) :]
            places = arrays[0] if len(arrays) == 1 else np.ravel_multi_index(np.broadcast_arrays(*arrays), first, mode="wrap")
            columns = math.prod(rest)
            add_rows(out.reshape(math.prod(first), columns), places.reshape(-1), x.reshape(places.size, columns))
        return out

    def grad_x(self, g, arrays):
        return g[with_arrays(self.index, arrays)]


class SetItem(Indexing):
    """A copy of x in which the elements at index are replaced.

    out = x, but out[index] = value

    Shapes    out has the shape of x; value broadcasts to the shape of x[index].
    Gradient  dL/dx     = g, and 0 at index
              dL/dvalue = g[index]; where an index repeats, only the value that was written last gets it.
    Keeps     arrays; the shape of x.
    """

    broadcasts = True
    constants = ("arrays",)

    def forward(self, x, value, *arrays):
        out = x.copy() if isinstance(x, np.ndarray) else np.array(x)
        out[with_arrays(self.index, arrays)] = value
        return out

    def grad_x(self, g, x_shape, arrays):
        replaced = np.zeros(x_shape, bool)
        replaced[with_arrays(self.index, arrays)] = True
        return select(replaced, 0, g)

    def grad_value(self, g, x_shape, arrays):
        index = with_arrays(self.index, arrays)
        if not arrays:
            return g[index]
        writer = np.zeros(x_shape, np.int64)
        order = np.arange(writer[index].size).reshape(writer[index].shape)
        writer[index] = order
        return np.where(writer[index] == order, g[index], 0)


def scatter(g: Any, index: tuple, arrays: tuple, shape: tuple[int, ...]) -> Any:
    """Scatter in a rule: on an array at once, on a Tensor recorded."""
    if isinstance(g, Batch) and not arrays:
        return g.placed(shape, with_arrays(index, ()))
    return Scatter(index, shape).in_rule(g, *arrays)


def add_rows(out: np.ndarray, indices: np.ndarray, rows: np.ndarray) -> None:
    """out[indices[i]] += rows[i] for each i, in place, also where an index repeats; in the same order each time.

    np.add.at, which takes any, is quick for few elements, and for many if it is given flat arrays. Yet three times as quick is adding
    long rows for different places at once, again and again, as long as these are many of those that are left.

    >>> out = np.zeros((2, 1))
    >>> add_rows(out, np.array([1, 1]), np.array([[2.0], [3.0]]))
    >>> out
    array([[0.],
           [5.]])
    """
    width, indices = out.shape[1], indices.astype(np.intp, copy=False)
    if width == 1:
        out, rows = out.reshape(-1), rows.reshape(-1)
    if width == 1 or rows.size < 512:
        np.add.at(out, indices, rows)
        return
    writer = np.empty(len(out), np.intp)
    left = np.arange(len(indices))
    while left.size and width >= 8:
        to = indices[left]
        writer[to] = left
        last = writer[to] == left           # of the rows for one place, NumPy writes the last one last
        if 4 * np.count_nonzero(last) < left.size:
            break
        out[to[last]] += rows[left[last]]
        left = left[~last]
    flat, columns = out.reshape(-1), np.arange(width)
    step = max(1, 16384 // width)           # what np.add.at sees at once stays in the cache
    for start in range(0, left.size, step):
        piece = left[start : start + step]
        np.add.at(flat, (indices[piece][:, None] * width + columns).reshape(-1), rows[piece].reshape(-1))


def getitem(x: Tensor, index: Any) -> Tensor:
    """x[index], with every kind of index that NumPy has: integers, slices, ..., None, and integer or boolean arrays."""
    pattern, arrays = split(index)
    return GetItemByArrays(pattern)(x, *arrays) if arrays else GetItem(pattern)(x)


def setitem(x: Tensor, index: Any, value: Any) -> None:
    """x[index] = value, in the memory of x. If it is recorded, x moves to a new place in the graph."""
    pattern, arrays = split(index)
    if x.dtype.kind != "c" and np.iscomplexobj(getattr(value, "_data", value)):
        raise DTypeError(f"setitem: {_called(x)} has dtype {x.dtype} and cannot hold complex values; assign value.real or convert it first")
    if is_grad_enabled() and (x.requires_grad or (isinstance(value, Tensor) and value.requires_grad)):
        change_in_place(x, _replaced, pattern, arrays, value)
    else:
        # No need to go through a copy of all of x.
        chosen = with_arrays(pattern, arrays)
        try:
            x.data[chosen] = value.data if isinstance(value, Tensor) else value
        except Exception as error:
            if not x.data.flags.writeable:
                raise refused_as_read_only(x) from None
            raise said(error, "setitem", (x, index, value), {})
        changes.enter(x.data if arrays else x.data[chosen if Ellipsis in pattern else (*chosen, ...)])     # what was written, and as an array


def _replaced(x: Tensor, pattern: tuple, arrays: tuple, value: Any) -> Tensor:
    if x.dtype.kind not in "fc":
        raise DTypeError(
            f"setitem: {_called(x)} has dtype {x.dtype} and cannot hold a value that requires grad; "
            f"convert it: x.astype({value.dtype.name!r}), or assign value.detach()"
        )
    target = x.data[with_arrays(pattern, arrays)].shape
    extra = np.ndim(value) - len(target) if not isinstance(value, Tensor) else value.ndim - len(target)
    if extra > 0 and isinstance(value, Tensor) and value.shape[:extra] == (1,) * extra:
        value = value.reshape(value.shape[extra:])      # NumPy takes leading axes of size 1; a gradient has to find its way back
    return SetItem(pattern)(x, value, *arrays)


def _called(x: Tensor) -> str:
    return f"the tensor{f' {x.name!r}' if x.name else ''}"


def split(index: Any) -> tuple[tuple, tuple[np.ndarray, ...]]:
    """An index as pattern and arrays."""
    if type(index) is int:
        return (index,), ()
    if not isinstance(index, tuple):
        index = (index,)
    pattern: list[Any] = []
    arrays = []
    for i in index:
        kind = type(i)
        if kind is int or i is None or i is Ellipsis:
            pattern.append(i)
        elif kind is slice:
            pattern.append((_number(i.start), _number(i.stop), _number(i.step)))
        elif isinstance(i, np.integer) or (isinstance(i, Tensor) and not i.shape and i.dtype.kind in "iu"):
            pattern.append(int(i))
        else:
            array = i.data if isinstance(i, Tensor) else np.asarray(i)
            if array.size == 0 and not isinstance(i, (np.ndarray, Tensor)):
                array = array.astype(np.intp)           # x[[]]
            if array.dtype.kind not in "biu":
                raise IndexError(
                    f"getitem: an index is {kind.__name__} of dtype {array.dtype}; it needs to be an integer, a slice, ..., None, "
                    f"or an array of integers or bools"
                )
            pattern.append(ARRAY)
            arrays.append(array)
    return tuple(pattern), tuple(arrays)


def with_arrays(pattern: tuple, arrays: tuple[np.ndarray, ...]) -> tuple:
    """The index that was split into pattern and arrays."""
    rest = iter(arrays)
    return tuple([slice(*i) if type(i) is tuple else next(rest) if i is ARRAY else i for i in pattern])


def _number(i: Any) -> int | None:
    try:
        return None if i is None else whole(i)
    except TypeError:
        raise TypeError(f"getitem: a slice has {i!r:.60}; it needs to have integers or None") from None
