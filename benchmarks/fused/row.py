"""A row of the table: one function at one shape, in the forms in which it is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from importlib.util import find_spec
from time import perf_counter_ns
from typing import Any

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.engine.node import kept_bytes as kept_by

Inputs = Sequence[np.ndarray | None]


@dataclass(frozen=True)
class Row:
    """One function at one shape.

    name, shape  what the row is called; shape is handed to inputs.
    inputs       inputs(rng, shape): the arrays; those of float32 get a gradient, but for the first `data` of them.
    call         call(F, *inputs): the function, as both libraries understand it; F is their functional module.
    primitives   primitives(torch, *inputs): the same, composed from PyTorch's primitives.
    aims         what is to be reached, as time over PyTorch's fused one: {"forward": 2.2, "backward": 2.0}, or "both" together.
    aims_free    the same where OpenBLAS chooses its kernels itself.
    data         how many of the inputs, the first ones, are data without a gradient.
    """

    name: str
    shape: tuple[int, ...]
    inputs: Callable[[np.random.Generator, tuple[int, ...]], Inputs]
    call: Callable[..., Any]
    primitives: Callable[..., Any]
    aims: dict[str, float] = field(default_factory=dict)
    aims_free: dict[str, float] = field(default_factory=dict)
    data: int = 0

    @property
    def label(self) -> str:
        return f"{self.name} {self.shape}"

    def arrays(self) -> list[np.ndarray | None]:
        return list(self.inputs(np.random.default_rng(0), self.shape))

    def is_wanted(self, i: int, array: np.ndarray | None) -> bool:
        """Whether input i is to have a gradient."""
        return array is not None and array.dtype.kind == "f" and i >= self.data


class Form:
    """A row in one of its forms: its inputs as leaves of a library, its function, and how that library goes back."""

    def __init__(self, row: Row, function: Callable[..., Any], leaf: Callable, grad: Callable, mode: Callable[[], AbstractContextManager]) -> None:
        arrays = row.arrays()
        self.mode = mode
        self.function = function
        self.grad = grad
        self.leaves = [None if x is None else leaf(x, row.is_wanted(i, x)) for i, x in enumerate(arrays)]
        self.wanted = [x for x, array, i in zip(self.leaves, arrays, range(len(arrays))) if row.is_wanted(i, array)]
        out = self.forward()
        self.g = leaf(np.random.default_rng(1).standard_normal(tuple(out.shape)).astype(np.float32), False)

    def forward(self) -> Any:
        with self.mode():
            return self.function(*self.leaves)

    def backward(self, out: Any) -> Any:
        return self.grad(out, self.wanted, self.g)


def forms(row: Row) -> dict[str, Form]:
    """By name the forms of a row; PyTorch's only where it is installed."""
    functional = tg.nn.functional
    found = {
        "fused": Form(row, lambda *inputs: row.call(functional, *inputs), _ours, tg.grad, nullcontext),
        "composed": Form(row, lambda *inputs: row.call(functional, *inputs), _ours, tg.grad, tg.composed),
    }
    if find_spec("torch"):
        import torch

        torch.set_num_threads(1)

        def leaf(array: np.ndarray, wanted: bool) -> Any:
            return torch.tensor(array, requires_grad=wanted)

        fused, grad = torch.nn.functional, torch.autograd.grad
        found["PyTorch"] = Form(row, lambda *inputs: row.call(fused, *inputs), leaf, grad, nullcontext)
        found["PyTorch composed"] = Form(row, lambda *inputs: row.primitives(torch, *inputs), leaf, grad, nullcontext)
    return found


def _ours(array: np.ndarray, wanted: bool) -> tg.Tensor:
    return tg.tensor(array, requires_grad=wanted)


def measure(form: Form) -> tuple[float, float]:
    """The nanoseconds of one forward, and of one backward with the release of the graph."""
    start = perf_counter_ns()
    out = form.forward()
    middle = perf_counter_ns()
    form.backward(out)
    del out
    return middle - start, perf_counter_ns() - middle


def kept_bytes(form: Form) -> int:
    """What the graph of one forward keeps; of this library's forms only."""
    node = form.forward().node
    return 0 if node is None else kept_by([node])
