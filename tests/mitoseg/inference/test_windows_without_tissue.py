"""Windows that see nothing but rims and missing sections do not go through the network, and nothing else changes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import Tensor, nn

from mitodata import Sample, VoxelSize
from mitodata.readers.source import Source
from mitoseg.config.settings import FitConfig
from mitoseg.inference.model import Model, load_model
from mitoseg.inference.predictor import predict_source
from mitoseg.io.scratch import InMemory
from mitoseg.io.tissue import Tissue
from mitoseg.networks.unet import build_model


class Counting(nn.Module):
    """Counts what goes through a network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.windows = network, 0

    def forward(self, windows: Tensor) -> Tensor:
        self.windows += len(windows)
        found = self.network(windows)
        assert isinstance(found, Tensor)
        return found


@dataclass(frozen=True)
class Look:
    """How a volume is looked at."""

    voxel_size_nm: VoxelSize
    axes: str = "z"
    tta: int = 1

    def predict(self, model: Model, raw: NDArray[np.uint8]) -> tuple[NDArray[np.float32], int]:
        """What is found, and how many windows were looked at."""
        counting = Counting(model.network)
        source = Source(Path("image"), "", raw, self.voxel_size_nm)
        seen = Model(counting, model.config, model.decoding)
        maps = predict_source(seen, source, InMemory(), axes=self.axes, tta=self.tta)
        return np.asarray(maps[:]), counting.windows


@pytest.fixture(scope="module")
def odd(draw: Callable[..., Sample]) -> NDArray[np.uint8]:
    """Eight sections of tissue in wide frames of several kinds; one is missing, and the last two are blank."""
    raw = np.pad(draw(78, (8, 60, 70)).raw, ((0, 0), (150, 40), (10, 170)))
    raw[2] = 200  # between others
    raw[4, 150:200] = 0  # a part that its neighbours stand for
    raw[6:] = 0
    return raw


LOOKS = [
    Look((40.0, 10.0, 10.0)),
    Look((40.0, 7.3, 7.3)),
    Look((40.0, 14.0, 12.0), tta=4),
    Look((10.0, 8.0, 9.0), axes="zyx"),
    Look((12.0, 14.0, 14.0), axes="yx"),
]


@pytest.mark.parametrize(
    "look", [*LOOKS[:2], *(pytest.param(look, marks=pytest.mark.slow) for look in LOOKS[2:])], ids=str
)
def test_windows_without_tissue_are_left_out_and_all_maps_stay(
    look: Look, run: Path, odd: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model(run)
    # Across y and x there are as many sections as rows and columns: a narrower frame will do.
    raw = odd if look.axes == "z" else odd[:, 110:, :140]
    found, looked_at = look.predict(model, raw)
    monkeypatch.setattr(Tissue, "whole", property(lambda _: True))
    expected, all_of_them = look.predict(model, raw)
    assert looked_at < 0.7 * all_of_them
    assert expected[0][:, -100:-40, 10:80].max() > 0.5
    np.testing.assert_array_equal(found, expected)


def test_3d_windows_without_tissue_are_left_out(
    tiny: FitConfig, odd: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny.model_copy(update={"dimensions": 3, "patch_px": 32, "patch_z_px": 8, "working_slice_nm": 20.0})
    model, look = Model(build_model(config).eval(), config), Look((30.0, 9.0, 9.0))
    found, looked_at = look.predict(model, odd)
    monkeypatch.setattr(Tissue, "whole", property(lambda _: True))
    expected, all_of_them = look.predict(model, odd)
    assert looked_at < 0.7 * all_of_them
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("level", [0, 255])
def test_a_blank_image_is_not_looked_at(level: int, run: Path) -> None:
    blank = np.full((3, 200, 300), level, np.uint8)
    found, looked_at = LOOKS[1].predict(load_model(run), blank)
    assert not found.any()
    assert looked_at == 0
