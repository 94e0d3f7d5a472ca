"""Mitochondria and other bodies around a grid, none overlapping another or crossing the border of a trunk."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.collisions import nest
from mitogen.geometry.grid import Grid
from mitogen.geometry.point_process import Box, StreamOf
from mitogen.geometry.tubes import Tubes
from mitogen.organelles.golgi import golgi_reach_nm
from mitogen.scene.placement import find_bodies
from mitogen.tissue.neurites import Trunks, place_trunks

VISIBLE_NM = 200.0
"""An inclusion that stays further than this from the grid is not seen, nor does it bend a membrane that is."""


@dataclass(frozen=True, eq=False)
class Inclusions:
    """What can be seen from a grid; T tubes.

    Attributes:
        tubes: their shapes.
        centre: (T, 3) float64 the point in nm whose cell holds each of them.
        trunk: (T,) int64 index of the trunk that holds each, -1 for none.
        instance: (T,) int32 number of the mitochondrion, 0 for other bodies. It names the same body in every window
            that shows it; numbers are not consecutive.
        kind: (T,) int8 see `bodies.Body`; -1 for mitochondria.
        looks: (T, 8) float64 numbers in 0-1.
    """

    tubes: Tubes
    centre: NDArray[np.float64]
    trunk: NDArray[np.int64]
    instance: NDArray[np.int32]
    kind: NDArray[np.int8]
    looks: NDArray[np.float64]


def place_inclusions(drawn: Mapping[str, float], streams: StreamOf, grid: Grid) -> tuple[Inclusions, Trunks]:
    """Find the mitochondria, bodies and trunks that can be seen from a grid."""
    found = find_bodies(drawn, streams, grid.box(VISIBLE_NM))
    # A Golgi stack that can be seen may have its centre in a trunk that cannot.
    sight = grid.box(max(VISIBLE_NM, golgi_reach_nm(drawn)))
    trunks = place_trunks(drawn, streams, _around(found.tubes, sight))
    lies = nest(found.tubes, trunks.tubes, trunks.sheath_nm, trunks.nucleus_nm)
    # A body that crosses the border of a trunk goes, with all its branches.
    at = np.flatnonzero(~np.isin(found.body, found.body[np.any(lies == -1, axis=1)]))
    body = found.body[at]
    shown = np.flatnonzero(trunks.tubes.reaching(sight))
    inclusions = Inclusions(
        found.tubes.take(at), found.centre[body], _holder(lies[np.ix_(at, shown)]), found.number[body],
        found.kind[body], found.looks[body],
    )  # fmt: skip
    return inclusions, trunks.take(shown)


def _around(tubes: Tubes, box_nm: Box) -> Box:
    """The box around another one and tubes."""
    radii = tubes.radii[..., None].astype(np.float64)
    low, high = (tubes.nodes - radii).reshape(-1, 3), (tubes.nodes + radii).reshape(-1, 3)
    return np.minimum(low.min(axis=0, initial=np.inf), box_nm[0]), np.maximum(
        high.max(axis=0, initial=-np.inf), box_nm[1]
    )


def _holder(lies: NDArray[np.int8]) -> NDArray[np.int64]:
    """Index of the trunk that holds each tube, -1 for none, from (T, R) how they lie."""
    within = lies == 1
    if within.shape[1] == 0:
        return np.full(len(within), -1, np.int64)
    return np.where(within.any(axis=1), np.argmax(within, axis=1), -1)
