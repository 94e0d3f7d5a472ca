from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mitodata import DataError, Sample
from mitoseg.config.settings import Target
from mitoseg.networks.targets import (
    CLASSES,
    instance_planes,
    make_planes,
    map_channels,
    output_channels,
    split_planes,
    to_maps,
)

TARGETS: tuple[Target, ...] = ("semantic", "instance", "compartments")
NAMES = {0: "extracellular", 5: "inner_membrane", 6: "matrix", 13: "myelin", 99: "something else"}


def full_sample(draw: Callable[..., Sample], shape: tuple[int, int, int]) -> Sample:
    sample = draw(3, shape)
    assert sample.label is not None
    assert sample.mask is not None
    mask = sample.mask.copy()
    mask[..., :4] = 255
    compartment = np.where(sample.label > 0, 6, 13).astype(np.uint8)
    compartment[..., 0, :] = 99
    return Sample(sample.raw, sample.voxel_size_nm, sample.label, mask, compartment=compartment)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("shape", [(1, 64, 64), (8, 32, 32)])
def test_planes_become_truth_and_validity(
    target: Target, shape: tuple[int, int, int], draw: Callable[..., Sample]
) -> None:
    sample = full_sample(draw, shape)
    size = shape
    planes = make_planes(sample, target, shape, NAMES)
    assert planes.shape[1:] == size
    assert planes.dtype == torch.float32
    truth, valid = split_planes(planes[None], target)
    assert truth.shape == (1, output_channels(target), *size)
    assert valid.shape == (1, 1, *size)
    assert torch.equal(valid[0, 0, ..., :4], torch.zeros_like(valid[0, 0, ..., :4]))
    assert valid[0, 0, ..., 4:].all()
    assert sample.label is not None
    inside = torch.from_numpy(sample.label.reshape(size) > 0)
    if target == "compartments":
        assert torch.equal(truth.sum(1), torch.ones_like(truth.sum(1)))
        assert torch.equal(truth[0, list(CLASSES).index("matrix")] > 0, inside & (truth[0, 0] == 0))
        assert truth[0, 0, ..., 0, :].all()  # a name that is in no class
    else:
        known = valid[0, 0] > 0
        assert torch.equal(truth[0, 0][known] > 0, inside[known])


@pytest.mark.parametrize("target", TARGETS)
def test_planes_come_on_the_working_grid(target: Target, draw: Callable[..., Sample]) -> None:
    assert make_planes(full_sample(draw, (1, 64, 64)), target, (1, 40, 50), NAMES).shape[1:] == (1, 40, 50)
    assert make_planes(full_sample(draw, (8, 32, 32)), target, (16, 20, 24), NAMES).shape[1:] == (16, 20, 24)


def test_touching_instances_are_parted_by_a_boundary() -> None:
    label = np.zeros((12, 20), np.uint16)
    label[2:10, 2:10], label[2:10, 10:18] = 1, 2
    inside, boundary, distance = instance_planes(label)
    assert inside[2:10, 2:18].all()
    assert boundary[3:9, 9:11].all()
    assert distance[5, 5] == 1
    assert distance[5, 13] == 1
    assert distance[5, 9] == distance[5, 10] == 0.25


def test_long_voxels_have_their_boundaries_section_by_section() -> None:
    label = np.zeros((4, 16, 16), np.uint16)
    label[1:3, 4:12, 4:12] = 1
    flat, even = instance_planes(label, 5.0)[1], instance_planes(label, 1.0)[1]
    assert not flat[1, 7, 7]
    assert even[1, 7, 7]


@given(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=9), elements=st.integers(0, 3))
)
@settings(max_examples=50, deadline=None)
def test_instance_planes_of_any_labels_are_in_range(label: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    planes = instance_planes(label)
    assert planes.shape == (3, *label.shape)
    assert np.isfinite(planes).all()
    assert planes.min() >= 0
    assert planes.max() <= 1
    assert np.array_equal(planes[2] > 0, label > 0)


def test_foreground_of_compartments_is_the_sum_of_the_mitochondrial_classes() -> None:
    maps = to_maps(torch.zeros(1, len(CLASSES), 2, 2), "compartments")
    assert maps.shape == (1, map_channels("compartments"), 2, 2)
    assert float(maps[0, 0, 0, 0]) == pytest.approx(4 / len(CLASSES))
    inside = to_maps(torch.zeros(1, len(CLASSES), 2, 2), "compartments", outer_membrane=False)
    assert float(inside[0, 0, 0, 0]) == pytest.approx(3 / len(CLASSES))
    assert to_maps(torch.zeros(1, 3, 2, 2), "instance").shape == (1, map_channels("instance"), 2, 2)


def test_missing_compartments_are_said(draw: Callable[..., Sample]) -> None:
    with pytest.raises(DataError, match="--labels compartments"):
        make_planes(draw(0), "compartments", (1, 64, 64), {})
