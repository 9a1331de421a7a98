"""The cases of decompositions of matrices. Eigenvalues and singular values are apart from each other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...engine.op import Op
from ...ops import decompositions
from ..cases import Case, cases_of
from ..inputs import Cases
from .linalg import SQUARE, regular

RECTANGLES = (2, 3, 2), (2, 2, 3), (1, 2, 2), (2, 0, 2), (1, 2, 0)


def spread(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Matrices with 1, 2, 4 ... on the diagonal, and little beside it."""
    diagonal = np.zeros(shape[-2:])
    np.fill_diagonal(diagonal, 2.0 ** np.arange(min(shape[-2:])))
    return np.asarray(diagonal + rng.uniform(-0.3, 0.3, shape))


def of_symmetric(function: Callable) -> Callable:
    """A function of one triangle, as one of all elements: its gradient is symmetric."""
    return lambda a: function((a + np.conj(a).swapaxes(-1, -2)) / 2)


def of_each(name: str, function: Callable, *inputs: np.ndarray) -> Cases:
    """The function, which is its own oracle, at each input."""
    for a in inputs:
        yield Case(function, name=f"{name} of a {a.shape}", a=a)


def empty(op: type[Op], *found: str) -> Case:
    """The op itself, on a matrix without elements: elsewhere what was found would have to move with a."""
    shapes = {"a": (0, 0), "w": (0,), "s": (0,)}
    arrays = {name: np.zeros(shapes.get(name, (0, 0))) for name in ("a", *found)}
    return Case(op(), oracle=lambda *inputs: op.forward(op, *inputs), name=f"{op.__name__}() of nothing", constants=found, **arrays)


@cases_of(decompositions.Cholesky)
def cholesky_cases(rng: np.random.Generator) -> Cases:
    matrices = [a @ a.swapaxes(-1, -2) for a in (regular(rng, *shape) for shape in SQUARE)]
    yield from of_each("cholesky", of_symmetric(np.linalg.cholesky), *matrices)
    yield from of_each("cholesky, upper,", of_symmetric(lambda a: np.linalg.cholesky(a, upper=True)), *matrices[:2])
    yield Case(decompositions.cholesky, a=np.array([[[2.0]], [[3.0]]]))


@cases_of(decompositions.Eigenvalues)
def eigenvalue_cases(rng: np.random.Generator) -> Cases:
    yield from of_each("eigh.eigenvalues", of_symmetric(lambda a: np.linalg.eigh(a).eigenvalues), *[spread(rng, *shape) for shape in SQUARE])
    yield from of_each("eigvalsh from above", of_symmetric(lambda a: np.linalg.eigvalsh(a, "U")), spread(rng, 2, 2, 2))
    yield empty(decompositions.Eigenvalues, "w", "v")


@cases_of(decompositions.Eigenvectors)
def eigenvector_cases(rng: np.random.Generator) -> Cases:
    yield from of_each("eigh.eigenvectors", of_symmetric(lambda a: np.linalg.eigh(a).eigenvectors), *[spread(rng, *shape) for shape in SQUARE])
    yield empty(decompositions.Eigenvectors, "w", "v")


@cases_of(decompositions.SingularValues)
def singular_value_cases(rng: np.random.Generator) -> Cases:
    matrices = [spread(rng, *shape) for shape in RECTANGLES]
    yield from of_each("svd.S", lambda a: np.linalg.svd(a, full_matrices=False).S, *matrices)
    yield from of_each("svdvals", lambda a: np.linalg.svdvals(a), *matrices[:2])
    yield empty(decompositions.SingularValues, "u", "s", "vh")


@cases_of(decompositions.SingularVectors)
def singular_vector_cases(rng: np.random.Generator) -> Cases:
    matrices = [spread(rng, *shape) for shape in RECTANGLES]
    yield from of_each("svd.U", lambda a: np.linalg.svd(a, full_matrices=False).U, *matrices)
    yield from of_each("svd.Vh", lambda a: np.linalg.svd(a, full_matrices=False).Vh, *matrices)
    symmetric = of_symmetric(lambda a: np.linalg.svd(a, hermitian=True).U)
    yield from of_each("svd.U of a symmetric matrix, one", symmetric, spread(rng, 1, 2, 2) - 3 * np.eye(2))
    yield empty(decompositions.SingularVectors, "u", "s", "vh")


@cases_of(decompositions.Orthonormal)
def qr_cases(rng: np.random.Generator) -> Cases:
    matrices = [spread(rng, *shape) for shape in RECTANGLES]
    yield from of_each("qr.Q", lambda a: np.linalg.qr(a).Q, *matrices)
    yield from of_each("qr.R", lambda a: np.linalg.qr(a).R, *matrices)
    yield Case(decompositions.Orthonormal(), oracle=lambda a: np.linalg.qr(a).Q, a=spread(rng, 2, 3, 2))


@cases_of(decompositions.Pinv)
def pinv_cases(rng: np.random.Generator) -> Cases:
    for shape in RECTANGLES:
        yield Case(decompositions.pinv, a=spread(rng, *shape))
    yield from of_each("pinv of a symmetric matrix, one", of_symmetric(lambda a: np.linalg.pinv(a, hermitian=True)), spread(rng, 1, 3, 3))
    a, rtol = spread(rng, 2, 3, 2), np.array([1e-3, 0.0])
    yield Case(decompositions.Pinv(), oracle=np.linalg.pinv, constants=("rtol",), a=a, rtol=rtol)


@cases_of(decompositions.EigenvaluesOfAny)
def eigenvalue_of_any_cases(rng: np.random.Generator) -> Cases:
    yield from of_each("eig.eigenvalues", lambda a: np.linalg.eig(a).eigenvalues, *[spread(rng, *shape) for shape in SQUARE])
    yield empty(decompositions.EigenvaluesOfAny, "w", "v")


@cases_of(decompositions.EigenvectorsOfAny)
def eigenvector_of_any_cases(rng: np.random.Generator) -> Cases:
    yield from of_each("eig.eigenvectors", lambda a: np.linalg.eig(a).eigenvectors, *[spread(rng, *shape) for shape in SQUARE])
    yield empty(decompositions.EigenvectorsOfAny, "w", "v")
