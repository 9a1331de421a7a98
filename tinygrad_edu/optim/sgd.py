"""SGD: stochastic gradient descent, with momentum and Nesterov's momentum in the forms of PyTorch and of the CS231n notes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from .optimizer import Optimizer, number


class SGD(Optimizer):
    """Stochastic gradient descent: step against the gradient, or along a velocity v that remembers earlier gradients.

    no momentum          x = x - lr * g

    form="pytorch"       v = momentum * v + (1 - dampening) * g          in the first step v = g
                         x = x - lr * v                                  or, with nesterov,
                         x = x - lr * (g + momentum * v)

    form="cs231n"        v = momentum * v - lr * g
                         x = x + v                                       or, with nesterov,
                         x = x - momentum * v_prev + (1 + momentum) * v

    The two forms agree while lr is constant. When lr is lowered, the second goes on with the long strides in v, the first does not.

    Parameters
        params        tensors, (name, tensor) pairs, or dicts of settings; see Optimizer.
        lr            the length of a step.
        momentum      how much of the velocity stays.
        dampening     how much of the gradient does not enter the velocity.
        weight_decay  added to the gradient, times x: L2 regularization.
        nesterov      Nesterov's momentum; only with momentum, and without dampening.
        maximize      climb instead of descending.
        form          "pytorch" or "cs231n".
    Raises ValueError for a setting out of its range; see Optimizer for the parameters.

    Source    Polyak (1964), Some methods of speeding up the convergence of iteration methods.
              Sutskever et al. (2013), On the importance of initialization and momentum in deep learning; its Nesterov's
              x is another variable. PyTorch's documentation of SGD; the CS231n notes, Neural Networks part 3.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor(1.0, requires_grad=True)
    >>> optimizer = tg.optim.SGD([x], lr=0.1, momentum=0.9)
    >>> for _ in range(3):
    ...     optimizer.zero_grad()
    ...     (x * x / 2).backward()
    ...     optimizer.step()
    ...     print(f"{x.item():.3f}")
    0.900
    0.720
    0.486
    """

    buffers: ClassVar = {"momentum_buffer": "momentum"}
    beyond_pytorch: ClassVar = {"form": "pytorch"}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        form: str = "pytorch",
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "form": form,
            },
        )

    def check(self, group: dict[str, Any]) -> None:
        super().check(group)
        momentum, dampening, form = group["momentum"], group["dampening"], group["form"]
        self.require(form in ("pytorch", "cs231n"), f"form is {form!r}; it needs to be 'pytorch' or 'cs231n'")
        self.require(
            not group["nesterov"] or (momentum > 0 and dampening == 0),
            f"nesterov needs momentum > 0 and dampening 0, not momentum {momentum} and dampening {dampening}",
        )
        self.require(form == "pytorch" or dampening == 0, f"form='cs231n' has no dampening, and dampening is {dampening}; set it to 0")

    def numbers(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        first = "momentum_buffer" not in state
        return {
            "lr": float(group["lr"]),
            "momentum": float(group["momentum"]),
            "share": 1.0 if first else 1.0 - float(group["dampening"]),
            "nesterov": group["nesterov"],
            "lr_in_velocity": group["form"] == "cs231n",
        }

    def update(self, x, g, scratch, v, *, lr, momentum, share, nesterov, lr_in_velocity):
        if v is None:
            np.multiply(g, lr, out=scratch)
            x -= scratch
        elif lr_in_velocity:
            if nesterov:
                np.multiply(v, momentum, out=scratch)
                x -= scratch                                # x - momentum * v_prev
            v *= momentum
            np.multiply(g, lr, out=scratch)
            v -= scratch                                    # v = momentum * v - lr * g
            if nesterov:
                np.multiply(v, 1 + momentum, out=scratch)
                x += scratch
            else:
                x += v
        else:
            v *= momentum
            if share == 1:
                v += g
            else:
                np.multiply(g, share, out=scratch)
                v += scratch                                # v = momentum * v + (1 - dampening) * g
            np.multiply(v, momentum if nesterov else lr, out=scratch)
            if nesterov:
                scratch += g
                scratch *= lr                               # lr * (g + momentum * v)
            x -= scratch

    def formula(self, group: dict[str, Any]) -> list[str]:
        lr, momentum, dampening = (number(group[name]) for name in ("lr", "momentum", "dampening"))
        if not group["momentum"]:
            return [f"x = x - {lr} * g"]
        if group["form"] == "cs231n":
            velocity = f"v = {momentum} * v - {lr} * g"
            if group["nesterov"]:
                return ["v_prev = v", velocity, f"x = x - {momentum} * v_prev + (1 + {momentum}) * v"]
            return [velocity, "x = x + v"]
        velocity = f"{momentum} * v + g"
        if group["dampening"]:
            velocity = f"g if t == 1 else {momentum} * v + (1 - {dampening}) * g"
        return [f"v = {velocity}", f"x = x - {lr} * " + (f"(g + {momentum} * v)" if group["nesterov"] else "v")]
