"""The labels that a user gives: read as `mitogen import` reads them, and kept in one file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mitodata import IGNORE, DataError, Sample, VoxelSize
from mitodata.hdf5.dataset import Dataset, Provenance, write_dataset
from mitodata.importers.importing import import_dataset
from mitodata.readers.hdf5 import SUFFIXES

_EXPECTED = "IMAGES LABELS in turn, each a file or a folder, or HDF5 files of ours, which hold both"


@dataclass(frozen=True)
class LabelFiles:
    """Files of images and labels, and what is said of them.

    Attributes:
        files: images and their labels in turn, each a file or a folder; or HDF5 files in the format of `mitodata`,
            which hold both.
        regions: masks of what was reviewed, not 0 inside, one for each pair of images and labels; none where 0 in the
            labels is background.
        voxel_size_nm: (z, y, x) in nm; None for what files say.
        mask_values: what values in labels mean (see `mitodata.importers.annotations.choice`); None to let them tell.
        unknown: values at which nothing is known; None for 255 beside 0 and 1.
        invert: "auto", "on" or "off": whether images are negatives.
    """

    files: Sequence[Path]
    regions: Sequence[Path] = ()
    voxel_size_nm: VoxelSize | None = None
    mask_values: str | None = None
    unknown: str | None = None
    invert: str = "auto"


def write_labels(given: LabelFiles, path: Path) -> list[str]:
    """Collect all sections of which anything is known in one file.

    What lies outside of reviewed regions is unknown. Where no regions are given, a section of a stack without any label
    is one that nobody looked at.

    Args:
        given: the files.
        path: the HDF5 file to write, a sample a section; an older one is replaced.

    Returns:
        What the user should know, one line each.

    Raises:
        DataError: a file is missing, damaged or unlabelled, labels do not fit the images, or regions the labels; no
            pixel is known, or none is foreground. Nothing is written then.
    """
    pairs = list(_pair(given.files))
    if given.regions and len(given.regions) != len(pairs):
        raise DataError(
            f"{len(given.regions)} masks of reviewed regions for {len(pairs)} of labels; expected one for each, in the "
            "same order (--region)"
        )
    reader = _Reader(given)
    samples = (sample for number, pair in enumerate(pairs) for sample in reader.sections(number, *pair))
    write_dataset(path, _checked(samples, pairs[0][1]), _provenance(pairs), overwrite=True)
    return reader.notes


def _provenance(pairs: Sequence[tuple[Path, Path]]) -> Provenance:
    return Provenance(source="labels given to mitoseg finetune: " + ", ".join(images.name for images, _ in pairs))


def _checked(samples: Iterator[Sample], labels: Path) -> Iterator[Sample]:
    """Pass sections on, and see at the end that there is something to learn from."""
    sections = foreground_px = 0
    for sample in samples:
        sections += 1
        foreground_px += int(np.count_nonzero(sample.mask == 1))
        yield sample
    if not sections:
        raise DataError(f"{labels}: nothing is known of any pixel; expected labels, at least in a part of a section")
    if not foreground_px:
        raise DataError(f"{labels}: no foreground in {sections} reviewed sections; expected some to learn from")


def _pair(files: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    """Images with their labels; those of an HDF5 file of ours are in the file itself.

    Raises:
        DataError: there are none, or the last images have none.
    """
    if not files:
        raise DataError(f"no labels; expected {_EXPECTED}")
    left = iter(files)
    for images in left:
        if images.suffix.lower() in SUFFIXES:
            yield images, images
            continue
        labels = next(left, None)
        if labels is None:
            raise DataError(f"{images}: no labels after it; expected {_EXPECTED}")
        yield images, labels


class _Reader:
    """Reads sections with what is known of them.

    Attributes:
        notes: what the user should know, one line each.
    """

    def __init__(self, given: LabelFiles) -> None:
        self.notes: list[str] = []
        self._given = given

    def sections(self, number: int, images: Path, labels: Path) -> Iterator[Sample]:
        """Read the sections of one pair of which anything is known."""
        regions = self._given.regions[number] if self._given.regions else None
        skipped = total = 0
        silent = images != labels and not regions and labels.is_file()  # in a stack, 0 everywhere says nothing
        alone: Sample | None = None
        for sample in self._restricted(images, labels, regions):
            total += 1
            mask = sample.mask
            if mask is None:
                raise DataError(f"{labels}: has no labels; expected masks or instances")
            if not np.any(mask != IGNORE) or (silent and not (mask == 1).any()):
                skipped += 1
                alone = sample if total == 1 else None
            else:
                yield sample
        if total == 1 and alone is not None and np.any(alone.mask != IGNORE):
            skipped = 0
            yield alone
        if skipped:
            self.notes.append(
                f"{labels.name}: {skipped} of {total} sections hold no label: taken as not reviewed (else say what is "
                "reviewed: --region MASKS)"
            )

    def _restricted(self, images: Path, labels: Path, regions: Path | None) -> Iterator[Sample]:
        """Read all sections; what lies outside of the regions is unknown."""
        if images == labels:
            if regions:
                raise DataError(f"{images}: is a dataset file, where 255 in the mask is unknown; expected no --region")
            yield from _stored(images)
            return
        samples = self._import(images, labels, self._given.mask_values, self._given.unknown)
        if regions is None:
            yield from samples
            return
        reviewed = Regions(self._import(images, regions, "any", None), regions)
        for sample in samples:
            if sample.mask is None:
                raise DataError(f"{labels}: has no labels; expected masks or instances")
            yield replace(sample, mask=np.where(reviewed.of(sample), sample.mask, np.uint8(IGNORE)))
        reviewed.check_taken()

    def _import(self, images: Path, labels: Path, mask_values: str | None, unknown: str | None) -> Iterator[Sample]:
        for path in (images, labels):
            if not path.exists():
                raise DataError(f"{path}: not found; expected images and their labels")
        samples, _ = import_dataset(
            "pairs",
            images,
            voxel_size_nm=self._given.voxel_size_nm,
            as_volume=False,
            invert=self._given.invert,
            masks=str(labels),
            mask_values=mask_values,
            unknown=unknown,
        )
        return iter(samples)


class Regions:
    """Masks of what was reviewed, by the names of the sections.

    Sections come in another order than regions where some labels are shapes and others pictures. Regions that come too
    early are kept.
    """

    def __init__(self, samples: Iterator[Sample], where: Path) -> None:
        """Begin.

        Args:
            samples: sections with their regions as masks; each name once.
            where: named in errors.
        """
        self._samples, self._where = samples, where
        self._early: dict[str, NDArray[np.bool_]] = {}

    def of(self, section: Sample) -> NDArray[np.bool_]:
        """Return what was reviewed of a section, (Z, Y, X).

        Raises:
            DataError: it has no region.
        """
        while section.name not in self._early:
            sample = next(self._samples, None)
            if sample is None or sample.mask is None:
                raise DataError(f"{self._where}: has no region for {section.name}; expected one for each image")
            self._early[sample.name] = sample.mask == 1
        return self._early.pop(section.name)

    def check_taken(self) -> None:
        """Check that each region belongs to a section that has labels.

        Raises:
            DataError: one does not.
        """
        name = next(iter(self._early), None) or next((sample.name for sample in self._samples), None)
        if name is not None:
            raise DataError(f"{self._where}: has a region for {name}, which has no labels; expected labels for it")


def _stored(path: Path) -> Iterator[Sample]:
    """The sections of a dataset file, one by one."""
    with Dataset(path) as file:
        if not file.labelled:
            raise DataError(f"{path}: has no labels; expected a dataset with label and mask")
        for number in range(len(file)):
            for z in range(file.shape(number)[0]):
                sample = file.read(number, (slice(z, z + 1), slice(None), slice(None)))
                yield replace(sample, params={}, compartment=None, name=f"{sample.name or path.stem} {z}".strip())
