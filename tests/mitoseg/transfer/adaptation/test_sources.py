from pathlib import Path

import numpy as np
import pytest

from mitodata import Sample
from mitodata.hdf5.dataset import Provenance, write_dataset
from mitoseg.inference.model import load_model
from mitoseg.transfer.adaptation.learning import Lesson
from mitoseg.transfer.adaptation.plan import AdaptPlan
from mitoseg.transfer.adaptation.sampling import sample_blocks
from mitoseg.transfer.adaptation.sources import repeats, share_out, source_of

VOLUME_NM, TILE_NM = (8.0, 8.0, 8.0), (40.0, 9.0, 9.0)


def test_what_a_small_source_leaves_is_for_the_others() -> None:
    assert share_out([100, 10, 100], 90) == [40, 10, 40]
    assert share_out([100], 90) == [90]
    assert share_out([1, 2, 3], 90) == [1, 2, 3]


def test_images_of_about_one_voxel_size_are_one_source() -> None:
    assert source_of((8.003, 8.0, 7.998)) == source_of(VOLUME_NM)
    assert source_of(TILE_NM) != source_of(VOLUME_NM)


def test_many_sources_take_no_more_than_one(tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    sizes = [(30.0, edge, edge) for edge in (4.0, 5.0, 6.5, 8.0, 10.0, 13.0, 16.0, 20.0)]
    samples = [Sample(rng.integers(0, 255, (1, 256, 256)).astype(np.uint8), size) for size in sizes]
    write_dataset(tmp_path / "many.h5", samples, Provenance(source="noise"))
    monkeypatch.setattr("mitoseg.transfer.adaptation.plan.LOOKS", 3 * 8 * 96 * 96)
    model, plan = load_model(run), AdaptPlan((str(tmp_path / "many.h5"),))
    blocks = list(sample_blocks(plan, model, lambda _: None))
    assert len({block.params["source"] for block in blocks}) > 1
    assert sum(8 * block.raw.size for block in blocks) < plan.looks + 8 * 96 * 96  # the last part may be one too many


def test_weights_are_square_roots_of_areas() -> None:
    assert repeats([1600, 100, 1600]) == [1, 4, 1]


def test_a_tile_beside_a_volume_is_looked_at_and_learned_from(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    shapes = {VOLUME_NM: (32, 128, 128), TILE_NM: (1, 32, 32)}
    samples = [Sample(rng.integers(0, 255, shape).astype(np.uint8), size) for size, shape in shapes.items()]
    write_dataset(tmp_path / "both.h5", samples, Provenance(source="noise"))
    monkeypatch.setattr("mitoseg.transfer.adaptation.plan.LOOKS", 3 * 32 * 64 * 64)
    model, plan = load_model(run), AdaptPlan((str(tmp_path / "both.h5"),))
    blocks = list(sample_blocks(plan, model, lambda _: None))
    assert {block.params["source"] for block in blocks} == {0, 1}
    masks = [np.zeros_like(block.raw) for block in blocks]
    lesson = Lesson(model, blocks, masks, "mito", plan, 0)
    sections = lesson.marked(lesson.config).sections
    assert {section.sample for section in sections} == set(range(1 + 3 * (len(blocks) - 1)))  # volumes have three axes
    assert sum(section.sample == 0 for section in sections) > 5  # the tile, the smaller source, comes first
