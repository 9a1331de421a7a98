"""Pictures of training: they show the numbers that they were given, and say what they cannot show."""

import io

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn

pytest.importorskip("matplotlib")


def written(figure):
    """A picture can be made of it."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue().startswith(b"\x89PNG")


def test_curves_are_the_numbers():
    figure = tg.viz.plot_curves({"loss": {"training": [2.0, 1.0], "test": tg.tensor([2.5, 1.5])}, "accuracy": [tg.tensor(0.5), 0.75]})
    loss, accuracy = figure.axes
    np.testing.assert_array_equal([line.get_ydata() for line in loss.lines], [[2, 1], [2.5, 1.5]])
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["training, last 1", "test, last 1.5"]
    assert [text.get_text() for text in accuracy.texts] == ["0.75"] and written(figure)


@pytest.mark.parametrize("history", [[], [np.nan, 1.0], [1.0], {"a": []}])
def test_curves_of_little(history):
    assert written(tg.viz.plot_curves(history))


@pytest.mark.parametrize(("history", "said"), [({"loss": [[1, 2]]}, r"loss: it has shape \(1, 2\)"), (["a"], "no numbers"), ({}, "nothing to plot")])
def test_what_is_no_curve_is_refused(history, said):
    with pytest.raises(ValueError, match=said):
        tg.viz.plot_curves(history)


def test_gradient_flow_has_a_bar_for_each_parameter_and_words_where_there_is_none():
    network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    network(tg.ones((2, 3))).sum().backward()
    network[0].bias.grad = None
    network[2].bias.grad = tg.zeros(1)
    network[0].weight.grad = tg.tensor(np.full((4, 3), np.nan, np.float32))
    axis, = tg.viz.plot_gradient_flow(network).axes
    assert [text.get_text() for text in axis.texts] == ["nan", "not computed yet", "all 0"]
    gradient = np.abs(network[2].weight.grad.numpy())
    np.testing.assert_allclose([bar.get_width() for bar in axis.patches], [gradient.max(), gradient.mean()], rtol=1e-6)
    assert written(axis.figure)


def test_gradient_flow_of_nothing_and_of_pairs():
    assert written(tg.viz.plot_gradient_flow(nn.Linear(2, 2)))
    assert written(tg.viz.plot_gradient_flow([("w", tg.ones(2, requires_grad=True))])) and written(tg.viz.plot_gradient_flow([]))


def test_histograms_show_the_share_of_each_moment():
    figure = tg.viz.plot_histograms({"x": [np.zeros(4), np.ones((2, 1)), [np.nan, 1.0, np.inf]]}, bins=2)
    axis, = figure.axes
    np.testing.assert_array_equal(axis.collections[0].get_array().reshape(2, 3), [[1, 0, 0], [0, 1, 1]])
    np.testing.assert_array_equal(axis.lines[0].get_ydata(), [0, 1, 1])
    assert axis.get_title() == "x (2 NaN or infinite)" and written(figure)


@pytest.mark.parametrize("history", [[np.zeros(0)], [], [np.full(3, 7.0)]])
def test_histograms_of_little(history):
    assert written(tg.viz.plot_histograms(history))


def test_filters_are_images_with_white_at_0():
    weight = np.random.default_rng(0).normal(size=(6, 2, 3, 3))
    figure = tg.viz.plot_filters(tg.tensor(weight))
    image = figure.axes[1].images[0]
    np.testing.assert_allclose(image.get_array(), weight[1].mean(0))
    assert image.get_clim() == (-np.abs(weight[1]).max(), np.abs(weight[1]).max()) and written(figure)
    assert len(tg.viz.plot_filters(np.ones((100, 4)), most=9).axes) == 9
    assert tg.viz.plot_filters(np.ones((2, 3, 4, 4))).axes[0].images[0].get_array().shape == (4, 4, 3)
    assert tg.viz.plot_filters(np.ones((2, 6)), shape=(2, 3)).axes[0].images[0].get_array().shape == (2, 3)


@pytest.mark.parametrize("shape", [(2, 6), (3,), (2, 3, 4)])
def test_what_is_no_filter_is_refused(shape):
    with pytest.raises(ValueError, match="plot_filters: weight has shape"):
        tg.viz.plot_filters(np.ones(shape))
