"""Tables of vectors: PyTorch's numbers, rows that repeat, the row of the padding, and what is said when something does not fit.

The checks of every op, cases included, are in test_every_op.py.
"""

from contextlib import nullcontext

import numpy as np
import pytest

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu import nn
from tinygrad_edu.errors import DTypeError, ShapeError
from tinygrad_edu.ops.index import add_rows

fused_and_composed = pytest.mark.parametrize("way", [nullcontext, tg.composed], ids=["fused", "composed"])


@pytest.mark.peers
@fused_and_composed
@pytest.mark.parametrize("padding_idx", [None, 2, -1])
@pytest.mark.parametrize("shape", [(), (7,), (2, 3), (0,)], ids=str)
def test_values_and_gradients_are_pytorchs(shape, padding_idx, way):
    import torch

    rng = np.random.default_rng(0)
    indices, table = rng.integers(0, 5, shape), rng.normal(size=(5, 3))
    theirs = torch.tensor(table, requires_grad=True)
    expected = torch.nn.functional.embedding(torch.tensor(indices), theirs, padding_idx)
    expected.backward(torch.ones_like(expected))
    weight = tg.tensor(table, requires_grad=True)
    with way():
        out = F.embedding(tg.tensor(indices), weight, padding_idx)
    out.backward(np.ones(out.shape))
    np.testing.assert_array_equal(out.data, expected.detach().numpy())
    np.testing.assert_allclose(weight.grad.data, theirs.grad.numpy(), rtol=1e-14)


def counts(kind, rng, rows, count):
    """Numbers that repeat rarely, often, or very unevenly."""
    if kind == "one":
        return np.full(count, 3)
    return rng.integers(0, rows, count) if kind == "even" else np.minimum(rng.zipf(1.3, count) - 1, rows - 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["even", "uneven", "one"])
@pytest.mark.parametrize("rows", [7, 1000, 20000])
def test_rows_that_repeat_are_summed_and_the_bits_are_the_same_each_time(rows, kind, dtype):
    rng = np.random.default_rng(0)
    indices = counts(kind, rng, rows, 3001)
    values = rng.normal(size=(3001, 19)).astype(dtype)
    expected = np.zeros((rows, 19))
    np.add.at(expected, indices, values.astype(np.float64))
    out = np.zeros((rows, 19), dtype)
    add_rows(out, indices, values)
    np.testing.assert_allclose(out, expected, rtol=4000 * np.finfo(dtype).eps, atol=4000 * np.finfo(dtype).eps)
    for _ in range(5):
        again = np.zeros((rows, 19), dtype)
        add_rows(again, indices, values)
        assert again.tobytes() == out.tobytes()


@fused_and_composed
def test_the_row_of_the_padding_gets_no_gradient_of_any_order(way):
    weight = tg.tensor([[1.0, 2.0], [3.0, 4.0]], dtype="float64", requires_grad=True)
    with way():
        out = F.embedding([0, 1, 1], weight, padding_idx=1)
        first, = tg.grad((out**3).sum(), weight, create_graph=True)
        second, = tg.grad(first.sum(), weight)
    assert out.tolist() == [[1, 2], [3, 4], [3, 4]]
    assert first.tolist() == [[3, 12], [0, 0]]
    assert second.tolist() == [[6, 12], [0, 0]]


def test_an_infinite_gradient_of_the_padding_does_not_reach_it():
    weight = tg.ones((2, 1), requires_grad=True)
    F.embedding([0, 1], weight, padding_idx=0).backward(np.float32([[np.inf], [1]]))
    assert weight.grad.tolist() == [[0], [1]]


@fused_and_composed
def test_numbers_of_any_integer_dtype(way):
    weight = tg.tensor(np.arange(600.0).reshape(3, 200), requires_grad=True)
    for dtype in np.uint8, np.int8, np.int32, np.uint64:
        with way():
            out = F.embedding(np.array([2, 0, 2] * 10, dtype), weight)
        assert out[:3, 0].tolist() == [400, 0, 400]
        assert tg.grad(out.sum(), weight)[0][:, 199].tolist() == [10, 0, 20]


@pytest.mark.parametrize("width", [0, 1, 4, 200])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.uint64])
def test_rows_are_added_by_numbers_of_any_integer_dtype(dtype, width):
    for times in 1, 1000:
        out = np.zeros((3, width))
        add_rows(out, np.array([2, 0, 2] * times, dtype), np.ones((3 * times, width)))
        assert out.tolist() == [[times] * width, [0] * width, [2 * times] * width]


@pytest.mark.parametrize(
    "index",
    [
        lambda rng: (rng.integers(-40, 40, 900),),
        lambda rng: (rng.integers(-40, 40, (30, 30)), rng.integers(-30, 30, 30)),
        lambda rng: (rng.integers(0, 40, (9, 1)).astype(np.uint8), rng.integers(-30, 30, 100), rng.integers(-9, 9, 100).astype(np.int8)),
        lambda rng: (rng.integers(0, 40, 900), slice(None), 3),
    ],
    ids=["one array", "two that broadcast", "three of small dtypes", "an array, a slice and a number"],
)
def test_the_gradient_of_many_elements_chosen_by_arrays_is_their_sum(index):
    rng = np.random.default_rng(0)
    x = tg.tensor(rng.normal(size=(40, 30, 9)), dtype="float64", requires_grad=True)
    chosen = index(rng)
    g = rng.normal(size=x.data[chosen].shape)
    expected = np.zeros(x.shape)
    np.add.at(expected, chosen, g)
    np.testing.assert_allclose(tg.grad(x[chosen], x, g)[0].data, expected, rtol=1e-12, atol=1e-12)


def test_the_table_starts_normal_and_its_padding_as_zeros():
    layer = nn.Embedding(400, 50, padding_idx=-1)
    table = layer.weight.data
    assert layer.padding_idx == 399 and not table[399].any()
    assert abs(table[:399].mean()) < 0.03 and abs(table[:399].std() - 1) < 0.03
    assert repr(layer) == "Embedding(400, 50, padding_idx=399)"
    assert layer.formula() == ["out = weight[x]    weight (400, 50)"]


def test_a_table_that_is_given_is_copied_and_frozen():
    table = np.arange(6.0).reshape(3, 2)
    layer = nn.Embedding.from_pretrained(table)
    assert layer([1]).tolist() == [[2, 3]] and not layer.weight.requires_grad and layer.weight.dtype == np.float64
    table[1] = 0
    assert layer([1]).tolist() == [[2, 3]]
    assert nn.Embedding.from_pretrained(table, freeze=False, padding_idx=0).weight.requires_grad


def test_one_hot_says_where():
    assert F.one_hot([1, 0]).tolist() == [[0, 1], [1, 0]]
    assert F.one_hot(np.array([[2]], np.uint8), 4).tolist() == [[[0, 0, 1, 0]]]
    assert F.one_hot(np.zeros((2, 0), int), 3).shape == (2, 0, 3)
    assert F.one_hot([1]).dtype == np.int64


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda w: F.embedding([[0, 4], [5, -1]], w), IndexError, ["embedding", "[1, 0]", "is 5", "2 of 4", "'words'", "from 0 to 4"]),
        (lambda w: F.embedding([-1], w), IndexError, ["[0]", "is -1"]),
        (lambda w: F.embedding([0.5], w), DTypeError, ["embedding", "float32", "integers"]),
        (lambda w: F.embedding([True], w), DTypeError, ["embedding", "bool", "integers"]),
        (lambda w: F.embedding([0], w[0]), ShapeError, ["embedding", "weight has shape (3,)", "two axes"]),
        (lambda w: F.embedding([0], w, padding_idx=5), ValueError, ["padding_idx=5", "no such row"]),
        (lambda w: F.embedding([0], w, max_norm=1.0), ValueError, ["max_norm=1.0", "not taken"]),
        (lambda w: F.embedding([0], w, scale_grad_by_freq=True), ValueError, ["scale_grad_by_freq=True", "not taken"]),
        (lambda w: F.embedding([0], w, sparse=True), ValueError, ["sparse=True", "not taken"]),
        (lambda w: nn.Embedding(3, 2, 3), ValueError, ["padding_idx=3", "3 rows"]),
        (lambda w: nn.Embedding.from_pretrained([1.0]), ShapeError, ["from_pretrained", "(1,)", "two axes"]),
        (lambda w: F.one_hot([3], 3), IndexError, ["one_hot", "[0]", "is 3", "from 0 to 2"]),
        (lambda w: F.one_hot([0.5]), DTypeError, ["one_hot", "float32"]),
        (lambda w: F.one_hot(np.zeros(0, int)), ValueError, ["one_hot", "num_classes"]),
    ],
)
def test_what_cannot_be_done_is_said(call, error, words):
    with pytest.raises(error) as failure:
        call(tg.zeros((5, 3), name="words"))
    for word in words:
        assert word in str(failure.value)
