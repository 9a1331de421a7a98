"""What LSTM, GRU and RNN share: their products, which all steps have in common, and the slopes of their gates.

In memory a gate is an array (step, batch, hidden), so that it is in one piece at each step; PyTorch's weights hold them as rows
(gate * hidden, k).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.tensor import Tensor

Gates = np.ndarray | tuple[np.ndarray, ...]
"""For each gate an array (step, batch, hidden)."""


def by_gate(weight: np.ndarray, gates: int) -> np.ndarray:
    """The rows (gate * hidden, k) of a weight as (gate, hidden, k)."""
    rows, size = weight.shape
    return weight.reshape(gates, rows // gates, size)


def of_input(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, gates: int) -> np.ndarray:
    """What x adds to the gates of all steps, (gate, step, batch, hidden)."""
    steps, batch, size = x.shape
    weight = by_gate(weight, gates)
    out = np.matmul(x.reshape(steps * batch, size), weight.swapaxes(1, 2))
    if bias is not None:
        out += bias.reshape(gates, 1, -1)
    return out.reshape(gates, steps, batch, weight.shape[1])


def of_state(weight: np.ndarray, gates: int) -> np.ndarray:
    """The weight by which each state is multiplied, (gate, k, hidden), copied once to be quick at every step."""
    return np.ascontiguousarray(by_gate(weight, gates).swapaxes(1, 2))


def both(bias_ih: Any, bias_hh: Any) -> Any:
    """The sum of two biases, either of which may be None."""
    return bias_hh if bias_ih is None else bias_ih if bias_hh is None else bias_ih + bias_hh


# The gates, in place: these see arrays only.


def logistic(x: np.ndarray) -> None:
    """x becomes 1 / (1 + exp(-x)). Far below 0 exp(-x) is inf, and the result 0: overflow is right, and to be ignored."""
    np.negative(x, out=x)
    np.exp(x, out=x)
    x += 1
    np.reciprocal(x, out=x)


def slope_of_logistic(s: np.ndarray, out: np.ndarray) -> np.ndarray:
    """out = s * (1 - s), the derivative where the logistic function is s."""
    np.subtract(1, s, out=out)
    out *= s
    return out


def slope_of_tanh(t: np.ndarray, out: np.ndarray) -> np.ndarray:
    """out = 1 - t * t, the derivative where tanh is t."""
    np.multiply(t, t, out=out)
    return np.subtract(1, out, out=out)


# The gradients of the products, each of all steps at once; grads holds for each gate the gradient of what went into it.


def grad_of_input(grads: Gates, weight: np.ndarray) -> np.ndarray:
    """The gradient of x, (step, batch, k)."""
    steps, batch, hidden = grads[0].shape
    out = np.empty((steps, batch, weight.shape[1]), weight.dtype)
    rows = out.reshape(steps * batch, weight.shape[1])
    first, *others = zip([grad.reshape(steps * batch, hidden) for grad in grads], by_gate(weight, len(grads)))
    np.matmul(*first, out=rows)
    product = np.empty_like(rows)
    for grad, part in others:
        rows += np.matmul(grad, part, out=product)
    return out


def grad_of_weight(grads: Gates, values: np.ndarray) -> np.ndarray:
    """For values (step, batch, k) the gradient of the weight that they are multiplied by, (gate * hidden, k)."""
    steps, batch, size = values.shape
    hidden = grads[0].shape[-1]
    out = np.empty((len(grads) * hidden, size), values.dtype)
    values = values.reshape(steps * batch, size)
    for grad, part in zip(grads, by_gate(out, len(grads))):
        np.matmul(grad.reshape(steps * batch, hidden).T, values, out=part)
    return out


def grad_of_state_weight(grads: np.ndarray, h0: np.ndarray, states: np.ndarray) -> np.ndarray:
    """The same for the states before each step, of which h0 is the first."""
    out = grad_of_weight(grads[:, :1], h0[None])
    out += grad_of_weight(grads[:, 1:], states[:-1])
    return out


def grad_of_bias(grads: Gates) -> np.ndarray:
    steps, batch, hidden = grads[0].shape
    ones = np.ones(steps * batch, grads[0].dtype)
    return np.concatenate([np.dot(ones, grad.reshape(steps * batch, hidden)) for grad in grads])


def steps_of(x: Tensor) -> list[Tensor]:
    """[x[0], x[1], ...] for a twin. By halves: the gradient of a slice is as large as what it was cut from."""
    if len(x) <= 1:
        return [x[0]] if len(x) else []
    half = len(x) // 2
    return steps_of(x[:half]) + steps_of(x[half:])
