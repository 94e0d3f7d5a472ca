"""A tiny volume that is predicted in parts."""

from pathlib import Path

import pytest
from segmented import results

from mitodata.cluster.shard import Shard
from mitoseg.inference.model import Model
from mitoseg.inference.parts.shards import predict_shard

SIZE = (8.0, 8.0, 8.0)

SMALL: dict[str, object] = {  # blocks of the size of the tiny volume
    "mitoseg.inference.parts.division.SLABS": (4, 8, 8),
    "mitoseg.inference.parts.division.SHEETS": (1, 16, 16),
    "mitoseg.inference.parts.division.BLOCK_VOXELS": 2**12,
    "mitoseg.inference.parts.division.PLANE_PX": 2000,
    "mitoseg.inference.parts.work.RANGE_PX": 5 * 24 * 136,
    "mitoseg.inference.parts.objects.REGION": (4, 16, 64),
    "mitoseg.inference.parts.objects.CHUNK": (4, 8, 32),
    "mitoseg.inference.parts.objects.GROUP": 2,
    "mitoseg.inference.parts.tasks.MEASURED": 2,
    "mitoseg.inference.measure.BLOCK_VOXELS": 2**12,
}


OWN_THRESHOLDS = pytest.mark.parametrize(
    "model", [pytest.param("one threshold", marks=pytest.mark.slow), "own thresholds"], indirect=True
)
"""For what goes as well through all that a model with one threshold does: it is a part of what the other one does."""


def content(folder: Path) -> dict[str, bytes]:
    """All files of results, by their names."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for result in results(folder)
        for path in ([result] if result.is_file() else sorted(result.rglob("*")))
        if path.is_file()
    }


def differences(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """Names of the files that differ, or are in one place only."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def share(model: Model, volume: Path, folder: Path, shard: str = "1/1", **options: object) -> Path:
    settings = {"voxel_size_nm": SIZE, "format": "zarr", "axes": "z", **options}
    parts = predict_shard(model, volume, folder, Shard.parse(shard), **settings)
    assert parts is not None
    return parts


def block_files(parts: Path) -> list[Path]:
    return sorted(parts.glob("*.zarr/c/0/*/*/[0-9]*"))
