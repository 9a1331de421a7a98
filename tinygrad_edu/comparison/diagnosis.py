"""What is wrong with a hand-written gradient: the difference from the true one is fitted to the mistakes that are usually made.

Each suspect says what gradient its mistake would give. One that gives the hand-written gradient to nearly all digits is named; if none
does, two together that do; and if there are none, the mistake is unexplained. Read formulas, pieces, suspects and this, in that order.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..engine.op import Fused
from .pieces import Pieces, size
from .suspects import (
    FROM_OUTSIDE,
    QUICK,
    SUSPECTS,
    Part,
    Suspect,
    array_factors,
    changed_functions,
    factors_inside,
    paths,
    sums_over_other_axes,
    two_parts,
)

UNEXPLAINED = "unexplained: no usual mistake gives this gradient"

THRESHOLD = 1e-9
"""What may be left of the difference between the hand-written gradient and the true one when a suspect is to explain it."""

MOST_ELEMENTS = 32_768
"""With more elements than these in the inputs only the quick suspects are tried, and each by itself."""

MOST_NODES = 48
"""With more nodes than these in the twin, as in a recurrent layer, only suspects that look at it from outside are tried."""


def diagnose(
    op: Fused, names: Sequence[str], values: Sequence[Any], wanted: Sequence[bool], upstream: np.ndarray, by_hand: Sequence[np.ndarray]
) -> dict[str, str]:
    """For each input whose hand-written gradient is wrong, the mistake in words.

    Parameters
        op, names         the fused op, and the names of its inputs.
        values, wanted    its inputs, the real ones in float64, and whether each is to have a gradient.
        upstream, by_hand dL/dout, and the hand-written gradient of each input that is to have one, in float64.
    """
    pieces = Pieces(op, names, values, wanted, upstream)
    found = {}
    for i, (name, hand, true) in enumerate(zip(pieces.moved, by_hand, pieces.true)):
        off = size(hand - true)
        if not np.isfinite(off):
            found[name] = "unexplained: there are infinities or NaN in it"
        elif off > 1e-9 * size(true):
            found[name] = _explained(pieces, i, hand)
        elif off > 1e-12 * size(true):
            found[name] = "unexplained: the difference is too small to tell anything"
    return found


def diagnose_shapes(
    op: Fused, names: Sequence[str], values: Sequence[Any], wanted: Sequence[bool], upstream: np.ndarray, by_hand: Sequence[np.ndarray]
) -> dict[str, str]:
    """For each input whose hand-written gradient has another shape than the input, what explains it; the arguments are those of diagnose."""
    pieces = Pieces(op, names, values, wanted, upstream)
    return {
        name: _explained_shape(pieces, i, hand)
        for i, (name, hand, true) in enumerate(zip(pieces.moved, by_hand, pieces.true)) if hand.shape != true.shape
    }


def _explained_shape(pieces: Pieces, i: int, hand: np.ndarray) -> str:
    """A sum that is missing or over other axes, a transpose, a reshape."""
    true = pieces.true[i]
    found = []
    if hand.shape[::-1] == true.shape and _are_near(hand.T, true):
        found.append("it is transposed")
    elif hand.size == true.size and _are_near(hand.reshape(true.shape), true):
        found.append("the numbers are right, and only the shape is not")
    else:
        found += [
            words for words, other in sums_over_other_axes(pieces, i)
            if np.squeeze(other).shape == np.squeeze(hand).shape and _are_near(np.squeeze(hand), np.squeeze(other))
        ]
    return " or ".join(found) or UNEXPLAINED


def _explained(pieces: Pieces, i: int, hand: np.ndarray) -> str:
    """The mistake in words: the suspect that fits and needs least, or two."""
    limit = _limit(hand, pieces.true[i])
    numbers: list[str] = []
    few_nodes = len(pieces.nodes) <= MOST_NODES
    is_small = few_nodes and sum(x.size for x in pieces.values if x is not None) <= MOST_ELEMENTS
    for suspects in SUSPECTS if is_small else QUICK if few_nodes else FROM_OUTSIDE:
        plain, named, numbered = _fits(pieces, hand, suspects(pieces, i), limit)
        if plain or named:
            return " or ".join(dict.fromkeys(plain or named))
        numbers += numbered
    if numbers:
        return " or ".join(dict.fromkeys(numbers))
    return (is_small and _explained_by_two(pieces, i, hand, limit)) or UNEXPLAINED


def _explained_by_two(pieces: Pieces, i: int, hand: np.ndarray, limit: float) -> str:
    """Two mistakes at once in words, or nothing."""
    true = pieces.true[i]
    if true.size <= 4:          # two weights fit nearly anything
        return ""
    for fixed, parts in two_parts(pieces, i):
        if words := _fit_of_two(pieces, hand - fixed, parts, limit):
            return words
    for first, changed in pieces.variants:
        singles = itertools.chain.from_iterable(suspects(changed, i) for suspects in QUICK[1:])
        plain, named, _ = _fits(changed, hand, singles, limit)
        for words in plain or named:
            return f"{first}, and {words}"
    for first, factor in array_factors(pieces, true.shape):
        without = np.divide(hand, factor, out=np.zeros_like(hand), where=factor != 0)
        for suspects in (paths, changed_functions, factors_inside):
            plain, named, _ = _fits(pieces, without, suspects(pieces, i), _limit(without, true))
            for words in plain or named:
                return f"{first}, and {words}"
    return ""


def _limit(hand: np.ndarray, true: np.ndarray) -> float:
    """What may be left where a suspect explains the difference."""
    return THRESHOLD * min(size(hand - true), size(hand)) + 64 * np.finfo(np.float64).eps * (size(true) + size(hand))


def _fits(pieces: Pieces, hand: np.ndarray, suspects: Iterable[Suspect], limit: float) -> tuple[list[str], list[str], list[str]]:
    """What the suspects that fit say: with a weight that needs no number, with a number of the op, and with any other."""
    plain, named, numbered = [], [], []
    for suspect in suspects:
        length, rest = size(suspect.moving), hand - suspect.fixed
        if not length:
            continue
        weight = float(np.sum(rest * suspect.moving) / length**2)
        if not size(rest - weight * suspect.moving) <= limit:
            continue
        near = [words for number, words in suspect.said.items() if abs(weight - number) <= limit / length]
        if near:
            plain += near
        elif names := _number_names(pieces, weight, limit / length):
            named.append(suspect.factor.format(names))
        elif hand.size > 3 and 1 not in suspect.said:           # few numbers are always some multiple of each other
            numbered.append(suspect.factor.format(f"{weight:.6g}"))
    return plain, named, numbered


def _fit_of_two(pieces: Pieces, rest: np.ndarray, parts: list[Part], limit: float) -> str:
    """What is said of two parts whose weights, each without a number or with one of the op, give rest; or nothing."""
    columns = np.stack([part.value.ravel() for part in parts], axis=1)
    lengths = np.array([size(part.value) for part in parts])
    if not np.all(lengths):
        return ""
    weights, _, _, singular = np.linalg.lstsq(columns / lengths, rest.ravel(), rcond=None)
    if singular[-1] < 1e-3 or not size(rest.ravel() - columns @ (weights / lengths)) <= limit:
        return ""
    said = []
    for part, weight, length in zip(parts, weights / lengths, lengths):
        margin = limit / length / singular[-1]
        near = [words for number, words in part.said.items() if abs(weight - number) <= margin]
        names = "" if near else _number_names(pieces, weight, margin)
        if not near and not names:
            return ""
        said.append(near[0] if near else part.factor.format(names))
    return ", and ".join(said)


def _number_names(pieces: Pieces, weight: float, margin: float) -> str:
    """What a weight is called: a plain number or a size, and only if it is none, what is made of sizes."""
    for numbers in (pieces.numbers, pieces.numbers_of_sizes):
        names = [words for number, words in numbers if abs(weight - number) <= margin]
        names += [f"minus {words}" for number, words in numbers if abs(weight + number) <= margin]
        if names:
            return " or ".join(dict.fromkeys(names))
    return ""


def _are_near(a: np.ndarray, b: np.ndarray) -> bool:
    return size(a - b) <= THRESHOLD * size(b)
