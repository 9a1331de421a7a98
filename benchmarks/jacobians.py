"""Jacobians and hessians: all rows in one walk, beside a walk for each row, and beside PyTorch's."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinygrad_edu import func
from tinygrad_edu.engine.modes import no_grad
from tinygrad_edu.nn import GELU, LayerNorm, Linear, Sequential

from . import timing

Derivative = Callable[[], Any]


class Row(NamedTuple):
    """A function of one vector, written for NumPy's names and so for PyTorch's, and which derivative of it is taken.

    function  takes the module with the names, a vector, and a matrix of constants.
    """

    derivative: str
    function: Callable[[Any, Any, Any], Any]


ROWS = {
    "jacobian, elementwise": Row("jacobian", lambda m, x, w: m.tanh(m.sin(x) * x + m.exp(-x * x))),
    "jacobian, tanh(w @ tanh(w @ x))": Row("jacobian", lambda m, x, w: m.tanh(w @ m.tanh(w @ x))),
    "hessian, Rosenbrock": Row("hessian", lambda m, x, w: m.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)),
    "hessian, log(sum(exp(w @ x)))": Row("hessian", lambda m, x, w: m.log(m.sum(m.exp(w @ x)))),
}
SIZES = (3, 30, 300)
TOGETHER, ONE_BY_ONE, PYTORCH = "one walk", "a walk each", "PyTorch"


def measures(with_pytorch: bool) -> dict[str, dict[str, timing.Measure]]:
    """What is measured: for each row and size, each way."""
    rng = np.random.default_rng(0)
    found: dict[str, dict[str, timing.Measure]] = {}
    for name, row in ROWS.items():
        for n in SIZES:
            x, w = rng.standard_normal(n), rng.standard_normal((n, n)) / np.sqrt(n)
            found[f"{name}, {n}"] = forms(row, x, w, with_pytorch)
    network = Sequential(Linear(20, 64), LayerNorm(64), GELU(), Linear(64, 30))
    batch = rng.standard_normal((8, 20)).astype(np.float32)
    jacobian = no_grad()(func.jacobian(lambda x: network(x)[0]))
    found["jacobian, a network of fused nodes, 30"] = {
        TOGETHER: timed(lambda: jacobian(batch)), ONE_BY_ONE: timed(one_by_one(lambda: jacobian(batch)))
    }
    return found


def forms(row: Row, x: np.ndarray, w: np.ndarray, with_pytorch: bool) -> dict[str, timing.Measure]:
    derivative = getattr(func, row.derivative)(lambda x: row.function(np, x, w))
    found = {TOGETHER: timed(lambda: derivative(x)), ONE_BY_ONE: timed(one_by_one(lambda: derivative(x)))}
    if with_pytorch:
        import torch

        theirs = {"jacobian": torch.func.jacrev, "hessian": torch.func.hessian}[row.derivative]
        point, weight = torch.tensor(x), torch.tensor(w)
        theirs = theirs(lambda x: row.function(torch, x, weight))
        found[PYTORCH] = timed(lambda: theirs(point))
    return found


def one_by_one(run: Derivative) -> Derivative:
    """The same derivative with a walk for each row."""

    def apart() -> Any:
        most, func.MOST_ELEMENTS = func.MOST_ELEMENTS, 0
        try:
            return run()
        finally:
            func.MOST_ELEMENTS = most

    return apart


def timed(run: Derivative) -> timing.Measure:
    def measure() -> tuple[float]:
        start = time.perf_counter()
        run()
        return (time.perf_counter() - start,)

    return measure


def table(times: timing.Measured) -> str:
    """Milliseconds, the least of all repetitions, and how many times quicker one walk is than a walk for each row."""
    names = list(dict.fromkeys(name for samples in times.values() for name in samples))
    lines = [["milliseconds", *names, "quicker by"]]
    for row, samples in times.items():
        least = {name: timing.best(samples[name])[0] for name in samples}
        cells = [f"{1e3 * least[name]:.2f}" if name in least else "" for name in names]
        lines.append([row, *cells, f"{least[ONE_BY_ONE] / least[TOGETHER]:.1f}"])
    return timing.table(*lines)
