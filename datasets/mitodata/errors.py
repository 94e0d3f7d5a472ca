"""The exceptions users see: one line that says what was got, what was expected and what to do."""


class MitoError(Exception):
    """Base of every error a user can cause; the commands print it as one line and exit with code 2."""


class DataError(MitoError):
    """A file or an array is missing, damaged, or not what it claims to be."""


class RecipeError(MitoError):
    """A recipe or a knob is unknown, out of range or impossible."""


class RunError(MitoError):
    """A training run or a checkpoint is missing, incomplete or does not fit the data."""
