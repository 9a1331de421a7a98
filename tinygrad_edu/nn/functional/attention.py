"""Attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...engine.tensor import Tensor
from ...errors import DTypeError, ShapeError
from ...fused.attention import ScaledDotProductAttention
from ...ops.operands import as_tensor
from .checks import broadcasts_to, check_real, described
from .regularization import dropout_mask


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(scale * query @ key.T + attn_mask) @ value, over the last two axes, in memory that grows linearly with L and S.

    Parameters
        query       (..., L, E): L queries. The axes before the last two are a batch; those of all inputs broadcast.
        key, value  (..., S, E) and (..., S, D): S keys and their values.
        attn_mask   broadcasts to (..., L, S): bools, True where a query sees a key, or numbers that are added to the scores. Their
                    gradient is given if they require one.
        dropout_p   the probability to drop a weight; the others are divided by 1 - dropout_p. There is no training mode here: give 0
                    in evaluation. The mask that is drawn has one byte for each weight, so that memory is quadratic.
        is_causal   query i sees the keys up to i only. PyTorch refuses it beside attn_mask; here both hold.
        scale       1 / sqrt(E) if not given.
        enable_gqa  query may have a multiple of the heads (axis -3) of key and value: as many in a row share one of these.
    Returns (..., L, D). A query that sees no key at all gets zeros.
    Raises ShapeError if shapes do not fit, DTypeError if dtypes differ or are no real floating numbers, ValueError for a dropout_p
    outside [0, 1].

    >>> scaled_dot_product_attention(Tensor([[0.0]]), Tensor([[1.0], [2.0]]), Tensor([[3.0], [5.0]]))
    Tensor([[4.]])
    """
    function = "scaled_dot_product_attention"
    query, key, value = as_tensor(query), as_tensor(key), as_tensor(value)
    _check_inputs(function, query, key, value, enable_gqa)
    if not 0 <= dropout_p <= 1:
        raise ValueError(f"{function}: dropout_p={dropout_p} is no probability; it needs to be from 0 to 1")
    batch, heads = _batch_and_heads(function, query, key, value, enable_gqa)
    mask = None if attn_mask is None else _as_mask(function, attn_mask, (*batch, *heads, query.shape[-2], key.shape[-2]), query.dtype)
    if enable_gqa:
        shared = key.shape[-3]
        query, key, value, mask = (_in_groups(x, shared) for x in (query, key, value, mask))
        batch = (*batch, shared)
        heads = (heads[0] // shared,)
    dropped = dropout_mask((*batch, *heads, query.shape[-2], key.shape[-2]), dropout_p) if dropout_p else None
    scale = 1 / math.sqrt(max(1, query.shape[-1])) if scale is None else scale
    out = ScaledDotProductAttention(float(scale), bool(is_causal), float(dropout_p))(query, key, value, mask, dropped)
    return out.reshape(*batch[:-1], shared * heads[0], *out.shape[-2:]) if enable_gqa else out


def _check_inputs(function: str, query: Tensor, key: Tensor, value: Tensor, enable_gqa: bool) -> None:
    for role, tensor in ("query", query), ("key", key), ("value", value):
        if tensor.ndim < 2 + enable_gqa:
            axes = "three axes, (..., heads, length, features)" if enable_gqa else "two axes, (..., length, features)"
            raise ShapeError(f"{function}: {described(role, tensor)}; it needs at least {axes}")
        check_real(function, tensor, role)
        if tensor.dtype != query.dtype:
            raise DTypeError(f"{function}: query has dtype {query.dtype} and {role} has {tensor.dtype}; they need to be the same")
    if key.shape[-1] != query.shape[-1]:
        raise ShapeError(f"{function}: {described('query', query)} and {described('key', key)}; the last axes need to be equal")
    if value.shape[-2] != key.shape[-2]:
        raise ShapeError(f"{function}: {described('key', key)} and {described('value', value)}; there needs to be a value for each key")


def _batch_and_heads(
    function: str, query: Tensor, key: Tensor, value: Tensor, enable_gqa: bool
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes before the last two: those of the batch, which broadcast, and with enable_gqa the heads of query."""
    end = -3 if enable_gqa else -2
    problem = None
    if enable_gqa and (key.shape[-3] != value.shape[-3] or not key.shape[-3] or query.shape[-3] % key.shape[-3]):
        problem = "with enable_gqa key and value need the same number of heads (axis -3), and query a multiple of it"
    try:
        batch = np.broadcast_shapes(query.shape[:end], key.shape[:end], value.shape[:end])
    except ValueError:
        problem = problem or f"the axes before the last {-end} do not broadcast"
    if problem:
        raise ShapeError(f"{function}: {described('query', query)}, {described('key', key)} and {described('value', value)}; {problem}")
    return batch, query.shape[end:-2]


def _as_mask(function: str, mask: Any, scores_shape: tuple[int, ...], dtype: np.dtype) -> Tensor:
    mask = as_tensor(mask)
    if mask.dtype.kind not in "bf":
        raise DTypeError(
            f"{function}: attn_mask has dtype {mask.dtype}; it needs to be of bools, True where a query sees a key, or of floating numbers"
        )
    if not broadcasts_to(mask.shape, scores_shape):
        raise ShapeError(f"{function}: {described('attn_mask', mask)}; it needs to broadcast to that of the scores, {scores_shape}")
    if mask.ndim < 2:
        mask = mask.reshape((1,) * (2 - mask.ndim) + mask.shape)
    return mask if mask.dtype.kind == "b" else mask.astype(dtype, copy=False)


def _in_groups(x: Tensor | None, shared: int) -> Tensor | None:
    """The heads of a tensor on two axes: those of key and value, and how many of query share one."""
    if x is None or x.ndim < 3:
        return x
    heads = x.shape[-3]
    return x.reshape(*x.shape[:-3], *((1, 1) if heads == 1 else (shared, heads // shared)), *x.shape[-2:])
