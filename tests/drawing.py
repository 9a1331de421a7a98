"""How each function is called: every one of NumPy that is differentiated, and each fused node, at all shapes, dtypes and layouts.

A family of functions that are called alike is one function here, which draws the arrays and the settings of one call, and says which
function of arrays that is. tests/test_drawn.py checks what is drawn.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_edu as tg
from tinygrad_edu.fused.gru import GRU
from tinygrad_edu.fused.lstm import LSTM
from tinygrad_edu.fused.rnn import RNN
from tinygrad_edu.nn import functional as F

LINALG, FFT = np.linalg, np.fft

LAYOUTS = {
    "C": lambda x: x,
    "Fortran": np.asfortranarray,
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
    "backwards": lambda x: x[::-1].copy()[::-1],
    "every second": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "repeated": lambda x: np.broadcast_to(x[:1], x.shape) if len(x) else x,
}
LONG = np.finfo(np.longdouble).nmant > np.finfo(np.float64).nmant
DTYPES = [np.dtype(np.float64), np.dtype(np.float32), np.dtype(np.complex128)]


@dataclass(frozen=True)
class Call:
    """A function of arrays, and what it is called with.

    linear  whether the gradient is the same wherever it is taken.
    wide    whether NumPy has the function in longdouble.
    blas    whether NumPy leaves it to BLAS or LAPACK, whose sums say no more of infinities and NaN than that something is not finite.
    """

    function: Callable
    arrays: tuple[np.ndarray, ...]
    linear: bool
    wide: bool
    blas: bool

    def __repr__(self):
        return f"Call of {', '.join(f'{x.dtype} {x.shape} with strides {x.strides}' for x in self.arrays)}"


class Hand:
    """What a family draws with: sizes, axes, and arrays whose numbers are all different, from 0.5 to 1.5 and of either sign.

    A small one draws arrays of few elements, but of some, wherever the family leaves it the choice.
    """

    def __init__(self, draw, dtypes, repeats, small):
        self.draw = draw
        self.small = small
        self.dtype = self.pick(dtypes)
        self.layouts = sorted(name for name in LAYOUTS if repeats or name != "repeated")
        self.rng = np.random.default_rng(self.number(0, 2**32 - 1))
        self.count = 0

    def pick(self, options):
        return self.draw(st.sampled_from(list(options)))

    def number(self, low, high):
        return self.draw(st.integers(low, high))

    def flag(self):
        return self.draw(st.booleans())

    def size(self, low, high):
        """Of one axis."""
        return self.number(*self.limits(low, high))

    def limits(self, low, high):
        return (max(low, 1), max(low, min(high, 3))) if self.small else (low, high)

    def sizes(self, dims, sides):
        most = max(dims[0], min(dims[1], 2)) if self.small else dims[1]
        return dict(zip(("min_dims", "max_dims", "min_side", "max_side"), (dims[0], most, *self.limits(*sides))))

    def shape(self, dims=(0, 4), sides=(0, 4)):
        return self.draw(hnp.array_shapes(**self.sizes(dims, sides)))

    def shapes(self, count, dims=(0, 4), sides=(0, 4)):
        """Shapes that broadcast together: as many as count says, or those of a signature such as (m,n),(n)->(m)."""
        several = {"signature": count} if isinstance(count, str) else {"num_shapes": count}
        return self.draw(hnp.mutually_broadcastable_shapes(**several, **self.sizes(dims, sides))).input_shapes

    def axis(self, ndim):
        """One axis, counted from either end."""
        return self.number(-ndim, ndim - 1)

    def axes(self, ndim):
        """None, one axis or several."""
        several = hnp.valid_tuple_axes(ndim)
        return self.draw(st.one_of(st.none(), several, st.integers(-ndim, ndim - 1)) if ndim else st.one_of(st.none(), several))

    def mask(self, shape):
        return np.asarray(self.rng.random(shape) < 0.7)

    def numbers(self, shape):
        """Real numbers, each apart from all that were drawn before it."""
        size = int(np.prod(shape))
        places = np.modf((self.rng.permutation(size) + self.count + 0.5) * 0.6180339887498949)[0]       # spread evenly, however many there are
        self.count += size
        return np.asarray(0.5 + places + self.rng.uniform(0, 1e-3, size)).reshape(shape)                # and no sums of them are equal

    def array(self, shape, form=None):
        """An array in a drawn layout, of which some cannot be written to. form makes it of positive numbers; by default half become negative."""
        x = self.numbers(shape)
        if form is None:
            x = np.asarray(x * self.rng.choice([-1.0, 1.0], shape))
        if self.dtype.kind == "c":
            x = np.asarray(x + 1j * self.rng.permutation(self.numbers(shape).ravel()).reshape(shape))
        x = np.asarray(form(x) if form else x, self.dtype)
        x = LAYOUTS[self.pick(self.layouts)](x) if shape else x
        if self.flag():
            x = x.view()
            x.flags.writeable = False
        return x


CALLS = {}
"""For each function a strategy of its calls."""

SMALL_CALLS = {}
"""The same with few elements, but some."""


def calls(*functions, real=False, linear=False, wide=True, repeats=True, blas=False):
    """Decorator for a family: the functions that it draws calls of.

    real     whether they take no complex numbers.
    linear   whether the gradient of a call is the same wherever it is taken.
    wide     whether NumPy has them in longdouble.
    repeats  whether they are differentiable where elements are equal.
    blas     whether NumPy leaves them to BLAS or LAPACK.
    """

    def register(family):
        @st.composite
        def drawn(draw, function, small):
            hand = Hand(draw, DTYPES[:2] if real else DTYPES, repeats, small)
            called, *arrays = family(hand, function)
            return Call(called, tuple(arrays), linear, wide, blas)

        CALLS.update((function, drawn(function, small=False)) for function in functions)
        SMALL_CALLS.update((function, drawn(function, small=True)) for function in functions)
        return family

    return register


def positive(x):
    return x


# Each element by itself


@calls(
    np.arcsinh, np.arctan, np.conjugate, np.cos, np.cosh, np.copy, np.exp, np.exp2, np.expm1, np.imag, np.negative, np.positive, np.real,
    np.real_if_close, np.reciprocal, np.sin, np.sinc, np.sinh, np.square, np.tan, np.tanh, np.absolute, np.sign, np.nan_to_num, np.angle,
)  # fmt: skip
@calls(np.cbrt, np.deg2rad, np.degrees, np.fabs, np.frexp, np.modf, np.rad2deg, np.radians, F.relu, F.silu, F.softplus, real=True)
@calls(F.sigmoid, F.tanh)
def of_one(hand, function):
    return function, hand.array(hand.shape())


@calls(np.i0, real=True, wide=False)
def of_one_in_float64(hand, function):
    return function, hand.array(hand.shape())


@calls(np.piecewise)
def by_pieces(hand, function):
    shape = hand.shape()
    mask = hand.mask(shape)
    return lambda x: function(x, [mask], [np.sin, lambda part: part * part]), hand.array(shape)


@calls(np.log, np.log10, np.log1p, np.log2, np.sqrt)
def of_positive(hand, function):
    return function, hand.array(hand.shape(), positive)


@calls(np.arccos, np.arcsin, np.arctanh)
def of_less_than_1(hand, function):
    return function, hand.array(hand.shape(), lambda x: x / 2 - 0.3)


@calls(np.arccosh)
def of_more_than_1(hand, function):
    return function, hand.array(hand.shape(), lambda x: x + 1)


@calls(np.add, np.subtract, np.multiply, np.divide)
@calls(np.arctan2, np.copysign, np.heaviside, np.hypot, np.logaddexp, np.logaddexp2, real=True)
@calls(np.fmax, np.fmin, np.maximum, np.minimum, repeats=False)
def of_two(hand, function):
    return function, *map(hand.array, hand.shapes(2))


@calls(np.power, np.float_power)
def powers(hand, function):
    if hand.flag():
        exponent = hand.pick([3, 2.5, -1, 2, 0.5])
        return lambda x: function(x, exponent), hand.array(hand.shape(), positive)
    return function, *(hand.array(shape, positive) for shape in hand.shapes(2))


@calls(np.fmod, np.remainder, np.divmod, real=True)
def remainders(hand, function):
    """Of a by 1/4, 1/2 or 1; a is no multiple of 1/4, where the quotient jumps."""
    a, b = hand.shapes(2)
    quarters = hand.array(a, lambda x: np.floor(4 * x - 4) / 4 + 0.05 + 0.15 * np.modf(4 * x)[0])
    return function, quarters, hand.array(b, lambda x: 0.25 * 2 ** np.floor(3 * x - 1.5))


@calls(np.ldexp, real=True)
def scaled(hand, function):
    exponent = hand.rng.integers(-3, 4, hand.shape())
    return lambda x: function(x, exponent), hand.array(exponent.shape)


@calls(np.astype, linear=True)
def cast(hand, function):
    """A narrower dtype rounds, which no difference may see: only what is drawn is converted to it, and no numbers of more digits or others."""
    narrow, wide = ("complex64", "complex128") if hand.dtype.kind == "c" else ("float32", hand.pick(["float64", "complex128"]))
    if LONG and hand.flag():
        return lambda x: function(x, narrow if x.dtype == hand.dtype else x.dtype), hand.array(hand.shape())
    return lambda x: function(x, np.promote_types(wide, x.dtype)), hand.array(hand.shape())


@calls(np.clip, real=True, repeats=False)
def clipped(hand, function):
    x, low, high = hand.shapes(3)
    return function, hand.array(x), hand.array(low, lambda x: x / 4 - 1), hand.array(high, lambda x: x / 4 + 0.5)


@calls(np.where, np.choose, np.select)
def chosen(hand, function):
    a, b, mask = hand.shapes(3)
    condition = hand.mask(mask)
    called = {
        np.where: lambda a, b: function(condition, a, b),
        np.choose: lambda a, b: function(condition.astype(int), [a, b]),
        np.select: lambda a, b: function([condition, ~condition], [a, b]),
    }
    return called[function], hand.array(a), hand.array(b)


# Reductions


@calls(np.sum, np.mean, linear=True)
@calls(np.prod, np.nansum, np.nanmean, np.nanprod)
@calls(np.max, np.min, np.amax, np.amin, np.nanmax, np.nanmin, repeats=False)
def over_axes(hand, function):
    shape = hand.shape(sides=(0 if function in (np.sum, np.prod, np.nansum, np.nanprod) else 1, 4))
    settings = {"axis": hand.axes(len(shape)), "keepdims": hand.flag()}
    if function not in (np.mean, np.nanmean) and hand.flag():
        settings |= {"where": hand.mask(shape), "initial": 1.25}
    return lambda x: function(x, **settings), hand.array(shape)


@calls(np.var, np.std, np.nanvar, np.nanstd, repeats=False)
def spreads(hand, function):
    shape = hand.shape(dims=(0 if function is np.var else 1, 4), sides=(2, 4))
    axis = hand.axes(len(shape))
    if axis == () and function is not np.var:
        axis = None                                 # a single number has no slope of std
    settings = {"axis": axis, "keepdims": hand.flag(), "ddof": hand.pick([0, 0.5] if axis == () or not shape else [0, 1, 0.5])}
    return lambda x: function(x, **settings), hand.array(shape, spread_out)


def spread_out(x):
    """Neighbours along each axis are 1 apart or more: of numbers that are nearly equal the deviation bends too much for differences."""
    return x + 2 * (np.indices(x.shape).sum(axis=0) % 2)


@calls(np.ptp, np.median, np.nanmedian, real=True, repeats=False)
def ordered(hand, function):
    shape = hand.shape(sides=(1, 4))
    settings = {"axis": hand.axes(len(shape)), "keepdims": hand.flag()}
    return lambda x: function(x, **settings), hand.array(shape)


@calls(np.quantile, np.nanquantile, np.percentile, np.nanpercentile, real=True, repeats=False)
def quantiles(hand, function):
    shape = hand.shape(sides=(1, 4))
    q = hand.pick([0.37, [0.2, 0.61], 0.0, 1.0])
    settings = {"axis": hand.axes(len(shape)), "keepdims": hand.flag(), "method": hand.pick(["linear", "lower", "midpoint", "median_unbiased"])}
    whole = 100 if "percent" in function.__name__ else 1
    return lambda x: function(x, np.multiply(q, whole), **settings), hand.array(shape)


@calls(np.apply_over_axes, np.apply_along_axis)
def applied(hand, function):
    shape = hand.shape(dims=(1, 3), sides=(1, 4))
    axis = hand.axis(len(shape))
    if function is np.apply_over_axes:
        return lambda x: function(np.prod, x, [axis, 0]), hand.array(shape)
    return lambda x: function(lambda row: row[::-1] * np.sin(row), axis, x), hand.array(shape)


@calls(np.bincount, np.histogram, np.histogram2d, np.histogramdd, real=True, linear=True, wide=False)
def of_weights(hand, function):
    n = hand.number(1, 5)
    places, other = hand.rng.integers(0, 4, n), hand.rng.integers(0, 4, n)
    called = {
        np.bincount: lambda w: function(places, w, 3),
        np.histogram: lambda w: function(places, 3, weights=w)[0],
        np.histogram2d: lambda w: function(places, other, 2, weights=w)[0],
        np.histogramdd: lambda w: function(np.stack([places, other], axis=1), [2, 3], weights=w)[0],
    }
    return called[function], hand.array((n,))


@calls(np.histogram_bin_edges, real=True, repeats=False, wide=False)
def edges(hand, function):
    bins = hand.number(1, 4)
    return lambda x: function(x, bins), hand.array(hand.shape(sides=(2, 4), dims=(1, 3)))


@calls(np.average)
def averages(hand, function):
    shape = hand.shape(sides=(1, 4))
    axis = hand.axis(len(shape)) if shape and hand.flag() else None
    weights = hand.array(shape if axis is None or hand.flag() else shape[axis : axis + 1] if axis >= 0 else (shape[axis],), positive)
    return lambda x, w: function(x, axis, w), hand.array(shape), weights


# Along one axis


@calls(np.cumsum, linear=True)
@calls(np.cumprod, np.nancumsum, np.nancumprod)
def running(hand, function):
    shape = hand.shape()
    axis = hand.axis(len(shape)) if shape and hand.flag() else None
    return lambda x: function(x, axis), hand.array(shape)


@calls(np.cumulative_sum, linear=True)
@calls(np.cumulative_prod)
def running_from_the_first(hand, function):
    shape = hand.shape(dims=(1, 4))
    axis, include = hand.axis(len(shape)), hand.flag()
    return lambda x: function(x, axis=axis, include_initial=include), hand.array(shape)


@calls(np.diff, linear=True)
def differences(hand, function):
    shape = hand.shape(dims=(1, 4))
    axis, n = hand.axis(len(shape)), hand.number(0, 2)
    ends = [hand.array((*shape[:axis], 1, *shape[len(shape) + axis + 1 :]) if axis < 0 else (*shape[:axis], 1, *shape[axis + 1 :])) for _ in range(2)]
    return lambda x, first, last: function(x, n, axis, first, last), hand.array(shape), *ends


@calls(np.ediff1d, linear=True)
def differences_of_all(hand, function):
    return function, hand.array(hand.shape()), hand.array((2,)), hand.array((1,))


@calls(np.gradient, repeats=False)
def slopes(hand, function):
    shape = hand.shape(dims=(1, 3), sides=(3, 4))
    axis, edge = hand.axis(len(shape)), hand.pick([1, 2])
    if hand.flag():
        return lambda x: function(x, edge_order=edge), hand.array(shape)
    return lambda x, at: function(x, at, axis=axis, edge_order=edge), hand.array(shape), hand.array((shape[axis],), ascending)


def ascending(x):
    return x.real + np.arange(x.shape[-1])


@calls(np.trapezoid)
def areas(hand, function):
    shape = hand.shape(dims=(1, 4), sides=(1, 4))
    axis = hand.axis(len(shape))
    return lambda y, x: function(y, x, axis=axis), hand.array(shape), hand.array((shape[axis],))


@calls(np.unwrap, real=True, linear=True)
def unwrapped(hand, function):
    shape = hand.shape(dims=(1, 4))
    axis = hand.axis(len(shape))
    return lambda x: function(x, axis=axis, period=0.7), hand.array(shape)


@calls(np.sort, np.partition, real=True, repeats=False)
def sorted_along(hand, function):
    shape = hand.shape(dims=(1, 4), sides=(1, 4))
    axis = hand.pick([None, hand.axis(len(shape))])
    if function is np.sort:
        return lambda x: function(x, axis=axis), hand.array(shape)
    kth = hand.number(0, (int(np.prod(shape)) if axis is None else shape[axis]) - 1)

    def called(x):
        """The kth, and those before and behind it, whose order is open."""
        out = np.moveaxis(function(x, kth, axis=axis), axis or 0, 0)
        return np.sort(out[:kth], axis=0), out[kth], np.sort(out[kth + 1 :], axis=0)

    return called, hand.array(shape)


@calls(np.unique, np.unique_all, np.unique_counts, np.unique_inverse, np.unique_values, real=True, repeats=False)
def distinct(hand, function):
    return function, hand.array(hand.shape())


@calls(np.union1d, np.intersect1d, np.setxor1d, np.setdiff1d, real=True, repeats=False)
def sets(hand, function):
    return lambda a, b: function(a, np.concatenate([np.ravel(a)[:2], np.ravel(b)])), hand.array(hand.shape()), hand.array(hand.shape())


@calls(np.sort_complex, repeats=False)
@calls(np.trim_zeros)
def of_a_row(hand, function):
    if function is np.trim_zeros:
        trim = hand.pick(["fb", "f", "b"])
        return lambda x: function(np.pad(x, (2, 1)), trim), hand.array((hand.size(0, 4),))
    return function, hand.array((hand.size(0, 4),))


@calls(np.interp, real=True, repeats=False, wide=False)
def between(hand, function):
    n = hand.number(1, 4)
    return function, hand.array(hand.shape(), lambda x: 2 * n * (x - 0.6)), hand.array((n,), ascending), hand.array((n,))


# What moves elements


@calls(
    np.ravel, np.transpose, np.squeeze, np.flip, np.atleast_1d, np.atleast_2d, np.atleast_3d, np.diagflat, np.broadcast_arrays, np.ones_like,
    np.zeros_like, FFT.fftshift, FFT.ifftshift, linear=True,
)  # fmt: skip
def moved(hand, function):
    dims = {np.diagflat: (0, 2), FFT.fftshift: (1, 4), FFT.ifftshift: (1, 4)}.get(function, (0, 4))
    return function, hand.array(hand.shape(dims))


@calls(np.full_like, linear=True)
def filled(hand, function):
    like, value = hand.shapes(2)
    return lambda x, value: function(x, value, shape=np.broadcast_shapes(like, value.shape)), hand.array(like), hand.array(value)


@calls(np.flipud, np.fliplr, np.matrix_transpose, LINALG.matrix_transpose, np.rot90, np.tril, np.triu, np.diagonal, LINALG.diagonal, linear=True)
@calls(np.trace, LINALG.trace, linear=True)
def of_two_axes(hand, function):
    shape = hand.shape(dims=(2, 4))
    if function in (np.tril, np.triu, np.diagonal, LINALG.diagonal, LINALG.trace):
        k = hand.number(-3, 3)
        keyword = "k" if function in (np.tril, np.triu) else "offset"
        return lambda x: function(x, **{keyword: k}), hand.array(shape)
    if function in (np.rot90, np.trace):
        axes = hand.draw(st.permutations(range(len(shape))))[:2]
        k = hand.number(-2, 3)
        return lambda x: function(x, k, axes) if function is np.rot90 else function(x, k, *axes), hand.array(shape)
    return function, hand.array(shape)


@calls(np.diag, linear=True)
def of_one_or_two_axes(hand, function):
    k = hand.number(-3, 3)
    return lambda x: function(x, k), hand.array(hand.shape(dims=(1, 2)))


@calls(np.reshape, np.resize, np.broadcast_to, np.expand_dims, np.permute_dims, np.moveaxis, np.rollaxis, np.swapaxes, linear=True)
@calls(np.roll, np.tile, np.repeat, linear=True)
def by_settings(hand, function):
    shape = hand.shape(dims=(1 if function in (np.rollaxis, np.moveaxis, np.swapaxes) else 0, 4))
    ndim = len(shape)
    if function is np.reshape:
        settings = (hand.pick([shape[::-1], -1 if np.prod(shape) else int(np.prod(shape)), (1, *shape)]),)
    elif function is np.resize:
        settings = (hand.shape(dims=(1, 2)),)
    elif function is np.broadcast_to:
        shape, other = hand.shapes(2)
        settings = (np.broadcast_shapes(shape, other),)
    elif function is np.expand_dims:
        settings = (hand.number(-ndim - 1, ndim),)
    elif function is np.permute_dims:
        settings = (tuple(hand.draw(st.permutations(range(ndim)))),)
    elif function is np.rollaxis:
        settings = (hand.axis(ndim), hand.number(-ndim, ndim))
    elif function in (np.moveaxis, np.swapaxes):
        settings = (hand.axis(ndim), hand.axis(ndim))
    elif function is np.roll:
        axes = hand.axes(ndim) or None
        settings = (tuple(hand.number(-3, 3) for _ in axes) if isinstance(axes, tuple) else hand.number(-3, 3), axes)
    elif function is np.tile:
        settings = (hand.draw(st.lists(st.integers(0, 2), max_size=3).map(tuple)),)
    else:
        axis = hand.axis(ndim) if ndim and hand.flag() else None
        n = int(np.prod(shape)) if axis is None else shape[axis]
        settings = (hand.pick([2, hand.rng.integers(0, 3, n)]), axis)
    return lambda x: function(x, *settings), hand.array(shape)


@calls(np.pad, repeats=False)
def padded(hand, function):
    modes = ["constant", "edge", "linear_ramp", "mean", "reflect", "symmetric", "wrap"]
    mode = hand.pick(modes if hand.dtype.kind == "c" else [*modes, "maximum", "minimum", "median"])
    shape = hand.shape(dims=(0, 3), sides=(1, 4))
    widths = [(hand.number(0, 5), hand.number(0, 5)) for _ in shape] or 1
    settings = {}
    if mode in ("reflect", "symmetric"):
        settings["reflect_type"] = hand.pick(["even", "odd"])
    elif mode == "linear_ramp":
        settings["end_values"] = hand.pick([0, (0.25, -1.5)])
    elif mode in ("mean", "maximum", "minimum", "median"):
        settings["stat_length"] = hand.pick([None, 2])
    return lambda x: function(x, widths, mode, **settings), hand.array(shape)


@calls(np.array_split, np.split, np.hsplit, np.vsplit, np.dsplit, np.unstack, linear=True)
def parts(hand, function):
    shape = hand.shape(dims=({np.vsplit: 2, np.dsplit: 3}.get(function, 1), 4))
    axis = hand.axis(len(shape))
    if function is np.unstack:
        return lambda x: function(x, axis=axis), hand.array(shape)
    where = sorted(hand.draw(st.lists(st.integers(0, 4), max_size=3)))
    if function in (np.split, np.array_split):
        sections = hand.number(1, 3) if function is np.array_split else where
        return lambda x: function(x, sections, axis), hand.array(shape)
    return lambda x: function(x, where), hand.array(shape)


@calls(np.take, np.take_along_axis, np.delete, np.compress, np.extract, linear=True)
def picked(hand, function):
    shape = hand.shape(dims=(1, 4), sides=(1, 4))
    axis = hand.pick([None, hand.axis(len(shape))])
    n = int(np.prod(shape)) if axis is None else shape[axis]
    if function is np.take:
        places = hand.rng.integers(-n, n, hand.shape(dims=(0, 2)))
        return lambda x: function(x, places, axis), hand.array(shape)
    if function is np.take_along_axis:
        wanted = (hand.size(0, 4),) if axis is None else tuple(hand.number(0, 4) if i == axis % len(shape) else m for i, m in enumerate(shape))
        places = hand.rng.integers(-n, n, wanted)
        return lambda x: function(x, places, axis), hand.array(shape)
    if function is np.delete:
        places = hand.rng.integers(-n, n, hand.number(0, 3))
        return lambda x: function(x, places, axis), hand.array(shape)
    mask = hand.mask(n if function is np.compress else shape)
    return lambda x: function(mask, x, axis) if function is np.compress else function(mask, x), hand.array(shape)


# What joins arrays


@calls(np.stack, np.concatenate, np.hstack, np.vstack, np.dstack, np.column_stack, np.block, np.append, np.meshgrid, linear=True)
def joined(hand, function):
    shape = hand.shape(dims=(0 if function is np.stack else 1, 3))
    a, b = hand.array(shape), hand.array(shape)
    if function is np.meshgrid:
        indexing = hand.pick(["xy", "ij"])
        return lambda a, b: function(a, b, indexing=indexing), hand.array((hand.size(0, 4),)), hand.array((hand.size(0, 4),))
    if function is np.append:
        axis = hand.pick([None, hand.axis(len(shape))])
        return lambda a, b: function(a, b, axis), a, b
    if function in (np.stack, np.concatenate):
        axis = hand.axis(len(shape) + 1) if function is np.stack else hand.pick([None, hand.axis(len(shape))])
        return lambda a, b: function([a, b, a], axis), a, b
    return (lambda a, b: function([[a, b], [b, a]])) if function is np.block else (lambda a, b: function([a, b])), a, b


@calls(np.put, np.putmask, np.place, np.fill_diagonal, linear=True)
def written_in_place(hand, function):
    shape = hand.shape(dims=(2, 3), sides=(1, 4)) if function is not np.fill_diagonal else (hand.size(1, 4), hand.size(1, 4))
    mask = hand.mask(shape)
    mask.flat[0] = True
    places = hand.rng.permutation(mask.size)[: hand.number(1, mask.size)]

    def called(x, value):
        out = x.copy()
        if function is np.fill_diagonal:
            function(out, value)
        else:
            function(out, places if function is np.put else mask, value)
        return out

    return called, hand.array(shape), hand.array((hand.size(1, 4),))


@calls(np.insert, np.copyto, np.put_along_axis, linear=True)
def written(hand, function):
    shape = hand.shape(dims=(1, 3), sides=(1, 4))
    axis = hand.axis(len(shape))
    if function is np.insert:
        where = hand.number(-shape[axis], shape[axis])
        return lambda x, value: function(x, where, value, axis), hand.array(shape), hand.array(())
    mask = hand.mask(shape)
    places = hand.rng.permutation(shape[axis])[: hand.number(0, shape[axis])]
    places = np.reshape(places, [-1 if i == axis % len(shape) else 1 for i in range(len(shape))])

    def called(x, value):
        out = x.copy()
        if function is np.copyto:
            function(out, value, where=mask)
        else:
            function(out, places, value, axis)
        return out

    return called, hand.array(shape), hand.array(hand.pick([(), (1,) * len(shape)]))


@calls(np.ix_, linear=True)
def open_grid(hand, function):
    return function, *(hand.array((hand.size(1, 4),)) for _ in range(hand.number(1, 3)))


@calls(np.linspace, linear=True)
@calls(np.logspace, np.geomspace)
def spaced(hand, function):
    a, b = hand.shapes(2, dims=(0, 2))
    settings = {"num": hand.number(0, 4), "endpoint": hand.flag()}
    return lambda a, b: function(a, b, **settings), hand.array(a, positive), hand.array(b, lambda x: x + 1)


# Products


@calls(np.matmul, LINALG.matmul, np.matvec, np.vecmat, np.vecdot, LINALG.vecdot, blas=True)
def products(hand, function):
    signature = {LINALG.matmul: "(m,n),(n,k)->(m,k)", LINALG.vecdot: "(n),(n)->()"}.get(function) or function.signature
    found = hand.shapes(signature, dims=(0, 2), sides=(0, 3))
    return function, *map(hand.array, found)


@calls(np.dot, np.inner, np.tensordot, LINALG.tensordot, np.einsum, blas=True)
def over_a_common_axis(hand, function):
    n = hand.size(0, 3)
    a, b = (*hand.shape(dims=(0, 2), sides=(0, 3)), n), (n, *hand.shape(dims=(0, 1), sides=(0, 3)))
    if function is np.inner:
        b = b[::-1]
    if function is np.einsum and hand.flag():
        subscripts, axes = hand.pick([("ii->i", 2), ("ij->", 2), ("iij->j", 3), ("iii->i", 3), ("ijk->ki", 3), ("i...i->...", 3)])
        return lambda a: function(subscripts, a), hand.array((n,) * axes)
    called = {
        np.dot: lambda a, b: function(a, b) if b.ndim < 3 else function(a, b.swapaxes(0, 1)),
        np.inner: function,
        np.einsum: lambda a, b: function("...i,i...->...", a, b) if b.ndim == 1 else function("...i,ik->k...", a, b, optimize=hand.count % 2 == 0),
    }
    return called.get(function, lambda a, b: function(a, b, axes=1)), hand.array(a), hand.array(b)


@calls(np.outer, LINALG.outer, np.kron, np.vdot, blas=True)
def of_all_elements(hand, function):
    if function is LINALG.outer:
        return function, hand.array((hand.size(0, 4),)), hand.array((hand.size(0, 4),))
    shape = hand.shape(dims=(0, 3), sides=(0, 3))
    return function, hand.array(shape), hand.array(shape if function is np.vdot else hand.shape(dims=(0, 2), sides=(0, 3)))


@calls(np.cross, LINALG.cross)
def crossed(hand, function):
    a, b = hand.shapes(2, dims=(0, 3))
    return function, hand.array((*a, 3)), hand.array((*b, 3))


@calls(np.convolve, np.correlate, blas=True)
def slid(hand, function):
    mode = hand.pick(["full", "same", "valid", 0, 1, 2])
    return lambda a, v: function(a, v, mode), hand.array((hand.size(1, 6),)), hand.array((hand.size(1, 6),))


@calls(np.vander, np.polyval)
def polynomials(hand, function):
    if function is np.vander:
        n, increasing = hand.number(0, 4), hand.flag()
        return lambda x: function(x, n, increasing), hand.array((hand.size(0, 4),))
    return function, hand.array((hand.size(1, 4),)), hand.array(hand.shape())


@calls(np.polyadd, np.polysub, np.polyder, np.polyint, linear=True)
@calls(np.polydiv, repeats=False, blas=True)
@calls(np.polymul, np.poly, blas=True)
def polynomials_of_coefficients(hand, function):
    p = hand.array((hand.size(1, 4),))
    if function is np.poly:
        return function, p
    if function in (np.polyder, np.polyint):
        m = hand.number(0, 2)
        return lambda p: function(p, m), p
    if function is np.polydiv:

        def called(u, v):
            quotient, remainder = function(u, v)
            return quotient, remainder[-1]          # how many come before it depends on rounding

        return called, p, hand.array((hand.size(1, 4),))
    return function, p, hand.array((hand.size(1, 4),))


@calls(np.roots, wide=False, repeats=False, blas=True)
def roots(hand, function):
    return function, hand.array((hand.size(1, 4),), lambda p: p * (1 + 3 * np.arange(p.shape[0])))


@calls(np.polyfit, real=True, wide=False, repeats=False, blas=True)
def fitted(hand, function):
    n = hand.number(3, 5)
    degree = hand.number(1, n - 2)
    return lambda x, y: function(x, y, degree), hand.array((n,), ascending), hand.array(hand.pick([(n,), (n, 2)]))


@calls(np.cov, np.corrcoef, repeats=False, blas=True)
def covariances(hand, function):
    n = hand.number(2, 4)
    rows = hand.flag()
    shapes = [(hand.number(1, 3), n) if rows else (n, hand.number(1, 3)) for _ in range(2)]
    return lambda a, b: function(a, b, rows), *(hand.array(shape, lambda x: x + (x.real > 1)) for shape in shapes)


# Linear algebra; LAPACK has no longdouble


def square(hand):
    """The shape of square matrices."""
    n = hand.size(0, 3)
    return (*hand.shape(dims=(0, 2), sides=(0, 2)), n, n)


def apart(x):
    """Matrices with 2, 4, 6 ... on the diagonal, and little beside it."""
    return x / 10 + np.eye(*x.shape[-2:]) * 2 * (1 + np.arange(x.shape[-1]))


def hermitian(a):
    return (a + np.conj(a).swapaxes(-1, -2)) / 2


def put_together(found):
    """A matrix again, from its decomposition: what depends on no sign and no phase of a vector."""
    return (found.eigenvectors * np.sin(found.eigenvalues)[..., None, :]) @ np.conj(found.eigenvectors).swapaxes(-1, -2)


@calls(
    LINALG.inv, LINALG.det, LINALG.slogdet, LINALG.matrix_power, LINALG.cholesky, LINALG.eigh, LINALG.eigvalsh, LINALG.eig, LINALG.eigvals,
    LINALG.tensorinv, LINALG.cond, LINALG.norm, wide=False, repeats=False, blas=True,
)  # fmt: skip
def of_square_matrices(hand, function):
    shape = square(hand)
    if function in (LINALG.cond, LINALG.norm):
        shape = (*shape[:-2], 2, 2)
    a = hand.array(shape, apart)
    if function is LINALG.matrix_power:
        n = hand.number(-2, 3)
        return lambda a: function(a, n), a
    if function in (LINALG.cholesky, LINALG.eigvalsh):
        return lambda a: function(hermitian(a)), a
    if function is LINALG.eigh:
        return lambda a: put_together(function(hermitian(a))), a
    if function is LINALG.eig:
        return lambda a: (function(a).eigenvalues, np.abs(function(a).eigenvectors)), a
    if function is LINALG.tensorinv:
        return lambda a: function(a, ind=1), hand.array((2, 2), apart)
    if function in (LINALG.cond, LINALG.norm):
        order = hand.pick([None, 1, -1, 2, -2, np.inf, -np.inf, "fro"])
        return lambda a: function(a, order) if function is LINALG.cond else function(a, order, (-2, -1)), a
    return function, a


@calls(LINALG.svd, LINALG.svdvals, LINALG.qr, LINALG.pinv, wide=False, repeats=False, blas=True)
def of_matrices(hand, function):
    a = hand.array((*hand.shape(dims=(0, 2), sides=(0, 2)), hand.size(0, 3), hand.size(0, 3)), apart)
    if function is LINALG.qr:
        mode = hand.pick(["reduced", "r"])
        return lambda a: function(a, mode), a
    if function is not LINALG.svd:
        return function, a
    if hand.dtype.kind != "c" and hand.flag():
        return lambda a: function(a, full_matrices=False).U, a

    def called(a):
        u, s, vh = function(a, full_matrices=False)
        return (u * np.sin(s)[..., None, :]) @ vh

    return called, a


@calls(LINALG.vector_norm, LINALG.matrix_norm, repeats=False, blas=True)
def norms(hand, function):
    if function is LINALG.matrix_norm:
        order, keepdims = hand.pick(["fro", 1, -1, np.inf, -np.inf]), hand.flag()
        return lambda x: function(x, ord=order, keepdims=keepdims), hand.array((*hand.shape(dims=(0, 2)), 2, 3))
    shape = hand.shape(sides=(1, 4))
    settings = {"axis": hand.axes(len(shape)), "keepdims": hand.flag(), "ord": hand.pick([1, 2, 3, 0.5, -1, np.inf, -np.inf])}
    return lambda x: function(x, **settings), hand.array(shape)


@calls(LINALG.solve, LINALG.tensorsolve, LINALG.lstsq, LINALG.multi_dot, wide=False, repeats=False, blas=True)
def of_several_matrices(hand, function):
    if function is LINALG.multi_dot:
        sizes = [hand.size(0, 3) for _ in range(4)]
        return lambda a, b, c: function([a, b, c]), *(hand.array(shape) for shape in zip(sizes, sizes[1:]))
    if function is LINALG.lstsq:
        m, n = hand.number(1, 3), hand.number(1, 3)
        return lambda a, b: function(a, b)[:2], hand.array((m, n), apart), hand.array(hand.pick([(m,), (m, 2)]))
    shape = square(hand)
    if function is LINALG.tensorsolve:
        return function, hand.array(shape[-2:], apart), hand.array(shape[-1:])
    return function, hand.array(shape, apart), hand.array((*shape[hand.number(0, len(shape) - 2) : -1], hand.size(0, 3)))


# Fourier transforms


@calls(FFT.fft, FFT.ifft, FFT.hfft, linear=True)
@calls(FFT.rfft, FFT.ihfft, real=True, linear=True)
@calls(FFT.irfft, linear=True)
def of_one_axis(hand, function):
    shape = hand.shape(dims=(1, 3), sides=(1, 5))
    settings = (hand.pick([None, *range(1, 7)]), hand.axis(len(shape)), hand.pick([None, "backward", "ortho", "forward"]))
    if function in (FFT.irfft, FFT.hfft) and settings[0] is None and shape[settings[1]] == 1:
        settings = (1, *settings[1:])
    return lambda x: function(x, *settings), hand.array(shape)


@calls(FFT.fft2, FFT.ifft2, FFT.fftn, FFT.ifftn, linear=True)
@calls(FFT.rfft2, FFT.rfftn, real=True, linear=True)
@calls(FFT.irfft2, FFT.irfftn, linear=True)
def of_more_axes(hand, function):
    shape = hand.shape(dims=(2, 4), sides=(2, 4))
    axes = tuple(hand.draw(st.permutations(range(-len(shape), 0)))[:2])
    settings = (hand.pick([None, (3, 2), (2, 5)]), axes, hand.pick([None, "ortho", "forward"]))
    return lambda x: function(x, *settings), hand.array(shape)


# Networks: fused nodes, whose hand-written gradient is differenced, and their twins, which have the second derivative


@calls(F.softmax, F.log_softmax, F.logsumexp, real=True)
def along_an_axis(hand, function):
    shape = hand.shape(dims=(1, 4), sides=(1, 4))
    axis = hand.axis(len(shape))
    return lambda x: function(x, axis), hand.array(shape)


@calls(F.layer_norm, F.rms_norm, F.batch_norm, F.group_norm, real=True, repeats=False)
def normalized(hand, function):
    shape = (*hand.shape(dims=(1, 2), sides=(2, 4)), *hand.shape(dims=(1, 2), sides=(2, 3)))
    if function in (F.layer_norm, F.rms_norm):
        last = shape[-hand.number(1, 2) :]
        given = [hand.array(last) for _ in range(2 if function is F.layer_norm else 1)]
        return lambda x, *given: function(x, last, *given), hand.array(shape, spread_out), *given
    given = [hand.array((shape[1],)) for _ in range(2)]
    if function is F.group_norm:
        return lambda x, weight, bias: function(x, 1, weight, bias), hand.array(shape, spread_out), *given
    if hand.flag():
        return lambda x, weight, bias: function(x, None, None, weight, bias, training=True), hand.array(shape, spread_out), *given
    middle, spread = hand.array((shape[1],)), hand.array((shape[1],), positive)
    return function, hand.array(shape), middle, spread, *given


@calls(F.linear, real=True, blas=True)
def layers(hand, function):
    batch, n, m = hand.shape(dims=(0, 2), sides=(0, 3)), hand.number(1, 3), hand.number(1, 3)
    activation = hand.pick([None, "relu"])
    arrays = hand.array((*batch, n)), hand.array((m, n)), hand.array((m,))
    return lambda x, weight, bias: function(x, weight, bias, activation=activation), *arrays


@calls(F.mse_loss, F.binary_cross_entropy_with_logits, F.cross_entropy, real=True)
def losses(hand, function):
    reduction = hand.pick(["mean", "sum", "none"])
    if function is F.cross_entropy:
        n, classes = hand.number(1, 4), hand.number(1, 4)
        target = hand.rng.integers(0, classes, n)
        return lambda x: function(x, target, reduction=reduction), hand.array((n, classes))
    shape = hand.shape(sides=(1, 4))
    target = np.asarray(hand.rng.random(shape), hand.dtype)
    return lambda x: function(x, np.asarray(target, x.dtype), reduction=reduction), hand.array(shape)


@calls(F.gelu, real=True)
@calls(F.dropout, real=True, linear=True)
def of_one_with_settings(hand, function):
    if function is F.gelu:
        approximate = hand.pick(["tanh", "none"])
        return lambda x: function(x, approximate), hand.array(hand.shape())
    return lambda x: function(x, 0.4, generator=np.random.default_rng(0)), hand.array(hand.shape())


@calls(F.conv1d, F.conv2d, F.conv_transpose1d, F.conv_transpose2d, real=True, blas=True)
def convolutions(hand, function):
    axes = int(function.__name__[-2])
    settings = {"stride": hand.number(1, 2), "padding": hand.number(0, 1), "dilation": hand.number(1, 2)}
    first, second = hand.number(1, 2), hand.number(1, 2)
    weight = (first, second) if "transpose" in function.__name__ else (second, first)
    arrays = hand.array((hand.number(1, 2), first, *[hand.size(4, 5)] * axes)), hand.array((*weight, *[2] * axes)), hand.array((second,))
    return lambda x, weight, bias: function(x, weight, bias, **settings), *arrays


@calls(F.max_pool1d, F.max_pool2d, F.avg_pool1d, F.avg_pool2d, real=True, repeats=False)
def pools(hand, function):
    axes = int(function.__name__[-2])
    settings = {"kernel_size": hand.number(2, 3), "stride": hand.number(1, 3), "padding": hand.number(0, 1)}
    return lambda x: function(x, **settings), hand.array((hand.number(1, 2), hand.number(1, 2), *[hand.size(3, 5)] * axes))


@calls(F.scaled_dot_product_attention, real=True, blas=True)
def attentions(hand, function):
    batch, n, m, width = hand.shape(dims=(0, 2), sides=(1, 2)), hand.number(1, 3), hand.number(1, 3), hand.number(1, 3)
    causal = hand.flag()
    called = lambda query, key, value: function(query, key, value, is_causal=causal)                                             # noqa: E731
    return called, hand.array((*batch, n, width)), hand.array((*batch, m, width)), hand.array((*batch, m, width))


@calls(tg.cdist, real=True, repeats=False, blas=True)
def distances(hand, function):
    batch, n, m, width = hand.shape(dims=(0, 1), sides=(0, 2)), hand.size(0, 3), hand.size(0, 3), hand.size(1, 3)
    p = hand.pick([2.0, 1.0, 3.0])
    return lambda a, b: function(a, b, p), hand.array((*batch, n, width)), hand.array((*batch, m, width))


@calls(F.embedding, linear=True, real=True)
def looked_up(hand, function):
    rows = hand.number(1, 4)
    places = hand.rng.integers(0, rows, hand.shape(dims=(0, 2)))
    return lambda weight: function(places, weight), hand.array((rows, hand.size(0, 3)))


@calls(LSTM(), GRU(), RNN("tanh"), real=True, blas=True)
def recurrences(hand, function):
    steps, batch, size, hidden = (hand.number(1, 2) for _ in range(4))
    rows = {LSTM: 4, GRU: 3, RNN: 1}[type(function)] * hidden
    states = [(batch, hidden)] * (2 if type(function) is LSTM else 1)
    return function, *map(hand.array, [(steps, batch, size), *states, (rows, size), (rows, hidden), (rows,), (rows,)])
