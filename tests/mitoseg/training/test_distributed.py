import pytest
import torch

from mitodata import RunError
from mitoseg.training.distributed import ALONE, Team, gather_team


def test_without_torchrun_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")  # as some schedulers do, without saying who is who
    with gather_team("cpu") as team:
        assert team is ALONE
        part = torch.ones(2, requires_grad=True)
        assert team.join(part) is part
        assert team.agree(0.25, False) == (0.25, False)
        assert team.tell("word") == "word"


def test_batches_are_shared_out_evenly() -> None:
    assert Team(1, 4).share_of(8) == 2
    with pytest.raises(RunError, match="batch: got 6 for 4 processes; expected a multiple of 4"):
        Team(1, 4).share_of(6)


def test_processes_that_cannot_meet_say_so_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "0")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(RunError, match=r"cannot meet.*start them with torchrun"), gather_team("cpu"):
        pass
