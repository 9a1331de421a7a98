"""What every op promises, one function for each promise. Each takes a case, and raises AssertionError where the promise is broken."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..engine.modes import composed
from ..engine.op import Fused, Op
from ..engine.tensor import Tensor, grad
from ..errors import GradientCheckError
from ..ops.creation import from_numpy
from .cases import Case, cases_for
from .gradcheck import gradcheck

PRECISION = 1e-12
"""How far apart two ways to compute one thing may be in float64, relative to the larger of 1 and the value."""


def check_op(op: type[Op]) -> None:
    """Run every check on every case of an op: `@cases_of(MyOp)` says the cases, and this says whether the op keeps its promises.

    Raises ValueError if there are no cases, and AssertionError where a promise is broken.

    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu.testing import Case, cases_of, check_op
    >>> class Cube(tg.Elementwise):
    ...     def forward(self, x):
    ...         return x * x * x
    ...     def grad_x(self, g, x):
    ...         return g * 2 * x * x
    >>> @cases_of(Cube)
    ... def cube_cases(rng):
    ...     yield Case(Cube(), oracle=lambda x: x**3, x=rng.normal(size=(3, 4)))
    >>> check_op(Cube)                              # doctest: +ELLIPSIS
    Traceback (most recent call last):
    tinygrad_edu.errors.GradientCheckError: Cube: Cube()(x (3, 4)): gradcheck: the gradient is wrong: 12 of 12 ...
    """
    cases = cases_for(op)
    if not cases:
        raise ValueError(f"check_op: {op.__name__} has no cases; write a generator of them under @cases_of({op.__name__})")
    for check in checks_for(op):
        for case in cases:
            check(case)


def checks_for(op: type[Op]) -> tuple[Callable[[Case], None], ...]:
    """The checks that an op has to pass."""
    return CHECKS + CHECKS_OF_FUSED if issubclass(op, Fused) else CHECKS


# What the checks share.


def incoming(out: Tensor) -> np.ndarray:
    """A gradient to send back from out: numbers without any regularity, the same each time."""
    rng = np.random.default_rng(1)
    g = rng.standard_normal(out.shape)
    return np.asarray((g + 1j * rng.standard_normal(out.shape) if out.dtype.kind == "c" else g).astype(out.dtype))


def run(case: Case, *arrays: np.ndarray, g: np.ndarray | None = None) -> tuple[np.ndarray, list[np.ndarray]]:
    """The value of a case, and the gradients of its differentiable inputs, once it is clear that they have the right form."""
    tensors = case.tensors(*arrays)
    with np.errstate(all="ignore"):
        out = case(*tensors)
        out.backward(from_numpy(incoming(out) if g is None else g))
    gradients = []
    for x in tensors:
        if x.requires_grad:
            gradient: Any = x.grad
            _require(gradient is not None, case, f"{x.name} got no gradient")
            _require(gradient.shape == x.shape, case, f"{x.name} has shape {x.shape} and its gradient {gradient.shape}")
            _require(gradient.dtype == x.dtype, case, f"{x.name} has dtype {x.dtype} and its gradient {gradient.dtype}")
            gradients.append(gradient.numpy())
    return out.numpy(), gradients


def _require(holds: Any, case: Case, otherwise: str) -> None:
    if not holds:
        raise AssertionError(f"{case!r}: {otherwise}")


def _require_close(got: Any, expected: Any, case: Case, what: str, tolerance: float = PRECISION) -> None:
    """That got equals expected, shape included, up to the tolerance times the larger of 1 and the value."""
    _require(np.shape(got) == np.shape(expected), case, f"{what}: the shapes are {np.shape(got)} and {np.shape(expected)}")
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance, err_msg=f"{case!r}: {what}")


def _require_same_run(got: tuple, expected: tuple, case: Case, what: str, tolerance: float = PRECISION) -> None:
    _require_close(got[0], expected[0], case, f"the value {what}", tolerance)
    for name, g, e in zip(case.differentiable, got[1], expected[1], strict=True):
        _require_close(g, e, case, f"the gradient of {name} {what}", tolerance)


# The checks of every op.


def check_values(case: Case) -> None:
    """The values are those of NumPy's function, and so are shape and dtype; of a Fused without an oracle, those of its twin."""
    out = case(*case.tensors())
    expected = case.expected(*case.arrays)
    if isinstance(expected, Tensor):
        _require(case.op and issubclass(case.op, Fused), case, "there is nothing to compare with; give an oracle that takes arrays")
        with composed():
            expected = case(*case.tensors()).numpy()
    _require(out.dtype == expected.dtype, case, f"the dtype is {out.dtype}, and NumPy's is {expected.dtype}")
    _require_close(out.numpy(), expected, case, "the value")


def check_first_gradient(case: Case) -> None:
    """Each gradient is the derivative, by central differences, and has the shape and the dtype of its input."""
    run(case)
    _gradcheck(case, 1)


def check_second_gradient(case: Case) -> None:
    """The gradient of the gradient is its derivative, with respect to the inputs and to the incoming gradient."""
    _gradcheck(case, 2)


def _gradcheck(case: Case, order: int) -> None:
    result = gradcheck(case, case.tensors(), order=order, raise_exception=False)
    if not result:
        raise GradientCheckError(f"{case!r}: {result}")


def check_float32(case: Case) -> None:
    """float32 goes in, float32 comes out and back, and the numbers are those of float64, rounded.

    Where one input alone is float32, the value has NumPy's dtype, and each gradient that of its input; a Fused may refuse this.
    """
    single = [_in(_SINGLE, array) for array in case.arrays]
    double = [_in(_DOUBLE, array) for array in single]
    got = run(case, *single)
    expected = case.expected(*single)
    dtype = np.dtype(np.float32) if isinstance(expected, Tensor) else expected.dtype
    _require(got[0].dtype == dtype, case, f"of float32 inputs the value is {got[0].dtype}; it needs to be {dtype}")
    g = _in(_DOUBLE, incoming(case(*case.tensors(*single))))
    _require_same_run(got, run(case, *double, g=g), case, "in float32", 2e-5)
    if isinstance(expected, Tensor) or issubclass(case.op or Op, Fused):
        return
    for name in case.differentiable:
        mixed = [_in(_SINGLE, array) if key == name else array for key, array in case.inputs.items()]
        value, _ = run(case, *mixed)
        dtype = case.expected(*mixed).dtype
        _require(value.dtype == dtype, case, f"with only {name} in float32 the value is {value.dtype}; it needs to be {dtype}")


_SINGLE = {np.dtype(np.float64): np.dtype(np.float32), np.dtype(np.complex128): np.dtype(np.complex64)}
_DOUBLE = {single: double for double, single in _SINGLE.items()}


def _in(dtypes: dict[np.dtype, np.dtype], array: np.ndarray) -> np.ndarray:
    """An array in the dtype that takes the place of its own."""
    return array.astype(dtypes.get(array.dtype, array.dtype), copy=False)


def check_memory_layout(case: Case) -> None:
    """Values and gradients do not depend on how the inputs, or the incoming gradient, lie in memory."""
    expected = run(case)
    g = incoming(case(*case.tensors()))
    for layout, arranged in _LAYOUTS.items():
        _require_same_run(run(case, *map(arranged, case.arrays), g=arranged(g)), expected, case, layout)
    repeated = [_repeated(array) if array.dtype.kind in "fc" else array for array in case.arrays]
    g = _repeated(incoming(case(*case.tensors(*repeated))))
    expected = run(case, *[array.copy() for array in repeated], g=g.copy())
    _require_same_run(run(case, *repeated, g=g), expected, case, "with strides of 0")


def _reversed(array: np.ndarray) -> np.ndarray:
    """The same values, stored from the last to the first."""
    backwards: Any = (..., *[slice(None, None, -1)] * array.ndim)
    return array[backwards].copy()[backwards]


def _spread_out(array: np.ndarray) -> np.ndarray:
    """The same values, with gaps between them."""
    every_second: Any = (..., *[slice(None, None, 2)] * array.ndim)
    wide = np.zeros([2 * n for n in array.shape], array.dtype)[every_second]
    wide[...] = array
    return wide


def _repeated(array: np.ndarray) -> np.ndarray:
    """The first row of array in place of each row, with a stride of 0; such an array is read-only."""
    return np.broadcast_to(array[:1], array.shape) if array.shape else array


def _by_columns(array: np.ndarray) -> np.ndarray:
    """The same values in Fortran order."""
    return np.array(array, order="F")


_LAYOUTS = {"in Fortran order": _by_columns, "with negative strides": _reversed, "with gaps in memory": _spread_out}


def check_nothing_is_written(case: Case) -> None:
    """Inputs and the incoming gradient stay as they are; they may be read-only."""
    arrays = [array.copy() for array in case.arrays]
    g = incoming(case(*case.tensors()))
    before = [array.copy() for array in [*arrays, g]]
    expected = run(case, *arrays, g=g)
    for name, array, copied in zip([*case.inputs, "the incoming gradient"], [*arrays, g], before, strict=True):
        _require(np.array_equal(array, copied, equal_nan=array.dtype.kind in "fc"), case, f"{name} was written to")
        array.flags.writeable = False
    _require_same_run(run(case, *arrays, g=g), expected, case, "of read-only arrays")


def check_gradients_own_their_memory(case: Case) -> None:
    """No gradient of a leaf shares memory with another, with an input, with the value or with the incoming gradient."""
    g = incoming(case(*case.tensors()))
    out, gradients = run(case, g=g)
    others = {"the incoming gradient": g, "the value": out, **case.inputs}
    for name, gradient in zip(case.differentiable, gradients, strict=True):
        _require(gradient.flags.writeable, case, f"the gradient of {name} is read-only")
        for other, array in others.items():
            _require(not np.shares_memory(gradient, array), case, f"the gradient of {name} shares memory with {other}")
        others[f"the gradient of {name}"] = gradient


def check_used_twice(case: Case) -> None:
    """What is used twice gets the sum of both gradients: the value, and a tensor that is two inputs at once."""
    tensors: list[Any] = case.tensors()
    out: Any = case(*tensors)
    g = incoming(out)
    (out + out * 2).backward(from_numpy(g))
    twice = [x.grad.numpy() for x in tensors if x.requires_grad]
    for name, got, single in zip(case.differentiable, twice, run(case, g=g)[1], strict=True):
        _require_close(got, 3 * single, case, f"the gradient of {name}, with the value used twice")
    for together, arrays, first, second in _inputs_that_can_be_one(case):
        gradients = dict(zip(case.differentiable, run(case, *arrays)[1], strict=True))
        x: Any = from_numpy(case.inputs[first], requires_grad=True)
        out = together(x)
        out.backward(from_numpy(incoming(out)))
        what = f"the gradient of a tensor that is both {first} and {second}"
        _require_close(x.grad.numpy(), gradients[first] + gradients[second], case, what)


def _inputs_that_can_be_one(case: Case) -> Iterator[tuple[Callable[[Tensor], Tensor], list[np.ndarray], str, str]]:
    """For each two differentiable inputs that can be one tensor: the case as a function of that one, and the arrays of all inputs."""
    for i, first in enumerate(case.differentiable):
        for second in case.differentiable[i + 1 :]:

            def together(x: Tensor, both: tuple[str, str] = (first, second)) -> Tensor:
                return case(*[x if name in both else from_numpy(array) for name, array in case.inputs.items()])

            x = case.inputs[first]
            if x.shape == case.inputs[second].shape:
                arrays = [x if name == second else array for name, array in case.inputs.items()]
                value, _ = run(case, *arrays)
                if value.size and np.isfinite(value).all():         # or x is outside the domain of second
                    yield together, arrays, first, second


def check_kept(case: Case) -> None:
    """The node keeps what its rules name, for the inputs that need a gradient, and nothing else; a Fused also the inputs of its twin.

    Only where the inputs of the case are those of the op; `is_direct` tells.
    """
    if not is_direct(case):
        return
    for wanted in [case.differentiable, *[(name,) for name in case.differentiable]]:
        arrays = [array.copy() for array in case.arrays]
        tensors = case.tensors(*arrays)
        for x in tensors:
            x.requires_grad_(x.name in wanted)
        out = case(*tensors)
        node: Any = out.node
        value = out.detach().numpy()
        named = _named_by_rules(node, arrays, value)
        _require_kept(case, node, named)
        unnamed = [array for array in [*arrays, value] if not any(array is other for other in _flat(named))]
        left = [weakref.ref(array) for array in unnamed]
        del arrays, tensors, x, out, value, named, unnamed
        _require(not any(array() is not None for array in left), case, "an array that no rule names lives as long as the node")


def _require_kept(case: Case, node: Any, expected: list[dict[str, Any]]) -> None:
    _require(len(node.kept) == len(expected), case, f"{len(node.kept)} tuples are kept; they need to be {len(expected)}")
    for kept, named in zip(node.kept, expected):
        _require(len(kept) == len(named), case, f"{len(kept)} values are kept where the rule names {', '.join(named) or 'none'}")
        for got, (name, value) in zip(kept, named.items()):
            _require(_is_same(got, value), case, f"what is kept as {name} is not {name} itself")
    _require(not vars(node), case, f"the node holds {', '.join(vars(node))} besides")


def is_direct(case: Case) -> bool:
    """Whether the inputs of a case go to its op as they are, and its value is that of the op."""
    tensors = case.tensors()
    node: Any = case(*tensors).node
    return type(node.op) is case.op and node.parents == tuple(x.node for x in tensors)


def _named_by_rules(node: Any, arrays: list[np.ndarray], value: np.ndarray) -> list[dict[str, Any]]:
    """For each tuple that a node has to keep what is in it, by name; None for what only forward knows."""
    op = node.op
    known: dict[str, Any] = dict(zip(op.inputs, arrays))
    if op.variadic:
        known[op.inputs[-1]] = tuple(arrays[len(op.inputs) - 1 :])
    known |= {f"{name}_shape": tuple(a.shape for a in x) if isinstance(x, tuple) else x.shape for name, x in known.items()}
    known["out"] = value

    def named(rule: str) -> dict[str, Any]:
        return {name: known.get(name) for name in list(inspect.signature(getattr(op, rule)).parameters)[1:]}

    if op.joint:
        return [named("backward"), dict(zip(op.inputs, arrays))]
    expected = []
    for i, parent in enumerate(node.parents):
        rule = op.inputs[min(i, len(op.inputs) - 1)]
        expected.append({} if parent is None else named(f"grad_{rule}"))
        if "index" in expected[-1]:
            expected[-1]["index"] = i - len(op.inputs) + 1
    if isinstance(op, Fused) and any(name not in known for names in expected for name in names):
        expected.append(dict(zip(op.inputs, arrays)))
    return expected


def _is_same(got: Any, expected: Any) -> bool:
    """Whether got is expected: arrays by identity, shapes and numbers by value, and anything for None."""
    if isinstance(expected, tuple):
        return isinstance(got, tuple) and len(got) == len(expected) and all(map(_is_same, got, expected))
    return expected is None or got is expected or (not isinstance(got, np.ndarray) and np.array_equal(got, expected))


def _flat(named: list[dict[str, Any]]) -> Iterator[Any]:
    """The values in named, those of a tuple one by one."""
    for values in named:
        for value in values.values():
            yield from value if isinstance(value, tuple) else (value,)


CHECKS = (
    check_values,
    check_first_gradient,
    check_second_gradient,
    check_float32,
    check_memory_layout,
    check_nothing_is_written,
    check_gradients_own_their_memory,
    check_used_twice,
    check_kept,
)


# The checks of a fused op.


def check_twin(case: Case) -> None:
    """The hand-written forward and backward agree with the composed twin, element by element, and both with the twin in longdouble."""
    extended = [array.astype(np.longdouble) if array.dtype.kind == "f" else array for array in case.arrays]
    g = incoming(case(*case.tensors()))
    fused = run(case, g=g)
    with composed():
        _require(type(case(*case.tensors()).op) is not case.op, case, "under composed() the fused op ran")
        twin = run(case, g=g)
        exact = run(case, *extended, g=g.astype(np.longdouble))
    _require_same_run(fused, twin, case, "beside the twin's")
    _require_same_run(fused, exact, case, "beside that in extended precision")
    _require_same_run(twin, exact, case, "of the twin beside that in extended precision")


def check_third_gradient(case: Case) -> None:
    """The twin's third derivative is the derivative of its second."""
    _gradcheck(case, 3)


def check_higher_gradients_of_hand_written(case: Case) -> None:
    """The twin's second and third derivatives are the differences of the hand-written gradient, along drawn directions.

    slope(t) = sum(w * gradient(x + t * d)), by the hand-written backward; slope'(0) and slope''(0) by the twin.
    """
    rng = np.random.default_rng(2)
    g = incoming(case(*case.tensors()))
    for _ in range(3):
        w: list[Any] = [rng.standard_normal(case.inputs[name].shape) for name in case.differentiable]
        d: list[Any] = [rng.standard_normal(case.inputs[name].shape) for name in case.differentiable]
        moves = dict(zip(case.differentiable, d))

        def slope(t: float, w: list[Any] = w, moves: dict[str, Any] = moves) -> float:
            arrays = [np.asarray(array + t * moves[name]) if name in moves else array for name, array in case.inputs.items()]
            return sum(float(np.sum(weights * gradient)) for weights, gradient in zip(w, run(case, *arrays, g=g)[1]))

        def second_difference(h: float, slope: Callable[[float], float] = slope) -> float:
            return (slope(h) - slope(-h)) / (2 * h)

        def third_difference(h: float, slope: Callable[[float], float] = slope) -> float:
            return (slope(h) - 2 * slope(0) + slope(-h)) / h**2

        tensors = case.tensors()
        xs = [x for x in tensors if x.requires_grad]
        first = _weighted_sum(w, grad(case(*tensors), xs, from_numpy(g), create_graph=True))
        second = _weighted_sum(d, _gradients(first, xs))
        third = _weighted_sum(d, _gradients(second, xs))
        for order, got, difference in ("second", second, second_difference), ("third", third, third_difference):
            expected = (4 * difference(5e-4) - difference(1e-3)) / 3
            _require_close(got.item(), expected, case, f"the {order} derivative of the twin beside differences", 1e-6)


def _weighted_sum(weights: list[Any], tensors: Any) -> Tensor:
    total: Any = Tensor(0.0, dtype=np.float64)
    for w, tensor in zip(weights, tensors, strict=True):
        total = total + (from_numpy(np.asarray(w)) * tensor).sum()
    return total


def _gradients(value: Tensor, xs: list[Tensor]) -> list[Tensor]:
    """The gradients of value, which may not depend on xs at all."""
    found = grad(value, xs, create_graph=True, allow_unused=True) if value.requires_grad else [None] * len(xs)
    return [Tensor(np.zeros(x.shape)) if g is None else g for x, g in zip(xs, found)]


def check_second_gradient_of_one_tensor_twice(case: Case) -> None:
    """The second derivative is right also where one tensor is two inputs: in the twin each input is an alias of its own."""
    for together, _, first, _ in _inputs_that_can_be_one(case):
        gradcheck(together, from_numpy(case.inputs[first], requires_grad=True), order=2)


CHECKS_OF_FUSED = (
    check_twin,
    check_third_gradient,
    check_higher_gradients_of_hand_written,
    check_second_gradient_of_one_tensor_twice,
)
