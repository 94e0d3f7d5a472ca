"""Patches of what is known: windows around known pixels, with all else marked as ignored."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mitodata import IGNORE, Sample, VoxelSize
from mitodata.readers.hdf5 import SUFFIXES
from mitoseg.config.settings import FitConfig
from mitoseg.data import Patches, RenderedPatches, SectionFiles, resolve_recipe
from mitoseg.data.patches import make_window, window_px
from mitoseg.networks.normalisation import GreyScale, measure_grey, working_shape
from mitoseg.transfer.finetuning.regions import LabelledSection

FOREGROUND = 0.5
"""Share of patches around foreground; the others lie anywhere in what is known."""

POOL = 128
"""Rendered patches that are shown in turn: augmentation makes them different each time, and rendering takes longer."""

_PLACES = 4096
"""Pixels of each kind that are remembered of a section."""


class MarkedPatches:
    """An endless sequence: patch k is the same whatever was made before."""

    def __init__(
        self, sections: Sequence[LabelledSection], folds: Sequence[int], config: FitConfig, outline_nm: float = 0.0
    ) -> None:
        """Take what is known in some folds of `sections`; labels that end outside of the outer face are moved to it.

        Raises:
            DataError: a voxel size is out of reach.
        """
        self._config = config.model_copy(update={"target": "semantic"})
        self._window = window_px(config)
        rng = np.random.default_rng(np.random.SeedSequence(config.seed, spawn_key=(8,)))
        marked = [_mark(each, each.known_in(folds, outline_nm), config, rng) for each in sections]
        self._sections = [each for each in marked if each.known_px]
        shares = np.array([each.known_px for each in self._sections], np.float64)
        self._shares = shares / shares.sum()

    def batch(self, first: int, count: int) -> Tensor:
        """Patches number `first` to `first + count - 1`: (count, 3, Y, X) float32, grey, foreground, ignored share."""
        return torch.stack([self._patch(number) for number in range(first, first + count)])

    def _patch(self, number: int) -> Tensor:
        rng = np.random.default_rng(np.random.SeedSequence(self._config.seed, spawn_key=(7, number)))
        section = self._sections[int(rng.choice(len(self._sections), p=self._shares))]
        places = section.inside if rng.random() < FOREGROUND and len(section.inside) else section.known
        y, x = places[int(rng.integers(len(places)))].tolist()
        rows, columns = (
            _span(place, ceil(side / scale), length, rng)
            for place, side, scale, length in zip(
                (y, x), self._window[1:], section.scales, section.mask.shape, strict=True
            )
        )
        mask = section.mask[rows, columns][None]
        raw = section.raw[rows, columns][None]
        sample = Sample(raw, section.voxel_size_nm, (mask == 1).astype(np.uint16), mask)
        size = [max(1, round(length * scale)) for length, scale in zip(mask.shape[1:], section.scales, strict=True)]
        return make_window(sample, [section.grey], (1, size[0], size[1]), self._window, self._config, {})


class RenderedPool:
    """Rendered patches that are shown again and again: each is made when it is first asked for."""

    def __init__(self, source: Path | str, config: FitConfig) -> None:
        """Take what is rendered from a recipe, or already lies in a file.

        Args:
            source: a labelled HDF5 file, a preset of mitogen, or a recipe's file that ends in .toml.
            config: settings, with the target of the network.

        Raises:
            MitoError: there is no such recipe, or the file cannot be used.
        """
        if str(source).endswith(SUFFIXES):
            files = SectionFiles([Path(source)])
            self._patches: Patches | RenderedPatches = Patches(files, files.sections(), config)
        else:
            self._patches = RenderedPatches(resolve_recipe(str(source)), config)
        self._made: dict[int, Tensor] = {}
        self.batch(0, 1)  # what cannot be had is said before minutes are spent

    def batch(self, first: int, count: int) -> Tensor:
        """Patches number `first` to `first + count - 1`, as `mitoseg.data.Patches` gives them."""
        return torch.stack([self._patch(number % POOL) for number in range(first, first + count)])

    def _patch(self, number: int) -> Tensor:
        if number not in self._made:
            self._made[number] = self._patches[number]
        return self._made[number]


@dataclass(frozen=True, eq=False)
class _Marked:
    """A section as patches need it: what is known, (Y, X); its scales (y, x) to the working grid; places (K, 2)."""

    raw: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    voxel_size_nm: VoxelSize
    grey: GreyScale
    scales: tuple[float, float]
    known: NDArray[np.int64]
    inside: NDArray[np.int64]
    known_px: int


def _mark(section: LabelledSection, mask: NDArray[np.uint8], config: FitConfig, rng: np.random.Generator) -> _Marked:
    y, x = mask.shape
    working = working_shape((y, x), section.voxel_size_nm, config.working_voxel_nm)
    known, inside = np.flatnonzero(mask != IGNORE), np.flatnonzero(mask == 1)
    places = [np.stack(np.divmod(_some(each, rng), x), 1) for each in (known, inside)]
    scales = (working[0] / y, working[1] / x)
    grey = measure_grey(section.raw)
    return _Marked(section.raw, mask, section.voxel_size_nm, grey, scales, places[0], places[1], len(known))


def _some(places: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    return places if len(places) <= _PLACES else rng.choice(places, _PLACES, replace=False)


def _span(place: int, length: int, whole: int, rng: np.random.Generator) -> slice:
    """So many pixels around a place, which lies anywhere in the middle half of them, as far as the section reaches."""
    length = min(length, whole)
    start = min(max(place - int(length * rng.uniform(0.25, 0.75)), 0), whole - length)
    return slice(start, start + length)
