"""Images without masks: a folder of pictures, or one file of any kind that can be segmented."""

import logging
from collections.abc import Sequence
from pathlib import Path

from mitodata.errors import DataError
from mitodata.importers.folders import image_files, name_folders_below
from mitodata.importers.importer import Importer, Options
from mitodata.importers.pairing import core, is_mask
from mitodata.importers.stack import Stack
from mitodata.readers.inputs import has_known_name, one_a_set, open_images, read_pixels
from mitodata.readers.names import stem
from mitodata.readers.ome_zarr import is_zarr
from mitodata.readers.source import StoredImage

_log = logging.getLogger("mitodata")

_EXPECTS = (
    "a folder of PNG, JPG, TIFF or BMP files, or one TIFF, HDF5, DM3, DM4, MRC or NIfTI file or OME-Zarr, without masks"
)


def _find(path: Path, options: Options) -> list[Stack]:
    if path.is_dir() and not is_zarr(path):
        files = one_a_set(image_files(path))
        _check_masks(files)
        if deeper := name_folders_below(path):
            _log.warning(
                "%s: only images in the folder itself are imported; left out: those in %s; import them by themselves",
                path,
                deeper,
            )
        if len(files) > 1 or ".ome." not in files[0].name.lower():
            return [Stack(path.resolve().name, [file.name for file in files], lambda z: read_pixels(files[z]))]
        path = files[0]
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; expected {_EXPECTS}")
    if not has_known_name(path) and not is_zarr(path):
        raise DataError(f"{path}: unknown kind of file; expected {_EXPECTS}")
    return [_stack(found) for found in open_images(path, options.raw)]


def _check_masks(files: Sequence[Path]) -> None:
    """Check that no file is the mask of another: it would be imported as an image."""
    images = {core(file): file for file in files if not is_mask(file)}
    for file in files:
        if is_mask(file) and core(file) in images:
            raise DataError(
                f"{file}: looks like a mask of {images[core(file)].name}; expected images alone; import both as pairs, "
                "or move the masks away"
            )


def _stack(found: StoredImage) -> Stack:
    name, depth = f"{stem(found.path)}{found.suffix}", found.array.shape[0]
    return Stack(
        name=name,
        sections=[f"{name} {z}" for z in range(depth)] if depth > 1 or found.suffix else [found.path.name],
        raw=found.section,
        edges_nm=found.edges_nm,
        one_image=True,
    )


IMAGES = Importer(
    name="images",
    description="images without masks",
    expects=f"{_EXPECTS}; never recognised by itself: say images",
    find=_find,
    # Whoever looks for labelled images must not get these because the masks lie elsewhere.
    recognises=lambda _: False,
    options=frozenset({"raw"}),
)
