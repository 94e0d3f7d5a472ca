"""Real sections as a dataset file, as they are or with what was changed in them undone.

The sections of the EPFL file were stretched to 0-255 one by one: only some 170 of 256 grey levels occur in each. The
stretch can be undone but for brightness, which is set to the mean that is known of the original. Its masks are polygons
that run some 4 px inside the outer membrane; grown by so much, the grey across their boundary is what was handed down.
"""

import os
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from mitodata.errors import DataError
from mitodata.hdf5.dataset import write_dataset
from mitodata.importers import import_dataset
from mitodata.importers.components import as_labels
from mitodata.sample import Sample
from targets import TARGETS

AS_IS, RESTORED, GROWN = "as it is", "restored", "restored, masks grown 4 px"
VARIANTS = {"epfl": (AS_IS, RESTORED, GROWN)}
"""Datasets of which there is more than what the file holds."""

GROWN_BY_PX = 4


def add_real_option(parser: ArgumentParser) -> None:
    """Add the option that says where real images are."""
    parser.add_argument("--real", type=Path, default=os.environ.get("MITO_REAL"), help="folder of epfl/ and vnc/")


def write_sections(name: str, real: Path | None, folder: Path, variant: str = AS_IS) -> Path:
    """Import every section of the dataset `name` below `real` into a file in `folder`, unless it is there already.

    Raises:
        DataError: no folder of real images was given, or it does not hold the dataset.
    """
    if real is None:
        raise DataError("no --real FOLDER and no MITO_REAL; expected the folder that holds epfl/ and vnc/")
    target = folder / f"{name}-{variant.replace(',', '').replace(' ', '-')}.h5"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        samples, provenance = import_dataset(name, Path(real) / name, as_volume=False)
        if variant != AS_IS:
            samples = unstretched(samples, TARGETS[name]["grey.mean"])
        write_dataset(target, grown(samples) if variant == GROWN else samples, provenance)
    return target


def unstretched(samples: Iterable[Sample], mean: float) -> Iterator[Sample]:
    """Undo the stretch of each section: its nth grey level that occurs becomes n, moved so that the mean is `mean`."""
    for sample in samples:
        levels = rank(sample.raw)
        yield replace(sample, raw=np.clip(levels + round(mean - levels.mean()), 0, 255).astype(np.uint8))


def grown(samples: Iterable[Sample]) -> Iterator[Sample]:
    """Grow every instance by 4 px; where two meet, the nearer one wins."""
    for sample in samples:
        if sample.label is None or sample.mask is None:
            raise DataError(f"{sample.name}: no labels to grow")
        label = sample.label.astype(np.int64)
        distance, nearest = distance_transform_edt(label[0] == 0, return_indices=True)
        grow = np.where(distance <= GROWN_BY_PX, label[0][tuple(nearest)], 0)[None]
        yield replace(sample, label=as_labels(grow, int(label.max())), mask=(grow > 0).astype(np.uint8))


def rank(raw: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Number the grey levels that occur, from 0."""
    return np.searchsorted(np.unique(raw), raw)
