"""Poolings: PyTorch's numbers, ties, NaN and infinities, and what is said when something does not fit.

The checks of every op, cases included, are in test_every_op.py.
"""

import itertools
from contextlib import nullcontext

import numpy as np
import pytest

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu import nn
from tinygrad_edu.errors import DTypeError, ShapeError
from tinygrad_edu.fused import pooling
from tinygrad_edu.fused.pooling import AveragePool, MaxPool

fused_and_composed = pytest.mark.parametrize("way", [nullcontext, tg.composed], ids=["fused", "composed"])
NAN, INF = np.nan, np.inf


def value_and_gradient(function, x, g=None):
    x = tg.tensor(x, requires_grad=True)
    out = function(x)
    out.backward(np.ones(out.shape, out.dtype) if g is None else np.asarray(g, out.dtype))
    return out.numpy(), x.grad.numpy()


# PyTorch's numbers

SIZES = {1: (11,), 2: (7, 9), 3: (5, 4, 6)}
MAX_SETTINGS = [
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 3, "stride": 1},
    {"kernel_size": 2, "stride": 3, "ceil_mode": True},
    {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    {"kernel_size": 2, "stride": 2, "padding": 1, "dilation": 2, "ceil_mode": True},
    {"kernel_size": [2], "dilation": [3]},
]
AVERAGE_SETTINGS = [
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
    {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    {"kernel_size": 2, "stride": 3, "ceil_mode": True, "count_include_pad": False},
]
CALLS = [
    *((f"max_pool{axes}d", settings, axes) for axes in SIZES for settings in MAX_SETTINGS),
    *((f"avg_pool{axes}d", settings, axes) for axes in SIZES for settings in AVERAGE_SETTINGS),
    *((f"avg_pool{axes}d", {"kernel_size": 2, "padding": 1, "divisor_override": 3}, axes) for axes in (2, 3)),
    ("max_pool2d", {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 0), "dilation": (2, 1)}, 2),
    ("avg_pool2d", {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 0)}, 2),
    *((f"adaptive_{kind}_pool{axes}d", {"output_size": m}, axes) for kind in ("avg", "max") for axes in SIZES for m in (1, 2, 3, 4)),
    *((f"adaptive_{kind}_pool2d", {"output_size": (None, 12)}, 2) for kind in ("avg", "max")),
]


@pytest.mark.peers
@pytest.mark.parametrize("lead", [(2, 3), (3,), (0, 2)], ids=["batch", "one sample", "no sample"])
@pytest.mark.parametrize(("function", "settings", "axes"), CALLS, ids=lambda value: str(value) if isinstance(value, (str, dict)) else "")
def test_values_and_gradients_are_pytorchs(function, settings, axes, lead):
    import torch

    x = np.random.default_rng(0).integers(-3, 4, (*lead, *SIZES[axes])).astype(np.float64)      # with ties
    theirs = torch.tensor(x, requires_grad=True)
    expected = getattr(torch.nn.functional, function)(theirs, **settings)
    g = np.cos(np.arange(expected.numel())).reshape(expected.shape)
    expected.backward(torch.tensor(g))
    value, gradient = value_and_gradient(lambda x: getattr(F, function)(x, **settings), x, g)
    assert value.shape == tuple(expected.shape)
    np.testing.assert_allclose(value, expected.detach().numpy(), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(gradient, theirs.grad.numpy(), rtol=1e-13, atol=1e-13)


@pytest.mark.peers
@pytest.mark.parametrize(
    ("ours", "arguments", "axes"),
    [
        *((f"MaxPool{axes}d", (3, 2, 1), axes) for axes in SIZES),
        *((f"AvgPool{axes}d", (3, 2, 1, True, False), axes) for axes in SIZES),
        *((f"Adaptive{kind}Pool{axes}d", (3,), axes) for kind in ("Avg", "Max") for axes in SIZES),
        ("MaxPool2d", (2, None, 0, 1, False, True), 2),
        ("AvgPool2d", (2, 2, 0, False, True, 3), 2),
    ],
)
def test_layers_are_pytorchs(ours, arguments, axes):
    import torch

    x = np.random.default_rng(0).normal(size=(2, 3, *SIZES[axes]))
    layer, theirs = getattr(nn, ours)(*arguments), getattr(torch.nn, ours)(*arguments)
    np.testing.assert_allclose(layer(tg.tensor(x)).data, theirs(torch.tensor(x)).numpy(), rtol=1e-13)
    assert layer.formula()
    assert repr(layer).startswith(ours)


# Large arrays, in several blocks


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("settings", [(2, 2, 0), (3, 2, 1), (3, 1, 1)], ids=str)
@pytest.mark.parametrize("function", [F.max_pool2d, F.avg_pool2d])
def test_several_blocks_give_what_the_twin_gives_and_the_same_bits(function, settings, dtype):
    x = np.random.default_rng(0).integers(-9, 9, (150, 3, 38, 41)).astype(dtype)
    assert x.nbytes > 2 * pooling.BLOCK_BYTES and x.nbytes % pooling.BLOCK_BYTES
    g = np.random.default_rng(1).normal(size=function(x, *settings).shape)
    value, gradient = value_and_gradient(lambda x: function(x, *settings), x, g)
    with tg.composed():
        twin, gradient_of_twin = value_and_gradient(lambda x: function(x, *settings), x, g)
    tolerance = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(value, twin, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(gradient, gradient_of_twin, rtol=tolerance, atol=tolerance)
    for _ in range(5):
        again = value_and_gradient(lambda x: function(x, *settings), x, g)
        assert again[0].tobytes() == value.tobytes() and again[1].tobytes() == gradient.tobytes()


def test_a_large_window_has_more_places_than_a_byte():
    x = np.zeros((1, 1, 20, 20))
    x[0, 0, 19, 18] = 1
    value, gradient = value_and_gradient(lambda x: F.max_pool2d(x, 20), x)
    assert value.item() == 1
    np.testing.assert_array_equal(gradient, x)


# Ties, ends and NaN


@fused_and_composed
def test_equal_elements_give_the_gradient_to_the_first_in_reading_order(way):
    with way():
        for order in itertools.permutations([0.0, 1.0, 1.0, 1.0]):
            _, gradient = value_and_gradient(lambda x: F.max_pool2d(x, 2), np.reshape(order, (1, 2, 2)))
            assert gradient.ravel().tolist() == np.eye(4)[order.index(1.0)].tolist()
        _, gradient = value_and_gradient(lambda x: F.max_pool2d(x, 3, 2, 1), np.ones((1, 3, 3)))
        assert gradient[0].tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]


def test_equal_elements_give_all_derivatives_to_the_first():
    x = tg.tensor(np.ones((1, 2, 2)), requires_grad=True)
    dx, = tg.grad((F.max_pool2d(x, 2) ** 3).sum(), x, create_graph=True)
    second, = tg.grad(dx.sum(), x)
    assert dx.tolist() == [[[3, 0], [0, 0]]]
    assert second.tolist() == [[[6, 0], [0, 0]]]


@fused_and_composed
def test_a_window_of_minus_infinities_gives_the_gradient_to_its_first_element_and_not_to_the_padding(way):
    with way():
        value, gradient = value_and_gradient(lambda x: F.max_pool2d(x, 3, 2, 1), np.full((1, 3, 3), -INF))
    assert (value == -INF).all()
    assert gradient[0].tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]


@fused_and_composed
def test_nan_is_the_largest_and_the_first_of_them_has_the_gradient(way):
    x = np.array([[1.0, NAN, 5.0, 2.0], [NAN, 3.0, 1.0, 0.0]])
    with way():
        value, gradient = value_and_gradient(lambda x: F.max_pool2d(x, 2), x[None])
        assert np.isnan(value[0, 0, 0]) and value[0, 0, 1] == 5
        assert gradient[0].tolist() == [[0, 1, 1, 0], [0, 0, 0, 0]]
        value, gradient = value_and_gradient(lambda x: F.avg_pool2d(x, 2), x[None])
        assert np.isnan(value[0, 0, 0]) and value[0, 0, 1] == 2


def test_an_infinite_gradient_reaches_the_largest_element_alone():
    _, gradient = value_and_gradient(lambda x: F.max_pool2d(x, 2), np.array([[[1.0, 4.0], [2.0, 3.0]]]), [[[INF]]])
    assert gradient[0].tolist() == [[0, INF], [0, 0]]


def test_the_mean_counts_the_padding_and_can_leave_it_out():
    x = np.ones((1, 2, 2))
    assert F.avg_pool2d(x, 2, 2, 1).data.ravel().tolist() == [0.25] * 4
    assert F.avg_pool2d(x, 2, 2, 1, count_include_pad=False).data.ravel().tolist() == [1] * 4
    assert F.avg_pool2d(x, 2, divisor_override=2).data.ravel().tolist() == [2]


def test_float16_stays_float16():
    x = tg.tensor(np.arange(16).reshape(1, 4, 4), dtype=np.float16, requires_grad=True)
    for function in F.max_pool2d, F.avg_pool2d:
        out = function(x, 2)
        assert out.dtype == np.float16
        assert tg.grad(out.sum(), x)[0].dtype == np.float16


# What is kept


def test_what_a_pooling_keeps():
    x = tg.tensor(np.random.default_rng(0).normal(size=(2, 3, 8, 8)), requires_grad=True)
    node = F.max_pool2d(x, 2).node
    assert isinstance(node.op, MaxPool)
    assert node.op.named_values(node)["place"].dtype == np.uint8
    node = F.avg_pool2d(x, 2).node
    assert isinstance(node.op, AveragePool)
    assert node.kept == (((2, 3, 8, 8),),)


# What is said


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: F.max_pool2d(x[0, 0], 2), ShapeError, ["max_pool2d", "(4, 6)", "(N, C, H, W)"]),
        (lambda x: F.max_pool1d(x, 2), ShapeError, ["max_pool1d", "'images'", "(N, C, L)"]),
        (lambda x: F.avg_pool3d(x, 7), ShapeError, ["avg_pool3d", "'images'", "7 elements along axis -3", "does not fit into 3"]),
        (lambda x: F.max_pool2d(x[:, :, :0], 2), ShapeError, ["max_pool2d", "(2, 3, 0, 6)", "size 0"]),
        (lambda x: F.max_pool2d(x, 2, 0), ValueError, ["max_pool2d", "stride=0", "at least 1"]),
        (lambda x: F.max_pool2d(x, (2, 2, 2)), ValueError, ["max_pool2d", "kernel_size=(2, 2, 2)", "2 of them"]),
        (lambda x: F.max_pool2d(x, 2.5), ValueError, ["kernel_size=2.5", "int"]),
        (lambda x: F.avg_pool2d(x, 2, padding=2), ValueError, ["avg_pool2d", "padding=2", "half of a window"]),
        (lambda x: F.max_pool1d(x[0, 0, :, :1], 2, padding=3, dilation=5), ShapeError, ["max_pool1d", "without an element"]),
        (lambda x: F.max_pool2d(x, 2, return_indices=True), ValueError, ["max_pool2d", "return_indices=True"]),
        (lambda x: F.adaptive_max_pool2d(x, 2, return_indices=True), ValueError, ["adaptive_max_pool2d", "return_indices=True"]),
        (lambda x: F.avg_pool2d(x, 2, divisor_override=0), ValueError, ["avg_pool2d", "divisor_override is 0"]),
        (lambda x: F.adaptive_avg_pool2d(x, 0), ValueError, ["adaptive_avg_pool2d", "output_size=0", "at least 1"]),
        (lambda x: F.adaptive_avg_pool2d(x, (1, 2, 3)), ValueError, ["output_size=(1, 2, 3)", "2 of them"]),
        (lambda x: F.max_pool2d(np.ones((1, 2, 2), int), 2), DTypeError, ["max_pool2d", "int64", "real floating"]),
    ],
)
def test_what_a_pooling_cannot_do_is_said(call, error, words):
    with pytest.raises(error) as failure:
        call(tg.zeros((2, 3, 4, 6), name="images"))
    for word in words:
        assert word in str(failure.value)
