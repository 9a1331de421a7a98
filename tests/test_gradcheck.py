"""gradcheck itself: what it finds, what it says, what it refuses, and that it leaves everything as it was."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.testing import GradientCheck, GradientCheckError, gradcheck
from tinygrad_edu.testing.gradcheck import MOST_ELEMENTS

WIDE = np.finfo(np.longdouble).nmant > np.finfo(np.float64).nmant
needs_longdouble = pytest.mark.skipif(not WIDE, reason="longdouble is no wider than float64 here")


def leaf(values, name=None):
    return tg.tensor(values, dtype="float64", requires_grad=True, name=name)


class Cube(tg.Elementwise):
    """x**3, whose gradient has a relative mistake of the size `mistake`."""

    mistake: float = 0.0

    def forward(self, x):
        return x * x * x

    def grad_x(self, g, x):
        return g * (3 * (1 + self.mistake)) * x * x


class Square(tg.Fused):
    """x**2 by hand, beside a twin whose second derivative has a mistake."""

    mistake: float = 0.0

    def forward(self, x):
        return x * x, {"twice": x + x}

    def backward(self, g, twice):
        return (g * twice,)

    def composed(self, x):
        return x * x + self.mistake * (x - x.detach()) ** 2


class SecondTooLarge(tg.Elementwise):
    """x**2, whose gradient is right, and whose gradient's gradient is twice as large as it should be."""

    def forward(self, x):
        return x * x

    def grad_x(self, g, x):
        return g * (4 * x - 2 * (x.detach() if isinstance(x, tg.Tensor) else x))


class LosesG(tg.Elementwise):
    """2 * x, whose rule forgets where g came from."""

    def forward(self, x):
        return x + x

    def grad_x(self, g):
        g = g.detach() if isinstance(g, tg.Tensor) else g
        return g + g


# What it finds


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("reference", ["differences", pytest.param("extended", marks=needs_longdouble)])
def test_right_gradients_pass(order, reference):
    x, y = leaf([[0.5, -1.2], [2.0, 0.7]], "x"), leaf([1.5, 0.4], "y")
    result = gradcheck(lambda x, y: tg.tanh(x) * y**3, (x, y), order=order, reference=reference)
    assert result
    assert isinstance(result, GradientCheck)
    assert (result.order, result.reference, result.wrong) == (order, reference, ())
    # x and y, and as many more at each order as the function before has outputs
    assert len(result.derivatives) == {1: 6, 2: 6 + 4, 3: 6 + 4 + 6, 4: 6 + 4 + 6 + 10}[order]


def test_what_was_checked_is_every_element_of_every_input_that_requires_grad():
    x, y, constant = leaf([[0.5], [2.0]], "x"), leaf(3.0), tg.tensor([1.0, 2.0], dtype="float64")
    result = gradcheck(lambda x, constant, y: x * constant * y, (x, constant, y))
    assert [(d.input, d.index) for d in result.derivatives] == [("input 0 ('x')", (0, 0)), ("input 0 ('x')", (1, 0)), ("input 2", ())]


def test_the_numbers_are_those_of_the_derivative():
    x = leaf([2.0])
    [derivative] = gradcheck(lambda x: x * x * x, x).derivatives
    v = np.random.default_rng(0).standard_normal(1)
    assert derivative.computed == pytest.approx(12 * v[0], rel=1e-14)
    assert derivative.expected == pytest.approx(12 * v[0], rel=1e-9)


def test_a_wrong_gradient_is_found_with_input_index_and_both_numbers():
    a, x = leaf([1.0, 2.0, 3.0], "a"), leaf([1.0, 5.0, 2.0], "x")
    with pytest.raises(GradientCheckError) as caught:
        gradcheck(lambda a, x: a + Cube(0.5)(x), (a, x))
    v = np.random.default_rng(0).standard_normal(3)
    i = int(np.argmax(abs(v * x.numpy() ** 2)))
    truth = 3 * v[i] * x.numpy()[i] ** 2
    message = str(caught.value)
    assert "the gradient is wrong: 3 of 6 derivatives" in message
    assert f"input 1 ('x') at index ({i},): the rules give {1.5 * truth:.12g}, the reference {truth:.6g}" in message


def test_without_raise_exception_the_result_says_it():
    result = gradcheck(Cube(0.5), leaf([1.0, 2.0]), raise_exception=False)
    assert not result
    assert len(result.wrong) == 2
    assert str(result).startswith("gradcheck: the gradient is wrong: 2 of 2 derivatives are out of tolerance (rtol 1e-06, atol 1e-08")
    assert str(gradcheck(Cube(), leaf([1.0]), order=3)).startswith("gradcheck: the derivative of order 3 is right: 0 of 3")
    assert result.worst in result.wrong
    assert result.worst.computed == pytest.approx(1.5 * result.worst.expected, rel=1e-8)


def test_the_error_is_an_assertion():
    assert issubclass(GradientCheckError, AssertionError)


@needs_longdouble
def test_extended_precision_sees_what_differences_cannot():
    x = leaf([0.3, 1.7])
    assert gradcheck(Cube(1e-8), x)
    assert gradcheck(Cube(), x, reference="extended", rtol=1e-12)
    assert not gradcheck(Cube(1e-9), x, reference="extended", raise_exception=False)


@pytest.mark.parametrize("op", [SecondTooLarge(), LosesG()])
def test_a_wrong_second_derivative_is_found_only_at_order_2(op):
    x = leaf([0.5, -1.0])
    assert gradcheck(op, x)
    with pytest.raises(GradientCheckError, match="the gradient of the gradient is wrong"):
        gradcheck(op, x, order=2)


def test_a_lost_history_of_g_is_found_in_the_derivative_by_g():
    result = gradcheck(LosesG(), leaf([0.5, -1.0]), order=2, raise_exception=False)
    assert {d.input for d in result.wrong} == {"dL/d(output 0) of order 1"}


def test_order_2_sets_the_hand_written_gradient_beside_the_twin():
    x = leaf([0.5, -1.0])
    assert gradcheck(Square(), x, order=3)
    assert gradcheck(Square(mistake=0.1), x)
    with pytest.raises(GradientCheckError):
        gradcheck(Square(mistake=0.1), x, order=2)


def test_a_function_that_forgets_its_input_is_found():
    with pytest.raises(GradientCheckError, match="the rules give 0"):
        gradcheck(lambda x: tg.exp(x.detach()), leaf([1.0]))
    with pytest.raises(GradientCheckError, match="the rules give 0"):
        gradcheck(lambda x, y: y * x.detach(), (leaf([1.0]), leaf([2.0])))


def test_a_nan_is_wrong():
    with pytest.raises(GradientCheckError, match="nan"), np.errstate(invalid="ignore"):
        gradcheck(lambda x: x * 0 * tg.sqrt(x), leaf([0.0]))
    with pytest.raises(ValueError, match="input 0 holds NaN or infinities"):
        gradcheck(lambda x: x * 2, leaf([np.nan]))


@pytest.mark.parametrize(
    ("function", "x"),
    [
        (np.log, [1e-3]),
        (np.sqrt, [1e-4]),
        (np.arcsin, [0.9999]),
        (lambda x: tg.relu(x) ** 2, [0.0, 1.0]),
        (lambda x: x * abs(x), [0.0]),
        (lambda x: tg.nn.functional.huber_loss(x, np.zeros(2)), [1.0, -1.0]),
    ],
)
def test_near_a_pole_or_where_the_slope_bends_the_step_becomes_shorter(function, x):
    result = gradcheck(function, leaf(x))
    assert result and not result.kinks


def test_several_outputs_are_all_checked():
    x = leaf([0.5, 2.0])
    assert gradcheck(lambda x: (x * x, tg.exp(x).sum()), x, order=2)
    assert gradcheck(lambda x: [x * x, x.detach() * 0], x)
    with pytest.raises(GradientCheckError):
        gradcheck(lambda x: (x * x, Cube(0.1)(x)), x)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_constant_and_linear_functions(order):
    assert gradcheck(lambda x: 3 * x, leaf([1.0, 2.0]), order=order)
    assert gradcheck(lambda x: x, leaf([1.0, 2.0]), order=order)
    assert gradcheck(lambda x: x * 0, leaf([1.0, 2.0]), order=order)


def test_no_elements_and_no_axes():
    result = gradcheck(tg.exp, leaf(np.zeros((0, 3))))
    assert result and result.worst is None and result.derivatives == ()
    assert str(result).endswith("(rtol 1e-06, atol 1e-08, reference 'differences')")
    assert gradcheck(tg.exp, leaf(0.5), order=3)


def test_integers_and_numbers_are_constants():
    x, i = leaf([1.0, 2.0, 3.0]), tg.tensor([2, 0, 2])
    result = gradcheck(lambda x, i, power, flag: x[i] ** power if flag else x, (x, i, 3, True), order=2)
    assert {d.input for d in result.derivatives} == {"input 0", "dL/d(output 0) of order 1"}


def test_a_large_input_is_checked_at_some_elements_and_along_a_direction():
    x = leaf(np.random.default_rng(3).uniform(1, 2, (40, 50)), "x")
    result = gradcheck(lambda x: x * x, x)
    assert len(result.derivatives) == MOST_ELEMENTS + 1
    assert [d.index for d in result.derivatives].count(None) == 1

    class OneElementWrong(tg.Elementwise):
        def forward(self, x):
            return x * x

        def grad_x(self, g, x):
            wrong = g * (x + x)
            wrong[39, 49] = 0
            return wrong

    with pytest.raises(GradientCheckError, match="along a direction that moves all elements"):
        gradcheck(OneElementWrong(), x)


def test_the_generator_draws_the_weights_of_the_outputs():
    x = leaf([2.0])
    first, again = (gradcheck(tg.exp, x) for _ in range(2))
    other = gradcheck(tg.exp, x, generator=np.random.default_rng(5))
    assert first == again
    assert first.worst.computed != other.worst.computed


def test_eps_rtol_and_atol():
    x = leaf([0.5])
    assert gradcheck(tg.tanh, x, eps=0.5)                       # which is made shorter
    assert not gradcheck(Cube(0.3), x, raise_exception=False)
    assert gradcheck(Cube(0.3), x, atol=1)
    assert gradcheck(Cube(0.3), x, rtol=1)
    assert gradcheck(lambda x: tg.abs(x), leaf([1e-6]), eps=1e-7)
    assert (gradcheck(tg.tanh, x).rtol, gradcheck(tg.tanh, x).atol) == (1e-6, 1e-8)


def test_fused_ops_and_composed_ones_are_checked_alike():
    x = leaf([[0.2, 1.5, -0.3], [2.0, -1.0, 0.1]])
    with tg.composed():
        assert gradcheck(lambda x: tg.nn.functional.log_softmax(x, 1), x, order=2)
    assert gradcheck(lambda x: tg.nn.functional.log_softmax(x, 1), x, order=2)


def test_it_works_inside_no_grad():
    with tg.no_grad():
        assert gradcheck(tg.exp, leaf([0.5]), order=2)


# The culprit


def test_the_op_whose_rule_is_wrong_is_named_with_the_input_and_both_numbers():
    def function(x, y):
        return tg.tanh(x * y).sum() * Cube(0.5)(y + 1)

    with pytest.raises(GradientCheckError) as caught:
        gradcheck(function, (leaf([1.0, 2.0], "x"), leaf(0.5)))
    culprit = gradcheck(function, (leaf([1.0, 2.0], "x"), leaf(0.5)), raise_exception=False).culprit
    assert (culprit.op, culprit.rule, culprit.order, culprit.value) == (Cube(0.5), "Cube.grad_x", 1, 1.5)
    assert culprit.derivative.computed == pytest.approx(1.5 * culprit.derivative.expected)
    assert str(culprit) in str(caught.value)
    assert str(culprit).startswith(f"The culprit is Cube.grad_x of Cube(mistake=0.5), which ran at {__file__}, line ")
    assert str(culprit).endswith("where it is 1.5") and ", in function. By itself: input 0 ('x') at index (): the rules give " in str(culprit)


class WrongInB(tg.Fused):
    """a * b by hand, with a mistake in the gradient of b, and a twin that is right."""

    def forward(self, a, b):
        return a * b

    def backward(self, g, a, b):
        return g * b, g * a * 2

    def composed(self, a, b):
        return a * b


def test_the_input_of_a_joint_backward_is_named():
    culprit = gradcheck(lambda a, b: WrongInB()(tg.exp(a), b), (leaf([1.0, 2.0]), leaf([3.0, 3.0])), raise_exception=False).culprit
    assert culprit.rule == "WrongInB.backward" and culprit.derivative.input == "input 1 ('b')" and culprit.value == 3


@pytest.mark.parametrize(("op", "rule"), [(SecondTooLarge(), "SecondTooLarge.grad_x"), (Square(mistake=0.1), "Square.composed")])
def test_what_is_wrong_only_in_the_gradient_of_the_gradient_is_named(op, rule):
    for order in 2, 3:
        culprit = gradcheck(lambda x: tg.exp(op(tg.sin(x))), leaf([0.5, -1.0]), order=order, raise_exception=False).culprit
        assert culprit.rule == rule and culprit.op == op and culprit.order == 2
    assert gradcheck(LosesG(), leaf([0.5]), order=2, raise_exception=False).culprit.rule == "LosesG.grad_x"


def test_a_right_gradient_has_no_culprit_and_a_function_that_forgets_its_input_has_none_either():
    assert gradcheck(Cube(), leaf([1.0])).culprit is None
    result = gradcheck(lambda x: x * tg.exp(x.detach()), leaf([1.0]), raise_exception=False)
    assert result.culprit is None and "a part of the function is not recorded (look for detach()" in str(result)


def test_an_op_that_cannot_be_checked_by_itself_is_passed_over():
    def function(x):
        narrow = (x.astype(np.float32) * 2).astype(np.float64)
        return Cube(0.5)(x) + narrow * 0

    assert gradcheck(function, leaf([1.0, 2.0]), raise_exception=False).culprit.rule == "Cube.grad_x"


def test_the_search_leaves_inputs_as_they_are():
    x = leaf([1.0, 2.0])
    (x * x).sum().backward()
    gradcheck(Cube(0.5), x, raise_exception=False)
    assert x.grad.tolist() == [2, 4] and x.tolist() == [1, 2]


# Kinks


class HalfSlope(tg.Elementwise):
    """relu, whose rule at 0 gives the slope `at_0`."""

    at_0: float = 0.5

    def forward(self, x):
        return np.maximum(x, 0)

    def grad_x(self, g, x):
        return np.where(x == 0, self.at_0 * g, g * (x > 0))


@pytest.mark.parametrize("at_0", [0.0, 0.3, 1.0])
def test_at_a_kink_any_slope_between_those_of_both_sides_is_right(at_0):
    result = gradcheck(HalfSlope(at_0), leaf([-1.0, 0.0, 2.0]))
    [kink] = result.kinks
    v = np.random.default_rng(0).standard_normal(3)[1]
    assert kink.index == (1,) and kink.slopes == pytest.approx((0, v)) and kink.computed == pytest.approx(at_0 * v)
    assert "Not differentiable here, in 1 of them: input 0 at index (1,)" in str(result)
    assert f"the slopes are 0 on the left and {v:.6g} on the right" in str(result).replace("-0 on", "0 on")


@pytest.mark.parametrize("at_0", [-0.5, 1.5, np.nan])
def test_a_slope_outside_of_both_is_wrong_at_a_kink_too(at_0):
    result = gradcheck(HalfSlope(at_0), leaf([-1.0, 0.0, 2.0]), raise_exception=False)
    assert not result and not result.kinks and result.culprit.rule == "HalfSlope.grad_x" and result.culprit.value == 0


@pytest.mark.parametrize(
    ("function", "x"),
    [
        (tg.relu, [0.0, 1.0]),
        (lambda x: np.max(x) * x, [1.0, 1.0, 0.0]),
        (np.sort, [1.0, 1.0, 0.0]),
        (lambda x: tg.nn.functional.max_pool1d(x.reshape(1, 1, 4), 2), [1.0, 1.0, 0.0, 2.0]),
        (lambda x: np.clip(x, 0, 1), [0.0, 0.5, 1.0]),
        (lambda x: np.floor(x) * x, [1.0, 1.5]),
        (lambda x: np.maximum(x, x * x), [1.0, 2.0]),
        (np.median, [1.0, 1.0, 1.0]),
        (lambda x: np.nanquantile(x, 0.5), [1.0, 1.0, 1.0]),
        (lambda x: np.sort(x) * np.arange(1.0, 4.0), [1.0, 1.0, 1.0]),
        (lambda x: np.partition(x, 1) * np.arange(1.0, 4.0), [1.0, 1.0, 1.0]),
        (np.sqrt, [0.0, 1.0]),
        (np.log, [0.0, 1.0]),
        (lambda x: 1 / x, [0.0, 1.0]),
    ],
)
def test_ties_kinks_and_jumps_of_the_library_are_recognised(function, x):
    with np.errstate(all="ignore"):
        results = [gradcheck(function, leaf(x), order=order) for order in (1, 2)]
    assert all(results) and any(result.kinks for result in results)


def test_a_jump_of_the_gradient_through_its_middle_is_recognised():
    assert gradcheck(tg.abs, leaf([0.0]))                           # the rule gives the mean of both slopes, as differences do
    assert gradcheck(tg.abs, leaf([0.0]), order=2).kinks


@pytest.mark.parametrize("mistake", [1e-3, 0.1, 10.0])
def test_a_wrong_rule_is_no_kink(mistake):
    result = gradcheck(lambda x: Cube(mistake)(tg.exp(x)), leaf([0.1, -2.0, 1.5]), raise_exception=False)
    assert not result and not result.kinks


# What it leaves as it was


def test_inputs_and_their_grad_stay_as_they_are():
    x, y = leaf([1.0, 2.0], "x"), leaf(3.0)
    (x * y).sum().backward()
    grads, nodes = (x.grad, y.grad), (x.node, y.node)
    data = x.numpy()
    gradcheck(lambda x, y: x * y, (x, y), order=2)
    assert (x.grad, y.grad) == grads and (x.node, y.node) == nodes
    assert x.numpy() is data
    np.testing.assert_array_equal(x.numpy(), [1.0, 2.0])
    np.testing.assert_array_equal(x.grad.numpy(), [3.0, 3.0])
    assert x.requires_grad and x.is_leaf


def test_inputs_that_are_no_leaves():
    x = leaf([1.0, 2.0])
    assert gradcheck(tg.exp, x * 2)


# What it refuses


def test_a_function_that_gives_another_value_each_time_is_refused():
    with pytest.raises(GradientCheckError, match="output 0 of the function has another value each time"):
        gradcheck(lambda x: tg.nn.functional.dropout(x, 0.5), leaf(np.ones(50)))


def test_float32_is_refused():
    with pytest.raises(tg.errors.DTypeError, match=r"input 1 \('weight'\) has dtype float32.*x.astype\('float64'\)"):
        gradcheck(lambda x, w: x * w, (leaf([1.0]), tg.tensor([1.0], requires_grad=True, name="weight")))


def test_inputs_without_gradient_are_refused():
    with pytest.raises(tg.errors.GraphError, match="no input requires grad"):
        gradcheck(tg.exp, tg.tensor([1.0], dtype="float64"))
    with pytest.raises(tg.errors.GraphError, match="no input requires grad"):
        gradcheck(tg.exp, ())


@pytest.mark.parametrize("function", [lambda x: x.numpy(), lambda x: (x, 2.0), lambda x: None])
def test_what_is_no_tensor_is_refused(function):
    with pytest.raises(tg.errors.DTypeError, match="of the function is .*; it needs to be a Tensor"):
        gradcheck(function, leaf([1.0]))


@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_an_output_of_another_dtype_is_refused(dtype):
    with pytest.raises(tg.errors.DTypeError, match=f"output 0 of the function has dtype {dtype}, and its inputs have float64"):
        gradcheck(lambda x: x.detach().astype(dtype), leaf([1.0]))


@needs_longdouble
def test_a_function_that_is_not_in_extended_precision_is_refused():
    with pytest.raises(tg.errors.DTypeError, match="has dtype float64, and its inputs have"):
        gradcheck(lambda x: x.astype(np.float64), leaf([1.0]), reference="extended")


def test_extended_is_refused_where_longdouble_is_narrow(monkeypatch):
    monkeypatch.setattr(np, "longdouble", np.float64)
    with pytest.raises(NotImplementedError, match="no wider than float64; use reference='differences'"):
        gradcheck(tg.exp, leaf([1.0]), reference="extended")


@pytest.mark.parametrize("order", [0, -1, 1.5, "2", None])
def test_an_order_that_is_none_is_refused(order):
    with pytest.raises(ValueError, match="order is"):
        gradcheck(tg.exp, leaf([1.0]), order=order)


def test_an_unknown_reference_is_refused():
    with pytest.raises(ValueError, match="reference is 'mpmath'; it needs to be 'differences' or 'extended'"):
        gradcheck(tg.exp, leaf([1.0]), reference="mpmath")


class TooSteep(tg.Elementwise):
    """x**2 or -x, whose rule is wrong by half where x is positive."""

    def forward(self, x):
        return np.where(x > 0, x * x, -x)

    def grad_x(self, g, x):
        return g * np.where(x > 0, 3 * x, -1.0)


@pytest.mark.parametrize(
    ("function", "x"),
    [
        (lambda x: (np.median(x[:3]), TooSteep()(x[3:])), [1.0, 1.0, 1.0, 2.0, 5.0]),
        (lambda x: (np.median(x[:3]), TooSteep()(x[3:])), [1.0, 1.0, 5.0, 3.0, 4.0]),
        (lambda x: np.where([True, True, False], TooSteep()(x), -np.inf), [1.0, 2.0, 5.0]),
        (lambda x: (np.exp(x), TooSteep()(x[1:])), [1000.0, 1.0, 2.0]),
        (lambda x: np.round(x) + Cube(0.01)(x), [1e5, 3.0]),
    ],
)
def test_a_tie_a_pole_and_a_large_number_excuse_no_other_element(function, x):
    with np.errstate(all="ignore"):
        assert not gradcheck(function, leaf(x), raise_exception=False)


def test_a_right_gradient_beside_a_mask_of_infinities_is_right():
    for order in 1, 2:
        assert gradcheck(lambda x: np.where([True, True, False], x * x, -np.inf), leaf([1.0, 2.0, 5.0]), order=order)
