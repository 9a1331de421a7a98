"""Print which of NumPy's functions take Tensors, as a table: python -m tinygrad_edu.examples.numpy_functions"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType

import numpy as np

from tinygrad_edu.engine.tensor import DISPATCH, REFUSED
from tinygrad_edu.ops import fourier  # noqa: F401  it is loaded at first use
from tinygrad_edu.ops.without_gradient import WITHOUT_GRADIENT

NAMESPACES: dict[str, ModuleType] = {"np": np, "np.linalg": np.linalg, "np.fft": np.fft}


def functions(namespace: ModuleType) -> Iterator[tuple[str, Callable]]:
    """The functions of a namespace that NumPy hands on to the arrays of others, by name."""
    for name in sorted(vars(namespace)):
        function = getattr(namespace, name)
        if not name.startswith("_") and (isinstance(function, np.ufunc) or type(function).__name__ == "_ArrayFunctionDispatcher"):
            yield name, function


def decision(prefix: str, function: Callable) -> str:
    """What is decided of a function of a namespace, in words; "" if nothing is."""
    if function in WITHOUT_GRADIENT:
        return "without gradient"
    if function in DISPATCH:
        return "differentiated"
    reason = REFUSED.get(f"{prefix}.{function.__name__}".removeprefix("np."))
    return f"refused: {reason}" if reason else ""


def table() -> str:
    """The decisions as Markdown: for each namespace and decision the functions."""
    lines = []
    for prefix, namespace in NAMESPACES.items():
        decided: dict[str, list[str]] = {}
        for name, function in functions(namespace):
            decided.setdefault(decision(prefix, function), []).append(name)
        lines += [f"## {prefix}", "", "| decision | functions |", "| --- | --- |"]
        order = sorted(decided, key=lambda words: (("differentiated", "without gradient") + (words,)).index(words))
        lines += [f"| {words} | {', '.join(f'`{name}`' for name in decided[words])} |" for words in order]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
