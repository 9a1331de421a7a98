"""Questions about a graph, answered in words: what does this node do, who keeps the memory, why is there no gradient?"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..engine.node import Node, ancestors
from ..engine.op import Fused
from ..engine.tensor import Tensor
from ..errors import DTypeError, GraphError
from .graph import Graph, graph
from .rules import called, formula, rules, sections
from .steps import Share, Step, steps
from .values import in_units


def explain(tensor: Tensor) -> str:
    """What made a tensor, and what its op does on the way back: the formula, the shapes, the rule of each input, what is kept, the source.

    Raises DTypeError for what is no Tensor.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> print(explain(w * 3.0))
    Multiply(): out = a * b
    out  (2,) float32
    a    (2,) float32, the leaf 'w': dL/da = g * b
    b    no gradient is asked for
    g is dL/dout, with the shape of out.
    keeps b of shape () for the backward pass: 4 B
    """
    if not isinstance(tensor, Tensor):
        raise DTypeError(f"viz.explain: got {type(tensor).__name__}; it needs to be a Tensor")
    node = tensor.node
    this = repr(tensor.name) if tensor.name else "this tensor"
    if node is None:
        return f"{this} was not recorded: it needs no gradient. It has shape {tensor.shape} and dtype {tensor.dtype}."
    if node.op is None:
        return f"{this} is a leaf of shape {node.shape} and dtype {node.dtype}: nothing made it, and backward() gathers its gradient in .grad."
    op, said = node.op, rules(node.op)
    rows = [("out", f"{node.shape} {node.dtype}")]
    for i, parent in enumerate(node.parents):
        name = op.input_name(i)
        if parent is None:
            rows.append((name, "has no gradient: a constant of this op" if name in op.constants else "no gradient is asked for"))
        else:
            rows.append((name, f"{parent.shape} {parent.dtype}, {_called(parent)}: dL/d{name} = {said.get(name.partition('[')[0], 'unknown')}"))
    width = max(len(name) for name, _ in rows)
    lines = [f"{called(op)}: {formula(op)}", *(f"{name:{width}}  {words}" for name, words in rows), "g is dL/dout, with the shape of out."]
    if isinstance(op, Fused):
        how = "its twin is differentiated in its place" if op.twin_needed else "its rules record themselves"
        lines.append(f"It is fused: several operations in one node. For a gradient of a gradient {how}.")
    kept = graph(tensor).nodes[-1].kept
    if kept is None:
        lines.append("What it kept was freed by a backward pass.")
    elif kept:
        lines.append(f"keeps {', '.join(f'{k.name} of shape {k.shape}' for k in kept)} for the backward pass: {in_units(sum(k.bytes for k in kept))}")
    else:
        lines.append("keeps no array.")
    if source := " ".join(sections(type(op)).get("Source", [])).strip():
        lines.append(f"Source: {source}")
    if node.line:
        lines.append(f"Recorded at {node.line}.")
    return "\n".join(lines)


def _called(node: Node) -> str:
    if node.op is None:
        return f"the leaf {node.name!r}" if node.name else "a leaf"
    return f"{node.name!r}, made by {called(node.op)}" if node.name else f"made by {called(node.op)}"


# Memory


@dataclass(frozen=True, slots=True)
class Holding:
    """An array that a node keeps.

    id, label    the node, as in tg.viz.graph, and its op.
    kept         what its rules call the array.
    bytes        the memory that is kept for it; 0 if an older node keeps the same.
    total        what is kept up to here: by this node and all older ones.
    """

    id: str
    label: str
    kept: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int
    total: int


class Memory(tuple[Holding, ...]):
    """What a graph keeps for the backward pass, the oldest first; printed, a table."""

    @property
    def bytes(self) -> int:
        """All that is kept, each allocation once: the peak, which is reached when the forward pass is over."""
        return self[-1].total if self else 0

    def __str__(self) -> str:
        if not self:
            return "No node keeps an array: none is needed for the backward pass, or it was freed."
        lines = [("node", "op", "keeps", "shape", "bytes", "total")]
        for holding in self:
            size = in_units(holding.bytes) if holding.bytes else "shared"
            lines.append((holding.id, _short(holding.label), holding.kept, f"{holding.shape} {holding.dtype}", size, in_units(holding.total)))
        widths = [max(map(len, column)) for column in zip(*lines)]
        sides = "<<<<>>"
        table = ["  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(line, sides, widths)).rstrip() for line in lines]
        return "\n".join([*table, "Each is let go of when the backward pass has visited its node, the last row first."])

    __repr__ = __str__


def memory(outputs: Tensor | Sequence[Tensor] | Graph) -> Memory:
    """Who keeps what for the backward pass, and until when; parameters and data included, each allocation once.

    Raises what graph raises.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> memory(((w.exp() * w).sum()))
    node  op        keeps  shape          bytes  total
    n1    Exp       out    (2,) float32     8 B    8 B
    n2    Multiply  b      (2,) float32     8 B   16 B
    n2    Multiply  a      (2,) float32  shared   16 B
    Each is let go of when the backward pass has visited its node, the last row first.
    """
    total, found = 0, []
    for node in (outputs if isinstance(outputs, Graph) else graph(outputs)).nodes:
        for kept in node.kept or ():
            total += kept.bytes
            found.append(Holding(node.id, node.label, kept.name, kept.shape, kept.dtype, kept.bytes, total))
    return Memory(found)


def _short(label: str) -> str:
    return textwrap.shorten(label.removesuffix("()"), 40, placeholder=" ...") if len(label) < 10_000 else label[:37] + "..."


# Why there is no gradient

MOST_REASONS = 3


def why_no_grad(x: Tensor, loss: Tensor | None = None) -> str:
    """Why x.grad is None, or all zeros, in words; and what to do.

    Parameters
        x     the tensor whose gradient is missing.
        loss  what backward was, or will be, called on; with it the answer is more exact. Its graph must not have been freed for the
              search for zeros: call loss.backward(retain_graph=True), or ask before.
    Raises DTypeError for what is no Tensor.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([-1.0, -2.0], requires_grad=True, name="x")
    >>> loss = x.relu().sum()
    >>> loss.backward(retain_graph=True)
    >>> print(why_no_grad(x, loss))
    'x' has a gradient, and all of it is 0: the rule of ReLU() gives 0 for x, since its input is 0 or less wherever a gradient comes in
    """
    for role, tensor in (("x", x), ("loss", loss)):
        if tensor is not None and not isinstance(tensor, Tensor):
            raise DTypeError(f"viz.why_no_grad: {role} is {type(tensor).__name__}; it needs to be a Tensor")
    this = repr(x.name) if x.name else f"the tensor of shape {x.shape}"
    if x.node is None:
        return f"{this} {_why_not_recorded(x, loss)}"
    if loss is not None:
        if loss.node is None:
            return (
                f"the loss needs no gradient itself: nothing that it was computed from requires grad, or it was computed under "
                f"no_grad or from detached tensors, so {this} cannot get one"
            )
        if x.node not in ancestors([loss.node], oldest=x.node.order - 1):
            return f"{this} {_why_not_reached(x, loss)}"
    if x.grad is None:
        if not x.is_leaf and not x.retains_grad:
            return f"{this} is no leaf but was made by {called(x.op)}, and backward keeps gradients of leaves only: call retain_grad() on it before"
        since = "the gradient was set to None" if x.is_leaf else "retain_grad()"
        never = f"backward() has not been called since {since}: the gradient of {this} is not computed yet"
        return never if loss is not None else f"{never}. If it was called, no path leads from {this} to the loss: why_no_grad(x, loss) says why"
    gradient = x.grad.numpy()
    if not gradient.size:
        return f"{this} has a gradient, which is empty, as the tensor is: its shape is {gradient.shape}"
    if np.isnan(gradient).all():
        return f"{this} has a gradient, and all of it is NaN; with tg.detect_anomaly(): says where the first was born"
    if np.any(gradient):
        return f"{this} has a gradient, and it is not 0: {np.count_nonzero(gradient)} of {gradient.size} elements are not"
    return f"{this} has a gradient, and all of it is 0{_why_zero(x, loss)}"


def _why_not_recorded(x: Tensor, loss: Tensor | None) -> str:
    if x.dtype.kind in "biu":
        return f"has dtype {x.dtype}: only floating numbers have a gradient; convert it: x.astype('float32').requires_grad_()"
    used = _used_as_data(x, loss)
    return (
        "needs no gradient: it was made without requires_grad=True, is detached, or was computed under no_grad, or from tensors that "
        f"need none{f'; {used}' if used else ''}. Call requires_grad_() on it before it is used, if it is a leaf; else on what it is computed from"
    )


def _why_not_reached(x: Tensor, loss: Tensor) -> str:
    used = _used_as_data(x, loss)
    if used:
        return f"is not on a path to the loss: {used}, so a copy or a view of it without history was used, such as x.detach(), x.data or x.numpy()"
    return (
        "is not on a path to the loss: nothing that was recorded leads from it there. It was not used, or it was used under no_grad, "
        "detached, or replaced by another tensor since (such as by x = x.reshape(...))"
    )


def _used_as_data(x: Tensor, loss: Tensor | None) -> str:
    """Where the memory of x went into the graph of loss without a history, if that can be seen: only what is kept can."""
    if loss is None or loss.node is None:
        return ""
    for node in ancestors([loss.node]):
        if node.op is None or node.kept is None:
            continue
        kept = dict(node.op.used_values(node, node.parents, False))
        for i, parent in enumerate(node.parents):
            name = node.op.input_name(i)
            if parent is None and isinstance(kept.get(name), np.ndarray) and _is_memory_of(x, kept[name]):
                return f"{called(node.op)} was given its numbers as {name}, without a history"
    return ""


def _is_memory_of(x: Tensor, array: np.ndarray) -> bool:
    try:
        return bool(np.shares_memory(array, x.data, max_work=1000))      # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return False


def _why_zero(x: Tensor, loss: Tensor | None) -> str:
    """Where what goes back to x becomes 0: at the rules that make 0 of what is not, on the paths whose end is x."""
    if loss is None:
        return "; give the loss as well to hear where it becomes 0: why_no_grad(x, loss)"
    newest_first = ancestors([loss.node])       # type: ignore[list-item]
    nodes = {f"n{i}": node for i, node in enumerate(reversed(newest_first))}
    try:
        walked = list(steps(loss, np.ones(loss.shape, loss.dtype)))
    except GraphError:
        return "; the graph was freed, so where it becomes 0 cannot be told: call loss.backward(retain_graph=True)"
    gradients = {step.id: step.gradient for step in walked}
    given: dict[str, list[tuple[Step, Share]]] = {}
    for step in walked:
        for share in step.shares:
            given.setdefault(share.parent, []).append((step, share))
    waiting = [own for own, node in nodes.items() if node is x.node]
    if np.any(gradients[waiting[0]]):
        return ", but a walk from the loss gives one that is not: it was set to 0 since, or backward was given a gradient of zeros"
    reasons: dict[str, None] = {}
    seen: set[str] = set()
    while waiting:                              # nodes whose whole gradient is 0
        own = waiting.pop()
        for step, share in given.get(own, ()):
            if np.any(share.gradient):
                reasons["the shares of its paths cancel" if nodes[own] is x.node else f"the shares of what was {_called(nodes[own])} cancel"] = None
            elif np.any(step.gradient):
                reasons[f"the rule of {step.label} gives 0 for {share.input}{_why_this_is_zero(step)}"] = None
            elif step.id not in seen:
                seen.add(step.id)
                waiting.append(step.id)
    told = [*reasons]
    return f": {'; '.join(told[:MOST_REASONS])}{f'; and {len(told) - MOST_REASONS} more' if len(told) > MOST_REASONS else ''}"


def _why_this_is_zero(step: Step) -> str:
    return ", since its input is 0 or less wherever a gradient comes in" if step.label == "ReLU()" else ""
