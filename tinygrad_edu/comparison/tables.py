"""The tables of a report: cells of text, for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np

from .cost import Cost
from .difference import Difference, Row
from .orders import HigherRow

MARKS = "= to the last bit as the reference, * a digit or more below the twin"
"""What the marks in the tables of a sweep say."""


def accuracy(rows: Sequence[Row]) -> list[list[str]]:
    """How far each form is from the reference, and from the other."""
    lines = [["", "", "absolute", "allowed", "relative", "ulp", "worst element", "value there", "expected"]]
    for row in rows:
        for form, found in (("fused", row.fused), ("composed", row.composed), ("each other", row.each_other)):
            absolute, *rest = _difference(found, row.dtype)
            allowed = "" if form == "each other" else f"{'<=' if found.absolute <= row.tolerance else '>'} {row.tolerance:.1e}"
            lines.append([row.name if form == "fused" else "", form, absolute, allowed, *rest])
    return lines


def _difference(found: Difference, dtype: np.dtype) -> list[str]:
    if not found.absolute:
        return ["0", "0", "0", "", "", ""]
    digits = {2: 5, 4: 9, 8: 12}[dtype.itemsize]
    ulp = f"{found.ulp:.1f}" if found.ulp < 1000 else f"{found.ulp:.1e}"
    values = [f"{value:.{digits}g}" for value in (found.value, found.expected)]
    return [f"{found.absolute:.1e}", f"{found.relative:.1e}", ulp, str(list(found.at)) if found.at else "", *values]


def higher(rows: Sequence[HigherRow]) -> list[list[str]]:
    """How far the derivatives of the hand-written gradient are from those of the twin."""
    lines = [["", "absolute", "relative", "the method's own", "worst element", "value there", "expected"]]
    for row in rows:
        absolute, relative, _, *where = _difference(row.fused, np.dtype(np.float64))
        lines.append([row.name, absolute, relative, _difference(row.method, np.dtype(np.float64))[0], *where])
    return lines


def costs(fused: Cost, composed: Cost) -> list[list[str]]:
    """Time, ops and memory of each form."""
    lines = [["", "forward", "", "backward", "", "nodes", "kept", "peak forward", "peak backward"]]
    for form, cost in (("fused", fused), ("composed", composed)):
        sizes = map(in_bytes, (cost.kept_bytes, cost.peak_forward_bytes, cost.peak_backward_bytes))
        lines.append([form, *times(cost.forward), *times(cost.backward), str(cost.nodes), *sizes])
    return lines


def times(seconds: Sequence[float]) -> list[str]:
    """The median, and from where to where the times reach."""
    factor, unit = (1e6, "us") if median(seconds) < 1e-3 else (1e3, "ms")
    times = [x * factor for x in (median(seconds), min(seconds), max(seconds))]
    middle, least, most = (f"{time:.3g}" if time < 999.5 else f"{time:.0f}" for time in times)
    return [f"{middle} {unit}", f"({least} to {most})"]


def in_bytes(n: int) -> str:
    """A number of bytes, in the unit that suits it."""
    return f"{n} B" if n < 1024 else f"{n / 1024:.1f} KiB" if n < 1024**2 else f"{n / 1024**2:.1f} MiB"


def columns(lines: list[list[str]]) -> list[str]:
    """Columns side by side: those with a header flush right, and those without one flush left."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    sides = [">" if header else "<" for header in lines[0]]
    return ["  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(line, sides, widths)).rstrip() for line in lines]
