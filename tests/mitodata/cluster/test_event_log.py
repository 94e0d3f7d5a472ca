import json
import logging
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest

from mitodata import DataError
from mitodata.cluster.event_log import emit, emit_progress, event_log, log_json_option
from mitodata.command_line import run


@click.group()
def program() -> None:
    """Help."""


@program.command()
@click.option("--what", default="")
@log_json_option
def work(what: str) -> None:
    emit("loss", value=float("nan"), nothing=None, folder=Path("a"))
    logging.getLogger("mitodata").warning("odd")
    if what == "data":
        raise DataError("x.h5: broken")
    if what == "stop":
        raise KeyboardInterrupt("3 are kept")
    click.echo("done")


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["program", "work", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        run(program)
    return int(caught.value.code or 0)


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_says_when_where_and_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "a.jsonl"
    assert call(monkeypatch, "--log-json", log) == 0
    start, loss, warning, end = events(log)
    assert [each["event"] for each in (start, loss, warning, end)] == ["start", "loss", "warning", "end"]
    assert start["arguments"] == ["work", "--log-json", str(log)]
    assert datetime.fromisoformat(start["time"]).utcoffset() == timedelta(0)
    assert start["pid"] == os.getpid()
    assert start["host"]
    assert start["command"] == "work"
    assert 0 <= start["elapsed_s"] <= end["elapsed_s"]
    assert loss["value"] is None  # NaN is no JSON
    assert loss["folder"] == "a"
    assert "nothing" not in loss
    assert warning["text"] == "odd"


@pytest.mark.parametrize(
    ("what", "code", "last"),
    [
        ("data", 2, {"event": "error", "kind": "DataError", "text": "x.h5: broken"}),
        ("stop", 130, {"event": "stopped", "text": "3 are kept"}),
    ],
)
def test_what_goes_wrong_is_the_last_line(
    what: str, code: int, last: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "a.jsonl"
    assert call(monkeypatch, "--what", what, "--log-json", log) == code
    assert last.items() <= events(log)[-1].items()
    call(monkeypatch, "--log-json", log)
    assert [each["event"] for each in events(log)].count("start") == 2  # it is added to


def test_standard_output_holds_events_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert call(monkeypatch, "--log-json", "-") == 0
    output, errors = capsys.readouterr()
    assert [json.loads(line)["event"] for line in output.splitlines()] == ["start", "loss", "warning", "end"]
    assert errors == "done\n"
    assert caplog.messages == ["odd"]  # and warnings go where they went


def test_a_log_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    precious = tmp_path / "train.h5"
    precious.write_bytes(b"\x89HDF")
    for place, said in ((precious, "holds something else than a log"), (tmp_path / "no" / "a", "No such file")):
        assert call(monkeypatch, "--log-json", place) == 2
        errors = capsys.readouterr().err
        assert said in errors
        assert errors.count("\n") == 1
    assert precious.read_bytes() == b"\x89HDF"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no device that is always full")
def test_a_full_disk_behind_the_log_does_not_end_the_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "--log-json", "/dev/full") == 0
    output, errors = capsys.readouterr()
    assert output == "done\n"
    assert errors.count("--log-json: cannot be written any more: No space left on device; the work goes on\n") == 1


def test_progress_is_told_from_time_to_time_with_its_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    log = tmp_path / "a.jsonl"
    with event_log(str(log), "render"):
        for done in range(0, 101, 5):
            emit_progress(done / 100, done=done, total=100, unit="image")
            now += 1.0
        emit_progress(1.0, done=2, total=2, unit="window")  # something else, too short to be told of
        emit_progress(0.5, done=1, total=2, unit="window")  # and again, from its beginning
        now += 10.0
        emit_progress(1.0, done=2, total=2, unit="window")
    told = [each for each in events(log) if each["event"] == "progress"]
    assert [(each["done"], each.get("per_s")) for each in told] == [(0, None), (50, 5.0), (100, 5.0), (2, 0.1)]
    assert told[1]["unit"] == "image"
    assert told[1]["share"] == 0.5


def test_the_ranks_of_a_team_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "a.jsonl"
    for rank in ("0", "1"):
        monkeypatch.setenv("WORLD_SIZE", "2")
        monkeypatch.setenv("RANK", rank)
        with event_log(str(log), "fit"):
            pass
    assert [each["rank"] for each in events(log)] == [0, 0, 1, 1]
