"""tg.func: derivatives of functions, of any order, nested in any way, and jacobians whose rows walk together."""

import collections
import functools
import gc
import importlib
import math
import weakref

import mpmath
import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import func
from tinygrad_edu.engine import backward
from tinygrad_edu.engine.batch import Batch
from tinygrad_edu.engine.op import Elementwise
from tinygrad_edu.errors import DTypeError, GraphError, MutationError, ShapeError
from tinygrad_edu.nn import functional as F
from tinygrad_edu.testing import all_cases
from tinygrad_edu.testing.gradcheck import _Line

Point = collections.namedtuple("Point", "x y")


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@pytest.fixture
def x():
    return np.random.default_rng(0).uniform(0.5, 2, 4)


def near(a, b, rtol=1e-12):
    """Whether results in containers are the same numbers, in the same containers."""
    a, b = list(func._leaves(a)), list(func._leaves(b))
    assert len(a) == len(b)
    for one, other in zip(a, b):
        one, other = (np.asarray(value.detach() if isinstance(value, tg.Tensor) else value) for value in (one, other))
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol)
    return True


def one_by_one(f, *arguments):
    """The jacobian of f by all arguments, row by row through vjp; the oracle of what walks together."""
    out, pull = func.vjp(f, *arguments)
    rows = [pull(row.reshape(out.shape)) for row in np.eye(out.size, dtype=out.dtype)]
    return tuple(
        np.reshape([row[i].numpy() for row in rows], (*out.shape, *np.shape(argument))) for i, argument in enumerate(arguments)
    )


# Values


def test_derivatives_of_a_number_in_closed_form():
    assert func.grad(lambda x: x**3)(2.0).item() == 12
    assert func.grad(func.grad(lambda x: x**3))(2.0).item() == 12
    assert func.grad(func.grad(func.grad(lambda x: x**3)))(2.0).item() == 6


def test_the_gradient_and_the_hessian_of_rosenbrocks_function_in_closed_form(x):
    gradient = np.zeros(4)
    gradient[:-1] += -400 * x[:-1] * (x[1:] - x[:-1] ** 2) - 2 * (1 - x[:-1])
    gradient[1:] += 200 * (x[1:] - x[:-1] ** 2)
    hessian = np.diag(np.r_[1200 * x[:-1] ** 2 - 400 * x[1:] + 2, 0] + 200 * np.r_[0, 1, 1, 1]) - 400 * (np.diag(x[:-1], 1) + np.diag(x[:-1], -1))
    assert near(func.grad(rosenbrock)(x), gradient)
    assert near(func.value_and_grad(rosenbrock)(x), (rosenbrock(x), gradient))
    assert near(func.hessian(rosenbrock)(x), hessian)
    t = np.array([1.0, -2.0, 0.5, 3.0])
    assert near(func.hvp(rosenbrock, (x,), (t,)), (hessian @ t,))
    assert near(func.jvp(rosenbrock, (x,), (t,)), (rosenbrock(x), gradient @ t))


@pytest.mark.parametrize(
    ("f", "same"),
    [
        (lambda x: np.sin(x) * np.exp(x), lambda x: mpmath.sin(x) * mpmath.exp(x)),
        (lambda x: np.log1p(np.exp(-x * x)), lambda x: mpmath.log(1 + mpmath.exp(-x * x))),
        (lambda x: np.tanh(x) / x, lambda x: mpmath.tanh(x) / x),
        (lambda x: np.sqrt(1 + x**4), lambda x: mpmath.sqrt(1 + x**4)),
    ],
)
def test_third_derivatives_are_those_of_mpmath(f, same):
    third = func.grad(func.grad(func.grad(f)))
    forward = lambda x: func.jvp(lambda x: func.jvp(lambda x: func.jvp(f, (x,), (1.0,))[1], (x,), (1.0,))[1], (x,), (1.0,))[1]  # noqa: E731
    with mpmath.workdps(40):
        truth = float(mpmath.diff(same, 0.7, 3))
    assert third(np.float64(0.7)).item() == pytest.approx(truth, rel=1e-12)
    assert forward(np.float64(0.7)).item() == pytest.approx(truth, rel=1e-12)


def test_third_derivatives_go_through_fused_nodes():
    f = lambda x: (F.batch_norm(x, None, None, training=True) ** 3).sum()  # noqa: E731
    x = np.array([[1.0], [2.0], [4.0]])
    first = lambda g: lambda x: g(x)[0, 0]  # noqa: E731
    third = func.grad(first(func.grad(first(func.grad(f)))))
    assert third(x)[0, 0].item() == pytest.approx(-1.3254, abs=1e-4)       # the README's, where PyTorch says -3.0014


def test_a_jvp_is_the_limit_of_differences(x):
    f = lambda x: np.tanh(x[:2] @ x.reshape(2, 2)) * np.exp(x[0])  # noqa: E731
    t = np.array([1.0, -2.0, 0.5, 3.0])
    v = np.array([0.3, -0.7])
    out, change = func.jvp(f, (x,), (t,))
    assert near(out, f(x))
    assert np.sum(v * change.numpy()) == pytest.approx(_Line(lambda x: f(x), [x], 0, [v]).derivative(t, 1e-3), rel=1e-8)


def test_jvp_and_vjp_and_jacobian_agree(x):
    f = lambda x, y: (np.sin(x)[:, None] * y).reshape(-1)  # noqa: E731
    y = np.array([1.0, 2.0])
    rows = func.jacobian(f, (0, 1))(x, y)
    tx, ty, v = np.arange(4.0), np.array([1.0, -1.0]), np.linspace(-1, 1, 8)
    assert near(func.jvp(f, (x, y), (tx, ty))[1], rows[0].numpy() @ tx + rows[1].numpy() @ ty)
    assert near(func.vjp(f, x, y)[1](v), (v @ rows[0].numpy(), v @ rows[1].numpy()))
    assert near(func.jvp(f, (x, y), tx, argnums=0)[1], rows[0].numpy() @ tx)
    assert near(func.vjp(f, x, y, argnums=1)[1](v), v @ rows[1].numpy())


def test_hessians_are_symmetric(x):
    w = np.random.default_rng(1).standard_normal((5, 4))
    hessian = func.hessian(lambda x: np.log(np.sum(np.exp(w @ np.sin(x)))))(x).numpy()
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-13)
    blocks = func.hessian(lambda x, y: np.sum(np.sin(x) * y[:, None]) * np.sum(y**2), (0, 1))(x, np.array([1.0, 2.0]))
    np.testing.assert_allclose(blocks[0][1].numpy(), blocks[1][0].numpy().T, rtol=1e-13)


def test_a_function_with_linear_algebra_has_the_hessian_of_differences():
    f = lambda x: np.sum(np.linalg.solve(np.eye(3) + np.outer(x, x), np.sin(x)))  # noqa: E731
    x = np.array([1.0, 2.0, 3.0])
    gradient = func.grad(f)
    rows = [_Line(lambda x: gradient(x), [x], 0, [row]).derivative(direction, 1e-3) for row in np.eye(3) for direction in np.eye(3)]
    assert near(func.hessian(f)(x), np.reshape(rows, (3, 3)), 1e-9)
    assert func.hessian(f)(tg.tensor([1.0, 2.0, 3.0])).dtype == np.float32


# The peers

FUNCTIONS = {
    "rosenbrock": lambda m, x: m.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2),
    "angles": lambda m, x: m.sum(m.sin(x) * m.cos(x[0]) / (1 + x * x)),
    "products": lambda m, x: m.sum(m.tanh(x.reshape(2, 2) @ x.reshape(2, 2))),
    "chain": lambda m, x: m.log(m.sum(m.exp(m.sqrt(x) * x[::1][1]))),
    "linear in one": lambda m, x: x[0] + m.sum(x[1:] ** 3),
}
VECTORS = {
    "elementwise": lambda m, x: m.exp(-x) * m.sin(x * x),
    "product": lambda m, x: m.tanh(x.reshape(2, 2) @ x[:2]),
    "one number": lambda m, x: m.sum(x**3),
    "more outputs": lambda m, x: (x[:, None] * x * m.exp(x[0])) [..., None] * x,
}


@pytest.mark.peers
@pytest.mark.parametrize("name", FUNCTIONS)
def test_numbers_are_differentiated_as_in_pytorch(name, x):
    import torch

    ours, theirs = (functools.partial(FUNCTIONS[name], module) for module in (np, torch))
    point, t = torch.tensor(x), torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)
    assert near(func.grad(ours)(x), torch.func.grad(theirs)(point))
    assert near(func.value_and_grad(ours)(x), torch.func.grad_and_value(theirs)(point)[::-1])
    assert near(func.hessian(ours)(x), torch.func.hessian(theirs)(point), 1e-11)
    assert near(func.hvp(ours, (x,), (t.numpy(),)), (torch.func.hessian(theirs)(point) @ t,), 1e-11)
    third = torch.func.jacrev(torch.func.hessian(theirs))(point)
    assert near(func.jacobian(func.hessian(ours))(x), third, 1e-10)


@pytest.mark.peers
@pytest.mark.parametrize("name", VECTORS)
def test_vectors_are_differentiated_as_in_pytorch(name, x):
    import torch

    ours, theirs = (functools.partial(VECTORS[name], module) for module in (np, torch))
    point, t = torch.tensor(x), torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)
    out, pull = torch.func.vjp(theirs, point)
    v = torch.arange(out.numel(), dtype=torch.float64).reshape(out.shape)
    assert near(func.jacobian(ours)(x), torch.func.jacrev(theirs)(point))
    assert near(func.jvp(ours, (x,), (t.numpy(),)), torch.func.jvp(theirs, (point,), (t,)))
    assert near(func.vjp(ours, x)[1](v.numpy()), pull(v))
    assert near(func.jacobian(func.jacobian(ours))(x), torch.func.jacrev(torch.func.jacrev(theirs))(point), 1e-11)


@pytest.mark.peers("jax")
def test_containers_and_aux_come_back_as_in_jax(x):
    import jax

    def f(m, p, y, scale=1.0):
        out = {"a": m.sin(p["w"]) * y, "b": [p["point"].x * scale, None], "c": (m.sum(p["w"]) * p["point"].y,)}
        return out, {"inside": p["w"] * 2}

    def number(m, p, y):
        out, rest = f(m, p, y, scale=2.0)
        return m.sum(out["a"]) * out["b"][0] + out["c"][0] ** 2, rest

    def of_both(function):
        return functools.partial(function, np), functools.partial(function, jax.numpy)

    with jax.enable_x64(True):
        ours = {"point": Point(np.float64(1.5), np.float64(-0.5)), "w": x}, np.array([1.0, 2.0, 3.0, 4.0])
        theirs = jax.tree.map(jax.numpy.asarray, ours)
        for argnums in 0, (-1, 0):
            for transform, same, function in (
                (func.grad, jax.grad, number), (func.value_and_grad, jax.value_and_grad, number), (func.jacobian, jax.jacrev, f),
                (func.hessian, jax.hessian, number),
            ):
                one, other = of_both(function)
                alike(transform(one, argnums, has_aux=True)(*ours), same(other, argnums, has_aux=True)(*theirs))
        one, other = of_both(f)
        alike(func.jvp(one, ours, ours, has_aux=True), jax.jvp(other, theirs, theirs, has_aux=True))
        (out, pull, aux), (their_out, their_pull, their_aux) = func.vjp(one, *ours, has_aux=True), jax.vjp(other, *theirs, has_aux=True)
        alike((out, aux), (their_out, their_aux))
        alike(pull(out), their_pull(their_out))


def alike(one, other):
    """The same containers, and in them the same numbers."""
    assert skeleton(one) == skeleton(other)
    assert near(one, other, 1e-10)


def skeleton(tree):
    """Containers and keys."""
    if isinstance(tree, dict):
        return {key: skeleton(child) for key, child in tree.items()}
    return [type(tree), *map(skeleton, tree)] if isinstance(tree, (list, tuple)) else tree is None


# Complex numbers: the gradient is dL/d(real part) + 1j * dL/d(imaginary part)


def test_derivatives_by_complex_numbers_in_closed_form():
    z, t = np.array([1 + 2j, 3 - 1j]), np.array([0.5 - 1j, 2j])
    assert near(func.grad(lambda z: np.sum(np.abs(z) ** 2))(z), 2 * z)
    assert near(func.jvp(lambda z: z * z, (z,), (t,)), (z * z, 2 * z * t))                      # holomorphic
    assert near(func.jvp(lambda z: np.abs(z) ** 2, (z,), (t,))[1], 2 * (z.conj() * t).real)     # and not
    assert near(func.vjp(lambda z: z * z, z)[1](t)[0], 2 * z.conj() * t)
    assert near(func.hvp(lambda z: np.sum(np.abs(z) ** 4), (z,), (t,))[0], 4 * abs(z) ** 2 * t + 8 * z * (z.conj() * t).real)
    assert near(func.jvp(lambda z: func.jvp(lambda z: z**3, (z,), (t,))[1], (z,), (t,))[1], 6 * z * t * t)


@pytest.mark.peers
def test_derivatives_by_complex_numbers_are_those_of_pytorch():
    import torch

    f = lambda m, z: m.exp(z) * z.conj() * z[0].real  # noqa: E731
    z, t = np.array([0.1 + 0.2j, 0.3 - 0.1j]), np.array([0.5 - 1j, 2j])
    ours, theirs = functools.partial(f, np), functools.partial(f, torch)
    point, change = torch.tensor(z), torch.tensor(t)
    assert near(func.vjp(ours, z)[1](t), torch.func.vjp(theirs, point)[1](change))
    assert near(func.jvp(ours, (z,), (t,)), torch.func.jvp(theirs, (point,), (change,)))


def test_a_jacobian_goes_through_complex_numbers_and_not_from_them(x):
    f = lambda x: np.abs(np.exp(1j * x) * x[0] + x[::-1]) + np.real((1 + 2j) * x * np.sin(1j * x)[0])  # noqa: E731
    assert near(func.jacobian(f)(x), one_by_one(f, x)[0])
    assert near(func.jacobian(f)(x), np.stack([func.jvp(f, (x,), (t,))[1].numpy() for t in np.eye(4)], axis=1))
    for g in np.real, lambda z: z * 1j:
        with pytest.raises(DTypeError, match="jacobian: .* complex128; take real and imaginary part as two"):
            func.jacobian(g)(x * 1j)
    with pytest.raises(DTypeError, match="grad: <lambda> returns .* complex128; it needs to return a real number"):
        func.grad(lambda z: z.sum())(x * 1j)


# Arguments and results


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble"])
def test_a_gradient_has_the_dtype_of_its_argument_and_is_a_plain_tensor(dtype):
    x = np.array([1.0, 2.0], dtype)
    gradient, jacobian = func.grad(lambda x: np.sum(x * x))(x), func.jacobian(lambda x: x * x[0])(x)
    for result in gradient, jacobian, func.hvp(lambda x: np.sum(x**3), (x,), (x,))[0], func.jvp(np.sin, (x,), (x,))[1]:
        assert type(result) is tg.Tensor and result.dtype == dtype and result.node is None
    assert func.grad(lambda x: x * x)(3.0).dtype == np.float32
    mixed = func.grad(lambda x, y: np.sum(x * y), (0, 1))(x, np.ones(2, np.float32))
    assert [g.dtype for g in mixed] == [x.dtype, np.float32]


def test_containers_of_every_kind():
    p = collections.OrderedDict(b=[1.0, (2.0, None)], a=Point(3.0, {"deep": np.array([4.0])}), nothing=None, empty=())
    gradient = func.grad(lambda p: p["b"][0] * p["b"][1][0] + p["a"].x ** 2 + np.sum(p["a"].y["deep"]))(p)
    assert type(gradient) is collections.OrderedDict and list(gradient) == ["b", "a", "nothing", "empty"]
    assert [g.item() for g in gradient["b"][:1]] == [2] and gradient["b"][1][0].item() == 1 and gradient["b"][1][1] is None
    assert type(gradient["a"]) is Point and gradient["a"].x.item() == 6 and gradient["a"].y["deep"].tolist() == [1]
    assert gradient["nothing"] is None and gradient["empty"] == ()
    kept = collections.defaultdict(list, w=2.0)
    assert type(func.grad(lambda p: p["w"] * p["w"])(kept)) is collections.defaultdict and kept == {"w": 2.0}


def test_other_arguments_are_handed_on_as_they_are():
    seen = []

    def f(x, text, array, *, factor):
        seen.extend([text, array, factor])
        return x * factor

    array = np.arange(3)
    assert func.grad(f)(1.0, "text", array, factor=3).item() == 3
    assert seen[0] == "text" and seen[1] is array and seen[2] == 3


def test_what_a_function_is_given_by_two_ways_counts_each_alone():
    x = tg.tensor(3.0)
    assert [g.item() for g in func.grad(lambda a, b: a * a * b, (0, 1))(x, x)] == [18, 9]


def test_a_tensor_that_the_value_does_not_depend_on_has_gradient_0_beside_one_that_it_does():
    assert near(func.grad(lambda p: p["a"] * 2)({"a": 1.0, "b": np.ones(2)}), {"a": 2.0, "b": np.zeros(2)})
    assert near(func.jacobian(lambda x: {"a": x, "b": np.ones(2)})(np.ones(1)), {"a": np.ones((1, 1)), "b": np.zeros((2, 1))})
    assert near(func.jvp(lambda x, y: (x, np.float32(1)), (1.0, 1.0), (1.0, 1.0))[1], (1.0, 0.0))


def test_derivatives_of_what_has_no_elements():
    assert func.grad(np.sum)(np.zeros((0, 3))).shape == (0, 3)
    assert func.jacobian(np.sin)(np.zeros((0, 3))).shape == (0, 3, 0, 3)
    assert func.jacobian(lambda x: x * np.zeros((2, 0)))(np.float64(1)).shape == (2, 0)
    assert func.hessian(lambda x: np.sum(x * x))(np.zeros(0)).shape == (0, 0)


def test_names_say_which_derivative_of_what():
    def f(x):
        "What f is."
        return x * x

    assert func.grad(func.grad(f)).__name__ == "grad(grad(f))" and func.hessian(f).__name__ == "hessian(f)"
    assert func.jacobian(functools.partial(f)).__name__ == "jacobian(f)" and func.grad(f).__doc__ == "What f is."
    assert func.grad(tg.nn.Tanh()).__name__ == "grad(Tanh)"


# Nesting


def test_levels_are_not_confused():
    assert func.grad(lambda x: x * func.grad(lambda y: x + y)(1.0))(3.0).item() == 1
    assert func.grad(lambda x: x * func.grad(lambda y: x * y)(2.0))(3.0).item() == 6
    assert func.grad(lambda x: func.grad(lambda y: x * y * y)(x))(3.0).item() == 12
    assert func.grad(lambda x: func.grad(lambda x: x * x * x)(x * x))(2.0).item() == 6 * 4 * 4
    assert func.jvp(lambda x: x * func.jvp(lambda y: x + y, (1.0,), (1.0,))[1], (3.0,), (1.0,))[1].item() == 1
    assert func.jvp(lambda x: x * func.grad(lambda y: x * y)(2.0), (3.0,), (1.0,))[1].item() == 6


def test_a_derivative_that_is_constant_has_derivative_0():
    assert func.grad(lambda w: func.grad(lambda y: w + y)(1.0))(2.0).item() == 0
    assert func.grad(lambda w: func.grad(lambda y: w + y * y)(1.0))(2.0).item() == 0
    assert func.grad(lambda a: a * func.grad(lambda w: func.grad(lambda y: w + a * y)(1.0))(2.0))(3.0).item() == 0
    assert func.grad(lambda a: func.grad(lambda w: w * func.grad(lambda y: w + a * y)(1.0))(2.0))(3.0).item() == 1
    assert near(func.hessian(lambda x: np.sum(3 * x))(np.ones(2)), np.zeros((2, 2)))
    assert near(func.jacobian(func.jacobian(lambda x: 3 * x))(np.ones(2)), np.zeros((2, 2, 2)))
    assert near(func.hvp(lambda x: np.sum(3 * x), (np.ones(2),), (np.ones(2),)), (np.zeros(2),))
    assert near(func.hessian(lambda x, y: x**2 + y, (0, 1))(1.0, 1.0), ((2.0, 0.0), (0.0, 0.0)), 1e-7)


@pytest.mark.parametrize("order", [("grad", "grad", "grad"), ("jvp", "grad", "grad"), ("grad", "jvp", "grad"), ("grad", "grad", "jvp"),
                                   ("jvp", "jvp", "grad"), ("vjp", "jvp", "jacobian"), ("jacobian", "vjp", "jvp"), ("hvp", "grad", None)])
def test_every_order_of_nesting_gives_the_same_third_derivative(order):
    level = {
        "grad": func.grad,
        "jacobian": func.jacobian,
        "jvp": lambda f: lambda x: func.jvp(f, (x,), (np.float64(1),))[1],
        "vjp": lambda f: lambda x: func.vjp(f, x)[1](np.float64(1))[0],
        "hvp": lambda f: lambda x: func.hvp(f, (x,), (np.float64(1),))[0],
    }
    f = lambda x: np.sin(x) * np.exp(2 * x)  # noqa: E731
    for name in filter(None, reversed(order)):
        f = level[name](f)
    x = 0.3
    truth = np.exp(2 * x) * (2 * np.sin(x) + 11 * np.cos(x))
    assert f(np.float64(x)).item() == pytest.approx(truth, rel=1e-13)


def test_a_hessian_of_a_function_that_calls_grad(x):
    # f = |d/dx sum(x**3)|**2 = 9 sum(x**4)
    f = lambda x: np.sum(func.grad(lambda x: np.sum(x**3))(x) ** 2)  # noqa: E731
    assert near(func.hessian(f)(x), np.diag(108 * x**2))
    inner = lambda x: np.sum(func.jacobian(lambda y: np.sin(y) * x)(x) ** 2)  # noqa: E731    sum((cos(x) * x)**2)
    slope = 2 * np.cos(x) * x * (np.cos(x) - x * np.sin(x))
    assert near(func.grad(inner)(x), slope)


def test_a_gradient_goes_through_a_pull_and_through_what_is_pulled(x):
    f = lambda v, x: np.sum(func.vjp(np.sin, x)[1](v)[0] * x)  # noqa: E731    sum(v * cos(x) * x)
    v = np.arange(4.0)
    assert near(func.grad(f, (0, 1))(v, x), (np.cos(x) * x, v * (np.cos(x) - x * np.sin(x))))
    assert near(func.jacobian(lambda t: func.jvp(np.sin, (x,), (t,))[1])(v), np.diag(np.cos(x)))
    out, pull = func.vjp(np.sin, x)
    assert near(func.jacobian(lambda v: pull(v)[0])(v), np.diag(np.cos(x))) and near(pull(v)[0], v * np.cos(x))


def test_tensors_that_a_function_found_elsewhere_stay_differentiable():
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    f = lambda x: (w * x * x).sum()  # noqa: E731
    gradient = func.grad(f)(np.array([1.0, 2.0], np.float32))
    (gradient * gradient).sum().backward()
    assert w.grad.tolist() == [8, 64]
    value, aux = func.value_and_grad(lambda x: ((x * x).sum(), w * x), has_aux=True)(np.ones(2, np.float32))[0]
    assert tg.grad(aux.sum(), w)[0].tolist() == [1, 1]
    with tg.no_grad():
        assert func.grad(f)(np.array([1.0, 2.0], np.float32)).node is None


def test_an_argument_that_has_a_history_keeps_it_and_no_grad_is_touched():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    gradient = func.grad(lambda y: (y * y).sum())(y)
    assert x.grad is None and gradient.requires_grad
    assert tg.grad(gradient.sum(), x)[0].tolist() == [4, 8]
    for f in func.grad(rosenbrock), func.hessian(rosenbrock), func.jacobian(np.sin), lambda x: func.hvp(rosenbrock, (x,), (x,)):
        f(x)
        func.jvp(np.sin, (x,), (x,))
        assert x.grad is None
    with tg.no_grad():
        assert func.grad(lambda y: (y * y).sum())(y).node is None and func.grad(func.grad(lambda x: x**3))(x[0]).node is None


@pytest.mark.parametrize("derivative", [
    func.grad(lambda x: np.sum(x**3)),
    lambda x: func.vjp(np.sin, x)[1](x),
    lambda x: func.jvp(np.sin, (x,), (x,)),
    lambda x: func.jvp(func.grad(lambda x: np.sum(x**3)), (x,), (x,)),
    lambda x: func.hvp(lambda x: np.sum(x**3), (x,), (x,)),
    func.hessian(lambda x: np.sum(x**3)),
    func.jacobian(lambda x: np.concatenate([x**2] * 9)),
    func.jacobian(lambda x: tg.nn.functional.linear(x, np.arange(128.0).reshape(32, 4))),
    func.jacobian(func.jacobian(lambda x: np.concatenate([x, x]) ** 3)),
], ids=["grad", "vjp", "jvp", "jvp of grad", "hvp", "hessian", "by columns", "by columns of a fused op", "jacobian of jacobian"])
def test_derivatives_in_no_grad_are_those_outside(derivative, x):
    truth = derivative(x)
    with tg.no_grad():
        found = derivative(x)
    assert near(found, truth) and np.any(list(func._leaves(found))[-1].numpy())
    assert all(leaf.node is None for leaf in func._leaves(found))


def test_nothing_of_the_graph_remains():
    gc.disable()
    try:
        seen = []

        def f(x):
            middle = np.sin(x)
            seen.append(weakref.ref(middle.node))
            return np.sum(middle * middle), middle

        x = np.ones(3)
        results = [func.value_and_grad(f, has_aux=True)(x), func.hessian(f, has_aux=True)(x), func.jvp(f, (x,), (x,), has_aux=True)]
        assert [ref() for ref in seen] == [None] * 3
        assert all(leaf.node is None for leaf in func._leaves(results))
    finally:
        gc.enable()


def test_results_have_memory_of_their_own():
    x = np.ones(3)
    value, pull = func.vjp(lambda x: x, x)
    v = np.ones(3)
    for result in value, *pull(v), func.value_and_grad(lambda x: (x.sum(), x), has_aux=True)(x)[0][1]:
        result.numpy()[:] = 7
    assert x.tolist() == v.tolist() == [1, 1, 1]


# Rows that walk together

WITH_COMPLEX_VALUES = ("Fourier", "RealFourier")
CASES = [
    case for case in all_cases()
    if case.differentiable and sum(array.size for array in case.arrays) <= 200 and not any(map(np.iscomplexobj, case.arrays))
    and case.op.__name__ not in WITH_COMPLEX_VALUES
]


@pytest.mark.parametrize("op", sorted({case.op for case in CASES}, key=lambda op: op.__name__), ids=lambda op: op.__name__)
def test_rows_together_are_the_rows_one_by_one_for_every_op(op, monkeypatch):
    for case in CASES:
        if case.op is op:
            jacobian = func.jacobian(case, tuple(i for i, name in enumerate(case.inputs) if name in case.differentiable))
            together = jacobian(*case.arrays)
            with monkeypatch.context() as patch:
                patch.setattr(func, "MOST_ELEMENTS", 0)
                patch.setattr(func, "DEAR", np.inf)
                apart = jacobian(*case.arrays)
            for a, b in zip(func._leaves(together), func._leaves(apart), strict=True):
                np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-11, atol=1e-13)


TOGETHER = (
    "Add", "Arctan2", "BroadcastTo", "Clip", "Concatenate", "Copy", "Cos", "Divide", "Einsum", "EinsumOfOne", "Exp", "ExpandDims", "GetItem",
    "Log", "MatMul", "Max", "Maximum", "Mean", "Min", "Multiply", "Negative", "Pad", "Power", "ReLU", "Reshape", "Sigmoid", "Sin", "Sqrt",
    "Square", "Squeeze", "Stack", "Subtract", "Sum", "SwapAxes", "Tanh", "Transpose", "Where",
)


@pytest.mark.parametrize("name", TOGETHER)
def test_the_rules_of_primitives_take_all_rows_at_once(name, monkeypatch):
    by_rows = []
    pulled_by_rows = backward.pulled_by_rows
    monkeypatch.setattr(backward, "pulled_by_rows", lambda op, *rest: by_rows.append(type(op).__name__) or pulled_by_rows(op, *rest))
    cases = [case for case in CASES if case.op.__name__ == name and min(array.ndim for array in case.arrays) > 0]
    assert cases
    for case in cases:
        func.jacobian(case, tuple(i for i, key in enumerate(case.inputs) if key in case.differentiable))(*case.arrays)
    assert name not in by_rows


@pytest.mark.parametrize("most", [0, 1, 7, 40, 2**16])
def test_rows_walk_in_pieces_of_any_size(most, x, monkeypatch):
    monkeypatch.setattr(func, "MOST_ELEMENTS", most)
    f = lambda x: np.concatenate([np.sin(x) * x[0], x[1:] @ x.reshape(2, 2)[[0, 1, 1]]])  # noqa: E731
    assert near(func.jacobian(f)(x), one_by_one(f, x)[0])


def test_a_jacobian_of_many_numbers_by_few_goes_by_columns(monkeypatch):
    f = lambda t, s: np.sin(t * np.arange(50.0)).reshape(5, 10) * s  # noqa: E731
    t, s = np.float64(0.3), np.ones((5, 1))
    expected = one_by_one(f, t, s)
    rows = func.jacobian(f, (0, 1))(t, s)
    assert near(rows, expected)
    monkeypatch.setattr(func, "DEAR", np.inf)
    monkeypatch.setattr(func._Call, "linear_in", None)
    assert near(func.jacobian(f, (0, 1))(t, s), expected)
    monkeypatch.setattr(func, "DEAR", 4)
    with pytest.raises(TypeError):
        func.jacobian(f, (0, 1))(t, s)


def test_hooks_and_watchers_see_one_gradient_at_a_time(x):
    shapes = []

    def f(x):
        middle = np.sin(x)
        middle.register_hook(lambda g: shapes.append(g.shape))
        return middle * x

    assert near(func.jacobian(f)(x), np.diag(np.sin(x) + x * np.cos(x)))
    assert shapes == [(4,)] * 4
    with tg.detect_anomaly():
        assert near(func.jacobian(lambda x: np.sin(x) * x[0])(x), one_by_one(lambda x: np.sin(x) * x[0], x)[0])


class Strange(Elementwise):
    """A rule that a batch cannot take: it looks at numbers of g, and asks NumPy what it does not know."""

    def forward(self, x):
        return x * x

    def grad_x(self, g, x):
        out = np.empty(g.shape)
        for i, number in enumerate(np.asarray(g).tolist()):
            out[i] = 2 * x[i] * number if number else 0
        return out


def test_a_rule_that_takes_no_batch_runs_on_each_row(x):
    assert near(func.jacobian(lambda x: np.sin(Strange()(x)))(x), np.diag(2 * x * np.cos(x * x)))


@pytest.mark.parametrize(
    "use",
    [
        np.asarray, bool, float, len, np.cumsum, lambda g: np.add.reduce(g), lambda g: g[[0, 1]], lambda g: g[np.array([True, False])],
        lambda g: np.multiply(g, 2, out=np.empty(2)), lambda g: np.add.at(np.zeros(2), [0, 1], g), lambda g: np.ones(2).dot(g),
        lambda g: np.sum(g, axis=1), lambda g: g.swapaxes(0, 1), lambda g: np.where(g), lambda g: np.ones(2) @ g, lambda g: np.divmod(g, 2),
        lambda g: np.ones(2).__iadd__(g), lambda g: g * tg.ones(2), lambda g: np.where(np.ones(2), g, tg.ones(2)), lambda g: g.flags,
        lambda g: g[0, 0], lambda g: np.einsum("i,i", g, np.ones(2)), lambda g: g.reshape(3),
    ],
)
def test_a_batch_refuses_what_it_does_not_know(use):
    with pytest.raises((TypeError, ValueError, AttributeError, IndexError)):
        use(Batch(np.ones((2, 2))))


# Errors


def wrong(f):
    """f, under a name that a message can say."""
    f.__name__ = "my_loss"
    return f


@pytest.mark.parametrize(
    ("f", "error", "said"),
    [
        (lambda x: x * x, ShapeError, r"my_loss returns a tensor of shape \(3,\) and dtype float64; it needs to return one number"),
        (lambda x: x[:1], ShapeError, r"shape \(1,\)"),
        (lambda x: np.argmax(x), DTypeError, "my_loss returns a tensor of shape .* int64; only floating numbers"),
        (lambda x: (x > 0).any(), DTypeError, "my_loss returns .* bool"),
        (lambda x: 3, DTypeError, "my_loss returns int 3"),
        (lambda x: None, DTypeError, "my_loss returns None; it needs to return one number"),
        (lambda x: (x.sum(), x), DTypeError, "my_loss returns a tuple of 2; .* has_aux"),
        (lambda x: "text", DTypeError, "what my_loss returns is str 'text'"),
        (lambda x: 3.0, GraphError, "what my_loss returns does not depend on argument 0 of my_loss"),
        (lambda x: x.detach().sum(), GraphError, "my_loss .* detach"),
        (lambda x: np.sum(x.numpy()), GraphError, r"my_loss .* numpy\(\)"),
        (lambda x: tg.no_grad()(np.sum)(x), GraphError, "my_loss .* no_grad"),
        (lambda x: np.asarray(x).sum(), GraphError, "argument 0 of my_loss"),
        (lambda x: x.__iadd__(1).sum(), MutationError, "argument 0 of my_loss"),
        (lambda x: [x.__setitem__(0, 1), x.sum()][1], MutationError, "argument 0 of my_loss"),
        (lambda x: [tg.no_grad()(x.__iadd__)(1), x.sum()][1], MutationError, "argument 0 of my_loss"),
        (lambda x: [setattr(x, "data", x.data + 1), x.sum()][1], MutationError, "my_loss changes argument 0 of my_loss in place"),
    ],
)
def test_a_function_that_has_no_gradient_is_called_by_its_name(f, error, said):
    x = np.array([1.0, 2.0, 3.0])
    for argument in x, tg.from_numpy(x.copy(), requires_grad=True):
        for transform in func.grad, func.value_and_grad, func.hessian:
            with pytest.raises(error, match=said):
                transform(wrong(f))(argument)
        with pytest.raises(error, match=said):
            func.hvp(wrong(f), (argument,), (x,))
    assert x.tolist() == [1, 2, 3]


@pytest.mark.parametrize("f", [
    lambda x: math.sin(x) * x,
    lambda x: float(x) * x,
    lambda x: complex(x).real * x,
    lambda x: np.sin(x) * np.fromiter([x], float).sum() * x,
    lambda x: func.grad(lambda y: y * math.sin(x))(x) * x,
])
def test_a_python_number_where_a_tensor_is_meant_is_refused(f):
    for transformed in func.grad(f), func.jacobian(f), lambda x: func.jvp(f, (x,), (x,)):
        with pytest.raises((GraphError, ValueError)) as failure:        # from within NumPy's function its own error is raised, because of this one
            transformed(1.0)
        said = str(failure.value.__cause__ or failure.value)
        assert "<lambda> makes a Python number of a tensor" in said and "np.sin(x), not math.sin(x)" in said and "x.item()" in said


def test_a_python_number_that_is_asked_for_is_a_constant():
    seen = []

    def f(x):
        with tg.no_grad():
            seen.append((float(x), int(x), f"{x:.1f}", bool(x)))
        return x * x.item() * int(x)

    assert func.grad(f)(3.0).item() == 9 and seen == [(3.0, 3, "3.0", True)]


def test_a_number_that_is_changed_in_place_is_refused_too():
    def my_loss(x):
        x += 1
        return x

    with pytest.raises(MutationError, match="my_loss changes argument 0 of my_loss in place"):
        func.grad(my_loss)(1.0)


@pytest.mark.parametrize("transform", [func.jacobian, lambda f: lambda x: func.vjp(f, x), lambda f: lambda x: func.jvp(f, (x,), (x,))])
def test_a_function_of_arrays_is_called_by_its_name_too(transform):
    for f, error in (lambda x: 3.0, GraphError), (lambda x: np.argsort(x), DTypeError), (lambda x: {}, GraphError), (lambda x: "text", DTypeError):
        with pytest.raises(error, match="my_loss"):
            transform(wrong(f))(np.ones(2))


@pytest.mark.parametrize(
    ("argnums", "error"),
    [*((argnums, ValueError) for argnums in (1, -2, (0, 0), (0, -1), ())), *((argnums, TypeError) for argnums in (True, "x", [0], 0.0))],
)
def test_wrong_argnums_are_said(argnums, error):
    with pytest.raises(error, match="argnums is .*"):
        func.grad(np.sin, argnums)(1.0)


@pytest.mark.parametrize("x", [3, np.arange(3), True, "text", np.array(["text"]), object(), {"a": [1.0, 2]}, {1.0}])
def test_arguments_that_are_no_floating_numbers_are_said(x):
    with pytest.raises(DTypeError, match="argument 0 of my_loss"):
        func.grad(wrong(lambda x: x))(x)


def test_what_does_not_fit_the_function_is_said():
    x = np.ones(2)
    for call, error, said in (
        (lambda: func.grad(3.0)(x), TypeError, "grad: needs a function, got float 3.0"),
        (lambda: func.grad(np.sin)(x=1.0), ValueError, "0 arguments by position"),
        (lambda: func.jvp(np.sin, x, x), TypeError, "jvp: needs a tuple of the arguments of sin"),
        (lambda: func.jvp(np.sin, (x,), x), TypeError, "needs to be a tuple of 1"),
        (lambda: func.jvp(np.sin, (x,), (np.ones(3),)), ShapeError, r"at 0, has shape \(3,\), and needs to have \(2,\)"),
        (lambda: func.jvp(lambda p: p["a"], ({"a": x},), ({"b": x},)), TypeError, "a dict of 1"),
        (lambda: func.jvp(np.sin, (x,), ("t",)), DTypeError, "at 0, is str 't'"),
        (lambda: func.jvp(np.sin, (x,), (1j * x,)), DTypeError, "real"),
        (lambda: func.vjp(np.sin, x)[1](1.0), ShapeError, r"what is pulled back through sin has shape \(\)"),
        (lambda: func.vjp(np.sin, x)[1]((x,)), TypeError, "a tuple of 1"),
        (lambda: func.hvp(np.sum, (x,), (1.0,)), ShapeError, "hvp"),
        (lambda: func.grad(np.sum, has_aux=True)(x), TypeError, "with has_aux sum needs to return a pair"),
    ):
        with pytest.raises(error, match=said):
            call()


def test_an_error_of_the_function_comes_through():
    with pytest.raises(ZeroDivisionError):
        func.grad(lambda x: x / (1 // 0))(1.0)
    assert tg.is_grad_enabled()


def test_the_room_is_loaded_at_first_use():
    assert tg.func is importlib.import_module("tinygrad_edu.func") and "func" in dir(tg)
