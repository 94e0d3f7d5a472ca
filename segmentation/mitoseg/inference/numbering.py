"""Foreground and instances of a volume that never is in memory, from the maps of its voxels."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mitoseg.config.settings import Target
from mitoseg.inference.instances import cut, find_instances
from mitoseg.inference.memory import SPARE, resident_bytes
from mitoseg.inference.postprocess import Decoding, decode, find_pieces
from mitoseg.io.blocks import Part
from mitoseg.io.scratch import ScratchArray

BLOCK_VOXELS = 2**22
"""Voxels that pieces and instances are looked for in at a time, where memory allows."""

BLOCK_BYTES = 100
"""What finding instances takes, by voxel."""

TOUCH = (1, 1, 1)
"""How far a block sees beyond its borders where instances are connected pieces."""

RIM_PX = 32
"""How far a block sees beyond its borders where instances are found by watershed."""


def number_pieces(maps: ScratchArray, decoding: Decoding, numbers: ScratchArray, memory: int | None = None) -> int:
    """Find the pieces of foreground as `mitoseg.inference.postprocess.find_pieces` would in the whole volume.

    Args:
        maps: (C, Z, Y, X) float32 in [0, 1], the first of them the probability of foreground.
        decoding: thresholds.
        numbers: (Z, Y, X) uint32, zeros; gets the numbers of the pieces, from 1 on.
        memory: bytes that the program may take; None for no limit.

    Returns:
        How many there are.
    """
    every = replace(decoding, peak=0.0)
    return find_instances(
        lambda part: find_pieces(maps[(0, *part)], every),
        numbers,
        cut(numbers.shape, TOUCH, _block_voxels(maps, memory)),
        TOUCH,
        exact=True,
        smallest=1,
        certain=lambda part: np.asarray(maps[(0, *part)] >= decoding.peak),
    )


def number_instances(
    maps: ScratchArray,
    pieces: ScratchArray,
    target: Target,
    decoding: Decoding,
    numbers: ScratchArray,
    memory: int | None = None,
) -> int:
    """Find the instances in the `pieces` that `number_pieces` found; other arguments and result as there.

    They are the pieces that are large enough, or come from a watershed. That needs to see whole objects, so its blocks
    have a wide rim; an object larger than that may be cut differently in two blocks.
    """
    apart = target == "instance"
    halo = (RIM_PX if numbers.shape[0] > 1 else 0, RIM_PX, RIM_PX) if apart else TOUCH
    every = replace(decoding, smallest_px=0)

    def find(part: Part) -> NDArray[np.int32]:
        return decode(maps[(slice(None), *part)], target, every, pieces[part])

    edges = cut(numbers.shape, halo, _block_voxels(maps, memory))
    return find_instances(find, numbers, edges, halo, exact=not apart, smallest=decoding.smallest_px)


def _block_voxels(maps: ScratchArray, memory: int | None) -> int:
    if memory is None:
        return BLOCK_VOXELS
    bytes_each = BLOCK_BYTES + 4 * maps.shape[0]
    return min(BLOCK_VOXELS, max(2**16, int((memory - resident_bytes() - SPARE) / bytes_each)))
