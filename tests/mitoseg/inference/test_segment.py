"""From files of all kinds to files of results."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image
from scipy import ndimage
from segmented import SIZE, read, results

from mitodata import DataError, RunError, Sample
from mitodata.hdf5.dataset import Dataset, Provenance, validate, write_dataset
from mitodata.readers.inputs import open_sources
from mitoseg.inference.decoding import find_instances, find_pieces
from mitoseg.inference.model import Model
from mitoseg.inference.predictor import predict_maps
from mitoseg.inference.segment import segment
from mitoseg.inference.segment_image import SegmentKeywords
from mitoseg.io.image_list import expand, unique_names


def test_masks_and_probabilities_of_all_kinds_of_files(
    model: Model, draw: Callable[..., Sample], make_file: Callable[..., Path], tmp_path: Path
) -> None:
    sample, volume = draw(77), draw(78, (3, 64, 64))
    (tmp_path / "in").mkdir()
    Image.fromarray(sample.raw[0]).save(tmp_path / "in" / "a.png")
    tifffile.imwrite(tmp_path / "in" / "b.tif", volume.raw, photometric="minisblack")
    paths = [tmp_path / "in", make_file(sample, volume, name="c")]
    written = segment(model, paths, tmp_path / "out", outputs=("mask", "probability"), voxel_size_nm=SIZE)
    masks = [path for path in written if "mask" in path.name]
    assert [path.name for path in masks] == ["a_mask.png", "b_mask.tif", "c-0000_mask.tif", "c-0001_mask.tif"]
    assert sorted(written) == results(tmp_path / "out")
    mask = np.asarray(Image.open(masks[0]))
    assert set(np.unique(mask)) == {0, 255}
    probability = tifffile.imread(tmp_path / "out" / "a_probability.tif")
    np.testing.assert_allclose(probability, predict_maps(model, sample.raw, SIZE, tta="auto")[0, 0], atol=1e-6)
    np.testing.assert_array_equal(mask == 255, find_pieces(probability[None, None], model.decoding)[0] > 0)
    stack = tifffile.imread(masks[1])
    assert stack.shape == (3, 64, 64)
    np.testing.assert_array_equal(stack, tifffile.imread(masks[3]))
    with tifffile.TiffFile(masks[1]) as file:
        assert file.imagej_metadata is not None
        assert file.imagej_metadata["spacing"] == pytest.approx(0.04)
        numerator, denominator = file.pages[0].tags["XResolution"].value
        assert numerator / denominator == pytest.approx(125)


def test_numbered_sections_of_one_volume_are_noticed(
    model: Model, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    volume = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(6, 48, 48)), (2, 2, 2))
    for z, section in enumerate(volume):
        Image.fromarray((128 + 60 * section / volume.std()).clip(0, 255).astype(np.uint8)).save(tmp_path / f"s{z}.png")
    keywords = SegmentKeywords(outputs="mask", voxel_size_nm=SIZE)
    assert len(segment(model, tmp_path, tmp_path / "out", **keywords)) == 6
    assert any("6 numbered images look like sections of one volume" in line for line in caplog.messages)
    caplog.clear()
    segment(model, tmp_path, tmp_path / "flat", as_2d=True, **keywords)
    assert not any("numbered" in line for line in caplog.messages)


def test_pieces_below_the_peak_are_neither_mask_nor_instance(model: Model, volume: Sample, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", volume.raw, photometric="minisblack")
    probability = predict_maps(model, volume.raw, SIZE, tta="auto")[0]
    every, number = ndimage.label(probability >= 0.1)
    peaks = sorted(ndimage.maximum(probability, every, range(1, number + 1)))
    assert len(peaks) > 2
    middle = float(np.mean(peaks[:2]))
    for peak, pieces in ((0.0, len(peaks)), (middle, len(peaks) - 1)):
        keywords = SegmentKeywords(outputs=("mask", "instances"), voxel_size_nm=SIZE)
        segment(model.with_decoding(0.1, peak), [tmp_path / "a.tif"], tmp_path / str(peak), **keywords)
        mask = tifffile.imread(tmp_path / str(peak) / "a_mask.tif") > 0
        found, count = ndimage.label(mask)
        assert count == pieces
        large = np.bincount(found.ravel())[1:] >= model.decoding.smallest_px
        assert tifffile.imread(tmp_path / str(peak) / "a_instances.tif").max() == large.sum()
        if peak == 0:
            np.testing.assert_array_equal(mask, probability >= np.float32(0.1))


@pytest.mark.parametrize("kind", ["tiff", "h5", "zarr"])
def test_results_of_all_formats_say_the_same_and_can_be_read_again(
    kind: str, model: Model, volume: Sample, make_file: Callable[..., Path], tmp_path: Path
) -> None:
    file = make_file(volume, name="v")
    keywords = SegmentKeywords(format=kind)
    written = segment(model, [file], tmp_path, **keywords)
    maps = predict_maps(model, volume.raw, volume.voxel_size_nm, tta="auto")
    expected = maps[0]
    stored, _ = find_instances(maps, find_pieces(maps, model.decoding), "semantic", model.decoding)
    numbers = stored[:]
    if kind == "tiff":
        labels, probability = (tifffile.imread(tmp_path / f"v_{name}.tif") for name in ("instances", "probability"))
        again = next(open_sources(tmp_path / "v_mask.tif"))
    elif kind == "h5":
        assert validate(tmp_path / "v_segmented.h5") == []
        with Dataset(tmp_path / "v_segmented.h5") as dataset:
            np.testing.assert_array_equal(dataset[0].raw, volume.raw)
            labels = dataset[0].label
        with h5py.File(tmp_path / "v_segmented.h5") as opened:
            probability = opened["probability"][0]
        again = next(open_sources(tmp_path / "v_segmented.h5"))
    else:
        folder = tmp_path / "v_segmented.zarr"
        labels, raw = (zarr.open_array(folder / name, mode="r")[:] for name in ("labels/instances/0", "0"))
        np.testing.assert_array_equal(raw, volume.raw)
        probability = zarr.open_array(tmp_path / "v_probability.zarr" / "0", mode="r")[:]
        again = next(open_sources(tmp_path / "v_segmented.zarr", dataset="labels/mask"))
    np.testing.assert_array_equal(labels, numbers)
    np.testing.assert_allclose(probability, expected, atol=1e-6)
    assert again.shape == volume.raw.shape
    assert again.voxel_size_nm == pytest.approx(volume.voxel_size_nm)
    assert len((tmp_path / "v_objects.csv").read_text().splitlines()) == numbers.max() + 1
    assert sorted(written) == results(tmp_path)


def metadata_of(node: Path) -> dict[str, Any]:
    """What a group or an array of a Zarr says of itself."""
    content: dict[str, Any] = json.loads((node / "zarr.json").read_text())
    return content


def test_an_ome_zarr_says_what_the_specification_wants(
    model: Model, volume: Sample, make_file: Callable[..., Path], tmp_path: Path
) -> None:
    segment(model, [make_file(volume, name="v")], tmp_path, outputs=("mask",), format="zarr")
    root = zarr.open_group(tmp_path / "v_segmented.zarr", mode="r")
    metadata = root.attrs.asdict()["ome"]
    assert metadata["version"] == "0.5"
    image = metadata["multiscales"][0]
    assert image["axes"] == [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    assert image["datasets"] == [
        {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [40.0, 8.0, 8.0]}]}
    ]
    assert metadata_of(tmp_path / "v_segmented.zarr" / "0")["dimension_names"] == ["z", "y", "x"]
    assert root["labels"].attrs["ome"] == {"version": "0.5", "labels": ["mask"]}
    mask = metadata_of(tmp_path / "v_segmented.zarr" / "labels" / "mask")["attributes"]["ome"]
    assert mask["image-label"]["source"] == {"image": "../../"}


def test_a_volume_in_tiles_is_the_volume_in_one_piece(
    model: Model, draw: Callable[..., Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mitoseg.inference import orthoplanes, tiling

    raw, size = draw(5, (2, 600, 520)).raw, (8.0, 5.0, 5.0)
    whole = predict_maps(model, raw, size)

    def fit_memory(plan: tiling.Windows, *_: object) -> tuple[tiling.Windows, list[tiling.Tile]]:
        parts = tiling._parts(plan, 2)
        assert len(parts) == 4
        return plan, [tiling.Tile.of(plan, part) for part in parts]

    monkeypatch.setattr(orthoplanes, "fit_memory", fit_memory)
    np.testing.assert_allclose(predict_maps(model, raw, size), whole, atol=1e-4)


def test_two_images_whose_results_have_one_name_are_told_apart(model: Model, volume: Sample, tmp_path: Path) -> None:
    write_dataset(tmp_path / "x.h5", [volume, volume], Provenance())
    tifffile.imwrite(tmp_path / "x-0000.tif", volume.raw, photometric="minisblack")
    keywords = SegmentKeywords(outputs=("mask",), voxel_size_nm=SIZE, overwrite=True)
    with pytest.raises(RunError, match=r"x-0000_mask\.tif: holds results of another image of this call already"):
        segment(model, [tmp_path / "x.h5", tmp_path / "x-0000.tif"], tmp_path / "out", **keywords)
    assert [path.name for path in results(tmp_path / "out")] == ["x-0000_mask.tif", "x-0001_mask.tif"]


def test_results_are_not_overwritten_unasked(model: Model, volume: Sample, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", volume.raw, photometric="minisblack")
    keywords = SegmentKeywords(outputs=("mask",), voxel_size_nm=SIZE)
    (mask,) = segment(model, [tmp_path / "a.tif"], tmp_path, **keywords)
    mask.write_bytes(b"mine")
    with pytest.raises(RunError, match=r"a_mask\.tif: exists already"):
        segment(model, [tmp_path / "a.tif"], tmp_path, **keywords)
    assert mask.read_bytes() == b"mine"
    segment(model, [tmp_path / "a.tif"], tmp_path, outputs=("mask",), voxel_size_nm=SIZE, overwrite=True)
    assert tifffile.imread(mask).shape == volume.raw.shape
    for kind, name in (("zarr", "a_segmented.zarr"), ("h5", "a_segmented.h5")):
        segment(model, [tmp_path / "a.tif"], tmp_path, outputs=("mask",), format=kind, voxel_size_nm=SIZE)
        segment(
            model, [tmp_path / "a.tif"], tmp_path, outputs=("mask",), format=kind, voxel_size_nm=SIZE, overwrite=True
        )
        assert (tmp_path / name).exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_outputs_that_were_left_out_are_made_later(model: Model, volume: Sample, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", volume.raw, photometric="minisblack")
    for outputs, files in ((("mask",), 1), (("mask", "probability"), 2), (("probability",), 0)):
        made = segment(model, [tmp_path / "a.tif"], tmp_path / "out", outputs=outputs, voxel_size_nm=SIZE)
        assert len(made) == files


def test_voxel_sizes_come_from_files(tmp_path: Path) -> None:
    raw = np.zeros((2, 8, 8), np.uint8)
    imagej = {"spacing": 0.03, "unit": "micron", "axes": "ZYX"}
    tifffile.imwrite(tmp_path / "ij.tif", raw, imagej=True, resolution=(250, 200), metadata=imagej)
    ome = {"axes": "ZYX"} | {f"PhysicalSize{axis}": edge for axis, edge in zip("ZYX", (30, 5, 4), strict=True)}
    units = {f"PhysicalSize{axis}Unit": "nm" for axis in "ZYX"}
    tifffile.imwrite(tmp_path / "ome.ome.tif", raw, ome=True, metadata=ome | units)
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file.create_dataset("a/b", data=raw).attrs["element_size_um"] = (0.03, 0.005, 0.004)
    old = zarr.open_group(tmp_path / "old.zarr", mode="w", zarr_format=2)
    old.create_array("s0", data=raw[None, None])
    scale = {"type": "scale", "scale": [1, 1, 0.03, 0.005, 0.004]}
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}, *axes]
    datasets = [{"path": "s0", "coordinateTransformations": [scale]}]
    old.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    for name, dataset in (("ij.tif", None), ("ome.ome.tif", None), ("foreign.h5", "a/b"), ("old.zarr", None)):
        source = next(open_sources(tmp_path / name, None, dataset, square=False))
        assert source.voxel_size_nm == pytest.approx((30, 5, 4)), name
        assert source.shape == (2, 8, 8)
    assert next(open_sources(tmp_path / "ij.tif", (9.0, 9.0, 9.0))).voxel_size_nm == (9.0, 9.0, 9.0)


def test_grey_levels_of_all_kinds(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 255, (20, 30)).astype(np.uint8)
    Image.fromarray(np.stack([grey] * 3 + [np.full_like(grey, 9)], -1)).save(tmp_path / "rgba.png")
    np.testing.assert_array_equal(read(tmp_path / "rgba.png")[0], grey)
    tifffile.imwrite(tmp_path / "rgb.tif", np.stack([grey] * 3, -1), photometric="rgb")
    np.testing.assert_allclose(read(tmp_path / "rgb.tif")[0].astype(int), grey, atol=1)
    for name, values in (("wide", grey.astype(np.uint16) * 16 + 1000), ("real", grey.astype(np.float32) / 7)):
        tifffile.imwrite(tmp_path / f"{name}.tif", values)
        found = read(tmp_path / f"{name}.tif")[0].astype(float)
        low, high = np.percentile(grey, [0.1, 99.9])
        np.testing.assert_allclose(found, ((grey - low) * 255 / (high - low)).clip(0, 255), atol=1.5)
    tifffile.imwrite(tmp_path / "flat.tif", np.full((3, 3), 0.5))
    assert read(tmp_path / "flat.tif").max() == 0


def test_files_are_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.png: not found"):
        expand([tmp_path / "none.png"])
    with pytest.raises(DataError, match="holds no image"):
        expand([tmp_path])
    (tmp_path / "d.xyz").touch()
    with pytest.raises(DataError, match="unknown kind of file"):
        expand([tmp_path / "d.xyz"])
    (tmp_path / "Thumbs.db").touch()
    with pytest.raises(DataError, match="was made by the system"):
        expand([tmp_path / "Thumbs.db"])
    (tmp_path / "2.png").touch()
    (tmp_path / "1.tif").touch()
    assert [path.name for path in expand([tmp_path])] == ["1.tif", "2.png"]
    assert [path.name for path in expand([tmp_path / "Thumbs.db", tmp_path / "2.png"])] == ["2.png"]


def test_names_are_unique_and_of_one_spelling() -> None:
    names = unique_names([Path("x/a.h5"), Path("y/a.h5"), Path("b.ome.zarr"), Path("e\u0301.tif"), Path("\u00e9.tif")])
    assert names == ["a", "a-2", "b", "\u00e9", "\u00e9-2"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_mean_grey_is_on_the_scale_of_the_file(
    dtype: type, model: Model, draw: Callable[..., Sample], tmp_path: Path
) -> None:
    raw = draw(77).raw[0]
    deep = raw if dtype is np.uint8 else (raw.astype(np.float64) * 100 + 5000).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", deep, photometric="minisblack")
    segment(model, tmp_path / "a.tif", tmp_path / "out", outputs="instances", voxel_size_nm=SIZE)
    numbers = tifffile.imread(tmp_path / "out" / "a_instances.tif")
    found = np.genfromtxt(tmp_path / "out" / "a_objects.csv", delimiter=",", names=True)
    expected = ndimage.mean(deep.astype(np.float64), numbers, np.arange(1, numbers.max() + 1))
    np.testing.assert_allclose(np.atleast_1d(found["mean_grey"]), expected, rtol=1e-6)
