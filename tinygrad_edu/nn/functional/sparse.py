"""Functions of whole numbers that stand for things: words, classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.tensor import Tensor, wrap
from ...errors import DTypeError, ShapeError
from ...fused.embedding import Embedding
from ...ops.operands import as_tensor
from .checks import described


def embedding(
    input: Any,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of weight that input numbers.

    out[i] = weight[input[i]]

    Parameters
        input        integers from 0 to n - 1, of any shape.
        weight       the table, (n, d).
        padding_idx  a row that gets no gradient; a negative one counts from the end.
        max_norm     is refused: it would change weight. Normalize the rows of the result instead.
        scale_grad_by_freq, sparse  are refused: the first gives what is no gradient of the result, and the second one that is no array.

    Shapes    the result (*input.shape, d).
    Raises    DTypeError if input are no integers, ShapeError if weight has other axes, IndexError for a number out of range,
              ValueError for what is refused, and a padding_idx out of range.

    >>> embedding(Tensor([2, 0]), Tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]))
    Tensor([[4., 5.],
            [0., 1.]])
    """
    for role, value in (("max_norm", max_norm), ("scale_grad_by_freq", scale_grad_by_freq), ("sparse", sparse)):
        if value is not None and value is not False:
            raise ValueError(f"embedding: {role}={value} is not taken; leave it out")
    input, weight = as_tensor(input), as_tensor(weight)
    _check_integers("embedding", input)
    if weight.ndim != 2:
        raise ShapeError(f"embedding: {described('weight', weight)}; it needs two axes, a row for each number")
    rows = weight.shape[0]
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise ValueError(f"embedding: padding_idx={padding_idx} and {described('weight', weight)}; there is no such row")
    _check_range("embedding", input, rows, f"{described('weight', weight)}, so a number is from 0 to {rows - 1}")
    indices = input.detach().astype(np.intp, copy=False)        # so that products with the size of a row fit
    return Embedding(-1 if padding_idx is None else padding_idx % rows)(indices, weight)


def one_hot(tensor: Any, num_classes: int = -1) -> Tensor:
    """Integers with a 1 at the place that each number of tensor says, on a new last axis, and 0 elsewhere.

    num_classes is the size of that axis; by default one more than the largest number.

    Raises DTypeError if tensor are no integers, IndexError for a number out of range, ValueError if there are no numbers to tell
    num_classes by.

    >>> one_hot(Tensor([1, 0]), 3)
    Tensor([[0, 1, 0],
            [1, 0, 0]])
    """
    tensor = as_tensor(tensor)
    _check_integers("one_hot", tensor)
    if num_classes < 0:
        if not tensor.size:
            raise ValueError(f"one_hot: {described('tensor', tensor)} and has no numbers, so num_classes needs to be given")
        num_classes = int(tensor.data.max()) + 1
    _check_range("one_hot", tensor, num_classes, f"with {num_classes} classes a number is from 0 to {num_classes - 1}")
    return wrap((tensor.data[..., None] == np.arange(num_classes)).astype(np.int64))


def _check_integers(function: str, tensor: Tensor) -> None:
    if tensor.dtype.kind not in "iu":
        raise DTypeError(f"{function}: the numbers have dtype {tensor.dtype}; they need to be integers")


def _check_range(function: str, numbers: Tensor, size: int, otherwise: str) -> None:
    """Raise IndexError with the first number that is not from 0 to size - 1."""
    array = numbers.data
    if array.size and (array.min() < 0 or array.max() >= size):
        wrong = (array < 0) | (array >= size)
        place = tuple(map(int, np.unravel_index(np.argmax(wrong), array.shape)))
        raise IndexError(
            f"{function}: number {list(place)} of {array.shape} is {array[place]}, and {np.count_nonzero(wrong)} of {array.size} are out "
            f"of range; {otherwise}"
        )
