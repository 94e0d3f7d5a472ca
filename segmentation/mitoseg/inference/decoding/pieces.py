"""From what a network says of voxels to pieces of foreground and instances."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import relabel_sequential, watershed

from mitodata import VoxelSize
from mitoseg.config.settings import Target
from mitoseg.inference.blockwise import block_voxels, drop_small, number_blocks
from mitoseg.inference.decoding.outline import move_outline
from mitoseg.inference.decoding.own_threshold import find_thresholds
from mitoseg.inference.decoding.rule import Decoding
from mitoseg.io.blocks import Part, block_edges
from mitoseg.io.scratch import InMemory, Store, StoredArray

SMOOTH_PX = 0.7
"""Sigma by which cores are smoothed in y and x."""

SMALLEST_SEED_PX = 4
"""A core of fewer voxels is no seed."""

TOUCH = (1, 1, 1)
"""How far a block sees beyond its borders where pieces are connected."""

RIM_PX = 32
"""How far a block sees beyond its borders where instances are found by watershed."""


def find_pieces(
    maps: StoredArray,
    decoding: Decoding,
    store: Store | None = None,
    memory: int | None = None,
    *,
    apart: bool = False,
    smallest: int = 1,
) -> StoredArray:
    """Number the connected pieces (by faces) of foreground that reach the peak, and are no specks.

    That is thresholding with hysteresis (Canny, IEEE PAMI 1986): the low threshold draws the outlines, the high one
    decides what is there. Maps on disk are read block by block; the pieces do not depend on the blocks.

    Args:
        maps: (C, Z, Y, X) in [0, 1], of which the first is the probability of foreground.
        decoding: thresholds.
        store: holds the result; None for memory.
        memory: bytes that the program may take; None for no limit.
        apart: whether each section was predicted by itself: each then has a threshold of its own, if images have.
        smallest: pieces of fewer voxels are dropped (`Decoding.smallest_voxels`).

    Returns:
        (Z, Y, X) uint32, called "pieces": 0 = background, pieces 1, 2, ... without gaps.
    """
    pieces = (store or InMemory()).array("pieces", maps.shape[1:], np.uint32)
    thresholds = find_thresholds(maps, decoding, apart=apart, memory=memory).astype(np.float32)[:, None, None]

    def connect(part: Part) -> NDArray[np.int32]:
        return connect_faces(maps[(0, *part)] >= thresholds[part[0]])

    def reaches_peak(part: Part) -> NDArray[np.bool_]:
        return np.asarray(maps[(0, *part)] >= decoding.peak)

    edges = block_edges(pieces.shape, TOUCH, block_voxels(maps, memory))
    certain = reaches_peak if decoding.peak > 0 else None
    number_blocks(connect, pieces, edges, TOUCH, exact=True, smallest=smallest, certain=certain)
    return pieces


def find_foreground(
    maps: StoredArray,
    decoding: Decoding,
    voxel_size_nm: VoxelSize,
    store: Store | None = None,
    memory: int | None = None,
    *,
    apart: bool = False,
) -> StoredArray:
    """Number the pieces of foreground, as `find_pieces` does, and end them where the decoding wants it.

    Args:
        maps: as of `find_pieces`, and so are the others.
        decoding: thresholds, and where masks end.
        voxel_size_nm: (z, y, x) in nm.
        store: holds the result; None for memory.
        memory: bytes that the program may take; None for no limit.
        apart: whether each section was predicted by itself.

    Returns:
        (Z, Y, X) uint32: 0 = background, pieces 1, 2, ... without gaps. What lies above 0 is the mask.
    """
    smallest = decoding.smallest_voxels(maps.shape[1:], voxel_size_nm)
    pieces = find_pieces(maps, decoding, store, memory, apart=apart, smallest=smallest)
    if not decoding.outline_nm:
        return pieces
    return move_outline(pieces, decoding.outline_nm, voxel_size_nm, store, "outlined pieces")[0]


def find_instances(
    maps: StoredArray,
    pieces: StoredArray,
    target: Target,
    decoding: Decoding,
    store: Store | None = None,
    memory: int | None = None,
) -> tuple[StoredArray, int]:
    """Number the instances in pieces of foreground.

    With heads for boundaries and distances, connected cores are the seeds of a watershed that floods the foreground
    from the middles outwards; foreground without a core is an instance of its own. A watershed needs to see whole
    objects, so blocks have a wide rim; an object larger than that may be cut differently in two blocks. Otherwise
    instances are the pieces that are large enough.

    Args:
        maps: (C, Z, Y, X) in [0, 1], from `mitoseg.inference.predictor.predict_source`.
        pieces: (Z, Y, X), above 0 where foreground is, such as `find_pieces` finds.
        target: what the network was taught.
        decoding: thresholds.
        store: holds the result; None for memory.
        memory: bytes that the program may take; None for no limit.

    Returns:
        (Z, Y, X) uint32, called "instances": 0 = background, instances 1, 2, ... without gaps; and their number.
    """
    instances = (store or InMemory()).array("instances", maps.shape[1:], np.uint32)
    voxels, smallest = block_voxels(maps, memory), decoding.smallest_px
    if target != "instance":
        return instances, drop_small(pieces, instances, block_edges(instances.shape, TOUCH, voxels), smallest)
    halo = (RIM_PX if instances.shape[0] > 1 else 0, RIM_PX, RIM_PX)

    def divide(part: Part) -> NDArray[np.int32]:
        return _divide(maps[(slice(None), *part)], pieces[part] > 0, decoding.seed)

    edges = block_edges(instances.shape, halo, voxels)
    return instances, number_blocks(divide, instances, edges, halo, exact=False, smallest=smallest)


def connect_faces(inside: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Number what hangs together by faces."""
    numbers = np.empty(inside.shape, np.int32)
    ndimage.label(inside, output=numbers)
    return numbers


def _divide(maps: NDArray[np.float32], inside: NDArray[np.bool_], seed: float) -> NDArray[np.int32]:
    """Divide foreground, (Z, Y, X), into instances by a watershed from their cores."""
    # Smoothed within sections, or noise would break a core into many.
    core = ndimage.gaussian_filter(maps[2] * (1 - maps[1]), (0.0, SMOOTH_PX, SMOOTH_PX))
    seeds = connect_faces(inside & (core >= seed))
    count = int(seeds.max())
    seeds[(np.bincount(seeds.ravel()) < SMALLEST_SEED_PX)[seeds]] = 0
    instances = watershed(-core, seeds, mask=inside)
    rest = connect_faces(inside & (instances == 0))
    return np.asarray(relabel_sequential(np.where(rest > 0, rest + count, instances))[0], np.int32)
