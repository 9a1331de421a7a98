"""What one op costs: recording it, and walking its node back, on arrays so small that the arithmetic costs next to nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from time import perf_counter_ns
from typing import Any

import numpy as np

SHAPES = ((), (4,), (16, 16))
FOLDED = {(): (1,), (4,): (2, 2), (16, 16): (256,)}     # what the row reshape makes of each shape, before it makes it itself again


# Rows. A chain of links begins at x, the only leaf, so both inputs of a product need a gradient. Each holds its own loop:
# a call of a function for each link would be counted as part of the op.


def add(x: Any, links: int, engine: Engine) -> Any:
    y = x
    for _ in range(links):
        y = y + x
    return y


def multiply(x: Any, links: int, engine: Engine) -> Any:
    y = x
    for _ in range(links):
        y = y * x
    return y


def multiply_by_number(x: Any, links: int, engine: Engine) -> Any:
    y = x
    for _ in range(links):
        y = y * 0.999
    return y


def tanh(x: Any, links: int, engine: Engine) -> Any:
    y = x
    tanh = engine.tanh
    for _ in range(links):
        y = tanh(y)
    return y


def reshape(x: Any, links: int, engine: Engine) -> Any:
    y = x
    shape = tuple(x.shape)
    folded = FOLDED[shape]
    for _ in range(links):
        y = y.reshape(folded).reshape(shape)
    return y


def matmul(x: Any, links: int, engine: Engine) -> Any:
    y = x
    for _ in range(links):
        y = y @ x
    return y


def sum_and_back(x: Any, links: int, engine: Engine) -> Any:
    y = x
    for _ in range(links):
        y = x * y.sum()
    return y


@dataclass(frozen=True)
class Row:
    """One kind of chain."""

    name: str
    chain: Callable[[Any, int, Engine], Any]
    ops: int = 1            # how many ops a link of the chain is
    shapes: tuple[tuple[int, ...], ...] = SHAPES

    def values(self, shape: tuple[int, ...]) -> np.ndarray:
        """An x with which a long chain neither overflows nor vanishes."""
        rng = np.random.default_rng(0)
        if self.chain is matmul:
            values = np.linalg.qr(rng.standard_normal(shape))[0]        # orthogonal
        elif self.chain is sum_and_back:
            values = np.full(shape, 1 / np.prod(shape))                 # its elements have the sum 1
        else:
            values = rng.uniform(0.999, 1.001, shape)
        return np.asarray(values, np.float32)


ROWS = (
    Row("add", add),
    Row("multiply", multiply),
    Row("multiply by a number", multiply_by_number),
    Row("tanh", tanh),
    Row("reshape", reshape, ops=2),
    Row("matmul", matmul, shapes=((16, 16),)),
    Row("sum, broadcast back", sum_and_back, ops=2),
)


# Engines. Each imports its library when it is made, and says what recording and walking back mean there.


class Engine:
    """A library that records while it computes: a chain is recorded by running it, and walked back by y.backward(g)."""

    name: str
    package: str
    walks = True
    shorter = 1         # how many times shorter its chains are

    leaf: Callable[[np.ndarray], Any]           # values that need a gradient
    constant: Callable[[np.ndarray], Any]       # the gradient to begin with
    tanh: Callable[[Any], Any]

    def runs(self, row: Row, shape: tuple[int, ...]) -> bool:
        return True

    def record(self, row: Row, x: Any, links: int) -> Any:
        """Run a chain; returns what walk needs."""
        return row.chain(x, links, self)

    def walk(self, y: Any, g: Any, x: Any) -> Any:
        """The gradient of x, when that of the chain's end is g."""
        y.backward(g)
        return x.grad


class Ours(Engine):
    name = package = "tinygrad_edu"

    def __init__(self) -> None:
        import tinygrad_edu as tg

        self.leaf = lambda values: tg.tensor(values, requires_grad=True)
        self.constant = tg.tensor
        self.tanh = tg.tanh


class NumPy(Engine):
    """The floor: the arrays alone, with nothing recorded and nothing to walk back."""

    name, package = "NumPy", "numpy"
    walks = False

    def __init__(self) -> None:
        self.leaf = self.constant = lambda values: values[()]      # a NumPy scalar for shape (), which is what NumPy computes with
        self.tanh = np.tanh


class PyTorch(Engine):
    name, package = "PyTorch", "torch"

    def __init__(self) -> None:
        import torch

        torch.set_num_threads(1)
        self.leaf = lambda values: torch.tensor(values, requires_grad=True)
        self.constant = torch.tensor
        self.tanh = torch.tanh


class Jax(Engine):
    name, package = "JAX", "jax"
    shorter = 10        # an op takes a hundred times longer than elsewhere, however long the chain is

    def __init__(self) -> None:
        import jax

        self.vjp = jax.vjp
        self.leaf = self.constant = jax.numpy.asarray
        self.tanh = jax.numpy.tanh

    def record(self, row: Row, x: Any, links: int) -> Any:
        y, pull_back = self.vjp(lambda x: row.chain(x, links, self), x)
        y.block_until_ready()
        return pull_back

    def walk(self, pull_back: Any, g: Any, x: Any) -> Any:
        (gradient,) = pull_back(g)
        return gradient.block_until_ready()


class Autograd(Engine):
    name = package = "autograd"

    def __init__(self) -> None:
        import autograd

        self.vjp = autograd.make_vjp
        self.leaf = self.constant = np.asarray
        self.tanh = autograd.numpy.tanh

    def record(self, row: Row, x: Any, links: int) -> Any:
        pull_back, y = self.vjp(lambda x: row.chain(x, links, self))(x)
        return pull_back

    def walk(self, pull_back: Any, g: Any, x: Any) -> Any:
        return pull_back(g)


class MyGrad(Engine):
    name, package = "MyGrad", "mygrad"

    def __init__(self) -> None:
        import mygrad

        self.leaf = mygrad.tensor
        self.constant = np.asarray
        self.tanh = mygrad.tanh

    def walk(self, y: Any, g: Any, x: Any) -> Any:
        with deep_recursion():      # it looks for the gradient of a view of a view by recursion
            return super().walk(y, g, x)


class Micrograd(Engine):
    name = package = "micrograd"

    def __init__(self) -> None:
        from micrograd.engine import Value

        self.leaf = self.constant = lambda values: Value(float(values))

    def runs(self, row: Row, shape: tuple[int, ...]) -> bool:
        return shape == () and row.chain in (add, multiply, multiply_by_number)

    def walk(self, y: Any, g: Any, x: Any) -> Any:
        with deep_recursion():      # it sorts the graph by recursion
            y.backward()
        return x.grad


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Let Python functions call each other once for each node of a chain."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


ENGINES: dict[str, type[Engine]] = {engine.name: engine for engine in (Ours, NumPy, PyTorch, Jax, Autograd, MyGrad, Micrograd)}


def measure(engine: Engine, row: Row, shape: tuple[int, ...], length: int) -> tuple[float, ...]:
    """Nanoseconds for each op of a chain: to record it, and to walk its node back and let go of the graph."""
    links = max(1, length // row.ops // engine.shorter)
    values = row.values(shape)
    x, g = engine.leaf(values), engine.constant(np.ones_like(values))
    start = perf_counter_ns()
    graph = engine.record(row, x, links)
    recorded = perf_counter_ns()
    if not engine.walks:
        return ((recorded - start) / (links * row.ops),)
    engine.walk(graph, g, x)
    del graph
    walked = perf_counter_ns()
    return (recorded - start) / (links * row.ops), (walked - recorded) / (links * row.ops)


def versions(engines: dict[str, Engine]) -> dict[str, str]:
    return {name: version(engine.package) for name, engine in engines.items()}


NOTES = """\
Nanoseconds for each op: to record it / to walk its node back. The least of {repeat} repetitions; float32.
x is the time of tinygrad_edu over that of PyTorch, recording and walking back together: by the minima (by the medians).

Each measurement is a chain of {length:,} ops that begins at one leaf x which needs a gradient: y = y + x, y = y * x, y = y * 0.999,
y = tanh(y), y = y.reshape(folded).reshape(shape), y = y @ x. So both inputs of add, multiply and matmul have a gradient.
The last row is y = x * y.sum(), counted as the two ops that it is: on the way back the product's gradient is summed to a number,
and the gradient of the sum is broadcast. A walk begins with a gradient of ones, and letting go of the graph is part of it.

Rows and engines are measured in turn, in one process, with one thread each; each runs twice in a row, and the second run counts.
Garbage is collected before each measurement and not while it runs; only micrograd makes cycles, whose release is therefore not counted.
NumPy is the forward pass alone: the floor of recording. JAX runs op by op, not compiled: to record is jax.vjp(chain, x), to walk back
is calling what that returns, both until the result is there; its chains are ten times shorter. autograd likewise, with make_vjp.
micrograd has numbers only, and no tanh.
"""
