"""RMSprop: a step divided by the root of a moving average of squared gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from .optimizer import Optimizer, at_least_zero, blend, number


class RMSprop(Optimizer):
    """Divide each gradient by the size that it had lately, so that all numbers move at a similar speed.

    s = alpha * s + (1 - alpha) * g * g
    x = x - lr * g / (sqrt(s) + eps)            or, with eps_inside_root, / sqrt(s + eps)

    With centered, s is replaced under the root by a variance, s - a * a, where a = alpha * a + (1 - alpha) * g.
    With momentum, b = momentum * b + g / (sqrt(s) + eps) and x = x - lr * b.

    Parameters
        params           tensors, (name, tensor) pairs, or dicts of settings; see Optimizer.
        lr               the length of a step.
        alpha            how much of the averages stays, in [0, 1).
        eps              what keeps the denominator from 0.
        weight_decay     added to the gradient, times x: L2 regularization.
        momentum         how much of the velocity b stays.
        centered         whether to divide by the standard deviation of the gradient, not by its root mean square.
        maximize         climb instead of descending.
        eps_inside_root  add eps under the root, as Keras, optax and JAX do; PyTorch and the CS231n notes add it to the root.
    Raises ValueError for a setting out of its range; see Optimizer for the parameters.

    Source    Tieleman and Hinton (2012), Neural Networks for Machine Learning, lecture 6.5.
              Graves (2013), arXiv:1308.0850, for the centered form.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor(1.0, requires_grad=True)
    >>> optimizer = tg.optim.RMSprop([x], lr=0.1, alpha=0.9, eps=1e-2)
    >>> (x * x / 2).backward()
    >>> optimizer.step()
    >>> print(f"{x.item():.6f}")
    0.693466
    """

    buffers: ClassVar = {"square_avg": None, "momentum_buffer": "momentum", "grad_avg": "centered"}
    counts_steps = True
    beyond_pytorch: ClassVar = {"eps_inside_root": False}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
        eps_inside_root: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "alpha": alpha,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "centered": centered,
                "maximize": maximize,
                "eps_inside_root": eps_inside_root,
            },
        )

    def check(self, group: dict[str, Any]) -> None:
        super().check(group)
        self.require(at_least_zero(group["alpha"], below=1), f"alpha is {group['alpha']!r}; it needs to be in [0, 1)")

    def numbers(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        numbers = {name: float(group[name]) for name in ("lr", "alpha", "eps", "momentum")}
        return {**numbers, "eps_inside_root": group["eps_inside_root"]}

    def update(self, x, g, scratch, s, b, a, *, lr, alpha, eps, momentum, eps_inside_root):
        np.multiply(g, g, out=scratch)
        blend(s, scratch, alpha, scratch)
        square = s
        if a is not None:
            blend(a, g, alpha, scratch)
            np.multiply(a, a, out=scratch)
            np.subtract(s, scratch, out=scratch)
            square = np.maximum(scratch, 0, out=scratch)    # rounding makes it negative when the gradient hardly changes
        if eps_inside_root:
            np.add(square, eps, out=scratch)
            np.sqrt(scratch, out=scratch)
        else:
            np.sqrt(square, out=scratch)
            scratch += eps
        np.divide(g, scratch, out=scratch)
        if b is not None:
            b *= momentum
            b += scratch
            np.multiply(b, lr, out=scratch)
        else:
            scratch *= lr
        x -= scratch

    def formula(self, group: dict[str, Any]) -> list[str]:
        lr, alpha, eps, momentum = (number(group[name]) for name in ("lr", "alpha", "eps", "momentum"))
        lines = [f"s = {alpha} * s + (1 - {alpha}) * g * g"]
        square = "s"
        if group["centered"]:
            lines.append(f"a = {alpha} * a + (1 - {alpha}) * g")
            square = "s - a * a"
        quotient = f"g / sqrt({square} + {eps})" if group["eps_inside_root"] else f"g / (sqrt({square}) + {eps})"
        if group["momentum"]:
            return [*lines, f"b = {momentum} * b + {quotient}", f"x = x - {lr} * b"]
        return [*lines, f"x = x - {lr} * {quotient}"]
