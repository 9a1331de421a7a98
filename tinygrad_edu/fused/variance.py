"""Variance and standard deviation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.op import Fused, implements
from ..engine.tensor import Tensor
from ..ops.elementwise import astype, refuse_out, where as choose
from ..ops.operands import as_mask, as_tensor, refuse_whole_dtype
from ..ops.reduce import Reduction, over, sum as sum_of


class Spread(Fused, Reduction):
    """What variance and standard deviation share: deviations from the mean, and what the sum of their squares is divided by.

    The first element is subtracted before the mean is taken, which changes nothing but the rounding: a large mean costs no digits, and
    the deviations of constants are 0, where those from a mean that is rounded are not.
    """

    ddof: float = 0
    real = True

    def deviations(self, x: Any, mean: Any = None) -> tuple[Any, Any]:
        """x minus its mean; and the mean of x minus its first element, which may be given."""
        out: Any = np.asarray(x - self.first(x), dtype=np.float32 if x.dtype == np.float16 else None)
        if mean is None:
            mean = self.mean(out)
            mean = mean + self.mean(out - mean)         # what rounding left in the sum
        out -= mean
        return out, mean

    def mean(self, x: Any) -> Any:
        return np.add.reduce(x, axis=self.axis, keepdims=True) / self.count(x.shape)

    def first(self, x: Any) -> Any:
        """The first of the elements that become one."""
        return x[tuple([slice(1) if i in self.axis else slice(None) for i in range(len(x.shape))])]

    def freedom(self, x_shape: tuple[int, ...]) -> float:
        """What the sum of the squares is divided by."""
        return max(0, self.count(x_shape) - self.ddof)

    def variance(self, x: Any) -> tuple[Any, Any]:
        with np.errstate(divide="ignore", invalid="ignore"):        # of no elements, or not more than ddof, it is NaN or infinite
            squares, mean = self.deviations(x)
            squares *= squares
            return np.sum(squares, axis=self.axis, keepdims=self.keepdims) / self.freedom(x.shape), mean

    def composed_variance(self, x: Tensor) -> Tensor:
        x = x.astype(np.float32) if x.dtype == np.float16 else x
        with np.errstate(divide="ignore", invalid="ignore"):
            x = x - self.first(x).detach()              # which cancels, and so does its gradient
            x = x - np.mean(x, axis=self.axis, keepdims=True)
            x = x - np.mean(x, axis=self.axis, keepdims=True)
            variance = np.mean(x * x, axis=self.axis, keepdims=self.keepdims)
            return variance * np.divide(self.count(x.shape), self.freedom(x.shape)).item() if self.ddof else variance


class Var(Spread):
    """Variance over some axes.

    out[j] = sum of (x[i, j] - mean[j])**2 over i / (n - ddof), where i stands for the reduced axes, which hold n elements

    Shapes    out has the shape of x without the reduced axes, or with size 1 there if keepdims.
    Gradient  dL/dx[i, j] = g[j] * 2 * (x[i, j] - mean[j]) / (n - ddof)
              The path through mean adds nothing, because the deviations sum to 0.
    Keeps     x, and its mean.
    Source    Chan, Golub and LeVeque (1983), Algorithms for computing the sample variance: in two passes, after a shift.
    """

    def forward(self, x):
        if x.dtype.kind != "f":
            return np.var(x, axis=self.axis, ddof=self.ddof, keepdims=self.keepdims), {"mean": None}
        out, mean = self.variance(x)
        return out.astype(x.dtype, copy=False), {"mean": mean}

    def backward(self, g, x, mean):
        grad, _ = self.deviations(x, mean)
        with np.errstate(divide="ignore", invalid="ignore"):        # as in forward
            grad *= g.astype(grad.dtype, copy=False).reshape(self.with_size_1(x.shape)) * np.divide(2, self.freedom(x.shape)).item()
        return (grad,)

    def composed(self, x):
        return self.composed_variance(x).astype(x.dtype, copy=False)


class Std(Spread):
    """Standard deviation over some axes.

    out[j] = sqrt(sum of (x[i, j] - mean[j])**2 over i / (n - ddof)), where i stands for the reduced axes, which hold n elements

    Shapes    out has the shape of x without the reduced axes, or with size 1 there if keepdims.
    Gradient  dL/dx[i, j] = g[j] * (x[i, j] - mean[j]) / ((n - ddof) * out[j])
              Where all elements are equal there is a kink, as that of |x| at 0: there it is 0, at every order.
    Keeps     x, its mean, and out.
    Source    Chan, Golub and LeVeque (1983), Algorithms for computing the sample variance: in two passes, after a shift.
    """

    def forward(self, x):
        if x.dtype.kind != "f":
            return np.std(x, axis=self.axis, ddof=self.ddof, keepdims=self.keepdims), {"mean": None}
        out, mean = self.variance(x)
        return np.sqrt(out).astype(x.dtype, copy=False), {"mean": mean}

    def backward(self, g, x, mean, out):
        grad, _ = self.deviations(x, mean)
        out = out.astype(grad.dtype, copy=False)
        scale = g / (np.where(out == 0, 1, out) * self.freedom(x.shape))
        grad *= scale.reshape(self.with_size_1(x.shape))            # the deviations of constants are 0
        return (grad,)

    def composed(self, x):
        return _root(self.composed_variance(x)).astype(x.dtype, copy=False)


def _root(variance: Tensor) -> Tensor:
    """The square root, with all derivatives 0 at 0."""
    is_zero = variance == 0
    return choose(is_zero, 0, choose(is_zero, 1, variance).sqrt())


@implements(np.var, bare=True)
def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Any = True,
    mean: Any = None,
    correction: Any = None,
) -> Tensor:
    """Variance of the elements of a along some axes: the mean square deviation, divided by n - ddof; of complex numbers that of |x - mean|.

    Parameters
        a           tensor or array of any shape.
        axis        int, tuple of ints, or None for all axes; a negative one counts from the end.
        dtype       to compute in; by default that of a, and float64 for whole numbers.
        ddof        what n is reduced by; correction is its other name. With not more than ddof elements the result is NaN or infinite.
        keepdims    whether each reduced axis stays, with size 1.
        where       which elements count; broadcasts to a.
        mean        the mean, with keepdims; if it is given, the deviations are from it, and it has a gradient as well.
        out         as in NumPy, and refused.
    Returns a tensor.
    Raises AxisError if a has no such axis.

    >>> var(Tensor([1.0, 2.0, 3.0]))
    Tensor(0.6666667)
    """
    return _spread(Var, a, axis, dtype, out, ddof, keepdims, where, mean, correction)


@implements(np.std, bare=True)
def std(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Any = True,
    mean: Any = None,
    correction: Any = None,
) -> Tensor:
    """Standard deviation of the elements of a along some axes: the square root of var, with its arguments.

    Where all elements are equal its gradient is 0.

    >>> std(Tensor([1.0, 2.0, 3.0]), ddof=1)
    Tensor(1.)
    """
    return _spread(Std, a, axis, dtype, out, ddof, keepdims, where, mean, correction)


def _spread(
    op: type[Spread], a: Any, axis: Any, dtype: Any, out: None, ddof: float, keepdims: bool, where: Any, mean: Any, correction: Any
) -> Tensor:
    name = op.__name__.lower()
    refuse_out(name, out)
    if correction is not None:
        if ddof:
            raise ValueError(f"{name}: ddof and correction are two names of one argument; give one of them")
        ddof = correction
    a = as_tensor(a)
    if dtype is not None:
        refuse_whole_dtype(name, dtype)
        found = _spread(op, astype(a, dtype), axis, None, None, ddof, keepdims, where, mean, None)
        return astype(found, dtype, copy=False)         # a complex one keeps its dtype, if it is asked for
    if a.dtype.kind == "c" or np.iscomplexobj(mean):
        means = (None, None) if mean is None else (np.real(mean), np.imag(mean))
        parts = [_spread(Var, part, axis, None, None, ddof, keepdims, where, m, None) for part, m in zip((a.real, a.imag), means)]
        return parts[0] + parts[1] if op is Var else _root(parts[0] + parts[1])
    if where is not True or mean is not None:
        variance = _variance_of_some(a, axis, ddof, keepdims, where, mean)
        return variance if op is Var else _root(variance)
    return over(op, axis, a.ndim, keepdims, ddof)(a)


def _variance_of_some(a: Tensor, axis: Any, ddof: float, keepdims: bool, where: Any, mean: Any) -> Tensor:
    """The variance from primitives, of the elements that count, or about a mean that is given."""
    if a.dtype == np.float16:
        return _variance_of_some(astype(a, np.float32), axis, ddof, keepdims, where, mean).astype(np.float16)
    where = as_mask("var", where)
    count = np.sum(np.broadcast_to(where, a.shape), axis=axis, keepdims=True, dtype=a.dtype if a.dtype.kind == "f" else np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        if mean is None:
            mean = sum_of(a, axis=axis, where=where, keepdims=True) / count
        squares = np.square(choose(where, a, mean) - mean)
        variance = sum_of(squares, axis=axis, keepdims=True) / np.maximum(0, count - ddof)
    return variance if keepdims else sum_of(variance, axis=axis)        # of one element each
