"""Recurrent layers over a whole sequence. PyTorch's functions are torch.lstm and torch.gru; ours take the weights as nodes do."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.fused.gru import GRU
from tinygrad_edu.fused.lstm import LSTM

from .row import Inputs, Row


def drawn(rng: np.random.Generator, shape: tuple[int, ...], gates: int, states: int) -> Inputs:
    """x (T, N, I), states (N, H), weights and biases as a layer draws them, of a shape (T, N, I, H)."""
    steps, batch, size, hidden = shape
    bound = hidden**-0.5
    arrays = [rng.standard_normal((steps, batch, size)), *rng.standard_normal((states, batch, hidden))]
    arrays += [rng.uniform(-bound, bound, (gates * hidden, *columns)) for columns in ((size,), (hidden,), (), ())]
    return [array.astype(np.float32) for array in arrays]


def lstm(F: Any, x: Any, h: Any, c: Any, *weights: Any) -> Any:
    if F is tg.nn.functional:
        return LSTM()(x, h, c, *weights)[:-1]
    import torch

    return torch.lstm(x, (h[None], c[None]), weights, True, 1, 0.0, True, False, False)[0]


def lstm_of_primitives(torch: Any, x: Any, h: Any, c: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any) -> Any:
    out = []
    for a in (x @ weight_ih.T + (bias_ih + bias_hh)).unbind():
        i, f, n, o = (a + h @ weight_hh.T).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(n)
        h = torch.sigmoid(o) * torch.tanh(c)
        out.append(h)
    return torch.stack(out)


def gru(F: Any, x: Any, h: Any, *weights: Any) -> Any:
    if F is tg.nn.functional:
        return GRU()(x, h, *weights)
    import torch

    return torch.gru(x, h[None], weights, True, 1, 0.0, True, False, False)[0]


def gru_of_primitives(torch: Any, x: Any, h: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any) -> Any:
    out = []
    for a in (x @ weight_ih.T + bias_ih).unbind():
        (a_r, a_z, a_n), (b_r, b_z, b_n) = a.chunk(3, 1), (h @ weight_hh.T + bias_hh).chunk(3, 1)
        n = torch.tanh(a_n + torch.sigmoid(a_r + b_r) * b_n)
        h = n + torch.sigmoid(a_z + b_z) * (h - n)
        out.append(h)
    return torch.stack(out)


SHAPES = (64, 16, 64, 64), (32, 32, 128, 128), (16, 64, 256, 256)
AIMED = (32, 32, 128, 128)

ROWS = (
    *(
        Row("lstm", shape, lambda rng, shape: drawn(rng, shape, 4, 2), lstm, lstm_of_primitives,
            {"both": 1.6} if shape == AIMED else {}, {"both": 1.2} if shape == AIMED else {})
        for shape in SHAPES
    ),
    *(Row("gru", shape, lambda rng, shape: drawn(rng, shape, 3, 1), gru, gru_of_primitives) for shape in SHAPES),
)
