"""Instances of volumes that never fit into memory: connected components of masks, and numbers that were given."""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mitodata.errors import DataError

_log = logging.getLogger("mitodata")

_LEAST_PAIRS = 8
"""Fewer numbers in neighbouring sections prove nothing."""

_FEW_PAIRS = 2
"""So many are remarkable, though no proof."""

_MOST_PAIRS = 1000
"""More need not be looked at."""

_APART = 0.5
"""Share of the numbers in neighbouring sections that do not touch, from which on they are those of other objects."""

Labels = NDArray[np.uint16] | NDArray[np.uint32]


def label_section(mask: NDArray[np.uint8]) -> Labels:
    """Number the foreground components (8 neighbours) of a (Y, X) mask; 255 (ignore) is no foreground."""
    labels = np.empty(mask.shape, np.int32)
    count = ndimage.label(mask == 1, np.ones((3, 3)), output=labels)
    return as_labels(labels, int(count))


def as_labels(numbers: NDArray[Any], largest: int) -> Labels:
    """Convert instance numbers to the smallest label dtype that holds `largest`."""
    return numbers.astype(np.uint16) if largest <= np.iinfo(np.uint16).max else numbers.astype(np.uint32)


class VolumeComponents:
    """Foreground components (26 neighbours) of a volume, with the memory of a slab.

    A first pass labels slab by slab, each together with the last section of the one before: the two numberings of that
    section say which components are one. The second pass, `labels`, repeats this and renumbers. Numbers are
    consecutive in the order in which components appear.
    """

    def __init__(self, mask: Callable[[int, int], NDArray[np.uint8]], depth: int, slab: int) -> None:
        """Run the first pass.

        Args:
            mask: gives sections [start, stop) as (Z, Y, X) uint8; 1 is foreground.
            depth: number of sections.
            slab: sections at a time.
        """
        self._mask, self._slab = mask, slab
        self._offsets: dict[int, int] = {}
        total, below = 0, None
        edges = [np.empty((0, 2), np.int64)]
        for start in range(0, depth, slab):
            self._offsets[start] = total
            labels, count = self._label(start, min(start + slab, depth))
            if below is not None:
                shared = below > 0
                edges.append(np.unique(np.stack([below[shared], labels[0][shared] + total], axis=1), axis=0))
            below = np.where(labels[-1] > 0, labels[-1] + total, 0)
            total += count
        self._numbers = _merge(np.concatenate(edges), total)
        self.count = int(self._numbers.max())

    def labels(self, start: int, stop: int) -> Labels:
        """Return the instances of slab [start, stop), one of those of the first pass."""
        labels, _ = self._label(start, stop)
        own = labels[1:] if start else labels
        return as_labels(self._numbers[np.where(own > 0, own + self._offsets[start], 0)], self.count)

    def _label(self, start: int, stop: int) -> tuple[NDArray[np.int64], int]:
        mask = self._mask(max(start - 1, 0), stop) == 1
        labels = np.empty(mask.shape, np.int32)
        count = ndimage.label(mask, np.ones((3, 3, 3)), output=labels)
        return labels.astype(np.int64), int(count)


class Numbering:
    """Whether given numbers of instances go through a volume, or begin anew in each section, as of 2D programs."""

    def __init__(self, where: str) -> None:
        """Begin with no section.

        Args:
            where: named in errors.
        """
        self._where, self._pairs, self._apart = where, 0, 0
        self._last: Labels | None = None

    def note(self, section: Labels) -> None:
        """Look at the next section, (Y, X).

        Raises:
            DataError: most numbers lie elsewhere than in the section before.
        """
        last, self._last = self._last, section
        if last is None or last.shape != section.shape or self._pairs >= _MOST_PAIRS:
            return
        both = np.intersect1d(last, section)
        touching = np.unique(section[section == last])
        self._pairs += int(np.count_nonzero(both))
        self._apart += int(np.count_nonzero(both) - np.count_nonzero(touching))
        if self._pairs >= _LEAST_PAIRS and self._mostly_apart:
            raise DataError(
                f"{self._where}: {self._apart} of {self._pairs} numbers lie elsewhere in the next section, as where "
                "each section is numbered by itself; expected one number an object through the volume; number them "
                "so, or take the sections as images (--as-2d)"
            )

    def say(self) -> None:
        """Say at the end that most numbers lie elsewhere, where they are too few to be refused."""
        if _FEW_PAIRS <= self._pairs < _LEAST_PAIRS and self._mostly_apart:
            _log.warning(
                "%s: %d of %d numbers lie elsewhere in the next section; if each section is numbered by itself, take "
                "the sections as images (--as-2d)",
                self._where,
                self._apart,
                self._pairs,
            )

    @property
    def _mostly_apart(self) -> bool:
        return self._apart > _APART * self._pairs


def _merge(edges: NDArray[np.int64], total: int) -> NDArray[np.uint32]:
    """Map component numbers 0 to `total` to final ones; `edges` (K, 2) lists pairs that are the same component."""
    graph = coo_array((np.ones(len(edges), bool), (edges[:, 0], edges[:, 1])), shape=(total + 1, total + 1))
    _, groups = connected_components(graph, directed=False)
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    ranks = np.argsort(np.argsort(first))  # 0 is background: alone in its group, and the first
    return ranks[inverse].astype(np.uint32)
