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
