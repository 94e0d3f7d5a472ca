"""The comparison as text for a terminal, CSV and JSON."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from mitogen.gap.comparison import Row, appearance_distance, compare, left_out
from mitogen.gap.morphology import STEPS, profile_name
from mitogen.gap.statistics import Statistics

COLUMNS = ("statistic", "unit", "synthetic", "real", "difference", "relative", "close")


def format_table(rows: Sequence[Row]) -> str:
    """Lay rows out for a terminal; `close` says which are within their tolerance."""
    cells = [COLUMNS, *(table_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]
    lines = [
        "  ".join(
            cell.ljust(width) if column in (0, 1, 6) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
    looks = 1 + sum(not row.statistic.needs_labels for row in rows)
    return "\n".join(lines[:looks] + [""] * (looks < len(lines)) + lines[looks:])


def table_cells(row: Row) -> tuple[str, ...]:
    """Write one row in the order of `COLUMNS`."""
    relative = "" if row.relative is None else f"{row.relative:+.0%}"
    return (
        row.statistic.title,
        row.statistic.unit,
        number(row.synthetic),
        number(row.real),
        f"{'+' if row.difference > 0 else ''}{number(row.difference)}",
        relative,
        "yes" if row.close else "no",
    )


def number(value: float) -> str:
    """Write a number with the digits that mean something."""
    size = abs(value)
    digits = 0 if size >= 1000 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:.{digits}f}"


def format_left_out(reasons: Mapping[str, str]) -> list[str]:
    """Group the statistics that are missing by the reason why, one line a reason."""
    grouped: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        grouped.setdefault(reason, []).append(name)
    return [f"left out, because {reason}: {', '.join(names)}" for reason, names in grouped.items()]


def as_csv(rows: Sequence[Row]) -> str:
    """Write rows as CSV, full precision."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ("statistic", "meaning", "unit", "synthetic", "real", "difference", "relative", "tolerance", "close")
    )
    for row in rows:
        about = row.statistic
        writer.writerow(
            (
                *(about.name, about.title, about.unit, row.synthetic, row.real, row.difference),
                *("" if row.relative is None else row.relative, row.tolerance, "yes" if row.close else "no"),
            )
        )
    return text.getvalue()


def as_json(synthetic: Statistics, real: Statistics) -> str:
    """Write everything that was measured as JSON: rows, what is missing, the curves behind the plots."""
    rows = compare(synthetic, real)
    content = {
        "synthetic": _measured(synthetic),
        "real": _measured(real),
        "appearance_distance": appearance_distance(synthetic.appearance, real.appearance),
        "close": sum(row.close for row in rows),
        "rows": [_row(row) for row in rows],
        "left_out": left_out(synthetic, real),
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _row(row: Row) -> dict[str, Any]:
    return {
        "statistic": row.statistic.name,
        "meaning": row.statistic.title,
        "unit": row.statistic.unit,
        "needs_labels": row.statistic.needs_labels,
        "synthetic": row.synthetic,
        "real": row.real,
        "difference": row.difference,
        "relative": row.relative,
        "tolerance": row.tolerance,
        "close": row.close,
    }


def _measured(one: Statistics) -> dict[str, Any]:
    look, values = one.appearance, one.values()
    return {
        "file": one.path.name,
        "images": look.images,
        "window_px": one.window_px,
        "pixel_nm": one.pixel_nm,
        "values": values,
        "histogram": look.histogram.tolist(),
        "spectrum": {"cycles_per_px": look.frequency.tolist(), "power": look.power.tolist()},
        "boundary": {str(step): values.get(profile_name(step)) for step in STEPS},
        "profiles_area_major_minor_px": one.morphology.shapes.tolist() if one.morphology else [],
    }
