"""What is wrong with a hand-written gradient: the difference from the true one is fitted to the mistakes that are usually made.

Each suspect says what gradient its mistake would give, made of the twin's pieces. One that gives the hand-written gradient to nearly
all digits is named; if none does, the mistake is unexplained.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..engine.modes import composed
from ..engine.node import Node, ancestors, leaf_node
from ..engine.op import Fused
from ..engine.tensor import Tensor, grad, wrap

UNEXPLAINED = "unexplained: no usual mistake gives this gradient"

THRESHOLD = 1e-9
"""What may be left of the difference between the hand-written gradient and the true one when a suspect is to explain it."""

MOST_REDUCTIONS = 5
"""With more means and sums than these in the twin, paths through at most two of them at a time are suspected."""


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
        off = _size(hand - true)
        if not np.isfinite(off):
            found[name] = "unexplained: there are infinities or NaN in it"
        elif off > 1e-9 * _size(true):
            found[name] = _explained(pieces, i, hand)
        elif off > 1e-12 * _size(true):
            found[name] = "unexplained: the difference is too small to tell anything"
    return found


def diagnose_shape(gradient: np.ndarray, true: np.ndarray) -> str:
    """What explains a hand-written gradient of another shape than the true one: a sum that is missing, a transpose, a reshape."""
    found = []
    for axes in _subsets(range(gradient.ndim), gradient.ndim):
        summed = np.sum(gradient, axes)
        if summed.size == true.size < gradient.size and _are_near(summed.reshape(true.shape), true):
            found.append(f"the sum over {_axes(axes)} is missing")
    if gradient.shape[::-1] == true.shape and _are_near(gradient.T, true):
        found.append("it is transposed")
    elif gradient.size == true.size and _are_near(gradient.reshape(true.shape), true):
        found.append("the numbers are right, and only the shape is not")
    return " or ".join(found) or UNEXPLAINED


class Suspect(NamedTuple):
    """A mistake that would give fixed + weight * moving.

    said    what it is at some weights: {0: "it is 0"}.
    factor  what it is at any other weight, which stands for {}.
    """

    fixed: np.ndarray
    moving: np.ndarray
    said: dict[int, str]
    factor: str


class Pieces:
    """The twin's graph at the inputs, and what can be made of it: the gradient with paths cut, and with something changed."""

    def __init__(self, op: Fused, names: Sequence[str], values: Sequence[Any], wanted: Sequence[bool], upstream: np.ndarray) -> None:
        self.op, self.names, self.values, self.wanted, self.upstream = op, names, values, wanted, upstream
        self.moved = [name for name, is_wanted in zip(names, wanted) if is_wanted]
        self.leaves, self.out = self._run(op, values)
        self.true = self.gradients()
        roots = [self.out._node] if self.out._node is not None else []
        self.nodes: list[Node] = [node for node in reversed(ancestors(roots)) if not node.is_leaf]      # the oldest first

    def _run(self, op: Fused, values: Sequence[Any]) -> tuple[list[Tensor | None], Tensor]:
        leaves = [
            None if x is None else wrap(x if x.shape else x[()], leaf_node(x.shape, x.dtype, name) if is_wanted else None)
            for x, name, is_wanted in zip(values, self.names, self.wanted)
        ]
        with composed():
            return leaves, op.composed(*leaves)

    def gradients(
        self, upstream: np.ndarray | None = None, cut: Sequence[tuple[Node, int]] = (), run: tuple[list[Tensor | None], Tensor] | None = None
    ) -> list[np.ndarray]:
        """The gradient of each input; without the edges in cut, each a node and which of its parents is not reached from it."""
        leaves, out = run or (self.leaves, self.out)
        inputs = [leaf for leaf in leaves if leaf is not None and leaf.requires_grad]
        upstream = self.upstream if upstream is None else upstream
        before = [(node, node.parents) for node, _ in cut]
        try:
            for node, i in cut:
                node.parents = tuple(None if j == i else parent for j, parent in enumerate(node.parents))
            found = grad(out, inputs, wrap(upstream), retain_graph=True, allow_unused=True) if out.requires_grad else [None] * len(inputs)
        finally:
            for node, parents in reversed(before):
                node.parents = parents
        return [np.zeros(x.shape) if g is None else np.array(g.numpy()) for g, x in zip(found, inputs)]

    def with_setting(self, field: str, value: Any) -> list[np.ndarray]:
        """The gradients of the twin with another setting, which may be an array."""
        changed = object.__new__(type(self.op))         # not by calling the class, which takes no arrays
        for name in self.op.fields:
            object.__setattr__(changed, name, value if name == field else getattr(self.op, name))
        return self.gradients(run=self._run(changed, self.values))

    def with_input(self, i: int, value: np.ndarray) -> list[np.ndarray]:
        """The gradients of the twin at another value of one input."""
        return self.gradients(run=self._run(self.op, [*self.values[:i], value, *self.values[i + 1 :]]))

    @cached_property
    def settings(self) -> dict[str, float]:
        """The settings that are floats."""
        return {field: getattr(self.op, field) for field in self.op.fields if type(getattr(self.op, field)) is float}

    @cached_property
    def numbers(self) -> list[tuple[float, str]]:
        """The factors that are usually forgotten or too many, in words."""
        found = [(2.0, "2"), (0.5, "1/2")]
        for n, where in self.sizes.items():
            forms = {
                f"{n}": n, f"1/{n}": 1 / n, f"sqrt({n})": math.sqrt(n), f"1/sqrt({n})": 1 / math.sqrt(n), f"{n}/{n - 1}": n / (n - 1),
                f"{n - 1}/{n}": (n - 1) / n, f"{n - 1}": n - 1, f"1/{n - 1}": 1 / (n - 1),
            }
            found += [(number, f"{form} ({n} is the size of {where})") for form, number in forms.items()]
        named = {**self.settings, **{name: _constant(x) for name, x in zip(self.names, self.values)}, "dL/dout": _constant(self.upstream)}
        found += [form for name, x in named.items() if x for form in ((x, name), (1 / x, f"1/{name}"))]
        for name, x in self.settings.items():
            if x not in (0, 1):
                found += [(1 - x, f"(1 - {name})"), (1 / (1 - x), f"1/(1 - {name})"), ((1 - x) / x, f"(1 - {name})/{name}")]
        return [(number, words) for number, words in found if abs(number) not in (0, 1)]

    @cached_property
    def sizes(self) -> dict[int, str]:
        """How many elements lie along each choice of axes of the inputs, in words."""
        found: dict[int, list[str]] = {}
        for name, x in zip(self.names, self.values):
            for axes in _subsets(range(np.ndim(x)), 3) if x is not None else ():
                where = f"{_axes(axes)} of {name}"
                found.setdefault(math.prod(x.shape[axis] for axis in axes), []).append(where)
        return {size: where[0] for size, where in found.items() if size > 1}

    @cached_property
    def roots(self) -> list[np.ndarray]:
        """The values of the square roots in the twin; a power of 1/2 or -1/2 is one as well."""
        found = []
        for node in self.nodes:
            if type(node.op).__name__ == "Sqrt":
                found.append(np.asarray(node.kept[0][0]))
            elif getattr(node.op, "exponent", None) in (0.5, -0.5):
                found.append(np.sqrt(node.kept[0][0]))
        return found

    @cached_property
    def paths(self) -> list[tuple[str, list[np.ndarray]]]:
        """What each path through the twin gives to the gradients, with its name."""
        reductions = [node for node in self.nodes if any(p is not None and math.prod(p.shape) > math.prod(node.shape) for p in node.parents)]
        cuts = [
            (f"the path through {' and '.join(sorted({_called(node) for node in group}))}", [e for node in group for e in _edges(node)])
            for group in _subsets(reductions, len(reductions) if len(reductions) <= MOST_REDUCTIONS else 2)
        ]
        cuts += [(f"the path through {node.op!r}", _edges(node)) for node in self.nodes]
        for node, i in itertools.chain.from_iterable(map(_edges, self.nodes)):
            cuts.append((f"the direct path from {_named(node.parents[i])} into {node.op!r}", [(node, i)]))
        return [(words, [true - rest for true, rest in zip(self.true, self.gradients(cut=edges))]) for words, edges in cuts]

    @cached_property
    def variants(self) -> list[tuple[str, list[np.ndarray]]]:
        """The gradients of the twin with one thing changed, with what was changed."""
        found = [("dL/dout is not used, 1 stands in its place", self.gradients(upstream=np.ones_like(self.upstream)))]
        for field, value in self.settings.items():
            if value:
                found.append((f"{field} is left out", self.with_setting(field, 0.0)))
        for i, (name, x) in enumerate(zip(self.names, self.values)):
            if x is not None and x.dtype.kind in "fb":
                found.append((f"{name} is not used", self.with_input(i, np.ones_like(x))))
            if x is not None and x.dtype.kind == "b":
                found.append((f"{name} is inverted", self.with_input(i, ~x)))
        for words, _, instead in self.other_roots:
            found.append((words, self.with_setting("eps", instead)))
        return found

    @cached_property
    def other_roots(self) -> list[tuple[str, np.ndarray, np.ndarray]]:
        """How else sqrt(var + eps) is often written: in words, the factor between the two, and the eps that would give it."""
        if len(self.roots) != 1 or "eps" not in self.settings:
            return []
        (root,), eps, n = self.roots, self.settings["eps"], max(x.size for x in self.values if x is not None) // self.roots[0].size
        var = np.maximum(root * root - eps, 0)
        squares = {"eps stands outside the root": (np.sqrt(var) + eps) ** 2, "eps is left out": var}
        if n > 1:
            squares[f"the variance divides by {n - 1} instead of {n}"] = var * n / (n - 1) + eps
        return [(words, root / np.sqrt(square), square - var) for words, square in squares.items() if np.all(square > 0)]


# The suspects


def factors(pieces: Pieces, i: int) -> Iterator[Suspect]:
    """The whole gradient is too large, too small, or has the other sign."""
    true = pieces.true[i]
    yield Suspect(np.zeros_like(true), true, {0: "it is 0", -1: "it has the wrong sign"}, "it is {} times what it should be")


def paths(pieces: Pieces, i: int) -> Iterator[Suspect]:
    """One of the paths from the input to the output is left out, or counts for too much."""
    true, seen = pieces.true[i], [pieces.true[i]]
    for words, terms in pieces.paths:
        term = terms[i]
        if _size(term) > 1e-6 * _size(true) and not any(_are_proportional(term, other) for other in seen):
            seen.append(term)
            said = {0: f"{words} is left out", -1: f"{words} has the wrong sign"}
            yield Suspect(true - term, term, said, f"{words} is {{}} times what it should be")


def changed_functions(pieces: Pieces, i: int) -> Iterator[Suspect]:
    """It is the gradient of a function that differs in a setting, an input or the place of eps."""
    for words, gradients in pieces.variants:
        yield from _instead(pieces, i, words, gradients[i])


def elementwise_factors(pieces: Pieces, i: int) -> Iterator[Suspect]:
    """A factor that is an array is missing, there twice, or computed in another way."""
    true = pieces.true[i]
    named = [*zip(pieces.names, pieces.values), ("dL/dout", pieces.upstream), *(("1/root", 1 / root) for root in pieces.roots)]
    candidates = []
    for name, x in named:
        if x is not None and x.dtype.kind == "f" and x.size > 1 and _broadcasts_to(x.shape, true.shape):
            candidates.append((f"the factor {name} is missing", np.divide(true, x, out=np.zeros_like(true), where=x != 0)))
            candidates.append((f"the factor {name} is there once too often", true * x))
    for words, factor, _ in pieces.other_roots:
        if _broadcasts_to(factor.shape, true.shape):
            candidates.append((f"in the factor 1/root {words}", true * factor))
    for words, gradient in candidates:
        if not any(_are_proportional(gradient, other[i]) for _, other in pieces.variants):      # which say the same
            yield from _instead(pieces, i, words, gradient)


def other_arrangements(pieces: Pieces, i: int) -> Iterator[Suspect]:
    """It is transposed, summed where it must not be, or belongs to another input."""
    true = pieces.true[i]
    if true.ndim > 1 and true.shape[-1] == true.shape[-2]:
        yield from _instead(pieces, i, "it is transposed", np.swapaxes(true, -1, -2))
    for axis in range(true.ndim):
        summed = np.broadcast_to(np.sum(true, axis, keepdims=True), true.shape)
        yield from _instead(pieces, i, f"it is summed over axis {axis}", summed)
    for name, other in zip(pieces.moved, pieces.true):
        if name != pieces.moved[i] and other.shape == true.shape:
            yield from _instead(pieces, i, f"it is the gradient of {name}", other)


SUSPECTS = [factors, paths, changed_functions, elementwise_factors, other_arrangements]


def _instead(pieces: Pieces, i: int, words: str, gradient: np.ndarray) -> Iterator[Suspect]:
    """The suspect that this gradient stands in place of the true one, if it is another one."""
    if 1e-9 * _size(pieces.true[i]) < _size(gradient) < np.inf and not _are_proportional(gradient, pieces.true[i]):
        said = {1: words, -1: f"{words}, and the sign is wrong"}
        yield Suspect(np.zeros_like(gradient), gradient, said, f"{words}, and it is {{}} times that")


def _explained(pieces: Pieces, i: int, hand: np.ndarray) -> str:
    """The mistake in words: the suspects that fit, those that need least; all of them, if several fit equally well."""
    true = pieces.true[i]
    limit = THRESHOLD * min(_size(hand - true), _size(hand)) + 64 * np.finfo(np.float64).eps * (_size(true) + _size(hand))
    plain: list[str] = []
    with_factor: list[str] = []
    changed_with_factor: list[str] = []
    with_other_number: list[str] = []
    for suspect in itertools.chain.from_iterable(suspects(pieces, i) for suspects in SUSPECTS):
        size, rest = _size(suspect.moving), hand - suspect.fixed
        if not size:
            continue
        weight = float(np.sum(rest * suspect.moving) / size**2)
        if not _size(rest - weight * suspect.moving) <= limit:
            continue
        near = [words for number, words in suspect.said.items() if abs(weight - number) <= limit / size]
        if near:
            plain += near
        elif names := _number_names(pieces, weight, limit / size):
            (changed_with_factor if 1 in suspect.said else with_factor).append(suspect.factor.format(names))
        elif hand.size > 3 and 1 not in suspect.said:           # few numbers are always some multiple of each other
            with_other_number.append(suspect.factor.format(f"{weight:.6g}"))
    for found in (plain, with_factor, changed_with_factor, with_other_number):
        if found:
            return " or ".join(dict.fromkeys(found))
    return UNEXPLAINED


def _number_names(pieces: Pieces, weight: float, margin: float) -> str:
    names = [words for number, words in pieces.numbers if abs(weight - number) <= margin]
    names += [f"minus {words}" for number, words in pieces.numbers if abs(weight + number) <= margin]
    return " or ".join(dict.fromkeys(names))


# Small questions about arrays and nodes


def _size(array: np.ndarray) -> float:
    return float(np.linalg.norm(array.ravel()))


def _are_proportional(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether a is a multiple of b, to nearly all digits."""
    size = _size(b)
    return size > 0 and _size(a - (np.sum(a * b) / size**2) * b) <= 1e-9 * _size(a)


def _constant(x: np.ndarray | None) -> float | None:
    """The one value that all elements have, if they have."""
    return float(x.flat[0]) if x is not None and x.dtype.kind == "f" and x.size and np.all(x == x.flat[0]) else None


def _are_near(a: np.ndarray, b: np.ndarray) -> bool:
    return _size(a - b) <= THRESHOLD * _size(b)


def _axes(axes: tuple[int, ...]) -> str:
    return f"ax{'i' if len(axes) == 1 else 'e'}s {', '.join(map(str, axes))}"


def _broadcasts_to(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False


def _subsets(items: Any, most: int) -> list[tuple[Any, ...]]:
    """The choices of one to most of items, the small ones first."""
    items = list(items)
    return [group for size in range(1, min(most, len(items)) + 1) for group in itertools.combinations(items, size)]


def _edges(node: Node) -> list[tuple[Node, int]]:
    return [(node, i) for i, parent in enumerate(node.parents) if parent is not None]


def _called(node: Node) -> str:
    """A mean, a sum or another reduction, as one would say it."""
    kind = type(node.op).__name__
    inner = node.parents[0]
    if inner is not None and _is_square(inner):
        centered = any(type(below.op).__name__ in ("Mean", "Sum") for below in ancestors([inner]))
        return "the variance" if kind == "Mean" and centered else f"the {kind.lower()} of squares"
    if inner is not None and type(inner.op).__name__ == "Exp":
        return f"the {kind.lower()} of exponentials"
    return {"Mean": "the mean", "Sum": "the sum", "Var": "the variance", "Std": "the standard deviation"}.get(kind, repr(node.op))


def _is_square(node: Node) -> bool:
    kind = type(node.op).__name__
    return kind == "Square" or (kind == "Multiply" and node.parents[0] is node.parents[1]) or getattr(node.op, "exponent", None) == 2


def _named(node: Any) -> str:
    return node.name or repr(node.op)       # a leaf has the name of its input
