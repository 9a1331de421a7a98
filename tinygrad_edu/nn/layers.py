"""Layers as modules, with PyTorch's arguments, defaults and initialization; the functions are in functional."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from types import EllipsisType
from typing import Any, ClassVar

import numpy as np

from ..engine.tensor import Tensor
from ..errors import ShapeError
from ..ops.creation import ones, zeros
from ..ops.reduce import as_tensor
from . import functional as F, init
from .module import Module, Parameter


class Linear(Module):
    """A fully connected layer.

    out = x @ weight.T + bias

    Parameters
        in_features, out_features  the sizes k and m of the last axis of x and of out.
        bias                       whether there is a bias.
        dtype                      of the parameters; the default dtype if not given.
        generator                  what draws the parameters.

    Shapes    x (..., k), weight (m, k), bias (m,), out (..., m).
    Starts    weight and bias evenly from [-1 / sqrt(k), 1 / sqrt(k)), as in PyTorch.
    Raises    ShapeError if the last axis of x has another size, DTypeError if x has another dtype than weight.

    >>> import tinygrad_edu as tg
    >>> layer = Linear(3, 2)
    >>> layer(tg.zeros((5, 3))).shape
    (5, 2)
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, dtype: Any = None, generator: np.random.Generator | None = None
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(zeros((out_features, in_features), dtype))
        self.register_parameter("bias", Parameter(zeros(out_features, dtype)) if bias else None)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: np.random.Generator | None = None) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5), generator=generator)
        if self.bias is not None:
            bound = 1 / math.sqrt(max(1, self.in_features))
            init.uniform_(self.bias, -bound, bound, generator)

    def forward(self, input: Any) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"

    def formula(self) -> list[str]:
        if self.bias is None:
            return [f"out = x @ weight.T    weight {self.weight.shape}"]
        return [f"out = x @ weight.T + bias    weight {self.weight.shape}, bias {self.bias.shape}"]


class BatchNorm(Module):
    """What BatchNorm1d and BatchNorm2d are: each channel normalized over the batch, then scaled by weight and shifted by bias.

    out = (x - mean) / sqrt(var + eps) * weight + bias

    In training, mean and var are those of the batch (var divides by n), and the running ones move towards them. In evaluation, they are
    the running ones; without any, the batch's.

    Parameters
        num_features         the number of channels, on axis 1.
        eps                  what keeps the root from 0.
        momentum             how fast the running statistics move, as convention says; None: they are the mean over all batches so far.
                             Not given, it is 0.1, or 0.9 with "cs231n": the same speed.
        affine               whether there are a weight and a bias; they start at 1 and 0.
        track_running_stats  whether there are running statistics.
        bias                 whether there is a bias beside the weight.
        dtype                of parameters and running statistics; the default dtype if not given.
        convention           "pytorch": running = (1 - momentum) * running + momentum * batch; the variance that goes in divides by
                             n - 1; they start at mean 0 and variance 1.
                             "cs231n", from the notes of that course: running = momentum * running + (1 - momentum) * batch; the
                             variance divides by n; both start at 0.
    Raises   ShapeError if x has another number of axes or channels, or one value for each channel in training; DTypeError if x has
             another dtype than weight.
    Source   Ioffe and Szegedy (2015), arXiv:1502.03167.
    """

    axes: ClassVar[dict[int, str]]
    """How many axes x may have, and what they are."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None | EllipsisType = ...,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        dtype: Any = None,
        convention: str = "pytorch",
    ) -> None:
        super().__init__()
        if convention not in ("pytorch", "cs231n"):
            raise ValueError(f"{type(self).__name__}: convention={convention!r}; it needs to be 'pytorch' or 'cs231n'")
        self.num_features = num_features
        self.eps = eps
        self.momentum = {"pytorch": 0.1, "cs231n": 0.9}[convention] if momentum is ... else momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.convention = convention
        self.register_parameter("weight", Parameter(ones(num_features, dtype)) if affine else None)
        self.register_parameter("bias", Parameter(zeros(num_features, dtype)) if affine and bias else None)
        self.register_buffer("running_mean", zeros(num_features, dtype) if track_running_stats else None)
        self.register_buffer("running_var", zeros(num_features, dtype) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", zeros((), np.int64) if track_running_stats else None)
        self.reset_running_stats()

    def reset_running_stats(self) -> None:
        """Forget the batches so far."""
        if self.track_running_stats:
            init.zeros_(self.running_mean)
            init.constant_(self.running_var, 0 if self.convention == "cs231n" else 1)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Start anew: forget the batches so far, weight 1 and bias 0."""
        self.reset_running_stats()
        _start_at_1_and_0(self.weight, self.bias)

    def forward(self, input: Any) -> Tensor:
        input = as_tensor(input)
        self._check(input)
        if not self.training or not self.track_running_stats:
            return F.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, training=not self.track_running_stats, eps=self.eps
            )
        out, mean, var = F.batch_norm_with_statistics(input, self.weight, self.bias, self.eps)
        n = input.size // self.num_features
        self.num_batches_tracked += 1
        F.move_running(self.running_mean, mean, self._share_of_batch())
        F.move_running(self.running_var, var if self.convention == "cs231n" else var * (n / (n - 1)), self._share_of_batch())
        return out

    def _share_of_batch(self) -> float:
        """How much of the running statistics a batch is to make up."""
        if self.momentum is None:
            return 1 / self.num_batches_tracked.item()
        return 1 - self.momentum if self.convention == "cs231n" else self.momentum

    def _check(self, input: Tensor) -> None:
        if input.ndim not in self.axes:
            raise ShapeError(f"{self!r}: the input has shape {input.shape}; it needs the axes {' or '.join(self.axes.values())}")
        if input.shape[1] != self.num_features:
            raise ShapeError(f"{self!r}: the input has shape {input.shape}; it needs {self.num_features} channels, on axis 1")

    def extra_repr(self) -> str:
        convention = "" if self.convention == "pytorch" else f", convention={self.convention!r}"
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}{convention}"
        )

    def formula(self) -> list[str]:
        lines = [_normalized(self)]
        if not self.track_running_stats:
            return [*lines, "mean and var are those of the batch, with 1 / n"]
        batch, stays, comes = "training:    mean and var are those of the batch, with 1 / n", "(1 - 1 / t)", "1 / t"
        if self.momentum is None:
            batch += ", and t counts the batches"
        else:
            share = self._share_of_batch()
            stays, comes = f"{1 - share:g}", f"{share:g}"
        batch_var = "var" if self.convention == "cs231n" else "var * n / (n - 1)"
        return [
            *lines,
            batch,
            f"             running_mean = {stays} * running_mean + {comes} * mean",
            f"             running_var = {stays} * running_var + {comes} * {batch_var}",
            "evaluation:  mean = running_mean, var = running_var",
        ]


class BatchNorm1d(BatchNorm):
    """Batch norm of vectors or sequences; see BatchNorm for the arguments.

    out = (x - mean) / sqrt(var + eps) * weight + bias

    Shapes   x and out (N, C) or (N, C, L); all else (C,).

    >>> import tinygrad_edu as tg
    >>> layer = BatchNorm1d(1, eps=0.0)
    >>> layer(tg.tensor([[1.0], [3.0]])).detach()
    Tensor([[-1.],
            [ 1.]])
    >>> layer.running_mean
    Tensor([0.2], name='running_mean')
    """

    axes = {2: "(batch, channel)", 3: "(batch, channel, length)"}


class BatchNorm2d(BatchNorm):
    """Batch norm of images; see BatchNorm for the arguments.

    out = (x - mean) / sqrt(var + eps) * weight + bias

    Shapes   x and out (N, C, H, W); all else (C,).

    >>> import tinygrad_edu as tg
    >>> BatchNorm2d(3)(tg.randn(5, 3, 4, 4)).shape
    (5, 3, 4, 4)
    """

    axes = {4: "(batch, channel, height, width)"}


class LayerNorm(Module):
    """Each row, which is what lies along the last axes, normalized by itself, then scaled by weight and shifted by bias.

    out = (x - mean) / sqrt(var + eps) * weight + bias

    mean and var are those of the row (var divides by its number of elements), in training and in evaluation.

    Parameters
        normalized_shape    the shape of a row, or an int for one axis.
        eps                 what keeps the root from 0.
        elementwise_affine  whether there are a weight and a bias; they start at 1 and 0.
        bias                whether there is a bias beside the weight.
        dtype               of the parameters; the default dtype if not given.

    Shapes    x and out (..., *normalized_shape); weight and bias normalized_shape.
    Raises    ShapeError if x does not end in this shape, DTypeError if x has another dtype than weight.
    Source    Ba, Kiros and Hinton (2016), arXiv:1607.06450.

    >>> import tinygrad_edu as tg
    >>> LayerNorm(2, eps=0.0)(tg.tensor([[1.0, 3.0], [20.0, 40.0]])).detach()
    Tensor([[-1.,  1.],
            [-1.,  1.]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.register_parameter("weight", Parameter(ones(self.normalized_shape, dtype)) if elementwise_affine else None)
        self.register_parameter("bias", Parameter(zeros(self.normalized_shape, dtype)) if elementwise_affine and bias else None)

    def reset_parameters(self) -> None:
        """Start anew: weight 1 and bias 0."""
        _start_at_1_and_0(self.weight, self.bias)

    def forward(self, input: Any) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"

    def formula(self) -> list[str]:
        number = len(self.normalized_shape)
        axes = "axis" if number == 1 else f"{number} axes"
        return [_normalized(self), f"mean and var are over the last {axes}, with 1 / n"]


class RMSNorm(Module):
    """Each row, which is what lies along the last axes, divided by its root mean square, then scaled by weight.

    out = x / sqrt(mean(x**2) + eps) * weight

    Parameters
        normalized_shape    the shape of a row, or an int for one axis.
        eps                 what keeps the root from 0; the spacing of the numbers of x's dtype at 1 if not given.
        elementwise_affine  whether there is a weight; it starts at 1.
        dtype               of the weight; the default dtype if not given.

    Shapes    x and out (..., *normalized_shape); weight normalized_shape.
    Raises    ShapeError if x does not end in this shape, DTypeError if x has another dtype than weight.
    Source    Zhang and Sennrich (2019), arXiv:1910.07467.

    >>> import tinygrad_edu as tg
    >>> RMSNorm(2)(tg.tensor([[3.0, -3.0]])).detach()
    Tensor([[ 1., -1.]])
    """

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float | None = None, elementwise_affine: bool = True, *, dtype: Any = None
    ) -> None:
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.register_parameter("weight", Parameter(ones(self.normalized_shape, dtype)) if elementwise_affine else None)

    def reset_parameters(self) -> None:
        """Start anew: weight 1."""
        _start_at_1_and_0(self.weight, None)

    def forward(self, input: Any) -> Tensor:
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"

    def formula(self) -> list[str]:
        eps = "eps" if self.eps is None else self.eps
        return [f"out = x / sqrt(mean(x**2) + {eps}){'' if self.weight is None else ' * weight'}"]


class GroupNorm(Module):
    """Each group of channels of each sample normalized by itself, then each channel scaled by weight and shifted by bias.

    out = (x - mean) / sqrt(var + eps) * weight + bias

    mean and var are those of the group (var divides by its number of elements), in training and in evaluation.

    Parameters
        num_groups    into how many groups the channels are divided, in order.
        num_channels  the number of channels, on axis 1.
        eps           what keeps the root from 0.
        affine        whether there are a weight and a bias; they start at 1 and 0.
        bias          whether there is a bias beside the weight.
        dtype         of the parameters; the default dtype if not given.

    Shapes    x and out (N, C) or (N, C, ...); weight and bias (C,).
    Raises    ValueError if num_groups does not divide num_channels, ShapeError if x has another number of channels, DTypeError if x has
              another dtype than weight.
    Source    Wu and He (2018), arXiv:1803.08494.

    >>> import tinygrad_edu as tg
    >>> GroupNorm(2, 4)(tg.randn(3, 4, 5, 5)).shape
    (3, 4, 5, 5)
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, *, bias: bool = True, dtype: Any = None
    ) -> None:
        super().__init__()
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(f"GroupNorm: num_channels={num_channels} channels do not make num_groups={num_groups} equal groups")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self.register_parameter("weight", Parameter(ones(num_channels, dtype)) if affine else None)
        self.register_parameter("bias", Parameter(zeros(num_channels, dtype)) if affine and bias else None)

    def reset_parameters(self) -> None:
        """Start anew: weight 1 and bias 0."""
        _start_at_1_and_0(self.weight, self.bias)

    def forward(self, input: Any) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, bias={self.bias is not None}"

    def formula(self) -> list[str]:
        return [_normalized(self), f"mean and var are over {self.num_channels // self.num_groups} channels of a sample, with 1 / n"]


class InstanceNorm(Module):
    """What InstanceNorm1d and InstanceNorm2d are: each channel of each sample normalized by itself, scaled by weight, shifted by bias.

    out = (x - mean) / sqrt(var + eps) * weight + bias

    mean and var are those of the channel of the sample (var divides by its number of elements). With running statistics, these move in
    training, and are used in evaluation.

    Parameters
        num_features         the number of channels.
        eps                  what keeps the root from 0.
        momentum             running = (1 - momentum) * running + momentum * mean over the samples.
        affine               whether there are a weight and a bias; they start at 1 and 0.
        track_running_stats  whether there are running statistics; they start at mean 0 and variance 1.
        bias                 whether there is a bias beside the weight.
        dtype                of parameters and running statistics; the default dtype if not given.
    Raises   ShapeError if x has another number of axes or channels, or one value for each channel of a sample; DTypeError if x has
             another dtype than weight.
    Source   Ulyanov, Vedaldi and Lempitsky (2016), arXiv:1607.08022.
    """

    axes: ClassVar[dict[int, str]]
    """How many axes x may have, and what they are; the fewer are those of one sample."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        bias: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.register_parameter("weight", Parameter(ones(num_features, dtype)) if affine else None)
        self.register_parameter("bias", Parameter(zeros(num_features, dtype)) if affine and bias else None)
        self.register_buffer("running_mean", zeros(num_features, dtype) if track_running_stats else None)
        self.register_buffer("running_var", ones(num_features, dtype) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", zeros((), np.int64) if track_running_stats else None)

    def reset_running_stats(self) -> None:
        """Forget the batches so far."""
        if self.track_running_stats:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Start anew: forget the batches so far, weight 1 and bias 0."""
        self.reset_running_stats()
        _start_at_1_and_0(self.weight, self.bias)

    def forward(self, input: Any) -> Tensor:
        input = as_tensor(input)
        if input.ndim not in self.axes:
            raise ShapeError(f"{self!r}: the input has shape {input.shape}; it needs the axes {' or '.join(self.axes.values())}")
        alone = input.ndim == min(self.axes)
        if input.shape[0 if alone else 1] != self.num_features:
            raise ShapeError(f"{self!r}: the input has shape {input.shape}; it needs {self.num_features} channels, on axis {0 if alone else 1}")
        out = F.instance_norm(
            input.reshape(1, *input.shape) if alone else input, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats, self.momentum, self.eps,
        )
        return out.reshape(input.shape) if alone else out

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def formula(self) -> list[str]:
        own = "mean and var are those of the channel of the sample, with 1 / n"
        if not self.track_running_stats:
            return [_normalized(self), own]
        stays, comes = f"{1 - self.momentum:g}", f"{self.momentum:g}"
        return [
            _normalized(self),
            f"training:    {own}",
            f"             running_mean = {stays} * running_mean + {comes} * mean over the samples",
            f"             running_var = {stays} * running_var + {comes} * mean over the samples of var * n / (n - 1)",
            "evaluation:  mean = running_mean, var = running_var",
        ]


class InstanceNorm1d(InstanceNorm):
    """Instance norm of sequences; see InstanceNorm for the arguments.

    out = (x - mean) / sqrt(var + eps) * weight + bias

    Shapes   x and out (N, C, L) or (C, L); all else (C,).

    >>> import tinygrad_edu as tg
    >>> InstanceNorm1d(1, eps=0.0)(tg.tensor([[1.0, 3.0]]))
    Tensor([[-1.,  1.]])
    """

    axes = {2: "(channel, length)", 3: "(batch, channel, length)"}


class InstanceNorm2d(InstanceNorm):
    """Instance norm of images; see InstanceNorm for the arguments.

    out = (x - mean) / sqrt(var + eps) * weight + bias

    Shapes   x and out (N, C, H, W) or (C, H, W); all else (C,).

    >>> import tinygrad_edu as tg
    >>> InstanceNorm2d(3)(tg.randn(5, 3, 4, 4)).shape
    (5, 3, 4, 4)
    """

    axes = {3: "(channel, height, width)", 4: "(batch, channel, height, width)"}


def _start_at_1_and_0(weight: Parameter | None, bias: Parameter | None) -> None:
    if weight is not None:
        init.ones_(weight)
    if bias is not None:
        init.zeros_(bias)


def _normalized(norm: Any) -> str:
    """The formula of a norm, with its eps, weight and bias."""
    scale, shift = "" if norm.weight is None else " * weight", "" if norm.bias is None else " + bias"
    return f"out = (x - mean) / sqrt(var + {norm.eps}){scale}{shift}"


class Dropout(Module):
    """In training, set each element to 0 with probability p, and divide the others by 1 - p; in evaluation, do nothing.

    out = where(mask, x / (1 - p), 0)    mask = random(x.shape) >= p

    Parameters
        p          the probability to drop; 0.5 if not given.
        keep_prob  1 - p, the notation of the CS231n notes; give one of the two.
        generator  what draws the masks; the default one, which tg.manual_seed starts, if not given.
    Raises ValueError if a probability is outside [0, 1], or both are given.

    Source    Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting; in the inverted form.

    >>> import tinygrad_edu as tg
    >>> Dropout(0.2).eval()(tg.ones(2))
    Tensor([1., 1.])
    """

    def __init__(self, p: float | None = None, *, keep_prob: float | None = None, generator: np.random.Generator | None = None) -> None:
        super().__init__()
        self.p = F.drop_probability(p, keep_prob)
        self.generator = generator

    def forward(self, input: Any) -> Tensor:
        return F.dropout(input, self.p, self.training, generator=self.generator)

    def extra_repr(self) -> str:
        return f"p={self.p:g}"

    def formula(self) -> list[str]:
        kept = "out = 0" if self.p == 1 else f"out = where(mask, x / (1 - {self.p:g}), 0)    mask = random(x.shape) >= {self.p:g}"
        return [f"training:    {kept}", "evaluation:  out = x"]


class ReLU(Module):
    """out = maximum(x, 0), element by element."""

    def forward(self, input: Any) -> Tensor:
        return F.relu(input)

    def formula(self) -> list[str]:
        return ["out = maximum(x, 0)"]


class Tanh(Module):
    """out = tanh(x), element by element."""

    def forward(self, input: Any) -> Tensor:
        return F.tanh(input)

    def formula(self) -> list[str]:
        return ["out = tanh(x)"]


class Sigmoid(Module):
    """out = 1 / (1 + exp(-x)), element by element."""

    def forward(self, input: Any) -> Tensor:
        return F.sigmoid(input)

    def formula(self) -> list[str]:
        return ["out = 1 / (1 + exp(-x))"]


class SiLU(Module):
    """out = x * sigmoid(x), element by element."""

    def forward(self, input: Any) -> Tensor:
        return F.silu(input)

    def formula(self) -> list[str]:
        return ["out = x / (1 + exp(-x))"]


class GELU(Module):
    """x times the probability that a standard normal number is below x, element by element; see functional.gelu for approximate.

    out = x / 2 * (1 + erf(x / sqrt(2)))

    Raises ValueError if approximate is not "none" or "tanh".
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise ValueError(f"GELU: approximate={approximate!r}; it needs to be 'none' or 'tanh'")
        self.approximate = approximate

    def forward(self, input: Any) -> Tensor:
        return F.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"

    def formula(self) -> list[str]:
        exact = self.approximate == "none"
        return [f"out = x / 2 * (1 + {'erf(x / sqrt(2))' if exact else 'tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))'})"]


class Softplus(Module):
    """A smooth maximum of x and 0, element by element.

    out = log(1 + exp(beta * x)) / beta, and x where beta * x > threshold
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Any) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"

    def formula(self) -> list[str]:
        return [f"out = log(1 + exp({self.beta:g} * x)) / {self.beta:g}    and x where {self.beta:g} * x > {self.threshold:g}"]


class Softmax(Module):
    """out = exp(x) / sum(exp(x)), the sum over axis dim."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Any) -> Tensor:
        return F.softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"

    def formula(self) -> list[str]:
        return [f"out = exp(x) / sum(exp(x))    over axis {self.dim}"]


class LogSoftmax(Module):
    """out = x - log(sum(exp(x))), the sum over axis dim."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Any) -> Tensor:
        return F.log_softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"

    def formula(self) -> list[str]:
        return [f"out = x - log(sum(exp(x)))    over axis {self.dim}"]


class Identity(Module):
    """out = x; arguments are taken, as in PyTorch, and do nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        return input

    def formula(self) -> list[str]:
        return ["out = x"]


class Flatten(Module):
    """The axes from start_dim to end_dim, both included, become one.

    Raises AxisError if x has no such axis, ValueError if start_dim comes after end_dim.

    >>> import tinygrad_edu as tg
    >>> Flatten()(tg.zeros((5, 2, 3))).shape
    (5, 6)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Any) -> Tensor:
        input = as_tensor(input)
        if not input.ndim:
            return input.reshape(1)
        first, last = (np.lib.array_utils.normalize_axis_index(axis, input.ndim) for axis in (self.start_dim, self.end_dim))
        if first > last:
            raise ValueError(f"{self!r}: in an input of shape {input.shape}, start_dim comes after end_dim")
        shape = input.shape
        return input.reshape(*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"

    def formula(self) -> list[str]:
        return [f"out = x with the axes from {self.start_dim} to {self.end_dim} as one"]


class Sequential(Module):
    """Modules one after another: each takes what the one before it gave.

    Parameters
        args  modules, which are named "0", "1", ...; or one mapping, such as an OrderedDict, of names and modules.
    Raises TypeError for what is no module.

    >>> import tinygrad_edu as tg
    >>> network = Sequential(Linear(3, 4), ReLU(), Linear(4, 2))
    >>> network(tg.zeros((5, 3))).shape
    (5, 2)
    >>> network[-1], len(network)
    (Linear(in_features=4, out_features=2, bias=True), 3)
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = args[0].items() if len(args) == 1 and isinstance(args[0], Mapping) else enumerate(args)
        for name, module in named:
            self._set(str(name), module)

    def forward(self, input: Any) -> Any:
        for module in self:
            input = module(input)
        return input

    def append(self, module: Module) -> Sequential:
        """Add a module at the end, named by its number."""
        self._set(str(len(self)), module)
        return self

    def __len__(self) -> int:
        return len([*self._own(Module)])

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self._own(Module))

    def __getitem__(self, index: int | slice) -> Any:
        """The module at a place, or a Sequential of those in a slice."""
        members = [*self._own(Module)]
        return type(self)(dict(members[index])) if isinstance(index, slice) else members[index][1]

    def __setitem__(self, index: int, module: Module) -> None:
        name, _ = [*self._own(Module)][index]
        self._set(name, module)

    def _set(self, name: str, module: Any) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"Sequential: {name!r} is a {type(module).__name__}; it needs to be a Module (for relu, nn.ReLU())")
        setattr(self, name, module)
