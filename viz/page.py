"""The graph and its backward pass as one page of HTML, which needs no network and no other file: the picture, and the steps beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from .graph import Graph
from .steps import Step
from .values import said, size

TEMPLATE = Path(__file__).with_name("page.html")

MOST_STEPS = 2000
"""On a page; those after them are left out."""

LONGEST = 160
"""Of a rule, a label or a name on the page."""


def page(title: str, summary: str, graphs: Sequence[Graph], picture: str, steps: Sequence[Step], why: str) -> str:
    """The page as text.

    Parameters
        title, summary  stand at its top.
        graphs   what is drawn; steps belong to the only one.
        picture  SVG, or text that says why there is none.
        steps    the backward pass, or none.
        why      what the page says while no step is chosen: why there are none.
    """
    names = {step.id: step.name or step.label.partition("(")[0] for step in steps}
    told = _told(graphs[0], steps[:MOST_STEPS], names) if steps else []
    left = len(steps) - len(told)
    rows = [*map(_row, told)] or ['<tr><td colspan="4">There are no steps.</td></tr>']
    drawn = picture[picture.index("<svg") :] if "<svg" in picture else f'<div class="why">{escape(_cut(picture, 10_000))}</div>'
    parts = {
        "title": escape(_cut(title)),
        "summary": escape(_cut(summary, 1000)),
        "picture": drawn,
        "why": escape(_cut(why, 10_000)),
        "rows": "\n".join(rows),
        "left": f"; the last {left:,} of {len(steps):,} are left out" if left else "",
        "data": json.dumps(told).replace("<", "\\u003c").replace("\u2028", "\\u2028"),      # nothing in it can end the script
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], TEMPLATE.read_text("utf-8"))


def _told(graph: Graph, steps: Sequence[Step], names: dict[str, str]) -> list[dict[str, Any]]:
    """Each step as the page needs it: texts, and where in the picture it is; names are those of all nodes."""
    drawn = _Drawn(graph)
    return [
        {
            "number": step.number,
            "at": drawn.place_of(step.id),
            "label": _cut(step.label),
            "name": _cut(step.name) if step.name else None,
            "kind": step.kind,
            "gradient": _array(step.gradient),
            "size": size(step.gradient),
            "shares": [
                {
                    "input": _cut(share.input),
                    "at": drawn.place_of(share.parent),
                    "to": _cut(names[share.parent]),
                    "rule": _cut(share.rule),
                    "given": _array(share.given),
                    "gradient": _array(share.gradient),
                    "size": size(share.gradient),
                    "total": _array(share.total),
                    "path": share.path,
                    "paths": share.paths,
                    "broadcast": share.is_broadcast,
                }
                for share in step.shares
            ],
        }
        for step in steps
    ]


class _Drawn:
    """Where in a picture a node is: by itself, or in the group that stands for it."""

    def __init__(self, graph: Graph) -> None:
        self.there = {node.id for node in graph.nodes}
        self.stands_for = dict(graph.stands_for)

    def place_of(self, own: str) -> str:
        while own not in self.there and own in self.stands_for:
            own = self.stands_for[own]
        return own


def _row(step: dict[str, Any]) -> str:
    label = escape(step["label"].partition("(")[0])
    node = f"<b>{escape(step['name'])}</b> {label}" if step["name"] else label
    gives = "<br>".join(
        f"d{escape(share['input'])}: <code>{escape(share['size'])}</code> to {escape(share['to'])}"
        + (f" ({share['path']} of {share['paths']})" if share["paths"] > 1 else "")
        for share in step["shares"]
    )
    return f'<tr><td>{step["number"]}</td><td>{node}</td><td><code>{escape(step["size"])}</code></td><td>{gives or "into .grad"}</td></tr>'


def _array(array: Any) -> str:
    """An array, its shape and its norm."""
    if array.size <= 6:
        return said(array)
    return f"{array.shape}: {said(array)}; {size(array)}"


def _cut(text: str, longest: int = LONGEST) -> str:
    printable = "".join(c if c.isprintable() or c == "\n" else "�" for c in text[: longest + 1])
    return printable if len(printable) <= longest else printable[:longest] + "…"
