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

values = st.one_of(st.sampled_from(AWKWARD), st.floats(-10, 10, width=32))
arrays = hnp.arrays(np.float64, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3), elements=values)
pairs = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, min_side=0, max_side=3).flatmap(
    lambda shapes: st.tuples(*[hnp.arrays(np.float64, shape, elements=values) for shape in shapes.input_shapes])
)


def gradients(function, *inputs):
    """The value, and the gradient of the sum, of tensors."""
    tensors = [tg.tensor(x, requires_grad=True) for x in inputs]
    with np.errstate(all="ignore"):                 # of the forward pass, where NumPy warns as it does of arrays
        out = function(*tensors)
    out.backward(np.ones(out.shape, out.dtype))     # without a warning: one of our lines would be an error
    return out.detach().numpy(), [x.grad.numpy() for x in tensors]


@pytest.mark.parametrize("function", ONE, ids=lambda f: f.__name__)
@given(x=arrays)
def test_functions_of_one(function, x):
    out, (grad,) = gradients(function, x)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(out, function(x))
    assert grad.shape == x.shape and grad.dtype == x.dtype
    for index in np.ndindex(x.shape):
        alone, (gradient_alone,) = gradients(function, x[index])
        np.testing.assert_allclose(grad[index], gradient_alone, rtol=1e-12)      # what stands beside it changes nothing


@pytest.mark.parametrize("function", NETWORK)
@given(x=arrays)
def test_functions_of_networks(function, x):
    out, (grad,) = gradients(function, x)
    for index in np.ndindex(x.shape):
        alone, (gradient_alone,) = gradients(function, x[index])
        np.testing.assert_allclose([out[index], grad[index]], [alone, gradient_alone], rtol=1e-12)
        assert np.isfinite(x[index]) or not np.isfinite(out[index]) or out[index] in (0, 1, -1)
        assert not np.isnan(out[index]) or np.isnan(x[index]) or np.isinf(x[index])


@pytest.mark.parametrize("function", TWO, ids=lambda f: f.__name__)
@given(pair=pairs)
def test_functions_of_two(function, pair):
    a, b = pair
    out, found = gradients(function, a, b)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(out, function(a, b))
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
        np.testing.assert_allclose(grad, summed, rtol=1e-9, atol=1e-300)
    for index in np.ndindex(out.shape):
        _, alone = gradients(function, *(x[index] for x in together))
        np.testing.assert_allclose([part[index] for part in expected], alone, rtol=1e-12)
