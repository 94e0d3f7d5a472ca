"""Real data as samples, or as a dataset file."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mitodata.contrast import SECTIONS, UNSEEN, check_invert, measure_contrast, should_invert, spread
from mitodata.errors import DataError
from mitodata.hdf5.layout import Provenance
from mitodata.hdf5.writer import write_dataset, write_volume
from mitodata.importers.annotations.alignment import doubt_alignment
from mitodata.importers.annotations.doubts import doubt_outlines
from mitodata.importers.failures import leave_out, listed
from mitodata.importers.folders import series_doubt
from mitodata.importers.formats.pairs import PAIRS
from mitodata.importers.importer import GIVE_SIZE, Importer, Options, choose_options
from mitodata.importers.registry import IMPORTERS, recognise
from mitodata.importers.stack import Stack, cut, images, read_section, scaled, slabs, volume
from mitodata.importers.tally import Tally
from mitodata.readers.rims import exchange
from mitodata.readers.voxel_size import UNKNOWN, choose_voxel_size, contradiction
from mitodata.sample import Sample, VoxelSize, voxel_size_problem

MASKS = 3
"""Sections of a stack whose masks are compared with the image."""

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


def import_dataset(source: str, path: str | Path, **options: Any) -> tuple[Iterable[Sample], Provenance]:
    """Read real data as samples, one at a time.

    Args:
        source: name of an importer, or "auto" to recognise it.
        path: folder (for hdf5: file) of the data.
        options: fields of `Options`; None counts as not given.

    Returns:
        The samples, read when asked for, and where they come from. Masks whose values need judging are read at once.

    Raises:
        DataError: unknown source or option, wrong layout, no voxel size; while reading, a damaged or odd file.
    """
    plan = _Plan(source, Path(path), options)
    return plan.samples(), plan.provenance


def import_to_file(
    source: str, path: str | Path, output: str | Path, *, overwrite: bool = False, **options: Any
) -> Report:
    """Read real data into a dataset file; of a single volume only a slab is in memory at any time.

    Args:
        source: see `import_dataset`.
        path: see `import_dataset`.
        output: the HDF5 file to write.
        overwrite: replace an existing file.
        options: see `import_dataset`.

    Returns:
        What was imported, and what is wrong with the images that were left out.

    Raises:
        DataError: as `import_dataset`, or the file exists, is the source, or cannot be written; all images fail.
    """
    if Path(output).resolve() == Path(path).resolve():
        raise DataError(f"{output}: is to hold the source and the dataset; choose another name")
    plan, tally = _Plan(source, Path(path), options), Tally()
    if plan.whole and len(plan.stacks) == 1:
        parts = tally.slabs(listed(slabs(plan.stacks[0], plan.sizes[0]), plan.unscaled))
        write_volume(output, parts, plan.provenance, name=plan.stacks[0].name, overwrite=overwrite)
    else:
        write_dataset(output, tally.samples(plan.samples()), plan.provenance, overwrite=overwrite)
    return Report(tally.images, tally.instances, plan.provenance.instances, tuple(plan.failures))


class _Plan:
    """The stacks of a source as they are to be imported.

    Attributes:
        whole: whether each stack is one volume.
        stacks: what is read.
        sizes: the voxel size of each, (z, y, x) in nm.
        failures: what is wrong with the images that are left out.
    """

    def __init__(self, source: str, path: Path, given: Mapping[str, Any]) -> None:
        self._importer = importer = _choose_importer(source, path, given)
        self._options = options = choose_options(importer, given)
        _check_size(options.voxel_size_nm)  # before minutes of reading
        check_invert(options.invert)
        self.whole = importer.volume if options.as_volume is None else options.as_volume
        if options.skip_failed and self.whole:
            raise DataError("a volume cannot do without a section: --skip-failed is for 2D images (--as-2d)")
        self._found, self.failures = importer.find(path, options), list[str]()
        if options.skip_failed:
            self._found, self.failures = leave_out(self._found)
        for stack in self._found if self.whole else ():
            doubt = series_doubt(stack.sections)
            if doubt:
                _log.warning("%s: %s", stack.name, doubt)
        # The grey scale is that of the whole stack, whatever is kept of it.
        stacks = self._cut([scaled(stack, self.whole) for stack in self._found])
        self.sizes = [_voxel_size(importer, path, stack, options) for stack in self._found]
        if options.voxel_size_nm:
            _say_contradictions(self._found, options.voxel_size_nm)
        self.stacks = [_upright(stack, size, options.invert) for stack, size in zip(stacks, self.sizes, strict=True)]
        for stack in self.stacks:
            _look_at_masks(stack)

    def samples(self) -> Iterator[Sample]:
        """Read all stacks."""
        return listed(_samples(self.stacks, self.sizes, self.whole), self.unscaled)

    def _cut(self, stacks: Sequence[Stack]) -> Sequence[Stack]:
        sections = self._options.sections
        return stacks if sections is None else [cut(stack, sections) for stack in stacks]

    @property
    def unscaled(self) -> Sequence[Stack]:
        """The stacks before their grey levels were scaled."""
        return self._cut(self._found)

    @property
    def provenance(self) -> Provenance:
        """Where the samples come from."""
        return _provenance(self._importer, self.stacks, self.whole)


def _choose_importer(source: str, path: Path, given: Mapping[str, Any]) -> Importer:
    name = source
    if source == "auto":
        name = PAIRS.name if given.get("masks") else recognise(path)
    if name not in IMPORTERS:
        raise DataError(f"{name}: unknown source; expected one of {', '.join(IMPORTERS)}")
    return IMPORTERS[name]


def _check_size(given: VoxelSize | None) -> None:
    problem = voxel_size_problem(given) if given is not None else ""
    if problem:
        raise DataError(problem)


def _say_contradictions(stacks: Sequence[Stack], given: VoxelSize) -> None:
    """Say that files state another voxel size than is given; of those that state the same, the first."""
    problems: dict[str, str] = {}
    for stack in stacks:
        problems.setdefault(contradiction(len(stack.sections), stack.edges_nm, given), stack.name)
    for problem, name in problems.items():
        if problem:
            _log.warning("%s: %s", name, problem)


def _voxel_size(importer: Importer, path: Path, stack: Stack, options: Options) -> VoxelSize:
    size = options.voxel_size_nm or importer.voxel_size_nm
    if size is None and stack.edges_nm == UNKNOWN:
        raise DataError(f"{path}: {importer.name} does not carry a voxel size; {GIVE_SIZE}")
    return choose_voxel_size(path, len(stack.sections), stack.edges_nm, size, options.square)


def _upright(stack: Stack, size: VoxelSize, invert: str) -> Stack:
    def say(line: str) -> None:
        _log.warning("%s: %s", stack.name, line)

    contrast = UNSEEN
    if invert == "auto":
        with suppress(DataError):  # what cannot be read is reported when its turn comes
            contrast = measure_contrast((stack.raw(z) for z in spread(len(stack.sections), SECTIONS)), size)
    if not should_invert(invert, contrast, None, say):
        return stack
    return replace(stack, raw=lambda z: exchange(stack.raw(z)))


def _look_at_masks(stack: Stack) -> None:
    """Say so if masks seem to be turned, mirrored, shifted, or outlines that nobody filled."""
    if not stack.labelled:
        return
    with suppress(DataError):
        sections = [read_section(stack, z) for z in spread(len(stack.sections), MASKS)]
        shape = sections[0].raw.shape
        pairs = [(each.raw, each.mask) for each in sections if each.mask is not None and each.raw.shape == shape]
        for doubt in (doubt_alignment(pairs), doubt_outlines([mask for _, mask in pairs])):
            if doubt:
                _log.warning("%s: %s", stack.name, doubt)


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
