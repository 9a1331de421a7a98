"""The cases of convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...fused.convolution import Convolution, ConvolutionWeight, Sliding, TransposedConvolution
from ...nn import functional
from ..cases import Case, cases_of
from ..inputs import Cases, uniform

# What settings, and the shapes of x, weight and out of a convolution. The first one has a tap that sees padding only; in the second x and
# weight can be one tensor.
SETTINGS = (
    ({"stride": (2,), "padding": (4,), "dilation": (2,), "groups": 1}, (2, 1, 3), (2, 1, 2), (2, 2, 5)),
    ({"stride": (1, 1), "padding": (1, 0), "dilation": (1, 1), "groups": 1}, (2, 2, 2, 2), (2, 2, 2, 2), (2, 2, 3, 1)),
    ({"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "groups": 2}, (1, 4, 4, 3), (2, 2, 3, 2), (1, 2, 2, 1)),
    ({"stride": (3, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}, (1, 2, 3, 2), (1, 2, 1, 1), (1, 1, 1, 2)),
    ({"stride": (1, 2), "padding": (1, 1), "dilation": (1, 1), "groups": 2}, (1, 2, 2, 3), (2, 1, 2, 2), (1, 2, 3, 2)),
    ({"stride": (1, 1, 2), "padding": (1, 0, 0), "dilation": (1, 1, 1), "groups": 1}, (1, 1, 2, 2, 3), (1, 1, 2, 1, 2), (1, 1, 3, 2, 1)),
    ({"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1}, (0, 1, 2, 2), (2, 1, 3, 3), (0, 2, 2, 2)),
)


def pairs_of_places(op: Sliding, sizes: Any, kernel: Any, windows: Any) -> Any:
    """Each window with each tap, and the place where this tap is, if it is on the image."""
    for window in np.ndindex(*windows):
        for tap in np.ndindex(*kernel):
            place = tuple(s * i + d * t - p for s, i, d, t, p in zip(op.stride, window, op.dilation, tap, op.padding))
            if all(0 <= at < size for at, size in zip(place, sizes)):
                yield (slice(None), slice(None), *window), (slice(None), slice(None), *tap), (slice(None), slice(None), *place)


def in_blocks(weight: np.ndarray, groups: int) -> np.ndarray:
    """weight (O, C / groups, ...) as that of one group, (O, C, ...), with 0 between channels of different groups."""
    outputs, channels = weight.shape[0] // groups, weight.shape[1]
    whole = np.zeros((weight.shape[0], channels * groups, *weight.shape[2:]), weight.dtype)
    for group in range(groups):
        rows = slice(group * outputs, (group + 1) * outputs)
        whole[rows, group * channels : (group + 1) * channels] = weight[rows]
    return whole


def by_taps(op: Convolution, x: np.ndarray, weight: np.ndarray, bias: Any = None) -> np.ndarray:
    """The definition of a convolution, one tap of one window after the other."""
    whole = in_blocks(weight, op.groups)
    out = np.zeros((len(x), len(weight), *op.size), x.dtype)
    for window, tap, place in pairs_of_places(op, x.shape[2:], weight.shape[2:], op.size):
        out[window] += x[place] @ whole[tap].T
    return out if bias is None else out + bias.reshape(-1, *(1,) * len(op.size))


def transposed_by_taps(op: TransposedConvolution, x: np.ndarray, weight: np.ndarray, bias: Any = None) -> np.ndarray:
    whole = in_blocks(weight, op.groups)
    out = np.zeros((len(x), whole.shape[1], *op.size), x.dtype)
    for window, tap, place in pairs_of_places(op, op.size, weight.shape[2:], x.shape[2:]):
        out[place] += x[window] @ whole[tap]
    return out if bias is None else out + bias.reshape(-1, *(1,) * len(op.size))


def weight_by_taps(op: ConvolutionWeight, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    whole = np.zeros((y.shape[1], x.shape[1], *op.size), x.dtype)
    for window, tap, place in pairs_of_places(op, x.shape[2:], op.size, y.shape[2:]):
        whole[tap] += y[window].T @ x[place]
    outputs, channels = y.shape[1] // op.groups, x.shape[1] // op.groups
    blocks = [
        whole[group * outputs : (group + 1) * outputs, group * channels : (group + 1) * channels] for group in range(op.groups)
    ]
    return np.concatenate(blocks)


@cases_of(Convolution)
def convolution_cases(rng: np.random.Generator) -> Cases:
    for settings, x_shape, weight_shape, out_shape in SETTINGS:
        op = Convolution(**settings, size=out_shape[2:])
        x, weight, bias = uniform(rng, x_shape), uniform(rng, weight_shape), uniform(rng, weight_shape[0])
        yield Case(op, oracle=lambda x, weight, bias, op=op: by_taps(op, x, weight, bias), x=x, weight=weight, bias=bias)
    same = Convolution((1,), (0,), (1,), 1, (4,))
    yield Case(
        lambda x, weight: functional.conv1d(x, weight, padding="same"),
        oracle=lambda x, weight: by_taps(same, x, weight),
        name="conv1d without bias, padding same, x (1, 2, 4), weight (3, 2, 2)",
        x=uniform(rng, (1, 2, 4)),
        weight=uniform(rng, (3, 2, 2)),
    )
    alone = Convolution((1, 1), (1, 1), (1, 1), 1, (2, 2))
    yield Case(
        lambda x, weight: functional.conv2d(x, weight, padding=1),
        oracle=lambda x, weight: by_taps(alone, x[None], weight)[0],
        name="conv2d of one image, x (1, 2, 2), weight (2, 1, 3, 3)",
        x=uniform(rng, (1, 2, 2)),
        weight=uniform(rng, (2, 1, 3, 3)),
    )


@cases_of(TransposedConvolution)
def transposed_convolution_cases(rng: np.random.Generator) -> Cases:
    for settings, out_shape, weight_shape, x_shape in SETTINGS:
        op = TransposedConvolution(**settings, size=out_shape[2:])
        x, weight, bias = uniform(rng, x_shape), uniform(rng, weight_shape), uniform(rng, out_shape[1])
        yield Case(op, oracle=lambda x, weight, bias, op=op: transposed_by_taps(op, x, weight, bias), x=x, weight=weight, bias=bias)
    wide = TransposedConvolution((2,), (1,), (1,), 1, (5,))
    yield Case(
        lambda x, weight: functional.conv_transpose1d(x, weight, stride=2, padding=1, output_padding=1, dilation=1),
        oracle=lambda x, weight: transposed_by_taps(wide, x, weight),
        name="conv_transpose1d with output_padding, x (2, 2, 3), weight (2, 1, 2)",
        x=uniform(rng, (2, 2, 3)),
        weight=uniform(rng, (2, 1, 2)),
    )
    dilated = TransposedConvolution((1, 1), (1, 0), (1, 3), 1, (3, 7))
    yield Case(
        lambda x, weight: functional.conv_transpose2d(x, weight, padding=(1, 0), output_padding=(0, 2), dilation=(1, 3)),
        oracle=lambda x, weight: transposed_by_taps(dilated, x[None], weight)[0],
        name="conv_transpose2d of one image with output_padding for its dilation, x (1, 3, 2), weight (1, 1, 3, 2)",
        x=uniform(rng, (1, 3, 2)),
        weight=uniform(rng, (1, 1, 3, 2)),
    )


@cases_of(ConvolutionWeight)
def convolution_weight_cases(rng: np.random.Generator) -> Cases:
    for settings, x_shape, weight_shape, y_shape in SETTINGS:
        op = ConvolutionWeight(**settings, size=weight_shape[2:])
        yield Case(op, oracle=lambda x, y, op=op: weight_by_taps(op, x, y), x=uniform(rng, x_shape), y=uniform(rng, y_shape))
