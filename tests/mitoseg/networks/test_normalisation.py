import numpy as np
import pytest
import torch

from mitodata import DataError
from mitoseg.networks.normalisation import (
    mask_planes,
    measure_grey,
    mirror_to,
    normalise,
    resample,
    working_shape,
)
from mitoseg.networks.targets import split_planes


def test_grey_scale_is_that_of_the_tissue_in_spite_of_black_borders_and_bright_specks() -> None:
    rng = np.random.default_rng(0)
    section = rng.normal(120, 20, (200, 200)).clip(0, 255).astype(np.uint8)
    clean = measure_grey(section)
    assert clean.centre == pytest.approx(120, abs=1.5)
    assert clean.width == pytest.approx(20, rel=0.05)
    section[:4] = 0
    section[rng.random(section.shape) < 0.01] = 255
    assert measure_grey(section).centre == pytest.approx(clean.centre, abs=2)
    assert measure_grey(section).width == pytest.approx(clean.width, rel=0.15)


def test_normalising_undoes_contrast_and_brightness() -> None:
    rng = np.random.default_rng(1)
    section = rng.integers(40, 100, (64, 64)).astype(np.uint8)
    brighter = (2 * section + 20).astype(np.uint8)
    first, second = normalise(section, measure_grey(section)), normalise(brighter, measure_grey(brighter))
    np.testing.assert_allclose(first, second, atol=1e-4)


def test_a_constant_section_stays_finite() -> None:
    section = np.full((8, 8), 7, np.uint8)
    assert np.all(normalise(section, measure_grey(section)) == 0)


def test_resampling_there_and_back_keeps_smooth_images() -> None:
    y, x = torch.meshgrid(torch.linspace(0, 6, 100), torch.linspace(0, 6, 120), indexing="ij")
    image = (torch.sin(y) + torch.cos(x))[None, None]
    back = resample(resample(image, (63, 75)), (100, 120))
    assert float((back - image).abs().max()) < 0.05


def test_shrinking_averages_instead_of_picking() -> None:
    noise = torch.from_numpy(np.random.default_rng(2).normal(size=(1, 1, 256, 256)).astype(np.float32))
    assert float(resample(noise, (64, 64)).std()) < 0.35


def test_masks_and_ignored_pixels_are_resampled_by_majority() -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[16:32] = 1
    mask[48:] = 255
    target, valid = split_planes(resample(torch.from_numpy(mask_planes(mask))[None], (32, 32)), "semantic")
    assert target[0, 0, 8:16].all()
    assert target.sum() == 8 * 32
    assert not valid[0, 0, 24:].any()
    assert valid.sum() == 24 * 32


def test_mirroring_can_be_wider_than_the_image() -> None:
    image = torch.arange(6.0).reshape(1, 1, 2, 3)
    mirrored = mirror_to(image, (12, 13))
    assert mirrored.shape == (1, 1, 12, 13)
    torch.testing.assert_close(mirrored[..., 5:7, 5:8], image)


def test_working_shape() -> None:
    assert working_shape((768, 1024), (5, 5, 5), 8) == (480, 640)
    with pytest.raises(DataError, match="more than 16 times"):
        working_shape((64, 64), (40, 0.005, 0.005), 8)
