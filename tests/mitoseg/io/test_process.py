import contextvars
import errno
import fcntl
import os
import threading
from pathlib import Path

import pytest

from mitoseg.io.process import LOCK, Stop, Watch, alone_in, stop_politely, tell, watched
from mitoseg.training.monitor import Progress


def test_a_training_asks_who_watches_whether_to_stop_and_tells_how_far_it_is() -> None:
    told: list[tuple[str, float | None]] = []
    watch = Watch(lambda line, share: told.append((line, share)))
    with watched(watch), stop_politely() as stop, Progress("fit", silent=True) as progress:
        assert stop is watch.stop
        progress.report("labels: 2 regions")
        progress.update(0.25, 1.0, 8)
    assert [share for _, share in told] == [None, 0.25]
    assert told[0][0] == "labels: 2 regions"
    assert told[1][0].startswith("loss 1.000")


def test_another_thread_is_not_watched() -> None:
    found: list[Stop] = []
    told: list[str] = []

    def work() -> None:
        tell("unheard")
        with stop_politely() as stop:
            found.append(stop)

    watch = Watch(lambda line, _share: told.append(line))
    with watched(watch):
        thread = threading.Thread(target=contextvars.Context().run, args=(work,))
        thread.start()
        thread.join()
    assert found[0] is not watch.stop
    assert told == []


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_there_are_no_locks_a_file_left_by_a_killed_process_is_in_nobodys_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(_file: int, _operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    (tmp_path / LOCK).write_text("1\nanother-machine\n")
    with alone_in(tmp_path), alone_in(tmp_path):
        assert (tmp_path / LOCK).exists()
