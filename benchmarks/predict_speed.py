"""Time and memory of prediction on a volume: streamed by `mitoseg predict`, and by MONAI's sliding window on the whole.

Both get the same network (random weights), windows, overlap, batch and number of threads; each runs in a process of its
own, which reports the most memory it ever held, less what it held before it opened the volume. Ours reads the volume
from its file and writes the result to disk; MONAI's is given and gives arrays. Then a volume of 1 GiB goes through the
whole of `mitoseg predict --memory 1G`, instances and table included.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from monai.inferers.inferer import SliceInferer
from scipy import ndimage

from machine import conditions
from mitodata import Sample
from mitodata.store import Dataset, Provenance, write_volume
from mitoseg.config import make_config
from mitoseg.decode import Decoding
from mitoseg.inference.memory import parse_memory, resident_bytes
from mitoseg.inference.scratch import Scratch
from mitoseg.inference.sources import open_sources
from mitoseg.inference.stream import OVERLAP
from mitoseg.model import build_model
from mitoseg.passes import predict_source
from mitoseg.predict import WINDOWS, Model
from mitoseg.preprocess import measure_grey, normalise
from mitoseg.segment import Wish, segment
from pipeline import run_program
from steps import write_text

SHAPE = (165, 768, 1024)
LARGE = (1024, 1024, 1024)
SMALL, SMALL_LARGE = (6, 384, 512), (24, 512, 512)
VOXEL_NM = (8.0, 8.0, 8.0)
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
        ours, theirs = (measure(who, volume, arguments.network) for who in ("ours", "monai"))
        make_volume(large, SMALL_LARGE if arguments.small else LARGE)
        whole = measure("large", large, "tiny")
    text = page(ours, theirs, whole, arguments.network, arguments.small)
    if arguments.small:
        print(text)
        return
    write_text(arguments.output, text)
    print(arguments.output)


def make_volume(path: Path, shape: tuple[int, int, int]) -> None:
    """Write a volume of smooth noise, sixteen sections at a time."""

    def slabs() -> Iterator[Sample]:
        rng = np.random.default_rng(0)
        for start in range(0, shape[0], 16):
            noise = rng.standard_normal((min(16, shape[0] - start), *shape[1:]), np.float32)
            smooth = ndimage.gaussian_filter(noise, (1, 4, 4))
            yield Sample((smooth / smooth.std() * 30 + 128).clip(0, 255).astype(np.uint8), VOXEL_NM)

    write_volume(path, slabs(), Provenance(source="smooth noise"))


def measure(who: str, volume: Path, network: str) -> dict[str, float]:
    """Run one part in a process of its own."""
    command = [sys.executable, __file__, "--part", who, str(volume), "--network", network]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{who} failed: {done.stderr.strip().splitlines()[-1]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(who, found, flush=True)
    return found


def make_model(network: str) -> Model:
    """A network with random weights, whose output is about half foreground."""
    torch.manual_seed(0)
    config = make_config((f"network={network}",), epochs=1)
    return Model(build_model(config).eval(), config, 0.5, "random", Decoding(0.5))


def stream(volume: Path, network: str) -> dict[str, float]:
    """Predict as `mitoseg predict` does, into a file."""
    model = make_model(network)
    before, start = resident_bytes(), now()
    with Scratch(volume) as scratch:
        for source in open_sources(volume):
            predict_source(model, source, scratch)
    return report(before, start)


def monai(volume: Path, network: str) -> dict[str, float]:
    """Predict with MONAI's inferer of sections, from array to array."""
    model = make_model(network)
    before, start = resident_bytes(), now()
    with Dataset(volume) as dataset:
        raw = dataset[0].raw
    image = torch.from_numpy(np.stack([normalise(section, measure_grey(section)) for section in raw]))[None, None]
    side = model.config.patch_px
    inferer = SliceInferer(
        spatial_dim=0, roi_size=(side, side), sw_batch_size=WINDOWS, overlap=OVERLAP, mode="gaussian"
    )
    with torch.inference_mode():
        inferer(
            image, lambda windows: torch.sigmoid(model.network(windows.contiguous(memory_format=torch.channels_last)))
        )
    return report(before, start)


def large(volume: Path, network: str) -> dict[str, float]:
    """All of `mitoseg predict --memory 1G --format h5`."""
    model = make_model(network)
    start = now()
    segment(model, [volume], volume.parent / "found", Wish(kind="h5", memory=parse_memory("1G")))
    return report(0, start)


PARTS = {"ours": stream, "monai": monai, "large": large}


def now() -> tuple[float, float]:
    """Seconds on the clock, and of the processor: other programs make the first longer, hardly the second."""
    return time.perf_counter(), time.process_time()


def report(before: int, start: tuple[float, float]) -> dict[str, float]:
    """Seconds since `start`, and the most MiB that were held on top of `before`."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    clock, processor = (end - begin for end, begin in zip(now(), start, strict=True))
    return {"seconds": round(clock, 1), "processor": round(processor, 1), "mb": round((peak - before) / MB)}


def page(ours: dict[str, float], theirs: dict[str, float], whole: dict[str, float], network: str, small: bool) -> str:
    """The results as Markdown."""
    shape, large_shape = (SMALL, SMALL_LARGE) if small else (SHAPE, LARGE)
    return "\n".join(
        (
            "# Speed and memory of prediction",
            "",
            f"A volume of {' x '.join(map(str, shape))} voxels of smooth noise, the 2D network `{network}` with random",
            "weights, section by section. Memory is the peak of a process, less what it held before it opened the",
            "volume. Written by `benchmarks/predict_speed.py`.",
            "",
            "| | seconds | processor seconds | peak MiB |",
            "|---|---|---|---|",
            row("`mitoseg predict`, from file to file", ours),
            row("MONAI's `SliceInferer`, from array to array", theirs),
            row("ratio", {name: round(ours[name] / theirs[name], 2) for name in ours}),
            "",
            f"`mitoseg predict --memory 1G --format h5` on {' x '.join(map(str, large_shape))} voxels with the network",
            f"`tiny`, mask, probability, instances and table: {whole['seconds']} s, and the whole program held",
            f"{whole['mb']} MiB at most.",
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
