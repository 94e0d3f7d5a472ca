"""`mitoseg export` from the command line."""

import shutil
from pathlib import Path

import pytest
from program import Program

from mitoseg.cli import export as command
from mitoseg.networks import extras

pytest.importorskip("onnxruntime")


def test_the_ending_says_the_format(run: Path, tmp_path: Path, mitoseg: Program) -> None:
    for name in ("mine.onnx", "mine.pt"):
        assert "differs from torch by " in mitoseg("export", run, "-o", tmp_path / name)[1]
    assert "# mine\n" in mitoseg("models", "show", tmp_path / "mine.onnx")[1]
    assert "TorchScript, which is for other programs" in mitoseg.fails("models", "show", tmp_path / "mine.pt")
    assert "exists; choose another name" in mitoseg.fails("export", run, "-o", tmp_path / "mine.onnx")
    before = (tmp_path / "mine.onnx").read_bytes()
    mitoseg("export", run, "--format", "onnx", "--name", "mine", "--overwrite", "-o", tmp_path / "mine.onnx")
    assert (tmp_path / "mine.onnx").read_bytes() == before


def test_bad_input_is_one_line(run: Path, tmp_path: Path, mitoseg: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.onnx"
    assert "not found" in mitoseg.fails("export", tmp_path / "none", "-o", file)
    assert "cannot tell the format; expected .onnx, .pt or .zip" in mitoseg.fails("export", run, "-o", tmp_path / "a")
    named = mitoseg.fails("export", run, "--format", "onnx", "-o", tmp_path / "a.bin")
    assert "expected a name that ends in .onnx" in named
    assert "there is no folder" in mitoseg.fails("export", run, "-o", tmp_path / "none" / "a.onnx")
    shutil.copy(run / "last.pt", tmp_path / "torch.onnx")
    assert "damaged, or no ONNX file" in mitoseg.fails("models", "show", tmp_path / "torch.onnx")

    def absent(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(extras, "import_module", absent)
    for ending in (".onnx", ".zip"):
        message = mitoseg.fails("export", run, "-o", tmp_path / f"a{ending}")
        assert "install it with: pip install 'mitogen-em[export]'" in message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["torch.onnx"]
    assert set(command.ENDINGS.values()) == {"onnx", "torchscript", "bioimageio"}
