"""The cases of functions that only complex numbers need. How the other ops treat these, tests/test_complex.py looks at, for every op."""

from __future__ import annotations

import numpy as np

from ...ops import complex_numbers
from ..cases import Case, cases_of
from ..inputs import SHAPES, Cases, uniform


def complex_uniform(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers with a real and an imaginary part from -2 to 2."""
    return np.asarray(uniform(rng, shape) + 1j * uniform(rng, shape))


@cases_of(complex_numbers.Conjugate)
def conjugate_cases(rng: np.random.Generator) -> Cases:
    for shape in SHAPES:
        yield Case(complex_numbers.conjugate, x=complex_uniform(rng, shape))
    yield Case(complex_numbers.conjugate, x=uniform(rng, (2, 3)))


@cases_of(complex_numbers.Real)
def real_cases(rng: np.random.Generator) -> Cases:
    for shape in SHAPES:
        yield Case(complex_numbers.real, x=complex_uniform(rng, shape))


@cases_of(complex_numbers.Imaginary)
def imaginary_cases(rng: np.random.Generator) -> Cases:
    for shape in SHAPES:
        yield Case(complex_numbers.imag, x=complex_uniform(rng, shape))
