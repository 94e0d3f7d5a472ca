"""What the bytes of images depend on beside the job: this program and the libraries that it computes with."""

from mitodata.cluster.versions import versions_of

_PACKAGES = ("mitogen-em", "numpy", "scipy", "numba", "noise", "scikit-image")
"""The first is this program. Another version of the others may draw other numbers, or round them differently."""


def versions() -> dict[str, str]:
    """The version of this program and of its libraries, by name; an empty text for what is not installed."""
    return versions_of(_PACKAGES, "mitodata", "mitogen")
