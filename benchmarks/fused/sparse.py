"""Tables of vectors."""

from __future__ import annotations

import numpy as np

from .row import Inputs, Row


def numbers_and_table(rng: np.random.Generator, shape: tuple[int, ...]) -> Inputs:
    """shape is how many numbers there are, and the shape of the table."""
    count, rows, columns = shape
    return [rng.integers(0, rows, count), rng.standard_normal((rows, columns)).astype(np.float32)]


ROWS = tuple(
    Row("embedding", shape, numbers_and_table, lambda F, i, w: F.embedding(i, w), lambda torch, i, w: w[i])
    for shape in ((2048, 1000, 64), (4096, 10000, 128), (20000, 27, 32))
)
