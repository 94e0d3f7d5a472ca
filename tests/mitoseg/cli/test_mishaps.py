"""What can go wrong with a run and its files, and is said in one line."""

import json
from pathlib import Path

import pytest
import torch
from program import Program

from mitodata import DataError, RunError
from mitoseg.config.settings import FitConfig, make_config
from mitoseg.data import resolve_recipe
from mitoseg.data.rendered import render_validation
from mitoseg.data.sources import open_data
from mitoseg.inference.model import load_model
from mitoseg.networks.checkpoint import load_checkpoint, save_checkpoint
from mitoseg.networks.device import pick_device
from mitoseg.training.fit import fit
from mitoseg.training.learner import Learner
from mitoseg.training.monitor import Progress
from mitoseg.training.run_folder import read_settings


@pytest.mark.parametrize("share", [0.6, *(pytest.param(share, marks=pytest.mark.slow) for share in (0.3, 0.9))])
def test_flipped_bits_in_a_checkpoint_are_seen(run: Path, tmp_path: Path, share: float) -> None:
    content = bytearray((run / "last.pt").read_bytes())
    for place in range(int(share * len(content)), int(share * len(content)) + 64):
        content[place] ^= 0xFF
    path = tmp_path / "last.pt"
    path.write_bytes(content)
    with pytest.raises(RunError, match="damaged or not a checkpoint"):
        load_checkpoint(path)


@pytest.mark.parametrize("wrong", ["weights", "threshold"])
def test_a_model_of_no_numbers_is_refused(run: Path, tmp_path: Path, wrong: str) -> None:
    content = load_checkpoint(run / "last.pt")
    if wrong == "weights":
        next(iter(content["weights"].values()))[0] = float("nan")
    else:
        content["decoding"]["threshold"] = 7.0
    save_checkpoint(
        tmp_path / "last.pt", {name: value for name, value in content.items() if name not in ("format", "version")}
    )
    with pytest.raises(RunError, match="no numbers" if wrong == "weights" else "thresholds do not fit"):
        load_model(tmp_path / "last.pt")


def test_no_file_is_given_twice(discs: Path, fresh_discs: Path, tmp_path: Path, tiny: FitConfig) -> None:
    link = tmp_path / "link.h5"
    link.symlink_to(discs)
    for training, validation, expected in (
        ([discs, link], [], "link.h5: given twice for training"),
        ([discs], [link], "link.h5: given for training and for validation"),
        ([discs], [fresh_discs, fresh_discs], "given twice for validation"),
    ):
        with pytest.raises(DataError, match=expected):
            open_data(training, validation, 0.2, tiny)


@pytest.mark.usefixtures("no_processes")
def test_images_of_another_recipe_are_no_validation(tmp_path: Path, tiny: FitConfig) -> None:
    small = tiny.model_copy(update={"patch_px": 32, "working_voxel_nm": 250.0, "validation_images": 2})
    path = tmp_path / "validation.h5"
    render_validation(resolve_recipe("blobs"), path, small)
    before = path.read_bytes()
    render_validation(resolve_recipe("blobs"), path, small)
    for recipe, config in (("blobs-shifted", small), ("blobs", small.model_copy(update={"seed": 1}))):
        with pytest.raises(RunError, match="holds other images"):
            render_validation(resolve_recipe(recipe), path, config)
    assert path.read_bytes() == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_named() -> None:
    with pytest.raises(RunError, match="no CUDA device"):
        pick_device("cuda")


def test_memory_that_does_not_suffice_is_one_line(
    tmp_path: Path, discs: Path, tiny: FitConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> float:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried")

    monkeypatch.setattr(Learner, "learn", fail)
    with pytest.raises(
        RunError, match=r"not enough memory for 8 patches of 64 x 64 px with network tiny; take a smaller"
    ):
        fit([discs], tmp_path / "run", tiny)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, discs: Path, tiny: FitConfig) -> None:
    (tmp_path / "config.json").write_text('{"editor": "vim"}')
    with pytest.raises(RunError, match="not the settings of a run"):
        fit([discs], tmp_path, tiny)
    assert (tmp_path / "config.json").read_text() == '{"editor": "vim"}'
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("training", None),
        ("training", [5]),
        ("training", []),
        ("validation", "a"),
        ("val_fraction", "x"),
        ("recipe", 3),
    ],
)
def test_damaged_settings_are_named(run: Path, tmp_path: Path, name: str, value: object) -> None:
    content = json.loads((run / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(content))
    assert read_settings(tmp_path)["config"]["network"] == "tiny"
    (tmp_path / "config.json").write_text(json.dumps({**content, name: value}))
    with pytest.raises(RunError, match="not the settings of a run"):
        read_settings(tmp_path)


def test_a_setting_is_no_branch_of_another() -> None:
    with pytest.raises(RunError, match="a was set to 2 before"):
        make_config(("network_arguments.a=2", "network_arguments.a.b=3"), minutes=1)


@pytest.mark.parametrize(
    "option", [("evaluate", "{run}", "{discs}", "--threshold"), ("fit", "{discs}", "--val-fraction")]
)
def test_nan_is_no_share(option: tuple[str, ...], run: Path, discs: Path, tmp_path: Path, mitoseg: Program) -> None:
    words = [word.format(run=run, discs=discs) for word in option]
    assert "nan is not in the range" in mitoseg.fails(*words, "nan", "-o", tmp_path / "out")


def test_a_full_disk_behind_stderr_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

        def flush(self) -> None: ...

        def isatty(self) -> bool:
            return False

    monkeypatch.setattr("sys.stderr", Full())
    with Progress("fit") as progress:
        progress.report("a line")


def test_an_url_that_cannot_be_reached(
    run: Path, discs: Path, tmp_path: Path, mitoseg: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("obstore", reason="obstore is optional")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("mitodata.readers.remote.RETRIES", 0)
    url = "http://127.0.0.1:1/stack.tif"  # several are no model before the others
    said = (
        mitoseg.fails("predict", url, url, "--model", run, "-o", tmp_path / "masks"),
        mitoseg.fails("fit", url, "-o", tmp_path / "fit"),
        mitoseg.fails("fit", discs, "--val", url, "-o", tmp_path / "fit"),
        mitoseg.fails("adapt", url, "--from", run, "-o", tmp_path / "adapted"),
    )
    assert all(f"{url}: cannot be reached" in line for line in said)
    assert not (tmp_path / "masks").exists()
