"""Arrays speak NumPy: its functions, operators, methods and indices on Tensors give its values, shapes and dtypes."""

import operator

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.tensor import DISPATCH

A = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -6.0]], np.float32)
B = np.array([2.0, 0.5, 3.0], np.float32)


def same(ours, theirs):
    assert isinstance(ours, tg.Tensor)
    assert ours.shape == np.shape(theirs) and ours.dtype == np.asarray(theirs).dtype
    assert np.array_equal(ours.data, theirs, equal_nan=True)


OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("op", OPERATORS)
@pytest.mark.parametrize("other", [B, 2, 0.5, np.float32(2), np.float64(2), np.arange(1, 4), True])
def test_operators_are_numpys_on_both_sides(op, other):
    same(op(tg.tensor(A), other), op(A, other))
    same(op(other, tg.tensor(A)), op(other, A))
    if isinstance(other, np.ndarray):
        same(op(tg.tensor(A), tg.tensor(other)), op(A, other))


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, -1, 0.5, 2.5, B])
def test_powers_are_numpys(exponent):
    same(tg.tensor(abs(A)) ** exponent, abs(A) ** exponent)
    same(np.float32(2) ** tg.tensor(A), np.float32(2) ** A)
    same(2 ** tg.tensor(A), 2 ** A)


def test_a_list_beside_a_tensor_loses_no_digits():
    x = tg.tensor([1.0], dtype="float64")
    for out in (x + [0.1], [0.1] + x, np.add([0.1], x), np.where([True], [1.1], x), np.maximum(x, [1.1]), np.concatenate([[1.1], x])):
        assert out.dtype == np.float64 and out[0].item() == 1.1
    assert (np.ones((1, 1)) * x @ [[1.1]]).item() == 1.1
    assert (tg.tensor([1.0]) + [0.1]).dtype == np.float32 and (tg.tensor([1]) + [0.5]).tolist() == [1.5]


LISTS = {
    "matmul": lambda x: x @ [0.1, 0.2],
    "matmul of a list": lambda x: [0.1, 0.2] @ x,
    "solve": lambda x: np.linalg.solve([[0.1, 0.2], [0.3, 0.9]], x),
    "solve for a list": lambda x: np.linalg.solve(x * x[:, None] + np.eye(2), [0.1, 0.7]),
    "tensorsolve": lambda x: np.linalg.tensorsolve([[0.1, 0.2], [0.3, 0.9]], x),
    "lstsq": lambda x: np.linalg.lstsq([[0.1, 0.2], [0.3, 0.9]], x)[0],
    "multi_dot": lambda x: np.linalg.multi_dot([[0.1, 0.2], x * x[:, None], [0.1, 0.7]]),
    "average": lambda x: np.average(x, weights=[0.1, 0.7]),
    "average of a list": lambda x: np.average([0.1, 0.7], weights=x),
    "gradient": lambda x: np.gradient(x, [0.1, 0.4]),
    "gradient of a list": lambda x: np.gradient([0.1, 0.4], x),
    "trapezoid": lambda x: np.trapezoid(x, [0.1, 0.3]),
    "trapezoid of a list": lambda x: np.trapezoid([0.1, 0.3], x),
    "diff": lambda x: np.diff(x, prepend=[0.1], append=0.7),
    "diff of a list": lambda x: np.diff([0.1, 0.2], prepend=x),
    "ediff1d": lambda x: np.ediff1d(x, [0.1], 0.7),
    "cov": lambda x: np.cov(x, [0.1, 0.7]),
    "cov of a list": lambda x: np.cov([0.1, 0.7], x),
    "corrcoef": lambda x: np.corrcoef([0.1, 0.7], x),
    "nanvar": lambda x: np.nanvar(x, mean=[0.3]),
    "max": lambda x: np.max(-x, initial=0.1),
    "atleast_1d": lambda x: np.atleast_1d(x, 0.1)[1],
    "outer": lambda x: np.multiply.outer([0.1], x),
    "float_power": lambda x: np.float_power([0.1], x),
    "divmod": lambda x: np.divmod(x, [0.7, 0.3])[1],
    "complex": lambda x: x * [0.1 + 0.2j],
    "ldexp of a number": lambda x: np.ldexp(0.1, x.astype(int)),
    "beside whole numbers": lambda x: x.astype(np.int8) + [0.1],
}


@pytest.mark.parametrize("call", LISTS.values(), ids=LISTS)
def test_functions_lose_no_digits_of_a_number_or_a_list(call):
    x = np.array([2.0, 3.0])
    out, expected = call(tg.tensor(x)), call(x)
    assert out.dtype == expected.dtype
    np.testing.assert_allclose(out, expected, rtol=1e-14)


def test_a_list_has_one_dtype_in_all_results_of_a_function():
    assert [part.dtype for part in np.divmod(tg.tensor([1.0, 2.0]), [0.7, 0.3])] == [np.float32] * 2


UNARY = [np.exp, np.negative, np.absolute, np.square, np.tanh, np.isnan, np.isinf, np.isfinite, np.sign, np.floor, np.ceil, np.rint, np.round,
         np.logical_not, np.copy, np.ravel, np.zeros_like, np.ones_like, np.squeeze, np.transpose, np.sum, np.mean, np.var, np.std, np.max, np.min,
         np.argmax, np.argmin, np.argsort, np.all, np.any]


@pytest.mark.parametrize("function", UNARY, ids=lambda function: function.__name__)
def test_functions_are_numpys(function):
    for array in (A, A[:, ::-1].T, np.float32(2.5), np.array([[True, False]]), np.array([3, -1])):
        if array.dtype == bool and function in (np.negative, np.sign):
            continue
        with np.errstate(all="ignore"):
            ours, theirs = function(tg.tensor(array)), function(array)
            assert np.allclose(ours.data, theirs, rtol=1e-6) and ours.shape == np.shape(theirs) and ours.dtype == np.asarray(theirs).dtype


@pytest.mark.parametrize("function", [np.log, np.sqrt])
def test_functions_of_positive_numbers_are_numpys(function):
    same(function(tg.tensor(abs(A))), function(abs(A)))


@pytest.mark.parametrize("function", [np.sum, np.mean, np.var, np.std, np.max, np.min])
@pytest.mark.parametrize("keywords", [{}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 1)}, {"axis": (1,)}, {"axis": ()}], ids=str)
def test_reductions_are_numpys(function, keywords):
    ours, theirs = function(tg.tensor(A), **keywords), function(A, **keywords)
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype and np.allclose(ours.data, theirs, rtol=1e-6)


def test_arguments_of_reductions():
    x = tg.tensor(A)
    assert np.isclose(x.var(ddof=1).item(), A.var(ddof=1)) and np.isclose(np.std(x, correction=1).item(), A.std(ddof=1))
    assert np.isclose(np.sum(x, initial=10, where=A > 0).item(), np.sum(A, initial=10, where=A > 0))
    assert np.sum(x, dtype=np.float64).dtype == np.mean(x, dtype=np.float64).dtype == np.float64
    assert tg.tensor(A > 0).sum().dtype == np.int64
    assert np.mean(tg.tensor(np.full(100_000, 60_000, np.float16))).item() == 60_000      # summed in float32


def test_methods_of_ndarray():
    x = tg.tensor(A)
    same(x.T, A.T)
    same(x.reshape(3, 2), A.reshape(3, 2))
    same(x.reshape((3, -1)), A.reshape(3, 2))
    same(x.reshape(-1), A.reshape(-1))
    same(x.transpose(), A.T)
    same(x.transpose(1, 0), A.T)
    same(x.transpose((0, 1)), A)
    same(x.swapaxes(0, 1), A.T)
    same(x.astype(np.int32), A.astype(np.int32))
    same(x.clip(-1, 1), A.clip(-1, 1))
    same(x.ravel(), A.ravel())
    same(x.flatten(), A.flatten())
    same(x.round(), A.round())
    same(-x, -A)
    same(+x, A)
    same(abs(x), abs(A))
    same(~(x > 0), ~(A > 0))
    same((x > 0) & (x < 2), (A > 0) & (A < 2))
    assert (x.ndim, x.size, x.nbytes, len(x), x.tolist()) == (2, 6, 24, 2, A.tolist())
    assert [row.tolist() for row in x] == A.tolist() and 4.0 in x and 5.0 not in x
    assert x.astype(np.float32, copy=False) is x
    assert float(x[0, 0]) == 1.0 and int(x[0, 2]) == 3 and f"{x[0, 1]:.1f}" == "-2.0" and list(range(9))[tg.tensor(3)] == 3


def test_shapes():
    x = tg.tensor(A)
    same(np.reshape(x, (3, 2)), A.reshape(3, 2))
    same(np.expand_dims(x, (0, -1)), np.expand_dims(A, (0, -1)))
    same(np.squeeze(np.expand_dims(x, 1), 1), A)
    same(np.broadcast_to(x, (4, 2, 3)), np.broadcast_to(A, (4, 2, 3)))
    same(np.concatenate([x, A], axis=1), np.concatenate([A, A], axis=1))
    same(np.concatenate([x, B], axis=None), np.concatenate([A, B], axis=None))
    same(np.stack([x, A, x], axis=-1), np.stack([A, A, A], axis=-1))
    assert np.shape(x) == (2, 3) and np.ndim(x) == 2 and np.size(x) == 6
    with pytest.raises(ValueError, match="order is 'G'"):
        np.reshape(x, (3, 2), order="G")


def test_clip_takes_none_arrays_and_both_pairs_of_names():
    x = tg.tensor(A)
    same(np.clip(x, None, 1), np.clip(A, None, 1))
    same(np.clip(x, -B, B), np.clip(A, -B, B))
    same(np.clip(x, min=0), np.clip(A, 0, None))
    with pytest.raises(ValueError, match="two names"):
        np.clip(x, 0, 1, min=0)
    with pytest.raises(TypeError, match="clip: a_min and a_max are given together"):
        np.clip(x, 0)
    same(x.clip(0), A.clip(0))
    same(np.clip(x), np.clip(A))


def test_results_of_functions_without_gradient_need_none():
    x = tg.tensor(A, requires_grad=True)
    for out in (x > 0, x == x, np.isnan(x), x.argmax(axis=1), np.argsort(x), np.sign(x), np.floor(x), np.zeros_like(x), *np.nonzero(x)):
        assert isinstance(out, tg.Tensor) and not out.requires_grad
    assert np.allclose(x, A) is True and np.allclose(A, x + 1) is False


INDICES = [
    0, -1, slice(None), slice(None, None, -1), slice(5, 0, -2), ..., None, (), (0, 1), (0, ..., None), (slice(1, None), None, 0),
    np.array([0, 0, 1]), [1, 0], np.array([[0, 1], [1, 1]]), (np.array([0, 1]), np.array([2, 2])), (slice(None), [0, 0, 2]),
    (np.array([0, 1]), slice(None, 2)), (..., np.array([1, 2])), (np.array([1]), None, np.array([2])), ([0, 1], slice(None), None),
    A > 0, (A > 0)[:, 0], (slice(None), B > 1), (np.array([True, False]), 1), np.int64(1), (np.uint8(1), 0), np.array(1), True, False,
    [], np.zeros((0,), int),
    (np.array([[0], [1]]), np.array([0, 2])), (slice(None, None, 2), np.array([-1, -1])),
]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_indexing_is_numpys_and_its_gradient_adds_what_was_taken_twice(index):
    x = tg.tensor(A.astype(np.float64), requires_grad=True)
    out = x[index]
    assert out.shape == np.shape(A[index]) and np.array_equal(out.data, A[index])
    g = np.random.default_rng(0).standard_normal(out.shape)
    expected = np.zeros(A.shape)
    np.add.at(expected, index, g)
    dx, = tg.grad(out, x, g, create_graph=True)
    assert np.allclose(dx.data, expected, rtol=1e-14)
    start = tg.tensor(g, requires_grad=True)
    (back,) = tg.grad(tg.grad(x[index], x, start, create_graph=True)[0], start, A.astype(np.float64))
    assert np.array_equal(back.data, A.astype(np.float64)[index])


def test_tensors_are_indices():
    x = tg.tensor(A)
    same(x[tg.tensor([1, 0])], A[[1, 0]])
    same(x[x > 0], A[A > 0])
    same(x[tg.tensor(1)], A[1])


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_assignment_is_numpys_and_differentiable(index):
    rng = np.random.default_rng(0)
    base, value = rng.standard_normal(A.shape), rng.standard_normal(np.shape(A[index]))
    expected = base.copy()
    expected[index] = value
    b, v = tg.tensor(base, requires_grad=True), tg.tensor(value, requires_grad=True)
    x = b * 1
    x[index] = v
    assert np.array_equal(x.data, expected)
    g = rng.standard_normal(A.shape)
    db, dv = tg.grad(x, [b, v], g, allow_unused=True)
    replaced = np.zeros(A.shape, bool)
    replaced[index] = True
    assert np.array_equal(db.data, np.where(replaced, 0, g))
    # Differences of NumPy's own assignment, which decides who wins where an index repeats.
    for k in np.ndindex(value.shape):
        moved = value.copy()
        moved[k] += 1
        other = base.copy()
        other[index] = moved
        assert np.isclose(dv.data[k], np.sum(g * (other - expected)))
    plain = tg.tensor(base)
    plain[index] = value
    assert np.array_equal(plain.data, expected)


def test_assignment_broadcasts():
    v = tg.tensor(np.array([[1.0, 2.0, 3.0]]), requires_grad=True)
    x = tg.zeros((2, 3), dtype=np.float64)
    x[...] = v
    x[0] = v
    assert x.tolist() == [[1, 2, 3]] * 2
    x.sum().backward()
    assert v.grad.tolist() == [[2, 2, 2]]


MATRICES = [((3,), (3,)), ((2, 3), (3,)), ((2,), (2, 3)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((5, 2, 3), (5, 3, 4)),
            ((5, 1, 2, 3), (6, 3, 4)), ((3,), (5, 3, 4)), ((5, 2, 3), (3,)), ((0, 3), (3, 4)), ((2, 0), (0, 4))]


@pytest.mark.parametrize(("a", "b"), MATRICES, ids=str)
def test_matrix_products_are_numpys(a, b):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(a), rng.standard_normal(b)
    for ours in (tg.tensor(a) @ b, a @ tg.tensor(b), np.matmul(tg.tensor(a), tg.tensor(b))):
        assert ours.shape == (a @ b).shape and np.allclose(ours.data, a @ b, rtol=1e-13)


def test_numpys_functions_and_ours_are_one():
    for function, ours in DISPATCH.items():
        name = function.__name__
        public = {"absolute": "abs"}.get(name, name)
        if getattr(np, name, function) is function and callable(getattr(tg, public, None)):      # np.linalg.diagonal is another one
            assert getattr(tg, public) is ours, name


def test_from_numpy_shares_and_tensor_copies():
    array = np.zeros(3)
    shared, copied = tg.from_numpy(array), tg.tensor(array)
    array[0] = 1
    assert shared.tolist() == [1, 0, 0] and copied.tolist() == [0, 0, 0]
    assert shared.numpy() is array or np.shares_memory(shared.numpy(), array)


def test_creation_is_numpys():
    same(tg.zeros((2, 3), np.int64), np.zeros((2, 3), np.int64))
    same(tg.full((2,), 1.5), np.full(2, 1.5, np.float32))
    same(tg.arange(2, 10, 3), np.arange(2, 10, 3))
    same(tg.arange(3.0), np.arange(3.0, dtype=np.float32))
    same(tg.linspace(0, 1, 5, dtype=np.float64), np.linspace(0, 1, 5))
    same(tg.eye(2, 3, k=1), np.eye(2, 3, k=1, dtype=np.float32))
    same(np.full_like(tg.tensor(A), 7), np.full_like(A, 7))
    assert tg.ones((2,), requires_grad=True, name="o").name == "o"
    assert tg.rand_like(tg.tensor(A)).shape == (2, 3) and tg.randn(2, dtype=np.float64).dtype == np.float64


def test_random_numbers_follow_the_seed_or_the_generator():
    tg.manual_seed(7)
    first = [tg.rand(3).tolist(), tg.randn((2, 2)).tolist()]
    tg.manual_seed(7)
    assert first == [tg.rand(3).tolist(), tg.randn((2, 2)).tolist()]
    draws = [tg.randn(3, generator=np.random.default_rng(1)).tolist() for _ in range(2)]
    assert draws[0] == draws[1]
    with pytest.raises(TypeError, match="generator"):
        tg.rand(3, generator=1)


SHAPES = {
    "reshape": lambda x: np.reshape(x, np.array([3, 2])), "x.reshape": lambda x: x.reshape(np.array([3, 2])),
    "reshape to one": lambda x: np.reshape(x, np.array(6)), "x.reshape of a list": lambda x: x.reshape([3, 2]),
    "broadcast_to": lambda x: np.broadcast_to(x, np.array([2, 2, 3])), "x.transpose": lambda x: x.transpose(np.array([1, 0])),
    "x.transpose(None)": lambda x: x.transpose(None),
}


@pytest.mark.parametrize("shaped", SHAPES)
def test_a_shape_may_be_an_array(shaped):
    same(SHAPES[shaped](tg.tensor(A)), SHAPES[shaped](A))


def test_assignment_takes_lists_and_negative_places():
    for assign in (lambda x: np.copyto(x, [3.0, 4.0, 5.0]), lambda x: np.put_along_axis(x, np.array([-1, 0]), 9.0, None)):
        ours, theirs = tg.tensor(B), B.copy()
        assign(ours)
        assign(theirs)
        same(ours, theirs)


def test_a_ufunc_computes_in_the_dtype_that_is_wanted():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    out = np.sin(x, dtype="f8")
    assert out.dtype == np.float64
    (gradient,) = tg.grad(out.sum(), x)
    assert gradient.dtype == np.float32
    np.testing.assert_array_equal(np.greater(x, 1, dtype=bool), [False, True])
    with pytest.raises(TypeError, match="casting='same_kind' does not allow to go from float32 to int32"):
        np.add(x, x, dtype="i4")
    with pytest.raises(tg.errors.UnsupportedError, match=r"sin: where= leaves the other elements undefined; write np.where\(mask"):
        np.sin(x, where=[True, False])


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x % 1.5, lambda x: 7.5 % x, lambda x: x // 2.0, lambda x: 7.0 // x, lambda x: divmod(x, 2.0)[1], lambda x: divmod(7.0, x)[1],
        lambda x: x.reshape(4, order="F"), lambda x: x.ravel("F"), lambda x: x.T.ravel("K"), lambda x: x.flatten("A"), lambda x: x.copy("F"),
        lambda x: np.reshape(x, (4, 1), copy=True), lambda x: x.astype("c16", "C", "safe").real,
        lambda x: x.max(axis=0, initial=2.5), lambda x: x.min(where=[True, False], initial=1.5), lambda x: x.mean(axis=1, where=[True, False]),
        lambda x: np.max(x[:0], axis=0, initial=1.0), lambda x: np.nanmin(x, where=[[True], [False]], initial=9.0),
        lambda x: np.stack([x, x], dtype="f8", casting="safe"), lambda x: np.full_like(x, 2.0, shape=(3,)), lambda x: np.sum(x[0, 0], axis=0),
        lambda x: np.cumulative_sum(x[0, 0], axis=0), lambda x: np.fft.rfftn(x, axes=(0, 1, 1)).real,
    ],
)  # fmt: skip
def test_operators_and_settings_are_numpys(function):
    values = np.array([[1.25, -2.0], [3.5, 4.0]])
    x = tg.tensor(values, requires_grad=True)
    out, expected = function(x), function(values)
    assert out.dtype == expected.dtype and out.shape == expected.shape
    np.testing.assert_allclose(out.detach(), expected, rtol=1e-14)
    if out.requires_grad:
        tg.testing.gradcheck(function, x)


def test_remainders_and_shifts_in_place():
    x = tg.tensor([5, 8])
    x %= 3
    x <<= 2
    x >>= 1
    x //= 2
    np.testing.assert_array_equal(x, [2, 2])
