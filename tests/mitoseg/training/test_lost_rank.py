"""A fit on two processes of which one is killed, and how it goes on."""

import json
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
import torch
from processes import ended, start, wait_until
from torch import distributed

from mitoseg.networks.checkpoint import load_checkpoint
from mitoseg.training.distributed import LostRankError, Team

SETTINGS = {"network": "tiny", "patch_px": 64, "working_voxel_nm": 8, "batch": 4, "optimiser": "sgd", "amp": "off"}
ENDLESS = 1000
"""Epochs, more than there is time for."""


@contextmanager
def team_of_two(folder: Path, *arguments: object) -> Iterator[list[ForkServerProcess]]:
    """Two processes as torchrun starts them; what they say is in `said-0` and `said-1`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": "2"}
    folder.mkdir(exist_ok=True)
    team = [
        start(["fit", *map(str, arguments)], folder / f"said-{rank}", {**meeting, "RANK": rank, "LOCAL_RANK": rank})
        for rank in "01"
    ]
    try:
        yield team
    finally:
        for process in team:
            if process.is_alive():
                process.kill()


def resume(run: Path, step: int, processes: int) -> None:
    """Go on up to a step, with one or two processes."""
    row = load_checkpoint(run / "last.pt")["rows"][0]
    arguments = ["--resume", "-o", run, "--epochs", (step - 0.5) * row["epoch"] / row["step"]]
    said = run.with_name(f"said-{run.name}")
    if processes == 1:
        assert ended(start(["fit", *map(str, arguments)], said), 600) == 0, (said / "stderr.txt").read_text()
        return
    with team_of_two(said, *arguments) as team:
        codes = [ended(process, 600) for process in team]
        assert codes == [0, 0], "".join(path.read_text() for path in said.rglob("stderr.txt"))


@pytest.mark.slow
@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_rank_is_one_line_and_the_run_goes_on_with_any_number_of_ranks(
    lost: int, tmp_path: Path, discs: Path, fresh_discs: Path
) -> None:
    run = tmp_path / "run"
    options = [f"--set={name}={value}" for name, value in SETTINGS.items()]
    options += [f"--epochs={ENDLESS}", "--set=validations=1000", "--set=augment.enabled=false"]
    with team_of_two(tmp_path, discs, "--val", fresh_discs, "-o", run, *options) as team:
        wait_until((run / "last.pt").exists, 600)
        os.kill(int(team[lost].pid or 0), signal.SIGKILL)
        assert ended(team[1 - lost], 600) == 2
    last = (tmp_path / f"said-{1 - lost}" / "stderr.txt").read_text().splitlines()[-1]
    kept = "what process 0 saved is kept" if lost == 0 else "all saved"
    assert last.startswith("Error: another of 2 processes is gone; stopped after step ")
    assert last.endswith(f"{kept}; go on with: mitoseg fit --resume -o {run}")
    assert "Traceback" not in (tmp_path / f"said-{1 - lost}" / "stderr.txt").read_text()
    assert json.loads((run / "environment.json").read_text())[0]["hosts"] == [socket.gethostname()] * 2

    step = load_checkpoint(run / "last.pt")["step"]
    assert step > 0
    twin = shutil.copytree(run, tmp_path / "twin")
    resume(run, step + 2, processes=1)  # 2 -> 1
    resume(twin, step + 2, processes=2)  # 2 -> 2
    resume(run, step + 4, processes=2)  # 1 -> 2
    resume(twin, step + 4, processes=1)  # 2 -> 1
    one, other = (load_checkpoint(each / "last.pt") for each in (run, twin))
    assert (one["step"], one["finished"]) == (other["step"], other["finished"]) == (step + 4, True)
    for name, weights in one["weights"].items():
        torch.testing.assert_close(other["weights"][name], weights, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("said", "size", "lost"),
    [
        ("[../gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:4242", 2, True),
        ("NCCL communicator was aborted on rank 1", 2, True),
        ("mat1 and mat2 shapes cannot be multiplied", 2, False),
        ("Connection closed by peer", 1, False),
    ],
)
def test_only_what_torch_says_of_a_lost_rank_is_taken_for_one(
    said: str, size: int, lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(said)

    monkeypatch.setattr(distributed, "all_reduce", fail)
    monkeypatch.setattr(distributed, "get_backend", lambda: "gloo")
    team = Team(0, size)
    if size == 1:
        assert team.agree(0.5, False) == (0.5, False)
        return
    with pytest.raises(LostRankError if lost else RuntimeError):
        team.agree(0.5, False)
