"""The short table that is printed."""

from collections.abc import Sequence
from math import isnan

from mitoseg.evaluate import DatasetResult, Measured

COLUMNS = {
    "iou": "IoU",
    "dice": "Dice",
    "precision": "Precision",
    "recall": "Recall",
    "accuracy": "Accuracy",
    "kappa": "Kappa",
    "boundary_f1": "Boundary F1",
    "calibration_error": "Calibration error",
}


def format_table(results: Sequence[DatasetResult]) -> str:
    """A plain-text table, a row a dataset, mean +- std over images with foreground; notes on the others below it."""
    header = ["dataset", "images", "with foreground", *COLUMNS.values()]
    rows = [header]
    for result in results:
        counts = [str(result.presence.images), str(result.presence.with_foreground)]
        rows.append([result.name, *counts, *(_cell(result.measured[name]) for name in COLUMNS)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    notes = [f"{result.name}: {result.presence.note}" for result in results if result.presence.note]
    return "\n".join([*lines, *notes])


def _cell(value: Measured) -> str:
    return "-" if isnan(value.mean) else f"{value.mean:.3f} +- {value.std:.3f}"
