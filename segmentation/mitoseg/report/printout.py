"""The numbers of an evaluation for people: the table that the terminal shows.

Which columns there are is up to `mitoseg.evaluation.metric_table`.
"""

from collections.abc import Sequence
from math import isnan

from mitoseg.evaluation import COLUMNS, DatasetResult, Measured
from mitoseg.metrics import Summary
from mitoseg.report.data_files import Runs, over_runs


def format_table(results: Sequence[DatasetResult]) -> str:
    """A plain-text table, a row a dataset, mean +- std over images with foreground; notes on the others below it."""
    header = ["dataset", "images", "with foreground", *COLUMNS.values()]
    rows = [header]
    for result in results:
        counts = [str(result.presence.images), str(result.presence.with_foreground)]
        rows.append([result.name, *counts, *(format_cell(result.measured[name]) for name in COLUMNS)])
    notes = [f"{result.name}: {result.presence.note}" for result in results if result.presence.note]
    notes += [f"{result.name}: {result.views}." for result in results if result.views]
    return "\n".join([format_columns(rows), *notes])


def format_runs(runs: Runs) -> str:
    """A plain-text table below the others, a row a dataset, mean +- std over runs; empty for a single run."""
    if len(runs) < 2:
        return ""
    rows = [[f"over {len(runs)} runs", *COLUMNS.values()]]
    for name, values in over_runs(runs).items():
        rows.append([name, *(format_cell(values[metric]) for metric in COLUMNS)])
    return "\n\n" + format_columns(rows)


def format_columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as text, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def format_cell(value: Measured | Summary) -> str:
    """Mean and standard deviation."""
    return "-" if isnan(value.mean) else f"{value.mean:.3f} +- {value.std:.3f}"
