"""Checkpoints: written beside their final name and renamed, so that a killed run leaves no half file behind."""

import io
import pickle
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from mitodata import RunError
from mitodata.files import write_atomic

FORMAT = "mitoseg checkpoint"
VERSION = 1

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    KeyError,
    OSError,
    RuntimeError,
    ValueError,
)
"""What is raised where a file is no checkpoint, or a damaged one."""


def save_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Save tensors and plain values under `path`, atomically.

    Raises:
        DataError: as `write_atomic`.
    """
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "version": VERSION, **content}, buffer)
    write_atomic(path, buffer.getvalue())


def load_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Load what `save_checkpoint` wrote; runs no code from the file.

    Raises:
        RunError: the file is missing, cannot be read, is damaged, or is something else, such as TorchScript.
    """
    if path.is_dir():
        raise RunError(f"{path}: is a folder; expected a checkpoint such as last.pt")
    stored = read_bytes(path, "a checkpoint written by mitoseg fit")
    try:
        with zipfile.ZipFile(io.BytesIO(stored)) as archive:
            if any(name.endswith("/constants.pkl") for name in archive.namelist()):
                raise RunError(
                    f"{path}: TorchScript, which is for other programs; expected the run or model that it was exported "
                    "from, or an ONNX file (mitoseg export)"
                )
            if archive.testzip():  # torch looks at no checksum
                raise ValueError
        content = torch.load(io.BytesIO(stored), map_location=device, weights_only=True)
    except _DAMAGE as error:
        raise RunError(f"{path}: damaged or not a checkpoint; expected a file written by mitoseg fit") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise RunError(f"{path}: not a checkpoint of mitoseg; expected a file written by mitoseg fit")
    if content.get("version") != VERSION:
        raise RunError(
            f"{path}: checkpoint version {content.get('version')}; this program reads version {VERSION}; train again"
        )
    return content


def read_bytes(path: Path, expected: str) -> bytes:
    """Read a whole file, which should be what is `expected`.

    Raises:
        RunError: the file is missing, or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise RunError(f"{path}: not found; expected {expected}") from error
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror or error}") from error


def checkpoint_of(run: Path) -> Path:
    """The checkpoint that `run` means: itself if it is a file, `last.pt` (the final weights) of a run's folder.

    Raises:
        RunError: there is none.
    """
    if run.is_file():
        return run
    if not run.exists():
        raise RunError(f"{run}: not found; expected the folder of a training run (mitoseg fit ... -o {run})")
    if not (run / "last.pt").is_file():
        if (run / "config.json").is_file() or (run / "adapting.json").is_file():
            raise RunError(f"{run}: nothing is finished in this run yet; go on with --resume -o {run}, for longer")
        raise RunError(f"{run}: holds no last.pt; expected the folder of a run of mitoseg fit, adapt or finetune")
    return run / "last.pt"
