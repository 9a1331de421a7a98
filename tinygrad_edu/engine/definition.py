"""What is checked, and what is made, when the class of an op is made: once for each class, so that recording and walking need not."""

from __future__ import annotations

import inspect
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DefinitionError
from .guard import refused_write, ways_out
from .tensor import Tensor, read_only

if TYPE_CHECKING:
    from .op import Fused, Op


def define(cls: type[Op]) -> None:
    """Read forward and the rules of an op class, check that they fit together, and make what recording and walking need."""
    cls.foreign = cls.__module__.split(".")[0] != __name__.split(".")[0]
    cls.inputs, cls.variadic = _inputs_of(cls)
    cls.fields, cls.signature = _fields_of(cls)
    for name in cls.constants:
        if name not in cls.inputs:
            raise DefinitionError(f"{cls.__name__}: constants names {name!r}; the inputs of forward are {', '.join(cls.inputs)}")
    for name in (rule.removeprefix("grad_") for rule in dir(cls) if rule.startswith("grad_")):
        if name not in cls.inputs:
            raise DefinitionError(f"{cls.__name__}: there is a rule grad_{name}, but the inputs of forward are {', '.join(cls.inputs)}")
    cls.joint = hasattr(cls, "backward")
    if cls.joint:
        if not cls.fused:
            raise DefinitionError(
                f"{cls.__name__}: only a Fused has a joint backward; write grad_{cls.inputs[0]} and so on, or derive from Fused"
            )
        cls.rule_names = (_names_of(cls, "backward"),)
    else:
        for name in cls.inputs:
            if not hasattr(cls, f"grad_{name}") and name not in cls.constants:
                raise DefinitionError(
                    f"{cls.__name__}: the input {name} has no rule; write grad_{name}(self, g, ...), or say constants = ({name!r},)"
                )
        cls.rule_names = tuple(() if name in cls.constants else _names_of(cls, f"grad_{name}") for name in cls.inputs)
    if cls.fused:
        _define_twin(cls)
    _compile(cls)


def _inputs_of(cls: type[Op]) -> tuple[tuple[str, ...], bool]:
    parameters = list(inspect.signature(cls.forward).parameters.values())[1:]
    if not parameters:
        raise DefinitionError(f"{cls.__name__}: forward(self) has no input")
    for parameter in parameters:
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD) or parameter.default is not parameter.empty:
            raise DefinitionError(
                f"{cls.__name__}: forward's parameter {parameter.name} is no input; arrays are arguments without a default, "
                f"and a setting is a field: {parameter.name}: int = ..."
            )
    return tuple(parameter.name for parameter in parameters), parameters[-1].kind is inspect.Parameter.VAR_POSITIONAL


def _fields_of(cls: type[Op]) -> tuple[tuple[str, ...], inspect.Signature]:
    """The settings of an op: the annotated names of its class, in order, those of its bases first."""
    parameters: dict[str, inspect.Parameter] = {}
    for base in reversed(cls.__mro__):
        if isinstance(base, type(cls)) and base.__module__ != cls.__mro__[-2].__module__:      # Op and its kin declare no settings
            for name, annotation in inspect.get_annotations(base).items():
                if "ClassVar" not in str(annotation):
                    default = getattr(cls, name, inspect.Parameter.empty)
                    parameters[name] = inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)
    return tuple(parameters), inspect.Signature(list(parameters.values()))


def _names_of(cls: type[Op], rule: str) -> tuple[str, ...]:
    """What a rule names after g."""
    names = tuple(inspect.signature(getattr(cls, rule)).parameters)[1:]
    if not names or names[0] != "g":
        raise DefinitionError(f"{cls.__name__}.{rule}: the first parameter must be g, the gradient of the output")
    known = {*cls.inputs, *(f"{name}_shape" for name in cls.inputs), "out"}
    if cls.variadic:
        known.add("index")
    if not cls.fused:
        for name in names[1:]:
            if name not in known:
                raise DefinitionError(
                    f"{cls.__name__}.{rule} names {name}; a rule may name {', '.join(sorted(known))}, and only a Fused may keep values of "
                    f"its own. If forward computes {name}: {ways_out(name, cls.inputs, cls.__name__, rule)}"
                )
    return names[1:]


def _define_twin(cls: type[Op]) -> None:
    if not hasattr(cls, "composed"):
        raise DefinitionError(f"{cls.__name__}: a Fused carries its twin: write composed(self, {', '.join(cls.inputs)}) from primitives")
    twin = tuple(inspect.signature(cls.composed).parameters)[1:]
    if twin != cls.inputs:
        raise DefinitionError(
            f"{cls.__name__}: composed takes {', '.join(twin)} and forward takes {', '.join(cls.inputs)}; they must be the same"
        )
    known = {*cls.inputs, *(f"{name}_shape" for name in cls.inputs), "out", "needs"}
    cls.kept_names = frozenset(name for names in cls.rule_names for name in names if name not in known)
    cls.twin_needed = cls.joint or bool(cls.kept_names)


def _compile(cls: type[Op]) -> None:
    """Make, from the names in the rules, the functions that gather what a node keeps and that ask the rules for gradients.

    For Multiply, with grad_a(g, b) and grad_b(g, a), these are

        keep[True, True]  lambda a, b, out: ((b,), (a,))
        pull              lambda self, g, parents, kept: (None if parents[0] is None else self.grad_a(g, kept[0][0]), ...)

    and for LayerNorm, with backward(g, x, gamma, mean, needs),

        collect           lambda values, out, kept, parents: ((values[0], values[1], kept['mean'], None), values)
        pull              lambda self, g, parents, kept: checked(self, parents, self.backward(g, kept[0][0], kept[0][1], ...))
    """
    cls.pull = _pull_of(cls)
    if cls.foreign:
        cls.pull = _guarded(cls.pull)
    cls.keep = {}
    if not (cls.joint or cls.variadic or cls.constants or cls.fused) and len(cls.inputs) <= 2:
        code = {name: name for name in (*cls.inputs, "out")}
        for needs in itertools.product((True, False), repeat=len(cls.inputs)):
            kept = [_tuple(names, code, own) if needed else "()" for needed, own, names in zip(needs, cls.inputs, cls.rule_names)]
            cls.keep[needs] = eval(f"lambda {', '.join(cls.inputs)}, out: ({', '.join(kept)},)", {"shape_of": np.shape})
    else:
        cls.collect = _collect_of(cls)


def _pull_of(cls: type[Op]) -> Any:
    if cls.joint:
        needs = "tuple([parent is not None for parent in parents])"
        arguments = ", ".join(["g", *(needs if name == "needs" else f"kept[0][{j}]" for j, name in enumerate(cls.rule_names[0]))])
        return eval(f"lambda self, g, parents, kept: checked(self, parents, self.backward({arguments}))", {"checked": _checked})
    if cls.variadic:
        return _pull_any
    calls = []
    for i, (name, names) in enumerate(zip(cls.inputs, cls.rule_names)):
        arguments = "".join(f", kept[{i}][{j}]" for j in range(len(names)))
        call = "None" if name in cls.constants else f"self.grad_{name}(g{arguments})"
        calls.append(call if len(cls.inputs) == 1 else f"None if parents[{i}] is None else {call}")
    return eval(f"lambda self, g, parents, kept: ({', '.join(calls)},)")


def _collect_of(cls: type[Op]) -> Any:
    code = {name: f"values[{i}]" for i, name in enumerate(cls.inputs)}
    code = {"out": "out", "needs": "None", **{name: f"kept[{name!r}]" for name in cls.kept_names}, **code}
    last, name = len(cls.inputs) - 1, cls.inputs[-1]
    shapes = f"tuple([shape_of(value) for value in values[{last}:]])"
    if cls.variadic:
        code[name], code[f"{name}_shape"], code["index"] = f"values[{last}:]", shapes if cls.joint else "shapes", "index"
    if cls.joint:
        parts = [_tuple(cls.rule_names[0], code)]
    else:
        parts = [f"() if parents[{i}] is None else {_tuple(names, code, cls.inputs[i])}" for i, names in enumerate(cls.rule_names)]
        if cls.variadic:        # one rule for many inputs, which share one tuple of their shapes
            each = f"() if parent is None else {_tuple(cls.rule_names[last], code)}"
            parts[last] = f"*[{each} for shapes in [{shapes}] for index, parent in enumerate(parents[{last}:])]"
    if cls.twin_needed:
        parts.append("values")
    return eval(f"lambda values, out, kept, parents: ({', '.join(parts)},)", {"shape_of": np.shape})


def _tuple(names: tuple[str, ...], code: dict[str, str], own: str | None = None) -> str:
    """The code of a tuple of what a rule names, from the code of each value; own is the input that the rule belongs to."""
    return f"({''.join(f'{_value(name, code, own)}, ' for name in names)})"


def _value(name: str, code: dict[str, str], own: str | None) -> str:
    if name in code:
        return code[name]
    of = name.removesuffix("_shape")
    return f"{code[of]}.shape" if of == own else f"shape_of({code[of]})"        # another input may be a Python number, or None


def _guarded(pull: Any) -> Any:
    """The pull of an op from outside the library, whose rules must not write into what others use too, and may compute with Tensors."""

    def guarded(self: Op, g: Any, parents: tuple, kept: tuple) -> Any:
        try:
            found = pull(self, read_only(g), parents, tuple([tuple([read_only(value) for value in values]) for values in kept]))
        except ValueError as error:
            raise refused_write(error, self, "backward" if self.joint else "a rule", "g") or error
        return [c._data if isinstance(c, Tensor) else c for c in found]

    return guarded


def _checked(op: Fused, parents: tuple, result: Any) -> Any:
    """What a joint backward returned, if it is a gradient for each input."""
    if type(result) is not tuple or len(result) != len(parents):
        raise DefinitionError(
            f"{op!r}: backward returned {f'{len(result)} values' if type(result) is tuple else type(result).__name__}; it needs "
            f"to be a tuple with a gradient for each of {', '.join(op.inputs)}"
        )
    return result


def _pull_any(self: Op, g: Any, parents: tuple, kept: tuple) -> Any:
    return [None if parent is None else self.rule(i)(g, *kept[i]) for i, parent in enumerate(parents)]
