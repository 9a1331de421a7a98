"""The cases of products and sums over indices."""

from __future__ import annotations

from functools import partial

import numpy as np

from ...ops import products
from ..cases import Case, cases_of
from ..inputs import Cases, uniform


@cases_of(products.EinsumOfOne)
def einsum_of_one_cases(rng: np.random.Generator) -> Cases:
    for subscripts, x_shape in (
        ("ij->ji", (2, 3)),
        ("ij->j", (2, 3)),
        ("ij->i", (2, 0)),
        ("ii->", (3, 3)),
        ("iji->ji", (2, 3, 2)),
        ("iiijj->j", (2, 2, 2, 3, 3)),
    ):
        op = products.EinsumOfOne(subscripts)
        yield Case(op, oracle=partial(np.einsum, subscripts), name=f"{subscripts} {x_shape}", x=uniform(rng, x_shape))


@cases_of(products.Einsum)
def einsum_cases(rng: np.random.Generator) -> Cases:
    for subscripts, a_shape, b_shape in (
        ("ij,jk->ik", (2, 3), (3, 4)),
        ("ij,jk->ik", (2, 0), (0, 4)),
        ("i,i->", (3,), (3,)),
        ("i,j->ji", (2,), (3,)),
        ("bij,bj->bi", (2, 3, 4), (1, 4)),
        ("bij,bj->i", (2, 3, 4), (1, 4)),
        (",i->i", (), (3,)),
    ):
        op, name = products.Einsum(subscripts), f"{subscripts} {a_shape} {b_shape}"
        yield Case(op, oracle=partial(np.einsum, subscripts), name=name, a=uniform(rng, a_shape), b=uniform(rng, b_shape))
    yield Case(products.tensordot, a=uniform(rng, (2, 3, 4)), b=uniform(rng, (4, 2, 5)), axes=((0, 2), (1, 0)))
    yield Case(products.kron, a=uniform(rng, (2, 3)), b=uniform(rng, (2,)))
    yield Case(products.outer, a=uniform(rng, (2,)), b=uniform(rng, (3,)))


@cases_of(products.Cross)
def cross_cases(rng: np.random.Generator) -> Cases:
    for a_shape, b_shape in ((3,), (3,)), ((2, 3), (3,)), ((1, 3), (2, 1, 3)), ((0, 3), (3,)):
        yield Case(products.cross, a=uniform(rng, a_shape), b=uniform(rng, b_shape))
    yield Case(products.Cross(), oracle=np.cross, name="the op itself", a=uniform(rng, (3,)), b=uniform(rng, (2, 3)))


@cases_of(products.Convolve)
def convolve_cases(rng: np.random.Generator) -> Cases:
    for n, m in (5, 3), (1, 1), (2, 4):
        yield Case(products.convolve, a=uniform(rng, n), v=uniform(rng, m))
    yield Case(products.Convolve(), oracle=np.convolve, name="the op itself", a=uniform(rng, 4), v=uniform(rng, 3))


@cases_of(products.Correlate)
def correlate_cases(rng: np.random.Generator) -> Cases:
    for n, m in (5, 3), (1, 1), (3, 3), (2, 4):
        yield Case(products.correlate, a=uniform(rng, n), v=uniform(rng, m))
    yield Case(products.Correlate(), oracle=np.correlate, name="the op itself", a=uniform(rng, 4), v=uniform(rng, 3))
