"""Test-time augmentation (TTA): what a network says of a window turned and mirrored, averaged."""

import torch
from torch import Tensor

from mitodata import RunError
from mitoseg.inference.model import Predictor

TTA = (1, 4, 8)
"""How many orientations may be averaged: the window as it is; with its mirror images in y, in x and in both; all
quarter turns of the window and of its mirror image."""


def average_tta(predict: Predictor, tta: int) -> Predictor:
    """Let `predict` see each window, (B, 1, Z, Y, X) with Y = X, in `tta` orientations, and average what it says.

    Raises:
        RunError: `tta` is none of `TTA`.
    """
    if tta not in TTA:
        raise RunError(f"tta {tta}; expected one of {', '.join(map(str, TTA))}")
    if tta == 1:
        return predict
    orientations = [(mirrored, quarter) for mirrored in (False, True) for quarter in range(0, 4, 8 // tta)]

    def predict_orientations(windows: Tensor) -> Tensor:
        total: Tensor | None = None
        for mirrored, quarter in orientations:
            turned = torch.rot90(windows.flip(-1) if mirrored else windows, quarter, (-2, -1))
            back = torch.rot90(predict(turned), -quarter, (-2, -1))
            back = back.flip(-1) if mirrored else back
            total = back if total is None else total + back
        assert total is not None
        return total / len(orientations)

    return predict_orientations
