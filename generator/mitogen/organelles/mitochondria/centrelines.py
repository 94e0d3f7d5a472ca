"""The mitochondrion's own coordinates: along its middle line, and two directions across it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled
from mitogen.geometry.tubes import Tubes


class Midlines(NamedTuple):
    """Middle lines of M mitochondria.

    Attributes:
        nodes: (M, S, 3) float32 nodes (z, y, x) in nm.
        tangent: (M, S, 3) float32 unit tangents at the nodes.
        start: (M, S) float32 length of the line up to each node in nm.
        side: (M, 3) float32 unit vectors across it.
    """

    nodes: FloatArray
    tangent: FloatArray
    start: FloatArray
    side: FloatArray


def midlines(tubes: Tubes) -> Midlines:
    """Middle lines of tubes, with tangents that turn evenly from node to node.

    A sphere, whose line has no length, gets any tangent perpendicular to its `side`.
    """
    nodes = tubes.nodes.astype(np.float64)
    steps = np.diff(nodes, axis=1)
    lengths = np.linalg.norm(steps, axis=2)
    start = np.concatenate([np.zeros((len(nodes), 1)), np.cumsum(lengths, axis=1)], axis=1)
    units = steps / np.maximum(lengths, 1e-9)[..., None]
    tangent = np.concatenate([units[:, :1], units[:, 1:] + units[:, :-1], units[:, -1:]], axis=1)
    side = _unit(tubes.side.astype(np.float64), np.array([0.0, 0.0, 1.0]))
    across = np.cross(side, np.eye(3)[np.argmin(np.abs(side), axis=1)])
    round_ones = start[:, -1] < 1.0
    tangent[round_ones] = across[round_ones][:, None]
    # Only the part across the side counts: the three directions are at right angles.
    tangent -= np.sum(tangent * side[:, None], axis=2, keepdims=True) * side[:, None]
    tangent = _unit(tangent, _unit(across, np.array([0.0, 1.0, 0.0]))[:, None])
    return Midlines(*(array.astype(np.float32) for array in (nodes, tangent, start, side)))


def _unit(vectors: NDArray[np.float64], instead: NDArray[np.float64]) -> NDArray[np.float64]:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: NDArray[np.float64] = np.where(length > 1e-6, vectors / np.maximum(length, 1e-9), instead)
    return unit


@compiled
def local_coordinates(
    lines: Midlines, m: int, z: float, y: float, x: float
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:  # fmt: skip
    """Coordinates (a, b, c) of a point, and the z components of their directions.

    A pair of nodes shares a line's bend evenly: planes across the line at the two nodes divide space, and `a` goes
    linearly from one plane to the other. It is therefore continuous, which the nearest point on a chain is not.
    """
    nodes = lines.nodes[m]
    last = len(nodes) - 1
    best, n = 1e30, 0
    for i in range(last + 1):
        d = (z - nodes[i, 0]) ** 2 + (y - nodes[i, 1]) ** 2 + (x - nodes[i, 2]) ** 2
        if d < best:
            best, n = d, i
    middle = lines.tangent[m, n]
    if (z - nodes[n, 0]) * middle[0] + (y - nodes[n, 1]) * middle[1] + (x - nodes[n, 2]) * middle[2] < 0:
        n -= 1
    n = min(max(n, 0), last - 1)
    first, second = lines.tangent[m, n], lines.tangent[m, n + 1]
    before = (z - nodes[n, 0]) * first[0] + (y - nodes[n, 1]) * first[1] + (x - nodes[n, 2]) * first[2]
    after = (nodes[n + 1, 0] - z) * second[0] + (nodes[n + 1, 1] - y) * second[1] + (nodes[n + 1, 2] - x) * second[2]
    length = lines.start[m, n + 1] - lines.start[m, n]
    if (n == 0 and before < 0) or length < 1e-3:
        f, beyond = 0.0, before
    elif n == last - 1 and after < 0:
        f, beyond = 1.0, -after
    else:
        f, beyond = before / max(before + after, 1e-3), 0.0
        f = min(max(f, 0.0), 1.0)
    tz = first[0] + f * (second[0] - first[0])
    ty = first[1] + f * (second[1] - first[1])
    tx = first[2] + f * (second[2] - first[2])
    norm = 1 / max(np.sqrt(tz * tz + ty * ty + tx * tx), 1e-6)
    tz, ty, tx = tz * norm, ty * norm, tx * norm
    sz, sy, sx = lines.side[m, 0], lines.side[m, 1], lines.side[m, 2]
    wz, wy, wx = ty * sx - tx * sy, tx * sz - tz * sx, tz * sy - ty * sz
    vz = z - nodes[n, 0] - f * (nodes[n + 1, 0] - nodes[n, 0])
    vy = y - nodes[n, 1] - f * (nodes[n + 1, 1] - nodes[n, 1])
    vx = x - nodes[n, 2] - f * (nodes[n + 1, 2] - nodes[n, 2])
    a = lines.start[m, n] + f * length + beyond
    return (a, vz * sz + vy * sy + vx * sx, vz * wz + vy * wy + vx * wx), (tz, sz, wz)
