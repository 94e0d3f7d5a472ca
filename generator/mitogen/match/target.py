"""What is to be matched: real images, looked at through a reader that opens nothing but their grey levels."""

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np

from mitodata.errors import DataError
from mitodata.hdf5.unlabelled import Unlabelled
from mitodata.sample import VoxelSize
from mitogen.gap.appearance import Appearance, Image, look_at, pool_appearances
from mitogen.gap.sections import Sampling, chosen_sections, read_sections, smallest_section_px

SIZE_PX = 256
SMALLEST_PX = 64
"""Edge of the smallest windows that show more than texture; the slope of low frequencies takes 80."""

_SECTIONS = 40
_EXAMPLES = 5
_SAME_SIZE = 0.01


@dataclass(frozen=True, eq=False)
class Target:
    """Real images in numbers.

    Attributes:
        name: of the file.
        appearance: what they look like.
        voxel_size_nm: (z, y, x), pixels square.
        size_px: edge of the windows that were looked at; synthetic images are rendered of the same size.
        examples: some windows, (Y, X) uint8.
    """

    name: str
    appearance: Appearance
    voxel_size_nm: VoxelSize
    size_px: int
    examples: list[Image] = field(repr=False)

    def fingerprint(self) -> str:
        """Hash what was measured: a search for one look must not go on as one for another."""
        digest = sha256(self.appearance.histogram.astype("<i8").tobytes())
        digest.update(repr((self.voxel_size_nm, self.size_px, sorted(self.appearance.values().items()))).encode())
        return digest.hexdigest()


def look_at_real(path: Path, pixel_nm: float | None = None) -> Target:
    """Look at up to 40 sections of a file, evenly spaced, in windows of at most 256 x 256 pixels; labels stay closed.

    Args:
        path: the file; whether it has labels makes no difference.
        pixel_nm: resample to this pixel size first; None for the file's own.

    Raises:
        DataError: the file is missing or damaged, its sections are too small, its voxels not all of one size, or its
            pixels not square.
    """
    with Unlabelled(path) as images:
        sampling = Sampling(_SECTIONS, pixel_nm=pixel_nm)
        voxel = _voxel_size(images, sampling)
        edge = min(SIZE_PX, *smallest_section_px(images, sampling))
        if edge < SMALLEST_PX:
            raise DataError(f"{path}: tissue of {edge} px; expected at least {SMALLEST_PX} x {SMALLEST_PX}")
        looks, examples = [], []
        for section in read_sections(images, Sampling(_SECTIONS, window_px=(edge, edge), pixel_nm=pixel_nm)):
            looks.append(look_at(section.raw))
            examples.append(section.raw)
    steps = np.linspace(0, len(examples) - 1, min(_EXAMPLES, len(examples))).round().astype(int)
    return Target(path.name, pool_appearances(looks), voxel, edge, [examples[step] for step in steps])


def _voxel_size(images: Unlabelled, sampling: Sampling) -> VoxelSize:
    """The voxel size that all sections share after resampling."""
    indices = sorted({index for index, _ in chosen_sections(images, sampling)})
    if not indices:
        raise DataError(f"{images.path}: holds no images")
    sizes = [images.voxel_size_nm(index) for index in indices]
    if sampling.pixel_nm is not None:
        sizes = [(size[0], sampling.pixel_nm, sampling.pixel_nm) for size in sizes]
    low, high = np.min(sizes, axis=0), np.max(sizes, axis=0)
    z, y, x = (float(edge) for edge in np.mean(sizes, axis=0))
    if np.any(high - low > _SAME_SIZE * low) or abs(y - x) > _SAME_SIZE * x:
        spans = " x ".join(f"{a:.4g}" if a == b else f"{a:.4g}-{b:.4g}" for a, b in zip(low, high, strict=True))
        hint = "" if sampling.pixel_nm else f"; --pixel-size {max(high[1:]):.4g} resamples pixels"
        raise DataError(f"{images.path}: voxels of {spans} nm; expected one size and square pixels{hint}")
    return (z, y, y)
