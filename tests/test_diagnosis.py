"""The diagnosis of a wrong backward: planted mistakes are named, and what is no usual mistake, or two at once, is not named wrongly."""

from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.comparison.diagnosis import UNEXPLAINED, diagnose
from tinygrad_edu.comparison.problems import PROBLEMS
from tinygrad_edu.fused.batch_norm import BatchNorm
from tinygrad_edu.fused.cross_entropy import CrossEntropy
from tinygrad_edu.fused.dropout import Dropout
from tinygrad_edu.fused.mse import MSE
from tinygrad_edu.fused.rms_norm import RMSNorm
from tinygrad_edu.fused.softmax import Softmax

ROWS, COLUMNS = 12, 7


class RowNorm(tg.Fused):
    """Layer norm over the last axis, with gamma and beta of the shape of a row."""

    eps: float = 1e-3
    broadcasts = True

    def forward(self, x, gamma, beta):
        mean, var = np.mean(x, axis=-1, keepdims=True), np.var(x, axis=-1, keepdims=True)
        return gamma * ((x - mean) / np.sqrt(var + self.eps)) + beta, {"mean": mean, "var": var}

    def backward(self, g, x, gamma, mean, var):
        inv_std = 1 / np.sqrt(var + self.eps)
        x_hat, h = (x - mean) * inv_std, g * gamma
        return inv_std * (h - _mean(h, -1) - x_hat * _mean(h * x_hat, -1)), np.sum(g * x_hat, axis=0), np.sum(g, axis=0)

    def composed(self, x, gamma, beta):
        centered = x - np.mean(x, axis=-1, keepdims=True)
        return gamma * (centered / np.sqrt(np.mean(centered * centered, axis=-1, keepdims=True) + self.eps)) + beta


def _mean(x, axis=0):
    return np.mean(x, axis=axis, keepdims=True)


def _sum(x, axis=0):
    return np.sum(x, axis=axis, keepdims=True)


# Each mistake is a function of the pieces p that a derivation has, and gives the gradients that are wrong, by name.


def batch_norm(mistake, shape=(ROWS, COLUMNS)):
    class Mistaken(BatchNorm):
        def backward(self, g, x, gamma):
            p = SimpleNamespace(g=g, x=x, gamma=gamma, var=np.var(x, axis=self.axes, keepdims=True), eps=self.eps, n=x.size // gamma.size)
            p.inv_std = 1 / np.sqrt(p.var + self.eps)
            p.x_hat = (x - np.mean(x, axis=self.axes, keepdims=True)) * p.inv_std
            sums = _sum(g, self.axes), _sum(g * p.x_hat, self.axes)
            p.right = {"x": gamma * p.inv_std * (g - sums[0] / p.n - p.x_hat * sums[1] / p.n), "gamma": sums[1], "beta": sums[0]}
            return tuple({**p.right, **mistake(p)}.values())

    rng = np.random.default_rng(11)
    axes = (0, *range(2, len(shape)))
    of_channel = (1, shape[1], *(1,) * len(shape[2:]))
    return Mistaken(axes, 1e-3), rng.normal(size=shape), rng.uniform(0.5, 1.5, of_channel), rng.normal(size=of_channel)


def layer_norm(mistake):
    class Mistaken(RowNorm):
        def backward(self, g, x, gamma, mean, var):
            right = dict(zip(self.inputs, super().backward(g, x, gamma, mean, var), strict=True))
            inv_std = 1 / np.sqrt(var + self.eps)
            p = SimpleNamespace(
                g=g, h=g * gamma, x=x, gamma=gamma, mean=mean, var=var, eps=self.eps, inv_std=inv_std, x_hat=(x - mean) * inv_std, right=right
            )
            return tuple({**right, **mistake(p)}.values())

    rng = np.random.default_rng(12)
    return Mistaken(), rng.normal(size=(ROWS, COLUMNS)), rng.uniform(0.5, 1.5, COLUMNS), rng.normal(size=COLUMNS)


def cross_entropy(mistake, weighted=False, **settings):
    class Mistaken(CrossEntropy):
        def backward(self, g, logits, target):
            softmax, one_hot = np.exp(logits) / _sum(np.exp(logits), 1), np.eye(COLUMNS)[target]
            right = (softmax - one_hot) * g / len(logits)
            return mistake(SimpleNamespace(g=g, logits=logits, softmax=softmax, one_hot=one_hot, right=right, n=len(logits)))["logits"], None, None

    rng = np.random.default_rng(13)
    logits, target = rng.normal(size=(ROWS, COLUMNS)), rng.integers(0, COLUMNS, ROWS)
    return Mistaken(**settings), logits, target, rng.uniform(0.5, 2, COLUMNS) if weighted else None


def dropout(mistake):
    class Mistaken(Dropout):
        def grad_x(self, g, mask):
            return mistake(SimpleNamespace(g=g, mask=mask, p=self.p, scale=self.scale))["x"]

    rng = np.random.default_rng(14)
    return Mistaken(0.3), rng.normal(size=(ROWS, COLUMNS)), rng.random((ROWS, COLUMNS)) >= 0.3


def rms_norm(mistake):
    class Mistaken(RMSNorm):
        def backward(self, g, x, gamma):
            inv_rms = 1 / np.sqrt(_mean(x * x, -1) + self.eps)
            p = SimpleNamespace(g=g, h=g * gamma, gamma=gamma, inv_rms=inv_rms, x_hat=x * inv_rms)
            p.right = {"x": inv_rms * (p.h - p.x_hat * _mean(p.h * p.x_hat, -1)), "gamma": g * p.x_hat}
            return tuple({**p.right, **mistake(p)}.values())

    rng = np.random.default_rng(15)
    return Mistaken((1,), 1e-3), rng.normal(size=(ROWS, COLUMNS)), rng.uniform(0.5, 1.5, COLUMNS)


def softmax(mistake, columns=COLUMNS):
    class Mistaken(Softmax):
        def grad_x(self, g, x, out):
            return mistake(SimpleNamespace(g=g, x=x, out=out))["x"]

    return Mistaken(), np.random.default_rng(16).normal(size=(ROWS, columns))


def mse(mistake):
    class Mistaken(MSE):
        def backward(self, g, x, target):
            right = {"x": 2 * g * (x - target) / x.size, "target": -2 * g * (x - target) / x.size}
            return tuple({**right, **mistake(SimpleNamespace(g=g, x=x, target=target, right=right))}.values())

    rng = np.random.default_rng(17)
    return Mistaken(), rng.normal(size=(ROWS, COLUMNS)), rng.normal(size=(ROWS, COLUMNS))


class FullyConnected(tg.Fused):
    """x @ weight.T + bias, in one backward."""

    def forward(self, x, weight, bias):
        return x @ weight.T + bias

    def backward(self, g, x, weight):
        return g @ weight, g.T @ x, g.sum(axis=0)

    def composed(self, x, weight, bias):
        return x @ weight.T + bias


def linear(mistake, rows=ROWS):
    class Mistaken(FullyConnected):
        def backward(self, g, x, weight):
            right = dict(zip(self.inputs, super().backward(g, x, weight), strict=True))
            return tuple({**right, **mistake(SimpleNamespace(g=g, x=x, weight=weight, right=right))}.values())

    rng = np.random.default_rng(18)
    return Mistaken(), rng.normal(size=(rows, COLUMNS)), rng.normal(size=(COLUMNS, COLUMNS)), rng.normal(size=COLUMNS)


def square_softmax(mistake):
    return softmax(mistake, ROWS)


def square_linear(mistake):
    return linear(mistake, COLUMNS)


def normed(p, gamma=None, inv_std=None, x_hat=None):
    """batch norm's gradient, with something else in one place."""
    gamma, inv_std, x_hat = (p.gamma if gamma is None else gamma), (p.inv_std if inv_std is None else inv_std), (p.x_hat if x_hat is None else x_hat)
    return gamma * inv_std * (p.g - _mean(p.g) - x_hat * _mean(p.g * x_hat))


def row_normed(p, h=None, inv_std=None):
    h, inv_std = (p.h if h is None else h), (p.inv_std if inv_std is None else inv_std)
    x_hat = (p.x - p.mean) * inv_std
    return inv_std * (h - _mean(h, -1) - x_hat * _mean(h * x_hat, -1))


def with_other_root(p, inv_std):
    return {"x": normed(p, inv_std=inv_std, x_hat=p.x_hat / p.inv_std * inv_std)}


def row_dx(p, mean=None, var=None):
    """layer norm's gradient, with something else for the two subtracted terms."""
    return p.inv_std * (p.h - (_mean(p.h, -1) if mean is None else mean) - (p.x_hat * _mean(p.h * p.x_hat, -1) if var is None else var))


def dx(p, mean=None, var=None):
    """batch norm's gradient, with something else for the two subtracted terms."""
    return p.gamma * p.inv_std * (p.g - (_mean(p.g) if mean is None else mean) - (p.x_hat * _mean(p.g * p.x_hat) if var is None else var))


ROW_COUNT = f"({ROWS} is the size of axis 0 of {{}})"
OF_X, OF_LOGITS = ROW_COUNT.format("x"), ROW_COUNT.format("logits")
MEAN, VARIANCE, BOTH = "the path through the mean", "the path through the variance", "the path through the mean and the variance"

NAMED = {
    "batch norm, mean left out": (batch_norm, lambda p: {"x": p.gamma * p.inv_std * (p.g - p.x_hat * _mean(p.g * p.x_hat))}, f"{MEAN} is left out"),
    "batch norm, variance left out": (batch_norm, lambda p: {"x": p.gamma * p.inv_std * (p.g - _mean(p.g))}, f"{VARIANCE} is left out"),
    "batch norm, sign of the variance": (
        batch_norm, lambda p: {"x": p.gamma * p.inv_std * (p.g - _mean(p.g) + p.x_hat * _mean(p.g * p.x_hat))}, f"{VARIANCE} has the wrong sign"
    ),
    "batch norm, the 2 of the square": (
        batch_norm, lambda p: {"x": p.gamma * p.inv_std * (p.g - _mean(p.g) - p.x_hat * _mean(p.g * p.x_hat) / 2)},
        f"{VARIANCE} is 1/2 times what it should be",
    ),
    "batch norm, sum for the first mean": (
        batch_norm, lambda p: {"x": p.gamma * p.inv_std * (p.g - _sum(p.g) - p.x_hat * _mean(p.g * p.x_hat))},
        f"{MEAN} is {ROWS} {OF_X} times what it should be",
    ),
    "batch norm, gamma forgotten": (batch_norm, lambda p: {"x": normed(p, gamma=1)}, "gamma is not used"),
    "batch norm, 1/root twice": (batch_norm, lambda p: {"x": p.inv_std * p.right["x"]}, "the factor 1/sqrt(var + eps) is there once too often"),
    "batch norm, 1/root forgotten": (batch_norm, lambda p: {"x": p.right["x"] / p.inv_std}, "the factor 1/sqrt(var + eps) is missing"),
    "batch norm, eps left out": (batch_norm, lambda p: with_other_root(p, 1 / np.sqrt(p.var)), "eps is left out"),
    "batch norm, eps outside": (batch_norm, lambda p: with_other_root(p, 1 / (np.sqrt(p.var) + p.eps)), "eps stands outside the root"),
    "batch norm, unbiased variance": (
        batch_norm, lambda p: with_other_root(p, 1 / np.sqrt(p.var * p.n / (p.n - 1) + p.eps)),
        f"the variance divides by {ROWS - 1} instead of {ROWS}"
    ),
    "batch norm, eps outside in the factor": (
        batch_norm, lambda p: {"x": normed(p, inv_std=1 / (np.sqrt(p.var) + p.eps))}, "in the factor 1/sqrt(var + eps) eps stands outside the root"
    ),
    "layer norm, mean left out": (
        layer_norm, lambda p: {"x": p.inv_std * (p.h - p.x_hat * _mean(p.h * p.x_hat, -1))}, f"{MEAN} is left out"
    ),
    "layer norm, variance left out": (layer_norm, lambda p: {"x": p.inv_std * (p.h - _mean(p.h, -1))}, f"{VARIANCE} is left out"),
    "layer norm, gamma forgotten": (layer_norm, lambda p: {"x": row_normed(p, h=p.g)}, "gamma is not used"),
    "layer norm, eps outside": (
        layer_norm, lambda p: {"x": row_normed(p, inv_std=1 / (np.sqrt(p.var) + p.eps))}, "eps stands outside the root"
    ),
    "layer norm, unbiased variance": (
        layer_norm, lambda p: {"x": row_normed(p, inv_std=1 / np.sqrt(p.var * COLUMNS / (COLUMNS - 1) + p.eps))},
        f"the variance divides by {COLUMNS - 1} instead of {COLUMNS}",
    ),
    "cross entropy, not divided": (
        cross_entropy, lambda p: {"logits": (p.softmax - p.one_hot) * p.g}, f"it is {ROWS} {OF_LOGITS} times what it should be"
    ),
    "cross entropy, sign": (cross_entropy, lambda p: {"logits": (p.one_hot - p.softmax) * p.g / p.n}, "it has the wrong sign"),
    "cross entropy, softmax alone": (
        cross_entropy, lambda p: {"logits": p.softmax * p.g / p.n}, "the direct path from logits into logits - log(sum(exp(logits))) is left out"
    ),
    "cross entropy, label alone": (
        cross_entropy, lambda p: {"logits": -p.one_hot * p.g / p.n}, "the path through the sum of exponentials is left out"
    ),
    "cross entropy, divided by all": (
        cross_entropy, lambda p: {"logits": p.right / COLUMNS},
        f"it is 1/{COLUMNS} ({COLUMNS} is the size of axis 1 of logits) times what it should be",
    ),
    "cross entropy, g forgotten": (cross_entropy, lambda p: {"logits": p.right / p.g}, "it is 1/dL/dout times what it should be"),
    "cross entropy, zeros": (cross_entropy, lambda p: {"logits": 0 * p.right}, "it is 0"),
    "dropout, scale forgotten": (dropout, lambda p: {"x": p.g * p.mask}, "it is (1 - p) times what it should be"),
    "dropout, scaled twice": (dropout, lambda p: {"x": p.g * p.mask * p.scale**2}, "it is 1/(1 - p) times what it should be"),
    "dropout, p for 1 - p": (dropout, lambda p: {"x": p.g * p.mask / p.p}, "it is (1 - p)/p times what it should be"),
    "dropout, mask forgotten": (dropout, lambda p: {"x": p.g * p.scale}, "mask is not used"),
    "dropout, mask inverted": (dropout, lambda p: {"x": p.g * ~p.mask * p.scale}, "mask is inverted"),
    "dropout, g forgotten": (dropout, lambda p: {"x": p.mask * p.scale}, "dL/dout is not used, 1 stands in its place"),
}

IN = "in the derivative of {} stands {} where {} should"
X_HAT, INV_STD = "(x - mean(x)) / sqrt(var + eps)", "1/sqrt(var + eps)"
IN_MEAN, IN_VARIANCE, IN_BOTH = (f"in {path}" for path in (MEAN, VARIANCE, BOTH))
EXPONENTIALS, SQUARES = "the path through the sum of exponentials", "the path through the mean of squares"
OUTSIDE_OF_MEANS = "gamma multiplies the whole from outside; it belongs inside the means and sums, with dL/dout: dL/dout * gamma"
NO_KEEPDIMS = f"in {EXPONENTIALS} the sum lacks keepdims=True, and is repeated along another axis"

MORE = {
    "batch norm, -1/2 of the root": (
        batch_norm, lambda p: {"x": dx(p, var=-2 * p.x_hat * _mean(p.g * p.x_hat))},
        f"{VARIANCE} is minus 2 times what it should be",
    ),
    "batch norm, inv_std for its cube": (
        batch_norm, lambda p: {"x": dx(p, var=p.x_hat * _mean(p.g * p.x_hat) / p.inv_std**2)},
        f"{IN_VARIANCE} the factor {INV_STD} is missing twice",
    ),
    "batch norm, eps outside in the cube": (
        batch_norm, lambda p: {"x": dx(p, var=p.x_hat * _mean(p.g * p.x_hat) / p.inv_std**3 / (np.sqrt(p.var) + p.eps) ** 3)},
        f"{IN_VARIANCE} eps stands outside the root",
    ),
    "batch norm, mean without an axis": (batch_norm, lambda p: {"x": dx(p, mean=np.mean(p.g))}, f"{IN_MEAN} the sum goes over axes 0, 1"),
    "batch norm, means without an axis": (
        batch_norm, lambda p: {"x": dx(p, np.mean(p.g), p.x_hat * np.mean(p.g * p.x_hat))},
        f"{IN_BOTH} the sum goes over axes 0, 1",
    ),
    "batch norm, second mean over the other axis": (
        batch_norm, lambda p: {"x": dx(p, var=p.x_hat * _mean(p.g * p.x_hat, 1))},
        f"{IN_VARIANCE} the sum goes over axis 1",
    ),
    "batch norm, means over the other axis": (
        batch_norm, lambda p: {"x": dx(p, _mean(p.g, 1), p.x_hat * _mean(p.g * p.x_hat, 1))},
        f"{IN_BOTH} the sum goes over axis 1",
    ),
    "batch norm, sums over the other axis": (
        batch_norm, lambda p: {"x": dx(p, _sum(p.g, 1) / p.n, p.x_hat * _sum(p.g * p.x_hat, 1) / p.n)},
        f"{IN_BOTH} the sum goes over axis 1",
    ),
    "batch norm, x for x_hat, outside": (
        batch_norm, lambda p: {"x": dx(p, var=p.x * _mean(p.g * p.x_hat))},
        f"{IN_VARIANCE} stands x where {X_HAT} should",
    ),
    "batch norm, x for x_hat, inside": (
        batch_norm, lambda p: {"x": dx(p, var=p.x_hat * _mean(p.g * p.x))},
        f"in the sum of {VARIANCE} stands x where {X_HAT} should",
    ),
    "batch norm, x - mean for x_hat": (
        batch_norm, lambda p: {"x": dx(p, var=(p.x_hat / p.inv_std) * _mean(p.g * p.x_hat))},
        f"{IN_VARIANCE} the factor {INV_STD} is missing",
    ),
    "batch norm, x for x_hat in gamma": (batch_norm, lambda p: {"gamma": _sum(p.g * p.x)}, f"in the sum over axis 0 stands x where {X_HAT} should"),
    "batch norm, x - mean in gamma": (batch_norm, lambda p: {"gamma": _sum(p.g * p.x_hat / p.inv_std)}, f"the factor {INV_STD} is missing"),
    "batch norm, mean in gamma": (batch_norm, lambda p: {"gamma": _mean(p.g * p.x_hat)}, f"it is 1/{ROWS} {OF_X} times what it should be"),
    "batch norm, gamma in beta": (batch_norm, lambda p: {"beta": p.gamma * _sum(p.g)}, "the factor gamma is there once too often"),
    "batch norm, divided by n twice": (
        batch_norm, lambda p: {"x": dx(p, _mean(p.g) / p.n, p.x_hat * _mean(p.g * p.x_hat) / p.n)},
        f"{BOTH} is 1/{ROWS} {OF_X} times what it should be",
    ),
    "batch norm, n - 1": (
        batch_norm, lambda p: {"x": dx(p, var=p.x_hat * _sum(p.g * p.x_hat) / (p.n - 1))},
        f"{VARIANCE} is {ROWS}/{ROWS - 1} {OF_X} times what it should be",
    ),
    "batch norm, brackets forgotten": (
        batch_norm, lambda p: {"x": p.gamma * p.inv_std * p.g - _mean(p.g) - p.x_hat * _mean(p.g * p.x_hat)},
        f"{IN_BOTH} the factors gamma and {INV_STD} are missing",
    ),
    "batch norm, gamma twice": (batch_norm, lambda p: {"x": p.gamma * p.right["x"]}, "the factor gamma is there once too often"),
    "layer norm, gamma outside": (
        layer_norm, lambda p: {"x": p.gamma * p.inv_std * (p.g - _mean(p.g, -1) - p.x_hat * _mean(p.g * p.x_hat, -1))},
        OUTSIDE_OF_MEANS,
    ),
    "layer norm, gamma forgotten in the means": (
        layer_norm, lambda p: {"x": row_dx(p, _mean(p.g, -1), p.x_hat * _mean(p.g * p.x_hat, -1))},
        f"{IN_BOTH} gamma is not used",
    ),
    "layer norm, gamma forgotten in one mean": (
        layer_norm, lambda p: {"x": row_dx(p, var=p.x_hat * _mean(p.g * p.x_hat, -1))},
        f"{IN_VARIANCE} gamma is not used",
    ),
    "layer norm, means over the batch": (
        layer_norm, lambda p: {"x": row_dx(p, _mean(p.h), p.x_hat * _mean(p.h * p.x_hat))},
        f"{IN_BOTH} the sum goes over axis 0",
    ),
    "layer norm, divided by the rows": (
        layer_norm, lambda p: {"x": row_dx(p, _sum(p.h, -1) / ROWS, p.x_hat * _sum(p.h * p.x_hat, -1) / ROWS)},
        f"{BOTH} is {COLUMNS}/{ROWS} ({COLUMNS} is the size of axis 1 of x, {ROWS} that of axis 0 of x) times what it should be",
    ),
    "layer norm, gamma in gamma": (layer_norm, lambda p: {"gamma": np.sum(p.h * p.x_hat, axis=0)}, "the factor gamma is there once too often"),
    "cross entropy, divided twice": (cross_entropy, lambda p: {"logits": p.right / p.n}, f"it is 1/{ROWS} {OF_LOGITS} times what it should be"),
    "cross entropy, label not divided": (
        cross_entropy, lambda p: {"logits": (p.softmax / p.n - p.one_hot) * p.g},
        f"the direct path from logits into logits - log(sum(exp(logits))) is {ROWS} {OF_LOGITS} times what it should be",
    ),
    "cross entropy, label added": (
        cross_entropy, lambda p: {"logits": (p.softmax + p.one_hot) * p.g / p.n},
        "the direct path from logits into logits - log(sum(exp(logits))) has the wrong sign",
    ),
    "dropout, p times": (dropout, lambda p: {"x": p.g * p.mask * p.p}, "it is p * (1 - p) times what it should be"),
    "rms norm, path left out": (rms_norm, lambda p: {"x": p.inv_rms * p.h}, f"{SQUARES} is left out"),
    "rms norm, gamma outside": (rms_norm, lambda p: {"x": p.gamma * p.inv_rms * (p.g - p.x_hat * _mean(p.g * p.x_hat, -1))}, OUTSIDE_OF_MEANS),
    "rms norm, gamma forgotten": (rms_norm, lambda p: {"x": p.inv_rms * (p.g - p.x_hat * _mean(p.g * p.x_hat, -1))}, "gamma is not used"),
    "rms norm, sum for mean": (
        rms_norm, lambda p: {"x": p.inv_rms * (p.h - p.x_hat * _sum(p.h * p.x_hat, -1))},
        f"{SQUARES} is {COLUMNS} ({COLUMNS} is the size of axis 1 of x) times what it should be",
    ),
    "rms norm, mean over the batch": (
        rms_norm, lambda p: {"x": p.inv_rms * (p.h - p.x_hat * _mean(p.h * p.x_hat))},
        f"in {SQUARES} the sum goes over axis 0",
    ),
    "rms norm, 1/root twice": (rms_norm, lambda p: {"x": p.inv_rms * p.right["x"]}, "the factor 1/sqrt(mean(x**2) + eps) is there once too often"),
    "softmax, only the diagonal": (
        softmax, lambda p: {"x": p.g * p.out * (1 - p.out)},
        "it lacks what the elements along axis 1 give to one another: it is only that of each out to its own x",
    ),
    "softmax, sum left out": (softmax, lambda p: {"x": p.g * p.out}, f"{EXPONENTIALS} is left out"),
    "softmax, sum over the batch": (softmax, lambda p: {"x": p.out * (p.g - _sum(p.g * p.out))}, f"in {EXPONENTIALS} the sum goes over axis 0"),
    "softmax, sum without an axis": (softmax, lambda p: {"x": p.out * (p.g - np.sum(p.g * p.out))}, f"in {EXPONENTIALS} the sum goes over axes 0, 1"),
    "softmax, keepdims forgotten": (square_softmax, lambda p: {"x": p.out * (p.g - np.sum(p.g * p.out, axis=-1))}, NO_KEEPDIMS),
    "softmax, sum added": (softmax, lambda p: {"x": p.out * (p.g + _sum(p.g * p.out, -1))}, f"{EXPONENTIALS} has the wrong sign"),
    "softmax, out forgotten": (softmax, lambda p: {"x": p.g - _sum(p.g * p.out, -1)}, "the factor out is missing"),
    "mse, without 2": (mse, lambda p: {"x": p.right["x"] / 2}, "it is 1/2 times what it should be"),
    "mse, mean over the rows only": (
        mse, lambda p: {"x": p.right["x"] * COLUMNS},
        f"it is {COLUMNS} ({COLUMNS} is the size of axis 1 of x) times what it should be",
    ),
    "mse, without 2/n": (
        mse, lambda p: {"x": p.g * (p.x - p.target)},
        f"it is {ROWS * COLUMNS}/2 ({ROWS * COLUMNS} is the size of axes 0, 1 of x) times what it should be",
    ),
    "mse, sign of target": (mse, lambda p: {"target": p.right["x"]}, "it has the wrong sign"),
    "mse, target not subtracted": (mse, lambda p: {"x": 2 * p.g * p.x / p.x.size}, IN.format("(x - target)**2", "x", "x - target")),
    "linear, weight not transposed": (linear, lambda p: {"x": p.g @ p.weight.T}, IN.format("x @ transpose(weight)", "weight", "transpose(weight)")),
    "linear, transposed": (linear, lambda p: {"weight": p.x.T @ p.g}, "it is transposed"),
    "linear, mean in bias": (linear, lambda p: {"bias": p.g.mean(axis=0)}, f"it is 1/{ROWS} {OF_X} times what it should be"),
    "linear, bias over the other axis": (square_linear, lambda p: {"bias": p.g.sum(axis=1)}, "it is summed over axis 1 instead of axis 0"),
}


def diagnosed(function, mistake, dtype="float64", **keywords):
    op, *inputs = function(mistake, **keywords)
    inputs = [x.astype(dtype) if x is not None and x.dtype.kind == "f" else x for x in inputs]
    report = tg.compare(op, *inputs, repeats=1)
    assert not report.ok and report.rows[0].ok
    return report


@pytest.mark.parametrize("name", [*NAMED, *MORE])
def test_a_usual_mistake_is_named(name):
    function, mistake, words = {**NAMED, **MORE}[name]
    assert list(diagnosed(function, mistake).mistakes.values()) == [words]


def gamma_first(self, x, gamma, beta):
    centered = x - np.mean(x, axis=0)
    return gamma * centered / np.sqrt(np.mean(centered**2, axis=0) + self.eps) + beta


def by_var(self, x, gamma, beta):
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + self.eps) * gamma + beta


def in_steps(self, x, gamma, beta):
    centered = x - x.mean(axis=0)
    inv_std = 1 / np.sqrt((centered * centered).mean(axis=0) + self.eps)
    return gamma * (centered * inv_std) + beta


@pytest.mark.parametrize("twin", [gamma_first, by_var, in_steps])
@pytest.mark.parametrize("name", [name for name in [*NAMED, *MORE] if name.startswith("batch norm")])
def test_a_mistake_is_explained_however_the_twin_is_written(name, twin):
    function, mistake, _ = {**NAMED, **MORE}[name]
    op, *inputs = function(mistake)
    written = type(type(op))("Written", (type(op),), {"composed": twin})
    found = tg.compare(written((0,), 1e-3), *inputs, repeats=1).mistakes
    assert len(found) == 1 and UNEXPLAINED not in found.values()


IN_PAIRS = {
    "batch norm, both paths left out": (batch_norm, lambda p: {"x": p.gamma * p.inv_std * p.g}, f"{BOTH} is left out"),
    "batch norm, sums for both means": (
        batch_norm, lambda p: {"x": p.gamma * p.inv_std * (p.g - _sum(p.g) - p.x_hat * _sum(p.g * p.x_hat))},
        f"{BOTH} is {ROWS} {OF_X} times what it should be",
    ),
    "batch norm, gamma forgotten and the sign": (batch_norm, lambda p: {"x": -normed(p, gamma=1)}, "gamma is not used, and the sign is wrong"),
    "cross entropy, not divided and the sign": (
        cross_entropy, lambda p: {"logits": (p.one_hot - p.softmax) * p.g}, f"it is minus {ROWS} {OF_LOGITS} times what it should be"
    ),
    "dropout, mask and scale forgotten": (dropout, lambda p: {"x": p.g}, "mask is not used, and it is (1 - p) times that"),
    "batch norm, mean left out and half the variance": (
        batch_norm, lambda p: {"x": p.gamma * p.inv_std * (p.g - p.x_hat * _mean(p.g * p.x_hat) / 2)},
        f"{VARIANCE} is 1/2 times what it should be, and {MEAN} is left out",
    ),
    "batch norm, variance left out and the sign of the mean": (
        batch_norm, lambda p: {"x": p.gamma * p.inv_std * (p.g + _mean(p.g))}, f"{VARIANCE} is left out, and {MEAN} has the wrong sign"
    ),
    "batch norm, sum for the first mean and half the variance": (
        batch_norm, lambda p: {"x": dx(p, _sum(p.g), p.x_hat * _mean(p.g * p.x_hat) / 2)},
        f"{VARIANCE} is 1/2 times what it should be, and {MEAN} is {ROWS} {OF_X} times what it should be",
    ),
    "batch norm, brackets forgotten and sums for means": (
        batch_norm, lambda p: {"x": p.gamma * p.inv_std * p.g - _sum(p.g) - p.x_hat * _sum(p.g * p.x_hat)},
        f"{IN_BOTH} the factors gamma and {INV_STD} are missing, and it is {ROWS} {OF_X} times that",
    ),
    "batch norm, gamma forgotten and mean left out": (
        batch_norm, lambda p: {"x": p.inv_std * (p.g - p.x_hat * _mean(p.g * p.x_hat))}, f"gamma is not used, and {MEAN} is left out"
    ),
    "batch norm, gamma forgotten and the sign of the variance": (
        batch_norm, lambda p: {"x": p.inv_std * (p.g - _mean(p.g) + p.x_hat * _mean(p.g * p.x_hat))},
        f"gamma is not used, and {VARIANCE} has the wrong sign",
    ),
    "batch norm, gamma forgotten and eps outside": (
        batch_norm, lambda p: {"x": with_other_root(p, 1 / (np.sqrt(p.var) + p.eps))["x"] / p.gamma},
        "gamma is not used, and eps stands outside the root",
    ),
    "batch norm, 1/root twice and mean left out": (
        batch_norm, lambda p: {"x": p.gamma * p.inv_std**2 * (p.g - p.x_hat * _mean(p.g * p.x_hat))},
        f"the factor {INV_STD} is there once too often, and {MEAN} is left out",
    ),
    "layer norm, variance left out and the sign of the mean": (
        layer_norm, lambda p: {"x": p.inv_std * (p.h + _mean(p.h, -1))}, f"{MEAN} has the wrong sign, and {VARIANCE} is left out"
    ),
    "layer norm, gamma forgotten and variance left out": (
        layer_norm, lambda p: {"x": p.inv_std * (p.g - _mean(p.g, -1))}, f"gamma is not used, and {VARIANCE} is left out"
    ),
}


@pytest.mark.parametrize("name", IN_PAIRS)
def test_two_mistakes_at_once_are_both_named(name):
    function, mistake, words = IN_PAIRS[name]
    assert list(diagnosed(function, mistake).mistakes.values()) == [words]


def test_weights_and_smoothing_that_are_forgotten():
    def without_weight(p):
        return {"logits": (p.softmax - p.one_hot) * p.g / p.n}

    report = diagnosed(cross_entropy, without_weight, weighted=True)
    assert report.mistakes == {"dL/dlogits": "weight is not used"}
    report = diagnosed(cross_entropy, lambda p: {"logits": 2 * without_weight(p)["logits"]}, weighted=True)
    assert report.mistakes == {"dL/dlogits": "weight is not used, and it is 2 times that"}
    report = diagnosed(cross_entropy, without_weight, label_smoothing=0.1)
    assert report.mistakes == {"dL/dlogits": "label_smoothing is left out"}


OUTSIDE = {
    "batch norm, clipped": (batch_norm, lambda p: {"x": np.clip(p.right["x"], -1, 1)}),
    "layer norm, one element": (layer_norm, lambda p: {"x": p.right["x"] + np.eye(ROWS, COLUMNS) * (np.arange(COLUMNS) == 3)}),
    "batch norm, x for x_hat twice": (batch_norm, lambda p: {"x": dx(p, var=p.x * _mean(p.g * p.x))}),
    "batch norm, three mistakes": (batch_norm, lambda p: {"x": -(p.g + _mean(p.g) / 2 - p.x_hat * _sum(p.g * p.x_hat, 1))}),
    "cross entropy, log for the softmax": (cross_entropy, lambda p: {"logits": (np.log(p.softmax) - p.one_hot) * p.g / p.n}),
    "cross entropy, only the label": (cross_entropy, lambda p: {"logits": p.one_hot * (p.softmax - 1) * p.g / p.n}),
    "cross entropy, the likeliest for the label": (
        cross_entropy, lambda p: {"logits": (p.softmax - np.eye(COLUMNS)[p.logits.argmax(axis=1)]) * p.g / p.n}
    ),
    "rms norm, a mean subtracted": (
        rms_norm, lambda p: {"x": p.inv_rms * (p.h - _mean(p.h, -1) - p.x_hat * _mean(p.h * p.x_hat, -1))}
    ),
    "softmax, that of log_softmax": (softmax, lambda p: {"x": p.g - p.out * _sum(p.g, -1)}),
    "mse, sign of the difference": (mse, lambda p: {"x": p.g * np.sign(p.x - p.target) / p.x.size}),
    "linear, dL/dout itself": (linear, lambda p: {"x": p.g}),
    "linear, first row": (linear, lambda p: {"bias": p.g[0]}),
    "cross entropy, softmax over the batch": (
        cross_entropy,
        lambda p: {"logits": (np.exp(p.logits) / _sum(np.exp(p.logits)) - p.one_hot) * p.g / p.n},
    ),
    "cross entropy, half of the label": (cross_entropy, lambda p: {"logits": (p.softmax - np.roll(p.one_hot, 1, 0)) * p.g / p.n}),
    "dropout, another mask": (dropout, lambda p: {"x": p.g * np.roll(p.mask, 1, 0) * p.scale}),
    "dropout, the sign of g only": (dropout, lambda p: {"x": np.sign(p.g) * p.mask * p.scale}),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_is_no_usual_mistake_is_unexplained(name):
    function, mistake = OUTSIDE[name]
    assert list(diagnosed(function, mistake).mistakes.values()) == [UNEXPLAINED]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("function", [batch_norm, layer_norm])
def test_noise_is_never_named(function, seed):
    rng = np.random.default_rng(seed)

    def noise(p):
        return {name: value + 10.0 ** -seed * rng.normal(size=value.shape) for name, value in p.right.items()}

    assert diagnosed(function, noise).mistakes == dict.fromkeys(["dL/dx", "dL/dgamma", "dL/dbeta"], UNEXPLAINED)


def test_each_gradient_has_its_own_diagnosis():
    mistakes = {
        "dL/dx": f"{MEAN} is left out", "dL/dgamma": f"it is 1/{ROWS} {OF_X} times what it should be", "dL/dbeta": "it has the wrong sign"
    }
    report = diagnosed(
        batch_norm, lambda p: {**NAMED["batch norm, mean left out"][1](p), "gamma": p.right["gamma"] / p.n, "beta": -p.right["beta"]}
    )
    assert report.mistakes == mistakes
    assert report.diagnosis == "\n".join(f"{name}: {words}" for name, words in mistakes.items())
    assert all(f"\ndiagnosis  {name}: {words}\n" in str(report) for name, words in mistakes.items())
    assert str(report).splitlines()[-1] == report.verdict
    swapped = diagnosed(batch_norm, lambda p: {"gamma": p.right["beta"], "beta": p.right["gamma"]})
    assert swapped.mistakes == {"dL/dgamma": "it is the gradient of beta", "dL/dbeta": "it is the gradient of gamma"}


@pytest.mark.parametrize("shape", [(128, 64), (16, 32, 14, 14), (2048, 64)], ids=str)
def test_inputs_of_many_elements_get_a_diagnosis_too(shape):
    def without_mean(p):
        return {"x": p.right["x"] + p.gamma * p.inv_std * np.mean(p.g, axis=(0, *range(2, len(shape))), keepdims=True)}

    assert diagnosed(batch_norm, without_mean, shape=shape).mistakes == {"dL/dx": f"{MEAN} is left out"}


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_of_every_fused_op_a_wrong_sign_is_named_and_noise_is_not(problem):
    rng = np.random.default_rng(5)
    op, *inputs = problem(problem.shape, rng)
    inputs = [np.float64(x) if x is not None and x.dtype.kind == "f" else x for x in inputs]
    names = [op.input_name(i) for i in range(len(inputs))]
    wanted = [x is not None and x.dtype.kind == "f" and name not in op.constants for name, x in zip(names, inputs)]
    leaves = [None if x is None else tg.tensor(x, requires_grad=w) for x, w in zip(inputs, wanted)]
    out = op(*leaves)
    upstream = np.asarray(rng.normal(size=out.shape))
    right = [g.numpy() for g in tg.grad(out, [leaf for leaf, w in zip(leaves, wanted) if w], upstream)]
    signs = diagnose(op, names, inputs, wanted, upstream, [-g for g in right])
    assert signs and all("it has the wrong sign" in words or "minus" in words for words in signs.values())
    noise = diagnose(op, names, inputs, wanted, upstream, [g + rng.normal(size=g.shape) for g in right])
    assert noise.keys() == signs.keys() and set(noise.values()) == {UNEXPLAINED}


def test_what_is_right_has_no_diagnosis():
    op, *inputs = layer_norm(lambda p: {})
    report = tg.compare(op, *inputs, repeats=1)
    assert report.ok and report.mistakes == {} and report.diagnosis == "" and "diagnosis" not in str(report)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_diagnosis_is_as_sharp_in_narrow_dtypes(dtype):
    function, mistake, words = NAMED["batch norm, variance left out"]
    assert diagnosed(function, mistake, dtype).mistakes == {"dL/dx": words}


def test_a_mistake_in_large_inputs_is_found_on_their_first_rows():
    report = diagnosed(batch_norm, lambda p: {"gamma": p.right["gamma"] / p.n, "beta": -p.right["beta"]}, shape=(4000, 32))
    assert report.mistakes == {
        "dL/dgamma": "it is 1/511 (511 is the size of axis 0 of x) times what it should be", "dL/dbeta": "it has the wrong sign"
    }


def test_on_inputs_where_two_mistakes_are_the_same_both_are_named():
    class Halved(Dropout):
        def grad_x(self, g, mask):
            return np.where(mask, g, 0)

    rng = np.random.default_rng(2)
    report = tg.compare(Halved(0.5), rng.normal(size=(6, 5)), rng.random((6, 5)) >= 0.5, repeats=1)
    assert report.mistakes == {"dL/dx": "it is 1/2 or p or (1 - p) times what it should be"}
    report = tg.compare(BatchNorm((0,)), np.ones((3, 2)), np.ones((1, 2)), np.ones((1, 2)), repeats=1)
    assert report.ok and report.mistakes == {}


def test_a_factor_that_is_a_size_is_named_once():
    class Squared(tg.Fused):
        def forward(self, x):
            return x * x

        def grad_x(self, g, x):
            return 4 * g * x

        def composed(self, x):
            return x * x

    report = tg.compare(Squared(), np.arange(1.0, 7.0).reshape(2, 3), repeats=1)
    assert report.mistakes == {"dL/dx": "it is 2 (2 is the size of axis 0 of x) times what it should be"}


def test_a_transpose_is_named():
    class Transposed(tg.Fused):
        def forward(self, x, weight):
            return x @ weight

        def grad_x(self, g, weight):
            return g @ weight.T

        def grad_weight(self, g, x):
            return g.T @ x

        def composed(self, x, weight):
            return x @ weight

    rng = np.random.default_rng(3)
    assert tg.compare(Transposed(), rng.normal(size=(6, 4)), rng.normal(size=(4, 4)), repeats=1).mistakes == {"dL/dweight": "it is transposed"}


class Affine(tg.Fused):
    """x @ weight + bias, with gradients that are given."""

    case: str

    def forward(self, x, weight, bias):
        return x @ weight + bias

    def backward(self, g, x, weight):
        right = g @ weight.T, x.T @ g, g.sum(axis=0)
        return {
            "no sum": (*right[:2], g), "transposed": (right[0], right[1].T, right[2]), "column": (*right[:2], g.sum(axis=0, keepdims=True)),
            "other axis": (*right[:2], g.sum(axis=1)), "all": (*right[:2], np.asarray(g.sum())),
            "noise": (*right[:2], g[:, :2] ** 2), "number": (*right[:2], np.asarray(7.0)),
        }[self.case]

    def composed(self, x, weight, bias):
        return x @ weight + bias


@pytest.mark.parametrize(
    ("case", "note"),
    [
        ("no sum", "diagnosis  dL/dbias: the sum over axis 0 is missing"),
        ("transposed", "diagnosis  dL/dweight: it is transposed"),
        ("column", "diagnosis  dL/dbias: the numbers are right, and only the shape is not"),
        ("noise", f"diagnosis  dL/dbias: {UNEXPLAINED}"),
        ("other axis", "diagnosis  dL/dbias: it is summed over axis 1 instead of axis 0"),
        ("all", "diagnosis  dL/dbias: it is summed over axes 0, 1 instead of axis 0"),
        ("number", f"diagnosis  dL/dbias: {UNEXPLAINED}"),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_gradient_of_another_shape_is_refused_with_a_diagnosis(case, note, dtype):
    rng = np.random.default_rng(4)
    inputs = [rng.normal(size=shape).astype(dtype) for shape in ((6, 4), (4, 3), (3,))]
    with pytest.raises(tg.errors.ShapeError, match=r"the gradient of \w+ came back from Affine.backward as shape") as failure:
        tg.compare(Affine(case), *inputs)
    assert [text for text in failure.value.__notes__ if text.startswith("diagnosis")] == [note]


def test_digits_and_infinities_are_no_mistake_of_a_formula():
    class Rough(tg.Fused):
        def forward(self, x):
            return x * x

        def grad_x(self, g, x):
            return 2 * g * x * (1 + 1e-3 if x.dtype == np.float32 else 1)

        def composed(self, x):
            return x * x

    report = tg.compare(Rough(), np.array([1.0, 2.0, 3.0], np.float32), repeats=1)
    assert report.mistakes == {"dL/dx": "in float64 it is right, so it is the digits of the dtype that are lost"}

    class Infinite(Rough):
        def grad_x(self, g, x):
            return g / (x - x)

    assert tg.compare(Infinite(), np.ones(3), repeats=1).mistakes == {"dL/dx": "unexplained: there are infinities or NaN in it"}
