"""Anomaly detection: where was the first NaN or infinity born, and was a kept array changed behind the engine's back?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self
from zlib import crc32

import numpy as np

from ..errors import AnomalyError, MutationError
from .backward import describe
from .changes import users_line
from .node import Node
from .watching import Watcher

if TYPE_CHECKING:
    from .op import Op
    from .tensor import Tensor


class detect_anomaly(Watcher):
    """Inside the block every value and every gradient is looked at, and what each node keeps is guarded by a checksum.

    Parameters
        check_nan  whether a NaN is an anomaly.
        check_inf  whether an infinity is one.
    Raises, from the op or the backward pass in which it happens,
        AnomalyError   where a NaN or an infinity comes out of an op, or of a rule, into which only finite numbers went. The message has
                       the op, the numbers that made it, and the line of your code; tg.viz.draw(error) draws the graph up to there.
        MutationError  where a backward pass is about to use an array that was changed after it was kept, in a way that is not entered in
                       the register of changes: through tensor.data, tensor.numpy(), or an array that was an operand.

    In PyTorch it only looks at gradients, and a value that was changed through .data gives a wrong gradient without a word. What was
    infinite before, such as the -inf of a mask, is no anomaly. Recording takes several times longer; use it to find a mistake.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([2.0, 0.0], requires_grad=True, name="x")
    >>> with tg.detect_anomaly():
    ...     (x / x).sum()                           # doctest: +ELLIPSIS
    Traceback (most recent call last):
    tinygrad_edu.errors.AnomalyError: Divide(): out[1] is nan, and all that went in is finite: a ('x') is 0.0 there, b ('x') is 0.0 there; ...
    """

    def __init__(self, check_nan: bool = True, check_inf: bool = True) -> None:
        self.is_anomaly = _anomalies(check_nan, check_inf)
        self._silences: list[np.errstate] = []

    def __enter__(self) -> Self:
        self._silences.append(np.errstate(all="ignore"))        # NumPy warns of the same, without saying where
        self._silences[-1].__enter__()
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._silences.pop().__exit__(*error)

    def ran(self, op: Op, operands: tuple[Any, ...], out: Tensor) -> None:
        line = users_line()
        if out.node is not None:
            out.node.line = line
            out.node.checksums = {id(array): _checksum(array) for _, array in _kept(out.node, out.node.parents, True, False)}
        bad = self.is_anomaly(out._data)
        if np.any(bad) and not any(np.any(self.is_anomaly(value)) for value in map(_value, operands)):
            at = _first(bad)
            named = [(op.input_name(i), operand) for i, operand in enumerate(operands) if operand is not None]
            what = f"{op!r}: {_element('out', at, out._data)}, and all that went in is finite: {_operands(named, at, out.shape)}"
            raise AnomalyError(f"{what}; at {line}", op, operands)

    def reached(self, node: Node, g: Any, parents: tuple[Node | None, ...], record: bool) -> None:
        changed = [
            name for name, array in _kept(node, parents, record)
            if node.checksums is not None and node.checksums.get(id(array)) not in (None, _checksum(array))
        ]
        if changed:
            raise MutationError(
                f"{describe(node)} kept {' and '.join(changed)} for the backward pass, and it was changed afterwards, through .data, .numpy() or "
                f"an array that was an operand: the gradient would be wrong. It was recorded at {node.line}; change a copy instead"
            )

    def pulled(self, node: Node, g: Any, parents: tuple[Node | None, ...], contributions: Any) -> None:
        if np.any(self.is_anomaly(_value(g))):
            return                      # it came from further down
        for i, parent in enumerate(parents):
            if parent is None or not np.any(bad := self.is_anomaly(_value(contributions[i]))):
                continue
            at, value = _first(bad), _value(contributions[i])
            kept = [(name, x) for name, x in node.op.used_values(node, parents, False) if isinstance(x, (np.ndarray, np.generic))]
            raise AnomalyError(
                f"{node.op!r}, in the backward pass: {_element(f'dL/d{node.op.input_name(i)}', at, value)}, and dL/dout is finite: "
                f"{_operands([('dL/dout', g), *kept], at, value.shape)}" + (f"; recorded at {node.line}" if node.line else ""),
                node.op, node.parents,
            )


def _anomalies(check_nan: bool, check_inf: bool) -> Callable[[Any], Any]:
    """A function that says which elements are what is looked for."""

    def anomalies(value: Any) -> Any:
        if value.dtype.kind not in "fc":
            return False
        if check_nan and check_inf:
            return ~np.isfinite(value)
        return np.isnan(value) if check_nan else np.isinf(value) if check_inf else False

    return anomalies


def _value(x: Any) -> Any:
    """The array of a tensor, an array or a number."""
    return np.asarray(getattr(x, "_data", x))


def _kept(node: Node, parents: tuple[Node | None, ...], *records: bool) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays, with their names, that a walk to parents uses, if it is recorded or not."""
    for record in records:
        yield from ((name, value) for name, value in node.op.used_values(node, parents, record) if isinstance(value, np.ndarray))


def _checksum(array: np.ndarray) -> int:
    return crc32(np.ascontiguousarray(array).view(np.uint8).data) if array.size else 0


def _first(bad: Any) -> tuple[int, ...]:
    return tuple(map(int, np.unravel_index(int(np.argmax(bad)), np.shape(bad))))


def _element(name: str, at: tuple[int, ...], value: Any) -> str:
    return f"{name}{list(at) if at else ''} is {_value(value)[at]}"


def _operands(named: list[tuple[str, Any]], at: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """What went in: the element that belongs to the one at this place if it broadcasts there, else between which numbers it lies."""
    said = []
    for name, operand in named:
        value = _value(operand)
        called = f"{name} ({operand.name!r})" if getattr(operand, "name", None) else name
        try:
            said.append(f"{called} is {np.broadcast_to(value, shape)[at]} there")
        except ValueError:
            said.append(f"{called} has shape {value.shape}" + (f", from {value.min()} to {value.max()}" if value.size else ""))
    return ", ".join(said)
