"""What of large volumes is looked at to choose a threshold."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from mitodata import Sample
from mitodata.hdf5.dataset import Provenance, write_dataset
from mitoseg.config.settings import make_config
from mitoseg.data import SectionFiles, Slab
from mitoseg.inference.model import Model
from mitoseg.training.validation import predict_sections

SHAPE = (40, 48, 64)


@pytest.fixture
def volume(tmp_path: Path, draw: Callable[..., Sample]) -> SectionFiles:
    path = tmp_path / "volume.h5"
    write_dataset(path, [draw(0, SHAPE)], Provenance(source="test"))
    return SectionFiles([path])


@pytest.mark.parametrize("limit", [10**6, 30_000, 500])
def test_a_3d_network_looks_at_no_more_voxels_than_allowed(
    limit: int, volume: SectionFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def brightness(model: Model, raw: NDArray[np.uint8], voxel_size_nm: object, path: Path) -> NDArray[np.float32]:
        seen.append(raw.size)
        return (raw[None] / 255).astype(np.float32)

    monkeypatch.setattr("mitoseg.training.validation.predict_maps", brightness)
    monkeypatch.setattr("mitoseg.training.validation.READ_VOXELS", limit)
    config = make_config(("dimensions=3", "patch_z_px=16"), steps=1)
    sections = [Slab(0, 0, z) for z in (0, 13, 39)]
    found = list(predict_sections(cast("Model", SimpleNamespace(config=config)), volume, sections))
    assert [each.section for each in found] == sections
    assert sum(seen) <= max(limit, 3 * 17)
    assert len(seen) == (1 if limit >= np.prod(SHAPE) else 3)
    whole = volume.files[0][0]
    for each in found:
        # What is said of a section is said of these very pixels of it.
        np.testing.assert_allclose(each.maps[0], each.raw / 255, rtol=1e-6)
        places = np.lib.stride_tricks.sliding_window_view(whole.raw[each.section.z], each.raw.shape)
        assert (places == each.raw).all((2, 3)).any()
        assert each.truth.shape == each.raw.shape == each.label.shape
