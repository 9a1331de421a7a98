"""The optimizers: the golden numbers, every option against its formula and against PyTorch, state, errors, memory."""

import copy
import itertools
import pickle
import tracemalloc

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine import changes
from tinygrad_edu.engine.tensor import wrap
from tinygrad_edu.errors import MutationError, StateError
from tinygrad_edu.optim import SGD, Adam, AdamW, Optimizer, RMSprop, optimizer as optimizer_module

# The numbers of CONVENTIONS: f(x) = x * x / 2 from x = 1

MOMENTUM = {"momentum": 0.9}
RMS = {"alpha": 0.9, "eps": 1e-2}
ADAM = {"betas": (0.9, 0.999), "eps": 1e-2}
LOWERED = (0.1, 0.1, 0.1, 0.05, 0.05)
CONSTANT = (0.1,) * 5

GOLDEN = {
    "heavy ball, PyTorch": (SGD, MOMENTUM, LOWERED, (0.9, 0.72, 0.486, 0.3564, 0.22194)),
    "lr inside the velocity": (SGD, {**MOMENTUM, "form": "cs231n"}, LOWERED, (0.9, 0.72, 0.486, 0.2511, 0.027135)),
    "Nesterov, PyTorch": (SGD, {**MOMENTUM, "nesterov": True}, LOWERED, (0.81, 0.5751, 0.327321, 0.210604, 0.100282)),
    "Nesterov, the notes": (
        SGD, {**MOMENTUM, "nesterov": True, "form": "cs231n"}, LOWERED, (0.81, 0.5751, 0.327321, 0.124983, -0.054264)
    ),
    "RMSProp, eps outside": (RMSprop, RMS, CONSTANT, (0.693466, 0.511742, 0.383132, 0.286729, 0.212937)),
    "RMSProp, eps inside": (RMSprop, {**RMS, "eps_inside_root": True}, CONSTANT, (0.698489, 0.517407, 0.388729, 0.292036, 0.217857)),
    "Adam, Algorithm 1": (Adam, ADAM, CONSTANT, (0.90099, 0.802432, 0.704669, 0.608108, 0.513227)),
    "Adam, epsilon hat": (Adam, {**ADAM, "epsilon_hat": True}, CONSTANT, (0.924025, 0.843108, 0.760298, 0.676877, 0.593662)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("row", GOLDEN)
def test_golden_numbers(row, dtype):
    kind, settings, rates, expected = GOLDEN[row]
    x = tg.tensor(1.0, dtype=dtype, requires_grad=True)
    optimizer = kind([x], lr=rates[0], **settings)
    found = []
    for lr in rates:
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        (x * x / 2).backward()
        optimizer.step()
        found.append(x.item())
    np.testing.assert_allclose(found, expected, rtol=0, atol=5.1e-7 if dtype == np.float64 else 1e-6)
    assert x.dtype == dtype


# Every combination of options, against its formula in plain NumPy

def combinations(kind, **choices):
    return [(kind, dict(zip(choices, values, strict=True))) for values in itertools.product(*choices.values())]


def is_allowed(kind, settings):
    if kind is not SGD:
        return True
    if settings["nesterov"] and (not settings["momentum"] or settings["dampening"]):
        return False
    return settings["form"] == "pytorch" or not settings["dampening"]


EVERY_OPTION = [
    combination
    for combination in [
        *combinations(
            SGD, lr=[0.1], momentum=[0, 0.9], dampening=[0, 0.3], weight_decay=[0, 0.05], nesterov=[False, True],
            maximize=[False, True], form=["pytorch", "cs231n"],
        ),
        *combinations(
            RMSprop, lr=[0.1], alpha=[0.9], eps=[1e-3], weight_decay=[0, 0.05], momentum=[0, 0.8], centered=[False, True],
            maximize=[False, True], eps_inside_root=[False, True],
        ),
        *combinations(
            Adam, lr=[0.1], betas=[(0.8, 0.95)], eps=[1e-3], weight_decay=[0, 0.05], amsgrad=[False, True],
            maximize=[False, True], decoupled_weight_decay=[False, True], epsilon_hat=[False, True],
        ),
        *combinations(AdamW, lr=[0.1], weight_decay=[0.05], amsgrad=[False, True], maximize=[False, True]),
    ]
    if is_allowed(*combination)
]
NAMES = [f"{kind.__name__}({', '.join(f'{k}={v}' for k, v in settings.items() if v)})" for kind, settings in EVERY_OPTION]
every_option = pytest.mark.parametrize("kind, settings", EVERY_OPTION, ids=NAMES)


def sgd_by_formula(x, gradients, lr, momentum, dampening, weight_decay, nesterov, maximize, form):
    v = 0
    for t, g in enumerate(gradients, 1):
        g = (-g if maximize else g) + weight_decay * x
        if form == "cs231n" and momentum:
            v_prev, v = v, momentum * v - lr * g
            x = x - momentum * v_prev + (1 + momentum) * v if nesterov else x + v
        else:
            v = g if t == 1 else momentum * v + (1 - dampening) * g if momentum else g
            x = x - lr * (g + momentum * v if nesterov else v)
        yield x, {"momentum_buffer": v} if momentum else {}


def rmsprop_by_formula(x, gradients, lr, alpha, eps, weight_decay, momentum, centered, maximize, eps_inside_root):
    s = a = b = 0
    for t, g in enumerate(gradients, 1):
        g = (-g if maximize else g) + weight_decay * x
        s = alpha * s + (1 - alpha) * g**2
        a = alpha * a + (1 - alpha) * g
        square = s - a**2 if centered else s
        b = momentum * b + g / (np.sqrt(square + eps) if eps_inside_root else np.sqrt(square) + eps)
        x = x - lr * b
        yield x, {
            "step": t, "square_avg": s, **({"momentum_buffer": b} if momentum else {}), **({"grad_avg": a} if centered else {}),
        }


def adam_by_formula(
    x, gradients, lr, weight_decay, amsgrad, maximize, betas=(0.9, 0.999), eps=1e-8, decoupled_weight_decay=True, epsilon_hat=False
):
    m = v = largest = 0
    beta1, beta2 = betas
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        if decoupled_weight_decay:
            x = x * (1 - lr * weight_decay)
        else:
            g = g + weight_decay * x
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        largest = np.maximum(largest, v)
        square = largest if amsgrad else v
        if epsilon_hat:
            x = x - lr * np.sqrt(1 - beta2**t) / (1 - beta1**t) * m / (np.sqrt(square) + eps)
        else:
            x = x - lr * (m / (1 - beta1**t)) / (np.sqrt(square / (1 - beta2**t)) + eps)
        yield x, {"step": t, "exp_avg": m, "exp_avg_sq": v, **({"max_exp_avg_sq": largest} if amsgrad else {})}


BY_FORMULA = {SGD: sgd_by_formula, RMSprop: rmsprop_by_formula, Adam: adam_by_formula, AdamW: adam_by_formula}


def random_steps(dtype=np.float64, shape=(4, 3), steps=20):
    rng = np.random.default_rng(0)
    return rng.standard_normal(shape).astype(dtype), [rng.standard_normal(shape).astype(dtype) for _ in range(steps)]


@every_option
def test_20_steps_follow_the_formula(kind, settings):
    start, gradients = random_steps()
    x = tg.tensor(start, requires_grad=True)
    optimizer = kind([x], **settings)
    for g, (expected, expected_state) in zip(gradients, BY_FORMULA[kind](start, gradients, **settings), strict=True):
        x.grad = wrap(g.copy())
        optimizer.step()
        np.testing.assert_allclose(x.data, expected, rtol=1e-11, atol=1e-12)
        np.testing.assert_array_equal(x.grad.data, g)                   # a step only reads the gradient
        state = optimizer.state_dict()["state"].get(0, {})
        assert state.keys() == expected_state.keys()
        for name, value in state.items():
            np.testing.assert_allclose(np.asarray(value), expected_state[name], rtol=1e-11, atol=1e-12, err_msg=name)


@every_option
def test_describe_prints_what_step_does(kind, settings, capsys):
    start, gradients = random_steps(steps=5)
    x = tg.tensor(start, requires_grad=True)
    optimizer = kind([x], **settings)
    optimizer.describe()
    header, *lines = capsys.readouterr().out.splitlines()
    assert header == f"{kind.__name__}, for each parameter x with gradient g (t counts its steps, from 1; all else starts at 0):"
    names = {"x": start, "sqrt": np.sqrt, "maximum": np.maximum, "v": 0, "m": 0, "s": 0, "a": 0, "b": 0, "v_max": 0}
    program = compile("\n".join(line.strip() for line in lines), "describe", "exec")
    for t, g in enumerate(gradients, 1):
        x.grad = wrap(g)
        optimizer.step()
        names |= {"g": g, "t": t}
        exec(program, names)
        np.testing.assert_allclose(x.data, names["x"], rtol=1e-11, atol=1e-12)


def in_pytorch(kind, settings):
    """The settings without those that PyTorch lacks, or None if one of these is not as PyTorch does it."""
    if any(settings.get(name, value) != value for name, value in kind.beyond_pytorch.items()):
        return None
    return {name: value for name, value in settings.items() if name not in kind.beyond_pytorch}


@pytest.mark.peers
@pytest.mark.parametrize(
    "kind, settings",
    [
        pytest.param(kind, in_pytorch(kind, settings), id=name)
        for name, (kind, settings) in zip(NAMES, EVERY_OPTION, strict=True)
        if in_pytorch(kind, settings) is not None
    ],
)
def test_pytorch_takes_the_same_steps(kind, settings):
    import torch

    start, gradients = random_steps()
    x, theirs = tg.tensor(start, requires_grad=True), torch.tensor(start, requires_grad=True)
    optimizer, their_optimizer = kind([x], **settings), getattr(torch.optim, kind.__name__)([theirs], **settings)
    for i, g in enumerate(gradients):
        if i == 10:     # from here on with PyTorch's state
            optimizer = kind([x], lr=0.5)
            optimizer.load_state_dict(their_optimizer.state_dict())
        x.grad, theirs.grad = wrap(g), torch.tensor(g)
        optimizer.step()
        their_optimizer.step()
        np.testing.assert_allclose(x.data, theirs.detach().numpy(), rtol=1e-11, atol=1e-12)
    names = {number: state.keys() for number, state in optimizer.state_dict()["state"].items()}
    assert names == {number: state.keys() for number, state in their_optimizer.state_dict()["state"].items()}


@pytest.mark.peers
@pytest.mark.parametrize("kind", [SGD, RMSprop, Adam, AdamW])
def test_pytorch_has_the_same_arguments_and_defaults(kind):
    import inspect

    import torch

    theirs = inspect.signature(getattr(torch.optim, kind.__name__)).parameters
    ours = inspect.signature(kind).parameters
    beyond = set(kind.beyond_pytorch)
    left_out = {"foreach", "differentiable", "fused", "capturable"}     # they choose among PyTorch's implementations
    assert set(ours) - beyond == set(theirs) - left_out
    assert {name: p.default for name, p in ours.items() if name not in beyond} == {
        name: p.default for name, p in theirs.items() if name not in left_out
    }
    positional = [name for name, p in theirs.items() if p.kind is p.POSITIONAL_OR_KEYWORD and name not in left_out]
    assert [name for name, p in ours.items() if p.kind is p.POSITIONAL_OR_KEYWORD] == [name for name in positional if name != "maximize"]


# Arrays: dtype, layout, memory

ONE_OF_EACH = [
    (SGD, {"lr": 0.1}),
    (SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1}),
    (SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1, "maximize": True}),
    (SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "form": "cs231n"}),
    (RMSprop, {"momentum": 0.9, "centered": True, "weight_decay": 0.1, "maximize": True}),
    (RMSprop, {"eps_inside_root": True}),
    (Adam, {"amsgrad": True, "weight_decay": 0.1, "maximize": True}),
    (AdamW, {"epsilon_hat": True}),
]
one_of_each = pytest.mark.parametrize("kind, settings", ONE_OF_EACH, ids=[f"{k.__name__}-{i}" for i, (k, _) in enumerate(ONE_OF_EACH)])


def arrays_of_every_layout(dtype):
    rng = np.random.default_rng(1)
    matrix = rng.standard_normal((7, 5)).astype(dtype)
    return {
        "0-d": np.array(matrix[0, 0]),
        "empty": np.zeros((0, 3), dtype),
        "vector": matrix[0].copy(),
        "matrix": matrix.copy(),
        "transposed": matrix.T,
        "every second": rng.standard_normal((14, 6)).astype(dtype)[::2, ::-3],
        "cube": rng.standard_normal((2, 3, 4)).astype(dtype),
    }


def run(kind, settings, arrays, steps=4):
    """Some steps with gradients drawn anew for each; the tensors and the optimizer."""
    tensors = [tg.from_numpy(array, requires_grad=True, name=name) for name, array in arrays.items()]
    optimizer = kind(tensors, **settings)
    rng = np.random.default_rng(2)
    for _ in range(steps):
        for x in tensors:
            x.grad = wrap(np.asarray(rng.standard_normal(x.shape), x.dtype))
        optimizer.step()
    return tensors, optimizer


@one_of_each
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_everything_keeps_the_dtype_of_the_parameter(kind, settings, dtype):
    plain = {"lr": 0.01, **({} if kind is SGD else {"eps": 1e-3}), **settings}
    if kind in (Adam, AdamW):
        plain["betas"] = (0.8, 0.95)
    as_numpy = {name: np.float64(value) if isinstance(value, float) else value for name, value in plain.items()}
    if kind in (Adam, AdamW):
        as_numpy["betas"] = tuple(map(np.float64, plain["betas"]))
    tensors, optimizer = run(kind, as_numpy, arrays_of_every_layout(dtype))
    others, _ = run(kind, plain, arrays_of_every_layout(dtype))
    for x, other in zip(tensors, others, strict=True):
        assert x.dtype == dtype
        assert {value.dtype for name, value in optimizer.state[x].items() if name != "step"} <= {np.dtype(dtype)}
        np.testing.assert_array_equal(x.data, other.data)       # np.float64 settings round like Python floats, bit for bit


@one_of_each
def test_steps_are_in_place_in_every_layout(kind, settings):
    arrays = arrays_of_every_layout(np.float64)
    copies = {name: np.array(array, order="C") for name, array in arrays.items()}
    tensors, _ = run(kind, settings, arrays)
    others, _ = run(kind, settings, copies)
    for x, other, (name, array) in zip(tensors, others, arrays.items(), strict=True):
        assert x.data is array, name
        assert x.is_leaf and x.requires_grad
        np.testing.assert_array_equal(array, other.data, err_msg=name)
        assert not array.size or not np.array_equal(array, arrays_of_every_layout(np.float64)[name]), name


@one_of_each
@pytest.mark.parametrize("block", [8, 100])
def test_blocks_change_no_bit(kind, settings, block, monkeypatch):
    whole, _ = run(kind, settings, arrays_of_every_layout(np.float32))
    monkeypatch.setattr(optimizer_module, "BLOCK", block)
    cut, _ = run(kind, settings, arrays_of_every_layout(np.float32))
    for x, other in zip(whole, cut, strict=True):
        np.testing.assert_array_equal(x.data, other.data)


LARGE = {
    "in C's order": (lambda rng: rng.standard_normal((600, 400)), 8192),            # views and Python numbers; the array has 1.9 MB
    "every second column": (lambda rng: rng.standard_normal((600, 800))[:, ::2], 8192),
    "transposed": (lambda rng: rng.standard_normal((400, 600)).T, 300_000),         # and NumPy's buffers, 8192 elements for each operand
}


@one_of_each
@pytest.mark.parametrize("layout", LARGE)
def test_nothing_is_allocated_after_the_first_step(kind, settings, layout):
    make, limit = LARGE[layout]
    arrays = {"large": make(np.random.default_rng(3)), "small": np.ones(3, np.float32), "number": np.array(1.0)}
    tensors, optimizer = run(kind, settings, arrays, steps=1)
    before = {x: {name: id(value) for name, value in optimizer.state[x].items() if name != "step"} for x in tensors}
    scratch = optimizer._scratch
    tracemalloc.start()
    try:
        optimizer.step()                        # Python and NumPy fill small caches of their own
        base = tracemalloc.get_traced_memory()[0]
        for _ in range(5):
            optimizer.step()
        size, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < limit and size - base < 8192
    assert before == {x: {name: id(value) for name, value in optimizer.state[x].items() if name != "step"} for x in tensors}
    assert optimizer._scratch is scratch


def test_the_scratch_is_no_larger_than_a_block_of_rows():
    _, optimizer = run(Adam, {"weight_decay": 0.1}, {"large": np.ones((1000, 1000))}, steps=1)
    assert optimizer._scratch.nbytes <= 2 * optimizer_module.BLOCK


def test_centered_rmsprop_stays_finite_when_the_gradient_never_changes():
    x = tg.tensor(np.linspace(0.1, 3, 200, dtype=np.float32), requires_grad=True)
    g = x.data.copy()
    optimizer = RMSprop([x], lr=1e-8, alpha=0.9, centered=True)
    negative = False
    for _ in range(300):
        x.grad = wrap(g)
        optimizer.step()
        state = optimizer.state[x]
        negative = negative or bool((state["square_avg"] - state["grad_avg"] ** 2 < 0).any())
    assert negative                         # so the root of s - a * a, as it stands, is not a number
    assert np.isfinite(x.data).all()


# The graph

def test_a_step_records_nothing_and_enters_all_changes_in_one_call(monkeypatch):
    calls = []
    enter = changes.enter
    monkeypatch.setattr(changes, "enter", lambda *arrays: (calls.append(arrays), enter(*arrays))[1])
    x, y, unused = (tg.tensor([1.0, 2.0], requires_grad=True) for _ in range(3))
    (x * y).sum().backward()
    nodes = x.node, y.node
    optimizer = SGD([{"params": [x, unused]}, {"params": [y]}], lr=0.1)
    optimizer.step()
    assert len(calls) == 1 and [id(array) for array in calls[0]] == [id(x.data), id(y.data)]
    assert (x.node, y.node) == nodes and x.op is None
    assert (x._version, y._version, unused._version) == (1, 1, 0)


def test_backward_through_a_value_from_before_the_step_is_refused():
    w = tg.tensor([1.0, 2.0], requires_grad=True, name="w")
    loss = (w * w).sum()
    w.grad = tg.ones(2)
    SGD([w], lr=0.1).step()
    with pytest.raises(MutationError, match="'w'.*test_optim.py"):
        loss.backward()


def test_parameters_without_gradient_are_skipped():
    x, y = tg.tensor([1.0], requires_grad=True), tg.tensor([1.0], requires_grad=True)
    optimizer = Adam([x, y], lr=0.1, weight_decay=0.5)
    x.grad = tg.ones(1)
    optimizer.step()
    assert x.item() != 1 and y.item() == 1
    assert list(optimizer.state_dict()["state"]) == [0]
    y.grad = tg.ones(1)
    optimizer.step()
    assert optimizer.state[x]["step"] == 2 and optimizer.state[y]["step"] == 1     # each parameter has its own count
    x.requires_grad_(False)                 # frozen later on
    before = x.item()
    optimizer.step()
    assert x.item() == before


def test_zero_grad():
    x, y = tg.tensor([1.0], requires_grad=True), tg.tensor(1.0, requires_grad=True)
    optimizer = SGD([x, y])
    x.grad = gradient = tg.ones(1)
    optimizer.zero_grad(set_to_none=False)
    assert x.grad.tolist() == [0.0] and x.grad.dtype == x.dtype and y.grad is None
    assert gradient.tolist() == [1.0]
    y.grad = tg.ones(())
    optimizer.zero_grad(False)
    assert y.grad.shape == () and y.grad.item() == 0
    optimizer.zero_grad()
    assert x.grad is None and y.grad is None


def test_zero_gradients_still_move_along_the_velocity_and_none_does_not():
    x = tg.tensor([0.0], requires_grad=True)
    optimizer = SGD([x], lr=1.0, momentum=0.5)
    x.grad = tg.ones(1)
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)
    optimizer.step()
    assert x.tolist() == [-1.5]
    optimizer.zero_grad()
    optimizer.step()
    assert x.tolist() == [-1.5]


def test_a_recorded_gradient_can_be_stepped_along():
    x = tg.tensor(2.0, requires_grad=True)
    (x * x * x).backward(create_graph=True)
    assert x.grad.requires_grad
    SGD([x], lr=0.1).step()
    np.testing.assert_allclose(x.item(), 2 - 0.1 * 12, rtol=1e-6)
    assert x.is_leaf


def test_step_calls_the_closure_with_recording_on_and_returns_its_loss():
    x = tg.tensor(1.0, requires_grad=True)
    optimizer = SGD([x], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = x * x
        loss.backward()
        return loss

    with tg.no_grad():
        loss = optimizer.step(closure)
    assert loss.item() == 1 and x.item() == 0
    assert optimizer.step() is None


def test_an_error_in_the_middle_of_a_step_still_enters_what_was_changed():
    x, y = tg.tensor([1.0], requires_grad=True), tg.tensor([1.0], requires_grad=True)
    optimizer = SGD([{"params": [x]}, {"params": [y]}], lr=0.1)
    x.grad, y.grad = tg.ones(1), tg.ones(1)
    optimizer.param_groups[1]["lr"] = "fast"
    with pytest.raises(ValueError, match="fast"):
        optimizer.step()
    assert x._version == 1


# Groups and words

def test_groups_have_settings_of_their_own():
    x, y, z = (tg.tensor([1.0], requires_grad=True) for _ in range(3))
    given = {"params": x, "lr": 1.0}
    optimizer = SGD([given, {"params": iter([y])}], lr=0.5)
    optimizer.add_param_group({"params": [z], "lr": 0.25, "weight_decay": 1.0, "role": "head"})
    for parameter in (x, y, z):
        parameter.grad = tg.ones(1)
    optimizer.step()
    assert (x.item(), y.item(), z.item()) == (0.0, 0.5, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [1.0, 0.5, 0.25]
    assert optimizer.param_groups[2]["role"] == "head"
    assert given == {"params": x, "lr": 1.0}        # the caller's dict is left alone


def test_parameters_may_come_with_names_or_from_a_generator():
    x, y = tg.tensor([1.0], requires_grad=True), tg.tensor([1.0], requires_grad=True)
    optimizer = SGD(pair for pair in [("scale", x), ("shift", y)])
    assert optimizer.param_groups[0]["param_names"] == ["scale", "shift"]
    assert optimizer.param_groups[0]["params"] == [x, y]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["scale", "shift"]
    with pytest.raises(ValueError, match="'scale' is given twice"):
        optimizer.add_param_group({"params": [("scale", x)]})


def test_repr():
    x, y = tg.tensor([1.0], requires_grad=True), tg.tensor([1.0], requires_grad=True)
    settings = "momentum=0, dampening=0, weight_decay=0, nesterov=False, maximize=False, form='pytorch'"
    assert repr(SGD([x, y], lr=0.5)) == f"SGD(2 parameters, lr=0.5, {settings})"
    assert repr(SGD([{"params": [x]}, {"params": [y], "lr": 0.25}], lr=0.5)) == (
        f"SGD(\n    group 0: 1 parameter, lr=0.5, {settings}\n    group 1: 1 parameter, lr=0.25, {settings}\n)"
    )


def test_describe_of_several_groups(capsys):
    x, y = tg.tensor([1.0], requires_grad=True), tg.tensor([1.0], requires_grad=True)
    SGD([{"params": [x]}, {"params": [y], "lr": np.float64(0.25), "weight_decay": 0.1}], lr=0.5, maximize=True).describe()
    assert capsys.readouterr().out == (
        "SGD, for each parameter x with gradient g (t counts its steps, from 1; all else starts at 0):\n"
        "group 0, 1 parameter\n"
        "    g = -g\n"
        "    x = x - 0.5 * g\n"
        "group 1, 1 parameter\n"
        "    g = -g\n"
        "    g = g + 0.1 * x\n"
        "    x = x - 0.25 * g\n"
    )


def test_adamw_is_adam_with_decoupled_weight_decay():
    (x,), optimizer = run(AdamW, {"lr": 0.1}, {"x": np.ones((3, 2))})
    (other,), _ = run(Adam, {"lr": 0.1, "weight_decay": 0.01, "decoupled_weight_decay": True}, {"x": np.ones((3, 2))})
    np.testing.assert_array_equal(x.data, other.data)
    assert optimizer.param_groups[0]["weight_decay"] == 0.01


# State

@one_of_each
@pytest.mark.parametrize("way", ["as it is", "pickled", "as plain arrays"])
def test_a_loaded_state_goes_on_bit_for_bit(kind, settings, way):
    tensors, optimizer = run(kind, settings, arrays_of_every_layout(np.float32))
    saved = optimizer.state_dict()
    if way == "pickled":
        saved = pickle.loads(pickle.dumps(saved))
    if way == "as plain arrays":
        for state in saved["state"].values():
            state.update({name: np.asarray(value, np.float64) for name, value in state.items()})
    copies = [tg.tensor(x.data, requires_grad=True) for x in tensors]
    fresh = kind(copies, lr=123.0)
    fresh.load_state_dict(saved)
    rng = np.random.default_rng(4)
    for _ in range(3):
        for x, other in zip(tensors, copies, strict=True):
            x.grad = wrap(np.asarray(rng.standard_normal(x.shape), x.dtype))
            other.grad = x.grad.copy()
        optimizer.step()
        fresh.step()
    for x, other in zip(tensors, copies, strict=True):
        np.testing.assert_array_equal(x.data, other.data)
    assert repr(fresh) == repr(optimizer)


def test_state_dict_is_a_copy_in_the_form_of_pytorch():
    tensors, optimizer = run(Adam, {}, {"a": np.ones(2), "b": np.ones(3)}, steps=1)
    saved = optimizer.state_dict()
    assert saved.keys() == {"state", "param_groups"}
    assert saved["param_groups"] == [
        {
            "lr": 0.001, "betas": (0.9, 0.999), "eps": 1e-08, "weight_decay": 0, "amsgrad": False, "maximize": False,
            "decoupled_weight_decay": False, "epsilon_hat": False, "params": [0, 1],
        }
    ]
    assert [{name: np.shape(value) for name, value in state.items()} for state in saved["state"].values()] == [
        {"step": (), "exp_avg": (n,), "exp_avg_sq": (n,)} for n in (2, 3)
    ]
    before = copy.deepcopy(saved)
    optimizer.step()
    optimizer.param_groups[0]["lr"] = 7.0
    assert saved["param_groups"] == before["param_groups"]
    for number, state in saved["state"].items():
        assert state["step"] == 1
        for name in ("exp_avg", "exp_avg_sq"):
            np.testing.assert_array_equal(state[name].data, before["state"][number][name].data)
    optimizer.load_state_dict(saved)
    optimizer.step()
    assert saved["state"][0]["step"] == 1           # what was loaded is a copy, too
    np.testing.assert_array_equal(saved["state"][0]["exp_avg"].data, before["state"][0]["exp_avg"].data)
    assert optimizer.param_groups[0]["params"][0] is tensors[0]


def test_loading_a_fresh_state_forgets_the_steps_that_were_made():
    (x,), optimizer = run(Adam, {}, {"a": np.ones(2)})
    optimizer.load_state_dict(Adam([tg.tensor(np.ones(2), requires_grad=True)]).state_dict())
    assert optimizer.state_dict()["state"] == {}
    optimizer.step()
    assert optimizer.state[x]["step"] == 1


def test_a_state_is_cast_to_the_dtype_of_the_parameter():
    _, optimizer = run(Adam, {}, {"a": np.ones(2)}, steps=1)
    x = tg.ones(2, requires_grad=True)
    other = Adam([x])
    other.load_state_dict(optimizer.state_dict())
    assert other.state[x]["exp_avg"].dtype == np.float32
    np.testing.assert_array_equal(other.state[x]["exp_avg"], optimizer.state_dict()["state"][0]["exp_avg"].data.astype(np.float32))


def test_momentum_may_be_switched_on_and_off_between_steps_and_saved():
    x = tg.tensor([0.0], requires_grad=True)
    optimizer = SGD([x], lr=1.0)
    found = []
    for momentum in (0, 0.5, 0.5, 0):
        optimizer.param_groups[0]["momentum"] = momentum
        x.grad = tg.ones(1)
        before = x.item()
        optimizer.step()
        found.append(before - x.item())
    assert found == [1, 1, 1.5, 1]
    SGD([x]).load_state_dict(optimizer.state_dict())        # the velocity that is not used any more is no reason to refuse it


def spoil_groups(saved):
    del saved["param_groups"][0]["betas"]
    saved["param_groups"][1]["params"].append(9)
    saved["param_groups"][1]["lr"] = -1.0


def spoil_state(saved):
    del saved["state"][0]["exp_avg"]
    saved["state"][0]["momentum_buffer"] = np.zeros(2)
    saved["state"][1]["exp_avg_sq"] = np.zeros((3, 1))
    saved["state"][1]["exp_avg"] = np.zeros(3, np.complex128)
    saved["state"][7] = {}


NOT_FITTING = {
    "groups": (
        spoil_groups,
        ["group 0: missing betas", "group 1: the number of parameters is 2, and this optimizer has 1", "group 1: Adam: lr is -1.0"],
    ),
    "number of groups": (lambda saved: saved["param_groups"].pop(), ["the number of parameter groups is 1, and this optimizer has 2"]),
    "state": (
        spoil_state,
        [
            "state 0, of the parameter 'a': missing exp_avg",
            "state 0, of the parameter 'a': unexpected momentum_buffer",
            "state 1, of the parameter 'b': exp_avg_sq has shape (3, 1) and dtype float64; it needs shape (3,)",
            "state 1, of the parameter 'b': exp_avg has shape (3,) and dtype complex128",
            "state 7: no group has a parameter of this number",
        ],
    ),
    "count": (lambda saved: saved["state"][0].update(step=np.zeros(2)), ["'a': step has shape (2,) and dtype float64; it needs shape ()"]),
}


@pytest.mark.parametrize("what", NOT_FITTING)
def test_a_state_that_does_not_fit_is_refused_with_a_list_and_nothing_is_loaded(what):
    def made():
        a, b = tg.tensor(np.ones(2), requires_grad=True, name="a"), tg.tensor(np.ones(3), requires_grad=True, name="b")
        optimizer = Adam([{"params": [a]}, {"params": [b], "lr": 0.5}])
        a.grad, b.grad = tg.tensor(np.ones(2)), tg.tensor(np.ones(3))
        optimizer.step()
        return optimizer

    spoil, expected = NOT_FITTING[what]
    optimizer = made()
    optimizer.step()
    saved = made().state_dict()
    spoil(saved)
    before = repr(optimizer), repr(optimizer.state_dict())
    with pytest.raises(StateError) as caught:
        optimizer.load_state_dict(saved)
    for text in expected:
        assert text in str(caught.value)
    assert str(caught.value).count("\n    ") == len(expected)
    assert (repr(optimizer), repr(optimizer.state_dict())) == before


def test_the_state_of_another_optimizer_is_refused():
    _, sgd = run(SGD, {"momentum": 0.9}, {"a": np.ones(2)})
    _, adam = run(Adam, {}, {"a": np.ones(2)})
    with pytest.raises(StateError, match="missing betas, eps, amsgrad"):
        adam.load_state_dict(sgd.state_dict())
    with pytest.raises(StateError, match="missing momentum, dampening, nesterov"):
        sgd.load_state_dict(adam.state_dict())
    for nonsense in (None, {}, {"state": {}}, []):
        with pytest.raises(StateError, match="needs a dict with the keys 'state' and 'param_groups'"):
            adam.load_state_dict(nonsense)


@one_of_each
def test_optimizers_can_be_copied_and_pickled_together_with_their_parameters(kind, settings):
    tensors, optimizer = run(kind, settings, {"a": np.ones(2), "b": np.ones((2, 3))}, steps=2)
    for copied in (copy.deepcopy, lambda both: pickle.loads(pickle.dumps(both))):
        others, other = copied((tensors, optimizer))
        assert [id(x) for x in other.param_groups[0]["params"]] == [id(x) for x in others]
        before = [x.data.copy() for x in tensors]
        other.step()
        for x, array in zip(tensors, before, strict=True):
            np.testing.assert_array_equal(x.data, array)
        optimizer.step()
        for x, y in zip(tensors, others, strict=True):
            np.testing.assert_array_equal(x.data, y.data)


# Errors

def leaf(name=None):
    return tg.tensor([1.0, 2.0], requires_grad=True, name=name)


WRONG_SETTINGS = [
    *[(kind, {"lr": lr}, rf"{kind.__name__}: lr is {lr!r}; it needs to be a finite number of at least 0")
      for kind in (SGD, RMSprop, Adam, AdamW) for lr in (-0.1, float("nan"), float("inf"), "0.1", None)],
    *[(kind, {"weight_decay": -0.1}, "weight_decay is -0.1") for kind in (SGD, RMSprop, Adam, AdamW)],
    (SGD, {"momentum": -0.1}, "momentum is -0.1"),
    (RMSprop, {"momentum": -0.1}, "momentum is -0.1"),
    (RMSprop, {"eps": -1e-8}, "eps is -1e-08"),
    (RMSprop, {"alpha": 1.0}, r"alpha is 1.0; it needs to be in \[0, 1\)"),
    (RMSprop, {"alpha": -0.5}, "alpha is -0.5"),
    *[(kind, {"eps": -1e-8}, "eps is -1e-08") for kind in (Adam, AdamW)],
    *[(kind, {"betas": betas}, "betas is .*; it needs to be two numbers in") for kind in (Adam, AdamW)
      for betas in [(1.0, 0.9), (0.9, 1.0), (-0.1, 0.9), (0.9, -0.1), (0.9,), 0.9, "ab"]],
    (SGD, {"nesterov": True}, "nesterov needs momentum > 0 and dampening 0, not momentum 0 and dampening 0"),
    (SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "not momentum 0.9 and dampening 0.1"),
    (SGD, {"nesterov": True, "form": "cs231n"}, "nesterov needs momentum > 0"),
    (SGD, {"momentum": 0.9, "dampening": 0.1, "form": "cs231n"}, "form='cs231n' has no dampening"),
    (SGD, {"form": "keras"}, "form is 'keras'; it needs to be 'pytorch' or 'cs231n'"),
]


@pytest.mark.parametrize("kind, settings, message", WRONG_SETTINGS)
def test_settings_out_of_range_are_refused(kind, settings, message):
    with pytest.raises(ValueError, match=message):
        kind([leaf()], **settings)
    optimizer = kind([leaf()])
    with pytest.raises(ValueError, match=message):
        optimizer.add_param_group({"params": [leaf()], **settings})
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize("kind", [SGD, RMSprop, Adam, AdamW])
def test_wrong_parameters_are_refused(kind):
    name = kind.__name__
    x = leaf("w")
    read_only = np.ones(2)
    read_only.flags.writeable = False
    wrong = [
        ([], ValueError, "there are no parameters to optimize"),
        ([{"params": []}], ValueError, "there are no parameters to optimize"),
        ((tensor for tensor in []), ValueError, "empty once it was used"),
        ([x, x], ValueError, "the parameter 'w' is given twice"),
        ([{"params": [x]}, {"params": [x]}], ValueError, "the parameter 'w' is given twice"),
        ([leaf() * 2], ValueError, r"parameter 0 \(of shape \(2,\)\) was made by Multiply\(\) and is no leaf"),
        ([x, tg.ones(2)], ValueError, r"parameter 1 \(of shape \(2,\)\) needs no gradient"),
        ([tg.from_numpy(read_only, requires_grad=True)], ValueError, "read-only"),
        ([np.ones(2)], TypeError, "parameter 0 is a ndarray; it needs to be a Tensor"),
        (x, TypeError, r"params is one Tensor of shape \(2,\)"),
        ({x}, TypeError, "params is a set"),
        ({"w": x}, TypeError, r"params is a dict with the keys \['w'\]"),
        ("w", TypeError, "params is a str"),
        ([{"params": {x}}], TypeError, "params is a set"),
        ([{"lr": 0.1}], TypeError, r"a parameter group is a dict with the key 'params', not a dict with the keys \['lr'\]"),
        ([{"params": x}, leaf()], TypeError, "a parameter group is a dict"),
        ([("w", x), leaf()], ValueError, "name all of them or none"),
        ([{"params": [("w", x)]}, {"params": [leaf()]}], ValueError, "name all of them or none"),
    ]
    for params, error, message in wrong:
        with pytest.raises(error, match=message) as caught:
            kind(params)
        assert str(caught.value).startswith(f"{name}: ")
    optimizer = kind([x])
    for group in ({"params": [x]}, {"params": [leaf(), tg.ones(2)]}, [leaf()]):
        with pytest.raises((ValueError, TypeError)):
            optimizer.add_param_group(group)
    assert [group["params"] for group in optimizer.param_groups] == [[x]]


def test_an_optimizer_that_does_not_say_its_formula_says_so():
    class Nothing(Optimizer):
        pass

    x = leaf()
    x.grad = tg.ones(2)
    optimizer = Nothing([x], {"lr": 0.1})
    with pytest.raises(NotImplementedError, match="Nothing has to define numbers"):
        optimizer.step()
    with pytest.raises(NotImplementedError, match="Nothing has to define formula"):
        optimizer.describe()
    Nothing.numbers = lambda self, group, state: {}
    with pytest.raises(NotImplementedError, match="Nothing has to define update"):
        optimizer.step()
