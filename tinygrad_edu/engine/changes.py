"""The register of in-place changes: which memory was changed, when, and by which line of the user's code.

A node remembers the arrays that its rules need, not copies of them. If one is changed in place afterwards, the gradient would be
wrong without a word. So every in-place operator enters the memory that it wrote here, with the moment on the nodes' clock, and a walk
that meets a node older than the latest entry looks its arrays up. Recording pays nothing for this, and the walk one comparison of ints.
"""

from __future__ import annotations

import sys
import weakref
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds

from .node import clock

MOST_RANGES = 64


class Change(NamedTuple):
    """The latest change of one range of bytes."""

    time: int
    line: str


class Memory:
    """What was changed in one allocation."""

    def __init__(self, owner: Any) -> None:
        if hasattr(owner, "__weakref__") or isinstance(owner, np.ndarray):
            self.alive = weakref.ref(owner, _forget(id(owner)))
        self.changes: dict[tuple[int, int], Change] = {}
        self.count = 0


latest = 0
"""The moment of the latest change of any memory."""

_memories: dict[int, Memory] = {}


def enter(*arrays: np.ndarray) -> None:
    """Say that arrays were changed in place just now, by the line of the user's code that is running."""
    global latest
    time = clock()
    line = users_line()
    for array in arrays:
        owner = owner_of(array)
        memory = _memories.get(id(owner))
        if memory is None:
            memory = _memories[id(owner)] = Memory(owner)
        memory.count += 1
        span = byte_bounds(array)
        if span not in memory.changes and len(memory.changes) >= MOST_RANGES:
            # A loop over the elements of an array would fill the register: from here on the array counts as one range.
            spans = [*memory.changes, span]
            memory.changes.clear()
            span = min(low for low, _ in spans), max(high for _, high in spans)
        memory.changes[span] = Change(time, line)
    latest = max(latest, time)


def change_after(time: int, array: object) -> Change | None:
    """The change of array's memory after time, if there was one."""
    if not isinstance(array, np.ndarray):
        return None                                     # a shape, a Python number, or a NumPy scalar, which nobody can change
    memory = _memories.get(id(owner_of(array)))
    if memory is None:
        return None
    low, high = byte_bounds(array)
    for (start, stop), change in list(memory.changes.items()):
        if change.time > time and start < high and low < stop:
            return change
    return None


def version(array: np.ndarray | np.generic) -> int:
    """How often the memory of array was changed in place."""
    memory = _memories.get(id(owner_of(array))) if isinstance(array, np.ndarray) else None
    return 0 if memory is None else memory.count


def owner_of(array: np.ndarray) -> Any:
    """What is at the end of array's chain of bases, mostly an array: views of one allocation have one owner."""
    owner: Any = array
    while True:
        base = owner.obj if isinstance(owner, memoryview) else getattr(owner, "base", None)
        if base is None:
            return owner
        owner = base


def users_line() -> str:
    """The line of the user's code that is running: the nearest frame outside the library. Its examples are user's code, too."""
    frame = sys._getframe(1)
    outside = frame
    while outside is not None and _is_ours(outside.f_globals.get("__name__", "")):
        outside = outside.f_back        # type: ignore[assignment]
    frame = outside or frame
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}, in {frame.f_code.co_name}"


def _is_ours(module: str) -> bool:
    return module.startswith(_PACKAGE) and not module.startswith(_EXAMPLES)


_PACKAGE = __name__.removesuffix("engine.changes")
_EXAMPLES = f"{_PACKAGE}examples."


def _forget(key: int):
    def forget(_: object) -> None:
        _memories.pop(key, None)

    return forget
