"""What every op promises, on every case of every op; and that a broken rule or a broken promise does not go unnoticed."""

import importlib
import pkgutil

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine import tensor as engine_tensor
from tinygrad_edu.engine.op import Elementwise, Fused, Op
from tinygrad_edu.engine.tensor import DISPATCH
from tinygrad_edu.fused.batch_norm import BatchNorm, BatchNormEvaluation
from tinygrad_edu.fused.cross_entropy import CrossEntropy
from tinygrad_edu.fused.dropout import Dropout
from tinygrad_edu.fused.linear import Linear
from tinygrad_edu.fused.log_softmax import LogSoftmax
from tinygrad_edu.fused.sigmoid import Sigmoid
from tinygrad_edu.fused.variance import Std, Var
from tinygrad_edu.ops import elementwise, index, linalg, products, reduce, shape
from tinygrad_edu.testing import Case, all_cases, cases_for, check_op, checks, checks_for, gradcheck

ROOMS = ("ops", "fused", "nn")


def ops_of_the_library():
    """Every op class that has a forward, in every module of the rooms that define ops."""
    for room in ROOMS:
        package = importlib.import_module(f"tinygrad_edu.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    found, unseen = [], [Op]
    while unseen:
        op = unseen.pop()
        unseen += type.__subclasses__(op)
        if hasattr(op, "forward") and op.__module__.startswith(tuple(f"tinygrad_edu.{room}." for room in ROOMS)):
            found.append(op)
    return sorted(found, key=lambda op: op.__name__)


OPS = ops_of_the_library()
CASES = [case for case in all_cases() if case.op in OPS]
CHECKED_CASES = [pytest.param(check, case, id=f"{case!r}-{check.__name__}") for case in CASES for check in checks_for(case.op)]
for_every_op = pytest.mark.parametrize("op", OPS, ids=lambda op: op.__name__)


@pytest.mark.parametrize(("check", "case"), CHECKED_CASES)
def test_every_op_keeps_its_promises(check, case):
    check(case)


# That the table is complete


@for_every_op
def test_every_op_has_cases(op):
    assert cases_for(op)


@for_every_op
def test_every_op_has_a_case_on_which_what_it_keeps_is_checked(op):
    assert any(map(checks.is_direct, cases_for(op)))


NEED_ELEMENTS = {products.Convolve, products.Correlate}
"""NumPy takes no row without elements here."""


@for_every_op
def test_every_op_has_a_case_without_elements(op):
    assert op in NEED_ELEMENTS or any(array.size == 0 for case in cases_for(op) for array in case.arrays)


@pytest.mark.parametrize("op", [op for op in OPS if issubclass(op, Elementwise)], ids=lambda op: op.__name__)
def test_every_elementwise_op_has_a_case_without_axes(op):
    assert any(array.shape == () for case in cases_for(op) for array in case.arrays)


def test_the_ops_of_the_library_are_found():
    assert {elementwise.Multiply, reduce.Sum, shape.Stack, index.Scatter, linalg.MatMul, BatchNorm, CrossEntropy} <= set(OPS)
    assert len(CASES) > 400


@pytest.mark.parametrize("case", [case for case in CASES if case.function in DISPATCH.values()], ids=repr)
def test_numpys_function_runs_ours(case):
    ours, numpys = case(*case.tensors()), case.oracle(*case.tensors(), **case.settings)
    assert numpys.op == ours.op
    np.testing.assert_array_equal(numpys.numpy(), ours.numpy())


def test_cases_are_the_same_each_time():
    for first, second in zip(all_cases(), all_cases(), strict=True):
        assert repr(first) == repr(second)
        for a, b in zip(first.arrays, second.arrays, strict=True):
            np.testing.assert_array_equal(a, b)


# That a broken rule is noticed: every rule with its sign flipped, and with a factor that is nearly 1


def rules_of(op):
    """(rule, position): position is that of the input in what a joint backward returns."""
    wanted = [(i, name) for i, name in enumerate(op.inputs) if name not in op.constants]
    return [("backward", i) for i, _ in wanted] if op.joint else [(f"grad_{name}", None) for _, name in wanted]


ALL_RULES = [
    pytest.param(op, rule, position, id=f"{op.__name__}.{rule}" + ("" if position is None else f"[{position}]"))
    for op in OPS
    for rule, position in rules_of(op)
]


def is_noticed(op, check=checks.check_first_gradient):
    """Whether the check fails on a case of op: by what it finds, or by the walk's own check of shapes."""
    for case in cases_for(op):
        try:
            check(case)
        except (AssertionError, tg.errors.ShapeError):
            return True
    return False


ALWAYS_0 = {("CopySign", "grad_b"), ("Heaviside", "grad_a")}
"""Rules whose gradient is 0 whatever happens: of these a wrong one gives something."""


def scaled(op, rule, position, factor):
    """The rule with its gradient, or the one at position, multiplied by factor."""
    right = getattr(op, rule)

    def wrong(self, g, *kept):
        gradients = right(self, g, *kept)
        if (op.__name__, rule) in ALWAYS_0:
            return gradients + (factor - 1) * g
        if position is None:
            return factor * gradients
        return tuple(factor * c if i == position and c is not None else c for i, c in enumerate(gradients))

    return wrong


@pytest.mark.parametrize("factor", [-1, 1.001])
@pytest.mark.parametrize(("op", "rule", "position"), ALL_RULES)
def test_a_wrong_sign_or_factor_is_noticed(op, rule, position, factor, monkeypatch):
    monkeypatch.setattr(op, rule, scaled(op, rule, position, factor))       # the right one passes: see above, once for all factors
    assert is_noticed(op)


@pytest.mark.parametrize("op", [op for op in OPS if op.broadcasts and len(op.inputs) > 1] + [shape.BroadcastTo], ids=lambda op: op.__name__)
def test_broadcasting_that_is_not_undone_is_noticed(op, monkeypatch):
    monkeypatch.setattr(op, "broadcasts", False)
    assert is_noticed(op)


# And mistakes as people make them


def batch_norm_without_path(path):
    def backward(self, g, x, gamma, mean, rest, var, needs):
        def average(a):
            return np.mean(a, axis=self.axes, keepdims=True)

        inv_std = 1 / np.sqrt(var + self.eps)
        x_hat = (x - mean) * inv_std
        through = {"mean": average(g), "var": x_hat * average(g * x_hat)}
        grad_x = gamma * inv_std * (g - sum(term for name, term in through.items() if name != path))
        return grad_x, np.sum(g * x_hat, axis=self.axes, keepdims=True), np.sum(g, axis=self.axes, keepdims=True)

    return backward


def assigned_not_added(self, g, x_shape, arrays):
    out = np.zeros(x_shape)
    out[index.with_arrays(self.index, arrays)] = g
    return out


def spread(self, g, x):
    return g.reshape(self.with_size_1(x.shape)) * (x - x.mean(axis=self.axis, keepdims=True))


def where_square(wrong, right):
    return lambda self, g, b: wrong(g, b) if b.shape[-2] == b.shape[-1] else right(self, g, b)


# fmt: off
MISTAKES = [
    (elementwise.Multiply, "grad_a", "the other factor forgotten", lambda self, g, b: g),
    (elementwise.Divide, "grad_a", "multiplied, not divided", lambda self, g, b: g * b),
    (elementwise.Divide, "grad_b", "divided by b once", lambda self, g, b, out: -g * out),
    (elementwise.Power, "grad_a", "the exponent not lowered", lambda self, g, a, b: g * b * a**b),
    (elementwise.Power, "grad_b", "the logarithm forgotten", lambda self, g, a, out: g * out),
    (elementwise.PowerByNumber, "grad_x", "the exponent forgotten as a factor", lambda self, g, x: g * x ** (self.exponent - 1.0)),
    (elementwise.Exp, "grad_x", "passed on", lambda self, g, out: g),
    (elementwise.Log, "grad_x", "multiplied by x", lambda self, g, x: g * x),
    (elementwise.Sqrt, "grad_x", "the 2 forgotten", lambda self, g, out: g / out),
    (elementwise.Square, "grad_x", "the 2 forgotten", lambda self, g, x: g * x),
    (elementwise.Abs, "grad_x", "passed on", lambda self, g, x: g),
    (elementwise.Tanh, "grad_x", "not squared", lambda self, g, out: g * (1 - out)),
    (elementwise.ReLU, "grad_x", "not masked", lambda self, g, out: g),
    (elementwise.Maximum, "grad_a", "to the smaller", lambda self, g, a, b: g * (a < b)),
    (elementwise.Where, "grad_b", "where the condition holds", lambda self, g, condition: np.where(condition, g, 0)),
    (elementwise.Clip, "grad_x", "not masked", lambda self, g, x, low, high: g),
    (elementwise.Clip, "grad_high", "the case high < low forgotten", lambda self, g, x, low, high: g * (x > high)),
    (reduce.Sum, "grad_x", "divided as in a mean", reduce.Mean.grad_x),
    (reduce.Mean, "grad_x", "not divided", reduce.Sum.grad_x),
    (Var, "backward", "the 2 forgotten", lambda self, g, x, mean: (spread(self, g, x) / (self.count(x.shape) - self.ddof),)),
    (Var, "backward", "ddof forgotten", lambda self, g, x, mean: (2 * spread(self, g, x) / self.count(x.shape),)),
    (Std, "backward", "not divided by out", lambda self, g, x, mean, out: (spread(self, g, x) / (self.count(x.shape) - self.ddof),)),
    (reduce.Max, "grad_x", "to all elements", lambda self, g, x, out: np.broadcast_to(g.reshape(self.with_size_1(x.shape)), x.shape)),
    (shape.Transpose, "grad_x", "not the inverse order", lambda self, g: g.transpose(self.axes)),
    (shape.Stack, "grad_xs", "the first for all", lambda self, g, index: g[(slice(None),) * self.axis + (0,)]),
    (index.GetItemByArrays, "grad_x", "repeated elements not added", assigned_not_added),
    (index.SetItem, "grad_x", "not masked", lambda self, g, x_shape, arrays: g),
    (index.SetItem, "grad_value", "the overwritten not left out",
        lambda self, g, x_shape, arrays: g[index.with_arrays(self.index, arrays)]),
    (linalg.MatMul, "grad_a", "not transposed", where_square(lambda g, b: g @ b, linalg.MatMul.grad_a)),
    (BatchNorm, "backward", "the path through the mean left out", batch_norm_without_path("mean")),
    (BatchNorm, "backward", "the path through the variance left out", batch_norm_without_path("var")),
    (BatchNormEvaluation, "grad_var", "the 1/2 forgotten",
        lambda self, g, x, gamma, mean, var: -g * (x - mean) * gamma * (var + self.eps) ** -1.5),
    (Dropout, "grad_x", "not scaled", lambda self, g, mask: np.where(mask, g, 0)),
    (Linear, "grad_bias", "averaged over the rows", lambda self, g: g.reshape(-1, max(g.shape[-1], 1)).mean(axis=0)),
    (Sigmoid, "grad_x", "the second factor forgotten", lambda self, g, out: g * out),
    (LogSoftmax, "grad_x", "g not summed", lambda self, g, out: g - np.exp(out) * g),
    (CrossEntropy, "backward", "the weights forgotten", lambda self, g, logits, target, weight, largest, total: (
        (np.exp(logits - largest) / total - self.shares(logits, target, weight)) * g.reshape(-1, 1), None, None)),
]
# fmt: on


@pytest.mark.parametrize(("op", "rule", "what", "wrong"), MISTAKES, ids=[f"{op.__name__}.{rule}, {what}" for op, rule, what, _ in MISTAKES])
def test_a_broken_rule_is_noticed(op, rule, what, wrong, monkeypatch):
    monkeypatch.setattr(op, rule, wrong)
    with np.errstate(all="ignore"):
        assert is_noticed(op)


@pytest.mark.parametrize(
    ("op", "rule", "forgetful"),
    [
        (elementwise.Multiply, "grad_a", lambda self, g, b: detached(g) * b),
        (elementwise.Multiply, "grad_a", lambda self, g, b: g * detached(b)),
        (elementwise.Exp, "grad_x", lambda self, g, out: g * detached(out)),
        (linalg.MatMul, "grad_b", lambda self, g, a, b_shape: np.swapaxes(detached(a), -1, -2) @ g),
        (Sigmoid, "grad_x", lambda self, g, out: g * (out * (1 - detached(out)))),
    ],
)
def test_a_rule_that_forgets_its_history_is_noticed_at_the_second_order(op, rule, forgetful, monkeypatch):
    monkeypatch.setattr(op, rule, forgetful)
    assert not is_noticed(op)
    assert is_noticed(op, checks.check_second_gradient)


def detached(x):
    return x.detach() if isinstance(x, tg.Tensor) else x


# That a broken promise is noticed, by the check that is about it


def cases_of_one(op, oracle=None, **more):
    case = Case(op, oracle=oracle, x=np.random.default_rng(0).uniform(1, 2, (3, 4)), **more)
    case.op = type(op)
    return case


class Doubled(Elementwise):
    """Right in every respect; the others are wrong in one."""

    def forward(self, x):
        return x + x

    def grad_x(self, g):
        return g + g


class InFloat64(Doubled):
    def forward(self, x):
        return x * np.float64(2)


class ByMemory(Doubled):
    def forward(self, x):
        return 2 * x.ravel(order="K").reshape(x.shape)


class WritesIntoItsInput(Doubled):
    __module__ = "tinygrad_edu"

    def forward(self, x):
        x *= 2
        out = x.copy()
        x /= 2
        return out


class WritesIntoG(Doubled):
    __module__ = "tinygrad_edu"         # as an op of the library, which gets its arrays writable

    def grad_x(self, g):
        g *= 2
        return g


class SquareByHand(Fused):
    """Right in every respect; the others are wrong in one."""

    def forward(self, x):
        return x * x, {"twice": 2 * x}

    def backward(self, g, twice):
        return (g * twice,)

    def composed(self, x):
        return x * x


class WithAnotherTwin(SquareByHand):
    def composed(self, x):
        return x * x * 1.00001


class RightAtOneOrderOnly(SquareByHand):
    """The twin has the right value and gradient, but loses the history of the gradient."""

    def composed(self, x):
        return 2 * (x * x.detach()) - (x * x).detach()


@pytest.mark.parametrize("op", [Doubled(), SquareByHand()])
def test_the_right_ones_pass(op):
    case = cases_of_one(op, oracle=(lambda x: 2 * x) if isinstance(op, Doubled) else (lambda x: x * x))
    for check in checks_for(type(op)):
        check(case)


@pytest.mark.parametrize(
    ("check", "op", "reason"),
    [
        (checks.check_values, WithAnotherTwin(), "the value"),
        (checks.check_float32, InFloat64(), "of float32 inputs the value is float64"),
        (checks.check_memory_layout, ByMemory(), "in Fortran order"),
        (checks.check_nothing_is_written, WritesIntoG(), "the incoming gradient was written to"),
        (checks.check_twin, WithAnotherTwin(), "beside the twin's"),
        (checks.check_second_gradient, RightAtOneOrderOnly(), "the gradient of the gradient is wrong"),
        (checks.check_higher_gradients_of_hand_written, RightAtOneOrderOnly(), "the second derivative of the twin"),
    ],
    ids=lambda value: getattr(value, "__name__", None) or str(value),
)
def test_a_broken_promise_is_noticed(check, op, reason):
    oracle = None if check is checks.check_values else lambda x: 2 * x
    with pytest.raises(AssertionError, match=reason):
        check(cases_of_one(op, oracle))


def test_a_forward_that_writes_into_its_input_is_noticed():
    with pytest.raises(ValueError, match="read-only"):
        checks.check_nothing_is_written(cases_of_one(WritesIntoItsInput(), lambda x: 2 * x))


def test_gradients_that_share_memory_are_noticed(monkeypatch):
    monkeypatch.setattr(engine_tensor, "own", lambda found, node: found[node])
    with pytest.raises(AssertionError, match="the gradient of a shares memory with the incoming gradient"):
        checks.check_gradients_own_their_memory(cases_for(elementwise.Add)[0])


def test_a_node_that_keeps_too_much_is_noticed():
    class Keeper(Doubled):
        pass

    Keeper.keep = {(True,): lambda x, out: ((x,),)}
    with pytest.raises(AssertionError, match="1 values are kept where the rule names none"):
        checks.check_kept(cases_of_one(Keeper()))


def test_a_node_that_keeps_another_array_is_noticed(monkeypatch):
    class Keeper(Elementwise):
        def forward(self, x):
            return x * x

        def grad_x(self, g, x):
            return g * (x + x)

    Keeper.keep = {(True,): lambda x, out: ((x.copy(),),)}
    with pytest.raises(AssertionError, match="what is kept as x is not x itself"):
        checks.check_kept(cases_of_one(Keeper()))


def test_check_op_runs_every_check(monkeypatch):
    check_op(elementwise.Multiply)
    monkeypatch.setattr(elementwise.Multiply, "grad_b", lambda self, g, a: g)
    with pytest.raises(AssertionError, match=r"Multiply: multiply\(a \(3, 4\), b \(3, 4\)\): gradcheck: the gradient is wrong"):
        check_op(elementwise.Multiply)


def test_check_op_needs_cases():
    with pytest.raises(ValueError, match="Doubled has no cases"):
        check_op(Doubled)


def test_a_case_of_a_lambda_needs_a_name():
    with pytest.raises(ValueError, match="a lambda, which has no name"):
        Case(lambda x: x, x=np.ones(3))


def test_a_case_without_an_oracle_needs_a_twin():
    with pytest.raises(AssertionError, match="nothing to compare with; give an oracle"):
        checks.check_values(cases_of_one(Doubled()))


def test_a_case_sorts_its_arguments():
    case = Case(np.clip, x=np.ones(3), mask=np.ones(3, bool), share=np.ones(3), constants=("share",), a_min=0.5)
    assert case.differentiable == ("x",)
    assert list(case.inputs) == ["x", "mask", "share"]
    assert case.settings == {"a_min": 0.5}
    assert [x.requires_grad for x in case.tensors()] == [True, False, False]
    assert [x.name for x in case.tensors()] == ["x", "mask", "share"]
    assert str(case) == "clip(x (3,), mask (3,), share (3,), a_min=0.5)"


# And in more digits than float64 has

NOT_IN_LONGDOUBLE = {
    "Inv", "Solve", "Det", "LogAbsDet", "Sign", "Cholesky", "Eigenvalues", "Eigenvectors", "SingularValues", "SingularVectors", "Orthonormal",
    "Pinv", "EigenvaluesOfAny", "EigenvectorsOfAny", "Interp", "AsType", "Roots",
}
"""NumPy has these in float64 alone; tests/test_linalg.py and tests/test_polynomials.py compare them with mpmath."""


@pytest.mark.skipif(np.finfo(np.longdouble).nmant <= np.finfo(np.float64).nmant, reason="longdouble is no wider than float64 here")
@pytest.mark.parametrize("op", [op for op in OPS if op.__name__ not in NOT_IN_LONGDOUBLE], ids=lambda op: op.__name__)
def test_gradients_of_two_orders_are_right_to_the_last_digits(op):
    """To 1e-12 of differences in longdouble at the first order and 1e-9 at the second, on the first two cases that have elements."""
    cases = [case for case in cases_for(op) if case.differentiable and all(array.size and array.dtype.kind != "c" for array in case.arrays)]
    for case in cases[:2]:
        for order, tolerance in (1, 1e-12), (2, 1e-9):
            gradcheck(case, case.tensors(), order=order, reference="extended", rtol=tolerance, atol=tolerance)
