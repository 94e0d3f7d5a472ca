"""Editing labels: merge, split, delete, add; each edit can be undone, and so can strokes of a brush."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from mitodata import DataError, VoxelSize
from mitodata.readers.axes import Part

HISTORY_BYTES = 2**28
"""Edits are remembered up to this size; the oldest are forgotten first."""

SMOOTH_VOXELS = 1.0
"""Sigma by which distances are smoothed before an object is split: bays of its outline are no necks."""

Point = tuple[int, int, int]
"""A voxel: z, y, x."""

Voxels = tuple[NDArray[np.intp], ...]
"""Indices of voxels, an array an axis."""


@dataclass(frozen=True, eq=False)
class Edit:
    """Voxels of one number that got another.

    Attributes:
        what: was done, in words.
        where: the voxels.
        before: their number.
        after: the other one.
    """

    what: str
    where: Voxels
    before: int
    after: int

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return sum(axis.nbytes for axis in self.where)


@dataclass(frozen=True, eq=False)
class Stroke:
    """A change that somebody else made and can undo, such as a viewer's brush.

    Attributes:
        undo: takes back the last stroke that was not taken back.
        redo: makes it again.
        what: was done, in words.
        size: bytes that it takes here.
    """

    undo: Callable[[], object]
    redo: Callable[[], object]
    what: str = "paint"
    size: int = 0


class Proofreader:
    """Labels that are edited in place.

    Attributes:
        labels: (Z, Y, X) integers, 0 = background. Whoever changes them from outside says so with `note`.
        apart: whether sections are images of their own, in which the same number means another object.
    """

    def __init__(self, labels: NDArray[np.integer], voxel_size_nm: VoxelSize, *, apart: bool = False) -> None:
        """Take labels.

        Args:
            labels: (Z, Y, X), or a view of what a viewer holds.
            voxel_size_nm: (z, y, x) in nm; only their ratios count.
            apart: whether sections are images of their own.
        """
        self.labels, self.apart = labels, apart
        self._size_nm = voxel_size_nm
        self._done: list[Edit | Stroke] = []
        self._undone: list[Edit | Stroke] = []

    @property
    def last(self) -> str:
        """What `undo` would take back; empty if nothing."""
        return self._done[-1].what if self._done else ""

    @property
    def next(self) -> str:
        """What `redo` would do again; empty if nothing."""
        return self._undone[-1].what if self._undone else ""

    def number_at(self, point: Point) -> int:
        """Number of the object at a voxel; 0 outside of the labels."""
        inside = all(0 <= at < length for at, length in zip(point, self.labels.shape, strict=True))
        return int(self.labels[point]) if inside else 0

    def merge(self, first: Point, second: Point) -> Edit:
        """Give the object at the second voxel the number of that at the first.

        Raises:
            DataError: there are not two objects.
        """
        one, other = self._object(first), self._object(second)
        if self.apart and first[0] != second[0]:
            raise DataError("these objects lie in images of their own; expected two in one image")
        if one == other:
            raise DataError(f"both places lie in object {one}; expected two objects to merge")
        where = self._voxels(other, second)
        return self._do(Edit(f"merge {other} into {one}", where, other, one))

    def delete(self, point: Point) -> Edit:
        """Remove the object at a voxel.

        Raises:
            DataError: there is none.
        """
        number = self._object(point)
        return self._do(Edit(f"delete {number}", self._voxels(number, point), number, 0))

    def split(self, first: Point, second: Point) -> Edit:
        """Part an object in two by a watershed from two of its voxels; the part of the second gets a new number.

        Distances to the outline, in nm, are flooded from their heights down, so that the cut lies at the neck.

        Raises:
            DataError: the voxels do not lie in one object, or are one.
        """
        number = self._object(first)
        if self._object(second) != number or (self.apart and first[0] != second[0]):
            raise DataError("the two places lie in two objects; expected both in the one that is to be split")
        if first == second:
            raise DataError("both places are the same voxel; expected one in each half")
        where = self._voxels(number, first)
        start = [int(axis.min()) for axis in where]
        shape = [int(axis.max()) - low + 3 for axis, low in zip(where, start, strict=True)]
        inside = np.zeros(shape, bool)
        inside[tuple(axis - low + 1 for axis, low in zip(where, start, strict=True))] = True
        halves = _halves(inside, [_shifted(first, start), _shifted(second, start)], self._size_nm)
        new = self._new_number(first)
        moved = tuple(axis + low - 1 for axis, low in zip(np.nonzero(halves == 2), start, strict=True))
        return self._do(Edit(f"split {number} into {number} and {new}", moved, number, new))

    def add(self, where: Voxels) -> Edit:
        """Make an object of voxels, as far as they are background.

        Raises:
            DataError: none is.
        """
        free = self.labels[where] == 0
        if not free.any():
            raise DataError("there is an object already; expected a place that is background")
        kept = tuple(axis[free] for axis in where)
        new = self._new_number((int(kept[0][0]), int(kept[1][0]), int(kept[2][0])))
        return self._do(Edit(f"add {new}", kept, 0, new))

    def note(self, stroke: Stroke) -> None:
        """Remember what was painted by somebody else, so that it is undone in its turn."""
        self._remember(stroke)

    def undo(self) -> str:
        """Take back the last change; returns what it was, nothing if there is none."""
        if not self._done:
            return ""
        change = self._done.pop()
        if isinstance(change, Edit):
            self.labels[change.where] = change.before
        else:
            change.undo()
        self._undone.append(change)
        return change.what

    def redo(self) -> str:
        """Do again what was taken back last; returns what it was, nothing if there is none."""
        if not self._undone:
            return ""
        change = self._undone.pop()
        if isinstance(change, Edit):
            self.labels[change.where] = change.after
        else:
            change.redo()
        self._done.append(change)
        return change.what

    def _do(self, edit: Edit) -> Edit:
        self.labels[edit.where] = edit.after
        self._remember(edit)
        return edit

    def _remember(self, change: Edit | Stroke) -> None:
        self._undone.clear()
        self._done.append(change)
        while len(self._done) > 1 and sum(each.size for each in self._done) > HISTORY_BYTES:
            del self._done[0]

    def _object(self, point: Point) -> int:
        number = self.number_at(point)
        if not number:
            raise DataError(f"no object at z, y, x = {', '.join(map(str, point))}; expected a place in one")
        return number

    def _scope(self, point: Point) -> Part:
        z = slice(point[0], point[0] + 1) if self.apart else slice(0, self.labels.shape[0])
        return z, slice(0, self.labels.shape[1]), slice(0, self.labels.shape[2])

    def _voxels(self, number: int, point: Point) -> Voxels:
        scope = self._scope(point)
        z, y, x = np.nonzero(self.labels[scope] == number)
        return z + scope[0].start, y, x

    def _new_number(self, point: Point) -> int:
        """A number that no object has.

        Raises:
            DataError: the type of the labels has none left.
        """
        new = int(self.labels[self._scope(point)].max()) + 1
        if new > np.iinfo(self.labels.dtype).max:
            raise DataError(f"labels of type {self.labels.dtype} have no number left; expected a wider type: uint32")
        return new


def _shifted(point: Point, start: Sequence[int]) -> tuple[int, ...]:
    return tuple(at - low + 1 for at, low in zip(point, start, strict=True))


def _halves(
    inside: NDArray[np.bool_], seeds: Sequence[tuple[int, ...]], voxel_size_nm: VoxelSize
) -> NDArray[np.integer]:
    """Parts of an object, 1 and 2, around two of its voxels; 0 where it reaches neither, and outside.

    Each voxel climbs to the nearest height of its half first: from a rim, a flood would cross the neck before it rises.
    Where both climb to the same height there is no neck, and each part is what lies nearer to its voxel.

    Args:
        inside: (Z, Y, X), False all around.
        seeds: the voxels.
        voxel_size_nm: (z, y, x) in nm.
    """
    flat = inside.shape[0] == 3  # one section between two rims
    body = inside[1] if flat else inside
    sampling = voxel_size_nm[1:] if flat else voxel_size_nm
    own = [seed[1:] if flat else seed for seed in seeds]
    depth_nm = ndimage.gaussian_filter(ndimage.distance_transform_edt(body, sampling=sampling), SMOOTH_VOXELS)
    depth_nm[~body] = -1.0
    tops = [_climb(depth_nm, seed) for seed in own]
    heights = -depth_nm
    if tops[0] == tops[1]:
        tops, places = own, np.indices(body.shape)
        away = [
            sum(((axis - at) * edge) ** 2 for axis, at, edge in zip(places, seed, sampling, strict=True))
            for seed in own
        ]
        heights = np.minimum(*away)
    markers = np.zeros(body.shape, np.int32)
    markers[tops[0]], markers[tops[1]] = 1, 2
    found = np.asarray(watershed(heights, markers, mask=body))
    return np.pad(found[None], ((1, 1), (0, 0), (0, 0))) if flat else found


def _climb(heights: NDArray[np.float64], start: tuple[int, ...]) -> tuple[int, ...]:
    """The voxel at the end of the steepest way up."""
    at = start
    while True:
        near = tuple(slice(max(place - 1, 0), place + 2) for place in at)
        best = np.unravel_index(int(np.argmax(heights[near])), heights[near].shape)
        up = tuple(piece.start + int(step) for piece, step in zip(near, best, strict=True))
        if heights[up] <= heights[at]:
            return at
        at = up
