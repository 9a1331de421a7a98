"""Functions that move elements, repeat them, leave some out, or put zeros between them: all that NumPy has, by one idea.

Such a function is run on the places of the elements, numbered from 1 on, instead of the elements. Its result says of each element of out
where it comes from, and out is taken from there; place 0 is a zero. So each has NumPy's signature, errors and edge cases, and one gradient:
an element that was taken twice gets the sum.

Where NumPy gives views, of a few slices or of other axes, so do ours: they are written by hand.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view as numpys_windows

from ..engine.op import implements
from ..engine.tensor import Tensor, wrap
from .elementwise import astype, refuse_out
from .index import getitem
from .operands import arrays_of, as_tensor, in_dtype, strong, together, wrapped
from .shape import broadcast_to, concatenate, ravel, reshape, transpose


def moves(function: Callable, *data: str) -> Callable[..., Any]:
    """The door of a function of NumPy that only moves elements; data are the parameters whose elements are moved, or hold such arrays."""
    signature = inspect.signature(function)

    @implements(function)
    @wraps(function)
    def ours(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        refuse_out(function.__name__, given.arguments.pop("out", None))
        arrays = [array for name in data for array in _leaves(given.arguments[name])]
        given.arguments = settings = {name: arrays_of(value) for name, value in given.arguments.items()}
        mixed = len({getattr(array, "dtype", type(array)) for array in arrays}) > 1
        # Which dtype several have together, and whether one may be converted to it, NumPy says by doing it.
        dtype = function(*given.args, **given.kwargs).dtype if mixed or settings.get("dtype") is not None else None
        places = Places(arrays, dtype)
        given.arguments = {name: places.numbered(value) if name in data else value for name, value in settings.items() if name != "dtype"}
        return places.taken(function(*given.args, **given.kwargs))

    return ours


class Places:
    """The elements of several arrays in one row, in a dtype if one is given, and their places in it; place 0 is a zero."""

    def __init__(self, arrays: Sequence[Any], dtype: Any) -> None:
        self.arrays = [in_dtype(strong(array), dtype) for array in arrays]
        self.start = 1

    def numbered(self, value: Any) -> Any:
        """An array of places in the shape of each array in value, in the order in which they were given."""
        if isinstance(value, (list, tuple)) and _holds_arrays(value):
            return type(value)(self.numbered(part) for part in value)
        shape = np.shape(value)
        size = int(np.prod(shape))
        places = np.arange(self.start, self.start + size).reshape(shape)
        self.start += size
        return places

    def taken(self, places: np.ndarray) -> Tensor:
        """What is at the places."""
        if len(self.arrays) == 1 and (not places.size or places.min() > 0):
            return getitem(ravel(self.arrays[0]), np.asarray(places - 1))
        row = concatenate([np.zeros(1, self.arrays[0].dtype), *map(ravel, self.arrays)])
        return getitem(row, np.asarray(places))


def _leaves(value: Any) -> Iterator[Any]:
    """The arrays in a parameter, in order."""
    if isinstance(value, (list, tuple)) and _holds_arrays(value):
        for part in value:
            yield from _leaves(part)
    else:
        yield value


def _holds_arrays(value: Sequence[Any]) -> bool:
    """Whether a list is one of arrays, and not an array written as nested lists of numbers."""
    return any(isinstance(part, (Tensor, np.ndarray)) or (isinstance(part, (list, tuple)) and _holds_arrays(part)) for part in value)




append = moves(np.append, "arr", "values")
block = moves(np.block, "arrays")
choose = moves(np.choose, "choices")
column_stack = moves(np.column_stack, "tup")
compress = moves(np.compress, "a")
delete = moves(np.delete, "arr")
diag = moves(np.diag, "v")
diagflat = moves(np.diagflat, "v")
diagonal = moves(np.diagonal, "a")
dstack = moves(np.dstack, "tup")
extract = moves(np.extract, "arr")
hstack = moves(np.hstack, "tup")
insert = moves(np.insert, "arr", "values")
matrix_diagonal = moves(np.linalg.diagonal, "x")
repeat = moves(np.repeat, "a")
resize = moves(np.resize, "a")
roll = moves(np.roll, "a")
select = moves(np.select, "choicelist", "default")
sliding_window_view = moves(numpys_windows, "x")
take = moves(np.take, "a")
take_along_axis = moves(np.take_along_axis, "arr")
tile = moves(np.tile, "A")
tril = moves(np.tril, "m")
triu = moves(np.triu, "m")
vstack = moves(np.vstack, "tup")


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Tensor, ...]:
    """All arrays in their common shape, as views that cannot be written; each keeps its dtype.

    >>> broadcast_arrays(Tensor([1.0, 2.0]), Tensor([[3.0], [4.0]]))[0]
    Tensor([[1., 2.],
            [1., 2.]])
    """
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple([broadcast_to(a if isinstance(a, Tensor) else np.asarray(a), shape) for a in args])


@implements(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Tensor, ...]:
    """The coordinates of a grid, from those along each axis.

    Parameters
        xi        the coordinates along each axis: the first one along the second axis of the result and the other way round, unless
                  indexing is "ij".
        copy      whether each result has memory of its own; else they are views.
        sparse    whether each has size 1 along the other axes.
        indexing  "xy" or "ij".

    >>> meshgrid(Tensor([1.0, 2.0]), Tensor([3.0, 4.0]))[1]
    Tensor([[3., 3.],
            [4., 4.]])
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing is {indexing!r}; it needs to be 'xy' or 'ij'")
    axes = list(range(len(xi)))
    if indexing == "xy":
        axes[:2] = axes[:2][::-1]
    grid = [reshape(x if isinstance(x, Tensor) else np.asarray(x), [-1 if axis == i else 1 for i in range(len(xi))]) for x, axis in zip(xi, axes)]
    return tuple([x.copy() if copy else x for x in (grid if sparse else broadcast_arrays(*grid))])


# Where the places depend on the values


@implements(np.sort)
def sort(a: Any, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: bool | None = None) -> Tensor:
    """The elements in ascending order along an axis, or all of them for None; ties in NumPy's order.

    >>> sort(Tensor([3.0, 1.0, 2.0]))
    Tensor([1., 2., 3.])
    """
    a = as_tensor(a)
    if axis is None:
        a, axis = ravel(a), 0
    return take_along_axis(a, np.argsort(a.data, axis, kind, order, stable=stable), axis)


@implements(np.partition)
def partition(a: Any, kth: Any, axis: int | None = -1, kind: Any = "introselect", order: Any = None) -> Tensor:
    """The elements along an axis with the kth at its place in the sorted order, smaller ones before it and larger ones behind.

    >>> partition(Tensor([3.0, 1.0, 2.0]), 1)[1]
    Tensor(2.)
    """
    a = as_tensor(a)
    if axis is None:
        a, axis = ravel(a), 0
    return take_along_axis(a, np.argpartition(a.data, arrays_of(kth), axis, kind, order), axis)


@implements(np.unique)
def unique(
    ar: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False, axis: int | None = None,
    *, equal_nan: bool = True, sorted: bool = True,
) -> Any:
    """The different values in ascending order, whatever sorted says; each is the first of its kind, which gets the gradient.

    As in NumPy otherwise.

    >>> unique(Tensor([3.0, 1.0, 3.0]))
    Tensor([1., 3.])
    """
    ar = as_tensor(ar)
    settings: dict[str, Any] = {"return_inverse": return_inverse, "return_counts": return_counts, "axis": axis, "equal_nan": equal_nan}
    _, index, *rest = np.unique(ar.data, return_index=True, **settings)
    values = take(ar, index, axis)
    more = ([index] if return_index else []) + rest
    return (values, *map(wrap, more)) if more else values


def _unique_part(function: Callable) -> Callable[..., Any]:
    """The door of unique_values and its kin, whose NaN are all different."""

    @implements(function)
    @wraps(function)
    def ours(x: Any, /) -> Any:
        x = as_tensor(x)
        result = function(x.data)
        _, index = np.unique(x.data, return_index=True, equal_nan=False)
        values = take(x, index)
        return type(result)(values, *map(wrap, result[1:]))

    return ours


unique_all = _unique_part(np.unique_all)
unique_counts = _unique_part(np.unique_counts)
unique_inverse = _unique_part(np.unique_inverse)


@implements(np.unique_values)
def unique_values(x: Any, /) -> Tensor:
    """The different values of x in ascending order.

    >>> unique_values(Tensor([3.0, 1.0, 3.0]))
    Tensor([1., 3.])
    """
    return unique(x, equal_nan=False)


def _of_sets(function: Callable) -> Callable[..., Any]:
    """The door of union1d and its kin: each value is the first of its kind in both arrays, ar1 before ar2, which gets the gradient."""

    @implements(function)
    @wraps(function)
    def ours(ar1: Any, ar2: Any, *args: Any, **kwargs: Any) -> Any:
        found = function(arrays_of(ar1), arrays_of(ar2), *args, **kwargs)
        values, places = (found[0], found[1:]) if isinstance(found, tuple) else (found, ())
        row = ravel(as_tensor(ar1)) if function is np.setdiff1d else append(ar1, ar2)
        order = np.argsort(row.data, kind="stable")
        first = order[np.searchsorted(row.data, values, sorter=order)]
        values = astype(getitem(row, first), values.dtype, copy=False)
        return (values, *wrapped(places)) if places else values

    return ours


intersect1d = _of_sets(np.intersect1d)
setdiff1d = _of_sets(np.setdiff1d)
setxor1d = _of_sets(np.setxor1d)
union1d = _of_sets(np.union1d)


@implements(np.sort_complex)
def sort_complex(a: Any) -> Tensor:
    """The elements as complex numbers, in ascending order of their real parts, and of the imaginary ones where these are equal.

    >>> sort_complex(Tensor([2.0, 1.0]))
    Tensor([1.+0.j, 2.+0.j], dtype=complex128)
    """
    a = sort(in_dtype(a))
    return a if a.dtype.kind == "c" else astype(a, "F" if a.dtype.char in "bhBH" else "G" if a.dtype.char == "g" else "D")


@implements(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Tensor:
    """A slice of filt, without what is 0 before the first and behind the last element that is not, along all axes or the given ones.

    trim is "f" for the front, "b" for the back, "fb" for both.
    Raises ValueError for another trim.

    >>> trim_zeros(Tensor([0.0, 1.0, 0.0, 2.0, 0.0]))
    Tensor([1., 0., 2.])
    """
    filt, trim = in_dtype(filt), trim.lower()
    if trim not in ("fb", "bf", "f", "b"):
        raise ValueError(f"trim_zeros: trim is {trim!r}; it needs to be 'f', 'b' or 'fb'")
    axes = range(filt.ndim) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, filt.ndim)
    index = [slice(None)] * filt.ndim
    for i, places in enumerate(np.nonzero(filt.data) if filt.ndim else ()):
        if i in axes:
            front, back = (int(places.min()), int(places.max()) + 1) if places.size else (0, 0)
            index[i] = slice(front if "f" in trim or not places.size else None, back if "b" in trim or not places.size else None)
    return getitem(filt, tuple(index))


# Views


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Tensor:
    """Some axes at other places; the others keep their order.

    >>> moveaxis(Tensor([[[1.0, 2.0]]]), 2, 0).shape
    (2, 1, 1)
    """
    a = as_tensor(a)
    return transpose(a, _order(np.moveaxis, a, source, destination))


@implements(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Tensor:
    """An axis moved back until it comes before start.

    >>> rollaxis(Tensor([[[1.0, 2.0]]]), 2).shape
    (2, 1, 1)
    """
    a = as_tensor(a)
    return transpose(a, _order(np.rollaxis, a, axis, start))


def _order(function: Callable, a: Tensor, *arguments: Any) -> list[int]:
    """In which order a function of NumPy puts the axes: it is asked with an array whose sizes are the numbers of the axes."""
    return list(function(np.broadcast_to(0, tuple(range(a.ndim))), *arguments).shape)


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Tensor:
    """The last two axes exchanged.

    >>> matrix_transpose(Tensor([[1.0, 2.0]])).shape
    (2, 1)
    """
    x = as_tensor(x)
    if x.ndim < 2:
        raise ValueError(f"matrix_transpose: x has shape {x.shape}; it needs at least two axes")
    return x.swapaxes(-1, -2)


@implements(np.flip, bare=True)
def flip(m: Any, axis: Any = None) -> Tensor:
    """The elements in reverse order along the given axes, or along all.

    >>> flip(Tensor([1.0, 2.0]))
    Tensor([2., 1.])
    """
    m = as_tensor(m)
    axes = range(m.ndim) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, m.ndim, "flip")
    return getitem(m, tuple([slice(None, None, -1) if i in axes else slice(None) for i in range(m.ndim)]))


@implements(np.fliplr)
def fliplr(m: Any) -> Tensor:
    """The elements in reverse order along axis 1.

    >>> fliplr(Tensor([[1.0, 2.0]]))
    Tensor([[2., 1.]])
    """
    return flip(m, 1)


@implements(np.flipud)
def flipud(m: Any) -> Tensor:
    """The elements in reverse order along axis 0.

    >>> flipud(Tensor([1.0, 2.0]))
    Tensor([2., 1.])
    """
    return flip(m, 0)


@implements(np.rot90)
def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """Turned by k times 90 degrees in the plane of two axes, from the first towards the second.

    >>> rot90(Tensor([[1.0, 2.0]]))
    Tensor([[2.],
            [1.]])
    """
    m = as_tensor(m)
    first, second = np.lib.array_utils.normalize_axis_tuple(axes, m.ndim, "axes")
    if k % 4 == 1:
        return flip(m, second).swapaxes(first, second)
    if k % 4 == 3:
        return flip(m.swapaxes(first, second), second)
    return flip(m, (first, second) if k % 4 == 2 else ())


@implements(np.ix_)
def ix_(*args: Any) -> tuple[Tensor, ...]:
    """Rows, each along an axis of its own, which index a grid: x[ix_(i, j)] is x[i][:, j]. One of bools becomes the places where it is True.

    >>> ix_(Tensor([0, 2]), [1])[0]
    Tensor([[0],
            [2]])
    """
    grid = np.ix_(*map(arrays_of, args))
    return tuple([reshape(row, places.shape) if isinstance(row, Tensor) and row.requires_grad else wrap(places) for row, places in zip(args, grid)])


def _split(function: Callable, ary: Any, indices_or_sections: Any, axis: int) -> list[Tensor]:
    """What a function that splits gives: slices along an axis, the same as NumPy's."""
    ary = as_tensor(ary)
    axis = np.lib.array_utils.normalize_axis_index(axis, ary.ndim)
    parts = function(np.arange(ary.shape[axis]), arrays_of(indices_or_sections))
    ends = np.cumsum([0] + [len(part) for part in parts]).tolist()
    starts = [int(part[0]) if len(part) else end for part, end in zip(parts, ends)]
    return [getitem(ary, (slice(None),) * axis + (slice(start, start + len(part)),)) for start, part in zip(starts, parts)]


@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """Parts along an axis: as many equal ones as a number says, or those between indices. They are views.

    >>> split(Tensor([1.0, 2.0, 3.0]), [1])
    [Tensor([1.]), Tensor([2., 3.])]
    """
    return _split(np.split, ary, indices_or_sections, axis)


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """As split; the parts may differ by an element where they cannot be equal.

    >>> array_split(Tensor([1.0, 2.0, 3.0]), 2)
    [Tensor([1., 2.]), Tensor([3.])]
    """
    return _split(np.array_split, ary, indices_or_sections, axis)


def _split_along(function: Callable, axis: int, axes: int) -> Callable[..., list[Tensor]]:
    """The door of a split along a certain axis of arrays that have as many axes at least."""

    @implements(function)
    def ours(ary: Any, indices_or_sections: Any) -> list[Tensor]:
        ary = as_tensor(ary)
        if ary.ndim < axes:
            raise ValueError(f"{function.__name__}: ary has shape {ary.shape}; it needs {axes} axes or more")
        return _split(np.split, ary, indices_or_sections, min(axis, ary.ndim - 1))

    ours.__name__, ours.__doc__ = function.__name__, function.__doc__
    return ours


hsplit = _split_along(np.hsplit, 1, 1)
vsplit = _split_along(np.vsplit, 0, 2)
dsplit = _split_along(np.dsplit, 2, 3)


@implements(np.unstack)
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The parts along an axis, without that axis.

    >>> unstack(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    (Tensor([1., 2.]), Tensor([3., 4.]))
    """
    return tuple(moveaxis(x, axis, 0))


def _at_least(function: Callable) -> Callable[..., Any]:
    """The door of atleast_1d and its kin: reshapes, of one tensor or of several."""

    @implements(function)
    @wraps(function)
    def ours(*arys: Any) -> Any:
        found = tuple([reshape(tensor, function(np.broadcast_to(0, tensor.shape)).shape) for tensor in map(as_tensor, together(*arys))])
        return found[0] if len(found) == 1 else found

    return ours


atleast_1d = _at_least(np.atleast_1d)
atleast_2d = _at_least(np.atleast_2d)
atleast_3d = _at_least(np.atleast_3d)


@implements(np.trace)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: None = None) -> Tensor:
    """The sum along a diagonal, by default of the first two axes.

    >>> trace(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor(5.)
    """
    refuse_out("trace", out)
    return diagonal(a, offset, axis1, axis2).sum(axis=-1, dtype=dtype)


@implements(np.linalg.trace)
def matrix_trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """The sum along a diagonal of the last two axes.

    >>> matrix_trace(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor(5.)
    """
    return trace(x, offset, -2, -1, dtype)
