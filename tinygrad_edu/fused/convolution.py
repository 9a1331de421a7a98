"""Convolution, its transpose and the gradient of their weights: three functions, of which the gradients are the other two."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.op import Fused
from ..engine.tensor import Tensor
from ..ops.index import Scatter
from ..ops.shape import pad_with_constants, stack
from .columns import Axis, pieces

Sizes = tuple[int, ...]


class Sliding(Fused):
    """What the three share: how a kernel slides over an image with any number of axes.

    Along each axis, tap t of window i is at the place stride * i + dilation * t - padding; what is outside of the image is 0.

    Channels are in groups, and each group is by itself. size is that of out, after the axes of batch and channels: with a stride it does
    not follow from that of the inputs, as several sizes of an image have the same number of windows.
    """

    stride: Sizes
    padding: Sizes
    dilation: Sizes
    groups: int
    size: Sizes

    def another(self, kind: type[Sliding], size: Sizes, *inputs: Any) -> Any:
        """One of the other functions, in a rule, for the same windows."""
        return kind(self.stride, self.padding, self.dilation, self.groups, size).in_rule(*inputs)

    def axes(self, sizes: Sizes, kernel: Sizes, windows: Sizes) -> tuple[Axis, ...]:
        """How the windows lie along each axis of an image."""
        return tuple(
            Axis(size, tuple(range(-padding, dilation * k - padding, dilation)), stride, n)
            for size, k, n, stride, padding, dilation in zip(sizes, kernel, windows, self.stride, self.padding, self.dilation)
        )

    def seen_by(self, taps: Sizes, windows: Sizes) -> tuple[tuple[int, int, int], ...]:
        """Where one tap of all windows is along each axis, as (start, stop, step), counted from where the padding begins."""
        return tuple([(d * t, d * t + s * (n - 1) + 1, s) for t, n, s, d in zip(taps, windows, self.stride, self.dilation)])

    def columns(self, x: Tensor, kernel: Sizes, windows: Sizes) -> Tensor:
        """What the windows see, from primitives: (N, groups, channels of a group * taps, windows)."""
        ends = [places[1] for places in self.seen_by(tuple([k - 1 for k in kernel]), windows)]
        behind = [max(0, end - padding - size) for end, padding, size in zip(ends, self.padding, x.shape[2:])]
        padded = pad_with_constants(x, ((0, 0), (0, 0), *zip(self.padding, behind)))
        seen = [padded[(..., *[slice(*places) for places in self.seen_by(taps, windows)])] for taps in np.ndindex(*kernel)]
        rows = x.shape[1] // self.groups * len(seen)
        return stack(seen, axis=2).reshape(x.shape[0], self.groups, rows, math.prod(windows))


class Convolution(Sliding):
    """Multiply what each window on an image sees by weights, sum it up, and add a bias.

    out[n, o, i] = bias[o] + sum over c, t of weight[o, c, t] * x[n, c, stride * i + dilation * t - padding]

    where i, t, stride, dilation and padding have an entry for each spatial axis, and c are the channels in the group of o. As in all
    libraries it is, in truth, a cross-correlation: the weights are not reversed.

    Shapes    x (N, C, *L), weight (O, C / groups, *K), bias (O,) or None, out (N, O, *size).
    Gradient  dL/dx      = the transposed convolution of g with weight
              dL/dweight = what the windows see, times g: ConvolutionWeight
              dL/dbias   = sum of g over n, i
    Keeps     weight for dL/dx, x for dL/dweight; the columns, which hold each element of x once for each tap, are made anew.
    Source    Dumoulin and Visin (2016), arXiv:1603.07285; Chellapilla, Puri and Simard (2006), High performance convolutional neural
              networks for document processing, for the product of matrices.
    """

    def forward(self, x, weight, bias):
        outputs = weight.shape[0] // self.groups
        matrices = np.ascontiguousarray(weight).reshape(self.groups, outputs, math.prod(weight.shape[1:]))      # as BLAS needs it
        out = np.empty((len(x), weight.shape[0], *self.size), np.result_type(x, weight))
        axes = self.axes(x.shape[2:], weight.shape[2:], self.size)
        for images, windows, places, columns in pieces(len(x), x.shape[1], axes, out.shape[1], x.dtype):
            columns.fill(x[images, :, places])
            part = out[images, :, windows]
            np.matmul(matrices, columns.each(self.groups), out=by_group(part, self.groups))
            if bias is not None:
                part += for_channels(bias, out)
        return out

    def grad_x(self, g, weight, x_shape):
        return self.another(TransposedConvolution, x_shape[2:], g, weight, None)

    def grad_weight(self, g, x, weight_shape):
        return self.another(ConvolutionWeight, weight_shape[2:], x, g)

    def grad_bias(self, g):
        return g.sum(axis=(0, *range(2, len(g.shape))))

    def composed(self, x, weight, bias):
        columns = self.columns(x, weight.shape[2:], self.size)
        out = weight.reshape(self.groups, weight.shape[0] // self.groups, columns.shape[2]) @ columns
        out = out.reshape(x.shape[0], weight.shape[0], *self.size)
        return out if bias is None else out + for_channels(bias, out)


class TransposedConvolution(Sliding):
    """Each element of x, times weights, laid on a window of the image; where windows overlap, the sum; and a bias is added.

    out[n, o, l] = bias[o] + sum over c, i, t with stride * i + dilation * t - padding = l of weight[c, o, t] * x[n, c, i]

    where i, t, l, stride, dilation and padding have an entry for each spatial axis, and c are the channels in the group of o.

    Shapes    x (N, C, *windows), weight (C, O / groups, *K), bias (O,) or None, out (N, O, *size).
    Gradient  dL/dx      = the convolution of g with weight
              dL/dweight = what the windows see of g, times x: ConvolutionWeight
              dL/dbias   = sum of g over n, l
    Keeps     weight for dL/dx, x for dL/dweight.
    Source    Dumoulin and Visin (2016), arXiv:1603.07285, chapter 4.

    The products with weight are columns, as a window would see them, and are added to the places where it would see them.
    """

    def forward(self, x, weight, bias):
        channels, outputs = weight.shape[0] // self.groups, weight.shape[1]
        if max(self.stride) == 1 and channels <= outputs:
            return self.by_convolution(x, weight, bias)
        x, weight = np.ascontiguousarray(x), np.ascontiguousarray(weight)       # as BLAS needs them
        matrices = weight.reshape(self.groups, channels, outputs * math.prod(weight.shape[2:])).swapaxes(1, 2)
        out = np.zeros((len(x), self.groups * outputs, *self.size), np.result_type(x, weight))
        axes = self.axes(self.size, weight.shape[2:], x.shape[2:])
        for images, windows, places, columns in pieces(len(x), out.shape[1], axes, x.shape[1], out.dtype):
            part = by_group(x[images, :, windows], self.groups)
            (np.multiply if channels == 1 else np.matmul)(matrices, part, out=columns.each(self.groups))        # for BLAS it is too thin then
            columns.add_to(out[images, :, places])
        if bias is not None:
            out += for_channels(bias, out)
        return out

    def by_convolution(self, x, weight, bias):
        """The same for stride 1: a convolution with the taps in reverse order. Columns of x are made more quickly than laid on out."""
        (_, outputs, *kernel), channels = weight.shape, weight.shape[0] // self.groups
        by_output = np.flip(weight, range(2, weight.ndim)).reshape(self.groups, channels, outputs, *kernel).swapaxes(1, 2)
        padding = tuple([dilation * (k - 1) - padding for k, padding, dilation in zip(kernel, self.padding, self.dilation)])
        op = Convolution(self.stride, padding, self.dilation, self.groups, self.size)
        return op.forward(x, by_output.reshape(self.groups * outputs, channels, *kernel), bias)

    def grad_x(self, g, weight, x_shape):
        return self.another(Convolution, x_shape[2:], g, weight, None)

    def grad_weight(self, g, x, weight_shape):
        return self.another(ConvolutionWeight, weight_shape[2:], g, x)

    def grad_bias(self, g):
        return g.sum(axis=(0, *range(2, len(g.shape))))

    def composed(self, x, weight, bias):
        (samples, channels, *windows), (_, outputs, *kernel) = x.shape, weight.shape
        rows, taps = outputs * math.prod(kernel), list(np.ndindex(*kernel))
        matrices = weight.reshape(self.groups, channels // self.groups, rows).swapaxes(1, 2)
        columns = matrices @ x.reshape(samples, self.groups, channels // self.groups, math.prod(windows))
        columns = columns.reshape(samples, self.groups * outputs, len(taps), *windows)
        needed = [stop for _, stop, _ in self.seen_by(taps[-1], windows)]
        whole = (samples, self.groups * outputs, *map(max, needed, map(sum, zip(self.size, self.padding))))
        laid = [Scatter((..., *self.seen_by(tap, windows)), whole)(columns[:, :, t]) for t, tap in enumerate(taps)]
        out = sum(laid[1:], laid[0])
        out = out[(..., *[slice(padding, padding + size) for padding, size in zip(self.padding, self.size)])]
        return out if bias is None else out + for_channels(bias, out)


class ConvolutionWeight(Sliding):
    """What windows see, times what is given for them, summed up: with the gradient of a convolution as y, that of its weight.

    out[o, c, t] = sum over n, i of y[n, o, i] * x[n, c, stride * i + dilation * t - padding]

    Shapes    x (N, C, *L), y (N, O, *windows), out (O, C / groups, *size): size is that of the kernel.
    Gradient  dL/dx = the transposed convolution of y with g as its weight
              dL/dy = the convolution of x with g as its weight
    Keeps     y for dL/dx, x for dL/dy.
    Source    that of Convolution.
    """

    def forward(self, x, y):
        y = np.ascontiguousarray(y)             # as BLAS needs it
        channels, outputs = x.shape[1] // self.groups, y.shape[1] // self.groups
        # The transpose: BLAS takes a seventh less time for it.
        out = np.zeros((self.groups, channels * math.prod(self.size), outputs), np.result_type(x, y))
        axes = self.axes(x.shape[2:], self.size, y.shape[2:])
        for images, windows, places, columns in pieces(len(x), x.shape[1], axes, y.shape[1], x.dtype):
            columns.fill(x[images, :, places])
            part = by_group(y[images, :, windows], self.groups)
            if out.shape[1] <= part.shape[3]:
                for product in np.matmul(columns.each(self.groups), part.swapaxes(2, 3)):
                    out += product
            else:           # with few windows there is less to copy than to sum up
                part = part.transpose(1, 2, 0, 3).reshape(self.groups, outputs, len(part) * part.shape[3])
                out += np.matmul(columns.together(self.groups), part.swapaxes(1, 2))
        return out.swapaxes(1, 2).reshape(y.shape[1], channels, *self.size)

    def grad_x(self, g, y, x_shape):
        return self.another(TransposedConvolution, x_shape[2:], y, g, None)

    def grad_y(self, g, x, y_shape):
        return self.another(Convolution, y_shape[2:], x, g, None)

    def composed(self, x, y):
        columns = self.columns(x, self.size, y.shape[2:])
        rows = y.reshape(y.shape[0], self.groups, y.shape[1] // self.groups, columns.shape[3])
        return (rows @ columns.swapaxes(2, 3)).sum(axis=0).reshape(y.shape[1], x.shape[1] // self.groups, *self.size)


def by_group(part: np.ndarray, groups: int) -> np.ndarray:
    """A part (N, C, ...) of an array in memory without gaps, as matrices (N, groups, C / groups, ...) in the same memory."""
    samples, channels, *sizes = part.shape
    return part.reshape(samples, groups, channels // groups, math.prod(sizes))


def for_channels(bias: Any, out: Any) -> Any:
    """bias (O,) as it is added to out (N, O, ...)."""
    return bias.reshape(-1, *(1,) * (len(out.shape) - 2))
