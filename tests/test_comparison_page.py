"""The page of a report: one file that needs nothing else, in which all text is data."""

import base64
import dataclasses
import re
import sys
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.comparison import page
from tinygrad_edu.comparison.problems import PROBLEMS

VOID = {"meta", "img", "br", "hr", "input", "link"}


class Parsed(HTMLParser):
    """A page that is read: whether its elements are balanced, its texts, tags and attributes."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, text):
        if self.open[-1:] != ["style"]:
            self.texts.append(text)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def assert_self_contained(text):
    """The page asks for nothing: no script, no handler, and no address but that of a picture in itself, and the names of SVG."""
    parsed = Parsed(text)
    assert not {"script", "iframe", "object", "embed", "link", "base", "form", "a"} & set(parsed.tags)
    for name, value in parsed.attributes:
        assert not name.startswith("on"), name
        assert not (name in ("href", "xlink:href", "action", "srcset") or (name == "src" and not value.startswith("data:image/"))), (name, value)
        assert name.startswith("xmlns") or "//" not in (value or ""), (name, value)
    styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert not re.search(r"url\(|@import|expression\(", "".join(styles))
    return parsed


class Evil(tg.Fused):
    """An op whose name is HTML, as far as a name can be."""

    title: str

    def forward(self, x):
        return np.mean(x * x, axis=0)

    def backward(self, g, x):
        return (g * x,)                 # 2 / n is missing

    def composed(self, x):
        return np.mean(x * x, axis=0)


TITLE = '"><script>alert("&amp;")</script><img src=http://x.y/z onerror=alert(1)>\x00\u202e'


@pytest.fixture(scope="module")
def right():
    op, *inputs = PROBLEMS["batch_norm"]((16, 3), np.random.default_rng(0))
    return tg.compare(op, *inputs, repeats=3, sweep=True)


@pytest.fixture(scope="module")
def wrong():
    return tg.compare(Evil(TITLE), np.random.default_rng(0).normal(size=(16, 3)), repeats=3)


def test_the_page_stands_alone_and_says_what_the_report_says(right):
    text = right.html()
    assert text.startswith("<!DOCTYPE html>") and 'charset="utf-8"' in text and 'lang="en"' in text
    parsed = assert_self_contained(text)
    assert parsed.tags.count("html") == parsed.tags.count("body") == parsed.tags.count("h1") == 1
    for said in (right.verdict, right.inputs, right.reference, right.higher_verdict, right.sweep.verdict, repr(right.op), "✓ Right"):
        assert said in parsed.text
    cells = [cell for table in (page.accuracy(right.rows), page.higher(right.higher), page.costs(right.fused, right.composed)) for cell in table]
    cells += [line for _, lines in right.sweep.tables() for line in lines]
    for cell in {cell for line in cells for cell in line if cell}:
        assert cell in parsed.text
    assert all(f"dL/d{name}" in parsed.text and f"d3L/d{name}" in parsed.text for name in ("x", "gamma", "beta"))


def test_both_graphs_are_drawn_side_by_side(right):
    text = right.html()
    pictures = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    graphs = next(picture for picture in pictures if "graph0" in picture)
    words = " ".join(" ".join(ElementTree.fromstring(graphs).itertext()).split())
    assert "fused" in words and "composed" in words and "BatchNorm(axes=(0,), eps=1e-05)" in words and "Sqrt" in words
    assert all(name in words for name in ("x", "gamma", "beta"))
    assert "<!--" not in graphs and "<?xml" not in text and "DOCTYPE svg" not in text
    assert repr(right.drawing).startswith("<Drawing: 1 op, ")


def test_times_are_drawn_with_every_repetition(right):
    pictures = [ElementTree.fromstring(picture) for picture in re.findall(r'<svg role="img".*?</svg>', right.html(), re.DOTALL)]
    assert [picture.get("aria-label") for picture in pictures] == ["the time of each forward", "the time of each backward"]
    for picture in pictures:
        circles = picture.findall("circle")
        assert len(circles) == 2 * 3 and all(80 <= float(circle.get("cx")) <= 630 for circle in circles)


def test_the_plot_of_the_sweep_is_a_picture_in_the_page(right):
    pytest.importorskip("matplotlib")
    source = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', right.html())[1]
    assert ElementTree.fromstring(base64.b64decode(source)).tag.endswith("svg")


def test_names_are_data(wrong):
    parsed = assert_self_contained(wrong.html())
    assert "Evil(title=" in parsed.text and "<script>alert(" in parsed.text
    assert "✗ Out of tolerance" in parsed.text and wrong.verdict in parsed.text
    (name, words), = wrong.mistakes.items()
    assert name == "dL/dx" and words in parsed.text and "Diagnosis" in parsed.text
    assert 'class="part out"' in wrong.html() and wrong.sweep is None and "Hard inputs" not in parsed.text
    for names in ({TITLE: "x"}, {"x": TITLE}):
        parsed = assert_self_contained(dataclasses.replace(wrong, mistakes=names, inputs=TITLE, reference=TITLE, higher_inputs=TITLE).html())
        assert parsed.text.count("onerror=alert(1)>") >= 4
    assert_self_contained(page.failure_page(TITLE, TITLE))
    assert "<script>" in Parsed(page.failure_page(TITLE, TITLE)).text


def test_a_notebook_shows_a_part_of_a_page(right, wrong):
    for report in (right, wrong):
        text = report._repr_html_()
        assert "<html" not in text and "<body" not in text
        assert report.verdict in assert_self_contained(text).text
    parsed = assert_self_contained(right.sweep._repr_html_())
    assert right.sweep.verdict in parsed.text and "x[:, 0] NaN" in parsed.text and right.verdict not in parsed.text


def test_a_notebook_gets_words_if_there_is_no_page(right, monkeypatch):
    def fail(report):
        raise RuntimeError("<b>no</b>")

    monkeypatch.setattr(page, "_body", fail)
    monkeypatch.setattr(page, "_sweep", fail)
    assert "RuntimeError" in Parsed(right.sweep._repr_html_()).text
    assert "RuntimeError" in Parsed(right._repr_html_()).text and "<b>" not in right._repr_html_()


def test_without_graphviz_or_matplotlib_the_page_says_how_to_get_a_picture(right, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("matplotlib", "pygraphviz"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    parsed = assert_self_contained(right.html())
    assert 'pip install "tinygrad_edu[viz]"' in parsed.text and 'pip install "tinygrad_edu[plot]"' in parsed.text
    assert "img" not in parsed.tags and right.verdict in parsed.text


def test_a_graph_too_large_to_read_is_not_drawn(right, monkeypatch):
    monkeypatch.setattr(page, "MOST_NODES", 10)
    parsed = assert_self_contained(right.html())
    assert "nodes in its graph, too many to read in a picture" in parsed.text and "graph0" not in right.html()


def test_the_page_can_be_printed_and_read_in_the_dark(right):
    text = right.html()
    assert "@media print" in text and "prefers-color-scheme: dark" in text and 'name="color-scheme"' in text
