"""Cell-like bodies: star-shaped outlines in a crowd, lit as under a fluorescence microscope (scene `blobs`)."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from mitodata.errors import RecipeError
from mitogen.blobs.background import fibres, haze, refine, specks, spread
from mitogen.blobs.fragments import keep_whole
from mitogen.blobs.outlines import Profiles, outline, press, trace
from mitogen.blobs.packing import TAIL, Bodies, pack
from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.point_process import StreamOf, scatter
from mitogen.geometry.random_fields import Waves, grain, random_waves
from mitogen.scene.section import Section

_COMPLEX = (
    "lobe_depth", "roughness", "lean", "unevenness", "mottle", "spots", "halo", "haze", "fibres", "glow", "debris",
    "brightness_spread",
)  # fmt: skip


def blobs(
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
        the outline of its body in the middle of the section.

    Raises:
        RecipeError: a map of compartments is wanted; bodies have none.
    """
    if compartments:
        raise RecipeError("compartments: the scene blobs has none; expected --labels instances")
    knobs = simplified(params)
    bodies = pack(knobs, streams, grid)
    waves = _fields(knobs, streams)

    def cut(number: int, pixels: Grid) -> Section:
        z_nm = float(grid.z_nm[number])
        profiles = outline(
            bodies, z_nm, knobs["blobs.lobes"], knobs["blobs.lobe_depth"], knobs["blobs.roughness"], knobs["blobs.lean"]
        )
        profiles = press(profiles, bodies.looks[profiles.body, 3], knobs["blobs.stacking"])
        soft = _softness(profiles, knobs, pixels)
        nearest, depth = trace(profiles, pixels, float(soft.max(initial=0)))
        density = _light_bodies(profiles, bodies, (nearest, depth, soft), knobs, waves, pixels, z_nm)
        if knobs["blobs.halo"] != 0:
            wide = spread(density, knobs["blobs.halo_nm"] / pixels.pixel_nm)
            density += np.float32(knobs["blobs.halo"]) * (wide - density)
        density += _light_ground(bodies, knobs, streams, waves, pixels, z_nm)
        noise = grain(streams(f"grain/{number}"), pixels.shape, knobs["blobs.noise_nm"] / pixels.pixel_nm)
        density += np.float32(knobs["blobs.noise"]) * noise
        own = bodies.number[profiles.body]
        label = np.where(depth > 0, np.concatenate([own, np.zeros(1, np.int32)])[nearest], np.int32(0))
        first = np.array([pixels.y_nm[0], pixels.x_nm[0]])
        keep_whole(label, own, np.rint((profiles.centre - first) / pixels.pixel_nm).astype(np.int64))
        return Section(label, density, np.zeros((0, 0), np.uint8))

    return cut


def simplified(params: Mapping[str, float]) -> dict[str, float]:
    """The numbers of an image with what makes it complex scaled by `blobs.complexity`."""
    scaled = dict(params)
    for name in _COMPLEX:
        scaled[f"blobs.{name}"] *= params["blobs.complexity"]
    if params["blobs.overlap"] > 0:
        scaled["blobs.overlap"] *= params["blobs.complexity"]
    return scaled


def _fields(params: Mapping[str, float], streams: StreamOf) -> dict[str, Waves]:
    radius = params["blobs.radius_nm"]
    lengths = {
        "mottle": params["blobs.mottle_nm"],
        "spots": 0.9 * radius,
        "haze": 12 * radius,
        "line": 5 * radius,
        "patch": 8 * radius,
    }
    return {name: random_waves(streams(f"field/{name}"), length) for name, length in lengths.items()}


def _softness(profiles: Profiles, params: Mapping[str, float], grid: Grid) -> FloatArray:
    """Half of the width (P,) in nm over which each profile's edge fades: the wider, the more its side leans."""
    least = grid.pixel_nm / 2
    soft = max(params["blobs.edge_nm"], least) + grid.thickness_nm / 2 * profiles.slant
    # Small caps stay visible: their label is there as well.
    softness: FloatArray = np.minimum(soft, np.maximum(0.4 * profiles.width, least)).astype(np.float32)
    return softness


def _light_bodies(
    profiles: Profiles,
    bodies: Bodies,
    traced: tuple[NDArray[np.int32], FloatArray, FloatArray],
    params: Mapping[str, float],
    waves: Mapping[str, Waves],
    grid: Grid,
    z_nm: float,
) -> FloatArray:
    """Brightness (Y, X) of bodies, given what `trace` found and the softness of edges."""
    nearest, depth, soft = traced
    if len(profiles.body) == 0:
        return np.zeros(grid.shape, np.float32)
    looks = bodies.looks[profiles.body]
    bright = np.exp(params["blobs.brightness_spread"] * np.clip(ndtri(looks[:, 4]), -1.5, TAIL)).astype(np.float32)
    tilt, width = 2 * np.pi * looks[:, 5], profiles.width
    side_y, side_x = (np.sin(tilt) / width).astype(np.float32), (np.cos(tilt) / width).astype(np.float32)
    start = side_y * profiles.centre[:, 0] + side_x * profiles.centre[:, 1]

    # Only pixels that hold something of a body, as a list.
    row, column = np.nonzero(depth > -soft[nearest])
    own, deep = nearest[row, column], depth[row, column]
    across = side_y[own] * grid.y_nm[row] + side_x[own] * grid.x_nm[column] - start[own]
    body = 1 + np.float32(0.5 * params["blobs.unevenness"]) * np.clip(across, -1, 1)
    if params["blobs.mottle"] > 0:
        clumps = waves["mottle"].on_section(z_nm, grid.y_nm, grid.x_nm)[row, column]
        body *= 1 + np.float32(params["blobs.mottle"]) * clumps
    if params["blobs.spots"] > 0:
        spot = waves["spots"].on_section(z_nm, grid.y_nm, grid.x_nm)[row, column]
        body *= 1 - np.float32(params["blobs.spots"]) * expit(np.float32(8) * (spot - np.float32(1.3)))
    body *= 1 - np.float32(params["blobs.rim"]) * np.exp(-np.maximum(deep, 0) / np.float32(params["blobs.rim_nm"]))
    inside = np.clip(np.float32(0.5) + np.float32(0.5) * deep / soft[own], 0, 1)
    light = np.zeros(grid.shape, np.float32)
    light[row, column] = bright[own] * inside * np.maximum(body, np.float32(0.1))
    return light


def _light_ground(
    bodies: Bodies,
    params: Mapping[str, float],
    streams: StreamOf,
    waves: Mapping[str, Waves],
    grid: Grid,
    z_nm: float,
) -> FloatArray:
    """Brightness (Y, X) of what is around bodies."""
    light = np.zeros(grid.shape, np.float32)
    if params["blobs.haze"] > 0:
        light += haze(waves["haze"], grid, z_nm, params["blobs.haze"])
    if params["blobs.fibres"] > 0:
        light += fibres(waves["line"], waves["patch"], grid, z_nm, params["blobs.fibres"])
    if params["blobs.glow"] > 0:
        light += _glow(bodies, params["blobs.glow"], grid, z_nm)
    if params["blobs.debris"] > 0:
        light += _debris(params, streams, grid, z_nm)
    return light


def _glow(bodies: Bodies, strength: float, grid: Grid, z_nm: float) -> FloatArray:
    """Blurred light (Y, X) of bodies that lie up to two heights above or below the section."""
    away = np.abs(bodies.centre[:, 0] - z_nm)
    reach = 2 * float(bodies.height.max(initial=0))
    near = np.flatnonzero((away > bodies.height) & (away < reach))
    # The light of a disc of radius r spreads over r + the distance out of focus; its sum stays.
    radius = bodies.radius[near].astype(np.float64)
    wide = radius + 0.7 * (away[near] - bodies.height[near])
    middle = bodies.centre[near, 1:].astype(np.float64)
    place = np.column_stack([middle, wide, wide, np.zeros(len(near))])
    # Smooth enough for every fourth pixel.
    y, x = (_every(axis, 4, grid.pixel_nm) for axis in (grid.y_nm, grid.x_nm))
    return refine(specks(y, x, place, strength * np.square(radius / wide), 4), 4, grid.shape)


def _every(axis: FloatArray, step: int, pixel_nm: float) -> FloatArray:
    """Middles of blocks of `step` pixels along an axis."""
    middles: FloatArray = (axis[::step] + (step - 1) / 2 * pixel_nm).astype(np.float32)
    return middles


def _debris(params: Mapping[str, float], streams: StreamOf, grid: Grid, z_nm: float) -> FloatArray:
    """Specks (Y, X), much smaller than bodies, dim and bright."""
    radius = params["blobs.radius_nm"]
    size = radius * params["blobs.debris_size"]
    low, high = grid.box(2 * size)
    low[0], high[0] = z_nm - 1.5 * size, z_nm + 1.5 * size
    scale = radius / 200
    body_nm3 = 4 / 3 * np.pi * radius**3 * params["blobs.height"]
    # As many specks for a body in the plane as in space: specks are thinner than bodies by their size.
    density = 1e9 * scale**3 * params["blobs.debris"] * params["blobs.volume_fraction"] / body_nm3
    density *= params["blobs.height"] / params["blobs.debris_size"]
    centre, u = scatter(streams, "debris", density, (low / scale, high / scale), 5)
    centre = centre * scale
    own = size * (0.6 + 0.8 * u[:, 0])
    share = np.sqrt(np.maximum(1 - np.square((centre[:, 0] - z_nm) / own), 0))
    stretch = 1 + 1.5 * u[:, 1] ** 2
    half = np.maximum(own * share, 1.0)
    place = np.column_stack([centre[:, 1:], half * stretch, half / stretch, 2 * np.pi * u[:, 2]])
    seen = np.flatnonzero(share > 0)
    return specks(grid.y_nm, grid.x_nm, place[seen], 0.25 + 1.2 * u[seen, 3] ** 2, 4)
