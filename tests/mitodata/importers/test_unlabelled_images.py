"""Images without masks, and a source that is not to be replaced."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from mitodata import DataError
from mitodata.hdf5.dataset import Dataset, validate
from mitodata.importers import import_dataset, import_to_file, recognise

GREY = np.random.default_rng(0).integers(0, 256, (3, 30, 40), dtype=np.uint8)


def test_a_source_is_not_replaced_by_what_comes_of_it(tmp_path: Path) -> None:
    source = tmp_path / "src.h5"
    with h5py.File(source, "w") as file:
        file["raw"] = GREY
    before = source.read_bytes()
    (tmp_path / "link.h5").symlink_to(source)
    for output in (source, tmp_path / "link.h5"):
        with pytest.raises(DataError, match="is to hold the source and the dataset"):
            import_to_file("hdf5", source, output, voxel_size_nm=(40, 5, 5), raw="raw", overwrite=True)
    assert source.read_bytes() == before


def test_images_without_masks(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    Image.fromarray(GREY[0]).save(folder / "a10.png")
    Image.fromarray(GREY[1][:20].astype(np.uint16) * 200).save(folder / "a9.tif")
    tifffile.imwrite(tmp_path / "stack.tif", GREY, photometric="minisblack")
    tifffile.imwrite(tmp_path / "page.tif", GREY[0])
    found = list(import_dataset("images", folder, voxel_size_nm=(40, 5, 5))[0])
    assert [(sample.name, sample.raw.shape[1]) for sample in found] == [("a9.tif", 20), ("a10.png", GREY.shape[1])]
    assert np.array_equal(found[1].raw, GREY[:1])
    for path, options, expected in (
        (tmp_path / "stack.tif", {"as_volume": True}, GREY),
        (tmp_path / "page.tif", {}, GREY[:1]),
        (folder / "a10.png", {}, GREY[:1]),
    ):
        import_to_file("images", path, tmp_path / "out.h5", voxel_size_nm=(40, 5, 5), overwrite=True, **options)
        assert validate(tmp_path / "out.h5") == []
        with Dataset(tmp_path / "out.h5") as dataset:
            assert not dataset.labelled
            assert np.array_equal(dataset[0].raw, expected)


def test_masks_beside_images_are_no_images(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "b_mask.png"):
        Image.fromarray(np.full((20, 30), 90, np.uint8)).save(tmp_path / name)
    with pytest.raises(DataError, match=r"b_mask\.png: looks like a mask of b\.png"):
        import_dataset("images", tmp_path, voxel_size_nm=(40, 5, 5))
    (tmp_path / "b.png").unlink()
    samples, _ = import_dataset("images", tmp_path, voxel_size_nm=(40, 5, 5))
    assert [sample.name for sample in samples] == ["a.png", "b_mask.png"]


def test_images_without_masks_are_never_taken_for_labelled_ones(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    Image.fromarray(GREY[0]).save(tmp_path / "scans/a.png")
    with pytest.raises(DataError, match="say images"):
        recognise(tmp_path / "scans")
    (tmp_path / "notes.txt").write_text("no image")
    for path, message in (
        (tmp_path / "notes.txt", "unknown kind"),
        (tmp_path / "no.tif", "no such"),
        (tmp_path, "holds no image"),
    ):
        with pytest.raises(DataError, match=message):
            import_dataset("images", path, voxel_size_nm=(40, 5, 5))


@pytest.mark.parametrize(
    ("names", "doubt"),
    [
        (["s8.png", "S9.png", "s10.png"], ""),
        (["s0.png", "s5.png", "s10.png"], ""),
        (["a.png", "b.png"], ""),
        (["s1.png", "s2.png", "s5.png", "s6.png"], "no section between s2.png and s5.png (2 missing in all)"),
        (["s0_0.png", "s0_1.png", "s1_0.png", "s1_1.png"], "count in two ways, 2 x 2: are they tiles of a section?"),
        (["s1 (1).png", "s1.png", "s2.png"], "s1 (1).png is not named like the others (1 such files)"),
        (["s1.bmp", "s1.png", "s2.png"], "s1.bmp is not named like the others (1 such files)"),
    ],
)
def test_files_that_make_no_series_are_said(
    names: list[str], doubt: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "in").mkdir()
    for grey, name in enumerate(names):
        Image.fromarray(np.full((4, 4), grey, np.uint8)).save(tmp_path / "in" / name)
    import_to_file("images", tmp_path / "in", tmp_path / "o.h5", voxel_size_nm=(50, 5, 5), as_volume=True)
    assert doubt in caplog.text
    assert bool(caplog.text) == bool(doubt)
    with Dataset(tmp_path / "o.h5") as dataset:
        assert dataset[0].raw[:, 0, 0].tolist() == list(range(len(names)))


def test_images_in_folders_within_a_folder_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "deeper/still").mkdir(parents=True)
    for name in ("a.png", "deeper/still/b.png"):
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 9), dtype=np.uint8)).save(tmp_path / name)
    samples, _ = import_dataset("images", tmp_path, voxel_size_nm=(40, 5, 5))
    assert [sample.name for sample in samples] == ["a.png"]
    (line,) = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
    assert line.endswith("left out: those in deeper/still; import them by themselves")
