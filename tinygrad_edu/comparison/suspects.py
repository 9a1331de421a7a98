"""The mistakes that are usually made in a derivation by hand: for each what gradient it would give, made of the twin's pieces."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .pieces import Pieces, Repeated, are_proportional, axes_in_words, broadcasts_to, size, subsets

TIMES = ("", "", " twice", " three times")


class Suspect(NamedTuple):
    """A mistake that would give fixed + weight * moving.

    said    what it is at some weights: {0: "it is 0"}.
    factor  what it is at any other weight, which stands for {}.
    """

    fixed: np.ndarray
    moving: np.ndarray
    said: dict[int, str]
    factor: str


def factors(pieces: Pieces, i: int) -> Iterator[Suspect]:
    """The whole gradient is too large, too small, or has the other sign."""
    true = pieces.true[i]
    yield Suspect(np.zeros_like(true), true, {0: "it is 0", -1: "it has the wrong sign"}, "it is {} times what it should be")


def paths(pieces: Pieces, i: int) -> Iterator[Suspect]:
    """One of the paths from the input to the output is left out, or counts for too much."""
    true = pieces.true[i]
    for words, term in different_paths(pieces, i):
        said = {0: f"{words} is left out", -1: f"{words} has the wrong sign"}
        yield Suspect(true - term, term, said, f"{words} is {{}} times what it should be")


def different_paths(pieces: Pieces, i: int) -> Iterator[tuple[str, np.ndarray]]:
    """The paths that bring something, and not the same as another one or as all together."""
    seen = [pieces.true[i]]
    for words, terms in pieces.paths:
        term = terms[i]
        if size(term) > 1e-6 * size(pieces.true[i]) and not any(are_proportional(term, other) for other in seen):
            seen.append(term)
            yield words, term


def changed_functions(pieces: Pieces, i: int) -> Iterator[Suspect]:
    """It is the gradient of a function that differs in a setting, an input or the place of eps."""
    for words, changed in pieces.variants:
        yield from _instead(pieces, i, words, changed.true[i])


def elementwise_factors(pieces: Pieces, i: int) -> Iterator[Suspect]:
    """A factor that is an array is missing, there too often, or computed in another way."""
    true = pieces.true[i]
    for words, factor in array_factors(pieces, true.shape):
        if not any(are_proportional(true * factor, changed.true[i]) for _, changed in pieces.variants):     # which say the same
            yield from _instead(pieces, i, words, true * factor)


def array_factors(pieces: Pieces, shape: tuple[int, ...]) -> Iterator[tuple[str, np.ndarray]]:
    """By what a gradient of shape is multiplied if a factor that is an array is missing, there too often, or computed in another way."""
    roots = [form for name, _ in pieces.roots for form in (name, f"1/{name}")]
    named = [(name, x, 1) for name, x in pieces.arrays if name not in roots] + [(f"1/{name}", 1 / x, 3) for name, x in pieces.roots if np.all(x)]
    named = [(name, x, powers) for name, x, powers in named if broadcasts_to(x.shape, shape) and x.size > 1]
    for name, x, powers in named:
        for power in range(1, powers + 1):
            yield f"the factor {name} is missing{TIMES[power]}", _inverse(x**power)
        yield f"the factor {name} is there once too often", x
    for (name, x, _), (other, y, _) in itertools.combinations(named, 2):
        if np.ndim(x * y) and (x * y).size < math.prod(shape):
            yield f"the factors {name} and {other} are missing", _inverse(x * y)
    for words, factor, _ in pieces.other_roots:
        if broadcasts_to(factor.shape, shape):
            for power, sign in ((1, ""), (2, "**2"), (3, "**3")):
                yield f"in the factor 1/{pieces.roots[0][0]}{sign} {words}", factor**power


def _inverse(x: np.ndarray) -> np.ndarray:
    return np.divide(1, x, out=np.zeros_like(x), where=x != 0)


def factors_inside(pieces: Pieces, i: int) -> Iterator[Suspect]:
    """A factor that belongs inside the means and sums stands outside of them."""
    for words, changed in pieces.variants:
        name = words.removesuffix(" is not used")
        if name not in pieces.names or are_proportional(changed.true[i], pieces.true[i]):      # it has no place in this gradient
            continue
        if broadcasts_to(np.shape(x := pieces.values[pieces.names.index(name)]), pieces.true[i].shape):
            said = f"{name} multiplies the whole from outside; it belongs inside the means and sums, with dL/dout: dL/dout * {name}"
            yield from _instead(pieces, i, said, changed.true[i] * x)


def changed_paths(pieces: Pieces, i: int) -> Iterator[Suspect]:
    """One of the paths is that of a function that differs in a setting, an input or the place of eps."""
    true, right = pieces.true[i], list(different_paths(pieces, i))
    for words, changed in pieces.variants:
        if len(changed.paths) != len(pieces.paths):     # it is another graph
            continue
        for (path, terms), (_, others) in zip(pieces.paths, changed.paths):
            if any(terms[i] is term for _, term in right):
                yield from _beside(pieces, i, f"in {path} {words}", true - terms[i], others[i])


def paths_with_a_factor(pieces: Pieces, i: int) -> Iterator[Suspect]:
    """In one of the paths a factor that is an array is missing, there too often, or computed in another way."""
    true = pieces.true[i]
    for path, term in different_paths(pieces, i):
        for words, factor in array_factors(pieces, true.shape):
            yield from _beside(pieces, i, f"in {path} {words}", true - term, term * factor)


def paths_with_another_factor(pieces: Pieces, i: int) -> Iterator[Suspect]:
    """In one of the paths an array stands where another one should, as x for x_hat."""
    true = pieces.true[i]
    large = [(name, x) for name, x in pieces.arrays if x.shape == true.shape]
    for path, term in different_paths(pieces, i):
        for (name, right), (other, wrong) in itertools.permutations(large, 2):
            yield from _beside(pieces, i, f"in {path} stands {other} where {name} should", true - term, term * _inverse(right) * wrong)


def exchanged_values(pieces: Pieces, i: int) -> Iterator[Suspect]:
    """A value stands where another one should, as x for x_hat."""
    for words, gradients in pieces.exchanged:
        yield from _instead(pieces, i, words, gradients[i])


def sums_over_other_axes(pieces: Pieces, i: int) -> Iterator[tuple[str, np.ndarray]]:
    """The gradient of an input that is broadcast, summed over other axes than those that it was repeated along, or over none."""
    if (found := pieces.unsummed(i)) is not None:
        terms, axes = found
        yield f"the sum over {axes_in_words(axes)} is missing", terms
        for other in subsets(range(terms.ndim), terms.ndim):
            if other != axes:
                yield f"it is summed over {axes_in_words(other)} instead of {axes_in_words(axes)}", np.sum(terms, other)


def other_terms(pieces: Pieces, i: int) -> Iterator[Suspect]:
    """In a sum an array stands where another one should, as x for x_hat, or is missing."""
    true = pieces.true[i]
    sums = [(f" of the path through {r.name}", r.terms, r.axes, r.onward[i]) for r in pieces.sums if r.onward[i].shape == r.terms.shape]
    if (found := pieces.unsummed(i)) is not None:
        sums.append((f" over {axes_in_words(found[1])}", *found, np.ones(true.shape)))
    for where, terms, axes, onward in sums:
        large = [(name, x) for name, x in pieces.arrays if x.shape == terms.shape]
        right = np.sum(terms, axes, keepdims=True) * onward
        for name, x in large:
            for words, instead in [(f"{name} is missing", 1.0), *((f"stands {other} where {name} should", y) for other, y in large if y is not x)]:
                wrong = np.sum(terms * _inverse(x) * instead, axes, keepdims=True) * onward
                yield from _beside(pieces, i, f"in the sum{where} {words}", true - right.reshape(true.shape), wrong.reshape(true.shape))


def other_axes(pieces: Pieces, i: int) -> Iterator[Suspect]:
    """A sum goes over other axes than it should, or has lost the axis that keepdims would have kept; one sum, or several."""
    true = pieces.true[i]
    sums: list[tuple[Repeated, np.ndarray]] = []
    for repeated in pieces.sums:
        if repeated.onward[i].shape == repeated.terms.shape:
            right = np.sum(repeated.terms, repeated.axes, keepdims=True) * repeated.onward[i]
            if size(right) > 1e-6 * size(true) and not any(are_proportional(right, other) for _, other in sums):
                sums.append((repeated, right))
    for group in subsets(sums, 2):
        (first, _), fixed = group[0], true - sum(right for _, right in group)
        if any((repeated.axes, repeated.terms.shape) != (first.axes, first.terms.shape) for repeated, _ in group):
            continue
        names = " and ".join(dict.fromkeys(repeated.name for repeated, _ in group))
        axes = range(first.terms.ndim)
        for other in {other for k in (len(first.axes), len(axes)) for other in itertools.combinations(axes, k)} - {first.axes}:
            words = f"in the path through {names} the sum goes over {axes_in_words(other)}"
            ratio = _count(first.terms, first.axes) / _count(first.terms, other)
            for parts in itertools.product(*[list(_sums(pieces, repeated, i, other, keepdims=True)) for repeated, _ in group]):
                yield from _beside(pieces, i, words, fixed, np.sum(parts, axis=0))
                yield from _beside(pieces, i, words, fixed, ratio * np.sum(parts, axis=0))
        if broadcasts_to(np.sum(first.terms, first.axes).shape, first.terms.shape):
            words = f"in the path through {names} the sum lacks keepdims=True, and is repeated along another axis"
            for parts in itertools.product(*[list(_sums(pieces, repeated, i, first.axes, keepdims=False)) for repeated, _ in group]):
                yield from _beside(pieces, i, words, fixed, np.sum(parts, axis=0))


def _sums(pieces: Pieces, repeated: Repeated, i: int, axes: tuple[int, ...], keepdims: bool) -> Iterator[np.ndarray]:
    """What a sum over other axes would give, whichever factors that are the same for all terms stand inside of it or outside."""
    for scale in _scales(pieces, repeated):
        yield scale * np.sum(repeated.terms / scale, axes, keepdims=keepdims) * repeated.onward[i]


def _count(terms: np.ndarray, axes: tuple[int, ...]) -> int:
    return math.prod(terms.shape[axis] for axis in axes)


def _scales(pieces: Pieces, of: Repeated) -> Iterator[np.ndarray]:
    """Products of arrays that are the same for all terms of a sum, so that they may stand inside of it or outside."""
    shape = tuple(1 if axis in of.axes else m for axis, m in enumerate(of.terms.shape))
    small = [np.broadcast_to(x, shape) for _, x in pieces.arrays if broadcasts_to(x.shape, shape) and np.all(x)]
    yield np.ones(shape)
    yield from small
    yield from (1 / x for x in small)
    for x, y in itertools.permutations(small, 2):
        yield x / y


def other_arrangements(pieces: Pieces, i: int) -> Iterator[Suspect]:
    """It is transposed, summed where it must not be, one of its elements by itself, or belongs to another input."""
    true = pieces.true[i]
    if true.ndim > 1 and true.shape[-1] == true.shape[-2]:
        yield from _instead(pieces, i, "it is transposed", np.swapaxes(true, -1, -2))
    for axis in range(true.ndim):
        summed = np.broadcast_to(np.sum(true, axis, keepdims=True), true.shape)
        yield from _instead(pieces, i, f"it is summed over axis {axis}", summed)
    for words, summed in sums_over_other_axes(pieces, i):
        if summed.size == true.size:
            yield from _instead(pieces, i, words, summed.reshape(true.shape))
    for axis, gradients in pieces.diagonals:
        words = f"it lacks what the elements along axis {axis} give to one another: it is only that of each out to its own {pieces.moved[i]}"
        if gradients[i].shape == pieces.out.shape:
            yield from _instead(pieces, i, words, gradients[i])
    for name, other in zip(pieces.moved, pieces.true):
        if name != pieces.moved[i] and other.shape == true.shape:
            yield from _instead(pieces, i, f"it is the gradient of {name}", other)


SUSPECTS = [
    factors, paths, changed_functions, factors_inside, elementwise_factors, other_arrangements, other_axes, changed_paths,
    paths_with_a_factor, other_terms, paths_with_another_factor, exchanged_values,
]
"""The plain ones first: of several that give the same gradient, the first is named."""

QUICK = SUSPECTS[:5]
"""Those that need not much more than a walk each."""

FROM_OUTSIDE = [factors, changed_functions]
"""Those that do not look at the twin's nodes."""


def _instead(pieces: Pieces, i: int, words: str, gradient: np.ndarray) -> Iterator[Suspect]:
    """The suspect that this gradient stands in place of the true one, if it is another one."""
    return _beside(pieces, i, words, np.zeros_like(gradient), gradient)


def _beside(pieces: Pieces, i: int, words: str, fixed: np.ndarray, moving: np.ndarray) -> Iterator[Suspect]:
    """The suspect that moving stands beside fixed in place of what is right."""
    if 1e-9 * size(pieces.true[i]) < size(moving) < np.inf and not are_proportional(moving, pieces.true[i] - fixed):
        said = {1: words, -1: f"{words}, and the sign is wrong"}
        yield Suspect(fixed, moving, said, f"{words}, and it is {{}} times that")


class Part(NamedTuple):
    """A part of the gradient, and what is said if it counts another number of times than once; see Suspect."""

    value: np.ndarray
    said: dict[int, str]
    factor: str


def two_parts(pieces: Pieces, i: int) -> Iterator[tuple[np.ndarray, list[Part]]]:
    """Two parts that may both be wrong, with what is right beside them: two paths, or a path and all the rest."""
    true = pieces.true[i]
    parts = [
        Part(term, {0: f"{words} is left out", -1: f"{words} has the wrong sign"}, f"{words} is {{}} times what it should be")
        for words, term in different_paths(pieces, i)
    ]
    for first, second in itertools.combinations(parts, 2):
        yield true - first.value - second.value, [first, second]
    for part in parts:
        all_but = Part(true - part.value, {-1: "it has the wrong sign"}, "it is {} times what it should be")
        yield np.zeros_like(true), [all_but, part]
