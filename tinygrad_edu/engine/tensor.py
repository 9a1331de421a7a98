"""Tensor: an array, its gradient, and its place in the graph."""

from __future__ import annotations

import difflib
import math
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import count, repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DTypeError, GraphError, MutationError, ReadOnlyError, ShapeError, UnsupportedError
from . import changes, guard
from .backward import describe, walk
from .modes import enable_grad, is_grad_enabled, no_grad
from .node import Node, leaf_node
from .saying import name_of, said

DISPATCH: dict[Callable, Callable] = {}
"""For each function of NumPy the function of ours that runs when it is called with a Tensor; filled by ops/."""

METHODS: dict[tuple[np.ufunc, str], Callable] = {}
"""The same for methods of ufuncs: (np.add, "reduce")."""

LOADED_LATER: dict[str, Callable[[], Any]] = {}
"""For a part of NumPy that is loaded at first use, by the name of its module, what fills DISPATCH with its functions; filled by ops/."""

REFUSED: dict[str, str] = {}
"""For each function of NumPy that is decided not to take Tensors, by name ("roots", "linalg.eig"), the reason; filled by ops/."""

_default_dtype = np.dtype(np.float32)
_new = object.__new__
_hook_keys = count()
_filling = threading.Lock()         # threads that share leaves add to their gradients one after the other


class Tensor:
    """An array that records what is computed with it.

    Parameters
        data           numbers, nested lists of numbers, an array or a Tensor; copied.
        dtype          any NumPy dtype. Without it, arrays keep theirs, Python floats take the default dtype (float32),
                       ints become int64 and bools bool.
        requires_grad  whether operations on it are recorded; only for a floating dtype, real or complex.
        name           a name for errors and diagrams.
    Raises DTypeError for data that are not numbers, and for requires_grad on integers or bools.

    Functions of NumPy work on it (np.exp(x)), and so do the methods and operators that an ndarray has. The gradient of a complex tensor is
    dL/d(real part) + 1j * dL/d(imaginary part), as in PyTorch: for z * z it is 2 * conj(z). JAX's is its conjugate.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    Tensor([2., 4.])
    """

    __slots__ = ("__weakref__", "_data", "_leaf", "_name", "_node", "_shared")

    # _data    an ndarray, or a NumPy scalar for a value without axes: several times faster than an array of shape ().
    # _node    the place in the graph; None if this tensor needs no gradient.
    # _name    not set on most tensors.
    # _leaf    set where requires_grad_(False) took the node away: graphs from before gather their gradient there.
    # _shared  set on a tensor whose memory another may have: on a view and on what it is a view of, on what was detached or came from outside.

    def __init__(self, data: Any, dtype: Any = None, requires_grad: bool = False, name: str | None = None) -> None:
        self._data: np.ndarray | np.generic = new_array(data, dtype)
        self._node: Node | None = None
        if name is not None:
            self.name = name
        if requires_grad:
            self.requires_grad_()

    if TYPE_CHECKING:
        _shared: bool

        # What ops/ installs, said once more for type checkers and editors.
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __iadd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __isub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __imul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __itruediv__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __rpow__(self, other: Any) -> Tensor: ...
        def __ipow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __rmatmul__(self, other: Any) -> Tensor: ...
        def __imatmul__(self, other: Any) -> Tensor: ...
        def __mod__(self, other: Any) -> Tensor: ...
        def __rmod__(self, other: Any) -> Tensor: ...
        def __imod__(self, other: Any) -> Tensor: ...
        def __floordiv__(self, other: Any) -> Tensor: ...
        def __rfloordiv__(self, other: Any) -> Tensor: ...
        def __ifloordiv__(self, other: Any) -> Tensor: ...
        def __divmod__(self, other: Any) -> tuple[Tensor, Tensor]: ...
        def __rdivmod__(self, other: Any) -> tuple[Tensor, Tensor]: ...
        def __lshift__(self, other: Any) -> Tensor: ...
        def __rlshift__(self, other: Any) -> Tensor: ...
        def __ilshift__(self, other: Any) -> Tensor: ...
        def __rshift__(self, other: Any) -> Tensor: ...
        def __rrshift__(self, other: Any) -> Tensor: ...
        def __irshift__(self, other: Any) -> Tensor: ...
        def __and__(self, other: Any) -> Tensor: ...
        def __rand__(self, other: Any) -> Tensor: ...
        def __iand__(self, other: Any) -> Tensor: ...
        def __or__(self, other: Any) -> Tensor: ...
        def __ror__(self, other: Any) -> Tensor: ...
        def __ior__(self, other: Any) -> Tensor: ...
        def __xor__(self, other: Any) -> Tensor: ...
        def __rxor__(self, other: Any) -> Tensor: ...
        def __ixor__(self, other: Any) -> Tensor: ...
        def __eq__(self, other: Any) -> Tensor: ...     # type: ignore[override]
        def __ne__(self, other: Any) -> Tensor: ...     # type: ignore[override]
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...
        def __getitem__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __pos__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __invert__(self) -> Tensor: ...
        def __setitem__(self, index: Any, value: Any) -> None: ...
        T: Tensor
        real: Tensor
        imag: Tensor
        def abs(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def all(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def any(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def argmax(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def argmin(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def argpartition(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def argsort(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def choose(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def fill(self, value: Any) -> None: ...
        def partition(self, *args: Any, **kwargs: Any) -> None: ...
        def searchsorted(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def sort(self, *args: Any, **kwargs: Any) -> None: ...
        mT: Tensor
        def astype(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def clip(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def compress(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def conj(self) -> Tensor: ...
        def conjugate(self) -> Tensor: ...
        def copy(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def cumprod(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def cumsum(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def diagonal(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def dot(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def exp(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def flatten(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def log(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def max(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def mean(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def min(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def nonzero(self) -> tuple[Tensor, ...]: ...
        def prod(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def ravel(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def relu(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def repeat(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def reshape(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def round(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def sqrt(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def square(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def squeeze(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def std(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def sum(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def swapaxes(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def take(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def tanh(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def trace(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def transpose(self, *args: Any, **kwargs: Any) -> Tensor: ...
        def var(self, *args: Any, **kwargs: Any) -> Tensor: ...

    # The array

    def _array(self) -> np.ndarray:
        if not isinstance(self._data, np.ndarray):
            self._data = np.asarray(self._data)     # from here on writes to it must reach this tensor
        return self._data

    @property
    def data(self) -> np.ndarray:
        """The array itself, not a copy. Writing to it is not recorded, and not noticed: use the in-place operators."""
        guard.refuse_leaving(self, "data")
        return self._array()

    @data.setter
    def data(self, value: Any) -> None:
        if value is self._data:                     # x.data += 1 ends here
            changes.enter(self.data)
            return
        if isinstance(value, Tensor):
            value._shared = True
            value = value._data
        else:
            value = np.asarray(value)
        if self._node is not None and (value.shape != self.shape or value.dtype != self.dtype):
            raise ShapeError(
                f"data: {_called(self)} has shape {self.shape} and dtype {self.dtype} and needs a gradient, so its new data must be "
                f"the same, not {value.shape} and {value.dtype}; make a new tensor instead"
            )
        self._data = value
        self._shared = True

    def numpy(self) -> np.ndarray:
        """The array itself, not a copy; the way out of the graph, like data and detach."""
        guard.refuse_leaving(self, "numpy()")
        return self.data

    def item(self, *index: Any) -> Any:
        """The only element, or the one at an index, as a Python number."""
        if not index and self._data.size != 1:
            raise ShapeError(f"item: {_called(self)} has {self._data.size} elements (shape {self.shape}); it needs exactly one")
        guard.refuse_leaving(self, "item()")
        return self._data.item(*index)

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        guard.refuse_leaving(self, "tolist()")
        return self._data.tolist()

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def dtype(self) -> np.dtype:
        return self._data.dtype

    @property
    def ndim(self) -> int:
        return self._data.ndim

    @property
    def size(self) -> int:
        return self._data.size

    @property
    def nbytes(self) -> int:
        return self._data.nbytes

    @property
    def name(self) -> str | None:
        """What errors and diagrams call this tensor."""
        try:
            return self._name
        except AttributeError:
            return None

    @name.setter
    def name(self, name: str | None) -> None:
        self._name = name
        if self._node is not None:
            self._node.name = name

    @property
    def _version(self) -> int:
        """How often the memory of this tensor was changed in place."""
        return changes.version(self._data)

    # The place in the graph

    @property
    def node(self) -> Node | None:
        return self._node

    @property
    def op(self) -> Any:
        """The op that made this tensor, or None for a leaf and for what was not recorded."""
        return None if self._node is None else self._node.op

    @property
    def requires_grad(self) -> bool:
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self.requires_grad_(wanted)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Start, or stop, recording what is computed with this leaf. Returns the tensor."""
        if requires_grad and self._node is None:
            if self.dtype.kind not in "fc":
                raise DTypeError(
                    f"requires_grad: {_called(self)} has dtype {self.dtype}, and only floating numbers, real or complex, have a gradient; "
                    f"convert it: x.astype({_default_dtype.name!r})"
                )
            leaf = getattr(self, "_leaf", None)
            same = leaf is not None and (leaf.shape, leaf.dtype) == (self.shape, self.dtype)
            self._node = leaf if same else leaf_node(self.shape, self.dtype, self.name)
        elif not requires_grad and self._node is not None:
            if not self.is_leaf:
                raise GraphError(
                    f"requires_grad_(False): {_called(self)} was made by {self.op!r} and is no leaf; use x.detach()"
                )
            self._leaf, self._node = self._node, None
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded op made this tensor: it was given by the user, or needs no gradient."""
        return self._node is None or self._node.op is None

    def detach(self) -> Tensor:
        """A tensor of the same memory that needs no gradient.

        What is written to it is in this tensor too, and no gradient knows of it; change x.detach().copy(). Values that are kept for a
        gradient are watched, as always, and a change that is recorded is refused.
        """
        detached = wrap(self._array())
        self._shared = detached._shared = True
        return detached

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward gathered here, or None."""
        return None if self._node is None else self._node.grad

    @grad.setter
    def grad(self, gradient: Tensor | None) -> None:
        if gradient is not None:
            if not isinstance(gradient, Tensor):
                raise DTypeError(f"grad: needs a Tensor or None, got {type(gradient).__name__}; wrap it: tg.tensor(...)")
            if self._node is None:
                raise GraphError(f"grad: {_called(self)} needs no gradient; call requires_grad_() first")
            if gradient.shape != self.shape or gradient.dtype != self.dtype:
                raise ShapeError(
                    f"grad: {_called(self)} has shape {self.shape} and dtype {self.dtype}, and so must its gradient, "
                    f"not {gradient.shape} and {gradient.dtype}"
                )
        if self._node is not None:
            self._node.grad = gradient

    def retain_grad(self) -> None:
        """Let backward fill grad here too, though this is no leaf."""
        if self._node is None:
            raise GraphError(f"retain_grad: {_called(self)} needs no gradient, so there is none to retain")
        if not self.is_leaf:
            self._node.retains_grad = True
            self._node.hooks = self._node.hooks or {}       # the walk looks at retains_grad only where there are hooks

    @property
    def retains_grad(self) -> bool:
        return self._node is not None and self._node.retains_grad

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call hook(gradient) when the gradient of this tensor is complete; what it returns, if not None, takes its place.

        Returns a handle; handle.remove() takes the hook away.
        """
        node = self._node
        if node is None:
            raise GraphError(f"register_hook: {_called(self)} needs no gradient, so the hook would never be called")

        shape, dtype, called = node.shape, node.dtype, describe(node)       # not node itself, or node and hook would hold each other
        is_complex = dtype.kind == "c"

        def run(g: Any) -> Any:
            recorded = isinstance(g, Tensor)
            # Other nodes may have the same array as their gradient.
            seen = wrap(read_only(g._data), g._node) if recorded else wrap(read_only(g))
            result = hook(seen.conj() if is_complex else seen)
            if result is None:
                return g
            if not isinstance(result, Tensor):
                result = wrap(np.asarray(result))
            if result.shape != shape:
                raise ShapeError(f"the hook of {called} returned shape {result.shape}; it needs to be {shape}")
            result = result.astype(dtype, copy=False)
            result = result.conj() if is_complex else result
            return result if recorded else result._data

        if node.hooks is None:
            node.hooks = {}
        key = next(_hook_keys)
        node.hooks[key] = run
        return RemovableHandle(node.hooks, key)

    def backward(self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False) -> None:
        """Add the gradient of this tensor to grad of every leaf that it was computed from.

        Parameters
            gradient      dL/d(this), of this tensor's shape; may be left out for a single real number, where it is 1.
            retain_graph  keep what the nodes hold, for another walk; None means create_graph.
            create_graph  record the walk itself, so that the gradients can be differentiated.
        Raises GraphError if nothing was recorded or the graph was freed, ShapeError if gradient is missing or of another shape,
        DTypeError if it is missing and this is complex, and MutationError if a value that is needed was changed in place. Then every
        grad is as it was.

        >>> x = Tensor(3.0, requires_grad=True)
        >>> (x * x).backward()
        >>> x.grad
        Tensor(6.)
        """
        found = _gradients([self], None, [gradient], create_graph, retain_graph, "backward")
        # With create_graph too grad gets memory of its own: the rule of a sum gives one gradient to both of its inputs.
        gradients = {node: _recorded_copy(found[node]) if create_graph else wrap(own(found, node)) for node in found}
        with _filling:
            filled = {node: g if node.grad is None else _recorded_sum(node.grad, g) for node, g in gradients.items()}
            # No line of Python runs in between, after which an interrupt could leave some filled and some not.
            list(map(setattr, filled, repeat("grad"), filled.values()))

    # NumPy's protocols

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        guard.refuse_leaving(self, "np.asarray")
        if self._node is not None:
            raise GraphError(
                f"np.asarray: {_called(self)} records, and an array would silently lose its history; "
                f"use x.detach().numpy() to leave the graph, or tg.stack to join tensors"
            )
        return np.array(self._data, dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        if kwargs.get("out") is not None:
            raise UnsupportedError(
                f"np.{name}: out= (also meant by array += tensor) cannot take a Tensor's result, since an array would lose its "
                f"history; write out = np.{name}(...), or use tensor.numpy()"
            )
        function = DISPATCH.get(ufunc) if method == "__call__" else METHODS.get((ufunc, method))
        if function is None:
            raise UnsupportedError(_unsupported(name, method))
        try:
            if kwargs and method == "__call__" and getattr(function, "__wrapped__", None) is not ufunc:     # which takes its own settings
                inputs, kwargs = _settled(name, inputs, **kwargs)
            return function(*inputs, **kwargs)
        except Exception as error:
            raise said(error, name, inputs, kwargs)

    def __array_function__(self, function: Callable, types: Any, args: tuple, kwargs: dict) -> Any:
        ours = DISPATCH.get(function)
        if ours is None and function.__module__ in LOADED_LATER:
            LOADED_LATER[function.__module__]()
            ours = DISPATCH.get(function)
        if ours is None:
            raise UnsupportedError(_unsupported(name_of(function)))
        try:
            return ours(*args, **kwargs)
        except Exception as error:
            raise said(error, name_of(function), args, kwargs)

    # DLPack, by which other libraries take the memory of a tensor without a copy: torch.from_dlpack(x.detach())

    def __dlpack__(self, **settings: Any) -> Any:
        if self._node is not None:
            raise GraphError(f"dlpack: {_called(self)} records, and another library would know nothing of its history; give x.detach()")
        self._shared = True
        return self.data.__dlpack__(**settings)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.data.__dlpack_device__()

    # Python's protocols

    __hash__ = object.__hash__      # == compares elements, but a Tensor is a key by its identity

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError(f"len: {_called(self)} has no axes")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.shape:
            raise TypeError(f"iter: {_called(self)} has no axes")
        return (self[i] for i in range(self.shape[0]))

    def __contains__(self, value: Any) -> bool:
        return (value._data if isinstance(value, Tensor) else value) in self.data

    def __bool__(self) -> bool:
        if self._data.size != 1:
            raise ShapeError(f"bool: {_called(self)} has {self._data.size} elements (shape {self.shape}); use .any() or .all()")
        return bool(self._data)

    def __float__(self) -> float:
        if self._node is not None and is_grad_enabled():
            guard.refuse_number("float()")
            guard.warn_of_an_element(self)
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __complex__(self) -> complex:
        if self._node is not None and is_grad_enabled():
            guard.refuse_number("complex()")
            guard.warn_of_an_element(self)
        return complex(self.item())

    def __index__(self) -> int:
        return self.data.__index__()

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __repr__(self) -> str:
        kind = type(self).__name__
        # At each end of an axis as many elements as NumPy shows, and fewer of many axes, or there would be millions.
        edge = min(np.get_printoptions()["edgeitems"], 2 if self.ndim == 5 else 1) if self.ndim > 4 else None
        values = np.array2string(np.asarray(self._data), separator=", ", prefix=f"{kind}(", edgeitems=edge)
        parts = [values]
        if self.dtype not in (_default_dtype, np.dtype(np.int64), np.dtype(np.bool_)):
            parts.append(f"dtype={self.dtype.name}")
        if self.name:
            parts.append(f"name={self.name!r}")
        if self.op is not None:
            parts.append(f"op={self.op!r}")
        elif self.requires_grad and kind == "Tensor":
            parts.append("requires_grad=True")
        return f"{kind}({', '.join(parts)})"

    def __reduce__(self) -> tuple:
        if not self.is_leaf:
            raise GraphError(f"pickle: {_called(self)} was made by {self.op!r}; only leaves can be saved or copied: use x.detach()")
        grad = None if self.grad is None else self.grad.detach()
        return _restored, (type(self), self.data, self.requires_grad, self.name, grad)

    def __copy__(self) -> Tensor:
        return self.__deepcopy__({})        # in memory of its own, as the copy of an ndarray is

    def __deepcopy__(self, memo: dict) -> Tensor:
        function, (kind, data, requires_grad, name, grad) = self.__reduce__()
        memo[id(self)] = copied = function(kind, data.copy(), requires_grad, name, None if grad is None else grad.copy())
        return copied


class RemovableHandle:
    """What register_hook returns."""

    def __init__(self, hooks: dict, key: int) -> None:
        self._hooks, self._key = hooks, key

    def remove(self) -> None:
        """Take the hook away; a second time does nothing."""
        self._hooks.pop(self._key, None)


def wrap(value: np.ndarray | np.generic, node: Node | None = None) -> Tensor:
    """A Tensor of an array that is not copied, at a place in the graph."""
    tensor = _new(Tensor)
    tensor._data = value
    tensor._node = node
    return tensor


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    create_graph: bool = False,
    retain_graph: bool | None = None,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of outputs with respect to inputs, as a tuple; grad of no tensor is touched.

    Parameters
        outputs, inputs  a tensor or a sequence of them; inputs need not be leaves.
        grad_outputs     dL/d(output) for each output; None, or None for a single real number, means 1.
        create_graph     record the walk, so that the gradients can be differentiated again.
        retain_graph     keep what the nodes hold, for another walk; None means create_graph.
        allow_unused     give None for an input that outputs do not depend on, instead of an error.
    Raises as Tensor.backward does, and GraphError for an unused input.

    >>> x = Tensor(2.0, requires_grad=True)
    >>> dx, = grad(x * x * x, x, create_graph=True)
    >>> grad(dx, x)
    (Tensor(12.),)
    """
    outputs = [outputs] if isinstance(outputs, (Tensor, np.ndarray)) else list(outputs)
    inputs = [inputs] if isinstance(inputs, (Tensor, np.ndarray)) else list(inputs)
    if grad_outputs is None or isinstance(grad_outputs, (Tensor, np.ndarray, np.generic)):
        grad_outputs = [grad_outputs] if len(outputs) == 1 or grad_outputs is not None else [None] * len(outputs)
    if len(grad_outputs) != len(outputs):
        raise ShapeError(f"grad: {len(outputs)} outputs need as many grad_outputs, got {len(grad_outputs)}")
    for role, tensors in (("output", outputs), ("input", inputs)):
        for i, tensor in enumerate(tensors):
            if not isinstance(tensor, Tensor):
                raise DTypeError(f"grad: {role} {i} is {type(tensor).__name__}; it needs to be a Tensor")
    for i, tensor in enumerate(inputs):
        if not tensor.requires_grad and not allow_unused:
            raise GraphError(f"grad: input {i}, {_called(tensor)}, needs no gradient; make it with requires_grad=True")
    found = _gradients(outputs, inputs, grad_outputs, create_graph, retain_graph, "grad")
    results: list[Tensor | None] = []
    for i, tensor in enumerate(inputs):
        node = tensor._node
        if node is not None and node in found:
            results.append(_recorded_copy(found[node]) if create_graph else wrap(own(found, node)))
        elif allow_unused:
            results.append(None)
        else:
            raise GraphError(
                f"grad: outputs do not depend on input {i}, {_called(tensor)}; "
                f"take it out of inputs, or give allow_unused=True to get None for it"
            )
    return tuple(results)


def _gradients(
    outputs: list[Tensor], inputs: list[Tensor] | None, gradients: Sequence[Any], create_graph: bool, retain_graph: bool | None, who: str
) -> dict[Node, Any]:
    """Check what goes into a walk, and walk."""
    nodes: list[Node] = []
    starts: list[Any] = []
    for output, gradient in zip(outputs, gradients, strict=True):
        node = output._node
        if node is None:
            raise GraphError(
                f"{who}: {_called(output)} needs no gradient, so nothing was recorded; make an input of it with "
                f"requires_grad=True, and compute it outside no_grad"
            )
        if gradient is None:
            if output._data.size != 1:
                raise ShapeError(
                    f"{who}: {_called(output)} has shape {output.shape}; only for a single element the gradient may be left out: "
                    f"give a gradient of this shape, or reduce it first, with x.sum() or x.mean()"
                )
            if output.dtype.kind == "c":
                raise DTypeError(
                    f"{who}: {_called(output)} is complex ({output.dtype}); only for a real number the gradient may be left out: give a "
                    f"gradient, or make a real number of it, with abs(x) or x.real"
                )
            gradient = np.ones(output.shape, output.dtype) if output.shape else output.dtype.type(1)
        if not isinstance(gradient, Tensor):
            gradient = wrap(gradient if isinstance(gradient, np.generic) else np.asarray(gradient))
        if gradient.shape != output.shape:
            raise ShapeError(f"{who}: {_called(output)} has shape {output.shape}, and so must its gradient, not {gradient.shape}")
        if gradient.dtype.kind == "c" and output.dtype.kind != "c":
            raise DTypeError(f"{who}: {_called(output)} is real, and its gradient is {gradient.dtype}; give its real part")
        if gradient.dtype != output.dtype or gradient.dtype.kind == "c":
            with enable_grad() if create_graph else no_grad():
                gradient = gradient.astype(output.dtype)
                gradient = gradient.conj() if gradient.dtype.kind == "c" else gradient
        nodes.append(node)
        starts.append(gradient if create_graph else gradient._data)
    retain = create_graph if retain_graph is None else retain_graph
    targets = None if inputs is None else [tensor._node for tensor in inputs if tensor._node is not None]
    # An infinite gradient, such as that of a root at 0, is an answer; NumPy would warn of it with a line of ours.
    with enable_grad() if create_graph else no_grad(), np.errstate(all="ignore"):
        return walk(nodes, starts, targets, retain_graph=retain, record=create_graph)


def change_in_place(x: Tensor, function: Callable[..., Tensor], *operands: Any) -> Tensor:
    """x[...] = function(x, *operands), in the memory of x: what the in-place operators do.

    If it is recorded, x moves to a new place in the graph, and the values that the node keeps are copies, not the memory of x.
    """
    records = is_grad_enabled() and (x._node is not None or any(isinstance(o, Tensor) and o._node is not None for o in operands))
    if not records:
        with no_grad():
            result = function(x, *operands)
        _write(x, result._data)
        return x
    if x._node is not None and x.is_leaf:
        raise GraphError(
            f"in-place change: {_called(x)} is a leaf that requires grad, and its gradient belongs to the value that it has; "
            f"change it inside tg.no_grad(), or write x = x + ... instead of x += ..."
        )
    # A view that is gone does not matter, and a number without axes is replaced, not written to.
    if getattr(x, "_shared", False) and isinstance(x._data, np.ndarray) and _most_references(x) > _NO_OTHERS:
        raise MutationError(
            f"in-place change: {_called(x)} shares memory with another tensor or array (one is a view of the other, or detached), and the "
            f"graph of that one would not know of the change; write x = x + ... instead of x += ..., y[1:] = y[1:] + ... instead of "
            f"y[1:] += ..., or change x.copy()"
        )
    before = wrap(x._data.copy(), x._node)
    result = function(before, *[before if o is x else o for o in operands])
    _write(x, result._data)
    if result.dtype != x.dtype:
        result = result.astype(x.dtype)
    x._node = result._node
    return x


def _most_references(x: Tensor) -> float:
    """How many hold the memory of x: its array, and what that is a view of, up to what owns the memory; the most that one of them has.

    Of memory that no array owns, such as another library's, nobody knows.
    """
    if not changes.owner_of(x._data)[1]:        # type: ignore[arg-type]
        return math.inf
    most = 0
    held: Any = x._data
    while held is not None:
        most = max(most, sys.getrefcount(held))
        held = changes.base_of(held)
    return most


_NO_OTHERS = _most_references(wrap(np.empty(1)))


def _write(x: Tensor, value: Any) -> None:
    if value.shape != x.shape:
        raise ShapeError(f"in-place change: {_called(x)} has shape {x.shape} and cannot take a result of shape {value.shape}")
    if not np.can_cast(value.dtype, x.dtype, "same_kind"):
        raise DTypeError(f"in-place change: {_called(x)} has dtype {x.dtype} and cannot take a result of dtype {value.dtype}")
    if type(x._data) is not np.ndarray:
        x._data = value.astype(x.dtype)
        return
    if not x._data.flags.writeable:
        raise refused_as_read_only(x)
    x._data[...] = value
    changes.enter(x._data)


def refused_as_read_only(x: Tensor) -> ReadOnlyError:
    """The error where the memory of x cannot be written."""
    return ReadOnlyError(f"in-place change: the array of {_called(x)} is read-only; change x.copy()")


def new_array(data: Any, dtype: Any = None) -> np.ndarray | np.generic:
    """A new array of data, in the dtype that Tensor promises."""
    if isinstance(data, Tensor):
        data = data._data
    array = np.array(data, dtype=dtype)
    if dtype is None and array.dtype.kind in "fc" and not isinstance(data, (np.ndarray, np.generic)):
        array = array.astype(np.result_type(_default_dtype, np.complex64) if array.dtype.kind == "c" else _default_dtype)
    if array.dtype.kind not in "biufc":
        raise DTypeError(f"tensor: data of dtype {array.dtype} are not numbers; a Tensor holds bools, ints, floats or complex numbers")
    return array if array.shape else array[()]


def get_default_dtype() -> np.dtype:
    """The dtype that Python floats become; float32 unless set_default_dtype changed it."""
    return _default_dtype


def set_default_dtype(dtype: Any) -> None:
    """Set the dtype that Python floats, and random numbers, become: a real floating one."""
    global _default_dtype
    if np.dtype(dtype).kind != "f":
        raise DTypeError(f"set_default_dtype: needs a real floating dtype, got {np.dtype(dtype)}")
    _default_dtype = np.dtype(dtype)


def _recorded_copy(gradient: Tensor) -> Tensor:
    """A gradient that a recorded walk found, as users see it, in memory of its own. Of complex numbers the walk has the conjugate."""
    with enable_grad():         # a walk that was recorded in no_grad, too
        return gradient.conj() if gradient.dtype.kind == "c" else gradient.copy()


def _recorded_sum(before: Tensor, gradient: Tensor) -> Tensor:
    """The gradient that is added to one from before; the history that either has stays, in no_grad too."""
    with enable_grad():
        return before + gradient


def own(found: dict[Node, Any], node: Node) -> Any:
    """The gradient of node, as users see it, as an array that nobody else can see: copied, unless found holds the only reference to it."""
    g = found[node]
    if g.dtype.kind == "c":
        return np.conjugate(g._data if isinstance(g, Tensor) else g)
    if isinstance(g, Tensor):
        return g._data.copy()   # a rule computed with Tensors of its own
    if type(g) is not np.ndarray:
        return g                # a NumPy scalar, which nobody can change
    del g
    alone = found[node].base is None and _references(found, node) <= _ONLY_REFERENCE
    return found[node] if alone else found[node].copy()


def read_only(array: Any) -> Any:
    """A view of an array that cannot be written through; anything else as it is."""
    if type(array) is np.ndarray:
        array = array.view()
        array.flags.writeable = False
    return array


def _references(found: dict, key: Any) -> int:
    return sys.getrefcount(found[key])


_ONLY_REFERENCE = _references({0: np.empty(1)}, 0)      # how many the interpreter itself adds depends on its version


def _called(tensor: Tensor) -> str:
    """A tensor in words, for errors."""
    name = tensor.name or (tensor._node.name if tensor._node is not None else None)
    if name:
        return f"the tensor {name!r}"
    return f"a tensor of shape {tensor.shape}" + ("" if tensor.op is None else f" made by {tensor.op!r}")


def _settled(
    name: str, inputs: tuple, *, dtype: Any = None, casting: Any = "same_kind", where: Any = True, order: Any = "K", subok: bool = True,
    **settings: Any,
) -> tuple[tuple, dict[str, Any]]:
    """The inputs of a ufunc in the dtype that it is to compute in, and the settings that are its own. order and subok are of the memory alone."""
    if where is not True:
        raise UnsupportedError(f"{name}: where= leaves the other elements undefined; write np.where(mask, np.{name}(...), otherwise)")
    if dtype is not None:
        inputs = tuple([x.astype(dtype, casting=casting, copy=False) if hasattr(x, "dtype") else np.asarray(x, dtype) for x in inputs])
    return inputs, settings


def _unsupported(name: str, method: str = "__call__") -> str:
    """What to say of a function, or of a method of a ufunc, that does not take Tensors."""
    if name in REFUSED:
        said = f"np.{name} does not take Tensors: {REFUSED[name]}"
        return said if "numpy()" in said else f"{said}; to leave the graph, call it with x.detach().numpy()"
    if method == "__call__":
        close = difflib.get_close_matches(name.split(".")[-1], sorted({f.__name__ for f in DISPATCH}), 1, cutoff=0.7)
        hint = f"; the nearest that does is np.{close[0]}" if close else ""
    else:
        others = sorted([f"np.{ufunc.__name__}" for ufunc, known in METHODS if known == method != "outer"])     # almost all have an outer
        hint = f"; {method} does of {', '.join(others)}" if others else ""
    return f"np.{name} does not take Tensors{hint}; to leave the graph, call it with x.detach().numpy()"


def _restored(kind: type[Tensor], data: np.ndarray, requires_grad: bool, name: str | None, grad: Tensor | None) -> Tensor:
    tensor: Tensor = _new(kind)
    tensor._data = data
    tensor._node = None
    if name is not None:
        tensor.name = name
    tensor.requires_grad_(requires_grad)
    if grad is not None:
        tensor.grad = grad
    return tensor
