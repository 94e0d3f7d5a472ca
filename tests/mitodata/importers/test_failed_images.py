"""What fails among many: all of it is named, nothing is written; or the rest is, on request."""

import logging
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from mitodata import DataError
from mitodata.hdf5.dataset import Dataset
from mitodata.importers import import_to_file

NM = (40, 5, 5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pairs, of which b lacks the end of its image, d that of its mask, and e has a mask of another size."""
    for number, name in enumerate("abcdef"):
        for kind in ("images", "masks"):
            path = tmp_path / "real" / kind / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(number).integers(0, 256, (30, 40), dtype=np.uint8)
            if kind == "masks":
                pixels = np.zeros((20 if name == "e" else 30, 40), np.uint8)
                pixels[2:9, 2 : 9 + number] = 255
            Image.fromarray(pixels).save(path)
    for path in ("images/b.png", "masks/d.png"):
        content = (tmp_path / "real" / path).read_bytes()
        (tmp_path / "real" / path).write_bytes(content[:60])
    return tmp_path / "real"


def names(output: Path) -> list[str]:
    with Dataset(output) as dataset:
        return [sample.name for sample in dataset]


def test_all_failures_are_named_and_nothing_is_written(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(DataError, match=r"b\.png: .* one of 3 images or sections of 6 that fail") as caught,
    ):
        import_to_file("pairs", folder, folder / "o.h5", voxel_size_nm=NM)
    assert "--skip-failed" in str(caught.value)
    assert [name in message for name, message in zip("bde", caplog.messages, strict=True)] == [True] * 3
    assert "e.png: its mask is (20, 40) (y, x), the image (30, 40)" in caplog.messages
    assert not list(folder.glob("*o.h5*"))


def test_the_others_are_written_on_request(folder: Path) -> None:
    (folder / "masks/f.png").unlink()
    report = import_to_file("pairs", folder, folder / "o.h5", voxel_size_nm=NM, skip_failed=True)
    assert names(folder / "o.h5") == ["a.png", "c.png"]
    assert (report.images, report.instances, len(report.failures)) == (2, 2, 4)
    assert "f.png: has no mask in" in report.failures[-1]
    for name in "ac":
        (folder / f"images/{name}.png").unlink()
    with pytest.raises(DataError, match="all 6 images failed; nothing was written"):
        import_to_file("pairs", folder, folder / "p.h5", voxel_size_nm=NM, skip_failed=True)
    assert not list(folder.glob("*p.h5*"))


def test_what_is_sound_is_reported(folder: Path) -> None:
    for name in "bde":
        for kind in ("images", "masks"):
            (folder / kind / f"{name}.png").unlink()
    report = import_to_file("pairs", folder, folder / "o.h5", voxel_size_nm=NM)
    assert (report.images, report.instances, report.failures) == (3, 3, ())
    assert report.origin == "connected components in 2D (8 neighbours) of the mask"


def test_a_volume_cannot_do_without_a_section(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(DataError, match="a volume cannot do without a section: --skip-failed is for 2D images"):
        import_to_file("pairs", folder, folder / "o.h5", voxel_size_nm=NM, skip_failed=True, as_volume=True)
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(DataError, match="it is one of 3 images or sections of 6 that failed"),
    ):
        import_to_file("pairs", folder, folder / "o.h5", voxel_size_nm=NM, as_volume=True)
    assert len(caplog.messages) == 3


def test_instances_of_a_volume_are_counted_once(tmp_path: Path) -> None:
    labels = np.zeros((40, 30, 40), np.uint16)
    for number in range(5):
        labels[:, 4:9, 7 * number : 7 * number + 5] = number + 1
    grey = np.random.default_rng(0).integers(0, 256, labels.shape, dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", grey, photometric="minisblack", metadata={"axes": "ZYX"})
    tifffile.imwrite(tmp_path / "a_labels.tif", labels, photometric="minisblack", metadata={"axes": "ZYX"})
    report = import_to_file("pairs", tmp_path, tmp_path / "o.h5", voxel_size_nm=NM, as_volume=True)
    assert (report.images, report.instances, report.origin) == (1, 5, "given by the source")
