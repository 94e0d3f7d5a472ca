"""How a model stands other microscopes: real sections as they are, and coarser, noisier, softer, flatter than they are.

Real tissue of other laboratories is not at hand; the same tissue as a worse microscope would have shown it is. Each way
is applied to every Kth section of EPFL and VNC, whose labels are brought to the same pixels.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.transform import resize

from machine import conditions
from mitodata import DataError, Sample
from mitodata.hdf5.dataset import Dataset
from mitoseg.data.sections import mask_of
from mitoseg.inference.decoding import find_pieces
from mitoseg.inference.model import Model, load_model
from mitoseg.inference.predictor import predict_maps
from mitoseg.metrics import ConfusionCounts, confusion, scores, summary
from notation import mean_and_std
from pipeline import run_program
from real_sections import add_real_option, write_sections
from steps import write_page

Image = NDArray[np.float64]
Change = Callable[[Image, np.random.Generator], Image]


def noise(deviation: float) -> Change:
    """White noise of so many grey levels."""
    return lambda image, rng: image + rng.normal(0, deviation, image.shape)


def blur(deviation_px: float) -> Change:
    """A Gaussian point spread."""
    return lambda image, _: gaussian_filter(image, deviation_px)


def gamma(exponent: float) -> Change:
    """Another characteristic of the detector."""
    return lambda image, _: 255 * (np.clip(image, 0, 255) / 255) ** exponent


def flatten(share: float) -> Change:
    """What is left of the contrast, around middle grey."""
    return lambda image, _: 128 + share * (image - 128)


def shade(image: Image, _: np.random.Generator) -> Image:
    """80 grey levels from one side to the other."""
    return 0.8 * image + np.linspace(-40, 40, image.shape[1])


WAYS: dict[str, tuple[float | None, tuple[Change, ...]]] = {
    "as it is": (None, ()),
    "8 nm a pixel": (8, ()),
    "12 nm a pixel": (12, ()),
    "16 nm a pixel": (16, ()),
    "noise of 15 grey levels": (None, (noise(15),)),
    "noise of 30 grey levels": (None, (noise(30),)),
    "8 nm, noise of 20": (8, (noise(20),)),
    "16 nm, noise of 10": (16, (noise(10),)),
    "blur of 2 px": (None, (blur(2),)),
    "gamma 0.6": (None, (gamma(0.6),)),
    "gamma 1.7": (None, (gamma(1.7),)),
    "two fifths of the contrast": (None, (flatten(0.4),)),
    "shading of 80 grey levels": (None, (shade,)),
}
"""Name -> pixel size in nm, if another one, and what is then done to the grey levels (Y, X)."""


def main() -> None:
    """Parse, score, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a fitted 2D model")
    add_real_option(parser)
    parser.add_argument("--every", type=int, default=5, metavar="K", help="use every Kth section; of EPFL every 8Kth")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("runs/degraded"), help="where imported data is kept")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/degraded.md"), metavar="FILE.md")
    arguments = parser.parse_args()
    if arguments.every < 1:
        raise DataError(f"--every {arguments.every}: expected a positive number of sections")
    model = load_model(arguments.run)
    columns, steps = {}, {"epfl": 8 * arguments.every, "vnc": arguments.every}
    for name, every in steps.items():
        with Dataset(write_sections(name, arguments.real, arguments.folder)) as data:
            samples = [data[number] for number in range(0, len(data), every)]
        columns[name] = {way: score(model, way, samples, arguments.seed) for way in WAYS}
    lines = [
        "# Real tissue through worse microscopes",
        "",
        "One model of synthetic training, real sections as they are and as a worse microscope would have shown them.",
        "Foreground IoU, mean +- standard deviation over sections; precision and recall of all pixels together;",
        f"EPFL one section in {steps['epfl']}, VNC one in {steps['vnc']}; the threshold is the model's own.",
        "Written by `benchmarks/degraded.py`.",
        "",
        "| | " + " | ".join(f"{name.upper()} | precision, recall" for name in columns) + " |",
        "|---" * (1 + 2 * len(columns)) + "|",
        *(f"| {way} | " + " | ".join(scores[way] for scores in columns.values()) + " |" for way in WAYS),
        "",
        conditions(arguments.seed),
        "",
    ]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_page(arguments.output, "\n".join(lines))
    print(arguments.output)


def score(model: Model, way: str, samples: list[Sample], seed: int) -> str:
    """Two cells of the table."""
    rng = np.random.default_rng(seed)
    counts = []
    for sample in samples:
        changed = change(sample, way, rng)
        maps = predict_maps(model, changed.raw, changed.voxel_size_nm)
        found = np.asarray(find_pieces(maps, model.decoding, apart=True)[:] > 0)
        counts.append(confusion(found, mask_of(changed)))
    pooled = scores(sum(counts, ConfusionCounts()))
    iou = summary([scores(one).iou for one in counts if one.has_foreground], pooled.iou)
    print(f"{way}: IoU {iou.mean:.3f}", flush=True)
    return f"{mean_and_std(iou.mean, iou.std, zero=True)} | {pooled.precision:.2f}, {pooled.recall:.2f}"


def change(sample: Sample, way: str, rng: np.random.Generator) -> Sample:
    """A section (1, Y, X) as it would have looked."""
    pixel_nm, changes = WAYS[way]
    image, mask, (z_nm, y_nm, x_nm) = sample.raw[0].astype(np.float64), mask_of(sample)[0] > 0, sample.voxel_size_nm
    if pixel_nm is not None:
        shape = tuple(round(side * size / pixel_nm) for side, size in zip(image.shape, (y_nm, x_nm), strict=True))
        image = resize(image, shape, anti_aliasing=True)
        mask = resize(mask.astype(np.float64), shape, anti_aliasing=True) > 0.5
        y_nm = x_nm = pixel_nm
    for one in changes:
        image = one(image, rng)
    raw = np.clip(np.rint(image), 0, 255).astype(np.uint8)[None]
    # Instances are not scored: all foreground is one.
    label, found = mask[None].astype(np.uint16), mask[None].astype(np.uint8)
    return replace(sample, raw=raw, voxel_size_nm=(z_nm, y_nm, x_nm), label=label, mask=found)


if __name__ == "__main__":
    run_program(main)
