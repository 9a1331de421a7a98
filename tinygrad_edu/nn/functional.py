"""Network functions under PyTorch's names and signatures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine import changes
from ..engine.tensor import Tensor
from ..errors import DTypeError, ShapeError
from ..fused.batch_norm import BatchNorm, BatchNormEvaluation
from ..fused.cross_entropy import CrossEntropy
from ..fused.dropout import Dropout
from ..fused.linear import Linear
from ..fused.log_softmax import LogSoftmax
from ..fused.sigmoid import Sigmoid
from ..ops.elementwise import exp, relu, square, tanh
from ..ops.random import generator_of
from ..ops.reduce import as_tensor

__all__ = [
    "batch_norm", "cross_entropy", "dropout", "linear", "log_softmax", "mse_loss", "relu", "sigmoid", "softmax", "tanh",
]

_LINEAR = Linear()
_SIGMOID = Sigmoid()


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
    _check_channels(input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
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
    return exp(log_softmax(input, dim))


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


def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Tensor:
    """Mean ("mean"), sum ("sum") or each ("none") of the squares (input - target)**2.

    Raises ShapeError if the shapes differ: broadcasting here is nearly always a mistake.

    >>> mse_loss(Tensor([1.0, 2.0]), Tensor([1.0, 4.0]))
    Tensor(2.)
    """
    input, target = as_tensor(input), as_tensor(target)
    _check_reduction("mse_loss", reduction)
    if input.shape != target.shape:
        raise ShapeError(f"mse_loss: {_described('input', input)} and {_described('target', target)}; the shapes need to be equal")
    squares = square(input - target)
    return squares.mean() if reduction == "mean" else squares.sum() if reduction == "sum" else squares


def _described(role: str, tensor: Tensor) -> str:
    return f"{role}{f' ({tensor.name!r})' if tensor.name else ''} has shape {tensor.shape}"


def _check_dtypes(function: str, input: Tensor, **others: Tensor | None) -> None:
    for role, tensor in others.items():
        if tensor is not None and tensor.dtype != input.dtype:
            raise DTypeError(
                f"{function}: input has dtype {input.dtype} and {role}{f' ({tensor.name!r})' if tensor.name else ''} has {tensor.dtype}; "
                f"they need to be the same: input.astype({tensor.dtype.name!r})"
            )


def _check_channels(input: Tensor, **others: Tensor | None) -> None:
    if input.ndim < 2:
        raise ShapeError(f"batch_norm: {_described('input', input)}; it needs at least two axes, (batch, channel, ...)")
    for role, tensor in others.items():
        if tensor is not None and tensor.shape != input.shape[1:2]:
            raise ShapeError(
                f"batch_norm: {_described('input', input)} and {_described(role, tensor)}; {role} needs one number for each of the "
                f"{input.shape[1]} channels, so shape {input.shape[1:2]}"
            )


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
