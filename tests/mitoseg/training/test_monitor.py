"""What a fit says where there is no terminal."""

import pytest

from mitoseg.training.monitor import Progress


def test_a_line_has_loss_score_rate_and_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mitoseg.training.monitor.LINE_EVERY_S", -1.0)
    with Progress("fit") as progress:
        progress.update(0.0, 0.5, 8)
        progress.score = 0.7512
        progress.update(0.5, 0.5, 8)
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("  0%: loss 0.500, ")
    assert "IoU" not in first
    assert first.endswith("time left unknown")
    assert second.startswith(" 50%: loss 0.500, validation IoU 0.751, ")
    assert " images/s, 0:00 left" in second


def test_only_the_leader_of_a_team_speaks(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mitoseg.training.monitor.LINE_EVERY_S", -1.0)
    with Progress("fit", silent=True) as progress:
        progress.update(0.0, 0.5, 8)
        progress.report("a note")
    assert capsys.readouterr().err == ""
