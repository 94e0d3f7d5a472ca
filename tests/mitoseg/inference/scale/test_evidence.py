"""What speaks for a pixel size, and which is chosen."""

from collections.abc import Callable
from dataclasses import replace
from math import log

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from mitodata import DataError, Sample, VoxelSize
from mitoseg.inference.model import Model
from mitoseg.inference.scale import evidence
from mitoseg.inference.scale.evidence import SIZES_NM, Look, choose_scale, estimate_scale, look
from mitoseg.networks.targets import CLASSES


@pytest.fixture(autouse=True)
def _discs_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "USUAL_WIDTH_NM", 100.0)


def discs(draw: Callable[..., Sample], pixel_nm: float) -> list[NDArray[np.uint8]]:
    """Sections that were drawn with pixels of 8 nm, in pixels of another length."""
    side = round(128 * 8 / pixel_nm)
    return [
        np.asarray(Image.fromarray(draw(seed, (1, 128, 128)).raw[0]).resize((side, side), Image.Resampling.BILINEAR))
        for seed in range(4)
    ]


def seen(size_nm: float, found: float = 0.1, certainty: float = 0.5, width_nm: float = 100.0) -> Look:
    """A look at 1,000 pixels."""
    marked = round(1000 * found)
    return Look(size_nm, 1000, marked, 100.0, 100.0 * certainty, width_nm * marked / (4 * size_nm))


def surest_at(size_nm: float) -> Callable[..., NDArray[np.float32]]:
    """A network that finds the dark parts of an image, and is surest of them where its pixels are so long."""

    def predict(_: Model, raw: NDArray[np.uint8], voxel_size_nm: VoxelSize) -> NDArray[np.float32]:
        doubt = min(0.4, abs(log(voxel_size_nm[1] / size_nm)) / 2)
        return np.where(raw < 110, 1 - doubt, doubt / 8).astype(np.float32)[None]

    return predict


@pytest.mark.parametrize("size", [5.0, 8.0, 16.0])
def test_the_size_is_that_at_which_the_network_is_surest(
    size: float, model: Model, draw: Callable[..., Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "predict_maps", surest_at(size))
    monkeypatch.setattr(evidence, "WIDTH_SPREAD", 100.0)
    found = estimate_scale(model, discs(draw, 8.0))
    assert found.pixel_nm == pytest.approx(size, rel=0.2)
    assert found.low_nm <= found.pixel_nm <= found.high_nm


@pytest.mark.parametrize("size", [5.0, 8.0, 16.0])
def test_widths_decide_where_the_network_is_as_sure_of_any_size(
    size: float, model: Model, draw: Callable[..., Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "predict_maps", lambda _, raw, __: (raw < 110).astype(np.float32)[None])
    found = estimate_scale(model, discs(draw, size))
    assert found.pixel_nm == pytest.approx(size, rel=0.5)


class Names(nn.Module):
    """Names all classes of every pixel: it has no idea, or is sure."""

    def __init__(self, sureness: float) -> None:
        super().__init__()
        self.sureness = nn.Parameter(torch.tensor(sureness))

    def forward(self, image: Tensor) -> Tensor:
        logits = image.new_zeros(len(image), len(CLASSES), *image.shape[2:])
        logits[:, 4] = self.sureness
        return logits


@pytest.mark.parametrize(("sureness", "entropy"), [(0.0, log(len(CLASSES))), (50.0, 0.0)])
def test_the_entropy_is_that_of_all_classes(
    sureness: float, entropy: float, model: Model, draw: Callable[..., Sample]
) -> None:
    settings = model.config.model_copy(update={"target": "compartments"})
    naming = replace(model, network=Names(sureness), config=settings)
    seen_by_it = look(naming, discs(draw, 8.0), 8.0)
    assert seen_by_it.classified > 0
    assert seen_by_it.entropy / seen_by_it.classified == pytest.approx(entropy, abs=1e-4)
    assert look(model, discs(draw, 8.0), 8.0).classified == 0  # of foreground only


def test_little_entropy_speaks_for_a_size_whatever_is_found() -> None:
    sizes = {size: seen(size, certainty=0.9 if size == 16 else 0.5) for size in SIZES_NM}
    entropies = {size: 300.0 if size == 8 else 600.0 for size in SIZES_NM}
    looks = [replace(sizes[size], entropy=entropies[size], classified=1000) for size in SIZES_NM]
    assert choose_scale(looks).pixel_nm == pytest.approx(8, rel=0.05)


def test_where_nothing_is_found_nothing_is_estimated(model: Model) -> None:
    with pytest.raises(DataError, match="nothing is found at any of 4 to 32 nm; give the voxel size"):
        estimate_scale(model, [np.full((64, 64), 128, np.uint8)])


def test_certainty_and_a_usual_width_speak_for_a_size() -> None:
    sure = [seen(size, certainty=0.9 if size == 8 else 0.5) for size in SIZES_NM]
    assert choose_scale(sure).pixel_nm == pytest.approx(8, rel=0.05)
    usual = [seen(size, width_nm=100.0 if size == 16 else 400.0) for size in SIZES_NM]
    assert choose_scale(usual).pixel_nm == pytest.approx(16, rel=0.05)
    unknown = choose_scale([seen(size) for size in SIZES_NM])
    assert unknown.high_nm / unknown.low_nm >= 4
    between = choose_scale([seen(size, certainty=0.9 if size in SIZES_NM[2:4] else 0.5) for size in SIZES_NM])
    assert SIZES_NM[2] < between.pixel_nm < SIZES_NM[3]
    nothing = choose_scale([seen(size, found=0.1 if size == 8 else 0.0) for size in SIZES_NM])
    assert [nothing.low_nm, nothing.pixel_nm, nothing.high_nm] == pytest.approx([6.73, 8, 9.51], rel=1e-3)


def test_looks_at_crops_add_up(model: Model, draw: Callable[..., Sample]) -> None:
    one, two = discs(draw, 8.0)[:2]
    apart, together = look(model, [one], 8.0) + look(model, [two], 8.0), look(model, [one, two], 8.0)
    assert (apart.pixels, apart.marked) == (together.pixels, together.marked)
    assert [apart.certainty, apart.width_nm] == pytest.approx([together.certainty, together.width_nm])
