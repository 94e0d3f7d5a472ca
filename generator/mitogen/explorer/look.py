"""What images look like in numbers, for the curves and the table of the page; labels play no part."""

from collections.abc import Sequence
from typing import Any

from mitogen.gap.appearance import Image, appearance_of
from mitogen.gap.comparison import STATISTICS


def describe_look(images: Sequence[Image]) -> dict[str, Any]:
    """Measure (Y, X) uint8 images.

    Returns:
        `histogram`, share of the pixels of each of 256 grey levels; `frequency` in cycles per pixel and `power` in
        grey levels^2 px^2; and `values`, one entry a statistic with name, title, unit, and value or None.

    Raises:
        DataError: there is none, or one is smaller than 16 x 16 pixels.
    """
    look = appearance_of(images)
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
