"""The cases of functions of each element."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ...ops import elementwise, shape
from ..cases import Case, cases_of
from ..inputs import PAIRS_OF_SHAPES, SHAPES, Cases, apart, between, of_one, of_two, uniform


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
    yield from of_one(shape.copy, partial(uniform, rng))


@cases_of(elementwise.Log1p)
def log1p_cases(rng: np.random.Generator) -> Cases:
    for x_shape in SHAPES:
        yield Case(elementwise.log1p, x=between(rng, -0.5, 2)(x_shape))
