"""Changes of place, the same for the image and all planes that belong to it."""

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from mitoseg.config.settings import Augmentation
from mitoseg.data.augmentation.fields import smooth_field


def warp(
    volumes: Tensor, settings: Augmentation, shape: tuple[int, int, int], generator: Generator, numbers: bool = False
) -> Tensor:
    """Flip, turn, magnify, shear, shift and bend; outside the window it is mirrored.

    All slices of a patch are warped alike, so they go through one interpolation in the plane as if they were channels:
    that is faster than interpolating in three dimensions, and sections stay sections.

    Args:
        volumes: (B, C, Z, Y, X) float32, the image first.
        settings: how much.
        shape: (z, y, x) of the result, px.
        generator: where the random numbers come from.
        numbers: whether all planes but the image take the nearest value instead of a mean.
    """
    count, _, depth = volumes.shape[:3]
    scale = torch.exp(-_uniform(count, generator) * math.log(settings.zoom))
    if depth > 1:
        upside_down = torch.randint(2, (count,), generator=generator) if settings.flip else torch.zeros(count)
        volumes = _stretch(volumes, scale * (1 - 2 * upside_down), shape[0], numbers)
    grid = _grid(volumes, settings, scale, shape[1:], generator)
    if numbers:
        return torch.cat([_sample(volumes[:, :1], grid, "bilinear"), _sample(volumes[:, 1:], grid, "nearest")], 1)
    return _sample(volumes, grid, "bilinear")


def displace_sections(volumes: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Shift one section of some patches (B, C, Z, Y, X) against its neighbours, labels with it."""
    count, _, depth, *plane = volumes.shape
    chosen = torch.rand(count, generator=generator) < settings.misaligned_probability
    places = torch.randint(depth, (count,), generator=generator).tolist()
    shifts = (_uniform(2 * count, generator).reshape(count, 2) * settings.misaligned_px).round().int().tolist()
    if not chosen.any() or settings.misaligned_px == 0:
        return volumes
    volumes = volumes.clone()
    for i in torch.nonzero(chosen).flatten().tolist():
        rows, columns = (_mirrored(length, shift) for length, shift in zip(plane, shifts[i], strict=True))
        volumes[i, :, places[i]] = volumes[i, :, places[i]][:, rows][:, :, columns]
    return volumes


def _grid(
    volumes: Tensor, settings: Augmentation, scale: Tensor, plane: tuple[int, int], generator: Generator
) -> Tensor:
    """Where each pixel of the result comes from: (B, Y, X, 2) as `grid_sample` takes it."""
    count, (height, width) = len(volumes), volumes.shape[-2:]
    angle = _uniform(count, generator) * math.radians(settings.rotation_deg)
    mirror = torch.ones(count)
    if settings.flip:
        angle = angle + torch.randint(4, (count,), generator=generator) * (math.pi / 2)
        mirror = torch.randint(2, (count,), generator=generator) * 2.0 - 1.0
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    # Output px to input px, both from the middle; grid_sample wants them as shares of half the input's size.
    matrix = torch.stack([cosine * mirror, -sine, sine * mirror, cosine], 1).reshape(count, 2, 2)
    if settings.shear_deg > 0:
        slant = torch.eye(2).repeat(count, 1, 1)
        slant[:, 0, 1] = torch.tan(_uniform(count, generator) * math.radians(settings.shear_deg))
        matrix = matrix @ slant
    y, x = (torch.arange(side, dtype=torch.float32) - (side - 1) / 2 for side in plane)
    positions = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).to(volumes.device)
    grid = torch.einsum("nij,yxj->nyxi", matrix.to(volumes.device), positions)
    if settings.elastic_px > 0:
        field = smooth_field(count, 2, max(plane), generator, volumes.device)[..., : plane[0], : plane[1]]
        grid = grid + settings.elastic_px * field.permute(0, 2, 3, 1)
    if settings.shift_px > 0:
        shift = _uniform(2 * count, generator).reshape(count, 1, 1, 2) * settings.shift_px
        grid = grid + shift.to(volumes.device)
    return grid / torch.tensor([width / 2, height / 2], device=volumes.device)


def _sample(volumes: Tensor, grid: Tensor, mode: str) -> Tensor:
    """Take (B, C, Z, Y, X) at the places `grid` (B, Y', X', 2) of every slice."""
    count, channels, depth = volumes.shape[:3]
    flat = volumes.reshape(count, channels * depth, *volumes.shape[-2:])
    moved = functional.grid_sample(flat, grid, mode=mode, padding_mode="reflection", align_corners=False)
    return moved.reshape(count, channels, depth, *grid.shape[1:3])


def _stretch(volumes: Tensor, scale: Tensor, depth: int, numbers: bool) -> Tensor:
    """Magnify (B, C, Z, Y, X) in z by one over `scale` (B,), negative ones upside down, and cut it to `depth`.

    With `numbers` all planes but the first take the nearer of two slices instead of a mean.
    """
    length = volumes.shape[2]
    steps = torch.arange(depth) - (depth - 1) / 2
    z = (steps * scale[:, None] + (length - 1) / 2).to(volumes.device)
    low = z.floor()
    weight = (z - low)[:, None, :, None, None].expand(-1, volumes.shape[1], -1, -1, -1)
    if numbers:
        weight = torch.cat([weight[:, :1], weight[:, 1:].round()], 1)
    index = torch.arange(len(volumes), device=volumes.device)[:, None]
    # Indexing with a slice between two lists puts the slice last: (B, Z, C, Y, X).
    below, above = (volumes[index, :, _reflect(low.long() + step, length)].transpose(1, 2) for step in (0, 1))
    return torch.lerp(below, above, weight)


def _mirrored(length: int, shift: int) -> Tensor:
    return _reflect(torch.arange(length) + shift, length)


def _reflect(index: Tensor, length: int) -> Tensor:
    """Bring indices into 0 ... length - 1, mirrored at the edges."""
    index = index % (2 * length)
    return torch.minimum(index, 2 * length - 1 - index)


def _uniform(count: int, generator: Generator) -> Tensor:
    return torch.rand(count, generator=generator) * 2 - 1
