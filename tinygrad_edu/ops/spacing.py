"""Numbers in even steps between two ends, which may be tensors with gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.op import implements
from ..engine.tensor import Tensor, get_default_dtype, wrap
from .elementwise import astype, exp, log, power
from .rearranging import moveaxis
from .reduce import as_tensor


@implements(np.linspace)
def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0,
    *, device: None = None, requires_grad: bool = False, name: str | None = None,
) -> Any:
    """num numbers in equal steps from start to stop, along a new axis; with retstep also the step. Gradients go to start and stop.

    >>> linspace(0, 1, 3)
    Tensor([0. , 0.5, 1. ])
    """
    if not isinstance(start, Tensor) and not isinstance(stop, Tensor):
        of_arrays = any(isinstance(end, np.ndarray | np.generic) for end in (start, stop))
        dtype = dtype if of_arrays or dtype is not None else get_default_dtype()
        values, step = np.linspace(start, stop, num, endpoint, retstep=True, dtype=dtype, axis=axis)
        found = Tensor(values, requires_grad=requires_grad, name=name)
        return (found, step) if retstep else found
    start, stop = (end if isinstance(end, Tensor) else as_tensor(np.asarray(end, _dtype_beside(end, other)))
                   for end, other in ((start, stop), (stop, start)))
    shares = np.linspace(0.0, 1.0, num, endpoint)
    span = _floating(stop) - _floating(start)
    rows = wrap(shares.astype(span.dtype).reshape((-1, *(1,) * span.ndim)))
    found = moveaxis(start + span * rows, 0, axis)
    found = found if dtype is None else astype(found, dtype)
    return (found, span * (shares[1] if num > 1 else np.nan)) if retstep else found


def _dtype_beside(end: Any, tensor: Any) -> Any:
    """A Python number takes the dtype of the tensor beside it."""
    return tensor.dtype if isinstance(end, int | float) and isinstance(tensor, Tensor) else None


def _floating(x: Tensor) -> Tensor:
    return x if x.dtype.kind in "fc" else astype(x, get_default_dtype())


@implements(np.logspace)
def logspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0) -> Tensor:
    """num powers of base whose exponents are in equal steps from start to stop; base may be a tensor without axes.

    >>> logspace(Tensor(0.0), 2, 3)
    Tensor([  1.,  10., 100.])
    """
    exponents = linspace(as_tensor(start), stop, num, endpoint, axis=axis)
    found = power(base if isinstance(base, Tensor) else np.asarray(base, exponents.dtype), exponents)
    return found if dtype is None else astype(found, dtype)


@implements(np.geomspace)
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Tensor:
    """num numbers with equal ratios from start to stop, in float64 at least: start**(1 - t) * stop**t for even steps of t from 0 to 1.

    Raises ValueError where an end is 0, or real ends have different signs. Complex ones lie on a spiral.

    >>> geomspace(Tensor(1.0), 4.0, 3)
    Tensor([1., 2., 4.], dtype=float64)
    """
    start, stop = as_tensor(start), as_tensor(stop)
    common = np.result_type(start.dtype, stop.dtype, np.float64)
    start, stop = astype(start, common, copy=False), astype(stop, common, copy=False)
    sign = np.sign(start.data)          # of a complex number it has length 1; start is turned to the positive numbers, and back in the end
    if np.any(start.data * stop.data == 0) or (common.kind == "f" and np.any(start.data * stop.data < 0)):
        raise ValueError("geomspace: start and stop need to have one sign, and not be 0")
    found = exp(linspace(log(start / sign), log(stop / sign), num, endpoint, axis=axis))
    found = found * (np.expand_dims(sign, axis) if np.ndim(sign) else sign)
    return found if dtype is None else astype(found, dtype)


@implements(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Tensor:
    """Angles without jumps along an axis: whole periods are added, which do not move with p.

    >>> unwrap(Tensor([0.0, 6.5])).round(3)
    Tensor([0.   , 0.217])
    """
    p = as_tensor(p)
    return p + (np.unwrap(p.data, discont, axis, period=period) - p.data).astype(p.dtype)

