"""What fused nodes do in pieces for speed: the values and gradients of their twins, at shapes of several pieces; the same bits each time."""

from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import pytest
from mpmath import mp

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu.engine.node import kept_bytes
from tinygrad_edu.fused import batch_norm, group_norm, layer_norm, rms_norm
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


@in_both_dtypes
def test_gelu_far_below_0_keeps_its_digits(dtype):
    x = np.linspace(-12, -1, 200).astype(dtype)
    out = F.gelu(tg.from_numpy(x)).numpy()
    with mp.workdps(40):
        truth = [float(mp.mpf(float(z)) * mp.erfc(-mp.mpf(float(z)) / mp.sqrt(2)) / 2) for z in x]
    np.testing.assert_allclose(out, truth, rtol=150 * np.finfo(dtype).eps)     # that much: the exponent is x**2 / 2, up to 72, and rounded


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


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64])
def test_integers_become_float64(dtype):
    x = np.array([[1, 0, 1]]).astype(dtype)
    for function in F.sigmoid, F.silu, F.softplus, F.gelu, lambda x: F.gelu(x, "tanh"), dropped:
        out = function(tg.from_numpy(x)).numpy()
        assert out.dtype == np.float64
        np.testing.assert_allclose(out, function(tg.from_numpy(x.astype(float))).numpy(), rtol=1e-15)
    if dtype is not bool:                                       # which NumPy does not subtract
        for function in F.softmax, F.log_softmax, lambda x: F.logsumexp(x, 1), lambda x: F.mse_loss(x, x + 1):
            out = function(tg.from_numpy(x)).numpy()
            assert out.dtype == np.float64
            np.testing.assert_allclose(out, function(tg.from_numpy(x.astype(float))).numpy(), rtol=1e-15)


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


# The norms


class Norm(NamedTuple):
    """A norm of an array that is large enough for its fast path.

    function  takes the functions, x and what stands beside it, a weight and perhaps a bias.
    shape     of x: several blocks, the last one not full.
    axes      over which mean and variance are.
    beside    how many tensors stand beside x, and their shape.
    """

    function: object
    shape: tuple[int, ...]
    axes: tuple[int, ...]
    beside: tuple[int, tuple[int, ...]]


NORMS = {
    "batch_norm of vectors": Norm(lambda F, x, *of: F.batch_norm(x, None, None, *of, training=True), (1031, 131), (0,), (2, (131,))),
    "batch_norm of few vectors": Norm(lambda F, x, *of: F.batch_norm(x, None, None, *of, training=True), (3, 70001), (0,), (2, (70001,))),
    "batch_norm of images": Norm(lambda F, x, *of: F.batch_norm(x, None, None, *of, training=True), (7, 13, 37, 31), (0, 2, 3), (2, (13,))),
    "batch_norm of small images": Norm(lambda F, x, *of: F.batch_norm(x, None, None, *of, training=True), (67, 13, 5, 31), (0, 2, 3), (2, (13,))),
    "batch_norm of short sequences": Norm(lambda F, x, *of: F.batch_norm(x, None, None, *of, training=True), (501, 37, 5), (0, 2), (2, (37,))),
    "batch_norm without weight": Norm(lambda F, x: F.batch_norm(x, None, None, training=True), (1031, 131), (0,), (0, ())),
    "layer_norm": Norm(lambda F, x, *of: F.layer_norm(x, (131,), *of), (1031, 131), (1,), (2, (131,))),
    "layer_norm of long rows": Norm(lambda F, x, *of: F.layer_norm(x, (1031, 13), *of), (11, 1031, 13), (1, 2), (2, (1031, 13))),
    "layer_norm without bias": Norm(lambda F, x, *of: F.layer_norm(x, (131,), *of), (1031, 131), (1,), (1, (131,))),
    "layer_norm without weight": Norm(lambda F, x: F.layer_norm(x, (131,)), (1031, 131), (1,), (0, ())),
    "rms_norm": Norm(lambda F, x, *of: F.rms_norm(x, (131,), *of), (1031, 131), (1,), (1, (131,))),
    "rms_norm without weight": Norm(lambda F, x: F.rms_norm(x, (131,)), (1031, 131), (1,), (0, ())),
    "group_norm": Norm(lambda F, x, *of: F.group_norm(x, 4, *of), (9, 12, 37, 31), (2, 3, 4), (2, (12,))),
    "group_norm without weight": Norm(lambda F, x: F.group_norm(x, 4), (9, 12, 37, 31), (2, 3, 4), (0, ())),
    "instance_norm": Norm(lambda F, x, *of: F.instance_norm(x, None, None, *of), (9, 12, 37, 31), (2, 3), (2, (12,))),
}
for_every_norm = pytest.mark.parametrize("norm", NORMS.values(), ids=NORMS)


def norm_inputs(norm, dtype=np.float64, mean=0.0, std=1.0):
    """x, what stands beside it, and a gradient to send back."""
    rng = np.random.default_rng(0)
    count, shape = norm.beside
    beside = [rng.uniform(0.5, 1.5, shape), rng.standard_normal(shape)][:count]
    arrays = rng.normal(mean, std, norm.shape), *beside, rng.standard_normal(norm.shape)
    return [array.astype(dtype) for array in arrays]


def run_norm(norm, x, *others, way=nullcontext):
    """The value, and the gradients of x and of what stands beside it, as arrays."""
    *beside, g = others
    tensors = [tg.from_numpy(array, requires_grad=True) for array in (x, *beside)]
    with way():
        out = norm.function(F, *tensors)
    out.backward(g.astype(out.dtype))
    return [out.detach().data, *[tensor.grad.data for tensor in tensors]]


@for_every_norm
def test_a_large_norm_takes_its_fast_path(norm, monkeypatch):
    taken = []
    for module in batch_norm, group_norm, layer_norm, rms_norm:
        name = "affine_by_channel" if module is batch_norm else "affine_by_row"
        fast = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, fast=fast: taken.append(fast) or fast(*args))
    run_norm(norm, *norm_inputs(norm))
    assert len(taken) == 2, "once forward, once backward"


@for_every_norm
@pytest.mark.parametrize(("mean", "std"), [(0, 1), (1.5, 1), (-30, 2), (1e6, 1), (0, 1e8), (1e3, 1e-4)])
def test_a_large_norm_is_its_twin(norm, mean, std):
    """To 1e-12 on ordinary inputs, and on others as far as their digits go."""
    inputs = norm_inputs(norm, np.float64, mean, std)
    twin = run_norm(norm, *inputs, way=tg.composed)
    for ours, theirs in zip(run_norm(norm, *inputs), twin, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12 * max(1, abs(mean) / std / 1000) * np.max(np.abs(theirs)))


@for_every_norm
@pytest.mark.parametrize(("mean", "std"), [(0, 1), (0.9, 1), (1e4, 1), (1e8, 1e3), (0, 1e8), (1, 1e-8)])
def test_a_large_norm_in_float32_loses_no_more_than_its_twin(norm, mean, std):
    inputs = norm_inputs(norm, np.float32, mean, std)
    exact = run_norm(norm, *[array.astype(np.float64) for array in inputs], way=tg.composed)
    for ours, twin, precise in zip(run_norm(norm, *inputs), run_norm(norm, *inputs, way=tg.composed), exact, strict=True):
        assert ours.dtype == np.float32
        off, off_of_twin = (np.max(np.abs(array - precise)) for array in (ours, twin))
        assert off <= max(2 * off_of_twin, 6e-7 * np.max(np.abs(precise)))


@for_every_norm
def test_a_large_norm_gives_the_same_bits_each_time(norm):
    inputs = norm_inputs(norm, np.float32)
    bits = [array.tobytes() for array in run_norm(norm, *inputs)]
    for attempt in range(100):
        elsewhere = [np.empty(array.size + attempt % 8, array.dtype)[attempt % 8 :].reshape(array.shape) for array in inputs]
        for array, values in zip(elsewhere, inputs, strict=True):
            array[...] = values
        assert [array.tobytes() for array in run_norm(norm, *elsewhere)] == bits, "at another place in memory, too"


@for_every_norm
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_how_a_large_norm_lies_in_memory_does_not_matter(norm, dtype):
    inputs = norm_inputs(norm, dtype)
    expected = run_norm(norm, *inputs)
    ones = [np.ones_like(inputs[-1]), np.broadcast_to(dtype(1), norm.shape)]
    for ours, theirs in zip(run_norm(norm, *inputs[:-1], ones[1]), run_norm(norm, *inputs[:-1], ones[0]), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for arranged in lambda a: np.array(a, order="F"), lambda a: a[..., ::-1].copy()[..., ::-1], lambda a: np.repeat(a, 2, axis=-1)[..., ::2]:
        for which in [[0], [-1], range(len(inputs))]:
            moved = list(inputs)
            for i in which:
                moved[i] = arranged(inputs[i])
                moved[i].flags.writeable = False
            for ours, theirs in zip(run_norm(norm, *moved), expected, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=0, atol=100 * np.finfo(dtype).eps * np.max(np.abs(theirs)))


@for_every_norm
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_nan_and_inf_stay_in_their_channel_or_row(norm, bad):
    """And leave the same bits in the others as a 0 in that place. A weight and a bias for several rows get NaN from one of them."""
    x, *others = norm_inputs(norm, np.float32)
    first = tuple(slice(None) if axis in norm.axes else slice(0, 1) for axis in range(x.ndim))      # what x[0, 0, ...] is normalized with
    if "group_norm" in str(norm.function.__code__.co_names):
        first = slice(0, 1), slice(0, 3)
    x[(0,) * x.ndim] = 0
    clean = run_norm(norm, x, *others)
    x[(0,) * x.ndim] = bad
    spoilt = run_norm(norm, x, *others)
    for ours, theirs in zip(spoilt[:2], clean[:2], strict=True):
        assert np.isnan(ours[first]).any()
        ours[first] = theirs[first] = 0
        np.testing.assert_array_equal(ours, theirs)
    if norm.axes[0] == 0:
        for ours, theirs in zip(spoilt[2:], clean[2:], strict=True):
            np.testing.assert_array_equal(ours[1:], theirs[1:])


@for_every_norm
def test_a_large_norm_computes_what_is_needed(norm):
    x, *beside, g = norm_inputs(norm, np.float32)
    expected = run_norm(norm, x, *beside, g)[1:]
    for i, gradient in enumerate(expected):
        tensors = [tg.from_numpy(array, requires_grad=i == j) for j, array in enumerate((x, *beside))]
        norm.function(F, *tensors).backward(g)
        np.testing.assert_array_equal(tensors[i].grad.data, gradient)


@for_every_norm
def test_a_large_norm_keeps_its_inputs_and_a_few_numbers(norm):
    inputs = norm_inputs(norm, np.float32)[:-1]
    tensors = [tg.from_numpy(array, requires_grad=True) for array in inputs]
    few = 3 * 4 * np.prod([size for axis, size in enumerate(norm.shape) if axis not in norm.axes])
    assert kept_bytes([norm.function(F, *tensors).node]) <= sum(array.nbytes for array in inputs) + few + 8 * norm.shape[1]
    with tg.composed():
        twin = kept_bytes([norm.function(F, *tensors).node])
    assert kept_bytes([norm.function(F, *tensors).node]) <= twin


@pytest.mark.parametrize("shape", [(128, 512), (32, 64, 28, 28)], ids=str)
def test_batch_norm_keeps_little_more_than_half_of_what_its_twin_keeps(shape):
    x, weight, bias = (tg.ones(size, requires_grad=True) for size in (shape, shape[1], shape[1]))
    kept = []
    for way in nullcontext, tg.composed:
        with way():
            kept.append(kept_bytes([F.batch_norm(x, None, None, weight, bias, training=True).node]))
    assert kept[0] <= 0.55 * kept[1]


@pytest.mark.parametrize("function", [lambda x: F.layer_norm(x, (4096,)), lambda x: F.instance_norm(x.reshape(1, 16, 4096)).reshape(16, 4096)])
@pytest.mark.parametrize("value", [0.0, 7.3, -1e4 / 3, 0.73e8, 1e-8, 1e30])
def test_a_constant_row_becomes_zeros(function, value):
    """Beside others that do not."""
    x = np.random.default_rng(0).standard_normal((16, 4096)).astype(np.float32)
    x[3] = value
    x = tg.from_numpy(np.ascontiguousarray(x), requires_grad=True)
    out = function(x)
    out.backward(np.random.default_rng(1).standard_normal(out.shape).astype(np.float32))
    assert not out.data[3].any() and np.isfinite(x.grad.data).all()
    np.testing.assert_allclose(np.delete(out.data, 3, 0).std(axis=1), 1, atol=1e-4)


@pytest.mark.parametrize("value", [0.0, 7.3, -1e4 / 3, 0.73e8, 1e-8, 1e30])
def test_a_constant_channel_becomes_zeros(value):
    x = np.random.default_rng(0).standard_normal((4096, 16)).astype(np.float32)
    x[:, 3] = value
    x = tg.from_numpy(x, requires_grad=True)
    out = F.batch_norm(x, None, None, training=True)
    out.backward(np.random.default_rng(1).standard_normal(out.shape).astype(np.float32))
    assert not out.data[:, 3].any() and np.isfinite(x.grad.data).all()
    np.testing.assert_allclose(np.delete(out.data, 3, 1).std(axis=0), 1, atol=1e-4)


def test_squares_that_overflow_are_taken_about_the_mean():
    x = np.random.default_rng(0).normal(1e20, 1e16, (4096, 16)).astype(np.float32)
    out = F.batch_norm(x, None, None, training=True).data
    np.testing.assert_allclose(out, (x - x.mean(0, dtype=float)) / x.std(0, dtype=float), atol=2e-6)


@pytest.mark.parametrize("mean", [0, 1e4])
def test_batch_norm_in_evaluation_by_channels(mean):
    rng = np.random.default_rng(0)
    for shape in (1031, 131), (7, 13, 37, 31):
        of_channel = (shape[1], *(1,) * (len(shape) - 2))
        x = rng.normal(mean, 1, shape)
        numbers = [rng.normal(mean, 0.1, shape[1]), rng.uniform(0.5, 2, shape[1]), rng.standard_normal(shape[1]), rng.standard_normal(shape[1])]
        x, *numbers = (array.astype(np.float32) for array in (x, *numbers))
        numbers = [tg.from_numpy(values, requires_grad=i >= 2) for i, values in enumerate(numbers)]
        out = F.batch_norm(x, *numbers)
        running_mean, running_var, weight, bias = (values.data.astype(np.float64).reshape(of_channel) for values in numbers)
        expected = (x.astype(np.float64) - running_mean) / np.sqrt(running_var + 1e-5) * weight + bias
        assert out.dtype == np.float32
        np.testing.assert_allclose(out.data, expected, atol=2e-6)
        g = rng.standard_normal(shape).astype(np.float32)
        out.backward(g)
        axes = (0, *range(2, len(shape)))
        np.testing.assert_allclose(numbers[2].grad.data, (g * (expected - bias) / weight).sum(axis=axes), atol=2e-4)
        np.testing.assert_allclose(numbers[3].grad.data, g.sum(axis=axes, dtype=float), atol=2e-4)


@pytest.mark.parametrize("shape", [(128, 512), (4096, 1024)], ids=str)
@pytest.mark.parametrize("axis", [0, 1], ids=["batch_norm", "layer_norm"])
def test_a_large_mean_costs_a_gradient_no_digits(axis, shape):
    rng = np.random.default_rng(0)
    x, g = rng.normal(1e4, 1, shape).astype(np.float32), rng.standard_normal(shape).astype(np.float32)
    precise = x.astype(np.float64)
    precise -= precise.mean(axis=axis, keepdims=True)
    inv_std = 1 / np.sqrt(np.square(precise).mean(axis=axis, keepdims=True) + 1e-5)
    x_hat = precise * inv_std
    expected = inv_std * (g - g.mean(axis=axis, keepdims=True, dtype=float) - x_hat * (g * x_hat).mean(axis=axis, keepdims=True))
    x = tg.from_numpy(x, requires_grad=True)
    out = F.batch_norm(x, None, None, training=True) if axis == 0 else F.layer_norm(x, shape[1:])
    out.backward(g)
    assert np.max(np.abs(out.data - x_hat)) < 2e-6 and np.max(np.abs(x.grad.data - expected)) < 3e-6


def test_large_instance_norms_move_their_running_statistics():
    x = np.random.default_rng(0).normal(3, 2, (5, 12, 37, 31)).astype(np.float32)
    mean, var = tg.zeros(12), tg.ones(12)
    for requires_grad in True, False:           # with a node that knows them, and without
        F.instance_norm(tg.tensor(x, requires_grad=requires_grad), mean, var, momentum=0.5)
    np.testing.assert_allclose(mean.data, 0.75 * x.mean(axis=(0, 2, 3), dtype=float), rtol=1e-6)
    np.testing.assert_allclose(var.data, 0.25 + 0.75 * x.var(axis=(2, 3), dtype=float, ddof=1).mean(axis=0), rtol=1e-6)
