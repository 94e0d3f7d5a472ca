"""The short table that is printed."""

from collections.abc import Sequence
from math import isnan

from mitoseg.evaluate import DatasetResult, Measured
from mitoseg.metrics import Summary

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
        rows.append([result.name, *counts, *(format_cell(result.measured[name]) for name in COLUMNS)])
    notes = [f"{result.name}: {result.presence.note}" for result in results if result.presence.note]
    notes += [f"{result.name}: {result.views}." for result in results if result.axes != "z"]
    return "\n".join([format_columns(rows), *notes])


def format_columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as text, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def format_cell(value: Measured | Summary) -> str:
    """Mean and standard deviation."""
    return "-" if isnan(value.mean) else f"{value.mean:.3f} +- {value.std:.3f}"
