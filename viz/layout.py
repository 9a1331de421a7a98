"""Layout: DOT text in, a picture out. Graphviz runs in a process of its own, so it can neither hang nor crash the user's."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

HOW_TO_GET_PICTURES = 'to get pictures, install Graphviz for Python: pip install "tinygrad_edu[viz]" (or put Graphviz\'s dot on the PATH)'


def lay_out(text: str, picture_format: str, time_limit: float = 30.0) -> bytes:
    """The picture that DOT text describes, as "svg", "png" or "pdf".

    Raises RuntimeError if there is no Graphviz, or if it fails, and TimeoutError if it takes longer than time_limit seconds.
    """
    command = _graphviz(picture_format)
    try:
        finished = subprocess.run(command, input=text.encode(), capture_output=True, timeout=time_limit)
    except subprocess.TimeoutExpired:
        raise TimeoutError(
            f"viz: Graphviz did not lay out the graph within {time_limit:g} s and was stopped; draw a smaller part of the graph, "
            f"give a larger time_limit, or save the text: draw(...).save('graph.dot')"
        ) from None
    if finished.returncode or not finished.stdout:
        said = finished.stderr.decode(errors="replace").strip() or "it said nothing"
        raise RuntimeError(f"viz: Graphviz ended with status {finished.returncode} and drew nothing: {said[-1000:]}")
    return finished.stdout


def _graphviz(picture_format: str) -> list[str]:
    """The command that reads DOT text and writes a picture: pygraphviz, whose wheels carry Graphviz, or dot."""
    if importlib.util.find_spec("pygraphviz"):
        return [sys.executable, "-P", str(Path(__file__).with_name("layout_process.py")), picture_format]
    dot = shutil.which("dot")
    if dot:
        return [dot, f"-T{picture_format}"]
    raise RuntimeError(f"viz: found no Graphviz to lay out the graph; {HOW_TO_GET_PICTURES}")
