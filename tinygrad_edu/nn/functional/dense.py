"""Fully connected layers."""

from __future__ import annotations

from typing import Any

from ...engine.tensor import Tensor
from ...errors import ShapeError
from ...fused.linear import ACTIVATIONS, Linear, LinearActivation
from ...ops.operands import as_tensor
from .checks import check_dtypes, described

_LINEAR = Linear()


def linear(input: Any, weight: Tensor, bias: Tensor | None = None, *, activation: str | None = None) -> Tensor:
    """input @ weight.T + bias, and an activation of that.

    activation is "relu", "tanh" or "sigmoid", computed in place: one node, which keeps the result and not what the activation is of.
    The gradients of others need more than their result; apply them as functions of their own.

    Shapes    input (..., k), weight (m, k), bias (m,); the result (..., m).
    Raises    ShapeError if they do not fit, DTypeError if they are not of one dtype, ValueError for another activation.

    >>> linear(Tensor([[1.0, 2.0]]), Tensor([[3.0, 4.0]]), Tensor([0.5]))
    Tensor([[11.5]])
    >>> linear(Tensor([[1.0, 2.0]]), Tensor([[3.0, 4.0], [-3.0, -4.0]]), activation="relu")
    Tensor([[11.,  0.]])
    """
    check_activation("linear", activation)
    input = as_tensor(input)
    check_dtypes("linear", input, weight=weight, bias=bias)
    if weight.ndim != 2 or not input.ndim or input.shape[-1] != weight.shape[1]:
        raise ShapeError(
            f"linear: {described('input', input)} and {described('weight', weight)}; weight needs two axes, of which the second has "
            f"the size of the last axis of input"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ShapeError(f"linear: {described('bias', bias)}; it needs one number for each row of weight, so shape {weight.shape[:1]}")
    return (_LINEAR if activation is None else LinearActivation(activation))(input, weight, bias)


def check_activation(function: str, activation: str | None) -> None:
    if activation is not None and activation not in ACTIVATIONS:
        raise ValueError(f"{function}: activation={activation!r}; it needs to be one of None, {', '.join(map(repr, ACTIVATIONS))}")
