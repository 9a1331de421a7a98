"""Decompositions of matrices, and what is made of them.

A decomposition has several outputs, and an op has one. So the function decomposes once, and each output becomes a node of its own, of an
op that is handed all that was found: its forward picks its output, and its rule says how that output depends on a. A rule that needs
another output has it from `output`, recorded where the rule is, and nothing is decomposed again. What is not used is a node that no walk meets.

Of complex matrices a.T is the conjugate of the transposed one, here and in the papers, whose g is the gradient that users see: the conjugate
of that of the walk. So a rule conjugates it first, and what it returns last; of real numbers nothing happens.

Where an output is not differentiable (vectors of equal eigenvalues, say), the gradient of that matrix is NaN, and not a number that looks right.
Rounding makes equal values differ in their last digits, so what is closer than rounding can tell counts as equal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..engine.modes import is_grad_enabled
from ..engine.op import Op, implements
from ..engine.tensor import Tensor, wrap
from ..errors import GraphError, UnsupportedError
from .complex_numbers import conjugated
from .linalg import matmul, product, square, transposed
from .operands import as_tensor, in_dtype, together, values_of


class Cholesky(Op):
    """Cholesky factor of symmetric matrices whose eigenvalues are positive.

    out @ out.T = a, where out has zeros above its diagonal; out.T @ out = a and zeros below if upper

    Shapes    a and out (..., n, n)
    Gradient  dL/da = inv(out).T @ mirrored(out.T @ g) @ inv(out) / 2
              a is symmetric, and so is its gradient: it is that of the factor of (a + a.T) / 2, though only one triangle of a is read.
    Keeps     out.
    Source    Murray (2016), Differentiation of the Cholesky decomposition, arXiv:1602.07527.
    """

    upper: bool = False

    def forward(self, a):
        return np.linalg.cholesky(a, upper=self.upper)

    def grad_a(self, g, out):
        g = conjugated(g)
        if not self.upper:
            g, out = adjoint(g), adjoint(out)
        inner = np.linalg.solve(out, mirrored(adjoint(g @ adjoint(out))))
        return conjugated(np.linalg.solve(out, adjoint(inner))) / 2


class Eigenvalues(Op):
    """Eigenvalues of symmetric matrices, in ascending order.

    a @ v = v * w, and out = w

    Shapes    a and v (..., n, n), out and w (..., n)
    Gradient  dL/da = v * g @ v.T, a symmetric matrix, though only one triangle of a is read.
    Keeps     a, w and v.
    Source    Giles (2008), section 3.1.
    """

    constants = ("w", "v")

    def forward(self, a, w, v):
        return w

    def grad_a(self, g, a, w, v):
        v = _EIGENVECTORS.in_rule(a, w, v)
        return conjugated(product(v * g[..., None, :], adjoint(v)))


class Eigenvectors(Op):
    """Eigenvectors of symmetric matrices, of length 1.

    a @ v = v * w, and out = v

    Shapes    a, out and v (..., n, n), w (..., n)
    Gradient  dL/da = v @ x @ v.T    x[i, j] = (e - e.T)[i, j] / (2 * (w[j] - w[i]))    e = v.T @ g
              a symmetric matrix, though only one triangle of a is read. The diagonal of x is 0, since vectors keep their length.
              NaN for matrices that have two equal eigenvalues: any basis of their vectors would do.
    Keeps     a, w and v.
    Source    Giles (2008), section 3.1.
    """

    constants = ("w", "v")

    def forward(self, a, w, v):
        return v

    def grad_a(self, g, a, w, v, out):
        inner = product(adjoint(out), conjugated(g))
        require_free_phases("eigh", "eigenvectors", inner)
        inner = without_diagonal(inner - adjoint(inner)) / (2 * gaps(_EIGENVALUES.in_rule(a, w, v)))
        return conjugated(product(product(out, inner), adjoint(out)))


class SingularValues(Op):
    """Singular values, in descending order.

    a = u * s @ vh, and out = s

    Shapes    a (..., m, n), u (..., m, k), out and s (..., k), vh (..., k, n), where k is the smaller of m and n
    Gradient  dL/da = u * g @ vh
              A value of 0 is a kink, as that of |x|: there it is one of the two derivatives, by the signs of the vectors. So functions
              that have no kink there, like the sum of squares, have their derivatives.
    Keeps     a, u, s and vh.
    Source    Giles (2008), section 3.2; Townsend (2016), Differentiating the singular value decomposition.
    """

    constants = ("u", "s", "vh")

    def forward(self, a, u, s, vh):
        return s

    def grad_a(self, g, a, u, s, vh):
        left, right = halves(_SINGULAR_VECTORS.in_rule(a, u, s, vh), a.shape[-2])
        return conjugated(product(left * g[..., None, :], adjoint(right)))


class SingularVectors(Op):
    """Singular vectors, of length 1: the left ones, and below them the right ones. Two outputs in one, since they share their phases.

    a = u * s @ v.T, and out = u on top of v

    Shapes    a (..., m, n), u (..., m, k), s (..., k), vh (..., k, n), out (..., m + n, k), where k is the smaller of m and n
    Gradient  with gu on top of gv = g,  eu = u.T @ gu  and  ev = v.T @ gv
              dL/da = u @ x @ v.T + (gu - u @ eu) / s @ v.T + u @ ((gv - v @ ev) / s).T
              x[i, j] = ((eu - eu.T)[i, j] * s[j] + s[i] * (ev - ev.T)[i, j]) / (s[j]**2 - s[i]**2)
              x[i, i] = 1j * imag(eu - ev)[i, i] / (2 * s[i]), which is 0 of real numbers
              The terms with gu - u @ eu and gv - v @ ev lie outside of u and v; one for which u or v is square is 0 and left out.
              NaN for matrices that have two equal singular values; and those that have one of 0, for m != n and of complex numbers.
    Keeps     a, u, s and vh.
    Source    Townsend (2016), Differentiating the singular value decomposition; of complex numbers Wan and Zhang (2019), Automatic
              differentiation for complex valued SVD, arXiv:1909.02659.
    """

    constants = ("u", "s", "vh")

    def forward(self, a, u, s, vh):
        return np.concatenate([u, adjoint(vh)], axis=-2)

    def grad_a(self, g, a, u, s, vh, out):
        (m, n), k, g = a.shape[-2:], s.shape[-1], conjugated(g)
        values = _SINGULAR_VALUES.in_rule(a, u, s, vh)
        (left, right), (of_left, of_right) = halves(out, m), halves(g, m)
        inner, inner_right = product(adjoint(left), of_left), product(adjoint(right), of_right)
        require_free_phases("svd", "singular vectors", inner + inner_right)
        sums = values[..., None, :] + values[..., :, None]
        share = values[..., None, :] / np.where(sums == 0, 1, sums)         # of s[j]; no square of s, which may be too large or too small
        turned = (inner - adjoint(inner)) * share + (inner_right - adjoint(inner_right)) * transposed(share)
        turned = without_diagonal(turned / gaps(values))
        positive = np.where(is_zero(s), np.nan, values)[..., None, :]
        if a.dtype.kind == "c":
            turned = turned + np.where(np.eye(k, dtype=bool), (inner - inner_right).imag * 0.5j / positive, 0)
        grad = product(product(left, turned), adjoint(right))
        if m > k:
            grad = grad + product((of_left - product(left, inner)) / positive, adjoint(right))
        if n > k:
            grad = grad + product(left, adjoint((of_right - product(right, inner_right)) / positive))
        return conjugated(grad)


class Orthonormal(Op):
    """The factor with orthonormal columns of the QR decomposition.

    a = out @ r    out.T @ out = identity    r has zeros below its diagonal

    Shapes    a and out (..., m, n) with m >= n
    Gradient  dL/da = (g - out @ mirrored(g.T @ out)) @ inv(r).T    r = out.T @ a
              NaN for matrices whose columns are linearly dependent.
    Keeps     a and out.
    Source    Walter and Lehmann (2010), Algorithmic differentiation of linear algebra functions, arXiv:1001.1654; Seeger et al. (2017).
    """

    def forward(self, a):
        return np.linalg.qr(a).Q

    def grad_a(self, g, a, out):
        r = upper_triangle(product(adjoint(out), a))
        diagonal = np.diagonal(values_of(r), axis1=-2, axis2=-1)
        r = np.where(np.any(is_zero(diagonal), axis=-1)[..., None, None], np.nan, r)
        g = conjugated(g)
        inner = g - product(out, mirrored(product(adjoint(g), out)))
        return conjugated(adjoint(np.linalg.solve(r, adjoint(inner))))


class Pinv(Op):
    """Pseudoinverse of matrices: where a is not invertible, what comes closest.

    out = v / s @ u.T for a = u * s @ v.T, without the singular values up to rtol times the largest

    Shapes    a (..., m, n), rtol (...), out (..., n, m); with hermitian a is symmetric.
    Gradient  with p = out
              dL/da = -p.T @ g @ p.T + (1 - a @ p) @ g.T @ p @ p.T + p.T @ p @ g.T @ (1 - p @ a)
              which is right as long as the rank of a stays what it is; where it grows, the pseudoinverse jumps.
    Keeps     a and out.
    Source    Golub and Pereyra (1973), The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
              separate, SIAM Journal on Numerical Analysis 10.
    """

    hermitian: bool = False
    constants = ("rtol",)

    def forward(self, a, rtol):
        return np.linalg.pinv(a, rcond=rtol, hermitian=self.hermitian)

    def grad_a(self, g, a, out):
        self.require_rank(values_of(a), values_of(out))
        g = conjugated(g)
        p, h = adjoint(out), adjoint(g)
        left = h - product(a, product(out, h))              # (1 - a @ p) @ g.T
        right = h - product(product(h, out), a)             # g.T @ (1 - p @ a)
        return conjugated(product(product(left, out), p) + product(p, product(out, right)) - product(product(p, g), p))

    def require_rank(self, a, out):
        """Raise if rtol took away singular values that are not 0: then the gradient needs the singular vectors."""
        size, size_of_out, missing = (np.max(np.abs(x), axis=(-2, -1), initial=0) for x in (a, out, a - a @ out @ a))
        if np.any(missing > 10 * max(a.shape[-2:]) * np.finfo(a.dtype).eps * (size * size_of_out) * size):
            raise np.linalg.LinAlgError(
                "pinv: rtol cut off singular values that are not 0, and the gradient is not that of a matrix without them; "
                "write the sum over singular values that is meant, with np.linalg.svd"
            )


class EigenvaluesOfAny(Op):
    """Eigenvalues of square matrices that are not symmetric.

    a @ v = v * w, and out = w

    Shapes    a and v (..., n, n), out and w (..., n)
    Gradient  dL/da = inv(v).T * g @ v.T
              NaN for matrices whose eigenvectors are linearly dependent.
    Keeps     a, w and v.
    Source    Giles (2008), section 3.1.
    """

    constants = ("w", "v")

    def forward(self, a, w, v):
        return w

    def grad_a(self, g, a, w, v):
        v = _EIGENVECTORS_OF_ANY.in_rule(a, w, v)
        return product(transposed(independent(v)) * g[..., None, :], transposed(v))


class EigenvectorsOfAny(Op):
    """Eigenvectors of square matrices that are not symmetric, of length 1.

    a @ v = v * w, and out = v

    Shapes    a, out and v (..., n, n), w (..., n)
    Gradient  dL/da = inv(v).T @ x @ v.T    x[i, j] = (v.T @ (g - v * sum(v * g)))[i, j] / (w[j] - w[i])
              The diagonal of x is 0, since vectors keep their length. The sum is over each column.
              NaN for matrices that have two equal eigenvalues, or whose eigenvectors are linearly dependent.
    Keeps     a, w and v.
    Source    Giles (2008), section 3.1, and the derivative of v / |v|.
    """

    constants = ("w", "v")

    def forward(self, a, w, v):
        return v

    def grad_a(self, g, a, w, v, out):
        inner = product(transposed(out), g)
        require_free_phases("eig", "eigenvectors", inner)
        inner = product(transposed(out), g - conjugated(out) * (out * g).sum(axis=-2, keepdims=True).real)
        inner = without_diagonal(inner) / gaps(_EIGENVALUES_OF_ANY.in_rule(a, w, v))
        return product(product(transposed(independent(out)), inner), transposed(out))


_EIGENVALUES, _EIGENVECTORS, _SINGULAR_VALUES, _SINGULAR_VECTORS = Eigenvalues(), Eigenvectors(), SingularValues(), SingularVectors()
_EIGENVALUES_OF_ANY, _EIGENVECTORS_OF_ANY, _ORTHONORMAL = EigenvaluesOfAny(), EigenvectorsOfAny(), Orthonormal()


# What the rules share; on arrays and on Tensors.


def halves(vectors: Any, m: int) -> tuple[Any, Any]:
    """The first m rows, and those below them."""
    return vectors[..., :m, :], vectors[..., m:, :]


def is_zero(values: Any) -> np.ndarray:
    """Which of values are 0, or no more than rounding leaves of it beside the largest along the last axis."""
    size = np.abs(values_of(values))
    return size <= size.shape[-1] * np.finfo(size.dtype).eps * np.max(size, axis=-1, keepdims=True, initial=0)


def gaps(values: Any) -> Any:
    """values[j] - values[i] at [i, j]; 1 on the diagonal, and NaN where two values are equal, or as close as rounding leaves them."""
    size = np.max(np.abs(values_of(values)), axis=-1, initial=0)[..., None, None]
    difference = values[..., None, :] - values[..., :, None]
    equal = np.abs(values_of(difference)) <= values.shape[-1] * np.finfo(values.dtype).eps * size
    return np.where(np.eye(values.shape[-1], dtype=bool), 1, np.where(equal, np.nan, difference))


def adjoint(x: Any) -> Any:
    """The last two axes exchanged, and complex numbers conjugated."""
    return transposed(conjugated(x))


def mirrored(x: Any) -> Any:
    """A symmetric matrix with the lower triangle of x; of complex numbers it is Hermitian, with a real diagonal."""
    if x.dtype.kind != "c":
        return np.where(np.tri(x.shape[-1], dtype=bool), x, transposed(x))
    lower = np.where(np.tri(x.shape[-1], k=-1, dtype=bool), x, 0)
    return lower + adjoint(lower) + (x - without_diagonal(x)).real


def without_diagonal(x: Any) -> Any:
    """x with zeros on its diagonal."""
    return np.where(np.eye(x.shape[-1], dtype=bool), 0, x)


def require_free_phases(function: str, vectors: str, inner: Any) -> None:
    """Raise if L moves with the phases of complex vectors, which are open: then its gradient is that of nothing.

    inner is v.T @ g; of singular vectors, which share their phases, u.T @ gu + v.T @ gv. The eigenvector of a matrix with one element is 1,
    whatever that is.
    """
    inner = values_of(inner)
    if inner.dtype.kind == "c" and (inner.shape[-1] > 1 or vectors != "eigenvectors"):
        moves = np.max(np.abs(np.diagonal(inner, axis1=-2, axis2=-1).imag), initial=0)
        if moves > np.sqrt(np.finfo(inner.dtype).eps) * np.max(np.abs(inner), initial=0):
            raise GraphError(
                f"{function}: what is computed from the {vectors} depends on their phases, and these are open: v * exp(1j * t) would do as "
                f"well. Compute what is the same for all of them, like abs(v), v[:, 0] * v[:, 0].conj(), or U * f(S) @ Vh"
            )


def symmetric(a: Tensor) -> Tensor:
    """The symmetric matrix with the lower triangle of a. Its gradient goes to both triangles."""
    half = (a + adjoint(a)) / 2
    return half + (mirrored(a.data) - half.data)


def upper_triangle(x: Any) -> Any:
    """x with zeros below the diagonal."""
    return np.where(np.tri(x.shape[-2], x.shape[-1], -1, bool), 0, x)


def independent(v: Any) -> Any:
    """The inverse of v; NaN for matrices whose columns are linearly dependent, to a third of the digits."""
    smallest = np.min(np.linalg.svd(values_of(v), compute_uv=False), axis=-1, initial=1)
    dependent = (smallest < np.finfo(v.dtype).eps ** (1 / 3))[..., None, None]
    return np.where(dependent, np.nan, np.linalg.inv(np.where(dependent, np.eye(v.shape[-1], dtype=v.dtype), v)))


# The functions.


class EighResult(NamedTuple):
    """What eigh returns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class EigResult(NamedTuple):
    """What eig returns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class SVDResult(NamedTuple):
    """What svd returns."""

    U: Tensor
    S: Tensor
    Vh: Tensor


class QRResult(NamedTuple):
    """What qr returns."""

    Q: Tensor
    R: Tensor


@implements(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> Tensor:
    """The triangular factor of a symmetric matrix whose eigenvalues are positive, or of each of those along the last two axes.

    Parameters
        a      (..., n, n); only its lower triangle is read, or the upper one if upper. The gradient is symmetric, half of it for each.
        upper  whether the result is upper triangular, out.T @ out = a, and not lower triangular, out @ out.T = a.
    Returns a tensor (..., n, n).
    Raises LinAlgError if the matrices are not square, or one of them is not positive definite.

    >>> cholesky(Tensor([[4.0, 2.0], [2.0, 2.0]]))
    Tensor([[2., 0.],
            [1., 1.]])
    """
    return Cholesky(bool(upper))(square("cholesky", a))


@implements(np.linalg.eigh)
def eigh(a: Any, UPLO: Any = "L") -> EighResult:
    """Eigenvalues and eigenvectors of a symmetric (Hermitian) matrix, or of each of those along the last two axes.

    Parameters
        a     (..., n, n)
        UPLO  which triangle of a is read, "L" or "U". The gradient is symmetric, half of it for each.
    Returns (eigenvalues, eigenvectors): tensors (..., n), in ascending order, and (..., n, n), in columns. Which sign or phase a vector has is
    open; the gradient of vectors is NaN where two eigenvalues are equal, and that of the values is right there for functions that are
    symmetric in the equal ones, like their sum. Second derivatives of the values need those of vectors.
    Raises LinAlgError if the matrices are not square, or LAPACK finds nothing, as with NaN, and GraphError in the backward pass if what is
    computed from complex vectors depends on their phases.

    >>> eigh(Tensor([[1.0, 0.0], [0.0, -2.0]])).eigenvalues
    Tensor([-2.,  1.])
    """
    a = square("eigh", a)
    found = decomposed(np.linalg.eigh, a, UPLO)
    return EighResult(_EIGENVALUES(a, *found), _EIGENVECTORS(a, *found))


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: Any = "L") -> Tensor:
    """The eigenvalues that eigh gives.

    >>> eigvalsh(Tensor([[1.0, 0.0], [0.0, -2.0]]))
    Tensor([-2.,  1.])
    """
    a = square("eigvalsh", a)
    return eigh(a, UPLO).eigenvalues if records(a) else decomposed(np.linalg.eigvalsh, a, UPLO)


@implements(np.linalg.eig)
def eig(a: Any) -> EigResult:
    """Eigenvalues and eigenvectors of a square matrix, or of each of those along the last two axes.

    Parameters
        a  (..., n, n); for symmetric matrices eigh is quicker and more accurate.
    Returns (eigenvalues, eigenvectors): tensors (..., n), in no order, and (..., n, n), in columns of length 1. Their gradients
    are NaN where the vectors are linearly dependent; that of the vectors is, where two eigenvalues are equal.
    Raises LinAlgError if the matrices are not square, or hold NaN or infinities, and GraphError in the backward pass if what is computed
    from complex vectors depends on their phases, which are open.

    >>> eig(Tensor([[1.0, 2.0], [0.0, 3.0]])).eigenvalues
    Tensor([1., 3.])
    """
    a = square("eig", a)
    found = decomposed(np.linalg.eig, a)
    return EigResult(_EIGENVALUES_OF_ANY(a, *found), _EIGENVECTORS_OF_ANY(a, *found))


@implements(np.linalg.eigvals)
def eigvals(a: Any) -> Tensor:
    """The eigenvalues that eig gives.

    >>> eigvals(Tensor([[1.0, 2.0], [0.0, 3.0]]))
    Tensor([1., 3.])
    """
    a = square("eigvals", a)
    return eig(a).eigenvalues if records(a) else decomposed(np.linalg.eigvals, a)


@implements(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """Singular values and vectors of a matrix, or of each of those along the last two axes: a = U * S @ Vh.

    Parameters
        a              (..., m, n)
        full_matrices  whether U and Vh are square, with vectors that belong to no singular value. Any basis of what is left would do for
                       these, so this is refused for m != n if a requires grad.
        compute_uv     whether U and Vh are wanted.
        hermitian      whether a is symmetric, which is quicker; only its lower triangle is read. The gradient is symmetric then.
    Returns (U, S, Vh): tensors (..., m, k), (..., k) in descending order, and (..., k, n), where k is the smaller of m and n; or only S,
    without compute_uv. The sign, or the phase, of a pair of vectors is open; the gradient of vectors is NaN where two singular values are
    equal, and for m != n, and of complex matrices, where one is 0.
    Raises LinAlgError if a has less than two axes, or LAPACK finds nothing, as with NaN, and GraphError in the backward pass if what is
    computed from complex vectors depends on their phases.

    >>> svd(Tensor([[0.0, 2.0], [1.0, 0.0]])).S
    Tensor([2., 1.])
    """
    a = matrices("svd", a)
    if not compute_uv and not records(a):
        return decomposed(np.linalg.svd, a, False, False, hermitian)
    full = full_matrices and compute_uv and a.shape[-2] != a.shape[-1]
    if full and a.size and records(a):
        raise UnsupportedError(
            f"svd: a has shape {a.shape}, and with full_matrices=True some of the vectors belong to no singular value and have no gradient; "
            f"give full_matrices=False"
        )
    u, s, vh = decomposed(np.linalg.svd, a, bool(full), True, hermitian)
    if full and not a.size:
        return SVDResult(u, s, vh)      # constants
    if hermitian:
        a = symmetric(a)
    if not compute_uv:
        return _SINGULAR_VALUES(a, u, s, vh)
    if not records(a):
        return SVDResult(u, s, vh)
    left, right = halves(_SINGULAR_VECTORS(a, u, s, vh), a.shape[-2])
    return SVDResult(left, _SINGULAR_VALUES(a, u, s, vh), adjoint(right))


@implements(np.linalg.svdvals)
def svdvals(x: Any, /) -> Tensor:
    """The singular values that svd gives.

    >>> svdvals(Tensor([[0.0, 2.0], [1.0, 0.0]]))
    Tensor([2., 1.])
    """
    return svd(x, compute_uv=False)


@implements(np.linalg.qr)
def qr(a: Any, mode: Any = "reduced") -> Any:
    """Orthonormal columns and an upper triangle whose product is a: a = Q @ R.

    Parameters
        a     (..., m, n)
        mode  "reduced" for Q (..., m, k) and R (..., k, n), where k is the smaller of m and n; "r" for R alone; "complete" for a square Q,
              which is refused for m > n if a requires grad, since any basis would do for its last columns. NumPy's "raw" is refused.
    Returns (Q, R), or only R. The gradient is NaN where the first k columns of a are linearly dependent.
    Raises LinAlgError if a has less than two axes, ValueError for a mode that there is not.

    >>> qr(Tensor([[3.0, 1.0], [4.0, 2.0]]), mode="r").shape
    (2, 2)
    """
    a = matrices("qr", a)
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"qr: mode is {mode!r}; it needs to be 'reduced', 'complete' or 'r'")
    columns = min(a.shape[-2:])
    if mode == "complete" and a.shape[-2] > columns:
        if a.size and records(a):
            raise UnsupportedError(
                f"qr: a has shape {a.shape}, and with mode='complete' any basis would do for the last columns of Q, which have no "
                f"gradient; give mode='reduced'"
            )
        return QRResult(*decomposed(np.linalg.qr, a, mode))
    q = _ORTHONORMAL(a[..., :columns])
    r = upper_triangle(adjoint(q) @ a)
    return r if mode == "r" else QRResult(q, r)


@implements(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Tensor:
    """The pseudoinverse of a matrix, or of each of those along the last two axes.

    Parameters
        a            (..., m, n)
        rcond, rtol  singular values up to this times the largest count as 0: a number, or one for each matrix. rcond is 1e-15 by default;
                     rtol=None is max(m, n) times the precision of the dtype.
        hermitian    whether a is symmetric; only its lower triangle is read, and the gradient is symmetric.
    Returns a tensor (..., n, m). The pseudoinverse jumps where the rank of a changes; the gradient is that with the rank that a has.
    Raises LinAlgError if a has less than two axes or holds NaN, and in the backward pass if singular values that are not 0 were cut off.

    >>> pinv(Tensor([[2.0, 0.0], [0.0, 0.0]]))
    Tensor([[0.5, 0. ],
            [0. , 0. ]])
    """
    a = matrices("pinv", a)
    if rtol is not np._NoValue:
        if rcond is not None:
            raise ValueError("pinv: rtol and rcond are two names of one setting; give one of them")
        rcond = max(a.shape[-2:]) * np.finfo(a.dtype if a.dtype.kind in "fc" else np.float64).eps if rtol is None else rtol
    return Pinv(bool(hermitian))(symmetric(a) if hermitian else a, wrap(np.asarray(1e-15 if rcond is None else rcond)))


@implements(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: float | None = None) -> tuple[Tensor, Tensor, int, Tensor]:
    """The x for which the sum of the squares of b - a @ x is smallest, and of several such the shortest.

    Parameters
        a      (m, n)
        b      (m,), or (m, k) for k right-hand sides.
        rcond  singular values up to this times the largest count as 0; max(m, n) times the precision of the dtype by default.
    Returns (x, residuals, rank, s): x is pinv(a) @ b; residuals are the sums of squares, without elements if they are 0 or the rank of a
    is less than n; s are the singular values.
    Raises LinAlgError if a is no matrix or b does not fit to it.

    >>> lstsq(Tensor([[2.0], [0.0]]), Tensor([4.0, 1.0]))[:2]
    (Tensor([2.]), Tensor([1.]))
    """
    a, b = together(a, b)
    common = np.result_type(a.dtype, b.dtype)
    a, b = in_dtype(a, common), in_dtype(b, common)
    if a.ndim != 2 or b.ndim not in (1, 2) or len(a) != len(b):
        raise np.linalg.LinAlgError(f"lstsq: a has shape {a.shape} and b {b.shape}; they need to be (m, n) and (m,) or (m, k)")
    values = svdvals(a)
    eps = float(np.finfo(values.dtype).eps)
    rcond = max(a.shape) * eps if rcond is None else eps if rcond < 0 else rcond
    rank = int(np.sum(values.data > rcond * np.max(values.data, initial=0)))
    x = matmul(pinv(a, rcond), b)
    if rank == a.shape[1] < a.shape[0]:
        rest = b - matmul(a, x)
        residuals = (rest * conjugated(rest)).real.sum(axis=0, keepdims=b.ndim == 1)
    else:
        residuals = wrap(np.zeros(0, values.dtype))
    return x, residuals, rank, values


def decomposed(function: Callable, a: Tensor, *settings: Any) -> Any:
    """What a function of NumPy finds: a tensor, or several. An error says the function and the shape."""
    try:
        found = function(a.data, *settings)
        return tuple(map(wrap, found)) if isinstance(found, tuple) else wrap(found)
    except np.linalg.LinAlgError as error:
        error.add_note(f"{function.__name__}: a has shape {a.shape}")
        raise


def matrices(function: str, a: Any) -> Tensor:
    """a as a tensor. Raises LinAlgError if it has less than two axes."""
    a = as_tensor(a)
    if a.ndim < 2:
        raise np.linalg.LinAlgError(f"{function}: a has shape {a.shape}; it needs two axes or more")
    return a


def records(a: Tensor) -> bool:
    """Whether what is computed from a is recorded."""
    return a.requires_grad and is_grad_enabled()
