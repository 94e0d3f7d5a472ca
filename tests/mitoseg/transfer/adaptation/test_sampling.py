from collections.abc import Callable
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from mitodata import DataError, RunError, Sample
from mitoseg.inference.model import Model, load_model
from mitoseg.transfer.adaptation.plan import AdaptPlan
from mitoseg.transfer.adaptation.sampling import sample_blocks


@pytest.fixture(scope="module")
def model(run: Path) -> Model:
    return load_model(run)


def plan_for(*paths: Path, **settings: Any) -> AdaptPlan:
    return AdaptPlan(tuple(map(str, paths)), **settings)


def sample(plan: AdaptPlan, model: Model) -> list[Sample]:
    return list(sample_blocks(plan, model, lambda _: None))


def test_a_small_volume_is_taken_whole_on_the_grid_of_the_network(tmp_path: Path, model: Model) -> None:
    ramp = np.linspace(20, 230, 96 * 100 * 120).reshape(96, 100, 120)
    tifffile.imwrite(tmp_path / "fine.tif", ramp.astype(np.uint8), photometric="minisblack")
    (block,) = sample(plan_for(tmp_path / "fine.tif", voxel_size_nm=(4.0, 4.0, 4.0)), model)
    assert block.raw.shape == (48, 50, 60)
    assert block.voxel_size_nm == (8, 8, 8)
    assert block.params == {"thickness_nm": 4, "source": 0}
    assert block.label is None
    np.testing.assert_allclose(block.raw, ramp.reshape(48, 2, 50, 2, 60, 2).mean((1, 3, 5)), atol=1.5)


def test_serial_sections_keep_their_number_and_coarse_pixels_stay(tmp_path: Path, model: Model) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (3, 40, 50)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
    (block,) = sample(plan_for(tmp_path / "stack.tif", voxel_size_nm=(50.0, 12.0, 12.0)), model)
    assert np.array_equal(block.raw, stack)
    apart = sample(plan_for(tmp_path / "stack.tif", voxel_size_nm=(50.0, 12.0, 12.0), as_2d=True), model)
    assert [np.array_equal(each.raw[0], section) for each, section in zip(apart, stack, strict=True)] == [True] * 3


def test_of_a_large_volume_parts_are_read_and_nothing_else(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = np.random.default_rng(0).integers(0, 2**16, (64, 256, 256)).astype(np.uint16)
    array = zarr.create_array(store=tmp_path / "large.zarr", shape=stored.shape, chunks=(16, 32, 32), dtype="u2")
    array[:] = stored
    monkeypatch.setattr("mitoseg.transfer.adaptation.plan.LOOKS", 3 * 3 * 64**3)
    for name, value in {"MEASURED_VOXELS": 1, "WINDOWS": 8, "WINDOW_PX": 64}.items():
        monkeypatch.setattr(f"mitoseg.transfer.adaptation.sampling.{name}", value)
    read: list[int] = []
    get = zarr.Array.__getitem__

    def count(self: Any, key: Any) -> Any:
        found = get(self, key)
        read.append(np.size(found))
        return found

    monkeypatch.setattr(zarr.Array, "__getitem__", count)
    plan = plan_for(tmp_path / "large.zarr", voxel_size_nm=(8.0, 8.0, 8.0), invert="off")
    blocks = sample(plan, model)
    assert 1 < len(blocks) <= 4
    assert sum(3 * block.raw.size for block in blocks) <= plan.looks
    assert sum(read) < 0.8 * prod(stored.shape)
    assert len({block.name for block in blocks}) == len(blocks)
    again = sample(plan, model)
    assert all(np.array_equal(one.raw, other.raw) for one, other in zip(blocks, again, strict=True))
    other = sample(replace(plan, seed=1), model)
    assert [each.name for each in other] != [each.name for each in blocks]


def test_empty_images_are_left_out_and_nothing_else_is_an_error(tmp_path: Path, model: Model) -> None:
    tissue = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    for name, image in {"a": np.full((64, 64), 200, np.uint8), "b": tissue}.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", image)
    plan = plan_for(tmp_path / "a.tif", tmp_path / "b.tif", voxel_size_nm=(40.0, 8.0, 8.0))
    assert [block.name for block in sample(plan, model)] == ["b.tif"]
    with pytest.raises(DataError, match=r"a\.tif: empty"):
        sample(plan_for(tmp_path / "a.tif", voxel_size_nm=(40.0, 8.0, 8.0)), model)
    with pytest.raises(DataError, match=r"a\.tif: carries no voxel size"):
        sample(plan_for(tmp_path / "a.tif"), model)
    with pytest.raises(DataError, match=r"a\.tif: voxel size .* more than 16 times off"):
        sample(plan_for(tmp_path / "a.tif", voxel_size_nm=(4e3, 8e2, 8e2)), model)


def test_negatives_are_inverted_as_predict_does(
    tmp_path: Path, model: Model, make_file: Callable[..., Path], draw: Callable[..., Sample]
) -> None:
    raw = draw(3).raw
    tifffile.imwrite(tmp_path / "a.tif", 255 - raw[0])
    (block,) = sample(plan_for(tmp_path / "a.tif", voxel_size_nm=(40.0, 8.0, 8.0), invert="on"), model)
    assert np.array_equal(block.raw, raw)


def test_impossible_plans_are_refused() -> None:
    for settings in ({"rounds": 0}, {"minutes": -1.0}, {"minutes": None}, {"steps": 3}, {"minutes": None, "steps": 0}):
        with pytest.raises(RunError, match="expected"):
            plan_for(Path("a.tif"), **settings)
    with pytest.raises(RunError, match="no images"):
        AdaptPlan(())
