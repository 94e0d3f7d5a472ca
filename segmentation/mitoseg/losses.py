"""Losses by name: MONAI's, made to leave out what has no truth."""

from collections.abc import Callable

import torch
from monai.losses.dice import DiceLoss
from monai.losses.focal_loss import FocalLoss
from monai.losses.tversky import TverskyLoss
from torch import Tensor
from torch.nn import functional

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(logits, target, valid), all (B, 1, Y, X) float32, the last two of 0 and 1 -> a scalar."""


def make_loss(name: str) -> Loss:
    """The loss called `name`: `dice_ce`, `ce`, `dice`, `focal` or `tversky`.

    Cross-entropy is what makes probabilities calibrated, so that a threshold found on synthetic tissue keeps its
    meaning on real tissue; Dice keeps small structures from being drowned. The default is their sum. Overlaps are
    taken over the whole batch: a patch without foreground is then no special case.
    """
    overlap = {
        "dice_ce": DiceLoss(batch=True),
        "dice": DiceLoss(batch=True),
        "tversky": TverskyLoss(batch=True, alpha=0.3, beta=0.7),
    }
    focal = FocalLoss(reduction="none", gamma=2.0)

    def loss(logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        total = logits.new_zeros(())
        if name in overlap:
            # Zero in both prediction and truth adds nothing to any overlap.
            total = total + overlap[name](torch.sigmoid(logits) * valid, target * valid)
        if name in ("dice_ce", "ce"):
            total = total + _mean(functional.binary_cross_entropy_with_logits(logits, target, reduction="none"), valid)
        if name == "focal":
            total = total + _mean(focal(logits, target), valid)
        return total

    return loss


def _mean(values: Tensor, valid: Tensor) -> Tensor:
    return (values * valid).sum() / valid.sum().clamp(min=1.0)
