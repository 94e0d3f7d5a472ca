"""Large cells: loose in resin, in liver, glands and kidney."""

import numpy as np
import pytest
from scipy.ndimage import binary_dilation
from scipy.ndimage import label as components

from mitogen.geometry.point_process import streams_of
from mitogen.recipe.recipe import Recipe, draw, load_recipe
from mitogen.rendering.image import grid_of, render
from mitogen.scene.scene import build
from mitogen.tissue.cell_types import CellType
from mitogen.tissue.compartments import Compartment


def recipe_of(preset: str, **changed: float) -> Recipe:
    return load_recipe(preset).override({name.replace("__", "."): value for name, value in changed.items()})


def types_on_section(recipe: Recipe, index: int, size: int) -> np.ndarray:
    """Type of the cell at each pixel."""
    params = draw(recipe, 1, index)
    grid = grid_of(params, (1, size, size))
    layout = build(params, streams_of(1, index), grid).layout
    return layout.cells.types[layout.cut(grid, 0.0)[0].owner]


@pytest.mark.parametrize("wanted", [0.12, 0.3])
def test_round_mitochondria_are_packed_to_the_share_that_is_asked_for(wanted: float):
    recipe = recipe_of("liver", mitochondria__volume_fraction=wanted, section__pixel_nm=50, epithelium__nucleus=0.1,
                       epithelium__diameter_um=60, vessels__per_1000_um2=0, mitochondria__radius_nm=250,
                       epithelium__lumens_per_1000_um3=0)  # fmt: skip
    shares = [(render(recipe, 2, index, (1, 160, 160)).label > 0).mean() for index in range(10)]
    assert np.mean(shares) == pytest.approx(wanted, rel=0.12)


def test_microvilli_are_one_with_their_cell():
    recipe = recipe_of("culture", loose__debris_per_um3=0, loose__ruffle_nm=0, section__pixel_nm=20,
                       microvilli__length_nm=400)  # fmt: skip
    edges = {}
    for villi in (0.0, 40.0):
        cell = types_on_section(recipe.override({"microvilli.per_um2": villi}), 3, 200) == CellType.CULTURED
        edges[villi] = np.mean(cell[1:] != cell[:-1]) + np.mean(cell[:, 1:] != cell[:, :-1])
        # Some are cut across, most are seen to grow from the cell.
        largest = np.bincount(components(cell)[0][cell]).max() / cell.sum()
        assert largest > 0.5
    assert edges[40.0] > 2 * edges[0.0]


def test_mitochondria_stay_in_the_cytoplasm():
    recipe = recipe_of("culture", section__pixel_nm=40)
    for index in range(3):
        sample = render(recipe, 3, index, (1, 128, 128), compartments=True)
        wrong = (Compartment.NUCLEUS, Compartment.EXTRACELLULAR, Compartment.NUCLEAR_ENVELOPE)
        assert not np.any(np.isin(sample.compartment[sample.label > 0], wrong))
        assert (sample.label > 0).mean() < 0.3


def test_insulin_granules_have_the_size_and_the_core_that_are_asked_for():
    recipe = recipe_of("gland", section__pixel_nm=8, section__thickness_nm=8, insulin__radius_nm=150, insulin__aspect=1,
                       insulin__density_per_um3=8, insulin__pale_share=0, imaging__noise=0,
                       epithelium__nucleus=0.1)  # fmt: skip
    recipe = Recipe(values=recipe.values, scenes=recipe.scenes)
    params = draw(recipe, 4, 0)
    scene = build(params, streams_of(4, 0), grid_of(params, (1, 256, 256)))
    granules = [r for species, r in zip(scene.inclusions.species, scene.inclusions.tubes.radii, strict=True)
                if species == max(scene.inclusions.species)]  # fmt: skip
    # Log-normal with a deviation of 0.15.
    assert len(granules) > 10
    assert np.median(np.array(granules)) == pytest.approx(150, rel=0.1)


@pytest.mark.parametrize("preset", ["liver", "muscle"])
def test_red_cells_lie_in_vessels_and_nowhere_else(preset):
    recipe = recipe_of(preset, section__pixel_nm=50, vessels__per_1000_um2=20, vessels__red_cells=1)
    params = draw(recipe, 3, 1)
    grid = grid_of(params, (1, 300, 300))
    layout = build(params, streams_of(3, 1), grid).layout
    space, _ = layout.cut(grid, 0.0)
    types = layout.cells.types[space.owner]
    red = types == CellType.ERYTHROCYTE
    assert red.sum() > 100
    beside = types[binary_dilation(red, iterations=2) & ~red]
    assert np.isin(beside, [CellType.OUTSIDE, CellType.ENDOTHELIUM]).mean() > 0.98
    empty = build(dict(params) | {"vessels.red_cells": 0.0}, streams_of(3, 1), grid).layout
    space, _ = empty.cut(grid, 0.0)
    assert not (empty.cells.types[space.owner] == CellType.ERYTHROCYTE).any()


def test_infoldings_part_the_base_of_kidney_cells_and_not_the_top():
    recipe = recipe_of("kidney", section__pixel_nm=20, tubule__folds=0.5, tubule__height_um=6)
    params = draw(recipe, 5, 0)
    grid = grid_of(params, (1, 200, 200))
    layout = build(params, streams_of(5, 0), grid).layout
    space, _ = layout.cut(grid, 0.0)
    height = layout.frame.on_section(grid, 0.0)[0]
    cell = layout.cells.types[space.owner] == CellType.TUBULE
    below, above = cell & (height > 300) & (height < 1500), cell & (height > 4000) & (height < 5500)
    if below.any():
        assert np.mean(space.membrane[below] < 40) > 0.1
    if above.any():
        assert np.mean(space.membrane[above] < 40) < 0.02
    assert below.any() or above.any()
