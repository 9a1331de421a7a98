"""The benchmarks run, measure the same graph in every library, and compute their statistics right."""

import dataclasses
import gc
import json
import re
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu as tg
from benchmarks import fused, jacobians, ops, orders, timing
from benchmarks.fused import report
from benchmarks.fused.report import Measured
from benchmarks.fused.row import Row, forms, kept_bytes, measure
from tinygrad_edu import func

CHECKOUT = Path(__file__).parents[1]
ROWS = [(row, shape) for row in ops.ROWS for shape in row.shapes]
PEERS = [
    pytest.param(name, marks=pytest.mark.peers(engine.package))
    for name, engine in ops.ENGINES.items() if name not in ("tinygrad_edu", "NumPy")
]


def benchmarks(*arguments):
    return subprocess.run([sys.executable, "-m", "benchmarks", *arguments], cwd=CHECKOUT, capture_output=True, text=True)


def test_every_row_is_measured_and_printed(tmp_path):
    file = tmp_path / "times.json"
    done = benchmarks("ops", "--engines", "tinygrad_edu,NumPy", "--repeat", "3", "--length", "2", "--json", str(file))
    assert done.returncode == 0, done.stderr
    header, rule, *lines = done.stdout.splitlines()[: 2 + len(ROWS)]
    assert header.split() == ["tinygrad_edu", "NumPy"]
    for line, label in zip(lines, labels(), strict=True):
        assert line.startswith(label)
        record, slash, back, floor = line.removeprefix(label).split()
        assert slash == "/" and int(record) > 0 and int(back) > 0 and int(floor) > 0
    assert "CPU" in done.stdout and f"NumPy         {np.__version__}" in done.stdout

    written = json.loads(file.read_text())
    assert written["length"] == 2
    times = written["ns for each op, by row, engine and repetition"]
    assert list(times) == labels()
    for by_engine in times.values():
        assert np.shape(by_engine["tinygrad_edu"]) == (3, 2)
        assert np.shape(by_engine["NumPy"]) == (3, 1)


@pytest.mark.peers
def test_beside_pytorch_the_ratios_are_printed():
    done = benchmarks("ops", "--engines", "tinygrad_edu,PyTorch", "--repeat", "3", "--length", "2")
    assert done.returncode == 0, done.stderr
    ratios = [float(line.split()[-2]) for line in done.stdout.splitlines()[2 : 2 + len(ROWS)]]
    mean, worst = (line.split() for line in done.stdout.splitlines() if line.startswith("over PyTorch"))
    assert float(mean[4]) == pytest.approx(np.exp(np.mean(np.log(ratios))), abs=0.01)
    assert float(worst[4]) == max(ratios)
    assert mean[5:] == ["(to", "reach:", "0.45)"] and worst[5:8] == ["(to", "reach:", "0.65)"]


def test_bad_arguments_are_named():
    done = benchmarks("ops", "--engines", "tinygrad_edu,Theano")
    assert done.returncode == 1 and "'Theano'" in done.stderr and "micrograd" in done.stderr
    done = benchmarks("ops", "--repeat", "0")
    assert done.returncode == 2 and "--repeat: 0 is less than 1" in done.stderr


def labels():
    return [f"{row.name} {shape}" for shape in ops.SHAPES for row in ops.ROWS if shape in row.shapes]


@pytest.mark.parametrize("name", PEERS)
def test_every_library_is_given_the_same_graph(name):
    theirs, ours = ops.ENGINES[name](), ops.Ours()
    compared = 0
    for row, shape in ROWS:
        if theirs.runs(row, shape):
            got, expected = gradient(theirs, row, shape), gradient(ours, row, shape)
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5, err_msg=f"{row.name} {shape}")
            compared += 1
    assert compared == (3 if name == "micrograd" else len(ROWS))


def gradient(engine, row, shape):
    values = row.values(shape)
    x, g = engine.leaf(values), engine.constant(np.ones_like(values))
    return np.asarray(engine.walk(engine.record(row, x, 6), g, x))


@pytest.mark.parametrize("row, shape", ROWS, ids=lambda value: getattr(value, "name", value))
def test_a_long_chain_stays_finite(row, shape):
    floor = ops.NumPy()
    y = floor.record(row, floor.leaf(row.values(shape)), 1000)
    assert y.shape == shape and y.dtype == np.float32
    assert np.isfinite(y).all() and np.abs(y).max() > 1e-3


def test_engines_take_turns_and_the_second_run_of_each_counts():
    order = []

    def measures(row, engine):
        order.append(row + engine)
        return len(order), 0.0

    rows = {row: {engine: lambda row=row, engine=engine: measures(row, engine) for engine in "xyz"} for row in "ab"}
    times = timing.interleaved(rows, 2)
    assert "".join(order) == "axaxayayazaz" + "bxbxbybybzbz" + "ayayazazaxax" + "bybybzbzbxbx"
    np.testing.assert_array_equal(times["a"]["x"], [[2, 0], [18, 0]])
    assert gc.get_freeze_count() == 0


def test_garbage_is_collected_before_a_measurement_and_not_during_it():
    class Cycle:
        def __init__(self):
            self.myself = self

    def cycles():
        return sum(type(thing) is Cycle for thing in gc.get_objects())

    Cycle()
    with timing.collector_off():
        assert not gc.isenabled() and cycles() == 0
    assert gc.isenabled()


def test_statistics():
    ours, theirs = np.array([[1.0, 2.0], [2.0, 0.5], [9.0, 9.0]]), np.array([[5.0, 5.0], [4.0, 1.0], [50.0, 50.0]])
    np.testing.assert_array_equal(timing.best(ours), [1.0, 0.5])
    assert timing.ratio(ours, theirs) == 2.5 / 5        # the least of the sums, not the sum of the least
    assert timing.ratio(ours, theirs, np.median) == 3 / 10
    assert timing.geometric_mean([0.5, 2.0, 8.0]) == pytest.approx(2.0)


def test_table():
    lines = timing.table(["", "a", "bcd"], ["x", "123", "4"], ["row", "5", "6"]).splitlines()
    assert lines == ["       a  bcd", "---  ---  ---", "x    123    4", "row    5    6"]


@cache
def truth(name):
    return orders.truth(name, orders.inputs(name))


@pytest.mark.parametrize("name", orders.FUNCTIONS)
def test_derivatives_of_every_order_are_the_truth(name):
    ours = orders.ours(name, orders.inputs(name))
    assert len(ours) == len(truth(name)) == 4
    np.testing.assert_allclose(ours, np.array(truth(name), float), rtol=1e-12)


def rows_of_the_page():
    """The lines of the page's table, in columns; the name of a function is in the first of its four."""
    page = (CHECKOUT / "tinygrad_edu/docs/higher_orders.md").read_text("utf-8")
    lines = page.split("-----------\n", 1)[1].split("\n\n", 1)[0].splitlines()
    rows = [re.split(r"\s{2,}", line[4:].rstrip()) for line in lines]
    return {rows[i][0]: rows[i : i + 4] for i in range(0, len(rows), 4)}


@pytest.mark.peers
def test_the_page_has_a_row_for_each_function():
    assert list(rows_of_the_page()) == list(orders.FUNCTIONS)


@pytest.mark.peers
@pytest.mark.parametrize("name", orders.FUNCTIONS)
def test_the_table_of_the_page_is_what_the_command_prints(name):
    measured = {"truth": truth(name), "tinygrad_edu": orders.ours(name, orders.inputs(name)), "PyTorch": orders.theirs(name, orders.inputs(name))}
    printed = orders.table({name: measured}).splitlines()[2:]
    for on_page, line in zip(rows_of_the_page()[name], printed, strict=True):
        said, found = (without_rounding(cells) for cells in (on_page, re.split(r"\s{2,}", line.rstrip())))
        assert said == found


def without_rounding(cells):
    """The cells of a row without errors that are rounding, which differ from machine to machine."""
    return [cell for cell in cells if not re.fullmatch(r"\de[-+]\d\d", cell)]


def test_the_table_says_how_far_off_a_derivative_is():
    found = {"truth": [1.0, -2.0, 4.0, 8.0], "tinygrad_edu": [1.0, -2.0, 4.0 * (1 + 1e-9), -8.0]}
    header, rule, *lines = orders.table({"cube": found}).splitlines()
    assert header.split() == ["order", "truth", "tinygrad_edu", "off", "by"]
    assert [line.split()[-2:] for line in lines] == [
        ["1.00000000", "0e+00"], ["-2.00000000", "0e+00"], ["4.00000000", "1e-09"], ["2e+00", "wrong"]
    ]


def test_jacobians_are_the_same_in_one_walk_and_in_many():
    for ways in jacobians.measures(with_pytorch=False).values():
        assert ways.keys() == {jacobians.TOGETHER, jacobians.ONE_BY_ONE}
    x, most = np.arange(3.0), func.MOST_ELEMENTS
    apart = jacobians.one_by_one(lambda: (func.MOST_ELEMENTS, func.jacobian(np.sin)(x)))
    assert apart()[0] == 0 and apart()[1].tolist() == func.jacobian(np.sin)(x).tolist() and func.MOST_ELEMENTS == most
    times = {"sine, 3": {jacobians.TOGETHER: np.array([[2e-3], [1e-3]]), jacobians.ONE_BY_ONE: np.array([[4e-3], [5e-3]])}}
    assert [line.split() for line in jacobians.table(times).splitlines()[::2]] == [
        ["milliseconds", "one", "walk", "a", "walk", "each", "quicker", "by"], ["sine,", "3", "1.00", "4.00", "4.0"]
    ]


def test_the_command_measures_jacobians():
    done = benchmarks("jacobians", "--repeat", "1")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2 + len(jacobians.ROWS) * len(jacobians.SIZES) + 1


def test_the_command_prints_the_rows_that_are_asked_for():
    done = benchmarks("orders", "--only", "sigmoid,gelu of tanh")
    assert done.returncode == 0, done.stderr
    assert [line[: len("gelu of tanh")].strip() for line in done.stdout.splitlines()[2:10]] == ["sigmoid", "", "", "", "gelu of tanh", "", "", ""]
    done = benchmarks("orders", "--only", "sine")
    assert done.returncode == 1 and "there is no 'sine'; there are batch_norm, " in done.stderr


# The fused nodes


def small(row):
    """The row at a shape of at most 16 along each axis."""
    return dataclasses.replace(row, shape=tuple(min(n, 16) for n in row.shape))


SMALL_ROWS = list({row.label: row for row in map(small, fused.ROWS)}.values())


@pytest.mark.parametrize("row", SMALL_ROWS, ids=lambda row: row.label)
def test_a_row_computes_the_same_in_every_form(row):
    if find_spec("torch"):
        import torch

        torch.manual_seed(0)
    found = {}
    for name, form in forms(row).items():
        tg.manual_seed(0)
        out = form.forward()
        found[name] = [np.asarray(array.detach()) for array in (out, *form.backward(out))]
        forward, backward = measure(form)
        assert forward > 0 and backward > 0
    assert list(found) == ["fused", "composed", "PyTorch", "PyTorch composed"] if find_spec("torch") else ["fused", "composed"]
    assert all(array.any() for array in found["fused"])
    for name, arrays in found.items():
        for got, expected in zip(arrays, found["fused"], strict=True):
            assert got.shape == expected.shape and got.dtype == expected.dtype == np.float32
            if row.name == "dropout" and name.startswith("PyTorch"):        # whose mask is another one
                kept = (got != 0) & (expected != 0)
                got, expected = got[kept], expected[kept]
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=2e-5 * max(1, np.abs(expected).max()), err_msg=name)


def test_every_function_has_three_rows_whose_aims_are_for_parts_that_are_measured():
    for name in {row.name for row in fused.ROWS}:
        assert sum(row.name == name for row in fused.ROWS) >= (1 if name.startswith("conv") else 3), name
    assert len({row.label for row in fused.ROWS}) == len(fused.ROWS)
    assert all({*row.aims, *row.aims_free} <= {"forward", "backward", "both"} for row in fused.ROWS)


def test_what_a_row_keeps_is_what_its_graph_keeps():
    ready = forms(Row("square", (4, 4), lambda rng, shape: [np.ones(shape, np.float32)], lambda F, x: x * x, lambda torch, x: x * x))
    assert kept_bytes(ready["fused"]) == 4 * 4 * 4


def fabricated(fused, composed, torch=None, kept=(100, 200)):
    """Measured from microseconds of a forward and a backward, one of two repetitions twice as long."""
    times = {"fused": fused, "composed": composed, **({} if torch is None else {"PyTorch": torch, "PyTorch composed": torch})}
    return Measured(
        {name: np.array([[2000.0 * part for part in parts], [1000.0 * part for part in parts]]) for name, parts in times.items()},
        dict(zip(("fused", "composed"), kept)),
    )


def row_with(name, aims, aims_free=()):
    return Row(name, (2, 3), None, None, None, aims, dict(aims_free))


def test_the_table_of_the_fused_nodes(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    rows = [row_with("a", {"both": 0.5}), row_with("b", {})]
    found = {"a (2, 3)": fabricated((10, 30), (20, 60), (40, 40)), "b (2, 3)": fabricated((5, 5), (4, 4), (10, 20), (300, 200))}
    header, rule, *lines = report.table(rows, found).splitlines()
    assert re.split("  +", header) == [
        "microseconds", "fused", "composed", "PyTorch", "PyTorch composed", "x forward", "x backward", "x both", "to reach",
        "over composed", "kept",
    ]
    assert [re.split("  +", line) for line in lines] == [
        ["a (2, 3)", "10 / 30", "20 / 60", "40 / 40", "40 / 40", "0.25", "0.75", "0.50", "both 0.50", "0.50", "0.50"],
        ["b (2, 3)", "5 / 5", "4 / 4", "10 / 20", "10 / 20", "0.50", "0.25", "0.33", "1.25", "1.50"],
    ]
    alone = report.table(rows[:1], {"a (2, 3)": fabricated((10, 30), (20, 60))})
    assert re.split("  +", alone.splitlines()[0]) == ["microseconds", "fused", "composed", "over composed", "kept"]


def test_the_verdict_on_the_fused_nodes(monkeypatch):
    good, bad = row_with("good", {"forward": 0.5, "backward": 1.0}), row_with("bad", {"both": 0.3}, {"both": 0.2})
    right = {"good (2, 3)": fabricated((10, 30), (20, 60), (40, 40))}
    wrong = {"bad (2, 3)": fabricated((15, 15), (10, 10), (60, 60), (300, 200))}
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert report.verdict([good], right).splitlines() == [
        "all that was to be reached over PyTorch was reached", "no fused node is slower than its twin, or keeps more"
    ]
    assert report.verdict([bad], wrong).splitlines() == [
        "all that was to be reached over PyTorch was reached",
        "dearer than composed: bad (2, 3): 1.50 of the twin's time; bad (2, 3) keeps 1.50 of what the twin keeps",
    ]
    monkeypatch.delenv("OPENBLAS_CORETYPE")         # OpenBLAS chooses its kernels itself, and more is to be reached
    assert report.verdict([good, bad], right | wrong).splitlines()[0] == (
        "not reached: bad (2, 3) both: 0.25 of PyTorch's time, and 0.20 was to be reached"
    )


def test_the_fused_nodes_that_are_asked_for_are_measured_and_written(tmp_path):
    file = tmp_path / "times.json"
    done = benchmarks("fused", "--only", "cross_entropy,embedding", "--repeat", "2", "--json", str(file))
    assert done.returncode == 0, done.stderr
    wanted = [row.label for row in fused.ROWS if row.name in ("cross_entropy", "embedding")]
    lines = done.stdout.splitlines()
    assert [line.partition(")")[0] + ")" for line in lines[2 : 2 + len(wanted)]] == wanted
    assert "of 2 repetitions" in done.stdout and "CPU" in done.stdout and f"NumPy         {np.__version__}" in done.stdout
    written = json.loads(file.read_text())
    times = written["ns for forward and backward, by row, form and repetition"]
    assert list(times) == wanted
    for by_form in times.values():
        assert {"fused", "composed"} <= by_form.keys()
        assert all(np.shape(samples) == (2, 2) for samples in by_form.values())


def test_a_fused_node_that_there_is_not_is_named():
    done = benchmarks("fused", "--only", "mse_loss,mean_square")
    assert done.returncode == 1 and "--only: there is no 'mean_square'" in done.stderr and "batch_norm" in done.stderr
