"""The cases of the fused ops, in the rooms of nn/functional/."""

from . import (
    activation,
    attention,
    convolution,
    dense,
    loss,
    normalization,
    pooling,
    recurrent,
    reduction,
    regularization,
    sparse,
)
