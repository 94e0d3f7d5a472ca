"""Which mask belongs to which image, by the names that people give to files."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from mitodata.errors import DataError
from mitodata.readers.names import spell, stem

_IMAGE_WORDS = frozenset({"image", "images", "img", "imgs", "im", "raw", "em", "input", "original"})
_MASK_WORDS = frozenset(
    {
        *("mask", "masks", "cp", "label", "labels", "lbl", "seg", "segmentation", "segmentations", "segmented"),
        *("groundtruth", "ground", "truth", "gt", "annotation", "annotations", "annotated", "annot", "instance"),
        *("instances", "target", "targets"),
    }
)
_NAMED = 5

Key = tuple[object, ...]
_Namer = Callable[[Path], Key]

Pair = tuple[Path | None, Path | None]
"""An image and its mask; None for what has no partner."""


def is_mask(path: Path) -> bool:
    """Whether the name of a file begins or ends as that of a mask, such as a_mask.png or labels.tif."""
    words = _words(path)
    if not words or words[-1] in _IMAGE_WORDS:
        return False
    return words[-1] in _MASK_WORDS or words[0] in _MASK_WORDS


def core(path: Path) -> Key:
    """The name of a file without what says that it is an image or a mask: (1,) for image_001.tif and 1-mask.png."""
    words, said = _words(path), _IMAGE_WORDS | _MASK_WORDS
    while words and words[-1] in said:
        words.pop()
    while words and words[0] in said:
        words.pop(0)
    return tuple(int(word) if word.isdecimal() else word for word in words)


def pair(images: Sequence[Path], masks: Sequence[Path]) -> list[Pair]:
    """Pair images with masks: by the same name, else by names without words such as "mask", else by what is left.

    Last, what all images have in common at the ends of their names is left out, and what all masks have, if the one
    goes on where the other ends. One image and one mask are a pair whatever their names.

    Args:
        images: in the order of the pairs to return.
        masks: in any order.

    Returns:
        A pair for each image, then one for each mask that is left over.

    Raises:
        DataError: two images or two masks have the same name but for its ending.
    """
    if len(images) == len(masks) == 1:
        return [(images[0], masks[0])]
    ends = _Ends.of(images), _Ends.of(masks)
    keys: list[tuple[_Namer, _Namer]] = [(_stem, _stem), (core, core)]
    if ends[0].fits(ends[1]):
        keys.append((ends[0].without, ends[1].without))
    best = max((_match(images, masks, *each) for each in keys), key=_complete)  # the first of equals
    if not _complete(best):
        _check_twins(images, core, "images of the same name or number")
        _check_twins(masks, core, "masks of the same image")
    return best


def unpaired(pairs: Sequence[Pair], images: Path, masks: Path) -> str:
    """Say in one line which files have no partner; empty if all have one.

    Args:
        pairs: of `pair`.
        images: where the images are.
        masks: where the masks are.
    """
    alone = [image for image, mask in pairs if image and not mask]
    left = [mask for image, mask in pairs if mask and not image]
    if alone:
        beside = f"; without an image: {_names(left)}" if left else ""
        named = f"without a mask: {_names(alone)}{beside}"
        return f"{alone[0]}: has no mask in {masks}; expected one of the same name; {named}"
    return f"{left[0]}: has no image in {images} ({len(left)} such masks): {_names(left)}" if left else ""


def _match(images: Sequence[Path], masks: Sequence[Path], image_key: _Namer, mask_key: _Namer) -> list[Pair]:
    """Pair files of equal keys; none where keys are not unique."""
    by_key = {mask_key(mask): mask for mask in masks}
    if len(by_key) < len(masks) or len(set(map(image_key, images))) < len(images):
        by_key = {}
    pairs: list[Pair] = [(image, by_key.get(image_key(image))) for image in images]
    taken = {mask for _, mask in pairs}
    return [*pairs, *((None, mask) for mask in masks if mask not in taken)]


def _complete(pairs: Sequence[Pair]) -> int:
    return sum(None not in each for each in pairs)


def _check_twins(files: Sequence[Path], key: _Namer, what: str) -> None:
    first: dict[Key, Path] = {}
    for file in files:
        twin = first.setdefault(key(file), file)
        if twin is not file:
            raise DataError(f"{file}: and {twin.name} are {what}")


def _words(path: Path) -> list[str]:
    """The words and numbers of a name, in small letters."""
    return re.findall(r"\d+|[^\W\d_]+", spell(stem(path)).casefold())


def _stem(path: Path) -> Key:
    return (spell(stem(path)),)


@dataclass(frozen=True)
class _Ends:
    """What the cores of the names of some files have in common, at the start and at the end."""

    start: Key
    stop: Key

    @classmethod
    def of(cls, files: Sequence[Path]) -> "_Ends":
        keys = [core(file) for file in files]
        start = _in_common(keys)
        stop = _in_common([key[start:][::-1] for key in keys])
        return cls(keys[0][:start], keys[0][len(keys[0]) - stop :])

    def fits(self, other: "_Ends") -> bool:
        """Whether of two starts the longer ends as the shorter does, and of two ends the longer starts so."""
        short, long = sorted((self.start, other.start), key=len)
        first, second = sorted((self.stop, other.stop), key=len)
        return long[len(long) - len(short) :] == short and second[: len(first)] == first

    def without(self, file: Path) -> Key:
        """The core of a name without them."""
        return core(file)[len(self.start) : len(core(file)) - len(self.stop)]


def _in_common(keys: Sequence[Key]) -> int:
    """How many parts all keys begin with."""
    columns = zip(*keys, strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


def _names(files: Sequence[Path]) -> str:
    more = f", ... ({len(files)} files)" if len(files) > _NAMED else ""
    return ", ".join(file.name for file in files[:_NAMED]) + more
