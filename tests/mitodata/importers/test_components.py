import numpy as np
import pytest
from scipy import ndimage

from mitodata import DataError
from mitodata.importers.components import Numbering, VolumeComponents, label_section


@pytest.mark.parametrize("slab", [1, 3, 4, 16])
@pytest.mark.parametrize("density", [0.0, 0.03, 0.1, 0.3])
def test_slabs_give_the_components_of_the_whole(slab: int, density: float) -> None:
    mask = (np.random.default_rng(1).random((13, 20, 22)) < density).astype(np.uint8)
    expected, count = ndimage.label(mask, np.ones((3, 3, 3)))
    components = VolumeComponents(lambda start, stop: mask[start:stop], 13, slab)
    found = np.concatenate([components.labels(z, min(z + slab, 13)) for z in range(0, 13, slab)])
    assert components.count == count
    assert found.dtype == np.uint16
    pairs = np.unique(np.stack([found.ravel(), expected.ravel()]), axis=1)
    assert pairs.shape[1] == len(np.unique(expected))  # one to one, background to background
    np.testing.assert_array_equal(found > 0, mask > 0)


def test_two_branches_that_meet_later_are_one() -> None:
    mask = np.zeros((6, 5, 9), np.uint8)
    mask[:5, 2, 1] = mask[:5, 2, 7] = 1
    mask[5, 2, 1:8] = 1
    mask[0, 0, 4] = 1  # on its own
    components = VolumeComponents(lambda start, stop: mask[start:stop], 6, 2)
    found = np.concatenate([components.labels(z, z + 2) for z in range(0, 6, 2)])
    assert components.count == 2
    assert found[0, 2, 1] == found[0, 2, 7] == found[5, 2, 4] != found[0, 0, 4]


def test_sections() -> None:
    mask = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0], [1, 255, 1]], np.uint8)
    labels = label_section(mask)
    assert labels.dtype == np.uint16
    assert labels.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0], [2, 0, 3]]


def test_numbers_that_begin_anew_in_each_section_are_no_instances_of_a_volume() -> None:
    grid = np.kron(np.arange(1, 17, dtype=np.uint16).reshape(4, 4), np.ones((3, 3), np.uint16))
    through, anew = Numbering("here"), Numbering("here")
    for z in range(4):
        through.note(np.roll(grid, z, axis=0))  # objects wander by a pixel a section
    anew.note(grid)
    with pytest.raises(DataError, match=r"16 of 16 numbers lie elsewhere in the next section.*--as-2d"):
        anew.note(grid[::-1, ::-1])


def test_few_numbers_that_lie_elsewhere_are_said(caplog: pytest.LogCaptureFixture) -> None:
    grid = np.kron(np.arange(1, 5, dtype=np.uint16).reshape(2, 2), np.ones((3, 3), np.uint16))
    through, anew = Numbering("through"), Numbering("anew")
    for z in range(2):
        through.note(np.roll(grid, z, axis=0))
        anew.note(np.roll(grid, 3 * z, axis=0))
    through.say()
    anew.say()
    (record,) = caplog.records
    assert record.getMessage().startswith("anew: 4 of 4 numbers lie elsewhere in the next section; if each section")
