"""The command line and the demo, as a user runs them: what they print, the files that they write, and the exit status."""

import importlib
import json
import os
import pkgutil
import re
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import fused
from tinygrad_edu.cli import main
from tinygrad_edu.comparison.problems import PROBLEMS
from tinygrad_edu.examples import demo

CHECKOUT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(CHECKOUT)}


def run(*arguments, cwd):
    """python -m tinygrad_edu in a process of its own."""
    command = [sys.executable, "-m", "tinygrad_edu", *arguments]
    return subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)


def status_of(*arguments):
    """The exit status of a command that runs in this process."""
    try:
        return main(arguments)
    except SystemExit as end:
        return end.code


# tinygrad-edu compare


def test_compare_prints_the_report(tmp_path):
    finished = run("compare", "batch_norm", "--shape", "16,3", "--dtype", "float64", cwd=tmp_path)
    assert (finished.returncode, finished.stderr) == (0, "")
    lines = finished.stdout.splitlines()
    assert lines[0] == "BatchNorm(axes=(0,), eps=1e-05): fused against composed"
    assert lines[1] == "inputs     x (16, 3) float64, gamma (1, 3) float64, beta (1, 3) float64"
    assert [line.split()[0] for line in lines if line.startswith(("out", "dL/"))] == ["out", "dL/dx", "dL/dgamma", "dL/dbeta"]
    assert lines[-1].startswith("The hand-written gradient of BatchNorm is right; it takes ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("op", PROBLEMS)
def test_every_op_can_be_compared(op, dtype, capsys):
    assert status_of("compare", op, "--dtype", dtype) == 0
    assert f") {dtype}" in capsys.readouterr().out


def test_every_fused_op_of_the_library_has_a_problem():
    modules = [importlib.import_module(f"tinygrad_edu.fused.{found.name}") for found in pkgutil.iter_modules(fused.__path__)]
    classes = {value for module in modules for value in vars(module).values() if isinstance(value, type) and issubclass(value, tg.Fused)}
    classes = {value for value in classes if hasattr(value, "forward")}         # the others are what several share
    rng = np.random.default_rng(0)
    compared = {type(problem(problem.shape, rng)[0]) for problem in PROBLEMS.values()}
    assert {op.__name__ for op in classes - compared} == set()
    assert list(PROBLEMS) == [problem.name for problem in PROBLEMS.values()]


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_shape_that_does_not_fit_a_problem_is_said_with_its_axes(name):
    axes = PROBLEMS[name].axes.removesuffix(", ...").split(", ")
    with pytest.raises(ValueError, match=rf"{name} needs .*{len(axes)} ax[ei]s: {', '.join(axes)}; 0 given"):
        PROBLEMS[name]((), np.random.default_rng(0))


def test_evaluation_is_another_form_of_the_op(capsys):
    assert status_of("compare", "batch_norm", "--evaluation", "--shape", "8,3") == 0
    out = capsys.readouterr().out
    assert out.startswith("BatchNormEvaluation(eps=1e-05): fused against composed") and "dL/dvar" in out
    assert status_of("compare", "sigmoid", "--evaluation") == 2
    assert "compare sigmoid: it has no other form in evaluation, as batch_norm has" in capsys.readouterr().err


def test_the_reference_and_the_orders_are_chosen(capsys):
    assert status_of("compare", "sigmoid", "--shape", "4,3", "--reference", "mpmath", "--orders", "1,3") == 0
    out = capsys.readouterr().out
    assert "\nreference  the composed twin in mpmath, 113 bits\n" in out and "\nd3L/dx " in out and "d2L/dx" not in out
    assert status_of("compare", "sigmoid", "--shape", "4,3", "--orders", "1") == 0
    assert "Orders 2 and 3: not asked for." in capsys.readouterr().out


def test_the_sweep_is_printed_and_written(tmp_path, capsys):
    path = tmp_path / "report.json"
    assert status_of("compare", "layer_norm", "--shape", "6,4", "--sweep", "--json", str(path)) == 0
    out = capsys.readouterr().out
    assert "\nx + 1e8 " in out and "\nx[0, :] NaN " in out
    data = json.loads(path.read_text())
    assert data["sweep"]["verdict"] in out and len(data["sweep"]["losses"]) > 30
    assert data["fused"]["peak_forward_bytes"] > 0


def test_the_page_is_written_wholly_or_not_at_all(tmp_path, my_file, capsys):
    path = tmp_path / "report.html"
    assert status_of("compare", "sigmoid", "--shape", "6,4", "--html", str(path)) == 0
    verdict = capsys.readouterr().out.splitlines()[-1]
    text = path.read_text("utf-8")
    assert text.startswith("<!DOCTYPE html>") and text.endswith("</html>\n") and verdict in text and "<svg" in text
    assert status_of("compare", f"{my_file}:WithoutVariance", "--html", str(path)) == 1
    assert "the path through the variance is left out" in path.read_text("utf-8")
    assert status_of("compare", f"{my_file}:WithoutSum", "--html", str(path)) == 1
    assert "cannot be compared" in path.read_text("utf-8") and "the sum over axis 0 is missing" in path.read_text("utf-8")
    assert status_of("compare", "sigmoid", "--shape", "6,4", "--html", str(tmp_path / "no" / "report.html")) == 2
    assert f"argument --html: there is no folder '{tmp_path / 'no'}'" in capsys.readouterr().err
    assert status_of("compare", "sigmoid", "--shape", "6,4", "--html", str(tmp_path)) == 2
    assert f"argument --html: '{tmp_path}' is a folder" in capsys.readouterr().err
    assert sorted(found.name for found in tmp_path.iterdir() if found.suffix) == ["my_bn.py", "report.html"]


def test_an_error_of_the_derivation_itself_is_shown_as_python_shows_it(tmp_path):
    (tmp_path / "broken.py").write_text(MY_BATCH_NORM.replace("mean, var = x.mean(axis=0)", "raise KeyError('mine'); mean, var = x.mean(axis=0)"))
    finished = run("compare", "broken.py:MyBatchNorm", cwd=tmp_path)
    assert finished.returncode == 1 and "KeyError: " in finished.stderr and "mine" in finished.stderr and "broken.py" in finished.stderr


def test_other_axes_and_the_default_shape(capsys):
    assert status_of("compare", "batch_norm", "--shape", "4,3,2,5") == 0
    assert "BatchNorm(axes=(0, 2, 3), eps=1e-05)" in capsys.readouterr().out
    assert status_of("compare", "sigmoid") == 0
    assert "x (128, 64) float32" in capsys.readouterr().out


def test_a_comparison_that_fails_has_status_1(capsys):
    assert status_of("compare", "batch_norm", "--rtol", "0", "--atol", "1e-12") == 1
    assert "Neither BatchNorm nor its twin keeps its digits" in capsys.readouterr().out
    assert status_of("compare", "batch_norm", "--rtol", "0", "--atol", "1") == 0


def test_the_seed_decides_the_inputs(capsys):
    def values(seed):
        status_of("compare", "sigmoid", "--seed", seed)
        return capsys.readouterr().out.split("forward")[0]

    assert values("3") == values("3") != values("4")


# An op in a file of the user's


MY_BATCH_NORM = """
import numpy as np
import tinygrad_edu as tg


class MyBatchNorm(tg.Fused):
    eps: float = 1e-5

    def forward(self, x, gamma, beta):
        mean, var = x.mean(axis=0), x.var(axis=0)
        x_hat = (x - mean) / np.sqrt(var + self.eps)
        return gamma * x_hat + beta, {"x_hat": x_hat, "var": var}

    def backward(self, g, gamma, x_hat, var):
        dx = gamma / np.sqrt(var + self.eps) * (g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0))
        return dx, (g * x_hat).sum(axis=0), g.sum(axis=0)

    def composed(self, x, gamma, beta):
        centered = x - np.mean(x, axis=0)
        return gamma * (centered / np.sqrt(np.mean(centered * centered, axis=0) + self.eps)) + beta


class WithoutVariance(MyBatchNorm):
    def backward(self, g, gamma, x_hat, var):
        return (gamma / np.sqrt(var + self.eps) * (g - g.mean(axis=0)), *super().backward(g, gamma, x_hat, var)[1:])


class WithoutSum(MyBatchNorm):
    def backward(self, g, gamma, x_hat, var):
        return (*super().backward(g, gamma, x_hat, var)[:2], g)


class AsRows(MyBatchNorm):
    def backward(self, g, gamma, x_hat, var):
        dx, dgamma, dbeta = super().backward(g, gamma, x_hat, var)
        return dx, dgamma[None], dbeta[None]


made = MyBatchNorm(1e-3)
functions = tg.Fused.from_functions(lambda x: (x * x, x), lambda dout, cache: 2 * dout * cache, lambda x: x * x)
not_fused = 3
"""


@pytest.fixture
def my_file(tmp_path):
    path = tmp_path / "my_bn.py"
    path.write_text(MY_BATCH_NORM)
    return path


@pytest.mark.parametrize(
    ("name", "op", "inputs"),
    [
        ("MyBatchNorm", "MyBatchNorm(eps=1e-05)", "x (128, 64) float32, gamma (64,) float32, beta (64,) float32"),
        ("made", "MyBatchNorm(eps=0.001)", "x (128, 64) float32, gamma (64,) float32, beta (64,) float32"),
        ("AsRows", "AsRows(eps=1e-05)", "x (128, 64) float32, gamma (1, 64) float32, beta (1, 64) float32"),
        ("functions", "<lambda>()", "x (128, 64) float32"),
    ],
)
def test_an_op_in_a_file_is_compared(my_file, name, op, inputs, capsys):
    assert status_of("compare", f"{my_file}:{name}", "--rtol", "1e-6", "--atol", "1e-5") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"{op}: fused against composed", f"inputs     {inputs}"]
    assert lines[-1].startswith("The hand-written gradient of ")


def test_a_mistake_in_a_file_is_diagnosed_with_status_1(my_file):
    finished = run("compare", "my_bn.py:WithoutVariance", "--json", "report.json", cwd=my_file.parent)
    assert (finished.returncode, finished.stderr) == (1, "")
    assert "\ndiagnosis  dL/dx: the path through the variance is left out\n" in finished.stdout
    data = json.loads((my_file.parent / "report.json").read_text())
    assert data["ok"] is False and data["mistakes"] == {"dL/dx": "the path through the variance is left out"}
    assert data["verdict"] == finished.stdout.splitlines()[-1]

    finished = run("compare", "my_bn.py:WithoutSum", "--json", "report.json", cwd=my_file.parent)
    assert (finished.returncode, finished.stderr) == (1, "")
    first, second = finished.stdout.splitlines()
    assert first.startswith("WithoutSum(eps=1e-05) cannot be compared: WithoutSum(eps=1e-05): the gradient of beta came back from ")
    assert second == "diagnosis  dL/dbeta: the sum over axis 0 is missing"
    assert json.loads((my_file.parent / "report.json").read_text()) == {
        "op": "WithoutSum(eps=1e-05)", "ok": False, "verdict": f"{first}\n{second}"
    }
    assert sorted(path.name for path in my_file.parent.iterdir() if path.suffix) == ["my_bn.py", "report.json"]


def test_a_file_may_say_its_inputs_and_import_its_neighbours(tmp_path, capsys):
    (tmp_path / "neighbour_of_mine.py").write_text("factor = 2.0")
    (tmp_path / "scale.py").write_text(
        "import numpy as np, tinygrad_edu as tg\nfrom neighbour_of_mine import factor\n"
        "class Scale(tg.Fused):\n"
        "    constants = ('mask',)\n"
        "    def forward(self, x, mask):\n        return x * mask * factor\n"
        "    def grad_x(self, g, mask):\n        return g * mask * factor\n"
        "    def composed(self, x, mask):\n        return x * mask * factor\n"
        "def inputs(shape, generator):\n    return generator.normal(size=shape), generator.random(shape) < 0.5\n"
    )
    before = list(sys.path)
    assert status_of("compare", f"{tmp_path / 'scale.py'}:Scale", "--shape", "6,3", "--dtype", "float64") == 0
    assert "x (6, 3) float64, mask (6, 3) bool" in capsys.readouterr().out
    assert sys.path == before


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        (MY_BATCH_NORM, "not_fused", "has no fused op 'not_fused'; the classes derived from Fused and their instances there are: MyBatchNorm, "),
        ("", "Any", "instances there are: none"),
        ("import tinygrad_edu as tg\n1 / 0", "Any", "my_bn.py, line 2: ZeroDivisionError: division by zero"),
        ("x = (", "Any", "my_bn.py: SyntaxError: "),
        ("import tinygrad_edu as tg\nclass A(tg.Fused):\n    def forward(self, x): pass", "A", "DefinitionError: A: the input x has no rule"),
        (MY_BATCH_NORM.replace("eps: float = 1e-5", "eps: float"), "WithoutSum", "write an instance in the file, such as op = WithoutSum(...)"),
        (None, "Any", "my_bn.py: there is no such file"),
    ],
)
def test_a_file_that_has_no_such_op_is_one_line_and_status_2(text, name, said, tmp_path, capsys):
    path = tmp_path / "my_bn.py"
    if text is not None:
        path.write_text(text.replace("made = MyBatchNorm(1e-3)", ""))
    assert status_of("compare", f"{path}:{name}") == 2
    out, err = capsys.readouterr()
    assert out == "" and said in err and err.count("\n") == 1


def test_a_file_of_another_kind_is_refused(tmp_path, capsys):
    (tmp_path / "op.txt").write_text("")
    assert status_of("compare", f"{tmp_path / 'op.txt'}:Any") == 2
    assert "op.txt is no Python file; its name needs to end in .py" in capsys.readouterr().err


def test_the_report_is_written_for_programs(tmp_path, capsys):
    path = tmp_path / "report.json"
    assert status_of("compare", "sigmoid", "--shape", "8,3", "--json", str(path)) == 0
    data = json.loads(path.read_text())
    assert data["ok"] is True and data["op"] == "Sigmoid()" and [row["name"] for row in data["rows"]] == ["out", "dL/dx"]
    assert data["verdict"] == capsys.readouterr().out.splitlines()[-1]
    assert status_of("compare", "sigmoid", "--json", str(tmp_path / "no" / "folder.json")) == 2


# Mistakes of the user


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: command"),
        (["paint"], "invalid choice: 'paint'"),
        (["compare"], "the following arguments are required: op"),
        (["compare", "layer_cake"], "argument op: invalid choice: 'layer_cake'"),
        (["compare", "sigmoid", "--shape", "3x4"], "argument --shape: '3x4' is no shape; write whole numbers from 1 on, like 128,64"),
        (["compare", "sigmoid", "--shape", "3,0"], "argument --shape: '3,0' is no shape"),
        (["compare", "sigmoid", "--dtype", "int8"], "argument --dtype: invalid choice: 'int8'"),
        (["compare", "sigmoid", "--rtol", "-1"], "argument --rtol: '-1' is not a number from 0 on"),
        (["compare", "sigmoid", "--atol", "small"], "argument --atol: 'small' is not a number from 0 on"),
        (["compare", "sigmoid", "--orders", "1,4"], "argument --orders: '1,4' is not some of 1,2,3"),
        (["compare", "sigmoid", "--orders", ""], "argument --orders: '' is not some of 1,2,3"),
        (["compare", "sigmoid", "--reference", "quad"], "argument --reference: invalid choice: 'quad'"),
        (["compare", "batch_norm", "--shape", "4096,512", "--reference", "mpmath"], "compare: reference is 'mpmath', which computes some thousand"),
        (["compare", "sigmoid", "--seed", "x"], "argument --seed: 'x' is not a whole number from 0 on"),
        (["compare", "batch_norm", "--shape", "1,64"], "compare batch_norm --shape 1,64: that is one value for each channel"),
        (["compare", "batch_norm", "--shape", "64"], "compare batch_norm --shape 64: batch_norm needs at least 2 axes: batch, channel; 1 given"),
        (["compare", "cross_entropy", "--shape", "2,3,4"], "compare cross_entropy --shape 2,3,4: cross_entropy needs 2 axes: batch, class; 3 given"),
        (["compare", "sigmoid", "--shape", "999999999999,999999999999"], "--shape 999999999999,999999999999: "),
        (["compare", "sigmoid", "--shape", "9999999,9999999"], "not enough memory: "),
        (["demo", "--epochs", "0"], "argument --epochs: '0' is not a whole number from 1 on"),
        (["demo", "--epochs"], "argument --epochs: expected one argument"),
        (["demo", "--output", __file__], f"{__file__}: File exists"),
        (["demo", "--output", f"{__file__}/folder"], f"{__file__}/folder: Not a directory"),
        (["demo", "--colour"], "unrecognized arguments: --colour"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(arguments, said, capsys):
    assert status_of(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("tinygrad-edu") and said in err
    assert err.endswith("--help says what there is\n") and err.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "said"), [([], "demo"), (["demo"], "--epochs N"), (["compare"], "--shape N,N"), (["compare"], "which is executed")]
)
def test_help(command, said, capsys):
    assert status_of(*command, "--help") == 0
    assert said in capsys.readouterr().out


def test_version(tmp_path, capsys):
    finished = run("--version", cwd=tmp_path)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, f"tinygrad-edu {tg.__version__}\n", "")
    assert status_of("--version") == 0
    assert capsys.readouterr().out == finished.stdout


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    command = [sys.executable, "-m", "tinygrad_edu", "compare", "sigmoid"]
    with subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


# tinygrad-edu demo


def files_named(out):
    """The files that the demo names at its end."""
    return [Path(line.strip()) for line in out.split("The files:\n")[1].splitlines()]


def test_the_demo_learns_compares_and_draws(tmp_path):
    finished = run("demo", "--epochs", "2", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    out = finished.stdout
    accuracy = float(re.search(r"^test accuracy (\d+\.\d) %$", out, re.MULTILINE)[1])
    classes = re.findall(r"^    digit (\d) +(\d+\.\d) % +(\d+) of (\d+)$", out, re.MULTILINE)
    assert [int(label) for label, *_ in classes] == list(range(10))
    hits, total = (sum(int(found[i]) for found in classes) for i in (2, 3))
    assert total == 359 and accuracy == round(100 * hits / total, 1) > 80
    assert all(float(share) == round(100 * int(right) / int(of), 1) for _, share, right, of in classes)
    assert "2/2" in finished.stderr and "accuracy" in finished.stderr           # the progress bar

    names = ["training.png", "batch_norm.txt", "graph_fused.svg", "graph_composed.svg"]
    assert files_named(out) == [Path("demo-output") / name for name in names]
    folder = tmp_path / "demo-output"
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    assert (folder / "training.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    table = (folder / "batch_norm.txt").read_text()
    assert table in out and "x (128, 256) float32, gamma (256,) float32, beta (256,) float32" in table
    assert table.splitlines()[-1].startswith("The hand-written gradient of BatchNorm is right; ")
    fused, composed = (" ".join(ElementTree.parse(folder / name).getroot().itertext()) for name in names[2:])
    assert "BatchNorm(axes=(0,)" in fused and "Sqrt" not in fused
    assert "BatchNorm(axes=(0,)" not in composed and "Sqrt" in composed


def test_the_demo_without_any_extra(tmp_path):
    program = (
        "import sys; sys.modules.update(dict.fromkeys(['sklearn', 'matplotlib', 'tqdm', 'pygraphviz', 'mpmath'])); "
        "from tinygrad_edu.cli import main; sys.exit(main(['demo', '--epochs', '12', '--output', 'deep/folder']))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env={**ENVIRONMENT, "PATH": ""}, capture_output=True, text=True, timeout=120
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    out = finished.stdout
    for extra in ("data", "plot", "viz"):
        assert out.count(f'pip install "tinygrad_edu[{extra}]"') == 1
    assert re.findall(r"^    epoch (\d+) of 12: loss \d\.\d{3}, accuracy \d+\.\d %$", out, re.MULTILINE) == ["2", "4", "6", "8", "10", "12"]
    assert re.search(r"^test accuracy \d+\.\d %$", out, re.MULTILINE)
    assert re.findall(r"^    arm (\d) .* of 40$", out, re.MULTILINE) == ["0", "1", "2"]
    assert files_named(out) == [Path("deep/folder", name) for name in ("batch_norm.txt", "graph_fused.dot", "graph_composed.dot")]
    assert sorted(path.name for path in (tmp_path / "deep/folder").iterdir()) == ["batch_norm.txt", "graph_composed.dot", "graph_fused.dot"]
    assert (tmp_path / "deep/folder/graph_fused.dot").read_text().startswith("digraph")


@pytest.fixture
def small(monkeypatch):
    """A demo on few samples, which takes no time."""
    rng = np.random.default_rng(3)
    data = tg.data.TensorDataset(rng.random((128, 64)).astype(np.float32), np.arange(128) % 10)
    monkeypatch.setattr(tg.data, "digits", lambda: (data, data))


@pytest.mark.parametrize(
    ("module", "said", "files"),
    [
        ("matplotlib", 'pip install "tinygrad_edu[plot]"', ["batch_norm.txt", "graph_composed.svg", "graph_fused.svg"]),
        ("tqdm", "epoch 1 of 1: loss ", ["batch_norm.txt", "graph_composed.svg", "graph_fused.svg", "training.png"]),
        ("pygraphviz", 'pip install "tinygrad_edu[viz]"', ["batch_norm.txt", "graph_composed.dot", "graph_fused.dot", "training.png"]),
    ],
)
def test_the_demo_without_one_extra(small, module, said, files, tmp_path, monkeypatch, capsys):
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setenv("PATH", "")
    made = demo.run(tmp_path, epochs=1)
    assert said in capsys.readouterr().out
    assert sorted(path.name for path in made) == sorted(path.name for path in tmp_path.iterdir()) == files


def test_the_same_seed_gives_the_same_network(small, tmp_path, capsys):
    def learned(seed):
        demo.run(tmp_path, epochs=1, seed=seed)
        report = (tmp_path / "batch_norm.txt").read_text()
        return capsys.readouterr().out.split("2. ")[0], report.split("forward")[0]

    assert learned(1) == learned(1) != learned(2)


def test_a_file_is_there_wholly_or_not_at_all(tmp_path):
    def fail(path):
        path.write_text("half")
        raise OSError("no space left")

    path = tmp_path / "report.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="no space left"):
        demo._written(path, fail)
    assert [path.name for path in tmp_path.iterdir()] == ["report.txt"] and path.read_text() == "old"
    assert demo._written(path, lambda file: file.write_text("new")) == path
    assert [path.name for path in tmp_path.iterdir()] == ["report.txt"] and path.read_text() == "new"


def test_an_interrupt_ends_with_one_line(tmp_path):
    command = [sys.executable, "-m", "tinygrad_edu", "demo", "--epochs", "100000"]
    with subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("1. Learn 1,438 handwritten digits")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "tinygrad-edu: interrupted"
    assert "Traceback" not in err
    assert list((tmp_path / "demo-output").iterdir()) == []
