"""Instances across blocks, and the table of them, held to what scipy and scikit-image say of the whole."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import marching_cubes, mesh_surface_area, regionprops_table

from mitoseg.inference import blockwise
from mitoseg.inference import measure as measuring
from mitoseg.inference.blockwise import number_blocks
from mitoseg.inference.decoding import Decoding, find_instances, find_pieces
from mitoseg.inference.measure import Table, measure_objects, table_text
from mitoseg.io.blocks import Layer, Part, block_edges, blocks
from mitoseg.io.scratch import Scratch


def label_blocks(
    mask: NDArray[np.bool_], edges: tuple[int, ...], folder: Path, smallest: int = 1
) -> NDArray[np.uint32]:
    def find(part: Part) -> NDArray[np.int32]:
        return np.asarray(ndimage.label(mask[part])[0], np.int32)

    with Scratch(folder / "x") as scratch:
        store = scratch.array("numbers", mask.shape, np.uint32)
        count = number_blocks(find, store, edges, (1, 1, 1), exact=True, smallest=smallest)
        found = np.asarray(store[:])
    assert set(np.unique(found)) | {0} == set(range(count + 1))
    return found


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 99),
    edges=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(2, 9)),
    share=st.floats(0.1, 0.9),
)
def test_components_do_not_depend_on_blocks(
    seed: int, edges: tuple[int, int, int], share: float, tmp_path: Path
) -> None:
    mask = np.random.default_rng(seed).random((6, 11, 9)) < share
    found, (expected, count) = label_blocks(mask, edges, tmp_path), ndimage.label(mask)
    assert len({*zip(found.ravel().tolist(), expected.ravel().tolist(), strict=True)} | {(0, 0)}) == count + 1


def test_small_components_are_dropped_whatever_blocks_cut(tmp_path: Path) -> None:
    mask = np.zeros((1, 8, 40), bool)
    mask[0, 2, 3:23] = mask[0, 5, 30:33] = True
    found = label_blocks(mask, (1, 8, 5), tmp_path, smallest=16)
    np.testing.assert_array_equal(found[0, 2, 3:23], 1)
    assert (found > 0).sum() == 20


@pytest.mark.parametrize("peak", [0.0, 0.8])
def test_pieces_and_large_ones_are_those_in_memory_whatever_blocks_cut(peak: float, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    probability = ndimage.gaussian_filter(rng.random((9, 30, 30)), 1.0).astype(np.float32)
    maps = ((probability - probability.min()) / np.ptp(probability))[None]
    decoding = Decoding(0.66, peak=peak, smallest_px=40)
    expected = find_pieces(maps, decoding)[:]
    large, number = find_instances(maps, expected, "semantic", decoding)
    assert 1 < number < expected.max() <= find_pieces(maps, replace(decoding, peak=0.0))[:].max()
    for voxels in (150, 10**6):
        with Scratch(tmp_path / "x") as scratch, pytest.MonkeyPatch.context() as patch:
            patch.setattr(blockwise, "BLOCK_VOXELS", voxels)
            stored = scratch.array("maps", maps.shape, np.float32)
            stored[:] = maps
            pieces = find_pieces(stored, decoding, scratch)
            instances, count = find_instances(stored, pieces, "semantic", decoding, scratch)
            assert count == number
            for found, whole in ((pieces, expected), (instances, large)):
                # The same voxels, under other numbers.
                pairs = {*zip(found[:].ravel().tolist(), whole[:].ravel().tolist(), strict=True)}
                assert len(pairs) == whole[:].max() + 1 == found[:].max() + 1
            if voxels > maps.size:
                np.testing.assert_array_equal(instances[:], large[:])


def test_watersheds_of_blocks_are_united_where_most_agrees(tmp_path: Path) -> None:
    truth = np.zeros((1, 40, 120), np.int32)
    truth[0, 10:30, 10:60], truth[0, 10:30, 60:110] = 1, 2  # two that touch: components would be one

    def find(part: Part) -> NDArray[np.int32]:
        _, numbers = np.unique(truth[part], return_inverse=True)
        return np.asarray(numbers.reshape(truth[part].shape), np.int32)

    with Scratch(tmp_path / "x") as scratch:
        store = scratch.array("numbers", truth.shape, np.uint32)
        assert number_blocks(find, store, (1, 40, 35), (0, 16, 16), exact=False) == 2
        np.testing.assert_array_equal(store[:], truth)


def test_blocks_cover_once_and_fit() -> None:
    edges = block_edges((20, 300, 50), (4, 16, 16), 100_000)
    assert np.prod([min(n, e + 2 * h) for n, e, h in zip((20, 300, 50), edges, (4, 16, 16), strict=True)]) <= 100_000
    covered = np.zeros((20, 300, 50), np.uint8)
    for block in blocks((20, 300, 50), edges):
        covered[block] += 1
    assert (covered == 1).all()


def measure(labels: NDArray[np.integer], raw: NDArray[np.uint8], size: tuple[float, float, float]) -> Table:
    shape = (labels.shape[0], labels.shape[1], labels.shape[2])
    layers = (Layer(name, shape, array.dtype, size, array.__getitem__) for name, array in (("l", labels), ("r", raw)))
    return measure_objects(*layers, [int(labels.max())])


def draw(shape: tuple[int, int, int]) -> tuple[NDArray[np.integer], NDArray[np.uint8]]:
    rng = np.random.default_rng(0)
    smooth = ndimage.gaussian_filter(rng.normal(size=shape), (0 if shape[0] == 1 else 2, 3, 3))
    return ndimage.label(smooth > smooth.std())[0], rng.integers(0, 255, shape).astype(np.uint8)


def test_sections_are_measured_as_scikit_image_does(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, raw = draw((1, 90, 120))
    names = ("area", "centroid", "bbox", "perimeter", "eccentricity", "intensity_mean")
    expected = regionprops_table(labels[0], raw[0], properties=names)
    monkeypatch.setattr(measuring, "BLOCK_VOXELS", 500)
    found = measure(labels, raw, (40.0, 4.0, 4.0))
    pairs = {
        "area": ("area_px", 1),
        "centroid-0": ("centroid_y_px", 1),
        "centroid-1": ("centroid_x_nm", 0.25),
        "bbox-0": ("bbox_y_start", 1),
        "bbox-3": ("bbox_x_stop", 1),
        "perimeter": ("perimeter_nm", 0.25),
        "eccentricity": ("eccentricity", 1),
        "intensity_mean": ("mean_grey", 1),
    }
    for theirs, (ours, factor) in pairs.items():
        np.testing.assert_allclose(found[ours] * factor, expected[theirs], atol=1e-6, err_msg=ours)
    np.testing.assert_allclose(found["area_nm2"], 16 * expected["area"])


def test_volumes_are_measured_the_same_in_blocks_and_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, raw = draw((14, 30, 40))
    size = (10.0, 4.0, 4.0)
    whole = measure(labels, raw, size)
    monkeypatch.setattr(measuring, "BLOCK_VOXELS", 900)
    parts = measure(labels, raw, size)
    for name, values in whole.items():
        np.testing.assert_allclose(parts[name], values, rtol=1e-6, err_msg=name)
    for number, surface in enumerate(whole["surface_nm2"], start=1):
        vertices, faces, *_ = marching_cubes(np.pad(labels == number, 1).astype(np.float32), 0.5, spacing=size)
        assert surface == pytest.approx(mesh_surface_area(vertices, faces), rel=1e-5)
    np.testing.assert_allclose(whole["volume_nm3"], 160 * np.bincount(labels.ravel())[1:])


def test_a_ball_is_round_whatever_the_voxels() -> None:
    z, y, x = np.mgrid[-10:11, -25:26, -25:26]
    ball = ((z * 10) ** 2 + (y * 4) ** 2 + (x * 4) ** 2 < 80**2).astype(np.uint8)
    table = measure(ball, ball, (10.0, 4.0, 4.0))
    assert table["eccentricity"][0] < 0.15
    # The stairs of voxels make it larger.
    assert 1 < table["surface_nm2"][0] / (4 * np.pi * 80**2) < 1.2


def test_a_table_of_nothing_has_its_header() -> None:
    empty = np.zeros((2, 4, 4), np.uint8)
    text = table_text(measure(empty, empty, (1.0, 1.0, 1.0)))
    assert text.startswith("id,volume_px,volume_nm3,")
    assert len(text.splitlines()) == 1
