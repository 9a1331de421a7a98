"""Softmax and cross entropy in one."""

from __future__ import annotations

import numpy as np

from ..engine.op import Fused
from ..engine.tensor import wrap
from .log_softmax import LogSoftmax


class CrossEntropy(Fused):
    """Cross entropy between the softmax of logits and labels.

    out = -sum over n, c of share[n, c] * log_softmax(logits)[n, c]

    share is 1 at the label of row n and 0 elsewhere; with label_smoothing s it is 1 - s + s / C and s / C. It is multiplied by the
    weight of class c, is 0 in rows whose label is ignore_index, and for reduction "mean" is divided by the sum of the weights of the
    labels that count. With reduction "none" out is not summed over n.

    Shapes    logits (N, C), target (N,) integers, weight (C,) or None, out () or (N,).
    Gradient  dL/dlogits = g * (softmax(logits) * sum over c of share - share)
    Keeps     logits, target and weight, with logsumexp, one number a row; the softmax is computed again.
    Source    Bishop (2006), Pattern recognition and machine learning, equation 4.109; Szegedy et al. (2016),
              arXiv:1512.00567, section 7, for label smoothing.
    """

    reduction: str = "mean"
    ignore_index: int = -100
    label_smoothing: float = 0.0
    constants = ("target", "weight")

    def forward(self, logits, target, weight):
        largest = np.max(logits, axis=1, keepdims=True)
        logsumexp = largest + np.log(np.sum(np.exp(logits - largest), axis=1, keepdims=True))
        share = self.shares(logits, target, weight)
        # A class without a share may have the logit -inf, and 0 * inf is NaN.
        losses = np.sum(np.multiply(share, logsumexp - logits, where=share != 0, out=np.zeros_like(share)), axis=1)
        return (losses if self.reduction == "none" else np.sum(losses)), {"logsumexp": logsumexp}

    def backward(self, g, logits, target, weight, logsumexp):
        share = self.shares(logits, target, weight)
        grad = np.exp(logits - logsumexp)
        grad *= np.sum(share, axis=1, keepdims=True)
        grad -= share
        grad *= g.reshape(-1, 1)
        return grad, None, None

    def composed(self, logits, target, weight):
        share = wrap(self.shares(logits, target.data, None if weight is None else weight.data))
        losses = -np.sum(share * np.where(share == 0, 0, LogSoftmax(1).composed(logits)), axis=1)
        return losses if self.reduction == "none" else np.sum(losses)

    def shares(self, logits, target, weight):
        """How much -log_softmax(logits)[n, c] counts: the target as a distribution, with weights and reduction."""
        rows, classes = logits.shape
        counts = target != self.ignore_index
        label = np.where(counts, target, 0)
        weight = np.ones(classes, logits.dtype) if weight is None else weight
        share = np.full((rows, classes), self.label_smoothing / classes, logits.dtype)
        share[np.arange(rows), label] += 1 - self.label_smoothing
        share *= weight
        share *= counts[:, None]
        if self.reduction == "mean":
            share /= np.sum(weight[label] * counts)
        return share
