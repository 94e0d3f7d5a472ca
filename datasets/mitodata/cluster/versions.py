"""What the bytes of results depend on beside the job: a program and the libraries that it computes with."""

import socket
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from mitodata.files import source_hash

CODE = "code"
"""Name of the hash of a program's own modules: it changes even where the number of the version does not."""


def versions_of(packages: Sequence[str], *sources: str) -> dict[str, str]:
    """The versions of packages by name, of those that are not installed an empty text; and the hash of our own sources.

    Args:
        packages: names of distributions; another version may draw other numbers, or round them differently.
        sources: our own packages.
    """
    return {**{name: _version(name) for name in packages}, CODE: source_hash(*sources)[:16]}


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
