"""An OME-Zarr that is written in regions, in any order, is the one that is written at once."""

import random
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mitodata.export.layer import Layer
from mitodata.export.multiscales import Version, write_zarr
from mitodata.export.regions import RegionWriter

SMALL = {
    "mitodata.export.multiscales.CHUNK": (4, 16, 16),
    "mitodata.export.multiscales.PIECE": (4, 8, 8),
    "mitodata.export.regions.CHUNK": (4, 16, 16),
    "mitodata.export.regions.PIECE": (4, 8, 8),
    "mitodata.export.regions.READ": (16, 32, 32),
    "mitodata.export.regions.REGION": (16, 64, 64),
}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def layer(name: str, values: NDArray[np.generic], size: tuple[float, float, float]) -> Layer:
    z, y, x = values.shape
    return Layer(name, (z, y, x), values.dtype, size, values.__getitem__)


def write_in_regions(writer: RegionWriter, order: random.Random) -> None:
    """Write all regions of a level in some order, then those of the next; the way of whoever shares them out."""
    before: dict[int, dict[str, NDArray[np.generic]]] = {}
    for base in writer.bases:
        now = {}
        for number in order.sample(range(writer.count(base)), writer.count(base)):
            region = writer.region(base, number)
            finer: dict[str, NDArray[np.generic]] = {}
            for other, place in writer.gather(base, region) if base else ():
                for name, voxels in before[other].items():
                    lengths = [each.stop - each.start for each in region]
                    finer.setdefault(name, np.empty(lengths, voxels.dtype))[place] = voxels
            writer.make()
            now[number] = writer.write(base, region, finer if base else None)
        before = now


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize(
    ("shape", "size"), [((18, 70, 8), (8.0, 8.0, 8.0)), ((3, 20, 66), (50.0, 4.0, 4.0)), ((1, 8, 8), (8.0, 8.0, 8.0))]
)
def test_regions_in_any_order_make_the_same_bytes(
    shape: tuple[int, int, int],
    size: tuple[float, float, float],
    version: Version,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in SMALL.items():
        monkeypatch.setattr(name, value)
    rng = np.random.default_rng(0)
    raw = rng.integers(0, 255, shape, np.uint8)
    objects = np.where(rng.random(shape) < 0.1, rng.integers(0, 999, shape), 0).astype(np.uint16)
    objects[:, :16] = 0  # chunks of nothing have no file
    image, labels = layer("raw", raw, size), [layer("instances", objects, size)]
    probability = layer("probability", rng.random(shape, np.float32), size)
    (tmp_path / "apart").mkdir()
    for name, first, others in (("a.zarr", image, labels), ("p.zarr", probability, [])):
        write_zarr(tmp_path / name, first, others, version)
        write_in_regions(RegionWriter(tmp_path / "apart" / name, first, others, version), random.Random(0))
        assert files(tmp_path / "apart" / name) == files(tmp_path / name)


def test_who_is_late_makes_no_folder(tmp_path: Path) -> None:
    """The folder in which the file is written is gone once the file is in its place."""
    image = layer("raw", np.zeros((1, 8, 8), np.uint8), (8.0, 8.0, 8.0))
    writer = RegionWriter(tmp_path / "gone" / "a.zarr", image)
    with pytest.raises(Exception, match="cannot be written: No such file"):
        writer.make()
    assert not any(tmp_path.iterdir())
