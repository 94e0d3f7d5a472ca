"""A volume brought to the grid of a network and back."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mitoseg.inference.working_grid import WorkingGrid
from mitoseg.io.scratch import InMemory


def there_and_back(
    volume: NDArray[np.float32], grid: WorkingGrid, packed: tuple[int, int] = (1, 1)
) -> NDArray[np.float32]:
    working = grid.bring(volume.__getitem__, InMemory(), packed)
    maps = np.zeros((1, *volume.shape), np.float32)
    grid.take_back(np.asarray(working)[None].__getitem__, maps)
    return maps[0]


def test_finer_voxels_are_merged_and_coarser_ones_stay() -> None:
    grid = WorkingGrid.of((165, 768, 1024), (5, 5, 5), 10)
    assert grid.shape == (82, 384, 512)
    assert np.prod(grid.shape) < 165 * 768 * 1024 / 7.9
    assert grid.voxel_size_nm == pytest.approx((10, 10, 10), rel=0.01)
    assert WorkingGrid.of((20, 30, 40), (16, 10, 8), 10).shape == (20, 30, 32)


def test_on_the_grid_of_the_network_nothing_changes() -> None:
    volume = np.random.default_rng(0).random((7, 9, 11), np.float32)
    grid = WorkingGrid.of(volume.shape, (10, 10, 10), 10)
    assert np.array_equal(there_and_back(volume, grid), volume)


@pytest.mark.parametrize("voxel_size_nm", [(5.0, 5.0, 5.0), (4.0, 6.5, 9.0), (16.0, 8.0, 4.0)])
def test_what_is_found_lies_where_it_was(voxel_size_nm: tuple[float, float, float]) -> None:
    shape = (31, 44, 57)
    places = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"))
    nm = np.array(voxel_size_nm)[:, None, None, None]
    middle = np.array([14, 20, 33])
    volume = np.exp(-(((places - middle[:, None, None, None]) * nm) ** 2).sum(0) / (2 * 30.0**2)).astype(np.float32)
    back = there_and_back(volume, WorkingGrid.of(shape, voxel_size_nm, 10))
    centre = (places * back).sum((1, 2, 3)) / back.sum()
    before = (places * volume).sum((1, 2, 3)) / volume.sum()
    assert np.abs(centre - before).max() < 0.1, "px"
    assert np.abs(back - volume).max() < 0.08


def test_a_constant_volume_stays_constant() -> None:
    volume = np.full((10, 33, 21), 0.75, np.float32)
    assert np.allclose(there_and_back(volume, WorkingGrid.of(volume.shape, (4, 7, 3), 10)), 0.75)


@pytest.mark.parametrize("packed", [(1, 1), (4, 1), (1, 16), (64, 33)])
def test_strips_give_what_whole_sections_give(packed: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    volume = np.random.default_rng(1).random((11, 70, 40), np.float32)
    grid = WorkingGrid.of(volume.shape, (5, 4, 6), 10)
    whole = there_and_back(volume, grid)
    monkeypatch.setattr("mitodata.readers.axes.STRIP_PX", 40 * 8)
    monkeypatch.setattr("mitoseg.inference.working_grid.CHUNK_ROWS", 16)
    assert np.allclose(there_and_back(volume, grid, packed), whole, atol=1e-6)


def test_no_more_is_read_at_a_time_than_a_strip_and_what_is_packed_is_read_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mitodata.readers.axes.STRIP_PX", 40 * 4 * 20)
    volume = np.zeros((12, 400, 40), np.float32)
    parts: list[tuple[slice, ...]] = []

    def read(part: tuple[slice, ...]) -> NDArray[np.float32]:
        parts.append(part)
        return volume[part]

    WorkingGrid.of(volume.shape, (5, 5, 5), 10).bring(read, InMemory(), (4, 1))
    assert max(part[1].stop - part[1].start for part in parts) <= 24
    assert {part[0].stop - part[0].start for part in parts} == {4}
    seen = np.zeros(volume.shape, int)
    for part in parts:
        seen[part] += 1
    assert seen.min() >= 1
    assert seen.mean() < 1.7, "neighbouring slabs and strips share little"


def test_a_part_is_taken_back_as_in_the_whole() -> None:
    """Bit for bit: many processes take back a part each."""
    rng, shape = np.random.default_rng(0), (13, 300, 40)
    grid = WorkingGrid.of(shape, (6, 4, 9), 10)
    working, whole = rng.random((2, *grid.shape), np.float32), np.zeros((2, *shape), np.float32)
    grid.take_back(working.__getitem__, whole)
    for _ in range(20):
        z, y, x = (slice(*sorted(rng.choice(length + 1, 2, replace=False).tolist())) for length in shape)
        part = grid.take_back_part(lambda needed: working[(slice(None), *needed)], (z, y, x))
        assert np.array_equal(part, whole[:, z, y, x])
