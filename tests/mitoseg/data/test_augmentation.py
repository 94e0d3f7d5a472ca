import math

import pytest
import torch

from mitoseg.config.settings import Augmentation
from mitoseg.data.augmentation import augment, gaussian_blur, smooth_field
from mitoseg.data.augmentation.grey import sharpen


def planes(count: int = 4, side: int = 80) -> torch.Tensor:
    """Image and mask of the same blocks, so that whatever moves one moves the other."""
    generator = torch.Generator().manual_seed(7)
    mask = (torch.rand(count, 1, side // 16, side // 16, generator=generator) < 0.4).float()
    mask = torch.kron(mask, torch.ones(1, 1, 16, 16))
    return torch.cat([mask * 2 - 1, mask, torch.zeros_like(mask)], 1)


GEOMETRY_ONLY = Augmentation(
    gamma=0, contrast=0, brightness=0, shading=0, noise=0, blur_probability=0, sharpen_probability=0,
    low_resolution_probability=0, cutout_probability=0, padding_probability=0,
)  # fmt: skip


def test_image_and_mask_move_in_step() -> None:
    before = planes()
    after = augment(before, GEOMETRY_ONLY, (64, 64), torch.Generator().manual_seed(1))
    assert after.shape == (4, 3, 64, 64)
    torch.testing.assert_close((after[:, 0] + 1) / 2, after[:, 1], atol=1e-3, rtol=0)
    assert not torch.allclose(after[:, 1], before[:, 1, 8:72, 8:72])


@pytest.mark.parametrize("shape", [(64, 64), (6, 64, 64)])
def test_class_numbers_move_with_the_image_and_stay_numbers(shape: tuple[int, ...]) -> None:
    image, _, ignored = planes()[:, :, None].expand(-1, -1, 8 if len(shape) == 3 else 1, -1, -1).unbind(1)
    inside = image > 0
    before = torch.stack([image, torch.where(inside, 7.0, 2.0), ignored], 1)
    before = before if len(shape) == 3 else before[:, :, 0]
    after = augment(before, GEOMETRY_ONLY, shape, torch.Generator().manual_seed(1), numbers=True)
    assert sorted(after[:, 1].unique().tolist()) == [2, 7]
    clear = after[:, 0].abs() > 0.5  # elsewhere the nearest voxel may be of the other side
    assert clear.float().mean() > 0.8
    assert torch.equal(after[:, 1][clear] == 7, after[:, 0][clear] > 0)


def test_grey_changes_leave_the_mask_alone() -> None:
    settings = Augmentation(flip=False, rotation_deg=0, zoom=1, elastic_px=0, cutout_probability=0)
    before = planes()
    after = augment(before, settings, (64, 64), torch.Generator().manual_seed(1))
    torch.testing.assert_close(after[:, 1:], before[:, 1:, 8:72, 8:72], atol=1e-5, rtol=0)
    assert not torch.allclose(after[:, 0], before[:, 0, 8:72, 8:72], atol=0.05)


def test_the_middle_stays_when_nothing_is_changed() -> None:
    still = GEOMETRY_ONLY.model_copy(update={"flip": False, "rotation_deg": 0, "zoom": 1, "elastic_px": 0})
    before = planes()
    middle = before[:, :, 8:72, 8:72]
    torch.testing.assert_close(augment(before, still, (64, 64), torch.Generator()), middle, atol=1e-4, rtol=0)
    off = Augmentation(enabled=False)
    torch.testing.assert_close(augment(before, off, (64, 64), torch.Generator()), middle, atol=0, rtol=0)


def test_flips_alone_only_permute_pixels() -> None:
    flips = GEOMETRY_ONLY.model_copy(update={"rotation_deg": 0, "zoom": 1, "elastic_px": 0})
    before = planes(8, 64)
    after = augment(before, flips, (64, 64), torch.Generator().manual_seed(3))
    for one, other in zip(before[:, 1], after[:, 1].round(), strict=True):
        views = [torch.rot90(view, quarter) for view in (one, one.flip(-1)) for quarter in range(4)]
        assert any(torch.equal(view, other) for view in views)


def test_zoom_changes_the_scale_and_both_ways() -> None:
    settings = GEOMETRY_ONLY.model_copy(update={"flip": False, "rotation_deg": 0, "elastic_px": 0, "zoom": 2.0})
    disc = torch.zeros(32, 3, 80, 80)
    y, x = torch.meshgrid(torch.arange(80.0), torch.arange(80.0), indexing="ij")
    disc[:, 1] = ((y - 39.5) ** 2 + (x - 39.5) ** 2 < 12**2).float()
    areas = augment(disc, settings, (64, 64), torch.Generator().manual_seed(0))[:, 1].sum((1, 2)) / disc[0, 1].sum()
    assert 0.25 <= float(areas.min()) < 0.5
    assert 2 < float(areas.max()) <= 4.1


@pytest.mark.parametrize("numbers", [False, True])
def test_padding_is_black_or_white_and_no_mitochondrion(numbers: bool) -> None:
    settings = GEOMETRY_ONLY.model_copy(
        update={"padding_probability": 1.0, "flip": False, "rotation_deg": 0, "zoom": 1, "elastic_px": 0}
    )
    planes = torch.randn(64, 3, 48, 32, generator=torch.Generator().manual_seed(1))
    planes[:, 1], planes[:, 2] = 1, 0
    after = augment(planes, settings, (48, 32), torch.Generator().manual_seed(2), numbers=numbers)
    lowest, highest = (planes[:, 0].amin((1, 2)), planes[:, 0].amax((1, 2)))
    padded = after[:, 1] == 0
    sides: set[tuple[str, bool]] = set()
    for i in torch.nonzero(padded.any((1, 2)).flatten()).flatten().tolist():
        (level,) = set(after[i, 0][padded[i]].tolist())
        assert level <= lowest[i] or level >= highest[i]
        ends = {"top": padded[i, 0], "bottom": padded[i, -1], "left": padded[i, :, 0], "right": padded[i, :, -1]}
        sides.add((max(ends, key=lambda name: float(ends[name].float().mean())), bool(level >= highest[i])))
        torch.testing.assert_close(after[i, 0][~padded[i]], planes[i, 0][~padded[i]])
    assert {name for name, _ in sides} == {"top", "bottom", "left", "right"}
    assert {white for _, white in sides} == {False, True}
    assert float(padded.float().mean()) == pytest.approx(0.2, abs=0.06)
    assert (after[:, 2] == padded.float() * numbers).all()


def test_cut_out_pixels_are_ignored() -> None:
    settings = GEOMETRY_ONLY.model_copy(update={"cutout_probability": 1.0, "cutout": 0.5})
    after = augment(planes(), settings, (64, 64), torch.Generator().manual_seed(0))
    hole = after[:, 2] == 1
    assert hole.any()
    assert not after[:, 0][hole].any()
    assert not after[:, 1][hole].any()


def test_the_same_generator_gives_the_same_batch() -> None:
    first, second = (augment(planes(), Augmentation(), (64, 64), torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.isfinite(first).all()


OFF = Augmentation(
    flip=False, rotation_deg=0, zoom=1, elastic_px=0, gamma=0, contrast=0, brightness=0, shading=0, noise=0, blur_px=0,
    sharpen=0, low_resolution=1, cutout=0, padding_probability=0,
)  # fmt: skip


def volume(count: int = 4, depth: int = 20, side: int = 40) -> torch.Tensor:
    """Image and mask of the same blocks in 3D: (B, 3, Z, Y, X)."""
    mask = (
        torch.rand(count, 1, depth // 4, side // 8, side // 8, generator=torch.Generator().manual_seed(7)) < 0.4
    ).float()
    mask = torch.kron(mask, torch.ones(1, 1, 4, 8, 8))
    return torch.cat([mask * 2 - 1, mask, torch.zeros_like(mask)], 1)


PLACE = [
    {"flip": True}, {"rotation_deg": 20.0}, {"zoom": 1.4}, {"shift_px": 6.0}, {"shear_deg": 15.0}, {"elastic_px": 2.0},
]  # fmt: skip
GREY = [
    {"gamma": 0.4}, {"contrast": 0.3}, {"brightness": 0.3}, {"shading": 0.3}, {"noise": 0.4},
    {"blur_px": 1.2, "blur_probability": 1.0}, {"sharpen": 1.5, "sharpen_probability": 1.0},
    {"low_resolution": 2.0, "low_resolution_probability": 1.0},
]  # fmt: skip
DEFECTS_2D = [{"stripe_probability": 1.0}]
DEFECTS_3D = [{"missing_probability": 1.0}, {"uneven_probability": 1.0}]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_with_all_knobs_off_nothing_happens(dimensions: int) -> None:
    before, shape, cut = window(dimensions)
    torch.testing.assert_close(augment(before, OFF, shape, torch.Generator()), cut, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("knob", "dimensions"),
    [(knob, dimensions) for knob in PLACE for dimensions in (2, 3)] + [({"misaligned_probability": 1.0}, 3)],
)
def test_knobs_of_place_move_image_and_mask_in_step(knob: dict[str, float], dimensions: int) -> None:
    before, shape, cut = window(dimensions)
    after = augment(before, OFF.model_copy(update=knob), shape, torch.Generator().manual_seed(1))
    assert after.shape == cut.shape
    torch.testing.assert_close((after[:, 0] + 1) / 2, after[:, 1], atol=1e-3, rtol=0)
    assert (after[:, 1] - cut[:, 1]).abs().mean() > 0.01
    assert float(after[:, 1].mean()) == pytest.approx(float(cut[:, 1].mean()), abs=0.1)


@pytest.mark.parametrize(
    ("knob", "dimensions"),
    [(knob, dimensions) for knob in GREY for dimensions in (2, 3)]
    + [(knob, 2) for knob in DEFECTS_2D]
    + [(knob, 3) for knob in DEFECTS_3D],
)
def test_knobs_of_grey_leave_the_mask_alone(knob: dict[str, float], dimensions: int) -> None:
    before, shape, cut = window(dimensions)
    after = augment(before, OFF.model_copy(update=knob), shape, torch.Generator().manual_seed(1))
    torch.testing.assert_close(after[:, 1:], cut[:, 1:], atol=1e-4, rtol=0)
    assert (after[:, 0] - cut[:, 0]).abs().mean() > 0.01


def window(dimensions: int) -> tuple[torch.Tensor, tuple[int, ...], torch.Tensor]:
    """A batch, the shape that is wanted of it, and its middle of that shape."""
    if dimensions == 2:
        return planes(), (64, 64), planes()[:, :, 8:72, 8:72]
    return volume(), (16, 32, 32), volume()[:, :, 2:18, 4:36, 4:36]


def test_sections_stay_sections() -> None:
    """Each slice of a warped volume is made of one or two slices of the original, in their order."""
    before = torch.arange(20.0).reshape(1, 1, 20, 1, 1).expand(4, 3, 20, 40, 40)
    after = augment(
        before,
        OFF.model_copy(update={"zoom": 1.4, "rotation_deg": 20.0}),
        (12, 32, 32),
        torch.Generator().manual_seed(1),
    )
    torch.testing.assert_close(after.amin((3, 4)), after.amax((3, 4)), atol=1e-4, rtol=0)
    steps = after[:, 0, :, 0, 0].diff(dim=1)
    torch.testing.assert_close(steps, steps[:, :1].expand_as(steps), atol=1e-3, rtol=0)
    assert len(steps[:, 0].unique()) == 4


def test_one_section_is_lost_or_uneven_and_holes_have_depth() -> None:
    before, shape, cut = window(3)
    for knob in DEFECTS_3D:
        after = augment(before, OFF.model_copy(update=knob), shape, torch.Generator().manual_seed(1))
        changed = (after[:, 0] - cut[:, 0]).abs().amax((2, 3)) > 0.5
        assert changed.sum(1).tolist() == [1, 1, 1, 1]
    hole = augment(
        before,
        OFF.model_copy(update={"cutout": 0.5, "cutout_probability": 1.0}),
        shape,
        torch.Generator().manual_seed(2),
    )
    depths = (hole[:, 2].amax((2, 3)) == 1).sum(1)
    assert int(depths.max()) > 1
    assert int(depths.max()) <= 8


def test_blur_lowers_noise_by_its_own_sigma() -> None:
    noise = torch.randn(2, 1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    blurred = gaussian_blur(noise, torch.tensor([0.0, 2.0]))
    torch.testing.assert_close(blurred[0], noise[0])
    # White noise under a Gaussian of sigma s keeps 1 / (2 s sqrt(pi)) of its standard deviation.
    assert float(blurred[1].std()) == pytest.approx(1 / (4 * 3.1416**0.5), rel=0.15)


def test_sharpening_raises_fine_detail_and_leaves_the_coarse() -> None:
    x = torch.arange(96.0)
    coarse, fine = (torch.sin(2 * torch.pi * x / period).expand(1, 1, 1, 96, 96) for period in (48.0, 3.0))
    none, once, twice = (sharpen(coarse + fine, torch.tensor([amount])) for amount in (0.0, 1.0, 2.0))
    torch.testing.assert_close(none, coarse + fine)
    torch.testing.assert_close(twice - none, 2 * (once - none), atol=1e-5, rtol=0)
    # A Gaussian of sigma 1 px keeps exp(-2 (pi / period)^2) of a wave; once its detail is added the rest is doubled.
    middle = slice(24, 72)
    gain = (once - none)[..., middle, middle]
    assert float(gain.std()) == pytest.approx((1 - math.exp(-2 * (math.pi / 3) ** 2)) * float(fine.std()), rel=0.05)
    change = sharpen(coarse, torch.tensor([1.0])) - coarse
    assert float(change[..., middle, middle].abs().max()) < 0.02


def test_smooth_fields_have_unit_spread() -> None:
    field = smooth_field(64, 1, 64, torch.Generator().manual_seed(0))
    assert float(field.std()) == pytest.approx(1, abs=0.15)
