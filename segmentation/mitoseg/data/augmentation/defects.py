"""What goes wrong with single sections, and holes."""

import torch
from torch import Generator, Tensor

from mitoseg.config.settings import Augmentation
from mitoseg.networks.normalisation import CLIP

FADED = 0.3
"""Contrast that is left in a stripe."""

DEEPEST = 0.4
"""Largest share of an image that padding covers."""


def spoil_sections(image: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Lose, darken or brighten one section of some patches (B, 1, Z, Y, X).

    Their labels stay: what the section does not show is to be learned from its neighbours.
    """
    count, depth = len(image), image.shape[2]
    missing = torch.rand(count, generator=generator) < settings.missing_probability
    uneven = torch.rand(count, generator=generator) < settings.uneven_probability
    places = torch.randint(depth, (2, count), generator=generator).tolist()
    # Two to four standard deviations darker or brighter.
    shifts = (2 + 2 * torch.rand(count, generator=generator)) * (
        2 * torch.randint(2, (count,), generator=generator) - 1
    )
    if not (missing | uneven).any():
        return image
    image = image.clone()
    for i in torch.nonzero(uneven).flatten().tolist():
        image[i, :, places[0][i]] += float(shifts[i])
    for i in torch.nonzero(missing).flatten().tolist():
        image[i, :, places[1][i]] = 0
    return image


def stripe(image: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Let a stripe across some images (B, 1, Z, Y, X) fade; its edges are a few pixels wide."""
    count, (height, width) = len(image), image.shape[-2:]
    chosen = torch.rand(count, generator=generator) < settings.stripe_probability
    angle, place, breadth = (torch.rand(count, generator=generator) for _ in range(3))
    if not chosen.any():
        return image
    image = image.clone()
    y, x = torch.meshgrid(torch.arange(height) - height / 2, torch.arange(width) - width / 2, indexing="ij")
    for i in torch.nonzero(chosen).flatten().tolist():
        across = y * torch.cos(angle[i] * torch.pi) + x * torch.sin(angle[i] * torch.pi)
        away = (across - (place[i] - 0.5) * height / 2).abs() - (0.05 + 0.15 * breadth[i]) * height
        faded = torch.sigmoid(-away / 2).to(image.device)
        image[i] *= 1 - (1 - FADED) * faded
    return image


def pad(image: Tensor, rest: Tensor, settings: Augmentation, generator: Generator, numbers: bool) -> Tensor:
    """Cover one side of some images by black or white, as registration and scale bars do: there are no mitochondria.

    Args:
        image: (B, 1, Z, Y, X).
        rest: (B, C - 1, Z, Y, X); the last plane is the ignored share.
        settings: how often.
        generator: where the numbers come from.
        numbers: whether the target holds numbers of classes, none of which means padding: it is ignored then.
    """
    planes = torch.cat([image, rest], 1)
    if not settings.padding_probability:  # draws no numbers: earlier fits stay what they were
        return planes
    count, (height, width) = len(image), image.shape[-2:]
    chosen = torch.rand(count, generator=generator) < settings.padding_probability
    for i in torch.nonzero(chosen).flatten().tolist():
        turn, white, ragged = torch.randint(4, (3,), generator=generator).tolist()
        depth, level = torch.rand(2, generator=generator).tolist()
        side, across = (height, width) if turn % 2 == 0 else (width, height)
        edge = torch.randn(across, generator=generator).cumsum(0) / 4 if ragged < 2 else torch.zeros(across)
        covered = torch.arange(side)[:, None] < (DEEPEST * side * depth + edge - edge.mean())[None, :]
        # A quarter turn brings rows in front of columns, a half turn brings the covered side to the other end.
        covered = torch.rot90(covered, turn, (0, 1)).to(image.device)
        tissue, end = (image[i].amax(), CLIP) if white == 0 else (image[i].amin(), -CLIP)
        grey = torch.lerp(tissue, torch.full_like(tissue, end), level)
        planes[i, 0] = torch.where(covered, grey, planes[i, 0])
        planes[i, 1:-1] = planes[i, 1:-1] * ~covered
        planes[i, -1] = torch.where(covered, float(numbers), planes[i, -1])
    return planes


def cut_out(image: Tensor, rest: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Blank a box of some images and ignore it in their masks: nothing can be known there.

    Args:
        image: (B, 1, Z, Y, X).
        rest: (B, C - 1, Z, Y, X); the last plane is the ignored share.
        settings: how often and how large.
        generator: where the numbers come from.
    """
    planes = torch.cat([image, rest], 1)
    count, shape = len(image), image.shape[2:]
    chosen = torch.rand(count, generator=generator) < settings.cutout_probability
    sizes = torch.rand(count, 3, generator=generator) * settings.cutout
    corners = torch.rand(count, 3, generator=generator)
    if shape[0] == 1:
        sizes[:, 0] = 1
    for i in torch.nonzero(chosen).flatten().tolist():
        lengths = [int(size * side) for size, side in zip(sizes[i].tolist(), shape, strict=True)]
        starts = [
            int(corner * (side - length))
            for corner, side, length in zip(corners[i].tolist(), shape, lengths, strict=True)
        ]
        z, y, x = (slice(start, start + length) for start, length in zip(starts, lengths, strict=True))
        planes[i, :-1, z, y, x] = 0
        planes[i, -1, z, y, x] = 1
    return planes
