"""Real data as samples, or as a dataset file."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from mitodata.contrast import SECTIONS, check_invert, measure_contrast, should_invert, spread
from mitodata.errors import DataError
from mitodata.hdf5.layout import Provenance
from mitodata.hdf5.writer import write_dataset, write_volume
from mitodata.importers.failures import leave_out, listed
from mitodata.importers.formats.pairs import PAIRS
from mitodata.importers.importer import Importer, Options
from mitodata.importers.registry import IMPORTERS, recognise
from mitodata.importers.stack import Stack, cut, images, scaled, slabs, volume
from mitodata.importers.tally import Tally
from mitodata.readers.voxel_size import UNKNOWN, choose_voxel_size
from mitodata.sample import Sample, VoxelSize, voxel_size_problem

_log = logging.getLogger("mitodata")


@dataclass(frozen=True)
class Report:
    """What was imported.

    Attributes:
        images: how many images or volumes.
        instances: how many instances in them; None if they are not labelled.
        origin: where instances come from.
        failures: what is wrong with the images that were left out.
    """

    images: int
    instances: int | None
    origin: str
    failures: tuple[str, ...] = ()


def import_dataset(
    source: str,
    path: str | Path,
    *,
    voxel_size_nm: VoxelSize | None = None,
    as_volume: bool | None = None,
    sections: tuple[int, int] | None = None,
    square: bool = True,
    invert: str = "auto",
    **options: str | None,
) -> tuple[Iterable[Sample], Provenance]:
    """Read real data as samples, one at a time.

    Args:
        source: name of an importer, or "auto" to recognise it.
        path: folder (for hdf5: file) of the data.
        voxel_size_nm: (z, y, x) in nm; needed where the format does not carry it, and overrides where it does.
        as_volume: whether each stack is one volume, or each section a 2D image; None for what suits the format.
        sections: keep, of each stack, those from the first number up to, not with, the second; None for all.
        square: whether pixels must be square; else they may be longer than wide.
        invert: "auto", "on" or "off": whether a stack is read as its negative (`mitodata.contrast`).
        options: those of `Options` that the format understands; None counts as not given.

    Returns:
        The samples, read when asked for, and where they come from. Masks whose values need judging are read at once.

    Raises:
        DataError: unknown source or option, wrong layout, no voxel size; while reading, a damaged or odd file.
    """
    _check_size(voxel_size_nm)
    importer, found = _prepare(source, Path(path), options)
    whole = importer.volume if as_volume is None else as_volume
    plan = _Plan(importer, found, whole, sections)
    sizes = plan.sizes(Path(path), voxel_size_nm, square)
    plan.invert(invert, sizes)
    return plan.samples(sizes), plan.provenance


def import_to_file(
    source: str,
    path: str | Path,
    output: str | Path,
    *,
    voxel_size_nm: VoxelSize | None = None,
    as_volume: bool | None = None,
    sections: tuple[int, int] | None = None,
    square: bool = True,
    invert: str = "auto",
    overwrite: bool = False,
    skip_failed: bool = False,
    **options: str | None,
) -> Report:
    """Read real data into a dataset file; of a single volume only a slab is in memory at any time.

    Args:
        source: see `import_dataset`.
        path: see `import_dataset`.
        output: the HDF5 file to write.
        voxel_size_nm: see `import_dataset`.
        as_volume: see `import_dataset`.
        sections: see `import_dataset`.
        square: see `import_dataset`.
        invert: see `import_dataset`.
        overwrite: replace an existing file.
        skip_failed: leave out 2D images that fail, or lack a mask or an image; else nothing is written.
        options: see `import_dataset`.

    Returns:
        What was imported, and what is wrong with the images that were left out.

    Raises:
        DataError: as `import_dataset`, or the file exists, is the source, or cannot be written; all images fail.
    """
    if Path(output).resolve() == Path(path).resolve():
        raise DataError(f"{output}: is to hold the source and the dataset; choose another name")
    _check_size(voxel_size_nm)  # before minutes of reading
    importer, found = _prepare(source, Path(path), options, skip_failed)
    whole = importer.volume if as_volume is None else as_volume
    failures: list[str] = []
    if skip_failed:
        if whole:
            raise DataError("a volume cannot do without a section: --skip-failed is for 2D images (--as-2d)")
        found, failures = leave_out(found)
    plan = _Plan(importer, found, whole, sections)
    sizes = plan.sizes(Path(path), voxel_size_nm, square)
    plan.invert(invert, sizes)
    tally = Tally()
    if whole and len(plan.stacks) == 1:
        parts = tally.slabs(listed(slabs(plan.stacks[0], sizes[0]), plan.unscaled))
        write_volume(output, parts, plan.provenance, name=plan.stacks[0].name, overwrite=overwrite)
    else:
        write_dataset(output, tally.samples(plan.samples(sizes)), plan.provenance, overwrite=overwrite)
    return Report(tally.images, tally.instances, plan.provenance.instances, tuple(failures))


class _Plan:
    """The stacks of a source as they are to be imported."""

    def __init__(
        self, importer: Importer, found: Sequence[Stack], whole: bool, sections: tuple[int, int] | None
    ) -> None:
        self._importer, self._found, self._whole, self._sections = importer, found, whole, sections
        # The grey scale is that of the whole stack, whatever is kept of it.
        self.stacks = self._cut([scaled(stack, whole) for stack in found])

    def sizes(self, path: Path, given: VoxelSize | None, square: bool) -> list[VoxelSize]:
        """The voxel size of each stack."""
        return [_voxel_size(self._importer, path, stack, given, square) for stack in self._found]

    def invert(self, invert: str, sizes: Sequence[VoxelSize]) -> None:
        """Exchange black and white in stacks where it is asked for, or where their contrast is surely inverted."""
        check_invert(invert)
        self.stacks = [_upright(stack, size, invert) for stack, size in zip(self.stacks, sizes, strict=True)]

    def samples(self, sizes: Sequence[VoxelSize]) -> Iterator[Sample]:
        """Read all stacks."""
        return listed(_samples(self.stacks, sizes, self._whole), self.unscaled)

    def _cut(self, stacks: Sequence[Stack]) -> Sequence[Stack]:
        return stacks if self._sections is None else [cut(stack, self._sections) for stack in stacks]

    @property
    def unscaled(self) -> Sequence[Stack]:
        """The stacks before their grey levels were scaled."""
        return self._cut(self._found)

    @property
    def provenance(self) -> Provenance:
        """Where the samples come from."""
        return _provenance(self._importer, self.stacks, self._whole)


def _prepare(
    source: str, path: Path, options: dict[str, str | None], skip_failed: bool = False
) -> tuple[Importer, Sequence[Stack]]:
    name = source
    if source == "auto":
        name = PAIRS.name if options.get("masks") else recognise(path)
    if name not in IMPORTERS:
        raise DataError(f"{name}: unknown source; expected one of {', '.join(IMPORTERS)}")
    importer = IMPORTERS[name]
    given = {option: value for option, value in options.items() if value is not None}
    for option in given:
        if option not in importer.options:
            known = {field.name for field in fields(Options)}
            what = f"does not apply to {name}" if option in known else "is unknown"
            raise DataError(f"option {option} {what}; {name} takes {', '.join(sorted(importer.options)) or 'none'}")
    return importer, importer.find(path, Options(**given, skip_failed=skip_failed))


def _check_size(given: VoxelSize | None) -> None:
    problem = voxel_size_problem(given) if given is not None else ""
    if problem:
        raise DataError(problem)


def _voxel_size(importer: Importer, path: Path, stack: Stack, given: VoxelSize | None, square: bool) -> VoxelSize:
    size = given or importer.voxel_size_nm
    if size is None and stack.edges_nm == UNKNOWN:
        raise DataError(
            f"{path}: {importer.name} does not carry a voxel size; give it as z y x in nm (--voxel-size 40 5 5)"
        )
    return choose_voxel_size(path, len(stack.sections), stack.edges_nm, size, square)


def _upright(stack: Stack, size: VoxelSize, invert: str) -> Stack:
    def say(line: str) -> None:
        _log.warning("%s: %s", stack.name, line)

    contrast = 0.0
    if invert == "auto":
        with suppress(DataError):  # what cannot be read is said when its turn comes
            contrast = measure_contrast((stack.raw(z) for z in spread(len(stack.sections), SECTIONS)), size)
    if not should_invert(invert, contrast, None, say):
        return stack
    return replace(stack, raw=lambda z: np.asarray(255 - stack.raw(z), np.uint8))


def _samples(stacks: Sequence[Stack], sizes: Sequence[VoxelSize], whole: bool) -> Iterator[Sample]:
    for stack, size in zip(stacks, sizes, strict=True):
        if whole:
            yield volume(stack, size)
        else:
            yield from images(stack, size)


def _provenance(importer: Importer, stacks: Sequence[Stack], whole: bool) -> Provenance:
    if any(stack.label for stack in stacks):
        instances = "given by the source"
    elif any(stack.mask for stack in stacks):
        instances = f"connected components in {'3D (26 neighbours)' if whole else '2D (8 neighbours)'} of the mask"
    else:
        instances = ""
    parts = ", ".join(f"{stack.name} ({len(stack.sections)} sections)" for stack in stacks)
    return Provenance(
        source=f"{importer.description}: {parts}",
        licence=importer.licence,
        citation=importer.citation,
        instances=instances,
    )
