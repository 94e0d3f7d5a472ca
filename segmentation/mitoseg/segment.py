"""From image files to files of masks and probabilities."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from mitodata import DataError, RunError, VoxelSize
from mitoseg.checkpoint import write_atomic
from mitoseg.images import PICTURES, read_images, unique_names, write_tiff
from mitoseg.pictures import png
from mitoseg.predict import Model, predict_probability


def segment(
    model: Model, paths: Sequence[Path], folder: Path, voxel_size_nm: VoxelSize | None, *, turns: bool = False
) -> list[Path]:
    """Segment image files; write `NAME_mask` (0 and 255) and `NAME_probability.tif` (float32) for each image.

    Args:
        model: from `mitoseg.predict.load_model`; its threshold makes the mask.
        paths: files as `mitoseg.images.read_images` takes them.
        folder: where the results go; made if it is missing. Masks of pictures are PNG, of all else TIFF.
        voxel_size_nm: (z, y, x) in nm, for files that do not carry it.
        turns: average over turns and mirror images.

    Returns:
        Paths of the masks.

    Raises:
        DataError: a file cannot be read, or there is no voxel size.
        RunError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder}: cannot be made: {error.strerror or error}; expected a folder") from error
    masks = []
    names = dict(zip(unique_names(paths), paths, strict=True))
    # tqdm shows nothing where there is no terminal (disable=None).
    for name, path in tqdm(names.items(), desc="predict", disable=None):
        for suffix, raw, size_nm in read_images(path, voxel_size_nm):
            try:
                probability = predict_probability(model, raw, size_nm, turns=turns)
            except DataError as error:
                raise DataError(f"{path}: {error}") from error
            mask = np.where(probability >= model.threshold, 255, 0).astype(np.uint8)
            if path.suffix.lower() in PICTURES:
                target = folder / f"{name}{suffix}_mask.png"
                write_atomic(target, png(Image.fromarray(mask[0])))
            else:
                target = folder / f"{name}{suffix}_mask.tif"
                write_tiff(target, mask, size_nm)
            write_tiff(folder / f"{name}{suffix}_probability.tif", probability, size_nm)
            masks.append(target)
    return masks
