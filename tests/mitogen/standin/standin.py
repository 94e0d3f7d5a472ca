"""Renderers that stand in for the real one: quick, able to be slow, to fail and to die. Workers import them by name."""

import os
import resource
import time

import numpy as np

from mitodata import Sample
from mitogen.recipe.recipe import Recipe, draw
from mitogen.recipe.rng import stream

Shape = tuple[int, int, int]

PAUSE_S = 0.05
"""Seconds that the slow renderer takes for an image."""


def quick(recipe: Recipe, seed: int, index: int, shape: Shape, compartments: bool = False) -> Sample:
    raw = stream(seed, index, "noise").integers(0, 256, shape, dtype=np.uint8)
    label = np.zeros(shape, np.uint16)
    label[:, 2 : 5 + index % 3, 2:6] = 1
    label[:, 8:10, 3:9] = 2
    mask = (label > 0).astype(np.uint8)
    compartment = 2 * mask if compartments else None
    return Sample(raw, (8.0, 8.0, 8.0), label, mask, draw(recipe, seed, index), f"{index:06d}", compartment)


def slow(recipe: Recipe, seed: int, index: int, shape: Shape, compartments: bool = False) -> Sample:
    time.sleep(PAUSE_S)
    return quick(recipe, seed, index, shape)


def failing(recipe: Recipe, seed: int, index: int, shape: Shape, compartments: bool = False) -> Sample:
    if index == 5:
        raise ValueError("no room for a nucleus\nsecond line")
    return quick(recipe, seed, index, shape)


def dying(recipe: Recipe, seed: int, index: int, shape: Shape, compartments: bool = False) -> Sample:
    if index == 5:
        os._exit(9)
    return quick(recipe, seed, index, shape)


def failing_late(recipe: Recipe, seed: int, index: int, shape: Shape, compartments: bool = False) -> Sample:
    if index >= 16:  # also what a worker takes up before it hears of the failure
        raise ValueError("not now")
    return quick(recipe, seed, index, shape)


def full_disk(recipe: Recipe, seed: int, index: int, shape: Shape, compartments: bool = False) -> Sample:
    if index == 16:  # from here on the operating system refuses to write more than 100 kB into a file
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    return quick(recipe, seed, index, shape)


def threads(recipe: Recipe, seed: int, index: int, shape: Shape, compartments: bool = False) -> Sample:
    limits = [os.environ.get(f"{name}_NUM_THREADS", "0") for name in ("OMP", "OPENBLAS", "NUMBA")]
    sample = quick(recipe, seed, index, shape)
    sample.raw[:] = max(map(int, limits))
    return sample


def dots(recipe: Recipe, seed: int, index: int, shape: Shape, compartments: bool = False) -> Sample:
    """Grey `plain.grey`; a square of grey `dot.grey` in odd images if `dot.share` is above a half; steps along z."""
    numbers = draw(recipe, seed, index)
    raw = np.full(shape, round(numbers["plain.grey"]), np.uint8)
    label = np.zeros(shape, np.uint16)
    if index % 2 and numbers["dot.share"] > 0.5:
        label[:, 4:12, 4:12] = 1
        raw[label > 0] = round(numbers["dot.grey"])
    if shape[0] > 1:
        raw += (np.arange(shape[0], dtype=np.uint8) * round(numbers["stack.step"]))[:, None, None]
    return Sample(raw, (8.0, 8.0, 8.0), label, (label > 0).astype(np.uint8), numbers, f"{index:06d}")


def grey_of_white(recipe: Recipe, seed: int, index: int, shape: Shape, compartments: bool = False) -> Sample:
    """The grey level that imaging.white says, and nothing else."""
    numbers = draw(recipe, seed, index)
    return Sample(np.full(shape, min(numbers["imaging.white"], 255), np.uint8), (8.0, 8.0, 8.0), params=numbers)


def breaking(recipe: Recipe, seed: int, index: int, shape: Shape, compartments: bool = False) -> Sample:
    numbers = draw(recipe, seed, index)
    if numbers.get("imaging.white", numbers.get("plain.grey", 0)) > 220:
        raise ValueError("too bright")
    return Sample(np.full(shape, 9, np.uint8), (8.0, 8.0, 8.0), params=numbers)
