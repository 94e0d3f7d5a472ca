"""A dataset file as MitoVerse keeps volumes: one Zarr a volume with `img` and `mito`, and a catalogue of them.

Layout: https://github.com/PytorchConnectomics/mitoverse, DESIGN.md. Stored as Zarr 2. Voxel sizes are x, y, z there.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numcodecs import Blosc

from mitodata.export.sections import labels_of, new_folder, open_labelled, slabs_of
from mitodata.hdf5.dataset import Dataset
from mitodata.sample import IGNORE

CATALOGUE = "catalog.json"
_OURS = r"catalog\.json|data/[^/]+/vol\d+\.zarr/.+"

CHUNK = (16, 512, 512)


def export_mitoverse(path: Path, output: Path, *, overwrite: bool = False) -> list[Path]:
    """Write data/DATASET/volN.zarr for every image or volume, and `catalog.json`.

    `mask` is written where some truth is unknown: 1 is left out.

    Args:
        path: a labelled dataset file; its name is that of the dataset.
        output: the folder to write, the root of a MitoVerse data repository.
        overwrite: replace a folder that was written before.

    Returns:
        The Zarrs.

    Raises:
        DataError: the file is damaged or not labelled, or the folder exists already or cannot be written.
    """
    catalogue: dict[str, Any] = {}
    with open_labelled(path) as dataset, new_folder(output, _OURS, overwrite) as draft:
        for number in range(len(dataset)):
            place = f"data/{path.stem}/vol{number}.zarr"
            facts = _write_volume(draft / place, dataset, number)
            catalogue[facts["volume_id"]] = {**facts, "zarr": place}
        (draft / CATALOGUE).write_text(json.dumps(catalogue, indent=2, sort_keys=True), encoding="utf-8")
    return [output / facts["zarr"] for facts in catalogue.values()]


def _write_volume(path: Path, dataset: Dataset, number: int) -> dict[str, Any]:
    """Write one volume, a slab at a time; return what its attributes say."""
    shape = dataset.shape(number)
    group = zarr.open_group(path, mode="w", zarr_format=2)
    first = next(iter(slabs_of(dataset, number)))[1]
    dtypes = {"img": np.dtype(np.uint8), "mito": labels_of(first)[1].dtype}
    arrays = {name: _create(group, name, shape, dtype) for name, dtype in dtypes.items()}
    instances = np.zeros(0, np.int64)
    for start, slab in slabs_of(dataset, number):
        raw, label, mask = labels_of(slab)
        z = slice(start, start + len(raw))
        arrays["img"][z], arrays["mito"][z] = raw, np.where(mask == IGNORE, 0, label).astype(label.dtype)
        instances = np.union1d(instances, label[(label > 0) & (mask != IGNORE)].astype(np.int64))
        if (mask == IGNORE).any():
            if "mask" not in arrays:
                arrays["mask"] = _create(group, "mask", shape, np.dtype(np.uint8))
            arrays["mask"][z] = (mask == IGNORE).astype(np.uint8)
    facts = _facts(dataset, number, len(instances))
    group.attrs["mitoverse"] = facts
    return facts


def _create(group: zarr.Group, name: str, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> zarr.Array[Any]:
    chunks = tuple(min(length, chunk) for length, chunk in zip(shape, CHUNK, strict=True))
    packed = Blosc(cname="zstd", clevel=5, shuffle=Blosc.SHUFFLE)
    return group.create_array(name, shape=shape, chunks=chunks, dtype=dtype, fill_value=0, compressors=packed)


def _facts(dataset: Dataset, number: int, instances: int) -> dict[str, Any]:
    provenance = dataset.provenance
    return {
        "volume_id": f"{dataset.path.stem}_vol{number}",
        "dataset_id": dataset.path.stem,
        "voxel_nm": list(reversed(dataset.voxel_size_nm(number))),
        "shape_zyx": list(dataset.shape(number)),
        "label_type": "instance",
        "n_instances": instances,
        "provenance": provenance.instances,
        "source": {
            name: text
            for name in ("source", "licence", "citation", "software")
            if (text := str(getattr(provenance, name)))
        },
    }
