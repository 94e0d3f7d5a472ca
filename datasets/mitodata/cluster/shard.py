"""A shard: which of the equal shares of some work one of several machines does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from mitodata.errors import MitoError

T = TypeVar("T")

MOST_DIGITS = 9
"""Numbers of shards have at most this many digits."""


class ShardError(MitoError):
    """There is no such share of the work."""


@dataclass(frozen=True)
class Shard:
    """One of the equal shares into which work is cut, in order.

    Attributes:
        number: which, from 1 on.
        of: how many there are.

    Raises:
        ShardError: there is no such shard.
    """

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise ShardError(f"shard {self}: expected 1/{self.of} to {self.of}/{self.of}")

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read `I/N`: the Ith of N shards.

        Raises:
            ShardError: it is none.
        """
        number, of = (part.strip() for part in text.partition("/")[::2])
        if not all(part.isdecimal() and len(part.lstrip("0")) <= MOST_DIGITS for part in (number, of)) or not (
            1 <= int(number) <= int(of)
        ):
            shown = text if len(text) <= 60 else f"{text[:57]}..."
            raise ShardError(f"{shown!r}; expected I/N, the Ith of N shards, from 1/N to N/N")
        return cls(int(number), int(of))

    def cut(self, things: Sequence[T], called: str) -> Sequence[T]:
        """The share of this shard of all `things` of the work, which are `called` so in errors, in the plural.

        Raises:
            ShardError: there are fewer of them than shards.
        """
        if self.of > len(things):
            raise ShardError(f"shard {self} of {len(things)} {called}: expected at most as many shards as {called}")
        first, stop = ((number * len(things)) // self.of for number in (self.number - 1, self.number))
        return things[first:stop]
