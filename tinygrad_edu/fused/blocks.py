"""Large arrays in pieces that fit into the cache: several passes over a piece cost little more than one.

For the fast paths of forward and backward, which see plain arrays. What a pass over a whole array of many megabytes costs is reading and
writing memory; a block stays in the processor's cache from the first pass to the last.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

BLOCK_BYTES = 128 * 1024
"""Of one array; a kernel works on two to four at a time, and a core's own cache has about a megabyte."""


def blocks(rows: int, row_bytes: int, block_bytes: int = BLOCK_BYTES) -> Iterator[slice]:
    """Slices of consecutive rows, each of about block_bytes and of one row at least, that cover all rows.

    >>> list(blocks(5, 100, block_bytes=200))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    step = max(1, block_bytes // max(1, row_bytes))
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def flat_blocks(*arrays: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Pieces of arrays that have one shape and lie in memory without gaps, in C order: the same elements of each, as views.

    >>> x = np.arange(6.0).reshape(2, 3)
    >>> out = np.empty_like(x)
    >>> for piece, result in flat_blocks(x, out):
    ...     _ = np.negative(piece, out=result)
    ...     result += 1
    >>> out
    array([[ 1.,  0., -1.],
           [-2., -3., -4.]])
    """
    flat = [array.reshape(-1) for array in arrays]
    return (tuple([array[piece] for array in flat]) for piece in blocks(flat[0].size, flat[0].itemsize))
