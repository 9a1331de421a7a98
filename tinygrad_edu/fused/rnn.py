"""A plain recurrent layer, over a whole sequence."""

from __future__ import annotations

import numpy as np

from ..engine.op import Fused
from ..ops.elementwise import relu
from . import recurrence


class RNN(Fused):
    """Elman's recurrent network over a whole sequence, in one node.

    out[t] = tanh(x[t] @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh)    h = out[t - 1], at first h0; or relu in place of tanh

    Shapes    x (T, N, I) with T from 1, h0 (N, H), weight_ih (H, I), weight_hh (H, H), both biases (H,) or None, out (T, N, H).
    Gradient  back through the steps, with dh = g[t] + what comes from step t + 1:
              da = dh * (1 - out[t]**2), and for relu dh where out[t] > 0, else 0
              dh = da @ weight_hh goes to step t - 1, and at last is dL/dh0.
              dL/dx = da @ weight_ih, dL/dweight_ih = da.T @ x, dL/dweight_hh = da.T @ (h before), dL/dbias = sum(da), over all
              steps at once.
    Keeps     the inputs and out.
    Source    Elman (1990), Finding structure in time.
    """

    nonlinearity: str = "tanh"

    def forward(self, x, h0, weight_ih, weight_hh, bias_ih, bias_hh):
        out = recurrence.of_input(x, weight_ih, recurrence.both(bias_ih, bias_hh), 1)[0]
        weight = recurrence.of_state(weight_hh, 1)[0]
        h, product = h0, np.empty(h0.shape, out.dtype)
        for h_next in out:
            h_next += np.matmul(h, weight, out=product)
            h = np.tanh(h_next, out=h_next) if self.nonlinearity == "tanh" else np.maximum(h_next, 0, out=h_next)
        return out

    def backward(self, g, x, h0, weight_ih, weight_hh, out, needs):
        da = np.empty((1, *out.shape), out.dtype)
        if self.nonlinearity == "tanh":
            recurrence.slope_of_tanh(out, out=da[0])
        else:
            np.greater(out, 0, out=da[0])
        dh = np.zeros_like(h0)
        for t in reversed(range(len(x))):
            dh += g[t]
            da[0, t] *= dh
            np.matmul(da[0, t], weight_hh, out=dh)
        grad_bias = recurrence.grad_of_bias(da) if needs[4] or needs[5] else None
        return (
            recurrence.grad_of_input(da, weight_ih) if needs[0] else None,
            dh,
            recurrence.grad_of_weight(da, x) if needs[2] else None,
            recurrence.grad_of_state_weight(da, h0, out) if needs[3] else None,
            grad_bias,
            grad_bias,
        )

    def composed(self, x, h0, weight_ih, weight_hh, bias_ih, bias_hh):
        a = x @ weight_ih.T
        bias = recurrence.both(bias_ih, bias_hh)
        h, states = h0, []
        for a_t in recurrence.steps_of(a if bias is None else a + bias):
            a_t = a_t + h @ weight_hh.T
            h = np.tanh(a_t) if self.nonlinearity == "tanh" else relu(a_t)
            states.append(h)
        return np.stack(states)
