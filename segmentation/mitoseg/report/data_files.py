"""The numbers of an evaluation for programs: `metrics.json` and CSV files.

Which columns there are is up to `mitoseg.evaluation.metric_table`.
"""

import csv
import glob
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isnan
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from numpy.typing import NDArray

from mitodata import RunError
from mitodata.files import write_atomic
from mitoseg.evaluation import METRICS, DatasetResult, as_json
from mitoseg.metrics import Summary, reliability, summary, threshold_curve

METRICS_FILE, RUNS_FILE = "metrics.json", "runs.csv"
TABLES = ("-curve", "-objects", "-reliability")
"""What follows the name of a dataset in the names of its tables, beside that of its images."""

FIGURES = "figures"
"""Folder of the pictures, beside the page."""

PICTURES = ("bars", "curves", "histogram", "map", "panel-*", "reliability", "sizes")
"""What follows the name of a dataset in the names of its pictures."""

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


def make_folder(report: Path) -> None:
    """Make the folder of a report.

    Raises:
        RunError: it cannot be made, or nothing can be written there.
    """
    try:
        report.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=report):
            pass
    except OSError as error:
        raise RunError(f"{report}: cannot be made or written: {error.strerror or error}; expected a folder") from error


def write_tables(
    report: Path, results: Sequence[DatasetResult], others: Sequence[Sequence[DatasetResult]] = ()
) -> None:
    """Write `metrics.json` and four CSV tables a dataset into the folder `report`.

    With results of `others`, further runs on the same files, also `runs.csv`: a row a metric of a dataset, with its
    mean over images in each run, and mean and standard deviation over the runs.

    `NAME.csv` has a row an image; `NAME-curve.csv` a row a threshold and `NAME-reliability.csv` a row a bin of
    probability, of all pixels together; `NAME-objects.csv` a row an object. What is not defined, such as the IoU of an
    image without foreground, is null in JSON and an empty cell in CSV.

    What an earlier report in the same folder says of datasets that are not in this one goes, at the end.

    Raises:
        RunError: the folder cannot be made or written.
    """
    make_folder(report)
    earlier = _read_names(report / METRICS_FILE)
    content = json.dumps(as_json(results), indent=2, allow_nan=False)
    write_atomic(report / METRICS_FILE, (content + "\n").encode())
    if others:
        _write_runs(report / RUNS_FILE, [results, *others])
    for result in results:
        stem = file_stem(result.name)
        _write_images(report / f"{stem}.csv", result)
        _write_objects(report / f"{stem}-objects.csv", result)
        pooled = result.probabilities
        curve, diagram = threshold_curve(pooled), reliability(pooled)
        _write_columns(report / f"{stem}-curve.csv", vars(curve))
        columns = {name: values for name, values in vars(diagram).items() if isinstance(values, np.ndarray)}
        _write_columns(report / f"{stem}-reliability.csv", columns)
    names = {result.name for result in results}
    kept = {report / table for name in names for table in _tables(name)}
    stale = {report / table for name in earlier for table in _tables(name)} - kept
    for name in earlier - names:
        stale |= {path for kind in PICTURES for path in (report / FIGURES).glob(f"{glob.escape(name)}-{kind}.png")}
    for path in stale | ({report / RUNS_FILE} if earlier and not others else set()):
        path.unlink(missing_ok=True)


def _tables(name: str) -> list[str]:
    """Names of the tables of a dataset."""
    return [f"{file_stem(name)}{kind}.csv" for kind in ("", *TABLES)]


def _read_names(path: Path) -> set[str]:
    """The datasets of an earlier report, by its `metrics.json`; none if it is no such file."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return set()
    if not isinstance(found, dict) or not all(isinstance(one, dict) and "thresholds" in one for one in found.values()):
        return set()
    return {name for name in found if Path(name).name == name}


def file_stem(name: str) -> str:
    """What the tables of a dataset are called: as it is, unless that could be the name of another table."""
    return f"{name}-images" if name == "runs" or name.endswith(TABLES) else name


def _write_runs(path: Path, runs: Sequence[Sequence[DatasetResult]]) -> None:
    rows: list[list[object]] = [
        ["dataset", "metric", "mean", "std", *(f"run {place + 1}" for place in range(len(runs)))]
    ]
    for at, (name, values) in enumerate(over_runs(runs).items()):
        for metric, value in values.items():
            means = [value.mean, value.std, *(results[at].measured[metric].mean for results in runs)]
            rows.append([name, metric, *map(_cell, means)])
    _write_rows(path, rows)


def _write_images(path: Path, result: DatasetResult) -> None:
    first = result.images[0]
    rows: list[list[object]] = [["sample", "z", "name", "threshold", *METRICS]]
    rows[0] += [*asdict(first.counts), *asdict(first.errors)]
    for image in result.images:
        where = [image.place.sample, "" if image.place.z is None else image.place.z, image.name, image.threshold]
        counts = [*asdict(image.counts).values(), *asdict(image.errors).values()]
        rows.append([*where, *(_cell(image.values[name]) for name in METRICS), *counts])
    _write_rows(path, rows)


def _write_objects(path: Path, result: DatasetResult) -> None:
    size = "size_um3" if result.volumes else "size_um2"
    rows: list[list[object]] = [["name", "kind", size, "covered"]]
    for image in result.images:
        objects = image.objects
        for area, found, covered in zip(objects.true_size, objects.found, objects.covered, strict=True):
            rows.append([image.name, "found" if found else "missed", _cell(float(area)), _cell(float(covered))])
        rows += [[image.name, "false", _cell(float(area)), ""] for area in objects.false_size]
    _write_rows(path, rows)


def _write_columns(path: Path, columns: Mapping[str, NDArray[np.generic]]) -> None:
    rows = zip(*(values.tolist() for values in columns.values()), strict=True)
    _write_rows(path, [list(columns), *([_cell(value) for value in row] for row in rows)])


def _write_rows(path: Path, rows: Sequence[Sequence[object]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_atomic(path, text.getvalue().encode())


def _cell(value: float) -> str:
    """Whole numbers as they are, others with six digits, nothing for nan."""
    return "" if isnan(value) else str(value) if isinstance(value, int) else f"{value:.6f}"
