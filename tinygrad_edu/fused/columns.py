"""What windows on images see, as columns of a matrix: a convolution is then a product of matrices.

For the fast paths of forward and backward, which see plain arrays. An image has channels and any number of axes; a window looks at some
places of each axis, its taps. The columns of a whole batch would take as much memory as the batch times the taps, so they are made in
pieces that fit into the cache, and each piece is multiplied while it is there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .blocks import blocks

COLUMN_BYTES = 1024 * 1024
"""Of the columns that are there at a time: what a core's own cache holds."""


class Axis(NamedTuple):
    """How windows lie along one axis of an image.

    Tap t of window i is at starts[t] + stride * i. Where that is not in range(size), it is padding, and the tap sees 0.
    """

    size: int
    starts: tuple[int, ...]
    stride: int
    windows: int

    @property
    def is_plain(self) -> bool:
        """Whether the windows are the places themselves."""
        return self.starts == (0,) and self.stride == 1 and self.windows == self.size

    def part(self, windows: slice) -> tuple[slice, Axis]:
        """The places that some windows see, and how these windows lie along them."""
        starts = [start + self.stride * windows.start for start in self.starts]
        number = windows.stop - windows.start
        low = min(self.size, max(0, min(starts, default=0)))
        high = max(low, min(self.size, max(starts, default=0) + self.stride * (number - 1) + 1))
        return slice(low, high), Axis(high - low, tuple([start - low for start in starts]), self.stride, number)


class Columns:
    """What the windows on some images see: matrices in memory of their own, to be filled from images again and again, or laid on them.

    One axis after the other gets its taps, from the last to the first: (channels, images, h, w) becomes (channels, taps of w, images, h,
    windows) and then (channels, taps of h, taps of w, images, windows, windows). That is a copy for each tap of each axis, and not for
    each tap of a window; and what the last and largest step copies lies in memory in long rows. Padding is the 0 that was there from the
    start. Laying back goes the same way in the other direction, and adds.

    >>> columns = Columns(1, 2, (Axis(3, (-1, 0, 1), 1, 3),), np.dtype(float))          # three windows with three taps each
    >>> columns.fill(np.arange(1.0, 7.0).reshape(2, 1, 3))
    >>> columns.together(groups=1)
    array([[[0., 1., 2., 0., 4., 5.],
            [1., 2., 3., 4., 5., 6.],
            [2., 3., 0., 5., 6., 0.]]])
    """

    def __init__(self, channels: int, images: int, axes: tuple[Axis, ...], dtype: np.dtype) -> None:
        self.steps: list[tuple[np.ndarray, list[tuple[Any, Any]]]] = []
        shape = [images, *[axis.size for axis in axes]]
        for i, axis in reversed(list(enumerate(axes))):
            if not axis.is_plain or (i == 0 and not self.steps):
                shape[i - len(axes)] = axis.windows
                shape.insert(0, len(axis.starts))
                after = (slice(None),) * (len(axes) - 1 - i)
                copies = [((slice(None), tap, ..., windows, *after), (..., places, *after)) for tap, windows, places in inside(axis)]
                self.steps.append((np.zeros((channels, *shape), dtype), copies))
        self.shape = channels * math.prod([len(axis.starts) for axis in axes]), images, math.prod([axis.windows for axis in axes])

    def together(self, groups: int) -> np.ndarray:
        """A matrix for each group, the images side by side: (groups, channels of a group * taps, images * windows), in the memory itself."""
        rows, images, windows = self.shape
        return self.steps[-1][0].reshape(groups, rows // groups, images * windows)

    def each(self, groups: int) -> np.ndarray:
        """A matrix for each image and group: (images, groups, channels of a group * taps, windows), in the memory itself."""
        rows, images, windows = self.shape
        return self.steps[-1][0].reshape(groups, rows // groups, images, windows).transpose(2, 0, 1, 3)

    def fill(self, images: np.ndarray) -> None:
        """See images (images, channels, ...)."""
        seen = images.swapaxes(0, 1)
        for columns, copies in self.steps:
            for to, of in copies:
                columns[to] = seen[of]
            seen = columns

    def add_to(self, images: np.ndarray) -> None:
        """Add each element to the place where it would be seen."""
        targets = [images.swapaxes(0, 1), *[columns for columns, _ in self.steps[:-1]]]
        for target in targets[1:]:
            target[...] = 0
        for target, (columns, copies) in reversed(list(zip(targets, self.steps))):
            for of, to in copies:
                part = target[to]
                part += columns[of]


def pieces(
    images: int, channels: int, axes: tuple[Axis, ...], outputs: int, dtype: np.dtype
) -> Iterator[tuple[slice, slice, slice, Columns]]:
    """A batch in pieces that fit into the cache: some images with all their windows, or some windows of one image.

    What has to fit are the columns, and what their product is made of or becomes: outputs for each window.

    Gives which images, which windows along the first axis, which places of this axis they see, and memory for the columns, which the next
    piece may use again. It belongs to this batch alone, so that threads share nothing.
    """
    rows = max(channels * math.prod([len(axis.starts) for axis in axes]), outputs)
    line_bytes = rows * math.prod([axis.windows for axis in axes[1:]]) * dtype.itemsize
    memory: dict[tuple, Columns] = {}
    for some in blocks(images, axes[0].windows * line_bytes, COLUMN_BYTES):
        number = some.stop - some.start
        for windows in blocks(axes[0].windows, number * line_bytes, COLUMN_BYTES):
            places, first = axes[0].part(windows)
            if (number, first) not in memory:
                memory[number, first] = Columns(channels, number, (first, *axes[1:]), dtype)
            yield some, windows, places, memory[number, first]


@lru_cache(maxsize=4096)
def inside(axis: Axis) -> tuple[tuple[int, slice, slice], ...]:
    """For each tap the windows in which it is on the image, and the places where it is then.

    >>> inside(Axis(4, (-1, 0), 2, 2))
    ((0, slice(1, 2, None), slice(1, 2, 2)), (1, slice(0, 2, None), slice(0, 3, 2)))
    """
    found = []
    for tap, start in enumerate(axis.starts):
        first = max(0, -(start // axis.stride))
        stop = min(axis.windows, -((start - axis.size) // axis.stride))
        if first < stop:
            place = start + first * axis.stride
            found.append((tap, slice(first, stop), slice(place, place + (stop - first - 1) * axis.stride + 1, axis.stride)))
    return tuple(found)
