"""Backprop step by step: the steps are those of the walk, each share is told, and nothing in the graph changes."""

import numpy as np
import pytest
from tinygrad_edu.viz.rules import formula, rules

import tinygrad_edu as tg
from tinygrad_edu.errors import DTypeError, GraphError, ShapeError
from tinygrad_edu.nn import functional as F
from tinygrad_edu.testing import all_cases


def leaf(*values, name=None):
    return tg.tensor(values, requires_grad=True, name=name)


def test_a_tensor_that_is_used_twice_gets_the_sum_of_its_shares():
    x = tg.tensor(3.0, requires_grad=True, name="x")
    add, multiply, last = tg.viz.steps(x * x + x)
    assert [step.number for step in (add, multiply, last)] == [1, 2, 3]
    assert [(share.input, share.parent, share.rule) for share in multiply.shares] == [("a", "n0", "g * b"), ("b", "n0", "g * a")]
    shares = [share for step in (add, multiply) for share in step.shares if share.parent == "n0"]
    assert [(share.path, share.paths, share.gradient.item(), share.total.item()) for share in shares] == [
        (1, 3, 1.0, 1.0), (2, 3, 3.0, 4.0), (3, 3, 3.0, 7.0)
    ]
    assert (last.kind, last.name, last.gradient.item(), last.shares) == ("parameter", "x", 7.0, ())


def test_broadcasting_is_undone_and_said():
    x, bias = tg.ones((2, 3), requires_grad=True), tg.ones(3, requires_grad=True)
    add = list(tg.viz.steps((x + bias).sum()))[1]
    by_input = {share.input: share for share in add.shares}
    assert by_input["b"].given.shape == (2, 3) and by_input["b"].is_broadcast and not by_input["a"].is_broadcast
    np.testing.assert_array_equal(by_input["b"].gradient, [2, 2, 2])


SOME = [case for case in all_cases() if case.op.__name__ in ("BatchNorm", "MatMul", "Where", "Stack", "Divide", "GetItem")][::7]


@pytest.mark.parametrize("case", SOME, ids=str)
def test_the_steps_end_with_the_gradients_of_backward(case):
    tensors = case.tensors()
    out = case(*tensors)
    g = np.random.default_rng(0).standard_normal(out.shape).astype(out.dtype)
    found = {step.name: step for step in tg.viz.steps(out, g) if step.kind == "parameter"}
    assert all(x.grad is None for x in tensors)
    out.backward(tg.tensor(g))
    for x in tensors:
        if x.requires_grad:
            np.testing.assert_allclose(found[x.name].gradient, x.grad.numpy(), rtol=1e-12, atol=1e-14)
            assert found[x.name].gradient.dtype == x.dtype


def test_looking_changes_nothing():
    x = tg.randn(4, 3, requires_grad=True)
    loss = F.batch_norm(x, None, None, training=True).exp().sum()
    before = tg.viz.graph(loss)
    for step in tg.viz.steps(loss):
        assert not step.gradient.flags.writeable
    assert tg.viz.graph(loss) == before and x.grad is None
    loss.backward()


def test_ids_are_those_of_the_graph():
    w = leaf(1.0, 2.0, name="w")
    loss = (tg.exp(w) * np.ones(2, np.float32)).sum()
    kinds = {node.id: node.label for node in tg.viz.graph(loss).nodes}
    assert all(kinds[step.id] == step.label for step in tg.viz.steps(loss))


@pytest.mark.parametrize(
    ("loss", "gradient", "error", "said"),
    [
        (lambda: leaf(1.0, 2.0), None, ShapeError, r"shape \(2,\); give a gradient"),
        (lambda: leaf(1.0, 2.0), np.ones(3), ShapeError, r"not \(3,\)"),
        (lambda: tg.ones(1), None, GraphError, "needs no gradient"),
        (lambda: np.ones(1), None, DTypeError, "ndarray"),
    ],
)
def test_what_cannot_be_walked_is_refused(loss, gradient, error, said):
    with pytest.raises(error, match=said):
        list(tg.viz.steps(loss(), gradient))


def test_gradients_of_complex_numbers_are_those_that_users_see():
    x = tg.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    seed = np.array([1j, 2])
    square, leaf_step = tg.viz.steps(x * x, seed)
    np.testing.assert_array_equal(square.gradient, seed)
    np.testing.assert_array_equal(leaf_step.gradient, tg.grad(x * x, x, seed)[0])
    assert [share.rule for share in square.shares] == ["conj(g * b), with conj(g) for g", "conj(g * a), with conj(g) for g"]
    for share, factor in zip(square.shares, (x, x)):
        np.testing.assert_array_equal(share.gradient, np.conj(np.conj(seed) * factor.numpy()))


def test_a_freed_graph_is_refused():
    loss = tg.exp(leaf(1.0)).sum()
    loss.backward()
    with pytest.raises(GraphError, match="freed|second time|retain"):
        list(tg.viz.steps(loss))


# What an op does, in words


class Undocumented(tg.Op):
    def forward(self, x):
        return x * x

    def grad_x(self, g, x):
        return g * 2 * x


def test_an_op_without_docstring_is_told_by_its_code():
    step, _ = tg.viz.steps(Undocumented()(tg.tensor(3.0, requires_grad=True)))
    assert step.shares[0].rule == "g * 2 * x"


def test_every_op_of_the_library_says_its_rules():
    seen = set()
    for case in all_cases():
        if case.op not in seen and case.op.__module__.startswith("tinygrad_edu"):
            seen.add(case.op)
            out = case(*case.tensors())
            if type(out.op) is case.op:
                said = rules(out.op)
                assert set(said) == set(out.op.inputs) - set(out.op.constants)
                assert all(said.values()) and formula(out.op).startswith("out")
    assert len(seen) > 40
