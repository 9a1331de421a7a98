"""Attention: beside PyTorch and mpmath, what hides a key, its blocks and their memory; and the layers that are made of it."""

import math
import tracemalloc
from contextlib import nullcontext

import numpy as np
import pytest
from mpmath import diff, mp

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu import nn
from tinygrad_edu.engine.node import kept_bytes
from tinygrad_edu.errors import DTypeError, ShapeError
from tinygrad_edu.fused.attention import QUERIES, ScaledDotProductAttention

fused_and_composed = pytest.mark.parametrize("way", [nullcontext, tg.composed], ids=["fused", "composed"])
INF = np.inf


def drawn(*shapes, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def value_and_gradients(function, arrays, g=None):
    """function of tensors that require grad, and the gradients of all, as arrays."""
    tensors = [tg.tensor(x, requires_grad=True) for x in arrays]
    out = function(*tensors)
    out.backward(np.cos(np.arange(out.size)).reshape(out.shape).astype(out.dtype) if g is None else g)
    return out.numpy(), [x.grad.numpy() for x in tensors]


def assert_same(got, expected, tolerance):
    np.testing.assert_allclose(got[0], expected[0], rtol=tolerance, atol=tolerance)
    for a, b in zip(got[1], expected[1], strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


# Beside PyTorch


def pytorchs(arrays, **settings):
    import torch

    tensors = [torch.tensor(x, requires_grad=True) for x in arrays]
    q, k, v, *masks = tensors
    mask = torch.tensor(settings.pop("bools")) if "bools" in settings else masks[0] if masks else None
    out = torch.nn.functional.scaled_dot_product_attention(q, k, v, mask, **settings)
    out.backward(torch.tensor(np.cos(np.arange(out.numel())).reshape(out.shape), dtype=out.dtype))
    return out.detach().numpy(), [x.grad.numpy() for x in tensors]


def unscaled(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, scale=1.0)


def ours(arrays, bools=None, **settings):
    return value_and_gradients(
        lambda q, k, v, mask=None: F.scaled_dot_product_attention(q, k, v, mask if bools is None else bools, **settings), arrays
    )


SOME = np.random.default_rng(1).random((2, 1, 5, 7)) > 0.3
SOME[0, 0, 2] = False                                               # a query that sees no key
FIVE, SEVEN = (2, 3, 5, 4), (2, 3, 7, 4)


@pytest.mark.peers
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("shapes", "settings"),
    [
        ((FIVE, SEVEN, (2, 3, 7, 6)), {}),
        ((FIVE, SEVEN, SEVEN), {"scale": 2.0}),
        ((FIVE, SEVEN, SEVEN), {"scale": 0.0}),
        ((FIVE, FIVE, FIVE), {"is_causal": True}),
        ((FIVE, SEVEN, SEVEN), {"is_causal": True}),
        ((SEVEN, FIVE, FIVE), {"is_causal": True}),
        ((FIVE, SEVEN, SEVEN), {"bools": SOME}),
        ((FIVE, SEVEN, SEVEN), {"bools": SOME[0, 0]}),
        ((FIVE, SEVEN, SEVEN, (5, 7)), {}),
        ((FIVE, SEVEN, SEVEN, (3, 1, 7)), {}),
        ((FIVE, SEVEN, SEVEN, (2, 1, 5, 1)), {}),
        (((5, 4), (7, 4), (7, 4)), {}),
        (((2, 1, 5, 4), (3, 7, 4), (1, 3, 7, 4)), {}),
        (((2, 6, 5, 4), SEVEN, SEVEN), {"enable_gqa": True}),
        (((2, 6, 5, 4), SEVEN, SEVEN), {"enable_gqa": True, "is_causal": True}),
        (((2, 6, 5, 4), SEVEN, SEVEN), {"enable_gqa": True, "bools": SOME}),
        (((2, 6, 5, 4), SEVEN, SEVEN), {"enable_gqa": True, "bools": np.repeat(SOME, 6, 1)}),
        (((6, 5, 4), SEVEN[1:], SEVEN[1:]), {"enable_gqa": True, "bools": SOME[0, 0]}),
        (((1, 2, 300, 8), (1, 2, 200, 8), (1, 2, 200, 8)), {"is_causal": True}),
        (((1, 2, 200, 8), (1, 2, 300, 8), (1, 2, 300, 8), (200, 300)), {}),
    ],
)
def test_values_and_gradients_are_pytorchs(shapes, settings, dtype):
    arrays = drawn(*shapes, dtype=dtype)
    assert_same(ours(arrays, **settings), pytorchs(arrays, **settings), 1e-12 if dtype == np.float64 else 2e-5)


@pytest.mark.peers
def test_of_no_keys_and_of_nothing_as_in_pytorch():
    for shapes in ((2, 3, 4), (2, 0, 4), (2, 0, 6)), ((0, 3, 4), (0, 5, 4), (0, 5, 4)), ((2, 0, 4), (2, 5, 4), (2, 5, 4)), ((3, 0), (5, 0), (5, 2)):
        arrays = drawn(*shapes)
        assert_same(ours(arrays), pytorchs(arrays), 1e-12)


# Of any order


@pytest.mark.parametrize(
    ("causal", "mask"),
    [(False, None), (True, None), (False, [[True, False, True], [False, False, False]]), (True, [[0.5, -INF, 1.0], [0.25, -1.0, 0.0]])],
    ids=["plain", "causal", "a mask of bools", "causal, with a mask of numbers"],
)
def test_derivatives_up_to_the_fourth_are_those_of_mpmath(causal, mask):
    """Of sum(w * attention(q + t * dq, ...)) by t at 0: the first by the hand-written gradient, too."""
    q, k, v, *directions = drawn((2, 2), (3, 2), (3, 2), (2, 2), (3, 2), (3, 2), seed=5)
    w = np.cos(np.arange(4)).reshape(2, 2)

    def along(t):
        q_, k_, v_ = (np.vectorize(mp.mpf, otypes=[object])(x) + t * np.vectorize(mp.mpf, otypes=[object])(d) for x, d in zip((q, k, v), directions))
        total = mp.mpf(0)
        for i in range(2):
            seen = [j for j in range(3) if not (causal and j > i) and (mask is None or mask[i][j] not in (False, -INF))]
            added = [mask[i][j] if mask is not None and mask[i][j] is not True else 0 for j in seen]
            powers = [mp.exp(sum(q_[i] * k_[j]) / 2 + m) for j, m in zip(seen, added)]
            total += sum(p / sum(powers) * sum(w[i] * v_[j]) for p, j in zip(powers, seen))
        return total

    t = tg.tensor(0.0, dtype=np.float64, requires_grad=True)
    out = ScaledDotProductAttention(0.5, causal)(
        *[tg.tensor(x) + t * d for x, d in zip((q, k, v), directions)], None if mask is None else np.array(mask), None
    )
    total = (out * w).sum()
    derivatives = [total, *tg.grad(total, t, retain_graph=True)]
    slope = total
    for _ in range(4):
        slope, = tg.grad(slope, t, create_graph=True)
        derivatives.append(slope)
    with mp.workdps(60):
        expected = [float(diff(along, 0, order)) for order in (0, 1, 1, 2, 3, 4)]
    np.testing.assert_allclose([x.item() for x in derivatives], expected, rtol=1e-11, atol=1e-11)


# What hides a key


@fused_and_composed
def test_a_query_that_sees_no_key_gets_zeros(way):
    q, k, v = drawn((2, 2), (3, 2), (3, 2))
    bools = np.array([[True, False, True], [False, False, False]])
    for mask in bools, np.where(bools, 0, -INF):
        with way(), np.errstate(all="raise"):
            out, gradients = value_and_gradients(lambda q, k, v, mask=mask: F.scaled_dot_product_attention(q, k, v, mask), [q, k, v])
        assert out[1].tolist() == [0, 0] and out[0].all()
        assert gradients[0][1].tolist() == gradients[1][1].tolist() == gradients[2][1].tolist() == [0, 0]
        assert all(np.isfinite(gradient).all() for gradient in gradients)


@fused_and_composed
def test_large_scores_lose_nothing(way):
    """Scores of 1e4, and of 1e8: a weight is 1, or is shared by ties."""
    q, k, v = np.float32([[100.0], [1e4], [-1e4]]), np.float32([[100.0], [100.0], [-1e4]]), np.float32([[1.0], [3.0], [7.0]])
    with way(), np.errstate(over="raise", invalid="raise"):
        out, (grad_q, _, grad_v) = value_and_gradients(unscaled, [q, k, v], np.ones((3, 1), np.float32))
    assert out.tolist() == [[2], [2], [7]]
    assert grad_v.tolist() == [[1], [1], [1]]
    assert grad_q.tolist() == [[0], [0], [0]]


@fused_and_composed
def test_weights_of_large_scores_add_up_to_1(way):
    """largest + log(total) in one number would be off by 1e-3 here."""
    rng = np.random.default_rng(0)
    q, k = np.float32([[1e4, 1.0]]), np.stack([np.ones(50), rng.standard_normal(50)], 1).astype(np.float32)
    with way():
        _, (_, _, grad_v) = value_and_gradients(unscaled, [q, k, np.ones((50, 1), np.float32)], np.float32([[1]]))
    assert grad_v.sum() == pytest.approx(1, abs=1e-6)


def test_causal_and_a_mask_both_hold():
    q, k, v = drawn((4, 2), (4, 2), (4, 2))
    for mask in np.array([[True, True, True, False]]), np.array([[False, True, True, True]]):       # the second leaves query 0 no key
        both = F.scaled_dot_product_attention(q, k, v, mask, is_causal=True)
        np.testing.assert_allclose(both.data, F.scaled_dot_product_attention(q, k, v, mask & np.tri(4, dtype=bool)).data, rtol=1e-14)
    assert both.data[0].tolist() == [0, 0]


def test_no_query_sees_the_future():
    q, k, v = drawn((300, 4), (300, 4), (300, 4))
    before = F.scaled_dot_product_attention(q, k, v, is_causal=True).data
    k[200:], v[200:] = 1e3, 1e6
    after = F.scaled_dot_product_attention(q, k, v, is_causal=True).data
    np.testing.assert_allclose(before[:200], after[:200], rtol=1e-13)
    assert not np.isclose(before[200:], after[200:]).any()


def test_a_mask_of_another_dtype_is_converted_and_gets_its_gradient():
    q, k, v = drawn((2, 3), (4, 3), (4, 3), dtype=np.float32)
    mask = tg.zeros((2, 4), np.float64, requires_grad=True)
    out = F.scaled_dot_product_attention(q, k, v, mask)
    out.backward(np.ones((2, 3), np.float32))
    assert out.dtype == np.float32 and mask.grad.dtype == np.float64
    np.testing.assert_allclose(mask.grad.data.sum(axis=1), 0, atol=1e-7)


# Dropout


def test_dropout_drops_weights_and_scales_the_others():
    q, k, v = drawn((40, 2), (50, 2), (50, 3), dtype=np.float32)
    op = F.scaled_dot_product_attention(tg.tensor(q, requires_grad=True), k, np.eye(50, dtype=np.float32), dropout_p=0.25)
    whole = F.scaled_dot_product_attention(q, k, np.eye(50, dtype=np.float32)).data
    dropped = op.data == 0
    assert 0.2 < dropped.mean() < 0.3
    np.testing.assert_allclose(op.data[~dropped], whole[~dropped] / 0.75, rtol=1e-5)
    assert not F.scaled_dot_product_attention(q, k, v, dropout_p=1.0).data.any()
    tg.manual_seed(3)
    first = F.scaled_dot_product_attention(q, k, v, dropout_p=0.5)
    assert not np.array_equal(first.data, F.scaled_dot_product_attention(q, k, v, dropout_p=0.5).data)
    tg.manual_seed(3)
    with tg.composed():
        np.testing.assert_allclose(F.scaled_dot_product_attention(q, k, v, dropout_p=0.5).data, first.data, rtol=1e-5, atol=1e-6)


# Blocks and memory

LONG = [
    ((2, QUERIES + 3, 5), (2, 70, 5), (2, 70, 4)),                  # the second block of queries is not full
    ((9, 20, 3), (9, 300, 3), (9, 300, 3)),                         # several members of the batch in a block, fewer in the last
    ((1, 2 * QUERIES, 2), (1, 2 * QUERIES + 1, 2), (1, 2 * QUERIES + 1, 2)),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("causal", [False, True], ids=["plain", "causal"])
@pytest.mark.parametrize("masked", [False, True], ids=["", "masked, with dropout"])
@pytest.mark.parametrize("shapes", LONG, ids=str)
def test_several_blocks_are_the_twin_and_the_same_each_time(shapes, causal, masked, dtype):
    arrays = drawn(*shapes, dtype=dtype)
    scores_shape = (shapes[0][0], shapes[0][1], shapes[1][1])
    op, dropped = ScaledDotProductAttention(0.5, causal, 0.25), None
    if masked:
        arrays += drawn(scores_shape[1:], dtype=dtype, seed=1)
        dropped = np.random.default_rng(2).random(scores_shape) < 0.75

    def attend(q, k, v, mask=None):
        return op(q, k, v, mask, dropped)

    first = value_and_gradients(attend, arrays)
    with tg.composed():
        assert_same(first, value_and_gradients(attend, arrays), 1e-12 if dtype == np.float64 else 3e-5)
    for _ in range(3):
        again = value_and_gradients(attend, arrays)
        assert all(np.array_equal(a, b) for a, b in zip([first[0], *first[1]], [again[0], *again[1]], strict=True))


def peak_and_kept(length, causal=False, mask=None):
    """The bytes that forward and backward need at most beyond inputs, and those that the graph keeps, for one head."""
    q, k, v = (tg.tensor(x, requires_grad=True) for x in drawn(*[(length, 16)] * 3, dtype=np.float32))
    g = np.ones((length, 16), np.float32)
    tracemalloc.start()
    try:
        out = F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal)
        kept = kept_bytes([out.node])
        tg.grad(out, [q, k, v], g)
        return tracemalloc.get_traced_memory()[1], kept
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("causal", [False, True], ids=["plain", "causal"])
def test_memory_grows_linearly_with_the_sequence(causal):
    peak_and_kept(256)                                              # fills the caches
    peaks, kept = zip(*[peak_and_kept(length, causal) for length in (1024, 2048, 4096)], strict=True)
    for small, large in (*zip(peaks, peaks[1:]), *zip(kept, kept[1:])):
        assert large < 2.1 * small
    with tg.composed():
        peak, all_kept = peak_and_kept(1024, causal)
    assert peaks[0] < 0.2 * peak and kept[0] < 0.1 * all_kept


def test_a_mask_that_broadcasts_is_not_made_larger():
    """A mask for each key, as padding has it, costs nothing beside what attention costs without."""
    shape = (1, 4, 1024, 8)
    arrays = drawn(shape, shape, shape, dtype=np.float32)
    peaks = []
    for mask in None, np.ones((1, 1, 1, 1024), bool):
        tracemalloc.start()
        F.scaled_dot_product_attention(*arrays, mask)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


# What is refused


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((tg.zeros(3, name="q"), tg.zeros((2, 3)), tg.zeros((2, 3))), ShapeError, ["query ('q') has shape (3,)", "two axes"]),
        ((tg.zeros((2, 3)), tg.zeros((2, 4)), tg.zeros((2, 3))), ShapeError, ["(2, 3)", "(2, 4)", "last axes", "equal"]),
        ((tg.zeros((2, 3)), tg.zeros((2, 3)), tg.zeros((4, 3))), ShapeError, ["key has shape (2, 3)", "value has shape (4, 3)", "each key"]),
        ((tg.zeros((2, 2, 3)), tg.zeros((3, 2, 3)), tg.zeros((2, 3))), ShapeError, ["(2, 2, 3)", "(3, 2, 3)", "do not broadcast"]),
        ((tg.zeros((2, 3)), tg.zeros((2, 3), np.float64), tg.zeros((2, 3))), DTypeError, ["float32", "key", "float64"]),
        ((np.zeros((2, 3), int),) * 3, DTypeError, ["query", "int64", "floating"]),
        ((np.zeros((2, 3), np.float16),) * 3, DTypeError, ["float16", "float32"]),
        ((*[tg.zeros((2, 3))] * 3, np.ones((3, 2), bool)), ShapeError, ["attn_mask has shape (3, 2)", "(2, 2)"]),
        ((*[tg.zeros((2, 3))] * 3, np.ones((4, 2, 2), bool)), ShapeError, ["attn_mask has shape (4, 2, 2)", "broadcast"]),
        ((*[tg.zeros((2, 3))] * 3, np.ones((2, 2), int)), DTypeError, ["attn_mask", "int64", "bools"]),
        ((*[tg.zeros((2, 3))] * 3, None, 1.5), ValueError, ["dropout_p=1.5", "from 0 to 1"]),
        ((*[tg.zeros((2, 3))] * 3, None, math.nan), ValueError, ["dropout_p=nan"]),
        ((*[tg.zeros((2, 3))] * 3, None, 0.0, False, None, True), ShapeError, ["three axes", "heads"]),
        ((tg.zeros((4, 2, 3)), *[tg.zeros((3, 2, 3))] * 2, None, 0.0, False, None, True), ShapeError, ["(4, 2, 3)", "(3, 2, 3)", "multiple"]),
        ((tg.zeros((4, 2, 3)), *[tg.zeros((2, 2, 3))] * 2, np.ones((2, 2, 2), bool), 0.0, False, None, True), ShapeError, ["(2, 2, 2)", "(4, 2, 2)"]),
    ],
)
def test_what_attention_cannot_do_is_said(arguments, error, words):
    with pytest.raises(error) as failure:
        F.scaled_dot_product_attention(*arguments)
    for word in ("scaled_dot_product_attention", *words):
        assert word in str(failure.value)


# The layers


def pair(kind, *arguments, **settings):
    """A layer of ours and PyTorch's, in float64, with the same numbers."""
    import torch

    layer = getattr(nn, kind)(*arguments, **settings, dtype=np.float64)
    theirs = getattr(torch.nn, kind)(*arguments, **settings, dtype=torch.float64)
    for parameter in layer.parameters():
        with tg.no_grad():
            parameter += 0.1 * tg.randn_like(parameter)             # the biases too
    assert list(layer.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict({path: torch.tensor(value.data) for path, value in layer.state_dict().items()})
    return layer, theirs


def run_both(ours, theirs, inputs, call):
    """The outputs of call(layer, *inputs) and the gradients of inputs and parameters, of both libraries."""
    import torch

    found = []
    for layer, leaf in (ours, lambda x: tg.tensor(x, requires_grad=True)), (theirs, lambda x: torch.tensor(x, requires_grad=True)):
        layer.zero_grad()
        leaves = [leaf(x) for x in inputs]
        outs = call(layer, *leaves)
        outs = [out for out in outs if out is not None] if isinstance(outs, tuple) else [outs]
        sum((out * out).sum() for out in outs).backward()
        gradients = [x.grad for x in leaves] + [parameter.grad for _, parameter in sorted(layer.named_parameters())]
        found.append([x.detach().numpy() for x in outs + gradients])
    return found


E, H, N, L, S = 6, 3, 2, 4, 5
SEEN = np.random.default_rng(2).random((L, S)) < 0.7
SEEN[:, 0] = True                                                   # or PyTorch's weights are NaN
PADDED = np.array([[False, False, True, False, True], [False, False, False, False, True]])


@pytest.mark.peers
@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize(
    ("settings", "masks"),
    [
        ({}, {}),
        ({"batch_first": True, "bias": False}, {}),
        ({"kdim": 3, "vdim": 2}, {}),
        ({"kdim": 3, "batch_first": True}, {"attn_mask": ~SEEN}),
        ({}, {"key_padding_mask": PADDED}),
        ({}, {"key_padding_mask": np.where(PADDED, -INF, 0.5), "attn_mask": np.where(SEEN, 0.25, -1)}),
        ({}, {"key_padding_mask": PADDED, "attn_mask": ~SEEN}),
        ({}, {"attn_mask": np.random.default_rng(3).standard_normal((N * H, L, S))}),
    ],
)
def test_multihead_attention_is_pytorchs(settings, masks, need_weights):
    import torch

    layer, theirs = pair("MultiheadAttention", E, H, **settings)
    sizes = [(L, N, E), (S, N, settings.get("kdim", E)), (S, N, settings.get("vdim", E))]
    inputs = [np.swapaxes(x, 0, 1) if settings.get("batch_first") else x for x in drawn(*sizes)]

    def call(layer, *inputs):
        given = {name: torch.tensor(mask) if layer is theirs else mask for name, mask in masks.items()}
        return layer(*inputs, need_weights=need_weights, **given)

    for a, b in zip(*run_both(layer, theirs, inputs, call), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.peers
def test_multihead_attention_without_a_batch_and_the_weights_of_each_head():
    layer, theirs = pair("MultiheadAttention", E, H)
    for inputs in drawn((L, E), (S, E), (S, E)), drawn((L, N, E), (S, N, E), (S, N, E)):
        for average in True, False:
            both = run_both(layer, theirs, inputs, lambda layer, *inputs, average=average: layer(*inputs, average_attn_weights=average))
            for a, b in zip(*both, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)
    q, k, v = drawn((L, E), (S, E), (S, E))
    padded = layer(q, k, v, key_padding_mask=PADDED[0])[1]
    assert not padded.data[:, PADDED[0]].any()
    np.testing.assert_allclose(padded.data.sum(axis=1), 1)


@pytest.mark.peers
@pytest.mark.parametrize("settings", [{}, {"norm_first": True, "activation": "gelu"}, {"batch_first": True, "bias": False}])
def test_the_encoder_is_pytorchs(settings):
    import torch

    layer, theirs = pair("TransformerEncoderLayer", E, H, 7, dropout=0.0, **settings)
    causal = np.triu(np.full((L, L), -INF), 1)
    x = drawn((N, L, E) if layer.self_attn.batch_first else (L, N, E))

    def call(layer, x):
        return layer(x, torch.tensor(causal) if layer is theirs else causal, is_causal=True)

    for a, b in zip(*run_both(layer, theirs, x, call), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(E, dtype=np.float64))
    torchs = torch.nn.TransformerEncoder(theirs, 2, torch.nn.LayerNorm(E, dtype=torch.float64), enable_nested_tensor=False)
    assert list(encoder.state_dict()) == list(torchs.state_dict())
    for a, b in zip(*run_both(encoder, torchs, x, lambda layer, x: layer(x)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.peers
@pytest.mark.parametrize("settings", [{}, {"kdim": 20, "vdim": 30}])
def test_multihead_attention_starts_as_in_pytorch(settings):
    import torch

    layer, theirs = nn.MultiheadAttention(60, 2, **settings), torch.nn.MultiheadAttention(60, 2, **settings)
    for path, parameter in layer.named_parameters():
        torchs = dict(theirs.named_parameters())[path].detach().numpy()
        assert parameter.shape == torchs.shape
        assert np.abs(parameter.data).max() == pytest.approx(np.abs(torchs).max(), rel=0.02)
        assert parameter.data.std() == pytest.approx(torchs.std(), rel=0.05)
    generators = [np.random.default_rng(0) for _ in range(2)]
    one, other = (nn.TransformerEncoderLayer(4, 2, 8, generator=generator).state_dict() for generator in generators)
    assert all(np.array_equal(one[path].data, other[path].data) for path in one)


def test_with_and_without_weights_it_is_the_same():
    layer = nn.MultiheadAttention(E, H, dropout=0.5)
    query, key, value = drawn((L, N, E), (S, N, E), (S, N, E), dtype=np.float32)
    for settings in {}, {"is_causal": True}, {"attn_mask": ~SEEN}, {"attn_mask": np.ones((L, S), bool)}:
        for training in True, False:
            layer.train(training)
            outs = []
            for need_weights in True, False:
                tg.manual_seed(1)
                out, weights = layer(query, key, value, need_weights=need_weights, **settings)
                outs.append(out.data)
                assert (weights is not None) == need_weights
            np.testing.assert_allclose(*outs, rtol=1e-5, atol=1e-6)
    assert np.array_equal(outs[0], np.broadcast_to(layer.out_proj.bias.data, outs[0].shape))    # all is hidden


def test_a_transformer_trains_the_same_on_its_twins():
    x = tg.tensor(drawn((5, 4, 8), dtype=np.float32)[0])
    histories = []
    for mode in tg.enable_grad, tg.composed:
        tg.manual_seed(0)
        layer = nn.TransformerEncoderLayer(8, 2, 16, activation="gelu")
        optimizer = tg.optim.Adam(layer.parameters(), lr=0.01)
        losses = []
        with mode():
            for _ in range(10):
                loss = F.mse_loss(layer(x, is_causal=True), x * x)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
        histories.append(losses)
    np.testing.assert_allclose(*histories, rtol=1e-4)
    assert histories[0][-1] < histories[0][0]


def test_layers_say_what_they_compute(capsys):
    nn.TransformerEncoderLayer(4, 2, 8, norm_first=True).describe()
    lines = capsys.readouterr().out.splitlines()
    assert lines[:6] == [
        "TransformerEncoderLayer(activation=relu, norm_first=True)",
        "    x = x + dropout1(self_attn(norm1(x)))",
        "    out = x + dropout2(linear2(dropout(relu(linear1(norm2(x))))))",
        "self_attn: MultiheadAttention(embed_dim=4, num_heads=2, dropout=0.1, bias=True, kdim=4, vdim=4, batch_first=False)",
        "    head = softmax(q @ k.T / sqrt(2)) @ v    for each of 2 heads, of 2 features",
        "    q, k, v = query @ Wq.T, key @ Wk.T, value @ Wv.T, and a bias each",
    ]
    nn.MultiheadAttention(4, 2, bias=False).describe()
    nn.TransformerEncoderLayer(4, 2, 8, activation=nn.Tanh()).describe()
    out = capsys.readouterr().out
    assert "value @ Wv.T\n" in out and "norm2(x + dropout2(linear2(dropout(Tanh(linear1(x))))))" in out


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: nn.MultiheadAttention(5, 2), ValueError, ["embed_dim=5", "num_heads=2"]),
        (lambda: nn.MultiheadAttention(4, 2, add_bias_kv=True), ValueError, ["add_bias_kv"]),
        (lambda: nn.MultiheadAttention(4, 2, add_zero_attn=True), ValueError, ["add_zero_attn"]),
        (lambda: nn.MultiheadAttention(4, 2, dropout=2), ValueError, ["2"]),
        (lambda: attend((3, 1, 4), (5, 1, 3), (5, 1, 4)), ShapeError, ["key has shape (5, 1, 3)", "4 features"]),
        (lambda: attend((3, 1, 4), (5, 4), (5, 4)), ShapeError, ["key has shape (5, 4)", "batch"]),
        (lambda: attend((3, 1, 4), (5, 1, 4), (6, 1, 4)), ShapeError, ["(5, 1, 4)", "(6, 1, 4)", "one length"]),
        (lambda: attend((3, 1, 4), (5, 2, 4), (5, 2, 4)), ShapeError, ["(3, 1, 4)", "(5, 2, 4)", "axis 1"]),
        (lambda: attend(*[(3, 1, 4)] * 3, dtype=np.float64), DTypeError, ["query", "float64", "float32"]),
        (lambda: attend(*[(3, 1, 4)] * 3, attn_mask=np.ones((1, 3, 3), bool)), ShapeError, ["attn_mask", "(1, 3, 3)", "(2, 3, 3)"]),
        (lambda: attend(*[(3, 1, 4)] * 3, key_padding_mask=np.ones((3, 1), bool)), ShapeError, ["key_padding_mask", "(3, 1)", "(1, 3)"]),
        (lambda: attend(*[(3, 1, 4)] * 3, attn_mask=np.ones((3, 3), int)), DTypeError, ["attn_mask", "int64", "hidden"]),
        (lambda: nn.TransformerEncoderLayer(4, 2, activation="tanh"), ValueError, ["'tanh'", "'relu'", "'gelu'"]),
    ],
)
def test_what_a_layer_cannot_do_is_said(call, error, words):
    with pytest.raises(error) as failure:
        call()
    for word in words:
        assert word in str(failure.value)


def attend(*shapes, dtype=np.float32, **masks):
    return nn.MultiheadAttention(4, 2)(*[tg.zeros(shape, dtype) for shape in shapes], **masks)
