"""The graph as text in DOT, the language of Graphviz."""

from __future__ import annotations

import os
import textwrap
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import graphviz

from ..engine.tensor import Tensor
from .folding import DEPTH, LIMIT, folded
from .graph import Edge, Graph, GraphNode, Scope, graph
from .steps import with_gradients
from .values import in_units

STYLES = {
    "parameter": {"shape": "ellipse", "style": "filled", "fillcolor": "#C7E9DC", "color": "#00664B", "margin": "0.01"},
    "input": {"shape": "note", "style": "filled", "fillcolor": "#FBF3B5", "color": "#7A6E00"},
    "constant": {"shape": "box", "style": "dashed", "color": "#999999", "fontcolor": "#555555"},
    "op": {"shape": "box", "style": "filled,rounded", "fillcolor": "#DCEDF9", "color": "#00527F"},
    "fused": {"shape": "box", "style": "filled", "fillcolor": "#FCDDB5", "color": "#9A4200", "peripheries": "2"},
    "group": {"shape": "box3d", "style": "filled", "fillcolor": "#EFE6F5", "color": "#5B3A78"},
    "failed": {"shape": "octagon", "style": "filled,bold", "fillcolor": "#FFFFFF", "color": "#B00020", "fontcolor": "#B00020"},
}
"""How each kind of node looks: the outlines differ, and the tints are light and of colours that the colour-blind can tell apart."""

BACK = {"style": "dashed", "color": "#AA3377", "fontcolor": "#AA3377", "constraint": "false"}
"""How the arrows back look."""

SHOWABLE = ("shape", "kept", "value", "grad", "rule", "line")
SHOWN = ("shape", "kept")

FONT = "Helvetica,Arial,sans-serif"

DEEPEST_INDENT = 20
"""In the text, of frames in frames."""

WIDEST_LINE, MOST_LINES = 40, 3
"""The bounds of a name, a title, or an op with its settings; what is longer is cut."""


def dot(
    *outputs: Tensor | Sequence[Tensor] | Exception | Graph,
    titles: Sequence[str] = (),
    direction: str = "TB",
    show: Collection[str] = SHOWN,
    backward: bool = False,
    unfold: bool | Sequence[str] = False,
    depth: int | None = DEPTH,
    limit: int | None = LIMIT,
) -> str:
    """The graph that outputs were computed by, as DOT text.

    Parameters
        outputs    a tensor, a sequence of tensors with one graph, the error of an op, or a Graph, which is drawn as it is; of several,
                   each gets a frame of its own, side by side.
        titles     a title for each of outputs, or none at all.
        direction  "TB", from the inputs at the top to the output at the bottom, or "LR", from left to right.
        show       what nodes say beside their op and name: some of "shape", "kept" (the memory for the backward pass), "value", "grad"
                   (of leaves), "rule" and "line" (of your code). Values and lines are known as far as they are kept or were noted().
        backward   whether what goes back along each arrow is computed and drawn as an arrow of its own; no .grad is touched.
        unfold     True to open every fused op into its composed twin, or the names of those to open: ["BatchNorm"].
        depth, limit  how many modules inside one another are drawn open, and with how many nodes more are closed; see folded.
    Raises ValueError for another direction, number of titles or name in show, and what graph raises; with backward what steps raises.

    Names and settings are data: nothing in them is taken for DOT or HTML, what does not print is shown as an escape sequence,
    and what is very long is cut. A parameter that several ops use is drawn once for each of them. A module of several ops is a frame.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> tg.viz.dot(w.exp()).splitlines()[7].strip()
    'n0 -> n1'
    """
    if direction not in ("TB", "LR"):
        raise ValueError(f'viz.dot: direction is {direction!r}; it needs to be "TB" (top to bottom) or "LR" (left to right)')
    graphs = graphs_of(outputs, show, backward, unfold, depth, limit)
    if titles and len(titles) != len(graphs):
        raise ValueError(f"viz.dot: {len(graphs)} graphs need as many titles, got {len(titles)}")
    captions = [_text(*_lines(title), *summary(part).split("; ")) for part, title in zip(graphs, titles or [""] * len(graphs), strict=True)]
    text = graphviz.Digraph(
        graph_attr={"rankdir": direction, "fontname": FONT, "fontsize": "12", "ranksep": "0.3", "nodesep": "0.25"},
        node_attr={"fontname": FONT, "fontsize": "11", "height": "0.1", "margin": "0.14,0.06"},
        edge_attr={"fontname": FONT, "fontsize": "10", "fontcolor": "#555555", "color": "#555555", "arrowsize": "0.7"},
    )
    if len(graphs) == 1:
        text.attr(label=captions[0], labelloc="t")
        _add(text, graphs[0], "", show)
    else:
        for i, (part, caption) in enumerate(zip(graphs, captions)):
            with text.subgraph(name=f"cluster_{i}", graph_attr={"label": caption, "color": "#BBBBBB", "style": "rounded"}) as frame:
                _add(frame, part, _prefix(i, graphs), show)
    _add_legend(text, graphs)
    return text.source


def graphs_of(
    outputs: Sequence[Any], show: Collection[str], backward: bool, unfold: bool | Sequence[str], depth: int | None, limit: int | None
) -> list[Graph]:
    """What is to be drawn, as data; a Graph is drawn as it is."""
    if not outputs:
        raise ValueError("viz: there is nothing to draw; give it a tensor, for example the loss")
    if isinstance(show, str) or not set(show) <= set(SHOWABLE):
        raise ValueError(f"viz: show is {show!r}; it needs to be some of {', '.join(SHOWABLE)}")
    found = []
    for output in outputs:
        if not isinstance(output, Graph):
            part = graph(output, values="value" in show or "grad" in show, unfold=unfold)
            if backward:
                if not isinstance(output, Tensor):
                    raise ValueError("viz: backward=True needs a single tensor to walk back from, such as the loss")
                part = with_gradients(part, output)
            output = folded(part, depth, limit)
        found.append(output)
    return found


def summary(part: Graph) -> str:
    """The size of a graph in a few words."""
    size = f"{part.op_count:,} op{'s' * (part.op_count != 1)}, {in_units(part.kept_bytes)} kept for backward"
    return f"{size}; {part.note}" if part.note else size


def _add(text: graphviz.Digraph, part: Graph, prefix: str, show: Collection[str]) -> None:
    """Write the nodes and edges of part; with each op what it was given, in the order of its inputs, and each module as a frame."""
    nodes = {node.id: node for node in part.nodes}
    incoming: dict[str, list[Edge]] = {node.id: [] for node in part.nodes}
    for edge in part.edges:
        incoming[edge.target].append(edge)
    users = Counter(source for source, _ in {(edge.source, edge.target) for edge in part.edges})
    used: Counter[str] = Counter()
    frames = _Frames(part)
    lines: dict[str | None, list[Callable[[graphviz.Digraph], None]]] = {}

    def write(node: GraphNode, name: str, scope: str | None, *details: str) -> None:
        label, style = _label(node, show, *details), STYLES[node.kind]
        width = "2" if node.id in part.outputs else None
        lines.setdefault(scope, []).append(lambda frame: frame.node(prefix + name, label, **style, penwidth=width))

    def draw_edge(source: str, edge: Edge, several: bool) -> Callable[[graphviz.Digraph], None]:
        label = _text(f" {edge.input} ") if several and edge.input else None
        weight = "100" if incoming[edge.source] else None               # the way through the ops is drawn straight

        def write_edge(frame: graphviz.Digraph) -> None:
            frame.edge(prefix + source, prefix + edge.target, label, weight=weight)
            if edge.back is not None:
                frame.edge(prefix + edge.target, prefix + source, _text(f" dL/d{edge.input or 'input'} ", *_lines(edge.back)), **BACK)

        return write_edge

    for node in part.nodes:
        scope = frames.around(node)
        if incoming[node.id]:
            names = {edge.source: edge.source for edge in incoming[node.id]}
            for source in [nodes[name] for name in names if not incoming[name]]:
                count = users[source.id]
                if count > 1:       # a copy for each user: long edges make a tangle, and a layout that takes minutes
                    used[source.id] += 1
                    names[source.id] = f"{source.id}_{used[source.id]}"
                    write(source, names[source.id], scope, f"use {used[source.id]} of {count}")
                else:
                    write(source, source.id, scope)
            write(node, node.id, scope, *frames.title_of(node))
            several = len(incoming[node.id]) > 1
            lines.setdefault(None, []).extend(draw_edge(names[edge.source], edge, several) for edge in incoming[node.id])
        elif not users[node.id]:
            write(node, node.id, scope)        # an output that is a leaf
    frames.write(text, lines, prefix)


class _Frames:
    """The modules of a graph that are drawn as frames: those of more than one node. A single op says its module in its own label."""

    def __init__(self, part: Graph) -> None:
        self.scopes = {scope.id: scope for scope in part.scopes}
        within: Counter[str] = Counter()
        for node in part.nodes:
            within.update(self._out_from(node.scope))
        self.drawn = {own for own, count in within.items() if count > 1}
        self.children: dict[str | None, list[str]] = {}
        for scope in part.scopes:
            if scope.id in self.drawn:
                self.children.setdefault(scope.parent, []).append(scope.id)

    def _out_from(self, scope: str | None) -> Iterator[str]:
        while scope is not None:
            yield scope
            scope = self.scopes[scope].parent

    def around(self, node: GraphNode) -> str | None:
        """The innermost frame that a node lies in."""
        return next((own for own in self._out_from(node.scope) if own in self.drawn), None)

    def title_of(self, node: GraphNode) -> list[str]:
        """What to write of the module that recorded nothing but this node."""
        outermost = None
        for own in self._out_from(node.scope):
            if own in self.drawn:
                break
            outermost = self.scopes[own]
        return [] if outermost is None else [f"in {_title(outermost)[0]}"]

    def write(self, text: graphviz.Digraph, lines: dict[str | None, list[Callable[[graphviz.Digraph], None]]], prefix: str) -> None:
        """Write the lines of each frame into it, and frames into those around them.

        What graphviz says of a frame is put between its lines at once: handed from frame to frame it would be copied as often as it is deep.
        """
        for line in lines.get(None, ()):
            line(text)
        waiting: list[str | tuple[str, int]] = [(own, 1) for own in reversed(self.children.get(None, ()))]
        while waiting:
            part = waiting.pop()
            if isinstance(part, str):
                text.body.append(part)
                continue
            own, depth = part
            attributes = {"label": _text(*_title(self.scopes[own])), "color": "#BBBBBB", "style": "rounded", "fontsize": "10"}
            frame = graphviz.Digraph(f"cluster_{prefix}{own}", graph_attr=attributes)
            for line in lines.get(own, ()):
                line(frame)
            *inner, end = frame.__iter__(subgraph=True)
            indent = "\t" * min(depth, DEEPEST_INDENT)
            text.body += [indent + line for line in inner]
            waiting.append(indent + end)
            waiting += [(child, depth + 1) for child in reversed(self.children.get(own, ()))]


def _title(scope: Scope) -> list[str]:
    """A module in a few words, as lines."""
    times = f" x {scope.count}" if scope.count > 1 else ""
    return _lines(f"{scope.path}: {scope.kind}{times}" if scope.path else f"{scope.kind}{times}")


def _add_legend(text: graphviz.Digraph, graphs: list[Graph]) -> None:
    """One small node of each kind that is drawn, in a row below the largest graph: invisible edges hold it there."""
    kinds = {node.kind for part in graphs for node in part.nodes}
    largest = max(range(len(graphs)), key=lambda i: len(graphs[i].nodes))
    outputs = [_prefix(largest, graphs) + output for output in graphs[largest].outputs]
    with text.subgraph(name="cluster_legend", graph_attr={"label": "", "color": "#DDDDDD", "style": "rounded"}) as frame:
        for kind in [kind for kind in STYLES if kind in kinds]:
            frame.node(f"legend_{kind}", kind, **STYLES[kind], fontsize="9")
            for output in outputs:
                text.edge(output, f"legend_{kind}", style="invis")


def _prefix(i: int, graphs: list[Graph]) -> str:
    """What the names of graph i begin with."""
    return f"g{i}_" if len(graphs) > 1 else ""


def _label(node: GraphNode, show: Collection[str], *details: str) -> str:
    """The text of a node: its name, the op and its settings, and what else is to be shown."""
    lines = _lines(node.name or "")
    if node.kind in ("op", "fused", "group", "failed") or not lines:
        lines += _lines(node.label.removesuffix("()"))
    if node.kind == "group" and node.ops > 1:
        lines.append(f"{node.ops:,} ops")
    if "shape" in show and node.shape is not None:
        lines += _lines(f"{node.shape} {node.dtype}")
    if "value" in show and node.value is not None:
        lines += _lines(f"= {node.value}")
    if "grad" in show and node.grad is not None:
        lines += _lines(f"grad {node.grad}")
    if "rule" in show:
        for name, rule in node.rules:
            lines += _lines(f"dL/d{name} = {rule}")
    if "kept" in show and node.kept_bytes != 0:
        lines.append("freed" if node.kept_bytes is None else f"keeps {in_units(node.kept_bytes)}")
    if "line" in show and node.line:
        lines += _lines(os.path.basename(node.line))        # the way to the file is long
    return _text(*lines, *details)


def _lines(text: str) -> list[str]:
    """A text of any length as a few lines."""
    start = _printable(text[: 4 * WIDEST_LINE * MOST_LINES])        # a megabyte of it would take its time
    return textwrap.wrap(start, WIDEST_LINE, max_lines=MOST_LINES, placeholder=" …", break_on_hyphens=False)


def _printable(text: str) -> str:
    """What does not print, like a newline, NUL or a mark that turns the direction of writing, as its escape sequence."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _text(*lines: str) -> str:
    """Lines as a label in which nothing but the ends of the lines has a meaning."""
    return graphviz.nohtml(r"\n".join(graphviz.escape(line.replace("&", "&amp;")) for line in lines))
