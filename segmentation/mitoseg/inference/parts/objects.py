"""The objects of a volume that is merged in tasks: pieces found in each region, united where regions meet, numbered."""

from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitodata.cluster.workers import wait_for
from mitoseg.inference.blockwise import first_voxels, unite
from mitoseg.inference.decoding import BINS, Decoding, choose_thresholds, connect_faces, count_levels
from mitoseg.inference.parts.stages import Arrays, Stage
from mitoseg.io.blocks import Part, count_blocks, nth_block
from mitoseg.io.part_arrays import PartArray

REGION = (64, 512, 512)
"""Voxels (z, y, x) of a region: pieces are found in each by itself, in two seconds or so."""

CHUNK = (16, 128, 128)
"""Voxels (z, y, x) that are packed together."""

GROUP = 64
"""Neighbouring regions whose pieces are put together in one file."""

_AGAIN = "the same command continues"
_HELD = 256
"""Groups of regions whose final numbers are held."""


class Objects:
    """Pieces of foreground in a volume, and the objects that those are which are large enough.

    What `mitoseg.inference.decoding.find_pieces` and `find_instances` find, found by many processes.

    Where images have thresholds of their own, the probability of all regions is counted first.

    Attributes:
        stages: what is to be done, in this order.
    """

    def __init__(
        self,
        folder: Path,
        shape: tuple[int, int, int],
        decoding: Decoding,
        find: Callable[[Part], NDArray[np.float32]],
        *,
        probability: bool,
        apart: bool,
        smallest: int,
    ) -> None:
        """Plan the work.

        Args:
            folder: for what is found, in the folder of the parts.
            shape: (z, y, x) of the volume.
            decoding: thresholds.
            find: gives the probability of foreground in parts of the volume, (Z, Y, X).
            probability: whether to keep it.
            apart: whether each section is seen by itself.
            smallest: pieces of fewer voxels are dropped.
        """
        self._shape, self._decoding, self._find = shape, decoding, find
        self._apart, self._smallest = apart, smallest
        z, y, x = (min(edge, length) for edge, length in zip(REGION, shape, strict=True))
        self._labels = PartArray(folder / "pieces.zarr", (1, *shape), (z, y, x), CHUNK, np.uint32, _AGAIN)
        self._kept = [PartArray(folder / "probability.zarr", (1, *shape), (z, y, x), CHUNK, again=_AGAIN)] * probability
        for array in (self._labels, *self._kept):
            array.make()
        self._regions = count_blocks(shape, self._labels.edges)
        self._grid = [-(-length // edge) for length, edge in zip(shape, self._labels.edges, strict=True)]
        self._held: dict[int, dict[str, NDArray[Any]]] = {}
        groups = -(-self._regions // GROUP)
        self._levels = Stage(folder / "levels", self._regions, self._count_levels, self._probability_files)
        self._thresholds = Stage(folder / "thresholds", 1, self._choose_thresholds, alone=True)
        self._pieces = Stage(folder / "pieces", self._regions, self._find_pieces, self._files)
        self._links = Stage(folder / "links", groups, self._find_links)
        self._numbers = Stage(folder / "numbers", 1, self._number, self._tables, alone=True)
        chosen = [self._levels, self._thresholds] if decoding.own_threshold else []
        self.stages = [*chosen, self._pieces, self._links, self._numbers]

    @property
    def count(self) -> int:
        """How many objects there are."""
        return int(self._numbers.read(0)["count"][0])

    def probability(self, part: Part) -> NDArray[np.float32]:
        """The probability of foreground in a part, (Z, Y, X), where it is kept."""
        for region in self._meeting(part):
            wait_for(self._kept[0].path(self._region(region)))
        return np.asarray(self._kept[0][(slice(0, 1), *part)][0])

    def pieces(self, part: Part) -> NDArray[np.uint32]:
        """Numbers of the pieces in a part, (Z, Y, X), 0 = background."""
        return self._numbered(part, "pieces")

    def instances(self, part: Part) -> NDArray[np.uint32]:
        """Numbers of the objects in a part, (Z, Y, X), 0 = background."""
        return self._numbered(part, "instances")

    def _region(self, number: int) -> Part:
        return nth_block(self._shape, self._labels.edges, number)

    def _files(self, number: int) -> list[Path]:
        return [self._labels.path(self._region(number)), *self._probability_files(number)]

    def _probability_files(self, number: int) -> list[Path]:
        return [array.path(self._region(number)) for array in self._kept]

    def _look(self, region: Part) -> NDArray[np.float32]:
        """The probability of foreground in a region, which is kept if it is to be."""
        found = self._find(region)
        for array in self._kept:
            array.write(region, found[None])
        return found

    def _count_levels(self, number: int) -> Arrays:
        """Count the voxels of a region by section and probability."""
        return {"counts": count_levels(self._look(self._region(number)))}

    def _choose_thresholds(self, _: int) -> Arrays:
        """The threshold of each section, by the counts of all regions."""
        counts = np.zeros((self._shape[0], BINS), np.int64)
        for number in range(self._regions):
            counts[self._region(number)[0]] += self._levels.read(number)["counts"]
        return {"thresholds": choose_thresholds(counts, self._decoding, apart=self._apart)}

    @cached_property
    def _chosen(self) -> NDArray[np.float32]:
        """The threshold of each section, (Z, 1, 1)."""
        if self._decoding.own_threshold:
            return np.asarray(self._thresholds.read(0)["thresholds"], np.float32)[:, None, None]
        return np.full((self._shape[0], 1, 1), self._decoding.threshold, np.float32)

    def _find_pieces(self, number: int) -> Arrays:
        """Find the pieces of a region, numbered from 1 on."""
        region = self._region(number)
        counted = self._decoding.own_threshold and self._kept
        found = self.probability(region) if counted else self._look(region)
        pieces = connect_faces(found >= self._chosen[region[0]])
        count = int(pieces.max())
        inside = pieces > 0
        sure = inside & (found >= self._decoding.peak) if self._decoding.peak > 0 else inside
        self._labels.write(region, pieces.view(np.uint32)[None])
        return {
            "voxels": np.bincount(pieces[inside] - 1, minlength=count),
            "sure": np.bincount(pieces[sure] - 1, minlength=count),
            "first": first_voxels(pieces, region, self._shape, range(1, count + 1)),
        }

    def _find_links(self, group: int) -> Arrays:
        """Put together what is known of the pieces of some regions, and which of them touch pieces of earlier ones."""
        members = range(group * GROUP, min((group + 1) * GROUP, self._regions))
        known = [self._pieces.read(number) for number in members]
        links = [pairs for number in members for pairs in self._pairs(number)]
        return {
            "counts": np.array([len(each["voxels"]) for each in known], np.int64),
            "links": np.concatenate([np.empty((0, 4), np.int64), *links]),
            **{name: np.concatenate([each[name] for each in known]) for name in ("voxels", "sure", "first")},
        }

    def _pairs(self, number: int) -> Iterator[NDArray[np.int64]]:
        """Pieces of a region that touch those of the regions before it: rows of region, piece, region, piece."""
        region = self._region(number)
        for axis in range(3):
            first = region[axis].start
            if first == 0:
                continue
            before = number - prod(self._grid[axis + 1 :])
            faces = [self._face(region, axis, place) for place in (first - 1, first)]
            both = (faces[0] > 0) & (faces[1] > 0)
            pairs = np.unique(np.stack([face[both] for face in faces], axis=1), axis=0)
            yield np.insert(pairs, [0, 1], [before, number], axis=1)

    def _face(self, region: Part, axis: int, place: int) -> NDArray[np.int64]:
        """Pieces in a plane beside or in a region, as they are numbered in their own."""
        part = [*region]
        part[axis] = slice(place, place + 1)
        return self._own((part[0], part[1], part[2])).astype(np.int64)

    def _number(self, _: int) -> Arrays:
        """Unite the pieces of all regions, and number pieces and objects in the order of their first voxels."""
        known = [self._links.read(group) for group in range(self._links.count)]
        counts = np.concatenate([each["counts"] for each in known])
        before = np.concatenate([[0], np.cumsum(counts)])
        links = np.concatenate([each["links"] for each in known])
        pairs = np.stack([before[links[:, 0]] + links[:, 1], before[links[:, 2]] + links[:, 3]], axis=1)
        voxels, sure, first = (
            np.concatenate([[0], *(each[name] for each in known)]) for name in ("voxels", "sure", "first")
        )
        pieces = unite(pairs, voxels, sure, first, self._smallest)
        sizes = np.bincount(pieces, voxels)
        large = sizes >= max(self._decoding.smallest_px, 1)
        large[0] = False
        instances = np.where(large, np.cumsum(large), 0).astype(np.uint32)[pieces]
        for group in range(self._links.count):
            regions = before[group * GROUP : (group + 1) * GROUP + 1]
            own = slice(regions[0] + 1, regions[-1] + 1)
            found = {"before": regions - regions[0], "pieces": pieces[own], "instances": instances[own]}
            self._numbers.write(self._table(group), found)
        return {"count": np.array([large.sum()])}

    def _tables(self, _: int) -> list[Path]:
        return [self._table(group) for group in range(self._links.count)]

    def _table(self, group: int) -> Path:
        """The file of the final numbers in a group of regions."""
        return self._numbers.path(group + 1)

    def _final(self, region: int, which: str) -> NDArray[np.uint32]:
        """The final numbers of the pieces of a region, by their own; of background 0."""
        group = region // GROUP
        if group not in self._held:
            if len(self._held) >= _HELD:
                self._held.clear()
            self._held[group] = self._numbers.load(self._table(group))
        found, place = self._held[group], region % GROUP
        own = found[which][found["before"][place] : found["before"][place + 1]]
        return np.concatenate([np.zeros(1, np.uint32), own])

    def _numbered(self, part: Part, which: str) -> NDArray[np.uint32]:
        own = self._own(part)
        for region in self._meeting(part):
            z, y, x = (
                slice(max(whole.start - wanted.start, 0), whole.stop - wanted.start)
                for whole, wanted in zip(self._region(region), part, strict=True)
            )
            own[z, y, x] = self._final(region, which)[own[z, y, x]]
        return own

    def _own(self, part: Part) -> NDArray[np.uint32]:
        """Pieces in a part as they are numbered in their regions, (Z, Y, X)."""
        for region in self._meeting(part):
            wait_for(self._labels.path(self._region(region)))
        return np.asarray(self._labels[(slice(0, 1), *part)][0])

    def _meeting(self, part: Part) -> Iterator[int]:
        """Numbers of the regions that a part meets."""
        spans = (
            range(each.start // edge, -(-each.stop // edge))
            for each, edge in zip(part, self._labels.edges, strict=True)
        )
        for z, y, x in product(*spans):
            yield (z * self._grid[1] + y) * self._grid[2] + x
