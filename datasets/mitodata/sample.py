"""One sample: a grey image with its labels, its voxel size and the numbers it was made with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mitodata.errors import DataError

IGNORE = 255
"""Value of `Sample.mask` where no truth is known; metrics and losses leave those voxels out."""

LEAST_NM, LARGEST_PIXEL_NM, THICKEST_NM = 0.3, 2000.0, 20_000.0
"""Shortest edge of a voxel, longest one of a pixel, and thickest section."""

EXPECTED_SIZE = (
    f"three positive numbers (z, y, x) in nm, {LEAST_NM:g} to {LARGEST_PIXEL_NM:,.0f} (z: to {THICKEST_NM:,.0f}); "
    "check the unit"
)

VoxelSize = tuple[float, float, float]
"""Edge lengths of a voxel in nm, ordered z, y, x. For a single section z is its thickness."""


@dataclass(frozen=True, eq=False)
class Sample:
    """An image with labels, checked when it is made.

    Attributes:
        raw: (Z, Y, X) uint8, grey levels 0-255. A 2D image has Z = 1.
        voxel_size_nm: (z, y, x) edge lengths in nm, see `voxel_size_problem`.
        label: (Z, Y, X) uint16 or uint32, 0 = background, every other value one instance; None if unlabelled.
        mask: (Z, Y, X) uint8, 0 = background, 1 = foreground, 255 = ignore; None if unlabelled. Where it is not
            ignored, `mask == 1` exactly where `label > 0`.
        params: the numbers drawn for this image, by knob name; empty for real images.
        name: where the image came from (a file name, a slice number); may be empty.
        compartment: (Z, Y, X) uint8, what each voxel belongs to (see `Provenance.classes`); None if not known.

    Raises:
        DataError: shapes, dtypes or the voxel size are wrong, or mask and label contradict each other.
    """

    raw: NDArray[np.uint8]
    voxel_size_nm: VoxelSize
    label: NDArray[np.uint16] | NDArray[np.uint32] | None = None
    mask: NDArray[np.uint8] | None = None
    params: Mapping[str, float] = field(default_factory=dict)
    name: str = ""
    compartment: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        where = self.name or "sample"
        if self.raw.ndim != 3 or self.raw.dtype != np.uint8 or 0 in self.raw.shape:
            raise DataError(f"{where}: raw is {_describe(self.raw)}; expected non-empty uint8 of shape (Z, Y, X)")
        problem = voxel_size_problem(self.voxel_size_nm)
        if problem:
            raise DataError(f"{where}: {problem}")
        if self.compartment is not None and (
            self.compartment.shape != self.raw.shape or self.compartment.dtype != np.uint8
        ):
            raise DataError(
                f"{where}: compartment is {_describe(self.compartment)}; expected uint8 of shape {self.raw.shape}"
            )
        if (self.label is None) != (self.mask is None):
            raise DataError(f"{where}: label and mask must both be given or both be left out")
        if self.label is None or self.mask is None:
            return
        if self.label.shape != self.raw.shape or self.label.dtype not in (np.uint16, np.uint32):
            raise DataError(
                f"{where}: label is {_describe(self.label)}; expected uint16 or uint32 of shape {self.raw.shape}"
            )
        if self.mask.shape != self.raw.shape or self.mask.dtype != np.uint8:
            raise DataError(f"{where}: mask is {_describe(self.mask)}; expected uint8 of shape {self.raw.shape}")
        problem = label_problem(self.label, self.mask)
        if problem:
            raise DataError(f"{where}: {problem}")

    @property
    def is_2d(self) -> bool:
        """Whether this is a single section (Z = 1)."""
        return bool(self.raw.shape[0] == 1)

    @property
    def labelled(self) -> bool:
        """Whether label and mask are present."""
        return self.mask is not None


def voxel_size_problem(voxel_size_nm: VoxelSize) -> str:
    """Say what is wrong with a voxel size (z, y, x) in nm; an empty string if nothing is.

    The limits lie outside of electron and light microscopy: they catch micrometres and picometres.
    """
    most = (THICKEST_NM, LARGEST_PIXEL_NM, LARGEST_PIXEL_NM)
    if len(voxel_size_nm) == 3 and all(
        LEAST_NM <= edge <= each for edge, each in zip(voxel_size_nm, most, strict=True)
    ):
        return ""
    return f"voxel size {tuple(voxel_size_nm)}; expected {EXPECTED_SIZE}"


def label_problem(label: NDArray[np.integer], mask: NDArray[np.uint8]) -> str:
    """Say how `label` and `mask` (same shape; see `Sample`) contradict each other; an empty string if they do not."""
    strange = unlabelled = outside = 0
    for ids, values in zip(label, mask, strict=True):  # a section at a time: a volume is large enough without copies
        foreground, background = values == 1, values == 0
        strange += int(np.count_nonzero(~(foreground | background | (values == IGNORE))))
        unlabelled += int(np.count_nonzero(foreground & (ids == 0)))
        outside += int(np.count_nonzero(background & (ids != 0)))
    if strange:
        return f"{strange} mask voxels are neither 0, 1 nor {IGNORE} (ignore)"
    if unlabelled:
        return f"{unlabelled} mask voxels belong to no instance"
    if outside:
        return f"{outside} instance voxels lie outside the mask"
    return ""


def _describe(array: NDArray[np.generic]) -> str:
    return f"{array.dtype} of shape {array.shape}"
