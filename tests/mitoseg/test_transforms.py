import pytest
import torch

from mitoseg.config import Augmentation
from mitoseg.transforms import augment, gaussian_blur, smooth_field


def planes(count: int = 4, side: int = 80) -> torch.Tensor:
    """Image and mask of the same blocks, so that whatever moves one moves the other."""
    generator = torch.Generator().manual_seed(7)
    mask = (torch.rand(count, 1, side // 16, side // 16, generator=generator) < 0.4).float()
    mask = torch.kron(mask, torch.ones(1, 1, 16, 16))
    return torch.cat([mask * 2 - 1, mask, torch.zeros_like(mask)], 1)


GEOMETRY_ONLY = Augmentation(
    gamma=0, contrast=0, brightness=0, shading=0, noise=0, blur_probability=0, low_resolution_probability=0,
    cutout_probability=0,
)  # fmt: skip


def test_image_and_mask_move_in_step() -> None:
    before = planes()
    after = augment(before, GEOMETRY_ONLY, 64, torch.Generator().manual_seed(1))
    assert after.shape == (4, 3, 64, 64)
    torch.testing.assert_close((after[:, 0] + 1) / 2, after[:, 1], atol=1e-3, rtol=0)
    assert not torch.allclose(after[:, 1], before[:, 1, 8:72, 8:72])


def test_grey_changes_leave_the_mask_alone() -> None:
    settings = Augmentation(flip=False, rotation_deg=0, zoom=1, elastic_px=0, cutout_probability=0)
    before = planes()
    after = augment(before, settings, 64, torch.Generator().manual_seed(1))
    torch.testing.assert_close(after[:, 1:], before[:, 1:, 8:72, 8:72], atol=1e-5, rtol=0)
    assert not torch.allclose(after[:, 0], before[:, 0, 8:72, 8:72], atol=0.05)


def test_the_middle_stays_when_nothing_is_changed() -> None:
    still = GEOMETRY_ONLY.model_copy(update={"flip": False, "rotation_deg": 0, "zoom": 1, "elastic_px": 0})
    before = planes()
    middle = before[:, :, 8:72, 8:72]
    torch.testing.assert_close(augment(before, still, 64, torch.Generator()), middle, atol=1e-4, rtol=0)
    off = Augmentation(enabled=False)
    torch.testing.assert_close(augment(before, off, 64, torch.Generator()), middle, atol=0, rtol=0)


def test_flips_alone_only_permute_pixels() -> None:
    flips = GEOMETRY_ONLY.model_copy(update={"rotation_deg": 0, "zoom": 1, "elastic_px": 0})
    before = planes(8, 64)
    after = augment(before, flips, 64, torch.Generator().manual_seed(3))
    for one, other in zip(before[:, 1], after[:, 1].round(), strict=True):
        views = [torch.rot90(view, quarter) for view in (one, one.flip(-1)) for quarter in range(4)]
        assert any(torch.equal(view, other) for view in views)


def test_zoom_changes_the_scale_and_both_ways() -> None:
    settings = GEOMETRY_ONLY.model_copy(update={"flip": False, "rotation_deg": 0, "elastic_px": 0, "zoom": 2.0})
    disc = torch.zeros(32, 3, 80, 80)
    y, x = torch.meshgrid(torch.arange(80.0), torch.arange(80.0), indexing="ij")
    disc[:, 1] = ((y - 39.5) ** 2 + (x - 39.5) ** 2 < 12**2).float()
    areas = augment(disc, settings, 64, torch.Generator().manual_seed(0))[:, 1].sum((1, 2)) / disc[0, 1].sum()
    assert 0.25 <= float(areas.min()) < 0.5
    assert 2 < float(areas.max()) <= 4.1


def test_cut_out_pixels_are_ignored() -> None:
    settings = GEOMETRY_ONLY.model_copy(update={"cutout_probability": 1.0, "cutout": 0.5})
    after = augment(planes(), settings, 64, torch.Generator().manual_seed(0))
    hole = after[:, 2] == 1
    assert hole.any()
    assert not after[:, 0][hole].any()
    assert not after[:, 1][hole].any()


def test_the_same_generator_gives_the_same_batch() -> None:
    first, second = (augment(planes(), Augmentation(), 64, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.isfinite(first).all()


def test_blur_lowers_noise_by_its_own_sigma() -> None:
    noise = torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    blurred = gaussian_blur(noise, torch.tensor([0.0, 2.0]))
    torch.testing.assert_close(blurred[0], noise[0])
    # White noise under a Gaussian of sigma s keeps 1 / (2 s sqrt(pi)) of its standard deviation.
    assert float(blurred[1].std()) == pytest.approx(1 / (4 * 3.1416**0.5), rel=0.15)


def test_smooth_fields_have_unit_spread() -> None:
    field = smooth_field(64, 1, 64, torch.Generator().manual_seed(0))
    assert float(field.std()) == pytest.approx(1, abs=0.15)
