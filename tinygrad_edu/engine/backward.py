"""The walk: from the outputs back to the leaves, each node once, newest first.

A node is visited after all that used it, so its gradient is complete when its rules run. The walk asks the op for the gradient
of each parent, undoes broadcasting, casts to the dtype of the value, sums, and lets go of what the node kept.

Of complex numbers the walk has the conjugate of the gradient that a user sees: L moves by the real part of sum(g * d out). So the rule of
a holomorphic function is that of calculus, g * b for a product, and stands as it is for real numbers. Tensors conjugate what goes in and out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import DTypeError, GraphError, MutationError, ShapeError
from . import changes, watching
from .batch import Batch, pulled_by_rows
from .node import Node, ancestors


def walk(
    outputs: list[Node], gradients: Sequence[Any], inputs: Sequence[Node] | None, *, retain_graph: bool, record: bool
) -> dict[Node, Any]:
    """The gradients of sum(gradients * outputs) with respect to inputs, or to all leaves if inputs is None, by node.

    Arrays go back, or Batches of them if gradients are Batches, or Tensors that record what is done to them if record. A node that
    retains its gradient is among the result.
    """
    targets = set(inputs or ())
    useful = None
    if inputs is None:
        nodes = ancestors(outputs)
    else:
        candidates = ancestors(outputs, oldest=min([node.order for node in targets], default=0))
        useful = between(candidates, targets)
        nodes = [node for node in candidates if node in useful]
    gathered: dict[Node, Any] = {}
    ours: set[Node] = set()     # the nodes whose gathered gradient is a sum that was allocated here, so that more can be added into it
    found: dict[Node, Any] = {}
    for node, g in zip(outputs, gradients, strict=True):
        gathered[node] = gathered[node] + g if node in gathered else g

    for node in nodes:
        g = gathered.pop(node)
        if node.hooks is not None:
            for hook in tuple(node.hooks.values()):
                g = hook(g)
            if node.retains_grad and useful is None:
                found[node] = g
        parents = node.parents
        if not parents:
            found[node] = g
            continue
        if useful is not None:
            if node in targets:
                found[node] = g
            parents = tuple([parent if parent in useful else None for parent in parents])
            if not any(parents):
                continue
        op = node.op
        if node.kept is None:
            raise GraphError(_freed(node))
        if node.order < changes.latest:     # which hooks, rules and other threads may move during the walk
            _refuse_changed(node, parents, record)
        if watching.active:
            watching.reached(node, g, parents, record)
        try:
            contributions = op.pull_recorded(g, node, parents) if record else op.pull(g, parents, node.kept)
        except Exception as error:
            if not isinstance(g, Batch):
                error.add_note(f"in the backward pass of {describe(node)}, whose gradient has shape {node.shape}")
                raise
            contributions = pulled_by_rows(op, g, parents, node.kept)
        if watching.active:
            watching.pulled(node, g, parents, contributions)
        i = -1
        for parent in parents:      # counted by hand: enumerate costs 80 ns a node, and zip 110
            i += 1
            if parent is None:
                continue
            c = contributions[i]
            try:
                if c.shape != parent.shape:
                    c = _sum_to(c, node, parent)
                if c.dtype is not parent.dtype and c.dtype != parent.dtype:
                    c = _cast(c, node, parent)
            except AttributeError:
                raise DTypeError(_wrong_gradient(node, parent, repr(c), "an array")) from None
            before = gathered.get(parent)
            if before is None:
                gathered[parent] = c
            elif parent in ours:
                before += c
            else:
                gathered[parent] = c = before + c
                if type(c) is np.ndarray:       # a NumPy scalar cannot be added into, and a Tensor must keep its history
                    ours.add(parent)
        if not retain_graph:
            node.kept = None
    return found


def between(nodes: list[Node], targets: set[Node]) -> set[Node]:
    """Those of nodes, which are sorted newest first, from which some of targets is reached, and these targets themselves."""
    useful: set[Node] = set()
    for node in reversed(nodes):
        if node in targets or not useful.isdisjoint(node.parents):
            useful.add(node)
    return useful


def _sum_to(c: Any, node: Node, parent: Node) -> Any:
    """Undo broadcasting: sum the gradient c over the axes along which parent was repeated."""
    shape = parent.shape
    repeated = _repeated(shape, c.shape) if shape else None         # None: all axes
    if not node.op.broadcasts or (shape and repeated is None):
        raise ShapeError(_wrong_gradient(node, parent, f"shape {c.shape}", f"shape {shape}"))
    if type(c) is not np.ndarray:
        c = c.sum(repeated)
    else:
        c = np.add.reduce(c, repeated) if shape else total(c)
    return c if c.shape == shape else c.reshape(shape)


def total(array: np.ndarray) -> Any:
    """The sum of all elements. Of a few it is a product with ones, which takes half the time of a reduction."""
    size = array.size
    if size <= 256 and array.dtype.char in "fd":
        return (array if array.ndim == 1 else array.ravel()).dot(_ones(size, array.dtype))
    return np.add.reduce(array, None)


@lru_cache(maxsize=1024)
def _ones(size: int, dtype: np.dtype) -> np.ndarray:
    ones = np.ones(size, dtype)
    ones.flags.writeable = False
    return ones


@lru_cache(maxsize=4096)
def _repeated(shape: tuple[int, ...], to: tuple[int, ...]) -> tuple[int, ...] | None:
    """The axes along which broadcasting repeats an array of shape to make it one of shape to; None if it does not."""
    extra = len(to) - len(shape)
    if extra < 0 or any(n not in (1, m) for n, m in zip(shape, to[extra:])):
        return None
    return tuple(i for i, m in enumerate(to) if i < extra or (shape[i - extra] == 1 and m != 1))


def _cast(c: Any, node: Node, parent: Node) -> Any:
    """A gradient has the dtype of its value. Complex values computed from a real one move with it as the real part of their gradient says."""
    if parent.dtype.kind not in "fc":
        raise DTypeError(
            f"{node.op!r}: an input{f' ({parent.name!r})' if parent.name else ''} has dtype {parent.dtype}, which has no gradient; convert what it "
            f"was computed from by detach() first"
        )
    if c.dtype.kind == "c" and parent.dtype.kind == "f":
        if node.dtype.kind != "c":
            raise DTypeError(_wrong_gradient(node, parent, f"complex numbers ({c.dtype})", "real, as the value and the input are"))
        c = c.real
    return c.astype(parent.dtype)


def describe(node: Node) -> str:
    """A node in words, for errors."""
    if node.op is None:
        return f"the leaf {node.name!r}" if node.name else f"a leaf of shape {node.shape}"
    return f"{node.op!r}, which made {node.name!r}" if node.name else repr(node.op)


def _freed(node: Node) -> str:
    return (
        f"backward reached {describe(node)} a second time, but what it kept was freed by the first walk; "
        f"run the forward pass again, or give the first backward retain_graph=True"
    )


def _wrong_gradient(node: Node, parent: Node, got: str, needs: str) -> str:
    """What to say of a rule that does not return the gradient of parent."""
    op = node.op
    name = op.input_name(node.parents.index(parent))
    rule = "backward" if op.joint else f"grad_{name}"
    where = f", {describe(parent)}," if parent.name else ""
    return (
        f"{op!r}: the gradient of {name}{where} came back from {type(op).__name__}.{rule} as {got}; it needs to be {needs}"
        + ("" if op.broadcasts else " (the walk undoes broadcasting only for an op that says broadcasts = True)")
    )


def _refuse_changed(node: Node, parents: tuple[Node | None, ...], record: bool) -> None:
    """Raise if an array that a rule is about to use was changed in place after node kept it."""
    for name, value in node.op.used_values(node, parents, record):
        change = changes.change_after(node.order, value)
        if change is not None:
            tensor = node.op.parent_called(name, node)
            called = f" (the tensor {tensor.name!r})" if tensor is not None and tensor.name else ""
            raise MutationError(
                f"{node.op!r} kept {name}{called}, of shape {value.shape}, for the backward pass, and it was changed in place "
                f"afterwards, at {change.line}; change it after backward, or change a copy: {name} = {name}.copy()"
            )
