"""Numbers in a few characters: a small array in full, a large one by its range."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.changes import users_line
from ..engine.op import Op
from ..engine.tensor import Tensor
from ..engine.watching import Watcher

MOST_IN_FULL = 6
"""An array of more elements is told by its range."""


def said(array: Any) -> str:
    """An array in a few characters.

    >>> said(np.array([1.0, 2.5])), said(np.arange(100.0)), said(np.array([np.nan] * 9))
    ('[1, 2.5]', '0 to 99, mean 49.5', '9 NaN')
    """
    array = np.asarray(array)
    if array.size <= MOST_IN_FULL:
        return str(array.tolist()) if array.dtype.kind not in "fc" else _rounded(array)
    if array.dtype.kind not in "f":
        return f"{array.min()} to {array.max()}" if array.dtype.kind in "iu" else f"{array.size} elements"
    finite = array[np.isfinite(array)]
    words = []
    if finite.size:
        low, high, mean = finite.min(), finite.max(), np.mean(finite, dtype=np.float64)
        words.append(f"{low:.3g} to {high:.3g}, mean {mean:.3g}" if low < high else f"all {low:.3g}")
    counts = {"NaN": int(np.count_nonzero(np.isnan(array))), "infinite": int(np.count_nonzero(np.isinf(array)))}
    return ", ".join(words + [f"{count} {what}" for what, count in counts.items() if count])


def _rounded(array: np.ndarray) -> str:
    if not array.shape:
        return f"{array[()]:.4g}"
    return "[" + ", ".join(_rounded(part) for part in array) + "]"


def size(array: Any) -> str:
    """A gradient in a few characters: a small one in full, of a large one its norm."""
    array = np.asarray(array)
    if array.size <= MOST_IN_FULL:
        return said(array)
    return f"norm {np.linalg.norm(array.ravel().astype(np.float64)):.3g}"


def in_units(size: float) -> str:
    """A number of bytes as people read it.

    >>> in_units(512), in_units(32768)
    ('512 B', '32.0 KiB')
    """
    if size < 1024:
        return f"{size} B"
    for unit in ("KiB", "MiB"):
        size /= 1024
        if size < 1000:
            return f"{size:.1f} {unit}"
    return f"{size / 1024:.1f} GiB"


class noted(Watcher):
    """Inside the block a copy of each recorded value is kept by its node, for diagrams to show, with the line of your code that made it.

    Without it a diagram knows the values that are kept for the backward pass. The copies live as long as the graph.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.viz.noted():
    ...     loss = (w + 1.0).sum()
    >>> [node.value for node in tg.viz.graph(loss, values=True).nodes]
    ['[1, 2]', None, '[2, 3]', '5']
    """

    def ran(self, op: Op, operands: tuple[Any, ...], out: Tensor) -> None:
        for tensor in (*operands, out):
            if isinstance(tensor, Tensor) and tensor.node is not None:
                tensor.node.value = tensor._data.copy()        # an optimizer may change a parameter before it is drawn
        if out.node is not None:
            out.node.line = users_line()
