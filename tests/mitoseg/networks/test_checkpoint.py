from pathlib import Path

import pytest
import torch

from mitodata import DataError, RunError
from mitodata.files import write_atomic
from mitoseg.networks.checkpoint import checkpoint_of, load_checkpoint, save_checkpoint


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.pt"
    save_checkpoint(path, {"step": 1})

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DataError, match="No space left"):
        save_checkpoint(path, {"step": 2})
    assert load_checkpoint(path)["step"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["a.pt"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none/a\.pt: cannot be written"):
        write_atomic(tmp_path / "none" / "a.pt", b"")


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    with pytest.raises(RunError, match="not found"):
        load_checkpoint(path)
    with pytest.raises(RunError, match="is a folder"):
        load_checkpoint(tmp_path)
    for content in (b"", b"hello", b"\x80\x02" * 40):
        path.write_bytes(content)
        with pytest.raises(RunError, match="damaged or not a checkpoint"):
            load_checkpoint(path)
    save_checkpoint(path, {"weights": {"a": torch.zeros(1000)}})
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(RunError, match="damaged"):
        load_checkpoint(path)
    torch.save({"some": "thing"}, path)
    with pytest.raises(RunError, match="not a checkpoint of mitoseg"):
        load_checkpoint(path)
    save_checkpoint(path, {"version": 99})
    with pytest.raises(RunError, match="version 99"):
        load_checkpoint(path)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    torch.save({"format": "mitoseg checkpoint", "version": 1, "path": tmp_path}, tmp_path / "a.pt")
    with pytest.raises(RunError):
        load_checkpoint(tmp_path / "a.pt")


def test_a_run_means_its_last_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no last\.pt"):
        checkpoint_of(tmp_path)
    with pytest.raises(RunError, match="not found"):
        checkpoint_of(tmp_path / "none")
    (tmp_path / "config.json").touch()
    with pytest.raises(RunError, match=r"nothing is finished in this run yet; go on with --resume"):
        checkpoint_of(tmp_path)
    save_checkpoint(tmp_path / "last.pt", {})
    assert checkpoint_of(tmp_path) == tmp_path / "last.pt"
    assert checkpoint_of(tmp_path / "last.pt") == tmp_path / "last.pt"
