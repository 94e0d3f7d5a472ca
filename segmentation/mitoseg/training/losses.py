"""Losses by name: MONAI's, made to leave out what has no truth."""

from collections.abc import Callable

import torch
from monai.losses.dice import DiceLoss
from monai.losses.focal_loss import FocalLoss
from monai.losses.tversky import TverskyLoss
from torch import Tensor
from torch.nn import functional

from mitoseg.config.settings import FitConfig, Target
from mitoseg.networks.targets import CLASSES, MITOCHONDRIAL, OUTER_MEMBRANE

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(logits (B, C, ...), truth (B, C, ...), valid (B, 1, ...)), all float32, the last of 0 and 1 -> a scalar."""

FOCUS = 2.0
"""Exponent of focal loss: the larger, the less what is nearly right counts."""

HEAVIEST = 50.0
"""Largest weight that balancing gives to foreground: a batch may hold a single pixel of it."""


def make_loss(config: FitConfig) -> Loss:
    """The loss of `config` for its target.

    Cross-entropy is what makes probabilities calibrated, so that a threshold found on synthetic tissue keeps its
    meaning on real tissue; Dice keeps small structures from being drowned. The default is their sum. Overlaps are
    taken over the whole batch: a patch without foreground is then no special case.

    With several heads the loss is the sum over them; relative distances always take cross-entropy, whose minimum lies
    at the true distance.
    """
    if config.target != "instance":
        return _voxel_loss(config)
    of_shapes = _voxel_loss(config)

    def loss(logits: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
        heads = [of_shapes(logits[:, i : i + 1], truth[:, i : i + 1], valid) for i in (0, 1)]
        distance = functional.binary_cross_entropy_with_logits(logits[:, 2:], truth[:, 2:], reduction="none")
        return heads[0] + heads[1] + _mean(distance, valid)

    return loss


def make_foreground_loss(target: Target, *, outer_membrane: bool = True) -> Loss:
    """Cross-entropy plus Dice on the probability of foreground alone, for a network of any target.

    For images of which nothing is known but a mask, perhaps in parts: annotated by hand, or found by a network. The
    truth has one channel. Of exclusive classes the probability is the sum over those of a mitochondrion, as in
    `mitoseg.networks.targets.to_maps`, and how it is shared out among them stays free; of several heads it is the
    first.
    """
    overlap = DiceLoss(batch=True)

    def loss(logits: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
        inside, outside = _log_foreground(logits, target, outer_membrane)
        entropy = -(truth * inside + (1 - truth) * outside)
        dice: Tensor = overlap(inside.exp() * valid, truth * valid)
        return _mean(entropy, valid) + dice

    return loss


def _log_foreground(logits: Tensor, target: Target, outer_membrane: bool) -> tuple[Tensor, Tensor]:
    """Logarithms of the probabilities of foreground and of background, both (B, 1, ...)."""
    if target != "compartments":
        return functional.logsigmoid(logits[:, :1]), functional.logsigmoid(-logits[:, :1])
    scores = functional.log_softmax(logits, 1)
    names = list(CLASSES)
    inside = [names.index(name) for name in MITOCHONDRIAL if outer_membrane or name != OUTER_MEMBRANE]
    outside = [number for number in range(len(names)) if number not in inside]
    # Summed as logarithms: a probability of 1 that is rounded would make the logarithm of the rest infinite.
    return scores[:, inside].logsumexp(1, keepdim=True), scores[:, outside].logsumexp(1, keepdim=True)


def _voxel_loss(config: FitConfig) -> Loss:
    """The loss of heads that are one class each, or exclusive classes."""
    name, exclusive = config.loss, config.target == "compartments"
    overlaps = {
        "dice": DiceLoss(batch=True),
        "dice_ce": DiceLoss(batch=True),
        "dice_focal": DiceLoss(batch=True),
        "tversky": TverskyLoss(batch=True, alpha=0.3, beta=0.7),
    }
    focal = FocalLoss(reduction="none", gamma=FOCUS)

    def loss(logits: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
        total = logits.new_zeros(())
        # Once for all parts of the loss: on a processor a softmax takes as long as a convolution.
        scores = functional.log_softmax(logits, 1) if exclusive else logits
        if name in overlaps:
            probability, inside = _probability(scores, exclusive), truth
            if not bool(valid.all()):
                # Zero in both prediction and truth adds nothing to any overlap.
                probability, inside = probability * valid, truth * valid
            total = total + overlaps[name](probability, inside)
        if name in ("bce", "dice_ce"):
            total = total + _mean(_cross_entropy(scores, truth, exclusive), valid)
        if name == "weighted_bce":
            weights = _weights(truth, valid, config.foreground_weight, exclusive)
            total = total + _mean(_cross_entropy(scores, truth, exclusive), valid * weights)
        if name in ("focal", "dice_focal"):
            total = total + _mean(_exclusive_focal(scores, truth) if exclusive else focal(logits, truth), valid)
        return total

    return loss


def _probability(scores: Tensor, exclusive: bool) -> Tensor:
    """Probabilities (B, C, ...) of logarithms of them, or of the logits of classes that do not exclude each other."""
    return scores.exp() if exclusive else torch.sigmoid(scores)


def _exclusive_focal(scores: Tensor, truth: Tensor) -> Tensor:
    """As `FocalLoss(use_softmax=True)` of MONAI summed over classes, (B, 1, ...), in a fifth of a step less time.

    Only the true class adds to it (Lin et al. 2017), so only of that one the factor is computed.
    """
    entropy = _cross_entropy(scores, truth, exclusive=True)
    weighted: Tensor = (1 - torch.exp(-entropy)) ** FOCUS * entropy
    return weighted


def _cross_entropy(scores: Tensor, truth: Tensor, exclusive: bool) -> Tensor:
    """By voxel, (B, 1 or C, ...); `scores` as for `_probability`."""
    if exclusive:
        return -(truth * scores).sum(1, keepdim=True)
    return functional.binary_cross_entropy_with_logits(scores, truth, reduction="none")


def _weights(truth: Tensor, valid: Tensor, given: float | None, exclusive: bool) -> Tensor:
    """Weights (B, 1, ...) of voxels: `given` for foreground, or so that it counts as much as background does."""
    inside = 1 - truth[:, :1] if exclusive else truth
    if given is None:
        positive = (inside * valid).sum()
        weight = ((valid.sum() - positive) / positive.clamp(min=1)).clamp(1, HEAVIEST)
    else:
        weight = truth.new_tensor(given)
    return 1 + (weight - 1) * inside


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum() / weights.sum().clamp(min=1.0)
