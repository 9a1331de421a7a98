"""Modules that hold others, and those that only change a shape."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...engine.tensor import Tensor
from ...ops.operands import as_tensor
from ..module import Module


class Identity(Module):
    """out = x; arguments are taken, as in PyTorch, and do nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        return input

    def formula(self) -> list[str]:
        return ["out = x"]


class Flatten(Module):
    """The axes from start_dim to end_dim, both included, become one.

    Raises AxisError if x has no such axis, ValueError if start_dim comes after end_dim.

    >>> import tinygrad_edu as tg
    >>> Flatten()(tg.zeros((5, 2, 3))).shape
    (5, 6)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Any) -> Tensor:
        input = as_tensor(input)
        if not input.ndim:
            return input.reshape(1)
        first, last = (np.lib.array_utils.normalize_axis_index(axis, input.ndim, repr(self)) for axis in (self.start_dim, self.end_dim))
        if first > last:
            raise ValueError(f"{self!r}: in an input of shape {input.shape}, start_dim comes after end_dim")
        shape = input.shape
        return input.reshape(*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"

    def formula(self) -> list[str]:
        return [f"out = x with the axes from {self.start_dim} to {self.end_dim} as one"]


class Sequential(Module):
    """Modules one after another: each takes what the one before it gave.

    Parameters
        args  modules, which are named "0", "1", ...; or one mapping, such as an OrderedDict, of names and modules.
    Raises TypeError for what is no module.

    >>> import tinygrad_edu as tg
    >>> network = Sequential(tg.nn.Linear(3, 4), tg.nn.ReLU(), tg.nn.Linear(4, 2))
    >>> network(tg.zeros((5, 3))).shape
    (5, 2)
    >>> network[-1], len(network)
    (Linear(in_features=4, out_features=2, bias=True), 3)
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = args[0].items() if len(args) == 1 and isinstance(args[0], Mapping) else enumerate(args)
        for name, module in named:
            self._set(str(name), module)

    def forward(self, input: Any) -> Any:
        for module in self:
            input = module(input)
        return input

    def append(self, module: Module) -> Sequential:
        """Add a module at the end, named by its number."""
        self._set(str(len(self)), module)
        return self

    def __len__(self) -> int:
        return len([*self._own(Module)])

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self._own(Module))

    def __getitem__(self, index: int | slice) -> Any:
        """The module at a place, or a Sequential of those in a slice."""
        members = [*self._own(Module)]
        return type(self)(dict(members[index])) if isinstance(index, slice) else members[index][1]

    def __setitem__(self, index: int, module: Module) -> None:
        name, _ = [*self._own(Module)][index]
        self._set(name, module)

    def _set(self, name: str, module: Any) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"Sequential: {name!r} is a {type(module).__name__}; it needs to be a Module (for relu, nn.ReLU())")
        setattr(self, name, module)
