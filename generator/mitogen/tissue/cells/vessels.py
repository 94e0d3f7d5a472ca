"""Capillaries and sinusoids: red cells in a lumen, a thin wall with bulging nuclei, and connective tissue around."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.frame import Frame
from mitogen.geometry.grid import Grid
from mitogen.geometry.point_process import Box, StreamOf, scatter
from mitogen.geometry.tube_sections import cut_tubes
from mitogen.geometry.tubes import Tubes
from mitogen.tissue.bending import push
from mitogen.tissue.canvas import Space
from mitogen.tissue.cell_types import CellType

NODES = 7
LENGTH_NM = 40000.0
"""How far a capillary is followed; two or more pass any place."""
NUCLEUS_NM = 90.0
"""Depth of a nucleus below the surface of the bulge that it makes."""
RED_CELLS = 4
"""Places for red cells along a capillary."""
TYPES = (CellType.CONNECTIVE, CellType.ENDOTHELIUM, CellType.OUTSIDE, CellType.ERYTHROCYTE)
"""What vessels add to the cells of a tissue, in this order: what is around them, their walls, lumens and red cells."""


@dataclass(frozen=True, eq=False)
class Vessels:
    """The vessels around a window; V of them.

    Attributes:
        around: (V) tubes of the connective tissue around each.
        wall: (V) tubes of the outer faces of their walls.
        lumen: (V) tubes of their lumens.
        bulges: (V) tubes of endothelial cells where their nucleus lies.
        red_cells: tubes of the red cells in the lumens, any number of them.
    """

    around: Tubes
    wall: Tubes
    lumen: Tubes
    bulges: Tubes
    red_cells: Tubes

    def push(self, space: Space, grid: Grid, z_nm: float, first: int, gap_nm: float) -> None:
        """Let them claim their place in the tissue.

        Args:
            space: which cell is where, changed in place.
            grid: the pixels.
            z_nm: height of the section's middle.
            first: index of the connective tissue among the cells; the rest of `TYPES` follows.
            gap_nm: width of the gap between cells.
        """
        claims = self.around, self.wall, self.lumen, self.red_cells, self.bulges
        flat = np.zeros(grid.shape, np.float32)
        for tubes, cell in zip(claims, (first, first + 1, first + 2, first + 3, first + 1), strict=True):
            if len(tubes):
                smooth = np.zeros(len(tubes), np.float32)
                seen = cut_tubes(tubes, grid, z_nm, 150.0 + gap_nm, flat, smooth)
                push(space, seen, np.full(len(tubes), cell, np.int32), gap_nm / 2)


def place_vessels(params: Mapping[str, float], streams: StreamOf, frame: Frame, sight: Box) -> Vessels:
    """Find the vessels that may reach into sight; they run along the first axis of a frame."""
    radius, wall = params["vessels.radius_nm"], params["vessels.wall_nm"]
    density = params["vessels.per_1000_um2"] / LENGTH_NM
    reach = LENGTH_NM / 2 + 2 * radius
    centre, u = scatter(streams, "vessels", density, (sight[0] - reach, sight[1] + reach), 8, together=4.0)
    size = radius * (0.7 + 0.6 * u[:, 0])
    places = np.repeat(frame.at(centre)[:, None], NODES, axis=1)
    places[:, :, 0] += np.linspace(-0.5, 0.5, NODES)[None] * LENGTH_NM
    line = frame.back(places.reshape(-1, 3)).reshape(places.shape)
    swelling = 1 + 0.1 * np.sin(7 * u[:, 1, None] + 2.2 * np.arange(NODES)[None])
    # A nucleus every vessel, somewhere along it, at one side of the lumen.
    angle, half = 2 * np.pi * u[:, 2], params["vessels.nucleus_nm"]
    middle = frame.at(centre)
    middle[:, 0] += (u[:, 3] - 0.5) * 12000.0
    middle[:, 1] += (size - 0.6 * half) * np.cos(angle)
    middle[:, 2] += (size - 0.6 * half) * np.sin(angle)
    along = np.repeat(middle[:, None], NODES, axis=1)
    along[:, :, 0] += np.linspace(-0.5, 0.5, NODES)[None] * (5000 + 4000 * u[:, 4, None])
    taper = np.array([0.35, 0.75, 0.95, 1.0, 0.95, 0.75, 0.35])
    bulge = Tubes(
        frame.back(along.reshape(-1, 3)).reshape(along.shape).astype(np.float32),
        (half * taper[None] * (0.8 + 0.4 * u[:, 5, None])).astype(np.float32),
        np.tile(frame.axes[1], (len(size), 1)).astype(np.float32),
    )

    def tube(more: float) -> Tubes:
        radii = (size[:, None] * swelling + more).astype(np.float32)
        return Tubes(line.astype(np.float32), radii, bulge.side)

    near = np.flatnonzero(tube(wall + params["vessels.around_nm"]).reaching(sight))
    seen = np.flatnonzero(bulge.reaching(sight))
    lumen = tube(0.0)
    return Vessels(
        tube(wall + params["vessels.around_nm"]).take(near), tube(wall).take(near), lumen.take(near),
        bulge.take(seen), _red_cells(params["vessels.red_cells"], frame, lumen, u[:, 6:], sight),
    )  # fmt: skip


def shades_of_vessels(params: Mapping[str, float]) -> NDArray[np.float32]:
    """Stain (4,) of what vessels add to the cells of a tissue, in the order of `TYPES`."""
    wall = params["cells.cytoplasm"] + params["vessels.darkness"]
    around, lumen, red_cell = (params[f"vessels.{name}_density"] for name in ("around", "lumen", "red_cell"))
    return np.array([around, wall, lumen, red_cell], np.float32)


def _red_cells(share: float, frame: Frame, lumen: Tubes, u: NDArray[np.float64], sight: Box) -> Tubes:
    """The red cells that may be in sight: bent to rods by the capillary that they pass.

    Args:
        share: of the places along a vessel, how many hold one.
        frame: vessels run along its first axis.
        lumen: (V) the lumens.
        u: (V, 2) numbers in 0-1.
        sight: where they must be.
    """
    places = np.arange(RED_CELLS)[None]
    there, along, wide = (np.modf(u[:, n % 2, None] + (places + n) * 0.618034)[0] for n in range(1, 4))
    vessel, place = np.nonzero(there < share)
    middle = frame.at(lumen.nodes[vessel, NODES // 2].astype(np.float64))
    apart = LENGTH_NM / RED_CELLS
    middle[:, 0] += (place + 0.5 - RED_CELLS / 2 + 0.4 * (along[vessel, place] - 0.5)) * apart
    line = np.repeat(middle[:, None], NODES, axis=1)
    line[:, :, 0] += np.linspace(-0.5, 0.5, NODES)[None] * (2500 + 3500 * wide[vessel, place])[:, None]
    size = lumen.radii[vessel].mean(axis=1) * (0.5 + 0.35 * along[vessel, place])
    taper = np.array([0.55, 0.85, 0.97, 1.0, 0.97, 0.85, 0.55])
    tubes = Tubes(
        frame.back(line.reshape(-1, 3)).reshape(line.shape).astype(np.float32),
        (size[:, None] * taper[None]).astype(np.float32),
        np.tile(frame.axes[1], (len(size), 1)).astype(np.float32),
    )
    return tubes.take(np.flatnonzero(tubes.reaching(sight)))
