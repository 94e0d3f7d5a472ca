"""The pixel size of images that state none."""

from collections.abc import Callable
from math import log
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from mitodata import DataError, RunError, Sample, VoxelSize
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


def surest_at(size_nm: float) -> Callable[..., NDArray[np.float32]]:
    """A network that finds the dark parts of an image, and is surest of them where its pixels are so long."""

    def predict(_: Model, raw: NDArray[np.uint8], voxel_size_nm: VoxelSize) -> NDArray[np.float32]:
        doubt = min(0.4, abs(log(voxel_size_nm[1] / size_nm)) / 2)
        return np.where(raw < 110, 1 - doubt, doubt / 8).astype(np.float32)[None]

    return predict


@pytest.mark.parametrize("size", [5.0, 8.0, 16.0])
def test_the_size_is_that_at_which_the_network_is_surest(
    size: float, model: Model, draw: Callable[..., Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scale, "predict_maps", surest_at(size))
    monkeypatch.setattr(scale, "WIDTH_SPREAD", 100.0)
    found = estimate_scale(model, discs(draw, 8.0))
    assert found.pixel_nm == pytest.approx(size, rel=0.2)
    assert found.low_nm <= found.pixel_nm <= found.high_nm


@pytest.mark.parametrize("size", [5.0, 8.0, 16.0])
def test_widths_decide_where_the_network_is_as_sure_of_any_size(
    size: float, model: Model, draw: Callable[..., Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scale, "predict_maps", lambda _, raw, __: (raw < 110).astype(np.float32)[None])
    found = estimate_scale(model, discs(draw, size))
    assert found.pixel_nm == pytest.approx(size, rel=0.5)


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
    assert [nothing.low_nm, nothing.pixel_nm, nothing.high_nm] == pytest.approx([6.73, 8, 9.51], rel=1e-3)


def test_images_that_state_no_size_get_one_together_and_it_is_said(
    model: Model, draw: Callable[..., Sample], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "in").mkdir()
    for number, image in enumerate(discs(draw, 8.0)[:2]):
        Image.fromarray(image).save(tmp_path / "in" / f"{number}.png")
    tifffile.imwrite(tmp_path / "in" / "stack.tif", draw(9, (3, 64, 64)).raw, photometric="minisblack")
    with pytest.raises(DataError, match=r"stack\.tif: carries no voxel size.*add --as-2d"):
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
