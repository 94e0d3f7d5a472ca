"""The volume that is shared out: one, and on the grey scale of the whole for all who work on it."""

import json
from collections.abc import Sequence
from functools import partial
from math import prod
from pathlib import Path

import torch

from mitodata import DataError, RunError
from mitodata.files import write_atomic
from mitodata.readers.inputs import open_images, to_source
from mitodata.readers.source import Source, StoredImage
from mitodata.readers.voxel_size import contradiction
from mitoseg.inference.model import Model
from mitoseg.inference.parts.division import part_arrays, piece_of
from mitoseg.inference.predictor import PredictionPlan, plan_prediction
from mitoseg.inference.segment import is_negative
from mitoseg.inference.segment_image import SegmentOptions
from mitoseg.inference.tiling import tile_bytes
from mitoseg.io.blocks import Part
from mitoseg.io.part_arrays import PartArray
from mitoseg.networks.memory import SPARE, format_bytes, peak_bytes, resident_bytes

GREY = "grey.json"
"""File of the grey scale of the whole volume."""


def plan_volume(
    path: Path, model: Model, options: SegmentOptions, folder: Path = Path()
) -> tuple[PredictionPlan, list[PartArray]]:
    """Plan how the one volume of a file is looked at and cut: what cannot be done is said before anything is written.

    Args:
        path: the file.
        model: what predicts.
        options: what is wanted.
        folder: of the parts.

    Raises:
        DataError: it holds several images, has no voxel size, or cannot be read.
        RunError: its sections are to be segmented by themselves; memory does not suffice for a block.
    """
    images = open_images(path, options.dataset)
    # Of the grey levels nothing is asked here: any scale will do.
    source = to_source(next(images), options.voxel_size_nm, square=options.square, levels=(0.0, 255.0))
    if options.as_2d and source.shape[0] > 1:
        raise RunError("--as-2d: sections by themselves are not shared out; save them as files, and share out these")
    plan = plan_prediction(model, source, options.axes, tta=options.tta)
    if next(images, None) is not None:
        raise DataError(f"{path}: holds several images; expected one volume, which several processes predict together")
    arrays = part_arrays(plan, folder)
    if options.memory is not None:
        _check_memory(model, plan, arrays, options.memory)
    return plan, arrays


def _check_memory(model: Model, plan: PredictionPlan, arrays: Sequence[PartArray], limit: int) -> None:
    """See whether a block can be predicted in so many bytes.

    Raises:
        RunError: it cannot.
    """
    window = torch.zeros(1, 1, *plan.planes[0].windows.size, device=model.device)
    needed = peak_bytes(model.network, lambda: model.predict_windows(window)) + resident_bytes() + SPARE
    needed += max(map(partial(_block_bytes, plan, arrays), range(len(arrays))))
    if needed > limit:
        raise RunError(
            f"memory {format_bytes(limit)} does not suffice: the program and one block take {format_bytes(needed)}; "
            "give more with --memory"
        )


def _block_bytes(plan: PredictionPlan, arrays: Sequence[PartArray], number: int) -> int:
    """Bytes that a block of an orthoplane takes beside the network: what is read, its tile, and its maps thrice."""
    blocks, plane = arrays[number].blocks(), plan.planes[number]
    middle = blocks[len(blocks) // 2]
    piece = piece_of(plane, middle)
    read = _voxels(piece.needed) * (1 if plan.single else 4)
    return read + tile_bytes(plane.windows, piece.tile) + 3 * 4 * plan.channels * _voxels(middle)


def _voxels(part: Part) -> int:
    return prod(each.stop - each.start for each in part)


def on_grey_scale(folder: Path, found: StoredImage, options: SegmentOptions) -> tuple[Source, bool, list[str]]:
    """Give a volume its grey scale, and tell whether it is a negative; measured if nobody has done so.

    Args:
        folder: of the parts, which no other process may be in meanwhile.
        found: the volume.
        options: what is wanted of it.

    Returns:
        The volume, whether it is a negative, and what there is to say of that and of its voxel size.

    Raises:
        DataError: the volume has no voxel size or cannot be read; the disk is full.
    """
    path = folder / GREY
    if path.exists():
        try:
            content = json.loads(path.read_text())
            levels = content["levels"] and (float(content["levels"][0]), float(content["levels"][1]))
            negative, notes = bool(content["negative"]), [str(line) for line in content["notes"]]
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise DataError(f"{path}: is damaged; remove it, and the same command continues") from error
        return to_source(found, options.voxel_size_nm, square=options.square, levels=levels), negative, notes
    source = to_source(found, options.voxel_size_nm, square=options.square)
    given = options.voxel_size_nm
    problem = contradiction(source.shape[0], found.edges_nm, given) if given else ""
    lines = [problem] if problem else []
    negative = is_negative(source, options.invert, lines.append)
    write_atomic(path, json.dumps({"levels": source.levels, "negative": negative, "notes": lines}).encode())
    return source, negative, lines
