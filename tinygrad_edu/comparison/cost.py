"""What each form costs: time, recorded ops, and memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from statistics import median
from time import perf_counter
from typing import NamedTuple

import numpy as np

from ..engine.node import ancestors, kept_bytes
from .forms import Form

MOST_SECONDS = 10
LEAST_REPEATS = 3
"""After so many seconds no form is timed again, if each was that often."""


class Cost(NamedTuple):
    """The price of one form.

    forward, backward  the seconds of each repetition.
    nodes              how many ops are recorded.
    kept_bytes         the memory that the graph keeps for backward, inputs included; what is kept twice counts once.
    peak_forward_bytes, peak_backward_bytes  the most memory that is taken at once in forward, and in backward: the output, what the
                       graph keeps and what is in use for a moment; the inputs and dL/dout are there before and do not count.
    """

    forward: tuple[float, ...]
    backward: tuple[float, ...]
    nodes: int
    kept_bytes: int
    peak_forward_bytes: int
    peak_backward_bytes: int

    @property
    def seconds(self) -> float:
        """Forward and backward together, the median."""
        return median(map(sum, zip(self.forward, self.backward)))

    @property
    def peak_bytes(self) -> int:
        """The most memory that is taken at once, in forward or in backward."""
        return max(self.peak_forward_bytes, self.peak_backward_bytes)


def costs(forms: Sequence[Form], upstream: np.ndarray, repeats: int) -> list[Cost]:
    """The cost of each form, timed in turn, each time another one first: what else the machine does falls on all alike."""
    times: list[list[tuple[float, float]]] = [[] for _ in forms]
    end = perf_counter() + MOST_SECONDS
    for repetition in range(repeats):
        if repetition >= LEAST_REPEATS and perf_counter() > end:
            break
        for i in range(len(forms)):
            i = (i + repetition) % len(forms)
            times[i].append(_times(forms[i], upstream))
    found = []
    for form, samples in zip(forms, times):
        forward, backward = zip(*samples)
        found.append(Cost(forward, backward, *_sizes(form), *_peaks(form, upstream)))
    return found


def _times(form: Form, upstream: np.ndarray) -> tuple[float, float]:
    """The seconds of one forward and of one backward."""
    leaves = form.leaves()
    start = perf_counter()
    out = form.forward(leaves)
    middle = perf_counter()
    form.backward(out, leaves, upstream)
    return middle - start, perf_counter() - middle


def _sizes(form: Form) -> tuple[int, int]:
    """How many ops are recorded, and the bytes that they keep."""
    nodes = [node for node in [form.forward(form.leaves()).node] if node is not None]
    return sum(not node.is_leaf for node in ancestors(nodes)), kept_bytes(nodes)


def _peaks(form: Form, upstream: np.ndarray) -> tuple[int, int]:
    """The most bytes that are taken at once in forward and in backward. NumPy tells tracemalloc of the memory of its arrays."""
    leaves = form.leaves()
    traced_before = tracemalloc.is_tracing()
    if not traced_before:
        tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        out = form.forward(leaves)
        _, forward = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        form.backward(out, leaves, upstream)
        _, backward = tracemalloc.get_traced_memory()
    finally:
        if not traced_before:
            tracemalloc.stop()
    return forward - before, backward - before
