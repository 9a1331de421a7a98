"""Losses."""

from __future__ import annotations

from typing import Any

from ...engine.tensor import Tensor
from .. import functional as F
from ..module import Module


class CrossEntropyLoss(Module):
    """Cross entropy between the softmax of logits and labels, or probabilities; see functional.cross_entropy for the arguments.

    loss = mean of -log(softmax(x))[target]

    >>> import tinygrad_edu as tg
    >>> CrossEntropyLoss()(tg.zeros((1, 2)), [1])
    Tensor(0.6931472)
    """

    def __init__(
        self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.reduction = reduction
        self.label_smoothing = label_smoothing

    def forward(self, input: Any, target: Any) -> Tensor:
        return F.cross_entropy(input, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing)

    def extra_repr(self) -> str:
        return f"ignore_index={self.ignore_index}, reduction={self.reduction!r}, label_smoothing={self.label_smoothing}"

    def formula(self) -> list[str]:
        smoothing = self.label_smoothing
        wanted = f"({1 - smoothing:g} * onehot(target) + {smoothing:g} / classes)" if smoothing else "onehot(target)"
        weight, total = ("", "number of losses that count") if self.weight is None else ("weight * ", "sum(weight[target])")
        out = {"mean": f"sum(losses) / {total}", "sum": "sum(losses)", "none": "losses"}[self.reduction]
        return [
            f"losses = -sum({weight}{wanted} * log_softmax(x))    over the classes; 0 where target is {self.ignore_index}",
            f"out = {out}",
        ]


class BCEWithLogitsLoss(Module):
    """Cross entropy between the sigmoid of logits and probabilities; see functional.binary_cross_entropy_with_logits for the arguments.

    loss = mean of -(target * log(sigmoid(x)) + (1 - target) * log(1 - sigmoid(x)))

    >>> import tinygrad_edu as tg
    >>> BCEWithLogitsLoss()(tg.zeros(2), [True, False])
    Tensor(0.6931472)
    """

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean", pos_weight: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)
        self.reduction = reduction

    def forward(self, input: Any, target: Any) -> Tensor:
        return F.binary_cross_entropy_with_logits(input, target, self.weight, self.reduction, self.pos_weight)

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}"

    def formula(self) -> list[str]:
        weight, yes = ("" if buffer is None else f"{name} * " for name, buffer in (("weight", self.weight), ("pos_weight", self.pos_weight)))
        return [
            f"losses = -{weight}({yes}target * log(sigmoid(x)) + (1 - target) * log(1 - sigmoid(x)))",
            "out = losses" if self.reduction == "none" else f"out = {self.reduction}(losses)",
        ]


class MSELoss(Module):
    """Mean of the squares of the differences.

    loss = mean((x - target)**2)

    >>> import tinygrad_edu as tg
    >>> MSELoss()(tg.zeros(2), tg.tensor([1.0, 3.0]))
    Tensor(5.)
    """

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, input: Any, target: Any) -> Tensor:
        return F.mse_loss(input, target, self.reduction)

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}"

    def formula(self) -> list[str]:
        return ["out = (x - target)**2" if self.reduction == "none" else f"out = {self.reduction}((x - target)**2)"]


class L1Loss(Module):
    """Mean of the distances.

    loss = mean(|x - target|)
    """

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, input: Any, target: Any) -> Tensor:
        return F.l1_loss(input, target, self.reduction)

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}"

    def formula(self) -> list[str]:
        return ["out = |x - target|" if self.reduction == "none" else f"out = {self.reduction}(|x - target|)"]


class SmoothL1Loss(Module):
    """Mean of distances that are squares near 0; see functional.smooth_l1_loss.

    loss = mean of d**2 / (2 beta) where d < beta, else d - beta / 2, with d = |x - target|
    """

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__()
        self.reduction = reduction
        self.beta = beta

    def forward(self, input: Any, target: Any) -> Tensor:
        return F.smooth_l1_loss(input, target, self.reduction, self.beta)

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}, beta={self.beta}"

    def formula(self) -> list[str]:
        return [
            f"losses = d**2 / {2 * self.beta:g} where d < {self.beta:g}, else d - {self.beta / 2:g}    d = |x - target|",
            "out = losses" if self.reduction == "none" else f"out = {self.reduction}(losses)",
        ]


class HuberLoss(Module):
    """Mean of squares that do not run away with outliers; see functional.huber_loss.

    loss = mean of d**2 / 2 where d < delta, else delta * (d - delta / 2), with d = |x - target|
    """

    def __init__(self, *, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__()
        self.reduction = reduction
        self.delta = delta

    def forward(self, input: Any, target: Any) -> Tensor:
        return F.huber_loss(input, target, self.reduction, self.delta)

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}, delta={self.delta}"

    def formula(self) -> list[str]:
        return [
            f"losses = d**2 / 2 where d < {self.delta:g}, else {self.delta:g} * (d - {self.delta / 2:g})    d = |x - target|",
            "out = losses" if self.reduction == "none" else f"out = {self.reduction}(losses)",
        ]
