"""Arrangements of cells: what every one of them promises, and that a scene needs nothing else of it."""

from collections.abc import Mapping

import numpy as np
import pytest
from layers import GivenCells, cut_flat, no_tubes, trunks_of
from mitochondria_views import medians

from mitogen.geometry.grid import Grid
from mitogen.geometry.point_process import StreamOf, streams_of
from mitogen.geometry.tubes import TubeMap, Tubes
from mitogen.recipe.recipe import draw, load_recipe
from mitogen.recipe.tissue_knobs import KNOBS
from mitogen.rendering.image import grid_of
from mitogen.scene import scene
from mitogen.scene.section import cut
from mitogen.tissue.arrangements import ARRANGEMENTS, arrangement_of
from mitogen.tissue.canvas import Space, empty_space
from mitogen.tissue.cell_types import CellType
from mitogen.tissue.compartments import Compartment
from mitogen.tissue.layout import Arrangement, Cells, Layout, Window
from mitogen.tissue.packed import NOWHERE

GRID = Grid((96, 96), 40.0, 10.0, 10.0)
EACH = pytest.mark.parametrize("name", ARRANGEMENTS)
PARAMS = medians() | {"neurites.density_per_um3": 1.0, "section.pixel_nm": 12.0}
PRESETS = {"neuropil": "mito", "fibres": "muscle", "loose cells": "culture", "epithelium": "liver", "tubule": "kidney"}
"""One of each arrangement."""


def laid_out(name: str, depth: int = 1, index: int = 0) -> Layout:
    grid = Grid(GRID.shape, GRID.pixel_nm, GRID.thickness_nm, GRID.spacing_nm, depth)
    window = Window(grid.box(200.0), grid.box(400.0), grid.box(0.0))
    params = draw(load_recipe(PRESETS[name]), 8, index)
    assert arrangement_of(params).name == name
    return ARRANGEMENTS[name].place(params, streams_of(8, index), window)


def test_the_knob_names_every_arrangement_in_order():
    assert tuple(ARRANGEMENTS) == KNOBS["tissue.arrangement"].names
    for number, arrangement in enumerate(ARRANGEMENTS.values()):
        assert arrangement_of({"tissue.arrangement": float(number)}) is arrangement


@EACH
def test_every_pixel_belongs_to_a_cell_and_knows_its_neighbour(name: str):
    layout = laid_out(name)
    count = len(layout.cells.types)
    assert layout.cells.shade.shape == (count,)
    np.testing.assert_allclose(np.linalg.norm(layout.cells.axis, axis=1), 1, atol=1e-4)
    assert np.isin(layout.cells.types, list(CellType)).all()
    space, trunks = layout.cut(GRID, 0.0)
    for array in (space.owner, space.neighbour, space.membrane, space.membrane_z, space.free, trunks.distance):
        assert array.shape == GRID.shape
    for cell in (space.owner, space.neighbour):
        assert 0 <= cell.min() <= cell.max() < count
    assert space.membrane.min() >= 0
    assert np.abs(space.membrane_z).max() <= 1.001
    # Cells of different types are parted by membranes.
    types = layout.cells.types[space.owner]
    border = types[1:] != types[:-1]
    assert np.minimum(space.membrane[1:], space.membrane[:-1])[border].max(initial=0) < 2 * GRID.pixel_nm


@EACH
def test_a_section_is_the_same_in_a_deeper_window(name: str):
    layouts = laid_out(name), laid_out(name, depth=60)
    cuts = [layout.cut(GRID, 0.0)[0] for layout in layouts]
    np.testing.assert_allclose(cuts[0].membrane, cuts[1].membrane, atol=0.01)
    shades = [layout.cells.shade[space.owner] for layout, space in zip(layouts, cuts, strict=True)]
    np.testing.assert_array_equal(*shades)


@EACH
def test_every_point_has_a_cell_and_every_inclusion_one_or_none(name: str):
    layout, rng = laid_out(name), np.random.default_rng(0)
    points = rng.uniform(*GRID.box(0.0), (200, 3))
    cell, room = layout.holders(points)
    assert 0 <= cell.min() <= cell.max() < len(layout.cells.types)
    assert room.shape == (200,)
    nodes = np.repeat(points[:, None], 9, axis=1).astype(np.float32)
    balls = Tubes(nodes, np.full((200, 9), 40, np.float32), np.tile(np.array([[0, 0, 1]], np.float32), (200, 1)))
    host = layout.hosts(balls, points)
    assert set(host[host != cell].tolist()) <= {NOWHERE}


# --- one that is not in the table


class HalfSpaces(GivenCells):
    """A cell where x < 0, resin elsewhere."""

    def hosts(self, tubes: Tubes, centre_nm: np.ndarray) -> np.ndarray:
        return np.where(centre_nm[:, 2] < -200, 0, NOWHERE).astype(np.int32)

    def cut(self, grid: Grid, z_nm: float) -> tuple[Space, TubeMap]:
        space = empty_space(grid)
        space.owner[...] = grid.x_nm >= 0
        space.neighbour[...] = grid.x_nm < 0
        space.membrane[...] = np.abs(grid.x_nm)
        return space, cut_flat(no_tubes(), grid, z_nm)


def half_spaces(params: Mapping[str, float], streams: StreamOf, window: Window) -> HalfSpaces:
    types, shade = np.array([CellType.SOMA, CellType.OUTSIDE], np.int8), np.array([0.2, 0.05], np.float32)
    return HalfSpaces(Cells(types, shade, np.array([[0, 0, 1]] * 2, np.float32)), trunks_of(no_tubes()))


def test_a_scene_needs_nothing_of_an_arrangement_but_its_layout(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scene, "arrangement_of", lambda params: Arrangement("halves", half_spaces))
    params = PARAMS | {"mitochondria.volume_fraction": 0.25, "mitochondria.clearance_nm": 4.0}
    grid, streams = grid_of(params, (1, 160, 160)), streams_of(2, 1)
    drawn = cut(scene.build(params, streams, grid), params, grid, 0.0, streams, compartments=True)
    x = np.broadcast_to(grid.x_nm, grid.shape)
    assert (drawn.label[x < -250] > 0).mean() > 0.02
    assert Compartment.RIBOSOME in drawn.compartments[x < 0]
    assert Compartment.PLASMA_MEMBRANE in drawn.compartments[(x < 0) & (x > -30)]
    # Far from whatever bulges the cell there is resin, and nothing in it.
    resin = x > 400
    assert np.all(drawn.compartments[resin] == Compartment.EXTRACELLULAR)
    np.testing.assert_array_equal(drawn.density[resin], np.float32(0.05))


def test_a_cell_in_resin_has_one_membrane_and_no_gap(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scene, "arrangement_of", lambda params: Arrangement("halves", half_spaces))
    params = PARAMS | {
        "mitochondria.volume_fraction": 0.0, "cells.gap_nm": 40.0, "cells.gap_density": 0.9, "cells.membrane_nm": 24.0,
        "cells.membrane_density": 1.0, "section.thickness_nm": 4.0, "section.pixel_nm": 4.0, "cells.grain": 0.0,
    }  # fmt: skip
    grid, streams = grid_of(params, (1, 64, 64)), streams_of(2, 0)
    drawn = cut(scene.build(params, streams, grid), params, grid, 0.0, streams, compartments=True)
    profile = drawn.density.mean(axis=0)
    wall = (grid.x_nm < -3) & (grid.x_nm > -21)
    assert profile[wall].min() > 0.9
    assert profile[grid.x_nm > 3].max() < 0.06
    assert np.all(drawn.compartments[:, wall] == Compartment.PLASMA_MEMBRANE)
