"""Diagrams and watchers, over every case of every op and over networks that are drawn at random: they add up, and they say what is so."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.testing import all_cases

FEATURES = 4


def ran_cases():
    """Each case with its tensors and what it gave, where something was recorded."""
    for case in all_cases():
        tensors = case.tensors()
        out = case(*tensors)
        if isinstance(out, tg.Tensor) and out.node is not None:
            yield case, [x for x in tensors if isinstance(x, tg.Tensor) and x.node is not None], out


def consistent(graph):
    """Whether the ends of every edge exist, and older nodes come before newer ones, in scopes that exist."""
    places = {node.id: i for i, node in enumerate(graph.nodes)}
    scopes = {scope.id: i for i, scope in enumerate(graph.scopes)}
    return (
        len(places) == len(graph.nodes) and len(scopes) == len(graph.scopes) and len(set(graph.edges)) == len(graph.edges)
        and all(places[edge.source] < places[edge.target] for edge in graph.edges)
        and all(scope.parent is None or scopes[scope.parent] < scopes[scope.id] for scope in graph.scopes)
        and graph.outputs and places.keys() >= set(graph.outputs)
        and scopes.keys() >= {node.scope for node in graph.nodes} - {None}
    )


def test_the_steps_of_every_case_are_those_of_its_gradient():
    for case, leaves, out in ran_cases():
        seed = np.random.default_rng(0).normal(size=out.shape).astype(out.dtype)
        graph, steps = tg.viz.graph(out), list(tg.viz.steps(out, seed))
        assert [step.id for step in reversed(steps)] == [node.id for node in graph.nodes if node.kind in ("parameter", "op", "fused")], case
        arrows = {(edge.source, edge.target, edge.input) for edge in graph.edges}
        last = {}
        for step in steps:
            for share in step.shares:
                assert (share.parent, step.id, share.input) in arrows, case
                last[share.parent] = share
        for step in steps:
            if step.id in last:
                assert last[step.id].path == last[step.id].paths, case
                np.testing.assert_allclose(last[step.id].total, step.gradient, rtol=1e-5, atol=1e-6, err_msg=str(case))
        newest_first = sorted((x for x in leaves if x.node is not out.node), key=lambda x: -x.node.order)
        found = [step for step in steps if step.kind == "parameter"]
        if len(found) == len(newest_first):
            for x, step in zip(newest_first, found):
                np.testing.assert_array_equal(tg.grad(out, x, seed, retain_graph=True)[0], step.gradient, err_msg=str(case))


def test_every_case_is_opened_folded_written_and_explained():
    for case, leaves, out in ran_cases():
        graph = tg.viz.graph(out, unfold=True, values=True)
        assert consistent(graph), case
        small = tg.viz.folded(graph)
        assert (small.op_count, small.kept_bytes) == (graph.op_count, graph.kept_bytes), case
        assert tg.viz.dot(out, show=tg.viz.SHOWABLE, backward=out.size == 1) and tg.viz.as_json(graph) and tg.viz.as_mermaid(graph)
        assert tg.viz.explain(out) and str(tg.viz.memory(out))
        for x in leaves:
            assert tg.viz.why_no_grad(x, out)


def finite(arrays):
    return all(np.all(np.isfinite(array)) for array in arrays if array.dtype.kind in "fc")


def gradients(case, tensors, leaves, create_graph):
    """The value and the gradients of a case, and under create_graph those of the gradients."""
    out = case(*tensors)
    first = [g for g in tg.grad(out, leaves, np.ones(out.shape, out.dtype), create_graph=create_graph, allow_unused=True) if g is not None]
    recorded = [g for g in first if g.node is not None]
    second = tg.grad(recorded, leaves, [np.ones(g.shape, g.dtype) for g in recorded], allow_unused=True) if recorded else ()
    return [x.numpy() for x in (out, *first, *second) if x is not None]


@pytest.mark.parametrize("way", ["walked", "recorded", "composed"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_where_all_is_finite_there_is_no_false_alarm(way):
    count = 0
    for case, _, _ in ran_cases():
        tensors = case.tensors()
        leaves = [x for x in tensors if isinstance(x, tg.Tensor) and x.node is not None]
        with tg.composed() if way == "composed" else contextlib.nullcontext():
            try:
                plain = gradients(case, tensors, leaves, way == "recorded")
            except tg.errors.GraphError:        # a case without a second gradient
                continue
            if finite(plain):
                with tg.detect_anomaly():
                    watched = gradients(case, tensors, leaves, way == "recorded")
                for a, b in zip(plain, watched, strict=True):
                    np.testing.assert_array_equal(a, b, err_msg=str(case))
                count += 1
    assert count > 500


# Networks


class Residual(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x) + x


class Both(nn.Module):
    """A module with two outputs."""

    def __init__(self, one, other):
        super().__init__()
        self.one, self.other = one, other

    def forward(self, x):
        return self.one(x), self.other(x)


class Product(nn.Module):
    def __init__(self, one, other):
        super().__init__()
        self.both = Both(one, other)

    def forward(self, x):
        first, second = self.both(x)
        return first * second


class Twice(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(self.inner(x))


class Scale(nn.Module):
    """A parameter that is used twice."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(np.ones(FEATURES, np.float32))

    def forward(self, x):
        return x * self.factor + self.factor * 2.0


SHARED = nn.Linear(FEATURES, FEATURES), Scale()


def larger(makers):
    return st.one_of(
        st.lists(makers, min_size=1, max_size=4).map(lambda some: lambda: nn.Sequential(*[make() for make in some])),
        st.tuples(makers, st.integers(2, 4)).map(lambda pair: lambda: nn.Sequential(*[pair[0]() for _ in range(pair[1])])),
        makers.map(lambda make: lambda: Residual(make())),
        makers.map(lambda make: lambda: Twice(make())),
        st.tuples(makers, makers).map(lambda pair: lambda: Product(pair[0](), pair[1]())),
    )


LAYERS = [
    lambda: nn.Linear(FEATURES, FEATURES), lambda: nn.LayerNorm(FEATURES), nn.Tanh, nn.ReLU, nn.Identity, Scale,
    lambda: SHARED[0], lambda: SHARED[1], lambda: nn.TransformerEncoderLayer(FEATURES, 2, 8, dropout=0.0),
]


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(st.sampled_from(LAYERS), larger, max_leaves=10), st.none() | st.integers(0, 5), st.sampled_from([None, 5, 10, 500]),
    st.booleans(), st.booleans(), st.booleans(),
)
def test_networks_add_up_however_they_are_folded(make, depth, limit, needs_grad, several, unfold):
    x = tg.tensor(np.ones((2, FEATURES), np.float32), requires_grad=needs_grad)
    y = make()(x)
    if y.node is None or y.is_leaf:
        return
    graph = tg.viz.graph([y, y.sum()] if several else y.sum(), unfold=unfold)
    assert consistent(graph)
    small = graph
    for _ in range(2):
        small = tg.viz.folded(small, depth, limit)
        assert consistent(small)
        assert (small.op_count, small.kept_bytes) == (graph.op_count, graph.kept_bytes)
        assert graph.note in small.note
    drawn, stands_for = {node.id for node in small.nodes}, dict(small.stands_for)
    for own in [node.id for node in graph.nodes if node.kind in ("parameter", "op", "fused")]:
        for _ in range(len(graph.nodes)):
            own = own if own in drawn else stands_for[own]
        assert own in drawn
    assert tg.viz.dot(small) and tg.viz.as_mermaid(small)
