"""What every importer finds: sections that can be read one by one, to be seen as images or as a volume."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitodata.errors import DataError
from mitodata.hdf5.layout import BLOCK
from mitodata.importers.components import Labels, Numbering, VolumeComponents, as_labels, label_section
from mitodata.importers.masks import mark_ignored
from mitodata.readers.axes import Pixels
from mitodata.readers.grey_levels import Levels, measure_levels, stretch, to_grey
from mitodata.readers.rims import find_rim
from mitodata.readers.voxel_size import UNKNOWN, Edges
from mitodata.sample import IGNORE, Sample, VoxelSize

_log = logging.getLogger("mitodata")

Grey = NDArray[np.uint8]

SLAB = BLOCK[0]
"""Sections read at a time: a row of chunks of the file to write."""


@dataclass(frozen=True)
class Stack:
    """Sections of one image stack, read when asked for.

    Attributes:
        name: of the stack, such as "training".
        sections: the name of each section; used for the images and in errors.
        raw: reads section z as grey levels (Y, X) of any real type; after `scaled`, uint8.
        mask: reads the mask of section z, (Y, X) uint8 of 0, 1 and 255 (ignore); None if there is none.
        label: reads the instances of section z, (Y, X) uint16 or uint32, always of the same dtype; None if they are to
            be made from the mask.
        one_image: whether the sections are those of one image, which has one grey scale even where each section is to
            be an image of its own.
        edges_nm: of a voxel, as far as the file says.
        framed: whether a constant rim of a section is no tissue, so that its mask is unknown there.
    """

    name: str
    sections: Sequence[str]
    raw: Callable[[int], Pixels]
    mask: Callable[[int], Grey] | None = None
    label: Callable[[int], Labels] | None = None
    one_image: bool = False
    edges_nm: Edges = UNKNOWN
    framed: bool = True

    @property
    def labelled(self) -> bool:
        """Whether there is a mask or instances."""
        return self.mask is not None or self.label is not None


@dataclass(frozen=True)
class SectionPixels:
    """One section in memory: raw, mask and given instances, all (Y, X), and how many px are a rim marked unknown."""

    raw: Grey
    mask: Grey | None
    label: Labels | None
    rim_px: int = 0


def scaled(stack: Stack, whole: bool) -> Stack:
    """Bring a stack to grey levels of 8 bits: with one scale for all sections of a volume, else each by itself.

    The scale of a volume is measured when its first section is read.

    Args:
        stack: with sections of any real type.
        whole: whether it is to be one volume.
    """
    if not (whole or stack.one_image):
        return replace(stack, raw=lambda z: to_grey(stack.raw(z), stack.sections[z]))
    dtype, levels = _one_scale(stack)

    def raw(z: int) -> Grey:
        section = stack.raw(z)
        if section.dtype != dtype():
            raise DataError(
                f"{stack.sections[z]}: is {section.dtype}, the first section {dtype()}; a volume needs sections of one "
                "type"
            )
        return stretch(section, levels())

    return replace(stack, raw=raw)


def _one_scale(stack: Stack) -> tuple[Callable[[], np.dtype[Any]], Callable[[], Levels | None]]:
    """Functions that give the type of the first section and the grey scale of all, measured once."""

    @cache
    def dtype() -> np.dtype[Any]:
        return stack.raw(0).dtype

    @cache
    def levels() -> Levels | None:
        if dtype() == np.uint8:
            return None
        height = stack.raw(0).shape[0]
        return measure_levels(
            lambda: ((z, stack.raw(z)) for z in range(len(stack.sections))), height, dtype(), stack.name
        )

    return dtype, levels


def images(stack: Stack, voxel_size_nm: VoxelSize) -> Iterator[Sample]:
    """Yield the sections as 2D images, which may differ in size; instances from masks are 2D components.

    Raises:
        DataError: a section cannot be read, or image and mask differ in size.
    """
    rims = _Rims(stack)
    for z, name in enumerate(stack.sections):
        section = rims.note(read_section(stack, z))
        label = section.label
        if label is None and section.mask is not None:
            label = label_section(section.mask)
        yield Sample(
            section.raw[np.newaxis],
            voxel_size_nm,
            None if label is None else label[np.newaxis],
            None if section.mask is None else section.mask[np.newaxis],
            name=name,
        )
    rims.say()


def slabs(stack: Stack, voxel_size_nm: VoxelSize) -> Iterator[Sample]:
    """Yield the stack as slabs of a volume along z; instances from masks are 3D components.

    Raises:
        DataError: a section cannot be read or differs in size, or instances are numbered anew in each section.
    """
    depth, read_mask = len(stack.sections), stack.mask
    shape = stack.raw(0).shape
    components = None
    if read_mask and not stack.label:
        # The second pass asks for the masks of a slab twice, and for the last section of the slab before.
        stack = replace(stack, mask=lru_cache(SLAB + 1)(read_mask))
        components = VolumeComponents(lambda start, stop: _masks(stack, start, stop, shape), depth, SLAB)
    rims, numbering = _Rims(stack), Numbering(stack.name)
    for start in range(0, depth, SLAB):
        stop = min(start + SLAB, depth)
        sections = [rims.note(read_section(stack, z)) for z in range(start, stop)]
        for z, section in enumerate(sections, start):
            _check_size(stack, z, section.raw.shape, shape)
            if section.label is not None:
                numbering.note(section.label)
        label: Labels | None = None
        if components is not None:
            label = components.labels(start, stop)
        elif stack.label:
            label = _join([section.label[np.newaxis] for section in sections if section.label is not None])
        mask = np.stack([section.mask for section in sections if section.mask is not None]) if stack.labelled else None
        yield Sample(np.stack([section.raw for section in sections]), voxel_size_nm, label, mask, name=stack.name)
    rims.say()
    numbering.say()


class _Rims:
    """Counts the pixels of constant rims that were marked unknown."""

    def __init__(self, stack: Stack) -> None:
        self._name, self._sections, self._rim_px, self._all_px = stack.name, 0, 0, 0

    def note(self, section: SectionPixels) -> SectionPixels:
        """Count those of a section."""
        self._sections += section.rim_px > 0
        self._rim_px += section.rim_px
        self._all_px += section.raw.size
        return section

    def say(self) -> None:
        """Say how much it was, if anything."""
        if self._rim_px:
            _log.warning(
                "%s: constant rims, %.1f %% of the pixels, in %d sections: no tissue, marked unknown in the mask",
                self._name,
                100 * self._rim_px / self._all_px,
                self._sections,
            )


def volume(stack: Stack, voxel_size_nm: VoxelSize) -> Sample:
    """Read the whole stack as one volume.

    Raises:
        DataError: as `slabs`.
    """
    parts = list(slabs(stack, voxel_size_nm))
    labels = [part.label for part in parts if part.label is not None]
    return Sample(
        np.concatenate([part.raw for part in parts]),
        voxel_size_nm,
        _join(labels) if labels else None,
        np.concatenate([part.mask for part in parts if part.mask is not None]) if labels else None,
        name=stack.name,
    )


def read_section(stack: Stack, z: int) -> SectionPixels:
    """Read a section with its mask and its instances.

    Raises:
        DataError: one of them cannot be read, or they differ in size.
    """
    raw = stack.raw(z)
    label = stack.label(z) if stack.label else None
    mask = stack.mask(z) if stack.mask else None
    for kind, array in (("mask", mask), ("label image", label)):
        if array is not None and array.shape != raw.shape:
            raise DataError(f"{stack.sections[z]}: its {kind} is {array.shape} (y, x), the image {raw.shape}")
    if label is not None:
        known = (label > 0).astype(np.uint8)
        # Given instances say what is foreground, the mask only where nothing is known.
        mask = known if mask is None else np.where(mask == IGNORE, mask, known)
    if mask is None or not stack.framed:
        return SectionPixels(raw, mask, label)
    rim = find_rim(raw)
    return SectionPixels(raw, mark_ignored(mask, rim), label, int(np.count_nonzero(rim)))


def cut(stack: Stack, sections: tuple[int, int]) -> Stack:
    """Keep the sections from the first number of `sections` up to, not with, the second; they count from 0.

    Raises:
        DataError: the stack has none of them.
    """
    first, stop = sections
    kept = stack.sections[first:stop]
    if not kept or first < 0:
        raise DataError(f"{stack.name}: sections {first}:{stop} of {len(stack.sections)}; expected some that it has")
    name = f"{stack.name}[{first}:{first + len(kept)}]"
    return replace(pick(stack, range(first, first + len(kept))), name=name)


def pick(stack: Stack, numbers: Sequence[int]) -> Stack:
    """Keep the sections of some numbers, which count from 0."""
    mask, label = stack.mask, stack.label
    return replace(
        stack,
        sections=[stack.sections[number] for number in numbers],
        raw=lambda z: stack.raw(numbers[z]),
        mask=None if mask is None else lambda z: mask(numbers[z]),
        label=None if label is None else lambda z: label(numbers[z]),
    )


def match(images: Sequence[Path], masks: Sequence[Path], key: Callable[[Path], object]) -> list[tuple[Path, Path]]:
    """Pair images with masks of the same key, in the order of the images.

    Raises:
        DataError: a partner is missing, or two files have the same key.
    """
    by_key: dict[object, Path] = {}
    for mask in masks:
        twin = by_key.setdefault(key(mask), mask)
        if twin is not mask:
            raise DataError(f"{mask}: and {twin.name} are masks of the same image")
    pairs: dict[object, tuple[Path, Path]] = {}
    for image in images:
        name = key(image)
        if name in pairs:
            raise DataError(f"{image}: and {pairs[name][0].name} are images of the same name or number")
        if name not in by_key:
            raise DataError(f"{image}: has no mask in {masks[0].parent}; expected one of the same name or number")
        pairs[name] = (image, by_key[name])
    alone = [mask for name, mask in by_key.items() if name not in pairs]
    if alone:
        raise DataError(f"{alone[0]}: has no image in {images[0].parent} ({len(alone)} such masks)")
    return list(pairs.values())


def _join(parts: Sequence[Labels]) -> Labels:
    largest = max(int(np.iinfo(part.dtype).max) for part in parts)  # of the dtype, which slabs must share
    return as_labels(np.concatenate(parts), largest)


def _masks(stack: Stack, start: int, stop: int, shape: tuple[int, ...]) -> Grey:
    masks = [stack.mask(z) for z in range(start, stop)] if stack.mask else []
    for z, mask in enumerate(masks, start):
        _check_size(stack, z, mask.shape, shape)
    return np.stack(masks)


def _check_size(stack: Stack, z: int, shape: tuple[int, ...], first: tuple[int, ...]) -> None:
    if shape != first:
        raise DataError(
            f"{stack.sections[z]}: is {shape} (y, x), the first section {first}; a volume needs sections of one size, "
            "images (2D) do not"
        )
