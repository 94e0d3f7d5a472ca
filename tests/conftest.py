"""What all tests share."""

import gc
import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# Workers of pytest-xdist share the cores: threads of linear algebra would only wait for each other. Read when numpy and
# torch are loaded, here and in whatever a test starts.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The workers of pytest-xdist ignore Ctrl-C, and so would every program that a test starts to see how it takes one.
signal.signal(signal.SIGINT, signal.default_int_handler)

ORDER = (
    "mitogen/recipe/test_knobs.py", "mitodata", "mitogen", "integration", "mitoseg/transfer", "mitoseg/training",
    "mitoseg/inference", "mitoseg/report", "mitoseg/evaluation", "mitoseg/study", "mitoseg",
)  # fmt: skip
"""Files and folders of tests in the order in which they run.

In a fresh clone the first one compiles nearly all loops, for a minute, while other workers test what needs none of
them. The longest files are not the last ones, for which the other workers would wait.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests in order."""
    items.sort(key=lambda item: _place(item.path.relative_to(Path(__file__).parent).as_posix()))


def pytest_collection_finish() -> None:
    """Look for garbage among what tests make, not over and over again among the libraries, which stay."""
    gc.collect()
    gc.freeze()


def _place(path: str) -> int:
    return next((number for number, first in enumerate(ORDER) if path.startswith(first)), len(ORDER))
