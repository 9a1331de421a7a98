"""What an op is: a forward and one gradient rule for each input, checked when its class is made."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any, ClassVar

import numpy as np

from ..errors import DefinitionError, DTypeError, GraphError, ShapeError
from .backward import walk
from .modes import is_composing, is_grad_enabled
from .node import Node, clock
from .tensor import DISPATCH, Tensor, new_array, wrap

_new = object.__new__
_SETTINGS = (bool, int, float, complex, str, bytes, tuple, slice, types.NoneType, types.EllipsisType, np.dtype, type, np.generic)


class OpType(type):
    """The class of op classes: checks a definition, and keeps one instance for each combination of settings.

    Reductions, reshapes and indexing make an op for each call, so making one must cost nothing: Sum((0,)) finds the instance in a
    cache. The cache is typed, or keepdims=1 and keepdims=True would be one op.
    """

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> None:
        super().__init__(name, bases, namespace)
        cls.instance = lru_cache(maxsize=4096, typed=True)(partial(type.__call__, cls))
        if "forward" in namespace:
            _define(cls)

    __call__ = property(attrgetter("instance"))     # calling the class looks in the cache, without a Python frame in between


class Op(metaclass=OpType):
    """One differentiable function of arrays.

    A subclass says

        forward(self, a, b)     the value, from arrays; its parameters are the inputs. The last may be *xs, any number of them.
        grad_a(self, g, ...)    for each input its rule: dL/da from g = dL/dout. After g it names what it needs, and only that is
                                kept: an input, out, or a_shape. For *xs there is one rule, which may name index, xs and xs_shape.
        constants = ("mask",)   inputs that have no gradient. Every other input must have a rule.
        broadcasts = True       if NumPy's broadcasting repeats the inputs; the walk sums the gradients back.
        view = True             if the value shares memory with the input.
        axis: int = 0           settings, as annotated fields: numbers, strings, tuples of them. They make the name of an op.

    Rules are written with operators, methods and NumPy functions, so they run on arrays, and record themselves on Tensors.

    >>> import tinygrad_edu as tg
    >>> class Cube(tg.Op):
    ...     def forward(self, x):
    ...         return x * x * x
    ...     def grad_x(self, g, x):
    ...         return g * 3 * x * x
    >>> x = tg.tensor(2.0, requires_grad=True)
    >>> y = Cube()(x)
    >>> y
    Tensor(8., op=Cube())
    >>> dx, = tg.grad(y, x, create_graph=True)
    >>> tg.grad(dx, x)
    (Tensor(12.),)
    """

    constants: ClassVar[tuple[str, ...]] = ()
    broadcasts: ClassVar[bool] = False
    view: ClassVar[bool] = False
    joint: ClassVar[bool] = False
    """Whether one method, backward, gives the gradients of all inputs."""

    fields: ClassVar[tuple[str, ...]]
    inputs: ClassVar[tuple[str, ...]]
    variadic: ClassVar[bool]
    rule_names: ClassVar[tuple[tuple[str, ...], ...]]
    """For each input what its rule names after g; with a joint backward, one entry for all."""

    record: Callable[..., Tensor]
    """Run the op, and record it if an input needs a gradient."""

    __call__ = property(attrgetter("record"))       # calling an op is calling its recorder, without a Python frame in between

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        cls = type(self)
        if not hasattr(cls, "forward"):
            raise DefinitionError(f"{cls.__name__} has no forward; derive a class from it that has one")
        try:
            settings = cls.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{cls.__name__}{cls.signature}: {error}") from None
        settings.apply_defaults()
        for field, value in settings.arguments.items():
            if not isinstance(value, _SETTINGS):
                raise DefinitionError(
                    f"{cls.__name__}: the setting {field} is {type(value).__name__}; settings are numbers, strings and tuples of "
                    f"them, and an array is an argument of forward"
                )
            object.__setattr__(self, field, value.item() if isinstance(value, np.generic) else value)
        object.__setattr__(self, "record", cls.make_recorder(self))

    def input_name(self, i: int) -> str:
        """What forward calls input i."""
        return f"{self.inputs[-1]}[{i - len(self.inputs) + 1}]" if self.variadic and i >= len(self.inputs) - 1 else self.inputs[i]

    def mismatch(self, *shapes: tuple[int, ...]) -> str | None:
        """What to say when forward refused these shapes, or None to pass on what NumPy said."""
        return None

    # The two ways of asking the rules; pull is made when the class is, for the inputs that it has.

    pull: Callable[[Any, tuple, tuple], Any]
    """pull(g, parents, kept): for each parent that is not None its gradient, from arrays."""

    def rule(self, i: int) -> Callable[..., Any]:
        """The rule of input i."""
        return getattr(self, f"grad_{self.inputs[min(i, len(self.inputs) - 1)]}")

    def pull_recorded(self, g: Tensor, node: Node, parents: tuple[Node | None, ...]) -> list[Tensor | None]:
        """The same on Tensors, so that the rules record themselves."""
        return [
            None if parent is None else self.rule(i)(g, *_as_tensors(self, node, i, values))
            for i, (parent, values) in enumerate(zip(parents, node.kept))
        ]

    def used_values(self, node: Node, parents: tuple[Node | None, ...], record: bool) -> Iterator[tuple[str, Any]]:
        """The kept values, with their names, that a walk to parents is going to use."""
        for i, (parent, values) in enumerate(zip(parents, node.kept)):
            if parent is not None:
                yield from _named(self.rule_names[min(i, len(self.inputs) - 1)], values)

    def parent_called(self, name: str, node: Node) -> Node | None:
        """The node of the value that a rule calls name."""
        if name == "out":
            return node
        names = [self.input_name(i) for i in range(len(node.parents))]
        return node.parents[names.index(name)] if name in names else None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{self!r}: an op is immutable; settings are given when it is made, and arrays are arguments")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{field}={getattr(self, field)!r}' for field in self.fields)})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def __reduce__(self) -> tuple:
        return type(self), tuple(getattr(self, field) for field in self.fields)


class Elementwise(Op):
    """An op that acts on each element by itself; its inputs broadcast, and the walk sums the gradients back."""

    broadcasts = True

    def mismatch(self, *shapes: tuple[int, ...]) -> str | None:
        try:
            np.broadcast_shapes(*shapes)
        except ValueError:
            return "they do not broadcast: counted from the last axis, sizes must be equal or 1"
        return None


class Fused(Op):
    """Several operations in one node, with a backward written by hand and the same function composed from primitives.

    A subclass says, besides what an Op says,

        forward(self, x, gamma)         the value; or (value, kept), where kept is a dict of values for backward, like {"mean": mean}.
        backward(self, g, x, mean)      a tuple with the gradient of each input, in the order of forward. It names what it needs:
                                        inputs, shapes, out, and what forward kept. It may name needs, a bool for each input, and
                                        give None where nothing is needed. Or a rule for each input, as in an Op.
        composed(self, x, gamma)        the same function of Tensors, from primitives: the twin.

    backward, and a rule that names what forward kept, sees arrays and is never recorded. For a gradient of a gradient the engine
    differentiates the twin instead, at the same inputs.

    >>> import numpy as np, tinygrad_edu as tg
    >>> class Square(tg.Fused):
    ...     def forward(self, x):
    ...         return x * x, {"twice": x + x}
    ...     def backward(self, g, twice):
    ...         return (g * twice,)
    ...     def composed(self, x):
    ...         return x * x
    >>> x = tg.tensor(3.0, requires_grad=True)
    >>> dx, = tg.grad(Square()(x), x, create_graph=True)
    >>> tg.grad(dx, x)
    (Tensor(2.),)
    """

    kept_names: ClassVar[frozenset[str]] = frozenset()
    """What rules name that is no input, shape or out: forward must keep it."""

    twin_needed: ClassVar[bool]
    """Whether a rule cannot record itself, so that the inputs are kept for the twin."""

    def composed(self, *inputs: Any) -> Tensor:
        raise DefinitionError(f"{type(self).__name__} has no composed twin")

    def named_values(self, node: Node) -> dict[str, Any]:
        """What a node keeps for a joint backward, by name."""
        return dict(_named(self.rule_names[0], node.kept[0]))

    def pull_recorded(self, g: Tensor, node: Node, parents: tuple[Node | None, ...]) -> Any:
        if not self.twin_needed:
            return super().pull_recorded(g, node, parents)
        # Each input is an alias of its own: if one tensor is two inputs, each must get its own gradient, not the sum of both.
        aliases = [
            value if parent is None else _recorded(_ALIAS, value, (parent,), ((),)) for value, parent in zip(node.kept[-1], parents)
        ]
        twin = self.composed(*[_as_tensor(self, alias) for alias in aliases])
        if twin._node is None:
            raise GraphError(f"{self!r}: composed returned a tensor that does not depend on its inputs")
        targets = [alias._node for alias in aliases if isinstance(alias, Tensor)]
        found = walk([twin._node], [g], targets, retain_graph=True, record=True)
        return [found.get(alias._node, _zeros(alias)) if isinstance(alias, Tensor) else None for alias in aliases]

    def used_values(self, node: Node, parents: tuple[Node | None, ...], record: bool) -> Iterator[tuple[str, Any]]:
        if record and self.twin_needed:
            yield from zip(self.inputs, node.kept[-1])
        elif self.joint:
            yield from _named(self.rule_names[0], node.kept[0])
        else:
            yield from super().used_values(node, parents, record)


def public(function: Callable | None, op: Op, name: str | None = None) -> Callable[..., Tensor]:
    """Make op the function that runs when NumPy's function is called with a Tensor; returns it, under NumPy's name."""
    record = op.record
    if function is not None:
        DISPATCH[function] = record
    record.__name__ = record.__qualname__ = name or function.__name__
    record.__doc__ = type(op).__doc__
    record.__module__ = type(op).__module__
    return record


def implements(*functions: Callable) -> Callable[[Callable], Callable]:
    """Decorator: the function runs when one of NumPy's functions is called with a Tensor."""

    def register(ours: Callable) -> Callable:
        for function in functions:
            DISPATCH[function] = ours
        return ours

    return register


# Recording. One function for one input and one for two, because they are what every training step is made of; one for the rest.


def _recorder_of_one(op: Op) -> Callable[..., Tensor]:
    forward, keep, view = op.forward, type(op).keep[True,], op.view

    def record(x):
        if type(x) is Tensor or isinstance(x, Tensor):
            value = x._data
            parent = x._node
        else:
            value = as_operand(op, x)
            parent = None
        try:
            out = forward(value)
            shape = out.shape
        except Exception as error:
            raise _explained(error, op, (x,))
        tensor = _new(Tensor)
        tensor._data = out
        if view and isinstance(x, Tensor):
            x._shared = tensor._shared = True
        if parent is None or not is_grad_enabled():
            tensor._node = None
            return tensor
        tensor._node = node = _new(Node)
        node.op = op
        node.parents = (parent,)
        node.kept = keep(value, out)
        node.shape = shape
        node.dtype = out.dtype
        node.order = clock()
        node.hooks = None
        return tensor

    return record


def _recorder_of_two(op: Op) -> Callable[..., Tensor]:
    forward = op.forward
    keep_first, keep_second, keep_both = (type(op).keep[needs] for needs in ((True, False), (False, True), (True, True)))

    def record(a, b):
        if type(a) is Tensor or isinstance(a, Tensor):
            first = a._data
            parent = a._node
        else:
            first = as_operand(op, a, b)
            parent = None
        if type(b) is Tensor or isinstance(b, Tensor):
            second = b._data
            other = b._node
        else:
            second = as_operand(op, b, a)
            other = None
        try:
            out = forward(first, second)
            shape = out.shape
        except Exception as error:
            raise _explained(error, op, (a, b))
        tensor = _new(Tensor)
        tensor._data = out
        if (parent is None and other is None) or not is_grad_enabled():
            tensor._node = None
            return tensor
        tensor._node = node = _new(Node)
        node.op = op
        node.parents = (parent, other)
        node.kept = (keep_first if other is None else keep_second if parent is None else keep_both)(first, second, out)
        node.shape = shape
        node.dtype = out.dtype
        node.order = clock()
        node.hooks = None
        return tensor

    return record


def _recorder_of_any(op: Op) -> Callable[..., Tensor]:
    cls = type(op)
    fused = isinstance(op, Fused)
    constant = [name in op.constants for name in op.inputs]

    def record(*operands):
        if fused and is_composing():
            return op.composed(*[_as_tensor(op, operand) for operand in operands])
        if len(operands) != len(op.inputs) and not (op.variadic and len(operands) >= len(op.inputs) - 1):
            raise TypeError(f"{op!r} takes the inputs {', '.join(op.inputs)}; it got {len(operands)}")
        recording = is_grad_enabled()
        array = next((operand for operand in operands if isinstance(operand, (Tensor, np.ndarray))), None)
        values, parents = [], []
        for i, operand in enumerate(operands):
            if isinstance(operand, Tensor):
                values.append(operand._data)
                parent = operand._node if recording else None
                if parent is not None and i < len(constant) and constant[i]:
                    raise GraphError(
                        f"{op!r}: {op.inputs[i]} is a constant of this op and has no gradient, but the tensor given "
                        f"(shape {operand.shape}) requires grad; give {op.inputs[i]}.detach()"
                    )
                parents.append(parent)
            else:
                values.append(operand if operand is None else as_operand(op, operand, array))
                parents.append(None)
        extra = _NOTHING
        try:
            out = op.forward(*values)
            if type(out) is tuple:
                out, extra = out
            shape = out.shape
        except Exception as error:
            raise _explained(error, op, operands)
        if not any(parents):
            return wrap(out)
        if fused and not cls.kept_names <= extra.keys():
            raise DefinitionError(
                f"{op!r}: a rule names {', '.join(sorted(cls.kept_names - extra.keys()))}, which is no input, shape or out, so "
                f"forward must keep it: return out, {{{', '.join(f'{name!r}: {name}' for name in sorted(cls.kept_names))}}}"
            )
        node = _new(Node)
        node.op = op
        node.parents = tuple(parents)
        node.kept = _collect(op, tuple(values), out, extra, node.parents)
        node.shape = shape
        node.dtype = out.dtype
        node.order = clock()
        node.hooks = None
        return wrap(out, node)

    return record


_NOTHING: dict[str, Any] = {}


def _collect(op: Op, values: tuple, out: Any, extra: dict[str, Any], parents: tuple) -> tuple:
    """What a node keeps: for each input that needs a gradient what its rule names; after that the inputs of a twin that is needed."""
    last = len(op.inputs) - 1
    known = {"out": out, "needs": None, **extra, **dict(zip(op.inputs, values))}
    if op.variadic:
        known[op.inputs[last]] = values[last:]
        known[f"{op.inputs[last]}_shape"] = tuple(np.shape(value) for value in values[last:])

    def named(names: tuple[str, ...]) -> tuple:
        return tuple(known[n] if n in known else np.shape(known[n.removesuffix("_shape")]) for n in names)

    if op.joint:
        kept = [named(op.rule_names[0])]
    else:
        kept = []
        for i, parent in enumerate(parents):
            known["index"] = i - last
            kept.append(() if parent is None else named(op.rule_names[min(i, last)]))
    if isinstance(op, Fused) and op.twin_needed:
        kept.append(values)
    return tuple(kept)


def _recorded(op: Op, value: Any, parents: tuple, kept: tuple) -> Tensor:
    """A Tensor of value, as if op had made it from parents."""
    node = _new(Node)
    node.op, node.parents, node.kept = op, parents, kept
    node.shape, node.dtype, node.order, node.hooks = value.shape, value.dtype, clock(), None
    return wrap(value, node)


def as_operand(op: Op, x: Any, other: Any = None) -> Any:
    """What is not a Tensor as a value for forward: an array, or a Python number next to an array that decides the dtype."""
    kind = type(x)
    if kind is float or kind is int:
        dtype = other._data.dtype if isinstance(other, Tensor) else getattr(other, "dtype", None)
        if dtype is None:
            return new_array(x)
        # NumPy converts a Python number at each call; in a cached array it is converted once. NumPy scalars take it as it is.
        return _number(x, dtype) if dtype.kind == "f" and x and type(getattr(other, "_data", other)) is np.ndarray else x
    if isinstance(x, (np.ndarray, np.generic)):
        if x.dtype.kind not in "biufc":
            raise DTypeError(f"{op!r}: an operand has dtype {x.dtype}; it needs to be an array of numbers")
        return x if kind is np.ndarray or isinstance(x, np.generic) else np.asarray(x)
    if isinstance(x, (bool, complex)):
        return new_array(x) if other is None else x
    if isinstance(x, (list, tuple)) or hasattr(x, "__array__"):
        return new_array(x)
    raise DTypeError(f"{op!r}: an operand is {kind.__name__} {x!r:.60}; it needs to be a Tensor, an array or a number")


def _as_tensor(op: Op, x: Any) -> Any:
    """An operand for a twin: a Tensor, or None."""
    return x if x is None or isinstance(x, Tensor) else wrap(np.asarray(as_operand(op, x)))


@lru_cache(maxsize=1024)
def _number(x: float, dtype: np.dtype) -> np.ndarray:
    array = np.array(x, dtype)
    array.flags.writeable = False
    return array


def _explained(error: Exception, op: Op, operands: tuple) -> Exception:
    """The error of a forward, with the op, its operands and their shapes in the text."""
    if error.__class__.__module__.startswith(_PACKAGE):
        return error
    shapes = [np.shape(getattr(operand, "_data", operand)) for operand in operands]
    described = []
    for i, (operand, shape) in enumerate(zip(operands, shapes)):
        name = f" ({operand.name!r})" if isinstance(operand, Tensor) and operand.name else ""
        described.append(f"{op.input_name(i)}{name} has shape {shape}")
    what = f"{op!r}: {' and '.join(described)}"
    explained: Exception
    if isinstance(error, ValueError):
        explained = ShapeError(f"{what}; {op.mismatch(*shapes) or error}")
    elif isinstance(error, (TypeError, AttributeError)):
        explained = DTypeError(f"{what}: {error}")
    else:
        error.add_note(what)
        return error
    explained.__cause__ = error
    return explained


_PACKAGE = __name__.split(".")[0]


# Recording rules on Tensors.


def _as_tensors(op: Op, node: Node, i: int, values: tuple[Any, ...]) -> Iterator[Any]:
    """What the rule of input i asked for, as Tensors at their own places in the graph."""
    names = op.rule_names[min(i, len(op.inputs) - 1)]
    for name, value in zip(names, values):
        if name == "out":
            yield wrap(value, node)
        elif name in op.inputs and op.variadic and name == op.inputs[-1]:
            first = len(op.inputs) - 1
            yield tuple(wrap(v, p) for v, p in zip(value, node.parents[first:]))
        elif name in op.inputs and isinstance(value, (np.ndarray, np.generic)):
            yield wrap(value, node.parents[op.inputs.index(name)])
        else:
            yield value             # a shape, an index, a Python number or None


def _named(names: tuple[str, ...], values: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    for name, value in zip(names, values):
        if isinstance(value, tuple):
            yield from ((f"{name}[{i}]", v) for i, v in enumerate(value))
        else:
            yield name, value


def _zeros(alias: Tensor) -> Tensor:
    return wrap(np.zeros_like(alias._data))


# Definition: what is checked, and made, once for each class.


def _define(cls: OpType) -> None:
    """Read forward and the rules of an op class, check that they fit together, and make what recording and walking need."""
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
        if not issubclass(cls, Fused):
            raise DefinitionError(f"{cls.__name__}: only a Fused has a joint backward; write grad_{cls.inputs[0]} and so on, or derive from Fused")
        cls.rule_names = (_names_of(cls, "backward"),)
    else:
        for name in cls.inputs:
            if not hasattr(cls, f"grad_{name}") and name not in cls.constants:
                raise DefinitionError(
                    f"{cls.__name__}: the input {name} has no rule; write grad_{name}(self, g, ...), or say constants = ({name!r},)"
                )
        cls.rule_names = tuple(() if name in cls.constants else _names_of(cls, f"grad_{name}") for name in cls.inputs)
    if issubclass(cls, Fused):
        _define_twin(cls)
    _compile(cls)


def _inputs_of(cls: OpType) -> tuple[tuple[str, ...], bool]:
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


def _fields_of(cls: OpType) -> tuple[tuple[str, ...], inspect.Signature]:
    """The settings of an op: the annotated names of its class, in order, those of its bases first."""
    parameters: dict[str, inspect.Parameter] = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, Op) and base.__module__ != __name__:
            for name, annotation in inspect.get_annotations(base).items():
                if "ClassVar" not in str(annotation):
                    default = getattr(cls, name, inspect.Parameter.empty)
                    parameters[name] = inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)
    return tuple(parameters), inspect.Signature(list(parameters.values()))


def _names_of(cls: OpType, rule: str) -> tuple[str, ...]:
    """What a rule names after g."""
    names = tuple(inspect.signature(getattr(cls, rule)).parameters)[1:]
    if not names or names[0] != "g":
        raise DefinitionError(f"{cls.__name__}.{rule}: the first parameter must be g, the gradient of the output")
    known = {*cls.inputs, *(f"{name}_shape" for name in cls.inputs), "out"}
    if cls.variadic:
        known.add("index")
    if not issubclass(cls, Fused):
        for name in names[1:]:
            if name not in known:
                raise DefinitionError(
                    f"{cls.__name__}.{rule} names {name}; a rule may name {', '.join(sorted(known))}. "
                    f"Only a Fused may keep values of its own"
                )
    return names[1:]


def _define_twin(cls: OpType) -> None:
    if cls.composed is Fused.composed:
        raise DefinitionError(f"{cls.__name__}: a Fused carries its twin: write composed(self, {', '.join(cls.inputs)}) from primitives")
    twin = tuple(inspect.signature(cls.composed).parameters)[1:]
    if twin != cls.inputs:
        raise DefinitionError(
            f"{cls.__name__}: composed takes {', '.join(twin)} and forward takes {', '.join(cls.inputs)}; they must be the same"
        )
    known = {*cls.inputs, *(f"{name}_shape" for name in cls.inputs), "out", "needs"}
    cls.kept_names = frozenset(name for names in cls.rule_names for name in names if name not in known)
    cls.twin_needed = cls.joint or bool(cls.kept_names)


def _compile(cls: OpType) -> None:
    """Make, from the names in the rules, the functions that gather what a node keeps and that ask the rules for gradients.

    For Multiply, with grad_a(g, b) and grad_b(g, a), these are

        keep[True, True]  lambda a, b, out: ((b,), (a,))
        pull              lambda self, g, parents, kept: (None if parents[0] is None else self.grad_a(g, kept[0][0]), ...)
    """
    if cls.joint:
        cls.pull = _pull_joint
    elif cls.variadic:
        cls.pull = _pull_any
    else:
        calls = []
        for i, (name, names) in enumerate(zip(cls.inputs, cls.rule_names)):
            arguments = "".join(f", kept[{i}][{j}]" for j in range(len(names)))
            call = "None" if name in cls.constants else f"self.grad_{name}(g{arguments})"
            calls.append(call if len(cls.inputs) == 1 else f"None if parents[{i}] is None else {call}")
        cls.pull = eval(f"lambda self, g, parents, kept: ({', '.join(calls)},)")
    cls.make_recorder = _recorder_of_any
    if not (cls.joint or cls.variadic or cls.constants or issubclass(cls, Fused)) and len(cls.inputs) <= 2:
        cls.make_recorder = _recorder_of_one if len(cls.inputs) == 1 else _recorder_of_two
        cls.keep = {}
        for needs in ((True,), (True, False), (False, True), (True, True)):
            if len(needs) == len(cls.inputs):
                kept = [
                    f"({''.join(_expression(n, own) + ', ' for n in names)})" if needed else "()"
                    for needed, own, names in zip(needs, cls.inputs, cls.rule_names)
                ]
                cls.keep[needs] = eval(f"lambda {', '.join(cls.inputs)}, out: ({', '.join(kept)},)", {"shape_of": np.shape})


def _expression(name: str, own: str) -> str:
    """How to get what a rule calls name from the inputs and out; own is the input that the rule belongs to."""
    if name.endswith("_shape"):
        of = name.removesuffix("_shape")
        return f"{of}.shape" if of == own else f"shape_of({of})"      # another input may be a Python number
    return name


def _pull_joint(self: Fused, g: Any, parents: tuple, kept: tuple) -> Any:
    if "needs" in self.rule_names[0]:
        needs = tuple(parent is not None for parent in parents)
        values = [needs if name == "needs" else value for name, value in zip(self.rule_names[0], kept[0])]
        result = self.backward(g, *values)
    else:
        result = self.backward(g, *kept[0])
    if type(result) is not tuple or len(result) != len(parents):
        raise DefinitionError(
            f"{self!r}: backward returned {f'{len(result)} values' if type(result) is tuple else type(result).__name__}; it needs "
            f"to be a tuple with a gradient for each of {', '.join(self.inputs)}"
        )
    return result


def _pull_any(self: Op, g: Any, parents: tuple, kept: tuple) -> Any:
    return [None if parent is None else self.rule(i)(g, *kept[i]) for i, parent in enumerate(parents)]


class Alias(Op):
    """The input itself, at a new place in the graph. Not for users: the engine hands the inputs of twins through it."""

    def forward(self, x):
        return x

    def grad_x(self, g):
        return g


_ALIAS = Alias()
