"""What compare gives to each fused op of the library: settings, and inputs of a shape. An op without an entry fails a test."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..fused.attention import ScaledDotProductAttention
from ..fused.batch_norm import BatchNorm, BatchNormEvaluation
from ..fused.binary_cross_entropy import BinaryCrossEntropyWithLogits
from ..fused.cdist import CDist
from ..fused.convolution import Convolution, ConvolutionWeight, TransposedConvolution
from ..fused.cross_entropy import CrossEntropy
from ..fused.dropout import Dropout
from ..fused.embedding import Embedding
from ..fused.gelu import GELU, TanhGELU
from ..fused.group_norm import GroupNorm
from ..fused.gru import GRU
from ..fused.layer_norm import LayerNorm
from ..fused.linear import Linear, LinearActivation
from ..fused.log_softmax import LogSoftmax
from ..fused.logsumexp import LogSumExp
from ..fused.lstm import LSTM
from ..fused.mse import MSE
from ..fused.norm import Norm
from ..fused.pooling import AveragePool, AveragePoolAdjoint, MaxPool
from ..fused.rms_norm import RMSNorm
from ..fused.rnn import RNN
from ..fused.sigmoid import Sigmoid
from ..fused.silu import SiLU
from ..fused.softmax import Softmax
from ..fused.softplus import Softplus
from ..fused.variance import Std, Var


@dataclass(frozen=True)
class Problem:
    """An op at inputs of any shape; called, it gives the op and its inputs.

    name   on the command line.
    axes   what the axes of the shape are: "batch, channel"; with an ellipsis at the end, any number may follow.
    shape  if none is given.
    make   from a generator and the sizes.
    """

    name: str
    axes: str
    shape: tuple[int, ...]
    make: Callable[..., tuple[Any, ...]]

    def __call__(self, shape: tuple[int, ...], generator: np.random.Generator) -> tuple[Any, ...]:
        """The op, and its inputs. Raises ValueError with what is wrong about the shape."""
        *names, last = self.axes.split(", ")
        if last != "...":
            names.append(last)
        if len(shape) < len(names) or (len(shape) > len(names) and last != "..."):
            least = "at least " if last == "..." else ""
            axes = "axis" if len(names) == 1 else "axes"
            raise ValueError(f"{self.name} needs {least}{len(names)} {axes}: {', '.join(names)}; {len(shape)} given")
        return self.make(generator, *shape)


PROBLEMS: dict[str, Problem] = {}
"""The problems by name."""


def problem(axes: str, *shape: int) -> Callable[[Callable[..., tuple[Any, ...]]], Problem]:
    """Decorator: the function makes a problem with these axes, and this shape if none is given, under its own name."""

    def register(make: Callable[..., tuple[Any, ...]]) -> Problem:
        name = make.__name__
        PROBLEMS[name] = made = Problem(name, axes, shape, make)
        return made

    return register


# Norms


@problem("batch, channel, ...", 128, 64)
def batch_norm(rng, *shape):
    axes, per_channel = _channels(shape)
    if math.prod(shape) == math.prod(per_channel):
        raise ValueError("that is one value for each channel; batch norm needs at least two")
    return BatchNorm(axes), rng.normal(size=shape), *_scale_and_shift(rng, per_channel)


@problem("batch, channel, ...", 128, 64)
def batch_norm_evaluation(rng, *shape):
    _, per_channel = _channels(shape)
    mean, var = rng.normal(size=per_channel), rng.uniform(0.5, 1.5, per_channel)
    return BatchNormEvaluation(), rng.normal(size=shape), *_scale_and_shift(rng, per_channel), mean, var


@problem("batch, feature", 128, 64)
def layer_norm(rng, *shape):
    return LayerNorm((1,)), rng.normal(size=shape), *_scale_and_shift(rng, shape[1:])


@problem("batch, channel, place, ...", 16, 8, 16)
def group_norm(rng, *shape):
    return GroupNorm(math.gcd(shape[1], 4)), rng.normal(size=shape), *_scale_and_shift(rng, shape[1:2])


@problem("batch, channel, place, ...", 16, 8, 32)
def instance_norm(rng, *shape):
    return GroupNorm(1), rng.normal(size=shape), *_scale_and_shift(rng, shape[1:2])


@problem("batch, feature", 128, 64)
def rms_norm(rng, *shape):
    return RMSNorm((1,), 1e-5), rng.normal(size=shape), rng.uniform(0.5, 1.5, shape[1:])


def _channels(shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes that are not the channel's, and the shape of one number for each channel."""
    axes = (0, *range(2, len(shape)))
    return axes, tuple(1 if axis in axes else size for axis, size in enumerate(shape))


def _scale_and_shift(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """gamma and beta."""
    return rng.uniform(0.5, 1.5, shape), rng.normal(size=shape)


# Activations, element by element and of rows


@problem("any, ...", 128, 64)
def gelu(rng, *shape):
    return GELU(), rng.normal(size=shape)


@problem("any, ...", 128, 64)
def tanh_gelu(rng, *shape):
    return TanhGELU(), rng.normal(size=shape)


@problem("any, ...", 128, 64)
def sigmoid(rng, *shape):
    return Sigmoid(), rng.normal(size=shape)


@problem("any, ...", 128, 64)
def silu(rng, *shape):
    return SiLU(), rng.normal(size=shape)


@problem("any, ...", 128, 64)
def softplus(rng, *shape):
    return Softplus(), rng.normal(size=shape)


@problem("batch, ...", 128, 64)
def log_softmax(rng, *shape):
    return LogSoftmax(), rng.normal(size=shape)


@problem("batch, ...", 128, 64)
def logsumexp(rng, *shape):
    return LogSumExp((len(shape) - 1,)), rng.normal(size=shape)


@problem("batch, ...", 128, 64)
def softmax(rng, *shape):
    return Softmax(), rng.normal(size=shape)


# Reductions


@problem("point, feature", 48, 16)
def cdist(rng, *shape):
    return CDist(), rng.normal(size=shape), rng.normal(size=(32, shape[1]))


@problem("batch, ...", 128, 64)
def norm(rng, *shape):
    return Norm((len(shape) - 1,)), rng.normal(size=shape)


@problem("batch, ...", 128, 64)
def std(rng, *shape):
    return Std((len(shape) - 1,)), rng.normal(size=shape)


@problem("batch, ...", 128, 64)
def var(rng, *shape):
    return Var((len(shape) - 1,)), rng.normal(size=shape)


# Losses


@problem("batch, ...", 128, 64)
def binary_cross_entropy(rng, *shape):
    return BinaryCrossEntropyWithLogits(), rng.normal(size=shape), rng.uniform(size=shape), None, None


@problem("batch, class", 128, 64)
def cross_entropy(rng, *shape):
    return CrossEntropy(), rng.normal(size=shape), rng.integers(0, shape[1], shape[0]), None


@problem("batch, ...", 128, 64)
def mse(rng, *shape):
    return MSE(), rng.normal(size=shape), rng.normal(size=shape)


# Layers


@problem("any, ...", 128, 64)
def dropout(rng, *shape):
    return Dropout(0.5), rng.normal(size=shape), rng.random(shape) >= 0.5


@problem("batch, feature, ...", 128, 64)
def linear(rng, *shape):
    return Linear(), rng.normal(size=shape), rng.normal(size=(32, shape[-1])), rng.normal(size=32)


@problem("batch, feature, ...", 128, 64)
def linear_tanh(rng, *shape):
    return LinearActivation("tanh"), rng.normal(size=shape), rng.normal(size=(32, shape[-1])) / shape[-1] ** 0.5, rng.normal(size=32)


@problem("place, feature", 128, 32)
def embedding(rng, *shape):
    return Embedding(), rng.integers(0, 20, shape[:1]), rng.normal(size=(20, shape[1]))


# Windows


@problem("batch, channel, place, ...", 4, 3, 8, 8)
def convolution(rng, *shape):
    return _convolution(Convolution, shape), rng.normal(size=shape), rng.normal(size=_kernel(shape)), rng.normal(size=OUTPUTS)


@problem("batch, channel, window, ...", 4, 3, 8, 8)
def transposed_convolution(rng, *shape):
    weight = rng.normal(size=_kernel(shape)).swapaxes(0, 1)
    return _convolution(TransposedConvolution, shape), rng.normal(size=shape), weight, rng.normal(size=OUTPUTS)


@problem("batch, channel, place, ...", 4, 3, 8, 8)
def convolution_weight(rng, *shape):
    op = _convolution(ConvolutionWeight, (*shape[:2], *_kernel(shape)[2:]))
    return op, rng.normal(size=shape), rng.normal(size=(shape[0], OUTPUTS, *shape[2:]))


OUTPUTS = 5
"""How many channels a convolution gives."""


def _kernel(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the weight: three taps along each axis behind the channel's."""
    return OUTPUTS, shape[1], *(3 for _ in shape[2:])


def _convolution(op: type[Any], shape: tuple[int, ...]) -> Any:
    """One of the three functions of a convolution, with stride 1 and a padding of one place; out has the size of shape."""
    axes = len(shape) - 2
    return op((1,) * axes, (1,) * axes, (1,) * axes, 1, shape[2:])


@problem("batch, channel, place, ...", 4, 3, 12, 12)
def max_pool(rng, *shape):
    levels = sum(2**axis * (places % 2) for axis, places in enumerate(np.indices(shape)[2:]))       # no two of a window are near
    return MaxPool(*_windows(shape)), levels * rng.choice([-1, 1], shape[:1]).reshape(-1, *(1 for _ in shape[1:])) + rng.uniform(-0.2, 0.2, shape)


@problem("batch, channel, place, ...", 4, 3, 12, 12)
def average_pool(rng, *shape):
    return AveragePool(*_windows(shape)), rng.normal(size=shape)


@problem("batch, channel, window, ...", 4, 3, 6, 6)
def average_pool_adjoint(rng, *shape):
    sizes = tuple(2 * size for size in shape[2:])
    return AveragePoolAdjoint(*_windows(shape), sizes=sizes), rng.normal(size=shape)


def _windows(shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """kernel_size, stride, padding and dilation of windows of two places along each axis behind the channel's."""
    axes = len(shape) - 2
    if min(shape[2:]) < 2:
        raise ValueError("a window has two places along each axis, and that is more than there are")
    return (2,) * axes, (2,) * axes, (0,) * axes, (1,) * axes


# Attention, and layers that go over a sequence


@problem("batch, head, place, feature", 2, 4, 24, 16)
def attention(rng, *shape):
    return ScaledDotProductAttention(shape[-1] ** -0.5), *rng.normal(size=(3, *shape)), None, None


@problem("batch, head, place, feature", 2, 4, 24, 16)
def causal_attention(rng, *shape):
    return ScaledDotProductAttention(shape[-1] ** -0.5, causal=True), *rng.normal(size=(3, *shape)), None, None


@problem("step, batch, feature", 12, 4, 8)
def gru(rng, *shape):
    return GRU(), rng.normal(size=shape), rng.normal(size=(shape[1], HIDDEN)), *_gates(rng, 3, shape[2])


@problem("step, batch, feature", 12, 4, 8)
def lstm(rng, *shape):
    return LSTM(), rng.normal(size=shape), *rng.normal(size=(2, shape[1], HIDDEN)), *_gates(rng, 4, shape[2])


@problem("step, batch, feature", 12, 4, 8)
def rnn(rng, *shape):
    return RNN("tanh"), rng.normal(size=shape), rng.normal(size=(shape[1], HIDDEN)), *_gates(rng, 1, shape[2])


HIDDEN = 6
"""How large the state of a recurrent layer is."""


def _gates(rng: np.random.Generator, gates: int, features: int) -> list[np.ndarray]:
    """Weights and biases of the input and of the state, for so many gates; as PyTorch draws them."""
    shapes = (gates * HIDDEN, features), (gates * HIDDEN, HIDDEN), (gates * HIDDEN,), (gates * HIDDEN,)
    return [rng.uniform(-(HIDDEN**-0.5), HIDDEN**-0.5, shape) for shape in shapes]
