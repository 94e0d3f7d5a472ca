"""Layers of tests' own: organelles drawn on an empty canvas."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mitogen.geometry.grid import Grid
from mitogen.geometry.point_process import streams_of
from mitogen.geometry.random_fields import Waves
from mitogen.geometry.tube_sections import cut_tubes
from mitogen.geometry.tubes import TubeMap, Tubes
from mitogen.organelles.organelle import MITOCHONDRION, InclusionMap, Inclusions, Layer
from mitogen.tissue.canvas import Canvas, Space, blank_canvas, empty_space
from mitogen.tissue.cell_types import CellType
from mitogen.tissue.layout import Cells, Layout
from mitogen.tissue.trunks import Trunks

GRID = Grid((128, 128), pixel_nm=8.0, thickness_nm=8.0, spacing_nm=8.0)


@dataclass(frozen=True, eq=False)
class GivenCells(Layout):
    """Cells that fill nothing by themselves."""

    def hosts(self, tubes: Tubes, centre_nm: np.ndarray) -> np.ndarray:
        return np.zeros(len(tubes), np.int32)

    def holders(self, points_nm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(len(points_nm), np.int32), np.full(len(points_nm), 1e3)

    def cut(self, grid: Grid, z_nm: float) -> tuple[Space, TubeMap]:
        return empty_space(grid), cut_flat(no_tubes(), grid, z_nm)


def no_tubes() -> Tubes:
    return Tubes(np.empty((0, 2, 3), np.float32), np.empty((0, 2), np.float32), np.empty((0, 3), np.float32))


def cut_flat(tubes: Tubes, grid: Grid = GRID, z_nm: float = 0.0) -> TubeMap:
    """Smooth tubes on a section, followed 150 nm outwards."""
    return cut_tubes(tubes, grid, z_nm, 150.0, np.zeros(grid.shape, np.float32), np.zeros(len(tubes), np.float32))


def empty_canvas(grid: Grid = GRID, z_nm: float = 0.0) -> Canvas:
    """One cell everywhere, room everywhere."""
    space = empty_space(grid)._replace(room=np.full(grid.shape, 1e4, np.float32))
    return blank_canvas(grid, z_nm, space, compartments=True)


def trunks_of(tubes: Tubes, sheath_nm: float = 0.0, nucleus_nm: float = 0.0) -> Trunks:
    each = np.ones(len(tubes), np.float32)
    return Trunks(tubes, np.full(len(tubes), CellType.SOMA, np.int8), 0 * each, sheath_nm * each, nucleus_nm * each)


def mitochondria_of(tubes: Tubes, instance: Sequence[int], looks: np.ndarray) -> Inclusions:
    count = len(tubes)
    species = np.full(count, MITOCHONDRION, np.int8)
    return Inclusions(tubes, species, np.array(instance, np.int32), np.zeros(count, np.int32), looks, count)


def layer_on(
    canvas: Canvas,
    params: Mapping[str, float],
    *,
    fields: Mapping[str, Waves],
    keys: Mapping[str, int] | None = None,
    types: Sequence[CellType] = (CellType.PLAIN,),
    trunks: Trunks | None = None,
    inclusions: Inclusions | None = None,
) -> Layer:
    """What an organelle sees of a canvas."""
    count = len(types)
    axis = np.tile(np.array([[0, 0, 1]], np.float32), (count, 1))
    cells = Cells(np.array(types, np.int8), np.zeros(count, np.float32), axis)
    layout = GivenCells(cells, trunks or trunks_of(no_tubes()))
    found = inclusions or mitochondria_of(no_tubes(), [], np.empty((0, 8)))
    grid, z_nm = canvas.grid, canvas.z_nm
    seen = InclusionMap(found, cut_flat(found.tubes, grid, z_nm), grid.thickness_nm / 2 + 12)
    trunk_map = cut_flat(layout.trunks.tubes, grid, z_nm)
    return Layer(canvas, params, streams_of(0, 0), layout, trunk_map, seen, fields, keys or {})
