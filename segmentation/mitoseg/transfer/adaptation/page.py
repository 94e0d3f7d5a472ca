"""One page that shows what adapting changed, on the user's own images."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader, select_autoescape
from numpy.typing import NDArray

from mitodata import Sample
from mitodata.files import write_atomic
from mitoseg.io.panels import draw_scale_bar, fit_picture, heat, overlay
from mitoseg.report.page import embed, software
from mitoseg.transfer.adaptation.record import PAGE, Record, looks_path

HEIGHT_PX = 360


def write_page(run: Path, record: Record, blocks: Sequence[Sample]) -> Path:
    """Write `index.html`, which needs nothing else, into the folder of the run.

    Args:
        run: the folder, with the probabilities of some sections.
        record: of an adaptation that has ended.
        blocks: parts of the images.

    Raises:
        DataError: it cannot be written.
    """
    loaders = [PackageLoader("mitoseg.transfer.adaptation"), PackageLoader("mitoseg.report")]
    environment = Environment(
        loader=ChoiceLoader(loaders), autoescape=select_autoescape(), trim_blocks=True, lstrip_blocks=True
    )
    kinds = [(name, record.distances[name], record.shares[name]) for name in record.distances]
    before, after = record.judgements[0], record.judgements[record.kept]
    page = environment.get_template("adapt.html").render(
        name=run.name,
        record=record,
        before=before,
        after=after,
        kinds=kinds,
        sections=_draw_sections(run, record, blocks),
        software=software(),
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    write_atomic(run / PAGE, page.encode())
    return run / PAGE


def _draw_sections(run: Path, record: Record, blocks: Sequence[Sample]) -> list[dict[str, Any]]:
    """Sections before and after: caption, and pictures by name."""
    before, after = (_read_looks(looks_path(run, rounds)) for rounds in (0, record.kept))
    drawn = []
    for name, (_, first) in before.items():
        number, z = map(int, name.split("-"))
        probability, last = after[name]
        height, width = first.shape
        raw = blocks[number].raw[z, :height, :width]
        old, new = (found > 0 for found in (first, last))
        parts = {
            "image": raw,
            "before": overlay(raw, old.astype(np.uint8), old),
            "after": overlay(raw, new.astype(np.uint8), new),
            "what changed": overlay(raw, old.astype(np.uint8), new),
            "probability after": heat(probability.astype(np.float32) / np.float32(255)),
        }
        pictures, pixel_nm = fit_picture(list(parts.values()), blocks[number].voxel_size_nm[1:], HEIGHT_PX)
        draw_scale_bar(pictures[0], pixel_nm)
        pairs = zip(parts, map(embed, pictures), strict=True)
        drawn.append({"caption": f"{blocks[number].name}, section {z}", "pictures": dict(pairs)})
    return drawn


def _read_looks(path: Path) -> Mapping[str, NDArray[np.uint8]]:
    """Probability and found pieces of sections, (2, Y, X) each, 255 being all."""
    with np.load(BytesIO(path.read_bytes())) as stored:
        return {name: stored[name] for name in stored.files}
