"""Functions of each element by itself. Their inputs broadcast, and the walk sums the gradients back to the shapes of the inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.op import Elementwise, Op, implements, public
from ..engine.tensor import Tensor
from ..errors import DTypeError
from .choosing import select


class Add(Elementwise):
    """Sum of two, element by element.

    out = a + b

    Shapes    a and b broadcast together; out has their common shape.
    Gradient  dL/da = g
              dL/db = g
    Keeps     nothing.
    """

    def forward(self, a, b):
        return a + b

    def grad_a(self, g):
        return g

    def grad_b(self, g):
        return g


class Subtract(Elementwise):
    """Difference, element by element.

    out = a - b

    Shapes    a and b broadcast together; out has their common shape.
    Gradient  dL/da = g
              dL/db = -g
    Keeps     nothing.
    """

    def forward(self, a, b):
        return a - b

    def grad_a(self, g):
        return g

    def grad_b(self, g):
        return -g


class Multiply(Elementwise):
    """Product, element by element.

    out = a * b

    Shapes    a and b broadcast together; out has their common shape.
    Gradient  dL/da = g * b
              dL/db = g * a
    Keeps     b for dL/da and a for dL/db.
    """

    def forward(self, a, b):
        return a * b

    def grad_a(self, g, b):
        return g * b

    def grad_b(self, g, a):
        return g * a


class Divide(Elementwise):
    """Quotient, element by element.

    out = a / b

    Shapes    a and b broadcast together; out has their common shape.
    Gradient  dL/da = g / b
              dL/db = -g * out / b, because d(a / b)/db = -a / b**2; this form cannot overflow in b**2.
    Keeps     b, and out for dL/db.
    """

    def forward(self, a, b):
        return a / b

    def grad_a(self, g, b):
        return g / b

    def grad_b(self, g, b, out):
        return -g * out / b


class Power(Elementwise):
    """Power with an array as exponent, element by element.

    out = a**b

    Shapes    a and b broadcast together; out has their common shape.
    Gradient  dL/da = g * b * a**(b - 1), and 0 where b = 0, also at a = 0
              dL/db = g * out * log(a), and 0 where a = 0, because 0**b is 0 for every b > 0
    Keeps     a and b for dL/da; a and out for dL/db.
    """

    def forward(self, a, b):
        return a**b

    def grad_a(self, g, a, b):
        undefined = (a == 0) & (b == 0)     # nowhere else, or the derivative of this one by b would be lost at b = 0
        return g * np.where(undefined, 0, b * a ** np.where(undefined, 1, b - 1))

    def grad_b(self, g, a, out):
        base = np.where(a == 0, 1, a)
        return g * out * np.log(base if base.dtype == out.dtype else base.astype(out.dtype))        # of numbers below 0 it may be complex


class PowerByNumber(Elementwise):
    """Power with a number as exponent, element by element.

    out = x**exponent

    Shapes    out has the shape of x.
    Gradient  dL/dx = g * exponent * x**(exponent - 1), and 0 for exponent = 0, also at x = 0.
    Keeps     x.
    """

    exponent: float

    def forward(self, x):
        return x**self.exponent

    def grad_x(self, g, x):
        if self.exponent == 0:
            return np.zeros_like(g)
        if self.exponent == 2:
            return g * (x + x)
        return g * (self.exponent * x ** (self.exponent - 1))


class Negative(Elementwise):
    """The negative, element by element.

    out = -x

    Shapes    out has the shape of x.
    Gradient  dL/dx = -g
    Keeps     nothing.
    """

    def forward(self, x):
        return -x

    def grad_x(self, g):
        return -g


class Exp(Elementwise):
    """Exponential, element by element.

    out = e**x

    Shapes    out has the shape of x.
    Gradient  dL/dx = g * out, because e**x is its own derivative.
    Keeps     out, and not x.
    """

    def forward(self, x):
        return np.exp(x)

    def grad_x(self, g, out):
        return g * out


class Log(Elementwise):
    """Natural logarithm, element by element.

    out = log(x)

    Shapes    out has the shape of x.
    Gradient  dL/dx = g / x
              At x = 0 this is infinite, and NaN where g = 0: np.where(x > 0, np.log(x), 0) at 0 has gradient NaN, as in PyTorch.
              Write np.log(np.where(x > 0, x, 1)) to have 0 there.
    Keeps     x.
    """

    def forward(self, x):
        return np.log(x)

    def grad_x(self, g, x):
        return g / x


class Log1p(Elementwise):
    """Logarithm of 1 + x, element by element, also where x is tiny.

    out = log(1 + x)

    Shapes    out has the shape of x.
    Gradient  dL/dx = g / (1 + x)
    Keeps     x.
    """

    def forward(self, x):
        return np.log1p(x)

    def grad_x(self, g, x):
        return g / (1 + x)


class Sqrt(Elementwise):
    """Square root, element by element.

    out = sqrt(x)

    Shapes    out has the shape of x.
    Gradient  dL/dx = g / (2 * out), infinite at 0.
    Keeps     out, and not x.
    """

    def forward(self, x):
        return np.sqrt(x)

    def grad_x(self, g, out):
        return g / (out + out)


class Square(Elementwise):
    """Square, element by element.

    out = x * x

    Shapes    out has the shape of x.
    Gradient  dL/dx = 2 * g * x
    Keeps     x.
    """

    def forward(self, x):
        return np.square(x)

    def grad_x(self, g, x):
        return g * (x + x)


class Abs(Elementwise):
    """Absolute value, element by element.

    out = |x|

    Shapes    out has the shape of x.
    Gradient  dL/dx = g * sign(x), 0 at 0; of complex numbers g * conj(sign(x)).
    Keeps     x.
    """

    def forward(self, x):
        return abs(x)

    def grad_x(self, g, x):
        return g * np.conjugate(np.sign(x)) if x.dtype.kind == "c" else g * np.sign(x)


class Tanh(Elementwise):
    """Hyperbolic tangent, element by element.

    out = tanh(x)

    Shapes    out has the shape of x.
    Gradient  dL/dx = g * (1 - out**2)
    Keeps     out, and not x.
    """

    def forward(self, x):
        return np.tanh(x)

    def grad_x(self, g, out):
        return g - g * out * out


class ReLU(Elementwise):
    """Rectifier, element by element.

    out = max(x, 0)

    Shapes    out has the shape of x.
    Gradient  dL/dx = g where x > 0, else 0; at 0 it is 0. Asking out in place of x gives the same answer.
    Keeps     out, and not x.
    """

    def forward(self, x):
        return np.maximum(x, 0)

    def grad_x(self, g, out):
        return select(out > 0, g, 0)        # not a product: of an infinite g nothing passes where x < 0


class Maximum(Elementwise):
    """The larger of two, element by element; NaN if one is NaN.

    out = max(a, b)

    Shapes    a and b broadcast together; out has their common shape.
    Gradient  dL/da = 0 where a < b, g / 2 where a = b, else g
              dL/db = 0 where b < a, g / 2 where a = b, else g
              Beside NaN both get g, as in PyTorch: a NaN that came out must not go back as 0.
    Keeps     a and b.
    """

    def forward(self, a, b):
        return np.maximum(a, b)

    def grad_a(self, g, a, b):
        return select(a < b, 0, select(a == b, 0.5 * g, g))

    def grad_b(self, g, a, b):
        return select(b < a, 0, select(a == b, 0.5 * g, g))


class Minimum(Elementwise):
    """The smaller of two, element by element; NaN if one is NaN.

    out = min(a, b)

    Shapes    a and b broadcast together; out has their common shape.
    Gradient  dL/da = 0 where a > b, g / 2 where a = b, else g
              dL/db = 0 where b > a, g / 2 where a = b, else g
              Beside NaN both get g, as for the larger.
    Keeps     a and b.
    """

    def forward(self, a, b):
        return np.minimum(a, b)

    def grad_a(self, g, a, b):
        return select(a > b, 0, select(a == b, 0.5 * g, g))

    def grad_b(self, g, a, b):
        return select(b > a, 0, select(a == b, 0.5 * g, g))


class Where(Elementwise):
    """One of two, element by element.

    out = a where condition, else b

    Shapes    condition, a and b broadcast together; out has their common shape.
    Gradient  dL/da = g where condition, else 0
              dL/db = 0 where condition, else g
    Keeps     condition.
    """

    constants = ("condition",)

    def forward(self, condition, a, b):
        return select(condition, a, b)[()]

    def grad_a(self, g, condition):
        return select(condition, g, 0)

    def grad_b(self, g, condition):
        return select(condition, 0, g)


class Clip(Elementwise):
    """Values limited to an interval, element by element; NaN stays NaN.

    out = min(max(x, low), high)

    Shapes    x, low and high broadcast together; out has their common shape. low or high may be None.
    Gradient  dL/dx    = g where low <= x <= high, else 0: the bounds themselves pass it
              dL/dlow  = g where x < low <= high, else 0
              dL/dhigh = g where x > high, or high < low, else 0
    Keeps     x, low and high.
    """

    def forward(self, x, low, high):
        return np.clip(x, low, high)

    def grad_x(self, g, x, low, high):
        inside = x == x
        if low is not None:
            inside = inside & (low <= x)
        if high is not None:
            inside = inside & (x <= high)
        return select(inside, g, 0)

    def grad_low(self, g, x, low, high):
        below = x < low
        return select(below if high is None else below & (low <= high), g, 0)

    def grad_high(self, g, x, low, high):
        above = x > high
        return select(above if low is None else above | ((high < low) & (x == x)), g, 0)


class AsType(Op):
    """Conversion to another dtype.

    out = x, in the given dtype

    Shapes    out has the shape of x.
    Gradient  dL/dx = g, which the walk converts back.
    Keeps     nothing.
    """

    dtype: np.dtype

    def forward(self, x):
        return x.astype(self.dtype)

    def grad_x(self, g):
        return g


class Copy(Elementwise):
    """A copy in memory of its own.

    out = x

    Shapes    out has the shape of x.
    Gradient  dL/dx = g
    Keeps     nothing.
    """

    def forward(self, x):
        return x.copy()

    def grad_x(self, g):
        return g


add = public(np.add, Add())
subtract = public(np.subtract, Subtract())
multiply = public(np.multiply, Multiply())
divide = public(np.divide, Divide())
negative = public(np.negative, Negative())
exp = public(np.exp, Exp())
log = public(np.log, Log())
log1p = public(np.log1p, Log1p())
sqrt = public(np.sqrt, Sqrt())
square = public(np.square, Square())
abs_ = public(np.absolute, Abs())
tanh = public(np.tanh, Tanh())
relu = public(None, ReLU(), "relu")
maximum = public(np.maximum, Maximum())
minimum = public(np.minimum, Minimum())

_POWER = Power()
_WHERE = Where()
_CLIP = Clip()
copy_by_rows = Copy()


@implements(np.power, bare=True)
def power(a: Any, b: Any) -> Tensor:
    """a**b, element by element. A Python number as exponent is a setting of the op, and costs no array.

    >>> power(Tensor([1.0, 2.0, 3.0]), 2)
    Tensor([1., 4., 9.])
    """
    if type(b) in (int, float) and isinstance(a, Tensor):
        return PowerByNumber(b)(a)
    return _POWER(a, b)


@implements(np.where, bare=True)
def where(condition: Any, x: Any = np._NoValue, y: Any = np._NoValue, /) -> Any:
    """x where condition holds, else y, element by element; with condition alone the indices where it holds, as NumPy does.

    Raises ValueError if one of x and y is given without the other.

    >>> where(Tensor([True, False]), Tensor([1.0, 2.0]), 0.0)
    Tensor([1., 0.])
    """
    condition = condition.detach() if isinstance(condition, Tensor) else condition
    if x is np._NoValue:
        return np.nonzero(condition)
    if y is np._NoValue:
        raise ValueError("where: x is given without y; it needs both, or neither")
    return _WHERE(condition, x, y)


@implements(np.clip, bare=True)
def clip(
    a: Any, a_min: Any = np._NoValue, a_max: Any = np._NoValue, out: None = None, *, min: Any = np._NoValue, max: Any = np._NoValue
) -> Tensor:
    """Limit the values of a to the interval from a_min to a_max, which may be numbers, arrays, tensors or None; out is refused.

    By the names min and max one of them may be given alone; a_min and a_max are given together.

    >>> clip(Tensor([-1.0, 0.5, 2.0]), 0, 1)
    Tensor([0. , 0.5, 1. ])
    """
    bounds = [bound for bound in (a_min, a_max) if bound is not np._NoValue]
    by_name = [None if bound is np._NoValue else bound for bound in (min, max)]
    if bounds and not min is max is np._NoValue:
        raise ValueError("clip: a_min and min are two names of one bound, as are a_max and max; give one of them")
    if len(bounds) == 1:
        raise TypeError("clip: a_min and a_max are given together; write min= or max= for one bound alone, or None for the other")
    low, high = bounds or by_name
    return clip_method(a, low, high, out)


def clip_method(self: Any, min: Any = None, max: Any = None, out: None = None) -> Tensor:
    """x.clip(0, 1) and x.clip(0): see clip; either bound may be left out."""
    refuse_out("clip", out)
    return _CLIP(self, min, max)


@implements(np.astype, bare=True)
def astype(x: Tensor, dtype: Any, /, *, copy: bool = True, device: None = None) -> Tensor:
    """x in another dtype; without copy, x itself if it has that dtype already. Of complex numbers x.real or x.imag is meant, so say it.

    >>> astype(Tensor([1, 2]), np.float64)
    Tensor([1., 2.], dtype=float64)
    """
    dtype = np.dtype(dtype)
    if device is not None:
        np.empty(0, device=device)                  # it says which there are
    if x.dtype == dtype and not copy:
        return x
    if dtype.kind not in "biufc" and dtype != x.dtype:
        raise DTypeError(f"astype: {dtype} is no dtype of numbers; a Tensor holds bools, ints, floats or complex numbers")
    if x.dtype.kind == "c" and dtype.kind in "fiu":
        raise DTypeError(f"astype: the imaginary part of {x.dtype} would be lost in {dtype}; take x.real, x.imag or abs(x)")
    return AsType(dtype)(x if dtype.kind in "fc" else x.detach())       # whole numbers and bools have no gradient


def astype_method(
    self: Tensor, dtype: Any, order: str = "K", casting: Any = "unsafe", subok: bool = True, copy: bool = True
) -> Tensor:
    """x.astype(dtype): see astype. Raises TypeError where casting does not allow it; order and subok stand for nothing here."""
    if casting != "unsafe" and not np.can_cast(self.dtype, dtype, casting):
        raise TypeError(f"astype: casting={casting!r} does not allow to go from {self.dtype} to {np.dtype(dtype)}")
    return astype(self, dtype, copy=copy)


def refuse_out(name: str, out: Any) -> None:
    """Refuse NumPy's out= in a function that records."""
    if out is not None:
        raise TypeError(f"{name}: out= is not taken, since the result belongs to the graph; write out = {name}(...)")
