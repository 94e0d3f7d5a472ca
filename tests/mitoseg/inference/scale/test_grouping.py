"""Which images have one pixel size."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from mitodata.readers.inputs import to_source
from mitodata.readers.source import StoredImage
from mitoseg.inference.scale import grouping
from mitoseg.inference.scale.evidence import SIZES_NM, Look, Looks
from mitoseg.inference.scale.grouping import ALIKE, UNLIKE, Spectrum, group_alike, join_agreeing, spectrum_of


def spectrum(image: NDArray[np.generic]) -> Spectrum:
    return spectrum_of(to_source(StoredImage(Path("a.png"), "", image[None]), (1.0, 1.0, 1.0)))


def tissue(seed: int, blur_px: float, shape: tuple[int, int] = (256, 256)) -> NDArray[np.uint8]:
    """Noise as a microscope of such a resolution shows it."""
    grey = ndimage.gaussian_filter(np.random.default_rng(seed).normal(0, 1, shape), blur_px)
    return (128 + 30 * grey / grey.std()).clip(0, 255).astype(np.uint8)


def apart(one: Spectrum, two: Spectrum) -> float:
    return float(np.sqrt(((one - two) ** 2).mean()))


def peak(at_nm: float, found: int = 100) -> Looks:
    """Looks that speak for one size: the network is surest there."""
    return tuple(
        Look(
            size, 1000, found, 100.0, 100 * max(0.1, 0.9 - 0.2 * abs(np.log2(size / at_nm))), 5500 * found / 100 / size
        )
        for size in SIZES_NM
    )


def test_spectra_tell_resolution_not_place_or_contrast() -> None:
    sharp, other, soft = spectrum(tissue(0, 1)), spectrum(tissue(1, 1)), spectrum(tissue(0, 2))
    assert apart(sharp, other) < ALIKE
    assert apart(sharp, soft) > UNLIKE
    assert apart(sharp, spectrum(tissue(0, 1) // 2 + 60)) < 0.1
    assert apart(sharp, spectrum(255 - tissue(0, 1))) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("shape", [(3, 200), (20, 20), (64, 1), (300, 70)])
def test_small_and_even_images_have_a_spectrum_too(shape: tuple[int, int]) -> None:
    assert np.isfinite(spectrum(tissue(0, 1, shape))).all()
    assert not spectrum(np.full(shape, 7, np.uint8)).any()


def test_alike_images_are_put_together_however_many(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = np.array([0, 1, 0, 2, 1, 0, 0, 2, 1, 1])
    rng = np.random.default_rng(0)
    spectra = rng.normal(0, 1, (3, 8))[kinds] + rng.normal(0, 0.02, (10, 8))
    expected = [[0, 2, 5, 6], [1, 4, 8, 9], [3, 7]]
    assert group_alike(spectra) == expected
    monkeypatch.setattr(grouping, "AT_ONCE", 2)
    assert group_alike(spectra) == expected
    assert group_alike(spectra[:1]) == [[0]]


@pytest.mark.parametrize(
    ("far", "sizes", "expected"),
    [
        (0.3, (8.0, 8.0), [[0, 1]]),
        (0.3, (4.0, 32.0), [[0], [1]]),
        (0.5, (8.0, 8.0), [[0], [1]]),
        (0.0, (8.0, 16.0), [[0, 1]]),
    ],
)
def test_groups_are_joined_that_look_much_alike_and_agree(
    far: float, sizes: Sequence[float], expected: list[list[int]]
) -> None:
    looks = [peak(size) for size in sizes]
    joined = join_agreeing([np.zeros((2, 8)), np.full((3, 8), far)], looks)
    assert sorted(group for group, _ in joined) == expected
    assert sum(seen[0].pixels for _, seen in joined) == 2000


def test_where_nothing_is_found_the_most_alike_decide() -> None:
    spectra = [np.full((1, 8), place) for place in (0.0, 1.0, 1.6)]
    empty, full = peak(8.0, found=0), peak(8.0)
    joined = join_agreeing(spectra, [full, full, empty])
    assert sorted(joined, key=lambda each: each[0]) == [([0], full), ([1, 2], full)]
    nothing = join_agreeing(spectra, [empty] * 3)
    assert sorted(group for group, _ in nothing) == [[0], [1], [2]]
