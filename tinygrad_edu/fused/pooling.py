"""Maximum and mean over windows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..engine.op import Fused
from ..engine.tensor import Tensor
from ..ops.index import scatter, split
from .blocks import blocks

BLOCK_BYTES = 1024 * 1024
"""Of planes; the steps along rows of a few elements are so many that larger blocks than elsewhere pay."""


class Tap(NamedTuple):
    """One place of the window, for all windows along an axis that have an element there: their elements, and which windows they are."""

    place: int
    source: slice
    target: slice
    is_first: bool
    """Whether it is the first place where these windows have an element."""


class Pooling(Fused):
    """What poolings share: where the windows lie. They are over the last axes, as many as kernel_size has numbers.

    Along each of these axes window i is at i * stride - padding + t * dilation for t < kernel_size, where x has an element.
    The number of windows is 1 + (n + 2 * padding - dilation * (kernel_size - 1) - 1) / stride, rounded down, or with ceil_mode up,
    but for a last window that would begin behind the last element.
    """

    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    ceil_mode: bool = False

    def out_shape(self, x_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape that x_shape becomes."""
        lead = len(x_shape) - len(self.kernel_size)
        return (*x_shape[:lead], *(self.count(i, n) for i, n in enumerate(x_shape[lead:])))

    def count(self, i: int, n: int) -> int:
        """How many windows there are along axis i of those that are pooled, if it has n elements."""
        stride, padding = self.stride[i], self.padding[i]
        room = n + 2 * padding - self.dilation[i] * (self.kernel_size[i] - 1) - 1
        if not self.ceil_mode:
            return room // stride + 1
        count = -(-room // stride) + 1
        return count - ((count - 1) * stride >= n + padding)

    def taps(self, i: int, n: int) -> Iterator[Tap]:
        """The taps along axis i of those that are pooled, if it has n elements, in order."""
        stride, begun = self.stride[i], self.count(i, n)        # the windows from this one on have had an element
        for t in range(self.kernel_size[i]):
            start = t * self.dilation[i] - self.padding[i]      # where window 0 has place t
            low = max(0, -(start // stride))
            high = min(self.count(i, n), -((start - n) // stride))
            for first, last, is_first in (low, min(begun, high), True), (max(low, begun), high, False):
                if first < last:
                    source = slice(start + first * stride, start + (last - 1) * stride + 1, stride)
                    yield Tap(t, source, slice(first, last), is_first)
            begun = min(begun, low)


def along(axis: int, part: Any) -> tuple:
    """The index that takes part along an axis."""
    return (slice(None),) * axis + (part,)


def planes(a: np.ndarray, axes: int) -> np.ndarray:
    """a with the axes before the last few taken together as one; not by -1, which an array of size 0 leaves open."""
    lead = a.ndim - axes
    return a.reshape(math.prod(a.shape[:lead]), *a.shape[lead:])


class MaxPool(Pooling):
    """Largest element of each window; NaN if one is NaN.

    out[..., i] = max of x[..., i * stride - padding + t * dilation] over t < kernel_size, and so along each of the last axes

    Shapes    x (..., n1, n2, ...), out (..., m1, m2, ...): see Pooling. Each window has an element of x.
    Gradient  dL/dx = for each window g, at its largest element, the first in reading order if several are; 0 elsewhere.
    Keeps     place, which element of the window it is, one byte for each window; x for composed, which ReLU before it keeps as well.
    Source    Zhou and Chellappa (1988), Computation of optical flow using a neural network.

    The maximum is taken along the last axis first, then along the one before it of these maxima, and so on: that is less work, and the
    first of equal elements along each axis is the first in reading order.
    """

    def forward(self, x):
        axes = len(self.kernel_size)
        out = np.empty(self.out_shape(x.shape), x.dtype)
        place = np.empty(out.shape, np.min_scalar_type(math.prod(self.kernel_size) - 1))
        x, largest, where = planes(x, axes), planes(out, axes), planes(place, axes)
        taps = [list(self.taps(i, n)) for i, n in enumerate(x.shape[1:])]
        for piece in blocks(len(x), x[:1].nbytes, BLOCK_BYTES):
            largest[piece], where[piece] = self.largest(x[piece], taps, place.dtype)
        return out, {"place": place}

    def largest(self, x, taps, dtype):
        """The maximum of each window of a piece of x, and its place in the window, counted in reading order."""
        where, places = None, 1
        has_nan = np.isnan(np.max(x))
        for i in reversed(range(len(self.kernel_size))):
            axis = x.ndim - len(self.kernel_size) + i
            shape = (*x.shape[:axis], self.count(i, x.shape[axis]), *x.shape[axis + 1 :])
            out, out_where = np.empty(shape, x.dtype), np.empty(shape, dtype)
            for tap in taps[i]:
                source, target = along(axis, tap.source), along(axis, tap.target)
                new_where = dtype.type(tap.place * places)
                if where is not None:
                    new_where = where[source] + new_where
                if tap.is_first:
                    out[target], out_where[target] = x[source], new_where
                    continue
                old, new = out[target], x[source].copy()            # without gaps in memory the rest is many times quicker
                is_larger = new > old
                if has_nan:
                    is_larger |= np.isnan(new) & ~np.isnan(old)
                np.maximum(old, new, out=old)
                np.maximum(out_where[target], is_larger * new_where, out=out_where[target])     # a later place is a larger number
            x, where = out, out_where
            places *= self.kernel_size[i]
        return x, where

    def backward(self, g, x_shape, place):
        axes = len(self.kernel_size)
        grad = np.zeros(x_shape, g.dtype)
        g, place, result = planes(g, axes), planes(place, axes), planes(grad, axes)
        corner, steps = self.flat(x_shape[-axes:], g.shape[1:])
        overlap = any(d * (k - 1) >= s for k, s, d in zip(self.kernel_size, self.stride, self.dilation))
        for piece in blocks(len(g), result[:1].nbytes, BLOCK_BYTES):
            part = result[piece].reshape(-1)
            if not piece.start:
                corners = corner + np.arange(0, part.size, result[0].size).reshape(-1, *(1,) * axes)
            index = steps.take(place[piece], mode="clip")           # which does not check each
            index += corners[: len(index)]
            if overlap:
                np.add.at(part, index.reshape(-1), g[piece].reshape(-1))
            else:
                part[index.reshape(-1)] = g[piece].reshape(-1)
        return (grad,)

    def flat(self, sizes, counts):
        """Where the windows of a plane begin, and how far each place is from there, as indices of the flattened plane."""
        corner, steps = np.zeros(1, int), np.zeros(1, int)
        for i, (n, count) in enumerate(zip(sizes, counts)):
            along = np.arange(count) * self.stride[i] - self.padding[i]
            corner = np.expand_dims(corner * n, -1) + along
            steps = np.add.outer(steps * n, np.arange(self.kernel_size[i]) * self.dilation[i]).reshape(-1)
        return corner[0], steps

    def composed(self, x):
        for i in reversed(range(len(self.kernel_size))):
            axis = x.ndim - len(self.kernel_size) + i
            largest, *rest = [x[along(axis, part)] for part in self.places(i, x.shape[axis])]
            for new in rest:
                is_larger = (new > largest) | (np.isnan(new) & ~np.isnan(largest))
                largest = np.where(is_larger, new, largest)
            x = largest
        return x

    def places(self, i, n):
        """For each place of the window what to take along axis i, of n elements, for all windows at once.

        Before the first element of a window it is that one, behind the last that: an element twice changes no maximum.
        """
        taps, dilation = list(self.taps(i, n)), self.dilation[i]
        start = np.arange(self.count(i, n)) * self.stride[i] - self.padding[i]
        if len(taps) == self.kernel_size[i] and all(tap.target == slice(0, len(start)) for tap in taps):
            return [tap.source for tap in taps]
        first, last = np.maximum(0, -(start // dilation)), (n - 1 - start) // dilation
        return [start + np.clip(t, first, last) * dilation for t in range(self.kernel_size[i])]


class Averaging(Pooling):
    """What average pooling and its adjoint share: how many elements are averaged.

    count_include_pad says whether the padding of a window counts; divisor_override, if it is not 0, is the number for all windows.
    """

    count_include_pad: bool = True
    divisor_override: int = 0

    def divisor(self, sizes: tuple[int, ...], dtype: np.dtype) -> Any:
        """How many elements are averaged in each window of planes with these sizes."""
        if self.divisor_override:
            return dtype.type(self.divisor_override)
        counted: Any = np.ones((), dtype)
        for i, n in enumerate(sizes):
            padding = self.padding[i]
            start = np.arange(self.count(i, n)) * self.stride[i] - padding
            end = np.minimum(start + self.kernel_size[i], n + padding)
            if not self.count_include_pad:
                start, end = np.maximum(start, 0), np.minimum(end, n)
            counted = np.multiply.outer(counted, (end - start).astype(dtype))
        return counted


class AveragePool(Averaging):
    """Mean of each window.

    out[..., i] = sum of x[..., i * stride - padding + t] over t < kernel_size / divisor[i], and so along each of the last axes

    Shapes    x (..., n1, n2, ...), out (..., m1, m2, ...): see Pooling. divisor is that of Averaging.
    Gradient  dL/dx = for each window g / divisor, at each of its elements, which is AveragePoolAdjoint(g).
    Keeps     the shape of x, no array.
    Source    LeCun et al. (1998), Gradient-based learning applied to document recognition, section II.
    """

    def forward(self, x):
        axes = len(self.kernel_size)
        out = np.empty(self.out_shape(x.shape), x.dtype)
        divisor = self.divisor(x.shape[x.ndim - axes :], x.dtype)
        x, result = planes(x, axes), planes(out, axes)
        for piece in blocks(len(x), x[:1].nbytes, BLOCK_BYTES):
            np.divide(self.sums(x[piece]), divisor, out=result[piece])
        return out

    def sums(self, x):
        """The sum of each window of a piece of x."""
        for i in range(len(self.kernel_size)):
            n = x.shape[i + 1]
            out = np.empty((*x.shape[: i + 1], self.count(i, n), *x.shape[i + 2 :]), x.dtype)
            for tap in self.taps(i, n):
                part = out[along(i + 1, tap.target)]
                if tap.is_first:
                    part[...] = x[along(i + 1, tap.source)]
                else:
                    part += x[along(i + 1, tap.source)]
            x = out
        return x

    def grad_x(self, g, x_shape):
        settings = (getattr(self, field) for field in self.fields)
        adjoint = AveragePoolAdjoint(*settings, x_shape[len(x_shape) - len(self.kernel_size) :])
        return adjoint(g) if isinstance(g, Tensor) else adjoint.forward(g)

    def composed(self, x):
        sizes = x.shape[x.ndim - len(self.kernel_size) :]
        for i, n in enumerate(sizes):
            axis = x.ndim - len(sizes) + i
            shape, total = (*x.shape[:axis], self.count(i, n), *x.shape[axis + 1 :]), None
            for tap in self.taps(i, n):
                part = x[along(axis, tap.source)]
                if part.shape != shape:
                    part = scatter(part, split(along(axis, tap.target))[0], (), shape)
                total = part if total is None else total + part
            x = total
        return x / self.divisor(sizes, x.dtype)


class AveragePoolAdjoint(Averaging):
    """The adjoint of average pooling: each number, divided, at all elements of its window; what is in several windows gets the sum.

    out = sum over i of x[..., i] / divisor[i] at i * stride - padding + t for t < kernel_size, and so along each of the last axes

    Shapes    x (..., m1, m2, ...), out (..., n1, n2, ...) with sizes = (n1, n2, ...). divisor is that of Averaging.
    Gradient  dL/dx = AveragePool(g)
    Keeps     nothing.
    Source    that of AveragePool.
    """

    sizes: tuple[int, ...] = ()

    def forward(self, x):
        axes = len(self.sizes)
        out = np.empty((*x.shape[: x.ndim - axes], *self.sizes), x.dtype)
        divisor = self.divisor(self.sizes, x.dtype)
        x, result = planes(x, axes), planes(out, axes)
        for piece in blocks(len(x), result[:1].nbytes, BLOCK_BYTES):
            part = x[piece] / divisor
            for i in reversed(range(axes)):
                spread = np.zeros((*part.shape[: i + 1], self.sizes[i], *part.shape[i + 2 :]), x.dtype)
                for tap in self.taps(i, self.sizes[i]):
                    spread[along(i + 1, tap.source)] += part[along(i + 1, tap.target)]
                part = spread
            result[piece] = part
        return out

    def grad_x(self, g):
        settings = [getattr(self, field) for field in self.fields]
        pooling = AveragePool(*settings[:-1])
        return pooling(g) if isinstance(g, Tensor) else pooling.forward(g)

    def composed(self, x):
        x = x / self.divisor(self.sizes, x.dtype)
        for i in reversed(range(len(self.sizes))):
            axis = x.ndim - len(self.sizes) + i
            shape, total = (*x.shape[:axis], self.sizes[i], *x.shape[axis + 1 :]), None
            for tap in self.taps(i, self.sizes[i]):
                part = scatter(x[along(axis, tap.target)], split(along(axis, tap.source))[0], (), shape)
                total = part if total is None else total + part
            x = total
        return x
