"""How many images and instances pass on their way into a file."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from mitodata.sample import Sample


class Tally:
    """Counts.

    Attributes:
        images: how many images or volumes passed.
        instances: how many instances they hold together; None if they are not labelled.
    """

    def __init__(self) -> None:
        self.images = 0
        self.instances: int | None = None

    def samples(self, samples: Iterable[Sample]) -> Iterator[Sample]:
        """Pass samples on; each counts its instances by itself."""
        for sample in samples:
            self.images += 1
            self._add(len(_numbers(sample)), sample)
            yield sample

    def slabs(self, slabs: Iterable[Sample]) -> Iterator[Sample]:
        """Pass on the slabs of one volume, which share the numbers of instances."""
        self.images = 1
        seen = np.zeros(0, np.int64)
        for slab in slabs:
            before = len(seen)
            seen = np.union1d(seen, _numbers(slab))
            self._add(len(seen) - before, slab)
            yield slab

    def _add(self, count: int, sample: Sample) -> None:
        if sample.label is not None:
            self.instances = (self.instances or 0) + count


def _numbers(sample: Sample) -> NDArray[np.int64]:
    """The numbers of the instances in a sample."""
    if sample.label is None or sample.mask is None:
        return np.zeros(0, np.int64)
    return np.unique(sample.label[sample.label > 0]).astype(np.int64)
