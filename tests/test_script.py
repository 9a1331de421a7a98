"""A program is drawn as it is: it runs until its first backward pass, and nothing of it has to change."""

import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_edu as tg
from tests.test_viz import drawn
from tinygrad_edu.cli import main
from tinygrad_edu.errors import GraphError

CHECKOUT = Path(__file__).resolve().parents[1]

TRAIN = """
import sys
import tinygrad_edu as tg
import beside

w = tg.tensor([1.0, 2.0], requires_grad=True, name="w")
given = (w * 2.0).sum()
def make():
    return (w * w * w).sum()
empty = 3
if __name__ == "__main__":
    print("begins", sys.argv)
    for step in range(3):
        loss = (w * beside.factor).sum()
        loss.backward()
        print("goes on")
"""


@pytest.fixture
def train(tmp_path):
    (tmp_path / "beside.py").write_text("factor = 3.0")
    path = tmp_path / "train.py"
    path.write_text(TRAIN)
    yield str(path)
    sys.modules.pop("beside", None)


def labels(loss, **settings):
    return [node.label for node in tg.viz.graph(loss, **settings).nodes]


def test_a_program_stops_at_its_first_backward_pass(train, capsys):
    before = list(sys.path), sys.argv
    loss = tg.viz.loss_of(train)
    assert capsys.readouterr().out.splitlines() == [f"begins {[train]}"]
    assert labels(loss) == ["parameter", "3.0", "Multiply()", "Sum(axis=(0,), keepdims=False)"]
    assert loss.item() == 9
    graph = tg.viz.graph(loss, values=True)
    assert graph.nodes[0].value == "[1, 2]" and graph.nodes[0].grad == "not computed yet"
    assert "train.py, line 14" in graph.nodes[2].line
    assert (sys.path, sys.argv) == before
    assert len(list(tg.viz.steps(loss))) == 3


@pytest.mark.parametrize("name", ["make", "given"])
def test_a_tensor_or_a_function_may_be_named(train, name, capsys):
    before = list(sys.path), sys.argv
    assert labels(tg.viz.loss_of(f"{train}:{name}"))[-1].startswith("Sum")
    assert (sys.path, sys.argv) == before
    assert capsys.readouterr().out == ""


def test_a_module_in_the_current_folder_is_found_and_its_neighbours_too(tmp_path, monkeypatch):
    package = tmp_path / "learning"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "numbers.py").write_text("factor = 2.0")
    (package / "train.py").write_text(
        "import tinygrad_edu as tg\nfrom .numbers import factor\nw = tg.tensor([1.0], requires_grad=True)\n"
        "def loss(): return (w * factor).sum()\nif __name__ == '__main__': loss().backward()"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in ("", ".")])
    for name in "learning", "learning.numbers", "learning.train":
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert labels(tg.viz.loss_of("learning.train")) == labels(tg.viz.loss_of("learning.train:loss"))


def test_the_current_folder_is_the_same_afterwards(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "program.py"
    path.write_text("import os, tinygrad_edu as tg\nos.chdir('elsewhere')\ntg.tensor(1.0, requires_grad=True).exp().backward()")
    monkeypatch.chdir(tmp_path)
    tg.viz.loss_of("program.py")
    assert Path.cwd() == tmp_path.resolve()


def test_a_module_is_a_program_too():
    loss = tg.viz.loss_of("tinygrad_edu.examples.digits")
    assert "CrossEntropy" in labels(loss)[-1]
    assert [scope.kind for scope in tg.viz.graph(loss).scopes][:2] == ["Network", "Linear"]


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("x = 1", GraphError, "ran to its end without a backward pass in its main thread; name what to draw"),
        ("raise SystemExit(3)", GraphError, "ended with status 3 before"),
        ("1 / 0", ZeroDivisionError, "division"),
    ],
)
def test_a_program_without_a_loss_is_told_apart(tmp_path, text, error, said):
    path = tmp_path / "program.py"
    path.write_text(text)
    with pytest.raises(error, match=said):
        tg.viz.loss_of(str(path))
    with pytest.raises(GraphError, match="program.py:x is .*; it needs to be a tensor"):
        (tmp_path / "program.py").write_text("x = 1")
        tg.viz.loss_of(f"{path}:x")
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        tg.viz.loss_of("nowhere.py")
    with pytest.raises(ImportError):
        tg.viz.loss_of("no.such.module")


@drawn
def test_draw_writes_what_is_asked_for(train, tmp_path, capsys):
    page, picture = tmp_path / "graph.html", tmp_path / "graph.svg"
    assert main(["draw", train, "--html", str(page), "--output", str(picture), "--backward", "--show", "value,rule"]) == 0
    assert "2 ops" in capsys.readouterr().out
    assert picture.read_text("utf-8").startswith("<?xml") and "step" in page.read_text("utf-8") and "dL/da" in picture.read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.py"], "there is no such file"),
        (["no.such.module"], "No module named 'no'"),
        (["tinygrad_edu.examples.digits:nothing"], "is not there; it needs to be a tensor"),
        (["TRAIN", "--output", "graph.bmp"], "the suffix needs to be one of"),
        (["TRAIN", "--show", "colour"], "it needs to be some of shape"),
        (["TRAIN", "--depth", "-1"], "not a whole number from 0 on"),
    ],
)
def test_mistakes_are_one_line_and_status_2(train, arguments, said, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["draw", *(train if argument == "TRAIN" else argument for argument in arguments)])
    lines = capsys.readouterr().err.strip().splitlines()
    assert stop.value.code == 2 and len(lines) == 1 and said in lines[0]


def test_draw_from_the_shell(tmp_path):
    command = [sys.executable, "-m", "tinygrad_edu", "draw", "tinygrad_edu.examples.digits", "--output", str(tmp_path / "graph.dot")]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Network" in (tmp_path / "graph.dot").read_text("utf-8")
