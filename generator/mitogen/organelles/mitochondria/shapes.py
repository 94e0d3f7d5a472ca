"""Shapes of mitochondria: spheres to long, bent, uneven, constricted and branched tubes.

Sizes follow what was measured in published volumes; see docs/mitochondria.md.
"""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import noise
import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled
from mitogen.geometry.point_process import normal_at, normal_table, point_on_sphere
from mitogen.geometry.tubes import arc

NODES = 9
NUMBERS = 24
"""How many numbers in 0-1 a candidate for a mitochondrion or a round body gets: for its shape, and 8 for its looks."""
RADIUS, LENGTH, DIRECTION, _, TURN, _, BEND, UNEVEN = range(8)
"""Which of the numbers decide the shape of a mitochondrion; the directions take two each."""
LOOKS = slice(8, 16)
"""Which of the numbers are the looks, of all inclusions alike."""
PRIORITY, STATE = 8, 15
"""Which of the looks of a mitochondrion decides whether it stays, and which its state: low numbers are swollen."""
CONSTRICTED, NECK_PLACE, NECK, BRANCHED, SWELLING, ROOT, AROUND, LEAN = range(16, 24)
"""Which of the numbers decide necks, branches and swelling."""
PERIOD, FINE = 1024, 16
ACCEPTED = 0.45
"""Of the volume that mitochondria deny each other, the part that counts where few of them overlap."""


def candidates_per_um3(params: Mapping[str, float]) -> float:
    """How many mitochondria must be proposed for about the wanted share of the volume to be left.

    The volume is that of a spherocylinder; the volume that one denies to another is that of two in any directions
    (Onsager, Annals of the New York Academy of Sciences 51, 1949).
    """
    radius, spread = params["mitochondria.radius_nm"], params["mitochondria.radius_spread"]
    # Means over the scatter of radii, which is log-normal.
    cube, square = np.exp(4.5 * spread**2), np.exp(2 * spread**2)
    length = min(2 * radius * (params["mitochondria.aspect"] - 1), params["mitochondria.longest_nm"])
    volume = np.pi * radius**3 * cube * 4 / 3 + np.pi * radius**2 * length * cube
    width = max(2 * radius + params["mitochondria.gap_nm"], radius)
    denied = (4 / 3 * width**3 + 2 * width**2 * length) * np.pi * cube + np.pi / 2 * width * length**2 * square
    wanted = params["mitochondria.volume_fraction"] / volume
    # Beyond a few candidates to a denied volume hardly another one fits in.
    return float(1e9 * min(wanted / max(1 - ACCEPTED * wanted * denied, 0.1), 6 / denied))


class Sizes(NamedTuple):
    """What the shapes of all mitochondria of an image follow: knobs, and two tables."""

    radius_nm: float
    radius_spread: float
    aspect: float
    bend_rad: float
    unevenness: float
    swollen_share: float
    constricted_share: float
    neck: float
    narrowest: float
    branching: float
    longest_nm: float
    winding: float
    quantiles: NDArray[np.float64]
    noise: NDArray[np.float64]


def sizes_of(params: Mapping[str, float]) -> Sizes:
    """What the shapes of an image's mitochondria follow."""
    return Sizes(
        radius_nm=params["mitochondria.radius_nm"],
        radius_spread=params["mitochondria.radius_spread"],
        aspect=params["mitochondria.aspect"],
        bend_rad=params["mitochondria.bend_rad"],
        unevenness=params["mitochondria.unevenness"],
        swollen_share=params["mitochondria.swollen_share"],
        constricted_share=params["mitochondria.constricted_share"],
        neck=params["mitochondria.neck"],
        # Wide enough to outlast the roughness of the outline.
        narrowest=float(min(2.5 * params["mitochondria.roughness"] + 0.1, 1.0)),
        branching=params["mitochondria.branching"],
        longest_nm=params["mitochondria.longest_nm"],
        winding=params["mitochondria.winding"],
        quantiles=normal_table(),
        noise=_noise_table(),
    )


def largest_nm(params: Mapping[str, float], quantile: float) -> float:
    """How far in nm a mitochondrion up to this quantile of the lengths can reach from its middle at most."""
    radius = params["mitochondria.radius_nm"] * np.exp(2 * params["mitochondria.radius_spread"])
    length = 2 * radius * (params["mitochondria.aspect"] - 1) * relative_length(quantile)
    widest = (
        radius * (1 + params["mitochondria.unevenness"]) * (1.4 if params["mitochondria.swollen_share"] > 0 else 1.0)
    )
    return float(min(length, params["mitochondria.longest_nm"]) / 2 + widest)


@compiled
def relative_length(u: float) -> float:
    """A length over the mean from a number in 0-1: Weibull with a shape of 1.4, as UroCell's, cut at 95 %.

    Few are spheres, and a few are two and a half times as long as the mean.
    """
    return float((-np.log1p(-0.95 * u)) ** (1 / 1.4) / 0.911)


@compiled
def extent_of_mitochondrion(u: NDArray[np.float64], sizes: Sizes) -> tuple[float, float]:
    """Length of the middle line and usual radius in nm of a mitochondrion with numbers `u` (24,).

    No part of it is further from its middle than half its length and its radius, times 1 + unevenness.
    """
    r = sizes.radius_nm * np.exp(sizes.radius_spread * _normal(u[RADIUS], sizes))
    length = 2 * r * (sizes.aspect - 1) * relative_length(u[LENGTH])
    if u[STATE] < sizes.swollen_share:
        return min(0.5 * length, sizes.longest_nm), (1.1 + 0.3 * u[SWELLING]) * r
    return min(length, sizes.longest_nm), r


@compiled
def shape_mitochondrion(
    centre: NDArray[np.float64], u: NDArray[np.float64], extent: tuple[float, float], sizes: Sizes, nodes: FloatArray,
    radii: FloatArray, side: FloatArray,
) -> int:  # fmt: skip
    """Shape a mitochondrion, and a branch for some of those that are long.

    Args:
        centre: (3,) its middle (z, y, x) in nm.
        u: (24,) its numbers in 0-1.
        extent: its `extent_of_mitochondrion`.
        sizes: what all follow.
        nodes: (2, 9, 3) float32, filled with the nodes of its tube and of its branch, see `Tubes`.
        radii: (2, 9) float32, filled with their radii.
        side: (2, 3) float32, filled with the vectors across them.

    Returns:
        How many tubes it is made of: 1 or 2.
    """
    length, r = extent
    direction, turn, line = np.empty(3), np.empty(3), np.empty((NODES, 3))
    point_on_sphere(u[DIRECTION], u[DIRECTION + 1], direction)
    point_on_sphere(u[TURN], u[TURN + 1], turn)
    bent = sizes.bend_rad * normal_at(u[BEND], sizes.quantiles) * min(length / (6 * r), 1.0)
    arc(centre, direction, turn, length, bent, line)
    _across(direction, turn, side[0])
    if sizes.winding > 0:
        _wind(line, length, sizes.winding, u, side[0])
    # On a node, so that the neck is as narrow as it should be.
    constricted = u[CONSTRICTED] < sizes.constricted_share and length / r > 3
    neck_node = np.round((NODES - 1) * (0.35 + 0.3 * u[NECK_PLACE]))
    narrowest = min(max(sizes.neck * (0.8 + 0.4 * u[NECK]), sizes.narrowest), 1.0)
    step = length / r / (NODES - 1)
    turns = max(length / max(4 * r, 1.0), 0.3)
    thinnest = r
    for node in range(NODES):
        uneven = _coherent(sizes.noise, 1000 * u[UNEVEN] + node * 2.5 * turns / (NODES - 1))
        radius = r * (1 + sizes.unevenness * min(max(uneven, -1.0), 1.0))
        if constricted:
            away = (node - neck_node) * step / max(0.9, 0.7 * step)
            radius *= 1 - (1 - narrowest) * np.exp(-away * away)
        thinnest = min(thinnest, radius)
        radii[0, node] = radius
        for k in range(3):
            nodes[0, node, k] = line[node, k]
    # Not those with a neck, which lies where branches start.
    if u[BRANCHED] < sizes.branching and length > 4 * r and thinnest > 0.5 * r:
        _grow_branch(u, length, nodes, radii, side)
        return 2
    return 1


@compiled
def _wind(
    line: NDArray[np.float64], length: float, winding: float, u: NDArray[np.float64], side: FloatArray
) -> None:  # fmt: skip
    """Let a line (S, 3) wind to both sides along `side`; its ends stay, and so does how far it reaches."""
    waves, start = 0.8 + 1.2 * u[23], 2 * np.pi * u[22]
    for node in range(len(line)):
        t = 2 * node / (len(line) - 1) - 1
        aside = 0.25 * winding * length * (1 - t * t) * np.sin(np.pi * waves * t + start)
        for k in range(3):
            line[node, k] += aside * side[k]


@compiled
def _grow_branch(u: NDArray[np.float64], length: float, nodes: FloatArray, radii: FloatArray, side: FloatArray) -> None:
    """Put a branch of the first tube into the place of the second one.

    One that starts at most an eighth of the length from the middle and is a third of it long stays within reach.
    """
    root = int(np.round((NODES - 1) * (0.375 + 0.25 * u[ROOT])))
    along, third, start = np.empty(3), np.empty(3), np.empty(3)
    direction, turn, line = np.empty(3), np.empty(3), np.empty((NODES, 3))
    norm = 0.0
    for k in range(3):
        along[k] = nodes[0, root + 1, k] - nodes[0, root - 1, k]
        norm += along[k] ** 2
    for k in range(3):
        along[k] /= max(np.sqrt(norm), 1e-9)
        turn[k] = along[k] + side[0, k]
    _cross(along, turn, third)
    turned, lean = 2 * np.pi * u[AROUND], 0.8 * (2 * u[LEAN] - 1)
    extent = length * (0.2 + 0.15 * u[SWELLING])
    for k in range(3):
        across = np.cos(turned) * side[0, k] + np.sin(turned) * third[k]
        direction[k] = (across + lean * along[k]) / np.sqrt(1 + lean * lean)
        start[k] = nodes[0, root, k]
    # The line is laid through its middle and then moved to where it starts.
    arc(start, direction, turn, extent, 0.8 * (u[NECK] - 0.5), line)
    for node in range(NODES):
        for k in range(3):
            nodes[1, node, k] = start[k] + line[node, k] - line[0, k]
        # Widest at the root, so that it leaves its stem in a curve and not at an angle.
        radii[1, node] = radii[0, root] * (0.68 + 0.3 * np.exp(-5 * node / (NODES - 1)))
    _across(direction, turn, side[1])


@compiled
def _across(direction: NDArray[np.float64], turn: NDArray[np.float64], side: FloatArray) -> None:
    """Fill `side` (3,) with a unit vector across both."""
    vector = np.empty(3)
    _cross(direction, turn, vector)
    norm = max(np.sqrt(vector[0] ** 2 + vector[1] ** 2 + vector[2] ** 2), 1e-9)
    for k in range(3):
        side[k] = vector[k] / norm


@compiled
def _cross(a: NDArray[np.float64], b: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    out[0], out[1], out[2] = a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@compiled
def _normal(u: float, sizes: Sizes) -> float:
    return min(max(normal_at(u, sizes.quantiles), -2.0), 2.0)


@compiled
def _coherent(table: NDArray[np.float64], at: float) -> float:
    """Smooth coherent noise along a line, about -1 to 1: necks and swellings."""
    place = FINE * (at % PERIOD)
    low = int(place)
    return float(table[low] + (place - low) * (table[low + 1] - table[low]))


@cache
def _noise_table() -> NDArray[np.float64]:
    """Coherent noise at `FINE` places of each unit: looking it up takes a fiftieth of the time of computing it."""
    noisy = [2 * noise.pnoise1(n / FINE, octaves=2, repeat=PERIOD) for n in range(PERIOD * FINE)]
    return np.array([*noisy, noisy[0], noisy[1]])
