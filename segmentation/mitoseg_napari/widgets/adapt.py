"""Adapt: let a model learn from an unlabelled image layer what it looks like."""

from typing import Any

from qtpy.QtWidgets import QDoubleSpinBox

from mitoseg_napari.jobs import adapt_to
from mitoseg_napari.models import KNOWN
from mitoseg_napari.pictures import Picture
from mitoseg_napari.widgets.choices import ImageChoice, ModelChoice, RegionChoice, RunChoice
from mitoseg_napari.widgets.panel import Panel


def minutes_field(minutes: float = 15.0) -> QDoubleSpinBox:
    """A field for wall time."""
    field = QDoubleSpinBox()
    field.setRange(0.1, 24 * 60.0)
    field.setDecimals(1)
    field.setValue(minutes)
    field.setSuffix(" min")
    return field


class AdaptPanel(Panel):
    """Adapts; the new model can be chosen in all widgets afterwards."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.image, self.model, self.region = ImageChoice(self.viewer), ModelChoice(), RegionChoice(self.viewer)
        self.run, self.minutes = RunChoice("adapted"), minutes_field()
        for name, field in (
            ("image", self.image.layers),
            ("voxel size", self.image.size),
            ("", self.image.apart),
            ("start from", self.model),
            ("region", self.region),
            ("time", self.minutes),
            ("new model", self.run),
        ):
            self.form.addRow(name, field)
        self.button = self.add_button("Adapt", self.adapt, "No label is read. Half of what is learned from is rendered")
        self.buttons.addWidget(self.cancel)
        self.image.layers.changed.connect(self._propose)
        self._propose()

    def adapt(self) -> None:
        """Start, or go on with what was stopped.

        Raises:
            DataError: there is no image, no such region, or no voxel size.
        """
        layer, size_nm = self.image.layer, self.image.needed_size()
        picture: Picture = self.image.picture()
        picture = picture.cut(self.region.part(layer, picture))
        run, model, minutes = self.run.folder, self.model.model, self.minutes.value()

        def done(line: str) -> None:
            KNOWN.add(run)
            self.say(f"{line}. Choose it as model to segment with it")

        self.start(lambda watch: adapt_to(picture, run, model, size_nm, minutes, watch), done)

    def _propose(self) -> None:
        layer = self.image.layers.found
        if layer is not None:
            self.run.propose(layer.name)
