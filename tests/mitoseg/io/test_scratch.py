"""What is worked on lies on disk, packed where it is mostly nothing, in blocks that suit it."""

from pathlib import Path

import numpy as np

from mitoseg.inference.blockwise import add_halo
from mitoseg.io.blocks import block_edges, blocks
from mitoseg.io.scratch import Scratch

PACK = 256
"""Pixels along y and x that lie together; sections lie apart."""


def test_numbers_of_things_take_a_fraction_of_the_room(tmp_path: Path) -> None:
    numbers = np.zeros((4, 512, 512), np.uint32)
    numbers[:, 100:160, 300:380] = 70_000
    with Scratch(tmp_path / "result") as scratch:
        store = scratch.array("numbers", numbers.shape, np.uint32)
        for part in blocks(numbers.shape, (2, 200, 300)):
            store[part] = numbers[part]
        np.testing.assert_array_equal(store[:], numbers)
        (file,) = tmp_path.iterdir()
        assert file.stat().st_size < numbers.nbytes / 20  # with what HDF5 itself needs
    assert not list(tmp_path.iterdir())


def test_blocks_with_a_thin_halo_read_little_twice() -> None:
    shape, halo = (1024, 2048, 2048), (1, 1, 1)
    packs = 0
    for block in blocks(shape, block_edges(shape, halo, 2**22)):
        (z, *plane), _ = add_halo(block, halo, shape, later=False)
        rows, columns = (-(-part.stop // PACK) - part.start // PACK for part in plane)
        packs += (z.stop - z.start) * rows * columns
    assert packs < 3 * shape[0] * (shape[1] // PACK) * (shape[2] // PACK)


def test_blocks_with_a_wide_halo_are_cubes() -> None:
    edges = block_edges((1024, 2048, 2048), (32, 32, 32), 2**22)
    assert max(edges) <= 2 * min(edges)
