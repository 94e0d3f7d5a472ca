"""What is held out is unlike what is learned from, and has foreground."""

import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from mitodata import DataError, Sample
from mitodata.hdf5.dataset import Provenance, write_dataset
from mitoseg.config.settings import FitConfig
from mitoseg.data import SectionFiles, Slab, open_data, single_sections, split_sections, spread_with_foreground


def noise(shape: tuple[int, int, int], seed: int) -> Sample:
    """Grey noise with a square of foreground in every slice."""
    raw = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    mask = np.zeros(shape, np.uint8)
    mask[:, 2:6, 2:6] = 1
    return Sample(raw, (8.0, 8.0, 8.0), mask.astype(np.uint16), mask)


def test_independent_images_are_split_at_random_and_volumes_by_blocks(
    make_file: Callable[..., Path], draw: Callable[..., Sample]
) -> None:
    singles = SectionFiles([make_file(*(draw(seed) for seed in range(5))), make_file(*map(draw, range(5, 10)))])
    split = split_sections(singles, 0.2, 0)
    assert (len(split.training), len(split.held_out), split.notes) == (8, 2, [])
    assert not set(split.training) & set(split.held_out)
    volume = SectionFiles([make_file(draw(0, (40, 32, 32)))])
    split = split_sections(volume, 0.1, 0)
    assert split.held_out == [Slab(0, 0, 36, 4)]
    assert split.training == [Slab(0, 0, 0, 34)]
    volumes = SectionFiles([make_file(*(draw(seed, (4, 32, 32)) for seed in range(10)))])
    split = split_sections(volumes, 0.2, 0)
    assert [run.depth for run in split.held_out] == [4, 4]
    assert not {run.sample for run in split.training} & {run.sample for run in split.held_out}
    with pytest.raises(DataError, match="give --val"):
        split_sections(SectionFiles([make_file(draw(0))]), 0.1, 0)


@settings(max_examples=30)
@given(
    depths=st.lists(st.integers(1, 60), min_size=2, max_size=6), fraction=st.floats(0.02, 0.9), seed=st.integers(0, 9)
)
def test_no_slice_has_a_neighbour_on_the_other_side(depths: list[int], fraction: float, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stacks.h5"
        write_dataset(
            path, (noise((depth, 8, 8), seed) for seed, depth in enumerate(depths)), Provenance(source="test")
        )
        files = SectionFiles([path])
        try:
            split = split_sections(files, fraction, seed)
        except DataError:
            return
        finally:
            files.close()
    held_out = {(section.sample, section.z) for section in single_sections(split.held_out)}
    for section in single_sections(split.training):
        near = {(section.sample, section.z + step) for step in (-1, 0, 1)}
        assert not near & held_out


def test_slices_that_came_as_single_images_are_not_drawn_at_random(make_file: Callable[..., Path]) -> None:
    stack = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(30, 64, 64)), 3)
    raw = (128 + 1000 * stack).clip(0, 255).astype(np.uint8)
    mask = (raw > 150).astype(np.uint8)
    path = make_file(
        *(Sample(raw[z : z + 1], (40, 8, 8), mask[z : z + 1].astype(np.uint16), mask[z : z + 1]) for z in range(30))
    )
    split = split_sections(SectionFiles([path]), 0.2, 0)
    assert [run.sample for run in split.held_out] == list(range(24, 30))
    assert [run.sample for run in split.training] == list(range(22))
    assert len(split.notes) == 1
    assert "neighbouring images look alike" in split.notes[0]


def empty_but(depth: int, full: Collection[int], seed: int) -> Sample:
    """Grey noise with foreground in the slices `full` only."""
    sample = noise((depth, 8, 8), seed)
    assert sample.mask is not None
    assert sample.label is not None
    for z in set(range(depth)) - set(full):
        sample.mask[z] = sample.label[z] = 0
    return sample


@pytest.mark.parametrize("seed", range(4))
def test_an_image_with_foreground_is_held_out_where_two_have_some(make_file: Callable[..., Path], seed: int) -> None:
    files = SectionFiles([make_file(*(empty_but(1, {0} if number < 2 else (), number) for number in range(5)))])
    split = split_sections(files, 0.2, seed)
    assert files.any_foreground(split.held_out)
    assert files.any_foreground(split.training)
    assert len(split.held_out) == 1
    assert sorted(slab.sample for slab in split.training + split.held_out) == [0, 1, 2, 3, 4]


def test_the_one_image_with_foreground_is_learned_from(make_file: Callable[..., Path]) -> None:
    files = SectionFiles([make_file(*(empty_but(1, {0} if number == 3 else (), number) for number in range(4)))])
    for seed in range(4):
        split = split_sections(files, 0.25, seed)
        assert split.notes == []
        assert len(split.held_out) == 1


@pytest.mark.parametrize(
    ("full", "first", "said"),
    [(range(12), 0, True), (range(20, 30), 20, True), ({39}, 36, False), ({5}, 36, False)],
    ids=["at the start", "in the middle", "where it would be anyway", "in one slice, which is learned from"],
)
def test_a_block_is_held_out_where_the_foreground_is(
    make_file: Callable[..., Path], full: Collection[int], first: int, said: bool
) -> None:
    split = split_sections(SectionFiles([make_file(empty_but(40, full, 0))]), 0.1, 0)
    assert split.held_out == [Slab(0, 0, first, 4)]
    # Two slices beside it are neither held out nor learned from.
    used = [section.z for section in single_sections(split.training)]
    assert used == [z for z in range(40) if not first - 2 <= z < first + 6]
    assert bool(split.notes) == said


def test_of_many_sections_one_with_foreground_is_looked_at(make_file: Callable[..., Path]) -> None:
    files = SectionFiles([make_file(*(empty_but(1, {0} if number == 7 else (), number) for number in range(20)))])
    chosen = spread_with_foreground(files, files.sections(), 4)
    assert [section.sample for section in chosen] == [0, 7, 13, 19]
    assert files.any_foreground(chosen)
    full = SectionFiles([make_file(*(noise((1, 8, 8), number) for number in range(20)))])
    assert [section.sample for section in spread_with_foreground(full, full.sections(), 4)] == [0, 6, 13, 19]


def test_what_to_do_is_said_where_only_one_image_has_foreground(
    make_file: Callable[..., Path], tiny: FitConfig
) -> None:
    path = make_file(*(empty_but(1, {0} if number == 3 else (), number) for number in range(4)))
    said = set()
    for seed in range(8):
        with pytest.raises(DataError) as caught:
            open_data([path], [], 0.25, tiny.model_copy(update={"seed": seed}))
        said.add(str(caught.value).removeprefix(f"{path}: "))
    assert said == {
        "no foreground in 3 training sections; expected some to learn from beside what is held out; or give --val FILE",
        "no foreground in 1 validation sections, so no threshold can be chosen; give --val FILE with some, or a larger "
        "--val-fraction",
    }
