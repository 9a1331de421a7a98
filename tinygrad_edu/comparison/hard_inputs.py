"""Hard inputs: offsets, scales, constants, ties, NaN. On which of them does a form lose its digits?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import log2, log10
from typing import Any, NamedTuple

import numpy as np

from ..engine.modes import enable_grad
from ..engine.op import Fused
from .difference import difference
from .forms import Form, is_real
from .page import part
from .plot import error_against_offset
from .reference import expected_results, has_wide_longdouble, work
from .tables import MARKS, columns

OFFSETS = tuple(10.0**exponent for exponent in range(9))
SCALES = (1e-8, 1e-4, 1e4, 1e8)
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))

MOST_ELEMENTS = 2**18
MOST_WORK = 4_000_000
"""What is larger is swept on its first rows; work is that of the reference."""


class Loss(NamedTuple):
    """What is left of the digits of each form on one hard input.

    dtype            of the inputs.
    inputs           what is done to them: "x + 1e4".
    offset           what is added to all elements of the first input; 0 for the inputs as they are, None if something else is done.
    fused, composed  for the output, and the gradient of each input, the relative error of each form: the largest absolute difference
                     from the reference over the largest absolute value there.
    """

    dtype: np.dtype
    inputs: str
    offset: float | None
    fused: tuple[float, ...]
    composed: tuple[float, ...]


@dataclass(frozen=True, repr=False)
class Sweep:
    """What is left of the digits of a fused op and its twin on hard inputs; printed, it is a table.

    op         the fused op.
    inputs     what it was given before they were made hard, in words.
    names      what is compared: "out", "dL/dx" and so on.
    losses     a Loss for each dtype and hard input.
    left_out   what the op does not take, and why.
    """

    op: Fused
    inputs: str
    names: tuple[str, ...]
    losses: tuple[Loss, ...]
    left_out: tuple[str, ...] = ()

    @property
    def worse(self) -> list[tuple[Loss, str]]:
        """Where the fused form has lost at least one digit that its twin keeps, and of what."""
        return [
            (loss, name) for loss in self.losses for name, mine, twins in zip(self.names, loss.fused, loss.composed)
            if digits(mine, loss.dtype) <= digits(twins, loss.dtype) - 1
        ]

    @property
    def verdict(self) -> str:
        """What was found, in one sentence."""
        if not self.worse:
            return f"On hard inputs {type(self.op).__name__} keeps the digits that its twin keeps, all but less than one."
        gaps = [(self._digits(loss, name), loss, name) for loss, name in self.worse]
        (mine, twins), loss, name = max(gaps, key=lambda gap: gap[0][1] - gap[0][0])
        more = f"; {len(gaps)} places are marked" if len(gaps) > 1 else ""
        return (
            f"On hard inputs {type(self.op).__name__} loses digits that its twin keeps, most of {name} at {loss.inputs} in {loss.dtype}, "
            f"where {mine:.1f} are right and {twins:.1f} of the twin's{more}."
        )

    def _digits(self, loss: Loss, name: str) -> tuple[float, float]:
        i = self.names.index(name)
        return digits(loss.fused[i], loss.dtype), digits(loss.composed[i], loss.dtype)

    def tables(self) -> list[tuple[str, list[list[str]]]]:
        """For each dtype a heading, and a table of cells."""
        found = []
        for dtype in dict.fromkeys(loss.dtype for loss in self.losses):
            lines = [["", *[cell for name in self.names for cell in (name, "twin")]]]
            for loss in self.losses:
                if loss.dtype == dtype:
                    worse = [name for other, name in self.worse if other is loss]
                    cells = [
                        cell for name, mine, twins in zip(self.names, loss.fused, loss.composed)
                        for cell in (f"{'*' if name in worse else ''}{_cell(mine, dtype)}", _cell(twins, dtype))
                    ]
                    lines.append([loss.inputs, *cells])
            found.append((f"{dtype}, which has {most_digits(dtype):.1f} digits", lines))
        return found

    def as_dict(self) -> dict[str, Any]:
        """All numbers, in dicts and tuples; an error is infinite where one form has a NaN and the reference has not."""
        losses = [
            {
                **loss._asdict(), "dtype": str(loss.dtype), "fused": dict(zip(self.names, loss.fused)),
                "composed": dict(zip(self.names, loss.composed)),
            }
            for loss in self.losses
        ]
        return {"inputs": self.inputs, "losses": losses, "left_out": self.left_out, "verdict": self.verdict}

    def __str__(self) -> str:
        lines = [
            f"{self.op!r}: how many digits are right on hard inputs, of the fused form and of its twin",
            f"inputs     {self.inputs}",
            f"marks      {MARKS}",
        ]
        for heading, table in self.tables():
            lines += ["", heading, *columns(table)]
        return "\n".join([*lines, "", *[f"left out   {words}" for words in self.left_out], self.verdict])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """What a notebook shows: the tables and the plot. It never raises."""
        return part(self)

    def plot(self) -> Any:
        """The error against the offset, as a figure of matplotlib: sweep.plot().savefig("sweep.svg").

        Raises ImportError without matplotlib.
        """
        return error_against_offset(self)


def sweep(op: Fused, *inputs: Any, generator: np.random.Generator | None = None) -> Sweep:
    """See where a fused op and its twin lose their digits: on inputs with an offset or a scale, constant, with ties or NaN, and so on.

    Parameters
        op, inputs  as in compare; the inputs are those that are made hard. What is done is done to the first that has a gradient: x.
        generator   draws dL/dout; by default the same each time.
    Returns a Sweep: a table when printed, in float32 and in float64; plot() shows the error against the offset.
    Raises what compare raises.

    Large inputs are cut to their first rows, and the report says so. What x[:, 0] or x[0] is set to is what out[0, 0] is computed
    from: a channel for batch norm, a row for layer norm, nothing for what acts on each element by itself.

    >>> import numpy as np, tinygrad_edu as tg
    >>> class Variance(tg.Fused):
    ...     def forward(self, x):
    ...         return np.mean(x * x) - np.mean(x) ** 2         # which cancels
    ...     def backward(self, g, x):
    ...         return (g * 2 * (x - np.mean(x)) / x.size,)
    ...     def composed(self, x):
    ...         return np.var(x)
    >>> x = np.random.default_rng(0).normal(size=100)
    >>> print(sweep(Variance(), x).verdict)                     # doctest: +ELLIPSIS
    On hard inputs Variance loses digits that its twin keeps, most of out at x + 1e8 in float64, where 0.0 are right and ...
    """
    form = Form.checked("sweep", op, inputs)
    described = form.described
    with np.errstate(all="ignore"), enable_grad():
        form, on = _cut(form)
        losses, left_out = [], {}
        for dtype in DTYPES:
            base = form._replace(values=[np.asarray(x, dtype) if is_real(x) else x for x in form.values])
            for words, offset, hard in _hard(base):
                try:
                    errors = _errors(hard, generator)
                except Exception as error:
                    if words == AS_THEY_ARE:
                        raise
                    left_out[words] = f"{words}: {error}"
                else:
                    losses.append(Loss(dtype, words, offset, *errors))
    return Sweep(op, described + on, ("out", *[f"dL/d{name}" for name in form.moved]), tuple(losses), tuple(left_out.values()))


def digits(error: float, dtype: np.dtype) -> float:
    """How many decimal digits are right with a relative error, of those that the dtype has."""
    most = most_digits(dtype)
    return most if not error else max(0.0, min(most, -log10(error))) if error < 1 else 0.0


def most_digits(dtype: np.dtype) -> float:
    """How many decimal digits a dtype has."""
    return (1 - log2(np.finfo(dtype).eps)) * log10(2)


def _cell(error: float, dtype: np.dtype) -> str:
    return f"{digits(error, dtype):.1f}" if error else "="


def _errors(form: Form, generator: np.random.Generator | None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The relative error of the output and of each gradient, of both forms."""
    out = form.forward(form.leaves())
    generator = np.random.default_rng(int.from_bytes(b"dL/dout")) if generator is None else generator
    upstream = np.asarray(generator.standard_normal(out.shape), out.dtype)
    _, expected = expected_results(form.twin, upstream, None)
    mine, twins = (tuple(difference(x, e).relative for x, e in zip(of.results(upstream), expected)) for of in (form, form.twin))
    return mine, twins


def _cut(form: Form) -> tuple[Form, str]:
    """The form at inputs on which some dozens of references take seconds, and what was cut, in words."""
    amount = max(1, work(form.twin))
    most = min(MOST_ELEMENTS, form.total * (MOST_WORK if has_wide_longdouble() else MOST_WORK // 200) // amount)
    cut, on = form.first_rows(max(most, 1))
    return (form, "") if cut is None or cut is form else (cut, f"; {on}")


def _short(number: float) -> str:
    """A power of ten as one writes it: 1e4, 1e-8."""
    return f"{number:.0e}".replace("e+0", "e").replace("e-0", "e-")


# What makes inputs hard


AS_THEY_ARE = "as they are"


def _hard(form: Form) -> Iterator[tuple[str, float | None, Form]]:
    """The form at hard inputs, with what is done to them, and the offset if it is one."""
    main = form.wanted.index(True)
    name, x = form.names[main], form.values[main]

    def at(value: np.ndarray) -> Form:
        return form._replace(values=[value if i == main else other for i, other in enumerate(form.values)])

    yield AS_THEY_ARE, 0.0, form
    for offset in OFFSETS:
        yield f"{name} + {_short(offset)}", offset, at((x + offset).astype(x.dtype))
    for scale in SCALES:
        yield f"{name} * {_short(scale)}", None, at((x * scale).astype(x.dtype))
    where, index = _seen_by_the_first(form, main)
    if where is not None:
        yield f"{name}{index} constant", None, at(np.where(where, x[where][0], x))
    if x.ndim and x.shape[0] > 2:
        rows = x.shape[0]
        cut = [v[:2] if v is not None and v.ndim and v.shape[0] == rows else v for v in form.values]
        yield f"{name} of 2 rows", None, form._replace(values=cut)
    if "gamma" in form.moved and form.names.index("gamma") != main:
        zeros = [np.zeros_like(v) if other == "gamma" else v for other, v in zip(form.names, form.values)]
        yield "gamma 0", None, form._replace(values=zeros)
    yield f"{name} 0", None, at(np.zeros_like(x))
    yield f"{name} rounded, with ties", None, at(np.round(x))
    if x.size:
        if where is None:
            where, index = np.arange(x.size).reshape(x.shape) == 0, str([0] * x.ndim) if x.ndim else ""
        yield f"{name}{index} NaN", None, at(np.where(where, np.nan, x).astype(x.dtype))


def _seen_by_the_first(form: Form, main: int) -> tuple[np.ndarray | None, str]:
    """Which elements of the main input the first element of the output is computed from, and how one writes them: [:, 0].

    None if that is one element, all of them, or no box.
    """
    twin = form.twin
    out = twin.forward(twin.leaves())
    upstream = np.zeros(out.shape, out.dtype)
    if not upstream.size or not form.values[main].ndim:
        return None, ""
    upstream.flat[0] = 1
    where = twin.results(upstream)[1 + sum(form.wanted[:main])] != 0
    along = [np.unique(indices) for indices in np.nonzero(where)]
    box = np.zeros_like(where)
    if where.any():
        box[np.ix_(*along)] = True
    if where.sum() < 2 or where.all() or not np.array_equal(box, where):
        return None, ""
    parts = [
        ":" if len(indices) == size else str(indices[0]) if len(indices) == 1 else f"{indices[0]}:{indices[-1] + 1}"
        for indices, size in zip(along, where.shape)
    ]
    return where, f"[{', '.join(parts)}]"
