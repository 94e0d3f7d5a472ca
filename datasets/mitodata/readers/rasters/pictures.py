"""Pictures: PNG, JPEG and BMP, opened as one section each."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from mitodata.errors import DataError
from mitodata.readers.axes import Pixels
from mitodata.readers.damage import readable, strange_kind
from mitodata.readers.grey_levels import luminance
from mitodata.readers.source import Shown, StoredImage

MOST_PX = 2**30
"""Larger pictures are refused: they are unpacked as a whole."""

_PNG_START = b"\x89PNG\r\n\x1a\n"
_GREY = ("L", "I", "F")
_ORIENTATION = 0x0112


def open_picture(path: Path, shown: Shown = Shown.GREY) -> Iterator[StoredImage]:
    """Open a picture: grey or colour, turned as its EXIF says, of unknown voxel size.

    Raises:
        DataError: it is missing, damaged, too large, animated, or of colours that are neither grey nor RGB.
    """
    with readable(path, "picture"), _own_limit():
        pixels = _decode(path, shown)
    if shown is Shown.GREY and pixels.ndim == 3:
        pixels = luminance(pixels)
    yield StoredImage(path, "", pixels[np.newaxis])


def _decode(path: Path, shown: Shown) -> Pixels:
    """Decode a picture to (Y, X) or (Y, X, 3)."""
    try:
        image = Image.open(path)
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: is {strange_kind(path) or 'not an image, or damaged'}") from error
    with image:
        if image.width * image.height > MOST_PX:
            raise DataError(
                f"{path}: has {image.width} x {image.height} px; expected at most {MOST_PX >> 20} million in a "
                "picture; save it as a tiled TIFF or as OME-Zarr, which are read in parts"
            )
        frames = int(getattr(image, "n_frames", 1))
        if frames > 1 and image.format != "MPO":
            raise DataError(f"{path}: holds {frames} images; expected one, or a TIFF stack")
        if image.mode in ("CMYK", "LAB", "HSV"):
            raise DataError(f"{path}: the picture is {image.mode}; expected grey, RGB or a palette; save it as grey")
        if _cut_to_8_bits(path):
            return _decode_deep_png(path)
        turned = image if image.getexif().get(_ORIENTATION, 1) == 1 else ImageOps.exif_transpose(image)
        if turned.mode == "1":
            return np.asarray(turned.convert("L")) > 0  # Pillow's True is a byte of 255, which numpy takes for no bool
        if turned.mode in _GREY or turned.mode.startswith("I;16") or (turned.mode == "P" and shown is Shown.STORED):
            return np.asarray(turned)
        return np.asarray(turned.convert("L" if turned.mode == "LA" else "RGB"))


def _cut_to_8_bits(path: Path) -> bool:
    """Whether a picture is a PNG of 16 bits and several channels, of which Pillow reads the upper 8 bits."""
    with path.open("rb") as stream:
        start = stream.read(26)
    return start.startswith(_PNG_START) and start[24] == 16 and start[25] != 0


def _decode_deep_png(path: Path) -> Pixels:
    from imagecodecs import png_decode

    pixels = np.asarray(png_decode(path.read_bytes()))
    return pixels[..., 0] if pixels.shape[-1] < 3 else pixels[..., :3]


@contextmanager
def _own_limit() -> Iterator[None]:
    """Let Pillow read pictures up to our limit, and warn of nothing: what makes a file unreadable is raised as well."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before
