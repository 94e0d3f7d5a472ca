from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mitodata import RunError
from mitoseg.config.settings import FitConfig
from mitoseg.data import Patches, SectionFiles
from mitoseg.inference.model import Model, load_model
from mitoseg.training.learner import Learner
from mitoseg.training.refinement import Refiner, refining


@pytest.fixture(scope="module")
def model(run: Path) -> Model:
    return load_model(run)


@pytest.fixture(scope="module")
def config(model: Model) -> FitConfig:
    return refining(model.config)


@pytest.fixture(scope="module")
def windows(discs: Path, config: FitConfig) -> Callable[[int], torch.Tensor]:
    """(first number) -> eight patches."""
    files = SectionFiles([discs])
    patches = Patches(files, files.sections(), config)
    return lambda first: torch.stack([patches[number] for number in range(first, first + 8)])


def weights(model: Model) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in model.network.parameters()])


def test_a_model_learns_what_is_marked_and_stays_itself(
    model: Model, config: FitConfig, windows: Callable[[int], torch.Tensor]
) -> None:
    # The marks say the opposite of what it has learned, in half of the windows; the rest is unknown.
    marked = windows(0)
    marked[:, 1] = 1 - marked[:, 1]
    marked[:, 2, :, 40:] = 1
    before = weights(model).clone()
    refiner = Refiner(model, config.model_copy(update={"learning_rate": 0.02, "ema_decay": 0.0}))
    losses = [refiner.learn(None, marked, 0.5) for _ in range(12)]
    assert losses[-1] < 0.7 * losses[0]
    assert torch.equal(weights(model), before)
    assert not torch.equal(weights(refiner.model()), before)
    assert refiner.model().decoding == model.decoding


def test_rendered_patches_hold_against_marks(
    model: Model, config: FitConfig, windows: Callable[[int], torch.Tensor]
) -> None:
    marked = windows(0)
    marked[:, 1] = 1 - marked[:, 1]
    settings = config.model_copy(update={"augment": config.augment.model_copy(update={"enabled": False})})
    alone, held = Refiner(model, settings), Refiner(model, settings)
    for number in range(3):
        cut = marked[..., :64, :64]
        alone.learn(None, cut, 0.5)
        held.learn(windows(8 * number)[..., :64, :64], cut, 0.5)
    judge = Learner(model.config).loss
    truth = windows(40)[..., :64, :64]
    scores = [judge(each.network(truth[:, :1]), truth[:, 1:2], 1 - truth[:, 2:]) for each in (alone, held)]
    assert scores[1] < scores[0]


def test_refining_goes_on_from_what_was_saved(
    model: Model, config: FitConfig, windows: Callable[[int], torch.Tensor]
) -> None:
    whole, first, second = (Refiner(model, config) for _ in range(3))
    for number in range(4):
        whole.learn(windows(8), windows(0), number / 4)
    for number in range(2):
        first.learn(windows(8), windows(0), number / 4)
    second.restore(first.state())
    for number in range(2, 4):
        second.learn(windows(8), windows(0), number / 4)
    assert torch.equal(weights(second.model()), weights(whole.model()))
    with pytest.raises(RunError, match="does not fit"):
        second.restore({"network": {}})


def test_only_chosen_weights_change(model: Model, config: FitConfig, windows: Callable[[int], torch.Tensor]) -> None:
    refiner = Refiner(model, config, trained=lambda name: name.startswith("unet.final_conv"))
    refiner.learn(None, windows(0), 0.5)
    before = dict(model.network.named_parameters())
    changed = {
        name for name, weight in refiner.model().network.named_parameters() if not torch.equal(weight, before[name])
    }
    assert changed == {"unet.final_conv.weight", "unet.final_conv.bias"}
