"""Every function of NumPy is decided: differentiated, without gradient, or refused with a reason; the docs say what the code does."""

from inspect import signature, unwrap
from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.tensor import DISPATCH, REFUSED
from tinygrad_edu.examples import numpy_functions
from tinygrad_edu.ops.without_gradient import WITHOUT_GRADIENT

CHECKOUT = Path(__file__).resolve().parents[1]
ALL = [
    (prefix, name, function) for prefix, space in numpy_functions.NAMESPACES.items() for name, function in numpy_functions.functions(space)
]


def test_no_function_is_undecided_and_none_is_decided_twice():
    assert len(ALL) > 330
    assert [(prefix, name) for prefix, name, function in ALL if not numpy_functions.decision(prefix, function)] == []
    refused = {f"{prefix}.{name}".removeprefix("np.") for prefix, name, function in ALL if function not in DISPATCH}
    assert [name for name in REFUSED if name not in refused] == []
    assert WITHOUT_GRADIENT <= DISPATCH.keys()


def test_the_page_says_what_the_code_does():
    page = (CHECKOUT / "tinygrad_edu/docs/numpy.md").read_text("utf-8")
    assert page.rstrip().endswith(numpy_functions.table().rstrip()), "python -m tinygrad_edu.examples.numpy_functions prints the table anew"


@pytest.mark.parametrize("function", [function for _, _, function in ALL if isinstance(function, np.ufunc) and function not in DISPATCH])
def test_a_refused_ufunc_says_why(function):
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(tg.errors.UnsupportedError) as caught:
        function(*[x] * function.nin)
    assert REFUSED[function.__name__] in str(caught.value)


def test_a_refused_function_says_why_and_what_to_do():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    for call, said in (
        (lambda: np.packbits(x), "np.packbits does not take Tensors: it packs"), (lambda: np.savez("x", x), r"x\.detach\(\)\.numpy\(\)"),
    ):
        with pytest.raises(tg.errors.UnsupportedError, match=said):
            call()


@pytest.mark.parametrize("function", [np.trunc, np.signbit, np.floor_divide, np.isin, np.searchsorted, np.argwhere, np.rint])
def test_without_gradient_means_numpys_values_in_tensors_that_need_none(function):
    values = np.array([3.0, -1.5, 2.0])
    arguments = (2.0,) if function in (np.floor_divide, np.isin, np.searchsorted) else ()
    got, expected = function(tg.tensor(values, requires_grad=True), *arguments), function(values, *arguments)
    for ours, numpys in zip(*(x if isinstance(x, tuple) else (x,) for x in (got, expected)), strict=True):
        assert isinstance(ours, tg.Tensor) and not ours.requires_grad
        np.testing.assert_array_equal(ours, numpys)


def test_every_function_that_takes_tensors_is_ours_too():
    for prefix, name, function in ALL:
        if function in DISPATCH:
            space = tg if prefix == "np" else getattr(tg, prefix.removeprefix("np."))
            assert getattr(space, name) is DISPATCH[function], name
    assert tg.floor_divide(tg.tensor([7.0]), 2.0).item() == 3 and "floor_divide" in dir(tg)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = tg.nothing


HANDED_ON = {"moves", "without_gradient", "_of_sets"}
"""Makers of functions that hand all that they get to NumPy's function itself, so that it says what it does not take: right by construction."""


def function_of_ours(function):
    """Below the door that says its name, and above NumPy's, whose signature wraps gives it."""
    return unwrap(DISPATCH[function], stop=lambda found: getattr(found, "__wrapped__", None) in DISPATCH)


def maker(function):
    """The name of the function that made ours, or its own."""
    return function_of_ours(function).__code__.co_qualname.partition(".")[0]


WITH_DISPATCH = [(name, function) for _, name, function in ALL if function in DISPATCH and not isinstance(function, np.ufunc)]
WITH_PARAMETERS = [(name, function) for name, function in WITH_DISPATCH if maker(function) not in HANDED_ON]


def test_every_maker_that_is_left_out_makes_functions():
    assert HANDED_ON <= {maker(function) for _, function in WITH_DISPATCH}


@pytest.mark.parametrize(("name", "function"), WITH_PARAMETERS, ids=[name for name, _ in WITH_PARAMETERS])
def test_every_parameter_of_numpy_is_one_of_ours(name, function):
    """In NumPy's order, where it may be given without its name; and ours takes no arguments of any number or name where NumPy's does not."""
    try:
        numpys = signature(function).parameters.values()
    except ValueError:
        pytest.skip("NumPy says no signature")
    ours = signature(function_of_ours(function), follow_wrapped=False).parameters
    missing = [p.name for p in numpys if p.name not in ours and p.kind is not p.POSITIONAL_ONLY and p.kind is not p.VAR_KEYWORD]
    assert missing == []
    by_place = [p.name for p in numpys if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert [key for key, p in ours.items() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and key in by_place][: len(by_place)] == by_place
    open_ended = {p.kind for p in ours.values() if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    assert open_ended <= {p.kind for p in numpys}
