"""Several classes, such as the compartments of a cell: their confusion matrix, and what follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from mitodata import IGNORE, DataError
from mitoseg.metrics.blocks import Volume, blocks, require_same_shape
from mitoseg.metrics.counts import ConfusionCounts, ratio, require_binary, scores


@dataclass(frozen=True, eq=False)
class ClassCounts:
    """Numbers of voxels by class; those of blocks or images add up.

    Attributes:
        matrix: (K, K) int64, one row a class of the truth, one column a class of the prediction.
    """

    matrix: NDArray[np.int64]

    def __add__(self, other: "ClassCounts") -> "ClassCounts":
        if self.matrix.shape != other.matrix.shape:
            raise DataError(f"{len(self.matrix)} classes and {len(other.matrix)} do not add up; expected equal numbers")
        return ClassCounts(self.matrix + other.matrix)

    def against_rest(self, number: int) -> ConfusionCounts:
        """Class `number` as the foreground, all others as background."""
        true_positive = int(self.matrix[number, number])
        predicted, true = int(self.matrix[:, number].sum()), int(self.matrix[number].sum())
        return ConfusionCounts(
            true_positive,
            predicted - true_positive,
            true - true_positive,
            int(self.matrix.sum()) - predicted - true + true_positive,
        )


@dataclass(frozen=True)
class ClassScores:
    """Several classes.

    Attributes:
        iou: of each class, 0-1; nan for a class that is neither in truth nor in prediction.
        dice: of each class, 0-1; nan likewise.
        mean_iou: mean over the classes that are not nan, 0-1.
        mean_dice: likewise.
        accuracy: share of the voxels that are right, 0-1.
        kappa: Cohen's kappa, -1 to 1.
    """

    iou: tuple[float, ...]
    dice: tuple[float, ...]
    mean_iou: float
    mean_dice: float
    accuracy: float
    kappa: float


def count_classes(prediction: Volume, truth: Volume, classes: int) -> ClassCounts:
    """Count voxels, block by block.

    Args:
        prediction: any shape, integers from 0 to `classes` - 1.
        truth: the same shape and range, or 255 to leave the voxel out.
        classes: 2 to 255, the background among them.

    Raises:
        DataError: the shapes differ, a class is out of range, or `classes` is.
    """
    require_same_shape(prediction, truth)
    if not 2 <= classes <= IGNORE:
        raise DataError(f"{classes} classes; expected 2 to {IGNORE}")
    matrix = np.zeros((classes, classes), np.int64)
    for block in blocks(truth.shape):
        expected, got = np.asarray(truth[block]), np.asarray(prediction[block])
        known = expected != IGNORE
        expected, got = expected[known].astype(np.int64), got[known].astype(np.int64)
        for name, values in (("truth", expected), ("prediction", got)):
            if values.size and (values.min() < 0 or values.max() >= classes):
                raise DataError(
                    f"{name} holds classes {values.min()} to {values.max()}; expected 0 to {classes - 1}"
                    + (f", or {IGNORE} (ignore)" if name == "truth" else "")
                )
        matrix += np.bincount(expected * classes + got, minlength=classes**2).reshape(classes, classes)
    return ClassCounts(matrix)


def class_scores(counts: ClassCounts) -> ClassScores:
    """All metrics of `counts`; 1 where there are no voxels at all, as nothing is wrong. Kappa as in `scores`."""
    single = [counts.against_rest(number) for number in range(len(counts.matrix))]
    occurs = [one.true_positive + one.false_positive + one.false_negative > 0 for one in single]
    iou = tuple(scores(one).iou if there else float("nan") for one, there in zip(single, occurs, strict=True))
    dice = tuple(scores(one).dice if there else float("nan") for one, there in zip(single, occurs, strict=True))
    total, right = int(counts.matrix.sum()), int(counts.matrix.trace())
    true, predicted = counts.matrix.sum(axis=1).tolist(), counts.matrix.sum(axis=0).tolist()
    chance = sum(rows * columns for rows, columns in zip(true, predicted, strict=True))
    return ClassScores(
        iou=iou,
        dice=dice,
        mean_iou=float(np.nanmean(iou)) if any(occurs) else 1.0,
        mean_dice=float(np.nanmean(dice)) if any(occurs) else 1.0,
        accuracy=ratio(right, total, 1.0),
        kappa=ratio(total * right - chance, total * total - chance, 1.0),
    )


@dataclass(frozen=True, eq=False)
class CompartmentCounts:
    """Voxels of each compartment, those of images add up.

    Attributes:
        voxels: (256,) int64, by the value in the map of compartments.
        predicted: (256,) int64, those of them that are predicted as foreground.
        false: (256,) int64, those of them that are so and are none.
    """

    voxels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    false: NDArray[np.int64]

    def __add__(self, other: "CompartmentCounts") -> "CompartmentCounts":
        return CompartmentCounts(self.voxels + other.voxels, self.predicted + other.predicted, self.false + other.false)


@dataclass(frozen=True)
class CompartmentShare:
    """What was predicted of one compartment.

    Attributes:
        voxels: how many it has.
        predicted: share of them that is predicted as foreground, 0-1.
        of_false_positives: share of all false positives that lies in it, 0-1; nan if there are none.
    """

    voxels: int
    predicted: float
    of_false_positives: float


def count_compartments(
    prediction: NDArray[np.bool_], truth: NDArray[np.integer], compartment: NDArray[np.uint8]
) -> CompartmentCounts:
    """Count the voxels of each compartment, and what of them is predicted.

    Args:
        prediction: any shape, foreground.
        truth: the same shape: 0, 1, 255 = ignore; ignored voxels count nowhere.
        compartment: the same shape.

    Raises:
        DataError: shapes differ, or truth holds other values.
    """
    require_same_shape(prediction, truth)
    require_same_shape(prediction, compartment)
    positive, _ = require_binary(truth)
    known = truth != IGNORE
    voxels, predicted, false = (
        np.bincount(compartment[where], minlength=256)
        for where in (known, known & prediction, known & prediction & ~positive)
    )
    return CompartmentCounts(voxels, predicted, false)


def compartment_shares(counts: CompartmentCounts, names: Mapping[int, str]) -> dict[str, CompartmentShare]:
    """By name of the compartment, those with most false positives first; those without voxels are left out."""
    false = int(counts.false.sum())
    order = sorted(names, key=lambda value: (-int(counts.false[value]), value))
    return {
        names[value]: CompartmentShare(
            int(counts.voxels[value]),
            ratio(int(counts.predicted[value]), int(counts.voxels[value]), nan),
            ratio(int(counts.false[value]), false, nan),
        )
        for value in order
        if counts.voxels[value]
    }
