"""Data sets: anything with a length and an item for each index."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from ..errors import DTypeError, ShapeError
from ..ops.creation import from_numpy
from ..ops.random import generator_of


class Dataset:
    """The base class of data sets. A subclass says __len__(self) and __getitem__(self, index), the sample at index.

    >>> import tinygrad_edu as tg
    >>> class Squares(tg.data.Dataset):
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, index):
    ...         return index, index * index
    >>> list(tg.data.DataLoader(Squares(), batch_size=2))
    [(Tensor([0, 1]), Tensor([0, 1])), (Tensor([2, 3]), Tensor([4, 9]))]
    """

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} has to define __len__(self): how many samples it has")

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has to define __getitem__(self, index): the sample at index")


class TensorDataset(Dataset):
    """Tensors side by side: sample i is the tuple of their elements i along the first axis.

    Parameters
        tensors  tensors or arrays with first axes of one length; an array is shared, not copied.
    Raises ShapeError if the lengths differ or a tensor has no axes, DTypeError for what is neither tensor nor array, and ValueError
    for no tensors.

    An index may be whatever NumPy takes along the first axis: a slice or an array of indices gives a batch.

    >>> import tinygrad_edu as tg
    >>> points = tg.data.TensorDataset(tg.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]), tg.tensor([0, 1, 0]))
    >>> len(points)
    3
    >>> points[1]
    (Tensor([2., 3.]), Tensor(1))
    >>> features, labels = points[:]
    """

    def __init__(self, *tensors: Tensor | np.ndarray) -> None:
        if not tensors:
            raise ValueError("TensorDataset: got no tensors; give at least one")
        for i, tensor in enumerate(tensors):
            if not isinstance(tensor, (Tensor, np.ndarray)):
                raise DTypeError(f"TensorDataset: argument {i} is a {type(tensor).__name__}; it needs to be a Tensor or an array")
            if not tensor.shape:
                raise ShapeError(f"TensorDataset: argument {i} has shape (); its first axis needs to count the samples")
        lengths = [tensor.shape[0] for tensor in tensors]
        if len(set(lengths)) > 1:
            raise ShapeError(f"TensorDataset: the tensors have {lengths} samples (the length of the first axis); they need the same number")
        self.tensors = tuple(tensor if isinstance(tensor, Tensor) else from_numpy(tensor) for tensor in tensors)

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple([tensor[index] for tensor in self.tensors])

    def __repr__(self) -> str:
        return f"TensorDataset({', '.join(f'{tensor.shape} {tensor.dtype}' for tensor in self.tensors)})"


class Subset(Dataset):
    """Those samples of a data set that indices name, in that order.

    Raises TypeError if indices are not integers, and IndexError if the data set has no such sample.

    >>> import tinygrad_edu as tg
    >>> last, first = tg.data.Subset("abc", [2, 0])
    >>> last, first
    ('c', 'a')
    """

    def __init__(self, dataset: Any, indices: Sequence[int] | np.ndarray) -> None:
        self.dataset = dataset
        self.indices = np.asarray(indices if len(indices) else np.empty(0, np.intp))
        if self.indices.dtype.kind not in "iu" or self.indices.ndim != 1:
            raise TypeError(
                f"Subset: indices have dtype {self.indices.dtype} and shape {self.indices.shape}; they need to be integers in one axis "
                f"(of a mask, np.flatnonzero(mask))"
            )
        outside = self.indices[(self.indices < -len(dataset)) | (self.indices >= len(dataset))]
        if len(outside):
            raise IndexError(f"Subset: the data set has {len(dataset)} samples, and there is none at {outside[0]}")

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        chosen = self.indices[index]
        return self.dataset[chosen if chosen.ndim else int(chosen)]

    def __repr__(self) -> str:
        return f"Subset({len(self)} samples of {self.dataset!r})"


def random_split(dataset: Any, lengths: Sequence[float], generator: np.random.Generator | None = None) -> list[Subset]:
    """Deal the samples of a data set out at random into parts that do not overlap.

    Parameters
        dataset    anything with a length and items.
        lengths    how many samples each part gets; or, with floats, which fractions, rounded down, where the samples that are left
                   over go to the first parts, one to each.
        generator  a NumPy Generator, or None for the library's.
    Raises ValueError if a length is negative, or if they do not sum to the length of the data set, or fractions to 1.

    >>> import numpy as np
    >>> train, test = random_split(range(10), [0.75, 0.25], np.random.default_rng(0))
    >>> len(train), len(test)
    (8, 2)
    >>> sorted([*train, *test])
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    total = len(dataset)
    if any(length < 0 for length in lengths):
        raise ValueError(f"random_split: lengths are {list(lengths)}; none may be negative")
    counts = [int(length) for length in lengths]
    if any(isinstance(length, (float, np.floating)) for length in lengths):
        if not math.isclose(math.fsum(lengths), 1):
            raise ValueError(f"random_split: the fractions {list(lengths)} sum to {math.fsum(lengths)}; they need to sum to 1")
        counts = [math.floor(total * fraction) for fraction in lengths]
        for i in range(total - sum(counts)):
            counts[i % len(counts)] += 1
    if sum(counts) != total:
        raise ValueError(
            f"random_split: the lengths {list(lengths)} sum to {sum(counts)}; they need to sum to {total}, the length of the data set"
        )
    order = generator_of(generator).permutation(total)
    return [Subset(dataset, part) for part in np.split(order, np.cumsum(counts)[:-1])]
