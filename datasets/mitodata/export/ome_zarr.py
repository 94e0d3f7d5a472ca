"""A dataset file as OME-Zarr: one an image, with its label images in the group `labels`.

Specifications: https://ngff.openmicroscopy.org/0.4/ and https://ngff.openmicroscopy.org/0.5/
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zarr
from numpy.typing import NDArray

from mitodata.export.layer import Layer
from mitodata.export.multiscales import Version, write_zarr
from mitodata.export.sections import new_folder, open_labelled
from mitodata.hdf5.dataset import Dataset
from mitodata.readers.axes import Part
from mitodata.sample import IGNORE

LABELS: Mapping[str, str] = {"instances": "label", "mask": "mask", "compartments": "compartment"}
"""What label images are called, as in `mitoseg predict`, and which arrays of a sample they are."""

MASK: Mapping[int, str] = {0: "background", 1: "foreground", IGNORE: "unknown"}
"""What the values of a mask stand for."""


def export_ome_zarr(path: Path, output: Path, version: Version = "0.5", *, overwrite: bool = False) -> list[Path]:
    """Write 000012.zarr for every image or volume, with the label images `instances`, `mask` and `compartments`.

    What a sample lacks is left out. Values of `mask` and `compartments` are named in the metadata. The attribute
    `provenance` holds what the dataset says of its origin.

    Args:
        path: a labelled dataset file.
        output: the folder to write.
        version: of OME-Zarr; 0.4 is stored as Zarr 2, 0.5 as Zarr 3.
        overwrite: replace a folder that was written before.

    Returns:
        The Zarrs.

    Raises:
        DataError: the file is damaged or not labelled, or the folder exists already or cannot be written.
    """
    with open_labelled(path) as dataset, new_folder(output, r"\d{6,}\.zarr/.+", overwrite) as draft:
        names = [f"{number:06d}.zarr" for number in range(len(dataset))]
        for number, name in enumerate(names):
            _write_image(draft / name, dataset, number, version)
    return [output / name for name in names]


def _write_image(path: Path, dataset: Dataset, number: int, version: Version) -> None:
    corner = dataset.read(number, (slice(0, 1), slice(0, 1), slice(0, 1)))
    present = [name for name, array in LABELS.items() if getattr(corner, array) is not None]
    meanings = {"mask": MASK, "compartments": dataset.provenance.classes}
    image = _layer(dataset, number, "raw", "raw")
    write_zarr(path, image, [_layer(dataset, number, name, LABELS[name]) for name in present], version, meanings)
    zarr.open_group(path, mode="r+").attrs["provenance"] = _provenance(dataset, number)


def _layer(dataset: Dataset, number: int, name: str, array: str) -> Layer:
    """One array of a sample, read in parts."""

    def read(part: Part) -> NDArray[Any]:
        values: NDArray[Any] = getattr(dataset.read(number, part), array)
        return values

    dtype = read((slice(0, 1), slice(0, 1), slice(0, 1))).dtype
    return Layer(name, dataset.shape(number), dtype, dataset.voxel_size_nm(number), read)


def _provenance(dataset: Dataset, number: int) -> dict[str, str | int]:
    """What is known of the origin of an image."""
    known = dataset.provenance
    facts: dict[str, str | int | None] = {
        "name": dataset.name(number),
        "number": number,
        "source": known.source,
        "licence": known.licence,
        "citation": known.citation,
        "software": known.software,
        "instances": known.instances,
        "seed": known.seed,
    }
    return {key: value for key, value in facts.items() if value not in ("", None)}
