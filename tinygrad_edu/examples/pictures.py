"""Make the pictures of the docs: python -m tinygrad_edu.examples.pictures FOLDER"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.fused.batch_norm import BatchNorm
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


def named(**steps: Any) -> None:
    """Give tensors the names that the pictures show."""
    for name, step in steps.items():
        step.name = name


PICTURES: dict[str, Callable[[], tg.viz.Drawing]] = {
    "first_graph.svg": first_graph,
    "batch_norm_in_steps.svg": batch_norm_in_steps,
    "cross_entropy_in_steps.svg": cross_entropy_in_steps,
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
