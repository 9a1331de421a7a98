"""The cases of the roots of polynomials."""

from __future__ import annotations

import numpy as np

from ...ops import polynomials
from ..cases import Case, cases_of
from ..inputs import Cases


@cases_of(polynomials.Roots)
def roots_cases(rng: np.random.Generator) -> Cases:
    for p in [1.0, -6.0, 11.0, -6.0], [2.0, -1.0, -7.0, 0.0], [-0.5, 1.5], [3.0]:
        yield Case(polynomials.roots, p=np.array(p))
    yield Case(polynomials.Roots(), oracle=np.roots, p=np.array([]))
