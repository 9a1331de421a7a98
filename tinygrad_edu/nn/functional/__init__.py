"""Network functions under PyTorch's names and signatures."""

from ...ops.elementwise import relu, tanh
from .activation import gelu, leaky_relu, log_softmax, logsigmoid, logsumexp, sigmoid, silu, softmax, softplus
from .attention import scaled_dot_product_attention
from .convolution import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d
from .dense import linear
from .distance import cosine_similarity, normalize, pairwise_distance
from .loss import binary_cross_entropy_with_logits, cross_entropy, huber_loss, l1_loss, mse_loss, smooth_l1_loss
from .normalization import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from .pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from .regularization import dropout
from .sparse import embedding, one_hot

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "adaptive_max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "batch_norm", "binary_cross_entropy_with_logits", "conv1d", "conv2d",
    "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "cosine_similarity", "cross_entropy", "dropout", "embedding",
    "gelu", "group_norm", "huber_loss", "instance_norm", "l1_loss", "layer_norm", "leaky_relu", "linear", "log_softmax", "logsigmoid",
    "logsumexp", "max_pool1d", "max_pool2d", "max_pool3d", "mse_loss", "normalize", "one_hot", "pairwise_distance", "relu", "rms_norm",
    "scaled_dot_product_attention", "sigmoid", "silu", "smooth_l1_loss", "softmax", "softplus", "tanh",
]
