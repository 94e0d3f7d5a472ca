"""What the bytes of images depend on beside the job: this program and the libraries that it computes with."""

import socket
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from mitodata.files import source_hash

_PACKAGES = ("mitogen-em", "numpy", "scipy", "numba", "noise", "scikit-image")
"""The first is this program. Another version of the others may draw other numbers, or round them differently."""

CODE = "code"
"""Name of the hash of the program's own modules: it changes even where the number of the version does not."""


def versions() -> dict[str, str]:
    """The version of this program and of its libraries, by name; an empty text for what is not installed."""
    return {**{name: _version(name) for name in _PACKAGES}, CODE: source_hash("mitodata", "mitogen")[:16]}


def difference(theirs: Mapping[str, object], ours: Mapping[str, object]) -> str:
    """Say in which package two machines differ first, as "numpy 2.1.0 instead of 2.4.6"; empty if they do not."""
    for name in (*ours, *theirs):
        one, other = theirs.get(name) or "none", ours.get(name) or "none"
        if one != other:
            package = f"mitogen-em ({CODE})" if name == CODE else name
            return f"{package} {one} instead of {other}"
    return ""


def machine() -> str:
    """Name of this machine."""
    return socket.gethostname()


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # run from a source tree that was never installed
        return ""
