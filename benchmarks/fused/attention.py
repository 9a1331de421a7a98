"""Attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .row import Inputs, Row


def queries_keys_values(rng: np.random.Generator, shape: tuple[int, ...]) -> Inputs:
    return [rng.standard_normal(shape).astype(np.float32) for _ in range(3)]


def attention(torch: Any, q: Any, k: Any, v: Any) -> Any:
    return torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), -1) @ v


def causal_attention(torch: Any, q: Any, k: Any, v: Any) -> Any:
    hidden = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).triu(1)
    return torch.softmax((q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(hidden, -math.inf), -1) @ v


SHAPES = (2, 4, 64, 32), (4, 8, 256, 64), (1, 4, 1024, 64)

ROWS = (
    *(
        Row("attention", shape, queries_keys_values, lambda F, q, k, v: F.scaled_dot_product_attention(q, k, v), attention)
        for shape in SHAPES
    ),
    *(
        Row("causal attention", shape, queries_keys_values,
            lambda F, q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), causal_attention)
        for shape in SHAPES
    ),
)
