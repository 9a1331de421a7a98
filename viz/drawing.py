"""The graph as a picture, in a notebook or in a file."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.node import Node
from ..engine.tensor import Tensor
from .dot import SHOWN, dot, graphs_of, summary
from .folding import DEPTH, LIMIT
from .formats import as_json, as_mermaid
from .graph import Graph
from .layout import lay_out
from .page import page
from .steps import Step, walked_back

SUFFIXES = (".svg", ".png", ".pdf", ".html", ".dot", ".json", ".mmd")
LONGEST_TEXT = 20_000


class Drawing:
    """A picture of graphs, for a notebook to show and for save to write.

    source      the DOT text.
    graphs      what is drawn, as data.
    time_limit  the seconds that Graphviz may take for the layout.
    root        the node of the only output, for the steps of a page; a drawing does not keep it alive.
    """

    def __init__(self, source: str, graphs: Sequence[Graph], time_limit: float, title: str = "", root: Node | None = None) -> None:
        self.source = source
        self.graphs = tuple(graphs)
        self.time_limit = time_limit
        self.title = title
        self._root = None if root is None else weakref.ref(root)

    def svg(self) -> str:
        """The picture as SVG text. Raises RuntimeError without Graphviz, and TimeoutError if the layout takes too long."""
        return lay_out(self.source, "svg", self.time_limit).decode()

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file in the format that the suffix says. Returns the path.

        .svg, .png and .pdf are pictures, .dot the text for Graphviz, .mmd that for Mermaid, and .json the data. .html is a page of its
        own, on which one can walk back from the output step by step; for that it computes the gradients, and touches no .grad.

        Raises ValueError for another suffix, and otherwise what svg raises; then no file is written.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in SUFFIXES:
            raise ValueError(f"save: {str(path)!r} ends in {suffix!r}; the suffix needs to be one of {', '.join(SUFFIXES)}")
        if suffix == ".html":
            content = self.html().encode()
        elif suffix in (".mmd", ".json"):
            if len(self.graphs) > 1:
                raise ValueError(f"save: {suffix} holds one graph, and {len(self.graphs)} are drawn")
            content = (as_json if suffix == ".json" else as_mermaid)(self.graphs[0]).encode()
        else:
            content = self.source.encode() if suffix == ".dot" else lay_out(self.source, suffix[1:], self.time_limit)
        path.write_bytes(content)
        return path

    def html(self) -> str:
        """The page as text: the picture, or why there is none, with the steps of the backward pass beside it. It needs no other file."""
        try:
            picture = self.svg()
        except (RuntimeError, TimeoutError) as error:
            picture = str(error)
        walked, why = self._steps()
        named = next((node.name for part in self.graphs for node in part.nodes if node.id in part.outputs and node.name), None)
        title = self.title or (f"The graph of {named}" if named else "A graph")
        return page(title, "; ".join(map(summary, self.graphs)), self.graphs, picture, walked, why)

    def _steps(self) -> tuple[list[Step], str]:
        """The steps of the backward pass, or why there are none."""
        if self._root is None:
            return [], "There are no steps: they need a single output to begin at."
        root = self._root()
        if root is None:
            return [], "There are no steps: the graph was let go of before the page was made. Keep its output in a variable: loss = ..."
        try:
            return list(walked_back(root, np.ones(root.shape, root.dtype))), ""
        except Exception as error:          # a graph that was freed, or a rule that somebody wrote and wants to see
            return [], f"There are no steps: {error}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook shows: the picture, or the text and why there is no picture. It never raises."""
        try:
            return {"image/svg+xml": self.svg(), "text/plain": repr(self)}
        except Exception as error:
            text = self.source if len(self.source) <= LONGEST_TEXT else repr(self)
            return {"text/plain": f"{text}\n{error}"}

    def __repr__(self) -> str:
        return f"<Drawing: {'; '.join(summary(part) for part in self.graphs)}>"


def draw(
    *outputs: Tensor | Sequence[Tensor] | Exception | Graph,
    titles: Sequence[str] = (),
    direction: str = "TB",
    show: Collection[str] = SHOWN,
    backward: bool = False,
    unfold: bool | Sequence[str] = False,
    depth: int | None = DEPTH,
    limit: int | None = LIMIT,
    time_limit: float = 30.0,
) -> Drawing:
    """Draw the graph that outputs were computed by: a notebook shows the picture, and a script saves it.

    Parameters
        outputs, titles, direction, show, backward, unfold, depth, limit  as in dot: several graphs are drawn side by side, as in
                    draw(fused_loss, composed_loss).
        time_limit  the seconds that Graphviz may take for the layout, in a process of its own.
    Raises what dot raises. Graphviz runs when the picture is wanted, and not before.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> drawing = tg.viz.draw((w * w).sum())
    >>> drawing
    <Drawing: 2 ops, 8 B kept for backward>
    >>> drawing.save("graph.svg")           # doctest: +SKIP
    """
    graphs = graphs_of(outputs, show, backward, unfold, depth, limit)
    root = outputs[0].node if len(outputs) == 1 and isinstance(outputs[0], Tensor) else None
    title = titles[0] if len(titles) == 1 else ""
    return Drawing(dot(*graphs, titles=titles, direction=direction, show=show), graphs, time_limit, title, root)
