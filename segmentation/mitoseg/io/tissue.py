"""What of a volume is tissue: neither constant rims nor missing sections, which their neighbours stand for."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from mitodata.readers.rims import Rim
from mitoseg.io.blocks import Part, strips
from mitoseg.io.mirror import Mirror
from mitoseg.io.scratch import StoredArray
from mitoseg.io.section_facts import Reader, SectionFacts, find_damaged, median, resemblance
from mitoseg.networks.normalisation import GreyScale, normalise

UNRELATED = 0.06
"""Median correlation of neighbours below which a stack is no series. Of unrelated images it is at most .03."""

LONGEST_BRIDGE = 3
"""Missing sections in a row that are bridged; of more too much is unknown."""

REACH = LONGEST_BRIDGE + 1
"""Sections on either side that what is found in one may depend on: those that stand for it, and those beside them."""


@dataclass(frozen=True)
class Bridge:
    """Which two sections stand for a missing one.

    Attributes:
        below: the nearest section before it that is not missing.
        above: the nearest one after it.
        share: what counts of the one above; the rest of the one below.
    """

    below: int
    above: int
    share: float


class Tissue:
    """A volume without its rims and its missing sections.

    Attributes:
        greys: grey scale of every section; of a missing one that of the section below.
        blank: sections of one grey level.
        bridges: missing sections that their neighbours stand for: blank ones, and those that are damaged.
        rim_px: px of rims in sections that are not blank.
        likeness: median correlation of neighbouring sections; None of fewer than two.
    """

    def __init__(self, read: Reader, shape: tuple[int, int, int], sections: Iterable[SectionFacts]) -> None:
        """Tell tissue from the rest.

        Args:
            read: gives parts.
            shape: (Z, Y, X).
            sections: what was measured of each, in the order of z (`mitoseg.io.section_facts.measure_sections`).
        """
        self._read, self._shape = read, shape
        greys: list[GreyScale] = []
        self._rims: dict[int, Rim] = {}
        near: list[float] = []
        far: list[float] = []
        self.blank: list[int] = []
        before: list[SectionFacts] = []
        for z, facts in enumerate(sections):
            greys.append(facts.grey)
            if facts.blank:
                self.blank.append(z)
            elif facts.rim.px:
                self._rims[z] = facts.rim
            near += [resemblance(facts, earlier) for earlier in before[-1:]]
            far += [resemblance(facts, earlier) for earlier in before[-2:-1]]
            before = [*before[-1:], facts]
        missing = sorted({*self.blank, *find_damaged([grey.width for grey in greys], near, far, self.blank)})
        self.bridges = plan_bridges(missing, shape[0])
        self.likeness = median([value for z, value in enumerate(near) if not {z, z + 1} & set(missing)])
        for z, bridge in self.bridges.items():
            greys[z] = greys[bridge.below]
            self._rims.pop(z, None)
        self.greys: Sequence[GreyScale] = greys
        self.rim_px = sum(rim.px for rim in self._rims.values())
        self._missing = {*self.blank, *self.bridges}

    @property
    def whole(self) -> bool:
        """Whether all of the volume is tissue."""
        return not self._rims and not self._missing

    def within(self, part: Part) -> bool:
        """Whether there is any tissue in a part of the volume."""
        rims = (self._rims.get(z) for z in range(part[0].start, part[0].stop) if z not in self._missing)
        return any(rim is None or not rim.covers(*part[1:]) for rim in rims)

    def read(self, part: Part) -> NDArray[np.uint8]:
        """A part of the volume, (Z, Y, X) uint8.

        Rims have the tissue beside them, mirrored, missing sections what lies between their neighbours, on their scale.
        """
        if not self._rims and not self.bridges:
            return self._read(part)
        found = np.array(self._read(part))
        self._fill(found, part)
        for place, z in enumerate(range(part[0].start, part[0].start + len(found))):
            if z in self.bridges:
                found[place] = self._between(self.bridges[z], part)
        return found

    def normalised(self, part: Part) -> NDArray[np.float32]:
        """A part of the volume, (Z, Y, X) float32, every section on its own grey scale."""
        sections = zip(self.read(part), self.greys[part[0]], strict=True)
        return np.stack([normalise(section, grey) for section, grey in sections])

    def settle(self, maps: StoredArray) -> None:
        """Set maps (C, Z, Y, X) to 0 in rims, and in missing sections to the mean of those of their neighbours.

        Where a rim of one section lies between tissue, it is a missing part: it gets the mean as well.
        """
        depth, height, width = self._shape
        for _, y, x in strips((1, height, width)):
            self._settle(maps, range(depth), y, x)

    def settle_part(self, find: Callable[[Part], NDArray[np.float32]], part: Part) -> NDArray[np.float32]:
        """What `settle` makes of a part of the maps, (C, Z, Y, X).

        Args:
            find: gives parts (C, Z, Y, X) of the maps; is asked once.
            part: of the volume.
        """
        z, y, x = part
        reach = 0 if self.whole else REACH
        held = range(max(0, z.start - reach), min(self._shape[0], z.stop + reach))
        maps = find((slice(held.start, held.stop), y, x))
        self._settle(_Within(maps, (held.start, y.start, x.start)), held, y, x)
        return maps[:, z.start - held.start : z.stop - held.start]

    def _settle(self, maps: "StoredArray | _Within", held: range, y: slice, x: slice) -> None:
        """Settle some rows and columns of the sections `held`, as far as their neighbours are held as well."""
        for z in self.blank:
            if z in held:
                maps[:, z, y, x] = np.float32(0)
        for z, rim in self._rims.items():
            if max(z - 1, 0) in held and min(z + 1, self._shape[0] - 1) in held:
                maps[:, z, y, x] = np.where(rim.cover(y, x), self._beside(maps, z, y, x), maps[:, z, y, x])
        for z, bridge in self.bridges.items():
            if bridge.below in held and bridge.above in held:
                below, above = maps[:, bridge.below, y, x], maps[:, bridge.above, y, x]
                maps[:, z, y, x] = below * np.float32(1 - bridge.share) + above * np.float32(bridge.share)

    def _beside(self, maps: "StoredArray | _Within", z: int, y: slice, x: slice) -> NDArray[np.float32]:
        """The mean of what is found in the sections before and after one, (C, Y, X); 0 where either is no tissue."""
        sections = [place for place in (z - 1, z + 1) if 0 <= place < self._shape[0]]
        if len(sections) < 2 or any(place in self.blank or place in self.bridges for place in sections):
            return np.zeros((), np.float32)
        mean = np.asarray((maps[:, z - 1, y, x] + maps[:, z + 1, y, x]) / np.float32(2))
        for place in sections:
            if place in self._rims:
                mean[:, self._rims[place].cover(y, x)] = 0
        return mean

    def notes(self) -> list[str]:
        """What a user should know, one line each."""
        lines = []
        if self.rim_px:
            share = 100 * self.rim_px / float(np.prod(self._shape))
            lines.append(f"constant rims, {share:.1f} % of the pixels: no tissue, nothing is found there")
        if self.bridges:
            lines.append(
                f"{_sections(list(self.bridges))} of {self._shape[0]} missing (blank, damaged or copied): predicted "
                "from the neighbours"
            )
        left = [z for z in self.blank if z not in self.bridges]
        if left:
            which = f"{_sections(left)} of {self._shape[0]} blank" if self._shape[0] > 1 else "blank"
            lines.append(f"{which}: nothing is found there")
        if self.likeness is not None and self.likeness < UNRELATED:
            lines.append(f"neighbouring sections differ (correlation {self.likeness:.2f}): if no series, --as-2d")
        return lines

    def _fill(self, found: NDArray[np.uint8], part: Part) -> None:
        """Write mirrored tissue into the rims of a part."""
        rows, columns = part[1:]
        numbers = range(part[0].start, part[0].start + len(found))
        mirrors = {place: Mirror(self._rims[z]) for place, z in enumerate(numbers) if z in self._rims}
        source, top, left = found, rows.start, columns.start
        if (rows.stop - rows.start, columns.stop - columns.start) != self._shape[1:]:
            reaches = [reach for mirror in mirrors.values() if (reach := mirror.reach(rows, columns))]
            if not reaches:
                return
            down, across = (_around(slices) for slices in zip(*reaches, strict=True))
            if down.start < rows.start or down.stop > rows.stop or across.start < left or across.stop > columns.stop:
                # All sections at once: what packs several together is unpacked once.
                source, top, left = np.asarray(self._read((part[0], down, across))), down.start, across.start
        for place, mirror in mirrors.items():
            for each in mirror.places(rows, columns):
                found[place, each.rows, each.columns] = source[place, each.from_rows - top, each.from_columns - left]

    def _between(self, bridge: Bridge, part: Part) -> NDArray[np.uint8]:
        """What lies between the neighbours of a missing section, (Y, X) uint8 on the grey scale of the one below."""
        grey = self.greys[bridge.below]
        below, above = (
            normalise(self.read((slice(z, z + 1), *part[1:]))[0], self.greys[z]) for z in (bridge.below, bridge.above)
        )
        mean = below * np.float32(1 - bridge.share) + above * np.float32(bridge.share)
        return np.asarray((mean * grey.width + grey.centre).round().clip(0, 255), np.uint8)


class _Within:
    """A part of maps, (C, Z, Y, X), that is addressed by places in the whole; sections by their number."""

    def __init__(self, maps: NDArray[np.float32], first: tuple[int, int, int]) -> None:
        self._maps, self._first = maps, first

    def __getitem__(self, key: tuple[slice, int, slice, slice]) -> NDArray[np.float32]:
        return self._maps[self._own(key)]

    def __setitem__(self, key: tuple[slice, int, slice, slice], values: NDArray[np.float32] | np.float32) -> None:
        self._maps[self._own(key)] = values

    def _own(self, key: tuple[slice, int, slice, slice]) -> tuple[slice, int, slice, slice]:
        channels, z, y, x = key
        rows, columns = (
            slice(part.start - first, part.stop - first) for part, first in zip((y, x), self._first[1:], strict=True)
        )
        return channels, z - self._first[0], rows, columns


def _around(slices: Iterable[slice]) -> slice:
    """The smallest slice that holds others."""
    held = list(slices)
    return slice(min(each.start for each in held), max(each.stop for each in held))


def plan_bridges(missing: Sequence[int], depth: int) -> dict[int, Bridge]:
    """Choose what stands for missing sections: nothing for long runs, and at the first and the last section.

    Args:
        missing: in rising order.
        depth: sections of the volume.
    """
    bridges: dict[int, Bridge] = {}
    for _, members in groupby(enumerate(missing), key=lambda pair: pair[1] - pair[0]):
        run = [z for _, z in members]
        below, above = run[0] - 1, run[-1] + 1
        if len(run) <= LONGEST_BRIDGE and below >= 0 and above < depth:
            bridges |= {z: Bridge(below, above, (z - below) / (above - below)) for z in run}
    return bridges


def _sections(numbers: Sequence[int]) -> str:
    """Name sections, the first of many."""
    more = f" and {len(numbers) - 5} more" if len(numbers) > 5 else ""
    named = ", ".join(map(str, numbers[:5])) + more
    return f"section {named}" if len(numbers) == 1 else f"sections {named}"
