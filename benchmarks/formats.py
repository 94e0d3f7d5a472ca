"""Which formats and traits of image files `mitogen import` and `mitoseg predict` read; writes docs/results/formats.md.

tests/integration/test_formats_page.py holds the page to what is measured.
"""

import logging
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

import format_sizes
import format_traits
import format_volumes
from format_sizes import Size
from format_traits import Trait
from mitodata import DataError, VoxelSize
from mitodata.hdf5.dataset import Dataset
from mitodata.importers import import_to_file
from mitodata.readers.inputs import open_sources

PAGE = Path(__file__).parent.parent / "docs" / "results" / "formats.md"
SIZE: VoxelSize = (40.0, 8.0, 8.0)

INTRODUCTION = """# Formats that are read, measured

`mitogen import` and `mitoseg predict` read images through one reader, `mitodata.readers`: what the one reads the other
reads, to the same grey levels, and what is refused is refused by both.

This page is written by `benchmarks/formats.py`. It makes a tiny file of each kind, reads it with both programs and
compares the grey levels with those that numpy gives. A test holds the page to it.

"read" means: equal to the last grey level, for JPEG within 12. Types other than uint8 are brought to 8 bits
by [one rule](../decisions/0012-one-grey-scale.md).
"""


SIZES = """## Voxel sizes

`--voxel-size Z Y X` wins over what a file says. OME, ImageJ, HDF5 attributes, OME-Zarr, DM, MRC and NIfTI are
believed, each axis in its own unit; other resolutions are those of printing. What nobody set is not believed: 1
Angstrom in MRC, 1 mm in NIfTI, 1 nm or 1 um in all directions. Pixels that differ by more than 5 % are refused unless
`--non-square-pixels` confirms them. Pixels of less than 0.3 or more than 2,000 nm are refused.
"""


@dataclass(frozen=True)
class Row:
    """What became of a trait: "read", "WRONG" or "refused", and why, by each program."""

    trait: Trait
    imported: str
    predicted: str
    reason: str


def measure_all(folder: Path) -> str:
    """The whole page."""

    def fresh(number: int) -> Path:
        (folder / str(number)).mkdir()
        return folder / str(number)

    traits, sizes = (
        chain(format_traits.traits(), format_volumes.traits()),
        chain(format_sizes.sizes(), format_volumes.sizes()),
    )
    rows = [measure(trait, fresh(number)) for number, trait in enumerate(traits)]
    return page(rows, [measure_size(size, fresh(1000 + number)) for number, size in enumerate(sizes)])


def measure(trait: Trait, folder: Path) -> Row:
    """Write the file of a trait, and read it with both programs."""
    path = trait.write(folder)
    imported, reason = _outcome(trait, _imported(path, trait.dataset, folder / "out.h5"))
    predicted, other = _outcome(trait, _predicted(path, trait.dataset))
    return Row(trait, imported, predicted, _readable(reason or other, folder))


def measure_size(size: Size, folder: Path) -> tuple[Size, str, str]:
    """Which voxel size both programs take from a file; or "WRONG". And what is said where it is asked for."""
    path = size.write(folder)

    def imported() -> VoxelSize:
        import_to_file("images", path, folder / "out.h5", as_volume=True)
        with Dataset(folder / "out.h5") as file:
            return file.voxel_size_nm(0)

    answers: list[tuple[tuple[float, ...] | None, str]] = []
    for take in (imported, lambda: next(open_sources(path)).voxel_size_nm):
        try:
            answers.append((tuple(round(edge, 3) for edge in take()), ""))
        except DataError as error:
            answers.append((None, _readable(str(error), folder)))
    right = all(answer[0] == size.size_nm for answer in answers)
    taken = "asked for" if size.size_nm is None else " x ".join(f"{edge:g}" for edge in size.size_nm)
    return size, taken if right else "WRONG", answers[1][1]


def page(rows: Iterable[Row], found_sizes: Iterable[tuple[Size, str, str]]) -> str:
    """Write the tables, and under each what is said of what is refused."""
    lines = [INTRODUCTION]
    for container, group in groupby(rows, key=lambda row: row.trait.container):
        here = list(group)
        lines += [f"## {container}\n", "| trait | import | predict |", "|---|---|---|"]
        lines += [f"| {row.trait.name} | {row.imported} | {row.predicted} |" for row in here]
        lines += _said((row.trait.name, row.reason) for row in here)
    found = list(found_sizes)
    lines += [SIZES, "| what the file says | taken: z, y, x in nm |", "|---|---|"]
    lines += [f"| {size.name} | {taken} |" for size, taken, _ in found]
    lines += _said((size.name, reason) for size, _, reason in found)
    return "\n".join(lines)


def _said(reasons: Iterable[tuple[str, str]]) -> Iterator[str]:
    """A list of messages, in lines that are not too long."""
    yield ""
    for name, reason in reasons:
        if reason:
            yield from wrap(f"- {name}: {reason}", 118, subsequent_indent="  ", break_on_hyphens=False)
    yield ""


def expected(shows: NDArray[Any]) -> NDArray[np.uint8]:
    """Bring grey levels to 8 bits by the rule of docs/decisions/0012-one-grey-scale.md, with numpy."""
    if shows.dtype == np.uint8:
        return shows
    low, high = (float(np.percentile(shows, share, method="inverted_cdf")) for share in (0.1, 99.9))
    return ((shows.astype(np.float64).clip(low, high) - low) * (255 / (high - low))).round().astype(np.uint8)


def _imported(path: Path, dataset: str | None, output: Path) -> Iterator[NDArray[np.uint8]]:
    import_to_file("images", path, output, voxel_size_nm=SIZE, as_volume=True, raw=dataset)
    with Dataset(output) as file:
        yield from (sample.raw for sample in file)


def _predicted(path: Path, dataset: str | None) -> Iterator[NDArray[np.uint8]]:
    for source in open_sources(path, SIZE, dataset):
        z, y, x = source.shape
        yield source.read((slice(0, z), slice(0, y), slice(0, x)))


def _outcome(trait: Trait, found: Iterator[NDArray[np.uint8]]) -> tuple[str, str]:
    try:
        images = list(found)
    except DataError as error:
        return "refused" if trait.shows is None else "WRONG", str(error)
    if trait.shows is None:
        return "WRONG", f"read as {[image.shape for image in images]}"
    wanted = [expected(shows) for shows in (trait.shows if isinstance(trait.shows, list) else [trait.shows])]
    same = len(images) == len(wanted) and all(
        image.shape == want.shape and int(np.abs(image.astype(int) - want).max()) <= trait.lossy
        for image, want in zip(images, wanted, strict=True)
    )
    return ("read", "") if same else ("WRONG", "other grey levels")


def _readable(reason: str, folder: Path) -> str:
    """A message without the folder."""
    said = re.sub(r"(what its name says) \(.*\)", r"\1", reason)  # what libraries add changes with their versions
    return said.replace(f"{folder}/", "")


def main() -> None:
    """Measure all and write the page."""
    logging.getLogger("mitodata").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        text = measure_all(Path(folder))
    PAGE.write_text(text, encoding="utf-8")
    print("\n".join(line for line in text.splitlines() if "WRONG" in line) or f"{PAGE}: written")


if __name__ == "__main__":
    main()
