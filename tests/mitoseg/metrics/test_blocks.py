import tracemalloc

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitoseg.metrics import (
    confusion,
    count_classes,
    count_overlaps,
    count_probabilities,
    find_outlines,
    instance_scores,
    match_instances,
)
from mitoseg.metrics.blocks import BLOCK_VOXELS, blocks, widen


@given(st.lists(st.integers(0, 9), min_size=1, max_size=4), st.integers(1, 200))
def test_blocks_cover_once(lengths: list[int], voxels: int) -> None:
    shape = tuple(lengths)
    seen = np.zeros(shape, np.int64)
    order = np.arange(seen.size).reshape(shape)
    last = -1
    for block in blocks(shape, voxels):
        seen[block] += 1
        assert 0 < seen[block].size <= voxels
        assert order[block].flat[0] > last
        last = order[block].flat[0]
        wide, inside = widen(block, shape)
        assert np.array_equal(order[wide][inside], order[block])
    assert (seen == 1).all()


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> h5py.File:
    """16 Mi voxels in a file: 16 slices of 1024 x 1024 with a cube of 64 on a grid of 128 each, shifted by 4."""
    path = tmp_path_factory.mktemp("volume") / "volume.h5"
    y, x = np.mgrid[:1024, :1024]
    plane = np.where((y % 128 < 64) & (x % 128 < 64), 1 + y // 128 * 8 + x // 128, 0).astype(np.uint16)
    with h5py.File(path, "w") as file:
        for name, data in (("truth", plane), ("prediction", np.roll(plane, 4, 1))):
            file.create_dataset(name, (16, 1024, 1024), data.dtype, chunks=(1, 1024, 1024), compression="lzf")
            file.create_dataset(f"{name}_mask", (16, 1024, 1024), np.uint8, chunks=(1, 1024, 1024), compression="lzf")
            for z in range(16):
                file[name][z] = data
                file[f"{name}_mask"][z] = data > 0
    return h5py.File(path)


class Thresholded:
    """A prediction that is made while it is read."""

    def __init__(self, dataset: h5py.Dataset) -> None:
        self.dataset, self.shape = dataset, dataset.shape

    def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
        return np.asarray(self.dataset[key]) > 0


def test_a_volume_in_a_file_is_measured_in_little_memory(volume: h5py.File) -> None:
    prediction, truth = Thresholded(volume["prediction_mask"]), volume["truth_mask"]
    tracemalloc.start()
    counts = confusion(prediction, truth)
    histogram = count_probabilities(volume["prediction_mask"], truth)
    classes = count_classes(volume["prediction_mask"], truth, 2)
    overlaps = count_overlaps(volume["prediction"], volume["truth"], truth)
    outlines = find_outlines(prediction, truth)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Some 40 bytes for each voxel of a block, and the outlines.
    assert peak < 48 * BLOCK_VOXELS + 3 * (outlines.predicted.nbytes + outlines.true.nbytes)

    voxels = 16 * 64 * 64 * 64
    assert (counts.true_positive, counts.false_positive) == (voxels * 60 // 64, voxels * 4 // 64)
    assert histogram.confusion(0.5) == counts == classes.against_rest(1)
    result = instance_scores(match_instances(overlaps).counts)
    assert result.accuracy == 1
    assert result.mean_matched_iou == pytest.approx(60 / 68)
    # 64 squares of 64 pixels, 8 of which touch the top of the image and 8 its left side; no outline in z.
    assert len(outlines.true) == 16 * (64 * 252 - 8 * 62 - 8 * 62 - 1)
