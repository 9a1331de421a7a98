"""The plot of a sweep: the error of both forms against the offset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .hard_inputs import Sweep

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#7A6E00")     # which the colour-blind can tell apart
MARKERS = "os^Dv"       # one less than colours, so that both together say which of many it is


def error_against_offset(sweep: Sweep) -> Any:
    """A figure with a panel for each dtype. Colour and marker say of what, a solid line is the fused form, a dashed one the twin."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.lines import Line2D
    except ImportError as error:
        raise ImportError('plot: matplotlib is not installed: pip install "tinygrad_edu[plot]"') from error
    dtypes = list(dict.fromkeys(loss.dtype for loss in sweep.losses))
    figure = Figure(figsize=(4.6 * len(dtypes), 3.8), layout="constrained")
    for panel, dtype in zip(np.atleast_1d(figure.subplots(1, len(dtypes))), dtypes):
        losses = [loss for loss in sweep.losses if loss.dtype == dtype and loss.offset is not None]
        least = float(np.finfo(dtype).eps) / 8          # where what has no error is drawn
        offsets = [loss.offset or 0.1 for loss in losses]
        for i, name in enumerate(sweep.names):
            look = {"color": COLORS[i % len(COLORS)], "marker": MARKERS[i % len(MARKERS)], "markersize": 4.5}
            for forms, style in (("fused", {}), ("composed", {"linestyle": "--", "markerfacecolor": "white", "linewidth": 1})):
                errors = [np.clip(getattr(loss, forms)[i], least, 1) for loss in losses]
                panel.plot(offsets, errors, label=f"{name}, {'fused' if forms == 'fused' else 'twin'}", **look, **style)
        panel.axhline(np.finfo(dtype).eps, color="#888888", linewidth=0.8, linestyle=":")
        panel.set(title=str(dtype), xscale="log", yscale="log", xlabel="offset", ylabel="relative error", ylim=(least / 2, 2))
        panel.set_xticks([0.1, *[offset for offset in offsets if offset >= 1][::2]])
        panel.set_xticklabels(["0", *[f"$10^{{{round(np.log10(offset))}}}$" for offset in offsets if offset >= 1][::2]])
        panel.minorticks_off()
        panel.grid(color="#DDDDDD", linewidth=0.6)
        panel.spines[["top", "right"]].set_visible(False)
    keys = [
        Line2D([], [], color=COLORS[i % len(COLORS)], marker=MARKERS[i % len(MARKERS)], markersize=4.5, label=name)
        for i, name in enumerate(sweep.names)
    ]
    keys += [Line2D([], [], color="#444444", label="fused"), Line2D([], [], color="#444444", linestyle="--", linewidth=1, label="twin")]
    figure.legend(handles=keys, loc="outside lower center", ncols=min(len(keys), 3 * len(dtypes)), frameon=False)
    return figure
