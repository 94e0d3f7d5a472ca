"""Sample data for the menu: rendered in a thread, while the window stays alive."""

from collections.abc import Callable

from napari.qt.threading import create_worker
from napari.utils.notifications import show_info
from qtpy.QtCore import QEventLoop
from qtpy.QtWidgets import QApplication

from mitoseg_napari import samples
from mitoseg_napari.reader import LayerData


def brain_section() -> list[LayerData]:
    """A section of brain."""
    return in_thread(samples.brain_section)


def heart_section() -> list[LayerData]:
    """A section of heart muscle."""
    return in_thread(samples.heart_section)


def brain_block() -> list[LayerData]:
    """A block of brain."""
    return in_thread(samples.brain_block)


def in_thread(make: Callable[[], list[LayerData]]) -> list[LayerData]:
    """Make layers in a thread, and answer the user meanwhile; without a window, just make them."""
    if QApplication.instance() is None:
        return make()
    show_info("rendering; the first time takes a minute or two, because the renderer is compiled")
    made: list[list[LayerData]] = []
    loop = QEventLoop()
    worker = create_worker(make)
    worker.returned.connect(made.append)
    worker.finished.connect(loop.quit)
    worker.start()
    loop.exec()
    return made[0] if made else []
