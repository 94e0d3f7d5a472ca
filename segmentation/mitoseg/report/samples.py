"""The sets of images that a run learned from, was validated on and is scored on, each with some of its images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from mitodata import DataError, MitoError, Sample
from mitodata.hdf5.dataset import Dataset
from mitoseg.config.settings import FitConfig
from mitoseg.data import SectionFiles, first_rendered, single_sections, split_sections
from mitoseg.io.panels import CAPTION_PX, draw_scale_bar, fit_picture, font, mask_grey, overlay
from mitoseg.report.provenance import RunRecord, describe_file

SAMPLES = 6
"""Images on a sheet, evenly spread over the file."""

TILE_PX = 300


@dataclass(frozen=True, eq=False)
class Triple:
    """One image of a sheet.

    Attributes:
        name: what stands below.
        image: grey, with a scale bar.
        mask: white where the truth is foreground.
        overlay: the mask on the image.
    """

    name: str
    image: Image.Image
    mask: Image.Image
    overlay: Image.Image


def read_triples(path: Path, sections: Sequence[tuple[int, int]] | None = None, count: int = SAMPLES) -> list[Triple]:
    """Draw `count` sections of a labelled file, evenly spread, none of them picked for its looks.

    Args:
        path: the file.
        sections: numbers of samples and z of those that may be drawn; all if None.
        count: how many are drawn, if there are as many.

    Raises:
        DataError: the file is missing, damaged or unlabelled.
    """
    with Dataset(path) as file:
        places = sections or [(sample, z) for sample in range(len(file)) for z in range(file.shape(sample)[0])]
        # The middles of equal parts: of a volume neither its first nor its last section.
        chosen = sorted({(2 * part + 1) * len(places) // (2 * count) for part in range(count)})
        triples = []
        for number, z in (places[place] for place in chosen):
            section = file.read(number, (slice(z, z + 1), slice(None), slice(None)))
            name = section.name or f"image {number}"
            triples.append(_draw(section, f"{name} z {z}" if file.shape(number)[0] > 1 else name))
        return triples


def draw_triples(samples: Sequence[Sample]) -> list[Triple]:
    """Draw the middle sections of labelled samples."""
    middles = [(sample, sample.raw.shape[0] // 2) for sample in samples]
    return [
        _draw(
            Sample(
                sample.raw[z : z + 1],
                sample.voxel_size_nm,
                None if sample.label is None else sample.label[z : z + 1],
                None if sample.mask is None else sample.mask[z : z + 1],
            ),
            f"image {number}",
        )
        for number, (sample, z) in enumerate(middles)
    ]


def draw_sheet(triples: Sequence[Triple]) -> Image.Image:
    """Lay out triples (at least one) in two columns, each with its name below."""
    width = max(3 * (triple.image.width + 2) for triple in triples) + 12
    height = max(triple.image.height for triple in triples) + CAPTION_PX + 6
    columns = min(2, len(triples))
    sheet = Image.new("RGB", (columns * width, -(-len(triples) // columns) * height), "white")
    for place, triple in enumerate(triples):
        row, column = divmod(place, columns)
        left, top = column * width, row * height
        for part in (triple.image, triple.mask, triple.overlay):
            sheet.paste(part, (left, top))
            left += part.width + 2
        below = top + triple.image.height + 1
        ImageDraw.Draw(sheet).text((column * width + 2, below), triple.name, fill="black", font=font(13))
    return sheet


def _draw(section: Sample, name: str) -> Triple:
    if section.mask is None:
        raise DataError(f"{name}: has no labels; expected a dataset with label and mask")
    raw, mask = section.raw[0], section.mask[0]
    painted = overlay(raw, mask, np.asarray(mask == 1))
    parts = (raw, mask_grey(mask), painted)
    pictures, pixel_nm = fit_picture(parts, section.voxel_size_nm[1:], TILE_PX)
    draw_scale_bar(pictures[0], pixel_nm)
    return Triple(name, *pictures)


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
            held_out = list(single_sections(split_sections(files, run.val_fraction, config.seed).held_out))
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
