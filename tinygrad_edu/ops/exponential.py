"""Roots, powers and logarithms to other bases, and sums of exponentials."""

from __future__ import annotations

import math

import numpy as np

from ..engine.op import Elementwise, public

_LOG_2, _LOG_10 = math.log(2), math.log(10)


class Exp2(Elementwise):
    """Power of two, element by element.

    out = 2**x

    Shapes    out has the shape of x.
    Gradient  dL/dx = g * out * log(2)
    Keeps     out, and not x.
    """

    def forward(self, x):
        return np.exp2(x)

    def grad_x(self, g, out):
        return g * (out * _LOG_2)


class Expm1(Elementwise):
    """Exponential minus 1, element by element, also where x is tiny.

    out = e**x - 1

    Shapes    out has the shape of x.
    Gradient  dL/dx = g * e**x, and not g * (out + 1), which has no digits left where out is next to -1.
    Keeps     x.
    """

    def forward(self, x):
        return np.expm1(x)

    def grad_x(self, g, x):
        return g * np.exp(x)


class Log2(Elementwise):
    """Logarithm to the base 2, element by element.

    out = log(x) / log(2)

    Shapes    out has the shape of x.
    Gradient  dL/dx = g / (x * log(2))
    Keeps     x.
    """

    def forward(self, x):
        return np.log2(x)

    def grad_x(self, g, x):
        return g / (x * _LOG_2)


class Log10(Elementwise):
    """Logarithm to the base 10, element by element.

    out = log(x) / log(10)

    Shapes    out has the shape of x.
    Gradient  dL/dx = g / (x * log(10))
    Keeps     x.
    """

    def forward(self, x):
        return np.log10(x)

    def grad_x(self, g, x):
        return g / (x * _LOG_10)


class Cbrt(Elementwise):
    """Cube root, element by element, of negative numbers too.

    out = x**(1/3)

    Shapes    out has the shape of x.
    Gradient  dL/dx = g / (3 * out * out), infinite at 0.
    Keeps     out, and not x.
    """

    def forward(self, x):
        return np.cbrt(x)

    def grad_x(self, g, out):
        return g / (3 * out * out)


class Reciprocal(Elementwise):
    """Reciprocal, element by element.

    out = 1 / x

    Shapes    out has the shape of x.
    Gradient  dL/dx = -g * out * out
    Keeps     out, and not x.
    """

    def forward(self, x):
        return np.reciprocal(x)

    def grad_x(self, g, out):
        return -g * out * out


class LogAddExp(Elementwise):
    """Logarithm of the sum of two exponentials, element by element, without overflow.

    out = log(e**a + e**b)

    Shapes    a and b broadcast together; out has their common shape.
    Gradient  dL/da = g * e**(a - out)
              dL/db = g * e**(b - out), and both 0 where a and b are -inf.
    Keeps     a for dL/da and b for dL/db; out.
    """

    def forward(self, a, b):
        return np.logaddexp(a, b)

    def grad_a(self, g, a, out):
        return g * np.exp(a - _without_minus_infinity(out))

    def grad_b(self, g, b, out):
        return g * np.exp(b - _without_minus_infinity(out))


class LogAddExp2(Elementwise):
    """Logarithm to the base 2 of the sum of two powers of 2, element by element, without overflow.

    out = log2(2**a + 2**b)

    Shapes    a and b broadcast together; out has their common shape.
    Gradient  dL/da = g * 2**(a - out)
              dL/db = g * 2**(b - out), and both 0 where a and b are -inf.
    Keeps     a for dL/da and b for dL/db; out.
    """

    def forward(self, a, b):
        return np.logaddexp2(a, b)

    def grad_a(self, g, a, out):
        return g * np.exp2(a - _without_minus_infinity(out))

    def grad_b(self, g, b, out):
        return g * np.exp2(b - _without_minus_infinity(out))


def _without_minus_infinity(out):
    """out, with 0 in place of -inf: -inf minus -inf is NaN."""
    return np.where(out == -np.inf, 0, out)


exp2 = public(np.exp2, Exp2())
expm1 = public(np.expm1, Expm1())
log2 = public(np.log2, Log2())
log10 = public(np.log10, Log10())
cbrt = public(np.cbrt, Cbrt())
reciprocal = public(np.reciprocal, Reciprocal())
logaddexp = public(np.logaddexp, LogAddExp())
logaddexp2 = public(np.logaddexp2, LogAddExp2())
