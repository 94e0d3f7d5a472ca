from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from mitodata import IGNORE, Sample
from mitoseg.data import Patches, single_sections
from mitoseg.inference.model import Model, load_model
from mitoseg.inference.predictor import predict_maps
from mitoseg.metrics import count_probabilities
from mitoseg.training.threshold_selection import threshold_nearest
from mitoseg.transfer.adaptation.pseudo_labels import MarkedSections, mark, read_masks, write_marks
from mitoseg.transfer.adaptation.views import look_around, looks_of


@pytest.fixture(scope="module")
def model(run: Path) -> Model:
    return load_model(run)


def test_only_what_is_sure_is_marked() -> None:
    mean = np.zeros((1, 12, 40), np.float32)
    mean[0, 2:10, 2:12] = 0.45  # above the threshold, with a sure core: foreground
    mean[0, 4:8, 4:8] = 0.9
    mean[0, 1, 2:12] = 0.42  # within the band around the threshold of .4
    mean[0, 10, 2:12] = 0.35
    mean[0, 2:10, 16:26] = 0.55  # never reaches the peak: left open
    mean[0, 2:10, 30:38] = 0.3  # surely below the threshold: background
    marks = mark(mean, 0.4)
    mask = marks.mask[0]
    assert (mask[2:10, 2:12] == 1).all()
    assert (mask[[1, 10], 2:12] == IGNORE).all()
    assert (mask[2:10, 16:26] == IGNORE).all()
    assert (mask == 1).sum() == 80
    assert (mask[2:10, 30:38] == 0).all()
    assert marks.found == pytest.approx(90 / mean.size)  # the band above the threshold is part of the piece


def test_a_sure_section_vouches_for_its_neighbours() -> None:
    mean = np.full((2, 8, 8), 0.05, np.float32)
    mean[:, 2:6, 2:6] = 0.5
    assert not (mark(mean, 0.3).mask == 1).any()
    mean[1, 3, 3] = 0.8
    assert (mark(mean, 0.3).mask[0] == 1).sum() == 16


@pytest.mark.parametrize(
    ("lows", "expected"), [((0.1, 0.4, 0.6), 0.5), ((0.5, 0.6, 0.75), 0.7), ((0.0, 0.1, 0.3), 0.3)]
)
def test_the_threshold_of_a_student_is_that_nearest_to_a_half_that_marks_what_its_teacher_was_sure_of(
    lows: tuple[float, ...], expected: float
) -> None:
    rng = np.random.default_rng(0)
    mask = np.repeat(np.array([0, IGNORE, 1], np.uint8), 1000)
    student = np.concatenate([rng.uniform(low, low + 0.2, 1000) for low in lows]).astype(np.float32)
    assert threshold_nearest(count_probabilities(student, mask)) == pytest.approx(expected, abs=0.011)


def test_marks_are_kept_in_a_file_that_anything_reads(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    blocks = [
        Sample(rng.integers(0, 255, shape).astype(np.uint8), (8.0, 8.0, 8.0), params={"thickness_nm": 8.0})
        for shape in ((2, 20, 30), (1, 16, 16))
    ]
    masks = [rng.choice(np.array([0, 1, IGNORE], np.uint8), block.raw.shape) for block in blocks]
    write_marks(tmp_path / "marks.h5", blocks, masks)
    found = read_masks(tmp_path / "marks.h5")
    assert all(np.array_equal(one, other) for one, other in zip(found, masks, strict=True))


def test_marked_parts_are_seen_across_each_axis(model: Model) -> None:
    rng = np.random.default_rng(0)
    raw = rng.integers(0, 255, (20, 24, 28)).astype(np.uint8)
    mask = rng.choice(np.array([0, 1, IGNORE], np.uint8), raw.shape)
    sections = MarkedSections([Sample(raw, (7.0, 8.0, 9.0))], [mask], [(0, 1, 2)])
    slabs = sections.slabs()
    assert [slab.depth for slab in slabs] == [20, 24, 28]
    assert [sections.voxel_size_nm(slab) for slab in slabs] == [(7, 8, 9), (8, 7, 9), (9, 7, 8)]
    window = (slice(3, 4), slice(0, 20), slice(5, 9))
    part = sections.read_window(slabs[2], window)
    assert np.array_equal(part.raw, raw[:, 5:9, 3][None])
    assert part.mask is not None
    assert np.array_equal(part.mask, mask[:, 5:9, 3][None])
    config = model.config.model_copy(update={"target": "semantic", "patch_px": 32})
    patches = Patches(sections, list(single_sections(slabs)), config)
    assert patches[0].shape == (3, 40, 40)


def test_looks_of_a_volume_are_those_of_predict_across_all_axes(model: Model) -> None:
    raw = np.random.default_rng(0).normal(130, 30, (32, 34, 40)).clip(0, 255)
    raw = ndimage.gaussian_filter(raw, 1).astype(np.uint8)
    sample = Sample(raw, (8.0, 8.0, 8.0))
    assert looks_of(model, raw.shape, sample.voxel_size_nm) == 3
    views = look_around(model, sample)
    whole = predict_maps(model, raw, sample.voxel_size_nm, axes="zyx")[0]
    inner = (slice(2, -2),) * 3  # at the ends smoothing may treat what is beyond otherwise
    np.testing.assert_allclose(views.mean[inner], whole[inner], atol=0.02)


def test_looks_of_sections_are_those_of_predict_turned_and_mirrored(model: Model) -> None:
    raw = np.random.default_rng(1).normal(130, 30, (2, 64, 64)).clip(0, 255).astype(np.uint8)
    sample = Sample(raw, (40.0, 8.0, 8.0))
    assert looks_of(model, raw.shape, sample.voxel_size_nm) == 8
    views = look_around(model, sample)
    np.testing.assert_allclose(views.mean, predict_maps(model, raw, sample.voxel_size_nm, tta=8)[0], atol=1e-3)
    assert 0 <= views.agreement.at(0.5) <= 1
    assert views.agreement.at(0.0) == 1  # everything is marked from everywhere
