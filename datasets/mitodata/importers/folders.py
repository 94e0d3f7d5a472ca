"""Finding the folders of a layout, also inside the one folder that archives often add."""

from collections.abc import Callable, Iterator
from pathlib import Path

from mitodata.errors import DataError

_DEPTH = 3  # folder to fetch into / archive / its one folder / stack1


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
    """List the folders in a folder by name; hidden ones and what macOS puts into archives are left out."""
    try:
        children = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror}") from error
    return (child for child in children if child.is_dir() and child.name[0] != "." and child.name != "__MACOSX")
