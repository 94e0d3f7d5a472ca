"""What belongs to the big tubes: the myelin around an axon, the nucleus within a cell body."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mitogen.canvas import Canvas
from mitogen.fields import Waves
from mitogen.parts import Part
from mitogen.profiles import inside
from mitogen.shapes import TubeMap


def draw_myelin(
    canvas: Canvas, tubes: TubeMap, sheath_nm: NDArray[np.float32], drawn: Mapping[str, float], ripple: Waves
) -> None:
    """Draw the sheath: a spiral of membranes, seen as dark lamellae, from a tube's surface inwards.

    Args:
        canvas: its density is changed in place; pixels of the sheath are no longer free.
        tubes: the section's map of the big tubes.
        sheath_nm: (T,) float32 thickness of each tube's sheath; 0 for tubes without one.
        drawn: the image's numbers.
        ripple: a field that makes the lamellae uneven.
    """
    at = np.flatnonzero((tubes.nearest >= 0) & (tubes.distance < 30))
    at = at[sheath_nm[tubes.nearest.reshape(-1)[at]] > 0]
    if at.size == 0:
        return
    depth = -tubes.distance.reshape(-1)[at]
    thickness = sheath_nm[tubes.nearest.reshape(-1)[at]]
    reach = canvas.reach(tubes.normal_z.reshape(-1)[at])
    uneven = canvas.on_section(ripple).reshape(-1)[at]
    within = inside(-depth, reach) * inside(depth - thickness, reach)
    period = np.float32(drawn["myelin.period_nm"])
    visible = np.exp(-((2 * reach / period) ** 2))
    stripes = np.cos(2 * np.pi * (depth + 0.6 * period * uneven) / period) * visible
    stain = drawn["myelin.density"] + drawn["myelin.lamellae"] * stripes + drawn["myelin.unevenness"] * uneven
    canvas.cover(within.astype(np.float32), stain.astype(np.float32), at, Part.MYELIN)
    canvas.free.reshape(-1)[at[(depth > -10) & (depth < thickness + 10)]] = False


def draw_nuclei(
    canvas: Canvas,
    tubes: TubeMap,
    depth_nm: NDArray[np.float32],
    drawn: Mapping[str, float],
    fields: tuple[Waves, Waves],
) -> None:
    """Draw a nucleus in each cell body: double envelope, pale chromatin with dark clumps, most of them at the envelope.

    Args:
        canvas: its density is changed in place; pixels of a nucleus are no longer free.
        tubes: the section's map of the big tubes.
        depth_nm: (T,) float32 depth of the envelope under each tube's surface; 0 for tubes without a nucleus.
        drawn: the image's numbers.
        fields: a coarse and a fine field for the chromatin.
    """
    at = np.flatnonzero(tubes.nearest >= 0)
    at = at[depth_nm[tubes.nearest.reshape(-1)[at]] > 0]
    s = tubes.distance.reshape(-1)[at] + depth_nm[tubes.nearest.reshape(-1)[at]]
    at, s = at[s < 60], s[s < 60]
    if at.size == 0:
        return
    coarse = canvas.on_section(fields[0]).reshape(-1)[at]
    fine = canvas.on_section(fields[1]).reshape(-1)[at]
    s = s + 25 * coarse
    reach = canvas.reach(tubes.normal_z.reshape(-1)[at])
    clumped = 1 / (1 + np.exp(-3 * (coarse + 0.8 * fine - 1.2 + 2.0 * np.exp(np.minimum(s, 0) / 80))))
    stain = drawn["nuclei.density"] + drawn["nuclei.chromatin"] * clumped + 1.2 * canvas.grain.reshape(-1)[at]
    canvas.cover(inside(s, reach), stain.astype(np.float32), at, Part.NUCLEUS)
    for middle in (0.0, 30.0):
        canvas.cover_layer(
            s, reach, (middle - 4, middle + 4), drawn["cells.membrane_density"] * 0.9, at, Part.NUCLEAR_ENVELOPE
        )
    canvas.free.reshape(-1)[at[s < 40]] = False
