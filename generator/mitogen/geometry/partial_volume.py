"""What a section of finite thickness shows of a thin layer, in closed form.

Within a section, the signed distance to a smooth surface changes linearly: by `n_z` nm for every nm of depth, `n_z`
being the z component of the surface normal. A pixel therefore averages a layer over distances `s - h .. s + h`, where
`h` grows with obliqueness: a membrane cut across is a sharp line, one cut at a grazing angle a broad smear.
"""

import numpy as np

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled


def reach_nm(normal_z: FloatArray, thickness_nm: float, pixel_nm: float) -> FloatArray:
    """Half the range of distances `h` in nm that one pixel averages over.

    Args:
        normal_z: z component of the surface normal, -1 to 1, any shape.
        thickness_nm: section thickness.
        pixel_nm: pixel size.
    """
    oblique = np.abs(normal_z)
    in_plane = np.sqrt(np.maximum(1 - oblique * oblique, 0))
    half: FloatArray = (0.5 * (thickness_nm * oblique + pixel_nm * in_plane)).astype(np.float32)
    return half


def layer(
    distance_nm: FloatArray, reach: FloatArray, centre_nm: float | FloatArray, half_width_nm: float
) -> FloatArray:
    """Share of a pixel (0-1) filled by the layer of points within `half_width_nm` of distance `centre_nm`.

    `distance_nm` is the signed distance at the pixel's centre, `reach` comes from `reach_nm`.
    """
    offset = distance_nm - centre_nm
    upper = np.clip(offset + reach, -half_width_nm, half_width_nm)
    lower = np.clip(offset - reach, -half_width_nm, half_width_nm)
    share: FloatArray = (upper - lower) / (2 * reach)
    return share


def inside(distance_nm: FloatArray, reach: FloatArray) -> FloatArray:
    """Share of a pixel (0-1) at negative distance."""
    share: FloatArray = np.clip(0.5 - distance_nm / (2 * reach), 0, 1)
    return share


@compiled
def reach_at(normal_z: float, thickness_nm: float, pixel_nm: float) -> float:
    """As `reach_nm`, for one pixel within a compiled loop."""
    oblique = min(abs(normal_z), 1.0)
    return float(0.5 * (thickness_nm * oblique + pixel_nm * np.sqrt(1 - oblique * oblique)))


@compiled
def inside_at(distance_nm: float, reach: float) -> float:
    """As `inside`, for one pixel within a compiled loop."""
    return min(max(0.5 - distance_nm / (2 * reach), 0.0), 1.0)


@compiled
def layer_at(distance_nm: float, reach: float, lower_nm: float, upper_nm: float) -> float:
    """As `layer`, between two distances, for one pixel within a compiled loop."""
    upper = min(max(distance_nm + reach, lower_nm), upper_nm)
    lower = min(max(distance_nm - reach, lower_nm), upper_nm)
    return (upper - lower) / (2 * reach)
