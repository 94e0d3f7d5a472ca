"""Cut square crops, one a section, from the middle of sections evenly spaced through a volume."""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mitodata import DataError, Sample
from mitodata.hdf5.dataset import Dataset, write_dataset
from pipeline import run_program


def main() -> None:
    """Parse, cut, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("volume", type=Path, metavar="VOLUME.h5")
    parser.add_argument("-n", type=int, default=5, help="number of crops")
    parser.add_argument("--size", type=int, default=768, help="their edge in pixels")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.h5")
    arguments = parser.parse_args()
    with Dataset(arguments.volume) as volume:
        samples = crops(volume, arguments.n, arguments.size)
        write_dataset(arguments.output, samples, volume.provenance, overwrite=True)


def crops(volume: Dataset, n: int, size: int) -> Iterator[Sample]:
    """Yield `n` crops (1, size, size) of the first sample of `volume`.

    Raises:
        DataError: it has fewer sections, or smaller ones.
    """
    depth, height, width = volume.shape(0)
    if depth < n or min(height, width) < size:
        raise DataError(
            f"{volume.path}: {depth} sections of {height} x {width}; expected {n} of {size} x {size} or more"
        )
    top, left = (height - size) // 2, (width - size) // 2
    for number in range(n):
        z = (2 * number + 1) * depth // (2 * n)
        crop = volume.read(0, (slice(z, z + 1), slice(top, top + size), slice(left, left + size)))
        yield replace(crop, name=f"section {z}")


if __name__ == "__main__":
    run_program(main)
