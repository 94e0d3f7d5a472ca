from collections.abc import Callable

import numpy as np
import pytest

from mitodata import Sample

MakeSample = Callable[..., Sample]


@pytest.fixture
def make_sample() -> MakeSample:
    """A function of (number, shape, knobs, labelled, mapped) that makes a random sample."""

    def make(
        number: int = 0,
        shape: tuple[int, int, int] = (1, 24, 32),
        knobs: int = 2,
        labelled: bool = True,
        mapped: bool = False,
    ) -> Sample:
        rng = np.random.default_rng(number)
        label = ((rng.random(shape) > 0.7) * (number + 1)).astype(np.uint16)
        return Sample(
            rng.integers(0, 256, shape, dtype=np.uint8),
            (40.0, 5.0, 4.5),
            label if labelled else None,
            (label > 0).astype(np.uint8) if labelled else None,
            params={f"knob_{k}": float(k + number) for k in range(knobs)},
            name=f"image {number}",
            compartment=(rng.integers(0, 3, shape, dtype=np.uint8) * 5) if mapped else None,
        )

    return make
