"""Linear algebra: digits beside mpmath, conventions, singular cases, signatures, errors, and PyTorch beside it."""

import re

import mpmath
import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine import backward as engine_backward
from tinygrad_edu.testing import gradcheck

RNG = np.random.default_rng(5)
LINALG = np.linalg


def leaf(x):
    return tg.tensor(np.asarray(x, float), requires_grad=True)


def gradient(function, x):
    """dL/dx of L = sum(weights * function(x)), for weights without any regularity."""
    x = leaf(x)
    out = function(x)
    return tg.grad(out, x, tg.tensor(np.random.default_rng(1).standard_normal(out.shape)))[0].numpy()


def symmetric(a):
    return (a + a.swapaxes(-1, -2)) / 2


# Digits: the first and the second derivative along drawn directions, beside differences in 50 digits

SPREAD = np.diag([1.0, 3.0, 6.0]) + RNG.uniform(-0.5, 0.5, (3, 3))
TALL = np.eye(3, 2) * [1.0, 3.0] + RNG.uniform(-0.3, 0.3, (3, 2))


def with_signs_of(ours, found):
    """Columns of the matrix of mpmath with the signs that ours have."""
    for j in range(found.cols):
        if sum(found[i, j] * ours[i, j] for i in range(found.rows)) < 0:
            found[:, j] = -found[:, j]
    return found


def mp_vectors(a):
    return mpmath.eigsy((a + a.T) / 2)[1]


def mp_left(a):
    return mpmath.svd_r(a, full_matrices=False)[0]


EXACT = {
    "inv": (LINALG.inv, lambda a: a**-1, SPREAD),
    "solve": (lambda a: LINALG.solve(a, a @ a + 1), lambda a: a**-1 * (a * a + mpmath.ones(3)), SPREAD),
    "det": (LINALG.det, lambda a: mpmath.matrix([[mpmath.det(a)]]), SPREAD),
    "slogdet": (lambda a: LINALG.slogdet(a).logabsdet, lambda a: mpmath.matrix([[mpmath.log(abs(mpmath.det(a)))]]), SPREAD),
    "cholesky": (lambda a: LINALG.cholesky(symmetric(a)), lambda a: mpmath.cholesky((a + a.T) / 2), SPREAD),
    "eigh values": (lambda a: LINALG.eigh(symmetric(a)).eigenvalues, lambda a: mpmath.eigsy((a + a.T) / 2)[0], SPREAD),
    "eigh vectors": (lambda a: LINALG.eigh(symmetric(a)).eigenvectors, mp_vectors, SPREAD),
    "svd values": (LINALG.svdvals, lambda a: mpmath.svd_r(a, full_matrices=False)[1], TALL),
    "svd vectors": (lambda a: LINALG.svd(a, False).U, mp_left, TALL),
    "qr Q": (lambda a: LINALG.qr(a).Q, lambda a: mpmath.qr(a, "skinny")[0], TALL),
    "qr R": (lambda a: LINALG.qr(a).R.T, lambda a: mpmath.qr(a, "skinny")[1].T, TALL),
    "pinv": (LINALG.pinv, lambda a: (a.T * a) ** -1 * a.T, TALL),
    "det of a singular matrix": (LINALG.det, lambda a: mpmath.matrix([[a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]]]), [[1.0, 2.0], [2.0, 4.0]]),
}


@pytest.mark.parametrize("name", EXACT)
def test_derivatives_have_their_digits(name):
    function, exact, a = EXACT[name]
    x = leaf(a)
    out = function(x)
    ours = np.atleast_2d(out.numpy().T).T
    weights, first, second = (RNG.standard_normal(shape) for shape in (ours.shape, x.shape, x.shape))
    total = (out * tg.tensor(weights.reshape(out.shape))).sum()
    slope = (tg.grad(total, x, create_graph=True)[0] * first).sum()
    curvature = (tg.grad(slope, x)[0] * second).sum()
    with mpmath.workdps(50):
        a, first, second = map(mpmath.matrix, (np.asarray(a, float).tolist(), first.tolist(), second.tolist()))

        def value(s, t):
            found = with_signs_of(ours, exact(a + s * first + t * second))
            return mpmath.fsum(found[i, j] * weights[i, j] for i in range(found.rows) for j in range(found.cols))

        h = mpmath.mpf(10) ** -12
        of_first = (value(h, 0) - value(-h, 0)) / (2 * h)
        of_second = (value(h, h) - value(h, -h) - value(-h, h) + value(-h, -h)) / (4 * h * h)
    scale = max(1, np.abs(weights).sum())
    assert abs(slope.item() - of_first) < 1e-12 * max(scale, abs(of_first))
    assert abs(curvature.item() - of_second) < 1e-9 * max(scale, abs(of_second))


@pytest.mark.parametrize(
    "function",
    [
        LINALG.inv, LINALG.det, LINALG.svdvals, LINALG.eigvals, LINALG.cond,
        lambda a: LINALG.eigh(symmetric(a)).eigenvectors, lambda a: LINALG.eig(a).eigenvectors, lambda a: LINALG.svd(a).Vh,
        lambda a: LINALG.qr(a).Q, lambda a: LINALG.qr(a[:, :2]).R, lambda a: LINALG.cholesky(symmetric(a)),
        lambda a: LINALG.slogdet(a).logabsdet, lambda a: LINALG.pinv(a[:2]), lambda a: LINALG.solve(a, a[0]),
        lambda a: LINALG.lstsq(a[:, :2], a[:, 2])[1], lambda a: LINALG.matrix_power(a, 3), lambda a: LINALG.matrix_power(a, -2),
        lambda a: LINALG.cond(a, "fro"), lambda a: LINALG.norm(a, 2), lambda a: LINALG.norm(a, -2), lambda a: LINALG.norm(a, "nuc"),
    ],
)   # fmt: skip
def test_the_third_derivative_is_that_of_the_second(function):
    gradcheck(function, leaf(SPREAD), order=3)


def test_a_function_of_several_of_them_has_a_hessian():
    """The example of linear equations whose matrix and right-hand side both depend on x."""

    def function(x):
        return np.sum(np.linalg.solve(np.eye(3) + np.outer(x, x), np.sin(x)))

    gradcheck(function, leaf([1.0, 2.0, 3.0]), order=2)


# What is read of a symmetric matrix, and what gradient each triangle has


@pytest.mark.parametrize(
    "function",
    [LINALG.cholesky, lambda a: LINALG.cholesky(a, upper=True), LINALG.eigvalsh, lambda a: LINALG.eigh(a, "U").eigenvectors,
     lambda a: LINALG.svd(a, hermitian=True).U, lambda a: LINALG.pinv(a, hermitian=True)],
)   # fmt: skip
def test_gradients_of_symmetric_matrices_are_symmetric(function):
    a = symmetric(SPREAD) + np.eye(3)
    got = gradient(function, a)
    np.testing.assert_allclose(got, got.T, rtol=1e-12)
    np.testing.assert_allclose(got, gradient(lambda a: function((a + a.T) / 2), a), rtol=1e-12)


def test_one_triangle_is_read():
    for upper in (False, True):
        a = np.triu(SPREAD) if upper else np.tril(SPREAD)
        whole = a + a.T - np.diag(np.diag(a))
        np.testing.assert_array_equal(LINALG.cholesky(tg.tensor(a), upper=upper), LINALG.cholesky(whole, upper=upper))
        np.testing.assert_array_equal(LINALG.eigvalsh(tg.tensor(a), "LU"[upper]), LINALG.eigvalsh(whole, "LU"[upper]))
        for of_symmetric in (lambda a: LINALG.svd(a, hermitian=True).S, lambda a: LINALG.pinv(a, hermitian=True)):
            if not upper:
                np.testing.assert_allclose(of_symmetric(leaf(a)).detach(), of_symmetric(whole), rtol=1e-13, atol=1e-13)
                np.testing.assert_allclose(gradient(of_symmetric, a), gradient(of_symmetric, whole), rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(LINALG.eigvalsh(leaf(a), "LU"[upper]).detach(), LINALG.eigvalsh(whole), rtol=1e-14)


# Singular cases

DOUBLE = (lambda q: q @ np.diag([1.0, 1.0, 3.0]) @ q.T)(LINALG.qr(SPREAD).Q)
"""A symmetric matrix with two eigenvalues that are equal up to rounding."""


@pytest.mark.parametrize("a", [np.eye(3), DOUBLE], ids=["exactly", "up to rounding"])
@pytest.mark.parametrize("function", [lambda a: LINALG.eigh(a).eigenvectors, lambda a: LINALG.svd(a).U, lambda a: LINALG.svd(a).Vh])
def test_vectors_of_equal_values_have_no_gradient(function, a):
    assert np.isnan(gradient(function, a)).all()


def test_only_the_matrix_with_equal_eigenvalues_has_none():
    both = gradient(lambda a: LINALG.eigh(a).eigenvectors[..., 0], np.stack([symmetric(SPREAD), DOUBLE]))
    assert np.isfinite(both[0]).all()
    assert np.isnan(both[1]).all()


@pytest.mark.parametrize("a", [np.eye(3), DOUBLE], ids=["exactly", "up to rounding"])
def test_equal_eigenvalues_have_a_gradient_where_the_function_is_symmetric_in_them(a):
    for values in (LINALG.eigvalsh, lambda a: LINALG.eigh(a).eigenvalues, LINALG.svdvals):
        x = leaf(a)
        (values(x) ** 2).sum().backward()
        np.testing.assert_allclose(x.grad, 2 * a, atol=1e-14)


def test_the_second_derivative_of_equal_eigenvalues_is_refused_and_not_wrong():
    """By way of vectors it would be 0 / 0: the Hessian of the sum of squares is 2, and that of any formula without the limit is not."""
    for center in (0.0, 1.0):
        x = leaf(np.eye(2))
        (first,) = tg.grad(((LINALG.eigvalsh(x) - center) ** 2).sum(), x, create_graph=True)
        assert np.isnan(tg.grad(first[0, 1], x)[0]).all()


@pytest.mark.parametrize("ord", ["nuc", 2, -2])
def test_norms_have_gradient_0_by_way_of_singular_values_of_0(ord):
    x = leaf([[3.0, 0.0], [0.0, 0.0]])
    LINALG.norm(x, ord).backward()
    assert x.grad.tolist() == [[0 if ord == -2 else 1, 0], [0, 0]]
    x = leaf(np.zeros((2, 3)))
    LINALG.norm(x, ord).backward()
    assert not x.grad.numpy().any()


@pytest.mark.parametrize("a", [np.diag([3.0, 0.0]), [[1.0, 2.0], [2.0, 4.0]]])
def test_functions_that_are_smooth_at_a_singular_value_of_0_have_a_second_derivative(a):
    """Of the sum of squares it is 2, for each element of the matrix by itself."""
    hessian = tg.func.hessian(lambda x: (LINALG.svdvals(x) ** 2).sum())(tg.tensor(np.array(a)))
    np.testing.assert_allclose(hessian.numpy().reshape(4, 4), 2 * np.eye(4), atol=1e-12)


def test_singular_vectors_beside_a_singular_value_of_0():
    """In a square matrix all directions are spanned; in another one those without a value are turned freely."""
    assert np.isfinite(gradient(lambda a: LINALG.svd(a, False).U, np.diag([2.0, 0.0]))).all()
    assert np.isnan(gradient(lambda a: LINALG.svd(a, False).U, np.eye(3, 2) * [2.0, 0.0])).all()


def test_qr_of_dependent_columns_has_no_gradient():
    a = np.stack([SPREAD, SPREAD])
    a[1, :, 1] = 2 * a[1, :, 0]
    for part in "QR":
        got = gradient(lambda a, part=part: getattr(LINALG.qr(a), part), a)
        assert np.isfinite(got[0]).all()
        assert np.isnan(got[1]).all()


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_determinants_of_singular_matrices_have_every_derivative(rank, order):
    a = RNG.uniform(-1, 1, (4, rank)) @ RNG.uniform(-1, 1, (rank, 4))
    gradcheck(LINALG.det, leaf(a), order=order)
    gradcheck(LINALG.det, leaf(np.stack([a, np.eye(4) + a])), order=order)


def test_determinants_of_complex_singular_matrices_have_their_gradient():
    """PyTorch's convention: the conjugate of the cofactors."""
    a = np.array([[1, 2j], [2j, -4]])
    x = tg.tensor(a, requires_grad=True)
    LINALG.det(x).backward(tg.tensor(1 + 0j))
    np.testing.assert_allclose(x.grad.numpy(), np.conj([[-4, -2j], [-2j, 1]]), rtol=1e-13, atol=1e-13)


def test_the_gradient_of_a_determinant_that_is_nearly_0_keeps_its_digits():
    for smallest in (1e-3, 4e-4, 2e-4, 1e-4, 5e-5, 2e-5, 1e-5, 1e-6, 1e-9, 1e-12, 1e-15):
        a = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [5.0, 7.0, 9.0 + smallest]])
        cofactors = [[a[i - 2, j - 2] * a[i - 1, j - 1] - a[i - 2, j - 1] * a[i - 1, j - 2] for j in range(3)] for i in range(3)]
        x = leaf(a)
        LINALG.det(x).backward()
        np.testing.assert_allclose(x.grad, cofactors, rtol=1e-12, atol=1e-12)


def test_slogdet_of_a_singular_matrix():
    x = leaf(np.stack([np.ones((2, 2)), 2 * np.eye(2)]))
    sign, logabsdet = LINALG.slogdet(x)
    assert sign.tolist() == [0, 1]
    assert not sign.requires_grad
    assert logabsdet[0].item() == -np.inf
    logabsdet.sum().backward()
    assert np.isnan(x.grad[0]).all()
    np.testing.assert_allclose(x.grad[1], np.eye(2) / 2)


def test_pinv_and_lstsq_where_columns_are_dependent():
    """The gradient is that with the rank held: along directions in which a keeps its rank it is the derivative."""

    def of_factors(u, v):
        return LINALG.pinv(u @ v)

    u, v = leaf(RNG.uniform(1, 2, (3, 1))), leaf(RNG.uniform(1, 2, (1, 2)))
    for order in (1, 2):
        gradcheck(of_factors, [u, v], order=order)
        gradcheck(lambda u, v: LINALG.lstsq(u @ v, tg.tensor([1.0, 2.0, 4.0]))[0], [u, v], order=order)
    assert LINALG.lstsq(u @ v, np.ones(3))[2] == 1


def test_pinv_that_cut_off_more_than_zeros_has_no_gradient():
    x = leaf(np.diag([1.0, 0.05]))
    out = LINALG.pinv(x, rcond=0.1)
    np.testing.assert_allclose(out.numpy(), np.diag([1.0, 0.0]))
    with pytest.raises(LINALG.LinAlgError, match="cut off"):
        out.sum().backward()


def test_eigenvalues_of_any_matrix():
    assert np.isnan(gradient(LINALG.eigvals, [[1.0, 1.0], [0.0, 1.0]])).all()
    np.testing.assert_array_equal(tg.grad(LINALG.eigvals(x := leaf(np.eye(2))).sum(), x)[0], np.eye(2))
    assert np.isnan(gradient(lambda a: LINALG.eig(a).eigenvectors, np.eye(2))).all()


def test_cond_of_singular_matrices_is_infinite():
    a = np.stack([np.ones((2, 2)), np.zeros((2, 2)), np.diag([1.0, 2.0])])
    for p in (None, 2, -2, 1, "fro"):
        with np.errstate(all="ignore"):
            expected = LINALG.cond(a[1:], p)
        np.testing.assert_allclose(LINALG.cond(leaf(a[1:]), p).numpy(), expected)
    assert LINALG.cond(leaf(a), 1).tolist() == [np.inf, np.inf, 2]
    with np.errstate(all="ignore"):
        for p in (2, 1):
            got = gradient(lambda a, p=p: LINALG.cond(a, p), a)
            assert not np.isfinite(got[:2]).any(axis=(-2, -1)).all()
            assert np.isfinite(got[2]).all()


# Signatures and results

A, B = RNG.uniform(-1, 1, (2, 3, 3)) + 2 * np.eye(3), RNG.uniform(-1, 1, (3, 2))

CALLS = {
    "solve, a vector": lambda a, b: LINALG.solve(a, b[:, 0]),
    "solve, columns": lambda a, b: LINALG.solve(a, b),
    "solve, one matrix for a batch": lambda a, b: LINALG.solve(a[0], a),
    "slogdet": lambda a, b: LINALG.slogdet(a),
    "eigh": lambda a, b: LINALG.eigh(a, UPLO="U"),
    "eig": lambda a, b: LINALG.eig(a),
    "svd": lambda a, b: LINALG.svd(a),
    "svd, thin": lambda a, b: LINALG.svd(b, full_matrices=False),
    "svd, full": lambda a, b: LINALG.svd(b),
    "svd, values": lambda a, b: LINALG.svd(b, compute_uv=False),
    "svd, hermitian": lambda a, b: LINALG.svd(a, True, True, True),
    "svd, hermitian, values": lambda a, b: LINALG.svd(a, compute_uv=False, hermitian=True),
    "qr": lambda a, b: LINALG.qr(b),
    "qr, wide": lambda a, b: LINALG.qr(b.T),
    "qr, complete": lambda a, b: LINALG.qr(b, mode="complete"),
    "qr, r": lambda a, b: LINALG.qr(a, "r"),
    "pinv": lambda a, b: LINALG.pinv(b, rtol=None),
    "pinv, rcond of each": lambda a, b: LINALG.pinv(a, rcond=np.array([1e-3, 0.9])),
    "lstsq": lambda a, b: LINALG.lstsq(b, a[0]),
    "lstsq, a vector": lambda a, b: LINALG.lstsq(b, b[:, 0] * 2 + 1, rcond=-1),
    "lstsq, too few equations": lambda a, b: LINALG.lstsq(b.T, b[:2]),
    "lstsq, cut": lambda a, b: LINALG.lstsq(b, a[0], 0.99),
    "matrix_power": lambda a, b: [LINALG.matrix_power(a, n) for n in (-3, -1, 0, 1, 2, 5)],
    "multi_dot": lambda a, b: [LINALG.multi_dot(m) for m in ([a[0], b], [b[:, 0], a[0], a[1], b], [b.T, a[0], b, b[0]], [b[:, 0], a[0], b[:, 1]])],
    "tensorinv": lambda a, b: LINALG.tensorinv(a[0].reshape(3, 3, 1), ind=1),
    "tensorsolve": lambda a, b: LINALG.tensorsolve(a[0].reshape(3, 1, 3), b[:, :1]),
    "tensorsolve, axes": lambda a, b: LINALG.tensorsolve(a[0].reshape(3, 3, 1), b[:, 0], axes=(0,)),
    "cond": lambda a, b: [LINALG.cond(a, p) for p in (None, 2, -2, 1, -1, np.inf, -np.inf, "fro", "nuc")],
    "cond, not square": lambda a, b: LINALG.cond(b),
    "norm": lambda a, b: [LINALG.norm(a, p, axis=(0, 2), keepdims=True) for p in (2, -2, "nuc", "fro", None)],
    "norm, other axes": lambda a, b: [LINALG.norm(a, p, axis=(2, 0)) for p in (2, -2, "nuc")],
    "matrix_norm": lambda a, b: [LINALG.matrix_norm(a, ord=p, keepdims=True) for p in (1, 2, "nuc", "fro")],
    "vector_norm": lambda a, b: [
        LINALG.vector_norm(a), LINALG.vector_norm(a, axis=(0, 2), ord=1), LINALG.vector_norm(a, axis=1, keepdims=True, ord=3)],
    "matmul": lambda a, b: LINALG.matmul(a, b),
}   # fmt: skip


def flat(result):
    if isinstance(result, (tuple, list)):
        return [x for part in result for x in flat(part)]
    return [result]


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("name", CALLS)
def test_calls_and_results_are_numpys(name, recorded):
    if recorded and name in ("svd, full", "qr, complete"):
        return
    for dtype in (np.float64, np.float32):
        a, b = A.astype(dtype), B.astype(dtype)
        expected = CALLS[name](a, b)
        got = CALLS[name](*(tg.tensor(x, requires_grad=recorded) for x in (a, b)))
        assert getattr(got, "_fields", None) == getattr(expected, "_fields", None)
        assert type(got).__name__ == type(expected).__name__ or not isinstance(expected, tuple)
        for ours, numpys in zip(flat(got), flat(expected), strict=True):
            ours = ours.detach().numpy() if isinstance(ours, tg.Tensor) else ours
            assert np.shape(ours) == np.shape(numpys)
            assert np.asarray(ours).dtype == np.asarray(numpys).dtype or isinstance(ours, int)
            np.testing.assert_allclose(ours, numpys, rtol=1e-12 if dtype is np.float64 else 1e-4, atol=1e-12 if dtype is np.float64 else 1e-5)


def test_integers_become_floats_as_in_numpy():
    a = tg.tensor([[2, 1], [1, 3]])
    for function in (LINALG.inv, LINALG.det, LINALG.eigvalsh, LINALG.svdvals, LINALG.pinv, LINALG.cholesky):
        np.testing.assert_allclose(function(a).numpy(), function(a.numpy()), rtol=1e-14)
    np.testing.assert_allclose(LINALG.solve(a, leaf([1.0, 2.0])).detach(), LINALG.solve(a.numpy(), [1.0, 2.0]))


def test_an_output_that_is_not_used_costs_no_gradient():
    """Each output has a node of its own, and a walk meets only those that are used."""
    x = leaf(DOUBLE)
    values, vectors = LINALG.eigh(x)
    values.sum().backward()
    np.testing.assert_allclose(x.grad, np.eye(3), atol=1e-14)       # NaN would come by way of the vectors
    assert vectors.op != values.op


def test_no_factor_is_the_identity_whose_gradient_is_0():
    x = leaf(SPREAD)
    LINALG.matrix_power(x, 0).sum().backward()
    assert not x.grad.numpy().any()


def test_products_go_in_the_cheapest_order():
    """Of (100, 1) @ (1, 100) @ (100, 1) the last two first: no matrix of 100 x 100 is made."""
    arrays = [leaf(RNG.uniform(-1, 1, shape)) for shape in ((100, 1), (1, 100), (100, 1))]
    sizes, node = [], LINALG.multi_dot(arrays).node
    unseen = [node]
    while unseen:
        node = unseen.pop()
        sizes.append(int(np.prod(node.shape)))
        unseen += node.parents
    assert max(sizes) == 100


def test_matrices_may_be_large_or_small():
    for scale in (1e-30, 1e15):
        a = (scale * SPREAD).astype(np.float32)
        for function, power in (LINALG.inv, -2), (LINALG.svdvals, 0), (LINALG.pinv, -2), (lambda a: LINALG.svd(a[:, :2], False).U, -1):
            x = tg.tensor(a, requires_grad=True)
            weights = tg.tensor(np.float32(scale) ** (1 if power == -2 else 0))
            (function(x) * weights).sum().backward()
            y = leaf(SPREAD)
            function(y).sum().backward()
            expected = y.grad.numpy() * (scale ** -1.0 if power else 1)
            np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


# Errors


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: LINALG.inv(leaf(np.ones((2, 3)))), LINALG.LinAlgError, r"inv: a has shape \(2, 3\)"),
        (lambda: LINALG.inv(leaf(np.ones((2, 2)))), LINALG.LinAlgError, r"Singular matrix"),
        (lambda: LINALG.inv(leaf(np.ones((2, 2)))), LINALG.LinAlgError, r"Inv\(\): a has shape \(2, 2\)"),
        (lambda: LINALG.solve(leaf(np.ones((2, 2))), leaf([1.0, 2.0])), LINALG.LinAlgError, r"Solve\(\): a has shape \(2, 2\)"),
        (lambda: LINALG.solve(leaf(np.eye(2)), leaf([1.0, 2.0, 3.0])), tg.errors.ShapeError, r"Solve\(\).*\(3\) must be as long as those of a \(2\)"),
        (lambda: LINALG.solve(leaf(np.ones((2, 2, 2))), leaf(np.ones((3, 2, 1)))), tg.errors.ShapeError, "do not broadcast"),
        (lambda: LINALG.cholesky(leaf(-np.eye(2))), LINALG.LinAlgError, r"Cholesky\(upper=False\): a has shape \(2, 2\)"),
        (lambda: LINALG.eigh(leaf([1.0])), LINALG.LinAlgError, r"eigh: a has shape \(1,\)"),
        (lambda: LINALG.svd(leaf(np.full((2, 2), np.nan))), LINALG.LinAlgError, r"did not converge.*svd: a has shape \(2, 2\)"),
        (lambda: LINALG.svd(leaf(np.ones((3, 2)))), tg.errors.UnsupportedError, "full_matrices=False"),
        (lambda: LINALG.qr(leaf(np.ones((3, 2))), "complete"), tg.errors.UnsupportedError, "mode='reduced'"),
        (lambda: LINALG.qr(leaf(np.ones((3, 2))), "raw"), ValueError, "'raw'"),
        (lambda: LINALG.pinv(leaf(np.eye(2)), 0.1, rtol=0.1), ValueError, "rtol and rcond"),
        (lambda: LINALG.lstsq(leaf(np.eye(2)), leaf([1.0])), LINALG.LinAlgError, r"\(2, 2\) and b \(1,\)"),
        (lambda: LINALG.multi_dot([leaf([1.0])]), ValueError, "at least two"),
        (lambda: LINALG.multi_dot([leaf([1.0]), leaf([1.0]), leaf([1.0])]), LINALG.LinAlgError, r"arrays\[1\] has shape \(1,\)"),
        (lambda: LINALG.multi_dot([leaf(np.eye(2)), leaf(np.eye(2))], out=np.eye(2)), TypeError, "out="),
        (lambda: LINALG.tensorinv(leaf(np.ones((2, 3))), 1), LINALG.LinAlgError, r"tensorinv: a has shape \(2, 3\)"),
        (lambda: LINALG.tensorsolve(leaf(np.ones((2, 3))), leaf([1.0, 2.0])), LINALG.LinAlgError, r"tensorsolve: a has shape \(2, 3\)"),
        (lambda: LINALG.cond(leaf(np.ones((0, 2)))), LINALG.LinAlgError, "empty"),
        (lambda: LINALG.vector_norm(leaf([1.0]), ord="fro"), ValueError, "'fro'"),
        (lambda: LINALG.det(tg.tensor(np.eye(2), dtype="float16")), tg.errors.DTypeError, "float16"),
    ],
)   # fmt: skip
def test_errors_say_the_function_and_the_shapes(call, error, said):
    with pytest.raises(error) as caught:
        call()
    assert re.search(said, "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])]), re.S)


@pytest.mark.filterwarnings("ignore:invalid value encountered")     # NumPy's own words about NaN
def test_nan_stays_in_its_own_matrix():
    a = np.stack([SPREAD, SPREAD])
    a[1, 0, 0] = np.nan
    for function in (LINALG.inv, LINALG.det, lambda a: LINALG.slogdet(a).logabsdet, lambda a: LINALG.solve(a, np.ones(3)), lambda a: LINALG.qr(a).Q):
        got = gradient(function, a)
        assert np.isfinite(got[0]).all()
        assert np.isnan(got[1]).any()


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("batch", [(), (2,)])
def test_the_rows_of_a_jacobian_go_through_the_rules_together(name, batch, monkeypatch):
    function, _, a = EXACT[name]
    a = np.broadcast_to(a, (*batch, *np.shape(a)))
    x = leaf(a)
    out = function(x)
    by_row = [tg.grad(out, x, tg.tensor(g), retain_graph=True)[0].numpy() for g in np.eye(out.size).reshape(out.size, *out.shape)]
    monkeypatch.setattr(engine_backward, "pulled_by_rows", None)
    together = tg.func.jacobian(function)(tg.tensor(a))
    np.testing.assert_allclose(together.numpy().reshape(out.size, *x.shape), by_row, rtol=1e-12, atol=1e-13)


# Beside PyTorch


PYTORCHS = {
    "inv": lambda space, a: space.inv(a),
    "det": lambda space, a: space.det(a),
    "cholesky": lambda space, a: space.cholesky(a),
    "eigvalsh": lambda space, a: space.eigvalsh(a),
    "eigh vectors": lambda space, a: space.eigh(a)[1] ** 2,
    "svdvals": lambda space, a: space.svdvals(a),
    "svd U": lambda space, a: space.svd(a[:, :2], False)[0] ** 2,
    "svd Vh": lambda space, a: space.svd(a[:2], False)[2] ** 2,
    "qr Q": lambda space, a: space.qr(a[:, :2])[0],
    "qr R": lambda space, a: space.qr(a[:2])[1],
    "pinv": lambda space, a: space.pinv(a[:2]),
    "solve": lambda space, a: space.solve(a, a[0]),
    "logabsdet": lambda space, a: space.slogdet(a)[1],
}


@pytest.mark.peers
@pytest.mark.parametrize("name", PYTORCHS)
def test_gradients_of_two_orders_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    function, values = PYTORCHS[name], symmetric(SPREAD)
    x, y = leaf(values), torch.tensor(values, requires_grad=True)
    out, out_y = function(LINALG, x), function(torch.linalg, y)
    weights = np.random.default_rng(3).standard_normal(out.shape)
    (first,) = tg.grad(out, x, tg.tensor(weights), create_graph=True)
    (first_y,) = torch.autograd.grad(out_y, y, torch.tensor(weights), create_graph=True)
    direction = symmetric(np.random.default_rng(4).standard_normal((3, 3)))
    if name == "eigh vectors":          # PyTorch leaves what a symmetric matrix cannot feel
        first, first_y = symmetric(first), (first_y + first_y.T) / 2
    np.testing.assert_allclose(first.detach(), first_y.detach(), rtol=1e-11, atol=1e-11)
    second, second_y = tg.grad((first * direction).sum(), x)[0], torch.autograd.grad((first_y * torch.tensor(direction)).sum(), y)[0]
    second, second_y = second.numpy(), second_y.numpy()
    if name in ("cholesky", "eigvalsh", "eigh vectors"):
        second, second_y = symmetric(second), symmetric(second_y)
    np.testing.assert_allclose(second, second_y, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("ord", [None, 2, -2, 1, -1, np.inf, -np.inf, 0, 3, -3, "fro", "nuc"])
@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 1), (-2, -1)])
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (0, 0), (2, 0, 3)])
@np.errstate(all="ignore")
def test_norms_without_elements_are_numpys(shape, axis, ord):
    for keepdims in (False, True):
        x = tg.tensor(np.zeros(shape), requires_grad=True)
        try:
            expected = np.linalg.norm(np.zeros(shape), ord, axis, keepdims)
        except (ValueError, TypeError) as error:
            with pytest.raises(ValueError if isinstance(error, ValueError) else TypeError):
                np.linalg.norm(x, ord, axis, keepdims)
            continue
        out = np.linalg.norm(x, ord, axis, keepdims)
        assert np.array_equal(out.detach(), expected) and out.shape == np.shape(expected)
        if out.requires_grad:
            out.sum().backward()
            assert x.grad.shape == shape


def test_matrices_without_elements_have_all_their_vectors():
    for decompose in (np.linalg.svd, lambda a: np.linalg.qr(a.swapaxes(0, 1), "complete")):
        for ours, theirs in zip(decompose(tg.tensor(np.zeros((0, 3)), requires_grad=True)), decompose(np.zeros((0, 3))), strict=True):
            assert np.array_equal(ours.detach(), theirs)
    assert np.isclose(np.linalg.vector_norm(tg.tensor([3.0, 4.0]), ord=None).item(), 5)


def test_nan_in_a_determinant_is_warned_of_once():
    with pytest.warns(RuntimeWarning) as warned:
        np.linalg.slogdet(tg.tensor([[np.nan, 1.0], [1.0, 2.0]]))
    assert len(warned) == 1


def test_least_squares_are_in_the_dtype_of_both():
    a, b = np.array([[1, 2], [3, 4], [5, 7]], np.float32), np.array([0.1, 0.2, 0.4])
    for got, expected in zip(np.linalg.lstsq(tg.tensor(a), b), np.linalg.lstsq(a, b)):
        np.testing.assert_allclose(got, expected, rtol=1e-13)
        assert np.ndim(expected) == 0 or got.dtype == expected.dtype
