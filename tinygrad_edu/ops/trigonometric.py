"""Functions of angles, hyperbolic functions and their inverses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.op import Elementwise, Op, implements, public


class Sin(Elementwise):
    """Sine, element by element.

    out = sin(x)

    Shapes    out has the shape of x.
    Gradient  dL/dx = g * cos(x)
    Keeps     x.
    """

    def forward(self, x):
        return np.sin(x)

    def grad_x(self, g, x):
        return g * np.cos(x)


class Cos(Elementwise):
    """Cosine, element by element.

    out = cos(x)

    Shapes    out has the shape of x.
    Gradient  dL/dx = -g * sin(x)
    Keeps     x.
    """

    def forward(self, x):
        return np.cos(x)

    def grad_x(self, g, x):
        return -g * np.sin(x)


class Tan(Elementwise):
    """Tangent, element by element.

    out = tan(x)

    Shapes    out has the shape of x.
    Gradient  dL/dx = g * (1 + out * out)
    Keeps     out, and not x.
    """

    def forward(self, x):
        return np.tan(x)

    def grad_x(self, g, out):
        return g + g * out * out


class Arcsin(Elementwise):
    """Inverse sine, element by element.

    out = arcsin(x), from -pi/2 to pi/2

    Shapes    out has the shape of x.
    Gradient  dL/dx = g / sqrt((1 - x) * (1 + x)), infinite at -1 and 1.
    Keeps     x.
    """

    def forward(self, x):
        return np.arcsin(x)

    def grad_x(self, g, x):
        return g / np.sqrt((1 - x) * (1 + x))


class Arccos(Elementwise):
    """Inverse cosine, element by element.

    out = arccos(x), from 0 to pi

    Shapes    out has the shape of x.
    Gradient  dL/dx = -g / sqrt((1 - x) * (1 + x)), infinite at -1 and 1.
    Keeps     x.
    """

    def forward(self, x):
        return np.arccos(x)

    def grad_x(self, g, x):
        return -g / np.sqrt((1 - x) * (1 + x))


class Arctan(Elementwise):
    """Inverse tangent, element by element.

    out = arctan(x), from -pi/2 to pi/2

    Shapes    out has the shape of x.
    Gradient  dL/dx = g / (1 + x * x)
    Keeps     x.
    """

    def forward(self, x):
        return np.arctan(x)

    def grad_x(self, g, x):
        return g / (1 + x * x)


class Sinh(Elementwise):
    """Hyperbolic sine, element by element.

    out = (e**x - e**-x) / 2

    Shapes    out has the shape of x.
    Gradient  dL/dx = g * cosh(x)
    Keeps     x.
    """

    def forward(self, x):
        return np.sinh(x)

    def grad_x(self, g, x):
        return g * np.cosh(x)


class Cosh(Elementwise):
    """Hyperbolic cosine, element by element.

    out = (e**x + e**-x) / 2

    Shapes    out has the shape of x.
    Gradient  dL/dx = g * sinh(x)
    Keeps     x.
    """

    def forward(self, x):
        return np.cosh(x)

    def grad_x(self, g, x):
        return g * np.sinh(x)


class Arcsinh(Elementwise):
    """Inverse hyperbolic sine, element by element.

    out = log(x + sqrt(x * x + 1))

    Shapes    out has the shape of x.
    Gradient  dL/dx = g / sqrt(x * x + 1)
    Keeps     x.
    """

    def forward(self, x):
        return np.arcsinh(x)

    def grad_x(self, g, x):
        return g / (np.sqrt(x * x + 1) if x.dtype.kind == "c" else np.hypot(x, 1))      # of real x without overflow


class Arccosh(Elementwise):
    """Inverse hyperbolic cosine, element by element.

    out = log(x + sqrt(x * x - 1))

    Shapes    out has the shape of x.
    Gradient  dL/dx = g / (sqrt(x - 1) * sqrt(x + 1)), infinite at 1. One root of the product has the wrong sign left of 0.
    Keeps     x.
    """

    def forward(self, x):
        return np.arccosh(x)

    def grad_x(self, g, x):
        return g / (np.sqrt(x - 1) * np.sqrt(x + 1))


class Arctanh(Elementwise):
    """Inverse hyperbolic tangent, element by element.

    out = log((1 + x) / (1 - x)) / 2

    Shapes    out has the shape of x.
    Gradient  dL/dx = g / ((1 - x) * (1 + x)), infinite at -1 and 1.
    Keeps     x.
    """

    def forward(self, x):
        return np.arctanh(x)

    def grad_x(self, g, x):
        return g / ((1 - x) * (1 + x))


class Deg2rad(Elementwise):
    """Degrees as radians, element by element.

    out = x * pi / 180

    Shapes    out has the shape of x.
    Gradient  dL/dx = g * pi / 180
    Keeps     nothing.
    """

    def forward(self, x):
        return np.deg2rad(x)

    def grad_x(self, g):
        return g * (math.pi / 180)


class Rad2deg(Elementwise):
    """Radians as degrees, element by element.

    out = x * 180 / pi

    Shapes    out has the shape of x.
    Gradient  dL/dx = g * 180 / pi
    Keeps     nothing.
    """

    def forward(self, x):
        return np.rad2deg(x)

    def grad_x(self, g):
        return g * (180 / math.pi)


class Arctan2(Elementwise):
    """Angle of the point (b, a), element by element.

    out = arctan(a / b) in the right quadrant, from -pi to pi

    Shapes    a and b broadcast together; out has their common shape.
    Gradient  dL/da = g * b / (a * a + b * b)
              dL/db = -g * a / (a * a + b * b), and both 0 at (0, 0), at every order, where the angle has no derivative.
    Keeps     a and b.
    """

    def forward(self, a, b):
        return np.arctan2(a, b)

    def grad_a(self, g, a, b):
        r = np.hypot(a, b)
        return g * _ratio(_ratio(b, r), r)          # not b / r**2, which overflows

    def grad_b(self, g, a, b):
        r = np.hypot(a, b)
        return -g * _ratio(_ratio(a, r), r)


class Hypot(Elementwise):
    """Length of the vector (a, b), element by element, without overflow.

    out = sqrt(a * a + b * b)

    Shapes    a and b broadcast together; out has their common shape.
    Gradient  dL/da = g * a / out
              dL/db = g * b / out, and both 0 at (0, 0), at every order, where the length has no derivative.
    Keeps     a for dL/da and b for dL/db; out.
    """

    def forward(self, a, b):
        return np.hypot(a, b)

    def grad_a(self, g, a, out):
        return g * _ratio(a, out)

    def grad_b(self, g, b, out):
        return g * _ratio(b, out)


def _ratio(a: Any, r: Any) -> Any:
    """a / r, and where r is 0 it is 0, with all its derivatives."""
    is_zero = r == 0
    return np.where(is_zero, 0, a) / np.where(is_zero, 1, r)


class Sinc(Op):
    """The cardinal sine, element by element, or one of its derivatives.

    out = the derivative of order `order` of sin(pi x) / (pi x), which is 1 at x = 0

    Shapes    out has the shape of x.
    Gradient  dL/dx = g * the derivative of the next order
    Keeps     x.
    Source    s(u) = sin(u) / u; from u s(u) = sin(u), differentiated n times, u s_n = sin(u + n pi / 2) - n s_(n-1). Near 0 the series
              s_n = sum over k of (-1)**k u**(2k - n) (2k)! / ((2k + 1)! (2k - n)!), for 2k >= n, since the recurrence loses its digits.

    A formula that takes the value at 0 by a choice, as np.sinc does, has the derivative 0 there at every order, and s_2(0) is -1/3.
    """

    order: int = 0

    def forward(self, x):
        if self.order == 0:
            return np.sinc(x)
        u = np.asarray(math.pi * x)
        near = np.abs(u) < 1 + self.order
        away = np.where(near, 1, u)         # any number but 0
        s = np.sin(away) / away
        for n in range(1, self.order + 1):
            s = (np.sin(away + n * (math.pi / 2)) - n * s) / away
        close = np.where(near, u, 0)
        series, first = np.zeros_like(close), (self.order + 1) // 2
        for k in range(first, first + 12 + 2 * self.order):
            factor = (-1) ** k / ((2 * k + 1) * math.factorial(2 * k - self.order))
            series = series + factor * close ** (2 * k - self.order)
        return (np.where(near, series, s) * math.pi**self.order).astype(x.dtype, copy=False)[()]

    def grad_x(self, g, x):
        return g * Sinc(self.order + 1).in_rule(x)


sin = public(np.sin, Sin())
cos = public(np.cos, Cos())
tan = public(np.tan, Tan())
arcsin = public(np.arcsin, Arcsin())
arccos = public(np.arccos, Arccos())
arctan = public(np.arctan, Arctan())
sinh = public(np.sinh, Sinh())
cosh = public(np.cosh, Cosh())
arcsinh = public(np.arcsinh, Arcsinh())
arccosh = public(np.arccosh, Arccosh())
arctanh = public(np.arctanh, Arctanh())
deg2rad = public(np.deg2rad, Deg2rad())
rad2deg = public(np.rad2deg, Rad2deg())
arctan2 = public(np.arctan2, Arctan2())
hypot = public(np.hypot, Hypot())
sinc = public(np.sinc, Sinc())
radians = implements(np.radians)(deg2rad)
degrees = implements(np.degrees)(rad2deg)
