"""Shapes, axes and indices as they are drawn: what the tables of cases do not think of."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as drawn

import tinygrad_edu as tg

SIZES = {"min_dims": 0, "max_dims": 4, "min_side": 0, "max_side": 4}

shapes = drawn.array_shapes(**SIZES)
pairs_of_shapes = drawn.mutually_broadcastable_shapes(num_shapes=2, **SIZES).map(lambda found: found.input_shapes)
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


BINARY = {
    np.add: (lambda a, b: 1, lambda a, b: 1),
    np.subtract: (lambda a, b: 1, lambda a, b: -1),
    np.multiply: (lambda a, b: b, lambda a, b: a),
    np.divide: (lambda a, b: 1 / b, lambda a, b: -a / b**2),
    np.power: (lambda a, b: b * a ** (b - 1), lambda a, b: a**b * np.log(a)),
    np.maximum: (lambda a, b: a > b, lambda a, b: b > a),
    np.minimum: (lambda a, b: a < b, lambda a, b: b < a),
}


@pytest.mark.parametrize("function", BINARY, ids=lambda function: function.__name__)
@given(shapes=pairs_of_shapes, seed=seeds)
def test_functions_of_two_broadcast(function, shapes, seed):
    a, b = numbers(seed, shapes[0]), numbers(seed + 1, shapes[1])
    x, y = leaves(a, b)
    out = function(x, y)
    expected = function(a, b)
    assert out.shape == expected.shape and out.dtype == expected.dtype
    np.testing.assert_allclose(out.numpy(), expected, rtol=1e-15)      # NumPy's power of scalars is not that of arrays, bit for bit
    g, found = sent_back(out, x, y)
    for got, array, derivative in zip(found, (a, b), BINARY[function], strict=True):
        np.testing.assert_allclose(got, summed_to(g * derivative(a, b), array.shape), rtol=1e-12, atol=1e-13)


@st.composite
def shapes_and_axes(draw, **sizes):
    shape = draw(drawn.array_shapes(**{**SIZES, **sizes}))
    axis = draw(st.one_of(st.none(), drawn.valid_tuple_axes(len(shape)), *([st.integers(-len(shape), len(shape) - 1)] if shape else [])))
    return shape, axis


def reduced(function, shape, axis, keepdims, seed, **settings):
    """Check a value, and return the array, the gradient sent back with size 1 on the reduced axes, and the gradient that came."""
    a = numbers(seed, shape)
    (x,) = leaves(a)
    out = function(x, axis=axis, keepdims=keepdims, **settings)
    expected = function(a, axis=axis, keepdims=keepdims, **settings)
    assert out.shape == expected.shape and out.dtype == expected.dtype
    np.testing.assert_allclose(out.numpy(), expected, rtol=1e-14)
    g, (found,) = sent_back(out, x)
    assert found.shape == shape
    return a, g.reshape(np.sum(a, axis=axis, keepdims=True).shape), found


@given(where=shapes_and_axes(), keepdims=st.booleans(), seed=seeds)
def test_sum_over_drawn_axes(where, keepdims, seed):
    _, g, found = reduced(np.sum, *where, keepdims, seed)
    np.testing.assert_array_equal(found, np.broadcast_to(g, found.shape))


@given(where=shapes_and_axes(min_side=1), keepdims=st.booleans(), seed=seeds)
def test_mean_over_drawn_axes(where, keepdims, seed):
    a, g, found = reduced(np.mean, *where, keepdims, seed)
    np.testing.assert_allclose(found, np.broadcast_to(g * g.size / a.size, a.shape), rtol=1e-14)


@given(where=shapes_and_axes(min_side=2), keepdims=st.booleans(), seed=seeds, ddof=st.sampled_from([0, 0.5]))
def test_var_and_std_over_drawn_axes(where, keepdims, seed, ddof):
    shape, axis = where
    a, g, found = reduced(np.var, shape, axis, keepdims, seed, ddof=ddof)
    n = a.size // g.size
    deviation = a - a.mean(axis=axis, keepdims=True)
    np.testing.assert_allclose(found, g * 2 * deviation / (n - ddof), rtol=1e-10, atol=1e-13)
    if n > 1:
        a, g, found = reduced(np.std, shape, axis, keepdims, seed, ddof=ddof)
        std = a.std(axis=axis, ddof=ddof, keepdims=True)
        np.testing.assert_allclose(found, g * deviation / ((n - ddof) * std), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("function", [np.max, np.min])
@given(where=shapes_and_axes(min_side=1), keepdims=st.booleans(), seed=seeds)
def test_max_and_min_over_drawn_axes(function, where, keepdims, seed):
    a, g, found = reduced(function, *where, keepdims, seed)
    np.testing.assert_array_equal(found, g * (a == function(a, axis=where[1], keepdims=True)))


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


@given(shape=shapes, seed=seeds, data=st.data())
def test_shapes_of_the_same_elements(shape, seed, data):
    a = numbers(seed, shape)
    axes = tuple(data.draw(st.permutations(range(len(shape))), "axes"))
    new_axis = data.draw(st.integers(-len(shape) - 1, len(shape)), "new axis")
    for function in (
        lambda x: np.transpose(x, axes),
        lambda x: np.reshape(x, shape[::-1]),
        lambda x: np.reshape(x, a.size),
        lambda x: np.expand_dims(x, new_axis),
        lambda x: np.squeeze(x),
        lambda x: np.stack([x, x, x], axis=new_axis),
        lambda x: np.concatenate([x, x], axis=None),
    ):
        (x,) = leaves(a)
        out, expected = function(x), function(a)
        assert out.shape == expected.shape
        np.testing.assert_array_equal(out.numpy(), expected)
        g, (found,) = sent_back(out, x)
        places = function(np.arange(a.size).reshape(shape))
        np.testing.assert_allclose(found, np.bincount(places.ravel(), weights=g.ravel(), minlength=a.size).reshape(shape), rtol=1e-13)


@given(shapes=drawn.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, min_side=0, max_side=3), seed=seeds)
def test_matmul(shapes, seed):
    a, b = (numbers(seed + i, shape) for i, shape in enumerate(shapes.input_shapes))
    x, y = leaves(a, b)
    out = x @ y
    assert out.shape == shapes.result_shape
    np.testing.assert_allclose(out.numpy(), a @ b, rtol=1e-13)
    g, found = sent_back(out, x, y)
    # The product is linear in each factor, so each gradient, times a direction, is the product of that direction with the other.
    for got, at, direction in (found[0], lambda d: d @ b, numbers(2, a.shape)), (found[1], lambda d: a @ d, numbers(3, b.shape)):
        assert got.shape == direction.shape
        np.testing.assert_allclose(np.sum(got * direction), np.sum(g * at(direction)), rtol=1e-12, atol=1e-13)
