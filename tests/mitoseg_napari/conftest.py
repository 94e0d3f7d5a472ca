"""Layers as napari would show them, without napari."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mitoseg_napari.writer import Given

if TYPE_CHECKING:
    from mitoseg.inference.model import Model


@pytest.fixture
def layer() -> Callable[..., Given]:
    """(data, name, **keywords) -> a layer; 8 nm a voxel where nothing else is said."""

    def make(data: Any, name: str = "stack", **keywords: Any) -> Given:
        ndim = np.ndim(data) - bool(keywords.get("rgb"))
        usual = {"name": name, "scale": (8.0,) * ndim, "translate": (0.0,) * ndim, "units": ("nm",) * ndim}
        return Given(data, {**usual, **keywords})

    return make


@pytest.fixture(scope="session")
def discs() -> NDArray[np.uint8]:
    """(64, 96): two dark discs on a pale ground."""
    y, x = np.mgrid[:64, :96]
    raw = np.random.default_rng(0).normal(170, 6, (64, 96))
    for cy, cx in ((20, 24), (40, 70)):
        raw[(y - cy) ** 2 + (x - cx) ** 2 < 81] -= 100
    return raw.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def darkness() -> "Model":
    """A network to which what is dark is a mitochondrion."""
    import torch  # most of these tests need none
    from torch import nn

    from mitoseg.config.settings import make_config
    from mitoseg.inference.model import Model

    torch.set_num_threads(1)
    config = make_config(("network=tiny", "working_voxel_nm=8", "patch_px=64", "target=semantic"), epochs=1)
    network = nn.Conv2d(1, 1, 1)
    with torch.no_grad():
        network.weight.fill_(-8.0)
        assert network.bias is not None
        network.bias.fill_(-8.0)
    return Model(network.eval(), config, name="darkness")
