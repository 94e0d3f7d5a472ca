from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mitodata import IGNORE, DataError, Sample
from mitodata.hdf5.dataset import Provenance, write_dataset
from mitogen.gallery.contact_sheet import contact_sheet, view, views_of
from mitogen.gallery.pictures import paints


def sample(shape: tuple[int, int, int] = (1, 32, 32), labelled: bool = True, name: str = "") -> Sample:
    raw = np.full(shape, 100, np.uint8)
    raw[shape[0] // 2] = 150
    label = np.zeros(shape, np.uint16)
    label[:, 8:24, 8:16] = 1
    label[:, 8:24, 16:24] = 2
    mask = (label > 0).astype(np.uint8)
    mask[:, :4] = IGNORE
    return Sample(raw, (5.0, 5.0, 5.0), label if labelled else None, mask if labelled else None, name=name)


def test_outlines_lie_on_the_instances_and_ignored_areas_are_tinted() -> None:
    sheet = np.asarray(contact_sheet([view(sample())], tile_px=32))
    plain, outlined = sheet[8:40, 8:40], sheet[8:40, 42:74]
    assert np.all(plain == 150)
    changed = np.any(outlined != 150, axis=2)
    inside = np.zeros((32, 32), bool)
    inside[8:24, 8:24] = True
    assert changed[:4].all()
    assert not changed[4:][~inside[4:]].any()
    assert changed[8, 8:24].all()
    assert changed[8:24, 15].all()  # the border between two touching instances
    assert changed[8:24, 16].all()
    assert not changed[10:22, 10:14].any()
    assert len(np.unique(outlined[8:24, 15:17].reshape(-1, 3), axis=0)) == 2


def test_sheets_of_any_mixture() -> None:
    sheet = contact_sheet(map(view, [sample(), sample((3, 20, 60), labelled=False), sample((1, 700, 40))]), columns=2)
    assert sheet.size[0] > 2 * 256
    assert contact_sheet([]).size[0] > 0


def volume() -> Sample:
    """Grey levels that say where they are: 3 z + 5 y + 2 x; voxels of 20 x 5 x 5 nm."""
    z, y, x = np.indices((7, 24, 32))
    label = np.zeros((7, 24, 32), np.uint16)
    label[2:5, 4:9, 10:20] = 3
    label[5:, 15:20, 2:9] = 4
    raw = (3 * z + 5 * y + 2 * x).astype(np.uint8)
    return Sample(raw, (20.0, 5.0, 5.0), label, (label > 0).astype(np.uint8), name="v")


def test_a_volume_shows_the_planes_through_its_middle(tmp_path: Path) -> None:
    write_dataset(tmp_path / "v.h5", [volume()], Provenance())
    (from_file,) = views_of(tmp_path / "v.h5", 8)
    for shown in (view(volume()), from_file):
        xy, xz, yz = shown.planes
        np.testing.assert_array_equal(xy.raw[0], volume().raw[3])
        np.testing.assert_array_equal(xz.raw[0], volume().raw[:, 12])
        np.testing.assert_array_equal(yz.raw[0], volume().raw[:, :, 16].T)
        assert [plane.voxel_size_nm[1:] for plane in shown.planes] == [(5, 5), (20, 5), (5, 20)]
        assert shown.caption == "v   1 instance   20 x 5 x 5 nm   7 sections: xy, xz, yz"


def test_planes_of_a_volume_are_drawn_to_one_scale() -> None:
    sheet = np.asarray(contact_sheet([view(volume())], tile_px=32))
    # 24 rows of xy, 7 sections of four pixels each, and a seam of two between them.
    np.testing.assert_array_equal(sheet[8:32, 8:40, 0], volume().raw[3])
    assert np.all(sheet[32:34, 8:40] == 255)
    assert np.all(sheet[34:62, 8:40] != 255)
    assert np.all(sheet[8:32, 42:70] != 255)
    assert np.all(sheet[34:62, 42:70] == 255)


def test_compartments_are_painted_and_explained() -> None:
    classes = {0: "extracellular", 1: "cytoplasm", 2: "plasma_membrane", 6: "matrix", 13: "myelin"}
    compartment = np.ones((1, 32, 32), np.uint8)
    compartment[:, :, 8:16], compartment[:, :, 16:] = 2, 6
    mapped = replace(sample(labelled=False), compartment=compartment)
    sheet = np.asarray(contact_sheet([view(mapped)], classes, tile_px=32))
    tile = sheet[8:40, 42:74]
    assert np.all(tile[:, :8] == 150)
    for columns, number in ((slice(8, 16), 2), (slice(16, 32), 6)):
        expected = 0.45 * 150 + 0.55 * np.array(paints(classes)[number])
        assert np.all(np.abs(tile[:, columns] - expected) <= 1)
    plain = contact_sheet([view(sample(labelled=False))], classes, tile_px=32)
    colours = {tuple(pixel) for pixel in sheet[plain.size[1] :].reshape(-1, 3).tolist()}
    assert paints(classes)[2] in colours
    assert paints(classes)[6] in colours
    assert paints(classes)[13] not in colours  # does not occur


def test_caption_says_the_thickness_drawn_for_the_section() -> None:
    params = replace(sample(name="7"), params={"section.thickness_nm": 31.0})
    assert view(params).caption == "7   2 instances   31 x 5 x 5 nm"
    assert view(sample(name="7", labelled=False)).caption == "7   5 x 5 x 5 nm"


def test_sections_are_spread_over_the_file(tmp_path: Path) -> None:
    write_dataset(tmp_path / "a.h5", [sample(name=str(i)) for i in range(9)], Provenance())
    assert [shown.planes[0].name for shown in views_of(tmp_path / "a.h5", 3)] == ["0", "4", "8"]


def test_a_file_that_is_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_text("no")
    with pytest.raises(DataError):
        list(views_of(tmp_path / "a.h5", 3))
