"""The pixel sizes of images that state none."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from mitodata import DataError, RunError, Sample
from mitodata.readers.inputs import open_images
from mitoseg.inference.model import Model, load_model
from mitoseg.inference.scale import evidence, sizes
from mitoseg.inference.scale.sizes import PixelSizes
from mitoseg.inference.segment import segment
from mitoseg.inference.segment_image import make_options


@pytest.fixture(autouse=True)
def _discs_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "USUAL_WIDTH_NM", 100.0)


@pytest.fixture
def _dark_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that finds what is dark, whatever its size."""
    monkeypatch.setattr(evidence, "predict_maps", lambda _, raw, __: (raw < 110).astype(np.float32)[None])


def disc(seed: int, pixel_nm: float, blur_px: float) -> NDArray[np.uint8]:
    """A disc of 180 nm in pixels of some length, as a microscope of some resolution sees it."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:96, :96] - rng.uniform(30, 66, (2, 1, 1))
    grey = np.where(np.hypot(y, x) * pixel_nm < 90, 60.0, 150.0)
    noise = ndimage.gaussian_filter(rng.normal(0, 1, (96, 96)), blur_px)
    return (grey + 6 * noise / noise.std()).clip(0, 255).astype(np.uint8)


@pytest.fixture
def unlike(tmp_path: Path) -> list[Path]:
    """Three images of 5 nm and two of 16 nm, of different resolution, one after the other."""
    folder = tmp_path / "in"
    folder.mkdir()
    kinds = [(5.0, 0.5), (16.0, 2.0), (5.0, 0.5), (16.0, 2.0), (5.0, 0.5)]
    paths = [folder / f"{name}.png" for name in "abcde"]
    for seed, (path, (pixel_nm, blur_px)) in enumerate(zip(paths, kinds, strict=True)):
        Image.fromarray(disc(seed, pixel_nm, blur_px)).save(path)
    return paths


def estimates(model: Model, paths: Sequence[Path]) -> dict[str, float]:
    """The size of each image."""
    found = PixelSizes(model, paths, make_options())
    each = {path.name: found.estimate(next(open_images(path))) for path in paths}
    return {name: size[1] for name, size in each.items() if size}


@pytest.mark.usefixtures("_dark_is_found")
def test_unlike_images_get_sizes_of_their_own_in_any_order(
    model: Model, unlike: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    found = estimates(model, unlike)
    fine, coarse = found["a.png"], found["b.png"]
    assert [fine, coarse] == pytest.approx([5, 16], rel=0.5)
    assert coarse > 2 * fine
    assert found == {"a.png": fine, "b.png": coarse, "c.png": fine, "d.png": coarse, "e.png": fine}
    head, first, second = caplog.messages
    assert head.startswith("5 images state no pixel size and do not look alike: 2 sizes are estimated; ")
    assert first.startswith(f"pixel size estimated for a.png and 2 images like it: {fine:g} nm (")
    assert second.startswith(f"pixel size estimated for b.png and 1 image like it: {coarse:g} nm (")
    assert estimates(model, unlike[::-1]) == found


@pytest.mark.usefixtures("_dark_is_found")
def test_many_sizes_are_not_all_said(
    model: Model, unlike: list[Path], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "MOST_SAID", 1)
    estimates(model, unlike)
    assert len(caplog.messages) == 3
    assert caplog.messages[-1] == "... and 1 more; predictions.jsonl tells the size of each image"


@pytest.mark.usefixtures("_dark_is_found")
def test_files_that_cannot_be_read_or_state_their_size_do_not_count(model: Model, unlike: list[Path]) -> None:
    broken, stated = unlike[0].with_name("0.tif"), unlike[0].with_name("1.tif")
    broken.write_bytes(b"II*\0" + bytes(40))
    tifffile.imwrite(stated, disc(9, 5.0, 0.5), imagej=True, resolution=(250, 250), metadata={"unit": "um"})
    found = PixelSizes(model, [broken, stated, *unlike], make_options())
    assert found.estimate(next(open_images(stated))) is None
    assert found.estimate(next(open_images(unlike[0]))) == (estimates(model, unlike)["a.png"],) * 3


@pytest.mark.usefixtures("_dark_is_found")
def test_an_image_in_which_nothing_is_found_gets_the_size_of_one_like_it(model: Model, unlike: list[Path]) -> None:
    empty = unlike[0].with_name("f.png")
    Image.fromarray(disc(9, 5.0, 0.5).clip(140, 160)).save(empty)
    found = estimates(model, [*unlike, empty])
    assert found["f.png"] == found["a.png"]
    with pytest.raises(DataError, match=r"f\.png: carries no voxel size, and nothing is found at any of 4 to 32 nm"):
        estimates(model, [empty])


@pytest.mark.usefixtures("_dark_is_found")
def test_sections_of_one_volume_have_one_size_whatever_they_look_like(
    model: Model, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(6):
        image = ndimage.gaussian_filter(disc(0, 8.0, 0.5), 0 if number < 3 else 2)
        tifffile.imwrite(tmp_path / f"s{number}.tif", image, photometric="minisblack")
    assert len(set(estimates(model, sorted(tmp_path.glob("*.tif"))).values())) == 1
    (line,) = caplog.messages
    assert line.startswith("pixel size estimated from 6 images that state none, together: ")


@pytest.mark.usefixtures("_dark_is_found")
def test_a_stack_of_unlike_sections_gets_one_size_and_it_is_said(
    model: Model, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name, blur_px in (("same", 0.5), ("odd", 2.0)):
        sections = np.stack([disc(0, 5.0, 0.5), disc(1, 5.0, 0.5), disc(2, 16.0 if name == "odd" else 5.0, blur_px)])
        tifffile.imwrite(tmp_path / f"{name}.tif", sections, photometric="minisblack")
        found = PixelSizes(model, [tmp_path / f"{name}.tif"], make_options(as_2d=True))
        found.estimate(next(open_images(tmp_path / f"{name}.tif")))
    (line,) = [line for line in caplog.messages if "estimated" not in line]
    assert line.endswith(
        "odd.tif: its sections do not look alike, but get one pixel size; if they differ in it, "
        "save them as files of their own"
    )


def test_images_that_state_no_size_get_one_together_and_it_is_said(
    model: Model, draw: Callable[..., Sample], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "in").mkdir()
    for number in range(2):
        Image.fromarray(draw(number, (1, 128, 128)).raw[0]).save(tmp_path / "in" / f"{number}.png")
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
    Image.fromarray(draw(0, (1, 128, 128)).raw[0]).save(tmp_path / "a.png")
    for written in (1, 0):
        assert len(segment(model, tmp_path / "a.png", tmp_path / "out", outputs="mask")) == written
    monkeypatch.setattr(evidence, "USUAL_WIDTH_NM", 400.0)
    with pytest.raises(RunError, match=r"made with other settings .*pixel_nm"):
        segment(model, tmp_path / "a.png", tmp_path / "out", outputs="mask")
    caplog.clear()
    segment(model, tmp_path / "a.png", tmp_path / "given", outputs="mask", voxel_size_nm=(40, 8, 8))
    assert not [line for line in caplog.messages if "estimated" in line]


def test_files_that_contradict_the_given_size_are_said_once(
    model: Model, draw: Callable[..., Sample], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stated = {"imagej": True, "resolution": (250, 250), "metadata": {"unit": "um", "axes": "YX"}}
    for number in range(2):
        tifffile.imwrite(tmp_path / f"{number}.tif", draw(number).raw[0], **stated)
    segment(model, tmp_path, tmp_path / "out", outputs="mask", voxel_size_nm=(40, 8, 8))
    (line,) = caplog.messages
    assert line.endswith("0.tif: states voxels of ? x 4 x 4 nm (z, y, x); 40 x 8 x 8 nm are taken, as given")


def test_an_image_that_cannot_be_read_says_why(run: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 300)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", noise, compression="zlib", photometric="minisblack")
    packed = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(packed[:40_000] + bytes(1000) + packed[41_000:])
    with pytest.raises(DataError, match=r"^\S*a\.tif: cannot be read; the file is damaged"):
        segment(load_model(run), [tmp_path / "a.tif"], tmp_path / "out", outputs=("mask",))
    assert not (tmp_path / "out").exists()
