"""What a comparison found: the verdict, and all numbers behind it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from ..engine.op import Fused
from ..errors import GradientCheckError
from .cost import Cost
from .difference import Row, in_units
from .hard_inputs import Sweep
from .orders import HigherRow
from .page import page, part
from .tables import accuracy, columns, costs, higher


@dataclass(frozen=True, repr=False)
class Report:
    """What compare found; printed, it is a table that ends with the verdict.

    op               the fused op.
    inputs           what it was given, in words.
    reference        what the values are compared with, in words.
    rows             a Row for the output, and one for the gradient of each input that has one.
    fused, composed  the Cost of each form.
    higher           a HigherRow for the gradient of each input at orders 2 and 3.
    higher_inputs    what these were compared on, in words, or why they were not.
    mistakes         for each gradient that is wrong what explains it, in words: {"dL/dx": "the path through the mean is left out"}.
                     For "out" if it is drawn anew each time.
    sweep            if it was asked for, the Sweep: where both forms lose their digits.
    drawing          both graphs side by side, a tg.viz.Drawing: report.drawing.save("graphs.svg").
    """

    op: Fused
    inputs: str
    reference: str
    rows: tuple[Row, ...]
    fused: Cost
    composed: Cost
    higher: tuple[HigherRow, ...] = ()
    higher_inputs: str = "not compared"
    mistakes: dict[str, str] = field(default_factory=dict)
    sweep: Sweep | None = None
    drawing: Any = field(default=None, compare=False)

    @property
    def diagnosis(self) -> str:
        """What is wrong with the gradients that are, or with out, a line for each; empty if nothing is."""
        return "\n".join(f"{name}: {words}" for name, words in self.mistakes.items())

    @property
    def ok(self) -> bool:
        """Whether the output and every gradient of the fused op are within tolerance of the reference."""
        return all(row.ok for row in self.rows) and all(row.ok for row in self.higher)

    @property
    def higher_verdict(self) -> str:
        """What was found at orders 2 and 3, in one sentence."""
        if not self.higher:
            return f"Orders 2 and 3: {self.higher_inputs}."
        sentences = []
        for order in sorted({row.order for row in self.higher}):
            rows = [row for row in self.higher if row.order == order]
            wrong = [row.name for row in rows if not row.ok]
            untold = [row.name for row in rows if not row.told]
            if wrong:
                sentences.append(f"order {order} is not that of the twin, in {', '.join(wrong)}")
            elif untold:
                sentences.append(f"at order {order} differences are too coarse on these inputs to tell, in {', '.join(untold)}")
            else:
                to = max([row.fused.relative for row in rows if np.isfinite(row.fused.relative)], default=0)    # of 0 no part can be taken
                sentences.append(f"order {order} is that of the twin to {to:.0e}" if to else f"order {order} is exactly that of the twin")
        text = "; ".join(sentences)
        return f"{text[0].upper()}{text[1:]}, by differences of the hand-written gradient, on {self.higher_inputs}."

    @property
    def verdict(self) -> str:
        """What was found, in one sentence."""
        name = type(self.op).__name__
        wrong = [row for row in self.rows if not row.ok]
        if not wrong and not self.ok:
            names = ", ".join(row.name for row in self.higher if not row.ok)
            return f"The gradient of {name} is right here, but its derivative by hand is not that of the twin, in {names}."
        if not wrong:
            lost = ", ".join(row.name for row in self.rows if not row.composed_ok)
            time, memory = self.fused.seconds / self.composed.seconds, self.fused.kept_bytes / max(1, self.composed.kept_bytes)
            return (
                f"The hand-written gradient of {name} is right; it takes {time:.2f} of the time and {memory:.2f} of the memory of the "
                f"composed one" + (f", which itself is out of tolerance in {lost}." if lost else ".")
            )
        blamed = [row for row in wrong if row.composed_ok] or wrong         # where the twin is off as well, the inputs may be hard
        if blamed[0].order == 0 and blamed[0].composed_ok:
            blamed = blamed[:1]
        names = ", ".join(row.name for row in blamed)
        worst = max(blamed, key=lambda row: in_units(row.fused.absolute, row.tolerance))
        element = f"{worst.name}{list(worst.fused.at) if worst.fused.at else ''} is {worst.fused.value:.6g} and should be {worst.fused.expected:.6g}"
        if not blamed[0].composed_ok:
            return f"Neither {name} nor its twin keeps its digits on these inputs, in {names}: {element}."
        if blamed[0].order == 0:
            return f"The forward of {name} gives something else than its twin, or loses digits: {element}; the gradients come after that."
        return f"The hand-written gradient of {name} is wrong, in {names}: {element}."

    def assert_close(self) -> None:
        """Raise GradientCheckError, an AssertionError, with the whole report if the fused op is out of tolerance."""
        if not self.ok:
            raise GradientCheckError(f"{self.verdict}\n\n{self}")

    def as_dict(self) -> dict[str, Any]:
        """The whole report as dicts, lists, strings and numbers, ready for JSON; infinities and NaN are the strings "inf" and "nan"."""
        names = [f.name for f in fields(self) if f.name not in ("drawing", "sweep")]
        found = {name: getattr(self, name) for name in [*names, "ok", "verdict", "higher_verdict"]}
        return _plain({**found, "sweep": self.sweep and self.sweep.as_dict()})

    def html(self) -> str:
        """The whole report as one page of HTML that needs nothing else: both graphs are drawn in it, and the sweep is plotted.

        What the pictures need and is not installed is said in their place.
        """
        return page(self)

    def _repr_html_(self) -> str:
        """What a notebook shows. It never raises."""
        return part(self)

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.op!r}: fused against composed",
                f"inputs     {self.inputs}",
                f"reference  {self.reference}",
                "",
                *columns(accuracy(self.rows)),
                "",
                *columns(costs(self.fused, self.composed)),
                "",
                *([*columns(higher(self.higher)), ""] if self.higher else []),
                self.higher_verdict,
                "",
                *([str(self.sweep), ""] if self.sweep else []),
                *([f"diagnosis  {line}" for line in self.diagnosis.splitlines()] + [""] if self.mistakes else []),
                self.verdict,
            ]
        )

    __repr__ = __str__


def _plain(value: Any) -> Any:
    """A value as JSON knows it; of a row, also whether it is ok."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = {**value._asdict(), **({"ok": value.ok} if hasattr(value, "ok") else {})}
    if isinstance(value, dict):
        return {key: _plain(x) for key, x in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(x) for x in value]
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
