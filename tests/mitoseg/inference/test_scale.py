"""The pixel size of images that state none."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from mitodata import DataError, RunError, Sample
from mitoseg.inference import scale
from mitoseg.inference.model import Model, load_model
from mitoseg.inference.scale import SIZES_NM, Look, choose_scale, estimate_scale
from mitoseg.inference.segment import segment


@pytest.fixture(scope="module")
def model(run: Path) -> Model:
    return load_model(run)


@pytest.fixture(autouse=True)
def _discs_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "USUAL_WIDTH_NM", 100.0)


def discs(draw: Callable[..., Sample], pixel_nm: float) -> list[NDArray[np.uint8]]:
    """Sections that were drawn with pixels of 8 nm, in pixels of another length."""
    side = round(128 * 8 / pixel_nm)
    return [
        np.asarray(Image.fromarray(draw(seed, (1, 128, 128)).raw[0]).resize((side, side), Image.Resampling.BILINEAR))
        for seed in range(4)
    ]


def test_larger_pixels_are_told_from_smaller_ones(model: Model, draw: Callable[..., Sample]) -> None:
    found = [estimate_scale(model, discs(draw, size)) for size in (5.0, 8.0, 16.0)]
    assert all(one.pixel_nm < other.pixel_nm for one, other in pairwise(found))
    assert found[1].pixel_nm == pytest.approx(8, rel=0.4)
    assert all(each.low_nm <= each.pixel_nm <= each.high_nm for each in found)


def test_where_nothing_is_found_nothing_is_estimated(model: Model) -> None:
    with pytest.raises(DataError, match="nothing is found at any of 4 to 32 nm; give the voxel size"):
        estimate_scale(model, [np.full((64, 64), 128, np.uint8)])


def test_certainty_and_a_usual_width_speak_for_a_size() -> None:
    def look(size: float, **changed: float) -> Look:
        return Look(**{"pixel_nm": size, "found": 0.1, "certainty": 0.5, "width_nm": 100.0, **changed})

    sure = [look(size, certainty=0.9 if size == 8 else 0.5) for size in SIZES_NM]
    assert choose_scale(sure).pixel_nm == pytest.approx(8, rel=0.05)
    usual = [look(size, width_nm=100.0 if size == 16 else 400.0) for size in SIZES_NM]
    assert choose_scale(usual).pixel_nm == pytest.approx(16, rel=0.05)
    unknown = choose_scale([look(size) for size in SIZES_NM])
    assert unknown.high_nm / unknown.low_nm >= 4
    between = choose_scale([look(size, certainty=0.9 if size in SIZES_NM[2:4] else 0.5) for size in SIZES_NM])
    assert SIZES_NM[2] < between.pixel_nm < SIZES_NM[3]
    nothing = choose_scale([look(size, found=0.1 if size == 8 else 0.0) for size in SIZES_NM])
    assert [nothing.low_nm, nothing.pixel_nm, nothing.high_nm] == pytest.approx([8, 8, 8])


def test_images_that_state_no_size_get_one_together_and_it_is_said(
    model: Model, draw: Callable[..., Sample], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "in").mkdir()
    for number, image in enumerate(discs(draw, 8.0)[:2]):
        Image.fromarray(image).save(tmp_path / "in" / f"{number}.png")
    tifffile.imwrite(tmp_path / "in" / "stack.tif", draw(9, (3, 64, 64)).raw, photometric="minisblack")
    with pytest.raises(DataError, match=r"stack\.tif: carries no voxel size"):
        segment(model, tmp_path / "in", tmp_path / "out", outputs="mask")
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {"0_mask.png", "1_mask.png"}
    (line,) = [line for line in caplog.messages if "estimated" in line]
    assert line.startswith("pixel size estimated from 2 images that state none, together: ")
    assert line.endswith("are likely); if that is wrong, give the voxel size in nm with --voxel-size Z Y X")


def test_results_of_an_estimate_are_known_by_it(
    model: Model,
    draw: Callable[..., Sample],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Image.fromarray(discs(draw, 8.0)[0]).save(tmp_path / "a.png")
    for written in (1, 0):
        assert len(segment(model, tmp_path / "a.png", tmp_path / "out", outputs="mask")) == written
    monkeypatch.setattr(scale, "USUAL_WIDTH_NM", 400.0)
    with pytest.raises(RunError, match=r"made with other settings .*pixel_nm"):
        segment(model, tmp_path / "a.png", tmp_path / "out", outputs="mask")
    caplog.clear()
    segment(model, tmp_path / "a.png", tmp_path / "given", outputs="mask", voxel_size_nm=(40, 8, 8))
    assert not [line for line in caplog.messages if "estimated" in line]
