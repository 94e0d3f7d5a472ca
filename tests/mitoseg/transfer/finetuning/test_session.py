"""Which stage of a fine-tuning is kept."""

import pytest

from mitoseg.inference.postprocess import Decoding
from mitoseg.transfer.finetuning.crossvalidation import Outcome
from mitoseg.transfer.finetuning.session import Candidate, choose_stage


def candidates(**ious: float) -> list[Candidate]:
    return [Candidate(stage, Outcome(iou, Decoding()), []) for stage, iou in ious.items()]


@pytest.mark.parametrize(
    ("ious", "profiles", "kept"),
    [
        ({"nothing": 0.70, "threshold": 0.701}, 30, "nothing"),
        ({"nothing": 0.70, "threshold": 0.75}, 30, "threshold"),
        ({"nothing": 0.73, "threshold": 0.77, "head": 0.764, "all": 0.743}, 35, "all"),
        ({"nothing": 0.73, "threshold": 0.77, "head": 0.764, "all": 0.72}, 35, "head"),
        ({"nothing": 0.73, "threshold": 0.77, "head": 0.73, "all": 0.743}, 35, "all"),
        ({"nothing": 0.73, "threshold": 0.77, "head": 0.73, "all": 0.739}, 35, "threshold"),
        ({"nothing": 0.73, "threshold": 0.77, "head": 0.73, "all": 0.741}, 3, "all"),  # .03 is the most
        ({"nothing": 0.73, "threshold": 0.77, "head": 0.73, "all": 0.743}, 400, "threshold"),
        ({"nothing": 0.73, "threshold": 0.77, "head": 0.79, "all": 0.81}, 35, "all"),
    ],
)
def test_trained_layers_get_the_benefit_of_the_doubt_where_labels_are_few(
    ious: dict[str, float], profiles: int, kept: str
) -> None:
    assert choose_stage(candidates(**ious), profiles).stage == kept
