"""Fully connected layers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...engine.tensor import Tensor
from ...ops.creation import zeros
from .. import functional as F, init
from ..functional.dense import check_activation
from ..module import Module, Parameter


class Linear(Module):
    """A fully connected layer.

    out = x @ weight.T + bias

    Parameters
        in_features, out_features  the sizes k and m of the last axis of x and of out.
        bias                       whether there is a bias.
        activation                 "relu", "tanh" or "sigmoid", which is applied to out in the same node; None for none.
        dtype                      of the parameters; the default dtype if not given.
        generator                  what draws the parameters.

    Shapes    x (..., k), weight (m, k), bias (m,), out (..., m).
    Starts    weight and bias evenly from [-1 / sqrt(k), 1 / sqrt(k)), as in PyTorch.
    Raises    ShapeError if the last axis of x has another size, DTypeError if x has another dtype than weight, ValueError for another
              activation.

    >>> import tinygrad_edu as tg
    >>> layer = Linear(3, 2)
    >>> layer(tg.zeros((5, 3))).shape
    (5, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        activation: str | None = None,
        dtype: Any = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        check_activation("Linear", activation)
        self.activation = activation
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(zeros((out_features, in_features), dtype))
        self.register_parameter("bias", Parameter(zeros(out_features, dtype)) if bias else None)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: np.random.Generator | None = None) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5), generator=generator)
        if self.bias is not None:
            bound = 1 / math.sqrt(max(1, self.in_features))
            init.uniform_(self.bias, -bound, bound, generator)

    def forward(self, input: Any) -> Tensor:
        return F.linear(input, self.weight, self.bias, activation=self.activation)

    def extra_repr(self) -> str:
        activation = "" if self.activation is None else f", activation={self.activation!r}"
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}{activation}"

    def formula(self) -> list[str]:
        out = "x @ weight.T" if self.bias is None else "x @ weight.T + bias"
        shapes = f"weight {self.weight.shape}" + ("" if self.bias is None else f", bias {self.bias.shape}")
        return [f"out = {out if self.activation is None else f'{self.activation}({out})'}    {shapes}"]
