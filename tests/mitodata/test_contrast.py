"""Negatives are told by their lines."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from mitodata.contrast import (
    DOUBT,
    LITTLE_UM2,
    SURE,
    UNSEEN,
    Contrast,
    is_inverted,
    look_at,
    measure_contrast,
    pool,
    should_invert,
    spread,
)
from mitodata.hdf5.dataset import Dataset
from mitodata.importers import import_dataset, import_to_file
from mitogen import load_recipe, render

VOXEL_NM = (40.0, 5.0, 5.0)


def draw_cells(line: float, seed: int = 0, side: int = 400) -> NDArray[np.uint8]:
    """Noisy ground of 140 with cells, parted by lines 2 px wide of a grey level."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, side, (120, 2))
    y, x = np.mgrid[:side, :side]
    distance = np.sort(np.hypot(y[..., None] - points[:, 0], x[..., None] - points[:, 1]), axis=-1)
    grey = np.where(distance[..., 1] - distance[..., 0] < 2, line, 140.0)
    grey = ndimage.gaussian_filter(grey, 0.7) + rng.normal(0, 6, grey.shape)
    return np.asarray(grey.clip(0, 255).astype(np.uint8))


def test_dark_lines_are_as_they_should_be_and_light_ones_are_not() -> None:
    image = draw_cells(60)
    found, negative = (measure_contrast([each], VOXEL_NM) for each in (image, 255 - image))
    assert found.balance > 0.3
    assert found.area_um2 == pytest.approx(4)
    assert negative.balance == pytest.approx(-found.balance, abs=1e-4)
    assert measure_contrast([draw_cells(220)], VOXEL_NM).balance < -0.3


def test_a_small_image_says_less_than_a_large_one_and_than_several() -> None:
    image = draw_cells(60)
    whole, corner = measure_contrast([image], VOXEL_NM), measure_contrast([image[:60, :60]], VOXEL_NM)
    assert 0 < corner.value < SURE < whole.value < whole.balance
    assert Contrast(0.4, LITTLE_UM2).value == pytest.approx(0.2)
    assert measure_contrast([image] * 3, VOXEL_NM).area_um2 == pytest.approx(3 * whole.area_um2)
    together = pool([Contrast(-0.1, 2.0)] * 20)
    assert together.balance == pytest.approx(-0.1)
    assert is_inverted(together)
    assert not is_inverted(Contrast(-0.1, 2.0))
    assert pool([Contrast(1.0, 1.0), Contrast(0.0, 3.0), UNSEEN]) == Contrast(0.25, 4.0)
    assert pool([]) == UNSEEN


def test_nothing_is_told_of_what_has_no_lines_or_cannot_show_them() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200)).astype(np.uint8)
    assert abs(measure_contrast([noise], VOXEL_NM).balance) < DOUBT
    assert measure_contrast([np.full((50, 50), 7, np.uint8)], VOXEL_NM) == UNSEEN
    assert measure_contrast([draw_cells(60)], (40.0, 50.0, 50.0)) == UNSEEN
    assert measure_contrast([], VOXEL_NM) == UNSEEN


def test_a_frame_has_no_part_in_it() -> None:
    image = draw_cells(60)
    for grey in (0, 255):
        framed = np.pad(image, ((30, 0), (0, 50)), constant_values=grey)
        balance = measure_contrast([image], VOXEL_NM).balance
        assert measure_contrast([framed], VOXEL_NM).balance == pytest.approx(balance, abs=0.03)


def test_the_ragged_edge_of_a_black_bar_is_no_light_line() -> None:
    rng = np.random.default_rng(0)
    ground = ndimage.gaussian_filter(140 + rng.normal(0, 30, (200, 200)), 1)
    edge = 150 + np.repeat(rng.integers(0, 4, 50), 4)
    rows = np.arange(200)[:, None]
    barred = np.where(rows > edge, 0, np.where(rows > edge - 3, 250, ground)).astype(np.uint8)
    assert measure_contrast([barred], (50.0, 8.0, 8.0)).balance > -0.05


def test_glands_are_full_of_pale_lines_and_are_no_negatives() -> None:
    recipe = load_recipe("gland", overrides=["section.pixel_nm=12"])
    samples = [render(recipe, seed=7, index=index, shape=(1, 256, 256)) for index in range(12)]
    found = [measure_contrast(sample.raw, sample.voxel_size_nm) for sample in samples]
    assert min(each.balance for each in found) < -SURE, "the balance alone would mislead"
    assert not any(map(is_inverted, found))
    assert not is_inverted(pool(found))


def test_the_middle_of_some_sections_is_looked_at() -> None:
    assert spread(165, 5) == [16, 49, 82, 115, 148]
    assert spread(3, 5) == [0, 1, 2]
    volume = np.full((11, 900, 900), 255, np.uint8)
    read: list[tuple[slice, slice, slice]] = []

    def reader(part: tuple[slice, slice, slice]) -> NDArray[np.uint8]:
        read.append(part)
        return volume[part]

    look_at(reader, (11, 900, 900), VOXEL_NM)
    assert [part[0].start for part in read] == [1, 3, 5, 7, 9]
    assert all(part[1:] == (slice(66, 834), slice(66, 834)) for part in read)


def test_an_image_among_negatives_is_one_unless_it_surely_is_none() -> None:
    negative, doubtful, usual = (Contrast(balance, 1e9) for balance in (-0.2, 0.0, 0.2))
    assert is_inverted(negative)
    assert not is_inverted(doubtful)
    assert is_inverted(doubtful, usual=negative)
    assert not is_inverted(usual, usual=negative)
    assert not is_inverted(doubtful, usual=usual)


@pytest.mark.parametrize(
    ("invert", "contrast", "taken", "said"),
    [
        ("auto", -0.2, True, "black and white exchanged; if wrong, --invert off"),
        ("auto", -0.05, False, "perhaps a negative .* --invert on"),
        ("auto", 0.2, False, None),
        ("on", 0.2, True, None),
        ("off", -0.2, False, None),
    ],
)
def test_a_line_says_what_was_done(invert: str, contrast: float, taken: bool, said: str | None) -> None:
    lines: list[str] = []
    assert should_invert(invert, Contrast(contrast, 1e9), None, lines.append) == taken
    assert len(lines) == (said is not None)
    assert said is None or re.search(said, lines[0])


def test_a_small_negative_is_asked_about() -> None:
    lines: list[str] = []
    assert not should_invert("auto", Contrast(-0.1, 2.0), None, lines.append)
    assert re.fullmatch(r"perhaps a negative .* --invert on", lines[0])
    small, tiny = (measure_contrast([255 - draw_cells(60)[:side, :side]], VOXEL_NM) for side in (210, 60))
    assert not should_invert("auto", small, None, lines.append)
    assert len(lines) == 2
    assert not should_invert("auto", tiny, None, lines.append)
    assert len(lines) == 2, "too little is seen to ask"


def test_negatives_are_imported_as_they_should_be(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    image = draw_cells(60)
    (tmp_path / "in").mkdir()
    Image.fromarray(255 - image).save(tmp_path / "in" / "a.png")
    for invert, expected in (("auto", image), ("off", 255 - image), ("on", image)):
        (sample,) = import_dataset("images", tmp_path / "in", voxel_size_nm=VOXEL_NM, invert=invert)[0]
        np.testing.assert_array_equal(sample.raw[0], expected)
    assert [message for message in caplog.messages if message.startswith("in: membranes lighter than cytoplasm")]
    assert len(caplog.messages) == 1
    import_to_file("images", tmp_path / "in", tmp_path / "a.h5", voxel_size_nm=VOXEL_NM)
    with Dataset(tmp_path / "a.h5") as dataset:
        np.testing.assert_array_equal(dataset[0].raw[0], image)


@pytest.mark.parametrize(("name", "least"), [("epfl", 0.086), ("vnc", 0.157)])
def test_real_tissue_is_told_right(name: str, least: float) -> None:
    folder = Path(os.environ.get("MITO_REAL", "")) / name
    if "MITO_REAL" not in os.environ or not folder.is_dir():
        pytest.skip("MITO_REAL names no folder of real data that holds it")
    samples, _ = import_dataset(name, folder, sections=(0, 1), as_volume=False)
    for sample in samples:
        assert measure_contrast(sample.raw, sample.voxel_size_nm).balance > least


def test_a_cell_beside_resin_and_a_black_bar_is_no_negative() -> None:
    folder = Path(os.environ.get("MITO_REAL", "")) / "cem500k" / "images"
    if "MITO_REAL" not in os.environ or not folder.is_dir():
        pytest.skip("MITO_REAL names no folder of real data that holds it")
    tile = np.asarray(Image.open(folder / "mitochondria1.png").convert("L"))
    for pixel_nm in (8.0, 10.0, 12.0, 16.0):
        assert measure_contrast([tile], (50.0, pixel_nm, pixel_nm)).value > -DOUBT
