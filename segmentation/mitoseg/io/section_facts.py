"""What is measured of the sections of a volume in one pass: grey scale, constant rim, likeness to their neighbours."""

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mitodata.readers.damage import readable
from mitodata.readers.rims import Rim, RowEnds, rim_of
from mitoseg.io.blocks import Part, strips
from mitoseg.networks.normalisation import GreyScale, grey_of_counts, tissue_counts

Reader = Callable[[Part], NDArray[np.uint8]]
"""A part of the volume, (Z, Y, X) uint8."""

THUMBNAIL_PX = 128
"""Longest side of the small copies by which sections are compared."""

ROWS_A_PIXEL = 4
"""Rows that a px of a small copy is the mean of, at least: more would cost time and change nothing."""

SHADE_PX = 16.0
"""Sigma, in px of a small copy, beyond which differences of brightness are shading, not tissue."""

FLATTEST = 0.25
"""A section whose grey levels spread less than this share of what is usual is missing."""

UNLIKE = 0.25
"""A section is damaged if it resembles both neighbours less than this share of what is usual."""

ALIKE = 0.5
"""... and they resemble each other at least this share of what is usual for two sections that far apart."""

COPY, DIFFERENT = 0.9995, 0.99
"""Neighbours that resemble each other so much are copies, where most resemble each other less than that."""

MOST_COPIES = 0.25
"""Where more sections are copies, they were made to be: of thick sections, for voxels as long as wide."""

SERIES = 0.2
"""Correlation of neighbours from which on a damaged section can be told."""


@dataclass(frozen=True, eq=False)
class SectionFacts:
    """What is measured of a section in one pass.

    Attributes:
        grey: its grey scale, without the rim.
        rim: its constant rim; all of a section of one grey level.
        blank: whether all of it is rim.
        small: a small copy without shading, mean 0 and standard deviation 1, (A, B) float32; 0 where rims are, and of a
            section alone.
    """

    grey: GreyScale
    rim: Rim
    blank: bool
    small: NDArray[np.float32]


def measure_sections(
    read: Reader, shape: tuple[int, int, int], packed: tuple[int, int], places: range | None = None
) -> Iterator[SectionFacts]:
    """Measure the sections of a volume in one pass, in the order of z.

    Args:
        read: gives parts.
        shape: (Z, Y, X).
        packed: sections and rows that are best read together.
        places: some neighbouring sections; None for all.
    """
    meters: dict[int, _Meter] = {}
    wanted = range(shape[0]) if places is None else places
    for part in strips((len(wanted), *shape[1:]), packed):
        along = slice(part[0].start + wanted.start, part[0].stop + wanted.start)
        for z, rows in enumerate(read((along, *part[1:])), start=along.start):
            meters.setdefault(z, _Meter(shape)).add(part[1].start, rows)
            if part[1].stop == shape[1]:
                yield meters.pop(z).facts()


class _Meter:
    """Measures a section from its rows, which come from the top down."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        depth, height, width = shape
        self._alone = depth == 1
        self._step = -(-max(height, width) // THUMBNAIL_PX)
        self._columns = np.arange(0, width, self._step)
        self._sums = np.zeros((-(-height // self._step), len(self._columns)))
        self._rows = np.zeros(len(self._sums))
        self._counts = np.zeros(256, np.int64)
        self._ends: list[RowEnds] = []

    def add(self, top: int, rows: NDArray[np.uint8]) -> None:
        """Add the next rows, (Y, X), of which the first is `top`."""
        self._counts += np.bincount(rows.ravel(), minlength=256)
        self._ends.append(RowEnds.of(rows))
        if self._alone:
            return
        every = max(1, self._step // ROWS_A_PIXEL)
        first = -top % every
        places = np.arange(top, top + len(rows))[first::every] // self._step
        np.add.at(self._sums, places, np.add.reduceat(rows[first::every], self._columns, axis=1, dtype=np.uint32))
        np.add.at(self._rows, places, 1)

    def facts(self) -> SectionFacts:
        """What was found, once all rows were added."""
        rim = rim_of(RowEnds.join(self._ends))
        counts = tissue_counts(self._counts, rim)
        blank = rim.px == self._counts.sum()
        return SectionFacts(grey_of_counts(counts), rim, blank, self._small(rim))

    def _small(self, rim: Rim) -> NDArray[np.float32]:
        if self._alone:
            return np.zeros(self._sums.shape, np.float32)
        tissue = np.ones(self._sums.shape, bool)
        if rim.px:
            covered = np.add.reduceat(rim.mask, self._columns, axis=1, dtype=np.uint32)
            tissue = np.add.reduceat(covered, np.arange(0, len(covered), self._step), axis=0) == 0
        if not tissue.any():
            return np.zeros(tissue.shape, np.float32)
        small = self._sums / np.outer(self._rows, np.diff(self._columns, append=rim.width))
        small -= small[tissue].mean()
        small[~tissue] = 0
        small -= ndimage.gaussian_filter(small, SHADE_PX)
        small[~tissue] = 0
        spread = small.std()
        return np.asarray(small / spread if spread > 0 else small, np.float32)


def pack_sections(sections: Sequence[SectionFacts]) -> bytes:
    """What was measured of sections of one volume, as the content of a file (npz)."""
    content = BytesIO()
    np.savez_compressed(
        content,
        grey=np.array([(each.grey.centre, each.grey.width) for each in sections]),
        blank=np.array([each.blank for each in sections]),
        width=np.array(sections[0].rim.width),
        smeared=np.array([each.rim.smeared for each in sections]),
        left=np.stack([each.rim.left for each in sections]),
        right=np.stack([each.rim.right for each in sections]),
        small=np.stack([each.small for each in sections]),
    )
    return content.getvalue()


def unpack_sections(path: Path) -> list[SectionFacts]:
    """Read what `pack_sections` packed; the grey levels of rims, which count in no other place, are left out.

    Raises:
        DataError: the file is missing or damaged.
    """
    with readable(path), np.load(path, allow_pickle=False) as found:
        width, grey = int(found["width"]), found["grey"].tolist()
        names = ("blank", "left", "right", "smeared", "small")
        columns = zip(grey, *(found[name] for name in names), strict=True)
        return [
            SectionFacts(GreyScale(centre, spread), Rim(width, left, right, (), bool(smeared)), bool(blank), small)
            for (centre, spread), blank, left, right, smeared, small in columns
        ]


def resemblance(one: SectionFacts, other: SectionFacts) -> float:
    """Correlation of two sections of one shape, -1 to 1: of unrelated ones about 0."""
    return float((one.small * other.small).mean())


def find_damaged(
    widths: Sequence[float], near: Sequence[float], far: Sequence[float], blank: Sequence[int]
) -> list[int]:
    """Which sections hold no tissue, or not what lies between their neighbours.

    These are sections whose grey levels spread far less than usual, sections that resemble neither neighbour although
    their neighbours resemble each other, and copies of a neighbour, with which some programs fill gaps. Of two that are
    the same the copy is the one that resembles its other neighbour less. The first and the last section cannot be told.

    Args:
        widths: spread of the grey levels of each section, without rims.
        near: correlation of each section with the next.
        far: correlation of each section with the one after the next.
        blank: sections of one grey level, which are left out.
    """
    whole = [z for z in range(len(widths)) if z not in set(blank)]
    if len(whole) < 3:
        return []
    usual = float(np.median([widths[z] for z in whole]))
    flat = {z for z in whole if widths[z] < FLATTEST * usual}
    missing = {*blank, *flat}
    usual_near = median([value for z, value in enumerate(near) if not {z, z + 1} & missing]) or 0.0
    beside = [value for z, value in enumerate(far) if not {z, z + 1, z + 2} & missing]
    damaged = set()
    if usual_near >= SERIES and beside:
        usual_far = float(np.quantile(beside, 0.75))  # each damaged section spoils three
        for z in range(1, len(widths) - 1):
            unlike = max(near[z - 1], near[z]) < UNLIKE * usual_near
            if unlike and far[z - 1] >= ALIKE * usual_far and not {z - 1, z, z + 1} & missing:
                damaged.add(z)
    return sorted(flat | damaged | _copies(near, usual_near, missing))


def _copies(near: Sequence[float], usual: float, missing: Set[int]) -> set[int]:
    """Which sections are copies of a neighbour; arguments as in `find_damaged`."""
    copies: set[int] = set()
    if usual >= DIFFERENT:
        return copies
    for z, value in enumerate(near):
        if value > COPY and not {z, z + 1} & (missing | copies):
            before, after = (near[place] if 0 <= place < len(near) else 1.0 for place in (z - 1, z + 1))
            copies.add(z + 1 if after <= before else z)
    return copies if len(copies) <= MOST_COPIES * len(near) else set()


def median(values: Sequence[float]) -> float | None:
    """The median; None of nothing."""
    return float(np.median(values)) if values else None
