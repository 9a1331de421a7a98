"""Convolutions and transposed convolutions in one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...engine.tensor import Tensor
from ...errors import ShapeError
from ...fused.convolution import Convolution, TransposedConvolution
from ...ops.operands import as_tensor
from .checks import Each, check_dtypes, described, for_each_axis

AXES = {1: "length", 2: "height, width", 3: "depth, height, width"}


def conv1d(
    input: Any, weight: Any, bias: Any = None, stride: Each = 1, padding: Each | str = 0, dilation: Each = 1, groups: int = 1
) -> Tensor:
    """Convolution of sequences; see conv2d for the arguments.

    Shapes    input (N, C, L) or (C, L), weight (O, C / groups, K), bias (O,); the result (N, O, windows) or (O, windows).

    >>> conv1d(Tensor([[1.0, 2.0, 4.0]]), Tensor([[[-1.0, 1.0]]]))
    Tensor([[1., 2.]])
    """
    return _convolution("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Any, weight: Any, bias: Any = None, stride: Each = 1, padding: Each | str = 0, dilation: Each = 1, groups: int = 1
) -> Tensor:
    """Convolution of images: what each window sees times weight, summed up, plus bias.

    out[n, o, i, j] = bias[o] + sum over c, s, t of weight[o, c, s, t] * input[n, c, stride * i + dilation * s - padding, ... j ... t ...]

    Parameters
        stride    how many places one window is from the next: an int, or one for each axis.
        padding   how many zeros there are at each end of an axis: an int, or one for each axis; or "valid" for none, or "same" for as
                  many as it takes to have as many windows as places, with stride 1. If that is odd, the greater half is behind.
        dilation  how many places one tap of the kernel is from the next.
        groups    into how many groups the channels are divided; each sees itself only.
    Along each axis there are (size + 2 * padding - dilation * (K - 1) - 1) // stride + 1 windows.

    Shapes    input (N, C, H, W) or (C, H, W), weight (O, C / groups, K, K), bias (O,); the result (N, O, windows, windows), without N if
              input has none.
    Raises    ShapeError if they do not fit, or the kernel is larger than the image; DTypeError if they are not of one dtype; ValueError
              for another setting.

    >>> image = Tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]])
    >>> conv2d(image, Tensor([[[[1.0, 0.0], [0.0, -1.0]]]]))
    Tensor([[[-4., -4.],
             [-4., -4.]]])
    """
    return _convolution("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Any, weight: Any, bias: Any = None, stride: Each = 1, padding: Each | str = 0, dilation: Each = 1, groups: int = 1
) -> Tensor:
    """Convolution of volumes; see conv2d for the arguments.

    Shapes    input (N, C, D, H, W) or (C, D, H, W), weight (O, C / groups, K, K, K), bias (O,); the result (N, O, windows, windows,
              windows), without N if input has none.

    >>> import tinygrad_edu as tg
    >>> conv3d(tg.ones((1, 2, 2, 2)), tg.ones((1, 1, 2, 2, 2)))
    Tensor([[[[8.]]]])
    """
    return _convolution("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    input: Any, weight: Any, bias: Any = None, stride: Each = 1, padding: Each = 0, output_padding: Each = 0, groups: int = 1, dilation: Each = 1
) -> Tensor:
    """Transposed convolution of sequences; see conv_transpose2d for the arguments.

    Shapes    input (N, C, L) or (C, L), weight (C, O / groups, K), bias (O,); the result (N, O, size) or (O, size).

    >>> conv_transpose1d(Tensor([[1.0, 2.0]]), Tensor([[[1.0, 10.0, 100.0]]]), stride=2)
    Tensor([[  1.,  10., 102.,  20., 200.]])
    """
    return _transposed("conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Any, weight: Any, bias: Any = None, stride: Each = 1, padding: Each = 0, output_padding: Each = 0, groups: int = 1, dilation: Each = 1
) -> Tensor:
    """Transposed convolution of images: each element times weight is laid on its window; where windows overlap, the sum, plus bias.

    It is what conv2d with the same settings sends back as the gradient of its input.

    Parameters
        stride          how many places one window is from the next: an int, or one for each axis.
        padding         how many places are left out at each end of an axis.
        output_padding  how many places are put behind each axis; less than stride or than dilation. Several sizes of an image have the
                        same number of windows, and this says which is meant.
        groups          into how many groups the channels are divided; each sees itself only.
        dilation        how many places one tap of the kernel is from the next.
    Along each axis the size is (windows - 1) * stride - 2 * padding + dilation * (K - 1) + output_padding + 1.

    Shapes    input (N, C, H, W) or (C, H, W), weight (C, O / groups, K, K), bias (O,); the result (N, O, size, size), without N if input
              has none.
    Raises    ShapeError if they do not fit, or nothing is left; DTypeError if they are not of one dtype; ValueError for another setting.

    >>> conv_transpose2d(Tensor([[[1.0, 2.0]]]), Tensor([[[[1.0, 1.0], [1.0, 1.0]]]]))
    Tensor([[[1., 3., 2.],
             [1., 3., 2.]]])
    """
    return _transposed("conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Any, weight: Any, bias: Any = None, stride: Each = 1, padding: Each = 0, output_padding: Each = 0, groups: int = 1, dilation: Each = 1
) -> Tensor:
    """Transposed convolution of volumes; see conv_transpose2d for the arguments.

    Shapes    input (N, C, D, H, W) or (C, D, H, W), weight (C, O / groups, K, K, K), bias (O,); the result (N, O, size, size, size),
              without N if input has none.

    >>> import tinygrad_edu as tg
    >>> conv_transpose3d(tg.ones((1, 1, 1, 1)), tg.ones((1, 1, 1, 1, 2)), stride=3)
    Tensor([[[[1., 1.]]]])
    """
    return _transposed("conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def _convolution(
    function: str, axes: int, input: Any, weight: Any, bias: Any, stride: Each, padding: Each | str, dilation: Each, groups: int
) -> Tensor:
    stride, dilation = for_each_axis(function, "stride", stride, axes, 1), for_each_axis(function, "dilation", dilation, axes, 1)
    input, weight, bias = _checked(function, axes, input, weight, bias, groups, ("out_channels", "in_channels / groups"))
    kernel = reach(weight.shape[2:], dilation)
    before, both = paddings(function, axes, padding, stride, kernel)
    padded = [size + around for size, around in zip(input.shape[-axes:], both)]
    if any(size < n for size, n in zip(padded, kernel)):
        raise ShapeError(
            f"{function}: {described('input', input)} and {described('weight', weight)}; with dilation {dilation} the kernel is "
            f"{_by(kernel)} large, and the input with its padding {_by(padded)}; it may not be smaller than the kernel"
        )
    windows = tuple([(size - n) // step + 1 for size, n, step in zip(padded, kernel, stride)])
    return _of_batch(Convolution(stride, before, dilation, groups, windows), axes, input, weight, bias)


def _transposed(
    function: str, axes: int, input: Any, weight: Any, bias: Any, stride: Each, padding: Each, output_padding: Each, groups: int, dilation: Each
) -> Tensor:
    stride, dilation = for_each_axis(function, "stride", stride, axes, 1), for_each_axis(function, "dilation", dilation, axes, 1)
    padding = for_each_axis(function, "padding", padding, axes, 0)
    behind = for_each_axis(function, "output_padding", output_padding, axes, 0)
    if any(n >= max(step, gap) for n, step, gap in zip(behind, stride, dilation)):
        raise ValueError(f"{function}: output_padding is {behind}; it needs to be less than stride {stride} or than dilation {dilation}")
    input, weight, bias = _checked(function, axes, input, weight, bias, groups, ("in_channels", "out_channels / groups"))
    kernel = reach(weight.shape[2:], dilation)
    size = tuple([
        (n - 1) * step + k - 2 * cut + more for n, step, k, cut, more in zip(input.shape[-axes:], stride, kernel, padding, behind)
    ])
    if min(size) < 1 or min(input.shape[-axes:]) < 1:
        raise ShapeError(
            f"{function}: {described('input', input)} and {described('weight', weight)}; with stride {stride}, dilation {dilation} and "
            f"padding {padding} the result is {_by(size)} large; it needs to have a place, and so does the input"
        )
    return _of_batch(TransposedConvolution(stride, padding, dilation, groups, size), axes, input, weight, bias)


def _checked(
    function: str, axes: int, input: Any, weight: Any, bias: Any, groups: int, channels: tuple[str, str]
) -> tuple[Tensor, Tensor, Tensor | None]:
    """The three as Tensors that fit together; channels says what the first two axes of weight are."""
    input, weight, bias = as_tensor(input), as_tensor(weight), None if bias is None else as_tensor(bias)
    check_dtypes(function, input, weight=weight, bias=bias)
    if weight.ndim != axes + 2 or not all(weight.shape[2:]):
        raise ShapeError(f"{function}: {described('weight', weight)}; it needs the axes ({', '.join(channels)}, {AXES[axes]}), with a tap on each")
    if input.ndim not in (axes + 1, axes + 2):
        raise ShapeError(
            f"{function}: {described('input', input)}; it needs the axes (batch, channel, {AXES[axes]}) or (channel, {AXES[axes]}), as "
            f"many as the kernel of {_by(weight.shape[2:])}"
        )
    if groups < 1 or weight.shape[0] % groups:
        raise ValueError(
            f"{function}: {described('weight', weight)}, and its {weight.shape[0]} {channels[0]} do not make groups={groups} equal groups"
        )
    found, transposed = input.shape[-axes - 1], channels[0] == "in_channels"
    needed, outputs = (weight.shape[0], weight.shape[1] * groups) if transposed else (weight.shape[1] * groups, weight.shape[0])
    if found != needed:
        raise ShapeError(
            f"{function}: {described('input', input)} and {described('weight', weight)}; with groups={groups} the input needs {needed} "
            f"channels, on axis {input.ndim - axes - 1}, and has {found}"
        )
    if bias is not None and bias.shape != (outputs,):
        raise ShapeError(
            f"{function}: {described('bias', bias)} and {described('weight', weight)}; bias needs one number for each of the {outputs} "
            f"channels of the result, so shape {(outputs,)}"
        )
    return input, weight, bias


def _of_batch(op: Convolution | TransposedConvolution, axes: int, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if input.ndim == axes + 2:
        return op(input, weight, bias)
    out = op(input.reshape(1, *input.shape), weight, bias)
    return out.reshape(out.shape[1:])


def paddings(
    function: str, axes: int, padding: Each | str, stride: tuple[int, ...], kernel: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """For each axis how many places of padding there are before it, and how many in all. kernel is how far its taps reach."""
    if padding == "same":
        if max(stride) > 1:
            raise ValueError(f"{function}: padding='same' with stride {stride}; there are as many windows as places with stride 1 only")
        both = tuple([n - 1 for n in kernel])
        return tuple([n // 2 for n in both]), both
    if isinstance(padding, str) and padding != "valid":
        raise ValueError(f"{function}: padding={padding!r}; it needs to be an int, {axes} of them, 'same' or 'valid'")
    before = (0,) * axes if isinstance(padding, str) else for_each_axis(function, "padding", padding, axes, 0)
    return before, tuple([2 * n for n in before])


def reach(kernel: Sequence[int], dilation: Sequence[int]) -> list[int]:
    """How many places the taps of a kernel reach over, along each axis."""
    return [gap * (k - 1) + 1 for k, gap in zip(kernel, dilation)]


def _by(sizes: Sequence[int]) -> str:
    return " x ".join(map(str, sizes))
