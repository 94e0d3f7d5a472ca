"""A volume, what predicts it, and what one run makes of it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import zarr
from parted import SIZE, SMALL, content

from mitodata import Sample
from mitoseg.inference.model import Model, load_model
from mitoseg.inference.segment import segment


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SMALL.items():
        monkeypatch.setattr(name, value)


@pytest.fixture(scope="module", params=["one threshold", "own thresholds"])
def model(run: Path, request: pytest.FixtureRequest) -> Model:
    """Finds something in what is seen across two axes as well."""
    model = load_model(run).with_decoding(0.25, 0.0)
    return replace(model, decoding=replace(model.decoding, own_threshold=request.param == "own thresholds"))


@pytest.fixture(scope="module")
def volume(draw: Callable[..., Sample], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """10 sections of discs as Zarr; one is missing, and one has a rim."""
    raw = draw(78, (10, 24, 136)).raw.copy()
    raw[7] = 0
    raw[4, :, :9] = 255
    path = tmp_path_factory.mktemp("volume") / "volume.zarr"
    array = zarr.create_array(path, shape=raw.shape, chunks=(4, 32, 32), dtype=raw.dtype, dimension_names="zyx")
    array[:] = raw
    return path


@pytest.fixture(scope="module")
def whole(model: Model, volume: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one run makes of it, across two axes."""
    folder = tmp_path_factory.mktemp("whole")
    segment(model, volume, folder, voxel_size_nm=SIZE, format="zarr", axes="zy")
    found = content(folder)
    rows = found["volume_objects.csv"].count(b"\n")
    assert rows > 1
    return found


@pytest.fixture(scope="package")
def address() -> Iterator[str]:
    """A cluster in this process, with as little as makes one."""
    distributed = pytest.importorskip("distributed", reason="Dask is optional")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0", silence_logs=50
    ) as local:
        yield local.scheduler_address
