"""Proofread: merge, split and delete objects with the mouse, the most doubtful first; all of it can be undone."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from numpy.typing import NDArray
from qtpy.QtWidgets import QButtonGroup, QGridLayout, QHBoxLayout, QPushButton

from mitodata import DataError
from mitoseg.io.process import Watch, heed_stop
from mitoseg_napari.doubts import Doubt, Queue, missed_voxels, rank_apart, rank_doubts
from mitoseg_napari.jobs import heard
from mitoseg_napari.pictures import noted, open_picture, part_of, voxel_size_of
from mitoseg_napari.proofreading import Point, Proofreader, Stroke
from mitoseg_napari.widgets.choices import LayerChoice
from mitoseg_napari.widgets.measure import go_to
from mitoseg_napari.widgets.panel import Panel, one_line

LOOK, MERGE, SPLIT, DELETE = "look", "merge", "split", "delete"

HINTS = {
    LOOK: "",
    MERGE: "Click two objects; the second gets the number of the first.",
    SPLIT: "Click two places in one object, one in each half.",
    DELETE: "Click an object.",
}

RING, RING_PX = 1.2, 12
"""Diameter of the ring around a doubt: this many times the length of its box, and this many pixels more."""

RING_WIDTH_PX = 2

STILL_PX = 4
"""A mouse that moves by less between press and release clicks; else it drags the view."""


class ProofreadPanel(Panel):
    """Edits a layer of labels.

    Attributes:
        reader: edits the labels; None before they were touched.
        queue: of doubts; None before they were ranked.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.labels = LayerChoice(self.viewer, Labels, "layer of labels")
        self.probability = LayerChoice(self.viewer, Image, "layer of probabilities", optional=True)
        self.form.addRow("labels", self.labels)
        self.form.addRow("probability", self.probability)
        self.reader: Proofreader | None = None
        self.queue: Queue | None = None
        self.tool = LOOK
        self._layer: Any = None
        self._mark: Any = None
        self._first: Point | None = None
        self._modes = QButtonGroup(self)
        tools = QGridLayout()
        for place, name in enumerate(HINTS):
            button = QPushButton(name)
            button.setCheckable(True)
            button.setChecked(name == LOOK)
            button.setToolTip(HINTS[name] or "Clicks do nothing")
            button.clicked.connect(lambda _checked, name=name: self.use(name))
            self._modes.addButton(button, place)
            tools.addWidget(button, 0, place)
        self.column.insertLayout(1, tools)
        self.undo_button = self.add_button("Undo", self.undo, "Ctrl-Z; strokes of the brush too")
        self.redo_button = self.add_button("Redo", self.redo, "Ctrl-Shift-Z")
        row = QHBoxLayout()
        self.column.insertLayout(3, row)
        own, self.buttons = self.buttons, row
        self.rank_button = self.add_button("Rank by doubt", self.rank, "How unsure the model is of each object")
        self.previous_button = self.add_button("Back", lambda: self.move(-1))
        self.next_button = self.add_button("Next doubtful", lambda: self.move(1), "N")
        self.accept_button = self.add_button("Add it", self.accept, "Make an object of the place that is shown")
        self.buttons = own
        self.labels.changed.connect(self._take)
        self._take()

    def use(self, tool: str) -> None:
        """Choose what a click does."""
        self.tool, self._first = tool, None
        self._modes.button(list(HINTS).index(tool)).setChecked(True)
        if self._layer is not None and tool != LOOK:
            self._layer.mode = "pan_zoom"
            self.viewer.layers.selection.active = self._layer
        self.say(HINTS[tool])

    def click(self, point: Point) -> None:
        """What a click at a voxel does, with the tool in hand.

        Raises:
            DataError: there is no object, or not two.
        """
        reader = self._editable()
        if self.tool == DELETE:
            self._changed(reader.delete(point).what)
        elif self.tool in (MERGE, SPLIT) and self._first is None:
            if not reader.number_at(point):
                raise DataError("no object there; click on one")
            self._first = point
            self.say(f"first: object {reader.number_at(point)}. Now the second place")
        elif self.tool in (MERGE, SPLIT) and self._first is not None:
            first, self._first = self._first, None
            edit = (reader.merge if self.tool == MERGE else reader.split)(first, point)
            self._changed(edit.what)

    def undo(self) -> None:
        """Take back the last change."""
        reader = self._editable()
        what = reader.undo()
        self._changed(f"undone: {what}" if what else "nothing to undo")

    def redo(self) -> None:
        """Do it again."""
        reader = self._editable()
        what = reader.redo()
        self._changed(f"again: {what}" if what else "nothing to do again")

    def rank(self) -> None:
        """Rank objects, and places without one, by the model's doubt.

        Raises:
            DataError: there are no probabilities on the voxels of the labels.
        """
        layer, labels = self.labels.layer, self._editable().labels
        probability = self.probability.layer
        part = part_of(layer, probability)
        index = (0,) * max(layer.ndim - 3, 0)
        view = open_picture(probability, index).cut(part).array
        if probability.data.dtype.kind != "f":
            raise DataError(f"{probability.name}: holds {probability.data.dtype}; expected probabilities from 0 to 1")
        order = rank_apart if self._reader().apart else rank_doubts

        def work(watch: Watch) -> list[Doubt]:
            with heard(watch):
                watch.tell("ranking", None)
                return order(labels, np.asarray(view[slice(None), slice(None), slice(None)]), heed_stop)

        def done(doubts: list[Doubt]) -> None:
            self.queue = Queue(doubts, self._reader().number_at)
            objects = sum(doubt.number > 0 for doubt in doubts)
            self.say(f"{objects} objects, and {len(doubts) - objects} places that may have been missed")
            if doubts:
                self.move(1)

        self.start(work, done)

    def move(self, step: int) -> None:
        """Go to the next doubt, or back.

        Raises:
            DataError: they were not ranked.
        """
        if self.queue is None:
            raise DataError("rank the objects first (Rank by doubt)")
        doubt = self.queue.move(step)
        if doubt is None:
            self.say("no further doubt" if step > 0 else "this is the first")
            return
        if doubt.number:
            self._layer.selected_label = doubt.number
        go_to(self.viewer, self._layer, [float(at) for at in doubt.at])
        self._ring(doubt)
        what = f"object {doubt.number}" if doubt.number else "no object here; missed?"
        self.say(f"{self.queue.place} of {len(self.queue)}: {what} (doubt {doubt.bits:.2f} of 1)")

    def _ring(self, doubt: Doubt) -> None:
        """Draw a ring around what is shown, in a layer of its own."""
        layer = self._layer
        middle = [(piece.start + piece.stop - 1) / 2 for piece in doubt.box]
        place = np.array([0.0] * max(layer.ndim - 3, 0) + [float(doubt.at[0]), *middle[1:]])[-layer.ndim :]
        size = RING * max(piece.stop - piece.start for piece in doubt.box[1:]) + RING_PX
        if self._mark is not None and self._mark in self.viewer.layers:
            self.viewer.layers.remove(self._mark)
        self._mark = self.viewer.add_points(
            [place],
            size=size,
            name="doubt",
            face_color="transparent",
            border_color="yellow",
            border_width=RING_WIDTH_PX,
            border_width_is_relative=False,
            opacity=1.0,
            scale=layer.scale,
            translate=layer.translate,
            units=layer.units,
        )
        self.viewer.layers.selection.active = layer

    def accept(self) -> None:
        """Make an object of the place that is shown.

        Raises:
            DataError: no place without an object is shown.
        """
        doubt = self.queue.current if self.queue is not None else None
        if doubt is None or doubt.number:
            raise DataError("this is an object already; go to a place that may have been missed")
        reader, probability = self._editable(), self.probability.layer
        part = part_of(self.labels.layer, probability)
        view = open_picture(probability, (0,) * max(probability.ndim - 3, 0)).cut(part).array
        self._changed(reader.add(missed_voxels(reader.labels, view, doubt)).what)

    def _reader(self) -> Proofreader:
        if self.reader is None:
            raise DataError("no labels in hand; choose a layer of labels")
        return self.reader

    def _editable(self) -> Proofreader:
        """The editor of the layer; labels that lie in a file are read first.

        Raises:
            DataError: there is no layer, it holds several volumes, or its labels are being read.
        """
        layer = self.labels.layer
        if self.reader is None:
            if not _in_hand(layer):
                self.start(lambda _watch: np.array(layer.data), lambda data: self._load(layer, data))
                raise DataError(f"{layer.name}: lies in a file; it is being read into memory, then try again")
            self._take()
        self.labels.keep()
        return self._reader()

    def _load(self, layer: Any, data: NDArray[np.integer]) -> None:
        layer.data = data
        self._take()
        self.say(f"{layer.name}: in memory; edits do not change the file until you save")

    def _take(self, _event: object = None) -> None:
        """Begin to edit the layer that is chosen."""
        layer = self.labels.found
        if layer is not self._layer:
            self._leave()
            self._layer = layer
            if layer is not None:
                self._bind(layer)
                self._choose_probability(layer)
        self.reader = self.queue = self._first = None
        if layer is None or not _in_hand(layer) or layer.data.ndim < 2:
            return
        if np.prod(layer.data.shape[:-3]) > 1:
            self.say(f"{layer.name}: holds several volumes; proofread takes one at a time")
            return
        labels = layer.data[(0,) * max(layer.data.ndim - 3, 0)]  # a view: edits go into the layer
        apart = bool(noted(layer).get("apart"))
        size_nm = voxel_size_of(layer, apart) or tuple(np.abs(np.concatenate([[1.0], layer.scale])[-3:]).tolist())
        self.reader = Proofreader(labels if labels.ndim == 3 else labels[np.newaxis], size_nm, apart=apart)

    def _bind(self, layer: Any) -> None:
        layer.mouse_drag_callbacks.append(self._drag)
        layer.events.paint.connect(self._painted)
        layer.events.data.connect(self._replaced)
        for key, action in (("Control-Z", self.undo), ("Control-Shift-Z", self.redo), ("N", lambda: self.move(1))):
            layer.bind_key(key, _keyed(action), overwrite=True)

    def _leave(self) -> None:
        """Let go of the layer that was edited."""
        layer = self._layer
        if layer is None:
            return
        layer.mouse_drag_callbacks.remove(self._drag)
        layer.events.paint.disconnect(self._painted)
        layer.events.data.disconnect(self._replaced)
        for key in ("Control-Z", "Control-Shift-Z", "N"):
            layer.bind_key(key, None, overwrite=True)

    def _choose_probability(self, layer: Any) -> None:
        """The probabilities that these labels were made of."""
        name = noted(layer).get("probability")
        for other in self.viewer.layers:
            if other.name == name and isinstance(other, Image):
                self.probability.choose(other)

    def _painted(self, _event: object) -> None:
        if self.reader is not None:
            self.reader.note(Stroke(self._layer.undo, self._layer.redo))

    def _replaced(self, _event: object) -> None:
        """Other labels were put into the layer: what was done to the old ones cannot be undone any more."""
        if self.reader is None or not np.shares_memory(self.reader.labels, self._layer.data):
            self._take()

    def _changed(self, line: str) -> None:
        self._layer.refresh()
        self.say(line)

    def _drag(self, layer: Any, event: Any) -> Any:
        """A click, if the mouse does not move between press and release."""
        if self.tool == LOOK or event.button != 1 or layer.mode != "pan_zoom":
            return
        start, moved = np.array(event.pos, float), 0.0
        yield
        while event.type == "mouse_move":
            moved = max(moved, float(np.abs(np.array(event.pos, float) - start).max()))
            yield
        if moved > STILL_PX:
            return
        with one_line():
            if self.viewer.dims.ndisplay != 2:
                raise DataError("the view is in 3D; turn it to 2D to edit")
            self.click(voxel_at(layer, event.position))


def _in_hand(layer: Any) -> bool:
    """Whether the labels of a layer are in memory, and may be changed."""
    return isinstance(layer.data, np.ndarray) and bool(layer.data.flags.writeable)


def voxel_at(layer: Any, position: Sequence[float]) -> Point:
    """The voxel (z, y, x) of a layer at a place in the world."""
    place = [round(float(at)) for at in layer.world_to_data(position)]
    z, y, x = [0, *place][-3:]
    return z, y, x


def _keyed(action: Callable[[], object]) -> Callable[[Any], None]:
    """An action as what a key of a layer calls."""

    def press(_layer: Any) -> None:
        with one_line():
            action()

    return press
