"""Two datasets side by side: one row a statistic, and one number for how different they look."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mitogen.gap.appearance import BANDS, PERCENTILES, Appearance, mean_and_std, wasserstein
from mitogen.gap.morphology import STEPS, profile_name
from mitogen.gap.statistics import Statistics

WITHIN = 0.1
"""A statistic is close if it differs by at most this share of the real one."""

PROFILE_GREY = 8.0
"""Grey levels by which the profile across boundaries may differ at each distance."""

SLOPE = 0.1
"""A slope of the spectrum may always differ by this much: that of white noise is 0, of which 10 % is nothing."""


@dataclass(frozen=True)
class Statistic:
    """What one row of the table is about.

    Attributes:
        name: in CSV and JSON.
        title: for people.
        unit: empty for shares and ratios.
        needs_labels: whether it can only be measured with labels.
        tolerance: absolute difference that is close in any case.
        relative: share of the real value that is close too.
    """

    name: str
    title: str
    unit: str = ""
    needs_labels: bool = False
    tolerance: float = 0.0
    relative: float = WITHIN


def _look(name: str, title: str, unit: str = "", tolerance: float = 0.0) -> Statistic:
    return Statistic(name, title, unit, tolerance=tolerance)


def _labelled(name: str, title: str, unit: str = "") -> Statistic:
    return Statistic(name, title, unit, needs_labels=True)


def _step(step: int) -> Statistic:
    side = "outside" if step < 0 else "inside"
    return Statistic(profile_name(step), f"grey {abs(step)} px {side}", "grey", True, PROFILE_GREY, relative=0.0)


STATISTICS: tuple[Statistic, ...] = (
    _look("grey.mean", "grey, mean", "grey"),
    _look("grey.std", "grey, std", "grey"),
    *(_look(f"grey.p{p:02d}", f"grey, percentile {p}", "grey", tolerance=2.0) for p in PERCENTILES),
    _look("grey.wasserstein", "grey, Wasserstein distance", "grey"),
    _look("noise.sigma", "noise sigma (Immerkaer)", "grey"),
    *(
        _look(f"spectrum.{band}", f"spectral slope, {low:g}-{high:g} cycles/px", tolerance=SLOPE)
        for band, (low, high) in BANDS.items()
    ),
    _look("membrane.share", "membranes (dark lines), share of area"),
    _look("membrane.grey", "membranes, grey", "grey"),
    _look("membrane.width_px", "membranes, width", "px"),
    _labelled("mito.area_fraction", "mitochondria, share of area"),
    _labelled("mito.grey", "mitochondria, grey, mean", "grey"),
    _labelled("mito.grey_std", "mitochondria, grey, std", "grey"),
    _labelled("mito.rim_grey", "mitochondria, grey of the outer 3 px", "grey"),
    _labelled("mito.inside_grey", "mitochondria, grey deeper than 7 px", "grey"),
    _labelled("mito.inside_std", "mitochondria, std deeper than 7 px", "grey"),
    *(_step(step) for step in STEPS),
    _labelled("size.area_px", "profile area, median", "px"),
    _labelled("size.major_px", "profile major axis, median", "px"),
    _labelled("size.minor_px", "profile minor axis, median", "px"),
    _labelled("size.area_um2", "profile area, median", "um2"),
    _labelled("size.major_nm", "profile major axis, median", "nm"),
    _labelled("size.minor_nm", "profile minor axis, median", "nm"),
    _labelled("size.aspect", "profile aspect ratio, median"),
    _labelled("size.aspect_p90", "profile aspect ratio, percentile 90"),
    _labelled("size.elongation", "profile elongation, mean (0 = round)"),
    _labelled("number.per_section", "profiles in an image"),
    _labelled("number.per_um2", "profiles per area", "1/um2"),
)

WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        "grey.mean": 1.0,
        "grey.std": 1.0,
        "grey.wasserstein": 1.0,
        "noise.sigma": 1.0,
        "spectrum.low": 1.0,
        "spectrum.middle": 1.0,
        "spectrum.high": 1.0,
        "membrane.share": 1.0,
        "membrane.grey": 1.0,
        "membrane.width_px": 1.0,
    }
)
"""What each statistic counts in `appearance_distance`. The Wasserstein distance stands for the percentiles."""


@dataclass(frozen=True)
class Row:
    """One statistic of two datasets.

    Attributes:
        statistic: what it is.
        synthetic: its value in the first dataset; for the Wasserstein distance, that between the two.
        real: its value in the second one; for the Wasserstein distance 0.
        tolerance: absolute difference up to which they are close.
    """

    statistic: Statistic
    synthetic: float
    real: float
    tolerance: float

    @property
    def difference(self) -> float:
        """Synthetic minus real."""
        return self.synthetic - self.real

    @property
    def relative(self) -> float | None:
        """The difference as a share of the real value; None if that is 0."""
        return self.difference / abs(self.real) if self.real else None

    @property
    def close(self) -> bool:
        """Whether the difference is within the tolerance."""
        return abs(self.difference) <= self.tolerance


def compare(synthetic: Statistics, real: Statistics) -> list[Row]:
    """Compare two datasets, one row for every statistic that both have."""
    return _compare(synthetic.values(), real.values(), synthetic.appearance, real.appearance)


def compare_appearances(synthetic: Appearance, real: Appearance) -> list[Row]:
    """Compare two sets of plain images, one row for every statistic that needs no labels and that both have."""
    return _compare(synthetic.values(), real.values(), synthetic, real)


def left_out(synthetic: Statistics, real: Statistics) -> dict[str, str]:
    """Say why each statistic that `compare` has no row for is missing: its name -> the reason, for people."""
    there = {row.statistic.name for row in compare(synthetic, real)}
    return {
        statistic.name: _reason(statistic, synthetic, real) for statistic in STATISTICS if statistic.name not in there
    }


def appearance_distance(synthetic: Appearance, real: Appearance) -> float:
    """Measure how different two sets of images look: 0 for the same, 1 where all is just within tolerance.

    The mean over the statistics in `WEIGHTS` of |difference| / tolerance, where the tolerance is that of the table:
    10 % of the real value, but at least 0.1 for a slope; for the Wasserstein distance 10 % of the real standard
    deviation. Statistics that one of the two lacks are left out. Both arguments come from plain images
    (`appearance_of`), so labels cannot have a say in it.
    """
    rows = [row for row in compare_appearances(synthetic, real) if row.statistic.name in WEIGHTS]
    total = sum(WEIGHTS[row.statistic.name] for row in rows)
    return sum(WEIGHTS[row.statistic.name] * _in_tolerances(row) for row in rows) / total


def _compare(
    ours: Mapping[str, float | None], theirs: Mapping[str, float | None], synthetic: Appearance, real: Appearance
) -> list[Row]:
    ours = {**ours, "grey.wasserstein": wasserstein(synthetic.histogram, real.histogram)}
    theirs = {**theirs, "grey.wasserstein": 0.0}
    std = mean_and_std(real.histogram)[1]
    rows = []
    for statistic in STATISTICS:
        a, b = ours.get(statistic.name), theirs.get(statistic.name)
        if a is None or b is None:
            continue
        scale = std if statistic.name == "grey.wasserstein" else abs(b)
        rows.append(Row(statistic, a, b, max(statistic.relative * scale, statistic.tolerance)))
    return rows


def _in_tolerances(row: Row) -> float:
    """Divide the difference by the tolerance; where that is 0 (a constant image), any difference is a large one."""
    return abs(row.difference) / row.tolerance if row.tolerance else 10.0 * bool(row.difference)


def _reason(statistic: Statistic, synthetic: Statistics, real: Statistics) -> str:
    lacking = [one for one in (synthetic, real) if one.values().get(statistic.name) is None]
    reasons = {f"{one.path.name} {_lack(statistic, one)}" for one in lacking}
    return ", ".join(sorted(reasons))


def _lack(statistic: Statistic, one: Statistics) -> str:
    if statistic.needs_labels:
        return "has no labels" if one.morphology is None else "has no mitochondria to measure it on"
    return "has images too small, or without contrast" if "spectrum" in statistic.name else "has no dark lines"
