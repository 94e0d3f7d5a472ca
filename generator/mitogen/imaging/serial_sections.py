"""What differs from section to section of a stack: place, contrast, brightness, and sections that were lost.

The first section is never touched: a single image is the first section of the volume at the same place.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.point_process import StreamOf

# Misalignment is cut off at this many standard deviations.
_REACH = 3.0


def jitter_nm(streams: StreamOf, params: Mapping[str, float], section: int) -> tuple[float, float]:
    """How far a section is out of line with the first one: (y, x) in nm, to be added to the places of its pixels.

    The scene itself is cut there, so that tissue and labels move together and nothing is resampled. What alignment
    leaves is independent from section to section, with a standard deviation of `stack.jitter_nm` along each axis.

    Source: Lee, Zung, Li, Jain and Seung, Superhuman accuracy on the SNEMI3D connectomics challenge, arXiv 1706.00120
    (2017), who train on misaligned sections; Saalfeld et al., Nature Methods 9 (2012), on what alignment leaves.
    """
    if section == 0 or params["stack.jitter_nm"] <= 0:
        return 0.0, 0.0
    y, x = np.clip(streams(f"jitter/{section}").standard_normal(2), -_REACH, _REACH) * params["stack.jitter_nm"]
    return float(y), float(x)


def jitter_reach_nm(params: Mapping[str, float]) -> float:
    """The farthest that `jitter_nm` moves a section along one axis: so far around the image a scene must be built."""
    return _REACH * params["stack.jitter_nm"]


def fade(grey: FloatArray, params: Mapping[str, float], rng: np.random.Generator) -> FloatArray:
    """Change the brightness of a section by `stack.flicker` (standard deviation), and make some low in contrast.

    A share `stack.low_contrast_share` of the sections keeps the part `stack.low_contrast` of its contrast around the
    mean grey level.

    Source: Funke et al., IEEE Transactions on Pattern Analysis and Machine Intelligence 41 (2019), who train on
    sections of low contrast.
    """
    u, brighter = rng.random(), rng.standard_normal()
    if u < params["stack.low_contrast_share"]:
        mean = np.float32(grey.mean())
        grey = mean + np.float32(params["stack.low_contrast"]) * (grey - mean)
    changed: FloatArray = grey + np.float32(params["stack.flicker"] * brighter)
    return changed


def lose_sections(raw: NDArray[np.uint8], params: Mapping[str, float], streams: StreamOf) -> None:
    """Replace a share `stack.missing_share` of the sections of `raw` (Z, Y, X) in place; labels stay as they are.

    The share `stack.copied_share` of them shows the section before again, as alignment programs fill gaps; the others
    are empty frames, black or white. Labels tell what would have been there, as annotators interpolate.

    Source: Funke et al., IEEE Transactions on Pattern Analysis and Machine Intelligence 41 (2019), who train on
    missing sections.
    """
    if params["stack.missing_share"] <= 0:
        return
    for section in range(1, len(raw)):
        lost, filled, colour = streams(f"missing/{section}").random(3)
        if lost < params["stack.missing_share"]:
            raw[section] = raw[section - 1] if filled < params["stack.copied_share"] else 255 * (colour < 0.5)
