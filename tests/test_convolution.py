"""Convolutions: PyTorch's numbers, higher derivatives beside mpmath, pieces that fit into the cache, and what is said when something does not fit.

The checks of every op, cases included, are in test_every_op.py.
"""

import itertools
import threading
import tracemalloc
from contextlib import nullcontext

import numpy as np
import pytest
from mpmath import diff, mp

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu import nn
from tinygrad_edu.errors import DTypeError, GraphError, ShapeError, UnsupportedError
from tinygrad_edu.fused import columns
from tinygrad_edu.fused.columns import Axis, Columns
from tinygrad_edu.fused.convolution import Convolution, ConvolutionWeight, TransposedConvolution
from tinygrad_edu.nn.layers.convolution import MODES
from tinygrad_edu.testing.fused_cases.convolution import by_taps

INF, NAN = np.inf, np.nan
DTYPES = {np.float32: 1e-5, np.float64: 1e-12}


def drawn(*shapes, dtype=np.float64):
    rng = np.random.default_rng(3)
    return [rng.uniform(-2, 2, shape).astype(dtype) for shape in shapes]


def numbers(function, *inputs, **settings):
    """The value, and the gradients of the inputs, all as arrays."""
    tensors = [tg.from_numpy(x, requires_grad=True) for x in inputs]
    out = function(*tensors, **settings)
    g = np.cos(np.arange(out.size)).reshape(out.shape).astype(out.dtype)
    return [out.numpy(), *[found.numpy() for found in tg.grad(out, tensors, tg.from_numpy(g))]]


def their_numbers(function, *inputs, **settings):
    """The same of one of PyTorch's functions."""
    import torch

    tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
    out = function(*tensors, **settings)
    g = torch.tensor(np.cos(np.arange(out.numel())).reshape(out.shape), dtype=out.dtype)
    return [tensor.detach().numpy() for tensor in (out, *torch.autograd.grad(out, tensors, g))]


def assert_close(ours, theirs, tolerance):
    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * max(1, np.abs(other).max(initial=0)))


# PyTorch's numbers

SIZES = {1: (9,), 2: (7, 8), 3: (5, 4, 6)}


def settings_of(**choices):
    return [dict(zip(choices, chosen)) for chosen in itertools.product(*choices.values())]


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("axes", SIZES)
def test_a_convolution_is_pytorchs(axes, dtype):
    import torch

    name, each = f"conv{axes}d", {1: (2,), 2: (2, 1), 3: (2, 1, 2)}[axes]
    grid = settings_of(kernel=(1, 2, 3), stride=(1, 2, each), padding=(0, 1, each), dilation=(1, 2), groups=(1, 2))
    grid += settings_of(kernel=(1, 2, 3), padding=("same", "valid"), dilation=(1, 2), groups=(1, 4))
    for settings in grid[:: (1 if axes < 3 else 3) * (1 if dtype is np.float64 else 7)]:      # PyTorch prepares itself for each shape in float32
        kernel = settings.pop("kernel")
        reach = settings["dilation"] * (kernel - 1) + 1
        if reach > min(SIZES[axes]):
            continue
        inputs = drawn((2, 4, *SIZES[axes]), (8, 4 // settings["groups"], *(kernel,) * axes), 8, dtype=dtype)
        ours = numbers(getattr(F, name), *inputs, **settings)
        assert_close(ours, their_numbers(getattr(torch.nn.functional, name), *inputs, **settings), DTYPES[dtype])


@pytest.mark.peers
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("axes", SIZES)
def test_a_transposed_convolution_is_pytorchs(axes, dtype):
    import torch

    name, each = f"conv_transpose{axes}d", {1: (2,), 2: (2, 1), 3: (2, 1, 2)}[axes]
    grid = settings_of(
        kernel=(1, 2, 3), stride=(1, 2, each), padding=(0, 1, each), output_padding=(0, 1), dilation=(1, 2, 3), groups=(1, 2), outputs=(2, 8)
    )
    for settings in grid[:: (1 if axes < 3 else 5) * (1 if dtype is np.float64 else 7)]:
        kernel, outputs = settings.pop("kernel"), settings.pop("outputs")
        if settings["output_padding"] >= settings["dilation"]:
            continue
        inputs = drawn((2, 4, *SIZES[axes]), (4, outputs // settings["groups"], *(kernel,) * axes), outputs, dtype=dtype)
        ours = numbers(getattr(F, name), *inputs, **settings)
        assert_close(ours, their_numbers(getattr(torch.nn.functional, name), *inputs, **settings), DTYPES[dtype])


@pytest.mark.peers
def test_one_image_and_no_bias_are_pytorchs():
    import torch

    x, weight, back = drawn((3, 6, 5), (2, 3, 3, 2), (3, 2, 3, 2))
    for name, kernel in ("conv2d", weight), ("conv_transpose2d", back):
        assert_close(numbers(getattr(F, name), x, kernel), their_numbers(getattr(torch.nn.functional, name), x, kernel), 1e-12)


# Derivatives


@pytest.mark.parametrize("way", [nullcontext, tg.composed], ids=["fused", "composed"])
@pytest.mark.parametrize(
    ("function", "op", "shapes", "settings"),
    [
        (F.conv2d, Convolution((2, 1), (1, 1), (1, 2), 1, (2, 3)), [(1, 2, 3, 5), (2, 2, 2, 3), 2],
            {"stride": (2, 1), "padding": 1, "dilation": (1, 2)}),
        (F.conv1d, Convolution((1,), (1,), (1,), 2, (5,)), [(1, 4, 4), (2, 2, 2), 2],
            {"padding": 1, "groups": 2}),
    ],
    ids=["conv2d", "conv1d"],
)
def test_derivatives_up_to_the_fourth_are_those_of_mpmath(function, op, shapes, settings, way):
    """Of sum(w * f(x**2, weight**2, bias)) by t, where x + t * d, weight + t * d and bias + t * d move all at once."""
    inputs, directions = drawn(*shapes), [np.sin(1 + 2 * np.arange(np.prod(shape))).reshape(shape) for shape in shapes]
    t = tg.tensor(0.0, dtype=np.float64, requires_grad=True)
    with way():
        x, weight, bias = [tg.from_numpy(a) + t * d for a, d in zip(inputs, directions)]
        out = function(x * x, weight * weight, bias, **settings)
        w = np.cos(np.arange(out.size))
        derivatives = [(out.reshape(-1) * w).sum()]
        for _ in range(4):
            derivatives += tg.grad(derivatives[-1], t, create_graph=True)

    def along(t):
        precise = np.vectorize(mp.mpf, otypes=[object])
        x, weight, bias = [precise(a) + t * precise(d) for a, d in zip(inputs, directions)]
        return np.sum(np.ravel(by_taps(op, x * x, weight * weight, bias)) * precise(w))

    with mp.workdps(60):
        expected = [float(diff(along, 0, order)) for order in range(5)]
    assert abs(expected[4]) > 1
    np.testing.assert_allclose([derivative.item() for derivative in derivatives], expected, rtol=1e-11)


@pytest.mark.parametrize("function", [F.conv1d, F.conv_transpose1d])
def test_the_gradient_of_a_gradient_is_recorded_as_convolutions(function):
    x, weight = [tg.from_numpy(a, requires_grad=True) for a in drawn((1, 2, 5), (2, 2, 3))]
    out = function(x, weight)
    gradients = tg.grad(out, (x, weight), tg.ones(out.shape, dtype=np.float64, requires_grad=True), create_graph=True)
    made_by = [gradient.node.parents[0].op for gradient in gradients]       # below the copy that belongs to the caller
    assert {type(out.op), type(made_by[0])} == {Convolution, TransposedConvolution} and type(made_by[1]) is ConvolutionWeight


def test_the_gradient_of_data_is_not_computed_and_the_weight_is_not_kept(monkeypatch):
    x, weight, bias = drawn((2, 3, 6, 6), (4, 3, 3, 3), 4)
    parameters = [tg.from_numpy(a, requires_grad=True) for a in (weight, bias)]
    expected = tg.grad(F.conv2d(tg.from_numpy(x, requires_grad=True), *parameters).sum(), parameters)
    monkeypatch.setattr(TransposedConvolution, "forward", None)
    out = F.conv2d(x, *parameters)
    assert not any(value is weight for values in out.node.kept for value in values)
    for ours, other in zip(tg.grad(out.sum(), parameters), expected):
        assert np.array_equal(ours.data, other.data)


def test_a_convolution_keeps_its_input_and_its_weight_and_no_columns():
    x, weight, bias = [tg.from_numpy(a, requires_grad=True) for a in drawn((2, 3, 6, 6), (4, 3, 3, 3), 4)]
    node = F.conv2d(x, weight, bias).node
    arrays = [value for values in node.kept for value in values if isinstance(value, np.ndarray)]
    assert len(arrays) == 2 and {id(array) for array in arrays} == {id(x.data), id(weight.data)}


# Pieces


GRID = [
    (Convolution((1, 1), (1, 1), (1, 1), 1, (9, 7)), (5, 4, 9, 7), (6, 4, 3, 3), 6),
    (Convolution((2, 3), (2, 0), (2, 1), 2, (5, 2)), (5, 4, 9, 7), (6, 2, 3, 3), 6),
    (Convolution((1, 1), (0, 0), (1, 1), 1, (9, 7)), (5, 4, 9, 7), (6, 4, 1, 1), 6),
    (Convolution((1,), (3,), (1,), 4, (40,)), (3, 4, 36), (4, 1, 3), 4),
    (Convolution((1, 2, 1), (1, 1, 0), (1, 1, 1), 1, (5, 2, 4)), (2, 2, 5, 4, 4), (3, 2, 3, 3, 1), 3),
    (TransposedConvolution((1, 1), (1, 1), (1, 1), 1, (9, 7)), (5, 4, 9, 7), (4, 6, 3, 3), 6),
    (TransposedConvolution((1, 1), (1, 1), (1, 1), 1, (9, 7)), (5, 6, 9, 7), (6, 4, 3, 3), 4),
    (TransposedConvolution((2, 3), (2, 0), (2, 1), 2, (18, 22)), (5, 4, 9, 7), (4, 3, 3, 3), 6),
    (TransposedConvolution((2,), (1,), (1,), 4, (72,)), (3, 4, 36), (4, 1, 3), 4),
]
pieces_of = pytest.mark.parametrize("column_bytes", [1, 3_000, 20_000, 2**20], ids=["a line of windows", "some lines", "some images", "all"])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("op", "x_shape", "weight_shape", "outputs"), GRID, ids=[repr(op) for op, *_ in GRID])
@pieces_of
def test_pieces_give_what_the_twin_gives_and_the_same_bits_each_time(column_bytes, op, x_shape, weight_shape, outputs, dtype, monkeypatch):
    monkeypatch.setattr(columns, "COLUMN_BYTES", column_bytes)
    inputs = drawn(x_shape, weight_shape, outputs, dtype=dtype)
    first = numbers(op, *inputs)
    with tg.composed():
        twin = numbers(op, *inputs)
    assert_close(first, twin, DTYPES[dtype])
    for _ in range(3):
        assert all(np.array_equal(one, other) for one, other in zip(first, numbers(op, *inputs)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("channels", "size"), [(48, 30), (3, 80), (96, 5)])
def test_large_batches_give_what_the_twin_gives_and_the_same_bits_100_times(channels, size, dtype):
    inputs = drawn((7, channels, size, size + 1), (8, channels, 3, 3), 8, dtype=dtype)
    first = numbers(F.conv2d, *inputs, padding=1)
    with tg.composed():
        twin = numbers(F.conv2d, *inputs, padding=1)
    assert_close(first, twin, 10 * DTYPES[dtype])
    for _ in range(100 if size < 10 else 5):
        assert all(np.array_equal(one, other) for one, other in zip(first, numbers(F.conv2d, *inputs, padding=1)))


def test_an_image_of_nan_leaves_the_others_alone():
    x, weight = drawn((3, 2, 4, 4), (2, 2, 3, 3))
    x[1] = NAN
    out, grad_x, _ = numbers(F.conv2d, x, weight, padding=1)
    assert np.isnan(out).any(axis=(1, 2, 3)).tolist() == [False, True, False] and not np.isnan(grad_x).any()


def test_the_columns_of_a_batch_are_never_there_at_once():
    x, weight, bias = drawn((64, 16, 32, 32), (16, 16, 3, 3), 16, dtype=np.float32)
    tensors = [tg.from_numpy(a, requires_grad=True) for a in (x, weight, bias)]
    tracemalloc.start()
    try:
        out = F.conv2d(*tensors, padding=1)
        after_forward = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        tg.grad(out, tensors, tg.from_numpy(x))
        after_backward = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 9 * x.nbytes == 36 * 2**20
    assert after_forward < out.data.nbytes + 6 * 2**20
    assert after_backward < out.data.nbytes + x.nbytes + 6 * 2**20


def test_threads_share_no_memory():
    inputs = drawn((6, 8, 20, 20), (8, 8, 3, 3), 8, dtype=np.float32)
    others = [-2 * a for a in inputs]
    expected = [numbers(F.conv2d, *arrays, padding=1) for arrays in (inputs, others)]
    wrong = []

    def work(arrays, right):
        for _ in range(20):
            found = numbers(F.conv2d, *arrays, padding=1)
            if not all(np.array_equal(one, other) for one, other in zip(found, right)):
                wrong.append(found)

    threads = [threading.Thread(target=work, args=pair) for pair in zip((inputs, others) * 2, expected * 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_columns_added_to_their_places_are_the_adjoint_of_filling_them():
    axes = Axis(5, (-2, 0, 7), 2, 4), Axis(3, (0,), 1, 3), Axis(4, (1, -1), 1, 4)
    filled, added = Columns(2, 3, axes, np.dtype(float)), Columns(2, 3, axes, np.dtype(float))
    x, y, back = drawn((3, 2, 5, 3, 4), (2, 6, 144), (3, 2, 5, 3, 4))
    filled.fill(x)
    added.together(2)[...] = y.reshape(added.together(2).shape)
    images = back.copy()
    added.add_to(images)
    assert np.sum((images - back) * x) == pytest.approx(np.sum(filled.together(2) * y.reshape(filled.together(2).shape)), rel=1e-12)


# What goes in


def test_empty_batches_and_no_channels():
    for function, weight_shape in (F.conv2d, (5, 3, 3, 3)), (F.conv_transpose2d, (3, 5, 3, 3)):
        out, grad_x, grad_weight = numbers(function, np.ones((0, 3, 4, 4)), np.ones(weight_shape))
        assert out.shape[:2] == (0, 5) and grad_x.shape == (0, 3, 4, 4) and not grad_weight.any()
    assert F.conv1d(tg.ones((2, 0, 4)), tg.ones((5, 0, 3)), tg.ones(5)).data.tolist() == [[[1, 1]] * 5] * 2
    assert F.conv1d(tg.ones((2, 3, 4)), tg.ones((0, 3, 3)), tg.ones(0)).shape == (2, 0, 2)
    assert not F.conv1d(tg.ones((2, 3, 0)), tg.ones((5, 3, 3)), padding=2).data.any()


def test_numbers_of_every_kind():
    assert F.conv1d(np.array([[[1, 2, 4]]]), np.array([[[1, -1]]])).tolist() == [[[-1, -2]]]
    half = F.conv1d(np.float16([[[1, 2, 4]]]), np.float16([[[1, -1]]]))
    assert half.dtype == np.float16 and half.tolist() == [[[-1, -2]]]
    assert F.conv1d(np.array([[[1.0, INF, NAN, 4.0, 5.0]]]), np.ones((1, 1, 2))).tolist()[0][0][::3] == [INF, 9]
    wide = np.longdouble(2) ** 70 + 1
    assert F.conv1d(np.array([[[wide]]]), np.array([[[np.longdouble(1)]]])).data[0, 0, 0] == wide


def test_one_tensor_may_be_both_image_and_kernel():
    x = tg.from_numpy(drawn((1, 1, 3, 3))[0], requires_grad=True)
    out = F.conv2d(x, x)
    out.backward(np.ones(out.shape))
    np.testing.assert_allclose(x.grad.data, 2 * x.data, rtol=1e-15)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x, w: F.conv2d(x, w[:, :2]), ShapeError, ["conv2d", "'images'", "(2, 3, 4, 5)", "(6, 2, 3, 3)", "2 channels", "has 3"]),
        (lambda x, w: F.conv2d(x, w, groups=2), ShapeError, ["groups=2", "6 channels", "axis 1", "has 3"]),
        (lambda x, w: F.conv2d(x, w[:5], groups=2), ValueError, ["conv2d", "(5, 3, 3, 3)", "5 out_channels", "groups=2"]),
        (lambda x, w: F.conv2d(x, w, groups=0), ValueError, ["conv2d", "groups=0"]),
        (lambda x, w: F.conv2d(x, w, dilation=(1, 4), padding=(0, 1)), ShapeError, ["'images'", "3 x 9 large", "4 x 7"]),
        (lambda x, w: F.conv2d(x[:, 0, 0], w), ShapeError, ["conv2d", "(2, 5)", "batch, channel, height, width", "3 x 3"]),
        (lambda x, w: F.conv3d(x[0], w), ShapeError, ["conv3d", "(6, 3, 3, 3)", "out_channels, in_channels / groups, depth, height, width"]),
        (lambda x, w: F.conv2d(x, w[:, :, :0]), ShapeError, ["conv2d", "(6, 3, 0, 3)", "a tap on each"]),
        (lambda x, w: F.conv2d(x, w, tg.ones(3)), ShapeError, ["conv2d", "bias has shape (3,)", "(6,)"]),
        (lambda x, w: F.conv2d(x.astype("float64"), w), DTypeError, ["conv2d", "float64", "float32", "astype"]),
        (lambda x, w: F.conv2d(x, w, stride=0), ValueError, ["conv2d", "stride=0", "at least 1"]),
        (lambda x, w: F.conv2d(x, w, stride=1.5), ValueError, ["conv2d", "stride=1.5", "an int"]),
        (lambda x, w: F.conv2d(x, w, dilation=(1, 1, 1)), ValueError, ["conv2d", "dilation=(1, 1, 1)", "2 of them"]),
        (lambda x, w: F.conv2d(x, w, padding=-1), ValueError, ["conv2d", "padding=-1", "at least 0"]),
        (lambda x, w: F.conv2d(x, w, padding="full"), ValueError, ["conv2d", "'full'", "'same' or 'valid'"]),
        (lambda x, w: F.conv2d(x, w, padding="same", stride=(1, 2)), ValueError, ["conv2d", "padding='same'", "(1, 2)"]),
        (lambda x, w: F.conv_transpose2d(x, w), ShapeError, ["conv_transpose2d", "needs 6 channels", "has 3"]),
        (lambda x, w: F.conv_transpose2d(x, w[:3], tg.ones(6)), ShapeError, ["conv_transpose2d", "bias has shape (6,)", "(3,)"]),
        (lambda x, w: F.conv_transpose2d(x, w[:3], padding=(3, 1)), ShapeError, ["conv_transpose2d", "0 x 5 large"]),
        (lambda x, w: F.conv_transpose2d(x[:, :, :0], w[:3]), ShapeError, ["conv_transpose2d", "(2, 3, 0, 5)"]),
        (lambda x, w: F.conv_transpose2d(x, w[:3], output_padding=1), ValueError, ["output_padding is (1, 1)", "less than stride (1, 1)"]),
        (lambda x, w: nn.Conv2d(3, 4, 3, groups=2), ValueError, ["Conv2d", "in_channels=3", "groups=2"]),
        (lambda x, w: nn.Conv2d(3, 4, 0), ValueError, ["Conv2d", "kernel_size=0"]),
        (lambda x, w: nn.Conv2d(3, 4, 3, padding="same", stride=2), ValueError, ["Conv2d", "'same'", "(2, 2)"]),
        (lambda x, w: nn.Conv2d(3, 4, 3, padding_mode="mirror"), ValueError, ["Conv2d", "'mirror'", "'circular'"]),
        (lambda x, w: nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect")(x[0, 0]), ShapeError, ["conv2d", "(4, 5)", "(channel, height, width)"]),
        (lambda x, w: nn.ConvTranspose2d(3, 4, 3, padding_mode="reflect"), ValueError, ["ConvTranspose2d", "'reflect'", "'zeros'"]),
        (lambda x, w: nn.ConvTranspose2d(3, 4, 3, padding="same"), ValueError, ["ConvTranspose2d", "'same'", "numbers"]),
        (lambda x, w: nn.ConvTranspose2d(3, 4, 3, 2)(x, (9, 13)), ShapeError, ["ConvTranspose2d(3, 4", "(9, 13)", "(9, 11) to (10, 12)"]),
        (lambda x, w: nn.ConvTranspose2d(3, 4, 3, 2)(x, (9,)), ShapeError, ["ConvTranspose2d(3, 4", "(9,)"]),
    ],
)
def test_what_a_convolution_cannot_do_is_said(call, error, words):
    with pytest.raises(error) as failure:
        call(tg.ones((2, 3, 4, 5), name="images"), tg.ones((6, 3, 3, 3)))
    for word in words:
        assert word in str(failure.value)


# Layers

LAYERS = [
    ("Conv1d", (4, 6, 3), {"padding": 1}, (2, 4, 7)),
    ("Conv2d", (4, 6, (3, 2)), {"stride": 2, "padding": "valid", "groups": 2, "bias": False}, (2, 4, 7, 6)),
    ("Conv2d", (4, 6, 4), {"padding": "same"}, (4, 7, 6)),
    ("Conv3d", (4, 2, 2), {"dilation": (1, 2, 1)}, (2, 4, 3, 4, 5)),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 2, "padding": 1, "output_padding": 1}, (2, 4, 5)),
    ("ConvTranspose2d", (4, 6, (3, 2)), {"stride": (2, 1), "groups": 2, "bias": False}, (2, 4, 5, 3)),
    ("ConvTranspose3d", (4, 2, 2), {"dilation": (1, 2, 1)}, (4, 3, 2, 2)),
    *(
        (f"Conv{axes}d", (2, 3, 3), {"padding": padding, "padding_mode": mode}, (2, 2, 5, 4, 6)[: axes + 2])
        for mode in MODES for axes in (1, 2, 3) for padding in ((2, 1, 0)[:axes], "same")
    ),
]


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize(("kind", "arguments", "settings", "shape"), LAYERS, ids=[f"{layer[0]}{layer[1]} {layer[2]}" for layer in LAYERS])
def test_layers_are_pytorchs(kind, arguments, settings, shape):
    import torch

    ours, theirs = (getattr(library, kind)(*arguments, **settings, dtype=dtype) for library, dtype in ((nn, "float64"), (torch.nn, torch.float64)))
    assert repr(ours) == repr(theirs)
    theirs.load_state_dict({name: torch.tensor(tensor.data) for name, tensor in ours.state_dict().items()})
    (x,) = drawn(shape)
    our_x, their_x = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    out, expected = ours(our_x), theirs(their_x)
    np.testing.assert_allclose(out.data, expected.detach().numpy(), rtol=1e-12, atol=1e-12)
    g = np.cos(np.arange(out.size)).reshape(out.shape)
    out.backward(g)
    expected.backward(torch.tensor(g))
    np.testing.assert_allclose(our_x.grad.data, their_x.grad.numpy(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ours.weight.grad.data, theirs.weight.grad.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.peers
@pytest.mark.parametrize("kind", ["Conv2d", "ConvTranspose2d"])
def test_layers_start_as_in_pytorch(kind):
    import torch

    tg.manual_seed(0)
    torch.manual_seed(0)
    ours, theirs = getattr(nn, kind)(12, 600, 3, groups=3), getattr(torch.nn, kind)(12, 600, 3, groups=3)
    for name in "weight", "bias":
        our, their = getattr(ours, name).data, getattr(theirs, name).detach().numpy()
        assert our.shape == their.shape and our.dtype == their.dtype
        assert np.abs(our).max() == pytest.approx(np.abs(their).max(), rel=0.02)
        assert our.std() == pytest.approx(their.std(), rel=0.05)


@pytest.mark.peers
def test_output_size_chooses_among_the_sizes():
    import torch

    ours, theirs = nn.ConvTranspose2d(1, 1, 3, stride=3), torch.nn.ConvTranspose2d(1, 1, 3, stride=3)
    for size in (6, 8), (7, 7), (1, 1, 8, 6):
        assert ours(tg.ones((1, 1, 2, 2)), output_size=size).shape == tuple(theirs(torch.ones((1, 1, 2, 2)), output_size=size).shape)


def test_the_same_seed_gives_the_same_bits():
    first, again = [nn.Conv2d(2, 3, 3, generator=np.random.default_rng(5)) for _ in range(2)]
    assert np.array_equal(first.weight.data, again.weight.data) and np.array_equal(first.bias.data, again.bias.data)
    before = first.weight.data.copy()
    first.reset_parameters()
    assert not np.array_equal(first.weight.data, before)


@pytest.mark.parametrize(
    ("layer", "lines"),
    [
        (nn.Conv2d(4, 8, 3, 2, 1, groups=2), [
            "out[n, o, i, j] = bias[o] + sum over c, s, t of weight[o, c, s, t] * x[n, c, 2 * i + s - 1, 2 * j + t - 1]",
            "weight (8, 2, 3, 3), bias (8,); c are the channels in the group of o, of 2 groups"]),
        (nn.Conv1d(1, 2, 4, dilation=2, padding="same", padding_mode="circular", bias=False), [
            "out[n, o, i] = sum over c, t of weight[o, c, t] * x[n, c, i + 2 * t - 3]",
            "weight (2, 1, 4)",
            "outside of x, what padding_mode='circular' says"]),
        (nn.ConvTranspose2d(4, 8, 3, 2), [
            "out[n, o, v, w] = bias[o] + sum over c, i, j, s, t of weight[c, o, s, t] * x[n, c, i, j]",
            "with 2 * i + s = v, 2 * j + t = w",
            "weight (4, 8, 3, 3), bias (8,)"]),
    ],
)
def test_a_layer_says_its_formula_with_its_numbers(layer, lines):
    assert layer.formula() == lines


# pad


@pytest.mark.parametrize("width", [1, (2, 1), ((0, 1), (2, 0)), {0: 1}, {-1: (0, 2)}, np.array([[1], [2]])])
@pytest.mark.parametrize("values", [0, 1.5, (1, 2), ((1, 2), (3, 4)), NAN])
def test_pad_is_numpys(width, values):
    x = np.arange(6.0).reshape(2, 3)
    if isinstance(width, dict) and np.lib.NumpyVersion(np.__version__) < "2.2.0":
        pytest.skip("NumPy takes no dict yet")
    expected = np.pad(x, width, constant_values=values)
    np.testing.assert_array_equal(tg.pad(x, width, constant_values=values).data, expected)
    np.testing.assert_array_equal(np.pad(tg.tensor(x), width, "constant", constant_values=values).data, expected)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: np.pad(x, 1, lambda *arguments: None), UnsupportedError, ["pad", "mode is a function"]),
        (lambda x: np.pad(x, 1, end_values=1), ValueError, ["end_values"]),
        (lambda x: np.pad(x, 1, "nearest"), ValueError, ["nearest"]),
        (lambda x: np.pad(x, -1), ShapeError, ["Pad", "(3,)", "negative"]),
        (lambda x: np.pad(x, 1.5), TypeError, ["integer"]),
        (lambda x: np.pad(x, ((1, 2), (3, 4))), ValueError, ["broadcast"]),
        (lambda x: np.pad(x, {1: 1}), np.exceptions.AxisError, ["pad", "axis 1"]),
        (lambda x: np.pad(x, 1, constant_values=tg.tensor(1.0, requires_grad=True)), GraphError, ["history"]),
    ],
)
def test_what_pad_cannot_do_is_said(call, error, words):
    with pytest.raises(error) as failure:
        call(tg.ones(3))
    for word in words:
        assert word in str(failure.value)
