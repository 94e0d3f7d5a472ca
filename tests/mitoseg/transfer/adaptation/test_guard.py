from dataclasses import replace

from mitoseg.transfer.adaptation.guard import Judgement, objection, refusal

START = Judgement(threshold=0.3, found=0.05, agreement=0.6, seconds=1.0)


def test_a_model_that_finds_next_to_nothing_is_refused() -> None:
    assert refusal(START) == ""
    assert "sure of 0.02 % of the tissue" in refusal(replace(START, found=0.0002))
    assert "agreement 0.40" in refusal(replace(START, agreement=0.4)), "as on noise"


def test_a_round_is_taken_unless_agreement_or_share_of_foreground_drifts() -> None:
    better = replace(START, found=0.07, agreement=0.7)
    assert objection(START, better, START) == ""
    assert "agreement fell" in objection(START, replace(better, agreement=0.5), START)
    assert "5.00 %" in objection(START, replace(better, found=0.2), START)
    assert "drifts" in objection(START, replace(better, found=0.01), START)
    # Each round a little more is a drift too.
    slow = [replace(better, found=0.05 * 1.9**rounds) for rounds in range(4)]
    assert objection(slow[1], slow[2], slow[0]) == ""
    assert "at the start" in objection(slow[2], slow[3], slow[0])
