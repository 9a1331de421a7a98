"""The fused nodes of nn.functional: beside their twins, beside mpmath at the third order, beside PyTorch; and what they do at the extremes.

The checks of every op, cases included, are in test_every_op.py; conventions that several ops share are in test_conventions.py.
"""

import math
from contextlib import nullcontext
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
from mpmath import diff, mp

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu import nn
from tinygrad_edu.errors import DTypeError, ShapeError
from tinygrad_edu.fused.binary_cross_entropy import BinaryCrossEntropyWithLogits
from tinygrad_edu.fused.mse import MSE
from tinygrad_edu.ops.special import complementary_error_function

fused_and_composed = pytest.mark.parametrize("way", [nullcontext, tg.composed], ids=["fused", "composed"])


class Example(NamedTuple):
    """A call of a network function, which runs with our functions and with PyTorch's.

    function  takes the functions and the inputs.
    exact     the same of arrays of mpmath's numbers, by the definition.
    inputs    arrays in float64.
    """

    function: object
    exact: object
    inputs: list


def drawn(*shapes):
    rng = np.random.default_rng(3)
    return [rng.uniform(-2, 2, shape) for shape in shapes]


def elementwise(function):
    """A function of mpmath's numbers for arrays of them."""
    return np.vectorize(function, otypes=[object])


exp, log, sqrt, tanh, erf = map(elementwise, (mp.exp, mp.log, mp.sqrt, mp.tanh, mp.erf))


def exact_norm(x, weight, bias, axes, eps):
    centered = x - x.mean(axis=axes, keepdims=True)
    return centered / sqrt((centered * centered).mean(axis=axes, keepdims=True) + eps) * weight + bias


def exact_group_norm(x, weight, bias, groups):
    of_channel = (-1, *(1,) * (x.ndim - 2))
    out = exact_norm(x.reshape(x.shape[0], groups, -1), 1, 0, (2,), 1e-5).reshape(x.shape)
    return out * weight.reshape(of_channel) + bias.reshape(of_channel)


# fmt: off
EXAMPLES = {
    "batch_norm": Example(
        lambda F, x, weight, bias: F.batch_norm(x, None, None, weight, bias, training=True),
        lambda x, weight, bias: exact_norm(x, weight, bias, (0,), 1e-5),
        drawn((4, 3), 3, 3)),
    "layer_norm": Example(
        lambda F, x, weight, bias: F.layer_norm(x, (4,), weight, bias),
        lambda x, weight, bias: exact_norm(x, weight, bias, (1,), 1e-5),
        drawn((3, 4), 4, 4)),
    "layer_norm over two axes, without weight": Example(
        lambda F, x: F.layer_norm(x, (2, 3), eps=0.1),
        lambda x: exact_norm(x, 1, 0, (1, 2), 0.1),
        drawn((2, 2, 3))),
    "rms_norm": Example(
        lambda F, x, weight: F.rms_norm(x, (4,), weight),
        lambda x, weight: x / sqrt((x * x).mean(axis=1, keepdims=True) + np.finfo(float).eps) * weight,
        drawn((3, 4), 4)),
    "group_norm": Example(
        lambda F, x, weight, bias: F.group_norm(x, 2, weight, bias),
        lambda x, weight, bias: exact_group_norm(x, weight, bias, 2),
        drawn((2, 4, 3), 4, 4)),
    "instance_norm": Example(
        lambda F, x, weight, bias: F.instance_norm(x, weight=weight, bias=bias),
        lambda x, weight, bias: exact_group_norm(x, weight, bias, x.shape[1]),
        drawn((2, 3, 4), 3, 3)),
    "softmax": Example(
        lambda F, x: F.softmax(x, 1),
        lambda x: exp(x) / exp(x).sum(axis=1, keepdims=True),
        drawn((3, 4))),
    "log_softmax": Example(
        lambda F, x: F.log_softmax(x, 0),
        lambda x: x - log(exp(x).sum(axis=0, keepdims=True)),
        drawn((3, 4))),
    "logsumexp": Example(
        lambda F, x: F.logsumexp(x, (0, 2)),
        lambda x: log(exp(x).sum(axis=(0, 2))),
        drawn((2, 3, 2))),
    "logsumexp with keepdim": Example(
        lambda F, x: F.logsumexp(x, -1, True),
        lambda x: log(exp(x).sum(axis=-1, keepdims=True)),
        drawn((2, 3))),
    "gelu": Example(
        lambda F, x: F.gelu(x),
        lambda x: x / 2 * (1 + erf(x / mp.sqrt(2))),
        drawn((3, 4))),
    "gelu with tanh": Example(
        lambda F, x: F.gelu(x, approximate="tanh"),
        lambda x: x / 2 * (1 + tanh(mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3))),
        drawn((3, 4))),
    "sigmoid": Example(lambda F, x: F.sigmoid(x), lambda x: 1 / (1 + exp(-x)), drawn((3, 4))),
    "silu": Example(lambda F, x: F.silu(x), lambda x: x / (1 + exp(-x)), drawn((3, 4))),
    "softplus": Example(lambda F, x: F.softplus(x), lambda x: log(1 + exp(x)), drawn((3, 4))),
    "softplus at 0": Example(lambda F, x: F.softplus(x), lambda x: log(1 + exp(x)), [np.zeros(2)]),
    "softplus with beta": Example(
        lambda F, x: F.softplus(x, beta=2, threshold=3),
        lambda x: np.where(2 * x > 3, x, log(1 + exp(2 * x)) / 2),
        [np.array([-1.0, 0.0, 1.2, 1.8])]),
    "binary_cross_entropy_with_logits": Example(
        lambda F, x, target: F.binary_cross_entropy_with_logits(x, target),
        lambda x, target: ((1 - target) * log(1 + exp(x)) + target * log(1 + exp(-x))).mean(),
        [*drawn((3, 4)), np.random.default_rng(4).uniform(size=(3, 4))]),
    "mse_loss of products": Example(      # of x itself it has no third derivative
        lambda F, x, target: F.mse_loss(x * x, target),
        lambda x, target: ((x * x - target) ** 2).mean(),
        drawn((3, 4), (3, 4))),
    "mse_loss of products, summed": Example(
        lambda F, x, target: F.mse_loss(x * x, target, reduction="sum"),
        lambda x, target: ((x * x - target) ** 2).sum(),
        drawn((3, 4), (3, 4))),
}
# fmt: on
for_every_example = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)


def values_and_gradients(example):
    inputs = [tg.from_numpy(x.copy(), requires_grad=True) for x in example.inputs]
    out = example.function(F, *inputs)
    out.backward(np.cos(np.arange(out.size)).reshape(out.shape))
    return out.numpy(), [x.grad.numpy() for x in inputs]


@for_every_example
def test_composed_gives_the_same(example):
    value, gradients = values_and_gradients(example)
    with tg.composed():
        twin, gradients_of_twin = values_and_gradients(example)
    np.testing.assert_allclose(value, twin, rtol=1e-12, atol=1e-12)
    for ours, theirs in zip(gradients, gradients_of_twin, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@for_every_example
def test_derivatives_up_to_the_third_are_those_of_mpmath(example):
    """Of sum(w * f(x + t * d)) by t at 0; d moves all inputs at once."""
    directions = [np.sin(1 + 2 * np.arange(x.size)).reshape(x.shape) for x in example.inputs]
    w = np.cos(np.arange(example.function(F, *map(tg.from_numpy, example.inputs)).size))

    t = tg.tensor(0.0, dtype=np.float64, requires_grad=True)
    out = example.function(F, *[x + t * d for x, d in zip(example.inputs, directions)])
    derivatives = [(out.reshape(-1) * w).sum()]
    for _ in range(3):
        derivatives += tg.grad(derivatives[-1], t, create_graph=True)

    def along(t):
        precise = elementwise(mp.mpf)
        out = example.exact(*[precise(x) + t * precise(d) for x, d in zip(example.inputs, directions)])
        return np.sum(np.ravel(out) * precise(w))

    with mp.workdps(60):
        expected = [float(diff(along, 0, order)) for order in range(4)]
    np.testing.assert_allclose([x.item() for x in derivatives], expected, rtol=1e-11, atol=1e-11)


@pytest.mark.peers
@for_every_example
def test_values_and_gradients_are_pytorchs(example):
    import torch

    theirs = [torch.tensor(x, requires_grad=True) for x in example.inputs]
    functions = SimpleNamespace(**{**vars(torch.nn.functional), "logsumexp": torch.logsumexp})
    out = example.function(functions, *theirs)
    out.backward(torch.tensor(np.cos(np.arange(out.numel())).reshape(out.shape)))
    value, gradients = values_and_gradients(example)
    np.testing.assert_allclose(value, out.detach().numpy(), rtol=1e-12, atol=1e-12)
    for ours, x in zip(gradients, theirs, strict=True):
        np.testing.assert_allclose(ours, x.grad.numpy(), rtol=1e-11, atol=1e-11)


# The norms at the extremes


@fused_and_composed
@pytest.mark.parametrize("shape", [(128, 512), (4096, 1024)], ids=str)
@pytest.mark.parametrize("axis", [0, 1], ids=["batch_norm", "layer_norm"])
def test_a_large_mean_costs_no_digits(axis, shape, way):
    x = np.random.default_rng(0).normal(1e4, 1, shape).astype(np.float32)
    precise = x.astype(np.float64)
    precise -= precise.mean(axis=axis, keepdims=True)
    precise /= np.sqrt(np.square(precise).mean(axis=axis, keepdims=True) + 1e-5)
    with way():
        out = F.batch_norm(x, None, None, training=True) if axis == 0 else F.layer_norm(x, shape[1:])
    assert out.dtype == np.float32
    assert np.max(np.abs(out.data - precise)) < 2e-5


def test_a_large_mean_costs_no_digits_of_the_gradient():
    rng = np.random.default_rng(0)
    x, g = rng.normal(1e4, 1, (64, 512)).astype(np.float32), rng.normal(size=(64, 512)).astype(np.float32)
    single, double = tg.tensor(x, requires_grad=True), tg.tensor(x.astype(np.float64), requires_grad=True)
    F.layer_norm(single, (512,)).backward(g)
    F.layer_norm(double, (512,)).backward(g.astype(np.float64))
    np.testing.assert_allclose(single.grad.data, double.grad.data, atol=2e-5)


@pytest.mark.parametrize(
    "function", [lambda x: F.layer_norm(x, (3,)), lambda x: F.group_norm(x, 1), lambda x: F.instance_norm(x.reshape(-1, 1, 3))]
)
def test_a_constant_row_becomes_zeros(function):
    x = tg.full((2, 3), 7.0, requires_grad=True)
    out = function(x)
    assert not out.data.any()
    out.backward(np.ones(out.shape, np.float32))
    assert not x.grad.data.any()


def test_a_row_of_nan_leaves_the_others_alone():
    x = tg.tensor([[1.0, 2.0], [np.nan, 1.0]], requires_grad=True)
    out = F.layer_norm(x, (2,))
    out.backward(np.float32([[1, 2], [3, 4]]))
    assert np.isnan(out.data).tolist() == np.isnan(x.grad.data).tolist() == [[False, False], [True, True]]


def test_rms_norm_of_zeros_is_zeros_and_its_gradient_is_finite():
    x = tg.zeros((1, 4), requires_grad=True)
    out = F.rms_norm(x, (4,), eps=1e-4)
    out.backward(np.ones((1, 4), np.float32))
    assert not out.data.any()
    np.testing.assert_allclose(x.grad.data, 100, rtol=1e-6)


def test_the_eps_of_rms_norm_is_that_of_the_dtype():
    for dtype in np.float32, np.float64:
        assert F.rms_norm(tg.ones((1, 2), dtype=dtype, requires_grad=True), (2,)).op.eps == np.finfo(dtype).eps


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: F.layer_norm(tg.ones((2, 3), name="features"), (2,)), ShapeError, ["layer_norm", "'features'", "(2, 3)", "(2,)"]),
        (lambda: F.layer_norm(tg.ones((2, 3)), ()), ShapeError, ["normalized_shape is ()", "at least one"]),
        (lambda: F.layer_norm(tg.ones((2, 3)), (3,), tg.ones(2)), ShapeError, ["weight has shape (2,)", "(3,)"]),
        (lambda: F.layer_norm(tg.ones((2, 3)), (3,), None, tg.ones(3, np.float64)), DTypeError, ["float32", "bias", "float64", "astype"]),
        (lambda: F.layer_norm(np.ones((2, 3), int), (3,)), DTypeError, ["layer_norm", "int64"]),
        (lambda: F.rms_norm(tg.ones((2, 3)), (2, 2)), ShapeError, ["rms_norm", "(2, 2)"]),
        (lambda: F.group_norm(tg.ones((2, 3)), 2), ShapeError, ["group_norm", "3 channels", "2 equal groups"]),
        (lambda: F.group_norm(tg.ones((1, 2)), 2), ShapeError, ["group_norm", "1 value"]),
        (lambda: F.group_norm(tg.ones((2, 4)), 2, tg.ones(2)), ShapeError, ["group_norm", "weight", "4 channels"]),
        (lambda: F.instance_norm(tg.ones((2, 3))), ShapeError, ["instance_norm", "1 value"]),
        (lambda: F.instance_norm(tg.ones(3)), ShapeError, ["instance_norm", "two axes"]),
    ],
)
def test_what_a_norm_cannot_do_is_said(call, error, words):
    with pytest.raises(error) as failure:
        call()
    for word in words:
        assert word in str(failure.value)


# The other functions at the extremes

INF = np.inf


def value_and_gradient(function, x, way):
    """function(x) and its gradient for an incoming gradient of ones, as arrays."""
    x = tg.tensor(x, dtype="float64", requires_grad=True)
    with way(), np.errstate(over="raise", invalid="raise"):
        out = function(x)
        out.backward(np.ones(out.shape))
    return out.numpy(), x.grad.numpy()


@fused_and_composed
@pytest.mark.parametrize(
    ("function", "x", "value", "gradient"),
    [
        (lambda x: F.softmax(x), [1000.0, 0.0, -INF], [1, 0, 0], [0, 0, 0]),
        (lambda x: F.logsumexp(x, 0), [1000.0, 0.0], 1000, [1, 0]),
        (lambda x: F.logsumexp(x, 0), [-1000.0, -2000.0], -1000, [1, 0]),
        (lambda x: F.logsumexp(x, 0), [-INF, 0.0], 0, [0, 1]),
        (lambda x: F.logsumexp(x, 1, True), [[-INF, -INF]], [[-INF]], [[0, 0]]),
        (F.gelu, [-800.0, 0.0, 800.0], [0, 0, 800], [0, 0.5, 1]),
        (lambda x: F.gelu(x, "tanh"), [-800.0, 0.0, 800.0], [0, 0, 800], [0, 0.5, 1]),
        (F.silu, [-800.0, 0.0, 800.0], [0, 0, 800], [0, 0.5, 1]),
        (F.softplus, [-800.0, 800.0], [0, 800], [0, 1]),
        (lambda x: F.softplus(x, threshold=INF), [-800.0, 800.0], [0, 800], [0, 1]),
    ],
)
def test_extremes_are_right(function, x, value, gradient, way):
    got = value_and_gradient(function, x, way)
    np.testing.assert_allclose(got[0], value, rtol=1e-15)
    np.testing.assert_allclose(got[1], gradient, rtol=1e-15)


@fused_and_composed
def test_what_is_nearly_0_keeps_its_digits(way):
    x = [-40.0, -20.0]
    value, gradient = value_and_gradient(F.softplus, x, way)
    np.testing.assert_allclose(value, np.log1p(np.exp(x)), rtol=1e-14)
    np.testing.assert_allclose(gradient, np.exp(x) / (1 + np.exp(x)), rtol=1e-14)
    value, _ = value_and_gradient(lambda x: F.binary_cross_entropy_with_logits(x, [0, 0], reduction="none"), x, way)
    np.testing.assert_allclose(value, np.log1p(np.exp(x)), rtol=1e-14)
    value, _ = value_and_gradient(lambda x: F.binary_cross_entropy_with_logits(-x, [1, 1], reduction="none"), x, way)
    np.testing.assert_allclose(value, np.log1p(np.exp(x)), rtol=1e-14)
    x = np.array([-8.0, -12.0])
    value, _ = value_and_gradient(F.gelu, x, way)
    np.testing.assert_allclose(value, [0.5 * x * math.erfc(-x / math.sqrt(2)) for x in x], rtol=1e-13)


@fused_and_composed
def test_binary_cross_entropy_of_large_logits(way):
    def loss(x):
        return F.binary_cross_entropy_with_logits(x, [1.0, 0.0, 1.0, 0.0], reduction="none")

    value, gradient = value_and_gradient(loss, [800.0, -800.0, -800.0, 800.0], way)
    assert value.tolist() == [0, 0, 800, 800]
    assert gradient.tolist() == [0, 0, -1, 1]


def test_erfc_is_right_to_1e_15():
    x = np.concatenate([np.linspace(-7, 7, 1001), np.logspace(-12, 1.4, 300), [0.0, INF, -INF]])
    with mp.workdps(40):
        expected = elementwise(mp.erfc)(elementwise(mp.mpf)(x))
        off = [abs(float(mp.mpf(ours) - exact)) for ours, exact in zip(complementary_error_function(x).tolist(), expected, strict=True)]
    assert max(off) < 1e-15
    np.testing.assert_allclose(complementary_error_function(x.astype(np.float32)), expected.astype(float), atol=4e-7)


def test_softplus_is_smooth_at_0_to_any_order():
    x = tg.tensor(0.0, dtype="float64", requires_grad=True)
    for way in nullcontext, tg.composed:
        with way():
            derivatives = [F.softplus(x)]
            for _ in range(4):
                derivatives += tg.grad(derivatives[-1], x, create_graph=True)
        assert [d.item() for d in derivatives] == pytest.approx([np.log(2), 1 / 2, 1 / 4, 0, -1 / 8])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_one_node_keeps_the_inputs_only(reduction):
    x, target = tg.tensor([1.0, 2.0], requires_grad=True), tg.tensor([0.0, 1.0])
    for loss, op in (F.mse_loss, MSE), (F.binary_cross_entropy_with_logits, BinaryCrossEntropyWithLogits):
        out = loss(x, target, reduction=reduction)
        assert out.op == op(reduction)
        assert out.node.parents[0] is x.node
        assert all(value is None or value is x.data or value is target.data for values in out.node.kept for value in values)


@pytest.mark.peers
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_weights_of_binary_cross_entropy_are_pytorchs(reduction):
    import torch

    rng = np.random.default_rng(0)
    x, target, weight, pos_weight = rng.normal(size=(3, 4)), rng.uniform(size=(3, 4)), rng.uniform(size=(3, 1)), rng.uniform(1, 2, size=4)
    ours, theirs = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    our_loss = nn.BCEWithLogitsLoss(tg.tensor(weight), reduction=reduction, pos_weight=tg.tensor(pos_weight))(ours, target)
    functions = torch.nn.BCEWithLogitsLoss(torch.tensor(weight), reduction=reduction, pos_weight=torch.tensor(pos_weight))
    their_loss = functions(theirs, torch.tensor(target))
    np.testing.assert_allclose(our_loss.data, their_loss.detach().numpy(), rtol=1e-12)
    our_loss.sum().backward()
    their_loss.sum().backward()
    np.testing.assert_allclose(ours.grad.data, theirs.grad.numpy(), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: F.gelu(x, "exact"), ValueError, ["gelu", "'exact'", "'tanh'"]),
        (lambda x: nn.GELU("exact"), ValueError, ["GELU", "'exact'", "'tanh'"]),
        (lambda x: F.softmax(x, 2), np.exceptions.AxisError, ["axis 2"]),
        (lambda x: F.logsumexp(x, (0, 2)), np.exceptions.AxisError, ["axis 2", "logsumexp"]),
        (lambda x: F.mse_loss(x, tg.zeros(3)), ShapeError, ["mse_loss", "'logits'", "(2, 3)", "(3,)", "equal"]),
        (lambda x: F.mse_loss(x, x, reduction="average"), ValueError, ["mse_loss", "'average'", "'mean'"]),
        (lambda x: F.binary_cross_entropy_with_logits(x, tg.zeros(3)), ShapeError, ["'logits'", "(2, 3)", "(3,)", "equal"]),
        (lambda x: F.binary_cross_entropy_with_logits(x, x, tg.ones(2)), ShapeError, ["'logits'", "weight has shape (2,)", "broadcast"]),
        (lambda x: F.binary_cross_entropy_with_logits(x, x, pos_weight=tg.ones((4, 2, 3))), ShapeError, ["pos_weight", "(4, 2, 3)"]),
        (lambda x: F.binary_cross_entropy_with_logits(x, x, reduction="average"), ValueError, ["'average'", "'mean'"]),
        (lambda x: F.binary_cross_entropy_with_logits([1, 0], [1, 0]), DTypeError, ["int64", "real floating"]),
    ],
)
def test_what_a_function_cannot_do_is_said(call, error, words):
    with pytest.raises(error) as failure:
        call(tg.zeros((2, 3), name="logits"))
    for word in words:
        assert word in str(failure.value)


# Functions that are written with the nodes above


SIMPLE = [
    (lambda F, x, y: F.logsigmoid(x), lambda nn: nn.LogSigmoid()),
    (lambda F, x, y: F.leaky_relu(x), lambda nn: nn.LeakyReLU()),
    (lambda F, x, y: F.leaky_relu(x, 0.2), lambda nn: nn.LeakyReLU(0.2)),
    *(
        (lambda F, x, y, r=reduction: F.l1_loss(x, y, reduction=r), lambda nn, r=reduction: nn.L1Loss(reduction=r))
        for reduction in ("mean", "sum", "none")
    ),
    (lambda F, x, y: F.smooth_l1_loss(x, y), lambda nn: nn.SmoothL1Loss()),
    (lambda F, x, y: F.smooth_l1_loss(x, y, reduction="none", beta=0.5), lambda nn: nn.SmoothL1Loss(reduction="none", beta=0.5)),
    (lambda F, x, y: F.huber_loss(x, y), lambda nn: nn.HuberLoss()),
    (lambda F, x, y: F.huber_loss(x, y, reduction="sum", delta=0.5), lambda nn: nn.HuberLoss(reduction="sum", delta=0.5)),
]


@pytest.mark.peers
@pytest.mark.parametrize(("function", "layer"), SIMPLE)
def test_simple_functions_and_their_layers_are_pytorchs(function, layer):
    import torch

    x, y = np.array([-800.0, -1.5, -0.5, 0.0, 0.25, 0.5, 1.0, 2.0]), np.array([0.0, 0, 0, 0, 0, 1, 1, -1])
    ours, theirs = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    out, expected = function(F, ours, y), function(torch.nn.functional, theirs, torch.tensor(y))
    np.testing.assert_allclose(out.numpy(), expected.detach().numpy(), rtol=1e-13)
    g = np.cos(np.arange(out.size)).reshape(out.shape)
    out.backward(g)
    expected.backward(torch.tensor(g))
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-13)
    module = layer(nn)
    arguments = (x, y) if "Loss" in type(module).__name__ else (x,)
    np.testing.assert_array_equal(module(*arguments).numpy(), out.numpy())
    assert repr(module) == repr(layer(torch.nn)) or "Loss" in type(module).__name__
    assert module.formula()[0].split(" = ")[0] in ("out", "losses")


@pytest.mark.parametrize("function", [F.huber_loss, F.smooth_l1_loss, F.l1_loss])
def test_what_a_simple_loss_cannot_do_is_said(function):
    with pytest.raises(ShapeError, match=rf"{function.__name__}: input has shape \(2,\) and target has shape \(3,\)"):
        function(tg.ones(2), tg.ones(3))
    if function is not F.l1_loss:
        with pytest.raises(ValueError, match=rf"{function.__name__}: (beta|delta)=0; it needs to be above 0"):
            function(tg.ones(2), tg.ones(2), "mean", 0)
