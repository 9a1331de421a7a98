"""Variance, standard deviation and norms: NumPy's and PyTorch's numbers, digits, kinks and ends, and what is said when something is wrong.

The checks of every op, cases included, are in test_every_op.py.
"""

from contextlib import nullcontext

import numpy as np
import pytest

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu.errors import DTypeError, ShapeError
from tinygrad_edu.fused.norm import Norm
from tinygrad_edu.fused.variance import Std, Var

fused_and_composed = pytest.mark.parametrize("way", [nullcontext, tg.composed], ids=["fused", "composed"])
INF, NAN = np.inf, np.nan


def value_and_gradient(function, x, dtype="float64"):
    x = tg.tensor(x, dtype=dtype, requires_grad=True)
    out = function(x)
    out.backward(np.ones(out.shape, out.dtype))
    return out.numpy(), x.grad.numpy()


def derivatives(function, x, order):
    """The value of sum(function(x)) and its derivatives, each summed before the next is taken."""
    x = tg.tensor(x, dtype="float64", requires_grad=True)
    found = [function(x).sum()]
    for _ in range(order):
        (g,) = tg.grad(found[-1], x, create_graph=True, allow_unused=True) if found[-1].requires_grad else (None,)
        found.append(tg.tensor(0.0) if g is None else g.sum())
    return [d.item() for d in found]


# Variance and standard deviation


def test_they_are_nodes_of_their_own():
    x = tg.ones((3, 4), requires_grad=True)
    assert x.var(axis=0).op == np.var(x, axis=0).op == tg.var(x, axis=0).op == Var((0,))
    assert x.std(1, ddof=1).op == np.std(x, 1, ddof=1).op == tg.std(x, 1, ddof=1).op == Std((1,), False, 1)


@fused_and_composed
@pytest.mark.parametrize("axis", [0, 1, None])
@pytest.mark.parametrize("first", [0.0, 1e8])
def test_a_large_mean_costs_no_digits(first, axis, way):
    """Nearly none even where the element that is subtracted lies far from the others: sums of columns round at each of 2000 steps."""
    x = np.random.default_rng(0).normal(1e4, 1, (2000, 300)).astype(np.float32)
    x[0, 0] += first
    exact = x.astype(np.float64)
    with way():
        for ours, theirs in (tg.var, np.var), (tg.std, np.std):
            np.testing.assert_allclose(ours(x, axis=axis).data, theirs(exact, axis=axis), rtol=2e-4 if first else 2e-5)


@fused_and_composed
@pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3, -1e6, 1e30])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 3, 7, 1000])
def test_constants_have_no_variance_and_gradient_0(n, dtype, value, way):
    with way():
        for function in tg.var, tg.std:
            out, gradient = value_and_gradient(lambda x, function=function: function(x, axis=1), np.full((2, n), value), dtype)
            assert not out.any() and not gradient.any()


@fused_and_composed
def test_the_std_of_constants_has_derivatives_0_at_every_order(way):
    with way():
        assert derivatives(lambda x: tg.std(x), [0.1, 0.1, 0.1], 3) == [0, 0, 0, 0]
        assert derivatives(lambda x: tg.std(x) ** 2, [0.1, 0.1, 0.1], 2) == [0, 0, 0]


def test_numpys_arguments():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(3, 4))
    some = rng.uniform(size=(3, 4)) < 0.7
    x = tg.tensor(a)
    for ours, theirs in (tg.var, np.var), (tg.std, np.std):
        for arguments in (
            {"where": some},
            {"where": some, "axis": 1, "ddof": 1, "keepdims": True},
            {"mean": np.mean(a, axis=0, keepdims=True), "axis": 0},
            {"mean": np.full((3, 1), 0.3), "axis": 1, "correction": 1},
            {"axis": (0, 1), "dtype": np.float32},
        ):
            expected = theirs(a, **arguments)
            got = ours(x, **arguments)
            assert got.shape == expected.shape and got.dtype == expected.dtype
            np.testing.assert_allclose(got.data, expected, rtol=1e-6)
            np.testing.assert_allclose(theirs(x, **arguments).data, expected, rtol=1e-6)


def test_dtypes():
    for dtype in np.float16, np.float32, np.float64, np.longdouble, np.int32, np.uint8, np.bool_, np.complex64:
        a = np.array([[1, 0], [1, 1], [0, 1]], dtype)
        for ours, theirs in (tg.var, np.var), (tg.std, np.std):
            out = ours(tg.tensor(a), axis=0)
            assert out.dtype == theirs(a, axis=0).dtype
            np.testing.assert_allclose(out.data, theirs(a, axis=0), rtol=1e-3)


@pytest.mark.filterwarnings("ignore:Casting complex")       # NumPy's nanvar, of its own
def test_the_dtype_that_is_asked_for_is_that_of_the_result():
    a = np.array([1.5, 2.5])
    for function in np.mean, np.var, np.std, np.nanmean, np.nanvar, np.nanstd:
        for dtype in np.float32, np.complex128:
            out, expected = function(tg.tensor(a), dtype=dtype), function(a, dtype=dtype)
            assert out.dtype == expected.dtype
            np.testing.assert_allclose(out, expected)
    for values in np.array([1.0, 2.0]), np.array([1, 2]), np.array([True, False]):
        assert np.mean(tg.tensor(values), dtype=int).item() == np.mean(values, dtype=int) and np.mean(tg.tensor(values), dtype=int).dtype == int
    assert np.nanmean(tg.tensor([1, 2]), dtype=int).dtype == int


@pytest.mark.parametrize("function", [np.var, np.std, np.nanvar, np.nanstd, np.nanmean])
def test_means_are_not_cut_off_to_whole_numbers(function):
    with pytest.raises(DTypeError, match=f"{function.__name__}: dtype is int64, which cuts off the mean"):
        function(tg.tensor([1.5, 2.5]), dtype=int)


def test_float16_computes_in_float32():
    a = np.float16([[300, -300, 100, 60000]]).repeat(50, 0)
    std, gradient = value_and_gradient(tg.std, a, "float16")
    np.testing.assert_allclose(std, np.std(a.astype(float)), rtol=1e-3)
    assert np.isfinite(gradient).all() and gradient.any()


@pytest.mark.parametrize(("shape", "ddof"), [((0,), 0), ((2,), 2), ((2,), 3), ((1,), 1)])
@fused_and_composed
def test_without_a_degree_of_freedom_there_is_no_number(shape, ddof, way):
    with way(), np.errstate(divide="ignore", invalid="ignore"):
        for function in tg.var, tg.std:
            x = tg.tensor(np.arange(1.0, 1 + shape[0]), requires_grad=True)
            value = function(x, ddof=ddof)
            value.backward()
            assert not np.isfinite(value.item()) and not np.isfinite(x.grad.numpy()).any()


def test_nan_and_infinities_stay_in_their_row():
    x = tg.tensor([[1.0, NAN], [1.0, INF], [1.0, 3.0]], requires_grad=True)
    out = tg.var(x, axis=1)
    with np.errstate(invalid="ignore"):
        out.backward(np.ones(3, np.float32))
    assert np.isnan(out.data).tolist() == [True, True, False]
    assert np.isfinite(x.grad.data).tolist() == [[False, False], [False, False], [True, True]]


# Norms

ORDERS = [None, 0, 1, 2, 3, 1.5, 0.5, -1, -2, INF, -INF]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("ord", ORDERS)
def test_norms_are_numpys(ord, keepdims):
    a = np.random.default_rng(0).normal(size=(3, 4, 5))
    for x, axis in (a, 0), (a, -1), (a[0, 0], None), (a[0], 1):
        got = np.linalg.norm(tg.tensor(x), ord, axis, keepdims)
        np.testing.assert_allclose(got.data, np.linalg.norm(x, ord, axis, keepdims), rtol=1e-14)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("ord", [None, "fro", 1, -1, INF, -INF])
def test_matrix_norms_are_numpys(ord, keepdims):
    a = np.random.default_rng(0).normal(size=(3, 4, 5))
    for x, axis in (a, (0, 2)), (a, (-1, 1)), (a[0], None):
        got = tg.norm(tg.tensor(x), ord, axis, keepdims)
        np.testing.assert_allclose(got.data, np.linalg.norm(x, ord, axis, keepdims), rtol=1e-14)
    np.testing.assert_allclose(tg.norm(a).item(), np.linalg.norm(a), rtol=1e-14)


@pytest.mark.peers
@fused_and_composed
@pytest.mark.parametrize("ord", [0.5, 1, 1.5, 2, 3, -1, INF, -INF])
def test_gradients_of_norms_are_pytorchs(ord, way):
    import torch

    a = np.random.default_rng(0).normal(size=(3, 4))
    a[0] = [0, 1, -2, 0] if ord > 0 else [1, 1, -2, 1]          # zeros, and ties
    theirs = torch.tensor(a, requires_grad=True)
    torch.linalg.vector_norm(theirs, ord, dim=1).sum().backward()
    with way():
        _, gradient = value_and_gradient(lambda x: tg.norm(x, ord, axis=1), a)
    np.testing.assert_allclose(gradient, theirs.grad.numpy(), rtol=1e-13)


@fused_and_composed
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("ord", [1, 1.5, 2, 3, 10, -2, INF, -INF])
@pytest.mark.parametrize("size", [1e30, 1e-30, 1.0])
def test_no_norm_overflows_or_loses_digits(size, ord, dtype, way):
    x = np.array([[3.0, -4.0, 1.0], [1e-3, 2e-3, 5e-3]])
    with way():
        out, gradient = value_and_gradient(lambda x: tg.norm(x, ord, axis=1), size * x, dtype)
        out_of_1, gradient_of_1 = value_and_gradient(lambda x: tg.norm(x, ord, axis=1), x)
    np.testing.assert_allclose(out, size * out_of_1, rtol=1e-5 if dtype == "float32" else 1e-13)
    np.testing.assert_allclose(gradient, gradient_of_1, rtol=1e-5 if dtype == "float32" else 1e-13)


@fused_and_composed
@pytest.mark.parametrize("ord", [1, 1.5, 2, 3, 0.5, INF, -INF, -1])
def test_the_norm_of_zeros_has_gradient_0(ord, way):
    with way():
        out, gradient = value_and_gradient(lambda x: tg.norm(x, ord, axis=1), [[0.0, 0.0], [3.0, 4.0]])
    assert out[0] == 0 and not gradient[0].any()
    assert out[1] > 0 and np.isfinite(gradient[1]).all() and gradient[1].any()


@fused_and_composed
def test_the_norm_of_zeros_has_derivatives_0_at_every_order(way):
    with way():
        assert derivatives(tg.norm, [0.0, 0.0], 3) == [0, 0, 0, 0]


@fused_and_composed
def test_ties_of_the_largest_share(way):
    with way():
        assert value_and_gradient(lambda x: tg.norm(x, INF), [2.0, -2.0, 1.0])[1].tolist() == [0.5, -0.5, 0]
        assert value_and_gradient(lambda x: tg.norm(x, -INF), [1.0, -2.0, 1.0, -1.0])[1].tolist() == [1 / 3, 0, 1 / 3, -1 / 3]


def test_how_many_are_not_0_has_no_gradient():
    out = tg.norm(tg.tensor([0.0, 2.0, NAN], requires_grad=True), 0)
    assert out.item() == 2 and not out.requires_grad and out.dtype == np.float32


@fused_and_composed
def test_norms_of_infinities_and_nan(way):
    with way():
        x = tg.tensor([[INF, 1.0], [NAN, 1.0], [INF, NAN]])
        for ord in 1, 2, 3, INF:
            assert np.array_equal(tg.norm(x, ord, axis=1).data, [INF, NAN, NAN], equal_nan=True)


def test_dtypes_of_norms():
    for dtype in np.float16, np.float32, np.float64, np.longdouble, np.int32, np.bool_, np.complex64:
        a = np.array([[1, 0], [1, 1]], dtype)
        assert tg.norm(tg.tensor(a)).dtype == np.linalg.norm(a).dtype
        np.testing.assert_allclose(tg.norm(tg.tensor(a), axis=0).data, np.linalg.norm(a, axis=0), rtol=1e-3)
    assert tg.norm(tg.tensor(np.full(4, 30000, np.float16))).item() == 60000


def test_the_frobenius_norm_is_one_node():
    x = tg.ones((3, 4), requires_grad=True)
    assert tg.norm(x).op == tg.norm(x, "fro").op == Norm((0, 1))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: tg.norm(x, 3), ["ord=3", "matrix", "'fro'", "'nuc'"]),
        (lambda x: tg.norm(x, "fro", 0), ["ord='fro'", "vector"]),
        (lambda x: tg.norm(x, NAN, 0), ["ord is NaN"]),
        (lambda x: tg.norm(x.reshape(3, 2, 2), 1), ["3 axes", "axis=..."]),
        (lambda x: tg.norm(x.reshape(3, 2, 2), 1, (0, 1, 2)), ["axis=(0, 1, 2)", "two for matrices"]),
        (lambda x: tg.norm(x, axis=2), ["norm", "axis 2"]),
    ],
)
def test_what_a_norm_cannot_do_is_said(call, words):
    with pytest.raises(ValueError) as failure:
        call(tg.zeros((3, 4)))
    for word in words:
        assert word in str(failure.value)


# Lengths and angles


@pytest.mark.peers
@fused_and_composed
@pytest.mark.parametrize(
    "function",
    [
        lambda F, a, b: F.normalize(a),
        lambda F, a, b: F.normalize(a, p=1, dim=-1),
        lambda F, a, b: F.normalize(a, p=3.0, dim=0),
        lambda F, a, b: F.normalize(0 * a),
        lambda F, a, b: F.cosine_similarity(a, b),
        lambda F, a, b: F.cosine_similarity(a, b[:1], dim=-1),
        lambda F, a, b: F.cosine_similarity(a, 0 * b, dim=0),
        lambda F, a, b: F.pairwise_distance(a, b),
        lambda F, a, b: F.pairwise_distance(a, b[:1], 1.0, 0.1, True),
        lambda F, a, b: F.pairwise_distance(a[0], b[1], float("inf")),
    ],
)
def test_distances_are_pytorchs(function, way):
    import torch

    inputs = [np.random.default_rng(seed).normal(size=(3, 4)) for seed in (0, 1)]
    theirs = [torch.tensor(x, requires_grad=True) for x in inputs]
    ours = [tg.tensor(x, requires_grad=True) for x in inputs]
    expected = function(torch.nn.functional, *theirs)
    with way():
        out = function(F, *ours)
    np.testing.assert_allclose(out.data, expected.detach().numpy(), rtol=1e-12)
    g = np.cos(np.arange(out.size)).reshape(out.shape)
    expected.backward(torch.tensor(g))
    out.backward(g)
    for x, t in zip(ours, theirs):
        if t.grad is not None:
            np.testing.assert_allclose(x.grad.data, t.grad.numpy(), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: F.cosine_similarity(x, tg.ones((2, 5))), ShapeError, ["cosine_similarity", "'words'", "(2, 5)", "broadcast"]),
        (lambda x: F.pairwise_distance(x, np.ones((2, 3))), DTypeError, ["pairwise_distance", "float32", "float64"]),
        (lambda x: F.normalize(x, dim=2), np.exceptions.AxisError, ["normalize", "axis 2"]),
    ],
)
def test_what_a_distance_cannot_do_is_said(call, error, words):
    with pytest.raises(error) as failure:
        call(tg.ones((2, 3), name="words"))
    for word in words:
        assert word in str(failure.value)
