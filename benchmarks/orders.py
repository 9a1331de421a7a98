"""Derivatives of order 1 to 4 through fused nodes: this library and PyTorch beside the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

import tinygrad_edu as tg

from . import timing
from .fused.recurrent import gru, lstm

ORDERS = (1, 2, 3, 4)
TARGET = [2, 0, 1, 1, 0]
EPS = 1e-5
DIGITS = 60
WRONG = 1e-6
"""The relative error from which on a derivative in float64 is not only rounded, but wrong."""


class Function(NamedTuple):
    """A function in two ways.

    call    as both libraries understand it, of their functional module and Tensors.
    plain   by its definition, of arrays of mpmath's numbers.
    shapes  of its inputs, which all move.
    """

    call: Callable[..., Any]
    plain: Callable[..., np.ndarray]
    shapes: tuple[tuple[int, ...], ...] = ((5, 3),)


# Plain forms


def elementwise(name: str) -> Callable[[Any], Any]:
    """A function of mpmath, for arrays of its numbers."""

    def function(x: Any) -> Any:
        import mpmath

        return np.frompyfunc(getattr(mpmath, name), 1, 1)(x)

    return function


exp, log, sqrt, tanh, erf = map(elementwise, ("exp", "log", "sqrt", "tanh", "erf"))


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + exp(-x))


def normalized(x: np.ndarray, axes: int | tuple[int, ...]) -> np.ndarray:
    centered = x - x.mean(axes, keepdims=True)
    return centered / sqrt((centered * centered).mean(axes, keepdims=True) + EPS)


def softmax(x: np.ndarray) -> np.ndarray:
    return exp(x) / exp(x).sum(-1, keepdims=True)


def log_softmax(x: np.ndarray) -> np.ndarray:
    return x - log(exp(x).sum(1, keepdims=True))


def gelu_by_tanh(x: np.ndarray) -> np.ndarray:
    import mpmath

    return x / 2 * (1 + tanh(mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf("0.044715") * x**3)))


def binary_cross_entropy(x: np.ndarray) -> np.ndarray:
    target = np.arange(x.size).reshape(x.shape) % 2
    return (log(1 + exp(x)) - target * x).mean()


def attention(query: np.ndarray, key: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Of one head, without a mask."""
    scores = np.einsum("abik,abjk->abij", query, key) / sqrt(query.shape[-1])
    return np.einsum("abij,abjk->abik", softmax(scores), value)


def conv2d(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Cross-correlation, each element of the output by itself."""
    _, _, rows, columns = weight.shape
    out = np.empty((x.shape[0], weight.shape[0], x.shape[2] - rows + 1, x.shape[3] - columns + 1), object)
    for n, c, i, j in np.ndindex(out.shape):
        out[n, c, i, j] = np.sum(x[n, :, i : i + rows, j : j + columns] * weight[c])
    return out


def plain_lstm(x: np.ndarray, h: np.ndarray, c: np.ndarray, *weights: np.ndarray) -> np.ndarray:
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    states = []
    for step in x:
        i, f, g, o = np.split(step @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h = sigmoid(o) * tanh(c)
        states.append(h)
    return np.stack(states)


def plain_gru(x: np.ndarray, h: np.ndarray, *weights: np.ndarray) -> np.ndarray:
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    states = []
    for step in x:
        (r, z, n), (r_h, z_h, n_h) = (np.split(a, 3, axis=1) for a in (step @ weight_ih.T + bias_ih, h @ weight_hh.T + bias_hh))
        r, z = sigmoid(r + r_h), sigmoid(z + z_h)
        h = (1 - z) * tanh(n + r * n_h) + z * h
        states.append(h)
    return np.stack(states)


def in_groups(x: np.ndarray, groups: int) -> np.ndarray:
    """Normalized over each group of channels of each sample."""
    return normalized(x.reshape(x.shape[0], groups, -1), 2).reshape(x.shape)


def cdist(F: Any, a: Any, b: Any) -> Any:
    if F is tg.nn.functional:
        return tg.cdist(a, b)
    import torch

    return torch.cdist(a, b)


FUNCTIONS: dict[str, Function] = {
    "batch_norm": Function(lambda F, x: F.batch_norm(x, None, None, training=True, eps=EPS), lambda x: normalized(x, 0)),
    "layer_norm": Function(lambda F, x: F.layer_norm(x, x.shape[1:], eps=EPS), lambda x: normalized(x, 1)),
    "instance_norm": Function(lambda F, x: F.instance_norm(x, eps=EPS), lambda x: normalized(x, 2), ((2, 2, 4),)),
    "group_norm": Function(lambda F, x: F.group_norm(x, 2, eps=EPS), lambda x: in_groups(x, 2), ((2, 4, 3),)),
    "rms_norm": Function(lambda F, x: F.rms_norm(x, x.shape[1:], eps=EPS), lambda x: x / sqrt((x * x).mean(1, keepdims=True) + EPS)),
    "softmax": Function(lambda F, x: F.softmax(x, 1), softmax),
    "log_softmax": Function(lambda F, x: F.log_softmax(x, 1), log_softmax),
    "logsumexp": Function(lambda F, x: F.logsumexp(x, 1) if F is tg.nn.functional else x.logsumexp(1), lambda x: log(exp(x).sum(1))),
    "cross_entropy": Function(
        lambda F, x: F.cross_entropy(x, of_library(F, TARGET), reduction="none"), lambda x: -log_softmax(x)[np.arange(len(x)), TARGET]
    ),
    "binary_cross_entropy_with_logits": Function(
        lambda F, x: F.binary_cross_entropy_with_logits(x, of_library(F, np.arange(15.0).reshape(5, 3) % 2)), binary_cross_entropy
    ),
    "sigmoid": Function(lambda F, x: F.sigmoid(x), sigmoid),
    "silu": Function(lambda F, x: F.silu(x), lambda x: x * sigmoid(x)),
    "softplus": Function(lambda F, x: F.softplus(x), lambda x: log(1 + exp(x))),
    "gelu": Function(lambda F, x: F.gelu(x), lambda x: x / 2 * (1 + erf(x / sqrt(2)))),
    "gelu of tanh": Function(lambda F, x: F.gelu(x, approximate="tanh"), gelu_by_tanh),
    "attention": Function(
        lambda F, q, k, v: F.scaled_dot_product_attention(q, k, v), attention, ((1, 1, 3, 2), (1, 1, 4, 2), (1, 1, 4, 2))
    ),
    "cdist": Function(cdist, lambda a, b: sqrt(((a[:, None] - b) ** 2).sum(2)), ((4, 3), (3, 3))),
    "conv2d of squares": Function(      # it is a product: of x and weight themselves it has no third derivative
        lambda F, x, weight: F.conv2d(x * x, weight * weight), lambda x, weight: conv2d(x * x, weight * weight), ((1, 2, 4, 4), (2, 2, 3, 3))
    ),
    "lstm": Function(lstm, plain_lstm, ((3, 2, 2), (2, 2), (2, 2), (8, 2), (8, 2), (8,), (8,))),
    "gru": Function(gru, plain_gru, ((3, 2, 2), (2, 2), (6, 2), (6, 2), (6,), (6,))),
}


def of_library(F: Any, values: Any) -> Any:
    """Constants as tensors of the library whose functional module F is."""
    if F is tg.nn.functional:
        return tg.tensor(values)
    import torch

    return torch.tensor(values)


# Their derivatives


class Line(NamedTuple):
    """Where a function is differentiated: phi(t) = sum(w * f(*xs + t * us))."""

    xs: list[np.ndarray]
    us: list[np.ndarray]
    w: np.ndarray


def inputs(name: str) -> Line:
    """The line for a function, the same each time."""
    rng = np.random.default_rng(0)
    function = FUNCTIONS[name]
    xs, us = ([rng.standard_normal(shape) for shape in function.shapes] for _ in range(2))
    out = function.call(tg.nn.functional, *map(tg.tensor, xs))
    return Line(xs, us, np.asarray(rng.standard_normal(out.shape)))


def ours(name: str, line: Line) -> list[Any]:
    """The derivatives of phi by this library."""
    t = tg.tensor(0.0, dtype="float64", requires_grad=True)
    out = FUNCTIONS[name].call(tg.nn.functional, *[tg.tensor(x) + t * tg.tensor(u) for x, u in zip(line.xs, line.us)])
    return _derivatives(tg.grad, (tg.tensor(line.w) * out).sum(), t)


def theirs(name: str, line: Line) -> list[Any]:
    """The same by PyTorch; None where it refuses."""
    import torch

    t = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    out = FUNCTIONS[name].call(torch.nn.functional, *[torch.tensor(x) + t * torch.tensor(u) for x, u in zip(line.xs, line.us)])
    return _derivatives(torch.autograd.grad, (torch.tensor(line.w) * out).sum(), t)


def _derivatives(grad: Callable, phi: Any, t: Any) -> list[Any]:
    found: list[Any] = []
    for _ in ORDERS:
        try:
            (phi,) = grad(phi, t, create_graph=True)
        except RuntimeError as error:
            if "not implemented" not in str(error):
                raise
            return found + [None] * (len(ORDERS) - len(found))
        found.append(phi.item())
    return found


def truth(name: str, line: Line) -> list[Any]:
    """The same by differences in extended precision, as mpmath's numbers."""
    import mpmath

    with mpmath.workdps(DIGITS):
        precise = np.vectorize(mpmath.mpf, otypes=[object])
        pairs, w = [(precise(x), precise(u)) for x, u in zip(line.xs, line.us)], precise(line.w)
        return [mpmath.diff(lambda t: np.sum(w * FUNCTIONS[name].plain(*[x + t * u for x, u in pairs])), 0, order) for order in ORDERS]


def measure(names: Iterable[str]) -> dict[str, dict[str, Sequence[Any]]]:
    """By function, the derivatives by each library that is installed, and the truth."""
    libraries = {"truth": truth, "tinygrad_edu": ours} | ({"PyTorch": theirs} if find_spec("torch") else {})
    return {name: {library: derivatives(name, inputs(name)) for library, derivatives in libraries.items()} for name in names}


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


def _cells(value: float | None, expected: Any) -> tuple[str, str]:
    """A derivative, and its error."""
    if value is None:
        return "refused", ""
    error = float(abs((value - expected) / expected))
    return f"{value:.8f}", f"{error:.0e}" if error < WRONG else f"{error:.0e} wrong"


NOTES = f"""\
Each function f is differentiated along a line: phi(t) = sum(w * f(x + t * u)) at t = 0, in float64; x, u and w are drawn once from the
normal distribution, and all inputs of f move. The truth is neither library's: it is f in its plain form, differentiated numerically by
mpmath with {DIGITS} digits. The error is relative to the truth; from {WRONG:.0e} on it is no rounding.
"""
