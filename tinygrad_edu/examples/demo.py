"""Learn, compare and draw: what the library does, in under a minute. python -m tinygrad_edu.examples.demo"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F
from tinygrad_edu.examples.digits import Network, correct, learn
from tinygrad_edu.fused.batch_norm import BatchNorm

BATCH = 128
"""How many training samples the comparison and the diagrams look at."""


def run(output: str | Path = "demo-output", epochs: int = 30, seed: int = 0) -> list[Path]:
    """Train a network on handwritten digits, compare fused with composed batch norm inside it, and draw its graph in both forms.

    Parameters
        output  the folder for the files; made if it is not there.
        epochs  how often the network sees the training set.
        seed    of the initialization, the order of the samples and the dropout.
    Returns the files. What is not installed is left out, with a word on how to get it; without scikit-learn the digits are a spiral.
    """
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    tg.manual_seed(seed)
    network, train, history, what = _learn(epochs)
    x, labels = train.tensors[0][:BATCH], train.tensors[1][:BATCH]
    network.train()
    files = [
        *_plot(history, what, output / "training.png"),
        _compare(network, x, output / "batch_norm.txt"),
        *_draw(network, x, labels, output),
    ]
    print("\nThe files:")
    for path in files:
        print(f"    {path}")
    return files


def _learn(epochs: int) -> tuple[Network, tg.data.TensorDataset, list[tuple[float, float]], str]:
    """Train a network and say how good it is; the network, its training set, loss and accuracy by epoch, and what was learned."""
    try:
        train, test = tg.data.digits()
        network, what, each = Network(), "handwritten digits", "digit"
    except ImportError:
        print('scikit-learn, which has the digits, is not installed: pip install "tinygrad_edu[data]". Here is a spiral instead.\n')
        train, test = tg.data.spiral()
        network, what, each = Network(inputs=2, classes=3), "points of a spiral", "arm"
    print(f"1. Learn {len(train):,} {what}, and try {len(test)} others", flush=True)
    history = list(_shown(learn(network, train, test, epochs), epochs))
    hits, labels = correct(network, test).numpy(), test.tensors[1].numpy()
    print(f"test accuracy {100 * hits.mean():.1f} %")
    for label in range(labels.max() + 1):
        of_class = hits[labels == label]
        print(f"    {each} {label}  {100 * of_class.mean():5.1f} %   {of_class.sum()} of {of_class.size}")
    return network, train, history, what


def _shown(epochs: Iterator[tuple[float, float]], count: int) -> Iterator[tuple[float, float]]:
    """The same, with a progress bar; without tqdm with a line now and then."""
    try:
        from tqdm import tqdm
    except ImportError:
        for epoch, (loss, accuracy) in enumerate(epochs, start=1):
            if epoch == count or epoch % max(1, count // 6) == 0:
                print(f"    epoch {epoch} of {count}: loss {loss:.3f}, accuracy {100 * accuracy:.1f} %", flush=True)
            yield loss, accuracy
        return
    with tqdm(epochs, total=count, unit="epoch") as bar:
        for loss, accuracy in bar:
            bar.set_postfix_str(f"loss {loss:.3f}, accuracy {100 * accuracy:.1f} %")
            yield loss, accuracy


def _plot(history: list[tuple[float, float]], what: str, path: Path) -> list[Path]:
    """The curves of loss and accuracy in a picture; no file without matplotlib."""
    losses, accuracies = zip(*history)
    curves = {"training loss": losses, "test accuracy in %": [100 * accuracy for accuracy in accuracies]}
    try:
        figure = tg.viz.plot_curves(curves, title=f"Learning {what}")
    except ImportError:
        print('\nmatplotlib, which plots the curves, is not installed: pip install "tinygrad_edu[plot]"')
        return []
    return [_written(path, partial(figure.savefig, dpi=150))]


def _compare(network: Network, x: tg.Tensor, path: Path) -> Path:
    """Fused against composed batch norm, on what the network's own layer gets."""
    print("\n2. Compare fused with composed batch norm, on the activations of this network\n")
    with tg.no_grad():
        activations = network.hidden(x)
    report = tg.compare(BatchNorm((0,), network.norm.eps), activations, network.norm.weight, network.norm.bias)
    print(report)
    return _written(path, lambda file: file.write_text(f"{report}\n", encoding="utf-8"))


def _draw(network: Network, x: tg.Tensor, labels: tg.Tensor, output: Path) -> list[Path]:
    """The graph of the network's loss in both forms, as pictures; without Graphviz, as the text that describes them."""
    print("\n3. Draw the graph of its loss, fused and composed")

    def loss() -> tg.Tensor:
        return F.cross_entropy(network(x), labels, label_smoothing=0.1)

    files, suffix = [], ".svg"
    for form, compute in (("fused", loss), ("composed", tg.composed()(loss))):
        drawing = tg.viz.draw(compute(), titles=[f"The loss, {form}"])
        try:
            files.append(_written(output / f"graph_{form}{suffix}", drawing.save))
        except (RuntimeError, TimeoutError) as error:
            print(f"    No picture, but the text of the graph. {error}")
            suffix = ".dot"
            files.append(_written(output / f"graph_{form}{suffix}", drawing.save))
    return files


def _written(path: Path, write: Callable[[Path], Any]) -> Path:
    """Let write fill a file, which is at path once it is whole, and not before."""
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


if __name__ == "__main__":
    run()
