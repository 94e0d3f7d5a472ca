from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from mitodata import DataError, Sample
from mitoseg.config import FitConfig
from mitoseg.data import Patches, Section, SectionFiles, make_loader, split_sections, spread, window_side


def test_patch_k_is_the_same_whoever_makes_it(discs: Path, tiny: FitConfig) -> None:
    files, again = SectionFiles([discs]), SectionFiles([discs])
    first, second = Patches(files, files.sections(), tiny), Patches(again, again.sections(), tiny)
    ahead = [first[number] for number in range(5)]
    torch.testing.assert_close(second[3], ahead[3], rtol=0, atol=0)
    batch = next(iter(make_loader(second, 3, 5)))
    torch.testing.assert_close(batch, torch.stack(ahead[3:]), rtol=0, atol=0)


def test_workers_make_the_same_patches(discs: Path, tiny: FitConfig) -> None:
    files = SectionFiles([discs])
    alone = Patches(files, files.sections(), tiny)
    shared = Patches(files, files.sections(), tiny.model_copy(update={"workers": 1}))
    batches = zip(make_loader(alone, 0, 16), make_loader(shared, 0, 16), strict=True)
    assert all(torch.equal(one, other) for one, other in batches)


def test_a_pass_visits_every_section(discs: Path, tiny: FitConfig) -> None:
    files = SectionFiles([discs])
    patches = Patches(files, files.sections(), tiny)
    for number in range(len(patches)):
        patches[number]
    assert len(patches.facts) == len(patches) == 24


def test_windows_of_all_shapes_and_voxel_sizes_have_one_size(
    make_file: Callable[..., Path], draw: Callable[..., Sample], tiny: FitConfig
) -> None:
    path = make_file(draw(0, (1, 20, 300)), draw(1, (3, 200, 90), voxel_nm=5), draw(2, (1, 40, 40), 20.0))
    files = SectionFiles([path])
    patches = Patches(files, files.sections(), tiny)
    assert len(files.sections()) == 5
    side = window_side(tiny)
    for number in range(len(patches)):
        patch = patches[number]
        assert patch.shape == (3, side, side)
        assert torch.isfinite(patch).all()
        # Dark is foreground, whatever was done to the window.
        if patch[1].any():
            assert patch[0][patch[1] > 0.5].mean() < patch[0][patch[1] <= 0.5].mean()


def test_foreground_is_found_when_asked_for(make_file: Callable[..., Path], tiny: FitConfig) -> None:
    shape = (1, 512, 512)
    label = np.zeros(shape, np.uint16)
    label[0, 30:40, 400:410] = 1
    raw = np.random.default_rng(0).integers(90, 110, shape).astype(np.uint8)
    files = SectionFiles([make_file(Sample(raw, (8.0, 8.0, 8.0), label, (label > 0).astype(np.uint8)))])

    def hits(fraction: float) -> int:
        patches = Patches(files, files.sections(), tiny.model_copy(update={"foreground_fraction": fraction}))
        return sum(bool(patches[number][1].any()) for number in range(40))

    assert hits(1.0) == 40
    assert hits(0.0) < 15


def test_ignored_pixels_arrive(make_file: Callable[..., Path], draw: Callable[..., Sample], tiny: FitConfig) -> None:
    sample = draw(0)
    assert sample.mask is not None
    mask = sample.mask.copy()
    mask[:, :, :32] = 255
    files = SectionFiles([make_file(Sample(sample.raw, sample.voxel_size_nm, sample.label, mask))])
    assert float(Patches(files, files.sections(), tiny)[0][2].mean()) == pytest.approx(0.5, abs=0.1)


def test_single_sections_are_split_at_random_and_volumes_by_blocks(
    make_file: Callable[..., Path], draw: Callable[..., Sample]
) -> None:
    singles = SectionFiles([make_file(*(draw(seed) for seed in range(10)))])
    training, held_out = split_sections(singles, 0.2, 0)
    assert len(training) == 8
    assert len(held_out) == 2
    assert not set(training) & set(held_out)
    volume = SectionFiles([make_file(draw(0, (40, 32, 32)))])
    training, held_out = split_sections(volume, 0.1, 0)
    assert [section.z for section in held_out] == [36, 37, 38, 39]
    assert [section.z for section in training] == list(range(34))
    with pytest.raises(DataError, match="give --val"):
        split_sections(SectionFiles([make_file(draw(0))]), 0.1, 0)


def test_spread_keeps_both_ends() -> None:
    sections = [Section(0, number, 0) for number in range(100)]
    assert [section.sample for section in spread(sections, 3)] == [0, 50, 99]
    assert spread(sections[:2], 3) == sections[:2]


def test_unlabelled_files_are_refused(make_file: Callable[..., Path]) -> None:
    path = make_file(Sample(np.zeros((1, 8, 8), np.uint8), (8.0, 8.0, 8.0)))
    with pytest.raises(DataError, match="no labels"):
        SectionFiles([path])
