"""Poolings: the largest element or the mean of each window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...engine.op import Fused
from ...engine.tensor import Tensor
from ...errors import DTypeError, ShapeError
from ...fused.pooling import AveragePool, MaxPool, Pooling
from ...ops.operands import as_tensor
from ...ops.shape import concatenate
from .checks import Each, described, for_each_axis


def max_pool1d(
    input: Any,
    kernel_size: Each,
    stride: Each | None = None,
    padding: Each = 0,
    dilation: Each = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    """The largest element of each window along the last axis; see max_pool2d.

    >>> max_pool1d(Tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    Tensor([[3., 2.]])
    """
    return _max_pool("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Any,
    kernel_size: Each,
    stride: Each | None = None,
    padding: Each = 0,
    dilation: Each = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    """The largest element of each window over the last two axes; NaN if one is NaN. Equal ones give the gradient to the first.

    Parameters
        kernel_size     the size of a window: a number, or one for each axis, as for the others.
        stride          the step from one window to the next; kernel_size if not given.
        padding         how far the windows reach beyond either end, where nothing is; at most half of a window.
        dilation        the step from one element of a window to the next.
        ceil_mode       whether a last window may reach beyond the end.
        return_indices  is refused.

    Shapes    input (N, C, H, W) or (C, H, W), the result with 1 + (H + 2 * padding - dilation * (kernel_size - 1) - 1) / stride in
              place of H, rounded down, or with ceil_mode up; W likewise.
    Raises    ShapeError if input has other axes or no window fits, DTypeError if it is not of real floating numbers, ValueError for
              settings that make no sense for return_indices.

    >>> max_pool2d(Tensor([[[1.0, 3.0], [2.0, 0.0]]]), 2)
    Tensor([[[3.]]])
    """
    return _max_pool("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Any,
    kernel_size: Each,
    stride: Each | None = None,
    padding: Each = 0,
    dilation: Each = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    """The largest element of each window over the last three axes; see max_pool2d.

    >>> max_pool3d(Tensor([[[[1.0, 3.0]], [[2.0, 0.0]]]]), (2, 1, 2))
    Tensor([[[[3.]]]])
    """
    return _max_pool("max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def avg_pool1d(
    input: Any,
    kernel_size: Each,
    stride: Each | None = None,
    padding: Each = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window along the last axis; see avg_pool2d.

    >>> avg_pool1d(Tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    Tensor([[2., 1.]])
    """
    return _average_pool("avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Any,
    kernel_size: Each,
    stride: Each | None = None,
    padding: Each = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window over the last two axes.

    Parameters
        kernel_size        the size of a window: a number, or one for each axis, as for the next two.
        stride             the step from one window to the next; kernel_size if not given.
        padding            how far the windows reach beyond either end, where there are zeros; at most half of a window.
        ceil_mode          whether a last window may reach beyond the end.
        count_include_pad  whether the zeros of the padding count as elements of the mean.
        divisor_override   what each sum is divided by, in place of the number of elements.

    Shapes    input (N, C, H, W) or (C, H, W), the result with 1 + (H + 2 * padding - kernel_size) / stride in place of H, rounded
              down, or with ceil_mode up; W likewise.
    Raises    ShapeError if input has other axes or no window fits, DTypeError if it is not of real floating numbers, ValueError for
              settings that make no sense.

    >>> avg_pool2d(Tensor([[[1.0, 3.0], [2.0, 0.0]]]), 2)
    Tensor([[[1.5]]])
    """
    return _average_pool("avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(
    input: Any,
    kernel_size: Each,
    stride: Each | None = None,
    padding: Each = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window over the last three axes; see avg_pool2d.

    >>> avg_pool3d(Tensor([[[[1.0, 3.0]], [[2.0, 0.0]]]]), (2, 1, 2))
    Tensor([[[[1.5]]]])
    """
    return _average_pool("avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def adaptive_max_pool1d(input: Any, output_size: Any, return_indices: bool = False) -> Tensor:
    """The largest element of each of output_size windows along the last axis; see adaptive_avg_pool2d for the windows.

    >>> adaptive_max_pool1d(Tensor([[1.0, 3.0, 2.0, 0.0, 0.0]]), 2)
    Tensor([[3., 2.]])
    """
    return _adaptive_max_pool("adaptive_max_pool1d", 1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Any, output_size: Any, return_indices: bool = False) -> Tensor:
    """The largest element of each of output_size windows over the last two axes; see adaptive_avg_pool2d for the windows.

    >>> adaptive_max_pool2d(Tensor([[[1.0, 3.0], [2.0, 0.0]]]), 1)
    Tensor([[[3.]]])
    """
    return _adaptive_max_pool("adaptive_max_pool2d", 2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Any, output_size: Any, return_indices: bool = False) -> Tensor:
    """The largest element of each of output_size windows over the last three axes; see adaptive_avg_pool2d for the windows.

    >>> adaptive_max_pool3d(Tensor([[[[1.0, 3.0]], [[2.0, 0.0]]]]), (1, None, 2))
    Tensor([[[[2., 3.]]]])
    """
    return _adaptive_max_pool("adaptive_max_pool3d", 3, input, output_size, return_indices)


def adaptive_avg_pool1d(input: Any, output_size: Any) -> Tensor:
    """The mean of each of output_size windows along the last axis; see adaptive_avg_pool2d.

    >>> adaptive_avg_pool1d(Tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    Tensor([[2., 1.]])
    """
    return _adaptive("adaptive_avg_pool1d", 1, AveragePool, input, output_size)


def adaptive_avg_pool2d(input: Any, output_size: Any) -> Tensor:
    """The mean of each of output_size windows over the last two axes.

    output_size is a number, or one for each axis, None for the size that there is. Of m windows over n elements, window i has the
    elements from i * n / m, rounded down, to (i + 1) * n / m, rounded up: they are equal where m divides n, and overlap elsewhere.

    Shapes    input (N, C, H, W) or (C, H, W), the result with output_size in place of H and W.
    Raises    ShapeError if input has other axes, DTypeError if it is not of real floating numbers, ValueError if output_size is not positive.

    >>> adaptive_avg_pool2d(Tensor([[[1.0, 3.0], [2.0, 0.0]]]), (1, 2))
    Tensor([[[1.5, 1.5]]])
    """
    return _adaptive("adaptive_avg_pool2d", 2, AveragePool, input, output_size)


def adaptive_avg_pool3d(input: Any, output_size: Any) -> Tensor:
    """The mean of each of output_size windows over the last three axes; see adaptive_avg_pool2d.

    >>> adaptive_avg_pool3d(Tensor([[[[1.0, 3.0]], [[2.0, 0.0]]]]), 1)
    Tensor([[[[1.5]]]])
    """
    return _adaptive("adaptive_avg_pool3d", 3, AveragePool, input, output_size)


def _max_pool(
    function: str, axes: int, input: Any, kernel_size: Each, stride: Any, padding: Each, dilation: Each, ceil_mode: bool, return_indices: bool
) -> Tensor:
    _refuse_indices(function, return_indices)
    input = _checked(function, axes, input)
    op = MaxPool(*_windows(function, axes, kernel_size, stride, padding, dilation), bool(ceil_mode))
    _check_windows(function, op, input)
    return op(input)


def _average_pool(
    function: str, axes: int, input: Any, kernel_size: Each, stride: Any, padding: Each, ceil_mode: bool, count_include_pad: bool, divisor: Any
) -> Tensor:
    input = _checked(function, axes, input)
    if divisor == 0:
        raise ValueError(f"{function}: divisor_override is 0, and each sum is divided by it")
    settings = _windows(function, axes, kernel_size, stride, padding, 1)
    op = AveragePool(*settings, bool(ceil_mode), bool(count_include_pad), int(divisor or 0))
    _check_windows(function, op, input)
    return op(input)


def _adaptive_max_pool(function: str, axes: int, input: Any, output_size: Any, return_indices: bool) -> Tensor:
    _refuse_indices(function, return_indices)
    return _adaptive(function, axes, MaxPool, input, output_size)


def _adaptive(function: str, axes: int, pooling: Callable[..., Fused], input: Any, output_size: Any) -> Tensor:
    """The pooling over windows of which there are output_size; in one step where they are equal, else one axis after the other."""
    input = _checked(function, axes, input)
    sizes = input.shape[-axes:]
    wanted = (output_size,) * axes if isinstance(output_size, int) or output_size is None else tuple(output_size)
    if len(wanted) != axes:
        raise ValueError(f"{function}: output_size={output_size}; it needs to be a number, or {axes} of them")
    counts = [n if m is None else m for m, n in zip(wanted, sizes)]
    if min(counts) < 1:
        raise ValueError(f"{function}: output_size={output_size}; each size needs to be at least 1")

    def pooled(x: Tensor, window: tuple[int, ...]) -> Tensor:
        return pooling(window, window, (0,) * len(window), (1,) * len(window))(x)

    if all(n % m == 0 for n, m in zip(sizes, counts)):
        return pooled(input, tuple(n // m for n, m in zip(sizes, counts)))
    for i in reversed(range(axes)):         # the last axis first: then the first of equal elements in reading order has the gradient
        axis, n, m = input.ndim - axes + i, sizes[i], counts[i]
        parts = [slice(k * n // m, -((k + 1) * -n // m)) for k in range(m)]
        after = (1,) * (axes - 1 - i)
        pieces = [pooled(input[(slice(None),) * axis + (part,)], (part.stop - part.start, *after)) for part in parts]
        input = concatenate(pieces, axis)
    return input


def _checked(function: str, axes: int, input: Any) -> Tensor:
    input = as_tensor(input)
    if input.dtype.kind != "f":
        raise DTypeError(f"{function}: {described('input', input)} and dtype {input.dtype}; it needs real floating numbers")
    if input.ndim not in (axes + 1, axes + 2):
        names = ", ".join(["L", "H, W", "D, H, W"][axes - 1].split(", "))
        raise ShapeError(f"{function}: {described('input', input)}; it needs the axes (N, C, {names}), or (C, {names}) for one sample")
    if 0 in input.shape[-axes - 1 :]:
        raise ShapeError(f"{function}: {described('input', input)}; only the first axis, of the batch, may have size 0")
    return input


def _windows(
    function: str, axes: int, kernel_size: Each, stride: Each | None, padding: Each, dilation: Each
) -> tuple[tuple[int, ...], ...]:
    """kernel_size, stride, padding and dilation, each with one number for each axis."""
    if stride is None or stride == ():
        stride = kernel_size
    settings = []
    for role, value in (("kernel_size", kernel_size), ("stride", stride), ("padding", padding), ("dilation", dilation)):
        settings.append(for_each_axis(function, role, value, axes, 0 if role == "padding" else 1))
    for k, p, d in zip(settings[0], settings[2], settings[3]):
        if 2 * p > d * (k - 1) + 1:
            raise ValueError(
                f"{function}: padding={padding!r} and kernel_size={kernel_size!r}; padding needs to be at most half of a window, or "
                f"there would be windows of padding alone"
            )
    return tuple(settings)


def _check_windows(function: str, op: Pooling, input: Tensor) -> None:
    axes = len(op.kernel_size)
    for i, n in enumerate(input.shape[-axes:]):
        count = op.count(i, n)
        if count < 1:
            raise ShapeError(
                f"{function}: {described('input', input)} and a window has {op.kernel_size[i]} elements along axis {i - axes}; it does "
                f"not fit into {n}, with padding {op.padding[i]} and dilation {op.dilation[i]}"
            )
        if sum(tap.target.stop - tap.target.start for tap in op.taps(i, n) if tap.is_first) < count:
            raise ShapeError(
                f"{function}: {described('input', input)}, and along axis {i - axes} there is a window without an element: its places "
                f"are {op.dilation[i]} apart, and all are padding; give a smaller dilation or padding"
            )


def _refuse_indices(function: str, return_indices: bool) -> None:
    if return_indices:
        raise ValueError(f"{function}: return_indices=True is not taken; the values alone are given: leave it out")
