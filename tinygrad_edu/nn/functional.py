"""Network functions under PyTorch's names and signatures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine import changes
from ..engine.tensor import Tensor
from ..errors import DTypeError, ShapeError
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
from ..ops.elementwise import relu, tanh
from ..ops.random import generator_of
from ..ops.reduce import as_tensor

__all__ = [
    "batch_norm", "binary_cross_entropy_with_logits", "cross_entropy", "dropout", "gelu", "group_norm", "instance_norm", "layer_norm",
    "linear", "log_softmax", "logsumexp", "mse_loss", "relu", "rms_norm", "sigmoid", "silu", "softmax", "softplus", "tanh",
]

_LINEAR = Linear()
_SIGMOID = Sigmoid()
_SILU = SiLU()
_GELU = {"none": GELU(), "tanh": TanhGELU()}


def linear(input: Any, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input @ weight.T + bias.

    Shapes    input (..., k), weight (m, k), bias (m,); the result (..., m).
    Raises    ShapeError if they do not fit, DTypeError if they are not of one dtype.

    >>> linear(Tensor([[1.0, 2.0]]), Tensor([[3.0, 4.0]]), Tensor([0.5]))
    Tensor([[11.5]])
    """
    input = as_tensor(input)
    _check_dtypes("linear", input, weight=weight, bias=bias)
    if weight.ndim != 2 or not input.ndim or input.shape[-1] != weight.shape[1]:
        raise ShapeError(
            f"linear: {_described('input', input)} and {_described('weight', weight)}; weight needs two axes, of which the second has "
            f"the size of the last axis of input"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ShapeError(f"linear: {_described('bias', bias)}; it needs one number for each row of weight, so shape {weight.shape[:1]}")
    return _LINEAR(input, weight, bias)


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
    _check_channels("batch_norm", input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm: in evaluation running_mean and running_var are needed; give them, or training=True")
        _check_dtypes("batch_norm", input, weight=weight, bias=bias)
        gamma, beta = _scale_and_shift(input, weight, bias)
        return BatchNormEvaluation(eps)(input, gamma, beta, _on_channels(running_mean, input), _on_channels(running_var, input))
    out, mean, var = batch_norm_with_statistics(input, weight, bias, eps)
    n = input.size // mean.size
    if running_mean is not None:
        move_running(running_mean, mean, momentum)
    if running_var is not None:
        move_running(running_var, var * (n / (n - 1)), momentum)
    return out


def batch_norm_with_statistics(
    input: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Batch norm in training, with the mean of the batch and its variance (divided by n), arrays of one number a channel."""
    _check_wide("batch_norm", input)
    _check_dtypes("batch_norm", input, weight=weight, bias=bias)
    axes = (0, *range(2, input.ndim))
    n = math.prod(input.shape[axis] for axis in axes)
    if n <= 1:
        raise ShapeError(
            f"batch_norm: {_described('input', input)}, so each channel has {n} value{'s' if n != 1 else ''}; training needs at "
            f"least two, or the variance is 0: give a larger batch, or call eval() first"
        )
    gamma, beta = _scale_and_shift(input, weight, bias)
    out = BatchNorm(axes, eps)(input, gamma, beta)
    if isinstance(out.op, BatchNorm):
        kept = out.op.named_values(out.node)        # the forward pass has computed them already
        mean, var = kept["mean"] + kept["rest"], kept["var"]
    else:
        mean, var = np.mean(input.data, axis=axes), np.var(input.data, axis=axes)
    return out, mean.reshape(-1), var.reshape(-1)


def move_running(running: Tensor, batch: np.ndarray, momentum: float) -> None:
    """running = (1 - momentum) * running + momentum * batch, in place and not recorded."""
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

    Group 0 is the first C / num_groups channels, and so on. It is the layer norm of input as (N, num_groups, C / num_groups, ...).

    Shapes    input (N, C) or (N, C, ...), with the channel on axis 1; weight and bias (C,).
    Raises    ShapeError if they do not fit, if num_groups does not divide C, or if there is one value in all; DTypeError if they are
              not of one dtype.

    >>> group_norm(Tensor([[1.0, 3.0, 20.0, 40.0]]), 2, eps=0.0)
    Tensor([[-1.,  1., -1.,  1.]])
    """
    input = as_tensor(input)
    _check_channels("group_norm", input, weight=weight, bias=bias)
    _check_real("group_norm", input)
    _check_dtypes("group_norm", input, weight=weight, bias=bias)
    samples, channels, *size = input.shape
    if num_groups < 1 or channels % num_groups:
        raise ShapeError(f"group_norm: {_described('input', input)}, and its {channels} channels do not make {num_groups} equal groups")
    if input.size == num_groups and samples == 1:
        raise ShapeError(f"group_norm: {_described('input', input)}, so each group has 1 value; it needs at least two, or all of out is bias")
    groups = input.reshape(samples, num_groups, channels // num_groups, *size)
    of_channel = (num_groups, channels // num_groups, *(1,) * len(size))
    gamma, beta = (None if values is None else values.reshape(of_channel) for values in (weight, bias))
    return LayerNorm(tuple(range(2, groups.ndim)), eps)(groups, gamma, beta).reshape(input.shape)


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
    _check_channels("instance_norm", input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, eps=eps)
    _check_real("instance_norm", input)
    _check_dtypes("instance_norm", input, weight=weight, bias=bias)
    n = math.prod(input.shape[2:])
    if n <= 1:
        raise ShapeError(
            f"instance_norm: {_described('input', input)}, so each channel of a sample has {n} value{'s' if n != 1 else ''}; "
            f"it needs at least two, or the variance is 0"
        )
    axes = tuple(range(2, input.ndim))
    gamma, beta = (None if values is None else _on_channels(values, input) for values in (weight, bias))
    out = LayerNorm(axes, eps)(input, gamma, beta)
    if running_mean is not None:
        move_running(running_mean, np.mean(input.data, axis=(0, *axes)), momentum)
    if running_var is not None:
        move_running(running_var, np.mean(np.var(input.data, axis=axes, ddof=1), axis=0), momentum)
    return out


def dropout(
    input: Any,
    p: float | None = None,
    training: bool = True,
    *,
    keep_prob: float | None = None,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """In training, set each element to 0 with probability p, 0.5 if not given, and divide the others by 1 - p; else do nothing.

    keep_prob = 1 - p is the notation of the CS231n notes; give one of the two. The mask is drawn from generator, or from the default
    one, which tg.manual_seed starts.

    Raises ValueError if a probability is outside [0, 1], or both are given.

    >>> dropout(Tensor([1.0, 2.0]), p=1)
    Tensor([0., 0.])
    """
    p = drop_probability(p, keep_prob)
    input = as_tensor(input)
    if not training or p == 0:
        return input
    # Whole numbers of 32 bits are the quickest to draw; p is exact to 2**-32.
    drawn = generator_of(generator).integers(0, 2**32, input.shape, np.uint32)
    return Dropout(p)(input, drawn >= round(p * 2**32))


def drop_probability(p: float | None, keep_prob: float | None) -> float:
    """The probability to drop, from one of its two notations."""
    if p is not None and keep_prob is not None:
        raise ValueError(f"dropout: p={p} is the probability to drop and keep_prob={keep_prob} that to keep; give one of them")
    if keep_prob is not None:
        if not 0 <= keep_prob <= 1:
            raise ValueError(f"dropout: keep_prob={keep_prob} is no probability; it needs to be from 0 to 1")
        return 1 - keep_prob
    p = 0.5 if p is None else p
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p={p} is no probability; it needs to be from 0 to 1")
    return p


def sigmoid(input: Any) -> Tensor:
    """1 / (1 + exp(-input)), element by element, without overflow.

    >>> sigmoid(Tensor([0.0, -800.0]))
    Tensor([0.5, 0. ])
    """
    return _SIGMOID(input)


def silu(input: Any) -> Tensor:
    """input * sigmoid(input), element by element.

    >>> silu(Tensor([0.0, 1.0])).round(3)
    Tensor([0.   , 0.731])
    """
    return _SILU(input)


def gelu(input: Any, approximate: str = "none") -> Tensor:
    """input times the probability that a standard normal number is below it, element by element.

    approximate is "none", or "tanh" for input / 2 * (1 + tanh(sqrt(2 / pi) * (input + 0.044715 * input**3))), which is quicker.

    Raises ValueError for another approximate.

    >>> gelu(Tensor([0.0, 1.0])).round(3)
    Tensor([0.   , 0.841])
    """
    if approximate not in _GELU:
        raise ValueError(f"gelu: approximate={approximate!r}; it needs to be 'none' or 'tanh'")
    return _GELU[approximate](input)


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta * input)) / beta, element by element, without overflow; input where beta * input > threshold, as in PyTorch.

    >>> softplus(Tensor([-800.0, 800.0]))
    Tensor([  0., 800.])
    """
    return Softplus(beta, threshold)(input)


def log_softmax(input: Any, dim: int = -1) -> Tensor:
    """input - log(sum(exp(input))), the sum over axis dim, without overflow.

    >>> log_softmax(Tensor([1000.0, 0.0]))
    Tensor([    0., -1000.])
    """
    input = as_tensor(input)
    return LogSoftmax(np.lib.array_utils.normalize_axis_index(dim, input.ndim))(input)


def softmax(input: Any, dim: int = -1) -> Tensor:
    """exp(input) / sum(exp(input)), the sum over axis dim, without overflow.

    >>> softmax(Tensor([1000.0, 0.0]))
    Tensor([1., 0.])
    """
    input = as_tensor(input)
    return Softmax(np.lib.array_utils.normalize_axis_index(dim, input.ndim))(input)


def logsumexp(input: Any, dim: int | tuple[int, ...], keepdim: bool = False) -> Tensor:
    """log(sum(exp(input))), the sum over axis dim or several, without overflow.

    keepdim says whether each summed axis stays, with size 1. Raises AxisError if input has no such axis.

    >>> logsumexp(Tensor([[1000.0, 1000.0]]), 1)
    Tensor([1000.6932])
    """
    input = as_tensor(input)
    return LogSumExp(np.lib.array_utils.normalize_axis_tuple(dim, input.ndim, "logsumexp"), keepdim)(input)


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross entropy between the softmax of input, which are logits, and target.

    Parameters
        input            logits (N, C), (C,) or (N, C, d1, ...), with the class on axis 1 (0 if it is the only one).
        target           labels, integers from 0 to C - 1, in the shape of input without the axis of the classes; or probabilities
                         in the shape of input.
        weight           a factor for each class, (C,).
        ignore_index     a label that does not count.
        reduction        "mean" (over the labels that count, by weight), "sum" or "none".
        label_smoothing  how much of each label is spread evenly over all classes, from 0 to 1.
    Raises ShapeError if shapes do not fit, DTypeError if target is neither, IndexError for a label out of range.

    >>> cross_entropy(Tensor([[0.0, 0.0]]), [1])
    Tensor(0.6931472)
    """
    input, target = as_tensor(input), as_tensor(target)
    if input.dtype.kind != "f":
        raise DTypeError(f"cross_entropy: {_described('input', input)} has dtype {input.dtype}; logits need to be real floating numbers")
    _check_wide("cross_entropy", input)
    _check_reduction("cross_entropy", reduction)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing={label_smoothing}; it needs to be from 0 to 1")
    if not input.ndim:
        raise ShapeError("cross_entropy: input has no axes; it needs one for the classes")
    axis = 0 if input.ndim == 1 else 1
    classes = input.shape[axis]
    if weight is not None:
        weight = as_tensor(weight).detach()
        if weight.shape != (classes,):
            raise ShapeError(f"cross_entropy: {_described('weight', weight)}; it needs one number for each class: ({classes},)")
        weight = weight.astype(input.dtype, copy=False)
    if target.dtype.kind == "f":
        return _cross_entropy_of_probabilities(input, target, axis, weight, reduction, label_smoothing)
    if target.dtype.kind not in "iu":
        raise DTypeError(f"cross_entropy: target has dtype {target.dtype}; it needs integer labels, or probabilities")
    labels_shape = input.shape[:axis] + input.shape[axis + 1:]
    if target.shape != labels_shape:
        raise ShapeError(f"cross_entropy: {_described('input', input)} and {_described('target', target)}; target needs shape {labels_shape}")
    labels = target.data.reshape(-1)
    wrong = np.flatnonzero(((labels < 0) | (labels >= classes)) & (labels != ignore_index))
    if wrong.size:
        raise IndexError(
            f"cross_entropy: target{list(map(int, np.unravel_index(wrong[0], labels_shape)))} is {labels[wrong[0]]}, and {wrong.size} of "
            f"{labels.size} labels are out of range; with {classes} classes a label is from 0 to {classes - 1}, or ignore_index={ignore_index}"
        )
    if input.ndim > 2:
        input = input.transpose(0, *range(2, input.ndim), 1)
    losses = CrossEntropy(reduction, ignore_index, label_smoothing)(input.reshape(-1, classes) if input.ndim != 2 else input, labels, weight)
    return losses.reshape(labels_shape) if reduction == "none" and len(labels_shape) != 1 else losses


def _cross_entropy_of_probabilities(
    input: Tensor, target: Tensor, axis: int, weight: Tensor | None, reduction: str, label_smoothing: float
) -> Tensor:
    if target.shape != input.shape:
        raise ShapeError(f"cross_entropy: {_described('input', input)} and {_described('target', target)}; probabilities need its shape")
    classes = input.shape[axis]
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    if weight is not None:
        target = target * weight.reshape((classes,) + (1,) * (input.ndim - axis - 1))
    losses = -(target * log_softmax(input, axis)).sum(axis=axis)
    if reduction == "mean":
        return losses.sum() / max(1, input.size // classes)
    return losses.sum() if reduction == "sum" else losses


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Tensor:
    """Cross entropy between the sigmoid of input, which are logits, and target, the probabilities of yes, element by element.

    losses = -weight * (pos_weight * target * log(sigmoid(input)) + (1 - target) * log(1 - sigmoid(input)))

    Parameters
        input, target  logits and probabilities from 0 to 1, or bools, in one shape.
        weight         a factor for each loss; its shape broadcasts to that of input.
        reduction      "mean", "sum" or "none".
        pos_weight     a factor for the yes part, such as one for each column; its shape broadcasts to that of input.
    Raises ShapeError if shapes do not fit, DTypeError if input are no real floating numbers.

    >>> binary_cross_entropy_with_logits(Tensor([0.0, 800.0]), [True, True], reduction="none")
    Tensor([0.6931472, 0.       ])
    """
    function = "binary_cross_entropy_with_logits"
    input, target = as_tensor(input), as_tensor(target)
    _check_real(function, input)
    _check_reduction(function, reduction)
    if input.shape != target.shape:
        raise ShapeError(f"{function}: {_described('input', input)} and {_described('target', target)}; the shapes need to be equal")
    factors = []
    for role, factor in (("weight", weight), ("pos_weight", pos_weight)):
        if factor is not None:
            factor = as_tensor(factor).detach().astype(input.dtype, copy=False)
            if not _broadcasts_to(factor.shape, input.shape):
                raise ShapeError(f"{function}: {_described('input', input)} and {_described(role, factor)}; {role} needs to broadcast to input")
        factors.append(factor)
    return BinaryCrossEntropyWithLogits(reduction)(input, target.astype(input.dtype, copy=False), *factors)


def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Tensor:
    """Mean ("mean"), sum ("sum") or each ("none") of the squares (input - target)**2.

    Raises ShapeError if the shapes differ: broadcasting here is nearly always a mistake.

    >>> mse_loss(Tensor([1.0, 2.0]), Tensor([1.0, 4.0]))
    Tensor(2.)
    """
    input, target = as_tensor(input), as_tensor(target)
    _check_wide("mse_loss", input)
    _check_reduction("mse_loss", reduction)
    if input.shape != target.shape:
        raise ShapeError(f"mse_loss: {_described('input', input)} and {_described('target', target)}; the shapes need to be equal")
    return MSE(reduction)(input, target)


def _described(role: str, tensor: Tensor) -> str:
    return f"{role}{f' ({tensor.name!r})' if tensor.name else ''} has shape {tensor.shape}"


def _check_dtypes(function: str, input: Tensor, **others: Tensor | None) -> None:
    for role, tensor in others.items():
        if tensor is not None and tensor.dtype != input.dtype:
            raise DTypeError(
                f"{function}: input has dtype {input.dtype} and {role}{f' ({tensor.name!r})' if tensor.name else ''} has {tensor.dtype}; "
                f"they need to be the same: input.astype({tensor.dtype.name!r})"
            )


def _check_real(function: str, input: Tensor) -> None:
    if input.dtype.kind != "f":
        raise DTypeError(f"{function}: {_described('input', input)} and dtype {input.dtype}; it needs real floating numbers")
    _check_wide(function, input)


def _check_wide(function: str, input: Tensor) -> None:
    """Refuse float16 where squares or counts above 65504 are likely, which it cannot hold: gradients would be 0 without a word."""
    if input.dtype == np.float16:
        raise DTypeError(f"{function}: float16 has no number above 65504 for its sums; compute in float32: input.astype('float32')")


def _last_axes(function: str, input: Tensor, normalized_shape: int | Sequence[int], **others: Tensor | None) -> tuple[int, ...]:
    """The axes of input that normalized_shape is the shape of, once it is clear that everything fits."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    _check_real(function, input)
    if not shape or input.shape[-len(shape) :] != shape:
        raise ShapeError(
            f"{function}: {_described('input', input)} and normalized_shape is {shape}; it needs to be the sizes of the last axes of "
            f"input, at least one"
        )
    for role, tensor in others.items():
        if tensor is not None and tensor.shape != shape:
            raise ShapeError(f"{function}: {_described(role, tensor)}; it needs one number for each element of a row, so shape {shape}")
    _check_dtypes(function, input, **others)
    return tuple(range(input.ndim - len(shape), input.ndim))


def _check_channels(function: str, input: Tensor, **others: Tensor | None) -> None:
    if input.ndim < 2:
        raise ShapeError(f"{function}: {_described('input', input)}; it needs at least two axes, (batch, channel, ...)")
    for role, tensor in others.items():
        if tensor is not None and tensor.shape != input.shape[1:2]:
            raise ShapeError(
                f"{function}: {_described('input', input)} and {_described(role, tensor)}; {role} needs one number for each of the "
                f"{input.shape[1]} channels, so shape {input.shape[1:2]}"
            )


def _broadcasts_to(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    return len(shape) <= len(whole) and all(n in (1, size) for n, size in zip(reversed(shape), reversed(whole)))


def _check_reduction(function: str, reduction: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{function}: reduction={reduction!r}; it needs to be 'mean', 'sum' or 'none'")


def _scale_and_shift(input: Tensor, weight: Tensor | None, bias: Tensor | None) -> tuple[Any, Any]:
    channels = input.shape[1]
    gamma = np.ones(channels, input.dtype) if weight is None else weight
    beta = np.zeros(channels, input.dtype) if bias is None else bias
    return _on_channels(gamma, input), _on_channels(beta, input)


def _on_channels(values: Any, input: Tensor) -> Any:
    """One number a channel, in a shape that broadcasts to input, whose channels are on axis 1."""
    return values if input.ndim == 2 else values.reshape(-1, *(1,) * (input.ndim - 2))
