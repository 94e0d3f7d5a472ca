"""What a row of the table of knobs is; see `knob_rows`."""

from typing import NamedTuple

from knob_measures import Measure


class Row(NamedTuple):
    """A knob, two of its values, what the second has more of, and the setting beside `QUIET`."""

    knob: str
    low: float
    high: float
    grows: Measure
    base: dict[str, float]


def falls(measure: Measure) -> Measure:
    return lambda v: -measure(v)
