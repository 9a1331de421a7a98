"""Random numbers, from one seeded generator or from the caller's."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.tensor import Tensor, get_default_dtype, wrap
from ..errors import DTypeError

_default = np.random.default_rng()


def manual_seed(seed: int) -> np.random.Generator:
    """Start the default generator anew from seed; everything drawn afterwards is the same each time. Returns the generator.

    >>> first = (manual_seed(0), rand(2))[1]
    >>> second = (manual_seed(0), rand(2))[1]
    >>> bool((first == second).all())
    True
    """
    global _default
    _default = np.random.default_rng(seed)
    return _default


def generator_of(generator: np.random.Generator | None) -> np.random.Generator:
    """The given generator, or the default one if it is None."""
    if generator is None:
        return _default
    if not isinstance(generator, np.random.Generator):
        raise DTypeError(
            f"generator: got {type(generator).__name__}; it needs to be a NumPy Generator: np.random.default_rng(seed)"
        )
    return generator


def rand(
    *shape: Any, dtype: Any = None, requires_grad: bool = False, name: str | None = None, generator: np.random.Generator | None = None
) -> Tensor:
    """Numbers drawn evenly from [0, 1).

    >>> rand(2, 3).shape
    (2, 3)
    """
    return _drawn(generator_of(generator).random, shape, dtype, requires_grad, name)


def randn(
    *shape: Any, dtype: Any = None, requires_grad: bool = False, name: str | None = None, generator: np.random.Generator | None = None
) -> Tensor:
    """Numbers drawn from the normal distribution with mean 0 and variance 1.

    >>> randn((2, 3)).shape
    (2, 3)
    """
    return _drawn(generator_of(generator).standard_normal, shape, dtype, requires_grad, name)


def _drawn(draw: Any, shape: tuple, dtype: Any, requires_grad: bool, name: str | None) -> Tensor:
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        shape = tuple(shape[0])
    dtype = get_default_dtype() if dtype is None else np.dtype(dtype)
    if dtype.kind != "f":
        raise DTypeError(f"random numbers are of a real floating dtype, not {dtype}")
    # NumPy draws in two dtypes; for another the numbers are converted.
    drawn = draw(shape, dtype=dtype if dtype in (np.float32, np.float64) else np.float64)
    tensor = wrap(np.asarray(drawn, dtype) if shape else dtype.type(drawn))
    if name is not None:
        tensor.name = name
    return tensor.requires_grad_(requires_grad)


def rand_like(x: Tensor, **keywords: Any) -> Tensor:
    """rand of the shape and dtype of x."""
    return rand(x.shape, **{"dtype": x.dtype, **keywords})


def randn_like(x: Tensor, **keywords: Any) -> Tensor:
    """randn of the shape and dtype of x."""
    return randn(x.shape, **{"dtype": x.dtype, **keywords})
