"""The recorded graph as data: strings and numbers only, so that looking at a graph changes nothing in it and keeps nothing alive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.node import Node, ancestors, kept_memory
from ..engine.op import Fused
from ..engine.tensor import Tensor
from ..errors import DTypeError, GraphError

KINDS = {
    "parameter": "a leaf that gathers its gradient in .grad",
    "input": "an array that needs no gradient",
    "constant": "a number, or what else has no gradient",
    "op": "one operation",
    "fused": "several operations in one node, with a backward written by hand",
}
"""The kinds of nodes, with what each is."""


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One value in the graph, and how it came about.

    id          its own in the graph: "n0", "n1" and so on in the order of creation; "n3.1" is what the op n3 was given as input 1.
    kind        one of KINDS.
    label       the op with its settings; for a constant that is a number that number; otherwise the kind again.
    name        the name of the tensor, or None.
    shape, dtype  None for a number, and where the graph does not know them: of an operand that needs no gradient it knows only
                what a rule keeps.
    kept_bytes  the memory that this node keeps for the backward pass, parameters and data included; what several nodes keep counts
                at the oldest of them. None if a backward pass has freed it.
    """

    id: str
    kind: str
    label: str
    name: str | None
    shape: tuple[int, ...] | None
    dtype: str | None
    kept_bytes: int | None = 0


@dataclass(frozen=True, slots=True)
class Edge:
    """A value that goes into an op: the ids of both, and what the op calls it."""

    source: str
    target: str
    input: str


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph as data: the nodes, oldest first, the edges between them, and the ids of the outputs."""

    nodes: tuple[GraphNode, ...]
    edges: tuple[Edge, ...]
    outputs: tuple[str, ...]

    @property
    def op_count(self) -> int:
        """The number of recorded ops; a fused one counts once."""
        return sum(node.kind in ("op", "fused") for node in self.nodes)

    @property
    def kept_bytes(self) -> int:
        """The bytes that all nodes together keep for the backward pass; what was freed counts nothing."""
        return sum(node.kept_bytes or 0 for node in self.nodes)


def graph(outputs: Tensor | Sequence[Tensor]) -> Graph:
    """The graph that outputs were computed by, as data.

    Parameters
        outputs  a tensor, or several; their graphs may share nodes.
    Raises GraphError if nothing was recorded for an output, and DTypeError if one is no Tensor, and ValueError without any.

    An operand that needs no gradient has no node in the engine. It is shown all the same, once for each use, with what is known of it.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> found = tg.viz.graph((w * 3.0).sum())
    >>> [node.label for node in found.nodes]
    ['parameter', '3.0', 'Multiply()', 'Sum(axis=(0,), keepdims=False)']
    >>> found.edges[0]
    Edge(source='n0', target='n1', input='a')
    >>> found.op_count
    2
    """
    roots = [_root(output) for output in ([outputs] if isinstance(outputs, Tensor) else outputs)]
    if not roots:
        raise ValueError("viz.graph: there is no output; give it a tensor, for example the loss")
    nodes: list[GraphNode] = []
    edges: list[Edge] = []
    ids: dict[Node, str] = {}
    counted: set[int] = set()
    for node in reversed(ancestors(roots)):
        ids[node] = own = f"n{len(ids)}"
        if node.op is None:
            nodes.append(GraphNode(own, "parameter", "parameter", node.name, node.shape, node.dtype.name))
            continue
        for i, operand in _operands(node):
            if isinstance(operand, Node):
                source = ids[operand]
            else:
                source = f"{own}.{i}"
                nodes.append(_without_gradient(source, node, i, operand))
            edges.append(Edge(source, own, node.op.input_name(i)))
        kind = "fused" if isinstance(node.op, Fused) else "op"
        nodes.append(GraphNode(own, kind, repr(node.op), node.name, node.shape, node.dtype.name, _newly_kept(node, counted)))
    return Graph(tuple(nodes), tuple(edges), tuple(ids[root] for root in roots))


def _root(output: Any) -> Node:
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


def _without_gradient(own: str, node: Node, i: int, value: Any) -> GraphNode:
    """What node's op was given as input i, which needs no gradient."""
    if not isinstance(value, np.ndarray | np.generic | int | float | complex):
        return GraphNode(own, "constant", "constant", None, None, None)
    array = np.asarray(value)
    if not array.shape:
        return GraphNode(own, "constant", str(array[()]), None, None, None)
    kind = "constant" if node.op.inputs[min(i, len(node.op.inputs) - 1)] in node.op.constants else "input"
    return GraphNode(own, kind, kind, None, array.shape, array.dtype.name)


def _newly_kept(node: Node, counted: set[int]) -> int | None:
    """The bytes that node keeps, without the memory that is in counted already; enters it there."""
    if node.kept is None:
        return None
    new = {key: size for key, size in kept_memory(node) if key not in counted}
    counted.update(new)
    return sum(new.values())
