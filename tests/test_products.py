"""Products, einsum, convolution, polynomials and interpolation: NumPy's values, shapes, dtypes and errors, and right gradients of them."""

import warnings

import numpy as np
import pytest
from hypothesis import given, strategies as st

import tinygrad_edu as tg
from tinygrad_edu.errors import ShapeError
from tinygrad_edu.testing import gradcheck

RNG = np.random.default_rng(0)


def numbers(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.uniform(0.5, 1.5, shape)) for shape in shapes]


def check(function, *arrays, order=2, rtol=1e-12):
    """Values, shape and dtype are NumPy's, in float64 and float32; the gradients are right up to an order, the first to all digits."""
    for dtype in np.float64, np.float32:
        inputs = [array.astype(dtype) for array in arrays]
        got, expected = function(*map(tg.tensor, inputs)), function(*inputs)
        assert isinstance(got, tg.Tensor) and got.shape == np.shape(expected) and got.dtype == expected.dtype
        np.testing.assert_allclose(got.numpy(), expected, rtol=rtol if dtype is np.float64 else 1e-5, atol=1e-5 if dtype is np.float32 else 1e-13)
    gradcheck(function, [tg.tensor(array, requires_grad=True) for array in arrays], order=order)
    g = np.asarray(np.random.default_rng(1).standard_normal(got.shape))
    exact = gradients(function, g, arrays, np.longdouble)
    for dtype, tolerance in (np.float64, 1e-12), (np.float32, 5e-6):
        for found, expected in zip(gradients(function, g, arrays, dtype), exact, strict=True):
            assert found.dtype == dtype
            np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * max(1, np.max(abs(expected), initial=0)))


def gradients(function, g, arrays, dtype):
    tensors = [tg.tensor(array.astype(np.float32).astype(dtype), requires_grad=True) for array in arrays]
    out = function(*tensors)
    return [found.numpy() for found in tg.grad(out, tensors, g.astype(np.float32).astype(out.dtype))]


# einsum

EINSUMS = {
    "ij,jk->ik": ((2, 3), (3, 4)),
    "ij,jk": ((2, 3), (3, 4)),
    "ba,c": ((2, 3), (2,)),
    "ii": ((3, 3),),
    "ii->i": ((3, 3),),
    "ijij->j": ((2, 3, 2, 3),),
    "iii->": ((2, 2, 2),),
    "ji": ((2, 3),),
    "i->": ((3,),),
    "->": ((),),
    ",ij": ((), (2, 3)),
    "i,i->i": ((3,), (3,)),
    "i,j": ((3,), (2,)),
    "ij,j->": ((2, 3), (3,)),
    "ij,kl->": ((2, 3), (2, 2)),
    "ij,k->k": ((2, 3), (2,)),
    "ii,ij->j": ((3, 3), (3, 2)),
    "iij,jj->i": ((3, 3, 2), (2, 2)),
    "...i,...i->...": ((2, 3, 4), (3, 4)),
    "...ij,...jk": ((2, 1, 3, 2), (4, 2, 3)),
    "i...->...": ((2, 3),),
    "...": ((2, 3),),
    "...,...": ((2, 1), (3,)),
    "...ii->...i": ((2, 3, 3),),
    " i j , j -> i ": ((2, 3), (3,)),
    "ij,jk->ik of size 1": ((2, 1), (3, 4)),
    "ij,ij->i of size 1": ((1, 3), (2, 3)),
    "ij,jk,kl->il": ((2, 3), (3, 4), (4, 2)),
    "i,i,i->i": ((3,), (3,), (3,)),
    "i,ij,j": ((2,), (2, 3), (3,)),
    "ij,kl,ik,jl->": ((2, 3), (2, 2), (2, 2), (3, 2)),
    "...a,ab,...b,b->...": ((3, 2), (2, 4), (3, 4), (4,)),
    "ij,ji,ii": ((3, 3), (3, 3), (3, 3)),
    "ij,jk without elements": ((2, 0), (0, 4)),
    "ij->j without elements": ((0, 3),),
}


@pytest.mark.parametrize("name", EINSUMS)
def test_einsum(name):
    subscripts = name.split(" of ")[0].split(" without ")[0]
    check(lambda *operands: np.einsum(subscripts, *operands), *numbers(*EINSUMS[name]))


ORDERS = [False, True, "greedy", "optimal", ("greedy", 4), ["einsum_path", (1, 2), (0, 1)], ["einsum_path", (0, 1, 2)]]


@pytest.mark.parametrize("optimize", ORDERS, ids=str)
def test_einsum_in_any_order(optimize):
    check(lambda a, b, c: np.einsum("ij,jk,lk->il", a, b, c, optimize=optimize), *numbers((2, 3), (3, 4), (2, 4)))


def test_einsum_with_lists_for_subscripts():
    a, b = numbers((2, 3), (3, 4))
    check(lambda x, y: np.einsum(x, [0, 1], y, [1, 2]), a, b)
    check(lambda x, y: np.einsum(x, [5, 30], y, [30, 7], [7, 5]), a, b)
    check(lambda x: np.einsum(x, [1, 0]), a)
    check(lambda x: np.einsum(x, [..., 0], [0, ...]), a)


def test_einsum_in_another_dtype():
    x = tg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    out = np.einsum("ij->i", x, dtype=np.float64)
    assert out.dtype == np.float64
    out.sum().backward()
    assert x.grad.dtype == np.float32
    with pytest.raises(TypeError, match="casting='safe'.*float16"):
        np.einsum("ij->i", x, dtype=np.float16)
    assert np.einsum("ij->i", x, dtype=np.float16, casting="unsafe").dtype == np.float16


def test_einsum_keeps_the_dtype_of_whole_numbers():
    for dtype in np.int8, bool:
        a = np.ones((2, 3), dtype)
        for subscripts, operands in ("ij->i", [a]), ("ij,ij->i", [a, a]), ("ij,ij,ij", [a, a, a]):
            got, expected = np.einsum(subscripts, *map(tg.tensor, operands)), np.einsum(subscripts, *operands)
            assert got.dtype == expected.dtype
            np.testing.assert_array_equal(got, expected)


def test_einsum_of_one_is_no_view():
    x = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
    diagonal = np.einsum("ii->i", x)
    diagonal += 1
    assert x.tolist() == [[1, 2], [3, 4]]


@st.composite
def einsums(draw):
    """Subscripts of one to three operands with letters from "abcd", repeated in and between them, and shapes for it, some axes of size 1."""
    sizes = {letter: draw(st.integers(0, 3)) for letter in "abcd"}
    terms = draw(st.lists(st.text("abcd", max_size=3), min_size=1, max_size=3))
    there = sorted(set("".join(terms)))
    result = draw(st.permutations(there))[: draw(st.integers(0, len(there)))]
    shapes = [
        tuple(1 if term.count(letter) == 1 and draw(st.booleans()) and draw(st.booleans()) else sizes[letter] for letter in term) for term in terms
    ]
    arrow = draw(st.booleans())
    return ",".join(terms) + ("->" + "".join(result) if arrow else ""), shapes


@given(found=einsums(), seed=st.integers(0, 99), optimize=st.booleans())
def test_einsum_of_drawn_subscripts(found, seed, optimize):
    subscripts, shapes = found
    arrays = numbers(*shapes, seed=seed)
    expected = np.einsum(subscripts, *arrays)
    tensors = [tg.tensor(array, requires_grad=True) for array in arrays]
    out = np.einsum(subscripts, *tensors, optimize=optimize)
    assert out.shape == expected.shape and out.dtype == expected.dtype
    np.testing.assert_allclose(out.numpy(), expected, rtol=1e-13)
    g, *directions = numbers(out.shape, *shapes, seed=seed + 1)
    first = tg.grad(out, tensors, tg.tensor(g), create_graph=True)
    for i, (gradient, direction) in enumerate(zip(first, directions)):      # it is linear in each operand
        assert gradient.shape == shapes[i]
        moved = np.einsum(subscripts, *arrays[:i], direction, *arrays[i + 1 :])
        np.testing.assert_allclose(np.sum(gradient.detach().numpy() * direction), np.sum(g * moved), rtol=1e-12, atol=1e-12)
    if len(arrays) > 1:                                                     # and in each two together
        second, = tg.grad((first[0] * tg.tensor(directions[0])).sum(), tensors[1], allow_unused=True)
        moved = np.einsum(subscripts, directions[0], directions[1], *arrays[2:])
        np.testing.assert_allclose(np.sum(second.numpy() * directions[1]), np.sum(g * moved), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("subscripts", "shapes"), [
    ("ij,jk->ik", ((70, 80), (80, 90))),
    ("bqhd,bkhd->bhqk", ((2, 40, 3, 16), (2, 50, 3, 16))),
    ("ij,j->i", ((300, 400), (400,))),
    ("ij,jk->ik", ((70, 1), (80, 90))),
    ("bij,bjk->ki", ((5, 30, 40), (5, 40, 20))),
])
def test_large_products_are_products_of_matrices_with_the_same_values(subscripts, shapes, dtype):
    arrays = [array.astype(dtype) for array in numbers(*shapes)]
    tensors = [tg.tensor(array, requires_grad=True) for array in arrays]
    out = np.einsum(subscripts, *tensors)
    exact = np.einsum(subscripts, *[array.astype(np.longdouble) for array in arrays])
    tolerance = 1e-13 if dtype is np.float64 else 5e-6
    assert out.dtype == dtype
    np.testing.assert_allclose(out.numpy(), exact, rtol=tolerance)
    out.sum().backward()
    for i, x in enumerate(tensors):
        assert x.grad.dtype == dtype
        wide = [tg.tensor(array.astype(np.longdouble), requires_grad=True) for array in arrays]
        np.einsum(subscripts, *wide).sum().backward()
        np.testing.assert_allclose(x.grad.numpy(), wide[i].grad.numpy(), rtol=tolerance)
    assert all(np.array_equal(np.einsum(subscripts, *tensors).detach(), out.detach()) for _ in range(10))


def test_nan_stays_in_its_own_elements():
    x = tg.tensor([[np.nan, 1.0], [2.0, np.inf]], requires_grad=True)
    np.einsum("ii->i", x).backward(tg.tensor([np.nan, 1.0]))
    np.testing.assert_array_equal(x.grad, [[np.nan, 0], [0, 1]])
    a = tg.tensor([[1.0, np.nan], [2.0, 3.0]])
    np.testing.assert_array_equal(np.einsum("ij,j->i", a, tg.tensor([1.0, 1.0])), [np.nan, 5])
    np.testing.assert_array_equal(np.kron(tg.tensor([1.0, np.nan]), tg.tensor([1.0, 2.0])), [1, 2, np.nan, np.nan])
    for ours in np.convolve(tg.tensor([1.0, 2, 3]), tg.tensor([1.0, np.inf])), np.convolve(np.array([1.0, 2, 3]), np.array([1.0, np.inf])):
        np.testing.assert_array_equal(ours, [1, np.inf, np.inf, np.inf])


# The products of linear algebra

PRODUCTS = {
    "dot of vectors": (np.dot, (3,), (3,)),
    "dot of matrices": (np.dot, (2, 3), (3, 4)),
    "dot of a matrix and a vector": (np.dot, (2, 3), (3,)),
    "dot of a vector and a matrix": (np.dot, (3,), (3, 2)),
    "dot of more axes": (np.dot, (2, 1, 3), (2, 3, 4)),
    "dot of more axes and a matrix": (np.dot, (2, 1, 3), (3, 4)),
    "dot of a vector and more axes": (np.dot, (3,), (2, 3, 4)),
    "dot with a number": (np.dot, (), (2, 3)),
    "dot of numbers": (np.dot, (), ()),
    "dot without elements": (np.dot, (2, 0), (0, 3)),
    "x.dot": (lambda a, b: a.dot(b), (2, 3), (3,)),
    "inner of vectors": (np.inner, (3,), (3,)),
    "inner": (np.inner, (2, 3), (4, 1, 3)),
    "inner with a number": (np.inner, (2, 3), ()),
    "outer": (np.outer, (2, 2), (3,)),
    "outer of numbers": (np.outer, (), ()),
    "linalg.outer": (np.linalg.outer, (2,), (3,)),
    "vdot": (np.vdot, (2, 3), (3, 2)),
    "vecdot": (np.vecdot, (2, 3), (4, 1, 3)),
    "vecdot along an axis": (lambda a, b: np.vecdot(a, b, axis=0), (3, 2), (3, 2)),
    "vecdot that keeps the axis": (lambda a, b: np.vecdot(a, b, axis=-2, keepdims=True), (3, 2), (3, 1)),
    "linalg.vecdot": (lambda a, b: np.linalg.vecdot(a, b, axis=0), (3, 2), (3, 2)),
    "matvec": (np.matvec, (2, 1, 3, 4), (5, 4)),
    "vecmat": (np.vecmat, (2, 1, 3), (5, 3, 4)),
    "linalg.matmul": (np.linalg.matmul, (2, 2, 3), (3, 4)),
    "tensordot": (np.tensordot, (2, 3, 4), (3, 4, 5)),
    "tensordot over one": (lambda a, b: np.tensordot(a, b, 1), (2, 3), (3, 4)),
    "tensordot over none": (lambda a, b: np.tensordot(a, b, 0), (2,), (3,)),
    "tensordot over axes": (lambda a, b: np.tensordot(a, b, ([0, -1], [1, 0])), (2, 3, 4), (4, 2, 5)),
    "tensordot over an axis": (lambda a, b: np.tensordot(a, b, (0, -1)), (2, 3), (4, 2)),
    "linalg.tensordot": (lambda a, b: np.linalg.tensordot(a, b, axes=1), (2, 3), (3, 4)),
    "kron": (np.kron, (2, 3), (3, 2)),
    "kron of other axes": (np.kron, (2,), (2, 1, 3)),
    "kron with a number": (np.kron, (), (2, 2)),
    "cross": (np.cross, (3,), (3,)),
    "cross of many": (np.cross, (4, 1, 3), (2, 3)),
    "cross along axes": (lambda a, b: np.cross(a, b, axisa=0, axisb=1, axisc=0), (3, 2), (2, 3)),
    "cross along an axis": (lambda a, b: np.cross(a, b, axis=0), (3, 2), (3, 2)),
    "cross in the plane": (np.cross, (4, 2), (2,)),
    "cross in the plane and in space": (np.cross, (2,), (4, 3)),
    "cross in space and in the plane": (np.cross, (3,), (2,)),
    "linalg.cross": (lambda a, b: np.linalg.cross(a, b, axis=0), (3, 2), (3, 2)),
}


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors:DeprecationWarning")       # NumPy's own, of what it is compared with
def test_products(name):
    function, *shapes = PRODUCTS[name]
    check(function, *numbers(*shapes))


@st.composite
def pairs_with_axes(draw):
    """Two shapes, and axes of both that have the same sizes."""
    common = draw(st.lists(st.integers(0, 3), max_size=2))
    shapes, axes = [], []
    for _ in range(2):
        rest = draw(st.lists(st.integers(0, 3), max_size=2))
        order = draw(st.permutations(range(len(common) + len(rest))))
        shapes.append(tuple((common + rest)[i] for i in order))
        axes.append([order.index(i) - draw(st.sampled_from([0, len(order)])) for i in range(len(common))])
    return shapes, axes


@given(drawn_pair=pairs_with_axes(), seed=st.integers(0, 99))
def test_tensordot_over_drawn_axes(drawn_pair, seed):
    shapes, axes = drawn_pair
    check_linear_in_both(lambda a, b: np.tensordot(a, b, axes), shapes, seed)


def check_linear_in_both(function, shapes, seed):
    """Values are NumPy's; each gradient, times a direction, is the product with that direction in place of the factor."""
    a, b, u, v = numbers(*shapes, *shapes, seed=seed)
    x, y = tg.tensor(a, requires_grad=True), tg.tensor(b, requires_grad=True)
    out, expected = function(x, y), function(a, b)
    assert out.shape == np.shape(expected) and out.dtype == expected.dtype
    np.testing.assert_allclose(out.numpy(), expected, rtol=1e-13)
    g, = numbers(out.shape, seed=seed + 1)
    for found, direction, moved in zip(tg.grad(out, [x, y], g), (u, v), (function(u, b), function(a, v))):
        assert found.shape == direction.shape
        np.testing.assert_allclose(np.sum(found.numpy() * direction), np.sum(g * moved), rtol=1e-12, atol=1e-12)


def test_no_warning_in_the_plane():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.cross(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0])).item() == -2


def test_products_of_arrays_and_whole_numbers_with_tensors():
    a, b = np.arange(6).reshape(2, 3), np.arange(3.0)
    x = tg.tensor(b, requires_grad=True)
    for function in np.dot, np.inner, np.outer, np.kron, np.matvec:
        out = function(a, x)
        np.testing.assert_array_equal(out.detach(), function(a, b))
        assert out.dtype == np.float64 and out.requires_grad
    np.testing.assert_array_equal(np.dot(tg.tensor(a), tg.tensor(a.T)), a @ a.T)
    np.testing.assert_array_equal(np.outer(2, x).detach(), [2 * b])


OF_COMPLEX_NUMBERS = {
    "einsum": (lambda a, b: np.einsum("iij,jk->ik", a, b), (2, 2, 3), (3, 2)),
    "einsum of one": (lambda a, b: np.einsum("iij->j", a) + b, (2, 2, 3), (3,)),
    "dot": (np.dot, (2, 3), (3,)),
    "vdot": (np.vdot, (2, 3), (6,)),
    "vecdot": (np.vecdot, (2, 3), (3,)),
    "vecmat": (np.vecmat, (3,), (3, 2)),
    "matvec": (np.matvec, (2, 3), (3,)),
    "outer": (np.outer, (2,), (3,)),
    "kron": (np.kron, (2,), (3,)),
    "cross": (np.cross, (3,), (2, 3)),
    "polyval": (np.polyval, (3,), (2,)),
}


def check_complex(function, a_shape, b_shape):
    """Of complex numbers, and of a complex and a real array, values are NumPy's, and gradients are right, up to the second order."""
    rng = np.random.default_rng(3)
    a, b = (rng.uniform(-1, 1, shape) + 1j * rng.uniform(-1, 1, shape) for shape in (a_shape, b_shape))
    for first, second in (a, b), (a.real, b), (a, b.real):
        np.testing.assert_allclose(function(tg.tensor(first), tg.tensor(second)), function(first, second), rtol=1e-12)
        gradcheck(function, [tg.tensor(array, requires_grad=True) for array in (first, second)], order=2)


@pytest.mark.parametrize("name", OF_COMPLEX_NUMBERS)
def test_products_of_complex_numbers(name):
    check_complex(*OF_COMPLEX_NUMBERS[name])


def test_numbers_and_lists_lose_no_digits_and_take_the_dtype_of_the_others():
    for dtype in np.float64, np.float32:
        x = tg.tensor([0.1, 0.3], dtype=dtype)
        for out in (
            np.einsum(",i->i", 0.1, x), np.einsum(",i->i", 0, x), np.outer(0.1, x), np.dot(0.1, x), np.kron([0.1, 0.2], x), np.inner([0.1, 0.2], x),
            np.vdot([0.1, 0.2], x), np.convolve([0.1, 0.2], x), np.convolve(0.1, x), np.correlate(x, [0.1, 0.2]), np.cross([0.1, 0.2], x),
            np.einsum("i,i", [1, 2], x), np.polyval([0.1, 0.2], x), np.polyval(x, 0.1), np.interp([0.1], [0.0, 0.3], x), np.vecdot(x, [1, 2]),
        ):
            assert out.dtype == dtype or (out.dtype == np.float64 and out.shape in [(1,), ()])       # interp, and polyval at a number
        assert np.einsum(",i->i", 0.1, x)[0].item() == dtype(0.1) * dtype(0.1)
    x = tg.tensor([1.0, 1.0], dtype="float64")
    assert np.kron([0.1], x)[0].item() == np.convolve([0.1], x)[0].item() == np.polyval([0.1], x)[0].item() == np.outer(0.1, x)[0, 0].item() == 0.1
    assert np.interp(0.5, [0.0, 0.5], [0.0, 0.1]).item() == np.interp(tg.tensor(0.5), [0.0, 0.5], [0.0, 0.1]).item() == 0.1


def test_a_jacobian_walks_through_einsum_in_one_batch():
    a, b, c = numbers((2, 3), (3, 2), (2, 2))
    found = tg.func.jacobian(lambda a: np.einsum("ij,jk,ki->ik", a, b, c))(a)
    x = tg.tensor(a, requires_grad=True)
    out = np.einsum("ij,jk,ki->ik", x, b, c)
    for i in np.ndindex(out.shape):
        np.testing.assert_allclose(found.numpy()[i], tg.grad(out[i], x, retain_graph=True)[0], rtol=1e-13)


# Convolution, polynomials


def test_convolve_takes_a_number_as_a_row():
    check(lambda a, v: np.convolve(a, v), *numbers((), 3))


@pytest.mark.parametrize("function", [np.convolve, np.correlate])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_rows_of_complex_numbers(function, mode):
    for n, m in (3, 2), (2, 3), (3, 3), (2, 4):
        check_complex(lambda a, v: function(a, v, mode), n, m)


VANDERS = {"": {}, "N": {"N": 5}, "fewer": {"N": 2}, "increasing": {"increasing": True}, "none": {"N": 0}}


@pytest.mark.parametrize("settings", VANDERS.values(), ids=str)
def test_vander(settings):
    check(lambda x: np.vander(x, **settings), *numbers(3), rtol=1e-13)


def test_vander_of_zero_and_whole_numbers():
    x = tg.tensor([0.0, 2.0], dtype="float64", requires_grad=True)
    np.vander(x, 3).sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 5])
    got, expected = np.vander(tg.tensor([1, -2])), np.vander([1, -2])
    np.testing.assert_array_equal(got, expected)
    assert got.dtype == expected.dtype


@pytest.mark.parametrize("shape", [(), (2, 3), (0,)])
@pytest.mark.parametrize("count", [1, 4])
def test_polyval(count, shape):
    check(np.polyval, *numbers(count, shape), order=3)


def test_polyval_of_no_coefficients_is_0():
    assert np.polyval([], tg.tensor([1.0, 2.0])).tolist() == np.polyval(tg.tensor([]), np.ones(2)).tolist() == [0, 0]


# Interpolation

XP, FP = np.array([-1.0, 0.0, 0.5, 2.0]), np.array([0.3, -1.0, 2.0, 0.7])
INSIDE = np.array([[-0.7, -0.1, 0.1], [0.7, 1.2, 1.9]])
OUTSIDE = np.array([-2.0, 0.25, 2.5])

INTERPS = {
    "inside": (np.interp, INSIDE, XP, FP),
    "outside": (np.interp, OUTSIDE, XP, FP),
    "left and right": (lambda x, xp, fp: np.interp(x, xp, fp, left=-7.0, right=9.0), OUTSIDE, XP, FP),
    "with a period": (lambda x, xp, fp: np.interp(x, xp, fp, period=5.0), np.array([-7.3, 0.1, 2.4, 11.2]), np.array([4.0, 7.5, -1.3, 1.9]), FP),
    "of a number": (np.interp, np.array(0.3), XP, FP),
    "of one point": (np.interp, OUTSIDE, XP[:1], FP[:1]),
    "of none": (np.interp, INSIDE[:0], XP, FP),
}


@pytest.mark.parametrize("name", INTERPS)
def test_interp(name):
    function, *arrays = INTERPS[name]
    for dtype in np.float64, np.float32:
        inputs = [array.astype(dtype) for array in arrays]
        got, expected = function(*map(tg.tensor, inputs)), function(*inputs)
        assert got.dtype == expected.dtype == np.float64 and got.shape == expected.shape
        np.testing.assert_allclose(got.numpy(), expected, rtol=1e-14)
    gradcheck(function, [tg.tensor(array, requires_grad=True) for array in arrays], order=3)


def test_interp_left_and_right_may_be_tensors():
    left, right = tg.tensor(1.0, requires_grad=True), tg.tensor(2.0, requires_grad=True)
    np.interp(tg.tensor([-2.0, 0.0, 3.0, 4.0]), XP, FP, left=left, right=right).sum().backward()
    assert (left.grad.item(), right.grad.item()) == (1, 2)


def test_interp_of_nan_and_infinity():
    x, xp, fp = np.array([np.nan, -np.inf, np.inf, 0.0]), XP, np.array([1.0, 2.0, np.inf, 3.0])
    np.testing.assert_array_equal(np.interp(tg.tensor(x), xp, fp), np.interp(x, xp, fp))
    x = tg.tensor([-np.inf, 0.25, np.inf], dtype="float64", requires_grad=True)
    fp = tg.tensor(FP, requires_grad=True)
    with np.errstate(all="ignore"):
        np.interp(x, XP, fp).sum().backward()
    np.testing.assert_allclose(x.grad, [0, 6, 0])
    np.testing.assert_allclose(fp.grad, [1, 0.5, 0.5, 1])
    x = tg.tensor([-np.inf, np.nan, 0.25, np.inf], dtype="float64", requires_grad=True)
    with np.errstate(all="ignore"):
        first, = tg.grad(np.interp(x, XP, fp)[[0, 2, 3]].sum(), fp, create_graph=True)
        second, = tg.grad((first * first).sum(), x)
    np.testing.assert_allclose(first.detach(), [1, 0.5, 0.5, 1])
    np.testing.assert_allclose(second, [0, 0, 0, 0], atol=1e-15)


# Bad input

W = tg.tensor(np.ones((2, 3)), requires_grad=True)

MISTAKES = [
    (lambda: np.einsum("ij,jk", W, W), ShapeError, "einsum: operand 1 has shape .2, 3., where 'j' is 2, and was 3"),
    (lambda: np.einsum("ii", W), ShapeError, "operand 0 has shape .2, 3., where 'i' is 3, and was 2"),
    (lambda: np.einsum("ii", W[:1]), ShapeError, "EinsumOfOne.*1, 3"),
    (lambda: np.einsum("i", W), ShapeError, "operand 0 has shape .2, 3., which 'i'"),
    (lambda: np.einsum("ijk", W), ShapeError, "operand 0 has shape .2, 3., which 'ijk'"),
    (lambda: np.einsum("ij->k", W), ValueError, "the letter 'k'"),
    (lambda: np.einsum("ij->ii", W), ValueError, "the letter 'i'"),
    (lambda: np.einsum("ij,i", W), ValueError, "for 2 operands; it got 1"),
    (lambda: np.einsum("i$", W), ValueError, r"'\$'"),
    (lambda: np.einsum("i...->i", W), ValueError, "behind '->'"),
    (lambda: np.einsum(W, [0, 52]), ValueError, "52"),
    (lambda: np.einsum(W, ["a", 0]), ValueError, "'a'"),
    (lambda: np.einsum(W), ValueError, "needs subscripts"),
    (lambda: np.einsum("ij", W, out=np.ones((2, 3))), TypeError, "out="),
    (lambda: np.dot(W, W), ShapeError, "dot: a has shape"),
    (lambda: np.dot(W, W, out=np.ones((2, 2))), TypeError, "out="),
    (lambda: np.inner(W, W[:, :2]), ShapeError, "inner: "),
    (lambda: np.vdot(W, W[0]), ShapeError, "vdot: a has 6 elements and b has 3"),
    (lambda: np.vecdot(W, W[:, :1]), ShapeError, "vecdot: "),
    (lambda: np.vecdot(W, 2.0), ShapeError, "vecdot: "),
    (lambda: np.matvec(W, W[:, :2]), ShapeError, "matvec: "),
    (lambda: np.vecmat(W, W), ShapeError, "vecmat: "),
    (lambda: np.tensordot(W, W, 1), ShapeError, "tensordot: axes"),
    (lambda: np.tensordot(W, W, 3), IndexError, "tensordot"),
    (lambda: np.tensordot(W, W, ([0], [5])), IndexError, "tensordot"),
    (lambda: np.tensordot(W, W, ([0, 0], [0, 0])), ValueError, "repeated"),
    (lambda: np.cross(W[:, :1], W), ShapeError, "1 and 3 elements"),
    (lambda: np.cross(2.0, W), ShapeError, "both need an axis"),
    (lambda: np.cross(W, W, axis=2), np.exceptions.AxisError, "axis 2"),
    (lambda: np.linalg.cross(W[:, :2], W[:, :2]), ShapeError, "linalg.cross: .*size 3"),
    (lambda: np.linalg.outer(W, W[0]), ShapeError, "linalg.outer: "),
    (lambda: np.convolve(W, W[0]), ShapeError, "convolve: a has shape"),
    (lambda: np.convolve(W[0], W[0, :0]), ShapeError, "at least one element"),
    (lambda: np.correlate(2.0, W[0]), ShapeError, "correlate: "),
    (lambda: np.convolve(W[0], W[0], mode="both"), ValueError, "'both'"),
    (lambda: np.polyval(W[0], np.poly1d([1, 2])), TypeError, "polyval: x is a poly1d"),
    (lambda: np.vander(W), ShapeError, "vander: "),
    (lambda: np.vander(W[0], -1), ValueError, "vander: N is -1"),
    (lambda: np.interp(W, W[0], W[0, :2]), ShapeError, "interp: xp has shape"),
    (lambda: np.interp(W, W, W), ShapeError, "interp: xp has shape"),
    (lambda: np.interp(W, W[0, :0], W[0, :0]), ShapeError, "interp: .*a point"),
    (lambda: np.interp(W, W[0], W[0], period=0), ValueError, "period is 0"),
]


@pytest.mark.parametrize(("call", "error", "said"), MISTAKES)
def test_mistakes_say_which_function_and_what_it_got(call, error, said):
    with pytest.raises(error, match=said):
        call()


@pytest.mark.parametrize("function", [np.dot, np.outer, np.kron, np.inner])
def test_a_whole_number_in_a_product_does_not_wrap_around(function):
    for number, dtype in (3, "uint8"), (300, "uint8"), (4, "int32"), (0.1, "int32"):
        values = np.array([100, 2**30 if dtype == "int32" else 200], dtype)
        got, expected = function(tg.tensor(values), number), function(values, number)
        np.testing.assert_array_equal(got, expected)
        assert got.dtype == expected.dtype
