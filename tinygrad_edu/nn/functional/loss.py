"""Losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.tensor import Tensor
from ...errors import DTypeError, ShapeError
from ...fused.binary_cross_entropy import BinaryCrossEntropyWithLogits
from ...fused.cross_entropy import CrossEntropy
from ...fused.mse import MSE
from ...ops.operands import as_tensor
from .activation import log_softmax
from .checks import broadcasts_to, check_real, check_reduction, check_wide, described


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
        raise DTypeError(f"cross_entropy: {described('input', input)} has dtype {input.dtype}; logits need to be real floating numbers")
    check_wide("cross_entropy", input)
    check_reduction("cross_entropy", reduction)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing={label_smoothing}; it needs to be from 0 to 1")
    if not input.ndim:
        raise ShapeError("cross_entropy: input has no axes; it needs one for the classes")
    axis = 0 if input.ndim == 1 else 1
    classes = input.shape[axis]
    if weight is not None:
        weight = as_tensor(weight).detach()
        if weight.shape != (classes,):
            raise ShapeError(f"cross_entropy: {described('weight', weight)}; it needs one number for each class: ({classes},)")
        weight = weight.astype(input.dtype, copy=False)
    if target.dtype.kind == "f":
        return _cross_entropy_of_probabilities(input, target, axis, weight, reduction, label_smoothing)
    if target.dtype.kind not in "iu":
        raise DTypeError(f"cross_entropy: target has dtype {target.dtype}; it needs integer labels, or probabilities")
    labels_shape = input.shape[:axis] + input.shape[axis + 1:]
    if target.shape != labels_shape:
        raise ShapeError(f"cross_entropy: {described('input', input)} and {described('target', target)}; target needs shape {labels_shape}")
    labels = target.data.reshape(-1)
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        wrong = np.flatnonzero(((labels < 0) | (labels >= classes)) & (labels != ignore_index))
        if wrong.size:
            raise IndexError(
                f"cross_entropy: target{list(map(int, np.unravel_index(wrong[0], labels_shape)))} is {labels[wrong[0]]}, and {wrong.size} "
                f"of {labels.size} labels are out of range; with {classes} classes a label is from 0 to {classes - 1}, or "
                f"ignore_index={ignore_index}"
            )
    if input.ndim > 2:
        input = input.transpose(0, *range(2, input.ndim), 1)
    losses = CrossEntropy(reduction, ignore_index, label_smoothing)(input.reshape(-1, classes) if input.ndim != 2 else input, labels, weight)
    return losses.reshape(labels_shape) if reduction == "none" and len(labels_shape) != 1 else losses


def _cross_entropy_of_probabilities(
    input: Tensor, target: Tensor, axis: int, weight: Tensor | None, reduction: str, label_smoothing: float
) -> Tensor:
    if target.shape != input.shape:
        raise ShapeError(f"cross_entropy: {described('input', input)} and {described('target', target)}; probabilities need its shape")
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
    check_real(function, input)
    check_reduction(function, reduction)
    if input.shape != target.shape:
        raise ShapeError(f"{function}: {described('input', input)} and {described('target', target)}; the shapes need to be equal")
    factors = []
    for role, factor in (("weight", weight), ("pos_weight", pos_weight)):
        if factor is not None:
            factor = as_tensor(factor).detach().astype(input.dtype, copy=False)
            if not broadcasts_to(factor.shape, input.shape):
                raise ShapeError(f"{function}: {described('input', input)} and {described(role, factor)}; {role} needs to broadcast to input")
        factors.append(factor)
    return BinaryCrossEntropyWithLogits(reduction)(input, target.astype(input.dtype, copy=False), *factors)


def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Tensor:
    """Mean ("mean"), sum ("sum") or each ("none") of the squares (input - target)**2.

    Raises ShapeError if the shapes differ: broadcasting here is nearly always a mistake.

    >>> mse_loss(Tensor([1.0, 2.0]), Tensor([1.0, 4.0]))
    Tensor(2.)
    """
    input, target = as_tensor(input), as_tensor(target)
    check_wide("mse_loss", input)
    check_reduction("mse_loss", reduction)
    if input.shape != target.shape:
        raise ShapeError(f"mse_loss: {described('input', input)} and {described('target', target)}; the shapes need to be equal")
    return MSE(reduction)(input, target)


def l1_loss(input: Any, target: Any, reduction: str = "mean") -> Tensor:
    """Mean ("mean"), sum ("sum") or each ("none") of the distances |input - target|; where they are 0 the gradient is 0.

    Raises ShapeError if the shapes differ.

    >>> l1_loss(Tensor([1.0, 2.0]), Tensor([1.0, 4.0]))
    Tensor(1.)
    """
    return _reduced(abs(_difference("l1_loss", input, target, reduction)), reduction)


def smooth_l1_loss(input: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """Of d = |input - target| it is d**2 / (2 beta) where d < beta, else d - beta / 2: huber_loss over beta.

    Raises ShapeError if the shapes differ, ValueError if beta is not above 0.

    >>> smooth_l1_loss(Tensor([1.0, 2.0]), Tensor([1.0, 4.0]))
    Tensor(0.75)
    """
    if not beta > 0:
        raise ValueError(f"smooth_l1_loss: beta={beta}; it needs to be above 0; for 0 there is l1_loss")
    return _reduced(_huber(_difference("smooth_l1_loss", input, target, reduction), beta) / beta, reduction)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """Of d = |input - target| it is d**2 / 2 where d < delta, else delta * (d - delta / 2): squares that do not run away with outliers.

    Raises ShapeError if the shapes differ, ValueError if delta is not above 0.

    >>> huber_loss(Tensor([1.0, 2.0]), Tensor([1.0, 4.0]))
    Tensor(0.75)
    """
    if not delta > 0:
        raise ValueError(f"huber_loss: delta={delta}; it needs to be above 0")
    return _reduced(_huber(_difference("huber_loss", input, target, reduction), delta), reduction)


def _huber(difference: Tensor, delta: float) -> Tensor:
    near = np.clip(difference, -delta, delta)
    return near * (difference - near / 2)       # type: ignore[return-value]


def _difference(function: str, input: Any, target: Any, reduction: str) -> Tensor:
    input, target = as_tensor(input), as_tensor(target)
    check_wide(function, input)
    check_reduction(function, reduction)
    if input.shape != target.shape:
        raise ShapeError(f"{function}: {described('input', input)} and {described('target', target)}; the shapes need to be equal")
    return input - target


def _reduced(losses: Tensor, reduction: str) -> Tensor:
    return losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()
