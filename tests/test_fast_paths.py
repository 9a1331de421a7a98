"""What fused nodes do in pieces for speed: the values and gradients of their twins, at shapes of several pieces; the same bits each time."""

from typing import NamedTuple

import numpy as np
import pytest

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu.fused.blocks import BLOCK_BYTES


class FastPath(NamedTuple):
    """A call of a network function that is large enough for its fast path.

    function  of the inputs, the first of which may lie in memory in any way.
    shape     of the first input.
    others    what makes the other inputs of a generator, the shape and the dtype.
    scale     how far from 0 the first input goes.
    """

    function: object
    shape: tuple[int, ...]
    others: object = lambda rng, shape, dtype: []
    scale: float = 3.0


def labels(rng, shape, dtype):
    return [np.where(rng.random(shape[0]) < 0.1, -100, rng.integers(0, shape[1], shape[0]))]


def labels_and_weight(rng, shape, dtype):
    return [*labels(rng, shape, dtype), rng.uniform(0.5, 2, shape[1]).astype(dtype)]


def probabilities(rng, shape, dtype):
    return [rng.random(shape).astype(dtype)]


def weight_and_bias(rng, shape, dtype):
    return [tg.tensor(rng.standard_normal(size).astype(dtype), requires_grad=True) for size in ((300, shape[1]), 300)]


def dropped(x):
    return F.dropout(x, 0.3, generator=np.random.default_rng(0))


FLAT = (131, 1031)              # 135061 elements: in float32 4 pieces and a bit
FEW = (9973, 10)                # rows of a few elements
LONG = (149, 1031)              # rows of many
FAST_PATHS = {
    "sigmoid": FastPath(F.sigmoid, FLAT),
    "sigmoid of large numbers": FastPath(F.sigmoid, FLAT, scale=1000.0),
    "silu": FastPath(F.silu, FLAT),
    "silu of large numbers": FastPath(F.silu, FLAT, scale=1000.0),
    "softplus": FastPath(F.softplus, FLAT),
    "softplus beyond its threshold": FastPath(lambda x: F.softplus(x, 2.0, 3.0), FLAT),
    "softplus of large numbers": FastPath(F.softplus, FLAT, scale=1000.0),
    "gelu": FastPath(F.gelu, FLAT),
    "gelu of large numbers": FastPath(F.gelu, FLAT, scale=30.0),
    "gelu with tanh": FastPath(lambda x: F.gelu(x, "tanh"), FLAT),
    "dropout": FastPath(dropped, FLAT),
    "softmax": FastPath(F.softmax, LONG),
    "softmax of large numbers": FastPath(F.softmax, LONG, scale=1000.0),
    "softmax over another axis": FastPath(lambda x: F.softmax(x, 1), (7, 31, 17, 19)),
    "softmax over the first axis": FastPath(lambda x: F.softmax(x, 0), LONG),
    "log_softmax": FastPath(F.log_softmax, LONG),
    "log_softmax of large numbers": FastPath(F.log_softmax, LONG, scale=1000.0),
    "log_softmax over another axis": FastPath(lambda x: F.log_softmax(x, 1), (7, 31, 17, 19)),
    "logsumexp": FastPath(lambda x: F.logsumexp(x, -1), LONG),
    "logsumexp of large numbers": FastPath(lambda x: F.logsumexp(x, -1), LONG, scale=1000.0),
    "logsumexp over another axis": FastPath(lambda x: F.logsumexp(x, 1), (7, 31, 17, 19)),
    "logsumexp over two axes": FastPath(lambda x: F.logsumexp(x, (2, 0), keepdim=True), (7, 31, 17, 19)),
    "cross_entropy of many classes": FastPath(F.cross_entropy, LONG, labels),
    "cross_entropy of few classes": FastPath(F.cross_entropy, FEW, labels),
    "cross_entropy of large logits": FastPath(F.cross_entropy, FEW, labels, scale=1000.0),
    "cross_entropy with weights": FastPath(lambda x, y, w: F.cross_entropy(x, y, w, label_smoothing=0.1), LONG, labels_and_weight),
    "cross_entropy of each row": FastPath(
        lambda x, y, w: F.cross_entropy(x, y, w, label_smoothing=0.1, reduction="none"), FEW, labels_and_weight
    ),
    "binary_cross_entropy_with_logits": FastPath(F.binary_cross_entropy_with_logits, FLAT, probabilities),
    "binary_cross_entropy_with_logits of large logits": FastPath(F.binary_cross_entropy_with_logits, FLAT, probabilities, scale=1000.0),
    "binary_cross_entropy_with_logits with weights": FastPath(
        lambda x, y, w, v: F.binary_cross_entropy_with_logits(x, y, w, "none", v),
        FLAT,
        lambda rng, shape, dtype: [*probabilities(rng, shape, dtype), rng.random((shape[0], 1)), rng.random(shape[1])],
    ),
    "mse_loss": FastPath(F.mse_loss, FLAT, probabilities),
    "mse_loss of each element": FastPath(lambda x, y: F.mse_loss(x, y, "none"), FLAT, probabilities),
    "linear with relu": FastPath(lambda x, w, b: F.linear(x, w, b, activation="relu"), (501, 20), weight_and_bias),
    "linear with tanh": FastPath(lambda x, w, b: F.linear(x, w, b, activation="tanh"), (501, 20), weight_and_bias),
    "linear with sigmoid": FastPath(lambda x, w, b: F.linear(x, w, b, activation="sigmoid"), (501, 20), weight_and_bias),
}
for_every_path = pytest.mark.parametrize("path", FAST_PATHS.values(), ids=FAST_PATHS)
in_both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def inputs_of(path, dtype):
    rng = np.random.default_rng(5)
    x = np.clip(rng.standard_normal(path.shape) * path.scale / 3, -path.scale, path.scale).astype(dtype)
    return x, path.others(rng, path.shape, dtype)


def run(path, x, others):
    """The value, and the gradients of x and of the others that require one."""
    leaves = [tg.from_numpy(x, requires_grad=True), *others]
    out = path.function(*leaves)
    g = np.random.default_rng(6).standard_normal(out.shape).astype(out.dtype)
    wanted = [leaf for leaf in leaves if isinstance(leaf, tg.Tensor) and leaf.requires_grad]
    return [out.numpy(), *[gradient.numpy() for gradient in tg.grad(out, wanted, tg.from_numpy(np.asarray(g)))]]


@in_both_dtypes
@for_every_path
def test_a_fast_path_gives_what_the_twin_gives(path, dtype):
    x, others = inputs_of(path, dtype)
    assert x.size * 4 > 2 * BLOCK_BYTES or x.shape[1] == 20
    got = run(path, x, others)
    with tg.composed():
        expected = run(path, x, others)
    for ours, twins in zip(got, expected, strict=True):
        assert ours.dtype == twins.dtype == dtype and ours.shape == twins.shape
        tolerance = 40 * np.finfo(dtype).eps
        np.testing.assert_allclose(ours, twins, rtol=tolerance, atol=tolerance * np.abs(twins).max())


@for_every_path
def test_a_fast_path_gives_the_same_bits_100_times(path):
    x, others = inputs_of(path, np.float32)
    first = run(path, x, others)
    for _ in range(100):
        assert all(np.array_equal(a, b) for a, b in zip(run(path, x, others), first, strict=True))


@for_every_path
def test_a_fast_path_takes_any_layout_of_memory(path):
    x, others = inputs_of(path, np.float64)
    expected = run(path, x, others)
    spread = np.zeros([2 * n for n in x.shape])[tuple([slice(None, None, 2)] * x.ndim)]
    spread[...] = x
    for layout in np.asfortranarray(x), spread, x[::-1].copy()[::-1]:
        for ours, plain in zip(run(path, layout, others), expected, strict=True):
            np.testing.assert_allclose(ours, plain, rtol=1e-12, atol=1e-12 * np.abs(plain).max())


# The digits that a quick form must not lose


@in_both_dtypes
def test_what_is_nearly_0_keeps_its_digits_in_large_arrays(dtype):
    x = np.linspace(-80, -1, 100_000).astype(dtype)
    precise = x.astype(np.longdouble)
    powers = np.exp(precise)
    ones = np.ones_like(x)
    eps = np.finfo(dtype).eps
    zeros = tg.from_numpy(np.zeros_like(x))
    for out, truth in (
        (F.sigmoid(tg.from_numpy(x)), powers / (1 + powers)),
        (F.silu(tg.from_numpy(x)), precise * powers / (1 + powers)),
        (F.softplus(tg.from_numpy(x)), np.log1p(powers)),
        (F.binary_cross_entropy_with_logits(tg.from_numpy(x), zeros, reduction="none"), np.log1p(powers)),
        (F.binary_cross_entropy_with_logits(tg.from_numpy(-x), tg.from_numpy(ones), reduction="none"), np.log1p(powers)),
    ):
        np.testing.assert_allclose(out.numpy(), truth, rtol=5 * float(eps))
    logits = tg.from_numpy(-x, requires_grad=True)
    F.binary_cross_entropy_with_logits(logits, tg.from_numpy(ones), reduction="sum").backward()
    np.testing.assert_allclose(logits.grad.numpy(), -powers / (1 + powers), rtol=5 * float(eps))


def test_sigmoid_is_right_where_exp_of_its_opposite_overflows():
    x = np.linspace(-103, -87, 1000).astype(np.float32)         # the values are below the smallest normal number
    out = F.sigmoid(tg.from_numpy(x)).numpy()
    np.testing.assert_allclose(out, np.exp(x.astype(np.float64)), rtol=0, atol=2e-45)
    assert np.all(out > 0)


def test_the_loss_of_a_sure_and_right_answer_keeps_its_digits():
    for classes in 10, 100:
        logits = np.full((3, classes), 1000, np.float32)
        logits[:, 1] += 10, 12, 14
        losses = F.cross_entropy(tg.from_numpy(logits), np.array([1, 1, 1]), reduction="none").numpy()
        np.testing.assert_allclose(losses, np.log1p((classes - 1) * np.exp([-10.0, -12.0, -14.0])), atol=1e-6)


def test_nan_and_infinities_reach_no_other_element():
    x = np.zeros(100_000, np.float32)
    x[[3, 70_000, 70_001]] = np.nan, np.inf, -np.inf
    for function in F.sigmoid, F.softplus, dropped:
        out = function(tg.from_numpy(x)).numpy()
        assert np.flatnonzero(np.isnan(out)).tolist() in ([3], [])
    assert F.sigmoid(tg.from_numpy(x)).numpy()[[70_000, 70_001]].tolist() == [1, 0]
    rows = np.zeros((1000, 100), np.float32)
    rows[5, 7], rows[700, 0] = np.nan, -np.inf
    for function in F.softmax, lambda x: F.logsumexp(x, 1, True), F.log_softmax:
        assert np.flatnonzero(np.isnan(function(tg.from_numpy(rows)).numpy()).any(axis=1)).tolist() == [5]


# Dropout's mask


def test_what_dropout_drops_is_0_even_of_nan_and_infinities():
    x = tg.tensor(np.full(1000, np.inf, np.float32), requires_grad=True)
    for way in tg.enable_grad, tg.composed:
        with way():
            out = F.dropout(x, 0.5)
        assert set(out.tolist()) == {0.0, np.inf}
        (gradient,) = tg.grad(out, x, tg.full((1000,), np.inf))
        assert set(gradient.tolist()) == {0.0, np.inf}


@pytest.mark.parametrize("p", [0.0001, 0.1, 0.5, 0.9, 0.9999])
def test_dropout_drops_as_often_as_it_should(p):
    draws = 4_000_000
    zeros = np.count_nonzero(F.dropout(tg.ones(draws), p).numpy() == 0)
    assert abs(zeros - draws * p) < 5 * np.sqrt(draws * p * (1 - p))


def test_a_probability_below_2_to_the_minus_16_is_no_0():
    class Drawn(np.random.Generator):
        """Draws what it is told to."""

        def integers(self, low, high, size, dtype, endpoint=False):
            return np.full(size, self.numbers.pop(0), dtype)

    generator = Drawn(np.random.PCG64())
    for second, out in (4, 0), (5, 1):
        generator.numbers = [0, second]                         # the first 16 bits are 0, as those of p: the second 16 tell
        assert F.dropout(tg.ones(3), 5 * 2.0**-32, generator=generator).tolist() == [out] * 3
    generator.numbers = [2**64 - 1]
    assert F.dropout(tg.ones(3), 1 - 2.0**-16, generator=generator).tolist() == [2.0**16] * 3
    generator.numbers = [2**64 - 1]
    assert F.dropout(tg.ones(3), 1.0, generator=generator).tolist() == [0] * 3


@pytest.mark.parametrize("shape", [(), (0,), (3,), (5, 7), (70_001,)], ids=str)
def test_fused_and_composed_drop_the_same(shape):
    x = tg.ones(shape)
    for p in 0.1, 0.5:
        fused = F.dropout(x, p, generator=np.random.default_rng(3))
        with tg.composed():
            composed = F.dropout(x, p, generator=np.random.default_rng(3))
        assert np.array_equal(fused.numpy(), composed.numpy()) and fused.shape == shape


@pytest.mark.parametrize("bits", [np.random.MT19937, np.random.PCG64, np.random.Philox, np.random.SFC64], ids=lambda bits: bits.__name__)
def test_dropout_takes_every_generator(bits):
    drawn = F.dropout(tg.ones(100_000), 0.3, generator=np.random.Generator(bits(1))).numpy()
    assert abs(np.mean(drawn == 0) - 0.3) < 0.01
