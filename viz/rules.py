"""What an op does, in the words of its own docstring; of an op that says nothing, in those of its code."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from weakref import WeakKeyDictionary

from ..engine.op import Op

_SECTION = re.compile(r"(Shapes|Gradient|Keeps|Source)\s{2,}(.*)")
_FORMULA = re.compile(r"out\b.*=")
_RULE = re.compile(r"dL/d\*?(\w+)(?:\[[^\]]*\])?\s*= (.*)")


def sections(kind: type[Op]) -> dict[str, list[str]]:
    """The parts of an op's docstring: "Shapes", "Gradient", "Keeps" and "Source", those that are there, as lines; the rest is ""."""
    found: dict[str, list[str]] = {"": []}
    current = ""
    written = vars(kind).get("__doc__")
    for line in inspect.cleandoc(written).splitlines() if isinstance(written, str) else ():
        begins = _SECTION.match(line)
        if begins:
            current = begins[1]
            found[current] = [begins[2]]
        elif current and not line.startswith(" "):
            current = ""
            found[""].append(line)
        else:
            found[current].append(line.strip() if current else line)
    return found


def called(op: Op) -> str:
    """An op with its settings, as it says itself; of one that fails to, its class."""
    try:
        return repr(op)
    except Exception:
        return type(op).__name__


def formula(op: Op) -> str:
    """What comes out, as a formula: "out = a * b"; of an op whose docstring has none, the end of its forward."""
    return next((line for line in sections(type(op))[""] if _FORMULA.match(line)), None) or f"out = {_returned(op.forward)}"


def rules(op: Op) -> dict[str, str]:
    """For each input that has a gradient its rule as a formula, {"a": "g * b", "b": "g * a"}.

    >>> import tinygrad_edu as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> rules((w * 3.0).op)
    {'a': 'g * b', 'b': 'g * a'}
    """
    kind = type(op)
    if kind not in _read:
        _read[kind] = _rules(kind)
    return dict(_read[kind])


_read: WeakKeyDictionary[type[Op], dict[str, str]] = WeakKeyDictionary()
"""The rules of the ops that were asked for; an op that somebody made for a while can go again."""


def _rules(kind: type[Op]) -> dict[str, str]:
    said: dict[str, str] = {}
    for line in sections(kind).get("Gradient", []):
        begins = _RULE.match(line)
        if begins and begins[1] not in said:
            said[begins[1]] = begins[2].rstrip(".,")
    wanted = [name for name in kind.inputs if name not in kind.constants]
    if kind.joint:
        whole = _returned(kind.backward) if not said else ""        # type: ignore[attr-defined]
        return {name: said.get(name, f"by backward: {whole}" if whole else "by backward") for name in wanted}
    return {name: said.get(name) or _returned(getattr(kind, f"grad_{name}")) for name in wanted}


def _returned(function: Callable) -> str:
    """The expression that a function ends with."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return "unknown"                # made without a file
    returns = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return) and node.value is not None]
    return " ".join(ast.unparse(returns[-1]).split()) if returns else "nothing"
