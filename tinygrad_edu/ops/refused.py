"""NumPy's functions that do not take Tensors, and why: what is raised when one is called, and a line in the table of the docs."""

from __future__ import annotations

from ..engine.tensor import REFUSED

_REASONS = {
    "packbits unpackbits": "it packs bits, and only whole numbers have these; call it with x.numpy()",
    "busday_count busday_offset is_busday isnat datetime_as_string": "it works on dates; convert them to numbers first",
    "array2string array_repr array_str save savetxt savez savez_compressed can_cast common_type min_scalar_type result_type": (
        "it gives no array but text, a file or a dtype; call it with x.detach().numpy()"
    ),
    "gcd lcm": "it is made of integers; call it with x.numpy()",
    "nextafter": "its neighbours in floating point are no smooth function of x; call it with x.numpy()",
}
"""Names of functions, and why they are refused."""

for _names, _reason in _REASONS.items():
    REFUSED.update(dict.fromkeys(_names.split(), _reason))
