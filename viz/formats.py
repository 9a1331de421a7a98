"""The graph for other programs: JSON, Mermaid and NetworkX."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from .graph import Graph

SHAPES = {
    "parameter": ("([", "])"), "input": ("[/", "/]"), "constant": ("[/", "/]"), "op": ("(", ")"), "fused": ("[[", "]]"),
    "group": ("[(", ")]"), "failed": ("{{", "}}"),
}
"""How Mermaid draws each kind of node."""


def as_json(graph: Graph) -> str:
    """The graph as JSON: nodes, edges, outputs and scopes, with the fields that GraphNode, Edge and Scope have.

    >>> import json, tinygrad_edu as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> [node["label"] for node in json.loads(as_json(tg.viz.graph(w.exp())))["nodes"]]
    ['parameter', 'Exp()']
    """
    return json.dumps(asdict(graph), indent=1)


def as_mermaid(graph: Graph) -> str:
    """The graph in the language of Mermaid, which wikis and code hosts draw in a page of Markdown.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> print(as_mermaid(tg.viz.graph(w.exp())))
    flowchart TB
        n0(["w<br>(2,) float32"])
        n1("Exp<br>(2,) float32")
        n0 --> n1
    """
    children: dict[str | None, list[str]] = {}
    for scope in graph.scopes:
        children.setdefault(scope.parent, []).append(scope.id)
    scopes = {scope.id: scope for scope in graph.scopes}
    inside: dict[str | None, list[str]] = {}
    for node in graph.nodes:
        opens, closes = SHAPES[node.kind]
        lines = [] if node.name is None else [node.name]
        if node.kind in ("op", "fused", "group", "failed", "constant") or not lines:
            lines.append(node.label.removesuffix("()"))
        if node.shape is not None:
            lines.append(f"{node.shape} {node.dtype}")
        inside.setdefault(node.scope, []).append(f'{_name(node.id)}{opens}"{"<br>".join(map(_escaped, lines))}"{closes}')
    text = ["flowchart TB"]
    waiting: list[tuple[str | None, int] | str] = [(None, 1)]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            text.append(part)
            continue
        own, depth = part
        indent = "    " * depth
        if own is not None:
            scope = scopes[own]
            times = f" x {scope.count}" if scope.count > 1 else ""
            text.append(f'{"    " * (depth - 1)}subgraph {own}["{_escaped(f"{scope.path} {scope.kind}{times}".strip())}"]')
            waiting.append(f"{'    ' * (depth - 1)}end")
        text += [indent + line for line in inside.get(own, ())]
        waiting += [(child, depth + 1) for child in reversed(children.get(own, ()))]
    text += [f"    {_name(edge.source)} --> {_name(edge.target)}" for edge in graph.edges]
    return "\n".join(text)


def as_networkx(graph: Graph) -> Any:
    """The graph as a networkx.MultiDiGraph; its nodes and edges have the fields of GraphNode and Edge as attributes.

    Raises ImportError if networkx is not installed.
    """
    try:
        import networkx
    except ImportError as error:
        raise ImportError("viz.as_networkx needs a package that is not installed: pip install networkx") from error
    found = networkx.MultiDiGraph(outputs=graph.outputs)
    for node in graph.nodes:
        found.add_node(node.id, **{key: value for key, value in asdict(node).items() if key != "id"})
    for edge in graph.edges:
        found.add_edge(edge.source, edge.target, input=edge.input, back=edge.back)
    return found


def _name(own: str) -> str:
    """An id in which Mermaid sees nothing else."""
    return own.replace(".", "_").replace("/", "__")


def _escaped(text: str) -> str:
    """A text of which every character that could mean something is written by its number."""
    return "".join(c if c.isalnum() or c in " (),.=_-" else f"#{ord(c)};" if c.isprintable() else " " for c in text[:200])
