"""ONNX files as models: the same masks as the weights they came from, and no damage goes unseen."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from program import Program

from mitodata import RunError
from mitoseg.inference.model import load_model
from mitoseg.inference.predictor import predict_maps
from mitoseg.models.card import Card
from mitoseg.models.portable import Portable, write_onnx

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "discs.onnx"
    model = load_model(run, "cpu")
    write_onnx(path, Portable(model.network, model.config, asdict(model.decoding), Card(name="discs")))
    return path


def test_maps_of_an_image_are_those_of_the_weights(run: Path, exported: Path) -> None:
    ours, theirs = replace(load_model(run, "cpu"), precision="full"), load_model(exported)
    raw = np.random.default_rng(0).integers(0, 255, (2, 150, 100), np.uint8)
    nearly, exactly = (predict_maps(model, raw, (40.0, 6.0, 6.0)) for model in (theirs, ours))
    np.testing.assert_allclose(nearly, exactly, atol=1e-4)
    assert theirs.decoding == ours.decoding
    assert theirs.config.model_copy(update={"device": "auto"}) == ours.config.model_copy(update={"device": "auto"})
    assert theirs.card.name == "discs"
    assert theirs.device == torch.device("cpu")
    assert theirs.fingerprint != ours.fingerprint


def test_predict_takes_an_onnx_file_wherever_a_model_is_taken(
    run: Path, exported: Path, fresh_discs: Path, tmp_path: Path, mitoseg: Program
) -> None:
    full = ("--precision", "full")
    mitoseg("predict", fresh_discs, "--model", run, *full, "--outputs", "mask", "-o", tmp_path / "ours")
    mitoseg("predict", exported, fresh_discs, "--outputs", "mask", "--memory", "2G", "-o", tmp_path / "theirs")
    ours, theirs = (sorted((tmp_path / name).glob("*_mask.tif")) for name in ("ours", "theirs"))
    assert [path.read_bytes() for path in ours] == [path.read_bytes() for path in theirs]
    assert "# discs" in mitoseg("models", "show", exported)[1]


def test_what_needs_weights_refuses_an_onnx_file(exported: Path, discs: Path, tmp_path: Path, mitoseg: Program) -> None:
    for command in (
        ("fit", discs, "--from", exported, "-o", tmp_path / "run"),
        ("finetune", discs, "--from", exported, "-o", tmp_path / "run"),
        ("adapt", discs, "--from", exported, "-o", tmp_path / "run"),
        ("tune", exported, discs, "-o", tmp_path / "a.safetensors"),
        ("models", "export", exported, "-o", tmp_path / "a.safetensors"),
        ("export", exported, "-o", tmp_path / "b.onnx"),
    ):
        assert "its weights cannot be changed or written" in mitoseg.fails(*command)
    assert not list(tmp_path.iterdir())


def test_no_damage_goes_unseen(exported: Path, tmp_path: Path) -> None:
    whole, path = exported.read_bytes(), tmp_path / "a.onnx"
    for place in (
        0,
        len(whole) // 3,
        len(whole) // 2,
        whole.index(b'\\"threshold') if b'\\"threshold' in whole else 99,
    ):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(RunError, match=r"a\.onnx: (damaged|an ONNX file, but)"):
            load_model(path)
    for length in (0, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(RunError, match=r"a\.onnx: (damaged|an ONNX file, but)"):
            load_model(path)


def test_changed_numbers_in_its_settings_are_seen(exported: Path, tmp_path: Path) -> None:
    whole = exported.read_bytes()
    place = whole.rindex(b'"threshold": 0.') + len(b'"threshold": 0.')
    (tmp_path / "a.onnx").write_bytes(
        whole[:place] + (b"1" if whole[place : place + 1] != b"1" else b"2") + whole[place + 1 :]
    )
    with pytest.raises(RunError, match="damaged, or changed since it was made"):
        load_model(tmp_path / "a.onnx")


def test_what_was_written_behind_the_file_is_seen(exported: Path, tmp_path: Path) -> None:
    whole, behind = exported.read_bytes(), onnx.ModelProto()
    weight = onnx.load_from_string(whole).graph.initializer[0]
    weight.raw_data = bytes(len(weight.raw_data))
    behind.graph.initializer.append(weight)
    (tmp_path / "a.onnx").write_bytes(whole + behind.SerializeToString())
    with pytest.raises(RunError, match="damaged, or changed since it was made"):
        load_model(tmp_path / "a.onnx")


def test_onnx_files_of_others_are_refused(tmp_path: Path) -> None:
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    out = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "theirs", [value], [out])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "theirs.onnx")
    with pytest.raises(RunError, match="an ONNX file, but no model of mitoseg; expected what mitoseg export made"):
        load_model(tmp_path / "theirs.onnx")
    later = '{"format": "mitoseg ONNX model", "version": 2}'
    onnx.helper.set_model_props(model, {"mitoseg": later})
    onnx.save(model, tmp_path / "later.onnx")
    with pytest.raises(RunError, match="of version 2; this program reads version 1: export the model again"):
        load_model(tmp_path / "later.onnx")
