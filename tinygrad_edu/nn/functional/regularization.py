"""Regularization: dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.tensor import Tensor
from ...fused.blocks import blocks
from ...fused.dropout import Dropout
from ...ops.operands import as_tensor
from ...ops.random import generator_of


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
    """Bools drawn at random, each False with probability p, to 2**-32."""
    # As numbers of 32 bits of which the second half is drawn only where the first does not tell whether they are below p * 2**32.
    first, second = divmod(round(p * 2**32), 2**16)
    generator = generator_of(generator)
    mask = np.empty(shape, bool)
    flat = mask.reshape(-1)
    for block in blocks(mask.size, 2):
        piece = flat[block]
        words = generator.integers(0, 2**64 - 1, -(-piece.size // 4), np.uint64, endpoint=True)    # whole words are the quickest to draw
        drawn = words.view(np.uint16)[: piece.size]
        np.greater_equal(drawn, first, out=piece)
        if second:
            undecided = np.flatnonzero(drawn == first)
            piece[undecided] = generator.integers(0, 2**16, undecided.size, np.uint16) >= second
    return mask


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
