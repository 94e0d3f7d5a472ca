"""Cells in colonies, lit unevenly, with stripes and fringes (scene `blobs-shifted`).

Another process than `blobs` in every step, so that a network that learned from one can be tested on the other.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from mitodata.errors import RecipeError
from mitogen.blobs.background import specks
from mitogen.blobs.fragments import keep_whole
from mitogen.blobs.growth import TAIL, Cells, bend_plane, plant, section_of
from mitogen.blobs.territories import Edges, fill
from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.point_process import StreamOf, scatter
from mitogen.geometry.random_fields import Waves, grain, random_waves
from mitogen.scene.section import Section

_COMPLEX = (
    "warp", "wobble", "rods", "pattern", "cortex", "nucleus", "fringe", "vignette", "ghosts", "debris",
    "brightness_spread",
)  # fmt: skip


def colonies(
    params: Mapping[str, float], streams: StreamOf, grid: Grid, compartments: bool
) -> Callable[[int, Grid], Section]:
    """Build the scene of one image.

    Args:
        params: the image's params.
        streams: the image's streams.
        grid: the pixels.
        compartments: whether a map of compartments is wanted.

    Returns:
        What gives each section by its number and its pixels. An instance covers the pixels whose centres lie within
        its cell in the middle of the section.

    Raises:
        RecipeError: a map of compartments is wanted; these cells have none.
    """
    if compartments:
        raise RecipeError("compartments: the scene blobs-shifted has none; expected --labels instances")
    knobs = {
        **params,
        **{f"colonies.{name}": params[f"colonies.{name}"] * params["colonies.complexity"] for name in _COMPLEX},
    }
    piles = plant(knobs, streams, grid)
    waves = _fields(knobs, streams)

    def cut(number: int, pixels: Grid) -> Section:
        z_nm = float(pixels.z_nm[number])
        cells = section_of(piles, knobs, z_nm)
        bent = bend_plane(waves, knobs, pixels, z_nm)
        ends = knobs["colonies.rounding"], knobs["colonies.cleft_nm"], 3.5 * knobs["colonies.fringe_nm"]
        nearest, depth, middle = fill(cells, (bent[0], bent[1]), pixels, Edges(*map(np.float32, ends)))
        density = _light_cells(cells, (nearest, depth), (bent[0], bent[1]), knobs, pixels)
        density *= _pattern(waves, knobs, pixels, z_nm, depth)
        density += _light_ground(depth, knobs, streams, pixels, z_nm)
        density *= _vignette(pixels, knobs["colonies.vignette"])
        speckle = grain(streams(f"grain/{number}"), pixels.shape, knobs["colonies.noise_nm"] / pixels.pixel_nm)
        strength = np.float32(knobs["colonies.noise"])
        density *= np.exp(strength * speckle - strength * strength / 2)
        own = np.concatenate([cells.number, np.zeros(1, np.int32)])
        label = np.where(depth > 0, own[nearest], np.int32(0))
        keep_whole(label, cells.number, middle)
        return Section(label, density, np.zeros((0, 0), np.uint8))

    return cut


def _fields(params: Mapping[str, float], streams: StreamOf) -> dict[str, Waves]:
    radius = params["colonies.radius_nm"]
    lengths = {"warp_y": 5 * radius, "warp_x": 5 * radius, "wobble_y": 1.2 * radius, "wobble_x": 1.2 * radius}
    waves = {name: random_waves(streams(f"field/{name}"), length) for name, length in lengths.items()}
    # Waves of one length make stripes of one width, as reaction and diffusion do.
    waves["pattern"] = random_waves(streams("field/pattern"), 2 * params["colonies.pattern_nm"], count=32, spread=0.04)
    return waves


def _light_cells(
    cells: Cells,
    traced: tuple[NDArray[np.int32], FloatArray],
    bent: tuple[FloatArray, FloatArray],
    params: Mapping[str, float],
    grid: Grid,
) -> FloatArray:
    """Brightness (Y, X) of the cells."""
    nearest, depth = traced
    if len(cells.number) == 0:
        return np.zeros(grid.shape, np.float32)
    bright = np.exp(params["colonies.brightness_spread"] * np.clip(ndtri(cells.looks[:, 2]), -1.5, TAIL))
    soft = np.float32(max(params["colonies.edge_nm"], grid.pixel_nm / 2) + grid.thickness_nm / 8)
    softest = np.minimum(soft, np.maximum(np.float32(0.4) * cells.radius, np.float32(grid.pixel_nm / 2)))
    inside = np.clip(np.float32(0.5) + np.float32(0.5) * depth / softest[nearest], 0, 1)
    light: FloatArray = bright.astype(np.float32)[nearest] * inside
    light *= 1 + np.float32(params["colonies.cortex"]) * np.exp(
        -np.square(np.maximum(depth, 0) / np.float32(params["colonies.cortex_nm"]))
    )
    # The nucleus lies off the middle and is round whatever the cell's shape.
    tilt, off = 2 * np.pi * cells.looks[:, 3], 0.2 * cells.radius
    y = bent[0] - (cells.centre[:, 0] + off * np.sin(tilt)).astype(np.float32)[nearest]
    x = bent[1] - (cells.centre[:, 1] + off * np.cos(tilt)).astype(np.float32)[nearest]
    size = np.float32(0.42) * cells.radius[nearest]
    nucleus = expit((size - np.sqrt(y * y + x * x)) / (np.float32(0.07) * size + np.float32(grid.pixel_nm / 4)))
    light *= 1 + np.float32(params["colonies.nucleus"]) * nucleus
    light[nearest < 0] = 0
    return light


def _pattern(
    waves: Mapping[str, Waves], params: Mapping[str, float], grid: Grid, z_nm: float, depth: FloatArray
) -> FloatArray | float:
    if params["colonies.pattern"] == 0:
        return 1.0
    stripes = np.tanh(np.float32(2.5) * waves["pattern"].on_section(z_nm, grid.y_nm, grid.x_nm))
    pattern: FloatArray = 1 + np.float32(params["colonies.pattern"]) * stripes * (depth > 0)
    return pattern


def _light_ground(
    depth: FloatArray,
    params: Mapping[str, float],
    streams: StreamOf,
    grid: Grid,
    z_nm: float,
) -> FloatArray:
    """Brightness (Y, X) of what is around the cells."""
    away = np.maximum(-depth, 0) / np.float32(params["colonies.fringe_nm"])
    fringe = np.float32(0.6) * np.exp(-np.square(away - 1) * 4) - np.exp(-np.square(away) * 4)
    light = np.float32(params["colonies.ground"]) + np.float32(params["colonies.fringe"]) * fringe
    light = np.where(depth > 0, np.float32(params["colonies.ground"]), light)
    if params["colonies.ghosts"] > 0:
        light += _ghosts(params, streams, grid)
    if params["colonies.debris"] > 0:
        light += _debris(params, streams, grid, z_nm)
    return light


def _ghosts(params: Mapping[str, float], streams: StreamOf, grid: Grid) -> FloatArray:
    """Large even discs (Y, X), dust far out of focus: one in 200 radii squared, the same in every section."""
    radius = params["colonies.radius_nm"]
    scale = radius / 200
    low, high = grid.box(4 * radius)
    low, high = low / scale, high / scale
    low[0], high[0] = 0, 400
    centre, u = scatter(streams, "ghosts", 0.3, (low, high), 2)
    size = (1.2 + 2 * u[:, 0]) * radius
    place = np.column_stack([centre[:, 1:] * scale, size, size, np.zeros(len(u))])
    return specks(grid.y_nm, grid.x_nm, place, params["colonies.ghosts"] * (0.4 + u[:, 1]), 12)


def _debris(params: Mapping[str, float], streams: StreamOf, grid: Grid, z_nm: float) -> FloatArray:
    """Straight thin rods (Y, X) with blunt edges, thinner than any cell."""
    radius = params["colonies.radius_nm"]
    length = radius * params["colonies.debris_size"]
    low, high = grid.box(2 * length)
    low[0], high[0] = z_nm - length / 4, z_nm + length / 4
    scale = radius / 200
    in_plane = (
        params["colonies.debris"] * params["colonies.confluence"] / (2 * radius * params["colonies.spacing"]) ** 2
    )
    centre, u = scatter(streams, "debris", 1e9 * scale**3 * in_plane / (length / 2), (low / scale, high / scale), 4)
    half = length * (0.5 + u[:, 0])
    place = np.column_stack([centre[:, 1:] * scale, half, half * (0.12 + 0.12 * u[:, 1]), 2 * np.pi * u[:, 2]])
    return specks(grid.y_nm, grid.x_nm, place, 0.3 + u[:, 3] ** 2, 8)


def _vignette(grid: Grid, strength: float) -> FloatArray:
    """Factor (Y, X): 1 in the middle of the image, 1 - `strength` in its corners."""
    y, x = (np.linspace(-1, 1, size, dtype=np.float32) for size in grid.shape)
    factor: FloatArray = 1 - np.float32(strength / 2) * (y[:, None] ** 2 + x[None] ** 2)
    return factor
