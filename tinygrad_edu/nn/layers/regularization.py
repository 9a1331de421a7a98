"""Regularization: dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.tensor import Tensor
from .. import functional as F
from ..functional.regularization import drop_probability
from ..module import Module


class Dropout(Module):
    """In training, set each element to 0 with probability p, and divide the others by 1 - p; in evaluation, do nothing.

    out = where(mask, x / (1 - p), 0)    mask = random(x.shape) >= p

    Parameters
        p          the probability to drop; 0.5 if not given.
        keep_prob  1 - p, the notation of the CS231n notes; give one of the two.
        generator  what draws the masks; the default one, which tg.manual_seed starts, if not given.
    Raises ValueError if a probability is outside [0, 1], or both are given.

    Source    Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting; in the inverted form.

    >>> import tinygrad_edu as tg
    >>> Dropout(0.2).eval()(tg.ones(2))
    Tensor([1., 1.])
    """

    def __init__(self, p: float | None = None, *, keep_prob: float | None = None, generator: np.random.Generator | None = None) -> None:
        super().__init__()
        self.p = drop_probability(p, keep_prob)
        self.generator = generator

    def forward(self, input: Any) -> Tensor:
        return F.dropout(input, self.p, self.training, generator=self.generator)

    def extra_repr(self) -> str:
        return f"p={self.p:g}"

    def formula(self) -> list[str]:
        kept = "out = 0" if self.p == 1 else f"out = where(mask, x / (1 - {self.p:g}), 0)    mask = random(x.shape) >= {self.p:g}"
        return [f"training:    {kept}", "evaluation:  out = x"]
