"""The norms."""

from __future__ import annotations

from typing import Any

import numpy as np

from .row import Inputs, Row

EPS = 1e-5


def of_channels(rng: np.random.Generator, shape: tuple[int, ...]) -> Inputs:
    """x, and a weight and a bias for each channel, on axis 1."""
    return _float32(rng.standard_normal(shape), rng.uniform(0.5, 1.5, shape[1]), rng.standard_normal(shape[1]))


def of_rows(rng: np.random.Generator, shape: tuple[int, ...]) -> Inputs:
    """x, and a weight and a bias for each element of a row."""
    return _float32(rng.standard_normal(shape), rng.uniform(0.5, 1.5, shape[-1]), rng.standard_normal(shape[-1]))


def _float32(*arrays: np.ndarray) -> Inputs:
    return [array.astype(np.float32) for array in arrays]


def batch_norm(torch: Any, x: Any, weight: Any, bias: Any) -> Any:
    axes = (0, *range(2, x.ndim))
    of_channel = (-1, *(1,) * (x.ndim - 2))
    centered = x - x.mean(axes, keepdim=True)
    var = (centered * centered).mean(axes, keepdim=True)
    return centered / torch.sqrt(var + EPS) * weight.reshape(of_channel) + bias.reshape(of_channel)


def layer_norm(torch: Any, x: Any, weight: Any, bias: Any) -> Any:
    centered = x - x.mean(-1, keepdim=True)
    var = (centered * centered).mean(-1, keepdim=True)
    return centered / torch.sqrt(var + EPS) * weight + bias


def rms_norm(torch: Any, x: Any, weight: Any, bias: Any) -> Any:
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + EPS) * weight


GROUPS = 8


def group_norm(torch: Any, x: Any, weight: Any, bias: Any) -> Any:
    grouped = x.reshape(x.shape[0], GROUPS, -1)
    centered = grouped - grouped.mean(-1, keepdim=True)
    var = (centered * centered).mean(-1, keepdim=True)
    of_channel = (-1, *(1,) * (x.ndim - 2))
    return (centered / torch.sqrt(var + EPS)).reshape(x.shape) * weight.reshape(of_channel) + bias.reshape(of_channel)


def instance_norm(torch: Any, x: Any, weight: Any, bias: Any) -> Any:
    axes = tuple(range(2, x.ndim))
    of_channel = (-1, *(1,) * (x.ndim - 2))
    centered = x - x.mean(axes, keepdim=True)
    var = (centered * centered).mean(axes, keepdim=True)
    return centered / torch.sqrt(var + EPS) * weight.reshape(of_channel) + bias.reshape(of_channel)


BATCH_NORM_AIMS = {(4096, 1024): {"forward": 2.2, "backward": 2.0}, (32, 64, 28, 28): {"forward": 0.6, "backward": 2.2}}
IMAGES = (8, 64, 14, 14), (32, 64, 28, 28), (16, 256, 14, 14)
ROWS_OF = (128, 512), (1024, 128), (4096, 1024)

ROWS = (
    *(
        Row("batch_norm", shape, of_channels, lambda F, x, w, b: F.batch_norm(x, None, None, w, b, training=True), batch_norm,
            BATCH_NORM_AIMS.get(shape, {}))
        for shape in ((128, 512), (4096, 1024), (32, 64, 28, 28))
    ),
    *(
        Row("layer_norm", shape, of_rows, lambda F, x, w, b: F.layer_norm(x, tuple(w.shape), w, b), layer_norm,
            {"both": 3.5} if shape == (4096, 1024) else {})
        for shape in ROWS_OF
    ),
    *(
        Row("rms_norm", shape, lambda rng, shape: of_rows(rng, shape)[:2], lambda F, x, w: F.rms_norm(x, tuple(w.shape), w, EPS),
            lambda torch, x, w: rms_norm(torch, x, w, None))
        for shape in ROWS_OF
    ),
    *(
        Row("group_norm", shape, of_channels, lambda F, x, w, b: F.group_norm(x, GROUPS, w, b), group_norm)
        for shape in IMAGES
    ),
    *(
        Row("instance_norm", shape, of_channels, lambda F, x, w, b: F.instance_norm(x, weight=w, bias=b), instance_norm)
        for shape in IMAGES
    ),
)
