"""Libraries that a part of the program needs and a plain installation lacks."""

from importlib import import_module
from typing import Any

from mitodata import RunError

EXTRA = "mitogen-em[export]"
"""What brings the libraries for models in the forms of other programs."""


def need(module: str, purpose: str) -> Any:
    """Import a library that `EXTRA` brings.

    Args:
        module: its name.
        purpose: what wants it; the message begins with it.

    Raises:
        RunError: it is missing, or one that it needs.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or module).partition(".")[0]
        raise RunError(f"{purpose} needs {missing}; install it with: pip install '{EXTRA}'") from error
