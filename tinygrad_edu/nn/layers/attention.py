"""Attention, and the transformer's encoder that is made of it."""

from __future__ import annotations

import copy
import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ...engine.tensor import Tensor
from ...errors import DTypeError, ShapeError
from ...fused.attention import ScaledDotProductAttention
from ...ops.creation import zeros
from ...ops.operands import as_tensor
from .. import functional as F, init
from ..functional.checks import described
from ..functional.regularization import drop_probability, dropout_mask
from ..module import Module, Parameter
from .container import Sequential
from .dense import Linear
from .normalization import LayerNorm
from .regularization import Dropout


class MultiheadAttention(Module):
    """Attention of several heads, each with its own projections of query, key and value.

    out = heads @ out_proj.weight.T + out_proj.bias    head = softmax(q @ k.T / sqrt(d)) @ v

    q, k and v are query @ Wq.T + bq, key @ Wk.T + bk and value @ Wv.T + bv, of which each head has d = embed_dim / num_heads features.

    Parameters
        embed_dim    features E of query and of out.
        num_heads    heads H; they divide embed_dim.
        dropout      the probability to drop a weight, in training.
        bias         whether the projections have a bias.
        kdim, vdim   features of key and value; embed_dim if not given.
        batch_first  whether the batch is on axis 0, and not on axis 1.
        dtype        of the parameters; the default dtype if not given.
        generator    what draws the parameters.
        add_bias_kv, add_zero_attn  are PyTorch's, and refused.

    Shapes    query and out (L, N, E), key (S, N, kdim), value (S, N, vdim); with batch_first the first two axes change places; without
              a batch the axis N is missing. The weights are (N, L, S), or (N, H, L, S) of each head.
    Starts    the weights of the projections as xavier_uniform_, that of out_proj as in Linear, the biases at 0, as in PyTorch.
    Raises    ShapeError if shapes do not fit, DTypeError if dtypes differ.
    Source    Vaswani et al. (2017), arXiv:1706.03762, section 3.2.2.

    >>> import tinygrad_edu as tg
    >>> x = tg.zeros((2, 5, 6))
    >>> out, weights = MultiheadAttention(6, 3, batch_first=True)(x, x, x)
    >>> out.shape, weights.shape
    ((2, 5, 6), (2, 5, 5))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        *,
        dtype: Any = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        if num_heads < 1 or embed_dim % num_heads:
            raise ValueError(f"MultiheadAttention: embed_dim={embed_dim} features do not make num_heads={num_heads} equal heads")
        for name, value in ("add_bias_kv", add_bias_kv), ("add_zero_attn", add_zero_attn):
            if value:
                raise ValueError(f"MultiheadAttention: {name}={value} is not supported; append a key and a value to the inputs")
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.dropout = drop_probability(dropout, None)
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.batch_first = batch_first
        together = self.kdim == self.vdim == embed_dim
        self.register_parameter("in_proj_weight", Parameter(zeros((3 * embed_dim, embed_dim), dtype)) if together else None)
        for name, features in ("q", embed_dim), ("k", self.kdim), ("v", self.vdim):
            self.register_parameter(f"{name}_proj_weight", None if together else Parameter(zeros((embed_dim, features), dtype)))
        self.register_parameter("in_proj_bias", Parameter(zeros(3 * embed_dim, dtype)) if bias else None)
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype=dtype, generator=generator)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: np.random.Generator | None = None) -> None:
        """Draw all weights anew, and set the biases to 0."""
        self.out_proj.reset_parameters(generator)
        for weight in self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight:
            if weight is not None:
                init.xavier_uniform_(weight, generator=generator)
        for bias in self.in_proj_bias, self.out_proj.bias:
            if bias is not None:
                init.zeros_(bias)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Returns the output, and the weights or None.

        Parameters
            key_padding_mask      (N, S), or (S,) without a batch: bools, True where a key does not count, or numbers that are added to
                                  the scores.
            need_weights          whether to return the weights. They take memory that is quadratic in the length, and their gradients
                                  are those of primitives; without them it is one node, and quicker.
            attn_mask             (L, S), or (N * H, L, S) for each head: bools, True where a query does not see a key (the opposite of
                                  scaled_dot_product_attention's, as in PyTorch), or numbers that are added to the scores.
            average_attn_weights  whether to return the mean of the weights over the heads.
            is_causal             query i sees the keys up to i only. PyTorch needs attn_mask for it; here it is enough by itself, and
                                  beside masks all hold.
        """
        query, key, value = as_tensor(query), as_tensor(key), as_tensor(value)
        self._check(query, key, value)
        alone = query.ndim == 2
        if alone:
            query, key, value = (x.reshape(1, *x.shape) for x in (query, key, value))
        elif not self.batch_first:
            query, key, value = (x.swapaxes(0, 1) for x in (query, key, value))
        q, k, v = self._projected(query, key, value)
        mask = self._mask(key_padding_mask, attn_mask, alone, (*q.shape[:3], k.shape[2]), query.dtype)
        p = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            attention = ScaledDotProductAttention(1 / math.sqrt(q.shape[-1]), bool(is_causal), p)
            weights = attention.weights(q, k, mask, dropout_mask((*q.shape[:3], k.shape[2]), p) if p else None)
            out = weights @ v
            weights = weights.mean(axis=1) if average_attn_weights else weights
        else:
            out = F.scaled_dot_product_attention(q, k, v, mask, p, is_causal)
        out = self.out_proj(out.swapaxes(1, 2).reshape(query.shape))
        if alone:
            return out[0], None if weights is None else weights[0]
        return out if self.batch_first else out.swapaxes(0, 1), weights

    def _check(self, query: Tensor, key: Tensor, value: Tensor) -> None:
        named = {"query": query, "key": key, "value": value}
        shapes = f"MultiheadAttention: {', '.join(described(role, x) for role, x in named.items())}"
        for (role, x), features in zip(named.items(), (self.embed_dim, self.kdim, self.vdim)):
            if x.ndim not in (2, 3) or x.ndim != query.ndim or x.shape[-1] != features:
                raise ShapeError(f"{shapes}; they need the axes (length, features), or a batch too, and {role} needs {features} features")
            if x.dtype != self.out_proj.weight.dtype:
                weights = self.out_proj.weight.dtype
                raise DTypeError(f"MultiheadAttention: {role} has dtype {x.dtype} and the weights have {weights}; they need to be the same")
        batch = 0 if self.batch_first else 1
        if key.shape[:-1] != value.shape[:-1] or (query.ndim == 3 and query.shape[batch] != key.shape[batch]):
            raise ShapeError(f"{shapes}; key and value need one length, and all of them one batch, on axis {batch}")

    def _projected(self, *inputs: Tensor) -> list[Tensor]:
        """Queries, keys and values, (N, H, length, d) each, of inputs (N, length, features)."""
        own_weights = self.q_proj_weight, self.k_proj_weight, self.v_proj_weight
        heads = []
        for i, (x, own_weight) in enumerate(zip(inputs, own_weights)):
            part = slice(i * self.embed_dim, (i + 1) * self.embed_dim)
            weight = own_weight if self.in_proj_weight is None else self.in_proj_weight[part]
            x = F.linear(x, weight, None if self.in_proj_bias is None else self.in_proj_bias[part])
            heads.append(x.reshape(*x.shape[:2], self.num_heads, self.embed_dim // self.num_heads).swapaxes(1, 2))
        return heads

    def _mask(
        self, key_padding_mask: Any, attn_mask: Any, alone: bool, scores_shape: tuple[int, ...], dtype: np.dtype
    ) -> Tensor | np.ndarray | None:
        """Both masks in one, as scaled_dot_product_attention takes it."""
        batch, heads, queries, keys = scores_shape
        masks = []
        if key_padding_mask is not None:
            mask = _mask_of_shape("key_padding_mask", key_padding_mask, (keys,) if alone else (batch, keys))
            masks.append(mask.reshape(batch, 1, 1, keys))
        if attn_mask is not None:
            mask = _mask_of_shape("attn_mask", attn_mask, (queries, keys), (batch * heads, queries, keys))
            masks.append(mask if mask.ndim == 2 else mask.reshape(scores_shape))
        if masks and all(mask.dtype == bool for mask in masks):
            return ~functools.reduce(np.logical_or, [mask.data for mask in masks])
        numbers = [np.where(mask.data, -np.inf, 0).astype(dtype) if mask.dtype == bool else mask for mask in masks]
        return functools.reduce(operator.add, numbers) if numbers else None

    def extra_repr(self) -> str:
        return (
            f"embed_dim={self.embed_dim}, num_heads={self.num_heads}, dropout={self.dropout:g}, bias={self.in_proj_bias is not None}, "
            f"kdim={self.kdim}, vdim={self.vdim}, batch_first={self.batch_first}"
        )

    def formula(self) -> list[str]:
        d = self.embed_dim // self.num_heads
        return [
            f"head = softmax(q @ k.T / sqrt({d})) @ v    for each of {self.num_heads} heads, of {d} features",
            f"q, k, v = query @ Wq.T, key @ Wk.T, value @ Wv.T{'' if self.in_proj_bias is None else ', and a bias each'}",
            "out = out_proj(the heads side by side)",
        ]


def _mask_of_shape(role: str, mask: Any, *shapes: tuple[int, ...]) -> Tensor:
    mask = as_tensor(mask)
    if mask.dtype.kind not in "bf":
        raise DTypeError(
            f"MultiheadAttention: {role} has dtype {mask.dtype}; it needs to be of bools, True for what is hidden, or of floating numbers"
        )
    if mask.shape not in shapes:
        raise ShapeError(f"MultiheadAttention: {described(role, mask)}; it needs shape {' or '.join(map(str, shapes))}")
    return mask


class TransformerEncoderLayer(Module):
    """A layer of the transformer's encoder: attention of a sequence to itself, then two linear layers; each with a shortcut and a norm.

    x = norm1(x + dropout1(self_attn(x)))    out = norm2(x + dropout2(linear2(dropout(activation(linear1(x))))))

    or, with norm_first, x = x + dropout1(self_attn(norm1(x))) and out = x + dropout2(linear2(...(norm2(x)))).

    Parameters
        d_model, nhead    features and heads; see MultiheadAttention.
        dim_feedforward   features between the two linear layers.
        dropout           the probability to drop: of the attention's weights, and of what the three Dropouts see.
        activation        "relu", "gelu", or a function.
        layer_norm_eps    what keeps the roots of the norms from 0.
        batch_first       whether the batch is on axis 0, and not on axis 1.
        norm_first        whether the norms come first.
        bias              whether linear layers and norms have a bias.
        dtype, generator  of the parameters; what draws them.

    Shapes    src and out (L, N, d_model), or (N, L, d_model) with batch_first, or (L, d_model).
    Raises    ShapeError if shapes do not fit, DTypeError if dtypes differ, ValueError for an unknown activation.
    Source    Vaswani et al. (2017), arXiv:1706.03762, section 3.1; Xiong et al. (2020), arXiv:2002.04745, for norm_first.

    >>> import tinygrad_edu as tg
    >>> TransformerEncoderLayer(6, 3, 12, batch_first=True)(tg.zeros((2, 5, 6))).shape
    (2, 5, 6)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        dtype: Any = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        if isinstance(activation, str) and activation not in ("relu", "gelu"):
            raise ValueError(f"TransformerEncoderLayer: activation={activation!r}; it needs to be 'relu', 'gelu' or a function")
        drawn: dict[str, Any] = {"dtype": dtype, "generator": generator}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **drawn)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **drawn)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **drawn)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = getattr(F, activation) if isinstance(activation, str) else activation

    def forward(self, src: Any, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False) -> Tensor:
        """The masks are attn_mask and key_padding_mask of MultiheadAttention."""

        def attended(x: Tensor) -> Tensor:
            out, _ = self.self_attn(x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal)
            return self.dropout1(out)

        def transformed(x: Tensor) -> Tensor:
            return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))

        x = as_tensor(src)
        if self.norm_first:
            x = x + attended(self.norm1(x))
            return x + transformed(self.norm2(x))
        x = self.norm1(x + attended(x))
        return self.norm2(x + transformed(x))

    def extra_repr(self) -> str:
        return f"activation={self._activation_name()}, norm_first={self.norm_first}"

    def formula(self) -> list[str]:
        transformed = f"dropout2(linear2(dropout({self._activation_name()}(linear1({'norm2(x)' if self.norm_first else 'x'})))))"
        if self.norm_first:
            return ["x = x + dropout1(self_attn(norm1(x)))", f"out = x + {transformed}"]
        return ["x = norm1(x + dropout1(self_attn(x)))", f"out = norm2(x + {transformed})"]

    def _activation_name(self) -> str:
        return getattr(self.activation, "__name__", type(self.activation).__name__)


class TransformerEncoder(Module):
    """Layers of the transformer's encoder, one after another.

    Parameters
        encoder_layer  is copied for each layer; as in PyTorch, all start with the same numbers.
        num_layers     how many.
        norm           what follows the last one, such as a LayerNorm, or None.

    >>> import tinygrad_edu as tg
    >>> TransformerEncoder(TransformerEncoderLayer(6, 3, 12, batch_first=True), 2)(tg.zeros((2, 5, 6))).shape
    (2, 5, 6)
    """

    def __init__(self, encoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = Sequential(*[copy.deepcopy(encoder_layer) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm

    def forward(self, src: Any, mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False) -> Tensor:
        """The arguments are those of TransformerEncoderLayer."""
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, is_causal)
        return src if self.norm is None else self.norm(src)
