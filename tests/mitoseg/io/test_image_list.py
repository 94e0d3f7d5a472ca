"""Image files as other programs write them, and damaged ones: read as they look, or refused in one line."""

import tracemalloc
import warnings
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray
from PIL import Image

from mitodata import DataError, Sample
from mitodata.hdf5.dataset import Provenance, write_dataset
from mitodata.readers import axes
from mitodata.readers.inputs import KINDS, PICTURES, open_sources
from mitoseg.inference.segment_image import FORMATS, SegmentOptions, result_files
from mitoseg.io.image_list import expand
from mitoseg.metrics import ProbabilityCounts
from mitoseg.report.probabilities import draw_curves, draw_histogram, draw_reliability

SIZE = (40.0, 8.0, 8.0)
GREY = np.random.default_rng(0).integers(0, 255, (3, 20, 30)).astype(np.uint8)
TINTS = np.random.default_rng(1).integers(0, 2**8, (3, 256)).astype(np.uint16) * 257
PIXELS = """<Pixels PhysicalSizeX="abc" PhysicalSizeY="5" Type="uint8" SizeX="30" SizeY="20" SizeC="1" SizeT="1"
SizeZ="1" DimensionOrder="XYZCT"><TiffData/></Pixels>"""
INVERSE = np.stack([257 * np.arange(255, -1, -1)] * 3).astype(np.uint16)
OME = '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image>{}</Image></OME>'


def read(path: Path, dataset: str | None = None) -> NDArray[np.uint8]:
    """All grey levels of the first image of a file; what only warns is an error."""
    with warnings.catch_warnings(), closing(open_sources(path, SIZE, dataset)) as sources:
        warnings.simplefilter("error")
        source = next(sources)
        z, y, x = (slice(0, length) for length in source.shape)
        return source.read((z, y, x))


def refuse(path: Path, expected: str, dataset: str | None = None) -> None:
    """Check that a file is refused in one line that names it."""
    with pytest.raises(DataError, match=expected) as caught:
        read(path, dataset)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sections", [1, 3])
@pytest.mark.parametrize(
    ("options", "stored"),
    [
        ({"photometric": "miniswhite"}, 255 - GREY),
        ({"photometric": "palette", "colormap": INVERSE}, 255 - GREY),
        ({"photometric": "rgb"}, np.stack([GREY] * 3, -1)),
        ({"photometric": "rgb", "planarconfig": "separate"}, np.stack([GREY] * 3, 1)),
        ({"photometric": "minisblack", "extrasamples": ["unassalpha"]}, np.stack([GREY, GREY // 2], -1)),
    ],
)
def test_a_tiff_is_read_as_it_looks(
    options: dict[str, Any], stored: NDArray[np.uint8], sections: int, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", stored[:sections].squeeze(axis=0) if sections == 1 else stored, **options)
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), GREY[:sections])


def test_palettes_and_pale_ink_look_in_a_tiff_as_in_a_png(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY[0], photometric="palette", colormap=TINTS)
    Image.open(tmp_path / "a.tif").save(tmp_path / "a.png")
    np.testing.assert_allclose(read(tmp_path / "a.tif").astype(int), read(tmp_path / "a.png"), atol=1)
    Image.fromarray(GREY[0]).convert("CMYK").save(tmp_path / "c.tif")
    refuse(tmp_path / "c.tif", "CMYK; expected grey, RGB or a palette")


def test_a_stack_of_several_palettes_is_refused(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for shift in (0, 0, 1):
            colours = (TINTS + shift).astype(np.uint16)
            file.write(GREY[0], photometric="palette", colormap=colours, contiguous=False, metadata=None)
    refuse(tmp_path / "a.tif", "page 3 has another palette than the first")


@pytest.mark.parametrize(
    ("options", "axes"),
    [
        ({"imagej": True, "metadata": {"axes": "CYX"}}, r"CYX \(channel, height, width\)"),
        ({"ome": True, "metadata": {"axes": "CYX"}}, r"CYX \(channel, height, width\)"),
        ({"imagej": True, "metadata": {"axes": "TYX"}}, ""),
        ({"ome": True, "metadata": {"axes": "ZYX"}}, ""),
        ({"photometric": "minisblack"}, ""),
    ],
)
def test_channels_are_no_sections(options: dict[str, Any], axes: str, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY, **options)
    if axes:
        refuse(tmp_path / "a.tif", rf"shape \(3, 20, 30\) with axes {axes}; expected \(Y, X\) or \(Z, Y, X\)")
    else:
        np.testing.assert_array_equal(read(tmp_path / "a.tif"), GREY)


@pytest.mark.parametrize("second", [GREY[1, :10], GREY[1].astype(np.uint16)])
def test_no_page_is_dropped(second: NDArray[Any], tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(GREY[0])
        file.write(second)
    refuse(tmp_path / "a.tif", r"holds 2 images that make no stack \(0: \(20, 30\) uint8, .*expected one image")


@pytest.mark.parametrize("first", [True, False])
def test_smaller_copies_of_an_image_are_passed_over(first: bool, tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for whole in (first, not first):
            file.write(GREY[0] if whole else GREY[0, ::2, ::2], subfiletype=0 if whole else 1)
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), GREY[:1])


@pytest.mark.parametrize("section", range(3))
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["a.tif", "a.h5"])
def test_values_that_are_none_are_found_in_every_section(name: str, value: float, section: int, tmp_path: Path) -> None:
    raw = GREY.astype(np.float32)
    raw[section, 5, 5] = value
    if name == "a.tif":
        tifffile.imwrite(tmp_path / name, raw, photometric="minisblack")
    else:
        with h5py.File(tmp_path / name, "w") as file:
            file["raw"] = raw
    refuse(tmp_path / name, "not finite", "raw")


@pytest.mark.parametrize("scale", [1e-3, 1e30, 1e300])
def test_grey_levels_of_any_size(scale: float, tmp_path: Path) -> None:
    for name, factor in (("a.tif", 1.0), ("b.tif", scale)):
        tifffile.imwrite(tmp_path / name, GREY * factor, photometric="minisblack")
    np.testing.assert_allclose(read(tmp_path / "b.tif").astype(int), read(tmp_path / "a.tif"), atol=1)
    tifffile.imwrite(tmp_path / "c.tif", np.array([[-1.7e308, 1.7e308]] * 2))
    assert read(tmp_path / "c.tif").tolist() == [[[0, 255]] * 2]


@pytest.mark.parametrize("chunks", [(1, 64, 128), (2, 256, 256), (1, 1024, 1024)])
def test_a_large_section_of_many_grey_levels_is_stretched_strip_by_strip(
    chunks: tuple[int, int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = np.random.default_rng(2).integers(300, 60000, (2, 1024, 1024)).astype(np.uint16)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("raw", data=stored, chunks=chunks)
    low, high = np.percentile(stored, (0.1, 99.9), method="inverted_cdf").astype(float)
    monkeypatch.setattr(axes, "STRIP_PX", 2**13)
    tracemalloc.start()
    grey = read(tmp_path / "a.h5", "raw")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    expected = ((stored - low) * (255 / (high - low))).clip(0, 255).round()
    assert np.abs(grey - expected).max() <= 1
    assert (grey == expected).mean() > 0.999
    # What is stored, what comes of it, and little beside; as a whole in float64 it was five times as much.
    assert most < stored.nbytes + grey.nbytes + 3e6


@pytest.mark.parametrize("pixels", ["", PIXELS])
def test_broken_ome_metadata_are_one_line(pixels: str, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY[0], description=OME.format(pixels), metadata=None)
    refuse(tmp_path / "a.tif", "metadata are not those of an OME image")


def test_a_tiff_that_is_only_a_header_is_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0\x08\0\0\0")
    refuse(tmp_path / "a.tif", "holds no image; the TIFF is damaged")
    assert not caplog.records


def test_empty_hdf5_is_one_line(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["nothing"] = h5py.Empty("f8")
    refuse(tmp_path / "a.h5", r"nothing is empty; expected \(Y, X\) or \(Z, Y, X\)", "nothing")
    write_dataset(tmp_path / "b.h5", [Sample(GREY, SIZE)], Provenance(source="test"))
    with h5py.File(tmp_path / "b.h5", "r+") as file:
        del file["names"]
        file["names"] = np.empty(0, h5py.string_dtype())
    refuse(tmp_path / "b.h5", "holds no samples; expected at least one")


@pytest.mark.parametrize("content", ["[]", {"path": ""}, {"path": None}, {"path": 5}])
def test_broken_zarr_is_one_line(content: str | dict[str, Any], tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    group.create_array("0", data=GREY)
    if isinstance(content, str):
        (tmp_path / "a.zarr" / "zarr.json").write_text(content)
    else:
        axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
        group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": [content]}]}
    refuse(tmp_path / "a.zarr", "expected an array|cannot be read")


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("suffix", [*PICTURES, ".tif"])
def test_results_beside_images_are_no_images(kind: str, suffix: str, tmp_path: Path) -> None:
    image = tmp_path / f"a{suffix}"
    results = [
        path
        for path in result_files(tmp_path / "a", image, SegmentOptions(format=kind)).values()
        if path.suffix in KINDS
    ]
    for path in (image, *results):
        path.touch()
    assert expand([tmp_path]) == [image]
    assert expand(results[:1]) == results[:1]
    image.unlink()
    with pytest.raises(DataError, match="holds no image but what looks like results of mitoseg predict"):
        expand([tmp_path])


@pytest.mark.parametrize("counted", [0, 7])
def test_charts_of_images_that_are_ignored_warn_of_nothing(counted: int) -> None:
    bins = np.zeros(300, np.int64)
    counts = ProbabilityCounts(bins, bins + counted, np.linspace(0, counted, 300))
    result: Any = SimpleNamespace(
        name="a", synthetic=False, thresholds=[0.2, 0.5], threshold_text="0.20 to 0.50", probabilities=counts
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert draw_histogram(result)
        assert draw_reliability(result)
        assert draw_curves(result)


def test_what_the_system_leaves_in_a_folder_is_no_image(tmp_path: Path) -> None:
    Image.fromarray(GREY[0]).save(tmp_path / "a.png")
    for name in ("._a.png", ".b.tif", "Thumbs.db", ".DS_Store", "desktop.ini"):
        (tmp_path / name).write_bytes(bytes(80))
    assert expand([tmp_path]) == [tmp_path / "a.png"]


def test_images_in_folders_within_a_folder_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a.png", *(f"{folder}/x.tif" for folder in ("b", "c/d", "e", "f", "notes", ".g", "found", "run"))):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for mark in ("found/predictions.jsonl", "run/last.pt"):
        (tmp_path / mark).touch()
    (tmp_path / "notes/x.tif").rename(tmp_path / "notes/a_mask.tif")
    zarr.create_group(tmp_path / "k.zarr").create_array("0", data=GREY)
    assert [path.name for path in expand([tmp_path])] == ["a.png", "k.zarr"]
    (record,) = caplog.records
    assert record.getMessage() == (
        f"{tmp_path}: only images in the folder itself are taken; left out: those in b, e, f, ... (4 in all); name "
        "these folders as well"
    )
    caplog.clear()
    expand([tmp_path, *(tmp_path / name for name in ("b", "c/../e", "f", "c/d"))])
    assert not caplog.records
