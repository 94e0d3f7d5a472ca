"""Progress of a run: a bar in a terminal, plain lines anywhere else."""

import io
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from PIL import Image
from tqdm import tqdm

from mitoseg.io.process import tell
from mitoseg.training.run_folder import Row

LINE_EVERY_S = 60.0
"""Seconds between two lines where there is no terminal."""


class Progress:
    """Shows on stderr what share of a budget is used up, loss, score of the last validation, images/s and time left.

    Who watches (`mitoseg.io.process.Watch`) is told the same.
    """

    def __init__(self, title: str, *, silent: bool = False) -> None:
        self.silent = silent
        self.terminal = sys.stderr.isatty() and not silent
        self.started = time.monotonic()
        self.printed = self.started
        self.first: float | None = None
        self.images = 0
        self.loss = 0.0
        self.score: float | None = None
        self.bar = tqdm(
            total=1.0, desc=title, disable=not self.terminal, bar_format="{desc}: {percentage:3.0f}%|{bar}|{postfix}"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()

    def update(self, used: float, loss: float, images: int) -> None:
        """Take note of one step: `used` (0-1) of the budget was gone before it."""
        now = time.monotonic()
        if self.first is None:
            self.first, self.loss = used, loss
        self.images += images
        # The mean of about the last twenty steps.
        self.loss += 0.05 * (loss - self.loss)
        score = "" if self.score is None else f"validation IoU {self.score:.3f}, "
        rate = self.images / max(now - self.started, 1e-9)
        text = f"loss {self.loss:.3f}, {score}{rate:.1f} images/s, {self._left(used)}"
        tell(text, used, unit="image", per_s=rate, loss=self.loss, val_iou=self.score)
        if self.terminal:
            self.bar.n = min(used, 1.0)
            self.bar.set_postfix_str(text)
        elif now - self.printed > LINE_EVERY_S and not self.silent:
            self.printed = now
            self._print(f"{used:4.0%}: {text}")

    def report(self, line: str) -> None:
        """Print a line that stays."""
        tell(line)
        if self.terminal:
            self.bar.write(line, file=sys.stderr)
        elif not self.silent:
            self._print(line)

    def _print(self, line: str) -> None:
        with suppress(OSError):  # a full disk behind stderr is no reason to lose a fit
            print(line, file=sys.stderr, flush=True)

    def _left(self, used: float) -> str:
        done = used - (self.first or 0.0)
        if done <= 0:
            return "time left unknown"
        seconds = round((1 - used) * (time.monotonic() - self.started) / done)
        return f"{seconds // 60}:{seconds % 60:02d} left"


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
