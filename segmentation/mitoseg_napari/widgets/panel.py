"""What all widgets share: a form, a button that starts work in a thread, its progress, and a button that ends it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from napari.qt.threading import create_worker
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from mitodata import MitoError
from mitoseg.io.process import Watch
from mitoseg_napari.jobs import Stopped

T = TypeVar("T")

STEPS = 1000
"""Parts of the bar."""


@contextmanager
def one_line() -> Iterator[None]:
    """Show what is wrong in this block as one line of the viewer."""
    try:
        yield
    except MitoError as error:
        show_error(str(error))


class Panel(QWidget):
    """A form above a row of buttons.

    Attributes:
        viewer: whose layers are worked on.
        form: holds the fields.
        buttons: row below them.
        work: the worker that is at it; None if there is none.
    """

    told = Signal(str, object)
    """A line, and the share that is done or None; from the thread of the work."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.viewer = viewer
        self.work: Any = None
        self._watch: Watch | None = None
        self._gone = False
        self.form, self.buttons = QFormLayout(), QHBoxLayout()
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        self.bar, self.line = QProgressBar(), QLabel("")
        self.bar.setRange(0, STEPS)
        self.bar.setTextVisible(False)
        self.bar.hide()
        self.line.setWordWrap(True)
        self.line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.cancel = QPushButton("Cancel")
        self.cancel.setEnabled(False)
        self.cancel.clicked.connect(self.stop)
        self.column = QVBoxLayout(self)
        self.column.addLayout(self.form)
        self.column.addLayout(self.buttons)
        self.column.addWidget(self.bar)
        self.column.addWidget(self.line)
        self.column.addStretch(1)
        self.told.connect(self._show)
        self.destroyed.connect(_stopper(self))

    def add_button(self, text: str, action: Callable[[], object], hint: str = "") -> QPushButton:
        """Add a button; what is wrong when it is pressed is shown in one line."""
        button = QPushButton(text)
        button.setToolTip(hint)

        def press() -> None:
            with one_line():
                action()

        button.clicked.connect(press)
        self.buttons.addWidget(button)
        return button

    def start(self, work: Callable[[Watch], T], done: Callable[[T], object]) -> None:
        """Do work in a thread, and something with its result in this one; nothing while other work goes on.

        Args:
            work: heeds who watches it.
            done: is called with what it returns, unless it failed or was stopped.
        """
        if self.work is not None:
            show_info("still at work; cancel it, or wait")
            return
        watch = Watch(lambda line, share: None if self._gone else self.told.emit(line, share))
        self._watch = watch
        self.cancel.setEnabled(True)
        self.bar.setRange(0, 0)
        self.bar.show()

        def guarded() -> tuple[T | None, MitoError | None]:
            try:
                return work(watch), None
            except MitoError as error:
                return None, error

        def returned(outcome: tuple[T, MitoError | None]) -> None:
            if self._gone:
                return
            result, error = outcome
            self._end("" if error is None else str(error))
            if isinstance(error, Stopped):
                show_info(str(error))
            elif error is not None:
                show_error(str(error))
            else:
                with one_line():
                    done(result)

        self.work = create_worker(guarded)
        self.work.returned.connect(returned)
        self.work.errored.connect(self._fail)
        self.work.start()

    def stop(self) -> None:
        """Ask the work to end; it does at its next window or step."""
        if self._watch is not None:
            self._watch.stop.requested = True
            self.line.setText("stopping ...")

    def say(self, line: str) -> None:
        """Show a line below the buttons."""
        self.line.setText(line)

    def _show(self, line: str, share: float | None) -> None:
        if self.work is None:
            return
        if share is not None:
            self.bar.setRange(0, STEPS)
            self.bar.setValue(round(STEPS * min(max(share, 0.0), 1.0)))
        if self._watch is not None and not self._watch.stop.requested:
            self.line.setText(line)

    def _fail(self, _error: object) -> None:
        """The work raised what is no error of ours: napari shows it."""
        if not self._gone:
            self._end("failed; the viewer says why")

    def _end(self, line: str) -> None:
        self.work, self._watch = None, None
        self.cancel.setEnabled(False)
        self.bar.hide()
        self.line.setText(line)


def _stopper(panel: Panel) -> Callable[..., None]:
    """What ends the work of a panel that is gone."""
    held = panel.__dict__

    def stop(*_: object) -> None:
        held["_gone"] = True
        watch = held.get("_watch")
        if watch is not None:
            watch.stop.requested = True

    return stop
