"""Augmentation of whole batches in torch, image and mask in step.

MONAI's dictionary transforms do the same one image at a time, at about a quarter of the speed
(`benchmarks/augmentation_speed.py`), which on two cores is time taken from the network.
Here a batch goes through one `grid_sample` and a few vector operations. Each function applies numbers that it is given
or draws from an explicit generator.
"""

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from mitoseg.config import Augmentation

CONTROL_POINTS = 6
"""Points a side of the random fields behind elastic warps and shading."""


def augment(planes: Tensor, settings: Augmentation, side: int, generator: Generator) -> Tensor:
    """Augment a batch.

    Args:
        planes: (B, 3, Y, X) float32: normalised grey, foreground share, ignored share (see `mitoseg.data.Patches`).
        settings: how much; see there.
        side: side of the result, px; at most Y and X.
        generator: where all numbers come from.

    Returns:
        (B, 3, side, side) float32, the middle of the window where nothing is changed.
    """
    if not settings.enabled:
        top, left = (planes.shape[-2] - side) // 2, (planes.shape[-1] - side) // 2
        return planes[:, :, top : top + side, left : left + side]
    planes = warp(planes, settings, side, generator)
    image, masks = planes[:, :1], planes[:, 1:]
    image = change_grey(image, settings, generator)
    image = degrade(image, settings, generator)
    return cut_out(image, masks, settings, generator)


def warp(planes: Tensor, settings: Augmentation, side: int, generator: Generator) -> Tensor:
    """Flip, turn, magnify and bend, all in one interpolation; outside the window it is mirrored."""
    count, _, height, width = planes.shape
    angle = _uniform(count, generator) * math.radians(settings.rotation_deg)
    scale = torch.exp(-_uniform(count, generator) * math.log(settings.zoom))
    mirror = torch.ones(count)
    if settings.flip:
        angle = angle + torch.randint(4, (count,), generator=generator) * (math.pi / 2)
        mirror = torch.randint(2, (count,), generator=generator) * 2.0 - 1.0
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    # Output px to input px, both from the middle; grid_sample wants them as shares of half the input's size.
    matrix = torch.stack([cosine * mirror, -sine, sine * mirror, cosine], 1).reshape(count, 2, 2)
    axis = torch.arange(side, dtype=torch.float32) - (side - 1) / 2
    positions = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)
    grid = torch.einsum("nij,yxj->nyxi", matrix, positions)
    if settings.elastic_px > 0:
        grid = grid + settings.elastic_px * smooth_field(count, 2, side, generator).permute(0, 2, 3, 1)
    grid = grid / torch.tensor([width / 2, height / 2])
    return functional.grid_sample(planes, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def change_grey(image: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Change gamma, contrast and brightness of (B, 1, Y, X), and add a smooth shading."""
    count = len(image)
    gamma, contrast, brightness = (_uniform(count, generator)[:, None, None, None] for _ in range(3))
    # Grey levels within three standard deviations become [0, 1] for the power and come back.
    share = ((image + 3) / 6).clamp(1e-3, 1)
    changed = share ** torch.exp(gamma * settings.gamma) * 6 - 3
    changed = changed * torch.exp(contrast * settings.contrast) + brightness * settings.brightness
    if settings.shading > 0:
        amplitude = torch.rand(count, 1, 1, 1, generator=generator) * settings.shading
        changed = changed + amplitude * smooth_field(count, 1, image.shape[-1], generator)
    return changed


def degrade(image: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Blur or coarsen some images of (B, 1, Y, X) and add noise to all."""
    count = len(image)
    blurred = torch.rand(count, generator=generator) < settings.blur_probability
    sigma = torch.rand(count, generator=generator) * settings.blur_px
    coarse = torch.rand(count, generator=generator) < settings.low_resolution_probability
    factor = 1 + torch.rand(count, generator=generator) * (settings.low_resolution - 1)
    image = image.clone()
    if settings.blur_px > 0 and blurred.any():
        image[blurred] = gaussian_blur(image[blurred], sigma[blurred])
    for i in torch.nonzero(coarse).flatten().tolist():
        side = image.shape[-1]
        small = max(1, round(side / float(factor[i])))
        shrunk = functional.interpolate(image[i : i + 1], size=(small, small), mode="bilinear", antialias=True)
        image[i : i + 1] = functional.interpolate(shrunk, size=(side, side), mode="bilinear", align_corners=False)
    if settings.noise > 0:
        level = torch.rand(count, 1, 1, 1, generator=generator) * settings.noise
        image = image + level * torch.randn(image.shape, generator=generator)
    return image


def cut_out(image: Tensor, masks: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Blank a rectangle of some images and ignore it in their masks: nothing can be known there."""
    planes = torch.cat([image, masks], 1)
    side = image.shape[-1]
    chosen = torch.rand(len(image), generator=generator) < settings.cutout_probability
    sizes = torch.rand(len(image), 2, generator=generator) * settings.cutout * side
    corners = torch.rand(len(image), 2, generator=generator)
    for i in torch.nonzero(chosen).flatten().tolist():
        height, width = (int(size) for size in sizes[i])
        top, left = int(corners[i, 0] * (side - height)), int(corners[i, 1] * (side - width))
        planes[i, 0, top : top + height, left : left + width] = 0
        planes[i, 1, top : top + height, left : left + width] = 0
        planes[i, 2, top : top + height, left : left + width] = 1
    return planes


def smooth_field(count: int, channels: int, side: int, generator: Generator) -> Tensor:
    """Smooth random fields, (count, channels, side, side) float32 of about mean 0 and standard deviation 1."""
    points = torch.randn(count, channels, CONTROL_POINTS, CONTROL_POINTS, generator=generator)
    field = functional.interpolate(points, size=(side, side), mode="bicubic", align_corners=True)
    # Interpolation between independent points lowers their standard deviation to about 0.84.
    return field / 0.84


def gaussian_blur(image: Tensor, sigma: Tensor) -> Tensor:
    """Blur (B, 1, Y, X), each image with its own sigma (B,), px; all images go through two grouped convolutions."""
    reach = max(1, math.ceil(3 * float(sigma.max())))
    taps = torch.arange(-reach, reach + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (taps / sigma.clamp(min=1e-3)[:, None]) ** 2)
    kernel = kernel / kernel.sum(1, keepdim=True)
    stacked = functional.pad(image.transpose(0, 1), (reach,) * 4, mode="replicate")
    stacked = functional.conv2d(stacked, kernel[:, None, None, :], groups=len(image))
    return functional.conv2d(stacked, kernel[:, None, :, None], groups=len(image)).transpose(0, 1)


def _uniform(count: int, generator: Generator) -> Tensor:
    return torch.rand(count, generator=generator) * 2 - 1
