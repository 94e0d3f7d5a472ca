"""How far off the estimated pixel size is where an image states none, and what that costs.

Rendered images and imported real ones are given without their pixel size, as they are and shrunk by factors that
make their pixels larger. The estimate is compared with the size that is known, and the foreground IoU at the one with
that at the other. Nothing is chosen here: the constants of `mitoseg.inference.scale.evidence` are as they are.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from machine import conditions
from mitodata.contrast import spread
from mitodata.errors import DataError
from mitodata.hdf5.dataset import Dataset
from mitoseg.inference.decoding import find_pieces
from mitoseg.inference.model import Model, load_model
from mitoseg.inference.predictor import predict_maps
from mitoseg.inference.scale.evidence import estimate_scale
from pipeline import run_program
from steps import write_page


@dataclass(frozen=True)
class Outcome:
    """One group of sections of the same pixel size.

    Attributes:
        images: the file.
        pixel_nm: what is known.
        estimate_nm: what is estimated; 0 where nothing is found.
        low_nm: the smallest size that is likely.
        high_nm: the largest.
        iou: mean foreground IoU over the sections at the known size.
        iou_estimated: likewise at the estimated one; 0 where there is none.
    """

    images: str
    pixel_nm: float
    estimate_nm: float
    low_nm: float
    high_nm: float
    iou: float
    iou_estimated: float

    @property
    def octaves(self) -> float:
        """How far off the estimate is: 1 is a factor of two; below 0 it is too small."""
        return log2(self.estimate_nm / self.pixel_nm)


@dataclass(frozen=True)
class ScaledSection:
    """A section with its truth: raw and mask (Y, X) uint8, and the length of its pixels in nm."""

    raw: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    pixel_nm: float

    def shrunk(self, factor: float) -> "ScaledSection":
        """The same with pixels that are so many times as long."""
        size = (round(self.raw.shape[1] / factor), round(self.raw.shape[0] / factor))
        raw = np.asarray(Image.fromarray(self.raw).resize(size, Image.Resampling.BOX))
        mask = np.asarray(Image.fromarray(self.mask).resize(size, Image.Resampling.NEAREST))
        return ScaledSection(raw, mask, self.pixel_nm * factor)


def main() -> None:
    """Parse, estimate, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", help="run, file, or name of a released model")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.h5", help="labelled images of known pixel size")
    parser.add_argument("--together", type=int, default=4, metavar="N", help="sections that share an estimate")
    parser.add_argument("--groups", type=int, default=6, metavar="N", help="groups of sections of each file, at most")
    parser.add_argument("--side", type=int, default=512, metavar="PX", help="what is looked at of a section")
    parser.add_argument("--shrink", nargs="*", type=float, default=[1.0, 2.0], help="factors by which images shrink")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/scale-estimate.md"), metavar="FILE.md")
    arguments = parser.parse_args()

    model = load_model(arguments.model)
    outcomes = []
    for path in arguments.files:
        groups = list(read_groups(path, arguments.together, arguments.groups, arguments.side))
        for group in tqdm(groups, desc=path.stem, disable=None):
            for factor in arguments.shrink:
                outcomes.append(measure(model, path.stem, [section.shrunk(factor) for section in group]))
    write_page(arguments.output, page(outcomes, arguments))


def read_groups(path: Path, together: int, most: int, side: int) -> Iterator[list[ScaledSection]]:
    """Sections of a file in groups of the same pixel size."""
    with Dataset(path) as file:
        sections = []
        for number in spread(len(file), together * most):
            sample = file[number]
            assert sample.mask is not None
            for z in spread(sample.raw.shape[0], max(1, together * most // len(file))):
                raw, mask = (image[z, :side, :side] for image in (sample.raw, sample.mask))
                if (mask == 1).any():
                    sections.append(ScaledSection(raw, mask, sample.voxel_size_nm[1]))
    # Rendered images differ in size: neighbours in order of size are alike, and are brought to the size of the first.
    sections.sort(key=lambda section: section.pixel_nm)
    for start in range(0, len(sections), together):
        group = sections[start : start + together]
        largest = max(section.pixel_nm for section in group)
        yield [section.shrunk(largest / section.pixel_nm) for section in group]


def measure(model: Model, name: str, group: Sequence[ScaledSection]) -> Outcome:
    """Estimate the pixel size of sections that all have the same, and score them at it and at the true one."""
    size = group[0].pixel_nm
    iou = float(np.mean([score(model, section, size) for section in group]))
    try:
        found = estimate_scale(model, [section.raw for section in group])
    except DataError:
        return Outcome(name, size, 0, 0, 0, iou, 0)
    estimated = float(np.mean([score(model, section, found.pixel_nm) for section in group]))
    return Outcome(name, size, found.pixel_nm, found.low_nm, found.high_nm, iou, estimated)


def score(model: Model, section: ScaledSection, pixel_nm: float) -> float:
    """Foreground IoU of a section, seen as if its pixels were so long."""
    maps = predict_maps(model, section.raw[None], (pixel_nm, pixel_nm, pixel_nm))
    found = find_pieces(maps, model.decoding)[:][0] > 0
    known, truth = section.mask != 255, section.mask == 1
    return float((found & truth).sum() / max((known & (found | truth)).sum(), 1))


def page(outcomes: Sequence[Outcome], arguments: argparse.Namespace) -> str:
    """The results as Markdown."""
    rows = []
    for name in dict.fromkeys(each.images for each in outcomes):
        mine = [each for each in outcomes if each.images == name]
        found = [each for each in mine if each.estimate_nm]
        off = [each.octaves for each in found] or [np.nan]
        held = [each.low_nm <= each.pixel_nm <= each.high_nm for each in mine]
        before, after = (np.mean([getattr(each, which) for each in mine]) for which in ("iou", "iou_estimated"))
        rows.append(
            f"| {name} | {len(mine)} | {len(mine) - len(found)} | {np.median(off):+.2f} | {np.median(np.abs(off)):.2f} "
            f"| {sum(held)} | {before:.3f} | {after:.3f} |"
        )
    groups = [
        f"| {each.images} | {each.pixel_nm:.3g} | {each.estimate_nm:.3g} | {each.low_nm:.2g} to {each.high_nm:.2g} "
        f"| {each.iou:.3f} | {each.iou_estimated:.3f} |"
        for each in outcomes
    ]
    shrunk = " and ".join(f"{factor:g}" for factor in arguments.shrink if factor != 1)
    return "\n".join(
        [
            "# The pixel size of images that state none",
            "",
            f"Groups of up to {arguments.together} sections were given to the model `{Path(arguments.model).name}` "
            f"without their pixel size: as they are, and shrunk {shrunk} times. An octave is a factor of two. IoU is "
            "the mean over sections. Written by `benchmarks/scale_estimate.py`.",
            "",
            "| images | groups | nothing found | error, octaves | its size | likely | IoU, true size | IoU, estimate |",
            "|---|---|---|---|---|---|---|---|",
            *rows,
            "",
            "Errors are medians over groups; below 0 the estimate is too small. *Likely*: in how many groups the true "
            "size is named as likely. Each group:",
            "",
            "| images | true size, nm | estimate, nm | likely, nm | IoU, true size | IoU, estimate |",
            "|---|---|---|---|---|---|",
            *groups,
            "",
            conditions(0),
            "",
        ]
    )


if __name__ == "__main__":
    run_program(main)
