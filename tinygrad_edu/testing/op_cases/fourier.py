"""The cases of Fourier transforms."""

from __future__ import annotations

import numpy as np

from ...ops import fourier
from ..cases import Case, cases_of
from ..inputs import Cases, uniform


@cases_of(fourier.Fourier)
def fourier_cases(rng: np.random.Generator) -> Cases:
    for x_shape, settings in (
        ((3, 4), {}),
        ((3, 4), {"n": 3, "axis": 0, "norm": "ortho"}),
        ((2, 3), {"n": 5}),
        ((5, 2), {"n": 3, "axis": 0}),
        ((0, 3), {}),
    ):
        x = uniform(rng, x_shape)
        yield Case(fourier.fft, x=x, **settings)
        yield Case(fourier.ifft, x=x + 1j * uniform(rng, x_shape), **settings)
    yield Case(fourier.fft, x=uniform(rng, 4), norm="forward")


@cases_of(fourier.RealFourier)
def real_fourier_cases(rng: np.random.Generator) -> Cases:
    for x_shape, settings in ((3, 4), {}), ((3, 4), {"axis": 0, "norm": "ortho"}), ((1,), {}), ((0, 3), {"norm": "forward"}):
        yield Case(fourier.rfft, x=uniform(rng, x_shape), **settings)


@cases_of(fourier.RealInverse)
def real_inverse_cases(rng: np.random.Generator) -> Cases:
    for x_shape, settings in ((3, 4), {}), ((3, 4), {"n": 5, "axis": 0, "norm": "ortho"}), ((1,), {"n": 1}), ((0, 3), {"norm": "forward"}):
        yield Case(fourier.irfft, x=uniform(rng, x_shape) + 1j * uniform(rng, x_shape), **settings)
    yield Case(fourier.irfft, x=uniform(rng, 4))
