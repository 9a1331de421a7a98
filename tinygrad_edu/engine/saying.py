"""Which function was called, and with what, in the text of the error that comes out of it.

A function may fail deep in another one, or in NumPy, and the error knows nothing of the name by which the user called. So it is told where
it leaves the library, and there alone. Where functions of NumPy arrive anyway, this costs nothing while nothing fails.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import wraps
from reprlib import Repr
from typing import Any

from numpy.exceptions import AxisError

from ..errors import DefinitionError, GraphError


def saying(name: str) -> Callable[[Callable], Callable]:
    """Decorator: errors of the function say that name was called. It costs a call, so it is not for functions of training steps."""

    def put_around(function: Callable) -> Callable:
        @wraps(function)
        def door(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                raise said(error, name, args, kwargs)

        return door

    return put_around


def name_of(function: Callable) -> str:
    """The name of a function of NumPy as one calls it, without np: "sum", "linalg.norm"."""
    module = (getattr(function, "__module__", None) or "numpy").removeprefix("numpy").removeprefix(".")
    return f"{module}.{function.__name__}" if module else function.__name__


def said(error: Exception, name: str, args: tuple, kwargs: dict[str, Any]) -> Exception:
    """The error, with the call in its text, or in a note where its class makes the text: for the function that failed to raise again.

    It stays as it is if the library itself called, if its text begins with the name, if it is of the graph and not of this call, and if its
    class lets nothing be said, as a frozen one.
    """
    try:
        return _told(error, name, args, kwargs)
    except Exception:
        return error


def _told(error: Exception, name: str, args: tuple, kwargs: dict[str, Any]) -> Exception:
    if isinstance(error, (GraphError, DefinitionError)) or not _called_from_outside():
        return error
    text, notes = str(error), getattr(error, "__notes__", [])
    module, _, last = name.rpartition(".")
    says_it = re.compile(rf"({re.escape(module)}\.)?{re.escape(last)}\b", re.IGNORECASE)
    if any(map(says_it.match, [text, *notes])):
        return error
    call = f"{name}({', '.join([*map(_SHORT.repr, args), *[f'{key}={_SHORT.repr(value)}' for key, value in kwargs.items()]])})"
    if error.args == (text,) and type(error).__str__ is BaseException.__str__:
        error.args = (f"{call}: {text}",)
    elif isinstance(error, AxisError):
        before = text.partition(f"axis {error.axis} is out")[0]       # such as "source: "
        error.__init__(error.axis, error.ndim, f"{call}: {before}".removesuffix(": "))      # type: ignore[misc]
    else:
        error.add_note(call)
    return error


def _called_from_outside() -> bool:
    """Whether the function that asks said was called by code from outside the library."""
    frame = sys._getframe(4)
    while frame.f_back is not None and _is_door(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    return not frame.f_globals.get("__name__", "").startswith(f"{_PACKAGE}.")


def _is_door(module: str) -> bool:
    """Whether a call only passes here: NumPy's dispatch, Tensor's protocols, and the table of its operators and methods."""
    return module in (__name__, f"{_PACKAGE}.engine.tensor", f"{_PACKAGE}.ops") or module.split(".")[0] == "numpy"


_PACKAGE = __name__.split(".")[0]


class _Short(Repr):
    """Arguments in few words: of arrays the dtype and the shape."""

    def repr1(self, x: Any, level: int) -> str:
        shape = getattr(x, "shape", None)
        if not (isinstance(shape, tuple) and shape and hasattr(x, "dtype")):
            return super().repr1(x, level)
        kind = "array" if type(x).__module__ == "numpy" else "tensor"
        name = getattr(x, "name", None)
        return f"{x.dtype} {kind} {f'{name!r} ' if name else ''}of shape {shape}"


_SHORT = _Short()
_SHORT.maxother = 60
