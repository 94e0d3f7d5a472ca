"""Windows that stream: the same result as MONAI's on the whole image, whatever the tiles."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.inferers.utils import sliding_window_inference
from numpy.typing import NDArray
from torch import Tensor, nn

from mitodata import RunError
from mitoseg.config.settings import make_config
from mitoseg.inference.model import Model
from mitoseg.inference.sliding_window import average_orientations, importance_map, stream_tile, turn
from mitoseg.inference.tiling import OVERLAP, Tile, Windows, fit_memory, whole
from mitoseg.inference.working_grid import Axis, Span, resample_section, to_grid
from mitoseg.networks.memory import parse_memory, resident_bytes
from mitoseg.networks.normalisation import resample

CPU = torch.device("cpu")


class Blur(nn.Module):
    """Looks around, and tells the edge of a window from its middle: seams would show."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Conv3d(1, 2, 5, padding=2)

    def forward(self, windows: Tensor) -> Tensor:
        return torch.sigmoid(self.layer(windows))


@pytest.fixture
def network() -> nn.Module:
    return Blur().eval()


@pytest.fixture
def predict(network: nn.Module) -> Callable[[Tensor], Tensor]:
    return torch.no_grad()(network)


def run(
    windows: Windows, tiles: list[Tile], volume: NDArray[np.float32], predict: Callable[[Tensor], Tensor]
) -> NDArray[np.float32]:
    def read(z: int, y: Span, x: Span) -> NDArray[np.float32]:
        return volume[z, slice(*y), slice(*x)]

    found = np.full((windows.channels, *volume.shape), np.nan, np.float32)
    for tile in tiles:
        for z, maps in stream_tile(windows, tile, read, predict, CPU):
            found[:, z, slice(*tile.part[0]), slice(*tile.part[1])] = maps
    return found


def cut(windows: Windows, rows: int, columns: int) -> list[Tile]:
    y, x = windows.axes[1].stored, windows.axes[2].stored
    return [
        Tile.of(windows, ((a * y // rows, (a + 1) * y // rows), (b * x // columns, (b + 1) * x // columns)))
        for a in range(rows)
        for b in range(columns)
    ]


@pytest.mark.parametrize("size", [(1, 16, 16), (8, 16, 16)])
@pytest.mark.parametrize("batch", [1, 5])
def test_streamed_is_monai_on_the_whole_volume(
    size: tuple[int, int, int], batch: int, predict: Callable[[Tensor], Tensor]
) -> None:
    volume = np.random.default_rng(0).random((19, 40, 53)).astype(np.float32)
    axes = tuple(Axis.of(length, length, side) for length, side in zip(volume.shape, size, strict=True))
    windows = Windows((axes[0], axes[1], axes[2]), size, 2, batch)
    expected = sliding_window_inference(
        torch.from_numpy(volume)[None, None],
        size,
        3,
        predict,
        overlap=(0 if size[0] == 1 else OVERLAP, OVERLAP, OVERLAP),
        mode="gaussian",
        roi_weight_map=importance_map(size),
    )
    assert isinstance(expected, Tensor)
    for tiles in ([whole(windows)], cut(windows, 3, 4)):
        np.testing.assert_allclose(run(windows, tiles, volume, predict), expected[0].numpy(), atol=1e-6)


def test_windows_end_without_a_seam() -> None:
    """Also in the corners of a window, where its weights are least; each window here says another number."""
    size, shape = (1, 64, 64), (1, 80, 80)
    axes = tuple(Axis.of(length, length, side) for length, side in zip(shape, size, strict=True))
    windows, numbers = Windows((axes[0], axes[1], axes[2]), size, 1, 1), iter(range(4))

    def predict(window: Tensor) -> Tensor:
        return torch.full_like(window, next(numbers) / 3)

    (found,) = run(windows, [whole(windows)], np.zeros(shape, np.float32), predict)
    assert found.min() == 0
    assert found.max() == 1
    for axis in (1, 2):
        assert np.abs(np.diff(found, axis=axis)).max() < 0.11  # with a lower limit to the weights .31


@pytest.mark.parametrize("stored", [(7, 30, 90), (3, 9, 50), (12, 61, 40)])
def test_tiles_leave_no_seams_on_another_grid(
    stored: tuple[int, int, int], predict: Callable[[Tensor], Tensor]
) -> None:
    volume = np.random.default_rng(1).random(stored).astype(np.float32)
    working = (round(stored[0] * 1.6), round(stored[1] * 0.6), round(stored[2] * 1.3))
    axes = [Axis.of(a, b, side) for a, b, side in zip(stored, working, (8, 16, 16), strict=True)]
    windows = Windows((axes[0], axes[1], axes[2]), (8, 16, 16), 2, 4)
    found = run(windows, [whole(windows)], volume, predict)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(run(windows, cut(windows, 4, 3), volume, predict), found, atol=1e-5)


@settings(max_examples=50, deadline=None)
@given(length=st.integers(1, 60), wanted=st.integers(1, 60), seed=st.integers(0, 9), data=st.data())
def test_parts_are_resampled_as_the_whole(length: int, wanted: int, seed: int, data: st.DataObject) -> None:
    image = np.random.default_rng(seed).random((length, 9)).astype(np.float32)
    expected = resample(torch.from_numpy(image)[None, None], (wanted, 9))[0, 0].numpy()
    start = data.draw(st.integers(0, wanted - 1))
    stop = data.draw(st.integers(start + 1, wanted))
    (first, last), weights = to_grid(np.arange(start, stop), length, wanted)
    columns = to_grid(np.arange(9), 9, 9)[1]
    found = resample_section(image[first:last], weights, columns)
    np.testing.assert_allclose(found, expected[start:stop], atol=1e-4)


@pytest.mark.parametrize("tta", [4, 8])
def test_orientations_are_turned_back(tta: int) -> None:
    windows = torch.rand(2, 1, 3, 8, 8)
    torch.testing.assert_close(average_orientations(lambda seen: 2 * seen, tta)(windows), 2 * windows)
    orientations: list[Tensor] = []

    def look(seen: Tensor) -> Tensor:
        orientations.append(seen)
        return seen

    average_orientations(look, tta)(windows)
    assert len({each.numpy().tobytes() for each in orientations}) == tta


def test_a_turned_window_is_turned_back() -> None:
    windows = torch.rand(2, 1, 1, 8, 6)
    seen: list[Tensor] = []

    def look(window: Tensor) -> Tensor:
        seen.append(window)
        return 2 * window

    torch.testing.assert_close(turn(look, 1)(windows), 2 * windows)
    torch.testing.assert_close(seen[0], torch.rot90(windows, 1, (-2, -1)))


def test_orientations_that_are_not_to_be_had() -> None:
    with pytest.raises(RunError, match="3 orientations; expected one of 1, 4, 8"):
        average_orientations(lambda seen: seen, 3)


def test_scarce_memory_means_smaller_tiles(network: nn.Module) -> None:
    model = Model(network, make_config(("dimensions=3", "patch_px=32"), epochs=1))
    axes = (Axis.of(64, 64, 8), Axis.of(3000, 3000, 32), Axis.of(2000, 2000, 32))
    windows = Windows(axes, (8, 32, 32), 2, 4)
    _, tiles = fit_memory(windows, model, None)
    assert [tile.part for tile in tiles] == [((0, 3000), (0, 2000))]
    _, tiles = fit_memory(windows, model, resident_bytes() + 300 * 2**20)
    assert len(tiles) > 1
    covered = np.zeros((3000, 2000), np.uint8)
    for tile in tiles:
        covered[slice(*tile.part[0]), slice(*tile.part[1])] += 1
    assert (covered == 1).all()
    with pytest.raises(RunError, match="give more with --memory"):
        fit_memory(windows, model, resident_bytes() + 2**20)


@pytest.mark.parametrize(
    ("text", "size"), [("2G", 2**31), ("1.5gb", 3 * 2**29), ("800 M", 800 * 2**20), ("64KiB", 2**16)]
)
def test_sizes_of_memory(text: str, size: int) -> None:
    assert parse_memory(text) == size


@pytest.mark.parametrize("text", ["", "2X", "-1G", "G", "0"])
def test_impossible_sizes_of_memory(text: str) -> None:
    with pytest.raises(RunError, match="expected a size such as 2G"):
        parse_memory(text)
