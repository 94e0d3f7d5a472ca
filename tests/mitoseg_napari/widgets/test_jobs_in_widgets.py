"""Segment, adapt and fine-tune, pressed as a user would."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import mitoseg
from mitodata import DataError
from mitoseg_napari.jobs import Stopped
from mitoseg_napari.models import KnownModels

pytest.importorskip("pytestqt", reason="needs pytest-qt and a Qt binding; see CONTRIBUTING")
pytest.importorskip("napari.qt.threading", reason="needs napari and a Qt binding; see CONTRIBUTING")
pytestmark = pytest.mark.filterwarnings("default")

NM = {"scale": (8.0, 8.0), "units": ("nm", "nm")}


@pytest.fixture(autouse=True)
def _dark_model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mitoseg, "load_model", lambda _name: request.getfixturevalue("darkness"), raising=False)


@pytest.fixture
def segment(panel: Callable[[str], Any], viewer: Any, discs: NDArray[np.uint8]) -> Any:
    """The widget, with an image."""
    viewer.add_image(discs, name="discs", **NM)
    widget = panel("segment")
    widget.contrast.setCurrentIndex(widget.contrast.findData("off"))
    return widget


def test_an_image_is_segmented_in_a_thread(segment: Any, viewer: Any, wait: Callable[[Any], None]) -> None:
    assert segment.image.size.text() == "8 8 8"
    segment.button.click()
    assert segment.cancel.isEnabled()
    wait(segment)
    assert segment.line.text() == "discs: 2 objects by darkness"
    assert not segment.cancel.isEnabled()
    assert [layer.name for layer in viewer.layers] == ["discs", "discs probability", "discs mitochondria"]
    labels = viewer.layers["discs mitochondria"]
    assert labels.data[20, 24] != labels.data[40, 70]
    assert tuple(labels.scale) == (8, 8)
    assert [str(unit) for unit in labels.units] == ["nanometer"] * 2
    assert segment.image.layer.name == "discs"


def test_only_what_is_inside_a_rectangle_is_segmented(segment: Any, viewer: Any, wait: Callable[[Any], None]) -> None:
    viewer.add_shapes([np.array([[0.0, 0.0], [0.0, 47.0], [63.0, 47.0], [63.0, 0.0]])], **NM)
    segment.region.where.setCurrentIndex(2)
    segment.button.click()
    wait(segment)
    labels = viewer.layers["discs mitochondria (part)"]
    assert labels.data.shape == (64, 48)
    assert labels.data.max() == 1


def test_a_section_of_a_stack_is_placed_where_it_lies(
    segment: Any, viewer: Any, discs: NDArray[np.uint8], wait: Callable[[Any], None]
) -> None:
    stack = viewer.add_image(np.stack([discs] * 3), name="stack", scale=(50.0, 8.0, 8.0), units=("nm",) * 3)
    segment.image.layers.choose(stack)
    segment.region.section.setChecked(True)
    viewer.dims.set_point(0, 100.0)
    segment.button.click()
    wait(segment)
    labels = viewer.layers["stack mitochondria (part)"]
    assert labels.data.shape == (1, 64, 96)
    assert tuple(labels.translate) == (100, 0, 0)


def test_work_is_cancelled_and_says_so(
    segment: Any,
    viewer: Any,
    wait: Callable[[Any], None],
    said: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def endless(_picture: Any, _model: Any, _wishes: Any, watch: Any) -> None:
        while not watch.stop.requested:
            watch.tell("1 of 2 windows", 0.5)
        raise Stopped("stopped; nothing is kept")

    monkeypatch.setattr("mitoseg_napari.widgets.segment.segment_picture", endless)
    segment.button.click()
    segment.cancel.click()
    wait(segment)
    assert said() == ["stopped; nothing is kept"]
    assert len(viewer.layers) == 1


def test_what_goes_wrong_is_one_line(
    segment: Any,
    viewer: Any,
    wait: Callable[[Any], None],
    said: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any) -> None:
        raise DataError("discs: damaged")

    monkeypatch.setattr("mitoseg_napari.widgets.segment.segment_picture", fail)
    segment.button.click()
    wait(segment)
    segment.image.size.setText("8 8")
    segment.button.click()
    segment.image.size.setText("8 8 8")
    segment.region.where.setCurrentIndex(2)
    segment.button.click()
    viewer.layers.clear()
    segment.button.click()
    lines = said()
    assert len(lines) == 4
    assert [line.partition(";")[0].partition(":")[0] for line in lines] == [
        "discs",
        "voxel size '8 8'",
        "no rectangle",
        "no image layer",
    ]
    assert not any("\n" in line for line in lines)
    assert segment.work is None


def test_the_list_of_images_follows_the_viewer(segment: Any, viewer: Any, discs: NDArray[np.uint8]) -> None:
    viewer.layers["discs"].name = "renamed"
    assert segment.image.layers.currentText() == "renamed"
    other = viewer.add_image(discs, name="other")
    assert segment.image.layers.currentText() == "other"
    assert segment.image.size.text() == ""
    segment.image.layers.choose(viewer.layers["renamed"])
    viewer.add_image(discs, name="third", **NM)
    assert segment.image.layers.currentText() == "renamed"
    viewer.layers.remove("renamed")
    assert segment.image.layers.currentText() == "third"
    assert other in viewer.layers


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> KnownModels:
    """Models of a session that begins with this test."""
    models = KnownModels()
    for module in ("choices", "adapt", "finetune"):
        monkeypatch.setattr(import_module(f"mitoseg_napari.widgets.{module}"), "KNOWN", models)
    return models


def test_an_adapted_model_is_offered_everywhere(
    known: KnownModels,
    panel: Callable[[str], Any],
    viewer: Any,
    discs: NDArray[np.uint8],
    wait: Callable[[Any], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(
        mitoseg,
        "adapt",
        lambda *given, **more: calls.append((given, more)) or SimpleNamespace(summary="better"),
        raising=False,
    )
    viewer.add_image(discs, name="discs", **NM)
    adapt, segment = panel("adapt"), panel("segment")
    assert adapt.run.field.text().endswith("discs-adapted")
    adapt.run.field.setText(str(tmp_path / "mine"))
    adapt.minutes.setValue(2.0)
    adapt.button.click()
    wait(adapt)
    assert adapt.line.text().startswith("better")
    (given, more) = calls[0]
    assert given[1] == tmp_path / "mine"
    assert (more["minutes"], more["voxel_size_nm"]) == (2.0, (8.0, 8.0, 8.0))
    assert str(tmp_path / "mine") in known.names
    assert segment.model.box.findText(str(tmp_path / "mine")) >= 0


def test_without_a_voxel_size_nothing_is_learned(
    panel: Callable[[str], Any], viewer: Any, discs: NDArray[np.uint8], said: Callable[[], list[str]]
) -> None:
    viewer.add_image(discs, name="discs")
    for widget in (panel("adapt"), panel("finetune")):
        if hasattr(widget, "add_labels"):
            widget.add_labels()
        widget.button.click()
        assert widget.work is None
    assert all(line.startswith("discs: its voxel size is not known; fill it in") for line in said())
    assert len(said()) == 2


def test_labels_are_painted_and_learned_from(
    known: KnownModels,
    panel: Callable[[str], Any],
    viewer: Any,
    discs: NDArray[np.uint8],
    wait: Callable[[Any], None],
    said: Callable[[], list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learned: list[Any] = []
    monkeypatch.setattr(
        "mitoseg_napari.widgets.finetune.finetune_on", lambda painted, *_: learned.append(painted) or "learned"
    )
    viewer.add_image(discs, name="discs", **NM)
    widget = panel("finetune")
    widget.run.field.setText(str(tmp_path / "mine"))
    widget.paint_button.click()
    labels = viewer.layers["discs painted"]
    assert labels.mode == "paint"
    widget.button.click()
    wait(widget)
    assert said() == ["discs painted: no mitochondrion is painted; expected some, with a number above 1"]
    labels.data[:40, :40], labels.data[12:28, 16:32] = 1, 2
    widget.button.click()
    wait(widget)
    assert np.array_equal(learned[0].known[0] == 255, labels.data == 0)
    assert np.count_nonzero(learned[0].known == 1) == 256
    assert widget.line.text().startswith("learned")
    assert str(tmp_path / "mine") in known.names
