"""The graph of a script that somebody wrote, without a change to it: it runs until it first walks back."""

from __future__ import annotations

import importlib
import os
import runpy
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..engine.node import Node
from ..engine.tensor import Tensor, wrap
from ..engine.watching import Watcher
from ..errors import GraphError
from .values import noted


class _Reached(BaseException):
    """Ends a script at its first backward pass; no except of the script is meant to catch it."""


class _UntilBackward(Watcher):
    """Stops at the first node that a walk reaches, which is its newest: the loss."""

    node: Node | None = None

    def reached(self, node: Node, g: Any, parents: tuple[Node | None, ...], record: bool) -> None:
        if self.node is None:
            self.node = node
        raise _Reached


def loss_of(target: str) -> Tensor:
    """What a script first walks back from, with its graph; nothing is freed, and no .grad is filled. Values and lines are noted.

    Parameters
        target  a file, "train.py", or a module, "tinygrad_edu.examples.digits": it is executed as a program until its first backward
                pass. Or one of them with a name, "train.py:loss": then only imported, and the name is a tensor, or a function without
                arguments that gives one.
    The program finds its folder, for a module the current one, on sys.path, and no arguments. sys.argv, sys.path and the current folder
    are put back afterwards; what it imported stays imported.
    Raises GraphError if there is no backward pass or no such tensor, ImportError or FileNotFoundError if there is no such program, and
    what the program raises.
    """
    program, _, name = target.partition(":") if not Path(target).exists() else (target, "", "")
    is_file = program.endswith(".py")
    if is_file and not Path(program).is_file():
        raise FileNotFoundError(f"{program}: there is no such file")
    if name:
        return _named(program, name, is_file)
    watcher = _UntilBackward()
    try:
        with _started(program, is_file), warnings.catch_warnings(), noted(), watcher:
            if is_file:
                runpy.run_path(program, run_name="__main__")
            else:
                # A module that is imported already is executed once more, as a program of its own, and that is what is wanted.
                warnings.filterwarnings("ignore", ".*found in sys.modules.*", RuntimeWarning, "runpy")
                runpy.run_module(program, run_name="__main__", alter_sys=True)
    except _Reached:
        pass
    except SystemExit as stop:
        if watcher.node is None:
            raise GraphError(f"{program} ended with status {stop.code} before a backward pass") from stop
    if watcher.node is None:
        raise GraphError(
            f"{program} ran to its end without a backward pass in its main thread; name what to draw: {program}:NAME, a tensor or a function"
        )
    return wrap(watcher.node.value, watcher.node)


@contextmanager
def _started(program: str, is_file: bool) -> Iterator[None]:
    """As a program finds things when it is started; afterwards they are as they were."""
    arguments, path, folder = sys.argv, list(sys.path), os.getcwd()
    sys.argv = [program]
    sys.path.insert(0, str(Path(program).resolve().parent) if is_file else folder)
    try:
        yield
    finally:
        sys.argv, sys.path[:] = arguments, path
        os.chdir(folder)


def _named(program: str, name: str, is_file: bool) -> Tensor:
    """The tensor called name in a program, or what the function of that name gives."""
    with _started(program, is_file), noted():
        if is_file:
            found = runpy.run_path(program).get(name)
        else:
            found = getattr(importlib.import_module(program), name, None)
        if callable(found) and not isinstance(found, Tensor):
            found = found()
    if not isinstance(found, Tensor):
        raise GraphError(f"{program}:{name} is {'not there' if found is None else type(found).__name__}; it needs to be a tensor, or give one")
    return found
