"""The cases of dropout."""

from __future__ import annotations

import numpy as np

from ...fused.dropout import Dropout
from ..cases import Case, cases_of
from ..inputs import SHAPES, Cases, uniform


@cases_of(Dropout)
def dropout_cases(rng: np.random.Generator) -> Cases:
    for p in 0.25, 0.5, 1.0:
        for x_shape in SHAPES:
            yield Case(
                Dropout(p),
                oracle=lambda x, mask, p=p: np.where(mask, x / (1 - p), 0) if p < 1 else np.zeros_like(x),
                x=uniform(rng, x_shape),
                mask=np.asarray(rng.uniform(size=x_shape) >= p),
            )
