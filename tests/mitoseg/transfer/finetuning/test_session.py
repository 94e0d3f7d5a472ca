"""Which stage of a fine-tuning is kept."""

import pytest

from mitoseg.inference.decoding import Decoding
from mitoseg.transfer.finetuning.crossvalidation import StageScore
from mitoseg.transfer.finetuning.session import Candidate, choose_stage


@pytest.mark.parametrize(
    ("ious", "kept"),
    [
        ({"nothing": (0.700, 0.700), "threshold": (0.702, 0.720)}, "nothing"),  # chosen and judged on other folds
        ({"nothing": (0.700, 0.700), "threshold": (0.750, 0.751)}, "threshold"),
        ({"nothing": (0.733, 0.733), "threshold": (0.770, 0.771), "head": (0.764, 0.779), "all": (0.743, 0.8)}, "all"),
        (
            {"nothing": (0.733, 0.733), "threshold": (0.770, 0.771), "head": (0.764, 0.773), "all": (0.76, 0.77)},
            "threshold",
        ),
        # The training brought less than a better threshold of the model as it is would bring.
        ({"nothing": (0.800, 0.802), "threshold": (0.801, 0.802), "all": (0.795, 0.8005)}, "nothing"),
        (
            {"nothing": (0.833, 0.833), "head": (0.833, 0.833), "all": (0.835, 0.835)},
            "all",
        ),
        (
            {"nothing": (0.733, 0.733), "threshold": (0.770, 0.771), "head": (0.764, 0.779), "all": (0.76, 0.779)},
            "head",
        ),
    ],
)
def test_trained_stages_are_compared_at_the_best_threshold_of_each(
    ious: dict[str, tuple[float, float]], kept: str
) -> None:
    candidates = [
        Candidate(stage, StageScore(iou, Decoding(), best_iou, best_iou), []) for stage, (iou, best_iou) in ious.items()
    ]
    assert choose_stage(candidates).stage == kept
