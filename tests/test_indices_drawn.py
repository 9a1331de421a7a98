"""Indices as they are drawn, of elements that are taken and of those that are set: what the tables of cases do not think of."""

import numpy as np
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as drawn

import tinygrad_edu as tg

shapes = drawn.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
seeds = st.integers(0, 2**32 - 1)


def numbers(seed, shape):
    """Float64 numbers from 0.5 to 1.5, all different."""
    return np.asarray(np.random.default_rng(seed).uniform(0.5, 1.5, shape))


def leaves(*arrays):
    return [tg.tensor(array, requires_grad=True) for array in arrays]


def sent_back(out, *tensors):
    """A drawn gradient of out, and the gradients of tensors that it becomes."""
    g = numbers(1, out.shape)
    return g, [x.numpy() for x in tg.grad(out, tensors, g)]


def summed_to(g, shape):
    """The sum of g over the axes along which shape was repeated, by counting each place: independent of the walk's rule."""
    places = np.broadcast_to(np.arange(int(np.prod(shape))).reshape(shape), g.shape)
    return np.bincount(places.ravel(), weights=g.ravel(), minlength=int(np.prod(shape))).reshape(shape)


def check_item(a, index):
    """x[index] against NumPy's, and its gradient against counting: each place gets the sum of what was taken from it."""
    (x,) = leaves(a)
    out = x[index]
    expected = a[index]
    assert out.shape == np.shape(expected) and out.dtype == a.dtype
    np.testing.assert_array_equal(out.numpy(), expected)
    g, (found,) = sent_back(out, x)
    places = np.arange(a.size).reshape(a.shape)[index]
    np.testing.assert_allclose(found, np.bincount(np.ravel(places), weights=g.ravel(), minlength=a.size).reshape(a.shape), rtol=1e-13)


@given(data=st.data(), shape=shapes, seed=seeds)
def test_basic_indices(data, shape, seed):
    check_item(numbers(seed, shape), data.draw(drawn.basic_indices(shape, allow_newaxis=True), "index"))


@given(data=st.data(), shape=drawn.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4), seed=seeds)
def test_integer_indices(data, shape, seed):
    check_item(numbers(seed, shape), data.draw(drawn.integer_array_indices(shape), "index"))


@given(data=st.data(), shape=drawn.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4), seed=seeds)
def test_mixed_indices(data, shape, seed):
    """The first and the last axes by integers, slices and integer arrays, with an ellipsis for those between, and a new axis."""
    length = data.draw(st.integers(1, 3), "length of the arrays")

    def part(n):
        array = st.lists(st.integers(-n, n - 1), min_size=length, max_size=length).map(np.array)
        return data.draw(st.one_of(st.integers(-n, n - 1), st.slices(n), array), "part")

    first = data.draw(st.integers(0, len(shape)), "first axes")
    last = data.draw(st.integers(first, len(shape)), "where the last axes begin")
    index = [*map(part, shape[:first]), ..., *map(part, shape[last:])]
    if data.draw(st.booleans(), "with a new axis"):
        index.insert(data.draw(st.integers(0, len(index)), "its place"), None)
    check_item(numbers(seed, shape), tuple(index))


@given(data=st.data(), shape=shapes, seed=seeds)
def test_masks(data, shape, seed):
    """A boolean array for some of the first axes."""
    axes = data.draw(st.integers(0, len(shape)), "axes of the mask")
    mask = data.draw(drawn.arrays(bool, shape[:axes]), "mask")
    check_item(numbers(seed, shape), mask)
    check_item(numbers(seed, shape), (mask, ...))


@given(data=st.data(), shape=shapes, seed=seeds)
def test_assignment_to_basic_indices(data, shape, seed):
    index = data.draw(drawn.basic_indices(shape, allow_newaxis=True), "index")
    a = numbers(seed, shape)
    target = np.shape(a[index])
    target = target[data.draw(st.integers(0, len(target)), "axes left out") :]
    value = numbers(seed + 1, tuple(1 if data.draw(st.booleans(), "repeated") else n for n in target))
    expected = a.copy()
    expected[index] = value
    x, v = leaves(a, value)
    out = x * 1
    out[index] = v
    np.testing.assert_array_equal(out.numpy(), expected)
    g, (of_x, of_value) = sent_back(out, x, v)
    kept = g.copy()
    kept[index] = 0
    np.testing.assert_array_equal(of_x, kept)
    np.testing.assert_allclose(of_value, summed_to(g[index], value.shape), rtol=1e-13)
