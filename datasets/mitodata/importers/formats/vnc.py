"""Drosophila ventral nerve cord: raw/NN.tif with mitochondria/NN.png, a file a section."""

from pathlib import Path

from mitodata.errors import DataError
from mitodata.importers.folders import image_files, last_number, locate
from mitodata.importers.importer import Importer, Options
from mitodata.importers.masks import read_mask
from mitodata.importers.stack import Stack, match
from mitodata.readers.inputs import read_pixels

_EXPECTS = "stack1/raw/NN.tif + stack1/mitochondria/NN.png"


def _find(path: Path, _: Options) -> list[Stack]:
    folder = locate(path, _fits, _EXPECTS)
    pairs = match(image_files(folder / "raw"), image_files(folder / "mitochondria"), last_number)
    return [
        Stack(
            name=folder.name,
            sections=[image.stem for image, _ in pairs],
            raw=lambda z: read_pixels(pairs[z][0]),
            mask=lambda z: read_mask(pairs[z][1]),
        )
    ]


def _fits(folder: Path) -> bool:
    return (folder / "raw").is_dir() and (folder / "mitochondria").is_dir()


def _recognises(path: Path) -> bool:
    try:
        locate(path, _fits, _EXPECTS)
    except DataError:
        return False
    return True


VNC = Importer(
    name="vnc",
    description="Drosophila larva ventral nerve cord, ssTEM",
    expects=_EXPECTS,
    find=_find,
    recognises=_recognises,
    voxel_size_nm=(50.0, 4.6, 4.6),
    licence="CC BY-NC-SA 3.0",
    citation="Gerhard et al., Segmented anisotropic ssTEM dataset of neural tissue, figshare 856713, 2013",
)
