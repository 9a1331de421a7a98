"""The cases of indexing and assignment."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import index
from ..cases import Case, cases_of
from ..inputs import Cases, apart, uniform


def index_of(key: str, arrays: tuple[Any, ...]) -> Any:
    """The index that stands in the brackets of x[key]; key calls the arrays i and j."""
    return eval(f"np.s_[{key}]", {"np": np}, dict(zip("ij", arrays)))


def item(x: Any, *arrays: Any, key: str) -> Any:
    """x[key]"""
    return x[index_of(key, arrays)]


@cases_of(index.GetItem)
def getitem_cases(rng: np.random.Generator) -> Cases:
    integers = "1", "-1", "1, 2", "np.int64(1)"
    slices = "1:", ":, 2", "::-1", "::2, 3:0:-2", "2:1", "5:, ::-1"
    for x_shape, keys in (
        ((3, 4), (*integers, *slices, "..., 0", "None, 1", ":, None, 1:3", "...", "()")),
        ((2, 3, 4), ("..., ::-2", "0, ..., 1", ":, 0", "1, :, None, -1")),
        ((), ("()", "...", "None", "None, ..., None")),
        ((0, 3), (":, 1", "...", "1:")),
    ):
        for key in keys:
            yield Case(item, name=f"x[{key}], x {x_shape}", x=uniform(rng, x_shape), key=key)


@cases_of(index.GetItemByArrays)
def getitem_by_arrays_cases(rng: np.random.Generator) -> Cases:
    def case(x_shape: tuple[int, ...], key: str, **arrays: Any) -> Case:
        written = ", ".join(f"{name} {array.tolist()}" for name, array in arrays.items())
        return Case(item, name=f"x[{key}], x {x_shape}, {written}", x=uniform(rng, x_shape), **arrays, key=key)

    repeated = np.array([2, 0, 2, -1])
    yield case((3, 4), "i", i=repeated)
    yield case((3, 4), "i", i=np.array([[0, 1], [1, 1]]))
    yield case((3, 4), ":, i", i=repeated)
    yield case((3, 4), "i, j", i=np.array([0, 2, 2]), j=np.array([1, 3, 3]))
    yield case((3, 4), "i, j", i=np.array([[0], [2]]), j=np.array([1, 1, 3]))
    yield case((3, 4), "i, 1", i=repeated)
    yield case((3, 4), "i, 1:3", i=repeated)
    yield case((3, 4), "i, None", i=repeated)
    yield case((2, 3, 4), "i, :, j", i=np.array([0, 1, 1]), j=np.array([3, 0, 0]))
    yield case((2, 3, 4), ":, i, j", i=np.array([0, 1, 1]), j=np.array([3, 0, 0]))
    yield case((2, 3, 4), "..., i", i=np.array([0, 0]))
    yield case((2, 3, 4), "1, ::-1, i", i=np.array([0, 0, 2]))
    yield case((3, 4), "i", i=rng.uniform(size=(3, 4)) < 0.5)
    yield case((3, 4), "i", i=np.array([True, False, True]))
    yield case((3, 4), "i, 1:", i=np.array([True, False, True]))
    yield case((3, 4), ":, i", i=np.array([True, False, True, True]))
    yield case((3, 4), "i, j", i=np.array([True, False, True]), j=np.array([1, 1]))
    yield case((3, 4), "i", i=np.zeros((3, 4), bool))
    yield case((3, 4), "i", i=np.zeros(0, int))
    yield case((3,), "i", i=np.array(True))
    yield case((), "i", i=np.array(True))
    yield case((0, 3), ":, i", i=np.array([0, 0, 2]))
    yield Case(lambda x: x[[2, 0, 2]], name="x[[2, 0, 2]]", x=uniform(rng, (3, 4)))
    yield Case(lambda x: x[[]], name="x[[]]", x=uniform(rng, (3, 4)))
    yield Case(lambda x: x[x > 0], name="x[x > 0]", x=apart(rng, 0.25)((3, 4)))


@cases_of(index.Scatter)
def scatter_cases(rng: np.random.Generator) -> Cases:
    def scattered(x: Any, *arrays: Any, pattern: tuple, shape: tuple[int, ...]) -> Any:
        return index.Scatter(pattern, shape)(x, *arrays)

    def added(x: np.ndarray, *arrays: np.ndarray, pattern: tuple, shape: tuple[int, ...]) -> np.ndarray:
        positions = np.arange(int(np.prod(shape))).reshape(shape)
        chosen = positions[index.with_arrays(pattern, arrays)]
        out = np.zeros(positions.size, x.dtype)
        for position, value in zip(np.ravel(chosen), np.ravel(x)):
            out[position] += value
        return out.reshape(shape)

    def case(shape: tuple[int, ...], pattern: tuple, *arrays: np.ndarray) -> Case:
        x = uniform(rng, np.empty(shape)[index.with_arrays(pattern, arrays)].shape)
        name = f"Scatter({pattern}, {shape}), arrays {[array.tolist() for array in arrays]}"
        inputs: dict[str, Any] = dict(zip("ij", arrays))
        return Case(scattered, oracle=added, name=name, x=x, **inputs, pattern=pattern, shape=shape)

    yield case((3, 4), ((1, None, None),))
    yield case((3, 4), (Ellipsis, 1))
    yield case((3, 4), (None, 1, (None, None, -2)))
    yield case((), ())
    yield case((0, 3), (Ellipsis, 1))
    yield case((3, 4), (index.ARRAY,), np.array([2, 0, 2, -1]))
    yield case((3, 4), (index.ARRAY, index.ARRAY), np.array([0, 2, 2]), np.array([1, 3, 3]))
    yield case((3, 4), ((None, None, None), index.ARRAY), np.array([[1, 1], [1, 0]]))
    yield case((3, 4), (index.ARRAY,), rng.uniform(size=(3, 4)) < 0.5)


@cases_of(index.SetItem)
def setitem_cases(rng: np.random.Generator) -> Cases:
    def replaced(x: Any, value: Any, *arrays: Any, key: str) -> Any:
        out = x.copy()
        out[index_of(key, arrays)] = value
        return out

    def case(x_shape: tuple[int, ...], key: str, value_shape: tuple[int, ...], **arrays: Any) -> Case:
        written = "".join(f", {name} {array.tolist()}" for name, array in arrays.items())
        name = f"x[{key}] = value, x {x_shape}, value {value_shape}{written}"
        return Case(replaced, name=name, x=uniform(rng, x_shape), value=uniform(rng, value_shape), **arrays, key=key)

    yield case((3, 4), "1", (4,))
    yield case((3, 4), "1:", (2, 4))
    yield case((3, 4), "1:", (4,))
    yield case((3, 4), "...", ())
    yield case((3, 4), ":, ::-2", (3, 1))
    yield case((3, 4), ":, 1", (1, 3))
    yield case((3, 4), "1, 2", ())
    yield case((), "...", ())
    yield case((), "()", ())
    yield case((0, 3), ":, 1", (0,))
    yield case((3, 4), "i", (2, 4), i=np.array([2, 0]))
    yield case((3, 4), "i", (4, 4), i=np.array([2, 0, 2, -1]))        # the last to write stays
    yield case((3, 4), "i", (), i=np.array([2, 0, 2]))
    yield case((3, 4), "i, j", (3,), i=np.array([0, 2, 2]), j=np.array([1, 3, 1]))
    yield case((3, 4), "i, 1:3", (3, 2), i=np.array([1, 1, 0]))
    yield case((3, 4), "i", (), i=rng.uniform(size=(3, 4)) < 0.5)
    yield case((3, 4), "i", (2, 1), i=np.array([True, False, True]))

    def by_op(x: Any, value: Any, *arrays: Any, key: str) -> Any:
        return index.SetItem(index.split(index_of(key, arrays))[0])(x, value, *arrays)

    x, value = uniform(rng, (3, 4)), uniform(rng, (4,))
    yield Case(by_op, oracle=replaced, name="SetItem at 1:", x=x, value=value, key="1:")
    yield Case(by_op, oracle=replaced, name="SetItem at [2, 0, 2]", x=x, value=value, i=np.array([2, 0, 2]), key="i")

    def changed(x: Any) -> Any:
        out = x * 1
        out[1:] = 0.1
        return out

    yield Case(changed, name="x[1:] = 0.1", x=uniform(rng, (3, 4)))
