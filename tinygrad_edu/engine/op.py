"""What an op is: a forward and one gradient rule for each input, checked when its class is made."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any, ClassVar

import numpy as np

from ..errors import DefinitionError, GraphError, ImmutableError
from .backward import walk
from .definition import define
from .guard import recording, ways_out
from .node import Node
from .recording import as_tensor, recorded, recorder
from .saying import name_of, saying
from .tensor import DISPATCH, Tensor, read_only, wrap

_SETTINGS = (bool, int, float, complex, str, bytes, tuple, slice, types.NoneType, types.EllipsisType, np.dtype, type, np.generic)


class OpType(type):
    """The class of op classes: checks a definition, and keeps one instance for each combination of settings.

    Reductions, reshapes and indexing make an op for each call, so making one must cost nothing: Sum((0,)) finds the instance in a
    cache. The cache is typed, or keepdims=1 and keepdims=True would be one op; 0.0 and -0.0 are one.
    """

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> None:
        super().__init__(name, bases, namespace)
        cls.instance = lru_cache(maxsize=4096, typed=True)(partial(type.__call__, cls))
        if hasattr(cls, "forward"):
            define(cls)     # type: ignore[arg-type]

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
        real = True             if forward and rules are for real numbers only: complex ones are refused.
        axis: int = 0           settings, as annotated fields: numbers, strings, tuples of them. They make the name of an op.

    For complex numbers a rule says what calculus says of a holomorphic function, g * 3 * x * x for a cube; engine/backward.py has more.
    Rules are written with operators, methods and NumPy functions, so they run on arrays, and record themselves on Tensors. What would
    lose its history there is refused: an array that forward computed and hid, x.numpy(), no_grad; x.detach() says that it is a constant.

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
    real: ClassVar[bool] = False
    joint: ClassVar[bool] = False
    """Whether one method, backward, gives the gradients of all inputs."""
    fused: ClassVar[bool] = False
    twin_needed: ClassVar[bool] = False
    """Whether a rule cannot record itself, so that the inputs are kept for the composed twin."""

    # What the definition of a subclass says, read once when its class is made:

    fields: ClassVar[tuple[str, ...]]
    signature: ClassVar[inspect.Signature]
    inputs: ClassVar[tuple[str, ...]]
    variadic: ClassVar[bool]
    rule_names: ClassVar[tuple[tuple[str, ...], ...]]
    """For each input what its rule names after g; with a joint backward, one entry for all."""
    foreign: ClassVar[bool] = False
    """Whether the class is from outside the library: then its forward and its rules see arrays read-only."""
    kept_names: ClassVar[frozenset[str]] = frozenset()
    """What rules of a Fused name that is no input, shape or out: forward must keep it."""
    keep: ClassVar[dict[tuple[bool, ...], Callable[..., tuple]]]
    """For a plain op of one or two inputs, by which of them need a gradient, what gathers the values that a node keeps."""
    collect: ClassVar[Callable[..., tuple]]
    """collect(values, out, kept, parents): for every other op, what gathers them; kept is what forward kept."""

    forward: Callable[..., Any]
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
        object.__setattr__(self, "record", recorder(self))

    def in_rule(self, *inputs: Any) -> Any:
        """What a rule that needs this op calls: on arrays forward at once, on Tensors the op itself, which records."""
        return self.record(*inputs) if isinstance(inputs[0], Tensor) else self.forward(*inputs)

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
        rule = self._guarded_rule if self.foreign else self.rule
        return [
            None if parent is None else rule(i)(g, *_as_tensors(self, node, i, values))
            for i, (parent, values) in enumerate(zip(parents, node.kept))
        ]

    def _guarded_rule(self, i: int) -> Callable[..., Any]:
        i = min(i, len(self.inputs) - 1)
        return partial(recording, self, f"grad_{self.inputs[i]}", ("g", *self.rule_names[i]))

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
        raise ImmutableError(
            f"{self!r}: an op is immutable, so {name} cannot be set; settings are given when it is made, and arrays are arguments. "
            f"If a rule needs {name} of forward: {ways_out(name, self.inputs, type(self).__name__, 'the rule')}"
        )

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
    differentiates the twin instead, at the same inputs, and refuses a twin that has not the value of forward.

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

    fused = True
    backward: Callable[..., tuple]
    composed: Callable[..., Tensor]

    @classmethod
    def from_functions(
        cls, forward: Callable[..., Any], backward: Callable[..., Any], composed: Callable[..., Any], *, constants: tuple[str, ...] = ()
    ) -> Fused:
        """A fused op of three functions, in the shape that the CS231n assignment gives them.

        Parameters
            forward    forward(x, gamma, beta) -> (out, cache), of arrays. Its parameters are the inputs; those with a default keep it,
                       and are settings of the op where they are numbers, strings or tuples: eps=1e-5. cache is anything at all.
                       For a gradient of a gradient it runs once more, to be compared with composed.
            backward   backward(dout, cache) -> (dx, dgamma, dbeta): the gradient of each input that is no constant; for a single one
                       it may come without a tuple.
            composed   composed(x, gamma, beta) -> out: the same function of Tensors, from primitives. It is given the settings that
                       it names.
            constants  the names of the inputs that have no gradient.
        Returns an op, which is called after forward, without an ending "_forward". For arguments bind them first:
        functools.partial(batchnorm_forward, bn_param={"mode": "train"}).
        Raises DefinitionError if the three do not fit together, at once or when they return something else.

        >>> import tinygrad_edu as tg
        >>> def square_forward(x):
        ...     return x * x, x
        >>> def square_backward(dout, cache):
        ...     return 2 * dout * cache
        >>> square = tg.Fused.from_functions(square_forward, square_backward, composed=lambda x: x * x)
        >>> x = tg.tensor(3.0, requires_grad=True)
        >>> square(x)
        Tensor(9., op=square())
        >>> tg.grad(square(x), x)
        (Tensor(6.),)
        """
        function = forward.func if isinstance(forward, partial) else forward
        name = getattr(function, "__name__", type(function).__name__).removesuffix("_forward")
        inputs, settings = _parameters(name, "forward", forward)
        twin_inputs, twin_settings = _parameters(name, "composed", composed, settings)
        if "cache" in inputs:
            raise DefinitionError(f"{name}: an input of forward is called cache, as what forward keeps is; give it another name")
        try:
            inspect.signature(backward).bind(None, None)
        except (TypeError, ValueError) as error:
            raise DefinitionError(f"{name}: backward needs to be a function of (dout, cache): {error}") from None
        wanted = [input_name for input_name in inputs if input_name not in constants]

        def run(self, *arrays):
            result = forward(*arrays, **{setting: getattr(self, setting) for setting in settings})
            if not isinstance(result, (tuple, list)) or len(result) != 2:
                got = f"{len(result)} values" if isinstance(result, (tuple, list)) else type(result).__name__
                raise DefinitionError(f"{self!r}: forward returned {got}; it needs to return (out, cache)")
            return result[0], {"cache": result[1]}

        def pull(self, g, cache):
            result = backward(g.copy(), cache)      # assignments do write into dout
            gradients = list(result) if isinstance(result, (tuple, list)) else [result]
            if len(gradients) != len(wanted):
                raise DefinitionError(
                    f"{self!r}: backward returned {len(gradients)} gradients; it needs to return one for each of {', '.join(wanted)}"
                )
            return tuple([gradients.pop(0) if input_name in wanted else None for input_name in inputs])

        def twin(self, *tensors):
            return composed(*tensors, **{setting: getattr(self, setting) for setting in twin_settings})

        for function, names in ((run, inputs), (twin, twin_inputs)):
            parameters = [inspect.Parameter(parameter, inspect.Parameter.POSITIONAL_OR_KEYWORD) for parameter in ("self", *names)]
            function.__signature__ = inspect.Signature(parameters)      # type: ignore[attr-defined]
        annotations = {setting: type(value) for setting, value in settings.items()}
        body = {"forward": run, "backward": pull, "composed": twin, "constants": tuple(constants), "__doc__": forward.__doc__}
        return OpType(name, (cls,), {**settings, **body, "__annotations__": annotations, "__module__": backward.__module__})()

    def named_values(self, node: Node) -> dict[str, Any]:
        """What a node keeps for a joint backward, by name."""
        return dict(_named(self.rule_names[0], node.kept[0]))

    def pull_recorded(self, g: Tensor, node: Node, parents: tuple[Node | None, ...]) -> Any:
        if not self.twin_needed:
            return super().pull_recorded(g, node, parents)
        # Each input is an alias of its own: if one tensor is two inputs, each must get its own gradient, not the sum of both.
        # An input off the way of this walk has an alias too: the gradients of the others depend on it.
        aliases = [
            value if parent is None else recorded(_ALIAS, value, (parent,), ((),)) for value, parent in zip(node.kept[-1], node.parents)
        ]
        composed = partial(recording, self, "composed", self.inputs) if self.foreign else self.composed
        twin = composed(*[as_tensor(self, alias) for alias in aliases])
        if self.foreign:
            _check_twin(self, node, twin)
        targets = [None if parent is None else alias._node for parent, alias in zip(parents, aliases)]
        wanted: list[Any] = [target for target in targets if target is not None]
        found: dict[Any, Any] = {} if twin._node is None else walk([twin._node], [g], wanted, retain_graph=True, record=True)
        for i, target in enumerate(targets):
            if target is not None and target not in found:
                raise GraphError(
                    f"{self!r}: composed does not depend on {self.input_name(i)}; an input without influence belongs among the constants"
                )
        return [None if target is None else found[target] for target in targets]

    def used_values(self, node: Node, parents: tuple[Node | None, ...], record: bool) -> Iterator[tuple[str, Any]]:
        if record and self.twin_needed:
            yield from zip(self.inputs, node.kept[-1])
        elif self.joint:
            yield from _named(self.rule_names[0], node.kept[0])
        else:
            yield from super().used_values(node, parents, record)


def public(function: Any, op: Op, name: str | None = None) -> Callable[..., Tensor]:
    """Make op the function that runs when NumPy's function is called with a Tensor; returns it, under NumPy's name.

    Where NumPy has no such function it is None, and name says the name.
    """
    record = op.record
    if function is not None:
        DISPATCH[function] = record
    record.__name__ = record.__qualname__ = name or function.__name__
    record.__doc__ = type(op).__doc__
    record.__module__ = type(op).__module__
    return record


def implements(*functions: Callable, bare: bool = False) -> Callable[[Callable], Callable]:
    """Decorator: the function runs when one of NumPy's functions is called with a Tensor.

    Its errors say the name of the first, also where it is called itself. In a bare one, for training steps, they have to by themselves.
    """

    def register(ours: Callable) -> Callable:
        ours = ours if bare else saying(name_of(functions[0]))(ours)
        for function in functions:
            DISPATCH[function] = ours
        return ours

    return register


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


def _parameters(
    name: str, role: str, function: Callable[..., Any], settings: dict[str, Any] | None = None
) -> tuple[list[str], dict[str, Any]]:
    """What a function for from_functions takes: the names of its inputs, and its settings with their defaults.

    A parameter without a default is an input, unless it is among the settings that are known already.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise DefinitionError(f"{name}: {role} is {function!r:.60}, and what it takes cannot be read: {error}") from None
    inputs, found = [], {}
    for parameter in parameters:
        if settings and parameter.name in settings:
            found[parameter.name] = settings[parameter.name]
        elif parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise DefinitionError(f"{name}: {role} takes {parameter}; its parameters are the inputs, each with a name")
        elif parameter.default is parameter.empty:
            inputs.append(parameter.name)
        elif settings is None and isinstance(parameter.default, _SETTINGS) and parameter.default is not None:
            found[parameter.name] = parameter.default
    return inputs, found


def _named(names: tuple[str, ...], values: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    for name, value in zip(names, values):
        if isinstance(value, tuple):
            yield from ((f"{name}[{i}]", v) for i, v in enumerate(value))
        else:
            yield name, value


def _check_twin(op: Fused, node: Node, twin: Any) -> None:
    """Raise unless a twin from outside the library gave what forward gives."""
    if not isinstance(twin, Tensor) or twin.shape != node.shape:
        got = f"shape {twin.shape}" if isinstance(twin, Tensor) else type(twin).__name__
        raise DefinitionError(f"{op!r}: composed returned {got}; it needs to return a Tensor of shape {node.shape}, as forward does")
    result = op.forward(*map(read_only, node.kept[-1]))
    out: Any = np.asarray(result[0] if type(result) is tuple else result)
    finite = np.isfinite(out) & np.isfinite(twin._data)
    off = np.abs(np.subtract(twin._data, out, where=finite, out=np.zeros(out.shape)))
    largest = np.max(np.abs(out), where=finite, initial=0)
    if out.size and np.max(off) > 100 * np.sqrt(np.finfo(twin.dtype).eps) * largest:
        at = tuple(map(int, np.unravel_index(np.argmax(off), off.shape)))
        raise DefinitionError(
            f"{op!r}: composed is another function than forward, and a gradient of a gradient is that of composed: at {list(at)} forward "
            f"gives {out[at]:.6g} and composed {twin.detach().numpy()[at]:.6g}"
        )


class Alias(Op):
    """The input itself, at a new place in the graph. Not for users: the engine hands the inputs of twins through it."""

    def forward(self, x):
        return x

    def grad_x(self, g):
        return g


_ALIAS = Alias()
