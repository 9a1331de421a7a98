"""What compare gives to each fused op of the library: settings, and inputs of a shape. An op without an entry fails a test."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..fused.batch_norm import BatchNorm, BatchNormEvaluation
from ..fused.binary_cross_entropy import BinaryCrossEntropyWithLogits
from ..fused.cross_entropy import CrossEntropy
from ..fused.dropout import Dropout
from ..fused.gelu import GELU, TanhGELU
from ..fused.layer_norm import LayerNorm
from ..fused.linear import Linear
from ..fused.log_softmax import LogSoftmax
from ..fused.logsumexp import LogSumExp
from ..fused.mse import MSE
from ..fused.rms_norm import RMSNorm
from ..fused.sigmoid import Sigmoid
from ..fused.silu import SiLU
from ..fused.softmax import Softmax
from ..fused.softplus import Softplus


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


@problem("batch, group, channel, ...", 32, 4, 16)
def group_norm(rng, *shape):
    return LayerNorm(tuple(range(2, len(shape)))), rng.normal(size=shape), *_scale_and_shift(rng, (*shape[1:3], *(1 for _ in shape[3:])))


@problem("batch, channel, place, ...", 16, 8, 32)
def instance_norm(rng, *shape):
    return LayerNorm(tuple(range(2, len(shape)))), rng.normal(size=shape), *_scale_and_shift(rng, (shape[1], *(1 for _ in shape[2:])))


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
