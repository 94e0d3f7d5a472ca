"""The table of objects of any labels on an image: gaps in their numbers do not matter."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitodata import DataError, VoxelSize
from mitodata.readers.axes import Part
from mitodata.readers.source import Source
from mitoseg.inference.measure import Table, measure_objects, measure_sections
from mitoseg.io.blocks import Layer

MOST_BINS = 40


def measure_labels(
    labels: NDArray[np.integer],
    source: Source,
    voxel_size_nm: VoxelSize,
    *,
    apart: bool = False,
    heed: Callable[[], object] = lambda: None,
) -> Table:
    """Measure objects as `mitoseg predict` does.

    Args:
        labels: (Z, Y, X) integers, 0 = background.
        source: the grey image of the same shape.
        voxel_size_nm: (z, y, x) in nm.
        apart: whether sections are images of their own, in which a number means another object.
        heed: is called between blocks; it may raise to stop.

    Returns:
        Columns by name; "id" is the number in `labels`. docs/predict.md defines the others.

    Raises:
        DataError: there is no object, or a number below 0.
    """
    if labels.min(initial=0) < 0:
        raise DataError(f"labels have numbers below 0, such as {labels.min()}; expected 0 or more")
    numbered, ids, counts = _number_through(labels, apart=apart)
    if not len(ids):
        raise DataError("no object in the labels; segment first, or paint some")
    shape = source.shape

    def read(part: Part) -> NDArray[Any]:
        heed()
        return numbered[part]

    layers = (
        Layer("instances", shape, numbered.dtype, voxel_size_nm, read),
        Layer("raw", shape, np.dtype(np.uint8), voxel_size_nm, source.read),
    )
    table = (measure_sections if apart else measure_objects)(*layers, counts)
    return {**table, "id": ids.astype(np.float64)}


def _number_through(
    labels: NDArray[np.integer], *, apart: bool
) -> tuple[NDArray[np.uint32], NDArray[np.integer], list[int]]:
    """Number objects from 1 on without gaps; also their own numbers, and how many there are in each image."""
    numbered = np.zeros(labels.shape, np.uint32)
    ids: list[NDArray[np.integer]] = []
    counts: list[int] = []
    for part in [slice(z, z + 1) for z in range(len(labels))] if apart else [slice(None)]:
        own = np.unique(labels[part])
        own = own[own > 0]
        before = sum(counts)
        places = np.searchsorted(own, labels[part]).astype(np.uint32)
        numbered[part] = np.where(labels[part] > 0, places + np.uint32(before + 1), np.uint32(0))
        ids.append(own)
        counts.append(len(own))
    return numbered, np.concatenate(ids), counts


def histogram(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Counts and edges of bins, as many as suit the values (Freedman and Diaconis 1981), at most `MOST_BINS`.

    Args:
        values: a column; those that are not finite do not count.
    """
    finite = values[np.isfinite(values)]
    if not len(finite) or finite.min() == finite.max():
        middle = float(finite[0]) if len(finite) else 0.0
        return np.array([float(len(finite))]), np.array([middle - 0.5, middle + 0.5])
    edges = np.histogram_bin_edges(finite, "fd")
    if len(edges) - 1 > MOST_BINS:
        edges = np.linspace(finite.min(), finite.max(), MOST_BINS + 1)
    counts, edges = np.histogram(finite, edges)
    return counts.astype(np.float64), edges
