"""Numbers in even steps, methods of ufuncs, and kinds of unique: values as NumPy's, and gradients."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.testing import gradcheck

A = np.arange(1.0, 7).reshape(2, 3)


def leaf(values=A, **settings):
    return tg.tensor(values, requires_grad=True, **settings)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.linspace(x[0, 0], x[1], 4),
        lambda x: np.linspace(x[0], 2.0, 5, endpoint=False, axis=-1),
        lambda x: np.linspace(0, x, 1),
        lambda x: np.logspace(x[0], 2, 3),
        lambda x: np.logspace(x[0, 0], 2.0, 3, base=2.0),
        lambda x: np.geomspace(x[0], x[1] * 2, 3),
        lambda x: np.geomspace(-x[0], -x[1], 3, axis=1),
        lambda x: np.logspace(x[0], 2, 3, base=np.array([2.0, 3.0, 4.0]), axis=-1),
        lambda x: np.logspace(0.1, 0.7, 3, base=x[0]),
        lambda x: np.geomspace(0.1, x, 3, axis=1, endpoint=False),
        np.unwrap,
        lambda x: np.unwrap(x * 3, period=x[0, 1]),
        lambda x: np.hypot.outer(x, x[0]),
        lambda x: np.add.reduce(x),
        lambda x: np.multiply.reduce(x, axis=(0, 1), keepdims=True),
        lambda x: np.maximum.reduce(x, axis=None),
        lambda x: np.minimum.reduce(x, axis=1),
        lambda x: np.add.accumulate(x, 1),
        lambda x: np.multiply.accumulate(x),
        lambda x: np.maximum.accumulate(x, 1),
        lambda x: np.minimum.accumulate(x),
        lambda x: np.subtract.reduce(x),
        lambda x: np.divide.reduce(x, 1, keepdims=True),
        lambda x: np.logaddexp.reduce(x, (0, 1)),
        lambda x: np.logaddexp2.reduce(x, None),
        lambda x: np.hypot.reduce(x, axis=-1),
        lambda x: np.fmax.reduce(x),
        lambda x: np.fmin.reduce(x, axis=None),
        lambda x: np.add.reduceat(x, [0, 1, 0]),
        lambda x: np.add.reduceat(x, [0, 2, 1, 1], axis=1),
    ],
)
def test_values_and_gradients(function):
    got, expected = function(leaf()), function(A)
    assert got.shape == expected.shape and got.dtype == expected.dtype
    np.testing.assert_allclose(got.detach(), expected, rtol=1e-14)
    gradcheck(function, leaf(), order=2)


def test_steps_are_returned_and_dtypes_kept():
    values, step = np.linspace(leaf(1.0), 2.0, 5, retstep=True)
    assert values.dtype == np.float32 and step.item() == 0.25 and step.requires_grad
    assert tg.linspace(0, 1, 3).dtype == np.float32 and np.linspace(leaf(0.0), 1, 3, dtype=np.float64).dtype == np.float64
    assert np.logspace(leaf(0.0), 2, 3).dtype == np.float32
    with pytest.raises(ValueError, match="other than 0"):
        np.geomspace(leaf(0.0), 1.0)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(np.geomspace(leaf(-1.0), 1.0, 3).detach(), np.geomspace(-1.0, 1.0, 3))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.linspace(x, -5, 4, dtype=int),
        lambda x: np.linspace(x, 5.0, 3),
        lambda x: np.linspace(x, np.float64(0.1), 3),
        lambda x: np.linspace(x, 0.7, 7)[-1],
        lambda x: np.logspace(x, 3, 4),
        lambda x: np.logspace(0.1, x, 4, base=0.7),
        lambda x: np.geomspace(x, 1000, 4),
        lambda x: np.geomspace(x, 1000, 4, dtype=int),
        lambda x: np.geomspace(x, 0.3, 3)[-1],
        lambda x: np.unwrap(np.multiply([0, 5, 10], x)),
        lambda x: np.unwrap(np.multiply([0, 5, 10], x), period=4),
    ],
)
@pytest.mark.parametrize("dtype", ["bool", "int64", "float32", "float64"])
def test_dtypes_and_ends_are_numpys(call, dtype):
    start = np.ones((), dtype)
    got, expected = call(tg.tensor(start)), call(start)
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=1e-6 if dtype == "float32" else 1e-14)
    if not got.ndim:
        assert got.item() == expected


@pytest.mark.parametrize(("num", "endpoint", "expected"), [(1, False, 5.0), (1, True, np.nan), (0, True, np.nan), (2, True, 5.0)])
def test_the_step_of_few_numbers(num, endpoint, expected):
    start = leaf(0.0)
    step = np.linspace(start, 5, num, endpoint, retstep=True)[1]
    np.testing.assert_array_equal(step.detach(), expected)
    assert step.requires_grad == np.isfinite(expected) and np.linspace(leaf(), 5, 1, retstep=True)[1].shape == ()


def test_there_is_no_other_device():
    for call in lambda: np.linspace(leaf(0.0), 1, 3, device="gpu"), lambda: tg.linspace(0, 1, 3, device="gpu"):
        with pytest.raises(ValueError, match="gpu"):
            call()


@pytest.mark.parametrize(
    "call",
    [lambda x: np.multiply.at(x, [0], 1.0), lambda x: np.power.reduce(x), lambda x: np.subtract.reduceat(x, [0]), lambda x: np.power.accumulate(x)],
)
def test_other_methods_of_ufuncs_are_refused_by_name(call):
    with pytest.raises(tg.errors.UnsupportedError, match=r"np\.\w+\.\w+ does not take Tensors"):
        call(leaf())


def test_methods_of_nothing_and_of_nan_are_numpys():
    for method in (lambda x: np.logaddexp.reduce(x[:0]), lambda x: np.fmax.reduce(x, 1), lambda x: np.minimum.accumulate(x, 1)):
        values = np.where(A == A[0, 1], np.nan, A)
        np.testing.assert_array_equal(method(tg.tensor(values)), method(values))
    for method in (lambda x: np.subtract.reduce(x[:0]), lambda x: np.subtract.reduce(x, None), lambda x: np.add.reduceat(x, [5])):
        with pytest.raises(Exception) as numpys:        # noqa: PT011
            method(A)
        with pytest.raises(numpys.type, match=r"(subtract|add)\.reduce"):
            method(leaf())


def test_add_at_adds_as_often_as_an_index_repeats_and_is_recorded():
    x, theirs = tg.tensor(A), A.copy()
    b = tg.tensor([1.0, 2.0, 5.0], dtype="float64", requires_grad=True)
    np.add.at(x, ([0, 0, 1], 1), b * b)
    np.add.at(theirs, ([0, 0, 1], 1), [1.0, 4.0, 25.0])
    np.testing.assert_array_equal(x.detach(), theirs)
    (x * x).sum().backward()
    np.testing.assert_allclose(b.grad, 4 * b.detach() * theirs[[0, 0, 1], 1])
    with pytest.raises(TypeError, match="write to a tensor"):
        np.add.at(A, [0], b[0])


@pytest.mark.parametrize("method", ["reduce", "accumulate"])
def test_a_method_of_a_ufunc_computes_in_its_dtype(method):
    for ufunc, values in (np.multiply, np.array([2**40, 2**40])), (np.add, np.array([3e38, 3e38], np.float32)):
        got, expected = (getattr(ufunc, method)(array, dtype=np.float64) for array in (tg.tensor(values), values))
        assert got.dtype == np.float64
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("other", [3, 0.1, 300, np.float64(0.1)])
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64"])
def test_an_outer_sum_has_numpys_dtype(dtype, other):
    values = np.array([1, 2], dtype)
    for outer in lambda x: np.add.outer(x, other), lambda x: np.add.outer(other, x):
        got, expected = outer(tg.tensor(values)), outer(values)
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)


def test_methods_without_gradient():
    np.testing.assert_array_equal(np.less.outer(leaf(), A[0]), np.less.outer(A, A[0]))
    assert np.logical_and.reduce(leaf(), axis=1).tolist() == [True, True]


def test_unique_and_its_kin():
    x = leaf([3.0, 1.0, 3.0, np.nan, np.nan])
    for function in np.unique_all, np.unique_counts, np.unique_inverse:
        got, expected = function(x), function(x.detach().numpy())
        assert type(got) is type(expected)
        for ours, numpys in zip(got, expected, strict=True):
            np.testing.assert_array_equal(ours.detach(), numpys)
    np.testing.assert_array_equal(np.unique_values(x).detach(), [1, 3, np.nan, np.nan])
