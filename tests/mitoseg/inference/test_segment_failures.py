"""What goes wrong with images and results costs nothing else, and is said in one line."""

import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image
from segmented import SIZE, read, results

from mitodata import DataError, RunError, Sample, WriteError
from mitodata.readers.inputs import open_sources
from mitoseg.inference.model import Model
from mitoseg.inference.segment import segment
from mitoseg.inference.segment_image import SegmentKeywords, SegmentOptions, make_options


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


def test_results_of_another_image_or_of_other_pixels_are_not_taken(
    model: Model, draw: Callable[..., Sample], tmp_path: Path
) -> None:
    keywords = SegmentKeywords(outputs=("mask",), voxel_size_nm=SIZE)
    for number, folder in enumerate(("one", "other")):
        (tmp_path / folder).mkdir()
        tifffile.imwrite(tmp_path / folder / "img.tif", draw(number).raw, photometric="minisblack")
        os.utime(tmp_path / folder / "img.tif", (1e9, 1e9))
    segment(model, tmp_path / "one" / "img.tif", tmp_path / "out", **keywords)
    assert not segment(model, tmp_path / "one" / "img.tif", tmp_path / "out", **keywords)
    with pytest.raises(RunError, match="made of another image"):
        segment(model, tmp_path / "other" / "img.tif", tmp_path / "out", **keywords)
    raw = draw(78, (3, 64, 64)).raw
    array = zarr.create_array(tmp_path / "v.zarr", data=raw, chunks=(1, 64, 64), dimension_names="zyx")
    segment(model, tmp_path / "v.zarr", tmp_path / "out", **keywords)
    assert not segment(model, tmp_path / "v.zarr", tmp_path / "out", **keywords)
    array[0] = raw[1]
    with pytest.raises(RunError, match=r"made of another image, or of v\.zarr before it was changed"):
        segment(model, tmp_path / "v.zarr", tmp_path / "out", **keywords)


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

    def take(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Layer, "__getitem__", take)
    with pytest.raises(KeyboardInterrupt):
        segment(model, [tmp_path / "a.tif"], tmp_path / "out", outputs=("mask",), format=kind, voxel_size_nm=SIZE)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["tiff", "zarr"])
def test_a_full_disk_is_one_line(
    kind: str, model: Model, volume: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mitoseg.io.blocks import Layer

    tifffile.imwrite(tmp_path / "a.tif", volume.raw, photometric="minisblack")

    def take(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Layer, "__getitem__", take)
    with pytest.raises(DataError, match="No space left on device"):
        segment(model, [tmp_path / "a.tif"], tmp_path / "out", outputs=("mask",), format=kind, voxel_size_nm=SIZE)
    assert not (tmp_path / "out").exists()


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


@pytest.mark.parametrize(
    "size", [(0, 5, 5), (5, 5, -1), (50, 0.004, 0.004), (50, 4000, 4000), (float("nan"), 5, 5), (5, 5, 1e30)]
)
def test_impossible_voxel_sizes(size: tuple[float, float, float], tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="expected three positive numbers"):
        next(open_sources(tmp_path / "a.png", size))
