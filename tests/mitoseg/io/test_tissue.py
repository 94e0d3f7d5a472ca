"""Rims and missing sections: what of a volume is tissue, and what stands for the rest."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from mitodata.readers.rims import find_rim
from mitoseg.io.blocks import Part
from mitoseg.io.section_facts import find_damaged, measure_sections, pack_sections, unpack_sections
from mitoseg.io.tissue import Tissue, plan_bridges
from mitoseg.networks.normalisation import measure_grey, normalise

Volume = NDArray[np.uint8]


def make_series(depth: int = 9, side: int = 96, reach: float = 3.0, seed: int = 0) -> Volume:
    """Sections of one smooth random field: neighbours resemble each other."""
    noise = np.random.default_rng(seed).normal(size=(depth, side, side))
    field = ndimage.gaussian_filter(noise, (reach, 3, 3))
    return np.asarray((field / field.std() * 25 + 128).clip(0, 255).astype(np.uint8))


def reader(volume: Volume) -> Callable[[Part], Volume]:
    return lambda part: volume[part]


def tissue_of(volume: Volume, packed: tuple[int, int] = (1, 1)) -> Tissue:
    z, y, x = volume.shape
    return Tissue(reader(volume), (z, y, x), measure_sections(reader(volume), (z, y, x), packed))


def whole(volume: Volume) -> Part:
    z, y, x = (slice(0, length) for length in volume.shape)
    return z, y, x


def test_a_rim_has_no_part_in_the_grey_scale_and_none_in_what_is_found() -> None:
    volume = make_series(3)
    framed = np.pad(volume, ((0, 0), (10, 20), (30, 0)))
    framed[1, :10] = 255
    for packed in ((1, 1), (2, 64)):
        tissue = tissue_of(framed, packed)
        assert list(tissue.greys) == [measure_grey(section) for section in volume]
        seen = tissue.read(whole(framed))
        np.testing.assert_array_equal(seen, np.pad(volume, ((0, 0), (10, 20), (30, 0)), mode="symmetric"))
        part = tissue.read((slice(1, 2), slice(5, 40), slice(20, 60)))
        np.testing.assert_array_equal(part, seen[1:2, 5:40, 20:60])
    maps = np.ones((2, *framed.shape), np.float32)
    tissue.settle(maps)
    assert maps.sum() == maps[:, :, 10:-20, 30:].sum() == 2 * volume.size
    share = 100 * (1 - volume.size / framed.size)
    assert tissue.notes() == [f"constant rims, {share:.1f} % of the pixels: no tissue, nothing is found there"]


def test_a_turned_frame_is_a_rim() -> None:
    section = make_series(1, 200)[0]
    turned = ndimage.rotate(section, 8, reshape=True, order=1, cval=0)
    inside = ndimage.rotate(np.ones_like(section, np.float32), 8, reshape=True, order=1) > 0.99
    tissue = tissue_of(turned[None])
    maps = np.ones((1, 1, *turned.shape), np.float32)
    tissue.settle(maps)
    assert (maps[0, 0] > 0)[inside].mean() > 0.999
    assert tissue.greys[0].width == pytest.approx(measure_grey(section).width, rel=0.05)


@pytest.mark.parametrize("packed", [(1, 1), (4, 32)])
def test_what_stands_for_a_rim_does_not_depend_on_the_part(packed: tuple[int, int]) -> None:
    """It is tissue of the same section, next to the border the nearest."""
    rng = np.random.default_rng(0)
    volume = ndimage.rotate(make_series(5, 120), 11, axes=(1, 2), reshape=True, order=0, cval=0)
    volume[4] = np.pad(make_series(1, volume.shape[1])[0][40:-9, 30:-20], ((40, 9), (30, 20)), constant_values=255)
    tissue = tissue_of(volume, packed)
    seen = tissue.read(whole(volume))
    rims = [find_rim(section) for section in volume]
    for section, stored, rim in zip(seen, volume, rims, strict=True):
        np.testing.assert_array_equal(section[~rim], stored[~rim])
        assert set(section[rim]) <= set(stored[~rim])
        assert section[rim].std() > 0.8 * stored[~rim].std()
    np.testing.assert_array_equal(seen[4, 40:-9, :60], np.pad(volume[4, 40:-9, 30:60], ((0, 0), (30, 0)), "symmetric"))
    for _ in range(40):
        z, y, x = (slice(*sorted(rng.choice(length + 1, 2, replace=False).tolist())) for length in volume.shape)
        np.testing.assert_array_equal(tissue.read((z, y, x)), seen[z, y, x])


@pytest.mark.parametrize("kind", ["constant", "noise", "of another place"])
def test_a_missing_section_is_what_lies_between_its_neighbours(kind: str) -> None:
    volume = make_series()
    if kind == "constant":
        volume[4] = 90
    elif kind == "noise":
        volume[4] = np.random.default_rng(1).normal(128, 3, volume[4].shape).astype(np.uint8)
    else:
        volume[4] = make_series(seed=7)[4]
    tissue = tissue_of(volume)
    assert list(tissue.bridges) == [4]
    assert tissue.notes() == ["section 4 of 9 missing (blank, damaged or copied): predicted from the neighbours"]
    seen = tissue.read(whole(volume))
    np.testing.assert_array_equal(np.delete(seen, 4, 0), np.delete(volume, 4, 0))
    between = np.mean([normalise(volume[z], measure_grey(volume[z])) for z in (3, 5)], axis=0)
    np.testing.assert_allclose(normalise(seen[4], tissue.greys[4]), between, atol=0.03)
    np.testing.assert_array_equal(tissue.read((slice(4, 5), slice(9, 20), slice(5, 7)))[0], seen[4, 9:20, 5:7])
    maps = np.random.default_rng(2).random((3, *volume.shape), np.float32)
    expected = (maps[:, 3] + maps[:, 5]) / 2
    tissue.settle(maps)
    np.testing.assert_allclose(maps[:, 4], expected, atol=1e-6)


def test_half_a_section_that_is_missing_is_bridged_and_a_frame_is_not() -> None:
    volume = make_series()
    volume[:, :12] = 0  # a frame of all sections
    volume[4, :, :40] = 0
    maps = np.random.default_rng(2).random((2, *volume.shape), np.float32)
    before = maps.copy()
    tissue_of(volume).settle(maps)
    np.testing.assert_allclose(maps[:, 4, 12:, :40], (before[:, 3] + before[:, 5])[:, 12:, :40] / 2, atol=1e-6)
    np.testing.assert_array_equal(maps[:, 4, 12:, 40:], before[:, 4, 12:, 40:])
    assert not maps[:, :, :12].any()


def test_a_part_is_settled_as_in_the_whole() -> None:
    """Bit for bit, whatever is missing beside it."""
    volume, rng = make_series(16, 40), np.random.default_rng(2)
    volume[[0, 4, 5, 6, 9, 13]] = 0
    volume[3, :, :9] = volume[7, 30:] = volume[8, :, 20:] = volume[11:13, :5] = 0
    tissue, maps = tissue_of(volume), rng.random((2, *volume.shape), np.float32)
    settled = maps.copy()
    tissue.settle(settled)
    for _ in range(60):
        z, y, x = (slice(*sorted(rng.choice(length + 1, 2, replace=False).tolist())) for length in volume.shape)
        found = tissue.settle_part(lambda part: maps[(slice(None), *part)].copy(), (z, y, x))
        np.testing.assert_array_equal(found, settled[:, z, y, x])


def test_long_gaps_and_ends_are_not_bridged() -> None:
    assert plan_bridges([0, 3, 6, 7, 10, 11, 12, 13, 19], 20).keys() == {3, 6, 7}
    two = plan_bridges([6, 7], 20)
    assert [(bridge.below, bridge.above, round(bridge.share, 3)) for bridge in two.values()] == [
        (5, 8, 0.333),
        (5, 8, 0.667),
    ]
    volume = make_series(12)
    volume[[0, 1, 5, 6, 7, 8, 11]] = 0
    tissue = tissue_of(volume)
    assert tissue.notes() == ["sections 0, 1, 5, 6, 7 and 2 more of 12 blank: nothing is found there"]
    maps = np.ones((1, *volume.shape), np.float32)
    tissue.settle(maps)
    assert maps[0, :, 0, 0].tolist() == [0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 1, 0]


def test_sections_that_do_not_follow_each_other_are_not_damaged() -> None:
    volume = np.concatenate([make_series(1, seed=seed) for seed in range(8)])
    tissue = tissue_of(volume)
    assert not tissue.bridges
    assert tissue.likeness == pytest.approx(0, abs=0.1)
    assert tissue_of(make_series()).likeness == pytest.approx(0.97, abs=0.05)
    # A jump, after which the series goes on: both sides of it resemble one neighbour.
    jump = np.concatenate([make_series(5), make_series(5, seed=1)])
    assert not tissue_of(jump).bridges


@pytest.mark.parametrize(
    ("near", "far", "damaged"),
    [
        ([0.8, 0.8, 0.1, 0.1, 0.8, 0.8], [0.7, 0.1, 0.7, 0.1, 0.7], [3]),
        ([0.8, 0.8, 0.1, 0.8, 0.8, 0.8], [0.7, 0.1, 0.7, 0.7, 0.7], []),  # resembles one of its neighbours
        ([0.8, 0.8, 0.1, 0.1, 0.8, 0.8], [0.7, 0.1, 0.2, 0.1, 0.7], []),  # its neighbours are not alike either
        ([0.15, 0.15, 0.0, 0.0, 0.15, 0.15], [0.1, 0.0, 0.1, 0.0, 0.1], []),  # thick sections are hardly alike
    ],
)
def test_what_tells_a_damaged_section(near: list[float], far: list[float], damaged: list[int]) -> None:
    assert find_damaged([20.0] * 7, near, far, []) == damaged


@pytest.mark.parametrize(
    ("near", "damaged"),
    [
        ([0.8, 0.8, 1.0, 0.6, 0.8, 0.8], [3]),  # 3 is like 2, and far from 4
        ([0.8, 0.6, 1.0, 0.8, 0.8, 0.8], [2]),
        ([1.0, 0.8, 1.0, 0.8, 1.0, 0.8], []),  # every section twice
        ([1.0, 0.995, 1.0, 0.995, 0.995, 0.995], []),  # thin sections
    ],
)
def test_what_tells_a_copy(near: list[float], damaged: list[int]) -> None:
    assert find_damaged([20.0] * 7, near, [0.6] * 5, []) == damaged


def test_a_flat_section_is_damaged() -> None:
    assert find_damaged([20.0, 20, 20, 20, 4], [0.9] * 4, [0.8] * 3, []) == [4]


def test_what_jpeg_has_smeared_is_no_tissue_to_mirror(tmp_path: Path) -> None:
    """A dark line beside a frame would be seen again and again."""
    content = BytesIO()
    Image.fromarray(np.pad(make_series(1, 150)[0], 50)).save(content, "JPEG", quality=85)
    stored = np.asarray(Image.open(content))[np.newaxis]
    tissue = tissue_of(stored)
    seen = tissue.read(whole(stored))[0].astype(int)
    assert seen.min() > 20
    np.testing.assert_array_equal(seen[70:130, 70:130], stored[0, 70:130, 70:130])
    (tmp_path / "facts.npz").write_bytes(pack_sections(list(measure_sections(reader(stored), (1, 250, 250), (1, 1)))))
    again = Tissue(reader(stored), (1, 250, 250), unpack_sections(tmp_path / "facts.npz"))
    np.testing.assert_array_equal(again.read(whole(stored))[0], seen)
