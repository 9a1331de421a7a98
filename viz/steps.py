"""Backprop one node at a time: what came in, what each rule gave, and where it was added."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..engine.backward import walk
from ..engine.node import Node, ancestors
from ..engine.op import Fused
from ..engine.tensor import Tensor, read_only
from ..engine.watching import Watcher
from ..errors import GraphError, ShapeError
from .graph import Graph, root_of
from .rules import called, rules
from .values import size


@dataclass(frozen=True, slots=True)
class Share:
    """What one rule gave to one parent.

    input     what the op calls it.
    parent    the id of the node that gets it, as in tg.viz.graph.
    rule      the rule as a formula: "g * b"; where numbers are complex, "conj(g * b), with conj(g) for g".
    given     what the rule gave.
    gradient  the same with broadcasting undone, in the shape of the parent.
    total     what the parent has gathered with it. Where several paths lead to a tensor, its gradient is the sum of their shares.
    path      the how manieth share of the parent this is, from 1 on; paths says how many there will be.
    """

    input: str
    parent: str
    rule: str
    given: np.ndarray
    gradient: np.ndarray
    total: np.ndarray
    path: int
    paths: int

    @property
    def is_broadcast(self) -> bool:
        """Whether the parent was repeated on the way forward, so that here its gradient was summed."""
        return self.given.shape != self.gradient.shape


@dataclass(frozen=True, slots=True)
class Step:
    """A walk's visit to one node.

    number    from 1 on; newer nodes come before older ones.
    id        the node, as in tg.viz.graph.
    label     its op, or "parameter" for a leaf.
    name      of the tensor, or None.
    kind      "op", "fused" or "parameter".
    gradient  dL/d(this node), complete: all that used it were visited before.
    shares    what its rules give to its parents; none for a leaf, whose gradient goes into .grad.
    """

    number: int
    id: str
    label: str
    name: str | None
    kind: str
    gradient: np.ndarray
    shares: tuple[Share, ...]


def steps(loss: Tensor, gradient: Any = None) -> Iterator[Step]:
    """Walk back from loss, one node at a time, and show what happens there.

    Parameters
        loss      where to begin.
        gradient  dL/d(loss), of its shape; may be left out for a single element, where it is 1.
    Raises GraphError if nothing was recorded or the graph was freed, ShapeError for a gradient that is missing or of another shape.

    The walk is the one of loss.backward(retain_graph=True), hooks included, but no .grad is touched. It is made when the first step is
    asked for, and all its gradients live as long as the steps do: this is for graphs that one wants to look at.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor(3.0, requires_grad=True, name="x")
    >>> for step in steps(x * x + x):
    ...     print(step.label, step.gradient, [(share.rule, share.gradient.item(), share.total.item()) for share in step.shares])
    Add() 1.0 [('g', 1.0, 1.0), ('g', 1.0, 1.0)]
    Multiply() 1.0 [('g * b', 3.0, 4.0), ('g * a', 3.0, 7.0)]
    parameter 7.0 []
    """
    root = root_of(loss)
    if gradient is None and loss.size != 1:
        raise ShapeError(f"viz.steps: the tensor has shape {loss.shape}; give a gradient of this shape, or reduce it first")
    seed = np.asarray(np.ones(loss.shape) if gradient is None else getattr(gradient, "_data", gradient), loss.dtype)
    if seed.shape != loss.shape:
        raise ShapeError(f"viz.steps: the tensor has shape {loss.shape}, and so must its gradient, not {seed.shape}")
    return walked_back(root, seed)


def walked_back(root: Node, seed: np.ndarray) -> Iterator[Step]:
    """The steps of a walk that begins at root with seed as its gradient.

    The walk has the conjugates of gradients of complex numbers; what is seen of it are the gradients themselves.
    """
    nodes = ancestors([root])
    ids = {node: f"n{i}" for i, node in enumerate(reversed(nodes))}
    paths: dict[Node, int] = {}
    for node in nodes:
        for parent in node.parents:
            if parent is not None:
                paths[parent] = paths.get(parent, 0) + 1
    visits = _Visits()
    with visits:
        leaves = walk([root], [seed.conj() if seed.shape else seed.conj()[()]], None, retain_graph=True, record=False)
    totals: dict[Node, np.ndarray] = {}
    counts: dict[Node, int] = {}
    for number, node in enumerate(nodes, start=1):
        g, contributions = visits.seen.pop(node, (leaves.get(node), ()))
        shares = []
        said = rules(node.op) if node.op is not None else {}
        for i, (parent, given) in enumerate(zip(node.parents, contributions)):
            if parent is None:
                continue
            name = node.op.input_name(i)
            share = _undone(np.asarray(given), parent)
            counts[parent] = counts.get(parent, 0) + 1
            totals[parent] = share if parent not in totals else totals[parent] + share
            rule = said.get(name.partition("[")[0], "")
            if parent.dtype.kind == "c" or node.dtype.kind == "c":
                rule = f"conj({rule}), with conj(g) for g"
            shares.append(
                Share(name, ids[parent], rule, _seen(given), _seen(share), _seen(totals[parent]), counts[parent], paths[parent])
            )
        kind = "parameter" if node.op is None else "fused" if isinstance(node.op, Fused) else "op"
        yield Step(number, ids[node], "parameter" if node.op is None else called(node.op), node.name, kind, _seen(g), tuple(shares))


def with_gradients(graph: Graph, loss: Tensor, gradient: Any = None) -> Graph:
    """The graph of loss, with what goes back along each edge; where a backward pass has freed the graph, that is not computed yet."""
    try:
        back = {(share.parent, step.id, share.input): size(share.gradient) for step in steps(loss, gradient) for share in step.shares}
    except GraphError:
        ids = {node.id for node in graph.nodes if node.kind == "parameter" or node.ops}
        back = {(edge.source, edge.target, edge.input): "not computed yet" for edge in graph.edges if edge.source in ids}
    return replace(graph, edges=tuple(replace(edge, back=back.get((edge.source, edge.target, edge.input))) for edge in graph.edges))


class _Visits(Watcher):
    """Keeps what a walk finds at each node."""

    def __init__(self) -> None:
        self.seen: dict[Node, tuple[Any, Any]] = {}

    def pulled(self, node: Node, g: Any, parents: tuple[Node | None, ...], contributions: Any) -> None:
        self.seen[node] = g, contributions


def _undone(given: np.ndarray, parent: Node) -> np.ndarray:
    """A gradient in the shape and dtype of the parent, summed over the axes along which that was repeated; of a real parent the real part."""
    extra = given.ndim - len(parent.shape)
    repeated = tuple(i for i, n in enumerate(given.shape) if i < extra or (parent.shape[i - extra] == 1 and n != 1))
    summed = np.asarray(given.sum(repeated) if repeated else given).reshape(parent.shape)
    return (summed if parent.dtype.kind == "c" else summed.real).astype(parent.dtype, copy=False)


def _seen(gradient: Any) -> np.ndarray:
    """A gradient of the walk as users see it."""
    array = np.asarray(gradient)
    return read_only(array.conj() if array.dtype.kind == "c" else array)
