from collections.abc import Callable
from pathlib import Path

import pytest

from mitodata import Sample
from mitoseg.inference.model import Model, load_model


@pytest.fixture(scope="module")
def model(run: Path) -> Model:
    return load_model(run)


@pytest.fixture
def volume(draw: Callable[..., Sample]) -> Sample:
    return draw(78, (5, 64, 90))
