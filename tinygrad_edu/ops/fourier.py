"""Discrete Fourier transforms. Loaded when a function of np.fft is called with a Tensor, or tg.fft is used: NumPy too loads np.fft at first use.

Rules speak of complex numbers as the walk does: L moves by the real part of sum(g * d out).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import index
from typing import Any

import numpy as np

from ..engine.op import Op, implements
from ..engine.tensor import Tensor
from ..errors import ShapeError
from .elementwise import refuse_out
from .operands import as_tensor
from .rearranging import moves
from .shape import along_axis, pad_with_constants

SCALES = {"backward": "forward", "ortho": "ortho", "forward": "backward"}
"""For each norm, which says whether a transform is divided by n, by its root or not at all, that with which its inverse is so."""


class Fourier(Op):
    """Discrete Fourier transform along an axis.

    out[k] = sum of x[j] * exp(-2i pi j k / n) over j, for j and k from 0 to n - 1; with 2i in place of -2i if inverse

    Shapes    out has the shape of x, with n elements along axis. It is divided by n if norm is "forward", or "backward" and inverse, and by
              the root of n if it is "ortho".
    Gradient  dL/dx = the same transform of g, because j and k may change places.
    Keeps     nothing.
    """

    axis: int
    inverse: bool
    norm: str

    def forward(self, x):
        transform = np.fft.ifft if self.inverse else np.fft.fft
        return transform(x, axis=self.axis, norm=self.norm)

    def grad_x(self, g):
        return self.in_rule(g)


class RealFourier(Op):
    """The first half of the discrete Fourier transform of real numbers along an axis; the other half is its conjugate.

    out[k] = sum of x[j] * exp(-2i pi j k / n) over j, for j from 0 to n - 1 and k from 0 to n // 2

    Shapes    x has n elements along axis, and out n // 2 + 1. It is divided as in Fourier.
    Gradient  dL/dx[j] = real part of the sum of g[k] * exp(-2i pi j k / n) over k
              This is the inverse of conj(g) / times, where times says how often the inverse takes each number: once for k = 0 and for
              k = n / 2, twice for the others.
    Keeps     the shape of x, no array.
    """

    axis: int
    norm: str
    real = True

    def forward(self, x):
        return np.fft.rfft(x, axis=self.axis, norm=self.norm)

    def grad_x(self, g, x_shape):
        n = x_shape[self.axis]
        return RealInverse(self.axis, n, SCALES[self.norm]).in_rule(g.conj() / _times(n, self.axis, x_shape))


class RealInverse(Op):
    """The real numbers of whose discrete Fourier transform along an axis the first half is given.

    out[j] = real part of the sum of times[k] * x[k] * exp(2i pi j k / n) over k, divided by n
    times[k] = 1 for k = 0 and for k = n / 2, else 2: x stands for both halves

    Shapes    x has n // 2 + 1 elements along axis, and out n. It is divided as the inverse in Fourier.
    Gradient  dL/dx[k] = times[k] * the conjugate of RealFourier of g, divided in the same way
    Keeps     the shape of x, no array.
    """

    axis: int
    n: int
    norm: str

    def forward(self, x):
        return np.fft.irfft(x, self.n, axis=self.axis, norm=self.norm)

    def grad_x(self, g, x_shape):
        return RealFourier(self.axis, SCALES[self.norm]).in_rule(g).conj() * _times(self.n, self.axis, x_shape)


def _times(n: int, axis: int, shape: tuple[int, ...]) -> np.ndarray:
    """How often each number of half a spectrum is in the whole of n, along the axis of an array of shape."""
    times = np.full(n // 2 + 1, 2, np.int8)         # next to complex64 it stays complex64
    times[0] = 1
    if n % 2 == 0:
        times[-1] = 1
    return along_axis(times, axis, len(shape))


# Of one axis


def _along(function: str, a: Any, axis: int, n: int | None, norm: str | None, elements: Callable[[int], int] = int) -> tuple[Tensor, int, str]:
    """What a transform takes: a with elements(n) elements along the axis, which is a number from 0; and the norm."""
    a = as_tensor(a)
    axis = np.lib.array_utils.normalize_axis_index(index(axis), a.ndim, f"fft.{function}")
    if norm not in (None, *SCALES):
        raise ValueError(f"fft.{function}: norm is {norm!r}; it needs to be 'backward', 'ortho' or 'forward'")
    there, wanted = a.shape[axis], a.shape[axis] if n is None else elements(index(n))
    if wanted < 1 or (n is not None and n < 1):
        raise ShapeError(f"fft.{function}: along axis {axis} it has {wanted if n is None else n} elements to transform; it needs at least one")
    if wanted < there:
        a = a[(slice(None),) * axis + (slice(0, wanted),)]
    elif wanted > there:
        a = pad_with_constants(a, {axis: (0, wanted - there)})
    return a, axis, norm or "backward"


@implements(np.fft.fft)
def fft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: None = None) -> Tensor:
    """The discrete Fourier transform along an axis: out[k] = sum of a[j] * exp(-2i pi j k / n) over j.

    Parameters
        n     of how many elements: a is cut, or filled up with zeros; by default as many as there are.
        axis  the axis.
        norm  what is divided by n: "backward", the inverse (the default), "forward", this one, or "ortho", both by the root of n.
        out   as in NumPy, and refused.
    Raises AxisError if a has no such axis, and ShapeError if there is no element to transform.

    >>> fft(Tensor([1.0, 2.0, 3.0, 4.0]))
    Tensor([10.+0.j, -2.+2.j, -2.+0.j, -2.-2.j], dtype=complex64)
    """
    refuse_out("fft.fft", out)
    a, axis, norm = _along("fft", a, axis, n, norm)
    return Fourier(axis, False, norm)(a)


@implements(np.fft.ifft)
def ifft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: None = None) -> Tensor:
    """The inverse of fft; arguments as there.

    >>> ifft(Tensor([4.0, 0.0, 0.0, 0.0]))
    Tensor([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j], dtype=complex64)
    """
    refuse_out("fft.ifft", out)
    a, axis, norm = _along("ifft", a, axis, n, norm)
    return Fourier(axis, True, norm)(a)


@implements(np.fft.rfft)
def rfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: None = None) -> Tensor:
    """The first n // 2 + 1 elements of the fft of real numbers, which say all; arguments as in fft.

    >>> rfft(Tensor([1.0, 2.0, 3.0, 4.0]))
    Tensor([10.+0.j, -2.+2.j, -2.+0.j], dtype=complex64)
    """
    refuse_out("fft.rfft", out)
    a, axis, norm = _along("rfft", a, axis, n, norm)
    return RealFourier(axis, norm)(a)


@implements(np.fft.irfft)
def irfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: None = None) -> Tensor:
    """The inverse of rfft: n real numbers, by default an even number of them, 2 * (m - 1) where a has m; arguments as in fft.

    >>> irfft(Tensor([10.0, -2 + 2j, -2.0]))
    Tensor([1., 2., 3., 4.])
    """
    refuse_out("fft.irfft", out)
    a = as_tensor(a)
    n = 2 * (a.shape[np.lib.array_utils.normalize_axis_index(axis, a.ndim, "fft.irfft")] - 1) if n is None else n
    a, axis, norm = _along("irfft", a, axis, n, norm, lambda n: n // 2 + 1)
    dtype = np.result_type(a.dtype, 1.0)
    found = RealInverse(axis, n, norm)(a.astype(np.result_type(dtype, np.complex64), copy=False))
    return found if dtype.kind == "c" else found.astype(dtype, copy=False)          # of float16 it is computed in float32


@implements(np.fft.hfft)
def hfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: None = None) -> Tensor:
    """The fft, which is real, of n numbers of which the second half is the conjugate of the first, which is given; arguments as in fft.

    >>> hfft(Tensor([1.0, 2.0, 3.0]))
    Tensor([ 8., -2.,  0., -2.])
    """
    refuse_out("fft.hfft", out)
    return irfft(np.conjugate(as_tensor(a)), n, axis, SCALES.get(norm or "backward", norm))


@implements(np.fft.ihfft)
def ihfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: None = None) -> Tensor:
    """The inverse of hfft; arguments as in fft.

    >>> ihfft(Tensor([8.0, -2.0, 0.0, -2.0]))
    Tensor([1.-0.j, 2.-0.j, 3.-0.j], dtype=complex64)
    """
    refuse_out("fft.ihfft", out)
    return np.conjugate(rfft(a, n, axis, SCALES.get(norm or "backward", norm)))


# Of several axes


def _axes(function: str, a: Tensor, s: Sequence[int | None] | None, axes: Sequence[int] | None) -> list[tuple[int, int | None]]:
    """Each axis of a transform with how many elements it takes there; None for what the transform of one axis takes by default."""
    if axes is None:
        axes = range(-(a.ndim if s is None else len(s)), 0)
    if s is None:
        s = [None] * len(axes)
    if len(s) != len(axes):
        raise ValueError(f"fft.{function}: s has {len(s)} sizes and axes {len(axes)} axes; they need to be as many")
    return [(axis, a.shape[axis] if n == -1 else n) for axis, n in zip(axes, s)]


@implements(np.fft.fftn)
def fftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None, out: None = None) -> Tensor:
    """The fft along several axes, by default all, one after the other; s says of how many elements each.

    >>> fftn(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([[10.+0.j, -2.+0.j],
            [-4.+0.j,  0.+0.j]], dtype=complex64)
    """
    refuse_out("fft.fftn", out)
    a = as_tensor(a)
    for axis, n in reversed(_axes("fftn", a, s, axes)):
        a = fft(a, n, axis, norm)
    return a


@implements(np.fft.ifftn)
def ifftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None, out: None = None) -> Tensor:
    """The inverse of fftn; arguments as there.

    >>> ifftn(Tensor([[4.0, 0.0], [0.0, 0.0]])).shape
    (2, 2)
    """
    refuse_out("fft.ifftn", out)
    a = as_tensor(a)
    for axis, n in reversed(_axes("ifftn", a, s, axes)):
        a = ifft(a, n, axis, norm)
    return a


@implements(np.fft.rfftn)
def rfftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None, out: None = None) -> Tensor:
    """The rfft along the last of several axes, and the fft along the others; arguments as in fftn.

    >>> rfftn(Tensor([[1.0, 2.0], [3.0, 4.0]])).shape
    (2, 2)
    """
    refuse_out("fft.rfftn", out)
    a = as_tensor(a)
    *others, (axis, n) = _some("rfftn", _axes("rfftn", a, s, axes))
    others = [(axis, a.shape[axis] if n is None else n) for axis, n in others]         # also where an axis comes twice
    a = rfft(a, n, axis, norm)
    for axis, n in reversed(others):
        a = fft(a, n, axis, norm)
    return a


@implements(np.fft.irfftn)
def irfftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None, out: None = None) -> Tensor:
    """The inverse of rfftn; arguments as in fftn, the last size as in irfft.

    >>> irfftn(Tensor([[4.0, 0.0], [0.0, 0.0]])).shape
    (2, 2)
    """
    refuse_out("fft.irfftn", out)
    a = as_tensor(a)
    *others, (last, n_last) = _some("irfftn", _axes("irfftn", a, s, axes))
    for axis, n in others:
        a = ifft(a, n, axis, norm)
    return irfft(a, n_last, last, norm)


def _some(function: str, axes: list) -> list:
    if not axes:
        raise IndexError(f"fft.{function}: there is no axis to transform; it needs at least one")
    return axes


def _of_a_plane(function: Callable, of_several: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The door of a transform along two axes, by default the last."""

    @implements(function)
    def ours(a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None, out: None = None) -> Tensor:
        return of_several(a, s, axes, norm, out)

    ours.__name__ = ours.__qualname__ = function.__name__
    ours.__doc__ = f"{of_several.__name__} along two axes, by default the last; arguments as there."
    return ours


fft2 = _of_a_plane(np.fft.fft2, fftn)
ifft2 = _of_a_plane(np.fft.ifft2, ifftn)
rfft2 = _of_a_plane(np.fft.rfft2, rfftn)
irfft2 = _of_a_plane(np.fft.irfft2, irfftn)

fftshift = moves(np.fft.fftshift, "x")
ifftshift = moves(np.fft.ifftshift, "x")
