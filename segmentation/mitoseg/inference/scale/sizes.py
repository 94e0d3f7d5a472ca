"""The pixel sizes of the images of one call that state none."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mitodata import DataError, VoxelSize
from mitodata.contrast import spread
from mitodata.readers.inputs import open_images, to_source
from mitodata.readers.source import Source, StoredImage
from mitodata.readers.voxel_size import contradiction
from mitoseg.inference.model import Model
from mitoseg.inference.scale.evidence import Scale, choose_scale, look_at_all
from mitoseg.inference.scale.grouping import Spectrum, group_alike, join_agreeing, look_alike, spectrum_of
from mitoseg.inference.segment_image import SegmentOptions
from mitoseg.io.process import unheard
from mitoseg.io.series import ALIKE, likeness, numbered

_log = logging.getLogger("mitoseg")

CROPS = 6
CROP_PX = 256
"""Crops that are looked at, of all images together that look alike, and their side."""

PLACES = 32
"""Places in an image, at most, among which those for crops are chosen."""

SECTIONS = 16
"""Sections of a stack whose looks are compared."""

MOST_SAID = 20
"""Estimates up to which each is said."""

HOW = "give the voxel size in nm with --voxel-size Z Y X"


@dataclass(frozen=True)
class Group:
    """Images that have one pixel size.

    Attributes:
        paths: of them, sorted; those that state none.
        scale: the size.
    """

    paths: Sequence[Path]
    scale: Scale

    @property
    def text(self) -> str:
        """The size in words, and of which images."""
        others = len(self.paths) - 1
        like = f" and {others:,} image{'s' * (others > 1)} like it" if others else ""
        return f"pixel size estimated for {self.paths[0].name}{like}: {self.scale.text}"


class PixelSizes:
    """Pixel sizes for the images of a call that state none, estimated when the first of them is met.

    Images that look alike have one together (`mitoseg.inference.scale.grouping`), in whatever order they are given.
    """

    def __init__(self, model: Model, images: Sequence[Path], options: SegmentOptions) -> None:
        self._model, self._images, self._options = model, sorted(set(images)), options
        self._known: dict[Path, Scale] | DataError | None = None
        self._contradictions: set[str] = set()

    def choose(self, found: StoredImage) -> tuple[VoxelSize | None, bool]:
        """Choose the voxel size of an image: what the user gives, or an estimate; None where it states its own.

        A line says that a file states another size than is given; of files that state the same, the first.

        Returns:
            The size, (z, y, x) in nm, and whether it is estimated.

        Raises:
            DataError: as `estimate`.
        """
        given = self._options.voxel_size_nm
        if given is None:
            size = self.estimate(found)
            return size, size is not None
        problem = contradiction(found.array.shape[0], found.edges_nm, given)
        if problem and problem not in self._contradictions:
            self._contradictions.add(problem)
            _log.warning("%s: %s", found.path, problem)
        return given, False

    def estimate(self, found: StoredImage) -> VoxelSize | None:
        """Estimate the voxel size of an image; None where it states its own.

        Raises:
            DataError: nothing can be estimated, or it is a stack, whose z would be unknown.
        """
        if found.array.shape[0] > 1 and not self._options.as_2d and None in found.edges_nm[1:]:
            raise DataError(
                f"{found.path}: carries no voxel size; give it in nm with --voxel-size Z Y X, Z between sections; "
                "or, for sections that are no series, add --as-2d"
            )
        if not self._lacks(found):
            return None
        if self._known is None:
            self._known = self._estimate_all()
        if isinstance(self._known, DataError):
            raise DataError(f"{found.path}: carries no voxel size, and {self._known}")
        if found.path not in self._known:  # of several images in a file, the first states its size
            self._known[found.path] = self._estimate_one(found)
        size = self._known[found.path].pixel_nm
        return (size, size, size)

    def _lacks(self, found: StoredImage) -> bool:
        single = self._options.as_2d or found.array.shape[0] == 1
        return single and None in found.edges_nm[1:] and self._model.config.dimensions == 2

    def _estimate_one(self, found: StoredImage) -> Scale:
        """Estimate the size of an image that was not compared with others, and say it.

        Raises:
            DataError: nothing is found in it, or it cannot be read.
        """
        crops = _crops(self._source(found), CROPS)
        try:
            scale = choose_scale(look_at_all(self._model, crops))
        except DataError as error:
            raise DataError(f"{found.path}: carries no voxel size, and {error}") from error
        _say([Group([found.path], scale)])
        return scale

    def _estimate_all(self) -> dict[Path, Scale] | DataError:
        """Estimate the sizes of all images that state none, and say them; or why there are none."""
        spectra = self._spectra()
        if not spectra:  # what cannot be read says why by itself
            return {}
        try:
            groups = self._groups(spectra)
        except DataError as error:
            return error
        _say(groups)
        return {path: group.scale for group in groups for path in group.paths}

    def _spectra(self) -> dict[Path, Spectrum]:
        """Look at all images that state no size, and say of which stacks the sections do not look alike."""
        spectra: dict[Path, Spectrum] = {}
        for path in tqdm(self._images, desc="comparing images", disable=None, leave=False):
            for source in self._first(path):
                with suppress(DataError):
                    each = np.array([spectrum_of(source, z) for z in spread(source.shape[0], SECTIONS)])
                    spectra[path] = each.mean(0)
                    if not look_alike(each):
                        _log.warning(
                            "%s: its sections do not look alike, but get one pixel size; if they differ in it, save "
                            "them as files of their own",
                            path,
                        )
        return spectra

    def _groups(self, spectra: Mapping[Path, Spectrum]) -> list[Group]:
        """Put images together that have one size, and estimate it.

        Raises:
            DataError: nothing is found in any of them.
        """
        paths, table = list(spectra), np.array([*spectra.values()])
        alike = [list(range(len(paths)))] if self._are_series(paths) else group_alike(table)
        bar = tqdm(alike, desc="pixel size", disable=None, leave=False)
        looks = [look_at_all(self._model, self._crops_of([paths[number] for number in group])) for group in bar]
        joined = join_agreeing([table[group] for group in alike], looks)
        groups = [
            Group(sorted(paths[number] for place in places for number in alike[place]), choose_scale(together))
            for places, together in joined
        ]
        return sorted(groups, key=lambda group: (-len(group.paths), group.paths[0]))

    def _are_series(self, paths: Sequence[Path]) -> bool:
        """Whether images are sections of one volume, whatever they look like."""
        some = [source for path in numbered(paths) for source in self._first(path)]
        with suppress(DataError):
            return not self._options.as_2d and likeness(some) >= ALIKE
        return False

    def _crops_of(self, paths: Sequence[Path]) -> list[NDArray[np.uint8]]:
        """Crops of some of so many images."""
        some = [paths[place] for place in spread(len(paths), CROPS)]
        crops: list[NDArray[np.uint8]] = []
        for path in some:
            for source in self._first(path):
                crops += _crops(source, ceil(CROPS / len(some)))
        return crops

    def _first(self, path: Path) -> Iterator[Source]:
        """The first image of a file; nothing if it states its size, or cannot be read."""
        sources: list[Source] = []
        with unheard("mitodata"), suppress(DataError):  # what there is to say of an image is said when its turn comes
            images = open_images(path, self._options.dataset)
            sources = [self._source(found) for found in islice(images, 1) if self._lacks(found)]
        yield from sources

    def _source(self, found: StoredImage) -> Source:
        source = to_source(found, (1.0, 1.0, 1.0))
        return source.negative() if self._options.invert == "on" else source


def _say(groups: Sequence[Group]) -> None:
    """Say what was taken for which images, the largest group first."""
    if len(groups) == 1:
        (group,) = groups
        of = f"{len(group.paths):,} images that state none, together" if len(group.paths) > 1 else group.paths[0].name
        _log.warning("pixel size estimated from %s: %s; if that is wrong, %s", of, group.scale.text, HOW)
        return
    images = sum(len(group.paths) for group in groups)
    _log.warning(
        "%s images state no pixel size and do not look alike: %s sizes are estimated; if one is wrong, segment its "
        "images in a call of their own, and %s",
        f"{images:,}",
        f"{len(groups):,}",
        HOW,
    )
    for group in groups[:MOST_SAID]:
        _log.warning("%s", group.text)
    if len(groups) > MOST_SAID:
        _log.warning("... and %d more; predictions.jsonl tells the size of each image", len(groups) - MOST_SAID)


def _crops(source: Source, number: int) -> list[NDArray[np.uint8]]:
    """Some crops of a source, spread over it; those with little contrast are passed over."""
    depth, height, width = source.shape
    sides = [min(CROP_PX, length) for length in (height, width)]
    places = [
        (z, y, x)
        for z in spread(depth, number)
        for y in range(0, height - sides[0] + 1, sides[0])
        for x in range(0, width - sides[1] + 1, sides[1])
    ]
    crops = []
    for place in spread(len(places), PLACES):
        z, y, x = places[place]
        crops.append(source.read((slice(z, z + 1), slice(y, y + sides[0]), slice(x, x + sides[1])))[0])
    contrast = np.array([crop.std() for crop in crops])
    rich = [crop for crop, one in zip(crops, contrast, strict=True) if one >= np.median(contrast) / 2]
    return [rich[place] for place in spread(len(rich), number)]
