"""Each mistake of a user gets an error that names the op and the tensor; grad stays untouched, and the engine stays usable.

Mistakes in optimizers, modules and data are in the tests of those rooms.
"""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import errors
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
    "an unsupported ufunc": (lambda w: np.subtract.accumulate(w), errors.UnsupportedError, ["np.subtract.accumulate", "nearest"]),
    "a method of a ufunc": (lambda w: np.add.reduceat(w, [0]), errors.UnsupportedError, ["np.add.reduceat"]),
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
