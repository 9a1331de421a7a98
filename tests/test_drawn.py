"""Every function of NumPy that is differentiated, at drawn shapes, dtypes, layouts and values: right, and NaN stays where it belongs."""

import warnings
from contextlib import contextmanager

import numpy as np
import pytest
from drawing import CALLS, LONG, SMALL_CALLS
from hypothesis import assume, given, reject, settings, strategies as st
from test_every_op import OPS

import tinygrad_edu as tg
from tinygrad_edu.examples import numpy_functions
from tinygrad_edu.nn import functional as F

AWKWARD = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e-310, -1e-310, 1e30, -1e30, np.inf, -np.inf, np.nan]
SPOILING = [np.nan, np.inf, -np.inf, 1e30, 0.0]
REFUSED = (ValueError, ArithmeticError, np.linalg.LinAlgError)
MOST = 12                                           # elements of which it is asked what they meet: each takes eight calls
WIDE = {np.dtype(kind): wide for wide, kinds in ((np.longdouble, "fd"), (np.clongdouble, "FD")) for kind in kinds}


def name_of(function):
    return f"{getattr(function, '__module__', 'numpy')}.{getattr(function, '__name__', function)}"


SPOILED_BY_ZEROS = {
    F.conv1d, F.conv2d, F.conv_transpose1d, F.conv_transpose2d, F.scaled_dot_product_attention, np.polydiv, np.geomspace, np.interp,
}  # fmt: skip
"""These multiply by zeros as well, and NaN times 0 is NaN: around their input, where a mask is, for the part of a remainder that is not
looked at, for the powers whose place the ends of a row take, and beside a point that is nowhere.
"""

every_function = pytest.mark.parametrize("function", CALLS, ids=name_of)


def test_every_function_of_numpy_has_calls():
    differentiated = {
        function: f"{prefix}.{name}"
        for prefix, space in numpy_functions.NAMESPACES.items()
        for name, function in numpy_functions.functions(space)
        if numpy_functions.decision(prefix, function) == "differentiated"
    }
    assert [name for function, name in differentiated.items() if function not in CALLS] == []


def test_the_calls_reach_every_op():
    """Forward, or on the way back through a recorded gradient."""
    found = set()

    def collect(function):
        @settings(max_examples=4, database=None)
        @given(CALLS[function])
        def walked(call):
            gs = tensors_of(sent_back([out for out in run(call.function, call.arrays)[0] if out.requires_grad]))
            outs, _, gradients = run(call.function, call.arrays, gs, create_graph=True)
            nodes = [out.node for out in [*outs, *gradients] if out.requires_grad]
            while nodes:
                node = nodes.pop()
                if node is not None and node.op is not None:
                    found.add(type(node.op))
                    nodes += node.parents

        return walked

    for function in CALLS:
        collect(function)()
    assert [op.__name__ for op in OPS if op not in found] == []


def results(value):
    """The values of a function, one after the other."""
    return [part for one in value for part in results(one)] if isinstance(value, (tuple, list)) else [value]


@contextmanager
def silent():
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def tensors_of(arrays):
    """Leaves that share the memory of arrays, and their layout."""
    return [tg.from_numpy(x, requires_grad=True) for x in arrays]


def sent_back(outs):
    """What is sent back from the values that are recorded: numbers without any regularity, the same each time."""
    rng = np.random.default_rng(1)
    drawn = [rng.uniform(0.5, 1.5, out.shape) + (1j * rng.uniform(0.5, 1.5, out.shape) if out.dtype.kind == "c" else 0) for out in outs]
    return [np.asarray(g, out.dtype) for g, out in zip(drawn, outs)]


def run(function, arrays, changed=None, create_graph=False):
    """The values, the leaves, and dL/dx of each for L = real part of sum(conj(g) * value); changed are the gs to send back in place of them."""
    xs = tensors_of(arrays)
    with silent():                                  # of the forward pass, where NumPy warns as it does of arrays
        outs = results(function(*xs))
    recorded = [out for out in outs if out.requires_grad]
    gs = changed or sent_back(recorded)
    gradients = tg.grad(recorded, xs, gs, allow_unused=True, create_graph=create_graph) if recorded else [None] * len(xs)     # without a warning
    return outs, xs, [tg.zeros_like(x) if g is None else g for x, g in zip(xs, gradients)]


def real_sum(a, b):
    """The real part of sum(conj(a) * b)."""
    return np.sum(np.conj(a) * b).real


def directions(arrays):
    rng = np.random.default_rng(2)
    return [np.asarray(rng.uniform(-1, 1, x.shape) + (1j * rng.uniform(-1, 1, x.shape) if x.dtype.kind == "c" else 0)) for x in arrays]


def slope(along, wide):
    """The derivative of along(t) at 0, by differences whose error is of the order h**4."""
    h = 1e-4 if wide else 2e-4
    central = [(along(step) - along(-step)) / (2 * step) for step in (h / 2, h)]
    return (4 * central[0] - central[1]) / 3


def moved(arrays, ds, t, wide):
    return [np.asarray(x.astype(WIDE[x.dtype]) + t * d) if wide else np.asarray(x + t * d) for x, d in zip(arrays, ds)]


def values_of(function, arrays):
    with silent():
        return [np.asarray(value) for value in results(function(*arrays))]


def compare(got, expected, terms, tolerance, what):
    size = sum(float(np.sum(np.abs(term))) for term in terms)
    assert abs(got - expected) <= tolerance * (size + 1e-2), f"{what}: {got} and {expected}, of terms of the size {size}"


@every_function
@given(data=st.data())
def test_values_and_gradients(function, data):
    call = data.draw(CALLS[function])
    outs, xs, gradients = run(call.function, call.arrays)
    single = call.arrays[0].dtype == np.float32
    for out, expected in zip(outs, values_of(call.function, call.arrays), strict=True):
        assert (out.shape, out.dtype) == (expected.shape, expected.dtype)
        largest = np.max(np.abs(expected), initial=1)
        np.testing.assert_allclose(out.detach(), expected, rtol=2e-5 if single else 1e-12, atol=(2e-6 if single else 1e-13) * largest)
    for x, gradient in zip(xs, gradients):
        assert (gradient.shape, gradient.dtype) == (x.shape, x.dtype)
    arrays = [x.astype(np.float64) if single else x for x in call.arrays]
    outs, xs, first = run(call.function, arrays, create_graph=True)
    if single:
        for gradient, exact in zip(gradients, first):
            largest = np.max(np.abs(exact.detach().numpy()), initial=1)          # of a smaller one terms of the size 1 were taken away
            np.testing.assert_allclose(gradient, exact.detach(), rtol=0, atol=5e-6 * largest)
    wide = call.wide and LONG
    tolerance = 1e-11 if wide else 1e-6
    gs = sent_back([out for out in outs if out.requires_grad])
    ds = directions(arrays)

    def loss(t):
        values = values_of(call.function, moved(arrays, ds, t, wide))
        return sum(real_sum(g, value) for g, value in zip(gs, [value for value, out in zip(values, outs) if out.requires_grad]))

    terms = [np.conj(gradient.detach().numpy()) * d for gradient, d in zip(first, ds)]
    compare(sum(np.sum(term).real for term in terms), slope(loss, wide), terms, tolerance, "the gradient")

    def gradient_along(t):
        _, _, at_t = run(call.function, moved(arrays, ds, t, wide), [np.asarray(g, WIDE[np.dtype(g.dtype)]) if wide else g for g in gs])
        return sum(real_sum(d, gradient.numpy()) for d, gradient in zip(ds, at_t))

    recorded = [(gradient, d) for gradient, d in zip(first, ds) if gradient.requires_grad]
    second = [None] * len(xs)
    if recorded:
        second = tg.grad([gradient for gradient, _ in recorded], xs, [d for _, d in recorded], allow_unused=True)
    terms = [np.conj(gradient.detach().numpy()) * d for gradient, d in zip(second, ds) if gradient is not None]
    compare(sum(np.sum(term).real for term in terms), slope(gradient_along, wide), terms, 100 * tolerance, "the gradient of the gradient")


# Awkward values


def some_values(call, values):
    """One of values; no infinity for LAPACK, which may compute for ever."""
    return st.sampled_from([value for value in values if call.wide or not np.isinf(value)])


@st.composite
def awkward_calls(draw, function):
    """A call in which some elements are awkward, or the same as others; and the call with the numbers that were there before."""
    call = draw(CALLS[function])
    arrays = [np.array(x) for x in call.arrays]
    for x in arrays:
        for place in draw(st.sets(st.integers(0, max(x.size - 1, 0)), max_size=3)) if x.size else ():
            value, other = draw(some_values(call, AWKWARD)), draw(some_values(call, AWKWARD))
            with np.errstate(all="ignore"):
                x.flat[place] = complex(value, other) if x.dtype.kind == "c" else value
    return call, arrays


@every_function
@given(data=st.data())
def test_awkward_values(function, data):
    """Values are NumPy's, and so are errors; the backward pass gives gradients of the right form, without a warning."""
    call, arrays = data.draw(awkward_calls(function))
    try:
        expected = values_of(call.function, arrays)
    except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
        with pytest.raises(type(error)), silent():
            call.function(*tensors_of(arrays))
        return
    outs, xs, gradients = run(call.function, arrays)
    tolerance = 1e-4 if arrays[0].dtype == np.float32 else 1e-9
    for out, value in zip(outs, expected, strict=True):
        assert (out.shape, out.dtype) == (value.shape, value.dtype)
        out, size = out.detach().numpy(), 0
        if call.blas or out.dtype.kind == "c":          # NumPy's own forms of a complex product differ in which part is infinite
            finite = np.isfinite(out) & np.isfinite(value)
            out, value = out[finite], value[finite]
            size = np.max(np.abs(value), initial=1)
        np.testing.assert_allclose(out, value, rtol=tolerance, atol=tolerance * size)
    for x, gradient in zip(xs, gradients):
        assert (gradient.shape, gradient.dtype) == (x.shape, x.dtype)


@pytest.mark.parametrize("function", [F.gelu, F.relu, F.sigmoid, F.silu, F.softplus, F.tanh], ids=name_of)
@given(data=st.data())
def test_activations_and_their_gradients_are_finite_where_x_is(function, data):
    call, (x,) = data.draw(awkward_calls(function))
    (out,), _, (gradient,) = run(call.function, [x])
    assert np.all(np.isfinite(out.detach().numpy()[np.isfinite(x)])) and np.all(np.isfinite(gradient.numpy()[np.isfinite(x)]))


def reached(function, arrays, which, place, values):
    """For each value of a function its elements that change where one element of an array becomes another, as NumPy has it."""
    before = values_of(function, arrays)
    changed = [np.zeros(value.shape, bool) for value in before]
    for value in values:
        moved = [np.array(x) for x in arrays]
        moved[which].flat[place] = value
        try:
            after = values_of(function, moved)
        except REFUSED:
            continue
        if [value.shape for value in after] != [value.shape for value in before]:
            return [np.ones(value.shape, bool) for value in before]
        for mask, old, new in zip(changed, before, after):
            mask |= (old != new) & ~((old != old) & (new != new))
    return changed


@pytest.mark.parametrize("function", [function for function in CALLS if function not in SPOILED_BY_ZEROS], ids=name_of)
@given(data=st.data())
def test_an_awkward_element_changes_no_gradient_but_those_of_what_it_meets(function, data):
    """NaN stays where it belongs: only elements that share an output with it may have another gradient."""
    call = data.draw(SMALL_CALLS[function])
    arrays = [np.array(x) for x in call.arrays]
    places = [(i, j) for i, x in enumerate(arrays) for j in range(x.size)]
    assume(places)
    which, place = data.draw(st.sampled_from(places))
    value = data.draw(some_values(call, SPOILING))
    awkward = [np.array(x) for x in arrays]
    alike = int(np.prod(arrays[which].shape[-2:])) if call.blas and not call.wide else 1       # LAPACK spoils a whole matrix
    with silent():
        awkward[which].flat[place] = value
        try:
            met = reached(call.function, arrays, which, place, [value, 50.0, np.nan])
            apart = {
                (i, j)
                for i, j in np.random.default_rng(0).permutation(places)[:MOST].tolist()
                if not (i == which and place // alike == j // alike)
                and not any(
                    np.any(a & b)
                    for at in (arrays, awkward)
                    for a, b in zip(met, reached(call.function, at, i, j, [50.0, -50.0, np.nan]), strict=True)
                )
            }
            gradients = run(call.function, awkward)[2]
        except REFUSED:
            reject()
    expected = run(call.function, arrays)[2]
    tolerance = 1e-5 if arrays[0].dtype == np.float32 else 1e-12
    for i, (gradient, before) in enumerate(zip(gradients, expected)):
        for j, (new, old) in enumerate(zip(gradient.numpy().flat, before.numpy().flat)):
            if (i, j) in apart or (call.linear and (i, j) != (which, place)):
                assert abs(new - old) <= tolerance * (1 + abs(old)), f"d/d input {i}[{j}] was {old} and is {new}"
