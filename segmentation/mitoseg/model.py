"""The network: a MONAI U-Net that works at half resolution behind a space-to-depth stem."""

import torch
from monai.networks.nets.basic_unet import BasicUNet
from torch import Tensor, nn

from mitoseg.config import FitConfig

STEM = 2
"""Side of the pixel blocks that the stem folds into channels. A convolution then sees half as many positions on each
axis, which makes training on a CPU three to five times as fast and costs no visible detail at 8 nm a pixel."""

FEATURES = {
    "tiny": (8, 16, 32, 64, 64, 8),
    "small": (16, 32, 64, 128, 256, 16),
    "base": (24, 48, 96, 192, 256, 24),
    "large": (48, 96, 192, 384, 512, 48),
}
"""Channels of the five levels and of the last decoder stage, by size of network."""

REDUCTION = STEM * 2**4
"""Sides of what goes in must be a multiple of this: the stem and four poolings halve them."""


class StemUNet(nn.Module):
    """A 2D U-Net from grey images to logits of the same size.

    The stem is `PixelUnshuffle`, the head `PixelShuffle`: nothing is lost on the way in, and each position of the
    last layer predicts its whole block of pixels.
    """

    def __init__(self, features: tuple[int, ...], norm: str, out_channels: int = 1) -> None:
        super().__init__()
        layer = ("instance", {"affine": True}) if norm == "instance" else ("group", {"num_groups": 8, "affine": True})
        block = STEM * STEM
        self.fold = nn.PixelUnshuffle(STEM)
        self.unet = BasicUNet(2, block, out_channels * block, features, norm=layer)
        self.unfold = nn.PixelShuffle(STEM)

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, 1, Y, X) float32, sides multiples of `REDUCTION`, to logits (B, C, Y, X) float32."""
        logits: Tensor = self.unfold(self.unet(self.fold(image)))
        return logits


def build_model(config: FitConfig) -> StemUNet:
    """Make the network of `config` with random weights (from torch's global generator), channels last in memory."""
    network = StemUNet(FEATURES[config.network], config.norm)
    for weight in network.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return network


def pick_device(name: str) -> torch.device:
    """The device that `name` ("auto", "cpu", "cuda") stands for on this machine."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
