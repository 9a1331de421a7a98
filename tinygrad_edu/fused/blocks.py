"""Large arrays in pieces that fit into the cache: several passes over a piece cost little more than one.

For the fast paths of forward and backward, which see plain arrays. What a pass over a whole array of many megabytes costs is reading and
writing memory; a block stays in the processor's cache from the first pass to the last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

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


def by_channel(array: np.ndarray) -> np.ndarray:
    """An array (N, C, ...) as (N, C, M), where M is the size of an image, or 1."""
    return array.reshape(*array.shape[:2], math.prod(array.shape[2:]))


def scratch_for(array: np.ndarray, block_bytes: int = BLOCK_BYTES) -> np.ndarray:
    """Room for the largest of the blocks of rows of an array."""
    return np.empty((next(blocks(len(array), array[0].nbytes, block_bytes)).stop, *array.shape[1:]), array.dtype)


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


def row_blocks(axis: int, *arrays: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Pieces of arrays of one shape in which the lines along axis are rows: the last axis of a piece is that axis.

    An array may have size 1 there, such as one of sums. Pieces of arrays that lie in memory without gaps, as new ones do, are views.

    >>> x, sums = np.arange(6.0).reshape(2, 3), np.empty((1, 3))
    >>> for rows, sums_of_rows in row_blocks(0, x, sums):
    ...     _ = np.sum(rows, axis=-1, keepdims=True, out=sums_of_rows)
    >>> sums
    array([[3., 5., 7.]])
    """
    before, length, after = arrays[0].shape[:axis], arrays[0].shape[axis], arrays[0].shape[axis:][1:]
    outer, inner = math.prod(before), math.prod(after)
    lines = [array.reshape(outer, array.shape[axis], inner).swapaxes(1, 2) for array in arrays]
    if inner == 1:
        lines = [array[:, 0] for array in lines]
    # Twice as large as those of elements: the kernels work on two arrays, and each call has something to do for each row.
    return ([array[piece] for array in lines] for piece in blocks(outer, length * inner * arrays[0].itemsize, 2 * BLOCK_BYTES))


def row_sums(a: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
    """The sum of each row of a, or of a * b, as a column."""
    if a.strides[-1] != a.itemsize:
        return np.sum(a if b is None else a * b, axis=-1, keepdims=True)
    return np.vecdot(a, np.ones(a.shape[-1], a.dtype) if b is None else b)[..., None]


def filled(kernel: Callable[..., Any], *arrays: Any, scratch: int = 0) -> np.ndarray:
    """A new array that kernel(out, *arrays, *scratch) fills, element by element; it is called for one piece after the other.

    Arrays broadcast to the shape of the first, which is that of the result; its dtype is floating, also for integers. Scratch is that
    many arrays more, as long as a piece, for what the kernel computes on the way.

    >>> def squared_distance(out, a, b):
    ...     np.subtract(a, b, out=out)
    ...     out *= out
    >>> filled(squared_distance, np.array([3, 5]), np.array([1, 1]))
    array([ 4., 16.])
    """
    out = np.empty(arrays[0].shape, np.result_type(1.0, *arrays))
    flat = out.reshape(-1)
    for block, pieces in _pieces(out.shape, out.dtype, arrays, scratch):
        kernel(flat[block], *pieces)
    return out


def total(kernel: Callable[..., Any], *arrays: Any, scratch: int = 0) -> Any:
    """The sum of what kernel(*arrays, *scratch) returns for each piece.

    >>> total(np.dot, np.array([1.0, 2.0]), np.array([3.0, 4.0])).item()
    11.0
    """
    dtype = np.result_type(1.0, *arrays)
    sums = [kernel(*pieces) for _, pieces in _pieces(arrays[0].shape, dtype, arrays, scratch)]
    return np.add.reduce(np.array(sums, dtype))


def _pieces(
    shape: tuple[int, ...], dtype: np.dtype, arrays: tuple[Any, ...], scratch: int
) -> Iterator[tuple[slice, list[np.ndarray]]]:
    """Which piece it is, and the piece of each array and of each scratch. A number goes with every piece."""
    size = math.prod(shape)
    flat = [_flat(array, shape) for array in arrays]
    spare = [np.empty(min(size, BLOCK_BYTES // dtype.itemsize), dtype) for _ in range(scratch)]
    for block in blocks(size, dtype.itemsize):
        length = block.stop - block.start
        yield block, [array[block] if array.ndim else array for array in flat] + [array[:length] for array in spare]


def _flat(array: Any, shape: tuple[int, ...]) -> Any:
    """An array, broadcast to shape, as one row: a view of what lies in memory without gaps."""
    if array.shape != shape:
        if not array.ndim:
            return array
        array = np.broadcast_to(array, shape)
    return array.reshape(-1)
