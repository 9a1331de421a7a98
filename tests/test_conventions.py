"""Ties, kinks and ends, where libraries differ: one test for each convention that the documentation states."""

from contextlib import nullcontext

import numpy as np
import pytest

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F

NAN, INF = np.nan, np.inf
fused_and_composed = pytest.mark.parametrize("way", [nullcontext, tg.composed], ids=["fused", "composed"])


def gradients(function, *inputs, g=None):
    """dL/d(input) for each input, L = sum(g * function(inputs)), as lists."""
    tensors = [tg.tensor(x, dtype="float64", requires_grad=True) for x in inputs]
    with np.errstate(all="ignore"):
        out = function(*tensors)
        out.backward(np.ones(out.shape) if g is None else np.array(g))
    return [x.grad.tolist() for x in tensors]


def gradient(function, x, g=None):
    return gradients(function, x, g=g)[0]


# Kinks


def test_relu_has_gradient_0_at_0():
    assert gradient(tg.relu, [-1.0, -0.0, 0.0, 1.0]) == [0, 0, 0, 1]


def test_abs_has_gradient_0_at_0():
    assert gradient(tg.abs, [-2.0, -0.0, 0.0, 2.0]) == [-1, 0, 0, 1]


def test_clip_passes_the_gradient_at_its_bounds():
    assert gradient(lambda x: tg.clip(x, 0, 1), [-0.5, 0.0, 0.5, 1.0, 1.5]) == [0, 1, 1, 1, 0]
    assert gradients(tg.clip, [-0.5, 0.0, 0.5, 1.0, 1.5], 0.0, 1.0) == [[0, 1, 1, 1, 0], 1, 1]


def test_clip_between_bounds_in_the_wrong_order_is_the_upper_bound():
    assert gradients(tg.clip, [0.0, 1.5, 3.0], 2.0, 1.0) == [[0, 0, 0], 0, 3]


def test_clip_leaves_nan():
    assert np.isnan(tg.clip(tg.tensor(NAN), 0, 1).item())
    assert gradients(tg.clip, NAN, 0.0, 1.0) == [0, 0, 0]


# Ties


@pytest.mark.parametrize("function", [tg.max, lambda x: -tg.min(-x)])
def test_max_and_min_share_the_gradient_equally_among_ties(function):
    assert gradient(function, [[1.0, 3.0], [3.0, 2.0]], g=6.0) == [[0, 3], [3, 0]]
    assert gradient(function, [5.0, 5.0, 5.0], g=6.0) == [2, 2, 2]


@pytest.mark.parametrize(("function", "sign"), [(tg.max, 1), (tg.min, -1)])
def test_max_and_min_share_along_one_axis_as_along_all(function, sign):
    x = sign * np.array([[1.0, 1.0, 0.0], [3.0, 2.0, 2.0], [7.0, 7.0, 7.0]])
    assert gradient(lambda x: function(x, axis=1), x, g=[6.0, 6.0, 6.0]) == [[3, 3, 0], [6, 0, 0], [2, 2, 2]]
    assert gradient(lambda x: function(x, axis=(0, 1), keepdims=True), x) == [[0, 0, 0], [0, 0, 0], [1 / 3] * 3]


def test_max_of_infinities_is_a_tie_too():
    assert gradient(tg.max, [-INF, -INF]) == [0.5, 0.5]
    assert gradient(tg.max, [INF, 1.0, INF]) == [0.5, 0, 0.5]


def test_max_gives_the_gradient_to_nan():
    assert gradient(tg.max, [1.0, NAN, 2.0]) == [0, 1, 0]


def test_maximum_and_minimum_give_a_half_each():
    assert gradients(tg.maximum, [1.0, 2.0, 3.0], [1.0, 3.0, 2.0]) == [[0.5, 0, 1], [0.5, 1, 0]]
    assert gradients(tg.minimum, [1.0, 2.0, 3.0], [1.0, 3.0, 2.0]) == [[0.5, 1, 0], [0.5, 0, 1]]
    assert gradient(lambda x: tg.maximum(x, 0.0), [0.0, 1.0]) == [0.5, 1]


@pytest.mark.parametrize("function", [tg.maximum, tg.minimum])
def test_maximum_and_minimum_give_the_gradient_to_both_beside_nan(function):
    assert gradients(function, [NAN, 1.0, NAN], [0.0, NAN, NAN]) == [[1, 1, 1], [1, 1, 1]]


def test_maximum_of_a_tensor_with_itself_has_gradient_1():
    assert gradient(lambda x: tg.maximum(x, x), [2.0, -1.0]) == [1, 1]


def test_interp_has_at_a_point_the_slope_of_the_line_that_begins_there_and_at_the_last_that_of_the_last_line():
    xp, fp = [0.0, 1.0, 3.0], [0.0, 2.0, 3.0]
    assert gradient(lambda x: np.interp(x, xp, fp), [-1.0, 0.0, 1.0, 3.0, 4.0]) == [0, 2, 0.5, 0.5, 0]
    assert gradients(lambda xp, fp: np.interp([-1.0, 0.0, 1.0, 3.0], xp, fp), xp, fp) == [[-2, -0.5, -0.5], [2, 1, 1]]


def test_interp_between_equal_points_is_a_jump():
    x, xp, fp = gradients(np.interp, [0.5, 1.0, 1.5], [0.0, 1.0, 1.0, 2.0], [0.0, 1.0, 5.0, 6.0])
    assert (x, xp, fp) == ([1, 1, 1], [-0.5, -0.5, -1.5, -0.5], [0.5, 0.5, 1.5, 0.5])


# Ends


def test_sqrt_has_an_infinite_gradient_at_0():
    assert gradient(tg.sqrt, [0.0, 4.0]) == [INF, 0.25]


def test_powers_at_0():
    assert gradient(lambda x: x**2, [0.0]) == [0]
    assert gradient(lambda x: x**0, [0.0, 2.0]) == [0, 0]
    assert gradient(lambda x: x**1, [0.0]) == [1]
    assert gradient(lambda x: x**0.5, [0.0]) == [INF]
    assert gradient(lambda x: x**-1, [0.0]) == [-INF]


def test_powers_at_0_with_an_array_as_exponent():
    assert gradients(tg.power, [0.0, 0.0, 0.0, 0.0], [2.0, 1.0, 0.0, 0.5]) == [[0, 1, 0, INF], [0, 0, 0, 0]]


def test_every_derivative_of_powers_at_0():
    for exponent, expected in (0, [0, 0, 0, 0]), (1, [1, 0, 0, 0]), (2, [0, 2, 0, 0]), (3, [0, 0, 6, 0]):
        x = tg.tensor(0.0, dtype="float64", requires_grad=True)
        y, found = x**exponent, []
        while len(found) < len(expected) and y.requires_grad:
            (y,) = tg.grad(y, x, create_graph=True, allow_unused=True)
            found.append(y.item())
        assert found + [0] * (len(expected) - len(found)) == expected


def test_the_derivatives_of_a_power_are_right_where_the_exponent_is_0():
    a, b = (tg.tensor(value, dtype="float64", requires_grad=True) for value in (2.0, 0.0))
    da, db = tg.grad(a**b, [a, b], create_graph=True)
    assert (da.item(), db.item()) == (0, pytest.approx(np.log(2)))
    assert tg.grad(da, [a, b], retain_graph=True)[1].item() == 0.5         # d/db of b * a**(b - 1)
    assert tg.grad(db, [a, b])[0].item() == 0.5                             # d/da of a**b * log(a)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -1e6])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_std_of_constants_has_gradient_0(value, dtype):
    """0.1 + 0.1 + 0.1 is not 0.3, and the standard deviation that rounding makes of it must not give a gradient of a third."""
    x = tg.tensor([[value] * 3, [1.0, 2.0, 4.0]], dtype=dtype, requires_grad=True)
    x.std(axis=1).sum().backward()
    assert x.grad[0].tolist() == [0, 0, 0]
    assert x.grad[1].numpy().any()


def test_the_variance_of_constants_has_gradient_0():
    assert gradient(tg.var, [0.1, 0.1, 0.1]) == [0, 0, 0]


def test_log_at_0():
    assert gradient(tg.log, [0.0, 2.0]) == [INF, 0.5]


def test_where_around_a_log_at_0_is_nan_and_a_where_inside_is_not():
    outside = gradient(lambda x: np.where(x > 0, np.log(x), 0), [0.0, 2.0])
    assert np.isnan(outside[0]) and outside[1] == 0.5
    assert gradient(lambda x: np.log(np.where(x > 0, x, 1)), [0.0, 2.0]) == [0, 0.5]


def test_sign_floor_ceil_and_round_have_no_gradient():
    for function in tg.sign, np.floor, np.ceil, np.rint, np.round:
        assert not function(tg.tensor([1.5, -0.5], requires_grad=True)).requires_grad
        assert gradient(lambda x, function=function: x * function(x), [1.7, -2.3]) == function(np.array([1.7, -2.3])).tolist()


# Large numbers


@fused_and_composed
def test_sigmoid_is_exact_at_its_ends(way):
    with way():
        assert F.sigmoid(tg.tensor([800.0, -800.0, INF, -INF, 0.0], dtype="float64")).tolist() == [1, 0, 1, 0, 0.5]
        np.testing.assert_allclose(F.sigmoid(tg.tensor([-80.0], dtype="float64")).numpy(), np.exp(-80), rtol=1e-15)
        assert gradient(F.sigmoid, [800.0, -800.0, INF, -INF, 0.0]) == [0, 0, 0, 0, 0.25]


@fused_and_composed
def test_the_derivatives_of_sigmoid_at_0_are_right_at_every_order(way):
    x = tg.tensor(0.0, dtype="float64", requires_grad=True)
    with way():
        y, found = F.sigmoid(x), []
        for _ in range(5):
            (y,) = tg.grad(y, x, create_graph=True)
            found.append(y.item())
    assert found == [1 / 4, 0, -1 / 8, 0, 1 / 4]


@fused_and_composed
def test_softmax_of_large_numbers_has_no_nan(way):
    with way():
        x = tg.tensor([1000.0, 0.0], dtype="float64")
        assert F.softmax(x).tolist() == [1, 0]
        assert F.log_softmax(x).tolist() == [0, -1000]
        assert gradient(F.log_softmax, [1000.0, 0.0], g=[1.0, 0.0]) == [0, 0]
        assert gradient(F.log_softmax, [1000.0, 0.0], g=[0.0, 1.0]) == [-1, 1]


@fused_and_composed
def test_a_class_that_is_impossible_gets_no_gradient(way):
    with way():
        assert F.log_softmax(tg.tensor([-INF, 0.0])).tolist() == [-INF, 0]
        assert gradient(F.log_softmax, [-INF, 0.0], g=[0.0, 1.0]) == [0, 0]
        logits = tg.tensor([[-INF, 0.0, 0.0]], dtype="float64", requires_grad=True)
        loss = F.cross_entropy(logits, tg.tensor([1]))
        loss.backward()
    assert loss.item() == pytest.approx(np.log(2))
    assert logits.grad.tolist() == [[0, -0.5, 0.5]]


def test_cross_entropy_of_large_logits():
    logits = tg.tensor([[1000.0, 0.0]], dtype="float64", requires_grad=True)
    loss = F.cross_entropy(logits, tg.tensor([1]))
    loss.backward()
    assert loss.item() == 1000
    assert logits.grad.tolist() == [[1, -1]]


def test_cross_entropy_where_no_label_counts():
    logits = tg.tensor([[1.0, 2.0]], requires_grad=True)
    loss = F.cross_entropy(logits, tg.tensor([-100]), reduction="sum")
    loss.backward()
    assert (loss.item(), logits.grad.tolist()) == (0, [[0, 0]])
    with np.errstate(invalid="ignore"):
        assert np.isnan(F.cross_entropy(logits, tg.tensor([-100])).item())      # a mean of nothing


# Statistics and randomness


def far_from_0(shape):
    """Float32 numbers of mean 1e4 and standard deviation 1, and their truth in float64."""
    x = np.random.default_rng(0).normal(1e4, 1, shape).astype(np.float32)
    return tg.from_numpy(x), x.astype(np.float64)


def test_variance_takes_two_passes():
    x, exact = far_from_0(4096)
    assert tg.var(x).item() == pytest.approx(exact.var(), rel=1e-4)         # E[x**2] - E[x]**2 gives -8
    assert tg.std(x).item() == pytest.approx(exact.std(), rel=1e-4)


def test_variance_divides_by_n_and_ddof_says_otherwise():
    x = tg.tensor([1.0, 2.0, 4.0], dtype="float64")
    assert tg.var(x).item() == pytest.approx(14 / 9)
    assert tg.var(x, ddof=1).item() == tg.var(x, correction=1).item() == pytest.approx(14 / 6)


@fused_and_composed
@pytest.mark.parametrize("shape", [(128, 512), (4096, 64)])
def test_batch_norm_far_from_0_is_as_precise_as_float32(shape, way):
    x, exact = far_from_0(shape)
    with way():
        out = F.batch_norm(x, None, None, training=True)
    truth = (exact - exact.mean(axis=0)) / np.sqrt(exact.var(axis=0) + 1e-5)
    assert out.dtype == np.float32
    assert abs(out.numpy() - truth).max() < 2e-5


def test_batch_norm_normalizes_by_the_biased_variance_and_stores_the_unbiased_one():
    x = tg.tensor([[1.0], [2.0], [4.0]], dtype="float64")
    mean, var = tg.zeros(1, dtype="float64"), tg.ones(1, dtype="float64")
    out = F.batch_norm(x, mean, var, training=True, momentum=0.1, eps=0.0)
    np.testing.assert_allclose(out.numpy(), (x.numpy() - 7 / 3) / np.sqrt(14 / 9), rtol=1e-14)
    np.testing.assert_allclose(mean.numpy(), [0.9 * 0 + 0.1 * 7 / 3], rtol=1e-14)
    np.testing.assert_allclose(var.numpy(), [0.9 * 1 + 0.1 * 14 / 6], rtol=1e-14)


def test_dropout_scales_by_what_it_keeps():
    tg.manual_seed(0)
    x = tg.ones(10000, dtype="float64", requires_grad=True)
    out = F.dropout(x, 0.2)
    assert set(out.tolist()) == {0, 1.25}
    assert abs((out.numpy() == 0).mean() - 0.2) < 0.02
    out.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), out.numpy())


def test_dropout_of_everything_is_0():
    x = tg.tensor([1.0, -2.0, INF], dtype="float64", requires_grad=True)
    with np.errstate(invalid="ignore"):
        out = F.dropout(x, 1.0)
    assert out.tolist() == [0, 0, 0]
    out.sum().backward()
    assert x.grad.tolist() == [0, 0, 0]


def test_dropout_by_its_other_name():
    tg.manual_seed(1)
    dropped = F.dropout(tg.ones(100), 0.25)
    tg.manual_seed(1)
    assert F.dropout(tg.ones(100), keep_prob=0.75).tolist() == dropped.tolist()
    with pytest.raises(ValueError, match="give one of them"):
        F.dropout(tg.ones(3), 0.25, keep_prob=0.75)


# Functions of angles and sums of exponentials


def test_arctan2_and_hypot_have_gradient_0_where_they_have_no_derivative():
    for function in np.arctan2, np.hypot:
        a, b = (tg.tensor([0.0, 3e200], dtype="float64", requires_grad=True) for _ in range(2))
        da, db = tg.grad(function(a, b).sum(), [a, b], create_graph=True)
        assert da.tolist()[0] == db.tolist()[0] == 0 and np.isfinite(da.numpy()).all() and np.isfinite(db.numpy()).all()
        for second in tg.grad((da + 2 * db).sum(), [a, b]):
            assert second.tolist()[0] == 0


def test_sinc_has_all_its_derivatives_at_0():
    x = tg.tensor(0.0, dtype="float64", requires_grad=True)
    value, found = np.sinc(x), []
    for _ in range(4):
        value, = tg.grad(value, x, create_graph=True)
        found.append(value.item())
    np.testing.assert_allclose(found, [0, -np.pi**2 / 3, 0, np.pi**4 / 5], atol=1e-12)


@pytest.mark.parametrize("function", [np.logaddexp, np.logaddexp2])
def test_logaddexp_of_minus_infinity(function):
    a, b = (tg.tensor([-np.inf, value], requires_grad=True) for value in (0.0, -np.inf))
    da, db = tg.grad(function(a, b).sum(), [a, b])
    np.testing.assert_array_equal([da, db], [[0, 1], [0, 0]])


def test_degrees_and_radians_have_two_names_each():
    x = tg.tensor([180.0], requires_grad=True)
    np.testing.assert_allclose([np.radians(x).item(), np.deg2rad(x).item(), np.degrees(np.radians(x)).item()], [np.pi, np.pi, 180], rtol=1e-6)
