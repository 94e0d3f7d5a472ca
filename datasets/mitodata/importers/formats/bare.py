"""Images without masks: a folder of pictures, or one TIFF of a page a section."""

from pathlib import Path

from mitodata.errors import DataError
from mitodata.importers.images import SUFFIXES, TiffStack, image_files, read_grey, to_grey
from mitodata.importers.importer import Importer, Options
from mitodata.importers.stack import Stack

_EXPECTS = "a folder of PNG, JPG, TIFF or BMP files, or one TIFF of a page a section, without masks"
_TIFF = (".tif", ".tiff")


def _find(path: Path, _: Options) -> list[Stack]:
    if path.is_dir():
        files = image_files(path)
        return [Stack(path.resolve().name, [file.name for file in files], lambda z: read_grey(files[z]))]
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; expected {_EXPECTS}")
    if path.suffix.lower() in _TIFF:
        pages = TiffStack(path)
        if len(pages) > 1:
            return [
                Stack(path.stem, [f"{path.stem} {z}" for z in range(len(pages))], lambda z: to_grey(pages[z], path))
            ]
    elif path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path}: unknown kind of file; expected {_EXPECTS}")
    return [Stack(path.stem, [path.name], lambda _: read_grey(path))]


IMAGES = Importer(
    name="images",
    description="images without masks",
    expects=f"{_EXPECTS}; never recognised by itself: say images",
    find=_find,
    # Who looks for labelled images must not get these because the masks lie elsewhere.
    recognises=lambda _: False,
)
