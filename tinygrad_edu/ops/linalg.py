"""Products of matrices, linear equations, inverses and determinants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from operator import index
from typing import Any, NamedTuple

import numpy as np

from ..engine.op import Op, implements
from ..engine.tensor import Tensor, wrap
from ..errors import ShapeError
from .complex_numbers import sign as sign_of
from .elementwise import refuse_out, where
from .operands import as_tensor, together, values_of
from .shape import copy, expand_dims, ndim, squeeze


class MatMul(Op):
    """Matrix product over the last two axes; the axes before them broadcast.

    out = a @ b

    Shapes    a (..., n, k), b (..., k, m), out (..., n, m); vectors are made matrices by matmul.
    Gradient  dL/da = g @ b.T    (n, m) @ (m, k)
              dL/db = a.T @ g    (k, n) @ (n, m)
    Keeps     b for dL/da and a for dL/db.
    Source    Giles (2008), Collected matrix derivative results for forward and reverse
              mode algorithmic differentiation.
    """

    broadcasts = True

    def forward(self, a, b):
        return product(a, b)

    def grad_a(self, g, b):
        return product(g, transposed(b))

    def grad_b(self, g, a, b_shape):
        if len(b_shape) == 2 < len(a.shape):    # one matrix for a whole batch: one product in place of a batch of them and a sum
            rows = math.prod(a.shape[:-1])          # not -1, which a product of size 0 leaves open
            return product(a.reshape(rows, a.shape[-1]).T, g.reshape(rows, g.shape[-1]))
        return product(transposed(a), g)

    def mismatch(self, a_shape, b_shape):
        if len(a_shape) < 2 or len(b_shape) < 2:
            return "each needs at least one axis"
        if a_shape[-1] != b_shape[-2]:
            return f"the last axis of a ({a_shape[-1]}) and the second to last of b ({b_shape[-2]}) must be equal"
        return f"the axes before the last two, {a_shape[:-2]} and {b_shape[:-2]}, do not broadcast"


_MATMUL = MatMul()


@implements(np.matmul, np.linalg.matmul, bare=True)
def matmul(a: Any, b: Any) -> Tensor:
    """The matrix product a @ b. A vector on the left is a row, on the right a column, and that axis is not in the result.

    >>> matmul(Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([1.0, 1.0]))
    Tensor([3., 7.])
    """
    if ndim(a) != 1 != ndim(b):
        return _MATMUL(a, b)
    a, b = together(a, b)
    row, column = a.ndim == 1, b.ndim == 1
    if row:
        a = expand_dims(a, 0)
    if column:
        b = expand_dims(b, 1)
    out = _MATMUL(a, b)
    return squeeze(out, (-2, -1) if row and column else -2 if row else -1)


class Inv(Op):
    """Inverse of square matrices.

    out @ a = a @ out = identity

    Shapes    a and out (..., n, n)
    Gradient  dL/da = -out.T @ g @ out.T, because d(inv(a)) = -inv(a) @ da @ inv(a)
    Keeps     out.
    Source    Giles (2008), section 2.2.3.
    """

    def forward(self, a):
        return np.linalg.inv(a)

    def grad_a(self, g, out):
        return -product(product(transposed(out), g), transposed(out))


class Solve(Op):
    """Solution of linear equations, a column of b for each right-hand side; the axes before the last two broadcast.

    a @ out = b

    Shapes    a (..., n, n), b and out (..., n, k); a vector is made a column by solve.
    Gradient  dL/db = solve(a.T, g)
              dL/da = -solve(a.T, g) @ out.T
    Keeps     a, and out for dL/da.
    Source    Giles (2008), section 2.3.1.
    """

    broadcasts = True

    def forward(self, a, b):
        return np.linalg.solve(a, b)

    def grad_a(self, g, a, out):
        return -product(np.linalg.solve(transposed(a), g), transposed(out))

    def grad_b(self, g, a):
        return np.linalg.solve(transposed(a), g)

    def mismatch(self, a_shape, b_shape):
        if len(a_shape) < 2 or a_shape[-1] != a_shape[-2]:
            return "the last two axes of a must be equal"
        if a_shape[-1] != b_shape[-2]:
            return f"the second to last axis of b ({b_shape[-2]}) must be as long as those of a ({a_shape[-1]})"
        return f"the axes before the last two, {a_shape[:-2]} and {b_shape[:-2]}, do not broadcast"


class Det(Op):
    """Determinant of square matrices.

    out = det(a)

    Shapes    a (..., n, n), out (...)
    Gradient  dL/da = g * adjugate(a).T, the cofactors; of an invertible matrix they are out * inv(a).T. A determinant is a polynomial,
              so that it has derivatives of every order at singular matrices too.
    Keeps     a and out.
    Source    Giles (2008), section 2.2.4, which is Jacobi's formula; see adjugate for singular matrices.
    """

    def forward(self, a):
        return np.linalg.det(a)

    def grad_a(self, g, a, out):
        return g[..., None, None] * transposed(adjugate(a, out))


class LogAbsDet(Op):
    """Logarithm of the absolute value of the determinant of square matrices.

    out = log(|det(a)|), computed without det(a), which may be too large or too small for a number; -inf for a singular matrix

    Shapes    a (..., n, n), out (...)
    Gradient  dL/da = g * inv(a).T; NaN for a singular matrix.
    Keeps     a and out.
    Source    Giles (2008), section 2.2.4.
    """

    def forward(self, a):
        return np.linalg.slogdet(a).logabsdet

    def grad_a(self, g, a, out):
        singular = (out == -np.inf)[..., None, None]
        inverse = np.linalg.inv(np.where(singular, np.eye(a.shape[-1], dtype=a.dtype), a))
        return g[..., None, None] * transposed(np.where(singular, np.nan, inverse))


class SlogdetResult(NamedTuple):
    """What slogdet returns."""

    sign: Tensor
    logabsdet: Tensor


_INV, _SOLVE, _DET, _LOG_ABS_DET = Inv(), Solve(), Det(), LogAbsDet()


@implements(np.linalg.inv)
def inv(a: Any) -> Tensor:
    """The inverse of a matrix, or of each of those along the last two axes.

    Parameters
        a  (..., n, n)
    Returns a tensor (..., n, n).
    Raises LinAlgError if the matrices are not square, or one of them is singular.

    >>> inv(Tensor([[2.0, 0.0], [0.0, 4.0]]))
    Tensor([[0.5 , 0.  ],
            [0.  , 0.25]])
    """
    return _INV(square("inv", a))


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> Tensor:
    """The solution x of a @ x = b.

    Parameters
        a  (..., n, n)
        b  (n,) for one right-hand side, else (..., n, k) for k of them; it is a vector only if it has one axis.
    Returns a tensor, (..., n) for a vector b, else (..., n, k).
    Raises LinAlgError if the matrices are not square, or one of them is singular; ShapeError if the shapes do not fit together.

    >>> solve(Tensor([[2.0, 0.0], [0.0, 4.0]]), Tensor([2.0, 2.0]))
    Tensor([1. , 0.5])
    """
    a, b = together(a, b)
    a = square("solve", a)
    if not b.ndim:
        raise ShapeError("solve: b has no axes; it needs to have one, or two or more like a")
    if b.ndim != 1:
        return _SOLVE(a, b)
    return squeeze(_SOLVE(a, expand_dims(b, 1)), -1)


@implements(np.linalg.det)
def det(a: Any) -> Tensor:
    """The determinant of a matrix, or of each of those along the last two axes.

    Parameters
        a  (..., n, n)
    Returns a tensor (...). Its gradient is right at singular matrices too.
    Raises LinAlgError if the matrices are not square.

    >>> det(Tensor([[2.0, 1.0], [0.0, 4.0]]))
    Tensor(8.)
    """
    return _DET(square("det", a))


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> SlogdetResult:
    """Sign and logarithm of the absolute value of the determinant: det(a) = sign * exp(logabsdet).

    Parameters
        a  (..., n, n)
    Returns (sign, logabsdet), tensors (...). A real sign has no gradient, and a complex one has. Of a singular matrix it is 0, and logabsdet is -inf.
    Raises LinAlgError if the matrices are not square.

    >>> slogdet(Tensor([[2.0, 1.0], [0.0, -4.0]])).sign
    Tensor(-1.)
    """
    a = square("slogdet", a)
    with np.errstate(invalid="ignore"):         # of NaN the op of logabsdet warns
        sign, size = np.linalg.slogdet(a.data)
    if a.dtype.kind != "c":
        return SlogdetResult(wrap(sign), _LOG_ABS_DET(a))
    scale = np.exp(np.where(sign == 0, 0, size) / max(1, a.shape[-1]))[..., None, None]        # a constant, which changes no sign
    return SlogdetResult(sign_of(det(a / scale)), _LOG_ABS_DET(a))


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Tensor:
    """The product of n times the same square matrix; for a negative n that of its inverse, for 0 the identity.

    >>> matrix_power(Tensor([[1.0, 1.0], [0.0, 1.0]]), 5)
    Tensor([[1., 5.],
            [0., 1.]])
    """
    a = square("matrix_power", a)
    n = index(n)
    if n == 0:
        return where(True, np.linalg.matrix_power(a.data, 0), a)        # with a gradient, of 0
    if n < 0:
        a, n = inv(a), -n
    out = None
    while n:                        # the squares of a for which n has a one in binary
        if n % 2:
            out = a if out is None else out @ a
        n //= 2
        if n:
            a = a @ a
    return copy(a) if out is None else out


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Any], *, out: None = None) -> Tensor:
    """The product of several matrices, in the order that takes the fewest multiplications. The first and the last may be vectors.

    Parameters
        arrays  at least two, (n, k), (k, m), ...
        out     as in NumPy, and refused.

    >>> multi_dot([Tensor([[1.0, 2.0]]), Tensor([[1.0, 0.0], [0.0, 1.0]]), Tensor([3.0, 4.0])])
    Tensor([11.])
    """
    refuse_out("multi_dot", out)
    arrays = [as_tensor(a) for a in together(*arrays)]
    if len(arrays) < 2:
        raise ValueError(f"multi_dot: it multiplies at least two arrays, and got {len(arrays)}")
    for i, a in enumerate(arrays):
        if a.ndim != 2 and not (a.ndim == 1 and i in (0, len(arrays) - 1)):
            raise np.linalg.LinAlgError(f"multi_dot: arrays[{i}] has shape {a.shape}; each is a matrix, and the first and the last may be vectors")
    sizes = [*[a.shape[0] for a in arrays], arrays[-1].shape[-1]]       # arrays[i] is (sizes[i], sizes[i + 1])
    if arrays[0].ndim == 1:
        sizes[0] = 1
    if arrays[-1].ndim == 1:
        sizes[-1] = 1

    @cache
    def best(first: int, last: int) -> tuple[int, int]:
        """How many multiplications the product of arrays first to last takes, and after which of them it is split."""
        return min(
            [(best(first, i)[0] + best(i + 1, last)[0] + sizes[first] * sizes[i + 1] * sizes[last + 1], i) for i in range(first, last)],
            default=(0, last),
        )

    def multiplied(first: int, last: int) -> Tensor:
        i = best(first, last)[1]
        return arrays[first] if first == last else matmul(multiplied(first, i), multiplied(i + 1, last))

    return multiplied(0, len(arrays) - 1)


@implements(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Tensor:
    """The inverse for np.tensordot(a, x, ind): a is read as a matrix, whose rows are its first ind axes.

    >>> tensorinv(Tensor([[2.0, 0.0], [0.0, 4.0]]), ind=1)
    Tensor([[0.5 , 0.  ],
            [0.  , 0.25]])
    """
    a = as_tensor(a)
    if ind <= 0:
        raise ValueError(f"tensorinv: ind is {ind}; it needs to be at least 1")
    rows, columns = a.shape[:ind], a.shape[ind:]
    if math.prod(rows) != math.prod(columns):
        raise np.linalg.LinAlgError(f"tensorinv: a has shape {a.shape}; its first {ind} axes need to hold as many elements as the rest")
    return inv(a.reshape(math.prod(rows), math.prod(columns))).reshape(columns + rows)


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Sequence[int] | None = None) -> Tensor:
    """The solution x of np.tensordot(a, x, x.ndim) = b.

    Parameters
        a     its first axes are those of b, and the rest, which hold as many elements, those of x.
        b     any shape.
        axes  axes of a that go to its end first.

    >>> tensorsolve(Tensor([[2.0, 0.0], [0.0, 4.0]]), Tensor([2.0, 2.0]))
    Tensor([1. , 0.5])
    """
    a, b = map(as_tensor, together(a, b))
    if axes is not None:
        last = np.lib.array_utils.normalize_axis_tuple(axes, a.ndim, "tensorsolve")
        a = a.transpose([i for i in range(a.ndim) if i not in last] + list(last))
    x_shape = a.shape[b.ndim :]
    if a.size != math.prod(x_shape) ** 2 or a.size != b.size**2:
        raise np.linalg.LinAlgError(
            f"tensorsolve: a has shape {a.shape} and b {b.shape}; the axes of a after its first {b.ndim} need to hold as many elements as b"
        )
    return solve(a.reshape(b.size, b.size), b.reshape(b.size)).reshape(x_shape)


def adjugate(a: Any, det: Any) -> Any:
    """The adjugate of a, in a rule: det * inv(a), and the limit of that where a is singular, or nearly so.

    For such an a, let its singular value decomposition be held fast, a = u @ b @ vh. Then b is diagonal with the singular values, the
    smallest last, and as a function of a it is any matrix. Cut it in blocks, b22 being that of the values that are nearly 0, and take
    the Schur complement c = b22 - b21 @ inv(b11) @ b12. By block elimination

        det(b) = det(b11) * det(c)
        adjugate(b) = det(b11) * (det(c) * [inv(b11), 0; 0, 0] + [-inv(b11) @ b12; 1] @ adjugate(c) @ [-b21 @ inv(b11), 1])

    where b11 is far from singular, and det(c) and adjugate(c) are polynomials in c, which is small in both senses.

    Source    Stewart (1998), On the adjugate matrix, Linear Algebra and its Applications 283.
    """
    values = values_of(a)
    nearly = np.finfo(values.dtype).eps ** (1 / 3)
    try:
        inverse = np.linalg.inv(values)
        condition = np.max(np.abs(values), axis=(-2, -1), initial=0) * np.max(np.abs(inverse), axis=(-2, -1), initial=0)
        if not np.any(condition > 1 / nearly):
            return det[..., None, None] * (np.linalg.inv(a) if isinstance(a, Tensor) else inverse)
    except np.linalg.LinAlgError:
        pass
    u, s, vh = np.linalg.svd(values)
    k = int(np.min(np.sum(s > nearly * s[..., :1], axis=-1)))
    sign = np.sign(np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    u, v = np.conj(transposed(u)), np.conj(transposed(vh))
    b = u @ a @ v
    b11, b12, b21, b22 = b[..., :k, :k], b[..., :k, k:], b[..., k:, :k], b[..., k:, k:]
    left = np.linalg.solve(b11, b12)
    right = transposed(np.linalg.solve(transposed(b11), transposed(b21)))
    det_c, adjugate_c = _by_powers(b22 - b21 @ left)
    regular = det_c * (v[..., :k] @ np.linalg.inv(b11) @ u[..., :k, :])
    singular = (v[..., k:] - v[..., :k] @ left) @ adjugate_c @ (u[..., k:, :] - right @ u[..., :k, :])
    return sign * np.linalg.det(b11)[..., None, None] * (regular + singular)


def _by_powers(c: Any) -> tuple[Any, Any]:
    """Determinant, (..., 1, 1), and adjugate of c by the Faddeev-LeVerrier recursion: sums of its powers, for matrices that are small."""
    n = c.shape[-1]
    one = np.eye(n, dtype=c.dtype)
    adjugate, coefficient = 0 * one, 1
    for k in range(1, n + 1):
        adjugate = c @ adjugate + coefficient * one
        coefficient = -np.sum(np.sum(c @ adjugate * one, axis=-1, keepdims=True), axis=-2, keepdims=True) / k
    return (-1) ** n * coefficient, (-1) ** (n - 1) * adjugate


def square(function: str, a: Any) -> Tensor:
    """a as a tensor. Raises LinAlgError if its last two axes are not equal."""
    a = as_tensor(a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise np.linalg.LinAlgError(f"{function}: a has shape {a.shape}; it needs two axes or more, and the last two need to be equal")
    return a


def product(a: Any, b: Any) -> Any:
    """a @ b in forwards and rules."""
    if type(a) is np.ndarray is type(b) and a.ndim == 2 == b.ndim:
        return a.dot(b)                 # the same product, with half the overhead of @
    return a @ b


def transposed(a: Any) -> Any:
    """The last two axes exchanged, in forwards and rules."""
    return a.T if len(a.shape) == 2 else a.swapaxes(-1, -2)
