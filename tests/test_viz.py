"""Diagrams: the graph as data says what was recorded, a name is never more than a name, and a picture that fails does no harm."""

import gc
import json
import re
import sys
import time
import weakref
import xml.etree.ElementTree as ElementTree
from importlib.util import find_spec

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.node import kept_bytes
from tinygrad_edu.errors import DTypeError, GraphError

Edge, GraphNode, Kept = tg.viz.Edge, tg.viz.GraphNode, tg.viz.Kept

drawn = pytest.mark.skipif(find_spec("pygraphviz") is None, reason="needs pygraphviz")

HOSTILE = [
    '"quoted"', "\\", 'end\\"', "\\N\\G\\l\\n", "<b>bold</b>", "<script>alert(1)</script>", "&lt;b&gt; &amp;", "]]> --> <!--", "{a|<f0>b}",
    "a:b:c", "node", "digraph { a -> b }", "line\nline", "NUL\0", "\u202eright to left\u200f", "\ud800", "∂L/∂w × 2", "' or 1",
    "\\\\", "<>", "%s {0}",
]


class Scale(tg.Fused):
    """A fused node with an optional input, a constant and a value of its own."""

    constants = ("mask",)
    times: float = 1.0

    def forward(self, x, mask, bias):
        scaled = x * self.times
        return scaled * mask + (0 if bias is None else bias), {"scaled": scaled}

    def backward(self, g, mask, scaled):
        return g * mask * self.times, None, g

    def composed(self, x, mask, bias):
        return x * self.times * mask + (0 if bias is None else bias)


def leaf(*values, name=None):
    return tg.tensor(values, requires_grad=True, name=name)


def found(outputs, kind):
    return [node for node in tg.viz.graph(outputs).nodes if node.kind == kind]


def texts(svg):
    return [text.text for text in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


# The graph as data


def test_a_graph_says_what_was_recorded():
    x, w = tg.tensor([[1.0, 2.0], [3.0, 4.0]]), leaf(1.0, 2.0, name="w")
    loss = tg.sum(x * w, axis=0)
    loss.name = "loss"
    graph = tg.viz.graph(loss)
    assert graph.nodes == (
        GraphNode("n0", "parameter", "parameter", "w", (2,), "float32"),
        GraphNode("n1.0", "input", "input", None, (2, 2), "float32"),
        GraphNode("n1", "op", "Multiply()", None, (2, 2), "float32", (Kept("a", (2, 2), "float32", 16),), ops=1,
                  rules=(("a", "g * b"), ("b", "g * a"))),
        GraphNode("n2", "op", "Sum(axis=(0,), keepdims=False)", "loss", (2,), "float32", ops=1,
                  rules=(("x", "g[j]: out moves one for one with each element of the sum"),)),
    )
    assert graph.edges == (Edge("n1.0", "n1", "a"), Edge("n0", "n1", "b"), Edge("n1", "n2", "x"))
    assert graph.outputs == ("n2",)
    assert (graph.op_count, graph.kept_bytes) == (2, 16)


def test_several_outputs_share_what_they_share():
    w = leaf(1.0, 2.0)
    common = tg.exp(w)
    graph = tg.viz.graph([tg.tanh(common), common, tg.tanh(common)])
    assert [node.label for node in graph.nodes] == ["parameter", "Exp()", "Tanh()", "Tanh()"]
    assert graph.outputs == ("n2", "n1", "n3")
    assert [(edge.source, edge.target) for edge in graph.edges] == [("n0", "n1"), ("n1", "n2"), ("n1", "n3")]


def test_a_fused_node_is_one_and_its_twin_is_many():
    x, mask = leaf(1.0, 2.0), np.ones(2, np.float32)
    fused = tg.viz.graph(Scale(3.0)(x, mask, None))
    assert [(node.kind, node.label) for node in fused.nodes] == [
        ("parameter", "parameter"), ("constant", "constant"), ("fused", "Scale(times=3.0)")
    ]
    assert [edge.input for edge in fused.edges] == ["x", "mask"]        # bias was left out
    with tg.composed():
        composed = tg.viz.graph(Scale(3.0)(x, mask, None))
    assert [node.label for node in composed.nodes if node.kind == "op"] == ["Multiply()", "Multiply()", "Add()"]
    assert (fused.op_count, composed.op_count) == (1, 3)


def test_operands_without_a_gradient_are_shown_with_what_is_known_of_them():
    w = leaf(1.0, 2.0)
    unknown = GraphNode("n1.1", "constant", "constant", None, None, None)
    assert found(w * 0.1, "constant") == [GraphNode("n1.1", "constant", "0.1", None, None, None)]
    assert found(w * np.float32(0.1), "constant") == [GraphNode("n1.1", "constant", "0.1", None, None, None)]
    assert found(w.sum() * 3, "constant") == [GraphNode("n2.1", "constant", "3", None, None, None)]
    assert found(w + 1, "constant") == [unknown]                        # no rule of addition keeps an operand
    assert found(w + np.ones(2), "constant") == [unknown]
    assert found(w * np.ones(2), "input") == [GraphNode("n1.1", "input", "input", None, (2,), "float64")]
    assert found(w[np.array([0, 0, 1])], "constant") == [GraphNode("n1.1", "constant", "constant", None, (3,), "int64")]
    assert [edge.input for edge in tg.viz.graph(w[np.array([0, 0, 1])]).edges] == ["x", "arrays[0]"]


def test_a_leaf_is_a_graph():
    graph = tg.viz.graph(leaf(1.0, name="w"))
    assert (len(graph.nodes), graph.edges, graph.op_count) == (1, (), 0)
    assert 'n0 [label="w\\n(1,) float32"' in tg.viz.dot(graph)


def test_each_allocation_counts_once_at_the_oldest_that_keeps_it():
    w = tg.tensor(np.ones((8, 4), np.float32), requires_grad=True)
    out = tg.exp(w)                                     # keeps out: 128 bytes
    both = out * out                                    # keeps out twice, and no byte more
    half = out[:2] * np.ones((2, 4), np.float32)        # a view of out keeps nothing; 32 bytes of ones
    graph = tg.viz.graph([both, half])
    assert {node.label: node.kept_bytes for node in graph.nodes if node.kept_bytes} == {"Exp()": 128, "Multiply()": 32}
    assert graph.kept_bytes == 160 == kept_bytes([both.node, half.node])


def test_a_view_keeps_all_that_it_is_a_view_of():
    w, data = leaf(1.0, 2.0), np.ones((100, 2), np.float32)
    out = (w * data[:1]) * np.broadcast_to(np.float32(2), (1, 2))
    assert kept_bytes([out.node]) == data.nbytes + 4 == tg.viz.graph(out).kept_bytes


def test_numbers_and_shapes_keep_nothing_but_scalars_of_numpy_do():
    w = tg.tensor(3.0, dtype=np.float64, requires_grad=True)
    assert kept_bytes([w.reshape(1).node]) == 0
    assert kept_bytes([(w * 2.0).node]) == 0            # beside a NumPy scalar a Python number stays one
    assert kept_bytes([tg.exp(w).node]) == 8


def test_what_was_freed_is_not_counted():
    w = leaf(1.0, 2.0)
    loss = tg.exp(w).sum()
    assert tg.viz.graph(loss).kept_bytes == 8
    loss.backward()
    assert [node.kept_bytes for node in tg.viz.graph(loss).nodes] == [0, None, None]
    assert tg.viz.graph(loss).kept_bytes == 0 == kept_bytes([loss.node])
    assert "freed" in tg.viz.dot(loss)


def test_drawing_changes_nothing_and_keeps_nothing_alive():
    w = leaf(1.0, 2.0, name="w")
    loss = Scale(2.0)(tg.exp(w), np.ones(2), 0.5).sum()
    node = weakref.ref(loss.node)
    gc.disable()
    try:
        drawing = tg.viz.draw(loss)
        loss.backward()
        np.testing.assert_allclose(w.grad.data, 2 * np.exp(w.data), rtol=1e-6)
        del loss
        assert node() is None
    finally:
        gc.enable()
    assert "3 ops" in repr(drawing)


@pytest.mark.parametrize(
    ("outputs", "error", "said"),
    [
        (lambda: tg.tensor([1.0], name="x"), GraphError, "the tensor 'x' needs no gradient"),
        (lambda: [leaf(1.0), np.ones(3)], DTypeError, "an output is ndarray"),
        (list, ValueError, "there is no output"),
    ],
)
def test_what_cannot_be_drawn_is_named(outputs, error, said):
    with pytest.raises(error, match=said):
        tg.viz.graph(outputs())
    with pytest.raises(error, match=said):
        tg.viz.draw(outputs())


def test_modules_are_scopes():
    class Network(tg.nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = tg.nn.Sequential(tg.nn.Linear(3, 4), tg.nn.Identity(), tg.nn.Tanh())
            self.head = tg.nn.Linear(4, 1)

        def forward(self, x):
            return self.head(self.encoder(x) * 2.0)

    graph = tg.viz.graph(Network()(tg.ones((2, 3))).sum())
    assert [(scope.id, scope.path, scope.kind, scope.parent) for scope in graph.scopes] == [
        ("s0", "", "Network", None),
        ("s1", "encoder", "Sequential", "s0"),
        ("s2", "encoder.0", "Linear", "s1"),
        ("s3", "encoder.2", "Tanh", "s1"),
        ("s4", "head", "Linear", "s0"),
    ]
    assert [(node.label, node.scope) for node in graph.nodes if node.kind in ("op", "fused")] == [
        ("Linear()", "s2"), ("Tanh()", "s3"), ("Multiply()", "s0"), ("Linear()", "s4"), ("Sum(axis=(0, 1), keepdims=False)", None)
    ]


def test_a_module_that_runs_twice_or_gives_several_outputs_is_a_scope_for_each_run():
    class Both(tg.nn.Module):
        def forward(self, x):
            return tg.exp(x), tg.tanh(x)

    module = Both()
    first, second = module(leaf(1.0))
    third, _ = module(second)
    graph = tg.viz.graph([first, third])
    assert [(scope.id, scope.kind) for scope in graph.scopes] == [("s0", "Both"), ("s1", "Both")]
    assert [(node.label, node.scope) for node in graph.nodes[1:]] == [("Exp()", "s0"), ("Tanh()", "s0"), ("Exp()", "s1")]


@pytest.mark.parametrize(
    "form", [lambda a, b: (a, (b, None)), lambda a, b: [a, b], lambda a, b: {"first": a, "second": (b,)}], ids=["tuple", "list", "dict"]
)
def test_a_module_that_gives_its_tensors_in_a_structure_is_a_scope(form):
    class Both(tg.nn.Module):
        def forward(self, x):
            return form(tg.exp(x), tg.tanh(tg.tanh(x)))

    out = Both()(leaf(1.0))
    *_, second = out.values() if isinstance(out, dict) else out
    graph = tg.viz.graph(second if isinstance(second, tg.Tensor) else second[0])
    assert [(node.label, node.scope) for node in graph.nodes[1:]] == [("Tanh()", "s0"), ("Tanh()", "s0")]


def test_what_there_is_of_a_forward_that_failed_is_drawn():
    w, data = leaf(1.0, 2.0, name="w"), np.ones(3, np.float32)
    with pytest.raises(ValueError) as caught:
        tg.exp(w) * data
    graph = tg.viz.graph(caught.value)
    assert [(node.kind, node.label) for node in graph.nodes] == [
        ("parameter", "parameter"), ("op", "Exp()"), ("input", "input"), ("failed", "Multiply()")
    ]
    assert [(edge.source, edge.target, edge.input) for edge in graph.edges] == [("n0", "n1", "x"), ("n1", "n2", "a"), ("n2.1", "n2", "b")]
    assert graph.outputs == ("n2",)
    assert "legend_failed" in tg.viz.dot(caught.value)
    with pytest.raises(ValueError, match="KeyError is the error of no op"):
        tg.viz.graph(KeyError("x"))


# The text


def test_the_text_of_a_small_graph():
    loss = tg.exp(leaf(1.0, 2.0, name="w"))
    assert tg.viz.dot(loss) == """\
digraph {
	graph [fontname="Helvetica,Arial,sans-serif" fontsize=12 nodesep=0.25 rankdir=TB ranksep=0.3]
	node [fontname="Helvetica,Arial,sans-serif" fontsize=11 height=0.1 margin="0.14,0.06"]
	edge [arrowsize=0.7 color="#555555" fontcolor="#555555" fontname="Helvetica,Arial,sans-serif" fontsize=10]
	label="1 op, 8 B kept for backward" labelloc=t
	n0 [label="w\\n(2,) float32" color="#00664B" fillcolor="#C7E9DC" margin=0.01 shape=ellipse style=filled]
	n1 [label="Exp\\n(2,) float32\\nkeeps 8 B" color="#00527F" fillcolor="#DCEDF9" penwidth=2 shape=box style="filled,rounded"]
	n0 -> n1
	n1 -> legend_parameter [style=invis]
	n1 -> legend_op [style=invis]
	subgraph cluster_legend {
		graph [color="#DDDDDD" label="" style=rounded]
		legend_parameter [label=parameter color="#00664B" fillcolor="#C7E9DC" fontsize=9 margin=0.01 shape=ellipse style=filled]
		legend_op [label=op color="#00527F" fillcolor="#DCEDF9" fontsize=9 shape=box style="filled,rounded"]
	}
}
"""


def test_inputs_are_named_where_there_are_several():
    w = leaf(1.0, 2.0)
    text = tg.viz.dot(tg.exp(w) - tg.exp(w * w))
    assert text.count('[label=" a "') == text.count('[label=" b "') == 2
    assert "n1 -> n4 [label=\" a \" weight=100]" in text
    assert "n2 -> n3 [weight=100]" in text


def test_a_parameter_is_drawn_once_for_each_op_that_uses_it():
    w = leaf(1.0, 2.0, name="w")
    text = tg.viz.dot((w * w + tg.exp(w)) * w)
    assert [text.count(f"use {i} of 3") for i in (1, 2, 3)] == [1, 1, 1]
    assert [line.split(" [")[0].strip() for line in text.splitlines() if " -> n" in line and "n0" in line] == [
        "n0_1 -> n1", "n0_1 -> n1", "n0_2 -> n2", "n0_3 -> n4"
    ]


def test_two_graphs_stand_side_by_side_with_their_numbers():
    w = leaf(1.0, 2.0, name="w")
    text = tg.viz.dot(tg.exp(w), tg.tanh(w) * tg.tanh(w), titles=("one", "two"))
    assert 'graph [color="#BBBBBB" label="one\\n1 op, 8 B kept for backward" style=rounded]' in text
    assert 'graph [color="#BBBBBB" label="two\\n3 ops, 16 B kept for backward" style=rounded]' in text
    assert "g0_n0 -> g0_n1" in text and "g1_n0_1 -> g1_n1" in text


def test_every_kind_has_an_outline_of_its_own():
    outlines = {(s["shape"], s["style"], s.get("peripheries")) for s in tg.viz.dot.__globals__["STYLES"].values()}
    assert len(outlines) == 7
    loss = Scale(2.0)(leaf(1.0, 2.0) * np.ones(2, np.float32), np.ones(2), 0.5)
    text = tg.viz.dot(loss)
    assert [kind for kind in ("parameter", "input", "constant", "op", "fused") if f"legend_{kind} [label={kind} " in text] == [
        "parameter", "input", "constant", "op", "fused"
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({"direction": "up"}, "direction is 'up'"), ({"titles": ("one", "two")}, "1 graphs need as many titles, got 2")],
)
def test_wrong_arguments_are_named(arguments, said):
    with pytest.raises(ValueError, match=said):
        tg.viz.draw(leaf(1.0), **arguments)
    with pytest.raises(ValueError, match="nothing to draw"):
        tg.viz.draw()


def test_long_texts_are_cut():
    w = leaf(1.0, 2.0, name="megabyte " * 100_000)
    text = tg.viz.dot(w[(None,) * 60], titles=("long" * 1000,))
    assert text.count("…") == 4                         # the title, the name, the index and the shape
    assert max(len(line) for part in text.split("\n") for line in part.split("\\n")) < 140


def test_ten_thousand_nodes_are_text_in_five_seconds():
    y = w = leaf(1.0, 2.0, name="w")
    for _ in range(5000):
        y = y * 0.5 + w
    start = time.process_time()
    text = tg.viz.dot(y, limit=None)
    assert time.process_time() - start < 5
    assert text.count(" -> n") == 20_000


# What nodes and arrows say


def expression():
    """A small one, whose values are noted."""
    with tg.viz.noted():
        a, b, c = (tg.tensor(value, requires_grad=True, name=name) for name, value in (("a", 2.0), ("b", -3.0), ("c", 10.0)))
        e = a * b
        e.name = "e"
        return (e + c) * a, a


def test_values_lines_rules_and_gradients_are_shown_on_demand():
    loss, a = expression()
    text = tg.viz.dot(loss, show=("value", "rule", "grad", "line"))
    for said in ("e\\nMultiply\\n= -6\\ndL/da = g * b\\ndL/db = g * a", "a\\n= 2\\ngrad not computed yet", "test_viz.py, line "):
        assert said in text, said
    assert "float32" not in text and "keeps" not in text
    loss.backward()
    assert "a\\n= 2\\ngrad -2" in tg.viz.dot(loss, show=("value", "grad"))


def test_what_goes_back_is_drawn_beside_what_goes_forward_and_nothing_changes():
    loss, a = expression()
    text = tg.viz.dot(loss, backward=True)
    assert 'n4 -> n3 [label=" dL/da \\n2"' in text and text.count("constraint=false") == 6
    assert a.grad is None
    loss.backward()
    text = tg.viz.dot(loss, backward=True)              # the graph is freed
    assert text.count("not computed yet") == 6 and " 0" not in text.replace("0 B", "")
    with pytest.raises(ValueError, match="a single tensor to walk back from"):
        tg.viz.dot([loss], backward=True)


def test_a_value_that_is_not_kept_and_was_not_noted_is_not_known():
    w = leaf(1.0, 2.0)
    graph = tg.viz.graph((w.exp() + 1).sum(), values=True)
    assert [node.value for node in graph.nodes] == [None, "[2.718, 7.389]", None, None, None]
    assert all(node.value is None and node.grad is None for node in tg.viz.graph(w.exp()).nodes)


def test_a_value_that_was_noted_is_the_one_of_then():
    w = leaf(1.0, 2.0)
    with tg.viz.noted():
        loss = (w * 3.0).sum()
    with tg.no_grad():
        w += 10.0
    assert [node.value for node in tg.viz.graph(loss, values=True).nodes] == ["[1, 2]", None, "[3, 6]", "9"]


def test_large_arrays_are_told_by_their_range():
    assert tg.viz.said(np.ones((100, 3))) == "all 1"
    assert tg.viz.said(np.array([np.nan, np.inf, 1, 2, 3, 4, 5.0])) == "1 to 5, mean 3, 1 NaN, 1 infinite"
    assert tg.viz.said(np.zeros((0, 3))) == "[]" and tg.viz.said(np.arange(9)) == "0 to 8"


def test_the_backward_graph_is_drawn_like_any_other():
    x = tg.tensor(3.0, requires_grad=True, name="x")
    dx, = tg.grad(x * x * x, x, create_graph=True)
    assert "Multiply" in tg.viz.dot(dx)


@pytest.mark.parametrize("show", ["shape", ("shapes",)])
def test_what_cannot_be_shown_is_refused(show):
    with pytest.raises(ValueError, match="show is .* some of shape, kept, value, grad, rule, line"):
        tg.viz.draw(leaf(1.0), show=show)


class Silent(tg.Op):
    def forward(self, x):
        return x * 2

    def grad_x(self, g):
        return g * 2

    def __repr__(self):
        raise RuntimeError("no words")


class Numbered(tg.Op):
    __doc__ = 5         # type: ignore[assignment]

    def forward(self, x):
        return x * 2

    def grad_x(self, g):
        return g * 2


@pytest.mark.parametrize("op", [Silent, Numbered])
def test_an_op_that_cannot_speak_for_itself_is_drawn_all_the_same(op):
    loss = op()(leaf(1.0)).sum()
    drawing = tg.viz.draw(loss, show=tg.viz.SHOWABLE)
    assert op.__name__ in drawing.source and "dL/dx = g * 2" in drawing.source
    assert op.__name__ in tg.viz.explain(op()(leaf(1.0))) and op.__name__ in drawing.html()


def test_an_op_that_was_drawn_can_go():
    op = type("Gone", (tg.Op,), {"forward": lambda self, x: x * 2, "grad_x": lambda self, g: g * 2})
    tg.viz.dot(op()(leaf(1.0)))
    gone = weakref.ref(op)
    del op
    gc.collect()
    assert gone() is None


# Fused nodes, opened


def test_a_fused_node_is_opened_into_its_twin():
    x, gamma = tg.randn(5, 3, requires_grad=True, name="x"), tg.ones(3, requires_grad=True, name="gamma")
    y = tg.nn.functional.batch_norm(x, None, None, gamma, training=True)
    loss = (y * y).sum()
    closed, opened = tg.viz.graph(loss), tg.viz.graph(loss, unfold=True)
    assert (closed.op_count, opened.op_count) == (3, 13)
    assert opened.scopes[0].kind.startswith("BatchNorm, 1 op that keeps ") and "opened: 11 ops that keep" in opened.scopes[0].kind
    assert opened.note == "BatchNorm opened into the composed twin" and opened.note in tg.viz.dot(loss, unfold=["BatchNorm"])
    with tg.composed():
        twin = tg.viz.graph(tg.nn.functional.batch_norm(x, None, None, gamma, training=True))
    inside = [node for node in opened.nodes if node.scope == "s0"]
    assert [node.label for node in inside] == [node.label for node in twin.nodes if node.ops]
    ends = [edge for edge in opened.edges if edge.source == inside[-1].id]
    assert [(edge.target, edge.input) for edge in ends] == [("n3", "a"), ("n3", "b")]
    assert tg.viz.graph(loss, unfold=["LayerNorm"]) == closed == tg.viz.graph(loss)
    loss.backward()
    assert tg.viz.graph(loss, unfold=True).op_count == 3         # freed: the inputs of the twin are gone


def test_every_fused_op_of_the_library_can_be_opened():
    seen = set()
    for case in tg.testing.all_cases():
        if issubclass(case.op, tg.Fused) and case.op not in seen and case.op.__module__.startswith("tinygrad_edu"):
            out = case(*case.tensors())
            if type(out.op) is case.op and out.size:
                seen.add(case.op)
                assert tg.viz.graph(out, unfold=True).note.startswith(case.op.__name__), case
    assert len(seen) > 15


# Other programs


def test_the_graph_in_other_formats(tmp_path):
    loss = tg.nn.Sequential(tg.nn.Linear(3, 4), tg.nn.Tanh())(tg.ones((2, 3))).sum()
    drawing = tg.viz.draw(loss)
    text = drawing.save(tmp_path / "graph.mmd").read_text("utf-8")
    assert text.startswith("flowchart TB") and text.count("subgraph") == text.count("end\n") == 3 and "n2_0 --> n2" in text
    data = json.loads(drawing.save(tmp_path / "graph.json").read_text("utf-8"))
    assert [node["id"] for node in data["nodes"]] == [node.id for node in drawing.graphs[0].nodes]
    with pytest.raises(ValueError, match="holds one graph"):
        tg.viz.draw(loss, loss).save(tmp_path / "two.json")


def test_every_node_has_a_name_of_its_own_in_mermaid():
    loss = tg.nn.functional.softplus(leaf(1.0, 2.0)).sum()
    graph = tg.viz.graph(loss, unfold=True)
    lines = re.findall(r"^ *(n\w+)[(\[{]", tg.viz.as_mermaid(graph), re.MULTILINE)
    assert len(lines) == len(set(lines)) == len(graph.nodes)


def test_networkx_gets_every_node_and_edge():
    networkx = pytest.importorskip("networkx")
    graph = tg.viz.graph((leaf(1.0, 2.0, name="w") * 2.0).sum())
    found = tg.viz.as_networkx(graph)
    assert networkx.is_directed_acyclic_graph(found) and len(found) == len(graph.nodes)
    assert found.nodes["n0"]["name"] == "w" and found.number_of_edges() == len(graph.edges)


def test_hostile_names_mean_nothing_in_mermaid():
    for name in HOSTILE:
        text = tg.viz.as_mermaid(tg.viz.graph(leaf(1.0, name=name)))
        assert text.count("\n") == 1 and not set('"<>`{}|&;\\') & set(re.sub(r"#\d+;|<br>", "", text.split("\n")[1])[9:-3])


# What is too large to look at


def blocks(count, kind=tg.nn.Tanh):
    return [tg.nn.Sequential(tg.nn.Linear(3, 3), kind()) for _ in range(count)]


def same_totals(small, graph):
    return (small.op_count, small.kept_bytes) == (graph.op_count, graph.kept_bytes)


def test_blocks_that_repeat_are_drawn_once_with_their_count():
    graph = tg.viz.graph(tg.nn.Sequential(*blocks(12))(tg.ones((1, 3))).sum())
    small = tg.viz.folded(graph)
    assert [node.label for node in small.nodes if node.ops] == ["Linear()", "Tanh()", "Sum(axis=(0, 1), keepdims=False)"]
    assert [scope.count for scope in small.scopes] == [1, 12, 1, 1] and same_totals(small, graph)
    assert "Sequential x 12" in tg.viz.dot(small)


def test_blocks_that_differ_are_not_one():
    one, other = blocks(2), blocks(2, tg.nn.ReLU)
    graph = tg.viz.graph(tg.nn.Sequential(*one, *other)(tg.ones((1, 3))).sum())
    small = tg.viz.folded(graph)
    assert sorted(scope.count for scope in small.scopes if scope.kind == "Sequential") == [1, 2, 2]
    assert small.note == "2 times blocks that record the same are drawn as one, at most 2" and same_totals(small, graph)


class Residual(tg.nn.Module):
    """Two blocks of the same ops: in one what comes in is added, in the other a value from elsewhere; the ops are called alike."""

    def __init__(self, other=None):
        super().__init__()
        self.other = other

    def forward(self, x):
        return tg.exp(x) + (x if self.other is None else self.other)


def test_blocks_that_use_other_values_are_not_one():
    x = leaf(1.0, 2.0) * 2.0
    elsewhere = tg.tanh(x)
    one, two = Residual(), Residual(elsewhere)
    graph = tg.viz.graph(two(one(elsewhere)).sum())
    assert tg.viz.folded(graph) == graph
    assert [scope.count for scope in tg.viz.folded(tg.viz.graph(one(one(x)))).scopes] == [2]


def test_what_was_opened_is_said_where_blocks_repeat():
    graph = tg.viz.graph(tg.nn.Sequential(*blocks(3))(tg.exp(tg.ones((1, 3), requires_grad=True))).sum(), unfold=True)
    assert tg.viz.folded(graph, depth=None).note == f"{graph.note}; 3 blocks that record the same are drawn as one"


def test_modules_in_modules_without_end_are_drawn_in_time():
    depth = 2000
    scopes = tuple(tg.viz.Scope(f"s{i}", "m." * i, "Module", f"s{i - 1}" if i else None) for i in range(depth))
    nodes = tuple(GraphNode(f"n{i}", "op", f"Op{i}()", None, (), "float32", scope=f"s{i}", ops=1) for i in range(depth))
    edges = tuple(Edge(f"n{i}", f"n{i + 1}", "x") for i in range(depth - 1))
    graph = tg.viz.Graph(nodes, edges, (nodes[-1].id,), scopes)
    start = time.process_time()
    assert tg.viz.dot(graph).count("subgraph") == depth         # the innermost says its module itself; and the legend
    assert len(tg.viz.folded(graph, depth=None, limit=100).nodes) == 100
    assert time.process_time() - start < 20


def test_thousands_of_blocks_are_one_in_time():
    graph = tg.viz.graph(tg.nn.Sequential(*blocks(3000))(tg.ones((1, 3))).sum())
    start = time.process_time()
    assert len(tg.viz.folded(graph).nodes) < 10
    assert time.process_time() - start < 5


def test_a_block_that_something_later_looks_into_stays():
    first, second, third = blocks(3)
    x = first(tg.ones((1, 3)))
    y = second(x)
    graph = tg.viz.graph((third(y) + x).sum())
    small = tg.viz.folded(graph)
    assert [scope.count for scope in small.scopes if scope.kind == "Sequential"] == [1, 2] and same_totals(small, graph)


def test_a_block_around_blocks_that_repeat():
    graph = tg.viz.graph(tg.nn.Sequential(*[tg.nn.Sequential(*blocks(3)) for _ in range(4)])(tg.ones((1, 3))).sum())
    small = tg.viz.folded(graph)
    assert [scope.count for scope in small.scopes if scope.kind == "Sequential"] == [1, 4, 3] and same_totals(small, graph)
    assert len([node for node in small.nodes if node.ops]) == 3


def test_modules_beyond_a_depth_are_closed():
    network = tg.nn.Sequential(tg.nn.Sequential(*blocks(1)), tg.nn.Tanh())
    graph = tg.viz.graph(network(tg.ones((1, 3))).sum())
    for depth, labels in (None, ["Linear()", "Tanh()", "Tanh()"]), (1, ["Sequential", "Tanh()"]), (0, ["Sequential"]):
        small = tg.viz.folded(graph, depth)
        assert [node.label for node in small.nodes if node.ops][:-1] == labels and same_totals(small, graph)
        assert ("closed" in small.note) == (depth is not None)
    group = small.nodes[1]
    assert (group.kind, group.ops, group.shape, group.scope) == ("group", 3, (1, 3), None)
    assert [(edge.source, edge.target) for edge in small.edges] == [("n2.0", "s0"), ("s0", "n5")]       # the data; parameters go with it


def test_beyond_the_limit_more_is_closed_and_said():
    graph = tg.viz.graph(tg.nn.Sequential(*[tg.nn.Sequential(*blocks(1, k)) for k in [tg.nn.Tanh, tg.nn.ReLU] * 20])(tg.ones((1, 3))).sum())
    small = tg.viz.folded(graph, limit=100)
    assert small.note == "modules are closed from level 3 on, since there are more than 100 nodes"
    assert len(small.nodes) <= 100 and same_totals(small, graph)
    y = leaf(1.0)
    for _ in range(1000):
        y = tg.tanh(y)
    small = tg.viz.folded(tg.viz.graph(y), limit=100)
    assert len(small.nodes) <= 100 and small.op_count == 1000
    assert [(node.label, node.ops) for node in small.nodes if node.kind == "group"] == [("earlier", 901)]
    assert "earlier\\n901 ops" in tg.viz.dot(y, limit=100) and "only the newest" in tg.viz.dot(y, limit=100)


# The picture


@drawn
def test_hostile_names_are_shown_as_they_are():
    w = leaf(1.0, 2.0)
    loss = w
    for name in HOSTILE:
        loss = tg.exp(leaf(1.0, 2.0, name=name)) + loss
        loss.name = name
    svg = tg.viz.draw(loss, titles=(" ".join(HOSTILE),)).svg()
    tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(svg).iter()}
    assert tags == {"svg", "g", "title", "polygon", "path", "ellipse", "text"}
    shown = texts(svg)
    for name in HOSTILE:
        printed = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
        assert shown.count(printed) == 2, name


@drawn
def test_a_drawing_is_saved_by_its_suffix(tmp_path):
    drawing = tg.viz.draw(leaf(1.0, name="w") * 2.0, direction="LR")
    begins = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph {", "SVG": b"<?xml"}
    for suffix, beginning in begins.items():
        path = drawing.save(tmp_path / f"graph.{suffix}")
        assert path == tmp_path / f"graph.{suffix}"
        assert path.read_bytes().startswith(beginning)
    assert (tmp_path / "graph.dot").read_text("utf-8") == drawing.source
    assert drawing.save(str(tmp_path / "text.svg")).read_text("utf-8") == drawing.svg()


@pytest.mark.parametrize("name", ["graph.bmp", "graph", "svg"])
def test_an_unknown_suffix_is_an_error_that_lists_the_known_ones(tmp_path, name):
    with pytest.raises(ValueError, match=r"\.svg, \.png, \.pdf, \.html, \.dot, \.json, \.mmd"):
        tg.viz.draw(leaf(1.0)).save(tmp_path / name)
    assert not list(tmp_path.iterdir())


@drawn
def test_a_long_chain_is_drawn():
    y = leaf(1.0, 2.0)
    for _ in range(1000):
        y = tg.tanh(y)
    assert texts(tg.viz.draw(y, limit=None).svg()).count("Tanh") == 1000


@drawn
def test_a_notebook_gets_the_picture():
    bundle = tg.viz.draw(tg.exp(leaf(1.0, name="w")))._repr_mimebundle_()
    assert bundle["text/plain"] == "<Drawing: 1 op, 4 B kept for backward>"
    assert "Exp" in texts(bundle["image/svg+xml"])


def without_graphviz(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name: None)


def test_without_graphviz_there_is_the_text_and_how_to_get_a_picture(monkeypatch, tmp_path):
    without_graphviz(monkeypatch)
    drawing = tg.viz.draw(tg.exp(leaf(1.0, name="w")))
    with pytest.raises(RuntimeError, match=r'pip install "tinygrad_edu\[viz\]"'):
        drawing.save(tmp_path / "graph.svg")
    assert not list(tmp_path.iterdir())
    assert drawing.save(tmp_path / "graph.dot").exists()
    bundle = drawing._repr_mimebundle_()
    assert list(bundle) == ["text/plain"]
    assert bundle["text/plain"].startswith("digraph {")
    assert 'pip install "tinygrad_edu[viz]"' in bundle["text/plain"]


def test_a_notebook_is_spared_a_long_text(monkeypatch):
    without_graphviz(monkeypatch)
    y = leaf(1.0)
    for _ in range(500):
        y = tg.tanh(y)
    assert len(tg.viz.draw(y)._repr_mimebundle_()["text/plain"]) < 300


def script(monkeypatch, tmp_path, text):
    """Let dot, on the PATH, be a program of ours; pygraphviz is not there."""
    program = tmp_path / "dot"
    program.write_text(f"#!{sys.executable}\n{text}", "utf-8")
    program.chmod(0o755)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))


needs_scripts = pytest.mark.skipif(sys.platform == "win32", reason="a script is no program there")


@needs_scripts
def test_dot_on_the_path_is_the_second_choice(monkeypatch, tmp_path):
    script(monkeypatch, tmp_path, "import sys; print(sys.argv[1:], sys.stdin.read())")
    drawing = tg.viz.draw(leaf(1.0))
    assert drawing.svg() == f"['-Tsvg'] {drawing.source}\n"


@needs_scripts
@pytest.mark.parametrize(
    ("program", "error", "said"),
    [
        ("import time; time.sleep(60)", TimeoutError, r"within 0.5 s"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", RuntimeError, r"status -11 and drew nothing: it said nothing"),
        ("import sys; sys.exit('no such font')", RuntimeError, r"status 1 and drew nothing: no such font"),
        ("pass", RuntimeError, "drew nothing"),
    ],
)
def test_graphviz_can_neither_hang_nor_crash_us(monkeypatch, tmp_path, program, error, said):
    script(monkeypatch, tmp_path, program)
    drawing = tg.viz.draw(leaf(1.0), time_limit=0.5 if error is TimeoutError else 30)
    start = time.perf_counter()
    with pytest.raises(error, match=said):
        drawing.svg()
    assert "digraph {" in drawing._repr_mimebundle_()["text/plain"]
    assert time.perf_counter() - start < 20
