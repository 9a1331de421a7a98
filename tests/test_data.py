"""Data sets, loaders and the two small sets."""

import builtins
import sys
from collections import namedtuple

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.data import DataLoader, Dataset, Subset, TensorDataset, default_collate, digits, random_split, spiral
from tinygrad_edu.errors import DTypeError, ShapeError


class Squares(Dataset):
    """A data set that knows only single, Python ints as indices."""

    def __init__(self, length):
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        assert type(index) is int
        return index, index * index


def pairs(n=7):
    return TensorDataset(tg.arange(2 * n).reshape(n, 2), np.arange(n) * 10)


def lists(batches):
    """Batches as nested Python lists, to compare."""
    return [[part.tolist() for part in batch] for batch in batches]


# TensorDataset and Subset

def test_tensor_dataset_gives_samples_slices_and_batches():
    dataset = pairs(3)
    assert len(dataset) == 3
    for index, images, labels in [
        (1, [2, 3], 10),
        (-1, [4, 5], 20),
        (slice(1, None), [[2, 3], [4, 5]], [10, 20]),
        (np.array([2, 0, 2]), [[4, 5], [0, 1], [4, 5]], [20, 0, 20]),
        (np.array([True, False, True]), [[0, 1], [4, 5]], [0, 20]),
    ]:
        sample = dataset[index]
        assert type(sample) is tuple and [part.tolist() for part in sample] == [images, labels]
        assert all(isinstance(part, tg.Tensor) for part in sample)
    assert lists(dataset) == [[[0, 1], 0], [[2, 3], 10], [[4, 5], 20]]      # iterating ends by itself
    with pytest.raises(IndexError):
        dataset[3]
    assert repr(dataset) == "TensorDataset((3, 2) int64, (3,) int64)"


def test_tensor_dataset_shares_arrays_and_keeps_tensors():
    array, tensor = np.zeros(2), tg.zeros(2)
    dataset = TensorDataset(array, tensor)
    array[1] = 5
    assert dataset[1][0].item() == 5 and dataset[1][0].dtype == np.float64
    assert dataset.tensors[1] is tensor


def test_tensor_dataset_refuses_what_does_not_go_together():
    with pytest.raises(ShapeError, match=r"TensorDataset: the tensors have \[3, 4\] samples"):
        TensorDataset(tg.zeros((3, 2)), tg.zeros(4))
    with pytest.raises(ValueError, match="got no tensors"):
        TensorDataset()
    with pytest.raises(DTypeError, match="argument 1 is a list"):
        TensorDataset(tg.zeros(2), [1, 2])
    with pytest.raises(ShapeError, match=r"argument 0 has shape \(\)"):
        TensorDataset(tg.tensor(1.0))


def test_subset():
    subset = Subset(Squares(5), [4, 1, -5])
    assert len(subset) == 3 and list(subset) == [(4, 16), (1, 1), (-5, 25)]
    assert repr(Subset(pairs(3), [0, 2])) == "Subset(2 samples of TensorDataset((3, 2) int64, (3,) int64))"
    assert lists([Subset(pairs(3), np.array([2, 0]))[:]]) == [[[[4, 5], [0, 1]], [20, 0]]]
    assert len(Subset(Squares(5), [])) == 0
    nested = Subset(Subset(pairs(), [6, 5, 4]), [2, 0])
    assert lists(nested) == [[[8, 9], 40], [[12, 13], 60]]
    with pytest.raises(IndexError, match="has 5 samples, and there is none at 5"):
        Subset(Squares(5), [0, 5])
    with pytest.raises(IndexError, match="none at -6"):
        Subset(Squares(5), [-6])
    for wrong in ([0.5], [True, False], [[0, 1]]):
        with pytest.raises(TypeError, match="need to be integers in one axis"):
            Subset(Squares(5), wrong)


def test_dataset_says_what_a_subclass_has_to_define():
    class Nothing(Dataset):
        pass

    with pytest.raises(NotImplementedError, match="Nothing has to define __len__"):
        len(Nothing())
    with pytest.raises(NotImplementedError, match="Nothing has to define __getitem__"):
        Nothing()[0]


# random_split

@pytest.mark.parametrize(
    "lengths, counts",
    [
        ([7, 3], [7, 3]),
        ([10], [10]),
        ([0, 10], [0, 10]),
        ([0.5, 0.5], [5, 5]),
        ([0.75, 0.25], [8, 2]),
        ([0.35, 0.35, 0.3], [4, 3, 3]),
        ([0.1] * 10, [1] * 10),
        ([1.0], [10]),
        (np.array([6, 4]), [6, 4]),
    ],
)
def test_random_split_deals_every_sample_out_once(lengths, counts):
    parts = random_split(range(10), lengths, np.random.default_rng(0))
    assert [len(part) for part in parts] == counts
    assert sorted(sample for part in parts for sample in part) == list(range(10))


def test_random_split_is_random_and_repeats_from_its_seed():
    def split(seed):
        return [list(part) for part in random_split(range(100), [80, 20], np.random.default_rng(seed))]

    assert split(0) == split(0) != split(1)
    assert split(0)[1] != list(range(80, 100))
    tg.manual_seed(3)
    first = [list(part) for part in random_split(range(10), [5, 5])]
    tg.manual_seed(3)
    assert [list(part) for part in random_split(range(10), [5, 5])] == first


@pytest.mark.peers
@pytest.mark.parametrize("lengths", [[0.5, 0.5], [0.75, 0.25], [0.35, 0.35, 0.3], [0.29, 0.71], [0.34, 0.33, 0.33]])
def test_random_split_rounds_fractions_as_pytorch_does(lengths):
    import torch.utils.data

    for n in (7, 10, 100, 101):
        assert [len(part) for part in random_split(range(n), lengths)] == [
            len(part) for part in torch.utils.data.random_split(range(n), lengths)
        ]


@pytest.mark.parametrize(
    "lengths, message",
    [
        ([7, 2], "lengths .7, 2. sum to 9; they need to sum to 10"),
        ([1], "sum to 1; they need to sum to 10"),
        ([], "sum to 0"),
        ([11, -1], "none may be negative"),
        ([0.5, 0.4], "fractions .0.5, 0.4. sum to 0.9; they need to sum to 1"),
        ([7.0, 3.0], "sum to 10.0; they need to sum to 1"),
        ([1.5, -0.5], "none may be negative"),
    ],
)
def test_random_split_refuses_lengths_that_do_not_sum_up(lengths, message):
    with pytest.raises(ValueError, match=message):
        random_split(range(10), lengths)


# DataLoader

@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 8, np.int64(2)])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("n", [0, 1, 6, 7])
def test_a_loader_gives_every_sample_once_in_order(n, batch_size, drop_last):
    loader = DataLoader(pairs(n), batch_size=batch_size, drop_last=drop_last)
    batches = list(loader)
    sizes = [len(labels) for _, labels in batches]
    expected = [batch_size] * (n // batch_size) + ([n % batch_size] if n % batch_size and not drop_last else [])
    assert sizes == expected and len(loader) == len(expected)
    assert [label for _, labels in batches for label in labels.tolist()] == [10 * i for i in range(sum(sizes))]
    for images, labels in batches:
        assert images.shape == (len(labels), 2) and images.dtype == np.int64
        assert [row[0] * 5 for row in images.tolist()] == labels.tolist()       # image and label stay together


def test_the_fast_path_and_the_plain_one_give_the_same_batches():
    plain = DataLoader(list(pairs()), batch_size=3, shuffle=True, generator=np.random.default_rng(0))
    for dataset in (pairs(), Subset(pairs(), range(7)), Subset(Subset(pairs(), range(7)[::-1]), range(7)[::-1])):
        fast = DataLoader(dataset, batch_size=3, shuffle=True, generator=np.random.default_rng(0))
        plain.generator = np.random.default_rng(0)
        for _ in range(2):
            assert lists(fast) == lists(plain)


def test_a_batch_of_a_tensor_dataset_is_one_index_for_each_tensor(monkeypatch):
    asked = []
    ask = TensorDataset.__getitem__

    def counting(self, index):
        asked.append(index)
        return ask(self, index)

    monkeypatch.setattr(TensorDataset, "__getitem__", counting)
    list(DataLoader(Subset(pairs(), range(6)), batch_size=3))
    assert [index.tolist() for index in asked] == [[0, 1, 2], [3, 4, 5]]


def test_a_batch_is_a_copy():
    array = np.zeros((4, 2))
    (batch, _), *_ = DataLoader(TensorDataset(array, np.zeros(4)), batch_size=2)
    batch += 1
    assert not array.any()


def test_a_subclass_with_items_of_its_own_is_asked_for_each():
    class Doubled(TensorDataset):
        def __getitem__(self, index):
            assert type(index) is int
            image, label = super().__getitem__(index)
            return image * 2, label

    doubled = Doubled(*pairs(3).tensors)
    for dataset in (doubled, Subset(doubled, [0, 1, 2])):
        assert lists(DataLoader(dataset, batch_size=3)) == [[[[0, 2], [4, 6], [8, 10]], [0, 10, 20]]]


def test_every_epoch_has_an_order_of_its_own_and_two_loaders_of_one_seed_agree():
    one, two, other = (DataLoader(pairs(50), batch_size=8, shuffle=True, generator=np.random.default_rng(seed)) for seed in (0, 0, 1))
    first, second = lists(one), lists(one)
    assert first != second and [lists(two), lists(two)] == [first, second] and lists(other) != first
    labels = [label for _, part in second for label in part]
    assert sorted(labels) == [10 * i for i in range(50)] != labels
    assert lists(DataLoader(pairs(50), batch_size=8)) == lists(DataLoader(pairs(50), batch_size=8))


def test_without_a_generator_the_librarys_is_used_also_after_a_new_seed():
    loader = DataLoader(pairs(50), batch_size=8, shuffle=True)
    tg.manual_seed(1)
    first = lists(loader)
    tg.manual_seed(1)
    assert lists(loader) == first
    tg.manual_seed(2)
    assert lists(loader) != first


def test_a_loader_that_does_not_shuffle_draws_nothing():
    generator = np.random.default_rng(0)
    list(DataLoader(pairs(), batch_size=2, generator=generator))
    assert generator.bit_generator.state == np.random.default_rng(0).bit_generator.state


def test_collate_fn_gets_the_list_of_samples():
    loader = DataLoader(Squares(5), batch_size=2, collate_fn=lambda samples: samples)
    assert list(loader) == [[(0, 0), (1, 1)], [(2, 4), (3, 9)], [(4, 16)]]
    (batch,) = DataLoader(pairs(2), batch_size=2, collate_fn=len)      # also of a TensorDataset
    assert batch == 2


def test_loader_refuses_bad_arguments():
    for batch_size in (0, -1):
        with pytest.raises(ValueError, match=f"DataLoader: batch_size is {batch_size}; it needs to be at least 1"):
            DataLoader(pairs(), batch_size=batch_size)
    for batch_size in (2.0, "2", None):
        with pytest.raises(TypeError, match=f"DataLoader: batch_size is {batch_size!r}; it needs to be an integer"):
            DataLoader(pairs(), batch_size=batch_size)
    for generator in (0, np.random.RandomState(0), np.random):
        with pytest.raises(TypeError, match=r"NumPy Generator: np.random.default_rng\(seed\)"):
            DataLoader(pairs(), generator=generator)
        with pytest.raises(TypeError, match="NumPy Generator"):
            random_split(range(2), [1, 1], generator)
        with pytest.raises(TypeError, match="NumPy Generator"):
            spiral(generator=generator)


def test_loader_repr():
    assert repr(DataLoader(pairs(), batch_size=2, shuffle=True)) == (
        "DataLoader(TensorDataset((7, 2) int64, (7,) int64), batch_size=2, shuffle=True, drop_last=False: 4 batches)"
    )


# default_collate

Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    "samples, shape, dtype, values",
    [
        ([tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0])], (2, 2), np.float32, [[1, 2], [3, 4]]),
        ([np.array([1.0]), np.array([2.0])], (2, 1), np.float64, [[1], [2]]),
        ([np.float32(1), np.float32(2)], (2,), np.float32, [1, 2]),
        ([1, 2, 3], (3,), np.int64, [1, 2, 3]),
        ([1.5, 2.5], (2,), np.float32, [1.5, 2.5]),
        ([True, False], (2,), np.bool_, [True, False]),
    ],
)
def test_default_collate_stacks(samples, shape, dtype, values):
    batch = default_collate(samples)
    assert isinstance(batch, tg.Tensor)
    assert (batch.shape, batch.dtype, batch.tolist()) == (shape, dtype, values)


def test_default_collate_goes_into_containers():
    batch = default_collate([Point(1, {"a": [np.zeros(2), "left"]}), Point(2, {"a": [np.ones(2), "right"]})])
    assert type(batch) is Point and batch.x.tolist() == [1, 2] and type(batch.y["a"]) is list
    assert batch.y["a"][0].tolist() == [[0, 0], [1, 1]] and batch.y["a"][1] == ["left", "right"]
    assert default_collate([None, None]) == [None, None]


def test_default_collate_refuses_ragged_samples():
    with pytest.raises(ShapeError, match=r"shapes \(2,\), \(3,\); they need the same shape: give the DataLoader a collate_fn"):
        list(DataLoader([np.zeros(2), np.zeros(3), np.zeros(3)], batch_size=3))
    with pytest.raises(ShapeError, match=r"shapes \(2,\), \(3,\)"):
        default_collate([tg.zeros(2), tg.zeros(3)])
    with pytest.raises(ShapeError, match=r"the samples have \[1, 2\] items"):
        default_collate([(1,), (1, 2)])


def test_gradients_go_back_through_a_batch():
    x = tg.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], requires_grad=True)
    for dataset in (TensorDataset(x), [(row,) for row in x]):
        x.grad = None
        for (batch,) in DataLoader(dataset, batch_size=2):
            (batch * batch).sum().backward()
        assert x.grad.tolist() == [[2, 4], [6, 8], [10, 12]]


# The two small sets

def test_digits_are_split_by_class_and_lose_no_image():
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    train, test = digits(seed=0)
    for part in (train, test):
        images, classes = part.tensors
        assert isinstance(part, TensorDataset)
        assert images.dtype == np.float32 and classes.dtype == np.int64 and images.shape == (len(classes), 64)
        assert images.data.min() == 0 and images.data.max() == 1
    rows = {(tuple(image), label) for image, label in zip(pixels.tolist(), labels.tolist(), strict=True)}
    both = [
        (tuple((image * 16).tolist()), label)
        for part in (train, test)
        for image, label in zip(part.tensors[0].data, part.tensors[1].tolist(), strict=True)
    ]
    assert len(both) == 1797 == len(rows) and set(both) == rows         # every image once, with its label
    whole = np.bincount(labels)
    assert np.bincount(test.tensors[1].data).tolist() == [round(0.2 * n) for n in whole]
    assert np.bincount(train.tensors[1].data).tolist() == [n - round(0.2 * n) for n in whole]


def test_the_split_of_digits_depends_on_the_seed_alone():
    def arrays(seed):
        tg.rand(3)                                  # whatever else was drawn
        return [tensor.data for part in digits(seed=seed) for tensor in part.tensors]

    for one, two in zip(arrays(0), arrays(0), strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(arrays(0)[2], arrays(1)[2])
    assert [len(part) for part in digits(test_fraction=0.5)] == [899, 898]


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_a_test_fraction_outside_is_refused(fraction):
    with pytest.raises(ValueError, match="digits: test_fraction is"):
        digits(test_fraction=fraction)
    with pytest.raises(ValueError, match="spiral: test_fraction is"):
        spiral(test_fraction=fraction)


def test_digits_without_scikit_learn_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    load = builtins.__import__

    def without(name, *arguments):
        if name.split(".")[0] == "sklearn":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return load(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r'pip install "tinygrad_edu\[data\]", or use tg.data.spiral\(\)'):
        digits()
    assert len(spiral()) == 2


def test_spiral():
    train, test = spiral(classes=4, points=50, noise=0.0, generator=np.random.default_rng(0))
    assert (len(train), len(test)) == (160, 40)
    for part, count in ((train, 40), (test, 10)):
        points, labels = part.tensors
        assert points.dtype == np.float32 and labels.dtype == np.int64
        assert np.bincount(labels.data).tolist() == [count] * 4
        assert (np.diff(labels.data) != 0).sum() > 10          # not class after class
        radius = np.hypot(*points.data.T)
        angle = 4 * (labels.data + radius)
        np.testing.assert_allclose(points.data, np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1), atol=2e-6)
    radii = np.sort(np.concatenate([np.hypot(*part.tensors[0].data.T) for part in (train, test)]))
    np.testing.assert_allclose(radii, np.repeat(np.linspace(0, 1, 50), 4), atol=1e-6)


def test_spiral_repeats_from_its_seed_and_has_noise():
    def points(seed, **settings):
        return spiral(generator=np.random.default_rng(seed), **settings)[0].tensors[0].data

    np.testing.assert_array_equal(points(0), points(0))
    assert not np.array_equal(points(0), points(1))
    assert np.abs(points(0) - points(0, noise=0.0)).max() > 0.1
    for settings in ({"classes": 0}, {"points": 0}, {"noise": -0.1}):
        with pytest.raises(ValueError, match="they need to be at least 1, 1 and 0"):
            spiral(**settings)
