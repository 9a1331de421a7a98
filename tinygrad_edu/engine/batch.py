"""Many gradients of one value at once: the rows of a jacobian walk the graph together.

A rule is linear in g, and most are written with functions that work along any further axis. A Batch has such an axis and hides it: it
says the shape of one gradient, and does to all of them what a rule does to one. What it does not know it refuses, and then the walk runs
the rule of that node row by row. So no rule can be wrong for a batch: either it was run on it by what stands here, or on each row alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from string import ascii_letters
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .op import Op


class Batch(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that hides its first axis: rows[k] is one gradient, and shape is the shape of each.

    >>> g = Batch(np.array([[1.0, 0.0], [0.0, 1.0]]))
    >>> g.shape
    (2,)
    >>> (g * np.array([3.0, 4.0])).rows
    array([[3., 0.],
           [0., 4.]])
    """

    __slots__ = ("rows",)

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows

    @property
    def shape(self) -> tuple[int, ...]:
        return self.rows.shape[1:]

    @property
    def dtype(self) -> np.dtype:
        return self.rows.dtype

    @property
    def ndim(self) -> int:
        return self.rows.ndim - 1

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def T(self) -> Batch:
        return self.transpose()

    @property
    def real(self) -> Batch:
        return Batch(self.rows.real)

    @property
    def imag(self) -> Batch:
        return Batch(self.rows.imag)

    def conj(self) -> Batch:
        return Batch(self.rows.conj())

    def reshape(self, *shape: Any) -> Batch:
        return Batch(self.rows.reshape(len(self.rows), *_as_one(shape)))

    def transpose(self, *axes: Any) -> Batch:
        order = _as_one(axes) or range(self.ndim)[::-1]
        return Batch(self.rows.transpose(0, *map(self._axis, order)))

    def swapaxes(self, axis1: int, axis2: int) -> Batch:
        return Batch(self.rows.swapaxes(self._axis(axis1), self._axis(axis2)))

    def sum(self, axis: Any = None, *, keepdims: bool = False) -> Batch:
        axes = range(self.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        return Batch(self.rows.sum(axis=tuple(map(self._axis, axes)), keepdims=keepdims))

    def _axis(self, axis: int) -> int:
        """Which axis of rows an axis of each gradient is."""
        return 1 + np.lib.array_utils.normalize_axis_index(axis, self.ndim)

    def astype(self, dtype: Any) -> Batch:
        return Batch(self.rows.astype(dtype))

    def copy(self) -> Batch:
        return Batch(self.rows.copy())

    def __getitem__(self, index: Any) -> Batch:
        index = index if isinstance(index, tuple) else (index,)
        if not all(type(part) in _BASIC for part in index):
            raise TypeError("a batch takes integers, slices, ... and None: arrays in an index would move the axis that it hides")
        return Batch(self.rows[:, *index])

    def placed(self, shape: tuple[int, ...], index: tuple) -> Batch:
        """Zeros of a shape, with this at index, which holds no arrays."""
        out = np.zeros((len(self.rows), *shape), self.dtype)
        out[:, *index] = self.rows
        return Batch(out)

    def __array__(self, *settings: Any, **more: Any) -> np.ndarray:
        raise TypeError("a batch of gradients is no array: the axis that it hides would be seen")

    def __bool__(self) -> bool:
        raise TypeError("a batch of gradients is not true or false")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **settings: Any) -> Any:
        if method != "__call__" or settings:
            return NotImplemented
        if ufunc is np.matmul and min(map(_ndim, inputs)) >= 2:
            return _product(*inputs)
        return NotImplemented if ufunc.signature or ufunc.nout > 1 else _each(ufunc, *inputs)

    def __array_function__(self, function: Callable, types: Any, args: tuple, kwargs: dict) -> Any:
        known = _FUNCTIONS.get(function)
        return NotImplemented if known is None else known(*args, **kwargs)


def pulled_by_rows(op: Op, g: Batch, parents: tuple, kept: tuple) -> list[Batch | None]:
    """What op.pull gives for each row of g: for rules that do not take a batch."""
    rows = [op.pull(row, parents, kept) for row in g.rows]
    return [None if parent is None else Batch(np.stack([row[i] for row in rows])) for i, parent in enumerate(parents)]


_BASIC = (int, slice, type(None), type(Ellipsis))
_OPERANDS = (Batch, np.ndarray, np.generic, bool, int, float, complex)


def _ndim(x: Any) -> int:
    return getattr(x, "ndim", 0)


def _as_one(numbers: tuple) -> tuple[int, ...]:
    """reshape(2, 3) and reshape((2, 3)) say the same."""
    return tuple(numbers[0]) if len(numbers) == 1 and isinstance(numbers[0], (tuple, list)) else numbers


def _open(x: Any, ndim: int) -> Any:
    """The rows of x with ndim axes after the first, so that they broadcast as one of them would."""
    return x.rows.reshape(len(x.rows), *(1,) * (ndim - x.ndim), *x.shape) if isinstance(x, Batch) else x


def _each(function: Callable, *inputs: Any) -> Batch:
    """A function of each element, whose inputs broadcast."""
    if not all(isinstance(x, _OPERANDS) for x in inputs):
        raise TypeError("a batch of gradients meets arrays and numbers only")
    ndim = max(map(_ndim, inputs))
    return Batch(function(*[_open(x, ndim) for x in inputs]))


def _product(a: Any, b: Any) -> Batch:
    """a @ b. Many small products by one matrix are a large one."""
    if type(a) is np.ndarray and a.ndim == 2:
        return _product(b.swapaxes(-1, -2), a.T).swapaxes(-1, -2)
    if type(b) is np.ndarray and b.ndim == 2 and a.size:
        return Batch((a.rows.reshape(-1, a.shape[-1]) @ b).reshape(*a.rows.shape[:-1], b.shape[-1]))
    return _each(np.matmul, a, b)


def _solved(a: np.ndarray, b: Batch) -> Batch:
    """What solves a @ out = b. One matrix is decomposed once, for the right-hand sides of all rows."""
    if a.ndim > 2:
        return _each(np.linalg.solve, a, b)
    columns = np.moveaxis(b.rows, -2, 0)
    out = np.linalg.solve(a, columns.reshape(len(a), math.prod(columns.shape[1:])))
    return Batch(np.moveaxis(out.reshape(columns.shape), 0, -2))


def _broadcast_to(x: Batch, shape: tuple[int, ...]) -> Batch:
    return Batch(np.broadcast_to(_open(x, len(shape)), (len(x.rows), *shape)))


def _einsum(subscripts: str, *operands: Any, **settings: Any) -> Batch:
    """Sums of products, with one more letter for the axis that a batch hides."""
    terms, out = subscripts.split("->")
    hidden = next(letter for letter in ascii_letters if letter not in subscripts)
    terms = ",".join([f"{hidden}{term}" if isinstance(x, Batch) else term for term, x in zip(terms.split(","), operands)])
    return Batch(np.einsum(f"{terms}->{hidden}{out}", *[x.rows if isinstance(x, Batch) else x for x in operands], **settings))


_FUNCTIONS: dict[Callable, Callable] = {
    np.broadcast_to: _broadcast_to,
    np.einsum: _einsum,
    np.imag: Batch.imag.fget,       # type: ignore[attr-defined]
    np.linalg.solve: _solved,
    np.real: Batch.real.fget,       # type: ignore[attr-defined]
    np.reshape: Batch.reshape,
    np.sum: Batch.sum,
    np.swapaxes: Batch.swapaxes,
    np.transpose: Batch.transpose,
    np.where: lambda condition, x, y: _each(np.where, condition, x, y),
}
"""What a batch knows of NumPy beside functions of each element and matrix products."""
