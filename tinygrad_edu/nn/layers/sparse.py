"""Tables of vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.tensor import Tensor
from ...errors import ShapeError
from ...ops.creation import zeros
from ...ops.operands import as_tensor
from .. import functional as F, init
from ..module import Module, Parameter


class Embedding(Module):
    """A table with a vector for each of num_embeddings things, which are told by their numbers.

    out[i] = weight[x[i]]

    Parameters
        num_embeddings, embedding_dim  the shape (n, d) of weight.
        padding_idx                    a row that starts as zeros and gets no gradient; a negative one counts from the end.
        dtype                          of the table; the default dtype if not given.
        generator                      what draws the table.

    Shapes    x (...) integers, weight (n, d), out (..., d).
    Starts    weight from the standard normal distribution, as in PyTorch.
    Raises    ValueError if there is no row padding_idx; IndexError for a number out of range, DTypeError if x are no integers.

    >>> import tinygrad_edu as tg
    >>> layer = Embedding(10, 3)
    >>> layer(tg.tensor([[1, 2], [3, 1]])).shape
    (2, 2, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        dtype: Any = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"Embedding: padding_idx={padding_idx}; there are {num_embeddings} rows")
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.weight = Parameter(zeros((num_embeddings, embedding_dim), dtype))
        self.reset_parameters(generator)

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool = True, padding_idx: int | None = None) -> Embedding:
        """A table that is given, (n, d); if freeze, it gets no gradient.

        >>> Embedding.from_pretrained([[1.0, 2.0], [3.0, 4.0]])([1])
        Tensor([[3., 4.]])
        """
        embeddings = as_tensor(embeddings).detach()
        if embeddings.ndim != 2:
            raise ShapeError(f"Embedding.from_pretrained: the table has shape {embeddings.shape}; it needs two axes, a row for each number")
        layer = cls(embeddings.shape[0], embeddings.shape[1], padding_idx, dtype=embeddings.dtype)
        layer.weight.data = embeddings.data.copy()
        layer.weight.requires_grad_(not freeze)
        return layer

    def reset_parameters(self, generator: np.random.Generator | None = None) -> None:
        """Draw the table anew."""
        init.normal_(self.weight, generator=generator)
        if self.padding_idx is not None:
            self.weight.data[self.padding_idx] = 0

    def forward(self, input: Any) -> Tensor:
        return F.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"

    def formula(self) -> list[str]:
        return [f"out = weight[x]    weight {self.weight.shape}"]
