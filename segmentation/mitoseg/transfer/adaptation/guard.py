"""The guard: whether a model has enough to stand on, and whether a round made it better or led it astray.

There are no labels to ask. What can be seen is how much a model finds, and how far what it says of the same place from
several sides agrees.
"""

from dataclasses import dataclass

LEAST_FOUND = 0.001
"""Share of the tissue below which a model finds next to nothing."""

LEAST_AGREEMENT = 0.5
"""Agreement of looks below which what a model finds depends on how one looks: .40 on noise, .63 and more on tissue."""

DRIFT = 2.5
"""Factor by which the share of foreground may change in a round."""

LOST_AGREEMENT = 0.05
"""By how much agreement may fall in a round."""


@dataclass(frozen=True)
class Judgement:
    """What can be said of a model on unlabelled images.

    Attributes:
        threshold: probability from which on a voxel is foreground.
        found: share of the voxels in pieces that the model is sure of.
        agreement: IoU of single looks with their mean.
        seconds: how long it took to look.
    """

    threshold: float
    found: float
    agreement: float
    seconds: float

    @property
    def text(self) -> str:
        """In a few words."""
        return f"share found {100 * self.found:.2f} %, agreement {self.agreement:.2f}, threshold {self.threshold:.2f}"


def refusal(start: Judgement) -> str:
    """Why a model has nothing to stand on; empty if it has."""
    if start.found < LEAST_FOUND:
        return (
            f"the model is sure of {100 * start.found:.2f} % of the tissue; expected at least "
            f"{100 * LEAST_FOUND:g} %: learning from that would only confirm it"
        )
    if start.agreement < LEAST_AGREEMENT:
        return (
            f"what the model finds depends on how it looks (agreement {start.agreement:.2f}); expected at least "
            f"{LEAST_AGREEMENT:g}: learning from that would only confirm it"
        )
    return ""


def objection(before: Judgement, after: Judgement, start: Judgement) -> str:
    """Why the model after a round is not taken; empty if it is.

    Args:
        before: of the model that the round began with.
        after: of the model that it ended with.
        start: of the first of all: a slow drift over rounds is one too.
    """
    if after.agreement < before.agreement - LOST_AGREEMENT:
        return f"the agreement fell ({after.agreement:.2f}, before {before.agreement:.2f})"
    for other, when in ((before, "before"), (start, "at the start")):
        ratio = after.found / other.found
        limit = DRIFT if other is before else DRIFT**1.5
        if not 1 / limit <= ratio <= limit:
            return f"the share of foreground drifts ({100 * after.found:.2f} %, {when} {100 * other.found:.2f} %)"
    return ""
