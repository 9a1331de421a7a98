"""Complex numbers: their parts, conjugate, angle and sign.

Rules speak of complex numbers as the walk does, by the conjugate of the gradient that users see: L moves by the real part of
sum(g * d out). For holomorphic functions that is calculus as it stands; those here are not holomorphic, and say what they are.

Source    Brandwood (1983), A complex gradient operator and its application in adaptive array theory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.op import Elementwise, implements, public
from ..engine.tensor import Tensor, wrap
from .elementwise import abs_, where
from .operands import as_tensor
from .trigonometric import arctan2


class Conjugate(Elementwise):
    """Complex conjugate, element by element.

    out = real part of x - 1j * imaginary part of x

    Shapes    out has the shape of x.
    Gradient  dL/dx = conj(g), because the real part of g * conj(dx) is that of conj(g) * dx.
    Keeps     nothing.
    """

    def forward(self, x):
        return np.conjugate(x)

    def grad_x(self, g):
        return np.conjugate(g)


class Real(Elementwise):
    """Real part of complex numbers, element by element.

    out = real part of x

    Shapes    out has the shape of x.
    Gradient  dL/dx = g, which the walk makes complex: the real part of g * dx is g times that of dx.
    Keeps     nothing.
    """

    view = True

    def forward(self, x):
        return x.real

    def grad_x(self, g):
        return g


class Imaginary(Elementwise):
    """Imaginary part of complex numbers, element by element.

    out = imaginary part of x

    Shapes    out has the shape of x.
    Gradient  dL/dx = g * -1j, because the real part of g * -1j * dx is g times the imaginary part of dx.
    Keeps     nothing.
    """

    view = True

    def forward(self, x):
        return x.imag

    def grad_x(self, g):
        return g * -1j      # in this order: of NumPy scalars too it is an array


conjugate = public(np.conjugate, Conjugate())
conj = conjugate

_REAL = Real()
_IMAGINARY = Imaginary()


@implements(np.real, bare=True)
def real(val: Any) -> Tensor:
    """The real part of val, which is val itself if it is real.

    >>> real(Tensor([1 + 2j]))
    Tensor([1.])
    """
    val = as_tensor(val)
    return _REAL(val) if val.dtype.kind == "c" else val


@implements(np.imag, bare=True)
def imag(val: Any) -> Tensor:
    """The imaginary part of val; of real numbers zeros, which have no gradient.

    >>> imag(Tensor([1 + 2j]))
    Tensor([2.])
    """
    val = as_tensor(val)
    return _IMAGINARY(val) if val.dtype.kind == "c" else wrap(np.zeros_like(val.detach().numpy()))


@implements(np.angle)
def angle(z: Any, deg: bool = False) -> Tensor:
    """The angle of complex numbers, from -pi to pi, in degrees if deg. At 0, where it has no derivative, its gradient is 0.

    >>> angle(Tensor([1j, -1.0]), deg=True)
    Tensor([ 90., 180.])
    """
    z = as_tensor(z)
    radians = arctan2(imag(z), real(z)) if z.dtype.kind == "c" else arctan2(0, z)
    return radians * (180 / np.pi) if deg else radians


@implements(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Tensor:
    """The real part of a if all imaginary parts are close to 0, within tol times the machine epsilon (or tol itself, if it is below 1); else a.

    >>> real_if_close(Tensor([2 + 1e-9j]))
    Tensor([2.])
    """
    a = as_tensor(a)
    return real(a) if np.isrealobj(np.real_if_close(a.detach().numpy(), tol)) else a


def conjugated(x: Any) -> Any:
    """The conjugate of complex numbers, and real ones as they are; of arrays and of Tensors, in rules too."""
    return x.conj() if x.dtype.kind == "c" else x


@implements(np.sign)
def sign(x: Any) -> Tensor:
    """x / |x|, and 0 at 0: of real numbers -1, 0 or 1, without gradient; a complex one turns with x, and has the gradient of that.

    An infinite number has NumPy's direction, and no gradient.

    >>> sign(Tensor([-3.0, 0.0])), sign(Tensor([3j]))
    (Tensor([-1.,  0.]), Tensor([0.+1.j], dtype=complex64))
    """
    x = as_tensor(x)
    if x.dtype.kind != "c":
        return wrap(np.sign(x.data))
    fixed = (x.data == 0) | np.isinf(x.data)
    others = where(fixed, 1, x)
    return where(fixed, np.sign(x.data), others / abs_(others))
