"""What it takes to merge a volume, as stages of tasks: pieces, their union, measures, and regions of OME-Zarr."""

from collections.abc import Mapping
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitodata import RunError
from mitodata.export.regions import RegionWriter
from mitodata.files import checked_write
from mitoseg.inference.measure import Table, measure_block, measured_edges, tabulate
from mitoseg.inference.parts.objects import Objects
from mitoseg.inference.parts.stages import Arrays, Stage
from mitoseg.inference.parts.work import Work
from mitoseg.inference.segment_image import Segmented, has_objects, labels_among, layers_of, result_files
from mitoseg.io.blocks import Layer, Part, count_blocks, nth_block
from mitoseg.networks.memory import SPARE, format_bytes, resident_bytes

MEASURED = 64
"""Blocks of objects that are measured in one task."""

TASK_BYTES = 400 * 2**20
"""Memory that a task takes at most, beside the program."""


class Merge:
    """A volume whose blocks are predicted, and what is left to do of it.

    Attributes:
        options: what is wanted.
        stages: in the order in which they are gone through.
        zarr: results that are OME-Zarr, by what they hold: where they lie until all are whole.
    """

    def __init__(self, work: Work) -> None:
        """Plan the work; all blocks and sections must be there.

        Raises:
            WriteError: the folder of the parts cannot be written, or is gone.
        """
        self._work, self.options = work, work.job.options()
        folder, self._shape = work.job.folder / "merge", work.source.shape
        with checked_write(folder):
            folder.mkdir(exist_ok=True)
        files = result_files(folder / work.job.name, work.job.image, self.options)
        self._objects = has_objects(files)
        kept = "probability" in self.options.outputs
        smallest = work.decoding.smallest_voxels(self._shape, work.source.voxel_size_nm)
        self._pieces = Objects(
            folder,
            self._shape,
            work.decoding,
            self._foreground,
            probability=kept,
            apart=work.apart,
            smallest=smallest,
        )
        self.stages = list(self._pieces.stages)
        self._edges = measured_edges(self._shape)
        self._blocks = count_blocks(self._shape, self._edges)
        self._measures = Stage(folder / "measures", -(-self._blocks // MEASURED), self._measure)
        if "table" in files:
            self.stages.append(self._measures)
        self.zarr = {name: path for name, path in files.items() if path.suffix == ".zarr"}
        self._regions: dict[int, Stage] = {}
        if self.zarr:
            raw = layers_of(work.source, self._segmented(0), objects=False)["raw"]
            plan = RegionWriter(folder / "plan", raw)
            for base in plan.bases:
                self._regions[base] = Stage(folder / f"level-{base}", plan.count(base), partial(self._write, base))
            self.stages += self._regions.values()

    @property
    def count(self) -> int:
        """How many objects there are; known once they are numbered."""
        return self._pieces.count

    @cached_property
    def layers(self) -> dict[str, Layer]:
        """What was found, by name, on the grid of the volume; known once it is numbered."""
        return layers_of(self._work.source, self._segmented(self.count), objects=self._objects)

    def table(self) -> Table:
        """The table of objects, of what was measured of all blocks."""
        measured = (np.asarray(self._measures.read(number)["rows"]) for number in range(self._measures.count))
        return tabulate(measured, self.layers["instances"], self.count)

    def _segmented(self, count: int) -> Segmented:
        found = self._pieces
        return Segmented(found.probability, found.pieces, found.instances, [count])

    def _foreground(self, part: Part) -> NDArray[np.float32]:
        return np.asarray(self._work.found(part, slice(0, 1))[0])

    def _measure(self, number: int) -> Arrays:
        """Measure the objects in some blocks."""
        numbers = range(number * MEASURED, min((number + 1) * MEASURED, self._blocks))
        blocks = [nth_block(self._shape, self._edges, each) for each in numbers]
        rows = [measure_block(self.layers["instances"], self.layers["stored"], block) for block in blocks]
        return {"rows": np.concatenate(rows)}

    @cached_property
    def _writers(self) -> list[RegionWriter]:
        """What writes each OME-Zarr."""
        layers, version, writers = self.layers, self.options.ngff, []
        for name, path in self.zarr.items():
            image, labels = (
                (layers["raw"], labels_among(layers, self.options)) if name == "labels" else (layers[name], [])
            )
            writers.append(RegionWriter(path, image, labels, version))
        return writers

    def _write(self, base: int, number: int) -> Arrays:
        """Write a region of a level of all OME-Zarr, and what becomes of it on the next ones."""
        found: dict[str, NDArray[Any]] = {}
        for writer in self._writers:
            writer.make()
            region = writer.region(base, number)
            found |= writer.write(base, region, self._gather(writer, base, region) if base else None)
        return found

    def _gather(self, writer: RegionWriter, base: int, region: Part) -> Mapping[str, NDArray[Any]]:
        """What became of finer levels in a region."""
        before = max(each for each in self._regions if each < base)
        whole: dict[str, NDArray[Any]] = {}
        lengths = tuple(each.stop - each.start for each in region)
        for number, place in writer.gather(base, region):
            for name, voxels in self._regions[before].read(number).items():
                whole.setdefault(name, np.empty(lengths, voxels.dtype))[place] = voxels
        return whole


def check_memory(limit: int | None) -> None:
    """See whether a task can be done in so many bytes.

    Raises:
        RunError: it cannot.
    """
    needed = resident_bytes() + SPARE + TASK_BYTES
    if limit is not None and needed > limit:
        raise RunError(
            f"memory {format_bytes(limit)} does not suffice: the program and one task of the merge take "
            f"{format_bytes(needed)}; give more with --memory"
        )
