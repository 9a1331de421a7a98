"""The page of a graph: one file, safe whatever the names are, and it can be stepped through in a browser, by mouse and by keyboard."""

import json
import os
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest

import tinygrad_edu as tg
from tests.test_viz import HOSTILE, drawn, without_graphviz

VOID = {"meta", "input", "br", "img", "link"}


class Read(HTMLParser):
    """The tags of a page, which must nest, with their attributes; and the text of each script."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.scripts, self.words = [], set(), [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        (self.scripts if self.open and self.open[-1] == "script" else self.words).append(data)


def loss_of(*names):
    loss = tg.tensor([1.0, 2.0], requires_grad=True, name=names[0])
    for name in names[1:]:
        loss = tg.exp(tg.tensor([0.5, 1.0], requires_grad=True, name=name)) * loss
        loss.name = name
    return loss.sum()


def network():
    layers = [tg.nn.Sequential(tg.nn.Linear(3, 3), tg.nn.Tanh()) for _ in range(3)]
    return tg.nn.Sequential(*layers)(tg.ones((2, 3))).sum()


@drawn
def test_a_page_is_one_file_that_asks_for_nothing_else(tmp_path):
    loss = network()
    path = tg.viz.draw(loss, titles=("A network",)).save(tmp_path / "graph.html")
    page = Read(path.read_text("utf-8"))
    assert "{{" not in path.read_text("utf-8")
    assert not {"link", "img", "iframe", "object", "base"} & page.tags
    references = [value for name, value in page.attributes if name in ("src", "href", "xlink:href", "action")]
    assert references == []
    policy = next(value for name, value in page.attributes if value and value.startswith("default-src"))
    assert policy.startswith("default-src 'none'")
    steps = json.loads(page.scripts[0])
    assert [step["number"] for step in steps] == list(range(1, len(steps) + 1)) and len(steps) == 13
    drawn_ids = set(re.findall(r"<title>([^<]*)</title>", path.read_text("utf-8")))
    assert {step["at"] for step in steps} <= {own.partition("_")[0] for own in drawn_ids}


@drawn
def test_hostile_names_are_only_text():
    loss = loss_of(*HOSTILE, "x" * 1_000_000)
    text = tg.viz.draw(loss, titles=(" ".join(HOSTILE),)).html()
    page = Read(text)
    other = loss_of("a", "b")
    plain = Read(tg.viz.draw(other).html())
    assert page.tags <= plain.tags | {"path", "br"}
    assert len(page.scripts) == len(plain.scripts) == 2 and page.scripts[1] == plain.scripts[1]
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "<script>alert" not in text and len(text) < 1_000_000
    assert any("<script>alert(1)</script>" in (step["name"] or "") for step in json.loads(page.scripts[0]))


def test_without_graphviz_the_page_has_the_steps_and_says_how_to_get_a_picture(monkeypatch):
    without_graphviz(monkeypatch)
    loss = loss_of("w")
    text = tg.viz.draw(loss).html()
    Read(text)
    assert "pip install" in text and "into .grad" in text


def test_without_steps_the_page_says_why():
    loss = loss_of("w")
    drawing = tg.viz.draw(loss)
    loss.backward()
    assert "There are no steps: " in drawing.html() and "freed" in drawing.html()
    del loss
    assert "Keep its output in a variable" in drawing.html()
    assert "a single output" in tg.viz.draw(loss_of("a"), loss_of("b")).html()


class Failing(tg.Op):
    def forward(self, x):
        return x * 2

    def grad_x(self, g):
        raise KeyError("the rule of a learner")


def test_a_rule_that_fails_is_why_there_are_no_steps():
    loss = Failing()(tg.tensor(1.0, requires_grad=True))
    assert "There are no steps: " in tg.viz.draw(loss).html() and "the rule of a learner" in tg.viz.draw(loss).html()


@pytest.mark.parametrize("name", ["\ud800", "\0\u202e", "long" * 100_000])
def test_a_title_is_text_of_a_few_characters_too(name, tmp_path):
    loss = loss_of("w")
    loss.name = name
    for titles in ((), (name,)):
        page = tg.viz.draw(loss, titles=titles).save(tmp_path / "graph.html").read_text("utf-8")
        assert len(page) < 100_000 and name not in page


def test_a_page_has_so_many_steps_and_says_how_many_more_there_are():
    y = tg.tensor(1.0, requires_grad=True)
    for _ in range(2500):
        y = tg.tanh(y)
    page = tg.viz.draw(y).html()
    assert len(json.loads(Read(page).scripts[0])) == 2000 and "the last 501 of 2,501 are left out" in page


def test_an_output_of_several_elements_is_walked_back_from_ones():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    assert json.loads(Read(tg.viz.draw(y).html()).scripts[0])[0]["gradient"] == "[1, 1]"
    assert x.grad is None


# In a real browser


@pytest.fixture(scope="module")
def browser():
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    arguments = ["--headless=new", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync", "--window-size=1400,1000"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")        # which does not work for root, as in a container
    for argument in arguments:
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    yield browser
    browser.quit()


@pytest.fixture
def open_page(browser, tmp_path):
    def open_page(drawing):
        browser.get(drawing.save(tmp_path / "graph.html").as_uri())
        return browser

    yield open_page
    assert browser.get_log("browser") == []     # no error, no warning, nothing refused by the policy


def shown(browser):
    """The number of the current step, and what the page says of it."""
    return int(re.search(r"step (\d+) of", by(browser, "#where").text)[1]), by(browser, "#step").text


def by(browser, selector):
    return browser.find_element("css selector", selector)


@drawn
@pytest.mark.browser
def test_the_page_steps_by_buttons_keys_and_clicks(open_page):
    from selenium.webdriver import Keys

    x = tg.tensor(3.0, requires_grad=True, name="x")
    loss = x * x + x
    browser = open_page(tg.viz.draw(loss))
    assert shown(browser)[0] == 1 and not by(browser, "#previous").is_enabled()
    by(browser, "#next").click()
    number, words = shown(browser)
    assert number == 2 and "Multiply()" in words and "dL/da = g * b = 3" in words and "path 2 of 3: together 4" in words
    body = by(browser, "body")
    body.send_keys(Keys.END)
    assert shown(browser)[0] == 3 and "Its gradient is complete, and goes into .grad: 7" in shown(browser)[1]
    body.send_keys(Keys.ARROW_LEFT)
    assert shown(browser)[0] == 2
    body.send_keys(Keys.HOME)
    assert shown(browser)[0] == 1
    current = browser.find_elements("css selector", "tr[aria-current]")
    assert len(current) == 1 and current[0].text.startswith("1 Add")
    browser.find_elements("css selector", "#steps tr")[2].click()
    assert shown(browser)[0] == 3
    multiply = next(group for group in browser.find_elements("css selector", "g.node") if "Multiply" in group.text)
    multiply.click()
    assert shown(browser)[0] == 2 and "current" in multiply.get_attribute("class")
    assert len(browser.find_elements("css selector", "g.edge.flows")) == 2


@drawn
@pytest.mark.browser
def test_the_page_plays_searches_and_zooms(open_page):
    from selenium.webdriver.support.ui import WebDriverWait

    loss = loss_of("w", "first", "second")
    browser = open_page(tg.viz.draw(loss))
    by(browser, "#play").click()
    assert by(browser, "#play").text == "Pause"
    WebDriverWait(browser, 10).until(lambda browser: shown(browser)[0] > 1)
    by(browser, "#play").click()
    assert by(browser, "#play").text == "Play"
    body = by(browser, "body")
    body.send_keys("/")
    browser.switch_to.active_element.send_keys("second")
    rows = browser.find_elements("css selector", "#steps tr")
    visible = [row.text for row in rows if row.is_displayed()]
    assert 0 < len(visible) < len(rows) and all("second" in text for text in visible)
    assert browser.find_elements("css selector", "g.node.faint")
    before = by(browser, "#paper").get_attribute("style")
    by(browser, "#larger").click()
    zoomed = by(browser, "#paper").get_attribute("style")
    by(browser, "#whole").click()
    assert before != zoomed and by(browser, "#paper").get_attribute("style") == before


@drawn
@pytest.mark.browser
def test_hostile_names_run_nothing(open_page):
    loss = loss_of(*HOSTILE)
    browser = open_page(tg.viz.draw(loss))
    assert browser.execute_script("return document.querySelectorAll('script').length") == 2
    assert "<script>alert(1)</script>" in by(browser, "#steps").text


@drawn
@pytest.mark.browser
def test_a_folded_graph_points_at_what_stands_for_a_node(open_page):
    loss = network()
    browser = open_page(tg.viz.draw(loss))
    for _ in range(12):
        by(browser, "#next").click()
        assert len(browser.find_elements("css selector", "g.node.current")) >= 1


@drawn
@pytest.mark.browser
def test_a_large_array_is_told_in_few_words(open_page):
    x = tg.tensor(np.ones((100, 100)), requires_grad=True)
    loss = (x * x).sum()
    browser = open_page(tg.viz.draw(loss))
    by(browser, "#next").click()
    assert "(100, 100): all 1; norm 100" in shown(browser)[1]
