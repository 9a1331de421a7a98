"""The twin of a fused op at its inputs, taken apart: its gradients with something left out, changed, or summed over other axes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np

from ..engine.modes import composed
from ..engine.node import Node, ancestors, leaf_node
from ..engine.op import Fused
from ..engine.tensor import Tensor, grad, wrap
from . import formulas

MOST_REDUCTIONS = 5
"""With more means and sums than these in the twin, paths through at most two of them at a time are cut."""

MOST_WALKS = 256
"""The walks that the diagonal of a Jacobian may take."""

Named = list[tuple[str, list[np.ndarray]]]
"""Gradients of all inputs, with what was done to the twin to get them."""


class Repeated(NamedTuple):
    """A value of few elements in the twin that is repeated along axes, and the sum that the gradient takes for it.

    name    the mean, or another reduction that it was computed from.
    terms   what is summed along axes.
    onward  for each input by what the sum is multiplied then.
    """

    name: str
    axes: tuple[int, ...]
    terms: np.ndarray
    onward: list[np.ndarray]


class Pieces:
    """The twin's graph at the inputs, and what can be made of it."""

    def __init__(self, op: Fused, names: Sequence[str], values: Sequence[Any], wanted: Sequence[bool], upstream: np.ndarray) -> None:
        self.op, self.names, self.values, self.wanted, self.upstream = op, names, values, wanted, upstream
        self.moved = [name for name, is_wanted in zip(names, wanted) if is_wanted]
        self.leaves = [
            None if x is None else wrap(x if x.shape else x[()], leaf_node(x.shape, x.dtype, name) if is_wanted else None)
            for x, name, is_wanted in zip(values, names, wanted)
        ]
        with composed():
            self.out: Tensor = op.composed(*self.leaves)
        self.last = [self.out._node] if self.out._node is not None else []
        self.nodes: list[Node] = [node for node in reversed(ancestors(self.last)) if not node.is_leaf]     # the oldest first
        self.true = self.gradients()
        self._unsummed: dict[int, tuple[np.ndarray, tuple[int, ...]] | None] = {}

    def gradients(self, upstream: np.ndarray | None = None, at: Node | None = None) -> list[np.ndarray]:
        """The gradient of each input that has one, from dL/dout, or from upstream at another node."""
        inputs = [leaf for leaf in self.leaves if leaf is not None and leaf.requires_grad]
        upstream = self.upstream if upstream is None else upstream
        start = self.out if at is None else wrap(np.zeros(at.shape), at)
        found: Sequence[Tensor | None] = [None] * len(inputs)
        if start.requires_grad:
            found = grad(start, inputs, wrap(upstream), retain_graph=True, allow_unused=True)
        return [np.zeros(x.shape) if g is None else np.array(g.numpy()) for g, x in zip(found, inputs)]

    @contextmanager
    def parents(self, changes: Iterable[tuple[Node, int, Node | None]]) -> Iterator[None]:
        """For the length of a with block other parents: each a node, which of its parents, and the one in its place, or None for none."""
        before = []
        try:
            for node, i, instead in changes:
                before.append((node, node.parents))
                node.parents = (*node.parents[:i], instead, *node.parents[i + 1 :])
            yield
        finally:
            for node, parents in reversed(before):
                node.parents = parents

    # Other functions: the twin with something changed.

    def with_setting(self, field: str, value: Any) -> Pieces:
        """The twin with another setting, which may be an array."""
        changed = object.__new__(type(self.op))         # not by calling the class, which takes no arrays
        for name in self.op.fields:
            object.__setattr__(changed, name, value if name == field else getattr(self.op, name))
        return Pieces(changed, self.names, self.values, self.wanted, self.upstream)

    def with_input(self, i: int, value: np.ndarray) -> Pieces:
        """The twin at another value of one input."""
        return Pieces(self.op, self.names, [*self.values[:i], value, *self.values[i + 1 :]], self.wanted, self.upstream)

    @cached_property
    def variants(self) -> list[tuple[str, Pieces]]:
        """The twin with one thing changed, with what was changed."""
        ones = np.ones_like(self.upstream)
        changes: list[tuple[str, Callable[[], Pieces]]] = [
            ("dL/dout is not used, 1 stands in its place", lambda: Pieces(self.op, self.names, self.values, self.wanted, ones))
        ]
        for field, value in self.settings.items():
            if value:
                changes.append((f"{field} is left out", partial(self.with_setting, field, 0.0)))
        for i, (name, x) in enumerate(zip(self.names, self.values)):
            if x is not None and x.dtype.kind in "fb":
                changes.append((f"{name} is not used", partial(self.with_input, i, np.ones_like(x))))
            if x is not None and x.dtype.kind == "b":
                changes.append((f"{name} is inverted", partial(self.with_input, i, ~x)))
        changes += [(words, partial(self.with_setting, "eps", instead)) for words, _, instead in self.other_roots]
        for field in [field for field in self.op.fields if field in ("axis", "axes")]:
            value, axes = getattr(self.op, field), range(max(np.ndim(x) for x in self.values if x is not None))
            others = axes if isinstance(value, int) else itertools.combinations(axes, len(value)) if isinstance(value, tuple) else ()
            changes += [(f"{field} is {x} in it, and should be {value}", partial(self.with_setting, field, x)) for x in others if x != value]
        found = []
        for words, change in changes:
            try:
                changed = change()
            except Exception:                           # the twin is not made for it
                continue
            if changed.out.shape == self.out.shape:
                found.append((words, changed))
        return found

    @cached_property
    def settings(self) -> dict[str, float]:
        """The settings that are floats."""
        return {field: getattr(self.op, field) for field in self.op.fields if type(getattr(self.op, field)) is float}

    @cached_property
    def roots(self) -> list[tuple[str, np.ndarray]]:
        """The square roots in the twin, with their formulas; a power of 1/2 or -1/2 is one as well."""
        found = []
        for node in self.nodes:
            if type(node.op).__name__ == "Sqrt":
                found.append((self.formula(node), np.asarray(node.kept[0][0])))
            elif getattr(node.op, "exponent", None) in (0.5, -0.5):
                found.append((f"sqrt({self.formula(node.parents[0])})", np.sqrt(node.kept[0][0])))
        return found

    @cached_property
    def other_roots(self) -> list[tuple[str, np.ndarray, np.ndarray]]:
        """How else sqrt(var + eps) is often written: in words, the factor between the two, and the eps that would give it."""
        if len(self.roots) != 1 or "eps" not in self.settings:
            return []
        ((_, root),), eps = self.roots, self.settings["eps"]
        n = max(x.size for x in self.values if x is not None) // root.size
        var = np.maximum(root * root - eps, 0)
        squares = {"eps stands outside the root": (np.sqrt(var) + eps) ** 2, "eps is left out": var}
        if n > 1:
            squares[f"the variance divides by {n - 1} instead of {n}"] = var * n / (n - 1) + eps
        return [(words, root / np.sqrt(square), square - var) for words, square in squares.items() if np.all(square > 0)]

    # The parts of the gradient.

    @cached_property
    def paths(self) -> Named:
        """What each path through the twin gives to the gradients, with its name."""
        reductions = [node for node in self.nodes if any(p is not None and math.prod(p.shape) > math.prod(node.shape) for p in node.parents)]
        cuts = [
            (f"the path through {' and '.join(sorted({self.called(node) for node in group}))}", [e for node in group for e in edges(node)])
            for group in subsets(reductions, len(reductions) if len(reductions) <= MOST_REDUCTIONS else 2)
        ]
        cuts += [(f"the path through {self.formula(node)}", edges(node)) for node in self.nodes]
        for node, i in itertools.chain.from_iterable(map(edges, self.nodes)):
            cuts.append((f"the direct path from {self.formula(node.parents[i])} into {self.formula(node)}", [(node, i)]))
        found = []
        for words, cut in cuts:
            with self.parents((node, i, None) for node, i in cut):
                found.append((words, [true - rest for true, rest in zip(self.true, self.gradients())]))
        return found

    def called(self, node: Node) -> str:
        """A mean, a sum or another reduction, as one would say it."""
        words = formulas.called(node)
        return "the standard deviation" if words == "the variance" and node in self.under_roots else words

    @cached_property
    def under_roots(self) -> set[Node]:
        """The nodes of which a square root is taken, with no more than a constant factor or a where in between."""
        found = set()
        for node in self.nodes:
            if type(node.op).__name__ == "Sqrt":
                below: Any = node.parents[0]
                while type(below.op).__name__ in ("Where", "Multiply") and len(edges(below)) == 1:
                    below = next(parent for parent in below.parents if parent is not None)
                found.add(below)
        return found

    @cached_property
    def exchanged(self) -> Named:
        """The gradients with one value in place of another, of the same shape, in the derivative of one node."""
        found = []
        for node in self.nodes:
            for name, value in self._kept_by(node):
                for other_name, other in self.arrays:
                    if other is value or other.shape != value.shape or other_name == name:
                        continue
                    before = node.kept
                    node.kept = tuple(tuple(other if x is value else x for x in values) for values in before)
                    try:
                        words = f"in the derivative of {self.formula(node)} stands {other_name} where {name} should"
                        found.append((words, self.gradients()))
                    finally:
                        node.kept = before
        return found

    @cached_property
    def arrays(self) -> list[tuple[str, np.ndarray]]:
        """The arrays that a derivation has at hand, with their formulas; those whose elements are all one number are among the numbers."""
        candidates = [(name, x) for name, x in zip(self.names, self.values) if x is not None and x.dtype.kind == "f"]
        candidates += [("dL/dout", self.upstream), *(pair for node in self.nodes for pair in self._kept_by(node))]
        for root_name, root in self.roots:              # x_hat is at hand also where the twin has no node for it
            candidates += [
                (f"({name}) / {root_name}", x / root) for name, x in candidates
                if " - mean(" in name and root_name not in name and broadcasts_to(root.shape, x.shape)
            ]
        candidates.append(("out", np.asarray(self.out._data)))
        found: list[tuple[str, np.ndarray]] = []
        for name, x in candidates:
            if _constant(x) is None and x.size > 1 and not any(_are_same(x, other) for _, other in found):
                found.append(("out" if x is self.out._data else name, x))
        return found

    def _kept_by(self, node: Node) -> Iterator[tuple[str, np.ndarray]]:
        """The arrays of more than one number that a node keeps, with their formulas."""
        seen: set[int] = set()
        for names, values in zip(node.op.rule_names, node.kept):
            for name, value in zip(names, values):
                origin = node if name == "out" else dict(zip(node.op.inputs, node.parents)).get(name)
                is_array = isinstance(value, np.ndarray) and value.size > 1 and value.dtype.kind == "f"
                if is_array and origin is not None and id(value) not in seen:       # a constant has no origin, and no formula
                    seen.add(id(value))
                    yield self.formula(origin), value

    def formula(self, node: Node | None) -> str:
        return formulas.formula(node, tuple(self.settings))

    @cached_property
    def sums(self) -> list[Repeated]:
        """The values in the twin that are repeated along axes: the gradient takes a sum for each."""
        uses = [
            (user, i, node) for node in self.nodes for user in self.nodes for i, parent in enumerate(user.parents)
            if parent is node and node.shape != user.shape and broadcasts_to(node.shape, user.shape)
        ]
        found = []
        for user, _, node in uses:
            axes = repeated_axes(node.shape, user.shape)
            repeated = leaf_node(user.shape, user.dtype)
            repeated.order = node.order                 # the walk goes by it
            with self.parents((u, j, repeated if u is user else None) for u, j, _ in uses):
                if repeated not in ancestors(self.last):
                    continue
                terms: Any = grad(self.out, [wrap(np.zeros(user.shape), repeated)], wrap(self.upstream), retain_graph=True)[0]
                onward = self.gradients(np.ones(node.shape), node)
            found.append(Repeated(formulas.called_below(node), axes, terms.numpy(), onward))
        return found

    def unsummed(self, i: int) -> tuple[np.ndarray, tuple[int, ...]] | None:
        """The gradient of an input that is broadcast before it is summed over what the input was repeated along, and these axes."""
        if i not in self._unsummed:
            at, shape = self.names.index(self.moved[i]), self.out.shape
            x, self._unsummed[i] = self.values[at], None
            if x.shape != shape and broadcasts_to(x.shape, shape):
                try:
                    repeated = self.with_input(at, np.array(np.broadcast_to(x, shape)))
                except Exception:                       # the twin takes no such shape
                    return None
                if repeated.out.shape == shape:
                    self._unsummed[i] = repeated.true[i], repeated_axes(x.shape, shape)
        return self._unsummed[i]

    @cached_property
    def diagonals(self) -> list[tuple[int, list[np.ndarray]]]:
        """For each axis of out the gradients if no element moved another one along it."""
        found = []
        for axis, n in enumerate(self.out.shape):
            if 1 < n <= MOST_WALKS:
                parts = [np.zeros_like(true) for true in self.true]
                for k in range(n):
                    at = tuple([slice(None)] * axis + [slice(k, k + 1)])
                    alone = np.zeros_like(self.upstream)
                    alone[at] = self.upstream[at]
                    for part, g in zip(parts, self.gradients(alone)):
                        if part.shape == self.out.shape:
                            part[at] = g[at]
                found.append((axis, parts))
        return found

    # Numbers

    @cached_property
    def numbers(self) -> list[tuple[float, str]]:
        """The factors that are usually forgotten or too many, in words."""
        found = [] if 2 in self.sizes else [(2.0, "2"), (0.5, "1/2")]       # a size of 2 says both
        for n, where in self.sizes.items():
            found += [(n, f"{n} ({n} is the size of {where})"), (1 / n, f"1/{n} ({n} is the size of {where})")]
        named = {**self.settings, **{name: _constant(x) for name, x in zip(self.names, self.values)}, "dL/dout": _constant(self.upstream)}
        found += [form for name, x in named.items() if x for form in ((x, name), (1 / x, f"1/{name}"))]
        for name, x in self.settings.items():
            if x not in (0, 1):
                rest = f"(1 - {name})"
                found += [(1 - x, rest), (1 / (1 - x), f"1/{rest}"), ((1 - x) / x, f"{rest}/{name}"), (x * (1 - x), f"{name} * {rest}")]
        return [(number, words) for number, words in found if abs(number) not in (0, 1)]

    @cached_property
    def numbers_of_sizes(self) -> list[tuple[float, str]]:
        """Factors that are made of sizes."""
        found = []
        for n, where in self.sizes.items():
            forms = {
                f"sqrt({n})": math.sqrt(n), f"1/sqrt({n})": 1 / math.sqrt(n), f"{n}/{n - 1}": n / (n - 1), f"{n - 1}/{n}": (n - 1) / n,
                f"{n - 1}": n - 1, f"1/{n - 1}": 1 / (n - 1), f"{n}/2": n / 2, f"2/{n}": 2 / n,
            }
            found += [(number, f"{form} ({n} is the size of {where})") for form, number in forms.items()]
        for (n, of_n), (m, of_m) in itertools.permutations(self.sizes.items(), 2):
            if n % m and m % n:
                found.append((n / m, f"{n}/{m} ({n} is the size of {of_n}, {m} that of {of_m})"))
        return [(number, words) for number, words in found if number != 1]

    @cached_property
    def sizes(self) -> dict[int, str]:
        """How many elements lie along each choice of axes of the inputs, in words."""
        found: dict[int, list[str]] = {}
        for name, x in zip(self.names, self.values):
            for axes in subsets(range(np.ndim(x)), 3) if x is not None else ():
                where = f"{axes_in_words(axes)} of {name}"
                found.setdefault(math.prod(x.shape[axis] for axis in axes), []).append(where)
        return {size: where[0] for size, where in found.items() if size > 1}


# Small questions about arrays and nodes


def size(array: np.ndarray) -> float:
    return float(np.sqrt(np.sum(array * array)))       # np.linalg.norm asks BLAS, whose threads take longer to wake up


def are_proportional(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether a is a multiple of b, to nearly all digits."""
    length = size(b)
    return length > 0 and size(a - (np.sum(a * b) / length**2) * b) <= 1e-9 * size(a)


def _constant(x: np.ndarray | None) -> float | None:
    """The one value that all elements have, if they have."""
    return float(x.flat[0]) if x is not None and x.dtype.kind == "f" and x.size and np.all(x == x.flat[0]) else None


def _are_same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and size(a - b) <= 1e-12 * size(b)


def repeated_axes(shape: tuple[int, ...], to: tuple[int, ...]) -> tuple[int, ...]:
    """The axes along which broadcasting repeats an array of shape."""
    padded = (1,) * (len(to) - len(shape)) + shape
    return tuple(axis for axis, (n, m) in enumerate(zip(padded, to)) if n != m)


def axes_in_words(axes: tuple[int, ...]) -> str:
    return f"ax{'i' if len(axes) == 1 else 'e'}s {', '.join(map(str, axes))}"


def broadcasts_to(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False


def subsets(items: Any, most: int) -> list[tuple[Any, ...]]:
    """The choices of one to most of items, the small ones first."""
    items = list(items)
    return [group for size in range(1, min(most, len(items)) + 1) for group in itertools.combinations(items, size)]


def edges(node: Node) -> list[tuple[Node, int]]:
    return [(node, i) for i, parent in enumerate(node.parents) if parent is not None]
