"""Convolutions."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from .row import Inputs, Row

OUTPUTS = 64
TAPS = 3


def images(rng: np.random.Generator, shape: tuple[int, ...]) -> Inputs:
    """x, and weight and bias for 64 channels out of those of x, with 3 taps along each axis."""
    sizes = shape, (OUTPUTS, shape[1], *(TAPS,) * (len(shape) - 2)), (OUTPUTS,)
    return [rng.standard_normal(size).astype(np.float32) for size in sizes]


def transposed_images(rng: np.random.Generator, shape: tuple[int, ...]) -> Inputs:
    x, weight, bias = images(rng, shape)
    assert weight is not None
    return [x, weight.swapaxes(0, 1).copy(), bias]


def convolution(torch: Any, x: Any, weight: Any, bias: Any) -> Any:
    """One product of matrices for all windows, with what they see stacked by taps."""
    sizes, of_channel = x.shape[2:], (-1, *(1,) * (x.ndim - 2))
    padded = x.new_zeros((*x.shape[:2], *(size + 2 for size in sizes)))
    padded[(..., *(slice(1, 1 + size) for size in sizes))] = x
    seen = [padded[(..., *(slice(t, t + size) for t, size in zip(taps, sizes)))] for taps in product(range(TAPS), repeat=len(sizes))]
    columns = torch.stack(seen, 2).reshape(x.shape[0], -1, math.prod(sizes))
    return (weight.reshape(len(weight), -1) @ columns).reshape(x.shape[0], -1, *sizes) + bias.reshape(of_channel)


def convolution_transpose(torch: Any, x: Any, weight: Any, bias: Any) -> Any:
    """One product of matrices, laid on the image tap by tap, two places apart."""
    samples, channels, *sizes = x.shape
    columns = (weight.reshape(channels, -1).T @ x.reshape(samples, channels, -1)).reshape(samples, weight.shape[1], -1, *sizes)
    out = x.new_zeros((samples, weight.shape[1], *(2 * size + 1 for size in sizes)))
    for t, taps in enumerate(product(range(TAPS), repeat=len(sizes))):
        out[(..., *(slice(tap, tap + 2 * size - 1, 2) for tap, size in zip(taps, sizes)))] += columns[:, :, t]
    return out[(..., *(slice(1, None),) * len(sizes))] + bias.reshape(-1, *(1,) * len(sizes))


def called(name: str, **settings: Any) -> Callable[..., Any]:
    """The function of that name, as both libraries understand it."""
    return lambda F, x, weight, bias: getattr(F, name)(x, weight, bias, **settings)


SAME = {"padding": 1}
TWICE = {"stride": 2, "padding": 1, "output_padding": 1}

ROWS = (
    Row("conv2d", (64, 1, 28, 28), images, called("conv2d", **SAME), convolution, data=1),      # the first layer, of data
    Row("conv2d", (32, 64, 14, 14), images, called("conv2d", **SAME), convolution),
    Row("conv2d", (32, 32, 28, 28), images, called("conv2d", **SAME), convolution, {"both": 2.3}, {"both": 1.5}),
    Row("conv1d", (32, 64, 256), images, called("conv1d", **SAME), convolution),
    Row("conv3d", (4, 16, 16, 16, 16), images, called("conv3d", **SAME), convolution),
    Row("conv_transpose2d", (32, 64, 14, 14), transposed_images, called("conv_transpose2d", **TWICE), convolution_transpose),
)
