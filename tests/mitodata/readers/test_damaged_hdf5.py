"""HDF5 whose first header is damaged is refused in one line."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from mitodata import DataError
from mitodata.readers.inputs import open_images


def test_a_root_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file["raw"] = np.zeros((4, 8, 8), np.uint8)
    content = bytearray(path.read_bytes())
    header = content.index(b"OHDR")  # of the root; its checksum covers what follows
    content[header + 12] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.h5: damaged HDF5 file \(.*checksum") as caught:
        list(open_images(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("said", [np.arange(3), 5, "another"])
def test_a_foreign_attribute_of_our_name_is_no_mark_of_ours(tmp_path: Path, said: object) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["raw"] = np.zeros((4, 8, 8), np.uint8)
        file.attrs["format"] = said
    (found,) = open_images(path)
    assert found.array.shape == (4, 8, 8)
