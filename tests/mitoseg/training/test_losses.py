import pytest
import torch
from monai.losses.focal_loss import FocalLoss

from mitoseg.config.settings import Target, make_config
from mitoseg.networks.targets import CLASSES, output_channels, to_maps
from mitoseg.training.losses import make_foreground_loss, make_loss

NAMES = ("dice_ce", "bce", "weighted_bce", "dice", "dice_focal", "focal", "tversky")


@pytest.mark.parametrize("name", NAMES)
def test_ignored_pixels_change_nothing(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 1, 8, 8, generator=generator)
    target = (torch.rand(2, 1, 8, 8, generator=generator) < 0.5).float()
    valid = torch.ones_like(target)
    valid[..., :3] = 0
    changed = torch.where(valid == 1, logits, -7 * logits)
    flipped = torch.where(valid == 1, target, 1 - target)
    loss = make_loss(make_config(loss=name))
    torch.testing.assert_close(loss(logits, target, valid), loss(changed, flipped, valid))


@pytest.mark.parametrize("name", NAMES)
def test_right_is_cheaper_than_wrong_and_everything_ignored_is_finite(name: str) -> None:
    target = torch.zeros(1, 1, 8, 8)
    target[..., :4] = 1
    valid, loss = torch.ones_like(target), make_loss(make_config(loss=name))
    right = loss(20 * target - 10, target, valid)
    assert right < 0.01
    assert loss(10 - 20 * target, target, valid) > 0.5
    assert torch.isfinite(loss(target, target, torch.zeros_like(target)))


def test_focal_loss_of_exclusive_classes_is_monais() -> None:
    generator = torch.Generator().manual_seed(0)
    classes = len(CLASSES)
    logits = (4 * torch.randn(2, classes, 8, 8, generator=generator)).requires_grad_()
    truth = torch.eye(classes)[torch.randint(0, classes, (2, 8, 8), generator=generator)].movedim(-1, 1)
    valid = torch.ones(2, 1, 8, 8)
    ours = make_loss(make_config(("target=compartments",), loss="focal"))(logits, truth, valid)
    theirs = FocalLoss(reduction="none", gamma=2.0, use_softmax=True)(logits, truth).sum(1).mean()
    torch.testing.assert_close(ours, theirs)
    slopes = [torch.autograd.grad(loss, logits)[0] for loss in (ours, theirs)]
    torch.testing.assert_close(*slopes)


@pytest.mark.parametrize("outer", [True, False])
@pytest.mark.parametrize("target", ["semantic", "instance", "compartments"])
def test_foreground_alone_is_learned_by_a_network_of_any_target(target: Target, outer: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, output_channels(target), 8, 8, generator=generator).requires_grad_()
    truth = (torch.rand(2, 1, 8, 8, generator=generator) < 0.5).float()
    valid = (torch.rand(2, 1, 8, 8, generator=generator) < 0.7).float()
    loss = make_foreground_loss(target, outer_membrane=outer)(logits, truth, valid)
    probability = to_maps(logits, target, outer_membrane=outer)[:, :1]
    seen = valid == 1
    entropy = torch.nn.functional.binary_cross_entropy(probability[seen], truth[seen])
    dice = make_loss(make_config(loss="dice"))(torch.logit(probability), truth, valid)
    torch.testing.assert_close(loss, entropy + dice)
    (slope,) = torch.autograd.grad(loss, logits)
    assert not slope.masked_select(~seen.expand_as(slope)).any()


def test_a_certain_network_that_is_wrong_has_a_finite_loss_of_foreground() -> None:
    logits = torch.full((1, len(CLASSES), 4, 4), -80.0)
    logits[:, 0] = 80
    loss = make_foreground_loss("compartments")(logits, torch.ones(1, 1, 4, 4), torch.ones(1, 1, 4, 4))
    assert 100 < float(loss) < 200
