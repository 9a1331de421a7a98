"""Softmax and cross entropy in one."""

from __future__ import annotations

import numpy as np

from ..engine.op import Fused
from ..engine.tensor import wrap
from .blocks import blocks, row_sums
from .log_softmax import LogSoftmax


class CrossEntropy(Fused):
    """Cross entropy between the softmax of logits and labels.

    out = -sum over n, c of share[n, c] * log_softmax(logits)[n, c]

    share is 1 at the label of row n and 0 elsewhere; with label_smoothing s it is 1 - s + s / C and s / C. It is multiplied by the
    weight of class c, is 0 in rows whose label is ignore_index, and for reduction "mean" is divided by the sum of the weights of the
    labels that count. With reduction "none" out is not summed over n.

    Shapes    logits (N, C), target (N,) integers, weight (C,) or None, out () or (N,).
    Gradient  dL/dlogits = g * (softmax(logits) * sum over c of share - share)
    Keeps     logits, target and weight, with largest, the largest logit, and total, the sum of exp(logits - largest), one number a row;
              the softmax is computed again: exp(logits - largest) / total.
    Source    Bishop (2006), Pattern recognition and machine learning, equation 4.109; Szegedy et al. (2016),
              arXiv:1512.00567, section 7, for label smoothing.
    """

    reduction: str = "mean"
    ignore_index: int = -100
    label_smoothing: float = 0.0
    constants = ("target", "weight")

    def forward(self, logits, target, weight):
        label, own, spread = self._parts(logits, target, weight)
        losses, largest, total = (np.empty(len(logits), logits.dtype) for _ in range(3))
        for rows in blocks(len(logits), logits[:1].nbytes):
            by_class = _by_class(logits[rows])
            np.max(by_class, axis=0, out=largest[rows])
            shifted = by_class - largest[rows]
            of_label = shifted[label[rows], np.arange(shifted.shape[1])]
            of_all = _weighted_sum(shifted, weight) if self.label_smoothing else 0
            total[rows] = row_sums(np.exp(shifted, out=shifted).T)[:, 0]
            log_sum = np.log(total[rows])
            # A class without a share may have the logit -inf, and 0 * inf is NaN.
            losses[rows] = np.where(own[rows] == 0, 0, own[rows] * (log_sum - of_label))
            if self.label_smoothing:
                losses[rows] += np.where(spread[rows] == 0, 0, spread[rows] * (_sum(weight, logits) * log_sum - of_all))
        kept = {"largest": largest[:, None], "total": total[:, None]}
        return (losses if self.reduction == "none" else np.sum(losses)), kept

    def backward(self, g, logits, target, weight, largest, total):
        label, own, spread = self._parts(logits, target, weight)
        own, spread = g * own, g * spread
        factor = (own + spread * _sum(weight, logits)) / total[:, 0]
        grad = np.empty(logits.shape, logits.dtype)
        for rows in blocks(len(logits), logits[:1].nbytes):
            by_class = _by_class(logits[rows]) - largest[rows, 0]
            np.exp(by_class, out=by_class)
            by_class *= factor[rows]
            by_class[label[rows], np.arange(by_class.shape[1])] -= own[rows]
            if self.label_smoothing:
                by_class -= spread[rows] * (1 if weight is None else weight[:, None])
            grad[rows] = by_class.T
        return grad, None, None

    def composed(self, logits, target, weight):
        share = wrap(self.shares(logits, target.data, None if weight is None else weight.data))
        losses = -np.sum(share * np.where(share == 0, 0, LogSoftmax(1).composed(logits)), axis=1)
        return losses if self.reduction == "none" else np.sum(losses)

    def shares(self, logits, target, weight):
        """How much -log_softmax(logits)[n, c] counts: the target as a distribution, with weights and reduction."""
        label, own, spread = self._parts(logits, target, weight)
        share = np.empty(logits.shape, logits.dtype)
        share[...] = spread[:, None] if weight is None else spread[:, None] * weight
        share[np.arange(len(label)), label] += own
        return share

    def _parts(self, logits, target, weight):
        """The label of each row, the share of that label, and what a class gets of the row for each unit of its weight."""
        counts = target != self.ignore_index
        label = np.where(counts, target, 0)
        counts = counts.astype(logits.dtype)
        own = counts if weight is None else counts * weight[label]
        total = np.sum(own) if self.reduction == "mean" else 1
        return label, own * (1 - self.label_smoothing) / total, counts * (self.label_smoothing / logits.shape[1]) / total


def _by_class(logits):
    """The transpose; of a few classes as a copy, because operations on rows of a few elements are slow."""
    return np.ascontiguousarray(logits.T) if logits.shape[1] <= 32 else logits.T


def _sum(weight, logits):
    """The weights of all classes together."""
    return logits.shape[1] if weight is None else np.sum(weight)


def _weighted_sum(by_class, weight):
    """The sum of each column, each class times its weight."""
    return np.sum(by_class if weight is None else np.where(weight == 0, 0, by_class.T * weight).T, axis=0)
