"""The numbers that say how the cristae of each mitochondrion lie; `crista_lattices` reads them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray

LAMELLAR, TUBULAR, VESICULAR, CONCENTRIC = range(4)
"""Kinds of cristae: sheets; tubes; vesicles; sheets that follow the outline."""

SLOTS = 8
"""How many domains of a mitochondrion differ, a power of two; a longer one repeats them."""
LAST = SLOTS - 1


class Pattern(NamedTuple):
    """The cristae of M mitochondria, each of which has `SLOTS` kinds of domains; lengths in nm.

    Attributes:
        key: (M,) uint64 names the mitochondrion.
        domain: (M, 3) float32 direction (a, b, c) in which one domain follows another.
        domain_nm: (M,) float32 mean length of a domain.
        shift: (M, SLOTS) float32 where each begins relative to even spacing, in units of that length.
        kind: (M, SLOTS) int64 kind of the cristae.
        frame: (M, SLOTS, 3, 3) float32: normal of the sheets or direction of the tubes, and two vectors across it.
        spacing: (M,) float32 distance between neighbours.
        lumen: (M,) float32 width of the lumen.
        level: (M,) float32 how much of its place a crista fills, -2 to 2.
        rim: (M,) float32 greatest depth below the inner membrane that cristae reach.
        bend: (M,) float32 amplitude of their waves.
        phase: (M, 3) float32 where lattice and waves start, 0-1.
    """

    key: NDArray[np.uint64]
    domain: FloatArray
    domain_nm: FloatArray
    shift: FloatArray
    kind: NDArray[np.int64]
    frame: FloatArray
    spacing: FloatArray
    lumen: FloatArray
    level: FloatArray
    rim: FloatArray
    bend: FloatArray
    phase: FloatArray


class Habit(NamedTuple):
    """What all cristae of an image share, in nm unless said otherwise.

    Attributes:
        membrane: thickness of a crista's membrane.
        lumen_spread: scatter of the lumen from crista to crista (of its logarithm).
        wave: length of the waves in which cristae bend.
        extent: size of the stretches between which a crista is interrupted.
        taper: over which length a crista narrows towards its end.
        junctions: share of the rims that is joined to the inner membrane, 0-1.
        tip_gap: distance of the other rims from it.
        through: how far joined cristae reach into the inner membrane.
        thickness: of the section.
        pixel: edge of a pixel.
    """

    membrane: float
    lumen_spread: float
    wave: float
    extent: float
    taper: float
    junctions: float
    tip_gap: float
    through: float
    thickness: float
    pixel: float
