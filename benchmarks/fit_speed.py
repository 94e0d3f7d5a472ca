"""Patches per second of training: `mitoseg fit` against a plain MONAI loop, the same network on the same images.

The plain loop is that of MONAI's tutorials: a Dataset of dictionaries, LoadImaged, random crops balanced between
foreground and background, the transforms of `augmentation_speed.py`, a DataLoader, DiceCELoss, AdamW. Images are
rendered at the pixel size the network works at, so that neither side resamples. Ours also averages weights and clips
gradients.

Rates are per second of processor time with everything in one process and one thread, so other programs on the machine
count little.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from monai.data.dataloader import DataLoader
from monai.data.dataset import Dataset
from monai.data.utils import list_data_collate
from monai.losses.dice import DiceCELoss
from monai.networks.nets.basic_unet import UpCat
from monai.transforms.compose import Compose
from monai.transforms.croppad.dictionary import RandCropByPosNegLabeld
from monai.transforms.intensity.dictionary import NormalizeIntensityd, ScaleIntensityd
from monai.transforms.io.dictionary import LoadImaged
from PIL import Image

from augmentation_speed import SIDE, WINDOW, monai_chain
from machine import conditions
from mitodata.hdf5.dataset import Dataset as MitoDataset
from mitogen.recipe.recipe import open_recipe
from mitogen.rendering.dataset import render_dataset
from mitogen.rendering.job import Job
from mitoseg.config.settings import FitConfig, make_config
from mitoseg.data import Patches, SectionFiles, make_loader
from mitoseg.data.sections import mask_of
from mitoseg.networks.unet import build_model
from mitoseg.training.learner import Learner
from steps import write_page

NETWORKS = ("tiny", "small", "base")

FULL = {"amp": "off"}
"""32-bit arithmetic, as of the plain loop, where `mitoseg fit` would take bfloat16 by itself."""

Step = Callable[[], tuple[float, float]]
"""Trains one step; processor time for the batch and for the network, s."""


def make_images(folder: Path, count: int) -> tuple[Path, list[dict[str, str]]]:
    """Render images; the same ones as HDF5 and as pairs of PNG."""
    recipe = open_recipe("mito", ("section.pixel_nm=8",))
    path = folder / "train.h5"
    render_dataset(Job(recipe, shape=(1, 256, 256)), path, count, workers=1, progress=False)
    pairs = []
    with MitoDataset(path) as samples:
        for number, sample in enumerate(samples):
            pair = {name: str(folder / f"{number}-{name}.png") for name in ("image", "mask")}
            Image.fromarray(sample.raw[0]).save(pair["image"])
            Image.fromarray(255 * mask_of(sample)[0]).save(pair["mask"])
            pairs.append(pair)
    return path, pairs


def ours(config: FitConfig, path: Path) -> Step:
    """A step of `mitoseg fit`."""
    learner, files = Learner(config), SectionFiles([path])
    batches = iter(make_loader(Patches(files, files.sections(), config), 0, None))

    def step() -> tuple[float, float]:
        began = time.process_time()
        windows = next(batches)
        made = time.process_time()
        learner.learn(windows, 0.5)
        return made - began, time.process_time() - made

    return step


def plain(config: FitConfig, pairs: list[dict[str, str]]) -> Step:
    """A step of a loop as MONAI's tutorials have it."""
    both = ("image", "mask")
    load = Compose(
        [
            LoadImaged(both, ensure_channel_first=True),
            NormalizeIntensityd("image"),
            ScaleIntensityd("mask"),
            RandCropByPosNegLabeld(both, "mask", (WINDOW, WINDOW), pos=1, neg=3, num_samples=1),
            monai_chain(config.augment),
        ]
    )
    loader = DataLoader(
        Dataset(pairs, load), batch_size=config.batch, shuffle=True, collate_fn=list_data_collate, drop_last=True
    )
    # A plain loop leaves tensors in the order that torch makes them in, and the U-Net as MONAI makes it.
    network = build_model(config.model_copy(update={"channels_last": "off"}))
    for module in network.modules():
        if isinstance(module, UpCat):
            module.is_pad = True
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate)
    loss_of = DiceCELoss(sigmoid=True)

    def endless() -> Iterator[dict[str, torch.Tensor]]:
        while True:
            yield from loader

    batches = endless()

    def step() -> tuple[float, float]:
        began = time.process_time()
        batch = next(batches)
        made = time.process_time()
        optimiser.zero_grad()
        loss = loss_of(network(batch["image"]), (batch["mask"] > 0.5).float())
        loss.backward()
        optimiser.step()
        return made - began, time.process_time() - made

    return step


def measure(step: Step, steps: int) -> tuple[float, float]:
    """Processor time of a step for the batch and for the network, s, over `steps` after a first one."""
    step()
    times = [step() for _ in range(steps)]
    return sum(batch for batch, _ in times) / steps, sum(network for _, network in times) / steps


def main() -> None:
    """Measure both loops in turn, network by network, and write the rates down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--steps", type=int, default=10, help="of each loop, in each of three rounds")
    parser.add_argument("--output", type=Path, default=Path("docs/results/fit-speed.md"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path, pairs = make_images(Path(folder), arguments.images)
        for name in NETWORKS:
            config = make_config((f"network={name}", f"patch_px={SIDE}", "device=cpu"))
            loops = ours(config, path), ours(config.model_copy(update=FULL), path), plain(config, pairs)
            rounds = [[measure(loop, arguments.steps) for loop in loops] for _ in range(3)]
            best = [min(times, key=sum) for times in zip(*rounds, strict=True)]
            rates = " | ".join(f"{config.batch / sum(times):.1f}" for times in best)
            ratios = [", ".join(f"{sum(each[2]) / sum(each[i]):.2f}" for each in rounds) for i in (0, 1)]
            waits = " | ".join(f"{batch / (batch + network):.0%}" for batch, network in (best[0], best[2]))
            rows.append(f"| {name} | {rates} | {ratios[0]} | {ratios[1]} | {waits} |")
    text = (
        "# Training speed\n\n"
        f"Written by `python benchmarks/fit_speed.py`: patches of {SIDE} px in batches of {config.batch}, one thread,\n"
        "everything in one process; patches a second of processor time, best of three rounds side by side. For\n"
        "`mitoseg fit` a batch is made by reading it, and augmentation is part of the step. It takes bfloat16 by\n"
        "itself where the processor has instructions for it, which the plain MONAI loop does not. Ratios are of the\n"
        "three rounds. *Batches* is the share of the time that making them takes.\n\n"
        "| network | `mitoseg fit` | `amp=off` | plain loop | ratio | ratio, `amp=off` | batches, ours | theirs |\n"
        "|---|---|---|---|---|---|---|---|\n" + "\n".join(rows) + f"\n\n{conditions(seed=0)}\n"
    )
    write_page(arguments.output, text)
    print(text)


if __name__ == "__main__":
    main()
