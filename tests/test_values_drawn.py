"""Functions of each element at drawn values, the awkward ones too: as NumPy, without a warning of ours, and NaN stays where it belongs."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_edu as tg
from tinygrad_edu.nn import functional as F

AWKWARD = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e-310, -1e-310, 1e30, -1e30, np.inf, -np.inf, np.nan]

ONE = [
    np.abs, np.arccos, np.arccosh, np.arcsin, np.arcsinh, np.arctan, np.arctanh, np.cbrt, np.cos, np.cosh, np.deg2rad, np.exp, np.exp2, np.expm1,
    np.fabs, np.log, np.log10, np.log1p, np.log2, np.nan_to_num, np.negative, np.positive, np.rad2deg, np.reciprocal, np.sin, np.sinc, np.sinh,
    np.sqrt, np.square, np.tan, np.tanh,
]
TWO = [
    np.add, np.arctan2, np.copysign, np.divide, np.float_power, np.fmax, np.fmin, np.fmod, np.heaviside, np.hypot, np.logaddexp, np.logaddexp2,
    np.maximum, np.minimum, np.multiply, np.power, np.remainder, np.subtract,
]
NETWORK = [F.gelu, F.relu, F.sigmoid, F.silu, F.softplus, F.tanh, lambda x: F.gelu(x, approximate="tanh")]

TINY = float(np.finfo(np.float32).tiny)
DTYPES = st.sampled_from([np.float64, np.float32])
SIDES = {"max_dims": 4, "min_side": 0, "max_side": 4}
LAYOUTS = {
    "C": lambda x: x,
    "Fortran": np.asfortranarray,
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
    "backwards": lambda x: x[::-1].copy()[::-1] if x.ndim else x,
    "every second": lambda x: np.repeat(x, 2, axis=-1)[..., ::2] if x.ndim else x,
    "repeated": lambda x: np.broadcast_to(x[:1], x.shape) if x.ndim and x.shape[0] else x,
}


def numbers(dtype):
    return st.one_of(st.sampled_from(AWKWARD), st.floats(-10, 10, width=32)).map(lambda x: dtype(x))


@st.composite
def arrays(draw, shape=None, dtype=None):
    """Arrays of every shape, dtype and layout, of which some cannot be written to."""
    dtype = dtype or draw(DTYPES)
    with np.errstate(all="ignore"):
        x = draw(hnp.arrays(dtype, shape if shape is not None else hnp.array_shapes(min_dims=0, **SIDES), elements=numbers(dtype)))
    x = LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))](x)
    if draw(st.booleans()):
        x = x.view()
        x.flags.writeable = False
    return x


@st.composite
def pairs(draw):
    """Two arrays that broadcast together."""
    dtype = draw(DTYPES)
    shapes = draw(hnp.mutually_broadcastable_shapes(num_shapes=2, **SIDES))
    return tuple(draw(arrays(shape=shape, dtype=dtype)) for shape in shapes.input_shapes)


def some_of(shape):
    """The places of a few elements, the first and the last among them."""
    places = list(np.ndindex(shape))
    return places[:: max(1, len(places) // 5)] + places[-1:]


def scale_of(terms):
    """The size of the numbers that were summed."""
    return np.max(np.abs(terms), where=np.isfinite(terms), initial=0)


def tolerance(x):
    return 1e-12 if x.dtype == np.float64 else 1e-5


def gradients(function, *inputs):
    """The value, and the gradient of the sum, of tensors."""
    tensors = [tg.from_numpy(np.asarray(x), requires_grad=True) for x in inputs]       # which keeps the layout
    with np.errstate(all="ignore"):                 # of the forward pass, where NumPy warns as it does of arrays
        out = function(*tensors)
    out.backward(np.ones(out.shape, out.dtype))     # without a warning: one of our lines would be an error
    return out.detach().numpy(), [x.grad.numpy() for x in tensors]


@pytest.mark.parametrize("function", ONE, ids=lambda f: f.__name__)
@given(x=arrays())
def test_functions_of_one(function, x):
    out, (grad,) = gradients(function, x)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(out, function(x), rtol=1e-15 if x.dtype == np.float64 else 1e-6)           # NumPy's own loops differ by a digit
        assert out.dtype == function(x).dtype
    assert grad.shape == x.shape and grad.dtype == x.dtype
    for index in some_of(x.shape):
        alone, (gradient_alone,) = gradients(function, x[index])
        np.testing.assert_allclose(grad[index], gradient_alone, rtol=tolerance(x), atol=TINY)      # what stands beside it changes nothing


@pytest.mark.parametrize("function", NETWORK)
@given(x=arrays())
def test_functions_of_networks(function, x):
    out, (grad,) = gradients(function, x)
    for index in some_of(x.shape):
        alone, (gradient_alone,) = gradients(function, x[index])
        np.testing.assert_allclose([out[index], grad[index]], [alone, gradient_alone], rtol=tolerance(x), atol=tolerance(x) / 10)
        assert np.isfinite(x[index]) or not np.isfinite(out[index]) or out[index] in (0, 1, -1)
        assert not np.isnan(out[index]) or np.isnan(x[index]) or np.isinf(x[index])


@pytest.mark.parametrize("function", TWO, ids=lambda f: f.__name__)
@given(pair=pairs())
def test_functions_of_two(function, pair):
    a, b = pair
    out, found = gradients(function, a, b)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(out, function(a, b), rtol=1e-15 if out.dtype == np.float64 else 1e-6)      # NumPy's own loops differ by a digit
    together = np.broadcast_arrays(a, b)
    _, expected = gradients(function, *(np.array(x) for x in together))
    for x, grad, whole in zip((a, b), found, expected):
        assert grad.shape == x.shape
        summed = whole.copy()
        with np.errstate(all="ignore"):
            while summed.ndim > x.ndim:
                summed = summed.sum(axis=0)
            for axis, n in enumerate(x.shape):
                if n == 1 and summed.shape[axis] != 1:
                    summed = summed.sum(axis=axis, keepdims=True)
        np.testing.assert_allclose(grad, summed, rtol=1e3 * tolerance(a), atol=1e3 * tolerance(a) * scale_of(whole) + TINY)
    for index in some_of(out.shape):
        _, alone = gradients(function, *(x[index] for x in together))
        np.testing.assert_allclose([part[index] for part in expected], alone, rtol=tolerance(a), atol=TINY)
