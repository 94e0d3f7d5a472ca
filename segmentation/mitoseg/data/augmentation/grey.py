"""Changes of grey levels; the planes of the target stay as they are."""

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from mitoseg.config.settings import Augmentation
from mitoseg.data.augmentation.fields import share, smooth_field, uniform, white_noise


def change_grey(image: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Change gamma, contrast and brightness of (B, 1, Z, Y, X), and add a smooth shading."""
    count = len(image)
    gamma, contrast, brightness = (uniform(count, generator, image) for _ in range(3))
    changed = image
    if settings.gamma > 0:
        # Grey levels within three standard deviations become [0, 1] for the power and come back.
        levels = ((image + 3) / 6).clamp(1e-3, 1)
        changed = levels ** torch.exp(gamma * settings.gamma) * 6 - 3
    changed = changed * torch.exp(contrast * settings.contrast) + brightness * settings.brightness
    if settings.shading > 0:
        amplitude = share(count, generator, image) * settings.shading
        height, width = image.shape[-2:]
        field = smooth_field(count, 1, max(height, width), generator, image.device)[:, :, None, :height, :width]
        changed = changed + amplitude * field
    return changed


DETAIL_PX = 1.0
"""Sigma of the Gaussian whose difference to the image is the detail that sharpening adds, px."""


def degrade(image: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Blur, sharpen or coarsen some images of (B, 1, Z, Y, X) in the plane, and add noise to all."""
    count = len(image)
    blurred = torch.rand(count, generator=generator) < settings.blur_probability
    sigma = torch.rand(count, generator=generator) * settings.blur_px
    sharpened = torch.rand(count, generator=generator) < settings.sharpen_probability
    amount = torch.rand(count, generator=generator) * settings.sharpen
    coarse = torch.rand(count, generator=generator) < settings.low_resolution_probability
    factor = 1 + torch.rand(count, generator=generator) * (settings.low_resolution - 1)
    image = image.clone()
    if settings.blur_px > 0 and blurred.any():
        image[blurred] = gaussian_blur(image[blurred], sigma[blurred])
    if settings.sharpen > 0 and sharpened.any():
        image[sharpened] = sharpen(image[sharpened], amount[sharpened])
    for i in torch.nonzero(coarse).flatten().tolist():
        image[i] = coarsen(image[i], float(factor[i]))
    if settings.noise > 0:
        level = share(count, generator, image) * settings.noise
        image = image + level * white_noise(image, generator)
    return image


def sharpen(image: Tensor, amount: Tensor) -> Tensor:
    """Add `amount` (B,) times its detail to each image of (B, 1, Z, Y, X): an unsharp mask.

    Images that were brought down from finer pixels carry more detail than what is drawn at the pixels of the network.
    """
    soft = gaussian_blur(image, torch.full((len(image),), DETAIL_PX))
    return image + amount.to(image)[:, None, None, None, None] * (image - soft)


def coarsen(image: Tensor, factor: float) -> Tensor:
    """Shrink (1, Z, Y, X) in the plane by `factor` and grow it again."""
    plane = (image.shape[-2], image.shape[-1])
    small = (max(1, round(plane[0] / factor)), max(1, round(plane[1] / factor)))
    shrunk = functional.interpolate(image, size=small, mode="bilinear", antialias=True)
    return functional.interpolate(shrunk, size=plane, mode="bilinear", align_corners=False)


def gaussian_blur(image: Tensor, sigma: Tensor) -> Tensor:
    """Blur (B, 1, Z, Y, X) in the plane, each image with its own sigma (B,), px.

    All images go through two grouped convolutions, an image a group.
    """
    reach = max(1, math.ceil(3 * float(sigma.max())))
    taps = torch.arange(-reach, reach + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (taps / sigma.cpu().clamp(min=1e-3)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).to(image.device)
    stacked = functional.pad(image[:, 0].transpose(0, 1), (reach,) * 4, mode="replicate")
    stacked = functional.conv2d(stacked, kernel[:, None, None, :], groups=len(image))
    return functional.conv2d(stacked, kernel[:, None, :, None], groups=len(image)).transpose(0, 1)[:, None]
