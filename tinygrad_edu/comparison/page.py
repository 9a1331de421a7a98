"""A report as one page of HTML, which needs no network, no script and no other file."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from html import escape
from itertools import count
from typing import TYPE_CHECKING, Any

from .tables import MARKS, accuracy, costs, higher

if TYPE_CHECKING:
    from .cost import Cost
    from .hard_inputs import Sweep
    from .report import Report

MOST_NODES = 120
"""Graphs with more nodes than these are no pictures that one can read."""

STYLE = """
.comparison {
    color: #1a1a1a; background: #ffffff; font: 15px/1.5 system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif;
    --line: #d0d0d0; --soft: #f4f4f4; --good: #00664b; --bad: #a8321e;
    max-width: 72rem; margin: 0 auto; padding: 1rem;
}
.comparison h1 { font-size: 1.4rem; margin: 0 0 .6rem; overflow-wrap: anywhere; }
.comparison h3 { font-size: .95rem; margin: 1rem 0 .2rem; break-after: avoid; }
.comparison h2 { font-size: 1.1rem; margin: 1.8rem 0 .4rem; break-after: avoid; }
.comparison .verdict { border: 2px solid var(--good); border-left-width: .7rem; border-radius: .3rem; padding: .6rem .9rem; margin: 0 0 1rem; }
.comparison .verdict b { display: block; color: var(--good); }
.comparison .wrong.verdict { border-color: var(--bad); border-style: double; border-width: 4px 4px 4px .7rem; }
.comparison .wrong.verdict b { color: var(--bad); }
.comparison .verdict p + p { margin-top: .6rem; font-weight: 600; }
.comparison .verdict p, .comparison dd { margin: 0; overflow-wrap: anywhere; white-space: pre-line; }
.comparison dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .5rem 0; }
.comparison dt { font-weight: 600; }
.comparison .wide { overflow-x: auto; }
.comparison table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; margin: .3rem 0; color: inherit; }
.comparison th, .comparison td { padding: .15rem .6rem; text-align: right; white-space: nowrap; border: 0; color: inherit; background: none; }
.comparison th { font-weight: 600; border-bottom: 1px solid var(--line); }
.comparison th:first-child, .comparison td:first-child, .comparison .left { text-align: left; }
.comparison tbody tr.part td { border-top: 1px solid var(--line); }
.comparison .digits td:nth-child(even), .comparison .digits th:nth-child(even) { border-left: 1px solid var(--line); }
.comparison .digits td:nth-child(odd):not(:first-child) { opacity: .75; }
.comparison .out td, .comparison td.worse { font-weight: 700; color: var(--bad); }
.comparison .note { color: inherit; opacity: .8; font-size: .85rem; margin: .3rem 0; }
.comparison figure { margin: .6rem 0; overflow-x: auto; }
.comparison .picture {
    background: #ffffff; color: #1a1a1a; border: 1px solid var(--line); border-radius: .3rem;
    padding: .5rem; width: fit-content; max-width: 100%; box-sizing: border-box; margin: 0 auto;
}
.comparison .picture svg, .comparison .picture img { max-width: 100%; height: auto; display: block; }
.comparison figcaption { font-size: .85rem; opacity: .8; text-align: center; }
@media (prefers-color-scheme: dark) {
    .comparison { color: #e6e6e6; background: #161616; --line: #4a4a4a; --soft: #242424; --good: #5fd0ac; --bad: #ff9a86; }
}
@media print {
    .comparison { color: #000000; background: #ffffff; --line: #888888; --good: #000000; --bad: #000000; }
    .comparison { font-size: 11px; max-width: none; padding: 0; }
    .comparison table, .comparison figure, .comparison .verdict { break-inside: avoid; }
    .comparison .wide, .comparison figure { overflow: visible; }
    .comparison table { font-size: 9px; }
    .comparison th, .comparison td { padding: .1rem .35rem; }
    .comparison .picture svg { width: auto; max-height: 21cm; }
}
"""


STYLE_OF_DOCUMENT = """body { margin: 0; background: #ffffff; }
@media (prefers-color-scheme: dark) { body { background: #161616; } }
@media print { body { background: #ffffff; } }
"""


def page(report: Report) -> str:
    """The report as a document of its own."""
    return _document(f"{report.op!r}: fused against composed", _body(report))


def part(found: Any) -> str:
    """A Report, or a Sweep alone, as a part of another page such as a notebook, with its style. It never raises."""
    try:
        body = _section([_sweep(found)]) if hasattr(found, "losses") else _body(found)
    except Exception as error:
        return f"<p>{escape(f'This cannot be shown here, but printed: {error!r}')}</p>"
    return f"<style>{STYLE}</style>\n{body}"


def failure_page(op: str, text: str) -> str:
    """The document for an op that cannot be compared."""
    return _document(f"{op}: fused against composed", _section([f"<h1>{escape(op)}</h1>", _verdict(False, "Cannot be compared", text)]))


def _document(title: str, body: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}{STYLE_OF_DOCUMENT}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _body(report: Report) -> str:
    parts = [
        f"<h1>{escape(repr(report.op))}: fused against composed</h1>",
        _verdict(report.ok, "Right" if report.ok else "Out of tolerance", report.verdict, report.mistakes),
        _list({"Inputs": report.inputs, "Reference": report.reference}),
        f"<h2>Values and gradients</h2>{_accuracy(report)}",
        f"<h2>Orders 2 and 3</h2>{_higher(report)}{_note(report.higher_verdict)}",
        f"<h2>Time and memory</h2>{_costs(report)}",
        f"<h2>Both graphs</h2>{_graphs(report)}",
    ]
    if report.sweep is not None:
        parts.append(f"<h2>Hard inputs</h2>{_sweep(report.sweep)}")
    return _section(parts)


def _section(parts: Sequence[str]) -> str:
    return "\n".join(['<section class="comparison">', *parts, "</section>"])


def _verdict(ok: bool, word: str, text: str, mistakes: dict[str, str] | None = None) -> str:
    diagnosis = f"<p>Diagnosis</p>{_list(mistakes)}" if mistakes else ""
    return f'<div class="{"" if ok else "wrong "}verdict"><b>{"✓" if ok else "✗"} {escape(word)}</b><p>{escape(text)}</p>{diagnosis}</div>'


def _list(entries: dict[str, str]) -> str:
    return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(words)}</dd>' for name, words in entries.items())}</dl>"


# Tables


def _table(lines: Sequence[Sequence[str]], classes: Sequence[str] = (), left: Sequence[int] = (), name: str = "") -> str:
    """A table of cells, the first line its header; with a class for each other line, and the numbers of columns that are flush left."""

    def row(cells: Sequence[str], tag: str, of_row: str = "") -> str:
        marked = [
            f"<{tag}{_class('left' * (i in left) or 'worse' * (tag == 'td' and cell.startswith('*')))}>{escape(cell)}</{tag}>"
            for i, cell in enumerate(cells)
        ]
        return f"<tr{_class(of_row)}>{''.join(marked)}</tr>"

    body = "\n".join(row(line, "td", of_row) for line, of_row in zip(lines[1:], classes or [""] * len(lines)))
    return f'<div class="wide"><table{_class(name)}>\n<thead>{row(lines[0], "th")}</thead>\n<tbody>\n{body}\n</tbody>\n</table></div>'


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _accuracy(report: Report) -> str:
    lines = accuracy(report.rows)
    classes = [
        f"part{' out' * (not row.ok)}" if form == 0 else "out" * (form == 1 and not row.composed_ok) for row in report.rows for form in range(3)
    ]
    return _table(lines, classes, left=(1,))


def _higher(report: Report) -> str:
    return _table(higher(report.higher), ["" if row.ok else "out" for row in report.higher]) if report.higher else ""


def _costs(report: Report) -> str:
    pictures = [_times(report, of) for of in ("forward", "backward")]
    return _table(costs(report.fused, report.composed), left=(2, 4)) + "".join(pictures)


def _times(report: Report, of: str) -> str:
    """Each repetition as a dot on a line from 0, and the median as a bar, for both forms."""
    forms: list[tuple[str, Cost]] = [("fused", report.fused), ("composed", report.composed)]
    samples = [getattr(cost, of) for _, cost in forms]
    medians = [sorted(times)[len(times) // 2] for times in samples]
    longest = max(3 * max(medians), 1e-9)       # what the machine did elsewhere for a while is drawn at the end
    longest = min(longest, max(map(max, samples))) or 1e-9
    lines = [f'<svg role="img" aria-label="the time of each {of}" viewBox="0 0 640 62" width="640" height="62" font-size="12" fill="currentColor">']
    lines.append(f'<text x="0" y="12" font-weight="bold">{of}</text>')
    for y, (name, _), times, middle in zip(count(26, 22), forms, samples, medians):
        lines.append(f'<text x="0" y="{y + 4}">{name}</text><line x1="80" y1="{y}" x2="630" y2="{y}" stroke="currentColor" stroke-opacity="0.25"/>')
        dots = [f'<circle cx="{80 + 550 * min(1.0, seconds / longest):.1f}" cy="{y}" r="3.5" fill-opacity="0.35"/>' for seconds in times]
        at = f"{80 + 550 * min(1.0, middle / longest):.1f}"
        lines.append("".join(dots) + f'<line x1="{at}" y1="{y - 8}" x2="{at}" y2="{y + 8}" stroke="currentColor" stroke-width="2.5"/>')
    return f"<figure>{''.join(lines)}</svg></figure>"


# Pictures


def _graphs(report: Report) -> str:
    """Both graphs as a picture, or why there is none."""
    if report.drawing is None:
        return _note("Nothing was recorded.")
    nodes = max(len(graph.nodes) for graph in report.drawing.graphs)
    if nodes > MOST_NODES:
        return _note(
            f"The composed form has {nodes} nodes in its graph, too many to read in a picture; "
            f'report.drawing.save("graphs.svg") draws it all the same.'
        )
    try:
        svg = report.drawing.svg()
    except Exception as error:          # no Graphviz, or a layout that takes too long
        return _note(f"No picture: {error}")
    return _figure(_inline(svg), "The graph that each form records. The fused form is one node, and keeps what its backward names.")


def _inline(svg: str) -> str:
    """The svg element alone, without what only a file of its own needs."""
    return re.sub(r"<!--.*?-->\s*", "", svg[svg.index("<svg") :], flags=re.DOTALL)


def _sweep(sweep: Sweep) -> str:
    parts = [f"<p>{escape(sweep.verdict)}</p>", _list({"Inputs": sweep.inputs})]
    parts.append(_note(f"How many digits are right, of the fused form and of its twin: {MARKS}."))
    for heading, table in sweep.tables():
        parts.append(f"<h3>{escape(heading)}</h3>{_table(table, name='digits')}")
    parts += [_note(f"Left out: {words}") for words in sweep.left_out]
    parts.append(_plot(sweep))
    return "\n".join(parts)


def _plot(sweep: Sweep) -> str:
    try:
        figure, file = sweep.plot(), io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    except Exception as error:
        return _note(f"No plot: {error}")
    # As an image of its own: its style sheet and its names are not those of the page.
    data = base64.b64encode(file.getvalue()).decode()
    return _figure(
        f'<img alt="relative error of both forms against the offset" src="data:image/svg+xml;base64,{data}">',
        "The relative error against what is added to all elements. Solid: fused. Dashed: its twin. Dotted: the eps of the dtype.",
    )


def _figure(picture: str, caption: str) -> str:
    return f'<figure><div class="picture">{picture}</div><figcaption>{escape(caption)}</figcaption></figure>'


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'
