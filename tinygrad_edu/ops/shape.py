"""Functions that give the same elements another shape, or join arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import index
from typing import Any

import numpy as np

from ..engine.op import Op, implements
from ..engine.tensor import Tensor
from .elementwise import copy_by_rows, refuse_out


class Reshape(Op):
    """The same elements in another shape.

    out[...] = x[...], both read row by row

    Shapes    out has the given shape, in which one size may be -1: what is left.
    Gradient  dL/dx = g in the shape of x
    Keeps     the shape of x, no array.
    """

    shape: tuple[int, ...]
    view = True

    def forward(self, x):
        return x.reshape(self.shape)

    def grad_x(self, g, x_shape):
        return g.reshape(x_shape)


class Transpose(Op):
    """Axes in another order.

    out[i0, i1, ...] = x[j0, j1, ...] with j[axes[k]] = i[k]

    Shapes    axis k of out is axis axes[k] of x.
    Gradient  dL/dx = g with its axes back in order
    Keeps     nothing.
    """

    axes: tuple[int, ...]
    view = True

    def forward(self, x):
        return x.transpose(self.axes)

    def grad_x(self, g):
        inverse = sorted(range(len(self.axes)), key=self.axes.__getitem__)
        return g.transpose(inverse)


class SwapAxes(Op):
    """Two axes in each other's place.

    out[..., i, ..., j, ...] = x[..., j, ..., i, ...]

    Shapes    out has the shape of x with the sizes of the two axes exchanged.
    Gradient  dL/dx = g with the axes swapped back
    Keeps     nothing.
    """

    axis1: int
    axis2: int
    view = True

    def forward(self, x):
        return x.swapaxes(self.axis1, self.axis2)

    def grad_x(self, g):
        return g.swapaxes(self.axis1, self.axis2)


class Squeeze(Op):
    """Without some axes of size 1.

    out[...] = x[...]

    Shapes    out has the shape of x without the given axes.
    Gradient  dL/dx = g in the shape of x
    Keeps     the shape of x, no array.
    """

    axis: tuple[int, ...]
    view = True

    def forward(self, x):
        return x.squeeze(self.axis)

    def grad_x(self, g, x_shape):
        return g.reshape(x_shape)


class ExpandDims(Op):
    """With new axes of size 1.

    out[...] = x[...]

    Shapes    out has the axes of x, and an axis of size 1 at each of the given places.
    Gradient  dL/dx = g in the shape of x
    Keeps     the shape of x, no array.
    """

    axis: tuple[int, ...]
    view = True

    def forward(self, x):
        return np.expand_dims(x, self.axis)

    def grad_x(self, g, x_shape):
        return g.reshape(x_shape)


class BroadcastTo(Op):
    """Repeated along new axes, and along axes of size 1, as NumPy broadcasts; nothing is copied.

    out[i, j] = x[j], where i stands for the axes along which x is repeated

    Shapes    out has the given shape.
    Gradient  dL/dx[j] = sum of g[i, j] over i, which the walk does.
    Keeps     nothing.
    """

    shape: tuple[int, ...]
    broadcasts = True
    view = True

    def forward(self, x):
        return np.broadcast_to(x, self.shape)

    def grad_x(self, g):
        return g


class Concatenate(Op):
    """Arrays joined along an axis that they have.

    out = xs[0], then xs[1], ... along axis

    Shapes    all sizes but that of axis are equal; out's size along axis is the sum of theirs.
    Gradient  dL/dxs[k] = the part of g where xs[k] went
    Keeps     the shapes of xs, no array.
    """

    axis: int

    def forward(self, *xs):
        return np.concatenate(xs, axis=self.axis)

    def grad_xs(self, g, index, xs_shape):
        start = sum(shape[self.axis] for shape in xs_shape[:index])
        return g[(slice(None),) * self.axis + (slice(start, start + xs_shape[index][self.axis]),)]


class Stack(Op):
    """Arrays joined along a new axis.

    out[..., k, ...] = xs[k], with k at axis

    Shapes    all xs have one shape; out has it with len(xs) put in at axis.
    Gradient  dL/dxs[k] = g[..., k, ...]
    Keeps     nothing.
    """

    axis: int

    def forward(self, *xs):
        return np.stack(xs, axis=self.axis)

    def grad_xs(self, g, index):
        return g[(slice(None),) * self.axis + (index,)]


class Pad(Op):
    """Values put around x.

    out[i] = x[i - before] where that is an element of x, else the value of that side

    Shapes    widths has a pair (before, after) for each axis of x: how many elements are added there.
    Gradient  dL/dx = the part of g where x went
    Keeps     the shape of x, no array.
    """

    widths: tuple[tuple[int, int], ...]
    values: tuple[tuple[complex, complex], ...]

    def forward(self, x):
        return np.pad(x, self.widths or 0, constant_values=self.values or 0)      # NumPy takes no list of pairs that is empty

    def grad_x(self, g, x_shape):
        return g[tuple([slice(before, before + n) for (before, _), n in zip(self.widths, x_shape)])]


def broadcast_back(g: Any, shape: tuple[int, ...]) -> Any:
    """g repeated to shape, in a rule: a new array from a number, a read-only view of an array, or recorded on a Tensor."""
    if isinstance(g, np.generic):
        if not shape:
            return g
        out = np.empty(shape, g.dtype)      # np.broadcast_to takes ten times longer on a small array
        out.fill(g)
        return out
    return BroadcastTo(shape)(g) if isinstance(g, Tensor) else np.broadcast_to(g, shape)


@implements(np.reshape, bare=True)
def reshape(a: Any, shape: Any, order: Any = "C", *, copy: bool | None = None) -> Tensor:
    """The elements of a in another shape. One size may be -1: what is left.

    order  "C" reads and writes row by row, "F" column by column, "A" as "F" if a lies in memory so, else as "C".
    copy   whether out has memory of its own; None where it needs to, and False raises ValueError there.

    >>> reshape(Tensor([1.0, 2.0, 3.0, 4.0]), (2, -1))
    Tensor([[1., 2.],
            [3., 4.]])
    """
    shape = _several(shape)
    by_columns = order != "C" and _by_columns("reshape", order, a)
    if copy is not None or order == "K":
        np.reshape(a.data if isinstance(a, Tensor) else a, shape, order, copy=False if copy is False else None)     # raises what NumPy raises
        a = copy_by_rows(a) if copy else a
    if by_columns:
        return transpose(_reshape_to(shape[::-1])(transpose(a)))
    return _reshape_to(shape)(a)


def _several(sizes: Any) -> tuple[Any, ...]:
    """A shape, or axes, as a tuple; given as one number, as a sequence or as an array."""
    if type(sizes) is tuple:
        return sizes
    return tuple(sizes) if isinstance(sizes, Sequence) or getattr(sizes, "ndim", False) else (index(sizes),)


def _by_columns(function: str, order: str, a: Any) -> bool:
    """Whether order says that the elements of a are read column by column."""
    if order not in ("C", "F", "A", "K"):
        raise ValueError(f"{function}: order is {order!r}; it needs to be 'C', 'F', 'A' or 'K'")
    flags = a.data.flags if isinstance(a, Tensor) else np.asarray(a).flags
    return order == "F" or (order in "AK" and flags.f_contiguous and not flags.c_contiguous)


def reshape_method(self: Tensor, *shape: Any, **settings: Any) -> Tensor:
    """x.reshape(2, 3) and x.reshape((2, 3)): see reshape."""
    if settings:
        return reshape(self, shape[0] if len(shape) == 1 else shape, **settings)
    try:
        record = _reshape_to(*(shape[0] if shape and type(shape[0]) is list else shape))
    except TypeError:               # an array, for which one cannot look
        return reshape(self, shape[0] if len(shape) == 1 else shape)
    return record(self)


@lru_cache(maxsize=4096)
def _reshape_to(*shape: Any) -> Callable[..., Tensor]:
    """What records a reshape; found in one look, for this is done at every turn."""
    return Reshape(tuple(map(index, shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape))).record


@implements(np.copy, bare=True)
def copy(a: Any, order: str = "C", subok: bool = False) -> Tensor:
    """A copy of a, in memory of its own, row by row; recorded. For order see reshape; subok stands for nothing here.

    >>> copy(Tensor([1.0, 2.0]))
    Tensor([1., 2.])
    """
    if order != "C" and _by_columns("copy", order, a):
        return transpose(copy_by_rows(transpose(a)))
    return copy_by_rows(a)


@implements(np.ravel, bare=True)
def ravel(a: Any, order: str = "C") -> Tensor:
    """The elements of a along one axis, row by row; for order see reshape, and "K" is in the order of memory.

    >>> ravel(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([1., 2., 3., 4.])
    """
    if order != "C":
        if order == "K":
            strides = np.abs((a.data if isinstance(a, Tensor) else np.asarray(a)).strides)
            a = transpose(a, np.argsort(-strides, kind="stable").tolist())
        elif _by_columns("ravel", order, a):
            a = transpose(a)
    return Reshape((-1,))(a)


@implements(np.transpose, bare=True)
def transpose(a: Any, axes: Sequence[int] | None = None) -> Tensor:
    """The axes of a in another order; reversed if axes is None.

    >>> transpose(Tensor([[1.0, 2.0, 3.0]])).shape
    (3, 1)
    """
    count = ndim(a)
    if axes is None:
        return Transpose(tuple(range(count))[::-1])(a)
    order = tuple(_axis("transpose", axis, count) for axis in axes)
    if sorted(order) != list(range(count)):
        raise ValueError(f"transpose: axes {tuple(axes)} must name each of the {count} axes of a once")
    return Transpose(order)(a)


def transpose_method(self: Tensor, *axes: Any) -> Tensor:
    """x.transpose(), x.transpose(1, 0) and x.transpose((1, 0)): see transpose."""
    if not axes or axes[0] is None:
        return transpose(self)
    return transpose(self, _several(axes[0]) if len(axes) == 1 else axes)


@implements(np.swapaxes, bare=True)
def swapaxes(a: Any, axis1: int, axis2: int) -> Tensor:
    """a with two axes in each other's place.

    >>> swapaxes(Tensor([[1.0, 2.0, 3.0]]), 0, 1).shape
    (3, 1)
    """
    return SwapAxes(_axis("swapaxes", axis1, ndim(a)), _axis("swapaxes", axis2, ndim(a)))(a)


@implements(np.squeeze, bare=True)
def squeeze(a: Any, axis: Any = None) -> Tensor:
    """a without axes of size 1: the given ones, or all of them.

    >>> squeeze(Tensor([[1.0, 2.0]]))
    Tensor([1., 2.])
    """
    shape = a.shape if isinstance(a, Tensor) else np.shape(a)
    if axis is None:
        return Squeeze(tuple(i for i, n in enumerate(shape) if n == 1))(a)
    return Squeeze(np.lib.array_utils.normalize_axis_tuple(axis, len(shape), "squeeze"))(a)


@implements(np.expand_dims, bare=True)
def expand_dims(a: Any, axis: Any) -> Tensor:
    """a with a new axis of size 1 at each of the given places, counted in the result.

    >>> expand_dims(Tensor([1.0, 2.0]), 0).shape
    (1, 2)
    """
    axes = axis if isinstance(axis, Sequence) else (axis,)
    return ExpandDims(np.lib.array_utils.normalize_axis_tuple(axes, ndim(a) + len(axes), "expand_dims"))(a)


@implements(np.broadcast_to, bare=True)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Tensor:
    """array repeated to shape, as NumPy broadcasts, without a copy. subok stands for nothing here.

    >>> broadcast_to(Tensor([1.0, 2.0]), (2, 2))
    Tensor([[1., 2.],
            [1., 2.]])
    """
    return BroadcastTo(tuple(map(int, _several(shape))))(array)


@implements(np.concatenate, bare=True)
def concatenate(
    arrays: Sequence[Any], /, axis: int | None = 0, out: None = None, *, dtype: Any = None, casting: Any = "same_kind"
) -> Tensor:
    """Join arrays along an axis that they have; with axis None their elements, along one axis.

    dtype is that of the result, to which casting allows to go: "same_kind", "safe" ...; out is refused.

    >>> concatenate([Tensor([1.0, 2.0]), Tensor([3.0])])
    Tensor([1., 2., 3.])
    """
    arrays = list(arrays)
    if not arrays:
        raise ValueError("concatenate: needs at least one array, got none")
    if axis is None:
        arrays, axis = [ravel(a) for a in arrays], 0
    if out is not None or dtype is not None:
        arrays = _cast_together("concatenate", arrays, out, dtype, casting)
    return Concatenate(_axis("concatenate", axis, ndim(arrays[0])))(*arrays)


@implements(np.stack, bare=True)
def stack(arrays: Sequence[Any], axis: int = 0, out: None = None, *, dtype: Any = None, casting: Any = "same_kind") -> Tensor:
    """Join arrays of one shape along a new axis. dtype, casting and out as in concatenate.

    >>> stack([Tensor([1.0, 2.0]), Tensor([3.0, 4.0])], axis=1)
    Tensor([[1., 3.],
            [2., 4.]])
    """
    arrays = list(arrays)
    if not arrays:
        raise ValueError("stack: needs at least one array, got none")
    if out is not None or dtype is not None:
        arrays = _cast_together("stack", arrays, out, dtype, casting)
    return Stack(_axis("stack", axis, ndim(arrays[0]) + 1))(*arrays)


def _cast_together(function: str, arrays: Sequence[Any], out: Any, dtype: Any, casting: Any) -> list[Any]:
    """The arrays in one dtype. Raises TypeError where casting does not allow it, and for out."""
    refuse_out(function, out)
    arrays = [a if isinstance(a, Tensor) else np.asarray(a) for a in arrays]
    for a in arrays:
        if not np.can_cast(a.dtype, dtype, casting):
            raise TypeError(f"{function}: an array has dtype {a.dtype}, and casting={casting!r} does not allow {np.dtype(dtype)}")
    return [np.astype(a, dtype, copy=False) for a in arrays]


def pad_with_constants(array: Any, pad_width: Any, *, constant_values: Any = 0) -> Tensor:
    """array with values around it, as np.pad puts them there.

    Parameters
        pad_width        how many values come before and after each axis: an int, a pair (before, after) for all axes, a pair for each, or
                         a dict {axis: int or pair} for those that are padded.
        constant_values  the values: a number, a pair for all axes, or a pair for each.

    >>> pad_with_constants(Tensor([1.0, 2.0]), (1, 2))
    Tensor([0., 1., 2., 0., 0.])
    """
    widths, values = pairs(pad_width, ndim(array)), pairs(constant_values, ndim(array))
    return Pad(tuple([(index(before), index(after)) for before, after in widths]), tuple(map(tuple, values)))(array)


def pairs(value: Any, axes: int) -> list[list[Any]]:
    """A setting of pad as a pair (before, after) for each axis; given as a value, a pair, pairs, or a dict {axis: value or pair}."""
    if isinstance(value, dict):
        given = {_axis("pad", axis, axes): each for axis, each in value.items()}
        value = [np.broadcast_to(given.get(axis, 0), 2) for axis in range(axes)]
    return np.broadcast_to(np.asarray(value), (axes, 2)).tolist()


def along_axis(values: np.ndarray, axis: int, axes: int) -> np.ndarray:
    """A row of values along one of so many axes, in a shape that broadcasts."""
    return values.reshape([-1 if i == axis else 1 for i in range(axes)])


def ndim(a: Any) -> int:
    """How many axes a has; np.ndim goes the long way round for a Tensor."""
    return a._data.ndim if isinstance(a, Tensor) else np.ndim(a)


def _axis(function: str, axis: int, axes: int) -> int:
    """An axis of function as a number from 0. Raises AxisError if there are not so many axes."""
    return np.lib.array_utils.normalize_axis_index(axis, axes, function)
