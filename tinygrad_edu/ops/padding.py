"""np.pad: values around an array, given, moved there from it, or computed from it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.op import implements
from ..engine.tensor import Tensor, wrap
from ..errors import UnsupportedError
from .elementwise import where
from .index import getitem
from .operands import as_tensor
from .rearranging import moves
from .reduce import max, mean, min
from .shape import along_axis, broadcast_to, concatenate, pad_with_constants, pairs
from .statistics import median

_MOVED = moves(np.pad, "array")
_STATISTICS = {"maximum": max, "mean": mean, "median": median, "minimum": min}


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **settings: Any) -> Tensor:
    """array with values around it.

    Parameters
        pad_width  how many values come before and after each axis: an int, a pair (before, after) for all axes, a pair for each, or a dict
                   {axis: int or pair}.
        mode       "constant": constant_values, 0 by default. "edge", "reflect", "symmetric", "wrap": elements of array, and with
                   reflect_type="odd" twice the edge minus those. "maximum", "mean", "median", "minimum": of the stat_length elements next to
                   the edge, of all by default. "linear_ramp": in even steps from the edge to end_values, 0 by default. "empty": zeros.
        settings   those of NumPy that are named above: a number, a pair for all axes, or a pair for each.
    Raises UnsupportedError for a mode that is a function, and what NumPy raises.

    >>> pad(Tensor([1.0, 2.0, 3.0]), (1, 2), mode="reflect")
    Tensor([2., 1., 2., 3., 2., 1.])
    """
    if callable(mode):
        raise UnsupportedError("pad: mode is a function, which would write into arrays; join what it computes by np.concatenate")
    if mode in ("constant", "empty") and not settings.keys() - {"constant_values"}:
        return pad_with_constants(array, pad_width, **settings)
    odd = settings.get("reflect_type") == "odd" and mode in ("reflect", "symmetric")
    if not (odd or mode == "linear_ramp" or mode in _STATISTICS):
        return _MOVED(array, pad_width, mode, **settings)
    x = as_tensor(array)
    padded = np.pad(x.data, pad_width, mode, **settings)        # which raises what NumPy raises
    if x.dtype.kind not in "fc":
        return wrap(padded)                                     # rounded to whole numbers
    widths, ends, lengths = (pairs(value, x.ndim) for value in (pad_width, settings.get("end_values", 0), settings.get("stat_length")))
    for axis, (before, after) in enumerate(widths):
        if before or after:
            if odd:
                x = _odd(x, axis, before, after, mode)
            elif mode == "linear_ramp":
                x = _ramps(x, axis, before, after, *ends[axis])
            else:
                x = _statistics(x, axis, before, after, mode, *lengths[axis])
    return x


def _part(x: Tensor, axis: int, part: slice | np.ndarray) -> Tensor:
    """A part of x along an axis."""
    return getitem(x, (*[slice(None)] * axis, part))


def _odd(x: Tensor, axis: int, before: int, after: int, mode: str) -> Tensor:
    """Point reflection at both edges: out[first - i] = 2 * out[first] - out[first + i], and so on from there, as far as is needed.

    Twice reflected it is moved: out[i + 2 * period] = out[i] + 2 * (last - first). So each value is an element of x, or its negative,
    and multiples of the first and the last.
    """
    n = x.shape[axis]
    period = n if mode == "symmetric" else n - 1
    if n == 1:
        return _MOVED(x, {axis: (before, after)}, "edge")
    turns, place = np.divmod(np.arange(-before, n + after), 2 * period)
    turned = place >= n
    place = np.where(turned, period + n - 1 - place, place)
    moved = _part(x, axis, place) * along_axis(np.where(turned, -1, 1).astype(x.dtype), axis, x.ndim)
    for edge, times in (slice(0, 1), -2 * turns), (slice(-1, None), 2 * (turns + turned)):
        times = along_axis(times.astype(x.dtype), axis, x.ndim)
        moved = moved + where(times != 0, _part(x, axis, edge) * times, np.zeros((), x.dtype))
    return moved


def _ramps(x: Tensor, axis: int, before: int, after: int, first: Any, last: Any) -> Tensor:
    """Even steps: out = end + (edge - end) * k / width for k = 0 ... width - 1, from the end on."""
    sides = [x]
    if before:
        edge = _part(x, axis, slice(0, 1))
        sides.insert(0, first + (edge - first) * along_axis((np.arange(before) / before).astype(x.dtype), axis, x.ndim))
    if after:
        edge = _part(x, axis, slice(-1, None))
        sides.append(last + (edge - last) * along_axis((np.arange(after)[::-1] / after).astype(x.dtype), axis, x.ndim))
    return concatenate(sides, axis)


def _statistics(x: Tensor, axis: int, before: int, after: int, mode: str, first: int | None, last: int | None) -> Tensor:
    """The largest of the elements next to each edge, or another statistic of them, as often as it is wanted."""
    n = x.shape[axis]
    sides = []
    for width, part in (before, slice(0, first)), (after, slice(0 if last is None or last > n else n - last, None)):
        found = _STATISTICS[mode](_part(x, axis, part), axis=axis, keepdims=True)
        sides.append(broadcast_to(found, (*x.shape[:axis], width, *x.shape[axis + 1 :])))
    return concatenate([sides[0], x, sides[1]], axis)
