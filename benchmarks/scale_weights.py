"""How much the entropy of classes says of a pixel size: a constant of `mitoseg.inference.scale.evidence`.

Rendered images of known pixel size are shrunk or enlarged, each to a size drawn at random, and shown to a model at
all sizes that are tried. The weight is that under which the true sizes are likeliest (a conditional logit). No real
image is used.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import exp, log, log2
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from tqdm import tqdm

from machine import conditions
from mitodata.hdf5.dataset import Dataset
from mitoseg.inference.model import load_model
from mitoseg.inference.scale.evidence import ENTROPY_WEIGHT, SIZES_NM, Look, choose_scale, is_enough, look_at_all
from pipeline import run_program

SMALLEST_NM, LARGEST_NM = 4.2, 28.0
"""Pixel sizes between which one is drawn."""

MOST = 3.0
"""Images shrink by this factor at most: little would be left to look at."""

BETWEEN_OCTAVES = 0.25
"""A true size speaks for the sizes around it: standard deviation in octaves."""


@dataclass(frozen=True)
class Seen:
    """An image of known pixel size, and what a network sees in it at every size."""

    pixel_nm: float
    looks: tuple[Look, ...]


def main() -> None:
    """Parse, look, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", help="run, file, or name of a released model")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.h5", help="rendered images")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    model = load_model(arguments.model)
    crops = list(read_crops(arguments.files, np.random.default_rng(arguments.seed)))
    looks = [Seen(pixel_nm, look_at_all(model, [raw])) for raw, pixel_nm in tqdm(crops, disable=None)]
    enough = [each for each in looks if is_enough(each.looks)]
    print(
        f"{len(enough)} of {len(looks)} images, in which {arguments.model} finds something; left out in turn, fifths:"
    )
    folds = np.arange(len(enough)) % 5
    off, held = [], []
    for fold in range(5):
        weight = fit([each for each, place in zip(enough, folds, strict=True) if place != fold])
        for each in (each for each, place in zip(enough, folds, strict=True) if place == fold):
            found = choose_scale([replace(look, entropy=look.entropy * weight / ENTROPY_WEIGHT) for look in each.looks])
            off.append(log2(found.pixel_nm / each.pixel_nm))
            held.append(found.low_nm <= each.pixel_nm <= found.high_nm)
    print(f"error {np.median(off):+.2f} octaves, its size {np.abs(off).mean():.2f} in the mean")
    print(f"true size in the range that is likely: {sum(held)}")
    print(f"weight {fit(enough):.1f}")
    print(conditions(arguments.seed))


def read_crops(files: Sequence[Path], rng: np.random.Generator) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """Sections (Y, X) uint8 in pixels of a length drawn at random, and that length in nm."""
    for path in files:
        with Dataset(path) as file:
            for number in range(len(file)):
                sample = file[number]
                native = sample.voxel_size_nm[1]
                factor = exp(rng.uniform(log(SMALLEST_NM / native), log(min(LARGEST_NM / native, MOST))))
                image = Image.fromarray(sample.raw[0])
                size = (round(image.width / factor), round(image.height / factor))
                kind = Image.Resampling.BOX if factor > 1 else Image.Resampling.BICUBIC
                yield np.asarray(image.resize(size, kind)), native * factor


def fit(seen: Sequence[Seen]) -> float:
    """The weight under which the true sizes are likeliest."""
    entropy = np.array([[look.entropy / look.classified for look in each.looks] for each in seen])
    octaves = np.log2(np.array(SIZES_NM) / np.array([each.pixel_nm for each in seen])[:, None])
    truth = np.exp(-((octaves / BETWEEN_OCTAVES) ** 2) / 2)
    truth /= truth.sum(1, keepdims=True)

    def unlikely(weight: float) -> float:
        return -float((truth * log_softmax(-weight * entropy, axis=1)).sum())

    return float(minimize_scalar(unlikely, bounds=(0, 1000), method="bounded").x)


if __name__ == "__main__":
    run_program(main)
