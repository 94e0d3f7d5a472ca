"""Dataset files as a torch Dataset, for training loops of the user's own and of other libraries."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mitodata import DataError, Sample
from mitodata.errors import did_you_mean
from mitodata.hdf5.dataset import Dataset

TARGETS = {"mask": "mask", "instances": "label", "compartments": "compartment"}
"""What an image can be paired with, and the array of a sample that holds it."""

Pair = tuple[Tensor, Tensor]

Transform = Callable[[Tensor, Tensor], Pair]


class SampleDataset(torch.utils.data.Dataset[Pair]):
    """Images and labels of one or several dataset files, read when asked for.

        loader = DataLoader(SampleDataset("train.h5", "instances"), batch_size=8, shuffle=True, num_workers=2)

    An image is float32 from 0 to 1, (1, Y, X) of a single section and (1, Z, Y, X) of a volume. Its label is int64
    without the first axis: of "mask" 0, 1 and 255 where the truth is unknown; of "instances" numbers; of "compartments"
    classes. Workers of a loader each open the files by themselves.

    Attributes:
        files: what is read.
    """

    def __init__(
        self,
        paths: str | Path | Sequence[str | Path],
        target: str = "mask",
        *,
        as_2d: bool = False,
        transform: Transform | None = None,
    ) -> None:
        """Open files.

        Args:
            paths: one dataset file or several.
            target: one of `TARGETS`.
            as_2d: take each section of a volume as an image of its own.
            transform: applied to each image and its label, such as a random crop.

        Raises:
            DataError: a file is missing, damaged or without such labels, or the target is none.
        """
        if target not in TARGETS:
            raise DataError(
                f"target {target!r}{did_you_mean(target, TARGETS, 'expected one of ' + ', '.join(TARGETS))}"
            )
        self._array, self._as_2d, self._transform = TARGETS[target], as_2d, transform
        self.files = [Dataset(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
        for file in self.files:
            if not file.labelled or (target == "compartments" and not file.provenance.classes):
                raise DataError(f"{file.path}: has no {target}; expected a dataset with such labels")
        self._starts = [list(accumulate(self._counts(file), initial=0)) for file in self.files]
        self._ends = list(accumulate(starts[-1] for starts in self._starts))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int) -> Pair:
        """Read one image with its label; negative numbers count from the end.

        Raises:
            IndexError: there is no such image.
            DataError: the file is damaged.
        """
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(f"no image {index} among {len(self)}")
        file = bisect_right(self._ends, number)
        within = number - (self._ends[file - 1] if file else 0)
        place = bisect_right(self._starts[file], within) - 1
        pair = self._read(self.files[file], place, within - self._starts[file][place])
        return self._transform(*pair) if self._transform else pair

    def _counts(self, file: Dataset) -> list[int]:
        """How many images each sample of a file is."""
        return [file.shape(number)[0] if self._as_2d else 1 for number in range(len(file))]

    def _read(self, file: Dataset, number: int, z: int) -> Pair:
        window = (slice(z, z + 1), slice(None), slice(None)) if self._as_2d else None
        sample: Sample = file.read(number, window)
        label: NDArray[Any] = getattr(sample, self._array)
        raw = sample.raw
        if raw.shape[0] == 1:
            raw, label = raw[0], label[0]
        image = raw[np.newaxis].astype(np.float32) / np.float32(255)
        return torch.from_numpy(image), torch.from_numpy(label.astype(np.int64))
