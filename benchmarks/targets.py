"""Published and handed-down statistics of real tissue, and how they stand beside what `mitogen gap` measures.

The numbers came with the reference images, measured by somebody else; `real_statistics.py` checks them.
"""

from collections.abc import Mapping

from mitogen.gap import STATISTICS
from mitogen.gap.comparison import Statistic
from mitogen.gap.morphology import STEPS, profile_name

_ACROSS = {
    "epfl": (136, 136, 137, 139, 139, 138, 134, 126, 112, 104, 100, 98, 97, 99, 103),
    "vnc": (137, 138, 140, 141, 140, 137, 129, 114, 93, 80, 74, 71, 71, 74, 77),
}
"""Grey 8, 7, ... 1 px outside, then 1 to 7 px inside."""

TARGETS: Mapping[str, Mapping[str, float]] = {
    "epfl": {
        "grey.mean": 139,
        "grey.std": 30.5,
        "noise.sigma": 9.3,
        "spectrum.low": -1.6,
        "spectrum.middle": -3.8,
        "spectrum.high": -0.1,
        "membrane.share": 0.22,
        "membrane.grey": 110,
        "mito.area_fraction": 0.053,
        "mito.rim_grey": 101,
        "mito.inside_grey": 114,
        "mito.inside_std": 15,
        "size.area_px": 3081,
        "size.major_px": 75,
        "size.minor_px": 49,
        "size.aspect": 1.5,
        "size.aspect_p90": 2.7,
        "number.per_section": 15.9,
        **{profile_name(step): grey for step, grey in zip(STEPS, _ACROSS["epfl"], strict=True)},
    },
    "vnc": {
        "grey.mean": 129,
        "grey.std": 54.7,
        "noise.sigma": 5.6,
        "spectrum.low": -1.6,
        "spectrum.middle": -2.3,
        "spectrum.high": -4.9,
        "mito.area_fraction": 0.054,
        "mito.grey": 86,
        "mito.grey_std": 40,
        "number.per_section": 20,
        **{profile_name(step): grey for step, grey in zip(STEPS, _ACROSS["vnc"], strict=True)},
    },
}
"""Name of a real dataset, as of its importer -> statistic -> target."""

STATISTIC: Mapping[str, Statistic] = {statistic.name: statistic for statistic in STATISTICS}


def beside(name: str, value: float | None, wanted: float | None) -> str:
    """Write how far `value` is from `wanted`, bold if too far: the relative difference, across boundaries in grey."""
    if value is None or wanted is None:
        return ""
    statistic, difference = STATISTIC[name], value - wanted
    close = abs(difference) <= max(statistic.relative * abs(wanted), statistic.tolerance)
    absolute = statistic.relative == 0 or wanted == 0
    text = f"{difference:+.1f}" if absolute else f"{difference / abs(wanted):+.0%}"
    return text if close else f"**{text}**"
