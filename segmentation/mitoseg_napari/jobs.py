"""What takes long: segment, adapt and fine-tune, by the functions that the commands call; no napari, no Qt.

Each runs in a thread of its own. Who started it hears how far it is and may stop it (`mitoseg.io.process.Watch`).
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import h5py
import numpy as np
import tifffile
from numpy.typing import NDArray

import mitoseg
from mitodata import DataError, MitoError, RunError, VoxelSize
from mitodata.hdf5.layout import sample_voxel_size
from mitodata.hdf5.opening import open_file
from mitoseg.io.process import Watch, watched
from mitoseg_napari.painted import Painted, write_painted
from mitoseg_napari.pictures import Picture
from mitoseg_napari.reader import lazy

MEMORY_BYTES = 2 * 2**30
"""What a prediction may take beside what the viewer holds already; larger volumes are cut."""

_KEPT = {np.dtype(kind) for kind in ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32")}


class Stopped(MitoError):
    """The user stopped a job; the message says what is kept."""


@dataclass(frozen=True)
class Wishes:
    """How a picture is to be segmented; what is None is as in `mitoseg predict`.

    Attributes:
        voxel_size_nm: (z, y, x) in nm; None lets the pixel size of single sections be estimated.
        as_2d: sections are images of their own.
        tta: how many looks are averaged: 1, 2, 4 or 8; or "auto".
        threshold: 0-1.
        peak: 0-1.
        invert: "auto", "on" or "off": whether the image is a negative.
    """

    voxel_size_nm: VoxelSize | None = None
    as_2d: bool = False
    tta: int | str = "auto"
    threshold: float | None = None
    peak: float | None = None
    invert: str = "auto"


@dataclass(frozen=True, eq=False)
class Segmented:
    """What was found in a picture.

    Attributes:
        labels: (Z, Y, X) uint32, 0 = background, objects from 1 on.
        probability: (Z, Y, X) float32 in [0, 1]; lies in a file of this session, and is read when it is shown.
        voxel_size_nm: (z, y, x) in nm that was used; estimated where none was known.
        model: its name.
    """

    labels: NDArray[np.uint32]
    probability: Any
    voxel_size_nm: VoxelSize
    model: str

    @property
    def count(self) -> int:
        """Objects."""
        return int(self.labels.max(initial=0))


@contextmanager
def heard(watch: Watch) -> Iterator[None]:
    """Work in the sight of somebody, who hears what is logged.

    Raises:
        Stopped: they asked for it.
        RunError: memory does not suffice.
    """
    thread = threading.get_ident()

    class _Teller(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == thread:
                watch.tell(record.getMessage(), None)

    teller = _Teller(logging.WARNING)
    loggers = [logging.getLogger(name) for name in ("mitodata", "mitoseg", "mitogen")]
    for logger in loggers:
        logger.addHandler(teller)
    try:
        with watched(watch):
            yield
    except KeyboardInterrupt as stopped:
        raise Stopped(str(stopped) or "stopped; nothing is kept") from None
    except MemoryError as error:
        raise RunError(f"memory does not suffice ({error}); choose a smaller region") from error
    finally:
        for logger in loggers:
            logger.removeHandler(teller)


def segment_picture(picture: Picture, model: str | None, wishes: Wishes, watch: Watch) -> Segmented:
    """Segment a picture as `mitoseg predict` does.

    Args:
        picture: what is segmented; cut it first to segment a region.
        model: as `mitoseg.load_model` takes it; None for the newest released one.
        wishes: how.
        watch: who watches.

    Raises:
        MitoError: as `mitoseg.segment`.
        Stopped: the user did not want to wait.
    """
    from mitoseg.networks.memory import resident_bytes

    with heard(watch), TemporaryDirectory(prefix="mitoseg-") as folder:
        watch.tell("reading the image", None)
        image = stage(picture, Path(folder))
        loaded = mitoseg.load_model(model).with_decoding(wishes.threshold, wishes.peak)
        watch.tell(f"segmenting with {loaded.name}", 0.0)
        (results,) = (
            path
            for path in mitoseg.segment(
                loaded,
                image,
                mkdtemp(dir=_session_folder()),
                voxel_size_nm=wishes.voxel_size_nm,
                as_2d=wishes.as_2d and picture.shape[0] > 1,
                tta=wishes.tta,
                invert=wishes.invert,
                format="h5",
                memory=str(resident_bytes() + MEMORY_BYTES),
            )
            if path.suffix == ".h5"
        )
        file = open_file(results)  # stays open as long as its probabilities are shown
        labels = np.asarray(_volume(file["label"])).astype(np.uint32)
        return Segmented(labels, _volume(file["probability"]), sample_voxel_size(file, 0), loaded.name)


def adapt_to(
    picture: Picture, run: Path, model: str | None, voxel_size_nm: VoxelSize | None, minutes: float, watch: Watch
) -> str:
    """Adapt a model to a picture as `mitoseg adapt` does, or go on with an adaptation that was stopped.

    Args:
        picture: what is learned from; labels do not count.
        run: folder of the result.
        model: the start.
        voxel_size_nm: (z, y, x) in nm.
        minutes: wall time.
        watch: who watches.

    Returns:
        What came of it, in a line.

    Raises:
        MitoError: as `mitoseg.adapt`.
        Stopped: the user stopped it; the same call goes on.
    """
    with heard(watch), TemporaryDirectory(prefix="mitoseg-") as folder:
        if (run / "last.pt").exists():
            return mitoseg.adapt((), run, resume=True, report=lambda line: watch.tell(line, None)).summary
        watch.tell("reading the image", None)
        image = stage(picture, Path(folder))
        result = mitoseg.adapt(
            image,
            run,
            model,
            report=lambda line: watch.tell(line, None),
            voxel_size_nm=voxel_size_nm,
            as_2d=picture.apart and picture.shape[0] > 1,
            minutes=minutes,
        )
        return result.summary


def finetune_on(painted: Painted, run: Path, model: str | None, minutes: float, watch: Watch) -> str:
    """Fine-tune a model on labels as `mitoseg finetune` does, or go on with what was stopped.

    Args:
        painted: the labels.
        run: folder of the result.
        model: the start.
        minutes: wall time.
        watch: who watches.

    Returns:
        What came of it, in a line.

    Raises:
        MitoError: as `mitoseg.finetune`.
        Stopped: the user stopped it; the same call goes on.
    """
    from mitoseg.transfer.finetuning.finetune import resume_finetune

    with heard(watch), TemporaryDirectory(prefix="mitoseg-") as folder:
        if (run / "config.json").exists():
            return resume_finetune(run).summary
        watch.tell("reading the labels", None)
        labels = Path(folder) / "painted.h5"
        write_painted(painted, labels)
        return mitoseg.finetune(labels, run, model, minutes=minutes).summary


def stage(picture: Picture, folder: Path) -> Path:
    """Write a picture as a TIFF for the programs to read, a section at a time; grey levels stay as they are.

    Raises:
        DataError: the disk is full, or the picture cannot be read.
    """
    z, y, x = picture.shape
    stored = picture.array.dtype
    dtype = stored if stored in _KEPT else np.dtype(np.uint8 if stored.kind == "b" else np.float32)
    path = folder / f"{_file_name(picture.name)}.tif"

    def sections() -> Iterator[NDArray[Any]]:
        for place in range(z):
            section = np.asarray(picture.array[slice(place, place + 1), slice(0, y), slice(0, x)])[0]
            yield section.astype(dtype) * (255 if stored.kind == "b" else 1)

    large = z * y * x * dtype.itemsize >= 2**31
    try:
        tifffile.imwrite(path, sections(), shape=(z, y, x), dtype=dtype, photometric="minisblack", bigtiff=large)
    except OSError as error:
        raise DataError(f"{picture.name}: cannot be written to {folder}: {error.strerror or error}") from error
    return path


def _file_name(name: str) -> str:
    """The name of a layer as one of a file."""
    kept = "".join(letter if letter.isalnum() or letter in " -_." else "_" for letter in name).strip(". ")
    return kept[:80] or "image"


def _volume(dataset: h5py.Dataset) -> Any:
    """The one sample of a file, (Z, Y, X), as a dask array."""
    array = lazy(dataset)
    return array[0] if array.ndim == 4 else array


@cache
def _holder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="mitoseg-napari-", ignore_cleanup_errors=True)


def _session_folder() -> str:
    """Folder of this session's results; goes when the program ends."""
    return _holder().name
