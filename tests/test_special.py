"""Special functions: the digits of values and of gradients of every order."""

import math

import mpmath
import numpy as np
import pytest

import tinygrad_edu as tg

X = np.array([0.0, 1e-8, -1e-3, 0.1, 1.0, -3.0, 7.9, 8.1, -20.0, 50.0, 300.0, 700.0])


def derivative_of_i0(x, order):
    """By binomials of I_n, each derivative of which is the mean of its neighbours; with 40 digits."""
    with mpmath.workdps(40):
        return float(sum(math.comb(order, k) * mpmath.besseli(abs(order - 2 * k), mpmath.mpf(x)) for k in range(order + 1)) / 2**order)


def test_i0_and_its_derivatives_are_right_to_1e_14():
    x = tg.tensor(X, requires_grad=True)
    found = np.i0(x)
    np.testing.assert_array_equal(found.detach(), np.i0(X))
    for order in range(1, 6):
        found, = tg.grad(found.sum(), x, create_graph=True)
        np.testing.assert_allclose(found.detach(), [derivative_of_i0(value, order) for value in X], rtol=1e-14)


def test_dtypes_of_i0():
    for dtype in np.float16, np.float32, np.longdouble, np.int64, np.bool_:
        values = np.array([0, 1, 1], dtype)
        assert np.i0(tg.tensor(values)).dtype == np.i0(values).dtype
        np.testing.assert_allclose(np.i0(tg.tensor(values)), np.i0(values), rtol=1e-15)
    x = tg.tensor([0.5, 30.0], requires_grad=True)
    np.i0(x).sum().backward()
    np.testing.assert_allclose(x.grad, [derivative_of_i0(0.5, 1), derivative_of_i0(30.0, 1)], rtol=1e-6)


def test_the_derivative_of_i0_where_there_are_no_numbers():
    x = tg.tensor([np.inf, -np.inf, np.nan, 800.0], requires_grad=True)
    with np.errstate(all="ignore"):
        np.i0(x).sum().backward()
    np.testing.assert_array_equal(x.grad, [np.inf, -np.inf, np.nan, np.inf])
    with pytest.raises(TypeError, match="complex"):
        np.i0(tg.tensor([1j]))
