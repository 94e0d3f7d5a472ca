"""The five jobs of the napari plugin, pressed by a script, once; and pictures of its widgets.

It needs napari, a Qt binding and a screen, which may be a virtual one:

    xvfb-run -s "-screen 0 1400x900x24" python benchmarks/napari_jobs.py section.tif --voxel-size "50 4.6 4.6" \
        --labels mask.png
    xvfb-run -s "-screen 0 1400x900x24" python benchmarks/napari_jobs.py --pictures docs/images

Without an image, tissue is rendered; only of such may pictures be kept.
"""

import tempfile
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import click
import napari
import numpy as np
from npe2 import PluginManager, PluginManifest
from numpy.typing import NDArray
from PIL import Image
from qtpy.QtWidgets import QApplication

from mitodata.readers.inputs import read_grey
from mitoseg.inference.measure import table_text
from mitoseg_napari import samples
from mitoseg_napari.pictures import voxel_size_of, voxel_size_text

PLUGIN = "mitogen-em"
WINDOW_PX = (1280, 740)
COLOURS = 192
"""Colours of a picture, so that it stays small."""

DOUBTS = 3
"""Doubts that are looked at."""


class Session:
    """A viewer, one widget at a time, and what was done."""

    def __init__(self, pictures: Path | None) -> None:
        manager = PluginManager.instance()
        if PLUGIN not in [each.name for each in manager.iter_manifests()]:  # run from a source tree
            manager.register(PluginManifest.from_file(Path(str(files("mitoseg_napari"))) / "napari.yaml"))
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(*WINDOW_PX)
        self.viewer.canvas.overlays.scale_bar.visible = True
        self.longest_s = self.busiest_s = 0.0
        self._pictures = pictures

    def widget(self, name: str) -> Any:
        """Open a widget by the name that the menu shows; the one before it closes."""
        self.viewer.window.remove_dock_widget("all")
        _, widget = self.viewer.window.add_plugin_dock_widget(PLUGIN, name)
        return widget

    def act(self, action: Callable[..., object], *arguments: object) -> None:
        """Do in the viewer's thread what a press or a click does, and note how long nothing else could happen."""
        began, busy = time.monotonic(), time.thread_time()
        action(*arguments)
        QApplication.processEvents()
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        self.busiest_s = max(self.busiest_s, time.thread_time() - busy)

    def wait(self, widget: Any) -> str:
        """Wait until a widget has done its work; returns its line."""
        while widget.work is not None:
            self.act(QApplication.processEvents)
            time.sleep(0.02)
        return str(widget.line.text())

    def picture(self, name: str) -> None:
        """Keep a picture of the window."""
        if self._pictures is None:
            return
        for _ in range(20):
            QApplication.processEvents()
            time.sleep(0.05)
        shown = self.viewer.screenshot(canvas_only=False, flash=False)
        small = Image.fromarray(shown[..., :3]).quantize(COLOURS, dither=Image.Dither.NONE)
        small.save(self._pictures / f"napari-{name}.png", optimize=True)


def paint(truth: NDArray[np.integer], box: tuple[slice, slice]) -> NDArray[np.uint8]:
    """What a user paints in a box who knows the truth: 1 is background, 2 mitochondria; the rest is not painted."""
    painted = np.zeros(truth.shape, np.uint8)
    painted[box] = np.where(truth[box] > 0, 2, 1)
    return painted


@click.command(help=__doc__)
@click.argument("image", required=False, type=click.Path(path_type=Path))
@click.option("--voxel-size", default="", help="z y x in nm.")
@click.option("--labels", type=click.Path(path_type=Path), help="Mask of the image, a part of which is painted.")
@click.option("--side", type=int, default=384, show_default=True, help="Side of what is adapted to and painted, px.")
@click.option(
    "--minutes", type=float, default=2.0, show_default=True, help="Of adapting, and of fine-tuning; 0 only shows them."
)
@click.option("--pictures", type=click.Path(path_type=Path, file_okay=False), help="Folder for pictures.")
@click.option("--only", multiple=True, help="Some of the jobs.")
def main(
    image: Path | None,
    voxel_size: str,
    labels: Path | None,
    side: int,
    minutes: float,
    pictures: Path | None,
    only: tuple[str, ...],
) -> None:
    """Do them."""
    if image is not None and pictures is not None:
        raise click.UsageError("pictures are kept of rendered tissue alone; leave out IMAGE or --pictures")
    session = Session(pictures)
    truth = _open(session, image, labels)
    if not voxel_size:
        voxel_size = voxel_size_text(voxel_size_of(session.viewer.layers[0]))
    with tempfile.TemporaryDirectory() as folder:
        jobs: dict[str, Callable[[], str]] = {
            "segment": lambda: _segment(session, voxel_size),
            "proofread": lambda: _proofread(session),
            "measure": lambda: _measure(session, voxel_size),
            "fine-tune": lambda: _finetune(session, truth, voxel_size, side, minutes, Path(folder)),
            "adapt": lambda: _adapt(session, voxel_size, side, minutes, Path(folder)),
        }
        click.echo("| job | what came of it | seconds | longest without an answer, s | longest work of its own, s |")
        click.echo("|---|---|---|---|---|")
        for name, job in jobs.items():
            if only and name not in only:
                continue
            began, session.longest_s, session.busiest_s = time.monotonic(), 0.0, 0.0
            line = job()
            seconds = time.monotonic() - began
            click.echo(f"| {name} | {line} | {seconds:.0f} | {session.longest_s:.1f} | {session.busiest_s:.2f} |")
            if name not in ("fine-tune", "adapt"):  # shown as they begin
                session.picture(name)


def _open(session: Session, image: Path | None, labels: Path | None) -> NDArray[np.integer]:
    """Show the image; returns its labels, or zeros."""
    if image is None:
        (raw, keywords, _), (truth, _, _) = samples.brain_section()
        session.viewer.add_image(raw, **keywords)
        return np.asarray(truth)
    session.viewer.open(image, plugin="napari")
    return read_grey(labels) if labels is not None else np.zeros(session.viewer.layers[0].data.shape, np.uint8)


def _segment(session: Session, voxel_size: str) -> str:
    widget = session.widget("Segment")
    widget.image.size.setText(voxel_size)
    session.act(widget.button.click)
    return session.wait(widget)


def _proofread(session: Session) -> str:
    """Look at some doubts, delete one, split the largest object, merge it again, and undo all."""
    widget = session.widget("Proofread")
    session.act(widget.rank_button.click)
    ranked = session.wait(widget)
    lines = []
    for _ in range(DOUBTS):
        lines.append(widget.line.text())
        session.act(widget.next_button.click)
    layer = widget.labels.layer
    before = layer.data.copy()
    numbers, counts = np.unique(before[before > 0], return_counts=True)
    places = np.argwhere(before == numbers[counts.argmax()])
    ends = [(0, int(y), int(x)) for y, x in (places[0], places[-1])]
    for tool in ("split", "merge"):
        widget.use(tool)
        for end in ends:
            session.act(widget.click, end)
        lines.append(widget.line.text())
    widget.use("delete")
    session.act(widget.click, ends[0])
    lines.append(widget.line.text())
    for _ in range(3):
        session.act(widget.undo_button.click)
    same = "as before" if np.array_equal(layer.data, before) else "NOT AS BEFORE"
    widget.use("split")
    widget.move(-1)
    session.viewer.scene.camera.zoom *= 2.2
    return f"{ranked}; {'; '.join(lines)}; three times undo: {same}"


def _measure(session: Session, voxel_size: str) -> str:
    widget = session.widget("Measure")
    widget.image.layers.choose(session.viewer.layers[0])
    widget.image.size.setText(voxel_size)
    session.act(widget.button.click)
    line = session.wait(widget)
    rows = table_text(widget.table).splitlines()
    session.viewer.reset_view()
    shape = session.viewer.layers[0].data.shape[-2:]
    middle = [
        np.asarray(widget.table[f"centroid_{axis}_px"]) - side / 2 for axis, side in zip("yx", shape, strict=True)
    ]
    widget._show_row(widget.view.model().index(int(np.hypot(*middle).argmin()), 0))
    session.viewer.scene.camera.zoom *= 1.6
    return f"{line}, {len(rows[0].split(','))} columns"


def _middle(shape: tuple[int, ...], side: int) -> tuple[slice, slice]:
    y, x = ((max(0, (length - side) // 2), min(length, (length + side) // 2)) for length in shape[-2:])
    return slice(*y), slice(*x)


def _finetune(
    session: Session, truth: NDArray[np.integer], voxel_size: str, side: int, minutes: float, folder: Path
) -> str:
    widget = session.widget("Fine-tune")
    widget.image.layers.choose(session.viewer.layers[0])
    widget.image.size.setText(voxel_size)
    widget.paint_button.click()
    box = _middle(truth.shape, side)
    widget.labels.layer.data = paint(truth, box)
    widget.minutes.setValue(minutes or 15.0)
    widget.run.field.setText(str(folder / "finetuned") if minutes else "~/mitoseg-runs/brain-finetuned")
    for layer in session.viewer.layers[1:]:
        layer.visible = layer is widget.labels.layer
    widget.labels.layer.opacity = 0.4
    session.viewer.reset_view()
    session.viewer.scene.camera.zoom *= 1.3
    session.picture("finetune")
    if not minutes:
        return "shown"
    session.act(widget.button.click)
    return session.wait(widget).replace(str(folder), "")


def _adapt(session: Session, voxel_size: str, side: int, minutes: float, folder: Path) -> str:
    widget = session.widget("Adapt")
    layer = session.viewer.layers[0]
    for other in session.viewer.layers[1:]:
        other.visible = False
    box = _middle(layer.data.shape, side)
    corners = np.array([[y, x] for y, x in ((0, 0), (0, 1), (1, 1), (1, 0))])
    ends = np.array([[piece.start, piece.stop - 1] for piece in box])
    rectangle = np.stack([ends[0][corners[:, 0]], ends[1][corners[:, 1]]], axis=1)
    session.viewer.add_shapes(
        [rectangle], edge_color="cyan", face_color="transparent", edge_width=4, scale=layer.scale, units=layer.units
    )
    widget.image.layers.choose(layer)
    widget.image.size.setText(voxel_size)
    widget.region.where.setCurrentIndex(2)
    widget.minutes.setValue(minutes or 15.0)
    widget.run.field.setText(str(folder / "adapted") if minutes else "~/mitoseg-runs/brain-adapted")
    session.viewer.reset_view()
    session.picture("adapt")
    if not minutes:
        return "shown"
    session.act(widget.button.click)
    return session.wait(widget).replace(str(folder), "")


if __name__ == "__main__":
    main()
