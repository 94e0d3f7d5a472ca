"""What a run leaves in its folder for people to read: settings, a table, a plot, a sheet of predictions."""

import csv
import io
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mitodata import RunError
from mitoseg.checkpoint import write_atomic


@dataclass(frozen=True)
class Row:
    """One validation.

    Attributes:
        step: training steps so far.
        epoch: passes over the training data so far.
        minutes: wall time so far.
        learning_rate: of the last step.
        train_loss: mean since the row before.
        val_iou: mean foreground IoU over the validation sections, averaged weights, at `threshold`.
        val_iou_at_half: the same at a threshold of .5.
        threshold: the best one on these sections.
        val_calibration_error: expected calibration error of the probabilities.
        images_per_s: patches a second of training time since the row before.
    """

    step: int
    epoch: float
    minutes: float
    learning_rate: float
    train_loss: float
    val_iou: float
    val_iou_at_half: float
    threshold: float
    val_calibration_error: float
    images_per_s: float


def write_settings(run: Path, settings: Mapping[str, Any]) -> None:
    """Write `config.json`: settings, data and versions of a run."""
    versions = {name: version(name) for name in ("torch", "monai", "numpy", "mitogen-em")}
    content = {**settings, "software": {"python": platform.python_version(), **versions}}
    write_atomic(run / "config.json", (json.dumps(content, indent=2) + "\n").encode())


def read_settings(run: Path) -> dict[str, Any]:
    """Read `config.json` of a run.

    Raises:
        RunError: it is missing or damaged.
    """
    path = run / "config.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(f"{path}: not found; expected the folder of a run to go on with") from error
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read as JSON ({error}); expected the settings of a run") from error
    if not isinstance(content, dict) or not {"config", "training", "validation", "val_fraction"} <= content.keys():
        raise RunError(f"{path}: not the settings of a run; expected what mitoseg fit wrote")
    return content


def write_history(run: Path, rows: Sequence[Row]) -> None:
    """Write `metrics.csv` and `training.png`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    write_atomic(run / "metrics.csv", text.getvalue().encode())
    write_atomic(run / "training.png", plot_history(rows))


def plot_history(rows: Sequence[Row]) -> bytes:
    """Plot training loss and validation IoU over time, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.5), layout="constrained")
    loss_axes, score_axes = figure.subplots(1, 2)
    minutes = [row.minutes for row in rows]
    loss_axes.plot(minutes, [row.train_loss for row in rows], "o-", color="tab:orange")
    loss_axes.set(xlabel="minutes", ylabel="training loss", ylim=(0, None))
    score_axes.plot(minutes, [row.val_iou for row in rows], "o-", label="at the best threshold")
    score_axes.plot(minutes, [row.val_iou_at_half for row in rows], ".--", label="at .5")
    score_axes.set(xlabel="minutes", ylabel="validation IoU", ylim=(0, 1))
    score_axes.legend(loc="lower right", fontsize="small")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()
