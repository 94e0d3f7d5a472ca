"""What files are made of: sets of files, packings, names within files, sizes; each trouble called by its name."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from mitodata import DataError
from mitodata.hdf5 import filters
from mitodata.hdf5.dataset import Dataset
from mitodata.importers import import_to_file
from mitodata.readers.inputs import one_a_set, open_images, open_sources, read_grey
from mitodata.readers.rasters import pictures
from mitoseg.io.image_list import expand

SIZE = (40.0, 8.0, 8.0)
GREY = np.random.default_rng(0).integers(1, 255, (3, 20, 30)).astype(np.uint8)


def write_set(folder: Path) -> list[Path]:
    """An OME-TIFF of a file a section."""
    names = [f"s_z{z}.ome.tif" for z in range(3)]
    planes = "".join(
        f'<TiffData IFD="0" FirstZ="{z}" FirstC="0" FirstT="0" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{z}'
        "</UUID></TiffData>"
        for z, name in enumerate(names)
    )
    for z, name in enumerate(names):
        xml = (
            f'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{z}">'
            '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="30" SizeY="20" '
            f'SizeZ="3" SizeC="1" SizeT="1">{planes}</Pixels></Image></OME>'
        )
        tifffile.imwrite(folder / name, GREY[z], description=xml, metadata=None, photometric="minisblack")
    return [folder / name for name in names]


def test_a_set_of_files_is_one_stack_however_it_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "set").mkdir()
    paths = write_set(tmp_path / "set")
    assert expand([tmp_path / "set"]) == one_a_set(paths) == expand(paths) == paths[:1]
    assert expand(paths[2:]) == paths[2:]
    for path in (paths[0], paths[2]):
        np.testing.assert_array_equal(next(open_sources(path, SIZE)).array[:, :, :], GREY)
    assert caplog.messages[0] == f"{paths[0]}: one of 3 files of a stack; all are read"
    for path in (tmp_path / "set", paths[1]):
        import_to_file("images", path, tmp_path / "o.h5", voxel_size_nm=SIZE, as_volume=True, overwrite=True)
        with Dataset(tmp_path / "o.h5") as dataset:
            np.testing.assert_array_equal(dataset[0].raw, GREY)


def test_a_missing_file_of_a_set_is_named(tmp_path: Path) -> None:
    paths = write_set(tmp_path)
    paths[1].unlink()
    with pytest.raises(DataError, match=r"lacks 1 of its 3 sections, which lie in s_z1\.ome\.tif"):
        next(open_sources(paths[0], SIZE))


@pytest.mark.parametrize(("axes", "said"), [("TYX", True), ("ZYX", False)])
def test_an_axis_of_time_is_not_taken_for_z_in_silence(
    axes: str, said: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", GREY, photometric="minisblack", metadata={"axes": axes})
    assert next(open_images(tmp_path / "a.ome.tif")).array.shape == GREY.shape
    assert ("its axis of time is taken for z" in caplog.text) is said


def test_a_stack_among_pictures_is_no_picture(tmp_path: Path) -> None:
    Image.fromarray(GREY[0]).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "b.tif", GREY, photometric="minisblack")
    with pytest.raises(DataError, match=r"b\.tif: has shape \(3, 20, 30\); expected a single"):
        import_to_file("images", tmp_path, tmp_path / "o.h5", voxel_size_nm=SIZE)


def test_sections_that_were_written_as_colours_are_asked_about(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY, photometric="rgb", planarconfig="separate")
    with pytest.raises(DataError, match=r"a\.tif: holds 3 planes that differ: colours, or sections\?"):
        next(open_images(tmp_path / "a.tif"))


def test_the_number_of_an_image_in_a_tiff(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for image in (GREY[0, ::2, ::2], GREY[0]):
            file.write(image, photometric="minisblack", metadata=None)
    np.testing.assert_array_equal(next(open_images(tmp_path / "a.tif", "1")).section(0), GREY[0])
    for name in ("2", "x"):
        with pytest.raises(DataError, match=rf"has no image {name}; expected the number of one of its images: 0: "):
            next(open_images(tmp_path / "a.tif", name))


def test_a_codec_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY, photometric="minisblack", compression="lzw")

    class Missing:
        def __getitem__(self, key: object) -> None:
            raise KeyError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

        def __contains__(self, key: object) -> bool:
            return True

    monkeypatch.setattr(tifffile.TIFF, "DECOMPRESSORS", Missing())
    with pytest.raises(DataError, match=r"a\.tif: .*is packed in a way that is not installed here .*imagecodecs"):
        next(open_images(tmp_path / "a.tif")).section(0)


def test_a_filter_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hdf5plugin

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("raw", data=GREY, chunks=(1, 20, 30), **hdf5plugin.Zstd())
    np.testing.assert_array_equal(next(open_images(tmp_path / "a.h5")).section(1), GREY[1])
    monkeypatch.setattr(filters.h5py.h5z, "filter_avail", lambda _: False)
    with pytest.raises(
        DataError, match=r"/raw is packed with Zstandard \(HDF5 filter 32015\), .*pip install hdf5plugin"
    ):
        next(open_images(tmp_path / "a.h5"))


def test_links_and_axes_that_lead_nowhere(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw"] = h5py.ExternalLink("gone.h5", "x")
        file["data"] = GREY
        file["data"].attrs["axistags"] = "zyx"
    with pytest.raises(DataError, match=r"a\.h5: raw lies in gone\.h5, which is not there"):
        next(open_images(tmp_path / "a.h5", "raw"))
    with pytest.raises(DataError, match=r"a\.h5/data: axistags are zyx; expected those of ilastik"):
        next(open_images(tmp_path / "a.h5", "data"))
    tifffile.imwrite(tmp_path / "c.tif", GREY.astype(np.complex64), photometric="minisblack")
    with pytest.raises(DataError, match=r"c\.tif: holds pixels of type complex64; expected real numbers"):
        next(open_images(tmp_path / "c.tif"))


@pytest.mark.parametrize(
    ("hold", "message"),
    [
        ("h5py.File(path, 'a'); hold['y'] = 1; hold.flush()", "is locked: another program has it open for writing"),
        ("open(path, 'r+b'); import fcntl; fcntl.flock(hold, fcntl.LOCK_EX)", "is locked: another program has it open"),
    ],
)
def test_a_file_that_another_program_writes_is_not_called_damaged(hold: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["raw"] = GREY
    program = f"import h5py\npath = {str(path)!r}\nhold = {hold}\nprint('held', flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(DataError, match=message):
            next(open_images(path))
        other.communicate(b"\n")
    assert next(open_images(path)).array.shape == GREY.shape


def test_a_file_system_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from mitodata import locks

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw"] = GREY
    opened = h5py.File

    def without_locks(path: Path, mode: str, locking: object, **options: object) -> h5py.File:
        if locking is not False:
            raise OSError(37, "Unable to synchronously open file (unable to lock file, errno = 37)")
        return opened(path, mode, locking=locking, **options)

    monkeypatch.setattr(locks, "_said", set())
    monkeypatch.setattr("mitodata.hdf5.opening.h5py.File", without_locks)
    for _ in range(2):
        np.testing.assert_array_equal(next(open_images(tmp_path / "a.h5")).section(0), GREY[0])
    assert caplog.messages == [
        f"{tmp_path}: a file system without locks; the work goes on without, so let no other program write there"
    ]


def test_what_a_group_of_zarr_holds_is_named_by_its_path(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    group.create_group("volumes/labels").create_array("mito", data=GREY)
    with pytest.raises(DataError, match=r"without OME metadata; name an .* --dataset .*: volumes/labels/mito$"):
        next(open_images(tmp_path / "a.zarr"))
    with pytest.raises(DataError, match=r"holds no raw; name an .*: volumes/labels/mito$"):
        next(open_images(tmp_path / "a.zarr", "raw"))
    with pytest.raises(DataError, match=r"without OME metadata; name an .*: volumes/labels/mito$"):
        next(open_images(tmp_path / "a.zarr", "volumes"))
    np.testing.assert_array_equal(next(open_images(tmp_path / "a.zarr", "volumes/labels/mito")).section(2), GREY[2])
    image = {"axes": [{"name": axis} for axis in "zyx"], "datasets": [{"path": "0"}]}
    inner = group.create_group("images/one")
    inner.create_array("0", data=GREY)
    inner.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
    with pytest.raises(DataError, match=r"without OME metadata; name an .*: images/one$"):
        next(open_images(tmp_path / "a.zarr"))
    np.testing.assert_array_equal(next(open_images(tmp_path / "a.zarr", "images/one")).section(2), GREY[2])


def test_large_pictures_are_read_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(GREY[0]).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # Pillow refuses twice as many
    np.testing.assert_array_equal(read_grey(tmp_path / "a.png"), GREY[0])
    assert Image.MAX_IMAGE_PIXELS == 100
    monkeypatch.setattr(pictures, "MOST_PX", 500)
    with pytest.raises(DataError, match=r"a\.png: has 30 x 20 px; expected at most .* save it as a tiled TIFF"):
        read_grey(tmp_path / "a.png")


def test_a_picture_takes_little_more_than_its_pixels(tmp_path: Path) -> None:
    Image.fromarray(np.tile(GREY[0], (100, 100))).save(tmp_path / "a.png")
    tracemalloc.start()
    pixels = next(open_images(tmp_path / "a.png")).section(0)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 3 * pixels.nbytes


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        next(open_images(tmp_path))
    with pytest.raises(DataError, match=r"no\.png: no such file"):
        next(open_images(tmp_path / "no.png"))


def test_permission_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY[0])

    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / "a.tif"))

    monkeypatch.setattr(tifffile, "TiffFile", forbidden)
    with pytest.raises(DataError, match=r"a\.tif: cannot be read: Permission denied$"):
        next(open_images(tmp_path / "a.tif"))


@pytest.mark.parametrize("name", ["a.h5", "a.tif", "a.zarr"])
def test_sections_behind_the_axes_of_an_image_are_asked_about(name: str, tmp_path: Path) -> None:
    path, volume = tmp_path / name, np.zeros((64, 64, 6), np.uint8)  # y, x, z, as some programs save it
    if name == "a.h5":
        with h5py.File(path, "w") as file:
            file["raw"] = volume
    elif name == "a.tif":
        tifffile.imwrite(path, volume)
    else:
        zarr.create_array(path, data=volume)
    with pytest.raises(DataError, match="6 px wide, 6 channels or 6 sections"):
        next(open_images(path))
    narrow = tmp_path / "b.tif"
    tifffile.imwrite(narrow, volume, metadata={"axes": "ZYX"}, photometric="minisblack")
    assert next(open_images(narrow)).array.shape == (64, 64, 6)


def test_the_finest_level_is_taken_wherever_it_stands(tmp_path: Path) -> None:
    def levels(*scales: list[float]) -> dict[str, object]:
        axes = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]
        changes = [[{"type": "scale", "scale": scale}] if scale else [] for scale in scales]
        datasets = [{"path": str(n), "coordinateTransformations": change} for n, change in enumerate(changes)]
        return {"multiscales": [{"version": "0.4", "axes": axes, "datasets": datasets}]}

    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    for number, side in enumerate((4, 8)):
        root.create_array(str(number), data=np.zeros((2, side, side), np.uint8))
    root.attrs.update(levels([50, 8, 8], [50, 4, 4]))
    found = next(open_images(tmp_path / "a.zarr"))
    assert (found.array.shape, found.edges_nm) == ((2, 8, 8), (50, 4, 4))
    root.attrs.update(levels([], []))
    assert next(open_images(tmp_path / "a.zarr")).edges_nm == (None, None, None)
