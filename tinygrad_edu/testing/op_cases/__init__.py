"""The cases of the primitives, in the rooms of ops/.

Inputs stay away from kinks, ties and the ends of domains, where differences say nothing; tests/test_conventions.py is about those.
"""

from . import (
    complex_numbers,
    cumulative,
    decompositions,
    elementwise,
    exponential,
    fourier,
    index,
    interpolation,
    linalg,
    pieces,
    polynomials,
    products,
    reduce,
    shape,
    special,
    statistics,
    trigonometric,
)
