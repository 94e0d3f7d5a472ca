"""From probabilities to a mask: the threshold and the peak with the best foreground IoU."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import reconstruction

from mitodata import VoxelSize
from mitoseg.config.settings import Target
from mitoseg.inference.decoding import (
    PEAK,
    SMALLEST_NM,
    Decoding,
    count_levels,
    find_instances,
    find_pieces,
    part_levels,
    smallest_voxels,
)
from mitoseg.metrics import (
    ProbabilityCounts,
    confusion,
    count_overlaps,
    count_probabilities,
    instance_counts,
    instance_scores,
    scores,
)
from mitoseg.metrics.curves import mean_iou

SEEDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
"""Thresholds of seeds that are tried."""

STEPS = 100
"""Thresholds tried are 1/STEPS, 2/STEPS, ... below 1."""

PLATEAU = 0.005
"""Scores closer than this to the best count as equally good; the lowest of their thresholds is taken. The top is flat,
and of tissue that a network has not learned it is less sure than of the images that it is validated on."""

FORGIVEN = 0.01
"""Share of an image that counts as if it were foreground and found. So an image without foreground loses little by a
few wrong pixels, and one with little foreground does not decide alone."""

GIVEN_UP = 0.1
"""Share of the best foreground IoU, at most, that is given up for images with little foreground or none. In these a
weak model does best where it finds nothing."""


AS_GOOD = 0.01
"""On the tissue at hand, IoUs this close to the best are as good.

What is labelled, or sure, is some of the tissue only. On four fields of heart muscle .2 was best. On four others, two
of which show a nucleus, .2 has an IoU of .735, and .5 has .783 (docs/results/finetune.md)."""

TAUGHT = 0.5
"""What masks teach: the loss is least where the probability of what they mark lies above, of the rest below."""


def threshold_nearest(counts: ProbabilityCounts, near: float = TAUGHT, as_good: float = AS_GOOD) -> float:
    """Of the thresholds within `as_good` of the best IoU of all pixels together, the one nearest to `near`; 0-1.

    Many do about equally well: labels show a part of the tissue, and between what a teacher is sure to be foreground
    and what it is sure to be background there is a gap. On three sets of real tissue (docs/results/adapt.md) the one
    nearest to `TAUGHT` lies within .002 of the best IoU; the lowest, taken before, lost up to .05 across three axes.
    """
    tried = np.arange(1, STEPS) / STEPS
    reached = np.array([scores(counts.confusion(float(threshold))).iou for threshold in tried])
    good = tried[reached >= reached.max() - as_good]
    return float(good[np.abs(good - near).argmin()])


def best_threshold(images: Sequence[ProbabilityCounts]) -> float:
    """The threshold, 0-1, with the best mean foreground IoU over `images` (at least one).

    Each image counts once, whatever its share of foreground: muscle, which is full of it, beside brain, which is not.
    Images without foreground weigh in, by what is wrongly found in them (`FORGIVEN`). They may not cost more than a
    share of the IoU of the others (`GIVEN_UP`).
    """
    true, false, missed = np.moveaxis(_outcomes(images), -1, 0)
    forgiven = FORGIVEN * np.array([[image.foreground.sum() + image.background.sum()] for image in images])
    reached = ((true + forgiven) / np.maximum(true + false + missed + forgiven, 1e-9)).mean(axis=0)
    shown = (true + missed).any(axis=1)
    if shown.any():
        iou = (true[shown] / (true + false + missed)[shown]).mean(axis=0)
        reached[iou < (1 - GIVEN_UP) * iou.max()] = 0
    good = np.arange(1, STEPS)[reached >= reached.max() - PLATEAU]
    return float(good.min() / STEPS)


def _outcomes(images: Sequence[ProbabilityCounts]) -> NDArray[np.float64]:
    """True and false positives and false negatives of each image at all thresholds that are tried: (N, T, 3)."""
    first = np.arange(1, STEPS) * images[0].bins // STEPS
    # From the last bin on: how many pixels have that probability or more.
    true, false = (
        np.stack([getattr(image, name)[::-1].cumsum()[::-1] for image in images])
        for name in ("foreground", "background")
    )
    return np.stack([true[:, first], false[:, first], true[:, :1] - true[:, first]], axis=-1).astype(np.float64)


def best_rule(
    images: Sequence[ProbabilityCounts],
    probabilities: Sequence[NDArray[np.float32]],
    truths: Sequence[NDArray[np.uint8]],
) -> tuple[Decoding, list[ProbabilityCounts]]:
    """The thresholds and the peak with the best foreground IoU.

    The peak is chosen at the threshold that is best without one, then the threshold again: with a peak it can be lower,
    because what a low one finds wrongly is mostly faint all through.

    Args:
        images: counts of all images.
        probabilities: of foreground in the images or in parts of them, (Y, X) in [0, 1].
        truths: the same shapes: 0, 1, 255 = ignore.

    Returns:
        The rule: each image is read by its own threshold (`mitoseg.inference.decoding.own_threshold`), unless one for
        all is better by more than `PLATEAU`. And counts of those parts without what does not reach the peak. If no part
        has foreground, the threshold that is best for the images, no peak, and `images`.
    """
    if not any((truth == 1).any() for truth in truths):
        return Decoding(best_threshold(images), peak=0.0), list(images)
    peak = best_peak(probabilities, truths, best_threshold(images))
    counts = [
        count_probabilities(reaching(probability, peak), truth)
        for probability, truth in zip(probabilities, truths, strict=True)
    ]
    threshold = best_threshold(counts)
    own = [part_levels(count_levels(probability[None])[0], threshold) for probability in probabilities]
    as_good = mean_iou(counts, own) >= mean_iou(counts, threshold) - PLATEAU
    return Decoding(threshold, peak=peak, own_threshold=as_good), counts


def reaching(probability: NDArray[np.float32], peak: float) -> NDArray[np.float32]:
    """The highest threshold at which each pixel lies in a piece that reaches `peak`; 0 where there is none.

    At all thresholds at once: the mask at threshold t is where the result is t or more. That is reconstruction by
    dilation (Vincent, IEEE Transactions on Image Processing 1993).

    Args:
        probability: (Y, X) float32 in [0, 1].
        peak: 0-1.

    Returns:
        (Y, X) float32, at most `probability`.
    """
    seeds = np.where(probability >= np.float32(peak), probability, np.float32(0))
    faces = ndimage.generate_binary_structure(2, 1)
    return np.asarray(reconstruction(seeds, probability, footprint=faces), np.float32)


def best_peak(
    probabilities: Sequence[NDArray[np.float32]], truths: Sequence[NDArray[np.uint8]], threshold: float
) -> float:
    """The probability, up to `PEAK`, that pieces should reach for the highest foreground IoU of all pixels together.

    A network that is sure of nothing yet would lose what is right with what is wrong. On images of the kind that it has
    learnt more than `PEAK` is often best, but on others a network is less sure.

    Args:
        probabilities: of foreground in each image, (Y, X) in [0, 1].
        truths: the same shapes: 0, 1, 255 = ignore.
        threshold: from which on a pixel can be foreground.

    Returns:
        A multiple of 0.1; 0 keeps all pieces. The highest where several are equally good.
    """
    tried = np.round(np.arange(0, PEAK + 0.01, 0.1), 1)
    true, false = np.zeros(len(tried)), np.zeros(len(tried))
    for probability, truth in zip(probabilities, truths, strict=True):
        pieces = find_pieces(probability[None, None], Decoding(threshold, peak=0.0))[0]
        count = int(pieces.max())
        if count == 0:
            continue
        peaks = np.asarray(ndimage.maximum(probability, pieces, np.arange(1, count + 1)))
        kept = peaks[:, None] >= tried
        right, wrong = (np.bincount(pieces[truth == value], minlength=count + 1)[1:] for value in (1, 0))
        true += right @ kept
        false += wrong @ kept
    positive = sum(int((truth == 1).sum()) for truth in truths)
    reached = true / np.maximum(positive + false, 1)
    return float(tried[reached >= reached.max() - PLATEAU].max())


def best_smallest(
    probabilities: Sequence[NDArray[np.float32]],
    truths: Sequence[NDArray[np.uint8]],
    sizes_nm: Sequence[VoxelSize],
    rule: Decoding,
) -> float:
    """Whether pieces too small for a mitochondrion are dropped: `SMALLEST_NM`, or 0 if that costs foreground IoU.

    Others may learn to find what is smaller than mitochondria. Images without foreground say nothing.

    Args:
        probabilities: of foreground in each image, (Y, X) in [0, 1].
        truths: the same shapes: 0, 1, 255 = ignore.
        sizes_nm: (z, y, x) of their pixels in nm.
        rule: thresholds and peak.
    """
    kept, dropped = [], []
    for probability, truth, size_nm in zip(probabilities, truths, sizes_nm, strict=True):
        if not (truth == 1).any():
            continue
        pieces = np.asarray(find_pieces(probability[None, None], rule)[0])
        smallest = smallest_voxels(SMALLEST_NM, (1, *pieces.shape), size_nm)
        large = np.bincount(pieces.ravel()) >= smallest
        kept.append(scores(confusion(pieces > 0, truth)).iou)
        dropped.append(scores(confusion((pieces > 0) & large[pieces], truth)).iou)
    return SMALLEST_NM if kept and np.sum(dropped) >= np.sum(kept) else 0.0


def tune(
    maps: Sequence[NDArray[np.float32]],
    labels: Sequence[NDArray[np.integer]],
    target: Target,
    decoding: Decoding,
) -> Decoding:
    """Choose the seed threshold with the highest F1 at an IoU of .5 over all instances of `maps` together.

    Args:
        maps: one (C, [Z,] Y, X) array an image, in [0, 1].
        labels: the true instances of each, ([Z,] Y, X), 0 = background.
        target: what the network was taught.
        decoding: how foreground is found, chosen before.
    """
    if target != "instance":
        return decoding
    tried = [replace(decoding, seed=seed) for seed in SEEDS]
    reached = [_f1(maps, labels, target, each) for each in tried]
    best = [each for each, f1 in zip(tried, reached, strict=True) if f1 >= max(reached) - 0.001]
    return best[len(best) // 2]


def _f1(
    maps: Sequence[NDArray[np.float32]],
    labels: Sequence[NDArray[np.integer]],
    target: Target,
    rule: Decoding,
) -> float:
    counts = [
        instance_counts(count_overlaps(_decode(each, target, rule), label), (0.5,))[0.5]
        for each, label in zip(maps, labels, strict=True)
    ]
    return instance_scores(sum(counts[1:], counts[0])).f1


def _decode(maps: NDArray[np.float32], target: Target, rule: Decoding) -> NDArray[np.uint32]:
    """The instances ([Z,] Y, X) that maps (C, [Z,] Y, X) show."""
    volume = maps.reshape(len(maps), *(1, *maps.shape[1:])[-3:])
    instances, _ = find_instances(volume, find_pieces(volume, rule), target, rule)
    return np.asarray(instances[:]).reshape(maps.shape[1:])
