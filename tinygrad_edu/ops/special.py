"""Special functions that NumPy lacks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.op import Elementwise, public


def complementary_error_function(x: Any) -> Any:
    """erfc of an array of floating numbers, to 1e-15 of the truth: 2 / sqrt(pi) times the integral of exp(-t**2) from x to infinity.

    For z = |x|, (1 + 2 z) exp(z**2) erfc(z) is smooth up to infinity; it is a polynomial in t = (z - 3.75) / (z + 3.75), from -1 to 1,
    here the Chebyshev series of degree 23, in powers of t. Then erfc(-z) = 2 - erfc(z).

    Source    Shepherd and Laframboise (1981), Chebyshev approximation of (1 + 2x) exp(x**2) erfc x in 0 <= x < inf, Mathematics of
              Computation 36. The series is that of the function at 60 Chebyshev nodes, computed with 50 digits.
    """
    flat, out = x.ravel(), np.empty(x.size, x.dtype)
    for start in range(0, x.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        out[block] = _block_of_erfc(flat[block])
    return out.reshape(x.shape)


_BLOCK = 8192
"""How many elements are taken together: the two dozen passes over them stay in a core's own cache."""


def _block_of_erfc(x: Any) -> Any:
    z = np.abs(x)
    t = 1 - 7.5 / (z + 3.75)        # also at infinity
    polynomial = _POWERS_OF_T[-1]
    for coefficient in _POWERS_OF_T[-2::-1]:
        polynomial = polynomial * t + coefficient
    erfc_of_z = np.exp(-z * z) / (1 + 2 * z) * polynomial
    return np.where(x < 0, 2 - erfc_of_z, erfc_of_z)


# fmt: off
_POWERS_OF_T = (
    1.2375126308378275, -0.14024059858554697, 0.0035854154854790257, 0.0822767384901452, -0.10880393014244462, 0.09230432116037748,
    -0.05869339857664934, 0.028362277418956406, -0.009746579683265262, 0.0017556258528952954, 0.000293714378044958, -0.0002901540805408417,
    5.164652974177416e-05, 2.238423915508223e-05, -1.1438048033346894e-05, -9.73559896736775e-07, 1.7419821586224816e-06,
    -5.7218230603224086e-08, -2.4857126248016745e-07, 2.3263508708859124e-08, 3.197926671666804e-08, -3.744210080962018e-09,
    -2.623107347133476e-09, 3.1114333809799254e-10,
)
# fmt: on


class Erfc(Elementwise):
    """Complementary error function, element by element.

    out = 1 - erf(x) = 2 / sqrt(pi) * integral of exp(-t**2) from x to infinity

    Shapes    out has the shape of x.
    Gradient  dL/dx = -2 / sqrt(pi) * g * exp(-x**2)
    Keeps     x.
    """

    def forward(self, x):
        return complementary_error_function(x)

    def grad_x(self, g, x):
        return g * (-2 / math.sqrt(math.pi) * np.exp(-x * x))


erfc = public(None, Erfc(), "erfc")
