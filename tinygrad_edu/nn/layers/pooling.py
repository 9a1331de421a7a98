"""Poolings: the largest element or the mean of each window."""

from __future__ import annotations

from typing import Any, ClassVar

from ...engine.tensor import Tensor
from .. import functional as F
from ..functional.checks import Each
from ..module import Module


class _MaxPool(Module):
    """What the max poolings share: the settings."""

    axes: ClassVar[int]

    def __init__(
        self,
        kernel_size: Each,
        stride: Each | None = None,
        padding: Each = 0,
        dilation: Each = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Any) -> Tensor:
        function = getattr(F, f"max_pool{self.axes}d")
        return function(input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )

    def formula(self) -> list[str]:
        return [f"out = the largest element of each window    {_axes(self.axes)}"]


class MaxPool1d(_MaxPool):
    """The largest element of each window along the last axis; the arguments are those of functional.max_pool1d.

    >>> import tinygrad_edu as tg
    >>> MaxPool1d(2)(tg.tensor([[1.0, 3.0, 2.0, 0.0]]))
    Tensor([[3., 2.]])
    """

    axes = 1


class MaxPool2d(_MaxPool):
    """The largest element of each window over the last two axes; the arguments are those of functional.max_pool2d.

    >>> import tinygrad_edu as tg
    >>> MaxPool2d(3, stride=2, padding=1)(tg.zeros((8, 16, 28, 28))).shape
    (8, 16, 14, 14)
    """

    axes = 2


class MaxPool3d(_MaxPool):
    """The largest element of each window over the last three axes; the arguments are those of functional.max_pool3d.

    >>> import tinygrad_edu as tg
    >>> MaxPool3d(2)(tg.zeros((1, 4, 6, 8))).shape
    (1, 2, 3, 4)
    """

    axes = 3


class _AvgPool(Module):
    """What the average poolings share: the settings."""

    axes: ClassVar[int]

    def __init__(
        self,
        kernel_size: Each,
        stride: Each | None = None,
        padding: Each = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Any) -> Tensor:
        function = getattr(F, f"avg_pool{self.axes}d")
        return function(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad, self.divisor_override
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"

    def formula(self) -> list[str]:
        return [f"out = the mean of each window    {_axes(self.axes)}"]


class AvgPool1d(_AvgPool):
    """The mean of each window along the last axis; the arguments are those of functional.avg_pool1d.

    >>> import tinygrad_edu as tg
    >>> AvgPool1d(2)(tg.tensor([[1.0, 3.0, 2.0, 0.0]]))
    Tensor([[2., 1.]])
    """

    axes = 1

    def __init__(
        self, kernel_size: Each, stride: Each | None = None, padding: Each = 0, ceil_mode: bool = False, count_include_pad: bool = True
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)

    def forward(self, input: Any) -> Tensor:
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class AvgPool2d(_AvgPool):
    """The mean of each window over the last two axes; the arguments are those of functional.avg_pool2d.

    >>> import tinygrad_edu as tg
    >>> AvgPool2d(2)(tg.zeros((8, 16, 28, 28))).shape
    (8, 16, 14, 14)
    """

    axes = 2


class AvgPool3d(_AvgPool):
    """The mean of each window over the last three axes; the arguments are those of functional.avg_pool3d.

    >>> import tinygrad_edu as tg
    >>> AvgPool3d(2)(tg.zeros((1, 4, 6, 8))).shape
    (1, 2, 3, 4)
    """

    axes = 3


class _AdaptivePool(Module):
    """What the adaptive poolings share: how many windows there are."""

    function: ClassVar[str]
    what: ClassVar[str]

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Any) -> Tensor:
        return getattr(F, self.function)(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"

    def formula(self) -> list[str]:
        return [f"out = {self.what} of each of {self.output_size} windows"]


class AdaptiveAvgPool1d(_AdaptivePool):
    """The mean of each of output_size windows along the last axis; see functional.adaptive_avg_pool2d."""

    function, what = "adaptive_avg_pool1d", "the mean"


class AdaptiveAvgPool2d(_AdaptivePool):
    """The mean of each of output_size windows over the last two axes; see functional.adaptive_avg_pool2d.

    >>> import tinygrad_edu as tg
    >>> AdaptiveAvgPool2d(1)(tg.zeros((8, 16, 7, 5))).shape
    (8, 16, 1, 1)
    """

    function, what = "adaptive_avg_pool2d", "the mean"


class AdaptiveAvgPool3d(_AdaptivePool):
    """The mean of each of output_size windows over the last three axes; see functional.adaptive_avg_pool2d."""

    function, what = "adaptive_avg_pool3d", "the mean"


class _AdaptiveMaxPool(_AdaptivePool):
    what = "the largest element"

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Any) -> Tensor:
        return getattr(F, self.function)(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest element of each of output_size windows along the last axis; see functional.adaptive_avg_pool2d for the windows."""

    function = "adaptive_max_pool1d"


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest element of each of output_size windows over the last two axes; see functional.adaptive_avg_pool2d for the windows.

    >>> import tinygrad_edu as tg
    >>> AdaptiveMaxPool2d((None, 3))(tg.zeros((8, 16, 7, 5))).shape
    (8, 16, 7, 3)
    """

    function = "adaptive_max_pool2d"


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest element of each of output_size windows over the last three axes; see functional.adaptive_avg_pool2d for the windows."""

    function = "adaptive_max_pool3d"


def _axes(axes: int) -> str:
    return "along the last axis" if axes == 1 else f"over the last {axes} axes"
