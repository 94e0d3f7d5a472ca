"""Our 2D U-Net, of torch and MONAI alone: packages of the BioImage Model Zoo hold this file as their architecture."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from monai.networks.nets.basic_unet import BasicUNet, UpCat
from torch import Tensor, nn

STEM = 2
"""Side of the pixel blocks that the stem folds into channels. A convolution then sees half as many positions on each
axis, which makes training on a CPU three to five times as fast and costs no visible detail at 10 nm a pixel."""


class StemUNet(nn.Module):
    """A 2D U-Net from grey images to logits of the same size.

    The stem is `PixelUnshuffle`, the head `PixelShuffle`: nothing is lost on the way in, and each position of the
    last layer predicts its whole block of pixels.
    """

    def __init__(
        self, features: Sequence[int], channels: int, norm: Sequence[str | Mapping[str, Any]], dropout: float = 0.0
    ) -> None:
        """Make it with random weights.

        Args:
            features: channels of the five levels and of the last decoder stage.
            channels: of the output.
            norm: name of a normalisation of MONAI, and its arguments.
            dropout: share of what is dropped in training.
        """
        super().__init__()
        block = STEM * STEM
        self.fold = nn.PixelUnshuffle(STEM)
        self.unet = BasicUNet(2, block, channels * block, tuple(features), norm=tuple(norm), dropout=dropout)
        for module in self.unet.modules():
            if isinstance(module, UpCat):
                # Sides are multiples of what is halved. Padding by nothing would copy, a tenth of the time of a step.
                module.is_pad = False
        self.unfold = nn.PixelShuffle(STEM)

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, 1, Y, X) float32, sides multiples of 32, to logits (B, C, Y, X) float32."""
        logits: Tensor = self.unfold(self.unet(self.fold(image)))
        return logits


class MapUNet(nn.Module):
    """The U-Net with what turns its logits into maps; its arguments are those of `StemUNet`."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__()
        self.network = StemUNet(**arguments)

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, 1, Y, X) float32 to maps (B, C, Y, X) float32 in [0, 1]."""
        return torch.sigmoid(self.network(image))
