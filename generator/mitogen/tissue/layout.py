"""What an arrangement of cells is: how it fills space, and what everything else may ask of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.point_process import Box, StreamOf
from mitogen.geometry.tubes import TubeMap, Tubes
from mitogen.tissue.canvas import Space
from mitogen.tissue.cell_types import types_holding
from mitogen.tissue.packed import Packed
from mitogen.tissue.trunks import Strung, Trunks


class Cells(NamedTuple):
    """What every cell of a scene is; C of them.

    Attributes:
        types: (C,) int8 see `cell_types.CellType`.
        shade: (C,) float32 density of their cytoplasm; of resin or a lumen, where they are no cells.
        axis: (C, 3) float32 unit vectors along which they run.
    """

    types: NDArray[np.int8]
    shade: FloatArray
    axis: FloatArray


class Window(NamedTuple):
    """The parts of space that a layout must know; lower and upper corners in nm.

    Attributes:
        sight: where something must lie to be seen: the pixels of all sections and a margin.
        bodies: the box around everything that an inclusion in sight reaches, and `sight`.
        points: the box around the pixels, and all points whose cell will be asked for.
    """

    sight: Box
    bodies: Box
    points: Box

    @property
    def whole(self) -> Box:
        """The box around all three."""
        low = np.minimum(np.minimum(self.sight[0], self.bodies[0]), self.points[0])
        return low, np.maximum(np.maximum(self.sight[1], self.bodies[1]), self.points[1])


@dataclass(frozen=True, eq=False)
class Layout(ABC):
    """Cells that fill space around a window, for sections and volumes alike.

    Attributes:
        cells: what each cell is.
        trunks: smooth tubes in sight that may have myelin or a nucleus.
    """

    cells: Cells
    trunks: Trunks

    @property
    def packed(self) -> Packed | None:
        """The mitochondria that the arrangement lays out itself, None where they are placed at random."""
        return None

    @property
    def strung(self) -> tuple[Strung, NDArray[np.int32]] | None:
        """The mitochondria along axons, with the cell (T,) of each, `NOWHERE` if out of sight; None without axons."""
        return None

    def holding(self, content: str) -> NDArray[np.bool_]:
        """Which cells (C,) hold something; see `cell_types.HOLDS`."""
        return types_holding(content)[self.cells.types]

    def trim(self, tubes: Tubes) -> Tubes:
        """Shorten inclusions that run into something, as long ones do in a cell; none is, where cells bend around them.

        Args:
            tubes: T inclusions, each made of one tube.
        """
        return tubes

    @abstractmethod
    def hosts(self, tubes: Tubes, centre_nm: NDArray[np.float64]) -> NDArray[np.int32]:
        """Find the cell that holds each inclusion.

        Args:
            tubes: T inclusions.
            centre_nm: (T, 3) the points that decide; tubes of one body share one.

        Returns:
            (T,) index of the cell, `NOWHERE` for one that may not lie there.
        """

    @abstractmethod
    def holders(self, points_nm: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Index (N,) of the cell at each point (N, 3), and (N,) the radius in nm of what fits in there."""

    @abstractmethod
    def cut(self, grid: Grid, z_nm: float) -> tuple[Space, TubeMap]:
        """Cut the cells with the section at `z_nm`: which is where, and what the section shows of the trunks."""


def _never(params: Mapping[str, float]) -> bool:
    """Most arrangements leave mitochondria to chance."""
    return False


@dataclass(frozen=True)
class Arrangement:
    """A way in which cells fill space.

    Attributes:
        name: what recipes call it.
        place: builds the layout around a window from the image's params and streams.
        packs: whether it lays out the mitochondria of an image itself, as `Layout.packed`; none are placed at random
            then.
    """

    name: str
    place: Callable[[Mapping[str, float], StreamOf, Window], Layout]
    packs: Callable[[Mapping[str, float]], bool] = _never
