"""Regions that were reviewed, and the folds that they make."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mitodata import IGNORE, DataError, Sample
from mitoseg.config.settings import FitConfig
from mitoseg.training.refinement import refining
from mitoseg.transfer.finetuning import regions
from mitoseg.transfer.finetuning.patches import MarkedPatches
from mitoseg.transfer.finetuning.regions import read_reviewed


def reviewed_in(sample: Sample, *windows: tuple[slice, slice]) -> Sample:
    """The sample, known in some windows only."""
    mask = np.full(sample.raw.shape, IGNORE, np.uint8)
    for window in windows:
        assert sample.mask is not None
        mask[(0, *window)] = sample.mask[(0, *window)]
    return replace(sample, mask=mask)


def test_unlike_sections_are_shared_out_whole(draw: Callable[..., Sample], make_file: Callable[..., Path]) -> None:
    found = read_reviewed(make_file(*(draw(seed) for seed in range(7))))
    assert (found.regions, found.folds) == (7, (1, 2, 3))
    folds = [set(np.unique(each.fold)) for each in found.sections]
    assert all(len(each) == 1 for each in folds)
    assert [min(each) for each in folds] == sorted(min(each) for each in folds)
    assert found.mitochondria == sum(len(np.unique(each.label)) - 1 for each in found.sections)


def test_a_single_section_is_cut_into_strips(draw: Callable[..., Sample], make_file: Callable[..., Path]) -> None:
    sample = reviewed_in(draw(1, (1, 96, 96)), (slice(4, 90), slice(0, 96)))
    (section,) = (found := read_reviewed(make_file(sample))).sections
    assert (found.regions, found.folds) == (1, (1, 2, 3))
    np.testing.assert_array_equal(section.fold == 0, section.mask == IGNORE)
    shares = [np.count_nonzero((section.fold == fold) & (section.mask == 1)) for fold in found.folds]
    assert min(shares) > 0.5 * max(shares)


def test_neighbouring_sections_are_of_one_fold(draw: Callable[..., Sample], make_file: Callable[..., Path]) -> None:
    """What is learned from one slice is known of the next: strips run through both, so that nothing leaks."""
    volume = draw(2, (2, 96, 96))
    assert volume.label is not None
    assert volume.mask is not None
    slices = [
        replace(volume, raw=volume.raw[[z]], label=volume.label[[z]], mask=volume.mask[[z]], name=str(z))
        for z in range(2)
    ]
    found = read_reviewed(make_file(*slices))
    assert found.regions == 1
    np.testing.assert_array_equal(found.sections[0].fold, found.sections[1].fold)


def test_regions_apart_in_the_plane_are_left_out_by_themselves(
    draw: Callable[..., Sample], make_file: Callable[..., Path]
) -> None:
    sample = draw(6, (1, 64, 128))
    assert sample.label is not None
    mask = np.full(sample.raw.shape, IGNORE, np.uint8)
    label = np.zeros_like(sample.label)
    for number, x in enumerate((0, 80)):
        mask[0, :, x : x + 40], mask[0, 20:30, x + 10 : x + 20] = 0, 1
        label[0, 20:30, x + 10 : x + 20] = 1 + number
    (section,) = (found := read_reviewed(make_file(replace(sample, mask=mask, label=label)))).sections
    assert (found.regions, found.folds) == (2, (1, 2))
    assert set(np.unique(section.fold[:, :40])) == {1}
    assert set(np.unique(section.fold[:, 80:120])) == {2}


def test_more_than_memory_may_hold_is_refused(
    draw: Callable[..., Sample], make_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regions, "MOST_PX", 5000)
    with pytest.raises(DataError, match="give fewer sections"):
        read_reviewed(make_file(draw(0), draw(1)))


def test_patches_lie_where_something_is_known_and_show_nothing_else(
    draw: Callable[..., Sample], make_file: Callable[..., Path], tiny: FitConfig
) -> None:
    whole = draw(1, (1, 256, 256))
    assert whole.mask is not None
    y, x = (max(int(place) - 20, 0) for place in np.argwhere(whole.mask[0] == 1)[0])
    sample = reviewed_in(whole, (slice(y, y + 40), slice(x, x + 40)))
    found = read_reviewed(make_file(sample))
    config = refining(tiny)
    patches = MarkedPatches(found.sections, found.folds[:1], config).batch(0, 12)
    assert patches.shape == (12, 3, 80, 80)
    known = patches[:, 2] < 0.5
    assert known.flatten(1).any(1).all()
    inside = int(np.count_nonzero(found.sections[0].fold == found.folds[0]))
    assert known.flatten(1).sum(1).max() <= inside
    again = MarkedPatches(found.sections, found.folds[:1], config).batch(7, 2)
    assert torch.equal(again, patches[7:9])
