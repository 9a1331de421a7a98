"""Fourier transforms: NumPy's values, dtypes and errors, and right gradients of real and complex numbers, to any order."""

import subprocess
import sys

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.testing import gradcheck


def numbers(shape, seed=0):
    return np.asarray(np.random.default_rng(seed).uniform(-1, 1, shape))


def complex_numbers(shape, seed=0):
    return numbers(shape, seed) + 1j * numbers(shape, seed + 1)


def check(function, array, order=1):
    for single in False, True:
        values = array.astype({"f": np.float32, "c": np.complex64}[array.dtype.kind]) if single else array
        got, expected = function(tg.tensor(values)), function(values)
        assert isinstance(got, tg.Tensor) and got.shape == expected.shape and got.dtype == expected.dtype
        np.testing.assert_allclose(got.numpy(), expected, rtol=1e-13 if not single else 1e-5, atol=1e-13 if not single else 1e-5)
    gradcheck(function, tg.tensor(array, requires_grad=True), order=order)
    exact = gradient(function, array, np.longdouble)
    for dtype, tolerance in (np.float64, 1e-12), (np.float32, 5e-6):
        np.testing.assert_allclose(gradient(function, array, dtype), exact, rtol=0, atol=tolerance * max(1, np.max(abs(exact))))


def gradient(function, array, dtype):
    """The gradient in a dtype, or in that of complex numbers of as many digits; the numbers are those that float32 has."""
    def converted(values, kind):
        short, wide = (np.result_type(dtype, np.complex64) if kind == "c" else dtype for dtype in (np.float32, dtype))
        return values.astype(short).astype(wide)

    x = tg.tensor(converted(array, array.dtype.kind), requires_grad=True)
    out = function(x)
    g = complex_numbers(out.shape, 7) if out.dtype.kind == "c" else numbers(out.shape, 7)
    return tg.grad(out, x, converted(g, out.dtype.kind))[0].numpy()


@pytest.mark.parametrize("dtype", ["bool", "int8", "float16", "float32", "float64"])
@pytest.mark.parametrize("function", [np.fft.irfft, np.fft.hfft, np.fft.fft, np.fft.irfftn])
def test_dtypes_of_transforms_are_numpys(function, dtype):
    values = np.array([1, 0, 1, 1], dtype)
    got, expected = function(tg.tensor(values)), function(values)
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-3)


OF_MANY = [np.fft.fftn, np.fft.ifftn, np.fft.rfftn, np.fft.irfftn]
OF_TWO = [np.fft.fft2, np.fft.ifft2, np.fft.rfft2, np.fft.irfft2]
OF_REAL_NUMBERS = {np.fft.rfft, np.fft.rfftn, np.fft.rfft2, np.fft.ihfft}


def drawn_for(function, shape, seed=0):
    yield numbers(shape, seed)
    if function not in OF_REAL_NUMBERS:
        yield complex_numbers(shape, seed)


MANY = {
    "all": ((2, 3), {}),
    "some": ((2, 3, 2), {"axes": (1, 0), "norm": "ortho"}),
    "of sizes": ((2, 3), {"s": (3, 2), "axes": (0, 1)}),
    "of all that is there": ((2, 3), {"s": (-1, 4), "axes": (-1, 0), "norm": "forward"}),
    "one axis twice": ((2, 3), {"axes": (1, 1), "s": (4, 3)}),
}


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("function", OF_MANY)
def test_transforms_of_several_axes(function, name):
    shape, settings = MANY[name]
    for array in drawn_for(function, shape):
        check(lambda x: function(x, **settings), array)


@pytest.mark.parametrize("function", OF_TWO)
def test_transforms_of_two_axes(function):
    for array in drawn_for(function, (2, 2, 3)):
        check(function, array)
        check(lambda x: function(x, (3, 4), (0, 1), "ortho"), array)


def test_a_transform_of_no_axes_is_the_array():
    x = tg.tensor(numbers((2, 3)), requires_grad=True)
    assert np.array_equal(np.fft.fftn(x, axes=()).detach(), x.detach()) and np.fft.fftn(x, axes=()).dtype == np.float64


@pytest.mark.parametrize("function", [np.fft.fftshift, np.fft.ifftshift])
@pytest.mark.parametrize("axes", [None, 0, (0, 1)])
def test_shifts(function, axes):
    check(lambda x: function(x, axes), numbers((3, 4)), order=2)
    np.testing.assert_array_equal(function(tg.tensor([1, 2, 3])), function([1, 2, 3]))


@pytest.mark.parametrize("function", [np.fft.fft, np.fft.rfft, lambda x: np.fft.irfft(x, 5), lambda x: np.fft.fft2(x, (3, 2))])
def test_gradients_of_every_order_through_what_follows(function):
    gradcheck(lambda x: np.abs(function(x)) ** 3 if np.iscomplexobj(function(x)) else function(x) ** 3,
              tg.tensor(numbers((2, 3)) + 2, requires_grad=True), order=3)


def test_a_spectrum_has_the_energy_of_the_signal():
    """Parseval: the sum of |X[k]|^2 is n times that of x[j]^2, so the gradient is 2 n x, and the second derivative 2 n."""
    x = tg.tensor(numbers(8), requires_grad=True)
    first, = tg.grad((np.abs(np.fft.fft(x)) ** 2).sum(), x, create_graph=True)
    np.testing.assert_allclose(first.detach(), 16 * x.detach(), rtol=1e-13)
    second, = tg.grad(first[0], x)
    np.testing.assert_allclose(second, [16, 0, 0, 0, 0, 0, 0, 0], atol=1e-13)


@pytest.mark.peers
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft", "fft2", "rfft2", "irfft2", "fftn", "rfftn", "irfftn"])
def test_gradients_are_pytorchs(name):
    import torch

    for array in drawn_for(getattr(np.fft, name), (4, 5)):
        x, theirs = tg.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
        out, expected = getattr(np.fft, name)(x), getattr(torch.fft, name)(theirs)
        g = complex_numbers(out.shape, 5) if out.dtype.kind == "c" else numbers(out.shape, 5)
        out.backward(g)
        expected.backward(torch.tensor(g))
        np.testing.assert_allclose(out.detach(), expected.detach().resolve_conj().numpy(), rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(x.grad, theirs.grad.resolve_conj().numpy(), rtol=1e-12, atol=1e-13)


X = tg.tensor(np.ones((2, 3)), requires_grad=True)


@pytest.mark.parametrize(("call", "error", "said"), [
    (lambda: np.fft.fft(X, 0), ValueError, "fft.fft: along axis 1 it has 0"),
    (lambda: np.fft.irfft(X, 0), ValueError, "fft.irfft: along axis 1 it has 0"),
    (lambda: np.fft.irfft(X[:, :1]), ValueError, "fft.irfft: along axis 1 it has 0"),
    (lambda: np.fft.fft(X[:, :0]), ValueError, "at least one"),
    (lambda: np.fft.fft(X, axis=2), IndexError, "axis 2"),
    (lambda: np.fft.fft(X[0, 0]), IndexError, "axis -1"),
    (lambda: np.fft.fft(X, norm="half"), ValueError, "'half'"),
    (lambda: np.fft.hfft(X, norm="half"), ValueError, "'half'"),
    (lambda: np.fft.rfft(X * 1j), TypeError, "RealFourier.*x is complex"),
    (lambda: np.fft.fftn(X, s=(2,), axes=(0, 1)), ValueError, "1 sizes and axes 2"),
    (lambda: np.fft.rfftn(X, axes=()), IndexError, "no axis"),
    (lambda: np.fft.fft2(X[0]), IndexError, "axis"),
    (lambda: np.fft.fft(X, out=np.ones((2, 3), complex)), TypeError, "out="),
])
def test_mistakes_say_which_function_and_what_it_got(call, error, said):
    with pytest.raises(error, match=said):
        call()


def test_the_room_is_loaded_when_it_is_needed():
    program = (
        "import sys, numpy as np, tinygrad_edu as tg; assert 'tinygrad_edu.ops.fourier' not in sys.modules and 'numpy.fft' not in sys.modules\n"
        "{}; assert 'tinygrad_edu.ops.fourier' in sys.modules"
    )
    for use in "np.fft.fftshift(tg.tensor([1.0]))", "tg.fft.rfft([1.0, 2.0])":
        subprocess.run([sys.executable, "-c", program.format(use)], check=True)
