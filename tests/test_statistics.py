"""Order statistics, averages, sums so far and differences: NumPy's values in every form of its arguments, and right gradients."""

import warnings

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.testing import gradcheck

rng = np.random.default_rng(0)
A = rng.standard_normal((4, 5, 3))
N = A.copy()
N[0, 1, 2] = N[2, 0, 1] = np.nan
N[:, 3, 0] = np.nan
PLACES = np.array([0.0, 1.0, 3.0, 4.0, 7.0])
AXES = [None, 0, -1, (0, 2)]
METHODS = [
    "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull", "linear", "median_unbiased",
    "normal_unbiased", "lower", "higher", "midpoint", "nearest",
]


def check(function, *arrays, tolerance=1e-12):
    """Values as NumPy's, and gradients of two orders."""
    tensors = [tg.tensor(array, requires_grad=True) for array in arrays]
    with np.errstate(all="ignore"):
        got, expected = function(*tensors), function(*arrays)
    got, expected = (result if isinstance(result, (tuple, list)) else (result,) for result in (got, expected))
    for ours, numpys in zip(got, expected, strict=True):
        assert ours.shape == np.shape(numpys) and ours.dtype == np.asarray(numpys).dtype
        np.testing.assert_allclose(ours.detach().numpy(), numpys, rtol=tolerance, atol=1e-13)
    if all(np.isfinite(array).all() for array in arrays):
        moving = [i for i, ours in enumerate(got) if ours.requires_grad]

        def recorded(*xs):
            results = function(*xs)
            return [results[i] for i in moving] if isinstance(results, (tuple, list)) else results

        gradcheck(recorded, tensors)
        gradcheck(recorded, tensors, order=2)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.filterwarnings("ignore:Degrees of freedom", "ignore:Mean of empty", "ignore:All-NaN")
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize(
    "function", [np.median, np.nanmedian, np.nansum, np.nanprod, np.nanmean, np.nanvar, np.nanstd, np.nanmax, np.nanmin, np.ptp, np.average, np.prod]
)
def test_reductions_over_axes(function, axis, keepdims):
    check(lambda x: function(x, axis=axis, keepdims=keepdims), A[:2, :3])
    if function not in (np.ptp, np.average, np.prod):
        check(lambda x: function(x, axis=axis, keepdims=keepdims), N)


@pytest.mark.filterwarnings("ignore:All-NaN")
@pytest.mark.parametrize("q", [0.3, [0.0, 0.5, 1.0], [[0.1, 0.2], [0.9, 0.4]]])
@pytest.mark.parametrize("axis", AXES)
def test_quantiles_over_axes(axis, q):
    check(lambda x: np.quantile(x, q, axis=axis, keepdims=True), A[:2])
    check(lambda x: np.quantile(x, q, axis=axis), N)
    check(lambda x: np.percentile(x, np.multiply(q, 100), axis=axis), A[:2])
    if np.ndim(q) < 2:
        check(lambda x: np.nanquantile(x, q, axis=axis), N[:, :3])


@pytest.mark.filterwarnings("ignore:All-NaN")
@pytest.mark.parametrize("method", METHODS)
def test_quantiles_by_every_method(method):
    check(lambda x: np.quantile(x, [0.0, 0.13, 0.5, 0.77, 1.0], axis=1, method=method), A[:2])
    check(lambda x: np.nanpercentile(x, [0.0, 13, 50, 77, 100.0], axis=1, method=method), N)


INF = np.inf


@pytest.mark.filterwarnings("ignore:invalid value", "ignore:All-NaN", "ignore:Mean of empty")
@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.quantile(x, 0.5),
        lambda x: np.quantile(x, [0.0, 0.25, 0.5, 0.75, 1.0]),
        lambda x: np.nanpercentile(x, [0, 30, 100]),
        lambda x: np.quantile(x, 0.3, method="lower"),
        lambda x: np.percentile(x, 70, method="inverted_cdf", keepdims=True),
        lambda x: np.median(x, keepdims=True),
        np.nanmedian,
    ],
)
@pytest.mark.parametrize(
    "values",
    [
        np.array([1, INF]), np.array([-INF, 1, 2]), np.array([-INF, INF]), np.array([INF, INF, 1, 2]), np.array([1, np.nan, INF, 3]),
        np.array([2**60 + 1, 2**60 + 3, 5]), np.array([3, 1], np.uint8), np.array([1.5, 2.5], np.float16), np.array([True, False]),
        np.zeros(0), np.zeros((0, 3)), np.array([1 + 2j, 1 - 1j, 0]), np.array([2 + 2j, 1j]),
    ],
    ids=repr,
)
def test_quantiles_are_numpys_at_every_edge(call, values):
    try:
        expected = call(values)
    except (TypeError, IndexError) as error:
        with pytest.raises(type(error)):
            call(tg.tensor(values))
        return
    got = call(tg.tensor(values, requires_grad=values.dtype.kind == "f"))
    assert got.dtype == expected.dtype and got.shape == np.shape(expected)
    np.testing.assert_allclose(got.detach(), expected, rtol=1e-15 if expected.dtype != np.float16 else 1e-3)


def test_the_order_of_complex_numbers_has_no_gradient():
    with pytest.raises(tg.errors.DTypeError, match="median: a is complex"):
        np.median(tg.tensor([1j, 2.0], requires_grad=True))


CALLS = {
    "average, weights of an axis": (lambda x: np.average(x, axis=1, weights=np.arange(1.0, 6)), A[:2]),
    "average, weights with a gradient": (lambda x, w: np.average(x, axis=(2, 0), weights=w, returned=True), A, np.abs(A[:, 0, :]).T + 1),
    "corrcoef": (np.corrcoef, A[0]),
    "corrcoef of columns": (lambda x: np.corrcoef(x, rowvar=False), A[0]),
    "cov": (np.cov, A[0]),
    "cov of two": (lambda x, y: np.cov(x, y, bias=True), A[0], A[1]),
    "cov, weighted": (lambda x: np.cov(x, ddof=0, fweights=np.array([1, 2, 1]), aweights=np.array([0.1, 0.2, 0.3])), A[0]),
    "cov, weights with a gradient": (lambda x, w: np.cov(x, fweights=np.array([1, 2, 1]), aweights=w), A[0], np.array([0.4, 0.7, 0.3])),
    "cov of one row": (np.cov, A[0, 0]),
    "cumprod": (lambda x: np.cumprod(x, axis=1), A[:2]),
    "cumsum": (np.cumsum, A[:2]),
    "cumulative_prod": (lambda x: np.cumulative_prod(x, axis=1, include_initial=True), A[:2]),
    "cumulative_sum": (np.cumulative_sum, A[0, 0]),
    "diff": (lambda x: np.diff(x, 2, axis=1), A),
    "diff with ends": (lambda x: np.diff(x, axis=1, prepend=0.0, append=x[:, :1]), A),
    "ediff1d": (lambda x: np.ediff1d(x, to_begin=[1.0, 2.0], to_end=9.0), A[0]),
    "gradient": (lambda x: np.gradient(x, 0.5, 2.0, 3.0), A),
    "gradient of order 2": (lambda x: np.gradient(x, edge_order=2), A),
    "gradient at places": (lambda x: np.gradient(x, PLACES, axis=1), A),
    "gradient at places of order 2": (lambda x: np.gradient(x, PLACES, axis=1, edge_order=2), A),
    "nancumprod": (lambda x: np.nancumprod(x, axis=1), N),
    "nancumsum": (lambda x: np.nancumsum(x, axis=0), N),
    "nanmean where": (lambda x: np.nanmean(x, axis=0, where=A > 0), N),
    "nanstd, ddof": (lambda x: np.nanstd(x, axis=1, ddof=1), N),
    "nanvar where": (lambda x: np.nanvar(x, axis=0, where=A > -1), A),
    "prod": (lambda x: np.prod(x, axis=(0, 2), initial=2.0, where=A[:2] > -1), A[:2]),
    "trapezoid": (lambda y: np.trapezoid(y, dx=0.1, axis=1), A),
    "trapezoid at places": (lambda y, x: np.trapezoid(y, x), A[0], np.cumsum(np.abs(A[1]), axis=1)),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore:Degrees of freedom", "ignore:Mean of empty")
def test_calls_are_numpys_and_have_gradients_of_two_orders(name):
    check(*CALLS[name], tolerance=1e-11)


def test_zeros_in_a_product_are_exact():
    for values, expected in ([2.0, 0.0, 3.0], [0, 6, 0]), ([0.0, 2.0, 0.0], [0, 0, 0]), ([2.0, 3.0, 4.0], [12, 8, 6]):
        x = tg.tensor(values, requires_grad=True)
        np.prod(x).backward()
        np.testing.assert_array_equal(x.grad, expected)


@pytest.mark.parametrize("function", [np.sum, np.prod, np.nansum, np.nanprod, np.max, np.min])
@pytest.mark.parametrize("values", [np.array([1, 2]), np.array([1, 2], np.float32), np.array([1.5, 2.5])])
@pytest.mark.parametrize("initial", [3, 0.1, np.float64(0.1)])
def test_initial_takes_the_dtype_of_the_result(function, values, initial):
    got, expected = function(tg.tensor(values), initial=initial), function(values, initial=initial)
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=1e-6 if values.dtype == np.float32 else 1e-14)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "int8", "float32", "float64"])
@pytest.mark.parametrize(
    "call",
    [
        np.gradient,
        lambda x: np.gradient(x, np.float64(0.3)),
        lambda x: np.gradient(np.arange(4.0, dtype=np.float32), x),
        lambda x: np.gradient(x, np.array([0.0, 0.5, 1.0, 4.0]), edge_order=2),
        lambda x: np.gradient(x, np.array([9, 7, 4, 2], np.uint8)),
        lambda x: np.diff(x, prepend=0.5),
        lambda x: np.diff(x, append=np.float64(0.5)),
        lambda x: np.diff(x, prepend=[1j], append=2),
        lambda x: np.diff(x > 2, n=2, append=True),
        lambda x: np.ediff1d(x, x[:2], x.astype(np.float16) if x.dtype.kind == "f" else None),
    ],
)
def test_differences_have_numpys_values_and_dtypes(call, dtype):
    values = np.array([3, 1, 2, 7], dtype)
    got, expected = call(tg.tensor(values)), call(values)
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_initial_that_the_dtype_cannot_hold_is_refused():
    for function, initial in (np.max, 300), (np.sum, -1):
        with pytest.raises(OverflowError):
            function(tg.tensor([1, 2], dtype="uint8"), initial=initial)


def test_what_the_dtype_of_differences_cannot_hold_is_refused():
    with pytest.raises(TypeError, match="ediff1d: to_end has dtype float64.* int64"):
        np.ediff1d(tg.tensor([1, 2, 3]), to_end=1.5)


@pytest.mark.parametrize("axis", [-1, -2])
def test_places_may_have_fewer_axes_than_what_is_integrated(axis):
    places = PLACES[:, None] * np.ones(3)
    check(lambda y, x: np.trapezoid(y, x, axis=axis), A, places)


def test_ties_share_a_median_and_a_quantile():
    x = tg.tensor([1.0, 2.0, 2.0, 5.0], requires_grad=True)
    np.median(x).backward()
    np.testing.assert_array_equal(x.grad, [0, 0.5, 0.5, 0])


def test_nan_spoils_its_own_row_only():
    x = tg.tensor([[1.0, np.nan, 2.0], [1.0, 2.0, 4.0]], requires_grad=True)
    out = np.median(x, axis=1)
    np.testing.assert_array_equal(out.detach(), [np.nan, 2])
    out[1].backward()
    np.testing.assert_array_equal(x.grad, [[0, 0, 0], [0, 1, 0]])


def test_nanstd_of_constants_has_gradient_0():
    x = tg.tensor([3.0, 3.0, np.nan], requires_grad=True)
    np.nanstd(x).backward()
    np.testing.assert_array_equal(x.grad, [0, 0, 0])


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda x: np.quantile(x, 2.0), ValueError, "in the range"),
        (lambda x: np.quantile(x, x[0, 0] / 2), tg.errors.GraphError, "q requires grad"),
        (lambda x: np.quantile(x, 0.5, weights=[1.0]), ValueError, "inverted_cdf"),
        (lambda x: np.quantile(x, 0.5, method="best"), ValueError, "best"),
        (lambda x: np.average(x, weights=[0.0, 0.0], axis=1), ZeroDivisionError, "sum 0"),
        (lambda x: np.average(x, weights=[1.0]), TypeError, "axis is needed"),
        (lambda x: np.average(x, axis=0, weights=[1.0]), ValueError, "they need the shape"),
        (lambda x: np.gradient(x[0, :1]), ValueError, "at least 2 elements"),
        (lambda x: np.gradient(x, [1.0, 2.0, 3.0], axis=0), ValueError, "3 places"),
        (lambda x: np.cumulative_sum(x), ValueError, "axis may be left out only"),
        (lambda x: np.cumsum(x, out=np.zeros(4)), TypeError, "out="),
        (lambda x: np.diff(x, -1), ValueError, "0 or more"),
        (lambda x: np.cov(x[None]), ValueError, "one or two axes"),
        (lambda x: np.median(x, axis=5), np.exceptions.AxisError, "out of bounds"),
    ],
)
def test_mistakes_are_named(call, error, said):
    with pytest.raises(error, match=said):
        call(tg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True))


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"fweights": [-1, 2, 2]}, ValueError),
        ({"fweights": [0.5, 1, 1]}, TypeError),
        ({"fweights": [1, 2]}, RuntimeError),
        ({"aweights": [[1.0, 2.0, 1.0]]}, RuntimeError),
        ({"aweights": [-1.0, 2.0, 1.0]}, ValueError),
        ({"ddof": 1.5}, ValueError),
    ],
)
def test_what_cov_cannot_weigh_is_numpys_error(settings, error):
    values = np.array([[1.0, 2.0, 4.0], [3.0, 1.0, 2.0]])
    with pytest.raises(error):
        np.cov(values, **settings)
    with pytest.raises(error, match="cov: "):
        np.cov(tg.tensor(values), **settings)


def test_one_row_of_columns_has_a_covariance_for_each_two():
    values = np.array([[1.0, 2.0, 3.0], [3.0, 5.0, 4.0]])
    for function in np.cov, np.corrcoef:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            np.testing.assert_allclose(function(tg.tensor(values), rowvar=False), function(values, rowvar=False))
            assert function(tg.tensor(values[:1]), rowvar=False).shape == (3, 3)


def test_weighted_quantiles_are_elements():
    rng = np.random.default_rng(0)
    values, weights = rng.normal(size=(3, 4)), rng.random((3, 4))
    for function, axis, q in (np.quantile, 1, 0.3), (np.nanquantile, None, [0.2, 0.9]), (np.percentile, (0, 1), 40.0):
        call = lambda x: function(x, q, axis=axis, weights=weights, method="inverted_cdf")       # noqa: B023, E731
        np.testing.assert_array_equal(call(tg.tensor(values)), call(values))
        gradcheck(call, tg.tensor(values, requires_grad=True))


def test_ddof_and_correction_are_one_setting():
    with pytest.raises(ValueError, match="nanvar: ddof and correction are two names"):
        np.nanvar(tg.tensor([1.0, 2.0]), ddof=1, correction=2)
