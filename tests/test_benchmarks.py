"""The benchmarks run, measure the same graph in every library, and compute their statistics right."""

import gc
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import ops, orders, timing

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
    done = benchmarks("ops", "--engines", "tinygrad_edu,PyTorch", "--repeat", "1", "--length", "2")
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


@pytest.mark.parametrize("name", orders.FUNCTIONS)
def test_derivatives_of_every_order_are_the_truth(name):
    inputs = orders.inputs(name)
    ours, truth = orders.ours(name, *inputs), orders.truth(name, *inputs)
    assert len(ours) == len(truth) == 4
    np.testing.assert_allclose(ours, np.array(truth, float), rtol=1e-12)


def test_the_table_says_how_far_off_a_derivative_is():
    found = {"truth": [1.0, -2.0, 4.0, 8.0], "tinygrad_edu": [1.0, -2.0, 4.0 * (1 + 1e-9), -8.0]}
    header, rule, *lines = orders.table({"cube": found}).splitlines()
    assert header.split() == ["order", "truth", "tinygrad_edu", "off", "by"]
    assert [line.split()[-2:] for line in lines] == [
        ["1.00000000", "0e+00"], ["-2.00000000", "0e+00"], ["4.00000000", "1e-09"], ["2e+00", "wrong"]
    ]


def test_the_page_shows_the_derivatives_that_are_measured():
    page = (CHECKOUT / "tinygrad_edu/docs/higher_orders.md").read_text("utf-8")
    done = benchmarks("orders")
    assert done.returncode == 0, done.stderr
    shown, measured = derivatives_in(page.partition("```")[0]), derivatives_in(done.stdout)
    assert len(shown) == len(measured) == len(orders.FUNCTIONS) * len(orders.ORDERS)
    for line, expected in zip(shown, measured, strict=True):
        assert line[: len(expected)] == expected and len(line) == 3     # without PyTorch its column is not measured


def derivatives_in(text):
    """The derivatives in each line of a table."""
    numbers = (re.findall(r"-?\d+\.\d{8}\b", line) for line in text.splitlines())
    return [found for found in numbers if found]
