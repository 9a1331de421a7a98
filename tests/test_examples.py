"""The examples learn what they say, print what they say, and are the same each time."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.examples import adding, digits, digits_convolution, letters
from tinygrad_edu.nn.functional import regularization

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def images():
    """The digits: training and test set."""
    pytest.importorskip("sklearn")
    return tg.data.digits()


def test_the_digits_example_reaches_97_percent_and_prints_it_by_class(images):
    program = [sys.executable, "-m", "tinygrad_edu.examples.digits"]
    lines = subprocess.run(program, cwd=CHECKOUT, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == ["epoch 10", "epoch 20", "epoch 30"]
    total = re.fullmatch(r"test accuracy (\d+\.\d) %", lines[3])
    assert total and 97 <= float(total[1]) <= 100
    classes = [re.fullmatch(r" +(\d): (\d+\.\d) %", line) for line in lines[4:]]
    assert [int(match[1]) for match in classes] == list(range(10))
    labels = images[1].tensors[1].data
    mean = np.average([float(match[2]) for match in classes], weights=np.bincount(labels))
    assert mean == pytest.approx(float(total[1]), abs=0.1)


def test_the_digits_example_is_the_same_for_the_same_seed(images):
    histories = []
    for seed in (1, 1, 2):
        tg.manual_seed(seed)
        histories.append(list(digits.learn(digits.Network(), *images, epochs=3)))
    first, again, other = histories
    assert first == again != other
    losses, accuracies = zip(*first, strict=True)
    assert losses[0] > losses[1] > losses[2] and accuracies[2] > 0.9


def test_the_digits_example_learns_the_same_on_its_twins_with_the_same_masks(images, monkeypatch):
    train = tg.data.TensorDataset(*(tensor[:300] for tensor in images[0].tensors))
    draw, histories, masks = regularization.dropout_mask, [], []
    for mode in (tg.enable_grad, tg.composed):
        masks.append([])
        monkeypatch.setattr(regularization, "dropout_mask", lambda *args, drawn=masks[-1]: drawn.append(draw(*args)) or drawn[-1])
        tg.manual_seed(1)
        with mode():
            histories.append([loss for loss, _ in digits.learn(digits.Network(hidden=32), train, images[1], epochs=3)])
    np.testing.assert_allclose(*histories, rtol=1e-4)
    fused, composed = ([mask.tobytes() for mask in drawn] for drawn in masks)
    assert fused == composed and len(set(fused)) == len(fused) == 15


def test_the_digits_network_learns_other_classes_too():
    tg.manual_seed(0)
    train, test = tg.data.spiral()
    network = digits.Network(inputs=2, classes=3)
    accuracy = [accuracy for _, accuracy in digits.learn(network, train, test)][-1]
    assert accuracy > 0.9


def test_the_convolutional_example_reads_more_digits_and_prints_it_by_class():
    pytest.importorskip("sklearn")
    program = [sys.executable, "-m", "tinygrad_edu.examples.digits_convolution"]
    lines = subprocess.run(program, cwd=CHECKOUT, capture_output=True, text=True, check=True, timeout=240).stdout.splitlines()
    assert [line.split(":")[0] for line in lines[:4]] == ["epoch 5", "epoch 10", "epoch 15", "epoch 20"]
    total = re.fullmatch(r"test accuracy (\d+\.\d) %", lines[4])
    assert total and 98.6 <= float(total[1]) <= 100
    assert [int(re.fullmatch(r" +(\d): (\d+\.\d) %", line)[1]) for line in lines[5:]] == list(range(10))


def test_the_convolutional_example_is_the_same_for_the_same_seed_and_on_its_twins(images):
    train, test = (tg.data.TensorDataset(*(tensor[:200] for tensor in part.tensors)) for part in images)
    histories = []
    for seed, mode in (1, tg.enable_grad), (1, tg.enable_grad), (2, tg.enable_grad), (1, tg.composed):
        tg.manual_seed(seed)
        with mode():
            histories.append([loss for loss, _ in digits.learn(digits_convolution.Network(channels=8), train, test, epochs=3)])
    first, again, other, twins = histories
    assert first == again != other
    assert first[0] > first[-1]
    np.testing.assert_allclose(first, twins, rtol=1e-4)


def test_correct_says_it_of_each_sample_without_recording():
    network = digits.Network(inputs=2, classes=2)
    with tg.no_grad():
        network.scores.weight[...] = 0
        network.scores.bias[...] = [0, 1]
    hits = digits.correct(network, tg.data.TensorDataset(np.zeros((3, 2), np.float32), np.array([1, 0, 1])))
    assert hits.tolist() == [True, False, True] and not hits.requires_grad and not network.training
    assert network.norm.num_batches_tracked.item() == 0


def test_the_adding_example_learns_what_it_prints():
    program = [sys.executable, "-m", "tinygrad_edu.examples.adding"]
    *lines, last = subprocess.run(program, cwd=CHECKOUT, capture_output=True, text=True, check=True, timeout=120).stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"batch {batch}" for batch in range(250, 1501, 250)]
    error, of_mean = map(float, re.fullmatch(r"new sequences: mean squared error (\S+), where always saying the mean has (\S+)", last).groups())
    assert error < 0.005 and of_mean == pytest.approx(1 / 6, abs=0.02)


def test_the_adding_example_asks_for_the_sum_of_one_number_in_each_half():
    x, sums = adding.draw(np.random.default_rng(0), steps=7, count=50)
    numbers, marks = x[..., 0], x[..., 1]
    assert x.dtype == sums.dtype == np.float32 and 0 <= numbers.min() < numbers.max() < 1
    assert (marks[:3].sum(axis=0) == 1).all() and (marks[3:].sum(axis=0) == 1).all()
    np.testing.assert_allclose(sums, [column[mark == 1].sum() for column, mark in zip(numbers.T, marks.T)], rtol=1e-6)


def test_the_adding_example_is_the_same_for_the_same_seed_and_on_its_twins():
    histories = []
    for mode in (tg.enable_grad, tg.enable_grad, tg.composed):
        tg.manual_seed(1)
        with mode():
            histories.append(list(adding.learn(adding.Network(hidden=8), np.random.default_rng(1), batches=20)))
    first, again, twins = histories
    assert first == again and first[-1] < first[0]
    np.testing.assert_allclose(first, twins, rtol=1e-4)


def test_the_letters_example_puts_words_in_order_and_prints_some():
    program = [sys.executable, "-m", "tinygrad_edu.examples.letters"]
    lines = subprocess.run(program, cwd=CHECKOUT, capture_output=True, text=True, check=True, timeout=240).stdout.splitlines()
    losses = [float(re.fullmatch(rf"step {100 * i}: loss (\d\.\d+)", line)[1]) for i, line in enumerate(lines[:6], start=1)]
    assert losses[0] > 5 * losses[-1] and losses[-1] < 0.1
    total = re.fullmatch(r"new words in order: (\d+\.\d) %", lines[6])
    assert total and 95 <= float(total[1]) <= 100
    assert [line.split(">")[0].strip() for line in lines[7:]] == ["tensor", "kernel", "vector"]
    assert all(len(line.split(">")[1]) == letters.LENGTH for line in lines[7:])


def losses_of_letters(seed, steps=12):
    tg.manual_seed(seed)
    return list(letters.learn(letters.Writer(features=16), np.random.default_rng(seed), steps))


def test_the_letters_example_is_the_same_for_the_same_seed_and_on_its_twins():
    first, again, other = (losses_of_letters(seed) for seed in (1, 1, 2))
    assert first == again != other
    assert first[-1] < first[0]
    with tg.composed():
        np.testing.assert_allclose(losses_of_letters(1), first, rtol=1e-4)


def test_a_text_is_a_word_and_its_letters_in_order():
    texts = letters.draw_texts(5, np.random.default_rng(0))
    for text in texts:
        word, answer = "".join(letters.LETTERS[i] for i in text).split(">")
        assert len(word) == letters.LENGTH and answer == "".join(sorted(word))


def test_the_writer_sees_a_text_only_up_to_each_place_and_writes_without_recording():
    network = letters.Writer()
    texts = letters.draw_texts(4, np.random.default_rng(0))
    scores = network(texts[:, :-1])
    changed = texts[:, :-1].copy()
    changed[:, 8:] = 0
    np.testing.assert_allclose(network(changed).data[:, :8], scores.data[:, :8], rtol=1e-4, atol=1e-5)
    written = letters.write(network, texts)
    assert written.shape == texts.shape and np.array_equal(written[:, :7], texts[:, :7])
    scores = network(written[:, :-1])       # each letter has the highest score after those before it
    assert np.array_equal(scores.data.argmax(axis=2)[:, 6:], written[:, 7:])
