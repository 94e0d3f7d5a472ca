"""Packages of the BioImage Model Zoo pass the zoo's own test, or are not written."""

import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from exported import CARD, make_portable
from numpy.typing import NDArray
from PIL import Image

from mitodata import RunError
from mitoseg.models import zoo_package
from mitoseg.models.zoo_package import check_extra, describe, example_shape, write_package

# The zoo's libraries use what their own dependencies have deprecated.
pytestmark = pytest.mark.filterwarnings("ignore")


def zoo() -> Any:
    """The zoo's library; a test is skipped where it is missing, or does not work with what is installed."""
    core = pytest.importorskip("bioimageio.core")
    try:
        check_extra()
    except RunError as error:
        pytest.skip(str(error))
    return core


def noise(shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(40, 220, shape, np.uint8)


def test_a_package_describes_what_goes_in_and_out() -> None:
    model = make_portable("dimensions=3", "patch_z_px=16", "patch_px=32", "working_slice_nm=40", "working_voxel_nm=10")
    tree = describe(model)
    z, _, x = (axis for axis in tree["inputs"][0]["axes"] if axis["type"] == "space")
    assert (z["size"], x["size"]) == ({"min": 16, "step": 4}, {"min": 32, "step": 16})
    assert (z["scale"], x["scale"], x["unit"]) == (40.0, 10.0, "nanometer")
    assert [axis["halo"] for axis in tree["outputs"][0]["axes"][2:]] == [4, 8, 8]
    assert example_shape(model) == (16, 32, 32)
    assert example_shape(make_portable()) == (1, 256, 256)
    assert tree["license"] == "MIT"
    assert describe(make_portable(card=CARD.model_copy(update={"name": "a/b", "licence": ""})))["license"] is None


@pytest.mark.slow
@pytest.mark.parametrize("settings", [(), ("dimensions=3", "patch_z_px=16", "patch_px=32", "target=instance")])
def test_a_package_passes_the_test_of_the_zoo(settings: tuple[str, ...], tmp_path: Path) -> None:
    core = zoo()
    model, path = make_portable(*settings), tmp_path / "tiny.zip"
    assert write_package(path, model, noise(example_shape(model))) <= 1e-4
    for weights in ("torchscript", "onnx"):
        assert core.test_model(path, weight_format=weights).status == "passed"
    with zipfile.ZipFile(path) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".yaml"))
        known: dict[str, Any] = yaml.safe_load(archive.read(name))
        cover = Image.open(BytesIO(archive.read("cover.png")))
        assert "## Validation" in archive.read("README.md").decode()
    assert known["format_version"].startswith("0.5.")
    assert known["license"] == "MIT"
    assert known["authors"] == [{"name": "The MitoGen & MitoSeg authors"}]
    assert cover.width == 2 * cover.height


@pytest.mark.slow
def test_a_package_that_the_zoo_refuses_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zoo()
    model = make_portable(card=CARD.model_copy(update={"licence": "mine alone"}))
    image = noise(example_shape(model))
    with pytest.raises(RunError, match=r"the zoo refuses the package: .*license.*; nothing was written") as caught:
        write_package(tmp_path / "a.zip", model, image)
    assert "\n" not in str(caught.value)
    maps = zoo_package._maps
    monkeypatch.setattr(zoo_package, "_maps", lambda *given: np.roll(maps(*given), 7, -1))
    with pytest.raises(RunError, match=r"the package fails the zoo's test: .*; nothing was written"):
        write_package(tmp_path / "a.zip", make_portable(), image)
    assert not list(tmp_path.iterdir())


def test_libraries_that_do_not_go_together_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoo_package, "need", lambda *_: None)
    monkeypatch.setattr(zoo_package, "version", {"pydantic": "2.14.3", "bioimageio.spec": "0.5.12.0"}.__getitem__)
    with pytest.raises(RunError, match=r"does not work with pydantic 2\.14\.3; install an older one: pip install"):
        check_extra()
