"""Adam, and AdamW with decoupled weight decay."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from .optimizer import Optimizer, at_least_zero, blend, number


class Adam(Optimizer):
    """Step along a moving average of the gradient, divided by the root of a moving average of its square.

    m = beta1 * m + (1 - beta1) * g             m_hat = m / (1 - beta1**t)
    v = beta2 * v + (1 - beta2) * g * g         v_hat = v / (1 - beta2**t)
    x = x - lr * m_hat / (sqrt(v_hat) + eps)

    The averages start at 0, and the division by 1 - beta**t, for step t, undoes the bias that this gives them.

    Parameters
        params        tensors, (name, tensor) pairs, or dicts of settings; see Optimizer.
        lr            the length of a step.
        betas         how much of the two averages stays, each in [0, 1).
        eps           what keeps the denominator from 0.
        weight_decay  added to the gradient, times x: L2 regularization.
        amsgrad       divide by the largest v so far, so that no step grows again.
        maximize      climb instead of descending.
        decoupled_weight_decay
                      multiply x by 1 - lr * weight_decay instead of changing the gradient; AdamW is Adam with this.
        epsilon_hat   x = x - lr * sqrt(1 - beta2**t) / (1 - beta1**t) * m / (sqrt(v) + eps), as Keras and Chainer do it.
    Raises ValueError for a setting out of its range; see Optimizer for the parameters.

    Source    Kingma and Ba (2015), arXiv:1412.6980: Algorithm 1, and for epsilon_hat the end of section 2.
              Reddi et al. (2018), On the Convergence of Adam and Beyond, for amsgrad, with the bias undone as PyTorch does it.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor(1.0, requires_grad=True)
    >>> optimizer = tg.optim.Adam([x], lr=0.1, eps=1e-2)
    >>> (x * x / 2).backward()
    >>> optimizer.step()
    >>> print(f"{x.item():.5f}")
    0.90099
    """

    buffers: ClassVar = {"exp_avg": None, "exp_avg_sq": None, "max_exp_avg_sq": "amsgrad"}
    counts_steps = True
    beyond_pytorch: ClassVar = {"epsilon_hat": False}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
        epsilon_hat: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "decoupled_weight_decay": decoupled_weight_decay,
                "epsilon_hat": epsilon_hat,
            },
        )

    def check(self, group: dict[str, Any]) -> None:
        super().check(group)
        betas = group["betas"]
        self.require(
            isinstance(betas, (tuple, list)) and len(betas) == 2 and all(at_least_zero(beta, below=1) for beta in betas),
            f"betas is {betas!r}; it needs to be two numbers in [0, 1)",
        )

    def numbers(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        lr, eps, t = float(group["lr"]), float(group["eps"]), state["step"]
        beta1, beta2 = map(float, group["betas"])
        root = math.sqrt(1 - beta2**t)
        return {
            "beta1": beta1,
            "beta2": beta2,
            "eps": eps if group["epsilon_hat"] else eps * root,     # m_hat / (sqrt(v_hat) + eps), with numerator and denominator
            "step": lr * root / (1 - beta1**t),                     # both times root, is m * root / ... / (sqrt(v) + eps * root)
            "shrink": 1 - lr * float(group["weight_decay"]) if group["decoupled_weight_decay"] else 1.0,
        }

    def update(self, x, g, scratch, m, v, v_max, *, beta1, beta2, eps, step, shrink):
        if shrink != 1:
            x *= shrink
        blend(m, g, beta1, scratch)
        np.multiply(g, g, out=scratch)
        blend(v, scratch, beta2, scratch)
        if v_max is not None:
            v = np.maximum(v_max, v, out=v_max)
        np.sqrt(v, out=scratch)
        scratch += eps
        np.divide(m, scratch, out=scratch)
        scratch *= step
        x -= scratch

    def formula(self, group: dict[str, Any]) -> list[str]:
        lr, eps, decay = (number(group[name]) for name in ("lr", "eps", "weight_decay"))
        beta1, beta2 = map(number, group["betas"])
        lines = [f"x = (1 - {lr} * {decay}) * x"] if group["decoupled_weight_decay"] and group["weight_decay"] else []
        lines += [f"m = {beta1} * m + (1 - {beta1}) * g", f"v = {beta2} * v + (1 - {beta2}) * g * g"]
        square = "v"
        if group["amsgrad"]:
            lines.append("v_max = maximum(v_max, v)")
            square = "v_max"
        if group["epsilon_hat"]:
            return [*lines, f"x = x - {lr} * sqrt(1 - {beta2}**t) / (1 - {beta1}**t) * m / (sqrt({square}) + {eps})"]
        m_hat, v_hat = f"m_hat = m / (1 - {beta1}**t)", f"v_hat = {square} / (1 - {beta2}**t)"
        return [*lines, m_hat, v_hat, f"x = x - {lr} * m_hat / (sqrt(v_hat) + {eps})"]


class AdamW(Adam):
    """Adam with decoupled weight decay: the weights shrink by a factor of their own, and the averages do not see it.

    x = (1 - lr * weight_decay) * x, and then Adam's step.

    Parameters are Adam's, with weight_decay = 0.01 by default.

    Source    Loshchilov and Hutter (2019), arXiv:1711.05101, with the decay times lr, as in PyTorch.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor(1.0, requires_grad=True)
    >>> tg.optim.AdamW([x], lr=0.1).describe()
    AdamW, for each parameter x with gradient g (t counts its steps, from 1; all else starts at 0):
        x = (1 - 0.1 * 0.01) * x
        m = 0.9 * m + (1 - 0.9) * g
        v = 0.999 * v + (1 - 0.999) * g * g
        m_hat = m / (1 - 0.9**t)
        v_hat = v / (1 - 0.999**t)
        x = x - 0.1 * m_hat / (sqrt(v_hat) + 1e-08)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        epsilon_hat: bool = False,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True, epsilon_hat=epsilon_hat
        )
