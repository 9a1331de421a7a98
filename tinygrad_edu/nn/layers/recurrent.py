"""Recurrent layers: LSTM, GRU and RNN, which go over a sequence, and their cells, which take one step."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ...engine.op import Op
from ...engine.tensor import Tensor
from ...errors import ShapeError
from ...fused import gru, lstm, rnn
from ...ops.creation import zeros
from ...ops.operands import as_tensor
from .. import functional as F, init
from ..functional.checks import check_dtypes, check_real, described
from ..functional.regularization import drop_probability
from ..module import Module, Parameter

NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
LSTM_FORMULA = (
    "a_i, a_f, a_n, a_o = split(x[t] @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh, 4, axis=-1)",
    "c = sigmoid(a_f) * c + sigmoid(a_i) * tanh(a_n)",
    "out[t] = h = sigmoid(a_o) * tanh(c)",
)
GRU_FORMULA = (
    "a_r, a_z, a_n = split(x[t] @ weight_ih.T + bias_ih, 3, axis=-1)",
    "b_r, b_z, b_n = split(h @ weight_hh.T + bias_hh, 3, axis=-1)",
    "z = sigmoid(a_z + b_z)    n = tanh(a_n + sigmoid(a_r + b_r) * b_n)",
    "out[t] = h = (1 - z) * n + z * h",
)
RNN_FORMULA = ("out[t] = h = tanh(x[t] @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh)",)


class Recurrent(Module):
    """What LSTM, GRU and RNN are: layers one on another, each in one direction or two, that go over a whole sequence.

    Each layer takes the outputs of the one below for its x. Of two directions, one goes over x and one over x from its end, and their
    outputs stand side by side on the last axis.

    Parameters
        input_size, hidden_size  the sizes I and H of the last axis of x and of a state.
        num_layers               how many layers.
        bias                     whether there are biases.
        batch_first              whether x and output are (N, T, ...); the states are not.
        dropout                  in training, the probability to drop an output of a layer on its way to the next one.
        bidirectional            whether there are two directions: D = 2.
        dtype                    of the parameters; the default dtype if not given.
        generator                what draws the parameters, and what dropout drops; the default one if not given.

    Shapes    x (T, N, I), output (T, N, D * H), a state (D * num_layers, N, H), with the two directions of a layer one after the other;
              without a batch there is no N. With G gates, the parameters of layer 0 are weight_ih_l0 (G * H, I),
              weight_hh_l0 (G * H, H), bias_ih_l0 and bias_hh_l0 (G * H,), and with a name that ends in _reverse those of the other
              direction; above, D * H takes the place of I.
    Starts    all parameters evenly from [-1 / sqrt(H), 1 / sqrt(H)), as in PyTorch. A state that is not given is zeros.
    Raises    ShapeError if x or a state has another shape, or x no step; DTypeError if one has another dtype than the weights.

    All sequences of a batch have one length, and there is no PackedSequence: pad the shorter ones, and leave the padding out of the loss.
    """

    op: Op
    gates: ClassVar[int]
    states: ClassVar[tuple[str, ...]] = ("h_0",)
    lines: tuple[str, ...]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: Any = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = drop_probability(dropout, None)
        self.bidirectional = bidirectional
        self.generator = generator
        _check_sizes(self, hidden_size=hidden_size, num_layers=num_layers)
        if dropout and num_layers == 1:
            inherited = type(self).__init__ is Recurrent.__init__
            warnings.warn(f"{self!r}: dropout acts between layers, and there is one layer", stacklevel=2 if inherited else 3)
        for layer in range(num_layers):
            for suffix in self._suffixes(layer):
                size = hidden_size * len(self._suffixes(0)) if layer else input_size
                for name, parameter in _parameters(self.gates * hidden_size, size, hidden_size, bias, dtype).items():
                    self.register_parameter(name + suffix, parameter)
        self.reset_parameters(generator)

    def _suffixes(self, layer: int) -> list[str]:
        """What the names of a layer's parameters end in, for each direction."""
        return [f"_l{layer}", f"_l{layer}_reverse"] if self.bidirectional else [f"_l{layer}"]

    def reset_parameters(self, generator: np.random.Generator | None = None) -> None:
        """Draw all parameters anew."""
        _draw(self, generator)

    def flatten_parameters(self) -> None:
        """Nothing: PyTorch arranges the weights for a GPU here."""

    def run(self, input: Any, hx: Sequence[Any] | None) -> tuple[Tensor, list[Tensor]]:
        """The outputs, and the last states, of which each holds all layers and directions."""
        if hasattr(input, "batch_sizes"):
            raise TypeError(f"{self!r}: the input is a {type(input).__name__}, which is not supported; give it padded")
        input = as_tensor(input)
        self._check(input)
        batched = input.ndim == 3
        x = input[:, None] if not batched else input.swapaxes(0, 1) if self.batch_first else input
        batch = x.shape[1:2] if batched else ()
        states = _states(self, hx, (self.num_layers * len(self._suffixes(0)), *batch, self.hidden_size), input)
        if not batched:
            states = [state[:, None] for state in states]
        ends: list[list[Tensor]] = []
        for layer in range(self.num_layers):
            if layer and self.training and self.dropout:
                x = F.dropout(x, self.dropout, generator=self.generator)
            outputs = []
            for suffix in self._suffixes(layer):
                weights = [getattr(self, name + suffix, None) for name in NAMES]
                before = [state[len(ends)] for state in states]
                backwards = suffix.endswith("_reverse")
                out, end = _over(self.op, x[::-1] if backwards else x, before, weights)
                outputs.append(out[::-1] if backwards else out)
                ends.append(end)
            x = outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=-1)
        last: list[Any] = [np.stack(state) for state in zip(*ends)]
        if not batched:
            return x[:, 0], [state[:, 0] for state in last]
        return x.swapaxes(0, 1) if self.batch_first else x, last

    def _check(self, input: Tensor) -> None:
        check_real(repr(self), input)
        check_dtypes(repr(self), input, weight_ih_l0=self.weight_ih_l0)
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size:
            axes = f"({'N, T' if self.batch_first else 'T, N'}, {self.input_size})"
            raise ShapeError(f"{self!r}: {described('input', input)}; it needs to be {axes}, or (T, {self.input_size}) without a batch")
        if input.shape[1 if input.ndim == 3 and self.batch_first else 0] == 0:
            raise ShapeError(f"{self!r}: {described('input', input)}; it needs at least one step")

    def extra_repr(self) -> str:
        defaults = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}
        return _settings(self, defaults)

    def formula(self) -> list[str]:
        return _formula(self)


class LSTM(Recurrent):
    """Long short-term memory over a sequence, one fused node for each layer and direction.

    At each step t, from the state h and the cell c of the step before:

    i, f, n, o = s(a_i), s(a_f), tanh(a_n), s(a_o)    s(a) = 1 / (1 + exp(-a))
    a          = x[t] @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh, in four parts of equal size
    c          = f * c + i * n
    output[t]  = o * tanh(c), the next h

    layer(input) or layer(input, (h_0, c_0)) gives output, (h_n, c_n). Parameters, shapes and errors are those of Recurrent. PyTorch's
    proj_size is not supported: ValueError.

    Source    Hochreiter and Schmidhuber (1997), Long short-term memory; with the forget gate of Gers, Schmidhuber and Cummins (2000).

    >>> import tinygrad_edu as tg
    >>> layer = LSTM(3, 4, num_layers=2, bidirectional=True)
    >>> output, (h_n, c_n) = layer(tg.zeros((7, 5, 3)))
    >>> output.shape, h_n.shape, c_n.shape
    ((7, 5, 8), (4, 5, 4), (4, 5, 4))
    """

    op = lstm.LSTM()
    gates = 4
    states = ("h_0", "c_0")
    lines = LSTM_FORMULA

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        dtype: Any = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        if proj_size:
            raise ValueError(f"LSTM: proj_size={proj_size} is not supported; leave it out, or put a Linear behind the layer")
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype=dtype, generator=generator)

    def forward(self, input: Any, hx: Sequence[Any] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        output, (h, c) = self.run(input, hx)
        return output, (h, c)


class GRU(Recurrent):
    """Gated recurrent units over a sequence, one fused node for each layer and direction.

    At each step t, from the state h of the step before:

    r, z      = s(a_r + b_r), s(a_z + b_z)    s(a) = 1 / (1 + exp(-a))
    n         = tanh(a_n + r * b_n)
    a, b      = x[t] @ weight_ih.T + bias_ih and h @ weight_hh.T + bias_hh, each in three parts of equal size
    output[t] = (1 - z) * n + z * h, the next h

    layer(input) or layer(input, h_0) gives output, h_n. Parameters, shapes and errors are those of Recurrent.

    Source    Cho et al. (2014), arXiv:1406.1078, with r after the product, as PyTorch has it.

    >>> import tinygrad_edu as tg
    >>> output, h_n = GRU(3, 4)(tg.zeros((7, 5, 3)))
    >>> output.shape, h_n.shape
    ((7, 5, 4), (1, 5, 4))
    """

    op = gru.GRU()
    gates = 3
    lines = GRU_FORMULA

    def forward(self, input: Any, hx: Any = None) -> tuple[Tensor, Tensor]:
        output, (h,) = self.run(input, None if hx is None else (hx,))
        return output, h


class RNN(Recurrent):
    """Elman's recurrent network over a sequence, one fused node for each layer and direction.

    output[t] = tanh(x[t] @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh), where h is the output before; or relu for tanh

    nonlinearity is "tanh" or "relu", or ValueError. layer(input) or layer(input, h_0) gives output, h_n. Other parameters, shapes and
    errors are those of Recurrent.

    Source    Elman (1990), Finding structure in time.

    >>> import tinygrad_edu as tg
    >>> output, h_n = RNN(3, 4, nonlinearity="relu")(tg.zeros((7, 5, 3)))
    >>> output.shape, h_n.shape
    ((7, 5, 4), (1, 5, 4))
    """

    gates = 1
    lines = RNN_FORMULA

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: Any = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        _check_nonlinearity("RNN", nonlinearity)
        self.nonlinearity = nonlinearity
        self.op = rnn.RNN(nonlinearity)
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype=dtype, generator=generator)

    def forward(self, input: Any, hx: Any = None) -> tuple[Tensor, Tensor]:
        output, (h,) = self.run(input, None if hx is None else (hx,))
        return output, h

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity!r}")


class RecurrentCell(Module):
    """What LSTMCell, GRUCell and RNNCell are: one step of a layer.

    Parameters
        input_size, hidden_size  the sizes I and H of the last axis of x and of a state.
        bias                     whether there are biases.
        dtype                    of the parameters; the default dtype if not given.
        generator                what draws the parameters.

    Shapes    x (N, I) and a state (N, H), or both without N. With G gates, weight_ih (G * H, I), weight_hh (G * H, H), bias_ih and
              bias_hh (G * H,).
    Starts    all parameters evenly from [-1 / sqrt(H), 1 / sqrt(H)), as in PyTorch. A state that is not given is zeros.
    Raises    ShapeError if x or a state has another shape, DTypeError if one has another dtype than the weights.
    """

    op: Op
    gates: ClassVar[int]
    states: ClassVar[tuple[str, ...]] = ("hx",)
    lines: tuple[str, ...]

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, dtype: Any = None, generator: np.random.Generator | None = None
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        _check_sizes(self, hidden_size=hidden_size)
        for name in NAMES:
            self.register_parameter(name, _parameters(self.gates * hidden_size, input_size, hidden_size, bias, dtype).get(name))
        self.reset_parameters(generator)

    def reset_parameters(self, generator: np.random.Generator | None = None) -> None:
        """Draw all parameters anew."""
        _draw(self, generator)

    def run(self, input: Any, hx: Sequence[Any] | None) -> list[Tensor]:
        """The next states."""
        input = as_tensor(input)
        check_real(repr(self), input)
        check_dtypes(repr(self), input, weight_ih=self.weight_ih)
        if input.ndim not in (1, 2) or input.shape[-1] != self.input_size:
            needs = f"(N, {self.input_size}), or ({self.input_size},) without a batch"
            raise ShapeError(f"{self!r}: {described('input', input)}; it needs to be {needs}")
        states = _states(self, hx, (*input.shape[:-1], self.hidden_size), input)
        weights = [getattr(self, name) for name in NAMES]
        if input.ndim == 2:
            return _over(self.op, input[None], states, weights)[1]
        return [state[0] for state in _over(self.op, input[None, None], [state[None] for state in states], weights)[1]]

    def extra_repr(self) -> str:
        return _settings(self, {"bias": True})

    def formula(self) -> list[str]:
        return [line.replace("[t]", "") for line in _formula(self)]


class LSTMCell(RecurrentCell):
    """One step of an LSTM, by the formulas that are there.

    cell(input) or cell(input, (h_0, c_0)) gives h_1, c_1. Parameters, shapes and errors are those of RecurrentCell.

    >>> import tinygrad_edu as tg
    >>> h, c = LSTMCell(3, 4)(tg.zeros((5, 3)))
    >>> h.shape, c.shape
    ((5, 4), (5, 4))
    """

    op = LSTM.op
    gates = LSTM.gates
    states = LSTM.states
    lines = LSTM.lines

    def forward(self, input: Any, hx: Sequence[Any] | None = None) -> tuple[Tensor, Tensor]:
        h, c = self.run(input, hx)
        return h, c


class GRUCell(RecurrentCell):
    """One step of a GRU, by the formulas that are there.

    cell(input) or cell(input, hx) gives the next state. Parameters, shapes and errors are those of RecurrentCell.

    >>> import tinygrad_edu as tg
    >>> GRUCell(3, 4)(tg.zeros((5, 3))).shape
    (5, 4)
    """

    op = GRU.op
    gates = GRU.gates
    lines = GRU.lines

    def forward(self, input: Any, hx: Any = None) -> Tensor:
        return self.run(input, None if hx is None else (hx,))[0]


class RNNCell(RecurrentCell):
    """One step of an RNN, by the formula that is there; nonlinearity is "tanh" or "relu", or ValueError.

    cell(input) or cell(input, hx) gives the next state. Other parameters, shapes and errors are those of RecurrentCell.

    >>> import tinygrad_edu as tg
    >>> RNNCell(3, 4)(tg.zeros((5, 3))).shape
    (5, 4)
    """

    gates = RNN.gates
    lines = RNN.lines

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        dtype: Any = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        _check_nonlinearity("RNNCell", nonlinearity)
        self.nonlinearity = nonlinearity
        self.op = rnn.RNN(nonlinearity)
        super().__init__(input_size, hidden_size, bias, dtype=dtype, generator=generator)

    def forward(self, input: Any, hx: Any = None) -> Tensor:
        return self.run(input, None if hx is None else (hx,))[0]

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity!r}")


def _parameters(rows: int, input_size: int, hidden_size: int, bias: bool, dtype: Any) -> dict[str, Parameter]:
    """The parameters of one layer in one direction, still zeros."""
    shapes = {"weight_ih": (rows, input_size), "weight_hh": (rows, hidden_size), "bias_ih": (rows,), "bias_hh": (rows,)}
    return {name: Parameter(zeros(shape, dtype)) for name, shape in shapes.items() if bias or name.startswith("weight")}


def _draw(module: Any, generator: np.random.Generator | None) -> None:
    bound = 1 / math.sqrt(module.hidden_size)
    for parameter in module.parameters():
        init.uniform_(parameter, -bound, bound, generator)


def _over(op: Op, x: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor | None]) -> tuple[Tensor, list[Tensor]]:
    """The outputs of a fused node, one for each step, and the states after the last one."""
    out = op(x, *states, *weights)
    return (out, [out[-1]]) if len(states) == 1 else (out[:-1], [out[-2], out[-1]])


def _states(module: Any, hx: Sequence[Any] | None, shape: tuple[int, ...], input: Tensor) -> list[Tensor]:
    """The states to start from, in the given shape: hx, or zeros."""
    names = module.states
    if hx is None:
        return [zeros(shape, input.dtype)] * len(names)
    if not isinstance(hx, (tuple, list)) or len(hx) != len(names):
        raise TypeError(f"{module!r}: the states are given as {type(hx).__name__}; they need to be a pair ({', '.join(names)})")
    states = [as_tensor(state) for state in hx]
    for name, state in zip(names, states):
        check_dtypes(repr(module), input, **{name: state})
        if state.shape != shape:
            raise ShapeError(f"{module!r}: {described('input', input)} and {described(name, state)}; {name} needs shape {shape}")
    return states


def _check_sizes(module: Module, **sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{type(module).__name__}: {name}={size}; it needs to be at least 1")


def _check_nonlinearity(layer: str, nonlinearity: str) -> None:
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"{layer}: nonlinearity={nonlinearity!r}; it needs to be 'tanh' or 'relu'")


def _settings(module: Any, defaults: dict[str, Any]) -> str:
    """The sizes, and what differs from defaults."""
    changed = {name: getattr(module, name) for name, default in defaults.items() if getattr(module, name) != default}
    return f"{module.input_size}, {module.hidden_size}" + "".join(f", {name}={value}" for name, value in changed.items())


def _formula(module: Any) -> list[str]:
    """One step of a layer, with its own nonlinearity, and without biases if there are none."""
    lines = [line.replace("= tanh", f"= {module.nonlinearity}") for line in module.lines] if hasattr(module, "nonlinearity") else module.lines
    return [line if module.bias else line.replace(" + bias_ih", "").replace(" + bias_hh", "") for line in lines]
