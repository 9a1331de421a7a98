"""The losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from .row import Inputs, Row


def logits_and_labels(rng: np.random.Generator, shape: tuple[int, ...]) -> Inputs:
    return [rng.standard_normal(shape).astype(np.float32), rng.integers(0, shape[1], shape[0])]


def targets_and_logits(rng: np.random.Generator, shape: tuple[int, ...]) -> Inputs:
    """The targets come first: they are data, without a gradient."""
    return [rng.integers(0, 2, shape).astype(np.float32), rng.standard_normal(shape).astype(np.float32)]


def targets_and_values(rng: np.random.Generator, shape: tuple[int, ...]) -> Inputs:
    return [rng.standard_normal(shape).astype(np.float32) for _ in range(2)]


def cross_entropy(torch: Any, logits: Any, labels: Any) -> Any:
    largest = logits.max(1, keepdim=True).values.detach()
    shifted = logits - largest
    log_probabilities = shifted - torch.log(torch.exp(shifted).sum(1, keepdim=True))
    return -log_probabilities[torch.arange(len(labels)), labels].mean()


def binary_cross_entropy(torch: Any, targets: Any, logits: Any) -> Any:
    rest = torch.log(1 + torch.exp(-torch.abs(logits)))
    return (torch.maximum(logits, torch.zeros(())) - logits * targets + rest).mean()


SHAPES = (128, 512), (1024, 1024), (4096, 1024)

ROWS = (
    *(
        Row("cross_entropy", shape, logits_and_labels, lambda F, x, labels: F.cross_entropy(x, labels), cross_entropy,
            {"both": 0.3} if shape[1] == 10 else {})
        for shape in ((128, 10), (4096, 10), (1024, 1000))
    ),
    *(
        Row("binary_cross_entropy_with_logits", shape, targets_and_logits,
            lambda F, t, x: F.binary_cross_entropy_with_logits(x, t), binary_cross_entropy, data=1)
        for shape in SHAPES
    ),
    *(
        Row("mse_loss", shape, targets_and_values, lambda F, t, x: F.mse_loss(x, t), lambda torch, t, x: ((x - t) * (x - t)).mean(), data=1)
        for shape in SHAPES
    ),
)
