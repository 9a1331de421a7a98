"""The cases of losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...fused.binary_cross_entropy import BinaryCrossEntropyWithLogits
from ...fused.cross_entropy import CrossEntropy
from ...fused.mse import MSE
from ...nn import functional
from ..cases import Case, cases_of
from ..inputs import Cases, between, uniform


def cross_entropy_by_rows(logits: np.ndarray, target: np.ndarray, weight: np.ndarray | None, op: CrossEntropy) -> np.ndarray:
    """The definition, one row after the other."""
    classes = logits.shape[1]
    losses, counted = [], 0.0
    for row, label in zip(logits, target):
        if label == op.ignore_index:
            losses.append(0.0)
            continue
        log_probabilities = np.log(np.exp(row) / np.sum(np.exp(row)))
        weights = np.ones(classes) if weight is None else weight
        smooth = -np.sum(weights * log_probabilities) / classes
        losses.append(-(1 - op.label_smoothing) * weights[label] * log_probabilities[label] + op.label_smoothing * smooth)
        counted += weights[label]
    values = np.array(losses, logits.dtype)
    if op.reduction == "none":
        return values
    return np.sum(values) if op.reduction == "sum" else np.sum(values) / logits.dtype.type(counted)


@cases_of(CrossEntropy)
def cross_entropy_cases(rng: np.random.Generator) -> Cases:
    for reduction in "mean", "sum", "none":
        for label_smoothing in 0.0, 0.1:
            for target in np.array([2, 0, 1, 2]), np.array([-100, 0, 1, -100]):
                op = CrossEntropy(reduction, -100, label_smoothing)
                yield Case(
                    lambda logits, target, op=op: op(logits, target, None),
                    oracle=lambda logits, target, op=op: cross_entropy_by_rows(logits, target, None, op),
                    name=f"{op!r}, target {target.tolist()}",
                    logits=uniform(rng, (4, 3)),
                    target=target,
                )
                yield Case(
                    op,
                    oracle=lambda logits, target, weight, op=op: cross_entropy_by_rows(logits, target, weight, op),
                    name=f"{op!r}, target {target.tolist()}, weight",
                    constants=("weight",),
                    logits=uniform(rng, (4, 3)),
                    target=target,
                    weight=between(rng, 0.5, 2)((3,)),
                )
    labels = np.array([[1, 0], [2, 2]])
    yield Case(
        lambda logits, target: functional.cross_entropy(logits, target, ignore_index=0, reduction="none"),
        oracle=lambda logits, target: cross_entropy_by_rows(
            np.moveaxis(logits, 1, 2).reshape(4, 3), target.reshape(4), None, CrossEntropy("none", 0)
        ).reshape(2, 2),
        name="cross_entropy of (2, 3, 2), reduction none",
        logits=uniform(rng, (2, 3, 2)),
        target=labels,
    )
    yield Case(
        lambda logits, target: functional.cross_entropy(logits, target, reduction="sum"),
        oracle=lambda logits, target: cross_entropy_by_rows(logits, target, None, CrossEntropy("sum")),
        name="cross_entropy of no rows",
        logits=uniform(rng, (0, 3)),
        target=np.zeros(0, int),
    )


def reduced(losses: np.ndarray, reduction: str) -> np.ndarray:
    return losses if reduction == "none" else np.sum(losses) if reduction == "sum" else np.mean(losses)


@cases_of(BinaryCrossEntropyWithLogits)
def binary_cross_entropy_cases(rng: np.random.Generator) -> Cases:
    def oracle(logits: Any, target: Any, weight: Any, pos_weight: Any, reduction: str) -> Any:
        probability = 1 / (1 + np.exp(-logits))
        losses = -weight * (pos_weight * target * np.log(probability) + (1 - target) * np.log(1 - probability))
        return reduced(losses.astype(logits.dtype), reduction)

    for reduction in "mean", "sum", "none":
        for shape, weight_shape, pos_weight_shape in ((3, 4), (3, 1), (4,)), ((), (), ()), ((0, 3) if reduction != "mean" else (2,), (1,), (1,)):
            op = BinaryCrossEntropyWithLogits(reduction)
            logits, target = uniform(rng, shape), between(rng, 0, 1)(shape)
            yield Case(
                op,
                oracle=lambda logits, target, weight, pos_weight, reduction=reduction: oracle(logits, target, weight, pos_weight, reduction),
                constants=("weight", "pos_weight"),
                logits=logits,
                target=target,
                weight=between(rng, 0.5, 2)(weight_shape),
                pos_weight=between(rng, 0.5, 2)(pos_weight_shape),
            )
            yield Case(
                lambda logits, target, op=op: op(logits, target, None, None),
                oracle=lambda logits, target, reduction=reduction: oracle(logits, target, 1, 1, reduction),
                name=f"{op!r} without weights, of {shape}",
                logits=logits,
                target=target,
            )
    yield Case(
        lambda logits: functional.binary_cross_entropy_with_logits(logits, [True, False, True], reduction="none"),
        oracle=lambda logits: np.array([0.0, 0.0, 800.0], logits.dtype),
        name="binary_cross_entropy_with_logits of +-800",
        logits=np.array([800.0, -800.0, -800.0]),
    )


@cases_of(MSE)
def mse_cases(rng: np.random.Generator) -> Cases:
    for reduction in "mean", "sum", "none":
        for shape in (3, 4), (2, 1, 3), (), (0, 3):
            if shape != (0, 3) or reduction != "mean":      # the mean of nothing is NaN
                yield Case(
                    MSE(reduction),
                    oracle=lambda x, target, reduction=reduction: reduced((x - target) ** 2, reduction),
                    x=uniform(rng, shape),
                    target=uniform(rng, shape),
                )
