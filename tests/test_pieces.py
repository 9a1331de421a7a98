"""Functions with pieces: values as NumPy's, gradients at ties, jumps and NaN, and functions with two results."""

import numpy as np
import pytest

import tinygrad_edu as tg

X = np.array([2.5, -3.75, 0.0, np.inf, -0.0, 6.0])


def leaf(values, **settings):
    return tg.tensor(values, requires_grad=True, **settings)


@pytest.mark.parametrize(
    "function",
    [np.frexp, np.modf, np.fabs, np.positive, np.nan_to_num, lambda x: np.divmod(x, 2.0), lambda x: np.float_power(x, 2), lambda x: np.ldexp(x, 3),
     lambda x: np.nan_to_num(x, nan=1.0, posinf=2.0, neginf=3.0), lambda x: np.mod(x, 2.0)],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_values_are_numpys(function, dtype):
    got, expected = function(leaf(X.astype(dtype))), function(X.astype(dtype))
    for ours, numpys in zip(*(result if isinstance(result, tuple) else (result,) for result in (got, expected)), strict=True):
        np.testing.assert_array_equal(ours.detach().numpy(), numpys)
        assert ours.dtype == numpys.dtype


@pytest.mark.parametrize(("function", "index"), [(np.frexp, 0), (np.modf, 0), (lambda x: np.divmod(x, 2.0), 1)])
def test_the_part_that_moves_has_the_gradient_and_the_other_none(function, index):
    x = leaf([2.5, -3.75])
    parts = function(x)
    assert [part.requires_grad for part in parts] == [i == index for i in range(2)]
    parts[index].sum().backward()
    np.testing.assert_array_equal(x.grad, [0.25, 0.25] if function is np.frexp else [1, 1])


def test_fmax_and_fmin_give_ties_to_the_first_and_pass_by_nan():
    for function in np.fmax, np.fmin:
        a, b = leaf([1.0, np.nan, 2.0, np.nan]), leaf([1.0, 3.0, np.nan, np.nan])
        function(a, b).sum().backward()
        np.testing.assert_array_equal(a.grad, [1, 0, 1, 1])
        np.testing.assert_array_equal(b.grad, [0, 1, 0, 0])


def test_nan_to_num_has_gradient_0_where_there_was_no_number():
    x = leaf([1.0, np.nan, np.inf])
    np.nan_to_num(x).sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 0, 0])
    with pytest.raises(ValueError, match="copy=False"):
        np.nan_to_num(x, copy=False)


@pytest.mark.parametrize("numbers", [{}, {"nan": 3.0}, {"nan": [1.0, 2.0, 3.0], "posinf": np.float64(0.1)}])
def test_nan_to_num_has_numpys_values_and_dtypes(numbers):
    values = np.array([np.nan, np.inf, -np.inf])
    for x in values, values.astype(np.float32), np.arange(3), values + 1j, np.array([complex(1, value) for value in values]):
        got, expected = np.nan_to_num(tg.tensor(x), **numbers), np.nan_to_num(x, **numbers)
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)


def test_numbers_that_nan_to_num_puts_in_may_have_a_gradient():
    x, number = leaf([[1.0, np.nan], [np.inf, np.nan]]), leaf([5.0, 7.0])
    out = np.nan_to_num(x, nan=number)
    (out * np.array([[1, 10], [100, 1000]])).sum().backward()
    np.testing.assert_array_equal(out.detach()[:, 1], [7, 7])
    np.testing.assert_array_equal(x.grad, [[1, 0], [0, 0]])
    np.testing.assert_array_equal(number.grad, [0, 1010])


def test_a_part_of_a_complex_number_that_stays_keeps_its_gradient():
    x = leaf([complex(np.nan, 2.0)])
    np.nan_to_num(x).imag.sum().backward()
    np.testing.assert_array_equal(x.grad, [1j])


def test_parts_of_infinities_are_taken_without_a_warning(recwarn):
    np.testing.assert_array_equal(np.modf(leaf([np.inf, 1.5]))[0].detach(), [0, 0.5])
    assert not recwarn


def test_a_remainder_moves_against_the_divisor():
    b = leaf([2.0, -2.0], dtype="float64")
    np.remainder(7.5, b).sum().backward()
    np.testing.assert_array_equal(b.grad, [-3, 4])
    b.grad = None
    np.fmod(7.5, b).sum().backward()
    np.testing.assert_array_equal(b.grad, [-3, 3])


def test_the_exponent_has_no_gradient():
    x = leaf([1.0])
    np.ldexp(x, tg.tensor([2])).backward()
    np.testing.assert_array_equal(x.grad, [4])
