from pathlib import Path

import numpy as np
import pytest

from mitodata import DataError
from mitodata.readers.source import Source
from mitoseg_napari.measurements import histogram, measure_labels


def source(*shape: int) -> Source:
    raw = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return Source(Path("image"), "", raw, (8.0, 8.0, 8.0))


def test_gaps_in_numbers_do_not_matter_and_numbers_stay() -> None:
    labels = np.zeros((1, 30, 30), np.int64)
    labels[0, 2:6, 2:6], labels[0, 10:20, 10:15] = 40, 7
    table = measure_labels(labels, source(1, 30, 30), (50.0, 8.0, 8.0))
    assert table["id"].tolist() == [7, 40]
    assert table["area_nm2"].tolist() == [50 * 64, 16 * 64]


def test_images_of_their_own_are_measured_one_by_one() -> None:
    labels = np.zeros((3, 30, 30), np.uint8)
    labels[0, 2:6, 2:6], labels[2, 2:6, 2:6], labels[2, 10:12, 10:12] = 1, 1, 5
    table = measure_labels(labels, source(3, 30, 30), (50.0, 8.0, 8.0), apart=True)
    assert table["id"].tolist() == [1, 1, 5]
    assert table["centroid_z_px"].tolist() == [0, 2, 2]
    volume = measure_labels(labels, source(3, 30, 30), (50.0, 8.0, 8.0))
    assert volume["id"].tolist() == [1, 5]
    assert "volume_nm3" in volume


@pytest.mark.parametrize(("value", "says"), [(0, "no object"), (-1, "below 0")])
def test_labels_without_objects_are_refused_in_one_line(value: int, says: str) -> None:
    with pytest.raises(DataError, match=says):
        measure_labels(np.full((1, 20, 20), value, np.int32), source(1, 20, 20), (8.0, 8.0, 8.0))


def test_measuring_can_be_stopped() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_labels(np.ones((1, 20, 20), np.int32), source(1, 20, 20), (8.0, 8.0, 8.0), heed=stop)


def test_a_histogram_counts_every_finite_value_in_few_bins() -> None:
    values = np.random.default_rng(0).lognormal(0, 2, 5000)
    counts, edges = histogram(np.append(values, np.nan))
    assert counts.sum() == 5000
    assert len(counts) == len(edges) - 1 <= 40
    for same in ([], [3.0], [3.0, 3.0, np.inf]):
        counts, edges = histogram(np.array(same))
        assert counts.sum() == len(np.isfinite(same).nonzero()[0])
        assert len(edges) == 2
