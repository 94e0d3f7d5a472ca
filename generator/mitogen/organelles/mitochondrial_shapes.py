"""Shapes of mitochondria: spheres to long, bent, uneven, constricted and branched tubes.

Sizes follow what was measured in published volumes; see docs/mitochondria.md.
"""

from collections.abc import Mapping
from functools import cache

import noise
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.kernels import compiled
from mitogen.shapes import Tubes, bend
from mitogen.world import directions

NODES = 9
NUMBERS = 24
"""How many numbers in 0-1 a mitochondrion gets: 0 to 7 and 16 to 23 for its shape, the others for its looks."""
LENGTH = 1
"""Which of the numbers is the quantile of the length."""
LOOKS = slice(8, 16)
PERIOD, FINE = 1024, 16
STATE = 7
"""Which of the looks decides the state: low numbers are swollen mitochondria, high ones degenerate."""


def shape_mitochondria(
    centre: NDArray[np.float64], u: NDArray[np.float64], drawn: Mapping[str, float], longest_nm: float
) -> Tubes:
    """Shape mitochondria around their centres (N, 3) in nm, from their numbers `u` (N, 24)."""
    if len(centre) == 0:
        return Tubes(
            np.empty((0, NODES, 3), np.float32), np.empty((0, NODES), np.float32), np.empty((0, 3), np.float32)
        )
    swollen = u[:, LOOKS][:, STATE] < drawn["mitochondria.swollen_share"]
    r = drawn["mitochondria.radius_nm"] * np.exp(drawn["mitochondria.radius_spread"] * _normal(u[:, 0]))
    length = 2 * r * (drawn["mitochondria.aspect"] - 1) * relative_length(u[:, LENGTH])
    length = np.minimum(np.where(swollen, 0.5 * length, length), longest_nm)
    r = np.where(swollen, (1.1 + 0.3 * u[:, 20]) * r, r)
    direction = directions(u[:, 2], u[:, 3])
    turn = directions(u[:, 4], u[:, 5])
    curvature = drawn["mitochondria.bend_rad"] * ndtri(np.clip(u[:, 6], 0.02, 0.98)) * np.minimum(length / (6 * r), 1)
    line = bend(centre, direction, turn, length, curvature, NODES)
    uneven = drawn["mitochondria.unevenness"]
    profile = 1 + uneven * np.clip(_coherent(u[:, 7], length / np.maximum(4 * r, 1)), -1, 1)
    profile *= _necks(u[:, 16:19], length / r, drawn)
    side = np.cross(direction, turn)
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
    return Tubes(line.astype(np.float32), (r[:, None] * profile).astype(np.float32), side.astype(np.float32))


def largest_nm(drawn: Mapping[str, float], quantile: float, longest_nm: float) -> float:
    """How far in nm a mitochondrion up to this quantile of the lengths can reach from its middle at most."""
    radius = drawn["mitochondria.radius_nm"] * np.exp(2 * drawn["mitochondria.radius_spread"])
    length = 2 * radius * (drawn["mitochondria.aspect"] - 1) * relative_length(np.array([quantile]))[0]
    widest = radius * (1 + drawn["mitochondria.unevenness"]) * (1.4 if drawn["mitochondria.swollen_share"] > 0 else 1.0)
    return float(min(length, longest_nm) / 2 + widest)


def relative_length(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lengths (N,) over their mean from numbers in 0-1: Weibull with a shape of 1.4, as UroCell's, cut at 95 %.

    Few are spheres, and a few are two and a half times as long as the mean.
    """
    length: NDArray[np.float64] = (-np.log1p(-0.95 * u)) ** (1 / 1.4) / 0.911
    return length


def grow_branches(tubes: Tubes, u: NDArray[np.float64], drawn: Mapping[str, float]) -> tuple[Tubes, NDArray[np.int64]]:
    """Give some of the long mitochondria a side branch, no further from their middle than their ends are.

    Args:
        tubes: (N,) one for each mitochondrion.
        u: (N, 24) their numbers.
        drawn: the image's numbers.

    Returns:
        The tubes, the branches after them, and (T,) int64 which mitochondrion each belongs to.
    """
    body = np.arange(len(tubes))
    length = np.linalg.norm(np.diff(tubes.nodes, axis=1), axis=2).sum(axis=1)
    usual = np.median(tubes.radii, axis=1)
    # Not those with a neck, which lies where branches start.
    chosen = (u[:, 19] < drawn["mitochondria.branching"]) & (tubes.radii.min(axis=1) > 0.5 * usual)
    at = np.flatnonzero(chosen & (length > 4 * usual))
    # One that starts at most an eighth of the length from the middle and is a third of it long stays within reach.
    node = np.round((NODES - 1) * (0.375 + 0.25 * u[at, 21])).astype(int)
    start, along = tubes.nodes[at, node].astype(np.float64), tubes.nodes[at, node + 1] - tubes.nodes[at, node - 1]
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    side = tubes.side[at].astype(np.float64)
    angle = 2 * np.pi * u[at, 22, None]
    across = np.cos(angle) * side + np.sin(angle) * np.cross(along, side)
    lean = 0.8 * (2 * u[at, 23, None] - 1)
    direction = (across + lean * along) / np.sqrt(1 + lean * lean)
    extent = length[at] * (0.2 + 0.15 * u[at, 20])
    line = bend(
        start + direction * extent[:, None] / 2, direction, along + side, extent, 0.8 * (u[at, 18] - 0.5), NODES
    )
    line += start[:, None] - line[:, :1]
    # Widest at the root, so that it leaves its stem in a curve and not at an angle.
    radii = tubes.radii[at, node][:, None] * (0.68 + 0.3 * np.exp(-5 * np.linspace(0, 1, NODES)))
    turned = np.cross(direction, along + side)
    turned /= np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-9)
    grown = Tubes(
        np.concatenate([tubes.nodes, line.astype(np.float32)]),
        np.concatenate([tubes.radii, radii.astype(np.float32)]),
        np.concatenate([tubes.side, turned.astype(np.float32)]),
    )
    return grown, np.concatenate([body, at])


def _necks(u: NDArray[np.float64], slimness: NDArray[np.float64], drawn: Mapping[str, float]) -> NDArray[np.float64]:
    """Radius (N, NODES), relative to the usual one, of mitochondria of which some are constricted.

    Args:
        u: (N, 3) numbers in 0-1: whether there is a neck, where, and how deep.
        slimness: (N,) length over radius.
        drawn: the image's numbers.
    """
    constricted = (u[:, 0] < drawn["mitochondria.constricted_share"]) & (slimness > 3)
    # On a node, so that the neck is as narrow as it should be; wide enough to outlast the roughness of the outline.
    node = np.round((NODES - 1) * (0.35 + 0.3 * u[:, 1]))
    narrowest = drawn["mitochondria.neck"] * (0.8 + 0.4 * u[:, 2])
    narrowest = np.clip(narrowest, min(2.5 * drawn["mitochondria.roughness"] + 0.1, 1.0), 1.0)
    step = slimness / (NODES - 1)
    away = (np.arange(NODES)[None] - node[:, None]) * step[:, None] / np.maximum(0.9, 0.7 * step)[:, None]
    neck = 1 - (1 - narrowest)[:, None] * np.exp(-(away**2))
    return np.where(constricted[:, None], neck, 1.0)


def _normal(u: NDArray[np.float64]) -> NDArray[np.float64]:
    normal: NDArray[np.float64] = np.clip(ndtri(u), -2.0, 2.0)
    return normal


def _coherent(start: NDArray[np.float64], turns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth coherent noise (N, NODES) along each tube, about -1 to 1: necks and swellings."""
    return _look_up(_noise_table(), 1000 * start, 2.5 * np.maximum(turns, 0.3) / (NODES - 1))


@compiled
def _look_up(
    table: NDArray[np.float64], start: NDArray[np.float64], step: NDArray[np.float64]
) -> NDArray[np.float64]:  # fmt: skip
    """Values (N, NODES) of the table, interpolated, from each start in even steps."""
    out = np.empty((start.size, NODES))
    for n in range(start.size):
        for node in range(NODES):
            place = FINE * ((start[n] + node * step[n]) % PERIOD)
            low = int(place)
            out[n, node] = table[low] + (place - low) * (table[low + 1] - table[low])
    return out


@cache
def _noise_table() -> NDArray[np.float64]:
    """Coherent noise at `FINE` places of each unit: looking it up takes a fiftieth of the time of computing it."""
    noisy = [2 * noise.pnoise1(n / FINE, octaves=2, repeat=PERIOD) for n in range(PERIOD * FINE)]
    return np.array([*noisy, noisy[0], noisy[1]])
