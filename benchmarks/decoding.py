"""How maps should become masks: IoU on sections by threshold, by peak, and with or without the outer membrane.

One model, whose target is compartments. Each section is predicted by itself. Labels only score here.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from machine import conditions
from mitodata import Sample
from mitodata.hdf5.dataset import Dataset
from mitoseg.inference.decoding import Decoding, find_pieces
from mitoseg.inference.model import Model, load_model
from mitoseg.inference.predictor import predict_maps
from notation import fraction
from pipeline import run_program
from steps import write_page

THRESHOLDS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)
PEAKS = (0.0, 0.6, 0.8)


@dataclass(frozen=True)
class Way:
    """One way of reading maps."""

    outer_membrane: bool
    peak: float

    @property
    def name(self) -> str:
        """As in the table."""
        return f"{'outer face' if self.outer_membrane else 'inside the outer membrane'}, peak {self.peak:g}"


def main() -> None:
    """Parse, predict, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", help="run, checkpoint or name of a model")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE.h5", help="imported real images")
    parser.add_argument("--sections", type=int, default=20, metavar="N", help="at most so many of each file")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/decoding.md"), metavar="FILE.md")
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    tables = [table(model, file, arguments.sections) for file in arguments.files]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_page(arguments.output, page(arguments.model, tables))
    print(arguments.output)


def table(model: Model, file: Path, most: int) -> list[str]:
    """A Markdown table of one file."""
    sections = read_sections(file, most)
    head = f"| {file.stem}, {len(sections)} sections | own | best | {' | '.join(f'{each:g}' for each in THRESHOLDS)} |"
    rows = [head, "|---" * (3 + len(THRESHOLDS)) + "|"]
    for outer in (True, False):
        changed = replace(model, config=model.config.model_copy(update={"outer_membrane": outer}))
        maps = [predict_maps(changed, each.raw, each.voxel_size_nm, path=file) for each in sections]
        for peak in PEAKS:
            scores = [mean_iou(sections, maps, Decoding(threshold, peak=peak)) for threshold in THRESHOLDS]
            cells = " | ".join(fraction(score) for score in scores)
            own = mean_iou(sections, maps, Decoding(peak=peak, own_threshold=True))
            rows.append(f"| {Way(outer, peak).name} | {own:.3f} | {max(scores):.3f} | {cells} |")
            print(rows[-1], flush=True)
    return rows


def read_sections(file: Path, most: int) -> list[Sample]:
    """Sections of a file, evenly spread where it has more than `most`."""
    with Dataset(file) as data:
        places = [(number, z) for number in range(len(data)) for z in range(data.shape(number)[0])]
        chosen = places[:: -(-len(places) // most)]
        return [data.read(number, (slice(z, z + 1), slice(None), slice(None))) for number, z in chosen]


def mean_iou(sections: Sequence[Sample], maps: Sequence[NDArray[np.float32]], decoding: Decoding) -> float:
    """Mean foreground IoU over the sections that have foreground."""
    scores = []
    for sample, found in zip(sections, maps, strict=True):
        if sample.mask is None or not (sample.mask == 1).any():
            continue
        known = sample.mask != 255
        mask, truth = (find_pieces(found, decoding)[:] > 0) & known, (sample.mask == 1) & known
        scores.append(float((mask & truth).sum() / (mask | truth).sum()))
    return float(np.mean(scores))


def page(model: str, tables: Sequence[Sequence[str]]) -> str:
    """The results as Markdown."""
    lines = [
        "# Thresholds, peaks and the outer membrane on real tissue",
        "",
        f"Model `{Path(model).name}`, sections by themselves, mean foreground IoU by threshold. `own` is the threshold",
        "that each section has of its own ([decision 16](../decisions/0016-own-thresholds.md)), `best` the best of the",
        "thresholds beside it, which nobody knows without labels. Labels only score. Written by",
        "`benchmarks/decoding.py`.",
        "",
    ]
    for rows in tables:
        lines += [*rows, ""]
    return "\n".join([*lines, conditions(0), ""])


if __name__ == "__main__":
    run_program(main)
