"""What the cases of all ops share: shapes, and inputs that stay away from kinks and ties."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .cases import Case

Cases = Iterator[Case]
Draw = Callable[[tuple[int, ...]], np.ndarray]
SHAPES = (3, 4), (2, 1, 3), (), (0, 3)
PAIRS_OF_SHAPES = (
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((1,), (2, 3)),
    ((2, 1, 3), (4, 1)),
    ((), (3,)),
    ((2, 2), ()),
    ((), ()),
    ((0, 3), (1, 3)),
    ((1,), (0,)),
)
REDUCED_AXES: tuple[tuple[tuple[int, ...], dict[str, Any]], ...] = (
    ((3, 4), {}),
    ((3, 4), {"axis": 0}),
    ((3, 4), {"axis": (1,), "keepdims": True}),
    ((2, 3, 4), {"axis": -2}),
    ((2, 3, 4), {"axis": (-1, 0)}),
    ((2, 3, 4), {"axis": (0, 2), "keepdims": True}),
    ((2, 1, 3), {"axis": 1}),
    ((3, 2), {"axis": (), "keepdims": True}),
    ((2, 3), {"keepdims": True}),
    ((), {}),
    ((4, 0), {"axis": 0}),
)


def uniform(rng: np.random.Generator, shape: int | tuple[int, ...]) -> np.ndarray:
    """Numbers from -2 to 2."""
    return np.asarray(rng.uniform(-2, 2, shape))


def between(rng: np.random.Generator, low: float, high: float) -> Draw:
    """Draws numbers from low to high."""
    return lambda shape: np.asarray(rng.uniform(low, high, shape))


def apart(rng: np.random.Generator, shift: float = 0.0) -> Draw:
    """Draws numbers of both signs that are all at least 0.5 apart and, with a shift between 0 and 0.5, not 0."""

    def draw(shape: tuple[int, ...]) -> np.ndarray:
        size = int(np.prod(shape))
        return ((rng.permutation(size) - size // 2) / 2 + shift).reshape(shape)

    return draw


def of_one(function: Callable, draw: Draw, oracle: Callable | None = None, **settings: Any) -> Cases:
    """A function of one input, on every shape."""
    for x_shape in SHAPES:
        yield Case(function, oracle=oracle, x=draw(x_shape), **settings)


def of_two(function: Callable, draw_a: Draw, draw_b: Draw) -> Cases:
    """A function of two inputs, on shapes that broadcast."""
    for a_shape, b_shape in PAIRS_OF_SHAPES:
        yield Case(function, a=draw_a(a_shape), b=draw_b(b_shape))


def reduced(function: Callable, draw: Draw, **settings: Any) -> Cases:
    """A reduction over axes of every kind."""
    for x_shape, axes in REDUCED_AXES:
        yield Case(function, x=draw(x_shape), **axes, **settings)
