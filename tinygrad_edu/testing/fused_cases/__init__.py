"""The cases of the fused ops, in the rooms of nn/functional/."""

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
