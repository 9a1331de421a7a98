"""Imports point one way, importing the library costs little, and what is packaged is what is there."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]

ORDER = [
    {"cli", "examples"}, {"viz", "comparison", "testing", "data"},
    {"optim", "nn"}, {"func", "fused"}, {"ops"}, {"engine"}, {"errors"},
]
"""The rooms of the house. Each may import from those after it; two of one level may not import each other."""

ENGINE_ORDER = [
    {"op"}, {"recording", "definition"}, {"tensor", "anomaly"}, {"backward"}, {"modes", "batch", "changes", "watching"}, {"node", "guard", "saying"},
]

USERS = {"cli", "examples"}
"""The rooms that use the library as anyone does: import tinygrad_edu as tg."""

DEPENDENCIES = {"tinygrad_edu.viz.dot": {"graphviz"}, "tinygrad_edu.viz.layout_process": {"pygraphviz"}}
"""What a module may import beside NumPy; layout_process runs as a process of its own."""

EXTRAS = {"pygraphviz", "sklearn", "matplotlib", "tqdm", "mpmath", "IPython", "networkx"}
"""What may be imported inside the function that needs it."""


def modules_of(folder, name):
    """The modules below a folder: for each dotted name the file."""
    for path in sorted(folder.rglob("*.py")):
        yield ".".join([name, *path.relative_to(folder).with_suffix("").parts]), path


def imports_in(text, package):
    """What the text of a module in package imports: for each import the full dotted name, the line, and whether it is in a function."""

    def visit(node, inside):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from ((alias.name, child.lineno, inside) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                origin = [package.rsplit(".", child.level - 1)[0]] if child.level else []
                origin += [child.module] if child.module else []
                yield from ((".".join([*origin, alias.name]), child.lineno, inside) for alias in child.names)
            elif not (isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")):
                yield from visit(child, inside or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)))

    return list(visit(ast.parse(text), False))


def room_of(name):
    """The room that a dotted name lies in; None for the whole library and for a name that its __init__ gives."""
    room = [*name.split("."), None][1]
    return room if any(room in level for level in ORDER) else None


def level_of(name, order):
    return next(i for i, level in enumerate(order) if name in level)


MODULES = dict([*modules_of(CHECKOUT / "tinygrad_edu", "tinygrad_edu"), *modules_of(CHECKOUT / "viz", "tinygrad_edu.viz")])
IMPORTS = [
    (module, *found) for module, path in MODULES.items() for found in imports_in(path.read_text("utf-8"), module.rpartition(".")[0])
]
"""(module, imported name, line, whether it is in a function)"""

INNER = [(module, name, line) for module, name, line, _ in IMPORTS if name.split(".")[0] == "tinygrad_edu"]


def test_every_form_of_import_is_read():
    text = """
from typing import TYPE_CHECKING
import torch, numpy as np
from .. import ops
from ..ops import random
from . import node
def f():
    import tinygrad_edu.nn.functional
    from tinygrad_edu.viz import draw
if TYPE_CHECKING:
    from .op import Op
"""
    outside, inside = (
        [name for name, _, in_function in imports_in(text, "tinygrad_edu.engine") if in_function is wanted] for wanted in (False, True)
    )
    assert outside == [
        "typing.TYPE_CHECKING", "torch", "numpy", "tinygrad_edu.ops", "tinygrad_edu.ops.random", "tinygrad_edu.engine.node"
    ]
    assert inside == ["tinygrad_edu.nn.functional", "tinygrad_edu.viz.draw"]
    assert [room_of(name) for name in ("tinygrad_edu", "tinygrad_edu.Tensor", "tinygrad_edu.nn.functional")] == [None, None, "nn"]


def test_every_file_lies_in_a_room():
    assert [module for module in MODULES if room_of(module) is None] == ["tinygrad_edu.__init__", "tinygrad_edu.__main__"]


def test_imports_point_one_way():
    wrong, met = [], set()
    for module, name, line in INNER:
        here, there = room_of(module), room_of(name)
        if here is None or here == there:
            continue
        met.add((here, there))
        if there is None and here not in USERS:
            wrong.append(f"{module}, line {line}: {name} is the whole house; import it from its room")
        elif there and level_of(there, ORDER) < level_of(here, ORDER) or (there, here) in met:
            wrong.append(f"{module}, line {line}: {name}: {here} may not import {there}")
    assert not wrong, "\n".join(wrong)


def test_imports_point_one_way_inside_the_engine():
    wrong = []
    for module, name, line in INNER:
        if module.startswith("tinygrad_edu.engine.") and name.startswith("tinygrad_edu.engine."):
            here, there = module.split(".")[2], name.split(".")[2]
            if level_of(there, ENGINE_ORDER) <= level_of(here, ENGINE_ORDER):
                wrong.append(f"{module}, line {line}: {here} may not import {there}")
    assert not wrong, "\n".join(wrong)


def test_optimizers_do_not_know_modules():
    assert not [(module, name) for module, name, _ in INNER if room_of(module) == "optim" and room_of(name) == "nn"]


def test_numpy_is_all_that_a_module_needs_and_extras_wait_in_functions():
    wrong = []
    for module, name, line, in_function in IMPORTS:
        allowed = {"tinygrad_edu", "numpy"} | sys.stdlib_module_names | DEPENDENCIES.get(module, set())
        if name.split(".")[0] not in (allowed | EXTRAS if in_function else allowed):
            wrong.append(f"{module}, line {line}: {name}")
    assert not wrong, "\n".join(wrong)


def test_importing_the_library_loads_numpy_and_little_else():
    program = "import sys, numpy.random; before = set(sys.modules); import tinygrad_edu; print(*sorted(set(sys.modules) - before))"
    run = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    loaded = run.stdout.split()
    assert {name.split(".")[0] for name in loaded} - set(sys.stdlib_module_names) == {"tinygrad_edu"}
    assert not {"tinygrad_edu.viz", "tinygrad_edu.data", "tinygrad_edu.testing", "tinygrad_edu.cli"} & set(loaded)
    assert len(loaded) < 100


def test_what_is_packaged_is_what_is_there():
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))
    packages = [module.removesuffix(".__init__") for module in MODULES if module.endswith(".__init__")]
    assert sorted(settings["tool"]["setuptools"]["packages"]) == sorted(packages)
