"""Assignment under NumPy's names: what NumPy writes is there, and gradients go to what stayed and to what was written."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.testing import gradcheck

A = np.arange(1.0, 7).reshape(2, 3)


def leaf(values=A, **settings):
    return tg.tensor(values, requires_grad=True, **settings)


@pytest.mark.parametrize(("indices", "axis"), [([[0], [2]], 1), ([[1, 0, 1]], 0), ([5, 0], None), ([[-1], [0]], -1)])
def test_put_along_axis_is_a_recorded_assignment(indices, axis):
    x = leaf()

    def put(target, values):
        np.put_along_axis(target, np.array(indices), values, axis)
        return target

    values = np.arange(10.0, 10 + np.size(indices)).reshape(np.shape(indices))
    np.testing.assert_array_equal(put(x * 1, values).detach(), put(A.copy(), values))
    np.testing.assert_array_equal(put(leaf().detach(), values), put(A.copy(), values))
    gradcheck(lambda x, v: put(x * 1, v * v), [leaf(), leaf(values)], order=2)


@pytest.mark.parametrize("where", [True, A > 3, [True, False, True]])
@pytest.mark.parametrize("source", [7.0, A * 2, A[0]])
def test_copyto_is_a_recorded_assignment(source, where):
    def copied(target, values):
        np.copyto(target, values, where=where)
        return target

    np.testing.assert_array_equal(copied(leaf() * 1, source).detach(), copied(A.copy(), source))
    if np.ndim(source):
        gradcheck(lambda x, s: copied(x * 1, s * s), [leaf(), leaf(source)], order=2)


def test_mistakes_of_assignment():
    with pytest.raises(TypeError, match="copyto: src is complex64"):
        np.copyto(leaf() * 1, tg.tensor([1j]))
    with pytest.raises(TypeError, match="would lose the history"):
        np.copyto(A.copy(), leaf())
    with pytest.raises(ValueError, match="as many axes"):
        np.put_along_axis(leaf() * 1, np.array([0]), 1.0, 1)


V = np.array([10.0, 20.0, 30.0])
WRITES = {
    "fill_diagonal": (lambda x, v: np.fill_diagonal(x, v), A, V[:2]),
    "fill_diagonal, a number": (lambda x, v: np.fill_diagonal(x, v), A, V[0]),
    "fill_diagonal, too many": (lambda x, v: np.fill_diagonal(x, v), A, V),
    "fill_diagonal of a tall matrix": (lambda x, v: np.fill_diagonal(x, v), np.ones((7, 2)), V),
    "fill_diagonal, wrapped": (lambda x, v: np.fill_diagonal(x, v, wrap=True), np.ones((7, 2)), V),
    "fill_diagonal of a cube": (lambda x, v: np.fill_diagonal(x, v), np.ones((2, 2, 2)), V[:2]),
    "place": (lambda x, v: np.place(x, A > 2, v), A, V),
    "place, fewer": (lambda x, v: np.place(x, A > 1, v), A, V[:2]),
    "place, more": (lambda x, v: np.place(x, A > 5, v), A, V),
    "place, nothing": (lambda x, v: np.place(x, A > 9, v), A, V),
    "put": (lambda x, v: np.put(x, [5, 0, -2], v), A, V),
    "put, over again": (lambda x, v: np.put(x, [0, 1, 0, 2, 0], v), A, V),
    "put, wrapped": (lambda x, v: np.put(x, [6, -7], v, mode="wrap"), A, V),
    "put, clipped": (lambda x, v: np.put(x, [[9, -7]], v, mode="clip"), A, V),
    "put, nothing": (lambda x, v: np.put(x, [0, 1], v[:0]), A, V),
    "put into a number": (lambda x, v: np.put(x, [0, 0], v), np.array(1.0), V),
    "putmask": (lambda x, v: np.putmask(x, A > 2, v * np.ones((2, 1))), A, V),
    "putmask, fewer": (lambda x, v: np.putmask(x, A > 1, v[:2]), A, V),
    "putmask, tensors for settings": (lambda x, v: np.putmask(x, tg.tensor(A > 2) if isinstance(x, tg.Tensor) else A > 2, v), A, V),
}


@pytest.mark.parametrize("name", WRITES)
def test_what_numpy_writes_is_recorded(name):
    write, values, written = WRITES[name]

    def changed(target, v):
        assert write(target, v) is None
        return target

    expected = changed(values.copy(), written)
    np.testing.assert_array_equal(changed(leaf(values) * 1, leaf(written)).detach(), expected)
    np.testing.assert_array_equal(changed(tg.tensor(values), written), expected)
    gradcheck(lambda x, v: changed(x * 1, v * v), [leaf(values), leaf(written)])
    gradcheck(lambda x, v: changed(x * x, v * v), [leaf(values), leaf(written)], order=2)


def test_dtypes_of_what_is_written():
    for dtype in np.float32, np.int64, np.complex64:
        for write in WRITES["put"][0], WRITES["place"][0], WRITES["fill_diagonal"][0]:
            for v in [1, 2, 3], [0.5, 2, 3], 7, np.array([1, 2], np.int8):
                ours, numpys = tg.tensor(A.astype(dtype)), A.astype(dtype)
                write(ours, v)
                write(numpys, v)
                np.testing.assert_array_equal(ours, numpys)
    v = leaf(V)
    with pytest.raises(TypeError, match="cannot hold a value that requires grad"):
        np.put(tg.tensor([1, 2]), 0, v)
    x = tg.tensor([1.0, 2.0]) * leaf(1.0)
    np.put(x, 0, v)
    assert x.dtype == np.float32 and tg.grad(x.sum(), v)[0].dtype == np.float64


def test_what_was_written_may_be_changed_and_may_be_the_tensor_itself():
    v = leaf(V)
    x, y = tg.zeros(3, dtype="float64"), v * 1
    np.put(x, [0], y)
    y += 1
    np.put(y, [2], y)
    assert x.tolist() == [10, 0, 0] and y.tolist() == [11, 21, 11]
    assert tg.grad(x.sum() + y.sum(), v)[0].tolist() == [3, 1, 0]


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda x: np.fill_diagonal(x[0] * 1, 0.0), ValueError, "at least 2-d"),
        (lambda x: np.fill_diagonal(x[None] * 1, 0.0), ValueError, "equal length"),
        (lambda x: np.place(x * 1, [True], 0.0), ValueError, "same size"),
        (lambda x: np.place(x * 1, A > 2, []), ValueError, "empty"),
        (lambda x: np.put(x * 1, 6, 0.0), IndexError, "out of bounds"),
        (lambda x: np.put(x * 1, 6, 0.0, mode="cut"), ValueError, "mode"),
        (lambda x: np.putmask(x * 1, [True], 0.0), ValueError, "same size"),
        (lambda x: np.put(x * 1, 0, 1j), TypeError, "complex"),
        (lambda x: np.put(x, 0, 1.0), tg.errors.GraphError, "leaf that requires grad"),
        (lambda x: np.fill_diagonal(x.reshape(3, 2), 1.0), tg.errors.MutationError, "shares memory"),
        (lambda x: np.put(A.copy(), 0, x), TypeError, "would lose the history"),
        (lambda x: np.place(A.copy(), A > 2, x), TypeError, "would lose the history"),
        (lambda x: np.putmask(A.copy(), A > 2, x), TypeError, "would lose the history"),
        (lambda x: np.fill_diagonal(A.copy(), x), tg.errors.GraphError, "lose its history"),
    ],
)
def test_mistakes_are_numpys_errors(call, error, said):
    with pytest.raises(error, match=said):
        call(leaf())
