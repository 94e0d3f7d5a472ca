"""Shards of one dataset, rendered on several machines, put together into the file that one machine would have made."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from mitodata.cluster.progress import Progress
from mitodata.cluster.versions import difference
from mitodata.errors import DataError, MitoError
from mitodata.hdf5.dataset import Dataset, write_dataset
from mitodata.hdf5.layout import Provenance
from mitodata.sample import Sample
from mitogen.recipe.diff import first_difference
from mitogen.recipe.recipe import parse_recipe
from mitogen.rendering.shard import Note

_MOST_NAMED = 5
"""Missing shards up to which each is named."""


@dataclass(frozen=True)
class _File:
    """The file of a shard, opened and closed again.

    Attributes:
        path: the file.
        note: what it says about itself.
        provenance: its root attributes.
        shape: (Z, Y, X) of its first image.
    """

    path: Path
    note: Note
    provenance: Provenance
    shape: tuple[int, int, int]


def merge_shards(paths: Sequence[Path], output: Path, *, overwrite: bool = False, progress: bool = True) -> int:
    """Put the shards of a dataset together: byte for byte the file that one unbroken run writes.

    Everything is checked before the first image is copied. Memory does not grow with the number of images.

    Args:
        paths: files of the shards, in any order.
        output: the HDF5 file to write.
        overwrite: replace an existing file.
        progress: show a bar, or lines where stderr is no terminal.

    Returns:
        How many images there are.

    Raises:
        DataError: a file is damaged or no shard; the shards differ in recipe, seed, size, labels, versions or number;
            one is missing or there twice; `output` is one of them, or exists and `overwrite` is off.
    """
    if output.exists() and any(output.samefile(path) for path in paths if path.exists()):
        raise DataError(f"{output}: is one of the shards; choose another name")
    files = _in_order([_open(path) for path in paths])
    first = files[0]
    whole = replace(first.provenance, source=first.note.source, shard="")
    unit = "image" if first.shape[0] == 1 else "volume"
    with (
        Progress(unit, first.note.images, visible=progress, verb="merged") as bar,
        closing(_samples(files, bar)) as samples,
    ):
        write_dataset(output, samples, whole, overwrite=overwrite)
    return first.note.images


def _open(path: Path) -> _File:
    with Dataset(path, cache_bytes=0) as dataset:
        try:
            note = Note.read(dataset.provenance.shard)
        except DataError as error:
            raise DataError(f"{path}: {error}") from error
        if len(dataset) != note.own_images:
            raise DataError(f"{path}: holds {len(dataset)} images; shard {note.shard} has {note.own_images}")
        return _File(path, note, dataset.provenance, dataset.shape(0))


def _in_order(files: Sequence[_File]) -> list[_File]:
    """Check that files are the shards of one dataset, each once, and put them in order."""
    first = files[0]
    by_number: dict[int, _File] = {}
    for file in files:
        if problem := _mismatch(file, first):
            raise DataError(f"{file.path}: {problem}; expected shards of one dataset")
        twin = by_number.setdefault(file.note.shard.number, file)
        if twin is not file:
            raise DataError(f"{twin.path} and {file.path}: are both shard {file.note.shard}; expected it once")
    of = first.note.shard.of
    absent = (number for number in range(1, of + 1) if number not in by_number)
    if missing := list(islice(absent, _MOST_NAMED + 1)):
        named = ", ".join(map(str, missing[:_MOST_NAMED])) + ", ..." * (len(missing) > _MOST_NAMED)
        raise DataError(
            f"shard {named} of {of} is missing; expected all of them: render it with --shard {missing[0]}/{of}"
        )
    return [by_number[number] for number in sorted(by_number)]


def _mismatch(file: _File, first: _File) -> str:
    """Say how a shard differs from the first one; empty if both belong to one dataset."""
    note, other = file.note, first.note
    if file.provenance.seed != first.provenance.seed:
        return f"has seed {file.provenance.seed}, {first.path} has {first.provenance.seed}"
    if file.provenance.recipe != first.provenance.recipe:
        return f"has another recipe than {first.path} ({_other_knob(file, first)})"
    if changed := difference(note.versions, other.versions):
        return f"was rendered with {changed} in {first.path}"
    if file.shape != first.shape:
        return f"has images of {_spelled(file.shape)}, {first.path} of {_spelled(first.shape)}"
    if note.shard.of != other.shard.of:
        return f"is shard {note.shard}, {first.path} is {other.shard}"
    if (note.images, note.source) != (other.images, other.source):
        return f"is part of {note.images} images ({note.source}), {first.path} of {other.images} ({other.source})"
    if note.job != other.job:
        return f"was rendered with other settings than {first.path}"
    return ""


def _other_knob(file: _File, first: _File) -> str:
    try:
        name, ours, theirs = first_difference(
            *(parse_recipe(each.provenance.recipe, where=f"recipe of {each.path}") for each in (file, first))
        )
    except MitoError:
        return "which this version does not know"
    return f"{name} {ours} instead of {theirs}"


def _spelled(shape: tuple[int, int, int]) -> str:
    return " x ".join(map(str, shape))


def _samples(files: Sequence[_File], bar: Progress) -> Generator[Sample, None, None]:
    for file in files:
        with Dataset(file.path, cache_bytes=0) as dataset:
            for sample in dataset:
                yield sample
                bar.advance(1)
