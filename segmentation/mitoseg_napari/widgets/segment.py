"""Segment: an image layer, or a part of it, by a released model or one of the user's own."""

from typing import Any

from qtpy.QtWidgets import QComboBox, QDoubleSpinBox

from mitodata.readers.axes import Part
from mitoseg_napari.jobs import Segmented, Wishes, segment_picture
from mitoseg_napari.pictures import OURS, Picture, place, shaped, voxel_size_text
from mitoseg_napari.regions import full
from mitoseg_napari.widgets.choices import ImageChoice, ModelChoice, RegionChoice
from mitoseg_napari.widgets.panel import Panel


class SegmentPanel(Panel):
    """Segments, and adds a layer of objects and a hidden one of probabilities."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.image, self.model, self.region = ImageChoice(self.viewer), ModelChoice(), RegionChoice(self.viewer)
        self.image.size.setPlaceholderText("z y x in nm; empty: estimate it (single sections)")
        self.tta = QComboBox()
        for text, value in (("as fits", "auto"), ("1", 1), ("2", 2), ("4", 4), ("8", 8)):
            self.tta.addItem(text, value)
        self.tta.setToolTip("How many looks at the image are averaged: better, as many times as slow")
        self.contrast = QComboBox()
        for text, value in (("tell by itself", "auto"), ("membranes are dark", "off"), ("membranes are light", "on")):
            self.contrast.addItem(text, value)
        self.threshold = QDoubleSpinBox()
        self.threshold.setRange(0.0, 0.99)
        self.threshold.setSingleStep(0.05)
        self.threshold.setSpecialValueText("as the model says")
        self.threshold.setToolTip("Probability from which on a voxel is foreground")
        for name, field in (
            ("image", self.image.layers),
            ("voxel size", self.image.size),
            ("", self.image.apart),
            ("model", self.model),
            ("region", self.region),
            ("contrast", self.contrast),
            ("views", self.tta),
            ("threshold", self.threshold),
        ):
            self.form.addRow(name, field)
        self.button = self.add_button("Segment", self.segment)
        self.buttons.addWidget(self.cancel)

    def segment(self) -> None:
        """Start.

        Raises:
            DataError: there is no image, or no such region.
        """
        layer, picture = self.image.layer, self.image.picture()
        part = self.region.part(layer, picture)
        wishes = Wishes(
            voxel_size_nm=picture.voxel_size_nm,
            as_2d=picture.apart,
            tta=self.tta.currentData(),
            threshold=self.threshold.value() or None,
            invert=self.contrast.currentData(),
        )
        placed = place(layer, picture, part)
        self.image.layers.keep()
        model = self.model.model
        self.start(
            lambda watch: segment_picture(picture.cut(part), model, wishes, watch),
            lambda found: self._add(picture, part, placed, found),
        )

    def _add(self, picture: Picture, part: Part, placed: dict[str, Any], found: Segmented) -> None:
        """Show what was found."""
        where = "" if full(part, picture.shape) else " (part)"
        size = found.voxel_size_nm
        note = {"apart": picture.apart, "thickness_nm": size[0], "image": picture.name}
        probability = self.viewer.add_image(
            shaped(found.probability, picture),
            name=f"{picture.name} probability{where}",
            colormap="magma",
            contrast_limits=(0.0, 1.0),
            blending="additive",
            visible=False,
            metadata={OURS: {**note, "array": "probability"}},
            **placed,
        )
        labels = self.viewer.add_labels(
            shaped(found.labels, picture),
            name=f"{picture.name} mitochondria{where}",
            opacity=0.5,
            metadata={OURS: {**note, "array": "label", "probability": probability.name}},
            **placed,
        )
        self.viewer.layers.selection.active = labels
        estimated = "" if self.image.size.text() else f", pixel size estimated as {voxel_size_text(size)} nm (z y x)"
        objects = f"{found.count} objects" if found.count else "nothing found"
        self.say(f"{picture.name}: {objects} by {found.model}{estimated}")
