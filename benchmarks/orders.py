"""Derivatives of order 1 to 4 through fused nodes: this library and PyTorch beside the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np

import tinygrad_edu as tg

from . import timing

ORDERS = (1, 2, 3, 4)
SHAPE = (5, 3)
TARGET = [2, 0, 1, 1, 0]
EPS = 1e-5
DIGITS = 60
WRONG = 1e-6
"""The relative error from which on a derivative in float64 is not only rounded, but wrong."""

FUNCTIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "batch_norm": lambda F, x, target: F.batch_norm(x, None, None, training=True, eps=EPS),
    "layer_norm": lambda F, x, target: F.layer_norm(x, x.shape[1:], eps=EPS),
    "sigmoid": lambda F, x, target: F.sigmoid(x),
    "log_softmax": lambda F, x, target: F.log_softmax(x, 1),
    "cross_entropy": lambda F, x, target: F.cross_entropy(x, target, reduction="none"),
}
"""Each as a call that both libraries understand; F is their functional module."""


def ours(name: str, x: np.ndarray, u: np.ndarray, w: np.ndarray) -> list[float]:
    """The derivatives of phi by this library."""
    t = tg.tensor(0.0, dtype="float64", requires_grad=True)
    out = FUNCTIONS[name](tg.nn.functional, tg.tensor(x) + t * tg.tensor(u), tg.tensor(TARGET))
    return _derivatives(tg.grad, (tg.tensor(w) * out).sum(), t)


def theirs(name: str, x: np.ndarray, u: np.ndarray, w: np.ndarray) -> list[float]:
    """The same by PyTorch."""
    import torch

    t = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    out = FUNCTIONS[name](torch.nn.functional, torch.tensor(x) + t * torch.tensor(u), torch.tensor(TARGET))
    return _derivatives(torch.autograd.grad, (torch.tensor(w) * out).sum(), t)


def _derivatives(grad: Callable, phi: Any, t: Any) -> list[float]:
    found = []
    for _ in ORDERS:
        (phi,) = grad(phi, t, create_graph=True)
        found.append(phi.item())
    return found


def truth(name: str, x: np.ndarray, u: np.ndarray, w: np.ndarray) -> list[Any]:
    """The same by differences in extended precision, as mpmath's numbers."""
    import mpmath

    exp, log, sqrt = (np.frompyfunc(function, 1, 1) for function in (mpmath.exp, mpmath.log, mpmath.sqrt))

    def normalized(x: np.ndarray, axis: int) -> np.ndarray:
        centered = x - x.mean(axis, keepdims=True)
        return centered / sqrt((centered * centered).mean(axis, keepdims=True) + EPS)

    def log_softmax(x: np.ndarray) -> np.ndarray:
        return x - log(exp(x).sum(1, keepdims=True))

    plain: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "batch_norm": lambda x: normalized(x, 0),
        "layer_norm": lambda x: normalized(x, 1),
        "sigmoid": lambda x: 1 / (1 + exp(-x)),
        "log_softmax": log_softmax,
        "cross_entropy": lambda x: -log_softmax(x)[np.arange(len(x)), TARGET],
    }
    with mpmath.workdps(DIGITS):
        x, u, w = (np.vectorize(mpmath.mpf, otypes=[object])(values) for values in (x, u, w))
        return [mpmath.diff(lambda t: np.sum(w * plain[name](x + t * u)), 0, order) for order in ORDERS]


def inputs(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, u and w for a function."""
    rng = np.random.default_rng(0)
    x, u, w = (rng.standard_normal(SHAPE) for _ in range(3))
    return x, u, w[:, 0] if name == "cross_entropy" else w


def measure() -> dict[str, dict[str, Sequence[Any]]]:
    """By function, the derivatives by each library that is installed, and the truth."""
    libraries = {"truth": truth, "tinygrad_edu": ours} | ({"PyTorch": theirs} if find_spec("torch") else {})
    return {name: {library: derivatives(name, *inputs(name)) for library, derivatives in libraries.items()} for name in FUNCTIONS}


def table(measured: dict[str, dict[str, Sequence[Any]]]) -> str:
    """The derivatives, and how far each is off, relative to the truth."""
    libraries = [library for library in next(iter(measured.values())) if library != "truth"]
    names = {library: f"{library} {version('torch').partition('+')[0]}" if library == "PyTorch" else library for library in libraries}
    lines = [["", "order", "truth", *[cell for library in libraries for cell in (names[library], "off by")]]]
    for name, found in measured.items():
        for i, order in enumerate(ORDERS):
            expected = found["truth"][i]
            cells = [cell for library in libraries for cell in _cells(found[library][i], expected)]
            lines.append([name if i == 0 else "", str(order), f"{float(expected):.8f}", *cells])
    return timing.table(*lines)


def _cells(value: float, expected: Any) -> tuple[str, str]:
    """A derivative, and its error."""
    error = float(abs((value - expected) / expected))
    return f"{value:.8f}", f"{error:.0e}" if error < WRONG else f"{error:.0e} wrong"


NOTES = f"""\
Each function f is differentiated along a line: phi(t) = sum(w * f(x + t * u)) at t = 0, in float64, x of shape {SHAPE}; x, u and w are
drawn once from the normal distribution. The truth is neither library's: it is f in its plain form, differentiated numerically by mpmath
with {DIGITS} digits. The error is relative to the truth; from {WRONG:.0e} on it is no rounding.
"""
