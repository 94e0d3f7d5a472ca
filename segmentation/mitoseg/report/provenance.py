"""How a run was made, and where the images it was scored on come from."""

import csv
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mitodata import DataError
from mitodata.hdf5.dataset import Dataset
from mitoseg.config.settings import FitConfig
from mitoseg.inference.model import Model
from mitoseg.models.card import Card, parse_card
from mitoseg.training.run_folder import TUNED


@dataclass(frozen=True, eq=False)
class RunRecord:
    """What the folder of a run says about it.

    Attributes:
        folder: of the run.
        training: files it learned from; empty if the folder does not say.
        validation: files that it was validated on; empty if a share of the training data was held out.
        tuned: files that its thresholds were chosen on after the fit; empty if they are those of the fit.
        val_fraction: that share.
        recipe: TOML of the recipe that it rendered its training images from; empty if it read files.
        software: version by name.
        environment: command, commit and machine of its last stretch, in words.
        history: columns of its metrics.csv by name; empty if it has none.
        unlabelled: images that it adapted to without labels.
        start: model whose weights it began with when it learned from a few labels; "" otherwise.
    """

    folder: Path
    training: Sequence[Path]
    validation: Sequence[Path]
    tuned: Sequence[Path]
    val_fraction: float
    recipe: str
    software: Mapping[str, str]
    environment: Mapping[str, str]
    history: Mapping[str, Sequence[float]]
    unlabelled: Sequence[Path] = ()
    start: str = ""


def read_origin(model: Model) -> RunRecord:
    """Read how a model was made: from its card, or from the folder of its run."""
    card = model.card
    if card == Card():
        return read_run(Path(model.name))
    said = {"Command": card.command, "Commit": card.commit, "Learned from": "; ".join(card.learned_from)}
    said = {name: value for name, value in said.items() if value}
    return RunRecord(Path(model.name), (), (), (), 0, "", card.software, said, {})


def read_run(run: Path) -> RunRecord:
    """Read what a run left in its folder; what is missing (a lone checkpoint has nothing beside it) is empty."""
    folder = run if run.is_dir() else run.parent
    content = _read_json(folder / "config.json")
    settings: dict[str, Any] = content if isinstance(content, dict) else {}
    recipe = str(settings.get("recipe") or "")
    held_out = [Path(str(path)) for path in settings.get("validation") or []]
    if recipe and not held_out and (folder / "validation.h5").exists():
        held_out = [folder / "validation.h5"]
    return RunRecord(
        folder,
        [Path(str(path)) for path in settings.get("training") or []],
        held_out,
        _read_tuned(folder / TUNED) if run.is_dir() or run.name == "last.pt" else [],
        float(settings.get("val_fraction") or 0),
        recipe,
        {str(name): str(value) for name, value in (settings.get("software") or {}).items()},
        _read_environment(folder / "environment.json"),
        _read_history(folder / "metrics.csv"),
        [Path(str(path)) for path in (settings.get("adapted") or {}).get("images") or []],
        str((settings.get("start") or {}).get("model") or "") if "finetune" in settings else "",
    )


def _read_tuned(path: Path) -> list[Path]:
    content = _read_json(path)
    files = content.get("files") if isinstance(content, dict) else None
    return [Path(str(each)) for each in files] if isinstance(files, list) else []


def write_card(model: Model, given: Mapping[str, Any]) -> Card:
    """Fill in the card of a model: what it says itself, what its run left in its folder, and what is given.

    Args:
        model: the model.
        given: fields of the card, which win.
    """
    record, config = read_origin(model), model.config
    parameters = sum(weight.numel() for weight in model.network.parameters())
    steps = record.history.get("step", ())
    found = {
        "learned_from": _sources(record),
        "network": f"{config.network}, {parameters:,} parameters, {config.dimensions}D, target {config.target}, "
        f"{config.working_voxel_nm:g} nm a pixel",
        "steps": [int(steps[-1])] if steps else [],
        "seeds": [config.seed],
        "commit": record.environment.get("Commit", ""),
        "command": without_folders(record.environment.get("Command", "")),
        "software": dict(record.software),
    }
    own = model.card.model_dump(exclude_defaults=True)
    return parse_card({**found, **own, **given}, model.name)


def without_folders(command: str) -> str:
    """A command line without the folders of whoever ran it: absolute paths become names."""
    words = [Path(word).name if Path(word).is_absolute() else word for word in shlex.split(command)]
    return shlex.join("mitoseg" if word == "__main__.py" else word for word in words)


def _sources(record: RunRecord) -> list[str]:
    """What a run learned from, by name."""
    rendered = ["a recipe, rendered as it went"] if record.recipe else [path.name for path in record.training]
    rendered = [f"what {Path(record.start).name} had learned", *rendered] if record.start else rendered
    return [*rendered, *(f"{path.name}, without labels" for path in record.unlabelled)]


def settings_of(config: FitConfig) -> list[tuple[str, object, bool]]:
    """Settings of a run: name (with dots), value, and whether it differs from the default."""
    values, defaults = _flat(config.model_dump()), _flat(FitConfig().model_dump())
    return [(name, value, value != defaults.get(name)) for name, value in values.items()]


def describe_file(path: Path) -> dict[str, str]:
    """Say in a few words what a dataset file holds; its recipe is under "recipe".

    Raises:
        DataError: it is missing or damaged.
    """
    with Dataset(path) as file:
        if not len(file):
            raise DataError(f"{path}: holds no images; expected at least one")
        origin = file.provenance
        size = " x ".join(str(length) for length in file.shape(0))
        voxel = " x ".join(f"{edge:g}" for edge in file.voxel_size_nm(0))
        said = {
            "images": f"{len(file)}, the first of {size} voxels (z, y, x) of {voxel} nm",
            "source": origin.source,
            "seed": "" if origin.seed is None else str(origin.seed),
            "written by": origin.software,
            "licence": origin.licence,
            "citation": origin.citation,
            "recipe": origin.recipe,
        }
    return {name: value for name, value in said.items() if value}


def _read_json(path: Path) -> object:
    """What a JSON file holds; None if it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _read_environment(path: Path) -> dict[str, str]:
    stretches = _read_json(path)
    last = stretches[-1] if isinstance(stretches, list) and stretches else None
    if not isinstance(last, dict):
        return {}
    said = {
        "Command": shlex.join(map(str, last.get("command") or [])),
        "Commit": last.get("git"),
        "Machine": f"{last.get('platform', '')}, {last.get('cores', '?')} cores, {last.get('gpu') or 'no GPU'}",
        "Started": last.get("started"),
    }
    return {name: str(value) for name, value in said.items() if value}


def _read_history(path: Path) -> dict[str, list[float]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return {name: [float(row[name]) for row in rows] for name in rows[0]} if rows else {}
    except (OSError, ValueError, TypeError):
        return {}


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat
