"""The reference: the twin at the same inputs, in numbers of more digits."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..engine.node import ancestors
from ..engine.tensor import Tensor
from .forms import Form, is_real

MPMATH_BITS = 113
"""The precision of the reference in mpmath: that of IEEE 754's quadruple format."""

MOST_WORK = {"longdouble": 300_000_000, "mpmath": 400_000}
"""With more numbers to compute than these a reference is used only if it is asked for: about ten seconds, forward and backward."""

SECONDS_EACH = {"longdouble": 3e-8, "mpmath": 2e-5}
"""About so long each number takes, forward and backward; for a product of matrices, each of its multiplications."""

MOST_SECONDS_FOR_MPMATH = 120
"""If it would take longer, mpmath is refused also where it is asked for."""


def expected_results(twin: Form, upstream: np.ndarray, kind: str | None) -> tuple[str, list[np.ndarray]]:
    """The reference in words, and what it says the output and the gradients are."""
    dtypes = {x.dtype for x in twin.values if is_real(x)}
    amount = work(twin)
    is_asked_for, too_long = kind is not None, ""
    if kind is None:
        kind, too_long = _first_wider(dtypes, amount)
    if kind not in ("longdouble", "mpmath", "float64"):
        raise ValueError(f"compare: reference is {kind!r}; it needs to be 'longdouble', 'mpmath', 'float64' or None")
    if kind == "mpmath" and amount * SECONDS_EACH[kind] > MOST_SECONDS_FOR_MPMATH:
        raise ValueError(
            f"compare: reference is 'mpmath', which computes some thousand numbers a second, and the twin of {twin.op!r} computes "
            f"{amount:,} on these inputs: about {amount * SECONDS_EACH[kind] / 60:,.0f} minutes; give smaller inputs, or another reference"
        )
    widen = _precise if kind == "mpmath" else partial(np.asarray, dtype=kind)
    bits = MPMATH_BITS if kind == "mpmath" else _bits(np.dtype(kind))
    words = f"the composed twin in {kind}, {bits} bits"
    if bits <= max(map(_bits, dtypes)):
        words += "; the inputs have as many, so its own rounding is in the numbers"
        words += "" if too_long else ': reference="mpmath" has more'
    words += too_long
    try:
        wider = twin._replace(values=[widen(x) if is_real(x) else x for x in twin.values])
        return words, wider.results(widen(upstream))
    except Exception as error:
        if kind == "mpmath" and not is_asked_for:       # not every twin can be computed with objects
            return expected_results(twin, upstream, "float64")
        error.add_note(f'compare: this happened in the reference, {words}; reference="float64" asks for another')
        raise


def work(twin: Form) -> int:
    """How many numbers the twin computes in forward; for a product of matrices, how many multiplications it takes."""
    root = twin.forward(twin.leaves()).node
    total = 0
    for node in ancestors([] if root is None else [root]):
        if node.is_leaf:
            continue
        size = math.prod(node.shape)
        operands = [parent.shape for parent in node.parents if parent is not None]
        if type(node.op).__name__ == "MatMul":
            size *= operands[0][-1 if node.parents[0] is not None else -2] if operands else 1
        total += max([size, *map(math.prod, operands)])
    return total


def _first_wider(dtypes: set[np.dtype], amount: int) -> tuple[str, str]:
    """The reference to take for inputs of dtypes on this machine, with so many numbers to compute, and what to say of it."""
    wider = has_wide_longdouble()
    if wider and amount <= MOST_WORK["longdouble"]:
        return "longdouble", ""
    if wider:
        minutes = amount * SECONDS_EACH["longdouble"] / 60
        return "float64", f"; in longdouble it would take about {minutes:,.1f} minutes, which reference=\"longdouble\" asks for"
    is_better = np.dtype(np.float64) in dtypes and find_spec("mpmath")
    return "mpmath" if is_better and amount <= MOST_WORK["mpmath"] else "float64", ""


def has_wide_longdouble() -> bool:
    """Whether longdouble is wider than float64 on this machine."""
    return _bits(np.dtype(np.longdouble)) > _bits(np.dtype(np.float64))


def _bits(dtype: np.dtype) -> int:
    """The precision of a dtype, the bit before the point included."""
    return np.finfo(dtype).nmant + 1


class _Precise(np.ndarray):
    """An array of mpmath's numbers. What NumPy computes with it is one as well, also where it put a Python number: np.minimum(x, 0)."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(isinstance(x, Tensor) for x in inputs):
            return NotImplemented           # it is the Tensor that has a word in it
        if ufunc in _TESTS:
            return _TESTS[ufunc](*inputs)
        return _precise(getattr(ufunc, method)(*[x.view(np.ndarray) if isinstance(x, _Precise) else x for x in inputs], **kwargs))

    def __array_function__(self, *arguments: Any) -> Any:
        result = super().__array_function__(*arguments)
        return _precise(result) if isinstance(result, np.ndarray) else result


_TESTS: dict[np.ufunc, Callable[[Any], Any]] = {
    np.isnan: lambda x: (x != x).astype(bool),
    np.isinf: lambda x: (np.abs(x) == np.inf).astype(bool),
    np.isfinite: lambda x: (np.abs(x) < np.inf).astype(bool),
}
"""What NumPy does not ask an object."""


def _precise(array: Any) -> np.ndarray:
    """The same numbers as mpmath's; bools and integers as they are."""
    array = np.asarray(array)
    if array.dtype.kind not in "fO":
        return array
    number = _mpmath_number()
    numbers = [number("nan" if x is None else x) for x in array.ravel().tolist()]       # None is in an array that is not filled yet
    return np.array(numbers, object).reshape(array.shape).view(_Precise)


@cache
def _mpmath_number() -> type:
    """mpmath's numbers, with the methods that NumPy's functions look for in an object."""
    try:
        from mpmath import MPContext
    except ImportError as error:
        raise ImportError('compare: reference="mpmath" needs a package that is not installed: pip install mpmath') from error
    context = MPContext()
    context.prec = MPMATH_BITS
    for name in ("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tanh"):
        setattr(context.mpf, name, _method(getattr(context, name)))
    return context.mpf


def _method(function: Callable) -> Callable:
    return lambda self: function(self)
