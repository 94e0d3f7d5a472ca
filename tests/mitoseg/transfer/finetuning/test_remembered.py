"""A model that was adapted keeps what it marked in view while it is fine-tuned."""

import shutil
from pathlib import Path

import pytest
from torch import Tensor

from mitodata import DataError
from mitodata.hdf5.dataset import Dataset
from mitoseg.inference.model import load_model
from mitoseg.io.process import Stop
from mitoseg.training.refinement import Refiner
from mitoseg.transfer.adaptation.plan import AdaptPlan
from mitoseg.transfer.adaptation.pseudo_labels import write_marks
from mitoseg.transfer.adaptation.record import Record, marks_path
from mitoseg.transfer.finetuning.finetune import finetune
from mitoseg.transfer.finetuning.patches import MarkedPatches, RenderedPool
from mitoseg.transfer.finetuning.regions import read_reviewed
from mitoseg.transfer.finetuning.remembered import REMEMBERED, RememberedPatches, find_remembered, keep_remembered
from mitoseg.transfer.finetuning.stages import STAGES, Training


@pytest.fixture
def adapted(run: Path, discs: Path, tmp_path: Path) -> Path:
    """What an adaptation leaves: a model, and what it has marked before and after its only round."""
    folder = tmp_path / "adapted"
    folder.mkdir()
    shutil.copy(run / "last.pt", folder)
    Record(AdaptPlan(("stack.tif",)), "mito-2", kept=1).write(folder)
    with Dataset(discs) as file:
        parts = list(file)
    for rounds in (0, 1):
        blocks = parts[: 1 + rounds]
        write_marks(marks_path(folder, rounds), blocks, [part.mask for part in blocks if part.mask is not None])
    return folder


def test_the_marks_of_the_model_that_was_kept_are_found(adapted: Path, run: Path, tmp_path: Path) -> None:
    assert find_remembered(load_model(run)) is None
    for start in (adapted, adapted / "last.pt"):
        assert find_remembered(load_model(start)) == marks_path(adapted, 1)
    (note,) = keep_remembered(load_model(adapted), tmp_path)
    assert note.startswith("against forgetting: 2 parts of your images")
    assert (tmp_path / REMEMBERED).read_bytes() == marks_path(adapted, 1).read_bytes()
    marks_path(adapted, 1).unlink()
    assert keep_remembered(load_model(adapted), tmp_path) == []


def test_a_quarter_of_each_batch_is_remembered(
    adapted: Path, fresh_discs: Path, discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, seen = load_model(adapted), []

    def learn(refiner: Refiner, rendered: Tensor, marked: Tensor, used: float) -> float:
        refiner.step += 1
        seen.append((len(rendered), len(marked)))
        return 0.0

    keep_remembered(model, tmp_path)
    monkeypatch.setattr(Refiner, "learn", learn)
    marked = MarkedPatches(read_reviewed(fresh_discs).sections, (1, 2), model.config)
    remembered = RememberedPatches(tmp_path / REMEMBERED, model, model.config)
    pool, batch = RenderedPool(str(discs), model.config), model.config.batch
    Training(model, marked, pool, 10, 0, tmp_path / "a.pt", remembered).run(STAGES[:1], Stop(), lambda _: None)
    assert set(seen) == {(batch // 4, 3 * batch // 4)}


def test_fine_tuning_twice_hands_it_on(adapted: Path, fresh_discs: Path, discs: Path, tmp_path: Path) -> None:
    finetune(fresh_discs, tmp_path / "first", adapted, recipe=str(discs), steps=16)
    finetune(fresh_discs, tmp_path / "second", tmp_path / "first", recipe=str(discs), steps=16)
    assert (tmp_path / "second" / REMEMBERED).read_bytes() == marks_path(adapted, 1).read_bytes()


def test_damaged_marks_are_refused_and_nothing_is_left(adapted: Path, fresh_discs: Path, tmp_path: Path) -> None:
    path = marks_path(adapted, 1)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"pseudo-labels-2\.h5: "):
        finetune(fresh_discs, tmp_path / "run", adapted, steps=16)
    assert not (tmp_path / "run").exists()
