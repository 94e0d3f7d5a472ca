"""Patches per second through our augmentation of whole batches and through MONAI's transforms, one patch at a time.

Both turn, flip, zoom and bend image and mask in step, and change contrast, blur, noise and cut-outs with the default
strengths and probabilities of `mitoseg.config.settings.Augmentation`. One thread each, the same random patches.
"""

import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from monai.transforms.compose import Compose
from monai.transforms.intensity.dictionary import (
    RandAdjustContrastd,
    RandCoarseDropoutd,
    RandGaussianNoised,
    RandGaussianSmoothd,
)
from monai.transforms.spatial.dictionary import Rand2DElasticd, RandFlipd, RandRotate90d

from machine import conditions
from mitoseg.config.settings import Augmentation
from mitoseg.data.augmentation import augment
from steps import write_page

SIDE, WINDOW, BATCH = 192, 240, 8


def monai_chain(settings: Augmentation) -> Compose:
    """MONAI's counterparts of our changes (it has none for shading)."""
    both, turn = ("image", "mask"), math.radians(settings.rotation_deg)
    zoom = (1 / settings.zoom - 1, settings.zoom - 1)
    return Compose(
        [
            RandFlipd(both, 0.5, spatial_axis=0),
            RandRotate90d(both, 0.75, max_k=3),
            Rand2DElasticd(
                both,
                spacing=(40, 40),
                magnitude_range=(0, settings.elastic_px),
                spatial_size=(SIDE, SIDE),
                prob=1.0,
                rotate_range=turn,
                scale_range=zoom,
                mode="bilinear",
                padding_mode="reflection",
            ),
            RandAdjustContrastd("image", 1.0, (math.exp(-settings.gamma), math.exp(settings.gamma))),
            RandGaussianSmoothd(
                "image", (0.1, settings.blur_px), (0.1, settings.blur_px), prob=settings.blur_probability
            ),
            RandGaussianNoised("image", 1.0, std=settings.noise),
            RandCoarseDropoutd("image", 1, int(settings.cutout * SIDE), prob=settings.cutout_probability),
        ]
    )


def measure(seconds: float) -> tuple[float, float]:
    """Patches per second of ours and of MONAI's, each for about `seconds`."""
    settings = Augmentation()
    windows = torch.rand(BATCH, 3, WINDOW, WINDOW)
    generator = torch.Generator().manual_seed(0)
    chain = monai_chain(settings).set_random_state(0)

    def ours() -> None:
        augment(windows, settings, (SIDE, SIDE), generator)

    def theirs() -> None:
        for window in windows:
            chain({"image": window[:1], "mask": window[1:]})

    return _rate(ours, seconds), _rate(theirs, seconds)


def _rate(step: Callable[[], None], seconds: float) -> float:
    step()
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        step()
        count += BATCH
    return count / (time.perf_counter() - start)


def main() -> None:
    """Measure both in turn and write the ratio down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="for each of six measurements")
    parser.add_argument("--output", type=Path, default=Path("docs/results/augmentation-speed.md"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rates = [measure(arguments.seconds) for _ in range(3)]
    ratios = sorted(ours / theirs for ours, theirs in rates)
    ours, theirs = (max(column) for column in zip(*rates, strict=True))
    text = (
        "# Augmentation speed\n\n"
        f"Written by `python benchmarks/augmentation_speed.py`; patches of {SIDE} px, one thread.\n\n"
        "| augmentation | patches/s (best of 3) |\n|---|---|\n"
        f"| `mitoseg.data.augmentation.augment`, whole batches of {BATCH} | {ours:.0f} |\n"
        f"| MONAI dictionary transforms, one patch at a time | {theirs:.0f} |\n\n"
        f"Ratio in three runs, each timed side by side: {', '.join(f'{ratio:.1f}' for ratio in ratios)}.\n\n"
        f"{conditions(seed=0)}\n"
    )
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_page(arguments.output, text)
    print(text)


if __name__ == "__main__":
    main()
