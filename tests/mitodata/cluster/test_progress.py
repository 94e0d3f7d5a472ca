"""Progress where nothing can be shown."""

import io
import sys

import pytest

from mitodata.cluster.progress import Progress, describe_speed, say


class Broken(io.StringIO):
    """A terminal that was closed, or a file on a full disk."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


@pytest.mark.parametrize("stream", [None, Broken(terminal=True), Broken(terminal=False)])
def test_a_stream_that_takes_nothing_stops_no_work(monkeypatch: pytest.MonkeyPatch, stream: Broken | None) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress("image", 2) as bar:
        bar.advance(1)
        bar.advance(1)
    say("done")


def test_without_stderr_nothing_gets_into_the_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    say("done")
    assert capsys.readouterr().out == ""


def test_slow_work_is_counted_in_seconds_each_and_fast_work_in_things_a_second() -> None:
    assert describe_speed(50, 2.0) == ", 25.0 a second"
    assert describe_speed(2, 9.0) == ", 4.5 s each"
    assert describe_speed(0, 9.0) == ""
