"""Counts and sums of weights in bins, and the edges of these: NumPy's values in every form of its arguments, and right gradients."""

import numpy as np
import pytest
from calling import check_call

import tinygrad_edu as tg
from tinygrad_edu.testing import gradcheck

rng = np.random.default_rng(0)
X = np.array([0.3, -1.2, 2.0, 0.9, -0.4, 1.7, 0.1, 1.1, -0.8, 0.6])
Y = np.roll(X, 3) * 2 - 0.1
W = rng.uniform(0.5, 2.0, X.shape)
PLACES = np.array([3, 0, 1, 1, 5, 0, 3, 3, 2, 1])
EDGES = np.array([-1.0, 0.0, 0.25, 1.5])
POINTS = np.stack([X, Y, X * Y], 1)
CALLS = {
    "bincount": (lambda w: np.bincount(PLACES, w), W),
    "bincount of a tensor": (lambda w: np.bincount(tg.tensor(PLACES), w, minlength=9), W),
    "histogram": (lambda x: np.histogram(x, 4), X),
    "histogram, weighted": (lambda x, w: np.histogram(x, 4, weights=w), X, W),
    "histogram, weights of numbers in an array": (lambda w: np.histogram(X, EDGES, weights=w), W),
    "histogram, density": (lambda x: np.histogram(x, 3, density=True), X),
    "histogram, weighted density": (lambda x, w: np.histogram(x, 3, density=True, weights=w), X, W),
    "histogram, edges": (lambda x, e, w: np.histogram(x, e, density=True, weights=w), X, EDGES, W),
    "histogram, equal edges": (lambda x, w: np.histogram(x, [0.1, 0.3, 0.3, 1.0, 2.0, 2.0], weights=w), X, W),
    "histogram, range": (lambda x, w: np.histogram(x, 4, range=(-1, 1), weights=w), X, W),
    "histogram, rule": (lambda x: np.histogram(x, "auto"), X),
    "histogram of two axes": (lambda x, w: np.histogram(x, 3, weights=w), X.reshape(2, 5), W.reshape(2, 5)),
    "histogram_bin_edges": (lambda x: np.histogram_bin_edges(x, 5), X),
    "histogram2d": (lambda x, y: np.histogram2d(x, y, (2, 3), density=True), X, Y),
    "histogram2d, weighted": (lambda x, w: np.histogram2d(x, Y, 3, weights=w), X, W),
    "histogram2d, edges": (lambda x, y, e: np.histogram2d(x, y, e), X, Y, EDGES),
    "histogram2d, two rows of edges": (lambda x, y, e: np.histogram2d(x, y, [e, [0.0, 1.0, 2.0]], density=True), X, Y, EDGES),
    "histogramdd": (lambda p: np.histogramdd(p, (2, 1, 3), density=True), POINTS),
    "histogramdd, weighted": (lambda p, w: np.histogramdd(p, 2, weights=w), POINTS, W),
    "histogramdd, range": (lambda p, w: np.histogramdd(p, 2, range=[(-1, 1), None, (0, 3)], weights=w), POINTS, W),
    "histogramdd, coordinates": (lambda x, y: np.histogramdd([x, y], 2), X, Y),
}


@pytest.mark.parametrize("name", CALLS)
def test_values_are_numpys_and_gradients_of_two_orders_right(name):
    function, *arrays = CALLS[name]
    assert check_call(function, arrays, rtol=(1e-14, 1e-6))


def test_the_weights_of_a_histogram_and_of_bincount_have_gradients():
    w = tg.tensor(W, requires_grad=True)
    for counts in np.histogram(X, 4, weights=w)[0], np.bincount(PLACES, weights=w)[:4], np.histogram2d(X, Y, 3, weights=w)[0].reshape(-1)[:4]:
        gradient, = tg.grad(counts @ np.array([1.0, 10.0, 100.0, 1000.0]), w)
        assert set(gradient.numpy()) <= {0, 1, 10, 100, 1000} and gradient.numpy().any()


def test_what_is_counted_has_no_gradient_and_edges_have_that_of_their_ends():
    x = tg.tensor(X, requires_grad=True)
    counts, edges = np.histogram(x, 4)
    assert not counts.requires_grad and counts.dtype == np.intp
    gradient, = tg.grad(edges[1], x)
    np.testing.assert_array_equal(gradient, np.where(X == X.min(), 0.75, np.where(X == X.max(), 0.25, 0)))
    assert np.histogram(x, EDGES)[1].requires_grad is False
    low = tg.tensor(-1.0, requires_grad=True)
    gradient, = tg.grad(tg.histogram(X, 4, range=(low, 1.0))[1].sum(), low)
    assert gradient.item() == 2.5
    assert tg.histogram(X, 4, (-1, 1))[1].dtype == np.float64


def test_nan_infinities_no_elements_and_one_value():
    for values in [np.nan, 0.5, np.inf], [], [2.0, 2.0]:
        for bins in EDGES, 3:
            if bins is EDGES or np.isfinite(values).all():
                x, w = tg.tensor(values, dtype="float64", requires_grad=True), tg.ones(len(values), dtype="float64", requires_grad=True)
                for ours, numpys in zip(np.histogram(x, bins, weights=w), np.histogram(values, bins, weights=np.ones(len(values)))):
                    np.testing.assert_array_equal(ours.detach(), numpys)
    for weights in np.arange(10), W * 1j, W.astype(np.float16), W > 1:
        ours, numpys = np.histogram(tg.tensor(X), 3, weights=weights)[0], np.histogram(X, 3, weights=weights)[0]
        assert ours.dtype == numpys.dtype
        np.testing.assert_array_equal(ours, numpys)


def test_complex_weights_have_gradients_where_numpy_takes_them():
    w = tg.tensor(W * (1 + 2j), requires_grad=True)
    gradcheck(lambda w: np.histogram(X, 3, weights=w)[0], w)
    for call in lambda: np.bincount(PLACES, w), lambda: np.histogramdd(POINTS, 2, weights=w):
        with pytest.raises(TypeError, match="complex128"):
            call()


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda x: np.bincount(PLACES, x[:3]), ValueError, "same length"),
        (lambda x: np.bincount(PLACES - 1, x), ValueError, "negative elements"),
        (lambda x: np.bincount(x), TypeError, "safe"),
        (lambda x: np.histogram(x, 0), ValueError, "positive"),
        (lambda x: np.histogram(x, [1.0, 0.0]), ValueError, "monotonically"),
        (lambda x: np.histogram(x, range=(1, 0)), ValueError, "max must be larger"),
        (lambda x: np.histogram(x, weights=x[:3]), ValueError, "same shape"),
        (lambda x: np.histogram(x, "auto", weights=x), TypeError, "not supported for weighted"),
        (lambda x: np.histogram(x / 0), ValueError, "not finite"),
        (lambda x: np.histogram2d(x, x[1:]), ValueError, "as many"),
        (lambda x: np.histogramdd([x, x], (1, 2, 3)), ValueError, "dimension of bins"),
    ],
)
def test_mistakes_are_numpys_errors(call, error, said):
    with np.errstate(all="ignore"), pytest.raises(error, match=said):
        call(tg.tensor(X, requires_grad=True))
