"""Answers in words: what a node does, who keeps memory, and why there is no gradient."""

import re

import numpy as np
import pytest
from tinygrad_edu.viz import explain, memory, why_no_grad

import tinygrad_edu as tg
from tinygrad_edu.engine.node import kept_bytes
from tinygrad_edu.errors import DTypeError
from tinygrad_edu.nn import functional as F
from tinygrad_edu.testing import all_cases


def leaf(*values, name=None):
    return tg.tensor(values, requires_grad=True, name=name)


# explain


def test_an_explanation_has_formula_shapes_rules_memory_and_source():
    x, gamma = tg.randn(4, 2, requires_grad=True, name="x"), tg.ones(2, requires_grad=True, name="gamma")
    text = explain(F.batch_norm(x, None, None, gamma, training=True))
    for said in (
        "out = gamma * x_hat + beta", "(4, 2) float32, the leaf 'x'", "dL/dgamma = sum(g * x_hat)", "beta   no gradient is asked for",
        "its twin is differentiated", "keeps x of shape (4, 2)", "Source: Ioffe and Szegedy (2015), arXiv:1502.03167",
    ):
        assert said in text


def test_leaves_and_what_was_not_recorded_are_explained_too():
    assert "is a leaf of shape (1,)" in explain(leaf(1.0))
    assert "was not recorded" in explain(tg.ones(2))
    with tg.detect_anomaly():
        assert "Recorded at" in explain(tg.exp(leaf(1.0))) and "test_words.py" in explain(tg.exp(leaf(1.0)))
    loss = tg.exp(leaf(1.0)).sum()
    loss.backward()
    assert "freed" in explain(loss)
    with pytest.raises(DTypeError, match="ndarray"):
        explain(np.ones(2))


def test_every_case_can_be_explained():
    for case in all_cases()[::5]:
        assert explain(case(*case.tensors()))


# memory


def test_the_table_counts_each_allocation_once():
    w = leaf(1.0, 2.0)
    out = w.exp() * w.exp()
    table = memory(out * out)
    assert table.bytes == kept_bytes([(out * out).node]) == table[-1].total
    assert [holding.bytes for holding in table] == [8, 8, 0, 0, 8, 0] and "shared" in str(table)
    (out * out).sum().backward()
    assert memory(w.reshape(2, 1)) == () and "No node keeps an array" in str(memory(w.reshape(2, 1)))


# why_no_grad


def detached():
    x = leaf(1.0, 2.0)
    return x, (x.detach() * leaf(3.0, 4.0)).sum()


def under_no_grad():
    x = leaf(1.0, 2.0)
    with tg.no_grad():
        y = x * 2
    return x, (y * leaf(1.0, 2.0)).sum()


def off_the_path():
    return leaf(1.0, 2.0), leaf(1.0, 2.0).sum()


def not_called():
    x = leaf(1.0, 2.0)
    return x, x.sum()


def middle():
    x = leaf(1.0, 2.0) * 2
    return x, x.sum()


def no_loss():
    return leaf(1.0), tg.ones(1).sum()


def dead():
    x = leaf(-1.0, -2.0)
    loss = (x.relu() * leaf(1.0, 2.0)).sum()
    loss.backward(retain_graph=True)
    return x, loss


def dead_and_freed():
    x = leaf(-1.0, -2.0)
    loss = x.relu().sum()
    loss.backward()
    return x, loss


def masked():
    x = leaf(1.0, 2.0)
    loss = np.where([False, False], x, 1.0).sum()
    loss.backward(retain_graph=True)
    return x, loss


def cancels():
    x = leaf(1.0, 2.0)
    loss = (x - x).sum()
    loss.backward(retain_graph=True)
    return x, loss


def cancels_in_the_middle():
    x = leaf(1.0, 2.0)
    y = x.exp()
    loss = (y - y).sum()
    loss.backward(retain_graph=True)
    return x, loss


def two_ends():
    """One path to y gives 0, but that of y is not 0 for it: it becomes 0 later."""
    x = leaf(-1.0, -2.0)
    y = x.relu()
    loss = (y * 0.0).sum() + y.sum()
    loss.backward(retain_graph=True)
    return x, loss


def two_rules():
    x = leaf(-1.0, -2.0)
    loss = (x.relu() + np.where([False, False], x, 1.0)).sum()
    loss.backward(retain_graph=True)
    return x, loss


def one_element():
    x = leaf(-1.0, 5.0)
    loss = x.relu()[0]
    loss.backward(retain_graph=True)
    return x, loss


def set_to_zero():
    x = leaf(1.0, 2.0)
    loss = (x * 3.0).sum()
    loss.backward(retain_graph=True)
    x.grad = tg.zeros(2)
    return x, loss


def empty():
    x = tg.zeros((0, 3), requires_grad=True)
    loss = x.sum()
    loss.backward(retain_graph=True)
    return x, loss


def a_view_made_later():
    w = leaf(1.0, 2.0)
    return w.reshape(2, 1), (w * w).sum()


def a_neighbour_in_memory():
    both = np.ones((3, 2), np.float32)
    return tg.from_numpy(both[:, 0]).requires_grad_(), (leaf(1.0, 1.0, 1.0) * both[:, 1]).sum()


def walked_but_not_used():
    leaf(1.0).sum().backward()
    return leaf(1.0), None


def nan():
    x = leaf(1.0)
    (x * np.float32(np.nan)).sum().backward()
    return x, None


def fine():
    x = leaf(1.0, 2.0)
    x.sum().backward()
    return x, None


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (detached, r"not on a path to the loss: Multiply\(\) was given its numbers as a, without a history"),
        (under_no_grad, "nothing that was recorded leads from it there.*under no_grad"),
        (off_the_path, "nothing that was recorded leads from it there"),
        (not_called, "backward.. has not been called"),
        (middle, r"is no leaf but was made by Multiply\(\).*retain_grad"),
        (no_loss, "the loss needs no gradient itself"),
        (dead, r"all of it is 0: the rule of ReLU\(\) gives 0 for x, since its input is 0 or less wherever a gradient comes in$"),
        (dead_and_freed, "all of it is 0; the graph was freed"),
        (masked, r"the rule of Where\(\) gives 0 for a"),
        (cancels, "the shares of its paths cancel"),
        (cancels_in_the_middle, r"the shares of what was made by Exp\(\) cancel$"),
        (two_ends, r"0: the rule of ReLU\(\) gives 0 for x, since [^;]*$"),
        (two_rules, r"the rule of Where\(\) gives 0 for a; the rule of ReLU\(\) gives 0|ReLU\(\) gives 0 .*; the rule of Where\(\)"),
        (one_element, "0 or less wherever a gradient comes in$"),
        (set_to_zero, "a walk from the loss gives one that is not: it was set to 0 since"),
        (empty, r"which is empty, as the tensor is: its shape is \(0, 3\)"),
        (a_view_made_later, "path to the loss: nothing that was recorded leads from it there"),
        (a_neighbour_in_memory, "path to the loss: nothing that was recorded leads from it there"),
        (walked_but_not_used, r"If it was called, no path leads from .* to the loss: why_no_grad\(x, loss\) says why"),
        (nan, "all of it is NaN.*detect_anomaly"),
        (fine, "it is not 0: 2 of 2"),
        (lambda: (tg.tensor([1, 2]), None), r"dtype int64.*astype\('float32'\)"),
        (lambda: (tg.ones(2), None), "made without requires_grad=True, is detached"),
    ],
)
def test_the_reason_is_named(made, said):
    x, loss = made()
    assert re.search(said, why_no_grad(x, loss), re.DOTALL), why_no_grad(x, loss)


def test_a_name_is_used_and_what_is_no_tensor_refused():
    w = leaf(1.0, name="w")
    assert why_no_grad(w, w.sum()).endswith("the gradient of 'w' is not computed yet")
    with pytest.raises(DTypeError, match="loss is float"):
        why_no_grad(leaf(1.0), 3.0)
