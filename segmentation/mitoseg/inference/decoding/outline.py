"""Where masks end: outlines moved outwards or inwards."""

from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mitodata import VoxelSize
from mitoseg.inference.blockwise import add_halo, drop_small
from mitoseg.io.blocks import block_edges, blocks
from mitoseg.io.scratch import InMemory, Store, StoredArray
from mitoseg.networks.targets import FLAT

OUTLINE_VOXELS = 2**22
"""Voxels in which outlines are moved at a time: distances take some 200 MB."""


def move_outline(
    things: StoredArray,
    outline_nm: float,
    voxel_size_nm: VoxelSize,
    store: Store | None = None,
    name: str = "outlined",
) -> tuple[StoredArray, int]:
    """Move the outlines of numbered things outwards, or inwards; things that meet stay apart.

    A voxel belongs to the nearest thing if its centre lies at most so far outside of it, or at least so far inside.
    Distances are Euclidean in nm, in three dimensions where voxels are less than `FLAT` times as long as wide, else in
    each section. Things on disk are read block by block; the result does not depend on the blocks.

    Args:
        things: (Z, Y, X), 0 = background, numbers from 1 on.
        outline_nm: how far outwards; inwards if negative.
        voxel_size_nm: (z, y, x) in nm.
        store: holds the result; None for memory.
        name: of the result in the store.

    Returns:
        (Z, Y, X) uint32: numbers from 1 on without gaps, in the order of `things`; and how many are left.
    """
    moved = (store or InMemory()).array(name, things.shape, np.uint32)
    deep = things.shape[0] > 1 and max(voxel_size_nm) / min(voxel_size_nm) < FLAT
    reach_nm = abs(outline_nm) + max(voxel_size_nm)
    halo = tuple(ceil(reach_nm / edge) if deep or axis > 0 else 0 for axis, edge in enumerate(voxel_size_nm))
    edges = block_edges(things.shape, halo, OUTLINE_VOXELS)
    for block in blocks(things.shape, edges):
        outer, inner = add_halo(block, halo, things.shape)
        seen = np.asarray(things[outer])
        parts = [seen] if deep else seen[:, None]
        moved[block] = np.concatenate([_moved(part, outline_nm, voxel_size_nm) for part in parts])[inner]
    return moved, drop_small(moved, moved, edges, 1)


def face_distance(
    inside: NDArray[np.bool_], voxel_size_nm: VoxelSize
) -> tuple[NDArray[np.float64], NDArray[np.integer]]:
    """How far each voxel's centre is from the face of the nearest voxel inside.

    Args:
        inside: (Z, Y, X), some of them True.
        voxel_size_nm: (z, y, x) in nm.

    Returns:
        Distances in nm, of the same shape, 0 inside; and (3, Z, Y, X) the indices of those voxels.
    """
    edges_nm = np.array(voxel_size_nm)[:, None, None, None]
    distance_nm, nearest = ndimage.distance_transform_edt(~inside, sampling=voxel_size_nm, return_indices=True)
    # From centre to centre. The face lies half a voxel nearer, in the direction of the distance.
    steps = (nearest - np.indices(inside.shape)) * edges_nm
    half_nm = 0.5 * np.sqrt(((steps * edges_nm) ** 2).sum(0)) / np.maximum(distance_nm, 1e-9)
    return distance_nm - half_nm, nearest


def _moved(things: NDArray[np.integer], outline_nm: float, voxel_size_nm: VoxelSize) -> NDArray[np.integer]:
    """Move the outlines of things (Z, Y, X); of a single section in the plane."""
    inside = things > 0
    if inside.all() or not inside.any():
        return things
    distance_nm, nearest = face_distance(inside if outline_nm > 0 else ~inside, voxel_size_nm)
    if outline_nm > 0:
        return np.where(distance_nm <= outline_nm + 1e-6, things[tuple(nearest)], 0)
    return np.where(distance_nm >= -outline_nm - 1e-6, things, 0)
