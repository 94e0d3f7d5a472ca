"""Packages of the BioImage Model Zoo pass the zoo's own test, or are not written."""

import importlib.util
import inspect
import json
import re
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from exported import CARD, make_portable
from numpy.typing import NDArray
from PIL import Image

from mitodata import RunError
from mitoseg.models import zoo_package
from mitoseg.models.portable import MapNetwork
from mitoseg.models.zoo_package import check_extra, describe, example_shape, has_state_dict, write_package
from mitoseg.networks import stem_unet

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


def test_the_architecture_of_a_state_dict_needs_nothing_of_ours(tmp_path: Path) -> None:
    model = make_portable("target=instance")
    tree = describe(model)["weights"]
    architecture = tree["pytorch_state_dict"]["architecture"]
    (tmp_path / "stem_unet.py").write_text(inspect.getsource(stem_unet))
    imports = re.findall(r"^(?:from|import) (\w+)", inspect.getsource(stem_unet), re.MULTILINE)
    assert set(imports) == {"collections", "typing", "torch", "monai"}
    spec = importlib.util.spec_from_file_location("architecture", tmp_path / "stem_unet.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network = getattr(module, architecture["callable"])(**json.loads(json.dumps(architecture["kwargs"]))).eval()
    ours = MapNetwork(model.network, model.config).eval()
    network.load_state_dict(ours.state_dict())
    network.to(memory_format=torch.channels_last)
    ours.to(memory_format=torch.channels_last)
    image = torch.randn(1, 1, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(network(image), ours(image), rtol=0, atol=0)
    assert tree["onnx"]["parent"] == tree["torchscript"]["parent"] == "pytorch_state_dict"
    for without in (("dimensions=3", "patch_z_px=16", "patch_px=32"), ("target=compartments",)):
        assert list(describe(make_portable(*without))["weights"]) == ["torchscript", "onnx"]


@pytest.mark.slow
@pytest.mark.parametrize("settings", [(), ("dimensions=3", "patch_z_px=16", "patch_px=32", "target=instance")])
def test_a_package_passes_the_test_of_the_zoo(settings: tuple[str, ...], tmp_path: Path) -> None:
    core = zoo()
    model, path = make_portable(*settings), tmp_path / "tiny.zip"
    assert write_package(path, model, noise(example_shape(model))) <= 1e-4
    for weights in ("torchscript", "onnx", *(["pytorch_state_dict"] if has_state_dict(model) else [])):
        assert core.test_model(path, weight_format=weights).status == "passed"
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        (name,) = (each for each in names if each.endswith(".yaml") and each != "environment.yaml")
        known: dict[str, Any] = yaml.safe_load(archive.read(name))
        cover = Image.open(BytesIO(archive.read("cover.png")))
        assert "## Validation" in archive.read("README.md").decode()
    assert known["format_version"].startswith("0.5.")
    assert known["license"] == "MIT"
    assert known["authors"] == [{"name": "The MitoGen & MitoSeg authors"}]
    assert ("stem_unet.py" in names) == ("environment.yaml" in names) == has_state_dict(model)
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
