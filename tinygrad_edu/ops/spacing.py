"""Numbers in even steps between two ends, which may be tensors with gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.op import implements
from ..engine.tensor import Tensor, get_default_dtype, wrap
from .elementwise import astype, power
from .exponential import log10
from .operands import as_tensor, in_dtype, together
from .rearranging import moveaxis
from .shape import broadcast_to, concatenate, expand_dims, ndim, reshape


@implements(np.linspace)
def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0,
    *, device: None = None, requires_grad: bool = False, name: str | None = None,
) -> Any:
    """num numbers in equal steps from start to stop, along a new axis; with retstep also the step. Gradients go to start and stop.

    For a dtype of whole numbers they are rounded down, as NumPy's are. Between numbers requires_grad and name say what the new tensor is.

    >>> linspace(0, 1, 3)
    Tensor([0. , 0.5, 1. ])
    """
    if not isinstance(start, Tensor) and not isinstance(stop, Tensor):
        of_arrays = any(isinstance(end, np.ndarray | np.generic) for end in (start, stop))
        dtype = dtype if of_arrays or dtype is not None else get_default_dtype()
        values, step = np.linspace(start, stop, num, endpoint, retstep=True, dtype=dtype, axis=axis, device=device)
        found = Tensor(values, requires_grad=requires_grad, name=name)
        return (found, step) if retstep else found
    if requires_grad or name is not None:
        raise TypeError("linspace: an end is a tensor, and what is computed from it is no new leaf; leave requires_grad and name out")
    floating = np.result_type(*[end if isinstance(end, int | float | complex) else in_dtype(end).dtype for end in (start, stop)], 0.0)
    start, stop = in_dtype(start, floating), in_dtype(stop, floating)
    parts = num - 1 if endpoint else num
    span = stop - start
    step = span / parts if parts > 0 else wrap(np.array(np.nan, floating))
    places = np.arange(num, dtype=span.real.dtype, device=device).reshape((-1, *(1,) * span.ndim))
    found = _with_ends(start + (step if parts > 0 else span) * places, None, stop if endpoint and num > 1 else None)
    found = moveaxis(found, 0, axis)
    if dtype is not None:
        found = astype(np.floor(found) if np.dtype(dtype).kind in "iu" else found, dtype)
    return (found, step) if retstep else found


def _with_ends(rows: Tensor, first: Tensor | None, last: Tensor | None) -> Tensor:
    """Rows with exact ones at the ends, where they are given; the others are rounded."""
    inner = rows[first is not None : len(rows) - (last is not None)]
    ends = [None if end is None else broadcast_to(end, rows.shape[1:])[None] for end in (first, last)]
    parts = [part for part in (ends[0], inner, ends[1]) if part is not None]
    return concatenate(parts) if len(parts) > 1 else rows


@implements(np.logspace)
def logspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0) -> Tensor:
    """num powers of base whose exponents are in equal steps from start to stop; all three broadcast, and may be tensors.

    >>> logspace(Tensor(0.0), 2, 3)
    Tensor([  1.,  10., 100.])
    """
    if ndim(base):
        start, stop, base = map(in_dtype, (start, stop, base))
        axes = max(start.ndim, stop.ndim, base.ndim)
        start, stop, base = (reshape(x, (1,) * (axes - x.ndim) + x.shape) for x in (start, stop, base))
        base = expand_dims(base, axis)
    if isinstance(base, Tensor) and not isinstance(stop, Tensor):
        start = in_dtype(start)         # of numbers alone linspace makes the default dtype, which may have fewer digits than base
    found = power(*together(base, linspace(start, stop, num, endpoint, axis=axis)))
    return found if dtype is None else astype(found, dtype)


@implements(np.geomspace)
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Tensor:
    """num numbers with equal ratios from start to stop, in float64 at least: start**(1 - t) * stop**t for even steps of t from 0 to 1.

    Between real ends of different signs there is NaN, as in NumPy; complex ones lie on a spiral.
    Raises ValueError where an end is 0.

    >>> geomspace(Tensor(1.0), 4.0, 3)
    Tensor([1., 2., 4.], dtype=float64)
    """
    start, stop = in_dtype(start), in_dtype(stop)
    common = np.result_type(start.dtype, stop.dtype, np.float64)
    start, stop = in_dtype(start, common), in_dtype(stop, common)
    sign = np.sign(start.data)          # of a complex number it has length 1; start is turned to the positive numbers, and back in the end
    if np.any(start.data == 0) or np.any(stop.data == 0):
        raise ValueError("geomspace: start and stop need to be other than 0, from which no factor leads away")
    if num < 2:
        stop = stop.detach()            # it moves nothing
    start, stop = start / sign, stop / sign
    found = logspace(log10(start), log10(stop), num, endpoint)
    found = moveaxis(_with_ends(found, start if num > 0 else None, stop if endpoint and num > 1 else None) * sign, 0, axis)
    return found if dtype is None else astype(found, dtype)


@implements(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Tensor:
    """Angles without jumps along an axis: whole periods are added, whose number does not move with p.

    >>> unwrap(Tensor([0.0, 6.5])).round(3)
    Tensor([0.   , 0.217])
    """
    p = as_tensor(p)
    length: Any = period.data if isinstance(period, Tensor) else period
    unwrapped = np.unwrap(p.data, discont, axis, period=length)
    turns = np.where(np.isinf(unwrapped), 0, np.rint((unwrapped - p.data) / length))
    return p + turns.astype(unwrapped.dtype) * period
