"""The card of a model: what it learned from, how well it does, and where it fails."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mitodata import RunError
from mitodata.errors import did_you_mean
from mitoseg.config.problems import find_problems

WIDTH = 120
"""Longest line of a card."""


class Score(BaseModel):
    """How well a model does on one set of images; numbers are 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: str = Field(description="the set of images")
    views: str = Field(default="", description="how they were seen: sections, three axes")
    iou: float = Field(ge=0, le=1, description="foreground intersection over union, mean over images")
    std: float | None = Field(default=None, ge=0, le=1, description="its standard deviation over images")
    note: str = Field(default="", description="what else must be known")


class Card(BaseModel):
    """What is known of a model; empty where nothing is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="", description="name of the model")
    description: str = Field(default="", description="what it does, in a sentence")
    learned_from: tuple[str, ...] = Field(default=(), description="images, stage by stage")
    network: str = Field(default="", description="network and parameters")
    steps: tuple[int, ...] = Field(default=(), description="training steps, stage by stage")
    minutes: tuple[float, ...] = Field(default=(), description="wall time, stage by stage")
    seeds: tuple[int, ...] = Field(default=(), description="seeds, stage by stage")
    conditions: str = Field(default="", description="machine and versions")
    scores: tuple[Score, ...] = Field(default=(), description="how well it does")
    limits: tuple[str, ...] = Field(default=(), description="where it fails")
    licence: str = Field(default="", description="terms of use")
    commit: str = Field(default="", description="revision of the program that fitted it")
    command: str = Field(default="", description="command that fitted it")
    software: dict[str, str] = Field(default_factory=dict, description="versions that it was fitted with")

    def text(self) -> str:
        """The card as Markdown: facts, scores, limits."""
        lines = [f"# {self.name or 'A model'}", ""]
        lines += [*wrapped(self.description), ""] if self.description else []
        lines += self.facts()
        if self.scores:
            lines += ["", "## Scores", "", *score_table(self.scores)]
        if self.limits:
            lines += ["", "## Limits", "", *(line for limit in self.limits for line in wrapped(f"- {limit}"))]
        return "\n".join(lines) + "\n"

    def facts(self, without: Sequence[str] = ()) -> list[str]:
        """What is known beside scores and limits, as lines of a Markdown list; `without` some, by name."""
        lines: list[str] = []
        for name, value in self._facts():
            if value and name not in without:
                lines += wrapped(f"- {name}: {value}")
        return lines

    def _facts(self) -> list[tuple[str, str]]:
        return [
            ("Learned from", "; ".join(self.learned_from)),
            ("Network", self.network),
            ("Steps", ", ".join(f"{number:,}" for number in self.steps)),
            ("Minutes", ", ".join(f"{number:g}" for number in self.minutes)),
            ("Seeds", ", ".join(map(str, self.seeds))),
            ("Conditions", self.conditions),
            ("Licence", self.licence),
            ("Commit", self.commit),
            ("Command", f"`{self.command}`" if self.command else ""),
            ("Software", ", ".join(f"{name} {number}" for name, number in sorted(self.software.items()))),
        ]


def wrapped(text: str) -> list[str]:
    """A paragraph or an item of a Markdown list, in lines of at most `WIDTH` characters; words stay whole."""
    indent = "  " if text.startswith("- ") else ""
    return wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def read_card(path: Path) -> dict[str, Any]:
    """Read what a TOML or JSON file says of a model: some fields of `Card`.

    Raises:
        RunError: it cannot be read, is neither, or holds something else.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        given: dict[str, Any] = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror or error}; expected a card, TOML or JSON") from error
    except ValueError as error:
        raise RunError(f"{path}: neither TOML nor JSON (named .json): {error}") from error
    parse_card(given, str(path))
    return given


def parse_card(tree: object, where: str) -> Card:
    """Check a tree of plain values; `where` starts the message.

    Raises:
        RunError: a field is unknown (with the nearest known name), or a value has the wrong type or range.
    """
    try:
        return Card.model_validate(tree)
    except ValidationError as error:
        problems = find_problems(error)
        # A misspelt field is missing as well.
        first = next((one for one in problems if one.unknown), problems[0])
        if first.unknown:
            known = Score.model_fields if first.path[0] == "scores" else Card.model_fields
            hint = did_you_mean(str(first.path[-1]), known, f"known fields: {', '.join(known)}")
            raise RunError(f"{where}: unknown field {first.place}{hint}") from error
        raise RunError(f"{where}: {first.place or 'card'}: {first.message}") from error


def score_table(scores: Sequence[Score]) -> list[str]:
    """Scores as a Markdown table, without the columns that are empty.

    A standard deviation of 0 is that of a single image, and says nothing.
    """
    columns = {
        "images": [score.images for score in scores],
        "views": [score.views for score in scores],
        "IoU": [f"{score.iou:.3f}" for score in scores],
        "std": [f"{score.std:.3f}" if score.std else "" for score in scores],
        "note": [score.note for score in scores],
    }
    columns = {name: cells for name, cells in columns.items() if any(cells)}
    rows = [[*columns], ["---"] * len(columns), *zip(*columns.values(), strict=True)]
    return ["| " + " | ".join(row) + " |" for row in rows]
