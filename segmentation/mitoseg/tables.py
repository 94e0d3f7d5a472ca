"""The numbers of an evaluation as files: JSON and CSV."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isnan, nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mitodata import RunError
from mitoseg.checkpoint import write_atomic
from mitoseg.evaluate import DatasetResult, ImageResult
from mitoseg.metrics import CONVENTION, NEED_FOREGROUND, reliability, threshold_curve
from mitoseg.predict import Model


def as_json(results: Sequence[DatasetResult], model: Model) -> dict[str, dict[str, object]]:
    """The content of `metrics.json`: dataset -> metric -> mean, std, pooled; with counts and conventions beside."""
    return {
        result.name: {
            **{name: _defined(asdict(value)) for name, value in result.summaries().items()},
            "iou_by_threshold": _defined(result.threshold_curve()),
            "images": len(result.images),
            "images_with_foreground": result.presence.with_foreground,
            "images_falsely_found": result.presence.falsely_found,
            "sections_in_file": result.sections,
            "threshold": model.threshold,
            "convention": CONVENTION,
        }
        for result in results
    }


def write_tables(report: Path, results: Sequence[DatasetResult], model: Model) -> None:
    """Write `metrics.json` and three CSV tables a dataset into the folder `report`.

    `NAME.csv` has a row an image; `NAME-curve.csv` a row a threshold and `NAME-reliability.csv` a row a bin of
    probability, of all pixels together. What is not defined, such as the IoU of an image without foreground, is null in
    JSON and an empty cell in CSV.

    Raises:
        RunError: the folder cannot be made or written.
    """
    try:
        report.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{report}: cannot be made: {error.strerror or error}; expected a folder") from error
    content = json.dumps(as_json(results, model), indent=2, allow_nan=False)
    write_atomic(report / "metrics.json", (content + "\n").encode())
    for result in results:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for place, image in enumerate(result.images):
            values = _row(image)
            if place == 0:
                writer.writerow(["sample", "z", "name", *values, *asdict(image.counts)])
            cells = [_cell(value) for value in values.values()]
            where = [image.section.sample, image.section.z, image.name]
            writer.writerow([*where, *cells, *asdict(image.counts).values()])
        write_atomic(report / f"{result.name}.csv", text.getvalue().encode())
        pooled = result.probabilities
        curve, diagram = threshold_curve(pooled), reliability(pooled)
        _write_columns(report / f"{result.name}-curve.csv", vars(curve))
        columns = {name: values for name, values in vars(diagram).items() if isinstance(values, np.ndarray)}
        _write_columns(report / f"{result.name}-reliability.csv", columns)


def _write_columns(path: Path, columns: Mapping[str, NDArray[np.generic]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*(values.tolist() for values in columns.values()), strict=True):
        writer.writerow([_cell(value) for value in row])
    write_atomic(path, text.getvalue().encode())


def _cell(value: float) -> str:
    """Whole numbers as they are, others with six digits, nothing for nan."""
    return "" if isnan(value) else str(value) if isinstance(value, int) else f"{value:.6f}"


def _row(image: ImageResult) -> dict[str, float]:
    values = {**asdict(image.scores), **image.further}
    if not image.counts.has_foreground:
        values |= dict.fromkeys(NEED_FOREGROUND, nan)
    return values


def _defined(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if isnan(value) else value for name, value in values.items()}
