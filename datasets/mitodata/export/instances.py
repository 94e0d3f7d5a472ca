"""A dataset file as pictures, one PNG an instance: the layout of the Data Science Bowl 2018."""

import logging
from pathlib import Path

import numpy as np

from mitodata.export.sections import NAME, new_folder, open_labelled, png, sections_of

_OURS = rf"{NAME}/(images/{NAME}|masks/\d{{6,}})\.png"

_log = logging.getLogger("mitodata")


def export_instances(path: Path, output: Path, *, overwrite: bool = False) -> list[Path]:
    """Write NAME/images/NAME.png and NAME/masks/INSTANCE.png for every section; `mitogen import dsb2018` reads them.

    Masks are 0 and 255. A section without instances has an empty folder of masks.

    Args:
        path: a labelled dataset file.
        output: the folder to write.
        overwrite: replace a folder that was written before.

    Returns:
        The folder.

    Raises:
        DataError: the file is damaged or not labelled, or the folder exists already or cannot be written.
    """
    unknown = 0
    with open_labelled(path) as dataset, new_folder(output, _OURS, overwrite) as draft:
        for section in sections_of(dataset):
            folder = draft / section.name
            for name in ("images", "masks"):
                (folder / name).mkdir(parents=True)
            (folder / "images" / f"{section.name}.png").write_bytes(png(section.raw))
            unknown += bool(section.unknown.any())
            known = np.where(section.unknown, 0, section.label)
            for number in np.unique(known[known > 0]):
                mask = np.where(known == number, np.uint8(255), np.uint8(0))
                (folder / "masks" / f"{number:06d}.png").write_bytes(png(mask))
    if unknown:
        _log.warning(
            "%s: in %d sections some truth is unknown, which this layout cannot say: background", path, unknown
        )
    return [output]
