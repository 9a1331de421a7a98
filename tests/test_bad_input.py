"""Each mistake of a user gets an error that names the op and the tensor; grad stays untouched, and the engine stays usable.

Mistakes in optimizers, modules and data are in the tests of those rooms.
"""

import copy
import inspect
import pickle
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import errors
from tinygrad_edu.engine.saying import name_of
from tinygrad_edu.engine.tensor import DISPATCH
from tinygrad_edu.nn import functional as F


@pytest.fixture
def w():
    return tg.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True, name="weights")


def twice(function):
    function()
    return function()


MISTAKES = {
    "shapes that do not broadcast": (
        lambda w: w + tg.ones((4,), name="offsets"), errors.ShapeError, ["Add()", "'weights'", "(2, 3)", "'offsets'", "(4,)", "equal or 1"]),
    "broadcasting with three": (
        lambda w: tg.where(np.ones(4, bool), w, 0.0), errors.ShapeError, ["Where()", "(4,)", "(2, 3)", "broadcast"]),
    "matrices that do not multiply": (
        lambda w: w @ w, errors.ShapeError, ["MatMul()", "'weights'", "last axis of a (3)", "second to last of b (2)"]),
    "batches that do not broadcast": (
        lambda w: tg.ones((2, 2, 3)) @ tg.ones((4, 3, 2)), errors.ShapeError, ["MatMul()", "(2,)", "(4,)"]),
    "a matrix times a number": (lambda w: w @ tg.tensor(2.0), errors.ShapeError, ["MatMul()", "at least one axis"]),
    "reshape to another size": (lambda w: w.reshape(4, 4), errors.ShapeError, ["Reshape(shape=(4, 4))", "'weights'", "(2, 3)"]),
    "an axis that is not there": (lambda w: w.sum(axis=2), np.exceptions.AxisError, ["sum", "axis 2"]),
    "an index out of range": (lambda w: w[5], IndexError, ["5", "GetItem"]),
    "an index of floats": (lambda w: w[np.array([0.5])], IndexError, ["getitem", "float64", "integers"]),
    "concatenating other shapes": (lambda w: tg.concatenate([w, tg.ones((2, 2))]), errors.ShapeError, ["Concatenate(axis=0)", "(2, 2)"]),
    "the largest of nothing": (lambda w: w[:0].max(), errors.ShapeError, ["Max", "(0, 3)"]),
    "backward of a matrix": (lambda w: (w * 2).backward(), errors.ShapeError, ["(2, 3)", "Multiply()", "single element"]),
    "backward with another shape": (lambda w: (w * 2).backward(np.ones(3)), errors.ShapeError, ["(2, 3)", "(3,)"]),
    "backward of a constant": (lambda w: tg.tensor(1.0, name="loss").backward(), errors.GraphError, ["'loss'", "requires_grad=True"]),
    "backward of what no_grad computed": (lambda w: w.detach().sum().backward(), errors.GraphError, ["no_grad"]),
    "backward through a freed graph": (lambda w: twice((w * w).sum().backward), errors.GraphError, ["second time", "retain_graph=True"]),
    "a gradient for integers": (lambda w: tg.tensor([1, 2], requires_grad=True, name="ids"), errors.DTypeError, ["'ids'", "int64", "astype"]),
    "a gradient for bools": (lambda w: tg.tensor([True]).requires_grad_(), errors.DTypeError, ["bool", "astype"]),
    "backward of a complex number": (lambda w: (w * 1j).sum().backward(), errors.DTypeError, ["Sum", "complex64", "x.real"]),
    "complex numbers as real ones": (lambda w: (w * 1j).astype("float32"), errors.DTypeError, ["astype", "complex64", "x.real"]),
    "a leaf in place": (lambda w: w.__iadd__(1), errors.GraphError, ["'weights'", "leaf", "no_grad"]),
    "np.asarray": (lambda w: np.asarray(w), errors.GraphError, ["'weights'", "history", "detach"]),
    "np.array of tensors": (lambda w: np.array([w, w]), errors.GraphError, ["'weights'", "tg.stack"]),
    "an unsupported function": (lambda w: np.array2string(w), errors.UnsupportedError, ["np.array2string", "detach"]),
    "an unsupported ufunc": (lambda w: np.subtract.accumulate(w), errors.UnsupportedError, ["np.subtract.accumulate", "accumulate does of np.add"]),
    "a method of a ufunc": (lambda w: np.power.reduceat(w, [0]), errors.UnsupportedError, ["np.power.reduceat", "np.add"]),
    "an array += a tensor": (lambda w: np.ones((2, 3)).__iadd__(w), errors.UnsupportedError, ["out=", "array += tensor"]),
    "out=": (lambda w: w.sum(out=np.zeros(())), TypeError, ["sum", "out="]),
    "an operand that is no number": (lambda w: w + "a", errors.DTypeError, ["Add()", "str", "'a'"]),
    "an operand of objects": (lambda w: w + np.array([None, {}, 1], dtype=object), errors.DTypeError, ["Add()", "object"]),
    "data that are no numbers": (lambda w: tg.tensor(["a"]), errors.DTypeError, ["numbers"]),
    "item of many": (lambda w: w.item(), errors.ShapeError, ["'weights'", "6 elements"]),
    "truth of many": (lambda w: bool(w), errors.ShapeError, ["'weights'", ".any()"]),
    "a float result into integers": (lambda w: tg.tensor([1, 2]).__iadd__(0.5), errors.DTypeError, ["int64", "float"]),
    "a larger result in place": (lambda w: tg.zeros(3).__iadd__(tg.ones((2, 3))), errors.ShapeError, ["(3,)", "(2, 3)"]),
    "a shape in several arguments": (
        lambda w: tg.zeros(2, 3), errors.DTypeError, ["dtype is the number 3", "one argument", "tg.zeros((2, 3))"]),
    "a read-only array in place": (
        lambda w: tg.broadcast_to(tg.tensor(1.0), (3,)).__iadd__(1), errors.MutationError, ["read-only", "copy()"]),
    "grad that is no tensor": (lambda w: setattr(w, "grad", np.ones((2, 3))), errors.DTypeError, ["Tensor", "ndarray"]),
    "grad of another shape": (lambda w: setattr(w, "grad", tg.ones(3)), errors.ShapeError, ["'weights'", "(3,)"]),
    "stopping an inner tensor": (lambda w: (w * 2).requires_grad_(False), errors.GraphError, ["Multiply()", "detach"]),
    "grad of what is no tensor": (lambda w: tg.grad(w.sum(), np.ones(3)), errors.DTypeError, ["input 0", "ndarray"]),
    "grad for a constant": (lambda w: tg.grad(w.sum(), tg.ones(3)), errors.GraphError, ["input 0", "requires_grad"]),
    "one value for each channel": (
        lambda w: F.batch_norm(w[:1], None, None, training=True), errors.ShapeError, ["batch_norm", "(1, 3)", "at least two", "eval()"]),
    "batch norm in float16": (
        lambda w: F.batch_norm(w.astype(np.float16), None, None, training=True), errors.DTypeError, ["batch_norm", "float16", "float32"]),
    "cross entropy in float16": (lambda w: F.cross_entropy(w.astype(np.float16), [0, 1]), errors.DTypeError, ["cross_entropy", "float16"]),
    "batch norm of a vector": (lambda w: F.batch_norm(w[0], None, None, training=True), errors.ShapeError, ["batch_norm", "two axes"]),
    "batch norm with other channels": (
        lambda w: F.batch_norm(w, None, None, tg.ones(2), training=True), errors.ShapeError, ["weight", "(2,)", "3 channels"]),
    "batch norm without statistics": (lambda w: F.batch_norm(w, None, None), ValueError, ["evaluation", "running_mean"]),
    "dropout with p above 1": (lambda w: F.dropout(w, 1.5), ValueError, ["dropout", "1.5", "0 to 1"]),
    "dropout with p below 0": (lambda w: F.dropout(w, -0.1), ValueError, ["dropout", "-0.1"]),
    "dropout with p that is NaN": (lambda w: F.dropout(w, float("nan")), ValueError, ["dropout", "nan"]),
    "dropout with both notations": (lambda w: F.dropout(w, 0.5, keep_prob=0.5), ValueError, ["keep_prob", "one of them"]),
    "dropout with a seed": (lambda w: F.dropout(w, 0.5, generator=7), errors.DTypeError, ["generator", "int", "default_rng"]),
    "a label that is too large": (lambda w: F.cross_entropy(w, [0, 3]), IndexError, ["target[1] is 3", "3 classes", "0 to 2"]),
    "a label below 0": (lambda w: F.cross_entropy(w, [-1, 0]), IndexError, ["target[0] is -1", "ignore_index"]),
    "labels of another shape": (lambda w: F.cross_entropy(w, [0, 1, 2]), errors.ShapeError, ["cross_entropy", "(2, 3)", "(3,)"]),
    "labels that are bools": (lambda w: F.cross_entropy(w, [True, False]), errors.DTypeError, ["target", "bool"]),
    "an unknown reduction": (lambda w: F.cross_entropy(w, [0, 1], reduction="max"), ValueError, ["'max'", "'none'"]),
    "losses that would broadcast": (lambda w: F.mse_loss(w, tg.ones(3)), errors.ShapeError, ["mse_loss", "'weights'", "equal"]),
    "linear with another size": (lambda w: F.linear(tg.ones((5, 2)), w), errors.ShapeError, ["linear", "(5, 2)", "'weights'", "(2, 3)"]),
    "linear with another dtype": (
        lambda w: F.linear(tg.ones((5, 3), dtype=np.float64), w), errors.DTypeError, ["linear", "float64", "'weights'", "float32"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_and_harms_nothing(mistake, w):
    make, error, words = MISTAKES[mistake]
    before = w.data.copy()
    with pytest.raises(error) as caught:
        make(w)
    text = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    for word in words:
        assert word in text, text
    assert mistake == "backward through a freed graph" or w.grad is None
    assert np.array_equal(w.data, before) and tg.is_grad_enabled()
    w.grad = None
    (w * 2).sum().backward()
    assert np.all(w.grad.data == 2)


def test_an_empty_batch_is_no_batch_norm_but_is_linear_and_dropout():
    x = tg.zeros((0, 3), requires_grad=True)
    with pytest.raises(errors.ShapeError, match="0 values"):
        F.batch_norm(x, None, None, training=True)
    out = F.dropout(F.linear(x, tg.ones((2, 3), requires_grad=True)), 0.5)
    out.sum().backward()
    assert out.shape == (0, 2) and x.grad.shape == (0, 3)


def test_errors_are_also_the_built_in_ones():
    assert issubclass(errors.ShapeError, ValueError) and issubclass(errors.DTypeError, TypeError)
    assert issubclass(errors.GraphError, RuntimeError) and issubclass(errors.MutationError, RuntimeError)


# Which function was called, and with what; the class of the error is NumPy's for arrays

A = np.arange(6.0).reshape(2, 3)
V = np.array([1.0, 2.0])

CALLS = {
    "take": (lambda x, v: np.take(x, 9), ["take(", "(2, 3)", "9"]),
    "compress": (lambda x, v: np.compress([1, 0, 1, 1], v), ["compress(", "(2,)"]),
    "insert": (lambda x, v: np.insert(v, 9, 1.0), ["insert(", "9"]),
    "tile": (lambda x, v: np.tile(x, -1), ["tile(", "-1"]),
    "resize": (lambda x, v: np.resize(v, -3), ["resize(", "-3"]),
    "hstack": (lambda x, v: np.hstack([x, v]), ["hstack(", "(2, 3)", "(2,)"]),
    "diagonal": (lambda x, v: np.diagonal(v), ["diagonal(", "(2,)"]),
    "choose": (lambda x, v: np.choose([0, 5], [v, v]), ["choose(", "[0, 5]"]),
    "fliplr": (lambda x, v: np.fliplr(v), ["fliplr(", "(2,)"]),
    "rot90": (lambda x, v: np.rot90(v), ["rot90(", "(2,)"]),
    "moveaxis": (lambda x, v: np.moveaxis(x, 0, 8), ["moveaxis(", "destination: axis 8"]),
    "partition": (lambda x, v: np.partition(v, 9), ["partition(", "9"]),
    "split into 0": (lambda x, v: np.split(x, 0), ["split(", "0"]),
    "split without axes": (lambda x, v: np.split(x[0, 0], 2), ["split(", "0."]),
    "broadcast_arrays": (lambda x, v: np.broadcast_arrays(x, v), ["broadcast_arrays(", "(2, 3)", "(2,)"]),
    "quantile": (lambda x, v: np.quantile(v, 2.0), ["quantile(", "2.0"]),
    "greater": (lambda x, v: np.greater(x, v), ["greater(", "(2, 3)", "(2,)"]),
    "<": (lambda x, v: x < v, ["less(", "(2, 3)", "(2,)"]),
    "==": (lambda x, v: x == v, ["equal(", "(2, 3)", "(2,)"]),
    "&": (lambda x, v: x & x, ["bitwise_and(", "float64"]),
    "argmax": (lambda x, v: x.argmax(5), ["argmax(", "5"]),
    "pad": (lambda x, v: np.pad(x, ((1, 2),) * 3), ["pad(", "(2, 3)"]),
    "searchsorted": (lambda x, v: np.searchsorted(x, 1.0), ["searchsorted(", "(2, 3)"]),
    "add.reduce": (lambda x, v: np.add.reduce(x, axis=5), ["add.reduce(", "axis=5"]),
    "unstack": (lambda x, v: np.unstack(x, axis=7), ["unstack(", "axis=7"]),
    "cross": (lambda x, v: np.cross(x, x, axis=7), ["cross(", "axis=7"]),
    "float_power": (lambda x, v: np.float_power(x, v), ["float_power(", "(2, 3)", "(2,)"]),
    "linspace": (lambda x, v: np.linspace(x, v, 3), ["linspace(", "(2, 3)", "(2,)"]),
    "svdvals": (lambda x, v: np.linalg.svdvals(v), ["linalg.svdvals(", "(2,)"]),
    "fft of more": (lambda x, v: np.fft.fftn(x, axes=(3,)), ["fft.fftn(", "(2, 3)"]),
    "hfft": (lambda x, v: np.fft.hfft(v, axis=4), ["fft.hfft(", "axis=4"]),
    "solve": (lambda x, v: np.linalg.solve(x[:, :2], 2.0), ["solve", "no axes"]),
    "positive": (lambda x, v: np.positive(v > 1), ["positive(", "bool"]),
    "hstack without casting": (lambda x, v: np.hstack([v, v], dtype="f4", casting="no"), ["hstack(", "'no'", "float64", "float32"]),
    "hstack into integers": (lambda x, v: np.hstack([v, v], dtype="i8"), ["hstack(", "same_kind"]),
    "put_along_axis": (lambda x, v: np.put_along_axis(x, np.array([[1]]), 9.0, None), ["put_along_axis", "(1, 1)", "one axis"]),
    "a missing argument": (lambda x, v: np.take(x), ["take(", "indices"]),
}


def said_by(call, *operands):
    with pytest.raises(Exception) as caught:      # noqa: PT011
        call(*operands)
    return caught.value, "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("called", CALLS)
def test_an_error_says_what_was_called_and_has_numpys_class(called, requires_grad):
    call, words = CALLS[called]
    numpys, _ = said_by(call, A, V)
    error, text = said_by(call, *(tg.tensor(a, requires_grad=requires_grad) for a in (A, V)))
    assert isinstance(error, type(numpys)), (type(error), type(numpys))
    for word in words:
        assert word in text, text


def test_an_assignment_says_what_it_got():
    x = tg.tensor(V, name="steps")
    for index, value, error, words in ((5, 1.0, IndexError, ["setitem(", "'steps'", "5"]), (slice(None), [1, 2, 3], ValueError, ["(3,)", "(2,)"])):
        got, text = said_by(x.__setitem__, index, value)
        assert isinstance(got, error) and all(word in text for word in words), text


def with_only_an_axis(function):
    parameters = [] if isinstance(function, np.ufunc) else list(inspect.signature(function).parameters.values())
    return any(p.name == "axis" for p in parameters[1:]) and not any(
        p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters[1:]
    )


@pytest.mark.parametrize("function", [f for f in DISPATCH if with_only_an_axis(f) and f not in (np.amax, np.amin)], ids=name_of)
def test_each_function_with_an_axis_says_its_own_name_if_there_is_no_such_axis(function):
    for call in (function, DISPATCH[function]):
        error, text = said_by(partial(call, axis=9), tg.tensor(A))
        assert isinstance(error, np.exceptions.AxisError), text
        assert text.startswith((name_of(function), function.__name__)) and "axis 9" in text and text.count(f"{function.__name__}(") <= 1


def test_what_was_called_is_said_once_and_not_of_errors_of_the_graph():
    x = tg.tensor(V, requires_grad=True)
    assert said_by(tg.fliplr, x)[1].count("float64 tensor of shape (2,)") == 1
    assert said_by(np.multiply, x, np.ones(3))[1].startswith("Multiply(): a has shape (2,)")
    assert said_by(np.take, tg.tensor(V), 9, 0)[1].startswith("take(float64 tensor of shape (2,), 9, 0): index 9")
    assert said_by(tg.take, list(range(1000)), 10**6)[1].startswith("take([0, 1, 2, 3, 4, 5, ...], 1000000)")

    class Leaving(tg.Op):
        def forward(self, x):
            return x * 1

        def grad_x(self, g, x):
            return g * np.take(np.ones(1), 9)

    error, text = said_by(Leaving()(x).sum().backward)
    assert "take(" not in text and isinstance(error, IndexError)


def test_what_is_read_only_is_refused_as_numpy_does():
    x = tg.broadcast_to(tg.tensor(1.0), (3,))
    for change in (lambda: x.__iadd__(1), lambda: x.__setitem__(0, 1.0), lambda: x.fill(2.0)):
        error, text = said_by(change)
        assert isinstance(error, ValueError) and isinstance(error, errors.MutationError) and "read-only" in text and "x.copy()" in text


def test_comparing_with_what_is_no_number_answers_as_numpy_does():
    for x in (tg.tensor(V, requires_grad=True), tg.tensor(1.0)):
        for other in ("a", None, np.datetime64("2020")):
            assert (x == other).dtype == np.bool_ == (x != other).dtype and not (x == other).any() and (x != other).all()
            assert (x == other).shape == x.shape
    with pytest.raises(TypeError):
        tg.tensor(V) < "a"      # noqa: B015


def test_a_part_of_a_slice_that_is_no_integer_is_named():
    with pytest.raises(TypeError, match=r"getitem: a slice has 1\.0"):
        tg.tensor(V)[1.0:]


@pytest.mark.parametrize("dtype", [object, "U3", "M8[s]"])
def test_astype_refuses_what_tensor_refuses(dtype):
    with pytest.raises(errors.DTypeError, match="astype.*numbers"):
        tg.tensor(V).astype(dtype)


def test_a_hint_is_given_only_where_it_is_near():
    x = tg.tensor(V)
    assert "nearest" not in said_by(np.strings.upper, x)[1]
    assert "np.add" in said_by(np.power.reduce, x)[1] and "trunc" not in said_by(np.power.reduce, x)[1]


def test_tangents_of_real_arguments_are_real():
    for transform in (lambda v: tg.func.jvp(np.square, (V,), (v,)), lambda v: tg.func.vjp(np.square, V)[1](v)):
        error, text = said_by(transform, V * 1j)
        assert isinstance(error, errors.DTypeError) and text.startswith(("jvp", "vjp")) and "real part" in text


def test_argnums_may_be_an_integer_of_numpy():
    assert tg.func.grad(lambda a, b: a * b, argnums=np.int64(1))(2.0, 3.0).item() == 2
    assert [g.item() for g in tg.func.grad(lambda a, b: a * b, argnums=(np.int64(1), 0))(2.0, 3.0)] == [2, 3]


def test_a_picture_of_many_axes_is_short():
    assert len(repr(tg.zeros((4,) * 9))) < 20_000 and repr(tg.ones((2,) * 5)).count("1.") == 32
    assert repr(tg.zeros((40, 40)))[7:] == np.array2string(np.zeros((40, 40), np.float32), separator=", ", prefix="Tensor(") + ")"


def test_a_leaf_with_a_recorded_gradient_can_be_pickled():
    x = tg.tensor(2.0, requires_grad=True)
    (x * x).backward(create_graph=True)
    for again in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        assert again.requires_grad and again.grad.item() == 4 and not again.grad.requires_grad
    assert x.grad.requires_grad


@dataclass(frozen=True)
class Frozen(Exception):
    message: str


def test_an_error_in_which_nothing_can_be_said_stays_as_it_is():
    def fails(row):
        raise Frozen("of the user")

    with pytest.raises(Frozen, match="of the user"):
        np.apply_along_axis(fails, 0, tg.ones((2, 2)))


def test_an_error_can_be_pickled_though_its_operands_record():
    x = tg.tensor([1.0, 2.0], requires_grad=True) * 1
    with pytest.raises(errors.ShapeError) as caught:
        np.reshape(x, 7)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda x: np.copyto(x, 7.0, where=np.array([1, 0, 0])), TypeError),
        (lambda x: np.mean(x, where=np.array([1, 0, 2])), TypeError),
        (lambda x: np.sum(x, where=np.array([1.0, 0.0, 2.0])), TypeError),
        (lambda x: np.std(x, where=np.array([1, 0, 2])), TypeError),
        (lambda x: np.min(x.astype(int), initial=np.inf), OverflowError),
        (lambda x: np.sum(x.astype(int), initial=float("nan")), ValueError),
    ],
)
def test_masks_of_numbers_and_initials_that_do_not_fit_are_refused_as_numpy_refuses_them(call, error):
    values = np.array([1.0, 2.0, 3.0])
    for x in values, tg.tensor(values):
        with pytest.raises(error):
            call(x)
