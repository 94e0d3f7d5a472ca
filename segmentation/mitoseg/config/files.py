"""Files as users name them, and settings of a fit from TOML files: those of published studies, and the user's own."""

import tomllib
from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from mitodata import RunError
from mitodata.errors import did_you_mean
from mitodata.readers.remote import local
from mitoseg.config.settings import FitConfig, parse_config

STUDIES = files("mitoseg.config") / "presets"

Paths = str | Path | Sequence[str | Path]
"""A file, or several; paths or URLs."""


def as_paths(paths: Paths) -> list[Path]:
    """A file or several as a list of local paths; what is behind a URL is copied (`mitodata.readers.remote`).

    Raises:
        DataError: a URL cannot be read.
    """
    return [local(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]


def study_names() -> list[str]:
    """The studies whose settings ship with the package."""
    return sorted(entry.name.removesuffix(".toml") for entry in STUDIES.iterdir() if entry.name.endswith(".toml"))


def study_config(name: str) -> FitConfig:
    """The settings of the study called `name`.

    Raises:
        RunError: there is no such study.
    """
    names = study_names()
    if name not in names:
        raise RunError(f"study {name}: unknown{did_you_mean(name, names)}; there is: {', '.join(names)}")
    return _read(STUDIES / f"{name}.toml", f"study {name}", None)


def load_config(path: Path, base: FitConfig | None = None) -> FitConfig:
    """Read settings from a TOML file; what it does not say is as in `base`, or the default.

    Keys are those of `mitoseg fit --settings`; those of augmentation stand in a table `[augment]`. As TOML has no word
    for it, the text "none" stands for no value.

    Raises:
        RunError: the file cannot be read, is no TOML, or a setting is unknown or out of range.
    """
    return _read(path, str(path), base)


def _read(source: Traversable | Path, where: str, base: FitConfig | None) -> FitConfig:
    try:
        tree = tomllib.loads(source.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise RunError(f"{where}: cannot be read: {error.strerror or error}; expected a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RunError(f'{where}: is not TOML ({error}); expected lines such as network = "small"') from error
    start = base.model_dump() if base else {}
    return parse_config(_merge(start, {name: _value(value) for name, value in tree.items()}), where)


def _merge(start: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`changes` over `start`; augmentation setting by setting, arguments of a network as a whole."""
    augment = changes.get("augment")
    if isinstance(augment, dict):
        changes = {**changes, "augment": {**start.get("augment", {}), **augment}}
    return {**start, **changes}


def _value(value: object) -> object:
    return None if value == "none" else value
