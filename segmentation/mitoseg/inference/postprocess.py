"""Postprocessing: from what a network says of voxels to pieces of foreground and instances."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import relabel_sequential, watershed

from mitodata import VoxelSize
from mitoseg.config.settings import Target
from mitoseg.inference.blockwise import block_voxels, drop_small, number_blocks, widen
from mitoseg.io.blocks import Part, block_edges, blocks
from mitoseg.io.scratch import InMemory, Store, StoredArray
from mitoseg.networks.targets import FLAT

PEAK = 0.6
"""Probability that a piece of foreground must reach somewhere, where the network is sure enough of what it has learnt.
What is wrongly found in real tissue mostly stays below it (docs/decisions/0009-peaks.md)."""

SMOOTH_PX = 0.7
"""Sigma by which cores are smoothed in y and x."""

SMALLEST_SEED_PX = 4
"""A core of fewer voxels is no seed."""

TOUCH = (1, 1, 1)
"""How far a block sees beyond its borders where pieces are connected."""

RIM_PX = 32
"""How far a block sees beyond its borders where instances are found by watershed."""

FARTHEST_NM = 1000.0
"""Outlines move by no more than this: mitochondria are smaller."""

OUTLINE_VOXELS = 2**22
"""Voxels in which outlines are moved at a time: distances take some 200 MB."""


@dataclass(frozen=True)
class Decoding:
    """How maps become foreground and instances; kept in the checkpoint. Thresholds are chosen on validation images.

    Attributes:
        threshold: probability from which on a voxel is foreground.
        seed: relative distance, where there is no boundary, from which on a voxel belongs to the core of an instance;
            each connected core is one instance. For the target `instance` only.
        smallest_px: instances of fewer voxels are dropped.
        peak: probability that a connected piece of foreground must reach somewhere; 0 for none.
        by_thickness: (thickness of a section in nm, best threshold for such sections), thickness rising; empty where
            `threshold` is meant for all.
        outline_nm: where masks end: so many nm outside of the outer face of the outer membrane, or inside if negative.
    """

    threshold: float = 0.5
    seed: float = 0.3
    smallest_px: int = 16
    peak: float = PEAK
    by_thickness: tuple[tuple[float, float], ...] = ()
    outline_nm: float = 0.0

    @classmethod
    def from_checkpoint(cls, content: Mapping[str, Any]) -> "Decoding":
        """Read what a checkpoint holds; the first versions wrote a threshold and nothing else.

        Raises:
            KeyError: it holds no threshold.
            TypeError: it holds something else than attributes.
            ValueError: a threshold is not between 0 and 1, or the outline lies beyond `FARTHEST_NM`.
        """
        stored = content.get("decoding", {})
        decoding = cls(**(stored if "threshold" in stored else {**stored, "threshold": content["threshold"]}))
        # JSON knows no tuples.
        decoding = replace(decoding, by_thickness=tuple((float(z), float(low)) for z, low in decoding.by_thickness))
        thresholds = (decoding.threshold, *(threshold for _, threshold in decoding.by_thickness))
        if not all(0 <= threshold <= 1 for threshold in thresholds):
            raise ValueError(f"thresholds {thresholds}; expected 0 to 1")
        if not abs(decoding.outline_nm) <= FARTHEST_NM:
            raise ValueError(f"outline {decoding.outline_nm} nm; expected at most {FARTHEST_NM:g} nm either way")
        return decoding

    def at(self, thickness_nm: float) -> "Decoding":
        """How maps of sections so thick are read: with one threshold, interpolated over the logarithm of thickness."""
        if not self.by_thickness:
            return self
        known, thresholds = zip(*self.by_thickness, strict=True)
        threshold = float(np.interp(np.log(thickness_nm), np.log(known), thresholds))
        return replace(self, threshold=round(threshold, 2), by_thickness=())

    @property
    def summary(self) -> str:
        """The threshold, or those of the thinnest and the thickest sections; and the outline, if it is moved."""
        outline = f", outline {self.outline_nm:+.0f} nm" if self.outline_nm else ""
        if not self.by_thickness:
            return f"{self.threshold:.2f}{outline}"
        ends = (self.by_thickness[0], self.by_thickness[-1])
        return " to ".join(f"{threshold:.2f} ({thickness:.3g} nm)" for thickness, threshold in ends) + outline


def find_pieces(
    maps: StoredArray, decoding: Decoding, store: Store | None = None, memory: int | None = None
) -> StoredArray:
    """Number the connected pieces (by faces) of foreground that reach the peak.

    That is thresholding with hysteresis (Canny, IEEE PAMI 1986): the low threshold draws the outlines, the high one
    decides what is there. Maps on disk are read block by block; the pieces do not depend on the blocks.

    Args:
        maps: (C, Z, Y, X) in [0, 1], of which the first is the probability of foreground; or a mask, (1, Z, Y, X) bool.
        decoding: thresholds.
        store: holds the result; None for memory.
        memory: bytes that the program may take; None for no limit.

    Returns:
        (Z, Y, X) uint32, called "pieces": 0 = background, pieces 1, 2, ... without gaps.
    """
    pieces = (store or InMemory()).array("pieces", maps.shape[1:], np.uint32)

    def connect(part: Part) -> NDArray[np.int32]:
        return connect_faces(maps[(0, *part)] >= decoding.threshold)

    def reaches_peak(part: Part) -> NDArray[np.bool_]:
        return np.asarray(maps[(0, *part)] >= decoding.peak)

    edges = block_edges(pieces.shape, TOUCH, block_voxels(maps, memory))
    number_blocks(connect, pieces, edges, TOUCH, exact=True, certain=reaches_peak if decoding.peak > 0 else None)
    return pieces


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
        outer, inner = widen(block, halo, things.shape)
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
