"""The cases of special functions."""

from __future__ import annotations

import math

import numpy as np

from ...ops import special
from ..cases import Case, cases_of
from ..inputs import SHAPES, Cases, uniform


@cases_of(special.Erfc)
def erfc_cases(rng: np.random.Generator) -> Cases:
    by_definition = np.vectorize(math.erfc, otypes="d")
    for x_shape in SHAPES:
        yield Case(special.erfc, oracle=lambda x: np.asarray(by_definition(x), x.dtype), x=uniform(rng, x_shape))
    yield Case(special.erfc, oracle=lambda x: np.array([0.0, 2.0], x.dtype), name="erfc of +-800", x=np.array([800.0, -800.0]))


@cases_of(special.ModifiedBessel)
def modified_bessel_cases(rng: np.random.Generator) -> Cases:
    angle = (np.arange(64) + 0.5) * (math.pi / 64)

    def by_integral(x: np.ndarray, order: int) -> np.ndarray:
        """The mean of exp(x * cos(angle)) * cos(order * angle)."""
        return np.asarray((np.exp(x[..., None] * np.cos(angle)) * np.cos(order * angle)).mean(axis=-1), x.dtype)

    for x_shape in SHAPES:
        yield Case(special.i0, x=uniform(rng, x_shape))
    for order in 1, 3:
        op = special.ModifiedBessel(order)
        yield Case(op, oracle=lambda x, order=order: by_integral(x, order), x=np.array([0.0, -0.5, 9.0, 30.0, -1.5]))
