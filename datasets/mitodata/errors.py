"""The errors users see: one line that says what was got, what was expected and what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class MitoError(Exception):
    """Base of every error a user can cause; the commands print it as one line and exit with code 2."""


class DataError(MitoError):
    """A file or an array is missing, damaged, or not what it claims to be."""


class WriteError(DataError):
    """A file cannot be written: no space, no permission, another writer."""


class RecipeError(MitoError):
    """A recipe or a knob is unknown, out of range or impossible."""


class RunError(MitoError):
    """A training run or a checkpoint is missing, incomplete or does not fit the data."""


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """End of a message about an unknown name: `; did you mean ...?`, for the known name that is closest to it.

    Args:
        name: what was got.
        known: what could have been meant.
        otherwise: what to say, after a semicolon, where nothing is close; nothing if it is empty.
    """
    close = get_close_matches(name, list(known), n=1)
    hint = f"did you mean {close[0]}?" if close else otherwise
    return f"; {hint}" if hint else ""
