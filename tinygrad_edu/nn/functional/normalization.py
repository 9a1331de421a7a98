"""Norms over the batch, over rows and over groups of channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...engine import changes
from ...engine.tensor import Tensor
from ...errors import ShapeError
from ...fused.batch_norm import BatchNorm, BatchNormEvaluation
from ...fused.group_norm import GroupNorm
from ...fused.layer_norm import LayerNorm
from ...fused.rms_norm import RMSNorm
from ...ops.operands import as_tensor
from .checks import check_channels, check_dtypes, check_real, check_wide, described


def batch_norm(
    input: Any,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize each channel, then scale by weight and shift by bias.

    out = (input - mean) / sqrt(var + eps) * weight + bias

    In training, mean and var are those of the batch (var divides by n), and the running ones, if given, move towards them in place:

        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var  = (1 - momentum) * running_var  + momentum * var * n / (n - 1)

    Otherwise the running ones are used.

    Shapes    input (N, C) or (N, C, ...), with the channel on axis 1; all others (C,).
    Raises    ShapeError if they do not fit, or if a channel has one value in training; DTypeError if they are not of one dtype.

    >>> batch_norm(Tensor([[1.0], [3.0]]), None, None, training=True, eps=0.0)
    Tensor([[-1.],
            [ 1.]])
    """
    input = as_tensor(input)
    check_channels("batch_norm", input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm: in evaluation running_mean and running_var are needed; give them, or training=True")
        check_dtypes("batch_norm", input, weight=weight, bias=bias)
        gamma, beta = _scale_and_shift(input, weight, bias)
        return BatchNormEvaluation(eps)(input, gamma, beta, _on_channels(running_mean, input), _on_channels(running_var, input))
    out = batch_norm_in_training(input, weight, bias, eps)
    if running_mean is not None or running_var is not None:
        mean, var = statistics_of_batch(out, input)
        n = input.size // mean.size
        move_running(running_mean, mean, momentum)
        move_running(running_var, var * (n / (n - 1)), momentum)
    return out


def batch_norm_in_training(input: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    check_wide("batch_norm", input)
    check_dtypes("batch_norm", input, weight=weight, bias=bias)
    axes = (0, *range(2, input.ndim))
    n = math.prod(input.shape[axis] for axis in axes)
    if n <= 1:
        raise ShapeError(
            f"batch_norm: {described('input', input)}, so each channel has {n} value{'s' if n != 1 else ''}; training needs at "
            f"least two, or the variance is 0: give a larger batch, or call eval() first"
        )
    return BatchNorm(axes, eps)(input, *_scale_and_shift(input, weight, bias))


def statistics_of_batch(out: Tensor, input: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the variance (divided by n) of each channel of the input that batch norm made out of."""
    mean, var = _moments(out, input, (0, *range(2, input.ndim)))
    return mean.reshape(-1), var.reshape(-1)


def _moments(out: Tensor, input: Tensor, axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of input over axes: those that the norm that made out has found, if it is recorded as one node."""
    if isinstance(out.op, (BatchNorm, GroupNorm)):
        kept = out.op.named_values(out.node)        # type: ignore[arg-type]
        return kept["mean"] + kept["rest"], kept["var"]
    return np.mean(input.data, axis=axes), np.var(input.data, axis=axes)


def move_running(running: Tensor | None, batch: np.ndarray, momentum: float) -> None:
    """running = (1 - momentum) * running + momentum * batch, in place and not recorded; nothing where there is none."""
    if running is None:
        return
    array = running.data
    array *= 1 - momentum
    array += momentum * batch
    changes.enter(array)


def layer_norm(
    input: Any, normalized_shape: int | Sequence[int], weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Normalize each row, which is what lies along the last axes, then scale by weight and shift by bias.

    out = (input - mean) / sqrt(var + eps) * weight + bias

    mean and var are those of the row; var divides by its number of elements.

    Shapes    input (..., *normalized_shape); weight and bias normalized_shape.
    Raises    ShapeError if they do not fit, DTypeError if they are not of one dtype.

    >>> layer_norm(Tensor([[1.0, 3.0], [20.0, 40.0]]), (2,), eps=0.0)
    Tensor([[-1.,  1.],
            [-1.,  1.]])
    """
    input = as_tensor(input)
    axes = _last_axes("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    return LayerNorm(axes, eps)(input, weight, bias)


def rms_norm(input: Any, normalized_shape: int | Sequence[int], weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """Divide each row, which is what lies along the last axes, by its root mean square, then scale by weight.

    out = input / sqrt(mean(input**2) + eps) * weight

    eps is the spacing of the numbers of input's dtype at 1 if it is not given.

    Shapes    input (..., *normalized_shape); weight normalized_shape.
    Raises    ShapeError if they do not fit, DTypeError if they are not of one dtype.

    >>> rms_norm(Tensor([[3.0, 3.0], [0.0, 0.0]]), (2,))
    Tensor([[1., 1.],
            [0., 0.]])
    """
    input = as_tensor(input)
    axes = _last_axes("rms_norm", input, normalized_shape, weight=weight)
    return RMSNorm(axes, float(np.finfo(input.dtype).eps) if eps is None else eps)(input, weight)


def group_norm(
    input: Any, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Normalize each group of channels of each sample, then scale each channel by weight and shift it by bias.

    out = (input - mean) / sqrt(var + eps) * weight + bias

    Group 0 is the first C / num_groups channels, and so on.

    Shapes    input (N, C) or (N, C, ...), with the channel on axis 1; weight and bias (C,).
    Raises    ShapeError if they do not fit, if num_groups does not divide C, or if there is one value in all; DTypeError if they are
              not of one dtype.

    >>> group_norm(Tensor([[1.0, 3.0, 20.0, 40.0]]), 2, eps=0.0)
    Tensor([[-1.,  1., -1.,  1.]])
    """
    input = as_tensor(input)
    check_channels("group_norm", input, weight=weight, bias=bias)
    check_real("group_norm", input)
    check_dtypes("group_norm", input, weight=weight, bias=bias)
    samples, channels = input.shape[:2]
    if num_groups < 1 or channels % num_groups:
        raise ShapeError(f"group_norm: {described('input', input)}, and its {channels} channels do not make {num_groups} equal groups")
    if input.size == num_groups and samples == 1:
        raise ShapeError(f"group_norm: {described('input', input)}, so each group has 1 value; it needs at least two, or all of out is bias")
    return GroupNorm(max(1, channels // num_groups), eps)(input, weight, bias)


def instance_norm(
    input: Any,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize each channel of each sample, then scale by weight and shift by bias.

    out = (input - mean) / sqrt(var + eps) * weight + bias

    With use_input_stats, mean and var are those of the channel of the sample (var divides by its n elements), and the running ones, if
    given, move towards their mean over the samples, in place, as in batch_norm. Otherwise the running ones are used.

    Shapes    input (N, C, ...), with the channel on axis 1; all others (C,).
    Raises    ShapeError if they do not fit, or if a channel of a sample has one value with use_input_stats; DTypeError if they are not
              of one dtype.
    Source    Ulyanov, Vedaldi and Lempitsky (2016), arXiv:1607.08022, section 2.

    >>> instance_norm(Tensor([[[1.0, 3.0]], [[20.0, 40.0]]]), eps=0.0)
    Tensor([[[-1.,  1.]],
    <BLANKLINE>
            [[-1.,  1.]]])
    """
    input = as_tensor(input)
    check_channels("instance_norm", input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, eps=eps)
    check_real("instance_norm", input)
    check_dtypes("instance_norm", input, weight=weight, bias=bias)
    n = math.prod(input.shape[2:])
    if n <= 1:
        raise ShapeError(
            f"instance_norm: {described('input', input)}, so each channel of a sample has {n} value{'s' if n != 1 else ''}; "
            f"it needs at least two, or the variance is 0"
        )
    out = GroupNorm(1, eps)(input, weight, bias)
    if running_mean is not None or running_var is not None:
        mean, var = (np.mean(values.reshape(input.shape[:2]), axis=0) for values in _moments(out, input, tuple(range(2, input.ndim))))
        move_running(running_mean, mean, momentum)
        move_running(running_var, var * (n / (n - 1)), momentum)
    return out


def _last_axes(function: str, input: Tensor, normalized_shape: int | Sequence[int], **others: Tensor | None) -> tuple[int, ...]:
    """The axes of input that normalized_shape is the shape of, once it is clear that everything fits."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    check_real(function, input)
    if not shape or input.shape[-len(shape) :] != shape:
        raise ShapeError(
            f"{function}: {described('input', input)} and normalized_shape is {shape}; it needs to be the sizes of the last axes of "
            f"input, at least one"
        )
    for role, tensor in others.items():
        if tensor is not None and tensor.shape != shape:
            raise ShapeError(f"{function}: {described(role, tensor)}; it needs one number for each element of a row, so shape {shape}")
    check_dtypes(function, input, **others)
    return tuple(range(input.ndim - len(shape), input.ndim))


def _scale_and_shift(input: Tensor, weight: Tensor | None, bias: Tensor | None) -> tuple[Any, Any]:
    channels = input.shape[1]
    gamma = np.ones(channels, input.dtype) if weight is None else weight
    beta = np.zeros(channels, input.dtype) if bias is None else bias
    return _on_channels(gamma, input), _on_channels(beta, input)


def _on_channels(values: Any, input: Tensor) -> Any:
    """One number a channel, in a shape that broadcasts to input, whose channels are on axis 1."""
    return values if input.ndim == 2 else values.reshape(-1, *(1,) * (input.ndim - 2))
