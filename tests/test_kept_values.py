"""What forward computed and a rule uses: kept by a Fused it is safe at every order, and hidden anywhere else it is refused, never silently wrong."""

import numpy as np
import pytest

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu.errors import DefinitionError, GraphError

WAYS_OUT = ["name x or out in", "compute square again there", "derive Cube from Fused", "{'square': square}", "composed is the same function"]


def second_derivative(op):
    """Of sum(op(x) * x) at (1, 2, 3), summed; 12 * x**2 for a cube. op is not all that x goes into: a part of the history may get lost."""
    x = tg.tensor([1.0, 2.0, 3.0], dtype="float64", requires_grad=True)
    first, = tg.grad((op(x) * x).sum(), x, create_graph=True)
    second, = tg.grad(first.sum(), x)
    return second.tolist()


CUBES = [12.0, 48.0, 108.0]


def cube(base=tg.Op, forward=lambda self, x: x**3, **rules):
    """An instance of a class Cube."""
    return type(base)("Cube", (base,), {"forward": forward, **rules})()


def keeping(self, x):
    return x**3, {"square": x * x}


# What a Fused keeps


@pytest.mark.parametrize("rules", [
    {"grad_x": lambda self, g, square: 3 * g * square},
    {"grad_x": lambda self, g, x, square: g * (x * x + 2 * square)},
    {"grad_x": lambda self, g, x: 3 * g * x * x},
    {"backward": lambda self, g, square: (3 * g * square,)},
    {"backward": lambda self, g, x, square, needs: (g * (x * x + 2 * square),)},
], ids=["kept alone", "kept beside an input", "kept and not used", "joint", "joint beside an input"])
def test_a_gradient_of_a_gradient_is_that_of_the_twin(rules):
    assert second_derivative(cube(tg.Fused, keeping, composed=lambda self, x: x * x * x, **rules)) == CUBES


def test_a_kept_tensor_is_a_kept_value_too():
    op = cube(
        tg.Fused, lambda self, x: (x**3, {"kept": tg.tensor(x * x)}),
        grad_x=lambda self, g, kept: 3 * g * kept.numpy(), composed=lambda self, x: x * x * x,
    )
    assert second_derivative(op) == CUBES


def test_the_assignments_cache_is_safe():
    op = tg.Fused.from_functions(lambda x: (x**3, x * x), lambda dout, cache: 3 * dout * cache, lambda x: x * x * x)
    assert second_derivative(op) == CUBES


# What an Op has of forward


def test_a_number_in_a_rule_is_a_constant():
    def nothing(g):
        """Zeros, by way of numbers that functions make arrays of."""
        return 0 * (np.diff(g, prepend=0.5) + np.divmod(g, 2.0)[1] + np.add.outer(g, 0.5) + np.gradient(g, 0.5) + np.float_power(2.0, g))

    assert second_derivative(cube(grad_x=lambda self, g, x: 3 * g * x * x + nothing(g))) == CUBES


def test_a_rule_of_an_op_that_names_what_forward_kept_is_refused_with_both_ways_out():
    with pytest.raises(DefinitionError) as failure:
        cube(forward=keeping, grad_x=lambda self, g, square: 3 * g * square)
    assert all(words in str(failure.value) for words in ["Cube.grad_x names square", *WAYS_OUT])


def test_an_op_whose_forward_wants_to_keep_something_is_told_how():
    with pytest.raises(DefinitionError) as failure:
        cube(forward=keeping, grad_x=lambda self, g, x: 3 * g * x * x)(tg.ones(3))
    assert all(words in str(failure.value) for words in ["forward returned a tuple", *WAYS_OUT])


def test_an_op_cannot_hold_what_forward_computed():
    def forward(self, x):
        self.square = x * x
        return x**3

    with pytest.raises(DefinitionError) as failure:
        cube(forward=forward, grad_x=lambda self, g: 3 * g * self.square)(tg.ones(3))
    assert all(words in str(failure.value) for words in ["square cannot be set", *WAYS_OUT])


hidden = {}


def in_the_object(self, x):
    self.__dict__["square"] = x * x
    return x**3


def in_the_class(self, x):
    type(self).square = x * x
    return x**3


def in_a_global(self, x):
    hidden["square"] = x * x
    return x**3


def in_a_list(self, x):
    hidden["square"] = (x * x).tolist()
    return x**3


def in_a_closure():
    square = None

    def forward(self, x):
        nonlocal square
        square = x * x
        return x**3

    def grad_x(self, g):
        return 3 * g * square

    return {"forward": forward, "grad_x": grad_x}


@pytest.mark.parametrize(("definition", "called"), [
    ({"forward": in_the_object, "grad_x": lambda self, g: 3 * g * self.square}, "self.square"),
    ({"forward": in_the_class, "grad_x": lambda self, g: 3 * g * self.square}, "self.square"),
    ({"forward": in_a_global, "grad_x": lambda self, g: 3 * g * hidden["square"]}, "hidden['square']"),
    (in_a_closure(), "square"),
    ({"forward": in_a_global, "grad_x": lambda self, g, x: np.where(x > 0, g, 0) * 3 * hidden["square"]}, "hidden['square']"),
], ids=["object", "class", "global", "closure", "beside an input"])
def test_what_forward_hid_is_refused_by_name_with_both_ways_out(definition, called):
    op = cube(**definition)
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    assert tg.grad(op(x).sum(), x)[0].tolist() == [3.0, 12.0]
    with pytest.raises(GraphError) as failure:
        second_derivative(op)
    assert all(words in str(failure.value) for words in [f"Cube.grad_x uses {called}, an array of shape (3,) without history", *WAYS_OUT])


@pytest.mark.parametrize(("how", "words"), [
    (lambda x: x.numpy(), "leaves the graph by numpy() of x"),
    (lambda x: x.data, "leaves the graph by data of x"),
    (lambda x: np.asarray(x), "leaves the graph by np.asarray of x"),
    (lambda x: np.array(x.tolist()), "leaves the graph by tolist() of x"),
    (lambda x: np.array([x[i].item() for i in range(3)]), "leaves the graph by item()"),
    (lambda x: np.array([float(x[i]) for i in range(3)]), "leaves the graph by item()"),
    (lambda x: np.array([int(x[i]) for i in range(3)]), "leaves the graph by item()"),
    (tg.no_grad()(lambda x: x * 1), "switches recording off"),
    (lambda x: (tg.set_grad_enabled(False), x * 1)[1], "switches recording off"),
])
def test_a_rule_that_leaves_the_graph_is_refused(how, words):
    def grad_x(self, g, x):
        left = x if isinstance(x, np.ndarray) else how(x)
        return 3 * g * left * left

    op = cube(grad_x=grad_x)
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    assert tg.grad(op(x).sum(), x)[0].tolist() == [3.0, 12.0]
    with pytest.raises(GraphError) as failure:
        second_derivative(op)
    assert f"Cube.grad_x {words}" in str(failure.value)


def test_a_rule_that_returns_an_array_without_history_is_refused():
    with pytest.raises(GraphError, match="Cube.grad_x uses an array of shape"):
        second_derivative(cube(forward=in_a_global, grad_x=lambda self, g: 3 * hidden["square"]))


def test_a_list_is_an_array_too():
    op = cube(forward=in_a_list, grad_x=lambda self, g: 3 * g * hidden["square"])
    with pytest.raises(GraphError, match="Cube.grad_x uses an array of shape"):
        second_derivative(op)


def test_a_number_of_numpys_may_be_what_forward_computed():
    with pytest.raises(GraphError, match=r"Cube.grad_x uses a number of NumPy's without history.* say so: float\(value\)"):
        second_derivative(cube(grad_x=lambda self, g, x: np.sqrt(9.0) * g * x * x))
    assert second_derivative(cube(grad_x=lambda self, g, x: float(np.sqrt(9.0)) * g * x * x)) == CUBES


def test_constants_may_be_used_in_rules():
    def grad_x(self, g, x):
        by_three = tg.tensor(np.full(3, 3.0))               # said to be one
        positive = np.ones(3, bool)                         # bools and integers move nothing
        return np.where(positive & (x > 0), by_three * g * x * x, 0) * np.arange(1, 4) / np.arange(1, 4)

    assert second_derivative(cube(grad_x=grad_x)) == CUBES


def test_the_functions_of_the_library_may_be_used_in_rules():
    class Twice(tg.Op):
        """softmax of batch norm, by the rules of others."""

        def forward(self, x):
            return x * 1

        def grad_x(self, g, x):
            normed = F.batch_norm(tg.tensor(x) if isinstance(x, np.ndarray) else x, None, None, training=True)
            result = g * (1 + 0 * F.softmax(normed, 1) * F.gelu(normed))
            return result.numpy() if isinstance(x, np.ndarray) else result

    x = tg.tensor(np.random.default_rng(0).normal(size=(3, 2)), requires_grad=True)
    first, = tg.grad((Twice()(x) * x).sum(), x, create_graph=True)
    np.testing.assert_allclose(tg.grad(first.sum(), x)[0].numpy(), 2)


# Twins that are none


@pytest.mark.parametrize(("composed", "error", "words"), [
    (lambda self, x: (x * x * x).sum(), DefinitionError, r"composed returned shape \(\); it needs to return a Tensor of shape \(3,\)"),
    (lambda self, x: (x * x * x).reshape(1, 3), DefinitionError, r"composed returned shape \(1, 3\)"),
    (lambda self, x: None, DefinitionError, "composed returned NoneType"),
    (lambda self, x: x.detach().numpy() ** 3, DefinitionError, "composed returned ndarray"),
    (lambda self, x: x * x * x * x, DefinitionError, r"composed is another function than forward.*at \[2\] forward gives 27 and composed 81"),
    (lambda self, x: tg.tensor(x.numpy() ** 3), GraphError, r"Cube.composed leaves the graph by numpy\(\) of x"),
    (lambda self, x: x * x * tg.tensor(np.asarray(x)), GraphError, "Cube.composed leaves the graph by np.asarray of x"),
    (lambda self, x: x.detach() ** 3, GraphError, "composed does not depend on x"),
    (lambda self, x: 1 / 0, ZeroDivisionError, "division"),
])
def test_a_twin_that_is_none_is_refused(composed, error, words):
    op = cube(tg.Fused, keeping, grad_x=lambda self, g, square: 3 * g * square, composed=composed)
    x = tg.tensor([1.0, 2.0, 3.0], dtype="float64", requires_grad=True)
    assert tg.grad(op(x).sum(), x)[0].tolist() == [3.0, 12.0, 27.0]
    with pytest.raises(error, match=words) as failure:
        second_derivative(op)
    assert "in the backward pass of Cube()" in failure.value.__notes__[0]


def test_a_twin_may_shift_by_what_it_detaches():
    class Softmax(tg.Fused):
        def forward(self, x):
            powers = np.exp(x - np.max(x))
            return powers / np.sum(powers), {}

        def backward(self, g, out):
            return (out * (g - np.sum(g * out)),)

        def composed(self, x):
            powers = np.exp(x - np.max(x).detach())
            return powers / np.sum(powers)

    np.testing.assert_allclose(second_derivative(Softmax()), second_derivative(lambda x: F.softmax(x, 0)), atol=1e-12)
