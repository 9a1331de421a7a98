"""Switches of the engine: whether ops are recorded, and whether fused ops run as their composed twins.

Each is a context variable, so a thread or an asyncio task that switches one does not switch it for the others.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TypeVar

from .guard import refuse_no_grad

F = TypeVar("F", bound=Callable[..., Any])

_recording: ContextVar[bool] = ContextVar("recording", default=True)
_composing: ContextVar[bool] = ContextVar("composing", default=False)

is_grad_enabled = _recording.get
is_composing = _composing.get


class Mode:
    """A switch set for the length of a with block, or of each call of a decorated function.

    A decorated generator or coroutine runs its own body in the mode and gives the caller's mode back at every yield or await.
    One Mode may be entered again while it is entered.
    """

    variable: ContextVar[bool]
    value: bool

    def __init__(self) -> None:
        self._previous: list[bool] = []

    def __enter__(self) -> None:
        self._switch()

    def _switch(self) -> None:
        if self.variable is _recording and not self.value:
            refuse_no_grad()
        self._previous.append(self.variable.get())
        self.variable.set(self.value)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self.variable.set(self._previous.pop())

    def __call__(self, function: F) -> F:
        make = type(self)

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with make():
                result = function(*args, **kwargs)
            if inspect.isgenerator(result):
                return _resumed_in(make, result)
            if inspect.iscoroutine(result):
                return _awaited_in(make, result)
            if inspect.isasyncgen(result):
                return _async_resumed_in(make, result)
            return result

        return wrapped  # type: ignore[return-value]


class no_grad(Mode):
    """Record nothing: results need no gradient, and leaves may be changed in place.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.no_grad():
    ...     w -= 0.5
    >>> w.data
    array([0.5, 1.5], dtype=float32)
    """

    variable, value = _recording, False


class enable_grad(Mode):
    """Record, also inside no_grad.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor(3.0, requires_grad=True)
    >>> with tg.no_grad():
    ...     with tg.enable_grad():
    ...         y = w * w
    >>> y.requires_grad
    True
    """

    variable, value = _recording, True


class set_grad_enabled(Mode):
    """Record or not, as mode says; as a statement of its own it stays switched, as in PyTorch.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor(3.0, requires_grad=True)
    >>> with tg.set_grad_enabled(False):
    ...     (w * w).requires_grad
    False
    """

    variable = _recording

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self.value = bool(mode)
        self._switch()
        self._switched = True       # already, until the first with block begins

    def __enter__(self) -> None:
        if not self._switched:
            self._switch()
        self._switched = False
        self.variable.set(self.value)

    def __call__(self, function: F) -> F:
        self.variable.set(self._previous.pop())      # a decorator switches nothing outside the function
        return (enable_grad() if self.value else no_grad())(function)


class composed(Mode):
    """Run every fused op as its composed twin: the same functions, written from primitives.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([0.0, 1.0], requires_grad=True)
    >>> with tg.composed():
    ...     y = tg.nn.functional.sigmoid(x)
    >>> y.op
    Divide()
    """

    variable, value = _composing, True


def _resumed_in(make: Callable[[], Mode], generator: Any) -> Any:
    """Run a generator with the mode switched on while its own code runs, and off while it waits."""
    step, argument = generator.send, None
    try:
        while True:
            try:
                with make():
                    item = step(argument)
            except StopIteration as stop:
                return stop.value
            try:
                step, argument = generator.send, (yield item)
            except GeneratorExit:
                raise
            except BaseException as error:
                step, argument = generator.throw, error
    finally:
        with make():
            generator.close()


async def _awaited_in(make: Callable[[], Mode], coroutine: Any) -> Any:
    return await _Awaitable(_resumed_in(make, coroutine))


class _Awaitable:
    def __init__(self, steps: Any) -> None:
        self.steps = steps

    def __await__(self) -> Any:
        return (yield from self.steps)


async def _async_resumed_in(make: Callable[[], Mode], generator: Any) -> Any:
    step = generator.__anext__()
    try:
        while True:
            try:
                item = await _awaited_in(make, step)
            except StopAsyncIteration:
                return
            try:
                sent = yield item
                step = generator.asend(sent)
            except GeneratorExit:
                raise
            except BaseException as error:
                step = generator.athrow(error)
    finally:
        await generator.aclose()
