"""Sums and products along an axis, so far or in all, and differences between neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.op import Op, implements
from ..engine.tensor import Tensor
from .elementwise import astype, refuse_out, where as choose
from .operands import as_mask, as_tensor, in_dtype, strong, together
from .reduce import Reduction, over
from .shape import broadcast_to, concatenate, ravel, reshape


class CumSum(Op):
    """Sum so far along an axis.

    out[k] = x[0] + ... + x[k]

    Shapes    out has the shape of x.
    Gradient  dL/dx[i] = g[i] + ... + g[n - 1], the sum from behind
    Keeps     nothing.
    """

    axis: int

    def forward(self, x):
        return np.cumsum(x, self.axis)

    def grad_x(self, g):
        return _reversed(np.cumsum(_reversed(g, self.axis), self.axis), self.axis)


class Recurrence(Op):
    """A linear recurrence along an axis.

    out[k] = b[k] + a[k] * out[k - 1], where out[-1] is 0

    Shapes    a and b have one shape, and out has it.
    Gradient  dL/db[k] = h[k], the recurrence from behind: h[k] = g[k] + a[k + 1] * h[k + 1]
              dL/da[k] = h[k] * out[k - 1]
    Keeps     a; out for dL/da.
    """

    axis: int

    def forward(self, a, b):
        out = np.array(b, np.result_type(a, b))
        rows, factors = np.moveaxis(out, self.axis, 0), np.moveaxis(a, self.axis, 0)
        for k in range(1, len(rows)):
            rows[k] += factors[k] * rows[k - 1]
        return out

    def grad_a(self, g, a, out):
        return self.grad_b(g, a) * _shifted(out, self.axis, 0)

    def grad_b(self, g, a):
        ahead = _reversed(_shifted(_reversed(a, self.axis), self.axis, 0), self.axis)     # a[k + 1], and 0 at the end
        return _reversed(self.in_rule(_reversed(ahead, self.axis), _reversed(g, self.axis)), self.axis)


class CumProd(Op):
    """Product so far along an axis.

    out[k] = x[0] * ... * x[k]

    Shapes    out has the shape of x.
    Gradient  dL/dx[i] = out[i - 1] * h[i], with h[i] = g[i] + x[i + 1] * h[i + 1]: nothing is divided, so zeros do no harm.
    Keeps     x and out.
    """

    axis: int

    def forward(self, x):
        return np.cumprod(x, self.axis)

    def grad_x(self, g, x, out):
        return _shifted(out, self.axis, 1) * Recurrence(self.axis).grad_b(g, x)


class Prod(Reduction):
    """Product over some axes.

    out[j] = product of x[i, j] over i, where i stands for the reduced axes

    Shapes    out has the shape of x without the reduced axes, or with size 1 there if keepdims.
    Gradient  dL/dx[i, j] = g[j] * the product of the other x[k, j]: of those before it and those behind it, so zeros do no harm.
    Keeps     x.
    """

    number_has_axis_0 = True

    def forward(self, x):
        return np.multiply.reduce(x, axis=self.axis, keepdims=self.keepdims)

    def grad_x(self, g, x):
        others = [i for i in range(len(x.shape)) if i not in self.axis]
        order = (*others, *self.axis)
        moved = x.transpose(order)
        rows = moved.reshape(*(x.shape[i] for i in others), self.count(x.shape))
        before = _shifted(np.cumprod(rows, -1), -1, 1)
        behind = _reversed(_shifted(np.cumprod(_reversed(rows, -1), -1), -1, 1), -1)
        back = tuple(int(i) for i in np.argsort(order))
        return self.spread(g, x.shape) * (before * behind).reshape(moved.shape).transpose(back)


def _reversed(x: Any, axis: int) -> Any:
    return x[(*(slice(None),) * (axis % len(x.shape)), slice(None, None, -1))]


def _shifted(x: Any, axis: int, first: float) -> Any:
    """x moved on by one along an axis, with a first value before it."""
    axis = axis % len(x.shape)
    shape = tuple([min(1, n) if i == axis else n for i, n in enumerate(x.shape)])
    return np.concatenate([np.full(shape, first, x.dtype), x[(*(slice(None),) * axis, slice(None, -1))]], axis)


def _along(function: str, a: Any, axis: int | None, dtype: Any, out: Any) -> tuple[Tensor, int]:
    """a in a dtype, and the number of an axis; for None the elements of a along one."""
    refuse_out(function, out)
    a = as_tensor(a)
    if axis is None or not a.ndim:
        a, axis = ravel(a), 0
    axis = np.lib.array_utils.normalize_axis_index(axis, a.ndim, function)
    return (a if dtype is None else astype(a, dtype, copy=False)), axis


@implements(np.cumsum, bare=True)
def cumsum(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Tensor:
    """The sum so far along an axis, or over all elements for None.

    >>> cumsum(Tensor([1.0, 2.0, 3.0]))
    Tensor([1., 3., 6.])
    """
    a, axis = _along("cumsum", a, axis, dtype, out)
    return CumSum(axis)(a)


@implements(np.cumprod, bare=True)
def cumprod(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Tensor:
    """The product so far along an axis, or over all elements for None. Zeros have exact gradients.

    >>> cumprod(Tensor([1.0, 2.0, 3.0]))
    Tensor([1., 2., 6.])
    """
    a, axis = _along("cumprod", a, axis, dtype, out)
    return CumProd(axis)(a)


@implements(np.cumulative_sum)
def cumulative_sum(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, out: None = None, include_initial: bool = False
) -> Tensor:
    """The sum so far along an axis, which only a vector may leave out; with include_initial a 0 comes first.

    >>> cumulative_sum(Tensor([1.0, 2.0]), include_initial=True)
    Tensor([0., 1., 3.])
    """
    return _cumulative(cumsum, 0, x, axis, dtype, out, include_initial)


@implements(np.cumulative_prod)
def cumulative_prod(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, out: None = None, include_initial: bool = False
) -> Tensor:
    """The product so far along an axis, which only a vector may leave out; with include_initial a 1 comes first.

    >>> cumulative_prod(Tensor([2.0, 3.0]), include_initial=True)
    Tensor([1., 2., 6.])
    """
    return _cumulative(cumprod, 1, x, axis, dtype, out, include_initial)


def _cumulative(function: Any, first: float, x: Any, axis: int | None, dtype: Any, out: None, include_initial: bool) -> Tensor:
    x = as_tensor(x)
    x = x if x.ndim else reshape(x, (1,))
    if axis is None and x.ndim != 1:
        raise ValueError(f"{function.__name__}: x has shape {x.shape}; axis may be left out only for one axis")
    axis = np.lib.array_utils.normalize_axis_index(0 if axis is None else axis, x.ndim)
    result = function(x, axis, dtype, out)
    if include_initial:
        shape = tuple([1 if i == axis else n for i, n in enumerate(result.shape)])
        result = concatenate([np.full(shape, first, result.dtype), result], axis)
    return result


@implements(np.prod, bare=True)
def prod(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Tensor:
    """The product of the elements along some axes. Zeros have exact gradients: of one zero the product of the others, of two all 0.

    >>> prod(Tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    Tensor([3., 8.])
    """
    refuse_out("prod", out)
    a = as_tensor(a)
    if where is not True:
        a = choose(as_mask("prod", where), a, np.ones((), a.dtype))
    dtype = np.prod(np.zeros(0, a.dtype)).dtype if dtype is None else dtype
    result = over(Prod, axis, a.ndim, keepdims)(astype(a, dtype, copy=False))
    return result if initial is None else result * in_dtype(initial, dtype)


@implements(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Tensor:
    """The differences of neighbours along an axis, n times; prepend and append are put before and behind a first.

    >>> diff(Tensor([1.0, 4.0, 9.0]))
    Tensor([3., 5.])
    """
    prepend, append = (None if more is np._NoValue else more for more in (prepend, append))
    parts = together(*[strong(part) for part in (prepend, a, append) if part is not None])
    a = as_tensor(parts[0 if prepend is None else 1])
    if n < 0:
        raise ValueError(f"diff: n is {n}; it needs to be 0 or more")
    if n == 0:
        return a                # as it is: NumPy puts nothing before it and nothing behind
    if not a.ndim:
        raise ValueError("diff: a has no axes; it needs at least one")
    axis = np.lib.array_utils.normalize_axis_index(axis, a.ndim)
    if len(parts) > 1:
        shape = tuple([1 if i == axis else size for i, size in enumerate(a.shape)])
        a = concatenate([part if part.ndim else broadcast_to(part, shape) for part in parts], axis)
    before = (slice(None),) * axis
    for _ in range(n):
        following, leading = a[(*before, slice(1, None))], a[(*before, slice(None, -1))]
        a = following != leading if a.dtype == np.bool_ else following - leading
    return a


@implements(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Tensor:
    """The differences of neighbours among all elements, with numbers before and behind them if given, all in the dtype of ary.

    >>> ediff1d(Tensor([1.0, 4.0, 9.0]), to_end=0.0)
    Tensor([3., 5., 0.])
    """
    before, ary, behind = map(ravel, together(*[[] if part is None else strong(part) for part in (to_begin, ary, to_end)]))
    for name, part in ("to_begin", before), ("to_end", behind):
        if part.size and not np.can_cast(part.dtype, ary.dtype, "same_kind"):
            raise TypeError(f"ediff1d: {name} has dtype {part.dtype}, which casting='same_kind' does not convert to that of ary, {ary.dtype}")
    differences = ary[1:] - ary[:-1]
    if not (before.size or behind.size):
        return differences
    return concatenate([astype(part, ary.dtype, copy=False) for part in (before, differences, behind)])


@implements(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Tensor:
    """The integral of y along an axis by the trapezoidal rule, over the places x or in steps of dx; both may have gradients.

    >>> trapezoid(Tensor([1.0, 2.0, 3.0]))
    Tensor(4.)
    """
    if x is not None:
        y, x = together(y, x)
        dx = diff(x, axis=axis if x.ndim > 1 else -1)           # with fewer axes than y, x has this one counted from the end
    y = as_tensor(y)
    axis = np.lib.array_utils.normalize_axis_index(axis, y.ndim)
    if x is not None and x.ndim == 1:
        dx = reshape(dx, [-1 if i == axis else 1 for i in range(y.ndim)])
    before = (slice(None),) * axis
    return (dx * (y[(*before, slice(1, None))] + y[(*before, slice(None, -1))]) / 2).sum(axis=axis)


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """The slope of f along each axis, by central differences inside and one-sided ones at the ends, of order edge_order.

    varargs are the distance of neighbours for all axes, or one for each, or the places along each. A tuple with one tensor for each axis, or
    a tensor for one axis.

    >>> gradient(Tensor([1.0, 4.0, 9.0]))
    Tensor([3., 4., 5.])
    """
    f, *given = map(_floating, together(f, *varargs))
    axes = range(f.ndim) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, f.ndim)
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order is {edge_order}; it needs to be 1 or 2")
    if len(varargs) not in (0, 1, len(axes)):
        raise TypeError(f"gradient: {len(varargs)} distances were given for {len(axes)} axes")
    distances = given * (len(axes) if len(given) == 1 else 1) or [Tensor(1.0, f.dtype)] * len(axes)
    found = [astype(_slope(f, axis, distance, edge_order), f.dtype, copy=False) for axis, distance in zip(axes, distances)]
    return found[0] if len(found) == 1 else tuple(found)


def _floating(x: Any) -> Tensor:
    """x as a tensor, of whole numbers in float64: their differences could be too large, or too small, for the dtype that they have."""
    x = as_tensor(x)
    return x.astype(np.float64) if x.dtype.kind in "iu" else x


def _slope(f: Tensor, axis: int, distance: Any, edge_order: int) -> Tensor:
    n, before = f.shape[axis], (slice(None),) * axis
    if n < edge_order + 1:
        raise ValueError(f"gradient: f has shape {f.shape}; along axis {axis} it needs at least {edge_order + 1} elements")

    def at(start: int | None, stop: int | None) -> Tensor:
        return f[(*before, slice(start, stop))]

    if distance.ndim == 0:
        h = [distance] * 4
    else:
        steps = reshape(diff(distance), (-1, *(1,) * (f.ndim - axis - 1)))
        h = [steps[:-1], steps[1:], steps[:2], steps[-2:]]
        if steps.shape[0] != n - 1:
            raise ValueError(f"gradient: f has shape {f.shape}, and along axis {axis} {steps.shape[0] + 1} places were given")
    left, right = h[0], h[1]
    inner = at(2, None) * (left / (right * (left + right))) - at(None, -2) * (right / (left * (left + right)))
    if distance.ndim:
        inner = inner + at(1, -1) * ((right - left) / (left * right))
    first, second = (distance, distance) if distance.ndim == 0 else (h[2][:1], h[2][-1:])
    last, one_before = (distance, distance) if distance.ndim == 0 else (h[3][-1:], h[3][:1])
    if edge_order == 1:
        ends = (at(1, 2) - at(0, 1)) / first, (at(n - 1, n) - at(n - 2, n - 1)) / last
    else:
        ends = (
            at(1, 2) * ((first + second) / (first * second)) - at(2, 3) * (first / (second * (first + second)))
            - at(0, 1) * ((2 * first + second) / (first * (first + second))),
            at(n - 3, n - 2) * (last / (one_before * (one_before + last))) - at(n - 2, n - 1) * ((one_before + last) / (one_before * last))
            + at(n - 1, n) * ((2 * last + one_before) / (last * (one_before + last))),
        )
    return concatenate([ends[0], inner, ends[1]], axis)
