"""Myofibrils: bundles of filaments with Z lines and I, A, H and M bands, and the tubules at their Z lines."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.hashing import chains, mix, open_unit
from mitogen.geometry.jit import compiled, inlined
from mitogen.geometry.packing.sites import FACES
from mitogen.geometry.partial_volume import inside_at, layer_at, reach_at
from mitogen.organelles.organelle import Layer, Organelle
from mitogen.tissue.canvas import Paint, Raster, Space, mark
from mitogen.tissue.compartments import Compartment
from mitogen.tissue.fibres.row_bodies import RowBodies
from mitogen.tissue.fibres.rows import Column, Rows

ROUNDING_NM = 90.0
"""Radius of the rounded edges of fibrils."""
H_NM, M_NM = 150.0, 45.0
"""Widths of H zone and M line."""
TUBULE_NM = 8.0
"""Thickness of the membrane of a T tubule, as it looks."""


class _Bands(NamedTuple):
    """The bands of a sarcomere; widths in nm, stains as densities.

    Attributes:
        length: of a sarcomere.
        z, i, h, m: widths of Z line, I band, H zone and M line.
        a_stain, i_stain, z_stain, h_stain, m_stain: their stains.
        filaments: how much single filaments stand out.
        filament: distance between rows of thick filaments in nm.
    """

    length: float
    z: float
    i: float
    h: float
    m: float
    a_stain: float
    i_stain: float
    z_stain: float
    h_stain: float
    m_stain: float
    filaments: float
    filament: float


class _Seams(NamedTuple):
    """What lies between fibrils.

    Attributes:
        half_gap: half the width of the gap between two fibrils in nm.
        clearance: distance of a fibril from the share of a row of mitochondria.
        tubules: share of the seams that have T tubules.
        tubule: radius of a T tubule in nm.
        lumen, wall: stain of its lumen and its membrane.
    """

    half_gap: float
    clearance: float
    tubules: float
    tubule: float
    lumen: float
    wall: float


class _Pixels(NamedTuple):
    """What pixels know of fibrils; arrays (Y, X) in nm.

    Attributes:
        column: int64 column of each pixel.
        s, u, v: coordinates of the fibres.
        jag: how far lines are out of place.
        uneven: of mean 0, makes gaps wide and narrow.
        border: distance from the membranes and nuclei that bound the room of fibrils.
        holds: bool, which pixels lie in a muscle fibre.
    """

    column: NDArray[np.int64]
    s: FloatArray
    u: FloatArray
    v: FloatArray
    jag: FloatArray
    uneven: FloatArray
    border: FloatArray
    holds: NDArray[np.bool_]


def draw_myofibrils(layer: Layer) -> None:
    """Draw the fibrils of muscle; their pixels are no longer free."""
    rows, canvas, params = layer.layout.packed, layer.canvas, layer.params
    holds = layer.holding("myofibrils")
    if not isinstance(rows, RowBodies) or not holds.any():
        return
    column, (s, u, v) = rows.columns(canvas.grid, canvas.z_nm)
    pixels = _Pixels(
        column, s, u, v,
        np.float32(params["sarcomeres.jag_nm"]) * layer.on_section("jag"),
        layer.on_section("seam"),
        np.minimum(canvas.space.membrane, layer.trunk_map.distance) - np.float32(rows.margin_nm),
        holds[canvas.space.owner],
    )  # fmt: skip
    ground, section = params["cells.cytoplasm"], "sarcomeres."
    bands = _Bands(
        params[section + "length_nm"], params[section + "z_nm"], params[section + "i_nm"], H_NM,
        M_NM, ground + params[section + "a_darkness"], ground + params[section + "i_darkness"],
        ground + params[section + "z_darkness"], params[section + "h_lightness"], params[section + "m_darkness"],
        params[section + "filaments"], params[section + "filament_nm"],
    )  # fmt: skip
    seams = _Seams(
        params["fibres.gap_nm"] / 2, params["mitochondria.clearance_nm"],
        params["t_tubules.share"], params["t_tubules.radius_nm"], params["vessels.lumen_density"],
        params["cells.membrane_density"] * 0.85,
    )  # fmt: skip
    axes = rows.frame.axes
    waves = _filaments_of(bands, rows.rows.packing.key, axes, canvas.grid.thickness_nm)
    _draw_fibrils(
        canvas.paint(Compartment.MYOFIBRIL), canvas.space, canvas.raster, rows.rows, pixels, bands, (seams, axes, waves)
    )  # fmt: skip


@compiled
def _draw_fibrils(
    paint: Paint, space: Space, raster: Raster, rows: Rows, pixels: _Pixels, bands: _Bands,
    beside: tuple[_Seams, NDArray[np.float64], NDArray[np.float64]],
) -> None:  # fmt: skip
    seams, axes, waves = beside
    density, kind, phase = paint.density, rows.kind, rows.phase
    along = reach_at(axes[0, 0], raster.thickness, raster.pixel)
    for i in range(density.shape[0]):
        for j in range(density.shape[1]):
            if not pixels.holds[i, j] or pixels.border[i, j] < -raster.thickness:
                continue
            c = pixels.column[i, j]
            point = np.float64(pixels.s[i, j]), np.float64(pixels.u[i, j]), np.float64(pixels.v[i, j])
            half = seams.half_gap * (1 + 0.6 * pixels.uneven[i, j])
            depth, normal, face, least = _seam(rows, seams, c, half, point, np.float64(pixels.border[i, j]), axes)
            if kind[c] == Column.FIBRIL:
                reach = reach_at(normal, raster.thickness, raster.pixel)
                share = inside_at(-depth, reach)
                if share > 0:
                    beat = (point[0] + phase[c] + pixels.jag[i, j]) / bands.length
                    x = (beat - np.round(beat)) * bands.length
                    stain = _stain(bands, x, along)
                    stain += (1.0 if abs(x) > bands.i / 2 else 0.35) * _beats(waves, c, point[1], point[2])
                    density[i, j] += share * (stain - density[i, j])
                    if share >= 0.5:
                        space.free[i, j] = False
                        mark(paint, i, j)
            if face >= 0 and least < 2.5 * seams.tubule:
                other = rows.packing.faces[c, face].other
                state = mix(rows.packing.key[c] ^ rows.packing.key[other])
                if open_unit(state) < seams.tubules:
                    beat = (point[0] + 0.5 * (phase[c] + phase[other])) / bands.length
                    x = (beat - np.round(beat)) * bands.length
                    # Wide and narrow by turns, and here and there not at all.
                    swelling = min(max(0.7 + 0.9 * pixels.uneven[i, j], 0.0), 1.3)
                    radius = seams.tubule * (0.7 + 0.6 * open_unit(mix(state))) * swelling
                    away = np.sqrt(x * x + least * least) - radius
                    if radius > 10 and away < 20:
                        reach = 0.5 * raster.pixel + 0.15 * raster.thickness
                        value = density[i, j]
                        value += inside_at(away, reach) * (seams.lumen - value)
                        value += layer_at(away, reach, -TUBULE_NM / 2, TUBULE_NM / 2) * (seams.wall - value)
                        density[i, j] = value
                        space.free[i, j] = space.free[i, j] and away > 0


@inlined
def _seam(
    rows: Rows, seams: _Seams, c: int, half_gap: float, point: tuple[float, float, float], border: float,
    axes: NDArray[np.float64],
) -> tuple[float, float, int, float]:  # fmt: skip
    """Depth in nm of a point below the surface of the fibril in column `c`, and the z component of its normal.

    The last two numbers are the nearest face of the column, -1 for none within reach, and the distance from it.
    """
    centre, faces, kind, fused = rows.packing.centre, rows.packing.faces, rows.kind, rows.fused
    squares, shallowest, gu, gv = 0.0, 1e9, 0.0, 0.0
    face, least = -1, 1e9
    du, dv = point[1] - centre[c, 1], point[2] - centre[c, 2]
    away = np.sqrt(du * du + dv * dv) + ROUNDING_NM + 2 * half_gap
    for f in range(FACES):
        plane = faces[c, f]
        if plane.other < 0 or plane.below > away:
            break
        raw = plane.below + plane.n1 * du + plane.n2 * dv
        if raw < least:
            least, face = raw, f
        keep = seams.clearance
        if kind[plane.other] == Column.FIBRIL:
            if fused[c, f]:
                continue
            keep = half_gap
        depth = raw - keep
        shallowest = min(shallowest, depth)
        lacking = ROUNDING_NM - depth
        if lacking > 0:
            squares += lacking * lacking
            gu += lacking * plane.n1
            gv += lacking * plane.n2
    if border < ROUNDING_NM:
        squares, shallowest = squares + (ROUNDING_NM - border) ** 2, min(shallowest, border)
    depth = ROUNDING_NM - np.sqrt(squares) if squares > 0 else shallowest
    norm = max(np.sqrt(gu * gu + gv * gv), 1e-9)
    return depth, (gu * axes[1, 0] + gv * axes[2, 0]) / norm, face, least


@inlined
def _stain(bands: _Bands, x: float, reach: float) -> float:
    """Stain of a fibril at `x` nm from a Z line, averaged over `reach` nm on either side."""
    i_share = layer_at(x, reach, -bands.i / 2, bands.i / 2)
    stain = bands.a_stain + i_share * (bands.i_stain - bands.a_stain)
    m = bands.length / 2 - abs(x)
    stain -= bands.h_stain * layer_at(m, reach + 15, -bands.h / 2, bands.h / 2)
    stain += bands.m_stain * layer_at(m, reach + 4, -bands.m / 2, bands.m / 2)
    return float(stain + layer_at(x, reach + 6, -bands.z / 2, bands.z / 2) * (bands.z_stain - stain))


def _filaments_of(
    bands: _Bands, keys: NDArray[np.uint64], axes: NDArray[np.float64], thickness_nm: float
) -> NDArray[np.float64]:  # fmt: skip
    """The hexagonal lattice of filaments in each column: three waves (C, 3, 4) across the axis.

    Of each there is how often it turns in a nm along u and along v, where it starts, and what a section of this
    thickness leaves of it.
    """
    u = chains(keys, 4)
    angle = np.pi * (u[:, :1] + np.arange(3)[None] / 3)
    wave = np.stack([np.cos(angle), np.sin(angle)], axis=2) / bands.filament
    left = np.sinc((wave @ axes[1:, 0]) * thickness_nm)
    return np.concatenate([wave, u[:, 1:, None], bands.filaments * left[..., None]], axis=2)


@inlined
def _beats(waves: NDArray[np.float64], c: int, u: float, v: float) -> float:
    """How much darker or lighter single filaments make column `c` at a point."""
    found = 0.0
    for k in range(3):
        turns = waves[c, k, 0] * u + waves[c, k, 1] * v + waves[c, k, 2]
        f = turns - np.floor(turns) - 0.5
        # Parabolas in place of a sine.
        found += waves[c, k, 3] * f * (16 * abs(f) - 8)
    return found


MYOFIBRILS = Organelle(
    "myofibrils",
    draw_myofibrils,
    fields={"jag": 160.0, "seam": 240.0},
    compartments=(Compartment.MYOFIBRIL,),
)
