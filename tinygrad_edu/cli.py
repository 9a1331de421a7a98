"""The command line: tinygrad-edu, also python -m tinygrad_edu."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.comparison.page import failure_page
from tinygrad_edu.comparison.problems import PROBLEMS
from tinygrad_edu.errors import DefinitionError, DTypeError, GraphError, ShapeError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status is 0, 1 if a comparison fails, 2 for a mistake of the user and 130 for an interrupt."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        status = options.run(options, parser)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print("tinygrad-edu: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:             # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except MemoryError as error:
        parser.error(f"not enough memory: {error}")


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; {self.prog} --help says what there is\n")


def _parser() -> _Parser:
    parser = _Parser(prog="tinygrad-edu", description="Learn, compare and draw with tinygrad_edu.")
    parser.add_argument("--version", action="version", version=f"tinygrad-edu {tg.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="command")

    demo = commands.add_parser("demo", help="learn digits, compare fused with composed batch norm, draw the graph")
    demo.add_argument("--output", default="demo-output", metavar="FOLDER", help="where the files go (default: %(default)s)")
    demo.add_argument("--epochs", type=_count, default=30, metavar="N", help="how often to see the data (default: %(default)s)")
    demo.add_argument("--seed", type=_from_0, default=0, metavar="N", help="of all that is random (default: %(default)s)")
    demo.set_defaults(run=_demo)

    compare = commands.add_parser(
        "compare", help="compare a fused op with its composed twin, on random inputs",
        description="Compare a fused op with its composed twin, on random inputs. The exit status is 1 if it is out of tolerance.",
    )
    compare.add_argument(
        "op", type=_problem, metavar="op",
        help=", ".join(PROBLEMS) + "; or FILE.py:NAME, a Fused, class or instance, in a file of your own, which is executed for it. Its first "
        "input has --shape, and the others the size of the last axis, unless the file defines inputs(shape, generator)",
    )
    compare.add_argument("--shape", type=_shape, metavar="N,N", help="of the input (default: 128,64, or what suits the op)")
    compare.add_argument("--dtype", choices=["float16", "float32", "float64"], default="float32", help="(default: %(default)s)")
    compare.add_argument("--evaluation", action="store_true", help="as in evaluation, for an op that differs there")
    compare.add_argument(
        "--reference", choices=["longdouble", "mpmath", "float64"], help="what the true values are computed in (default: what is wide enough)"
    )
    compare.add_argument("--orders", type=_orders, default=(1, 2, 3), metavar="N,N", help="of the derivatives, some of 1,2,3 (default: all)")
    compare.add_argument("--rtol", type=_tolerance, metavar="X", help="relative tolerance (default: by dtype)")
    compare.add_argument("--atol", type=_tolerance, metavar="X", help="absolute tolerance (default: by dtype)")
    compare.add_argument("--seed", type=_from_0, default=0, metavar="N", help="of the inputs (default: %(default)s)")
    compare.add_argument("--sweep", action="store_true", help="see on hard inputs, too, where digits are lost; in float32 and float64")
    compare.add_argument("--json", type=_new_file, metavar="FILE", help="write the report there as well, for programs")
    compare.add_argument("--html", type=_new_file, metavar="FILE", help="write the report there as well, as a page with both graphs")
    compare.set_defaults(run=_compare)

    draw = commands.add_parser(
        "draw", help="draw the graph that a program records",
        description="Draw the graph that a program records: it is executed until its first backward pass, and the loss is drawn from there.",
    )
    draw.add_argument(
        "program", help="FILE.py, or a module such as tinygrad_edu.examples.digits; with :NAME after it, a tensor in it or a function that gives one"
    )
    draw.add_argument("--output", metavar="FILE", help=f"the picture; its suffix is one of {', '.join(tg.viz.SUFFIXES)} (default: graph.svg)")
    draw.add_argument("--html", metavar="FILE", help="a page on which one steps through the backward pass")
    shown = f"some of {','.join(tg.viz.SHOWABLE)} (default: {','.join(tg.viz.SHOWN)})"
    draw.add_argument("--show", type=_names, default=tg.viz.SHOWN, metavar="NAME,NAME", help=shown)
    draw.add_argument("--backward", action="store_true", help="draw what goes back along each arrow, too")
    draw.add_argument("--unfold", action="store_true", help="open fused ops into their composed twins")
    draw.add_argument("--depth", type=_from_0, default=tg.viz.DEPTH, metavar="N", help="how many modules inside one another are open (default: 3)")
    draw.add_argument("--direction", choices=["TB", "LR"], default="TB", help="top to bottom, or left to right (default: %(default)s)")
    draw.set_defaults(run=_draw)
    return parser


def _demo(options: argparse.Namespace, parser: _Parser) -> int:
    from tinygrad_edu.examples import demo

    demo.run(options.output, options.epochs, options.seed)
    return 0


def _draw(options: argparse.Namespace, parser: _Parser) -> int:
    try:
        loss = tg.viz.loss_of(options.program)
    except (GraphError, ImportError) as error:
        parser.error(f"draw: {error}")
    except OSError:
        raise
    except Exception as error:
        raise SystemExit(f"tinygrad-edu: draw: {options.program} failed: {type(error).__name__}: {error}") from error
    try:
        drawing = tg.viz.draw(
            loss, titles=[options.program], direction=options.direction, show=options.show, backward=options.backward, unfold=options.unfold,
            depth=options.depth,
        )
        print(f"{options.program}: {drawing!r}")
        for path in (options.html, options.output or ("" if options.html else "graph.svg")):
            if path:
                print(drawing.save(path))
    except (ValueError, RuntimeError, TimeoutError) as error:
        parser.error(f"draw: {error}")
    return 0


def _compare(options: argparse.Namespace, parser: _Parser) -> int:
    generator = np.random.default_rng(options.seed)
    shape = options.shape
    try:
        problem = _problem_of(options)
        shape = shape or getattr(problem, "shape", (128, 64))
        op, *inputs = problem(shape, generator)
    except ValueError as error:
        parser.error(f"compare {options.op}{f' --shape {_written(shape)}' if shape else ''}: {error}")
    except _FileError as error:
        parser.error(str(error))
    inputs = [x.astype(options.dtype) if x is not None and x.dtype.kind == "f" else x for x in inputs]
    try:
        report = tg.compare(
            op, *inputs, rtol=options.rtol, atol=options.atol, reference=options.reference, generator=generator, orders=options.orders,
            sweep=options.sweep,
        )
    except ImportError as error:        # mpmath is asked for, and not installed
        parser.error(str(error))
    except (ShapeError, DTypeError, GraphError, DefinitionError) as error:      # what a derivation in a file may do
        text = "\n".join([f"{op!r} cannot be compared: {error}", *getattr(error, "__notes__", [])])
        data, page, ok = {"op": repr(op), "ok": False, "verdict": text}, failure_page(repr(op), text), False
    except ValueError as error:
        if not str(error).startswith("compare: "):
            raise                       # the derivation's own
        parser.error(str(error))        # a reference that would take too long
    else:
        text, ok = str(report), report.ok
        data, page = report.as_dict(), report.html() if options.html else ""
    if options.json:
        _write(options.json, json.dumps(data, indent=2) + "\n")
    if options.html:
        _write(options.html, page)
    print(text)
    return 0 if ok else 1


def _problem_of(options: argparse.Namespace) -> Callable[..., tuple[Any, ...]]:
    """What gives the op and its inputs."""
    if options.evaluation:
        name = f"{options.op}_evaluation"
        if name not in PROBLEMS:
            others = ", ".join(name.removesuffix("_evaluation") for name in PROBLEMS if name.endswith("_evaluation"))
            raise ValueError(f"it has no other form in evaluation, as {others} has")
        return PROBLEMS[name]
    return PROBLEMS[options.op] if options.op in PROBLEMS else _problem_in(*options.op.rsplit(":", 1))


def _write(file: str, text: str) -> None:
    """Write a file, which is there wholly or not at all."""
    path = Path(file)
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        beside.write_text(text, "utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


# A fused op in a file of the user's


class _FileError(Exception):
    """A file that cannot be executed, or has no such op; the text says which."""


def _problem_in(file: str, name: str) -> Callable[..., tuple[Any, ...]]:
    """The op called name in a file, which is executed, and its inputs."""
    module = _executed(file)
    found = {key: value for key, value in vars(module).items() if isinstance(value, tg.Fused) or _is_fused_class(value)}
    if name not in found:
        there = ", ".join(key for key, value in found.items() if value is not tg.Fused) or "none"
        raise _FileError(f"{file} has no fused op {name!r}; the classes derived from Fused and their instances there are: {there}")
    try:
        op = found[name]() if isinstance(found[name], type) else found[name]
    except (TypeError, DefinitionError) as error:
        raise _FileError(f"{file}: {error}; write an instance in the file, such as op = {name}(...), and give its name") from error

    def problem(shape: tuple[int, ...], generator: np.random.Generator) -> tuple[Any, ...]:
        if hasattr(module, "inputs"):
            return op, *[None if x is None else np.asarray(x) for x in module.inputs(shape, generator)]
        x = generator.normal(size=shape)
        others = [generator.uniform(0.5, 1.5, shape[-1:]) for _ in op.inputs[1:]]
        as_rows = [other.reshape((1,) * (len(shape) - 1) + shape[-1:]) for other in others]
        return (op, x, *others) if _takes(op, x, *others) or not _takes(op, x, *as_rows) else (op, x, *as_rows)

    return problem


def _executed(file: str) -> ModuleType:
    path = Path(file)
    if not path.is_file():
        raise _FileError(f"{file}: there is no such file")
    spec = importlib.util.spec_from_file_location(f"compared_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise _FileError(f"{file} is no Python file; its name needs to end in .py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))          # as for a script, so that the file can import its neighbours
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
        where = f"{file}, line {lines[-1]}" if lines else file
        raise _FileError(f"{where}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.pop(0)
    return module


def _is_fused_class(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, tg.Fused)


def _takes(op: tg.Fused, *inputs: np.ndarray) -> bool:
    """Whether op and its backward run on these inputs, and give gradients of their shapes."""
    try:
        op(*[tg.tensor(x, requires_grad=name not in op.constants) for name, x in zip(op.inputs, inputs)]).sum().backward()
    except Exception:           # which one, the comparison is going to say
        return False
    return True


# The types of arguments; argparse shows the message of the error.


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _new_file(text: str) -> str:
    if not Path(text).parent.is_dir():          # better now than when the report is made
        raise argparse.ArgumentTypeError(f"there is no folder {str(Path(text).parent)!r}")
    if Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a folder")
    return text


def _orders(text: str) -> tuple[int, ...]:
    orders = tuple(sorted(set(text.split(","))))
    if not set(orders) <= {"1", "2", "3"}:
        raise argparse.ArgumentTypeError(f"{text!r} is not some of 1,2,3")
    return tuple(map(int, orders))


def _problem(text: str) -> str:
    if text not in PROBLEMS and ":" not in text:
        raise argparse.ArgumentTypeError(f"invalid choice: {text!r}; choose from {', '.join(PROBLEMS)}, or give FILE.py:NAME")
    return text


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _from_0(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)


def _shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(map(_count, text.split(",")))
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{text!r} is no shape; write whole numbers from 1 on, like 128,64") from None


def _written(shape: tuple[int, ...]) -> str:
    """A shape as one gives it."""
    return ",".join(map(str, shape))


def _tolerance(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 on")
    return value
