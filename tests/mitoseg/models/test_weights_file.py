"""A model as one file: nearly the same probabilities, the same bytes each time, and no damage goes unseen."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from mitodata import DataError, RunError
from mitoseg.inference.model import load_model
from mitoseg.inference.predictor import predict_maps
from mitoseg.models.card import Card, Score
from mitoseg.models.weights_file import FORMAT, VERSION, load_weights, pack_weights, save_weights


@pytest.fixture
def packed(run: Path, tmp_path: Path) -> Path:
    path = tmp_path / "packed.safetensors"
    save_weights(path, load_model(run).packed(Card(name="packed")))
    return path


def test_half_precision_costs_less_than_a_thousandth_of_probability(run: Path, packed: Path) -> None:
    fitted, read = (replace(load_model(path), precision="full") for path in (run, packed))
    assert packed.stat().st_size < 0.6 * sum(weight.nbytes for weight in fitted.network.state_dict().values())
    assert {weight.dtype for weight in read.network.state_dict().values()} == {torch.float32}
    raw = np.random.default_rng(0).integers(0, 255, (1, 96, 96), np.uint8)
    nearly, exactly = (predict_maps(model, raw, (8.0, 8.0, 8.0)) for model in (read, fitted))
    for name, weight in fitted.network.state_dict().items():
        assert torch.equal(read.network.state_dict()[name], weight.half().float()), "the nearest there is"
    cost = np.abs(nearly - exactly)
    assert 0 < np.percentile(cost, 99) < 1e-3
    assert cost.max() < 2e-3
    assert read.decoding == fitted.decoding
    assert read.config == fitted.config
    assert read.card.name == "packed"


def test_the_same_model_gives_the_same_bytes(run: Path) -> None:
    card = Card(scores=(Score(images="discs", iou=0.9),), software={"b": "1", "a": "2"})
    first, second = (pack_weights(load_model(run).packed(card)) for _ in range(2))
    assert first == second


def test_weights_too_large_for_half_precision_stay_as_they_are(run: Path, tmp_path: Path) -> None:
    model = load_model(run)
    name = next(iter(model.network.state_dict()))
    model.network.state_dict()[name][0] = 1e6
    save_weights(tmp_path / "a.safetensors", model.packed())
    assert load_weights(tmp_path / "a.safetensors").weights[name].max() == 1e6


def test_no_damage_goes_unseen(packed: Path) -> None:
    whole = packed.read_bytes()
    header = int.from_bytes(whole[:8], "little")
    threshold = whole.index(b"threshold")
    for place in (9, threshold, threshold + 13, header + 8 + 1000, len(whole) - 1):
        packed.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(RunError, match=r"packed\.safetensors: (damaged|.*no model of mitoseg)"):
            load_model(packed)
    for length in (9, 100, header, len(whole) - 1):
        packed.write_bytes(whole[:length])
        with pytest.raises(RunError, match="damaged"):
            load_model(packed)


def test_other_files_and_versions_are_refused(packed: Path, tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(RunError, match="a safetensors file, but no model of mitoseg"):
        load_model(tmp_path / "other.safetensors")
    head = json.dumps({"format": FORMAT, "version": VERSION + 1})
    save_file(load_file(packed), tmp_path / "later.safetensors", {"mitoseg": head})
    with pytest.raises(RunError, match=f"version {VERSION + 1}; this program reads version {VERSION}"):
        load_model(tmp_path / "later.safetensors")
    with pytest.raises(RunError, match="not found"):
        load_weights(tmp_path / "none.safetensors")


def test_nothing_but_a_model_is_replaced(packed: Path, run: Path, tmp_path: Path) -> None:
    save_weights(packed, load_model(run).packed(Card(name="again")))
    assert load_weights(packed).card.name == "again"
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="exists and is not a model"):
        save_weights(tmp_path / "notes.txt", load_model(run).packed())
    assert (tmp_path / "notes.txt").read_text() == "mine"
