"""One sample from a recipe: draw numbers, build the scene, cut it, image it. Only here are stages composed."""

from collections.abc import Callable, Mapping

import numpy as np

from mitodata import Sample
from mitodata.errors import RecipeError
from mitogen.blobs.blobs import blobs
from mitogen.blobs.colonies import colonies
from mitogen.geometry.grid import Grid
from mitogen.geometry.point_process import StreamOf, streams_of
from mitogen.imaging.pipeline import photograph
from mitogen.imaging.serial_sections import jitter_nm, jitter_reach_nm, lose_sections
from mitogen.recipe.recipe import Recipe, draw
from mitogen.scene.scene import build
from mitogen.scene.section import Section, cut

_MOST_INSTANCES = 65535  # what uint16 holds

Cutter = Callable[[int, Grid], Section]
"""Cuts an image's scene: the number of the section and where its pixels lie."""


def _tissue(params: Mapping[str, float], streams: StreamOf, grid: Grid, compartments: bool) -> Cutter:
    scene = build(params, streams, grid)
    return lambda number, pixels: cut(scene, params, pixels, float(grid.z_nm[number]), streams, compartments)


CUTTERS: Mapping[str, Callable[[Mapping[str, float], StreamOf, Grid, bool], Cutter]] = {
    "tissue": _tissue,
    "blobs": blobs,
    "blobs-shifted": colonies,
}
"""What builds the scene of an image and cuts it, by the name of the recipe's scene."""


def render(
    recipe: Recipe, seed: int, index: int, shape: tuple[int, int, int] = (1, 256, 256), compartments: bool = False
) -> Sample:
    """Render image `index` of the dataset that `recipe` and `seed` define.

    Args:
        recipe: the knobs.
        seed: seed of the dataset, >= 0.
        index: number of the image, >= 0.
        shape: (Z, Y, X); Z = 1 is a single section, more are neighbouring sections through the same scene.
        compartments: whether the sample gets a map of compartments (see `compartments.Compartment`).

    Returns:
        A sample with raw (Z, Y, X) uint8, label uint16, mask uint8, and every number that was drawn for it.

    Raises:
        RecipeError: more instances than uint16 holds in one image.
    """
    params = draw(recipe, seed, index)
    streams = streams_of(seed, index)
    grid = grid_of(params, shape)
    cut_section = CUTTERS[recipe.scene](params, streams, grid, compartments)
    raw = np.empty(shape, np.uint8)
    label = np.empty(shape, np.uint16)
    compartment = np.empty(shape if compartments else (0, 0, 0), np.uint8)
    for section in range(shape[0]):
        slab = cut_section(section, grid.shifted(jitter_nm(streams, params, section)))
        if slab.label.max(initial=0) > _MOST_INSTANCES:
            raise RecipeError(
                f"instance number {slab.label.max()} in one image: at most {_MOST_INSTANCES} fit; "
                "render smaller images or larger objects"
            )
        label[section] = slab.label
        raw[section] = photograph(slab.density, params, streams, section)
        if compartments:
            compartment[section] = slab.compartments
    lose_sections(raw, params, streams)
    mask = (label > 0).astype(np.uint8)
    # Images of a dataset share one voxel size in the file; each one's own thickness is among its numbers.
    thickness = recipe.values["section.thickness_nm"].ppf(0.5)
    voxel = (grid.spacing_nm if shape[0] > 1 else thickness, grid.pixel_nm, grid.pixel_nm)
    classes = compartment if compartments else None
    return Sample(raw, voxel, label, mask, params=params, name=f"{index:06d}", compartment=classes)


def grid_of(params: Mapping[str, float], shape: tuple[int, int, int]) -> Grid:
    """The pixels of an image of `shape` (Z, Y, X) with the drawn pixel size and section thickness."""
    return Grid(
        (shape[1], shape[2]),
        params["section.pixel_nm"],
        params["section.thickness_nm"],
        params["section.spacing_nm"],
        shape[0],
        # For single sections too: which objects give way to which must not depend on the number of sections.
        slack_nm=jitter_reach_nm(params),
    )
