"""All changes of a batch, one after the other."""

from torch import Generator, Tensor

from mitoseg.config.settings import Augmentation
from mitoseg.data.augmentation.defects import cut_out, pad, spoil_sections, stripe
from mitoseg.data.augmentation.geometry import displace_sections, warp
from mitoseg.data.augmentation.grey import change_grey, degrade


def augment(
    planes: Tensor, settings: Augmentation, shape: tuple[int, ...], generator: Generator, numbers: bool = False
) -> Tensor:
    """Augment a batch.

    Args:
        planes: (B, C, Y, X) or (B, C, Z, Y, X) float32: normalised grey, the planes of the target, and last the ignored
            share (see `mitoseg.data.Patches`).
        settings: how much; see there.
        shape: sides of the result, (y, x) or (z, y, x), px; at most those of `planes`.
        generator: where all random numbers come from.
        numbers: whether the planes of the target are numbers of classes, which have no mean, rather than shares.

    Returns:
        (B, C, *shape) float32, the middle of the window where nothing is changed.
    """
    if not settings.enabled:
        return middle(planes, shape)
    volumes = planes if len(shape) == 3 else planes[:, :, None]
    z, y, x = (1, *shape)[-3:]
    volumes = warp(volumes, settings, (z, y, x), generator, numbers)
    if len(shape) == 3:
        volumes = displace_sections(volumes, settings, generator)
    image, rest = volumes[:, :1], volumes[:, 1:]
    image = change_grey(image, settings, generator)
    image = spoil_sections(image, settings, generator) if len(shape) == 3 else stripe(image, settings, generator)
    image = degrade(image, settings, generator)
    volumes = pad(image, rest, settings, generator, numbers)
    volumes = cut_out(volumes[:, :1], volumes[:, 1:], settings, generator)
    return volumes if len(shape) == 3 else volumes[:, :, 0]


def middle(planes: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Cut the middle of (B, C, ...) to `shape`."""
    for axis, wanted in enumerate(shape, start=2):
        planes = planes.narrow(axis, (planes.shape[axis] - wanted) // 2, wanted)
    return planes
