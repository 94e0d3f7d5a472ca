"""Proofread and measure, pressed as a user would."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dask.array as da
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("pytestqt", reason="needs pytest-qt and a Qt binding; see CONTRIBUTING")
pytest.importorskip("napari.qt.threading", reason="needs napari and a Qt binding; see CONTRIBUTING")
pytestmark = pytest.mark.filterwarnings("default")

NM = {"scale": (8.0, 8.0), "units": ("nm", "nm")}


@pytest.fixture
def labels() -> NDArray[np.uint16]:
    """(64, 96): objects 1 and 4."""
    found = np.zeros((64, 96), np.uint16)
    found[12:28, 16:32], found[30:50, 60:80] = 1, 4
    return found


@pytest.fixture
def proofread(panel: Callable[[str], Any], viewer: Any, labels: NDArray[np.uint16]) -> Any:
    """The widget, on labels of which 4 is doubtful, with a place that was missed."""
    probability = np.full(labels.shape, 0.02, np.float32)
    probability[labels == 1], probability[labels == 4], probability[2:8, 80:90] = 0.95, 0.6, 0.35
    viewer.add_image(probability, name="probability", **NM)
    viewer.add_labels(labels, name="labels", **NM)
    return panel("proofread")


def click(widget: Any, viewer: Any, y: int, x: int, dragged_px: int = 0) -> None:
    """Press and release the mouse at a pixel."""
    layer = viewer.layers["labels"]
    event = SimpleNamespace(pos=(0, 0), button=1, type="mouse_press", position=(8.0 * y, 8.0 * x))
    steps = widget._drag(layer, event)
    next(steps, None)
    if dragged_px:
        event.type, event.pos = "mouse_move", (dragged_px, 0)
        next(steps, None)
    event.type = "mouse_release"
    next(steps, None)


def test_clicks_edit_with_the_tool_in_hand_and_all_is_undone(proofread: Any, viewer: Any) -> None:
    layer = viewer.layers["labels"]
    start = layer.data.copy()
    click(proofread, viewer, 20, 20)
    assert np.array_equal(layer.data, start)
    proofread.use("split")
    click(proofread, viewer, 40, 62)
    click(proofread, viewer, 40, 78)
    assert proofread.line.text() == "split 4 into 4 and 5"
    proofread.use("merge")
    click(proofread, viewer, 20, 20)
    click(proofread, viewer, 40, 78)
    assert set(np.unique(layer.data)) == {0, 1, 4}
    proofread.use("delete")
    click(proofread, viewer, 20, 20, dragged_px=30)
    assert set(np.unique(layer.data)) == {0, 1, 4}
    click(proofread, viewer, 20, 20)
    assert set(np.unique(layer.data)) == {0, 4}
    for _ in range(3):
        proofread.undo_button.click()
    assert np.array_equal(layer.data, start)
    proofread.redo_button.click()
    assert proofread.line.text() == "again: split 4 into 4 and 5"


def test_strokes_of_the_brush_are_undone_in_their_turn(proofread: Any, viewer: Any) -> None:
    layer = viewer.layers["labels"]
    start = layer.data.copy()
    proofread.use("delete")
    click(proofread, viewer, 20, 20)
    layer.data_setitem((np.array([1, 2]), np.array([1, 2])), 9)
    assert layer.data[1, 1] == 9
    proofread.undo()
    assert proofread.line.text() == "undone: paint"
    assert layer.data[1, 1] == 0
    proofread.undo()
    assert np.array_equal(layer.data, start)


def test_a_click_beside_an_object_is_one_line(proofread: Any, viewer: Any, said: Callable[[], list[str]]) -> None:
    proofread.use("delete")
    click(proofread, viewer, 0, 0)
    proofread.use("merge")
    click(proofread, viewer, 0, 0)
    assert [line.partition(";")[0] for line in said()] == ["no object at z, y, x = 0, 0, 0", "no object there"]


def test_the_most_doubtful_comes_first_and_what_was_missed_can_be_added(
    proofread: Any, viewer: Any, wait: Callable[[Any], None], said: Callable[[], list[str]]
) -> None:
    proofread.next_button.click()
    proofread.rank_button.click()
    wait(proofread)
    layer = viewer.layers["labels"]
    assert proofread.line.text().startswith("1 of 3: object 4")
    assert layer.selected_label == 4
    camera = getattr(viewer, "scene", viewer).camera
    assert camera.center[1:] == pytest.approx((8 * 39.5, 8 * 69.5), abs=8)
    proofread.accept_button.click()
    proofread.next_button.click()
    assert "missed?" in proofread.line.text()
    proofread.accept_button.click()
    assert (layer.data[2:8, 80:90] == 5).all()
    proofread.undo()
    assert layer.data[4, 85] == 0
    assert [line.partition("(")[0].partition(";")[0].strip() for line in said()] == [
        "rank the objects first",
        "this is an object already",
    ]


def test_labels_in_a_file_are_read_before_they_are_edited(
    panel: Callable[[str], Any], viewer: Any, labels: NDArray[np.uint16], wait: Callable[[Any], None]
) -> None:
    viewer.add_labels(da.from_array(labels), name="labels", **NM)
    widget = panel("proofread")
    widget.use("delete")
    click(widget, viewer, 20, 20)
    wait(widget)
    click(widget, viewer, 20, 20)
    assert isinstance(viewer.layers["labels"].data, np.ndarray)
    assert set(np.unique(viewer.layers["labels"].data)) == {0, 4}
    assert labels.max() == 4


@pytest.fixture
def measure(panel: Callable[[str], Any], viewer: Any, discs: NDArray[np.uint8], labels: NDArray[np.uint16]) -> Any:
    """The widget, with image and labels."""
    viewer.add_image(discs, name="discs", **NM)
    viewer.add_labels(labels, name="labels", **NM)
    return panel("measure")


def test_objects_are_measured_shown_and_saved(
    measure: Any, viewer: Any, wait: Callable[[Any], None], tmp_path: Path
) -> None:
    measure.button.click()
    wait(measure)
    assert measure.line.text() == "labels: 2 objects"
    assert measure.table["area_nm2"].tolist() == [256 * 64, 400 * 64]
    assert measure.column_choice.currentText() == "area_nm2"
    model = measure.view.model()
    assert (model.rowCount(), model.index(1, 0).data()) == (2, "4")
    measure._show_row(model.index(1, 0))
    assert viewer.layers["labels"].selected_label == 4
    measure.save_to(tmp_path / "objects.csv")
    lines = (tmp_path / "objects.csv").read_text().splitlines()
    assert lines[0].startswith("id,area_px")
    assert [line.split(",")[0] for line in lines[1:]] == ["1", "4"]


def test_labels_that_fit_no_image_are_one_line(
    measure: Any, viewer: Any, said: Callable[[], list[str]], tmp_path: Path
) -> None:
    viewer.add_labels(np.ones((70, 96), np.uint8), name="larger", **NM)
    measure.button.click()
    viewer.layers.remove("larger")
    viewer.layers["labels"].data = np.zeros((64, 96), np.uint16)
    assert measure.work is None
    lines = said()
    assert len(lines) == 1
    assert lines[0].startswith("larger: 70 x 96 voxels")


def test_empty_labels_are_one_line(
    measure: Any, viewer: Any, wait: Callable[[Any], None], said: Callable[[], list[str]]
) -> None:
    viewer.layers["labels"].data = np.zeros((64, 96), np.uint16)
    measure.button.click()
    wait(measure)
    assert said() == ["no object in the labels; segment first, or paint some"]
