"""Functions between the layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.tensor import Tensor
from ...fused.gelu import GELU, TanhGELU
from ...fused.log_softmax import LogSoftmax
from ...fused.logsumexp import LogSumExp
from ...fused.sigmoid import Sigmoid
from ...fused.silu import SiLU
from ...fused.softmax import Softmax
from ...fused.softplus import Softplus
from ...ops.operands import as_tensor

_SIGMOID = Sigmoid()
_SILU = SiLU()
_SOFTPLUS = Softplus(threshold=np.inf)
_GELU = {"none": GELU(), "tanh": TanhGELU()}


def sigmoid(input: Any) -> Tensor:
    """1 / (1 + exp(-input)), element by element, without overflow.

    >>> sigmoid(Tensor([0.0, -800.0]))
    Tensor([0.5, 0. ])
    """
    return _SIGMOID(input)


def silu(input: Any) -> Tensor:
    """input * sigmoid(input), element by element.

    >>> silu(Tensor([0.0, 1.0])).round(3)
    Tensor([0.   , 0.731])
    """
    return _SILU(input)


def gelu(input: Any, approximate: str = "none") -> Tensor:
    """input times the probability that a standard normal number is below it, element by element.

    approximate is "none", or "tanh" for input / 2 * (1 + tanh(sqrt(2 / pi) * (input + 0.044715 * input**3))), which is quicker.

    Raises ValueError for another approximate.

    >>> gelu(Tensor([0.0, 1.0])).round(3)
    Tensor([0.   , 0.841])
    """
    if approximate not in _GELU:
        raise ValueError(f"gelu: approximate={approximate!r}; it needs to be 'none' or 'tanh'")
    return _GELU[approximate](input)


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta * input)) / beta, element by element, without overflow; input where beta * input > threshold, as in PyTorch.

    >>> softplus(Tensor([-800.0, 800.0]))
    Tensor([  0., 800.])
    """
    return Softplus(beta, threshold)(input)


def logsigmoid(input: Any) -> Tensor:
    """log(sigmoid(input)), element by element, without overflow and with all its digits.

    >>> logsigmoid(Tensor([-800.0]))
    Tensor([-800.])
    """
    return -_SOFTPLUS(-as_tensor(input))


def leaky_relu(input: Any, negative_slope: float = 0.01) -> Tensor:
    """input where it is above 0, else negative_slope * input; the slope at 0 is that below it, as in PyTorch.

    >>> leaky_relu(Tensor([-2.0, 3.0]), 0.5)
    Tensor([-1.,  3.])
    """
    input = as_tensor(input)
    return np.where(input > 0, input, negative_slope * input)


def log_softmax(input: Any, dim: int = -1) -> Tensor:
    """input - log(sum(exp(input))), the sum over axis dim, without overflow.

    >>> log_softmax(Tensor([1000.0, 0.0]))
    Tensor([    0., -1000.])
    """
    input = as_tensor(input)
    return LogSoftmax(np.lib.array_utils.normalize_axis_index(dim, input.ndim, "log_softmax"))(input)


def softmax(input: Any, dim: int = -1) -> Tensor:
    """exp(input) / sum(exp(input)), the sum over axis dim, without overflow.

    >>> softmax(Tensor([1000.0, 0.0]))
    Tensor([1., 0.])
    """
    input = as_tensor(input)
    return Softmax(np.lib.array_utils.normalize_axis_index(dim, input.ndim, "softmax"))(input)


def logsumexp(input: Any, dim: int | tuple[int, ...], keepdim: bool = False) -> Tensor:
    """log(sum(exp(input))), the sum over axis dim or several, without overflow.

    keepdim says whether each summed axis stays, with size 1. Raises AxisError if input has no such axis.

    >>> logsumexp(Tensor([[1000.0, 1000.0]]), 1)
    Tensor([1000.6932])
    """
    input = as_tensor(input)
    return LogSumExp(np.lib.array_utils.normalize_axis_tuple(dim, input.ndim, "logsumexp"), keepdim)(input)
