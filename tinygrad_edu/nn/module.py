"""Module and Parameter: what layers and networks are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from ..engine.modes import no_grad
from ..engine.node import clock
from ..engine.tensor import Tensor, wrap
from ..errors import StateError


class Parameter(Tensor):
    """A tensor that a module owns and an optimizer changes: as an attribute of a Module it is among its parameters.

    Parameters
        data           numbers, nested lists of numbers, an array or a tensor; copied.
        requires_grad  whether it is to be learned; unlike a Tensor's, it starts as True.
        dtype, name    as in Tensor.
    Raises DTypeError for data that are not numbers, and for integers or bools unless requires_grad is False.

    A parameter without a name gets one from the module that it is assigned to: its path, such as "hidden.weight". See Module.

    >>> Parameter([1.0, 2.0]).requires_grad
    True
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True, *, dtype: Any = None, name: str | None = None) -> None:
        super().__init__(data, dtype, requires_grad, name)


class IncompatibleKeys(NamedTuple):
    """What load_state_dict did not find in a state, and what it did not look for."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module:
    """A layer or a network: a function of tensors, with the parameters, buffers and modules that it is made of.

    A subclass calls super().__init__(), assigns Parameters and Modules to attributes, and defines forward; calling the module calls
    forward. A buffer is a tensor that is saved and not learned, such as a running mean; register_buffer makes one.

    Errors and diagrams call a parameter by its name. One without a name gets that of its attribute, and when its module becomes part of
    another one, the path from there: "weight", then "hidden.weight", then "encoder.hidden.weight". A name that you gave stays, and so
    does that of a parameter which two modules share. What named_parameters says is the path from the module that you ask.

    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu import nn
    >>> class Scale(nn.Module):
    ...     def __init__(self, factor):
    ...         super().__init__()
    ...         self.factor = nn.Parameter(factor)
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> network = nn.Sequential(Scale(2.0), nn.Tanh(), Scale(3.0))
    >>> network(tg.zeros(2))
    Tensor([0., 0.], op=Multiply())
    >>> [name for name, _ in network.named_parameters()]
    ['0.factor', '2.factor']
    """

    _path = ""
    """From the outermost module, as the names of parameters are; "" for that module itself."""

    def __init__(self) -> None:
        self.training = True
        self._registered: dict[str, type] = {}      # for each attribute that counts: Parameter, Module, or Tensor, which is a buffer
        self._not_saved: set[str] = set()           # the buffers that state_dict leaves out

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The function itself, which a subclass defines."""
        raise NotImplementedError(f"{type(self).__name__} has no forward; define forward(self, x), which calling the module runs")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        start = clock()
        out = self.forward(*args, **kwargs)
        for tensor in (out,) if type(out) is Tensor else _tensors_in(out):
            node = tensor._node
            if node is not None and node.order > start:     # which it made itself: for diagrams, which frame the nodes of a module
                node.scope = (start, self._path, type(self).__name__, node.scope)
        return out

    # Attributes

    def __setattr__(self, name: str, value: Any) -> None:
        kind = vars(self).get("_registered", {}).get(name)
        if isinstance(value, Parameter):
            self._register(name, value, Parameter)
        elif isinstance(value, Module):
            self._register(name, value, Module)
        elif kind is None or value is None:
            super().__setattr__(name, value)
        elif kind is Tensor and isinstance(value, Tensor):
            self._register(name, value, Tensor)
        else:
            what = "buffer" if kind is Tensor else kind.__name__
            raise TypeError(
                f"{type(self).__name__}.{name} is a {what}, and was assigned a {type(value).__name__}; it needs a "
                f"{kind.__name__} or None (to change its numbers: with tg.no_grad(): module.{name}[...] = numbers)"
            )

    def __getattr__(self, name: str) -> Any:
        if name == "_registered":
            raise AttributeError(f"{type(self).__name__}: call super().__init__() first, then assign parameters and modules")
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}", name=name, obj=self)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        self._registered.pop(name, None)
        self._not_saved.discard(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """self.name = param, also for None, which says that a parameter could be here: a Linear's bias with bias=False."""
        self._check_free(name, Parameter)
        if not isinstance(param, Parameter | None):
            raise TypeError(f"{type(self).__name__}.register_parameter: {name} is a {type(param).__name__}; it needs a Parameter or None")
        self._register(name, param, Parameter)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """self.name = tensor, as a buffer: no parameter, but part of the module's state; of state_dict only if persistent."""
        self._check_free(name, Tensor)
        if not isinstance(tensor, Tensor | None):
            raise TypeError(f"{type(self).__name__}.register_buffer: {name} is a {type(tensor).__name__}; it needs a Tensor or None")
        self._register(name, tensor, Tensor)
        if not persistent:
            self._not_saved.add(name)

    def _check_free(self, name: str, kind: type) -> None:
        if name in vars(self) and self._registered.get(name) is not kind:
            raise ValueError(f"{type(self).__name__} has an attribute {name!r} already; delete it, or choose another name")

    def _register(self, name: str, value: Parameter | Module | Tensor | None, kind: type) -> None:
        registered = self._registered
        if not name or "." in name:
            raise ValueError(f"{type(self).__name__}: {name!r} is no name for an attribute; it may not be empty, or hold the dot of paths")
        if hasattr(type(self), name):
            raise ValueError(f"{type(self).__name__}.{name} is an attribute of the class; choose another name for the {kind.__name__}")
        if registered.get(name) is not kind:
            self._not_saved.discard(name)
        registered[name] = kind
        super().__setattr__(name, value)
        if value is not None:
            tensors = [("", value)] if isinstance(value, Tensor) else [*value.named_parameters(), *value.named_buffers()]
            for path, tensor in tensors:
                if (tensor.name or "") == path:         # the name was given here, not by the user: it is to stay the path
                    tensor.name = _joined(name, path)
        if isinstance(value, Module):
            for path, module in value.named_modules():
                if module._path == path:
                    vars(module)["_path"] = _joined(name, path)

    # What it is made of

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Every parameter once; with recurse, those of the modules in this one too."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_parameters(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True) -> Iterator[tuple[str, Parameter]]:
        """(path, parameter) for every parameter; a shared one once, under its first path, unless remove_duplicate is False."""
        return self._named(Parameter, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Every buffer once; with recurse, those of the modules in this one too."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True) -> Iterator[tuple[str, Tensor]]:
        """(path, buffer) for every buffer; a shared one once, under its first path, unless remove_duplicate is False."""
        return self._named(Tensor, prefix, recurse, remove_duplicate)

    def children(self) -> Iterator[Module]:
        """The modules that are attributes of this one, each once."""
        return (module for _, module in self.named_children())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) for each module that is an attribute of this one, each once."""
        return self._named(Module, recurse=False)

    def modules(self) -> Iterator[Module]:
        """This module and all modules in it, at any depth, each once."""
        return (module for _, module in self.named_modules())

    def named_modules(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """(path, module) for this module, whose path is prefix, and for all modules in it; a module before those in it."""
        seen = set()
        waiting = [(prefix, self)]
        while waiting:
            path, module = waiting.pop()
            if not (remove_duplicate and module in seen):
                seen.add(module)
                yield path, module
                waiting += [(_joined(path, name), child) for name, child in reversed([*module._own(Module)])]

    def _own(self, kind: type) -> Iterator[tuple[str, Any]]:
        """(name, value) for each attribute of a kind: Parameter, Tensor (the buffers) or Module."""
        return ((name, vars(self)[name]) for name, k in self._registered.items() if k is kind and vars(self)[name] is not None)

    def _named(self, kind: type, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True) -> Iterator[tuple[str, Any]]:
        seen = set()
        for path, module in self.named_modules(prefix, remove_duplicate) if recurse else [(prefix, self)]:
            for name, value in module._own(kind):
                if not (remove_duplicate and value in seen):
                    seen.add(value)
                    yield _joined(path, name), value

    # What is done to all of it

    def train(self, mode: bool = True) -> Self:
        """Switch this module and all in it to training, or to evaluation: batch norm and dropout differ between the two."""
        if not isinstance(mode, bool):
            raise ValueError(f"{type(self).__name__}.train switches to training mode; it takes True or False, not a {type(mode).__name__}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch this module and all in it to evaluation."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Say of all parameters whether they are to be learned."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients; with set_to_none=False, a parameter that has one gets a new one of zeros."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad = wrap(np.zeros_like(parameter.data))

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call fn with every module in this one, inner ones first, and with this one last.

        >>> import tinygrad_edu as tg
        >>> from tinygrad_edu import nn
        >>> network = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> _ = network.apply(lambda module: print(module))
        Linear(in_features=2, out_features=3, bias=True)
        ReLU()
        Sequential(
          (0): Linear(in_features=2, out_features=3, bias=True)
          (1): ReLU()
        )
        """
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # State

    def state_dict(self, prefix: str = "") -> dict[str, Tensor]:
        """The numbers of all parameters and persistent buffers, by path, in a dict.

        They are copies that need no gradient: later steps do not change them (PyTorch's share memory with the module). One that two
        modules share is there under each of its paths.
        """
        return {prefix + path: tensor.detach().copy() for path, tensor in self._state().items()}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Take over the numbers that state_dict gave: all of them, or none.

        Parameters
            state_dict  for each path of a parameter or persistent buffer a tensor or array, of its shape, and of a dtype that casts to
                        its dtype but for rounding, as in an in-place operator: float64 to float32, and not float to int.
            strict      whether missing and unexpected paths are errors; without it they are left out.
        Returns the missing and the unexpected paths.
        Raises StateError, which lists all that does not fit; then nothing was changed.

        >>> from tinygrad_edu import nn
        >>> layer = nn.Linear(2, 1)
        >>> layer.load_state_dict({"weight": [[1.0, 2.0]], "bias": [3.0]})
        IncompatibleKeys(missing_keys=[], unexpected_keys=[])
        >>> layer.weight
        Parameter([[1., 2.]], name='weight')
        """
        who = f"{type(self).__name__}.load_state_dict"
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"{who}: needs a dict of path and tensor, as state_dict() gives it, not a {type(state_dict).__name__}")
        state = self._state()
        missing = [path for path in state if path not in state_dict]
        unexpected = [path for path in state_dict if path not in state]
        problems = [f"{path}: missing" for path in missing] + [f"{path}: unexpected" for path in unexpected] if strict else []
        loaded = []
        for path, tensor in state.items():
            if path in state_dict:
                value = state_dict[path]
                array = value.data if isinstance(value, Tensor) else np.asarray(value)
                if array.shape != tensor.shape:
                    problems.append(f"{path}: has shape {array.shape}; it needs {tensor.shape}")
                elif not np.can_cast(array.dtype, tensor.dtype, "same_kind"):
                    problems.append(f"{path}: has dtype {array.dtype}; it needs {tensor.dtype}, or one that casts to it but for rounding")
                else:
                    loaded.append((tensor, array.astype(tensor.dtype)))     # a copy: it may be the memory of another parameter
        if problems:
            raise StateError(
                f"{who}: the state does not fit, and nothing was loaded; save it from a module that is built alike"
                + "".join(f"\n    {problem}" for problem in problems)
            )
        with no_grad():
            for tensor, array in loaded:
                tensor[...] = array
        return IncompatibleKeys(missing, unexpected)

    def _state(self) -> dict[str, Tensor]:
        """All parameters and persistent buffers by path; a shared one under each of its paths."""
        return {
            _joined(path, name): tensor
            for path, module in self.named_modules(remove_duplicate=False)
            for name, tensor in (*module._own(Parameter), *module._own(Tensor))
            if name not in module._not_saved
        }

    # Words

    def extra_repr(self) -> str:
        """The settings, as repr shows them; a subclass that has some defines this."""
        return ""

    def __repr__(self) -> str:
        name, settings = type(self).__name__, self.extra_repr()
        modules = [f"({child}): {module!r}" for child, module in self._own(Module)]
        if not modules:
            return f"{name}({settings})"
        lines = [settings, *modules] if settings else modules
        return f"{name}(\n" + "".join(f"  {line}\n" for part in lines for line in part.split("\n")) + ")"

    def formula(self) -> list[str]:
        """What forward computes of x, with the numbers of this module, as lines of Python; a subclass that is a layer defines this."""
        return []

    def describe(self) -> None:
        """Print each layer, with its formula and its own numbers.

        >>> from tinygrad_edu import nn
        >>> nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.2)).describe()
        0: Linear(in_features=2, out_features=3, bias=True)
            out = x @ weight.T + bias    weight (3, 2), bias (3,)
        1: Dropout(p=0.2)
            training:    out = where(mask, x / (1 - 0.2), 0)    mask = random(x.shape) >= 0.2
            evaluation:  out = x
        """
        for path, module in self.named_modules():
            lines = module.formula()
            if lines:
                layer = f"{type(module).__name__}({module.extra_repr()})"       # what it holds comes next, line by line
                print(f"{path}: {layer}" if path else layer)
                for line in lines:
                    print(f"    {line}")


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name


def _tensors_in(out: Any, levels: int = 3) -> Iterator[Tensor]:
    """The tensors in what a module gives, also in tuples, lists and dicts in one another."""
    if isinstance(out, Tensor):
        yield out
    elif levels and isinstance(out, (tuple, list, dict)):
        for part in out.values() if isinstance(out, dict) else out:
            yield from _tensors_in(part, levels - 1)
