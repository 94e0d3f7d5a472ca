from copy import deepcopy

import pytest
import torch
from torch import nn

from mitoseg.config.settings import make_config
from mitoseg.training.optimiser import is_stalled, lay_out, learning_rate, make_optimiser


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_optimisers_go_downhill(name: str) -> None:
    weight = nn.Parameter(torch.tensor(1.0))
    optimiser = make_optimiser(make_config((f"optimiser={name}", "learning_rate=0.1")), [weight])
    for _ in range(30):
        optimiser.zero_grad()
        torch.autograd.backward(weight**2)
        optimiser.step()
    assert abs(float(weight.detach())) < 0.5


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_a_run_goes_on_where_weights_lie_in_another_order(name: str) -> None:
    config = make_config((f"optimiser={name}", "learning_rate=0.1"))
    values = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    orders = (torch.contiguous_format, torch.channels_last)
    plain, moved = (nn.Parameter(values.clone(memory_format=order)) for order in orders)
    before, after = (make_optimiser(config, [weight]) for weight in (plain, moved))

    def step(weight: nn.Parameter, optimiser: torch.optim.Optimizer) -> None:
        optimiser.zero_grad()
        torch.autograd.backward((weight * weight * values.abs()).sum())
        optimiser.step()

    step(plain, before)
    with torch.no_grad():
        moved.copy_(plain)
    after.load_state_dict(deepcopy(before.state_dict()))
    lay_out(after)
    step(plain, before)
    step(moved, after)
    assert torch.allclose(plain, moved, atol=1e-6)


@pytest.mark.parametrize(("name", "last"), [("cosine", 0.01), ("poly", 0.01), ("constant", 1.0), ("plateau", 1.0)])
def test_schedules_rise_and_end_where_they_should(name: str, last: float) -> None:
    config = make_config((f"schedule={name}", "learning_rate=1"))
    rates = [learning_rate(config, used / 100) for used in range(101)]
    assert max(rates) == pytest.approx(1)
    assert rates[0] < 0.05
    assert rates[:5] == sorted(rates[:5])
    assert rates[5:] == sorted(rates[5:], reverse=True)
    assert rates[-1] == pytest.approx(last)


def test_a_plateau_lowers_the_rate_each_time_patience_runs_out() -> None:
    config = make_config(("schedule=plateau", "learning_rate=1", "plateau_patience=1", "plateau_factor=0.5"))
    scores = [0.1, 0.2, 0.2, 0.1, 0.2, 0.1, 0.3]
    rates = [learning_rate(config, 0.5, scores[:n]) for n in range(len(scores) + 1)]
    assert rates == [1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25]


def test_a_run_stalls_after_its_patience() -> None:
    config = make_config(("early_stopping=2",))
    assert not is_stalled(config, [])
    assert not is_stalled(config, [0.5, 0.4])
    assert is_stalled(config, [0.5, 0.4, 0.5])
    assert not is_stalled(config, [0.5, 0.4, 0.6])
    assert not is_stalled(make_config(), [0.5] * 100)
