"""Graph diagrams: the recorded graph as data, as DOT text, and as a picture. Read in this order: graph, folding, dot, drawing, layout."""

from .dot import dot
from .drawing import Drawing, draw
from .folding import folded
from .graph import Edge, Graph, GraphNode, Kept, Scope, graph
from .steps import Share, Step, steps

__all__ = ["Drawing", "Edge", "Graph", "GraphNode", "Kept", "Scope", "Share", "Step", "dot", "draw", "folded", "graph", "steps"]
