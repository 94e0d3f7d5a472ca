"""How tubes lie to one another: too close, one within the other, or across its border."""

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled
from mitogen.geometry.tubes import Tubes


def touching(tubes: Tubes, others: Tubes, gap_nm: float) -> NDArray[np.bool_]:
    """Which tubes (T,) come closer than `gap_nm` to one of the others."""
    return _touching(tubes.nodes, tubes.radii, others.nodes, others.radii, float(gap_nm))


def nest(bodies: Tubes, trunks: Tubes, inner_nm: FloatArray, core_nm: FloatArray) -> NDArray[np.int8]:
    """How each body lies to each trunk: 0 outside, 1 within its cytoplasm, -1 across a border.

    Args:
        bodies: (T,) tubes.
        trunks: (R,) tubes.
        inner_nm: (R,) float32 depth under a trunk's surface where its cytoplasm begins.
        core_nm: (R,) float32 depth where its cytoplasm ends, at a nucleus for instance; 0 for no end.

    Returns:
        (T, R) int8.
    """
    return _nest(bodies.nodes, bodies.radii, trunks.nodes, trunks.radii, inner_nm, core_nm)


def roomy(bodies: Tubes, trunks: Tubes, own: NDArray[np.intp], room_nm: float) -> NDArray[np.bool_]:
    """Which bodies (T,) have some room on all sides in the trunk that holds each, where it meets others.

    Trunks that overlap have their common border where they are equally near.

    Args:
        bodies: (T,) tubes.
        trunks: (R,) tubes.
        own: (T,) which trunk holds each body.
        room_nm: how far their surface is to be from that border at least.
    """
    return _roomy(bodies.nodes, bodies.radii, trunks.nodes, trunks.radii, own.astype(np.int64), float(room_nm))


def deepest(trunks: Tubes, points_nm: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Index (N,) of the trunk in which each point (N, 3) lies deepest, and how deep in nm; negative outside all."""
    return _deepest(trunks.nodes, trunks.radii, points_nm.astype(np.float32))


@compiled
def bounds(nodes: FloatArray, radii: FloatArray, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
    """Fill `low` and `high` (3,) with the corners of the box around a tube of nodes (S, 3)."""
    for k in range(3):
        low[k], high[k] = 1e18, -1e18
        for n in range(len(radii)):
            low[k] = min(low[k], nodes[n, k] - radii[n])
            high[k] = max(high[k], nodes[n, k] + radii[n])


@compiled
def apart(
    low: NDArray[np.float64], high: NDArray[np.float64], others_low: NDArray[np.float64],
    others_high: NDArray[np.float64], gap: float,
) -> bool:  # fmt: skip
    """Whether what two boxes hold is certainly further than `gap` from each other."""
    far = False
    for k in range(3):
        far = far or low[k] - others_high[k] > gap or others_low[k] - high[k] > gap
    return far


@compiled
def touch(nodes: FloatArray, radii: FloatArray, others_nodes: FloatArray, others_radii: FloatArray, gap: float) -> bool:
    """Whether two tubes are closer than `gap`; spheres at the nodes and midway between them stand for a tube."""
    half = np.float32(0.5)
    for n in range(2 * len(radii) - 1):
        i = n // 2
        k = i + n % 2
        z = half * (nodes[i, 0] + nodes[k, 0])
        y = half * (nodes[i, 1] + nodes[k, 1])
        x = half * (nodes[i, 2] + nodes[k, 2])
        own = half * (radii[i] + radii[k]) + np.float32(gap)
        for m in range(2 * len(others_radii) - 1):
            i = m // 2
            k = i + m % 2
            dz = z - half * (others_nodes[i, 0] + others_nodes[k, 0])
            dy = y - half * (others_nodes[i, 1] + others_nodes[k, 1])
            dx = x - half * (others_nodes[i, 2] + others_nodes[k, 2])
            close = own + half * (others_radii[i] + others_radii[k])
            if close > 0 and dz * dz + dy * dy + dx * dx < close * close:
                return True
    return False


@compiled
def _touching(
    nodes: FloatArray, radii: FloatArray, others_nodes: FloatArray, others_radii: FloatArray, gap: float
) -> NDArray[np.bool_]:  # fmt: skip
    """Which tubes (T,) touch one of the others."""
    near = np.zeros(len(nodes), np.bool_)
    low, high = np.empty((len(others_nodes), 3)), np.empty((len(others_nodes), 3))
    own_low, own_high = np.empty(3), np.empty(3)
    for b in range(len(others_nodes)):
        bounds(others_nodes[b], others_radii[b], low[b], high[b])
    for a in range(len(nodes)):
        bounds(nodes[a], radii[a], own_low, own_high)
        for b in range(len(others_nodes)):
            if apart(own_low, own_high, low[b], high[b], gap):
                continue
            if touch(nodes[a], radii[a], others_nodes[b], others_radii[b], gap):
                near[a] = True
                break
    return near


@compiled
def _nest(
    nodes: FloatArray, radii: FloatArray, trunk_nodes: FloatArray, trunk_radii: FloatArray, inner: FloatArray,
    core: FloatArray,
) -> NDArray[np.int8]:  # fmt: skip
    """See `nest`; across is a body of which a node is on neither side, with some clearance where the trunk is stiff."""
    clear, clear_within, clear_core = np.float32(40), np.float32(25), np.float32(60)
    found = np.zeros((len(nodes), len(trunk_nodes)), np.int8)
    half = nodes.shape[1] // 2
    own = np.zeros(len(nodes))
    for t in range(len(nodes)):
        for n in range(nodes.shape[1]):
            own[t] = max(own[t], _far(nodes[t, n], nodes[t, half]) + radii[t, n])
    for r in range(len(trunk_nodes)):
        middle = trunk_nodes[r, trunk_nodes.shape[1] // 2]
        extent = 0.0
        for n in range(trunk_nodes.shape[1]):
            extent = max(extent, _far(trunk_nodes[r, n], middle) + trunk_radii[r, n])
        for t in range(len(nodes)):
            if _far(nodes[t, half], middle) > extent + own[t] + clear:
                continue
            outside = within = True
            for n in range(nodes.shape[1]):
                depth = _surface(nodes[t, n], trunk_nodes[r], trunk_radii[r])
                size = radii[t, n]
                # A plain membrane gives way to a body whose middle line stays on one side; myelin and nuclei do not.
                stiff = inner[r] > 0 or core[r] > 0
                outside = outside and depth > (size + clear if stiff else 0)
                within = within and depth < (-(size + clear_within + inner[r]) if stiff else 0)
                within = within and (core[r] == 0 or depth + core[r] > size + clear_core)
            if not outside:
                found[t, r] = 1 if within else -1
    return found


@compiled
def _roomy(
    nodes: FloatArray, radii: FloatArray, trunk_nodes: FloatArray, trunk_radii: FloatArray, own: NDArray[np.int64],
    room: float,
) -> NDArray[np.bool_]:  # fmt: skip
    """See `roomy`; the cheap tests come first, because most trunks are far away."""
    half = trunk_nodes.shape[1] // 2
    extent, found = np.zeros(len(trunk_nodes)), np.ones(len(nodes), np.bool_)
    needed = np.empty(nodes.shape[1])
    for r in range(len(trunk_nodes)):
        for n in range(trunk_nodes.shape[1]):
            extent[r] = max(extent[r], _far(trunk_nodes[r, n], trunk_nodes[r, half]) + trunk_radii[r, n])
    for t in range(len(nodes)):
        middle, reach = nodes[t, nodes.shape[1] // 2], 0.0
        for n in range(nodes.shape[1]):
            # Another trunk must be this far from the node.
            needed[n] = 2 * (radii[t, n] + room) + _surface(nodes[t, n], trunk_nodes[own[t]], trunk_radii[own[t]])
            reach = max(reach, _far(nodes[t, n], middle) + needed[n])
        for r in range(len(trunk_nodes)):
            if r == own[t] or _far(middle, trunk_nodes[r, half]) > extent[r] + reach:
                continue
            for n in range(nodes.shape[1]):
                if _surface(nodes[t, n], trunk_nodes[r], trunk_radii[r]) < needed[n]:
                    found[t] = False
                    break
            if not found[t]:
                break
    return found


@compiled
def _far(a: FloatArray, b: FloatArray) -> float:
    return float(np.sqrt((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2))


@compiled
def _surface(point: FloatArray, nodes: FloatArray, radii: FloatArray) -> float:
    """Signed distance in nm of a point from a tube's surface."""
    nearest = 1e9
    for n in range(len(nodes) - 1):
        squared = dot = 0.0
        for k in range(3):
            squared += (nodes[n + 1, k] - nodes[n, k]) ** 2
            dot += (point[k] - nodes[n, k]) * (nodes[n + 1, k] - nodes[n, k])
        t = min(max(dot / squared, 0.0), 1.0) if squared > 0 else 0.0
        apart = 0.0
        for k in range(3):
            apart += (point[k] - nodes[n, k] - t * (nodes[n + 1, k] - nodes[n, k])) ** 2
        nearest = min(nearest, np.sqrt(apart) - radii[n] - t * (radii[n + 1] - radii[n]))
    return nearest


@compiled
def _deepest(
    nodes: FloatArray, radii: FloatArray, points: FloatArray
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:  # fmt: skip
    trunk, depth = np.zeros(len(points), np.int64), np.full(len(points), -1e9)
    for p in range(len(points)):
        for r in range(len(nodes)):
            inside = -_surface(points[p], nodes[r], radii[r])
            if inside > depth[p]:
                trunk[p], depth[p] = r, inside
    return trunk, depth
