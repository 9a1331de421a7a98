"""Functions that reduce axes to one number each."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ..engine.backward import total
from ..engine.op import Op, implements
from ..engine.tensor import Tensor
from .elementwise import astype, maximum, minimum, refuse_out, where as choose
from .operands import as_mask, as_tensor, in_dtype
from .shape import broadcast_back, ndim


class Reduction(Op):
    """What all reductions share: the axes, and the shape that out has while the reduced axes are still there, with size 1."""

    axis: tuple[int, ...]
    keepdims: bool = False
    number_has_axis_0 = False
    """Whether an array without axes may be reduced over axis 0, as NumPy allows in the reductions of its ufuncs."""

    def with_size_1(self, x_shape: tuple[int, ...]) -> tuple[int, ...]:
        """x_shape with size 1 on the reduced axes."""
        return tuple([1 if i in self.axis else n for i, n in enumerate(x_shape)])

    def spread(self, g: Any, x_shape: tuple[int, ...]) -> Any:
        """g, which has the shape of out, repeated along the reduced axes to x_shape."""
        return broadcast_back(g.reshape(self.with_size_1(x_shape)) if g.shape else g, x_shape)

    def count(self, x_shape: tuple[int, ...]) -> int:
        """How many elements become one."""
        return math.prod([x_shape[i] for i in self.axis])


class Sum(Reduction):
    """Sum over some axes.

    out[j] = sum of x[i, j] over i, where i stands for the summed axes

    Shapes    out has the shape of x without the summed axes, or with size 1 there if keepdims.
    Gradient  dL/dx[i, j] = g[j]: out moves one for one with each element of the sum.
    Keeps     the shape of x, no array.
    """

    number_has_axis_0 = True

    def forward(self, x):
        if len(self.axis) == x.ndim > 0 and not self.keepdims:
            return total(x)
        return np.add.reduce(x, axis=self.axis, keepdims=self.keepdims)

    def grad_x(self, g, x_shape):
        return self.spread(g, x_shape)


class Mean(Reduction):
    """Mean over some axes.

    out[j] = sum of x[i, j] over i / n, where i stands for the reduced axes, which hold n elements

    Shapes    out has the shape of x without the reduced axes, or with size 1 there if keepdims.
    Gradient  dL/dx[i, j] = g[j] / n
    Keeps     the shape of x, no array.
    """

    def forward(self, x):
        if x.dtype == np.float16:
            return np.mean(x, axis=self.axis, keepdims=self.keepdims)       # which sums in float32
        return np.add.reduce(x, axis=self.axis, keepdims=self.keepdims) / self.count(x.shape)

    def grad_x(self, g, x_shape):
        return self.spread(_wide(g) / self.count(x_shape), x_shape)


class Max(Reduction):
    """Largest element over some axes; NaN if one is NaN.

    out[j] = max of x[i, j] over i, where i stands for the reduced axes

    Shapes    out has the shape of x without the reduced axes, or with size 1 there if keepdims.
    Gradient  dL/dx[i, j] = g[j] / t where x[i, j] = out[j], t being how many do, else 0: ties share equally.
    Keeps     x and out.
    """

    number_has_axis_0 = True

    def forward(self, x):
        return np.max(x, axis=self.axis, keepdims=self.keepdims)

    def grad_x(self, g, x, out):
        return _shared_by_ties(self, g, x, out)


class Min(Reduction):
    """Smallest element over some axes; NaN if one is NaN.

    out[j] = min of x[i, j] over i, where i stands for the reduced axes

    Shapes    out has the shape of x without the reduced axes, or with size 1 there if keepdims.
    Gradient  dL/dx[i, j] = g[j] / t where x[i, j] = out[j], t being how many do, else 0: ties share equally.
    Keeps     x and out.
    """

    number_has_axis_0 = True

    def forward(self, x):
        return np.min(x, axis=self.axis, keepdims=self.keepdims)

    def grad_x(self, g, x, out):
        return _shared_by_ties(self, g, x, out)


def _wide(g: Any) -> Any:
    """g in float32 if it is in float16, which has no number above 65504 to count with; the walk converts the gradient back."""
    return g.astype(np.float32) if g.dtype == np.float16 else g


def _shared_by_ties(reduction: Reduction, g: Any, x: Any, out: Any) -> Any:
    """The gradient g of an extreme value, out, in equal parts to all elements that have it."""
    shape = reduction.with_size_1(x.shape)
    chosen = (x == out.reshape(shape)) | (x != x)
    ties = chosen.sum(axis=reduction.axis, keepdims=True)
    g = _wide(g)
    return chosen * (g.reshape(shape) / ties.astype(g.dtype))


@implements(np.sum, bare=True)
def sum(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Tensor:
    """Sum the elements of a along some axes.

    Parameters
        a         tensor or array of any shape.
        axis      int, tuple of ints, or None for all axes; a negative one counts from the end.
        dtype     of the sum and of its elements while they are added; by default that of a, and int64 for bools.
        keepdims  whether each summed axis stays, with size 1.
        initial   added to the sum.
        where     which elements to sum; broadcasts to a.
        out       as in NumPy, and refused.
    Returns a tensor.
    Raises AxisError if a has no such axis.

    >>> sum(Tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    Tensor([4., 6.])
    """
    if out is not None or where is not True or dtype is not None:
        refuse_out("sum", out)
        if where is not True:
            a = choose(as_mask("sum", where), a, 0)
        if dtype is not None:
            a = astype(as_tensor(a), dtype)
    found = over(Sum, axis, ndim(a), keepdims)(a)
    return found if initial is None else found + in_dtype(initial, found.dtype)


@implements(np.mean, bare=True)
def mean(a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False, *, where: Any = True) -> Tensor:
    """Mean of the elements of a along some axes; arguments as in sum. NaN where no element is chosen.

    >>> mean(Tensor([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    Tensor([1.5, 3.5])
    """
    refuse_out("mean", out)
    if dtype is not None:
        a = astype(as_tensor(a), dtype)
        if a.dtype.kind in "biu":
            return astype(mean(a, axis, keepdims=keepdims, where=where), dtype)
    if where is not True:
        a, where = as_tensor(a), as_mask("mean", where)
        counts = np.sum(np.broadcast_to(where, a.shape), axis, keepdims=keepdims)
        chosen = sum(a if a.dtype.kind in "fc" else a.astype(np.float64), axis, keepdims=keepdims, where=where)
        return choose(counts > 0, chosen / np.maximum(counts, 1).astype(chosen.dtype), np.array(np.nan, chosen.dtype))
    return over(Mean, axis, ndim(a), keepdims)(a)


@implements(np.max, np.amax, bare=True)
def max(a: Any, axis: Any = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = True) -> Tensor:
    """Largest element of a along some axes. Elements that tie share the gradient equally.

    Arguments as in sum; initial is a number beside which the elements are held, and where needs it.

    >>> max(Tensor([[1.0, 4.0], [3.0, 2.0]]), axis=1)
    Tensor([4., 3.])
    """
    refuse_out("max", out)
    if initial is not None or where is not True:
        return _beside_initial(max, maximum, a, axis, keepdims, initial, where)
    return over(Max, axis, ndim(a), keepdims)(a)


@implements(np.min, np.amin, bare=True)
def min(a: Any, axis: Any = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = True) -> Tensor:
    """Smallest element of a along some axes. Elements that tie share the gradient equally; arguments as in max.

    >>> min(Tensor([[1.0, 4.0], [3.0, 2.0]]), axis=1)
    Tensor([1., 2.])
    """
    refuse_out("min", out)
    if initial is not None or where is not True:
        return _beside_initial(min, minimum, a, axis, keepdims, initial, where)
    return over(Min, axis, ndim(a), keepdims)(a)


def _beside_initial(
    extreme: Callable[..., Tensor], of_two: Callable[..., Tensor], a: Any, axis: Any, keepdims: bool, initial: Any, where: Any
) -> Tensor:
    """The extreme of the elements that where chooses, and of initial, which stands in the place of the others."""
    if initial is None:
        raise ValueError(f"{extreme.__name__}: where chooses elements, and of none there is no {extreme.__name__}; give initial as well")
    a = as_tensor(a)
    initial = in_dtype(initial, a.dtype)
    if where is not True:
        a = choose(as_mask(extreme.__name__, where), a, initial)
    if not a.size:
        return sum(a, axis, a.dtype, keepdims=keepdims) + initial
    return of_two(extreme(a, axis, keepdims=keepdims), initial)


@lru_cache(maxsize=4096, typed=True)
def over(kind: type[Reduction], axis: int | tuple[int, ...] | None, ndim: int, keepdims: bool, *settings: Any) -> Callable[..., Tensor]:
    """What records the op that reduces the given axes (None: all) of an array with ndim axes. Raises AxisError for one that is not there."""
    if ndim == 0 and axis in (0, -1) and kind.number_has_axis_0:
        axis = None
    axes = range(ndim) if axis is None else sorted(np.lib.array_utils.normalize_axis_tuple(axis, ndim, kind.__name__.lower()))
    return kind(tuple(axes), bool(keepdims), *settings).record
