"""A build with two released models, `tiny-1` and `tiny-2`: the run of all tests, in half precision."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import tomli_w

from mitoseg.inference.model import load_model
from mitoseg.models import registry
from mitoseg.models.card import Card
from mitoseg.models.weights_file import pack_weights


@pytest.fixture(scope="session")
def release_folder(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    model, rows = load_model(run), []
    for name, threshold in (("tiny-1", 0.3), ("tiny-2", 0.4)):
        card = Card(name=name, description=f"finds dark discs from {threshold} on", commit="0" * 40)
        content = pack_weights(replace(model.with_decoding(threshold), card=card).packed())
        (folder / f"{name}.safetensors").write_bytes(content)
        rows.append({"name": name, "bytes": len(content), "sha256": sha256(content).hexdigest()})
    (folder / registry.LISTED).write_text(tomli_w.dumps({"models": rows}))
    return folder


@pytest.fixture
def released(release_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the released models of this build."""
    monkeypatch.setattr(registry, "FOLDER", release_folder)
    return release_folder


@pytest.fixture
def unreleased(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build without released models."""
    folder = tmp_path / "no weights"
    folder.mkdir()
    (folder / registry.LISTED).write_text("models = []\n")
    monkeypatch.setattr(registry, "FOLDER", folder)
