"""The table of cases: for every op the calls that every check runs on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from zlib import crc32

import numpy as np

from ..engine.op import Op
from ..engine.tensor import DISPATCH, Tensor
from ..ops.creation import from_numpy

_GENERATORS: dict[type[Op], Callable[[np.random.Generator], Iterator[Case]]] = {}


class Case:
    """One call of a function, to be checked: which function, and with what.

    Parameters
        function   takes the inputs in order, and the settings by name: a function of the library or of NumPy, an op, an expression.
        oracle     the function that gives the same values from arrays. By default the function of NumPy that function stands for; a
                   function that takes arrays as well as Tensors, like an expression of operators, is its own oracle.
        constants  the inputs of floating dtype that have no gradient; those of integers and bools have none anyway.
        name       what reports call the case; a lambda needs one, the rest say their own.
        arguments  arrays are inputs, all else is a setting.

    >>> import tinygrad_edu as tg
    >>> case = Case(tg.sum, x=np.ones((2, 3)), axis=0)
    >>> case
    Case: sum(x (2, 3), axis=0)
    >>> case.expected(*case.arrays)
    array([2., 2., 2.])
    """

    op: type[Op] | None = None
    """The op that the case is for."""

    def __init__(
        self,
        function: Callable,
        /,
        *,
        oracle: Callable | None = None,
        constants: tuple[str, ...] = (),
        name: str | None = None,
        **arguments: Any,
    ) -> None:
        self.function = function
        self.inputs = {key: value for key, value in arguments.items() if isinstance(value, np.ndarray)}
        self.settings = {key: value for key, value in arguments.items() if key not in self.inputs}
        self.differentiable = tuple(key for key, value in self.inputs.items() if value.dtype.kind in "fc" and key not in constants)
        self.oracle = oracle or _numpys(function)
        self.name = name
        if name is None and getattr(function, "__name__", "") == "<lambda>":
            raise ValueError("Case: the function is a lambda, which has no name to report; give name='x + 1' or the like")

    @property
    def arrays(self) -> list[np.ndarray]:
        """The inputs, in order."""
        return list(self.inputs.values())

    def tensors(self, *arrays: np.ndarray) -> list[Tensor]:
        """Tensors that share the memory of arrays, by default the inputs; those that are differentiable require grad."""
        named = zip(self.inputs, arrays or self.arrays, strict=True)
        return [from_numpy(array, requires_grad=name in self.differentiable, name=name) for name, array in named]

    def __call__(self, *inputs: Any) -> Tensor:
        """The function at inputs, with the settings."""
        return self.function(*inputs, **self.settings)

    def expected(self, *arrays: np.ndarray) -> Any:
        """What the oracle says."""
        return self.oracle(*arrays, **self.settings)

    def __str__(self) -> str:
        if self.name:
            return self.name
        arguments = [f"{name} {array.shape}" for name, array in self.inputs.items()]
        arguments += [f"{name}={value!r}" for name, value in self.settings.items()]
        return f"{getattr(self.function, '__name__', repr(self.function))}({', '.join(arguments)})"

    def __repr__(self) -> str:
        return f"{self.op.__name__ if self.op else 'Case'}: {self}"


def cases_of(op: type[Op]) -> Callable[[Callable], Callable]:
    """Decorator for a generator of cases: these are the cases of an op. It gets a NumPy Generator to draw inputs from.

    >>> import tinygrad_edu as tg
    >>> class Cube(tg.Elementwise):
    ...     def forward(self, x):
    ...         return x * x * x
    ...     def grad_x(self, g, x):
    ...         return g * 3 * x * x
    >>> @cases_of(Cube)
    ... def cube_cases(rng):
    ...     yield Case(Cube(), oracle=lambda x: x**3, x=rng.normal(size=(3, 4)))
    >>> cases_for(Cube)
    [Cube: Cube()(x (3, 4))]
    """

    def register(generator: Callable) -> Callable:
        _GENERATORS[op] = generator
        return generator

    return register


def cases_for(op: type[Op]) -> list[Case]:
    """The cases of one op, with the same inputs each time; none if it has no cases."""
    from . import fused_cases, op_cases  # noqa: F401  the table is filled when they are imported

    cases = list(_GENERATORS[op](np.random.default_rng(crc32(op.__name__.encode())))) if op in _GENERATORS else []
    for case in cases:
        case.op = op
    return cases


def all_cases() -> list[Case]:
    """The cases of every op that has any."""
    from . import fused_cases, op_cases  # noqa: F401

    return [case for op in _GENERATORS for case in cases_for(op)]


def _numpys(function: Callable) -> Callable:
    """The function of NumPy that one of ours stands for."""
    return next((numpys for numpys, ours in DISPATCH.items() if ours is function), function)
