"""What pixels do to instances: a spit of land narrower than a pixel becomes an island."""

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.jit import compiled


def keep_whole(label: NDArray[np.int32], instance: NDArray[np.int32], middle: NDArray[np.int64]) -> NDArray[np.int32]:
    """Leave every instance of a section in one piece (8-connected): that which holds its middle, else the largest.

    Pieces at the edge of the image stay where the middle lies outside: they may hang together there. As middles lie
    above each other, what stays is connected through a volume as well.

    Args:
        label: (Y, X) instances, 0 = background; changed in place and returned.
        instance: (P,) instances of the section, from 1.
        middle: (P, 2) pixel (row, column) of the middle of each, which may lie outside the image.
    """
    _drop_islands(label, instance, middle)
    return label


@compiled
def _drop_islands(label: NDArray[np.int32], instance: NDArray[np.int32], middle: NDArray[np.int64]) -> None:
    rows, columns = label.shape
    piece = np.zeros((rows, columns), np.int32)
    stack = np.empty((rows * columns, 2), np.int32)
    size = np.zeros(rows * columns + 1, np.int64)
    at_edge = np.zeros(rows * columns + 1, np.bool_)
    owner = np.zeros(rows * columns + 1, np.int32)
    pieces = 0
    for i in range(rows):
        for j in range(columns):
            if label[i, j] > 0 and piece[i, j] == 0:
                pieces += 1
                owner[pieces] = label[i, j]
                size[pieces], at_edge[pieces] = _flood(label, i, j, piece, pieces, stack)
    known = label.max() + 1
    inside = np.zeros(known, np.bool_)  # instances with their middle in the image
    for p in range(len(instance)):
        i, j = middle[p]
        if 0 <= i < rows and 0 <= j < columns and instance[p] < known:
            inside[instance[p]] = True
            if label[i, j] == instance[p]:
                size[piece[i, j]] += rows * columns
    best = np.zeros(known, np.int32)  # instance -> piece
    for p in range(1, pieces + 1):
        if size[p] > size[best[owner[p]]]:
            best[owner[p]] = p
    for i in range(rows):
        for j in range(columns):
            own, number = piece[i, j], label[i, j]
            if number > 0 and own != best[number] and not (at_edge[own] and not inside[number]):
                label[i, j] = 0


@compiled
def _flood(
    label: NDArray[np.int32], row: int, column: int, piece: NDArray[np.int32], name: int, stack: NDArray[np.int32]
) -> tuple[int, bool]:
    """Give a name to the piece that holds a pixel; returns its size and whether it touches the edge of the image."""
    rows, columns = label.shape
    instance = label[row, column]
    piece[row, column] = name
    stack[0, 0], stack[0, 1] = row, column
    waiting, size, at_edge = 1, 0, False
    while waiting:
        waiting -= 1
        r, c = stack[waiting, 0], stack[waiting, 1]
        size += 1
        at_edge = at_edge or r == 0 or c == 0 or r == rows - 1 or c == columns - 1
        for y in range(max(r - 1, 0), min(r + 2, rows)):
            for x in range(max(c - 1, 0), min(c + 2, columns)):
                if label[y, x] == instance and piece[y, x] == 0:
                    piece[y, x] = name
                    stack[waiting, 0], stack[waiting, 1] = y, x
                    waiting += 1
    return size, at_edge
