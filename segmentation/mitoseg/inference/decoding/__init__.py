"""What counts as foreground, and what as one object."""

from mitoseg.inference.decoding.outline import face_distance, move_outline
from mitoseg.inference.decoding.own_threshold import (
    BINS,
    LOWEST,
    choose_thresholds,
    count_levels,
    find_thresholds,
    part_levels,
    settle,
)
from mitoseg.inference.decoding.pieces import connect_faces, find_foreground, find_instances, find_pieces
from mitoseg.inference.decoding.rule import FARTHEST_NM, PEAK, SMALLEST_NM, Decoding, smallest_voxels

__all__ = [
    "BINS",
    "FARTHEST_NM",
    "LOWEST",
    "PEAK",
    "SMALLEST_NM",
    "Decoding",
    "choose_thresholds",
    "connect_faces",
    "count_levels",
    "face_distance",
    "find_foreground",
    "find_instances",
    "find_pieces",
    "find_thresholds",
    "move_outline",
    "part_levels",
    "settle",
    "smallest_voxels",
]
