"""Functions that call a function of the user for parts of a tensor: NumPy's values, dtypes and errors, and right gradients."""

import numpy as np
import pytest
from calling import check_call

import tinygrad_edu as tg

A = np.arange(12.0).reshape(3, 4) ** 2 % 7.3 - 2
CUBE = np.arange(24.0).reshape(2, 3, 4) / 7 + 0.1
CALLS = {
    "apply_along_axis": (lambda x: np.apply_along_axis(np.sum, 0, x), A),
    "apply_along_axis, to rows": (lambda x: np.apply_along_axis(lambda row: row * row.sum(), 1, x), CUBE),
    "apply_along_axis, to shorter rows": (lambda x: np.apply_along_axis(lambda row: row[1:] * 3, -1, x), CUBE),
    "apply_along_axis, to matrices": (lambda x: np.apply_along_axis(lambda row: np.outer(row, row), 1, x), CUBE),
    "apply_along_axis of a row": (lambda x: np.apply_along_axis(np.cumsum, 0, x), A[0]),
    "apply_along_axis, arguments": (lambda x, w: np.apply_along_axis(np.dot, 1, x, w), A, A[0]),
    "apply_along_axis, named arguments": (lambda x: np.apply_along_axis(np.diff, 1, x, n=2), A),
    "apply_over_axes": (lambda x: np.apply_over_axes(np.sum, x, [0, -1]), CUBE),
    "apply_over_axes of one": (lambda x: np.apply_over_axes(np.mean, x, 1), CUBE),
    "apply_over_axes that stay": (lambda x: np.apply_over_axes(np.cumsum, x, (0, 2)), CUBE),
    "piecewise": (lambda x: np.piecewise(x, [A < 0, A > 3], [np.square, np.exp, lambda v: v * 2]), A),
    "piecewise, 0 elsewhere": (lambda x: np.piecewise(x, [A < 0, A > 3], [np.square, 5.0]), A),
    "piecewise of one condition": (lambda x: np.piecewise(x, A[0] > 0, [np.sqrt, 1]), A[0]),
    "piecewise, overlapping": (lambda x: np.piecewise(x, [A > 0, A > 3], [np.sqrt, np.square]), A),
    "piecewise, of itself": (lambda x: np.piecewise(x, [x > 0, x < -1], [np.sqrt, np.negative]), A),
    "piecewise, with arguments": (lambda x, w: np.piecewise(x, [A > 0], [lambda v, w, power: w * v**power, 3], w, power=2), A, A[0, 1]),
    "piecewise of a number": (lambda x: np.piecewise(x, [x > 0, x < 0], [np.square, 7]), A[1, 0]),
    "piecewise of a number, one condition": (lambda x: np.piecewise(x, True, [np.square]), np.array(2.5)),
}


@pytest.mark.parametrize("name", CALLS)
def test_values_are_numpys_and_gradients_of_two_orders_right(name):
    function, *arrays = CALLS[name]
    check_call(function, arrays, rtol=(1e-12, 1e-5))


def test_a_value_may_be_a_tensor_and_whole_numbers_stay():
    x, value = tg.tensor([-1.0, 2.0, 3.0], requires_grad=True), tg.tensor(5.0, requires_grad=True)
    found = np.piecewise(x, [[False, True, True]], [value, np.negative])
    assert found.tolist() == [1, 5, 5]
    assert [gradient.tolist() for gradient in tg.grad(found.sum(), [x, value])] == [[-1, 0, 0], 2]
    whole = np.array([3, -1, 2])
    for function in lambda a: np.piecewise(a, [whole > 0], [lambda v: v / 2]), lambda a: np.apply_along_axis(np.sum, 0, a):
        for array in whole, whole.astype(np.int8):
            ours, numpys = function(tg.tensor(array)), function(array)
            assert ours.dtype == numpys.dtype
            np.testing.assert_array_equal(ours, numpys)
    mixed = np.apply_along_axis(lambda row: 0 if row[0].item() < 0 else row[0], 1, tg.tensor([[-1.0], [0.5]], requires_grad=True))
    assert mixed.tolist() == [0, 0.5] and mixed.requires_grad


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda x: np.apply_along_axis(np.sum, 2, x), np.exceptions.AxisError, "out of bounds"),
        (lambda x: np.apply_along_axis(np.sum, 1, x[:0]), ValueError, "no rows"),
        (lambda x: np.apply_along_axis(lambda row: row[row > 0], 1, x), ValueError, "shape"),
        (lambda x: np.apply_over_axes(lambda a, axis: a.sum(), x, 0), ValueError, "other axes"),
        (lambda x: np.piecewise(x, [A > 0], [1, 2, 3]), ValueError, "3 functions for 1 conditions"),
        (lambda x: np.piecewise(tg.tensor([1, 2]), [[True, False]], [x[0, 0]]), TypeError, "cannot hold a value that requires grad"),
    ],
)
def test_mistakes_are_named(call, error, said):
    with pytest.raises(error, match=said):
        call(tg.tensor(A, requires_grad=True))
