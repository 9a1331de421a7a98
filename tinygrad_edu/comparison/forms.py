"""An op at fixed inputs, run as itself or as its composed twin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..engine.modes import Mode, composed
from ..engine.node import leaf_node
from ..engine.op import Fused
from ..engine.tensor import Tensor, grad, new_array, wrap
from ..errors import DTypeError, GraphError
from .difference import TOLERANCES


class fused(Mode):
    """Run fused ops as themselves, also inside composed()."""

    variable, value = composed.variable, False


class Form(NamedTuple):
    """An op at fixed inputs, in one of its two forms.

    values  the inputs as arrays; None for one that is left out.
    wanted  for each input whether it is to have a gradient.
    mode    fused, or composed for the twin.
    """

    op: Fused
    values: Sequence[Any]
    wanted: Sequence[bool]
    mode: type[Mode] = fused

    @classmethod
    def checked(cls, function: str, op: Any, inputs: Sequence[Any]) -> Form:
        """The fused form of op at inputs that a function was given. Raises what compare says."""
        if not isinstance(op, Fused):
            hint = f": {op.__name__}(...)" if isinstance(op, type) else ", which has a composed twin"
            raise DTypeError(f"{function}: op is {op!r}; it needs to be an instance of a Fused{hint}")
        names = [op.input_name(i) for i in range(len(inputs))]
        values = [None if x is None else np.asarray(new_array(x)) for x in inputs]
        for name, value in zip(names, values):
            if value is not None and value.dtype.kind not in "biu" and value.dtype not in TOLERANCES:
                raise DTypeError(f"{function}: {name} of {op!r} has dtype {value.dtype}; it needs to be float16, float32 or float64")
        wanted = [is_real(value) and name not in op.constants for name, value in zip(names, values)]
        if not any(wanted):
            raise GraphError(
                f"{function}: none of the inputs of {op!r} has a gradient; give one of a real dtype that is no constant of the op"
            )
        return cls(op, values, wanted)

    @property
    def twin(self) -> Form:
        """The same at the same inputs, as its composed twin."""
        return self._replace(mode=composed)

    @property
    def in_float64(self) -> Form:
        """The same with all real inputs in float64."""
        return self._replace(values=[np.asarray(x, np.float64) if is_real(x) else x for x in self.values])

    @property
    def names(self) -> list[str]:
        """What forward calls each input."""
        return [self.op.input_name(i) for i in range(len(self.values))]

    @property
    def moved(self) -> list[str]:
        """The names of the inputs that are to have a gradient."""
        return [name for name, is_wanted in zip(self.names, self.wanted) if is_wanted]

    @property
    def described(self) -> str:
        """The inputs in words."""
        return ", ".join(f"{name} None" if x is None else f"{name} {x.shape} {x.dtype}" for name, x in zip(self.names, self.values))

    def leaves(self, names: Sequence[str | None] | None = None) -> list[Tensor | None]:
        """The inputs, as new leaves, by default without names: errors say them anyway."""
        names = names or [None] * len(self.values)
        return [
            None if x is None else wrap(x if x.shape else x[()], leaf_node(x.shape, x.dtype, name) if is_wanted else None)
            for x, name, is_wanted in zip(self.values, names, self.wanted)
        ]

    def forward(self, leaves: list[Tensor | None]) -> Tensor:
        with self.mode():
            return self.op(*leaves)

    def backward(self, out: Tensor, leaves: list[Tensor | None], upstream: np.ndarray) -> tuple[Tensor | None, ...]:
        """The gradient of each input that is to have one; None if out does not depend on it."""
        return grad(out, [leaf for leaf in leaves if leaf is not None and leaf.requires_grad], wrap(upstream), allow_unused=True)

    def results(self, upstream: np.ndarray) -> list[np.ndarray]:
        """The output, and the gradients."""
        leaves = self.leaves()
        out = self.forward(leaves)
        gradients = self.backward(out, leaves, upstream)
        inputs = [x for x, is_wanted in zip(self.values, self.wanted) if is_wanted]
        return [np.asarray(out._data), *[np.zeros_like(x) if g is None else np.asarray(g._data) for g, x in zip(gradients, inputs)]]

    def first_rows(self, most: int) -> tuple[Form | None, str]:
        """The same on the first rows of the inputs if they have more elements than most, and which rows in words.

        All arrays with as many rows as the largest are cut alike, then along the next axis if that is not enough, and so on but for
        the last, whose elements often are features or classes. An axis along which the op does not take that stays as it is.
        None if they are still large then.
        """
        largest = max((x for x in self.values if x is not None), key=np.size)
        form, shape = self, largest.shape
        for axis in range(max(1, largest.ndim - 1)):
            if form.total <= most:
                break
            size = min(shape[axis], max(2, shape[axis] * most // form.total))
            cut = form._replace(values=[
                x[(slice(None),) * axis + (slice(size),)]
                if np.ndim(x) > axis and (axis == 0 or x.ndim == largest.ndim) and x.shape[axis] == largest.shape[axis] else x
                for x in form.values
            ])
            try:
                cut.forward(cut.leaves())
            except Exception:
                continue
            form, shape = cut, (*shape[:axis], size, *shape[axis + 1 :])
        if form.total > 4 * most:
            return None, f"the inputs have {self.total:,} elements and cannot be cut to their first rows"
        if shape == largest.shape:
            return self, "these inputs"
        if shape[1:] == largest.shape[1:]:
            return form, f"the first {shape[0]} of {largest.shape[0]} rows"
        return form, f"the first {shape} of {largest.shape}"

    @property
    def total(self) -> int:
        """How many elements the inputs have together."""
        return sum(x.size for x in self.values if x is not None)


def is_real(value: Any) -> bool:
    """Whether it is an array of a real dtype."""
    return value is not None and value.dtype.kind == "f"
