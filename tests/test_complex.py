"""Complex tensors: the convention of their gradient, every op right or refused, and the edges where real and complex numbers meet."""

import warnings

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.testing import all_cases, gradcheck

Z = np.array([1 + 2j, -3 - 1j, 0.5 - 0.25j])
W = np.array([-1 + 1j, 2.0, 0.5j])


def leaf(values, dtype=None):
    return tg.tensor(values, dtype=dtype, requires_grad=True)


def gradient_of(function, *values, g=None):
    """The gradients of function at values, for the incoming gradient g."""
    inputs = [leaf(value) for value in values]
    out = function(*inputs)
    return [None if x is None else x.numpy() for x in tg.grad(out, inputs, np.ones(out.shape, out.dtype) if g is None else g)]


# The convention


def test_the_gradient_of_a_square_is_pytorchs():
    """2 * conj(z) for an incoming 1; JAX has the conjugate, 2 * z."""
    (gradient,) = gradient_of(lambda z: z * z, Z)
    np.testing.assert_allclose(gradient, 2 * Z.conj(), rtol=1e-15)


@pytest.mark.peers("torch", "jax")
def test_the_gradient_of_a_square_beside_pytorchs_and_jaxs():
    import jax
    import torch

    (ours,) = gradient_of(lambda z: z * z, Z)
    z = torch.tensor(Z, requires_grad=True)
    (z * z).backward(torch.ones(3, dtype=torch.complex128))
    np.testing.assert_allclose(ours, z.grad.numpy(), rtol=1e-15)
    single = Z.astype(np.complex64)
    (jaxs,) = jax.vjp(lambda z: z * z, single)[1](np.ones(3, np.complex64))
    np.testing.assert_allclose(ours, np.conj(np.asarray(jaxs)), rtol=1e-6)


def test_the_gradient_of_a_real_function_is_its_steepest_ascent():
    """dL/d(real part) + 1j * dL/d(imaginary part)."""

    def loss(z):
        return (abs(z) ** 2 + z.real * z.imag).sum()

    (gradient,) = gradient_of(loss, Z)
    np.testing.assert_allclose(gradient, 2 * Z + Z.imag + 1j * Z.real, rtol=1e-14)


def test_a_gradient_that_comes_in_counts_by_its_conjugate():
    """L = real part of sum(conj(g) * out), so dL/dz = conj(f'(z)) * g."""
    g = np.array([1j, 2 - 1j, 3.0])
    (gradient,) = gradient_of(np.exp, Z, g=g)
    np.testing.assert_allclose(gradient, np.exp(Z).conj() * g, rtol=1e-14)
    (of_real,) = gradient_of(np.exp, Z, g=np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(of_real, np.exp(Z).conj() * [1, 2, 3], rtol=1e-14)


def test_a_real_tensor_gets_the_real_part():
    x = np.array([0.5, -1.0, 2.0])
    (gradient,) = gradient_of(lambda x: (x * Z).real.sum(), x)
    assert gradient.dtype == np.float64
    np.testing.assert_allclose(gradient, Z.real)
    (gradient,) = gradient_of(lambda x: abs(np.exp(1j * x) + 1).sum(), x)
    np.testing.assert_allclose(gradient, -np.sin(x) / abs(np.exp(1j * x) + 1), rtol=1e-14)


def test_parts_put_together_are_the_whole():
    x, y = np.array([1.0, 2.0]), np.array([-3.0, 0.5])
    z = x + 1j * y
    (of_z,) = gradient_of(lambda z: abs(np.sin(z) * z).sum(), z)
    of_x, of_y = gradient_of(lambda x, y: abs(np.sin(x + 1j * y) * (x + 1j * y)).sum(), x, y)
    np.testing.assert_allclose(of_z, of_x + 1j * of_y, rtol=1e-13)


# Every op is right, or refused by name


REFUSED = set(
    "Arctan2 AsType BinaryCrossEntropyWithLogits CDist Cbrt CopySign Deg2rad Erfc FMod GELU Heaviside Hypot Interp LogAddExp LogAddExp2 "
    "LogSoftmax LogSumExp ModifiedBessel Norm Rad2deg RealFourier Remainder ScaleByPower ScaledDotProductAttention Softmax Softplus".split()
)
"""What takes real numbers only: NumPy itself says so, or the op does."""


def cases_of_complex_numbers():
    """For each op two of its cases with complex numbers in the place of all differentiable inputs, and with one of them complex."""
    seen = {}
    for case in all_cases():
        sizes = [array.size for array in case.arrays]
        if case.op.__module__.startswith("tinygrad_edu.") and 0 < min(sizes) <= max(sizes) <= 60 and seen.get(case.op, 0) < 2 and case.differentiable:
            seen[case.op] = seen.get(case.op, 0) + 1
            alone = [(name,) for name in case.differentiable[:2]] if len(case.differentiable) > 1 else []
            for which in [case.differentiable, *alone]:
                yield pytest.param(case, which, id=f"{case!r}, complex {' and '.join(which)}")


def made_complex(case, which):
    rng = np.random.default_rng(5)
    arrays = [np.asarray(x + 1j * rng.uniform(-1.5, 1.5, x.shape)) if name in which else x for name, x in case.inputs.items()]
    return case.tensors(*arrays)


COMPLEX_CASES = list(cases_of_complex_numbers())


@pytest.mark.parametrize(("case", "which"), COMPLEX_CASES)
def test_an_op_is_right_for_complex_numbers_or_refuses_them(case, which):
    inputs = made_complex(case, which)
    with np.errstate(all="ignore"):
        try:
            for order in 1, 2:
                assert gradcheck(case, inputs, order=order)
        except TypeError:
            assert which != case.differentiable or case.op.__name__ in REFUSED
        except tg.errors.GraphError as error:
            assert "phases" in str(error) and case.op.__name__ in ("Eigenvectors", "EigenvectorsOfAny", "SingularVectors")
        except np.linalg.LinAlgError:
            assert case.op.__name__ == "Cholesky"       # the complex part took away that eigenvalues are positive


@pytest.mark.parametrize(("case", "which"), [case for case in COMPLEX_CASES if case.values[0].op.__name__ in REFUSED])
def test_what_takes_real_numbers_only_says_so(case, which):
    inputs = made_complex(case, case.differentiable)
    with pytest.raises(tg.errors.DTypeError) as caught, np.errstate(all="ignore"):
        case(*inputs)
    assert case.op.__name__ in str(caught.value) or "complex" in str(caught.value)


def hermitian(a):
    return (a + np.conj(a).swapaxes(-1, -2)) / 2


def positive(a):
    return a @ np.conj(a).swapaxes(-1, -2) + 0.5 * np.eye(3)


def exponential_of_hermitian(a):
    w, v = np.linalg.eigh(hermitian(a))
    return (v * np.exp(1j * w)[..., None, :]) @ np.conj(v).swapaxes(-1, -2)


def exponential(a):
    w, v = np.linalg.eig(a)
    return (v * np.exp(w)[..., None, :]) @ np.linalg.inv(v)


def put_together(svd):
    return (svd.U * np.sin(svd.S)[..., None, :]) @ svd.Vh


OF_MATRICES = {
    "inv": np.linalg.inv,
    "solve": lambda a: np.linalg.solve(a, a[0]),
    "det": np.linalg.det,
    "slogdet": lambda a: tuple(np.linalg.slogdet(a)),
    "matrix_power": lambda a: np.linalg.matrix_power(a, -2),
    "cholesky": lambda a: np.linalg.cholesky(positive(a)),
    "cholesky, upper": lambda a: np.linalg.cholesky(positive(a), upper=True),
    "eigvalsh": lambda a: np.linalg.eigvalsh(hermitian(a)),
    "eigh, put together": exponential_of_hermitian,
    "eigh, lengths": lambda a: abs(np.linalg.eigh(hermitian(a)).eigenvectors) ** 2,
    "eigvals": np.linalg.eigvals,
    "eig, put together": exponential,
    "eig, lengths": lambda a: abs(np.linalg.eig(a).eigenvectors) ** 2,
    "svd, put together": lambda a: put_together(np.linalg.svd(a)),
    "svd, put together, long": lambda a: put_together(np.linalg.svd(a[..., :2], full_matrices=False)),
    "svd, put together, wide": lambda a: put_together(np.linalg.svd(a[..., :2, :], full_matrices=False)),
    "svd, lengths": lambda a: (abs(np.linalg.svd(a).U) ** 2, abs(np.linalg.svd(a).Vh) ** 2),
    "svd, hermitian": lambda a: put_together(np.linalg.svd(hermitian(a), hermitian=True)),
    "svdvals": np.linalg.svdvals,
    "cond": np.linalg.cond,
    "norms": lambda a: tuple(np.linalg.norm(a, ord, axis=(1, 2)) for ord in (2, -2, "nuc")),
    "qr": lambda a: tuple(np.linalg.qr(a[..., :2])),
    "qr, wide": lambda a: tuple(np.linalg.qr(a[..., :2, :])),
    "pinv": lambda a: np.linalg.pinv(a[..., :2]),
    "pinv, hermitian": lambda a: np.linalg.pinv(hermitian(a), hermitian=True),
    "lstsq": lambda a: np.linalg.lstsq(a[0, :, :2], a[1])[:2],
    "cond, 1": lambda a: np.linalg.cond(a, 1),
    "vdot and kin": lambda a: (np.vdot(a, a[::-1]), np.vecdot(a, a[::-1]), np.inner(a, a[0]), np.einsum("bij,bkj->bik", a, np.conj(a))),
}


@pytest.mark.parametrize("name", OF_MATRICES)
def test_functions_of_matrices_are_numpys_and_their_gradients_right(name):
    rng = np.random.default_rng(0)
    function, values = OF_MATRICES[name], rng.normal(size=(2, 3, 3)) + 1j * rng.normal(size=(2, 3, 3))
    got, expected = function(leaf(values)), function(values)
    for x, y in zip(got, expected, strict=True) if isinstance(got, tuple) else [(got, expected)]:
        assert x.dtype == y.dtype
        np.testing.assert_allclose(x.detach(), y, rtol=1e-12, atol=1e-13)
    for order in 1, 2:
        assert gradcheck(function, leaf(values), order=order)


def test_what_depends_on_the_phase_of_a_vector_is_refused():
    rng = np.random.default_rng(0)
    a = leaf(hermitian(rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))))
    for vectors in np.linalg.eigh(a).eigenvectors, np.linalg.eig(a).eigenvectors, np.linalg.svd(a).U, np.linalg.svd(a).Vh:
        with pytest.raises(tg.errors.GraphError, match="depends on their phases"):
            vectors.real.sum().backward()


@pytest.mark.peers
def test_singular_vectors_beside_pytorchs():
    import torch

    rng = np.random.default_rng(0)
    for m, n in (3, 3), (4, 2), (2, 4):
        values = rng.normal(size=(m, n)) + 1j * rng.normal(size=(m, n))
        x, theirs = leaf(values), torch.tensor(values, requires_grad=True)
        u, s, vh = np.linalg.svd(x, full_matrices=False)
        (abs(u[0] * vh[:, 1]) * s + abs(u[1])).sum().backward()
        u, s, vh = torch.linalg.svd(theirs, full_matrices=False)
        (abs(u[0] * vh[:, 1]) * s + abs(u[1])).sum().backward()
        np.testing.assert_allclose(x.grad, theirs.grad.resolve_conj(), rtol=1e-10, atol=1e-12)


def test_the_eigenvalues_of_a_rotation_are_complex():
    (gradient,) = gradient_of(lambda a: np.linalg.eigvals(a).imag.sum() + abs(np.linalg.eigvals(a)[0]), np.array([[0.0, 1.0], [-1.0, 0.0]]))
    np.testing.assert_allclose(gradient, [[0, 0.5], [-0.5, 0]], atol=1e-15)


FUNCTIONS = {
    "product": (lambda n, a, b: a * b, Z, W),
    "quotient": (lambda n, a, b: a / b, Z, W),
    "power": (lambda n, a, b: a**b, Z, W),
    "power of a negative number": (lambda n, a, b: a**b, np.array([-1.5, 2.0, -0.5]), W),
    "cube": (lambda n, a: a**3, Z),
    "exp": (lambda n, a: n.exp(a), Z),
    "log": (lambda n, a: n.log(a), Z),
    "sqrt": (lambda n, a: n.sqrt(a), Z),
    "sin": (lambda n, a: n.sin(a), Z),
    "cosh": (lambda n, a: n.cosh(a), Z),
    "tanh": (lambda n, a: n.tanh(a), Z),
    "arcsinh": (lambda n, a: n.arcsinh(a), Z),
    "arccosh": (lambda n, a: n.arccosh(a), Z),
    "abs": (lambda n, a: abs(a), Z),
    "angle": (lambda n, a: n.angle(a), Z),
    "real": (lambda n, a: a.real, Z),
    "imaginary": (lambda n, a: a.imag, Z),
    "conj": (lambda n, a: n.conj(a) * a * a, Z),
    "matrix product": (lambda n, a, b: a.reshape(3, 1) @ b.reshape(1, 3), Z, W),
    "real times complex": (lambda n, a, b: n.exp(a * b), np.array([1.0, -2.0, 0.5]), W),
    "sum and mean": (lambda n, a: a.sum() * a.mean(), Z),
    "prod": (lambda n, a: n.prod(a), Z),
    "cumsum": (lambda n, a: n.cumsum(a, 0), Z),
    "parts again": (lambda n, a: n.exp(a.real) + 1j * a.imag * a.imag, Z),
}


@pytest.mark.peers
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients_of_two_orders_beside_pytorch(name):
    import torch

    function, *values = FUNCTIONS[name]

    def taken(library, leaves, grad, ones_of):
        out = function(library, *leaves)
        first = grad(out, leaves, ones_of(out), create_graph=True)
        scalar = sum((g.real * 0.5 + abs(g) ** 2).sum() for g in first)
        needed = scalar.requires_grad
        second = grad(scalar, leaves, None, allow_unused=True) if needed else [None] * len(leaves)
        return [out, *first, *second]

    ours = taken(np, [leaf(value) for value in values], tg.grad, lambda out: np.full(out.shape, 1 + 0.5j if out.dtype.kind == "c" else 1.0))
    theirs = taken(
        torch, [torch.tensor(value, requires_grad=True) for value in values], torch.autograd.grad,
        lambda out: torch.full(out.shape, 1 + 0.5j if out.is_complex() else 1.0, dtype=out.dtype),
    )
    for x, y in zip(ours, theirs, strict=True):
        x, y = 0 if x is None else x.detach().numpy(), 0 if y is None else y.detach().resolve_conj().numpy()
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-12)
        assert np.iscomplexobj(x) == np.iscomplexobj(y) or not np.any(x)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_to_the_third_order(name):
    function, *values = FUNCTIONS[name]
    for order in 1, 2, 3:
        assert gradcheck(lambda *inputs: function(np, *inputs), [leaf(value) for value in values], order=order, rtol=1e-5)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_in_extended_precision(name):
    function, *values = FUNCTIONS[name]
    try:
        assert gradcheck(lambda *inputs: function(np, *inputs), [leaf(value) for value in values], reference="extended", eps=1e-3)
    except NotImplementedError as error:
        pytest.skip(str(error))


# The edges of the engine


def test_hooks_and_retained_gradients_see_the_users_gradient():
    z = leaf(Z)
    y = z * z
    seen = []
    y.retain_grad()
    y.register_hook(lambda g: seen.append(g.numpy()))
    z.register_hook(lambda g: g * 1j)
    g = np.array([1j, 2.0, 1 - 1j])
    y.backward(g)
    np.testing.assert_array_equal(seen[0], g)
    np.testing.assert_array_equal(y.grad.numpy(), g)
    np.testing.assert_allclose(z.grad.numpy(), 2 * Z.conj() * g * 1j, rtol=1e-15)


def test_a_recorded_hook_is_differentiated():
    @tg.enable_grad()
    def through_hook(z):
        z = z if z.requires_grad else z.detach().requires_grad_()
        y = z * z
        y.register_hook(lambda g: g * np.exp(1j * g))
        return tg.grad(y, z, tg.ones(3, dtype=complex) * z, create_graph=True)[0]

    assert gradcheck(through_hook, leaf(Z))


def test_gradients_are_added_up():
    z = leaf(Z)
    for _ in range(2):
        (z * z).backward(np.ones(3))
    np.testing.assert_allclose(z.grad.numpy(), 4 * Z.conj())


def test_a_gradient_without_axes_and_of_no_elements():
    for values in (np.array(1 + 2j), np.zeros((0, 2), complex)):
        z = leaf(values)
        (z * z).backward(np.ones(values.shape))
        np.testing.assert_allclose(z.grad.numpy(), 2 * values.conj())


def test_the_gradient_is_not_the_memory_of_what_came_in():
    g = np.ones(3, complex)
    z = leaf(Z)
    (z + 0).backward(g)
    assert not np.shares_memory(z.grad.data, g)
    z.real.backward(np.ones(3))
    np.testing.assert_array_equal(z.grad.numpy(), [2, 2, 2])


@pytest.mark.parametrize(("dtype", "real"), [(np.complex64, np.float32), (np.complex128, np.float64)])
def test_dtypes_are_kept(dtype, real):
    z = leaf(Z, dtype)
    values = [abs(z), z.real, z.imag, np.angle(z), np.angle(z, deg=True), np.var(z), np.linalg.norm(z), np.std(z)]
    assert {value.dtype for value in values} == {np.dtype(real)}
    assert {value.dtype for value in (z * 2, z * 2.5, z * 1j, z**2, np.conj(z), np.sign(z), z / 3, z @ z, z.mean(), 1j * z.real)} == {np.dtype(dtype)}
    x = leaf(Z.real, real)
    sum(value.sum() for value in (*values, abs(x * z), abs(1j * x))).backward()
    assert z.grad.dtype == dtype and x.grad.dtype == real


def test_a_real_tensor_is_its_own_real_part_and_its_own_conjugate():
    x = leaf([1.0, 2.0])
    assert x.real is x and np.real(x) is x
    assert x.conj().tolist() == [1, 2]
    assert not x.imag.requires_grad and not x.imag.numpy().any()


def test_real_if_close_is_numpys():
    for values in (Z, Z.real + 1e-15j, Z.real + 1e-13j, Z.real):
        got = np.real_if_close(leaf(values))
        assert got.dtype == np.real_if_close(values).dtype
        np.testing.assert_array_equal(got.detach(), np.real_if_close(values))
    assert np.real_if_close(leaf(Z.real + 0.01j), tol=0.1).dtype == np.real_if_close(Z.real + 0.01j, tol=0.1).dtype


@pytest.mark.parametrize("function", [np.var, np.std, np.nanvar, np.nanstd, np.nanmean, np.linalg.norm, np.cov, np.corrcoef])
def test_statistics_of_complex_numbers_are_numpys(function):
    values = np.array([Z, W, Z * W])
    z = leaf(values)
    np.testing.assert_allclose(function(z).detach().numpy(), function(values), rtol=1e-13)
    assert gradcheck(function, z, order=2)


@pytest.mark.parametrize("settings", [{"axis": 0}, {"ddof": 1, "axis": 1, "keepdims": True}, {"where": np.eye(3) > 0}, {"mean": np.array([[1j]])}])
def test_variance_of_complex_numbers_with_settings(settings):
    values = np.array([Z, W, Z * W])
    for function in np.var, np.std:
        np.testing.assert_allclose(function(leaf(values), **settings).detach().numpy(), function(values, **settings), rtol=1e-13)
    np.testing.assert_allclose(np.var(leaf(values.real), mean=leaf(1j)).detach().numpy(), np.mean(abs(values.real - 1j) ** 2))


def test_derivatives_of_functions_of_complex_numbers():
    func, t = tg.func, np.array([1j, 2 - 1j, 0.5])
    np.testing.assert_allclose(func.grad(lambda z: (abs(z) ** 2).sum())(Z).numpy(), 2 * Z)
    np.testing.assert_allclose(func.jvp(np.exp, (Z,), (t,))[1].numpy(), np.exp(Z) * t)
    np.testing.assert_allclose(func.vjp(np.exp, Z)[1](t)[0].numpy(), np.exp(Z).conj() * t)
    (along,) = func.hvp(lambda z: (abs(z) ** 4).sum(), (Z,), (t,))      # of 4 * |z|**2 * z
    np.testing.assert_allclose(along.numpy(), 4 * (2 * (Z.conj() * t).real * Z + abs(Z) ** 2 * t), rtol=1e-13)


def test_rows_of_a_jacobian_through_complex_numbers_walk_together():
    def through(x):
        return abs(np.exp(1j * x) * x @ np.array([[1, 1j, 2], [0, 1, 1j], [3, 1, 1]])) * np.angle(np.exp(2j * x))

    x = np.array([0.3, 0.7, 1.0])
    step = 1e-5 * np.eye(3)
    expected = np.stack([(through(x + e) - through(x - e)) / 2e-5 for e in step], -1)
    np.testing.assert_allclose(tg.func.jacobian(through)(x).numpy(), expected, rtol=1e-8)


def test_steps_show_gradients_as_users_see_them():
    z = leaf(Z)
    *_, last = tg.viz.steps(z * z, np.array([1j, 2.0, 1.0]))
    (z * z).backward(np.array([1j, 2.0, 1.0]))
    np.testing.assert_allclose(last.gradient, z.grad.numpy())


# What is without a derivative


def test_abs_sign_and_angle_at_0_have_gradient_0():
    for function in abs, np.sign, np.angle:
        for order in 1, 2:
            z = leaf([0j, 1 + 1j])
            g = function(z)
            for _ in range(order):
                (g,) = tg.grad(g.real.sum() + g.imag.sum(), z, create_graph=True, allow_unused=True)
            assert g.numpy()[0] == 0 and np.isfinite(g.numpy()).all()


def test_the_sign_of_a_complex_number_turns_with_it():
    z = leaf(Z)
    np.testing.assert_allclose(np.sign(z).detach().numpy(), Z / abs(Z), rtol=1e-15)
    assert gradcheck(np.sign, z, order=2)
    assert not np.sign(leaf([1.0])).requires_grad


def test_order_is_numpys_and_the_gradient_goes_to_what_was_chosen():
    """Complex numbers are ordered by the real part, then by the imaginary one."""
    z = leaf([1 + 2j, 3 - 1j, 3 + 1j])
    assert z.max().item() == 3 + 1j
    z.max().backward(1 + 1j)
    np.testing.assert_array_equal(z.grad.numpy(), [0, 0, 1 + 1j])


# What is wrong is noticed, and said


def test_a_rule_that_forgets_the_conjugate_is_noticed():
    class Length(tg.Elementwise):
        def forward(self, x):
            return (x * x.conj()).real

        def grad_x(self, g, x):
            return 2 * g * x

    with pytest.raises(tg.errors.GradientCheckError, match="imaginary part: the rules give"):
        gradcheck(Length(), leaf(Z))


def test_an_op_for_real_numbers_refuses_complex_ones():
    class Step(tg.Elementwise):
        """A function that means nothing for complex numbers."""

        real = True

        def forward(self, x):
            return x * (x > 0)

        def grad_x(self, g, x):
            return g * (x > 0)

    assert Step()(leaf([1.0, -1.0])).tolist() == [1, 0]
    with pytest.raises(tg.errors.DTypeError, match=r"Step\(\): x is complex; it needs to be real"):
        Step()(leaf(Z))


def test_a_complex_gradient_of_real_numbers_is_refused():
    class Turned(tg.Elementwise):
        def forward(self, x):
            return x * 1

        def grad_x(self, g):
            return g * 1j

    with pytest.raises(tg.errors.DTypeError, match="Turned.grad_x as complex numbers"):
        Turned()(leaf([1.0, 2.0])).sum().backward()


def test_gradcheck_of_complex64_says_complex128():
    with pytest.raises(tg.errors.DTypeError, match="astype.'complex128'"):
        gradcheck(np.exp, leaf(Z, np.complex64))


def test_the_imaginary_part_is_not_lost_without_a_word():
    z = leaf(Z)
    for lost in (lambda: z.astype(np.float64), lambda: leaf(np.ones(3)).copy().__setitem__(0, z[0]), lambda: leaf(np.ones(3)).copy().__iadd__(z)):
        with pytest.raises(tg.errors.DTypeError, match="complex"):
            lost()


def test_assignment_into_complex_numbers_and_of_them():
    def assigned(z, x):
        y = z * 1
        y[0] = x[0]
        y[1] = z[2] * x[1]
        return y * y

    assert gradcheck(assigned, [leaf(Z), leaf([1.5, -0.5], np.float64)], order=2)


def test_an_optimizer_refuses_complex_parameters():
    for optimizer in tg.optim.SGD, tg.optim.Adam, tg.optim.RMSprop:
        with pytest.raises(tg.errors.DTypeError, match="complex; optimize its real and its imaginary part"):
            optimizer([leaf(Z)], lr=0.1)


def test_no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        z, x = leaf([0j, 1j, -1]), leaf([0.0, 1.0, -1.0])
        (abs(z * x) + abs(x * 1j) + np.angle(z) + np.sign(z).real + z.real).sum().backward()


@pytest.mark.parametrize("dtype", ["bool", "int8", "int64", "float16", "float32"])
def test_the_angle_of_real_numbers_has_numpys_dtype(dtype):
    values = np.array([1, 0], dtype)
    assert np.angle(tg.tensor(values)).dtype == np.angle(values).dtype
