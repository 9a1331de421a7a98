"""Functions that move elements: NumPy's values, types and errors, and the adjoint as gradient."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import tinygrad_edu as tg
from tinygrad_edu.testing import gradcheck

A = np.arange(12.0).reshape(3, 4) ** 2 % 7.3            # no two are equal
ORDER = np.argsort(-A, axis=1)
CUBE = np.arange(24.0).reshape(2, 3, 4)

CALLS = {
    "append": lambda x: np.append(x, 5.0),
    "append along an axis": lambda x: np.append(x, x[:1], axis=0),
    "array_split": lambda x: np.array_split(x, 3, axis=1),
    "atleast_1d": lambda x: np.atleast_1d(x, x[0, 0]),
    "atleast_2d": lambda x: np.atleast_2d(x[0]),
    "atleast_3d": lambda x: np.atleast_3d(x),
    "block": lambda x: np.block([[x, np.zeros((3, 1))], [np.ones((1, 5))]]),
    "broadcast_arrays": lambda x: np.broadcast_arrays(x, x[0]),
    "choose": lambda x: np.choose([0, 1, 1, 0], [x[0], x[1]]),
    "column_stack": lambda x: np.column_stack([x, x[:, 0]]),
    "compress": lambda x: np.compress([True, False, True], x, axis=0),
    "delete": lambda x: np.delete(x, [1, -1], axis=1),
    "delete a slice": lambda x: np.delete(x, slice(1, None, 2)),
    "diag of a matrix": lambda x: np.diag(x, 1),
    "diag of a vector": lambda x: np.diag(x[0], -1),
    "diagflat": lambda x: np.diagflat(x[:, :2]),
    "diagonal": lambda x: np.diagonal(x, offset=-1),
    "dsplit": lambda x: np.dsplit(x[None], 2),
    "dstack": lambda x: np.dstack([x, x * 2]),
    "extract": lambda x: np.extract(A > 3, x),
    "flip": lambda x: np.flip(x),
    "flip one axis": lambda x: np.flip(x, -1),
    "fliplr": np.fliplr,
    "flipud": np.flipud,
    "hsplit": lambda x: np.hsplit(x, [1, 3]),
    "hsplit of a vector": lambda x: np.hsplit(x[0], 2),
    "hstack": lambda x: np.hstack([x, x[:, :1]]),
    "insert": lambda x: np.insert(x, 1, 7.0, axis=1),
    "insert tensors": lambda x: np.insert(x, [0, 2], x[:, :2], axis=1),
    "intersect1d": lambda x: np.intersect1d(x[:, :3], x[1:]),
    "intersect1d with places": lambda x: np.intersect1d(x[0], x[:, 0], assume_unique=True, return_indices=True),
    "ix_": lambda x: np.ix_(x[0], [True, False, True], [1]),
    "linalg.diagonal": lambda x: np.linalg.diagonal(x),
    "linalg.trace": lambda x: np.linalg.trace(x, offset=1),
    "matrix_transpose": lambda x: np.matrix_transpose(x),
    "meshgrid": lambda x: np.meshgrid(x[0], x[:, 0], indexing="ij"),
    "moveaxis": lambda x: np.moveaxis(x[None], [0, 1], [-1, 0]),
    "pad edge": lambda x: np.pad(x, 2, mode="edge"),
    "pad reflect": lambda x: np.pad(x, ((1, 2), (3, 0)), mode="reflect"),
    "pad symmetric": lambda x: np.pad(x, {-1: (2, 1)}, mode="symmetric"),
    "pad wrap": lambda x: np.pad(x, 5, mode="wrap"),
    "partition": lambda x: np.partition(x, 2),
    "repeat": lambda x: np.repeat(x, 2),
    "repeat by axis": lambda x: np.repeat(x, [1, 0, 2], axis=0),
    "resize": lambda x: np.resize(x, (5, 3)),
    "roll": lambda x: np.roll(x, 2),
    "roll two axes": lambda x: np.roll(x, (1, -1), axis=(0, 1)),
    "rollaxis": lambda x: np.rollaxis(x[None], 2, 1),
    "rot90": lambda x: [np.rot90(x, k) for k in range(-1, 5)],
    "rot90 of other axes": lambda x: np.rot90(x[None], 3, (2, 1)),
    "select": lambda x: np.select([A > 5, A > 3], [x, x * 2], -1.0),
    "select, 0 elsewhere": lambda x: np.select([A > 5], [x]),
    "setdiff1d": lambda x: np.setdiff1d(x, x[1]),
    "setdiff1d in order": lambda x: np.setdiff1d(x[0, ::-1], x[:, 0], assume_unique=True),
    "setxor1d": lambda x: np.setxor1d(x[:2], x[1:, 1:]),
    "sliding_window_view": lambda x: sliding_window_view(x, (2, 3)),
    "sort": lambda x: np.sort(x),
    "sort all": lambda x: np.sort(x, axis=None, kind="stable"),
    "split": lambda x: np.split(x, [1, 1, 9]),
    "split by axis": lambda x: np.split(x, 2, axis=1),
    "take": lambda x: np.take(x, [[0, 11], [5, 0]]),
    "take by axis": lambda x: np.take(x, [3, -1, 0], axis=1),
    "take, wrapped": lambda x: np.take(x, [12, -1], mode="wrap"),
    "take_along_axis": lambda x: np.take_along_axis(x, ORDER, axis=1),
    "tile": lambda x: np.tile(x, (2, 1, 2)),
    "trace": lambda x: np.trace(x, offset=1),
    "tril": lambda x: np.tril(x, -1),
    "triu": lambda x: np.triu(x[None]),
    "union1d": lambda x: np.union1d(x[:2], x[1:, ::-1]),
    "unique": lambda x: np.unique(x),
    "unique with more": lambda x: np.unique(x, return_index=True, return_inverse=True, return_counts=True),
    "unstack": lambda x: np.unstack(x, axis=1),
    "vsplit": lambda x: np.vsplit(x, 3),
    "vstack": lambda x: np.vstack([x, x[0]]),
}


def parts_of(result):
    return list(result) if isinstance(result, (list, tuple)) else [result]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", CALLS)
def test_values_are_numpys(name, dtype):
    got, expected = CALLS[name](tg.tensor(A.astype(dtype), requires_grad=True)), CALLS[name](A.astype(dtype))
    assert isinstance(got, (list, tuple)) == isinstance(expected, (list, tuple)) and len(parts_of(got)) == len(parts_of(expected))
    for ours, numpys in zip(parts_of(got), parts_of(expected)):
        assert isinstance(ours, tg.Tensor) and ours.shape == numpys.shape
        np.testing.assert_array_equal(ours.detach().numpy(), numpys)
        assert ours.dtype == numpys.dtype or ours.dtype == dtype       # a Python number takes the dtype of the tensor


@pytest.mark.parametrize("name", CALLS)
def test_the_gradient_is_the_adjoint(name):
    """Along a direction u the function moves by <gradient, u>, exactly: while no two elements change places it is affine."""
    rng = np.random.default_rng(0)
    x, u = tg.tensor(A, requires_grad=True), rng.standard_normal(A.shape) / 64
    outs = [out for out in parts_of(CALLS[name](x)) if out.requires_grad]
    gs = [rng.standard_normal(out.shape) for out in outs]
    gradient, = tg.grad(outs, x, [tg.tensor(g) for g in gs])
    here, there = (
        [part for part in parts_of(CALLS[name](values)) if np.asarray(part).dtype.kind == "f"] for values in (A, A + u)
    )
    moved = sum(np.sum(g * (b - a)) for g, a, b in zip(gs, here, there, strict=True))
    np.testing.assert_allclose(np.sum(gradient.numpy() * u), moved, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", CALLS)
def test_the_gradient_of_the_gradient_is_right(name):
    """Of the squares of the result, twice the adjoint of itself."""
    rng = np.random.default_rng(0)
    x, u = tg.tensor(A, requires_grad=True), rng.standard_normal(A.shape)
    outs = [out for out in parts_of(CALLS[name](x)) if out.requires_grad]
    first, = tg.grad(sum((out * out).sum() for out in outs), x, create_graph=True)
    second, = tg.grad((first * tg.tensor(u)).sum(), x)
    step = 1e-4
    ends = []
    for sign in (1, -1):
        y = tg.tensor(A + sign * step * u, requires_grad=True)
        outs = [out for out in parts_of(CALLS[name](y)) if out.requires_grad]
        ends.append(tg.grad(sum((out * out).sum() for out in outs), y)[0].numpy())
    np.testing.assert_allclose(second.numpy(), (ends[0] - ends[1]) / (2 * step), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda x: np.split(x, 5), ValueError),
        (lambda x: np.take(x, 99), IndexError),
        (lambda x: np.hsplit(x[0, 0], 2), ValueError),
        (lambda x: np.vsplit(x[0], 2), ValueError),
        (lambda x: np.dsplit(x, 2), ValueError),
        (lambda x: np.rot90(x[0]), np.exceptions.AxisError),
        (lambda x: np.hstack([x, x[0]]), ValueError),
        (lambda x: np.moveaxis(x, 5, 0), np.exceptions.AxisError),
        (lambda x: np.take(x, [0], out=np.zeros(1)), TypeError),
        (lambda x: np.pad(x, 1, mode="maximum", stat_length=0), ValueError),
        (lambda x: np.matrix_transpose(x[0]), ValueError),
    ],
)
def test_mistakes_are_numpys_errors(call, error):
    with pytest.raises(error):
        call(tg.tensor(A, requires_grad=True))


def test_indices_may_be_tensors_and_inputs_may_need_no_gradient():
    x = tg.tensor(A, requires_grad=True)
    np.testing.assert_array_equal(np.take(x, tg.tensor([0, 2]), axis=1).detach(), A[:, [0, 2]])
    assert not np.roll(tg.tensor(A), 1).requires_grad
    mixed = np.hstack([A.astype(np.float32), tg.tensor(A[:, :1], requires_grad=True)])
    assert mixed.dtype == np.float64 and mixed.requires_grad
    np.testing.assert_array_equal(np.roll(tg.tensor([1, 2, 3]), 1), [3, 1, 2])


def test_empty_arrays_and_nan():
    empty = tg.zeros((0, 3), requires_grad=True)
    assert np.vstack([empty, empty]).shape == (0, 3) and np.tile(empty, 2).shape == (0, 6) and np.sort(empty).shape == (0, 3)
    x = tg.tensor([1.0, np.nan, 3.0], requires_grad=True)
    np.roll(x, 1)[0].backward()
    np.testing.assert_array_equal(x.grad, [0, 0, 1])


def test_the_first_of_equal_values_stands_for_them():
    x = tg.tensor([3.0, 1.0, 3.0], requires_grad=True)
    np.unique(x).sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 1, 0])


def test_the_first_of_equal_values_in_two_sets_stands_for_them():
    for function, expected in (
        (np.union1d, ([1, 1, 0, 0], [0, 1])), (np.intersect1d, ([0, 1, 0, 0], [0, 0])), (np.setxor1d, ([1, 0, 0, 0], [0, 1])),
        (np.setdiff1d, ([1, 0, 0, 0], None)),
    ):
        x, y = tg.tensor([3.0, 1.0, 3.0, np.nan], requires_grad=True), tg.tensor([1.0, 2.0], dtype="float64", requires_grad=True)
        found = function(x[:3], y)
        assert found.dtype == function(x.detach().numpy(), y.detach().numpy()).dtype
        found.sum().backward()
        np.testing.assert_array_equal(x.grad, expected[0])
        assert y.grad is None if expected[1] is None else y.grad.numpy().tolist() == expected[1]
    np.testing.assert_array_equal(np.union1d(x, [np.nan, 0]).detach(), [0, 1, 3, np.nan])
    assert np.setdiff1d(tg.tensor([2**53 + 1]), [0.5]).item() == 2**53 + 1
    assert np.intersect1d(tg.zeros(0), [1.0]).shape == (0,)


def test_methods_of_ndarray():
    x = tg.tensor(A, requires_grad=True)
    for got, expected in (
        (x.take([0, 1], axis=1), A.take([0, 1], axis=1)), (x.repeat(2), A.repeat(2)), (x.diagonal(1), A.diagonal(1)), (x.trace(), A.trace()),
        (x.compress([True, False, True], axis=0), A.compress([True, False, True], axis=0)),
    ):
        np.testing.assert_array_equal(got.detach(), expected)


@pytest.mark.parametrize("settings", [{}, {"indexing": "ij"}, {"sparse": True}, {"copy": False}])
def test_a_grid_and_arrays_broadcast_together_keep_each_its_dtype(settings):
    xs = [np.arange(3.0), np.arange(2, dtype=np.float32), 1j * np.arange(4)]
    for count in 1, 2, 3:
        tensors = [tg.tensor(x) for x in xs[:count]]
        for ours, numpys in zip(np.meshgrid(*tensors, **settings), np.meshgrid(*xs[:count], **settings), strict=True):
            assert ours.dtype == numpys.dtype
            np.testing.assert_array_equal(ours, numpys)
    for ours, numpys in zip(np.broadcast_arrays(tensors[0], tensors[1][0], 1.0), np.broadcast_arrays(xs[0], xs[1][0], 1.0), strict=True):
        assert ours.dtype == numpys.dtype and ours.shape == numpys.shape
    with pytest.raises(ValueError, match="meshgrid: indexing is 'yx'"):
        np.meshgrid(*tensors, indexing="yx")


CONDITIONS = [np.array([True, False]), np.array([False, True])]


@pytest.mark.parametrize("other", [7, 2.5, 0.1, 1j, 300, True, np.float64(0.1), np.array(2.5), [0.1, 0.2]], ids=repr)
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float32", "float64"])
@pytest.mark.parametrize(
    "function",
    [
        np.append,
        lambda x, other: np.block([x, other]),
        lambda x, other: np.hstack([x, other]),
        lambda x, other: np.hstack([x, other], dtype=np.float64),
        lambda x, other: np.vstack([x, np.ones(2, np.int8) * other]),
        lambda x, other: np.select(CONDITIONS, [x, x], other),
        lambda x, other: np.select(CONDITIONS, [other, x]),
        lambda x, other: np.choose([0, 1], [x, other]),
        lambda x, other: np.insert(x, 1, other),
    ],
)
def test_what_is_joined_has_the_dtype_that_numpy_gives(function, dtype, other):
    values = np.array([1, 0], dtype)
    try:
        expected = function(values, other)
    except (TypeError, ValueError, OverflowError) as error:
        with pytest.raises(type(error)):
            function(tg.tensor(values), other)
        return
    got = function(tg.tensor(values), other)
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)


def test_whole_numbers_that_are_joined_keep_all_digits():
    assert np.insert(tg.tensor([2**60 + 1]), 0, 2.5).tolist() == [2, 2**60 + 1]


def test_methods_that_change_their_tensor():
    x = tg.tensor(A, requires_grad=True)
    for change in (lambda y: y.sort(), lambda y: y.sort(axis=0), lambda y: y.partition(2), lambda y: y.fill(3.0)):
        y, expected = x * 1, A.copy()
        assert change(y) is None
        change(expected)
        np.testing.assert_array_equal(y.detach(), expected)
        gradient, = tg.grad((y * y).sum(), x)
        np.testing.assert_array_equal(gradient, 0 * A if expected[0, 0] == 3 else 2 * A)
    with pytest.raises(tg.errors.GraphError, match="is a leaf that requires grad"):
        x.sort()


def test_other_methods_of_ndarray():
    x, places = tg.tensor(A, requires_grad=True), tg.tensor([0, 1, 1, 0])
    np.testing.assert_array_equal(x.mT.detach(), A.mT)
    np.testing.assert_array_equal(places.choose([x[0], x[1]]).detach(), np.array([0, 1, 1, 0]).choose([A[0], A[1]]))
    np.testing.assert_array_equal(x.argpartition(1), A.argpartition(1))
    np.testing.assert_array_equal(tg.tensor([1.0, 3.0]).searchsorted(2.0), 1)


@pytest.mark.parametrize("values", [A, A[0], np.round(A[0]) + 1j * A[1], A[:, :0]])
def test_sort_complex(values):
    got, expected = np.sort_complex(tg.tensor(values, requires_grad=True)), np.sort_complex(values)
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got.detach(), expected)
    gradcheck(lambda x: np.sort_complex(x) ** 2, tg.tensor(values, requires_grad=True), order=2)
    for dtype in np.int8, np.int64, np.float32, np.complex64, np.longdouble:
        assert np.sort_complex(tg.tensor([3, 1], dtype=dtype)).dtype == np.sort_complex(np.array([3, 1], dtype)).dtype


def test_trim_zeros_is_a_slice():
    values = np.array([0.0, 0.0, 3.0, 0.0, 2.0, 0.0])
    for trim, expected in ("fb", [0, 0, 1, 1, 1, 0]), ("F", [0, 0, 1, 1, 1, 1]), ("b", [1, 1, 1, 1, 1, 0]):
        x = tg.tensor(values, requires_grad=True)
        found = np.trim_zeros(x, trim)
        np.testing.assert_array_equal(found.detach(), np.trim_zeros(values, trim))
        found.sum().backward()
        np.testing.assert_array_equal(x.grad, expected)
    for values in [0.0, 0.0], [], [1.0]:
        np.testing.assert_array_equal(np.trim_zeros(tg.tensor(values)), np.trim_zeros(values))
    with pytest.raises(ValueError, match="trim is 'x'"):
        np.trim_zeros(x, "x")


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.2.0", reason="trim_zeros has axes since NumPy 2.2")
def test_trim_zeros_along_axes():
    table = np.zeros((4, 5))
    table[1:3, 2] = 1.0, 2.0
    for axis in None, 0, 1, (0, -1), ():
        for trim in "fb", "f", "b":
            for values in table, 0 * table, table[:, :0]:
                np.testing.assert_array_equal(np.trim_zeros(tg.tensor(values), trim, axis), np.trim_zeros(values, trim, axis))
