"""Convolutions and transposed convolutions in one, two and three dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from ...engine.tensor import Tensor
from ...errors import ShapeError
from ...ops.creation import zeros
from ...ops.operands import as_tensor
from .. import functional as F, init
from ..functional.checks import Each, for_each_axis
from ..functional.convolution import paddings, reach
from ..module import Module, Parameter

MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""What padding shows, and NumPy's name for it."""


class Convolution(Module):
    """What Conv1d, Conv2d and Conv3d are: what each window on an image sees times weights, summed up, plus a bias.

    out[n, o, i] = bias[o] + sum over c, t of weight[o, c, t] * x[n, c, stride * i + dilation * t - padding]

    Parameters
        in_channels, out_channels  the numbers C and O of channels of x and of out.
        kernel_size                how many places a window sees: an int, or one for each axis, like all that follows.
        stride                     how many places one window is from the next.
        padding                    how many places are added at each end of an axis; or "valid" for none, or "same" for as many windows as
                                   places, with stride 1.
        dilation                   how many places one tap of the kernel is from the next.
        groups                     into how many groups the channels are divided; each sees itself only.
        bias                       whether there is a bias.
        padding_mode               what padding shows: "zeros"; "reflect", the image mirrored at its ends; "replicate", its ends;
                                   "circular", its other end.
        dtype                      of the parameters; the default dtype if not given.
        generator                  what draws the parameters.
    Starts   weight and bias evenly from [-1 / sqrt(k), 1 / sqrt(k)), k = C / groups * the places of a window, as in PyTorch.
    Raises   ShapeError if x does not fit, or is smaller than the kernel; DTypeError if x has another dtype than weight; ValueError for a
             setting that cannot be.
    """

    axes: ClassVar[int]
    function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Each,
        stride: Each = 1,
        padding: Each | str = 0,
        dilation: Each = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        dtype: Any = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        layer = type(self).__name__
        for role, channels in ("in_channels", in_channels), ("out_channels", out_channels):
            if groups < 1 or channels % groups:
                raise ValueError(f"{layer}: {role}={channels} channels do not make groups={groups} equal groups")
        if padding_mode not in MODES:
            raise ValueError(f"{layer}: padding_mode={padding_mode!r}; it needs to be one of {', '.join(map(repr, MODES))}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = for_each_axis(layer, "kernel_size", kernel_size, self.axes, 1)
        self.stride = for_each_axis(layer, "stride", stride, self.axes, 1)
        self.dilation = for_each_axis(layer, "dilation", dilation, self.axes, 1)
        paddings(layer, self.axes, padding, self.stride, self.kernel_size)      # which refuses what cannot be
        self.padding = padding if isinstance(padding, str) else for_each_axis(layer, "padding", padding, self.axes, 0)
        self.groups = groups
        self.padding_mode = padding_mode
        self.weight = Parameter(zeros(self._weight_shape(), dtype))
        self.register_parameter("bias", Parameter(zeros(out_channels, dtype)) if bias else None)
        self.reset_parameters(generator)

    def _weight_shape(self) -> tuple[int, ...]:
        return (self.out_channels, self.in_channels // self.groups, *self.kernel_size)

    def reset_parameters(self, generator: np.random.Generator | None = None) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5), generator=generator)
        if self.bias is not None:
            bound = 1 / math.sqrt(max(1, math.prod(self.weight.shape[1:])))
            init.uniform_(self.bias, -bound, bound, generator)

    def forward(self, input: Any) -> Tensor:
        input = as_tensor(input)
        if self.padding_mode == "zeros" or input.ndim <= self.axes:     # with too few axes the function says so
            return self._convolved(input, self.padding)
        return self._convolved(self._padded(input), 0)

    def _convolved(self, input: Tensor, padding: Each | str) -> Tensor:
        return type(self).function(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _paddings(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """For each axis how many places are added before it, and how many in all."""
        return paddings(type(self).__name__, self.axes, self.padding, self.stride, reach(self.kernel_size, self.dilation))

    def _padded(self, input: Tensor) -> Tensor:
        """input with the places that padding_mode says around it."""
        for axis, (before, both) in enumerate(zip(*self._paddings()), start=-self.axes):
            places = np.pad(np.arange(input.shape[axis]), (before, both - before), MODES[self.padding_mode])    # type: ignore[call-overload]
            input = input[(..., places, *(slice(None),) * (-1 - axis))]
        return input

    def extra_repr(self) -> str:
        words = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        usual = {"padding": (0,) * self.axes, "dilation": (1,) * self.axes, "output_padding": (0,) * self.axes, "groups": 1}
        words += [f"{name}={getattr(self, name)}" for name, value in usual.items() if getattr(self, name, value) != value]
        words += ["bias=False"] if self.bias is None else []
        words += [f"padding_mode={self.padding_mode}"] if self.padding_mode != "zeros" else []
        return ", ".join(words)

    def formula(self) -> list[str]:
        windows, taps = ", ".join("ijk"[: self.axes]), ", ".join("rst"[-self.axes:])
        bias = "" if self.bias is None else "bias[o] + "
        lines = [
            f"out[n, o, {windows}] = {bias}sum over c, {taps} of weight[o, c, {taps}] * x[n, c, {', '.join(self._places())}]",
            self._shapes(),
        ]
        return lines if self.padding_mode == "zeros" else [*lines, f"outside of x, what padding_mode={self.padding_mode!r} says"]

    def _places(self) -> list[str]:
        """For each axis, in words, the place where a tap of a window is."""
        before, _ = self._paddings()
        return [
            f"{_times(stride, window)} + {_times(dilation, tap)}" + (f" - {padding}" if padding else "")
            for stride, dilation, padding, window, tap in zip(self.stride, self.dilation, before, "ijk", "rst"[-self.axes:])
        ]

    def _shapes(self) -> str:
        bias = "" if self.bias is None else f", bias {self.bias.shape}"
        groups = f"; c are the channels in the group of o, of {self.groups} groups" if self.groups > 1 else ""
        return f"weight {self.weight.shape}{bias}{groups}"


class Conv1d(Convolution):
    """A convolution of sequences; see Convolution for the arguments.

    out[n, o, i] = bias[o] + sum over c, t of weight[o, c, t] * x[n, c, stride * i + dilation * t - padding]

    Shapes   x (N, C, L) or (C, L), weight (O, C / groups, K), bias (O,), out (N, O, windows) or (O, windows), where
             windows = (L + 2 * padding - dilation * (K - 1) - 1) // stride + 1

    >>> import tinygrad_edu as tg
    >>> Conv1d(2, 5, 3, stride=2)(tg.zeros((4, 2, 9))).shape
    (4, 5, 4)
    """

    axes = 1
    function = F.conv1d


class Conv2d(Convolution):
    """A convolution of images; see Convolution for the arguments.

    out[n, o, i, j] = bias[o] + sum over c, s, t of weight[o, c, s, t] * x[n, c, stride * i + dilation * s - padding, the same of j, t]

    Shapes   x (N, C, H, W) or (C, H, W), weight (O, C / groups, K, K), bias (O,), out (N, O, windows of H, windows of W), without N if x
             has none, where windows of H = (H + 2 * padding - dilation * (K - 1) - 1) // stride + 1

    >>> import tinygrad_edu as tg
    >>> Conv2d(1, 8, 3, padding=1)(tg.zeros((4, 1, 28, 28))).shape
    (4, 8, 28, 28)
    """

    axes = 2
    function = F.conv2d


class Conv3d(Convolution):
    """A convolution of volumes; see Convolution for the arguments.

    out[n, o, i, j, k] = bias[o] + sum over c, r, s, t of weight[o, c, r, s, t] * x[n, c, stride * i + dilation * r - padding, ...]

    Shapes   x (N, C, D, H, W) or (C, D, H, W), weight (O, C / groups, K, K, K), bias (O,), out (N, O, windows of D, of H and of W),
             without N if x has none, where windows of D = (D + 2 * padding - dilation * (K - 1) - 1) // stride + 1

    >>> import tinygrad_edu as tg
    >>> Conv3d(1, 2, (1, 3, 3))(tg.zeros((1, 4, 5, 6))).shape
    (2, 4, 3, 4)
    """

    axes = 3
    function = F.conv3d


class TransposedConvolution(Convolution):
    """What ConvTranspose1d, 2d and 3d are: each element times weights laid on a window; where windows overlap, the sum; plus a bias.

    out[n, o, l] = bias[o] + sum over c, i, t with stride * i + dilation * t - padding = l of weight[c, o, t] * x[n, c, i]

    Parameters
        padding         how many places are left out at each end of an axis.
        output_padding  how many places are put behind each axis; less than stride or than dilation.
        padding_mode    "zeros" only.
    and the others as in Convolution, though in another order.
    Starts   weight and bias evenly from [-1 / sqrt(k), 1 / sqrt(k)), k = O / groups * the places of a window, as in PyTorch.
    Raises   ShapeError if x does not fit, or nothing is left of out; DTypeError if x has another dtype than weight; ValueError for a
             setting that cannot be.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Each,
        stride: Each = 1,
        padding: Each = 0,
        output_padding: Each = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Each = 1,
        padding_mode: str = "zeros",
        *,
        dtype: Any = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        layer = type(self).__name__
        if padding_mode != "zeros" or isinstance(padding, str):
            what = f"padding={padding!r}" if isinstance(padding, str) else f"padding_mode={padding_mode!r}"
            raise ValueError(f"{layer}: {what}; a transposed convolution has numbers as padding, and padding_mode='zeros'")
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, dtype=dtype, generator=generator)
        self.output_padding = for_each_axis(layer, "output_padding", output_padding, self.axes, 0)

    def _weight_shape(self) -> tuple[int, ...]:
        return (self.in_channels, self.out_channels // self.groups, *self.kernel_size)

    def forward(self, input: Any, output_size: Sequence[int] | None = None) -> Tensor:
        """output_size is that of out, with or without the axes before; it takes the place of output_padding."""
        input = as_tensor(input)
        behind = self.output_padding if output_size is None else self._behind(input, output_size)
        return type(self).function(input, self.weight, self.bias, self.stride, self.padding, behind, self.groups, self.dilation)

    def _behind(self, input: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        """The output_padding that makes output_size."""
        wanted = tuple(output_size)[-self.axes:]
        cut: Any = self.padding
        least = [
            (n - 1) * stride + n_reach - 2 * padding
            for n, stride, n_reach, padding in zip(input.shape[-self.axes:], self.stride, reach(self.kernel_size, self.dilation), cut)
        ]
        behind = tuple([size - n for size, n in zip(wanted, least)])
        if len(behind) < self.axes or not all(0 <= n < stride for n, stride in zip(behind, self.stride)):
            most = [n + stride - 1 for n, stride in zip(least, self.stride)]
            raise ShapeError(
                f"{self!r}: the input has shape {input.shape}, and output_size={tuple(output_size)} is asked for; it needs to end in sizes "
                f"from {tuple(least)} to {tuple(most)}"
            )
        return behind

    def formula(self) -> list[str]:
        windows, taps, places = (", ".join(names[-self.axes:]) for names in ("ijk"[: self.axes], "rst", "uvw"))
        bias = "" if self.bias is None else "bias[o] + "
        where = ", ".join(f"{place} = {axis}" for place, axis in zip(self._places(), "uvw"[-self.axes:]))
        return [
            f"out[n, o, {places}] = {bias}sum over c, {windows}, {taps} of weight[c, o, {taps}] * x[n, c, {windows}]",
            f"with {where}",
            self._shapes(),
        ]


class ConvTranspose1d(TransposedConvolution):
    """A transposed convolution of sequences; see TransposedConvolution for the arguments.

    out[n, o, l] = bias[o] + sum over c, i, t with stride * i + dilation * t - padding = l of weight[c, o, t] * x[n, c, i]

    Shapes   x (N, C, L) or (C, L), weight (C, O / groups, K), bias (O,), out (N, O, size) or (O, size), where
             size = (L - 1) * stride - 2 * padding + dilation * (K - 1) + output_padding + 1

    >>> import tinygrad_edu as tg
    >>> ConvTranspose1d(2, 5, 3, stride=2)(tg.zeros((4, 2, 4))).shape
    (4, 5, 9)
    """

    axes = 1
    function = F.conv_transpose1d


class ConvTranspose2d(TransposedConvolution):
    """A transposed convolution of images; see TransposedConvolution for the arguments.

    Along both axes at once, what ConvTranspose1d does along one:
    out[n, o, l] = bias[o] + sum over c, i, t with stride * i + dilation * t - padding = l of weight[c, o, t] * x[n, c, i]

    Shapes   x (N, C, H, W) or (C, H, W), weight (C, O / groups, K, K), bias (O,), out (N, O, size of H, size of W), without N if x has
             none, where size of H = (H - 1) * stride - 2 * padding + dilation * (K - 1) + output_padding + 1

    >>> import tinygrad_edu as tg
    >>> layer = ConvTranspose2d(8, 1, 2, stride=2)
    >>> layer(tg.zeros((4, 8, 14, 14))).shape
    (4, 1, 28, 28)
    >>> layer(tg.zeros((4, 8, 14, 14)), output_size=(29, 28)).shape
    (4, 1, 29, 28)
    """

    axes = 2
    function = F.conv_transpose2d


class ConvTranspose3d(TransposedConvolution):
    """A transposed convolution of volumes; see TransposedConvolution for the arguments.

    Along three axes at once, what ConvTranspose1d does along one:
    out[n, o, l] = bias[o] + sum over c, i, t with stride * i + dilation * t - padding = l of weight[c, o, t] * x[n, c, i]

    Shapes   x (N, C, D, H, W) or (C, D, H, W), weight (C, O / groups, K, K, K), bias (O,), out (N, O, size of D, of H and of W), without N
             if x has none, where size of D = (D - 1) * stride - 2 * padding + dilation * (K - 1) + output_padding + 1

    >>> import tinygrad_edu as tg
    >>> ConvTranspose3d(1, 2, (1, 3, 3))(tg.zeros((1, 4, 5, 6))).shape
    (2, 4, 7, 8)
    """

    axes = 3
    function = F.conv_transpose3d


def _times(number: int, name: str) -> str:
    return name if number == 1 else f"{number} * {name}"
