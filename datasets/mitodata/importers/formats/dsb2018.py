"""Data Science Bowl 2018: ID/images/ID.png with ID/masks/*.png, one mask an instance."""

import logging
from pathlib import Path

import numpy as np

from mitodata.errors import DataError
from mitodata.importers.components import Labels, as_labels
from mitodata.importers.folders import image_files, locate, subfolders
from mitodata.importers.importer import Importer, Options
from mitodata.importers.masks import read_mask
from mitodata.importers.stack import Stack
from mitodata.readers.inputs import read_pixels

_log = logging.getLogger("mitodata")

_EXPECTS = "ID/images/ID.png + ID/masks/*.png, one mask an instance"


def _find(path: Path, _: Options) -> list[Stack]:
    folder = locate(path, _fits, _EXPECTS)
    cases = [child for child in subfolders(folder) if (child / "images").is_dir()]
    images = [_image(case) for case in cases]
    masks = [_masks(case) for case in cases]
    most = max(map(len, masks))
    if not all(masks):
        _log.warning("%s: images without a mask: %d; there all is background", folder, masks.count([]))

    def label(z: int) -> Labels:
        shape = read_mask(masks[z][0]).shape if masks[z] else read_pixels(images[z]).shape[:2]
        labels = as_labels(np.zeros(shape, np.uint8), most)
        for number, file in enumerate(masks[z], start=1):
            mask = read_mask(file)
            if labels.shape != mask.shape:
                raise DataError(f"{file}: is {mask.shape} (y, x), {masks[z][0].name} {labels.shape}; expected the same")
            labels[(mask > 0) & (labels == 0)] = number  # where masks overlap the first one keeps the pixel
        return labels

    return [
        Stack(
            name=folder.resolve().name,
            sections=[case.name for case in cases],
            raw=lambda z: read_pixels(images[z]),
            label=label,
            framed=False,  # fluorescence: an even background is no frame
        )
    ]


def _image(case: Path) -> Path:
    images = image_files(case / "images")
    if len(images) != 1:
        raise DataError(f"{case / 'images'}: holds {len(images)} images; expected one")
    if not (case / "masks").is_dir():
        raise DataError(f"{case / 'masks'}: no such folder; expected one mask an instance")
    return images[0]


def _masks(case: Path) -> list[Path]:
    """Files of the masks of an image; none where the folder is empty, as of an image without an instance."""
    folder = case / "masks"
    return list(image_files(folder)) if any(folder.iterdir()) else []


def _fits(folder: Path) -> bool:
    return any((child / "images").is_dir() and (child / "masks").is_dir() for child in subfolders(folder))


def _recognises(path: Path) -> bool:
    try:
        folder = locate(path, _fits, _EXPECTS)
        cases = [child for child in subfolders(folder) if (child / "images").is_dir()]
        return all(_image(case).stem == case.name for case in cases)  # else it is a folder of pairs
    except DataError:
        return False


DSB2018 = Importer(
    name="dsb2018",
    description="Data Science Bowl 2018, fluorescence nuclei",
    expects=_EXPECTS,
    find=_find,
    recognises=_recognises,
    licence="CC0",
    citation="Caicedo et al., Nucleus segmentation across imaging experiments: the 2018 Data Science Bowl, Nature "
    "Methods 16, 2019",
)
