"""Network functions under PyTorch's names and signatures."""

from ...ops.elementwise import relu, tanh
from .activation import gelu, log_softmax, logsumexp, sigmoid, silu, softmax, softplus
from .dense import linear
from .loss import binary_cross_entropy_with_logits, cross_entropy, mse_loss
from .normalization import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from .regularization import dropout

__all__ = [
    "batch_norm", "binary_cross_entropy_with_logits", "cross_entropy", "dropout", "gelu", "group_norm", "instance_norm", "layer_norm",
    "linear", "log_softmax", "logsumexp", "mse_loss", "relu", "rms_norm", "sigmoid", "silu", "softmax", "softplus", "tanh",
]
