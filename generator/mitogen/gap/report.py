"""A folder with the comparison: table, plots, and one page that holds both."""

import base64
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from jinja2 import Environment, PackageLoader, select_autoescape

from mitodata.errors import DataError
from mitodata.files import write_together
from mitodata.hdf5.dataset import Dataset
from mitogen.gap.comparison import appearance_distance, compare, left_out
from mitogen.gap.plots import draw_plots
from mitogen.gap.sections import Sampling, common_sampling
from mitogen.gap.statistics import SAME, Statistics, measure
from mitogen.gap.table import COLUMNS, as_csv, as_json, format_left_out, format_table, table_cells

PAGE = "index.html"


def measure_pair(synthetic: Path, real: Path, sampling: Sampling) -> tuple[Statistics, Statistics]:
    """Measure two files in windows of the same size.

    Raises:
        DataError: one is missing, damaged, or has no image that is large enough.
    """
    with Dataset(synthetic) as ours, Dataset(real) as theirs:
        if sampling.window_px is None:
            sampling = common_sampling(ours, theirs, sampling)
        return measure(ours, sampling), measure(theirs, sampling)


def scale_warning(synthetic: Statistics, real: Statistics) -> str:
    """Say in one line that pixel sizes differ by more than 1 %, within a file or between them; empty if they do not."""
    pairs = list(zip(synthetic.pixel_nm, real.pixel_nm, strict=True))
    if all(abs(a - b) <= SAME * b for a, b in pairs):
        mixed = [one.path.name for one in (synthetic, real) if one.mixed]
        return f"pixels differ within {' and '.join(mixed)}; --pixel-size resamples to one size" if mixed else ""
    sizes = " and ".join(f"{y:.4g} x {x:.4g} nm" for y, x in (synthetic.pixel_nm, real.pixel_nm))
    target = max(max(pair) for pair in pairs)
    return (
        f"pixels differ ({sizes}): everything in px and all slopes compare unlike things; --pixel-size {target:.4g} "
        "resamples both"
    )


def summary(synthetic: Statistics, real: Statistics) -> str:
    """Write the comparison for a terminal: what was measured, the table, what is left out, the distance."""
    rows = compare(synthetic, real)
    warning = scale_warning(synthetic, real)
    return "\n".join(
        (
            f"synthetic  {synthetic.describe()}",
            f"real       {real.describe()}",
            *([f"warning: {warning}"] if warning else []),
            "",
            format_table(rows),
            "",
            *format_left_out(left_out(synthetic, real)),
            f"{sum(row.close for row in rows)} of {len(rows)} statistics are close (10 %; see docs/gap.md)",
            f"distance without labels: {appearance_distance(synthetic.appearance, real.appearance):.2f}",
        )
    )


def write_report(folder: Path, synthetic: Statistics, real: Statistics) -> Path:
    """Write gap.csv, gap.json, the plots and index.html into `folder`, which is made if it is missing.

    Returns:
        The path of the page.

    Raises:
        DataError: the folder cannot be written.
    """
    plots = draw_plots(synthetic, real)
    files = {
        "gap.csv": as_csv(compare(synthetic, real)).encode(),
        "gap.json": as_json(synthetic, real).encode(),
        **plots,
        PAGE: draw_page(synthetic, real, plots).encode(),
    }
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_together({folder / name: content for name, content in files.items()})
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror or error}") from error
    finally:
        for made in missing:  # innermost first; those in which there is something stay
            with suppress(OSError):
                made.rmdir()
    return folder / PAGE


def draw_page(synthetic: Statistics, real: Statistics, plots: Mapping[str, bytes]) -> str:
    """Write the page; the plots (file name -> PNG) are embedded."""
    rows = compare(synthetic, real)
    environment = Environment(loader=PackageLoader("mitogen.gap"), autoescape=select_autoescape())
    return environment.get_template("gap.html").render(
        synthetic=synthetic.describe(),
        real=real.describe(),
        warning=scale_warning(synthetic, real),
        distance=appearance_distance(synthetic.appearance, real.appearance),
        columns=COLUMNS,
        close=sum(row.close for row in rows),
        groups=[
            (title, [(row.close, table_cells(row)) for row in rows if row.statistic.needs_labels == needs_labels])
            for title, needs_labels in (("Without labels", False), ("With labels", True))
        ],
        left_out=format_left_out(left_out(synthetic, real)),
        plots={name.removesuffix(".png"): base64.b64encode(png).decode() for name, png in plots.items()},
    )
