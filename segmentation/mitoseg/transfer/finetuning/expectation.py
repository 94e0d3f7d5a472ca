"""What learning from labels can be expected to bring, from what it brought where that was measured."""

import numpy as np

REMOVED = ((8, 0.15), (20, 0.24), (35, 0.29), (100, 0.35))
"""(profiles of mitochondria, share of the error that learning from them removes); the error is 1 - IoU.

Measured for 35 profiles (docs/results/finetune.md); the others are a guess around it, until the curve is measured.
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
