"""DataLoader: a data set in batches."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..engine.tensor import Tensor, wrap
from ..errors import ShapeError
from ..ops.creation import tensor
from ..ops.random import generator_of
from ..ops.shape import stack
from .dataset import Subset, TensorDataset


class DataLoader:
    """The samples of a data set in batches, for one epoch each time that it is iterated over.

    Parameters
        dataset     anything with a length and items; a batch of a TensorDataset is cut out of its tensors in one go.
        batch_size  how many samples a batch has; the last may have fewer.
        shuffle     whether each epoch has an order of its own, drawn from generator.
        drop_last   whether to leave out a last batch that is not full.
        collate_fn  what makes a batch of a list of samples; None for default_collate.
        generator   a NumPy Generator, or None for the library's. Two loaders with generators of one seed give the same batches.
    Raises ValueError for a batch_size below 1, and TypeError for one that is no integer or for another kind of generator.

    >>> import numpy as np
    >>> import tinygrad_edu as tg
    >>> x = tg.arange(5)
    >>> loader = tg.data.DataLoader(tg.data.TensorDataset(x, x * x), batch_size=2, shuffle=True, generator=np.random.default_rng(0))
    >>> len(loader)
    3
    >>> for numbers, squares in loader:
    ...     print(numbers, squares)
    Tensor([2, 4]) Tensor([ 4, 16])
    Tensor([3, 0]) Tensor([9, 0])
    Tensor([1]) Tensor([1])
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        drop_last: bool = False,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        try:
            self.batch_size = operator.index(batch_size)
        except TypeError:
            raise TypeError(f"DataLoader: batch_size is {batch_size!r}; it needs to be an integer of at least 1") from None
        if self.batch_size < 1:
            raise ValueError(f"DataLoader: batch_size is {batch_size}; it needs to be at least 1")
        generator_of(generator)         # raises if it is none; the library's own is looked up again for each epoch, after manual_seed
        self.dataset = dataset
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.collate_fn = collate_fn
        self.generator = generator

    def __len__(self) -> int:
        """How many batches an epoch has."""
        samples = len(self.dataset)
        return samples // self.batch_size if self.drop_last else -(-samples // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        samples = len(self.dataset)
        order = generator_of(self.generator).permutation(samples) if self.shuffle else np.arange(samples)
        for i in range(len(self)):
            indices = order[i * self.batch_size : (i + 1) * self.batch_size]
            if self.collate_fn is None and _takes_arrays(self.dataset):
                yield self.dataset[indices]
            else:
                yield (self.collate_fn or default_collate)([self.dataset[j] for j in indices.tolist()])

    def __repr__(self) -> str:
        return (
            f"DataLoader({self.dataset!r}, batch_size={self.batch_size}, shuffle={self.shuffle}, drop_last={self.drop_last}: "
            f"{len(self)} batches)"
        )


def default_collate(batch: Sequence[Any]) -> Any:
    """Make one batch of a list of samples.

    Tensors, arrays and numbers are stacked along a new first axis; tuples and dicts of them are collated item by item; other things,
    such as strings, are returned as the list of them.

    Raises ShapeError for tensors of different shapes, or tuples of different lengths.

    >>> import tinygrad_edu as tg
    >>> default_collate([{"x": tg.tensor(1.0), "label": "a"}, {"x": tg.tensor(2.0), "label": "b"}])
    {'x': Tensor([1., 2.]), 'label': ['a', 'b']}
    """
    first = batch[0]
    if isinstance(first, Mapping):
        return {key: default_collate([sample[key] for sample in batch]) for key in first}
    if isinstance(first, (tuple, list)):
        if len({len(sample) for sample in batch}) > 1:
            raise ShapeError(f"default_collate: the samples have {[len(sample) for sample in batch]} items; they need the same number")
        columns = [default_collate(column) for column in zip(*batch)]
        return type(first)(*columns) if hasattr(first, "_fields") else type(first)(columns)
    if isinstance(first, (Tensor, np.ndarray, np.generic)):
        shapes = [np.shape(sample) for sample in batch]
        if len(set(shapes)) > 1:
            raise ShapeError(
                f"default_collate: the samples have shapes {', '.join(map(str, dict.fromkeys(shapes)))}; they need the same shape: "
                f"give the DataLoader a collate_fn that pads or crops them"
            )
        return stack(batch) if isinstance(first, Tensor) else wrap(np.stack(batch))
    if isinstance(first, (bool, int, float, complex)):
        return tensor(list(batch))
    return list(batch)


def _takes_arrays(dataset: Any) -> bool:
    """Whether dataset[array] is a batch: a TensorDataset, or a subset of one. A subclass with items of its own may not know arrays."""
    if type(dataset).__getitem__ is Subset.__getitem__:
        return _takes_arrays(dataset.dataset)
    return type(dataset).__getitem__ is TensorDataset.__getitem__
