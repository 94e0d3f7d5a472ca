"""A model as an ONNX file beside its weights: how fast onnxruntime and torch are, and how far their maps differ.

Both see the same windows in turn, so that whatever else the machine does slows both. Then both segment the same
sections, rendered ones and those of files if any are given.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch

from machine import conditions
from mitodata import Sample
from mitodata.contrast import spread
from mitodata.hdf5.dataset import Dataset
from mitogen.rendering.process_pool import cores
from mitoseg.data.rendered import render_example
from mitoseg.inference.decoding import find_pieces
from mitoseg.inference.model import Model, load_model
from mitoseg.inference.predictor import predict_maps
from mitoseg.inference.tiling import LARGER
from mitoseg.models.portable import Portable, write_onnx
from pipeline import run_program
from steps import write_page

SECTION_PX = 768
SECTIONS = 5
"""Of each file."""


@dataclass(frozen=True)
class Speed:
    """Median milliseconds for a window, with so many threads."""

    threads: int
    torch_ms: float
    onnx_ms: float


@dataclass(frozen=True)
class Agreement:
    """How two models differ on some sections: probability, and pixels of their masks."""

    images: str
    sections: int
    largest: float
    pixels: int
    differing: int


def main() -> None:
    """Parse, export, measure, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", nargs="?", help="as mitoseg predict takes it; the newest released model if left out")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.h5", help="sections to compare masks on as well")
    parser.add_argument("--rounds", type=int, default=20, help="windows that each sees")
    parser.add_argument("--small", action="store_true", help="to see that it runs; no page is written")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/onnx-speed.md"), metavar="FILE.md")
    arguments = parser.parse_args()
    ours = replace(load_model(arguments.model, "cpu"), precision="full")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write_onnx(path, Portable(ours.network, ours.config, asdict(ours.decoding), ours.card))
        rounds = 2 if arguments.small else arguments.rounds
        speeds = [measure_speed(ours, path, threads, rounds) for threads in sorted({1, cores()})]
        theirs, side = load_model(path), 256 if arguments.small else SECTION_PX
        found = [compare("rendered tissue", [render_example(ours.config, (1, side, side))], ours, theirs)]
        found += [compare(file.stem, sections(file), ours, theirs) for file in arguments.files]
    text = page(ours, speeds, found)
    if arguments.small:
        print(text)
        return
    write_page(arguments.output, text)
    print(arguments.output)


def measure_speed(ours: Model, path: Path, threads: int, rounds: int) -> Speed:
    """Let both see the same windows in turn; the first ones, which prepare, do not count."""
    torch.set_num_threads(threads)
    models = (ours, load_model(path))
    side = ours.config.patch_px * (LARGER if ours.config.dimensions == 2 else 1)
    window = torch.randn(1, 1, ours.config.patch_z_px if ours.config.dimensions == 3 else 1, side, side)
    spent: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 2):
        for model, times in zip(models, spent, strict=True):
            start = time.perf_counter()
            model.predict_windows(window)
            if number >= 2:
                times.append(time.perf_counter() - start)
    return Speed(threads, *(1e3 * median(times) for times in spent))


def sections(file: Path) -> Iterator[Sample]:
    """Some sections of a file, spread over it."""
    with Dataset(file) as dataset:
        for number in spread(len(dataset), SECTIONS):
            sample = dataset[number]
            for z in spread(sample.raw.shape[0], SECTIONS if len(dataset) == 1 else 1):
                yield Sample(sample.raw[z : z + 1], sample.voxel_size_nm)


def compare(name: str, samples: Iterator[Sample] | list[Sample], ours: Model, theirs: Model) -> Agreement:
    """Segment sections with both."""
    count, largest, pixels, differing = 0, 0.0, 0, 0
    for sample in samples:
        maps = [predict_maps(model, sample.raw, sample.voxel_size_nm) for model in (ours, theirs)]
        masks = [np.asarray(find_pieces(each, ours.decoding, apart=True)[:]) > 0 for each in maps]
        count, pixels = count + 1, pixels + masks[0].size
        largest = max(largest, float(np.abs(maps[0] - maps[1]).max()))
        differing += int((masks[0] != masks[1]).sum())
    return Agreement(name, count, largest, pixels, differing)


def page(ours: Model, speeds: list[Speed], found: list[Agreement]) -> str:
    """The results as Markdown."""
    lines = [
        "# ONNX beside torch",
        "",
        f"`{ours.name}` as an ONNX file, computed by onnxruntime, beside its weights, computed by torch.",
        "Both saw the same windows in turn. Written by `benchmarks/onnx_speed.py`.",
        "",
        "| threads | torch, ms a window | ONNX, ms a window | ONNX / torch |",
        "|---|---|---|---|",
        *(f"| {s.threads} | {s.torch_ms:.1f} | {s.onnx_ms:.1f} | {s.onnx_ms / s.torch_ms:.2f} |" for s in speeds),
        "",
        "Differences of probability and masks, with the model's thresholds:",
        "",
        "| images | sections | largest difference of probability | pixels | pixels of masks that differ |",
        "|---|---|---|---|---|",
        *(f"| {f.images} | {f.sections} | {f.largest:.1g} | {f.pixels:,} | {f.differing} |" for f in found),
        "",
        conditions(0),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    run_program(main)
