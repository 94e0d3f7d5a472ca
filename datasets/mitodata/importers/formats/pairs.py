"""A folder of images and a folder of masks of the same names, of any size and image format."""

from pathlib import Path

from mitodata.errors import DataError
from mitodata.importers.folders import image_files, locate, subfolders
from mitodata.importers.importer import Importer, Options
from mitodata.importers.masks import read_mask
from mitodata.importers.stack import Stack, match
from mitodata.readers.inputs import read_pixels
from mitodata.readers.names import spell

_IMAGES = ("images", "image", "imgs", "img")
_MASKS = ("masks", "mask", "labels", "label")
_EXPECTS = "a folder images/ and a folder masks/ with PNG, JPG, TIFF or BMP files of the same names"


def _find(path: Path, _: Options) -> list[Stack]:
    folder = locate(path, _fits, _EXPECTS)
    images, masks = _child(folder, _IMAGES), _child(folder, _MASKS)
    if images is None or masks is None:
        raise DataError(f"{folder}: expected {_EXPECTS}")
    pairs = match(image_files(images), image_files(masks), lambda file: spell(file.stem))
    return [
        Stack(
            name=folder.resolve().name,
            sections=[image.name for image, _ in pairs],
            raw=lambda z: read_pixels(pairs[z][0]),
            mask=lambda z: read_mask(pairs[z][1]),
        )
    ]


def _fits(folder: Path) -> bool:
    return _child(folder, _IMAGES) is not None and _child(folder, _MASKS) is not None


def _child(folder: Path, names: tuple[str, ...]) -> Path | None:
    children = {child.name.lower(): child for child in subfolders(folder)}
    return next((children[name] for name in names if name in children), None)


def _recognises(path: Path) -> bool:
    try:
        locate(path, _fits, _EXPECTS)
    except DataError:
        return False
    return True


PAIRS = Importer(
    name="pairs",
    description="images with masks",
    expects=_EXPECTS,
    find=_find,
    recognises=_recognises,
)
