"""Turns and mirror images of what a network sees, and their average."""

import torch
from torch import Tensor

from mitodata import RunError
from mitoseg.inference.sliding_window import Predictor

TURNS = (1, 4, 8)
"""How many views may be averaged: the image; with its mirror images in y, in x and in both; all quarter turns of the
image and of its mirror image."""


def average_views(predict: Predictor, turns: int) -> Predictor:
    """Let `predict` see several views of each window, (B, 1, Z, Y, X) with Y = X, and average what it says of them.

    Raises:
        RunError: `turns` is none of `TURNS`.
    """
    if turns not in TURNS:
        raise RunError(f"turns {turns}; expected one of {', '.join(map(str, TURNS))}")
    if turns == 1:
        return predict
    views = [(mirrored, quarter) for mirrored in (False, True) for quarter in range(0, 4, 8 // turns)]

    def predict_views(windows: Tensor) -> Tensor:
        total: Tensor | None = None
        for mirrored, quarter in views:
            view = torch.rot90(windows.flip(-1) if mirrored else windows, quarter, (-2, -1))
            back = torch.rot90(predict(view), -quarter, (-2, -1))
            back = back.flip(-1) if mirrored else back
            total = back if total is None else total + back
        assert total is not None
        return total / len(views)

    return predict_views
