"""The cases of attention."""

from __future__ import annotations

import numpy as np

from ...fused.attention import ScaledDotProductAttention
from ...nn import functional
from ..cases import Case, cases_of
from ..inputs import Cases, uniform


def attention_by_rows(op: ScaledDotProductAttention, q, k, v, mask=None, dropout_mask=None):
    """The definition, one query after the other."""
    scores_shape = (*np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2]), q.shape[-2], k.shape[-2])
    q, k, v = (np.broadcast_to(x, (*scores_shape[:-2], *x.shape[-2:])) for x in (q, k, v))
    mask = np.broadcast_to(True if mask is None else mask, scores_shape)
    dropout_mask = np.broadcast_to(True if dropout_mask is None else dropout_mask, scores_shape)
    out = np.zeros((*scores_shape[:-1], v.shape[-1]), q.dtype)
    for place in np.ndindex(out.shape[:-1]):
        *batch, i = place
        b = tuple(batch)
        seen = mask[place] if mask.dtype == bool else mask[place] > -np.inf
        seen = [j for j in range(scores_shape[-1]) if seen[j] and (j <= i or not op.causal)]
        powers = {j: np.exp(op.scale * (q[place] @ k[(*b, j)]) + (0 if mask.dtype == bool else mask[place][j])) for j in seen}
        for j in seen:
            if dropout_mask[place][j]:
                out[place] += powers[j] / sum(powers.values()) / (1 - op.p) * v[(*b, j)]
    return out


@cases_of(ScaledDotProductAttention)
def attention_cases(rng: np.random.Generator) -> Cases:
    # By name the settings, the shapes of q, k and v, and the masks.
    numbers, bools = uniform(rng, (2, 3)), np.array([[True, False, True], [False, False, False]])
    hidden = np.where(bools, 0.5, -np.inf)
    for name, op, shapes, mask in (
        ("plain", ScaledDotProductAttention(0.5), ((2, 2), (3, 2), (3, 1)), None),
        ("of a batch", ScaledDotProductAttention(0.7), ((2, 1, 2, 1), (2, 3, 1), (3, 2)), None),
        ("causal", ScaledDotProductAttention(0.5, True), ((3, 2), (3, 2), (3, 2)), None),
        ("causal, more keys", ScaledDotProductAttention(0.5, True), ((2, 2), (3, 2), (3, 2)), None),
        ("causal, more queries", ScaledDotProductAttention(0.5, True), ((3, 2), (2, 2), (2, 2)), None),
        ("with a mask of bools", ScaledDotProductAttention(0.5), ((2, 2, 1), (3, 1), (3, 2)), bools),
        ("with a mask of -inf", ScaledDotProductAttention(0.5), ((2, 2), (3, 2), (3, 2)), hidden),
        ("causal, with a mask", ScaledDotProductAttention(0.5, True), ((2, 2), (3, 2), (3, 2)), bools[:1]),
        ("of no batch", ScaledDotProductAttention(0.5), ((0, 2, 2), (3, 2), (3, 1)), None),
        ("of no queries", ScaledDotProductAttention(0.5, True), ((0, 2), (3, 2), (3, 1)), None),
        ("of no keys", ScaledDotProductAttention(0.5), ((2, 2), (0, 2), (0, 1)), None),
    ):
        q, k, v = (uniform(rng, shape) for shape in shapes)
        yield Case(
            lambda q, k, v, op=op, mask=mask: op(q, k, v, mask if mask is None or mask.dtype == bool else mask.astype(q.dtype), None),
            oracle=lambda q, k, v, op=op, mask=mask: attention_by_rows(op, q, k, v, mask),
            name=f"{op!r} {name}",
            q=q,
            k=k,
            v=v,
        )
    for mask in numbers, numbers[:, :1], numbers[:1], np.stack([numbers, numbers[::-1]]):
        op = ScaledDotProductAttention(0.5, mask.ndim == 2, 0.25)
        yield Case(
            op,
            oracle=lambda q, k, v, mask, dropout_mask, op=op: attention_by_rows(op, q, k, v, mask, dropout_mask),
            q=uniform(rng, (2, 2)),
            k=uniform(rng, (2, 3, 2)),
            v=uniform(rng, (3, 1)),
            mask=mask,
            dropout_mask=np.array([[[True, False, True], [True, True, True]], [[False, True, True], [True, True, False]]]),
        )
    yield Case(
        lambda query, key, value: functional.scaled_dot_product_attention(query, key, value, scale=0.5, enable_gqa=True),
        oracle=lambda query, key, value: attention_by_rows(ScaledDotProductAttention(0.5), query, key.repeat(2, -3), value.repeat(2, -3)),
        name="scaled_dot_product_attention with groups of heads",
        query=uniform(rng, (4, 1, 2)),
        key=uniform(rng, (2, 2, 2)),
        value=uniform(rng, (2, 2, 1)),
    )
