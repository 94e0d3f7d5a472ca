"""How a volume is cut into blocks."""

from math import prod
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mitodata.readers.source import Source
from mitoseg.config.settings import FitConfig
from mitoseg.inference.model import Model
from mitoseg.inference.parts.division import (
    BLOCK_VOXELS,
    PLANE_PX,
    SLABS,
    block_edges,
    list_blocks,
    part_arrays,
    piece_of,
)
from mitoseg.inference.predictor import plan_prediction
from mitoseg.networks.unet import build_model


@pytest.fixture(scope="module")
def model(tiny: FitConfig) -> Model:
    return Model(build_model(tiny).eval(), tiny)


def volume(*shape: int) -> Source:
    """A volume of which nothing is read."""
    flat: NDArray[np.uint8] = np.broadcast_to(np.zeros((), np.uint8), shape)
    return Source(Path("volume.zarr"), "", flat, (8.0, 8.0, 8.0))


@pytest.mark.parametrize("axes", ["z", "zyx"])
@pytest.mark.parametrize("shape", [(20000, 30000, 40000), (165, 768, 1024), (1, 9000, 9000), (3000, 90, 50)])
def test_blocks_are_about_as_large_as_they_may_be(shape: tuple[int, int, int], axes: str, model: Model) -> None:
    if shape[0] == 1 and axes != "z":
        return
    plan = plan_prediction(model, volume(*shape), axes)
    for plane, array in zip(plan.planes, part_arrays(plan, Path("parts")), strict=True):
        voxels = prod(min(edge, length) for edge, length in zip(array.edges, shape, strict=True))
        assert min(BLOCK_VOXELS, PLANE_PX * shape[0], prod(shape)) / 2 < voxels < 1.3 * BLOCK_VOXELS
        if axes != "z":
            assert array.edges[plane.axis] >= min(SLABS[0], shape[plane.axis])


def test_blocks_cover_the_volume_and_read_what_their_windows_need(model: Model) -> None:
    plan = plan_prediction(model, volume(40, 1500, 1600), "zy")
    arrays = part_arrays(plan, Path("parts"))
    blocks = list_blocks(arrays)
    assert [block.number for block in blocks] == list(range(len(blocks)))
    for number, plane in enumerate(plan.planes):
        own = [block for block in blocks if block.plane == number]
        assert sum(prod(each.stop - each.start for each in block.part) for block in own) == 40 * 1500 * 1600
        for block in own:
            needed = piece_of(plane, block.part).needed
            assert all(wide.start <= part.start for wide, part in zip(needed, block.part, strict=True))
            assert all(wide.stop >= part.stop for wide, part in zip(needed, block.part, strict=True))
            assert needed[plane.axis] == block.part[plane.axis], "slices beside it are not predicted"
    assert block_edges(plan.planes[0], 16)[0] >= 16
