"""Is a gradient right? It is compared with differences of the function itself, in float64 or in extended precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..engine.modes import enable_grad, no_grad
from ..engine.tensor import Tensor, grad, wrap
from ..errors import DTypeError, GradientCheckError, GraphError
from .culprit import NOT_RECORDED, Culprit, culprit_of

TOLERANCES = {"differences": (1e-6, 1e-8), "extended": (1e-10, 1e-12)}
"""rtol and atol for each reference, if none are given."""

MOST_ELEMENTS = 256
"""An input with more elements is checked at this many of them, drawn, and along one direction that moves them all."""


@dataclass(frozen=True)
class Derivative:
    """One derivative that was checked.

    input     which input moved, in words.
    index     which element of it; None if all moved, along a drawn direction.
    part      of a complex input which part moved: "real" or "imaginary"; else None.
    computed  what the rules give.
    expected  what the reference gives.
    slopes    None; at a kink, or a jump, the two slopes of the function there, from the left and from the right.
    """

    input: str
    index: tuple[int, ...] | None
    computed: float
    expected: float
    part: str | None = None
    slopes: tuple[float, float] | None = None

    def __str__(self) -> str:
        where = "along a direction that moves all elements" if self.index is None else f"at index {self.index}"
        where += f", {self.part} part" if self.part else ""
        if self.slopes is not None:
            left, right = self.slopes
            return f"{self.input} {where}: the rules give {self.computed:.6g}, the slopes are {left:.6g} on the left and {right:.6g} on the right"
        return f"{self.input} {where}: the rules give {self.computed:.12g}, the reference {self.expected:.12g}"


@dataclass(frozen=True)
class GradientCheck:
    """What gradcheck found; it is true if the gradient is right.

    culprit  if it is wrong, the first op that the function ran whose rule is wrong by itself; None if each is right.
    """

    order: int
    reference: str
    rtol: float
    atol: float
    derivatives: tuple[Derivative, ...]
    culprit: Culprit | None = None

    @property
    def wrong(self) -> tuple[Derivative, ...]:
        """The derivatives that are out of tolerance."""
        return tuple(derivative for derivative in self.derivatives if derivative.slopes is None and not self.excess(derivative) <= 1)

    @property
    def kinks(self) -> tuple[Derivative, ...]:
        """The derivatives where the function is not differentiable, and the rules give a slope between those of its two sides."""
        return tuple(derivative for derivative in self.derivatives if derivative.slopes is not None)

    @property
    def worst(self) -> Derivative | None:
        """The derivative that is furthest off; None if no input has an element."""
        return max((derivative for derivative in self.derivatives if derivative.slopes is None), key=self.excess, default=None)

    def excess(self, derivative: Derivative) -> float:
        """How often the error has room in the tolerance."""
        excess = abs(derivative.computed - derivative.expected) / (self.atol + self.rtol * abs(derivative.expected))
        return np.inf if np.isnan(excess) else excess

    def __bool__(self) -> bool:
        return not self.wrong

    def __str__(self) -> str:
        kind = {1: "gradient", 2: "gradient of the gradient"}.get(self.order, f"derivative of order {self.order}")
        text = (
            f"gradcheck: the {kind} is {'right' if self else 'wrong'}: {len(self.wrong)} of {len(self.derivatives)} derivatives are "
            f"out of tolerance (rtol {self.rtol:g}, atol {self.atol:g}, reference {self.reference!r})"
        )
        text = text if self.worst is None else f"{text}; the furthest off is that of {self.worst}"
        if self.kinks:
            text += f". Not differentiable here, in {len(self.kinks)} of them: {self.kinks[0]}"
        return text if self else f"{text}\n{self.culprit or NOT_RECORDED}"


def gradcheck(
    function: Callable[..., Tensor | Sequence[Tensor]],
    inputs: Tensor | Sequence[Any],
    *,
    order: int = 1,
    reference: str = "differences",
    eps: float = 1e-4,
    rtol: float | None = None,
    atol: float | None = None,
    generator: np.random.Generator | None = None,
    raise_exception: bool = True,
) -> GradientCheck:
    """Check the gradient of a function against differences, for each element of each input that requires grad.

        L(x) = sum(v * function(x))    dL/dx[i] = (4 D(h / 2) - D(h)) / 3    D(h) = (L(x + h e[i]) - L(x - h e[i])) / (2 h)

    v is drawn once, so that no mistake cancels in the sum. The error of the differences is of the order h**4. Of complex outputs L is the
    real part of sum(conj(v) * function(x)), and a complex input moves along e[i] and along 1j * e[i].
    Order 2 checks the function (x, v) -> dL/dx in the same way, with respect to x and to v, and order 3 checks the gradient of that
    one. They take differences of the gradient as a training step computes it, by the hand-written backward of a fused op, and
    compare them with what went through its composed twin.
    Where a derivative differs, h is made smaller, up to a thousand times, and the step counts whose differences agree best.
    Where L has a kink, so that its slopes on the left and on the right stay apart however small h is, it is not differentiable, and the
    rules are free to give any slope between the two; where L jumps, or is tied so that its slopes along the elements do not add up to
    that along all of them, any slope at all. If the gradient is wrong, each op that the function
    runs is checked by itself, at the inputs that it ran on.

    Parameters
        function         takes Tensors, returns a Tensor or a tuple of them, and the same value each time.
        inputs           Tensors, of float64 or complex128 where they require grad. The others, and what is no Tensor, are constants.
        order            which derivative is checked: 1, 2, 3 ...
        reference        "differences" takes them in float64; "extended" in longdouble, which shows errors of float64's own size.
        eps              h is eps * max(1, abs(x[i])).
        rtol, atol       the tolerance is atol + rtol * abs(expected); 1e-8 and 1e-6, and 1e-12 and 1e-10 for "extended".
        generator        draws v; by default the same v each time.
        raise_exception  raise an error if the gradient is wrong, or only return what was found.
    Returns a GradientCheck, which is true if the gradient is right, and knows the worst element and both numbers there, the kinks, and the
    culprit: the first op whose rule is wrong.
    The inputs, and their grad, stay as they are.
    Raises GradientCheckError if the gradient is wrong, or the function gives another value each time; GraphError if no input
    requires grad; DTypeError for an input or an output of another dtype; ValueError for an input with NaN or infinities;
    NotImplementedError for "extended" on a machine whose longdouble is no wider than float64.
    Source  Richardson (1911), The approximate arithmetical solution by finite differences of physical problems.

    >>> import tinygrad_edu as tg
    >>> x = tg.tensor([1.0, 2.0], dtype="float64", requires_grad=True, name="x")
    >>> bool(gradcheck(tg.exp, x, order=2))
    True
    >>> def forgetful(x):
    ...     return x * x.detach()
    >>> gradcheck(forgetful, x)                     # doctest: +ELLIPSIS
    Traceback (most recent call last):
    tinygrad_edu.errors.GradientCheckError: gradcheck: the gradient is wrong: 2 of 2 derivatives are out of tolerance ...
    >>> class Cube(tg.Elementwise):
    ...     def forward(self, x):
    ...         return x * x * x
    ...     def grad_x(self, g, x):
    ...         return g * 2 * x * x
    >>> gradcheck(lambda x: tg.exp(Cube()(x)).sum(), x, raise_exception=False).culprit.rule
    'Cube.grad_x'
    >>> gradcheck(tg.relu, tg.tensor([0.0], dtype="float64", requires_grad=True)).kinks[0].index
    (0,)
    """
    check = partial(_check, reference=reference, eps=eps, rtol=rtol, atol=atol)
    result = check(function, inputs, order, generator=generator)
    if not result:
        result = replace(result, culprit=culprit_of(function, inputs, order, check))
    if raise_exception and not result:
        raise GradientCheckError(str(result))
    return result


def _check(
    function: Callable,
    inputs: Any,
    order: int,
    *,
    reference: str,
    eps: float,
    rtol: float | None,
    atol: float | None,
    generator: np.random.Generator | None = None,
) -> GradientCheck:
    """gradcheck without the culprit."""
    if reference not in TOLERANCES:
        raise ValueError(f"gradcheck: reference is {reference!r}; it needs to be 'differences' or 'extended'")
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"gradcheck: order is {order!r}; it needs to be 1, 2, 3 ...")
    if reference == "extended" and np.finfo(np.longdouble).nmant <= np.finfo(np.float64).nmant:
        raise NotImplementedError(
            "gradcheck: reference='extended' computes in longdouble, and on this machine that is no wider than float64; "
            "use reference='differences'"
        )
    generator = np.random.default_rng(0) if generator is None else generator
    values, wanted, names = _opened(inputs)
    _check_deterministic(function, values)
    is_pole = False
    for level in range(1, order + 1):
        outputs = _evaluated(function, values)
        is_pole = is_pole or any(np.any(np.isinf(output)) for output in outputs)
        # An output that is infinite has no differences, and counts with weight 0; and so does NaN that its gradient has become.
        vs = [np.where(np.isinf(output) | (is_pole & np.isnan(output)), 0, _drawn(generator, output)) for output in outputs]
        gradient = _gradient_of(function, wanted)
        if level < order:
            function, values = gradient, [*values, *vs]
            wanted = [*wanted, *[True] * len(vs)]
            names = [*names, *(f"dL/d(output {j}) of order {level}" for j in range(len(vs)))]
    computed = iter(_evaluated(gradient, [*values, *vs]))
    if reference == "extended":
        values = [value.astype(np.result_type(value, np.longdouble)) if _is_floating(value) else value for value in values]
    default_rtol, default_atol = TOLERANCES[reference]
    result = GradientCheck(order, reference, default_rtol if rtol is None else rtol, default_atol if atol is None else atol, ())
    derivatives = []
    for i, name in enumerate(names):
        if wanted[i]:
            found, line, ran = next(computed), _Line(function, values, i, vs), []
            for index, direction, part in _directions(values[i], generator):
                h = eps if index is None else eps * max(1.0, abs(values[i][index]))
                derivative = Derivative(name, index, float(_product(found, direction)), line.derivative(direction, h), part)
                if not result.excess(derivative) <= 1:
                    derivative = replace(derivative, expected=line.refined_derivative(direction, h))
                if not result.excess(derivative) <= 1:
                    derivative = replace(derivative, slopes=_kink(derivative, result, line.slopes(direction, h), is_pole))
                ran.append((derivative, direction, h))
            derivatives += _with_ties(ran, result, line)
    return replace(result, derivatives=tuple(derivatives))


def _opened(inputs: Any) -> tuple[list[Any], list[bool], list[str]]:
    """The values of the inputs, copied; whether the gradient of each is wanted; and what to call it."""
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    wanted = [isinstance(x, Tensor) and x.requires_grad for x in inputs]
    names = [f"input {i}" + (f" ({x.name!r})" if isinstance(x, Tensor) and x.name else "") for i, x in enumerate(inputs)]
    if not any(wanted):
        raise GraphError("gradcheck: no input requires grad, so there is no gradient to check; make one with requires_grad=True")
    for x, name, is_wanted in zip(inputs, names, wanted):
        if is_wanted and x.dtype not in (np.float64, np.complex128):
            wide = np.result_type(x.dtype, np.float64)
            raise DTypeError(
                f"gradcheck: {name} has dtype {x.dtype}; only float64 is precise enough for differences: use x.astype({wide.name!r})"
            )
        if is_wanted and not np.all(np.isfinite(x.numpy())):
            raise ValueError(f"gradcheck: {name} holds NaN or infinities, beside which there are no differences; leave them out")
    return [x.numpy().copy() if isinstance(x, Tensor) else x for x in inputs], wanted, names


def _is_floating(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "fc"


def _drawn(generator: np.random.Generator, like: np.ndarray) -> np.ndarray:
    """Numbers of the shape of an array, complex if it is."""
    drawn = np.asarray(generator.standard_normal(like.shape))
    return np.asarray(drawn + 1j * generator.standard_normal(like.shape)) if like.dtype.kind == "c" else drawn


def _product(gradient: np.ndarray, change: np.ndarray) -> Any:
    """How far L moves with a change; the gradient of complex numbers counts by its conjugate."""
    return np.sum(gradient.conj() * change, where=(change != 0) & (gradient != 0)).real       # a NaN stays in its own element


def _check_deterministic(function: Callable, values: list[Any]) -> None:
    for i, (first, second) in enumerate(zip(_evaluated(function, values), _evaluated(function, values), strict=True)):
        if not np.array_equal(first, second, equal_nan=True):
            raise GradientCheckError(
                f"gradcheck: output {i} of the function has another value each time, so differences mean nothing; "
                f"draw what is random before, and give it as an input"
            )


def _gradient_of(function: Callable, wanted: list[bool]) -> Callable[..., tuple[Tensor, ...]]:
    """The function (x..., v...) -> dL/dx... of L = sum(v * function(x...)); it can be differentiated in turn."""

    def gradient(*tensors: Any) -> tuple[Tensor, ...]:
        inputs, vs = tensors[: len(wanted)], tensors[len(wanted) :]
        records = any(isinstance(x, Tensor) and x.requires_grad for x in tensors)
        with enable_grad():
            inputs = tuple(x.detach().requires_grad_() if w and not x.requires_grad else x for x, w in zip(inputs, wanted))
            outputs = _outputs_of(function(*inputs))
        targets = [x for x, w in zip(inputs, wanted) if w]
        used = [(output, v) for output, v in zip(outputs, vs, strict=True) if output.requires_grad]
        found: Sequence[Tensor | None] = [None] * len(targets)
        if used:
            outputs, vs = zip(*used)
            found = grad(outputs, targets, vs, create_graph=records, allow_unused=True)
        return tuple(wrap(np.zeros_like(x.numpy())) if g is None else g for g, x in zip(found, targets))

    return gradient


def _outputs_of(result: Any) -> tuple[Tensor, ...]:
    outputs = tuple(result) if isinstance(result, (tuple, list)) else (result,)
    for i, output in enumerate(outputs):
        if not isinstance(output, Tensor):
            raise DTypeError(f"gradcheck: output {i} of the function is {type(output).__name__}; it needs to be a Tensor")
    return outputs


def _evaluated(function: Callable, values: list[Any]) -> list[np.ndarray]:
    """The outputs of the function at values, as arrays."""
    dtype = np.result_type(*[value.real.dtype for value in values if _is_floating(value)])
    with no_grad():
        outputs = _outputs_of(function(*[Tensor(value) if isinstance(value, np.ndarray) else value for value in values]))
    for i, output in enumerate(outputs):
        if output.dtype not in (dtype, np.result_type(dtype, np.complex64)):
            raise DTypeError(
                f"gradcheck: output {i} of the function has dtype {output.dtype}, and its inputs have {dtype}; for differences to be "
                f"precise it needs to compute in the dtype of its inputs"
            )
    return [output.numpy() for output in outputs]


def _directions(value: np.ndarray, generator: np.random.Generator) -> Iterator[tuple[tuple[int, ...] | None, np.ndarray, str | None]]:
    """The directions along which an input is moved, each with the index of the one element that moves, and which part of it does."""
    positions = np.arange(value.size)
    if value.size > MOST_ELEMENTS:
        yield None, _drawn(generator, value), None
        positions = generator.choice(positions, MOST_ELEMENTS, replace=False)
    parts: dict[str | None, complex] = {"real": 1, "imaginary": 1j} if value.dtype.kind == "c" else {None: 1}
    for position in positions:
        index = tuple(int(i) for i in np.unravel_index(position, value.shape))
        for part, step in parts.items():
            direction = np.zeros_like(value)
            direction[index] = step
            yield index, direction, part


class _Line:
    """L = sum(v * function) on lines through one of its inputs."""

    def __init__(self, function: Callable, values: list[Any], i: int, vs: list[np.ndarray]) -> None:
        self.function, self.values, self.i, self.vs = function, values, i, vs

    def slope(self, direction: np.ndarray, low: float, high: float) -> Any:
        """The slope of L between two points on the line."""
        with np.errstate(all="ignore"):             # a function that ends in NaN is reported as a wrong gradient
            pairs = zip(self._outputs_at(direction, high), self._outputs_at(direction, low))
            # Outputs are subtracted before they are summed, so that those which stay the same leave no rounding.
            return sum(_product(v, up - down) for v, (up, down) in zip(self.vs, pairs)) / (high - low)

    def _outputs_at(self, direction: np.ndarray, step: float) -> list[np.ndarray]:
        i, values = self.i, self.values
        return _evaluated(self.function, [*values[:i], np.asarray(values[i] + step * direction), *values[i + 1 :]])

    def derivative(self, direction: np.ndarray, h: float) -> float:
        """By central differences with the steps h and h / 2."""
        return self._extrapolated(direction, h)[0]

    def refined_derivative(self, direction: np.ndarray, h: float) -> float:
        """With the step, of h and up to a thousand times smaller ones, whose two differences agree best: near a pole or a bend h is too long."""
        tried = [self._extrapolated(direction, h / shorter) for shorter in (1, 10, 100, 1000)]
        return min(tried, key=lambda found: np.inf if np.isnan(found[1]) else found[1])[0]

    def _extrapolated(self, direction: np.ndarray, h: float) -> tuple[float, float]:
        """The derivative with an error of the order h**4, and how far the differences that it is made of are apart."""
        half, whole = self.slope(direction, -h / 2, h / 2), self.slope(direction, -h, h)
        return float((4 * half - whole) / 3), float(abs(half - whole))

    def slopes(self, direction: np.ndarray, h: float) -> list[tuple[float, float]]:
        """The slopes on the left and on the right, within h and within h / 10."""
        return [(float(self.slope(direction, -step, 0)), float(self.slope(direction, 0, step))) for step in (h, h / 10)]


def _kink(
    derivative: Derivative, result: GradientCheck, slopes: list[tuple[float, float]], is_pole: bool
) -> tuple[float, float] | None:
    """The slopes on both sides if L is not differentiable and the computed one is no wrong choice, else None.

    Of a smooth function they come ten times closer in a neighbourhood that is ten times smaller; at a kink they stay apart, and at a
    jump, or where the tangent is vertical, they grow. On one side the function may end. At a pole there are none.
    """
    far, near = slopes
    if is_pole and not np.isfinite(derivative.computed):
        return near
    if all(map(np.isnan, near)):
        return None
    room = result.atol + result.rtol * max((abs(slope) for slope in near if np.isfinite(slope)), default=0)
    apart = abs(near[1] - near[0])
    is_kink = apart > 10 * room and apart > abs(far[1] - far[0]) / 2
    if is_kink and min(near) - room <= derivative.computed <= max(near) + room:
        return near
    grow = all(not np.isfinite(close) or abs(close) > 2 * abs(wide) + 10 * room for close, wide in zip(near, far))
    return near if grow else None


def _with_ties(ran: list[tuple[Derivative, np.ndarray, float]], result: GradientCheck, line: _Line) -> list[Derivative]:
    """The derivatives of one input, each with its direction and step; wrong ones with slopes where L is not differentiable at a tie.

    There L may be smooth on each line by itself, as the median of equal numbers is, but its slope along an element and others together
    is not the sum of those along it and along the others, however short the steps are.
    """
    derivatives = [derivative for derivative, _, _ in ran]
    wrong = [i for i, derivative in enumerate(derivatives) if derivative.slopes is None and not result.excess(derivative) <= 1]
    if not wrong or any(derivative.index is None for derivative in derivatives):
        return derivatives
    generator, steps = np.random.default_rng(0), (1e-4, 1e-5)
    for _ in range(4):                      # with some signs a median moves as if it were smooth
        shares = generator.uniform(0.5, 1.5, len(ran)) * generator.choice([-1, 1], len(ran))
        every = np.sum([share * direction for share, (_, direction, _) in zip(shares, ran)], axis=0)
        of_all = [line.slope(every, 0, step) for step in steps]
        for i in wrong:
            _, direction, h = ran[i]
            alone = shares[i] * direction
            missed = [float(whole - line.slope(every - alone, 0, step) - line.slope(alone, 0, step)) for whole, step in zip(of_all, steps)]
            if 1e-3 * (1 + abs(derivatives[i].computed)) < abs(missed[0]) < np.inf and abs(missed[0] - missed[1]) < abs(missed[0]) / 10:
                derivatives[i] = replace(derivatives[i], slopes=line.slopes(direction, h)[1])
    return derivatives
