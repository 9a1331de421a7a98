"""A layer of long short-term memory, over a whole sequence."""

from __future__ import annotations

import numpy as np

from ..engine.op import Fused
from . import recurrence
from .sigmoid import Sigmoid


class LSTM(Fused):
    """Long short-term memory over a whole sequence, in one node.

    At each step t, from the state h and the cell c of the step before (at first h0 and c0):

    i, f, n, o = s(a_i), s(a_f), tanh(a_n), s(a_o)    s(a) = 1 / (1 + exp(-a))
    a          = x[t] @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh, in four parts of equal size
    c          = f * c + i * n
    h          = o * tanh(c)

    out[t] = h for each step, and out[T] = c of the last: the states, and the one cell that the next sequence goes on from.

    Shapes    x (T, N, I) with T from 1, h0 and c0 (N, H), weight_ih (4 H, I), weight_hh (4 H, H), both biases (4 H,) or None, out (T + 1, N, H).
    Gradient  back through the steps, with dh = g[t] + what comes from step t + 1, and dc, which starts as g[T]:
              da_o = dh * tanh(c) * o * (1 - o)
              dc   = dc + dh * o * (1 - tanh(c)**2)
              da_i = dc * n * i * (1 - i)    da_f = dc * (c before) * f * (1 - f)    da_n = dc * i * (1 - n**2)
              dc   = dc * f and dh = da @ weight_hh go to step t - 1, and at last are dL/dc0 and dL/dh0.
              dL/dx = da @ weight_ih, dL/dweight_ih = da.T @ x, dL/dweight_hh = da.T @ (h before), dL/dbias = sum(da), over all
              steps at once.
    Keeps     the inputs, out, the four gates and the cells of each step; tanh(c) is computed again.
    Source    Hochreiter and Schmidhuber (1997), Long short-term memory; with the forget gate of Gers, Schmidhuber and Cummins (2000).
              n is PyTorch's g, which is another g here.
    """

    def forward(self, x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh):
        gates = recurrence.of_input(x, weight_ih, recurrence.both(bias_ih, bias_hh), 4)
        weight = recurrence.of_state(weight_hh, 4)
        out = np.empty((len(x) + 1, *h0.shape), gates.dtype)
        cells = np.empty((len(x), *h0.shape), gates.dtype)
        product = np.empty((4, *h0.shape), gates.dtype)
        h, c = h0, c0
        with np.errstate(over="ignore"):
            for t in range(len(x)):
                a = gates[:, t]
                a += np.matmul(h, weight, out=product)
                i, f, n, o = a
                recurrence.logistic(a[:2])
                recurrence.logistic(o)
                np.tanh(n, out=n)
                c = np.multiply(f, c, out=cells[t])
                h = np.multiply(i, n, out=out[t])
                c += h
                np.tanh(c, out=h)
                h *= o
        out[len(x)] = c
        return out, {"gates": gates, "cells": cells}

    def backward(self, g, x, h0, c0, weight_ih, weight_hh, out, gates, cells, needs):
        i, f, n, o = gates
        # First, for all steps, whatever does not wait for dh and dc.
        da = np.empty_like(gates)
        da_i, da_f, da_n, da_o = da
        tanh_c = np.tanh(cells)
        recurrence.slope_of_logistic(i, out=da_i)
        da_i *= n
        recurrence.slope_of_logistic(f, out=da_f)
        da_f[:1] *= c0
        da_f[1:] *= cells[:-1]
        recurrence.slope_of_tanh(n, out=da_n)
        da_n *= i
        recurrence.slope_of_logistic(o, out=da_o)
        da_o *= tanh_c
        of_c = recurrence.slope_of_tanh(tanh_c, out=tanh_c)
        of_c *= o

        weight = recurrence.by_gate(weight_hh, 4)
        product = np.empty((4, *h0.shape), gates.dtype)
        dh, dc, more = np.zeros_like(h0), g[len(x)].copy(), np.empty_like(h0)
        for t in reversed(range(len(x))):
            dh += g[t]
            da_o[t] *= dh
            dc += np.multiply(dh, of_c[t], out=more)
            da[:3, t] *= dc
            dc *= f[t]
            np.add.reduce(np.matmul(da[:, t], weight, out=product), axis=0, out=dh)
        grad_bias = recurrence.grad_of_bias(da) if needs[5] or needs[6] else None
        return (
            recurrence.grad_of_input(da, weight_ih) if needs[0] else None,
            dh,
            dc,
            recurrence.grad_of_weight(da, x) if needs[3] else None,
            recurrence.grad_of_state_weight(da, h0, out[:-1]) if needs[4] else None,
            grad_bias,
            grad_bias,
        )

    def composed(self, x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh):
        logistic = Sigmoid().composed
        a = x @ weight_ih.T
        bias = recurrence.both(bias_ih, bias_hh)
        a = a if bias is None else a + bias
        hidden = h0.shape[1]
        h, c, states = h0, c0, []
        for of_input in recurrence.steps_of(a):
            a = of_input + h @ weight_hh.T
            i, f, n, o = (a[:, k * hidden : (k + 1) * hidden] for k in range(4))
            c = logistic(f) * c + logistic(i) * np.tanh(n)
            h = logistic(o) * np.tanh(c)
            states.append(h)
        return np.stack([*states, c])
