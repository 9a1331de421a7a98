"""Rules from outside the library that record themselves, and functions that are differentiated: what loses its history there is refused.

In a gradient of a gradient it would be a constant, and the result wrong without a word: an array that forward computed and hid, or a
tensor that left the graph. Ways out are said with the error, and detach() says on purpose that something is a constant.
"""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from opcode import opmap
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import GraphError, MutationError

if TYPE_CHECKING:
    from .op import Op


class Recording(NamedTuple):
    """The method of an op that records itself now, a rule or composed, and what it is given, by name."""

    op: Op
    method: str
    given: dict[str, Any]

    @property
    def is_rule(self) -> bool:
        return self.method != "composed"

    def __str__(self) -> str:
        return f"{self.op!r}: {type(self.op).__name__}.{self.method}"


_recording: ContextVar[Recording | None] = ContextVar("rule", default=None)


def recording(op: Op, method: str, names: tuple[str, ...], *values: Any) -> Any:
    """What a method of op, which is from outside the library, returns for values while it records itself."""
    now = Recording(op, method, dict(zip(names, values)))
    with _guarded(now):
        result = getattr(op, method)(*values)
    if now.is_rule and isinstance(result, (np.ndarray, np.generic)):
        raise GraphError(_hidden(now, result))
    return result


@contextmanager
def _guarded(now: Recording) -> Iterator[None]:
    token = _recording.set(now)
    try:
        yield
    finally:
        _recording.reset(token)


def refuse_leaving(tensor: Any, how: str) -> None:
    """Raise if a tensor with a history is about to leave the graph while a rule or a twin records itself."""
    now = _recording.get()
    if now is not None and tensor._node is not None and _asked_from_outside(f"{_PACKAGE}.engine.tensor"):
        name = next((name for name, x in now.given.items() if getattr(x, "_node", None) is tensor._node), f"a tensor of shape {tensor.shape}")
        raise GraphError(
            f"{now} leaves the graph by {how} of {name}, and what is computed from there would be a constant in a gradient of a gradient. "
            f"Compute with operators and NumPy's functions, which take tensors{_OR_TWIN if now.is_rule else ''}"
        )


_OR_TWIN = "; or derive from Fused, where forward keeps what is needed, and composed is the same function from primitives"


@contextmanager
def differentiated(function: str) -> Iterator[None]:
    """For the length of a block, a function is differentiated: math.sin(x) would make a constant of its argument."""
    token = _differentiated.set(function)
    try:
        yield
    finally:
        _differentiated.reset(token)


_differentiated: ContextVar[str | None] = ContextVar("differentiated", default=None)


def refuse_number(how: str) -> None:
    """Raise if a function that is differentiated makes a Python number of a tensor that records, as math.sin(x) does: a constant.

    Elsewhere that is float(loss), to be printed.
    """
    if function := _differentiated.get():
        raise GraphError(
            f"{function} makes a Python number of a tensor, by {how} or a function that does so, and what is computed from there would be a "
            f"constant. Compute with operators and NumPy's functions, which take tensors: np.sin(x), not math.sin(x). If it is a constant, "
            f"say so: x.item()"
        )


def warn_of_an_element(tensor: Any) -> None:
    """Warn if an element of an array is set to a tensor that records, as in losses[0] = loss: a constant, which may be meant or not.

    NumPy asks for the number as float() does; the instruction that runs in the caller tells them apart.
    """
    caller = sys._getframe(2)
    if caller.f_code.co_code[caller.f_lasti] == _SET_ELEMENT:
        warnings.warn(
            f"an element of an array is set to a tensor of shape {tensor.shape} that records, and the array knows nothing of its history; "
            f"join tensors by tg.stack, or say that it is a number: array[i] = x.item()",
            stacklevel=3,
        )


_SET_ELEMENT = opmap["STORE_SUBSCR"]


def refuse_array(array: Any) -> None:
    """Raise if an array of real numbers is about to become an operand while a rule records itself."""
    now = _recording.get()
    if now is not None and now.is_rule and array.dtype.kind in "fc" and _asked_from_outside(f"{_PACKAGE}.engine", f"{_PACKAGE}.ops", "numpy"):
        raise GraphError(_hidden(now, array))


def refuse_no_grad() -> None:
    """Raise if a rule or a twin is about to switch its own recording off."""
    if (now := _recording.get()) is not None and _asked_from_outside(f"{_PACKAGE}.engine"):
        raise GraphError(f"{now} switches recording off, and what it computes would be a constant in a gradient of a gradient. Leave no_grad out")


def refused_write(error: Exception, op: Op, method: str, example: str) -> MutationError | None:
    """What to say where a method of an op, which is from outside the library, wrote into what it was given; None of any other error."""
    if not op.foreign or not isinstance(error, ValueError) or "read-only" not in str(error):
        return None
    return MutationError(
        f"{op!r}: {method} writes into an array that it was given, and others use it too; change a copy: {example} = {example}.copy()"
    )


def _asked_from_outside(*on_the_way: str) -> bool:
    """Whether it is code from outside the library that asks, by way of these modules."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals["__name__"].startswith(on_the_way):
        frame = frame.f_back
    return frame.f_globals["__name__"].split(".")[0] != _PACKAGE


_PACKAGE = __name__.split(".")[0]


def ways_out(name: str, inputs: tuple[str, ...], cls: str, rule: str) -> str:
    """What to do where a rule needs a value that forward computed."""
    return (
        f"name {' or '.join((*inputs, 'out'))} in {rule} and compute {name} again there, or derive {cls} from Fused: forward "
        f"returns out, {{{name!r}: {name}}}, and composed is the same function from primitives"
    )


def _hidden(now: Recording, array: Any) -> str:
    """What to say of an array without history in a rule."""
    called = _place_of(array, now)
    name = (called or "value").split(".")[-1].split("[")[-1].strip("'\"]")
    what, constant = (f"an array of shape {array.shape}", "tg.tensor") if np.ndim(array) else ("a number of NumPy's", "float")
    return (
        f"{now} uses {called + ', ' if called else ''}{what} without history, which would be a constant in a gradient "
        f"of a gradient. If forward computed it: {ways_out(name, now.op.inputs, type(now.op).__name__, now.method)}. "
        f"If it is a constant, say so: {constant}({called or name})"
    )


def _place_of(array: Any, now: Recording) -> str:
    """Where a rule has an array from, as it stands in its code; empty if it was computed on the way."""
    outside = inspect.getclosurevars(getattr(now.op, now.method))
    places = {"self.": {**vars(type(now.op)), **vars(now.op)}, "": {**outside.globals, **outside.nonlocals}}
    for prefix, names in places.items():
        for name, value in names.items():
            if value is array:
                return prefix + name
            for key, item in value.items() if isinstance(value, dict) else ():
                if item is array:
                    return f"{prefix}{name}[{key!r}]"
    return ""
