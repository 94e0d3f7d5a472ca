"""Fields of forms: a layer, a model, a voxel size, a region, a folder."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakSet

import numpy as np
from napari.layers import Image, Layer, Shapes
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QHBoxLayout, QLineEdit, QToolButton, QVBoxLayout, QWidget

from mitodata import DataError, VoxelSize
from mitodata.readers.axes import Part
from mitoseg_napari.models import KNOWN
from mitoseg_napari.pictures import Picture, open_picture, parse_voxel_size, voxel_size_text
from mitoseg_napari.regions import region

RUNS = Path.home() / "mitoseg-runs"
"""Where runs go unless the user says otherwise."""


def listen(widget: QWidget, emitter: Any, callback: Callable[..., object]) -> None:
    """Hear of events as long as a widget is there."""
    emitter.connect(callback)
    widget.destroyed.connect(lambda *_: emitter.disconnect(callback))


class LayerChoice(QComboBox):
    """Chooses among the layers of a kind, by name; the newest is chosen until the user chooses."""

    changed = Signal()

    def __init__(self, viewer: Any, kind: type[Layer], what: str, *, optional: bool = False) -> None:
        super().__init__()
        self._viewer, self._kind, self._what, self._optional = viewer, kind, what, optional
        self._picked = False
        self._now: Layer | None = None
        self._heard: WeakSet[Layer] = WeakSet()
        self.setMinimumContentsLength(12)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.activated.connect(self._pick)
        self.currentIndexChanged.connect(self._change)
        for emitter in (viewer.layers.events.inserted, viewer.layers.events.removed):
            listen(self, emitter, self.refresh)
        self.refresh()

    @property
    def found(self) -> Layer | None:
        """The layer; None if there is none."""
        return self.currentData()

    @property
    def layer(self) -> Layer:
        """The layer.

        Raises:
            DataError: there is none.
        """
        layer = self.found
        if layer is None:
            raise DataError(f"no {self._what}; open or add one first")
        return layer

    def choose(self, layer: Layer) -> None:
        """Choose a layer, as a user would."""
        for index in range(self.count()):
            if self.itemData(index) is layer:
                self._picked = True
                self.setCurrentIndex(index)

    def keep(self) -> None:
        """Stay with the layer that is chosen, whatever is added."""
        self._picked = self.found is not None

    def refresh(self, _event: object = None) -> None:
        """List the layers that there are."""
        before = self.found
        layers = [layer for layer in reversed(self._viewer.layers) if isinstance(layer, self._kind)]
        self.blockSignals(True)
        self.clear()
        if self._optional:
            self.addItem("(none)", None)
        for layer in layers:
            self.addItem(layer.name, layer)
            if layer not in self._heard:
                self._heard.add(layer)
                listen(self, layer.events.name, self._rename)
        kept = self._picked and any(layer is before for layer in layers)
        chosen = before if kept else self._likely(layers)
        for index in range(self.count()):
            if self.itemData(index) is chosen:
                self.setCurrentIndex(index)
        self.blockSignals(False)
        self._picked = kept
        self._change()

    def _likely(self, layers: Sequence[Layer]) -> Layer | None:
        """The newest layer that is shown: those that are hidden are probabilities and masks."""
        return next((layer for layer in layers if layer.visible), layers[0] if layers else None)

    def _rename(self, _event: object = None) -> None:
        for index in range(self.count()):
            layer = self.itemData(index)
            if layer is not None:
                self.setItemText(index, layer.name)

    def _pick(self, _index: int) -> None:
        self._picked = True

    def _change(self, _index: int = 0) -> None:
        if self.found is not self._now:
            self._now = self.found
            self.changed.emit()


class ModelChoice(QWidget):
    """A released model, or a run or a model's file of the user's."""

    def __init__(self) -> None:
        super().__init__()
        self.box = QComboBox()
        self.box.setEditable(True)
        self.box.setMinimumContentsLength(12)
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setToolTip("A released model, or the folder of a run, or a model's file")
        _lay_out(self, self.box, self._browse, "Choose the folder of a run")
        self.destroyed.connect(_ender(KNOWN.listen(self.refresh)))
        self.refresh()

    @property
    def model(self) -> str | None:
        """What `mitoseg.load_model` takes."""
        return self.box.currentText().strip() or None

    def refresh(self) -> None:
        """List the models that there are; the choice stays."""
        before = self.box.currentText()
        self.box.clear()
        self.box.addItems(KNOWN.names)
        if before:
            self.box.setCurrentText(before)

    def _browse(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of a run", str(RUNS if RUNS.exists() else Path.home()))
        if folder:
            KNOWN.add(folder)
            self.box.setCurrentText(folder)


class ImageChoice:
    """An image layer, its voxel size, and whether its sections are images of their own: three fields of a form."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self.layers = LayerChoice(viewer, Image, "image layer")
        self.size = QLineEdit()
        self.size.setPlaceholderText("z y x in nm")
        self.size.setToolTip("Voxel size in nm: z, y, x. Of single sections z is the thickness")
        self.apart = QCheckBox("sections are unrelated images")
        self.layers.changed.connect(self._fill)
        self._fill()

    @property
    def layer(self) -> Image:
        """The layer.

        Raises:
            DataError: there is none.
        """
        return self.layers.layer

    @property
    def voxel_size_nm(self) -> VoxelSize | None:
        """What the field says; None if nothing.

        Raises:
            DataError: it is no voxel size.
        """
        return parse_voxel_size(self.size.text())

    def picture(self) -> Picture:
        """The image that the viewer shows of the layer, with the voxel size of the field.

        Raises:
            DataError: there is no layer, or it holds no image.
        """
        layer = self.layer
        picture = open_picture(layer, step_in(self._viewer, layer), apart=self.apart.isChecked())
        return replace(picture, voxel_size_nm=self.voxel_size_nm)

    def needed_size(self) -> VoxelSize:
        """The voxel size.

        Raises:
            DataError: the field is empty, or says none.
        """
        found = self.voxel_size_nm
        if found is None:
            raise DataError(f"{self.layer.name}: its voxel size is not known; fill it in: z y x in nm, such as 50 4 4")
        return found

    def _fill(self) -> None:
        layer = self.layers.found
        picture = None
        if layer is not None:
            try:
                picture = open_picture(layer)
            except DataError:  # said when the image is used
                picture = None
        self.size.setText(voxel_size_text(picture.voxel_size_nm) if picture else "")
        self.apart.setEnabled(picture is not None and not picture.flat)
        self.apart.setChecked(bool(picture and picture.apart))


class RegionChoice(QWidget):
    """All, what is in view, or inside a rectangle; in all sections, or in the one that is shown."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self.where = QComboBox()
        self.where.addItems(["all", "in view", "inside a rectangle"])
        hint = "Draw a rectangle in a Shapes layer; the selected one is taken, else the last"
        self.where.setItemData(2, hint, Qt.ItemDataRole.ToolTipRole)
        self.section = QCheckBox("this section only")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.where)
        column.addWidget(self.section)

    def part(self, layer: Image, picture: Picture) -> Part:
        """The region of a picture.

        Raises:
            DataError: there is none, or it is too small.
        """
        section = step_in(self._viewer, layer)[-3] if self.section.isChecked() and not picture.flat else None
        where = self.where.currentIndex()
        corners = None
        if where == 1:
            if self._viewer.dims.ndisplay != 2:
                raise DataError("the view is in 3D; turn it to 2D to work on what is in view")
            factors = layer.downsample_factors[layer.data_level][-2:] if layer.multiscale else 1
            corners = layer.corner_pixels[:, -2:] * factors
        elif where == 2:
            corners = rectangles(self._viewer, layer)[-1]
        return region(picture.name, picture.shape, corners, section)


def step_in(viewer: Any, layer: Layer) -> tuple[int, ...]:
    """Where the viewer stands, in voxels of a layer."""
    return tuple(round(float(at)) for at in layer.world_to_data(viewer.dims.point))


def rectangles(viewer: Any, layer: Layer) -> list[Any]:
    """Corners of the shapes that are drawn, (N, 2) each in y and x of a layer; those that are selected, if any are.

    Raises:
        DataError: there is none.
    """
    drawn = [each for each in viewer.layers if isinstance(each, Shapes) and each.nshapes]
    if not drawn:
        raise DataError("no rectangle; add a Shapes layer and draw one around the region")
    chosen = next((each for each in reversed(drawn) if each in viewer.layers.selection), drawn[-1])
    numbers = sorted(chosen.selected_data) or range(chosen.nshapes)
    found = []
    for number in numbers:
        world = [chosen.data_to_world(corner) for corner in chosen.data[number]]
        ends = [np.asarray(layer.world_to_data(_filled(corner, layer.ndim)))[-2:] for corner in world]
        found.append(np.array(ends))
    return found


def _filled(corner: Any, ndim: int) -> Any:
    """A place with as many dimensions as a layer; those that it lacks are 0."""
    place = np.asarray(corner, float)
    return np.concatenate([np.zeros(max(ndim - len(place), 0)), place])[-ndim:]


class RunChoice(QWidget):
    """The folder of a run that is to be made."""

    def __init__(self, suffix: str) -> None:
        super().__init__()
        self._suffix = suffix
        self.field = QLineEdit()
        self.field.setToolTip("Folder of the new model; one with a run that was stopped goes on with it")
        _lay_out(self, self.field, self._browse, "Choose where it goes")

    @property
    def folder(self) -> Path:
        """The folder.

        Raises:
            DataError: none is named.
        """
        text = self.field.text().strip()
        if not text:
            raise DataError("no folder for the new model; name one")
        return Path(text).expanduser()

    def propose(self, name: str) -> None:
        """Propose a folder that is not there yet, unless the user named one."""
        if self.field.isModified():
            return
        words = "-".join("".join(letter if letter.isalnum() else " " for letter in name).split()) or "image"
        folder = RUNS / f"{words}-{self._suffix}"
        number = 2
        while folder.exists():
            folder, number = RUNS / f"{words}-{self._suffix}-{number}", number + 1
        self.field.setText(str(folder))

    def _browse(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of the new model", str(self.folder.parent))
        if folder:
            self.field.setText(folder)
            self.field.setModified(True)


def _lay_out(widget: QWidget, field: QWidget, browse: Callable[[], None], tip: str) -> None:
    """Put a field and a button that opens a dialogue side by side."""
    button = QToolButton()
    button.setText("...")
    button.setToolTip(tip)
    button.clicked.connect(browse)
    row = QHBoxLayout(widget)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(field, 1)
    row.addWidget(button)


def _ender(end: Callable[[], None]) -> Callable[..., None]:
    return lambda *_: end()
