"""Voxel sizes: per axis, unknown ones asked for or said, x y z order suspected."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from mitodata import DataError, VoxelSize
from mitodata.hdf5.dataset import Dataset
from mitodata.importers import import_to_file
from mitodata.readers.inputs import open_sources
from mitodata.readers.voxel_size import Edges, choose_voxel_size, contradiction, edge_nm, pixel_problem

GREY = np.random.default_rng(0).integers(0, 255, (3, 20, 30)).astype(np.uint8)


@pytest.mark.parametrize(
    ("size", "meant"),
    [
        ((4, 4, 50), "did you mean --voxel-size 50 4 4"),
        ((4, 50, 4), "did you mean --voxel-size 50 4 4"),
        ((30, 4, 5), "expected y and x alike"),
        ((50, 4, 4), ""),
        ((50, 4.6, 4.5), ""),
        ((5, 5, 5), ""),
    ],
)
def test_numbers_in_another_order_are_suspected(size: VoxelSize, meant: str) -> None:
    problem = pixel_problem(size)
    assert meant in problem
    assert bool(problem) == bool(meant)


def test_pixels_that_are_not_square_can_be_confirmed(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY, photometric="minisblack")
    size = (4.0, 4.0, 50.0)
    with pytest.raises(DataError, match=r"a\.tif: voxel size 4 4 50 nm .*did you mean --voxel-size 50 4 4"):
        next(open_sources(tmp_path / "a.tif", size))
    assert next(open_sources(tmp_path / "a.tif", size, square=False)).voxel_size_nm == size
    with pytest.raises(DataError, match=r"a\.tif: voxel size 4 4 50 nm .*did you mean --voxel-size 50 4 4"):
        import_to_file("images", tmp_path / "a.tif", tmp_path / "o.h5", voxel_size_nm=size)
    assert not (tmp_path / "o.h5").exists()
    import_to_file("images", tmp_path / "a.tif", tmp_path / "o.h5", voxel_size_nm=size, square=False)
    # A file of ours says what was confirmed.
    assert next(open_sources(tmp_path / "o.h5")).voxel_size_nm == size
    with pytest.raises(DataError, match="not square"):
        next(open_sources(tmp_path / "o.h5", size))


def test_an_unknown_thickness_of_one_section_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    one = {"imagej": True, "resolution": (125, 125), "metadata": {"unit": "um", "axes": "YX"}}
    tifffile.imwrite(tmp_path / "a.tif", GREY[0], **one)
    assert next(open_sources(tmp_path / "a.tif")).voxel_size_nm == pytest.approx((8, 8, 8))
    import_to_file("images", tmp_path / "a.tif", tmp_path / "o.h5")
    with Dataset(tmp_path / "o.h5") as dataset:
        assert dataset.voxel_size_nm(0) == pytest.approx((8, 8, 8))
    said = f"{tmp_path / 'a.tif'}: thickness of the section unknown, taken as 8 nm; if it is not, --voxel-size Z Y X"
    assert caplog.messages == [said] * 2
    assert next(open_sources(tmp_path / "a.tif", (50.0, 8.0, 8.0))).voxel_size_nm[0] == 50
    assert len(caplog.messages) == 2


@pytest.mark.parametrize(
    ("depth", "stated", "given", "said"),
    [
        (1, (None, 4.0, 4.0), (40.0, 8.0, 8.0), "states voxels of ? x 4 x 4 nm (z, y, x); 40 x 8 x 8 nm are taken"),
        (6, (50.0, 4.0, 4.0), (5.0, 4.0, 4.0), "states voxels of 50 x 4 x 4 nm (z, y, x); 5 x 4 x 4 nm are taken"),
        (1, (4.0, 4.0, 4.0), (50.0, 4.1, 4.0), ""),
        (6, (None, 4.0, 4.0), (50.0, 4.0, 4.0), ""),
        (6, (None, None, None), (50.0, 4.0, 4.0), ""),
        (6, (1.0, 1.0, 1.0), (5.0, 5.0, 5.0), ""),
        (1, (None, 352_778.0, 352_778.0), (50.0, 5.0, 5.0), ""),
    ],
)
def test_a_given_size_that_is_not_that_of_the_file_is_said(
    depth: int, stated: Edges, given: VoxelSize, said: str
) -> None:
    problem = contradiction(depth, stated, given)
    assert problem.startswith(said)
    assert bool(problem) == bool(said)


def test_a_stack_whose_spacing_nobody_set_is_asked_about() -> None:
    with pytest.raises(DataError, match=r"s: says that pixels are 8 x 8 nm, .* its 6 sections .*--voxel-size Z 8 8"):
        choose_voxel_size("s", 6, (None, 8.0, 8.0))


@pytest.mark.parametrize(
    ("length", "unit", "nm"),
    [
        (4, "nm", 4),
        (0.004, "\u00b5m", 4),
        (0.004, "\u03bcm", 4),
        (40, "\u00c5", 4),
        (40, "angstrom", 4),
        ("0.004", "micron", 4),
        (-4, "nm", 4),
        (1, "pixel", None),
        (1, "inch", None),
        (0, "nm", None),
        (float("nan"), "nm", None),
        (None, "nm", None),
    ],
)
def test_units(length: object, unit: str, nm: float | None) -> None:
    assert edge_nm(length, unit) == (None if nm is None else pytest.approx(nm))


def test_an_import_says_that_its_file_contradicts_the_given_size(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stated = {"imagej": True, "resolution": (250, 250), "metadata": {"unit": "um", "axes": "YX"}}
    tifffile.imwrite(tmp_path / "a.tif", GREY[0], **stated)
    import_to_file("images", tmp_path / "a.tif", tmp_path / "out.h5", voxel_size_nm=(40.0, 8.0, 8.0))
    assert "a: states voxels of ? x 4 x 4 nm (z, y, x); 40 x 8 x 8 nm are taken, as given" in caplog.messages
