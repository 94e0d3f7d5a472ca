"""What an organelle is: a row of `organelles.table`, and what it may see of a section while it is drawn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.jit import compiled
from mitogen.geometry.point_process import StreamOf
from mitogen.geometry.random_fields import Waves
from mitogen.geometry.tubes import TubeMap, Tubes
from mitogen.organelles.fields import Wavelengths
from mitogen.tissue.canvas import Canvas
from mitogen.tissue.compartments import Compartment
from mitogen.tissue.layout import Cells, Layout
from mitogen.tissue.trunks import Trunks

MITOCHONDRION = -1
"""The species of mitochondria; those of round bodies count from 0."""


@dataclass(frozen=True, eq=False)
class Sites:
    """Places of an organelle within cells, such as Golgi stacks; N of them.

    Attributes:
        centre: (N, 3) float64 position (z, y, x) in nm.
        axis: (N, 3) float64 unit vectors.
        radius_nm: (N,) float64.
        looks: (N, L) float64 numbers in 0-1.
        host: (N,) int32 cell that holds each, -1 as long as it is not known.
    """

    centre: NDArray[np.float64]
    axis: NDArray[np.float64]
    radius_nm: NDArray[np.float64]
    looks: NDArray[np.float64]
    host: NDArray[np.int32]

    def take(self, which: NDArray[np.intp]) -> "Sites":
        """The sites with these indices."""
        return Sites(self.centre[which], self.axis[which], self.radius_nm[which], self.looks[which], self.host[which])

    def fit(self, host: NDArray[np.int32], room_nm: NDArray[np.float64], smallest_nm: float) -> "Sites":
        """Put sites into cells: each shrinks to the room that it has there, and goes where that is too small.

        Args:
            host: (N,) cell at the centre of each.
            room_nm: (N,) radius that fits in there; 0 or less where none should be.
            smallest_nm: radius below which none is kept.
        """
        radius = np.minimum(self.radius_nm, room_nm)
        kept = np.flatnonzero(radius >= smallest_nm)
        return replace(self, radius_nm=radius, host=host).take(kept)


def no_sites() -> Sites:
    """What an organelle without sites has."""
    none = np.empty((0, 3))
    return Sites(none, none, np.empty(0), np.empty((0, 0)), np.empty(0, np.int32))


@dataclass(frozen=True)
class SiteProcess:
    """How an organelle is scattered through the cells that hold it.

    Attributes:
        scatter: gives the sites around a grid, without regard for what else is there; their hosts are not known yet.
        reach_nm: how far from its centre one can be seen at most.
        smallest_nm: none is kept that must be smaller than this.
    """

    scatter: Callable[[Mapping[str, float], StreamOf, Grid], Sites]
    reach_nm: Callable[[Mapping[str, float]], float]
    smallest_nm: float


@dataclass(frozen=True)
class RoundBody:
    """What tells the round bodies of one organelle from others before they are drawn.

    They are scattered by the knobs `density_per_um3` and `radius_nm` of the section with the organelle's name, and by
    its knob `aspect` if it has one.

    Attributes:
        roughness: irregularity of the outline, relative to the radius.
        content: what cells must hold to have them, see `cell_types.HOLDS`; all cells have them if it is left out.
        spread: standard deviation of the logarithm of their radii.
        crowded: whether they may lie wall to wall: they are spread evenly then, not at random.
    """

    roughness: float = 0.05
    content: str | None = None
    spread: float = 0.35
    crowded: bool = False


@dataclass(frozen=True, eq=False)
class Inclusions:
    """Mitochondria and round bodies, all made of tubes; T tubes.

    Attributes:
        tubes: their shapes.
        species: (T,) int8 `MITOCHONDRION`, or the place of its row among those of the table that are round bodies.
        instance: (T,) int32 number of the mitochondrion from 1, 0 for round bodies; tubes of one share it. It names
            the same one in every window that shows it; numbers are not consecutive.
        host: (T,) int32 cell that holds each.
        looks: (T, 8) float64 numbers in 0-1.
        scattered: how many of the tubes, the first ones, have the outline of what they are; the others run through the
            middle of packed mitochondria, whose outlines the layout knows.
    """

    tubes: Tubes
    species: NDArray[np.int8]
    instance: NDArray[np.int32]
    host: NDArray[np.int32]
    looks: NDArray[np.float64]
    scattered: int


class Seen(NamedTuple):
    """The pixels on which a section shows inclusions; N of them.

    Attributes:
        at: (N,) flat indices.
        tube: (N,) int32 which tube each shows.
    """

    at: NDArray[np.intp]
    tube: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class InclusionMap:
    """What a section shows of inclusions.

    Attributes:
        inclusions: what there is.
        map: which of their tubes is where.
        reach_nm: how far outside its surface one may still be seen.
    """

    inclusions: Inclusions
    map: TubeMap
    reach_nm: float

    @cached_property
    def _seen(self) -> dict[int, Seen]:
        """The pixels of each species that is seen at all."""
        at = np.flatnonzero((self.map.nearest >= 0) & (self.map.distance < self.reach_nm))
        tube = self.map.nearest.reshape(-1)[at]
        here = self.inclusions.species[tube]
        return {int(species): Seen(at[here == species], tube[here == species]) for species in np.unique(here)}

    def of(self, species: int) -> Seen:
        """The pixels that show inclusions of one species."""
        return self._seen.get(species, Seen(np.empty(0, np.intp), np.empty(0, np.int32)))


@compiled
def _of_owners(values: NDArray[np.bool_], owner: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Values (Y, X) of the cells that hold the pixels, from those (C,) of all cells."""
    found = np.empty(owner.shape, np.bool_)
    for i in range(owner.shape[0]):
        for j in range(owner.shape[1]):
            found[i, j] = values[owner[i, j]]
    return found


@dataclass(frozen=True, eq=False)
class Layer:
    """What an organelle draws on and what it may see while it is drawn.

    Attributes:
        canvas: the section; the organelle changes its arrays in place.
        params: the image's params.
        streams: the image's streams, for noise that each section has of its own.
        layout: the cells; its trunks may have myelin or a nucleus.
        trunk_map: which of its trunks is where.
        inclusions: mitochondria and round bodies.
        fields: the organelle's own fields by name.
        keys: the organelle's own keys by name.
        sites: the organelle's own sites.
        species: the organelle's own species, if it has a body.
    """

    canvas: Canvas
    params: Mapping[str, float]
    streams: StreamOf
    layout: Layout
    trunk_map: TubeMap
    inclusions: InclusionMap
    fields: Mapping[str, Waves] = field(default_factory=dict)
    keys: Mapping[str, int] = field(default_factory=dict)
    sites: Sites = field(default_factory=no_sites)
    species: int = MITOCHONDRION

    @property
    def cells(self) -> Cells:
        """What each cell is."""
        return self.layout.cells

    @property
    def trunks(self) -> Trunks:
        """The smooth tubes that may have myelin or a nucleus."""
        return self.layout.trunks

    def holding(self, content: str) -> NDArray[np.bool_]:
        """Which cells (C,) hold something; see `cell_types.HOLDS`."""
        return self.layout.holding(content)

    def where(self, content: str) -> NDArray[np.bool_]:
        """Which pixels (Y, X) belong to cells that hold something."""
        return _of_owners(self.holding(content), self.canvas.space.owner)

    def on_section(self, name: str) -> FloatArray:
        """Values (Y, X) float32 of one of the organelle's fields, not to be changed."""
        return self.canvas.on_section(self.fields[name])


@dataclass(frozen=True, eq=False)
class Organelle:
    """A row of the table: everything that the rest of the program must know of an organelle.

    Attributes:
        name: what it is called; for round bodies also the section of their knobs.
        draw: draws it on a layer.
        fields: its smooth random fields: names, which are those of their streams, and wavelengths.
        keys: names of its keys, which seed lattices of small things.
        compartments: what it may mark pixels as.
        body: what it is as a round body, if it is one.
        sites: how it is scattered through cells, if it is.
    """

    name: str
    draw: Callable[[Layer], None]
    fields: Wavelengths = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    compartments: tuple[Compartment, ...] = ()
    body: RoundBody | None = None
    sites: SiteProcess | None = None
