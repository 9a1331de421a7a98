"""One recorded application of an op, and the clock that all nodes share."""

from __future__ import annotations

from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

clock = count(1).__next__
"""The next moment. Nodes take one when they are made and in-place changes when they happen, so any two can be put in order."""

Scope = tuple[int, str, str, Any]
"""The run of a module that ended with a node, as (start, path, kind, inner): it made the nodes from the moment start on that the node
was computed from. path is where the module is in the outermost one ("encoder.hidden"), kind its class, and inner the Scope of the module
inside this one that ended with the same node, or None. A plain tuple, since each call of each module makes one.
"""


class Node:
    """What the graph remembers of one value: which op made it, from which nodes, and what the op's rules will need.

    op       the op, or None for a leaf.
    parents  a node for each input of op; None where no gradient is needed. Never a Tensor: its data would live as long as the graph.
    kept     for each input the values that its rule names, as a tuple; with a joint backward one tuple for all inputs.
             After them, in a Fused that may be differentiated through its twin, one tuple of all inputs. None once freed.
    shape, dtype  of the value. The value itself is kept only if a rule names it.
    order    the moment of creation. Parents are older than their children, so sorting by order sorts the graph.
    hooks    None, or what to call with the gradient when it is complete.

    Few nodes have what stands below as class attributes, and those alone get an instance dictionary for it.
    """

    __slots__ = ("__dict__", "__weakref__", "dtype", "hooks", "kept", "op", "order", "parents", "shape")

    op: Any
    parents: tuple[Node | None, ...]
    kept: Any
    shape: tuple[int, ...]
    dtype: np.dtype
    order: int
    hooks: dict[int, Callable] | None

    name: str | None = None
    grad: Any = None
    """Where the gradient of a leaf is gathered: a Tensor, or None. Of another node too, after retain_grad."""
    retains_grad: bool = False
    scope: Scope | None = None
    """Of an output of a module: which module, and since when."""
    line: str | None = None
    """The line of the user's code that recorded this, where a watcher noted it."""
    value: Any = None
    """What came out, where a watcher noted it."""
    checksums: dict[int, int] | None = None
    """Under detect_anomaly, for each array that is kept, by its identity."""

    @property
    def is_leaf(self) -> bool:
        return self.op is None

    def __repr__(self) -> str:
        what = "leaf" if self.op is None else repr(self.op)
        name = f" {self.name!r}" if self.name else ""
        return f"<Node {self.order}: {what}{name}, shape {self.shape}, {self.dtype}>"


def leaf_node(shape: tuple[int, ...], dtype: np.dtype, name: str | None = None) -> Node:
    """A node without parents: the place where the gradient of a leaf is gathered."""
    node = Node()
    node.op = None
    node.parents = ()
    node.kept = ()
    node.shape = shape
    node.dtype = dtype
    node.order = clock()
    node.hooks = None
    if name is not None:
        node.name = name
    return node


def ancestors(roots: list[Node], oldest: int = 0) -> list[Node]:
    """Every node from which the roots were computed, and the roots, newest first: an order in which users precede what they use.

    What only nodes up to the moment oldest were computed from is left out.
    """
    nodes: list[Any] = list(set(roots))
    seen: set[Any] = {None, *nodes}     # None stands for a parent that needs no gradient
    for node in nodes:                  # which grows on the way
        if node.order > oldest:
            for parent in node.parents:
                if parent not in seen:
                    seen.add(parent)
                    nodes.append(parent)
    nodes.sort(key=_order, reverse=True)
    return nodes


_order = attrgetter("order")


def kept_values(node: Node) -> Iterator[Any]:
    """The arrays and shapes that a node keeps, a value once for each time that it is kept."""
    for values in node.kept or ():
        yield from values


def memory_of(value: Any) -> Iterator[tuple[int, int]]:
    """The memory that a kept value keeps alive: the identity of each allocation and its bytes, once for each time that it is in there.

    A view keeps all of the array that it shows a part of; Python numbers and shapes keep nothing.
    """
    if isinstance(value, tuple):
        for part in value:
            yield from memory_of(part)
    elif isinstance(value, np.ndarray | np.generic):
        while isinstance(value.base, np.ndarray):
            value = value.base
        yield id(value), value.nbytes


def kept_bytes(outputs: list[Node]) -> int:
    """The memory that the graph of outputs keeps for the backward pass, parameters and data included; each allocation counts once."""
    return sum(dict(memory for node in ancestors(outputs) for memory in memory_of(node.kept or ())).values())
