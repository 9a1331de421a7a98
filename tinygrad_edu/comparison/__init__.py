"""Fused against composed: is the hand-written gradient right, how right, and at what price (tg.compare)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import cache, partial
from importlib.util import find_spec
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from ..engine.modes import Mode, composed, enable_grad
from ..engine.node import ancestors, kept_bytes, leaf_node
from ..engine.op import Fused
from ..engine.tensor import Tensor, grad, new_array, wrap
from ..errors import DTypeError, GradientCheckError, GraphError, ShapeError
from .diagnosis import diagnose, diagnose_shape

TOLERANCES = {np.dtype(np.float16): (1e-2, 1e-3), np.dtype(np.float32): (1e-5, 1e-6), np.dtype(np.float64): (1e-12, 1e-13)}
"""rtol and atol for each dtype, if none are given."""

MPMATH_BITS = 113
"""The precision of the reference in mpmath: that of IEEE 754's quadruple format."""

MOST_ELEMENTS_FOR_MPMATH = 20_000
"""With more elements than these mpmath is used only if it is asked for: it takes some microseconds for each operation."""


HIGHER_TOLERANCES = {2: 1e-7, 3: 1e-5}
"""rtol for each higher order: differences in float64 lose that much."""

DIRECTIONS = 3
"""Along so many directions the hand-written gradient is differentiated by differences."""

STEP = 1 / 256
"""How far to go along a direction, next to the spread of each input; a power of 2, so that dividing by it rounds nothing."""

MOST_ELEMENTS_FOR_DIFFERENCES = 16_384
"""With more elements than these, higher orders are compared on the first rows of the inputs."""


class Difference(NamedTuple):
    """How far an array is from what is expected.

    absolute  the largest absolute difference; infinite if only one of the two is NaN, or infinite.
    relative  absolute over the largest absolute value that is expected.
    ulp       absolute in units in the last place: the spacing of the dtype's numbers at the value that is expected there.
    at        the index of the element with the largest difference; None if there are no elements.
    value, expected  there.
    """

    absolute: float
    relative: float
    ulp: float
    at: tuple[int, ...] | None
    value: float
    expected: float


class Row(NamedTuple):
    """One thing that is compared: the output, or the gradient of one input.

    order         how often the function was differentiated: 0 for the output, 1 for a gradient.
    name          "out", or "dL/dx".
    shape, dtype  of the values.
    fused         the fused op against the reference.
    composed      its composed twin, in the dtype of the inputs, against the reference.
    each_other    fused against composed.
    tolerance     what the absolute difference from the reference may be.
    """

    order: int
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    fused: Difference
    composed: Difference
    each_other: Difference
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether the fused op is within tolerance."""
        return self.fused.absolute <= self.tolerance

    @property
    def composed_ok(self) -> bool:
        """Whether the composed twin is within tolerance."""
        return self.composed.absolute <= self.tolerance


class HigherRow(NamedTuple):
    """A derivative of the gradient of one input, along directions in which all inputs move together.

    order      2 or 3.
    name       "d2L/dx", or "d3L/dx".
    shape      that of the input, after the number of directions.
    fused      differences of the hand-written gradient against the twin's own derivative; both in float64.
    method     differences of the twin's gradient against the same: how far off differences are.
    tolerance  what the method's error may be; the hand-written gradient is allowed four times the method's error beside it.
    """

    order: int
    name: str
    shape: tuple[int, ...]
    fused: Difference
    method: Difference
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether the hand-written gradient has the derivative of the twin's, as far as differences can tell."""
        return self.fused.absolute <= self.tolerance + 4 * self.method.absolute

    @property
    def told(self) -> bool:
        """Whether differences are precise enough to tell."""
        return self.method.absolute <= self.tolerance


class Cost(NamedTuple):
    """The price of one form.

    forward, backward  the seconds of each repetition.
    nodes              how many ops are recorded.
    kept_bytes         the memory that the graph keeps for backward, inputs included; what is kept twice counts once.
    """

    forward: tuple[float, ...]
    backward: tuple[float, ...]
    nodes: int
    kept_bytes: int

    @property
    def seconds(self) -> float:
        """Forward and backward together, the median."""
        return median(map(sum, zip(self.forward, self.backward)))


@dataclass(frozen=True, repr=False)
class Report:
    """What compare found; printed, it is a table that ends with the verdict.

    op               the fused op.
    inputs           what it was given, in words.
    reference        what the values are compared with, in words.
    rows             a Row for the output, and one for the gradient of each input that has one.
    fused, composed  the Cost of each form.
    higher           a HigherRow for the gradient of each input at orders 2 and 3.
    higher_inputs    what these were compared on, in words, or why they were not.
    mistakes         for each gradient that is wrong what explains it, in words: {"dL/dx": "the path through the mean is left out"}.
    """

    op: Fused
    inputs: str
    reference: str
    rows: tuple[Row, ...]
    fused: Cost
    composed: Cost
    higher: tuple[HigherRow, ...] = ()
    higher_inputs: str = "not compared"
    mistakes: dict[str, str] = field(default_factory=dict)

    @property
    def diagnosis(self) -> str:
        """What is wrong with the gradients that are, a line for each; empty if none is."""
        return "\n".join(f"{name}: {words}" for name, words in self.mistakes.items())

    @property
    def ok(self) -> bool:
        """Whether the output and every gradient of the fused op are within tolerance of the reference."""
        return all(row.ok for row in self.rows) and all(row.ok for row in self.higher)

    @property
    def higher_verdict(self) -> str:
        """What was found at orders 2 and 3, in one sentence."""
        if not self.higher:
            return f"Orders 2 and 3: {self.higher_inputs}."
        sentences = []
        for order in sorted({row.order for row in self.higher}):
            rows = [row for row in self.higher if row.order == order]
            wrong = [row.name for row in rows if not row.ok]
            untold = [row.name for row in rows if not row.told]
            if wrong:
                sentences.append(f"order {order} is not that of the twin, in {', '.join(wrong)}")
            elif untold:
                sentences.append(f"at order {order} differences are too coarse on these inputs to tell, in {', '.join(untold)}")
            else:
                to = max([row.fused.relative for row in rows if np.isfinite(row.fused.relative)], default=0)    # of 0 no part can be taken
                sentences.append(f"order {order} is that of the twin to {to:.0e}")
        text = "; ".join(sentences)
        return f"{text[0].upper()}{text[1:]}, by differences of the hand-written gradient, on {self.higher_inputs}."

    @property
    def verdict(self) -> str:
        """What was found, in one sentence."""
        name = type(self.op).__name__
        wrong = [row for row in self.rows if not row.ok]
        if not wrong and not self.ok:
            names = ", ".join(row.name for row in self.higher if not row.ok)
            return f"The gradient of {name} is right here, but its derivative by hand is not that of the twin, in {names}."
        if not wrong:
            lost = ", ".join(row.name for row in self.rows if not row.composed_ok)
            time, memory = self.fused.seconds / self.composed.seconds, self.fused.kept_bytes / max(1, self.composed.kept_bytes)
            return (
                f"The hand-written gradient of {name} is right; it takes {time:.2f} of the time and {memory:.2f} of the memory of the "
                f"composed one" + (f", which itself is out of tolerance in {lost}." if lost else ".")
            )
        blamed = [row for row in wrong if row.composed_ok] or wrong         # where the twin is off as well, the inputs may be hard
        names = ", ".join(row.name for row in blamed)
        worst = max(blamed, key=lambda row: _in_units(row.fused.absolute, row.tolerance))
        element = f"{worst.name}{list(worst.fused.at or ())} is {worst.fused.value:.6g} and should be {worst.fused.expected:.6g}"
        if not blamed[0].composed_ok:
            return f"Neither {name} nor its twin keeps its digits on these inputs, in {names}: {element}."
        if blamed[0].order == 0:
            return f"The forward of {name} and its twin are two functions, or one of them loses digits, in {names}: {element}."
        return f"The hand-written gradient of {name} is wrong, in {names}: {element}."

    def assert_close(self) -> None:
        """Raise GradientCheckError, an AssertionError, with the whole report if the fused op is out of tolerance."""
        if not self.ok:
            raise GradientCheckError(f"{self.verdict}\n\n{self}")

    def as_dict(self) -> dict[str, Any]:
        """The whole report as dicts, lists, strings and numbers, ready for JSON; infinities and NaN are the strings "inf" and "nan"."""
        said = ("ok", "verdict", "higher_verdict")
        return {**_plain({f.name: getattr(self, f.name) for f in fields(self)}), **{name: getattr(self, name) for name in said}}

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.op!r}: fused against composed",
                f"inputs     {self.inputs}",
                f"reference  {self.reference}",
                "",
                *_accuracy_table(self.rows),
                "",
                *_cost_table(self.fused, self.composed),
                "",
                *([*_higher_table(self.higher), ""] if self.higher else []),
                self.higher_verdict,
                "",
                *([f"diagnosis  {line}" for line in self.diagnosis.splitlines()] + [""] if self.mistakes else []),
                self.verdict,
            ]
        )

    __repr__ = __str__


def compare(
    op: Fused,
    *inputs: Any,
    rtol: float | None = None,
    atol: float | None = None,
    reference: str | None = None,
    repeats: int = 15,
    generator: np.random.Generator | None = None,
    orders: Sequence[int] = (1, 2, 3),
) -> Report:
    """Compare a fused op with its composed twin: the output, and the gradient of each input for the same random dL/dout.

        max |fused - reference| <= atol + rtol * max |reference|

    The reference is the twin once more, at the same inputs, in extended precision. At orders 2 and 3 the hand-written gradient is
    differentiated by differences, along a few drawn directions in float64, and compared with the twin's higher derivative: under
    create_graph a fused op may be its own twin, and comparing the two would compare a thing with itself.

    Parameters
        op          an instance of a Fused, the library's or your own: BatchNorm(axes=(0,)).
        inputs      arrays or Tensors of float16, float32 or float64; integers, bools and op.constants get no gradient.
        rtol, atol  the tolerance; by default that of the dtype of the values, in TOLERANCES.
        reference   "longdouble", "mpmath" (slow, for small arrays) or "float64". By default longdouble where it is wider than float64,
                    as on x86-64 Linux; elsewhere float64 for narrower inputs, and mpmath for float64. The report says which.
        repeats     how often each form is timed, in turn with the other.
        generator   draws dL/dout; by default the same each time.
        orders      which orders to compare, of 1, 2 and 3; 1 always is, and the others if it is right. Inputs of more elements than
                    MOST_ELEMENTS_FOR_DIFFERENCES are cut to their first rows for it, and the report says so.
    Returns a Report: a table with a verdict when printed; ok, assert_close() and all numbers for programs.
    The inputs, and their grad, stay as they are.
    Raises DTypeError if op is no instance of a Fused, or an input or the output is not real; GraphError if no input has a gradient;
    ShapeError if the two forms have outputs of different shapes or dtypes, or a hand-written gradient has not the shape of its input;
    its notes (__notes__) then say what explains that, such as a sum that is missing.

    >>> import numpy as np, tinygrad_edu as tg
    >>> class Cube(tg.Fused):
    ...     def forward(self, x):
    ...         return x * x * x, {"square": x * x}
    ...     def backward(self, g, square):
    ...         return (2 * g * square,)
    ...     def composed(self, x):
    ...         return x * x * x
    >>> print(compare(Cube(), np.array([1.0, 2.0])).verdict)            # doctest: +ELLIPSIS
    The hand-written gradient of Cube is wrong, in dL/dx: dL/dx[1] is ... and should be ...
    """
    if not isinstance(op, Fused):
        hint = f": {op.__name__}(...)" if isinstance(op, type) else ", which has a composed twin"
        raise DTypeError(f"compare: op is {op!r}; it needs to be an instance of a Fused{hint}")
    if repeats < 1:
        raise ValueError(f"compare: repeats is {repeats}; it needs to be at least 1")
    if not set(orders) <= {1, 2, 3}:
        raise ValueError(f"compare: orders is {orders!r}; it needs to be some of 1, 2 and 3")
    names = [op.input_name(i) for i in range(len(inputs))]
    values = [None if x is None else np.asarray(new_array(x)) for x in inputs]
    for name, value in zip(names, values):
        if value is not None and value.dtype.kind not in "biu" and value.dtype not in TOLERANCES:
            raise DTypeError(f"compare: {name} of {op!r} has dtype {value.dtype}; it needs to be float16, float32 or float64")
    wanted = [_is_real(value) and name not in op.constants for name, value in zip(names, values)]
    if not any(wanted):
        raise GraphError(f"compare: none of the inputs of {op!r} has a gradient; give one of a real dtype that is no constant of the op")
    fused, twin = _Form(op, values, wanted, _fused), _Form(op, values, wanted, composed)
    with np.errstate(all="ignore"), enable_grad():
        out = fused.forward(fused.leaves())
        _check_outputs(op, out, twin.forward(twin.leaves()))
        # A seed that nobody else takes: batch norm's gradient is next to 0 if dL/dout happens to be x, drawn from the seed 0.
        generator = np.random.default_rng(int.from_bytes(b"dL/dout")) if generator is None else generator
        upstream = np.asarray(generator.standard_normal(out.shape), out.dtype)
        words, expected = _reference(op, values, wanted, upstream, reference)
        try:
            by_hand = fused.results(upstream)
        except ShapeError as error:
            for name, words in _mistaken_shapes(op, names, values, wanted, out.shape).items():
                error.add_note(f"diagnosis  dL/d{name}: {words}")
            raise
        what = [(0, "out"), *[(1, f"dL/d{name}") for name, is_wanted in zip(names, wanted) if is_wanted]]
        arrays = zip(by_hand, twin.results(upstream), expected)
        rows = tuple(_row(order, name, *three, rtol, atol) for (order, name), three in zip(what, arrays))
        cost, twin_cost = _costs((fused, twin), upstream, repeats)
        higher: tuple[HigherRow, ...] = ()
        on = "not compared, since the gradient itself is out of tolerance"
        if all(row.ok for row in rows):
            higher, on = _higher(op, names, values, wanted, sorted(set(orders) - {1}), rtol, atol)
        wrong = [row.name for row in rows if not row.ok]
        mistakes = _mistakes(op, names, values, wanted, generator, wrong) if wrong and rows[0].ok else {}
    described = ", ".join(f"{name} None" if x is None else f"{name} {x.shape} {x.dtype}" for name, x in zip(names, values))
    return Report(op, described, words, rows, cost, twin_cost, higher, on, mistakes)


def assert_fused_matches_composed(
    op: Fused,
    *inputs: Any,
    rtol: float | None = None,
    atol: float | None = None,
    reference: str | None = None,
    orders: Sequence[int] = (1, 2, 3),
    generator: np.random.Generator | None = None,
) -> None:
    """For tests: raise GradientCheckError, an AssertionError with the whole report, unless compare finds op to be right.

    The arguments are those of compare; nothing is timed more than once.

    >>> import numpy as np, tinygrad_edu as tg
    >>> from tinygrad_edu.fused.batch_norm import BatchNorm
    >>> x = np.random.default_rng(0).normal(size=(8, 3))
    >>> tg.testing.assert_fused_matches_composed(BatchNorm(axes=(0,)), x, np.ones((1, 3)), np.zeros((1, 3)))
    """
    compare(op, *inputs, rtol=rtol, atol=atol, reference=reference, repeats=1, generator=generator, orders=orders).assert_close()


def _is_real(value: np.ndarray | None) -> bool:
    return value is not None and value.dtype.kind == "f"


def _check_outputs(op: Fused, out: Tensor, twin: Tensor) -> None:
    if out.dtype not in TOLERANCES:
        raise DTypeError(f"compare: the output of {op!r} has dtype {out.dtype}; it needs to be float16, float32 or float64")
    if (out.shape, out.dtype) != (twin.shape, twin.dtype):
        raise ShapeError(
            f"compare: the output of {op!r} has shape {out.shape} and dtype {out.dtype}, and that of its twin {twin.shape} and "
            f"{twin.dtype}; forward and composed need to give the same"
        )


# The two forms.


class _fused(Mode):
    """Run fused ops as themselves, also inside composed()."""

    variable, value = composed.variable, False


class _Form(NamedTuple):
    """An op at fixed inputs, in one of its forms: fused, or as its composed twin."""

    op: Fused
    values: Sequence[Any]
    wanted: Sequence[bool]
    mode: type[Mode]

    def leaves(self) -> list[Tensor | None]:
        """The inputs, as new leaves."""
        return [
            None if x is None else wrap(x if x.shape else x[()], leaf_node(x.shape, x.dtype) if is_wanted else None)
            for x, is_wanted in zip(self.values, self.wanted)
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

    def times(self, upstream: np.ndarray) -> tuple[float, float]:
        """The seconds of one forward and of one backward."""
        leaves = self.leaves()
        start = perf_counter()
        out = self.forward(leaves)
        middle = perf_counter()
        self.backward(out, leaves, upstream)
        return middle - start, perf_counter() - middle

    def size(self) -> tuple[int, int]:
        """How many ops are recorded, and the bytes that they keep."""
        nodes = [node for node in [self.forward(self.leaves()).node] if node is not None]
        return sum(not node.is_leaf for node in ancestors(nodes)), kept_bytes(nodes)


def _costs(forms: Sequence[_Form], upstream: np.ndarray, repeats: int) -> list[Cost]:
    """The cost of each form, timed in turn, each time another one first: what else the machine does falls on all alike."""
    times: list[list[tuple[float, float]]] = [[] for _ in forms]
    for repetition in range(repeats):
        for i in range(len(forms)):
            i = (i + repetition) % len(forms)
            times[i].append(forms[i].times(upstream))
    costs = []
    for form, samples in zip(forms, times):
        forward, backward = zip(*samples)
        costs.append(Cost(forward, backward, *form.size()))
    return costs


# The reference: the twin at the same inputs, in numbers of more digits.


def _reference(
    op: Fused, values: list[Any], wanted: list[bool], upstream: np.ndarray, kind: str | None
) -> tuple[str, list[np.ndarray]]:
    """The reference in words, and what it says the output and the gradients are."""
    dtypes = {x.dtype for x in values if _is_real(x)}
    if kind is None:
        kind = _first_wider(dtypes, sum(x.size for x in values if x is not None))
    if kind not in ("longdouble", "mpmath", "float64"):
        raise ValueError(f"compare: reference is {kind!r}; it needs to be 'longdouble', 'mpmath', 'float64' or None")
    widen = _precise if kind == "mpmath" else partial(np.asarray, dtype=kind)
    bits = MPMATH_BITS if kind == "mpmath" else _bits(np.dtype(kind))
    twin = _Form(op, [widen(x) if _is_real(x) else x for x in values], wanted, composed)
    words = f"the composed twin in {kind}, {bits} bits"
    if bits <= max(map(_bits, dtypes)):
        words += '; the inputs have as many, so its own rounding is in the numbers: reference="mpmath" has more'
    try:
        return words, twin.results(widen(upstream))
    except Exception as error:
        error.add_note(f'compare: this happened in the reference, {words}; reference="float64" asks for another')
        raise


def _first_wider(dtypes: set[np.dtype], size: int) -> str:
    """The reference to take for inputs of dtypes, with so many elements, on this machine."""
    if _bits(np.dtype(np.longdouble)) > _bits(np.dtype(np.float64)):
        return "longdouble"
    return "mpmath" if np.dtype(np.float64) in dtypes and size <= MOST_ELEMENTS_FOR_MPMATH and find_spec("mpmath") else "float64"


def _bits(dtype: np.dtype) -> int:
    """The precision of a dtype, the bit before the point included."""
    return np.finfo(dtype).nmant + 1


class _Precise(np.ndarray):
    """An array of mpmath's numbers. What NumPy computes with it is one as well, also where it put a Python number: np.minimum(x, 0)."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return _precise(getattr(ufunc, method)(*[x.view(np.ndarray) if isinstance(x, _Precise) else x for x in inputs], **kwargs))

    def __array_function__(self, *arguments: Any) -> Any:
        result = super().__array_function__(*arguments)
        return _precise(result) if isinstance(result, np.ndarray) else result


def _precise(array: Any) -> np.ndarray:
    """The same numbers as mpmath's; bools and integers as they are."""
    array = np.asarray(array)
    if array.dtype.kind not in "fO":
        return array
    number = _mpmath_number()
    return np.array([number(x) for x in array.ravel().tolist()], object).reshape(array.shape).view(_Precise)


@cache
def _mpmath_number() -> type:
    """mpmath's numbers, with the methods that NumPy's functions look for in an object."""
    try:
        from mpmath import MPContext
    except ImportError as error:
        raise ImportError('compare: reference="mpmath" needs a package that is not installed: pip install mpmath') from error
    context = MPContext()
    context.prec = MPMATH_BITS
    for name in ("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tanh"):
        setattr(context.mpf, name, _method(getattr(context, name)))
    return context.mpf


def _method(function: Callable) -> Callable:
    return lambda self: function(self)


# Orders 2 and 3: the hand-written gradient, differentiated by differences, against the twin's higher derivative.


def _higher(
    op: Fused, names: Sequence[str], values: Sequence[Any], wanted: Sequence[bool], orders: Sequence[int],
    rtol: float | None, atol: float | None,
) -> tuple[tuple[HigherRow, ...], str]:
    """A row for each order and input, and what they were computed on in words."""
    if not orders:
        return (), "not asked for"
    rows_of, on = _cut(values)
    if rows_of is None:
        return (), on
    values = [np.asarray(x, np.float64) if _is_real(x) else x for x in rows_of]
    fused, twin = _Form(op, values, wanted, _fused), _Form(op, values, wanted, composed)
    try:
        shape = fused.forward(fused.leaves()).shape
    except Exception as error:
        if on == "these inputs":
            raise
        return (), f"not compared, since {op!r} does not take {on}: {error}"
    generator = np.random.default_rng(int.from_bytes(b"direction"))
    upstream = np.asarray(generator.standard_normal(shape))
    moved = [name for name, is_wanted in zip(names, wanted) if is_wanted]
    sizes = dict(zip(moved, map(_largest, twin.results(upstream)[1:])))
    found: dict[tuple[int, str], list[tuple[np.ndarray, ...]]] = {}
    for _ in range(DIRECTIONS):
        direction = [np.asarray(generator.standard_normal(x.shape) * _spread(x)) for x, w in zip(values, wanted) if w]
        by_hand, by_twin = (_differences(form, upstream, direction) for form in (fused, twin))
        try:
            expected = _derivatives(twin, upstream, direction, max(orders))
        except Exception as error:
            error.add_note("compare: this happened in the twin's own higher derivative; orders=(1,) does without")
            raise
        for order in orders:
            for name, *three in zip(moved, by_hand[order], by_twin[order], expected[order]):
                found.setdefault((order, name), []).append(tuple(three))
    rows = []
    for (order, name), arrays in found.items():
        hand, same_by_twin, exact = map(np.stack, zip(*arrays))
        lost = 64 * np.finfo(np.float64).eps * sizes[name] / STEP ** (order - 1)        # what subtracting the gradients loses in rounding
        tolerance = max(rtol or 0, HIGHER_TOLERANCES[order]) * _largest(exact) + max(atol or 0, lost)
        rows.append(
            HigherRow(order, f"d{order}L/d{name}", exact.shape, _difference(hand, exact), _difference(same_by_twin, exact), tolerance)
        )
    return tuple(rows), on


def _mistakes(
    op: Fused, names: Sequence[str], values: Sequence[Any], wanted: Sequence[bool], generator: np.random.Generator, wrong: Sequence[str]
) -> dict[str, str]:
    """What explains each gradient that is wrong, found in float64 and on the first rows of large inputs."""
    cut, on = _cut(values)
    values = [np.asarray(x, np.float64) if _is_real(x) else x for x in (values if cut is None else cut)]
    fused = _Form(op, values, wanted, _fused)
    try:
        upstream = np.asarray(generator.standard_normal(fused.forward(fused.leaves()).shape))
        by_hand = fused.results(upstream)[1:]
    except Exception as error:
        return dict.fromkeys(wrong, f"unexplained: {op!r} does not take {on} in float64: {error}")
    found = {f"dL/d{name}": words for name, words in diagnose(op, names, values, wanted, upstream, by_hand).items()}
    return {name: found.get(name, "in float64 it is right, so it is the digits of the dtype that are lost") for name in wrong}


def _mistaken_shapes(
    op: Fused, names: Sequence[str], values: Sequence[Any], wanted: Sequence[bool], shape: tuple[int, ...]
) -> dict[str, str]:
    """What explains each hand-written gradient that came back in another shape than that of its input, found in float64."""
    values = [np.asarray(x, np.float64) if _is_real(x) else x for x in values]
    fused, twin = _Form(op, values, wanted, _fused), _Form(op, values, wanted, composed)
    upstream = np.random.default_rng(0).standard_normal(shape)
    node: Any = fused.forward(fused.leaves()).node
    gradients = [np.asarray(g) for g, is_wanted in zip(op.pull(upstream, node.parents, node.kept), wanted) if is_wanted]
    moved = [name for name, is_wanted in zip(names, wanted) if is_wanted]
    true = twin.results(upstream)[1:]
    return {name: diagnose_shape(g, t) for name, g, t in zip(moved, gradients, true) if g.shape != t.shape}


def _cut(values: Sequence[Any]) -> tuple[Sequence[Any] | None, str]:
    """The inputs, or their first rows if they have too many elements, and which in words.

    All arrays with as many rows as the largest are cut alike; the last of their axes often are features or classes, which stay.
    """
    arrays = [x for x in values if x is not None]
    total, largest = sum(x.size for x in arrays), max(arrays, key=np.size)
    if total <= MOST_ELEMENTS_FOR_DIFFERENCES:
        return values, "these inputs"
    rows = largest.shape[0]
    fewer = max(2, rows * MOST_ELEMENTS_FOR_DIFFERENCES // total)
    cut = [x[:fewer] if x is not None and x.ndim and x.shape[0] == rows else x for x in values]
    if sum(x.size for x in cut if x is not None) > 4 * MOST_ELEMENTS_FOR_DIFFERENCES:
        return None, f"not compared, since the inputs have {total} elements and cannot be cut to their first rows"
    return cut, f"the first {fewer} of {rows} rows"


def _spread(x: np.ndarray) -> float:
    """The scale on which an input moves: its standard deviation, or else its size."""
    spread = float(np.std(x)) if x.size else 0.0
    return next((scale for scale in (spread, _largest(x)) if scale > 0 and np.isfinite(scale)), 1.0)


def _differences(form: _Form, upstream: np.ndarray, direction: Sequence[np.ndarray]) -> dict[int, list[np.ndarray]]:
    """The first and the second derivative of the gradient along a direction, by order of the derivative of L.

    Central differences with the steps h and h / 2, whose errors of order h**2 are subtracted.
    """

    def gradients_at(step: float) -> list[np.ndarray]:
        steps = iter(direction)
        moved = [np.asarray(x + step * next(steps)) if w else x for x, w in zip(form.values, form.wanted)]
        return form._replace(values=moved).results(upstream)[1:]

    middle, *around = (gradients_at(step * STEP) for step in (0, 1, -1, 1 / 2, -1 / 2))
    second, third = [], []
    for at, up, down, half_up, half_down in zip(middle, *around):
        second.append((8 * (half_up - half_down) - (up - down)) / (6 * STEP))
        third.append((16 * ((half_up - at) - (at - half_down)) - ((up - at) - (at - down))) / (3 * STEP**2))
    return {2: second, 3: third}


def _derivatives(twin: _Form, upstream: np.ndarray, direction: Sequence[np.ndarray], highest: int) -> dict[int, list[np.ndarray]]:
    """The same derivatives of the twin's gradient, by differentiating it again."""
    leaves = twin.leaves()
    inputs = [leaf for leaf in leaves if leaf is not None and leaf.requires_grad]
    outputs: Sequence[Tensor | None] = [twin.forward(leaves)]
    along = [wrap(upstream)]
    found = {}
    for order in range(1, highest + 1):
        pairs = [(output, v) for output, v in zip(outputs, along) if output is not None and output.requires_grad]
        gradients: Sequence[Tensor | None] = [None] * len(inputs)
        if pairs:
            used, vs = map(list, zip(*pairs))
            gradients = grad(used, inputs, vs, create_graph=order < highest, retain_graph=True, allow_unused=True)
        found[order] = [np.zeros(x.shape) if g is None else np.asarray(g.detach().numpy()) for g, x in zip(gradients, inputs)]
        outputs, along = gradients, [wrap(d if d.shape else d[()]) for d in direction]
    return found


# How far from it.


def _row(
    order: int, name: str, fused: np.ndarray, twin: np.ndarray, expected: np.ndarray, rtol: float | None, atol: float | None
) -> Row:
    usual_rtol, usual_atol = TOLERANCES[fused.dtype]
    rtol, atol = usual_rtol if rtol is None else rtol, usual_atol if atol is None else atol
    return Row(
        order, name, fused.shape, fused.dtype, _difference(fused, expected), _difference(twin, expected), _difference(fused, twin),
        tolerance=atol + rtol * _largest(expected),
    )


def _difference(value: np.ndarray, expected: np.ndarray) -> Difference:
    """How far value is from expected, an array of the same dtype or of a wider one."""
    if not value.size:
        return Difference(0.0, 0.0, 0.0, None, np.nan, np.nan)
    rounded = expected.astype(value.dtype)
    off = np.asarray(np.abs(value.astype(expected.dtype) - expected), np.float64)
    same = (np.isnan(value) & np.isnan(rounded)) | (np.isinf(value) & (value == rounded))
    off = np.where(same, 0, np.where(np.isfinite(off), off, np.inf))
    at = tuple(map(int, np.unravel_index(np.argmax(off), off.shape)))
    absolute, spacing = float(off[at]), float(np.spacing(np.abs(rounded[at])))
    return Difference(
        absolute, _in_units(absolute, _largest(expected)), _in_units(absolute, spacing), at, float(value[at]), float(expected[at])
    )


def _in_units(difference: float, unit: float) -> float:
    if not difference:
        return 0.0
    return difference / unit if unit and np.isfinite(unit) else np.inf


def _largest(array: np.ndarray) -> float:
    """The largest absolute value that is finite."""
    array = array.astype(np.float64)
    return float(np.max(np.abs(array), where=np.isfinite(array), initial=0))


# The report as text.


def _accuracy_table(rows: Sequence[Row]) -> list[str]:
    lines = [["", "", "absolute", "relative", "ulp", "worst element", "value there", "expected"]]
    for row in rows:
        for form, found in (("fused", row.fused), ("composed", row.composed), ("each other", row.each_other)):
            lines.append([row.name if form == "fused" else "", form, *_difference_cells(found, row.dtype)])
    return _columns(lines)


def _difference_cells(found: Difference, dtype: np.dtype) -> list[str]:
    if not found.absolute:
        return ["0", "0", "0", "", "", ""]
    digits = {2: 5, 4: 9, 8: 12}[dtype.itemsize]
    ulp = f"{found.ulp:.1f}" if found.ulp < 1000 else f"{found.ulp:.1e}"
    values = [f"{value:.{digits}g}" for value in (found.value, found.expected)]
    return [f"{found.absolute:.1e}", f"{found.relative:.1e}", ulp, str(list(found.at or ())), *values]


def _higher_table(rows: Sequence[HigherRow]) -> list[str]:
    lines = [["", "absolute", "relative", "the method's own", "worst element", "value there", "expected"]]
    for row in rows:
        absolute, relative, _, *where = _difference_cells(row.fused, np.dtype(np.float64))
        lines.append([row.name, absolute, relative, f"{row.method.absolute:.1e}", *where])
    return _columns(lines)


def _cost_table(fused: Cost, composed: Cost) -> list[str]:
    lines = [["", "forward", "", "backward", "", "nodes", "kept"]]
    for form, cost in (("fused", fused), ("composed", composed)):
        lines.append([form, *_time_cells(cost.forward), *_time_cells(cost.backward), str(cost.nodes), _size(cost.kept_bytes)])
    return _columns(lines)


def _time_cells(seconds: Sequence[float]) -> list[str]:
    """The median, and from where to where the times reach."""
    factor, unit = (1e6, "us") if median(seconds) < 1e-3 else (1e3, "ms")
    times = [x * factor for x in (median(seconds), min(seconds), max(seconds))]
    middle, least, most = (f"{time:.3g}" if time < 999.5 else f"{time:.0f}" for time in times)
    return [f"{middle} {unit}", f"({least} to {most})"]


def _size(n: int) -> str:
    """A number of bytes, in the unit that suits it."""
    return f"{n} B" if n < 1024 else f"{n / 1024:.1f} KiB" if n < 1024**2 else f"{n / 1024**2:.1f} MiB"


def _plain(value: Any) -> Any:
    """A value as JSON knows it; of a row, also whether it is ok."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = {**value._asdict(), **({"ok": value.ok} if hasattr(value, "ok") else {})}
    if isinstance(value, dict):
        return {key: _plain(x) for key, x in value.items()}
    if isinstance(value, tuple):
        return [_plain(x) for x in value]
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _columns(lines: list[list[str]]) -> list[str]:
    """Columns side by side: those with a header flush right, and those without one flush left."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    sides = [">" if header else "<" for header in lines[0]]
    return ["  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(line, sides, widths)).rstrip() for line in lines]
