"""The recorded graph as data: strings and numbers only, so that looking at a graph changes nothing in it and keeps nothing alive."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.node import Node, ancestors, memory_of
from ..engine.op import Fused, Op
from ..engine.tensor import Tensor
from ..errors import DTypeError, GraphError
from .rules import called, rules
from .twins import Twin, twin_of
from .values import in_units, said

KINDS = {
    "parameter": "a leaf that gathers its gradient in .grad",
    "input": "an array that needs no gradient",
    "constant": "a number, or what else has no gradient",
    "op": "one operation",
    "fused": "several operations in one node, with a backward written by hand",
    "group": "several nodes drawn as one: a module that is closed, or all that came before",
    "failed": "the op that raised an error; nothing came out of it",
}
"""The kinds of nodes, with what each is."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An array that a node keeps for its rules.

    name   what the rules call it.
    bytes  the memory that it keeps alive, parameters and data included; 0 if an older node, or the same one, keeps that already.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One value in the graph, and how it came about.

    id          its own in the graph: "n0", "n1" and so on in the order of creation; "n3.1" is what the op n3 was given as input 1, and
                "n3/1" is in the twin of n3, where that is opened.
    kind        one of KINDS.
    label       the op with its settings; for a constant that is a number that number; otherwise the kind again.
    name        the name of the tensor, or None.
    shape, dtype  None for a number, and where the graph does not know them: of an operand that needs no gradient it knows only
                what a rule keeps.
    kept        a Kept for each array that this node keeps for the backward pass. None if a backward pass has freed them.
    scope       the id of the innermost Scope that the node lies in, or None. A leaf lies in none: it is drawn where it is used.
    line        the line of the user's code that recorded it, where that was noted: inside noted() or detect_anomaly().
    ops         how many recorded ops it stands for.
    rules       of an op, for each input that has a gradient its rule: (("a", "g * b"), ...).
    value       what came out, in a few characters; None if it is not known, or was not asked for.
    grad        what is in .grad of a leaf, in a few characters; None if it was not asked for.
    """

    id: str
    kind: str
    label: str
    name: str | None
    shape: tuple[int, ...] | None
    dtype: str | None
    kept: tuple[Kept, ...] | None = ()
    scope: str | None = None
    line: str | None = None
    ops: int = 0
    rules: tuple[tuple[str, str], ...] = ()
    value: str | None = None
    grad: str | None = None

    @property
    def kept_bytes(self) -> int | None:
        """The memory that is kept here first; None if it was freed."""
        return None if self.kept is None else sum(kept.bytes for kept in self.kept)


@dataclass(frozen=True, slots=True)
class Scope:
    """One run of a module.

    id      "s0", "s1" and so on, in the order in which the modules began.
    path    where it is in the outermost module, such as "encoder.hidden"; "" for that module itself.
    kind    its class.
    parent  the id of the module that it ran in, or None.
    count   how many runs one after another it stands for.
    """

    id: str
    path: str
    kind: str
    parent: str | None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Edge:
    """A value that goes into an op: the ids of both, and what the op calls it.

    back  what goes back along it, dL/d(input) with broadcasting undone, in a few characters; None if it was not asked for.
    """

    source: str
    target: str
    input: str
    back: str | None = None


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph as data: the nodes, oldest first, the edges between them, the ids of the outputs, and the modules that ran."""

    nodes: tuple[GraphNode, ...]
    edges: tuple[Edge, ...]
    outputs: tuple[str, ...]
    scopes: tuple[Scope, ...] = ()
    note: str = ""
    """What is not shown as it was recorded, in words."""
    stands_for: tuple[tuple[str, str], ...] = ()
    """Of nodes that were recorded and are not among nodes, (id, the id of the node that stands for it)."""

    @property
    def op_count(self) -> int:
        """The number of recorded ops; a fused one counts once."""
        return sum(node.ops for node in self.nodes)

    @property
    def kept_bytes(self) -> int:
        """The bytes that all nodes together keep for the backward pass; what was freed counts nothing."""
        return sum(node.kept_bytes or 0 for node in self.nodes)


def graph(outputs: Tensor | Sequence[Tensor] | Exception, *, values: bool = False, unfold: bool | Sequence[str] = False) -> Graph:
    """The graph that outputs were computed by, as data.

    Parameters
        outputs  a tensor, or several; their graphs may share nodes. Or the error of an op: then the graph of its operands, with
                 that op, which gave nothing, as the output.
        values   whether nodes say what came out of them, as far as that is kept for the backward pass or was noted, and leaves
                 what is in .grad.
        unfold   True to open every fused op into its composed twin, as a scope of its own, or the names of those to open.
    Raises GraphError if nothing was recorded for an output, DTypeError if one is no Tensor, and ValueError without any, or for an
    error that no op raised.

    An operand that needs no gradient has no node in the engine. It is shown all the same, once for each use, with what is known of it.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> found = tg.viz.graph((w * 3.0).sum())
    >>> [node.label for node in found.nodes]
    ['parameter', '3.0', 'Multiply()', 'Sum(axis=(0,), keepdims=False)']
    >>> found.edges[0].source, found.edges[0].target, found.edges[0].input
    ('n0', 'n1', 'a')
    >>> found.op_count
    2
    >>> try:
    ...     w.exp() + tg.ones(3)
    ... except ValueError as error:
    ...     [node.kind for node in tg.viz.graph(error).nodes]
    ['parameter', 'op', 'input', 'failed']
    """
    if isinstance(outputs, Exception):
        return _graph_of_error(outputs, values, unfold)
    roots = [root_of(output) for output in ([outputs] if isinstance(outputs, Tensor) else outputs)]
    if not roots:
        raise ValueError("viz.graph: there is no output; give it a tensor, for example the loss")
    reading = _Reading(roots, values, unfold)
    return reading.graph(tuple(reading.ids[root] for root in roots))


def _graph_of_error(error: Any, values: bool, unfold: bool | Sequence[str]) -> Graph:
    op, operands = getattr(error, "op", None), getattr(error, "operands", ())
    if op is None:
        raise ValueError(f"viz.graph: {type(error).__name__} is the error of no op, so there is no graph to it; give it a tensor")
    nodes = [operand if isinstance(operand, Node) else getattr(operand, "node", None) for operand in operands]
    reading = _Reading([node for node in nodes if node is not None], values, unfold)
    own = f"n{len(reading.ids)}"
    for i, (operand, node) in enumerate(zip(operands, nodes)):
        if operand is not None:
            value = operand._data if isinstance(operand, Tensor) else operand
            reading.add_operand(own, op, i, value if node is None else node)
    reading.nodes.append(GraphNode(own, "failed", called(op), None, None, None))
    return reading.graph((own,))


class _Reading:
    """The graph of roots, read from the oldest node to the newest."""

    def __init__(self, roots: list[Node], values: bool, unfold: bool | Sequence[str]) -> None:
        self.nodes: list[GraphNode] = []
        self.edges: list[Edge] = []
        self.ids: dict[Node, str] = {}
        self.scopes: list[Scope] = []
        self.values = values
        self.unfold = unfold
        self.opened: list[str] = []
        self.counted: set[int] = set()      # the memory that an older node keeps
        nodes = ancestors(roots)[::-1]
        scopes = self._scopes_of(nodes)
        known = _known(nodes) if values else {}
        for node in nodes:
            own = f"n{len(self.ids)}"
            twin = self._twin_to_open(node)
            if twin is not None:
                self._add_opened(node, own, scopes.get(node), twin)
            else:
                self._add(node, own, scopes.get(node), known)
            self.ids[node] = own

    def graph(self, outputs: tuple[str, ...]) -> Graph:
        """What was read."""
        note = f"{' and '.join(dict.fromkeys(self.opened))} opened into the composed twin" if self.opened else ""
        return Graph(tuple(self.nodes), tuple(self.edges), outputs, tuple(self.scopes), note)

    def _add(self, node: Node, own: str, scope: str | None, known: dict[Node, Any]) -> None:
        value = said(known[node]) if node in known else None
        if node.op is None:
            grad = None if not self.values else "not computed yet" if node.grad is None else said(node.grad._data)
            self.nodes.append(GraphNode(own, "parameter", "parameter", node.name, node.shape, node.dtype.name, value=value, grad=grad))
            return
        for i, operand in _operands(node):
            self.add_operand(own, node.op, i, operand)
        self.nodes.append(
            GraphNode(
                own,
                "fused" if isinstance(node.op, Fused) else "op",
                called(node.op),
                node.name,
                node.shape,
                node.dtype.name,
                _kept(node, self.counted),
                scope,
                node.line,
                1,
                tuple(rules(node.op).items()),
                value,
            )
        )

    def _twin_to_open(self, node: Node) -> Twin | None:
        op = node.op
        if not isinstance(op, Fused) or not (self.unfold is True or (self.unfold and type(op).__name__ in self.unfold)):
            return None
        return twin_of(node)

    def _add_opened(self, node: Node, own: str, scope: str | None, twin: Twin) -> None:
        """The twin of a fused node in its place, as a scope; its end has the id of the node, so that what comes later finds it."""
        self.opened.append(type(node.op).__name__)
        fused = sum(kept.bytes for kept in _kept(node, set(self.counted)) or ())
        frame = f"s{len(self.scopes)}"
        inner = [part for part in ancestors([twin.out])[::-1] if part not in twin.aliases]
        composed = sum(kept.bytes for part in inner for kept in _kept(part, set(self.counted)) or ())
        numbers = f"1 op that keeps {in_units(fused)}, opened: {len(inner)} ops that keep {in_units(composed)}"
        self.scopes.append(Scope(frame, "", f"{type(node.op).__name__}, {numbers}", scope))
        for alias, parent in twin.aliases.items():
            self.ids[alias] = self.ids[parent]
        known = _known(inner) if self.values else {}
        for i, part in enumerate(inner):
            last = part is twin.out
            if last and node.name:
                part.name = node.name
            self._add(part, own if last else f"{own}/{i}", frame, known)
            self.ids[part] = own if last else f"{own}/{i}"
        for part in (*twin.aliases, *inner):
            del self.ids[part]              # ids counts the nodes of the graph itself

    def add_operand(self, own: str, op: Op, i: int, operand: Any) -> None:
        """An edge from input i of op, the node own, and a node for an operand that has none in the engine."""
        if isinstance(operand, Node):
            source = self.ids[operand]
        else:
            source = f"{own}.{i}"
            self.nodes.append(_without_gradient(source, op, i, operand))
        self.edges.append(Edge(source, own, op.input_name(i)))

    def _scopes_of(self, nodes: list[Node]) -> dict[Node, str]:
        """By node the id of the innermost module that made it; fills scopes. nodes are sorted, the oldest first.

        The nodes that a module made are those between its start and its end, both moments on the clock of all nodes.
        """
        ends: dict[tuple[int, str, str], int] = {}          # a module with several outputs ends with the latest
        for node in nodes:
            scope = node.scope
            while scope is not None:
                start, path, kind, scope = scope
                ends[start, path, kind] = max(node.order, ends.get((start, path, kind), 0))
        waiting = sorted(ends, reverse=True)
        running: list[tuple[int, str]] = []                 # the end and the id of each module that runs, the innermost last
        found = {}
        for node in nodes:
            if node.op is None:
                continue
            while waiting and waiting[-1][0] < node.order:
                run = waiting.pop()
                running = [(end, own) for end, own in running if end >= run[0]]
                own = f"s{len(self.scopes)}"
                self.scopes.append(Scope(own, run[1], run[2], running[-1][1] if running else None))
                running.append((ends[run], own))
            running = [(end, own) for end, own in running if end >= node.order]
            if running:
                found[node] = running[-1][1]
        return found


def root_of(output: Any) -> Node:
    """The node of an output, for what begins there."""
    if not isinstance(output, Tensor):
        raise DTypeError(f"viz.graph: an output is {type(output).__name__}; it needs to be a Tensor")
    if output.node is None:
        called = f"the tensor {output.name!r}" if output.name else f"a tensor of shape {output.shape}"
        raise GraphError(
            f"viz.graph: {called} needs no gradient, so nothing was recorded; make an input of it with requires_grad=True, "
            f"and compute it outside no_grad"
        )
    return output.node


_UNKNOWN = object()


def _operands(node: Node) -> Iterator[tuple[int, Any]]:
    """For each input of node's op that was given: its number, and its node, or the value that is kept of it, or _UNKNOWN."""
    kept = {} if node.kept is None or all(node.parents) else dict(node.op.used_values(node, node.parents, record=True))
    for i, parent in enumerate(node.parents):
        operand = kept.get(node.op.input_name(i), _UNKNOWN) if parent is None else parent
        if operand is not None:     # an optional input that was left out
            yield i, operand


def _known(nodes: list[Node]) -> dict[Node, Any]:
    """The values of nodes that are kept somewhere, or were noted."""
    found: dict[Node, Any] = {}
    for node in nodes:
        if node.op is not None and node.kept is not None:
            for name, value in node.op.used_values(node, node.parents, record=False):
                owner = node.op.parent_called(name, node)
                if owner is not None and isinstance(value, np.ndarray | np.generic):
                    found[owner] = value
    return found | {node: node.value for node in nodes if node.value is not None}


def _without_gradient(own: str, op: Op, i: int, value: Any) -> GraphNode:
    """What op was given as input i, which needs no gradient."""
    if not isinstance(value, np.ndarray | np.generic | int | float | complex):
        return GraphNode(own, "constant", "constant", None, None, None)
    array = np.asarray(value)
    if not array.shape:
        return GraphNode(own, "constant", str(array[()]), None, None, None)
    kind = "constant" if op.inputs[min(i, len(op.inputs) - 1)] in op.constants else "input"
    return GraphNode(own, kind, kind, None, array.shape, array.dtype.name)


def _kept(node: Node, counted: set[int]) -> tuple[Kept, ...] | None:
    """What node keeps; memory whose identity is in counted counts nothing, and what is new is entered there."""
    if node.kept is None:
        return None
    found: dict[str, Kept] = {}
    named = node.op.used_values(node, node.parents, record=False)
    twins = node.op.used_values(node, node.parents, record=True) if node.op.twin_needed else ()
    for name, value in itertools.chain(named, twins):
        if isinstance(value, np.ndarray | np.generic) and name not in found:
            new = {key: size for key, size in memory_of(value) if key not in counted}
            counted.update(new)
            found[name] = Kept(name, value.shape, value.dtype.name, sum(new.values()))
    return tuple(found.values())
