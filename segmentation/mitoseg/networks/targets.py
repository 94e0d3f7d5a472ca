"""What a network is taught: the training target made from labels, and what its output channels mean.

| target | channels | meaning |
|---|---|---|
| semantic | 1 | foreground |
| instance | 3 | foreground, boundaries of instances, distance to the boundary relative to the instance's largest |
| compartments | one a class of `CLASSES` | exclusive classes |
"""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import find_boundaries
from torch import Tensor

from mitodata import IGNORE, DataError, Sample
from mitoseg.config.settings import Target
from mitoseg.networks.normalisation import mask_planes, resample_volume

Shape = tuple[int, int, int]

CLASSES: dict[str, tuple[str, ...]] = {
    "background": (),
    "plasma_membrane": ("plasma_membrane",),
    "outer_membrane": ("outer_membrane",),
    "inner_membrane": ("intermembrane_space", "inner_membrane"),
    "matrix": ("matrix",),
    "crista": ("crista",),
    "vesicle": ("vesicle", "dense_core_vesicle", "endosome"),
    "reticulum": ("reticulum", "golgi"),
    "synapse": ("synapse",),
    "myelin": ("myelin",),
    "nucleus": ("nucleus", "nuclear_envelope"),
    "dense_body": ("lysosome", "multivesicular_body", "lipid", "peroxisome", "granule"),
}
"""Classes of the target `compartments`, in the order of channels -> names in a file that belong to them.

Grouped so that each can be seen at 10 nm a pixel; what is named nowhere is background.
"""

OUTER_MEMBRANE = "outer_membrane"

MITOCHONDRIAL = (OUTER_MEMBRANE, "inner_membrane", "matrix", "crista")
"""The classes that make a mitochondrion; the sum of their probabilities is that of foreground.

It ends at the outer face of the outer membrane, where most laboratories draw the line (docs/decisions/0007).
"""

FLAT = 2.0
"""Voxels at least this many times as long in z as in y and x: boundaries are looked for section by section."""


def output_channels(target: Target) -> int:
    """Channels of the network's output."""
    return {"semantic": 1, "instance": 3, "compartments": len(CLASSES)}[target]


def make_planes(sample: Sample, target: Target, shape_px: Shape, classes: Mapping[int, str]) -> Tensor:
    """Turn a labelled window into planes that can be warped like an image.

    Args:
        sample: the window, with labels.
        target: what the network is taught.
        shape_px: (z, y, x), the window's size on the working grid; z = 1 for a single section.
        classes: names of the values of `sample.compartment`; needed for compartments only.

    Returns:
        (P + 1, *shape_px) float32. The last plane is the share that is ignored, in [0, 1]. The P before it: foreground;
        or foreground, boundary and relative distance; or one plane with the number of the class.

    Raises:
        DataError: the sample has no labels, or no compartments where those are wanted.
    """
    if sample.mask is None or sample.label is None:
        raise DataError(f"{sample.name or 'sample'}: has no labels; expected label and mask")
    if target == "semantic":
        return resample_volume(torch.from_numpy(mask_planes(sample.mask)), shape_px)
    mask = _nearest(sample.mask, shape_px)
    if target == "instance":
        z_nm, x_nm = (sample.voxel_size_nm[axis] * sample.raw.shape[axis] / shape_px[axis] for axis in (0, 2))
        planes = instance_planes(_nearest(sample.label, shape_px), z_nm / x_nm)
    else:
        if sample.compartment is None:
            raise DataError(
                f"{sample.name or 'sample'}: has no compartments; render it with --labels compartments, or choose "
                "another target"
            )
        planes = _class_numbers(classes)[_nearest(sample.compartment, shape_px)][None]
    return torch.from_numpy(np.concatenate([planes, (mask == IGNORE)[None]]).astype(np.float32))


def instance_planes(label: NDArray[np.integer], elongation: float = 1.0) -> NDArray[np.float32]:
    """Foreground, boundary and relative distance of instances.

    Args:
        label: (Y, X) or (Z, Y, X), 0 = background, every other value one instance.
        elongation: edge of a voxel in z over that in x.

    Returns:
        (3, *label.shape) float32. Boundary is 1 on both sides of each outline. The distance to the nearest voxel that
        is not of the same instance is divided by its largest value in the instance: 1 in the middle, whatever the size.
    """
    foreground = label > 0
    if label.ndim == 3 and elongation >= FLAT:
        inner, boundary = (
            np.stack([find_boundaries(section, mode=mode) for section in label]) for mode in ("inner", "thick")
        )
    else:
        inner, boundary = (find_boundaries(label, mode=mode) for mode in ("inner", "thick"))
    spacing = (elongation, 1.0, 1.0)[3 - label.ndim :]
    # Voxels inside that touch the outline are 1 from the nearest voxel outside.
    distance: NDArray[np.float64] = np.where(
        foreground, 1 + ndimage.distance_transform_edt(foreground & ~inner, sampling=spacing), 0
    )
    _, place = np.unique(label, return_inverse=True)
    largest = np.zeros(int(place.max()) + 1)
    np.maximum.at(largest, place.ravel(), distance.ravel())
    relative = distance / np.maximum(largest, 1)[place.reshape(label.shape)]
    return np.stack([foreground, boundary, relative]).astype(np.float32)


def split_planes(planes: Tensor, target: Target) -> tuple[Tensor, Tensor]:
    """Turn warped planes into what a loss compares with the network's output.

    Args:
        planes: (B, P + 1, ...) float32, from `make_planes`, interpolated (class numbers: to the nearest).
        target: what the network is taught.

    Returns:
        Truth (B, C, ...) float32, C as `output_channels`: 0 or 1 (one of the classes is 1), relative distance in
        [0, 1]; and validity (B, 1, ...), 0 or 1: whether at most half of a voxel is ignored.
    """
    shares, valid = planes[:, :-1], (planes[:, -1:] <= 0.5).float()
    if target == "semantic":
        return (shares > 0.5).float(), valid
    if target == "instance":
        return torch.cat([(shares[:, :2] > 0.5).float(), shares[:, 2:].clamp(0, 1)], 1), valid
    truth = shares.new_zeros(len(shares), len(CLASSES), *shares.shape[2:])
    return truth.scatter_(1, shares.long(), 1.0), valid


def activate(logits: Tensor, target: Target) -> Tensor:
    """Turn output (B, C, ...) of a network into probabilities and relative distances, in [0, 1]."""
    return torch.softmax(logits, 1) if target == "compartments" else torch.sigmoid(logits)


def map_channels(target: Target) -> int:
    """Channels of what `to_maps` gives."""
    return 3 if target == "instance" else 1


def to_maps(logits: Tensor, target: Target, *, outer_membrane: bool = True) -> Tensor:
    """Turn output (B, C, ...) of a network into what is kept of it, in [0, 1].

    The probability of foreground; for the target `instance` boundaries and relative distances follow. Without the
    `outer_membrane`, foreground learned in compartments ends inside it.
    """
    maps = activate(logits, target)
    if target != "compartments":
        return maps
    names = list(CLASSES)
    inside = [names.index(name) for name in MITOCHONDRIAL if outer_membrane or name != OUTER_MEMBRANE]
    return maps[:, inside].sum(1, keepdim=True)


def _class_numbers(classes: Mapping[int, str]) -> NDArray[np.uint8]:
    """(256,) the number of the class that each value of a file belongs to."""
    channel = {member: number for number, members in enumerate(CLASSES.values()) for member in members}
    numbers = np.zeros(256, np.uint8)
    for value, name in classes.items():
        numbers[value] = channel.get(name, 0)
    return numbers


def _nearest(volume: NDArray[np.integer], shape_px: Shape) -> NDArray[np.integer]:
    """Resample labels (Z, Y, X) to `shape_px`: each voxel gets the value at its centre."""
    places = [
        ((np.arange(wanted) + 0.5) * length / wanted).astype(np.int64)
        for length, wanted in zip(volume.shape, shape_px, strict=True)
    ]
    return volume[np.ix_(*places)]
