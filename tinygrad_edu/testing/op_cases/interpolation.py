"""The cases of interpolation."""

from __future__ import annotations

import numpy as np

from ...ops import interpolation
from ..cases import Case, cases_of
from ..inputs import Cases, uniform


@cases_of(interpolation.Interp)
def interp_cases(rng: np.random.Generator) -> Cases:
    points = np.array([-1.0, 0.0, 0.5, 2.0])
    for x in rng.uniform(-0.9, 1.9, (2, 3)) + 1e-3, np.array([-3.0, 0.25, 5.0]), np.array(0.75), np.zeros((0, 2)):
        yield Case(interpolation.interp, x=x, xp=points, fp=uniform(rng, 4))
    yield Case(interpolation.interp, x=np.array([0.5, 1.5]), xp=np.array([1.0]), fp=uniform(rng, 1))
