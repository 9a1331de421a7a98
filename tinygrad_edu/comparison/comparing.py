"""Fused against composed: is the hand-written gradient right, how right, and at what price (tg.compare)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.modes import enable_grad
from ..engine.op import Fused
from ..engine.tensor import Tensor
from ..errors import DTypeError, ShapeError
from . import hard_inputs
from .cost import costs
from .diagnosis import diagnose, diagnose_shapes
from .difference import TOLERANCES, row_of
from .forms import Form
from .orders import MOST_ELEMENTS, HigherRow, higher
from .reference import expected_results
from .report import Report


def compare(
    op: Fused,
    *inputs: Any,
    rtol: float | None = None,
    atol: float | None = None,
    reference: str | None = None,
    repeats: int = 15,
    generator: np.random.Generator | None = None,
    orders: Sequence[int] = (1, 2, 3),
    sweep: bool = False,
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
                    as on x86-64 Linux; elsewhere float64 for narrower inputs, and mpmath for float64. Where that would take long it
                    is float64. The report says which.
        repeats     how often each form is timed, in turn with the other; less often if that takes long.
        generator   draws dL/dout; by default the same each time.
        orders      which orders to compare, of 1, 2 and 3; 1 always is, and the others if it is right. Inputs of more elements than
                    16,384 are cut to their first rows for it, and the report says so.
        sweep       whether to see as well on which hard inputs digits are lost, as tg.comparison.sweep does.
    Returns a Report: a table with a verdict when printed; ok, assert_close() and all numbers for programs.
    The inputs, and their grad, stay as they are.
    Raises DTypeError if op is no instance of a Fused, or an input or the output is not real; GraphError if no input has a gradient;
    ValueError if reference is "mpmath" and would take minutes; ShapeError if the two forms have outputs of different shapes or dtypes,
    or a hand-written gradient has not the shape of its input; its notes (__notes__) then say what explains that, such as a sum that is
    missing.

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
    if repeats < 1:
        raise ValueError(f"compare: repeats is {repeats}; it needs to be at least 1")
    if not set(orders) <= {1, 2, 3}:
        raise ValueError(f"compare: orders is {orders!r}; it needs to be some of 1, 2 and 3")
    fused = Form.checked("compare", op, inputs)
    twin = fused.twin
    with np.errstate(all="ignore"), enable_grad():
        out, twin_out = (form.forward(form.leaves(fused.names)) for form in (fused, twin))
        _check_outputs(op, out, twin_out)
        drawing = _drawing(out, twin_out)
        # A seed that nobody else takes: batch norm's gradient is next to 0 if dL/dout happens to be x, drawn from the seed 0.
        generator = np.random.default_rng(int.from_bytes(b"dL/dout")) if generator is None else generator
        upstream = np.asarray(generator.standard_normal(out.shape), out.dtype)
        words, expected = expected_results(twin, upstream, reference)
        try:
            by_hand = fused.results(upstream)
        except ShapeError as error:
            for name, mistake in _mistaken_shapes(fused, out.shape).items():
                error.add_note(f"diagnosis  dL/d{name}: {mistake}")
            raise
        what = [(0, "out"), *[(1, f"dL/d{name}") for name in fused.moved]]
        of_twin = twin.results(upstream)
        arrays = zip(by_hand, of_twin, expected)
        rows = tuple(row_of(order, name, *three, rtol, atol) for (order, name), three in zip(what, arrays))
        cost, twin_cost = costs((fused, twin), upstream, repeats)
        higher_rows: tuple[HigherRow, ...] = ()
        on = "not compared, since the gradient itself is out of tolerance"
        if all(row.ok for row in rows):
            higher_rows, on = higher(fused, sorted(set(orders) - {1}), rtol, atol)
        wrong = [row.name for row in rows if not row.ok]
        again = {"forward": (out, by_hand[0]), "composed": (twin_out, of_twin[0])}
        mistakes = {} if not wrong else _mistakes(fused, generator, wrong) if rows[0].ok else _mistakes_in_out(again)
    swept = hard_inputs.sweep(op, *fused.values) if sweep else None
    return Report(op, fused.described, words, rows, cost, twin_cost, higher_rows, on, mistakes, swept, drawing)


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


def _check_outputs(op: Fused, out: Tensor, twin: Tensor) -> None:
    if out.dtype not in TOLERANCES:
        raise DTypeError(f"compare: the output of {op!r} has dtype {out.dtype}; it needs to be float16, float32 or float64")
    if (out.shape, out.dtype) != (twin.shape, twin.dtype):
        raise ShapeError(
            f"compare: the output of {op!r} has shape {out.shape} and dtype {out.dtype}, and that of its twin {twin.shape} and "
            f"{twin.dtype}; forward and composed need to give the same"
        )


def _mistakes_in_out(again: dict[str, tuple[Tensor, Any]]) -> dict[str, str]:
    """Why the values differ, if one of the two, run again at the same inputs, gave something else."""
    drawing = [name for name, (first, second) in again.items() if not np.array_equal(first.detach().numpy(), second, equal_nan=True)]
    words = "gives another value each time: seed what it draws, or draw it outside and make it an input"
    return {"out": f"{' and '.join(drawing)} {words}"} if drawing else {}


def _drawing(out: Tensor, twin_out: Tensor) -> Any:
    """Both graphs, side by side."""
    if out.node is None or twin_out.node is None:
        return None
    from ..viz import draw  # which loads Graphviz's package, and is not needed to compare

    return draw(out, twin_out, titles=("fused", "composed"))


def _mistakes(fused: Form, generator: np.random.Generator, wrong: Sequence[str]) -> dict[str, str]:
    """What explains each gradient that is wrong, found in float64 and on the first rows of large inputs."""
    cut, on = fused.first_rows(MOST_ELEMENTS)
    fused = (cut or fused).in_float64
    try:
        upstream = np.asarray(generator.standard_normal(fused.forward(fused.leaves()).shape))
        by_hand = fused.results(upstream)[1:]
    except Exception as error:
        return dict.fromkeys(wrong, f"unexplained: {fused.op!r} does not take {on} in float64: {error}")
    found = {f"dL/d{name}": words for name, words in diagnose(fused.op, fused.names, fused.values, fused.wanted, upstream, by_hand).items()}
    return {name: found.get(name, "in float64 it is right, so it is the digits of the dtype that are lost") for name in wrong}


def _mistaken_shapes(fused: Form, shape: tuple[int, ...]) -> dict[str, str]:
    """What explains each hand-written gradient that came back in another shape than that of its input, found in float64."""
    fused = fused.in_float64
    upstream = np.random.default_rng(0).standard_normal(shape)
    node: Any = fused.forward(fused.leaves()).node
    gradients = [np.asarray(g) for g, is_wanted in zip(fused.op.pull(upstream, node.parents, node.kept), fused.wanted) if is_wanted]
    return diagnose_shapes(fused.op, fused.names, fused.values, fused.wanted, upstream, gradients)
