"""Norms over the batch, over rows and over groups of channels."""

from __future__ import annotations

from collections.abc import Sequence
from types import EllipsisType
from typing import Any, ClassVar

import numpy as np

from ...engine.tensor import Tensor
from ...errors import ShapeError
from ...ops.creation import ones, zeros
from ...ops.operands import as_tensor
from .. import functional as F, init
from ..functional.normalization import batch_norm_in_training, move_running, statistics_of_batch
from ..module import Module, Parameter


class BatchNorm(Module):
    """What BatchNorm1d to BatchNorm3d are: each channel normalized over the batch, then scaled by weight and shifted by bias.

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
        out = batch_norm_in_training(input, self.weight, self.bias, self.eps)
        mean, var = statistics_of_batch(out, input)
        n = input.size // self.num_features
        self.num_batches_tracked += 1
        move_running(self.running_mean, mean, self._share_of_batch())
        move_running(self.running_var, var if self.convention == "cs231n" else var * (n / (n - 1)), self._share_of_batch())
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


class BatchNorm3d(BatchNorm):
    """Batch norm of volumes, or of films; see BatchNorm for the arguments.

    out = (x - mean) / sqrt(var + eps) * weight + bias

    Shapes   x and out (N, C, D, H, W); all else (C,).

    >>> import tinygrad_edu as tg
    >>> BatchNorm3d(3)(tg.randn(5, 3, 2, 4, 4)).shape
    (5, 3, 2, 4, 4)
    """

    axes = {5: "(batch, channel, depth, height, width)"}


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
    """What InstanceNorm1d to InstanceNorm3d are: each channel of each sample normalized by itself, scaled by weight, shifted by bias.

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


class InstanceNorm3d(InstanceNorm):
    """Instance norm of volumes, or of films; see InstanceNorm for the arguments.

    out = (x - mean) / sqrt(var + eps) * weight + bias

    Shapes   x and out (N, C, D, H, W) or (C, D, H, W); all else (C,).

    >>> import tinygrad_edu as tg
    >>> InstanceNorm3d(3)(tg.randn(5, 3, 2, 4, 4)).shape
    (5, 3, 2, 4, 4)
    """

    axes = {4: "(channel, depth, height, width)", 5: "(batch, channel, depth, height, width)"}


def _start_at_1_and_0(weight: Parameter | None, bias: Parameter | None) -> None:
    if weight is not None:
        init.ones_(weight)
    if bias is not None:
        init.zeros_(bias)


def _normalized(norm: Any) -> str:
    """The formula of a norm, with its eps, weight and bias."""
    scale, shift = "" if norm.weight is None else " * weight", "" if norm.bias is None else " + bias"
    return f"out = (x - mean) / sqrt(var + {norm.eps}){scale}{shift}"
