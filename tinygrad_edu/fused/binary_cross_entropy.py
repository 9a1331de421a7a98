"""Sigmoid and binary cross entropy in one."""

from __future__ import annotations

import numpy as np

from ..engine.op import Fused
from .sigmoid import Sigmoid
from .softplus import Softplus


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

    Each softplus is computed by itself: their difference is -logits, but that form loses all digits of a small loss.
    """

    reduction: str = "mean"
    constants = ("weight", "pos_weight")

    def forward(self, logits, target, weight, pos_weight):
        rest = np.log1p(np.exp(-np.abs(logits)))        # softplus(x) = maximum(x, 0) + rest, and rest is the same for x and -x
        losses = (1 - target) * (np.maximum(logits, 0) + rest) + _times(pos_weight, target) * (np.maximum(-logits, 0) + rest)
        return self._reduced(_times(weight, losses))

    def grad_logits(self, g, logits, target, weight, pos_weight):
        logistic = Sigmoid().composed
        return self._share(g, logits, weight) * (
            (1 - target) * logistic(logits) - _times(pos_weight, target) * logistic(-logits)
        )

    def grad_target(self, g, logits, weight, pos_weight):
        softplus = _SOFTPLUS.composed
        return self._share(g, logits, weight) * (_times(pos_weight, softplus(-logits)) - softplus(logits))

    def composed(self, logits, target, weight, pos_weight):
        softplus = _SOFTPLUS.composed
        return self._reduced(_times(weight, (1 - target) * softplus(logits) + _times(pos_weight, target) * softplus(-logits)))

    def _reduced(self, losses):
        return losses if self.reduction == "none" else np.mean(losses) if self.reduction == "mean" else np.sum(losses)

    def _share(self, g, logits, weight):
        """dL/dlosses, for each element or for all."""
        return _times(weight, g / logits.size if self.reduction == "mean" else g)


_SOFTPLUS = Softplus(threshold=np.inf)


def _times(factor, values):
    return values if factor is None else factor * values
