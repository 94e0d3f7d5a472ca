"""Several runs on the same files, such as three seeds: how much scores change from one fit to the next."""

from collections.abc import Sequence

from mitoseg.evaluate import METRICS, DatasetResult
from mitoseg.metrics import Summary, summary
from mitoseg.report.table import COLUMNS, format_cell, format_columns

Runs = Sequence[Sequence[DatasetResult]]
"""Results of each run, all on the same files in the same order."""


def over_runs(runs: Runs) -> dict[str, dict[str, Summary]]:
    """Dataset -> metric -> mean and standard deviation over runs of the means over images; nothing is pooled."""
    return {
        dataset.name: {
            metric: summary([results[place].measured[metric].mean for results in runs], float("nan"))
            for metric in METRICS
        }
        for place, dataset in enumerate(runs[0])
    }


def format_runs(runs: Runs) -> str:
    """A plain-text table below the others, a row a dataset, mean +- std over runs; empty for a single run."""
    if len(runs) < 2:
        return ""
    rows = [[f"over {len(runs)} runs", *COLUMNS.values()]]
    for name, values in over_runs(runs).items():
        rows.append([name, *(format_cell(values[metric]) for metric in COLUMNS)])
    return "\n\n" + format_columns(rows)
