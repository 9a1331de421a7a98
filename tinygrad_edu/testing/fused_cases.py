"""The cases of the fused ops, in the order of fused/."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

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
from ..nn import functional
from .cases import Case, cases_of
from .op_cases import SHAPES, Cases, between, uniform

# Batch norm


def normalized(x: Any, gamma: Any, beta: Any, axes: tuple[int, ...], eps: float) -> np.ndarray:
    mean, var = np.mean(x, axis=axes, keepdims=True), np.var(x, axis=axes, keepdims=True)
    return (gamma * (x - mean) / np.sqrt(var + eps) + beta).astype(x.dtype)


@cases_of(BatchNorm)
def batch_norm_cases(rng: np.random.Generator) -> Cases:
    # On axes, x has the batch; gamma and beta have size 1 there, or leave these axes out where that broadcasts to the same.
    for x_shape, gamma_shape, axes in (
        ((5, 3), (1, 3), (0,)),
        ((5, 3), (3,), (0,)),
        ((2, 3, 2, 2), (1, 3, 1, 1), (0, 2, 3)),
        ((2, 3, 2, 2), (3, 1, 1), (0, 2, 3)),
        ((3, 4), (3, 1), (1,)),
        ((2, 3, 4), (2, 1, 4), (1,)),
        ((7,), (1,), (0,)),
        ((4, 0), (1, 0), (0,)),
    ):
        for eps in (1e-5, 0.1):
            op = BatchNorm(axes, eps)
            yield Case(
                op,
                oracle=lambda x, gamma, beta, op=op: normalized(x, gamma, beta, op.axes, op.eps),
                x=uniform(rng, x_shape),
                gamma=between(rng, 0.5, 2)(gamma_shape),
                beta=uniform(rng, gamma_shape),
            )
    yield Case(
        lambda x: functional.batch_norm(x, None, None, training=True),
        oracle=lambda x: normalized(x, 1.0, 0.0, (0, 2), 1e-5),
        name="batch_norm without weight and bias, x (2, 3, 4)",
        x=uniform(rng, (2, 3, 4)),
    )


@cases_of(BatchNormEvaluation)
def batch_norm_evaluation_cases(rng: np.random.Generator) -> Cases:
    for x_shape, gamma_shape in ((5, 3), (3,)), ((5, 3), (1, 3)), ((2, 3, 2, 2), (3, 1, 1)), ((1, 3), (3,)), ((0, 3), (3,)):
        for constants in (), ("mean", "var"):
            yield Case(
                BatchNormEvaluation(eps=0.01),
                oracle=lambda x, gamma, beta, mean, var: gamma * ((x - mean) / np.sqrt(var + 0.01)) + beta,
                constants=constants,
                x=uniform(rng, x_shape),
                gamma=between(rng, 0.5, 2)(gamma_shape),
                beta=uniform(rng, gamma_shape),
                mean=uniform(rng, gamma_shape),
                var=between(rng, 0.5, 2)(gamma_shape),
            )


# The norms of rows


@cases_of(LayerNorm)
def layer_norm_cases(rng: np.random.Generator) -> Cases:
    for x_shape, gamma_shape, axes in (
        ((3, 5), (5,), (1,)),
        ((2, 3, 4), (3, 4), (1, 2)),
        ((2, 3, 4), (3, 1), (2,)),
        ((5,), (5,), (0,)),
        ((4, 3), (4, 1), (0,)),
        ((0, 3), (3,), (1,)),
    ):
        for eps in (1e-5, 0.1):
            op = LayerNorm(axes, eps)
            yield Case(
                op,
                oracle=lambda x, gamma, beta, op=op: normalized(x, gamma, beta, op.axes, op.eps),
                x=uniform(rng, x_shape),
                gamma=between(rng, 0.5, 2)(gamma_shape),
                beta=uniform(rng, gamma_shape),
            )
    yield Case(
        lambda x: functional.layer_norm(x, (2, 2)),
        oracle=lambda x: normalized(x, 1.0, 0.0, (1, 2), 1e-5),
        name="layer_norm without weight and bias, x (3, 2, 2)",
        x=uniform(rng, (3, 2, 2)),
    )
    yield Case(
        lambda x, weight: functional.layer_norm(x, (4,), weight),
        oracle=lambda x, weight: normalized(x, weight, 0.0, (1,), 1e-5),
        name="layer_norm without bias, x (3, 4)",
        x=uniform(rng, (3, 4)),
        weight=uniform(rng, 4),
    )
    for samples, channels, size, groups in (2, 4, (), 2), (2, 6, (3,), 3), (1, 3, (2, 2), 1), (0, 4, (), 2):
        yield Case(
            lambda x, weight, bias, groups=groups: functional.group_norm(x, groups, weight, bias),
            oracle=lambda x, weight, bias, groups=groups: group_by_group(x, weight, bias, groups),
            name=f"group_norm of {(samples, channels, *size)} in {groups} groups",
            x=uniform(rng, (samples, channels, *size)),
            weight=uniform(rng, channels),
            bias=uniform(rng, channels),
        )
    yield Case(
        lambda x, weight, bias: functional.instance_norm(x, weight=weight, bias=bias),
        oracle=lambda x, weight, bias: group_by_group(x, weight, bias, 3),
        name="instance_norm of (2, 3, 2, 2)",
        x=uniform(rng, (2, 3, 2, 2)),
        weight=uniform(rng, 3),
        bias=uniform(rng, 3),
    )


def group_by_group(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, groups: int) -> np.ndarray:
    """Group norm by its definition, one group of one sample after the other."""
    out = np.empty_like(x)
    for sample, result in zip(x, out):
        for channels in np.split(np.arange(x.shape[1]), groups):
            group = sample[channels]
            result[channels] = (group - np.mean(group)) / np.sqrt(np.var(group) + 1e-5)
    of_channel = (-1, *(1,) * (x.ndim - 2))
    return out * weight.reshape(of_channel) + bias.reshape(of_channel)


@cases_of(RMSNorm)
def rms_norm_cases(rng: np.random.Generator) -> Cases:
    def oracle(x: Any, gamma: Any, op: RMSNorm) -> np.ndarray:
        return (gamma * x / np.sqrt(np.mean(x**2, axis=op.axes, keepdims=True) + op.eps)).astype(x.dtype)

    for x_shape, gamma_shape, axes in ((3, 5), (5,), (1,)), ((2, 3, 4), (3, 4), (1, 2)), ((5,), (5,), (0,)), ((0, 3), (3,), (1,)):
        for eps in (1e-5, 0.1):
            op = RMSNorm(axes, eps)
            yield Case(
                op,
                oracle=lambda x, gamma, op=op: oracle(x, gamma, op),
                x=uniform(rng, x_shape),
                gamma=between(rng, 0.5, 2)(gamma_shape),
            )
    yield Case(
        lambda x: functional.rms_norm(x, (2, 2), eps=0.01),
        oracle=lambda x: oracle(x, 1.0, RMSNorm((1, 2), 0.01)),
        name="rms_norm without weight, x (3, 2, 2)",
        x=uniform(rng, (3, 2, 2)),
    )


# Cross entropy


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


# The other losses


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


# Functions of each element


@cases_of(GELU)
def gelu_cases(rng: np.random.Generator) -> Cases:
    by_definition = np.vectorize(lambda x: 0.5 * x * math.erfc(-x * math.sqrt(0.5)), otypes="d")
    for x_shape in SHAPES:
        yield Case(GELU(), oracle=lambda x: by_definition(x).astype(x.dtype), x=uniform(rng, x_shape))
    yield Case(GELU(), oracle=lambda x: np.maximum(x, 0), name="gelu of +-800", x=np.array([800.0, -800.0]))


@cases_of(TanhGELU)
def tanh_gelu_cases(rng: np.random.Generator) -> Cases:
    for x_shape in SHAPES:
        yield Case(
            TanhGELU(),
            oracle=lambda x: (0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))).astype(x.dtype),
            x=uniform(rng, x_shape),
        )
    yield Case(TanhGELU(), oracle=lambda x: np.maximum(x, 0), name="tanh gelu of +-800", x=np.array([800.0, -800.0]))


@cases_of(SiLU)
def silu_cases(rng: np.random.Generator) -> Cases:
    for x_shape in SHAPES:
        yield Case(SiLU(), oracle=lambda x: x / (1 + np.exp(-x)), x=uniform(rng, x_shape))
    yield Case(SiLU(), oracle=lambda x: np.maximum(x, 0), name="silu of +-800", x=np.array([800.0, -800.0]))


@cases_of(Softplus)
def softplus_cases(rng: np.random.Generator) -> Cases:
    for x_shape in SHAPES:
        yield Case(Softplus(), oracle=lambda x: np.log(1 + np.exp(x)), x=uniform(rng, x_shape))
    # With this threshold some of the elements are above it; 0.7 away from them, differences are right.
    yield Case(
        Softplus(2.0, 1.0),
        oracle=lambda x: np.where(2 * x > 1, x, np.log(1 + np.exp(2 * x)) / 2),
        x=np.array([-1.0, 0.0, 0.2, 0.8, 1.5]),
    )
    yield Case(Softplus(), oracle=lambda x: np.maximum(x, 0), name="softplus of +-800", x=np.array([800.0, -800.0]))


# The rest


@cases_of(Dropout)
def dropout_cases(rng: np.random.Generator) -> Cases:
    for p in 0.25, 0.5, 1.0:
        for x_shape in SHAPES:
            yield Case(
                Dropout(p),
                oracle=lambda x, mask, p=p: np.where(mask, x / (1 - p), 0) if p < 1 else np.zeros_like(x),
                x=uniform(rng, x_shape),
                mask=np.asarray(rng.uniform(size=x_shape) >= p),
            )


@cases_of(Linear)
def linear_cases(rng: np.random.Generator) -> Cases:
    for x_shape, weight_shape in (
        ((3, 4), (2, 4)),
        ((4,), (2, 4)),
        ((2, 3, 4), (2, 4)),
        ((3, 3), (3, 3)),
        ((0, 4), (2, 4)),
        ((2, 0), (3, 0)),
        ((2, 3), (0, 3)),
    ):
        x, weight, bias = uniform(rng, x_shape), uniform(rng, weight_shape), uniform(rng, weight_shape[:1])
        yield Case(Linear(), oracle=lambda x, weight, bias: x @ weight.T + bias, x=x, weight=weight, bias=bias)
        yield Case(functional.linear, oracle=lambda x, weight: x @ weight.T, x=x, weight=weight)


@cases_of(LogSoftmax)
def log_softmax_cases(rng: np.random.Generator) -> Cases:
    for x_shape, axis in ((3, 4), 1), ((3, 4), 0), ((2, 3, 4), -2), ((4,), 0), ((3, 1), 1), ((0, 3), 1):
        yield Case(
            LogSoftmax(axis),
            oracle=lambda x, axis=axis: np.log(np.exp(x) / np.sum(np.exp(x), axis=axis, keepdims=True)),
            x=uniform(rng, x_shape),
        )
    large = np.array([1000.0, 0.0])
    yield Case(LogSoftmax(0), oracle=lambda x: np.array([0.0, -1000.0], x.dtype), name="log_softmax of [1000, 0]", x=large)


@cases_of(LogSumExp)
def logsumexp_cases(rng: np.random.Generator) -> Cases:
    for x_shape, axis in ((3, 4), (1,)), ((3, 4), (0,)), ((2, 3, 4), (0, 2)), ((4,), (0,)), ((3, 1), (1,)), ((0, 3), (1,)), ((2, 3), ()):
        for keepdims in False, True:
            op = LogSumExp(axis, keepdims)
            yield Case(
                op,
                oracle=lambda x, op=op: np.log(np.sum(np.exp(x), axis=op.axis, keepdims=op.keepdims)),
                x=uniform(rng, x_shape),
            )
    large = np.array([1000.0, 1000.0])
    yield Case(LogSumExp((0,)), oracle=lambda x: x[0] + np.log(x.dtype.type(2)), name="logsumexp of [1000, 1000]", x=large)


@cases_of(Softmax)
def softmax_cases(rng: np.random.Generator) -> Cases:
    for x_shape, axis in ((3, 4), 1), ((3, 4), 0), ((2, 3, 4), -2), ((4,), 0), ((3, 1), 1), ((0, 3), 1):
        yield Case(
            Softmax(axis),
            oracle=lambda x, axis=axis: np.exp(x) / np.sum(np.exp(x), axis=axis, keepdims=True),
            x=uniform(rng, x_shape),
        )
    yield Case(Softmax(0), oracle=lambda x: np.array([1.0, 0.0], x.dtype), name="softmax of [1000, 0]", x=np.array([1000.0, 0.0]))


@cases_of(Sigmoid)
def sigmoid_cases(rng: np.random.Generator) -> Cases:
    for x_shape in SHAPES:
        yield Case(Sigmoid(), oracle=lambda x: 1 / (1 + np.exp(-x)), x=uniform(rng, x_shape))
    yield Case(Sigmoid(), oracle=lambda x: 1 / (1 + np.exp(-x)), name="sigmoid of zeros", x=np.zeros((2, 3)))
    yield Case(Sigmoid(), oracle=lambda x: np.where(x > 0, 1.0, 0.0).astype(x.dtype), name="sigmoid of +-800", x=np.array([800.0, -800.0]))
