"""Which op makes a gradient wrong: every op that a function runs is checked by itself, at the inputs that it ran on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.changes import users_line
from ..engine.modes import enable_grad
from ..engine.op import Op
from ..engine.tensor import Tensor
from ..engine.watching import Watcher
from ..errors import DTypeError, GradientCheckError, GraphError

if TYPE_CHECKING:
    from .gradcheck import Derivative, GradientCheck

NOT_RECORDED = (
    "Every op that ran is right by itself at its inputs. So a part of the function is not recorded (look for detach(), numpy(), item() or "
    "no_grad in it), is computed in less than float64, or has another value now and then"
)


@dataclass(frozen=True)
class Culprit:
    """An op whose rule is wrong at the inputs that it ran on.

    op          the op.
    rule        which of its methods.
    order       the lowest order of derivative that is wrong.
    derivative  the one of this op that is furthest off, with both numbers.
    value       the element that moved there; None if all moved, or what moved was no input but g.
    line        the line of the user's code that ran the op.
    """

    op: Op
    rule: str
    order: int
    derivative: Derivative
    value: complex | None
    line: str

    def __str__(self) -> str:
        where = "" if self.value is None else f", where it is {self.value:.6g}"
        return f"The culprit is {self.rule} of {self.op!r}, which ran at {self.line}. By itself: {self.derivative}{where}"


class _Applications(Watcher):
    """Writes down each op that is recorded, its operands as they are then, and the line that ran it."""

    def __init__(self) -> None:
        self.seen: list[tuple[Op, list[Any], str]] = []

    def ran(self, op: Op, operands: tuple[Any, ...], out: Tensor) -> None:
        if out.requires_grad:
            self.seen.append((op, [_copied(op, i, x) for i, x in enumerate(operands)], users_line()))


def culprit_of(function: Callable, inputs: Any, order: int, check: Callable[..., GradientCheck]) -> Culprit | None:
    """The first op that a function runs on inputs and whose derivatives, up to order, are wrong; None if there is none.

    check(op, operands, order) says whether they are.
    """
    given = [inputs] if isinstance(inputs, Tensor) else inputs
    with _Applications() as applications, enable_grad():
        function(*[Tensor(x, requires_grad=x.requires_grad) if isinstance(x, Tensor) else x for x in given])
    for op, operands, line in applications.seen:
        for level in range(1, order + 1):
            try:
                with np.errstate(all="ignore"):
                    result = check(op, operands, level)
            except (DTypeError, GraphError, GradientCheckError, ValueError):
                break                   # it runs in float32, say, or on NaN, and cannot be compared with differences
            if not result:
                return _culprit(op, operands, line, result)
    return None


def _copied(op: Op, i: int, x: Any) -> Any:
    return Tensor(x, requires_grad=x.requires_grad, name=op.input_name(i)) if isinstance(x, Tensor) else x


def _culprit(op: Op, operands: list[Any], line: str, result: GradientCheck) -> Culprit:
    derivative = max(result.wrong, key=result.excess)
    rule, value = ", ".join(f"grad_{name}" for name in op.inputs if name not in op.constants), None
    for i, x in enumerate(operands):
        if derivative.input == f"input {i} ({op.input_name(i)!r})":
            rule = f"grad_{op.inputs[min(i, len(op.inputs) - 1)]}"
            value = None if derivative.index is None else x.numpy()[derivative.index].item()
    if op.joint:
        rule = "backward"
    if result.order > 1:
        rule = "composed" if op.twin_needed else rule
    return Culprit(op, f"{type(op).__name__}.{rule}", result.order, derivative, value, line)
