"""Fine-tune: let a model learn from painted labels; unpainted is unknown."""

from dataclasses import replace
from typing import Any

import numpy as np
from napari.layers import Labels
from qtpy.QtWidgets import QComboBox, QLabel

from mitodata.readers.axes import Part
from mitoseg.io.process import Watch
from mitoseg_napari.jobs import finetune_on
from mitoseg_napari.models import KNOWN
from mitoseg_napari.painted import BACKGROUND, collect
from mitoseg_napari.pictures import Picture, place
from mitoseg_napari.regions import region
from mitoseg_napari.widgets.adapt import minutes_field
from mitoseg_napari.widgets.choices import ImageChoice, LayerChoice, ModelChoice, RunChoice, rectangles, step_in
from mitoseg_napari.widgets.panel import Panel

PAINTED, INSIDE, ALL = range(3)

HINTS = (
    f"Paint background with {BACKGROUND} and mitochondria with {BACKGROUND + 1} or more. What is not painted is "
    "unknown.",
    "Inside the rectangles of the selected Shapes layer, in the section that is shown, unpainted is background. "
    "Outside nothing is known.",
    "Everything that is not painted is background.",
)


class FinetunePanel(Panel):
    """Fine-tunes; the new model can be chosen in all widgets afterwards."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.image, self.model = ImageChoice(self.viewer), ModelChoice()
        self.labels = LayerChoice(self.viewer, Labels, "layer of labels")
        self.known = QComboBox()
        self.known.addItems(["what is painted", "inside rectangles", "all of it"])
        self.hint = QLabel(HINTS[PAINTED])
        self.hint.setWordWrap(True)
        self.known.currentIndexChanged.connect(lambda index: self.hint.setText(HINTS[index]))
        self.run, self.minutes = RunChoice("finetuned"), minutes_field()
        for name, field in (
            ("image", self.image.layers),
            ("voxel size", self.image.size),
            ("", self.image.apart),
            ("labels", self.labels),
            ("known is", self.known),
            ("", self.hint),
            ("start from", self.model),
            ("time", self.minutes),
            ("new model", self.run),
        ):
            self.form.addRow(name, field)
        self.paint_button = self.add_button("New labels", self.add_labels, "Add an empty layer of labels to paint on")
        self.button = self.add_button("Fine-tune", self.finetune)
        self.buttons.addWidget(self.cancel)
        self.image.layers.changed.connect(self._propose)
        self._propose()

    def add_labels(self) -> None:
        """Add an empty layer on the image, with the brush in hand.

        Raises:
            DataError: there is no image.
        """
        layer, picture = self.image.layer, self.image.picture()
        shape = np.shape(layer.data[0] if layer.multiscale else layer.data)[: layer.ndim]
        corner = (slice(0, 1), slice(0, 1), slice(0, 1))
        placed = place(layer, replace(picture, index=(0,) * len(picture.index)), corner)
        labels = self.viewer.add_labels(np.zeros(shape, np.uint8), name=f"{layer.name} painted", **placed)
        labels.selected_label = BACKGROUND + 1
        labels.mode = "paint"
        self.labels.choose(labels)

    def finetune(self) -> None:
        """Start, or go on with what was stopped.

        Raises:
            DataError: image or labels are missing, or there is no voxel size.
        """
        layer, labels = self.image.layer, self.labels.layer
        self.image.needed_size()
        picture, how = self.image.picture(), self.known.currentIndex()
        parts = self._rectangles(picture) if how == INSIDE else None
        run, model, minutes = self.run.folder, self.model.model, self.minutes.value()

        def work(watch: Watch) -> str:
            painted = collect(picture, layer, labels, parts, all_reviewed=how == ALL)
            return finetune_on(painted, run, model, minutes, watch)

        def done(line: str) -> None:
            KNOWN.add(run)
            self.say(f"{line}. Choose it as model to segment with it")

        self.start(work, done)

    def _rectangles(self, picture: Picture) -> list[Part]:
        """Reviewed parts: in the section that is shown."""
        layer = self.image.layer
        section = None if picture.flat else step_in(self.viewer, layer)[-3]
        return [region(picture.name, picture.shape, corners, section) for corners in rectangles(self.viewer, layer)]

    def _propose(self) -> None:
        layer = self.image.layers.found
        if layer is not None:
            self.run.propose(layer.name)
