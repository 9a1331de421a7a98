"""Norms of vectors and matrices, and condition numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.op import Fused, implements
from ..engine.tensor import Tensor
from ..ops.decompositions import is_zero, matrices, svdvals
from ..ops.elementwise import abs_, astype, where
from ..ops.linalg import inv, square
from ..ops.operands import as_tensor
from ..ops.reduce import Reduction, max as max_of, min as min_of, over, sum as sum_of


class Norm(Fused, Reduction):
    """Norm over some axes: the length of the vector of all elements along them.

    out[j] = (sum of |x[i, j]|**ord over i)**(1 / ord), where i stands for the reduced axes; for ord inf the largest |x[i, j]|, for
    -inf the smallest

    Shapes    out has the shape of x without the reduced axes, or with size 1 there if keepdims.
    Gradient  dL/dx[i, j] = g[j] * sign(x[i, j]) * (|x[i, j]| / out[j])**(ord - 1)
              For ord inf and -inf g[j] * sign(x[i, j]) / t where |x[i, j]| = out[j], t being how many do, else 0: ties share equally.
              Where out is 0 there is a kink, as that of |x| at 0: there it is 0, at every order, and so it is where x is.
    Keeps     x and out.
    Source    Higham (2002), Accuracy and stability of numerical algorithms, section 27.5, for the scaling.

    Powers of 1e30 do not fit into float32, so x is divided by its largest element first (its smallest, if ord is negative) where that
    is needed; it cancels.
    """

    ord: float = 2.0
    real = True

    def forward(self, x):
        wide = x.astype(np.float32) if x.dtype == np.float16 else x
        with np.errstate(all="ignore"):
            out = None
            if self.ord == 2:
                squares, limits = self.squares(wide), np.finfo(wide.dtype)
                if np.all((squares >= limits.tiny / limits.eps) & (squares <= limits.max)):
                    out = np.sqrt(squares)
            if out is None:
                out = self.scaled(wide)
        return out.astype(x.dtype, copy=False)

    def squares(self, x):
        """The sum of the squares."""
        if self.axis != tuple(range(x.ndim - len(self.axis), x.ndim)):
            return np.add.reduce(x * x, axis=self.axis, keepdims=self.keepdims)
        rows = x.reshape(*x.shape[: x.ndim - len(self.axis)], self.count(x.shape))
        return np.vecdot(rows, rows).reshape(self.with_size_1(x.shape) if self.keepdims else rows.shape[:-1])[()]

    def scaled(self, x):
        """The norm, whatever the size of x."""
        x = np.abs(x)
        if self.ord == 1:
            return np.add.reduce(x, axis=self.axis, keepdims=self.keepdims)
        scale = self.extreme(x)
        if not np.isinf(self.ord):
            by = np.where((scale == 0) | np.isinf(scale), 1, scale)
            total = np.add.reduce((x / by) ** self.ord, axis=self.axis, keepdims=True)
            scale = np.where(scale == 0, 0, by * total ** (1 / self.ord))
        return scale if self.keepdims else np.squeeze(scale, self.axis)[()]

    def extreme(self, x):
        """The largest of x, which is not negative, or the smallest if ord is negative, with size 1 on the axes; 0 of nothing."""
        if self.ord > 0:
            return np.max(x, axis=self.axis, keepdims=True, initial=0)
        return np.min(x, axis=self.axis, keepdims=True)

    def backward(self, g, x, out):
        shape = self.with_size_1(x.shape)
        dtype = np.float32 if x.dtype == np.float16 else x.dtype
        g, out = (a.astype(dtype, copy=False).reshape(shape) for a in (g, out))
        if self.ord == 1:
            return (np.sign(x) * g,)
        if np.isinf(self.ord):
            chosen = np.abs(x) == out
            ties = np.maximum(1, np.add.reduce(chosen, axis=self.axis, keepdims=True, dtype=dtype))
            return (np.where(chosen, np.sign(x) * (g / ties), 0),)
        with np.errstate(all="ignore"):
            grad = np.divide(x, np.where(out == 0, 1, out), dtype=dtype)        # not by g / out, which may be too small
            if self.ord != 2:
                grad = np.where(grad == 0, 0, np.copysign(np.abs(grad) ** (self.ord - 1), grad))
            grad = grad * np.where(out == 0, 0, g)
        return (grad,)

    def composed(self, x):
        wide = abs_(x.astype(np.float32) if x.dtype == np.float16 else x)
        if self.ord == 1 or not self.count(x.shape):        # of nothing all are 0
            return sum_of(wide, self.axis, keepdims=self.keepdims).astype(x.dtype, copy=False)
        if np.isinf(self.ord):
            extreme = max_of if self.ord > 0 else min_of
            return extreme(wide, self.axis, keepdims=self.keepdims).astype(x.dtype, copy=False)
        with np.errstate(all="ignore"):
            scale = self.extreme(wide.data)
            by = np.where((scale == 0) | np.isinf(scale), 1, scale)     # a constant: what its gradient would be cancels
            is_zero = wide == 0
            powers = np.where(is_zero, 0, np.where(is_zero, 1, wide / by) ** self.ord)
            total = sum_of(powers, self.axis, keepdims=True)
            is_zero = scale == 0
            out = np.where(is_zero, 0, by * np.where(is_zero, 1, total) ** (1 / self.ord))
        out = out if self.keepdims else out.reshape(tuple([n for i, n in enumerate(x.shape) if i not in self.axis]))
        return out.astype(x.dtype, copy=False)


@implements(np.linalg.norm, bare=True)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Norm of a vector or a matrix, or of those that lie along some axes of x.

    Parameters
        x         tensor or array of any shape.
        ord       None for the square root of the sum of all squares. For vectors p, the sum of |x|**p to the power 1 / p; inf, -inf
                  for the largest and the smallest |x|; 0 for how many are not 0, which has no gradient. For matrices "fro", as None;
                  inf, -inf for the largest and smallest sum of |x| along a row; 1, -1 along a column; 2, -2 for the largest and smallest
                  singular value, "nuc" for the sum of these.
        axis      int for vectors, two ints for matrices; None for all of x, which with an ord needs to have one axis or two.
        keepdims  whether each reduced axis stays, with size 1.
    Returns a tensor. The gradient of the norm of zeros is 0.
    Raises AxisError if x has no such axis, ValueError for an ord that there is not.

    >>> norm(Tensor([3.0, 4.0]))
    Tensor(5.)
    >>> norm(Tensor([[1.0, -2.0], [3.0, 4.0]]), 1, axis=1)
    Tensor([3., 7.])
    """
    matrix = as_tensor(x)
    if matrix.dtype.kind not in "fc":
        matrix = astype(matrix, np.float64)
    x = abs_(matrix) if matrix.dtype.kind == "c" else matrix
    if axis is None:
        axes = tuple(range(x.ndim))
        if ord is not None and x.ndim not in (1, 2):
            raise ValueError(f"norm: x has {x.ndim} axes and ord={ord!r}; say which one or two axes are meant: axis=...")
    else:
        axes = np.lib.array_utils.normalize_axis_tuple(axis, x.ndim, "norm")
        if len(axes) not in (1, 2):
            raise ValueError(f"norm: axis={axis!r}; it needs to be one axis for vectors, or two for matrices")
    if ord is None or (ord == "fro" and len(axes) == 2):
        return over(Norm, axes, x.ndim, keepdims, 2.0)(x)
    if not x.size:
        return _of_nothing(x, axes, keepdims, np.linalg.norm(matrix.data, ord, axis, keepdims))
    if len(axes) == 1 and not isinstance(ord, str):
        return norm_along(x, axes, float(ord), keepdims)
    if len(axes) == 2 and ord in (1, -1, np.inf, -np.inf):
        rows, columns = axes
        summed, other = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = sum_of(abs_(x), summed, keepdims=True)
        out = (max_of if ord > 0 else min_of)(sums, other, keepdims=True)
        return out if keepdims else sum_of(out, axes)       # of one element each
    if len(axes) == 2 and ord in (2, -2, "nuc"):
        values = svdvals(matrix.transpose([i for i in range(x.ndim) if i not in axes] + list(axes)))
        values = where(is_zero(values), values.detach(), values)        # kinks, as that of |x|
        out = {2: max_of, -2: min_of, "nuc": sum_of}[ord](values, -1)
        return out.reshape([1 if i in axes else n for i, n in enumerate(x.shape)]) if keepdims else out
    known = "None, 'fro', 'nuc', 1, -1, 2, -2, inf or -inf for a matrix" if len(axes) == 2 else "None or a number for a vector"
    raise ValueError(f"norm: ord={ord!r}; it needs to be {known}")


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: float | None = 2) -> Tensor:
    """Norm of x as a vector: of all elements, or of those along one axis or several. ord as in norm.

    >>> vector_norm(Tensor([[3.0, 0.0], [0.0, 4.0]]))
    Tensor(5.)
    """
    x = as_tensor(x)
    if isinstance(ord, str):
        raise ValueError(f"vector_norm: ord={ord!r}; it needs to be a number")
    if x.dtype.kind != "f":
        x = abs_(x) if x.dtype.kind == "c" else astype(x, np.float64)
    axes = tuple(range(x.ndim)) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, x.ndim, "vector_norm")
    ord = 2.0 if ord is None else float(ord)
    if not x.size:
        return _of_nothing(x, axes, keepdims, np.linalg.vector_norm(x.data, axis=axes, keepdims=keepdims, ord=ord))
    return norm_along(x, axes, ord, keepdims)


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """Norm of the matrices along the last two axes of x. ord as in norm.

    >>> matrix_norm(Tensor([[3.0, 0.0], [0.0, 4.0]]), ord="nuc")
    Tensor(7.)
    """
    return norm(x, ord, (-2, -1), keepdims)


@implements(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Tensor:
    """Condition number of a matrix, or of each of those along the last two axes: norm(x, p) * norm(inv(x), p).

    Parameters
        x  (..., m, n); square unless p is None, 2 or -2.
        p  an ord of norm for matrices; None as 2: the largest singular value divided by the smallest; -2 for its reciprocal.
    Returns a tensor (...); inf for a singular matrix, whose gradient is not finite.
    Raises LinAlgError if x is empty, or needs to be square and is not.

    >>> cond(Tensor([[4.0, 0.0], [0.0, 2.0]]))
    Tensor(2.)
    """
    x = matrices("cond", x)
    if not x.shape[-1] * x.shape[-2]:
        raise np.linalg.LinAlgError(f"cond: x has shape {x.shape}; an empty matrix has no condition number")
    if p in (None, 2, -2):
        values = svdvals(x)
        above, below = (values[..., -1], values[..., 0]) if p == -2 else (values[..., 0], values[..., -1])
        with np.errstate(divide="ignore"):
            return (above + (below.data == 0)) / below          # 0 / 0 is infinite too
    x = square("cond", x)
    singular = np.linalg.slogdet(x.data).sign == 0
    inverse = inv(where(singular[..., None, None], np.eye(x.shape[-1], dtype=x.dtype), x))
    out = norm(x, p, (-2, -1)) * norm(inverse, p, (-2, -1))
    return (out + singular) * np.where(singular, np.inf, 1).astype(out.dtype)


def _of_nothing(x: Tensor, axes: tuple[int, ...], keepdims: bool, value: Any) -> Tensor:
    """The norm, value, of an x without elements: it has the gradient of a sum over them."""
    return sum_of(x, axes, keepdims=keepdims) + value


def norm_along(x: Tensor, axes: tuple[int, ...], ord: float, keepdims: bool) -> Tensor:
    """The norm of any number as ord, over axes."""
    if math.isnan(ord):
        raise ValueError("norm: ord is NaN; it needs to be a number")
    if ord == 0:
        return sum_of((x != 0).astype(x.dtype), axes, keepdims=keepdims)
    return over(Norm, axes, x.ndim, keepdims, ord)(x)
