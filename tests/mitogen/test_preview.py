from pathlib import Path

import numpy as np
import pytest

from mitodata import IGNORE, DataError, Sample
from mitodata.store import Provenance, write_dataset
from mitogen.preview import contact_sheet, middle_section, sections_of


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
    sheet = np.asarray(contact_sheet([sample()], tile_px=32))
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
    sheet = contact_sheet([sample(), sample((3, 20, 60), labelled=False), sample((1, 700, 40))], columns=2)
    assert sheet.size[0] > 2 * 256
    assert contact_sheet([]).size[0] > 0


def test_a_volume_shows_its_middle_slice(tmp_path: Path) -> None:
    volume = sample((5, 32, 32), name="v")
    assert np.all(middle_section(volume).raw == 150)
    write_dataset(tmp_path / "v.h5", [volume], Provenance())
    (section,) = sections_of(tmp_path / "v.h5", 8)
    assert section.raw.shape == (1, 32, 32)
    assert np.all(section.raw == 150)


def test_sections_are_spread_over_the_file(tmp_path: Path) -> None:
    write_dataset(tmp_path / "a.h5", [sample(name=str(i)) for i in range(9)], Provenance())
    assert [section.name for section in sections_of(tmp_path / "a.h5", 3)] == ["0", "4", "8"]


def test_a_file_that_is_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_text("no")
    with pytest.raises(DataError):
        list(sections_of(tmp_path / "a.h5", 3))
