"""The sweep: which inputs are hard, how many digits each form keeps on them, and what is said of it."""

import json
import sys

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.comparison import Loss, Sweep, hard_inputs, sweep
from tinygrad_edu.comparison.hard_inputs import digits, most_digits
from tinygrad_edu.comparison.problems import PROBLEMS
from tinygrad_edu.errors import DTypeError, GraphError

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


def problem(name, *shape):
    return PROBLEMS[name](shape, np.random.default_rng(2))


def labels(found, dtype=F32):
    return [loss.inputs for loss in found.losses if loss.dtype == dtype]


class OnePass(tg.Fused):
    """Variance of each column by the mean of squares, which cancels; the twin does not."""

    def forward(self, x):
        return np.mean(x * x, axis=0) - np.mean(x, axis=0) ** 2

    def backward(self, g, x):
        return (g * 2 * (x - np.mean(x, axis=0)) / len(x),)

    def composed(self, x):
        centered = x - np.mean(x, axis=0)
        return np.mean(centered * centered, axis=0)


# Digits


@pytest.mark.parametrize(
    ("error", "dtype", "said"),
    [(0.0, F32, 7.22), (1e-3, F32, 3.0), (1e-3, F64, 3.0), (1e-30, F64, 15.95), (1.0, F32, 0.0), (7.0, F32, 0.0), (np.inf, F64, 0.0)],
)
def test_digits_are_the_logarithm_of_the_error_within_what_the_dtype_has(error, dtype, said):
    assert digits(error, dtype) == pytest.approx(said, abs=0.01)
    assert 0 <= digits(error, dtype) <= most_digits(dtype)


# The inputs


OFFSETS = [f"x + 1e{exponent}" for exponent in range(9)]
SCALES = ["x * 1e-8", "x * 1e-4", "x * 1e4", "x * 1e8"]


@pytest.mark.parametrize(
    ("name", "shape", "others"),
    [
        ("batch_norm", (12, 5), ["x[:, 0] constant", "x of 2 rows", "gamma 0", "x 0", "x rounded, with ties", "x[:, 0] NaN"]),
        ("batch_norm", (6, 5, 3), ["x[:, 0, :] constant", "x of 2 rows", "gamma 0", "x 0", "x rounded, with ties", "x[:, 0, :] NaN"]),
        ("layer_norm", (12, 5), ["x[0, :] constant", "x of 2 rows", "gamma 0", "x 0", "x rounded, with ties", "x[0, :] NaN"]),
        ("softmax", (2, 5), ["x[0, :] constant", "x 0", "x rounded, with ties", "x[0, :] NaN"]),
        ("gelu", (12, 5), ["x of 2 rows", "x 0", "x rounded, with ties", "x[0, 0] NaN"]),
        ("mse", (12, 5), ["x of 2 rows", "x 0", "x rounded, with ties", "x[0, 0] NaN"]),
    ],
)
def test_only_what_means_something_to_the_op_is_done(name, shape, others):
    found = sweep(*problem(name, *shape))
    for dtype in (F32, F64):
        assert labels(found, dtype) == ["as they are", *OFFSETS, *SCALES, *others]
    assert found.left_out == ()


def test_what_is_done_is_what_is_said():
    op, x, gamma, beta = problem("batch_norm", 12, 5)
    form = hard_inputs.Form.checked("sweep", op, (x, gamma, beta))
    hard = {words: made.values for words, _, made in hard_inputs._hard(form)}
    np.testing.assert_array_equal(hard["as they are"][0], x)
    np.testing.assert_array_equal(hard["x + 1e4"][0], x + 1e4)
    np.testing.assert_array_equal(hard["x * 1e-8"][0], x * 1e-8)
    constant, nan = hard["x[:, 0] constant"][0], hard["x[:, 0] NaN"][0]
    assert (constant[:, 0] == x[0, 0]).all() and np.isnan(nan[:, 0]).all()
    for changed in (constant, nan):
        np.testing.assert_array_equal(changed[:, 1:], x[:, 1:])
    assert [value.shape for value in hard["x of 2 rows"]] == [(2, 5), (1, 5), (1, 5)]
    assert not hard["gamma 0"][1].any() and np.array_equal(hard["gamma 0"][0], x)
    assert not hard["x 0"][0].any()
    assert len(np.unique(hard["x rounded, with ties"][0])) < 12
    assert all(value.dtype == x.dtype for values in hard.values() for value in values)


def test_the_inputs_stay_as_they_are_and_may_be_of_any_dtype():
    op, *inputs = problem("layer_norm", 6, 4)
    before = [x.copy() for x in inputs]
    found = sweep(op, *inputs)
    assert all(np.array_equal(x, copy) for x, copy in zip(inputs, before, strict=True))
    assert len(sweep(op, *[tg.tensor(x, dtype="float32") for x in inputs]).losses) == len(found.losses)


def test_what_an_op_does_not_take_is_left_out():
    class Particular(tg.Fused):
        def forward(self, x):
            if len(x) == 2:
                raise ValueError("two are <too> few")
            return x * 1

        def grad_x(self, g):
            return g

        def composed(self, x):
            return x * 1

    found = sweep(Particular(), np.ones((4, 2)))
    assert found.left_out == ("x of 2 rows: Particular(): x has shape (2, 2); two are <too> few",)
    assert f"\nleft out   {found.left_out[0]}\n" in str(found)
    with pytest.raises(ValueError, match="too"):
        sweep(Particular(), np.ones((2, 2)))


@pytest.mark.parametrize("x", [np.array(2.0), np.ones(1), np.ones((1, 1, 1))])
def test_small_inputs_are_swept(x):
    class Twice(tg.Fused):
        def forward(self, x):
            return x + x

        def grad_x(self, g):
            return g + g

        def composed(self, x):
            return x * 2

    found = sweep(Twice(), x)
    assert found.worse == [] and len(found.losses) == 2 * (1 + 9 + 4 + 3)
    assert sweep(Twice(), np.zeros((0, 3))).losses


def test_what_cannot_be_swept_is_refused():
    with pytest.raises(DTypeError, match="sweep: op is .* needs to be an instance of a Fused"):
        sweep(np.exp, 1.0)
    with pytest.raises(GraphError, match="sweep: none of the inputs"):
        sweep(OnePass(), [1, 2])


@pytest.mark.parametrize(("bound", "most"), [("MOST_ELEMENTS", 1000), ("MOST_WORK", 10_000)])
def test_large_inputs_are_cut_to_their_first_rows_and_it_is_said(bound, most, monkeypatch):
    monkeypatch.setattr(hard_inputs, bound, most)
    op, *inputs = problem("batch_norm", 500, 8)
    found = sweep(op, *inputs)
    assert found.inputs.startswith("x (500, 8) float64, gamma (1, 8) float64, beta (1, 8) float64; the first ")
    assert found.inputs.endswith(" of 500 rows")


# What is found


def test_a_form_that_cancels_is_seen_at_a_glance():
    x = np.random.default_rng(0).normal(size=(200, 3))
    found = sweep(OnePass(), x)
    marked = {(loss.dtype.name, loss.inputs, name) for loss, name in found.worse}
    assert {("float32", f"x + 1e{n}", "out") for n in (2, 3, 4, 5)} <= marked
    assert {("float64", f"x + 1e{n}", "out") for n in (2, 4, 6, 8)} <= marked
    assert not any(inputs in ("as they are", "x * 1e-8", "x 0") for _, inputs, _ in marked)
    assert found.verdict.startswith("On hard inputs OnePass loses digits that its twin keeps, most of out at x + 1e")
    assert found.verdict.endswith("places are marked.")
    text = str(found)
    assert text.splitlines()[-1] == found.verdict and repr(found) == text
    lines = {line.split("  ")[0]: line.split() for line in text.splitlines()}
    assert lines["x + 1e4"][3].startswith("*")


def test_a_form_that_keeps_what_its_twin_keeps_is_not_marked():
    found = sweep(*problem("batch_norm", 64, 8))
    assert found.worse == [] and "*" not in "".join(cell for _, lines in found.tables() for line in lines[1:] for cell in line[1:])
    assert found.verdict == "On hard inputs BatchNorm keeps the digits that its twin keeps, all but less than one."
    assert found.names == ("out", "dL/dx", "dL/dgamma", "dL/dbeta")
    assert [heading for heading, _ in found.tables()] == ["float32, which has 7.2 digits", "float64, which has 16.0 digits"]
    offsets = [loss.offset for loss in found.losses if loss.dtype == F32 and loss.offset is not None]
    assert offsets == [0.0, *[10.0**n for n in range(9)]]


def test_a_nan_in_one_form_only_has_no_digits():
    class Forgets(OnePass):
        def backward(self, g, x):
            return (np.nan_to_num(super().backward(g, x)[0]),)

    found = sweep(Forgets(), np.random.default_rng(0).normal(size=(20, 3)))
    assert ("x[:, 0] NaN", "dL/dx") in [(loss.inputs, name) for loss, name in found.worse]


def test_a_sweep_is_the_same_each_time():
    op, *inputs = problem("layer_norm", 6, 4)
    assert sweep(op, *inputs) == sweep(op, *inputs)


def test_compare_sweeps_if_it_is_asked_to():
    op, *inputs = problem("layer_norm", 6, 4)
    assert tg.compare(op, *inputs, repeats=1).sweep is None
    report = tg.compare(op, *inputs, repeats=1, sweep=True)
    assert report.sweep == sweep(op, *inputs)
    assert str(report.sweep) in str(report) and str(report).splitlines()[-1] == report.verdict
    data = json.loads(json.dumps(report.as_dict(), allow_nan=False))["sweep"]
    assert data["verdict"] == report.sweep.verdict and data["inputs"] == report.sweep.inputs and data["left_out"] == []
    for loss, found in zip(report.sweep.losses, data["losses"], strict=True):
        assert (found["dtype"], found["inputs"], found["offset"]) == (loss.dtype.name, loss.inputs, loss.offset)
        assert [float(found["fused"][name]) for name in report.sweep.names] == list(loss.fused)
        assert [float(found["composed"][name]) for name in report.sweep.names] == list(loss.composed)


# The plot


@pytest.fixture
def made():
    losses = [Loss(dtype, f"x + {offset}", offset, (1e-6 * (1 + offset), 0.0), (1e-7, np.inf)) for dtype in (F32, F64) for offset in (0.0, 1.0, 1e2)]
    losses.append(Loss(F32, "x 0", None, (0.5, 0.5), (0.5, 0.5)))
    return Sweep(OnePass(), "x (2,) float64", ("out", "dL/dx"), tuple(losses))


def test_the_plot_shows_the_errors_at_the_offsets(made):
    pytest.importorskip("matplotlib")
    figure = made.plot()
    assert [panel.get_title() for panel in figure.axes] == ["float32", "float64"]
    for panel in figure.axes:
        curves = {line.get_label(): line for line in panel.lines if not line.get_label().startswith("_")}
        assert list(curves) == ["out, fused", "out, twin", "dL/dx, fused", "dL/dx, twin"]
        assert list(curves["out, fused"].get_xdata()) == [0.1, 1.0, 100.0]
        np.testing.assert_allclose(curves["out, fused"].get_ydata(), [1e-6, 2e-6, 1.01e-4])
        assert (curves["dL/dx, twin"].get_ydata() == 1).all() and (curves["dL/dx, fused"].get_ydata() > 0).all()
        assert curves["out, fused"].get_linestyle() == "-" and curves["out, twin"].get_linestyle() == "--"
        assert curves["out, fused"].get_marker() != curves["dL/dx, fused"].get_marker()


def test_a_plot_without_matplotlib_says_how_to_get_it(made, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "tinygrad_edu\[plot\]"'):
        made.plot()
