"""Frames, missing sections, stacks that are no series, and negatives are segmented as what they show."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from segmented import SIZE

from mitodata import DataError, RunError, Sample
from mitoseg.inference.model import Model
from mitoseg.inference.segment import segment


def frame(raw: NDArray[np.uint8], kind: str) -> NDArray[np.generic]:
    """Tissue of 64 x 64 px in a frame: 40 px before it, 24 behind."""
    if kind == "16 bits":
        deep = raw.astype(np.uint16) * 20 + 30_000
        return np.pad(deep, ((24, 0), (0, 40)))
    return np.pad(raw, ((24, 0), (0, 40)), constant_values=0 if kind == "black" else 255)


@pytest.mark.parametrize("kind", ["black", "white", "16 bits"])
def test_a_frame_changes_nothing_beside_it_and_holds_nothing(
    kind: str, model: Model, draw: Callable[..., Sample], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sample = draw(77)
    assert sample.mask is not None
    tifffile.imwrite(tmp_path / "plain.tif", sample.raw[0], photometric="minisblack")
    tifffile.imwrite(tmp_path / "framed.tif", frame(sample.raw[0], kind), photometric="minisblack")
    paths = [tmp_path / "plain.tif", tmp_path / "framed.tif"]
    segment(model, paths, tmp_path / "out", outputs="mask", voxel_size_nm=SIZE)
    plain, framed = (tifffile.imread(tmp_path / "out" / f"{name}_mask.tif") > 0 for name in ("plain", "framed"))
    assert framed.shape == (88, 104)
    assert not framed[:24].any()
    assert not framed[:, 64:].any()
    inside, truth = framed[24:, :64], sample.mask[0] == 1
    assert iou(inside, truth) > 0.85 * iou(plain, truth) > 0.6
    assert caplog.messages == ["framed.tif: constant rims, 55.2 % of the pixels: no tissue, nothing is found there"]


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize("kind", ["blank", "noise"])
def test_a_missing_section_cuts_no_object(
    kind: str, model: Model, draw: Callable[..., Sample], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sample = draw(78, (7, 64, 90))  # three dark discs through all sections
    assert sample.label is not None
    expected = ndimage.label(sample.label > 0)[1]
    raw = sample.raw.copy()
    raw[3] = 150 if kind == "blank" else np.random.default_rng(0).normal(150, 2, raw[3].shape)
    tifffile.imwrite(tmp_path / "a.tif", raw, photometric="minisblack")
    segment(model, [tmp_path / "a.tif"], tmp_path / "out", outputs="mask,instances", voxel_size_nm=SIZE, invert="off")
    found = tifffile.imread(tmp_path / "out" / "a_instances.tif")
    boxes = [box for box in ndimage.find_objects(found) if box[0] == slice(0, 7)]
    assert len(boxes) == expected
    assert iou(found[3] > 0, sample.label[3] > 0) > 0.8
    assert caplog.messages == [
        "a.tif: section 3 of 7 missing (blank, damaged or copied): predicted from the neighbours"
    ]


def test_sections_of_a_stack_can_be_images_of_their_own(
    model: Model, draw: Callable[..., Sample], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images = [draw(seed).raw[0] for seed in range(4)]
    tifffile.imwrite(tmp_path / "s.tif", np.stack(images), photometric="minisblack")
    alone = [tmp_path / f"{z}.tif" for z in range(4)]
    for path, image in zip(alone, images, strict=True):
        tifffile.imwrite(path, image, photometric="minisblack")
    for name, paths, as_2d in (("alone", alone, False), ("stack", [tmp_path / "s.tif"], True)):
        segment(model, paths, tmp_path / name, voxel_size_nm=SIZE, as_2d=as_2d)
    tables = []
    before = 0
    stack = {
        name: tifffile.imread(tmp_path / "stack" / f"s_{name}.tif") for name in ("mask", "probability", "instances")
    }
    for z in range(4):
        for name, found in stack.items():
            expected = tifffile.imread(tmp_path / "alone" / f"{z}_{name}.tif")
            if name == "instances":
                count = int(expected.max())
                expected = np.where(expected > 0, expected + before, 0)
            np.testing.assert_array_equal(found[z], expected)
        with (tmp_path / "alone" / f"{z}_objects.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            row |= {"id": str(int(row["id"]) + before), "centroid_z_px": str(z), "centroid_z_nm": str(40 * z)}
            row |= {"bbox_z_start": str(z), "bbox_z_stop": str(z + 1)}
        tables += rows
        before += count
    with (tmp_path / "stack" / "s_objects.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == tables
    assert len(tables) == before > 4
    assert caplog.messages == []


def test_a_stack_that_is_no_series_is_noticed(
    model: Model, draw: Callable[..., Sample], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    series, unrelated = draw(0, (4, 64, 64)).raw, np.concatenate([draw(seed).raw for seed in range(5)])
    for name, stack in (("series", series), ("unrelated", unrelated)):
        tifffile.imwrite(tmp_path / f"{name}.tif", stack, photometric="minisblack")
        segment(model, tmp_path / f"{name}.tif", tmp_path / "out", outputs="mask", voxel_size_nm=SIZE, invert="off")
    (message,) = caplog.messages
    assert re.fullmatch(
        r"unrelated\.tif: neighbouring sections differ \(correlation .*\): if no series, --as-2d", message
    )
    with pytest.raises(RunError, match="with as_2d; sections that are images of their own have one axis only"):
        segment(model, tmp_path / "series.tif", tmp_path / "x", axes="zyx", as_2d=True)


def with_membranes(raw: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Dark lines a pixel wide, on a grid of 16 px."""
    marked = raw.copy()
    marked[..., 8::16, :] = 40
    marked[..., :, 8::16] = 40
    return marked


def test_negatives_are_segmented_as_what_they_show(
    model: Model, draw: Callable[..., Sample], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "in").mkdir()
    shape = (1, 160, 160)
    images = {
        "a": with_membranes(draw(0, shape).raw[0]),
        "b": with_membranes(draw(1, shape).raw[0]),
        "c": draw(2).raw[0],
    }
    for name, grey in images.items():
        Image.fromarray(grey).save(tmp_path / f"{name}.png")
        Image.fromarray(255 - grey).save(tmp_path / "in" / f"{name}.png")
    plain = [tmp_path / f"{name}.png" for name in images]
    for name, paths, invert in (("as it is", plain, "off"), ("told", [tmp_path / "in"], "auto")):
        segment(model, paths, tmp_path / name, outputs="mask", voxel_size_nm=SIZE, invert=invert)
    # The third shows no membranes: that it is a negative is told by the others.
    assert ["black and white exchanged" in message for message in caplog.messages] == [True] * 3
    segment(model, [tmp_path / "in"], tmp_path / "asked", outputs="mask", voxel_size_nm=SIZE, invert="on")
    assert len(caplog.messages) == 3
    for name in images:
        masks = [np.asarray(Image.open(tmp_path / way / f"{name}_mask.png")) for way in ("as it is", "told", "asked")]
        assert masks[0].any()
        np.testing.assert_array_equal(masks[0], masks[1])
        np.testing.assert_array_equal(masks[0], masks[2])
    with pytest.raises(DataError, match=r"invert 'yes'; expected one of auto, on, off"):
        segment(model, [tmp_path / "in"], tmp_path / "x", invert="yes")
