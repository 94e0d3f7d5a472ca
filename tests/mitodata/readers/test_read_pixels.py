import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from mitodata import DataError
from mitodata.importers.folders import image_files
from mitodata.readers.grey_levels import to_grey
from mitodata.readers.inputs import open_images, read_grey, read_pixels

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "TIFF"])
def test_8_bit_grey_stays(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(GREY).save(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(read_grey(tmp_path / f"a.{suffix}"), GREY)


def test_colour_palette_and_transparency(tmp_path: Path) -> None:
    grey = Image.fromarray(GREY)
    for mode in ("RGB", "RGBA", "LA", "P"):
        grey.convert(mode).save(tmp_path / "a.png")
        np.testing.assert_array_equal(read_grey(tmp_path / "a.png"), GREY)
    red = np.zeros((6, 8, 3), np.uint8)
    red[..., 0] = 200
    assert (to_grey(red, "here") == 60).all()  # 0.299 x 200
    grey.convert("RGB").save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_grey(tmp_path / "a.jpg").astype(int) - GREY).max() < 12


def test_other_types_are_stretched(tmp_path: Path) -> None:
    wide = GREY.astype(np.uint16) * 100 + 7
    Image.fromarray(wide).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", wide)
    for name in ("a.png", "a.tif"):
        found = read_grey(tmp_path / name)
        assert (found.min(), found.max()) == (0, 255)
        assert np.abs(found / 255 - GREY / GREY.max()).max() < 0.01
    assert (to_grey(np.full((4, 4), 3.5), "here") == 0).all()
    np.testing.assert_array_equal(np.unique(to_grey(np.eye(4, dtype=bool), "here")), [0, 255])
    with pytest.raises(DataError, match="here: holds values that are not finite"):
        to_grey(np.full((4, 4), np.nan), "here")


def test_a_compression_that_tifffile_cannot_read_alone(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.tif", compression="tiff_lzw")
    np.testing.assert_array_equal(read_grey(tmp_path / "a.tif"), GREY)


@pytest.mark.parametrize("scale", [1.7e308, 1e-307, 5e-324])
def test_grey_levels_of_extreme_range(scale: float, recwarn: pytest.WarningsRecorder) -> None:
    values = np.where(GREY > 100, 1, -1) * scale
    assert to_grey(values, "here").tolist() == np.where(GREY > 100, 255, 0).tolist()
    hot = np.zeros((50, 50))
    hot[0, 0] = 1.7e308  # one hot pixel among levels that differ by next to nothing
    hot[1:, 1:] = scale if scale < 1 else 0
    assert to_grey(hot, "here").shape == hot.shape
    with pytest.raises(DataError, match="here: holds pixels of type complex64; expected real numbers"):
        to_grey(GREY.astype(np.complex64), "here")
    assert not recwarn.list


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (b"", "is empty, 0 bytes long: copy it again"),
        (bytes(500), "is full of zeros: copy it again"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "is a pointer of Git LFS"),
        (b"\n<!DOCTYPE html><html>404</html>", "is a web page: download the file itself"),
        (b"PK\x03\x04" + bytes(90), "is an archive: unpack it"),
        (b"\x93NUMPY\x01\x00", "is an array of numpy: save it as TIFF"),
        (b"NRRD0004\n", "is an NRRD, which is not read"),
        (b"ZISRAWFILE", "is a CZI of Zeiss, which is not read"),
        (bytes(128) + b"DICM", "is a DICOM, which is not read"),
    ],
)
def test_what_is_no_image_is_named(start: bytes, message: str, tmp_path: Path) -> None:
    """Whatever the name says: people delete good data that are called damaged."""
    for name in ("a.tif", "a.png"):
        (tmp_path / name).write_bytes(start)
        with pytest.raises(DataError, match=message):
            read_pixels(tmp_path / name)


def test_unreadable_images(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    for suffix in ("png", "jpg", "bmp", "tif"):
        path = tmp_path / f"a.{suffix}"
        Image.fromarray(noise).save(path)
        path.write_bytes(path.read_bytes()[:900])
        with pytest.raises(DataError, match=rf"a\.{suffix}: (cannot be read|is not an image, or damaged)"):
            read_pixels(path)
        path.write_text("not an image")
        with pytest.raises(DataError, match=r"is not an image, or damaged"):
            read_pixels(path)
    with pytest.raises(DataError, match="no such file"):
        read_pixels(tmp_path / "no.png")
    tifffile.imwrite(tmp_path / "stack.tif", np.zeros((5, 8, 9), np.uint8))
    with pytest.raises(DataError, match=r"has shape \(5, 8, 9\); expected a single"):
        read_pixels(tmp_path / "stack.tif")


@pytest.mark.parametrize("content", [b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"II*\0\0\0\0\0"])
def test_a_tiff_without_an_image_is_one_line(
    tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.tif").write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError, match=r"a\.tif: (holds no image|cannot be read); the TIFF is damaged"):
            read_pixels(tmp_path / "a.tif")
    assert not caplog.records
    assert not capfd.readouterr().err


def test_files_are_sorted_by_number(tmp_path: Path) -> None:
    for name in ("10.png", "2.png", "1.PNG", "3²1.png", ".hidden.png", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in image_files(tmp_path)] == ["1.PNG", "2.png", "3²1.png", "10.png"]
    with pytest.raises(DataError, match="cannot be read: No such file"):
        image_files(tmp_path / "no")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no image; expected"):
        image_files(tmp_path / "empty")


def test_tiff_stack(tmp_path: Path) -> None:
    volume = np.random.default_rng(0).integers(0, 256, (5, 20, 30), dtype=np.uint8)
    path = tmp_path / "a.tif"
    for options in ({}, {"compression": "zlib"}, {"imagej": True, "metadata": {"axes": "ZYX"}}):
        tifffile.imwrite(path, volume, **options)
        stack = next(open_images(path))
        assert stack.array.shape == volume.shape
        for z in range(5):
            np.testing.assert_array_equal(stack.section(z), volume[z])
    tifffile.imwrite(path, volume, compression="zlib", metadata=None)
    with tifffile.TiffFile(path) as file:
        start = list(file.pages)[3].dataoffsets[0]
    with path.open("r+b") as stream:
        stream.seek(start)
        stream.write(bytes(100))
    with pytest.raises(DataError, match=r"a\.tif: section 3: cannot be read"):
        next(open_images(path)).section(3)
    np.testing.assert_array_equal(next(open_images(path)).section(2), volume[2])
    path.write_text("not a TIFF")
    with pytest.raises(DataError, match="is not an image, or damaged"):
        next(open_images(path))
    with pytest.raises(DataError, match=r"no\.tif: no such file"):
        next(open_images(tmp_path / "no.tif"))
