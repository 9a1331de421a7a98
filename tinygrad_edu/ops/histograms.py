"""What falls into which bin: how much, or the sum of its weights; and the edges of the bins.

The bin of an element does not move with it, so a count has no gradient. A sum is linear in the weights. Edges that NumPy puts in even steps
between the smallest and the largest element move with these two, and a density with them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.op import implements
from ..engine.tensor import Tensor, wrap
from .cumulative import diff
from .elementwise import astype
from .index import ARRAY, Scatter, getitem
from .operands import arrays_of, in_dtype
from .rearranging import atleast_2d
from .reduce import max, min
from .shape import ndim, ravel, reshape, stack, transpose
from .spacing import linspace


@implements(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Tensor:
    """How often each whole number is in x, or the sum of the weights of those that are it; float64 with weights, which get the gradient.

    Parameters
        x          whole numbers from 0, along one axis.
        weights    as many numbers.
        minlength  the result has at least this many elements.
    Raises ValueError for numbers below 0, other axes, or another number of weights; TypeError for what is not whole, or complex weights.

    >>> bincount(Tensor([0, 2, 2]), weights=Tensor([0.5, 1.0, 2.0]))
    Tensor([0.5, 0. , 3. ], dtype=float64)
    """
    x = arrays_of(x)
    found = np.bincount(x, arrays_of(weights), minlength)
    return _sums(weights, [np.asarray(x, np.intp)], found.shape) if _moves(weights) else wrap(found)


@implements(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Tensor:
    """The edges of the bins that histogram uses.

    >>> histogram_bin_edges(Tensor([1.0, 4.0, 2.0]), bins=3)
    Tensor([1., 2., 3., 4.])
    """
    found = np.histogram_bin_edges(*arrays_of((a, bins, range, weights)))
    return _edges(found, a, bins, range)


@implements(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> tuple[Tensor, Tensor]:
    """How much of a falls into each bin, and the edges of the bins.

    Parameters
        a        of any shape.
        bins     how many, in even steps; or NumPy's name of a rule that says how many; or their edges, which the next one begins at.
        range    the first and the last edge, by default the smallest and the largest element.
        density  whether to divide by the width of a bin and by the sum of all.
        weights  of the elements, in the shape of a: each bin has the sum of those that fall into it, in their dtype.
    Returns (counts, edges). Edges in even steps have the gradient of their ends, and a density that of the widths.
    Raises ValueError for bins and ranges that there are not, and for weights of another shape.

    >>> histogram(Tensor([1.0, 4.0, 2.0]), bins=[0.0, 2.0, 4.0], weights=Tensor([0.5, 1.0, 2.0]))
    (Tensor([0.5, 3. ]), Tensor([0., 2., 4.], dtype=float64))
    """
    edges = histogram_bin_edges(a, bins, range, weights)
    places = _places(np.ravel(arrays_of(a)), edges.data)
    weights = weights if weights is None else ravel(in_dtype(weights))
    counts = _sums(weights, [places - 1], (edges.size - 1,))
    counts = counts if weights is None else counts.astype(weights.dtype, copy=False)
    return (_density(counts, [edges]) if density else counts), edges


@implements(np.histogramdd)
def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """How many of the rows of sample fall into each cell of a grid, in float64, and a tuple of its edges along each axis.

    Parameters
        sample   (n, d): n points; or a list of the d coordinates of all points.
        bins     as in histogram, for all axes or a list for each, but no names.
        range    a pair for each axis, or None for the smallest and the largest element.
        density  whether to divide by the volume of a cell and by the sum of all.
        weights  of the points, real numbers.

    >>> histogramdd(Tensor([[0.0, 0.0], [2.0, 1.0]]), bins=(2, 1), weights=Tensor([0.5, 1.0]))[0]
    Tensor([[0.5],
            [1. ]], dtype=float64)
    """
    coordinates = isinstance(sample, (list, tuple)) and any(isinstance(row, Tensor) for row in sample)
    points = in_dtype(stack(sample) if coordinates else sample)
    points = points if points.ndim == 2 and not isinstance(sample, (list, tuple)) else transpose(atleast_2d(points))
    found, along = np.histogramdd(points.data, *arrays_of((bins, range, density, weights)))
    axes = list(points.T)
    edges = tuple(map(_edges, along, axes, bins if _are_many(bins) else [bins] * len(axes), [None] * len(axes) if range is None else range))
    if not any(map(_moves, (weights, *(edges if density else ())))):
        return wrap(found), edges
    places = [_places(x.data, borders) - 1 for x, borders in zip(axes, along)]
    weights = weights if weights is None else in_dtype(weights)
    counts = _sums(weights, places, found.shape).astype(np.float64, copy=False)
    return (_density(counts, edges) if density else counts), edges


@implements(np.histogram2d)
def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[Tensor, Tensor, Tensor]:
    """How many of the points (x, y) fall into each cell of a grid, and its edges along both axes: see histogramdd.

    >>> histogram2d(Tensor([0.0, 2.0]), Tensor([0.0, 1.0]), bins=(2, 1))[0]
    Tensor([[1.],
            [1.]], dtype=float64)
    """
    if len(x) != len(y):
        raise ValueError(f"histogram2d: x has {len(x)} elements and y has {len(y)}; they need to be as many")
    bins = [bins, bins] if _are_many(bins) and len(bins) not in (1, 2) else bins
    counts, edges = histogramdd([in_dtype(x), in_dtype(y)], bins, range, density, weights)
    return counts, *edges


def _places(x: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """In which bin each element is, counted from 1: 0 before the first edge, one more than there are behind the last, which is in its bin."""
    places = np.searchsorted(edges, x, "right")
    places[x == edges[-1]] -= 1
    return places


def _sums(weights: Tensor | None, places: Sequence[np.ndarray], sizes: tuple[int, ...]) -> Tensor:
    """For each bin of a grid of the given sizes the sum of the weights that are there, or without them how many are."""
    inside = np.logical_and.reduce([(along >= 0) & (along < size) for along, size in zip(places, sizes)])
    cells = np.ravel_multi_index([along[inside] for along in places], sizes)
    if weights is None:
        return wrap(np.bincount(cells, minlength=math.prod(sizes)).reshape(sizes))
    weights = astype(weights, np.result_type(weights.dtype, np.float64), copy=False)       # in which NumPy adds
    return reshape(Scatter((ARRAY,), (math.prod(sizes),))(getitem(weights, inside), cells), sizes)


def _density(counts: Tensor, edges: Sequence[Tensor]) -> Tensor:
    """Counts, divided by the sizes of their cells and by their sum."""
    found = counts
    for axis, along in enumerate(edges):
        found = found / reshape(astype(diff(along), np.float64, copy=False), (-1, *(1,) * (counts.ndim - axis - 1)))
    return found / counts.sum()


def _edges(found: np.ndarray, x: Any, bins: Any, range: Any) -> Tensor:
    """The edges that NumPy found, recorded: given ones as they are, others as even steps from end to end."""
    if ndim(bins):
        return bins if isinstance(bins, Tensor) else wrap(found)
    first, last = range if range is not None else (min(x), max(x)) if _moves(x) and x.size else (0, 1)
    if not _moves(first) and not _moves(last):
        return wrap(found)
    steps = astype(linspace(first, last, len(found)), found.dtype, copy=False)
    return steps + (found - steps.data)     # what NumPy adds does not move: 0.5 at both ends where these are equal, and its own rounding


def _are_many(bins: Any) -> bool:
    """Whether bins are a list or have an axis; one of arrays of different lengths is no array."""
    return isinstance(bins, (list, tuple)) or ndim(bins) > 0


def _moves(x: Any) -> bool:
    return isinstance(x, Tensor) and x.requires_grad
