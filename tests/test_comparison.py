"""tg.compare: a right op passes with true numbers, a wrong one fails by name, and the report says what it used."""

import re
import sys

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import comparison
from tinygrad_edu.cli import PROBLEMS
from tinygrad_edu.comparison import Difference
from tinygrad_edu.engine.node import ancestors
from tinygrad_edu.errors import DTypeError, GradientCheckError, GraphError, ShapeError
from tinygrad_edu.fused.batch_norm import BatchNorm
from tinygrad_edu.fused.cross_entropy import CrossEntropy

ROWS, CHANNELS = 32, 6


@pytest.fixture
def inputs():
    rng = np.random.default_rng(5)
    return [rng.normal(size=(ROWS, CHANNELS)), rng.uniform(0.5, 1.5, (1, CHANNELS)), rng.normal(size=(1, CHANNELS))]


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
    for cost in (report.fused, report.composed):
        assert len(cost.forward) == len(cost.backward) == 4 and min(cost.forward + cost.backward) > 0
        assert min(cost.forward) + min(cost.backward) <= cost.seconds <= max(cost.forward) + max(cost.backward)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reference", ["longdouble", "mpmath", "float64"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_every_fused_op_is_right_against_every_reference(name, reference, dtype):
    op, *inputs = PROBLEMS[name]((6, 5), np.random.default_rng(1))
    inputs = [x.astype(dtype) if x is not None and x.dtype.kind == "f" else x for x in inputs]
    report = tg.compare(op, *inputs, reference=reference, repeats=1)
    assert report.ok, report
    assert report.reference.startswith(f"the composed twin in {reference}, ")


def test_references_agree(inputs):
    wanted = [True] * 3
    upstream = np.random.default_rng(6).normal(size=(ROWS, CHANNELS))
    _, wide = comparison._reference(BatchNorm((0,)), inputs, wanted, upstream, "longdouble")
    _, precise = comparison._reference(BatchNorm((0,)), inputs, wanted, upstream, "mpmath")
    for a, b in zip(wide, precise, strict=True):
        assert b.dtype == object
        np.testing.assert_allclose(a.astype(float), b.astype(float), rtol=1e-15, atol=1e-15)
        if np.finfo(np.longdouble).nmant > 52:
            assert max(abs(float(q - y)) for q, y in zip(b.ravel(), map(precise_number, a.ravel()), strict=True)) < 1e-16


def precise_number(x):
    """A longdouble as mpmath's number, exactly."""
    high = float(x)
    number = comparison._mpmath_number()
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
    assert not tg.compare(op, *inputs, rtol=0.9 * worst, atol=0, repeats=1).ok
    assert tg.compare(op, *inputs, rtol=1.1 * worst, atol=0, repeats=1).ok
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

    gradient = tg.compare(AlsoWrong(1e6, True), x, repeats=1)
    assert [row.ok for row in gradient.rows] == [False, False]
    assert gradient.verdict.startswith("The hand-written gradient of AlsoWrong is wrong, in dL/dx: ")
    fused = tg.compare(Shifted(1e6, False), x, repeats=1)
    assert fused.verdict.startswith("The forward of Shifted and its twin are two functions, or one of them loses digits, in out: ")
    twin = tg.compare(LogOfOneMore(), np.array([1e-10, 3e-10]), rtol=1e-8, atol=0, repeats=1)
    assert twin.ok and not twin.rows[0].composed_ok
    assert re.fullmatch(
        r"The hand-written gradient of LogOfOneMore is right; it takes \d+\.\d\d of the time and \d+\.\d\d of the memory of the "
        r"composed one, which itself is out of tolerance in out\.", twin.verdict
    )


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
        found = comparison._difference(np.array([2.0, value], np.float32), np.array([2.0, expected], np.longdouble))
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
    bits = comparison._bits
    monkeypatch.setattr(comparison, "_bits", lambda dtype: min(53, bits(dtype)))


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
    monkeypatch.setattr(comparison, "MOST_ELEMENTS_FOR_MPMATH", most)
    if not installed:
        monkeypatch.setitem(sys.modules, "mpmath", None)
    report = tg.compare(BatchNorm((0,)), *[x.astype(dtype) for x in inputs], repeats=1)
    assert report.ok
    assert report.reference == said


def test_mpmath_that_is_missing_is_asked_for(inputs, monkeypatch):
    monkeypatch.setitem(sys.modules, "mpmath", None)
    comparison._mpmath_number.cache_clear()
    with pytest.raises(ImportError, match="pip install mpmath"):
        tg.compare(BatchNorm((0,)), *inputs, reference="mpmath", repeats=1)


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
    costs = lines[18:21]
    assert costs[0].split() == ["forward", "backward", "nodes", "kept"]
    time = r"[\d.]+ [um]s  \([\d.]+ to [\d.]+\) +"
    assert re.fullmatch(rf"fused +{time}{time}1 +1\.7 KiB", costs[1])
    assert re.fullmatch(rf"composed +{time}{time}11 +3\.1 KiB", costs[2])


@pytest.mark.parametrize(("size", "said"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (34048, "33.2 KiB"), (5 * 2**19, "2.5 MiB")])
def test_sizes_are_read_easily(size, said):
    assert comparison._size(size) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        ((1e-6, 2e-6, 3e-6), ["2 us", "(1 to 3)"]),
        ((41.234e-6, 41.234e-6, 1.5e-3), ["41.2 us", "(41.2 to 1500)"]),
        ((1.5e-3, 2.5e-3), ["2 ms", "(1.5 to 2.5)"]),
    ],
)
def test_times_are_read_easily(seconds, said):
    assert comparison._time_cells(seconds) == said
