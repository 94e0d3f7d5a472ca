"""Grey levels of pictures, and names of files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TIFF = (".tif", ".tiff")
HDF5 = (".h5", ".hdf5")
PICTURES = (".png", ".jpg", ".jpeg", ".bmp")

RESULTS = (
    *("_mask.png", "_mask.tif", "_probability.tif", "_instances.tif"),
    *("_segmented.h5", "_segmented.zarr", "_probability.zarr"),
)
"""How the names of images end that `mitoseg.inference.segment` writes."""


def unique_names(paths: Sequence[Path]) -> list[str]:
    """Short names for files: without folder and ending, numbered where that is not unique."""
    names: list[str] = []
    for path in paths:
        stem = path.stem.removesuffix(".ome")
        name, number = stem, 2
        while name in names:
            name = f"{stem}-{number}"
            number += 1
        names.append(name)
    return names


def read_picture(path: Path) -> NDArray[np.generic]:
    """Decode a picture to grey levels (Y, X); colours become their luminance."""
    with Image.open(path) as picture:
        single = picture.mode in ("1", "L", "I;16", "I", "F")
        return np.asarray(picture if single else picture.convert("L"))


def luminance(image: NDArray[np.generic]) -> NDArray[np.generic]:
    """Weigh red, green and blue as ITU-R BT.601 does; (..., 3 or 4) to (...), of the same type; 1 or 2 is grey."""
    if image.shape[-1] < 3:
        return image[..., 0]
    weighted = image[..., :3].astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return np.asarray(weighted.round() if image.dtype.kind in "bui" else weighted, image.dtype)
