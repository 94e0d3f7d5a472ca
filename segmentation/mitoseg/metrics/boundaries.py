"""Outlines: how far the predicted ones run from the true ones.

An outline voxel is a foreground voxel that shares a face with a background voxel (in 2D a pixel that shares an edge).
The border of the image and of ignored regions is no outline: what lies beyond is not known.
"""

from dataclasses import dataclass, fields
from math import hypot
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from mitodata import IGNORE, DataError
from mitoseg.metrics.blocks import Volume, blocks, require_same_shape, widen
from mitoseg.metrics.counts import ratio, require_binary

MEMBRANE_NM = 20.0
"""Thickness of a mitochondrion's double membrane: an outline that runs within it is right."""


@dataclass(frozen=True, eq=False)
class Outlines:
    """Outline voxels of a whole image.

    Attributes:
        predicted: (N, D) int32, their indices (z, y, x or y, x).
        true: (M, D) int32.
        shape: of the image, px.
    """

    predicted: NDArray[np.int32]
    true: NDArray[np.int32]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class OutlineCounts:
    """Outline voxels, and those that lie within the tolerance of the other outline; those of images add up."""

    predicted: int = 0
    predicted_near: int = 0
    true: int = 0
    true_near: int = 0

    def __add__(self, other: "OutlineCounts") -> "OutlineCounts":
        return OutlineCounts(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(self)))


@dataclass(frozen=True)
class BoundaryF1:
    """Agreement of outlines within a tolerance.

    Attributes:
        f1: harmonic mean of the two others, 0-1.
        precision: share of the predicted outline that is near the true one, 0-1.
        recall: share of the true outline that is near the predicted one, 0-1.
    """

    f1: float
    precision: float
    recall: float


@dataclass(frozen=True)
class BoundaryScores:
    """Distances between outlines.

    Attributes:
        agreement: boundary F1, precision and recall at the tolerance.
        hausdorff95: the larger of the two 95th percentiles of the distances from one outline to the other, in the
            unit of the spacing.
        mean_distance: mean of the distances in both directions together (average symmetric surface distance).
        counts: outline voxels; sums of them give the boundary F1 of several images together.
    """

    agreement: BoundaryF1
    hausdorff95: float
    mean_distance: float
    counts: OutlineCounts


def find_outlines(prediction: Volume, truth: Volume) -> Outlines:
    """Find outline voxels, block by block; memory is that of the outlines.

    Args:
        prediction: any shape, bool, True is foreground.
        truth: the same shape: 0, 1, or 255 where it is not known.

    Raises:
        DataError: the shapes differ, the prediction is not bool, or the truth holds other values.
    """
    require_same_shape(prediction, truth)
    shape = tuple(truth.shape)
    nothing = np.empty((0, len(shape)), np.int32)
    predicted, true = [nothing], [nothing]
    for block in blocks(shape):
        wide, inside = widen(block, shape)
        expected, got = np.asarray(truth[wide]), np.asarray(prediction[wide])
        if got.dtype != np.bool_:
            raise DataError(f"prediction of type {got.dtype}; expected bool, such as probability >= threshold")
        known = np.asarray(expected != IGNORE)
        origin = np.array([cut.start for cut in block], np.int32)
        predicted.append(_outline(got & known, known, inside) + origin)
        true.append(_outline(require_binary(expected)[0], known, inside) + origin)
    return Outlines(np.concatenate(predicted), np.concatenate(true), shape)


def compare_outlines(outlines: Outlines, spacing: tuple[float, ...], tolerance: float) -> BoundaryScores:
    """Measure distances between outlines.

    Boundary F1 as in Csurka et al. (BMVC 2013), with a fixed tolerance. The 95th percentile Hausdorff distance
    replaces the maximum of Huttenlocher et al. (1993), which a single voxel decides. Without any outline on either
    side the F1 is 1 and distances are 0; with one on one side only the F1 is 0 and distances are the image's diagonal.

    Args:
        outlines: from `find_outlines`.
        spacing: edge lengths of a voxel, one an axis; nm, or all 1 for px.
        tolerance: distance up to which outlines agree, in the same unit.

    Raises:
        DataError: spacing or tolerance are impossible.
    """
    if len(spacing) != len(outlines.shape) or not all(edge > 0 for edge in spacing):
        raise DataError(f"spacing {spacing}; expected {len(outlines.shape)} positive numbers, one an axis")
    if not tolerance >= 0:
        raise DataError(f"tolerance {tolerance}; expected 0 or more")
    predicted, true = outlines.predicted * np.asarray(spacing), outlines.true * np.asarray(spacing)
    if not len(predicted) or not len(true):
        counts = OutlineCounts(len(predicted), 0, len(true), 0)
        distance = _diagonal(outlines.shape, spacing) if len(predicted) or len(true) else 0.0
        return BoundaryScores(boundary_f1(counts), distance, distance, counts)
    # As many as the outlines are long, not as the image is large: a tree is faster than a distance transform here.
    from_predicted = np.asarray(KDTree(true, leafsize=32).query(predicted)[0])
    from_true = np.asarray(KDTree(predicted, leafsize=32).query(true)[0])
    counts = OutlineCounts(
        len(predicted),
        int(np.count_nonzero(from_predicted <= tolerance)),
        len(true),
        int(np.count_nonzero(from_true <= tolerance)),
    )
    return BoundaryScores(
        boundary_f1(counts),
        hausdorff95=float(max(np.percentile(from_predicted, 95), np.percentile(from_true, 95))),
        mean_distance=float((from_predicted.sum() + from_true.sum()) / (len(predicted) + len(true))),
        counts=counts,
    )


def boundary_f1(counts: OutlineCounts) -> BoundaryF1:
    """Agreement of outlines; 1 where neither side has any, 0 where only one has."""
    empty = 1.0 if counts.predicted + counts.true == 0 else 0.0
    precision = ratio(counts.predicted_near, counts.predicted, empty)
    recall = ratio(counts.true_near, counts.true, empty)
    return BoundaryF1(ratio(2 * precision * recall, precision + recall, 0.0), precision, recall)


def membrane_tolerance(spacing: tuple[float, ...]) -> float:
    """Tolerance in nm for voxels of `spacing` (nm): a double membrane, but at least the longest edge of a voxel."""
    return max(MEMBRANE_NM, *spacing)


def _outline(foreground: NDArray[np.bool_], known: NDArray[np.bool_], inside: tuple[slice, ...]) -> NDArray[Any]:
    background = known & ~foreground
    # A dilation by the faces of a voxel; by shifted views it takes a twentieth of the time of scipy's.
    beside_background = np.zeros_like(background)
    for axis in range(background.ndim):
        beside, ground = np.moveaxis(beside_background, axis, 0), np.moveaxis(background, axis, 0)
        beside[1:] |= ground[:-1]
        beside[:-1] |= ground[1:]
    return np.argwhere((foreground & beside_background)[inside]).astype(np.int32)


def _diagonal(shape: tuple[int, ...], spacing: tuple[float, ...]) -> float:
    return hypot(*((length - 1) * edge for length, edge in zip(shape, spacing, strict=True)))
