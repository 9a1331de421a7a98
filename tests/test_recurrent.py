"""Recurrent layers and cells: beside PyTorch and mpmath, fused beside composed, at the extremes, and what is said when something is wrong.

The checks of every op are in test_every_op.py.
"""

import copy
import gc
import math
import pickle
import weakref
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
from mpmath import diff, mp

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.engine.node import kept_bytes
from tinygrad_edu.errors import DTypeError, MutationError, ShapeError
from tinygrad_edu.fused.gru import GRU
from tinygrad_edu.fused.lstm import LSTM
from tinygrad_edu.fused.rnn import RNN

fused_and_composed = pytest.mark.parametrize("way", [nullcontext, tg.composed], ids=["fused", "composed"])
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])

OPS = {"LSTM": (LSTM(), 4, 2), "GRU": (GRU(), 3, 1), "RNN": (RNN(), 1, 1), "RNN with relu": (RNN("relu"), 1, 1)}
"""Each with the number of its gates and of its states."""
every_op = pytest.mark.parametrize(("op", "gates", "states"), OPS.values(), ids=OPS)

LAYERS = {"LSTM": (nn.LSTM, {}), "GRU": (nn.GRU, {}), "RNN": (nn.RNN, {}), "RNN with relu": (nn.RNN, {"nonlinearity": "relu"})}
CELLS = {"LSTMCell": (nn.LSTMCell, {}), "GRUCell": (nn.GRUCell, {}), "RNNCell": (nn.RNNCell, {}), "relu": (nn.RNNCell, {"nonlinearity": "relu"})}
every_layer = pytest.mark.parametrize(("layer", "settings"), LAYERS.values(), ids=LAYERS)
every_cell = pytest.mark.parametrize(("cell", "settings"), CELLS.values(), ids=CELLS)


def inputs(sizes, gates, states, dtype=np.float64, scale=1.0):
    """x, states, weights and biases for steps, batch, input and hidden size, drawn; as they go into an op."""
    rng = np.random.default_rng(5)
    steps, batch, size, hidden = sizes
    rows = gates * hidden
    shapes = (steps, batch, size), *[(batch, hidden)] * states, (rows, size), (rows, hidden), (rows,), (rows,)
    return [(scale * rng.uniform(-1, 1, shape)).astype(dtype) for shape in shapes]


def waves(shape):
    """Numbers that are weights of a loss, the same each time."""
    return np.cos(np.arange(math.prod(shape))).reshape(shape)


def value_and_gradients(op, arrays):
    tensors = [tg.from_numpy(array, requires_grad=True) for array in arrays]
    out = op(*tensors)
    out.backward(waves(out.shape).astype(out.dtype))
    return [out.numpy(), *[x.grad.numpy() for x in tensors]]


def assert_all_close(got, expected, tolerance):
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


# The nodes


@both_dtypes
@every_op
def test_composed_gives_the_same(op, gates, states, dtype):
    arrays = inputs((9, 6, 20, 17), gates, states, dtype, scale=0.5)
    got = value_and_gradients(op, arrays)
    with tg.composed():
        expected = value_and_gradients(op, arrays)
    assert all(array.dtype == dtype for array in got)
    assert_all_close(got, expected, 1e-12 if dtype == np.float64 else 2e-5)


@every_op
def test_the_same_bits_each_time(op, gates, states):
    arrays = inputs((5, 6, 20, 17), gates, states, np.float32)
    first = value_and_gradients(op, arrays)
    for _ in range(100):
        assert all(np.array_equal(a, b) for a, b in zip(value_and_gradients(op, arrays), first, strict=True))


def elementwise(function):
    return np.vectorize(function, otypes=[object])


tanh, logistic = elementwise(mp.tanh), elementwise(lambda a: 1 / (1 + mp.exp(-a)))


def exact(name, x, h, *rest):
    """A layer by its definition, of arrays of mpmath's numbers."""
    *cell, weight_ih, weight_hh, bias_ih, bias_hh = rest
    out = []
    for x_t in x:
        a, b = x_t @ weight_ih.T + bias_ih, h @ weight_hh.T + bias_hh
        if name == "LSTM":
            i, f, n, o = np.split(a + b, 4, axis=1)
            cell = [logistic(f) * cell[0] + logistic(i) * tanh(n)]
            h = logistic(o) * tanh(cell[0])
        elif name == "GRU":
            (a_r, a_z, a_n), (b_r, b_z, b_n) = np.split(a, 3, axis=1), np.split(b, 3, axis=1)
            z = logistic(a_z + b_z)
            h = (1 - z) * tanh(a_n + logistic(a_r + b_r) * b_n) + z * h
        else:
            h = tanh(a + b)
        out.append(h)
    return np.stack(out + cell)


@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
def test_derivatives_up_to_the_fourth_are_those_of_mpmath(name):
    """Of sum(w * f(x + t * d)) by t at 0; d moves all inputs at once."""
    op, gates, states = OPS[name]
    arrays = inputs((3, 1, 2, 2), gates, states)
    directions = [waves(array.shape) for array in arrays]
    t = tg.tensor(0.0, dtype=np.float64, requires_grad=True)
    out = op(*[x + t * d for x, d in zip(arrays, directions)])
    derivatives = [(out * waves(out.shape)).sum()]
    for _ in range(4):
        derivatives += tg.grad(derivatives[-1], t, create_graph=True)

    precise = elementwise(mp.mpf)

    def along(t):
        return np.sum(exact(name, *[precise(x) + t * precise(d) for x, d in zip(arrays, directions)]) * precise(waves(out.shape)))

    with mp.workdps(60):
        expected = [float(diff(along, 0, order)) for order in range(5)]
    np.testing.assert_allclose([x.item() for x in derivatives], expected, rtol=1e-11)


@every_op
def test_a_node_keeps_little(op, gates, states):
    steps, batch, size, hidden = sizes = 8, 4, 6, 5
    tensors = [tg.from_numpy(array, requires_grad=True) for array in inputs(sizes, gates, states)]
    out = op(*tensors)
    beside = {1: 0, 3: 4, 4: 5}[gates] * steps * batch * hidden * 8
    assert kept_bytes([out.node]) == sum(x.data.nbytes for x in tensors) + out.data.nbytes + beside
    with tg.composed():
        twin = op(*tensors)
    if gates == 1:      # no more than tanh keeps, and the biases for the twin
        assert kept_bytes([out.node]) == kept_bytes([twin.node]) + sum(bias.data.nbytes for bias in tensors[-2:])
    else:
        assert kept_bytes([out.node]) < 0.45 * kept_bytes([twin.node])


@every_op
def test_a_long_sequence_is_no_recursion_and_is_freed_at_once(op, gates, states):
    tensors = [tg.from_numpy(array, requires_grad=True) for array in inputs((2000, 1, 2, 2), gates, states, scale=0.5)]
    gc.disable()
    try:
        for way in nullcontext, tg.composed:
            with way():
                out = op(*tensors)
            kept = weakref.ref(out.node)
            gradients = tg.grad(out.sum(), tensors)
            assert all(np.isfinite(g.data).all() for g in gradients)
            del out
            assert kept() is None
    finally:
        gc.enable()


@fused_and_composed
def test_saturated_gates_keep_their_digits(way):
    """With a forget gate of s(-40) and no input, c shrinks by exp(-40) at each step; so does its gradient."""
    bias = np.array([-800.0, -40, 0, 800])      # i, f, n, o
    x, h0, c0, weight_ih, weight_hh, *_ = (np.zeros_like(array) for array in inputs((3, 1, 1, 1), 4, 2))
    c = tg.tensor(c0 + 0.5, requires_grad=True)
    with way(), np.errstate(all="raise", under="ignore"):
        out = LSTM()(x, h0, c, weight_ih, weight_hh, bias, None)
        dc, = tg.grad(out[3, 0, 0], c)
    np.testing.assert_allclose(out.data[3], 0.5 * math.exp(-120), rtol=1e-13)
    np.testing.assert_allclose(out.data[0], math.tanh(0.5 * math.exp(-40)), rtol=1e-13)
    np.testing.assert_allclose(dc.data, math.exp(-120), rtol=1e-13)


@fused_and_composed
@pytest.mark.parametrize(("op", "gates", "states"), [OPS["LSTM"], OPS["GRU"], OPS["RNN"]], ids=["LSTM", "GRU", "RNN"])
@both_dtypes
def test_huge_inputs_give_no_nan_and_no_warning(op, gates, states, way, dtype):
    arrays = inputs((4, 3, 2, 2), gates, states, dtype)
    with way(), np.errstate(all="raise", under="ignore"):
        for array in value_and_gradients(op, [1000 * arrays[0], *arrays[1:]]):
            assert np.isfinite(array).all()


@fused_and_composed
@every_op
def test_a_sequence_of_nan_leaves_the_others_alone(op, gates, states, way):
    arrays = inputs((3, 2, 2, 2), gates, states)
    arrays[0][1, 0] = np.nan
    with way():
        out, of_x, *_ = value_and_gradients(op, arrays)
    assert np.isnan(out[1:, 0]).all() and np.isfinite(out[:, 1]).all() and np.isfinite(of_x[:, 1]).all()


# Layers beside PyTorch


OPTIONS = [
    {},
    {"bias": False},
    {"bidirectional": True},
    {"num_layers": 3, "batch_first": True},
    {"num_layers": 2, "bidirectional": True, "batch_first": True},
]


def peer_of(module):
    """PyTorch's module of the same settings and numbers."""
    import torch

    names = ("input_size", "hidden_size", "bias", "num_layers", "batch_first", "bidirectional", "nonlinearity")
    settings = {name: getattr(module, name) for name in names if hasattr(module, name)}
    dtype = torch.float64 if next(module.parameters()).dtype == np.float64 else torch.float32
    theirs = getattr(torch.nn, type(module).__name__)(**settings, dtype=dtype)
    theirs.load_state_dict({name: torch.tensor(tensor.data) for name, tensor in module.state_dict().items()})
    return theirs


def flat(result):
    """(output, (h, c)), (output, h), (h, c) or h, as a list."""
    return [result] if not isinstance(result, tuple) else [tensor for part in result for tensor in flat(part)]


def assert_as_in_pytorch(module, x, states, tolerance):
    """The results, and the gradients of the input, the states and all parameters, where the loss has to do with each result."""
    import torch

    theirs = peer_of(module)
    ours_in = [tg.tensor(array, requires_grad=True) for array in (x, *states)]
    theirs_in = [torch.tensor(array, requires_grad=True) for array in (x, *states)]
    found = []
    for layer, (x, *states), weights in ((module, ours_in, lambda a: a), (theirs, theirs_in, torch.tensor)):
        results = flat(layer(x, *([tuple(states)] if len(states) == 2 else states)))
        loss = sum((result * weights(waves(tuple(result.shape)).astype(ours_in[0].dtype))).sum() for result in results)
        layer.zero_grad()
        loss.backward()
        parameters = dict(layer.named_parameters())
        found.append([*[r.detach().numpy() for r in results], *[a.grad.numpy() for a in (x, *states, *parameters.values())]])
    assert list(module.state_dict()) == list(theirs.state_dict())
    assert_all_close(*found, tolerance)


@pytest.mark.peers
@both_dtypes
@pytest.mark.parametrize("given", [True, False], ids=["states", "no states"])
@pytest.mark.parametrize("batch", [3, None], ids=["batch", "no batch"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@every_layer
def test_a_layer_is_pytorchs(layer, settings, options, batch, given, dtype):
    module = layer(4, 5, **settings, **options, dtype=dtype)
    rng = np.random.default_rng(0)
    shape = (7, 4) if batch is None else (batch, 7, 4) if module.batch_first else (7, batch, 4)
    count = module.num_layers * (2 if module.bidirectional else 1)
    of_state = (count, 5) if batch is None else (count, batch, 5)
    states = [rng.normal(size=of_state).astype(dtype) for _ in module.states] if given else []
    assert_as_in_pytorch(module, rng.normal(size=shape).astype(dtype), states, 1e-11 if dtype == np.float64 else 2e-5)


@pytest.mark.peers
@both_dtypes
@pytest.mark.parametrize("batch", [3, None], ids=["batch", "no batch"])
@pytest.mark.parametrize("options", [{}, {"bias": False}], ids=str)
@every_cell
def test_a_cell_is_pytorchs(cell, settings, options, batch, dtype):
    module = cell(4, 5, **settings, **options, dtype=dtype)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4,) if batch is None else (batch, 4)).astype(dtype)
    states = [rng.normal(size=(*x.shape[:-1], 5)).astype(dtype) for _ in module.states]
    for given in states, []:
        assert_as_in_pytorch(module, x, given, 1e-12 if dtype == np.float64 else 2e-6)


# Layers, by themselves


@every_layer
def test_parameters_are_drawn_as_in_pytorch(layer, settings):
    module = layer(3, 100, num_layers=2, bidirectional=True, **settings)
    assert [name.replace("weight", "w").replace("bias", "b") for name, _ in module.named_parameters()] == [
        f"{name}_l{i}{end}" for i in range(2) for end in ("", "_reverse") for name in ("w_ih", "w_hh", "b_ih", "b_hh")
    ]
    assert module.weight_ih_l0.shape == (100 * module.gates, 3) and module.weight_ih_l1_reverse.shape == (100 * module.gates, 200)
    for name, parameter in module.named_parameters():
        assert 0.09 < np.abs(parameter.data).max() <= 0.1, name
    again = layer(3, 100, num_layers=2, bidirectional=True, **settings, generator=np.random.default_rng(7))
    other = layer(3, 100, num_layers=2, bidirectional=True, **settings, generator=np.random.default_rng(7))
    assert all(np.array_equal(a.data, b.data) for a, b in zip(again.parameters(), other.parameters()))


@pytest.mark.parametrize(("layer", "cell"), [(nn.LSTM, nn.LSTMCell), (nn.GRU, nn.GRUCell), (nn.RNN, nn.RNNCell)])
def test_a_layer_is_its_cell_step_by_step(layer, cell):
    module, step = layer(3, 4, dtype=np.float64), cell(3, 4, dtype=np.float64)
    step.load_state_dict({name.removesuffix("_l0"): tensor for name, tensor in module.state_dict().items()})
    x = tg.tensor(np.random.default_rng(0).normal(size=(6, 2, 3)))
    output, last = module(x)
    states, outputs = None, []
    for t in range(6):
        states = step(x[t], states)
        outputs.append(flat(states)[0])
    assert_all_close([output.data, *[s.data[0] for s in flat(last)]], [np.stack(outputs).data, *[s.data for s in flat(states)]], 1e-14)
    for result in output, np.stack(outputs):
        (result * waves(result.shape)).sum().backward()
    assert_all_close([p.grad.data for p in module.parameters()], [p.grad.data for p in step.parameters()], 1e-13)


def test_each_result_of_an_lstm_has_its_own_gradient():
    """The outputs, h_n and c_n come out of one node: the gradient of a sum is the sum of the gradients, each counted once."""
    layer = nn.LSTM(2, 3, num_layers=2, dtype=np.float64)
    x = tg.tensor(np.random.default_rng(0).normal(size=(4, 2, 2)), requires_grad=True)
    losses = [(result * waves(result.shape)).sum() for result in flat(layer(x))]
    parts = [tg.grad(loss, [x, *layer.parameters()], retain_graph=True) for loss in losses]
    together = tg.grad(losses[0] + losses[1] + losses[2], [x, *layer.parameters()])
    assert_all_close([sum(g.data for g in gradients) for gradients in zip(*parts)], [g.data for g in together], 1e-13)


def test_the_states_go_on_where_a_sequence_was_cut():
    for layer in nn.LSTM(3, 4, num_layers=2), nn.GRU(3, 4, num_layers=2):
        x = tg.randn(6, 2, 3)
        output, last = layer(x)
        first, states = layer(x[:2])
        second, states = layer(x[2:], states)
        np.testing.assert_allclose(np.concatenate([first, second]).data, output.data, rtol=1e-6, atol=1e-7)
        assert_all_close([s.data for s in flat(states)], [s.data for s in flat(last)], 1e-6)


@every_layer
def test_a_layer_learns_on_its_twins_what_it_learns_fused(layer, settings):
    results = []
    for way in nullcontext, tg.composed:
        tg.manual_seed(3)
        module = layer(3, 4, num_layers=2, dropout=0.5, bidirectional=True, dtype=np.float64, **settings)
        x = tg.tensor(np.random.default_rng(0).normal(size=(5, 2, 3)), requires_grad=True)
        with way():
            output, _ = module(x)
            output.sum().backward()
        results.append([output.data, x.grad.data, *[p.grad.data for p in module.parameters()]])
    assert_all_close(*results, 1e-12)


def test_dropout_acts_between_layers_in_training_only():
    layer = nn.GRU(3, 4, num_layers=2, dropout=1.0)
    x = tg.randn(5, 2, 3)
    upper = nn.GRU(4, 4)
    upper.load_state_dict({name.replace("_l1", "_l0"): t for name, t in layer.state_dict().items() if name.endswith("_l1")})
    np.testing.assert_array_equal(layer(x)[0].data, upper(tg.zeros((5, 2, 4)))[0].data)
    plain = nn.GRU(3, 4, num_layers=2)
    plain.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(layer.eval()(x)[0].data, plain(x)[0].data)
    with pytest.warns(UserWarning, match=r"\(3, 4, dropout=0.5\): dropout acts between layers") as caught:
        nn.GRU(3, 4, dropout=0.5)
        nn.LSTM(3, 4, dropout=0.5)
    assert [warning.filename for warning in caught] == [__file__, __file__]


def test_what_a_layer_says_of_itself(capsys):
    assert repr(nn.LSTM(3, 4)) == "LSTM(3, 4)"
    assert repr(nn.GRU(3, 4, 2, False, True, 0.5, True)) == (
        "GRU(3, 4, num_layers=2, bias=False, batch_first=True, dropout=0.5, bidirectional=True)"
    )
    assert repr(nn.RNN(3, 4, 2, "relu", False)) == "RNN(3, 4, num_layers=2, bias=False, nonlinearity='relu')"
    assert repr(nn.RNNCell(3, 4, False, "relu")) == "RNNCell(3, 4, bias=False, nonlinearity='relu')"
    nn.RNN(3, 4, nonlinearity="relu").describe()
    nn.LSTMCell(3, 4).describe()
    printed = capsys.readouterr().out
    assert "out[t] = h = relu(x[t] @" in printed and "c = sigmoid(a_f) * c" in printed and "out = h = sigmoid(a_o) * tanh(c)" in printed
    assert nn.GRU(3, 4, bias=False).formula()[1] == "b_r, b_z, b_n = split(h @ weight_hh.T, 3, axis=-1)"
    assert nn.GRU(3, 4).flatten_parameters() is None


@every_layer
def test_a_layer_is_copied_and_pickled_whole(layer, settings):
    module, x = layer(2, 3, **settings), tg.randn(4, 1, 2)
    for other in copy.deepcopy(module), pickle.loads(pickle.dumps(module)):
        assert repr(other) == repr(module)
        np.testing.assert_array_equal(other(x)[0].data, module(x)[0].data)


def test_a_weight_that_changes_before_backward_is_noticed():
    layer = nn.LSTM(2, 3)
    output, _ = layer(tg.ones((4, 1, 2)))
    with tg.no_grad():
        layer.weight_hh_l0 += 1
    with pytest.raises(MutationError, match=r"weight_hh.*'weight_hh_l0'"):
        output.sum().backward()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: nn.LSTM(3, 4, proj_size=2), ValueError, ["LSTM", "proj_size=2", "not supported"]),
        (lambda: nn.LSTM(3, 0), ValueError, ["LSTM", "hidden_size=0", "at least 1"]),
        (lambda: nn.GRU(3, 4, num_layers=0), ValueError, ["GRU", "num_layers=0"]),
        (lambda: nn.GRU(3, 4, 2, dropout=1.5), ValueError, ["1.5", "from 0 to 1"]),
        (lambda: nn.RNN(3, 4, nonlinearity="sigmoid"), ValueError, ["RNN", "'sigmoid'", "'tanh' or 'relu'"]),
        (lambda: nn.RNNCell(3, 4, nonlinearity="sigmoid"), ValueError, ["RNNCell", "'sigmoid'"]),
        (lambda: nn.LSTM(3, 4)(tg.ones((2, 2, 5), name="words")), ShapeError, ["LSTM(3, 4)", "'words'", "(2, 2, 5)", "(T, N, 3)"]),
        (lambda: nn.LSTM(3, 4, batch_first=True)(tg.ones((1, 2, 2, 3))), ShapeError, ["(1, 2, 2, 3)", "(N, T, 3)"]),
        (lambda: nn.GRU(3, 4)(tg.ones((0, 2, 3))), ShapeError, ["GRU(3, 4)", "(0, 2, 3)", "at least one step"]),
        (lambda: nn.GRU(3, 4, batch_first=True)(tg.ones((2, 0, 3))), ShapeError, ["at least one step"]),
        (lambda: nn.GRU(3, 4)(tg.ones((2, 5, 3)), tg.ones((1, 2, 4))), ShapeError, ["(2, 5, 3)", "h_0", "(1, 2, 4)", "(1, 5, 4)"]),
        (lambda: nn.GRU(3, 4)(tg.ones((2, 3)), tg.ones((1, 1, 4))), ShapeError, ["h_0", "(1, 4)"]),
        (lambda: nn.LSTM(3, 4)(tg.ones((2, 3)), tg.ones((1, 4))), TypeError, ["LSTM(3, 4)", "Tensor", "pair (h_0, c_0)"]),
        (lambda: nn.LSTM(3, 4)(tg.ones((2, 3)), (tg.ones((1, 4)), tg.ones((1, 4), np.float64))), DTypeError, ["c_0", "float64"]),
        (lambda: nn.LSTM(3, 4)(np.ones((2, 3))), DTypeError, ["float64", "weight_ih_l0", "float32", "astype"]),
        (lambda: nn.LSTM(3, 4)(np.ones((2, 3), int)), DTypeError, ["LSTM(3, 4)", "int64"]),
        (lambda: nn.LSTM(3, 4)(np.ones((2, 3), np.float16)), DTypeError, ["LSTM(3, 4)", "float16"]),
        (lambda: nn.LSTM(3, 4)(SimpleNamespace(batch_sizes=[1])), TypeError, ["LSTM(3, 4)", "not supported", "padded"]),
        (lambda: nn.LSTMCell(3, 4)(tg.ones((2, 2))), ShapeError, ["LSTMCell(3, 4)", "(2, 2)", "(N, 3)"]),
        (lambda: nn.GRUCell(3, 4)(tg.ones((2, 3)), tg.ones(4)), ShapeError, ["GRUCell(3, 4)", "hx", "(4,)", "(2, 4)"]),
        (lambda: nn.RNNCell(3, 4)(np.ones(3)), DTypeError, ["RNNCell(3, 4)", "float64"]),
    ],
)
def test_what_a_layer_cannot_do_is_said(call, error, words):
    with pytest.raises(error) as failure:
        call()
    for word in words:
        assert word in str(failure.value)
