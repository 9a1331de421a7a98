"""New tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.op import implements
from ..engine.tensor import Tensor, get_default_dtype, wrap
from ..errors import DTypeError
from .elementwise import astype
from .shape import broadcast_to, copy


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """A tensor of data, which are copied: numbers, nested lists, an array or a tensor. See Tensor for the dtype.

    >>> tensor([1.0, 2.0])
    Tensor([1., 2.])
    """
    return Tensor(data, dtype, requires_grad, name)


def from_numpy(array: np.ndarray, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """A tensor that shares the memory of array: a change of one is a change of the other.

    >>> a = np.zeros(2)
    >>> t = from_numpy(a)
    >>> a[0] = 5
    >>> t
    Tensor([5., 0.], dtype=float64)
    """
    if not isinstance(array, np.ndarray):
        raise DTypeError(f"from_numpy: got {type(array).__name__}; it needs to be a NumPy array, or use tg.tensor(...), which copies")
    if array.dtype.kind not in "biufc":
        raise DTypeError(f"from_numpy: the array has dtype {array.dtype}; a Tensor holds bools, ints, floats or complex numbers")
    tensor = _finished(np.asarray(array), requires_grad, name)
    tensor._shared = True
    return tensor


def from_dlpack(x: Any, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """A tensor that shares the memory of another library's, such as a torch.Tensor on the CPU.

    Raises what np.from_dlpack raises for memory that NumPy cannot see; what NumPy may only read cannot be changed in place.

    >>> from_dlpack(np.ones(2, np.float32))
    Tensor([1., 1.])
    """
    return from_numpy(np.from_dlpack(x), requires_grad, name)



def zeros(shape: Any, dtype: Any = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """A tensor of zeros, of the default dtype if none is given.

    >>> zeros((2,))
    Tensor([0., 0.])
    """
    return _finished(np.zeros(shape, _dtype(dtype)), requires_grad, name)


def ones(shape: Any, dtype: Any = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """A tensor of ones, of the default dtype if none is given.

    >>> ones((2,))
    Tensor([1., 1.])
    """
    return _finished(np.ones(shape, _dtype(dtype)), requires_grad, name)


def full(shape: Any, fill_value: Any, dtype: Any = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """A tensor of one value, in the dtype that tensor(fill_value) has.

    >>> full((2,), 7)
    Tensor([7, 7])
    """
    return _finished(np.full(shape, Tensor(fill_value, dtype).data), requires_grad, name)


def arange(
    start: Any, stop: Any = None, step: Any = 1, dtype: Any = None, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """Numbers from start (0 if only one is given) up to but without stop: integers of integers, else of the default dtype.

    >>> arange(3)
    Tensor([0, 1, 2])
    """
    start, stop = (0, start) if stop is None else (start, stop)
    if dtype is None and any(isinstance(number, float) for number in (start, stop, step)):
        dtype = get_default_dtype()
    return _finished(np.arange(start, stop, step, dtype=dtype), requires_grad, name)


def eye(
    N: int, M: int | None = None, k: int = 0, dtype: Any = None, requires_grad: bool = False, name: str | None = None
) -> Tensor:
    """A matrix with ones on diagonal k and zeros elsewhere.

    >>> eye(2)
    Tensor([[1., 0.],
            [0., 1.]])
    """
    return _finished(np.eye(N, M, k, dtype=_dtype(dtype)), requires_grad, name)


@implements(np.zeros_like, bare=True)
def zeros_like(
    a: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None, *, device: None = None,
    requires_grad: bool = False, name: str | None = None,
) -> Tensor:
    """Zeros of the shape and dtype of a, or those that are given; order is that of memory, and subok stands for nothing here."""
    return _finished(np.zeros_like(_array(a), dtype, order, shape=shape, device=device), requires_grad, name)


@implements(np.ones_like, bare=True)
def ones_like(
    a: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None, *, device: None = None,
    requires_grad: bool = False, name: str | None = None,
) -> Tensor:
    """Ones; arguments as in zeros_like."""
    return _finished(np.ones_like(_array(a), dtype, order, shape=shape, device=device), requires_grad, name)


@implements(np.full_like, bare=True)
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None, *, device: None = None,
    requires_grad: bool = False, name: str | None = None,
) -> Tensor:
    """One value, or values that broadcast; a Tensor gets its gradient. Other arguments as in zeros_like.

    Raises TypeError if values that are a Tensor come with requires_grad or a name, which a new leaf has.
    """
    if not isinstance(fill_value, Tensor):
        return _finished(np.full_like(_array(a), fill_value, dtype, order, shape=shape, device=device), requires_grad, name)
    if requires_grad or name is not None:
        raise TypeError("full_like: fill_value is a tensor, and what is made of it is no new leaf; leave requires_grad and name out")
    like = np.empty_like(_array(a), dtype, order, shape=shape, device=device)
    return copy(broadcast_to(astype(fill_value, like.dtype), like.shape))


def _array(a: Any) -> np.ndarray:
    return a.data if isinstance(a, Tensor) else np.asarray(a)


def _dtype(dtype: Any) -> Any:
    if isinstance(dtype, int):
        raise DTypeError(f"dtype is the number {dtype}; a shape of several axes is one argument, as in tg.zeros((2, 3))")
    return get_default_dtype() if dtype is None else dtype


def _finished(array: np.ndarray, requires_grad: bool, name: str | None) -> Tensor:
    tensor = wrap(array)
    if name is not None:
        tensor.name = name
    return tensor.requires_grad_(requires_grad)
