"""Functions of each element that have pieces: the larger or smaller number beside NaN, remainders, signs, parts of a number."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.op import Elementwise, implements, public
from ..engine.tensor import Tensor, wrap
from .choosing import select
from .elementwise import abs_, astype, power, where
from .operands import as_tensor, in_dtype, together
from .shape import broadcast_to
from .without_gradient import floor_divide


class FMax(Elementwise):
    """The larger of two, element by element; the other one where one is NaN.

    out = max(a, b)

    Shapes    a and b broadcast together; out has their common shape.
    Gradient  dL/da = g where a >= b or b is NaN, else 0
              dL/db = g elsewhere: of equal numbers the first has it.
    Keeps     a and b.
    """

    def forward(self, a, b):
        return np.fmax(a, b)

    def grad_a(self, g, a, b):
        return select((a >= b) | np.isnan(b), g, 0)

    def grad_b(self, g, a, b):
        return select((a >= b) | np.isnan(b), 0, g)


class FMin(Elementwise):
    """The smaller of two, element by element; the other one where one is NaN.

    out = min(a, b)

    Shapes    a and b broadcast together; out has their common shape.
    Gradient  dL/da = g where a <= b or b is NaN, else 0
              dL/db = g elsewhere: of equal numbers the first has it.
    Keeps     a and b.
    """

    def forward(self, a, b):
        return np.fmin(a, b)

    def grad_a(self, g, a, b):
        return select((a <= b) | np.isnan(b), g, 0)

    def grad_b(self, g, a, b):
        return select((a <= b) | np.isnan(b), 0, g)


class FMod(Elementwise):
    """Remainder of a division, with the sign of a, element by element.

    out = a - b * trunc(a / b)

    Shapes    a and b broadcast together; out has their common shape.
    Gradient  dL/da = g
              dL/db = -g * trunc(a / b). At the jumps it is that of one side.
    Keeps     a and b for dL/db.
    """

    def forward(self, a, b):
        return np.fmod(a, b)

    def grad_a(self, g):
        return g

    def grad_b(self, g, a, b):
        return -g * np.trunc(a / b)


class Remainder(Elementwise):
    """Remainder of a division, with the sign of b, element by element.

    out = a - b * floor(a / b)

    Shapes    a and b broadcast together; out has their common shape.
    Gradient  dL/da = g
              dL/db = -g * floor(a / b). At the jumps it is that of one side.
    Keeps     a and b for dL/db.
    """

    def forward(self, a, b):
        return np.remainder(a, b)

    def grad_a(self, g):
        return g

    def grad_b(self, g, a, b):
        return -g * np.floor_divide(a, b)


class CopySign(Elementwise):
    """The absolute value of a with the sign of b, element by element.

    out = |a| * sign(b), where -0.0 is negative

    Shapes    a and b broadcast together; out has their common shape.
    Gradient  dL/da = g where a and b have one sign, else -g
              dL/db = 0: where b moves, out stays, but for the jump at 0.
    Keeps     a and b for dL/da.
    """

    def forward(self, a, b):
        return np.copysign(a, b)

    def grad_a(self, g, a, b):
        return np.where(np.signbit(a) == np.signbit(b), g, -g)

    def grad_b(self, g):
        return np.where(False, g, 0)


class Heaviside(Elementwise):
    """The step function, element by element.

    out = 0 where a < 0, b where a = 0, 1 where a > 0

    Shapes    a and b broadcast together; out has their common shape.
    Gradient  dL/da = 0: out stays where a moves, but for the jump at 0.
              dL/db = g where a = 0, else 0
    Keeps     a for dL/db.
    """

    def forward(self, a, b):
        return np.heaviside(a, b)

    def grad_a(self, g):
        return np.where(False, g, 0)

    def grad_b(self, g, a):
        return select(a == 0, g, 0)


class ScaleByPower(Elementwise):
    """A number times a power of two, element by element.

    out = x * 2**exponent

    Shapes    x and exponent, whole numbers, broadcast together; out has their common shape.
    Gradient  dL/dx = g * 2**exponent
    Keeps     exponent.
    """

    constants = ("exponent",)

    def forward(self, x, exponent):
        return np.ldexp(x, exponent)

    def grad_x(self, g, exponent):
        return np.ldexp(g, exponent)


fmax = public(np.fmax, FMax())
fmin = public(np.fmin, FMin())
fmod = public(np.fmod, FMod())
remainder = public(np.remainder, Remainder())
mod = remainder
copysign = public(np.copysign, CopySign())
heaviside = public(np.heaviside, Heaviside())

_SCALE_BY_POWER = ScaleByPower()


@implements(np.ldexp)
def ldexp(x1: Any, x2: Any) -> Tensor:
    """x1 * 2**x2, element by element; x2 are whole numbers, and have no gradient.

    >>> ldexp(Tensor([1.0, 3.0]), [2, -1])
    Tensor([4. , 1.5])
    """
    x1, x2 = together(x1, np.asarray(x2.data if isinstance(x2, Tensor) else x2))
    return _SCALE_BY_POWER(x1, x2)


@implements(np.frexp)
def frexp(x: Any) -> tuple[Tensor, Tensor]:
    """(mantissa, exponent), with x = mantissa * 2**exponent and the mantissa from 0.5 to 1; the exponent has no gradient.

    >>> frexp(Tensor([4.0]))
    (Tensor([0.5]), Tensor([3], dtype=int32))
    """
    x = as_tensor(x)
    exponent = np.frexp(x.data)[1]
    return ldexp(x, -exponent), wrap(exponent)


@implements(np.modf)
def modf(x: Any) -> tuple[Tensor, Tensor]:
    """(fraction, whole), each with the sign of x; the whole part has no gradient.

    >>> modf(Tensor([2.5]))
    (Tensor([0.5]), Tensor([2.]))
    """
    x = as_tensor(x)
    fraction, whole = np.modf(x.data)
    return where(np.isinf(x.data), fraction, x - np.where(np.isinf(whole), 0, whole)), wrap(whole)


@implements(np.divmod)
def divmod(x1: Any, x2: Any) -> tuple[Tensor, Tensor]:
    """(quotient, remainder) of a division rounded down; the quotient has no gradient.

    >>> divmod(Tensor([7.5]), 2.0)
    (Tensor([3.]), Tensor([1.5]))
    """
    x1, x2 = together(x1, x2)
    return floor_divide(x1, x2), remainder(x1, x2)


@implements(np.float_power)
def float_power(x1: Any, x2: Any) -> Tensor:
    """x1**x2, element by element, in float64 or wider.

    >>> float_power(Tensor([2, 3]), -1)
    Tensor([0.5       , 0.33333333], dtype=float64)
    """
    x1 = in_dtype(x1)
    x1 = astype(x1, np.result_type(x1.dtype, np.float64), copy=False)
    return power(x1, float(x2) if isinstance(x2, int) else x2)


@implements(np.fabs)
def fabs(x: Any) -> Tensor:
    """The absolute value, element by element, of real numbers.

    >>> fabs(Tensor([-1.5]))
    Tensor([1.5])
    """
    x = as_tensor(x)
    return abs_(x if x.dtype.kind == "f" else astype(x, np.fabs(x.data).dtype))


@implements(np.positive)
def positive(x: Any) -> Tensor:
    """+x, element by element.

    >>> positive(Tensor([-1.5]))
    Tensor([-1.5])
    """
    x = as_tensor(x)
    np.positive(np.empty(0, x.dtype))       # raises what NumPy raises of bools
    return x.copy()


@implements(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Tensor:
    """x with numbers in the place of NaN and infinities, by default 0 and the largest there are; there the gradient of x is 0.

    The numbers may be tensors, which get it. Parts of complex numbers are replaced each by itself. copy needs to be True.

    >>> nan_to_num(Tensor([1.0, np.nan, np.inf]), posinf=9)
    Tensor([1., 0., 9.])
    """
    if not copy:
        raise ValueError("nan_to_num: copy=False would change x in place; write x = nan_to_num(x)")
    x = as_tensor(x)
    if x.dtype.kind not in "fc" or np.isfinite(x.data).all():
        return x.copy()
    if x.dtype.kind == "c":
        return nan_to_num(x.real, copy, nan, posinf, neginf) + nan_to_num(x.imag, copy, nan, posinf, neginf) * 1j
    largest = np.finfo(x.dtype).max
    posinf, neginf = largest if posinf is None else posinf, -largest if neginf is None else neginf
    found = x
    for places, number in (np.isnan(x.data), nan), (np.isposinf(x.data), posinf), (np.isneginf(x.data), neginf):
        found = where(places, broadcast_to(in_dtype(number, x.dtype), x.shape), found) if places.any() else found
    return found
