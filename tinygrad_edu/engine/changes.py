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

MOST_PLACES = 64
"""How many places of one allocation are told apart."""

MOST_WORK = 1000
"""How many steps NumPy may take to tell whether two arrays have a byte in common."""


class Change(NamedTuple):
    """The latest change of one place."""

    time: int
    line: str


class Place(NamedTuple):
    """The bytes from low to high; of an array that leaves some out, its layout: address, shape, strides and the size of an element."""

    low: int
    high: int
    layout: tuple[int, tuple[int, ...], tuple[int, ...], int] | None = None

    def overlaps(self, array: np.ndarray) -> bool:
        """Whether array has one of these bytes. Where that is hard to tell it counts as if it had."""
        low, high = byte_bounds(array)
        if low >= self.high or self.low >= high:
            return False
        if self.layout is None and array.flags.forc:
            return True
        try:
            return np.shares_memory(np.asarray(self), array, max_work=MOST_WORK)      # type: ignore[arg-type]
        except np.exceptions.TooHardError:
            return True

    @property
    def __array_interface__(self) -> dict[str, Any]:
        address, shape, strides, itemsize = self.layout or (self.low, (self.high - self.low,), (1,), 1)
        return {"data": (address, True), "shape": shape, "strides": strides, "typestr": f"|V{itemsize}", "version": 3}


def _place_of(array: np.ndarray) -> Place:
    address = array.__array_interface__["data"][0]
    if array.flags.forc:
        return Place(address, address + array.nbytes)
    return Place(*byte_bounds(array), (address, array.shape, array.strides, array.itemsize))


class Memory:
    """What was changed in one allocation."""

    def __init__(self, owner: np.ndarray | None) -> None:
        if owner is not None:
            self.alive = weakref.ref(owner, _forget(id(owner)))
        self.changes: dict[Place, Change] = {}
        self.count = 0
        self.latest = 0

    def enter(self, place: Place, change: Change) -> None:
        """Say that something was changed at a place."""
        self.count += 1
        self.latest = change.time
        if place not in self.changes and len(self.changes) >= MOST_PLACES:
            # A loop over the elements of an array would fill the register: from here on the array counts as one range.
            places = [*self.changes, place]
            self.changes.clear()
            place = Place(min([place.low for place in places]), max([place.high for place in places]))
        self.changes[place] = change

    def change_after(self, time: int, array: np.ndarray) -> Change | None:
        """The change of a byte of array after time, if there was one."""
        for place, change in list(self.changes.items()):
            if change.time > time and place.overlaps(array):
                return change
        return None


latest = 0
"""The moment of the latest change of any memory."""

_owned: dict[int, Memory] = {}
"""What was changed in the memory of an array that owns it, by its identity, and forgotten with it."""

_borrowed: dict[tuple[int, int], Memory] = {}
"""What was changed in memory that no array owns, such as another library's, by where it lies: it may have come in more than once."""


def enter(*arrays: np.ndarray) -> None:
    """Say that arrays were changed in place just now, by the line of the user's code that is running."""
    global latest
    change = Change(clock(), users_line())
    for array in arrays:
        owner, owns = owner_of(array)
        memory = _memory_of(owner, owns)
        if memory is None and owns:
            memory = _owned[id(owner)] = Memory(owner)
        elif memory is None:
            memory = _borrowed[byte_bounds(owner)] = Memory(None)
        memory.enter(_place_of(array), change)
    latest = max(latest, change.time)


def change_after(time: int, array: object) -> Change | None:
    """The change of array's memory after time, if there was one.

    The array is older than time, and so what was changed where it lies is its memory, by whatever way it was reached.
    """
    if not isinstance(array, np.ndarray):
        return None                                     # a shape, a Python number, or a NumPy scalar, which nobody can change
    owner, owns = owner_of(array)
    same = [_owned.get(id(owner))] if owns else list(_owned.values())
    for memory in (*same, *_borrowed.values()):
        if memory is not None and memory.latest > time:
            change = memory.change_after(time, array)
            if change is not None:
                return change
    return None


def version(array: np.ndarray | np.generic) -> int:
    """How often the memory of array was changed in place."""
    memory = _memory_of(*owner_of(array)) if isinstance(array, np.ndarray) else None
    return 0 if memory is None else memory.count


def owner_of(array: np.ndarray) -> tuple[np.ndarray, bool]:
    """The last array in the chain of bases, and whether it owns the memory; if not, what comes after it does, such as another library."""
    holder: Any = array
    last = array
    while (base := base_of(holder)) is not None:
        holder = base
        if isinstance(holder, np.ndarray):
            last = holder
    return last, holder is last and last.flags.owndata


def base_of(holder: Any) -> Any:
    """What an array, or whatever an array is a view of, has its memory from; None if it is its own."""
    return holder.obj if isinstance(holder, memoryview) else getattr(holder, "base", None)


def _memory_of(owner: np.ndarray, owns: bool) -> Memory | None:
    return _owned.get(id(owner)) if owns else _borrowed.get(byte_bounds(owner))


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
        _owned.pop(key, None)

    return forget
