"""Watching: anomalies are found where they are born, changes behind the engine's back are noticed, and nobody is told who did not ask."""

import threading

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine import watching
from tinygrad_edu.errors import AnomalyError, GraphError, MutationError
from tinygrad_edu.nn import functional as F


def leaf(*values, name=None):
    return tg.tensor(values, requires_grad=True, name=name)


# Born forward


def test_the_first_nan_is_named_with_what_made_it_and_the_line():
    x, y = leaf(2.0, 0.0, name="x"), leaf(1.0, 0.0, name="y")
    with pytest.raises(AnomalyError, match=r"Divide\(\): out\[1\] is nan.*a \('x'\) is 0\.0 there, b \('y'\) is 0\.0 there") as caught:
        with tg.detect_anomaly():
            tg.exp(x / y).sum()
    assert "test_anomaly.py, line" in str(caught.value)
    assert repr(caught.value.op) == "Divide()" and caught.value.operands == (x, y)
    assert [node.kind for node in tg.viz.graph(caught.value).nodes] == ["parameter", "parameter", "failed"]
    assert isinstance(caught.value, FloatingPointError) and isinstance(caught.value, GraphError)


def test_an_infinity_of_a_reduction_says_what_went_in():
    x = leaf(*[3e38] * 4)
    with pytest.raises(AnomalyError, match=r"Sum\(axis=\(0,\), keepdims=False\): out is inf.*x has shape \(4,\), from 3\.\d*e\+38"):
        with tg.detect_anomaly():
            x.sum()


def test_ops_that_are_not_recorded_are_watched_too():
    with pytest.raises(AnomalyError, match=r"Log\(\): out\[0\] is -inf"):
        with tg.detect_anomaly(), tg.no_grad():
            np.log(leaf(0.0))


def test_what_was_infinite_before_is_no_anomaly():
    x = leaf(1.0, 2.0)
    with tg.detect_anomaly():
        F.logsumexp(np.where([True, False], x, -np.inf), 0).backward()
        tg.tensor([np.nan]) + 1
    np.testing.assert_array_equal(x.grad, [1, 0])


@pytest.mark.parametrize(("settings", "values"), [({"check_nan": False}, (0.0, 0.0)), ({"check_inf": False}, (1.0, 0.0))])
def test_only_what_is_asked_for_is_looked_for(settings, values):
    a, b = (leaf(value) for value in values)
    with tg.detect_anomaly(**settings):
        a / b
    with pytest.raises(AnomalyError), tg.detect_anomaly():
        a / b


def test_integers_and_bools_are_none():
    with tg.detect_anomaly():
        tg.tensor([1, 2]) + tg.tensor([True, False])


# Born backward


def test_a_gradient_that_becomes_infinite_is_named():
    x = leaf(4.0, 0.0)
    said = r"Sqrt\(\), in the backward pass: dL/dx\[1\] is inf.*out is 0\.0 there; recorded at .*, line \d+"
    with pytest.raises(AnomalyError, match=said) as caught:
        with tg.detect_anomaly():
            np.sqrt(x).sum().backward()
    assert x.grad is None
    assert [(node.kind, node.label) for node in tg.viz.graph(caught.value).nodes] == [("parameter", "parameter"), ("failed", "Sqrt()")]


def test_a_seed_that_is_nan_is_the_users():
    x = leaf(1.0)
    with tg.detect_anomaly():
        (x * x).backward(np.array([np.nan], np.float32))
    assert np.isnan(x.grad.item())


def test_under_create_graph_too():
    x = leaf(0.0)
    with pytest.raises(AnomalyError, match=r"(?s)Divide.*in the backward pass of Sqrt\(\)"), tg.detect_anomaly():
        tg.grad(np.sqrt(x).sum(), x, create_graph=True)


# Changes behind the engine's back


@pytest.mark.parametrize("way", ["data", "numpy", "operand"])
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_kept_array_that_was_changed_is_refused(way, create_graph):
    x, array = leaf(1.0, 2.0, name="x"), np.array([3.0, 4.0], np.float32)
    with tg.detect_anomaly():
        loss = (x * x * array).sum()
        (array if way == "operand" else x.data if way == "data" else x.numpy())[0] = 7
        with pytest.raises(MutationError, match=r"Multiply\(\).*kept .* changed afterwards.*recorded at .*test_anomaly.py, line \d+"):
            tg.grad(loss, x, create_graph=create_graph)


def test_the_inputs_of_a_twin_are_guarded_where_it_is_used():
    x, weight = tg.randn(5, 3, requires_grad=True), tg.ones(3, requires_grad=True)
    bias = tg.zeros(3, requires_grad=True)
    with tg.detect_anomaly():
        out = F.batch_norm(x, None, None, weight, bias, training=True)
        bias.data[0] = 7                    # backward by hand does not use it
        tg.grad(out.sum(), x, retain_graph=True)
        with pytest.raises(MutationError, match="kept beta"):
            tg.grad(out.sum(), x, create_graph=True)


def test_what_was_recorded_before_is_not_guarded_and_not_refused():
    x = leaf(1.0)
    loss = (x * x).sum()
    with tg.detect_anomaly():
        loss.backward()
    np.testing.assert_array_equal(x.grad, [2])


# Who is told


class Counted(watching.Watcher):
    def __init__(self):
        self.seen = []

    def ran(self, op, operands, out):
        self.seen.append(op)

    def pulled(self, node, g, parents, contributions):
        self.seen.append(node)


def test_a_watcher_is_told_in_its_own_thread_and_only_inside_its_block():
    x, counted = leaf(1.0), Counted()
    with counted:
        thread = threading.Thread(target=lambda: tg.exp(leaf(1.0)))
        thread.start()
        thread.join()
        y = tg.exp(x)
        with counted:
            y = tg.exp(y)
        y.backward()
    tg.exp(x)
    assert [repr(seen).split("(")[0] for seen in counted.seen[:3]] == ["Exp"] * 3       # the second one twice
    assert len(counted.seen) == 5 and watching.active == 0


def test_a_block_that_another_thread_leaves_is_left():
    def watched():
        with Counted():
            yield

    generator = watched()
    next(generator)
    thread = threading.Thread(target=generator.close)
    thread.start()
    thread.join()
    assert watching.active == 0


def test_an_error_ends_the_watch():
    with pytest.raises(AnomalyError), tg.detect_anomaly():
        np.log(leaf(0.0))
    assert watching.active == 0
    with np.errstate(divide="ignore"):
        assert np.log(leaf(0.0)).item() == -np.inf


@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_gradients_are_the_same_under_watch(shape):
    x = tg.tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True)
    plain, = tg.grad((F.gelu(x) * x).sum(), x)
    with tg.detect_anomaly():
        watched, = tg.grad((F.gelu(x) * x).sum(), x)
    np.testing.assert_array_equal(plain, watched)
