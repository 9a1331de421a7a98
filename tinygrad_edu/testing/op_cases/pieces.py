"""The cases of functions of each element that have pieces."""

from __future__ import annotations

from functools import partial

import numpy as np

from ...ops import pieces
from ..cases import Case, cases_of
from ..inputs import Cases, apart, between, of_two, uniform


@cases_of(pieces.FMax)
def fmax_cases(rng: np.random.Generator) -> Cases:
    yield from of_two(pieces.fmax, apart(rng), apart(rng, 0.25))


@cases_of(pieces.FMin)
def fmin_cases(rng: np.random.Generator) -> Cases:
    yield from of_two(pieces.fmin, apart(rng), apart(rng, 0.25))


@cases_of(pieces.FMod)
def fmod_cases(rng: np.random.Generator) -> Cases:
    yield Case(pieces.fmod, a=np.array([[5.2, -5.2, 0.3]]), b=np.array([[1.7], [-1.7], [2.0]]))
    yield Case(pieces.fmod, a=np.asarray(rng.uniform(2.1, 2.9, (2, 3))), b=np.array(1.0))
    yield Case(pieces.fmod, a=np.zeros((0, 3)), b=np.ones(3))


@cases_of(pieces.Remainder)
def remainder_cases(rng: np.random.Generator) -> Cases:
    yield Case(pieces.remainder, a=np.array([[5.2, -5.2, 0.3]]), b=np.array([[1.7], [-1.7], [2.0]]))
    yield Case(pieces.remainder, a=np.asarray(rng.uniform(2.1, 2.9, (2, 3))), b=np.array(1.0))
    yield Case(pieces.remainder, a=np.zeros((0, 3)), b=np.ones(3))


@cases_of(pieces.CopySign)
def copysign_cases(rng: np.random.Generator) -> Cases:
    yield from of_two(pieces.copysign, apart(rng, 0.2), apart(rng, 0.25))


@cases_of(pieces.Heaviside)
def heaviside_cases(rng: np.random.Generator) -> Cases:
    yield from of_two(pieces.heaviside, apart(rng, 0.2), partial(uniform, rng))
    yield Case(pieces.heaviside, constants=("a",), a=np.array([0.0, 1.0, -1.0]), b=uniform(rng, (2, 3)))


@cases_of(pieces.ScaleByPower)
def scale_by_power_cases(rng: np.random.Generator) -> Cases:
    for shape in (2, 3), ():
        exponent = np.array([1, -2, 0]) if shape else np.array(3)
        yield Case(pieces.ldexp, x=between(rng, -2, 2)(shape), exponent=exponent)
    yield Case(pieces.ldexp, x=between(rng, -2, 2)((2, 1)), exponent=np.array([1, -2, 0]))
    yield Case(pieces.ldexp, x=np.zeros((0, 3)), exponent=np.array([1, -2, 0]))
