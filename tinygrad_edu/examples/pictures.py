"""Make the pictures of the docs: python -m tinygrad_edu.examples.pictures FOLDER"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.examples.digits import Network
from tinygrad_edu.fused.batch_norm import BatchNorm
from tinygrad_edu.fused.dropout import Dropout
from tinygrad_edu.nn import functional as F


def first_graph() -> tg.viz.Drawing:
    """The graph of the README's first listing."""
    x = tg.tensor([[1.0], [2.0], [4.0]], requires_grad=True)
    y = F.batch_norm(x, None, None, training=True)
    return tg.viz.draw((y**3).sum())


def batch_norm_in_steps() -> tg.viz.Drawing:
    """Batch norm from primitives, each step with its name, and beside it the one fused node."""
    x = tg.randn(5, 3, requires_grad=True, name="x")
    gamma = tg.ones(3, requires_grad=True, name="gamma")
    beta = tg.zeros(3, requires_grad=True, name="beta")

    mean = x.mean(axis=0)
    centered = x - mean
    var = (centered * centered).mean(axis=0)
    inv_std = 1 / np.sqrt(var + 1e-5)
    x_hat = centered * inv_std
    out = gamma * x_hat + beta

    named(mean=mean, centered=centered, var=var, inv_std=inv_std, x_hat=x_hat, out=out)
    fused = BatchNorm(axes=(0,), eps=1e-5)(x, gamma, beta)
    return tg.viz.draw(out, fused, titles=["Step by step", "Fused"])


def layer_norm_in_steps() -> tg.viz.Drawing:
    """Layer norm from primitives, each step with its name, and beside it the one fused node."""
    x = tg.randn(3, 5, requires_grad=True, name="x")
    gamma = tg.ones(5, requires_grad=True, name="gamma")
    beta = tg.zeros(5, requires_grad=True, name="beta")

    mean = x.mean(axis=1, keepdims=True)
    centered = x - mean
    var = (centered * centered).mean(axis=1, keepdims=True)
    inv_std = 1 / np.sqrt(var + 1e-5)
    x_hat = centered * inv_std
    out = gamma * x_hat + beta

    named(mean=mean, centered=centered, var=var, inv_std=inv_std, x_hat=x_hat, out=out)
    return tg.viz.draw(out, F.layer_norm(x, 5, gamma, beta), titles=["Step by step", "Fused"])


def dropout_in_steps() -> tg.viz.Drawing:
    """Dropout from primitives, and beside it the one fused node; to the mask no gradient goes."""
    x = tg.randn(4, 3, requires_grad=True, name="x")
    mask = tg.tensor(np.random.default_rng(0).random((4, 3)) >= 0.3)

    kept = np.where(mask, x, 0)
    out = kept / (1 - 0.3)

    named(kept=kept, out=out)
    return tg.viz.draw(out, Dropout(0.3)(x, mask), titles=["Step by step", "Fused"])


def cross_entropy_in_steps() -> tg.viz.Drawing:
    """Softmax cross-entropy of each row from primitives, and beside it the one fused node."""
    z = tg.randn(4, 3, requires_grad=True, name="z")
    target = tg.tensor([2, 0, 1, 1])
    one_hot = np.eye(3, dtype=np.float32)[target.numpy()]

    exps = np.exp(z)
    logsumexp = np.log(exps.sum(axis=1))
    of_label = (one_hot * z).sum(axis=1)
    loss = logsumexp - of_label

    named(exps=exps, logsumexp=logsumexp, of_label=of_label, loss=loss)
    fused = F.cross_entropy(z, target, reduction="none")
    return tg.viz.draw(loss, fused, titles=["Step by step", "Fused"])


# The gallery


def expression() -> tg.viz.Drawing:
    """micrograd's first expression, with its values and what goes back."""
    with tg.viz.noted():
        a, b, c, f = (tg.tensor(value, requires_grad=True, name=name) for name, value in zip("abcf", (2.0, -3.0, 10.0, -2.0)))
        e = a * b
        d = e + c
        loss = d * f
    named(e=e, d=d, L=loss)
    return tg.viz.draw(loss, direction="LR", show=("value", "rule"), backward=True)


def batch_norm_opened() -> tg.viz.Drawing:
    """Fused batch norm, opened into its composed twin."""
    layer = nn.BatchNorm1d(3)
    x = tg.randn(5, 3, requires_grad=True, name="x")
    return tg.viz.draw(layer(x), unfold=["BatchNorm"])


def lstm_cell() -> tg.viz.Drawing:
    """One step of an LSTM, written from primitives: the gates, and the path of the cell, along which the gradient is never squashed."""
    x, h, c = (tg.randn(2, size, requires_grad=True, name=name) for name, size in (("x", 3), ("h", 4), ("c", 4)))
    w_x, w_h = (tg.randn(16, size, requires_grad=True, name=name) for name, size in (("W_x", 3), ("W_h", 4)))
    gates = x @ w_x.T + h @ w_h.T
    i, f, g, o = (gates[:, 4 * k : 4 * k + 4] for k in range(4))
    i, f, g, o = F.sigmoid(i), F.sigmoid(f), F.tanh(g), F.sigmoid(o)
    cell = f * c + i * g
    out = o * np.tanh(cell)
    named(gates=gates, input_gate=i, forget_gate=f, candidate=g, output_gate=o, new_c=cell, new_h=out)
    return tg.viz.draw(out, show=("shape",))


def attention() -> tg.viz.Drawing:
    """Scaled dot-product attention step by step, and beside it the one fused node."""
    q, k, v = (tg.randn(4, 3, requires_grad=True, name=name) for name in "qkv")
    scores = q @ k.T * (1 / math.sqrt(3))
    weights = F.softmax(scores)
    out = weights @ v
    named(scores=scores, weights=weights, out=out)
    fused = F.scaled_dot_product_attention(q, k, v)
    return tg.viz.draw(out, fused, titles=["Step by step", "Fused"])


def digits_loss() -> tg.Tensor:
    """The loss of the digits example on five images of noise."""
    return F.cross_entropy(Network()(tg.randn(5, 64)), tg.tensor([3, 1, 4, 1, 5]))


def digits_closed() -> tg.viz.Drawing:
    """The digits example with its network closed."""
    return tg.viz.draw(digits_loss(), depth=0)


def digits_open() -> tg.viz.Drawing:
    """The digits example with its network open."""
    return tg.viz.draw(digits_loss())


def named(**steps: Any) -> None:
    """Give tensors the names that the pictures show."""
    for name, step in steps.items():
        step.name = name


PICTURES: dict[str, Callable[[], tg.viz.Drawing]] = {
    "first_graph.svg": first_graph,
    "batch_norm_in_steps.svg": batch_norm_in_steps,
    "layer_norm_in_steps.svg": layer_norm_in_steps,
    "cross_entropy_in_steps.svg": cross_entropy_in_steps,
    "dropout_in_steps.svg": dropout_in_steps,
    "expression.svg": expression,
    "batch_norm_opened.svg": batch_norm_opened,
    "lstm_cell.svg": lstm_cell,
    "attention.svg": attention,
    "digits_closed.svg": digits_closed,
    "digits_open.svg": digits_open,
}
"""The files, and what draws each."""


def run(folder: str | Path) -> list[Path]:
    """Draw all pictures into a folder, which is made if it is not there. Returns the files."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return [draw().save(folder / name) for name, draw in PICTURES.items()]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for path in run(sys.argv[1]):
        print(path)
