"""The manifest that napari reads: valid, complete, and registered."""

import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from mitoseg_napari import reader, samples, writer

MANIFEST = Path(str(files("mitoseg_napari"))) / "napari.yaml"


def test_it_is_registered_under_the_name_of_the_distribution() -> None:
    project = Path(__file__).parents[2] / "pyproject.toml"
    table = tomllib.loads(project.read_text(encoding="utf-8"))
    (name, place), *others = table["project"]["entry-points"]["napari.manifest"].items()
    assert not others
    assert place == "mitoseg_napari:napari.yaml"
    assert f"name: {name}\n" in MANIFEST.read_text(encoding="utf-8")
    assert name == table["project"]["name"]


def test_npe2_finds_it_valid() -> None:
    npe2 = pytest.importorskip("npe2", reason="needs npe2, which comes with napari; see CONTRIBUTING")
    manifest = npe2.PluginManifest.from_file(MANIFEST)
    commands = {command.id: command.python_name for command in manifest.contributions.commands}
    used = [
        each.command
        for kind in ("readers", "writers", "sample_data", "widgets")
        for each in getattr(manifest.contributions, kind)
    ]
    assert sorted(used) == sorted(commands)
    for name in ("get_reader", "write_layers"):
        assert hasattr(reader if name == "get_reader" else writer, name)


def test_sample_data_is_tissue_with_labels_and_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "SECTION_PX", 64)
    (raw, image, kind), (label, _, _) = samples.brain_section()
    assert kind == "image"
    assert raw.shape == label.shape == (64, 64)
    assert image["units"] == ("nm", "nm")
    assert image["scale"] == (8, 8)
