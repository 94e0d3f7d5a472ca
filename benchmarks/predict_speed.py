"""Time and memory of prediction on a volume: streamed by `mitoseg predict`, and by MONAI's sliding window on the whole.

Both get the same network (random weights), windows, overlap, batch and number of threads; each runs in a process of its
own, which reports the most memory it ever held, less what it held before it opened the volume. Ours reads the volume
from its file and writes the result to disk; MONAI's is given and gives arrays. The two results are compared. Then ours
sees the same volume as it does unless told otherwise, in bfloat16 where the processor is made for it, and so across all
three axes, which MONAI's does not do. A volume of 1 GiB goes through the whole of `mitoseg predict --memory 1G`,
instances and table included.

Run it on an idle machine: threads that wait for one another spin, and other programs make both clocks run longer. Where
others work, OMP_NUM_THREADS=1 is fairer.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from monai.inferers.inferer import SlidingWindowInferer
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn

from machine import conditions
from mitodata import Sample
from mitodata.hdf5.dataset import Dataset, Provenance, write_volume
from mitodata.readers.inputs import open_sources
from mitoseg.config.settings import make_config
from mitoseg.inference.decoding import Decoding
from mitoseg.inference.model import Model, Precision
from mitoseg.inference.predictor import predict_source
from mitoseg.inference.segment import segment
from mitoseg.inference.sliding_window import importance_map
from mitoseg.inference.tiling import OVERLAP, plan_windows
from mitoseg.io.scratch import Scratch
from mitoseg.networks.memory import resident_bytes
from mitoseg.networks.normalisation import measure_grey, normalise
from mitoseg.networks.unet import build_model
from pipeline import run_program
from steps import write_page

SHAPE = (165, 768, 1024)
LARGE = (1024, 1024, 1024)
SMALL, SMALL_LARGE = (6, 384, 512), (24, 512, 512)
VOXEL_NM = (10.0, 10.0, 10.0)
"""What networks work at unless told otherwise: nothing is resampled."""
BODY_PX = 32
MB = 2**20


def main() -> None:
    """Parse, make the volumes, measure, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--network", default="base", help="size of the network of the comparison; the large volume gets tiny"
    )
    parser.add_argument(
        "--small", action="store_true", help="volumes of seconds, to see that it runs; no page is written"
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/predict-speed.md"), metavar="FILE.md")
    parser.add_argument("--part", nargs=2, metavar=("WHO", "FILE.h5"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        print(json.dumps(PARTS[arguments.part[0]](Path(arguments.part[1]), arguments.network)))
        return
    with tempfile.TemporaryDirectory() as folder:
        volume, large = Path(folder) / "volume.h5", Path(folder) / "large.h5"
        make_volume(volume, SMALL if arguments.small else SHAPE)
        parts = ("monai", "ours", "auto", "axes")
        theirs, ours, auto, axes = (measure(who, volume, arguments.network) for who in parts)
        make_volume(large, SMALL_LARGE if arguments.small else LARGE)
        whole = measure("large", large, "tiny")
    text = page(ours, theirs, auto, axes, whole, arguments.network, arguments.small)
    if arguments.small:
        print(text)
        return
    write_page(arguments.output, text)
    print(arguments.output)


def make_volume(path: Path, shape: tuple[int, int, int]) -> None:
    """Write a volume of bright and dark bodies as large as mitochondria, with noise, sixteen sections at a time."""
    rng = np.random.default_rng(0)
    coarse = rng.standard_normal([length // BODY_PX + 2 for length in shape], np.float32)

    @cache
    def plane(number: int) -> NDArray[np.float32]:
        return np.asarray(ndimage.zoom(coarse[number], BODY_PX)[: shape[1], : shape[2]])

    def slabs() -> Iterator[Sample]:
        for start in range(0, shape[0], 16):
            slab = np.empty((min(16, shape[0] - start), *shape[1:]), np.uint8)
            for place in range(len(slab)):
                number, share = divmod((start + place) / BODY_PX, 1)
                bodies = (1 - share) * plane(int(number)) + share * plane(int(number) + 1)
                noise = rng.standard_normal(shape[1:], np.float32)
                slab[place] = (128 + 30 * bodies + 4 * noise).clip(0, 255)
            yield Sample(slab, VOXEL_NM)

    write_volume(path, slabs(), Provenance(source="bodies of noise"))


def measure(who: str, volume: Path, network: str) -> dict[str, float]:
    """Run one part in a process of its own."""
    command = [sys.executable, __file__, "--part", who, str(volume), "--network", network]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{who} failed: {done.stderr.strip().splitlines()[-1]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(who, found, flush=True)
    return found


class Bright(nn.Module):
    """Does the work of a network, and says that bright is foreground, about a tenth: objects as many as in tissue."""

    def __init__(self, network: nn.Module) -> None:
        """Wrap a network."""
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, Y, X) of images (B, 1, Y, X)."""
        logits: Tensor = self.network(image)
        return image - 1.28 + 0 * logits


def make_model(network: str, precision: Precision = "auto") -> Model:
    """A network with random weights, whose output is about half foreground."""
    torch.manual_seed(0)
    config = make_config((f"network={network}",), epochs=1)
    return Model(build_model(config).eval(), config, Decoding(0.5), "random", precision=precision)


def monai(volume: Path, network: str) -> dict[str, float]:
    """Predict with MONAI's inferer, from array to array; the result is left beside the volume."""
    model = make_model(network, "full")
    before, start = resident_bytes(), now()
    with Dataset(volume) as dataset:
        raw = dataset[0].raw
    image = torch.empty((1, 1, *raw.shape))
    for section, normal in zip(raw, image[0, 0], strict=True):
        normal.copy_(torch.from_numpy(normalise(section, measure_grey(section))))
    windows = plan_windows(model, raw.shape, VOXEL_NM)
    inferer = SlidingWindowInferer(windows.size, windows.batch, OVERLAP, mode="gaussian")
    inferer.roi_weight_map = importance_map(windows.size)
    with torch.inference_mode():
        found = inferer(image, model.predict_windows)
    measured = report(before, start)
    assert isinstance(found, torch.Tensor)
    np.save(volume.with_suffix(".npy"), found[0, 0].numpy())
    return measured


def stream(volume: Path, network: str, precision: Precision = "full") -> dict[str, float]:
    """Predict as `mitoseg predict` does, into a file; and how far that is from what `monai` left."""
    model = make_model(network, precision)
    before, start = resident_bytes(), now()
    with Scratch(volume) as scratch:
        for source in open_sources(volume):
            maps = predict_source(model, source, scratch)
        measured = report(before, start)
        expected = np.load(volume.with_suffix(".npy"), mmap_mode="r")
        difference = max(float(np.abs(maps[0, z] - section).max()) for z, section in enumerate(expected))
    return {**measured, "difference": difference}


def as_usual(volume: Path, network: str) -> dict[str, float]:
    """The same, in the precision that `mitoseg predict` chooses."""
    return stream(volume, network, "auto")


def across(volume: Path, network: str) -> dict[str, float]:
    """Predict as `mitoseg predict --axes zyx` does, into a file."""
    model = make_model(network)
    before, start = resident_bytes(), now()
    with Scratch(volume) as scratch:
        for source in open_sources(volume):
            predict_source(model, source, scratch, axes="zyx")
        return report(before, start)


def large(volume: Path, network: str) -> dict[str, float]:
    """All of `mitoseg predict --memory 1G --format h5 --axes z --tta 1`."""
    model = make_model(network)
    model = replace(model, network=Bright(model.network))
    start = now()
    *_, table = segment(model, [volume], volume.parent / "found", format="h5", axes="z", tta=1, memory="1G")
    measured = report(0, start)
    with table.open() as lines:
        return {**measured, "objects": sum(1 for _ in lines) - 1}


PARTS = {"ours": stream, "auto": as_usual, "monai": monai, "axes": across, "large": large}


def now() -> tuple[float, float]:
    """Seconds on the clock, and of the processor."""
    return time.perf_counter(), time.process_time()


def report(before: int, start: tuple[float, float]) -> dict[str, float]:
    """Seconds since `start`, and the most MiB that were held on top of `before`."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    clock, processor = (end - begin for end, begin in zip(now(), start, strict=True))
    return {"seconds": round(clock, 1), "processor": round(processor, 1), "mb": round((peak - before) / MB)}


def page(
    ours: dict[str, float],
    theirs: dict[str, float],
    auto: dict[str, float],
    axes: dict[str, float],
    whole: dict[str, float],
    network: str,
    small: bool,
) -> str:
    """The results as Markdown."""
    shape, large_shape = (SMALL, SMALL_LARGE) if small else (SHAPE, LARGE)
    return "\n".join(
        (
            "# Speed and memory of prediction",
            "",
            f"A volume of {' x '.join(map(str, shape))} voxels, the 2D network `{network}` with random weights,",
            "section by section, one look each (`--tta 1`), in the same windows. Memory is the peak of a process, less",
            "what it held before it opened the volume. In full precision results differ by",
            f"{ours['difference']:.1g} at most, otherwise by {auto['difference']:.1g}. Written by",
            "`benchmarks/predict_speed.py`.",
            "",
            "| | seconds | processor seconds | peak MiB |",
            "|---|---|---|---|",
            row("MONAI's `SlidingWindowInferer`, from array to array", theirs),
            row("`mitoseg predict --precision full`, from file to file", ours),
            row("ratio to MONAI's", {name: round(ours[name] / theirs[name], 3) for name in theirs}),
            row("`mitoseg predict`, from file to file", auto),
            row("ratio to MONAI's", {name: round(auto[name] / theirs[name], 3) for name in theirs}),
            row("`mitoseg predict --axes zyx`, from file to file", axes),
            "",
            f"`mitoseg predict --memory 1G --format h5 --axes z --tta 1` on {' x '.join(map(str, large_shape))} voxels",
            "with the work of the network `tiny`, mask, probability, instances and a table of",
            f"{whole['objects']} objects: {whole['seconds']} s ({whole['processor']} s of the processor); the program",
            f"held {whole['mb']} MiB.",
            "",
            conditions(0),
            "",
        )
    )


def row(name: str, values: dict[str, float]) -> str:
    """A row of the table."""
    return f"| {name} | {values['seconds']} | {values['processor']} | {values['mb']} |"


if __name__ == "__main__":
    run_program(main)
