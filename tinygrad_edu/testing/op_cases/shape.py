"""The cases of functions that move elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import padding, shape
from ..cases import Case, cases_of
from ..inputs import Cases, uniform


@cases_of(shape.Reshape)
def reshape_cases(rng: np.random.Generator) -> Cases:
    for x_shape, new in ((3, 4), (2, 6)), ((3, 4), -1), ((2, 6), (3, -1, 2)), ((), (1, 1)), ((1, 1), ()), ((0, 3), (3, 0, 2)), ((0, 3), -1):
        yield Case(shape.reshape, x=uniform(rng, x_shape), shape=new)
    yield Case(lambda x: x.reshape(4, 3), name="x.reshape(4, 3)", x=uniform(rng, (3, 4)))
    yield Case(shape.ravel, x=uniform(rng, (3, 4)))


@cases_of(shape.Transpose)
def transpose_cases(rng: np.random.Generator) -> Cases:
    for x_shape, axes in ((3, 4), None), ((2, 3, 4), (1, 2, 0)), ((2, 3, 4), (-1, 0, 1)), ((2, 3, 4), None), ((3,), None), ((), None):
        yield Case(shape.transpose, x=uniform(rng, x_shape), axes=axes)
    yield Case(shape.transpose, x=uniform(rng, (2, 0, 3)), axes=(2, 0, 1))
    yield Case(lambda x: x.T, name="x.T", x=uniform(rng, (3, 2)))
    yield Case(lambda x: x.transpose(2, 0, 1), name="x.transpose(2, 0, 1)", x=uniform(rng, (2, 3, 4)))


@cases_of(shape.SwapAxes)
def swapaxes_cases(rng: np.random.Generator) -> Cases:
    for x_shape, axis1, axis2 in ((3, 4), 0, 1), ((2, 3, 4), 0, -1), ((2, 3, 4), 1, 1), ((2, 0, 3), -3, -2):
        yield Case(shape.swapaxes, x=uniform(rng, x_shape), axis1=axis1, axis2=axis2)


@cases_of(shape.Squeeze)
def squeeze_cases(rng: np.random.Generator) -> Cases:
    for x_shape, axis in ((1, 3, 1), None), ((1, 3, 1), 0), ((1, 3, 1), (0, -1)), ((2, 3), None), ((1, 1), None), ((), None), ((1, 0), 0):
        yield Case(shape.squeeze, x=uniform(rng, x_shape), axis=axis)


@cases_of(shape.ExpandDims)
def expand_dims_cases(rng: np.random.Generator) -> Cases:
    for x_shape, axis in ((2, 3), 0), ((2, 3), -1), ((2, 3), (0, 2)), ((), 0), ((0, 2), (1, -1)):
        yield Case(shape.expand_dims, x=uniform(rng, x_shape), axis=axis)


@cases_of(shape.BroadcastTo)
def broadcast_to_cases(rng: np.random.Generator) -> Cases:
    for x_shape, new in (
        ((3,), (2, 3)),
        ((2, 1, 3), (2, 4, 3)),
        ((1,), (2, 2)),
        ((), (2, 3)),
        ((2, 3), (2, 3)),
        ((1, 3), (0, 3)),
        ((0, 3), (2, 0, 3)),
        ((), ()),
    ):
        yield Case(shape.broadcast_to, x=uniform(rng, x_shape), shape=new)


@cases_of(shape.Concatenate)
def concatenate_cases(rng: np.random.Generator) -> Cases:
    def joined(*xs: Any, axis: int | None) -> Any:
        return np.concatenate(xs, axis=axis)

    def parts(*shapes: tuple[int, ...]) -> dict[str, Any]:
        return {f"x{i}": uniform(rng, x_shape) for i, x_shape in enumerate(shapes)}

    yield Case(joined, **parts((2, 3), (1, 3), (4, 3)), axis=0)
    yield Case(joined, **parts((2, 3), (2, 1)), axis=-1)
    yield Case(joined, **parts((2, 1, 3), (2, 2, 3)), axis=1)
    yield Case(joined, **parts((2, 3), (0, 3), (1, 3)), axis=0)
    yield Case(joined, **parts((3,)), axis=0)
    yield Case(joined, **parts((2, 3), (), (4,)), axis=None)
    yield Case(joined, **parts((2, 3)), middle=uniform(rng, (2, 2)), constants=("middle",), last=uniform(rng, (2, 1)), axis=1)


@cases_of(shape.Stack)
def stack_cases(rng: np.random.Generator) -> Cases:
    def stacked(*xs: Any, axis: int) -> Any:
        return np.stack(xs, axis=axis)

    for x_shape, count, axis in ((2, 3), 3, 0), ((2, 3), 2, -1), ((2, 3), 2, 1), ((), 3, 0), ((3,), 1, 0), ((0, 2), 2, 1):
        xs: dict[str, Any] = {f"x{i}": uniform(rng, x_shape) for i in range(count)}
        yield Case(stacked, **xs, axis=axis)


@cases_of(shape.Pad)
def pad_cases(rng: np.random.Generator) -> Cases:
    for x_shape, pad_width in ((3,), 2), ((2, 3), (1, 2)), ((2, 3), ((0, 1), (2, 0))), ((2, 1, 3), {1: (1, 0), -1: 2}), ((), 1), ((0, 2), 1):
        yield Case(padding.pad, x=uniform(rng, x_shape), pad_width=pad_width)
    yield Case(padding.pad, x=uniform(rng, (2, 3)), pad_width=1, mode="constant", constant_values=((1, 2), (3, 0.5)))
