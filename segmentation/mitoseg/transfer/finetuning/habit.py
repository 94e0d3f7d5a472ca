"""Where annotators draw: how far outside or inside of the outer face, as the model sees it, their labels end."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitodata import IGNORE
from mitoseg.inference.decoding import Decoding, face_distance, find_pieces
from mitoseg.metrics import Matches, count_overlaps, match_instances
from mitoseg.transfer.finetuning.regions import LabelledSection

MATCHED_IOU = 0.4
"""IoU from which on a label and a piece are the same mitochondrion: their outlines can be compared."""

FARTHEST_NM = 100
"""Shifts that are tried, either way; mitochondria are a few hundred nm wide."""

PLATEAU = 0.002
"""IoUs this close to the best are as good; the middle of their shifts is taken."""


@dataclass(frozen=True)
class Habit:
    """Where labels end.

    Attributes:
        outline_nm: the shift of the model's outlines that brings them closest to the labels: outside is positive.
        profiles: labels that were compared.
        unlabelled: pieces that the model finds where labels say background.
        iou: overlap of those and their pieces, without and with the shift.
    """

    outline_nm: float
    profiles: int
    unlabelled: int
    iou: tuple[float, float]

    @property
    def summary(self) -> str:
        """One line for people."""
        where = f"{abs(self.outline_nm):.0f} nm {'outside' if self.outline_nm > 0 else 'inside'} of"
        return (
            f"labels end {where if round(self.outline_nm) else 'at'} the outlines that the model draws "
            f"({self.profiles} profile{'s' * (self.profiles != 1)}; IoU {self.iou[0]:.3f}, moved {self.iou[1]:.3f})"
        )


def measure_habit(
    sections: Sequence[LabelledSection], probabilities: Sequence[NDArray[np.float32]], decoding: Decoding
) -> Habit | None:
    """Measure by how much outlines have to move for the best overlap with labels of what both have found.

    What one of them lacks altogether does not count: that is no question of outlines.

    Args:
        sections: labelled.
        probabilities: of foreground, (Y, X) of each, from a model that knows nothing of these labels.
        decoding: thresholds of the model.

    Returns:
        The habit; None if the model finds nothing of what is labelled.
    """
    edges = np.arange(-FARTHEST_NM, FARTHEST_NM + 2) - 0.5
    inside, outside = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1)
    profiles = unlabelled = 0
    for section, probability in zip(sections, probabilities, strict=True):
        pieces = np.asarray(find_pieces(probability[None, None], decoding)[0])
        matches = match_instances(count_overlaps(pieces, section.label, section.mask), MATCHED_IOU)
        profiles += len(matches.truth)
        unlabelled += _count_unlabelled(pieces, section)
        if len(matches.truth):
            distance_nm, truth = _compare(pieces, section, matches)
            inside += np.histogram(distance_nm[truth].clip(edges[0], edges[-1]), edges)[0]
            outside += np.histogram(distance_nm[~truth].clip(edges[0], edges[-1]), edges)[0]
    if not profiles:
        return None
    iou = np.cumsum(inside) / (inside.sum() + np.cumsum(outside))
    shifts = np.arange(-FARTHEST_NM, FARTHEST_NM + 1)
    best = float(np.median(shifts[iou >= iou.max() - PLATEAU]))
    return Habit(best, profiles, unlabelled, (float(iou[FARTHEST_NM]), float(iou[FARTHEST_NM + round(best)])))


def _compare(
    pieces: NDArray[np.integer], section: LabelledSection, matches: Matches
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Signed distances in nm from the outlines of matched pieces, and whether the pixel is labelled; other things out.

    Both are (N,), of the N known pixels.
    """
    found, truth = np.isin(pieces, matches.prediction), np.isin(section.label, matches.truth)
    others = (pieces > 0) & ~found | (section.label > 0) & ~truth
    voxel_nm = (1.0, *section.voxel_size_nm[1:])
    outwards, inwards = (face_distance(each[None], voxel_nm)[0][0] for each in (found, ~found))
    distance_nm = np.where(found, -inwards, outwards)
    counted = (section.mask != IGNORE) & ~others
    return distance_nm[counted], truth[counted]


def _count_unlabelled(pieces: NDArray[np.integer], section: LabelledSection) -> int:
    """Pieces that lie in known pixels and touch no label."""
    beside = set(np.unique(pieces[(section.label > 0) | (section.mask == IGNORE)]).tolist())
    return len(set(np.unique(pieces).tolist()) - beside - {0})
