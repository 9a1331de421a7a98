"""The primitives, and the table that gives Tensor its operators and methods."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from ..engine.tensor import LOADED_LATER, Tensor, change_in_place
from . import (
    applying,
    assignment,
    complex_numbers,
    creation,
    cumulative,
    decompositions,
    elementwise,
    exponential,
    histograms,
    index,
    interpolation,
    linalg,
    pieces,
    polynomials,
    products,
    random,
    rearranging,
    reduce,
    refused,
    shape,
    spacing,
    special,
    statistics,
    trigonometric,
    ufunc_methods,
    without_gradient,
)


def _swapped(function: Callable) -> Callable:
    """For the operator of the right operand: 2 - x is subtract(2, x)."""
    return lambda self, other: function(other, self)


def _in_place(function: Callable) -> Callable:
    return lambda self, other: change_in_place(self, function, other)


def _change(function: Callable) -> Callable:
    """A method that changes its tensor in place, as that of ndarray does, to what function gives; recorded as an assignment is."""

    def changed(self: Tensor, *args: Any, **kwargs: Any) -> None:
        index.setitem(self, ..., function(shape.copy(self), *args, **kwargs))      # of a copy: no view of self is made

    return changed


def _without_arguments(function: Callable) -> Any:
    return property(lambda self: function(self))


_OPERATORS = {
    "add": elementwise.add,
    "sub": elementwise.subtract,
    "mul": elementwise.multiply,
    "truediv": elementwise.divide,
    "pow": elementwise.power,
    "mod": pieces.remainder,
    "floordiv": without_gradient.floor_divide,
    "matmul": linalg.matmul,
    "and": without_gradient.bitwise_and,
    "or": without_gradient.bitwise_or,
    "xor": without_gradient.bitwise_xor,
    "lshift": without_gradient.left_shift,
    "rshift": without_gradient.right_shift,
}

_METHODS = {
    "__neg__": elementwise.negative,
    "__pos__": pieces.positive,
    "__abs__": elementwise.abs_,
    "__divmod__": pieces.divmod,
    "__rdivmod__": _swapped(pieces.divmod),
    "__invert__": without_gradient.invert,
    "__eq__": without_gradient.equals,
    "__ne__": without_gradient.differs,
    "__lt__": without_gradient.less,
    "__le__": without_gradient.less_equal,
    "__gt__": without_gradient.greater,
    "__ge__": without_gradient.greater_equal,
    "__getitem__": index.getitem,
    "__setitem__": index.setitem,
    "sum": reduce.sum,
    "mean": reduce.mean,
    "max": reduce.max,
    "min": reduce.min,
    "exp": elementwise.exp,
    "log": elementwise.log,
    "sqrt": elementwise.sqrt,
    "square": elementwise.square,
    "abs": elementwise.abs_,
    "tanh": elementwise.tanh,
    "relu": elementwise.relu,
    "clip": elementwise.clip_method,
    "astype": elementwise.astype_method,
    "conj": complex_numbers.conjugate,
    "conjugate": complex_numbers.conjugate,
    "copy": shape.copy,
    "reshape": shape.reshape_method,
    "ravel": shape.ravel,
    "flatten": lambda self, order="C": shape.copy(shape.ravel(self, order)),
    "transpose": shape.transpose_method,
    "swapaxes": shape.swapaxes,
    "squeeze": shape.squeeze,
    "cumprod": cumulative.cumprod,
    "cumsum": cumulative.cumsum,
    "prod": cumulative.prod,
    "compress": lambda self, condition, axis=None, out=None: rearranging.compress(condition, self, axis, out),
    "diagonal": rearranging.diagonal,
    "dot": products.dot,
    "repeat": rearranging.repeat,
    "take": rearranging.take,
    "trace": rearranging.trace,
    "all": without_gradient.all,
    "any": without_gradient.any,
    "argmax": without_gradient.argmax,
    "argmin": without_gradient.argmin,
    "argpartition": without_gradient.argpartition,
    "argsort": without_gradient.argsort,
    "searchsorted": without_gradient.searchsorted,
    "choose": lambda self, choices, out=None, mode="raise": rearranging.choose(self, choices, out, mode),
    "mT": _without_arguments(rearranging.matrix_transpose),
    "nonzero": without_gradient.nonzero,
    "round": without_gradient.round,
    "T": _without_arguments(shape.transpose),
    "real": _without_arguments(complex_numbers.real),
    "imag": _without_arguments(complex_numbers.imag),
    "fill": _change(lambda self, value: value),
    "sort": _change(rearranging.sort),
    "partition": _change(rearranging.partition),
}

for _name, _function in _OPERATORS.items():
    setattr(Tensor, f"__{_name}__", _function)
    setattr(Tensor, f"__r{_name}__", _swapped(_function))
    setattr(Tensor, f"__i{_name}__", _in_place(_function))
for _name, _function in _METHODS.items():
    setattr(Tensor, _name, _function)

LOADED_LATER["numpy.fft"] = partial(import_module, f"{__name__}.fourier")
