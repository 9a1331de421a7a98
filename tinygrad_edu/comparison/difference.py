"""How far an array is from what is expected, and how far it may be."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

TOLERANCES = {np.dtype(np.float16): (1e-2, 1e-3), np.dtype(np.float32): (1e-5, 1e-6), np.dtype(np.float64): (1e-12, 1e-13)}
"""rtol and atol for each dtype, if none are given."""


class Difference(NamedTuple):
    """How far an array is from what is expected.

    absolute  the largest absolute difference; infinite if only one of the two is NaN, or infinite.
    relative  absolute over the largest absolute value that is expected.
    ulp       absolute in units in the last place: the spacing of the dtype's numbers at the value that is expected there.
    at        the index of the element with the largest difference; None if there are no elements.
    value, expected  there.
    """

    absolute: float
    relative: float
    ulp: float
    at: tuple[int, ...] | None
    value: float
    expected: float


class Row(NamedTuple):
    """One thing that is compared: the output, or the gradient of one input.

    order         how often the function was differentiated: 0 for the output, 1 for a gradient.
    name          "out", or "dL/dx".
    shape, dtype  of the values.
    fused         the fused op against the reference.
    composed      its composed twin, in the dtype of the inputs, against the reference.
    each_other    fused against composed.
    tolerance     what the absolute difference from the reference may be.
    """

    order: int
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    fused: Difference
    composed: Difference
    each_other: Difference
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether the fused op is within tolerance."""
        return self.fused.absolute <= self.tolerance

    @property
    def composed_ok(self) -> bool:
        """Whether the composed twin is within tolerance."""
        return self.composed.absolute <= self.tolerance


def row_of(
    order: int, name: str, fused: np.ndarray, twin: np.ndarray, expected: np.ndarray, rtol: float | None, atol: float | None
) -> Row:
    usual_rtol, usual_atol = TOLERANCES[fused.dtype]
    rtol, atol = usual_rtol if rtol is None else rtol, usual_atol if atol is None else atol
    return Row(
        order, name, fused.shape, fused.dtype, difference(fused, expected), difference(twin, expected), difference(fused, twin),
        tolerance=atol + rtol * largest(expected),
    )


def difference(value: np.ndarray, expected: np.ndarray) -> Difference:
    """How far value is from expected, an array of the same dtype or of a wider one."""
    if not value.size:
        return Difference(0.0, 0.0, 0.0, None, np.nan, np.nan)
    rounded = expected.astype(value.dtype)
    off = np.asarray(np.abs(value.astype(expected.dtype) - expected), np.float64)
    same = (np.isnan(value) & np.isnan(rounded)) | (np.isinf(value) & (value == rounded))
    off = np.where(same, 0, np.where(np.isfinite(off), off, np.inf))
    at = tuple(map(int, np.unravel_index(np.argmax(off), off.shape)))
    absolute, spacing = float(off[at]), float(np.spacing(np.abs(rounded[at])))
    return Difference(
        absolute, in_units(absolute, largest(expected)), in_units(absolute, spacing), at, float(value[at]), float(expected[at])
    )


def in_units(difference: float, unit: float) -> float:
    if not difference:
        return 0.0
    return difference / unit if unit and np.isfinite(unit) else np.inf


def largest(array: np.ndarray) -> float:
    """The largest absolute value that is finite."""
    array = array.astype(np.float64)
    return float(np.max(np.abs(array), where=np.isfinite(array), initial=0))
