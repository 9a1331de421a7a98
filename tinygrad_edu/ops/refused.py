"""NumPy's functions that do not take Tensors, and why: what is raised when one is called, and a line in the table of the docs."""

from __future__ import annotations

from ..engine.tensor import REFUSED

_REASONS = {
    "fill_diagonal place put putmask": "it changes an array in place, which is recorded only as x[index] = values",
    "packbits unpackbits": "it packs bits, and only whole numbers have these; call it with x.numpy()",
    "busday_count busday_offset is_busday isnat datetime_as_string": "it works on dates; convert them to numbers first",
    "apply_along_axis apply_over_axes piecewise": "it calls a function for slices of an array; write the loop, or use what takes axes",
    "array2string array_repr array_str save savetxt savez savez_compressed can_cast common_type min_scalar_type result_type": (
        "it gives no array but text, a file or a dtype; call it with x.detach().numpy()"
    ),
    "roots poly": "the roots of a polynomial may be complex; where they are real, take np.linalg.eigvals of its companion matrix",
    "trim_zeros": "its result depends on the data in more than its values; use x[mask] or x[:n]",
    "gcd lcm": "it is made of integers; call it with x.numpy()",
    "nextafter": "its neighbours in floating point are no smooth function of x; call it with x.numpy()",
    "polyadd polyder polydiv polyfit polyint polymul polysub": (
        "polynomials are tensors of coefficients here; write it with np.convolve and slices"
    ),
    "i0": "its derivative is a Bessel function that NumPy lacks",
    "sort_complex": "its result is sorted by a rule for complex numbers; sort x.real, or indices",
}
"""Names of functions, and why they are refused."""

for _names, _reason in _REASONS.items():
    REFUSED.update(dict.fromkeys(_names.split(), _reason))
