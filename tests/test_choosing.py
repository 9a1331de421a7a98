"""Choosing by the bits gives what np.where gives."""

import warnings

import numpy as np
import pytest

from tinygrad_edu.ops.choosing import LARGE, select

SHAPE = (3, LARGE)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def condition(rng):
    return rng.random(SHAPE) > 0.5


def the_same(condition, a, b):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, expected = select(condition, a, b), np.where(condition, a, b)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


def numbers(rng, dtype, shape=SHAPE):
    x = rng.standard_normal(shape).astype(dtype)
    x[..., ::5], x[..., 1::5], x[..., 2::5], x[..., 3::5] = np.nan, -np.inf, -0.0, np.inf
    return x


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, ">f4"])
def test_of_two_arrays_and_of_an_array_and_a_number(rng, condition, dtype):
    a, b = numbers(rng, dtype), numbers(rng, dtype)[:, ::-1]
    for number in (0, 0.0, -0.0, 2.5, np.nan):
        the_same(condition, a, number)
        the_same(condition, number, b)
    the_same(condition, a, b)


def test_shapes_broadcast(rng, condition):
    row, column = numbers(rng, np.float32, SHAPE[1:]), numbers(rng, np.float32, (3, 1))
    for a, b in ((row, column), (column, column), (row, 0), (0, column), (numbers(rng, np.float32, (2, *SHAPE)), row)):
        the_same(condition, a, b)
    the_same(condition, numbers(rng, np.float32, (2, 1, 1)), np.array(1, np.float32))


def test_other_dtypes_and_memory_layouts(rng, condition):
    x = numbers(rng, np.float32)
    for a, b in ((x, x.astype(np.float64)), (x, np.arange(LARGE)), (x.T.copy().T, x), (3, 4), (3, 4.5), (np.broadcast_to(x[0], SHAPE), 0)):
        the_same(condition, a, b)
        the_same(condition.T.copy().T, b, a)
    the_same(condition.astype(int), x, 0)


def test_nothing_is_written(rng, condition):
    a, b = numbers(rng, np.float64), numbers(rng, np.float64)
    for array in (condition, a, b):
        array.flags.writeable = False
    the_same(condition, a, b)
