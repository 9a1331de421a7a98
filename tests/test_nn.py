"""Modules, layers, losses and initialization: as in PyTorch, and in the notes' conventions; and what is said when something is wrong."""

import copy
import math
import pickle
from collections import OrderedDict

import numpy as np
import pytest

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu import nn
from tinygrad_edu.errors import DTypeError, GraphError, MutationError, ShapeError, StateError
from tinygrad_edu.fused.linear import LinearActivation
from tinygrad_edu.nn import init


class Scale(nn.Module):
    """A parameter, a buffer that is saved and one that is not."""

    def __init__(self, factor=2.0):
        super().__init__()
        self.factor = nn.Parameter(factor)
        self.register_buffer("calls", tg.zeros((), np.int64))
        self.register_buffer("last", None, persistent=False)

    def forward(self, x):
        self.calls += 1
        self.last = x.detach()
        return x * self.factor


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.offset = nn.Parameter([0.5, -0.5])
        self.body = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.25), nn.Linear(4, 2))
        self.scale = Scale()

    def forward(self, x):
        return self.scale(self.body(x)) + self.offset


NETWORK_PARAMETERS = [
    "offset", "body.0.weight", "body.0.bias", "body.1.weight", "body.1.bias", "body.4.weight", "body.4.bias", "scale.factor"
]
NETWORK_BUFFERS = ["body.1.running_mean", "body.1.running_var", "body.1.num_batches_tracked", "scale.calls"]


def numbers(module):
    """A copy of every parameter and buffer, by path."""
    return {path: tensor.data.copy() for path, tensor in (*module.named_parameters(), *module.named_buffers())}


def saved(module):
    """The arrays of its state."""
    return {path: tensor.data for path, tensor in module.state_dict().items()}


def same(a, b):
    """Whether two such dicts hold the same bits."""
    return a.keys() == b.keys() and all(np.array_equal(a[path], b[path]) and a[path].dtype == b[path].dtype for path in a)


# Parameter


def test_a_parameter_is_a_tensor_that_requires_grad():
    data = tg.tensor([1.0, 2.0])
    parameter = nn.Parameter(data)
    assert isinstance(parameter, tg.Tensor) and parameter.requires_grad and parameter.is_leaf
    assert repr(parameter) == "Parameter([1., 2.])"
    assert not nn.Parameter(data, requires_grad=False).requires_grad
    with tg.no_grad():
        parameter += 1
    assert data.tolist() == [1, 2] and parameter.tolist() == [2, 3]
    product = parameter * 2
    assert type(product) is tg.Tensor
    product.sum().backward()
    assert parameter.grad.tolist() == [2, 2] and type(parameter.grad) is tg.Tensor
    assert not hasattr(parameter, "__dict__")


def test_a_parameter_of_integers_is_refused_unless_it_needs_no_gradient():
    with pytest.raises(DTypeError, match="int64"):
        nn.Parameter([1, 2])
    assert nn.Parameter([1, 2], requires_grad=False).dtype == np.int64
    assert nn.Parameter([1, 2], dtype=np.float64, name="w").name == "w"


# What a module is made of


def test_attributes_are_listed_in_order_with_their_paths():
    network = Network()
    assert [path for path, _ in network.named_parameters()] == NETWORK_PARAMETERS
    assert [path for path, _ in network.named_buffers()] == NETWORK_BUFFERS
    assert [path for path, _ in network.named_parameters(prefix="net", recurse=False)] == ["net.offset"]
    assert list(network.named_buffers(recurse=False)) == []
    assert [id(parameter) for parameter in network.parameters()] == [id(parameter) for _, parameter in network.named_parameters()]
    assert [id(buffer) for buffer in network.buffers()] == [id(buffer) for _, buffer in network.named_buffers()]
    assert [path for path, _ in network.named_children()] == ["body", "scale"]
    assert list(network.children()) == [network.body, network.scale]
    paths = ["", "body", "body.0", "body.1", "body.2", "body.3", "body.4", "scale"]
    assert [path for path, _ in network.named_modules()] == paths
    assert [path for path, _ in network.named_modules(prefix="net")] == ["net", *(f"net.{path}" for path in paths[1:])]
    assert list(network.modules()) == [network, network.body, *network.body, network.scale]


def test_what_is_shared_is_listed_once():
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    network[1].weight = network[0].weight
    assert [path for path, _ in network.named_parameters()] == ["0.weight", "0.bias", "1.bias"]
    assert [path for path, _ in network.named_parameters(remove_duplicate=False)] == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert list(network.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert network[1].weight.name == "0.weight"

    layer = nn.Linear(2, 2, bias=False)
    twice = nn.Sequential(layer, nn.Sequential(layer))
    assert [path for path, _ in twice.named_parameters()] == ["0.weight"]
    assert list(twice.state_dict()) == ["0.weight", "1.0.weight"]
    assert [path for path, _ in twice.named_modules()] == ["", "0", "1"]
    assert [path for path, _ in twice.named_modules(remove_duplicate=False)] == ["", "0", "1", "1.0"]
    assert list(twice.children()) == [layer, twice[1]]


def test_a_parameter_without_a_name_is_named_by_its_path():
    network = Network()
    assert all(tensor.name == path for path, tensor in (*network.named_parameters(), *network.named_buffers()))
    outer = nn.Sequential(network)
    assert network.body[0].weight.name == "0.body.0.weight"
    assert [path for path, _ in network.named_parameters()] == NETWORK_PARAMETERS
    with pytest.raises(GraphError, match="'0.body.0.weight'"):
        outer[0].body[0].weight += 1


def test_a_name_that_was_given_stays():
    module = nn.Module()
    module.weight = nn.Parameter([1.0], name="mine")
    assert nn.Sequential(module)[0].weight.name == "mine"


def test_an_attribute_can_be_replaced_removed_and_emptied():
    network = Network()
    network.offset = nn.Parameter([1.0, 1.0])
    network.body[0].bias = None
    network.scale = nn.Tanh()
    assert [path for path, _ in network.named_parameters()] == [p for p in NETWORK_PARAMETERS if p not in ("body.0.bias", "scale.factor")]
    assert network.offset.tolist() == [1, 1] and network.body[0].bias is None
    del network.offset
    assert "offset" not in dict(network.named_parameters()) and not hasattr(network, "offset")
    network.offset = tg.zeros(2)            # no parameter any more, but an attribute like any other
    assert "offset" not in network.state_dict()
    network.scale.weight = nn.Linear(1, 1, bias=False)
    network.scale.weight = nn.Parameter(0.0)
    assert [path for path, _ in network.scale.named_parameters()] == ["weight"] and not list(network.scale.children())


def test_a_buffer_stays_one_when_it_is_replaced():
    scale = Scale()
    assert list(scale.state_dict()) == ["factor", "calls"]
    scale(tg.ones(2))
    assert dict(scale.named_buffers())["last"].tolist() == [1, 1]
    assert list(scale.state_dict()) == ["factor", "calls"]
    scale.last = nn.Parameter([1.0])        # a parameter is always saved
    assert list(scale.state_dict()) == ["factor", "last", "calls"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("factor", tg.zeros(())), ("factor", 3.0), ("calls", 3), ("calls", np.zeros(()))],
)
def test_a_registered_attribute_takes_its_own_kind(name, value):
    scale = Scale()
    before = getattr(scale, name)
    with pytest.raises(TypeError, match=f"Scale.{name} is a (Parameter|buffer).*{type(value).__name__}"):
        setattr(scale, name, value)
    assert getattr(scale, name) is before
    with pytest.raises(TypeError, match=r"Sequential.0 is a Module.*Tensor"):
        setattr(nn.Sequential(scale), "0", tg.zeros(1))


def test_a_parameter_that_could_be_there_takes_only_a_parameter():
    layer = nn.Linear(2, 1, bias=False)
    with pytest.raises(TypeError, match=r"Linear.bias is a Parameter"):
        layer.bias = tg.zeros(1)
    layer.bias = nn.Parameter([1.0])
    assert [path for path, _ in layer.named_parameters()] == ["weight", "bias"]


def test_assigning_before_init_is_an_error():
    class Early(nn.Module):
        def __init__(self):
            self.size = 3
            self.layer = nn.Linear(self.size, 1)

    with pytest.raises(AttributeError, match=r"Early: call super\(\).__init__\(\) first"):
        Early()

    class Never(nn.Module):
        def __init__(self):
            self.size = 3

    assert Never().size == 3
    with pytest.raises(AttributeError, match=r"Never: call super\(\).__init__\(\) first"):
        list(Never().parameters())


def test_names_that_cannot_be():
    module = nn.Module()
    with pytest.raises(ValueError, match="'a.b' is no name"):
        module.register_buffer("a.b", None)
    with pytest.raises(ValueError, match="'' is no name"):
        setattr(module, "", nn.Tanh())
    with pytest.raises(ValueError, match=r"Module.train is an attribute of the class"):
        module.train = nn.Linear(1, 1)
    module.weight = nn.Parameter(1.0)
    module.size = 3
    for name in ("weight", "size"):
        with pytest.raises(ValueError, match=f"has an attribute '{name}' already"):
            module.register_buffer(name, tg.zeros(1))
    with pytest.raises(ValueError, match="has an attribute 'size' already"):
        module.register_parameter("size", nn.Parameter(1.0))
    with pytest.raises(TypeError, match=r"register_parameter: w is a Tensor"):
        module.register_parameter("w", tg.zeros(1))
    with pytest.raises(TypeError, match=r"register_buffer: b is a ndarray"):
        module.register_buffer("b", np.zeros(1))
    assert list(module.state_dict()) == ["weight"] and module.size == 3 and module.train() is module
    module.register_parameter("weight", nn.Parameter(2.0))
    assert module.weight.item() == 2
    with pytest.raises(AttributeError, match="Module has no attribute 'absent'"):
        module.absent  # noqa: B018
    with pytest.raises(NotImplementedError, match="Module has no forward"):
        module(1)


# What is done to all of a module


def test_train_and_eval_reach_every_module():
    network = Network()
    assert all(module.training for module in network.modules())
    assert network.eval() is network
    assert not any(module.training for module in network.modules())
    network.body.train()
    assert [path for path, module in network.named_modules() if module.training] == ["body", *(f"body.{i}" for i in range(5))]
    with pytest.raises(ValueError, match="takes True or False, not a Tensor"):
        network.train(tg.zeros(3))


def test_requires_grad_and_zero_grad_reach_every_parameter():
    network = Network()
    network.body.requires_grad_(False)
    assert [path for path, parameter in network.named_parameters() if parameter.requires_grad] == ["offset", "scale.factor"]
    network.requires_grad_()
    network(tg.randn(5, 3)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    gradient = network.offset.grad
    network.zero_grad(set_to_none=False)
    assert all(not parameter.grad.data.any() and parameter.grad.shape == parameter.shape for parameter in network.parameters())
    assert gradient.tolist() == [5, 5]
    network.zero_grad()
    assert all(parameter.grad is None for parameter in network.parameters())
    network.zero_grad(set_to_none=False)
    assert all(parameter.grad is None for parameter in network.parameters())


def test_apply_visits_inner_modules_first():
    network, visited = Network(), []
    assert network.apply(visited.append) is network
    assert visited == [*network.body, network.body, network.scale, network]


def test_a_copy_and_a_pickle_are_independent():
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout(0.5, generator=np.random.default_rng(0)), nn.Linear(2, 2))
    network[3].weight = network[0].weight
    network[0].bias.requires_grad_(False)
    network(tg.randn(4, 2)).sum().backward()
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        before = numbers(network)
        assert same(numbers(other), before)
        assert other[3].weight is other[0].weight and other[0].weight is not network[0].weight
        assert type(other[0].weight) is nn.Parameter and other[0].weight.name == "0.weight"
        assert np.array_equal(other[0].weight.grad.data, network[0].weight.grad.data)
        assert not other[0].bias.requires_grad
        other(tg.randn(4, 2)).sum().backward()
        with tg.no_grad():
            other[0].weight += 1
        assert same(numbers(network), before) and not same(numbers(other), before)


# State


def test_a_saved_state_is_a_copy():
    network = Network()
    state = network.state_dict()
    before = {path: tensor.data.copy() for path, tensor in state.items()}
    assert list(state) == [
        "offset", "body.0.weight", "body.0.bias", "body.1.weight", "body.1.bias", *NETWORK_BUFFERS[:3], "body.4.weight", "body.4.bias",
        "scale.factor", "scale.calls",
    ]
    assert not any(tensor.requires_grad for tensor in state.values())
    assert same(before, {path: numbers(network)[path] for path in state})
    optimizer = tg.optim.SGD(network.parameters(), lr=0.1)
    network(tg.randn(5, 3)).sum().backward()
    optimizer.step()
    assert same(before, {path: tensor.data for path, tensor in state.items()})
    unchanged = {path for path, array in saved(network).items() if np.array_equal(array, before[path])}
    assert unchanged <= {"body.0.bias"}                     # which batch norm takes away: its gradient is 0, but for rounding
    assert [*network.state_dict(prefix="net.")] == [f"net.{path}" for path in state]


def test_loading_takes_over_every_number_in_place():
    network, other = Network(), Network()
    other(tg.randn(5, 3))
    other.eval(), network.eval()
    x = tg.randn(2, 3)
    assert not np.array_equal(network(x).data, other(x).data)
    weight, memory = network.body[0].weight, network.body[0].weight.data
    assert network.load_state_dict(other.state_dict()) == ([], [])
    assert network.body[0].weight is weight and weight.data is memory and weight.requires_grad and weight.is_leaf
    assert np.array_equal(network(x).data, other(x).data)
    assert same(saved(network), saved(other))


def test_loading_is_entered_in_the_register_of_changes():
    layer = nn.Linear(2, 1)
    loss = (layer(tg.ones((1, 2), requires_grad=True)) ** 2).sum()
    layer.load_state_dict(layer.state_dict())
    with pytest.raises(MutationError, match="'weight'.*test_nn.py"):
        loss.backward()


def test_a_state_that_does_not_fit_is_refused_as_a_whole():
    network = Network()
    before = numbers(network)
    state = {path: tensor + 1 for path, tensor in network.state_dict().items()}
    del state["offset"], state["body.1.running_var"]
    state["body.0.weight"] = np.zeros((4, 2))
    state["body.1.num_batches_tracked"] = 1.5
    state["body.4.bias"] = ["a", "b"]
    state["extra"] = state["body.0.wieght"] = tg.zeros(1)
    with pytest.raises(StateError) as caught:
        network.load_state_dict(state)
    assert str(caught.value).splitlines() == [
        "Network.load_state_dict: the state does not fit, and nothing was loaded; save it from a module that is built alike",
        "    offset: missing",
        "    body.1.running_var: missing",
        "    extra: unexpected",
        "    body.0.wieght: unexpected",
        "    body.0.weight: has shape (4, 2); it needs (4, 3)",
        "    body.1.num_batches_tracked: has dtype float64; it needs int64, or one that casts to it but for rounding",
        "    body.4.bias: has dtype <U1; it needs float32, or one that casts to it but for rounding",
    ]
    assert same(numbers(network), before)
    assert isinstance(caught.value, RuntimeError) and isinstance(caught.value, KeyError)
    with pytest.raises(StateError) as caught:
        network.load_state_dict(state, strict=False)
    assert "missing" not in str(caught.value) and "body.0.weight: has shape" in str(caught.value)
    assert same(numbers(network), before)


def test_without_strict_what_is_missing_or_unexpected_is_reported_and_left_out():
    layer = nn.Linear(2, 1)
    weight = layer.weight.data.copy()
    assert layer.load_state_dict({"bias": np.array([3.0]), "extra": 1.0}, strict=False) == (["weight"], ["extra"])
    assert layer.bias.tolist() == [3] and np.array_equal(layer.weight.data, weight) and layer.bias.dtype == np.float32
    with pytest.raises(TypeError, match=r"Linear.load_state_dict: needs a dict.*not a list"):
        layer.load_state_dict([1, 2])


def test_a_state_may_be_the_memory_of_the_module_itself():
    network = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
    first, second = network[0].weight.item(), network[1].weight.item()
    network.load_state_dict({"0.weight": network[1].weight, "1.weight": network[0].weight})
    assert (network[0].weight.item(), network[1].weight.item()) == (second, first)


# Words


def test_repr_nests():
    assert repr(Network()) == """Network(
  (body): Sequential(
    (0): Linear(in_features=3, out_features=4, bias=True)
    (1): BatchNorm1d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    (2): ReLU()
    (3): Dropout(p=0.25)
    (4): Linear(in_features=4, out_features=2, bias=True)
  )
  (scale): Scale()
)"""

    class Named(nn.Sequential):
        def extra_repr(self):
            return "two\nlines"

    assert repr(Named(nn.Tanh())) == "Named(\n  two\n  lines\n  (0): Tanh()\n)"
    assert repr(nn.Sequential()) == "Sequential()"


@pytest.mark.parametrize(
    ("module", "lines"),
    [
        (nn.Linear(3, 4, bias=False), ["Linear(in_features=3, out_features=4, bias=False)", "    out = x @ weight.T    weight (4, 3)"]),
        (
            nn.BatchNorm1d(3, eps=0.01),
            [
                "BatchNorm1d(3, eps=0.01, momentum=0.1, affine=True, bias=True, track_running_stats=True)",
                "    out = (x - mean) / sqrt(var + 0.01) * weight + bias",
                "    training:    mean and var are those of the batch, with 1 / n",
                "                 running_mean = 0.9 * running_mean + 0.1 * mean",
                "                 running_var = 0.9 * running_var + 0.1 * var * n / (n - 1)",
                "    evaluation:  mean = running_mean, var = running_var",
            ],
        ),
        (
            nn.BatchNorm2d(3, momentum=0.7, affine=False, convention="cs231n"),
            [
                "BatchNorm2d(3, eps=1e-05, momentum=0.7, affine=False, bias=False, track_running_stats=True, convention='cs231n')",
                "    out = (x - mean) / sqrt(var + 1e-05)",
                "    training:    mean and var are those of the batch, with 1 / n",
                "                 running_mean = 0.7 * running_mean + 0.3 * mean",
                "                 running_var = 0.7 * running_var + 0.3 * var",
                "    evaluation:  mean = running_mean, var = running_var",
            ],
        ),
        (
            nn.BatchNorm1d(3, momentum=None),
            [
                "BatchNorm1d(3, eps=1e-05, momentum=None, affine=True, bias=True, track_running_stats=True)",
                "    out = (x - mean) / sqrt(var + 1e-05) * weight + bias",
                "    training:    mean and var are those of the batch, with 1 / n, and t counts the batches",
                "                 running_mean = (1 - 1 / t) * running_mean + 1 / t * mean",
                "                 running_var = (1 - 1 / t) * running_var + 1 / t * var * n / (n - 1)",
                "    evaluation:  mean = running_mean, var = running_var",
            ],
        ),
        (
            nn.BatchNorm1d(3, affine=False, track_running_stats=False),
            [
                "BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False)",
                "    out = (x - mean) / sqrt(var + 1e-05)",
                "    mean and var are those of the batch, with 1 / n",
            ],
        ),
        (nn.Dropout(keep_prob=0.75), [
            "Dropout(p=0.25)",
            "    training:    out = where(mask, x / (1 - 0.25), 0)    mask = random(x.shape) >= 0.25",
            "    evaluation:  out = x",
        ]),
        (nn.Dropout(1), ["Dropout(p=1)", "    training:    out = 0", "    evaluation:  out = x"]),
        (
            nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh(), nn.Sigmoid()), nn.Flatten(), nn.Identity(3)),
            [
                "0: ReLU()", "    out = maximum(x, 0)", "1.0: Tanh()", "    out = tanh(x)", "1.1: Sigmoid()", "    out = 1 / (1 + exp(-x))",
                "2: Flatten(start_dim=1, end_dim=-1)", "    out = x with the axes from 1 to -1 as one", "3: Identity()", "    out = x",
            ],
        ),
        (
            nn.CrossEntropyLoss(),
            [
                "CrossEntropyLoss(ignore_index=-100, reduction='mean', label_smoothing=0.0)",
                "    losses = -sum(onehot(target) * log_softmax(x))    over the classes; 0 where target is -100",
                "    out = sum(losses) / number of losses that count",
            ],
        ),
        (
            nn.CrossEntropyLoss(tg.ones(3), label_smoothing=0.1),
            [
                "CrossEntropyLoss(ignore_index=-100, reduction='mean', label_smoothing=0.1)",
                "    losses = -sum(weight * (0.9 * onehot(target) + 0.1 / classes) * log_softmax(x))"
                "    over the classes; 0 where target is -100",
                "    out = sum(losses) / sum(weight[target])",
            ],
        ),
        (
            nn.LayerNorm((2, 3), eps=0.1, bias=False),
            [
                "LayerNorm((2, 3), eps=0.1, elementwise_affine=True, bias=False)",
                "    out = (x - mean) / sqrt(var + 0.1) * weight",
                "    mean and var are over the last 2 axes, with 1 / n",
            ],
        ),
        (nn.RMSNorm(3), ["RMSNorm((3,), eps=None, elementwise_affine=True)", "    out = x / sqrt(mean(x**2) + eps) * weight"]),
        (
            nn.GroupNorm(2, 6, affine=False),
            [
                "GroupNorm(2, 6, eps=1e-05, affine=False, bias=False)",
                "    out = (x - mean) / sqrt(var + 1e-05)",
                "    mean and var are over 3 channels of a sample, with 1 / n",
            ],
        ),
        (
            nn.InstanceNorm1d(3, affine=True, track_running_stats=True),
            [
                "InstanceNorm1d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)",
                "    out = (x - mean) / sqrt(var + 1e-05) * weight + bias",
                "    training:    mean and var are those of the channel of the sample, with 1 / n",
                "                 running_mean = 0.9 * running_mean + 0.1 * mean over the samples",
                "                 running_var = 0.9 * running_var + 0.1 * mean over the samples of var * n / (n - 1)",
                "    evaluation:  mean = running_mean, var = running_var",
            ],
        ),
        (
            nn.InstanceNorm2d(3),
            [
                "InstanceNorm2d(3, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False)",
                "    out = (x - mean) / sqrt(var + 1e-05)",
                "    mean and var are those of the channel of the sample, with 1 / n",
            ],
        ),
        (
            nn.Sequential(nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.Softplus(2), nn.Softmax(1), nn.LogSoftmax(1)),
            [
                "0: GELU(approximate='none')", "    out = x / 2 * (1 + erf(x / sqrt(2)))",
                "1: GELU(approximate='tanh')", "    out = x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))",
                "2: SiLU()", "    out = x / (1 + exp(-x))",
                "3: Softplus(beta=2, threshold=20.0)", "    out = log(1 + exp(2 * x)) / 2    and x where 2 * x > 20",
                "4: Softmax(dim=1)", "    out = exp(x) / sum(exp(x))    over axis 1",
                "5: LogSoftmax(dim=1)", "    out = x - log(sum(exp(x)))    over axis 1",
            ],
        ),
        (
            nn.BCEWithLogitsLoss(),
            [
                "BCEWithLogitsLoss(reduction='mean')",
                "    losses = -(target * log(sigmoid(x)) + (1 - target) * log(1 - sigmoid(x)))",
                "    out = mean(losses)",
            ],
        ),
        (
            nn.BCEWithLogitsLoss(tg.ones(3), reduction="none", pos_weight=tg.ones(3)),
            [
                "BCEWithLogitsLoss(reduction='none')",
                "    losses = -weight * (pos_weight * target * log(sigmoid(x)) + (1 - target) * log(1 - sigmoid(x)))",
                "    out = losses",
            ],
        ),
        (nn.MSELoss(reduction="sum"), ["MSELoss(reduction='sum')", "    out = sum((x - target)**2)"]),
        (nn.MSELoss(reduction="none"), ["MSELoss(reduction='none')", "    out = (x - target)**2"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_describe_prints_the_formula_with_its_numbers(module, lines, capsys):
    module.describe()
    assert capsys.readouterr().out.splitlines() == lines


# Linear


def test_linear_multiplies_by_its_transposed_weight():
    layer = nn.Linear(3, 2, dtype=np.float64)
    x = np.random.default_rng(0).normal(size=(5, 4, 3))
    out = layer(tg.tensor(x))
    np.testing.assert_allclose(out.data, x @ layer.weight.data.T + layer.bias.data, rtol=1e-14)
    out.sum().backward()
    np.testing.assert_allclose(layer.weight.grad.data, np.broadcast_to(x.sum(axis=(0, 1)), (2, 3)), rtol=1e-12)
    assert layer.bias.grad.tolist() == [20, 20]
    assert nn.Linear(3, 2, bias=False)(tg.zeros((1, 3))).tolist() == [[0, 0]]


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_with_an_activation_is_the_two_after_each_other(activation, bias):
    layer = nn.Linear(3, 4, bias, activation=activation, dtype=np.float64)
    plain = nn.Linear(3, 4, bias, dtype=np.float64)
    plain.load_state_dict(layer.state_dict())               # the activation has no part in the state
    x, y = (tg.tensor(np.linspace(-1, 1, 15).reshape(5, 3), requires_grad=True) for _ in range(2))
    one, two = layer(x), getattr(F, activation)(plain(y))
    np.testing.assert_allclose(one.numpy(), two.numpy(), rtol=1e-14)
    assert one.op == LinearActivation(activation)
    g = np.cos(np.arange(20)).reshape(5, 4)
    one.backward(g)
    two.backward(g)
    pairs = [(x, y), *zip(layer.parameters(), plain.parameters(), strict=True)]
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-13, atol=1e-15)


def test_linear_with_an_activation_says_so():
    layer = nn.Linear(3, 4, bias=False, activation="relu")
    assert repr(layer) == "Linear(in_features=3, out_features=4, bias=False, activation='relu')"
    assert layer.formula() == ["out = relu(x @ weight.T)    weight (4, 3)"]
    for call in lambda: nn.Linear(3, 4, activation="gelu"), lambda: F.linear(tg.ones((1, 2)), tg.ones((1, 2)), activation="gelu"):
        with pytest.raises(ValueError, match=r"(?i)linear: activation='gelu'; it needs to be one of None, 'relu', 'tanh', 'sigmoid'"):
            call()


def test_relu_in_linear_passes_nothing_where_it_is_0_even_of_an_infinite_gradient():
    x = tg.tensor([[-1.0], [0.0], [2.0]], requires_grad=True)
    F.linear(x, tg.ones((1, 1)), activation="relu").backward(np.float32([[np.inf], [np.inf], [3]]))
    assert x.grad.tolist() == [[0], [0], [3]]


def test_linear_starts_in_pytorchs_range_and_is_seeded():
    layer = nn.Linear(50, 400)
    bound = 1 / math.sqrt(50)
    for parameter in (layer.weight, layer.bias):
        assert parameter.dtype == np.float32 and abs(parameter.data).max() <= bound
        assert parameter.data.max() > 0.95 * bound and parameter.data.min() < -0.95 * bound
    assert layer.weight.data.std() == pytest.approx(bound / math.sqrt(3), rel=0.02)
    first = nn.Linear(4, 3, generator=np.random.default_rng(7))
    again = nn.Linear(4, 3, generator=np.random.default_rng(7))
    assert same(numbers(first), numbers(again)) and not same(numbers(first), numbers(nn.Linear(4, 3)))
    tg.manual_seed(3)
    layer.reset_parameters()
    seeded = numbers(layer)
    tg.manual_seed(3)
    assert same(seeded, numbers(nn.Linear(50, 400)))
    assert nn.Linear(0, 3)(tg.zeros((2, 0))).shape == (2, 3) and nn.Linear(3, 0)(tg.zeros((2, 3))).shape == (2, 0)


def test_the_default_dtype_reaches_every_layer():
    tg.set_default_dtype(np.float64)
    assert {str(tensor.dtype) for tensor in (*Network().parameters(), *Network().buffers())} == {"float64", "int64"}


@pytest.mark.parametrize(
    "layer", [nn.Linear(3, 3), nn.BatchNorm1d(3), nn.BatchNorm1d(3, track_running_stats=False), nn.BatchNorm1d(3).eval()]
)
def test_another_dtype_than_the_weights_is_refused_with_both(layer):
    with pytest.raises(DTypeError, match="float64.*'?weight'?.*float32.*astype"):
        nn.Sequential(layer)(tg.zeros((4, 3), dtype=np.float64))


def test_an_error_names_the_weight_by_its_path():
    network = nn.Sequential(nn.Flatten(), nn.Linear(3, 2))
    with pytest.raises(ShapeError, match=r"\(1, 4\).*'1.weight'.*\(2, 3\)"):
        network(tg.zeros((1, 2, 2)))


# Batch norm


def batches(shape, count=4):
    rng = np.random.default_rng(5)
    return [rng.normal(3, 2, shape) for _ in range(count)]


def on_channels(values, ndim):
    return values.reshape(-1, *(1,) * (ndim - 2))


BATCH_NORMS = [
    (nn.BatchNorm1d, (6, 3)), (nn.BatchNorm1d, (4, 3, 5)), (nn.BatchNorm2d, (2, 3, 4, 5)), (nn.BatchNorm3d, (2, 3, 2, 2, 3)),
]


@pytest.mark.parametrize("momentum", [..., 0.3, None])
@pytest.mark.parametrize("convention", ["pytorch", "cs231n"])
@pytest.mark.parametrize(("kind", "shape"), BATCH_NORMS)
def test_batch_norm_follows_its_convention(kind, shape, convention, momentum):
    layer = kind(3, 0.1, momentum, dtype=np.float64, convention=convention)
    with tg.no_grad():
        layer.weight[...] = [0.5, 2, -1]
        layer.bias[...] = [1, 0, 3]
    weight, bias = (on_channels(parameter.data, len(shape)) for parameter in (layer.weight, layer.bias))
    axes = (0, *range(2, len(shape)))
    n = math.prod(shape) // 3
    mean, var = np.zeros(3), np.full(3, 0.0 if convention == "cs231n" else 1.0)
    for t, x in enumerate(batches(shape), start=1):
        centered = x - x.mean(axis=axes, keepdims=True)
        biased = (centered**2).mean(axis=axes)
        x_hat = centered / np.sqrt(on_channels(biased, len(shape)) + 0.1)
        np.testing.assert_allclose(layer(tg.tensor(x)).data, weight * x_hat + bias, rtol=1e-10, atol=1e-12)
        if momentum is None:
            stays = 1 - 1 / t
        elif convention == "cs231n":
            stays = 0.9 if momentum is ... else momentum
        else:
            stays = 0.9 if momentum is ... else 1 - momentum
        mean = stays * mean + (1 - stays) * x.mean(axis=axes)
        var = stays * var + (1 - stays) * (biased if convention == "cs231n" else biased * n / (n - 1))
        np.testing.assert_allclose(layer.running_mean.data, mean, rtol=1e-12)
        np.testing.assert_allclose(layer.running_var.data, var, rtol=1e-12)
        assert layer.num_batches_tracked.item() == t and layer.num_batches_tracked.dtype == np.int64
    layer.eval()
    before = numbers(layer)
    x = batches(shape, 1)[0]
    expected = weight * (x - on_channels(mean, len(shape))) / np.sqrt(on_channels(var, len(shape)) + 0.1) + bias
    np.testing.assert_allclose(layer(tg.tensor(x)).data, expected, rtol=1e-10)
    assert same(numbers(layer), before)


@pytest.mark.parametrize("convention", ["pytorch", "cs231n"])
def test_running_statistics_are_the_same_however_the_batch_was_computed(convention):
    layers = [nn.BatchNorm1d(3, dtype=np.float64, convention=convention) for _ in range(3)]
    for x in batches((6, 3)):
        layers[0](tg.tensor(x))
        with tg.no_grad():
            layers[1](tg.tensor(x))
        with tg.composed():
            layers[2](tg.tensor(x))
    for layer in layers[1:]:
        np.testing.assert_allclose(layer.running_mean.data, layers[0].running_mean.data, rtol=1e-13)
        np.testing.assert_allclose(layer.running_var.data, layers[0].running_var.data, rtol=1e-13)
        assert layer.num_batches_tracked.item() == 4


def test_batch_norm_without_running_statistics_uses_the_batch_in_evaluation_too():
    layer = nn.BatchNorm1d(3, track_running_stats=False)
    assert list(layer.state_dict()) == ["weight", "bias"]
    x = tg.randn(6, 3)
    trained = layer(x).data
    assert np.array_equal(layer.eval()(x).data, trained) and abs(trained.mean(axis=0)).max() < 1e-6


def test_batch_norm_without_weight_and_bias():
    layer = nn.BatchNorm1d(3, affine=False)
    assert list(layer.parameters()) == [] and list(layer.state_dict()) == ["running_mean", "running_var", "num_batches_tracked"]
    out = layer(tg.randn(50, 3)).data
    np.testing.assert_allclose(out.std(axis=0), 1, atol=1e-4)


def test_batch_norm_can_forget():
    layer = nn.BatchNorm1d(3, convention="cs231n")
    fresh = numbers(layer)
    layer(tg.randn(6, 3))
    with tg.no_grad():
        layer.weight += 1
    layer.reset_running_stats()
    assert not same(numbers(layer), fresh)
    layer.reset_parameters()
    assert same(numbers(layer), fresh)
    assert layer.running_var.tolist() == [0, 0, 0] and nn.BatchNorm1d(3).running_var.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (nn.BatchNorm1d(3), (1, 3), "each channel has 1 value; training needs at least two"),
        (nn.BatchNorm2d(3), (1, 3, 1, 1), "each channel has 1 value; training needs at least two"),
        (nn.BatchNorm1d(3), (0, 3), "each channel has 0 values"),
        (nn.BatchNorm1d(3), (2, 3, 4, 5), r"BatchNorm1d\(3, .*shape \(2, 3, 4, 5\).*\(batch, channel\) or \(batch, channel, length\)"),
        (nn.BatchNorm1d(3), (3,), r"BatchNorm1d\(3, .*shape \(3,\)"),
        (nn.BatchNorm2d(3), (2, 3), r"BatchNorm2d\(3, .*shape \(2, 3\); it needs the axes \(batch, channel, height, width\)"),
        (nn.BatchNorm3d(3), (2, 3, 4, 5), r"BatchNorm3d\(3, .*needs the axes \(batch, channel, depth, height, width\)"),
        (nn.BatchNorm1d(3), (2, 4), r"BatchNorm1d\(3, .*shape \(2, 4\); it needs 3 channels, on axis 1"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused_and_not_counted(layer, shape, message):
    before = numbers(layer)
    with pytest.raises(ShapeError, match=message):
        layer(tg.zeros(shape))
    assert same(numbers(layer), before)


def test_an_unknown_convention_is_refused():
    with pytest.raises(ValueError, match="convention='keras'"):
        nn.BatchNorm1d(3, convention="keras")


def test_one_value_a_channel_is_enough_in_evaluation():
    assert nn.BatchNorm1d(3).eval()(tg.zeros((1, 3))).tolist() == [[0, 0, 0]]


# The norms of samples


def test_norms_of_samples_are_their_functions():
    rng = np.random.default_rng(0)
    x = tg.tensor(rng.normal(size=(2, 4, 3)), dtype=np.float32)
    weight, bias = tg.tensor(rng.normal(size=4), dtype=np.float32), tg.tensor(rng.normal(size=4), dtype=np.float32)
    for layer, out in (
        (nn.GroupNorm(2, 4, eps=0.1), F.group_norm(x, 2, weight, bias, eps=0.1)),
        (nn.InstanceNorm1d(4, eps=0.1, affine=True), F.instance_norm(x, weight=weight, bias=bias, eps=0.1)),
        (nn.LayerNorm(3, eps=0.1), F.layer_norm(x, (3,), weight[:3], bias[:3], 0.1)),
        (nn.RMSNorm((4, 3), eps=0.1), F.rms_norm(x, (4, 3), tg.ones((4, 3)), 0.1)),
    ):
        for name, parameter in layer.named_parameters():
            assert parameter.tolist() == np.full(parameter.shape, name == "weight").tolist()
            if parameter.ndim == 1:
                init.constant_(parameter, 0)
                with tg.no_grad():
                    parameter += {"weight": weight, "bias": bias}[name][: parameter.size]
        assert np.array_equal(layer(x).data, out.data)
        assert np.array_equal(layer.eval()(x).data, out.data)
        layer.reset_parameters()
        assert all(np.all(parameter.data == (name == "weight")) for name, parameter in layer.named_parameters())


def test_norms_of_samples_without_weight_have_no_parameters():
    plain = {"elementwise_affine": False}
    for layer in nn.LayerNorm(3, **plain), nn.RMSNorm(3, **plain), nn.GroupNorm(1, 3, affine=False), nn.InstanceNorm2d(3):
        assert not layer.state_dict()
    assert list(nn.LayerNorm(3, bias=False).state_dict()) == ["weight"]


def test_instance_norm_takes_one_sample():
    for kind, size in (nn.InstanceNorm1d, (5,)), (nn.InstanceNorm2d, (5, 2)), (nn.InstanceNorm3d, (2, 5, 2)):
        x = tg.randn(3, *size)
        assert np.array_equal(kind(3)(x).data, kind(3)(x.reshape(1, 3, *size)).data[0])


def test_instance_norm_can_forget():
    layer = nn.InstanceNorm1d(3, track_running_stats=True)
    before = numbers(layer)
    layer(tg.randn(2, 3, 5))
    assert not same(before, numbers(layer))
    layer.reset_running_stats()
    assert same(before, numbers(layer))


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (lambda: nn.LayerNorm(3), (2, 4), r"\(2, 4\).*\(3,\)"),
        (lambda: nn.RMSNorm((3, 4)), (4,), r"\(4,\).*\(3, 4\)"),
        (lambda: nn.GroupNorm(2, 4), (2, 6), "6 channels"),
        (lambda: nn.InstanceNorm1d(3), (2, 4, 5), "InstanceNorm1d.*3 channels, on axis 1"),
        (lambda: nn.InstanceNorm1d(3), (4, 5), "InstanceNorm1d.*3 channels, on axis 0"),
        (lambda: nn.InstanceNorm2d(3), (2, 3), "InstanceNorm2d.*(batch, channel, height, width)"),
        (lambda: nn.InstanceNorm3d(3), (3, 4, 5), r"InstanceNorm3d.*\(channel, depth, height, width\) or \(batch, channel, depth, height, width\)"),
        (lambda: nn.InstanceNorm1d(3), (2, 3, 1), "1 value"),
    ],
)
def test_an_input_that_does_not_fit_a_norm_is_refused(layer, shape, message):
    with pytest.raises(ShapeError, match=message):
        layer()(tg.zeros(shape))


def test_groups_that_do_not_divide_the_channels_are_refused():
    with pytest.raises(ValueError, match="num_channels=5.*num_groups=2"):
        nn.GroupNorm(2, 5)


# The other layers


def test_dropout_drops_in_training_only():
    layer, x = nn.Dropout(0.25), tg.ones((100, 100))
    out = layer(x).data
    assert set(np.unique(out)) == {np.float32(0), np.float32(1) / np.float32(0.75)}
    assert (out == 0).mean() == pytest.approx(0.25, abs=0.02)
    assert layer.eval()(x) is x
    assert nn.Dropout(1)(x).data.any() == np.False_ and nn.Dropout(0)(x) is x


def test_dropout_has_two_notations_and_a_generator():
    assert (nn.Dropout().p, nn.Dropout(0.3).p, nn.Dropout(keep_prob=0.25).p) == (0.5, 0.3, 0.75)
    x = tg.ones((4, 5))
    first, again = (nn.Dropout(keep_prob=0.5, generator=np.random.default_rng(1)) for _ in range(2))
    masks = [first(x).data, first(x).data]
    assert np.array_equal(again(x).data, masks[0]) and np.array_equal(again(x).data, masks[1]) and not np.array_equal(*masks)


@pytest.mark.parametrize("arguments", [{"p": -0.1}, {"p": 1.1}, {"p": math.nan}, {"keep_prob": 2}, {"p": 0.5, "keep_prob": 0.5}])
def test_a_probability_that_is_none_is_refused(arguments):
    with pytest.raises(ValueError, match=r"dropout.*(probability|give one)"):
        nn.Dropout(**arguments)


def test_activations_are_their_functions():
    x = tg.tensor([[-2.0, 0.0, 3.0]], requires_grad=True)
    for layer, function in (
        (nn.ReLU(), F.relu), (nn.Tanh(), F.tanh), (nn.Sigmoid(), F.sigmoid), (nn.SiLU(), F.silu), (nn.GELU(), F.gelu),
        (nn.GELU("tanh"), lambda x: F.gelu(x, "tanh")), (nn.Softplus(2, 3), lambda x: F.softplus(x, 2, 3)),
        (nn.Softmax(0), lambda x: F.softmax(x, 0)), (nn.LogSoftmax(1), lambda x: F.log_softmax(x, 1)),
    ):
        assert np.array_equal(layer(x).data, function(x).data) and layer(x).requires_grad
    assert nn.Identity(1, of="what")(x) is x


@pytest.mark.parametrize(
    ("axes", "shape"),
    [((), (2, 60)), ((0,), (120,)), ((1, 2), (2, 12, 5)), ((-2, -1), (2, 3, 20)), ((2, 2), (2, 3, 4, 5))],
)
def test_flatten(axes, shape):
    x = np.arange(120.0).reshape(2, 3, 4, 5)
    assert np.array_equal(nn.Flatten(*axes)(tg.tensor(x)).data, x.reshape(shape))


def test_flatten_at_the_edges():
    assert nn.Flatten()(tg.zeros((0, 3, 2))).shape == (0, 6) and nn.Flatten()(tg.zeros((2, 0, 3))).shape == (2, 0)
    assert nn.Flatten(0)(tg.zeros(())).shape == (1,)
    with pytest.raises(IndexError):
        nn.Flatten()(tg.zeros(3))
    with pytest.raises(ValueError, match=r"Flatten\(start_dim=2, end_dim=1\).*\(1, 2, 3\)"):
        nn.Flatten(2, 1)(tg.zeros((1, 2, 3)))


def test_sequential_is_a_sequence():
    layers = [nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)]
    network = nn.Sequential(*layers)
    assert len(network) == 3 and list(network) == layers and network[-1] is layers[2] and network[1] is layers[1]
    part = network[1:]
    assert type(part) is nn.Sequential and list(part) == layers[1:] and [*dict(part.named_children())] == ["1", "2"]
    assert network.append(nn.Tanh()) is network and isinstance(network[3], nn.Tanh)
    network[3] = nn.Sigmoid()
    x = tg.randn(4, 2)
    by_hand = F.sigmoid(layers[2](F.relu(layers[0](x))))
    assert np.array_equal(network(x).data, by_hand.data)
    assert [path for path, _ in network.named_children()] == ["0", "1", "2", "3"]
    with pytest.raises(IndexError):
        network[4]


def test_sequential_takes_names():
    for mapping in (OrderedDict, dict):
        network = nn.Sequential(mapping([("hidden", nn.Linear(2, 3)), ("out", nn.Linear(3, 1))]))
        assert network.hidden is network[0] and [*network.state_dict()] == ["hidden.weight", "hidden.bias", "out.weight", "out.bias"]


@pytest.mark.parametrize("wrong", [F.relu, nn.ReLU, [nn.ReLU()], None])
def test_sequential_takes_modules_only(wrong):
    with pytest.raises(TypeError, match="Sequential: '1' is a .*; it needs to be a Module"):
        nn.Sequential(nn.Linear(2, 2), wrong)


# Losses


def test_losses_are_their_functions():
    rng = np.random.default_rng(0)
    logits, labels, weight = tg.tensor(rng.normal(size=(5, 3))), np.array([0, 2, 1, -1, 2]), tg.tensor([1.0, 2.0, 0.5])
    settings = {"ignore_index": -1, "reduction": "sum", "label_smoothing": 0.2}
    assert nn.CrossEntropyLoss(weight, **settings)(logits, labels).item() == F.cross_entropy(logits, labels, weight, **settings).item()
    assert list(nn.CrossEntropyLoss(weight).state_dict()) == ["weight"] and not list(nn.CrossEntropyLoss(weight).parameters())
    a, b = tg.tensor(rng.normal(size=3)), tg.tensor(rng.normal(size=3))
    assert nn.MSELoss()(a, b).item() == pytest.approx(((a.data - b.data) ** 2).mean())
    assert nn.MSELoss(reduction="none")(a, b).shape == (3,)
    settings = {"reduction": "sum", "pos_weight": tg.tensor([3.0, 1.0, 2.0])}
    target = np.array([True, False, True])
    expected = F.binary_cross_entropy_with_logits(a, target, weight, **settings)
    assert nn.BCEWithLogitsLoss(weight, **settings)(a, target).item() == expected.item()
    assert list(nn.BCEWithLogitsLoss(weight).state_dict()) == ["weight"]


# Initialization


@pytest.mark.parametrize(
    ("fill", "bound"),
    [
        (lambda w: init.xavier_uniform_(w), math.sqrt(6 / (1200 + 400))),
        (lambda w: init.xavier_uniform_(w, gain=2), 2 * math.sqrt(6 / (1200 + 400))),
        (lambda w: init.kaiming_uniform_(w), math.sqrt(6 / 1200)),
        (lambda w: init.kaiming_uniform_(w, a=math.sqrt(5)), math.sqrt(1 / 1200)),
        (lambda w: init.kaiming_uniform_(w, mode="fan_out", nonlinearity="tanh"), 5 / 3 * math.sqrt(3 / 400)),
        (lambda w: init.uniform_(w, -2, 2), 2),
    ],
)
def test_uniform_initialization_fills_its_range(fill, bound):
    weight = nn.Parameter(tg.zeros((200, 600, 2)))
    assert fill(weight) is weight and weight.requires_grad and weight.grad is None
    low, high = weight.data.min(), weight.data.max()
    assert -bound <= low < -0.999 * bound and 0.999 * bound < high <= bound
    assert abs(weight.data.mean()) < 0.01 * bound and weight.data.std() == pytest.approx(bound / math.sqrt(3), rel=0.01)


@pytest.mark.parametrize(
    ("fill", "mean", "std"),
    [
        (lambda w: init.xavier_normal_(w, 3), 0, 3 * math.sqrt(2 / (1200 + 400))),
        (lambda w: init.kaiming_normal_(w, nonlinearity="relu"), 0, math.sqrt(2 / 1200)),
        (lambda w: init.kaiming_normal_(w, 1, "fan_out"), 0, math.sqrt(1 / 400)),
        (lambda w: init.normal_(w), 0, 1),
        (lambda w: init.normal_(w, 5, 0.5), 5, 0.5),
    ],
)
def test_normal_initialization_has_its_mean_and_spread(fill, mean, std):
    weight = nn.Parameter(tg.zeros((200, 600, 2)))
    assert fill(weight) is weight and weight.requires_grad
    assert weight.data.mean() == pytest.approx(mean, abs=0.01 * std) and weight.data.std() == pytest.approx(std, rel=0.01)
    assert (abs(weight.data - mean) > 2 * std).mean() == pytest.approx(0.0455, abs=0.003)       # no other distribution has its tails


def test_constants_and_the_gain():
    weight = nn.Parameter([1.0, 2.0])
    assert init.zeros_(weight).tolist() == [0, 0] and init.ones_(weight).tolist() == [1, 1]
    assert init.constant_(weight, -2.5) is weight and weight.tolist() == [-2.5, -2.5]
    gains = {"linear": 1, "conv2d": 1, "sigmoid": 1, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75}
    assert {name: init.calculate_gain(name) for name in gains} == gains
    assert init.calculate_gain("leaky_relu") == math.sqrt(2 / (1 + 0.01**2)) and init.calculate_gain("leaky_relu", 2) == math.sqrt(2 / 5)


DRAWING = [init.uniform_, init.normal_, init.xavier_uniform_, init.xavier_normal_, init.kaiming_uniform_, init.kaiming_normal_]


@pytest.mark.parametrize("fill", DRAWING)
def test_drawing_takes_a_generator_and_keeps_the_dtype(fill):
    for dtype in (np.float16, np.float32, np.float64):
        drawn = [fill(tg.zeros((3, 4), dtype=dtype), generator=np.random.default_rng(seed)) for seed in (1, 1, 2)]
        assert drawn[0].dtype == dtype
        assert np.array_equal(drawn[0].data, drawn[1].data) and not np.array_equal(drawn[0].data, drawn[2].data)
    assert fill(tg.zeros((0, 3))).shape == (0, 3)
    with pytest.raises(DTypeError, match="generator"):
        fill(tg.zeros((3, 4)), generator=np.random.RandomState(0))


def test_initialization_says_what_it_needs():
    for fill in DRAWING[2:]:
        with pytest.raises(ShapeError, match=rf"{fill.__name__}: the tensor 'bias' has shape \(3,\); it needs at least two axes"):
            fill(tg.zeros(3, name="bias"))
    with pytest.raises(ValueError, match="mode='fan'"):
        init.kaiming_normal_(tg.zeros((2, 2)), mode="fan")
    with pytest.raises(ValueError, match="nonlinearity='gelu'.*leaky_relu"):
        init.kaiming_uniform_(tg.zeros((2, 2)), nonlinearity="gelu")
    with pytest.raises(ValueError, match="a=1 to b=0"):
        init.uniform_(tg.zeros(2), 1, 0)
    with pytest.raises(ValueError, match="std=-1"):
        init.normal_(tg.zeros(2), std=-1)


# Training


def losses_of(network, steps=12):
    """The losses of a few steps of training on drawn data, dropout included."""
    rng = np.random.default_rng(0)
    optimizer = tg.optim.Adam(network.parameters(), lr=0.05)
    losses = []
    for _ in range(steps):
        x = tg.tensor(rng.normal(size=(16, 3)), dtype=tg.get_default_dtype())
        loss = F.cross_entropy(network(x), (x.data[:, 0] > 0).astype(np.int64))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_a_network_trains_the_same_on_its_twins():
    tg.set_default_dtype(np.float64)
    results = []
    for mode in (tg.enable_grad, tg.composed):
        tg.manual_seed(1)
        network = Network()
        with mode():
            losses = losses_of(network)
        results.append((losses, numbers(network)))
    (fused, fused_numbers), (composed, composed_numbers) = results
    np.testing.assert_allclose(fused, composed, rtol=1e-9)
    assert fused[-1] < fused[0]
    assert fused_numbers.keys() == composed_numbers.keys()
    for path in fused_numbers:
        np.testing.assert_allclose(fused_numbers[path], composed_numbers[path], rtol=1e-6, atol=1e-8, err_msg=path)


def test_the_same_seed_gives_the_same_bits():
    results = []
    for seed in (1, 1, 2):
        tg.manual_seed(seed)
        network = Network()
        results.append((losses_of(network), network))
    first, again, other = results
    assert first[0] == again[0] != other[0]
    assert same(numbers(first[1]), numbers(again[1]))


# PyTorch


def as_torch(array):
    import torch

    return torch.tensor(array)


def pair(ours, theirs, seed=0):
    """Two networks of one state, ours and PyTorch's."""
    rng = np.random.default_rng(seed)
    state = {
        path: (rng.uniform(0.5, 1.5, value.shape) if value.dtype.is_floating_point else np.asarray(value))
        for path, value in theirs.state_dict().items()
    }
    theirs.load_state_dict({path: as_torch(value) for path, value in state.items()})
    ours.load_state_dict(state)
    return ours, theirs


@pytest.mark.peers
@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 5), (2, 3, 4, 5), (2, 3, 2, 3, 2)], ids=str)
def test_training_as_in_pytorch(shape, momentum):
    import torch

    kind = f"BatchNorm{max(1, len(shape) - 2)}d"
    tg.set_default_dtype(np.float64)
    features = math.prod(shape[1:])

    def build(library, **dtype):
        modules = [
            getattr(library, kind)(3, momentum=momentum, **dtype), library.Tanh(), library.Flatten(), library.Linear(features, 4, **dtype),
            library.Sigmoid(), library.BatchNorm1d(4, affine=False, **dtype), library.ReLU(), library.Linear(4, 5, bias=False, **dtype),
        ]
        return library.Sequential(*modules)

    ours, theirs = pair(build(nn), build(torch.nn, dtype=torch.float64))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    labels = np.arange(shape[0]) % 5
    for x in batches(shape):
        our_x, their_x = tg.tensor(x, requires_grad=True), as_torch(x).requires_grad_()
        our_loss = nn.CrossEntropyLoss(label_smoothing=0.1)(ours(our_x), labels)
        their_loss = torch.nn.CrossEntropyLoss(label_smoothing=0.1)(theirs(their_x), as_torch(labels))
        our_loss = our_loss + nn.MSELoss()(ours(our_x), tg.ones((shape[0], 5)))
        their_loss = their_loss + torch.nn.MSELoss()(theirs(their_x), torch.ones((shape[0], 5), dtype=torch.float64))
        np.testing.assert_allclose(our_loss.item(), their_loss.item(), rtol=1e-11)
        our_loss.backward()
        their_loss.backward()
        np.testing.assert_allclose(our_x.grad.data, their_x.grad.numpy(), rtol=1e-8, atol=1e-11)
        for (path, mine), (_, other) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
            np.testing.assert_allclose(mine.grad.data, other.grad.numpy(), rtol=1e-8, atol=1e-11, err_msg=path)
        for (path, mine), (_, other) in zip(ours.named_buffers(), theirs.named_buffers(), strict=True):
            np.testing.assert_allclose(mine.data, other.numpy(), rtol=1e-12, err_msg=path)
    x = batches(shape, 1)[0]
    np.testing.assert_allclose(ours.eval()(tg.tensor(x)).data, theirs.eval()(as_torch(x)).detach().numpy(), rtol=1e-10)


@pytest.mark.peers
def test_the_state_and_the_words_are_pytorchs():
    import torch

    def build(library):
        inner = library.Sequential(OrderedDict(linear=library.Linear(4, 3), norm=library.BatchNorm1d(3, eps=0.01), last=library.Tanh()))
        norms = [
            library.BatchNorm1d(3, momentum=None, affine=False, track_running_stats=False), library.BatchNorm2d(3, bias=False),
            library.LayerNorm(3), library.LayerNorm((2, 3), bias=False), library.RMSNorm(3), library.GroupNorm(2, 4),
            library.InstanceNorm1d(3), library.InstanceNorm2d(3, affine=True, track_running_stats=True),
            library.BatchNorm3d(3, momentum=0.2), library.InstanceNorm3d(3, eps=0.1),
        ]
        others = library.GELU(), library.GELU("tanh"), library.SiLU(), library.Softplus(), library.Softmax(1), library.LogSoftmax(dim=0)
        return library.Sequential(library.Flatten(1, 2), inner, *norms, *others)

    ours, theirs = build(nn), build(torch.nn)
    assert repr(ours) == repr(theirs)
    state = theirs.state_dict()
    assert ours.load_state_dict(state) == ([], [])
    assert {path: tensor.tolist() for path, tensor in ours.state_dict().items()} == {path: value.tolist() for path, value in state.items()}
    for listing in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        assert [path for path, _ in getattr(ours, listing)()] == [path for path, _ in getattr(theirs, listing)()]


@pytest.mark.peers
@pytest.mark.parametrize("shape", [(4, 3, 5), (2, 3, 4, 5), (2, 3, 2, 3, 2)], ids=str)
def test_running_statistics_of_instance_norm_are_pytorchs(shape):
    import torch

    kind = f"InstanceNorm{len(shape) - 2}d"
    settings = {"affine": True, "track_running_stats": True, "momentum": 0.3}
    ours, theirs = getattr(nn, kind)(3, **settings, dtype=np.float64), getattr(torch.nn, kind)(3, **settings, dtype=torch.float64)
    for x in batches(shape):
        np.testing.assert_allclose(ours(tg.tensor(x)).data, theirs(as_torch(x)).detach().numpy(), rtol=1e-10, atol=1e-12)
        for path, buffer in theirs.named_buffers():
            if path != "num_batches_tracked":       # theirs stays 0
                np.testing.assert_allclose(getattr(ours, path).data, buffer.numpy(), rtol=1e-12)
    x = batches(shape, 1)[0]
    np.testing.assert_allclose(ours.eval()(tg.tensor(x)).data, theirs.eval()(as_torch(x)).detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.peers
@pytest.mark.parametrize("name", ["xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_"])
def test_initialization_has_pytorchs_spread(name):
    import torch

    torch.manual_seed(0)
    for settings in ({}, {"gain": 0.5} if "xavier" in name else {"a": 0.3, "mode": "fan_out"}):
        ours = getattr(init, name)(tg.zeros((100, 30, 9)), **settings).data
        theirs = getattr(torch.nn.init, name)(torch.zeros(100, 30, 9), **settings).numpy()
        assert ours.std() == pytest.approx(theirs.std(), rel=0.02)
        if "uniform" in name:
            assert abs(ours).max() == pytest.approx(abs(theirs).max(), rel=0.005)


@pytest.mark.peers
@pytest.mark.parametrize("nonlinearity", ["linear", "conv1d", "conv_transpose3d", "sigmoid", "tanh", "relu", "selu", "leaky_relu"])
def test_the_gain_is_pytorchs(nonlinearity):
    import torch

    assert init.calculate_gain(nonlinearity) == torch.nn.init.calculate_gain(nonlinearity)
