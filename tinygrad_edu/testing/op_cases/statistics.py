"""The cases of order statistics."""

from __future__ import annotations

import numpy as np

from ...ops import statistics
from ..cases import Case, cases_of
from ..inputs import Cases, apart


@cases_of(statistics.OrderStatistic)
def order_statistic_cases(rng: np.random.Generator) -> Cases:
    for shape, rank in (((4,), [0, 3]), ((2, 5), [[2], [4]]), ((2, 3), [[0, 1, 1, 2], [2, 0, 0, 1]]), ((0, 3), np.zeros((0, 2), int))):
        yield Case(
            statistics.OrderStatistic(),
            oracle=lambda x, rank: np.take_along_axis(np.sort(x, axis=-1), rank, -1),
            x=apart(rng, 0.2)(shape),
            rank=np.array(rank),
        )
