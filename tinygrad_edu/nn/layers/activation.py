"""Functions between the layers."""

from __future__ import annotations

from typing import Any

from ...engine.tensor import Tensor
from .. import functional as F
from ..module import Module


class ReLU(Module):
    """out = maximum(x, 0), element by element."""

    def forward(self, input: Any) -> Tensor:
        return F.relu(input)

    def formula(self) -> list[str]:
        return ["out = maximum(x, 0)"]


class Tanh(Module):
    """out = tanh(x), element by element."""

    def forward(self, input: Any) -> Tensor:
        return F.tanh(input)

    def formula(self) -> list[str]:
        return ["out = tanh(x)"]


class Sigmoid(Module):
    """out = 1 / (1 + exp(-x)), element by element."""

    def forward(self, input: Any) -> Tensor:
        return F.sigmoid(input)

    def formula(self) -> list[str]:
        return ["out = 1 / (1 + exp(-x))"]


class SiLU(Module):
    """out = x * sigmoid(x), element by element."""

    def forward(self, input: Any) -> Tensor:
        return F.silu(input)

    def formula(self) -> list[str]:
        return ["out = x / (1 + exp(-x))"]


class GELU(Module):
    """x times the probability that a standard normal number is below x, element by element; see functional.gelu for approximate.

    out = x / 2 * (1 + erf(x / sqrt(2)))

    Raises ValueError if approximate is not "none" or "tanh".
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise ValueError(f"GELU: approximate={approximate!r}; it needs to be 'none' or 'tanh'")
        self.approximate = approximate

    def forward(self, input: Any) -> Tensor:
        return F.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"

    def formula(self) -> list[str]:
        exact = self.approximate == "none"
        return [f"out = x / 2 * (1 + {'erf(x / sqrt(2))' if exact else 'tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))'})"]


class Softplus(Module):
    """A smooth maximum of x and 0, element by element.

    out = log(1 + exp(beta * x)) / beta, and x where beta * x > threshold
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Any) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"

    def formula(self) -> list[str]:
        return [f"out = log(1 + exp({self.beta:g} * x)) / {self.beta:g}    and x where {self.beta:g} * x > {self.threshold:g}"]


class Softmax(Module):
    """out = exp(x) / sum(exp(x)), the sum over axis dim."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Any) -> Tensor:
        return F.softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"

    def formula(self) -> list[str]:
        return [f"out = exp(x) / sum(exp(x))    over axis {self.dim}"]


class LogSoftmax(Module):
    """out = x - log(sum(exp(x))), the sum over axis dim."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Any) -> Tensor:
        return F.log_softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"

    def formula(self) -> list[str]:
        return [f"out = x - log(sum(exp(x)))    over axis {self.dim}"]


class LogSigmoid(Module):
    """out = log(1 / (1 + exp(-x))), element by element."""

    def forward(self, input: Any) -> Tensor:
        return F.logsigmoid(input)

    def formula(self) -> list[str]:
        return ["out = log(1 / (1 + exp(-x)))"]


class LeakyReLU(Module):
    """out = x where x > 0, else negative_slope * x."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, input: Any) -> Tensor:
        return F.leaky_relu(input, self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"

    def formula(self) -> list[str]:
        return [f"out = x where x > 0, else {self.negative_slope:g} * x"]
