"""Initialization, in place and not recorded, under PyTorch's names and with its formulas.

fan_in is the number of inputs that meet in one output: weight.shape[1] times the sizes of all axes after it; fan_out is
weight.shape[0] times these. Every function returns its tensor; those that draw take a NumPy Generator, or use the default one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.modes import no_grad
from ..engine.tensor import Tensor
from ..errors import ShapeError
from ..ops.random import rand_like, randn_like

_GAINS = {
    **dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid"), 1.0),
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the size of signals through a nonlinearity, as PyTorch recommends it.

    1 for "linear", "sigmoid" and the convolutions, 5/3 for "tanh", sqrt(2) for "relu", 3/4 for "selu", and
    sqrt(2 / (1 + param**2)) for "leaky_relu", whose slope below 0 is param, 0.01 if not given.

    >>> calculate_gain("leaky_relu", 1.0)
    1.0
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2 / (1 + slope * slope))
    if nonlinearity not in _GAINS:
        raise ValueError(f"calculate_gain: nonlinearity={nonlinearity!r}; it needs to be one of {', '.join(_GAINS)}, leaky_relu")
    return _GAINS[nonlinearity]


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: np.random.Generator | None = None) -> Tensor:
    """Fill with numbers drawn evenly from [a, b)."""
    if not a <= b:
        raise ValueError(f"uniform_: the range is from a={a} to b={b}; a may not be above b")
    return _fill(tensor, a + (b - a) * rand_like(tensor, generator=generator))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: np.random.Generator | None = None) -> Tensor:
    """Fill with numbers drawn from the normal distribution."""
    if not std >= 0:
        raise ValueError(f"normal_: std={std}; it needs to be at least 0")
    return _fill(tensor, mean + std * randn_like(tensor, generator=generator))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with val.

    >>> import tinygrad_edu as tg
    >>> constant_(tg.zeros(2), 0.5)
    Tensor([0.5, 0.5])
    """
    return _fill(tensor, val)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros."""
    return _fill(tensor, 0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones."""
    return _fill(tensor, 1)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: np.random.Generator | None = None) -> Tensor:
    """Fill with numbers drawn evenly from [-bound, bound), bound = gain * sqrt(6 / (fan_in + fan_out)).

    Source    Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural networks, eq. 16.
    """
    fan_in, fan_out = _fans("xavier_uniform_", tensor)
    bound = gain * math.sqrt(6 / max(1, fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: np.random.Generator | None = None) -> Tensor:
    """Fill with numbers drawn from the normal distribution with std = gain * sqrt(2 / (fan_in + fan_out)).

    Source    Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural networks, eq. 12.
    """
    fan_in, fan_out = _fans("xavier_normal_", tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2 / max(1, fan_in + fan_out)), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill with numbers drawn evenly from [-bound, bound), bound = gain * sqrt(3 / fan).

    gain is calculate_gain(nonlinearity, a), so a is the slope of a leaky ReLU; mode says whether fan is fan_in or fan_out.

    Source    He et al. (2015), arXiv:1502.01852, section 2.2.
    """
    bound = math.sqrt(3) * _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill with numbers drawn from the normal distribution with std = gain / sqrt(fan); the arguments are those of kaiming_uniform_.

    Source    He et al. (2015), arXiv:1502.01852, section 2.2.
    """
    return normal_(tensor, 0.0, _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity), generator)


def _kaiming_std(function: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{function}: mode={mode!r}; it needs to be 'fan_in' or 'fan_out'")
    fan_in, fan_out = _fans(function, tensor)
    return calculate_gain(nonlinearity, a) / math.sqrt(max(1, fan_in if mode == "fan_in" else fan_out))


def _fans(function: str, tensor: Tensor) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ShapeError(
            f"{function}: {f'the tensor {tensor.name!r}' if tensor.name else 'the tensor'} has shape {tensor.shape}; it needs at least "
            f"two axes, (outputs, inputs, ...), or there is no fan_in and fan_out"
        )
    outputs, inputs, *window = tensor.shape
    return inputs * math.prod(window), outputs * math.prod(window)


def _fill(tensor: Tensor, values: Any) -> Tensor:
    with no_grad():
        tensor[...] = values
    return tensor
