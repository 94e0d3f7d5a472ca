from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from mitodata import DataError, Sample
from mitoseg.images import as_grey, read_images, unique_names
from mitoseg.predict import load_model
from mitoseg.segment import segment

SIZE = (40.0, 8.0, 8.0)


def read(path: Path) -> NDArray[np.uint8]:
    return next(read_images(path, SIZE))[1]


def test_masks_and_probabilities_of_all_kinds_of_files(
    run: Path, draw: Callable[..., Sample], make_file: Callable[..., Path], tmp_path: Path
) -> None:
    sample, volume = draw(77), draw(78, (3, 64, 64))
    Image.fromarray(sample.raw[0]).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "b.tif", volume.raw, photometric="minisblack")
    files = [tmp_path / "a.png", tmp_path / "b.tif", make_file(sample, volume, name="c")]
    model = load_model(run)
    masks = segment(model, files, tmp_path / "out", SIZE)
    assert [path.name for path in masks] == ["a_mask.png", "b_mask.tif", "c-0000_mask.tif", "c-0001_mask.tif"]
    mask = np.asarray(Image.open(masks[0]))
    assert set(np.unique(mask)) == {0, 255}
    probability = tifffile.imread(tmp_path / "out" / "a_probability.tif")
    assert probability.dtype == np.float32
    np.testing.assert_array_equal(mask == 255, probability >= model.threshold)
    stack = tifffile.imread(masks[1])
    assert stack.shape == (3, 64, 64)
    np.testing.assert_array_equal(stack, tifffile.imread(masks[3]))
    with tifffile.TiffFile(masks[1]) as file:
        assert file.imagej_metadata is not None
        assert file.imagej_metadata["spacing"] == pytest.approx(0.04)
        numerator, denominator = file.pages[0].tags["XResolution"].value
        assert numerator / denominator == pytest.approx(125)


def test_grey_levels_of_all_kinds(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 255, (20, 30)).astype(np.uint8)
    Image.fromarray(np.stack([grey] * 3 + [np.full_like(grey, 9)], -1)).save(tmp_path / "rgba.png")
    np.testing.assert_array_equal(read(tmp_path / "rgba.png")[0], grey)
    tifffile.imwrite(tmp_path / "rgb.tif", np.stack([grey] * 3, -1), photometric="rgb")
    np.testing.assert_allclose(read(tmp_path / "rgb.tif")[0].astype(int), grey, atol=1)
    tifffile.imwrite(tmp_path / "wide.tif", grey.astype(np.uint16) * 16 + 1000)
    assert np.corrcoef(read(tmp_path / "wide.tif")[0].ravel(), grey.ravel())[0, 1] > 0.999
    assert as_grey(np.full((3, 3), 0.5), tmp_path).max() == 0


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    for name, content in (("a.png", b"\x89PNG\r\n\x1a\n"), ("b.tif", b"II*\x00"), ("c.jpg", b""), ("d.xyz", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=name) as caught:
            read(tmp_path / name)
        assert "\n" not in str(caught.value)
    tifffile.imwrite(tmp_path / "nan.tif", np.full((4, 4), np.nan, np.float32))
    with pytest.raises(DataError, match="not finite"):
        read(tmp_path / "nan.tif")
    tifffile.imwrite(tmp_path / "deep.tif", np.zeros((2, 3, 4, 5), np.uint8), photometric="minisblack")
    with pytest.raises(DataError, match=r"expected \(Y, X\) or \(Z, Y, X\)"):
        read(tmp_path / "deep.tif")
    with pytest.raises(DataError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(DataError, match="not found"):
        read(tmp_path / "none.png")
    with pytest.raises(DataError, match="--voxel-size"):
        next(read_images(tmp_path / "nan.tif", None))


def test_names_are_unique() -> None:
    assert unique_names([Path("x/a.h5"), Path("y/a.h5"), Path("b.h5")]) == ["a", "a-2", "b"]


@pytest.mark.parametrize("size", [(0, 5, 5), (5, 5, -1), (float("nan"), 5, 5), (5, 5, 1e30)])
def test_impossible_voxel_sizes(size: tuple[float, float, float], tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="expected three positive numbers"):
        next(read_images(tmp_path / "a.png", size))
