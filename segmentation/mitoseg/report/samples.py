"""The sets of images that a run learned from, was validated on and is scored on, each with some of its images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mitodata import DataError, MitoError
from mitoseg.config.settings import FitConfig
from mitoseg.data import SectionFiles, first_rendered, slices, split_sections
from mitoseg.report.provenance import RunRecord, describe_file
from mitoseg.report.sheets import Triple, draw_triples, read_triples


@dataclass(frozen=True, eq=False)
class ImageSet:
    """One set.

    Attributes:
        role: what it was used for.
        name: of its file, or what else it is made of.
        about: what is known of it; a recipe is under "recipe".
        triples: some of its images.
        missing: why they are not shown; empty if they are.
    """

    role: str
    name: str
    about: Mapping[str, str] = field(default_factory=dict)
    triples: Sequence[Triple] = ()
    missing: str = ""


def image_sets(run: RunRecord, config: FitConfig, tests: Sequence[Path]) -> Iterator[ImageSet]:
    """All sets of a run and of the files it is scored on; what is no longer there is named."""
    if run.recipe:
        yield _rendered(run, config)
    used = _roles(run, tests)
    yield from (_from_file(path, role) for path, role in used.items() if role.startswith("Training"))
    if run.training and not run.validation:
        yield _held_out(run, config)
    yield from (_from_file(path, role) for path, role in used.items() if not role.startswith("Training"))


def _roles(run: RunRecord, tests: Sequence[Path]) -> dict[Path, str]:
    """What each file was used for; a validation file that was scored is shown once."""
    used: dict[Path, list[str]] = {}
    for role, paths in (
        ("Training", run.training),
        ("Validation", run.validation),
        ("Thresholds", run.tuned),
        ("Test", tests),
    ):
        for path in paths:
            used.setdefault(path.resolve(), []).append(role)
    return {path: " and ".join(dict.fromkeys(names)).capitalize() for path, names in used.items()}


def _from_file(path: Path, role: str) -> ImageSet:
    try:
        return ImageSet(role, path.name, describe_file(path), read_triples(path))
    except DataError as error:
        return ImageSet(role, path.name, missing=str(error))


def _held_out(run: RunRecord, config: FitConfig) -> ImageSet:
    """The part of the training files that was held out: the split depends on files, share and seed alone."""
    name = f"{run.val_fraction:.0%} of the training images, held out"
    try:
        files = SectionFiles(run.training)
        try:
            held_out = list(slices(split_sections(files, run.val_fraction, config.seed).held_out))
        finally:
            files.close()
        # Of several files the first that gave any.
        number = held_out[0].file
        places = [(section.sample, section.z) for section in held_out if section.file == number]
        triples = read_triples(run.training[number], places)
    except DataError as error:
        return ImageSet("Validation", name, missing=str(error))
    return ImageSet("Validation", name, {"sections": f"{len(held_out)}, these from {run.training[number]}"}, triples)


def _rendered(run: RunRecord, config: FitConfig) -> ImageSet:
    """The first images of a run that rendered its own."""
    name = "rendered while it trained"
    try:
        triples = draw_triples(first_rendered(run.recipe, config))
    except MitoError as error:
        return ImageSet("Training", name, missing=str(error))
    return ImageSet("Training", name, {"images": "one a patch, no two the same", "recipe": run.recipe}, triples)
