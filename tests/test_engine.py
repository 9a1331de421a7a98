"""The engine: recording, the walk, gradients of gradients, in-place changes, modes, and what is let go."""

import array
import asyncio
import copy
import gc
import pickle
import sys
import threading
import warnings
import weakref

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.node import ancestors, kept_values
from tinygrad_edu.engine.op import Alias
from tinygrad_edu.fused.dropout import Dropout


def leaf(*values, name=None):
    return tg.tensor(np.array(values), requires_grad=True, name=name)


# The walk


def test_a_gradient_is_added_to_grad_of_every_leaf():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (x * y + x).sum().backward()
    assert x.grad.tolist() == [4.0, 5.0] and y.grad.tolist() == [1.0, 2.0]
    (x * y).sum().backward()
    assert x.grad.tolist() == [7.0, 9.0] and y.grad.tolist() == [2.0, 4.0]


def test_a_tensor_that_is_used_often_gets_the_sum():
    x = leaf(3.0)
    y = x * x
    z = y + y * x + x
    z.backward(np.ones(1))
    assert x.grad.tolist() == [6.0 + 27.0 + 1.0]


def test_both_paths_of_a_diamond_count_and_each_rule_runs_once():
    calls = []

    class Watched(tg.Op):
        def forward(self, x):
            return x * 2

        def grad_x(self, g):
            calls.append(g.copy())
            return g * 2

    x = leaf(1.0)
    h = Watched()(x)
    (h * 3 + h * 4).sum().backward()
    assert x.grad.tolist() == [14.0]
    assert [call.tolist() for call in calls] == [[7.0]]


def test_backward_weighs_the_output_by_the_given_gradient():
    x = leaf(1.0, 2.0)
    (x * x).backward(tg.tensor([10.0, 1.0]))
    assert x.grad.tolist() == [20.0, 4.0]
    assert x.grad.dtype == np.float64


def test_grad_touches_no_grad_and_walks_only_where_it_must():
    calls = []

    class Watched(tg.Op):
        def forward(self, x):
            return x.copy()

        def grad_x(self, g):
            calls.append(1)
            return g

    x, y = leaf(2.0), leaf(5.0)
    out = (x * y * Watched()(y)).sum()
    dx, = tg.grad(out, x)
    assert dx.tolist() == [25.0] and x.grad is None and y.grad is None
    assert calls == []


def test_grad_of_inner_tensors_and_of_several_outputs():
    x = leaf(2.0)
    h = x * x
    a, b = h * 3, h * h
    dh, dx = tg.grad([a, b], [h, x], grad_outputs=[np.array([1.0]), np.array([10.0])])
    assert dh.tolist() == [3.0 + 10 * 2 * 4.0]
    assert dx.tolist() == [(3.0 + 10 * 2 * 4.0) * 4.0]


def test_the_same_input_twice_gets_two_gradients_of_their_own():
    x = leaf(2.0)
    first, second = tg.grad(x * x, [x, x], np.ones(1))
    assert first.tolist() == second.tolist() == [4.0]
    assert not np.shares_memory(first.data, second.data)


def test_an_unused_input_is_refused_or_none():
    x, y = leaf(1.0), leaf(1.0, name="y")
    with pytest.raises(tg.errors.GraphError, match="'y'"):
        tg.grad(x * 2, [x, y], np.ones(1), retain_graph=True)
    assert tg.grad(x * 2, [x, y], np.ones(1), allow_unused=True)[1] is None


def test_gradients_share_no_memory_with_each_other_or_with_what_went_in():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    start = np.ones(2)
    (x + y).backward(start)
    assert not np.shares_memory(x.grad.data, y.grad.data)
    assert not np.shares_memory(x.grad.data, start)
    x.grad.data[0] = 100
    assert y.grad.tolist() == [1.0, 1.0] and start.tolist() == [1.0, 1.0]


def test_gradients_that_are_recorded_share_no_memory_either():
    x, y, start = leaf(1.0, 2.0), leaf(3.0, 4.0), tg.tensor(np.ones(2))
    (x + y).backward(start, create_graph=True)
    with tg.no_grad():
        x.grad *= 0.5
    assert y.grad.tolist() == start.tolist() == [1.0, 1.0]
    z = leaf(1.0, 2.0)
    z.sum().backward(create_graph=True)
    with tg.no_grad():
        z.grad *= 0.5
    assert z.grad.tolist() == [0.5, 0.5]


def test_a_leaf_may_be_its_own_output():
    x = leaf(1.0, 2.0)
    start = np.array([5.0, 6.0])
    x.backward(start)
    assert x.grad.tolist() == [5.0, 6.0] and not np.shares_memory(x.grad.data, start)


def test_gradients_of_any_order_of_a_power():
    x = leaf(2.0)
    y = x**5
    for value in [80.0, 160.0, 240.0, 240.0, 120.0]:
        y, = tg.grad(y.sum(), x, create_graph=True)
        assert y.tolist() == [value]


def test_create_graph_leaves_gradients_that_can_be_differentiated_in_grad():
    x = leaf(3.0)
    (x * x * x).sum().backward(create_graph=True)
    g, x.grad = x.grad, None
    g.sum().backward()
    assert g.tolist() == [27.0] and x.grad.tolist() == [18.0]


def test_create_graph_records_inside_no_grad_too():
    x, start = leaf(2.0), tg.tensor(1.0, requires_grad=True)
    y = (x**3).sum()
    with tg.no_grad():
        first, = tg.grad(y, x, start, create_graph=True)        # of another dtype than y
        y.backward(create_graph=True)
    for gradient in first, x.grad:
        assert tg.grad(gradient.sum(), x, retain_graph=True)[0].tolist() == [12.0]
    assert tg.grad(first.sum(), start)[0].item() == 12.0


def test_a_gradient_of_complex_numbers_is_recorded_inside_no_grad_too():
    z = leaf(2.0 + 1.0j)
    y = (z * z * z).real.sum()
    with tg.no_grad():
        first, = tg.grad(y, z, create_graph=True, retain_graph=True)
    outside, = tg.grad(y, z, create_graph=True)
    second, truth = (tg.grad(gradient.real.sum(), z, retain_graph=True)[0].tolist() for gradient in (first, outside))
    assert second == truth == [12.0 - 6.0j]


def test_what_is_added_to_a_recorded_gradient_takes_no_history_from_it():
    x = leaf(2.0)
    (x**3).sum().backward(create_graph=True)
    y = (5 * x).sum()
    with tg.no_grad():
        y.backward()
    assert x.grad.tolist() == [17.0] and tg.grad(x.grad.sum(), x)[0].tolist() == [12.0]


def test_no_line_runs_at_which_some_gradients_are_filled_and_some_are_not():
    """An interrupt comes between two lines."""
    leaves = [leaf(1.0) for _ in range(100)]
    loss = sum(leaves[1:], leaves[0])
    seen = set()

    def trace(frame, event, argument):
        seen.add(sum(x.node.grad is not None for x in leaves))
        return trace

    sys.settrace(trace)
    try:
        loss.backward()
    finally:
        sys.settrace(None)
    assert seen == {0, 100}


def test_a_fused_op_whose_tensor_is_two_inputs_is_right_at_order_two():
    class Product(tg.Fused):
        def forward(self, a, b):
            return a * b, {"pair": (a, b)}

        def backward(self, g, pair):
            return g * pair[1], g * pair[0]

        def composed(self, a, b):
            return a * b

    x = leaf(3.0)
    y = Product()(x, x)
    dx, = tg.grad(y.sum(), x, create_graph=True)
    assert dx.tolist() == [6.0]
    assert tg.grad(dx.sum(), x)[0].tolist() == [2.0]


def test_a_gradient_with_respect_to_one_input_still_depends_on_the_others():
    from tinygrad_edu.fused.batch_norm import BatchNorm

    rng = np.random.default_rng(0)
    x, gamma, beta = (tg.tensor(rng.standard_normal(shape), requires_grad=True) for shape in ((5, 3), (3,), (3,)))
    u, w = rng.standard_normal((2, 5, 3))
    results = []
    for function in (BatchNorm((0,)), BatchNorm((0,)).composed):
        dx, = tg.grad(function(x, gamma, beta), x, u, create_graph=True)
        results.append(tg.grad((dx * w).sum() + (gamma * gamma).sum(), [x, gamma]))
    for fused, composed in zip(*results):
        assert np.allclose(fused.data, composed.data, rtol=1e-12)


# Mistakes that were once silent


def test_gradients_of_grad_share_no_memory_under_create_graph():
    x, y = leaf(1.0, 2.0), leaf(1.0, 2.0)
    gx, gy = tg.grad(((x + y) ** 2).sum(), [x, y], create_graph=True)
    gx += 100.0
    assert gy.tolist() == [4.0, 8.0]


def test_a_users_rule_cannot_write_into_what_others_use():
    class Half(tg.Op):
        def forward(self, x):
            return x * 0.5

        def grad_x(self, g):
            g /= 2
            return g

    x, start = leaf(1.0, 1.0), np.ones(2)
    with pytest.raises(tg.errors.MutationError, match=r"Half\(\): a rule writes into an array .* g = g.copy\(\)"):
        (x * 1 + Half()(x)).backward(start)
    assert start.tolist() == [1.0, 1.0] and x.grad is None


def test_the_assignments_functions_may_write_into_dout():
    def relu_forward(x):
        return np.maximum(x, 0), x

    def relu_backward(dout, cache):
        dx = dout
        dx[cache <= 0] = 0
        return dx

    relu = tg.Fused.from_functions(relu_forward, relu_backward, composed=lambda x: tg.relu(x))
    x, start = leaf(-1.0, 1.0), np.ones(2)
    h = x * 1
    (h + relu(h)).backward(start)
    assert x.grad.tolist() == [1.0, 2.0] and start.tolist() == [1.0, 1.0]


def test_a_users_forward_neither_writes_into_its_inputs_nor_hands_them_out():
    class Flat(tg.Op):
        def forward(self, x):
            return x.reshape(-1)

        def grad_x(self, g, x_shape):
            return g.reshape(x_shape)

    class Doubled(Flat):
        def forward(self, x):
            x *= 2
            return x

    x = tg.tensor(np.ones((2, 2)), requires_grad=True)
    h = x * 3
    y = Flat()(h)
    y *= 2
    assert h.tolist() == [[3.0, 3.0], [3.0, 3.0]]
    (h * h).sum().backward()
    assert x.grad.tolist() == [[18.0, 18.0], [18.0, 18.0]]
    with pytest.raises(tg.errors.MutationError, match=r"Doubled\(\): forward writes into an array .* x = x.copy\(\)"):
        Doubled()(x)
    assert x.tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_a_rule_may_compute_with_tensors():
    class Doubled(tg.Op):
        def forward(self, x):
            return x * 2

        def grad_x(self, g):
            return tg.tensor(np.float64(2.0)) * g

    x = leaf(1.0, 2.0)
    Doubled()(x).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0] and type(x.grad._data) is np.ndarray


def test_functions_without_gradient_write_nowhere():
    x, a = leaf(1.0, 2.0), tg.tensor(np.array([3.0, 4.0]))
    for write in (lambda: np.round(x, 0, a), lambda: np.round(x, out=a), lambda: tg.greater(x, 0.0, a), lambda: tg.argmax(x, 0, a)):
        with pytest.raises(TypeError, match="out"):
            write()
    assert a.tolist() == [3.0, 4.0]


@pytest.mark.parametrize("views", [
    lambda: (lambda a: (np.lib.stride_tricks.sliding_window_view(a, 3), a))(np.arange(5.0)),
    lambda: (lambda b: (np.frombuffer(b), np.frombuffer(b)))(bytearray(np.arange(3.0).tobytes())),
    lambda: (lambda b: (np.frombuffer(b, offset=8), np.frombuffer(b)))(bytearray(np.arange(3.0).tobytes())),
    lambda: (lambda a: (a, np.from_dlpack(a)))(np.arange(3.0)),
    lambda: (lambda a: (np.from_dlpack(a[1:]), np.from_dlpack(a)))(np.arange(3.0)),
    lambda: (lambda t: (t.numpy(), np.from_dlpack(t)))(tg.tensor(np.arange(3.0))),
])
@pytest.mark.parametrize("first", [0, 1])
def test_memory_that_came_in_twice_is_watched_too(views, first):
    """By whichever of the two it is changed, and also when that one is gone."""
    arrays = list(views())
    c = tg.from_numpy(arrays.pop(first))
    w = tg.tensor(np.ones(c.shape), requires_grad=True)
    y = (w * c).sum()
    if arrays[0].flags.writeable:
        d = tg.from_numpy(arrays.pop())
        d[1:] += 1
        del d
        with pytest.raises(tg.errors.MutationError):
            y.backward()


def test_a_change_beside_memory_that_came_in_is_no_matter():
    array = np.arange(4.0)
    c, d = tg.from_dlpack(array[:2]), tg.from_dlpack(array[2:])
    w = leaf(1.0, 1.0)
    y = (w * c).sum()
    d += 1
    tg.zeros(2).__iadd__(1)
    y.backward()
    assert w.grad.tolist() == [0.0, 1.0]


def test_requires_grad_off_and_on_again_finds_its_gradient():
    w = leaf(1.0)
    y = (w * w).sum()
    w.requires_grad_(False)
    assert not (w * w).requires_grad
    w.requires_grad_(True)
    y.backward()
    assert w.grad.tolist() == [2.0]


def test_whole_numbers_carry_no_gradient():
    w = leaf(2.7)
    assert not w.astype(np.int64).requires_grad
    x = tg.tensor([1, 2, 3])
    with pytest.raises(tg.errors.DTypeError, match="int64"):
        x[0] = w[0]
    assert x.tolist() == [1, 2, 3] and not x.requires_grad


def test_an_inplace_result_of_another_dtype_is_converted_in_the_graph():
    w = leaf(2.0)
    y = tg.zeros(1)
    y += w
    g, = tg.grad(y.sum(), y)
    assert g.dtype == y.dtype == np.float32 and tg.grad((y * 3).sum(), w)[0].dtype == np.float64


def test_a_condition_does_not_decide_the_dtype_of_a_number():
    x = tg.tensor(np.array([1.0, 2.0]), requires_grad=True)
    assert np.where(tg.tensor([1.0, 0.0]), x, 0.1).tolist() == [1.0, 0.1]
    assert tg.clip(tg.tensor([0.0], dtype=np.float32), 0.1, x).tolist() == [0.1, 0.1]


def test_set_grad_enabled_may_be_entered_again():
    mode = tg.set_grad_enabled(False)
    for _ in range(2):
        with mode:
            assert not tg.is_grad_enabled()
        assert tg.is_grad_enabled()
    with mode, mode:
        assert not tg.is_grad_enabled()
    assert tg.is_grad_enabled()


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_an_infinite_gradient_does_not_pass_where_nothing_passes():
    x = leaf(-1.0, 4.0)
    assert tg.grad(tg.sqrt(tg.relu(x)).sum(), x)[0].tolist() == [0.0, 0.25]
    assert tg.grad(tg.sqrt(tg.clip(x, 0, 9)).sum(), x)[0].tolist() == [0.0, 0.25]


def test_large_counts_in_float16():
    x = tg.ones(100_000, dtype=np.float16, requires_grad=True)
    assert abs(tg.grad(x.mean(), x)[0].data[0] / 1e-5 - 1) < 0.01
    assert abs(tg.grad(x.max(), x)[0].data[0] / 1e-5 - 1) < 0.01


def test_retain_graph_lets_a_second_walk_run():
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [8.0]
    with pytest.raises(tg.errors.GraphError, match="second time"):
        y.backward()
    assert x.grad.tolist() == [8.0]


def test_hooks_see_the_whole_gradient_and_may_replace_it():
    x = leaf(1.0, 2.0)
    h = x * 2
    seen = []
    handle = h.register_hook(lambda g: seen.append(g.tolist()))
    h.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    (h + h * 3).sum().backward()
    assert seen == [[4.0, 4.0]]
    assert x.grad.tolist() == [81.0, 81.0]
    handle.remove()
    handle.remove()
    (h * 1.0).sum()
    assert len(seen) == 1


def test_a_hook_that_changes_the_shape_is_refused():
    x = leaf(1.0, 2.0)
    x.register_hook(lambda g: g.sum())
    with pytest.raises(tg.errors.ShapeError, match="hook"):
        (x * 2).sum().backward()
    assert x.grad is None


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_hook_cannot_write_into_the_gradient_of_others(create_graph):
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    h = x * 1
    h.register_hook(lambda g: g.__imul__(2))
    with pytest.raises(tg.errors.MutationError, match="read-only"):
        (h + y).sum().backward(create_graph=create_graph)
    assert x.grad is None and y.grad is None


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_hook_that_changes_a_gradient_without_axes_changes_the_one_that_it_returns(create_graph):
    x = tg.tensor(3.0, requires_grad=True)
    for hook, truth in ((lambda g: g.__imul__(2), 12.0), (lambda g: (g.__imul__(2), None)[1], 6.0)):
        h = x * 1
        h.register_hook(hook)
        assert tg.grad(h * x + h * x, x, create_graph=create_graph)[0].item() == 6.0 + truth


@pytest.mark.parametrize("change", [
    lambda k: k.__imul__(10.0),
    lambda k: k.__setitem__(0, 100.0),
    lambda k: setattr(k, "grad", tg.ones_like(k)) or tg.optim.SGD([k], lr=1.0).step(),
])
def test_a_change_by_a_hook_is_noticed_in_the_walk_in_which_it_happens(change):
    x, k = leaf(1.0, 2.0), leaf(2.0, 3.0)

    def hook(g):
        with tg.no_grad():
            change(k)

    for walk in lambda y: y.backward(), lambda y: tg.grad(y, x):
        b = np.sin(x * k)
        b.register_hook(hook)
        with pytest.raises(tg.errors.MutationError, match=r"Multiply\(\) kept b"):
            walk(b.sum())
    assert x.grad is None


def test_a_change_by_a_rule_is_noticed_in_the_walk_in_which_it_happens():
    k = tg.tensor(np.array([2.0, 3.0]))

    class Doubling(tg.Op):
        def forward(self, x):
            return x * 1

        def grad_x(self, g):
            k.__imul__(2.0)
            return g

    x = leaf(1.0, 2.0)
    with pytest.raises(tg.errors.MutationError, match=r"Multiply\(\) kept b"):
        Doubling()(x * k).sum().backward()


def test_hooks_record_under_create_graph():
    x = leaf(3.0)
    h = x * x
    h.register_hook(lambda g: g * x)
    dx, = tg.grad(h.sum(), x, create_graph=True)
    assert dx.tolist() == [18.0]                    # x * 2x
    assert tg.grad(dx.sum(), x)[0].tolist() == [12.0]


def test_retain_grad_fills_grad_of_an_inner_tensor():
    x = leaf(1.0, 2.0)
    h = x * 3
    h.retain_grad()
    (h * h).sum().backward()
    assert h.grad.tolist() == [6.0, 12.0] and h.retains_grad and not x.retains_grad
    assert x.grad.tolist() == [18.0, 36.0]


def test_a_rule_that_fails_leaves_every_grad_as_it_was():
    class Broken(tg.Op):
        def forward(self, x):
            return x * 1

        def grad_x(self, g):
            raise ZeroDivisionError("on purpose")

    x, y = leaf(1.0), leaf(1.0)
    y.grad = tg.tensor(np.array([7.0]))
    with pytest.raises(ZeroDivisionError) as caught:
        (Broken()(x) + y).sum().backward()
    assert "Broken()" in "".join(caught.value.__notes__)
    assert x.grad is None and y.grad.tolist() == [7.0]
    (x + y).sum().backward()
    assert y.grad.tolist() == [8.0]


def test_twins_of_a_deep_chain_are_walked_in_linear_time(monkeypatch):
    from tinygrad_edu.engine import backward
    from tinygrad_edu.fused.batch_norm import BatchNorm

    visited = []
    monkeypatch.setattr(backward, "ancestors", lambda *args, real=backward.ancestors, **kw: visited.extend(real(*args, **kw)) or real(*args, **kw))
    x, ones, zeros = tg.tensor(np.arange(6.0).reshape(3, 2), requires_grad=True), np.ones(2), np.zeros(2)
    y, norm = x, BatchNorm((0,))
    for _ in range(50):
        y = norm(y, ones, zeros)
    tg.grad(y.sum(), x, create_graph=True)
    assert len(visited) < 50 * 30


def test_no_recursion_deep_chain():
    x = leaf(1.0)
    y = x
    for _ in range(20_000):
        y = y + x
    y.sum().backward()
    assert x.grad.tolist() == [20_001.0]


# dtypes and broadcasting


def test_a_gradient_has_the_dtype_of_its_tensor():
    x = tg.tensor(np.ones(3, np.float32), requires_grad=True)
    w = tg.tensor(np.ones(3, np.float64), requires_grad=True)
    (x * w).sum().backward()
    assert x.grad.dtype == np.float32 and w.grad.dtype == np.float64


def test_broadcasting_is_undone():
    a = tg.tensor(np.ones((2, 1, 3)), requires_grad=True)
    b = tg.tensor(np.ones((4, 1)), requires_grad=True)
    c = tg.tensor(np.float64(2.0), requires_grad=True)
    (a * b * c).sum().backward()
    assert a.grad.shape == (2, 1, 3) and np.all(a.grad.data == 8)
    assert b.grad.shape == (4, 1) and np.all(b.grad.data == 12)
    assert c.grad.shape == () and c.grad.item() == 24


def test_python_numbers_do_not_change_the_dtype():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    for y in (x * 0.5, 2 * x, x + 1, 1 - x, x / 3, 2.0 / x, x**2, 2.0**x, tg.maximum(x, 0.5), tg.where(x > 1, x, 0.0), tg.clip(x, 0.1, 0.9)):
        assert y.dtype == np.float32
        assert tg.grad(y.sum(), x)[0].dtype == np.float32


def test_numbers_next_to_float64_keep_all_their_digits():
    x = tg.tensor(np.array([1.0, 3.0]), requires_grad=True)
    assert (x * 0.1).data[0] == 0.1
    assert tg.clip(x, 0.1, 0.3).data[0] == 0.3
    assert tg.where(x > 2, x, 0.1).data[0] == 0.1
    assert str((x * -0.0).data[0]) == "-0.0" and str((x * 0.0).data[0]) == "0.0"


def test_creation_takes_the_promised_dtypes():
    assert tg.tensor(1.5).dtype == np.float32 and tg.tensor([1.5]).dtype == np.float32
    assert tg.tensor(1).dtype == np.int64 and tg.tensor(True).dtype == bool
    assert tg.tensor(1 + 2j).dtype == np.complex64
    assert tg.tensor(np.float64(1)).dtype == np.float64 and tg.tensor(np.longdouble(1)).dtype == np.longdouble
    tg.set_default_dtype(np.float64)
    assert tg.tensor(1.5).dtype == tg.zeros(2).dtype == tg.randn(2).dtype == tg.arange(0.0, 1.0, 0.5).dtype == np.float64


def set_first(array, value):
    array[0] = value


@pytest.mark.parametrize("array_of", [np.zeros, lambda n: np.zeros(n, complex), lambda n: array.array("d", [0.0] * n)])
def test_an_element_of_an_array_is_set_to_a_tensor_with_a_warning(array_of):
    """As PyTorch warns: losses[0] = loss may be meant."""
    x, target = leaf(1.0, 2.0), array_of(2)
    with pytest.warns(UserWarning, match="the array knows nothing of its history") as caught:
        target[0] = x[1]
    assert target[0] == 2 and caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        set_first(target, x[0].detach())
        set_first(target, float(x[0]))
        set_first([0], x[0])
        with tg.no_grad():
            set_first(target, x[0])


@pytest.mark.parametrize("lose", [
    lambda x: set_first(np.zeros((2, 2)), x[0]),
    lambda x: np.zeros(2).put(0, x[0]),
    lambda x: np.array([x[0], 1.0]),
    lambda x: np.asarray(x),
])
def test_a_tensor_does_not_become_part_of_an_array_without_a_word(lose):
    with pytest.raises((tg.errors.GraphError, ValueError)) as failure:       # of an element NumPy raises its own error, because of ours
        lose(leaf(1.0, 2.0))
    assert "would silently lose its history" in str(failure.value.__cause__ or failure.value)


# In place


def test_an_inplace_operator_moves_the_tensor_in_the_graph():
    x = leaf(2.0, 3.0)
    h = x * 1
    h *= x
    h += 1
    h[0] = x[1] * 10
    h.sum().backward()
    assert h.tolist() == [30.0, 10.0]
    assert x.grad.tolist() == [0.0, 10.0 + 6.0]


def test_an_inplace_operator_keeps_the_memory():
    x = tg.tensor([1.0, 2.0])
    array = x.data
    x += 1
    x[0] = 9
    assert x.data is array and array.tolist() == [9.0, 3.0] and x._version == 2


def test_a_number_without_axes_can_be_changed_in_place():
    x = tg.tensor(1.0)
    x += 1
    assert x.item() == 2
    x.data[...] = 5
    assert x.item() == 5
    w = tg.tensor(1.0, requires_grad=True)
    with tg.no_grad():
        w -= 0.25
    assert w.item() == 0.75 and w.is_leaf and w.requires_grad


@pytest.mark.parametrize("change", [lambda t: t.__iadd__(1.0), lambda t: t.__setitem__(0, 5.0), lambda t: t.__imul__(tg.tensor([2.0, 2.0]))])
def test_a_kept_value_that_was_changed_is_refused_and_named(change):
    x = leaf(1.0, 2.0, name="weights")
    y = (x * x).sum()
    with tg.no_grad():
        change(x)
    with pytest.raises(tg.errors.MutationError) as caught:
        y.backward()
    message = str(caught.value)
    assert "Multiply()" in message and "'weights'" in message and "test_engine.py" in message
    assert x.grad is None
    (x * x).sum().backward()
    assert x.grad.tolist() == (2 * x.data).tolist()


def test_a_change_of_what_no_rule_uses_is_no_matter():
    x, c = leaf(1.0, 2.0), tg.tensor(np.array([3.0, 4.0]))
    y = (x + c).sum()
    c += 1
    y.backward()
    assert x.grad.tolist() == [1.0, 1.0]
    out = tg.exp(x)
    with tg.no_grad():
        x += 1              # exp keeps out, not x
    x.grad = None
    out.sum().backward()
    assert np.allclose(x.grad.data, np.exp([1.0, 2.0]))


@pytest.mark.parametrize(("used", "changed", "is_same"), [
    (np.s_[:, 1], np.s_[:, 0], False),
    (np.s_[:, 1], np.s_[..., 1], True),
    (np.s_[:, 1], np.s_[::-1, 0], False),
    (np.s_[:, 1], np.s_[0, :], True),
    (np.s_[:, 1], [2], True),
    (np.s_[1], np.s_[0], False),
    (np.s_[1], np.s_[0, ..., 2], False),
    (np.s_[1], np.s_[1, 2], True),
    (np.s_[1:, 1:], np.s_[0, 1:, None], False),
    (np.s_[::2, ::2], np.s_[:, 1], False),
    (np.s_[::2, ::2], np.s_[:, 2], True),
])
def test_a_change_of_other_elements_is_no_matter(used, changed, is_same):
    a, w = tg.tensor(np.arange(9.0).reshape(3, 3)), leaf(2.0)
    y = (w * a[used]).sum()
    truth = np.sum(a.data[used])
    a[changed] = 100.0
    if is_same:
        with pytest.raises(tg.errors.MutationError):
            y.backward()
    else:
        y.backward()
        assert w.grad.tolist() == [truth]


def test_an_output_that_was_kept_and_changed_is_refused():
    x = leaf(1.0, 2.0)
    out = tg.exp(x)
    kept = out.detach()
    kept += 1
    with pytest.raises(tg.errors.MutationError, match=r"Exp\(\) kept out"):
        out.sum().backward()


def test_a_change_through_a_view_is_noticed():
    x = tg.tensor(np.arange(4.0))
    w = leaf(1.0, 1.0, 1.0, 1.0)
    y = (w * x).sum()
    x[1:3][0] = 100.0
    with pytest.raises(tg.errors.MutationError):
        y.backward()


def test_a_recorded_change_of_shared_memory_is_refused():
    x = leaf(1.0, 2.0, 3.0)
    h = x * 2
    view = h[:2]
    for tensor in (view, h):
        with pytest.raises(tg.errors.MutationError, match="shares memory"):
            tensor *= 3
    (h.sum() + view.sum()).backward()
    assert x.grad.tolist() == [4.0, 4.0, 2.0]


@pytest.mark.parametrize("other", [
    lambda y: y.detach(),
    lambda y: np.from_dlpack(y.detach()),
    lambda y: tg.from_dlpack(y.detach()),
    lambda y: tg.from_numpy(y.detach().numpy()),
    lambda y: setattr(tensor := tg.zeros_like(y), "data", y) or tensor,
    lambda y: y.detach().reshape(3, 1)[1:],
])
def test_a_recorded_change_of_memory_that_was_handed_on_is_refused(other):
    x = leaf(1.0, 2.0, 3.0)
    y = x * 3
    shared = other(y)
    for tensor in [y, shared] if isinstance(shared, tg.Tensor) else [y]:
        with pytest.raises(tg.errors.MutationError, match="shares memory"):
            tensor[0] = x[1] ** 2
    assert y.tolist() == [3.0, 6.0, 9.0]
    del tensor, shared
    y[0] = x[1] ** 2
    assert tg.grad((y * y).sum(), x)[0].tolist() == [0.0, 2 * 4 * 4 + 2 * 6 * 3, 2 * 9 * 3]


def test_a_recorded_change_of_the_memory_of_an_array_is_refused():
    x, array = leaf(1.0, 2.0), np.zeros(2)
    with pytest.raises(tg.errors.MutationError, match="shares memory"):
        tg.from_numpy(array)[0] = x[0]
    assert array.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("change", [
    lambda y: y.__setitem__(0, y[0] + 1),
    lambda y: y.__setitem__(slice(1, None), y[:-1].copy()),
    lambda y: (y[0].item(), np.tile(y, 2), y.flatten(), y.detach().sum()) and y.__iadd__(1),
    lambda y: y.reshape(3, 1)[1:] is None or y.__imul__(2),
])
def test_a_view_that_is_gone_is_no_matter(change):
    x = leaf(1.0, 2.0, 3.0)
    y, copied = x * 2, x * 2
    change(y)
    with tg.no_grad():
        change(copied)
    assert y.tolist() == copied.tolist() != [2.0, 4.0, 6.0]
    assert tg.grad(y.sum(), x)[0].tolist() == tg.func.grad(lambda x: (change(y := x * 2), y.sum())[1])(x.detach()).tolist()


def test_a_view_whose_origin_is_gone_can_be_changed():
    x = leaf(1.0, 2.0)
    y = (x * 2).reshape(2, 1)
    y *= x[0]
    assert y.tolist() == [[2.0], [4.0]] and tg.grad(y.sum(), x)[0].tolist() == [2 + 6.0, 2.0]


def test_plus_makes_a_copy():
    x = tg.tensor([1.0, 2.0])
    z = +x
    z += 1
    assert x.tolist() == [1.0, 2.0] and z.tolist() == [2.0, 3.0]


def test_a_leaf_that_requires_grad_is_not_changed_in_place():
    x = leaf(1.0, name="w")
    with pytest.raises(tg.errors.GraphError, match="'w'.*no_grad"):
        x += 1
    with pytest.raises(tg.errors.GraphError):
        x[0] = 1
    assert x.tolist() == [1.0]


def test_the_register_does_not_grow():
    from tinygrad_edu.engine import changes

    x = tg.tensor(np.zeros(1000))
    before = len(changes._owned) + len(changes._borrowed)
    for i in range(1000):
        x[i] = 1.0
        tg.zeros(3).__iadd__(1)
    assert len(changes._owned) + len(changes._borrowed) <= before + 1
    assert len(changes._owned[id(x.data)].changes) <= changes.MOST_PLACES


def test_data_can_be_assigned():
    x = leaf(1.0, 2.0)
    x.data = np.array([5.0, 6.0])
    x.data -= 1
    assert x.tolist() == [4.0, 5.0] and x._version == 1
    with pytest.raises(tg.errors.ShapeError, match="new data"):
        x.data = np.zeros(3)


# Modes


def test_no_grad_and_enable_grad_nest_and_survive_errors():
    x = leaf(1.0)
    with tg.no_grad():
        assert not (x * 2).requires_grad
        with tg.enable_grad():
            assert (x * 2).requires_grad
        assert not tg.is_grad_enabled()
    with pytest.raises(KeyError), tg.no_grad():
        raise KeyError
    assert tg.is_grad_enabled()


def test_a_mode_as_decorator_of_functions_generators_and_coroutines():
    mode = tg.no_grad()

    @mode
    def function():
        return tg.is_grad_enabled()

    @mode
    def generator():
        received = yield tg.is_grad_enabled()
        try:
            yield received, tg.is_grad_enabled()
        except KeyError:
            yield "caught", tg.is_grad_enabled()
        return "end"

    @mode
    async def coroutine():
        inside = [tg.is_grad_enabled()]
        await asyncio.sleep(0)
        return [*inside, tg.is_grad_enabled()]

    @mode
    async def stream():
        for _ in range(2):
            await asyncio.sleep(0)
            yield tg.is_grad_enabled()

    assert function() is False and tg.is_grad_enabled()
    steps = generator()
    assert next(steps) is False and tg.is_grad_enabled()
    assert steps.send("hello") == ("hello", False) and tg.is_grad_enabled()
    assert steps.throw(KeyError()) == ("caught", False) and tg.is_grad_enabled()
    with pytest.raises(StopIteration) as stop:
        next(steps)
    assert stop.value.value == "end"
    generator().close()

    async def main():
        async def others():
            for _ in range(5):
                assert tg.is_grad_enabled()
                await asyncio.sleep(0)

        results = await asyncio.gather(coroutine(), others())
        assert [item async for item in stream()] == [False, False]
        return results[0]

    assert asyncio.run(main()) == [False, False]
    assert tg.is_grad_enabled()


def test_a_mode_belongs_to_its_thread():
    seen = []
    with tg.no_grad():
        thread = threading.Thread(target=lambda: seen.append(tg.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_threads_may_walk_graphs_that_share_leaves():
    x = tg.tensor(np.ones(1000), requires_grad=True)
    wrong = []

    def work():
        for _ in range(50):
            g, = tg.grad(((x * x) + x * 3).sum(), x)
            if not np.all(g.data == 5):
                wrong.append(g)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_threads_that_share_a_leaf_lose_no_gradient():
    w = tg.tensor(np.float64(0.0), requires_grad=True)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=lambda: [(w * 1.0).backward() for _ in range(500)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert w.grad.item() == 2000


def test_set_grad_enabled_as_statement_block_and_decorator():
    tg.set_grad_enabled(False)
    try:
        assert not tg.is_grad_enabled()
        with tg.set_grad_enabled(True):
            assert tg.is_grad_enabled()
        assert not tg.is_grad_enabled()
    finally:
        tg.set_grad_enabled(True)

    @tg.set_grad_enabled(False)
    def function():
        return tg.is_grad_enabled()

    assert tg.is_grad_enabled() and function() is False and tg.is_grad_enabled()


def test_composed_runs_the_twins():
    x = leaf(0.5, -1.0)
    fused = tg.nn.functional.sigmoid(x)
    with tg.composed():
        composed = tg.nn.functional.sigmoid(x)
    assert type(fused.op).__name__ == "Sigmoid" and type(composed.op).__name__ == "Divide"
    assert np.allclose(fused.data, composed.data, rtol=1e-15)


# What is kept, and what is let go


def test_a_constant_operand_keeps_itself_and_not_the_other():
    x, c = leaf(1.0, 2.0), tg.tensor(np.array([3.0, 4.0]))
    kept = list(kept_values((x * c).node))
    assert len(kept) == 1 and kept[0] is c.data


def test_a_graph_is_freed_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0, 2.0)
        y = (tg.exp(x) * x).sum()
        nodes = [weakref.ref(node) for node in ancestors([y.node]) if not node.is_leaf]
        assert len(nodes) == 3
        del y
        assert all(node() is None for node in nodes)
        y = (tg.exp(x) * x).sum()
        g, = tg.grad(y, x, create_graph=True)
        nodes = [weakref.ref(node) for node in ancestors([g.node]) if not node.is_leaf]
        del y, g
        assert nodes and all(node() is None for node in nodes)
    finally:
        gc.enable()


def test_backward_lets_go_of_what_was_kept():
    x = leaf(1.0, 2.0)
    h = x * x
    y = tg.exp(h).sum()
    y.backward()
    assert all(node.kept is None for node in ancestors([y.node]) if not node.is_leaf)


def test_an_input_that_no_rule_needs_is_not_kept_alive():
    x = leaf(1.0, 2.0)
    h = x + 1
    array = weakref.ref(h.data)
    y = tg.exp(h)
    del h
    assert array() is None and y.requires_grad


# Ops


def test_ops_with_equal_settings_are_one_and_name_themselves():
    from tinygrad_edu.ops.reduce import Sum

    assert Sum((0,), True) is Sum((0,), True)
    assert Sum((0,), keepdims=True) == Sum((0,), True)
    assert Sum((0,), 1) is not Sum((0,), True)
    assert repr(Sum((0,), True)) == "Sum(axis=(0,), keepdims=True)"
    assert pickle.loads(pickle.dumps(Sum((0,), True))) is Sum((0,), True)
    with pytest.raises(AttributeError, match="immutable"):
        Sum((0,)).axis = (1,)


def test_a_subclass_is_read_anew_also_where_it_inherits_forward():
    class Product(tg.Fused):
        def forward(self, a, b):
            return a * b

        def backward(self, g, a, b):
            return g * b, g * a

        def composed(self, a, b):
            return a * b

    class Swapped(Product):
        def backward(self, g, b, a):
            return g * b, g * a

    class Scaled(type(tg.multiply(leaf(1.0), 2.0).op)):
        def grad_b(self, g, b, a):
            return g * a + 0 * b

    for op in (Product(), Swapped(), Scaled()):
        a, b = leaf(3.0), leaf(6.0)
        assert [g.tolist() for g in tg.grad(op(a, b).sum(), [a, b])] == [[6.0], [3.0]]
    with pytest.raises(tg.errors.DefinitionError, match="names mean"):
        bad("K", type(tg.multiply(leaf(1.0), 2.0).op), grad_b=lambda self, g, mean: g)()


def test_an_op_with_any_number_of_inputs():
    class Total(tg.Op):
        def forward(self, scale, *xs):
            return scale * sum(xs)

        def grad_scale(self, g, xs):
            return g * sum(xs)

        def grad_xs(self, g, scale, index, xs_shape):
            assert len(xs_shape) == 3 and xs_shape[index] == (1,)
            return g * scale

    s, a, b = leaf(2.0), leaf(3.0), leaf(4.0)
    out = Total()(s, a, b, a)
    assert out.tolist() == [20.0]
    ds, da, db = tg.grad(out, [s, a, b], np.ones(1), create_graph=True)
    assert [d.tolist() for d in (ds, da, db)] == [[10.0], [4.0], [2.0]]
    assert [g.tolist() for g in tg.grad((ds * da).sum(), [s, a, b])] == [[20.0], [8.0], [4.0]]


def bad(name, base, **namespace):
    return lambda: type(base)(name, (base,), namespace)


@pytest.mark.parametrize(("definition", "message"), [
    (bad("A", tg.Op, forward=lambda self, x: x), "input x has no rule"),
    (bad("B", tg.Op, forward=lambda self, x: x, grad_y=lambda self, g: g), "rule grad_y"),
    (bad("C", tg.Op, forward=lambda self, x: x, grad_x=lambda self, g, mean: g), "names mean"),
    (bad("D", tg.Op, forward=lambda self, x: x, grad_x=lambda self: 0), "first parameter must be g"),
    (bad("E", tg.Op, forward=lambda self, x, eps=1: x, grad_x=lambda self, g: g), "eps is no input"),
    (bad("F", tg.Op, forward=lambda self: 0), "no input"),
    (bad("G", tg.Op, forward=lambda self, x: x, constants=("mask",), grad_x=lambda self, g: g), "constants names 'mask'"),
    (bad("H", tg.Op, forward=lambda self, x: x, backward=lambda self, g: (g,)), "only a Fused"),
    (bad("I", tg.Fused, forward=lambda self, x: x, backward=lambda self, g: (g,)), "carries its twin"),
    (bad("J", tg.Fused, forward=lambda self, x: x, backward=lambda self, g: (g,), composed=lambda self, y: y), "must be the same"),
])
def test_a_wrong_definition_is_refused_when_the_class_is_made(definition, message):
    with pytest.raises(tg.errors.DefinitionError, match=message):
        definition()


class Wrong(tg.Fused):
    kind: str

    def forward(self, x):
        return x * 2, {"twice": x * 2}

    def backward(self, g, twice):
        return {"shape": (g.sum(),), "none": (None,), "number": (2.0,), "count": (g, g), "list": [g]}[self.kind]

    def composed(self, x):
        return x * 2


@pytest.mark.parametrize(("kind", "error", "message"), [
    ("shape", tg.errors.ShapeError, r"gradient of x, the leaf 'x', came back from Wrong.backward as shape \(\); it needs to be shape \(2,\)"),
    ("none", tg.errors.DTypeError, "as None"),
    ("number", tg.errors.DTypeError, "as 2.0"),
    ("count", tg.errors.DefinitionError, "2 values"),
    ("list", tg.errors.DefinitionError, "list"),
])
def test_a_rule_that_returns_something_else_is_refused(kind, error, message):
    x = leaf(1.0, 2.0, name="x")
    with pytest.raises(error, match=message):
        Wrong(kind)(x).sum().backward()
    assert x.grad is None


def test_a_value_that_forward_did_not_keep_is_named():
    class Forgot(tg.Fused):
        def forward(self, x):
            return x * 2

        def backward(self, g, mean):
            return (g * mean,)

        def composed(self, x):
            return x * 2

    with pytest.raises(tg.errors.DefinitionError, match="names mean.*forward must keep it"):
        Forgot()(leaf(1.0))
    assert Forgot()(tg.tensor([1.0])).tolist() == [2.0]


def test_an_array_is_no_setting():
    class Scaled(tg.Op):
        factor: float

        def forward(self, x):
            return x * self.factor

        def grad_x(self, g):
            return g * self.factor

    with pytest.raises((tg.errors.DefinitionError, TypeError), match="factor|unhashable"):
        Scaled(np.ones(3))
    with pytest.raises(TypeError, match="Scaled.*factor"):
        Scaled()
    x = tg.tensor([1.0], requires_grad=True)
    assert Scaled(np.float64(0.5))(x).dtype == np.float32


def test_a_constant_input_takes_no_tensor_that_requires_grad():
    x, mask = leaf(1.0, 2.0), leaf(1.0, 0.0)
    with pytest.raises(tg.errors.GraphError, match="mask is a constant"):
        Dropout(0.5)(x, mask)


class Chosen(tg.Op):
    """x where all of the masks hold, else 0."""

    constants = ("masks",)

    def forward(self, x, *masks):
        return x * np.prod(masks, axis=0)

    def grad_x(self, g, masks):
        return g * np.prod(np.stack(masks), axis=0)


def test_each_of_many_constants_is_refused_if_it_requires_grad():
    x, mask = tg.tensor([1.0, 2.0], requires_grad=True), np.float32([0, 1])
    assert tg.grad(Chosen()(x, mask, mask).sum(), x)[0].tolist() == [0, 1]
    for masks, name in ((x, mask), r"masks\[0\]"), ((mask, x), r"masks\[1\]"):
        with pytest.raises(tg.errors.GraphError, match=rf"{name} is a constant of this op and has no gradient, .* give {name}\.detach\(\)"):
            Chosen()(x, *masks)


def test_an_op_takes_the_inputs_of_its_forward():
    with pytest.raises(TypeError, match=r"takes the inputs condition, a, b"):
        type(tg.where(True, leaf(1.0), 0.0).op)()(leaf(1.0))


def test_alias_is_the_identity():
    x = leaf(1.0, 2.0)
    y = Alias()(x)
    assert tg.grad(y, x, np.array([3.0, 4.0]))[0].tolist() == [3.0, 4.0] and y.tolist() == [1.0, 2.0]


# Copies


def test_leaves_can_be_copied_and_pickled_and_others_not():
    x = leaf(1.0, 2.0, name="x")
    (x * x).sum().backward()
    for other in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert other.tolist() == [1.0, 2.0] and other.grad.tolist() == [2.0, 4.0]
        assert other.name == "x" and other.requires_grad and other.node is not x.node
        assert not np.shares_memory(other.data, x.data) and not np.shares_memory(other.grad.data, x.grad.data)
    with pytest.raises(tg.errors.GraphError, match="only leaves"):
        copy.deepcopy(x * 2)


def test_repr_says_values_dtype_and_what_made_it():
    x = leaf(1.0, 2.0, name="x")
    assert repr(tg.tensor([1.0, 2.0])) == "Tensor([1., 2.])"
    assert repr(x) == "Tensor([1., 2.], dtype=float64, name='x', requires_grad=True)"
    assert repr(tg.tensor([1.0], requires_grad=True) * 2) == "Tensor([2.], op=Multiply())"
    assert len(repr(tg.zeros((1000, 1000)))) < 2000
