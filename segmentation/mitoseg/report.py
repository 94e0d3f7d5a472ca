"""One self-contained page that shows how good a run is, and where it goes wrong."""

import base64
from collections.abc import Sequence
from dataclasses import asdict
from math import isnan
from pathlib import Path

from jinja2 import Environment, PackageLoader, select_autoescape

from mitoseg.checkpoint import write_atomic
from mitoseg.evaluate import DatasetResult
from mitoseg.metrics import CONVENTION, Summary
from mitoseg.pictures import draw_panel, png
from mitoseg.predict import Model

TITLES = {
    "iou": "IoU",
    "dice": "Dice",
    "precision": "Precision",
    "recall": "Recall",
    "accuracy": "Accuracy",
    "kappa": "Kappa",
    "boundary_f1": "Boundary F1",
    "calibration_error": "Calibration error",
}


def write_report(report: Path, results: Sequence[DatasetResult], model: Model) -> Path:
    """Write `index.html`, pictures embedded, and the pictures as PNG into the existing folder `report`.

    Returns:
        The path of the page.
    """
    datasets = []
    for result in results:
        pictures = []
        for number, panel in enumerate(result.panels):
            content = png(draw_panel(panel))
            write_atomic(report / f"{result.name}-{number}.png", content)
            pictures.append({"caption": panel.caption, "data": base64.b64encode(content).decode()})
        datasets.append(
            {
                "name": result.name,
                "path": result.path.name,
                "images": len(result.images),
                "sections": result.sections,
                "presence": result.presence,
                "metrics": {name: asdict(value) for name, value in result.summaries().items()},
                "pictures": pictures,
            }
        )
    environment = Environment(loader=PackageLoader("mitoseg"), autoescape=select_autoescape())
    page = environment.get_template("report.html").render(
        datasets=datasets, titles=TITLES, model=model, convention=CONVENTION, config=model.config.model_dump()
    )
    write_atomic(report / "index.html", page.encode())
    return report / "index.html"


def format_table(results: Sequence[DatasetResult]) -> str:
    """A plain-text table, a row a dataset, mean +- std over images with foreground; notes on the others below it."""
    header = ["dataset", "images", "with foreground", *TITLES.values()]
    rows = [header]
    for result in results:
        values = result.summaries()
        counts = [str(result.presence.images), str(result.presence.with_foreground)]
        rows.append([result.name, *counts, *(_cell(values[name]) for name in TITLES)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    notes = [f"{result.name}: {result.presence.note}" for result in results if result.presence.note]
    return "\n".join([*lines, *notes])


def _cell(value: Summary) -> str:
    return "-" if isnan(value.mean) else f"{value.mean:.3f} +- {value.std:.3f}"
