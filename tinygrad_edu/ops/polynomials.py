"""Polynomials, by their coefficients, the highest power first.

NumPy leaves zeros out that lead a product or a remainder, as x[x != 0] leaves elements out: those that stay have right gradients. np.convolve keeps
all of a product.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..engine.op import Op, implements
from ..engine.tensor import Tensor, wrap
from ..errors import DTypeError, ShapeError
from .decompositions import eigvals, lstsq
from .elementwise import astype, power, sqrt
from .index import getitem
from .linalg import inv, matmul
from .operands import in_dtype, together
from .products import convolve, outer
from .rearranging import atleast_1d
from .shape import concatenate, expand_dims, stack


class Roots(Op):
    """Roots of a polynomial.

    p[0] * out[i]**n + ... + p[n - 1] * out[i] + p[n] = 0

    Shapes    p (n + 1,); out (n,), without a root for each zero that leads p.
    Gradient  dL/dp[k] = sum over i of -g[i] * out[i]**(n - k) / slope[i], where slope[i] is the derivative of the polynomial at out[i]:
              the polynomial stays 0 there. Of roots that are equal it is infinite or NaN: they part like a square root.
    Keeps     p and out.
    """

    def forward(self, p):
        return np.roots(p)

    def grad_p(self, g, p, out):
        exponents = np.arange(p.shape[0])[::-1]
        powers = out[:, None] ** exponents
        slope = (p[:-1] * exponents[:-1] * out[:, None] ** exponents[1:]).sum(axis=1)
        return -((g / slope)[:, None] * powers).sum(axis=0)


_ROOTS = Roots()


@implements(np.roots)
def roots(p: Any) -> Tensor:
    """The roots of a polynomial: the eigenvalues of its companion matrix, complex if one is. Zeros that lead p are left out.

    Raises ShapeError, a ValueError, if p has more than one axis, and LinAlgError if it holds NaN or infinities.

    >>> roots(Tensor([1.0, -3.0, 2.0]))
    Tensor([2., 1.])
    """
    p = in_dtype(_no_poly1d("roots", "p", p))
    p = p if p.ndim else expand_dims(p, 0)
    if p.ndim != 1:
        raise ShapeError(f"roots: p has shape {p.shape}; it needs one axis")
    return _ROOTS(p)


@implements(np.poly)
def poly(seq_of_zeros: Any) -> Tensor:
    """The coefficients of the polynomial with given roots, or of the characteristic one of a square matrix; the first is 1.

    Those of a matrix are made of its eigenvalues, and have gradient NaN where these have. They are real if the roots, or their conjugates, are.
    Raises ShapeError, a ValueError, for other shapes.

    >>> poly(Tensor([2.0, 1.0]))
    Tensor([ 1., -3.,  2.])
    """
    zeros = atleast_1d(in_dtype(seq_of_zeros))
    if zeros.ndim == 2 and zeros.shape[0] == zeros.shape[1] > 0:
        zeros = eigvals(zeros)
    elif zeros.ndim == 1:
        zeros = astype(zeros, np.mintypecode(zeros.dtype.char), copy=False)
    else:
        raise ShapeError(f"poly: seq_of_zeros has shape {zeros.shape}; it needs one axis, or to be a square matrix with elements")
    if not zeros.size:
        return wrap(np.array(1.0))
    nothing = np.zeros(1, zeros.dtype)
    found = wrap(nothing + 1)
    for zero in zeros:
        found = concatenate([found, nothing]) - zero * concatenate([nothing, found])
    values = zeros.data.astype(complex)
    return found.real if found.dtype.kind == "c" and np.all(np.sort(values) == np.sort(values.conj())) else found


@implements(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Tensor:
    """The sum of two polynomials.

    >>> polyadd(Tensor([1.0, 2.0]), [9.0, 5.0, 4.0])
    Tensor([9., 6., 6.])
    """
    a1, a2 = _of_one_degree("polyadd", a1, a2)
    return a1 + a2


@implements(np.polysub)
def polysub(a1: Any, a2: Any) -> Tensor:
    """The difference of two polynomials.

    >>> polysub(Tensor([1.0, 2.0]), [9.0, 5.0, 4.0])
    Tensor([-9., -4., -2.])
    """
    a1, a2 = _of_one_degree("polysub", a1, a2)
    return a1 - a2


@implements(np.polymul)
def polymul(a1: Any, a2: Any) -> Tensor:
    """The product of two polynomials, without the zeros that lead them.

    Raises ShapeError, a ValueError, if one has more than one axis.

    >>> polymul(Tensor([1.0, 2.0]), [0.0, 1.0, 3.0])
    Tensor([1., 5., 6.])
    """
    a1, a2 = _pair("polymul", a1, a2)
    for name, a in ("a1", a1), ("a2", a2):
        if a.ndim != 1:
            raise ShapeError(f"polymul: {name} has shape {a.shape}; it needs one axis")
    a1, a2 = (a if a.size else wrap(np.zeros(1, a.dtype)) for a in (a1, a2))
    return getitem(convolve(a1, a2), slice(_leading_zeros(a1) + _leading_zeros(a2), None))


@implements(np.polydiv)
def polydiv(u: Any, v: Any) -> tuple[Tensor, Tensor]:
    """The quotient of two polynomials, and the remainder: u = quotient * v + remainder. Zeros that lead the remainder are left out.

    >>> polydiv(Tensor([3.0, 5.0, 2.0]), Tensor([2.0, 1.0]))
    (Tensor([1.5 , 1.75]), Tensor([0.25]))
    """
    u, v = (a + 0.0 for a in _pair("polydiv", u, v))
    dtype = np.result_type(u.dtype, v.dtype)
    scale, rest, quotient = 1.0 / v[0], astype(u, dtype, copy=False), []
    for k in range(len(u) - len(v) + 1):
        quotient.append(scale * rest[k])
        divided = k + len(v)
        rest = concatenate([rest[:k], rest[k:divided] - quotient[k] * v, rest[divided:]])
    start = 0
    while start < len(rest) - 1 and np.allclose(rest.data[start], 0, rtol=1e-14):
        start += 1
    return (stack(quotient) if quotient else wrap(np.zeros(1, dtype))), rest[start:]


@implements(np.polyder)
def polyder(p: Any, m: int = 1) -> Tensor:
    """The m-th derivative of a polynomial.

    Raises ValueError if m is less than 0.

    >>> polyder(Tensor([1.0, 1.0, 1.0], dtype="float64"))
    Tensor([2., 1.], dtype=float64)
    """
    p = in_dtype(_no_poly1d("polyder", "p", p))
    m = int(m)
    if m < 0:
        raise ValueError(f"polyder: m is {m}; it needs to be 0 or more: see polyint")
    for _ in range(m):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


@implements(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Tensor:
    """The m-th antiderivative of a polynomial.

    k are the constants of integration, the first one first: m of them or one for all, by default 0.
    Raises ValueError if m is less than 0, or there are fewer k.

    >>> polyint(Tensor([2.0, 1.0], dtype="float64"), k=3.0)
    Tensor([1., 1., 3.], dtype=float64)
    """
    p = in_dtype(_no_poly1d("polyint", "p", p))
    m = int(m)
    if m < 0:
        raise ValueError(f"polyint: m is {m}; it needs to be 0 or more: see polyder")
    k = atleast_1d(in_dtype(np.zeros(m) if k is None else k))
    if len(k) == 1 and m > 1:
        k = k * np.ones(m)
    if len(k) < m:
        raise ValueError(f"polyint: k has {len(k)} elements; there needs to be one, or one for each of m = {m}")
    for i in range(m):
        p = concatenate([p / np.arange(len(p), 0, -1), k[i : i + 1]])
    return p


@implements(np.polyfit)
def polyfit(x: Any, y: Any, deg: int, rcond: float | None = None, full: bool = False, w: Any = None, cov: Any = False) -> Any:
    """The polynomial of a degree that lies closest to points (x, y), by the sum of the squares of w * (y - its value).

    Parameters
        x      (m,)
        y      (m,), or (m, k) for k polynomials.
        deg    the degree.
        rcond  of lstsq; by default m times the precision of the dtype of x.
        full   whether to return (coefficients, residuals, rank, singular values, rcond), the others as lstsq gives them.
        w      (m,), the weights of y, before they are squared.
        cov    whether to return (coefficients, covariances): scaled, so that the squares have the mean they should, or "unscaled".
    Returns the coefficients, (deg + 1,) or (deg + 1, k). x, y and w get gradients, those with the rank that the powers of x have; if it
    is less than deg + 1, RankWarning is given.
    Raises ValueError for a degree below 0, or too few points for cov, and TypeError for other shapes.

    >>> polyfit([0.0, 1.0, 2.0], Tensor([1.0, 3.0, 5.0], dtype="float64"), 1).round(9)
    Tensor([2., 1.], dtype=float64)
    """
    order = int(deg) + 1
    x, y = in_dtype(x) + 0.0, in_dtype(y) + 0.0
    if deg < 0:
        raise ValueError(f"polyfit: deg is {deg}; it needs to be 0 or more")
    if x.ndim != 1 or not x.size or y.ndim not in (1, 2) or len(x) != len(y):
        raise TypeError(f"polyfit: x has shape {x.shape} and y {y.shape}; they need to be (m,) and (m,) or (m, k), and m not 0")
    rcond = len(x) * np.finfo(x.dtype).eps if rcond is None else rcond
    powers, values = vander(x, order), y
    if w is not None:
        w = in_dtype(w) + 0.0
        if w.shape != x.shape:
            raise TypeError(f"polyfit: x has shape {x.shape} and w {w.shape}; they need to be the same")
        powers, values = powers * expand_dims(w, 1), values * (expand_dims(w, 1) if y.ndim == 2 else w)
    scale = sqrt((powers * powers).sum(axis=0))
    powers = powers / scale
    found, residuals, rank, singular = lstsq(powers, values, rcond)
    found = found / (expand_dims(scale, 1) if y.ndim == 2 else scale)
    if rank != order and not full:
        warnings.warn("Polyfit may be poorly conditioned", np.exceptions.RankWarning, stacklevel=4)
    if full:
        return found, residuals, rank, singular, rcond
    if not cov:
        return found
    covariances = inv(matmul(powers.T, powers)) / outer(scale, scale)
    if y.ndim == 2:
        covariances = expand_dims(covariances, 2)
    if cov == "unscaled":
        return found, covariances
    if len(x) <= order:
        raise ValueError(f"polyfit: {len(x)} points leave nothing to scale the covariances of {order} coefficients with; give more, or 'unscaled'")
    return found, covariances * (residuals / (len(x) - order))


def _no_poly1d(function: str, name: str, p: Any) -> Any:
    if isinstance(p, np.poly1d):
        raise DTypeError(f"{function}: {name} is a poly1d; give its coefficients, {name}.coeffs")
    return p


def _pair(function: str, first: Any, second: Any) -> tuple[Tensor, Tensor]:
    """The coefficients of two polynomials, lists of them in the dtype of the other."""
    names = ("u", "v") if function == "polydiv" else ("a1", "a2")
    first, second = together(*[_no_poly1d(function, name, p) for name, p in zip(names, (first, second))])
    return atleast_1d(first), atleast_1d(second)


def _of_one_degree(function: str, a1: Any, a2: Any) -> list[Tensor]:
    """The coefficients of two polynomials, the fewer with zeros before them."""
    pair = _pair(function, a1, a2)
    most = max(map(len, pair))
    return [a if len(a) == most else concatenate([np.zeros(most - len(a), a.dtype), a]) for a in pair]


def _leading_zeros(p: Tensor) -> int:
    """How many zeros come first; of nothing but zeros the last one is none."""
    return int(np.argmax(p.data != 0)) if np.any(p.data) else len(p) - 1


@implements(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of each element of a row x: N - 1, ..., 1, 0, or the other way round; N of them, by default as many as there are elements.

    >>> vander(Tensor([1.0, 2.0, 3.0]), 2)
    Tensor([[1., 1.],
            [2., 1.],
            [3., 1.]], dtype=float64)
    """
    x = in_dtype(x)
    if x.ndim != 1:
        raise ShapeError(f"vander: x has shape {x.shape}; it needs one axis")
    N = x.size if N is None else N
    if N < 0:
        raise ValueError(f"vander: N is {N}; it needs to be 0 or more")
    x = x.astype(np.promote_types(x.dtype, int), copy=False)
    exponents = np.arange(N, dtype=x.dtype)
    return power(expand_dims(x, 1), exponents if increasing else exponents[::-1])


@implements(np.polyval)
def polyval(p: Any, x: Any) -> Tensor:
    """The polynomial with the coefficients p, the highest power first, at x.

    out = (...(p[0] * x + p[1]) * x + ...) * x + p[-1]

    >>> polyval([1.0, 0.0, -2.0], Tensor([2.0, 3.0]))
    Tensor([2., 7.])
    """
    if isinstance(x, np.poly1d):
        raise DTypeError("polyval: x is a poly1d; it needs to be numbers")
    x = in_dtype(x)
    out = np.zeros_like(x)
    for coefficient in p:
        out = out * x + coefficient
    return out
