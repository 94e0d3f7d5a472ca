from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold

from mitodata import VoxelSize
from mitoseg.config.settings import Target
from mitoseg.inference.decoding import SMALLEST_NM, Decoding, find_foreground, find_instances, find_pieces
from mitoseg.metrics import count_overlaps, instance_counts, instance_scores
from mitoseg.networks.targets import CLASSES, instance_planes, map_channels, to_maps
from mitoseg.training.threshold_selection import SEEDS, tune

Labels = NDArray[np.uint16]


def decode(maps: NDArray[np.float32], target: Target, decoding: Decoding) -> NDArray[np.uint32]:
    """Instances of maps (C, Z, Y, X) or of a section (C, Y, X)."""
    volume = maps if maps.ndim == 4 else maps[:, None]
    found, count = find_instances(volume, find_pieces(volume, decoding), target, decoding)
    assert count == found[:].max()
    return np.asarray(found[:] if maps.ndim == 4 else found[0])


def touching_discs(seed: int, shape: tuple[int, ...] = (64, 64)) -> Labels:
    """Balls of which many touch."""
    rng = np.random.default_rng(seed)
    place = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    label = np.zeros(shape, np.uint16)
    for number in range(1, 13):
        centre = rng.uniform(0, shape)
        inside = ((place - centre) ** 2).sum(-1) < rng.uniform(5, 9) ** 2
        label[inside & (label == 0)] = number
    return label


def seen(label: Labels, seed: int = 0) -> NDArray[np.float32]:
    """What a fair network would say: blurred and noisy."""
    rng = np.random.default_rng(seed)
    planes = ndimage.gaussian_filter(instance_planes(label), (0, *[0.8] * label.ndim))
    return (planes + rng.normal(0, 0.05, planes.shape)).clip(0, 1).astype(np.float32)


def f1(found: NDArray[np.uint32], label: Labels) -> float:
    return instance_scores(instance_counts(count_overlaps(found, label), (0.5,))[0.5]).f1


@pytest.mark.parametrize("shape", [(64, 64), (24, 48, 48)])
def test_touching_bodies_are_parted(shape: tuple[int, ...]) -> None:
    labels = [touching_discs(seed, shape) for seed in range(3)]
    maps = [seen(label) for label in labels]
    decoding = tune(maps, labels, "instance", Decoding(0.5))
    watershed = np.mean(
        [f1(decode(each, "instance", decoding), label) for each, label in zip(maps, labels, strict=True)]
    )
    components = np.mean(
        [f1(decode(each, "semantic", decoding), label) for each, label in zip(maps, labels, strict=True)]
    )
    assert watershed > 0.9
    assert watershed > components + 0.15


def test_numbers_have_no_gaps_and_small_ones_are_dropped() -> None:
    maps = np.zeros((3, 1, 32, 32), np.float32)
    maps[:, 0, 2:4, 2:4] = 1  # 4 px
    maps[0, 0, 10:20, 2:12] = 1  # no core
    maps[::2, 0, 10:20, 20:30] = 1
    found = decode(maps, "instance", Decoding(smallest_px=5))
    assert found.dtype == np.uint32
    assert found.shape == (1, 32, 32)
    assert np.bincount(found.ravel())[1:].tolist() == [100, 100]


def test_pieces_are_outlined_by_the_threshold_and_kept_for_their_peak() -> None:
    probability = np.full((2, 20, 40), 0.1, np.float32)
    probability[:, 2:8, 2:12] = 0.3  # a faint body
    probability[1, 4, 4] = 0.9  # which one voxel is sure of
    probability[:, 12:18, 2:12] = 0.59
    maps = probability[None]
    found = np.asarray(find_pieces(maps, Decoding(0.25, peak=0.6))[:])
    assert found.dtype == np.uint32
    assert (found[:, 2:8, 2:12] == 1).all()
    assert (found > 0).sum() == 120
    assert find_pieces(maps, Decoding(0.25, peak=0.0))[:].max() == 2
    assert find_pieces(maps, Decoding(0.25, peak=0.59))[:].max() == 2
    # Skimage keeps what lies above its thresholds, not at them.
    expected = apply_hysteresis_threshold(probability, 0.2, 0.59)
    np.testing.assert_array_equal(find_pieces(maps, Decoding(0.25, peak=0.6))[:] > 0, expected)


@pytest.mark.parametrize(
    ("shape", "size_nm", "voxels"),
    [
        ((1, 40, 40), (50.0, 10.0, 10.0), 51),  # a disc of 80 nm has an area of 5,027 nm2, whatever the thickness
        ((1, 40, 40), (8.0, 20.0, 20.0), 13),
        ((6, 40, 40), (50.0, 10.0, 10.0), 54),  # a ball of 80 nm has a volume of 268,083 nm3
        ((6, 40, 40), (10.0, 10.0, 10.0), 269),
        ((1, 40, 40), (900.0, 500.0, 500.0), 1),
    ],
)
def test_specks_are_no_foreground(shape: tuple[int, int, int], size_nm: VoxelSize, voxels: int) -> None:
    maps = np.zeros((1, *shape), np.float32)
    first, second = maps.reshape(2, -1)
    first[10 : 10 + voxels] = 0.9
    second[-voxels:] = 0.9
    second[-voxels] = 0.0  # one too few
    decoding = Decoding(0.5, smallest_nm=SMALLEST_NM)
    found = np.asarray(find_foreground(maps, decoding, size_nm)[:]).ravel()
    assert np.flatnonzero(found).tolist() == list(range(10, 10 + voxels))
    all_of_it = find_foreground(maps, replace(decoding, smallest_nm=0.0), size_nm)[:]
    assert np.count_nonzero(all_of_it) == 2 * voxels - 1


def test_nothing_and_everything() -> None:
    nothing, everything = np.zeros((3, 8, 8), np.float32), np.ones((3, 8, 8), np.float32)
    assert not decode(nothing, "instance", Decoding()).any()
    assert (decode(everything, "instance", Decoding()) == 1).all()
    assert tune([nothing], [np.zeros((8, 8), np.uint16)], "instance", Decoding(0.5)).seed in SEEDS


def test_compartments_are_joined_to_mitochondria() -> None:
    logits = torch.full((1, len(CLASSES), 1, 16, 16), -9.0)
    logits[:, 0] = 9
    matrix, membrane = (list(CLASSES).index(name) for name in ("matrix", "inner_membrane"))
    inside = torch.tensor([0.2, 0.5, 0.3]).log()
    for value, channel in zip(inside, (0, membrane, matrix), strict=True):
        logits[0, channel, 0, 2:10, 2:10] = value
    maps = to_maps(logits, "compartments")[0].numpy()
    assert maps.shape == (map_channels("compartments"), 1, 16, 16)
    assert maps[0, 0, 5, 5] == pytest.approx(0.8, abs=0.01)
    found = decode(maps, "compartments", Decoding(0.7))
    assert np.bincount(found.ravel()).tolist() == [192, 64]
    assert not decode(maps, "compartments", Decoding(0.9)).any()
