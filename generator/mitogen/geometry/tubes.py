"""Signed distances in nm of bent tubes: mitochondria, neurites, myelinated axons and cell bodies are all tubes.

A tube is a chain of cones with round joints (a sphere is a chain of length zero). Negative distances lie inside.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled

FAR_NM = np.float32(1e6)
"""Distance of a pixel that no tube reaches."""


@dataclass(frozen=True, eq=False)
class Tubes:
    """A set of tubes.

    Attributes:
        nodes: (T, S, 3) float32: S nodes (z, y, x) in nm along the middle of each tube.
        radii: (T, S) float32: radius at each node in nm.
        side: (T, 3) float32: a unit vector across each tube, from which its inner coordinate is measured.
    """

    nodes: FloatArray
    radii: FloatArray
    side: FloatArray

    def __len__(self) -> int:
        return len(self.nodes)

    def take(self, which: NDArray[np.intp]) -> "Tubes":
        """The tubes with these indices."""
        return Tubes(self.nodes[which], self.radii[which], self.side[which])

    def put(self, where: NDArray[np.intp], others: "Tubes") -> "Tubes":
        """These tubes, with others in some places."""
        nodes, radii, side = self.nodes.copy(), self.radii.copy(), self.side.copy()
        nodes[where], radii[where], side[where] = others.nodes, others.radii, others.side
        return Tubes(nodes, radii, side)

    def shortened(self, good: NDArray[np.bool_], group: NDArray[np.int32]) -> "Tubes":
        """These tubes, each shortened to its longest run of nodes that are good and of one group; (T, S) each.

        A tube without a good node stays as it is. Nodes that go come to lie on the last one that stays.
        """
        first, last = _runs(good, group)
        at = np.clip(np.arange(good.shape[1])[None], first[:, None], last[:, None])
        rows = np.arange(len(self))[:, None]
        return Tubes(self.nodes[rows, at], self.radii[rows, at], self.side)

    def join(self, others: "Tubes") -> "Tubes":
        """These tubes and others that have as many nodes."""
        return Tubes(
            np.concatenate([self.nodes, others.nodes]), np.concatenate([self.radii, others.radii]),
            np.concatenate([self.side, others.side]),
        )  # fmt: skip

    def distance_from(self, points_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance (N,) of points (N, 3) from the nearest surface in nm, negative inside; large if there is none."""
        return _distances(self.nodes, self.radii, points_nm.astype(np.float64))[0]

    def normal_at(self, points_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Unit vectors (N, 3) from the middle of the nearest tube to points (N, 3)."""
        return _distances(self.nodes, self.radii, points_nm.astype(np.float64))[1]

    def reaching(self, box_nm: tuple[NDArray[np.float64], NDArray[np.float64]]) -> NDArray[np.bool_]:
        """Which tubes (T,) may reach into a box; a few that just miss it are among them."""
        low, high = box_nm
        piece = np.sqrt(np.max(np.sum(np.diff(self.nodes, axis=1) ** 2, axis=2), axis=1, initial=0.0)) / 2
        apart = np.maximum(np.maximum(low - self.nodes, self.nodes - high), 0)
        near: NDArray[np.bool_] = np.any(np.sqrt(np.sum(apart**2, axis=2)) <= self.radii + piece[:, None], axis=1)
        return near


class TubeMap(NamedTuple):
    """What the pixels of one section see of a set of tubes; every array (Y, X).

    Attributes:
        distance: float32 signed distance in nm to the nearest tube, `FAR_NM` where none is within reach.
        nearest: int32 index of that tube, -1 where none is within reach.
        second_distance: float32 signed distance in nm to the next nearest tube.
        second: int32 index of that tube or -1.
        normal_z: float32 z component of the nearest surface's normal.
    """

    distance: FloatArray
    nearest: NDArray[np.int32]
    second_distance: FloatArray
    second: NDArray[np.int32]
    normal_z: FloatArray

    def nearest_only(self) -> "TubeMap":
        """The same without the next nearest tubes, whose arrays have no size: large images take much memory."""
        return self._replace(second_distance=np.zeros((0, 0), np.float32), second=np.zeros((0, 0), np.int32))


def bend(
    centre: NDArray[np.float64],
    direction: NDArray[np.float64],
    turn: NDArray[np.float64],
    length_nm: NDArray[np.float64],
    curvature: NDArray[np.float64],
    nodes: int,
) -> NDArray[np.float64]:
    """Middle lines (N, nodes, 3): circular arcs through `centre` along `direction`.

    Args:
        centre: (N, 3) middle of each line in nm.
        direction: (N, 3) unit tangent there.
        turn: (N, 3) any vector not parallel to `direction`: the line bends towards it.
        length_nm: (N,) length of each line.
        curvature: (N,) total angle in rad by which it turns.
        nodes: number of nodes on each line.
    """
    return _arcs(centre, direction, turn, length_nm, curvature, nodes)


@compiled
def _arcs(
    centre: NDArray[np.float64], direction: NDArray[np.float64], turn: NDArray[np.float64],
    length: NDArray[np.float64], curvature: NDArray[np.float64], nodes: int,
) -> NDArray[np.float64]:  # fmt: skip
    line = np.empty((len(centre), nodes, 3))
    for n in range(len(centre)):
        arc(centre[n], direction[n], turn[n], length[n], curvature[n], line[n])
    return line


@compiled
def arc(
    centre: NDArray[np.float64], direction: NDArray[np.float64], turn: NDArray[np.float64], length: float,
    curvature: float, line: NDArray[np.float64],
) -> None:  # fmt: skip
    """As `bend`, for one line (nodes, 3) within a compiled loop."""
    along = norm = 0.0
    for k in range(3):
        along += turn[k] * direction[k]
    for k in range(3):
        norm += (turn[k] - along * direction[k]) ** 2
    norm = max(np.sqrt(norm), 1e-9)
    whole = curvature if abs(curvature) >= 1e-3 else 1e-3
    radius = length / whole
    for node in range(len(line)):
        angle = whole * (node / (len(line) - 1) - 0.5)
        forward, sideways = radius * np.sin(angle), radius * (1 - np.cos(angle)) / norm
        for k in range(3):
            line[node, k] = centre[k] + forward * direction[k] + sideways * (turn[k] - along * direction[k])


@compiled
def _runs(good: NDArray[np.bool_], group: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last node (T,) of the longest run of each tube; the first one and the last where there is none."""
    count, nodes = good.shape
    first, last = np.zeros(count, np.int64), np.full(count, nodes - 1)
    for tube in range(count):
        longest = start = 0
        for n in range(nodes):
            if not good[tube, n]:
                start = n + 1
                continue
            if n > start and group[tube, n] != group[tube, n - 1]:
                start = n
            if n + 1 - start > longest:
                longest = n + 1 - start
                first[tube], last[tube] = start, n
    return first, last


@compiled
def _distances(
    nodes: FloatArray, radii: FloatArray, points: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance (N,) from the nearest surface, and unit vectors (N, 3) away from the middle of its tube."""
    distance, away = np.full(len(points), 1e6), np.zeros((len(points), 3))
    step, offset = np.empty(3), np.empty(3)
    for p in range(len(points)):
        for tube in range(len(nodes)):
            for n in range(nodes.shape[1] - 1):
                squared = along = 0.0
                for k in range(3):
                    step[k] = nodes[tube, n + 1, k] - nodes[tube, n, k]
                    offset[k] = points[p, k] - nodes[tube, n, k]
                    squared += step[k] * step[k]
                    along += step[k] * offset[k]
                t = min(max(along / squared, 0.0), 1.0) if squared > 0 else 0.0
                length = 0.0
                for k in range(3):
                    offset[k] -= t * step[k]
                    length += offset[k] * offset[k]
                length = np.sqrt(length)
                own = length - (radii[tube, n] + t * (radii[tube, n + 1] - radii[tube, n]))
                if own < distance[p]:
                    distance[p] = own
                    for k in range(3):
                        away[p, k] = offset[k] / max(length, 1e-9)
    return distance, away
