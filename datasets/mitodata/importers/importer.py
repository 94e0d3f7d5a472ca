"""What an importer is, and the options it may take."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mitodata.errors import DataError
from mitodata.importers.stack import Stack
from mitodata.sample import VoxelSize


@dataclass(frozen=True)
class Options:
    """Choices that only some formats have; None = not made.

    Attributes:
        split: "train", "test" or "val": only this part of a dataset that comes in parts.
        raw: name of the dataset of images in a foreign HDF5 file.
        label: name of its dataset of instances.
        mask: name of its dataset of masks.
        masks: folder or file of the masks, where they do not lie with the images.
        mask_values: what the values in masks mean; see `annotations.choice.parse_choice`.
        unknown: values in masks at which no truth is known.
        skip_failed: whether images that fail are to be left out: what has no partner is then no error.
    """

    split: str | None = None
    raw: str | None = None
    label: str | None = None
    mask: str | None = None
    masks: str | None = None
    mask_values: str | None = None
    unknown: str | None = None
    skip_failed: bool = False


@dataclass(frozen=True)
class Importer:
    """How one format of real data is read.

    Attributes:
        name: as used on the command line.
        description: what data this is; the `source` of the provenance.
        expects: the files it looks for, in one line.
        find: lists the stacks under a path; raises DataError when the layout or a file is wrong.
        recognises: whether a path looks like this format.
        voxel_size_nm: of the published data, (z, y, x) in nm; None where the format does not say.
        volume: whether a stack is a volume, unless asked otherwise; else each section is a 2D image.
        options: the fields of `Options` it understands.
        licence: under which the published data may be used; empty for the user's own.
        citation: what to cite.
    """

    name: str
    description: str
    expects: str
    find: Callable[[Path, Options], Sequence[Stack]]
    recognises: Callable[[Path], bool]
    voxel_size_nm: VoxelSize | None = None
    volume: bool = False
    options: frozenset[str] = frozenset()
    licence: str = ""
    citation: str = ""


def choose_split(stacks: dict[str, Stack], split: str | None, path: Path) -> list[Stack]:
    """Keep the stack of one split, or all.

    Args:
        stacks: by the name of the split.
        split: see `Options`.
        path: named in errors.

    Raises:
        DataError: there is no such split.
    """
    if split is None:
        return list(stacks.values())
    if split not in stacks:
        raise DataError(f"{path}: has no split {split}; found {', '.join(stacks) or 'none'}")
    return [stacks[split]]
