"""tinygrad_edu: reverse-mode automatic differentiation on NumPy, in the eager style.

>>> import tinygrad_edu as tg
>>> x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
Tensor([2., 4., 6.])
"""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import numpy as np

from . import errors, ops
from .engine.anomaly import detect_anomaly
from .engine.modes import composed, enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from .engine.op import Elementwise, Fused, Op
from .engine.tensor import DISPATCH, Tensor, get_default_dtype, grad, set_default_dtype
from .fused.cdist import cdist
from .fused.norm import norm
from .fused.variance import std, var
from .ops.complex_numbers import angle, conj, conjugate, imag, real, real_if_close, sign
from .ops.creation import (
    arange,
    eye,
    from_dlpack,
    from_numpy,
    full,
    full_like,
    ones,
    ones_like,
    tensor,
    zeros,
    zeros_like,
)
from .ops.cumulative import cumprod, cumsum, cumulative_prod, cumulative_sum, diff, ediff1d, gradient, prod, trapezoid
from .ops.elementwise import (
    abs_ as abs,
    add,
    astype,
    clip,
    divide,
    exp,
    log,
    log1p,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    relu,
    sqrt,
    square,
    subtract,
    tanh,
    where,
)
from .ops.exponential import cbrt, exp2, expm1, log2, log10, logaddexp, logaddexp2, reciprocal
from .ops.interpolation import interp
from .ops.linalg import matmul
from .ops.padding import pad
from .ops.pieces import copysign, divmod, fabs, float_power, fmax, fmin, fmod, frexp, heaviside, ldexp, mod, modf, nan_to_num, positive, remainder
from .ops.polynomials import polyval, vander
from .ops.products import (
    convolve,
    correlate,
    cross,
    dot,
    einsum,
    inner,
    kron,
    matvec,
    outer,
    tensordot,
    vdot,
    vecdot,
    vecmat,
)
from .ops.random import manual_seed, rand, rand_like, randn, randn_like
from .ops.rearranging import (
    append,
    array_split,
    atleast_1d,
    atleast_2d,
    atleast_3d,
    block,
    broadcast_arrays,
    choose,
    column_stack,
    compress,
    delete,
    diag,
    diagflat,
    diagonal,
    dsplit,
    dstack,
    extract,
    flip,
    fliplr,
    flipud,
    hsplit,
    hstack,
    insert,
    matrix_transpose,
    meshgrid,
    moveaxis,
    partition,
    repeat,
    resize,
    roll,
    rollaxis,
    rot90,
    select,
    sliding_window_view,
    sort,
    split,
    take,
    take_along_axis,
    tile,
    trace,
    tril,
    triu,
    unique,
    unstack,
    vsplit,
    vstack,
)
from .ops.reduce import max, mean, min, sum
from .ops.shape import broadcast_to, concatenate, copy, expand_dims, ravel, reshape, squeeze, stack, swapaxes, transpose
from .ops.spacing import linspace
from .ops.statistics import (
    average,
    corrcoef,
    cov,
    median,
    nancumprod,
    nancumsum,
    nanmax,
    nanmean,
    nanmedian,
    nanmin,
    nanpercentile,
    nanprod,
    nanquantile,
    nanstd,
    nansum,
    nanvar,
    percentile,
    ptp,
    quantile,
)
from .ops.trigonometric import (
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    cos,
    cosh,
    deg2rad,
    hypot,
    rad2deg,
    sin,
    sinc,
    sinh,
    tan,
)
from .ops.without_gradient import (
    all,
    allclose,
    any,
    argmax,
    argmin,
    argsort,
    array_equal,
    equal,
    greater,
    greater_equal,
    isclose,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    not_equal,
)

__version__ = "0.1.0"

__all__ = [
    "Elementwise", "Fused", "Op", "Tensor", "abs", "add", "all", "allclose", "angle", "any", "append", "arange", "arccos", "arccosh", "arcsin",
    "arcsinh", "arctan", "arctan2", "arctanh", "argmax", "argmin", "argsort", "array_equal", "array_split", "astype", "atleast_1d", "atleast_2d",
    "atleast_3d", "average", "block", "broadcast_arrays", "broadcast_to", "cbrt", "cdist", "choose", "cli", "clip", "column_stack", "compare",
    "comparison", "composed", "compress", "concatenate", "conj", "conjugate", "convolve", "copy", "copysign", "corrcoef", "correlate", "cos",
    "cosh", "cov", "cross", "cumprod", "cumsum", "cumulative_prod", "cumulative_sum", "data", "deg2rad", "delete", "detect_anomaly", "diag",
    "diagflat", "diagonal", "diff", "divide", "divmod", "dot", "dsplit", "dstack", "ediff1d", "einsum", "enable_grad", "equal", "errors",
    "examples", "exp", "exp2", "expand_dims", "expm1", "extract", "eye", "fabs", "flip", "fliplr", "flipud", "float_power", "fmax", "fmin",
    "fmod", "frexp", "from_dlpack", "from_numpy", "full", "full_like", "get_default_dtype", "grad", "gradient", "greater", "greater_equal",
    "heaviside", "hsplit", "hstack", "hypot", "imag", "inner", "insert", "interp", "is_grad_enabled", "isclose", "isfinite", "isinf", "isnan",
    "kron", "ldexp", "less", "less_equal", "linspace", "log", "log10", "log1p", "log2", "logaddexp", "logaddexp2", "manual_seed", "matmul",
    "matrix_transpose", "matvec", "max", "maximum", "mean", "median", "meshgrid", "min", "minimum", "mod", "modf", "moveaxis", "multiply",
    "nan_to_num", "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmedian", "nanmin", "nanpercentile", "nanprod", "nanquantile", "nanstd",
    "nansum", "nanvar", "negative", "nn", "no_grad", "norm", "not_equal", "ones", "ones_like", "optim", "outer", "pad", "partition",
    "percentile", "polyval", "positive", "power", "prod", "ptp", "quantile", "rad2deg", "rand", "rand_like", "randn", "randn_like", "ravel",
    "real", "real_if_close", "reciprocal", "relu", "remainder", "repeat", "reshape", "resize", "roll", "rollaxis", "rot90", "select",
    "set_default_dtype", "set_grad_enabled", "sign", "sin", "sinc", "sinh", "sliding_window_view", "sort", "split", "sqrt", "square", "squeeze",
    "stack", "std", "subtract", "sum", "swapaxes", "take", "take_along_axis", "tan", "tanh", "tensor", "tensordot", "testing", "tile", "trace",
    "transpose", "trapezoid", "tril", "triu", "unique", "unstack", "vander", "var", "vdot", "vecdot", "vecmat", "viz", "vsplit", "vstack",
    "where", "zeros", "zeros_like",
]

_LATER = ("cli", "comparison", "data", "examples", "func", "nn", "optim", "testing", "viz")


def __getattr__(name: str) -> Any:
    """Rooms that are loaded at first use, so that the import takes no longer than NumPy's own; and every function of NumPy that takes Tensors."""
    if name in _LATER:
        return importlib.import_module(f".{name}", __name__)
    if name == "compare":
        return importlib.import_module(".comparison", __name__).compare
    if name == "fft":
        importlib.import_module(".ops.fourier", __name__)
    found: Any = SimpleNamespace(**_functions_of(getattr(np, name))) if name in ("linalg", "fft") else _functions_of(np).get(name)
    if found is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found             # it is looked for once
    return found


def _functions_of(namespace: Any) -> dict[str, Any]:
    """The functions of NumPy's, or of a part of it, that take Tensors: by name the function of ours."""
    found = {name: getattr(namespace, name) for name in vars(namespace) if not name.startswith("_")}
    return {name: DISPATCH[function] for name, function in found.items() if callable(function) and function in DISPATCH}


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, *_functions_of(np), "compare", "fft", "linalg"})
