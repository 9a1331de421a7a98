"""Fused against composed: is the hand-written gradient right, how right, and at what price (tg.compare).

Read in this order: difference, forms, reference, cost and orders, what is compared; pieces, suspects and diagnosis, what is wrong;
hard_inputs and plot, where digits are lost; report, tables and page, how it is said; comparing, where all comes together; and problems.
"""

from .comparing import assert_fused_matches_composed, compare
from .cost import Cost
from .difference import TOLERANCES, Difference, Row
from .hard_inputs import Loss, Sweep, sweep
from .orders import DIRECTIONS, HIGHER_TOLERANCES, HigherRow
from .report import Report

__all__ = [
    "DIRECTIONS", "HIGHER_TOLERANCES", "TOLERANCES", "Cost", "Difference", "HigherRow", "Loss", "Report", "Row", "Sweep",
    "assert_fused_matches_composed", "compare", "sweep",
]
