"""The layout of Lucchi++ and Kasthuri++: folders Train_In, Train_Out, Test_In, Test_Out, a PNG a section."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mitodata.errors import DataError
from mitodata.importers.folders import image_files, last_number
from mitodata.importers.stack import Stack, match
from mitodata.readers.inputs import read_pixels

# A well-known loader swaps the two; the folders say what they are.
_SPLITS = {"train": "Train", "test": "Test"}


def holds_splits(folder: Path) -> bool:
    """Whether a folder has this layout."""
    return any((folder / f"{prefix}_In").is_dir() for prefix in _SPLITS.values())


def split_stacks(folder: Path, read_mask: Callable[[Path], NDArray[np.uint8]]) -> dict[str, Stack]:
    """List the splits that are there.

    Raises:
        DataError: a folder or a partner is missing.
    """
    return dict(_stacks(folder, read_mask))


def _stacks(folder: Path, read_mask: Callable[[Path], NDArray[np.uint8]]) -> Iterator[tuple[str, Stack]]:
    for split, prefix in _SPLITS.items():
        images, masks = folder / f"{prefix}_In", folder / f"{prefix}_Out"
        if images.is_dir() != masks.is_dir():
            raise DataError(f"{folder}: of {images.name} and {masks.name} one is missing; expected both")
        if images.is_dir():
            pairs = match(image_files(images), image_files(masks), last_number)
            yield split, _stack(split, pairs, read_mask)


def _stack(split: str, pairs: list[tuple[Path, Path]], read_mask: Callable[[Path], NDArray[np.uint8]]) -> Stack:
    return Stack(
        name=split,
        sections=[f"{split}/{image.name}" for image, _ in pairs],
        raw=lambda z: read_pixels(pairs[z][0]),
        mask=lambda z: read_mask(pairs[z][1]),
    )
