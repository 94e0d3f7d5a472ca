"""What a stage is worth on labels that it has not seen: each fold is judged by the others."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mitodata import IGNORE
from mitoseg.inference.decoding import Decoding, find_foreground
from mitoseg.inference.model import Model
from mitoseg.inference.predictor import predict_maps
from mitoseg.io.process import Stop
from mitoseg.metrics import ConfusionCounts, confusion, count_probabilities, scores
from mitoseg.training.threshold_selection import AS_GOOD, TAUGHT, best_rule, best_smallest, threshold_nearest
from mitoseg.transfer.finetuning.regions import LabelledSection, Reviewed

Probabilities = list[NDArray[np.float32]]
"""Of foreground, (Y, X) in [0, 1] of each labelled section."""


@dataclass(frozen=True, eq=False)
class StageScore:
    """How good a stage is, and the decoding that suits it.

    Attributes:
        iou: foreground IoU of all known pixels together, of each fold with the decoding that suits the other folds.
        decoding: chosen on all of them.
        iou_at_decoding: the same IoU with `decoding`. Where each fold was predicted by a model of its own, what suits
            one of these says little about another.
        best_iou: the same IoU with the best threshold: what such models are compared by.
    """

    iou: float
    decoding: Decoding
    iou_at_decoding: float
    best_iou: float


def predict_reviewed(model: Model, sections: Sequence[LabelledSection], stop: Stop) -> Probabilities:
    """Predict labelled sections, each by itself.

    Raises:
        DataError: a voxel size is out of reach.
        KeyboardInterrupt: somebody asked to stop.
    """
    found = []
    for each in sections:
        if stop.requested:
            raise KeyboardInterrupt
        found.append(predict_maps(model, each.raw[None], each.voxel_size_nm)[0, 0])
    return found


def stitch(sections: Sequence[LabelledSection], by_fold: dict[int, Probabilities]) -> Probabilities:
    """Put predictions together: of each pixel from the model that has not learned from its fold."""
    stitched = []
    for number, section in enumerate(sections):
        whole = next(iter(by_fold.values()))[number].copy()
        for fold, probabilities in by_fold.items():
            inside = section.fold == fold
            whole[inside] = probabilities[number][inside]
        stitched.append(whole)
    return stitched


def score_as_is(reviewed: Reviewed, probabilities: Probabilities, decoding: Decoding) -> float:
    """Foreground IoU of all known pixels together, with a decoding as it is."""
    return scores(_count(reviewed, probabilities, decoding, reviewed.folds)).iou


def choose_decoding(
    reviewed: Reviewed, probabilities: Probabilities, outline_nm: float, near: float = TAUGHT
) -> StageScore:
    """Choose threshold and peak, and say how good such a choice is on labels that it was not made by.

    The known pixels of each fold are scored with what is best for the other folds. With a single fold there is no such
    thing: the score is then that of the labels that are chosen by.

    Args:
        reviewed: labelled sections.
        probabilities: of each, from models that have not learned from them.
        outline_nm: where labels and masks end, nm outside of the outer face.
        near: of thresholds that are about as good, the one nearest to this is taken.
    """

    def choose(folds: Sequence[int], as_good: float = AS_GOOD) -> Decoding:
        masks = [each.known_in(folds, outline_nm) for each in reviewed.sections]
        used = [number for number, mask in enumerate(masks) if (mask != IGNORE).any()]
        seen = [probabilities[number] for number in used]
        truths = [masks[number] for number in used]
        rule, counts = best_rule(list(map(count_probabilities, seen, truths)), seen, truths)
        rule = rule.fixed(threshold_nearest(sum(counts[1:], counts[0]), near, as_good))
        sizes_nm = [reviewed.sections[number].voxel_size_nm for number in used]
        smallest_nm = best_smallest(seen, truths, sizes_nm, rule)
        return replace(rule, outline_nm=outline_nm, smallest_nm=smallest_nm)

    decoding = choose(reviewed.folds)
    together = score_as_is(reviewed, probabilities, decoding)
    best = score_as_is(reviewed, probabilities, choose(reviewed.folds, 0.0))
    if len(reviewed.folds) < 2:
        return StageScore(together, decoding, together, best)
    counts = ConfusionCounts()
    for fold in reviewed.folds:
        others = [other for other in reviewed.folds if other != fold]
        counts += _count(reviewed, probabilities, choose(others), [fold])
    return StageScore(scores(counts).iou, decoding, together, best)


def find_mask(section: LabelledSection, probability: NDArray[np.float32], decoding: Decoding) -> NDArray[np.bool_]:
    """What counts as foreground in a section, (Y, X), as `mitoseg predict` has it."""
    return np.asarray(find_foreground(probability[None, None], decoding, section.voxel_size_nm)[0] > 0)


def _count(
    reviewed: Reviewed, probabilities: Probabilities, decoding: Decoding, folds: Sequence[int]
) -> ConfusionCounts:
    return sum(
        (
            confusion(find_mask(section, probability, decoding), section.known_in(folds))
            for section, probability in zip(reviewed.sections, probabilities, strict=True)
        ),
        ConfusionCounts(),
    )
