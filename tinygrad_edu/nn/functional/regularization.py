"""Regularization: dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.tensor import Tensor
from ...fused.dropout import Dropout
from ...ops.random import generator_of
from ...ops.reduce import as_tensor


def dropout(
    input: Any,
    p: float | None = None,
    training: bool = True,
    *,
    keep_prob: float | None = None,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """In training, set each element to 0 with probability p, 0.5 if not given, and divide the others by 1 - p; else do nothing.

    keep_prob = 1 - p is the notation of the CS231n notes; give one of the two. The mask is drawn from generator, or from the default
    one, which tg.manual_seed starts.

    Raises ValueError if a probability is outside [0, 1], or both are given.

    >>> dropout(Tensor([1.0, 2.0]), p=1)
    Tensor([0., 0.])
    """
    p = drop_probability(p, keep_prob)
    input = as_tensor(input)
    if not training or p == 0:
        return input
    return Dropout(p)(input, dropout_mask(input.shape, p, generator))


def dropout_mask(shape: tuple[int, ...], p: float, generator: np.random.Generator | None = None) -> np.ndarray:
    """Bools drawn at random, each False with probability p."""
    # Whole numbers of 32 bits are the quickest to draw; p is exact to 2**-32.
    return generator_of(generator).integers(0, 2**32, shape, np.uint32) >= round(p * 2**32)


def drop_probability(p: float | None, keep_prob: float | None) -> float:
    """The probability to drop, from one of its two notations."""
    if p is not None and keep_prob is not None:
        raise ValueError(f"dropout: p={p} is the probability to drop and keep_prob={keep_prob} that to keep; give one of them")
    if keep_prob is not None:
        if not 0 <= keep_prob <= 1:
            raise ValueError(f"dropout: keep_prob={keep_prob} is no probability; it needs to be from 0 to 1")
        return 1 - keep_prob
    p = 0.5 if p is None else p
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p={p} is no probability; it needs to be from 0 to 1")
    return p
