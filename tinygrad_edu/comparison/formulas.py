"""What a node of a graph is called in a sentence: its formula, or the name that a reduction has in textbooks."""

from __future__ import annotations

from ..engine.node import Node, ancestors

SIGNS = {"Add": " + ", "Subtract": " - ", "Multiply": " * ", "Divide": " / ", "MatMul": " @ "}
NAMES = {"Negative": "-", "Where": "where"}


def formula(node: Node | None, settings: tuple[str, ...] = ()) -> str:
    """A node as a formula of the inputs. Of constants, which a graph does not keep, only an eps that is a setting is shown."""
    if node is None:
        return "a constant"
    if node.is_leaf:
        return node.name or "a leaf"
    kind, parents = type(node.op).__name__, node.parents
    if called(node) == "the variance":
        return "var"
    if kind == "Subtract" and _is_mean_of(parents[1], parents[0]) and _is_centered(parents[0]):
        return formula(parents[0], settings)            # the mean of deviations is 0
    if is_square(node):
        return f"{_in_brackets(parents[0], settings)}**2"
    if (exponent := getattr(node.op, "exponent", None)) is not None and parents[0] is not None:
        roots = {0.5: f"sqrt({formula(parents[0], settings)})", -0.5: f"1/sqrt({formula(parents[0], settings)})"}
        return roots.get(exponent, f"{_in_brackets(parents[0], settings)}**{exponent}")
    if kind == "Divide" and parents[1] is None and (above := parents[0]) is not None and type(above.op).__name__ == "Sum":
        return f"mean({formula(above.parents[0], settings)})"
    if kind in SIGNS:
        known = [_in_brackets(parent, settings) if kind != "Add" else formula(parent, settings) for parent in parents if parent is not None]
        if len(known) == 1 and kind == "Add" and "eps" in settings:
            known.append("eps")
        if len(known) == 1 and parents[0] is None and kind in ("Divide", "Subtract"):
            return f"1/{known[0]}" if kind == "Divide" else f"-{known[0]}"
        return SIGNS[kind].join(filter(None, known))
    inner = ", ".join(formula(parent, settings) for parent in parents if parent is not None)
    return f"{NAMES.get(kind, kind.lower())}({inner})"


def called(node: Node) -> str:
    """A mean, a sum or another reduction, as one would say it."""
    kind = type(node.op).__name__
    inner = node.parents[0]
    if inner is not None and is_square(inner):
        centered = any(type(below.op).__name__ in ("Mean", "Sum") for below in ancestors([inner]))
        return "the variance" if kind == "Mean" and centered else f"the {kind.lower()} of squares"
    if inner is not None and type(inner.op).__name__ == "Exp":
        return f"the {kind.lower()} of exponentials"
    return {"Mean": "the mean", "Sum": "the sum"}.get(kind, repr(node.op))


def called_below(node: Node) -> str:
    """The reduction that a node of few elements was computed from."""
    while not node.is_leaf and len(parents := [parent for parent in node.parents if parent is not None]) >= 1:
        if any(parent.shape != node.shape for parent in parents):
            return called(node)
        node = parents[0]
    return node.name or "it"


def is_square(node: Node) -> bool:
    kind = type(node.op).__name__
    return kind == "Square" or (kind == "Multiply" and node.parents[0] is node.parents[1]) or getattr(node.op, "exponent", None) == 2


def _is_mean_of(node: Node | None, of: Node | None) -> bool:
    return node is not None and type(node.op).__name__ == "Mean" and node.parents[0] is of


def _is_centered(node: Node | None) -> bool:
    return node is not None and type(node.op).__name__ == "Subtract" and _is_mean_of(node.parents[1], node.parents[0])


def _in_brackets(node: Node | None, settings: tuple[str, ...]) -> str:
    text = formula(node, settings)
    sum_or_product = node is not None and type(node.op).__name__ in SIGNS
    return f"({text})" if sum_or_product and " " in text else text
