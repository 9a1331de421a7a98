"""Functions between the layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .row import Inputs, Row

SHAPES = (128, 512), (1024, 1024), (4096, 1024)


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Inputs:
    return [rng.standard_normal(shape).astype(np.float32)]


def softmax(torch: Any, x: Any) -> Any:
    powers = torch.exp(x - x.max(-1, keepdim=True).values.detach())
    return powers / powers.sum(-1, keepdim=True)


def log_softmax(torch: Any, x: Any) -> Any:
    shifted = x - x.max(-1, keepdim=True).values.detach()
    return shifted - torch.log(torch.exp(shifted).sum(-1, keepdim=True))


def logsumexp(torch: Any, x: Any) -> Any:
    largest = x.max(-1, keepdim=True).values.detach()
    return torch.log(torch.exp(x - largest).sum(-1)) + largest[..., 0]


def tanh_gelu(torch: Any, x: Any) -> Any:
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


CALLS: dict[str, tuple[Callable[..., Any], Callable[..., Any], dict[str, float]]] = {
    "softmax": (lambda F, x: F.softmax(x, -1), softmax, {}),
    "log_softmax": (lambda F, x: F.log_softmax(x, -1), log_softmax, {}),
    "logsumexp": (lambda F, x: F.logsumexp(x, -1) if hasattr(F, "logsumexp") else x.logsumexp(-1), logsumexp, {}),
    "gelu": (lambda F, x: F.gelu(x), lambda torch, x: 0.5 * x * (1 + torch.erf(x * math.sqrt(0.5))), {}),
    "gelu (tanh)": (lambda F, x: F.gelu(x, approximate="tanh"), tanh_gelu, {"both": 1.0}),
    "sigmoid": (lambda F, x: F.sigmoid(x), lambda torch, x: 1 / (1 + torch.exp(-x)), {}),
    "silu": (lambda F, x: F.silu(x), lambda torch, x: x / (1 + torch.exp(-x)), {}),
    "softplus": (lambda F, x: F.softplus(x), lambda torch, x: torch.log(1 + torch.exp(x)), {}),
}
"""By name a function, the same from PyTorch's primitives, and what is to be reached."""

ROWS = tuple(Row(name, shape, normal, *CALLS[name]) for name in CALLS for shape in SHAPES)
