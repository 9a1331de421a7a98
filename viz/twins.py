"""The composed twin of a recorded node, as a graph of its own."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..engine.modes import enable_grad
from ..engine.node import Node, leaf_node
from ..engine.tensor import wrap


class Twin(NamedTuple):
    """What the twin of a fused node records.

    out      the node of its value.
    aliases  the leaves that stand for its inputs, with the parents of the fused node.
    """

    out: Node
    aliases: dict[Node, Node]


def twin_of(node: Node) -> Twin | None:
    """The twin of a fused node, run on the inputs that the node keeps; None if it cannot be run.

    A node whose rules record themselves keeps no more than these need: what it lacks is taken to be ones, which record the same ops.
    """
    op = node.op
    if node.kept is None:
        return None
    values: list[Any] = [None] * len(node.parents)
    if op.twin_needed:
        values = list(node.kept[-1])
    else:
        kept = dict(op.used_values(node, node.parents, False))
        for i, parent in enumerate(node.parents):
            missing = None if parent is None else np.ones(parent.shape, parent.dtype)
            values[i] = kept.get(op.input_name(i), missing)
    aliases: dict[Node, Node] = {}
    tensors = []
    for value, parent in zip(values, node.parents):
        leaf = None if parent is None else leaf_node(parent.shape, parent.dtype, parent.name)
        if leaf is not None and parent is not None:
            aliases[leaf] = parent
        tensors.append(None if value is None else wrap(value if isinstance(value, np.generic) else np.asarray(value), leaf))
    try:
        with np.errstate(all="ignore"), enable_grad():
            out = op.composed(*tensors)
    except Exception:       # a twin that does not run on stand-ins: the node is drawn closed
        return None
    return None if out.node is None or out.node in aliases else Twin(out.node, aliases)
