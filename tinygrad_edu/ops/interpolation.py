"""Interpolation, by lines from point to point."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.op import Op, implements
from ..engine.tensor import Tensor
from ..errors import ShapeError
from .elementwise import where
from .index import ARRAY, getitem, scatter
from .operands import in_dtype, values_of
from .pieces import remainder
from .shape import concatenate


class Interp(Op):
    """Interpolation by lines from point to point.

    out = fp[i] + slope * (x - xp[i])    slope = (fp[i + 1] - fp[i]) / (xp[i + 1] - xp[i])    with xp[i] <= x < xp[i + 1]
    out = fp[0] where x < xp[0], and fp[-1] where x > xp[-1]

    Shapes    xp (n,) in ascending order, fp (n,); out has the shape of x.
    Gradient  with part = (x - xp[i]) / (xp[i + 1] - xp[i]), limited to 0 and 1, and slope 0 where x lies outside of the points,
              dL/dx  = g * slope
              dL/dfp = g * (1 - part) added at i, and g * part added at i + 1
              dL/dxp = -g * slope, in the same parts. At a point it is that of the line that begins there, and at the last of the last line.
    Keeps     x, xp and fp.
    """

    def forward(self, x, xp, fp):
        return np.interp(x, xp, fp)

    def grad_x(self, g, x, xp, fp):
        return g * self.slope(x, xp, fp)

    def grad_xp(self, g, x, xp, fp):
        return -self.parts(g * self.slope(x, xp, fp), x, xp)

    def grad_fp(self, g, x, xp):
        return self.parts(g, x, xp)

    def slope(self, x, xp, fp):
        i, j = self.ends(x, xp)
        outside = (x < xp[0]) | (x > xp[-1])
        return np.where(outside, 0, (fp[j] - fp[i]) / self.width(xp, i, j))

    def parts(self, g, x, xp):
        unknown = x != x                                            # there out is NaN whatever the points are; of one point it is fp
        g, x = np.where(unknown & (xp.shape[0] > 1), 0, g), np.where(unknown, 0, x)
        i, j = self.ends(x, xp)
        part = (x - xp[i]) / self.width(xp, i, j)
        part = np.where(x < xp[0], 0, np.where(x > xp[-1], 1, part))
        return scatter(g * (1 - part), (ARRAY,), (i,), xp.shape) + scatter(g * part, (ARRAY,), (j,), xp.shape)

    def ends(self, x, xp):
        """Between which points each x lies; for one outside, the first two or the last two."""
        i = np.clip(np.searchsorted(values_of(xp), values_of(x), "right") - 1, 0, max(xp.shape[0] - 2, 0))
        return i, np.minimum(i + 1, xp.shape[0] - 1)

    def width(self, xp, i, j):
        """How far apart the points are; of points that are equal the line has slope 0."""
        width = xp[j] - xp[i]
        return np.where(width == 0, 1, width)


_INTERP = Interp()


@implements(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Tensor:
    """The values at x of the lines that join the points (xp, fp); float64, as NumPy's.

    Parameters
        x            where; of any shape.
        xp, fp       the points, two rows of one length; xp needs to be in ascending order, unless there is a period.
        left, right  the values before the first and behind the last point; by default theirs.
        period       of the function: x and xp are taken modulo this, and there is no left and right.
    Raises ValueError if there is no point, or as many xp as fp are not given.

    >>> interp(Tensor([0.5, 3.0]), [0.0, 1.0, 2.0], [0.0, 10.0, 40.0])
    Tensor([ 5., 40.], dtype=float64)
    """
    x, xp, fp = map(in_dtype, (x, xp, fp))
    if not xp.ndim == 1 == fp.ndim or xp.size != fp.size or not xp.size:
        raise ShapeError(f"interp: xp has shape {xp.shape} and fp has shape {fp.shape}; both need one axis of the same length, and a point")
    if period is not None:
        if period == 0:
            raise ValueError("interp: period is 0; it needs to be another number")
        period, left, right = abs(period), None, None
        x, xp = remainder(x, period), remainder(xp, period)
        order = np.argsort(xp.data)
        xp, fp = getitem(xp, order), getitem(fp, order)
        xp, fp = concatenate([xp[-1:] - period, xp, xp[:1] + period]), concatenate([fp[-1:], fp, fp[:1]])
    out = _INTERP(x, xp, fp)
    if left is not None:
        out = where(x.data < xp.data[0], left, out)
    return out if right is None else where(x.data > xp.data[-1], right, out)
