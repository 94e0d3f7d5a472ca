"""What pydantic finds wrong, for messages of one line."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError


@dataclass(frozen=True)
class Problem:
    """A value that is not as expected.

    Attributes:
        kind: the error's type in pydantic, as "missing".
        path: the names and numbers that lead to it; empty where it is the whole that is wrong.
        got: the value; of a missing one, what it is missing in.
        message: what is expected, to go on with in a line.
    """

    kind: str
    path: tuple[int | str, ...]
    got: Any
    message: str

    @property
    def place(self) -> str:
        """The path, with dots."""
        return ".".join(map(str, self.path))

    @property
    def unknown(self) -> bool:
        """Whether there is nothing of this name."""
        return self.kind == "extra_forbidden"


def find_problems(error: ValidationError) -> list[Problem]:
    """All that is wrong, in the order of the fields."""
    found = []
    for one in error.errors(include_url=False):
        text = one["msg"].removeprefix("Value error, ")
        found.append(Problem(one["type"], one["loc"], one["input"], f"{text[0].lower()}{text[1:]}"))
    return found
