"""Graph diagrams: the recorded graph as data, as DOT text, and as a picture. Read in this order: graph, folding, dot, drawing, layout;
then rules, steps and words, which answer questions about it."""

from .dot import SHOWABLE, SHOWN, dot
from .drawing import SUFFIXES, Drawing, draw
from .folding import DEPTH, LIMIT, folded
from .formats import as_json, as_mermaid, as_networkx
from .graph import Edge, Graph, GraphNode, Kept, Scope, graph
from .rules import formula, rules
from .script import loss_of
from .steps import Share, Step, steps
from .training import plot_curves, plot_filters, plot_gradient_flow, plot_histograms
from .values import noted, said
from .words import Holding, Memory, explain, memory, why_no_grad

__all__ = [
    "DEPTH", "Drawing", "Edge", "Graph", "GraphNode", "Holding", "Kept", "LIMIT", "Memory", "SHOWABLE", "SHOWN", "SUFFIXES", "Scope", "Share",
    "Step", "as_json", "as_mermaid", "as_networkx", "dot", "draw", "explain", "folded", "formula", "graph", "loss_of", "memory", "noted",
    "plot_curves", "plot_filters", "plot_gradient_flow", "plot_histograms", "rules", "said", "steps", "why_no_grad",
]
