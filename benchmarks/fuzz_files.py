"""Small sound files of every kind that the programs read, to be damaged by `fuzz_readers.py`."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import mrcfile
import nibabel
import numpy as np
import tifffile
import tomli_w
import zarr
from numpy.typing import NDArray
from PIL import Image

from format_volumes import sizes
from mitodata import Sample
from mitodata.cluster.shard import Shard
from mitodata.export.multiscales import image_attributes
from mitodata.hdf5.dataset import Provenance, write_dataset
from mitogen.recipe.recipe import Recipe, load_recipe
from mitogen.rendering.job import Job
from mitogen.rendering.shard import shard_provenance
from mitoseg.config.settings import FitConfig
from mitoseg.inference.model import load_model
from mitoseg.models.card import Card
from mitoseg.models.weights_file import save_weights

ROOT = Path(__file__).parents[1]
EARLIER_RUN = ROOT / "tests" / "mitoseg" / "fixtures" / "earlier-run"
SHAPE = (1, 24, 24)


def raw(shape: tuple[int, ...] = SHAPE) -> NDArray[np.uint8]:
    """Noise."""
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def samples(count: int) -> list[Sample]:
    """Images with labels, compartments and knobs."""
    label = np.zeros(SHAPE, np.uint16)
    label[:, 4:12, 5:14], label[:, 15:20, 3:9] = 1, 2
    mask = (label > 0).astype(np.uint8)
    knobs = {"imaging.noise": 0.5, "section.thickness_nm": 30.0}
    return [Sample(raw(), (8.0, 8.0, 8.0), label, mask, knobs, f"{number:06d}", mask) for number in range(count)]


def dataset(folder: Path) -> Path:
    """A dataset file as `mitogen render` writes it."""
    path = folder / "dataset.h5"
    write_dataset(path, samples(3), Provenance("mitogen render", Recipe().to_toml(), 0, classes={0: "out", 1: "in"}))
    return path


def shard(folder: Path) -> Path:
    """The only shard of a dataset."""
    path = folder / "shard.h5"
    write_dataset(path, samples(3), shard_provenance(Shard(1, 1), Job(Recipe(), 0, SHAPE), range(3)))
    return path


def foreign(folder: Path) -> Path:
    """A packed volume of another program."""
    path = folder / "foreign.h5"
    with h5py.File(path, "w") as file:
        volume = file.create_dataset("volumes/raw", data=raw((4, 24, 24)), chunks=(2, 16, 16), compression="gzip")
        volume.attrs["resolution"] = (8.0, 8.0, 8.0)
    return path


def tiff(folder: Path) -> Path:
    """A packed stack."""
    path = folder / "stack.tif"
    tifffile.imwrite(path, raw((3, 24, 24)), photometric="minisblack", compression="zlib", metadata={"axes": "ZYX"})
    return path


def ome_tiff(folder: Path) -> Path:
    """A stack that says in XML what it is."""
    path = folder / "stack.ome.tif"
    tifffile.imwrite(path, raw((3, 24, 24)), photometric="minisblack", metadata={"axes": "ZYX", "PhysicalSizeX": 0.008})
    return path


def picture(folder: Path) -> Path:
    """A PNG."""
    path = folder / "picture.png"
    Image.fromarray(raw()[0]).save(path)
    return path


def ome_zarr(folder: Path) -> Path:
    """A volume in chunks, a file each."""
    path = folder / "volume.zarr"
    group = zarr.open_group(path, mode="w", attributes=image_attributes("volume", (8.0, 8.0, 8.0), [(1, 1, 1)]))
    array = group.create_array("0", shape=(4, 24, 24), chunks=(2, 24, 24), dtype="uint8")
    array[:] = raw((4, 24, 24))
    return path


def checkpoint(folder: Path) -> Path:
    """What a fit wrote."""
    path = folder / "last.pt"
    path.write_bytes((EARLIER_RUN / "last.pt").read_bytes())
    return path


def safetensors(folder: Path) -> Path:
    """The same as a model to give away."""
    path = folder / "model.safetensors"
    save_weights(path, load_model(EARLIER_RUN, "cpu").packed(Card(name="fuzzed")))
    return path


def recipe(folder: Path) -> Path:
    """All knobs of the default recipe."""
    path = folder / "recipe.toml"
    path.write_text(load_recipe("blobs").to_toml(), encoding="utf-8")
    return path


def settings(folder: Path) -> Path:
    """All settings of a fit."""
    path = folder / "settings.toml"
    tree = {name: value for name, value in FitConfig().model_dump(mode="json").items() if value is not None}
    tree["augment"] = {name: value for name, value in tree["augment"].items() if value is not None}
    path.write_text(tomli_w.dumps(tree), encoding="utf-8")
    return path


def card(folder: Path) -> Path:
    """What is known of a model."""
    path = folder / "card.toml"
    tree = {name: value for name, value in Card(name="fuzzed").model_dump(mode="json").items() if value is not None}
    path.write_text(tomli_w.dumps(tree), encoding="utf-8")
    return path


def labelme(folder: Path) -> Path:
    """Outlines drawn by hand."""
    path = folder / "shapes.json"
    points = [[4.0, 5.0], [12.0, 5.5], [11.0, 14.0]]
    shape: dict[str, object] = {
        "label": "mitochondrion",
        "points": points,
        "shape_type": "polygon",
        "group_id": None,
        "flags": {},
    }
    path.write_text(json.dumps({"shapes": [shape, shape], "imageHeight": 24, "imageWidth": 24, "imagePath": "a.png"}))
    return path


def run_settings(folder: Path) -> Path:
    """The settings of a run."""
    path = folder / "config.json"
    path.write_bytes((EARLIER_RUN / "config.json").read_bytes())
    return path


def journal(folder: Path) -> Path:
    """What a prediction has done."""
    path = folder / "predictions.jsonl"
    line = {"file": "a_mask.tif", "bytes": 11, "image": {"name": "a.png", "bytes": 3}, "settings": {"model": "1"}}
    path.write_text("".join(json.dumps(line | {"file": name}) + "\n" for name in ("a_mask.tif", "b_mask.tif")))
    return path


def mrc(folder: Path) -> Path:
    """A volume of bytes with its cell in Angstrom."""
    path = folder / "volume.mrc"
    with mrcfile.new(path) as file:
        file.set_data(raw((4, 24, 24)).view(np.int8))
        file.voxel_size = 80.0
    return path


def nifti(folder: Path) -> Path:
    """A volume with its voxel size in micrometres."""
    path = folder / "volume.nii"
    image = nibabel.Nifti1Image(raw((4, 24, 24)).T, np.diag([0.008, 0.008, 0.008, 1.0]))
    image.header.set_xyzt_units("micron")
    nibabel.save(image, path)
    return path


def dm(folder: Path) -> Path:
    """A calibrated stack of DigitalMicrograph."""
    return next(sizes()).write(folder)


KINDS: Mapping[str, Callable[[Path], Path]] = {
    "dataset (HDF5)": dataset,
    "shard (HDF5)": shard,
    "foreign HDF5": foreign,
    "TIFF": tiff,
    "OME-TIFF": ome_tiff,
    "PNG": picture,
    "OME-Zarr": ome_zarr,
    "checkpoint": checkpoint,
    "safetensors": safetensors,
    "recipe (TOML)": recipe,
    "settings (TOML)": settings,
    "card (TOML)": card,
    "labelme (JSON)": labelme,
    "settings (JSON)": run_settings,
    "journal (JSON)": journal,
    "MRC": mrc,
    "NIfTI": nifti,
    "DM4": dm,
}
"""Writes a file of a kind into a folder."""
