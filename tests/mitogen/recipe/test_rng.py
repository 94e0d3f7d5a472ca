import numpy as np

from mitogen.recipe.rng import stream, uniform, uniforms

PINNED_WORDS = [2345731726, 1484910889, 2190018679]
PINNED_UNIFORM = 0.9534720308532044


def test_same_key_same_numbers() -> None:
    assert np.array_equal(stream(3, 7, "noise").random(5), stream(3, 7, "noise").random(5))


def test_every_part_of_the_key_matters() -> None:
    first = {stream(*key).random() for key in ((0, 0, "a"), (1, 0, "a"), (0, 1, "a"), (0, 0, "b"), (1, 0, "b"))}
    assert len(first) == 5


def test_bytes_are_pinned() -> None:
    """Datasets are remade from (seed, index): these numbers may not change between versions."""
    assert stream(1, 2, "cells").integers(0, 2**32, 3).tolist() == PINNED_WORDS
    assert uniform(1, 2, "knob:a.b") == PINNED_UNIFORM


def test_uniform_lies_inside_and_fills_the_interval() -> None:
    u = np.array([uniform(0, i, "knob:a.b") for i in range(2000)])
    assert 0 < u.min() < 0.005
    assert 0.995 < u.max() < 1
    assert abs(u.mean() - 0.5) < 0.02


def test_many_uniforms_at_once_are_those_of_each() -> None:
    stages = tuple(f"knob:a.{number}" for number in range(200))
    for seed, index in ((0, 0), (1, 2), (2**63 - 1, 10**9 - 1)):
        assert uniforms(seed, index, stages) == [uniform(seed, index, stage) for stage in stages]
