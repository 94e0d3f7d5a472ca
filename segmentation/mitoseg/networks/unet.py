"""The networks: our U-Nets, 2D and 3D, behind a space-to-depth stem, and every network of MONAI by name."""

from math import prod
from typing import Any

from monai.networks.nets.dynunet import DynUNet
from torch import Tensor, nn

from mitodata import RunError
from mitoseg.config.settings import FitConfig
from mitoseg.networks.device import channels_last, memory_format
from mitoseg.networks.monai import monai_network
from mitoseg.networks.stem_unet import STEM, StemUNet
from mitoseg.networks.targets import output_channels

FEATURES = {
    "tiny": (8, 16, 32, 64, 64, 8),
    "small": (16, 32, 64, 128, 256, 16),
    "base": (24, 48, 96, 192, 256, 24),
    "large": (48, 96, 192, 384, 512, 48),
}
"""Channels of the five levels and of the last decoder stage in 2D, by size of network; in 3D the first four levels."""

REDUCTION = STEM * 2**4
"""Sides of what goes into our U-Net in 2D must be a multiple of this: the stem and four poolings halve them."""

ISOTROPIC = 1.5
"""A level halves z too where its voxels are less than this many times as long in z as in y and x."""


class StemUNet3D(nn.Module):
    """A 3D U-Net from grey blocks to logits of the same size.

    Strides follow the voxels, as in nnU-Net (Isensee et al., Nature Methods 2021): z is halved, and convolved over,
    only where the voxels of a level are about as long in z as in y and x.
    """

    def __init__(self, config: FitConfig) -> None:
        super().__init__()
        strides = strides_3d(config)
        channels = output_channels(config.target)
        self.fold = strides[0]
        block = self.fold[0] * self.fold[1] * self.fold[2]
        levels = [(1, 1, 1), *strides[1:]]
        self.unet = DynUNet(
            spatial_dims=3,
            in_channels=block,
            out_channels=channels * block,
            kernel_size=_kernels_3d(config, strides),
            strides=levels,
            upsample_kernel_size=levels[1:],
            filters=FEATURES[config.network][: len(levels)],
            norm_name=_norm(config),
            dropout=config.dropout or None,
        )

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, 1, Z, Y, X) float32, sides multiples of `sides_3d`, to logits (B, C, Z, Y, X) float32."""
        logits: Tensor = unfold_blocks(self.unet(fold_blocks(image, self.fold)), self.fold)
        return logits


def build_model(config: FitConfig) -> nn.Module:
    """Make the network of `config` with random weights (from torch's global generator).

    Raises:
        RunError: no such network, an argument that it does not take, or a patch that it cannot work on.
    """
    if config.network in FEATURES:
        if config.network_arguments:
            raise RunError(
                f"network_arguments: got {', '.join(config.network_arguments)} for network {config.network}, which "
                "takes none; expected a class of monai.networks.nets as network"
            )
        _check_patch(config)
        network: nn.Module = StemUNet(**arguments_2d(config)) if config.dimensions == 2 else StemUNet3D(config)
    else:
        network = monai_network(config, tuple(FEATURES))
    if channels_last(config):
        for weight in network.parameters():
            if weight.ndim == 2 + config.dimensions:
                weight.data = weight.data.contiguous(memory_format=memory_format(config))
    return network


def arguments_2d(config: FitConfig) -> dict[str, Any]:
    """Arguments of `StemUNet` for a config with one of our networks; JSON can hold them."""
    return {
        "features": list(FEATURES[config.network]),
        "channels": output_channels(config.target),
        "norm": list(_norm(config)),
        "dropout": config.dropout,
    }


def strides_3d(config: FitConfig) -> list[tuple[int, int, int]]:
    """How much the stem and each level of our 3D U-Net shorten z, y and x."""
    z, yx = config.working_voxel[:2]
    strides = []
    for _ in range(4):
        halved = z < ISOTROPIC * yx
        strides.append((2 if halved else 1, 2, 2))
        z, yx = (2 * z if halved else z), 2 * yx
    return strides


def sides_3d(config: FitConfig) -> tuple[int, int, int]:
    """What the sides (z, y, x) of a block that goes into our 3D U-Net must be multiples of."""
    strides = strides_3d(config)
    z = y = x = 1
    for stride in strides:
        z, y, x = z * stride[0], y * stride[1], x * stride[2]
    return z, y, x


def fold_blocks(image: Tensor, block: tuple[int, int, int]) -> Tensor:
    """Space to depth: (B, C, Z, Y, X) to (B, C * z * y * x, Z / z, Y / y, X / x), `block` being (z, y, x)."""
    b, c = image.shape[:2]
    (z, dz), (y, dy), (x, dx) = ((size // side, side) for size, side in zip(image.shape[2:], block, strict=True))
    blocks = image.reshape(b, c, z, dz, y, dy, x, dx).permute(0, 1, 3, 5, 7, 2, 4, 6)
    return blocks.reshape(b, c * dz * dy * dx, z, y, x)


def unfold_blocks(image: Tensor, block: tuple[int, int, int]) -> Tensor:
    """Depth to space, the inverse of `fold_blocks`."""
    b, channels, z, y, x = image.shape
    dz, dy, dx = block
    c = channels // (dz * dy * dx)
    blocks = image.reshape(b, c, dz, dy, dx, z, y, x).permute(0, 1, 5, 2, 6, 3, 7, 4)
    return blocks.reshape(b, c, z * dz, y * dy, x * dx)


def _norm(config: FitConfig) -> tuple[str, dict[str, Any]]:
    return (config.norm, {"affine": True, "num_groups": 8} if config.norm == "group" else {"affine": True})


def _kernels_3d(config: FitConfig, strides: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Kernels of the levels: flat where a voxel of the level is at least twice as long in z as in y and x."""
    z, yx = config.working_voxel[:2]
    kernels = []
    for stride in strides:
        z, yx = z * stride[0], yx * stride[1]
        kernels.append((1 if z >= 2 * yx else 3, 3, 3))
    return kernels


def _check_patch(config: FitConfig) -> None:
    """See whether the U-Net can halve a patch as often as it wants and has positions left to normalise over."""
    wanted = (REDUCTION, REDUCTION) if config.dimensions == 2 else sides_3d(config)
    positions = [side / unit for side, unit in zip(config.patch_shape, wanted, strict=True)]
    if any(number % 1 for number in positions) or prod(positions) < 2:
        raise RunError(
            f"patch of {config.patch_shape} px; expected multiples of {wanted}, together at least two of them, for "
            f"voxels of {config.working_voxel} nm (z, y, x); change patch_px or patch_z_px"
        )
