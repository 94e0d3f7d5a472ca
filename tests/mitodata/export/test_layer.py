from math import prod

import numpy as np
import pytest
from numpy.typing import NDArray

from mitodata.export.layer import Layer
from mitodata.readers.axes import Part

CHUNKS = (4, 16, 16)


@pytest.mark.parametrize("shape", [(9, 40, 50), (3, 20, 300), (1, 100, 10)])
def test_parts_are_whole_chunks_and_small_whatever_the_size_of_sections(
    shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mitodata.export.layer.PART_VOXELS", 2 * prod(CHUNKS))
    values = np.arange(prod(shape), dtype=np.uint32).reshape(shape)
    read: list[Part] = []

    def take(part: Part) -> NDArray[np.uint32]:
        read.append(part)
        return values[part]

    copy = np.zeros_like(values)
    for part, voxels in Layer("raw", shape, values.dtype, (8.0, 8.0, 8.0), take).parts(CHUNKS):
        assert all(edge.start % chunk == 0 for edge, chunk in zip(part, CHUNKS, strict=True))
        copy[part] = voxels
    np.testing.assert_array_equal(copy, values)
    assert max(prod(edge.stop - edge.start for edge in part) for part in read) <= 2 * prod(CHUNKS)


def test_small_sections_are_read_whole() -> None:
    values = np.zeros((9, 40, 50), np.uint8)
    layer = Layer("raw", values.shape, values.dtype, (8.0, 8.0, 8.0), values.__getitem__)
    assert [part for part, _ in layer.parts(CHUNKS)] == [(slice(0, 9), slice(0, 40), slice(0, 50))]
