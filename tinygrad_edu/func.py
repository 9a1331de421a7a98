"""Derivatives of functions: grad, value_and_grad, vjp, jvp, jacobian, hessian and hvp, under JAX's names and arguments.

Each takes a function of tensors and gives its derivative, as a function again, so they nest to any depth: grad(grad(f)). The function may be
written in plain NumPy. Its arguments, and what it returns, are tensors, arrays and numbers, or dicts, lists and tuples of them, one in the
other; where it is differentiated, an argument comes to it as a tensor, and every result is a tensor, in the dtype of its argument.

    name                     derivative of f at x                                    how it is walked
    grad, value_and_grad     df/dx of one number f(x)                                once, back
    vjp                      x -> sum(v * df/dx): pulls a gradient of f(x) back      once, back, for each v
    jvp                      x -> sum(df/dx * t): pushes a change of x forward       back, and back through that walk
    jacobian                 df[i]/dx[j]                                             back with all rows at once
    hessian                  d2f/dx[i]dx[j]                                          the jacobian of the gradient
    hvp                      the hessian of f times t                                back, and back through that walk

Every call has variables of its own, so levels of derivatives are never confused, and no grad of a tensor is touched. What an argument, or a
tensor that the function found elsewhere, has as history stays: the derivative is recorded, unless this happens in no_grad, and can be
differentiated by that too. Otherwise results are plain, and nothing of the graph remains.

>>> import numpy as np
>>> grad(grad(lambda x: x**3))(2.0)
Tensor(12.)
>>> jacobian(lambda x: np.sin(x) * x[0])(np.array([0.0, 1.0])).shape
(2, 2)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from functools import partial, update_wrapper
from typing import Any

import numpy as np

from .engine import guard, watching
from .engine.backward import walk
from .engine.batch import Batch
from .engine.modes import enable_grad, is_grad_enabled, no_grad
from .engine.node import Node, ancestors, clock
from .engine.op import Alias, Op
from .engine.recording import recorded
from .engine.tensor import Tensor, grad as gradients, new_array, read_only, wrap
from .errors import DTypeError, GraphError, MutationError, ShapeError
from .ops.shape import stack

__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]

Argnums = int | tuple[int, ...]

MOST_ELEMENTS = 2**16
"""How many elements the gradients of the largest value may have in the rows that walk together; further rows walk after them."""

DEAR = 4
"""A column of a jacobian costs as much as this many rows."""


def grad(f: Callable, argnums: Argnums = 0, has_aux: bool = False) -> Callable:
    """The gradient of a function that returns one number.

        grad(f)(x)[i] = df/dx[i]

    Parameters
        f        returns a single floating number, of shape (); with has_aux a pair of it and anything else.
        argnums  which positional argument, or tuple of them, it is differentiated by.
        has_aux  whether f returns such a pair.
    Returns a function of the arguments of f, which gives the gradient: like the argument, or a tuple for a tuple of argnums; with has_aux
    a pair of it and what else f returned.
    Raises, by the name of f, ShapeError if it returns more than one number, DTypeError if it returns integers or no number, or an
    argument is none, GraphError if what it returns does not depend on the arguments, or a Python number is made of a tensor on the way, as
    math.sin does, MutationError if it changes an argument in place, and ValueError for wrong argnums. If f depends on some of the numbers
    that it is differentiated by, the gradient of the others is 0.

    >>> def f(x):
    ...     return np.sum(x * np.sin(x))
    >>> grad(f)(np.array([0.0, 1.0]))
    Tensor([0.        , 1.38177329], dtype=float64)
    >>> grad(lambda p, x: p["a"] * x + p["b"])({"a": 2.0, "b": 1.0}, 3.0)
    {'a': Tensor(3.), 'b': Tensor(1.)}
    """
    return _gradient("grad", f, argnums, has_aux)


def value_and_grad(f: Callable, argnums: Argnums = 0, has_aux: bool = False) -> Callable:
    """The value and the gradient of a function that returns one number; as grad.

    The function that it gives returns a pair of the value and the gradient; with has_aux the value is a pair of it and what else f returned.

    >>> value_and_grad(lambda x: x * x)(3.0)
    (Tensor(9.), Tensor(6.))
    """

    def value_and_gradient(*arguments: Any, **settings: Any) -> Any:
        call = _Call("value_and_grad", f, arguments, settings, argnums, has_aux)
        gradient = call.like_arguments(call.pulled([call.number()], [None]))
        value, aux = call.released()
        return ((value, aux) if has_aux else value), gradient

    return _transformed(value_and_gradient, "value_and_grad", f)


def vjp(f: Callable, *primals: Any, argnums: Argnums | None = None, has_aux: bool = False) -> Any:
    """The value of a function, and what pulls a gradient of its value back to a gradient of its arguments.

        out, pull = vjp(f, x)    pull(v)[j] = sum over i of v[i] * dout[i]/dx[j]

    Parameters
        f        returns floating numbers, in any container; with has_aux a pair of them and anything else.
        primals  its arguments.
        argnums  which argument, or tuple of them, it is differentiated by; None for all.
        has_aux  whether f returns such a pair.
    Returns (out, pull), or (out, pull, aux). pull takes v, which is like out, any number of times, and gives a tuple with a gradient for each
    argument; for an int as argnums the gradient alone.
    Raises as grad does; pull raises ShapeError or DTypeError if v is not like out.

    >>> out, pull = vjp(np.multiply, 2.0, 3.0)
    >>> out, pull(1.0)
    (Tensor(6.), (Tensor(3.), Tensor(2.)))
    """
    call = _Call("vjp", f, primals, {}, argnums, has_aux)
    outputs = call.outputs()

    def pull(v: Any) -> Any:
        vs = _like(call.result, v, f"vjp: what is pulled back through {call.name}")
        return call.like_arguments(call.pulled(outputs, vs, retain_graph=True))

    out, aux = call.released()
    return (out, pull, aux) if has_aux else (out, pull)


def jvp(f: Callable, primals: Any, tangents: Any, argnums: Argnums | None = None, has_aux: bool = False) -> Any:
    """The value of a function, and how it changes when its arguments do: a directional derivative.

        out, change = jvp(f, (x,), (t,))    change[i] = sum over j of dout[i]/dx[j] * t[j]

    v -> pull(v) of vjp is linear in v, and its own gradient back along t is the change. So every op whose gradient can be differentiated
    has a forward derivative, and it costs about three walks back.

    Parameters
        primals   a tuple of the arguments of f.
        tangents  how they change: a tuple like primals; with an int as argnums the change of that argument alone, or a tuple for a tuple.
        argnums   which arguments change; None for all.
        has_aux   whether f returns a pair, the second of which is only handed on.
    Returns (out, change), or (out, change, aux); change is like out.
    Raises as grad does, and ShapeError or DTypeError if tangents are not like primals.
    Source  Townsend (2017), A new trick for calculating Jacobian vector products.

    >>> jvp(np.sin, (0.0,), (2.0,))
    (Tensor(0.), Tensor(2.))
    """
    call = _Call("jvp", f, primals, {}, argnums, has_aux)
    ts = _like(call.wanted, tangents, f"jvp: the change of the arguments of {call.name}")
    vs, slopes = call.linear_in(call.outputs())
    changes = iter(call.pulled(slopes, ts, vs))
    change = _mapped(lambda _: next(changes), call.result)
    out, aux = call.released()
    return (out, change, aux) if has_aux else (out, change)


def jacobian(f: Callable, argnums: Argnums = 0, has_aux: bool = False) -> Callable:
    """All derivatives of each number that a function returns by each number that it is given.

        jacobian(f)(x)[i, j] = df(x)[i]/dx[j]

    Parameters as in grad, but f returns floating numbers of any shape and in any container.
    Returns a function of the arguments of f. What it gives is like the value of f, with, in the place of each tensor, what is like the
    argument (or the tuple of them), in which each tensor has the shape of the value followed by that of the argument.
    Raises as grad does, and DTypeError for complex numbers among arguments or values.

    All rows walk back at once, in a Batch, and rules that take none run on each row; or all columns, where they are far fewer. For 300 rows of
    elementwise functions that takes a thirtieth of the time of a walk for each, for 30 a fifth (python -m benchmarks jacobians). A derivative
    that is recorded, because weights require grad, say, is a walk for each row: take it in no_grad if it need not be.

    >>> jacobian(lambda x: x[1:] * x[0])(np.array([2.0, 3.0, 4.0]))
    Tensor([[3., 2., 0.],
            [4., 0., 2.]], dtype=float64)
    """
    return _jacobian("jacobian", f, argnums, has_aux)


def hessian(f: Callable, argnums: Argnums = 0, has_aux: bool = False) -> Callable:
    """All second derivatives of a function that returns one number.

        hessian(f)(x)[i, j] = d2f/dx[i]dx[j]

    Parameters, and errors, as in grad.
    Returns a function of the arguments of f: the jacobian of the gradient, and so for a tuple of argnums a tuple of tuples.

    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([2.0, 3.0]))
    Tensor([[6., 4.],
            [4., 0.]], dtype=float64)
    """
    return _transformed(_jacobian("hessian", _gradient("hessian", f, argnums, has_aux), argnums, has_aux), "hessian", f)


def hvp(f: Callable, primals: Any, tangents: Any, argnums: Argnums | None = None) -> Any:
    """The hessian of a function that returns one number times a vector, without the hessian.

        hvp(f, (x,), (t,))[0][i] = sum over j of d2f/dx[i]dx[j] * t[j]

    It is the gradient of sum(df/dx * t).

    Parameters
        primals   a tuple of the arguments of f.
        tangents  t: a tuple like primals; with an int as argnums what is like that argument alone, or a tuple for a tuple.
        argnums   which arguments f is differentiated by; None for all.
    Returns the product, like tangents.
    Raises as jvp does.
    Source  Pearlmutter (1994), Fast exact multiplication by the Hessian.

    >>> hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 10.0]),))
    (Tensor([  6., 120.], dtype=float64),)
    """
    call = _Call("hvp", f, primals, {}, argnums)
    ts = _like(call.wanted, tangents, f"hvp: what the hessian of {call.name} is multiplied by")
    slopes = gradients(call.number(), call.variables, create_graph=True, allow_unused=True)
    return call.like_arguments(call.pulled(slopes, ts))


# One call


class _Call:
    """A call of a function, with new variables in the places of the numbers that it is differentiated by.

    wanted     the arguments that they are in: one for an int as argnums, else a tuple.
    variables  for each number or array in these an alias of it, at a new place in the graph; nobody can write to its memory.
    result     what the function returned, as tensors; rest is what it returned beside that.
    outside    the nodes from before the call that these were computed from. If there are any, derivatives are recorded.
    """

    def __init__(
        self, who: str, f: Callable, arguments: tuple, settings: dict, argnums: Argnums | None, has_aux: bool = False
    ) -> None:
        if not callable(f):
            raise TypeError(f"{who}: needs a function, got {_described(f)}; for tensors that were computed already there is tg.grad")
        if not isinstance(arguments, (tuple, list)):
            raise TypeError(f"{who}: needs a tuple of the arguments of {_name_of(f)}, got {_described(arguments)}")
        self.who, self.name = who, _name_of(f)
        self.variables: list[Tensor] = []
        self._start = clock()
        given = list(arguments)
        positions = _positions(who, self.name, argnums, len(given))
        self.wanted = given[argnums] if isinstance(argnums, (int, np.integer)) else tuple([given[i] for i in positions])
        for i in positions:
            given[i] = _mapped(partial(self._variable, f"argument {i} of {self.name}"), given[i])
        records = is_grad_enabled()
        with enable_grad():
            self.result = self._checked(f, given, settings)
        self.rest = None
        if has_aux:
            if not isinstance(self.result, tuple) or len(self.result) != 2:
                raise TypeError(f"{who}: with has_aux {self.name} needs to return a pair, and it returns {_described(self.result)}")
            self.result, self.rest = self.result
        self.result = _mapped(self._output, self.result)
        self._nodes = self._ancestors(_leaves(self.result))
        graph = self._ancestors([*_leaves(self.result), *_leaves(self.rest)]) if has_aux else self._nodes
        self.outside = [node for node in graph if node.order < self._start] if records else []

    def _variable(self, name: str, x: Any) -> Tensor:
        value = x._data if isinstance(x, Tensor) else _value(x, f"{self.who}: {name}")
        if value.dtype.kind != "f":
            leaf = wrap(value)
            leaf.name = name
            leaf.requires_grad_()       # which says so if such numbers have no gradient
        parent = x._node if isinstance(x, Tensor) and is_grad_enabled() else None
        variable = recorded(Alias(), read_only(value), (parent,), ((),))
        variable.name = name
        self.variables.append(variable)
        return variable

    def _checked(self, f: Callable, given: list, settings: dict) -> Any:
        """What f returns, if it leaves its arguments as they are."""
        before = [(variable, variable._node, variable._data) for variable in self.variables]
        with guard.differentiated(f"{self.who}: {self.name}"):
            result = f(*given, **settings)
        for variable, node, value in before:
            if variable._node is not node or not (variable._data is value or np.array_equal(variable._data, value, equal_nan=True)):
                raise MutationError(f"{self.who}: {self.name} changes {variable.name} in place; change x.copy()")
        return result

    def _output(self, x: Any) -> Tensor:
        out = x if isinstance(x, Tensor) else wrap(_value(x, f"{self.who}: what {self.name} returns"))
        if out.dtype.kind not in "fc":
            raise DTypeError(f"{self.who}: {self.name} returns {_described(x)}; only floating numbers have a derivative")
        return out

    def _ancestors(self, tensors: Iterable[Any]) -> list[Node]:
        """The nodes that tensors were computed from; of those from before the call only the first that are met."""
        return ancestors(_nodes(tensors), oldest=self._start)

    def outputs(self) -> list[Tensor]:
        """The tensors that the function returned, one of which depends on a variable."""
        if set(self._nodes).isdisjoint(_nodes(self.variables)):
            names = " or ".join(dict.fromkeys(str(variable.name) for variable in self.variables)) or "its argument, which holds no number"
            raise GraphError(
                f"{self.who}: what {self.name} returns does not depend on {names}. If it should, compute it from the argument that the "
                f"function is given; numpy(), detach() and no_grad leave the graph"
            )
        return list(_leaves(self.result))

    def number(self) -> Tensor:
        """What the function returned, if it is one number that depends on a variable."""
        output = self.result
        if not isinstance(output, Tensor):
            raise DTypeError(
                f"{self.who}: {self.name} returns {_described(output)}; it needs to return one number. With has_aux=True it may return a "
                f"pair of it and anything else"
            )
        if output.shape:
            raise ShapeError(
                f"{self.who}: {self.name} returns {_described(output)}; it needs to return one number, of shape (): reduce it, with .sum() "
                f"or .mean(), or take the jacobian"
            )
        if output.dtype.kind == "c":
            raise DTypeError(f"{self.who}: {self.name} returns {_described(output)}; it needs to return a real number")
        return self.outputs()[0]

    def pulled(
        self, outputs: Sequence[Tensor | None], vs: Sequence[Tensor | None], to: list[Tensor] | None = None, retain_graph: bool = False
    ) -> list[Tensor]:
        """The gradient of sum(vs * outputs) by each variable, or by each of to; None among vs stands for 1."""
        to = self.variables if to is None else to
        outside = [*self.outside, *_nodes(vs)] if is_grad_enabled() else []
        used = [(output, v) for output, v in zip(outputs, vs, strict=True) if output is not None and output.requires_grad]
        found: Sequence[Tensor | None] = [None] * len(to)
        if used:
            outputs, vs = zip(*used)
            found = gradients(outputs, to, vs, bool(outside), retain_graph or bool(outside), allow_unused=True)
        result = [wrap(np.zeros(x.shape, x.dtype)) if g is None else g for x, g in zip(to, found)]
        return [self._settled(g, outside) for g in result] if outside else result

    def _settled(self, derivative: Tensor, outside: list[Node]) -> Tensor:
        """A derivative as a function of all that is outside; by what it does not depend on, its own derivative is 0, and not missing."""
        reached = set(self._ancestors([derivative]))
        constant_in = [node for node in outside if node not in reached]
        if not constant_in:
            return derivative
        shapes = tuple([node.shape for node in constant_in])
        kept = ((), *[(i, shapes) for i in range(len(shapes))])
        return recorded(ConstantIn(), derivative._data, (derivative._node, *constant_in), kept)

    def linear_in(self, outputs: list[Tensor]) -> tuple[list[Tensor], Sequence[Tensor | None]]:
        """Some vs, and the gradient of sum(vs * outputs) by each variable, recorded: it is linear in vs, so their values do not matter."""
        vs = [wrap(np.ones(output.shape, output.dtype)).requires_grad_() for output in outputs]
        used = [(output, v) for output, v in zip(outputs, vs) if output.requires_grad]
        return vs, gradients([output for output, _ in used], self.variables, [v for _, v in used], create_graph=True, allow_unused=True)

    def like_arguments(self, found: Iterable[Any]) -> Any:
        """One found value for each variable, in the containers of the arguments."""
        values = iter(found)
        return _mapped(lambda _: next(values), self.wanted)

    def released(self) -> tuple[Any, Any]:
        """The result and the rest; a tensor among them keeps a history that reaches outside, and no other."""
        return _mapped(self._released, self.result), _mapped(self._released, self.rest)

    def _released(self, x: Any) -> Any:
        if not isinstance(x, Tensor) or x._node is None or not set(self.outside).isdisjoint(self._ancestors([x])):
            return x
        return x.detach() if x.data.flags.writeable else x.detach().copy()


class ConstantIn(Op):
    """A value that does not move with xs, and says so: a derivative that came out constant, whose own derivative is then 0.

    out = value

    Shapes    out has the shape of value; xs have any.
    Gradient  dL/dvalue = g
              dL/dxs[k] = 0
    Keeps     the shapes of xs, no array.
    """

    def forward(self, value, *xs):
        return value

    def grad_value(self, g):
        return g

    def grad_xs(self, g, index, xs_shape):
        zeros = np.zeros(xs_shape[index], g.dtype)
        return wrap(zeros) if isinstance(g, Tensor) else zeros


# What the functions share


def _gradient(who: str, f: Callable, argnums: Argnums, has_aux: bool) -> Callable:
    def gradient(*arguments: Any, **settings: Any) -> Any:
        call = _Call(who, f, arguments, settings, argnums, has_aux)
        found = call.like_arguments(call.pulled([call.number()], [None]))
        return (found, call.released()[1]) if has_aux else found

    return _transformed(gradient, "grad", f)


def _jacobian(who: str, f: Callable, argnums: Argnums, has_aux: bool) -> Callable:
    def jacobian(*arguments: Any, **settings: Any) -> Any:
        call = _Call(who, f, arguments, settings, argnums, has_aux)
        for x, role in [*((x, "returns") for x in call.outputs()), *((x, "is given") for x in call.variables)]:
            if x.dtype.kind == "c":
                raise DTypeError(f"{who}: {call.name} {role} {_described(x)}; take real and imaginary part as two, whose derivatives are real")
        found = _mapped(lambda output: call.like_arguments(_blocks(call, output)), call.result)
        return (found, call.released()[1]) if has_aux else found

    return _transformed(jacobian, who, f)


def _blocks(call: _Call, output: Tensor) -> list[Tensor]:
    """For each variable the derivatives of each number in output by each number in it."""
    shapes = [output.shape + variable.shape for variable in call.variables]
    if call.outside and output.size:
        rows = [call.pulled([output], [wrap(row.reshape(output.shape))], retain_graph=True) for row in np.eye(output.size, dtype=output.dtype)]
        return [stack(column).reshape(shape) for column, shape in zip(zip(*rows), shapes)]
    blocks = [np.zeros((output.size, variable.size), variable.dtype) for variable in call.variables]
    if output._node is not None and output.size > DEAR * sum([variable.size for variable in call.variables]):
        (v,), slopes = call.linear_in([output])
        for slope, block in zip(slopes, blocks):
            if slope is not None and slope.requires_grad:
                _fill([block.T], slope, [v])
    elif output._node is not None:
        _fill(blocks, output, call.variables)
    return [wrap(block.reshape(shape)) for block, shape in zip(blocks, shapes)]


def _fill(blocks: list[np.ndarray], output: Tensor, variables: list[Tensor]) -> None:
    """Write into row k of each block the gradient of element k of output by a variable. As many rows as fit the cache walk together."""
    end: Any = output._node
    targets: Any = [variable._node for variable in variables]
    nodes = ancestors([end], oldest=min([target.order for target in targets]))
    together = max(1, MOST_ELEMENTS // max([math.prod(node.shape) for node in nodes] + [1]))
    if watching.active or any(node.hooks for node in nodes):
        together = 1                    # who watches expects one gradient
    for start in range(0, output.size, together):
        chosen = slice(start, min(start + together, output.size))
        count = chosen.stop - start
        rows = np.zeros((count, output.size), output.dtype)
        rows[np.arange(count), np.arange(start, chosen.stop)] = 1
        rows = rows.reshape(count, *output.shape)
        with no_grad():
            found = walk([end], [Batch(rows) if count > 1 else rows[0]], targets, retain_graph=True, record=False)
        for target, block in zip(targets, blocks):
            g = found.get(target)
            if g is not None:
                block[chosen] = g.rows.reshape(count, -1) if isinstance(g, Batch) else g.reshape(-1)


def _transformed(function: Callable, who: str, f: Callable) -> Callable:
    """A function that is called who of f."""
    update_wrapper(function, f, updated=())
    function.__name__ = function.__qualname__ = f"{who}({_name_of(f)})"
    return function


def _name_of(f: Callable) -> str:
    while isinstance(f, partial):
        f = f.func
    return getattr(f, "__name__", type(f).__name__)


def _positions(who: str, name: str, argnums: Any, count: int) -> tuple[int, ...]:
    """Which of count arguments are meant."""
    if argnums is None:
        return tuple(range(count))
    positions = argnums if isinstance(argnums, tuple) else (argnums,)
    if not all(isinstance(i, (int, np.integer)) and not isinstance(i, bool) for i in positions):
        raise TypeError(f"{who}: argnums is {argnums!r}; it needs to be an int or a tuple of ints")
    if not all(-count <= i < count for i in positions):
        raise ValueError(f"{who}: argnums is {argnums!r}, and {name} is given {count} arguments by position; count them from 0")
    positions = tuple([i % count for i in positions])
    if len(set(positions)) < len(positions) or not positions:
        raise ValueError(f"{who}: argnums is {argnums!r}; it needs to name one argument or more, each once")
    return positions


def _value(x: Any, what: str) -> Any:
    """A number, or an array of numbers, that is no Tensor, as a value of one."""
    if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "biufc":
        return x if isinstance(x, np.generic) else np.asarray(x)
    if isinstance(x, (bool, int, float, complex)):
        return new_array(x)
    raise DTypeError(f"{what} is {_described(x)}; it needs to be a tensor, an array of numbers or a number, or a dict, list or tuple of them")


def _described(x: Any) -> str:
    if isinstance(x, (Tensor, np.ndarray)):
        return f"{'a tensor' if isinstance(x, Tensor) else 'an array'} of shape {x.shape} and dtype {x.dtype}"
    if isinstance(x, (tuple, list, dict)):
        return f"a {type(x).__name__} of {len(x)}"
    return "None" if x is None else f"{type(x).__name__} {x!r:.60}"


def _nodes(tensors: Iterable[Any]) -> list[Node]:
    return [x._node for x in tensors if isinstance(x, Tensor) and x._node is not None]


# Containers


def _children(tree: Any) -> list[tuple[Any, Any]] | None:
    """What a container holds, each with its key; None if tree is no container but stands for itself. None is an empty container."""
    if isinstance(tree, dict):
        return list(tree.items())
    if isinstance(tree, (list, tuple)):
        return list(enumerate(tree))
    return [] if tree is None else None


def _leaves(tree: Any) -> Iterator[Any]:
    """What is in containers, and in containers in these, in order."""
    children = _children(tree)
    if children is None:
        yield tree
    for _, child in children or ():
        yield from _leaves(child)


def _mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """The same containers, with function(leaf) for each leaf."""
    children = _children(tree)
    if children is None:
        return function(tree)
    if tree is None:
        return None
    values = [_mapped(function, child) for _, child in children]
    if isinstance(tree, dict):
        mapped = copy(tree)
        mapped.update(zip(tree, values))
        return mapped
    return type(tree)(*values) if hasattr(tree, "_fields") else type(tree)(values)


def _like(tree: Any, given: Any, what: str) -> list[Tensor]:
    """The leaves of given as tensors, in the order of tree, which has the same containers and shapes."""
    children, others = _children(tree), _children(given)
    if children is None:
        if others is not None:
            raise TypeError(f"{what} is {_described(given)} where {_described(tree)} stands")
        value = given if isinstance(given, Tensor) else wrap(_value(given, what))
        if value.shape != np.shape(getattr(tree, "_data", tree)):
            raise ShapeError(f"{what} has shape {value.shape}, and needs to have {np.shape(getattr(tree, '_data', tree))}")
        if value.dtype.kind == "c" and not np.iscomplexobj(getattr(tree, "_data", tree)):
            raise DTypeError(f"{what} is {value.dtype}, and needs to be real, as {_described(tree)} is; give its real part")
        return [value]
    keyed = dict(others or ())
    if others is None or type(tree) is not type(given) or keyed.keys() != dict(children).keys():
        raise TypeError(f"{what} is {_described(given)}, and needs to be {_described(tree)}, with the same keys")
    return [x for key, child in children for x in _like(child, keyed[key], f"{what}, at {key!r},")]
