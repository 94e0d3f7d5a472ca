"""Windows over a volume that never is in memory: blended as MONAI blends them, a few sections at a time.

A tile of the sections is predicted through all of z before the next one begins. Within a tile no window is predicted
twice and only the sections under the current windows are held; where a whole section fits, there is one tile. Windows
lie where MONAI's sliding window inference puts them on the whole volume, so the result does not depend on the tiles.
Each may be turned and mirrored, and what the network says of that averaged: test-time augmentation (TTA).
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from mitodata import RunError
from mitoseg.inference.model import Predictor
from mitoseg.inference.tiling import HoldsTissue, Targets, Tile, Windows, slab_depth
from mitoseg.inference.working_grid import Span, resample_section

SPREAD = 0.125
"""Sigma of those weights, as share of a window's side; as in MONAI and nnU-Net."""

LEAST = 1e-30
"""Weights are larger than this, where there are any."""

ORIENTATIONS = (1, 4, 8)
"""How many orientations may be averaged: the window as it is; with its mirror images in y, in x and in both; all
quarter turns of the window and of its mirror image."""

SectionReader = Callable[[int, Span, Span], NDArray[np.float32]]
"""A part [y), [x) of the section z, normalised: float32 on the stored grid."""


def stream_tile(
    windows: Windows,
    tile: Tile,
    read: SectionReader,
    predict: Predictor,
    device: torch.device,
    places: range | None = None,
    tissue: HoldsTissue | None = None,
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Predict a tile section by section, in the order of z.

    Args:
        windows: how to move over the volume.
        tile: a part of the sections.
        read: gives normalised parts of sections.
        predict: the network with whatever belongs to it.
        device: of the network; the slab is kept there.
        places: sections that are wanted, z by z; None for all. What is said of them does not depend on it.
        tissue: says where it is: windows without any are not looked at; None: all are.

    Yields:
        z, and the maps (C, Y, X) float32 in [0, 1] of the tile's part of that section; 0 where nothing was looked at.
    """
    axis = windows.axes[0]
    finished: dict[int, NDArray[np.float32]] = {}
    wanted = range(axis.stored) if places is None else places
    z = wanted.start
    needed, targets = axis.needed((z, wanted.stop)), Targets(windows, tile, tissue)
    for place, maps in _stream_padded(targets, _Loader(windows, tile, read), predict, device, needed):
        finished[place] = maps
        while z < wanted.stop and axis.needed((z, z + 1))[1] <= place + 1:
            start, stop = axis.needed((z, z + 1))
            for old in [number for number in finished if number < start]:
                del finished[old]
            yield z, _weigh([finished[number] for number in range(start, stop)], axis.to_stored((z, z + 1)))
            z += 1


def importance_map(size: tuple[int, int, int], device: torch.device | None = None) -> Tensor:
    """Weights of the pixels of a window of `size`, (Z, Y, X) float32: a Gaussian around its middle.

    As MONAI's `compute_importance_map`, but for what that raises to .001: towards the corners of a window this is so
    much of it that they count as much as a neighbour that is better placed, and end in a seam.
    """
    weights = torch.ones((), device=device)
    for length in size:
        places = torch.arange(length, device=device) - (length - 1) / 2
        weights = weights[..., None] * torch.exp(-0.5 * (places / (SPREAD * length)) ** 2)
    return weights


def _stream_padded(
    targets: Targets, load: "_Loader", predict: Predictor, device: torch.device, needed: Span
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Predict a tile on the padded grid of z, section by section; y and x are back on the stored grid.

    Sections before those that are needed, under the first windows, are not whole.
    """
    windows, tile = load.windows, load.tile
    depth = slab_depth(windows, tile)
    importance = importance_map(windows.size, device)
    slab = torch.zeros((depth, *tile.shape), device=device)
    total = torch.zeros((windows.channels, depth, *tile.shape), device=device)
    weight = torch.zeros((depth, *tile.shape), device=device)
    held = 0
    for start, used, done in _steps(windows, depth, needed):
        corners = [(z, y, x) for z in range(used - windows.size[0] + 1) for y, x in targets.at(start + z)]
        for place in range(held, used) if corners or windows.size[0] > 1 else ():
            slab[place] = torch.from_numpy(load(start + place)).to(device)
        for first in range(0, len(corners), windows.batch):
            cuts = [_cut(corner, windows.size) for corner in corners[first : first + windows.batch]]
            maps = predict(torch.stack([slab[cut] for cut in cuts])[:, None])
            for cut, found in zip(cuts, maps, strict=True):
                total[(slice(None), *cut)] += found * importance
                weight[cut] += importance
        for place in range(done):
            yield (
                start + place,
                _to_stored(windows, tile, (total[:, place] / weight[place].clamp(min=LEAST)).cpu().numpy()),
            )
        held = used - done
        for array in (slab, total.transpose(0, 1), weight):
            array[:held] = array[done:used].clone()
            array[held:] = 0


def _cut(corner: tuple[int, int, int], size: tuple[int, int, int]) -> tuple[slice, ...]:
    return tuple(slice(start, start + length) for start, length in zip(corner, size, strict=True))


def _steps(windows: Windows, depth: int, needed: Span) -> Iterator[tuple[int, int, int]]:
    """Slabs as padded start, sections that are used, and sections that no later window touches."""
    if windows.size[0] == 1:
        for start in range(*needed, depth):
            used = min(depth, needed[1] - start)
            yield start, used, used
        return
    starts = windows.touching(0, needed)
    for start, following in zip(starts, [*starts[1:], starts[-1] + depth], strict=True):
        yield start, depth, following - start


class _Loader:
    """Brings parts of sections to the padded grid."""

    def __init__(self, windows: Windows, tile: Tile, read: SectionReader) -> None:
        self.windows, self.tile, self._read = windows, tile, read
        self._z, *plane = windows.axes
        (self._rows, self._row_weights), (self._columns, self._column_weights) = (
            axis.from_stored(part) for axis, part in zip(plane, tile.region, strict=True)
        )
        self._plain = all(axis.plain for axis in plane)
        self._kept: dict[int, NDArray[np.float32]] = {}

    def __call__(self, place: int) -> NDArray[np.float32]:
        """The region of a section, (Y, X) float32, by its index on the padded z axis."""
        (start, stop), weights = self._z.from_stored((place, place + 1))
        # Stored sections that lie between two of the network's are read once.
        kept = {z: self._kept[z] if z in self._kept else self._section(z) for z in range(start, stop)}
        self._kept = kept if self._z.resampled else {}
        return _weigh([kept[z] for z in range(start, stop)], weights)

    def _section(self, z: int) -> NDArray[np.float32]:
        section = self._read(z, self._rows, self._columns)
        return section if self._plain else resample_section(section, self._row_weights, self._column_weights)


def _to_stored(windows: Windows, tile: Tile, maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring maps (C, Y, X) of the region to the stored grid of the tile's part."""
    cuts, weights = [], []
    for axis, part, region in zip(windows.axes[1:], tile.part, tile.region, strict=True):
        start, stop = axis.needed(part)
        cuts.append(slice(start - region[0], stop - region[0]))
        weights.append(axis.to_stored(part))
    maps = maps[:, cuts[0], cuts[1]]
    if any(axis.resampled for axis in windows.axes[1:]):
        maps = np.stack([resample_section(each, weights[0], weights[1]) for each in maps])
    return maps.clip(0, 1)


def _weigh(arrays: list[NDArray[np.float32]], weights: csr_array) -> NDArray[np.float32]:
    """Sum of N arrays times the weights (1, N)."""
    if len(arrays) == 1:
        return arrays[0]
    total = np.zeros_like(arrays[0])
    for array, weight in zip(arrays, weights.toarray()[0], strict=True):
        total += array * weight
    return total


def turn(predict: Predictor, quarters: int) -> Predictor:
    """Let `predict` see each window, (B, 1, Z, Y, X), turned by so many quarters; what it says is turned back."""
    if not quarters:
        return predict
    return lambda windows: torch.rot90(predict(torch.rot90(windows, quarters, (-2, -1))), -quarters, (-2, -1))


def average_orientations(predict: Predictor, number: int) -> Predictor:
    """Let `predict` see each window, (B, 1, Z, Y, X) with Y = X, in some orientations, and average what it says.

    Raises:
        RunError: `number` is none of `ORIENTATIONS`.
    """
    if number not in ORIENTATIONS:
        raise RunError(f"{number} orientations; expected one of {', '.join(map(str, ORIENTATIONS))}")
    if number == 1:
        return predict
    orientations = [(mirrored, quarter) for mirrored in (False, True) for quarter in range(0, 4, 8 // number)]

    def predict_orientations(windows: Tensor) -> Tensor:
        total: Tensor | None = None
        for mirrored, quarter in orientations:
            turned = torch.rot90(windows.flip(-1) if mirrored else windows, quarter, (-2, -1))
            back = torch.rot90(predict(turned), -quarter, (-2, -1))
            back = back.flip(-1) if mirrored else back
            total = back if total is None else total + back
        assert total is not None
        return total / len(orientations)

    return predict_orientations
