"""Distances between all pairs: PyTorch's numbers, digits, blocks, zeros, and what is said when something does not fit.

The checks of every op, cases included, are in test_every_op.py; other distances are in test_reduction.py.
"""

import tracemalloc
from contextlib import nullcontext

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.errors import DTypeError, ShapeError
from tinygrad_edu.fused import cdist as module
from tinygrad_edu.fused.cdist import CDist

fused_and_composed = pytest.mark.parametrize("way", [nullcontext, tg.composed], ids=["fused", "composed"])
INF = np.inf


def run(x1, x2, p, g=None, dtype=np.float64):
    a, b = (tg.tensor(x, dtype=dtype, requires_grad=True) for x in (x1, x2))
    out = tg.cdist(a, b, p)
    out.backward(np.ones(out.shape, out.dtype) if g is None else g.astype(dtype))
    return out.numpy(), a.grad.numpy(), b.grad.numpy()


@pytest.mark.peers
@fused_and_composed
@pytest.mark.parametrize("p", [0.5, 1, 1.5, 2, 3, INF])
@pytest.mark.parametrize(
    "shapes",
    [((5, 3), (4, 3)), ((2, 5, 9), (2, 4, 9)), ((2, 1, 30, 20), (3, 40, 20)), ((3, 0), (2, 0)), ((0, 3), (2, 3))],
    ids=str,
)
def test_values_and_gradients_are_pytorchs(shapes, p, way):
    import torch

    x1, x2 = (np.random.default_rng(seed).normal(size=shape) for seed, shape in enumerate(shapes))
    a, b = (torch.tensor(x, requires_grad=True) for x in (x1, x2))
    expected = torch.cdist(a, b, float(p), compute_mode="donot_use_mm_for_euclid_dist")
    g = np.cos(np.arange(expected.numel())).reshape(expected.shape)
    expected.backward(torch.tensor(g))
    with way():
        out, grad_x1, grad_x2 = run(x1, x2, p, g)
    np.testing.assert_allclose(out, expected.detach().numpy(), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(grad_x1, a.grad.numpy(), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(grad_x2, b.grad.numpy(), rtol=1e-11, atol=1e-11)


def exact(x1, x2):
    """The distances and their gradient with respect to x1, for an incoming gradient of ones, in extended precision."""
    differences = x1[:, None].astype(np.longdouble) - x2
    out = np.sqrt(np.sum(differences**2, axis=-1))
    return out, np.sum(differences / np.where(out == 0, 1, out)[..., None], axis=1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0, 1e4])
@pytest.mark.parametrize("spread", ["far", "near", "some near", "all equal"])
def test_no_digits_are_lost_where_vectors_are_near_each_other(spread, offset, dtype):
    rng = np.random.default_rng(0)
    x1 = (rng.normal(size=(60, 24)) + offset).astype(dtype)
    x2 = (rng.normal(size=(50, 24)) + offset).astype(dtype)
    if spread == "near":
        x2 = (x1[:1] + rng.normal(size=(50, 24)) * 1e-2).astype(dtype)
        x1 = (x1[:1] + rng.normal(size=(60, 24)) * 1e-2).astype(dtype)
    elif spread == "some near":
        x2[:30] = x1[:30] * (1 + 10 * np.finfo(dtype).eps)
    elif spread == "all equal":
        x1[:] = x2[:] = x1[0]
    out, grad_x1, _ = run(x1, x2, 2, dtype=dtype)
    distances, gradient = exact(x1, x2)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(out, distances.astype(np.float64), rtol=30 * eps)
    np.testing.assert_allclose(grad_x1, gradient.astype(np.float64), rtol=1e-5, atol=1000 * eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("p", [2, 1, 3])
def test_several_blocks_give_what_the_twin_gives_and_the_same_bits(p, dtype, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_BYTES", 3000)
    rng = np.random.default_rng(0)
    x1, x2, g = rng.normal(size=(2, 41, 12)), rng.normal(size=(2, 53, 12)), rng.normal(size=(2, 41, 53))
    x2[:, ::5] = x1[:, :11] + 1e-3                  # near each other
    x2[:, ::10] = x1[:, :6]
    first = run(x1, x2, p, g, dtype)
    with tg.composed():
        twin = run(x1, x2, p, g, dtype)
    for ours, expected in zip(first, twin):
        np.testing.assert_allclose(ours, expected, rtol=1000 * np.finfo(dtype).eps, atol=1000 * np.finfo(dtype).eps)
    for _ in range(5):
        assert [x.tobytes() for x in run(x1, x2, p, g, dtype)] == [x.tobytes() for x in first]


@pytest.mark.parametrize("size", [1e30, 1e-30])
@pytest.mark.parametrize("columns", [3, 20])
@pytest.mark.parametrize("p", [2, 3])
def test_no_distance_overflows(p, columns, size):
    x1, x2 = (np.random.default_rng(seed).normal(size=(4, columns)) for seed in (0, 1))
    out, *gradients = run(size * x1, size * x2, p, dtype=np.float32)
    out_of_1, *gradients_of_1 = run(x1, x2, p)
    np.testing.assert_allclose(out, size * out_of_1, rtol=1e-5)
    for gradient, expected in zip(gradients, gradients_of_1):
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5)


@fused_and_composed
@pytest.mark.parametrize("columns", [2, 20])
@pytest.mark.parametrize("p", [0.5, 1, 2, 3, INF])
def test_a_distance_of_0_has_gradient_0(p, columns, way):
    x = np.random.default_rng(0).normal(size=(1, columns))
    with way():
        out, grad_x1, grad_x2 = run(x, x, p)
    assert not out.any() and not grad_x1.any() and not grad_x2.any()


def test_one_tensor_may_be_both():
    x = tg.tensor(np.random.default_rng(0).normal(size=(5, 20)), requires_grad=True)
    w = np.random.default_rng(1).normal(size=(5, 5))
    gradient, = tg.grad((tg.cdist(x, x) * w).sum(), x)
    _, grad_x1, grad_x2 = run(x.data, x.data, 2, w)
    np.testing.assert_allclose(gradient.data, grad_x1 + grad_x2, rtol=1e-12)


def test_how_many_differ_has_no_gradient():
    x1 = tg.tensor([[1.0, 2.0, 3.0], [1.0, 5.0, 6.0]], requires_grad=True)
    out = tg.cdist(x1, tg.tensor([[1.0, 2.0, 4.0]]), 0)
    assert out.tolist() == [[1], [2]] and not out.requires_grad and out.dtype == np.float32


@pytest.mark.parametrize("columns", [3, 20])
def test_nan_and_infinities_stay_in_their_row(columns):
    x1, x2 = np.random.default_rng(0).normal(size=(3, columns)), np.random.default_rng(1).normal(size=(2, columns))
    x1[0, 1], x1[2, 0] = np.nan, INF
    out, grad_x1, _ = run(x1, x2, 2)
    assert np.isnan(out[0]).all() and (out[2] == INF).all()
    np.testing.assert_allclose(out[1], exact(x1[1:2], x2)[0][0].astype(np.float64), rtol=1e-14)
    np.testing.assert_allclose(grad_x1[1], exact(x1[1:2], x2)[1][0].astype(np.float64), rtol=1e-13)


@pytest.mark.parametrize("p", [1, 2])
def test_memory_does_not_grow_with_the_number_of_columns_times_pairs(p):
    x1, x2 = (tg.tensor(np.random.default_rng(seed).normal(size=(300, 100)), requires_grad=True) for seed in (0, 1))
    tracemalloc.start()
    tg.cdist(x1, x2, p).sum().backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300 * 300 * 100 * 8 / 8


def test_float16_computes_in_float32():
    x1, x2 = np.float16([[200, 200, 200]]), np.float16([[-200, -200, -200]])
    out, grad_x1, _ = run(x1, x2, 2, dtype=np.float16)
    assert out.dtype == np.float16
    np.testing.assert_allclose(out, [[400 * np.sqrt(3)]], rtol=1e-3)
    np.testing.assert_allclose(grad_x1, np.full((1, 3), 1 / np.sqrt(3)), rtol=1e-3)


def test_it_is_one_node():
    x = tg.ones((3, 4), requires_grad=True)
    assert tg.cdist(x, x, 1).op == CDist(1.0)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: tg.cdist(x, tg.ones((2, 4))), ShapeError, ["cdist", "(2, 3)", "(2, 4)", "(..., m, d)"]),
        (lambda x: tg.cdist(x, tg.ones(3)), ShapeError, ["cdist", "(3,)"]),
        (lambda x: tg.cdist(tg.ones((2, 1, 3)), tg.ones((3, 1, 3))), ShapeError, ["cdist", "broadcast"]),
        (lambda x: tg.cdist(x, np.ones((2, 3))), DTypeError, ["cdist", "float32", "float64"]),
        (lambda x: tg.cdist(np.ones((2, 3), int), np.ones((2, 3), int)), DTypeError, ["cdist", "int64", "real floating"]),
        (lambda x: tg.cdist(x, x, -1), ValueError, ["p=-1", "at least 0"]),
        (lambda x: tg.cdist(x, x, np.nan), ValueError, ["p=nan"]),
    ],
)
def test_what_cannot_be_done_is_said(call, error, words):
    with pytest.raises(error) as failure:
        call(tg.ones((2, 3)))
    for word in words:
        assert word in str(failure.value)
