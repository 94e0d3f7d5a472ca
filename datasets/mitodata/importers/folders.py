"""Finding the folders of a layout, also inside the one folder that archives often add, and the images in them."""

import re
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from mitodata.errors import DataError
from mitodata.readers.names import is_hidden, spell
from mitodata.readers.ome_zarr import is_zarr
from mitodata.readers.volumes.marks import VOLUMES

SUFFIXES = frozenset({*VOLUMES, ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})

_DEPTH = 3  # folder to fetch into / archive / its one folder / stack1

_RESULTS = frozenset({"predictions.jsonl", "last.pt", "index.html"})
"""Files that mark a folder of results: of a prediction, of a run, of a page."""

_LOOKED_AT, _NAMED = 1000, 3


def locate(path: Path, fits: Callable[[Path], bool], wanted: str) -> Path:
    """Find the one folder that `fits`: `path` itself or one below it.

    Args:
        path: where to look.
        fits: whether a folder is it.
        wanted: what is looked for; said in errors.

    Raises:
        DataError: there is none, or several at the same depth.
    """
    if not path.exists():
        raise DataError(f"{path}: no such folder")
    if not path.is_dir():
        raise DataError(f"{path}: is a file; expected a folder with {wanted}")
    level = [path]
    for _ in range(_DEPTH + 1):
        found = [folder for folder in level if fits(folder)]
        if len(found) > 1:
            raise DataError(f"{path}: {found[0].name} and {found[1].name} both hold {wanted}; name one of them")
        if found:
            return found[0]
        level = [child for folder in level for child in subfolders(folder)]
    raise DataError(f"{path}: not found in there: {wanted}")


def subfolders(folder: Path) -> Iterator[Path]:
    """List the folders in a folder by name, 2 before 10; hidden ones and what macOS puts into archives are left out."""
    try:
        children = sorted(folder.iterdir(), key=numeric_key)
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror}") from error
    return (child for child in children if child.is_dir() and not is_hidden(child))


def folders_below(path: Path, skipped: Collection[Path] = ()) -> Iterator[Path]:
    """List the folders under a folder, the nearest first: as deep as `locate` looks, and not more than 1000.

    Left out, with all that is in them, are hidden folders, Zarr, and folders of results.

    Args:
        path: where to look.
        skipped: further folders to leave out.
    """
    closed = {folder.resolve() for folder in skipped}
    return islice(_walk(path, closed), _LOOKED_AT)


def _walk(path: Path, closed: Collection[Path]) -> Iterator[Path]:
    waiting = deque([(path, 0)])
    while waiting:
        folder, depth = waiting.popleft()
        if depth:
            yield folder
        if depth < _DEPTH:
            waiting += [(child, depth + 1) for child in _children(folder) if child.resolve() not in closed]


def _children(folder: Path) -> list[Path]:
    """The folders in a folder in which a user may have images; none where it cannot be read."""
    try:
        return [child for child in subfolders(folder) if not is_zarr(child) and not holds_results(child)]
    except DataError:
        return []


def holds_results(folder: Path) -> bool:
    """Whether a folder is one of results of this program."""
    return any((folder / name).exists() for name in _RESULTS)


def holds_images(folder: Path) -> bool:
    """Whether image files lie in a folder."""
    try:
        return bool(image_files(folder))
    except DataError:
        return False


def name_folders_below(
    path: Path, skipped: Collection[Path] = (), holds: Callable[[Path], bool] = holds_images
) -> str:  # fmt: skip
    """Name the folders under a folder that hold images; an empty string if there are none.

    Args:
        path: where to look.
        skipped: folders to leave out.
        holds: whether a folder holds images.
    """
    return list_left_out([folder for folder in folders_below(path, skipped) if holds(folder)], path)


def list_left_out(found: Sequence[Path], path: Path) -> str:
    """Name up to three of the paths under `path` that were left out, and say how many they are."""
    names = [spell(each.relative_to(path).as_posix()) for each in found[:_NAMED]]
    return ", ".join(names) + (f", ... ({len(found)} in all)" if len(found) > _NAMED else "")


def image_files(folder: Path, suffixes: frozenset[str] = SUFFIXES) -> list[Path]:
    """List the image files of a folder, 2 before 10; hidden files are left out.

    Raises:
        DataError: the folder is missing, unreadable, or holds no such file.
    """
    try:
        files = [
            path for path in folder.iterdir() if path.name.lower().endswith(tuple(suffixes)) and not is_hidden(path)
        ]
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror}; expected a folder of images") from error
    if not files:
        raise DataError(f"{folder}: holds no image; expected {', '.join(sorted(suffixes))}")
    return sorted(files, key=numeric_key)


def numeric_key(path: Path) -> tuple[tuple[int, int, str], ...]:
    """Sort key of a file name in which numbers count as numbers, and capitals as small letters."""
    parts = re.split(r"(\d+)", path.name)
    key = [(0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in parts]
    return (*key, (1, 0, path.name))


def series_doubt(names: Sequence[str]) -> str:
    """Say in one line why files are perhaps not the sections of one volume, each once; else an empty string.

    Args:
        names: in the order of the sections.
    """
    kinds = [re.sub(r"\d+", "#", name.casefold()) for name in names]
    usual, number = Counter(kinds).most_common(1)[0]
    if not len(names) / 2 < number:
        return ""  # no series of numbers at all
    odd = [name for name, kind in zip(names, kinds, strict=True) if kind != usual]
    if odd:
        return f"{odd[0]} is not named like the others ({len(odd)} such files): is it a section of its own?"
    numbers = np.array([[int(part) for part in re.findall(r"\d+", name)] for name in names], dtype=np.float64)
    steps = np.diff(numbers, axis=0)
    counting = np.flatnonzero(steps.any(axis=0))
    if len(counting) == 2:
        grid = [len(np.unique(numbers[:, column])) for column in counting]
        if min(grid) > 1 and grid[0] * grid[1] == len(names):
            return f"{names[0]} to {names[-1]} count in two ways, {grid[0]} x {grid[1]}: are they tiles of a section?"
    if len(counting) != 1:
        return ""
    along = steps[:, counting[0]]
    step = Counter(along.tolist()).most_common(1)[0][0]
    gaps = np.flatnonzero((along > step) & (along % max(step, 1) == 0))
    if step <= 0 or not len(gaps):
        return ""
    first = int(gaps[0])
    missing = int((along[gaps] / step - 1).sum())
    return (
        f"no section between {names[first]} and {names[first + 1]} ({missing} missing in all): the volume is too short"
    )


def last_number(path: Path) -> int:
    """Return the last number in the name of a file, such as 7 for mask0007.png.

    Raises:
        DataError: there is none.
    """
    numbers = re.findall(r"\d+", path.stem)
    if not numbers:
        raise DataError(f"{path}: has no number in its name; expected the number of its section")
    return int(numbers[-1])
