"""One check of a call, for tests that have a table of them: NumPy's values, shapes and dtypes, and right gradients of two orders."""

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.testing import gradcheck


def parts_of(result):
    """The values of a function that gives one or several, one after the other."""
    return [inner for part in result for inner in parts_of(part)] if isinstance(result, (tuple, list)) else [result]


def check_call(function, arrays, rtol, atol=(0, 0)):
    """function takes tensors and arrays; rtol and atol are how near the values come to NumPy's in float64, and in float32.

    Returns whether a value is recorded; of a function that gives none the gradient has to be 0.
    """
    for dtype, relative, absolute in zip((np.float64, np.float32), rtol, atol):
        given = [np.asarray(array, np.result_type(dtype, np.complex64) if np.iscomplexobj(array) else dtype) for array in arrays]
        got, expected = parts_of(function(*[tg.tensor(array, requires_grad=True) for array in given])), parts_of(function(*given))
        for ours, numpys in zip(got, expected, strict=True):
            numpys = numpys.detach().numpy() if isinstance(numpys, tg.Tensor) else np.asarray(numpys)     # a setting was a tensor
            if not isinstance(ours, tg.Tensor):
                assert np.isscalar(ours)                                                                  # a rank, or a precision
                ours = tg.tensor(np.asarray(ours, numpys.dtype if isinstance(ours, int) else None))
            assert ours.shape == numpys.shape and ours.dtype == numpys.dtype
            np.testing.assert_allclose(ours.detach(), numpys, rtol=relative, atol=absolute)
    tensors = [tg.tensor(array, requires_grad=True) for array in arrays]
    recorded = [i for i, part in enumerate(parts_of(function(*tensors))) if isinstance(part, tg.Tensor) and part.requires_grad]

    def moving(*xs):
        parts = parts_of(function(*xs))
        return [parts[i] for i in recorded] if recorded else parts

    for order in 1, 2:
        gradcheck(moving, tensors, order=order)
    return bool(recorded)
