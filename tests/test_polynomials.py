"""Polynomials by their coefficients: NumPy's values, dtypes and errors, and right gradients."""

import warnings

import mpmath
import numpy as np
import pytest
from calling import check_call

import tinygrad_edu as tg

rng = np.random.default_rng(0)
P = np.array([1.5, -0.5, 2.0, 0.7])
Q = np.array([-2.0, 0.3, 1.0])
X = np.array([-1.0, -0.4, 0.1, 0.8, 1.3, 2.0])
Y = rng.standard_normal(X.shape)
W = rng.uniform(0.5, 2.0, X.shape)
MANY = rng.standard_normal((6, 2))
MATRIX = np.array([[1.0, 2.0, 0.5], [0.3, -1.0, 1.0], [0.0, 0.4, 2.5]])
TURNING = np.array([[0.0, -1.0], [2.0, 0.5]])
CALLS = {
    "poly": (np.poly, Q),
    "poly of complex roots": (np.poly, Q + 1j),
    "poly of a matrix": (np.poly, MATRIX),
    "poly of a matrix with complex eigenvalues": (np.poly, TURNING),
    "polyadd": (np.polyadd, P, Q),
    "polyadd, as many": (np.polyadd, P, P[::-1].copy()),
    "polyadd of a number": (np.polyadd, Q[0], P),
    "polyder": (np.polyder, P),
    "polyder, three times": (lambda p: np.polyder(p, 3), P),
    "polyder, no times": (lambda p: np.polyder(p, 0), P),
    "polyder of what is gone": (lambda p: np.polyder(p, 5), P),
    "polydiv": (np.polydiv, P, Q),
    "polydiv by a number": (np.polydiv, P, Q[:1]),
    "polydiv by a higher degree": (np.polydiv, Q, P),
    "polydiv, without a rest": (lambda q: np.polydiv(np.convolve(q, q), q), Q),
    "polydiv of complex numbers": (np.polydiv, P + 1j, Q - 0.5j),
    "polyint": (np.polyint, P),
    "polyint, constants": (lambda p, k: np.polyint(p, 2, k), P, Q[:2]),
    "polyint, one constant": (lambda p, k: np.polyint(p, 3, k), P, Q[:1]),
    "polymul": (np.polymul, P, Q),
    "polymul of complex numbers": (np.polymul, P + 1j, Q - 0.5j),
    "polysub": (np.polysub, Q, P),
    "polyfit": (lambda x, y: np.polyfit(x, y, 2), X, Y),
    "polyfit of many": (lambda x, y, w: np.polyfit(x, y, 1, w=w), X, MANY, W),
    "polyfit, full": (lambda x, y, w: np.polyfit(x, y, 2, full=True, w=w), X, Y, W),
    "polyfit, covariances": (lambda x, y, w: np.polyfit(x, y, 2, w=w, cov=True), X, Y, W),
    "polyfit of many, covariances": (lambda x, y: np.polyfit(x, y, 2, cov=True), X, MANY),
    "polyfit of many, unscaled covariances": (lambda x, y: np.polyfit(x, y, 1, cov="unscaled"), X, MANY),
    "roots": (np.roots, np.array([1.0, -6.0, 11.0, -5.5])),
    "roots that are complex": (np.roots, P),
    "roots of complex numbers": (np.roots, P + 1j),
    "roots, one of them 0": (np.roots, np.array([2.0, -1.0, -7.0, 0.0])),
}


@pytest.mark.parametrize("name", CALLS)
def test_values_are_numpys_and_gradients_of_two_orders_right(name):
    function, *arrays = CALLS[name]
    assert check_call(function, arrays, rtol=(1e-12, 1e-4), atol=(1e-12, 1e-4))


def test_zeros_that_lead_are_left_out_and_what_stays_has_its_gradient():
    for p, q in ([0.0, 1.0, 2.0], [0.0, 3.0]), ([0.0, 0.0], [1.0, 2.0]), ([], [1.0]), ([1.0], [2.0, 0.0]):
        np.testing.assert_array_equal(np.polymul(tg.tensor(p), tg.tensor(q)), np.polymul(np.array(p), np.array(q)))
    p = tg.tensor([0.0, 1.0, 2.0], requires_grad=True)
    product = np.polymul(p, [3.0, 5.0])
    assert product.tolist() == [3, 11, 10]
    gradient, = tg.grad(product @ np.array([1.0, 10.0, 100.0], np.float32), p)
    assert gradient.tolist() == [5, 3 + 50, 30 + 500]        # of 5, 11 + 3 * p[0] and 10 each coefficient is one of q
    for p in [0.0, 0.0, 1.0, -3.0, 2.0, 0.0, 0.0], [0.0, 0.0], [2], []:
        ours, numpys = np.roots(tg.tensor(p)), np.roots(np.array(p))
        np.testing.assert_array_equal(ours, numpys)
    p = tg.tensor([0.0, 1.0, -3.0, 2.0], dtype="float64", requires_grad=True)
    gradient, = tg.grad(np.roots(p)[0], p)
    assert gradient.numpy().tolist() == pytest.approx([-8, -4, -2, -1])        # of the root 2, where the derivative is 1


def test_lists_numbers_and_whole_numbers():
    x = tg.tensor([1.0, 2.0])
    assert np.polyadd([0.5], x).dtype == np.polymul(x, [0.5, 1]).dtype == np.polydiv(x, 2.0)[0].dtype == np.float32
    whole = tg.tensor([1, 2, 3])
    for function in np.polyder, np.polyint, np.poly, np.roots, lambda p: np.polysub(p, 1), lambda p: np.polydiv(p, p[:2])[0]:
        ours, numpys = function(whole), function(whole.numpy())
        assert ours.dtype == numpys.dtype
        np.testing.assert_allclose(ours, numpys, rtol=1e-15)
    assert tg.poly(tg.tensor([])).tolist() == 1         # NumPy asks the elements whether they are tensors


def test_gradients_of_roots_have_the_digits_of_float64():
    """Of the sum of the squares of the real parts, twice along a direction, beside differences in 60 digits."""
    direction = np.array([0.3, -1.0, 0.7, 0.4])

    def of_digits(t):
        return sum(mpmath.re(root) ** 2 for root in mpmath.polyroots([p + t * d for p, d in zip(P, direction)], maxsteps=200, extraprec=200))

    t = tg.tensor(0.0, dtype="float64", requires_grad=True)
    total = (np.roots(P + t * direction).real ** 2).sum()
    first, = tg.grad(total, t, create_graph=True)
    second, = tg.grad(first, t)
    with mpmath.workdps(60):
        step = mpmath.mpf("1e-12")
        ends = [of_digits(step * i) for i in (-1, 0, 1)]
        np.testing.assert_allclose([first.item(), second.item()], [
            float((ends[2] - ends[0]) / (2 * step)), float((ends[2] - 2 * ends[1] + ends[0]) / step**2)
        ], rtol=1e-12)


def test_equal_roots_have_no_finite_gradient():
    p = tg.tensor([1.0, 0.0, 0.0], dtype="float64", requires_grad=True)
    gradient, = tg.grad(np.roots(p).sum(), p)
    assert not np.isfinite(gradient.numpy()[2])


def test_few_points_are_warned_of_and_have_a_gradient():
    x = tg.tensor([1.0, 1.0, 2.0], dtype="float64", requires_grad=True)
    with pytest.warns(np.exceptions.RankWarning) as caught:
        found = np.polyfit(x, [1.0, 2.0, 3.0], 2)
    assert caught[0].filename == __file__ and found.requires_grad
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_allclose(found.detach(), np.polyfit([1.0, 1.0, 2.0], [1.0, 2.0, 3.0], 2), rtol=1e-12)
    assert np.polyfit(x, [1.0, 2.0, 3.0], 2, full=True)[2] == 2


def test_a_poly1d_of_tensors_records():
    p = tg.tensor(P, requires_grad=True)
    polynomial = np.poly1d(p) * np.poly1d(Q) + 1
    gradient, = tg.grad(polynomial(2.0), p)
    np.testing.assert_allclose(gradient, np.polyval(Q, 2.0) * 2.0 ** np.arange(4)[::-1])


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda x: np.poly(x[None]), ValueError, "square matrix"),
        (lambda x: np.roots(x[None]), ValueError, "one axis"),
        (lambda x: np.roots(x * np.nan), np.linalg.LinAlgError, "infs or NaNs"),
        (lambda x: np.polymul(x[None], x), ValueError, "one axis"),
        (lambda x: np.polyder(x, -1), ValueError, "0 or more"),
        (lambda x: np.polyint(x, -1), ValueError, "0 or more"),
        (lambda x: np.polyint(x, 3, [1.0, 2.0]), ValueError, "k has 2 elements"),
        (lambda x: np.polyfit(x, x, -1), ValueError, "0 or more"),
        (lambda x: np.polyfit(x, x[1:], 1), TypeError, "they need to be"),
        (lambda x: np.polyfit(x[:0], x[:0], 1), TypeError, "m not 0"),
        (lambda x: np.polyfit(x, x, 1, w=x[1:]), TypeError, "need to be the same"),
        (lambda x: np.polyfit(x, x, 2, cov=True), ValueError, "nothing to scale"),
        (lambda x: np.polyadd(np.poly1d([1.0]), x), TypeError, r"a1\.coeffs"),
        (lambda x: np.polydiv(x, np.poly1d([1.0])), TypeError, r"v\.coeffs"),
        (lambda x: tg.polyder(np.poly1d([1.0])), TypeError, r"p\.coeffs"),
    ],
)
def test_mistakes_are_named(call, error, said):
    with pytest.raises(error, match=said):
        call(tg.tensor(Q, requires_grad=True))
