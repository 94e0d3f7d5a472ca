"""The card of a model: what it learned from, how well it does, and where it fails."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mitodata import RunError
from mitodata.errors import did_you_mean


class Score(BaseModel):
    """How well a model does on one set of images; numbers are means over images, 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tissue: str = Field(description="what is in the images")
    images: int | None = Field(default=None, ge=1, description="number of sections")
    axes: str = Field(default="z", description="axes that slices were seen along")
    iou: float = Field(ge=0, le=1, description="foreground intersection over union")
    dice: float | None = Field(default=None, ge=0, le=1, description="foreground Dice coefficient")
    precision: float | None = Field(default=None, ge=0, le=1, description="of foreground pixels")
    recall: float | None = Field(default=None, ge=0, le=1, description="of foreground pixels")
    note: str = Field(default="", description="what else must be known")


class Card(BaseModel):
    """What is known of a model; empty where nothing is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="", description="name of the model")
    description: str = Field(default="", description="what it does, in a sentence")
    learned_from: str = Field(default="", description="recipe and images")
    images: int | None = Field(default=None, ge=1, description="images that it learned from")
    pixel_sizes: str = Field(default="", description="pixel sizes of those images, nm")
    network: str = Field(default="", description="network and parameters")
    steps: int | None = Field(default=None, ge=0, description="training steps")
    seeds: tuple[int, ...] = Field(default=(), description="seeds of the fits")
    scores: tuple[Score, ...] = Field(default=(), description="how well it does")
    limits: tuple[str, ...] = Field(default=(), description="where it fails")
    licence: str = Field(default="", description="terms of use")
    commit: str = Field(default="", description="revision of the program that fitted it")
    command: str = Field(default="", description="command that fitted it")
    software: dict[str, str] = Field(default_factory=dict, description="versions that it was fitted with")

    def text(self) -> str:
        """The card as Markdown: facts, scores, limits."""
        lines = [f"# {self.name or 'A model'}", ""]
        lines += [self.description, ""] if self.description else []
        lines += [f"- {name}: {value}" for name, value in self._facts() if value]
        if self.scores:
            lines += ["", "## Scores", "", *_table(self.scores)]
        if self.limits:
            lines += ["", "## Limits", "", *(f"- {limit}" for limit in self.limits)]
        return "\n".join(lines) + "\n"

    def _facts(self) -> list[tuple[str, str]]:
        return [
            ("Learned from", self.learned_from),
            ("Images", f"{self.images:,}" if self.images else ""),
            ("Pixel sizes", self.pixel_sizes),
            ("Network", self.network),
            ("Steps", f"{self.steps:,}" if self.steps else ""),
            ("Seeds", ", ".join(map(str, self.seeds))),
            ("Licence", self.licence),
            ("Commit", self.commit),
            ("Command", f"`{self.command}`" if self.command else ""),
            ("Software", ", ".join(f"{name} {number}" for name, number in sorted(self.software.items()))),
        ]


def read_card(path: Path) -> dict[str, Any]:
    """Read what a TOML file says of a model: some fields of `Card`.

    Raises:
        RunError: it cannot be read, is no TOML, or holds something else.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror or error}; expected a card in TOML") from error
    except ValueError as error:
        raise RunError(f"{path}: not TOML: {error}") from error
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
        problems = error.errors()
        # A misspelt field is missing as well.
        first = next((one for one in problems if one["type"] == "extra_forbidden"), problems[0])
        place = ".".join(map(str, first["loc"])) or "card"
        if first["type"] == "extra_forbidden":
            known = Score.model_fields if first["loc"][0] == "scores" else Card.model_fields
            hint = did_you_mean(str(first["loc"][-1]), known, f"known fields: {', '.join(known)}")
            raise RunError(f"{where}: unknown field {place}{hint}") from error
        message = first["msg"]
        raise RunError(f"{where}: {place}: {message[0].lower()}{message[1:]}") from error


def _table(scores: Sequence[Score]) -> list[str]:
    """Scores as a Markdown table, without the columns that are empty."""
    columns = {
        "tissue": [score.tissue for score in scores],
        "images": ["" if score.images is None else str(score.images) for score in scores],
        "axes": [score.axes for score in scores],
        **{name: [_share(getattr(score, name)) for score in scores] for name in ("iou", "dice", "precision", "recall")},
        "note": [score.note for score in scores],
    }
    columns = {name: cells for name, cells in columns.items() if any(cells)}
    titles = [{"iou": "IoU", "dice": "Dice"}.get(name, name) for name in columns]
    rows = [titles, ["---"] * len(titles), *zip(*columns.values(), strict=True)]
    return ["| " + " | ".join(row) + " |" for row in rows]


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
