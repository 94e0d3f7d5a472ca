"""A voxel size whose pixels are not square is segmented only if it is meant."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from mitodata import DataError
from mitoseg.inference.model import load_model
from mitoseg.inference.segment import segment


def test_pixels_that_are_not_square_are_segmented_if_confirmed(run: Path, tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 255, (2, 40, 40)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", grey, photometric="minisblack")
    model, size = load_model(run), (8.0, 8.0, 12.0)
    with pytest.raises(DataError, match="did you mean --voxel-size 12 8 8"):
        segment(model, [tmp_path / "a.tif"], tmp_path / "out", outputs="mask", voxel_size_nm=size)
    assert not (tmp_path / "out").exists()
    (mask,) = segment(model, [tmp_path / "a.tif"], tmp_path / "out", outputs="mask", voxel_size_nm=size, square=False)
    with tifffile.TiffFile(mask) as file:
        assert file.asarray().shape == grey.shape
        tags = file.pages.first.tags
        edges = [tags[f"{axis}Resolution"].value[1] / tags[f"{axis}Resolution"].value[0] * 1000 for axis in "YX"]
    assert edges == pytest.approx([8, 12])
