"""The history of a run as TensorBoard shows it, beside `metrics.csv`."""

import io
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from PIL import Image

from mitoseg.training.run_folder import Row

EVERY = 10
"""Steps between two values of the training loss."""


class Events:
    """Writes events into a folder; what an earlier stretch of the run wrote after `step` is taken back."""

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # takes a second

        self.writer = SummaryWriter(str(folder), purge_step=step)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.close()

    def loss(self, step: int, loss: float, learning_rate: float) -> None:
        """Take note of one step; every tenth is written."""
        if step % EVERY == 0:
            self.writer.add_scalar("train/loss", loss, step)
            self.writer.add_scalar("train/learning_rate", learning_rate, step)

    def validation(self, row: Row, sheet: bytes) -> None:
        """Write all numbers of a validation, and its sheet of predictions (PNG)."""
        for name, value in asdict(row).items():
            if name != "step":
                self.writer.add_scalar(f"validation/{name}", value, row.step)
        picture = np.asarray(Image.open(io.BytesIO(sheet)).convert("RGB"))
        self.writer.add_image("validation/predictions", picture, row.step, dataformats="HWC")
        self.writer.flush()
