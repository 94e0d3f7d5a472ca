"""The definitions reproduce what is known of real tissue: the folder named by MITO_REAL; nothing of it is kept here."""

import os
from pathlib import Path

import pytest

from mitodata.importers import import_to_file
from mitogen.gap import Sampling, measure
from mitogen.gap.morphology import STEPS, profile_name


def imported(name: str, folder: Path) -> Path:
    if "MITO_REAL" not in os.environ:
        pytest.skip("MITO_REAL does not name a folder of real data")
    if not (Path(os.environ["MITO_REAL"]) / name).is_dir():
        pytest.skip(f"MITO_REAL holds no {name}")
    import_to_file(name, Path(os.environ["MITO_REAL"]) / name, folder / f"{name}.h5")
    return folder / f"{name}.h5"


@pytest.mark.slow
def test_vnc(tmp_path: Path) -> None:
    found = measure(imported("vnc", tmp_path)).values()
    expected = {
        "grey.mean": 129,
        "grey.std": 54.7,
        "noise.sigma": 5.6,
        "spectrum.low": -1.6,
        "spectrum.middle": -2.3,
        "spectrum.high": -4.9,
        "mito.area_fraction": 0.054,
        "mito.grey": 86,
        "mito.grey_std": 40,
        "number.per_section": 20,
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=0.07), name
    across = (137, 138, 140, 141, 140, 137, 129, 114, 93, 80, 74, 71, 71, 74, 77)
    assert [found[profile_name(step)] for step in STEPS] == pytest.approx(across, abs=1)


@pytest.mark.slow
def test_epfl(tmp_path: Path) -> None:
    """Contrast and masks of the file are not those that targets were measured on; what does not depend on them is."""
    found = measure(imported("epfl", tmp_path), Sampling(images=20)).values()
    expected = {
        "grey.mean": 139,
        "spectrum.low": -1.6,
        "spectrum.middle": -3.8,
        "membrane.share": 0.22,
        "mito.area_fraction": 0.053,
        "size.aspect": 1.5,
        "number.per_section": 15.9,
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=0.1), name
