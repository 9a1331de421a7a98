"""Pictures of training, by matplotlib: curves, gradient flow, histograms over time and filters. Each is one call on plain numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ShapeError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Okabe and Ito's, which the colour-blind can tell apart."""

MARKS = "os^Dv*"


def plot_curves(history: Mapping[str, Any] | Sequence[Any], *, xlabel: str = "epoch", title: str = "") -> Figure:
    """Curves over time: one panel for each entry of history, and in it one curve, or several by name.

    Parameters
        history  the numbers of a curve; or by panel the numbers of one, or by curve those of several:
                 {"loss": {"training": [...], "test": [...]}, "accuracy": [...]}.
        xlabel   what is counted along the time.
        title    of the whole figure.
    Returns a matplotlib Figure; figure.savefig("curves.png") writes it.
    Raises ImportError without matplotlib, ShapeError for what is no list of numbers.

    >>> figure = plot_curves({"loss": {"training": [2.0, 1.0], "test": [2.1, 1.5]}, "accuracy": [0.5, 0.7]})
    >>> [panel.get_title() for panel in figure.axes]
    ['loss', 'accuracy']
    """
    panels = history if isinstance(history, Mapping) else {"": history}
    figure, axes = _figure(len(panels), 4.5, 3.4, title)
    for axis, (name, curves) in zip(axes, panels.items()):
        several = curves if isinstance(curves, Mapping) else {"": curves}
        for i, (label, values) in enumerate(several.items()):
            values = _numbers(f"plot_curves: {label or name or 'history'}", values, 1)
            color = COLORS[i % len(COLORS)]
            steps = np.arange(1, len(values) + 1)
            last = f"{values[-1]:.4g}" if len(values) else ""
            size = 3 if len(values) <= 60 else 0
            axis.plot(steps, values, color=color, marker=MARKS[i % len(MARKS)], markersize=size, label=f"{label}, last {last}")
            if last and len(several) == 1:
                axis.annotate(last, (steps[-1], values[-1]), xytext=(0, 7), textcoords="offset points", ha="right", color=color)
        axis.set(title=name, xlabel=xlabel)
        axis.margins(y=0.12)
        if len(several) > 1:
            axis.legend(frameon=False)
        _whole_numbers(axis.xaxis)
    return figure


def plot_gradient_flow(parameters: Any, *, title: str = "Gradient flow") -> Figure:
    """How large the gradients are, layer by layer: for each parameter the mean and the largest absolute value, on a logarithmic scale.

    Parameters
        parameters  a module, or (name, tensor) pairs as named_parameters gives them, after backward().
    A gradient that is not computed yet is said in words, and so is one that is 0 or NaN: bars that vanish on the way back are the layers
    that do not learn.

    >>> import tinygrad_edu as tg
    >>> network = tg.nn.Sequential(tg.nn.Linear(3, 4), tg.nn.Tanh(), tg.nn.Linear(4, 1))
    >>> network(tg.ones((2, 3))).sum().backward()
    >>> [label.get_text() for label in plot_gradient_flow(network).axes[0].get_yticklabels()]
    ['0.weight', '0.bias', '2.weight', '2.bias']
    """
    pairs = list(parameters.named_parameters() if hasattr(parameters, "named_parameters") else parameters)
    figure, (axis,) = _figure(1, 7, 1.2 + 0.28 * max(1, len(pairs)), title)
    axis.set_yticks(range(len(pairs)), [name for name, _ in pairs])
    axis.invert_yaxis()
    axis.set_xscale("log")
    axis.set_xlabel("absolute value of the gradient")
    drawn = []
    for i, (_, tensor) in enumerate(pairs):
        if tensor.grad is None:
            words = "not computed yet"
        else:
            sizes = np.abs(tensor.grad.numpy())
            mean, largest = (float(sizes.mean()), float(sizes.max())) if sizes.size else (0.0, 0.0)
            words = "" if largest > 0 and math.isfinite(largest) else "all 0" if largest == 0 else str(largest)
            if not words:
                drawn += [(i, mean, largest)]
        if words:
            axis.annotate(words, (0.01, i), xycoords=("axes fraction", "data"), va="center", fontsize=8, style="italic")
    if drawn:
        rows, means, largest_ones = (np.array(column) for column in zip(*drawn))
        axis.barh(rows, largest_ones, color="none", edgecolor=COLORS[0], hatch="///", height=0.7, label="largest")
        axis.barh(rows, means, color=COLORS[1], height=0.4, label="mean")
        axis.set_xlim(min(means) / 10, max(largest_ones) * 3)
        axis.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    axis.set_ylim(max(1, len(pairs)) - 0.5, -0.5)
    return figure


def plot_histograms(history: Mapping[str, Sequence[Any]] | Sequence[Any], *, bins: int = 60, xlabel: str = "epoch", title: str = "") -> Figure:
    """How the values of something, such as activations or gradients, are spread, and how that changes over time.

    Parameters
        history  arrays over time, one for each moment; or by name several such lists, a panel each.
        bins     how finely the values are divided.
    The darker, the more values; the line is the median. NaN and infinities are left out, and their number is said.

    >>> figure = plot_histograms({"hidden": [np.random.default_rng(i).normal(0, 1 + i, 1000) for i in range(5)]})
    >>> figure.axes[0].get_title()
    'hidden'
    """
    panels = history if isinstance(history, Mapping) else {"": history}
    figure, axes = _figure(len(panels), 4.5, 3.4, title)
    for axis, (name, moments) in zip(axes, panels.items()):
        arrays = [_numbers(f"plot_histograms: {name or 'history'}", moment).ravel() for moment in moments]
        finite = [array[np.isfinite(array)] for array in arrays]
        lost = sum(map(np.size, arrays)) - sum(map(np.size, finite))
        everything = np.concatenate(finite) if finite else np.zeros(0)
        low, high = (everything.min(), everything.max()) if everything.size else (0.0, 1.0)
        edges = np.linspace(low, high, bins + 1) if low < high else np.linspace(low - 0.5, high + 0.5, bins + 1)
        counts = np.array([np.histogram(array, edges)[0] / max(1, array.size) for array in finite]).reshape(len(finite), bins)
        axis.pcolormesh(np.arange(len(finite) + 1) + 0.5, edges, counts.T, cmap="Blues", rasterized=True)
        medians = [np.median(array) if array.size else np.nan for array in finite]
        axis.plot(np.arange(1, len(finite) + 1), medians, color="black", linewidth=1, label="median")
        axis.set(title=f"{name} ({lost} NaN or infinite)" if lost else name, xlabel=xlabel)
        axis.legend(frameon=False, fontsize=8)
        _whole_numbers(axis.xaxis)
    return figure


def plot_filters(weight: Any, *, shape: tuple[int, int] | None = None, most: int = 64, title: str = "") -> Figure:
    """The filters of a layer as images, each on its own scale from its largest negative to its largest positive value, white at 0.

    Parameters
        weight  (filters, channels, height, width), the weight of a convolution; of several channels their mean is shown, and three are
                shown as colours. Or (filters, inputs), the weight of a linear layer.
        shape   of an image, for a linear layer; a square if not given.
        most    how many filters are shown at most.
    Raises ShapeError for a weight of another shape.

    >>> len(plot_filters(np.random.default_rng(0).normal(size=(6, 1, 3, 3))).axes)
    6
    """
    array = _numbers("plot_filters: weight", weight)
    if array.ndim == 2:
        side = math.isqrt(array.shape[1])
        shape = shape or (side, side)
        if math.prod(shape) != array.shape[1]:
            raise ShapeError(f"plot_filters: weight has shape {array.shape}; give shape=(height, width) of {array.shape[1]} pixels")
        array = array.reshape(-1, 1, *shape)
    if array.ndim != 4:
        raise ShapeError(f"plot_filters: weight has shape {array.shape}; it needs to be (filters, channels, height, width) or (filters, inputs)")
    shown = array[:most]
    columns = max(1, math.ceil(math.sqrt(len(shown))))
    figure, axes = _figure(len(shown), 0.9, 0.9, title, columns)
    for axis, image in zip(axes, shown):
        axis.set_axis_off()
        largest = float(np.max(np.abs(image), where=np.isfinite(image), initial=0)) or 1.0
        if image.shape[0] == 3:
            axis.imshow(np.clip(0.5 + np.moveaxis(image, 0, -1) / (2 * largest), 0, 1))
        else:
            axis.imshow(image.mean(axis=0), cmap="RdBu", vmin=-largest, vmax=largest)
    if len(array) > most:
        figure.supxlabel(f"the first {most} of {len(array)}", fontsize=8)
    return figure


def _figure(panels: int, width: float, height: float, title: str, columns: int | None = None) -> tuple[Figure, list[Any]]:
    """A figure with panels side by side, or in rows."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('viz: pictures of training need matplotlib: pip install "tinygrad_edu[plot]"') from error
    if panels < 1:
        raise ShapeError("viz: there is nothing to plot")
    columns = min(panels, columns or 3)
    rows = math.ceil(panels / columns)
    figure = Figure(figsize=(width * columns, height * rows + 0.3 * bool(title)), layout="constrained")
    if title:
        figure.suptitle(title)
    axes = [figure.add_subplot(rows, columns, i + 1) for i in range(panels)]
    for axis in axes:
        axis.grid(color="#DDDDDD", linewidth=0.6)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _whole_numbers(axis: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _numbers(what: str, values: Any, axes: int | None = None) -> np.ndarray:
    """Numbers, of tensors too."""
    if isinstance(values, Sequence):
        values = [getattr(value, "_data", value) for value in values]
    try:
        array = np.asarray(getattr(values, "_data", values), np.float64)
    except (TypeError, ValueError) as error:
        raise ShapeError(f"{what}: these are no numbers: {error}") from error
    if axes is not None and array.ndim != axes:
        raise ShapeError(f"{what}: it has shape {array.shape}; it needs to be a list of numbers")
    return array
