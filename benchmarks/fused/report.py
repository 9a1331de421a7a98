"""The rows measured, and what is printed of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np

from .. import timing
from . import ROWS
from .row import Row, forms, kept_bytes, measure


class Measured(NamedTuple):
    """What was measured of a row.

    times  by form the nanoseconds of each repetition: an array of (forward, backward).
    kept   by form of this library the bytes that its graph keeps.
    """

    times: dict[str, np.ndarray]
    kept: dict[str, int]

    def over(self, form: str, other: str, part: str = "both") -> float:
        """The time of one form over that of another: of the forward pass, the backward pass, or both."""
        columns = {"forward": slice(0, 1), "backward": slice(1, 2), "both": slice(0, 2)}[part]
        return timing.ratio(self.times[form][:, columns], self.times[other][:, columns])


def rows_called(names: str | None) -> list[Row]:
    """The rows of the functions that were asked for, or all."""
    known = dict.fromkeys(row.name for row in ROWS)
    wanted = names.split(",") if names else list(known)
    for name in wanted:
        if name not in known:
            sys.exit(f"--only: there is no {name!r}; there are {', '.join(known)}")
    return [row for row in ROWS if row.name in wanted]


def measured(rows: Iterable[Row], repeat: int) -> dict[str, Measured]:
    """By label what was measured: the forms of a row in turn, and one row after the other."""
    found = {}
    for row in rows:
        ready = forms(row)
        times = timing.interleaved({row.label: {name: partial(measure, form) for name, form in ready.items()}}, repeat)
        found[row.label] = Measured(times[row.label], {name: kept_bytes(ready[name]) for name in ("fused", "composed")})
    return found


def table(rows: Sequence[Row], found: dict[str, Measured]) -> str:
    """The times, and what they are over each other."""
    forms = list(next(iter(found.values())).times)
    beside = "PyTorch" in forms
    lines = [["microseconds", *forms, *(["x forward", "x backward", "x both", "to reach"] if beside else []), "over composed", "kept"]]
    for row in rows:
        one = found[row.label]
        line = [row.label, *(" / ".join(f"{part / 1000:.0f}" for part in timing.best(one.times[form])) for form in forms)]
        if beside:
            line += [f"{one.over('fused', 'PyTorch', part):.2f}" for part in ("forward", "backward", "both")]
            line.append(", ".join(f"{part} {aim:.2f}" for part, aim in aims_of(row).items()))
        lines.append([*line, f"{one.over('fused', 'composed'):.2f}", f"{one.kept['fused'] / max(1, one.kept['composed']):.2f}"])
    return timing.table(*lines)


def aims_of(row: Row) -> dict[str, float]:
    """What is to be reached with the kernels that OpenBLAS is told to take, or that it chooses itself."""
    return row.aims if os.environ.get("OPENBLAS_CORETYPE") else {**row.aims, **row.aims_free}


def verdict(rows: Sequence[Row], found: dict[str, Measured]) -> str:
    """What was not reached, and where the fused node costs more than its twin."""
    missed, dear = [], []
    for row in rows:
        one = found[row.label]
        if "PyTorch" in one.times:
            for part, aim in aims_of(row).items():
                if (x := one.over("fused", "PyTorch", part)) > aim:
                    missed.append(f"{row.label} {part}: {x:.2f} of PyTorch's time, and {aim:.2f} was to be reached")
        if (x := one.over("fused", "composed")) > 1:
            dear.append(f"{row.label}: {x:.2f} of the twin's time")
        if one.kept["fused"] > one.kept["composed"]:
            dear.append(f"{row.label} keeps {one.kept['fused'] / one.kept['composed']:.2f} of what the twin keeps")
    lines = ["not reached: " + "; ".join(missed) if missed else "all that was to be reached over PyTorch was reached"] if found else []
    lines.append("dearer than composed: " + "; ".join(dear) if dear else "no fused node is slower than its twin, or keeps more")
    return "\n".join(lines)


def versions() -> dict[str, str]:
    packages = {"tinygrad_edu": "tinygrad_edu", "NumPy": "numpy"} | ({"PyTorch": "torch"} if find_spec("torch") else {})
    return {name: version(package) for name, package in packages.items()}


NOTES = """\
Microseconds of a forward / of a backward pass, which includes the release of the graph; the least of {repeat} repetitions; float32.
fused is this library's node, composed its twin; PyTorch is PyTorch's fused function, and PyTorch composed the same from its primitives.
x is the time of fused over that of PyTorch. over composed and kept are the time and the memory of fused over those of composed.

The forms of a row are measured in turn, in one process, with one thread each; each runs twice in a row, and the second run counts.
"""
