"""One self-contained page that shows how good a run is, and where it goes wrong."""

import base64
import io
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from math import isnan
from pathlib import Path

from jinja2 import Environment, PackageLoader, select_autoescape
from PIL import Image

from mitodata import RunError
from mitodata.files import write_atomic
from mitoseg.evaluation import COLUMNS, HEADLINE, METRICS, DatasetResult, Measured
from mitoseg.inference.model import Model
from mitoseg.io.panels import draw_panel, draw_parts, png
from mitoseg.metrics import CONVENTION
from mitoseg.report import charts, probabilities
from mitoseg.report.data_files import FIGURES, file_stem, over_runs
from mitoseg.report.provenance import read_origin, settings_of
from mitoseg.report.samples import ImageSet, draw_sheet, image_sets

PANEL_PX = 360
"""Height of the pictures of a panel."""

ROWS = 1000
"""Rows of the table of images on the page; the CSV file has all."""


@dataclass(frozen=True)
class Figures:
    """Pictures of a page: each is written as PNG, and comes back as what an `src` attribute takes."""

    folder: Path

    def add(self, name: str, content: bytes | None) -> str:
        """Write a PNG; without content there is no picture, and "" comes back."""
        if content is None:
            return ""
        write_atomic(self.folder / f"{name}.png", content)
        return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def embed(image: Image.Image) -> str:
    """A picture as what an `src` attribute takes; grey noise is a fifth as large in WebP as in PNG."""
    buffer = io.BytesIO()
    image.save(buffer, format="WEBP", quality=85)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def write_report(
    report: Path, results: Sequence[DatasetResult], model: Model, others: Sequence[Sequence[DatasetResult]] = ()
) -> Path:
    """Write `index.html`, which needs nothing else, and its pictures as PNG into the existing folder `report`.

    Args:
        report: the folder.
        results: from `mitoseg.evaluation.evaluate`.
        model: what was scored, with the thresholds that were chosen for it.
        others: results of further runs on the same files; scores over all runs get a table of their own.

    Returns:
        The path of the page.

    Raises:
        RunError: the folder cannot be written.
    """
    folder = report / FIGURES
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder}: cannot be made: {error.strerror or error}; expected a folder") from error
    figures = Figures(folder)
    run = read_origin(model)
    environment = Environment(
        loader=PackageLoader("mitoseg.report"), autoescape=select_autoescape(), trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": number, "share": lambda value: number(value, 3), "stem": file_stem}
    page = environment.get_template("report.html").render(
        model=model,
        decoding=results[0].decoding,
        results=results,
        groups=metric_groups(results),
        runs=over_runs([results, *others]) if others else {},
        number_of_runs=1 + len(others),
        columns=COLUMNS,
        convention=CONVENTION,
        bars=figures.add("bars", charts.draw_bars(results)),
        errors=figures.add("errors", charts.draw_errors(results)),
        curves=figures.add("threshold", charts.draw_thresholds(results)),
        training=figures.add("training", charts.draw_training(run.history)),
        datasets=[describe_result(result, figures) for result in results],
        sets=[describe_set(one, figures) for one in image_sets(run, model.config, [one.path for one in results])],
        run=run,
        settings=settings_of(model.config),
        software=software(),
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        metrics=METRICS,
        headline=HEADLINE,
        rows=ROWS,
    )
    write_atomic(report / "index.html", page.encode())
    return report / "index.html"


def metric_groups(results: Sequence[DatasetResult]) -> list[tuple[str, list[tuple[str, list[Measured]]]]]:
    """Metrics by group, each with its name and its values for every dataset; those that are defined nowhere are out."""
    groups = []
    for group, names in groupby(METRICS, lambda name: METRICS[name].group):
        rows = [(name, [result.measured[name] for result in results]) for name in names]
        groups.append(
            (group, [row for row in rows if not all(isnan(one.mean) and isnan(one.pooled) for one in row[1])])
        )
    return groups


def describe_result(result: DatasetResult, figures: Figures) -> dict[str, object]:
    """All that the page shows of one dataset beside the common tables."""
    name = result.name
    panels = []
    for place, panel in enumerate(result.panels):
        figures.add(f"{name}-panel-{place}", png(draw_panel(panel)))
        pictures = {part: embed(image) for part, image in draw_parts(panel, PANEL_PX).items()}
        panels.append({"caption": panel.caption, "pictures": pictures})
    middle = next((panel for panel in result.panels if panel.caption.startswith("median")), result.panels[0])
    drawn = {
        "map": probabilities.draw_map(middle),
        "histogram": probabilities.draw_histogram(result),
        "reliability": probabilities.draw_reliability(result),
        "curves": probabilities.draw_curves(result),
        "sizes": charts.draw_sizes(result),
    }
    charts_of = {kind: figures.add(f"{name}-{kind}", content) for kind, content in drawn.items()}
    figures.add(f"{name}-bars", charts.draw_bars([result]))
    return {
        "result": result,
        "panels": panels,
        "middle": middle.caption,
        "charts": charts_of,
        "ranked": result.ranked()[:ROWS],
    }


def describe_set(images: ImageSet, figures: Figures) -> dict[str, object]:
    """A set of images with its sample sheet."""
    if images.triples:
        name = re.sub("[ %,]+", "-", f"samples-{images.role.lower()}-{Path(images.name).stem}")
        figures.add(name, png(draw_sheet(images.triples)))
    pictures = [(one.name, [embed(one.image), embed(one.mask), embed(one.overlay)]) for one in images.triples]
    return {"set": images, "pictures": pictures}


def number(value: float, digits: int = 3) -> str:
    """A number for a table; a dash where it is not defined."""
    return "-" if isnan(value) else f"{value:.{digits}f}"


def software() -> dict[str, str]:
    """Versions that the evaluation ran with."""
    names = ("mitogen-em", "torch", "monai", "numpy", "scipy", "scikit-image")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}
