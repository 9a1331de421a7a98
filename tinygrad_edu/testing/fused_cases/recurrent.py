"""The cases of recurrent layers, each of which goes over a whole sequence."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...engine.op import Fused
from ...fused.gru import GRU
from ...fused.lstm import LSTM
from ...fused.rnn import RNN
from ..cases import Case, cases_of
from ..inputs import Cases, uniform

SIZES = ((2, 2, 3, 2), (1, 2, 1, 1), (3, 1, 2, 1), (2, 0, 1, 1), (2, 1, 0, 1))
"""(T, N, I, H): steps, batch, input and hidden."""


def s(a: Any) -> Any:
    return 1 / (1 + np.exp(-a))


def lstm(x: Any, h: Any, c: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any = 0, bias_hh: Any = 0) -> Any:
    out = []
    for x_t in x:
        i, f, n, o = np.split(x_t @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh, 4, axis=1)
        c = s(f) * c + s(i) * np.tanh(n)
        h = s(o) * np.tanh(c)
        out.append(h)
    return np.stack([*out, c])


def gru(x: Any, h: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any = 0, bias_hh: Any = 0) -> Any:
    out = []
    for x_t in x:
        a_r, a_z, a_n = np.split(x_t @ weight_ih.T + bias_ih, 3, axis=1)
        b_r, b_z, b_n = np.split(h @ weight_hh.T + bias_hh, 3, axis=1)
        z = s(a_z + b_z)
        h = (1 - z) * np.tanh(a_n + s(a_r + b_r) * b_n) + z * h
        out.append(h)
    return np.stack(out)


def rnn(x: Any, h: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any = 0, bias_hh: Any = 0, nonlinearity: Any = np.tanh) -> Any:
    out = []
    for x_t in x:
        h = nonlinearity(x_t @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh)
        out.append(h)
    return np.stack(out)


def inputs(rng: np.random.Generator, sizes: tuple[int, ...], gates: int, states: tuple[str, ...]) -> dict[str, Any]:
    steps, batch, size, hidden = sizes
    rows = gates * hidden
    shapes = {
        "x": (steps, batch, size),
        **dict.fromkeys(states, (batch, hidden)),
        "weight_ih": (rows, size),
        "weight_hh": (rows, hidden),
        "bias_ih": (rows,),
        "bias_hh": (rows,),
    }
    return {name: uniform(rng, shape) for name, shape in shapes.items()}


def cases(rng: np.random.Generator, op: Fused, oracle: Callable, gates: int, *states: str) -> Cases:
    for sizes in SIZES:
        yield Case(op, oracle=oracle, **inputs(rng, sizes, gates, states))
    given = inputs(rng, (2, 1, 1, 1), gates, states)
    del given["bias_ih"], given["bias_hh"]
    yield Case(lambda *given: op(*given, None, None), oracle=oracle, name=f"{op!r} without bias", **given)


@cases_of(LSTM)
def lstm_cases(rng: np.random.Generator) -> Cases:
    yield from cases(rng, LSTM(), lstm, 4, "h0", "c0")


@cases_of(GRU)
def gru_cases(rng: np.random.Generator) -> Cases:
    yield from cases(rng, GRU(), gru, 3, "h0")


@cases_of(RNN)
def rnn_cases(rng: np.random.Generator) -> Cases:
    yield from cases(rng, RNN("tanh"), rnn, 1, "h0")
    yield from cases(rng, RNN("relu"), partial(rnn, nonlinearity=partial(np.maximum, 0)), 1, "h0")
