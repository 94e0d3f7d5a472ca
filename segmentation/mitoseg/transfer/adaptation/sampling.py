"""Which parts of the user's images are learned from, read on the grid that the network works on; grey levels alone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import ceil, prod
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mitodata import DataError, Sample, VoxelSize
from mitodata.contrast import UNSEEN, look_at, should_invert
from mitodata.readers.axes import Part
from mitodata.readers.damage import readable
from mitodata.readers.grey_levels import Levels, Rows, measure_levels
from mitodata.readers.inputs import open_images
from mitodata.readers.source import Source, StoredImage, source_levels
from mitodata.readers.voxel_size import choose_voxel_size, contradiction
from mitoseg.config.settings import FitConfig
from mitoseg.inference.model import Model
from mitoseg.inference.orthoplanes import AXES, DEEP
from mitoseg.networks.normalisation import resample, resample_volume, working_shape
from mitoseg.networks.targets import FLAT
from mitoseg.transfer.adaptation.plan import AdaptPlan
from mitoseg.transfer.adaptation.sources import share_out, source_of
from mitoseg.transfer.adaptation.views import looks_of

MOST_IMAGES = 1024
"""Files that are opened to choose from, picked at random where there are more."""

MEASURED_VOXELS = 2**28
"""Voxels of which the grey scale is measured exactly; of larger ones on windows."""

WINDOWS, WINDOW_PX = 32, 512
"""How many, and their edge."""

SLAB_VOXELS = 2**25
"""Voxels that are read together."""

EMPTY = 0.5
"""A part is not learned from if so much of it has one grey level."""

TRIES = 3
"""Parts that are drawn for each that is wanted: some overlap others, or are empty."""

Say = Callable[[str], object]


@dataclass(frozen=True)
class Candidate:
    """One image or volume among those that parts are chosen of.

    Attributes:
        path: its file.
        number: which of those in the file.
        section: of a stack whose sections are images of their own; None for all of it.
        shape: (z, y, x) on the working grid.
        voxel_size_nm: (z, y, x) there.
        stored_nm: (z, y, x) in the file.
        thickness_nm: of its sections.
    """

    path: Path
    number: int
    section: int | None
    shape: tuple[int, int, int]
    voxel_size_nm: VoxelSize
    stored_nm: VoxelSize
    thickness_nm: float


@dataclass(frozen=True)
class Place:
    """A part of a candidate: where it starts and how long it is, (z, y, x) on the working grid."""

    candidate: Candidate
    start: tuple[int, int, int]
    shape: tuple[int, int, int]

    def overlaps(self, other: "Place") -> bool:
        """Whether they share voxels."""
        return self.candidate == other.candidate and all(
            a < b + m and b < a + n for a, n, b, m in zip(self.start, self.shape, other.start, other.shape, strict=True)
        )


def sample_blocks(plan: AdaptPlan, model: Model, say: Say) -> Iterator[Sample]:
    """Read the parts of the images that are learned from: all of them, or some at random where they are too large.

    Args:
        plan: images, and how much is to be looked at.
        model: decides the grid and the size of parts.
        say: is told what a user should know of an image, in lines.

    Yields:
        Samples without labels; `params` holds "thickness_nm", that of a section as it was cut, and "source", see
        `mitoseg.transfer.adaptation.sources`.

    Raises:
        DataError: an image cannot be read, has no voxel size or one out of reach, or all are empty.
    """
    candidates = find_candidates(plan, model.config, say)
    rng = np.random.default_rng(np.random.SeedSequence(plan.seed, spawn_key=(30,)))
    by_size: dict[tuple[int, ...], list[Candidate]] = {}
    for candidate in candidates:
        by_size.setdefault(source_of(candidate.stored_nm), []).append(candidate)
    sources = sorted(by_size.values(), key=lambda source: _cost_of_all(source, model))
    shares = share_out([_cost_of_all(source, model) for source in sources], plan.looks)
    reader, left = _Reader(plan, say), plan.looks
    for number, (source, share) in enumerate(zip(sources, shares, strict=True)):
        taken: list[Place] = []
        for place in _places(source, model, share, rng):
            cost = _cost(place.candidate, place.shape, model)
            is_too_much = cost > min(share, left) if taken else left <= 0  # one part of each, while anything is left
            if is_too_much or any(place.overlaps(other) for other in taken):
                continue
            sample = reader.read(place)
            if _is_empty(sample.raw):
                continue
            taken.append(place)
            share, left = share - cost, left - cost
            yield replace(sample, params={**sample.params, "source": number})
    if left == plan.looks:
        raise DataError(f"{candidates[0].path}: empty, half or more has one grey level; expected images of tissue")


def _places(source: Sequence[Candidate], model: Model, looks: int, rng: np.random.Generator) -> list[Place]:
    """All images of a source, or parts of them where all would take more looks."""
    if _cost_of_all(source, model) > looks:
        return draw_places(source, [_cost(each, each.shape, model) for each in source], model, looks, rng)
    return [Place(each, (0, 0, 0), each.shape) for each in source]


def _cost_of_all(source: Sequence[Candidate], model: Model) -> int:
    return sum(_cost(each, each.shape, model) for each in source)


def _cost(candidate: Candidate, shape: tuple[int, int, int], model: Model) -> int:
    """Voxels of a part of so many, every look counted."""
    return prod(shape) * looks_of(model, shape, candidate.voxel_size_nm)


def find_candidates(plan: AdaptPlan, config: FitConfig, say: Say) -> list[Candidate]:
    """Look at the size of every image, or of `MOST_IMAGES` of them; nothing is read that need not be.

    Args:
        plan: images, and their voxel size where it is given.
        config: of the model.
        say: is told where a file states another voxel size than is given; of files that state the same, the first.

    Raises:
        DataError: as `sample_blocks`.
    """
    paths = [Path(path) for path in plan.images]
    if len(paths) > MOST_IMAGES:
        rng = np.random.default_rng(np.random.SeedSequence(plan.seed, spawn_key=(31,)))
        paths = [paths[number] for number in sorted(rng.choice(len(paths), MOST_IMAGES, replace=False))]
    found: list[Candidate] = []
    contradictions: dict[str, Path] = {}
    for path in paths:
        for number, image in enumerate(open_images(path, plan.dataset)):
            if plan.voxel_size_nm:
                contradictions.setdefault(contradiction(image.array.shape[0], image.edges_nm, plan.voxel_size_nm), path)
            found += _candidates(image, number, plan, config)
    for problem, path in contradictions.items():
        if problem:
            say(f"{path}: {problem}")
    return found


def _candidates(image: StoredImage, number: int, plan: AdaptPlan, config: FitConfig) -> Iterator[Candidate]:
    stored_nm = _voxel_size(image, plan)
    depth, *plane = image.array.shape[:3]
    thickness_nm = stored_nm[0] if plan.voxel_size_nm else image.section_nm or stored_nm[0]
    apart = plan.as_2d and depth > 1
    shape = (1 if apart else depth, plane[0], plane[1])
    try:
        working_shape((shape[1], shape[2]), stored_nm, config.working_voxel_nm)
    except DataError as error:
        raise DataError(f"{image.path}: {error}") from error
    edges = _working_edges(shape, stored_nm, config)
    z, y, x = (max(1, round(n * own / edge)) for n, own, edge in zip(shape, stored_nm, edges, strict=True))
    a, b, c = (n * own / m for n, own, m in zip(shape, stored_nm, (z, y, x), strict=True))
    for section in range(depth) if apart else (None,):
        yield Candidate(image.path, number, section, (z, y, x), (a, b, c), stored_nm, thickness_nm)


def _voxel_size(image: StoredImage, plan: AdaptPlan) -> VoxelSize:
    must = plan.square and not (image.ours and plan.voxel_size_nm is None)
    return choose_voxel_size(image.path, image.array.shape[0], image.edges_nm, plan.voxel_size_nm, must)


def _working_edges(shape: tuple[int, int, int], stored_nm: VoxelSize, config: FitConfig) -> VoxelSize:
    """Edges of the grid on which a volume is learned from: the network's, where it is coarser than the file's."""
    z, y, x = stored_nm
    if config.dimensions == 3:
        z = max(z, config.working_slice_nm or config.working_voxel_nm)
    elif shape[0] > 1 and max(stored_nm) / min(stored_nm) < FLAT:
        z = max(z, config.working_voxel_nm)
    return z, max(y, config.working_voxel_nm), max(x, config.working_voxel_nm)


def draw_places(
    candidates: Sequence[Candidate], costs: Sequence[int], model: Model, looks: int, rng: np.random.Generator
) -> list[Place]:
    """Draw parts at random, more than are needed, every voxel with about the same chance.

    Args:
        candidates: at least one.
        costs: voxels of each, every look counted.
        model: decides their size.
        looks: how much is wanted.
        rng: source of chance.
    """
    chances = np.array(costs, np.float64) / sum(costs)
    places: list[Place] = []
    wanted = TRIES * looks
    while wanted > 0:
        candidate = candidates[int(rng.choice(len(candidates), p=chances))]
        shape = part_shape(candidate, model, looks)
        start = [int(rng.integers(n - m + 1)) for n, m in zip(candidate.shape, shape, strict=True)]
        places.append(Place(candidate, (start[0], start[1], start[2]), shape))
        wanted -= _cost(candidate, shape, model)
    return places


def part_shape(candidate: Candidate, model: Model, looks: int) -> tuple[int, int, int]:
    """Size (z, y, x) of a part: deep where the network can look along all axes, else few sections and wide.

    Small ones where a large one would take more than a third of what may be looked at: one place says little.
    """
    config, (z, y, x) = model.config, candidate.shape
    sizes = [(4, 3.0), (2, 1.5)]
    if config.dimensions == 3:
        sizes = [(2 * config.patch_z_px, 1.4), (config.patch_z_px, 1.0)]
    elif looks_of(model, candidate.shape, candidate.voxel_size_nm) == len(AXES):
        sizes = [(ceil(share * config.patch_px), side) for share, side in ((0.6, 1.4), (DEEP, 1.0))]
    shapes = [(min(z, depth), *(min(n, ceil(side * config.patch_px)) for n in (y, x))) for depth, side in sizes]
    large, small = ((depth, height, width) for depth, height, width in shapes)
    return large if 3 * prod(large) * looks_of(model, large, candidate.voxel_size_nm) <= looks else small


class _Reader:
    """Reads parts, and knows each image again: grey scale and contrast are measured once."""

    def __init__(self, plan: AdaptPlan, say: Say) -> None:
        self._plan, self._say = plan, say
        self._known: dict[tuple[Path, int], tuple[Levels | None, bool]] = {}

    def read(self, place: Place) -> Sample:
        """Read a part and bring it to its grid.

        Raises:
            DataError: the file is damaged.
        """
        candidate = place.candidate
        source = self._open(candidate)
        window = _stored_part(place, source.shape)
        z, y, x = window
        step = max(1, SLAB_VOXELS // ((y.stop - y.start) * (x.stop - x.start)))
        slabs = []
        for start in range(z.start, z.stop, step):
            slab = source.read((slice(start, min(start + step, z.stop)), y, x))
            slabs.append(_as_grey(resample(torch.from_numpy(slab[:, None].astype(np.float32)), place.shape[1:])[:, 0]))
        raw = np.concatenate(slabs)
        if len(raw) != place.shape[0]:
            raw = _as_grey(resample_volume(torch.from_numpy(raw[None].astype(np.float32)), place.shape)[0])
        name = f"{candidate.path.name}{source.suffix}{'' if candidate.section is None else f' z {candidate.section}'}"
        if place.shape != candidate.shape:
            name += " at " + ", ".join(str(edge.start) for edge in window)
        return Sample(raw, candidate.voxel_size_nm, params={"thickness_nm": candidate.thickness_nm}, name=name)

    def _open(self, candidate: Candidate) -> Source:
        image = next(islice(open_images(candidate.path, self._plan.dataset), candidate.number, None))
        key = (candidate.path, candidate.number)
        if key not in self._known:
            levels = _levels(image)
            source = Source(image.path, image.suffix, image.array, candidate.stored_nm, levels)
            self._known[key] = (levels, self._is_negative(source))
        levels, negative = self._known[key]
        source = Source(image.path, image.suffix, image.array, candidate.stored_nm, levels)
        source = source.negative() if negative else source
        return source if candidate.section is None else source.section(candidate.section)

    def _is_negative(self, source: Source) -> bool:
        invert = self._plan.invert
        contrast = look_at(source.read, source.shape, source.voxel_size_nm) if invert == "auto" else UNSEEN
        return should_invert(
            invert, contrast, None, lambda line: self._say(f"{source.path.name}{source.suffix}: {line}")
        )


def _stored_part(place: Place, stored: tuple[int, int, int]) -> Part:
    """Where a part lies in its file, z, y, x."""
    parts = []
    for start, length, whole, own in zip(place.start, place.shape, place.candidate.shape, stored, strict=True):
        first = round(start * own / whole)
        parts.append(slice(first, min(max(round((start + length) * own / whole), first + 1), own)))
    return parts[0], parts[1], parts[2]


def _levels(image: StoredImage) -> Levels | None:
    """The grey scale of an image; of a huge one that of windows, because its exact scale takes reading all of it."""
    array = image.array
    if array.dtype == np.uint8 or prod(array.shape) <= MEASURED_VOXELS:
        return source_levels(image.path, array)
    depth, height, width = array.shape
    rng = np.random.default_rng(0)
    rows, columns = min(height, WINDOW_PX), min(width, WINDOW_PX)
    windows = [
        (int(rng.integers(depth)), int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1)))
        for _ in range(WINDOWS)
    ]

    def read() -> Iterator[Rows]:
        for number, (z, y, x) in enumerate(windows):
            with readable(image.path):
                yield number, np.asarray(array[slice(z, z + 1), slice(y, y + rows), slice(x, x + columns)])[0]

    return measure_levels(read, rows, np.dtype(array.dtype), image.path)


def _as_grey(levels: torch.Tensor) -> NDArray[np.uint8]:
    return levels.round().clamp(0, 255).to(torch.uint8).numpy()


def _is_empty(raw: NDArray[np.uint8]) -> bool:
    return bool(np.bincount(raw.ravel(), minlength=256).max() >= EMPTY * raw.size)
