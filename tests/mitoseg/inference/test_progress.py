"""How far a prediction is, counted in windows: of a huge section there is one only."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mitodata.readers.source import Source
from mitoseg.config.settings import FitConfig
from mitoseg.inference import orthoplanes, predictor, tiling
from mitoseg.inference.model import Model, Predictor
from mitoseg.inference.predictor import predict_source
from mitoseg.inference.tiling import Tile, Windows
from mitoseg.io.process import Watch, watched
from mitoseg.io.scratch import InMemory


@pytest.fixture
def model(tiny: FitConfig) -> Model:
    return Model(nn.Conv2d(1, 1, 1).eval(), tiny.model_copy(update={"patch_px": 32}))


def source(*shape: int) -> Source:
    raw = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return Source(Path("large.png"), "", raw, (8.0, 8.0, 8.0))


@pytest.mark.parametrize(("shape", "axes"), [((1, 150, 130), "z"), ((5, 90, 40), "z"), ((34, 62, 51), "zyx")])
@pytest.mark.parametrize("tiles", [1, 2])
def test_as_many_windows_are_counted_as_there_are(
    model: Model, shape: tuple[int, ...], axes: str, tiles: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    totals: list[int] = []
    counting = predictor._counting

    def spy(predict: Predictor, total: int, count: Callable[[int], object], say: Callable[[str], object]) -> Predictor:
        totals.append(total)
        return counting(predict, total, counted.append, say)

    def cut(plan: Windows, *_: object) -> tuple[Windows, list[Tile]]:
        return plan, [Tile.of(plan, part) for part in tiling._parts(plan, tiles)]

    monkeypatch.setattr(predictor, "_counting", spy)
    monkeypatch.setattr(orthoplanes, "fit_memory", cut)
    predict_source(model, source(*shape), InMemory(), axes=axes)
    assert [sum(counted)] == totals
    assert sum(counted) > 1


def test_how_long_it_will_take_is_said_once(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([0.0, 10.0, 40.0, 60.0, 80.0])
    monkeypatch.setattr(predictor, "monotonic", lambda: next(seconds))
    said: list[str] = []

    def nothing(windows: Tensor) -> Tensor:
        return windows

    predict = predictor._counting(nothing, 16, lambda _: None, said.append)
    for _ in range(4):
        predict(torch.zeros(2, 1, 4, 4))
    # 4 windows in 40 s: 12 more take 2 minutes.
    assert said == ["4 of 16 windows took 40 s; about 2 min more"]


def test_who_watches_hears_of_every_window_and_can_stop(model: Model) -> None:
    told: list[float] = []
    watch = Watch(lambda _line, share: told.append(share or 0.0))
    with watched(watch):
        predict_source(model, source(5, 90, 40), InMemory())
    assert told == sorted(told)
    assert told[-1] == 1
    watch.stop.requested = True
    with watched(watch), pytest.raises(KeyboardInterrupt):
        predict_source(model, source(5, 90, 40), InMemory())
    predict_source(model, source(1, 30, 40), InMemory())  # nobody watches any more
