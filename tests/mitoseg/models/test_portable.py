"""ONNX and TorchScript: the same maps as torch whatever the size of an image, or no file."""

import errno
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from exported import make_portable

from mitodata import RunError, WriteError
from mitoseg.models import portable
from mitoseg.models.portable import (
    TOLERANCE,
    MapNetwork,
    Portable,
    check_alike,
    check_new,
    make_onnx,
    make_torchscript,
    write_onnx,
)
from mitoseg.networks import extras

pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        (("target=compartments",), (3, 1, 96, 160)),
        (("target=instance", "norm=group"), (1, 1, 160, 96)),
        (("dimensions=3", "patch_z_px=16", "patch_px=32"), (1, 1, 32, 32, 64)),
    ],
)
def test_onnx_gives_the_maps_of_torch_for_images_of_any_size(settings: tuple[str, ...], shape: tuple[int, ...]) -> None:
    model = make_portable(*settings)
    content, difference = make_onnx(model)
    assert difference <= TOLERANCE
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    image = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    (found,) = session.run(None, {"image": image.numpy()})
    with torch.inference_mode():
        expected = MapNetwork(model.network, model.config)(image).numpy()
    assert found.shape[1] == len(model.channels)
    np.testing.assert_allclose(found, expected, atol=TOLERANCE, rtol=0)


def test_a_network_of_monai_keeps_the_size_of_its_patches() -> None:
    model = make_portable("network=AttentionUnet", "network_arguments.channels=[4,8]", "network_arguments.strides=[2]")
    content, _ = make_onnx(model)
    (image,) = runtime.InferenceSession(content, providers=["CPUExecutionProvider"]).get_inputs()
    assert image.shape == ["batch", 1, 64, 64]


def test_an_onnx_file_says_what_others_must_know_and_no_folder_of_ours() -> None:
    model = make_portable("working_voxel_nm=8")
    content, _ = make_onnx(model)
    assert content == make_onnx(model)[0]
    known = runtime.InferenceSession(content, providers=["CPUExecutionProvider"]).get_modelmeta().custom_metadata_map
    assert known["pixel_size_nm"] == "8"
    assert (known["threshold"], known["peak"]) == ("0.4", "0.5")
    assert known["channels"] == "foreground"
    assert known["licence"] == "MIT"
    assert "median" in known["normalisation"]
    assert str(Path(portable.__file__).parent.parent).encode() not in content


def test_torchscript_gives_the_maps_of_torch_without_this_program(tmp_path: Path) -> None:
    model = make_portable()
    content, difference = make_torchscript(model)
    assert difference <= TOLERANCE
    (tmp_path / "a.pt").write_bytes(content)
    texts = {"texts.json": ""}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer versions of torch announce that it will go
        torch.jit.load(tmp_path / "a.pt", _extra_files=texts)
    assert json.loads(texts["texts.json"])["pixel_size_nm"] == "10"


def test_a_file_that_differs_from_torch_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_portable()
    other = MapNetwork(make_portable("norm=group").network, model.config)
    with pytest.raises(
        RunError, match=r"gives other maps than torch, .* expected at most 0\.0001; nothing was written"
    ):
        check_alike(other, model, "ONNX")

    def wrong(*_: object) -> float:
        raise RunError("differs")

    monkeypatch.setattr(portable, "check_alike", wrong)
    with pytest.raises(RunError, match="differs"):
        write_onnx(tmp_path / "a.onnx", model)
    assert not list(tmp_path.iterdir())


def test_a_full_temporary_folder_is_one_line_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch.onnx, "export", full)
    with pytest.raises(WriteError, match="cannot be written: No space left on device; make room there, or set TMPDIR"):
        make_onnx(make_portable())


def test_a_network_that_cannot_be_written_is_one_line() -> None:
    class Odd(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.fft.fft(image).real

    model = make_portable()
    odd = Portable(Odd(), model.config, model.decoding, model.card)
    with pytest.raises(RunError, match="network tiny: cannot be written as ONNX: ") as caught:
        make_onnx(odd)
    assert "\n" not in str(caught.value)


def test_places_are_checked_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_text("mine")
    with pytest.raises(RunError, match="exists; choose another name, or replace it with --overwrite"):
        check_new(tmp_path / "a.onnx")
    check_new(tmp_path / "a.onnx", overwrite=True)
    with pytest.raises(RunError, match="there is no folder"):
        check_new(tmp_path / "none" / "a.onnx")
    with pytest.raises(RunError, match="is a folder"):
        check_new(tmp_path)
    with pytest.raises(RunError, match=r"expected a name that ends in \.onnx"):
        write_onnx(tmp_path / "a.bin", make_portable())


def test_a_missing_extra_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(extras, "import_module", absent)
    with pytest.raises(RunError, match=r"needs onnx; install it with: pip install 'mitogen-em\[export\]'"):
        make_onnx(make_portable())
