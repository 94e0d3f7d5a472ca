"""What an importer is, and the options it may take."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from mitodata.errors import DataError
from mitodata.importers.stack import Stack
from mitodata.sample import VoxelSize


@dataclass(frozen=True)
class Options:
    """How data are read: choices for every format, then those that only some have; None = not made.

    Attributes:
        voxel_size_nm: (z, y, x) in nm; needed where the format does not carry it, and overrides where it does.
        as_volume: whether each stack is one volume, or each section a 2D image; None for what suits the format.
        sections: keep, of each stack, those from the first number up to, not with, the second; None for all.
        square: whether pixels must be square; else they may be longer than wide.
        invert: "auto", "on" or "off": whether a stack is read as its negative (`mitodata.contrast`).
        skip_failed: whether 2D images are left out that fail, or lack a mask or an image; else that is an error.
        split: "train", "test" or "val": only this part of a dataset that comes in parts.
        raw: name of the dataset of images in a foreign HDF5 file.
        label: name of its dataset of instances.
        mask: name of its dataset of masks.
        masks: folder or file of the masks, where they do not lie with the images.
        mask_values: what the values in masks mean; see `annotations.choice.parse_choice`.
        unknown: values in masks at which no truth is known.
    """

    voxel_size_nm: VoxelSize | None = None
    as_volume: bool | None = None
    sections: tuple[int, int] | None = None
    square: bool = True
    invert: str = "auto"
    skip_failed: bool = False
    split: str | None = None
    raw: str | None = None
    label: str | None = None
    mask: str | None = None
    masks: str | Path | None = None
    mask_values: str | None = None
    unknown: str | None = None


GIVE_SIZE = "give it as z y x in nm (--voxel-size 40 5 5)"
"""What to do where a voxel size is missing."""

OF_ALL = frozenset({"voxel_size_nm", "as_volume", "sections", "square", "invert", "skip_failed"})
"""Options that every format has."""


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
        options: the fields of `Options` it understands beside those in `OF_ALL`.
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


def choose_options(importer: Importer, given: Mapping[str, Any]) -> Options:
    """Check options by name; those that are None count as not given.

    Raises:
        DataError: there is no such option, or the format does not have it.
    """
    chosen = {option: value for option, value in given.items() if value is not None}
    for option in chosen:
        if option not in OF_ALL | importer.options:
            known = {field.name for field in fields(Options)}
            what = f"does not apply to {importer.name}" if option in known else "is unknown"
            takes = ", ".join(sorted(importer.options)) or "none"
            raise DataError(f"option {option} {what}; {importer.name} takes {takes}")
    return Options(**chosen)


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
