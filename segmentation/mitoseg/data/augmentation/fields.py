"""Random numbers and fields, drawn on the CPU and brought to where a batch lies."""

import torch
from torch import Generator, Tensor
from torch.nn import functional

CONTROL_POINTS = 6
"""Points a side of the random fields behind elastic warps and shading."""


def smooth_field(
    count: int, channels: int, side: int, generator: Generator, device: torch.device | str = "cpu"
) -> Tensor:
    """Smooth random fields, (count, channels, side, side) float32 of about mean 0 and standard deviation 1."""
    points = torch.randn(count, channels, CONTROL_POINTS, CONTROL_POINTS, generator=generator).to(device)
    field = functional.interpolate(points, size=(side, side), mode="bicubic", align_corners=True)
    # Interpolation between independent points lowers their standard deviation to about 0.84.
    return field / 0.84


def uniform(count: int, generator: Generator, like: Tensor) -> Tensor:
    """`count` numbers between -1 and 1, shaped to be multiplied with (count, ...), on the device of `like`."""
    drawn = torch.rand(count, generator=generator) * 2 - 1
    return drawn.to(like.device).reshape(count, *[1] * (like.ndim - 1))


def share(count: int, generator: Generator, like: Tensor) -> Tensor:
    """As `uniform`, but between 0 and 1."""
    return (uniform(count, generator, like) + 1) / 2


def white_noise(like: Tensor, generator: Generator) -> Tensor:
    """White noise of the shape and on the device of `like`."""
    if like.device.type != "cpu":
        # Drawn where it is needed: to bring it over would take longer than all else.
        seed = int(torch.randint(2**62, (1,), generator=generator))
        generator = Generator(like.device).manual_seed(seed)
    return torch.randn(like.shape, generator=generator, device=like.device)
