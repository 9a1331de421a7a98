"""The cases of poolings."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...fused.pooling import AveragePool, AveragePoolAdjoint, MaxPool, Pooling
from ...nn import functional
from ..cases import Case, cases_of
from ..inputs import Cases, apart, uniform

WINDOWS: tuple[tuple[tuple[int, ...], tuple], ...] = (
    # x, and kernel_size, stride, padding, dilation, ceil_mode
    ((2, 2, 4, 6), ((2, 2), (2, 2), (0, 0), (1, 1), False)),
    ((2, 5, 6), ((3, 3), (2, 2), (1, 1), (1, 1), False)),
    ((2, 4, 5), ((3, 2), (1, 1), (1, 0), (1, 1), False)),
    ((1, 6, 5), ((2, 2), (2, 3), (1, 1), (1, 1), True)),
    ((3, 7), ((3,), (3,), (0,), (1,), True)),
    ((7,), ((2,), (1,), (0,), (1,), False)),
    ((3, 3, 4), ((2, 1, 2), (1, 1, 2), (0, 0, 0), (1, 1, 1), False)),
    ((0, 4, 4), ((2, 2), (2, 2), (0, 0), (1, 1), False)),
)
DILATED: tuple[tuple[tuple[int, ...], tuple], ...] = (
    ((2, 9), ((3,), (2,), (1,), (2,), False)),
    ((1, 7, 6), ((2, 3), (1, 2), (1, 1), (3, 2), True)),
)


def window_by_window(x: np.ndarray, op: Pooling, value: Callable[[np.ndarray, tuple[int, ...]], Any]) -> np.ndarray:
    """A pooling by its definition: value of the elements of each window, and of the window's place."""
    axes = len(op.kernel_size)
    lead, sizes, counts = x.shape[: x.ndim - axes], x.shape[x.ndim - axes :], op.out_shape(x.shape)[x.ndim - axes :]
    out = np.empty((*lead, *counts), x.dtype)
    for window in itertools.product(*map(range, counts)):
        places = []
        for i, n in enumerate(sizes):
            along = [window[i] * op.stride[i] - op.padding[i] + t * op.dilation[i] for t in range(op.kernel_size[i])]
            places.append([place for place in along if 0 <= place < n])
        inside: Any = (..., *np.ix_(*places))
        elements = x[inside]
        place: Any = (..., *window)
        out[place] = value(elements.reshape(*lead, math.prod(map(len, places))), window)
    return out


@cases_of(MaxPool)
def max_pool_cases(rng: np.random.Generator) -> Cases:
    for x_shape, settings in WINDOWS + DILATED:
        op = MaxPool(*settings)
        yield Case(
            op, oracle=lambda x, op=op: window_by_window(x, op, lambda elements, _: np.max(elements, axis=-1)), x=apart(rng)(x_shape)
        )
    op = MaxPool((2, 2), (2, 2), (0, 0), (1, 1))
    yield Case(
        lambda x: functional.max_pool2d(x, 2),
        oracle=lambda x: window_by_window(x, op, lambda elements, _: np.max(elements, axis=-1)),
        name="max_pool2d of (2, 5, 5)",
        x=apart(rng)((2, 5, 5)),
    )


def average(elements: np.ndarray, window: tuple[int, ...], op: AveragePool, sizes: tuple[int, ...]) -> np.ndarray:
    counted = op.divisor_override or elements.shape[-1]
    if op.count_include_pad and not op.divisor_override:
        counted = 1
        for i, (n, place) in enumerate(zip(sizes, window)):
            start = place * op.stride[i] - op.padding[i]
            counted *= min(start + op.kernel_size[i], n + op.padding[i]) - start
    return np.sum(elements, axis=-1) / elements.dtype.type(counted)


def averages(x: np.ndarray, op: AveragePool) -> np.ndarray:
    sizes = x.shape[x.ndim - len(op.kernel_size) :]
    return window_by_window(x, op, lambda elements, window: average(elements, window, op, sizes))


@cases_of(AveragePool)
def average_pool_cases(rng: np.random.Generator) -> Cases:
    for x_shape, settings in WINDOWS:
        for more in (True, 0), (False, 0), (True, 3):
            op = AveragePool(*settings, *more)
            yield Case(op, oracle=partial(averages, op=op), x=uniform(rng, x_shape))
    yield Case(
        lambda x: functional.avg_pool1d(x, 3, 1, 1),
        oracle=lambda x: averages(x, AveragePool((3,), (1,), (1,), (1,))),
        name="avg_pool1d of (2, 3, 5)",
        x=uniform(rng, (2, 3, 5)),
    )


@cases_of(AveragePoolAdjoint)
def average_pool_adjoint_cases(rng: np.random.Generator) -> Cases:
    def oracle(x: np.ndarray, op: AveragePool, sizes: tuple[int, ...]) -> np.ndarray:
        """By sums of all products: the average of each unit array says which windows it is in, and by how much."""
        units = np.eye(int(np.prod(sizes)), dtype=x.dtype).reshape(-1, *sizes)
        share = averages(units, op).reshape(len(units), -1)
        lead = x.shape[: x.ndim - len(sizes)]
        return (x.reshape(*lead, share.shape[1]) @ share.T).reshape(*lead, *sizes)

    for x_shape, settings in WINDOWS:
        for more in (True, 0), (False, 0):
            op = AveragePool(*settings, *more)
            sizes = x_shape[len(x_shape) - len(op.kernel_size) :]
            yield Case(
                AveragePoolAdjoint(*settings, *more, sizes),
                oracle=partial(oracle, op=op, sizes=sizes),
                x=uniform(rng, op.out_shape(x_shape)),
            )
