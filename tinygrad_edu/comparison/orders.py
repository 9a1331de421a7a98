"""Orders 2 and 3: the hand-written gradient, differentiated by differences, against the twin's higher derivative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..engine.tensor import Tensor, grad, wrap
from .difference import Difference, difference, largest
from .forms import Form

HIGHER_TOLERANCES = {2: 1e-7, 3: 1e-5}
"""rtol for each higher order: differences in float64 lose that much."""

DIRECTIONS = 3
"""Along so many directions the hand-written gradient is differentiated by differences."""

MOST_ELEMENTS = 16_384
"""With more elements than these, higher orders are compared on the first rows of the inputs."""

STEP = 1 / 256
"""How far to go along a direction, next to the spread of each input; a power of 2, so that dividing by it rounds nothing."""


class HigherRow(NamedTuple):
    """A derivative of the gradient of one input, along directions in which all inputs move together.

    order      2 or 3.
    name       "d2L/dx", or "d3L/dx".
    shape      that of the input, after the number of directions.
    fused      differences of the hand-written gradient against the twin's own derivative; both in float64.
    method     differences of the twin's gradient against the same: how far off differences are.
    tolerance  what the method's error may be; the hand-written gradient is allowed four times the method's error beside it.
    """

    order: int
    name: str
    shape: tuple[int, ...]
    fused: Difference
    method: Difference
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether the hand-written gradient has the derivative of the twin's, as far as differences can tell."""
        return self.fused.absolute <= self.tolerance + 4 * self.method.absolute

    @property
    def told(self) -> bool:
        """Whether differences are precise enough to tell."""
        return self.method.absolute <= self.tolerance


def higher(fused: Form, orders: Sequence[int], rtol: float | None, atol: float | None) -> tuple[tuple[HigherRow, ...], str]:
    """A row for each order and input, and what they were computed on in words."""
    if not orders:
        return (), "not asked for"
    cut, on = fused.first_rows(MOST_ELEMENTS)
    if cut is None:
        return (), f"not compared, since {on}"
    fused = cut.in_float64
    twin = fused.twin
    try:
        shape = fused.forward(fused.leaves()).shape
    except Exception as error:
        if on == "these inputs":
            raise
        return (), f"not compared, since {fused.op!r} does not take {on}: {error}"
    generator = np.random.default_rng(int.from_bytes(b"direction"))
    upstream = np.asarray(generator.standard_normal(shape))
    sizes = dict(zip(fused.moved, map(largest, twin.results(upstream)[1:])))
    found: dict[tuple[int, str], list[tuple[np.ndarray, ...]]] = {}
    for _ in range(DIRECTIONS):
        direction = [np.asarray(generator.standard_normal(x.shape) * _spread(x)) for x, w in zip(fused.values, fused.wanted) if w]
        by_hand, by_twin = (_differences(form, upstream, direction) for form in (fused, twin))
        try:
            expected = _derivatives(twin, upstream, direction, max(orders))
        except Exception as error:
            error.add_note("compare: this happened in the twin's own higher derivative; orders=(1,) does without")
            raise
        for order in orders:
            for name, *three in zip(fused.moved, by_hand[order], by_twin[order], expected[order]):
                found.setdefault((order, name), []).append(tuple(three))
    rows = []
    for (order, name), arrays in found.items():
        hand, same_by_twin, exact = map(np.stack, zip(*arrays))
        lost = 64 * np.finfo(np.float64).eps * sizes[name] / STEP ** (order - 1)        # what subtracting the gradients loses in rounding
        tolerance = max(rtol or 0, HIGHER_TOLERANCES[order]) * largest(exact) + max(atol or 0, lost)
        rows.append(HigherRow(order, f"d{order}L/d{name}", exact.shape, difference(hand, exact), difference(same_by_twin, exact), tolerance))
    return tuple(rows), on


def _spread(x: np.ndarray) -> float:
    """The scale on which an input moves: its standard deviation, or else its size."""
    spread = float(np.std(x)) if x.size else 0.0
    return next((scale for scale in (spread, largest(x)) if scale > 0 and np.isfinite(scale)), 1.0)


def _differences(form: Form, upstream: np.ndarray, direction: Sequence[np.ndarray]) -> dict[int, list[np.ndarray]]:
    """The first and the second derivative of the gradient along a direction, by order of the derivative of L.

    Central differences with the steps h and h / 2, whose errors of order h**2 are subtracted.
    """

    def gradients_at(step: float) -> list[np.ndarray]:
        steps = iter(direction)
        moved = [np.asarray(x + step * next(steps)) if w else x for x, w in zip(form.values, form.wanted)]
        return form._replace(values=moved).results(upstream)[1:]

    middle, *around = (gradients_at(step * STEP) for step in (0, 1, -1, 1 / 2, -1 / 2))
    second, third = [], []
    for at, up, down, half_up, half_down in zip(middle, *around):
        second.append((8 * (half_up - half_down) - (up - down)) / (6 * STEP))
        third.append((16 * ((half_up - at) - (at - half_down)) - ((up - at) - (at - down))) / (3 * STEP**2))
    return {2: second, 3: third}


def _derivatives(twin: Form, upstream: np.ndarray, direction: Sequence[np.ndarray], highest: int) -> dict[int, list[np.ndarray]]:
    """The same derivatives of the twin's gradient, by differentiating it again."""
    leaves = twin.leaves()
    inputs = [leaf for leaf in leaves if leaf is not None and leaf.requires_grad]
    outputs: Sequence[Tensor | None] = [twin.forward(leaves)]
    along = [wrap(upstream)]
    found = {}
    for order in range(1, highest + 1):
        pairs = [(output, v) for output, v in zip(outputs, along) if output is not None and output.requires_grad]
        gradients: Sequence[Tensor | None] = [None] * len(inputs)
        if pairs:
            used, vs = map(list, zip(*pairs))
            gradients = grad(used, inputs, vs, create_graph=order < highest, retain_graph=True, allow_unused=True)
        found[order] = [np.zeros(x.shape) if g is None else np.asarray(g.detach().numpy()) for g, x in zip(gradients, inputs)]
        outputs, along = gradients, [wrap(d if d.shape else d[()]) for d in direction]
    return found
