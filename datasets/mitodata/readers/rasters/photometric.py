"""What the numbers of a TIFF mean: black or white at 0, numbers of colours in a table, or neither grey nor colour."""

from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from mitodata.errors import DataError

_WHITE_IS_0, _BLACK_IS_0, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_NAMES = {4: "transparency mask", 5: "CMYK", 6: "YCbCr", 8: "CIELab", 9: "ICCLab", 32803: "colour filter array"}
_JPEG = frozenset({6, 7, 33007, 34892})  # compressions whose decoders turn YCbCr into RGB by themselves
_FAX = frozenset({2, 3, 4})  # compressions of the fax machine, which count white as 0


def apply_photometric(pixels: NDArray[Any], page: tifffile.TiffPage | tifffile.TiffFrame) -> NDArray[Any]:
    """Turn pixels as a page of a TIFF holds them into what they show.

    Args:
        pixels: what tifffile read of the page, or any window of it: (..., Y, X) or (..., Y, X, colours).
        page: the page, whose PhotometricInterpretation counts.

    Returns:
        Black at 0: inverted where the file counts white as 0; (..., Y, X, 3) uint8 where it held a table of colours; in
        all other cases `pixels` itself.

    Raises:
        DataError: the page is neither grey, RGB nor a table of colours, or that table is missing or too short.
    """
    check_photometric(page)
    kind = _kind(page)
    if kind == _WHITE_IS_0:
        return _invert(pixels, page)
    return _look_up(pixels, page) if kind == _PALETTE else pixels


def check_photometric(page: tifffile.TiffPage | tifffile.TiffFrame) -> None:
    """Refuse what `apply_photometric` does not know, before anything is decoded.

    Raises:
        DataError: the page is neither grey, RGB nor a table of colours.
    """
    kind = _kind(page)
    if kind in (_WHITE_IS_0, _BLACK_IS_0, _RGB, _PALETTE) or (kind == _YCBCR and _key(page).compression in _JPEG):
        return
    name = _NAMES.get(kind, f"of PhotometricInterpretation {kind}")
    raise DataError(f"{_file(page)}: the TIFF is {name}; expected grey, RGB or a palette; save it as grey or RGB")


def _key(page: tifffile.TiffPage | tifffile.TiffFrame) -> tifffile.TiffPage:
    key = page if isinstance(page, tifffile.TiffPage) else page.keyframe  # a frame shares the tags of another page
    if key is None:
        raise DataError(f"{_file(page)}: page {page.index} of the TIFF has no tags; save it again")
    return key


def _kind(page: tifffile.TiffPage | tifffile.TiffFrame) -> int:
    key = _key(page)
    if "PhotometricInterpretation" in key.tags:
        return int(key.photometric)
    if key.samplesperpixel >= 3:  # a tag that must be there is missing: guess as libtiff does
        return _RGB
    return _WHITE_IS_0 if key.compression in _FAX else _BLACK_IS_0


def _invert(pixels: NDArray[Any], page: tifffile.TiffPage | tifffile.TiffFrame) -> NDArray[Any]:
    if pixels.dtype.kind not in "bui":
        raise DataError(
            f"{_file(page)}: is {pixels.dtype} with white at 0; expected whole numbers; save it with black at 0"
        )
    if pixels.dtype.kind != "u":
        return ~pixels
    bits = min(int(np.max(_key(page).bitspersample)), 8 * pixels.dtype.itemsize)  # 4 bits arrive as 8
    return np.asarray(pixels.dtype.type(2**bits - 1) - pixels)


def _look_up(pixels: NDArray[Any], page: tifffile.TiffPage | tifffile.TiffFrame) -> NDArray[np.uint8]:
    table = _key(page).colormap
    colours = 0 if table is None else table.shape[-1]
    if table is None or pixels.dtype.kind not in "bu" or int(pixels.max(initial=0)) >= colours:
        raise DataError(
            f"{_file(page)}: its palette has {colours} colours, too few for its pixels ({pixels.dtype}); save it as RGB"
        )
    bright = table >> 8 if table.max() > 255 else table  # TIFF counts to 65535, some programs to 255
    return np.ascontiguousarray(bright.T.astype(np.uint8)[pixels.astype(np.intp)])


def _file(page: tifffile.TiffPage | tifffile.TiffFrame) -> str:
    return str(page.parent.filehandle.path)
