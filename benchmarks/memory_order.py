"""Seconds of a training step with images channels last in memory or not, with and without bfloat16, in 2D and 3D."""

import argparse
import time

import torch
from monai.losses.dice import DiceCELoss

from machine import conditions
from mitoseg.config.settings import FitConfig, make_config
from mitoseg.networks.device import memory_format
from mitoseg.networks.unet import build_model
from pipeline import run_program

CASES = {
    "2D base, 8 x 192 x 192": ("network=base", "patch_px=192", "batch=8"),
    "3D small, 2 x 64 x 64 x 64": ("network=small", "dimensions=3", "patch_px=64", "patch_z_px=64", "batch=2"),
    "3D small, flat voxels, 2 x 16 x 128 x 128": (
        *("network=small", "dimensions=3", "working_slice_nm=40"),
        *("patch_px=128", "patch_z_px=16", "batch=2"),
    ),
}


def main() -> None:
    """Parse, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=5, help="timed steps of each case, taken in turn")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    print("| | plain | channels last | plain, bfloat16 | channels last, bfloat16 |\n|---|---|---|---|---|")
    for name, texts in CASES.items():
        runs = [
            Run(make_config((*texts, f"channels_last={order}", f"device={arguments.device}")), half)
            for half in (False, True)
            for order in ("off", "on")
        ]
        for run in runs:
            run.step()  # what is made once is not timed
        seconds = [[run.step() for run in runs] for _ in range(arguments.steps)]
        best = [min(column) for column in zip(*seconds, strict=True)]
        print(f"| {name} | " + " | ".join(f"{each:.2f} s" for each in best) + " |", flush=True)
    print(f"\nBest of {arguments.steps}. {conditions(0)}")


class Run:
    """A network in training."""

    def __init__(self, config: FitConfig, half: bool) -> None:
        torch.manual_seed(0)
        self.half = half
        self.network = build_model(config).to(config.device)
        self.optimiser = torch.optim.AdamW(self.network.parameters())
        image = torch.randn(config.batch, 1, *config.patch_shape, device=config.device)
        self.image = image.contiguous(memory_format=memory_format(config))
        self.truth = (image > 1).float()
        self.loss = DiceCELoss(sigmoid=True)

    def step(self) -> float:
        """Take a step; its seconds."""
        began = time.perf_counter()
        self.optimiser.zero_grad(set_to_none=True)
        with torch.autocast(self.image.device.type, torch.bfloat16, enabled=self.half):
            logits = self.network(self.image)
        torch.autograd.backward(self.loss(logits.float(), self.truth))
        self.optimiser.step()
        if self.image.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began


if __name__ == "__main__":
    run_program(main)
