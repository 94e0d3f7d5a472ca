"""Every image that had a part in a run can be seen on its page."""

from pathlib import Path

import numpy as np

from mitoseg.config.settings import FitConfig
from mitoseg.data import RenderedPatches, open_data, resolve_recipe
from mitoseg.report.provenance import RunRecord
from mitoseg.report.samples import image_sets


def record(training: list[Path], val_fraction: float = 0.0, recipe: str = "") -> RunRecord:
    return RunRecord(Path("run"), training, [], [], val_fraction, recipe, {}, {}, {})


def test_a_share_that_was_held_out_is_shown(discs: Path, fresh_discs: Path, tiny: FitConfig) -> None:
    sets = list(image_sets(record([discs], 0.25), tiny, [fresh_discs]))
    assert [one.role for one in sets] == ["Training", "Validation", "Test"]
    assert sets[1].name == "25% of the training images, held out"
    data = open_data([discs], [], 0.25, tiny)
    data.close()
    assert {one.name for one in sets[1].triples} == {f"disc {section.sample}" for section in data.validation}
    assert len(sets[1].triples) == 6


def test_images_that_were_rendered_meanwhile_are_shown(fresh_discs: Path, tiny: FitConfig) -> None:
    small = tiny.model_copy(update={"patch_px": 32, "working_voxel_nm": 250.0})
    recipe = resolve_recipe("blobs")
    training, test = image_sets(record([], recipe=recipe), small, [fresh_discs])
    assert (training.role, test.role) == ("Training", "Test")
    assert len(training.triples) == 6
    assert training.about["recipe"] == recipe
    # The very images: image 0 is brighter than image 1 here if it is there.
    brightness = [RenderedPatches(recipe, small).sample(number).raw.mean() for number in range(6)]
    shown = [np.asarray(one.image.convert("L")).mean() for one in training.triples]
    assert np.argsort(shown).tolist() == np.argsort(brightness).tolist()


def test_what_is_gone_is_named(fresh_discs: Path, tiny: FitConfig, tmp_path: Path) -> None:
    training, held_out, test = image_sets(record([tmp_path / "gone.h5"], 0.25), tiny, [fresh_discs])
    assert "gone.h5" in training.missing
    assert "gone.h5" in held_out.missing
    assert not test.missing
