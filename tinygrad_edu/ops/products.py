"""Products: sums of products over indices, and all that NumPy has of them. The matrix product a @ b is in linalg.py."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from string import ascii_letters
from typing import Any

import numpy as np

from ..engine.op import Op, implements
from ..engine.tensor import Tensor, wrap
from ..errors import DTypeError, ShapeError
from .complex_numbers import conjugated
from .elementwise import astype, multiply, refuse_out
from .linalg import matmul
from .operands import as_tensor, together
from .rearranging import flip, moveaxis
from .shape import broadcast_back, expand_dims, pad_with_constants, ravel, reshape

LETTERS = sorted(ascii_letters)


class EinsumOfOne(Op):
    """Sum over indices of one array, its diagonals, or its axes in another order.

    out[i] = sum of x[i, j, j] over j, for the subscripts "ijj->i"

    Shapes    each axis of x has a letter, and out has those behind the arrow; axes with one letter have one size.
    Gradient  dL/dx[i, j, k] = g[i] where j = k, else 0, for the same subscripts: g on the diagonal, repeated along what was summed.
    Keeps     the shape of x, no array.
    """

    subscripts: str

    def forward(self, x):
        term, out = self.subscripts.split("->")
        summed = "".join(sorted(set(term) - set(out)))
        every = np.einsum(f"{term}->{out}{summed}", x)                  # a view
        if not summed:
            return every.copy()
        return np.add.reduce(every, axis=tuple(range(len(out), every.ndim)), dtype=x.dtype)

    def grad_x(self, g, x_shape):
        term, out = self.subscripts.split("->")
        letters = "".join(dict.fromkeys(term))
        g = g.transpose([out.index(letter) for letter in letters if letter in out])
        first = [term.index(letter) == axis for axis, letter in enumerate(term)]
        g = g[tuple([slice(None) if letter in out and is_first else None for letter, is_first in zip(term, first)])]
        place = np.indices(x_shape, sparse=True)
        for axis, letter in enumerate(term):
            if not first[axis]:
                g = np.where(place[axis] == place[term.index(letter)], g, 0)
        return broadcast_back(g, x_shape)


class Einsum(Op):
    """Sum over indices of a product of two.

    out[i, k] = sum of a[i, j] * b[j, k] over j, for the subscripts "ij,jk->ik"

    Shapes    each axis of a, b and out has a letter, which is there once in a term, and in two terms or more. Axes with one letter have
              one size, or size 1, which is repeated.
    Gradient  dL/da = einsum("ik,jk->ij", g, b)
              dL/db = einsum("ik,ij->jk", g, a), for the same subscripts: out and the term in question change places.
    Keeps     b for dL/da and a for dL/db.
    Source    Laue, Mitterreiter and Giesen (2018), Computing higher order derivatives of matrix and tensor expressions.
    """

    subscripts: str
    broadcasts = True

    def forward(self, a, b):
        if not (a.size and b.size):         # NumPy's einsum may read and write beyond arrays that have no elements
            return np.zeros(_shape_of(self.subscripts, a.shape, b.shape), np.result_type(a, b))
        return np.einsum(self.subscripts, a, b, optimize=_is_large(self.subscripts, a.shape, b.shape))

    def grad_a(self, g, b, a_shape):
        a_term, b_term, out = _terms_of(self.subscripts)
        return _repeated(Einsum(f"{out},{b_term}->{a_term}").in_rule(g, b), a_shape)

    def grad_b(self, g, a, b_shape):
        a_term, b_term, out = _terms_of(self.subscripts)
        return _repeated(Einsum(f"{out},{a_term}->{b_term}").in_rule(g, a), b_shape)


@lru_cache(maxsize=4096)
def _terms_of(subscripts: str) -> tuple[str, str, str]:
    terms, out = subscripts.split("->")
    a, b = terms.split(",")
    return a, b, out


def _shape_of(subscripts: str, a_shape: tuple[int, ...], b_shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of out; of a letter with size 1 in one term and another size in the other it has the other."""
    a, b, out = _terms_of(subscripts)
    sizes = [dict(zip(term, shape)) for term, shape in ((a, a_shape), (b, b_shape))]
    return tuple(next((size[letter] for size in sizes if size.get(letter, 1) != 1), 1) for letter in out)


@lru_cache(maxsize=4096)
def _is_large(subscripts: str, a_shape: tuple[int, ...], b_shape: tuple[int, ...]) -> bool:
    """Whether NumPy computes it faster as a product of matrices, to which it rearranges a and b if it is told to optimize."""
    a, b, out = _terms_of(subscripts)
    size = dict(zip(a + b, a_shape + b_shape))
    of_each = math.prod([n for letter, n in size.items() if not (letter in a and letter in b and letter in out)])
    return of_each >= 64 and math.prod(size.values()) >= 32768 and not set(a) & set(b) <= set(out)


def _repeated(g: Any, shape: tuple[int, ...]) -> Any:
    """g repeated along the axes where it has size 1 and shape has another."""
    both = np.broadcast_shapes(g.shape, shape)
    return g if g.shape == both else broadcast_back(g, both)


class Cross(Op):
    """Vector product along the last axis; the axes before it broadcast.

    out[i] = a[j] * b[k] - a[k] * b[j] with (i, j, k) = (0, 1, 2), (1, 2, 0) and (2, 0, 1)

    Shapes    a (..., 3), b (..., 3), out (..., 3)
    Gradient  dL/da = b x g
              dL/db = g x a, because g . (a x b) = a . (b x g) = b . (g x a)
    Keeps     b for dL/da and a for dL/db.
    """

    broadcasts = True

    def forward(self, a, b):
        return np.cross(a, b)

    def grad_a(self, g, b):
        return np.cross(b, g)

    def grad_b(self, g, a):
        return np.cross(g, a)


class Convolve(Op):
    """Convolution of two rows: the coefficients of the product of two polynomials.

    out[n] = sum of a[m] * v[n - m] over all m

    Shapes    a (n,), v (m,), out (n + m - 1,)
    Gradient  dL/da[m] = sum of g[m + n] * v[n] over n
              dL/dv[m] = sum of g[m + n] * a[n] over n: correlations
    Keeps     v for dL/da and a for dL/dv.
    """

    def forward(self, a, v):
        return np.convolve(a, v)

    def grad_a(self, g, v):
        return _CORRELATE.in_rule(g, v)

    def grad_v(self, g, a):
        return _CORRELATE.in_rule(g, a)


class Correlate(Op):
    """Correlation of a row with a shorter one, at the places where that lies within it.

    out[m] = sum of a[m + n] * v[n] over n

    Shapes    a (n,), v (m,) with m <= n, out (n - m + 1,)
    Gradient  dL/da[n] = sum of g[m] * v[n - m] over m: a convolution
              dL/dv[n] = sum of a[m + n] * g[m] over m: a correlation
    Keeps     v for dL/da and a for dL/dv.
    """

    def forward(self, a, v):
        return np.convolve(a, v[::-1], "valid")         # np.correlate takes the conjugate of v

    def grad_a(self, g, v):
        return _CONVOLVE.in_rule(g, v)

    def grad_v(self, g, a):
        return _CORRELATE.in_rule(a, g)


@implements(np.einsum, bare=True)
def einsum(
    *operands: Any, out: None = None, optimize: Any = False, dtype: Any = None, order: str = "K", casting: Any = "safe"
) -> Tensor:
    """The sum of products that subscripts describe, after Einstein: over each index that the result does not have.

    Parameters
        operands  subscripts, such as "ij,jk->ik" with a letter for each axis, and then the arrays; or each array with a list of integers for
                  its axes, and at the end such a list for the result. Without "->" the result has the letters that are there once, sorted.
                  A letter twice in one term means the diagonal; "..." stands for axes that broadcast.
        optimize  in which order more than two arrays are multiplied: "greedy" (for True and False, too), "optimal", or a path as
                  np.einsum_path gives it.
        dtype, casting  in which dtype to compute, and what may be converted to it.
        out, order  as in NumPy; out is refused, and the order in memory is NumPy's own choice.
    Raises ShapeError where sizes do not fit the letters, and ValueError for subscripts that say nothing.

    >>> a = Tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> einsum("ij,j->i", a, Tensor([1.0, 1.0]))
    Tensor([3., 7.])
    >>> einsum("ii", a)
    Tensor(5.)
    """
    refuse_out("einsum", out)
    subscripts, *arrays = operands if operands and isinstance(operands[0], str) else _with_letters(operands)
    if dtype is not None:
        arrays = [_converted(as_tensor(array), np.dtype(dtype), casting) for array in arrays]
    arrays = together(*arrays)
    shapes = tuple([array.shape for array in arrays])
    terms, result = _parsed(subscripts, shapes)
    factors = list(zip(arrays, terms))
    for step in _steps(f"{','.join(terms)}->{result}", shapes, tuple(optimize) if isinstance(optimize, list) else optimize):
        chosen = [factors.pop(i) for i in sorted(step, reverse=True)]
        while len(chosen) > 1:
            (a, a_term), (b, b_term) = chosen.pop(), chosen.pop()
            needed = result + "".join([term for _, term in chosen + factors])
            a, a_term = _alone(a, a_term, b_term + needed)
            b, b_term = _alone(b, b_term, a_term + needed)
            term = "".join([letter for letter in dict.fromkeys(a_term + b_term) if letter in needed]) if chosen or factors else result
            chosen.append((Einsum(f"{a_term},{b_term}->{term}")(a, b), term))
        factors += chosen
    (array, term), = factors
    return array if term == result and isinstance(array, Tensor) else EinsumOfOne(f"{term}->{result}")(array)


def _with_letters(operands: tuple) -> list[Any]:
    """Operands of einsum with lists of integers, as subscripts and arrays."""
    def term(numbers: Sequence[Any]) -> str:
        for number in numbers:
            if number is not Ellipsis and number not in range(len(LETTERS)):
                raise ValueError(f"einsum: {number!r} stands for an axis; it needs to be an integer from 0 to {len(LETTERS) - 1}, or ...")
        return "".join(["..." if number is Ellipsis else LETTERS[number] for number in numbers])

    if len(operands) < 2:
        raise ValueError("einsum: needs subscripts and arrays, or arrays each followed by a list of integers")
    pairs = len(operands) // 2 * 2
    subscripts = ",".join(map(term, operands[1:pairs:2])) + "".join([f"->{term(numbers)}" for numbers in operands[pairs:]])
    return [subscripts, *operands[:pairs:2]]


def _converted(array: Tensor, dtype: np.dtype, casting: Any) -> Tensor:
    if not np.can_cast(array.dtype, dtype, casting):
        raise DTypeError(f"einsum: an operand has dtype {array.dtype}, which casting={casting!r} does not convert to {dtype}")
    return astype(array, dtype, copy=False)


@lru_cache(maxsize=4096)
def _parsed(subscripts: str, shapes: tuple[tuple[int, ...], ...]) -> tuple[tuple[str, ...], str]:
    """The letters of each operand and of the result, with a letter for each axis that an ellipsis stands for."""
    left, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ValueError(f"einsum: the subscripts {subscripts!r} are for {len(terms)} operands; it got {len(shapes)}")
    named = [term.replace("...", "", 1) for term in [*terms, result]]
    if strange := sorted(set("".join(named)) - set(LETTERS)):
        raise ValueError(f"einsum: {strange[0]!r} in the subscripts {subscripts!r} means nothing; they have letters, commas, '...' and '->'")
    free = [letter for letter in LETTERS if letter not in subscripts]
    more = [len(shape) - len(letters) for shape, letters in zip(shapes, named)]
    for i, (term, shape) in enumerate(zip(terms, shapes)):
        if more[i] < 0 or (more[i] and "..." not in term) or more[i] > len(free):
            raise ShapeError(f"einsum: operand {i} has shape {shape}, which {term!r} in the subscripts {subscripts!r} does not fit")
        terms[i] = term.replace("...", "".join(free[: more[i]][::-1]))
    rest = "".join(free[: max(more)][::-1])
    if arrow:
        if rest and "..." not in result:
            raise ValueError(f"einsum: the subscripts {subscripts!r} have '...' on the left, so they need to have it behind '->'")
        result = result.replace("...", rest)
    else:
        result = rest + "".join([letter for letter in LETTERS if left.count(letter) == 1])
    for letter in result:
        if result.count(letter) > 1 or letter not in "".join(terms):
            raise ValueError(f"einsum: the result has the letter {letter!r}; it needs to be there once, and in an operand, in {subscripts!r}")
    sizes: dict[str, int] = {}
    for i, (term, shape) in enumerate(zip(terms, shapes)):
        for letter, size in zip(term, shape):
            if sizes.setdefault(letter, size) == 1:
                sizes[letter] = size
            if size not in (1, sizes[letter]):
                raise ShapeError(
                    f"einsum: operand {i} has shape {shape}, where {letter!r} is {size}, and was {sizes[letter]} before, in {subscripts!r}"
                )
    return tuple(terms), result


@lru_cache(maxsize=4096)
def _steps(subscripts: str, shapes: tuple[tuple[int, ...], ...], optimize: Any) -> list[tuple[int, ...]]:
    """Which factors are multiplied in each step; they are taken out of the list, and their product is put at its end."""
    if len(shapes) < 3:
        return [tuple(range(len(shapes)))]
    how = list(optimize) if isinstance(optimize, tuple) else "greedy" if optimize in (True, False) else optimize
    return np.einsum_path(subscripts, *[np.broadcast_to(0.0, shape) for shape in shapes], optimize=how)[0][1:]


def _alone(array: Any, term: str, needed: str) -> tuple[Any, str]:
    """What concerns one factor alone: its diagonals, and the sum over letters that nothing else needs."""
    left = "".join([letter for letter in dict.fromkeys(term) if letter in needed])
    return (array, term) if left == term else (EinsumOfOne(f"{term}->{left}")(array), left)


def _as_arrays(*operands: Any) -> list[Any]:
    """Operands of a product that is no ufunc, where a number has the dtype that a list of it has, and not that of the other."""
    is_number = [not hasattr(operand, "dtype") and np.isscalar(operand) for operand in operands]
    found = together(*[[operand] if alone else operand for operand, alone in zip(operands, is_number)])
    return [wrap(array[0]) if alone else array for array, alone in zip(found, is_number)]


def _check_equal(function: str, a_shape: tuple[int, ...], a_axis: int, b_shape: tuple[int, ...], b_axis: int) -> None:
    """Raise unless two axes, over which function sums, have one size."""
    if len(a_shape) < abs(a_axis) or len(b_shape) < abs(b_axis) or a_shape[a_axis] != b_shape[b_axis]:
        raise ShapeError(
            f"{function}: a has shape {a_shape} and b has shape {b_shape}; axis {a_axis} of a and axis {b_axis} of b need to be there, "
            f"and to have one size"
        )


@implements(np.dot, bare=True)
def dot(a: Any, b: Any, out: None = None) -> Tensor:
    """Product over the last axis of a and the last but one of b, or its only one; with a number the product with each element.

    >>> dot(Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([1.0, 1.0]))
    Tensor([3., 7.])
    """
    refuse_out("dot", out)
    a, b = _as_arrays(a, b)
    if not (a.ndim and b.ndim):
        return multiply(a, b)
    _check_equal("dot", a.shape, -1, b.shape, -min(b.ndim, 2))
    return matmul(a, b) if a.ndim == 2 == b.ndim else tensordot(a, b, (-1, -min(b.ndim, 2)))


@implements(np.inner, bare=True)
def inner(a: Any, b: Any, /) -> Tensor:
    """Product over the last axes of a and b; with a number the product with each element.

    >>> inner(Tensor([1.0, 2.0]), Tensor([3.0, 4.0]))
    Tensor(11.)
    """
    a, b = _as_arrays(a, b)
    if not (a.ndim and b.ndim):
        return multiply(a, b)
    _check_equal("inner", a.shape, -1, b.shape, -1)
    return tensordot(a, b, (-1, -1))


@implements(np.outer, bare=True)
def outer(a: Any, b: Any, out: None = None) -> Tensor:
    """Each element of a times each element of b: out[i, j] = a[i] * b[j], of both read row by row.

    >>> outer(Tensor([1.0, 2.0]), Tensor([3.0, 4.0]))
    Tensor([[3., 4.],
            [6., 8.]])
    """
    refuse_out("outer", out)
    a, b = _as_arrays(a, b)
    return Einsum("i,j->ij")(ravel(a), ravel(b))


@implements(np.vdot, bare=True)
def vdot(a: Any, b: Any, /) -> Tensor:
    """The sum of products of all elements of a, if they are complex their conjugates, with those of b.

    >>> vdot(Tensor([[1.0, 2.0]]), Tensor([[3.0], [4.0]]))
    Tensor(11.)
    """
    a, b = map(ravel, _as_arrays(a, b))
    if a.size != b.size:
        raise ShapeError(f"vdot: a has {a.size} elements and b has {b.size}; they need to have as many")
    return Einsum("i,i->")(conjugated(a), b)


@implements(np.vecdot)
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1, keepdims: bool = False) -> Tensor:
    """The sum of products along an axis, of x1, if it is complex its conjugate, with x2; the other axes broadcast.

    >>> vecdot(Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([1.0, 1.0]))
    Tensor([3., 7.])
    """
    x1, x2 = together(x1, x2)
    if x1.ndim and x2.ndim and axis != -1:
        x1, x2 = moveaxis(x1, axis, -1), moveaxis(x2, axis, -1)
    _check_equal("vecdot", x1.shape, -1, x2.shape, -1)
    out = einsum("...i,...i->...", conjugated(x1), x2)
    return expand_dims(out, axis) if keepdims else out


@implements(np.matvec)
def matvec(x1: Any, x2: Any, /) -> Tensor:
    """Matrices times vectors: the last two axes of x1 and the last of x2; the others broadcast.

    >>> matvec(Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([[1.0, 1.0], [0.0, 1.0]]))
    Tensor([[3., 7.],
            [2., 4.]])
    """
    x1, x2 = together(x1, x2)
    _check_equal("matvec", x1.shape, -1, x2.shape, -1)
    return einsum("...ij,...j->...i", x1, x2)


@implements(np.vecmat)
def vecmat(x1: Any, x2: Any, /) -> Tensor:
    """Vectors, if they are complex their conjugates, times matrices: the last axis of x1 and the last two of x2; the others broadcast.

    >>> vecmat(Tensor([1.0, 1.0]), Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([4., 6.])
    """
    x1, x2 = together(x1, x2)
    _check_equal("vecmat", x1.shape, -1, x2.shape, -2)
    return einsum("...i,...ij->...j", conjugated(x1), x2)


@implements(np.tensordot, bare=True)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Tensor:
    """Sum of products over some axes of a and b; the result has the other axes of a, then those of b.

    axes is how many: the last ones of a with the first ones of b; or a pair, of the axes of a and of those of b.

    >>> tensordot(Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([1.0, 1.0]), axes=1)
    Tensor([3., 7.])
    """
    a, b = _as_arrays(a, b)
    a_shape, b_shape = a.shape, b.shape
    of_a, of_b = (range(-axes, 0), range(axes)) if np.ndim(axes) == 0 else axes
    of_a, of_b = (tuple(each) if np.ndim(each) else (each,) for each in (of_a, of_b))
    of_a = np.lib.array_utils.normalize_axis_tuple(of_a, len(a_shape), "tensordot: axes of a")
    of_b = np.lib.array_utils.normalize_axis_tuple(of_b, len(b_shape), "tensordot: axes of b")
    if [a_shape[axis] for axis in of_a] != [b_shape[axis] for axis in of_b]:
        raise ShapeError(f"tensordot: axes {of_a} of a, of shape {a_shape}, and axes {of_b} of b, of shape {b_shape}, need to have the same sizes")
    a_term = LETTERS[: len(a_shape)]
    b_term = LETTERS[len(a_shape) :][: len(b_shape)]
    for axis, other in zip(of_b, of_a):
        b_term[axis] = a_term[other]
    out = [letter for axis, letter in enumerate(a_term) if axis not in of_a] + [letter for axis, letter in enumerate(b_term) if axis not in of_b]
    return Einsum(f"{''.join(a_term)},{''.join(b_term)}->{''.join(out)}")(a, b)


@implements(np.kron)
def kron(a: Any, b: Any) -> Tensor:
    """Kronecker product: each element of a times all of b, in blocks.

    >>> kron(Tensor([1.0, 2.0]), Tensor([1.0, 10.0]))
    Tensor([ 1., 10.,  2., 20.])
    """
    a, b = _as_arrays(a, b)
    if not (a.ndim and b.ndim):
        return multiply(a, b)
    axes = max(a.ndim, b.ndim)
    a_shape, b_shape = ((1,) * (axes - len(shape)) + shape for shape in (a.shape, b.shape))
    a_term, b_term = LETTERS[:axes], LETTERS[axes : 2 * axes]
    out = "".join([letter for pair in zip(a_term, b_term) for letter in pair])
    products = Einsum(f"{''.join(a_term)},{''.join(b_term)}->{out}")(reshape(a, a_shape), reshape(b, b_shape))
    return reshape(products, tuple([n * m for n, m in zip(a_shape, b_shape)]))


_CROSS = Cross()
_CONVOLVE = Convolve()
_CORRELATE = Correlate()


@implements(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Tensor:
    """Vector product of vectors along axisa of a and axisb of b, put along axisc; axis stands for all three.

    A vector of two elements has 0 as its third; of two such vectors the result is the third element alone.

    >>> cross(Tensor([1.0, 0.0, 0.0]), Tensor([0.0, 1.0, 0.0]))
    Tensor([0., 0., 1.])
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = _as_arrays(a, b)
    if not (a.ndim and b.ndim):
        raise ShapeError(f"cross: a has shape {a.shape} and b has shape {b.shape}; both need an axis")
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    sizes = (a.shape[-1], b.shape[-1])
    if not {*sizes} <= {2, 3}:
        raise ShapeError(f"cross: the vectors have {sizes[0]} and {sizes[1]} elements; they need to have 2 or 3")
    a, b = (pad_with_constants(x, {-1: (0, 1)}) if x.shape[-1] == 2 else x for x in (a, b))
    out = _CROSS(a, b)
    return out[..., 2] if sizes == (2, 2) else out if axisc == -1 else moveaxis(out, -1, axisc)


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: Any = "full") -> Tensor:
    """Convolution of two rows: out[n] = sum of a[m] * v[n - m] over m.

    mode is "full", all n for which there is a product; "same", the middle of it, of the length of the longer row; or "valid", where the
    shorter row lies within the longer.

    >>> convolve(Tensor([1.0, 2.0, 3.0]), Tensor([1.0, 10.0]))
    Tensor([ 1., 12., 23., 30.])
    """
    mode = _mode("convolve", mode)
    a, v = (row if row.ndim else reshape(row, (1,)) for row in _as_arrays(a, v))
    _check_rows("convolve", a, v)
    if len(v) > len(a):
        a, v = v, a
    if mode == "valid":
        return _CORRELATE(a, flip(v))
    return _middle(_CONVOLVE(a, v), mode, (len(v) - 1) // 2, len(a))


@implements(np.correlate)
def correlate(a: Any, v: Any, mode: Any = "valid") -> Tensor:
    """Correlation of two rows: out[m] = sum of a[m + n] * v[n] over n, with the conjugate of v if it is complex; mode as in convolve.

    >>> correlate(Tensor([1.0, 2.0, 3.0]), Tensor([1.0, 10.0]))
    Tensor([21., 32.])
    """
    mode = _mode("correlate", mode)
    a, v = _as_arrays(a, v)
    _check_rows("correlate", a, v)
    v = conjugated(v)
    if mode == "valid":
        return _CORRELATE(a, v) if len(v) <= len(a) else flip(_CORRELATE(v, a))
    start = (len(v) - 1) // 2 if len(v) <= len(a) else len(a) // 2
    return _middle(_CONVOLVE(a, flip(v)), mode, start, max(len(a), len(v)))


def _mode(function: str, mode: Any) -> str:
    modes = ("valid", "same", "full")
    if mode not in (*modes, 0, 1, 2):
        raise ValueError(f"{function}: mode is {mode!r}; it needs to be 'valid', 'same' or 'full'")
    return mode if isinstance(mode, str) else modes[mode]


def _check_rows(function: str, a: Any, v: Any) -> None:
    if not (a.ndim == 1 == v.ndim and len(a) and len(v)):
        raise ShapeError(f"{function}: a has shape {a.shape} and v has shape {v.shape}; both need one axis, with at least one element")


def _middle(full: Tensor, mode: str, start: int, length: int) -> Tensor:
    return full if mode == "full" else full[start : start + length]


# Under np.linalg


@implements(np.linalg.cross)
def vector_cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Tensor:
    """Vector product of vectors of three elements along an axis: see cross."""
    x1, x2 = together(x1, x2)
    if not all(x.ndim and x.shape[np.lib.array_utils.normalize_axis_index(axis, x.ndim)] == 3 for x in (x1, x2)):
        raise ShapeError(f"linalg.cross: x1 has shape {x1.shape} and x2 has shape {x2.shape}; axis {axis} of both needs to have size 3")
    return cross(x1, x2, axis=axis)


@implements(np.linalg.outer)
def vector_outer(x1: Any, x2: Any, /) -> Tensor:
    """Each element of the row x1 times each of the row x2: see outer."""
    x1, x2 = together(x1, x2)
    if not x1.ndim == 1 == x2.ndim:
        raise ShapeError(f"linalg.outer: x1 has shape {x1.shape} and x2 has shape {x2.shape}; both need to have one axis")
    return outer(x1, x2)


@implements(np.linalg.vecdot)
def vector_vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Tensor:
    """The sum of products along an axis: see vecdot."""
    return vecdot(x1, x2, axis=axis)


@implements(np.linalg.tensordot)
def matrix_tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Tensor:
    """Sum of products over some axes: see tensordot."""
    return tensordot(x1, x2, axes)
