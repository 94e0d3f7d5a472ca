"""Random numbers from a hash of a place: what is at one spot needs neither a list nor an order."""

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.jit import compiled


@compiled
def mix(state: np.uint64) -> np.uint64:
    """One round of splitmix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    state += np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@compiled
def place(key: np.uint64, z: int, y: int, x: int) -> np.uint64:
    """Hash of a node of a lattice; numbers of nodes are between -65536 and 65535."""
    return mix(
        key
        ^ mix(
            np.uint64(z + 65536) * np.uint64(0x100000001)
            ^ mix(np.uint64(y + 65536) * np.uint64(0x10001) ^ mix(np.uint64(x + 65536)))
        )
    )


@compiled
def unit(state: np.uint64) -> np.float32:
    """A number in [0, 1) from the upper 24 bits of a hash."""
    return np.float32(state >> np.uint64(40)) * np.float32(1.0 / 16777216.0)


@compiled
def open_unit(state: np.uint64) -> float:
    """A number in (0, 1), both ends excluded, from the upper 52 bits of a hash."""
    return (float(state >> np.uint64(12)) + 0.5) * 2.0**-52


@compiled
def chains(key: NDArray[np.uint64], count: int) -> NDArray[np.float64]:
    """Numbers (N, count) in 0-1 from N keys: those of a key depend on nothing else, and the first of them stay."""
    out = np.empty((key.size, count))
    for n in range(key.size):
        state = key[n]
        for column in range(count):
            state = mix(state)
            out[n, column] = open_unit(state)
    return out
