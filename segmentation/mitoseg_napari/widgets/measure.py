"""Measure: a table of objects, histograms of its columns, and a CSV file."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from napari.layers import Labels
from napari.utils.notifications import show_info
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt
from qtpy.QtWidgets import QAbstractItemView, QComboBox, QFileDialog, QTableView

from mitodata import DataError
from mitodata.files import write_atomic
from mitoseg.inference.measure import Table, table_text
from mitoseg.io.process import Watch, heed_stop
from mitoseg_napari.jobs import heard
from mitoseg_napari.measurements import histogram, measure_labels
from mitoseg_napari.pictures import cover
from mitoseg_napari.widgets.choices import ImageChoice, LayerChoice
from mitoseg_napari.widgets.panel import Panel

ROW_PX = 22
BARS, INK = "#00897b", "#8a8d93"
"""Colours that can be read on dark and on light ground."""

DEFAULTS = ("volume_nm3", "area_nm2")
"""Columns whose histogram is shown first."""


class TableModel(QAbstractTableModel):
    """A table of numbers."""

    def __init__(self, table: Table) -> None:
        super().__init__()
        self.names, self.columns = list(table), list(table.values())

    def rowCount(self, _parent: QModelIndex | None = None) -> int:
        """Objects."""
        return len(self.columns[0]) if self.columns else 0

    def columnCount(self, _parent: QModelIndex | None = None) -> int:
        """Columns."""
        return len(self.columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A number: as text for people, as it is for sorting."""
        value = float(self.columns[index.column()][index.row()])
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{value:.0f}" if value == int(value) and abs(value) < 1e7 else f"{value:.4g}"
        return value if role == Qt.ItemDataRole.UserRole else None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Names of columns."""
        if role != Qt.ItemDataRole.DisplayRole or orientation != Qt.Orientation.Horizontal:
            return None
        return self.names[section]


class MeasurePanel(Panel):
    """Measures; a row that is clicked is shown in the viewer."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.image = ImageChoice(self.viewer)
        self.labels = LayerChoice(self.viewer, Labels, "layer of labels")
        self.column_choice = QComboBox()
        self.table: Table = {}
        self._layer: Any = None
        self.form.addRow("image", self.image.layers)
        self.form.addRow("voxel size", self.image.size)
        self.form.addRow("", self.image.apart)
        self.form.addRow("labels", self.labels)
        self.button = self.add_button("Measure", self.measure)
        self.save_button = self.add_button("Save CSV ...", self.save)
        self.save_button.setEnabled(False)
        self.buttons.addWidget(self.cancel)
        self.view, self._sorted = QTableView(), QSortFilterProxyModel()
        self._sorted.setSortRole(Qt.ItemDataRole.UserRole)
        self.view.setModel(self._sorted)
        self.view.setSortingEnabled(True)
        self.view.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.clicked.connect(self._show_row)
        self.view.setMinimumHeight(180)
        self.view.verticalHeader().hide()
        self.view.verticalHeader().setDefaultSectionSize(ROW_PX)
        self.figure = Figure(figsize=(3.2, 2.2), layout="constrained", facecolor="none")
        self.canvas = FigureCanvasQTAgg(self.figure)
        self.canvas.setStyleSheet("background: transparent")
        self.canvas.setMinimumHeight(180)
        self.column_choice.currentTextChanged.connect(self._draw)
        for place, widget in enumerate((self.view, self.column_choice, self.canvas)):
            self.column.insertWidget(self.column.count() - 1, widget, 1 if place != 1 else 0)

    def measure(self) -> None:
        """Start.

        Raises:
            DataError: image or labels are missing or do not fit, or there is no voxel size.
        """
        layer, size_nm = self.image.layer, self.image.needed_size()
        labels, picture = self.labels.layer, self.image.picture()
        part, data = cover(labels, layer, picture)
        self._layer = labels

        def work(watch: Watch) -> Table:
            with heard(watch):
                watch.tell("measuring", None)
                seen = picture.cut(part).grey()
                return measure_labels(np.asarray(data), seen, size_nm, apart=picture.apart, heed=heed_stop)

        self.start(work, self._fill)

    def save_to(self, path: Path) -> None:
        """Write the table.

        Raises:
            DataError: there is none yet, or the file cannot be written.
        """
        if not self.table:
            raise DataError("no table yet; measure first")
        write_atomic(path, table_text(self.table).encode())
        show_info(f"{path}: {len(self.table['id'])} objects")

    def save(self) -> None:
        """Ask for a file and write the table."""
        name = f"{self._layer.name}.csv" if self._layer is not None else "objects.csv"
        chosen, _ = QFileDialog.getSaveFileName(self, "Save the table", name, "CSV (*.csv)")
        if chosen:
            self.save_to(Path(chosen))

    def _fill(self, table: Table) -> None:
        self.table = table
        self._sorted.setSourceModel(TableModel(table))
        self.view.resizeColumnsToContents()
        self.save_button.setEnabled(True)
        names = [name for name in table if name != "id" and not name.startswith(("bbox", "centroid"))]
        before = self.column_choice.currentText()
        self.column_choice.clear()
        self.column_choice.addItems(names)
        first = next((name for name in (before, *DEFAULTS) if name in names), names[0])
        self.column_choice.setCurrentText(first)
        self.say(f"{self._layer.name}: {len(table['id'])} objects")

    def _draw(self, name: str) -> None:
        if name not in self.table:
            return
        counts, edges = histogram(self.table[name])
        self.figure.clear()
        axes = self.figure.add_subplot()
        axes.set_facecolor("none")
        axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color=BARS, edgecolor=INK, linewidth=0.5)
        axes.set_xlabel(name, color=INK)
        axes.set_ylabel("objects", color=INK)
        axes.tick_params(colors=INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["bottom", "left"]].set_color(INK)
        self.canvas.draw_idle()

    def _show_row(self, index: QModelIndex) -> None:
        """Go to the object of a row."""
        row = self._sorted.mapToSource(index).row()
        if self._layer is None or self._layer not in self.viewer.layers:
            return
        centre = [
            float(self.table[f"centroid_{axis}_px"][row]) if f"centroid_{axis}_px" in self.table else 0.0
            for axis in "zyx"
        ]
        self._layer.selected_label = int(self.table["id"][row])
        go_to(self.viewer, self._layer, centre)


def go_to(viewer: Any, layer: Any, centre: list[float]) -> None:
    """Look at a place, (z, y, x) in voxels of a layer."""
    start = np.asarray(layer.world_to_data(viewer.dims.point), float)
    place = np.concatenate([start[: max(layer.ndim - 3, 0)], centre[-min(layer.ndim, 3) :]])
    world = layer.data_to_world(place)
    viewer.dims.set_point(range(viewer.dims.ndim - len(world), viewer.dims.ndim), world)
    camera = getattr(viewer, "scene", viewer).camera  # it moved in napari 0.9
    camera.center = tuple(world[-3:]) if len(world) > 2 else (0.0, *world)
