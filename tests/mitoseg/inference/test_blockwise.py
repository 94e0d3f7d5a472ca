"""Numbers of things do not depend on the blocks in which they are found."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from mitoseg.inference.blockwise import number_blocks
from mitoseg.io.blocks import Part


def numbered(inside: NDArray[np.bool_], edges: tuple[int, int, int], smallest: int = 1) -> NDArray[np.uint32]:
    def find(part: Part) -> NDArray[np.int32]:
        return np.asarray(ndimage.label(inside[part])[0], np.int32)

    numbers = np.zeros(inside.shape, np.uint32)
    count = number_blocks(find, numbers, edges, (1, 1, 1), exact=True, smallest=smallest)
    assert count == numbers.max()
    return numbers


@pytest.mark.parametrize("smallest", [1, 30])
def test_things_are_numbered_in_the_order_of_their_first_voxels(smallest: int) -> None:
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(20, 30, 41)), 1.2)
    inside = noise > noise.std()
    whole = numbered(inside, inside.shape, smallest)
    first = [np.flatnonzero(whole == number)[0] for number in range(1, whole.max() + 1)]
    assert len(first) > 10
    assert first == sorted(first)
    for edges in ((20, 15, 10), (3, 30, 41), (7, 8, 9)):
        assert np.array_equal(numbered(inside, edges, smallest), whole)
