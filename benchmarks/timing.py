"""Measurements that can be compared: taken in turn, in one run, and told with what they were taken on."""

from __future__ import annotations

import gc
import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

Measure = Callable[[], Sequence[float]]
"""Runs once, and returns the time of each part of what it ran: (to record, to walk back)."""

Measured = dict[str, dict[str, np.ndarray]]
"""By row and by engine the times, in an array of shape (repetitions, parts)."""


def interleaved(rows: dict[str, dict[str, Measure]], repeat: int) -> Measured:
    """Measure every engine on every row, repeat times.

    Whatever else the machine does in the meantime falls on all engines alike: within a repetition the rows come one after the other,
    and within a row the engines, each time another one first. Each runs twice, and the second run counts: the first one would
    pay for the caches and the heap as another engine left them.
    """
    times: dict[str, dict[str, list]] = {row: {engine: [] for engine in engines} for row, engines in rows.items()}
    gc.collect()
    gc.freeze()                 # what exists already, modules above all, is not looked through before each measurement
    for repetition in range(repeat):
        for row, engines in rows.items():
            names = list(engines)
            first = repetition % len(names)
            for name in names[first:] + names[:first]:
                with collector_off():
                    engines[name]()
                    times[row][name].append(engines[name]())
        if sys.stderr.isatty():
            print(f"\r{repetition + 1} of {repeat} repetitions", end="\r" if repetition + 1 == repeat else "", file=sys.stderr, flush=True)
    gc.unfreeze()
    return {row: {name: np.array(samples) for name, samples in engines.items()} for row, engines in times.items()}


@contextmanager
def collector_off() -> Iterator[None]:
    """Collect garbage now, and not while a measurement runs."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def best(times: np.ndarray) -> np.ndarray:
    """The least time of each part: the one that was disturbed least."""
    return times.min(axis=0)


def ratio(ours: np.ndarray, theirs: np.ndarray, of: Callable = np.min) -> float:
    """All parts together over all parts together, by their minimum over the repetitions, or another statistic."""
    return float(of(ours.sum(axis=1)) / of(theirs.sum(axis=1)))


def geometric_mean(ratios: Iterable[float]) -> float:
    return float(np.exp(np.mean(np.log(list(ratios)))))


def table(*rows: Sequence[str]) -> str:
    """Columns side by side, the first flush left and the others flush right, with a rule below the first row."""
    lines = list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    flush = [f"{{:<{width}}}" if i == 0 else f"{{:>{width}}}" for i, width in enumerate(widths)]
    return "\n".join("  ".join(flush).format(*line).rstrip() for line in lines)


def machine() -> dict[str, str]:
    """What the measurements were taken on."""
    return {"CPU": _cpu(), "Python": platform.python_version(), "BLAS": _blas()}


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())
    return f"{model or platform.machine()}, {os.cpu_count()} cores"


def _blas() -> str:
    """The libraries that multiply matrices, the kernels that they chose, and their threads."""
    asked = os.environ.get("OPENBLAS_CORETYPE")
    note = f"; OPENBLAS_CORETYPE={asked}" if asked else ""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return f'unknown: pip install threadpoolctl tells which kernels are in use{note}'
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return "; ".join(
        f"{pool['internal_api']} {pool['version']}, {pool.get('architecture', 'unknown')} kernels, {pool['num_threads']} thread"
        f"{'s' if pool['num_threads'] > 1 else ''} ({Path(pool['filepath']).name})"
        for pool in pools
    ) + note
