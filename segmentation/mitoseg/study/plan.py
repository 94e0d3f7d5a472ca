"""A study file: what is varied, how often, and on what it is scored."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from mitodata.errors import RunError, did_you_mean
from mitoseg.config.problems import find_problems

READY = files("mitoseg") / "study" / "ready"
RESERVED = ("synthetic", "real", "gap")
"""Names that a test set cannot have: columns of the table."""

DesignName = Literal["grid", "one-at-a-time", "leave-one-out", "random"]


class TestSet(BaseModel):
    """Labelled images that every trial is scored on.

    Attributes:
        file: an HDF5 file; None where the user has to give it.
        every: only every so-manieth section is scored.
    """

    __test__ = False  # not a test, whatever pytest thinks of its name
    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Path | None = None
    every: int = Field(default=1, ge=1)


class Contents(BaseModel):
    """What a study file may hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = ""
    design: DesignName
    seeds: list[Annotated[int, Field(ge=0, lt=2**63)]] = Field(default=[0, 1, 2], min_length=1)
    samples: int = Field(default=20, ge=2, description="conditions of a random search")
    keep_models: bool = False
    base: dict[str, Any] = Field(default_factory=dict)
    factors: dict[str, Any] = Field(min_length=1)
    tests: dict[str, TestSet] = Field(default_factory=dict)

    @field_validator("seeds")
    @classmethod
    def _each_once(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("expected each seed once: the same seed gives the same fit, not another one")
        return seeds


@dataclass(frozen=True)
class Plan:
    """A study file that was read.

    Attributes:
        name: of the file, without its ending.
        text: the file.
        folder: what relative paths in it start from.
        contents: what it says.
    """

    name: str
    text: str
    folder: Path
    contents: Contents


def ready_names() -> list[str]:
    """The studies that come with mitoseg."""
    return sorted(item.name.removesuffix(".toml") for item in READY.iterdir() if item.name.endswith(".toml"))


def read_plan(name: str) -> Plan:
    """Read a study by one name: a file if it ends in .toml, else one of those that come with mitoseg.

    Raises:
        RunError: there is no such study, it is no TOML, or it says something impossible.
    """
    if name.endswith(".toml"):
        source: Path | Traversable = Path(name)
        where, folder = name, Path(name).parent
    else:
        names = ready_names()
        if name not in names:
            hint = did_you_mean(name, names, f"expected FILE.toml, or one of: {', '.join(names)}")
            raise RunError(f"study {name}: unknown{hint}")
        source, where, folder = READY / f"{name}.toml", f"study {name}", Path()
    try:
        text = source.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RunError(f"{where}: cannot be read ({error.strerror}); expected a study file") from error
    except UnicodeDecodeError as error:
        raise RunError(f"{where}: is not text (byte {error.start}); expected a study file in TOML") from error
    return Plan(Path(name).stem, text, folder, _parse(text, where))


def given_tests(plan: Plan, given: Mapping[str, Path]) -> dict[str, TestSet]:
    """The test sets that have a file, those that were `given` by name winning.

    Raises:
        RunError: there is none, or a name is reserved.
    """
    tests = {
        name: test.model_copy(update={"file": plan.folder / test.file})
        for name, test in plan.contents.tests.items()
        if test.file is not None
    }
    for name, path in given.items():
        every = plan.contents.tests.get(name, TestSet())
        tests[name] = every.model_copy(update={"file": path})
    for name in tests:
        if name in RESERVED or not name.replace("-", "").replace("_", "").isalnum():
            raise RunError(f"test set {name!r}: expected another name, of letters, digits, - and _")
    if not tests:
        names = " ".join(f"--test {name}=FILE.h5" for name in plan.contents.tests or ["NAME"])
        raise RunError(f"study {plan.name}: no file to score on; give {names} (made by `mitogen import`)")
    return tests


def _parse(text: str, where: str) -> Contents:
    try:
        return Contents.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise RunError(f"{where}: not valid TOML: {str(error).splitlines()[0]}") from error
    except ValidationError as error:
        first = find_problems(error)[0]
        if first.unknown:
            hint = did_you_mean(str(first.path[-1]), [*Contents.model_fields, *TestSet.model_fields])
            raise RunError(f"{where}: {first.place}: unknown{hint}") from error
        got = "" if first.kind == "missing" else f"got {first.got!r}; "
        raise RunError(f"{where}: {first.place}: {got}{first.message}") from error
