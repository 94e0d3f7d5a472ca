"""What learning from labels can be expected to bring, from what it brought where that was measured."""

import numpy as np

REMOVED = ((8, 0.15), (20, 0.25), (60, 0.35), (200, 0.45))
"""(profiles of mitochondria, share of the error that learning from them removed), by docs/results/finetune.md.

The error is what the IoU lacks to 1. The numbers are those of tissue that the model had seen nothing of.
"""


def expected_iou(now: float, profiles: int) -> float:
    """The IoU to expect after learning.

    Args:
        now: IoU with the best threshold, on labels that it was not chosen by.
        profiles: labelled profiles of mitochondria.
    """
    counts, shares = zip(*REMOVED, strict=True)
    removed = float(np.interp(np.log(max(profiles, 1)), np.log(counts), shares))
    return 1 - (1 - now) * (1 - removed)
