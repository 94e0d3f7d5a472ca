"""The folder of a run: taken by one process or team, and what is left in it for people to read."""

import csv
import io
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeGuard

from mitodata import RunError
from mitodata.files import remove_unfinished, write_atomic
from mitoseg.config.settings import FitConfig
from mitoseg.data import FitData, Sources, open_data, open_rendered
from mitoseg.io.process import alone_in
from mitoseg.training.distributed import ALONE, Team
from mitoseg.training.start import Start

TUNED = "tuned.json"
"""File of a run that says on what `mitoseg tune` chose its thresholds; none where the fit did."""

VERSIONS = ("torch", "monai", "numpy", "h5py", "mitogen-em")


@dataclass(frozen=True)
class Row:
    """One validation.

    Attributes:
        step: training steps so far.
        epoch: passes over the training data so far.
        minutes: wall time so far.
        learning_rate: of the last step.
        train_loss: mean since the row before.
        val_iou: mean foreground IoU over the validation sections, averaged weights, with the thresholds chosen.
        val_iou_at_half: the same at a threshold of .5.
        threshold: the middle one of those of these sections.
        val_calibration_error: expected calibration error of the probabilities.
        images_per_s: patches a second of training time since the row before.
        waiting: share of that time in which the network waited for patches; with workers = 0, in which it made them.
        val_sections: on which it was validated: the last time on more than on the way; 0 where that was not noted.
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
    waiting: float = 0.0
    val_sections: int = 0

    def text(self) -> str:
        """One line for people."""
        return (
            f"{self.minutes:.1f} min, step {self.step}, epoch {self.epoch:.1f}: loss {self.train_loss:.3f}, "
            f"validation IoU {self.val_iou:.3f} ({self.val_iou_at_half:.3f} at .5) of {self.val_sections} sections, "
            f"threshold {self.threshold:.2f}, {self.images_per_s:.1f} images/s"
        )


def with_row(rows: Sequence[Row], row: Row) -> list[Row]:
    """Add a validation; one of the same step takes the place of the last, and keeps what that says of learning."""
    before = rows[-1] if rows else None
    if before is None or before.step != row.step:
        return [*rows, row]
    kept = replace(row, train_loss=before.train_loss, images_per_s=before.images_per_s, waiting=before.waiting)
    return [*rows[:-1], kept]


@contextmanager
def open_in_turn(
    sources: Sources, run: Path, config: FitConfig, team: Team, start: Start | None = None
) -> Iterator[FitData]:
    """Open the data of a run, the leader first: it keeps others out, renders what is missing, writes the settings down.

    Raises:
        MitoError: as `open_data` and `open_rendered`; or another process works in the folder.
    """
    with ExitStack() as stack:
        if not team.leads:
            team.tell(None)
        if sources.recipe:
            claim_folder(run, team, stack)
            data = open_rendered(sources.recipe, run / "validation.h5", sources.validation, config)
        else:
            data = open_data(sources.training, sources.validation, sources.val_fraction, config)
            claim_folder(run, team, stack)
        stack.callback(data.close)
        if team.leads:
            remove_unfinished(run)
            (run / TUNED).unlink(missing_ok=True)  # the fit chooses the thresholds
            kept = {**asdict(sources), "config": config.model_dump()}
            for name in ("training", "validation"):
                kept[name] = [str(Path(path).resolve()) for path in kept[name]]
            write_settings(run, kept | ({"start": asdict(start)} if start else {}))
            write_environment(run, config.device, team)
            team.tell(None)
        yield data


def claim_folder(run: Path, team: Team, stack: ExitStack) -> None:
    """Make the folder of a run, and keep other processes out of it.

    Raises:
        RunError: it cannot be made, or another process works in it.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{run}: cannot be made: {error.strerror or error}; expected a folder") from error
    if team.leads:
        stack.enter_context(alone_in(run))


def write_environment(run: Path, device: str, team: Team = ALONE) -> None:
    """Add to `environment.json` where and with what this stretch of a run trains; one entry a stretch."""
    import torch

    path = run / "environment.json"
    try:
        stretches = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        stretches = []
    gpu = torch.cuda.get_device_name() if device != "cpu" and torch.cuda.is_available() else None
    stretches.append(
        {
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": sys.argv,
            "git": git_revision(),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "gpu": gpu,
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "processes": team.size,
            "hosts": team.hosts,
            "versions": {name: version(name) for name in VERSIONS},
        }
    )
    write_atomic(path, (json.dumps(stretches, indent=2) + "\n").encode())


def git_revision() -> str | None:
    """The commit of the checkout this runs from, with `+changes` where files differ; None if it is installed."""
    here, package = Path(__file__).resolve(), Path(__file__).resolve().parents[1]
    try:
        _git(here.parent, "ls-files", "--error-unmatch", here.name)  # not just some other project's folder
        return _git(package, "rev-parse", "HEAD") + ("+changes" if _git(package, "status", "--porcelain", ".") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()


def write_settings(run: Path, settings: Mapping[str, Any]) -> None:
    """Write `config.json`: settings, data and versions of a run."""
    versions = {name: version(name) for name in VERSIONS}
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
    if not _is_settings(content):
        raise RunError(f"{path}: not the settings of a run; expected what mitoseg fit wrote")
    return content


def _is_settings(content: object) -> TypeGuard[dict[str, Any]]:
    """Whether this is what `write_settings` writes of a run."""
    if not isinstance(content, dict) or not isinstance(content.get("config"), dict):
        return False
    training, validation = (content.get(name) for name in ("training", "validation"))
    lists = all(
        isinstance(files, list) and all(isinstance(each, str) for each in files) for files in (training, validation)
    )
    recipe, share = content.get("recipe", ""), content.get("val_fraction")
    return lists and isinstance(recipe, str) and bool(training or recipe) and isinstance(share, float) and 0 < share < 1


def write_history(run: Path, rows: Sequence[Row]) -> None:
    """Write `metrics.csv` and `training.png`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    write_atomic(run / "metrics.csv", text.getvalue().encode())
    write_atomic(run / "training.png", plot_history(rows))


def score_title(sections: Sequence[float]) -> str:
    """Title of a curve of validation scores: the last point is often that of more sections, and steps up or down."""
    (first, last) = (int(sections[0]), int(sections[-1])) if len(sections) else (0, 0)
    return f"validation IoU of {first} sections, at last {last}" if first != last else "validation IoU"


def plot_history(rows: Sequence[Row]) -> bytes:
    """Plot training loss and validation IoU over time, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.5), layout="constrained")
    loss_axes, score_axes = figure.subplots(1, 2)
    minutes = [row.minutes for row in rows]
    loss_axes.plot(minutes, [row.train_loss for row in rows], "o-", color="tab:orange")
    loss_axes.set(xlabel="minutes", ylabel="training loss", ylim=(0, 1.08 * max(row.train_loss for row in rows) or 1))
    score_axes.plot(minutes, [row.val_iou for row in rows], "o-", label="at the best thresholds")
    score_axes.plot(minutes, [row.val_iou_at_half for row in rows], ".--", label="at .5")
    score_axes.set(xlabel="minutes", ylabel=score_title([row.val_sections for row in rows]), ylim=(0, 1))
    score_axes.legend(loc="best", fontsize="small")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()
