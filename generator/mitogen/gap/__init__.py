"""How two datasets differ: image statistics of both, a table, plots, and one label-free distance.

    from mitogen.gap import compare, measure

    rows = compare(measure(Path("train.h5")), measure(Path("real.h5")))

`appearance_distance(appearance_of(images), appearance_of(real_images))` compares plain images, without labels.
"""

from mitogen.gap.appearance import Appearance, appearance_of
from mitogen.gap.comparison import STATISTICS, Row, appearance_distance, compare
from mitogen.gap.sections import Sampling
from mitogen.gap.statistics import Statistics, measure

__all__ = [
    "STATISTICS",
    "Appearance",
    "Row",
    "Sampling",
    "Statistics",
    "appearance_distance",
    "appearance_of",
    "compare",
    "measure",
]
