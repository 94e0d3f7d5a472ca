"""What is wanted of each image, which files its results are, and what is in them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.typing import DTypeLike, NDArray
from PIL import Image

from mitodata import RunError, VoxelSize
from mitodata.contrast import check_invert
from mitodata.errors import did_you_mean
from mitodata.export.multiscales import Version
from mitodata.files import write_atomic
from mitodata.hdf5.layout import Provenance
from mitodata.readers.inputs import PICTURES
from mitodata.readers.source import Source
from mitoseg.inference.decoding import find_instances, find_pieces, move_outline
from mitoseg.inference.measure import measure_objects, measure_sections, table_text
from mitoseg.inference.model import Model
from mitoseg.inference.orthoplanes import AUTO, Tta, check_axes, choose_axes, seen_apart
from mitoseg.inference.predictor import predict_source
from mitoseg.io.blocks import Layer, Part, strips
from mitoseg.io.outputs import write_hdf5, write_tiff, write_zarr
from mitoseg.io.overlay import draw_overlay
from mitoseg.io.panels import png
from mitoseg.io.scratch import Scratch, Store, StoredArray
from mitoseg.networks.memory import parse_memory

Maps = Callable[[Store], StoredArray]
"""Puts the maps of an image, (C, Z, Y, X) float32, into a store."""

OUTPUTS = ("mask", "probability", "instances", "overlay")
FORMATS = ("tiff", "h5", "zarr")


class SegmentKeywords(TypedDict, total=False):
    """Keywords of `segment`, as a user gives them.

    outputs: some of `OUTPUTS`, as a list or as a text such as "mask,instances"; with instances comes a table of them.
        "overlay" is a picture of the middle section with outlines.
    format: one of `FORMATS`.
    voxel_size_nm: (z, y, x) in nm; wins over what files say.
    dataset: path within HDF5 files that are not of our format, or within Zarr groups.
    axes: some of "zyx": what 2D networks say of the slices of a volume across each of them is averaged; "auto" is all
        three where the volume allows it (`mitoseg.inference.orthoplanes.choose_axes`).
    tta: test-time augmentation: how many looks are averaged, 1, 2, 4 or 8; "auto" is 2 for sections that are seen by
        themselves, and 1 for volumes across three axes (`mitoseg.inference.orthoplanes.choose_tta`).
    memory: what the program may take: bytes, or a text such as "2G"; None for no limit.
    overwrite: replace earlier results.
    square: whether pixels must be square; else they may be longer than wide.
    ngff: version of OME-Zarr, where results are of that kind.
    invert: "auto", "on" or "off": whether the negative of an image is segmented (`mitodata.contrast`).
    as_2d: segment each section of a stack as an image of its own.
    """

    outputs: str | Sequence[str]
    format: str
    voxel_size_nm: VoxelSize | None
    dataset: str | None
    axes: str
    tta: Tta
    memory: str | int | None
    overwrite: bool
    square: bool
    ngff: Version
    invert: str
    as_2d: bool


@dataclass(frozen=True)
class SegmentOptions:
    """What is wanted of each image, checked; attributes as in `SegmentKeywords`."""

    outputs: tuple[str, ...] = OUTPUTS
    format: str = "tiff"
    voxel_size_nm: VoxelSize | None = None
    dataset: str | None = None
    axes: str = AUTO
    tta: Tta = AUTO
    memory: int | None = None
    overwrite: bool = False
    square: bool = True
    ngff: Version = "0.5"
    invert: str = "auto"
    as_2d: bool = False


def make_options(**keywords: Unpack[SegmentKeywords]) -> SegmentOptions:
    """Check the keywords of `segment`.

    Raises:
        RunError: an output, a format, a size or an axis is none.
        DataError: invert is none.
    """
    rest: dict[str, Any] = {**keywords}
    given, memory = rest.pop("outputs", OUTPUTS), rest.pop("memory", None)
    names = [name.strip() for name in (given.split(",") if isinstance(given, str) else given) if name.strip()]
    for name in names or ["nothing"]:
        if name not in OUTPUTS:
            hint = did_you_mean(name, OUTPUTS, f"expected some of {', '.join(OUTPUTS)}")
            raise RunError(f"outputs {given!r}: {name!r} is none{hint}")
    limit = parse_memory(memory) if isinstance(memory, str) else memory
    options = SegmentOptions(outputs=tuple(names), memory=limit, **rest)
    if options.format not in FORMATS:
        raise RunError(f"format {options.format!r}; expected one of {', '.join(FORMATS)}")
    check_axes(options.axes)
    check_invert(options.invert)
    if options.as_2d and options.axes not in (AUTO, "z"):
        raise RunError(f"axes {options.axes!r} with as_2d; sections that are images of their own have one axis only")
    return options


def result_files(stem: Path, path: Path, options: SegmentOptions) -> dict[str, Path]:
    """Names of the results of one image, by what they hold."""
    outputs = [name for name in OUTPUTS if name in options.outputs and name != "overlay"]
    endings = {name: f"_{name}.tif" for name in outputs}
    if options.format == "tiff" and "mask" in outputs and path.suffix.lower() in PICTURES:
        endings["mask"] = "_mask.png"
    elif options.format == "h5":
        endings = {"everything": "_segmented.h5"} if outputs else {}
    elif options.format == "zarr":
        endings = {"labels": "_segmented.zarr"} if {"mask", "instances"} & set(outputs) else {}
        endings |= {"probability": "_probability.zarr"} if "probability" in outputs else {}
    if "instances" in outputs:
        endings["table"] = "_objects.csv"
    if "overlay" in options.outputs:
        endings["overlay"] = "_overlay.png"
    return {name: stem.with_name(stem.name + ending) for name, ending in endings.items()}


def make_results(
    model: Model,
    source: Source,
    files: dict[str, Path],
    options: SegmentOptions,
    *,
    negative: bool = False,
    say: Callable[[str], object] = lambda _: None,
    maps: Maps | None = None,
) -> Iterator[Path]:
    """Segment one image and write its results.

    Args:
        model: what segments.
        source: the image or volume.
        files: from `result_files`.
        options: what is wanted.
        negative: segment the negative of the image; grey levels in the results stay as they are.
        say: is told what a user should know of the image, in lines.
        maps: puts the maps of the whole image into a store, where they were predicted before; None to predict them.

    Yields:
        Each file once it is whole.

    Raises:
        DataError: the image cannot be read.
        WriteError: the disk is full, or refuses.
        RunError: memory does not suffice.
    """
    with Scratch(next(iter(files.values()))) as scratch:
        seen = source.negative() if negative else source
        apart = options.as_2d and source.shape[0] > 1
        if apart:
            segmented = _segment_each(model, seen, scratch, options, has_objects(files), say)
        else:
            found = maps(scratch) if maps else _predict(model, seen, scratch, options, say)
            segmented = _segment_whole(model, seen, found, scratch, options, has_objects(files))
        layers = layers_of(source, segmented, objects=has_objects(files))
        for name, file in files.items():
            if name != "table":
                write_layers(name, file, layers, model.name, options)
                yield file
        if "table" in files:
            measure = measure_sections if apart else measure_objects
            table = measure(layers["instances"], layers["stored"], segmented.counts)
            write_atomic(files["table"], table_text(table).encode())
            yield files["table"]


def has_objects(files: Mapping[str, Path]) -> bool:
    """Whether any of these results, from `result_files`, has objects with numbers."""
    return "table" in files or "everything" in files


@dataclass(frozen=True, eq=False)
class Segmented:
    """What was found in an image, each in parts (Z, Y, X).

    Attributes:
        probability: of foreground, float32.
        pieces: above 0 where foreground is.
        instances: numbers of objects, 0 = background; any where no objects were asked for.
        counts: objects of the image, or of each of its sections where they are images of their own.
    """

    probability: Callable[[Part], NDArray[np.float32]]
    pieces: Callable[[Part], NDArray[Any]]
    instances: Callable[[Part], NDArray[Any]]
    counts: Sequence[int]


def layers_of(source: Source, segmented: Segmented, *, objects: bool) -> dict[str, Layer]:
    """What results are written of, by name; with instances if there are to be `objects`."""
    layers = {
        "raw": _layer("raw", source, np.uint8, source.read),
        "stored": _layer("stored", source, source.array.dtype, source.read_stored),
        "mask": _layer("mask", source, np.uint8, lambda part: segmented.pieces(part) > 0),
        "probability": _layer("probability", source, np.float32, segmented.probability),
    }
    if objects:
        dtype = np.uint16 if sum(segmented.counts) < 2**16 else np.uint32
        layers["instances"] = _layer("instances", source, dtype, segmented.instances)
    return layers


def _predict(
    model: Model, source: Source, store: Store, options: SegmentOptions, say: Callable[[str], object]
) -> StoredArray:
    return predict_source(model, source, store, axes=options.axes, tta=options.tta, memory=options.memory, say=say)


def _segment_whole(
    model: Model, source: Source, maps: StoredArray, store: Store, options: SegmentOptions, objects: bool
) -> Segmented:
    """Segment an image or a volume by its maps; `objects`: number them as well."""
    decoding = model.decoding
    apart = seen_apart(model, choose_axes(model, source.shape, source.voxel_size_nm, options.axes))
    smallest = decoding.smallest_voxels(source.shape, source.voxel_size_nm)
    instances = pieces = find_pieces(maps, decoding, store, options.memory, apart=apart, smallest=smallest)
    count = 0
    if objects:
        instances, count = find_instances(maps, pieces, model.config.target, decoding, store, options.memory)
    if decoding.outline_nm:
        if objects:
            instances, count = move_outline(instances, decoding.outline_nm, source.voxel_size_nm, store, "outlined")
        pieces, _ = move_outline(pieces, decoding.outline_nm, source.voxel_size_nm, store, "outlined pieces")
    return Segmented(lambda part: np.asarray(maps[(0, *part)]), pieces.__getitem__, instances.__getitem__, [count])


def _segment_each(
    model: Model, source: Source, scratch: Scratch, options: SegmentOptions, objects: bool, say: Callable[[str], object]
) -> Segmented:
    """Segment each section of a stack by itself, as if it were a file of its own; objects are numbered through."""
    probability = scratch.array("probability of each", source.shape, np.float32)
    pieces = scratch.array("pieces of each", source.shape, np.uint32)
    instances = scratch.array("instances of each", source.shape, np.uint32)
    counts: list[int] = []
    for z in range(source.shape[0]):
        notes: list[str] = []
        with Scratch(scratch.path.with_name(f"{scratch.path.name}.section")) as own:
            section = source.section(z)
            maps = _predict(model, section, own, options, notes.append)
            alone = _segment_whole(model, section, maps, own, options, objects)
            for _, y, x in strips((1, *source.shape[1:])):
                part = (slice(0, 1), y, x)
                probability[z, y, x] = alone.probability(part)[0]
                pieces[z, y, x] = alone.pieces(part)[0]
                numbers = alone.instances(part)[0]
                instances[z, y, x] = np.where(numbers > 0, numbers + sum(counts), 0)
        counts += alone.counts
        for note in notes:
            say(f"section {z}: {note}")
    return Segmented(probability.__getitem__, pieces.__getitem__, instances.__getitem__, counts)


def labels_among(layers: Mapping[str, Layer], options: SegmentOptions) -> list[Layer]:
    """The label images of an OME-Zarr."""
    return [layers[each] for each in ("mask", "instances") if each in options.outputs]


def write_layers(name: str, file: Path, layers: dict[str, Layer], model: str, options: SegmentOptions) -> None:
    """Write one of the results, from `result_files`, that is no table.

    Args:
        name: what it holds.
        file: its path.
        layers: from `layers_of`.
        model: name of what segmented.
        options: what is wanted.

    Raises:
        WriteError: the disk is full, or refuses.
    """
    if name == "everything":
        provenance = Provenance(source=f"mitoseg predict with {model}", instances="predicted")
        write_hdf5(file, _as_sample(layers, "probability" in options.outputs), provenance)
    elif name == "labels":
        write_zarr(file, layers["raw"], labels_among(layers, options), options.ngff)
    elif file.suffix == ".zarr":
        write_zarr(file, layers[name], version=options.ngff)
    elif name == "overlay":
        write_atomic(file, png(draw_overlay(layers["raw"], layers.get("instances", layers["mask"]))))
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
