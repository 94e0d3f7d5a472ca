"""What a network says of the images of a file, worked out once for all that is asked of it."""

import logging
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mitodata import Sample
from mitodata.contrast import SECTIONS, Contrast, look_at, pool, should_invert, spread
from mitodata.hdf5.dataset import Dataset
from mitodata.readers.rims import exchange
from mitodata.readers.source import Source
from mitoseg.evaluation.results import Place
from mitoseg.inference.decoding import Decoding, find_foreground, settle
from mitoseg.inference.model import Model
from mitoseg.inference.orthoplanes import Tta, choose_axes, choose_tta
from mitoseg.inference.predictor import predict_maps, predict_source
from mitoseg.io.scratch import Scratch, StoredArray

_log = logging.getLogger("mitoseg")

KEPT_BYTES = 2**27
"""Maps of sections that are kept for pictures; beyond, the images that are shown are predicted again."""


class Predictions:
    """The maps of the images of a file: each section by itself, or of a volume seen across several axes at once.

    Volumes of several axes lie on disk, in the folder for temporary files, until the end.

        with Predictions(model, file, tta=1, axes="auto") as predictions:
            maps = predictions.of(place, read_image(file, place))  # (C, Z, Y, X) float32 in [0, 1]

    Attributes:
        axes: across which the images asked for so far were looked at.
    """

    def __init__(self, model: Model, file: Dataset, *, tta: Tta, axes: str, invert: str = "off") -> None:
        """Prepare to predict the images of a file.

        Args:
            model: what predicts.
            file: whose images.
            tta: how many looks are averaged, or "auto".
            axes: some of "zyx", or "auto".
            invert: whether negatives are predicted: "auto", "on" or "off"; decided for the whole file.
        """
        self.axes = "z"
        self._negative = _should_invert(invert, file)
        self._model, self._file, self._tta, self._wanted = model, file, tta, axes
        self._kept: dict[Place, NDArray[np.float32]] = {}
        self._room = KEPT_BYTES
        self._stack = ExitStack()
        self._volume: _Volume | None = None

    def __enter__(self) -> Self:
        return self

    @property
    def tta(self) -> int:
        """How many looks at each slice are averaged."""
        return choose_tta(self._model, self.axes, self._tta)

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def of(self, place: Place, sample: Sample) -> NDArray[np.float32]:
        """All that the network says of an image, (C, Z, Y, X) float32 in [0, 1].

        Args:
            place: of the image in the file.
            sample: the image.

        Raises:
            DataError: the file is damaged, its voxel size is out of reach, there is no room for temporary files, or it
                has no slices across the axes that were asked for.
            RunError: slices across y or x with a 3D network.
        """
        if place in self._kept:
            return self._kept[place]
        file, number = self._file, place.sample
        axes = choose_axes(self._model, file.shape(number), file.voxel_size_nm(number), self._wanted)
        if axes != "z":
            self.axes = axes
            return np.asarray(self._whole(number, axes)[:, _sections(place)])
        raw = exchange(sample.raw) if self._negative else sample.raw
        maps = predict_maps(self._model, raw, sample.voxel_size_nm, tta=self._tta, path=file.path)
        if maps.nbytes <= self._room:
            self._kept[place] = maps
            self._room -= maps.nbytes
        return maps

    def pieces(self, place: Place, maps: NDArray[np.float32]) -> tuple[NDArray[np.integer], Decoding]:
        """The pieces of foreground in an image whose maps `of` gave just before, and how they were decoded.

        Of a volume seen across several axes, pieces are looked for in all of it; else in the image.

        Returns:
            (Z, Y, X): numbers, 0 = background; and the decoding, with the threshold that the image has.
        """
        if self._volume is not None and self._volume.number == place.sample:
            return np.asarray(self._volume.pieces[_sections(place)]), self._volume.decoding
        decoding = settle(self._model.decoding, maps)
        return np.asarray(find_foreground(maps, decoding, self._file.voxel_size_nm(place.sample))[:]), decoding

    def _whole(self, number: int, axes: str) -> StoredArray:
        """The maps of a sample; the one before is forgotten."""
        if self._volume is None or self._volume.number != number:
            self._stack.close()
            folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="mitoseg-")))
            scratch = self._stack.enter_context(Scratch(folder / "maps"))
            source = Source(self._file.path, "", _Grey(self._file, number), self._file.voxel_size_nm(number))
            source = source.negative() if self._negative else source
            maps = predict_source(self._model, source, scratch, axes=axes, tta=self._tta)
            decoding = settle(self._model.decoding, maps)
            pieces = find_foreground(maps, decoding, source.voxel_size_nm, scratch)
            self._volume = _Volume(number, maps, pieces, decoding)
        return self._volume.maps


@dataclass(frozen=True, eq=False)
class _Volume:
    """What is known of a sample that is seen across several axes: on disk."""

    number: int
    maps: StoredArray
    pieces: StoredArray
    decoding: Decoding


def _should_invert(invert: str, file: Dataset) -> bool:
    """Decide whether the negatives of a file are predicted, by some of its images; a line says so."""

    def contrast(number: int) -> Contrast:
        size_nm = file.voxel_size_nm(number)
        return look_at(lambda part: file.read(number, part).raw, file.shape(number), size_nm)

    found = [contrast(number) for number in spread(len(file), SECTIONS)] if invert == "auto" else []
    return should_invert(invert, pool(found), None, lambda line: _log.warning("%s: %s", file.path.name, line))


def read_image(file: Dataset, place: Place) -> Sample:
    """Read a section, or a whole volume."""
    return (
        file[place.sample] if place.z is None else file.read(place.sample, (_sections(place), slice(None), slice(None)))
    )


def _sections(place: Place) -> slice:
    return slice(None) if place.z is None else slice(place.z, place.z + 1)


class _Grey:
    """The grey levels of a sample as an array that is read in parts."""

    dtype = np.dtype(np.uint8)

    def __init__(self, file: Dataset, number: int) -> None:
        self._file, self._number = file, number
        self.shape: tuple[int, ...] = file.shape(number)

    def __getitem__(self, part: Any) -> NDArray[np.uint8]:
        return self._file.read(self._number, part).raw
