"""One dataset in numbers: what it looks like, and, where it is labelled, what is in it."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from mitodata.errors import DataError
from mitodata.hdf5.dataset import Dataset
from mitogen.gap.appearance import SMALLEST_PX, Appearance, Image, look_at, pool_appearances
from mitogen.gap.morphology import Morphology, outline, pool_morphologies
from mitogen.gap.sections import Sampling, SectionWindow, chosen_sections, read_sections

SAME = 0.01
"""Pixels that differ by no more than this share are of one size."""

_EXAMPLES = 4


@dataclass(frozen=True, eq=False)
class Statistics:
    """A dataset in numbers.

    Attributes:
        path: the file.
        pixel_nm: mean edge lengths (y, x) of a pixel in nm.
        mixed: whether edge lengths differ by more than 1 % between images.
        window_px: (height, width) of the windows; None if they differ.
        appearance: what is measured without labels.
        morphology: what labels add; None if nothing is labelled.
        examples: up to four of the windows, (Y, X) uint8.
    """

    path: Path
    pixel_nm: tuple[float, float]
    mixed: bool
    window_px: tuple[int, int] | None
    appearance: Appearance
    morphology: Morphology | None
    examples: list[Image] = field(repr=False)

    def values(self) -> dict[str, float | None]:
        """Return every statistic by name; None where the images do not say."""
        return self.appearance.values() | (self.morphology.values() if self.morphology else {})

    def describe(self) -> str:
        """Say in one line what was measured."""
        size = "" if self.window_px is None else f" of {self.window_px[0]} x {self.window_px[1]} px"
        y, x = self.pixel_nm
        pixel = f"{y:.4g} nm" if abs(y - x) < 1e-6 * x else f"{y:.4g} x {x:.4g} nm"
        pixel += " on average" * self.mixed
        labels = "" if self.morphology else ", no labels"
        return f"{self.path.name}: {self.appearance.images} images{size}, {pixel} per pixel{labels}"


def measure(dataset: Dataset | Path, sampling: Sampling | None = None) -> Statistics:
    """Measure a dataset, section by section; memory does not grow with its size.

    Args:
        dataset: an open one, or a file.
        sampling: which sections; by default at most 40, whole.

    Raises:
        DataError: the file is missing or damaged, or no section is large enough.
    """
    sampling = sampling or Sampling()
    with Dataset(dataset) if isinstance(dataset, Path) else nullcontext(dataset) as opened:
        places = chosen_sections(opened, sampling)
        shown = places[:: -(-len(places) // _EXAMPLES)]
        return _measure(opened.path, read_sections(opened, sampling), shown)


def _measure(path: Path, sections: Iterable[SectionWindow], shown: Sequence[tuple[int, int]]) -> Statistics:
    looks: list[Appearance] = []
    outlines: list[Morphology] = []
    pixels: list[tuple[float, float]] = []
    sizes: set[tuple[int, ...]] = set()
    examples: dict[tuple[int, int], list[Image]] = {place: [] for place in shown}
    for section in large_enough(sections):
        looks.append(look_at(section.raw))
        pixels.append(section.pixel_nm)
        sizes.add(section.raw.shape)
        if section.label is not None and section.mask is not None:
            outlines.append(outline(section.raw, section.label, section.mask, section.pixel_nm))
        windows = examples.get(section.place)
        if windows is not None and len(windows) <= shown.index(section.place):
            windows.append(section.raw)
    if not looks:
        raise DataError(f"{path}: no tissue of at least {SMALLEST_PX} x {SMALLEST_PX} pixels")
    y, x = (sum(edges) / len(pixels) for edges in zip(*pixels, strict=True))
    height, width = next(iter(sizes))
    return Statistics(
        path=path,
        pixel_nm=(y, x),
        mixed=any(max(edges) > (1 + SAME) * min(edges) for edges in zip(*pixels, strict=True)),
        window_px=(height, width) if len(sizes) == 1 else None,
        appearance=pool_appearances(looks),
        morphology=pool_morphologies(outlines) if outlines else None,
        examples=[windows[-1] for windows in examples.values() if windows],  # from elsewhere in each section
    )


def large_enough(sections: Iterable[SectionWindow]) -> Iterator[SectionWindow]:
    """Leave out sections that are too small to say anything."""
    return (section for section in sections if min(section.raw.shape) >= SMALLEST_PX)
