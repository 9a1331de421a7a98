"""Special functions that NumPy lacks, whole or in part."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.op import Elementwise, public


def complementary_error_function(x: Any) -> Any:
    """erfc of an array of floating numbers, to 1e-15 of the truth: 2 / sqrt(pi) times the integral of exp(-t**2) from x to infinity."""
    out = np.empty(x.shape, x.dtype)
    flat, flat_out = x.reshape(-1), out.reshape(-1)
    scratch = np.empty((2, min(x.size, _BLOCK)), x.dtype)
    for start in range(0, x.size, _BLOCK):      # the dozens of passes over a block stay in a core's own cache
        block, into = flat[start : start + _BLOCK], flat_out[start : start + _BLOCK]
        erfc_of_abs(into, block, *scratch[:, : block.size])
        np.subtract(2.0 * (block < 0), into, out=into, casting="same_kind")
        np.abs(into, out=into)
    return out


_BLOCK = 16384


def erfc_of_abs(out: Any, x: Any, z: Any, t: Any) -> None:
    """Write erfc(|x|) into out; z and t are for intermediate results.

    For z = |x|, (1 + 2 z) exp(z**2) erfc(z) is smooth up to infinity; it is a polynomial in t = (z - 3.75) / (z + 3.75), from -1 to 1,
    here the Chebyshev series of degree 23, or 11 for float32, in powers of t.

    Source    Shepherd and Laframboise (1981), Chebyshev approximation of (1 + 2x) exp(x**2) erfc x in 0 <= x < inf, Mathematics of
              Computation 36. The series are those of the function at 80 Chebyshev nodes, computed with 50 digits.
    """
    np.abs(x, out=z)
    np.add(z, 3.75, out=t)
    np.divide(-7.5, t, out=t)
    t += 1                                      # also at infinity
    highest, *lower = _DEGREE_11 if out.itemsize <= 4 else _DEGREE_23
    out[...] = highest
    for coefficient in lower:
        out *= t
        out += coefficient
    np.multiply(z, z, out=t)
    np.negative(t, out=t)
    np.exp(t, out=t)
    out *= t
    z *= 2
    z += 1
    out /= z


# The coefficients, that of the highest power first.
# fmt: off
_DEGREE_11 = (
    -0.00022411674674416022, 0.0003963076129893627, 0.001675912217981131, -0.009844494859674952, 0.02840925236412726,
    -0.05864685873554614, 0.09229076959130378, -0.10881427014905069, 0.08227841998347046, 0.003586270394024618,
    -0.1402406583213864, 1.2375126192677,
)
_DEGREE_23 = (
    3.1114333809799254e-10, -2.623107347133476e-09, -3.744210080962018e-09, 3.197926671666804e-08, 2.3263508708859124e-08,
    -2.4857126248016745e-07, -5.7218230603224086e-08, 1.7419821586224816e-06, -9.73559896736775e-07, -1.1438048033346894e-05,
    2.238423915508223e-05, 5.164652974177416e-05, -0.0002901540805408417, 0.000293714378044958, 0.0017556258528952954,
    -0.009746579683265262, 0.028362277418956406, -0.05869339857664934, 0.09230432116037748, -0.10880393014244462,
    0.0822767384901452, 0.0035854154854790257, -0.14024059858554697, 1.2375126308378275,
)
# fmt: on


class Erfc(Elementwise):
    """Complementary error function, element by element.

    out = 1 - erf(x) = 2 / sqrt(pi) * integral of exp(-t**2) from x to infinity

    Shapes    out has the shape of x.
    Gradient  dL/dx = -2 / sqrt(pi) * g * exp(-x**2)
    Keeps     x.
    """

    real = True

    def forward(self, x):
        return complementary_error_function(x)

    def grad_x(self, g, x):
        return g * (-2 / math.sqrt(math.pi) * np.exp(-x * x))


erfc = public(None, Erfc(), "erfc")


class ModifiedBessel(Elementwise):
    """Modified Bessel function of the first kind, of a whole order n, element by element.

    out = I_n(x) = sum over k of (x / 2)**(2 * k + n) / (k! * (k + n)!)

    Shapes    out has the shape of x.
    Gradient  dL/dx = g * (I_(n - 1)(x) + I_(n + 1)(x)) / 2, where I_(-1) = I_1
    Keeps     x.
    Source    NIST Digital Library of Mathematical Functions, 10.25.2 and 10.29.1.
    """

    order: int = 0
    real = True

    def forward(self, x):
        return np.i0(x) if self.order == 0 and x.dtype != np.longdouble else modified_bessel(self.order, x)

    def grad_x(self, g, x):
        above = ModifiedBessel(self.order + 1).in_rule(x)
        return g * (0.5 * (ModifiedBessel(self.order - 1).in_rule(x) + above) if self.order else above)


def modified_bessel(order: int, x: Any) -> Any:
    """I_order of floating numbers, by its series: all terms have one sign, so no digits are lost, and it ends where they are below the last one."""
    term = (0.5 * x) ** order / math.factorial(order)
    out, quarter, k = term, 0.25 * x * x, 0
    while np.any(abs(term) > np.finfo(x.dtype).eps * abs(out)):
        k += 1
        term = term * (quarter / (k * (k + order)))
        out = out + term
    return out


i0 = public(np.i0, ModifiedBessel(), "i0")
