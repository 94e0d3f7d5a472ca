"""How good the weights are on sections that they have not seen, and which threshold is best there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from mitodata import DataError, VoxelSize
from mitoseg.data import SectionFiles, Slab, spread
from mitoseg.inference.decoding import Decoding, choose_thresholds, count_levels, find_foreground, settle
from mitoseg.inference.model import Model
from mitoseg.inference.predictor import predict_maps
from mitoseg.io.panels import Panel, draw_sheet, png
from mitoseg.metrics import calibration_error, caption, confusion, count_probabilities
from mitoseg.metrics.curves import mean_iou
from mitoseg.training.threshold_selection import best_rule, best_smallest, tune

PANELS = 6
"""Rows on the sheet of validation predictions."""

DECODED = 12
"""Sections, at most, on which the threshold of seeds is chosen: decoding takes longer than predicting."""

KEPT_PX = 2**24
"""Pixels of all sections together, at most, on which thresholds and peak are chosen: a quarter of a minute."""

FINAL_PX = 2**26
"""The same where they are chosen for good: a minute, and 350 MB."""


READ_VOXELS = 2**26
"""Voxels that a 3D network looks at, at most: of larger volumes it sees a block around each section."""


@dataclass(frozen=True)
class Block:
    """Sections of one sample that are predicted together, and what is read for them: slices, rows and columns."""

    sections: Sequence[Slab]
    window: tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Predicted:
    """One section with its truth and prediction: raw, truth, label (Y, X); maps (C, Y, X); voxel size z, y, x in nm."""

    section: Slab
    voxel_size_nm: VoxelSize
    raw: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    label: NDArray[np.integer]
    maps: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Validation:
    """Results over the validation sections.

    Attributes:
        decoding: the best thresholds, of foreground, its peak and seeds.
        iou: mean foreground IoU with thresholds and peak, over the sections that have foreground; of large ones, over
            the parts that the two are chosen on.
        threshold: the middle one of those that the sections have.
        iou_at_half: mean foreground IoU of all that is .5 or more, likewise.
        calibration_error: expected calibration error of all pixels together.
        shown: some of the predictions, to be drawn.
    """

    decoding: Decoding
    iou: float
    threshold: float
    iou_at_half: float
    calibration_error: float
    shown: list[Predicted]


def validate(model: Model, files: SectionFiles, sections: Sequence[Slab], *, kept_px: int = KEPT_PX) -> Validation:
    """Predict all `sections` (at least one) as `mitoseg predict` would, and choose the thresholds on them.

    Of large sections windows, `kept_px` together, decide.

    Raises:
        DataError: a file is damaged, or a sample has no labels.
    """
    target = model.config.target
    decoded = set(spread(sections, DECODED)) if target == "instance" else set()
    sheet = set(spread(sections, PANELS))
    images, maps, labels, shown, probabilities, truths, sizes_nm, own = [], [], [], [], [], [], [], []
    for number, each in enumerate(predict_sections(model, files, sections)):
        images.append(count_probabilities(each.maps[0], each.truth))
        if each.section in sheet:
            shown.append(each)
        part = part_of(number, each.truth.shape, kept_px // len(sections))
        probabilities.append(each.maps[0][part].copy())
        truths.append(each.truth[part].copy())
        sizes_nm.append(each.voxel_size_nm)
        own.append(count_levels(each.maps[:1])[0])
        if each.section in decoded:
            maps.append(each.maps)
            labels.append(each.label)
    rule, reached = best_rule(images, probabilities, truths)
    rule = replace(rule, smallest_nm=best_smallest(probabilities, truths, sizes_nm, rule))
    decoding = tune(maps, labels, target, rule)
    error = calibration_error(sum(images[1:], images[0]))
    thresholds = choose_thresholds(np.stack(own), decoding, apart=True).tolist()
    iou = mean_iou(reached, thresholds)
    return Validation(decoding, iou, sorted(thresholds)[len(thresholds) // 2], mean_iou(images, 0.5), error, shown)


def part_of(number: int, shape: tuple[int, ...], limit_px: int) -> tuple[slice, slice]:
    """A window of at most `limit_px` of a section (y, x), all of it if it is no larger; of each number another one."""
    y, x = shape
    height = min(y, max(isqrt(limit_px), limit_px // x))
    width = min(x, max(limit_px // height, 1))
    # Multiples of two irrational numbers, modulo 1: the windows cover the sections evenly (Roberts, R2 sequence).
    top, left = (
        int(number * step % 1 * (free + 1)) for step, free in ((0.7548777, y - height), (0.5698403, x - width))
    )
    return slice(top, top + height), slice(left, left + width)


def predict_sections(model: Model, files: SectionFiles, sections: Sequence[Slab]) -> Iterator[Predicted]:
    """Predict `sections`; with a 3D network those of a sample together, or of a large one a part of each.

    Raises:
        DataError: a sample has no labels.
    """
    for block in _blocks(model, files, sections):
        sample = files.read_window(block.sections[0], block.window)
        if sample.label is None or sample.mask is None:
            raise DataError(f"{sample.name or 'sample'}: has no labels; expected label and mask")
        maps = predict_maps(model, sample.raw, sample.voxel_size_nm, path=files.path(block.sections[0]))
        for section in block.sections:
            z = section.z - block.window[0].start
            yield Predicted(section, sample.voxel_size_nm, sample.raw[z], sample.mask[z], sample.label[z], maps[:, z])


def _blocks(model: Model, files: SectionFiles, sections: Sequence[Slab]) -> Iterator[Block]:
    if model.config.dimensions == 2:
        for section in sections:
            yield Block([section], (slice(section.z, section.z + 1), slice(None), slice(None)))
        return
    context = model.config.patch_z_px // 2
    for together in _volumes(sections):
        shape = files.shape(together[0])
        first, last = together[0].z, together[-1].z
        if (last + 1 - first) * shape[0] * shape[1] <= READ_VOXELS:
            yield Block(together, (slice(first, last + 1), slice(None), slice(None)))
            continue
        for number, section in enumerate(together):
            z = slice(max(section.z - context, 0), min(section.z + context + 1, files.depth(section)))
            share = READ_VOXELS // (len(together) * (z.stop - z.start))
            yield Block([section], (z, *part_of(number, shape, max(share, 1))))


def _volumes(sections: Sequence[Slab]) -> list[list[Slab]]:
    """Sections by the sample that they are in, in order of z."""
    samples: dict[tuple[int, int], list[Slab]] = {}
    for section in sections:
        samples.setdefault((section.file, section.sample), []).append(section)
    return [sorted(group, key=lambda section: section.z) for group in samples.values()]


def draw_validation(outcome: Validation) -> bytes:
    """Draw a sheet of some of the predictions that `validate` made, as PNG."""
    panels = []
    for each in outcome.shown:
        probability = each.maps[0]
        rule = settle(outcome.decoding, each.maps[:, None])
        found = find_foreground(each.maps[:, None], rule, each.voxel_size_nm)[0] > 0
        score = caption(confusion(found, each.truth))
        text = f"image {each.section.sample}, z {each.section.z}: {score} at {rule.threshold:.2f}"
        panels.append(Panel(each.raw, each.truth, probability, found, text))
    return png(draw_sheet(panels))
