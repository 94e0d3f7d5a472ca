"""Random streams by key: every image and every stage of it has its own, whatever the others do.

The key is (seed, index of the image, name of the stage). An image can therefore be made again alone, bytes do not
depend on the number of workers or on their order, and adding a stage or a knob never shifts the numbers of another one.
"""

from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

_WORD = 2**64 - 1


def stream(seed: int, index: int, stage: str) -> np.random.Generator:
    """Make the random generator of one stage of one image.

    Args:
        seed: seed of the whole dataset, >= 0.
        index: number of the image, >= 0.
        stage: name of the stage; another name is an independent stream.

    Returns:
        A fresh PCG64 generator; the same key always starts the same stream. It is named here because numpy may change
        what `default_rng` returns.
    """
    return np.random.Generator(np.random.PCG64(_sequence(seed, index, stage)))


def uniform(seed: int, index: int, stage: str) -> float:
    """Give the one number in (0, 1), both ends excluded, that belongs to this key: a cheap stream of length one."""
    word = _mixed(_mixed(_mixed(seed) ^ index) ^ crc32(stage.encode()))
    # 52 bits and a half: both the smallest and the largest result are exact doubles other than 0 and 1.
    return float(((word >> 12) + 0.5) * 2.0**-52)


def uniforms(seed: int, index: int, stages: tuple[str, ...]) -> list[float]:
    """What `uniform` gives for each of many stages."""
    words = _mixed_words(np.uint64(_mixed(_mixed(seed) ^ index)) ^ _hashes(stages))
    numbers: list[float] = (((words >> np.uint64(12)) + 0.5) * 2.0**-52).tolist()
    return numbers


def _mixed(state: int) -> int:
    """One round of splitmix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    state = (state + 0x9E3779B97F4A7C15) & _WORD
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _WORD
    return state ^ (state >> 31)


def _mixed_words(states: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """As `_mixed`, for many."""
    states = states + np.uint64(0x9E3779B97F4A7C15)
    states = (states ^ (states >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    states = (states ^ (states >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return states ^ (states >> np.uint64(31))


@lru_cache(maxsize=16)
def _hashes(stages: tuple[str, ...]) -> NDArray[np.uint64]:
    return np.array([crc32(stage.encode()) for stage in stages], np.uint64)


def _sequence(seed: int, index: int, stage: str) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(index, crc32(stage.encode())))
