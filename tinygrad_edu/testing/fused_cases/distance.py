"""The cases of distances."""

from __future__ import annotations

import numpy as np

from ...fused.cdist import CDist, cdist
from ..cases import Case, cases_of
from ..inputs import Cases, apart, uniform


def pair_by_pair(x1: np.ndarray, x2: np.ndarray, p: float) -> np.ndarray:
    differences = np.abs(x1[..., :, None, :] - x2[..., None, :, :])
    return np.max(differences, axis=-1) if np.isinf(p) else np.sum(differences**p, axis=-1) ** x1.dtype.type(1 / p)


@cases_of(CDist)
def cdist_cases(rng: np.random.Generator) -> Cases:
    for p in 2.0, 1.0, 3.0, 1.5, np.inf:
        for x1_shape, x2_shape in ((3, 2), (4, 2)), ((2, 2, 3), (2, 3, 3)), ((1, 1), (2, 1)), ((0, 2), (3, 2)):
            # Where two elements are equal there may be a kink; for inf, where two differences are.
            x1, x2 = (uniform(rng, shape) if p == np.inf else apart(rng, k / 5)(shape) for k, shape in enumerate((x1_shape, x2_shape)))
            yield Case(CDist(p), oracle=lambda x1, x2, p=p: pair_by_pair(x1, x2, p), x1=x1, x2=x2)
    yield Case(CDist(), oracle=lambda x1, x2: pair_by_pair(x1, x2, 2), x1=uniform(rng, (3, 9)), x2=uniform(rng, (4, 9)))
    near = uniform(rng, (3, 9))
    yield Case(
        CDist(),
        oracle=lambda x1, x2: pair_by_pair(x1, x2, 2),
        name="cdist of vectors some of which are near each other",
        x1=near,
        x2=np.concatenate([near[:1] + 0.1, uniform(rng, (3, 9))]),
    )
    yield Case(
        lambda x1, x2: cdist(x1, x2),
        oracle=lambda x1, x2: pair_by_pair(x1, x2, 2),
        name="cdist of (2, 1, 2, 3) and (3, 2, 3)",
        x1=uniform(rng, (2, 1, 2, 3)),
        x2=uniform(rng, (3, 2, 3)),
    )
