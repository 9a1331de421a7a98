"""The cases of the primitives, in the order of ops/: elementwise, special, reduce, shape, index, linalg.

Inputs stay away from kinks, ties and the ends of domains, where differences say nothing; tests/test_conventions.py is about those.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from ..ops import elementwise, index, linalg, reduce, shape, special
from .cases import Case, cases_of

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


# Elementwise


def of_one(function: Callable, draw: Draw, oracle: Callable | None = None, **settings: Any) -> Cases:
    """A function of one input, on every shape."""
    for x_shape in SHAPES:
        yield Case(function, oracle=oracle, x=draw(x_shape), **settings)


def of_two(function: Callable, draw_a: Draw, draw_b: Draw) -> Cases:
    """A function of two inputs, on shapes that broadcast."""
    for a_shape, b_shape in PAIRS_OF_SHAPES:
        yield Case(function, a=draw_a(a_shape), b=draw_b(b_shape))


@cases_of(elementwise.Add)
def add_cases(rng: np.random.Generator) -> Cases:
    yield from of_two(elementwise.add, partial(uniform, rng), partial(uniform, rng))
    yield Case(lambda x: x + 0.1, name="x + 0.1", x=uniform(rng, (2, 3)))
    yield Case(lambda x: 3 + x, name="3 + x", x=uniform(rng, (2, 3)))


@cases_of(elementwise.Subtract)
def subtract_cases(rng: np.random.Generator) -> Cases:
    yield from of_two(elementwise.subtract, partial(uniform, rng), partial(uniform, rng))
    yield Case(lambda x: x - 0.1, name="x - 0.1", x=uniform(rng, (2, 3)))
    yield Case(lambda x: 3 - x, name="3 - x", x=uniform(rng, ()))


@cases_of(elementwise.Multiply)
def multiply_cases(rng: np.random.Generator) -> Cases:
    yield from of_two(elementwise.multiply, partial(uniform, rng), partial(uniform, rng))
    yield Case(lambda x: x * 0.1, name="x * 0.1", x=uniform(rng, (2, 3)))
    yield Case(lambda x: 3 * x, name="3 * x", x=uniform(rng, ()))
    yield Case(lambda x: x * x, name="x * x", x=uniform(rng, (2, 3)))


@cases_of(elementwise.Divide)
def divide_cases(rng: np.random.Generator) -> Cases:
    yield from of_two(elementwise.divide, partial(uniform, rng), between(rng, 0.5, 2))
    yield from of_two(elementwise.divide, partial(uniform, rng), between(rng, -2, -0.5))
    yield Case(lambda x: x / 3, name="x / 3", x=uniform(rng, (2, 3)))
    yield Case(lambda x: 0.1 / x, name="0.1 / x", x=rng.uniform(0.5, 2, (2, 3)))


@cases_of(elementwise.Power)
def power_cases(rng: np.random.Generator) -> Cases:
    yield from of_two(elementwise.power, between(rng, 0.5, 2), between(rng, -2, 3))
    yield Case(elementwise.power, a=rng.uniform(0.5, 2, (2, 3)), b=np.array([0.0, 1.0, 2.0]))
    yield Case(elementwise.power, a=rng.uniform(-2, -0.5, (2, 3)), b=np.array([0.0, 1.0, -2.0]), constants=("b",))
    yield Case(elementwise.power, a=rng.uniform(-2, -0.5, (2, 3)), b=np.array([0, 3, -2]))
    yield Case(lambda x: 2.5**x, name="2.5**x", x=uniform(rng, (2, 3)))


@cases_of(elementwise.PowerByNumber)
def power_by_number_cases(rng: np.random.Generator) -> Cases:
    def raised(x: Any, exponent: float) -> Any:
        return x**exponent

    for exponent in 2, 3, -1, 0, 1, 4.0:
        yield Case(raised, x=rng.uniform(-2, -0.5, (2, 3)), exponent=exponent)
    for exponent in 0.5, -1.5, 2:
        yield from of_one(raised, between(rng, 0.5, 2), exponent=exponent)


@cases_of(elementwise.Negative)
def negative_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(elementwise.negative, partial(uniform, rng))


@cases_of(elementwise.Exp)
def exp_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(elementwise.exp, partial(uniform, rng))


@cases_of(elementwise.Log)
def log_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(elementwise.log, between(rng, 0.5, 3))


@cases_of(elementwise.Sqrt)
def sqrt_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(elementwise.sqrt, between(rng, 0.5, 3))


@cases_of(elementwise.Square)
def square_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(elementwise.square, partial(uniform, rng))


@cases_of(elementwise.Abs)
def abs_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(elementwise.abs_, apart(rng, 0.2))


@cases_of(elementwise.Tanh)
def tanh_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(elementwise.tanh, partial(uniform, rng))


@cases_of(elementwise.ReLU)
def relu_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(elementwise.relu, apart(rng, 0.2), oracle=lambda x: np.maximum(x, 0))


@cases_of(elementwise.Maximum)
def maximum_cases(rng: np.random.Generator) -> Cases:
    yield from of_two(elementwise.maximum, apart(rng), apart(rng, 0.25))
    yield Case(lambda x: np.maximum(x, 0.1), name="maximum(x, 0.1)", x=apart(rng)((3, 4)))


@cases_of(elementwise.Minimum)
def minimum_cases(rng: np.random.Generator) -> Cases:
    yield from of_two(elementwise.minimum, apart(rng), apart(rng, 0.25))
    yield Case(lambda x: np.minimum(0.1, x), name="minimum(0.1, x)", x=apart(rng)((3, 4)))


@cases_of(elementwise.Where)
def where_cases(rng: np.random.Generator) -> Cases:
    for a_shape, b_shape in PAIRS_OF_SHAPES:
        condition = rng.uniform(size=np.broadcast_shapes(a_shape, b_shape)) < 0.5
        yield Case(elementwise.where, condition=np.asarray(condition), a=uniform(rng, a_shape), b=uniform(rng, b_shape))
    yield Case(elementwise.where, condition=np.array([[True], [False]]), a=uniform(rng, 3), b=uniform(rng, (2, 1)))
    yield Case(lambda x: np.where(x > 0, x, 0.1), name="where(x > 0, x, 0.1)", x=apart(rng, 0.25)((3, 4)))
    yield Case(lambda x: np.where(x > 0, 3, x), name="where(x > 0, 3, x)", x=apart(rng, 0.25)((3, 4)))


@cases_of(elementwise.Clip)
def clip_cases(rng: np.random.Generator) -> Cases:
    yield Case(elementwise.clip, x=apart(rng)((3, 4)), a_min=-1.1, a_max=1.6)
    yield Case(elementwise.clip, x=apart(rng, 0.25)((3, 4)), a_min=-1, a_max=2)
    yield Case(elementwise.clip, x=apart(rng)((3, 4)), a_min=0.1, a_max=None)
    yield Case(elementwise.clip, x=apart(rng)((3, 4)), a_min=None, a_max=0.1)
    yield Case(elementwise.clip, x=apart(rng)((3, 4)), low=apart(rng, -1.9)((4,)), high=apart(rng, 1.7)((3, 1)))
    yield Case(elementwise.clip, x=apart(rng)((2, 3)), low=np.array(0.25), high=np.array([1.1, 0.9, -0.4]))      # one has low > high
    yield Case(elementwise.clip, x=apart(rng)(()), low=np.array(0.25), high=np.array(0.75))
    yield Case(elementwise.clip, x=apart(rng)((0, 3)), low=apart(rng, 0.2)((3,)), high=np.array(2.0))


@cases_of(elementwise.AsType)
def astype_cases(rng: np.random.Generator) -> Cases:
    def converted(x: Any, dtype: type) -> Any:
        return x.astype(dtype)

    yield from of_one(converted, partial(uniform, rng), dtype=np.float64)


@cases_of(elementwise.Copy)
def copy_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(elementwise.copy, partial(uniform, rng))


@cases_of(elementwise.Log1p)
def log1p_cases(rng: np.random.Generator) -> Cases:
    for x_shape in SHAPES:
        yield Case(elementwise.log1p, x=between(rng, -0.5, 2)(x_shape))


@cases_of(special.Erfc)
def erfc_cases(rng: np.random.Generator) -> Cases:
    by_definition = np.vectorize(math.erfc, otypes="d")
    for x_shape in SHAPES:
        yield Case(special.erfc, oracle=lambda x: np.asarray(by_definition(x), x.dtype), x=uniform(rng, x_shape))
    yield Case(special.erfc, oracle=lambda x: np.array([0.0, 2.0], x.dtype), name="erfc of +-800", x=np.array([800.0, -800.0]))


# Reductions


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


def reduced(function: Callable, draw: Draw, **settings: Any) -> Cases:
    """A reduction over axes of every kind."""
    for x_shape, axes in REDUCED_AXES:
        yield Case(function, x=draw(x_shape), **axes, **settings)


@cases_of(reduce.Sum)
def sum_cases(rng: np.random.Generator) -> Cases:
    yield from reduced(reduce.sum, partial(uniform, rng))
    yield Case(reduce.sum, x=uniform(rng, (0, 3)), axis=0)
    yield Case(reduce.sum, x=uniform(rng, (2, 3)), axis=1, initial=0.1)
    yield Case(reduce.sum, x=uniform(rng, (2, 3)), axis=1, dtype=np.float64)


@cases_of(reduce.Mean)
def mean_cases(rng: np.random.Generator) -> Cases:
    yield from reduced(reduce.mean, partial(uniform, rng))


@cases_of(reduce.Max)
def max_cases(rng: np.random.Generator) -> Cases:
    yield from reduced(reduce.max, apart(rng))


@cases_of(reduce.Min)
def min_cases(rng: np.random.Generator) -> Cases:
    yield from reduced(reduce.min, apart(rng))


# Shapes


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
        yield Case(shape.pad, x=uniform(rng, x_shape), pad_width=pad_width)
    yield Case(shape.pad, x=uniform(rng, (2, 3)), pad_width=1, mode="constant", constant_values=((1, 2), (3, 0.5)))


# Indexing


def index_of(key: str, arrays: tuple[Any, ...]) -> Any:
    """The index that stands in the brackets of x[key]; key calls the arrays i and j."""
    return eval(f"np.s_[{key}]", {"np": np}, dict(zip("ij", arrays)))


def item(x: Any, *arrays: Any, key: str) -> Any:
    """x[key]"""
    return x[index_of(key, arrays)]


@cases_of(index.GetItem)
def getitem_cases(rng: np.random.Generator) -> Cases:
    integers = "1", "-1", "1, 2", "np.int64(1)"
    slices = "1:", ":, 2", "::-1", "::2, 3:0:-2", "2:1", "5:, ::-1"
    for x_shape, keys in (
        ((3, 4), (*integers, *slices, "..., 0", "None, 1", ":, None, 1:3", "...", "()")),
        ((2, 3, 4), ("..., ::-2", "0, ..., 1", ":, 0", "1, :, None, -1")),
        ((), ("()", "...", "None", "None, ..., None")),
        ((0, 3), (":, 1", "...", "1:")),
    ):
        for key in keys:
            yield Case(item, name=f"x[{key}], x {x_shape}", x=uniform(rng, x_shape), key=key)


@cases_of(index.GetItemByArrays)
def getitem_by_arrays_cases(rng: np.random.Generator) -> Cases:
    def case(x_shape: tuple[int, ...], key: str, **arrays: Any) -> Case:
        written = ", ".join(f"{name} {array.tolist()}" for name, array in arrays.items())
        return Case(item, name=f"x[{key}], x {x_shape}, {written}", x=uniform(rng, x_shape), **arrays, key=key)

    repeated = np.array([2, 0, 2, -1])
    yield case((3, 4), "i", i=repeated)
    yield case((3, 4), "i", i=np.array([[0, 1], [1, 1]]))
    yield case((3, 4), ":, i", i=repeated)
    yield case((3, 4), "i, j", i=np.array([0, 2, 2]), j=np.array([1, 3, 3]))
    yield case((3, 4), "i, j", i=np.array([[0], [2]]), j=np.array([1, 1, 3]))
    yield case((3, 4), "i, 1", i=repeated)
    yield case((3, 4), "i, 1:3", i=repeated)
    yield case((3, 4), "i, None", i=repeated)
    yield case((2, 3, 4), "i, :, j", i=np.array([0, 1, 1]), j=np.array([3, 0, 0]))
    yield case((2, 3, 4), ":, i, j", i=np.array([0, 1, 1]), j=np.array([3, 0, 0]))
    yield case((2, 3, 4), "..., i", i=np.array([0, 0]))
    yield case((2, 3, 4), "1, ::-1, i", i=np.array([0, 0, 2]))
    yield case((3, 4), "i", i=rng.uniform(size=(3, 4)) < 0.5)
    yield case((3, 4), "i", i=np.array([True, False, True]))
    yield case((3, 4), "i, 1:", i=np.array([True, False, True]))
    yield case((3, 4), ":, i", i=np.array([True, False, True, True]))
    yield case((3, 4), "i, j", i=np.array([True, False, True]), j=np.array([1, 1]))
    yield case((3, 4), "i", i=np.zeros((3, 4), bool))
    yield case((3, 4), "i", i=np.zeros(0, int))
    yield case((3,), "i", i=np.array(True))
    yield case((), "i", i=np.array(True))
    yield case((0, 3), ":, i", i=np.array([0, 0, 2]))
    yield Case(lambda x: x[[2, 0, 2]], name="x[[2, 0, 2]]", x=uniform(rng, (3, 4)))
    yield Case(lambda x: x[[]], name="x[[]]", x=uniform(rng, (3, 4)))
    yield Case(lambda x: x[x > 0], name="x[x > 0]", x=apart(rng, 0.25)((3, 4)))


@cases_of(index.Scatter)
def scatter_cases(rng: np.random.Generator) -> Cases:
    def scattered(x: Any, *arrays: Any, pattern: tuple, shape: tuple[int, ...]) -> Any:
        return index.Scatter(pattern, shape)(x, *arrays)

    def added(x: np.ndarray, *arrays: np.ndarray, pattern: tuple, shape: tuple[int, ...]) -> np.ndarray:
        positions = np.arange(int(np.prod(shape))).reshape(shape)
        chosen = positions[index.with_arrays(pattern, arrays)]
        out = np.zeros(positions.size, x.dtype)
        for position, value in zip(np.ravel(chosen), np.ravel(x)):
            out[position] += value
        return out.reshape(shape)

    def case(shape: tuple[int, ...], pattern: tuple, *arrays: np.ndarray) -> Case:
        x = uniform(rng, np.empty(shape)[index.with_arrays(pattern, arrays)].shape)
        name = f"Scatter({pattern}, {shape}), arrays {[array.tolist() for array in arrays]}"
        inputs: dict[str, Any] = dict(zip("ij", arrays))
        return Case(scattered, oracle=added, name=name, x=x, **inputs, pattern=pattern, shape=shape)

    yield case((3, 4), ((1, None, None),))
    yield case((3, 4), (Ellipsis, 1))
    yield case((3, 4), (None, 1, (None, None, -2)))
    yield case((), ())
    yield case((0, 3), (Ellipsis, 1))
    yield case((3, 4), (index.ARRAY,), np.array([2, 0, 2, -1]))
    yield case((3, 4), (index.ARRAY, index.ARRAY), np.array([0, 2, 2]), np.array([1, 3, 3]))
    yield case((3, 4), ((None, None, None), index.ARRAY), np.array([[1, 1], [1, 0]]))
    yield case((3, 4), (index.ARRAY,), rng.uniform(size=(3, 4)) < 0.5)


@cases_of(index.SetItem)
def setitem_cases(rng: np.random.Generator) -> Cases:
    def replaced(x: Any, value: Any, *arrays: Any, key: str) -> Any:
        out = x.copy()
        out[index_of(key, arrays)] = value
        return out

    def case(x_shape: tuple[int, ...], key: str, value_shape: tuple[int, ...], **arrays: Any) -> Case:
        written = "".join(f", {name} {array.tolist()}" for name, array in arrays.items())
        name = f"x[{key}] = value, x {x_shape}, value {value_shape}{written}"
        return Case(replaced, name=name, x=uniform(rng, x_shape), value=uniform(rng, value_shape), **arrays, key=key)

    yield case((3, 4), "1", (4,))
    yield case((3, 4), "1:", (2, 4))
    yield case((3, 4), "1:", (4,))
    yield case((3, 4), "...", ())
    yield case((3, 4), ":, ::-2", (3, 1))
    yield case((3, 4), ":, 1", (1, 3))
    yield case((3, 4), "1, 2", ())
    yield case((), "...", ())
    yield case((), "()", ())
    yield case((0, 3), ":, 1", (0,))
    yield case((3, 4), "i", (2, 4), i=np.array([2, 0]))
    yield case((3, 4), "i", (4, 4), i=np.array([2, 0, 2, -1]))        # the last to write stays
    yield case((3, 4), "i", (), i=np.array([2, 0, 2]))
    yield case((3, 4), "i, j", (3,), i=np.array([0, 2, 2]), j=np.array([1, 3, 1]))
    yield case((3, 4), "i, 1:3", (3, 2), i=np.array([1, 1, 0]))
    yield case((3, 4), "i", (), i=rng.uniform(size=(3, 4)) < 0.5)
    yield case((3, 4), "i", (2, 1), i=np.array([True, False, True]))

    def by_op(x: Any, value: Any, *arrays: Any, key: str) -> Any:
        return index.SetItem(index.split(index_of(key, arrays))[0])(x, value, *arrays)

    x, value = uniform(rng, (3, 4)), uniform(rng, (4,))
    yield Case(by_op, oracle=replaced, name="SetItem at 1:", x=x, value=value, key="1:")
    yield Case(by_op, oracle=replaced, name="SetItem at [2, 0, 2]", x=x, value=value, i=np.array([2, 0, 2]), key="i")

    def changed(x: Any) -> Any:
        out = x * 1
        out[1:] = 0.1
        return out

    yield Case(changed, name="x[1:] = 0.1", x=uniform(rng, (3, 4)))


# Linear algebra


@cases_of(linalg.MatMul)
def matmul_cases(rng: np.random.Generator) -> Cases:
    pairs = (
        ((3, 4), (4, 2)),
        ((1, 4), (4, 1)),
        ((4,), (4, 2)),
        ((3, 4), (4,)),
        ((4,), (4,)),
        ((2, 3, 4), (4, 2)),
        ((3, 4), (2, 4, 3)),
        ((2, 3, 4), (2, 4, 2)),
        ((2, 1, 3, 4), (3, 4, 2)),
        ((1, 3, 4), (2, 4, 2)),
        ((2, 1, 3, 4), (4, 2)),
        ((2, 3, 4), (4,)),
        ((4,), (2, 4, 3)),
        ((0, 4), (4, 2)),
        ((3, 0), (0, 2)),
        ((3, 4), (4, 0)),
        ((2, 3, 0), (0, 2)),
        ((0, 3, 4), (4, 2)),
        ((2, 3, 4), (4, 0)),
        ((0,), (0,)),
    )
    for a_shape, b_shape in pairs:
        yield Case(linalg.matmul, a=uniform(rng, a_shape), b=uniform(rng, b_shape))
    yield Case(lambda x: x @ x, name="x @ x", x=uniform(rng, (3, 3)))
    yield Case(lambda x: x @ x.T, name="x @ x.T", x=uniform(rng, (3, 2)))
