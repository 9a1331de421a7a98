"""Optimizer: parameter groups, state, and the step that all optimizers share."""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from ..engine import changes
from ..engine.modes import enable_grad
from ..engine.tensor import Tensor, wrap
from ..errors import DTypeError, StateError

BLOCK = 256 * 1024
"""How many bytes of a parameter are updated at a time: with gradient, state and scratch they stay in the cache of one core."""


class Optimizer:
    """What changes parameters along their gradients; the base class of SGD, RMSprop and Adam.

    Parameters
        params    what to change: tensors, or (name, tensor) pairs, or dicts with the key "params" and settings of their own.
        defaults  the settings of a group that says nothing else.
    Raises TypeError for what is no tensor, and ValueError for no parameters, for a parameter given twice, for one that is no leaf or
    needs no gradient, and for a setting out of its range.

    As in PyTorch, param_groups is a list of dicts; a setting in it, such as lr, may be changed between steps.

    A subclass says

        buffers                      the arrays kept for each parameter, zeros at first, under PyTorch's names; each with the
                                     setting for which it is kept, or None if it always is.
        counts_steps = True          if state["step"] counts the steps of each parameter.
        check(group)                 raises ValueError for settings out of their range.
        numbers(group, state)        what the formula needs beside arrays, as a dict; Python numbers, so that float32 stays float32.
        update(x, g, scratch, *buffers, **numbers)
                                     the formula: changes x and the buffers in place. All have one shape; an unused buffer is None.
        formula(group)               the formula as lines of text, for describe.

    It is elementwise, so a large parameter is updated block by block. In g, maximize and weight_decay have been applied already.

    >>> import numpy as np
    >>> import tinygrad_edu as tg
    >>> class SignDescent(tg.optim.Optimizer):
    ...     def __init__(self, params, lr):
    ...         super().__init__(params, {"lr": lr})
    ...     def numbers(self, group, state):
    ...         return {"lr": float(group["lr"])}
    ...     def update(self, x, g, scratch, *, lr):
    ...         np.sign(g, out=scratch)
    ...         scratch *= lr
    ...         x -= scratch
    >>> w = tg.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = SignDescent([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    array([ 0.5, -1.5], dtype=float32)
    """

    buffers: ClassVar[dict[str, str | None]] = {}
    counts_steps: ClassVar[bool] = False
    beyond_pytorch: ClassVar[dict[str, Any]] = {}
    """The settings that PyTorch does not have, each with the value that does as PyTorch does."""

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self._scratch = np.empty((2, 0), np.uint8)
        members = self._listed(params)
        for group in members if members and isinstance(members[0], dict) else [{"params": members}]:
            self.add_param_group(group)
        if not self._parameters():
            raise ValueError(
                f"{self._name}: there are no parameters to optimize; give at least one tensor "
                f"(a generator, such as model.parameters(), is empty once it was used: call it again)"
            )

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with settings of their own: {"params": tensors, "lr": 0.1}. What the dict does not set is as in defaults."""
        if not isinstance(param_group, dict) or "params" not in param_group:
            raise TypeError(f"{self._name}: a parameter group is a dict with the key 'params', not {_described(param_group)}")
        members = param_group["params"]
        members = [members] if isinstance(members, Tensor) else self._listed(members)
        names = [member[0] for member in members if isinstance(member, tuple)]
        tensors = [member[1] if isinstance(member, tuple) else member for member in members]
        if len(names) not in (0, len(tensors)) or any(("param_names" in group) != bool(names) for group in self.param_groups):
            raise ValueError(
                f"{self._name}: some parameters are given with a name, as (name, tensor), and some without; name all of them or none"
            )
        group = {**self.defaults, **param_group, "params": tensors}
        if names:
            group["param_names"] = names
        self._check_parameters(group)
        self.check(group)
        self.param_groups.append(group)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient, in place.

        closure, if given, is called first, with recording on: it should clear the gradients, compute the loss, call backward on it and
        return it. Returns what closure returned, or None.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        changed = []
        try:
            for group in self.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        changed.append(parameter.data)
                        self._step(group, self.state[parameter], parameter.data, parameter.grad.data)
        finally:
            changes.enter(*changed)
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients; with set_to_none=False, a parameter that has one gets a new one of zeros."""
        for parameter in self._parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad = wrap(np.zeros_like(parameter.data))

    # What a subclass says

    def check(self, group: dict[str, Any]) -> None:
        """Raise ValueError if a setting of group is out of its range."""
        for name in ("lr", "momentum", "eps", "weight_decay"):
            if name in group:
                value = group[name]
                self.require(at_least_zero(value), f"{name} is {value!r}; it needs to be a finite number of at least 0")

    def require(self, condition: Any, otherwise: str) -> None:
        """Raise ValueError, under the name of this optimizer, unless condition is true."""
        if not condition:
            raise ValueError(f"{self._name}: {otherwise}")

    def numbers(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        """What the formula needs beside arrays; called once for each parameter in a step, before a missing buffer is made."""
        raise NotImplementedError(f"{self._name} has to define numbers(group, state)")

    def update(self, x: np.ndarray, g: np.ndarray, scratch: np.ndarray, *buffers: Any, **numbers: Any) -> None:
        """The formula: change x and the buffers in place; scratch may be written to, g may not."""
        raise NotImplementedError(f"{self._name} has to define update(x, g, scratch, *buffers, **numbers)")

    def formula(self, group: dict[str, Any]) -> list[str]:
        """The formula with the numbers of group, as lines of Python."""
        raise NotImplementedError(f"{self._name} has to define formula(group) to be described")

    # The step of one parameter

    def _step(self, group: dict[str, Any], state: dict[str, Any], x: np.ndarray, g: np.ndarray) -> None:
        if self.counts_steps:
            state["step"] = state.get("step", 0) + 1
        numbers = self.numbers(group, state)
        used = self._buffers_of(group)
        for name in used:
            if name not in state:
                state[name] = np.zeros_like(x)
        arrays = [x, g, *[state[name] if name in used else None for name in self.buffers]]
        weight_decay = self._decay_in_gradient(group)
        for x, g, *buffers in _blocks(arrays):
            scratch = self._room(0, x)
            if group.get("maximize"):
                g = np.negative(g, out=self._room(1, x))
            if weight_decay:
                np.multiply(x, weight_decay, out=scratch)
                g = np.add(g, scratch, out=self._room(1, x))
            self.update(x, g, scratch, *buffers, **numbers)

    def _buffers_of(self, group: Mapping[str, Any]) -> list[str]:
        return [name for name, setting in self.buffers.items() if setting is None or group[setting]]

    def _decay_in_gradient(self, group: Mapping[str, Any]) -> float:
        return 0.0 if group.get("decoupled_weight_decay") else float(group.get("weight_decay", 0.0))

    def _room(self, which: int, x: np.ndarray) -> np.ndarray:
        """An array like x on one half of the scratch memory, which all parameters share."""
        if self._scratch.shape[1] < x.nbytes:
            self._scratch = np.empty((2, -(-x.nbytes // 64) * 64), np.uint8)
        return np.ndarray(x.shape, x.dtype, self._scratch, offset=which * self._scratch.shape[1])

    # State

    def state_dict(self) -> dict[str, Any]:
        """The state and the settings, in PyTorch's form, as a copy that later steps do not change.

        {"state": {0: {"step": 3, "exp_avg": Tensor, ...}, ...}, "param_groups": [{"lr": 0.001, ..., "params": [0, 1]}]}
        where the parameters are numbered through all groups.
        """
        numbers = {parameter: i for i, parameter in enumerate(self._parameters())}
        return {
            "state": {
                i: {name: value if name == "step" else wrap(value.copy()) for name, value in self.state[parameter].items()}
                for parameter, i in numbers.items()
                if self.state.get(parameter)
            },
            "param_groups": [
                {**copy.deepcopy(_settings(group)), "params": [numbers[parameter] for parameter in group["params"]]}
                for group in self.param_groups
            ],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from what state_dict gave, here or in PyTorch: all of it, or nothing.

        Parameters are matched by their places in the groups; arrays are copied, and cast to the dtype of their parameter.
        Raises StateError, which lists all that does not fit.
        """
        if not isinstance(state_dict, Mapping) or not {"state", "param_groups"} <= state_dict.keys():
            raise StateError(
                f"{self._name}.load_state_dict: needs a dict with the keys 'state' and 'param_groups', as state_dict() gives it, "
                f"not {_described(state_dict)}"
            )
        saved_groups = [{**self.beyond_pytorch, **group} for group in state_dict["param_groups"]]
        problems = self._problems_of_groups(saved_groups)
        new_state: dict[Tensor, dict[str, Any]] = {}
        if not problems:
            unknown = dict(state_dict["state"])
            for group, saved in zip(self.param_groups, saved_groups, strict=True):
                for i, (parameter, number) in enumerate(zip(group["params"], saved["params"], strict=True)):
                    if number in unknown:
                        called = f"state {number}, of {_called(group, i)}"
                        new_state[parameter] = self._loaded(called, saved, parameter.data, unknown.pop(number), problems)
            problems += [f"state {number}: no group has a parameter of this number" for number in unknown]
        if problems:
            raise StateError(
                f"{self._name}.load_state_dict: the state does not fit, and nothing was loaded; it needs to come from the state_dict() of "
                f"the same optimizer over the same groups of parameters:" + "".join(f"\n    {problem}" for problem in problems)
            )
        for group, saved in zip(self.param_groups, saved_groups, strict=True):
            group.update(copy.deepcopy(_settings(saved)))
        self.state = defaultdict(dict, new_state)

    def _problems_of_groups(self, saved_groups: list[dict[str, Any]]) -> list[str]:
        if len(saved_groups) != len(self.param_groups):
            return [f"the number of parameter groups is {len(saved_groups)}, and this optimizer has {len(self.param_groups)}"]
        problems = []
        for i, (group, saved) in enumerate(zip(self.param_groups, saved_groups, strict=True)):
            missing = [name for name in ("params", *self.defaults) if name not in saved]
            if missing:
                problems.append(f"group {i}: missing {', '.join(missing)}")
                continue
            there, here = len(saved["params"]), len(group["params"])
            if there != here:
                problems.append(f"group {i}: the number of parameters is {there}, and this optimizer has {here}")
            try:
                self.check(saved)
            except ValueError as error:
                problems.append(f"group {i}: {error}")
        return problems

    def _loaded(self, called: str, group: dict[str, Any], x: np.ndarray, saved: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
        """The state of the parameter x as arrays of our own; what does not fit is added to problems."""
        needed = [*(["step"] if self.counts_steps else []), *self._buffers_of(group)]
        missing = [name for name in needed if name not in saved]
        unexpected = [name for name in saved if name not in needed and name not in self.buffers]
        problems += [f"{called}: missing {name}" for name in missing] + [f"{called}: unexpected {name}" for name in unexpected]
        state: dict[str, Any] = {}
        for name, value in saved.items():
            array = np.asarray(value)
            shape = () if name == "step" else x.shape
            if name in unexpected:
                continue
            if array.shape != shape or not np.can_cast(array.dtype, x.dtype, "same_kind"):
                problems.append(
                    f"{called}: {name} has shape {array.shape} and dtype {array.dtype}; it needs shape {shape} and, but for rounding, "
                    f"the dtype {x.dtype}"
                )
            elif name == "step":
                state[name] = int(array)
            else:
                state[name] = np.empty_like(x)
                state[name][...] = array
        return state

    # Words

    def __repr__(self) -> str:
        lines = []
        for group in self.param_groups:
            settings = ", ".join(f"{name}={value!r}" for name, value in _settings(group).items() if name != "param_names")
            lines.append(f"{_counted(group)}, {settings}")
        if len(lines) == 1:
            return f"{self._name}({lines[0]})"
        return f"{self._name}(\n" + "".join(f"    group {i}: {line}\n" for i, line in enumerate(lines)) + ")"

    def describe(self) -> None:
        """Print the update of each parameter group, with its numbers.

        >>> import tinygrad_edu as tg
        >>> tg.optim.SGD([tg.zeros(3, requires_grad=True)], lr=0.1, momentum=0.9).describe()
        SGD, for each parameter x with gradient g (t counts its steps, from 1; all else starts at 0):
            v = 0.9 * v + g
            x = x - 0.1 * v
        """
        print(f"{self._name}, for each parameter x with gradient g (t counts its steps, from 1; all else starts at 0):")
        for i, group in enumerate(self.param_groups):
            if len(self.param_groups) > 1:
                print(f"group {i}, {_counted(group)}")
            lines = ["g = -g"] if group.get("maximize") else []
            if self._decay_in_gradient(group):
                lines.append(f"g = g + {number(group['weight_decay'])} * x")
            for line in lines + self.formula(group):
                print(f"    {line}")

    @property
    def _name(self) -> str:
        return type(self).__name__

    # Parameters

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self.param_groups for parameter in group["params"]]

    def _listed(self, params: Iterable[Any]) -> list[Any]:
        if isinstance(params, (Tensor, set, frozenset, dict, str)):
            raise TypeError(
                f"{self._name}: params is {_described(params)}; it needs to be a list, or another iterable with an order, of tensors, "
                f"of (name, tensor) pairs or of parameter groups"
            )
        return list(params)

    def _check_parameters(self, group: dict[str, Any]) -> None:
        seen = set(self._parameters())
        for i, parameter in enumerate(group["params"]):
            if not isinstance(parameter, Tensor):
                raise TypeError(f"{self._name}: parameter {i} is {_described(parameter)}; it needs to be a Tensor")
            called = _called(group, i)
            self.require(
                parameter.is_leaf, f"{called} was made by {parameter.op!r} and is no leaf; give the leaves that it was computed from"
            )
            self.require(
                parameter.requires_grad,
                f"{called} needs no gradient, so no step would ever change it; call requires_grad_() on it, or leave it out: "
                f"[p for p in parameters if p.requires_grad]",
            )
            if parameter.dtype.kind == "c":
                raise DTypeError(f"{self._name}: {called} is complex; optimize its real and its imaginary part, as two parameters")
            self.require(parameter.data.flags.writeable, f"{called} has a read-only array; make the parameter of a copy: x.copy()")
            self.require(parameter not in seen, f"{called} is given twice, and would be changed twice in a step; give it once")
            seen.add(parameter)


def blend(average: np.ndarray, value: np.ndarray, decay: float, scratch: np.ndarray) -> None:
    """average = decay * average + (1 - decay) * value, in place; value may be scratch itself."""
    np.multiply(value, 1 - decay, out=scratch)
    average *= decay
    average += scratch


def at_least_zero(value: Any, below: float = math.inf) -> bool:
    """Whether value is a number in [0, below)."""
    return isinstance(value, Real) and 0 <= float(value) < below


def number(value: Any) -> str:
    """A setting in a formula: 0.1, also if it is np.float64(0.1)."""
    return repr(float(value))


def _blocks(arrays: list[Any]) -> Iterator[list[Any]]:
    """Views of arrays, all of one shape or None, cut alike along the first axis into pieces of about BLOCK bytes."""
    size = arrays[0].nbytes
    if size <= BLOCK:
        yield arrays
        return
    length = len(arrays[0])
    rows = max(1, BLOCK * length // size)
    for start in range(0, length, rows):
        yield [None if array is None else array[start : start + rows] for array in arrays]


def _settings(group: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in group.items() if name != "params"}


def _counted(group: Mapping[str, Any]) -> str:
    return f"{len(group['params'])} parameter{'' if len(group['params']) == 1 else 's'}"


def _called(group: Mapping[str, Any], i: int) -> str:
    """Parameter i of group in words, for errors."""
    parameter = group["params"][i]
    name = parameter.name or (group["param_names"][i] if "param_names" in group else None)
    return f"the parameter {name!r}" if name else f"parameter {i} (of shape {parameter.shape})"


def _described(value: Any) -> str:
    """What value is, in words, for errors."""
    if isinstance(value, Tensor):
        return f"one Tensor of shape {value.shape}"
    return f"a dict with the keys {sorted(map(str, value))}" if isinstance(value, Mapping) else f"a {type(value).__name__}"
