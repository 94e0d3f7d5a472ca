"""Widgets without a window, on a viewer that draws nothing. The modules of tests skip where napari or Qt is missing."""

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture
def viewer() -> Any:
    """Layers and dimensions, without a canvas."""
    return import_module("napari.components").ViewerModel()


@pytest.fixture
def panel(viewer: Any, qtbot: Any) -> Callable[[str], Any]:
    """(module) -> its widget, on the viewer."""

    def make(module: str) -> Any:
        widget = getattr(import_module(f"mitoseg_napari.widgets.{module}"), f"{module.capitalize()}Panel")(viewer)
        qtbot.addWidget(widget)
        return widget

    return make


@pytest.fixture
def wait(qtbot: Any) -> Callable[[Any], None]:
    """Wait until a widget has done its work."""

    def until_done(widget: Any) -> None:
        qtbot.waitUntil(lambda: widget.work is None, timeout=120_000)

    return until_done


@pytest.fixture
def said() -> Callable[[], list[str]]:
    """Lines that the viewer has shown since the test began."""
    records = import_module("napari.utils.notifications").notification_manager.records
    before = len(records)
    return lambda: [record.message for record in records[before:]]
