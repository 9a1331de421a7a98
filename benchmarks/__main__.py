"""Measure this library beside others.

python -m benchmarks ops        nanoseconds to record an op and to walk its node back
python -m benchmarks fused      each fused node on three shapes, beside its twin and PyTorch
python -m benchmarks orders     derivatives of order 1 to 4 through fused nodes, and how far they are off
python -m benchmarks jacobians  jacobians and hessians, all rows in one walk and each in its own
"""

import os

# One thread for each library: the pools of two libraries in one process ruin each other. Read when the libraries are imported.
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"))
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import argparse
import json
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from . import jacobians, ops, orders, timing
from .fused import ROWS, report

GEOMETRIC_MEAN = 0.45
WORST_ROW = 0.65


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("ops", help="record an op and walk its node back, on tiny arrays")
    command.add_argument("--repeat", type=at_least_1, default=10, help="how often each is measured (default %(default)s)")
    command.add_argument("--length", type=at_least_1, default=1000, help="how many ops a chain has (default %(default)s)")
    command.add_argument("--engines", help=f"some of {','.join(ops.ENGINES)} (default: all that are installed)")
    command.add_argument("--json", type=Path, metavar="FILE", help="write every single time, and what it was taken on, to FILE")
    command.set_defaults(run=run_ops)
    command = commands.add_parser("fused", help="each fused node beside its composed twin, PyTorch's fused function and PyTorch's primitives")
    command.add_argument("--repeat", type=at_least_1, default=10, help="how often each is measured (default %(default)s)")
    command.add_argument("--only", metavar="NAME,NAME", help=f"some of {', '.join(dict.fromkeys(row.name for row in ROWS))}")
    command.add_argument("--json", type=Path, metavar="FILE", help="write every single time, and what it was taken on, to FILE")
    command.set_defaults(run=run_fused)
    command = commands.add_parser("orders", help="derivatives of order 1 to 4 through fused nodes, beside the truth")
    command.add_argument("--only", metavar="NAME,NAME", help=f"some of {', '.join(orders.FUNCTIONS)}")
    command.set_defaults(run=run_orders)
    command = commands.add_parser("jacobians", help="jacobians and hessians, all rows in one walk and each in its own, beside PyTorch")
    command.add_argument("--repeat", type=at_least_1, default=10, help="how often each is measured (default %(default)s)")
    command.set_defaults(run=run_jacobians)
    options = parser.parse_args(arguments)
    options.run(options)


def at_least_1(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def run_ops(options: argparse.Namespace) -> None:
    engines = engines_called(options.engines)
    times = timing.interleaved(
        {
            f"{row.name} {shape}": {
                name: partial(ops.measure, engine, row, shape, options.length)
                for name, engine in engines.items() if engine.runs(row, shape)
            }
            for shape in ops.SHAPES for row in ops.ROWS if shape in row.shapes
        },
        options.repeat,
    )

    compared = {"tinygrad_edu", "PyTorch"} <= engines.keys()
    lines = [["", *engines]]
    for row, samples in times.items():
        lines.append([row, *(" / ".join(f"{part:.0f}" for part in timing.best(samples[name])) if name in samples else "" for name in engines)])
    if compared:
        for line, x in zip(lines, ["x", *map(over_pytorch, times.values())], strict=True):
            line.append(x)
    print(timing.table(*lines))
    print("\n" + ops.NOTES.format(repeat=options.repeat, length=options.length) + "\n")
    if compared:
        ratios = {row: timing.ratio(samples["tinygrad_edu"], samples["PyTorch"]) for row, samples in times.items()}
        worst = max(ratios, key=ratios.__getitem__)
        print(f"over PyTorch, geometric mean  {timing.geometric_mean(ratios.values()):.2f}  (to reach: {GEOMETRIC_MEAN:.2f})")
        print(f"over PyTorch, worst row       {ratios[worst]:.2f}  (to reach: {WORST_ROW:.2f})  {worst}\n")
    taken_on = {**timing.machine(), **ops.versions(engines)}
    for what, value in taken_on.items():
        print(f"{what:<14}{value}")
    if options.json:
        record = {"taken on": taken_on, "length": options.length, "ns for each op, by row, engine and repetition": {
            row: {name: part.tolist() for name, part in samples.items()} for row, samples in times.items()
        }}
        options.json.write_text(json.dumps(record, indent=1))


def run_fused(options: argparse.Namespace) -> None:
    rows = report.rows_called(options.only)
    measured = report.measured(rows, options.repeat)
    print(report.table(rows, measured))
    print("\n" + report.NOTES.format(repeat=options.repeat) + "\n")
    print(report.verdict(rows, measured) + "\n")
    taken_on = {**timing.machine(), **report.versions()}
    for what, value in taken_on.items():
        print(f"{what:<14}{value}")
    if options.json:
        record = {"taken on": taken_on, "ns for forward and backward, by row, form and repetition": {
            label: {form: times.tolist() for form, times in one.times.items()} for label, one in measured.items()
        }}
        options.json.write_text(json.dumps(record, indent=1))


def run_orders(options: argparse.Namespace) -> None:
    if not find_spec("mpmath"):
        sys.exit("orders: the truth is computed by mpmath, which is not installed: pip install mpmath")
    names = options.only.split(",") if options.only else list(orders.FUNCTIONS)
    if unknown := set(names) - set(orders.FUNCTIONS):
        sys.exit(f"--only: there is no {', '.join(map(repr, unknown))}; there are {', '.join(orders.FUNCTIONS)}")
    print(orders.table(orders.measure(names)))
    print("\n" + orders.NOTES)


def run_jacobians(options: argparse.Namespace) -> None:
    print(jacobians.table(timing.interleaved(jacobians.measures(with_pytorch=bool(find_spec("torch"))), options.repeat)))


def engines_called(names: str | None) -> dict[str, ops.Engine]:
    """The engines that were asked for, or all that are installed."""
    engines = {}
    for name in names.split(",") if names else ops.ENGINES:
        if name not in ops.ENGINES:
            sys.exit(f"--engines: there is no {name!r}; there are {', '.join(ops.ENGINES)}")
        try:
            engines[name] = ops.ENGINES[name]()
        except ImportError as error:
            if names:
                sys.exit(f'--engines: {name} is not installed ({error}); pip install "tinygrad_edu[peers]"')
    return engines


def over_pytorch(samples: dict[str, np.ndarray]) -> str:
    ours, theirs = samples["tinygrad_edu"], samples["PyTorch"]
    return f"{timing.ratio(ours, theirs):.2f} ({timing.ratio(ours, theirs, np.median):.2f})"


if __name__ == "__main__":
    main()
