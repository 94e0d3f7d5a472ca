"""From a few labels to a run: what is learned, kept, resumed and refused."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from program import Program
from scipy import ndimage

import mitoseg as front_door
from mitodata import RunError, Sample
from mitodata.hdf5.dataset import Dataset
from mitoseg.evaluation.scoring import evaluate
from mitoseg.inference.model import Model, load_model
from mitoseg.io.process import Stop
from mitoseg.models.card import Card
from mitoseg.models.weights_file import save_weights
from mitoseg.networks.unet import build_model
from mitoseg.report.provenance import write_card
from mitoseg.training.refinement import Refiner
from mitoseg.transfer.finetuning.crossvalidation import predict_reviewed
from mitoseg.transfer.finetuning.finetune import FinetuneResult, finetune, resume_finetune
from mitoseg.transfer.finetuning.patches import MarkedPatches, RenderedPool
from mitoseg.transfer.finetuning.regions import read_reviewed
from mitoseg.transfer.finetuning.stages import STAGES, Training, head_names


def other_tissue(sample: Sample) -> Sample:
    """As a model of dark discs has not seen them: rings, with middles like the ground."""
    middle = ndimage.binary_erosion(sample.mask == 1, np.ones((1, 3, 3)), iterations=2)
    raw = np.where(middle, sample.raw.astype(int) + 115, sample.raw)
    return replace(sample, raw=raw.clip(0, 255).astype(np.uint8), name=f"rings {sample.name}")


@pytest.fixture(scope="session")
def labelled(draw: Callable[..., Sample], make_file: Callable[..., Path]) -> Path:
    """Three labelled sections of another tissue."""
    return make_file(*(other_tissue(draw(300 + seed, (1, 96, 96))) for seed in range(3)), name="labelled")


@pytest.fixture(scope="session")
def unseen(draw: Callable[..., Sample], make_file: Callable[..., Path]) -> Path:
    """Sections of it that nobody learns from."""
    return make_file(*(other_tissue(draw(400 + seed, (1, 96, 96))) for seed in range(3)), name="unseen")


@pytest.fixture(scope="session")
def tuned(run: Path, labelled: Path, discs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that learned from labels."""
    folder = tmp_path_factory.mktemp("tuned") / "run"
    finetune(labelled, folder, run, recipe=str(discs), steps=160)
    return folder


def iou(model: Model | Path, path: Path) -> float:
    (result,) = evaluate(model, path)
    return result.measured["iou"].mean


def test_a_few_labels_teach_another_tissue_and_the_first_is_not_forgotten(
    run: Path, tuned: Path, unseen: Path, fresh_discs: Path
) -> None:
    assert iou(tuned, unseen) > iou(run, unseen) + 0.05
    assert iou(tuned, fresh_discs) > iou(run, fresh_discs) - 0.15


def test_a_run_says_what_it_did(tuned: Path, labelled: Path) -> None:
    said = json.loads((tuned / "finetune.json").read_text())
    stages = [each["stage"] for each in said["stages"]]
    assert stages[:2] == ["nothing", "threshold"]
    assert stages[-2:] == ["head", "all"]
    assert said["kept"] in ("head", "all")
    assert said["labels"]["sections"] == said["labels"]["folds"] == 3
    best = max(each["iou"] for each in said["stages"])
    kept = next(each for each in said["stages"] if each["stage"] == said["kept"])
    assert kept["iou"] > best - 0.01
    assert load_model(tuned).decoding.threshold == kept["decoding"]["threshold"]
    assert (tuned / "before-and-after.png").read_bytes().startswith(b"\x89PNG")
    assert write_card(load_model(tuned), {}).learned_from == ("what discs had learned", "labels.h5")
    settings = json.loads((tuned / "config.json").read_text())["finetune"]
    assert settings["labels"]["files"] == [str(labelled.resolve())]
    assert not (tuned / "trainings").exists()
    with Dataset(tuned / "labels.h5") as file:
        assert len(file) == 3


def test_a_stopped_run_goes_on_to_the_same_end(
    run: Path, labelled: Path, discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def learn(name: str) -> FinetuneResult:
        return finetune(labelled, tmp_path / name, run, recipe=str(discs), steps=24)

    whole = learn("whole")
    step, taken = Training.step, 0

    def stopping(self: Training, refiner: Refiner, number: int, used: float) -> float:
        nonlocal taken
        taken += 1
        if taken in (4, 11):
            raise KeyboardInterrupt
        return step(self, refiner, number, used)

    monkeypatch.setattr(Training, "step", stopping)
    with pytest.raises(KeyboardInterrupt, match="all saved; go on with: mitoseg finetune --resume -o"):
        learn("stopped")
    assert load_model(tmp_path / "stopped").fingerprint == load_model(run).fingerprint  # with a threshold that suits
    with pytest.raises(RunError, match="holds a run already; add --resume"):
        learn("stopped")
    with pytest.raises(KeyboardInterrupt):
        resume_finetune(tmp_path / "stopped")
    result = resume_finetune(tmp_path / "stopped")
    assert replace(result, run=whole.run) == whole
    assert load_model(tmp_path / "stopped").fingerprint == load_model(tmp_path / "whole").fingerprint
    with pytest.raises(RunError, match="is finished"):
        resume_finetune(tmp_path / "stopped")


def test_a_training_that_teaches_nothing_is_not_kept(
    run: Path, fresh_discs: Path, discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Training, "run", lambda self, stages, stop, tell: [self.model] * len(stages))
    result = finetune(fresh_discs, tmp_path / "run", run, recipe=str(discs), steps=24)
    assert result.stage in ("nothing", "threshold")


def test_a_request_to_stop_is_kept_within_a_training(run: Path, labelled: Path, discs: Path, tmp_path: Path) -> None:
    model, reviewed = load_model(run), read_reviewed(labelled)
    pool = RenderedPool(discs, model.config)

    def training(name: str) -> Training:
        marked = MarkedPatches(reviewed.sections, (1, 2), model.config)
        return Training(model, marked, pool, 10, 0, tmp_path / name)

    whole = training("whole.pt").run(STAGES, Stop(), lambda _: None)
    stop, told = Stop(), []

    def tell(loss: float) -> None:
        told.append(loss)
        stop.requested = len(told) in (1, 5)

    stop.requested = True
    with pytest.raises(KeyboardInterrupt):
        predict_reviewed(model, reviewed.sections, stop)
    stop.requested = False
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            training("parts.pt").run(STAGES, stop, tell)
        stop.requested = False
    parts = training("parts.pt").run(STAGES, stop, tell)
    assert len(told) == 10
    assert [each.fingerprint for each in parts] == [each.fingerprint for each in whole]


def test_the_head_moves_alone_and_first(run: Path, labelled: Path, discs: Path, tmp_path: Path) -> None:
    model = load_model(run)
    marked = MarkedPatches(read_reviewed(labelled).sections, (1, 2, 3), model.config)
    (moved,) = Training(model, marked, None, 10, 0, tmp_path / "head.pt").run(STAGES[:1], Stop(), lambda _: None)
    before, after = (each.network.state_dict() for each in (model, moved))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed <= head_names(model.network)
    assert changed >= {"unet.final_conv.weight", "unet.final_conv.bias"}


def test_the_head_of_a_large_network_is_a_small_part_of_it(run: Path) -> None:
    network = build_model(load_model(run).config.model_copy(update={"network": "small"}))
    names = head_names(network)
    sizes = {name: weight.numel() for name, weight in network.named_parameters()}
    assert any(name.startswith("unet.upcat_1") for name in names)
    assert sum(sizes[name] for name in names) <= 0.02 * sum(sizes.values())


def test_one_mitochondrion_moves_the_threshold_only(
    run: Path, draw: Callable[..., Sample], make_file: Callable[..., Path], discs: Path, tmp_path: Path
) -> None:
    sample = draw(7)
    assert sample.label is not None
    label = np.zeros_like(sample.label)
    label[0, 20:22, 20:22] = 1
    alone = make_file(replace(sample, label=label, mask=(label > 0).astype(np.uint8)))
    result = finetune(alone, tmp_path / "run", run, recipe=str(discs), steps=8)
    assert load_model(tmp_path / "run").fingerprint == load_model(run).fingerprint
    assert result.stage in ("nothing", "threshold", "threshold and outline")


def test_labels_that_end_elsewhere_teach_the_outer_face(run: Path, labelled: Path, discs: Path, tmp_path: Path) -> None:
    finetune(labelled, tmp_path / "run", run, recipe=str(discs), steps=8, outline_nm=-8.0)
    assert load_model(tmp_path / "run").decoding.outline_nm == -8


def test_the_command_takes_images_with_labels(
    run: Path, labelled: Path, discs: Path, tmp_path: Path, mitoseg: Program
) -> None:
    with Dataset(labelled) as file:
        raw, mask = (np.concatenate([getattr(sample, name) for sample in file]) for name in ("raw", "mask"))
    tifffile.imwrite(tmp_path / "stack.tif", raw, photometric="minisblack")
    tifffile.imwrite(tmp_path / "labels.tif", mask, photometric="minisblack")
    words = [tmp_path / "stack.tif", tmp_path / "labels.tif", "--voxel-size", 40, 8, 8, "--from", run]
    how = ["--recipe", discs, "--steps", 8, "-o", tmp_path / "mine"]
    code, output, errors = mitoseg("finetune", *words, *how)
    assert code == 0, errors
    summary, picture = output.splitlines()
    assert "; IoU" in summary
    assert Path(picture).is_file()
    assert f"mitoseg predict IMAGES --model {tmp_path / 'mine'}" in errors
    for line in ("labels: 3 regions in 3 sections", "as it is: IoU", "threshold: IoU", "expect IoU", "all: IoU"):
        assert line in errors
    assert "Traceback" not in errors
    assert "is finished" in mitoseg.fails("finetune", "--resume", "-o", tmp_path / "mine")


def test_bad_input_is_one_line_and_leaves_nothing(
    run: Path, labelled: Path, discs: Path, tmp_path: Path, mitoseg: Program
) -> None:
    out = tmp_path / "out"
    for words, expected in (
        ([labelled, "--from", tmp_path / "gone"], "gone: not found"),
        (["--from", run], "no labels; expected IMAGES LABELS"),
        ([labelled, "--from", run, "--minutes", 1, "--steps", 4], "minutes and steps are both given"),
        ([labelled, "--from", run, "--recipe", "nothing-like-it"], "nothing-like-it"),
        ([labelled, "--from", run, "--region", labelled], "is a dataset file"),
        ([labelled, "--resume"], "leave out IMAGES and LABELS"),
        (["--resume"], "config.json: not found"),
    ):
        assert expected in mitoseg.fails("finetune", *words, "-o", out)
        assert not out.exists()
    mine = tmp_path / "data" / "labels.h5"
    mine.parent.mkdir()
    shutil.copy(labelled, mine)
    assert "labels.h5: is there already" in mitoseg.fails("finetune", mine, "--from", run, "-o", mine.parent)
    assert mine.read_bytes() == labelled.read_bytes()
    other = tmp_path / "fit"
    shutil.copytree(run, other)
    assert "is no run of mitoseg finetune" in mitoseg.fails("finetune", "--resume", "-o", other)


def test_another_model_does_not_go_on_with_a_run(
    run: Path, labelled: Path, discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> float:
        raise KeyboardInterrupt

    other = load_model(run)
    with torch.no_grad():
        next(other.network.parameters()).add_(0.1)
    save_weights(tmp_path / "other.safetensors", other.packed(Card(name="other")))
    monkeypatch.setattr(Training, "step", stopped)
    with pytest.raises(KeyboardInterrupt):
        front_door.finetune(labelled, tmp_path / "run", run, recipe=str(discs), steps=8)
    with pytest.raises(RunError, match="is not the model that"):
        resume_finetune(tmp_path / "run", tmp_path / "other.safetensors")
