"""Where the cristae of a mitochondrion lie: compiled loops over the pixels that the mitochondria cover.

All geometry is in the mitochondrion's own coordinates: `a` along its middle line, `b` along its `side` vector, `c`
along the third direction. Each form of crista is a periodic arrangement in them, so every section of a volume shows the
same cristae, and each crista takes its own width, extent and place from a hash of its number.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.hashing import mix
from mitogen.geometry.jit import compiled
from mitogen.organelles.mitochondria.centrelines import Midlines, local_coordinates

LAMELLAR, TUBULAR, VESICULAR, CONCENTRIC = range(4)
"""Forms of cristae: sheets; tubes; vesicles; sheets that follow the outline."""

SLOTS = 8
"""How many domains of a mitochondrion differ, a power of two; a longer one repeats them."""
LAST = SLOTS - 1


class Pattern(NamedTuple):
    """The cristae of M mitochondria, each of which has `SLOTS` domains that differ; lengths in nm.

    Attributes:
        key: (M,) uint64 names the mitochondrion.
        domain: (M, 3) float32 direction (a, b, c) in which one domain follows another.
        domain_nm: (M,) float32 mean length of a domain.
        shift: (M, SLOTS) float32 where each begins relative to even spacing, in units of that length.
        form: (M, SLOTS) int64 form of the cristae.
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
    form: NDArray[np.int64]
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


@compiled
def find_cristae(
    lines: Midlines, pattern: Pattern, habit: Habit, body: NDArray[np.int64],
    points: tuple[float, FloatArray, FloatArray], depth: FloatArray, normal_z: FloatArray,
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:  # fmt: skip
    """Find how much of each pixel cristae cover.

    Args:
        lines: the middle lines of M mitochondria.
        pattern: their cristae.
        habit: what all cristae share.
        body: (N,) which mitochondrion each pixel belongs to.
        points: z, (N,) y and (N,) x of the pixels in nm.
        depth: (N,) depth of each pixel below the inner face of the inner membrane in nm.
        normal_z: (N,) z component of the normal of the outline.

    Returns:
        (N,) float32 shares of cristae and of their lumen, the latter contained in the former, and (N,) bool whether the
        pixel's centre lies in a crista.
    """
    covered = np.zeros(body.size, np.float32)
    lumen = np.zeros(body.size, np.float32)
    within = np.zeros(body.size, np.bool_)
    z, ys, xs = points
    for p in range(body.size):
        m = body[p]
        if depth[p] < -habit.through:
            continue
        place, facing = local_coordinates(lines, m, z, ys[p], xs[p])
        slot, room = _domain(pattern, m, place)
        room = min(room, pattern.rim[m] - depth[p])
        form = pattern.form[m, slot]
        if form in (LAMELLAR, CONCENTRIC):
            v, nz, room, wide = _sheet(pattern, habit, (m, slot), place, facing, (depth[p], normal_z[p]), room)
        elif form == TUBULAR:
            v, nz, room, wide = _tube(pattern, habit, (m, slot), place, facing, depth[p], room)
        else:
            v, nz, room, wide = _vesicle(pattern, habit, m, place, facing, depth[p], room)
        if room <= 0:
            continue
        outer = (0.5 * wide + habit.membrane) * _narrowing(room, habit.taper)
        inner = 0.5 * wide * _narrowing(room - habit.membrane, habit.taper)
        reach = 0.5 * (habit.thickness * abs(nz) + habit.pixel * np.sqrt(max(1 - nz * nz, 0.0)))
        covered[p] = _share(v, reach, outer)
        lumen[p] = _share(v, reach, inner)
        within[p] = abs(v) <= max(outer, 0.5 * habit.pixel)
    return covered, lumen, within


@compiled
def _domain(pattern: Pattern, m: int, place: tuple[float, float, float]) -> tuple[int, float]:
    """Which domain a point is in, modulo `SLOTS`, and its distance in nm from the next one."""
    a, b, c = place
    d = pattern.domain[m]
    size = pattern.domain_nm[m]
    # The boundary between two domains is curved.
    across = (b - c) / size
    position = (a * d[0] + b * d[1] + c * d[2]) / size + pattern.phase[m, 0] + 0.12 * _swing(0.8 * across)
    i = int(np.floor(position))
    shift = pattern.shift[m]
    if position < i + shift[i & LAST]:
        i -= 1
    elif position >= i + 1 + shift[(i + 1) & LAST]:
        i += 1
    lower, upper = i + shift[i & LAST], i + 1 + shift[(i + 1) & LAST]
    return i & LAST, min(position - lower, upper - position) * size - 5.0


@compiled
def _sheet(
    pattern: Pattern, habit: Habit, domain: tuple[int, int], place: tuple[float, float, float],
    facing: tuple[float, float, float], outline: tuple[float, float], room: float,
) -> tuple[float, float, float, float]:  # fmt: skip
    """Distance from the nearest sheet, its normal_z, distance from its edge within it, and width of its lumen."""
    m, slot = domain
    form, frame = pattern.form[m, slot], pattern.frame[m, slot]
    spacing = pattern.spacing[m]
    phase = pattern.phase[m]
    p, q = _dot(frame[1], place), _dot(frame[2], place)
    k = 1 / habit.wave
    depth, outline_z = outline
    if form == CONCENTRIC:
        along = depth + 0.5 * pattern.bend[m] * _swing(k * p + phase[1]) * _swing(0.8 * k * q + phase[2])
        slope, nz = 0.0, outline_z
    else:
        along = _dot(frame[0], place)
        # Neighbours bend nearly in parallel.
        first, second = k * p + phase[1] + 0.0006 * along, 0.6 * k * (p + 1.5 * q) + phase[2]
        along += pattern.bend[m] * (_swing(first) + 0.5 * _swing(second))
        steep, gentle = k * _swing_slope(first), 0.3 * k * _swing_slope(second)
        slope_p, slope_q = pattern.bend[m] * (steep + gentle), pattern.bend[m] * 1.5 * gentle
        slope = slope_p * slope_p + slope_q * slope_q
        nz = _dot(frame[0], facing) + slope_p * _dot(frame[1], facing) + slope_q * _dot(frame[2], facing)
        nz /= np.sqrt(1 + slope)
    position = along / spacing + phase[0]
    i = int(np.floor(position))
    v, state = 1e9, np.uint64(0)
    for step in range(2):
        number = _hash(pattern.key[m], i + step, 0, 0)
        distance = (position - i - step - 0.35 * (_part(number, 0) - 0.5)) * spacing
        if abs(distance) < abs(v):
            v, state = distance, number
    v /= np.sqrt(1 + slope)
    # Where along itself this sheet is interrupted.
    turn, other = _part(state, 1), _part(state, 2)
    k = 1 / habit.extent
    wave = _swing(k * p + turn) + 0.7 * _swing(0.8 * k * (q + 0.5 * p) + other)
    room = min(room, (pattern.level[m] - wave) / (6 * k))
    if form == LAMELLAR:
        joined = 0.5 + 0.5 * _swing(p / 300 + other) * _swing(q / 370 + turn)
        room = min(room, depth - _rim(habit, joined))
    # Many are narrow and a few wide, and each is widest in its middle.
    rare = _part(state, 3)
    wide = pattern.lumen[m] * np.exp(habit.lumen_spread * (2.5 * rare * rare - 0.8) - 0.2 * wave)
    return v, nz, room, min(wide, 0.8 * spacing)


@compiled
def _tube(
    pattern: Pattern, habit: Habit, domain: tuple[int, int], place: tuple[float, float, float],
    facing: tuple[float, float, float], depth: float, room: float,
) -> tuple[float, float, float, float]:  # fmt: skip
    """The same of the nearest tube: distance from its axis, normal_z, distance from its end, width of its lumen."""
    m, slot = domain
    frame = pattern.frame[m, slot]
    phase = pattern.phase[m]
    wide = max(pattern.lumen[m], 8.0)
    spacing = max(pattern.spacing[m], 1.3 * wide + 2 * habit.membrane)
    q = _dot(frame[0], place)
    k = 1 / habit.wave
    x1 = (_dot(frame[1], place) + pattern.bend[m] * _swing(k * q + phase[1])) / spacing + phase[0]
    x2 = (_dot(frame[2], place) + pattern.bend[m] * _swing(0.8 * k * q + phase[2])) / spacing
    i, j = int(np.floor(x1)), int(np.floor(x2))
    state = _hash(pattern.key[m], i, j, 1)
    wide *= 0.8 + 0.5 * _part(state, 0)
    # Each tube stays within its own cell of the lattice.
    jitter = max(1 - (wide + 2 * habit.membrane) / spacing, 0.0)
    d1 = (x1 - i - 0.5 - jitter * (_part(state, 1) - 0.5)) * spacing
    d2 = (x2 - j - 0.5 - jitter * (_part(state, 2) - 0.5)) * spacing
    v = np.sqrt(d1 * d1 + d2 * d2)
    nz = (d1 * _dot(frame[1], facing) + d2 * _dot(frame[2], facing)) / max(v, 1e-3)
    turn = _part(state, 3)
    k = 1 / habit.extent
    room = min(room, (pattern.level[m] - 1.7 * _swing(k * q + turn)) / (6 * k))
    room = min(room, depth - _rim(habit, 0.5 + 0.5 * _swing(q / 270 + 2 * turn)))
    return v, nz, room, wide


@compiled
def _vesicle(
    pattern: Pattern, habit: Habit, m: int, place: tuple[float, float, float], facing: tuple[float, float, float],
    depth: float, room: float,
) -> tuple[float, float, float, float]:  # fmt: skip
    """The same of the nearest vesicle: distance from its centre and so on."""
    wide = max(1.6 * pattern.lumen[m], 18.0)
    spacing = max(pattern.spacing[m], 1.5 * wide + 2 * habit.membrane)
    phase = pattern.phase[m]
    a, b, c = place[0] / spacing + phase[0], place[1] / spacing + phase[1], place[2] / spacing + phase[2]
    i, j, k = int(np.floor(a)), int(np.floor(b)), int(np.floor(c))
    state = _hash(pattern.key[m], i, j, k)
    wide *= 0.7 + 0.8 * _part(state, 0)
    jitter = max(1 - (wide + 2 * habit.membrane) / spacing, 0.0)
    a = (a - i - 0.5 - jitter * (_part(state, 1) - 0.5)) * spacing
    b = (b - j - 0.5 - jitter * (_part(state, 2) - 0.5)) * spacing
    c = (c - k - 0.5 - jitter * (_part(state, 3) - 0.5)) * spacing
    v = np.sqrt(a * a + b * b + c * c)
    nz = (a * facing[0] + b * facing[1] + c * facing[2]) / max(v, 1e-3)
    present = _part(mix(state), 0)
    room = min(room, (pattern.level[m] - 3.4 * (present - 0.5)) * habit.extent)
    return v, nz, min(room, depth), wide


@compiled
def _hash(key: np.uint64, i: int, j: int, k: int) -> np.uint64:
    """Hash of the crista number (i, j, k) of a mitochondrion."""
    number = np.uint64(i + 65536) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(j + 65536) * np.uint64(0xC2B2AE3D27D4EB4F)
    return mix(key ^ (number + np.uint64(k + 65536) * np.uint64(0x165667B19E3779F9)))


@compiled
def _part(state: np.uint64, which: int) -> float:
    """One of four independent numbers in 0-1, of 16 bits, from a hash."""
    return float((state >> np.uint64(16 * which)) & np.uint64(0xFFFF)) / 65536.0


@compiled
def _swing(turns: float) -> float:
    """A wave of period 1 between -1 and 1, made of parabolas; a sine would do as well and take four times as long."""
    f = float(turns - np.floor(turns) - 0.5)
    return f * (16 * abs(f) - 8)


@compiled
def _swing_slope(turns: float) -> float:
    """Its derivative."""
    f = float(turns - np.floor(turns) - 0.5)
    return 32 * abs(f) - 8


@compiled
def _rim(habit: Habit, number: float) -> float:
    """Depth below the inner membrane at which a crista ends; negative where it is joined to it."""
    joined = min(max((habit.junctions - number) / 0.12 + 0.5, 0.0), 1.0)
    return habit.tip_gap - joined * (habit.tip_gap + habit.through)


@compiled
def _narrowing(room: float, taper: float) -> float:
    """Width relative to the full one, at `room` nm from the end: an elliptic tip."""
    open_part = 1 - min(max(room / taper, 0.0), 1.0)
    return float(np.sqrt(1 - open_part * open_part))


@compiled
def _share(distance: float, reach: float, half_width: float) -> float:
    """Share of a pixel within `half_width` of a surface; see `partial_volume.layer`."""
    upper = min(max(distance + reach, -half_width), half_width)
    lower = min(max(distance - reach, -half_width), half_width)
    return (upper - lower) / (2 * max(reach, 1e-3))


@compiled
def _dot(vector: FloatArray, place: tuple[float, float, float]) -> float:
    return float(vector[0] * place[0] + vector[1] * place[1] + vector[2] * place[2])
