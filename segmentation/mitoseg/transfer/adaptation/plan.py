"""What an adaptation is to do, kept in the folder of its run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mitodata import RunError, VoxelSize
from mitodata.contrast import check_invert
from mitoseg.inference.decoding import FARTHEST_NM

DEFAULT_MINUTES = 15.0
DEFAULT_ROUNDS = 2

LOOKS = 3 * 2**24
"""Voxels that the network looks at to find pseudo-labels once, every look counted, where there is time enough: a volume
of 165 x 768 x 1024 voxels of 5 nm, across three axes at 10 nm. Larger ones are sampled."""

ENOUGH_MINUTES = 15.0
"""Time that is enough for `LOOKS`; with less of it fewer voxels are looked at."""


@dataclass(frozen=True)
class AdaptPlan:
    """What is to be done.

    Attributes:
        images: paths of image files, folders of them are already spread out.
        rounds: how often pseudo-labels are made and learned from.
        minutes: wall time of all; None with steps.
        steps: training steps a round; None with minutes.
        seed: of what is sampled, of rendered patches and augmentation.
        voxel_size_nm: (z, y, x) in nm; None for what the files say.
        dataset: path within HDF5 files that are not of our format, or within Zarr groups.
        square: whether pixels must be square.
        invert: "auto", "on" or "off"; see `mitodata.contrast`.
        as_2d: take each section of a stack as an image of its own.
        recipe: what the rendered half of each batch is drawn from: a preset or a file that ends in .toml.
        outline_nm: where masks of the result end, nm outside of the outer face; None for where the model's end.
        workers: processes that render; 0 renders in the process that trains.
    """

    images: tuple[str, ...]
    rounds: int = DEFAULT_ROUNDS
    minutes: float | None = DEFAULT_MINUTES
    steps: int | None = None
    seed: int = 0
    voxel_size_nm: VoxelSize | None = None
    dataset: str | None = None
    square: bool = True
    invert: str = "auto"
    as_2d: bool = False
    recipe: str = "mito"
    outline_nm: float | None = None
    workers: int = 0

    def __post_init__(self) -> None:
        """Check it.

        Raises:
            RunError: a number is impossible, or there are no images.
            DataError: invert is none.
        """
        check_invert(self.invert)
        if not self.images:
            raise RunError("no images; expected files or folders to adapt to")
        if self.rounds < 1:
            raise RunError(f"rounds {self.rounds}; expected at least 1")
        if (self.minutes is None) == (self.steps is None):
            raise RunError("got both minutes and steps, or neither; expected one of them")
        if not (0 < self.minutes < float("inf") if self.minutes is not None else (self.steps or 0) >= 1):
            raise RunError(f"minutes {self.minutes}, steps {self.steps}; expected more than 0")
        if not abs(self.outline_nm or 0.0) <= FARTHEST_NM:
            raise RunError(f"outline {self.outline_nm} nm; expected at most {FARTHEST_NM:g} nm either way")

    @property
    def looks(self) -> int:
        """Voxels that the network may look at to find pseudo-labels once, every look counted."""
        share = 1.0 if self.minutes is None else min(1.0, self.minutes / ENOUGH_MINUTES)
        return round(share * LOOKS)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "AdaptPlan":
        """Read what `to_json` gave.

        Raises:
            TypeError, KeyError: it is something else.
        """
        size = content["voxel_size_nm"]
        return cls(**{**content, "images": tuple(content["images"]), "voxel_size_nm": tuple(size) if size else None})
