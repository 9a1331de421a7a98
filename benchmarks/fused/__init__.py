"""What a fused node costs: forward and backward, beside its composed twin, PyTorch's fused function and PyTorch's primitives."""

from __future__ import annotations

from . import (
    activation,
    attention,
    convolution,
    dense,
    distance,
    loss,
    normalization,
    pooling,
    recurrent,
    reduction,
    regularization,
    sparse,
)
from .row import Row

ROWS: tuple[Row, ...] = (
    *normalization.ROWS,
    *loss.ROWS,
    *activation.ROWS,
    *dense.ROWS,
    *distance.ROWS,
    *attention.ROWS,
    *convolution.ROWS,
    *pooling.ROWS,
    *recurrent.ROWS,
    *reduction.ROWS,
    *regularization.ROWS,
    *sparse.ROWS,
)
