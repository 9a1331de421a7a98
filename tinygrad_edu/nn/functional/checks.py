"""What the functions ask of their arguments, and how they say what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index

import numpy as np

from ...engine.tensor import Tensor
from ...errors import DTypeError, ShapeError

Each = int | Sequence[int]
"""One number for all axes, or one for each."""


def described(role: str, tensor: Tensor) -> str:
    return f"{role}{f' ({tensor.name!r})' if tensor.name else ''} has shape {tensor.shape}"


def check_dtypes(function: str, input: Tensor, **others: Tensor | None) -> None:
    for role, tensor in others.items():
        if tensor is not None and tensor.dtype != input.dtype:
            raise DTypeError(
                f"{function}: input has dtype {input.dtype} and {role}{f' ({tensor.name!r})' if tensor.name else ''} has {tensor.dtype}; "
                f"they need to be the same: input.astype({tensor.dtype.name!r})"
            )


def check_real(function: str, input: Tensor, role: str = "input") -> None:
    if input.dtype.kind != "f":
        raise DTypeError(f"{function}: {described(role, input)} and dtype {input.dtype}; it needs real floating numbers")
    check_wide(function, input)


def check_wide(function: str, input: Tensor) -> None:
    """Refuse float16 where squares or counts above 65504 are likely, which it cannot hold: gradients would be 0 without a word."""
    if input.dtype == np.float16:
        raise DTypeError(f"{function}: float16 has no number above 65504 for its sums; compute in float32: input.astype('float32')")


def check_channels(function: str, input: Tensor, **others: Tensor | None) -> None:
    if input.ndim < 2:
        raise ShapeError(f"{function}: {described('input', input)}; it needs at least two axes, (batch, channel, ...)")
    for role, tensor in others.items():
        if tensor is not None and tensor.shape != input.shape[1:2]:
            raise ShapeError(
                f"{function}: {described('input', input)} and {described(role, tensor)}; {role} needs one number for each of the "
                f"{input.shape[1]} channels, so shape {input.shape[1:2]}"
            )


def check_reduction(function: str, reduction: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{function}: reduction={reduction!r}; it needs to be 'mean', 'sum' or 'none'")


def broadcasts_to(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    return len(shape) <= len(whole) and all(n in (1, size) for n, size in zip(reversed(shape), reversed(whole)))


def for_each_axis(function: str, role: str, value: Each, axes: int, least: int) -> tuple[int, ...]:
    """A setting as a tuple with an int for each axis."""
    try:
        numbers = tuple(map(index, value)) if isinstance(value, Sequence) else (index(value),)
    except TypeError:
        numbers = ()
    if len(numbers) not in (1, axes) or min(numbers) < least:
        each = "" if axes == 1 else f", or {axes} of them"
        raise ValueError(f"{function}: {role}={value!r}; it needs to be an int of at least {least}{each}")
    return numbers * axes if len(numbers) == 1 else numbers
