"""Where the images and the masks lie in a folder, as people lay them out, and what of that is left out."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mitodata.errors import DataError
from mitodata.importers.folders import (
    SUFFIXES,
    folders_below,
    holds_images,
    holds_results,
    image_files,
    list_left_out,
    locate,
    subfolders,
)
from mitodata.importers.pairing import Pair, core, is_mask, pair
from mitodata.readers.inputs import one_a_set
from mitodata.readers.names import spell, stem

_log = logging.getLogger("mitodata")

_IMAGES = frozenset({"images", "image", "imgs", "img", "raw", "em", "inputs", "input", "jpegimages", "imagestr"})
_MASKS = frozenset(
    {
        *(
            "masks",
            "mask",
            "labels",
            "label",
            "labelstr",
            "annotations",
            "annotation",
            "gt",
            "groundtruth",
            "ground_truth",
        ),
        *("instances", "instance", "segmentation", "segmentations", "seg", "targets", "target", "mitochondria", "mito"),
        *("segmentationobject", "segmentationobjectpng", "segmentationclass", "segmentationclasspng"),
    }
)
SHAPES = ".json"
"""How files of labelme end."""

EXPORT = ("img.png", "label.png")
"""The image and its annotation in a folder that labelme exports."""

_ANNOTATIONS = SUFFIXES | {SHAPES}

EXPECTS = (
    "images and masks: in folders images/ and masks/ (or raw, labels, annotations, instances, gt ...), or side by side "
    "as a.tif + a_mask.tif or a.json of labelme"
)


@dataclass(frozen=True)
class FolderLayout:
    """Where the images and the masks are, and which belong together."""

    images: Path
    masks: Path
    pairs: Sequence[Pair]


def given_layout(images: Path, masks: Path) -> FolderLayout:
    """The layout of two paths: two files, or two folders.

    Raises:
        DataError: they are one of each, or as `pair`.
    """
    if images.is_dir() != masks.is_dir():
        raise DataError(f"{images}: and {masks} are a file and a folder; expected two files or two folders")
    if images.is_dir():
        return FolderLayout(images, masks, pair(_files(images, SUFFIXES), _files(masks, _ANNOTATIONS)))
    return FolderLayout(images.parent, masks.parent, [(images, masks)])


def find_layout(path: Path) -> FolderLayout:
    """The layout in a folder, or in the one folder below that has one; a line names what of the rest has masks too.

    Raises:
        DataError: there is none, or which is meant is not clear.
    """
    folder = locate(path, _fits, EXPECTS)
    layout = _layout(folder)
    left = [*_beside(folder, layout), *_below(path, folder, layout)]
    if left:
        _log.warning(
            "%s: only the images in %s are imported; left out: %s; import them by themselves",
            path,
            layout.images,
            list_left_out(left, path),
        )
    return layout


def holds_layout(path: Path) -> bool:
    """Whether there is a layout in a folder, or in one folder below."""
    try:
        locate(path, _fits, EXPECTS)
    except DataError:
        return False
    return True


def _files(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """The files in a folder, of an OME-TIFF in several files the first."""
    return one_a_set(image_files(folder, suffixes))


def _layout(folder: Path) -> FolderLayout:
    images, masks = _children(folder, _IMAGES), _children(folder, _MASKS)
    for found in (images, masks):
        if images and masks and len(found) > 1:
            raise DataError(
                f"{folder}: holds {found[0].name} and {found[1].name}; say which: mitogen import pairs IMAGES MASKS"
            )
    if images and masks:
        return given_layout(images[0], masks[0])
    exported = _exported(folder)
    if exported:
        return FolderLayout(folder, folder, [(each / EXPORT[0], each / EXPORT[1]) for each in exported])
    return FolderLayout(folder, folder, pair(*_side_by_side(folder)))


def _fits(folder: Path) -> bool:
    if (_children(folder, _IMAGES) and _children(folder, _MASKS)) or _exported(folder):
        return True
    images, masks = _side_by_side(folder)
    return len(images) == len(masks) == 1 or not {*map(core, images)}.isdisjoint(map(core, masks))


def _children(folder: Path, names: frozenset[str]) -> list[Path]:
    return [child for child in subfolders(folder) if child.name.lower() in names]


def _exported(folder: Path) -> list[Path]:
    """The folders that labelme exports, an image each."""
    return [child for child in subfolders(folder) if all((child / name).is_file() for name in EXPORT)]


def _side_by_side(folder: Path) -> tuple[list[Path], list[Path]]:
    """The images in a folder, and the masks and shapes in it."""
    try:
        files = _files(folder, _ANNOTATIONS)
    except DataError:
        return [], []
    images = [file for file in files if file.suffix.lower() != SHAPES and not is_mask(file)]
    stems = {spell(stem(image)) for image in images}
    shapes = [file for file in files if file.suffix.lower() == SHAPES and spell(file.stem) in stems]
    return images, [*(file for file in files if file.suffix.lower() != SHAPES and is_mask(file)), *shapes]


def _beside(folder: Path, layout: FolderLayout) -> list[Path]:
    """What has masks in the folder of a layout and is not of it: images, and folders that labelme exports."""
    if holds_results(folder):
        return []
    exported = _exported(folder)
    names = {spell(each.name.removesuffix("_json")) for each in exported}
    images, masks = _side_by_side(folder)
    cores = set(map(core, masks))
    labelled = [image for image in images if core(image) in cores and spell(stem(image)) not in names]
    taken = {file for each in layout.pairs for file in each}
    return [
        *(each for each in exported if each / EXPORT[0] not in taken),
        *(image for image in labelled if image not in taken),
    ]


def _below(path: Path, folder: Path, layout: FolderLayout) -> list[Path]:
    """Folders that have a layout of their own, and folders within that of the images that hold more images."""
    own = {layout.images, layout.masks, *_exported(folder)} - {folder}
    left: list[Path] = []
    for each in folders_below(path, own):
        if each != folder and not any(parent in left for parent in each.parents) and _fits_alone(each):
            left.append(each)
    deeper = folders_below(layout.images) if layout.images != folder else ()
    return [*left, *(each for each in deeper if holds_images(each))]


def _fits_alone(folder: Path) -> bool:
    try:
        return _fits(folder)
    except DataError:  # it cannot be read
        return False
