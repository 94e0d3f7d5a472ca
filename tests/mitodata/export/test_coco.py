"""COCO's JSON, read by COCO's own program."""

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from mitodata import IGNORE, DataError, Sample
from mitodata.export import export_coco, export_instances, export_mitoverse, export_ome_zarr
from mitodata.export.coco import encode_runs
from mitodata.hdf5.dataset import Provenance, write_dataset

MakeSample = Callable[..., Sample]


def read(path: Path) -> COCO:
    """Read annotations as COCO's program does."""
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def odd_section() -> Sample:
    """A ring with another instance in it, one in two parts, one in the corner, no background in a row, and unknown."""
    label = np.zeros((1, 12, 9), np.uint32)
    label[0, 1:8, 1:6] = 7
    label[0, 3:6, 2:5] = 0
    label[0, 4, 3] = 70_000
    label[0, 10, :3] = label[0, 10, 6:] = 3
    label[0, 11] = 9
    mask = (label > 0).astype(np.uint8)
    mask[0, :3, 7:] = IGNORE
    return Sample(np.arange(108, dtype=np.uint8).reshape(1, 12, 9), (40.0, 5.0, 5.0), label, mask, name="odd")


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
def test_every_instance_comes_back_pixel_by_pixel(make_sample: MakeSample, tmp_path: Path) -> None:
    samples = [odd_section(), make_sample(3, (3, 24, 32), knobs=0)]
    write_dataset(tmp_path / "in.h5", samples, Provenance(source="here", licence="CC0"))
    (written,) = export_coco(tmp_path / "in.h5", tmp_path / "coco", "organelle")
    coco = read(written)
    assert coco.cats[1]["name"] == "organelle"
    assert len(coco.imgs) == 4
    for image in coco.imgs.values():
        sample = samples[image["sample"]]
        raw = np.asarray(Image.open(tmp_path / "coco" / image["file_name"]))
        np.testing.assert_array_equal(raw, sample.raw[image["z"]])
        assert (image["height"], image["width"]) == raw.shape
        found, unknown = np.zeros(raw.shape, int), np.zeros(raw.shape, bool)
        for annotation in coco.imgToAnns[image["id"]]:
            inside = coco.annToMask(annotation).astype(bool)
            rows, columns = np.nonzero(inside)
            x, y, width, height = annotation["bbox"]
            assert (x, y) == (columns.min(), rows.min())
            assert (x + width, y + height) == (columns.max() + 1, rows.max() + 1)
            assert annotation["area"] == inside.sum()
            if annotation["iscrowd"]:
                unknown |= inside
            else:
                found[inside] = annotation["instance"]
        np.testing.assert_array_equal(found, sample.label[image["z"]])
        np.testing.assert_array_equal(unknown, sample.mask[image["z"]] == IGNORE)
    content = json.loads(written.read_text())
    assert content["licenses"][0]["name"] == "CC0"
    assert [each["id"] for each in content["annotations"]] == list(range(1, len(content["annotations"]) + 1))


def test_runs_count_down_the_columns_and_begin_with_0() -> None:
    inside = np.array([[1, 0], [1, 0], [0, 1]], bool)
    assert encode_runs(inside) == [0, 2, 3, 1]
    assert encode_runs(~inside) == [2, 3, 1]
    assert encode_runs(np.zeros((2, 2), bool)) == [4]


def test_a_folder_of_the_users_is_not_replaced(make_sample: MakeSample, tmp_path: Path) -> None:
    write_dataset(tmp_path / "in.h5", [make_sample()], Provenance())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="mine: exists already"):
        export_coco(tmp_path / "in.h5", tmp_path / "mine")
    with pytest.raises(DataError, match=r"mine: is not replaced, because no such export writes thesis\.txt"):
        export_coco(tmp_path / "in.h5", tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").exists()
    export_coco(tmp_path / "in.h5", tmp_path / "coco")
    before = (tmp_path / "coco" / "annotations.json").read_bytes()
    export_coco(tmp_path / "in.h5", tmp_path / "coco", overwrite=True)
    assert (tmp_path / "coco" / "annotations.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["coco", "in.h5", "mine"]


def test_unlabelled_images_are_refused_and_nothing_is_left(make_sample: MakeSample, tmp_path: Path) -> None:
    write_dataset(tmp_path / "in.h5", [make_sample(labelled=False)], Provenance())
    with pytest.raises(DataError, match=r"in\.h5: has no labels"):
        export_coco(tmp_path / "in.h5", tmp_path / "coco")
    assert [path.name for path in tmp_path.iterdir()] == ["in.h5"]


@pytest.mark.parametrize("write", [export_coco, export_instances, export_mitoverse, export_ome_zarr])
def test_what_a_user_put_into_an_earlier_export_is_not_lost(
    write: Callable[..., list[Path]], make_sample: MakeSample, tmp_path: Path
) -> None:
    write_dataset(tmp_path / "in.h5", [make_sample(0), make_sample(1, (2, 24, 32))], Provenance())
    write(tmp_path / "in.h5", tmp_path / "out")
    write(tmp_path / "in.h5", tmp_path / "out", overwrite=True)
    for place in ("in.h5", "raw/a.dm4"):
        mine = tmp_path / "out" / place
        mine.parent.mkdir(exist_ok=True)
        mine.write_text("years of work")
        with pytest.raises(DataError, match=rf"out: is not replaced, because no such export writes {place}"):
            write(tmp_path / "in.h5", tmp_path / "out", overwrite=True)
        assert mine.read_text() == "years of work"
        mine.unlink()
