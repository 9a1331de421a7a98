"""Order statistics, averages and covariances, and the family that leaves NaN out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.op import Op, implements
from ..engine.tensor import Tensor, wrap
from ..errors import DTypeError, GraphError
from .complex_numbers import conjugated
from .cumulative import cumprod, cumsum, prod
from .elementwise import astype, refuse_out, sqrt, where as choose
from .linalg import matmul
from .operands import as_mask, as_tensor, in_dtype, refuse_whole_dtype, together
from .rearranging import moveaxis
from .reduce import max, mean, min, sum
from .shape import concatenate, expand_dims, reshape


class OrderStatistic(Op):
    """The element of a rank along the last axis: rank 0 is the smallest.

    out[j, k] = the element of rank rank[j, k] among x[j, :]

    Shapes    x (..., n), rank (..., m) whole numbers from 0 to n - 1; out has the shape of rank.
    Gradient  dL/dx[j, i] = sum over k of g[j, k] / t where x[j, i] = out[j, k], t being how many do: ties share equally
    Keeps     x and out.

    Where a row of x has a NaN, all of its out is NaN, and so is its gradient where x is NaN.
    """

    constants = ("rank",)

    def forward(self, x, rank):
        out = np.take_along_axis(np.sort(x, axis=-1), rank, -1)
        spoiled = np.isnan(x).any(axis=-1, keepdims=True) if x.dtype.kind == "f" else False
        return np.where(spoiled, np.array(np.nan, out.dtype), out) if np.any(spoiled) else out

    def grad_x(self, g, x, out):
        chosen = (x[..., None, :] == out[..., :, None]) | ((x != x)[..., None, :] & (out != out)[..., :, None])
        share = g / chosen.sum(axis=-1).astype(g.dtype)
        return (chosen * share[..., :, None]).sum(axis=-2)


_ORDER_STATISTIC = OrderStatistic()
_PICKING = {"closest_observation", "higher", "inverted_cdf", "lower", "nearest"}
"""The methods that give an element, and so its dtype; the others give one between two, in the dtype of q too."""


def _between_ranks(function: Callable, a: Any, q: Any, axis: Any, keepdims: bool, out: Any, **settings: Any) -> Tensor:
    """The quantiles that a function of NumPy says: it is asked for those of the ranks, and gives places between them.

    Every method of NumPy is linear between two neighbours in the sorted order, so the quantile of the ranks 0, 1, ..., n - 1 is the place
    of the quantile, and its fraction the weight of the upper neighbour.
    """
    refuse_out(function.__name__, out)
    if isinstance(q, Tensor) and q.requires_grad:
        raise GraphError(f"{function.__name__}: q requires grad, and what it moves has no gradient here; give q.detach()")
    a = as_tensor(a)
    settings = {name: value.data if isinstance(value, Tensor) else value for name, value in settings.items() if value is not None}
    arguments = [] if q is None else [q.data if isinstance(q, Tensor) else q]
    numpys = np.asarray(function(a.data, *arguments, axis=axis, keepdims=keepdims, **settings))
    if a.dtype.kind == "c" and a.requires_grad:
        raise DTypeError(f"{function.__name__}: a is complex, and its order has no gradient; take x.real, x.imag, abs(x) or x.detach()")
    if a.dtype.kind != "f" or not a.size:
        return wrap(numpys)
    if q is not None and type(q) not in (int, float) and settings["method"] not in _PICKING:
        q = q.data if isinstance(q, Tensor) else np.asarray(q)
        a = a.astype(np.result_type(a.dtype, q.dtype), copy=False)
    axes = tuple(range(a.ndim)) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, a.ndim)
    rest = [i for i in range(a.ndim) if i not in axes]
    rows = reshape(moveaxis(a, axes, range(-len(axes), 0)), (*(a.shape[i] for i in rest), -1)) if axes else expand_dims(a, -1)
    valid = ~np.isnan(rows.data)
    skips = function.__name__.startswith("nan")
    n = rows.shape[-1]
    of_ranks = getattr(np, function.__name__.removeprefix("nan"))
    if "weights" in settings:
        values = numpys.reshape((*np.shape(arguments[0]), *rows.shape[:-1], 1))
        places = np.where(np.isnan(values[..., 0]), np.nan, np.sum(rows.data < values, axis=-1))
    elif skips:
        counts = valid.sum(axis=-1)
        places = np.full((*np.shape(arguments[0] if arguments else 0.0), *counts.shape), np.nan)
        for count in np.unique(counts[counts > 0]):
            places[..., counts == count] = np.asarray(of_ranks(np.arange(float(count)), *arguments, **settings))[..., None]
    else:
        places = np.asarray(of_ranks(np.arange(float(n)), *arguments, **settings))
        places = np.broadcast_to(places.reshape((*places.shape, *(1,) * len(rest))), (*places.shape, *(a.shape[i] for i in rest)))
    if skips:
        rows = choose(valid, rows, np.array(np.inf, rows.dtype))
    many = places.ndim - len(rest)              # the axes of q, which come first
    places = np.moveaxis(places, range(many), range(-many, 0)) if many else places[..., None]
    flat = places.reshape((*places.shape[: len(rest)], -1))
    known = ~np.isnan(flat)
    lower = np.floor(np.where(known, flat, 0)).astype(np.intp)
    weight = (np.where(known, flat, 0) - lower).astype(rows.dtype)
    upper = np.minimum(lower + (weight > 0), n - 1)
    low, high = _ORDER_STATISTIC(rows, lower), _ORDER_STATISTIC(rows, upper)
    found = low * (1 - weight) + choose(weight > 0, high, 0) * weight
    found = found if known.all() else choose(known, found, np.array(np.nan, rows.dtype))
    found = reshape(found, (*(a.shape[i] for i in rest), *places.shape[len(rest):])) if many else found[..., 0]
    if keepdims:
        found = expand_dims(found, axes) if axes else found
    found = moveaxis(found, range(-many, 0), range(many)) if many else found
    unknown = np.isnan(numpys) & ~np.isnan(found.data)          # beside infinities
    found = found + np.where(unknown, np.array(np.nan, found.dtype), 0) if unknown.any() else found
    return astype(found, numpys.dtype, copy=False)


@implements(np.median)
def median(a: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False) -> Tensor:
    """The middle of the sorted elements along some axes, or the mean of the middle two; ties share the gradient.

    >>> median(Tensor([3.0, 1.0, 2.0]))
    Tensor(2.)
    """
    return _between_ranks(np.median, a, None, axis, keepdims, out)


@implements(np.quantile)
def quantile(
    a: Any, q: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, method: str = "linear", keepdims: bool = False,
    *, weights: Any = None,
) -> Tensor:
    """The quantiles q, from 0 to 1, of the elements along some axes, by any method of NumPy; the axes of q come first.

    q has no gradient, and neither have weights, which the method "inverted_cdf" takes: a small change of them changes no value.

    >>> quantile(Tensor([1.0, 2.0, 4.0]), 0.75)
    Tensor(3.)
    """
    return _between_ranks(np.quantile, a, q, axis, keepdims, out, method=method, weights=weights)


@implements(np.percentile)
def percentile(
    a: Any, q: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, method: str = "linear", keepdims: bool = False,
    *, weights: Any = None,
) -> Tensor:
    """The percentiles q, from 0 to 100: see quantile.

    >>> percentile(Tensor([1.0, 2.0, 4.0]), 75)
    Tensor(3.)
    """
    return _between_ranks(np.percentile, a, q, axis, keepdims, out, method=method, weights=weights)


@implements(np.nanmedian)
def nanmedian(a: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False) -> Tensor:
    """The median of the elements that are not NaN; NaN where there is none.

    >>> nanmedian(Tensor([3.0, np.nan, 2.0]))
    Tensor(2.5)
    """
    return _between_ranks(np.nanmedian, a, None, axis, keepdims, out)


@implements(np.nanquantile)
def nanquantile(
    a: Any, q: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, method: str = "linear", keepdims: bool = False,
    *, weights: Any = None,
) -> Tensor:
    """The quantiles of the elements that are not NaN; NaN where there is none.

    >>> nanquantile(Tensor([1.0, np.nan, 2.0]), 0.5)
    Tensor(1.5)
    """
    return _between_ranks(np.nanquantile, a, q, axis, keepdims, out, method=method, weights=weights)


@implements(np.nanpercentile)
def nanpercentile(
    a: Any, q: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, method: str = "linear", keepdims: bool = False,
    *, weights: Any = None,
) -> Tensor:
    """The percentiles of the elements that are not NaN; NaN where there is none.

    >>> nanpercentile(Tensor([1.0, np.nan, 2.0]), 50)
    Tensor(1.5)
    """
    return _between_ranks(np.nanpercentile, a, q, axis, keepdims, out, method=method, weights=weights)


@implements(np.ptp)
def ptp(a: Any, axis: Any = None, out: None = None, keepdims: bool = False) -> Tensor:
    """The largest minus the smallest element along some axes; ties share the gradient.

    >>> ptp(Tensor([1.0, 4.0, 2.0]))
    Tensor(3.)
    """
    refuse_out("ptp", out)
    return max(a, axis, keepdims=keepdims) - min(a, axis, keepdims=keepdims)


@implements(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    """The mean along some axes, with weights if given, which may have a gradient; with returned the sum of the weights as well.

    >>> average(Tensor([1.0, 2.0]), weights=[3.0, 1.0])
    Tensor(1.25)
    """
    if weights is not None:
        a, weights = map(as_tensor, together(a, weights))
    a = as_tensor(a)
    a = a if a.dtype.kind in "fc" else a.astype(np.float64)
    if weights is None:
        found = mean(a, axis, keepdims=keepdims)
        return (found, wrap(np.full(found.shape, a.size / np.maximum(found.size, 1), found.dtype))) if returned else found
    if weights.shape != a.shape:
        if axis is None:
            raise TypeError(f"average: a has shape {a.shape} and weights {weights.shape}; axis is needed where they differ")
        axes = np.lib.array_utils.normalize_axis_tuple(axis, a.ndim)
        if weights.shape != tuple(a.shape[i] for i in axes):
            raise ValueError(f"average: a has shape {a.shape} and weights {weights.shape}; they need the shape of a along axis {axis}")
        places = sorted(range(len(axes)), key=axes.__getitem__)
        weights = reshape(weights.transpose(places), tuple([a.shape[i] if i in axes else 1 for i in range(a.ndim)]))
    scale = sum(weights * np.ones(a.shape, weights.dtype), axis, keepdims=keepdims)
    if np.any(scale.data == 0):
        raise ZeroDivisionError("average: the weights have the sum 0, so there is no mean")
    found = sum(a * weights, axis, keepdims=keepdims) / scale
    return (found, scale) if returned else found


def _covariance(function: str, m: Any, y: Any, rowvar: bool, bias: bool, ddof: Any, fweights: Any, aweights: Any, dtype: Any) -> Tensor:
    x = in_dtype(m)
    if x.ndim > 2:
        raise ValueError(f"{function}: m has shape {x.shape}; it needs one or two axes")
    y = None if y is None else in_dtype(y)
    dtype = np.result_type(x.dtype, np.float64, *([] if y is None else [y.dtype])) if dtype is None else dtype
    x = x.astype(dtype, copy=False)
    x = reshape(x, (1, -1)) if x.ndim < 2 else x if rowvar else x.T
    if y is not None:
        y = y.astype(dtype, copy=False)
        y = reshape(y, (1, -1)) if y.ndim < 2 else y if rowvar or y.shape[0] == 1 else y.T
        x = concatenate([x, y], 0)
    n = x.shape[1]
    if ddof is not None and ddof != int(ddof):
        raise ValueError(f"{function}: ddof is {ddof}; it needs to be a whole number")
    for name, given in ("fweights", fweights), ("aweights", aweights):
        if given is not None:
            _check_weights(function, name, given.data if isinstance(given, Tensor) else np.asarray(given), n)
    weights = wrap(np.ones(n, x.real.dtype))
    for given in (fweights, aweights):
        if given is not None:
            weights = weights * in_dtype(given)
    ddof = (0 if bias else 1) if ddof is None else ddof
    total = weights.sum()
    freedom = total - (ddof if aweights is None else ddof * (weights * in_dtype(aweights)).sum() / total)
    weights = weights.astype(x.dtype, copy=False)
    centered = x - sum(x * weights, 1, keepdims=True) / weights.sum()
    return matmul(centered * weights, conjugated(centered).T) / (freedom.astype(x.real.dtype) if freedom > 0 else 0.0)


def _check_weights(function: str, name: str, weights: np.ndarray, n: int) -> None:
    """Raise what NumPy raises for weights that are not one for each of n observations, are negative, or count by parts."""
    if weights.shape != (n,):
        raise RuntimeError(f"{function}: {name} has shape {weights.shape}; it needs a weight for each of the {n} observations")
    if np.any(weights < 0):
        raise ValueError(f"{function}: {name} has negative weights")
    if name == "fweights" and np.any(weights != np.around(weights)):
        raise TypeError(f"{function}: fweights say how often an observation counts; they need to be whole numbers")


@implements(np.cov)
def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None, fweights: Any = None, aweights: Any = None,
    *, dtype: Any = None,
) -> Tensor:
    """The covariances of variables, which are the rows of m (its columns if not rowvar); aweights may have a gradient.

    >>> cov(Tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]))
    Tensor([[ 1., -1.],
            [-1.,  1.]], dtype=float64)
    """
    found = _covariance("cov", m, y, rowvar, bias, ddof, fweights, aweights, dtype)
    return reshape(found, ()) if found.shape == (1, 1) else found


@implements(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Tensor:
    """The correlations of variables, which are the rows of x (its columns if not rowvar).

    >>> corrcoef(Tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]))
    Tensor([[ 1., -1.],
            [-1.,  1.]], dtype=float64)
    """
    found = _covariance("corrcoef", x, y, rowvar, False, None, None, None, dtype)
    if found.shape == (1, 1):
        return reshape(found / found, ())
    diagonal = np.arange(found.shape[0])
    spread = sqrt(found[diagonal, diagonal])
    return found / expand_dims(spread, 1) / expand_dims(spread, 0)


# Without NaN


def _without_nan(a: Any, instead: float) -> tuple[Tensor, np.ndarray]:
    """a with a number in the place of NaN, and where it is not NaN."""
    a = as_tensor(a)
    valid = ~np.isnan(a.data) if a.dtype.kind in "fc" else np.ones(a.shape, bool)
    return (a if valid.all() else choose(valid, a, np.array(instead, a.dtype))), valid


@implements(np.nansum)
def nansum(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Tensor:
    """The sum of the elements that are not NaN.

    >>> nansum(Tensor([1.0, np.nan]))
    Tensor(1.)
    """
    return sum(_without_nan(a, 0)[0], axis, dtype, out, keepdims, initial, where)


@implements(np.nanprod)
def nanprod(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Tensor:
    """The product of the elements that are not NaN.

    >>> nanprod(Tensor([2.0, np.nan, 3.0]))
    Tensor(6.)
    """
    return prod(_without_nan(a, 1)[0], axis, dtype, out, keepdims, initial, where)


@implements(np.nancumsum)
def nancumsum(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Tensor:
    """The sum so far of the elements that are not NaN.

    >>> nancumsum(Tensor([1.0, np.nan, 2.0]))
    Tensor([1., 1., 3.])
    """
    return cumsum(_without_nan(a, 0)[0], axis, dtype, out)


@implements(np.nancumprod)
def nancumprod(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Tensor:
    """The product so far of the elements that are not NaN.

    >>> nancumprod(Tensor([2.0, np.nan, 3.0]))
    Tensor([2., 2., 6.])
    """
    return cumprod(_without_nan(a, 1)[0], axis, dtype, out)


def _nan_where_empty(found: Tensor, valid: np.ndarray, axis: Any, keepdims: bool) -> Tensor:
    empty = ~valid.any(axis=axis, keepdims=keepdims)
    return choose(empty, np.array(np.nan, found.dtype), found) if np.any(empty) else found


@implements(np.nanmax)
def nanmax(a: Any, axis: Any = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = True) -> Tensor:
    """The largest of the elements that are not NaN; NaN where there is none. Arguments as in max.

    >>> nanmax(Tensor([1.0, np.nan]))
    Tensor(1.)
    """
    values, valid = _without_nan(a, -np.inf)
    found = max(values, axis, out, keepdims, initial, where)
    return found if initial is not None else _nan_where_empty(found, valid, axis, keepdims)


@implements(np.nanmin)
def nanmin(a: Any, axis: Any = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = True) -> Tensor:
    """The smallest of the elements that are not NaN; NaN where there is none. Arguments as in max.

    >>> nanmin(Tensor([1.0, np.nan]))
    Tensor(1.)
    """
    values, valid = _without_nan(a, np.inf)
    found = min(values, axis, out, keepdims, initial, where)
    return found if initial is not None else _nan_where_empty(found, valid, axis, keepdims)


@implements(np.nanmean)
def nanmean(a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False, *, where: Any = True) -> Tensor:
    """The mean of the elements that are not NaN; NaN where there is none.

    >>> nanmean(Tensor([1.0, np.nan, 3.0]))
    Tensor(2.)
    """
    refuse_out("nanmean", out)
    values, valid = _without_nan(a, 0)
    if values.dtype.kind not in "fc":
        return mean(values, axis, dtype, keepdims=keepdims, where=where)
    refuse_whole_dtype("nanmean", dtype)
    counted = valid if where is True else valid & as_mask("nanmean", where)
    found = sum(values, axis, dtype, keepdims=keepdims, where=where)
    counts = np.sum(counted, axis=axis, keepdims=keepdims)
    return choose(counts == 0, np.array(np.nan, found.dtype), found / np.maximum(counts, 1).astype(found.dtype))


def _nanvar(
    function: str, a: Any, axis: Any, dtype: Any, out: Any, ddof: float, keepdims: bool, where: Any, given_mean: Any, correction: Any
) -> Tensor:
    refuse_out(function, out)
    if correction is not None and correction is not np._NoValue:
        if ddof != 0:
            raise ValueError(f"{function}: ddof and correction are two names of one setting; give one of them")
        ddof = correction
    refuse_whole_dtype(function, dtype)
    a = as_tensor(a)
    a = a.astype(np.float64 if dtype is None else dtype) if a.dtype.kind not in "fc" or dtype is not None else a
    values, valid = _without_nan(a, 0)
    counted = valid if where is True else valid & as_mask(function, where)
    middle = nanmean(a, axis, keepdims=True, where=where) if given_mean is None or given_mean is np._NoValue else together(a, given_mean)[1]
    deviations = choose(counted, values - middle, np.array(0, a.dtype))
    squares = (deviations * deviations.conj()).real if a.dtype.kind == "c" else deviations * deviations
    squares = sum(squares, axis, keepdims=keepdims)
    freedom = np.sum(counted, axis=axis, keepdims=keepdims) - ddof
    found = choose(freedom <= 0, np.array(np.nan, squares.dtype), squares / np.where(freedom <= 0, 1, freedom).astype(squares.dtype))
    return found if dtype is None else astype(found, dtype, copy=False)


@implements(np.nanvar)
def nanvar(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, ddof: float = 0, keepdims: bool = False, *, where: Any = True,
    mean: Any = None, correction: Any = None,
) -> Tensor:
    """The variance of the elements that are not NaN; NaN where there are not more than ddof.

    >>> nanvar(Tensor([1.0, np.nan, 3.0]))
    Tensor(1.)
    """
    return _nanvar("nanvar", a, axis, dtype, out, ddof, keepdims, where, mean, correction)


@implements(np.nanstd)
def nanstd(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, ddof: float = 0, keepdims: bool = False, *, where: Any = True,
    mean: Any = None, correction: Any = None,
) -> Tensor:
    """The standard deviation of the elements that are not NaN; of constants its gradient is 0.

    >>> nanstd(Tensor([1.0, np.nan, 3.0]))
    Tensor(1.)
    """
    found = _nanvar("nanstd", a, axis, dtype, out, ddof, keepdims, where, mean, correction)
    constant = found.data == 0
    return choose(constant, np.array(0, found.dtype), sqrt(choose(constant, np.array(1, found.dtype), found)))
