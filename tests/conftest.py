"""What every test stands on: one thread a worker, drawn examples that are the same each time, and a state that no test leaks."""

import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")        # there is a worker for each core; read when NumPy is imported, so it stands first

from importlib.util import find_spec
from shutil import which

import hypothesis
import pytest

import tinygrad_edu as tg

hypothesis.settings.register_profile("quick", max_examples=20, derandomize=True, deadline=None)
hypothesis.settings.register_profile("thorough", max_examples=1000, deadline=None, print_blob=True)
hypothesis.settings.load_profile("quick")       # the other one: pytest --hypothesis-profile thorough


@pytest.fixture(autouse=True)
def nothing_leaks():
    """Every test starts from the same seed, gets the default dtype back after it, and must leave the modes that it enters."""
    tg.manual_seed(0)
    dtype = tg.get_default_dtype()
    yield
    tg.set_default_dtype(dtype)
    entered = [mode for mode in (tg.no_grad, tg.composed) if mode.variable.get() == mode.value]
    for mode in entered:
        mode.variable.set(not mode.value)       # or every later test would fail too
    assert not entered, f"the test ended inside {', '.join(mode.__name__ for mode in entered)}"


def pytest_runtest_setup(item):
    """Leave out a test marked peers where PyTorch is not installed, peers("jax", ...) names others; and one marked browser without one."""
    for mark in item.iter_markers("peers"):
        missing = [name for name in mark.args or ("torch",) if find_spec(name) is None]
        if missing:
            pytest.skip(f"needs {', '.join(missing)}")
    if item.get_closest_marker("browser") and not (which("chromium") and which("chromedriver") and find_spec("selenium")):
        pytest.skip("needs chromium, chromedriver and selenium")


def pytest_terminal_summary(terminalreporter):
    for marker, how in ("peers", "make peers installs what they need"), ("browser", "in Debian, apt install chromium chromium-driver"):
        left_out = [report for report in terminalreporter.stats.get("skipped", ()) if marker in report.keywords]
        if left_out:
            terminalreporter.write_line(f"{marker} tests left out: {len(left_out)} ({how})")
