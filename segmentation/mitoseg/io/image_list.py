"""Which images are to be segmented: files and folders of them, without the results of earlier runs."""

import logging
from collections.abc import Sequence
from pathlib import Path

from mitodata import DataError
from mitodata.readers.inputs import KINDS, has_known_name, one_a_set
from mitodata.readers.names import is_hidden, is_system_file, spell, stem
from mitodata.readers.ome_zarr import is_zarr

_log = logging.getLogger("mitoseg")

RESULTS = (
    *("_mask.png", "_mask.tif", "_probability.tif", "_instances.tif", "_overlay.png"),
    *("_segmented.h5", "_segmented.zarr", "_probability.zarr"),
)
"""How the names of images end that `mitoseg.inference.segment` writes."""


def expand(paths: Sequence[Path]) -> list[Path]:
    """Replace folders by the images in them, sorted by name; an OME-Zarr is one image, an OME-TIFF in files too.

    What `mitoseg predict` writes is left out of folders: a second run beside the images would segment its own masks.
    What systems put among images (`._a.png`, `Thumbs.db`) is left out, also where it is named. Images in folders within
    a folder are left out too, and a line says so.

    Raises:
        DataError: a file is missing or of an unknown kind, or there is no image.
    """
    found: list[Path] = []
    named = [path for path in paths if not is_system_file(path)]
    for path in named:
        if is_zarr(path) or path.is_file():
            found.append(path)
        elif path.is_dir():
            found += _images_in(path)
            _say_deeper(path, named)
        else:
            raise DataError(f"{path}: not found; expected an image file or a folder of images")
    for path in found:
        if not has_known_name(path) and not is_zarr(path):
            raise DataError(f"{path}: unknown kind of file; expected one of {', '.join(KINDS)}")
    if paths and not named:
        raise DataError(f"{paths[0]}: was made by the system and is not an image; expected one of {', '.join(KINDS)}")
    return one_a_set(found)


def _images_in(folder: Path) -> list[Path]:
    """The images in a folder, without results of earlier runs."""
    inside = sorted(each for each in folder.iterdir() if has_known_name(each) and not is_hidden(each))
    images = [each for each in inside if _is_image(each)]
    if inside and not images:
        raise DataError(
            f"{folder}: holds no image but what looks like results of mitoseg predict, such as {inside[0].name}; "
            "name files that are images one by one"
        )
    if not images:
        raise DataError(f"{folder}: holds no image; expected files ending in {', '.join(KINDS)}")
    return images


def _is_image(path: Path) -> bool:
    """Whether the name of a file in a folder is that of an image to segment, not that of a result."""
    return has_known_name(path) and not is_hidden(path) and not path.name.endswith(RESULTS)


def _say_deeper(path: Path, named: Sequence[Path]) -> None:
    """Say that folders in a folder hold images as well, unless they are named."""
    from mitodata.importers.folders import name_folders_below

    text = "%s: only images in the folder itself are taken; left out: those in %s; name these folders as well"
    if deeper := name_folders_below(path, named, _holds_images):
        _log.warning(text, path, deeper)


def _holds_images(folder: Path) -> bool:
    try:
        return any(_is_image(each) for each in folder.iterdir())
    except OSError:
        return False


def unique_names(paths: Sequence[Path]) -> list[str]:
    """Short names for files: without folder and ending, in one spelling, numbered where that is not unique."""
    names: list[str] = []
    for path in paths:
        plain = spell(stem(path)).removesuffix(".ome")
        name, number = plain, 2
        while name in names:
            name = f"{plain}-{number}"
            number += 1
        names.append(name)
    return names
