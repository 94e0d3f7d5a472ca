"""Tubes that bend the membranes around them: what is wider than its cell bulges it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled
from mitogen.geometry.tubes import TubeMap
from mitogen.tissue.canvas import Space


class _Tubes(NamedTuple):
    """The arrays of a `TubeMap`, for compiled loops."""

    distance: FloatArray
    nearest: NDArray[np.int32]
    second_distance: FloatArray
    second: NDArray[np.int32]
    normal_z: FloatArray


def push(space: Space, tubes: TubeMap, host: NDArray[np.int32], gap_nm: float | FloatArray) -> None:
    """Let each tube claim the space within `gap_nm` of it for its host cell, bending the plasma membranes around it.

    The result is the union of the host and the tube's surroundings, so a mitochondrion wider than its neurite bulges
    it, and a tube that is a cell of its own has a smooth membrane.

    Args:
        space: which cell is where, changed in place.
        tubes: the tubes on this section; must reach at least `gap_nm` + 60 nm beyond their surfaces.
        host: (T,) int32 index of each tube's cell.
        gap_nm: distance between the tube's surface and the middle of the gap between the cells, one or (Y, X) float32.
    """
    gap = gap_nm if isinstance(gap_nm, np.ndarray) else np.full(space.owner.shape, gap_nm, np.float32)
    arrays = _Tubes(tubes.distance, tubes.nearest, tubes.second_distance, tubes.second, tubes.normal_z)
    _push(space, arrays, host, gap)


@compiled
def _push(space: Space, tubes: _Tubes, host: NDArray[np.int32], gap: FloatArray) -> None:
    owner, neighbour, membrane, membrane_z = space.owner, space.neighbour, space.membrane, space.membrane_z
    tube_distance, nearest, normal_z = tubes.distance, tubes.nearest, tubes.normal_z
    second_distance, second = tubes.second_distance, tubes.second
    for i in range(owner.shape[0]):
        for j in range(owner.shape[1]):
            if nearest[i, j] < 0:
                continue
            mine = host[nearest[i, j]]
            distance, other = tube_distance[i, j] - gap[i, j], owner[i, j]
            theirs = host[second[i, j]] if second[i, j] >= 0 else mine
            # Between two tubes of different cells the membrane runs midway.
            between = np.float32(0.5) * (tube_distance[i, j] - second_distance[i, j])
            if theirs != mine and between > distance:
                distance, other = between, theirs
            at_home = owner[i, j] == mine
            own = np.float32(1e4)
            if at_home:
                own = -membrane[i, j]
            elif neighbour[i, j] == mine:
                own = membrane[i, j]
            from_tube = distance < own
            union = min(own, distance)
            claimed = union < 0
            if not ((from_tube and abs(union) < membrane[i, j]) or (claimed and (from_tube or not at_home))):
                continue
            if not claimed:
                neighbour[i, j] = mine
            elif not at_home:
                neighbour[i, j], owner[i, j] = other, mine
            if from_tube:
                membrane_z[i, j] = normal_z[i, j]
            membrane[i, j] = abs(union)
