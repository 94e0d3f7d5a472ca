"""A volume that is predicted in parts, as one process sees it: sections to measure, blocks to predict."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mitodata import DataError, WriteError
from mitodata.cluster.versions import machine
from mitodata.cluster.workers import ClusterError
from mitodata.files import checked_write, write_atomic
from mitodata.readers.inputs import open_images
from mitoseg.inference.decoding import Decoding
from mitoseg.inference.model import Model
from mitoseg.inference.orthoplanes import SliceReader, neighbours, seen_apart, smooth_stack
from mitoseg.inference.parts.division import Block, list_blocks, piece_of
from mitoseg.inference.parts.job import Job
from mitoseg.inference.parts.volume import on_grey_scale, plan_volume
from mitoseg.inference.sliding_window import average_orientations, stream_tile, turn
from mitoseg.inference.working_grid import MapsPart
from mitoseg.io.blocks import Part, blocks
from mitoseg.io.scratch import Store, StoredArray
from mitoseg.io.section_facts import SectionFacts, measure_sections, pack_sections, unpack_sections
from mitoseg.io.tissue import Tissue
from mitoseg.networks.memory import resident_bytes

RECORD = "record.jsonl"
"""File that says which machine did what: a line a share of the work, and a line a block."""

TOGETHER = (16, 512, 512)
"""Voxels (z, y, x) of maps that are put together at a time."""

RANGE_PX = 2**27
"""Pixels of sections that are measured together, about."""


class Work:
    """What a process needs to work on a job.

    Attributes:
        job: what all agree on.
        source: the volume.
        negative: whether its negative is segmented.
        notes: what there is to say of its grey levels and voxel size.
        plan: how it is looked at.
        arrays: what is found across each axis.
        blocks: of all arrays.
        ranges: of sections that are measured together.
    """

    def __init__(self, job: Job, model: Model) -> None:
        """Open the volume, whose grey scale is measured once for all processes.

        Raises:
            DataError: it cannot be read, is another one by now, or cannot be looked at in this way.
            RunError: as `mitoseg.inference.predictor.plan_prediction`.
        """
        job.check_image()
        self.job, self._model = job, model
        options = job.options()
        # Held: what is opened is closed when the next one is asked for.
        self._images = open_images(job.image, options.dataset)
        found = next(self._images)
        with job.locked():
            self.source, self.negative, self.notes = on_grey_scale(job.folder, found, options)
        self._seen = self.source.negative() if self.negative else self.source
        self.plan, self.arrays = plan_volume(job.image, model, options, job.folder)
        for array in self.arrays:
            array.make()
        self.blocks = list_blocks(self.arrays)
        self._predict = average_orientations(model.predict_windows, self.plan.orientations)
        depth, height, width = self.source.shape
        packed = self.source.packed[0]
        step = packed * max(1, RANGE_PX // (packed * height * width))
        self.ranges = [range(first, min(first + step, depth)) for first in range(0, depth, step)]

    @property
    def decoding(self) -> Decoding:
        """How what is found becomes pieces and objects."""
        return self._model.decoding

    @property
    def apart(self) -> bool:
        """Whether each section is seen by itself."""
        return seen_apart(self._model, self.plan.axes)

    @property
    def in_regions(self) -> bool:
        """Whether pieces and objects can be found region by region: by thresholds alone."""
        return self._model.config.target != "instance" and not self.decoding.outline_nm

    def missing_ranges(self) -> list[range]:
        """Sections that nobody has measured."""
        return [places for places in self.ranges if not self.facts_path(places).exists()]

    def missing_blocks(self) -> list[Block]:
        """Blocks that nobody has predicted, in order."""
        return [block for block in self.blocks if not self.path(block).exists()]

    def path(self, block: Block) -> Path:
        """The file of a block."""
        return self.arrays[block.plane].path(block.part)

    def facts_path(self, places: range) -> Path:
        """The file of what was measured of some sections."""
        return self.job.folder / "sections" / f"{places.start:09d}-{places.stop:09d}.npz"

    def measure(self, places: range) -> None:
        """Measure some sections, one of `ranges`.

        Raises:
            DataError: the volume is damaged, or the disk is full.
        """
        path = self.facts_path(places)
        with checked_write(path):
            path.parent.mkdir(exist_ok=True)
        found = list(measure_sections(self._seen.read, self._seen.shape, self._seen.packed, places))
        write_atomic(path, pack_sections(found))

    @cached_property
    def tissue(self) -> Tissue:
        """The volume without rims and missing sections; all sections must be measured."""
        return Tissue(self._seen.read, self._seen.shape, self._facts())

    def predict(self, block: Block) -> None:
        """Predict a block and write it; what is said of its voxels does not depend on how the volume is cut.

        Raises:
            DataError: the volume is damaged, or the disk is full.
        """
        started = time.monotonic()
        with _one_thread():
            maps = self._look_across(block)
        self.arrays[block.plane].write(block.part, maps)
        seconds = round(time.monotonic() - started, 3)
        self.record(block=block.number, seconds=seconds, resident_bytes=resident_bytes())

    def _look_across(self, block: Block) -> NDArray[np.float32]:
        """What the network says of the voxels of a block, (C, Z, Y, X)."""
        plane = self.plan.planes[block.plane]
        piece = piece_of(plane, block.part)
        volume = self._look(piece.needed)

        def read(part: Part) -> NDArray[np.uint8] | NDArray[np.float32]:
            z, y, x = (
                slice(own.start - held.start, own.stop - held.start)
                for own, held in zip(part, piece.needed, strict=True)
            )
            return volume[z, y, x]

        reader = SliceReader(read, plane, 1, self.tissue.greys if self.plan.single else ())
        maps = np.empty((self.plan.channels, *(each.stop - each.start for each in block.part)), np.float32)
        slices = np.moveaxis(maps, plane.axis + 1, 0)
        aim = self.plan.aim(plane, self.tissue)
        predict = turn(self._predict, plane.quarters)
        for place, found in stream_tile(
            plane.windows, piece.tile, reader, predict, self._model.device, piece.places, aim
        ):
            slices[place - piece.places.start] = found
        return maps

    def found(self, part: Part, channels: slice = slice(None)) -> NDArray[np.float32]:
        """What was found in a part of the volume, of all axes together, (C, Z, Y, X).

        That is what `mitoseg.inference.predictor.predict_source` gives, byte for byte.

        Raises:
            DataError: a block is damaged.
        """

        def find(wide: Part) -> NDArray[np.float32]:
            if self.plan.single:
                return self._mean((channels, *wide))
            return self.plan.grid.take_back_part(lambda needed: self._mean((channels, *needed)), wide)

        return self.tissue.settle_part(find, part)

    def assemble(self, store: Store) -> StoredArray:
        """Put all blocks together, as (C, Z, Y, X).

        Raises:
            DataError: a block is damaged, or the disk is full.
        """
        maps = store.array("maps", (self.plan.channels, *self.source.shape), np.float32)
        for part in blocks(self.source.shape, TOGETHER):
            maps[(slice(None), *part)] = self.found(part)
        return maps

    def state(self) -> str:
        """Say what is kept."""
        done = len(self.blocks) - len(self.missing_blocks())
        return f"{done} of {len(self.blocks)} blocks are kept in {self.job.folder}; the same command continues"

    def record(self, **what: object) -> None:
        """Note who did what, when: a line of JSON in the folder. Nothing depends on it."""
        line = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine(), "process": os.getpid()}
        path = self.job.folder / RECORD
        try:
            with path.open("ab") as stream:
                # In one piece: processes that write at the same time do not mix their lines.
                os.write(stream.fileno(), (json.dumps({**line, **what}) + "\n").encode())
        except OSError as error:
            raise WriteError(f"{path}: cannot be written: {error.strerror or error}") from error

    def _facts(self) -> Iterator[SectionFacts]:
        """What was measured of all sections; a damaged file is removed.

        Raises:
            DataError: there is one.
        """
        for places in self.ranges:
            path = self.facts_path(places)
            try:
                yield from unpack_sections(path)
            except DataError as error:
                path.unlink(missing_ok=True)
                raise DataError(f"{path}: is damaged, and was removed; the same command continues") from error

    def _look(self, part: Part) -> NDArray[np.uint8] | NDArray[np.float32]:
        """A part of what is looked at: uint8 on the stored grid, or float32 on the grid of the network, normalised."""
        if self.plan.single:
            return self.tissue.read(part)
        return self.plan.grid.bring_part(self.tissue.normalised, part, self._seen.packed)

    def _mean(self, part: MapsPart) -> NDArray[np.float32]:
        """The mean over all looks of a part of the maps, added up as `predict_source` does."""
        count = np.float32(len(self.arrays))
        total = self._smooth(0, part) / count
        for number in range(1, len(self.arrays)):
            total = total + self._smooth(number, part) / count
        return total

    def _smooth(self, number: int, part: MapsPart) -> NDArray[np.float32]:
        """A part of what is found across an axis, smoothed along it: (C, Z, Y, X)."""
        plane = self.plan.planes[number]
        if not plane.sigma:
            return self.arrays[number][part]
        reach, axis, length = neighbours(plane.sigma), plane.axis + 1, self.plan.shape[plane.axis]
        places = range(part[axis].start, part[axis].stop)
        first = max(0, places.start - reach)
        wide = (*part[:axis], slice(first, min(length, places.stop + reach)), *part[axis + 1 :])
        stack = np.moveaxis(self.arrays[number][wide], axis, 0)
        return np.moveaxis(smooth_stack(stack, first, places, length, plane.sigma), 0, axis)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch work with one thread in this one: another number would round differently."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def kept(work: Work) -> Iterator[None]:
    """Say what is kept where the work in this block is stopped, or its results cannot be written."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"stopped; {work.state()}") from None
    except (WriteError, ClusterError) as error:
        raise type(error)(f"{error}; {work.state()}") from error
