"""What the reader is shown is what happens: every listing of the README and the docs runs, and every example in a docstring.

A listing is a block marked python. Those of one page run one after another, as in one session; what they print must be the block
marked text that follows, if there is one. A listing with >>> shows its own results. One marked python peers needs PyTorch and runs by itself.
"""

import ast
import contextlib
import doctest
import html
import importlib
import io
import itertools
import pkgutil
import re
from pathlib import Path
from typing import NamedTuple

import pytest

import tinygrad_edu as tg
import tinygrad_edu.fused
from tinygrad_edu.examples import pictures

CHECKOUT = Path(__file__).resolve().parents[1]
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "tinygrad_edu/docs").rglob("*.md"))]

BLOCK = re.compile(r"^```(?P<kind>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"""\]\(([^)\s]+)\)|(?:src|href)="([^"]+)\"""")
ELLIPSIS = doctest.ELLIPSIS         # ... stands for what differs from run to run


class Listing(NamedTuple):
    """A block of Python in a page, and what it is said to print, or None."""

    page: Path
    line: int
    text: str
    output: str | None
    needs_peers: bool


def listings_of(page, text):
    """The listings of a page, in order."""
    blocks = list(BLOCK.finditer(text))
    for block, after in itertools.pairwise([*blocks, None]):
        if block["kind"].split()[:1] == ["python"]:
            shown = after is not None and after["kind"] == "text" and not text[block.end() : after.start()].strip()
            line = text.count("\n", 0, block.start("text"))
            yield Listing(page, line, block["text"], after["text"] if shown else None, "peers" in block["kind"].split())


def run(listing, names):
    """Run a listing as a script whose variables are names, and compare what it shows."""
    if ">>>" in listing.text:
        run_examples(listing.text, names, listing.page, listing.line)
        return
    printed = io.StringIO()
    code = compile("\n" * listing.line + listing.text, listing.page, "exec")      # an error names the line of the page
    with contextlib.redirect_stdout(printed):
        exec(code, names)
    if listing.output is not None:
        where = f"{listing.page.name}, line {listing.line + 1}"
        same = doctest.OutputChecker().check_output(listing.output, printed.getvalue(), ELLIPSIS)
        assert same, f"{where} prints\n{printed.getvalue()}\nand says\n{listing.output}"


def run_examples(text, names, path, line):
    """Run the >>> examples in a text."""
    test = doctest.DocTestParser().get_doctest(text, names, path.name, str(path), line)
    report = io.StringIO()
    result = doctest.DocTestRunner(optionflags=ELLIPSIS).run(test, out=report.write, clear_globs=False)
    assert result.attempted and not result.failed, report.getvalue()


def examples():
    """Every docstring with an example, of a module, class, function or attribute, found in the source so that none is missed."""
    for folder, name in ((CHECKOUT / "tinygrad_edu", "tinygrad_edu"), (CHECKOUT / "viz", "tinygrad_edu.viz")):
        for path in sorted(folder.rglob("*.py")):
            module = ".".join([name, *path.relative_to(folder).with_suffix("").parts]).removesuffix(".__init__")
            for node in ast.walk(ast.parse(path.read_text("utf-8"), path)):
                if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and ">>>" in str(node.value.value):
                    yield pytest.param(module, path, node, id=f"{path.relative_to(CHECKOUT)}:{node.lineno}")


def fused_ops():
    """The fused ops of the library."""
    modules = [importlib.import_module(f"tinygrad_edu.fused.{module.name}") for module in pkgutil.iter_modules(tinygrad_edu.fused.__path__)]
    members = {member for module in modules for member in vars(module).values() if isinstance(member, type) and issubclass(member, tg.Fused)}
    return sorted((op for op in members if hasattr(op, "forward") and op.__module__.startswith("tinygrad_edu.fused.")), key=lambda op: op.__name__)


LISTINGS = [listing for page in PAGES for listing in listings_of(page, page.read_text("utf-8"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_listings_print_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)                     # a listing may write files
    names = {"__name__": "__main__"}
    for listing in LISTINGS:
        if listing.page == page and not listing.needs_peers:
            run(listing, names)


@pytest.mark.peers
@pytest.mark.parametrize("listing", [listing for listing in LISTINGS if listing.needs_peers], ids=lambda x: f"{x.page.name}:{x.line}")
def test_listings_of_peers_print_what_the_page_says(listing):
    run(listing, {"__name__": "__main__"})


@pytest.mark.parametrize(("module", "path", "node"), list(examples()))
def test_examples_show_what_they_say(module, path, node):
    tg.manual_seed(1)                               # not 0: an example that draws must seed itself, or its reader sees other numbers
    names = {**vars(importlib.import_module(module)), "__name__": "__main__"}       # an op that an example defines is none of ours
    run_examples(node.value.value, names, path, node.lineno - 1)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    targets = [target for match in LINK.findall(page.read_text("utf-8")) for target in match if target]
    missing = [target for target in targets if "://" not in target and not (page.parent / target.split("#")[0]).exists()]
    assert not missing


def test_the_index_lists_every_page():
    docs = CHECKOUT / "tinygrad_edu/docs"
    linked = {target for match in LINK.findall((docs / "index.md").read_text("utf-8")) for target in match}
    assert {page.name for page in docs.glob("*.md")} - {"index.md"} <= linked


@pytest.mark.parametrize("op", fused_ops(), ids=lambda op: op.__name__)
def test_every_fused_op_says_its_formulas(op):
    value, *sections = re.split(r"\n    (Shapes|Gradient|Keeps|Source) ", op.__doc__)
    assert " = " in value and sections[::2] == ["Shapes", "Gradient", "Keeps", "Source"]
    gradient = sections[sections.index("Gradient") + 1]
    assert "that of " in gradient or "dL/d" in gradient and " = " in gradient


def test_the_second_listing_of_the_readme_is_the_example():
    ours = [listing for listing in LISTINGS if listing.page.name == "README.md" and not listing.needs_peers]
    assert ours[1].text == (CHECKOUT / "tinygrad_edu/examples/digits.py").read_text("utf-8")


def test_the_pictures_of_the_docs_say_what_their_command_draws():
    committed = {path.name: path.read_text("utf-8") for path in (CHECKOUT / "tinygrad_edu/docs").glob("*.svg")}
    assert committed.keys() == pictures.PICTURES.keys()
    for name, draw in pictures.PICTURES.items():
        labels = re.findall(r'label=("[^"]*"|[-\w.]+)', draw().source)
        drawn = {line.strip() for label in labels for line in label.strip('"').split(r"\n")} - {""}
        assert drawn == {html.unescape(text).strip() for text in re.findall(r">([^<>]+)</text>", committed[name])}, name


def test_the_readme_names_targets_that_exist():
    named = set(re.findall(r"\bmake ([a-z]+)\b", (CHECKOUT / "README.md").read_text("utf-8")))
    targets = set(re.findall(r"^([a-z]+):", (CHECKOUT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


PAGE = """
```python
x = 1
print(x, 0.123)
```

```text
1 0.1...
```
```python peers
print(1)
```
Words between them.
```text
2
```
```python
>>> x + 1
2
```
"""


def test_a_listing_knows_its_line_and_its_output():
    first, peer, session = listings_of(Path("page.md"), PAGE)
    assert first == (Path("page.md"), 2, "x = 1\nprint(x, 0.123)\n", "1 0.1...\n", False)
    assert peer == (Path("page.md"), 10, "print(1)\n", None, True)
    assert session == (Path("page.md"), 17, ">>> x + 1\n2\n", None, False)
    names = {}
    run(first, names)
    run(session, names)


@pytest.mark.parametrize("wrong", [PAGE.replace("1 0.1", "1 0.2"), PAGE.replace("\n2\n```\n", "\n3\n```\n"), PAGE.replace("x = 1", "x = 2")])
def test_a_listing_that_says_something_else_fails(wrong):
    first, _, session = listings_of(Path("page.md"), wrong)
    names = {}
    with pytest.raises(AssertionError):
        run(first, names)
        run(session, names)
