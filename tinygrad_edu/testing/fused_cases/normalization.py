"""The cases of norms."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...fused.batch_norm import BatchNorm, BatchNormEvaluation
from ...fused.group_norm import GroupNorm
from ...fused.layer_norm import LayerNorm
from ...fused.rms_norm import RMSNorm
from ...nn import functional
from ..cases import Case, cases_of
from ..inputs import Cases, between, uniform


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


@cases_of(GroupNorm)
def group_norm_cases(rng: np.random.Generator) -> Cases:
    for x_shape, channels in ((2, 4), 2), ((2, 6, 3), 2), ((3, 2, 2, 2), 1), ((1, 3, 2, 2), 3), ((0, 4), 2), ((2, 0, 3), 1):
        for eps in (1e-5, 0.1):
            op = GroupNorm(channels, eps)
            yield Case(
                op,
                oracle=lambda x, gamma, beta, op=op: group_by_group(x, gamma, beta, x.shape[1] // op.channels, op.eps),
                x=uniform(rng, x_shape),
                gamma=between(rng, 0.5, 2)((x_shape[1],)),
                beta=uniform(rng, x_shape[1]),
            )
    yield Case(
        lambda x: functional.group_norm(x, 2),
        oracle=lambda x: group_by_group(x, np.ones(4), np.zeros(4), 2, 1e-5),
        name="group_norm without weight and bias, x (3, 4, 2)",
        x=uniform(rng, (3, 4, 2)),
    )
    yield Case(
        lambda x, weight: functional.instance_norm(x, weight=weight),
        oracle=lambda x, weight: group_by_group(x, weight, np.zeros(3), 3, 1e-5),
        name="instance_norm without bias, x (2, 3, 4)",
        x=uniform(rng, (2, 3, 4)),
        weight=uniform(rng, 3),
    )


def group_by_group(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, groups: int, eps: float) -> np.ndarray:
    """Group norm by its definition, one group of one sample after the other."""
    out = np.empty_like(x)
    for sample, result in zip(x, out):
        for channels in np.split(np.arange(x.shape[1]), max(1, groups)):
            if channels.size:
                group = sample[channels]
                result[channels] = (group - np.mean(group)) / np.sqrt(np.var(group) + eps)
    of_channel = (x.shape[1], *(1,) * (x.ndim - 2))
    return (out * weight.reshape(of_channel) + bias.reshape(of_channel)).astype(x.dtype)


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
