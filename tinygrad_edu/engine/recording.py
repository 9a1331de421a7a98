"""How an op runs: its forward, and a node for the graph if an input needs a gradient."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DefinitionError, DTypeError, GraphError, ShapeError
from . import guard, watching
from .modes import is_composing, is_grad_enabled
from .node import Node, clock
from .tensor import Tensor, new_array, read_only, wrap

if TYPE_CHECKING:
    from .op import Op

_new = object.__new__


def _forward_of(op: Op) -> Callable[..., Any]:
    """The forward of an op; one from outside the library sees its inputs read-only, and what it returns is no part of them."""
    of_arrays = _of_real_numbers(op) if op.real else op.forward
    if not op.foreign:
        return of_arrays

    def forward(*values):
        result = of_arrays(*[read_only(value) for value in values])
        if type(result) is tuple and not op.fused:
            raise DefinitionError(f"{op!r}: forward returned a tuple; an Op returns the value alone. {_keeping(op, result)}")
        out = result[0] if type(result) is tuple else result
        if op.view or not isinstance(out, np.ndarray):
            return result
        if any(isinstance(value, np.ndarray) and np.may_share_memory(out, value) for value in values):
            out = out.copy()
        return (out, *result[1:]) if type(result) is tuple else out

    return forward


def _of_real_numbers(op: Op) -> Callable[..., Any]:
    """The forward of an op that is for real numbers only; complex ones are refused."""

    def forward(*values):
        for i, value in enumerate(values):
            if value is not None and np.iscomplexobj(value):
                raise DTypeError(f"{op!r}: {op.input_name(i)} is complex; it needs to be real: take x.real, x.imag or abs(x)")
        return op.forward(*values)

    return forward


def _keeping(op: Op, result: tuple) -> str:
    """What to say where forward of an Op wants to keep something, as that of a Fused may."""
    names = result[1] if len(result) == 2 and isinstance(result[1], dict) else {"value": None}
    return f"If a rule needs more: {guard.ways_out(', '.join(names), op.inputs, type(op).__name__, 'the rule')}"


def recorder(op: Op) -> Callable[..., Tensor]:
    """The function that runs op, and makes a node of it if an input needs a gradient.

    One is for a single input and one for two, because they are what every training step is made of; one for all the rest.
    """
    if not type(op).keep:
        return _recorder_of_any(op)
    return _recorder_of_one(op) if len(op.inputs) == 1 else _recorder_of_two(op)


def _recorder_of_one(op: Op) -> Callable[..., Tensor]:
    forward, keep, view = _forward_of(op), type(op).keep[True,], op.view

    def record(x):
        if type(x) is Tensor or isinstance(x, Tensor):
            value = x._data
            parent = x._node
            if view:
                x._shared = True
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
        if view:
            tensor._shared = True
        if parent is None or not is_grad_enabled():
            tensor._node = None
            if watching.active:
                watching.ran(op, (x,), tensor)
            return tensor
        tensor._node = node = Node()
        node.op = op
        node.parents = (parent,)
        node.kept = keep(value, out)
        node.shape = shape
        node.dtype = out.dtype
        node.order = clock()
        node.hooks = None
        if watching.active:
            watching.ran(op, (x,), tensor)
        return tensor

    return record


def _recorder_of_two(op: Op) -> Callable[..., Tensor]:
    forward = _forward_of(op)
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
            if watching.active:
                watching.ran(op, (a, b), tensor)
            return tensor
        tensor._node = node = Node()
        node.op = op
        node.parents = (parent, other)
        node.kept = (keep_first if other is None else keep_second if parent is None else keep_both)(first, second, out)
        node.shape = shape
        node.dtype = out.dtype
        node.order = clock()
        node.hooks = None
        if watching.active:
            watching.ran(op, (a, b), tensor)
        return tensor

    return record


def _recorder_of_any(op: Op) -> Callable[..., Tensor]:
    cls = type(op)
    forward, fused, collect, kept_names = _forward_of(op), op.fused, cls.collect, cls.kept_names
    last = len(op.inputs) - 1
    constant = [name in op.constants for name in op.inputs] if op.constants else None

    def record(*operands):
        if fused and is_composing():
            twin = partial(guard.recording, op, "composed", op.inputs) if cls.foreign else op.composed
            return twin(*[as_tensor(op, operand) for operand in operands])
        if len(operands) != last + 1 and not (op.variadic and len(operands) >= last):
            raise TypeError(f"{op!r} takes the inputs {', '.join(op.inputs)}; it got {len(operands)}")
        recording = is_grad_enabled()
        values, parents = [], []
        for operand in operands:
            parent = None
            if type(operand) is Tensor or isinstance(operand, Tensor):
                values.append(operand._data)
                if recording:
                    parent = operand._node
                    if parent is not None and constant is not None and constant[min(len(parents), last)]:
                        raise GraphError(_not_constant(op, len(parents), operand))
            else:
                values.append(operand if operand is None else as_operand(op, operand, _others(operands, constant)))
            parents.append(parent)
        kept = _NOTHING
        try:
            out = forward(*values)
            if type(out) is tuple:
                out, kept = out
            shape = out.shape
        except Exception as error:
            raise _explained(error, op, operands)
        tensor = _new(Tensor)
        tensor._data = out
        if not any(parents):
            tensor._node = None
            if watching.active:
                watching.ran(op, operands, tensor)
            return tensor
        if kept_names and not kept_names <= kept.keys():
            raise DefinitionError(_not_kept(op, kept))
        tensor._node = node = Node()
        node.op = op
        node.parents = parents = tuple(parents)
        node.kept = collect(tuple(values), out, kept, parents)
        node.shape = shape
        node.dtype = out.dtype
        node.order = clock()
        node.hooks = None
        if watching.active:
            watching.ran(op, operands, tensor)
        return tensor

    return record


_NOTHING: dict[str, Any] = {}


def _others(operands: tuple, constant: list[bool] | None) -> Any:
    """What a number stands next to: the arrays that are no constants, of which one stands for all, in the dtype that they have together."""
    last = len(constant) - 1 if constant else 0
    arrays = [
        operand
        for i, operand in enumerate(operands)
        if isinstance(operand, (Tensor, np.ndarray)) and not (constant and constant[min(i, last)])
    ]
    dtypes = {array.dtype for array in arrays}
    return np.empty(0, np.result_type(*dtypes)) if len(dtypes) > 1 else arrays[0] if arrays else None


def _not_constant(op: Op, i: int, operand: Tensor) -> str:
    name = op.input_name(i)
    return (
        f"{op!r}: {name} is a constant of this op and has no gradient, but the tensor given (shape {operand.shape}) requires grad; "
        f"give {name}.detach()"
    )


def _not_kept(op: Op, kept: dict[str, Any]) -> str:
    names = type(op).kept_names
    return (
        f"{op!r}: a rule names {', '.join(sorted(names - kept.keys()))}, which is no input, shape or out, so forward must keep it: "
        f"return out, {{{', '.join(f'{name!r}: {name}' for name in sorted(names))}}}"
    )


def recorded(op: Op, value: Any, parents: tuple, kept: tuple) -> Tensor:
    """A Tensor of value, as if op had made it from parents."""
    node = Node()
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
        guard.refuse_array(x)
        if x.dtype.kind not in "biufc" and x.dtype != getattr(other, "dtype", None):      # numbers of mpmath are objects
            raise DTypeError(f"{op!r}: an operand has dtype {x.dtype}; it needs to be an array of numbers")
        return x if kind is np.ndarray or isinstance(x, np.generic) else np.asarray(x)
    if isinstance(x, (bool, complex)):
        return new_array(x) if other is None else x
    if isinstance(x, (list, tuple)) or hasattr(x, "__array__"):
        array = array_beside(x, getattr(other, "dtype", None))
        guard.refuse_array(array)
        return array
    raise DTypeError(f"{op!r}: an operand is {kind.__name__} {x!r:.60}; it needs to be a Tensor, an array or a number")


def array_beside(x: Any, dtype: np.dtype | None) -> Any:
    """A number, or a list of numbers, as an array beside arrays of a dtype: it loses no digits that the result has.

    A number takes the dtype that NumPy gives it there. Floats in a list are of the default dtype beside floats that are no wider.
    """
    if dtype is not None and isinstance(x, (bool, int, float, complex)):
        return np.asarray(x, np.result_type(x, dtype))
    array = new_array(x)
    if dtype is None or array.dtype.kind not in "fc":
        return array
    needed = np.result_type(array.dtype, dtype if dtype.kind in "fc" else np.float64)
    return array if array.dtype == needed else new_array(x, needed)


def as_tensor(op: Op, x: Any) -> Any:
    """An operand for a twin: a Tensor, or None."""
    return x if x is None or isinstance(x, Tensor) else wrap(np.asarray(as_operand(op, x)))


@lru_cache(maxsize=1024)
def _number(x: float, dtype: np.dtype) -> np.ndarray:
    array = np.array(x, dtype)
    array.flags.writeable = False
    return array


def _explained(error: Exception, op: Op, operands: tuple) -> Exception:
    """The error of a forward, with the op, its operands and their shapes in the text, and both as attributes, for diagrams."""
    explained = _in_words(error, op, operands)
    if not hasattr(explained, "op"):        # an op inside of this one has failed already
        explained.op, explained.operands = op, Operands(operands)     # type: ignore[attr-defined]
    return explained


class Operands(tuple):
    """What went into an op that failed. In a pickle it is empty: the error goes to another process, and tensors that record cannot."""

    def __reduce__(self) -> tuple[type, tuple]:
        return Operands, ()


def _in_words(error: Exception, op: Op, operands: tuple) -> Exception:
    if error.__class__.__module__.startswith(_PACKAGE):
        return error
    shapes = [np.shape(getattr(operand, "_data", operand)) for operand in operands]
    described = []
    for i, (operand, shape) in enumerate(zip(operands, shapes)):
        name = f" ({operand.name!r})" if isinstance(operand, Tensor) and operand.name else ""
        described.append(f"{op.input_name(i)}{name} has shape {shape}")
    what = f"{op!r}: {' and '.join(described)}"
    explained: Exception
    if written := guard.refused_write(error, op, "forward", op.inputs[0]):
        explained = written
    elif type(error) is ValueError:     # not its kin, such as AxisError and LinAlgError, which say more
        explained = ShapeError(f"{what}; {op.mismatch(*shapes) or error}")
    elif isinstance(error, (TypeError, AttributeError)):
        explained = DTypeError(f"{what}: {error}")
    else:
        error.add_note(what)
        return error
    explained.__cause__ = error
    return explained


_PACKAGE = __name__.split(".")[0]
