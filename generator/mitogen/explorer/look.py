"""What images look like in numbers, for the curves and the table of the page; labels play no part."""

from typing import Any

from mitogen.gap.appearance import Appearance
from mitogen.gap.comparison import STATISTICS


def describe_look(look: Appearance) -> dict[str, Any]:
    """Put in numbers what images look like.

    Returns:
        `histogram`, share of the pixels of each of 256 grey levels; `frequency` in cycles per pixel and `power` in
        grey levels^2 px^2; and `values`, one entry a statistic with name, title, unit, and value or None.
    """
    values = look.values()
    return {
        "histogram": (look.histogram / look.histogram.sum()).tolist(),
        "frequency": look.frequency.tolist(),
        "power": look.power.tolist(),
        "values": [
            {"name": row.name, "title": row.title, "unit": row.unit, "value": values[row.name]}
            for row in STATISTICS
            if row.name in values
        ],
    }
