"""A layer of gated recurrent units, over a whole sequence."""

from __future__ import annotations

import numpy as np

from ..engine.op import Fused
from . import recurrence
from .sigmoid import Sigmoid


class GRU(Fused):
    """Gated recurrent units over a whole sequence, in one node.

    At each step t, from the state h of the step before (at first h0):

    r, z   = s(a_r + b_r), s(a_z + b_z)    s(a) = 1 / (1 + exp(-a))
    n      = tanh(a_n + r * b_n)
    a, b   = x[t] @ weight_ih.T + bias_ih and h @ weight_hh.T + bias_hh, each in three parts of equal size
    out[t] = (1 - z) * n + z * h, the next h

    Shapes    x (T, N, I) with T from 1, h0 (N, H), weight_ih (3 H, I), weight_hh (3 H, H), both biases (3 H,) or None, out (T, N, H).
    Gradient  back through the steps, with dh = g[t] + what comes from step t + 1:
              da_n = dh * (1 - z) * (1 - n**2)          db_n = da_n * r
              da_r = da_n * b_n * r * (1 - r)           db_r = da_r
              da_z = dh * (h before - n) * z * (1 - z)  db_z = da_z
              dh   = dh * z + db @ weight_hh goes to step t - 1, and at last is dL/dh0.
              dL/dx = da @ weight_ih, dL/dweight_ih = da.T @ x, dL/dweight_hh = db.T @ (h before), dL/dbias_ih = sum(da),
              dL/dbias_hh = sum(db), over all steps at once.
    Keeps     the inputs, out, the three gates and b_n of each step.
    Source    Cho et al. (2014), arXiv:1406.1078, with r after the product, as PyTorch and cuDNN have it.
    """

    def forward(self, x, h0, weight_ih, weight_hh, bias_ih, bias_hh):
        gates = recurrence.of_input(x, weight_ih, bias_ih, 3)
        weight = recurrence.of_state(weight_hh, 3)
        bias = None if bias_hh is None else bias_hh.reshape(3, 1, -1)
        out = np.empty((len(x), *h0.shape), gates.dtype)
        b_n = np.empty_like(out)
        b = np.empty((3, *h0.shape), gates.dtype)
        h = h0
        with np.errstate(over="ignore"):
            for t in range(len(x)):
                r, z, n = gates[:, t]
                np.matmul(h, weight, out=b)
                if bias is not None:
                    b += bias
                b_n[t] = b[2]
                r_and_z = gates[:2, t]
                r_and_z += b[:2]
                recurrence.logistic(r_and_z)
                n += np.multiply(r, b[2], out=b[2])
                np.tanh(n, out=n)
                h = np.subtract(h, n, out=out[t])
                h *= z
                h += n
        return out, {"gates": gates, "b_n": b_n}

    def backward(self, g, x, h0, weight_ih, weight_hh, out, gates, b_n, needs):
        r, z, n = gates
        # First, for all steps, the factors of dh.
        grads = np.empty((4, *out.shape), out.dtype)
        da_n, da_r, da_z, db_n = grads
        np.subtract(1, z, out=db_n)
        recurrence.slope_of_tanh(n, out=da_n)
        da_n *= db_n
        recurrence.slope_of_logistic(r, out=da_r)
        da_r *= b_n
        da_r *= da_n
        recurrence.slope_of_logistic(z, out=da_z)
        da_z[:1] *= np.subtract(h0, n[:1], out=db_n[:1])
        da_z[1:] *= np.subtract(out[:-1], n[1:], out=db_n[1:])
        np.multiply(da_n, r, out=db_n)

        weight = recurrence.by_gate(weight_hh, 3)
        product = np.empty((3, *h0.shape), out.dtype)
        dh, more = np.zeros_like(h0), np.empty_like(h0)
        for t in reversed(range(len(x))):
            dh += g[t]
            grads[:, t] *= dh
            dh *= z[t]
            dh += np.add.reduce(np.matmul(grads[1:, t], weight, out=product), axis=0, out=more)
        da, db = (da_r, da_z, da_n), grads[1:]
        return (
            recurrence.grad_of_input(da, weight_ih) if needs[0] else None,
            dh,
            recurrence.grad_of_weight(da, x) if needs[2] else None,
            recurrence.grad_of_state_weight(db, h0, out) if needs[3] else None,
            recurrence.grad_of_bias(da) if needs[4] else None,
            recurrence.grad_of_bias(db) if needs[5] else None,
        )

    def composed(self, x, h0, weight_ih, weight_hh, bias_ih, bias_hh):
        logistic = Sigmoid().composed
        a = x @ weight_ih.T
        a = a if bias_ih is None else a + bias_ih
        hidden = h0.shape[1]
        h, states = h0, []
        for a_t in recurrence.steps_of(a):
            b = h @ weight_hh.T
            b = b if bias_hh is None else b + bias_hh
            r_and_z = logistic(a_t[:, : 2 * hidden] + b[:, : 2 * hidden])
            n = np.tanh(a_t[:, 2 * hidden :] + r_and_z[:, :hidden] * b[:, 2 * hidden :])
            h = n + r_and_z[:, hidden:] * (h - n)
            states.append(h)
        return np.stack(states)
