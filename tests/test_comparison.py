"""tg.compare: a right op passes with true numbers, a wrong one fails by name, and the report says what it used."""

import functools
import json
import re
import sys

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import comparison
from tinygrad_edu.comparison import Difference, cost, reference, tables
from tinygrad_edu.comparison.difference import difference
from tinygrad_edu.comparison.forms import Form
from tinygrad_edu.comparison.problems import PROBLEMS
from tinygrad_edu.comparison.reference import expected_results
from tinygrad_edu.engine.node import ancestors
from tinygrad_edu.errors import DefinitionError, DTypeError, GradientCheckError, GraphError, ShapeError
from tinygrad_edu.fused.batch_norm import BatchNorm
from tinygrad_edu.fused.cross_entropy import CrossEntropy

ROWS, CHANNELS = 32, 6


@pytest.fixture
def inputs():
    rng = np.random.default_rng(5)
    return [rng.normal(size=(ROWS, CHANNELS)), rng.uniform(0.5, 1.5, (1, CHANNELS)), rng.normal(size=(1, CHANNELS))]


def problem(name, most=6):
    """The op called name in the table of problems, and inputs of a small shape."""
    shape = tuple(min(size, most - axis) for axis, size in enumerate(PROBLEMS[name].shape))
    return PROBLEMS[name](shape, np.random.default_rng(1))


def composed_nodes(op, inputs):
    """What the twin records, counted by itself."""
    with tg.composed():
        out = op(*[tg.tensor(x, requires_grad=True) for x in inputs])
    return sum(not node.is_leaf for node in ancestors([out.node]))


# A right op


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_batch_norm_is_right_and_everything_about_it_is_true(inputs, dtype):
    inputs = [x.astype(dtype) for x in inputs]
    report = tg.compare(BatchNorm((0,)), *inputs, repeats=4)
    assert report.ok
    report.assert_close()
    assert [(row.order, row.name, row.shape) for row in report.rows] == [
        (0, "out", (ROWS, CHANNELS)), (1, "dL/dx", (ROWS, CHANNELS)), (1, "dL/dgamma", (1, CHANNELS)), (1, "dL/dbeta", (1, CHANNELS))
    ]
    for row in report.rows:
        assert row.dtype == dtype and row.ok and row.composed_ok
        assert 0 < row.fused.absolute < row.tolerance and 0 < row.composed.absolute < row.tolerance      # the reference is another number
        assert row.fused.ulp < 64
    assert (report.fused.nodes, report.composed.nodes) == (1, composed_nodes(BatchNorm((0,)), inputs)) == (1, 11)
    size = np.dtype(dtype).itemsize
    assert report.fused.kept_bytes == size * (ROWS * CHANNELS + 5 * CHANNELS)             # x; gamma, beta, mean, rest, var
    assert report.composed.kept_bytes == size * (2 * ROWS * CHANNELS + 2 * CHANNELS)      # centered, x_hat; the root, gamma
    for form in (report.fused, report.composed):
        assert form.peak_forward_bytes >= form.kept_bytes - sum(x.nbytes for x in inputs) and form.peak_bytes > 0
        assert len(form.forward) == len(form.backward) == 4 and min(form.forward + form.backward) > 0
        assert min(form.forward) + min(form.backward) <= form.seconds <= max(form.forward) + max(form.backward)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["longdouble", "mpmath", "float64"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_every_fused_op_is_right_against_every_reference(name, kind, dtype):
    op, *inputs = problem(name)
    inputs = [x.astype(dtype) if x is not None and x.dtype.kind == "f" else x for x in inputs]
    report = tg.compare(op, *inputs, reference=kind, repeats=1)
    assert report.ok, report
    assert report.reference.startswith(f"the composed twin in {kind}, ")


def test_references_agree(inputs):
    wanted = [True] * 3
    upstream = np.random.default_rng(6).normal(size=(ROWS, CHANNELS))
    _, wide = expected_results(Form(BatchNorm((0,)), inputs, wanted).twin, upstream, "longdouble")
    _, precise = expected_results(Form(BatchNorm((0,)), inputs, wanted).twin, upstream, "mpmath")
    for a, b in zip(wide, precise, strict=True):
        assert b.dtype == object
        np.testing.assert_allclose(a.astype(float), b.astype(float), rtol=1e-15, atol=1e-15)
        if np.finfo(np.longdouble).nmant > 52:
            assert max(abs(float(q - y)) for q, y in zip(b.ravel(), map(precise_number, a.ravel()), strict=True)) < 1e-16


def precise_number(x):
    """A longdouble as mpmath's number, exactly."""
    high = float(x)
    number = reference._mpmath_number()
    return number(high) + number(float(x - np.longdouble(high)))


# A wrong op


class WithoutMean(BatchNorm):
    def backward(self, g, x, gamma, mean, rest, var, needs):
        _, grad_gamma, grad_beta = super().backward(g, x, gamma, mean, rest, var, needs)
        inv_std = 1 / np.sqrt(var + self.eps)
        return gamma * inv_std * (g - (x - mean) * inv_std * grad_gamma / x.shape[0]), grad_gamma, grad_beta


class UnbiasedVariance(BatchNorm):
    def backward(self, g, x, gamma, mean, rest, var, needs):
        n = x.shape[0]
        return super().backward(g, x, gamma, mean, rest, var * n / (n - 1), needs)


class MeanForGamma(BatchNorm):
    def backward(self, g, x, gamma, mean, rest, var, needs):
        grad_x, grad_gamma, grad_beta = super().backward(g, x, gamma, mean, rest, var, needs)
        return grad_x, grad_gamma / x.shape[0], grad_beta


class NegativeBeta(BatchNorm):
    def backward(self, g, x, gamma, mean, rest, var, needs):
        grad_x, grad_gamma, grad_beta = super().backward(g, x, gamma, mean, rest, var, needs)
        return grad_x, grad_gamma, -grad_beta


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("op", "wrong"),
    [(WithoutMean, ["dL/dx"]), (UnbiasedVariance, ["dL/dx", "dL/dgamma"]), (MeanForGamma, ["dL/dgamma"]), (NegativeBeta, ["dL/dbeta"])],
)
def test_a_wrong_backward_fails_and_the_input_is_named(inputs, op, wrong, dtype):
    report = tg.compare(op((0,)), *[x.astype(dtype) for x in inputs], repeats=1)
    assert not report.ok
    assert [row.name for row in report.rows if not row.ok] == wrong
    assert all(row.composed_ok for row in report.rows)
    names = ", ".join(wrong)
    assert report.verdict.startswith(f"The hand-written gradient of {op.__name__} is wrong, in {names}: ")
    with pytest.raises(GradientCheckError) as failure:
        report.assert_close()
    assert isinstance(failure.value, AssertionError)
    assert str(failure.value) == f"{report.verdict}\n\n{report}"


def test_the_worst_element_is_where_the_mistake_is(inputs):
    class OneElement(BatchNorm):
        def backward(self, g, x, gamma, mean, rest, var, needs):
            grad_x, grad_gamma, grad_beta = super().backward(g, x, gamma, mean, rest, var, needs)
            grad_x[7, 2] += 0.5
            return grad_x, grad_gamma, grad_beta

    _, row, *others = tg.compare(OneElement((0,)), *inputs, repeats=1).rows
    assert all(other.ok for other in others)
    assert row.fused.at == row.each_other.at == (7, 2)
    assert row.fused.value - row.fused.expected == pytest.approx(0.5, rel=1e-12)
    assert row.fused.absolute == pytest.approx(0.5, rel=1e-12)
    assert row.composed.absolute < 1e-13


def test_a_looser_tolerance_lets_a_mistake_pass(inputs):
    op = UnbiasedVariance((0,))
    worst = max(row.fused.relative for row in tg.compare(op, *inputs, repeats=1).rows)
    assert not tg.compare(op, *inputs, rtol=0.9 * worst, atol=0, repeats=1, orders=(1,)).ok
    assert tg.compare(op, *inputs, rtol=1.1 * worst, atol=0, repeats=1, orders=(1,)).ok
    assert tg.compare(op, *inputs, rtol=0, atol=1e3, repeats=1).ok


class Shifted(tg.Fused):
    """Digits are lost on the way, in both forms: x + shift - shift."""

    shift: float
    twin_too: bool

    def forward(self, x):
        return (x + self.shift) - self.shift

    def grad_x(self, g):
        return g

    def composed(self, x):
        return (x + self.shift) - self.shift if self.twin_too else x * 1


class LogOfOneMore(tg.Fused):
    """A fused form that is better than its twin."""

    def forward(self, x):
        return np.log1p(x)

    def grad_x(self, g, x):
        return g / (1 + x)

    def composed(self, x):
        return np.log(1 + x)


def test_verdicts():
    x = np.array([0.3, 0.7], np.float32)
    both = tg.compare(Shifted(1e6, True), x, repeats=1)
    assert not both.ok
    assert re.fullmatch(
        r"Neither Shifted nor its twin keeps its digits on these inputs, in out: out\[[01]\] is .* and should be .*", both.verdict
    )

    class AlsoWrong(Shifted):
        def grad_x(self, g):
            return 2 * g

    assert " out is " in tg.compare(Shifted(1e6, False), x[0], repeats=1).verdict
    gradient = tg.compare(AlsoWrong(1e6, True), x, repeats=1)
    assert [row.ok for row in gradient.rows] == [False, False]
    assert gradient.verdict.startswith("The hand-written gradient of AlsoWrong is wrong, in dL/dx: ")
    fused = tg.compare(Shifted(1e6, False), x, repeats=1)
    assert fused.verdict.startswith("The forward of Shifted gives something else than its twin, or loses digits: out[")
    twin = tg.compare(LogOfOneMore(), np.array([1e-10, 3e-10]), rtol=1e-8, atol=0, repeats=1)
    assert twin.ok and not twin.rows[0].composed_ok
    assert re.fullmatch(
        r"The hand-written gradient of LogOfOneMore is right; it takes \d+\.\d\d of the time and \d+\.\d\d of the memory of the "
        r"composed one, which itself is out of tolerance in out\.", twin.verdict
    )


def test_a_forward_that_draws_anew_each_time_is_told_from_a_wrong_one():
    def dropout_forward(x):
        mask = generator.random(x.shape) < 0.5
        return x * mask * 2, mask

    generator = np.random.default_rng(0)
    op = tg.Fused.from_functions(dropout_forward, lambda dout, mask: dout * mask * 2, composed=lambda x: x * 1)
    report = tg.compare(op, np.ones((4, 3)), repeats=1)
    assert report.diagnosis.startswith("out: forward gives another value each time: seed what it draws")
    assert tg.compare(LogOfOneMore(), np.ones(3), rtol=0, atol=0, repeats=1).diagnosis == ""


# The arithmetic of differences


class Nudged(tg.Fused):
    """x, but for one element, which is some units in the last place away."""

    steps: int

    def forward(self, x):
        out = x.copy()
        out[1, 2] += self.steps * np.spacing(out[1, 2])
        return out

    def grad_x(self, g):
        return g

    def composed(self, x):
        return x * 1


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_ulp_is_counted_in_spacings_of_the_dtype(dtype):
    x = np.array([[1, 2, -20], [0.5, 1.25, 8]], dtype)
    out, grad = tg.compare(Nudged(-3), x, repeats=1).rows
    spacing = 8 * float(np.finfo(dtype).eps)            # from 8 to 16; below 8, where the value is, it is half as large
    expected = Difference(3 * spacing, 3 * spacing / 20, 3.0, (1, 2), 8 - 3 * spacing, 8.0)
    assert out.fused == out.each_other == expected
    assert out.composed == Difference(0.0, 0.0, 0.0, (0, 0), 1.0, 1.0)
    assert grad.fused == grad.composed
    rtol, atol = comparison.TOLERANCES[np.dtype(dtype)]
    assert out.tolerance == pytest.approx(atol + rtol * 20)


@pytest.mark.parametrize(
    ("value", "expected", "absolute"),
    [
        (np.nan, np.nan, 0), (np.inf, np.inf, 0), (-np.inf, -np.inf, 0), (np.inf, 1e60, 0),     # 1e60 is infinite in float32
        (np.nan, 1.0, np.inf), (1.0, np.nan, np.inf), (np.inf, -np.inf, np.inf), (np.inf, 1.0, np.inf), (1.0, 1e60, 1e60),
        (0.0, 1e-60, 1e-60),
    ],
)
def test_what_is_not_finite_is_the_same_or_infinitely_far(value, expected, absolute):
    with np.errstate(all="ignore"):
        found = difference(np.array([2.0, value], np.float32), np.array([2.0, expected], np.longdouble))
    assert found.absolute == pytest.approx(absolute, rel=1e-6, abs=0)
    assert (found.ulp > 0) == (found.relative > 0) == (absolute > 0)


def test_nothing_is_equal_to_nothing():
    report = tg.compare(LogOfOneMore(), np.zeros((0, 3)), repeats=1)
    assert report.ok
    assert report.rows[0].fused[:4] == (0.0, 0.0, 0.0, None)


def test_a_nan_in_one_form_only_fails():
    class Forgets(LogOfOneMore):
        def grad_x(self, g, x):
            return np.where(x == 0, np.nan, g / (1 + x))

    report = tg.compare(Forgets(), np.array([0.0, 1.0]), repeats=1)
    assert [row.ok for row in report.rows] == [True, False]
    assert report.rows[1].fused.at == (0,) and report.rows[1].fused.absolute == np.inf


# Inputs


def test_constants_integers_and_none_get_no_gradient():
    logits = np.random.default_rng(2).normal(size=(4, 3))
    for weight in (None, np.array([1.0, 2.0, 3.0])):
        report = tg.compare(CrossEntropy(), logits, np.array([0, 2, 1, 1]), weight, repeats=1)
        assert report.ok and [row.name for row in report.rows] == ["out", "dL/dlogits"]
    assert report.inputs == "logits (4, 3) float64, target (4,) int64, weight (3,) float64"


def test_an_input_that_the_output_does_not_depend_on_has_gradient_0():
    class First(tg.Fused):
        def forward(self, a, b):
            return a + 1

        def backward(self, g, b):
            return g, np.zeros_like(b)

        def composed(self, a, b):
            return a + 1

    row = tg.compare(First(), np.ones(3), np.ones(2), repeats=1).rows[2]
    assert row.ok and row.shape == (2,) and row.fused.absolute == row.composed.absolute == 0


def test_tensors_lists_and_arrays_are_the_same_inputs_and_stay_as_they_are(inputs):
    tensors = [tg.tensor(x, requires_grad=True) for x in inputs]
    before = [x.copy() for x in inputs]
    reports = [tg.compare(BatchNorm((0,)), *given, repeats=1) for given in (inputs, tensors, [np.asfortranarray(x) for x in inputs])]
    assert reports[0].rows == reports[1].rows
    assert [row.ok for row in reports[2].rows] == [True] * 4
    for x, tensor, copy in zip(inputs, tensors, before, strict=True):
        assert np.array_equal(x, copy) and np.array_equal(tensor.data, copy) and tensor.grad is None
    assert tg.compare(LogOfOneMore(), [1.0, 2.0], repeats=1).rows[0].dtype == np.float32


def test_only_what_is_kept_of_a_view_counts(inputs):
    whole = np.zeros((1000, ROWS, CHANNELS))
    whole[0] = inputs[0]
    assert tg.compare(BatchNorm((0,)), whole[0], *inputs[1:], repeats=1).fused.kept_bytes == 8 * (ROWS * CHANNELS + 5 * CHANNELS)


def test_the_callers_modes_do_not_matter(inputs):
    expected = tg.compare(BatchNorm((0,)), *inputs, repeats=1)
    with tg.no_grad(), tg.composed():
        report = tg.compare(BatchNorm((0,)), *inputs, repeats=1)
    assert report.rows == expected.rows
    assert (report.fused.nodes, report.composed.nodes) == (1, 11)


def test_the_gradient_that_comes_in_is_drawn_from_the_generator(inputs):
    def gradient(seed):
        return tg.compare(BatchNorm((0,)), *inputs, repeats=1, generator=np.random.default_rng(seed)).rows[1].fused.expected

    assert gradient(1) == gradient(1) != gradient(2)


def test_inputs_from_the_usual_seed_are_not_the_gradient_that_comes_in():
    # With dL/dout = x batch norm's gradient is next to 0, and in float32 nothing of it is left.
    x = np.random.default_rng(0).standard_normal((128, 64)).astype(np.float32)
    report = tg.compare(BatchNorm((0,)), x, np.ones((1, 64), np.float32), np.zeros((1, 64), np.float32), repeats=1)
    assert report.ok, report


# The reference


@pytest.fixture
def narrow_longdouble(monkeypatch):
    """A machine whose longdouble is float64, like an Apple M1."""
    bits = reference._bits
    monkeypatch.setattr(reference, "_bits", lambda dtype: min(53, bits(dtype)))


def test_the_reference_is_longdouble_where_it_is_wider(inputs):
    bits = np.finfo(np.longdouble).nmant + 1
    kind = "longdouble" if bits > 53 else "float64"
    report = tg.compare(BatchNorm((0,)), *[x.astype("float32") for x in inputs], repeats=1)
    assert report.reference == f"the composed twin in {kind}, {bits} bits"


NO_MORE_BITS = 'the inputs have as many, so its own rounding is in the numbers: reference="mpmath" has more'


@pytest.mark.parametrize(
    ("dtype", "installed", "most", "said"),
    [
        ("float32", True, 20_000, "the composed twin in float64, 53 bits"),
        ("float64", True, 20_000, "the composed twin in mpmath, 113 bits"),
        ("float64", True, 100, f"the composed twin in float64, 53 bits; {NO_MORE_BITS}"),
        ("float64", False, 20_000, f"the composed twin in float64, 53 bits; {NO_MORE_BITS}"),
    ],
)
def test_the_reference_where_longdouble_is_no_wider(inputs, narrow_longdouble, monkeypatch, dtype, installed, most, said):
    monkeypatch.setitem(reference.MOST_WORK, "mpmath", most)
    if not installed:
        monkeypatch.setitem(sys.modules, "mpmath", None)
    report = tg.compare(BatchNorm((0,)), *[x.astype(dtype) for x in inputs], repeats=1)
    assert report.ok
    assert report.reference == said


def test_a_twin_that_objects_cannot_go_through_is_compared_in_float64(narrow_longdouble):
    class Hypotenuse(LogOfOneMore):
        def forward(self, x):
            return np.hypot(x, 1)

        def grad_x(self, g, x):
            return g * x / np.hypot(x, 1)

        def composed(self, x):
            assert x.dtype != object
            return np.sqrt(x * x + 1)

    report = tg.compare(Hypotenuse(), np.ones(3), repeats=1)
    assert report.ok and report.reference.startswith("the composed twin in float64, 53 bits; ")
    with pytest.raises(AssertionError):
        tg.compare(Hypotenuse(), np.ones(3), repeats=1, reference="mpmath")


def test_mpmath_that_is_missing_is_asked_for(inputs, monkeypatch):
    monkeypatch.setitem(sys.modules, "mpmath", None)
    reference._mpmath_number.cache_clear()
    with pytest.raises(ImportError, match="pip install mpmath"):
        tg.compare(BatchNorm((0,)), *inputs, reference="mpmath", repeats=1)


def test_mpmath_is_refused_where_it_would_take_minutes(inputs):
    x = np.zeros((4096, 1024))
    with pytest.raises(ValueError, match=r"reference is 'mpmath', .* BatchNorm\(.*\) computes [\d,]+ on these inputs: about [\d,]+ minutes"):
        tg.compare(BatchNorm((0,)), x, np.ones((1, 1024)), np.zeros((1, 1024)), reference="mpmath")
    assert tg.compare(BatchNorm((0,)), *inputs, reference="mpmath", repeats=1).ok


@pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="longdouble is no wider")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_longdouble_is_left_where_it_would_take_minutes(inputs, monkeypatch, dtype):
    monkeypatch.setitem(reference.MOST_WORK, "longdouble", 1000)
    inputs = [x.astype(dtype) for x in inputs]
    said = tg.compare(BatchNorm((0,)), *inputs, repeats=1).reference
    assert said.startswith("the composed twin in float64, 53 bits") and 'minutes, which reference="longdouble" asks for' in said
    assert ("its own rounding is in the numbers" in said) == (dtype == "float64")
    assert tg.compare(BatchNorm((0,)), *inputs, repeats=1, reference="longdouble").reference == "the composed twin in longdouble, 64 bits"


def test_the_work_of_a_reference_counts_products_of_matrices():
    def work(op, *inputs):
        return reference.work(Form.checked("compare", op, inputs).twin)

    class Product(tg.Fused):
        def forward(self, a, b):
            return a @ b

        def grad_a(self, g, b):
            return g @ b.T

        def grad_b(self, g, a):
            return a.T @ g

        def composed(self, a, b):
            return a @ b

    assert work(Product(), np.ones((20, 30)), np.ones((30, 7))) == 20 * 30 * 7
    assert work(LogOfOneMore(), np.ones((20, 30))) == 2 * 20 * 30


def test_slow_forms_are_timed_less_often(inputs, monkeypatch):
    monkeypatch.setattr(cost, "MOST_SECONDS", 0)
    report = tg.compare(BatchNorm((0,)), *inputs, repeats=10)
    assert len(report.fused.forward) == len(report.composed.backward) == cost.LEAST_REPEATS
    assert len(tg.compare(BatchNorm((0,)), *inputs, repeats=2).fused.forward) == 2


def test_peak_memory_is_what_is_there_at_once():
    class Wasteful(tg.Fused):
        """Takes thirty times its input for a moment in forward, twenty times in backward."""

        def forward(self, x):
            return np.zeros((30, *x.shape))[0] + x

        def backward(self, g):
            return (np.zeros((20, *g.shape))[0] + g,)

        def composed(self, x):
            return x * 1

    x = np.zeros(100_000)
    report = tg.compare(Wasteful(), x, repeats=1, orders=(1,))
    assert 31 <= report.fused.peak_forward_bytes / x.nbytes < 31.1
    assert 22 <= report.fused.peak_backward_bytes / x.nbytes < 22.1             # out is there all the while
    assert report.fused.peak_bytes == report.fused.peak_forward_bytes
    assert 1 <= report.composed.peak_forward_bytes / x.nbytes < 1.1
    header, fused, _ = tables.columns(tables.costs(report.fused, report.composed))
    assert header.endswith("peak forward  peak backward") and fused.endswith("23.7 MiB       16.8 MiB")


def test_an_error_in_the_reference_says_so():
    class Ceiling(tg.Fused):
        def forward(self, x):
            return np.ceil(x)

        def grad_x(self, g):
            return g

        def composed(self, x):
            if x.dtype == np.longdouble:
                raise ArithmeticError("too long")
            return x * 1

    with pytest.raises(ArithmeticError) as failure:
        tg.compare(Ceiling(), np.ones(2), reference="longdouble")
    assert "this happened in the reference, the composed twin in longdouble" in failure.value.__notes__[-1]


# Orders 2 and 3


@pytest.mark.parametrize("name", PROBLEMS)
def test_higher_orders_of_every_fused_op_are_right(name):
    op, *inputs = problem(name, most=12)
    report = tg.compare(op, *inputs, repeats=1)
    moved = [row.name for row in report.rows if row.order == 1]
    assert [(row.order, row.name) for row in report.higher] == [
        (order, name.replace("dL", f"d{order}L")) for order in (2, 3) for name in moved
    ]
    assert all(row.ok and row.told for row in report.higher) and report.ok
    assert {row.shape[0] for row in report.higher} == {comparison.DIRECTIONS}
    assert all(min(row.fused.absolute, row.fused.relative) < 1e-6 for row in report.higher)


class CubeFromTables(tg.Fused):
    """x**3, with a gradient that is right at 1, where it is compared, and may be wrong beside it."""

    second: float
    third: float

    def forward(self, x):
        return x * x * x

    def grad_x(self, g, x):
        return g * (3 + self.second * (x - 1) + self.third * (x - 1) * (x - 1) / 2)

    def composed(self, x):
        return x * x * x


@pytest.mark.parametrize(
    ("second", "third", "wrong"), [(6, 6, []), (6, 0, ["d3L/dx"]), (3, 6, ["d2L/dx"]), (0, 0, ["d2L/dx", "d3L/dx"])]
)
def test_a_gradient_that_is_right_at_one_point_only_fails(second, third, wrong):
    report = tg.compare(CubeFromTables(second, third), np.ones(4), repeats=1)
    assert all(row.ok for row in report.rows)
    assert [row.name for row in report.higher if not row.ok] == wrong and report.ok == (not wrong)
    if wrong:
        assert report.verdict == (
            f"The gradient of CubeFromTables is right here, but its derivative by hand is not that of the twin, in {', '.join(wrong)}."
        )
        assert f"rder {wrong[0][1]} is not that of the twin, in {wrong[0]}" in report.higher_verdict
        with pytest.raises(GradientCheckError):
            report.assert_close()


def test_derivatives_that_are_0_are_so_exactly():
    report = tg.compare(Shifted(0.0, True), np.ones(3), repeats=1)
    assert report.higher_verdict.startswith("Order 2 is exactly that of the twin; order 3 is exactly that of the twin, by differences")


def test_orders_are_asked_for(inputs):
    report = tg.compare(BatchNorm((0,)), *inputs, repeats=1, orders=(1, 3))
    assert {row.order for row in report.higher} == {3}
    report = tg.compare(BatchNorm((0,)), *inputs, repeats=1, orders=(1,))
    assert report.higher == () and report.higher_verdict == "Orders 2 and 3: not asked for."
    report = tg.compare(UnbiasedVariance((0,)), *inputs, repeats=1)
    assert report.higher == ()
    assert report.higher_verdict == "Orders 2 and 3: not compared, since the gradient itself is out of tolerance."
    with pytest.raises(ValueError, match=r"compare: orders is \(4,\); it needs to be some of 1, 2 and 3"):
        tg.compare(BatchNorm((0,)), *inputs, orders=(4,))


def test_large_inputs_are_cut_to_their_first_rows():
    rng = np.random.default_rng(3)
    x, gamma, beta = rng.normal(size=(4096, 32)), np.ones((1, 32)), np.zeros((1, 32))
    report = tg.compare(BatchNorm((0,)), x, gamma, beta, repeats=1)
    assert report.ok and report.higher[0].shape == (comparison.DIRECTIONS, 511, 32)
    assert report.higher_verdict.endswith(", by differences of the hand-written gradient, on the first 511 of 4096 rows.")
    long = tg.compare(LogOfOneMore(), rng.random((2, 100_000)), repeats=1)
    assert long.ok and "not compared, since the inputs have 200,000 elements and cannot be cut" in long.higher_verdict
    images = rng.normal(size=(4, 16, 40, 40)), np.ones((1, 16, 1, 1)), np.zeros((1, 16, 1, 1))
    report = tg.compare(BatchNorm((0, 2, 3)), *images, repeats=1)
    assert report.ok and report.higher and report.higher_verdict.endswith(" on the first (2, 5, 40, 40) of (4, 16, 40, 40).")


def test_differences_that_are_too_coarse_say_so(inputs):
    report = tg.compare(BatchNorm((0,)), np.ones((8, 3)), *[x[:, :3] for x in inputs[1:]], repeats=1)
    assert report.ok and not all(row.told for row in report.higher)
    assert "At order 2 differences are too coarse on these inputs to tell, in d2L/dx, d2L/dgamma" in report.higher_verdict


# For programs and for tests


def test_the_helper_for_tests_passes_or_raises_the_report(inputs):
    assert tg.testing.assert_fused_matches_composed(BatchNorm((0,)), *inputs) is None
    with pytest.raises(GradientCheckError, match="The hand-written gradient of NegativeBeta is wrong, in dL/dbeta") as failure:
        tg.testing.assert_fused_matches_composed(NegativeBeta((0,)), *inputs)
    assert "diagnosis  dL/dbeta: it has the wrong sign" in str(failure.value)
    tg.testing.assert_fused_matches_composed(NegativeBeta((0,)), *inputs, atol=1e3)
    with pytest.raises(GradientCheckError, match="d3L/dx"):
        tg.testing.assert_fused_matches_composed(CubeFromTables(6, 0), np.ones(4))
    tg.testing.assert_fused_matches_composed(CubeFromTables(6, 0), np.ones(4), orders=(1, 2))


def test_the_report_as_data_says_what_the_report_says(inputs):
    for op in (BatchNorm((0,)), WithoutMean((0,))):
        report = tg.compare(op, *inputs, repeats=2)
        data = json.loads(json.dumps(report.as_dict(), allow_nan=False))
        assert (data["op"], data["inputs"], data["reference"]) == (repr(op), report.inputs, report.reference)
        assert (data["ok"], data["verdict"], data["higher_verdict"]) == (report.ok, report.verdict, report.higher_verdict)
        assert data["mistakes"] == report.mistakes
        assert [(row["order"], row["name"], tuple(row["shape"]), row["dtype"], row["ok"], row["tolerance"]) for row in data["rows"]] == [
            (row.order, row.name, row.shape, str(row.dtype), row.ok, row.tolerance) for row in report.rows
        ]
        for mine, theirs in ((report.rows, data["rows"]), (report.higher, data["higher"])):
            for row, found in zip(mine, theirs, strict=True):
                for name in {"fused", "composed", "each_other", "method"} & found.keys():
                    expected = getattr(row, name)
                    assert Difference(**{**found[name], "at": tuple(found[name]["at"])}) == expected
        assert data["fused"] == {**report.fused._asdict(), "forward": list(report.fused.forward), "backward": list(report.fused.backward)}
    with np.errstate(all="ignore"):
        data = tg.compare(LogOfOneMore(), np.array([-1.0, np.nan]), repeats=1).as_dict()
    assert data["rows"][0]["fused"]["value"] == "-inf"
    json.dumps(data, allow_nan=False)


# Functions in the assignment's own shape


def batchnorm_forward(x, gamma, beta, eps=1e-5):
    centered = x - x.mean(axis=0)
    inv_std = 1 / np.sqrt((centered * centered).mean(axis=0) + eps)
    x_hat = centered * inv_std
    return gamma * x_hat + beta, (x_hat, inv_std, gamma)


def batchnorm_backward(dout, cache):
    x_hat, inv_std, gamma = cache
    dx = gamma * inv_std * (dout - dout.mean(axis=0) - x_hat * (dout * x_hat).mean(axis=0))
    return dx, (dout * x_hat).sum(axis=0), dout.sum(axis=0)


def batchnorm_composed(x, gamma, beta, eps):
    centered = x - np.mean(x, axis=0)
    return gamma * (centered / np.sqrt(np.mean(centered * centered, axis=0) + eps)) + beta


@pytest.fixture
def vectors(inputs):
    return [inputs[0], inputs[1][0], inputs[2][0]]


def test_functions_make_an_op_that_is_compared(vectors):
    op = tg.Fused.from_functions(batchnorm_forward, batchnorm_backward, batchnorm_composed)
    assert repr(op) == "batchnorm(eps=1e-05)" and op.inputs == ("x", "gamma", "beta") and isinstance(op, tg.Fused)
    report = tg.compare(op, *vectors, repeats=1)
    assert report.ok
    assert [row.name for row in report.rows] == ["out", "dL/dx", "dL/dgamma", "dL/dbeta"]
    assert report.verdict.startswith("The hand-written gradient of batchnorm is right")
    wrong = tg.Fused.from_functions(
        batchnorm_forward, lambda dout, cache: (*batchnorm_backward(dout, cache)[:2], -dout.sum(axis=0)), batchnorm_composed
    )
    assert [row.name for row in tg.compare(wrong, *vectors, repeats=1).rows if not row.ok] == ["dL/dbeta"]


def test_functions_are_recorded_in_every_mode(vectors):
    op = tg.Fused.from_functions(batchnorm_forward, batchnorm_backward, batchnorm_composed)
    reference = BatchNorm((0,))
    x, gamma, beta = [tg.tensor(value, requires_grad=True) for value in vectors]
    with tg.no_grad():
        assert op(x, gamma, beta).node is None
    with tg.composed():
        assert len(ancestors([op(x, gamma, beta).node])) > 5
    seconds = []
    for function in (op, reference):
        first, _ = tg.grad(function(x, gamma, beta), [x, gamma], np.cos(vectors[0]), create_graph=True)
        seconds.append(tg.grad(first, [x, gamma], np.sin(vectors[0])))
    for ours, theirs in zip(*seconds, strict=True):
        np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-12, atol=1e-12)


def test_functions_with_constants_and_bound_arguments():
    def masked_forward(x, mask, param):
        return x * mask * param["scale"], (mask, param["scale"])

    bound = {"param": {"scale": 2.0}}
    op = tg.Fused.from_functions(
        functools.partial(masked_forward, **bound), lambda dout, cache: dout * cache[0] * cache[1],
        lambda x, mask: x * mask * 2.0, constants=("mask",),
    )
    assert repr(op) == "masked()" and op.inputs == ("x", "mask")
    report = tg.compare(op, np.arange(4.0), np.array([True, False, True, True]), repeats=1)
    assert report.ok and [row.name for row in report.rows] == ["out", "dL/dx"]


def one_forward(x):
    return x * 1, None


@pytest.mark.parametrize(
    ("functions", "said"),
    [
        ((one_forward, lambda dout: dout, lambda x: x * 1), r"one: backward needs to be a function of \(dout, cache\)"),
        ((one_forward, lambda dout, cache: dout, lambda y: y * 1), "one: composed takes y and forward takes x; they must be the same"),
        ((lambda *xs: xs, lambda dout, cache: dout, lambda xs: xs), r"<lambda>: forward takes \*xs; its parameters are the inputs"),
        ((lambda cache: (cache, 1), lambda dout, cache: dout, lambda cache: cache), "<lambda>: an input of forward is called cache"),
        ((lambda: 1, lambda dout, cache: dout, lambda: 1), r"<lambda>: forward\(self\) has no input"),
        ((3, lambda dout, cache: dout, lambda x: x), "int: forward is 3, and what it takes cannot be read"),
    ],
)
def test_functions_that_do_not_fit_are_refused_at_once(functions, said):
    with pytest.raises(DefinitionError, match=said):
        tg.Fused.from_functions(*functions)


def test_functions_that_return_something_else_are_refused():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    alone = tg.Fused.from_functions(lambda x: x * 1, lambda dout, cache: dout, lambda x: x * 1)
    with pytest.raises(DefinitionError, match=r"forward returned ndarray; it needs to return \(out, cache\)"):
        alone(x)
    many = tg.Fused.from_functions(one_forward, lambda dout, cache: (dout, dout), lambda x: x * 1)
    with pytest.raises(DefinitionError, match=r"one\(\): backward returned 2 gradients; it needs to return one for each of x"):
        many(x).sum().backward()


# Errors


class OtherShape(LogOfOneMore):
    def composed(self, x):
        return np.log(1 + x).sum()


class OtherDType(LogOfOneMore):
    def composed(self, x):
        return np.log(1 + x).astype("float64")


class Whole(LogOfOneMore):
    def forward(self, x):
        return np.floor(x).astype(int)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ((np.exp, 1.0), DTypeError, "needs to be an instance of a Fused, which has a composed twin"),
        ((BatchNorm, 1.0), DTypeError, r"needs to be an instance of a Fused: BatchNorm\(\.\.\.\)"),
        ((LogOfOneMore(), np.ones(2, complex)), DTypeError, r"x of LogOfOneMore\(\) has dtype complex128; it needs to be float16"),
        ((LogOfOneMore(), np.ones(2, np.longdouble)), DTypeError, r"x of LogOfOneMore\(\) has dtype (longdouble|float128)"),
        ((LogOfOneMore(), [1, 2]), GraphError, r"none of the inputs of LogOfOneMore\(\) has a gradient"),
        ((Whole(), [1.0]), DTypeError, r"the output of Whole\(\) has dtype int64"),
        ((OtherShape(), np.ones(2)), ShapeError, r"the output of OtherShape\(\) has shape \(2,\) .* and that of its twin \(\)"),
        ((OtherDType(), np.ones(2, np.float32)), ShapeError, r"OtherDType\(\) .* dtype float32, and that of its twin \(2,\) and float64"),
    ],
)
def test_what_cannot_be_compared_is_refused(arguments, error, said):
    with pytest.raises(error, match=f"compare: .*{said}"):
        tg.compare(*arguments)


@pytest.mark.parametrize(("keywords", "said"), [({"repeats": 0}, "repeats is 0"), ({"reference": "float128"}, "reference is 'float128'")])
def test_arguments_out_of_range_are_refused(keywords, said):
    with pytest.raises(ValueError, match=f"compare: {said}; it needs to be"):
        tg.compare(LogOfOneMore(), np.ones(2), **keywords)


# The text


def test_the_table_is_aligned_and_ends_with_the_verdict(inputs):
    report = tg.compare(UnbiasedVariance((0,)), *inputs, repeats=2)
    text = str(report)
    assert repr(report) == text
    lines = text.splitlines()
    assert lines[0] == "UnbiasedVariance(axes=(0,), eps=1e-05): fused against composed"
    assert lines[1] == "inputs     x (32, 6) float64, gamma (1, 6) float64, beta (1, 6) float64"
    assert lines[2] == f"reference  {report.reference}"
    assert lines[-1] == report.verdict
    header = lines[4]
    assert header.split("  ")[-1].strip() == "expected"
    body = lines[5:17]
    assert [line[:9].strip() for line in body] == ["out", "", "", "dL/dx", "", "", "dL/dgamma", "", "", "dL/dbeta", "", ""]
    assert [line[9:21].strip() for line in body] == ["fused", "composed", "each other"] * 4
    ends = [match.end() for match in re.finditer(r"absolute|relative|ulp|worst element|value there|expected", header)]
    for line in body:
        if line.split()[-1] != "0":                     # what does not differ has no worst element
            assert len(line) == len(header)
            assert all(line[end - 1] != " " and line[end : end + 1] in (" ", "") for end in ends), f"{header}\n{line}"
    allowed = [line[header.index("absolute") + len("absolute") : header.index("allowed") + len("allowed")].split() for line in body]
    assert allowed == [
        given for row in report.rows for given in (["<=" if row.ok else ">", f"{row.tolerance:.1e}"], ["<=", f"{row.tolerance:.1e}"], [])
    ]
    costs = lines[18:21]
    assert costs[0].split() == ["forward", "backward", "nodes", "kept", "peak", "forward", "peak", "backward"]
    time = r"[\d.]+ [um]s  \([\d.]+ to [\d.]+\) +"
    assert re.fullmatch(rf"fused +{time}{time}1 +1\.7 KiB +[\d.]+ KiB +[\d.]+ KiB", costs[1])
    assert re.fullmatch(rf"composed +{time}{time}11 +3\.1 KiB +[\d.]+ KiB +[\d.]+ KiB", costs[2])


@pytest.mark.parametrize(("size", "said"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (34048, "33.2 KiB"), (5 * 2**19, "2.5 MiB")])
def test_sizes_are_read_easily(size, said):
    assert tables.in_bytes(size) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        ((1e-6, 2e-6, 3e-6), ["2 us", "(1 to 3)"]),
        ((41.234e-6, 41.234e-6, 1.5e-3), ["41.2 us", "(41.2 to 1500)"]),
        ((1.5e-3, 2.5e-3), ["2 ms", "(1.5 to 2.5)"]),
    ],
)
def test_times_are_read_easily(seconds, said):
    assert tables.times(seconds) == said
