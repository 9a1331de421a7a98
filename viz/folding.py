"""A large graph made small enough to look at: modules are closed, blocks that repeat become one, and the oldest nodes one group."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from .graph import Edge, Graph, GraphNode, Scope

DEPTH = 3
"""How many modules inside one another are drawn open, if nothing else is asked for."""

LIMIT = 500
"""With more nodes than these, more is closed."""


def folded(graph: Graph, depth: int | None = DEPTH, limit: int | None = LIMIT) -> Graph:
    """A graph that shows less: what is as it was stays, and the rest is told in its note.

    Parameters
        depth  how many modules inside one another are open; those deeper are each one node, and None opens all.
        limit  with more nodes than these, modules are closed from the innermost on, and after that all nodes but the newest become
               one; None sets no limit.

    Modules of one class that run one after another, each on what the one before gave, and record the same, become one with its count.

    >>> import tinygrad_edu as tg
    >>> block = lambda: tg.nn.Sequential(tg.nn.Linear(3, 3), tg.nn.Tanh())
    >>> loss = tg.nn.Sequential(*[block() for _ in range(12)])(tg.ones((1, 3))).sum()
    >>> small = folded(tg.viz.graph(loss))
    >>> [(scope.kind, scope.count) for scope in small.scopes]
    [('Sequential', 1), ('Sequential', 12), ('Linear', 1), ('Tanh', 1)]
    >>> small.note
    '12 blocks that record the same are drawn as one'
    """
    small = _without_repeats(graph)
    notes = [small.note] if small.note else []
    deepest = max(_depths(small).values(), default=-1) + 1
    shown = min(deepest, deepest if depth is None else depth)
    closed = _closed(small, shown)
    if limit is not None and len(closed.nodes) > limit:
        fitting = bisect_right(range(shown), limit, key=lambda level: len(_closed(small, level).nodes))
        shown = max(0, fitting - 1)
        closed = _closed(small, shown)
    if any(node.kind == "group" for node in closed.nodes):
        why = f", since there are more than {limit} nodes" if depth is None or shown < depth else ""
        notes.append(f"modules are closed from level {shown + 1} on{why}" if shown else f"all modules are closed{why}")
    if limit is not None and len(closed.nodes) > limit:
        closed = _newest(closed, limit)
        notes.append(f"only the newest of more than {limit} nodes are drawn by themselves")
    return replace(closed, note="; ".join(notes))


# Blocks that repeat


def _without_repeats(graph: Graph) -> Graph:
    """Runs of modules that record the same, one after another, made one."""
    blocks = _Blocks(graph)
    removed: dict[str, str] = {}            # the nodes that go, with those that stand for them
    counts: dict[str, int] = {}
    gone: set[str] = set()
    for siblings in blocks.children.values():
        for run in blocks.runs([scope for scope in siblings if scope not in gone]):
            counts[run[0]] = len(run)
            for other in run[1:]:
                gone.update(blocks.inside(other))
                removed |= dict(zip(blocks.members[other], blocks.members[run[0]], strict=True))
    if not removed:
        return graph

    def stands(node: str) -> str:
        while node in removed:              # a block inside a block that repeats
            node = removed[node]
        return node

    kept: dict[str, list] = {}
    ops: dict[str, int] = {}
    freed: set[str] = set()
    for node in graph.nodes:
        own = stands(node.id)
        kept.setdefault(own, []).extend(node.kept or ())
        ops[own] = ops.get(own, 0) + node.ops
        if node.kept is None:
            freed.add(own)
    nodes = tuple(
        replace(node, kept=None if node.id in freed else tuple(kept[node.id]), ops=ops[node.id]) for node in graph.nodes if node.id not in removed
    )
    there = {node.id for node in nodes}
    edges = dict.fromkeys(replace(edge, source=stands(edge.source)) for edge in graph.edges if edge.target in there)
    used = {edge.source for edge in edges} | {edge.target for edge in edges}
    outputs = tuple(map(stands, graph.outputs))
    scopes = tuple(replace(scope, count=counts.get(scope.id, 1)) for scope in graph.scopes if scope.id not in gone)
    total = max(counts.values())
    note = f"{total} blocks that record the same are drawn as one"
    if len(counts) > 1:
        note = f"{len(counts)} times blocks that record the same are drawn as one, at most {total}"
    if graph.note:
        note = f"{graph.note}; {note}"
    nodes = tuple(node for node in nodes if node.id in used or node.id in outputs)
    known = removed.keys() | {node.id for node in nodes}
    sources = {(edge.target, edge.input): edge.source for edge in edges}
    parameters = {edge.source: sources[stands(edge.target), edge.input] for edge in graph.edges if edge.source not in known}
    return Graph(nodes, tuple(edges), outputs, scopes, note, tuple({**dict(graph.stands_for), **removed, **parameters}.items()))


class _Blocks:
    """The modules of a graph as blocks, which can be compared."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes = {node.id: node for node in graph.nodes}
        self.children: dict[str | None, list[str]] = {}
        self.scopes = {scope.id: scope for scope in graph.scopes}
        for scope in graph.scopes:
            self.children.setdefault(scope.parent, []).append(scope.id)
        self.members: dict[str, list[str]] = {scope.id: [] for scope in graph.scopes}
        for node in graph.nodes:
            own = node.scope
            while own is not None:
                self.members[own].append(node.id)
                own = self.scopes[own].parent
        self.sources: dict[str, list[Edge]] = {}
        self.targets: dict[str, list[str]] = {}
        for edge in graph.edges:
            self.sources.setdefault(edge.target, []).append(edge)
            self.targets.setdefault(edge.source, []).append(edge.target)

    def inside(self, scope: str) -> Iterable[str]:
        """A module and all in it."""
        waiting = [scope]
        while waiting:
            own = waiting.pop()
            yield own
            waiting += self.children.get(own, ())

    def runs(self, siblings: Sequence[str]) -> Iterable[list[str]]:
        """Those of siblings that follow one on another and record the same, two or more at a time."""
        if len(siblings) < 2:               # nothing to compare it with, and its form may be long
            return
        for _, group in groupby(siblings, key=self.form):
            run: list[str] = []
            for scope in [*group, None]:
                if scope is not None and (not run or self.follows(run[-1], scope)):
                    run.append(scope)
                    continue
                if len(run) > 1 and self.members[run[0]]:
                    yield run
                run = [] if scope is None else [scope]

    def form(self, scope: str) -> tuple:
        """What a module records: two with the same form look the same."""
        places = {own: i for i, own in enumerate(self.members[scope])}
        outside: dict[str, int] = {}        # what comes from outside, in the order of its use
        said: list[tuple] = [(self.scopes[scope].kind,)]
        for own in places:
            node = self.nodes[own]
            inputs = tuple(
                (edge.input, places[edge.source])
                if edge.source in places
                else (edge.input, outside.setdefault(edge.source, len(outside)), self._from_outside(edge.source))
                for edge in self.sources.get(own, ())
            )
            said.append((node.kind, node.label, node.shape, node.dtype, inputs))
        return tuple(said)

    def _from_outside(self, own: str) -> tuple:
        """What a value from outside is; whether it needs a gradient does not matter, since the first block is often given data."""
        node = self.nodes[own]
        if node.kind in ("parameter", "constant"):
            return node.kind, node.label, node.shape
        return ("value", node.shape)

    def follows(self, first: str, second: str) -> bool:
        """Whether what second takes is what first gave, or took too, and nobody else takes what first gave."""
        inner, outer = set(self.members[first]), set(self.members[second])
        taken = {edge.source for own in outer for edge in self.sources.get(own, ()) if edge.source in self.sources and edge.source not in outer}
        shared = {edge.source for own in inner for edge in self.sources.get(own, ())}
        given = {target for own in inner for target in self.targets.get(own, ())} - inner
        return bool(taken & inner) and taken <= inner | shared and given <= outer and not inner & set(self.graph.outputs)


# Modules that are closed


def _depths(graph: Graph) -> dict[str, int]:
    """How many modules each module lies in."""
    depths: dict[str, int] = {}
    for scope in graph.scopes:              # the outer ones come first
        depths[scope.id] = 0 if scope.parent is None else depths[scope.parent] + 1
    return depths


def _closed(graph: Graph, depth: int) -> Graph:
    """The graph with each module at a depth as one node, unless a single op is in it."""
    depths = _depths(graph)
    scopes = {scope.id: scope for scope in graph.scopes}

    def closed_around(own: str | None) -> str | None:
        while own is not None and depths[own] > depth:
            own = scopes[own].parent
        return own if own is not None and depths[own] == depth else None

    groups: dict[str, list[GraphNode]] = {}
    for node in graph.nodes:
        own = closed_around(node.scope)
        if own is not None:
            groups.setdefault(own, []).append(node)
    groups = {own: inner for own, inner in groups.items() if len(inner) > 1}
    group_of = {node.id: own for own, inner in groups.items() for node in inner}
    left = {scope.id for scope in graph.scopes if depths[scope.id] < depth}
    return _grouped(graph, group_of, {own: _module(scopes[own], inner) for own, inner in groups.items()}, left)


def _module(scope: Scope, inner: list[GraphNode]) -> GraphNode:
    """A module that is closed."""
    times = f" x {scope.count}" if scope.count > 1 else ""
    return replace(_group(scope.id, f"{scope.kind}{times}", inner), name=scope.path or None, scope=scope.parent)


def _group(own: str, label: str, inner: Sequence[GraphNode]) -> GraphNode:
    """One node for several, the newest last."""
    freed = any(node.kept is None for node in inner)
    kept = None if freed else tuple(kept for node in inner for kept in node.kept or ())
    last = inner[-1]
    return GraphNode(own, "group", label, None, last.shape, last.dtype, kept, ops=sum(node.ops for node in inner))


def _grouped(graph: Graph, group_of: dict[str, str], groups: dict[str, GraphNode], left: set[str]) -> Graph:
    """The graph with the nodes in group_of replaced by their groups; constants and parameters that only a group uses go with it."""
    users: dict[str, set[str]] = {}
    for edge in graph.edges:
        users.setdefault(edge.source, set()).add(group_of.get(edge.target, edge.target))
    has_sources = {edge.target for edge in graph.edges}
    small = [node.id for node in graph.nodes if node.kind in ("parameter", "constant") and node.id not in has_sources]
    hidden = {own for own in small if len(users.get(own, ())) == 1 and users[own] <= groups.keys()}
    parents = {scope.id: scope.parent for scope in graph.scopes}

    def around(own: str | None) -> str | None:
        """The innermost of the modules that are left around a node."""
        while own is not None and own not in left:
            own = parents[own]
        return own

    nodes: list[GraphNode] = []
    last = {own: node_id for node_id, own in group_of.items()}
    for node in graph.nodes:
        own = group_of.get(node.id)
        if own is not None:
            if last[own] == node.id:                # a group stands where its newest node stood
                nodes.append(groups[own])
        elif node.id not in hidden:
            nodes.append(node if node.scope is None or node.scope in left else replace(node, scope=around(node.scope)))
    edges: dict[tuple[str, str, str], Edge] = {}
    for edge in graph.edges:
        source, target = group_of.get(edge.source, edge.source), group_of.get(edge.target, edge.target)
        if source != target and source not in hidden:
            name = "" if target in groups else edge.input
            whole = (source, target, name) not in edges         # of several paths into a group none is the whole gradient
            edges[source, target, name] = Edge(source, target, name, edge.back if whole else None)
    outputs = tuple(dict.fromkeys(group_of.get(own, own) for own in graph.outputs))
    stands_for = {**dict(graph.stands_for), **group_of, **{own: next(iter(users[own])) for own in hidden}}
    scopes = tuple(scope for scope in graph.scopes if scope.id in left)
    return Graph(tuple(nodes), tuple(edges.values()), outputs, scopes, graph.note, tuple(stands_for.items()))


# Nodes that came before


def _newest(graph: Graph, limit: int) -> Graph:
    """The graph with all ops but the newest as one group."""
    older = {node.id: node for node in graph.nodes[: 1 - limit] if node.ops}
    group = _group("earlier", "earlier", [*older.values()]) if len(older) > 1 else None
    return graph if group is None else _grouped(graph, dict.fromkeys(older, group.id), {group.id: group}, {scope.id for scope in graph.scopes})
