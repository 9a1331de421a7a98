"""Sigmoid and binary cross entropy in one."""

from __future__ import annotations

import numpy as np

from ..engine.op import Fused
from .blocks import filled, total
from .sigmoid import logistic_pair
from .softplus import Softplus, log1p_exp_of_minus_abs


class BinaryCrossEntropyWithLogits(Fused):
    """Cross entropy between the sigmoid of logits and targets, which are probabilities, element by element; then their mean or sum.

    losses = weight * ((1 - target) * softplus(logits) + pos_weight * target * softplus(-logits))

    because -log(sigmoid(x)) = softplus(-x) = log(1 + exp(-x)) and -log(1 - sigmoid(x)) = softplus(x).

    Shapes    target has the shape of logits; weight and pos_weight broadcast to it, or are None for 1. out () or, for reduction
              "none", that of logits.
    Gradient  dL/dlogits = g * weight * ((1 - target) * sigmoid(logits) - pos_weight * target * sigmoid(-logits))
              dL/dtarget = g * weight * (pos_weight * softplus(-logits) - softplus(logits))
              both divided by the number of elements for reduction "mean".
    Keeps     all inputs.
    Source    Bishop (2006), Pattern recognition and machine learning, equation 4.90.

    Each softplus is computed by itself: their difference is -logits, but that form loses all digits of a small loss. So is each sigmoid.
    """

    reduction: str = "mean"
    constants = ("weight", "pos_weight")
    real = True

    def forward(self, logits, target, weight, pos_weight):
        arrays = logits, target, _times(pos_weight, target)
        if weight is not None or self.reduction == "none":
            return self._reduced(_times(weight, filled(_losses, *arrays, scratch=2)))
        losses = total(_sum_of_losses, *arrays, scratch=3)
        return losses / logits.size if self.reduction == "mean" else losses

    def backward(self, g, logits, target, weight, pos_weight, needs):
        share = _times(weight, g / logits.size if self.reduction == "mean" else g)
        grad_target = None
        if needs[1]:
            rest = filled(log1p_exp_of_minus_abs, logits)
            grad_target = share * (_times(pos_weight, np.maximum(-logits, 0) + rest) - (np.maximum(logits, 0) + rest))
        if not needs[0]:
            return None, grad_target, None, None
        return filled(_gradient, logits, target, _times(pos_weight, target), share, scratch=2), grad_target, None, None

    def composed(self, logits, target, weight, pos_weight):
        softplus = _SOFTPLUS.composed
        return self._reduced(_times(weight, (1 - target) * softplus(logits) + _times(pos_weight, target) * softplus(-logits)))

    def _reduced(self, losses):
        return losses if self.reduction == "none" else np.mean(losses) if self.reduction == "mean" else np.sum(losses)


_SOFTPLUS = Softplus(threshold=np.inf)


def _times(factor, values):
    return values if factor is None else factor * values


def _losses(out, x, target, yes, rest, positive):
    """Write (1 - target) * softplus(x) + yes * softplus(-x) into out."""
    log1p_exp_of_minus_abs(rest, x)             # softplus(x) = max(x, 0) + rest, and rest is the same for x and -x
    np.clip(x, 0, np.inf, out=positive)         # a maximum with a number takes three times as long
    np.subtract(positive, x, out=out)           # max(-x, 0)
    out += rest
    out *= yes
    positive += rest
    np.subtract(1, target, out=rest)
    positive *= rest
    out += positive


def _sum_of_losses(x, target, yes, out, rest, positive):
    _losses(out, x, target, yes, rest, positive)
    return np.add.reduce(out)


def _gradient(out, x, target, yes, share, opposite, no):
    """Write share * ((1 - target) * sigmoid(x) - yes * sigmoid(-x)) into out."""
    logistic_pair(out, opposite, x)
    np.subtract(1, target, out=no)
    out *= no
    opposite *= yes
    out -= opposite
    out *= share
