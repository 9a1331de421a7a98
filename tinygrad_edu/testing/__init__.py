"""To check gradients, and ops of your own: gradcheck, the table of cases, and the checks that every op of the library passes."""

from ..comparison import assert_fused_matches_composed
from ..errors import GradientCheckError
from .cases import Case, all_cases, cases_for, cases_of
from .checks import check_op, checks_for
from .gradcheck import GradientCheck, gradcheck

__all__ = [
    "Case",
    "GradientCheck",
    "GradientCheckError",
    "all_cases",
    "assert_fused_matches_composed",
    "cases_for",
    "cases_of",
    "check_op",
    "checks_for",
    "gradcheck",
]
