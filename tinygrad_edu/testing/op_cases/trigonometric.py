"""The cases of functions of angles, hyperbolic functions and their inverses."""

from __future__ import annotations

from functools import partial

import numpy as np

from ...ops import trigonometric
from ..cases import Case, cases_of
from ..inputs import SHAPES, Cases, between, of_one, of_two, uniform


@cases_of(trigonometric.Sin)
def sin_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(trigonometric.sin, partial(uniform, rng))


@cases_of(trigonometric.Cos)
def cos_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(trigonometric.cos, partial(uniform, rng))


@cases_of(trigonometric.Tan)
def tan_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(trigonometric.tan, between(rng, -1.2, 1.2))


@cases_of(trigonometric.Arcsin)
def arcsin_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(trigonometric.arcsin, between(rng, -0.8, 0.8))


@cases_of(trigonometric.Arccos)
def arccos_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(trigonometric.arccos, between(rng, -0.8, 0.8))


@cases_of(trigonometric.Arctan)
def arctan_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(trigonometric.arctan, partial(uniform, rng))


@cases_of(trigonometric.Sinh)
def sinh_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(trigonometric.sinh, partial(uniform, rng))


@cases_of(trigonometric.Cosh)
def cosh_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(trigonometric.cosh, partial(uniform, rng))


@cases_of(trigonometric.Arcsinh)
def arcsinh_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(trigonometric.arcsinh, partial(uniform, rng))


@cases_of(trigonometric.Arccosh)
def arccosh_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(trigonometric.arccosh, between(rng, 1.5, 3))


@cases_of(trigonometric.Arctanh)
def arctanh_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(trigonometric.arctanh, between(rng, -0.8, 0.8))


@cases_of(trigonometric.Deg2rad)
def deg2rad_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(trigonometric.deg2rad, partial(uniform, rng))


@cases_of(trigonometric.Rad2deg)
def rad2deg_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(trigonometric.rad2deg, partial(uniform, rng))


@cases_of(trigonometric.Arctan2)
def arctan2_cases(rng: np.random.Generator) -> Cases:
    yield from of_two(trigonometric.arctan2, between(rng, 0.5, 2), partial(uniform, rng))
    yield from of_two(trigonometric.arctan2, between(rng, -2, -0.5), between(rng, 0.5, 2))


@cases_of(trigonometric.Hypot)
def hypot_cases(rng: np.random.Generator) -> Cases:
    yield from of_two(trigonometric.hypot, between(rng, 0.5, 2), between(rng, -2, -0.5))


@cases_of(trigonometric.Sinc)
def sinc_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(trigonometric.sinc, partial(uniform, rng))
    yield Case(trigonometric.sinc, x=np.array([0.0, 1e-9, -1e-4, 0.1, 1.0, 3.0]))
    for order in 1, 2:
        for x_shape in SHAPES:
            op = trigonometric.Sinc(order)
            yield Case(op, oracle=lambda x, op=op: derivative_of_sinc(x, op.order), x=uniform(rng, x_shape))


def derivative_of_sinc(x: np.ndarray, order: int) -> np.ndarray:
    """The integral of (pi t)**order * cos(pi x t + order * pi / 2) over t from 0 to 1, by Gauss and Legendre's rule."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    t = (nodes + 1) / 2
    angles = np.multiply.outer(np.asarray(x, np.float64), np.pi * t) + order * np.pi / 2
    return np.asarray((np.cos(angles) * (np.pi * t) ** order) @ (weights / 2)).astype(x.dtype)
