"""Watchers: who is told of every op that runs, and of every node that a walk passes.

Anomaly detection is one, and the steps of tg.viz are another. While nobody watches, the engine pays one look at a number for it.
"""

from __future__ import annotations

import threading
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from .node import Node
    from .op import Op
    from .tensor import Tensor

active = 0
"""How many watchers there are, in all threads together; the engine asks no further where it is 0."""

_here: ContextVar[tuple[Watcher, ...]] = ContextVar("watchers", default=())
_counting = threading.Lock()


class Watcher:
    """Watches for the length of a with block, in the thread or task that entered it. A subclass overrides what it wants to be told.

    A watcher changes nothing: it writes into none of what it is shown. It may raise, and the op or the walk ends with its error.
    """

    def ran(self, op: Op, operands: tuple[Any, ...], out: Tensor) -> None:
        """op ran on operands and gave out, which has a node if it was recorded."""

    def reached(self, node: Node, g: Any, parents: tuple[Node | None, ...], record: bool) -> None:
        """A walk is about to ask the rules of node for the gradients of parents; g is dL/d(node)."""

    def pulled(self, node: Node, g: Any, parents: tuple[Node | None, ...], contributions: Any) -> None:
        """The rules of node gave contributions, one for each parent that is not None, before broadcasting is undone."""

    def __enter__(self) -> Self:
        _here.set((*_here.get(), self))
        _count(1)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        _count(-1)
        watchers = _here.get()
        latest = max((i for i, watcher in enumerate(watchers) if watcher is self), default=None)
        if latest is not None:      # None where a generator that entered the block is closed by another thread or task
            _here.set(watchers[:latest] + watchers[latest + 1 :])


def _count(change: int) -> None:
    global active
    with _counting:
        active += change


def ran(op: Op, operands: tuple[Any, ...], out: Tensor) -> None:
    for watcher in _here.get():
        watcher.ran(op, operands, out)


def reached(node: Node, g: Any, parents: tuple[Node | None, ...], record: bool) -> None:
    for watcher in _here.get():
        watcher.reached(node, g, parents, record)


def pulled(node: Node, g: Any, parents: tuple[Node | None, ...], contributions: Any) -> None:
    for watcher in _here.get():
        watcher.pulled(node, g, parents, contributions)
