"""Global heaps of HDF5 files, which hold texts of any length: one kind of damage there makes the library loop for ever.

A heap is a row of objects, each behind a header with its size. An object that ends where it begins leads nowhere.
Pixels may look like a heap by chance. HDF5 follows only what has the size of a heap and is referred to by its address.
Format: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, section III.E.
"""

import os
from pathlib import Path

_START = b"GCOL\x01\0\0\0"
"""A heap begins with its signature, its version, and zeros."""

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
"""HDF5 begins with it, at the start of a file or behind a user block; addresses count from there."""

_SMALLEST = 4096
"""Bytes of the smallest heap that HDF5 writes, and accepts."""

_HEADER = 16
"""Bytes of the header of a heap, and of that of an object."""

_SCANNED_BYTES = 2**24
"""Bytes from the beginning of a file in which heaps are looked for: attributes lie there, which every reader reads."""


def stuck_heap(path: Path) -> int | None:
    """Find a heap in which HDF5 would get stuck, in the first 16 MiB of a file.

    Returns:
        Where it lies, in bytes from the start of the file; None if there is none.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        length = os.fstat(file.fileno()).st_size
        content = file.read(min(length, _SCANNED_BYTES))
    base = max(content.find(_SIGNATURE), 0)
    place = content.find(_START)
    while place >= 0:
        end = place + _number(content, place + 8, 8)
        is_heap = place + _SMALLEST <= end <= length and (place - base).to_bytes(8, "little") in content
        if is_heap and _is_stuck(content, place, end):
            return place
        place = content.find(_START, place + 1)
    return None


def _is_stuck(content: bytes, start: int, end: int) -> bool:
    """Whether an object of the heap from `start` to `end` does not lead to the next one."""
    place = start + _HEADER
    while place + _HEADER <= min(end, len(content)):
        used, size = _number(content, place, 2) > 0, _number(content, place + 8, 8)
        # Objects are padded to eight bytes; number 0 is the rest, and its size counts the header.
        step = _HEADER + -(-size // 8) * 8 if used else size
        if step < _HEADER or place + step > end:
            return True
        place += step
    return False


def _number(content: bytes, place: int, length: int) -> int:
    return int.from_bytes(content[place : place + length], "little")
