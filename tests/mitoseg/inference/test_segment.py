"""From files of all kinds to files of results."""

import csv
import json
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from mitodata import DataError, RunError, Sample, WriteError
from mitodata.hdf5.dataset import Dataset, Provenance, validate, write_dataset
from mitodata.readers.inputs import open_sources
from mitoseg.inference.model import Model, load_model
from mitoseg.inference.postprocess import find_instances, find_pieces
from mitoseg.inference.predictor import predict_maps
from mitoseg.inference.segment import segment
from mitoseg.inference.segment_image import SegmentKeywords, SegmentOptions, make_options
from mitoseg.io.image_list import expand, unique_names
from mitoseg.io.journal import JOURNAL

SIZE = (40.0, 8.0, 8.0)


@pytest.fixture(scope="module")
def model(run: Path) -> Model:
    return load_model(run)


@pytest.fixture
def volume(draw: Callable[..., Sample]) -> Sample:
    return draw(78, (5, 64, 90))


def read(path: Path) -> NDArray[np.uint8]:
    with closing(open_sources(path, SIZE)) as sources:
        source = next(sources)
        z, y, x = (slice(0, length) for length in source.shape)
        return source.read((z, y, x))


def results(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name != JOURNAL)


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
    np.testing.assert_allclose(probability, predict_maps(model, sample.raw, SIZE)[0, 0], atol=1e-6)
    np.testing.assert_array_equal(mask == 255, find_pieces(probability[None, None], model.decoding)[0] > 0)
    stack = tifffile.imread(masks[1])
    assert stack.shape == (3, 64, 64)
    np.testing.assert_array_equal(stack, tifffile.imread(masks[3]))
    with tifffile.TiffFile(masks[1]) as file:
        assert file.imagej_metadata is not None
        assert file.imagej_metadata["spacing"] == pytest.approx(0.04)
        numerator, denominator = file.pages[0].tags["XResolution"].value
        assert numerator / denominator == pytest.approx(125)


def test_pieces_below_the_peak_are_neither_mask_nor_instance(model: Model, volume: Sample, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", volume.raw, photometric="minisblack")
    probability = predict_maps(model, volume.raw, SIZE)[0]
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
    maps = predict_maps(model, volume.raw, volume.voxel_size_nm)
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


@pytest.fixture
def pictures(draw: Callable[..., Sample], tmp_path: Path) -> Path:
    """A folder as a Mac's ZIP leaves it, of three pictures, one of them damaged."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number, name in enumerate(("a", "c")):
        Image.fromarray(draw(number).raw[0]).save(folder / f"{name}.png")
    (folder / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for name in ("._a.png", ".hidden.png", "Thumbs.db", ".DS_Store", "desktop.ini"):
        (folder / name).write_bytes(bytes(80))
    return folder


def test_one_bad_file_of_a_folder_costs_no_other(
    model: Model, draw: Callable[..., Sample], pictures: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keywords, told = SegmentKeywords(outputs=("mask",), voxel_size_nm=SIZE), list[Path]()
    with pytest.raises(DataError, match=r"in/b\.png: .*; the others of 3 images are done: mend or remove"):
        segment(model, [pictures], tmp_path / "out", told.append, **keywords)
    assert told == results(tmp_path / "out")
    assert [path.name for path in told] == ["a_mask.png", "c_mask.png"]
    before = {path: path.stat().st_mtime_ns for path in told}
    Image.fromarray(draw(2).raw[0]).save(pictures / "b.png")
    assert [path.name for path in segment(model, [pictures], tmp_path / "out", **keywords)] == ["b_mask.png"]
    assert {path: path.stat().st_mtime_ns for path in told} == before
    assert caplog.messages == ["2 done before; to make them again: --overwrite"]
    with pytest.raises(
        RunError, match=r"a_mask\.png: exists already, made with other settings \(threshold .*, now 0\.9\)"
    ):
        segment(model.with_decoding(0.9), [pictures], tmp_path / "out", **keywords)
    keywords["overwrite"] = True
    assert len(segment(model.with_decoding(0.9), [pictures], tmp_path / "out", **keywords)) == 3


def test_several_bad_files_are_listed_at_the_end(
    model: Model, pictures: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (pictures / "c.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(DataError, match="2 of 3 images could not be segmented, listed above; the others are done"):
        segment(model, [pictures], tmp_path / "out", outputs=("mask",), voxel_size_nm=SIZE)
    assert [Path(message.partition(":")[0]).name for message in caplog.messages] == ["b.png", "c.png"]
    (tmp_path / "stacks").mkdir()
    for name in ("a", "b"):
        tifffile.imwrite(tmp_path / "stacks" / f"{name}.tif", np.zeros((3, 8, 8), np.uint8), photometric="minisblack")
    with pytest.raises(DataError, match=r"a\.tif: carries no voxel size.*none of the other 1 images"):
        segment(model, [tmp_path / "stacks"], tmp_path / "other", outputs=("mask",))
    assert not (tmp_path / "other").exists()


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
    segment(model, [tmp_path / "a.tif"], tmp_path / "out", outputs="mask,instances", voxel_size_nm=SIZE)
    found = tifffile.imread(tmp_path / "out" / "a_instances.tif")
    boxes = [box for box in ndimage.find_objects(found) if box[0] == slice(0, 7)]
    assert len(boxes) == expected
    assert iou(found[3] > 0, sample.label[3] > 0) > 0.8
    assert caplog.messages == ["a.tif: section 3 of 7 missing (blank or damaged): predicted from the neighbours"]


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
        segment(model, tmp_path / f"{name}.tif", tmp_path / "out", outputs="mask", voxel_size_nm=SIZE)
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


def test_outputs_that_were_left_out_are_made_later(model: Model, volume: Sample, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", volume.raw, photometric="minisblack")
    for outputs, files in ((("mask",), 1), (("mask", "probability"), 2), (("probability",), 0)):
        made = segment(model, [tmp_path / "a.tif"], tmp_path / "out", outputs=outputs, voxel_size_nm=SIZE)
        assert len(made) == files


def test_a_full_disk_ends_the_call(
    model: Model, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise WriteError("a_mask.png: cannot be written: No space left on device")

    monkeypatch.setattr("mitoseg.inference.segment_image.write_atomic", refuse)
    with pytest.raises(WriteError, match=r"^a_mask\.png: cannot be written: No space left on device$"):
        segment(model, [pictures], tmp_path / "out", outputs=("mask",), voxel_size_nm=SIZE)


@pytest.mark.parametrize("kind", ["tiff", "h5", "zarr"])
def test_what_stops_half_way_leaves_nothing(
    kind: str, model: Model, volume: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mitoseg.io.blocks import Layer

    tifffile.imwrite(tmp_path / "a.tif", volume.raw, photometric="minisblack")

    def slabs(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Layer, "slabs", slabs)
    with pytest.raises(KeyboardInterrupt):
        segment(model, [tmp_path / "a.tif"], tmp_path / "out", outputs=("mask",), format=kind, voxel_size_nm=SIZE)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["tiff", "zarr"])
def test_a_full_disk_is_one_line(
    kind: str, model: Model, volume: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mitoseg.io.blocks import Layer

    tifffile.imwrite(tmp_path / "a.tif", volume.raw, photometric="minisblack")

    def slabs(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Layer, "slabs", slabs)
    with pytest.raises(DataError, match="No space left on device"):
        segment(model, [tmp_path / "a.tif"], tmp_path / "out", outputs=("mask",), format=kind, voxel_size_nm=SIZE)
    assert not (tmp_path / "out").exists()


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


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    for name, content in (("a.png", b"\x89PNG\r\n\x1a\n"), ("b.tif", b"II*\x00"), ("c.jpg", b""), ("e.h5", b"x")):
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
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["stack/grey"] = np.zeros((2, 3, 4), np.uint8)
    with pytest.raises(DataError, match="found stack/grey; name one with --dataset"):
        read(tmp_path / "foreign.h5")
    with pytest.raises(DataError, match="has no dataset x; found stack/grey; name one with --dataset"):
        next(open_sources(tmp_path / "foreign.h5", SIZE, "x"))
    zarr.open_group(tmp_path / "plain.zarr", mode="w").create_array("grey", shape=(2, 3, 4), dtype="uint8")
    with pytest.raises(DataError, match=r"without OME metadata; name an image or array with --dataset .*: grey"):
        read(tmp_path / "plain.zarr")
    with pytest.raises(DataError, match="--voxel-size"):
        next(open_sources(tmp_path / "plain.zarr", None, "grey"))


def test_a_file_cut_short_is_one_line(tmp_path: Path, model: Model) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (6, 64, 64)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "cut.tif", stack, photometric="minisblack", compression="zlib")
    whole = (tmp_path / "cut.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cut\.tif") as caught:
        segment(model, [tmp_path / "cut.tif"], tmp_path / "out", voxel_size_nm=SIZE)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_failure_takes_away_only_what_it_made(tmp_path: Path, model: Model, volume: Sample) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\x00")
    (tmp_path / "mine").mkdir()
    for folder in (tmp_path / "mine", tmp_path / "new" / "out", tmp_path / "a.tif" / "out"):
        with pytest.raises((DataError, RunError)):
            segment(model, [tmp_path / "a.tif"], folder, voxel_size_nm=SIZE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "mine"]
    tifffile.imwrite(tmp_path / "0.tif", volume.raw, photometric="minisblack")
    with pytest.raises(DataError, match=r"a\.tif"):
        segment(
            model, [tmp_path / "0.tif", tmp_path / "a.tif"], tmp_path / "out", outputs=("mask",), voxel_size_nm=SIZE
        )
    assert [path.name for path in results(tmp_path / "out")] == ["0_mask.tif"]


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


def test_keywords_that_make_no_sense() -> None:
    with pytest.raises(RunError, match="'masks' is none; did you mean mask"):
        make_options(outputs="masks", memory="1G")
    with pytest.raises(RunError, match="expected some of mask, probability, instances"):
        make_options(outputs=",", memory="1G")
    with pytest.raises(RunError, match="format 'tif'; expected one of tiff, h5, zarr"):
        make_options(format="tif")
    with pytest.raises(TypeError, match="unexpected keyword argument 'voxel_size'"):
        make_options(**{"voxel_size": SIZE})
    assert make_options(outputs=["mask"], memory="2G") == SegmentOptions(("mask",), memory=2**31)
    assert SegmentKeywords.__annotations__.keys() == SegmentOptions.__dataclass_fields__.keys()


def test_names_are_unique_and_of_one_spelling() -> None:
    names = unique_names([Path("x/a.h5"), Path("y/a.h5"), Path("b.ome.zarr"), Path("e\u0301.tif"), Path("\u00e9.tif")])
    assert names == ["a", "a-2", "b", "\u00e9", "\u00e9-2"]


@pytest.mark.parametrize("size", [(0, 5, 5), (5, 5, -1), (float("nan"), 5, 5), (5, 5, 1e30)])
def test_impossible_voxel_sizes(size: tuple[float, float, float], tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="expected three positive numbers"):
        next(open_sources(tmp_path / "a.png", size))
