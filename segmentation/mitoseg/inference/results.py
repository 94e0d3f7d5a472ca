"""The results of one image: which files they are, and what is in them."""

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from PIL import Image

from mitodata import RunError, VoxelSize
from mitodata.files import write_atomic
from mitodata.hdf5.layout import Provenance
from mitoseg.inference.measure import measure_objects, table_text
from mitoseg.inference.memory import parse_memory
from mitoseg.inference.model import Model
from mitoseg.inference.orthoplanes import AUTO, check_axes
from mitoseg.inference.postprocess import find_instances, find_pieces
from mitoseg.inference.predictor import predict_source
from mitoseg.io.blocks import Layer, Part
from mitoseg.io.ome_zarr import Version
from mitoseg.io.outputs import write_hdf5, write_tiff, write_zarr
from mitoseg.io.panels import png
from mitoseg.io.pictures import PICTURES
from mitoseg.io.scratch import Scratch
from mitoseg.io.source import Source

OUTPUTS = ("mask", "probability", "instances")
FORMATS = ("tiff", "h5", "zarr")


@dataclass(frozen=True)
class Wish:
    """What is wanted of each image.

    Attributes:
        outputs: some of `OUTPUTS`; with instances comes a table of them.
        kind: one of `FORMATS`.
        voxel_size_nm: (z, y, x) in nm; wins over what files say.
        dataset: path within HDF5 files that are not of our format, or within Zarr groups.
        axes: some of "zyx": what 2D networks say of the slices of a volume across each of them is averaged; "auto" is
            all three where the volume allows it (`mitoseg.inference.orthoplanes.choose_axes`).
        tta: orientations of each window that are averaged: 1, 4 or 8.
        memory: bytes that the program may take; None for no limit.
        overwrite: replace earlier results.
        square: whether pixels must be square; else they may be longer than wide.
        ngff: version of OME-Zarr, where results are of that kind.
    """

    outputs: tuple[str, ...] = OUTPUTS
    kind: str = "tiff"
    voxel_size_nm: VoxelSize | None = None
    dataset: str | None = None
    axes: str = AUTO
    tta: int = 1
    memory: int | None = None
    overwrite: bool = False
    square: bool = True
    ngff: Version = "0.5"


def make_wish(outputs: str = ",".join(OUTPUTS), memory: str = "", **settings: Any) -> Wish:
    """Make a wish of texts as a user types them: `outputs` such as "mask,instances", `memory` such as "2G".

    Raises:
        RunError: an output, a size or an axis is none.
    """
    names = tuple(name.strip() for name in outputs.split(",") if name.strip())
    for name in names or ("nothing",):
        if name not in OUTPUTS:
            near = difflib.get_close_matches(name, OUTPUTS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"expected some of {', '.join(OUTPUTS)}"
            raise RunError(f"outputs {outputs!r}: {name!r} is none; {hint}")
    check_axes(settings.get("axes", AUTO))
    return Wish(outputs=names, memory=parse_memory(memory) if memory else None, **settings)


def result_files(stem: Path, path: Path, wish: Wish) -> dict[str, Path]:
    """Names of the results of one image, by what they hold."""
    outputs = [name for name in OUTPUTS if name in wish.outputs]
    endings = {name: f"_{name}.tif" for name in outputs}
    if wish.kind == "tiff" and "mask" in outputs and path.suffix.lower() in PICTURES:
        endings["mask"] = "_mask.png"
    elif wish.kind == "h5":
        endings = {"everything": "_segmented.h5"}
    elif wish.kind == "zarr":
        endings = {"labels": "_segmented.zarr"} if {"mask", "instances"} & set(outputs) else {}
        endings |= {"probability": "_probability.zarr"} if "probability" in outputs else {}
    if "instances" in outputs:
        endings["table"] = "_objects.csv"
    return {name: stem.with_name(stem.name + ending) for name, ending in endings.items()}


def make_results(model: Model, source: Source, files: dict[str, Path], wish: Wish) -> Iterator[Path]:
    """Segment one image and write its results.

    Args:
        model: what segments.
        source: the image or volume.
        files: from `result_files`.
        wish: what is wanted.

    Yields:
        Each file once it is whole.

    Raises:
        DataError: the image cannot be read.
        WriteError: the disk is full, or refuses.
        RunError: memory does not suffice.
    """
    with Scratch(next(iter(files.values()))) as scratch:
        maps = predict_source(model, source, scratch, axes=wish.axes, tta=wish.tta, memory=wish.memory)
        decoding = model.decoding.at(source.thickness_nm)
        pieces = find_pieces(maps, decoding, scratch, wish.memory)

        def probability(part: Part) -> NDArray[np.float32]:
            return np.asarray(maps[(0, *part)])

        layers = {
            "raw": _layer("raw", source, np.uint8, source.read),
            "mask": _layer("mask", source, np.uint8, lambda part: pieces[part] > 0),
            "probability": _layer("probability", source, np.float32, probability),
        }
        if "table" in files or "everything" in files:
            numbers, count = find_instances(maps, pieces, model.config.target, decoding, scratch, wish.memory)
            dtype = np.uint16 if count < 2**16 else np.uint32
            layers["instances"] = _layer("instances", source, dtype, numbers.__getitem__)
        for name, file in files.items():
            if name != "table":
                _write(name, file, layers, model, wish)
                yield file
        if "table" in files:
            table = measure_objects(layers["instances"], layers["raw"], count)
            write_atomic(files["table"], table_text(table).encode())
            yield files["table"]


def _write(name: str, file: Path, layers: dict[str, Layer], model: Model, wish: Wish) -> None:
    if name == "everything":
        provenance = Provenance(source=f"mitoseg predict with {model.name}", instances="predicted")
        write_hdf5(file, _as_sample(layers, "probability" in wish.outputs), provenance)
    elif name == "labels":
        labels = [layers[each] for each in ("mask", "instances") if each in wish.outputs]
        write_zarr(file, layers["raw"], labels, wish.ngff)
    elif file.suffix == ".zarr":
        write_zarr(file, layers[name], version=wish.ngff)
    elif file.suffix == ".png":
        write_atomic(file, png(Image.fromarray(next(layers[name].slabs())[1][0] * 255)))
    elif file.suffix == ".tif":
        write_tiff(file, layers[name], white=255 if name == "mask" else 1)


def _layer(name: str, source: Source, dtype: DTypeLike, read: Callable[[Part], NDArray[Any]]) -> Layer:
    return Layer(name, source.shape, np.dtype(dtype), source.voxel_size_nm, read)


def _as_sample(layers: dict[str, Layer], probability: bool) -> list[Layer]:
    """Layers under their names in our file, where the mask is the foreground of the labels."""
    numbers = layers["instances"]
    mask = replace(layers["mask"], read=lambda part: numbers[part] > 0)
    return [layers["raw"], replace(numbers, name="label"), mask, *([layers["probability"]] if probability else [])]
